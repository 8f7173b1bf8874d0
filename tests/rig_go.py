"""dubbo-go as a peer: builds ``tests/go`` and runs its provider and its consumer.

The binary is kept in ``build/go/<hash of the sources>``, so the next run starts it at once. Programs talk in lines of
JSON (see tests/go/peer/main.go). No registry: the provider says its port.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from rig_java import Program

PROJECT = Path(__file__).parent / "go"
BUILD = Path(__file__).parent.parent / "build" / "go"

INSTALLED = Path("/usr/local/go/bin/go")
"""Where Go's own archive is unpacked, for those who have not put it into the path."""

ANSWER_LIMIT = 30.0
"""Seconds for an answer."""

Missing = Callable[[str, str], NoReturn]


def build(require: Missing) -> Path:
    """The built peer.

    Args:
        require: the fixture; skips where Go or its modules cannot be had.
    """
    digest = hashlib.sha256()
    for path in sorted([PROJECT / "go.mod", PROJECT / "go.sum", *PROJECT.glob("peer/*.go")]):
        digest.update(f"{path.relative_to(PROJECT)}\0".encode() + path.read_bytes())
    binary = BUILD / digest.hexdigest()[:12] / "peer"
    if not binary.exists():
        go = shutil.which("go") or (INSTALLED.exists() and str(INSTALLED))
        if not go:
            require("go", "install Go 1.24 or later (no 'go' found)")
        new = binary.with_name(f"peer.{os.getpid()}")
        command = [go, "build", "-buildvcs=false", "-o", str(new), "./peer"]
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            require("go", f"{' '.join(command)} failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
        new.replace(binary)
    return binary


class GoError(Exception):
    """What a call in Go returned as its error.

    Attributes:
        type: the Go type.
        message: its message.
        cls: the Java class, of what stands for a Throwable, else None.
        told: everything, with what fields a known class adds.
    """

    def __init__(self, told: dict[str, Any]) -> None:
        self.type: str = told["type"]
        self.message: str = told["message"]
        self.cls: str | None = told.get("class")
        self.told = told
        super().__init__(f"{self.cls or self.type}: {self.message}")


class GoConsumer(Program):
    """A dubbo-go consumer that does what it is told. Requests made without waiting run side by side."""

    replied: dict[str, str]
    """The attachments of the last answer."""

    async def ask(self, op: str, address: str, **request: Any) -> Any:
        """One request: its value.

        Raises:
            GoError: the error in Go.
        """
        line = await asyncio.wait_for(asyncio.wrap_future(self.submit(op=op, address=address, **request)), ANSWER_LIMIT)
        self.replied = line["attachments"]
        if "error" in line:
            raise GoError(line["error"])
        return line["value"]


class GoProvider(Program):
    """A dubbo-go provider of GoTypes (tests/go/peer/service.go) at ``address``."""

    address: str

    def ready(self) -> dict[str, Any]:
        line = super().ready()
        self.address = f"127.0.0.1:{line['port']}"
        return line


class Go:
    """The programs of dubbo-go: one provider, which starts with it, and what tests start.

    Args:
        binary: the built peer.
        folder: for logs and what dubbo-go writes.
    """

    def __init__(self, binary: Path, folder: Path) -> None:
        self._binary = binary
        self._folder = folder
        self._all: list[Program] = []
        self.provider = self.new_provider()

    def new_provider(self) -> GoProvider:
        """A provider of one's own, to be stopped."""
        provider: GoProvider = self._start("provider", GoProvider)
        return provider

    @contextlib.contextmanager
    def consumer(self) -> Iterator[GoConsumer]:
        """A consumer for one test: it starts in 50 ms, and keeps its connections for ever."""
        consumer: GoConsumer = self._start("consumer", GoConsumer)
        try:
            yield consumer
        finally:
            consumer.kill()

    def _start(self, role: str, cls: type[Any]) -> Any:
        program = cls([str(self._binary), role], self._folder / f"{role}-{len(self._all)}.log")
        self._all.append(program)
        program.ready()
        return program

    def close(self) -> None:
        for program in self._all:
            if program.process.returncode is None:
                program.kill()


@contextlib.contextmanager
def go_programs(folder: Path, require: Missing) -> Iterator[Go]:
    """A provider and whatever tests start, ended at the end."""
    go = Go(build(require), folder)
    try:
        yield go
    finally:
        go.close()
