"""What a hostile hessian2 body costs: a clean error, at most 1 s, at most 8 x the body + 16 MiB.

    python -m bench.hostile [--json FILE]

Every body is decoded in a process of its own, whose largest resident size counts, with the limits that a server has by
default. tests/test_hessian_limits.py holds the same bodies to the same bounds.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from bench.report import markdown
from rpcore._codec import hessian_dumps, hessian_loads
from rpcore.errors import DecodeError
from rpcore.javatypes import BigInteger, GenericObject, TypedList
from rpcore.plan import compile_type

MIB = 1 << 20
BIG = 10 * MIB
MANY = 20_000
SECONDS = 1.0


def most_memory(size: int) -> int:
    """Bytes that decoding a body of ``size`` may take."""
    return 8 * size + 16 * MIB


def repeated(piece: bytes, *, before: bytes = b"", after: bytes = b"") -> bytes:
    """About 10 MB of it."""
    return before + piece * (BIG // len(piece)) + after


def numbered(make: Callable[[bytes], bytes], *, before: bytes = b"", after: bytes = b"") -> bytes:
    """About 10 MB of pieces that all differ, each made from four letters."""
    letters = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    size = len(make(b"aaaa"))
    pieces = (
        make(bytes((letters[n % 62], letters[n // 62 % 62], letters[n // 3844 % 62], letters[n // 238328 % 62])))
        for n in range(BIG // size)
    )
    return before + b"".join(pieces) + after


def of_one_hash(make: Callable[[int], Any], most: int) -> list[Any]:
    """Values that Python gives the same hash: numbers that differ by multiples of the prime it reduces them by."""
    return [make(n * (2**61 - 1)) for n in range(8, most)]


def as_map(keys: list[Any]) -> bytes:
    """A map with these keys, which need not be so that Python could hold it."""
    return b"H" + hessian_dumps(None, *[item for key in keys for item in (key, 1)]) + b"Z"


def zones() -> bytes:
    """Instants in zones that do not exist."""
    name = b"com.alibaba.com.caucho.hessian.io.java8.ZonedDateTimeHandle"
    definition = b"C\x30" + bytes([len(name)]) + name + b"\x93\x06zoneId\x06offset\x08dateTime"
    before = b"W" + hessian_dumps(None, datetime(2000, 1, 1)) + definition
    return numbered(lambda zone: b"\x63\x04" + zone + b"NQ\x91", before=before, after=b"Z")


BODIES: dict[str, Callable[[], bytes]] = {
    "depth of lists": lambda: repeated(b"\x79"),
    "depth of maps": lambda: repeated(b"H"),
    "depth of objects": lambda: repeated(b"\x60", before=b"C\x01a\x91\x01b"),
    "depth of throwables": lambda: repeated(b"\x60", before=b"C\x0bjava.lang.E\x91\x05cause"),
    "count of a list": lambda: b"X\x49\x7f\xff\xff\xff",
    "count of a typed list": lambda: b"V\x04[int\x49\x7f\xff\xff\xff",
    "count of fields": lambda: b"C\x07foo.Bar\x49\x7f\xff\xff\xff",
    "count, as many as bytes": lambda: repeated(b"\x78", before=b"X\x49" + (BIG - 16).to_bytes(4, "big")),
    "a list of itself": lambda: repeated(b"Q\x90", before=b"W", after=b"Z"),
    "lists of lists that are shared": lambda: repeated(b"\x7aQ\x90Q\x91", before=b"W\x78", after=b"Z"),
    "objects that refer to each other": lambda: repeated(b"\x60Q\x90", before=b"C\x01a\x91\x01bW", after=b"Z"),
    "references to nothing": lambda: repeated(b"Q\x49\x7f\xff\xff\xff", before=b"W", after=b"Z"),
    "definitions, one": lambda: repeated(b"C\x01a\x90"),
    "definitions, all different": lambda: numbered(lambda name: b"C\x04" + name + b"\x90"),
    "definitions of many fields": lambda: numbered(lambda name: b"C\x04" + name + b"\x9f" + b"\x01x" * 15),
    "definition of a million fields": lambda: b"C\x01a\x49" + MIB.to_bytes(4, "big") + b"\x04abcd" * (MIB * 2),
    "objects without fields": lambda: repeated(b"\x60", before=b"C\x01a\x90W", after=b"Z"),
    "empty maps": lambda: repeated(b"HZ", before=b"W", after=b"Z"),
    "type names, one": lambda: repeated(b"p\x01a", before=b"W", after=b"Z"),
    "type names, all different": lambda: numbered(lambda name: b"p\x04" + name, before=b"W", after=b"Z"),
    "keys of one hash, BigInteger": lambda: as_map(of_one_hash(BigInteger, MANY)),
    "keys of one hash, UUID": lambda: as_map(of_one_hash(lambda n: UUID(int=n), MANY)),
    "set of one hash": lambda: hessian_dumps(None, TypedList("java.util.HashSet", of_one_hash(BigInteger, MANY))),
    "keys, all different": lambda: numbered(lambda name: b"\x04" + name + b"\x91", before=b"H", after=b"Z"),
    "chunks of one character": lambda: repeated(b"R\x00\x01a", after=b"\x00"),
    "chunks of two characters": lambda: repeated(b"R\x00\x02ab", after=b"\x00"),
    "empty chunks": lambda: repeated(b"R\x00\x00", after=b"\x00"),
    "binary chunks of one byte": lambda: repeated(b"A\x00\x01a", after=b"\x20"),
    "surrogates": lambda: repeated(b"R\x00\x01\xed\xa0\x80", after=b"\x00"),
    "dates": lambda: repeated(b"\x4b\x00\x00\x00\x00", before=b"W", after=b"Z"),
    "decimals": lambda: _objects("java.math.BigDecimal", ["value"], b"\x011"),
    "local dates": lambda: _objects(
        "com.alibaba.com.caucho.hessian.io.java8.LocalDateHandle", ["day", "month", "year"], b"\x91\x91\x91"
    ),
    "instants in zones that do not exist": zones,
    "exceptions": lambda: _objects("java.lang.Exception", ["detailMessage", "stackTrace"], b"NN"),
}
"""All kinds; some are valid, and must be within the same bounds."""


def _objects(name: str, fields: list[str], values: bytes) -> bytes:
    """Many objects of one class."""
    body = hessian_dumps(None, GenericObject(name, [(field, None) for field in fields]))
    start = body.index(b"\x60" + b"N" * len(fields))
    return repeated(b"\x60" + values, before=body[:start] + b"W", after=b"Z")


@dataclass
class Cost:
    """Of one body."""

    name: str
    size: int
    seconds: float
    memory: int
    error: str

    @property
    def within(self) -> bool:
        """Whether it is within the bounds."""
        return self.seconds <= SECONDS and self.memory <= most_memory(self.size)


def measure(name: str) -> Cost:
    """Make a body in one process and decode it in another, whose memory nothing else has used."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["rpcore.plan", "rpcore.javatypes"])
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "body")
        ours, theirs = context.Pipe()
        for target, args in ((_make, (name, file)), (_decode, (name, file, theirs))):
            process = context.Process(target=target, args=args)
            process.start()
            process.join()
            if process.exitcode:
                raise RuntimeError(f"{name}: exit {process.exitcode}")
        cost: Cost = ours.recv()
    return cost


def _make(name: str, file: Path) -> None:
    file.write_bytes(BODIES[name]())


def _decode(name: str, file: Path, pipe: Any) -> None:
    plan = compile_type(Any, root="")
    hessian_loads(hessian_dumps(None, [{"a": 1}, BigInteger(5)]), plan)  # what is imported with the first value
    body = file.read_bytes()
    before, start = _resident(), time.process_time()
    error = ""
    try:
        hessian_loads(body, plan)
    except DecodeError as exc:
        error = str(exc)
    seconds = time.process_time() - start
    pipe.send(Cost(name, len(body), seconds, _resident() - before, error))


def _resident() -> int:
    """The largest resident size so far, in bytes."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most


def main() -> None:
    """The command line. Exits 1 when a bound does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the same; it is quick")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    costs = [measure(name) for name in BODIES]
    rows = [["body", "MiB", "ms", "memory, MiB", "at most", "outcome"]]
    for cost in costs:
        figures = [cost.size / MIB, 1000 * cost.seconds, cost.memory / MIB, most_memory(cost.size) / MIB]
        outcome = ("" if cost.within else "TOO MUCH: ") + (cost.error[-70:] or "is valid")
        rows.append([cost.name, *(f"{figure:.1f}" for figure in figures), outcome])
    print(markdown(rows))
    if options.json:
        options.json.write_text(json.dumps([asdict(cost) for cost in costs], indent=1) + "\n")
    if not all(cost.within for cost in costs):
        sys.exit("a body costs too much")


if __name__ == "__main__":
    main()
