"""What the loop itself can do: echoes over plain asyncio protocols with a future per call, found by its id.

No declaration, no routing, no errors, no deadline: the references that rpcore is measured against. Frames
are a 16-byte header (as Dubbo's: flags, id, length) and a body. Modes, one word each joined by ``+``:

* when frames leave: ``call`` (a write for each), ``tick`` (all of a loop tick in one write), ``eight`` (a
  write for each 8 frames and at the tick's end)
* ``msgspec``: bodies are encoded and decoded on both sides, the record as a msgspec.Struct; without it,
  bodies are made once and come back as they are
* ``buffered``: received by a BufferedProtocol into one reused buffer, from which the application is handed a
  fresh ``bytes`` for each message
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from bench import harness
from bench.workloads import VALUES, Author, Record

HEADER = struct.Struct("!4xQI")
LARGE = 16 * 1024
"""Bodies from this size on are written as they are and not copied to stand behind their header."""


# ------------------------------------------------------------------------------------------------ sending


class WritePerCall:
    """Each frame is written at once."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    def send(self, id: int, body: bytes) -> None:
        header = HEADER.pack(id, len(body))
        if len(body) < LARGE:
            self._transport.write(header + body)
        else:
            self._transport.writelines((header, body))


class WritePerTick:
    """Frames are collected and leave together when the loop comes round, or as soon as there are ``most``."""

    def __init__(self, transport: asyncio.Transport, most: int | None = None) -> None:
        self._transport = transport
        self._most_pieces = 2 * most if most else 1 << 30
        self._pieces: list[bytes] = []
        self._scheduled = False
        self._call_soon = asyncio.get_running_loop().call_soon

    def send(self, id: int, body: bytes) -> None:
        pieces = self._pieces
        pieces += (HEADER.pack(id, len(body)), body)
        if len(pieces) >= self._most_pieces:
            self._write()
        elif not self._scheduled:
            self._scheduled = True
            self._call_soon(self._flush)

    def _flush(self) -> None:
        self._scheduled = False
        if self._pieces:
            self._write()

    def _write(self) -> None:
        self._transport.write(b"".join(self._pieces))
        self._pieces.clear()


def sender(mode: set[str], transport: asyncio.Transport) -> WritePerCall | WritePerTick:
    """What the mode says about when frames leave."""
    socket_of = transport.get_extra_info("socket")
    socket_of.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if "eight" in mode:
        return WritePerTick(transport, most=8)
    return WritePerTick(transport) if "tick" in mode else WritePerCall(transport)


# ---------------------------------------------------------------------------------------------- receiving

Receive = Callable[[int, bytes], None]


class Streamed(asyncio.Protocol):
    """Frames cut from the ``bytes`` that the loop hands over."""

    def __init__(self, mode: set[str]) -> None:
        self.mode = mode
        self.receive: Receive
        self._rest = bytearray()
        self._needed = 0

    def connection_made(self, transport: Any) -> None:
        self.send = sender(self.mode, transport).send

    def data_received(self, data: bytes) -> None:
        if self._rest:
            self._rest += data
            if len(self._rest) < self._needed:
                return
            data = bytes(self._rest)
            self._rest = bytearray()
        receive, unpack, start, size = self.receive, HEADER.unpack_from, 0, len(data)
        while start + 16 <= size:
            id, length = unpack(data, start)
            end = start + 16 + length
            if end > size:
                self._needed = end - start
                break
            receive(id, data[start + 16 : end])
            start = end
        else:
            self._needed = 16
        if start < size:
            self._rest = bytearray(memoryview(data)[start:])


class Buffered(asyncio.BufferedProtocol):
    """Frames received into one buffer that grows to the largest message, each body then copied out of it."""

    def __init__(self, mode: set[str]) -> None:
        self.mode = mode
        self.receive: Receive
        self._buffer = memoryview(bytearray(1024 * 1024))
        self._start = self._end = 0
        self._needed = 16

    def connection_made(self, transport: Any) -> None:
        self.send = sender(self.mode, transport).send

    def get_buffer(self, sizehint: int) -> memoryview:
        if self._start + self._needed > len(self._buffer):
            old = self._buffer[self._start : self._end]
            if self._needed > len(self._buffer):
                self._buffer = memoryview(bytearray(2 * self._needed))
            self._buffer[: len(old)] = old
            self._start, self._end = 0, len(old)
        return self._buffer[self._end :]

    def buffer_updated(self, count: int) -> None:
        self._end = end = self._end + count
        start, buffer, receive, unpack = self._start, self._buffer, self.receive, HEADER.unpack_from
        needed = 16
        while end - start >= 16:
            id, length = unpack(buffer, start)
            if end - start < 16 + length:
                needed = 16 + length
                break
            receive(id, bytes(buffer[start + 16 : start + 16 + length]))
            start += 16 + length
        self._needed = needed
        self._start, self._end = (start, end) if start < end else (0, 0)


# ------------------------------------------------------------------------------------------------- bodies

RecordStruct = msgspec.defstruct(
    "RecordStruct",
    [
        ("id", int),
        ("title", str),
        ("summary", str),
        ("tags", list[str]),
        ("author", msgspec.defstruct("AuthorStruct", [(name, str) for name in Author.__annotations__])),
        ("scores", list[float]),
        ("revision", int),
        ("published", bool),
    ],
)
TYPES = {"W1": str, "W2": RecordStruct, "W3": bytes, "W4": bytes}
encode = msgspec.msgpack.Encoder().encode
"""Bodies begin with the workload's number, by which the server knows what to decode."""


def struct_of(value: Any) -> Any:
    """A value in the type that msgspec is fastest with."""
    return msgspec.convert(value, RecordStruct, from_attributes=True) if isinstance(value, Record) else value


def serve(mode: str, ready: Callable[[str], None]) -> None:
    """Echo."""
    words = set(mode.split("+"))
    recode = {
        number: (msgspec.msgpack.Decoder(type).decode, b"%c" % number) for number, type in enumerate(TYPES.values())
    }

    def connection() -> Streamed | Buffered:
        protocol = Buffered(words) if "buffered" in words else Streamed(words)

        def echo(id: int, body: bytes) -> None:
            protocol.send(id, body)

        def echo_decoded(id: int, body: bytes) -> None:
            decode, prefix = recode[body[0]]
            protocol.send(id, prefix + encode(decode(memoryview(body)[1:])))

        protocol.receive = echo_decoded if "msgspec" in words else echo
        return protocol

    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        ready(f"{host}:{port}")
        await server.serve_forever()

    harness.run_async(main())


@asynccontextmanager
async def client(mode: str, address: str) -> AsyncIterator[harness.Calls]:
    """One connection."""
    words = set(mode.split("+"))
    host, port = address.split(":")
    loop = asyncio.get_running_loop()
    create_future = loop.create_future
    pending: dict[int, asyncio.Future[bytes]] = {}
    pop = pending.pop
    last = 0
    protocol = Buffered(words) if "buffered" in words else Streamed(words)
    protocol.receive = lambda id, body: pop(id).set_result(body)
    transport, _ = await loop.create_connection(lambda: protocol, host, int(port))
    send = protocol.send

    def call(body: bytes) -> asyncio.Future[bytes]:
        nonlocal last
        last += 1
        future = pending[last] = create_future()
        send(last, body)
        return future

    def coded(number: int, type: Any) -> Callable[[Any], Any]:
        prefix, decode = b"%c" % number, msgspec.msgpack.Decoder(type).decode

        async def call_coded(value: Any) -> Any:
            reply = await call(prefix + encode(value))
            return decode(memoryview(reply)[1:])

        return call_coded

    if "msgspec" in words:
        calls = {
            name: harness.Call(coded(number, TYPES[name]), struct_of(value))
            for number, (name, value) in enumerate(VALUES.items())
        }
    else:
        calls = {name: harness.Call(call, encode(value)) for name, value in VALUES.items()}
    yield calls
    transport.close()


if __name__ == "__main__":
    harness.main(serve, client=client)
