"""For the tests of the embedded registry: a listener with a memory, and providers that are processes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rpcore.model import Instance, ServiceKey
from rpcore.registry._descriptors import Descriptors
from rpcore.registry._entries import EntryGone, EntryReader, EntryWriter

KEY = ServiceKey("org.demo.UserService", "blue", "1.0.0")
BOTH_WAYS = pytest.mark.parametrize("inotify", [True, False], ids=["inotify", "polling"])
SOON = 1.0  # seconds: far above what is promised (0.1), for machines that are busy with other things


def instance(number: int = 1, **fields) -> Instance:
    return Instance(**{"service": KEY, "host": "127.0.0.1", "port": 20000 + number, **fields})


class Log:
    """A listener that keeps what it was told, and when."""

    def __init__(self) -> None:
        self.lists: list[tuple[Instance, ...]] = []
        self.times: list[float] = []
        self._news = asyncio.Event()

    def __call__(self, instances: tuple[Instance, ...]) -> None:
        self.lists.append(instances)
        self.times.append(time.monotonic())
        self._news.set()

    async def until(self, expected: list[int] | Callable[[tuple[Instance, ...]], bool]) -> float:
        """Wait for a list of these ports, or one that is as expected; returns when it came."""

        def arrived(told: tuple[Instance, ...]) -> bool:
            return expected(told) if callable(expected) else [i.port for i in told] == expected

        async with asyncio.timeout(10):
            while not self.lists or not arrived(self.lists[-1]):
                self._news.clear()
                await self._news.wait()
        return self.times[-1]


def dead_entry(directory: Path, number: int = 1) -> Path:
    """What a crash or a reboot leaves: an entry whose lock nobody holds."""
    directory.mkdir(mode=0o700, exist_ok=True)
    descriptors = Descriptors()
    entry = EntryWriter(str(directory), descriptors).publish(instance(number))
    descriptors.close_all()
    return directory / entry.name


def is_gone(reader: EntryReader, name: str) -> bool:
    try:
        reader.read(name)
    except EntryGone:
        return True
    return False


PROVIDER = """
import asyncio, multiprocessing, os, sys, time
from rpcore.model import Instance, ServiceKey
from rpcore.registry.file import FileRegistry

def sleep():
    time.sleep(60)

async def main(directory, first, count, fork):
    registry = FileRegistry(directory)
    await registry.start()
    key = ServiceKey("org.demo.UserService", "blue", "1.0.0")
    for number in range(first, first + count):
        await registry.register(Instance(key, "127.0.0.1", 20000 + number))
    child = 0
    if fork:
        process = multiprocessing.get_context("fork").Process(target=sleep)
        process.start()
        child = process.pid
    print(child, flush=True)
    command = await asyncio.to_thread(sys.stdin.readline)
    if command.startswith("replace"):
        for weight in range(int(command.split()[1])):
            await registry.register(Instance(key, "127.0.0.1", 20000 + first, weight=weight))
            if weight % 10 == 0:
                await asyncio.sleep(0.001)
        print("replaced", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
    await registry.aclose()

directory, first, count, fork = sys.argv[1:]
asyncio.run(main(directory, int(first), int(count), fork == "fork"))
"""


class Provider:
    """A process that has registered ``count`` providers, from ``first`` on, and waits."""

    def __init__(self, directory: Path, first: int = 1, count: int = 1, *, fork: bool = False) -> None:
        arguments = [str(directory), str(first), str(count), "fork" if fork else "-"]
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROVIDER, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        self.child = 0

    def wait_ready(self) -> None:
        self.child = int(self.process.stdout.readline())

    def send(self, line: str) -> None:
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def kill(self) -> float:
        """SIGKILL; returns when it was sent."""
        now = time.monotonic()
        self.process.kill()
        return now

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        if self.child:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.child, signal.SIGKILL)
