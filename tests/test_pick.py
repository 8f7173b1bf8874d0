"""The pickers: shares, order, and the node for a second attempt."""

from __future__ import annotations

import gc
import itertools
import math
import time
import weakref
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balancing import PICKERS, Endpoint, counts, improbable, instance, make_nodes, order
from rpcore._core import LeastActivePicker, Node, Picker, PythonPicker, RandomPicker, RoundRobinPicker

LARGEST = 2**31 - 1
every_picker = pytest.mark.parametrize("make", PICKERS)


def smooth(weights: list[int], picks: int) -> list[int]:
    """Dubbo's RoundRobinLoadBalance, word for word."""
    current = [0] * len(weights)
    picked = []
    for _ in range(picks):
        current = [c + w for c, w in zip(current, weights, strict=True)]
        best = current.index(max(current))
        current[best] -= sum(weights)
        picked.append(best)
    return picked


# Shares


@every_picker
@pytest.mark.parametrize(
    "weights",
    [[1], [1, 1], [1, 3], [3, 1], [1, 2, 3, 4], [100] * 7, [100] * 9 + [50], [1, 1000], [7, 0, 5, 0]],
    ids=str,
)
def test_each_node_gets_its_share(make: type[Picker], weights: list[int]) -> None:
    picker = make(make_nodes(weights), seed=1)
    picks = 20 * sum(weights) * len(weights)
    assert not improbable(counts(picker, picks), weights)


def test_the_check_of_shares_can_fail() -> None:
    # What dubbo-go's least active picker makes of 1:3 (off by one), and a slight tilt.
    assert improbable([126, 874], [1, 3])
    assert improbable([10_400, 9_600], [1, 1])
    assert improbable([10, 99_990], [0, 1])


@every_picker
def test_ten_thousand_nodes_of_many_weights(make: type[Picker]) -> None:
    weights = [1 + i % 100 for i in range(10_000)]
    observed = counts(make(make_nodes(weights), seed=2), 600_000)
    by_weight: Counter[int] = Counter()
    for weight, picked in zip(weights, observed, strict=True):
        by_weight[weight] += picked
    assert not improbable([by_weight[w] for w in range(1, 101)], range(1, 101))
    spread = sum((o - w * 600_000 / sum(weights)) ** 2 / (w * 600_000 / sum(weights))
                 for o, w in zip(observed, weights, strict=True))  # fmt: skip
    assert spread < 10_000 + 5 * math.sqrt(20_000)


@every_picker
def test_nobody_is_picked_at_weight_zero_unless_all_are(make: type[Picker]) -> None:
    nodes = make_nodes([0, 5, 0, 9])
    assert set(order(make(nodes, seed=3), 500)) == {1, 3}
    assert not improbable(counts(make(make_nodes([0, 0, 0]), seed=3), 3000), [1, 1, 1])
    assert set(order(make(make_nodes([0, 7]), seed=3), 50)) == {1}


def test_a_negative_weight_counts_as_zero() -> None:
    [node] = make_nodes([-3])
    assert node.weight == 0


@every_picker
def test_largest_weights(make: type[Picker]) -> None:
    weights = [LARGEST, LARGEST - 1, 1, LARGEST // 2]
    observed = counts(make(make_nodes(weights), seed=4), 20_000)
    assert observed[2] == 0
    assert not improbable([observed[0], observed[1], observed[3]], [2, 2, 1])


def test_a_weight_beyond_32_bits_counts_as_the_largest() -> None:
    [node] = make_nodes([10**15])
    assert node.weight == LARGEST


@every_picker
def test_one_node(make: type[Picker]) -> None:
    [node] = nodes = make_nodes([3])
    picker = make(nodes)
    assert picker.pick() is node
    assert picker.pick_other([]) is node
    assert picker.pick_other([node]) is node


@every_picker
def test_no_nodes(make: type[Picker]) -> None:
    with pytest.raises(ValueError, match="at least one node"):
        make(())


@every_picker
def test_only_nodes_can_be_picked(make: type[Picker]) -> None:
    class Fake:
        weight = 1

    with pytest.raises(TypeError):
        make((Fake(),))  # type: ignore[arg-type]


@every_picker
def test_a_picker_keeps_the_weights_it_was_built_with(make: type[Picker]) -> None:
    nodes = make_nodes([1, 1])
    picker = make(nodes, seed=5)
    nodes[0].weight = 0
    assert not improbable(counts(picker, 2000), [1, 1])
    with pytest.raises(AttributeError):
        picker.nodes = ()  # type: ignore[misc]


@pytest.mark.parametrize("make", [RandomPicker, LeastActivePicker])
def test_a_seed_repeats_the_choices(make: type[Picker]) -> None:
    nodes = make_nodes(range(1, 40))
    assert order(make(nodes, seed=6), 100) == order(make(nodes, seed=6), 100)
    assert order(make(nodes, seed=6), 100) != order(make(nodes, seed=7), 100)
    assert order(make(nodes), 100) != order(make(nodes), 100)


@pytest.mark.parametrize("make", [RandomPicker, LeastActivePicker])
def test_a_new_picker_does_not_repeat_the_random_numbers_of_the_last(make: type[Picker]) -> None:
    nodes = make_nodes(range(1, 40))
    last, once = make(nodes, seed=6), make(nodes, seed=6)
    assert order(last, 50) == (whole := order(once, 100))[:50]
    assert order(make(nodes, seed=6, previous=last), 50) == whole[50:]


# Round robin


def test_smooth_order() -> None:
    a, b, c = 0, 1, 2
    assert order(RoundRobinPicker(make_nodes([5, 1, 1])), 14) == [a, a, b, a, c, a, a] * 2


@given(st.lists(st.integers(0, 30), min_size=1, max_size=12).filter(any))
@settings(max_examples=150)
def test_short_cycles_follow_dubbo(weights: list[int]) -> None:
    divisor = math.gcd(*weights)
    cycle = sum(weights) // divisor
    picked = order(RoundRobinPicker(make_nodes(weights)), 2 * cycle)
    assert picked == smooth(weights, cycle) * 2


@given(
    st.lists(st.integers(1, 3000), min_size=2, max_size=9).filter(
        lambda weights: sum(weights) // math.gcd(*weights) > 4096
    ),
    st.integers(0, 10_000),
)
@settings(max_examples=30, deadline=None)
def test_long_cycles_have_exact_shares(weights: list[int], skipped: int) -> None:
    divisor = math.gcd(*weights)
    picker = RoundRobinPicker(make_nodes(weights))
    order(picker, skipped)
    cycle = [weight // divisor for weight in weights]
    assert counts(picker, sum(cycle)) == cycle


def test_long_cycles_are_spread_evenly() -> None:
    weights = [5000, 3001, 700, 700, 700, 13, 1]
    got = [0] * len(weights)
    for picks, index in enumerate(order(RoundRobinPicker(make_nodes(weights)), sum(weights)), 1):
        got[index] += 1
        assert all(abs(g - picks * w / sum(weights)) < 1.5 for g, w in zip(got, weights, strict=True))


@pytest.mark.parametrize("weights", [[5, 1, 1], [5000, 3001, 7], [1] * 5, [3] * 5000], ids=lambda w: str(w[:3]))
def test_a_new_list_goes_on_where_the_last_was(weights: list[int]) -> None:
    nodes = make_nodes(weights)
    whole = order(RoundRobinPicker(nodes), 200)
    picker = RoundRobinPicker(nodes)
    pieces = []
    for _ in range(20):
        pieces += order(picker, 10)
        picker = RoundRobinPicker(nodes, previous=picker)
    assert pieces == whole


def test_rebuilding_after_every_pick_still_visits_everybody() -> None:
    # Few calls, frequent warm-up steps: the weights of some nodes change before each pick.
    nodes = make_nodes([100] * 50)
    picked: Counter[Node] = Counter()
    picker = RoundRobinPicker(nodes)
    for step in range(1000):
        for node in nodes[:10]:
            node.weight = 1 + step % 100
        picker = RoundRobinPicker(nodes, previous=picker)
        picked[picker.pick()] += 1
    assert all(11 <= picked[node] <= 45 for node in nodes[10:])  # 22 on average
    assert all(3 <= picked[node] <= 22 for node in nodes[:10])


def test_a_seed_chooses_where_the_cycle_starts() -> None:
    nodes = make_nodes([1] * 100)
    starts = {order(RoundRobinPicker(nodes, seed=seed), 1)[0] for seed in range(50)}
    assert len(starts) > 25
    # ... of the same cycle
    picked = order(RoundRobinPicker(nodes, seed=8), 100)
    assert picked == [(picked[0] + i) % 100 for i in range(100)]


def test_large_lists_of_one_weight_take_turns() -> None:
    picker = RoundRobinPicker(make_nodes([7] * 9999))
    assert order(picker, 20_000) == [*range(9999), *range(9999), *range(2)]


# The second attempt


@every_picker
@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_another_node_while_there_is_one(make: type[Picker], data: st.DataObject) -> None:
    weights = data.draw(st.lists(st.sampled_from([0, 1, 2, 100, LARGEST]), min_size=1, max_size=40))
    nodes = make_nodes(weights)
    busy = data.draw(st.lists(st.sampled_from(nodes), max_size=20))
    for node in busy:
        node.begin()
    picker = make(nodes, seed=9)
    tried: list[Node] = data.draw(st.lists(st.sampled_from(nodes), max_size=45))
    possible = {node for node in nodes if node.weight} or set(nodes)
    for _ in range(3):
        other = picker.pick_other(tried)
        assert other in (possible - set(tried) or possible)
        if make is LeastActivePicker and possible - set(tried):
            assert other.active == min(node.active for node in possible - set(tried))


@pytest.mark.parametrize("make", [RandomPicker, RoundRobinPicker, LeastActivePicker])
@pytest.mark.parametrize("first", [1, 10**6], ids=["light", "nearly everything"])
def test_another_node_is_chosen_by_weight(make: type[Picker], first: int) -> None:
    nodes = make_nodes([first, 1, 3])
    picker = make(nodes, seed=10)
    other = Counter(picker.pick_other([nodes[0]]) for _ in range(4000))
    assert not improbable([other[nodes[1]], other[nodes[2]]], [1, 3])


def test_another_node_leaves_no_trace() -> None:
    nodes = make_nodes([10**6, 1])
    picker = RandomPicker(nodes, seed=11)
    assert picker.pick_other([nodes[0]]) is nodes[1]
    with pytest.raises(TypeError):
        picker.pick_other([nodes[0], "10.0.0.1:20880"])  # type: ignore[list-item]
    assert picker.pick_other([]) is nodes[0]
    assert picker.pick_other([nodes[1], nodes[1]]) is nodes[0]


@every_picker
def test_an_attempt_without_a_node_was_no_attempt(make: type[Picker]) -> None:
    nodes = make_nodes([1, 1])
    picker = make(nodes)
    assert picker.pick_other([None, nodes[0]]) is nodes[1]  # type: ignore[list-item]
    assert picker.pick_other([None]) in nodes  # type: ignore[list-item]


def test_the_least_active_of_the_others() -> None:
    nodes = make_nodes([100] * 4)
    for node, calls in zip(nodes, [0, 2, 1, 1], strict=True):
        for _ in range(calls):
            node.begin()
    picker = LeastActivePicker(nodes)
    assert picker.pick() is nodes[0]
    assert {picker.pick_other([nodes[0]]) for _ in range(100)} == {nodes[2], nodes[3]}
    assert picker.pick_other([nodes[0], nodes[2], nodes[3]]) is nodes[1]


# Nodes


def test_a_node_counts_its_calls() -> None:
    [node] = make_nodes([100])
    node.begin()
    node.begin()
    node.end()
    node.failed += 1
    assert (node.active, node.total, node.failed) == (1, 2, 1)
    assert repr(node) == "<Node 10.0.0.0:20880 weight=100/100 active=1 total=2 failed=1 usable>"


def test_a_node_keeps_its_counters_and_endpoint_when_its_instance_changes() -> None:
    endpoint = Endpoint(usable=False)
    node = Node(instance(1, 100), endpoint)
    node.begin()
    node.update(instance(1, 50))
    assert node.instance.weight == 50
    assert node.endpoint is endpoint
    assert repr(node) == "<Node 10.0.0.1:20880 weight=100/50 active=1 total=1 failed=0 unusable>"


# Pickers in Python


def test_any_object_that_picks() -> None:
    class First:
        def __init__(self, nodes: tuple[Node, ...]) -> None:
            self.nodes = nodes

        def pick(self) -> Node:
            return self.nodes[0]

    nodes = make_nodes([1, 1, 1])
    picker = PythonPicker(nodes, First(nodes))
    assert picker.pick() is nodes[0]
    assert {picker.pick_other([nodes[0]]) for _ in range(50)} == {nodes[1], nodes[2]}


def test_an_object_that_picks_something_else() -> None:
    class Wrong:
        def pick(self) -> Node:
            return None  # type: ignore[return-value]

        def __repr__(self) -> str:
            return "Wrong()"

    picker = PythonPicker(make_nodes([1]), Wrong())
    with pytest.raises(TypeError, match=r"Wrong\(\)\.pick\(\) must return one of its nodes, not None"):
        picker.pick()


def test_a_class_may_derive_from_picker() -> None:
    class Last(Picker):
        def pick(self) -> Node:
            return self.nodes[-1]

    nodes = make_nodes([1, 1])
    picker = Last(nodes)
    assert picker.pick_other([]) is nodes[1]
    assert picker.pick_other([nodes[1]]) is nodes[0]
    with pytest.raises(NotImplementedError, match="Picker does not say how to pick"):
        Picker(nodes).pick()


# Lifetime and cost


def test_pickers_of_one_list_share_the_counts() -> None:
    nodes = make_nodes([1, 1, 1])
    all_of_them, two = LeastActivePicker(nodes), LeastActivePicker(nodes[1:])
    nodes[0].begin()
    nodes[1].begin()
    assert all_of_them.pick() is nodes[2]
    assert two.pick() is nodes[2]
    del all_of_them
    nodes[2].begin()
    nodes[1].end()
    assert two.pick() is nodes[1]
    del two
    nodes[1].begin()
    assert LeastActivePicker(nodes[:2] * 2).pick() in nodes[:2]


@every_picker
def test_a_cycle_through_a_picker_is_collected(make: type[Picker]) -> None:
    nodes = make_nodes([1, 2])
    endpoint = nodes[0].endpoint
    endpoint.picker = make(nodes)
    gone = weakref.ref(endpoint)
    nodes[0].begin()
    del nodes, endpoint
    gc.collect()
    assert gone() is None


@every_picker
@pytest.mark.parametrize("spread", [1, 97], ids=["equal", "mixed"])
def test_ten_thousand_nodes_cost_no_scan(make: type[Picker], spread: int) -> None:
    """Bounds ten times above what is measured, and below what looking at every node would take."""
    nodes = make_nodes([1 + i % spread for i in range(10_000)])

    def best(function: object, times: int) -> float:
        results = []
        for _ in range(5):
            start = time.perf_counter()
            for _ in itertools.repeat(None, times):
                function()  # type: ignore[operator]
            results.append((time.perf_counter() - start) / times)
        return min(results)

    assert best(lambda: make(nodes), 1) < 0.02
    picker = make(nodes)
    assert best(picker.pick, 1000) < 2e-6
    assert best(lambda: picker.pick_other([nodes[0]]), 1000) < 3e-6
