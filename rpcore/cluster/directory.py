"""Who provides one reference, kept as one immutable ``Snapshot`` that calls read in one attribute access.

The directory hears of three things: the registry's list, connections that go down or come back, and time
while a provider warms up. Each only asks for a look; on the next turn of the loop everything is looked at
once and, if anything differs, one new snapshot replaces the old one in one assignment. So a burst of changes
costs one rebuild.

A provider keeps its ``Node`` (connections, counters, age) as long as its address is listed, whatever else it
publishes. A removed node is no longer picked; calls in flight through it just finish.

An empty list after one with providers is more often a failing registry than the end of all providers
(sessions that expired together, a registry restarting without its data). It is held for ``empty_hold``
seconds while at least one known provider still answers, and believed then, so that dead addresses are not
kept for ever.

No clock, loop or timer of its own: all come from the caller. Not thread-safe, except for reading
``snapshot``.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from rpcore._core import Node
from rpcore.cluster.snapshot import BuildPicker, Snapshot
from rpcore.cluster.warmup import age_of, weight_at
from rpcore.model import Instance, ServiceKey

EMPTY_HOLD = 30.0
"""Seconds for which an empty list is doubted; a ZooKeeper session that expired is renewed well within."""

RAMP_INTERVAL = 1.0
"""Seconds between two looks at the weights of warming providers; Dubbo's default ramp steps every 6 s."""

logger = logging.getLogger("rpcore.cluster")


class Timer(Protocol):
    """What ``call_later`` answers with."""

    def cancel(self) -> Any: ...


class Directory:
    """The providers of one service as one client knows them.

    Args:
        key: the service; every instance handed to ``update`` is one of its providers.
        build: ``rpcore.loadbalance.build``.
        endpoint_of: the shared connections for an instance's address. Called once per new node. The endpoint
            has an attribute ``usable`` and is hashable.
        clock: monotonic seconds.
        wall: seconds since the epoch.
        call_later: ``call_later(seconds, callback)`` gives something with ``cancel()``.
        on_change: told each new snapshot, after it is in ``snapshot``.
        on_removed: told the nodes that the new snapshot no longer has, after ``on_change``. Calls may still
            be in flight through them (``node.active``).
        empty_hold: seconds for which an empty list is doubted; 0 believes it at once.
        seed: makes the choices of all pickers repeatable; by default they start anywhere.
    """

    def __init__(
        self,
        key: ServiceKey,
        *,
        build: BuildPicker,
        endpoint_of: Callable[[Instance], Any],
        clock: Callable[[], float],
        wall: Callable[[], float],
        call_later: Callable[[float, Callable[[], None]], Timer],
        on_change: Callable[[Snapshot], Any],
        on_removed: Callable[[tuple[Node, ...]], Any] | None = None,
        empty_hold: float = EMPTY_HOLD,
        seed: int | None = None,
    ) -> None:
        self.key = key
        self.empty_hold = empty_hold
        self.snapshot = Snapshot(key, build, int.from_bytes(os.urandom(8)) if seed is None else seed)
        self._endpoint_of = endpoint_of
        self._clock = clock
        self._wall = wall
        self._call_later = call_later
        self._on_change = on_change
        self._on_removed = on_removed

        self._nodes: dict[tuple[str, int], Node] = {}
        self._started: dict[Node, float] = {}  # when each provider started, by our clock
        self._ramping: set[Node] = set()
        self._endpoints: set[Any] = set()
        self._listed: tuple[Instance, ...] | None = None  # the registry's list, until it is looked at
        self._held_until: float | None = None
        self._changed = False  # a known provider publishes something else
        self._soon: Timer | None = None  # the look on the next turn of the loop
        self._later: Timer | None = None  # the look when a weight grows or a hold ends
        self._closed = False

    def update(self, instances: Iterable[Instance]) -> None:
        """Take the registry's complete list. Takes effect on the next turn of the loop."""
        self._listed = tuple(instances)
        self._wake()

    def availability_changed(self, endpoint: Any) -> None:
        """Take notice that ``endpoint.usable`` changed. Takes effect on the next turn of the loop."""
        if endpoint in self._endpoints:
            self._wake()

    def close(self) -> None:
        """Stop listening and cancel the timers. The last snapshot stays."""
        self._closed = True
        for timer in (self._soon, self._later):
            if timer is not None:
                timer.cancel()
        self._soon = self._later = None

    def __repr__(self) -> str:
        lines = "".join(f"\n  {node!r}" for node in self.snapshot.nodes)
        return f"<Directory {self.snapshot!r}{lines}>"

    def _wake(self) -> None:
        if self._soon is None and not self._closed:
            self._soon = self._call_later(0.0, self._look)

    def _look(self) -> None:
        """Bring everything up to date and publish a snapshot if anything differs."""
        self._soon = None
        now = self._clock()
        removed = self._take_list(now)
        grown = self._warm_up(now)
        self._arm(now)

        old = self.snapshot
        nodes = tuple(self._nodes.values())
        usable = tuple([node for node in nodes if node.endpoint.usable])
        held = self._held_until is not None
        same = old.known and held == old.held and nodes == old.nodes and usable == old.usable
        if same and not grown and not self._changed:
            return
        self._changed = False
        self.snapshot = old.followed_by(nodes, usable, held=held)
        self._on_change(self.snapshot)
        if removed and self._on_removed is not None:
            self._on_removed(removed)

    def _take_list(self, now: float) -> tuple[Node, ...]:
        """Make the registry's latest list ours, unless it is to be doubted. Returns the nodes now gone."""
        listed, self._listed = self._listed, None
        if listed is None:
            if self._held_until is None:
                return ()
            listed = ()
        if listed or not self._nodes:
            self._held_until = None
            return self._adopt(listed, now)
        answering = any(node.endpoint.usable for node in self._nodes.values())
        if answering and self._held_until is None and self.empty_hold > 0:
            self._held_until = now + self.empty_hold
            logger.warning(
                "%s: the registry lists no provider any more; keeping the %d known ones for up to %g s "
                "while one of them answers (empty_hold)",
                self.key,
                len(self._nodes),
                self.empty_hold,
            )
        if answering and self._held_until is not None and now < self._held_until:
            return ()
        reason = "they had their time (empty_hold)" if answering else "none of them answers"
        logger.warning("%s: dropping all %d providers: unlisted, and %s", self.key, len(self._nodes), reason)
        self._held_until = None
        return self._adopt((), now)

    def _adopt(self, instances: tuple[Instance, ...], now: float) -> tuple[Node, ...]:
        old = self._nodes
        nodes: dict[tuple[str, int], Node] = {}
        for instance in instances:
            address = instance.host, instance.port
            node = old.get(address) or nodes.get(address)
            if node is None:
                node = self._add(instance, now)
            elif node.instance is not instance:
                self._replace(node, instance, now)
            nodes[address] = node
        self._nodes = nodes
        removed = tuple([node for address, node in old.items() if address not in nodes])
        for node in removed:
            self._endpoints.discard(node.endpoint)
            self._ramping.discard(node)
            del self._started[node]
        return removed

    def _add(self, instance: Instance, now: float) -> Node:
        node = Node(instance, self._endpoint_of(instance))
        self._endpoints.add(node.endpoint)
        if instance.timestamp > 0:
            self._started[node] = now - age_of(instance.timestamp, self._wall())
        else:
            # Its start is not published. Whoever is on the first list was there before us; others come now.
            self._started[node] = now if self.snapshot.known else -math.inf
        self._ramping.add(node)
        return node

    def _replace(self, node: Node, instance: Instance, now: float) -> None:
        before = node.instance
        node.update(instance)
        if instance == before:
            return
        self._changed = True
        # A start that is no longer published (some registries lose it) does not make a provider new.
        if instance.timestamp not in (0, before.timestamp):
            self._started[node] = now - age_of(instance.timestamp, self._wall())
        self._ramping.add(node)

    def _warm_up(self, now: float) -> bool:
        """Set the weights that are not yet what is published. Returns whether one changed."""
        grown = False
        for node in tuple(self._ramping):
            instance = node.instance
            age = now - self._started[node]
            weight = weight_at(age, instance.weight, instance.warmup)
            grown = grown or weight != node.weight
            node.weight = weight
            if age >= instance.warmup:
                self._ramping.discard(node)
        return grown

    def _arm(self, now: float) -> None:
        """Set the one timer for what changes by time alone."""
        if self._later is not None:
            self._later.cancel()
            self._later = None
        waits = [RAMP_INTERVAL] if self._ramping else []
        if self._held_until is not None:
            waits.append(self._held_until - now)
        if waits:
            self._later = self._call_later(min(waits), self._time_passed)

    def _time_passed(self) -> None:
        self._later = None
        self._wake()
