"""How much of its weight a provider gets while it is new and its caches are cold.

The weight grows linearly from 1 to the published weight during ``warmup`` seconds, in whole steps, as in
Dubbo 3 (AbstractLoadBalance.calculateWarmupWeight). Functions of numbers only; the directory keeps the times.
"""

from __future__ import annotations

LARGEST_WEIGHT = 2**31 - 1
"""Java's weights are 32-bit numbers, and so are the pickers'."""


def age_of(timestamp: float, wall: float) -> float:
    """Seconds since a published start; 0 for a start in the future, which is a provider whose clock is ahead.

    Registries carry Java's milliseconds and Go's seconds under one name. A start that cannot be meant as it
    stands is read in the other unit: beyond 100 times the age of the epoch it was not seconds, and below a
    thousandth of it (January 1970) it was seconds that somebody divided by 1000.

    Args:
        timestamp: when the provider started, seconds since the epoch.
        wall: now, seconds since the epoch.
    """
    if timestamp > 100 * wall:
        timestamp /= 1000
    elif timestamp * 1000 < 1.001 * wall:
        timestamp *= 1000
    return max(0.0, wall - timestamp)


def weight_at(age: float, weight: int, warmup: float) -> int:
    """The effective weight of a provider that started ``age`` seconds ago.

    Between 1 and ``weight`` during the first ``warmup`` seconds, ``weight`` later. A weight of 0 or less
    means "no traffic" and gives 0; one above ``LARGEST_WEIGHT`` counts as that.
    """
    if weight <= 0:
        return 0
    weight = min(weight, LARGEST_WEIGHT)
    if age >= warmup:
        return weight
    return min(max(int(age / (warmup / weight)), 1), weight)
