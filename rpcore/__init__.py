"""rpcore: a Dubbo-style, high-performance RPC framework for Python.

Declare a ``typing.Protocol`` with ``@rpcore.interface``, serve it with ``Server.export``, call it through
``Client.refer``. See README.md for ten lines that do all three.
"""

from rpcore import errors, sync
from rpcore._codec import Limits
from rpcore._core import Request
from rpcore.client import Client, GenericService, bind, detached, options
from rpcore.filters import per_attempt
from rpcore.loops import run
from rpcore.model import Instance, Invocation, Options, ServiceKey
from rpcore.plan import wire_name
from rpcore.server import Server, StopReport, context
from rpcore.service import check, interface, method

__version__ = "0.1.0"

__all__ = [
    "Client",
    "GenericService",
    "Instance",
    "Invocation",
    "Limits",
    "Options",
    "Request",
    "Server",
    "ServiceKey",
    "StopReport",
    "bind",
    "check",
    "context",
    "detached",
    "errors",
    "interface",
    "method",
    "options",
    "per_attempt",
    "run",
    "sync",
    "wire_name",
]
