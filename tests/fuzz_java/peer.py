"""hessian-lite as a child process: see Echo.java for what goes through the pipes."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

HERE = Path(__file__).parent
BUILT = HERE.parent.parent / "build" / "fuzz_java"
VERSIONS = ("3.2.13", "4.0.4")
OPENED = ("lang", "math", "util", "util.concurrent", "util.concurrent.atomic")
"""Packages of the JDK in whose private fields 3.2.13 looks."""


class MissingPart(Exception):
    """Java cannot be had here; the text says what to install."""


def build() -> None:
    """Compile Echo.java and fetch hessian-lite, where that was not done before."""
    sources = [HERE / "pom.xml", *HERE.rglob("*.java")]
    stamp = BUILT / "built"
    if stamp.exists() and stamp.stat().st_mtime > max(path.stat().st_mtime for path in sources):
        return
    for tool in ("javac", "mvn"):
        if shutil.which(tool) is None:
            raise MissingPart(f"{tool} is not installed: install a JDK (17 or newer) and Maven")
    command = ["mvn", "--quiet", "--batch-mode", "--file", str(HERE / "pom.xml"), "process-classes"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise MissingPart(f"{' '.join(command)} failed:\n{done.stdout[-4000:]}{done.stderr[-2000:]}")
    stamp.touch()


class JavaError(Exception):
    """Java could not decode or encode; the text is its stack trace."""


class Echo:
    """A JVM with one version of hessian-lite, in which Java decodes and encodes: ``with Echo("4.0.4") as echo``."""

    def __init__(self, version: str, *, fast: bool = False) -> None:
        path = os.pathsep.join([str(BUILT / "classes"), str(BUILT / "lib" / f"hessian-lite-{version}.jar")])
        opens = [f"--add-opens=java.base/java.{name}=ALL-UNNAMED" for name in OPENED]
        flags = ["-Xmx256m", "-XX:+UseSerialGC", "-Xss4m"] + ([] if fast else ["-XX:TieredStopAtLevel=1"])
        self.version = version
        self._process = subprocess.Popen(
            ["java", *flags, *opens, "-cp", path, "org.fuzz.Echo"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the JVM."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def ask(self, bodies: Sequence[tuple[str, int, bytes]]) -> list[bytes | JavaError]:
        """What Java makes of streams.

        Args:
            bodies: for each the class that Java expects, the number of values, and the stream.

        Returns:
            For each the new stream, or Java's error.
        """
        assert self._process.stdin is not None
        parts = [struct.pack("!i", len(bodies))]
        for name, count, body in bodies:
            head = bytes([len(name)]) + name.encode() + bytes([count])
            parts += [struct.pack("!i", len(head) + len(body)), head, body]
        self._process.stdin.write(b"".join(parts))
        self._process.stdin.flush()
        return [self._reply() for _ in bodies]

    def _reply(self) -> bytes | JavaError:
        size = struct.unpack("!i", self._read(4))[0]
        reply = self._read(size)
        return reply[1:] if reply[0] else JavaError(reply[1:].decode())

    def _read(self, n: int) -> bytes:
        assert self._process.stdout is not None
        data = self._process.stdout.read(n)
        if len(data) < n:
            raise RuntimeError(f"the JVM ended with {self._process.wait()}")
        return data
