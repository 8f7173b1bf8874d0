"""hessian2 against typed msgpack: the W2 record as a registered class, encoded and decoded, in one process.

    python -m bench.hessian [--rounds N]

Caveats first. Times are CPU time, in many short rounds that both serializations take in turn; a ratio is the median of
the rounds' own ratios. Writer and reader are reused as a connection reuses them, so that a definition that was read
before is recognised; the bodies hold the definitions all the same.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

from bench.codec import sample
from rpcore._codec import HessianReader, HessianWriter
from rpcore.plan import compile_type
from rpcore.types import wire_name

LOOPS = 1_000


@wire_name("org.demo.Address")
@dataclass
class Address:
    street: str
    city: str
    zip_code: str
    country: str


@wire_name("org.demo.Record")
@dataclass
class Record:
    id: int
    name: str
    email: str
    tags: list[str]
    address: Address
    scores: list[float]
    visits: int
    active: bool


def nanoseconds(function: Callable[..., Any], *args: Any) -> float:
    """CPU time of one call."""
    start = time.process_time_ns()
    for _ in range(LOOPS):
        function(*args)
    return (time.process_time_ns() - start) / LOOPS


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=50)
    rounds: int = parser.parse_args().rounds
    value = sample(Record, Address)
    plan = compile_type(Record, root="")
    writer, reader = HessianWriter(), HessianReader()
    packed, body = plan.dumps(value), writer.dumps(plan, value)
    assert reader.loads(body, plan) == plan.loads(packed) == value
    untyped = reader.loads(body)
    assert untyped == value
    cases: dict[str, tuple[Callable[..., Any], ...] | Any] = {
        "msgpack encode": (plan.dumps, value),
        "hessian2 encode": (writer.dumps, plan, value),
        "msgpack decode": (plan.loads, packed),
        "hessian2 decode": (reader.loads, body, plan),
        "hessian2 decode as Any": (reader.loads, body),
    }
    times: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, (function, *args) in cases.items():
            times[name].append(nanoseconds(function, *args))
    print(f"bodies: msgpack {len(packed)} bytes, hessian2 {len(body)} bytes")
    for name, found in times.items():
        against = times["msgpack " + name.split()[1]]
        speed = median(a / b for a, b in zip(against, found, strict=True))
        print(f"{name:24s}{median(found):7.0f} ns   {speed:.2f} x msgpack")


if __name__ == "__main__":
    main()
