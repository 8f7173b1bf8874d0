"""What is called: four echoes, with generated inputs that are the same in every run and every process."""

from __future__ import annotations

import random
import string
from dataclasses import dataclass
from typing import Any

from rpcore.types import wire_name


@wire_name("bench.Author")
@dataclass
class Author:
    """The record inside the record."""

    name: str
    mail: str
    city: str
    team: str


@wire_name("bench.Record")
@dataclass
class Record:
    """About 410 bytes as a msgpack map by field name."""

    id: int
    title: str
    summary: str
    tags: list[str]
    author: Author
    scores: list[float]
    revision: int
    published: bool


def record() -> Record:
    """The record of W2."""
    rng = random.Random(7)

    def word(length: int) -> str:
        return "".join(rng.choices(string.ascii_lowercase, k=length))

    return Record(
        id=rng.randrange(2**40, 2**41),
        title=word(20),
        summary=word(40),
        tags=[word(6) for _ in range(8)],
        author=Author(word(10), f"{word(8)}@example.org", word(8), word(8)),
        scores=[rng.random() for _ in range(16)],
        revision=rng.randrange(100),
        published=True,
    )


VALUES: dict[str, Any] = {
    "W1": "sixteen-byte-str",
    "W2": record(),
    "W3": random.Random(3).randbytes(64 * 1024),
    "W4": random.Random(4).randbytes(1024 * 1024),
}

TITLES = {"W1": "16-byte str", "W2": "record of ~410 bytes", "W3": "64 KiB bytes", "W4": "1 MiB bytes"}


@dataclass(frozen=True)
class Cell:
    """A workload with so many calls in flight, written ``W1@32``."""

    workload: str
    inflight: int

    @classmethod
    def parse(cls, text: str) -> Cell:
        """The inverse of ``str``."""
        workload, _, inflight = text.partition("@")
        if workload not in VALUES or not inflight.isdigit() or int(inflight) < 1:
            raise ValueError(f"{text!r}: expected one of {', '.join(VALUES)}, an @ and the calls in flight")
        return cls(workload, int(inflight))

    def __str__(self) -> str:
        return f"{self.workload}@{self.inflight}"


CELLS = [Cell.parse(text) for text in ("W1@1", "W1@32", "W1@256", "W2@32", "W3@16", "W4@4")]
"""What is measured unless told otherwise."""
