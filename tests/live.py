"""Servers, clients and faults over real sockets and processes, for tests that need them.

``serving`` joins a server and a client in this loop. ``Proxy`` stands between two peers and cuts, stalls or delays;
``Recorder`` keeps the frames that pass.
``Provider`` is a server in a process of its own, which may be killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Self

import rpcore
from rpcore.decode import Frame, frames

TESTS = Path(__file__).parent


@contextlib.asynccontextmanager
async def serving(
    interface: Callable[..., Any],
    implementation: object,
    *,
    host: str = "127.0.0.1",
    export: dict[str, Any] | None = None,
    refer: dict[str, Any] | None = None,
    client: dict[str, Any] | None = None,
    **server: Any,
) -> AsyncIterator[Any]:
    """A stub of ``interface`` served by ``implementation`` over a socket."""
    async with serve(interface, implementation, host=host, export=export, **server) as listening:
        consumer = rpcore.Client("memory://unused", **(client or {}))
        try:
            yield consumer.refer(interface, url=listening.address, **(refer or {}))
        finally:
            await consumer.aclose()


@contextlib.asynccontextmanager
async def serve(
    interface: Callable[..., Any],
    implementation: object,
    *,
    host: str = "127.0.0.1",
    export: dict[str, Any] | None = None,
    **options: Any,
) -> AsyncIterator[rpcore.Server]:
    """A started server on a free port that registers nowhere, stopped without grace."""
    options.setdefault("register", False)
    options.setdefault("port", 0)
    server = rpcore.Server(host=host, **options)
    server.export(interface, implementation, **(export or {}))
    await server.start()
    try:
        yield server
    finally:
        await server.stop(0)


async def until(condition: Callable[[], Any], limit: float = 5.0) -> None:
    """Wait for what no event tells: a state inside the other side or another process."""
    async with asyncio.timeout(limit):
        while not condition():  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0.002)


class Proxy:
    """A TCP proxy in this loop: ``async with Proxy(address) as proxy``, then dial ``proxy.address``.

    Attributes:
        delay: seconds each piece of data is held back, in each direction.
        accepted: connections taken so far.
    """

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = host, int(port)
        self.delay = 0.0
        self.accepted = 0
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def cut(self) -> None:
        """Reset every connection."""
        for writer in list(self._writers):
            writer.transport.abort()

    def refuse(self) -> None:
        """Stop listening; connections that stand go on."""
        self._server.close()

    def stall(self) -> None:
        """From now on nothing passes and nobody is told: a black hole."""
        self._flowing.clear()

    def flow(self) -> None:
        """Let pass what was held, and what comes."""
        self._flowing.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self._keep(writer)
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        self._keep(far_writer)
        number = self.accepted
        for outgoing, source, sink in ((True, reader, far_writer), (False, far_reader, writer)):
            task = asyncio.create_task(self._pump(source, sink, number, outgoing))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _keep(self, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)

    def passing(self, number: int, outgoing: bool, data: bytes) -> None:
        """Data of connection ``number``, counted from 1; ``outgoing``: towards the target."""

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int, outgoing: bool
    ) -> None:
        try:
            while data := await reader.read(65536):
                self.passing(number, outgoing, data)
                await self._flowing.wait()
                if self.delay:
                    await asyncio.sleep(self.delay)
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()


class Recorder(Proxy):
    """A proxy that keeps the frames that passed."""

    def __init__(self, target: str) -> None:
        super().__init__(target)
        self._passed: dict[tuple[int, bool], bytearray] = {}

    def passing(self, number: int, outgoing: bool, data: bytes) -> None:
        self._passed.setdefault((number, outgoing), bytearray()).extend(data)

    def frames(self, *, outgoing: bool) -> list[Frame]:
        """All frames of one direction, connection by connection."""
        items = [item for key, data in self._passed.items() if key[1] is outgoing for item in frames(bytes(data))]
        assert all(isinstance(item, Frame) and not item.missing for item in items), "not only whole frames passed"
        return [item for item in items if isinstance(item, Frame)]


class Provider:
    """A server in another process, running ``module:function`` of the tests with the given arguments.

    The function prints ``ready <address>`` when it serves.
    """

    def __init__(self, target: str, *arguments: str) -> None:
        module, _, function = target.partition(":")
        code = f"import {module}; {module}.{function}(*{list(arguments)!r})"
        path = os.pathsep.join([str(TESTS), str(Path(rpcore.__file__).parents[1])])
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
        )
        self.address = ""

    async def __aenter__(self) -> Self:
        try:
            line = await asyncio.to_thread(self._readline)
        except BaseException:
            self._end()
            raise
        word, _, self.address = line.partition(" ")
        assert word == "ready", f"the provider said {line!r}"
        return self

    async def __aexit__(self, *exc: object) -> None:
        await asyncio.to_thread(self._end)

    def kill(self) -> None:
        """SIGKILL: no goodbye."""
        self.process.kill()

    def stop(self) -> None:
        """SIGTERM: the goodbye of a rolling restart."""
        self.process.send_signal(signal.SIGTERM)

    def pause(self) -> None:
        """SIGSTOP: sockets stay open and nobody answers."""
        self.process.send_signal(signal.SIGSTOP)

    async def ended(self) -> int:
        """The exit code, once it has ended."""
        return await asyncio.to_thread(self.process.wait, 20)

    def _readline(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().decode().strip()

    def _end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()
