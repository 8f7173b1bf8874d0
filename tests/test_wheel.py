"""Deadlines: never early, at most 10 ms or 2 % late, nothing armed while nothing is pending."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import KEY, MiniTask, Wire
from rpcore import errors
from rpcore._core import Endpoint, Node, TimerWheel
from rpcore.model import Instance


def timeouts(wire: Wire, seconds: list[float]) -> list[float]:
    """When calls with these timeouts fail, in seconds after now; the wheel is woken only when it asks."""
    start = wire.clock.now
    ended: dict[int, float] = {}

    async def call(number: int, timeout: float) -> None:
        with pytest.raises(errors.CallTimeout):
            await wire.caller(timeout=timeout, retries=0)(number)
        ended[number] = wire.clock.now - start

    for number, timeout in enumerate(seconds):
        wire.start(call(number, timeout))
    wire.wait(max(seconds) + 1.0)
    assert len(ended) == len(seconds)
    return [ended[number] for number in range(len(seconds))]


@settings(max_examples=80, deadline=None)
@given(
    seconds=st.lists(
        st.floats(0.001, 30.0) | st.sampled_from([0.005, 0.01, 5.12, 5.125, 10.24]), min_size=1, max_size=30
    ),
    idle=st.floats(0, 100.0),
)
def test_never_early_and_at_most_one_tick_late(seconds: list[float], idle: float) -> None:
    wire = Wire()
    wire.wait(idle)
    for wanted, found in zip(seconds, timeouts(wire, seconds), strict=True):
        assert wanted - 1e-9 <= found <= wanted + max(0.010, 0.02 * wanted)


def test_a_late_owner_finds_everything_due_in_order() -> None:
    """The loop was busy for long: all that is due fires in one look, earliest first."""
    wire = Wire()
    order: list[int] = []

    async def call(number: int) -> None:
        try:
            await wire.caller(timeout=number / 10, retries=0)(number)
        except errors.CallTimeout:
            order.append(number)

    numbers = list(range(1, 80))
    random.Random(5).shuffle(numbers)
    for number in numbers:
        wire.start(call(number))
    wire.clock.advance(60.0)  # many turns of the wheel without a look
    wire.near.fire()
    wire.ticks.run()
    assert order == sorted(numbers)


def test_nothing_is_armed_while_nothing_is_pending() -> None:
    wire = Wire()
    assert wire.near.armed is None
    wire.call("x", timeout=3.0, retries=0)
    assert wire.near.armed is not None
    wire.wait(4.0)
    assert len(wire.near.engine.wheel) == 0
    assert wire.near.armed is None


def test_a_removed_timer_costs_at_most_one_wake_up() -> None:
    wire = Wire()
    task = wire.call("x", timeout=3.0)
    task.cancel()
    assert len(wire.near.engine.wheel) == 0
    wire.wait(10.0)
    assert wire.near.armed is None


def test_the_wake_up_asked_for_is_the_earliest() -> None:
    wire = Wire()
    asked: list[float] = []
    for timeout in (3.0, 1.0, 2.0, 0.5, 4.0):
        wire.call("x", timeout=timeout)
        assert wire.near.armed is not None
        asked.append(wire.near.armed - wire.clock.now)
    for found, wanted in zip(asked, (3.0, 1.0, 1.0, 0.5, 0.5), strict=True):
        assert wanted <= found <= wanted + 0.005 + 1e-9


def test_far_deadlines_cost_one_look_per_turn_of_the_wheel() -> None:
    wire = Wire()
    looks = 0

    fire = wire.near.fire

    def count() -> None:
        nonlocal looks
        looks += 1
        fire()

    wire.near.fire = count  # type: ignore[method-assign]
    task = wire.call("x", timeout=600.0, retries=0)
    wire.wait(599.9)
    assert not task.done
    wire.wait(0.2)
    assert isinstance(task.error, errors.CallTimeout)
    assert looks <= math.ceil(600 / 5.12) + 1


def test_many_timers_are_cheap_to_take_back() -> None:
    wire = Wire()
    tasks = [wire.call(value, timeout=5.0 + value / 1000) for value in range(2000)]
    assert len(wire.near.engine.wheel) == 2000
    for task in tasks:
        task.cancel()
    assert len(wire.near.engine.wheel) == 0


def test_an_advance_within_an_advance_changes_nothing() -> None:
    wire = Wire()

    async def call() -> None:
        try:
            await wire.caller(timeout=0.1, retries=0)("x")
        except errors.CallTimeout:
            wire.near.engine.advance()

    task = wire.start(call())
    other = wire.call("y", timeout=0.1, retries=0)
    wire.wait(0.2)
    assert task.done and task.error is None
    assert isinstance(other.error, errors.CallTimeout)
    assert len(wire.near.engine.wheel) == 0


def test_a_call_that_ended_and_began_anew_within_one_look_keeps_its_new_deadline() -> None:
    """Two attempts are due at once; serving the first loses the connection, which sends the second one on its way
    again. Its new attempt must not be ended by the old deadline.
    """
    wire = Wire()
    first = wire.caller(timeout=0.499, retries=0)  # due first, in the same look
    elsewhere = Node(Instance(KEY, "10.0.0.3", 20880), Endpoint("10.0.0.3:20880", wire.near.engine, wire.dials))
    second = wire.caller(timeout=0.5, retries=3, idempotent=True, nodes=(wire.node, elsewhere))

    async def close_on_timeout() -> None:
        try:
            await first("x")
        except errors.CallTimeout:
            wire.client.close()
            wire.endpoint.lost(wire.client)

    wire.start(close_on_timeout())
    task = MiniTask(wire.ticks, second("y"))
    wire.ticks.run()
    wire.clock.advance(0.502)  # both are due, and nobody looked in between
    wire.near.fire()
    wire.ticks.run()
    assert wire.reference.retries == 1  # lost once; the attempt that followed has just begun
    wire.wait(0.49)
    assert wire.reference.retries == 1
    assert not task.done


def test_repr_counts() -> None:
    wire = Wire()
    wire.call("x")
    assert repr(wire.near.engine.wheel) == "<TimerWheel pending=1>"
    assert isinstance(wire.near.engine.wheel, TimerWheel)
