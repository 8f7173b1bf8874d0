"""``rpcore.sync.Client``: callers are threads that share one client. The server is `rpcore_peer`'s."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import rpcore
import rpcore.sync
from bench import harness
from bench.peers.rpcore_peer import Echo, serve
from bench.workloads import VALUES, Record


@rpcore.interface(of=Echo)
class EchoSync(Protocol):
    """The blocking view, as ``rpcore stubgen`` writes it."""

    def text(self, value: str) -> str:
        """W1."""
        ...

    def record(self, value: Record) -> Record:
        """W2."""
        ...

    def blob(self, value: bytes) -> bytes:
        """W3 and W4."""
        ...


@functools.cache
def shared_client(address: str) -> rpcore.sync.Client:
    """The one client of all threads; it lives as long as the process."""
    return rpcore.sync.Client(registry=address, application="bench")


@contextmanager
def client(mode: str, address: str) -> Iterator[harness.Calls]:
    """What one thread calls."""
    echo = shared_client(address).refer(EchoSync)
    functions = {"W1": echo.text, "W2": echo.record, "W3": echo.blob, "W4": echo.blob}
    yield {name: harness.Call(functions[name], value) for name, value in VALUES.items()}


if __name__ == "__main__":
    harness.main(serve, threaded=client)
