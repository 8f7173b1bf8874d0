"""For the tests of load balancing: nodes, a directory, a clock moved by hand, shares with a tolerance."""

from __future__ import annotations

import heapq
import itertools
import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from rpcore import loadbalance
from rpcore._core import LeastActivePicker, Node, Picker, RandomPicker, RoundRobinPicker
from rpcore.cluster.directory import Directory
from rpcore.cluster.snapshot import Snapshot
from rpcore.model import Instance, ServiceKey

KEY = ServiceKey("org.demo.UserService")
PICKERS = (RandomPicker, RoundRobinPicker, LeastActivePicker)


class Endpoint:
    """Stands for the connections to one address."""

    def __init__(self, usable: bool = True) -> None:
        self.usable = usable


def instance(number: int, weight: int = 100, **fields: Any) -> Instance:
    host = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
    return Instance(KEY, host, 20880, weight=weight, **fields)


def make_nodes(weights: Sequence[int]) -> tuple[Node, ...]:
    return tuple(Node(instance(i, weight), Endpoint()) for i, weight in enumerate(weights))


def order(picker: Picker, picks: int) -> list[int]:
    """Indexes of the nodes picked."""
    index = {node: i for i, node in enumerate(picker.nodes)}
    return [index[picker.pick()] for _ in range(picks)]


def counts(picker: Picker, picks: int) -> list[int]:
    """How often each node was picked."""
    picked = Counter(order(picker, picks))
    return [picked[i] for i in range(len(picker.nodes))]


def improbable(observed: Sequence[int], weights: Sequence[float]) -> bool:
    """Whether counts contradict weights: chi-square beyond its mean by five standard deviations.

    That happens by chance about once in a million for many nodes and in a few thousand for two; the tests
    draw with a fixed seed, so it either happens always or never.
    """
    total, weight = sum(observed), sum(weights)
    expected = [total * w / weight for w in weights]
    assert all(e >= 5 for e in expected if e), "too few picks for the test to mean anything"
    if any(o for o, e in zip(observed, expected, strict=True) if not e):
        return True
    chi: float = sum((o - e) ** 2 / e for o, e in zip(observed, expected, strict=True) if e)
    freedom = sum(1 for e in expected if e) - 1
    return chi > freedom + 5 * math.sqrt(2 * freedom)


class Time:
    """A clock that is moved by hand, and the timers that go by it."""

    def __init__(self) -> None:
        self.now = 5000.0
        self.epoch = 1_764_000_000.0 - self.now
        self._timers: list[tuple[float, int, Timer]] = []
        self._number = itertools.count()

    def clock(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.epoch + self.now

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timer:
        timer = Timer(callback)
        heapq.heappush(self._timers, (self.now + delay, next(self._number), timer))
        return timer

    @property
    def pending(self) -> int:
        return sum(not timer.cancelled for _, _, timer in self._timers)

    def advance(self, seconds: float) -> None:
        """Move on, running what is due on the way."""
        until = self.now + seconds
        while self._timers and self._timers[0][0] <= until:
            due, _, timer = heapq.heappop(self._timers)
            self.now = max(self.now, due)
            if not timer.cancelled:
                timer.callback()
        self.now = until


class Timer:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Consumer:
    """A directory with everything around it: a clock moved by hand and a pool of stand-in endpoints."""

    def __init__(self, **options: Any) -> None:
        self.time = Time()
        self.pool: dict[str, Endpoint] = {}
        self.published: list[Snapshot] = []
        self.removed: list[Node] = []
        self.directory = Directory(
            KEY,
            build=loadbalance.build,
            endpoint_of=lambda instance: self.pool.setdefault(instance.address, Endpoint()),
            clock=self.time.clock,
            wall=self.time.wall,
            call_later=self.time.call_later,
            on_change=self.published.append,
            on_removed=self.removed.extend,
            **options,
        )

    @property
    def now(self) -> Snapshot:
        return self.directory.snapshot

    def list(self, *instances: Instance) -> Snapshot:
        """The registry pushes a list and the loop turns once."""
        self.directory.update(instances)
        self.time.advance(0)
        return self.now

    def usable(self, instance: Instance, usable: bool) -> Snapshot:
        """The connections to an instance go down or come back and the loop turns once."""
        endpoint = self.pool[instance.address]
        endpoint.usable = usable
        self.directory.availability_changed(endpoint)
        self.time.advance(0)
        return self.now
