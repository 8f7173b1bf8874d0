"""The codec against msgspec, msgpack and ormsgpack: the W2 record, encoded and decoded, in one process.

    python -m bench.codec [--rounds N] [--json FILE]

Caveats first. Times are CPU time, in many short rounds that all cases take in turn; a ratio is the median of the
rounds' own ratios, so that a busy machine disturbs both sides alike: trust the ratios, not the digits. Every library
is used on its own fast path (a reused typed decoder). What they check differs: msgspec trusts the types of what it
encodes, rpcore checks every value; msgpack and ormsgpack check nothing and stop at dicts, so that turning the record
into a dict, and back, comes on top ("by hand").
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import msgpack
import msgspec
import ormsgpack

from rpcore.plan import compile_type

LOOPS = 1_000
PLAIN, STRUCT = "msgspec, dataclass", "msgspec, Struct"


@dataclass
class Address:
    street: str
    city: str
    zip_code: str
    country: str


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


@dataclass(frozen=True)
class FrozenAddress:
    street: str
    city: str
    zip_code: str
    country: str


@dataclass(frozen=True)
class FrozenRecord:
    id: int
    name: str
    email: str
    tags: list[str]
    address: FrozenAddress
    scores: list[float]
    visits: int
    active: bool


@dataclass(slots=True)
class SlotsAddress:
    street: str
    city: str
    zip_code: str
    country: str


@dataclass(slots=True)
class SlotsRecord:
    id: int
    name: str
    email: str
    tags: list[str]
    address: SlotsAddress
    scores: list[float]
    visits: int
    active: bool


class StructAddress(msgspec.Struct):
    street: str
    city: str
    zip_code: str
    country: str


class StructRecord(msgspec.Struct):
    id: int
    name: str
    email: str
    tags: list[str]
    address: StructAddress
    scores: list[float]
    visits: int
    active: bool


def sample(record: Callable[..., Any], address: Callable[..., Any]) -> Any:
    """The same record, of a given class."""
    return record(
        123_456,
        "Ada Lovelace",
        "ada@example.com",
        [f"tag-number-{i}" for i in range(8)],
        address("12 St James's Square", "London", "SW1Y 4JH", "United Kingdom"),
        [i * 1.1 for i in range(16)],
        77,
        True,
    )


def by_hand(value: Record) -> dict[str, Any]:
    """The record as dicts, as code written for it would do."""
    return {**vars(value), "address": vars(value.address)}


def from_dict(plain: dict[str, Any]) -> Record:
    """The inverse of ``by_hand``."""
    return Record(**{**plain, "address": Address(**plain["address"])})


@dataclass(frozen=True)
class Case:
    """One codec on one class: the two functions, and what they are given."""

    name: str
    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]
    value: Any
    body: bytes


def cases() -> list[Case]:
    """Every case; all bodies are the same bytes."""
    classes: list[tuple[str, Any, Any]] = [
        ("dataclass", Record, Address),
        ("frozen dataclass", FrozenRecord, FrozenAddress),
        ("slots dataclass", SlotsRecord, SlotsAddress),
        ("Struct", StructRecord, StructAddress),
    ]
    encoder = msgspec.msgpack.Encoder()
    body = encoder.encode(sample(Record, Address))
    found = []
    for name, record, address in classes:
        plan = compile_type(record)
        decoder = msgspec.msgpack.Decoder(record)
        # A value for each: msgspec gives a dataclass instance a dict of its own, which slows down other readers.
        found.append(Case(f"rpcore, {name}", plan.dumps, plan.loads, sample(record, address), body))
        found.append(Case(f"msgspec, {name}", encoder.encode, decoder.decode, sample(record, address), body))
    value = sample(Record, Address)
    pack, unpack = msgpack.Packer().pack, msgpack.unpackb
    found += [
        Case("msgpack, dict", pack, unpack, by_hand(value), body),
        Case(
            "msgpack, dataclass by hand",
            lambda value: pack(by_hand(value)),
            lambda body: from_dict(unpack(body)),
            value,
            body,
        ),
        Case("ormsgpack, dict", ormsgpack.packb, ormsgpack.unpackb, by_hand(value), body),
        Case("ormsgpack, dataclass", ormsgpack.packb, lambda body: from_dict(ormsgpack.unpackb(body)), value, body),
    ]
    for case in found:
        if case.encode(case.value) != body or case.decode(body) != case.value:
            raise SystemExit(f"{case.name}: a wrong result")
    return found


def one_round(function: Callable[[Any], Any], argument: Any) -> float:
    """Nanoseconds of CPU per call."""
    loops = range(LOOPS)
    start = time.process_time_ns()
    for _ in loops:
        function(argument)
    return (time.process_time_ns() - start) / LOOPS


def measure(rounds: int) -> list[dict[str, Any]]:
    """Per case the nanoseconds (best round), and how many times as fast as msgspec it is (median over rounds)."""
    every = cases()
    took: dict[tuple[str, str], list[float]] = defaultdict(list)
    for _ in range(rounds):
        for case in every:
            took[case.name, "encode"].append(one_round(case.encode, case.value))
            took[case.name, "decode"].append(one_round(case.decode, case.body))
    rows = []
    for case in every:
        row: dict[str, Any] = {"codec": case.name}
        same = case.name.replace("rpcore", "msgspec") if case.name.startswith("rpcore") else PLAIN
        for way in ("encode", "decode"):
            mine = took[case.name, way]
            row[f"{way}_ns"] = min(mine)
            for label, peer in (("same", same), ("struct", STRUCT)):
                row[f"{way}_vs_{label}"] = median(p / m for p, m in zip(took[peer, way], mine, strict=True))
        rows.append(row)
    return rows


def main() -> None:
    """Measure, print a table, and write JSON when asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=100, help="rounds of 1,000 calls (default 100)")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    rows = measure(options.rounds)
    versions = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        **{module.__name__: getattr(module, "__version__", "?") for module in (msgspec, ormsgpack)},
        "msgpack": ".".join(map(str, msgpack.version)),
    }
    print(", ".join(f"{name} {version}" for name, version in versions.items()))
    print(f"{'':28}{'encode':>9}{'decode':>9}   times as fast as msgspec on the same class (on a Struct)")
    for row in rows:
        print(
            f"{row['codec']:28}{row['encode_ns']:6.0f} ns{row['decode_ns']:6.0f} ns"
            f"   encode {row['encode_vs_same']:.2f} ({row['encode_vs_struct']:.2f})"
            f"   decode {row['decode_vs_same']:.2f} ({row['decode_vs_struct']:.2f})"
        )
    if options.json:
        options.json.write_text(json.dumps({"versions": versions, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
