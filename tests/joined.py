"""Declared services behind two joined connections: everything from a stub to a handler, but no socket.

``Joined`` serves exports as a ``Server`` compiles them and has stubs as a ``Client`` makes them, over a ``Wire``. Its
client takes the server for a foreign peer, so calls are hessian2, unless told otherwise. Handlers may call stubs.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

import rpcore
from harness import HESSIAN2, REQUEST, TWOWAY, MiniTask, Wire, feed, frame, run_now, split
from rpcore._codec import HessianReader, HessianWriter
from rpcore._core import Connection
from rpcore.reference import Referral
from rpcore.referring import new_referral
from rpcore.service import interface_spec

ADDRESS = "10.0.0.2:20880"


class Joined(Wire):
    """A wire whose server has ``exports``: tuples of interface, implementation and maybe options of ``export``.

    Args:
        rpcore: whether the client takes the server for rpcore, and so speaks msgpack.
        options: for ``Wire``.
    """

    def __init__(self, *exports: Any, rpcore: bool = False, send_traceback: bool = False, **options: Any) -> None:
        super().__init__(rpcore=rpcore, send_traceback=send_traceback, **options)
        self.exported = _server()
        for interface, implementation, *more in exports:
            self.exported.export(interface, implementation, **(more[0] if more else {}))
        self.dispatch.replace(_entries(self.exported))
        self.referrals: list[Referral] = []

    def stub(self, interface: Any, client: Mapping[str, Any] | None = None, **options: Any) -> Any:
        """A stub over this wire; ``client`` are options of the ``Client``, the others are ``refer``'s."""
        given: dict[str, Any] = {"group": None, "version": None, "filters": (), "attachments": None, "methods": None}
        given |= {name: options.pop(name) for name in list(options) if name in given}
        referral = new_referral(
            rpcore.Client("memory://unused", **(client or {})),
            interface,
            url=f"dubbo://{ADDRESS}",
            options=options,
            blocking=False,
            **given,
        )
        referral.start(
            self.near.engine,
            lambda address, connections: self.endpoint,
            lambda address: None,
            lambda delay, callback: self.ticks.call_soon(callback),
        )
        self.ticks.run()  # the provider list is looked at in the next tick
        self.referrals.append(referral)
        spec = interface_spec(interface)
        return spec.stub_class({method.name: referral.entry(method.name) for method in spec.methods}, "here", None)

    def result(self, coroutine: Any) -> Any:
        """What a call comes to, when all has travelled."""
        task = self.start(coroutine)
        self.pump()
        return task.result()

    def failure(self, coroutine: Any) -> BaseException:
        """The error a call ends with."""
        task = self.start(coroutine)
        self.pump()
        assert task.done, "still waits"
        assert task.error is not None, f"it returned {task.value!r}"
        return task.error

    def sent(self, coroutine: Any) -> tuple[MiniTask, bytes]:
        """Start a call; what it wrote goes nowhere."""
        task = self.start(coroutine)
        return task, self.out.take()

    def serve(self, data: bytes, piece: int = 0) -> list[tuple[int, int, int, bytes]]:
        """The frames that the server answers ``data`` with."""
        feed(self.server, data, piece)
        self.ticks.run()
        return split(self.back.take())

    def hear(self, data: bytes, piece: int = 0) -> None:
        """The client hears ``data``."""
        feed(self.client, data, piece)
        self.ticks.run()


def _server() -> rpcore.Server:
    return rpcore.Server(register=False)


def _entries(server: rpcore.Server) -> Iterable[Any]:
    stack = contextlib.AsyncExitStack()
    for export in server._exports:
        run_now(server._enter(export, stack))
        yield from export.entries


# --- hessian2 bodies by hand, from the description of the protocol --------------------------------------------------


def stream(*values: Any) -> bytes:
    """Values one after another, as one hessian2 stream."""
    return HessianWriter().dumps(None, *values)


def body(
    service: str | None,
    method: str | None,
    descriptor: str | None,
    *arguments: Any,
    version: str | None = "1.0.0",
    protocol: str | None = "2.0.2",
    attachments: Any = None,
) -> bytes:
    """A request's body. ``attachments`` None: those that Java always sends; what is no dict is sent as it is."""
    if attachments is None:
        attachments = {"path": service, "interface": service, "version": version}
    return stream(protocol, service, version, method, descriptor, *arguments, attachments)


def call(id: int, *of_body: Any, oneway: bool = False, **named: Any) -> bytes:
    """A request frame; the arguments are those of ``body``."""
    return frame(REQUEST | HESSIAN2 | (0 if oneway else TWOWAY), 0, id, body(*of_body, **named))


def answer(id: int, *values: Any, status: int = 20) -> bytes:
    """A reply frame of these values."""
    return frame(HESSIAN2, status, id, stream(*values))


def attachments_of(request: bytes) -> dict[str, Any]:
    """The attachments of one request frame."""
    ((_, _, _, data),) = split(request)
    found = HessianReader().load_stream(data)[-1]
    assert isinstance(found, dict)
    return found


def before_attachments(request: bytes) -> bytes:
    """The body of one request frame up to its attachments, which begin with ``path`` or a user's own key."""
    ((_, _, _, data),) = split(request)
    head, marker, _ = re.split(rb"(H(?=\x04path|\x06my-key))", data, maxsplit=1)
    assert marker == b"H"
    return head


def id_of(request: bytes) -> int:
    ((_, _, id, _),) = split(request)
    return id


def values_of_body(data: bytes) -> list[Any]:
    """What a body holds."""
    return HessianReader().load_stream(data)


__all__ = [
    "ADDRESS",
    "Connection",
    "Joined",
    "answer",
    "attachments_of",
    "before_attachments",
    "body",
    "call",
    "id_of",
    "stream",
    "values_of_body",
]
