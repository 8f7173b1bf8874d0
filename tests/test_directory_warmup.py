"""Warm-up: the weight of a new provider, and when the directory looks again."""

from __future__ import annotations

import dataclasses
import itertools
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balancing import Consumer, Time, counts, instance
from rpcore.cluster.directory import RAMP_INTERVAL
from rpcore.cluster.warmup import LARGEST_WEIGHT, age_of, weight_at
from rpcore.model import Instance

NOW = 1_764_000_000.0
A, B = instance(1), instance(2)
BALANCERS = ("random", "roundrobin", "leastactive")


@pytest.mark.parametrize(
    ("age", "weight", "warmup", "effective"),
    [
        (0, 100, 600, 1),
        (1, 100, 600, 1),
        (60, 100, 600, 10),
        (300, 100, 600, 50),
        (599.9, 100, 600, 99),
        (600, 100, 600, 100),
        (10**6, 100, 600, 100),
        (300, 1, 600, 1),
        (300, 0, 600, 0),
        (300, -5, 600, 0),
        (0, 100, 0, 100),
        (10, 200, 100, 20),
        (math.inf, 10**12, 600, LARGEST_WEIGHT),
    ],
)
def test_the_weight_grows_as_in_dubbo_3(age: float, weight: int, warmup: float, effective: int) -> None:
    assert weight_at(age, weight, warmup) == effective


@given(st.floats(0, 2000), st.floats(0, 2000), st.integers(1, LARGEST_WEIGHT), st.floats(0.001, 1000))
def test_the_weight_never_shrinks_with_age(age: float, more: float, weight: int, warmup: float) -> None:
    assert 1 <= weight_at(age, weight, warmup) <= weight_at(age + more, weight, warmup) <= weight


@pytest.mark.parametrize(
    ("timestamp", "age"),
    [
        (NOW - 60, 60),
        ((NOW - 60) * 1000, 60),
        ((NOW - 60) / 1000, 60),
        (NOW, 0),
        (NOW + 5, 0),
        (NOW + 10**6, 0),
        ((NOW + 5) * 1000, 0),
    ],
    ids=["seconds", "milliseconds", "seconds divided by 1000", "now", "clock ahead", "far ahead", "ms ahead"],
)
def test_age_from_a_published_start(timestamp: float, age: float) -> None:
    assert age_of(timestamp, NOW) == pytest.approx(age, abs=0.01)


def started(number: int, age: float, time: Time, **fields: Any) -> Instance:
    return instance(number, timestamp=time.wall() - age, **fields)


def test_the_directory_follows_the_published_start() -> None:
    consumer = Consumer()
    old, new = consumer.list(started(1, 10**6, consumer.time), started(2, 60, consumer.time)).nodes
    assert (old.weight, new.weight) == (100, 10)
    consumer.time.advance(240)
    assert (old.weight, new.weight) == (100, 50)
    consumer.time.advance(300)
    assert (old.weight, new.weight) == (100, 100)


def test_without_a_published_start_first_sight_counts() -> None:
    consumer = Consumer()
    (a,) = consumer.list(A).nodes
    consumer.time.advance(1000)
    a, b = consumer.list(A, B).nodes
    assert (a.weight, b.weight) == (100, 1)
    consumer.time.advance(300)
    assert (a.weight, b.weight) == (100, 50)


def test_who_was_there_before_us_is_not_new() -> None:
    consumer = Consumer()
    assert [node.weight for node in consumer.list(A, B).nodes] == [100, 100]
    assert consumer.time.pending == 0


def test_the_first_provider_after_an_empty_list_is_new() -> None:
    consumer = Consumer()
    consumer.list()
    assert [node.weight for node in consumer.list(A).nodes] == [1]


def test_a_clock_ahead_warms_up_from_first_sight() -> None:
    consumer = Consumer()
    [node] = consumer.list(started(1, -3600, consumer.time)).nodes
    assert node.weight == 1
    consumer.time.advance(300)
    assert node.weight == 50


def test_a_step_of_the_wall_clock_does_not_matter() -> None:
    consumer = Consumer()
    [node] = consumer.list(started(1, 300, consumer.time)).nodes
    for step in (-7200, +7200):
        before = node.weight
        consumer.time.epoch += step
        consumer.time.advance(6)
        assert before <= node.weight <= before + 1


def test_another_weight_keeps_the_age_and_a_restart_does_not() -> None:
    consumer = Consumer()
    first = started(1, 300, consumer.time)
    [node] = consumer.list(first).nodes
    consumer.list(dataclasses.replace(first, weight=200))
    assert node.weight == 100
    consumer.list(dataclasses.replace(first, weight=200, timestamp=0.0))
    assert node.weight == 100
    consumer.list(dataclasses.replace(first, weight=200, timestamp=consumer.time.wall()))
    assert node.weight == 1


def test_a_changed_weight_of_a_warm_provider_holds_at_once() -> None:
    consumer = Consumer()
    [node] = consumer.list(A).nodes
    for weight in (7, 0, 300):
        consumer.list(dataclasses.replace(A, weight=weight))
        assert node.weight == weight
        assert consumer.now.picker("random").pick() is node


def test_one_snapshot_a_second_at_most_and_none_once_all_are_warm() -> None:
    consumer = Consumer()
    consumer.list(started(1, 10**6, consumer.time), started(2, 0, consumer.time, warmup=20.0))
    times = []
    for _ in range(400):
        before = len(consumer.published)
        consumer.time.advance(0.1)
        times += [consumer.time.now] * (len(consumer.published) - before)
    assert 18 <= len(times) <= 20
    assert min(b - a for a, b in itertools.pairwise(times)) > 0.95
    assert consumer.time.pending == 0


def test_no_snapshot_while_no_weight_changes() -> None:
    consumer = Consumer()
    consumer.list(started(1, 10**6, consumer.time), started(2, 0, consumer.time))
    consumer.time.advance(600)
    assert len(consumer.published) == 1 + 99


@pytest.mark.parametrize("balancer", BALANCERS)
@pytest.mark.parametrize("published", [True, False], ids=["published start", "first sight"])
@given(
    weights=st.lists(st.integers(50, 150), min_size=1, max_size=3),
    weight=st.integers(50, 150),
    warmup=st.floats(5, 600),
)
@settings(max_examples=5, deadline=None)
def test_the_share_of_a_new_provider_grows(
    balancer: str, published: bool, weights: list[int], weight: int, warmup: float
) -> None:
    consumer = Consumer(seed=1)
    present = [instance(i, w) for i, w in enumerate(weights)]
    consumer.list(*present)
    new = instance(99, weight, warmup=warmup, timestamp=consumer.time.wall() if published else 0.0)
    consumer.list(*present, new)

    def share() -> float:
        picker = consumer.now.picker(balancer)
        total = sum(node.weight for node in picker.nodes)
        picks = total if balancer == "roundrobin" else 8000
        return counts(picker, picks)[-1] / picks

    shares = []
    for _ in range(8):
        shares.append(share())
        consumer.time.advance(warmup / 6)
    consumer.time.advance(RAMP_INTERVAL)  # weights are looked at no more often than that
    shares.append(share())
    # Round robin is exact; a random share wanders by up to 1 / sqrt(picks) around what it should be.
    noise = 0.0 if balancer == "roundrobin" else 4 * 0.5 / 8000**0.5
    assert all(later >= earlier - noise for earlier, later in itertools.pairwise(shares))
    assert shares[0] <= 0.02 + noise
    assert shares[-1] == pytest.approx(weight / (sum(weights) + weight), abs=noise + 1e-9)
