"""hessian2 against Java's own, and against typed msgpack: the W2 record as a registered class, encoded and decoded.

    python -m bench.hessian [--quick] [--json FILE]

Caveats first. Java runs hessian-lite as Dubbo 3.3 does (a stream object for each message), on the same core, warmed up
until its JIT has long been done; both sides take turns in windows, and a ratio is the median of the windows' own. Times
are CPU time of the thread that works: what Java's collector and JIT take beside it is not counted, which favours Java.
rpcore's writer and reader are reused as a connection reuses them, so that a definition that was read before is
recognised; the bodies hold the definitions all the same.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from bench import java_rig
from bench.harness import pin
from bench.report import Target, about, markdown, number, verdict
from bench.workloads import Record, record
from rpcore._codec import HessianReader, HessianWriter
from rpcore.plan import compile_type

CORE = 1
LOOPS = 1_000
WARM_UP, QUICK_WARM_UP = 20.0, 3.0
"""Seconds of each of encoding and decoding, before anything is measured."""
JAVA = "Java hessian-lite"
TARGETS = [
    Target("encode", JAVA, 1.0, 2.0, "rpcore hessian2"),
    Target("decode", JAVA, 1.0, 2.0, "rpcore hessian2"),
    Target("encode", "rpcore msgpack", 0.8, 0.95, "rpcore hessian2"),
    Target("decode", "rpcore msgpack", 0.8, 0.95, "rpcore hessian2"),
]

Case = tuple[str, str, Callable[[float], float]]
"""Who, encode or decode, and a function from seconds to nanoseconds for one."""


def timed(function: Callable[..., Any], *args: Any) -> Callable[[float], float]:
    """A case of ours."""

    def window(seconds: float) -> float:
        count, start = 0, time.process_time_ns()
        while True:
            for _ in range(LOOPS):
                function(*args)
            count += LOOPS
            took = time.process_time_ns() - start
            if took >= seconds * 1e9:
                return took / count

    return window


def cases() -> tuple[list[Case], bytes]:
    """Those of rpcore, and the record as hessian2."""
    value = record()
    plan = compile_type(Record, root="")
    writer, reader = HessianWriter(), HessianReader()
    packed, body = plan.dumps(value), writer.dumps(plan, value)
    assert reader.loads(body, plan) == plan.loads(packed) == reader.loads(body) == value
    print(f"bodies: msgpack {len(packed)} bytes, hessian2 {len(body)} bytes")
    found: list[Case] = [
        ("rpcore hessian2", "encode", timed(writer.dumps, plan, value)),
        ("rpcore hessian2", "decode", timed(reader.loads, body, plan)),
        ("rpcore hessian2, Any", "encode", timed(writer.dumps, None, value)),
        ("rpcore hessian2, Any", "decode", timed(reader.loads, body)),
        ("rpcore msgpack", "encode", timed(plan.dumps, value)),
        ("rpcore msgpack", "decode", timed(plan.loads, packed)),
    ]
    return found, body


def java_cases(body: bytes, folder: str, warm_up: float) -> tuple[java_rig.Java, list[Case]]:
    """Java's, warmed up."""
    path = Path(folder, "record")
    path.write_bytes(body)
    java = java_rig.Java("Codec", str(path), core=CORE)
    java.answer(30)
    for _ in range(2):
        for way in ("encode", "decode"):
            java.ask(f"{way} {warm_up / 2}", 60 + 10 * warm_up)

    def window(way: str) -> Callable[[float], float]:
        return lambda seconds: float(java.ask(f"{way} {seconds}", 60)["ns"])

    return java, [(JAVA, way, window(way)) for way in ("encode", "decode")]


def measure(every: list[Case], windows: int, seconds: float) -> dict[str, dict[str, list[float]]]:
    """Nanoseconds, by encode or decode, by case, in windows."""
    times: dict[str, dict[str, list[float]]] = {"encode": {}, "decode": {}}
    for _ in range(windows):
        for name, way, window in every:
            times[way].setdefault(name, []).append(window(seconds))
    return times


def ratio(times: dict[str, list[float]], name: str, reference: str) -> float | None:
    """How many times as fast; None where one was not measured."""
    if name not in times or reference not in times:
        return None
    return median(theirs / ours for ours, theirs in zip(times[name], times[reference], strict=True))


def tables(times: dict[str, dict[str, list[float]]]) -> str:
    """What was measured, and what must be reached."""
    rows = [["ns", "encode", "decode"]]
    for name in times["encode"]:
        rows.append([name, *(number(median(times[way][name])) for way in times)])
    goals = [["", "against", "at least", "reach for", "measured", ""]]
    for target in TARGETS:
        measured = ratio(times[target.cell], target.peer, target.reference)
        if measured is not None:
            goal = [number(target.least), number(target.reach), number(measured), verdict(target, measured)]
            goals.append([f"{target.peer} {target.cell}", target.reference, *goal])
    return f"{markdown(rows)}\n\n{markdown(goals)}"


def main() -> None:
    """Measure, print a table, and write JSON when asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--quick", action="store_true", help=f"a warm-up of {QUICK_WARM_UP:.0f} s: a look, not a figure"
    )
    parser.add_argument("--no-java", action="store_true", help="rpcore's two serializations only")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    windows, seconds = (5, 0.1) if options.quick else (21, 0.3)
    pin(CORE)
    every, body = cases()
    missing = "not asked for" if options.no_java else java_rig.build()
    with tempfile.TemporaryDirectory() as folder:
        if missing:
            print(f"skipped: {JAVA}: {missing}")
            times = measure(every, windows, seconds)
        else:
            java, theirs = java_cases(body, folder, QUICK_WARM_UP if options.quick else WARM_UP)
            try:
                times = measure([*every, *theirs], windows, seconds)
            finally:
                java.close()
    print(tables(times))
    if options.json:
        result = {"about": about(windows, seconds), "java": missing or java_rig.VERSIONS, "ns": times}
        options.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
