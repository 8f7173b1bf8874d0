"""Dubbo Java as a peer: builds ``tests/java`` for a version of Dubbo and runs its provider and its consumer.

Everything made is in ``build/java/<version>-<hash of the sources>``, so the next run starts the JVMs at once. Programs
are started when a test first asks for them, once in a run, and talk in lines of JSON (see Consumer.java).
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import queue
import shutil
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, NoReturn

import pytest

from conftest import LOOPS

PROJECT = Path(__file__).parent / "java"
BUILD = Path(__file__).parent.parent / "build" / "java"

VERSIONS = ("2.7.23", "3.3.6", "3.2.19")
"""The Dubbo versions of the matrix; the last one in a shorter form."""

FULL = pytest.mark.parametrize("java", VERSIONS[:2], indirect=True)
"""For what the shorter form leaves out."""

ONE_LOOP = pytest.mark.parametrize("run", list(LOOPS)[-1:], indirect=True)
"""For what takes long, or has nothing to do with the loop."""

JDK = 17

START_LIMIT = 60.0
"""Seconds for a JVM to say that it is ready."""

ANSWER_LIMIT = 30.0
"""Seconds for an answer."""

# Small and quick to start. Dubbo before 3.3 reads and writes Throwables and BigIntegers by reflection.
FLAGS = (
    *("-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto"),
    *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in ("java.lang", "java.math", "java.util")),
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Ddubbo.service.shutdown.wait=3000",
)

Missing = Callable[[str, str], NoReturn]


def build(version: str, require: Missing) -> tuple[Path, str]:
    """The folder of a built rig, and its class path.

    Args:
        version: of Dubbo.
        require: the fixture; skips where there is no JDK or Maven.
    """
    for tool in ("java", "javac", "mvn"):
        if shutil.which(tool) is None:
            require("java", f"install a JDK {JDK} and Maven (no {tool!r} found)")
    digest = hashlib.sha256()
    for path in sorted([PROJECT / "pom.xml", *PROJECT.glob("src/**/*.java")]):
        digest.update(f"{path.relative_to(PROJECT)}\0".encode() + path.read_bytes())
    folder = BUILD / f"{version}-{digest.hexdigest()[:12]}"
    if not (folder / "built").exists():
        command = [
            *("mvn", "--batch-mode", "--quiet", "--no-transfer-progress", "--file", str(PROJECT), "compile"),
            *(f"-Ddubbo.version={version}", f"-Drig.api=v{version[0]}", f"-Drig.build={folder}"),
        ]
        # Offline if everything is in the local repository already: quick, and it works without a network.
        done = subprocess.run([*command, "--offline"], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            require("java", f"{' '.join(command)} failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
        (folder / "built").touch()
    classpath = (folder / "classpath").read_text().strip()
    return folder, f"{folder / 'classes'}{os.pathsep}{classpath}"


class Program:
    """A running program that talks in lines of JSON.

    Args:
        command: what to start.
        log: where its standard error goes.
    """

    def __init__(self, command: list[str], log: Path) -> None:
        self.log = log
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, bufsize=1
            )
        self._said: dict[str, Any] | None = None
        self._lines: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._waiting: dict[int, Future[dict[str, Any]]] = {}
        self._numbers = itertools.count(1)
        self._reader = threading.Thread(target=self._read, daemon=True, name=f"reader of {log.name}")
        self._reader.start()

    def ready(self) -> dict[str, Any]:
        """The first line: what it says when it is ready. Waits for that."""
        if self._said is not None:
            return self._said
        try:
            line = self._lines.get(timeout=START_LIMIT)
        except queue.Empty:
            line = {}
        if "ready" not in line:
            self.kill()
            raise AssertionError(f"{self.log.name} did not start:\n{self.log.read_text()[-3000:]}")
        self._said = line
        return line

    def say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def submit(self, **request: Any) -> Future[dict[str, Any]]:
        """Send a request; the answer comes in the future."""
        number = next(self._numbers)
        future: Future[dict[str, Any]] = Future()
        self._waiting[number] = future
        self.say(json.dumps({"id": number, **request}))
        return future

    def kill(self) -> None:
        """End it at once, and everything that waits for it."""
        self.process.kill()
        self.close()

    def close(self, limit: float = 15.0) -> None:
        """Wait until it has ended, which its standard input's end makes it do."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait(limit)
        self._reader.join()
        self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for text in self.process.stdout:
            line: dict[str, Any] = json.loads(text)
            waiting = self._waiting.pop(line.get("id", 0), None)
            if waiting is not None:
                waiting.set_result(line)
            else:
                self._lines.put(line)
        self._lines.put({})
        for waiting in self._waiting.values():
            waiting.set_exception(AssertionError(f"{self.log.name} ended:\n{self.log.read_text()[-3000:]}"))


class JavaError(Exception):
    """What a call in Java raised.

    Attributes:
        cls: its class.
        message: its message.
        code: of an RpcException, else None.
        fields: what classes outside the JDK add.
        cause: its cause, or None.
        suppressed: suppressed ones.
        frames: how many frames its stack trace has.
    """

    def __init__(self, told: dict[str, Any]) -> None:
        self.cls: str = told["class"]
        self.message: str | None = told["message"]
        self.code: int | None = told.get("code")
        self.fields: dict[str, Any] = told["fields"]
        self.frames: int = told["frames"]
        self.cause = JavaError(told["cause"]) if told["cause"] else None
        self.suppressed = [JavaError(each) for each in told["suppressed"]]
        code = "" if self.code is None else f" (code {self.code})"
        super().__init__(f"{self.cls}{code}: {self.message}" + (f" <- {self.cause}" if self.cause else ""))


class JavaConsumer(Program):
    """A JVM that calls what it is told to call. Requests made without waiting run side by side."""

    replied: dict[str, str]
    """The attachments of the last answer."""

    def ask(self, op: str, **request: Any) -> Any:
        """One request: its value.

        Raises:
            JavaError: what Java raised.
        """
        return self.result(self.submit(op=op, **request))

    def call(self, address: str, method: str, *args: Any, **request: Any) -> Any:
        """A call with arguments that JSON can say."""
        return self.ask("call", address=address, method=method, args=args, **request)

    def result(self, future: Future[dict[str, Any]]) -> Any:
        line = future.result(ANSWER_LIMIT)
        self.replied = line["attachments"]
        if "error" in line:
            raise JavaError(line["error"])
        return line["value"]


class JavaProvider(Program):
    """A JVM that serves every service of Provider.java.

    Attributes:
        address: of all services.
        tiny: of group ``tiny``, which has one thread and no queue.
    """

    address: str
    tiny: str

    def ready(self) -> dict[str, Any]:
        line = super().ready()
        self.address, self.tiny = f"127.0.0.1:{line['port']}", f"127.0.0.1:{line['tiny']}"
        return line


class Java:
    """The programs of one version of Dubbo.

    Args:
        version: of Dubbo.
        folder: for logs and Dubbo's caches.
        require: the fixture.
    """

    def __init__(self, version: str, folder: Path, require: Missing) -> None:
        self.version = version
        self._folder = folder
        self._require = require
        self._shared: dict[str, Any] = {}
        self._spare: list[JavaProvider] = []
        self._all: list[Program] = []

    def prepare(self, *, consumer: bool = False, provider: bool = False, spare: int = 0) -> None:
        """Start what will be asked for, and do not wait for it: JVMs that start side by side are ready sooner."""
        if consumer and "Consumer" not in self._shared:
            self._shared["Consumer"] = self._launch("Consumer", JavaConsumer)
        if provider and "Provider" not in self._shared:
            self._shared["Provider"] = self._launch("Provider", JavaProvider)
        while len(self._spare) < spare:
            self._spare.append(self._launch("Provider", JavaProvider))

    @property
    def consumer(self) -> JavaConsumer:
        """The one consumer of this test run."""
        self.prepare(consumer=True)
        program: JavaConsumer = self._shared["Consumer"]
        program.ready()
        return program

    @property
    def provider(self) -> JavaProvider:
        """The one provider of this test run."""
        self.prepare(provider=True)
        program: JavaProvider = self._shared["Provider"]
        program.ready()
        return program

    def new_provider(self) -> JavaProvider:
        """A provider of one's own, to be stopped."""
        self.prepare(spare=1)
        program = self._spare.pop(0)
        program.ready()
        return program

    def close(self) -> None:
        for program in self._all:
            if program.process.returncode is None:
                program.kill()

    def _launch(self, main: str, cls: type[Any]) -> Any:
        _, classpath = build(self.version, self._require)
        name = f"{main}-{self.version}-{len(self._all)}"
        home = self._folder / name
        home.mkdir()
        command = ["java", *FLAGS, f"-Duser.home={home}", "-cp", classpath, f"org.rpcore.rig.{main}"]
        program = cls(command, self._folder / f"{name}.log")
        self._all.append(program)
        return program
