"""Dubbo Java for the benchmarks: built from bench/java, one process pinned to one core."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent / "java"
BUILT = HERE.parent.parent / "build" / "bench_java"
VERSIONS = {"Dubbo": "3.3.6", "hessian-lite": "4.0.4"}


def build() -> str:
    """Compile bench/java, where that was not done before. Empty if it could be done, else why not."""
    sources = [HERE / "pom.xml", *HERE.rglob("*.java")]
    stamp = BUILT / "built"
    if stamp.exists() and stamp.stat().st_mtime > max(path.stat().st_mtime for path in sources):
        return ""
    for tool in ("javac", "mvn"):
        if shutil.which(tool) is None:
            return f"{tool} is not installed (a JDK 17 or newer, and Maven)"
    command = ["mvn", "--quiet", "--batch-mode", "--file", str(HERE / "pom.xml"), "process-classes"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        return f"{' '.join(command)} failed: {(done.stdout + done.stderr).strip().splitlines()[-1]}"
    stamp.touch()
    return ""


class Java:
    """A program of bench/java, which answers lines with lines of JSON.

    Args:
        name: its main class.
        arguments: of the program.
        core: where it runs, with all its threads.
    """

    def __init__(self, name: str, *arguments: str, core: int | None = None) -> None:
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115, closed with the process
        path = os.pathsep.join([str(BUILT / "classes"), str(BUILT / "lib" / "*")])
        # On one core no other collector does better.
        command = ["java", "-Xms1g", "-Xmx1g", "-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"]
        # Dubbo keeps caches in the home folder.
        self._home = tempfile.TemporaryDirectory()
        command += [f"-Duser.home={self._home.name}", "-cp", path, f"bench.{name}", *arguments]
        if core is not None and hasattr(os, "sched_setaffinity"):
            command = ["taskset", "--cpu-list", str(core), *command]
        self._popen = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True, bufsize=1
        )
        self.pid = self._popen.pid

    def ask(self, line: str, limit: float) -> dict[str, Any]:
        """The answer to a line; it must come within so many seconds."""
        assert self._popen.stdin is not None
        self._popen.stdin.write(line + "\n")
        return self.answer(limit)

    def answer(self, limit: float) -> dict[str, Any]:
        """The next line of JSON that it prints; others are passed over."""
        assert self._popen.stdout is not None
        while True:
            ready = select.select([self._popen.stdout], [], [], limit)[0]
            line = self._popen.stdout.readline() if ready else ""
            if line.startswith("{"):
                return dict(json.loads(line))
            if not line:
                self._errors.seek(0)
                raise RuntimeError(f"no answer within {limit:.0f} s: {self._errors.read()[-2000:]}")

    def close(self) -> None:
        """End it."""
        self._popen.terminate()
        try:
            self._popen.wait(5)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
        for stream in (self._popen.stdin, self._popen.stdout, self._errors):
            if stream is not None:
                stream.close()
        self._home.cleanup()
