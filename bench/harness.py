"""The two processes of a peer: a server that says where it listens, a client that measures windows of calls.

A peer module gives ``main`` a ``serve`` function and a client, either asynchronous (calls in flight are tasks
on one connection) or threaded (calls in flight are threads with a connection each); the way of measuring is
the same for all. Run alone, a client measures the cells it is given and prints one JSON line for each; under
``--driven`` it reads its cells from stdin, as `bench.run` does it to let the peers take turns.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.workloads import Cell

SAMPLED = 8
"""Every so many calls in flight one has its latencies taken, so that taking them costs the others nothing."""


@dataclass(frozen=True)
class Call:
    """How a client calls one workload. ``value`` is in the peer's own type."""

    function: Callable[[Any], Any]
    value: Any


Calls = dict[str, Call]
"""By workload name; what a peer cannot do is absent."""

Serve = Callable[[str, Callable[[str], None]], None]
"""``serve(mode, ready)`` calls ``ready("host:port")`` once and serves until it is terminated."""

AsyncClient = Callable[[str, str], AbstractAsyncContextManager[Calls]]
ThreadedClient = Callable[[str, str], AbstractContextManager[Calls]]
"""``client(mode, address)``: a connected client; a threaded one is entered in each thread."""


@dataclass
class Window:
    """What was measured between the start of the first call and the end of the last."""

    calls: int
    seconds: float
    client_cpu: float
    server_cpu: float
    disturbed: float
    latencies: list[float]

    def summary(self) -> dict[str, float]:
        """Rates, percentiles and CPU in calls/s and µs."""
        ordered = sorted(self.latencies)
        return {
            "calls": self.calls,
            "rate": self.calls / self.seconds,
            "p50_us": 1e6 * ordered[len(ordered) // 2],
            "p99_us": 1e6 * ordered[len(ordered) * 99 // 100],
            "client_cpu_us": 1e6 * self.client_cpu / self.calls,
            "server_cpu_us": 1e6 * self.server_cpu / self.calls,
            "disturbed": self.disturbed,
        }


def main(serve: Serve, *, client: AsyncClient | None = None, threaded: ThreadedClient | None = None) -> None:
    """The command line of a peer module."""
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    for command in ("serve", "client"):
        sub = commands.add_parser(command)
        sub.add_argument("--mode", default="", help="the peer's variant, where it has some")
        sub.add_argument("--core", type=int, help="run on this core only")
        if command == "client":
            sub.add_argument("--address", required=True)
            sub.add_argument("--server-pid", type=int, default=0, help="whose CPU time to count")
            sub.add_argument("--seconds", type=float, default=1.0)
            sub.add_argument("--driven", action="store_true", help="read 'CELL SECONDS' lines from stdin")
            sub.add_argument("cells", nargs="*", type=Cell.parse)
    args = parser.parse_args()
    pin(args.core)
    if args.command == "serve":
        serve(args.mode, lambda address: print(json.dumps({"address": address, "pid": os.getpid()}), flush=True))
    elif client is not None:
        run_async(_measure_async(client, args))
    elif threaded is not None:
        _measure_threaded(threaded, args)


def run_async(main: Awaitable[Any]) -> Any:
    """``asyncio.run`` on uvloop where it is installed: every asynchronous peer gets the same loop."""

    async def body() -> Any:
        return await main

    try:
        import uvloop
    except ImportError:
        return asyncio.run(body())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(body())


async def forever() -> None:
    """Until SIGTERM, by which every server ends; returns, so that what its caller opened is closed."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await stopped.wait()


def pin(core: int | None) -> None:
    """Keep this process on ``core``, where the platform can."""
    if core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})


def cpu_of(pid: int) -> float:
    """CPU seconds that all threads of ``pid`` have used, in nanosecond steps; 0 where /proc does not tell."""
    total = 0
    for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            total += int(task.read_text().split()[0])
        except OSError:  # a thread that has just ended
            continue
    return total / 1e9


def cpu_of_core(pid: int) -> float:
    """CPU seconds that everybody has used of the core ``pid`` is pinned to; 0 if it is not pinned.

    Counts what the hypervisor gave to others too. In steps of 10 ms.
    """
    try:
        cores = os.sched_getaffinity(pid)
        lines = Path("/proc/stat").read_text().splitlines()
    except (AttributeError, OSError):
        return 0.0
    if len(cores) != 1:
        return 0.0
    fields = next(line.split() for line in lines if line.startswith(f"cpu{min(cores)} "))
    user, nice, system, steal = (int(fields[n]) for n in (1, 2, 3, 8))
    return (user + nice + system + steal) / os.sysconf("SC_CLK_TCK")


class Meter:
    """Reads the clocks at the start of a window, and at its end makes the `Window`."""

    def __init__(self, server_pid: int, client_pid: int | None = None) -> None:
        self._pids = client_pid or os.getpid(), server_pid
        self._start = self._read()

    def _read(self) -> list[float]:
        return [
            time.perf_counter(),
            *(cpu_of(pid) for pid in self._pids),
            *(cpu_of_core(pid) if pid else 0.0 for pid in self._pids),
        ]

    def window(self, calls: int, latencies: list[float]) -> Window:
        """What happened since."""
        seconds, client, server, client_core, server_core = (
            now - then for then, now in zip(self._start, self._read(), strict=True)
        )
        disturbed = max(client_core - client, server_core - server, 0.0) / seconds
        return Window(calls, seconds, client, server, disturbed, latencies)


def _next_cells(args: argparse.Namespace) -> Iterable[tuple[Cell, float]]:
    if not args.driven:
        yield from ((cell, args.seconds) for cell in args.cells)
        return
    for line in sys.stdin:
        cell, seconds = line.split()
        yield Cell.parse(cell), float(seconds)


def _print(cell: Cell, result: Window | None) -> None:
    print(json.dumps({"cell": str(cell), **(result.summary() if result else {})}), flush=True)


# ------------------------------------------------------------------------------------------ asynchronous


async def _measure_async(client: AsyncClient, args: argparse.Namespace) -> None:
    async with client(args.mode, args.address) as calls:
        cells = iter(_next_cells(args))
        # Waiting for the next cell in a thread keeps the loop alive for heartbeats and closed connections.
        while (item := await asyncio.to_thread(next, cells, None)) is not None:
            cell, seconds = item
            call = calls.get(cell.workload)
            _print(cell, call and await _window_async(call, cell.inflight, seconds, args.server_pid))


async def _window_async(call: Call, inflight: int, seconds: float, server_pid: int) -> Window:
    running = [True]
    latencies: list[float] = []

    async def caller(function: Callable[[Any], Awaitable[Any]], value: Any) -> int:
        calls = 0
        while running:
            await function(value)
            calls += 1
        return calls

    async def timed_caller(function: Callable[[Any], Awaitable[Any]], value: Any) -> int:
        clock = time.perf_counter
        take = latencies.append
        calls = 0
        while running:
            start = clock()
            await function(value)
            take(clock() - start)
            calls += 1
        return calls

    reply = await call.function(call.value)
    if reply != call.value:
        raise AssertionError(f"the echo of {call.value!r:.60} is {reply!r:.60}")
    meter = Meter(server_pid)
    asyncio.get_running_loop().call_later(seconds, running.clear)
    callers = [
        asyncio.ensure_future((caller if n % SAMPLED else timed_caller)(call.function, call.value))
        for n in range(inflight)
    ]
    counts = await asyncio.gather(*callers)
    return meter.window(sum(counts), latencies)


# ---------------------------------------------------------------------------------------------- threaded


class _Threads:
    """Callers that stay connected from window to window; a window uses the first ``inflight`` of them."""

    def __init__(self, client: ThreadedClient, args: argparse.Namespace) -> None:
        self._client = client
        self._args = args
        self._threads: list[_Caller] = []

    def window(self, cell: Cell, seconds: float) -> Window | None:
        while len(self._threads) < cell.inflight:
            self._threads.append(_Caller(self._client, self._args, timed=len(self._threads) % SAMPLED == 0))
        callers = self._threads[: cell.inflight]
        if cell.workload not in callers[0].calls:
            return None
        running = [True]
        meter = Meter(self._args.server_pid)
        for caller in callers:
            caller.start_window(cell.workload, running)
        time.sleep(seconds)
        running.clear()
        counts = [caller.end_window() for caller in callers]
        return meter.window(sum(counts), [latency for caller in callers for latency in caller.latencies])

    def close(self) -> None:
        for caller in self._threads:
            caller.close()


class _Caller:
    """One thread with its own connection."""

    def __init__(self, client: ThreadedClient, args: argparse.Namespace, *, timed: bool) -> None:
        self.calls: Calls = {}
        self.latencies: list[float] = []
        self._timed = timed
        self._window: tuple[str, list[bool]] | None = None
        self._wake = threading.Semaphore(0)
        self._done = threading.Semaphore(0)
        self._count = 0
        self._thread = threading.Thread(target=self._run, args=(client, args), daemon=True)
        self._thread.start()
        self._done.acquire()

    def start_window(self, workload: str, running: list[bool]) -> None:
        self._window = workload, running
        self._wake.release()

    def end_window(self) -> int:
        self._done.acquire()
        return self._count

    def close(self) -> None:
        self._window = None
        self._wake.release()
        self._thread.join()

    def _run(self, client: ThreadedClient, args: argparse.Namespace) -> None:
        with client(args.mode, args.address) as self.calls:
            self._done.release()
            while True:
                self._wake.acquire()
                if self._window is None:
                    return
                workload, running = self._window
                call = self.calls[workload]
                self._call_until(running, call.function, call.value)
                self._done.release()

    def _call_until(self, running: list[bool], function: Callable[[Any], Any], value: Any) -> None:
        self.latencies = []
        calls = 0
        if self._timed:
            clock, take = time.perf_counter, self.latencies.append
            while running:
                start = clock()
                function(value)
                take(clock() - start)
                calls += 1
        else:
            while running:
                function(value)
                calls += 1
        self._count = calls


def _measure_threaded(client: ThreadedClient, args: argparse.Namespace) -> None:
    threads = _Threads(client, args)
    for cell, seconds in _next_cells(args):
        _print(cell, threads.window(cell, seconds))
    threads.close()
