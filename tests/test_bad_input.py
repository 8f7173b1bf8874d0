"""Bad input over real sockets: a clear error on the side that can act on it, and everything else goes on.

What the parser does with such bytes is tested without sockets in test_connection_parse.py and _limits.py; here the
whole server and client meet them, with other connections and calls beside.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rpcore
from conftest import Run
from harness import MSGPACK, REQUEST, TWOWAY, Wire, echo, feed, frame, reply, request, split
from live import serve, until
from rpcore import errors


@rpcore.interface("test.Service", version="1.0.0", timeout=2.0)
class Service(Protocol):
    async def echo(self, value: Any) -> Any: ...

    async def wait(self, value: Any) -> Any: ...


class Handlers:
    def __init__(self) -> None:
        self.gate = asyncio.Event()

    async def echo(self, value: Any) -> Any:
        return value

    async def wait(self, value: Any) -> Any:
        await self.gate.wait()
        return value


@contextlib.asynccontextmanager
async def raw(address: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A bare connection to ``address``, for writing anything."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def answer(reader: asyncio.StreamReader) -> tuple[int, int, int, bytes]:
    header = await reader.readexactly(16)
    body = await reader.readexactly(int.from_bytes(header[12:], "big"))
    return split(header + body)[0]


# --- to a server -------------------------------------------------------------------------------------

GARBAGE = {
    "an http request": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "zeros": bytes(1000),
    "a claim of 2 GiB": frame(0xC2, 0, 1, b"", length=2**31 - 1) + bytes(100),
    "a negative length": frame(0xC2, 0, 1, b"", length=-2),
    "a good frame, then garbage": request(1, "x") + b"\x00garbage",
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_closes_its_connection_and_spares_the_others(
    run: Run, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    async def main() -> None:
        handlers = Handlers()
        async with serve(Service, handlers) as server, rpcore.Client("memory://unused") as client:
            stub = client.refer(Service, url=server.address)
            waiting = asyncio.create_task(stub.wait("waits"))
            assert await stub.echo("before") == "before"
            async with raw(server.address) as (reader, writer):
                writer.write(GARBAGE[name])
                received = await asyncio.wait_for(reader.read(), 2)  # until the server closes
                assert [id for *_, id, _ in split(received)] == ([1] if "good" in name else [])
                peer = "{}:{}".format(*writer.get_extra_info("sockname"))
            assert await stub.echo("after") == "after"
            handlers.gate.set()
            assert await waiting == "waits"
        (record,) = [r for r in caplog.records if r.name.startswith("rpcore") and r.levelno >= logging.WARNING]
        assert peer in record.getMessage() and "closed" in record.getMessage()

    run(main())


def test_a_claim_of_a_large_frame_takes_no_memory_before_its_bytes_come(run: Run) -> None:
    async def main() -> None:
        async with (
            serve(Service, Handlers(), export={"payload": 256 * 1024 * 1024}) as server,
            raw(server.address) as (_, writer),
        ):
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            head = frame(REQUEST | TWOWAY | MSGPACK, 0, 1, b"", length=200 * 1024 * 1024)
            writer.write(head + request(1, "x")[16:40])
            writer.write(bytes(100_000))
            await writer.drain()
            await until(lambda: next(iter(server._listener.connections)).bytes_in > 100_000)
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
            assert grown < 32 * 1024  # KiB

    run(main())


def test_half_a_frame_and_silence_ends_at_the_idle_limit_and_disturbs_nobody(run: Run) -> None:
    async def main() -> None:
        async with (
            serve(Service, Handlers(), heartbeat=0.1) as server,
            rpcore.Client("memory://unused", heartbeat=0.1) as client,
        ):
            stub = client.refer(Service, url=server.address)
            async with raw(server.address) as (reader, writer):
                writer.write(request(1, "x")[:30])
                started = asyncio.get_running_loop().time()
                received = await asyncio.wait_for(reader.read(), 3)
                took = asyncio.get_running_loop().time() - started
                assert 0.25 <= took <= 1.0
                # Heartbeats asked whether somebody is there.
                assert all(flags == 0xE2 for flags, *_ in split(received))
            assert await stub.echo("alive all the while") == "alive all the while"
            assert len(server._listener.connections) == 1

    run(main())


def test_a_peer_that_does_not_read_its_answers_costs_bounded_memory(run: Run) -> None:
    async def main() -> None:
        async with serve(Service, Handlers()) as server:
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            host, _, port = server.address.rpartition(":")
            sock.connect((host, int(port)))
            sock.setblocking(False)
            loop = asyncio.get_running_loop()

            async def send() -> None:
                while True:
                    await loop.sock_sendall(sock, request(1, "x" * 20_000))

            sending = asyncio.create_task(send())
            await until(lambda: server._listener.connections and next(iter(server._listener.connections)).paused)
            ((connection, protocol),) = server._listener.connections.items()
            read = connection.bytes_in
            await asyncio.sleep(0.05)
            assert connection.bytes_in == read  # the server takes no more
            sending.cancel()
            assert protocol.transport is not None
            assert protocol.transport.get_write_buffer_size() < 1_000_000
            sock.close()
            await until(lambda: not server._listener.connections)

    run(main())


def test_replies_and_events_nobody_asked_for_are_ignored(run: Run) -> None:
    async def main() -> None:
        async with serve(Service, Handlers()) as server, raw(server.address) as (reader, writer):
            writer.write(reply(5, "for nobody") + frame(0xA2, 0, 9, b"\x01R") + frame(0x22, 20, 3, b"\x4e"))
            writer.write(request(1, "x"))
            assert (await answer(reader))[:3] == (MSGPACK, 20, 1)

    run(main())


def test_connections_beyond_the_limit_are_refused_and_said_so(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with serve(Service, Handlers(), max_connections=1) as server:
            async with raw(server.address) as (reader, writer):
                writer.write(request(1, "x"))
                assert (await answer(reader))[1] == 20
                async with raw(server.address) as (other, _):
                    with contextlib.suppress(ConnectionError):
                        assert await asyncio.wait_for(other.read(), 2) == b""
                writer.write(request(2, "x"))
                assert (await answer(reader))[1] == 20
            assert "max_connections" in caplog.text

    run(main())


# --- to a client -------------------------------------------------------------------------------------


class FakeServer:
    """Answers the first heartbeat like one of ours, then each request with what the test says."""

    def __init__(self, *answers: bytes, hello: bytes = b"\x4e\x93\xa6rpcore\x01\x03") -> None:
        self.answers = list(answers)
        self.hello = hello
        self.behind_hello = b""
        self.requests = 0
        self.connections = 0

    async def __aenter__(self) -> FakeServer:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.append(writer)
        self.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                flags, _, id, _ = await answer(reader)
                if flags & 0x20:
                    if flags == 0xE2:
                        writer.write(frame(0x22, 20, id, self.hello) + self.behind_hello)
                else:
                    self.requests += 1
                    if self.answers:
                        data = self.answers.pop(0)
                        writer.write(data.replace(b"IDIDIDID", id.to_bytes(8, "big", signed=True)))


def with_id(data: bytes) -> bytes:
    return data[:4] + b"IDIDIDID" + data[12:]


def test_a_reply_for_nobody_is_dropped(run: Run) -> None:
    async def main() -> None:
        async with (
            FakeServer(reply(123456, "for nobody") + with_id(reply(0, "mine"))) as server,
            rpcore.Client("memory://unused") as client,
        ):
            assert await client.refer(Service, url=server.address).echo("x") == "mine"
            assert server.connections == 1

    run(main())


def test_garbage_instead_of_a_reply_fails_the_calls_of_that_connection_and_a_new_one_is_made(run: Run) -> None:
    async def main() -> None:
        async with (
            FakeServer(b"garbage garbage!", with_id(reply(0, "fine"))) as server,
            rpcore.Client("memory://unused") as client,
        ):
            stub = client.refer(Service, url=server.address)
            with pytest.raises(errors.RemoteProtocolError, match=r"bad magic") as raised:
                await stub.echo("x")
            assert raised.value.address == server.address
            assert await stub.echo("y") == "fine"
            assert server.connections == 2

    run(main())


def test_garbage_right_behind_the_first_answer(run: Run) -> None:
    """The connection is dead before the dialling task has heard of its birth."""

    async def main() -> None:
        async with FakeServer(with_id(reply(0, "fine"))) as server, rpcore.Client("memory://unused") as client:
            server.behind_hello = b"garbage"
            stub = client.refer(Service, url=server.address, timeout=1.0, retries=0)
            with pytest.raises(errors.ConnectError, match=r"bad magic"):
                await stub.echo("x")
            server.behind_hello = b""
            assert await stub.echo("x") == "fine"

    run(main())


def test_a_reply_that_is_no_value_of_the_declared_type_fails_that_call_alone(run: Run) -> None:
    async def main() -> None:
        @rpcore.interface("test.Service", version="1.0.0", timeout=2.0)
        class Typed(Protocol):
            async def echo(self, value: int) -> int: ...

        async with (
            FakeServer(with_id(reply(0, "text")), with_id(reply(0, 5))) as server,
            rpcore.Client("memory://unused") as client,
        ):
            stub = client.refer(Typed, url=server.address)
            with pytest.raises(errors.DecodeError, match=r"expected int, got str") as raised:
                await stub.echo(1)
            assert raised.value.address == server.address
            assert await stub.echo(2) == 5
            assert server.connections == 1

    run(main())


def test_a_peer_of_another_kind_is_not_spoken_to_in_msgpack_when_that_was_asked_for(run: Run) -> None:
    async def main() -> None:
        async with (
            FakeServer(hello=b"\x4e") as server,
            rpcore.Client("memory://unused") as client,
        ):
            stub = client.refer(Service, url=server.address, retries=0, serialization="msgpack")
            with pytest.raises(errors.ConfigurationError, match=r"is not rpcore"):
                await stub.echo("x")
            assert server.requests == 0

    run(main())


# --- configuration -----------------------------------------------------------------------------------


def test_a_port_in_use_says_which(run: Run) -> None:
    async def main() -> None:
        async with serve(Service, Handlers()) as server:
            with pytest.raises(errors.ConfigurationError, match=r"in use|listens there") as raised:
                async with serve(Service, Handlers(), port=server.port):
                    pass
            assert server.address in str(raised.value)

    run(main())


def test_a_socket_path_in_use_and_one_that_cannot_be_made(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        path = f"unix:{tmp_path}/socket"
        async with serve(Service, Handlers(), host=path):
            with pytest.raises(errors.ConfigurationError, match=r"socket"):
                async with serve(Service, Handlers(), host=path):
                    pass
        with pytest.raises(errors.ConfigurationError, match=r"nowhere"):
            async with serve(Service, Handlers(), host=f"unix:{tmp_path}/nowhere/socket"):
                pass

    run(main())


def test_a_registry_directory_that_cannot_be_used(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        (tmp_path / "file").write_text("not a directory")
        closed = tmp_path / "closed"
        closed.mkdir(mode=0o500)
        unusable = [tmp_path / "file", tmp_path / "file" / "below"]
        if os.geteuid() != 0:  # to root every directory is open
            unusable.append(closed / "below")
        for path in unusable:
            server = rpcore.Server(f"file://{path}", host="127.0.0.1", port=0)
            server.export(Service, Handlers())
            with pytest.raises((errors.ConfigurationError, errors.RegistryError)) as raised:
                await server.start()
            assert str(path) in str(raised.value)
            client = rpcore.Client(f"file://{path}")
            client.refer(Service)
            with pytest.raises((errors.ConfigurationError, errors.RegistryError)) as raised:
                await client.start()
            assert str(path) in str(raised.value)
            await client.aclose()
            client = rpcore.Client(f"file://{path}")
            stub = client.refer(Service)
            for _ in range(2):  # a first call without start() is told too, and so is a later one
                with pytest.raises((errors.ConfigurationError, errors.RegistryError)) as raised:
                    await stub.echo("x")
                assert str(path) in str(raised.value)
            with pytest.raises((errors.ConfigurationError, errors.RegistryError)):
                await client.ready()
            await client.aclose()

    run(main())


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("zookeper://127.0.0.1:2181", ["zookeper", "file"]),
        ("127.0.0.1:2181", ["127.0.0.1:2181"]),
        ("file:///tmp/x?tll=5", ["tll"]),
        ("", ["registry"]),
    ],
)
def test_a_registry_url_with_a_typo(url: str, words: list[str]) -> None:
    for make in (rpcore.Client, rpcore.Server):
        with pytest.raises(errors.ConfigurationError) as raised:
            make(url)
        assert all(word in str(raised.value) for word in words), str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1",
        "127.0.0.1:",
        ":20880",
        "127.0.0.1:0",
        "127.0.0.1:99999",
        "http://127.0.0.1:80",
        "127.0.0.1:x",
        [],
    ],
)
def test_a_provider_url_with_a_typo(url: Any) -> None:
    client = rpcore.Client("memory://unused")
    with pytest.raises(errors.ConfigurationError, match=r"url"):
        client.refer(Service, url=url)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b"])
def test_a_host_that_cannot_be_resolved_is_a_connect_error(run: Run, host: str) -> None:
    async def main() -> None:
        async with rpcore.Client("memory://unused") as client:
            stub = client.refer(Service, url=f"{host}:20880", timeout=3.0, retries=0)
            started = asyncio.get_running_loop().time()
            with pytest.raises(errors.ConnectError) as raised:
                await stub.echo("x")
            assert asyncio.get_running_loop().time() - started < 2.5
            assert host in str(raised.value)

    run(main())


# --- any bytes ---------------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    parts=st.lists(
        st.binary(max_size=60)
        | st.builds(frame, st.integers(0, 255), st.integers(0, 255), st.integers(0, 3), st.binary(max_size=40))
        | st.builds(
            lambda body: frame(REQUEST | TWOWAY | MSGPACK, 0, 1, body),
            st.binary(max_size=20).map(request(1, 0)[16:30].__add__),
        )
        | st.just(request(2, "fine")),
        max_size=6,
    ),
    piece=st.integers(0, 20),
    client=st.booleans(),
)
def test_any_bytes_give_answers_or_a_closed_connection_and_no_other_error(
    parts: list[bytes], piece: int, client: bool
) -> None:
    wire = Wire({"echo": echo}, window=4096)
    if client:
        wire.call("pending", retries=0)
        wire.out.clear()
    connection, box = (wire.client, wire.out) if client else (wire.server, wire.back)
    feed(connection, b"".join(parts), piece)
    wire.ticks.run()
    split(box.take())  # whole frames only
    if connection.closed:
        assert isinstance(connection.close_reason, errors.RemoteProtocolError)
