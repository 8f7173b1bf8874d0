"""rpcore: a Dubbo-style, high-performance RPC framework for Python.

Declare a ``typing.Protocol`` with ``@rpcore.interface``, serve it with ``Server.export``, call it through
``Client.refer``. See README.md for ten lines that do all three.
"""

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

from rpcore import errors
from rpcore._codec import Limits
from rpcore._core import Request
from rpcore.client import Client, GenericService, bind, detached, options
from rpcore.filters import per_attempt
from rpcore.loops import run
from rpcore.model import Instance, Invocation, Options, ServiceKey
from rpcore.server import Server, StopReport, context
from rpcore.service import check, interface, method
from rpcore.types import wire_name

if TYPE_CHECKING:
    from rpcore import sync

__version__ = "0.1.0"


def __getattr__(name: str) -> ModuleType:
    """``rpcore.sync`` is imported when it is first named: an application on a loop does without it."""
    if name == "sync":
        return importlib.import_module("rpcore.sync")
    raise AttributeError(f"module 'rpcore' has no attribute {name!r}")


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
