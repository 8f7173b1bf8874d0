"""One call and its attempts: who may be tried again, when, at whom, and what the caller hears in the end."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest

import rpcore
from harness import (
    KEY,
    MSGPACK,
    REQUEST,
    TWOWAY,
    Cancelled,
    Dials,
    MiniTask,
    Outbox,
    Wire,
    echo,
    feed,
    frame,
    make_caller,
    no_provider,
    refusal,
    reply,
    request,
    split,
)
from rpcore import errors
from rpcore._core import Connection, Endpoint, Node, Reference, Scope, enter_scope, leave_scope
from rpcore.loadbalance import build
from rpcore.model import Instance

MAYBE = errors.Retry.MAYBE_EXECUTED
SURELY_NOT = errors.Retry.NOT_EXECUTED


class Peers:
    """Several provider addresses, each with a connection whose output the test reads and answers."""

    def __init__(self, count: int, **options: Any) -> None:
        self.wire = Wire()
        self.dials = Dials()
        self.reference = Reference(KEY, self.wire.near.engine, no_provider=no_provider)
        self.outs = [Outbox() for _ in range(count)]
        self.endpoints = [Endpoint(f"10.0.0.{i}:1", self.wire.near.engine, self.dials) for i in range(count)]
        self.connections = [self.connect(i) for i in range(count)]
        self.nodes = tuple(Node(Instance(KEY, f"10.0.0.{i}", 1), e) for i, e in enumerate(self.endpoints))
        self.caller = make_caller(self.reference, self.nodes, **options)

    def connect(self, i: int) -> Connection:
        box = self.outs[i]
        connection = Connection(
            self.wire.near.engine,
            client=True,
            rpcore=True,
            peer=self.endpoints[i].address,
            write=box.write,
            writelines=box.writelines,
        )
        self.endpoints[i].connected(connection)
        return connection

    def call(self, value: Any = "x") -> MiniTask:
        return self.wire.start(self.caller(value))


def sent(peers: Peers) -> list[tuple[int, int]]:
    """(provider, call id) of the requests written since the last look."""
    peers.wire.ticks.run()
    return [(i, id) for i, box in enumerate(peers.outs) for flags, _, id, _ in split(box.take()) if not flags & 0x20]


def answer(peers: Peers, where: tuple[int, int], data: bytes) -> None:
    feed(peers.connections[where[0]], data)
    peers.wire.ticks.run()


# --- the rule for retries ----------------------------------------------------------------------------


def test_surely_not_executed_goes_elsewhere_whatever_the_method() -> None:
    peers = Peers(2, retries=1)
    task = peers.call()
    (first,) = sent(peers)
    answer(peers, first, refusal(first[1], 100, "[limit] test.Service: 5 calls run already"))
    (second,) = sent(peers)
    assert second[0] != first[0]
    answer(peers, second, reply(second[1], "fine"))
    assert task.result() == "fine"
    assert peers.reference.retries == 1


@pytest.mark.parametrize("code", ["limit", "draining"])
def test_refusals_before_dispatch_draw_nothing_from_the_budget(code: str) -> None:
    peers = Peers(2, retries=1)
    budget, reserve = peers.reference.budget, peers.reference.reserve
    for _ in range(5):
        peers.call()
        (first,) = sent(peers)
        answer(peers, first, refusal(first[1], 100, f"[{code}] no"))
        (second,) = sent(peers)
        answer(peers, second, reply(second[1], "fine"))
    assert peers.reference.reserve == reserve
    assert peers.reference.budget == pytest.approx(budget + 5 * peers.reference.budget_ratio)


def lost(peers: Peers, i: int) -> None:
    peers.connections[i].close(errors.ConnectionLost("reset by peer"))
    peers.endpoints[i].lost(peers.connections[i])
    peers.wire.ticks.run()


def test_maybe_executed_is_tried_again_only_if_that_is_harmless() -> None:
    for idempotent in (False, True):
        peers = Peers(2, retries=1, idempotent=idempotent)
        task = peers.call()
        (first,) = sent(peers)
        lost(peers, first[0])
        again = sent(peers)
        if idempotent:
            assert again[0][0] != first[0]
            answer(peers, again[0], reply(again[0][1], "fine"))
            assert task.result() == "fine"
        else:
            assert again == []
            assert isinstance(task.error, errors.ConnectionLost)
            assert task.error.retry is MAYBE


@pytest.mark.parametrize(
    ("options", "again"),
    [({}, False), ({"idempotent": True}, True), ({"retry_on": "dubbo"}, True)],
)
def test_who_may_try_again_after_a_timeout(options: dict[str, Any], again: bool) -> None:
    peers = Peers(2, timeout=0.5, retries=1, **options)
    task = peers.call()
    (first,) = sent(peers)
    peers.wire.wait(0.52)
    second = sent(peers)
    assert bool(second) == again
    if again:
        assert second[0][0] != first[0]
        peers.wire.wait(0.52)
    assert isinstance(task.error, errors.CallTimeout)


def test_dubbos_retry_covers_timeouts_and_not_lost_connections() -> None:
    peers = Peers(2, retries=1, retry_on="dubbo")
    task = peers.call()
    (first,) = sent(peers)
    lost(peers, first[0])
    assert sent(peers) == []
    assert isinstance(task.error, errors.ConnectionLost)


@pytest.mark.parametrize(
    "data",
    [
        (20, [1, ["KeyError", "'x'", None, None], None]),
        (40, "[service] no such service"),
        (40, "[method] no such method"),
        (40, "[arguments] wrong"),
        (40, "[payload] too large"),
        (50, "[payload] reply too large"),
    ],
)
def test_what_the_callee_answered_is_never_tried_again(data: tuple[int, Any]) -> None:
    peers = Peers(2, retries=5, idempotent=True)
    task = peers.call()
    (first,) = sent(peers)
    answer(peers, first, frame(MSGPACK, data[0], first[1], msgpack.packb(data[1])))
    assert task.error is not None
    assert sent(peers) == [] and peers.reference.retries == 0


def test_retries_counts_both_kinds_and_the_error_names_every_attempt() -> None:
    peers = Peers(3, retries=2, idempotent=True)
    task = peers.call()
    (first,) = sent(peers)
    answer(peers, first, refusal(first[1], 100, "[limit] full"))
    (second,) = sent(peers)
    lost(peers, second[0])
    (third,) = sent(peers)
    answer(peers, third, refusal(third[1], 100, "[draining] bye"))
    assert len({first[0], second[0], third[0]}) == 3
    error = task.error
    assert isinstance(error, errors.PeerGoingAway)
    assert [line.split(": ")[:2] for line in error.attempts] == [
        [f"10.0.0.{first[0]}:1", "LimitExceeded"],
        [f"10.0.0.{second[0]}:1", "ConnectionLost"],
        [f"10.0.0.{third[0]}:1", "PeerGoingAway"],
    ]
    text = str(error)
    assert "test.Service.echo" in text and "attempt 3 of 3" in text
    for line in ("full", "reset by peer", "bye"):
        assert line in text
    assert sent(peers) == []
    assert [node.active for node in peers.nodes] == [0, 0, 0]


def test_retries_0_is_one_attempt() -> None:
    peers = Peers(2, retries=0)
    task = peers.call()
    (first,) = sent(peers)
    answer(peers, first, refusal(first[1], 100, "[limit] full"))
    assert isinstance(task.error, errors.LimitExceeded)
    assert sent(peers) == []


def test_when_all_were_tried_the_next_attempt_waits_a_moment() -> None:
    peers = Peers(1, retries=3)
    task = peers.call()
    start = peers.wire.clock.now
    pauses = []
    for _ in range(3):
        (where,) = sent(peers)
        answer(peers, where, refusal(where[1], 100, "[limit] full"))
        assert sent(peers) == [] and not task.done
        before = peers.wire.clock.now
        while not peers.outs[0]:
            peers.wire.wait(0.001)
            assert peers.wire.clock.now - before < 0.2
        pauses.append(peers.wire.clock.now - before)
    assert all(0.005 <= pause <= 0.015 * 2**i + 0.01 for i, pause in enumerate(pauses))
    (where,) = sent(peers)
    answer(peers, where, reply(where[1], "fine"))
    assert task.result() == "fine"
    assert peers.wire.clock.now - start < 0.2


# --- time --------------------------------------------------------------------------------------------


def test_the_deadline_bounds_the_call_and_the_timeout_each_attempt() -> None:
    peers = Peers(3, timeout=0.5, deadline=1.2, retries=5, idempotent=True)
    start = peers.wire.clock.now
    task = peers.call()
    times = []
    while not task.done:
        times += [peers.wire.clock.now - start] * len(sent(peers))
        peers.wire.wait(0.001)
    assert times == pytest.approx([0.0, 0.5, 1.0], abs=0.02)
    assert peers.wire.clock.now - start == pytest.approx(1.2, abs=0.012)
    assert isinstance(task.error, errors.CallTimeout)
    assert len(task.error.attempts) == 3


def timeout_sent(data: bytes) -> int:
    ((*_, body),) = split(data)
    milliseconds: int = msgpack.unpackb(body)[5]
    return milliseconds


def test_an_attempt_tells_the_time_that_is_left_for_it() -> None:
    peers = Peers(1, timeout=0.5)
    peers.call()
    peers.wire.ticks.run()
    assert timeout_sent(peers.outs[0].take()) == 500
    for deadline, told in ((0.25, 250), (0.0004, 1)):
        peers.wire.start(peers.caller.call(("x",), deadline=peers.wire.clock.now + deadline))
        assert timeout_sent(peers.outs[0].take()) == told


def test_a_passed_deadline_sends_nothing() -> None:
    peers = Peers(1)
    task = peers.wire.start(peers.caller.call(("x",), deadline=peers.wire.clock.now - 0.001))
    assert isinstance(task.error, errors.CallTimeout)
    assert sent(peers) == [] and peers.nodes[0].total == 0


@pytest.mark.parametrize(("inherited", "expected"), [(0.2, 0.2), (5.0, 0.5)])
def test_a_nested_call_takes_the_earlier_of_its_own_and_the_inherited_deadline(
    inherited: float, expected: float
) -> None:
    peers = Peers(1, timeout=0.5, retries=0)
    start = peers.wire.clock.now
    token = enter_scope(Scope(deadline=start + inherited))
    try:
        task = peers.call()
    finally:
        leave_scope(token)
    while not task.done:
        peers.wire.wait(0.001)
    assert peers.wire.clock.now - start == pytest.approx(expected, abs=0.011)


def test_a_retry_starts_only_if_time_is_left() -> None:
    peers = Peers(2, timeout=0.5, deadline=0.5, retries=5, idempotent=True)
    task = peers.call()
    assert len(sent(peers)) == 1
    peers.wire.wait(0.6)
    assert isinstance(task.error, errors.CallTimeout)
    assert sent(peers) == []


# --- the budget --------------------------------------------------------------------------------------


def storm(peers: Peers, calls: int) -> int:
    """Calls whose every attempt times out; returns the retries made."""
    before = peers.reference.retries
    for _ in range(calls):
        peers.call()
    peers.wire.wait(5.0)
    return peers.reference.retries - before


def test_a_storm_of_timeouts_is_retried_within_the_budget_only() -> None:
    peers = Peers(2, timeout=0.05, retries=2, idempotent=True)
    peers.reference.budget_reserve = 1.0
    peers.wire.wait(60.0)
    retried = storm(peers, 500)
    # 20 % of 500 calls, and ten seconds' worth of the reserve.
    assert 90 <= retried <= 115


def test_the_budget_fills_up_again() -> None:
    peers = Peers(2, timeout=0.05, retries=2, idempotent=True)
    peers.reference.budget_ratio = 0.0
    assert storm(peers, 100) >= 90
    assert storm(peers, 100) <= 60  # 5 s at 10 a second
    peers.wire.wait(20.0)
    assert storm(peers, 100) >= 90


def test_without_budget_the_error_is_the_attempts_own() -> None:
    peers = Peers(2, timeout=0.05, retries=2, idempotent=True)
    peers.reference.budget_ratio = 0.0
    storm(peers, 200)
    task = peers.call()
    peers.wire.wait(1.0)
    assert isinstance(task.error, errors.CallTimeout)
    assert len(task.error.attempts) <= 3


# --- the first provider list, the first connection ---------------------------------------------------


def test_a_first_call_waits_for_the_first_list() -> None:
    peers = Peers(1)
    caller = make_caller(peers.reference, ())
    task = peers.wire.start(caller("x"))
    assert not task.done and len(peers.reference.waiting) == 1
    caller.picker = build("random", peers.nodes, seed=1, previous=None)
    peers.reference.list_arrived()
    (where,) = sent(peers)
    answer(peers, where, reply(where[1], "fine"))
    assert task.result() == "fine"


def test_it_waits_within_its_deadline() -> None:
    peers = Peers(1)
    task = peers.wire.start(make_caller(peers.reference, (), timeout=0.5, retries=0)("x"))
    peers.wire.wait(0.49)
    assert not task.done
    peers.wire.wait(0.03)
    assert isinstance(task.error, errors.NoProvider)
    assert "provider list" in task.error.message
    assert not peers.reference.waiting


def test_an_empty_list_is_an_error_at_once() -> None:
    peers = Peers(1)
    task = peers.wire.start(make_caller(peers.reference, ())("x"))
    peers.reference.list_arrived()
    peers.wire.ticks.run()
    assert isinstance(task.error, errors.NoProvider)
    assert isinstance(peers.wire.start(make_caller(peers.reference, ())("y")).error, errors.NoProvider)


def test_a_call_without_connection_asks_for_one_and_leaves_when_it_is_there() -> None:
    peers = Peers(1)
    lost(peers, 0)
    task = peers.call()
    assert peers.dials.wanted == [peers.endpoints[0]]
    peers.connections[0] = peers.connect(0)
    (where,) = sent(peers)
    answer(peers, where, reply(where[1], "fine"))
    assert task.result() == "fine"


def test_a_failed_dial_sends_the_waiting_calls_elsewhere() -> None:
    peers = Peers(2, retries=1)
    lost(peers, 0)
    lost(peers, 1)
    task = peers.call()
    (dialled,) = peers.dials.wanted
    other = 1 - peers.endpoints.index(dialled)
    peers.connections[other] = peers.connect(other)
    dialled.connect_failed(OSError("refused"))
    (where,) = sent(peers)
    assert where[0] == other
    answer(peers, where, reply(where[1], "fine"))
    assert task.result() == "fine"


def test_a_call_that_never_gets_a_connection_surely_did_not_run() -> None:
    peers = Peers(1, timeout=0.5, retries=0)
    lost(peers, 0)
    peers.endpoints[0].connect_failed(OSError("no route to host"))
    task = peers.call()
    peers.wire.wait(0.52)
    assert task.error is not None
    assert isinstance(task.error.__cause__ or task.error, errors.ConnectError)
    assert "no route to host" in str(task.error)
    assert not peers.endpoints[0].waiting and peers.nodes[0].active == 0


# --- cancellation, in every place a call can wait ----------------------------------------------------


def waiting_for_list(peers: Peers) -> MiniTask:
    return peers.wire.start(make_caller(peers.reference, ())("x"))


def waiting_for_connection(peers: Peers) -> MiniTask:
    lost(peers, 0)
    return peers.call()


def waiting_to_write(peers: Peers) -> MiniTask:
    peers.connections[0].pause_writing()
    return peers.call()


def waiting_for_reply(peers: Peers) -> MiniTask:
    return peers.call()


def backing_off(peers: Peers) -> MiniTask:
    task = peers.call()
    (where,) = sent(peers)
    answer(peers, where, refusal(where[1], 100, "[limit] full"))
    return task


PLACES = [waiting_for_list, waiting_for_connection, waiting_to_write, waiting_for_reply, backing_off]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_cancellation_frees_everything_at_once(place: Any) -> None:
    peers = Peers(1)
    task = place(peers)
    assert not task.done
    assert task.cancel()
    connection, endpoint, node = peers.connections[0], peers.endpoints[0], peers.nodes[0]
    assert connection.in_flight == len(connection.waiting) == len(endpoint.waiting) == node.active == 0
    assert not peers.reference.waiting
    assert len(peers.wire.near.engine.wheel) == 0
    peers.wire.ticks.run()
    assert isinstance(task.error, Cancelled)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_so_does_throwing_an_error_into_the_wait_and_closing_it(place: Any) -> None:
    for end in ("throw", "close"):
        peers = Peers(1)
        task = place(peers)
        call = task.waits
        if end == "close":
            call.close()
        else:
            with pytest.raises(ZeroDivisionError):
                call.throw(ZeroDivisionError())
        assert call.done()
        assert len(peers.wire.near.engine.wheel) == peers.nodes[0].active == peers.connections[0].in_flight == 0
        assert not peers.reference.waiting and not peers.endpoints[0].waiting


def test_a_call_that_was_never_awaited_did_nothing() -> None:
    peers = Peers(1)
    call = peers.caller("x")
    del call
    call = peers.caller("y")
    call.close()
    assert sent(peers) == []
    assert peers.reference.calls == 0 and peers.nodes[0].total == 0


# --- one attempt at a time, for filters and policies in Python ---------------------------------------


def test_a_single_attempt_raises_its_error_as_it_is_and_notes_whom_it_tried() -> None:
    peers = Peers(2, retries=5, idempotent=True)
    tried: list[Node] = []
    task = peers.wire.start(peers.caller.call(("x",), single=True, tried=tried))
    (first,) = sent(peers)
    answer(peers, first, refusal(first[1], 100, "[limit] full"))
    assert isinstance(task.error, errors.LimitExceeded)
    assert task.error.attempts == ()
    assert tried == [peers.nodes[first[0]]]
    peers.wire.start(peers.caller.call(("x",), single=True, tried=tried))
    (second,) = sent(peers)
    assert second[0] != first[0]


# --- options and attachments of a call ---------------------------------------------------------------


def request_sent(peers: Peers) -> list[Any]:
    peers.wire.ticks.run()
    ((*_, body),) = split(peers.outs[0].take())
    parts: list[Any] = msgpack.unpackb(body)
    return parts


def test_attachments_of_reference_context_and_call_are_merged_the_nearest_wins() -> None:
    peers = Peers(1, attachments={"a": 1, "b": 1, "c": 1})
    token = enter_scope(Scope(attachments={"b": 2, "c": 2}))
    try:
        peers.wire.start(peers.caller.call(("x",), attachments={"d": 3}))
    finally:
        leave_scope(token)
    assert request_sent(peers)[6] == {"a": 1, "b": 2, "c": 2, "d": 3}


def test_options_of_the_context_apply_and_a_tag_travels() -> None:
    peers = Peers(1, timeout=5.0)
    token = enter_scope(Scope(overrides=rpcore.Options(timeout=0.3, tag="gray")))
    try:
        task = peers.call()
    finally:
        leave_scope(token)
    request = request_sent(peers)
    assert request[5] == 300
    assert request[6] == {"dubbo.tag": "gray"}
    peers.wire.wait(0.32)
    assert isinstance(task.error, errors.CallTimeout)


def test_reply_attachments_are_shown_to_the_scope_of_the_call() -> None:
    peers = Peers(1)
    scope = Scope()
    token = enter_scope(scope)
    try:
        task = peers.call()
    finally:
        leave_scope(token)
    (where,) = sent(peers)
    answer(peers, where, frame(MSGPACK, 20, where[1], msgpack.packb([0, 5, {"k": "v"}])))
    assert task.result() == 5
    assert scope.reply_attachments == {"k": "v"}


def test_reply_attachments_of_a_nested_call_are_not_those_of_the_call_being_served() -> None:
    async def outer(value: Any) -> Any:
        return await inner(value)

    async def inner_handler(value: Any) -> Any:
        rpcore.context().reply_attachments = {"from": "inner"}
        return value

    wire = Wire({"outer": outer, "inner": inner_handler})
    inner = wire.caller("inner")
    scope = Scope()
    token = enter_scope(scope)
    try:
        task = wire.call("x", "outer")
    finally:
        leave_scope(token)
    wire.pump()
    assert task.result() == "x"
    assert scope.reply_attachments is None


# --- one-way -----------------------------------------------------------------------------------------


def test_a_one_way_call_ends_when_it_is_handed_over() -> None:
    peers = Peers(1, oneway=True)
    task = peers.call()
    assert task.result() is None
    peers.wire.ticks.run()
    ((flags, _, _, _),) = split(peers.outs[0].take())
    assert flags == 0x80 | 29
    assert peers.connections[0].in_flight == 0 and peers.nodes[0].active == 0
    assert len(peers.wire.near.engine.wheel) == 0


def test_values_that_look_like_control_flow_arrive_as_values() -> None:
    for value in ((), (1, 2), (1,), None, False, 0):
        wire = Wire({"echo": echo})
        task = wire.start(wire.caller(returns=Any if value is None else type(value), takes=type(value))(value))
        wire.pump()
        assert task.result() == value and type(task.result()) is type(value)


def test_a_second_await_of_the_same_call_says_so() -> None:
    wire = Wire({"echo": echo})
    call = wire.caller()("x")
    task = wire.start(call)
    wire.pump()
    assert task.result() == "x"
    with pytest.raises(RuntimeError, match="await"):
        call.send(None)


def test_a_request_of_another_encoding_finds_its_method_by_names() -> None:
    """The same strings, packed otherwise: the table of prefixes misses, the names decide."""
    wire = Wire({"echo": echo})
    body = msgpack.packb([KEY.interface, KEY.version, KEY.group, "echo", ["x"], 0, None])
    name = KEY.interface.encode()
    loose = body.replace(bytes([0xA0 + len(name)]) + name, b"\xd9" + bytes([len(name)]) + name)
    assert loose != body
    feed(wire.server, frame(REQUEST | TWOWAY | MSGPACK, 0, 1, loose) + request(2, "y"))
    wire.ticks.run()
    assert [(status, id) for _, status, id, _ in split(wire.back.take())] == [(20, 1), (20, 2)]


# --- what a woken task does while the rest of the input waits ----------------------------------------


def test_a_task_woken_by_its_reply_may_cancel_another_whose_reply_is_in_the_same_read() -> None:
    wire = Wire()
    second = wire.call("second")

    async def cancels() -> str:
        value: str = await wire.caller()("first")
        second.cancel()
        return value

    first = wire.start(cancels())
    ids = {msgpack.unpackb(body)[4][0]: id for *_, id, body in split(wire.out.take())}
    feed(wire.client, reply(ids["first"], "a") + reply(ids["second"], "b"))
    wire.ticks.run()
    assert first.result() == "a"
    assert isinstance(second.error, Cancelled)
    assert wire.client.in_flight == wire.node.active == 0


def test_it_may_close_the_connection_whose_input_is_being_read() -> None:
    wire = Wire()

    async def closes() -> str:
        value: str = await wire.caller()("first")
        wire.client.close()
        return value

    first, second = wire.start(closes()), wire.call("second", retries=0)
    wire.out.take()
    feed(wire.client, reply(1, "a") + reply(2, "b"))
    wire.ticks.run()
    assert first.result() == "a"
    assert isinstance(second.error, errors.ConnectionLost)  # nobody reads on a closed connection


def test_it_may_call_again_and_the_new_frames_leave_when_the_input_is_read() -> None:
    wire = Wire({"echo": echo})

    async def chain() -> list[Any]:
        return [await wire.caller()(i) for i in range(5)]

    tasks = [wire.start(chain()) for _ in range(3)]
    for _ in range(5):
        data = wire.send()
        assert len(split(data)) == 3
        wire.ticks.run()
        feed(wire.client, wire.back.take())
        assert len(wire.out) <= 1  # what the woken tasks sent, in one write, without waiting for a tick
    wire.ticks.run()
    assert [task.result() for task in tasks] == [[0, 1, 2, 3, 4]] * 3


def test_system_exit_in_a_woken_task_belongs_to_the_loop_and_not_to_the_connection() -> None:
    wire = Wire()

    async def exits() -> None:
        await wire.caller()("first")
        raise SystemExit(3)

    class Raising(MiniTask):
        def _end(self, value: Any, error: BaseException | None) -> None:
            super()._end(value, error)
            if isinstance(error, SystemExit):
                raise error  # as asyncio's tasks do

    Raising(wire.ticks, exits())
    wire.ticks.run()
    other = wire.call("second")
    feed(wire.client, reply(1, "a") + reply(2, "b"))
    assert not wire.client.closed and other.done
    with pytest.raises(SystemExit):
        wire.ticks.run()
    wire.ticks.run()
    assert other.result() == "b"
    third = wire.call("third")
    feed(wire.client, reply(3, "c"))
    assert third.result() == "c"


def test_system_exit_in_a_handler_belongs_to_the_loop() -> None:
    async def exits(value: Any) -> None:
        raise SystemExit(3)

    for workers in (0, 1):
        wire = Wire({"exits": exits, "echo": echo})
        wire.far.engine.spawn_workers(workers)
        wire.ticks.run()
        feed(wire.server, request(1, "x", "exits") + request(2, "y"))
        with pytest.raises(SystemExit):
            wire.ticks.run()
        wire.ticks.run()
        assert (20, 2) in [(status, id) for _, status, id, _ in split(wire.back.take())]
        assert wire.dispatch.entries[0].gauge.active == 0
        assert not wire.server.closed


def test_a_connection_that_is_closed_when_it_is_reported_does_not_hold_the_loop() -> None:
    peers = Peers(1)
    lost(peers, 0)
    task = peers.call()
    dead = Connection(peers.wire.near.engine, client=True, rpcore=True)
    dead.close()
    peers.endpoints[0].connected(dead)
    assert not task.done
    peers.endpoints[0].lost(dead)
    peers.connections[0] = peers.connect(0)
    (where,) = sent(peers)
    answer(peers, where, reply(where[1], "fine"))
    assert task.result() == "fine"
