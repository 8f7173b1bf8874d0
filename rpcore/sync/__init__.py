"""The blocking client: calls without an event loop, from any number of threads.

Three ideas, one per file: ``client`` (references and life), ``peers`` (sockets: connecting, lending them to
threads, keeping them), ``keeper`` (the housekeeping thread). The round trip itself is in
``_core_parts/blocking.pxi``.
"""

from rpcore.sync.client import Client, GenericService

__all__ = ["Client", "GenericService"]
