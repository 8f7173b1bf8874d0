"""grpclib, the pure-Python gRPC for asyncio, with the messages of `grpc_peer`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpclib.client
import grpclib.const
import grpclib.server

from bench import harness
from bench.peers.grpc_peer import MESSAGES, SHAPE_OF, message_of
from bench.workloads import VALUES


class Echo:
    """What grpclib's generated base class would make of the service."""

    async def echo(self, stream: Any) -> None:
        await stream.send_message(await stream.recv_message())

    def __mapping__(self) -> dict[str, grpclib.const.Handler]:
        return {
            f"/bench.Echo/{shape}": grpclib.const.Handler(
                self.echo, grpclib.const.Cardinality.UNARY_UNARY, MESSAGES[shape], MESSAGES[shape]
            )
            for shape in ("Text", "Record", "Blob")
        }


def serve(mode: str, ready: Callable[[str], None]) -> None:
    """Echo."""

    async def main() -> None:
        server = grpclib.server.Server([Echo()])
        await server.start("127.0.0.1", 0)
        host, port = server._server.sockets[0].getsockname()
        ready(f"{host}:{port}")
        await server.wait_closed()

    harness.run_async(main())


@asynccontextmanager
async def client(mode: str, address: str) -> AsyncIterator[harness.Calls]:
    """One channel, which is one connection."""
    host, port = address.split(":")
    async with grpclib.client.Channel(host, int(port)) as channel:
        yield {
            name: harness.Call(
                grpclib.client.UnaryUnaryMethod(channel, f"/bench.Echo/{shape}", MESSAGES[shape], MESSAGES[shape]),
                message_of(VALUES[name]),
            )
            for name, shape in SHAPE_OF.items()
        }


if __name__ == "__main__":
    harness.main(serve, client=client)
