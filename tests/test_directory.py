"""The directory: what calls see after the registry, the connections or time changed something."""

from __future__ import annotations

import dataclasses
import logging
import time
from typing import Any

import pytest

from balancing import Consumer, Endpoint, instance, order
from rpcore._core import Node, RandomPicker

A, B, C = instance(1), instance(2), instance(3)


def addresses(nodes: tuple[Node, ...]) -> list[str]:
    return [node.instance.address for node in nodes]


# The list


def test_before_the_first_list_nothing_is_known() -> None:
    consumer = Consumer()
    assert not consumer.now.known
    assert consumer.now.nodes == ()
    assert repr(consumer.now) == "<Snapshot 0 of org.demo.UserService: 0 nodes, waiting for the registry>"


def test_a_first_list_without_providers_is_an_answer() -> None:
    consumer = Consumer()
    assert consumer.list().known
    assert consumer.now.nodes == ()
    assert len(consumer.published) == 1
    with pytest.raises(ValueError, match="at least one node"):
        consumer.now.picker("random")


def test_nodes_follow_the_list_in_its_order() -> None:
    consumer = Consumer()
    assert addresses(consumer.list(B, C).nodes) == ["10.0.0.2:20880", "10.0.0.3:20880"]
    assert addresses(consumer.list(A, C).nodes) == ["10.0.0.1:20880", "10.0.0.3:20880"]
    assert consumer.published[-1] is consumer.now


def test_a_provider_keeps_its_node_while_its_address_is_listed() -> None:
    consumer = Consumer()
    a, b = consumer.list(A, B).nodes
    b.begin()
    b.failed += 1
    changed = dataclasses.replace(B, weight=50, tag="gray")
    a_now, b_now = consumer.list(A, changed).nodes
    assert (a_now, b_now) == (a, b)
    assert b.instance is changed
    assert (b.weight, b.active, b.failed) == (50, 1, 1)
    assert consumer.now.version == 2


def test_a_returning_provider_is_a_new_node_on_the_same_endpoint() -> None:
    consumer = Consumer()
    _, b = consumer.list(A, B).nodes
    consumer.list(A)
    _, again = consumer.list(A, B).nodes
    assert again is not b
    assert again.endpoint is b.endpoint


@pytest.mark.parametrize("same", [lambda i: i, lambda i: dataclasses.replace(i)], ids=["identical", "equal"])
def test_an_unchanged_list_changes_nothing(same: Any) -> None:
    consumer = Consumer()
    consumer.list(A, B)
    assert len(consumer.published) == 1
    consumer.list(same(A), same(B))
    assert len(consumer.published) == 1


def test_an_address_listed_twice_is_one_node() -> None:
    consumer = Consumer()
    [node] = consumer.list(A, dataclasses.replace(A, weight=7)).nodes
    assert node.weight == 7
    assert consumer.list(A, B).nodes[0] is node
    assert consumer.removed == []


def test_removed_nodes_are_told_and_just_finish() -> None:
    consumer = Consumer()
    a, b = consumer.list(A, B).nodes
    a.begin()
    picker = consumer.now.picker("leastactive")
    consumer.list(B)
    assert consumer.removed == [a]
    assert consumer.now.picker("leastactive").nodes == (b,)
    assert picker.pick() is b  # the call that still has the old picker sees right counts
    a.end()
    assert a.active == 0


def test_many_changes_in_one_turn_are_one_snapshot() -> None:
    consumer = Consumer()
    consumer.list(A, B, C)
    for count in range(50):
        consumer.directory.update([A, B] if count % 2 else [A, B, C])
        consumer.directory.availability_changed(consumer.pool[A.address])
    consumer.pool[B.address].usable = False
    consumer.directory.availability_changed(consumer.pool[B.address])
    assert consumer.time.pending == 1
    assert len(consumer.published) == 1
    consumer.time.advance(0)
    assert len(consumer.published) == 2
    assert addresses(consumer.now.nodes) == ["10.0.0.1:20880", "10.0.0.2:20880"]
    assert addresses(consumer.now.usable) == ["10.0.0.1:20880"]


def test_a_closed_directory_is_silent() -> None:
    consumer = Consumer()
    consumer.list(dataclasses.replace(A, timestamp=consumer.time.wall()))
    consumer.directory.update([A, B])
    consumer.directory.close()
    assert consumer.time.pending == 0
    consumer.list(A, B)
    assert len(consumer.published) == 1
    assert consumer.time.pending == 0


# Availability


def test_an_unusable_provider_is_not_picked_while_another_is_usable() -> None:
    consumer = Consumer()
    a, b = consumer.list(A, B).nodes
    assert consumer.usable(A, False).usable == (b,)
    assert consumer.now.nodes == (a, b)
    assert {consumer.now.picker(name).pick() for name in ("random", "roundrobin", "leastactive")} == {b}
    assert consumer.now.picker("random").pick_other([b]) is b
    assert consumer.usable(A, True).usable == (a, b)
    assert {consumer.now.picker("random").pick() for _ in range(50)} == {a, b}


def test_all_are_picked_while_none_is_usable() -> None:
    consumer = Consumer()
    a, b = consumer.list(A, B).nodes
    consumer.usable(A, False)
    assert consumer.usable(B, False).usable == ()
    assert consumer.now.candidates == (a, b)
    assert {consumer.now.picker("random").pick() for _ in range(50)} == {a, b}


def test_a_usable_node_of_weight_zero_beats_an_unusable_one() -> None:
    consumer = Consumer()
    zero = instance(9, weight=0)
    a, z = consumer.list(A, zero).nodes
    assert {consumer.now.picker("random").pick() for _ in range(50)} == {a}
    consumer.usable(A, False)
    assert consumer.now.picker("random").pick() is z


def test_news_about_a_stranger_wake_nobody() -> None:
    consumer = Consumer()
    consumer.list(A)
    consumer.directory.availability_changed(Endpoint())
    assert consumer.time.pending == 0


# Snapshots


def test_a_snapshot_never_changes() -> None:
    consumer = Consumer()
    first = consumer.list(A, B)
    nodes, picker = first.nodes, first.picker("random")
    consumer.list(C)
    assert consumer.now is not first
    assert first.nodes is nodes
    assert first.picker("random") is picker
    assert set(picker.nodes) == set(nodes)
    for name in ("nodes", "usable", "known", "version"):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(first, name, None)


def test_balancers_of_one_reference_share_the_nodes() -> None:
    consumer = Consumer()
    a, b = consumer.list(A, B).nodes
    consumer.now.picker("random").pick()
    a.begin()
    assert consumer.now.picker("leastactive").pick() is b


def test_a_builder_may_be_given_instead_of_a_name() -> None:
    consumer = Consumer()
    consumer.list(A, B)
    built: list[object] = []

    def build(nodes: tuple[Node, ...], *, seed: int | None = None, previous: object = None) -> RandomPicker:
        built.append(previous)
        return RandomPicker(nodes, seed=seed)

    first = consumer.now.picker(build)
    assert consumer.now.picker(build) is first
    consumer.list(A)
    assert consumer.now.picker(build) is not first
    assert built == [None, first]


def test_round_robin_goes_on_over_snapshots_even_if_it_was_not_asked_in_between() -> None:
    consumer = Consumer(seed=1)
    consumer.list(*(instance(i) for i in range(10)))
    picker = consumer.now.picker("roundrobin")
    start = order(picker, 3)
    consumer.usable(instance(0), False)
    consumer.usable(instance(0), True)
    assert order(consumer.now.picker("roundrobin"), 7) == [(start[0] + 3 + i) % 10 for i in range(7)]


def test_clients_start_at_different_providers() -> None:
    instances = [instance(i) for i in range(100)]
    starts = set()
    for _ in range(30):
        consumer = Consumer()
        starts.add(consumer.list(*instances).picker("roundrobin").pick().instance.address)
    assert len(starts) > 10


def test_a_seed_repeats_every_choice() -> None:
    def picks() -> list[int]:
        consumer = Consumer(seed=7)
        consumer.list(A, B, C)
        return order(consumer.now.picker("random"), 50)

    assert picks() == picks()


def test_repr_shows_what_decides() -> None:
    consumer = Consumer()
    [node, _] = consumer.list(A, dataclasses.replace(B, timestamp=consumer.time.wall() - 60)).nodes
    node.begin()
    consumer.usable(A, False)
    assert repr(consumer.directory) == (
        "<Directory <Snapshot 2 of org.demo.UserService: 2 nodes, 1 usable>\n"
        "  <Node 10.0.0.1:20880 weight=100/100 active=1 total=1 failed=0 unusable>\n"
        "  <Node 10.0.0.2:20880 weight=10/100 active=0 total=0 failed=0 usable>>"
    )


# An empty list after one with providers


def test_an_empty_list_is_held_while_a_provider_answers(caplog: pytest.LogCaptureFixture) -> None:
    consumer = Consumer()
    nodes = consumer.list(A, B).nodes
    with caplog.at_level(logging.WARNING, "rpcore.cluster"):
        assert consumer.list().nodes == nodes
        assert consumer.now.held
        assert "none" in repr(consumer.now)
        consumer.time.advance(29)
        assert consumer.now.nodes == nodes
        consumer.time.advance(1)
    assert consumer.now.nodes == ()
    assert consumer.now.known
    assert not consumer.now.held
    assert consumer.removed == list(nodes)
    held, dropped = (record.message for record in caplog.records)
    assert held.startswith("org.demo.UserService: the registry lists no provider any more; keeping the 2 known")
    assert dropped.startswith("org.demo.UserService: dropping all 2 providers: unlisted, and they had their")
    assert consumer.time.pending == 0


def test_the_hold_ends_with_the_last_provider_that_answers() -> None:
    consumer = Consumer()
    consumer.list(A, B)
    consumer.usable(A, False)
    consumer.list()
    assert consumer.now.held
    consumer.time.advance(5)
    assert consumer.usable(B, False).nodes == ()
    assert consumer.time.pending == 0


def test_an_empty_list_is_believed_at_once_when_nobody_answers() -> None:
    consumer = Consumer()
    consumer.list(A)
    consumer.usable(A, False)
    assert consumer.list().nodes == ()


def test_a_list_ends_the_hold() -> None:
    consumer = Consumer()
    _, b = consumer.list(A, B).nodes
    consumer.list()
    consumer.time.advance(10)
    assert consumer.list(B).nodes == (b,)
    assert not consumer.now.held
    consumer.time.advance(100)
    assert consumer.now.nodes == (b,)
    assert consumer.time.pending == 0


def test_repeated_empty_lists_do_not_prolong_the_hold() -> None:
    consumer = Consumer(empty_hold=10)
    consumer.list(A)
    for _ in range(5):
        consumer.list()
        assert consumer.now.held
        consumer.time.advance(2)
    assert consumer.now.nodes == ()


def test_the_hold_can_be_switched_off() -> None:
    consumer = Consumer(empty_hold=0)
    consumer.list(A)
    assert consumer.list().nodes == ()


def test_a_shorter_list_is_believed() -> None:
    consumer = Consumer()
    consumer.list(*(instance(i) for i in range(100)))
    assert len(consumer.list(A).nodes) == 1


# Size


def test_ten_thousand_providers() -> None:
    """Bounds about ten times above what is measured."""
    consumer = Consumer()
    instances = tuple(instance(i) for i in range(10_000))

    def taken(function: Any, *args: Any) -> float:
        start = time.perf_counter()
        function(*args)
        return time.perf_counter() - start

    assert taken(consumer.list, *instances) < 0.3
    assert min(taken(consumer.list, *instances) for _ in range(3)) < 0.05
    fresh = tuple(dataclasses.replace(i) for i in instances)
    assert taken(consumer.list, *fresh) < 0.5
    assert len(consumer.published) == 1
    assert min(taken(consumer.list, *instances[:count]) for count in (9_999, 9_998, 9_997)) < 0.05
    changed = [dataclasses.replace(i, weight=50) for i in instances]
    assert taken(consumer.list, *changed) < 0.5
    assert consumer.now.version == 5
