"""Calls against peers, side by side in one run: ``python -m bench.run --quick``.

Every peer has its own server and client process, all started first; servers share one core and clients
another, and only one pair works at a time. A round gives every peer one window of a cell, in an order that
turns with each round, so that noise of the machine hits all alike; a window in which other programs took
part of a core is repeated. A peer's figure is its median over the rounds, a ratio the median of the rounds'
ratios. Prints tables and writes them, with everything measured, to bench/results.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import java_rig, report
from bench.workloads import CELLS, VALUES, Cell

RESULTS = Path(__file__).parent / "results"
SERVER_CORE, CLIENT_CORE = 0, 1
START_LIMIT = 30.0
"""Seconds a process may take to start."""
JIT, QUICK_JIT = (40.0, 10.0), (4.0, 1.0)
"""Seconds in which Java is warmed up: with the first cell, with each other one."""
REPEATS = 4
"""How often a disturbed window is repeated; then the least disturbed one counts, and the report says so."""


@dataclass(frozen=True)
class Peer:
    """A row of the tables.

    Attributes:
        name: what it is called there.
        module: of bench.peers, with its server and its client.
        needs: modules that must be installed.
        mode: what the server and the client are told.
        threaded: whether the client blocks.
        client: the client's module, where that is another.
        java: whether a JVM takes part, which must be warmed up; such peers run only when asked for.
    """

    name: str
    module: str
    needs: tuple[str, ...]
    mode: str = ""
    threaded: bool = False
    client: str = ""
    java: bool = False

    def missing(self) -> str:
        """Empty, or what has to be installed first."""
        absent = [name for name in self.needs if importlib.util.find_spec(name) is None]
        if absent:
            return f"not installed: {', '.join(absent)}"
        return java_rig.build() if self.java else ""


PEERS = [
    Peer("rpcore", "rpcore_peer", ("rpcore",)),
    Peer("rpcore, hessian2", "rpcore_peer", ("rpcore",), "hessian2"),
    Peer("rpcore.sync", "rpcore_sync_peer", ("rpcore",), threaded=True),
    Peer("bare: per tick", "bare", ("uvloop", "msgspec"), "tick"),
    Peer("bare: per call", "bare", ("uvloop", "msgspec"), "call"),
    Peer("bare: by 8 + msgspec", "bare", ("uvloop", "msgspec"), "eight+msgspec"),
    Peer("bare: per tick + msgspec", "bare", ("uvloop", "msgspec"), "tick+msgspec"),
    Peer("bare: BufferedProtocol", "bare", ("uvloop", "msgspec"), "call+buffered"),
    Peer("thriftpy2", "thriftpy2_peer", ("thriftpy2",), threaded=True),
    Peer("Pyro5", "pyro5_peer", ("Pyro5", "msgpack"), threaded=True),
    Peer("grpclib", "grpclib_peer", ("grpclib", "google.protobuf", "grpc")),
    Peer("grpc.aio", "grpc_peer", ("grpc", "google.protobuf")),
    Peer("Java to Java", "java_peer", (), java=True),
    Peer("rpcore to Java", "java_peer", ("rpcore",), "url", client="rpcore_peer", java=True),
    Peer("Java to rpcore", "rpcore_peer", ("rpcore",), "url", client="java_peer", java=True),
]


class PeerFailed(Exception):
    """A peer's process ended, or did not answer in time."""


class Process:
    """A child that answers with JSON lines."""

    def __init__(self, peer: Peer, module: str, *args: str) -> None:
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115, closed with the process
        self._popen = subprocess.Popen(
            [sys.executable, "-m", f"bench.peers.{module}", *args, "--mode", peer.mode],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            bufsize=1,
        )
        self.pid = self._popen.pid

    def ask(self, line: str) -> None:
        """Write a line to its stdin."""
        assert self._popen.stdin is not None
        try:
            self._popen.stdin.write(line + "\n")
        except BrokenPipeError:
            raise PeerFailed(self._last_words("ended")) from None

    def answer(self, limit: float) -> dict[str, Any]:
        """The next line of its stdout."""
        assert self._popen.stdout is not None
        if not select.select([self._popen.stdout], [], [], limit)[0]:
            raise PeerFailed(self._last_words(f"no answer within {limit:.0f} s"))
        line = self._popen.stdout.readline()
        if not line:
            raise PeerFailed(self._last_words("ended"))
        return json.loads(line)

    def close(self) -> None:
        """End it, by force if need be."""
        with contextlib.suppress(BrokenPipeError):
            self._popen.stdin.close()
        self._popen.terminate()
        try:
            self._popen.wait(5)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
        self._popen.stdout.close()
        self._errors.close()

    def _last_words(self, what: str) -> str:
        self._errors.seek(0)
        lines = self._errors.read().strip().splitlines()
        return f"{what}: {lines[-1]}" if lines else what


class Pair:
    """A peer's server and its client."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.warm = False
        self.server = Process(peer, peer.module, "serve", "--core", str(SERVER_CORE))
        try:
            ready = self.server.answer(START_LIMIT)
            self.client = Process(
                peer, peer.client or peer.module, "client", "--driven", "--core", str(CLIENT_CORE),
                "--address", ready["address"], "--server-pid", str(ready["pid"]),
            )  # fmt: skip
        except BaseException:
            self.server.close()
            raise

    def window(self, cell: Cell, seconds: float) -> dict[str, float] | None:
        """One window, or None if the peer cannot do the workload."""
        self.client.ask(f"{cell} {seconds}")
        result = self.client.answer(START_LIMIT + 10 * seconds)
        return result if "rate" in result else None

    def warm_up(self, cell: Cell, seconds: float, quick: bool) -> None:
        """Before the first window of a cell. A JIT takes its time, most of it with the first cell."""
        if self.peer.java:
            seconds = (QUICK_JIT if quick else JIT)[self.warm]
        self.window(cell, seconds)
        self.warm = True

    def clean_window(self, cell: Cell, seconds: float) -> dict[str, float] | None:
        """A window that nobody disturbed, or the best of some attempts."""
        best: dict[str, float] | None = None
        for _ in range(1 + REPEATS):
            window = self.window(cell, seconds)
            if window is None:
                return None
            if best is None or window["disturbed"] < best["disturbed"]:
                best = window
            if best["disturbed"] <= report.DISTURBED:
                break
        return best

    def close(self) -> None:
        """End both."""
        self.client.close()
        self.server.close()


@contextlib.contextmanager
def started(peers: list[Peer], skipped: dict[str, str]) -> Iterator[list[Pair]]:
    """The pairs of those peers that can run here; why the others cannot goes into ``skipped``."""
    pairs: list[Pair] = []
    try:
        for peer in peers:
            if missing := peer.missing():
                skipped[peer.name] = missing
                continue
            try:
                pairs.append(Pair(peer))
            except PeerFailed as exc:
                skipped[peer.name] = f"server {exc}"
        yield pairs
    finally:
        for pair in pairs:
            pair.close()


def measure(
    pairs: list[Pair], cell: Cell, windows: int, seconds: float, failed: dict[str, str], *, quick: bool = False
) -> dict[str, list[dict[str, float]]]:
    """Per peer its windows of the cell. A peer that fails is left out of this and later cells."""
    results: dict[str, list[dict[str, float]]] = {}
    for number in range(-1, windows):
        turn = number % max(len(pairs), 1)
        for pair in pairs[turn:] + pairs[:turn]:
            name = pair.peer.name
            if name in failed:
                continue
            try:
                if number < 0:
                    pair.warm_up(cell, seconds / 2, quick)
                    continue
                result = pair.clean_window(cell, seconds)
            except PeerFailed as exc:
                failed[name] = f"{cell}: client {exc}"
                results.pop(name, None)
                continue
            if result is not None:
                results.setdefault(name, []).append(result)
    return results


def syscalls(pairs: list[Pair], cell: Cell, failed: dict[str, str]) -> dict[str, dict[str, float]]:
    """Per peer the system calls per call on both sides, counted by strace in a short window of their own.

    A traced process is slower, so this is no measurement of time, and batches may come out smaller.
    """
    counts: dict[str, dict[str, float]] = {}
    for pair in pairs:
        name = pair.peer.name
        if name in failed:
            continue
        with tempfile.TemporaryDirectory() as directory:
            files = {side: Path(directory, side) for side in ("server", "client")}
            tracers = [
                subprocess.Popen(
                    ["strace", "-c", "-f", "-qq", "-o", files[side], "-p", str(getattr(pair, side).pid)],
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
                for side in files
            ]
            try:
                time.sleep(0.3)  # attached; strace has no way to say so
                result = pair.window(cell, 0.5)
            except PeerFailed as exc:
                failed[name] = f"{cell}, traced: client {exc}"
                result = None
            for tracer in tracers:
                tracer.send_signal(signal.SIGINT)
                tracer.wait(10)
            if result is not None:
                totals = {side: _strace_total(file) for side, file in files.items()}
                counts[name] = {side: total / result["calls"] for side, total in totals.items()}
    return counts


def _strace_total(file: Path) -> int:
    match = re.search(r"^\s*100\.00\s+\S+\s+\S+\s+(\d+).* total$", file.read_text(), re.MULTILINE)
    return int(match[1]) if match else 0


def can_trace() -> str:
    """Empty if strace works here, else why not."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    child = subprocess.Popen(["sleep", "1"])
    done = subprocess.run(
        ["strace", "-c", "-o", os.devnull, "-p", str(child.pid)], capture_output=True, text=True, check=False
    )
    child.wait()
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["strace failed"])[-1]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Calls against peers, side by side.")
    parser.add_argument("--quick", action="store_true", help="3 windows of 0.3 s: a look, not a figure")
    parser.add_argument("--workloads", nargs="+", metavar="CELL", default=list(map(str, CELLS)),
                        help="such as W1@32; W1 alone means W1 @1 @4 @16 @32 @256")  # fmt: skip
    parser.add_argument("--peers", nargs="+", metavar="NAME", help="rows whose name contains one of these")
    parser.add_argument(
        "--java", action="store_true", help="also Dubbo Java, alone and with rpcore (a JDK, and minutes)"
    )
    parser.add_argument("--windows", type=int, help="rounds per cell (default 5)")
    parser.add_argument("--seconds", type=float, help="length of a window (default 1)")
    parser.add_argument("--realtime", action="store_true", help="go before other programs (Linux, root)")
    parser.add_argument("--no-syscalls", action="store_true", help="do not count system calls")
    parser.add_argument("--json", type=Path, default=RESULTS / "calls.json", help="where the results go")
    args = parser.parse_args()
    windows = args.windows or (3 if args.quick else 5)
    seconds = args.seconds or (0.3 if args.quick else 1.0)
    try:
        cells = [
            Cell.parse(text)
            for word in args.workloads
            for text in ([f"{word}@{n}" for n in (1, 4, 16, 32, 256)] if word in VALUES else [word])
        ]
    except ValueError as exc:
        parser.error(str(exc))
    peers = [p for p in PEERS if any(word in p.name for word in args.peers or [""]) and (args.java or not p.java)]
    if not peers:
        parser.error(f"--peers: none of {', '.join(p.name for p in PEERS)} contains {args.peers}")

    if args.realtime:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))  # the peers' processes inherit it
    skipped: dict[str, str] = {}
    no_trace = "not asked for" if args.no_syscalls else can_trace()
    results: dict[str, Any] = {"about": report.about(windows, seconds), "skipped": skipped, "cells": {}}
    with started(peers, skipped) as pairs:
        for cell in cells:
            print(f"{cell} ...", file=sys.stderr, flush=True)
            measured = measure(pairs, cell, windows, seconds, skipped, quick=args.quick)
            counted = {} if no_trace else syscalls(pairs, cell, skipped)
            results["cells"][str(cell)] = {"windows": measured, "syscalls": counted}
    if no_trace:
        results["about"]["syscalls"] = f"not counted: {no_trace}"

    text = report.tables(results)
    args.json.parent.mkdir(parents=True, exist_ok=True)
    args.json.write_text(json.dumps(results, indent=1))
    args.json.with_suffix(".md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
