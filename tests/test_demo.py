"""The demo: its index, its counting, and whole runs over a small directory of source."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rpcore.decode import Frame, explain, frames
from rpcore.demo.consumer import Report
from rpcore.demo.index import Index, library_root, read_library, scan, source_files
from rpcore.demo.measure import Measures, Phase
from rpcore.demo.results import example_frame, problems_of
from rpcore.demo.show import milliseconds

MODULE = '''"""Decode things.

More about it.
"""

import sys


class Decoder(list):
    """Decodes JSON text."""

    def raw_decode(self, text, *, strict=True):
        """Decode the text at once."""

    async def later(
        self,
        text: str,
    ) -> None:
        pass


if sys.platform == "linux":

    def inotify(): ...
'''


@pytest.fixture
def library(tmp_path: Path) -> Path:
    (tmp_path / "pack" / "test").mkdir(parents=True)
    (tmp_path / "pack" / "__init__.py").write_text('"""A package."""\n')
    (tmp_path / "pack" / "decoder.py").write_text(MODULE)
    (tmp_path / "pack" / "broken.py").write_text("def (:\n")
    (tmp_path / "pack" / "latin.py").write_bytes(b"# -*- coding: latin-1 -*-\ndef caf\xe9(): 'doc'\n")
    (tmp_path / "pack" / "test" / "test_decoder.py").write_text("class Decoder: pass\n")
    return tmp_path


@pytest.fixture
def index(library: Path) -> Index:
    return Index.build(read_library(library))


# --- index --------------------------------------------------------------------------------------------------


def test_source_files_leave_out_tests(library: Path) -> None:
    assert [file.name for file in source_files(library)] == ["__init__.py", "broken.py", "decoder.py", "latin.py"]


def test_rows_of_a_file(library: Path) -> None:
    rows = scan((str(library / "pack" / "decoder.py"), str(library)))
    assert [(name, kind, line, signature) for name, kind, _, line, signature, _ in rows] == [
        ("pack.decoder", "module", 1, ""),
        ("pack.decoder.Decoder", "class", 9, "class Decoder(list)"),
        ("pack.decoder.Decoder.raw_decode", "function", 12, "def raw_decode(self, text, *, strict=True)"),
        ("pack.decoder.Decoder.later", "function", 15, "async def later( self, text: str, ) -> None"),
        ("pack.decoder.inotify", "function", 24, "def inotify(): ..."),
    ]
    assert rows[0][5] == "Decode things.\n\nMore about it."


def test_broken_files_are_left_out_and_packages_named(index: Index, run: Any) -> None:
    assert run(index.describe("pack.broken")) is None
    assert run(index.describe("pack")).members == ["decoder", "latin"]


def test_search_by_name_and_by_docstring(index: Index, run: Any) -> None:
    assert [hit.name for hit in run(index.search("decoder"))] == ["pack.decoder", "pack.decoder.Decoder"]
    assert [hit.name for hit in run(index.search("JSON decoder"))] == ["pack.decoder.Decoder"]
    assert [hit.name for hit in run(index.search("decode", 2))] == ["pack.decoder.Decoder.raw_decode", "pack.decoder"]
    assert run(index.search("decoder nothing")) == []
    assert run(index.search("")) == []


def test_hits_and_entries_agree(index: Index, run: Any) -> None:
    [hit] = run(index.search("json"))
    assert (hit.name, hit.kind, hit.summary) == ("pack.decoder.Decoder", "class", "Decodes JSON text.")
    entry = run(index.describe(hit.name))
    assert (entry.kind, entry.file, entry.line) == ("class", os.path.join("pack", "decoder.py"), 9)
    assert entry.members == ["raw_decode", "later"]


def test_complete(index: Index, run: Any) -> None:
    assert run(index.complete("deco")) == ["decode", "decoder", "decodes"]
    assert run(index.complete("DECO", 1)) == ["decode"]
    assert run(index.complete("zz")) == []


def test_index_makes_the_round_through_a_file(index: Index, run: Any, tmp_path: Path) -> None:
    path = str(tmp_path / "index")
    index.save(path)
    again = Index.load(path)
    assert len(again) == len(index) == 8
    assert run(again.search("decode")) == run(index.search("decode"))


def test_first_of_two_definitions_counts() -> None:
    rows = [("a.f", "function", "a.py", line, "", "") for line in (1, 5)]
    assert asyncio.run(Index.build(rows).describe("a.f")).line == 1


# --- counting -----------------------------------------------------------------------------------------------


def report(*latencies: float, errors: dict[str, int] | None = None, **attempts: int) -> Report:
    return Report(
        now=0.0,
        latencies=array("f", latencies).tobytes(),
        errors=errors or {},
        wrong=0,
        retries=1,
        attempts=attempts,
    )


def test_measures_add_up() -> None:
    measures = Measures()
    measures.add(report(*(i / 1000 for i in range(1, 51)), a=30, b=20), 0.25)
    measures.add(report(*(i / 1000 for i in range(51, 101)), errors={"x": 2}, a=50), 0.25)
    assert (measures.answered, measures.failed, measures.retries, measures.rate) == (100, 2, 2, 200.0)
    assert measures.percentiles() == pytest.approx((0.050, 0.099, 0.100))
    assert measures.shares() == {"a": 0.8, "b": 0.2}
    assert Measures().percentiles() == (0.0, 0.0, 0.0)


def test_problems() -> None:
    good, failing, silent = Phase("good"), Phase("failing"), Phase("silent")
    good.measures.add(report(0.1), 1)
    failing.measures.add(report(0.1, errors={"CallTimeout: x": 2}), 1)
    assert problems_of([good]) == []
    assert problems_of([good, failing, silent]) == [
        "failing: 2 calls failed: 2 x CallTimeout: x",
        "silent: no call was answered",
    ]


def test_milliseconds() -> None:
    assert [milliseconds(s) for s in (0.000234, 0.01234, 0.5)] == ["0.23 ms", "12.3 ms", "500 ms"]


def test_example_frame_is_a_request() -> None:
    [frame] = frames(example_frame())
    assert isinstance(frame, Frame)
    assert explain(frame)["arguments"] == ["json decoder", 3]


on_linux = pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")

# --- whole runs ---------------------------------------------------------------------------------------------


def demo(tmp_path: Path, *arguments: str) -> subprocess.Popen[str]:
    """A run over one package of the library, with its temporary files where the test can look for them."""
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "rpcore",
            "demo",
            "--source",
            str(library_root() / "json"),
            "--seconds",
            "4",
            *arguments,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )


def children_of(parent: int) -> dict[int, str]:
    """Processes that ``parent`` started, with their command lines."""
    found = {}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdecimal() and f"\nPPid:\t{parent}\n" in (entry / "status").read_text():
                found[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ")
    return found


def still_running(pids: Iterable[int]) -> list[int]:
    """Those that do not end within a moment; multiprocessing's helper ends just after the demo."""
    left = []
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            descriptor = os.pidfd_open(pid)
            try:
                if not select.select([descriptor], [], [], 10)[0]:
                    left.append(pid)
            finally:
                os.close(descriptor)
    return left


def lines_until(process: subprocess.Popen[str], text: str) -> Iterator[str]:
    assert process.stdout is not None
    for line in process.stdout:
        yield line
        if text in line:
            return
    raise AssertionError(f"ended without {text!r}: {process.stderr and process.stderr.read()}")


def test_whole_run(tmp_path: Path) -> None:
    process = demo(tmp_path, "--json")
    output, complaints = process.communicate(timeout=60)
    assert complaints == ""
    assert process.returncode == 0
    results = json.loads(output)
    assert results["ok"] and results["entries"] > 20
    steady, killed, joined, drained = results["phases"]
    for phase in results["phases"]:
        assert phase["calls"] > 100
        assert phase["failed"] == phase["wrong"] == 0
        assert 0 < phase["p50"] <= phase["p99"] <= phase["max"]
        assert sum(phase["shares"].values()) == pytest.approx(1, abs=0.001)
    assert set(steady["shares"]) == {"A", "B", "C"}
    assert min(steady["shares"].values()) > 0.2
    assert re.match(r"gone from the registry after \d+(\.\d+)? ms", killed["outcome"])
    assert joined["shares"]["D"] > 0
    assert "exit code 0" in drained["outcome"]
    assert list(tmp_path.iterdir()) == []


@on_linux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_leaves_nothing_behind(number: signal.Signals, tmp_path: Path) -> None:
    process = demo(tmp_path)
    list(lines_until(process, "calls in flight"))
    processes = children_of(process.pid)
    assert len(processes) >= 4
    process.send_signal(number)
    _, complaints = process.communicate(timeout=30)
    assert process.returncode == 130
    assert complaints == "rpcore: interrupted\n"
    assert still_running(processes) == []
    assert list(tmp_path.iterdir()) == []


@on_linux
def test_death_of_the_demo_ends_its_processes(tmp_path: Path) -> None:
    process = demo(tmp_path)
    list(lines_until(process, "calls in flight"))
    processes = children_of(process.pid)
    process.kill()
    process.communicate(timeout=30)
    assert still_running(processes) == []


@on_linux
def test_provider_that_dies_by_itself_fails_the_demo(tmp_path: Path) -> None:
    process = demo(tmp_path)
    list(lines_until(process, "calls in flight"))
    pid = next(pid for pid, command in children_of(process.pid).items() if "rpcore.demo.provider" in command)
    os.kill(pid, signal.SIGKILL)
    _, complaints = process.communicate(timeout=30)
    assert process.returncode == 1
    assert re.fullmatch(r"rpcore: provider [ABC] was ended by SIGKILL\n", complaints)


def test_keep_leaves_the_providers_to_try(tmp_path: Path) -> None:
    process = demo(tmp_path, "--keep", "--plain")
    lines = list(lines_until(process, "kill -9"))
    registry = next(line for line in lines if " ls --watch " in line).split()[-1]
    invoke = [
        sys.executable,
        "-m",
        "rpcore",
        "invoke",
        "rpcore.demo.api.Search.complete",
        "deco",
        "--registry",
        registry,
    ]
    done = subprocess.run(invoke, capture_output=True, text=True, timeout=30)
    assert "decoder" in json.loads(done.stdout)
    assert not any("rpcore.demo.consumer" in command for command in children_of(process.pid).values())
    process.send_signal(signal.SIGINT)
    try:
        _, complaints = process.communicate(timeout=30)
    finally:
        process.kill()
    assert (process.returncode, complaints) == (0, "")
    assert list(tmp_path.iterdir()) == []
