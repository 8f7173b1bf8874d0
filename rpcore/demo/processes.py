"""The demo's processes: started alone, watched, and ended by their own pids however the demo ends."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path

import msgpack

from rpcore.demo.consumer import Report
from rpcore.demo.provider import INDEX

PATIENCE = 15.0
"""Seconds a process may take to end when asked to, drain included, before it is killed."""


class ProcessFailed(Exception):
    """A process of the demo ended by itself; the text says how and what it printed last."""


class Child:
    """One process. Its standard input is a pipe from us: when we are gone, it ends.

    Args:
        title: for messages.
        arguments: after the Python executable.
        log: file for what it prints.
        environment: added to ours.
        output: whether its standard output comes to us instead of the log.
    """

    def __init__(
        self,
        title: str,
        *arguments: str,
        log: Path,
        environment: dict[str, str] | None = None,
        output: bool = False,
    ) -> None:
        self.title = title
        self.arguments = arguments
        self.log = log
        self.environment = environment or {}
        self.output = output
        self._process: Process | None = None

    async def start(self) -> None:
        """Start it in a session of its own: Ctrl-C reaches only the demo, which then ends its processes."""
        with self.log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *self.arguments,
                stdin=PIPE,
                stdout=PIPE if self.output else log,
                stderr=log,
                env={**os.environ, **self.environment},
                start_new_session=True,
            )

    @property
    def process(self) -> Process:
        assert self._process is not None, f"{self.title}: not started"
        return self._process

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    def send(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        if self.running:
            self.process.send_signal(number)

    async def ended(self) -> int:
        """Wait for its end; returns the exit code, negative for a signal."""
        return await self.process.wait()

    def failure(self) -> ProcessFailed:
        """What to say when it ended although nobody asked it to."""
        code = self.process.returncode
        if code is not None and code < 0:
            return ProcessFailed(f"{self.title} was ended by {signal.Signals(-code).name}")
        return ProcessFailed(f"{self.title} ended with exit code {code}: {self._last_words()}")

    def delay(self, seconds: float) -> ProcessFailed:
        """What to say when it is not ready although it had ``seconds``."""
        return ProcessFailed(f"{self.title} is not ready after {seconds:g} s: {self._last_words()}")

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it printed nothing"

    async def stop(self) -> int:
        """End it, politely first; returns the exit code."""
        self.send(signal.SIGTERM)
        try:
            async with asyncio.timeout(PATIENCE):
                return await self.ended()
        except TimeoutError:
            self.kill()
            return await self.ended()

    def kill(self) -> None:
        """End it at once."""
        self.send(signal.SIGKILL)


def provider(name: str, registry: str, index: Path, directory: Path) -> Child:
    """A provider process, as a user would start it."""
    return Child(
        f"provider {name}",
        *("-m", "rpcore", "serve", "rpcore.demo.provider:make_server", "--registry", registry),
        log=directory / f"provider-{name}.log",
        environment={INDEX: str(index)},
    )


def consumer(registry: str, concurrency: int, directory: Path) -> Child:
    """The consumer process."""
    return Child(
        "the consumer",
        *("-m", "rpcore.demo.consumer", registry, str(concurrency)),
        log=directory / "consumer.log",
        output=True,
    )


async def reports(child: Child) -> AsyncIterator[Report]:
    """What the consumer reports, until it ends."""
    stream = child.process.stdout
    assert stream is not None
    unpacker = msgpack.Unpacker()
    while data := await stream.read(1 << 16):
        unpacker.feed(data)
        for report in unpacker:
            yield report
