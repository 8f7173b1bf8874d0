"""What leaves a connection: whole frames only, in order, few writes; and who waits while the peer does not read."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgpack
import pytest

from harness import Gate, MiniTask, Wire, echo, feed, reply, request, split
from rpcore import errors
from rpcore._core import Connection


def values_sent(data: bytes) -> list[Any]:
    return [msgpack.unpackb(body)[4][0] for *_, body in split(data)]


# --- encoding that fails -----------------------------------------------------------------------------


class Hostile:
    """No type that can be sent."""


@pytest.mark.parametrize("bad", [Hostile(), ["x" * 500, Hostile()], {"k": [b"z" * 40_000, Hostile()]}])
def test_a_value_that_cannot_be_sent_leaves_no_byte_behind(bad: Any) -> None:
    wire = Wire({"echo": echo})
    caller = wire.caller()
    tasks = [MiniTask(wire.ticks, caller(value)) for value in ("before", bad, "after")]
    wire.ticks.run()
    assert isinstance(tasks[1].error, errors.EncodeError)
    assert (tasks[1].error.service, tasks[1].error.method) == ("test.Service", "echo")
    assert "args.value" in str(tasks[1].error)
    assert wire.client.in_flight == 2
    data = wire.send()
    assert values_sent(data) == ["before", "after"]
    wire.pump()
    assert [task.value for task in tasks] == ["before", None, "after"]


def test_a_result_that_cannot_be_sent_leaves_no_byte_behind_and_says_so_on_both_sides(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def bad(value: Any) -> Any:
        return [b"z" * 40_000, "text", Hostile()]

    wire = Wire({"echo": echo, "bad": bad})
    tasks = [wire.call("before"), wire.call(None, "bad", retries=0), wire.call("after")]
    wire.pump()
    assert (tasks[0].value, tasks[2].value) == ("before", "after")
    error = tasks[1].error
    assert isinstance(error, errors.RpcError)
    assert "bad" in error.message and "Hostile" in error.message and "result" in error.message
    assert "Hostile" in caplog.text  # the side that can mend it is told too


# --- calls made while a call is being encoded --------------------------------------------------------


@dataclasses.dataclass
class Note:
    text: str


class CallsWhileRead(Note):
    """A DTO whose field is computed, by code that makes a call of its own."""

    wire: Wire
    inner: MiniTask | None = None

    @property  # type: ignore[override]
    def text(self) -> str:
        if self.inner is None:
            self.inner = MiniTask(self.wire.ticks, self.wire.caller()("inner"))
            self.inner._step()
        return "outer"

    @text.setter
    def text(self, value: str) -> None:
        pass


def interrupting_note(wire: Wire) -> CallsWhileRead:
    note = CallsWhileRead.__new__(CallsWhileRead)
    note.wire = wire
    return note


def test_a_call_made_while_encoding_lands_after_the_frame_it_interrupted() -> None:
    wire = Wire({"echo": echo, "note": echo})
    note = interrupting_note(wire)
    task = wire.start(wire.caller("note", takes=Note, returns=Any)(note))
    assert note.inner is not None and not note.inner.done
    data = wire.send()
    assert values_sent(data) == [{"text": "outer"}, "inner"]
    wire.pump()
    assert task.result() == {"text": "outer"}
    assert note.inner.result() == "inner"


def test_a_call_made_while_encoding_survives_the_failure_of_the_outer_one() -> None:
    wire = Wire({"echo": echo, "note": echo})
    note = interrupting_note(wire)
    task = wire.start(wire.caller("note", takes=list[Note])([note, "no note"]))
    assert isinstance(task.error, errors.EncodeError)
    assert note.inner is not None
    assert values_sent(wire.send()) == ["inner"]
    wire.pump()
    assert note.inner.result() == "inner"


class ClosesWhileRead(CallsWhileRead):
    @property  # type: ignore[override]
    def text(self) -> str:
        self.wire.client.close()
        return "outer"


def test_a_connection_closed_while_encoding_fails_the_call_as_not_sent() -> None:
    wire = Wire()
    note = ClosesWhileRead.__new__(ClosesWhileRead)
    note.wire = wire
    task = wire.start(wire.caller("note", takes=Note, retries=0)(note))
    assert isinstance(task.error, errors.ConnectError)
    assert task.error.retry is errors.Retry.NOT_EXECUTED
    assert not wire.out


# --- when it leaves ----------------------------------------------------------------------------------


def test_the_frames_of_one_tick_leave_in_one_write() -> None:
    wire = Wire()
    caller = wire.caller()
    for value in range(5):
        MiniTask(wire.ticks, caller(value))
    wire.ticks.run()
    assert len(wire.out) == 1
    assert values_sent(wire.out.take()) == [0, 1, 2, 3, 4]


def test_many_frames_leave_before_the_tick_ends() -> None:
    wire = Wire(flush_frames=4)
    caller = wire.caller()
    for value in range(10):
        MiniTask(wire.ticks, caller(value))._step()
        assert len(wire.out) == (value + 1) // 4
    wire.ticks.run()
    assert [len(split(data)) for data in wire.out] == [4, 4, 2]


def test_much_data_leaves_before_the_tick_ends() -> None:
    wire = Wire()
    MiniTask(wire.ticks, wire.caller()("x" * 70_000))._step()
    assert len(wire.out) == 1


def test_answers_leave_when_the_input_has_been_read() -> None:
    wire = Wire({"echo": echo})
    wire.far.engine.spawn_workers(1)
    wire.ticks.run()
    feed(wire.server, b"".join(request(i, i) for i in range(5)))
    assert len(wire.back) == 1  # at once: no tick is waited for
    assert not wire.ticks.queue
    assert len(split(wire.back.take())) == 5


def test_a_buffer_that_is_written_by_reference_is_not_touched_again() -> None:
    held: list[memoryview] = []
    wire = Wire()
    wire.client.set_output(lambda data: held.append(memoryview(data)), None)
    wire.call("x" * 70_000)
    before = bytes(held[0])
    for value in range(50):
        wire.call("y" * 70_000 + str(value))
    assert bytes(held[0]) == before
    assert values_sent(before) == ["x" * 70_000]


def test_output_is_accepted_by_every_transport() -> None:
    """The standard loop of 3.11 takes bytes, bytearray and memoryview and nothing else."""
    kinds = []
    wire = Wire()
    wire.client.set_output(lambda data: kinds.append(type(data)), lambda pieces: kinds.extend(map(type, pieces)))
    for value in ("small", "x" * 70_000, b"z" * 70_000, ["x" * 70_000, b"z" * 70_000]):
        wire.call(value)
    assert set(kinds) <= {bytes, bytearray, memoryview}


# --- a peer that reads slowly ------------------------------------------------------------------------


def test_calls_wait_while_writing_is_paused_and_leave_in_order() -> None:
    wire = Wire({"echo": echo})
    wire.client.pause_writing()
    tasks = [wire.call(value) for value in range(5)]
    assert not wire.out
    assert wire.client.in_flight == 0 and len(wire.client.waiting) == 5
    wire.client.resume_writing()
    assert values_sent(wire.send()) == [0, 1, 2, 3, 4]
    assert not wire.client.waiting
    wire.pump()
    assert [task.result() for task in tasks] == [0, 1, 2, 3, 4]


def test_the_queue_is_bounded() -> None:
    wire = Wire(waiting_limit=3)
    wire.client.pause_writing()
    tasks = [wire.call(value, retries=0) for value in range(5)]
    assert [task.done for task in tasks] == [False] * 3 + [True] * 2
    for task in tasks[3:]:
        assert isinstance(task.error, errors.LimitExceeded)
        assert "waiting_limit" in task.error.message and "10.0.0.2:20880" in task.error.message
        assert task.error.retry is errors.Retry.NOT_EXECUTED


def test_a_waiting_call_keeps_its_deadline_and_is_never_sent_afterwards() -> None:
    wire = Wire()
    wire.client.pause_writing()
    task = wire.call("late", timeout=0.5, retries=0)
    wire.wait(0.499)
    assert not task.done
    wire.wait(0.02)
    assert isinstance(task.error, (errors.LimitExceeded, errors.CallTimeout))
    assert "reads too slowly" in task.error.message
    wire.client.resume_writing()
    wire.ticks.run()
    assert not wire.out


def test_a_cancelled_waiting_call_is_never_sent() -> None:
    wire = Wire()
    wire.client.pause_writing()
    first, second = wire.call("first"), wire.call("second")
    first.cancel()
    wire.ticks.run()
    assert first.done and not second.done
    wire.client.resume_writing()
    wire.ticks.run()
    assert values_sent(wire.out.take()) == ["second"]


def test_pausing_again_while_the_queue_leaves_keeps_the_rest_waiting() -> None:
    wire = Wire(flush_frames=2)
    wire.client.pause_writing()
    tasks = [wire.call(value) for value in range(5)]

    def write(data: bytes) -> None:
        wire.out.write(data)
        wire.client.pause_writing()

    wire.client.set_output(write, None)
    wire.client.resume_writing()
    assert values_sent(b"".join(wire.out)) == [0, 1]
    assert len(wire.client.waiting) == 3
    wire.client.resume_writing()
    wire.client.resume_writing()
    wire.ticks.run()
    assert values_sent(wire.out.take()) == [0, 1, 2, 3, 4]
    assert not any(task.done for task in tasks)


class Flow:
    """The reading side of a server's transport."""

    def __init__(self, connection: Connection) -> None:
        self.calls: list[str] = []
        connection.set_flow(lambda: self.calls.append("pause"), lambda: self.calls.append("resume"))


def test_a_server_whose_answers_are_not_read_stops_reading() -> None:
    served = []

    async def count(value: Any) -> Any:
        served.append(value)
        return value

    wire = Wire({"echo": count}, flush_frames=2)
    flow = Flow(wire.server)

    def write(data: bytes) -> None:
        wire.back.write(data)
        wire.server.pause_writing()

    wire.server.set_output(write, None)
    wire.far.engine.spawn_workers(1)
    wire.ticks.run()
    feed(wire.server, b"".join(request(i, i) for i in range(6)))
    wire.ticks.run()
    assert served == [0, 1]  # those before the pause; what was read already waits undone
    assert flow.calls == ["pause"]
    wire.server.resume_writing()
    assert served == [0, 1, 2, 3]
    wire.server.resume_writing()
    wire.server.resume_writing()
    assert served == [0, 1, 2, 3, 4, 5]
    assert [id for *_, id, _ in split(wire.back.take())] == [0, 1, 2, 3, 4, 5]
    assert flow.calls[-1] == "resume" if not wire.server.paused else flow.calls[-1] == "pause"


def test_a_large_frame_completed_while_paused_is_served_after_it() -> None:
    gate_open = []

    async def slow(value: Any) -> Any:
        gate = Gate(wire.ticks)
        gate_open.append(gate)
        await gate
        return len(value)

    wire = Wire({"slow": slow}, window=4096)
    data = request(1, b"x" * 100_000, "slow")
    feed(wire.server, data[:50_000])
    wire.server.pause_writing()
    feed(wire.server, data[50_000:])  # a read that was under way when reading was paused
    wire.ticks.run()
    assert not gate_open
    wire.server.resume_writing()
    wire.ticks.run()
    assert len(gate_open) == 1
    gate_open[0].open()
    wire.ticks.run()
    assert [(status, id) for _, status, id, _ in split(wire.back.take())] == [(20, 1)]


# --- ids and the table of pending calls --------------------------------------------------------------


def ids_sent(wire: Wire) -> list[int]:
    return [id for *_, id, _ in split(wire.out.take())]


def test_ids_skip_places_still_taken_by_a_slow_call() -> None:
    wire = Wire()
    wire.call("slow")
    assert ids_sent(wire) == [1]
    for id in range(2, 65):
        task = wire.call("quick")
        assert ids_sent(wire) == [id]
        feed(wire.client, reply(id, "done"))
        wire.ticks.run()
        assert task.result() == "done"
    wire.call("next")  # 65 would stand where 1 stands
    assert ids_sent(wire) == [66]
    assert wire.client.in_flight == 2


@pytest.mark.parametrize("first_id", [1, 50, 2**63 - 20, 2**64 - 20])
def test_the_table_grows_and_every_reply_finds_its_call(first_id: int) -> None:
    wire = Wire({"echo": echo})
    wire.client = Connection(
        wire.near.engine,
        client=True,
        rpcore=True,
        write=wire.out.write,
        writelines=wire.out.writelines,
        first_id=first_id,
    )
    wire.endpoint.lost(wire.endpoint.connections[0])
    wire.endpoint.connected(wire.client)
    tasks = [wire.call(value) for value in range(500)]
    assert wire.client.in_flight == 500
    sent = ids_sent(wire)
    assert len(set(sent)) == 500
    for place in range(499, -1, -1):
        feed(wire.client, reply(sent[place], place))
    wire.ticks.run()
    assert [task.result() for task in tasks] == list(range(500))
    assert wire.client.in_flight == 0


def test_replies_in_any_order_reach_their_calls() -> None:
    wire = Wire()
    tasks = [wire.call(value) for value in range(20)]
    order = [7, 3, 19, 0, *range(4, 7), 1, 2, *range(8, 19)]
    feed(wire.client, b"".join(reply(place + 1, place * 10) for place in order))
    wire.ticks.run()
    assert [task.result() for task in tasks] == [value * 10 for value in range(20)]


def test_a_second_reply_with_the_same_id_is_dropped() -> None:
    wire = Wire()
    task = wire.call("once")
    feed(wire.client, reply(1, "first") + reply(1, "second"))
    wire.ticks.run()
    assert (task.result(), task.ended) == ("first", 1)
    other = wire.call("other")
    assert not other.done
