"""Dubbo Java 3.3: its own protocol and hessian2, results as futures, all calls in flight on one connection.

The JVMs are of bench/java, pinned to the core like every peer; this process only passes on what they say.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.harness import Meter, pin
from bench.java_rig import Java
from bench.workloads import VALUES, Cell
from rpcore._codec import hessian_dumps
from rpcore.plan import compile_type

START_LIMIT = 60.0


def free_port() -> int:
    """One that nobody listens at."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def serve(core: int | None) -> None:
    """A provider, until this process is terminated."""
    java = Java("Provider", str(free_port()), core=core)
    try:
        print(json.dumps(java.answer(START_LIMIT)), flush=True)
        signal.pause()
    finally:
        java.close()


def client(address: str, core: int | None, server_pid: int) -> None:
    """A consumer, for the cells that stdin names."""
    compile_type(Any)  # so that classes with a wire name are known
    with tempfile.TemporaryDirectory() as folder:
        for name, value in VALUES.items():
            Path(folder, name).write_bytes(hessian_dumps(None, value))
        java = Java("Consumer", address, folder, core=core)
        try:
            java.answer(START_LIMIT)
            for line in sys.stdin:
                cell, seconds = line.split()
                meter = Meter(server_pid, java.pid)
                result = java.ask(line.strip(), START_LIMIT + 10 * float(seconds))
                window = meter.window(int(result["calls"]), [])
                print(json.dumps(summary(Cell.parse(cell), result, window)), flush=True)
        finally:
            java.close()


def summary(cell: Cell, result: dict[str, Any], window: Any) -> dict[str, Any]:
    """What other clients say of a window."""
    calls = result["calls"]
    return {
        "cell": str(cell),
        "calls": calls,
        "rate": calls / result["seconds"],
        "p50_us": result["p50_us"],
        "p99_us": result["p99_us"],
        "client_cpu_us": 1e6 * window.client_cpu / calls,
        "server_cpu_us": 1e6 * window.server_cpu / calls,
        "disturbed": window.disturbed,
    }


def main() -> None:
    """The command line, as every peer has it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=("serve", "client"))
    parser.add_argument("--mode", default="")
    parser.add_argument("--core", type=int)
    parser.add_argument("--address", default="")
    parser.add_argument("--server-pid", type=int, default=0)
    parser.add_argument("--driven", action="store_true")
    args = parser.parse_args()
    pin(args.core)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that the JVM is ended, too
    if args.command == "serve":
        serve(args.core)
    else:
        client(args.address, args.core, args.server_pid or os.getppid())


if __name__ == "__main__":
    main()
