"""Heartbeats, doubt, readonly and the end of a connection: what each means for its calls."""

from __future__ import annotations

from typing import Any

import pytest

from harness import Gate, MiniTask, Wire, echo, feed, frame, reply, request, split
from rpcore import errors
from rpcore._core import Connection

HEARTBEAT = 60.0
IDLE = 180.0


def check(wire: Wire, connection: Connection) -> list[tuple[int, int, int, bytes]]:
    """One periodic look at the clock's present time; returns the frames it made ``connection`` send."""
    connection.check(wire.clock.now, HEARTBEAT, IDLE)
    wire.ticks.run()
    return split((wire.out if connection is wire.client else wire.back).take())


# --- heartbeats --------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["client", "server"])
def test_silence_brings_a_heartbeat_and_not_before(side: str) -> None:
    wire = Wire()
    connection = getattr(wire, side)
    wire.clock.advance(HEARTBEAT - 0.01)
    assert check(wire, connection) == []
    wire.clock.advance(0.01)
    ((flags, status, _, body),) = check(wire, connection)
    assert (flags, status, body) == (0xE2, 0, b"\x4e")


def test_reading_alone_does_not_spare_a_heartbeat() -> None:
    """Dubbo's rule: one is due when nothing was read *or* nothing was written, so that the peer hears of us."""
    wire = Wire()
    wire.clock.advance(HEARTBEAT)
    feed(wire.client, frame(0xA2, 0, 1, b"\x4e"))
    assert len(check(wire, wire.client)) == 1
    wire.clock.advance(HEARTBEAT)
    wire.client.send_readonly()
    wire.ticks.run()
    wire.out.take()
    assert len(check(wire, wire.client)) == 1


def test_traffic_in_both_directions_spares_it() -> None:
    wire = Wire({"echo": echo})
    for _ in range(20):
        wire.clock.advance(HEARTBEAT / 2)
        wire.call("x")
        wire.pump()
        assert check(wire, wire.client) == check(wire, wire.server) == []


def test_the_idle_limit_closes_with_the_reason() -> None:
    wire = Wire()
    task = wire.call("x", timeout=1000.0, retries=0)
    wire.clock.advance(IDLE)
    check(wire, wire.client)
    assert not wire.client.closed
    wire.clock.advance(0.1)
    check(wire, wire.client)
    wire.ticks.run()
    assert wire.client.closed
    assert isinstance(task.error, errors.ConnectionLost)
    assert "180.1 s" in task.error.message and "heartbeat" in task.error.message
    assert [what for what, *_ in wire.client_events.told] == ["closed"]


def test_a_heartbeat_takes_its_id_from_the_counter_of_calls() -> None:
    wire = Wire()
    wire.client.heartbeat()
    task = wire.call("x")
    heartbeat, call = split(wire.out.take())
    assert heartbeat[2] != call[2]
    feed(wire.client, frame(0x22, 20, heartbeat[2], b"\x4e"))
    assert not task.done  # an answer to the heartbeat is none to the call


# --- doubt -------------------------------------------------------------------------------------------


def timed_out(wire: Wire) -> MiniTask:
    task = wire.call("x", timeout=0.5, retries=0)
    wire.out.take()
    wire.wait(0.52)
    assert isinstance(task.error, errors.CallTimeout)
    return task


def test_a_timeout_without_a_byte_read_since_probes_at_once_and_takes_it_out_of_use() -> None:
    wire = Wire()
    timed_out(wire)
    assert wire.client.suspect and not wire.client.usable
    assert wire.client_events.told == [("suspected", True)]
    ((flags, _, _, body),) = split(wire.out.take())
    assert (flags, body) == (0xE2, b"\x4e")


def test_any_byte_ends_the_doubt() -> None:
    wire = Wire()
    timed_out(wire)
    feed(wire.client, b"\xda")
    assert wire.client.usable and not wire.client.closed
    assert wire.client_events.told == [("suspected", True), ("suspected", False)]


def test_a_timeout_on_a_connection_that_talks_is_the_methods_fault() -> None:
    wire = Wire()
    task = wire.call("x", timeout=0.5, retries=0)
    wire.out.take()
    wire.wait(0.3)
    feed(wire.client, frame(0xA2, 0, 1, b"\x4e"))
    wire.wait(0.3)
    assert isinstance(task.error, errors.CallTimeout)
    assert wire.client.usable and not wire.out


def test_one_probe_for_many_timeouts() -> None:
    wire = Wire()
    for _ in range(10):
        wire.call("x", timeout=0.5, retries=0)
    wire.out.take()
    wire.wait(1.0)
    assert len(split(wire.out.take())) == 1
    assert wire.client_events.told == [("suspected", True)]


def test_an_unanswered_probe_closes() -> None:
    wire = Wire()
    timed_out(wire)
    wire.out.take()
    wire.clock.advance(4.9)
    check(wire, wire.client)
    assert not wire.client.closed
    wire.clock.advance(0.2)
    check(wire, wire.client)
    assert wire.client.closed
    assert "probe" in wire.client.close_reason.message


def test_a_later_doubt_measures_its_own_probe() -> None:
    wire = Wire()
    timed_out(wire)
    feed(wire.client, frame(0x22, 20, 2, b"\x4e"))
    wire.clock.advance(50.0)
    timed_out(wire)
    check(wire, wire.client)
    assert not wire.client.closed


# --- late replies ------------------------------------------------------------------------------------


def test_a_reply_after_the_timeout_is_dropped() -> None:
    wire = Wire()
    task = wire.call("x", timeout=0.5, retries=0)
    wire.wait(0.52)
    assert isinstance(task.error, errors.CallTimeout)
    feed(wire.client, reply(1, "late"))
    wire.ticks.run()
    assert task.ended == 1 and wire.client.in_flight == 0 and not wire.client.closed


def test_a_reply_after_cancellation_is_dropped_and_the_slot_is_free_at_once() -> None:
    wire = Wire()
    task = wire.call("x")
    assert (wire.client.in_flight, wire.node.active) == (1, 1)
    task.cancel()
    assert (wire.client.in_flight, wire.node.active) == (0, 0)
    wire.ticks.run()
    assert task.done
    feed(wire.client, reply(1, "late"))
    wire.ticks.run()
    assert task.ended == 1 and not wire.client.closed


# --- the end -----------------------------------------------------------------------------------------


def test_sent_calls_were_maybe_executed_and_unflushed_ones_surely_not() -> None:
    wire = Wire(flush_frames=2)
    caller = wire.caller(retries=0)
    tasks = [MiniTask(wire.ticks, caller(value)) for value in range(3)]
    for task in tasks:
        task._step()  # in one tick: two leave by the limit of frames, the third is still in the buffer
    assert len(split(wire.out.take())) == 2
    wire.client.close()
    wire.ticks.run()
    kinds = [type(task.error) for task in tasks]
    assert kinds == [errors.ConnectionLost, errors.ConnectionLost, errors.ConnectError]
    assert [task.error.retry for task in tasks] == [errors.Retry.MAYBE_EXECUTED] * 2 + [errors.Retry.NOT_EXECUTED]
    assert not wire.out
    assert all(task.error.address == "10.0.0.2:20880" for task in tasks)


def test_calls_waiting_for_a_slow_peer_surely_did_not_run() -> None:
    wire = Wire()
    wire.client.pause_writing()
    task = wire.call("x", retries=0)
    wire.client.close()
    wire.ticks.run()
    assert isinstance(task.error, errors.ConnectError)


def test_the_reason_reaches_every_call() -> None:
    wire = Wire()
    task = wire.call("x", retries=0)
    cause = errors.ConnectionLost("10.0.0.2:20880: reset by peer")
    wire.client.close(cause)
    wire.ticks.run()
    assert "reset by peer" in task.error.message
    assert task.error is not cause


def test_calls_lost_to_a_peer_that_breaks_the_protocol_say_so() -> None:
    wire = Wire()
    task = wire.call("x", retries=0)
    feed(wire.client, b"nonsense")
    wire.ticks.run()
    assert isinstance(task.error, errors.RemoteProtocolError)
    assert "bad magic" in task.error.message


def test_closing_twice_is_closing_once() -> None:
    wire = Wire()
    wire.client.close()
    wire.client.close(errors.ConnectionLost("again"))
    assert [what for what, *_ in wire.client_events.told] == ["closed"]


def test_a_closed_connection_sends_nothing_more() -> None:
    wire = Wire({"echo": echo})
    wire.client.close()
    wire.client.heartbeat()
    wire.client.send_readonly()
    wire.client.hello()
    wire.client.check(wire.clock.now + 1000.0, HEARTBEAT, IDLE)
    wire.ticks.run()
    assert not wire.out


def test_a_call_started_while_its_connection_closes_goes_to_the_next_connection() -> None:
    """The task of a failed call calls again at once; the endpoint no longer has the dead connection."""
    wire = Wire({"echo": echo})
    caller = wire.caller(retries=0)

    async def twice() -> Any:
        try:
            return await caller("first")
        except errors.ConnectionLost:
            return await caller("second")

    task = wire.start(twice())
    wire.out.take()
    wire.client.close()
    wire.endpoint.lost(wire.client)
    wire.ticks.run()
    assert wire.dials.wanted == [wire.endpoint]
    fresh = Connection(wire.near.engine, client=True, rpcore=True, write=wire.out.write, writelines=wire.out.writelines)
    wire.client = fresh
    wire.endpoint.connected(fresh)
    wire.pump()
    assert task.result() == "second"


def test_a_retiring_connection_takes_no_new_calls_and_finishes_the_old() -> None:
    wire = Wire()
    task = wire.call("old")
    wire.out.take()
    wire.client.stop_requests()
    other = wire.call("new", timeout=5.0)
    assert not wire.out and not other.done
    feed(wire.client, reply(1, "answer"))
    wire.ticks.run()
    assert task.result() == "answer"


def test_a_disconnect_cancels_the_suspended_handlers_of_that_connection_alone() -> None:
    ended: list[tuple[int, str]] = []

    async def wait(value: int) -> Any:
        try:
            await Gate(wire.ticks)
        except BaseException as error:
            ended.append((value, type(error).__name__))
            raise

    wire = Wire({"wait": wait})
    other = Connection(wire.far.engine, client=False, dispatch=wire.dispatch, write=wire.back.write)
    feed(wire.server, request(1, 1, "wait") + request(2, 2, "wait"))
    feed(other, request(1, 3, "wait"))
    wire.ticks.run()
    assert (wire.server.active_requests, other.active_requests) == (2, 1)
    wire.server.close()
    wire.ticks.run()
    assert ended == [(1, "Cancelled"), (2, "Cancelled")]
    assert (wire.server.active_requests, other.active_requests) == (0, 1)
    assert not wire.back
    assert wire.dispatch.entries[0].gauge.active == 1


def test_draining_refuses_new_requests_and_finishes_the_old() -> None:
    gates: list[Gate] = []

    async def wait(value: int) -> Any:
        gates.append(Gate(wire.ticks))
        await gates[-1]
        return value

    wire = Wire({"wait": wait})
    old = wire.call(1, "wait")
    wire.pump()
    wire.server.draining = True
    new = wire.call(2, "wait", retries=0)
    wire.pump()
    assert isinstance(new.error, errors.PeerGoingAway)
    assert new.error.retry is errors.Retry.NOT_EXECUTED
    gates[0].open()
    wire.pump()
    assert old.result() == 1
    assert ("request_ended",) in wire.server_events.told


def test_every_end_of_a_request_is_told_while_draining() -> None:
    """Also of one that was handed to a fresh worker and ended there without suspending."""
    wire = Wire({"echo": echo})
    wire.server.receive_data(request(1, "x"))  # no worker is parked: one is being started
    wire.server.draining = True
    wire.ticks.run()
    assert split(wire.back.take())[0][1] == 20
    assert wire.server_events.told == [("request_ended",)]


def test_repr_shows_state_and_counts() -> None:
    wire = Wire()
    wire.call("x")
    assert repr(wire.client) == "<Connection to 10.0.0.2:20880 open pending=1 serving=0 waiting=0>"
    wire.server.close()
    assert "from 10.0.0.1:54321 closed" in repr(wire.server)


def test_a_cancellation_in_the_same_read_as_its_request_finds_it() -> None:
    started = []

    async def wait(value: int) -> Any:
        started.append(value)
        await Gate(wire.ticks)

    cancel = frame(0xA0 | 29, 0, 2, b"\xa1C")
    for workers in (0, 1, 2):
        wire = Wire({"wait": wait})
        wire.far.engine.spawn_workers(workers)
        wire.ticks.run()
        started.clear()
        feed(wire.server, request(1, 1, "wait") + request(2, 2, "wait") + cancel)
        wire.ticks.run()
        assert started == [1] if workers < 2 else [1, 2]
        assert wire.server.active_requests == 1
        assert wire.dispatch.entries[0].gauge.active == 1
        assert not wire.back  # nobody waits for an answer
        feed(wire.server, request(3, 3, "wait"))
        wire.ticks.run()
        assert started[-1] == 3


def test_a_disconnect_in_the_same_tick_as_a_request_keeps_it_from_starting() -> None:
    started = []

    async def note(value: int) -> None:
        started.append(value)

    wire = Wire({"note": note})
    feed(wire.server, request(1, 1, "note"))
    wire.server.close()
    wire.ticks.run()
    assert started == []
    assert wire.dispatch.entries[0].gauge.active == 0
