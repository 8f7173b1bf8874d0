"""Dubbo frames by hand, with hessian2 bodies, and the two peers that send them: for what no peer of ours would send.

``request`` and ``response`` make frames; ``Consumer`` sends them one by one and reads what comes back; ``provider``
answers with whatever a function makes of each frame.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, Self

from rpcore._codec import hessian_dumps, hessian_loads
from rpcore.decode import EVENT, HEADER, HESSIAN2, MAGIC, OK, REQUEST, TWO_WAY, Frame
from rpcore.errors import DecodeError

HEARTBEAT = b"N"
"""The body of a heartbeat and of its answer."""

MOST = 32
"""More values than any body here has."""

VALUE, NULL, EXCEPTION = 4, 5, 3
"""What a response with attachments starts with."""


def frame(flags: int, id: int, body: bytes, status: int = 0) -> bytes:
    return HEADER.pack(MAGIC, flags, status, id, len(body)) + body


def request(
    id: int,
    service: str,
    method: str,
    types: str = "",
    args: Iterable[Any] = (),
    *,
    version: str = "1.0.0",
    two_way: bool = True,
    **attachments: Any,
) -> bytes:
    """A call as Java makes it; ``attachments`` beside path, interface and version."""
    attachments = {"path": service, "interface": service, "version": version, **attachments}
    body = hessian_dumps(None, "2.0.2", service, version, method, types, *args, attachments)
    return frame(REQUEST | (TWO_WAY if two_way else 0) | HESSIAN2, id, body)


def response(id: int, value: Any, **attachments: Any) -> bytes:
    """A result with attachments, as Java gives it to who speaks 2.0.2."""
    values = [NULL] if value is None else [VALUE, value]
    return frame(HESSIAN2, id, hessian_dumps(None, *values, {"dubbo": "2.0.2", **attachments}), OK)


def refusal(id: int, status: int, text: str) -> bytes:
    return frame(HESSIAN2, id, hessian_dumps(None, text), status)


def heartbeat(id: int) -> bytes:
    return frame(REQUEST | TWO_WAY | EVENT | HESSIAN2, id, HEARTBEAT)


def values(body: bytes) -> list[Any]:
    """All values of a body."""
    for count in range(1, MOST):
        with contextlib.suppress(DecodeError):  # "... bytes follow the value": there are more
            return hessian_loads(body, *[None] * count)
    raise AssertionError(f"not hessian2: {body.hex(' ')}")


async def read(reader: asyncio.StreamReader) -> Frame:
    """The next frame. ``IncompleteReadError``: the other side closed."""
    header = await reader.readexactly(HEADER.size)
    magic, flags, status, id, length = HEADER.unpack(header)
    assert magic == MAGIC, f"no frame: {header.hex(' ')}"
    return Frame(0, flags, status, id, length, await reader.readexactly(length))


class Consumer:
    """One connection: ``send`` any bytes, ``read`` frames."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def __aenter__(self) -> Self:
        host, _, port = self._address.rpartition(":")
        self._reader, self._writer = await asyncio.open_connection(host, int(port))
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def read(self) -> Frame:
        return await read(self._reader)

    async def call(self, data: bytes) -> Frame:
        """The answer to a request, which is the next frame."""
        await self.send(data)
        return await self.read()

    async def closed(self) -> bool:
        """Whether the peer closes before it sends anything more."""
        return not await self._reader.read(1)


@contextlib.asynccontextmanager
async def provider(answer: Callable[[Frame], bytes | None]) -> AsyncIterator[str]:
    """The address of a peer that answers each frame with the bytes that ``answer`` makes of it.

    Heartbeats it answers itself. ``None`` is no answer; ``b""`` closes the connection.
    """
    writers: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        try:
            while (data := _answer(await read(reader))) != b"":
                if data is not None:
                    writer.write(data)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            writers.discard(writer)

    def _answer(asked: Frame) -> bytes | None:
        if not asked.flags & EVENT:
            return answer(asked)
        return frame(EVENT | HESSIAN2, asked.id, HEARTBEAT, OK) if asked.two_way else None

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for writer in list(writers):
            writer.transport.abort()
        while writers:  # noqa: ASYNC110, their tasks see the end of the stream in the next ticks
            await asyncio.sleep(0)
