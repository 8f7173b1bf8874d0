"""rpcore as an application uses it: an ordinary dataclass interface, the embedded registry, all defaults.

So every call has a deadline, failover and a balancer; nothing is switched off or set for the benchmark, except that
mode ``hessian2`` asks for the serialization that Java speaks. The address that the two processes share is the
registry's URL.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

import rpcore
from bench import harness
from bench.workloads import VALUES, Author, Record

# What Java would know them as; a class without a name travels as a map.
rpcore.wire_name("bench.Record")(Record)
rpcore.wire_name("bench.Author")(Author)


@rpcore.interface("bench.Echo")
class Echo(Protocol):
    """Four echoes."""

    async def text(self, value: str) -> str:
        """W1."""
        ...

    async def record(self, value: Record) -> Record:
        """W2."""
        ...

    async def blob(self, value: bytes) -> bytes:
        """W3 and W4."""
        ...


class Echoes:
    """The handler."""

    async def text(self, value: str) -> str:
        return value

    async def record(self, value: Record) -> Record:
        return value

    async def blob(self, value: bytes) -> bytes:
        return value


def serve(mode: str, ready: Callable[[str], None]) -> None:
    """Echo, registered in a directory of its own."""

    async def main(registry: str) -> None:
        server = rpcore.Server(registry=registry, application="bench", host="127.0.0.1", port=0)
        server.export(Echo, Echoes())
        async with server:
            ready(registry)
            await harness.forever()

    with tempfile.TemporaryDirectory() as directory:
        harness.run_async(main(f"file://{directory}"))


@asynccontextmanager
async def client(mode: str, address: str) -> AsyncIterator[harness.Calls]:
    """One client with its default of one connection."""
    async with rpcore.Client(registry=address, application="bench") as client:
        echo = client.refer(Echo, serialization=mode) if mode else client.refer(Echo)
        functions = {"W1": echo.text, "W2": echo.record, "W3": echo.blob, "W4": echo.blob}
        yield {name: harness.Call(functions[name], value) for name, value in VALUES.items()}


if __name__ == "__main__":
    harness.main(serve, client=client)
