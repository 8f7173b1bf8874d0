"""A model of pending calls: whatever order replies, errors, timeouts, cancellations and losses come in.

Invariants: each call ends exactly once and as the model says; the connection counts the calls the model has in
flight; nothing is in the wheel when nothing is pending; no call ends before its time or more than 10 ms after it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, precondition, rule

from harness import Cancelled, MiniTask, Wire, feed, frame, refusal, reply, split
from rpcore import errors
from rpcore._core import Connection


@dataclass
class Modelled:
    """One call as the model sees it."""

    began: float
    timeout: float
    sent: bool
    task: MiniTask = field(init=False)
    id: int = 0
    ended: str = ""
    ended_at: float = 0.0
    value: Any = None


class PendingCalls(RuleBasedStateMachine):
    calls = Bundle("calls")

    def __init__(self) -> None:
        super().__init__()
        self.wire = Wire(flush_frames=4)
        self.callers = {timeout: self.wire.caller(timeout=timeout, retries=0) for timeout in (0.2, 1.0, 7.0)}
        self.all: list[Modelled] = []
        self.paused = False
        self.ids: list[int] = []
        self.losses = 0

    # --- what may happen ---

    @rule(target=calls, timeout=st.sampled_from([0.2, 1.0, 7.0]))
    def start(self, timeout: float) -> Modelled:
        call = Modelled(self.wire.clock.now, timeout, sent=not self.paused)
        call.task = self.wire.start(self._call(call))
        self.all.append(call)
        if call.sent:
            self._note_ids()
            call.id = self.ids[-1]
        return call

    @rule(call=consumes(calls), value=st.none() | st.integers(-9, 9))
    def answer(self, call: Modelled, value: Any) -> None:
        if call.sent:
            self._receive(reply(call.id, value))
            self._end(call, "value", value)

    @rule(call=consumes(calls))
    def refuse(self, call: Modelled) -> None:
        if call.sent:
            self._receive(refusal(call.id, 70, "broken"))
            self._end(call, "fault")

    @rule(call=consumes(calls))
    def cancel(self, call: Modelled) -> None:
        call.task.cancel()
        self.wire.ticks.run()
        self._end(call, "cancelled")

    @rule(first=consumes(calls), second=consumes(calls))
    def answer_two_in_one_read(self, first: Modelled, second: Modelled) -> None:
        if first.sent and second.sent and first is not second:
            self._receive(reply(first.id, "a") + reply(second.id, "b"))
            self._end(first, "value", "a")
            self._end(second, "value", "b")

    @rule(seconds=st.sampled_from([0.001, 0.05, 0.3, 1.0]))
    def pass_time(self, seconds: float) -> None:
        self.wire.wait(seconds)
        for call in self.all:
            if call.task.done and not call.ended:
                waited = call.ended_at - call.began
                assert call.timeout - 1e-9 <= waited <= call.timeout + 0.010
                self._end(call, "timeout" if call.sent else "unsent")
            assert call.ended or self.wire.clock.now - call.began <= call.timeout + 0.010

    @rule(id=st.integers(-5, 70))
    def answer_nobody(self, id: int) -> None:
        if not any(call.sent and not call.ended and call.id == id for call in self.all):
            self._receive(reply(id, "for nobody"))

    @rule()
    def talk(self) -> None:
        self._receive(frame(0xA2, 0, 1, b"\x4e"))

    @rule()
    def pause(self) -> None:
        self.wire.client.pause_writing()
        self.paused = True

    @precondition(lambda self: self.paused)
    @rule()
    def resume(self) -> None:
        self.wire.client.resume_writing()
        self.paused = False
        waiting = [call for call in self.all if not call.sent and not call.ended]
        before = len(self.ids)
        self._note_ids()
        assert len(self.ids) == before + len(waiting)
        for call, id in zip(waiting, self.ids[before:], strict=True):
            call.sent, call.id = True, id

    @rule()
    def lose_the_connection(self) -> None:
        wire = self.wire
        lost = wire.client
        lost.close(errors.ConnectionLost("cut"))
        wire.endpoint.lost(lost)
        wire.ticks.run()
        for call in self.all:
            self._end(call, "lost" if call.sent else "unsent")
        wire.out.clear()
        wire.client = Connection(
            wire.near.engine,
            client=True,
            rpcore=True,
            write=wire.out.write,
            writelines=wire.out.writelines,
            events=wire.client_events,
            flush_frames=4,
            first_id=1_000_000 * (self.losses + 1),  # a late answer to a lost call finds nobody
        )
        self.losses += 1
        wire.endpoint.connected(wire.client)
        self.paused = False

    # --- what must hold ---

    @invariant()
    def in_flight_is_what_the_model_says(self) -> None:
        pending = [call for call in self.all if not call.ended]
        assert self.wire.client.in_flight == sum(call.sent for call in pending)
        assert len(self.wire.client.waiting) == sum(not call.sent for call in pending)
        assert self.wire.node.active == len(pending)
        assert len(self.wire.near.engine.wheel) == len(pending)

    @invariant()
    def each_call_ends_once_and_as_it_should(self) -> None:
        for call in self.all:
            assert call.task.done == bool(call.ended)
            assert call.task.ended == bool(call.ended)
            if call.ended == "value":
                assert call.task.value == call.value
            elif call.ended:
                assert isinstance(call.task.error, ENDS[call.ended]), (call.ended, call.task.error)

    @invariant()
    def ids_are_not_used_twice_at_a_time(self) -> None:
        ids = [call.id for call in self.all if call.sent and not call.ended]
        assert len(set(ids)) == len(ids)

    def teardown(self) -> None:
        """With time everything ends, and the wheel is empty and unarmed."""
        self.pass_time(8.0)
        assert all(call.ended for call in self.all)
        self.wire.wait(1.0)
        assert len(self.wire.near.engine.wheel) == 0
        assert self.wire.near.armed is None

    # --- helpers ---

    async def _call(self, call: Modelled) -> Any:
        try:
            return await self.callers[call.timeout]("x")
        finally:
            call.ended_at = self.wire.clock.now

    def _receive(self, data: bytes) -> None:
        feed(self.wire.client, data)
        self.wire.ticks.run()

    def _note_ids(self) -> None:
        """The calls among what was written since; probes of a doubted connection are no calls."""
        self.wire.ticks.run()
        self.ids += [id for flags, _, id, _ in split(self.wire.out.take()) if not flags & 0x20]

    def _end(self, call: Modelled, how: str, value: Any = None) -> None:
        if not call.ended:
            call.ended, call.value = how, value


ENDS: dict[str, tuple[type[BaseException], ...]] = {
    "fault": (errors.RemoteFault, errors.CallTimeout),  # the latter for one that comes at the last moment
    "cancelled": (Cancelled,),
    "timeout": (errors.CallTimeout,),
    "unsent": (errors.LimitExceeded, errors.ConnectError, errors.CallTimeout),
    "lost": (errors.ConnectionLost, errors.CallTimeout),
}

TestPendingCalls = PendingCalls.TestCase
TestPendingCalls.settings = settings(
    max_examples=80, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
