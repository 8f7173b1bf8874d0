"""For the tests of applications and of plugins: a clock that only a test moves, and contracts as checks."""

from __future__ import annotations

from rpcore._check_filter import check_filter
from rpcore._check_registry import check_registry, registry_checks


class ManualClock:
    """Seconds that pass only when the test says so: ``clock()`` reads it, ``clock.advance(0.5)`` moves it."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def __repr__(self) -> str:
        return f"<ManualClock {self.now}>"

    def advance(self, seconds: float) -> None:
        """Move forward. Raises ValueError for a negative step: monotonic clocks take none."""
        if seconds < 0:
            raise ValueError(f"a clock does not go back: advance({seconds})")
        self.now += seconds


__all__ = ["ManualClock", "check_filter", "check_registry", "registry_checks"]
