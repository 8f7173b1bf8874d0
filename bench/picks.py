"""Choosing a provider among 1 to 10,000: the pick alone, and a whole call. ``python -m bench.picks``

The pick must not cost more where there are more providers. In a whole call it is not alone: with one
provider, calls in flight share a connection and so their frames share system calls, with many they do not.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import timeit
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import rpcore
from bench import harness, report
from bench.peers.rpcore_peer import Echo, Echoes
from bench.workloads import VALUES
from rpcore import loadbalance

BALANCERS = ("random", "roundrobin", "leastactive")
COUNTS = (1, 10, 100, 1_000, 10_000)
INFLIGHT = (1, 32)


# ---------------------------------------------------------------------------------------------- the pick


def pick_ns(balancer: str, count: int, repeats: int) -> float:
    """Nanoseconds of one pick from Python, the call included; the median of some runs of 100,000.

    Weights differ, and for leastactive calls are in flight: each pick is begun, and one begun earlier ended.
    """
    rng = random.Random(count)
    key = rpcore.ServiceKey("bench.Echo")
    nodes = []
    for n in range(count):
        instance = rpcore.Instance(key, f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", 20880, weight=rng.randint(50, 150))
        node = loadbalance.Node(instance)
        node.weight = instance.weight
        nodes.append(node)
    picker = loadbalance.build(balancer, tuple(nodes), seed=1)
    if balancer == "leastactive":
        timer = timeit.Timer(
            "node = pick(); node.begin(); put(node); take().end()",
            globals=_in_flight(picker),
        )
    else:
        timer = timeit.Timer("pick()", globals={"pick": picker.pick})
    timer.timeit(20_000)
    return statistics.median(timer.timeit(100_000) for _ in range(repeats)) / 100_000 * 1e9


def _in_flight(picker: loadbalance.Picker, calls: int = 32) -> dict[str, Callable[..., Any]]:
    from collections import deque

    running: deque[loadbalance.Node] = deque()
    for _ in range(calls):
        node = picker.pick()
        node.begin()
        running.append(node)
    return {"pick": picker.pick, "put": running.append, "take": running.popleft}


# -------------------------------------------------------------------------------------------- whole calls


@contextmanager
def addresses(most: int) -> Iterator[list[str]]:
    """Addresses of one server: a Unix socket under many names, each of them a provider to the client."""
    with tempfile.TemporaryDirectory() as directory:
        socket = Path(directory, "socket")
        links = [Path(directory, str(n)) for n in range(most)]
        for link in links:
            link.symlink_to(socket)
        server = subprocess.Popen(
            [sys.executable, "-m", "bench.picks", "--serve", str(socket)], stdout=subprocess.PIPE, text=True
        )
        try:
            assert server.stdout is not None
            server.stdout.readline()
            yield [f"unix:{link}" for link in links]
        finally:
            server.send_signal(signal.SIGTERM)
            server.communicate(timeout=30)


async def serve(path: str) -> None:
    """The server process of `addresses`."""
    server = rpcore.Server(host=f"unix:{path}", register=False, grace=1)
    server.export(Echo, Echoes())
    async with server:
        print("ready", flush=True)
        await harness.forever()


async def call_us(balancer: str, urls: list[str], seconds: float) -> dict[str, float]:
    """Microseconds per call, by calls in flight, once every provider is connected."""
    async with rpcore.Client(application="bench") as client:
        every = client.refer(Echo, url=urls, loadbalance="roundrobin", timeout=30)
        value = VALUES["W1"]
        for _ in range(0, 2 * len(urls), 100):
            await asyncio.gather(*(every.text(value) for _ in range(100)))
        text = client.refer(Echo, url=urls, loadbalance=balancer).text
        found = {}
        for inflight in INFLIGHT:
            running = [True]
            calls = 0

            async def caller(text: Any = text, running: list[bool] = running) -> None:
                nonlocal calls
                while running:
                    await text(value)
                    calls += 1

            asyncio.get_running_loop().call_later(seconds, running.clear)
            start = time.perf_counter()
            await asyncio.gather(*(caller() for _ in range(inflight)))
            found[f"call@{inflight}_us"] = 1e6 * (time.perf_counter() - start) / calls
        return found


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="The cost of choosing a provider.")
    parser.add_argument("--quick", action="store_true", help="shorter, and no whole calls")
    parser.add_argument("--json", type=Path, default=Path(__file__).parent / "results" / "picks.json")
    parser.add_argument("--serve", metavar="PATH", help=argparse.SUPPRESS)
    args = parser.parse_args()
    _raise_descriptor_limit()
    if args.serve:
        harness.pin(0)
        harness.run_async(serve(args.serve))
        return
    harness.pin(1)
    rows: list[dict[str, Any]] = [
        {
            "balancer": balancer,
            "providers": count,
            "pick_ns": pick_ns(balancer, count, 3 if args.quick else 9),
        }
        for balancer in BALANCERS
        for count in COUNTS
    ]
    if not args.quick:
        with addresses(max(COUNTS)) as urls:
            for row in rows:
                row |= harness.run_async(call_us(row["balancer"], urls[: row["providers"]], 1.0))
    args.json.parent.mkdir(parents=True, exist_ok=True)
    args.json.write_text(json.dumps(rows, indent=1))
    heads = list(rows[0])
    print(report.markdown([heads, *([report.number(v) for v in row.values()] for row in rows)]))
    print("\nleastactive includes the begin and end of a call, which keep its counts.")


def _raise_descriptor_limit() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    main()
