"""Least active against a naive model: any sequence of begin and end, on several pickers at once."""

from __future__ import annotations

from collections import Counter

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from balancing import improbable, make_nodes
from rpcore._core import LeastActivePicker, Node


class Calls(RuleBasedStateMachine):
    """Keeps the loads itself and compares what each picker finds with their minimum."""

    @initialize(weights=st.lists(st.sampled_from([0, 1, 2, 3, 50, 100]), min_size=1, max_size=8))
    def start(self, weights: list[int]) -> None:
        self.nodes = make_nodes(weights)
        self.load = Counter(dict.fromkeys(self.nodes, 0))
        self.pickers = [LeastActivePicker(self.nodes, seed=1)]

    @rule(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        self._begin(data.draw(st.sampled_from(self.nodes)))

    @rule(which=st.integers(0, 10))
    def call_the_picked(self, which: int) -> None:
        self._begin(self.pickers[which % len(self.pickers)].pick())

    @precondition(lambda self: any(self.load.values()))
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        node = data.draw(st.sampled_from([node for node in self.nodes if self.load[node]]))
        node.end()
        self.load[node] -= 1

    @rule(data=st.data())
    def another_picker(self, data: st.DataObject) -> None:
        chosen = data.draw(st.lists(st.sampled_from(self.nodes), min_size=1, unique=True))
        self.pickers.append(LeastActivePicker(tuple(chosen), seed=2))

    @precondition(lambda self: len(self.pickers) > 1)
    @rule(which=st.integers(0, 10))
    def drop_a_picker(self, which: int) -> None:
        self.pickers.pop(which % len(self.pickers))

    @invariant()
    def the_minimum_is_exact(self) -> None:
        for picker in getattr(self, "pickers", ()):
            possible = [node for node in picker.nodes if node.weight] or picker.nodes
            least = min(self.load[node] for node in possible)
            picked = {picker.pick() for _ in range(4)}
            assert all(node in possible and self.load[node] == least == node.active for node in picked)

    def _begin(self, node: Node) -> None:
        node.begin()
        self.load[node] += 1


TestCalls = Calls.TestCase
TestCalls.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_the_choice_among_equals_is_by_weight_at_any_load() -> None:
    weights = [1, 3, 100, 100, 7, 50]
    nodes = make_nodes(weights)
    picker = LeastActivePicker(nodes, seed=3)
    for node in nodes:  # load 2 for all, but the heaviest pair 3
        for _ in range(3 if node.weight == 100 else 2):
            node.begin()
    picked = Counter(picker.pick() for _ in range(20_000))
    expected = [weight if weight != 100 else 0 for weight in weights]
    assert not improbable([picked[node] for node in nodes], expected)
    nodes[2].end()
    nodes[3].end()
    picked = Counter(picker.pick() for _ in range(20_000))
    assert not improbable([picked[node] for node in nodes], weights)


def test_nodes_busy_before_the_picker_was_built() -> None:
    nodes = make_nodes([1, 1, 1])
    for node, calls in zip(nodes, [5, 3, 4], strict=True):
        for _ in range(calls):
            node.begin()
    picker = LeastActivePicker(nodes)
    picked = []
    for _ in range(6):
        node = picker.pick()
        picked.append(node.active)
        node.begin()
    assert picked == [3, 4, 4, 5, 5, 5]


def test_a_slow_provider_gets_fewer_calls() -> None:
    fast, slow = nodes = make_nodes([100, 100])
    picker = LeastActivePicker(nodes, seed=4)
    running: list[tuple[int, Node]] = []
    for tick in range(3000):
        while running and running[0][0] <= tick:
            running.pop(0)[1].end()
        node = picker.pick()
        node.begin()
        running.append((tick + (2 if node is fast else 20), node))
        running.sort(key=lambda call: call[0])
    assert fast.total > 4 * slow.total
