"""What provider processes of the end-to-end tests run (see ``live.Provider``), and the interface they serve."""

from __future__ import annotations

import asyncio
import os
from typing import Protocol

import rpcore


@rpcore.interface("test.Provided", timeout=2.0)
class Provided(Protocol):
    @rpcore.method(idempotent=True, retries=4)
    async def pid(self, number: int) -> int: ...

    async def once(self, number: int) -> int: ...

    @rpcore.method(idempotent=True, retries=4)
    async def slow(self, seconds: float) -> int: ...


class Provider:
    async def pid(self, number: int) -> int:
        return os.getpid()

    async def once(self, number: int) -> int:
        await asyncio.sleep(0.001)  # so that calls are under way when the process ends
        return os.getpid()

    async def slow(self, seconds: float) -> int:
        await asyncio.sleep(seconds)
        return os.getpid()


def serve(registry: str, port: str = "0") -> None:
    """Serve until SIGTERM; an empty ``registry`` registers nowhere."""
    server = rpcore.Server(registry or None, register=bool(registry), host="127.0.0.1", port=int(port), grace=5.0)
    server.export(Provided, Provider(), warmup=0.0)

    async def main() -> None:
        await server.start()
        print("ready", server.address, flush=True)
        await server.serve()

    rpcore.run(main())
