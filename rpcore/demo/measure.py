"""Counting: what the consumer's reports say about a stretch of time."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field

from rpcore.demo.consumer import Report


@dataclass(slots=True)
class Measures:
    """Calls within one stretch of time."""

    seconds: float = 0.0
    latencies: array[float] = field(default_factory=lambda: array("f"))
    errors: Counter[str] = field(default_factory=Counter)
    wrong: int = 0
    retries: int = 0
    attempts: Counter[str] = field(default_factory=Counter)

    def add(self, report: Report, seconds: float) -> None:
        """Count what one report says about ``seconds`` of time."""
        self.seconds += seconds
        self.latencies.frombytes(report["latencies"])
        self.errors.update(report["errors"])
        self.wrong += report["wrong"]
        self.retries += report["retries"]
        self.attempts.update(report["attempts"])

    @property
    def answered(self) -> int:
        return len(self.latencies)

    @property
    def failed(self) -> int:
        return self.errors.total()

    @property
    def rate(self) -> float:
        """Answered calls per second."""
        return self.answered / self.seconds if self.seconds else 0.0

    def percentiles(self) -> tuple[float, float, float]:
        """Seconds: the median, the 99th percentile and the longest call; zeros without calls."""
        ordered = sorted(self.latencies)
        if not ordered:
            return 0.0, 0.0, 0.0
        last = len(ordered) - 1
        return ordered[last // 2], ordered[min(round(last * 0.99), last)], ordered[last]

    def shares(self) -> dict[str, float]:
        """Provider address -> its part of all attempts, from 0 to 1."""
        total = self.attempts.total()
        return {address: count / total for address, count in self.attempts.items()} if total else {}


@dataclass(slots=True)
class Phase:
    """One chapter: what was done, what came of it, and the calls meanwhile."""

    title: str
    outcome: str = ""
    measures: Measures = field(default_factory=Measures)
