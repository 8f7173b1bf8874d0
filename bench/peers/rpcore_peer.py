"""rpcore as an application uses it: an ordinary dataclass interface, the embedded registry, all defaults.

So every call has a deadline, failover and a balancer; nothing is switched off or set for the benchmark. The
address that the two processes share is the registry's URL. Modes:

* ``hessian2``: bodies in what Dubbo's other implementations speak
* ``url``: no registry, and the other side is one of those
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol

import rpcore
from bench import harness
from bench.workloads import VALUES, Record


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
        bare = mode == "url"
        host = "0.0.0.0" if bare else "127.0.0.1"  # where Java is told 127.0.0.1, it dials the machine's own address
        server = rpcore.Server(registry=registry, application="bench", host=host, port=0, register=not bare)
        server.export(Echo, Echoes())
        async with server:
            ready(server.address.removeprefix("dubbo://") if bare else registry)
            await harness.forever()

    with tempfile.TemporaryDirectory() as directory:
        harness.run_async(main(f"file://{directory}"))


@asynccontextmanager
async def client(mode: str, address: str) -> AsyncIterator[harness.Calls]:
    """One client with its default of one connection."""
    bare = mode == "url"
    options: dict[str, Any] = {"url": f"dubbo://{address}"} if bare else {}
    if mode == "hessian2":
        options["serialization"] = "hessian2"
    async with rpcore.Client(registry="memory://unused" if bare else address, application="bench") as client:
        echo = client.refer(Echo, **options)
        functions = {"W1": echo.text, "W2": echo.record, "W3": echo.blob, "W4": echo.blob}
        yield {name: harness.Call(functions[name], value) for name, value in VALUES.items()}


if __name__ == "__main__":
    harness.main(serve, client=client)
