"""The blocking client: calls without an event loop, from any number of threads.

One idea per file: ``client`` (references and life), ``running`` (what a started client has, and how a call runs on
it), ``peers`` (connections: lending them to threads, keeping them), ``sockets`` (connecting), ``keeper`` (the
housekeeping thread). The round trip itself is in ``_core_parts/blocking.pxi``.
"""

from rpcore.sync.client import Client, GenericService

__all__ = ["Client", "GenericService"]
