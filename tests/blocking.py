"""For the tests of the blocking client: a service with its view, servers in threads and in processes, raw peers."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import rpcore
from conftest import _descriptors, _settled, _threads


class Refused(Exception):
    def __init__(self, reason: str, code: int) -> None:
        super().__init__(reason, code)
        self.reason = reason
        self.code = code


@dataclass
class Point:
    x: int
    y: float
    tags: list[str]


@rpcore.interface("org.demo.Shop", timeout=5.0, retries=2)
class Shop(Protocol):
    async def echo(self, value: str) -> str:
        """The value again."""
        ...

    async def move(self, point: Point, by: int = 1) -> Point: ...

    async def blob(self, data: bytes) -> bytes: ...

    @rpcore.method(raises=(Refused,))
    async def refuse(self, reason: str) -> None: ...

    async def crash(self) -> None: ...

    async def nap(self, seconds: float) -> str: ...

    @rpcore.method(idempotent=True)
    async def read(self, seconds: float = 0.0) -> str: ...

    @rpcore.method(oneway=True)
    async def note(self, text: str) -> None: ...

    async def notes(self) -> list[str]: ...

    async def attachments(self) -> dict[str, str]: ...

    @rpcore.method(cluster="failfast")
    async def once(self) -> str: ...


@rpcore.interface(of=Shop)
class ShopSync(Protocol):
    def echo(self, value: str) -> str:
        """The value again."""
        ...

    def move(self, point: Point, by: int = 1) -> Point: ...

    def blob(self, data: bytes) -> bytes: ...

    def refuse(self, reason: str) -> None: ...

    def crash(self) -> None: ...

    def nap(self, seconds: float) -> str: ...

    def read(self, seconds: float = 0.0) -> str: ...

    def note(self, text: str) -> None: ...

    def notes(self) -> list[str]: ...

    def attachments(self) -> dict[str, str]: ...

    def once(self) -> str: ...


class ShopKeeper:
    """Serves it. ``name`` is what ``read`` and ``once`` answer with."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.noted: list[str] = []
        self.naps = 0
        self.nap_begun = threading.Event()

    async def echo(self, value: str) -> str:
        return value

    async def move(self, point: Point, by: int = 1) -> Point:
        return Point(point.x + by, point.y + by, [*point.tags, "moved"])

    async def blob(self, data: bytes) -> bytes:
        return data

    async def refuse(self, reason: str) -> None:
        raise Refused(reason, 7)

    async def crash(self) -> None:
        raise KeyError("lost")

    async def nap(self, seconds: float) -> str:
        self.naps += 1
        self.nap_begun.set()
        await asyncio.sleep(seconds)
        return f"slept {seconds}"

    async def read(self, seconds: float = 0.0) -> str:
        if seconds:
            await asyncio.sleep(seconds)
        return self.name

    async def note(self, text: str) -> None:
        self.noted.append(text)

    async def notes(self) -> list[str]:
        return self.noted

    async def attachments(self) -> dict[str, str]:
        request = rpcore.context()
        request.reply_attachments = {"answer": "yes"}
        return {name: str(value) for name, value in request.received_attachments.items()}

    async def once(self) -> str:
        return self.name


class ServerThread:
    """A server with a loop of its own, in a thread of this process.

    Args:
        port: a free one by default.
        host: or a Unix socket.
        name: what ``read`` and ``once`` answer with.
        shop: an implementation of its own.
        options: of the server.

    Attributes:
        shop: what it serves.
        port: where, on 127.0.0.1.
    """

    def __init__(
        self, *, port: int = 0, host: str = "127.0.0.1", name: str = "", shop: Any = None, **options: Any
    ) -> None:
        self.shop = shop or ShopKeeper(name)
        self.host = host
        self._options = {"register": False, **options}
        self._started = threading.Event()
        self._failure: BaseException | None = None
        self.port = port
        self._thread = threading.Thread(target=self._run, name=f"test server {name}")
        self._thread.start()
        self._started.wait()
        if self._failure is not None:
            raise self._failure

    @property
    def url(self) -> str:
        return self.host if self.host.startswith("unix:") else f"dubbo://127.0.0.1:{self.port}"

    def _run(self) -> None:
        with asyncio.Runner() as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self.grace = 0.0
        try:
            self.server = rpcore.Server(host=self.host, port=self.port, **self._options)
            self.server.export(Shop, self.shop)
            await self.server.start()
            self.port = self.server.port
        except BaseException as error:
            self._failure = error
            return
        finally:
            self._started.set()
        await self._stop.wait()
        await self.server.stop(self.grace)

    def connections(self) -> int:
        """How many it has."""
        assert self.server._listener is not None
        return len(self.server._listener.connections)

    def send_readonly(self, flag: bool = True) -> None:
        """As a server that is going away, or comes back, tells its consumers."""
        listener = self.server._listener
        assert listener is not None

        async def send() -> None:
            listener.going_away = flag
            for connection in listener.connections:
                connection.send_readonly(flag)
                connection.flush()

        asyncio.run_coroutine_threadsafe(send(), self._loop).result()

    def stop(self, grace: float = 0.0) -> None:
        if self._thread.is_alive():
            self.grace = grace
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def __enter__(self) -> ServerThread:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()


class ServerProcess:
    """A server that can be killed. Answers ``read`` and ``once`` with ``name``."""

    def __init__(self, *, port: int = 0, name: str = "", registry: str = "") -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__)), str(port), name, registry],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    @property
    def url(self) -> str:
        return f"dubbo://127.0.0.1:{self.port}"

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self._process.wait()

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def __enter__(self) -> ServerProcess:
        return self

    def __exit__(self, *exc: object) -> None:
        self.kill()
        assert self._process.stdout is not None
        self._process.stdout.close()


class RawPeer:
    """A listening socket whose connections a test script answers, each in a thread.

    Args:
        script: given each accepted socket; it is closed afterwards.
    """

    def __init__(self, script: Callable[[socket.socket], None]) -> None:
        self._script = script
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.accepted = 0
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._acceptor = threading.Thread(target=self._accept, name="raw peer")
        self._acceptor.start()

    @property
    def url(self) -> str:
        return f"dubbo://127.0.0.1:{self.port}"

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._socket.accept()
            except OSError:
                return
            self.accepted += 1
            self._open.append(sock)
            thread = threading.Thread(target=self._serve, args=(sock,), name="raw peer connection")
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        with sock, contextlib.suppress(OSError):
            self._script(sock)

    def __enter__(self) -> RawPeer:
        return self

    def __exit__(self, *exc: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._acceptor.join()
        for sock in self._open:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()


def read_frame(sock: socket.socket) -> tuple[bytes, bytes]:
    """Header and body of the next frame."""
    header = _exactly(sock, 16)
    return header, _exactly(sock, int.from_bytes(header[12:], "big"))


def _exactly(sock: socket.socket, n: int) -> bytes:
    data = b""
    while len(data) < n:
        more = sock.recv(n - len(data))
        if not more:
            raise ConnectionResetError
        data += more
    return data


def greet(sock: socket.socket) -> None:
    """Answer the first heartbeat as an rpcore peer does."""
    header, _ = read_frame(sock)
    body = b"\x4e\x93\xa6rpcore\x01\x03"
    sock.sendall(b"\xda\xbb\x22\x14" + header[4:12] + len(body).to_bytes(4, "big") + body)


def answer(sock: socket.socket, header: bytes, value: bytes) -> None:
    """Answer a request with a msgpack-encoded value."""
    body = b"\x93\x00" + value + b"\xc0"
    sock.sendall(b"\xda\xbb\x1d\x14" + header[4:12] + len(body).to_bytes(4, "big") + body)


@contextlib.contextmanager
def nothing_left() -> Iterator[None]:
    """Fails when a thread or a descriptor made in the block outlives it."""
    before = _threads() | _descriptors()
    yield
    gc.collect()
    left = _settled(lambda: (_threads() | _descriptors()) - before)
    assert not left, "\n".join(sorted(left))


def free_port() -> int:
    """A port where nobody listens at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def until(condition: Callable[[], Any], seconds: float = 10.0) -> None:
    """Wait for what other threads do."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.002)


@contextlib.contextmanager
def threads(count: int, target: Callable[[int], None]) -> Iterator[list[BaseException]]:
    """``count`` threads, joined at the end; what they raise is in the list then."""
    failures: list[BaseException] = []

    def run(number: int) -> None:
        try:
            target(number)
        except BaseException as error:
            failures.append(error)

    running = [threading.Thread(target=run, args=(n,), name=f"caller {n}") for n in range(count)]
    for thread in running:
        thread.start()
    yield failures
    for thread in running:
        thread.join()


async def _main(port: int, name: str, registry: str) -> None:
    server = rpcore.Server(registry or None, register=bool(registry), host="127.0.0.1", port=port, application="shop")
    server.export(Shop, ShopKeeper(name))
    async with server:
        print(server.port, flush=True)
        stopped = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
        await stopped.wait()


if __name__ == "__main__":
    from blocking import _main as main  # not as __main__: the interface must be the one of the tests

    asyncio.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
