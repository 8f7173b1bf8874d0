"""Whether memory stays flat: ``python -m bench.memory`` (``--quick`` for a tenth of the calls)

Each stage first runs a part of its load to fill pools and caches; from there on the resident size of client
and server may not grow by more than `ALLOWED`, however much follows.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import rpcore
from bench import harness, report
from bench.workloads import VALUES

ALLOWED = 4 * 1024 * 1024
"""Bytes: the allocator's own wavering, measured with a process that only echoes."""


@rpcore.interface("bench.Memory")
class Memory(Protocol):
    """What the stages call."""

    async def text(self, value: str) -> str:
        """Echo."""
        ...

    async def blob(self, value: bytes) -> bytes:
        """Echo."""
        ...

    async def never(self, value: str) -> str:
        """No answer until cancelled."""
        ...


class Handlers:
    """The other side."""

    async def text(self, value: str) -> str:
        return value

    async def blob(self, value: bytes) -> bytes:
        return value

    async def never(self, value: str) -> str:
        await asyncio.Event().wait()
        return value


@dataclass
class Stage:
    """A kind of call, so many of them, and how many at once."""

    name: str
    call: Callable[[Any], Awaitable[Any]]
    calls: int
    inflight: int


def _brief(memory: Memory) -> Memory:
    """With a timeout after which the server too gives up on what nobody waits for."""
    return rpcore.bind(memory, timeout=0.02, deadline=0.02)


async def _timed_out(memory: Memory) -> None:
    with contextlib.suppress(rpcore.errors.CallTimeout):
        await memory.never("x")


async def _cancelled(memory: Memory) -> None:
    task = asyncio.ensure_future(memory.never("x"))
    await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


STAGES = [
    Stage("16-byte str", lambda memory: memory.text(VALUES["W1"]), 5_000_000, 256),
    Stage("1 MiB bytes", lambda memory: memory.blob(VALUES["W4"]), 20_000, 4),
    Stage("timeouts", lambda memory: _timed_out(_brief(memory)), 100_000, 500),
    Stage("cancellations", lambda memory: _cancelled(_brief(memory)), 100_000, 500),
]


def resident(pid: int) -> int:
    """Bytes of ``pid`` in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def run_stage(stage: Stage, memory: Memory, calls: int, pids: dict[str, int]) -> dict[str, Any]:
    """Warm up with a fifth, then the whole; the growth of each side since the warm-up."""

    async def caller(count: int) -> None:
        for _ in range(count):
            await stage.call(memory)

    async def load(count: int) -> None:
        await asyncio.gather(*(caller(count // stage.inflight) for _ in range(stage.inflight)))

    await load(calls // 5)
    before = {side: resident(pid) for side, pid in pids.items()}
    await load(calls)
    await asyncio.sleep(0.2)  # what is late by design: cancel frames, timer wheel
    grown = {side: resident(pid) - before[side] for side, pid in pids.items()}
    return {
        "stage": stage.name,
        "calls": calls,
        **{f"{side}_mib": resident(pid) / 2**20 for side, pid in pids.items()},
        **{f"{side}_grown_mib": size / 2**20 for side, size in grown.items()},
        "verdict": "flat" if max(grown.values()) <= ALLOWED else "GREW",
    }


async def serve(registry: str) -> None:
    """The server process."""
    server = rpcore.Server(registry=registry, application="bench", host="127.0.0.1", port=0, grace=1)
    server.export(Memory, Handlers())
    async with server:
        print("ready", flush=True)
        await harness.forever()


async def measure(registry: str, server_pid: int, share: float) -> list[dict[str, Any]]:
    """All stages, one after the other, on one client."""
    async with rpcore.Client(registry=registry, application="bench") as client:
        memory = client.refer(Memory)
        pids = {"client": os.getpid(), "server": server_pid}
        return [await run_stage(stage, memory, int(stage.calls * share), pids) for stage in STAGES]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Whether memory stays flat.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the calls")
    parser.add_argument("--json", type=Path, default=Path(__file__).parent / "results" / "memory.json")
    parser.add_argument("--serve", metavar="REGISTRY", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        harness.run_async(serve(args.serve))
        return
    with tempfile.TemporaryDirectory() as directory:
        registry = f"file://{directory}"
        server = subprocess.Popen(
            [sys.executable, "-m", "bench.memory", "--serve", registry], stdout=subprocess.PIPE, text=True
        )
        try:
            assert server.stdout is not None
            server.stdout.readline()
            rows = harness.run_async(measure(registry, server.pid, 0.1 if args.quick else 1.0))
        finally:
            server.send_signal(signal.SIGTERM)
            server.communicate(timeout=30)
    args.json.parent.mkdir(parents=True, exist_ok=True)
    args.json.write_text(json.dumps(rows, indent=1))
    print(report.markdown([list(rows[0]), *([report.number(v) for v in row.values()] for row in rows)]))
    sys.exit(any(row["verdict"] != "flat" for row in rows))


if __name__ == "__main__":
    main()
