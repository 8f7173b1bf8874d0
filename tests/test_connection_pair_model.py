"""Both sides at once under any schedule: bytes travel in any pieces, handlers end in any way and order, peers stop
reading, calls are cancelled, time passes, connections break.

Whatever happened, every call ends exactly once, and when all is quiet nothing is left on either side.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import rpcore
from harness import Cancelled, Gate, MiniTask, Wire, feed
from rpcore import errors

TIMEOUT = 5.0
ENDINGS = {
    "value": (),
    "raises": (errors.RemoteError,),
    "swallows": (),
    "cleans up": (),
    "bad result": (errors.RpcError,),
}


@dataclass
class Call:
    number: int
    task: MiniTask
    how: str
    cancelled: bool = False


class Pair(RuleBasedStateMachine):
    @initialize(workers=st.integers(0, 3), frames=st.sampled_from([1, 4, 100]), window=st.sampled_from([256, 65536]))
    def set_up(self, workers: int, frames: int, window: int) -> None:
        self.wire = Wire({how: self._handler(how) for how in ENDINGS}, flush_frames=frames, window=window)
        logging.getLogger("rpcore.server").setLevel(logging.CRITICAL)
        self.wire.server.set_flow(lambda: None, lambda: None)
        self.wire.far.engine.spawn_workers(workers)
        self.wire.client.hello()
        self.callers = {
            how: self.wire.caller(how, timeout=TIMEOUT, retries=0, returns=int if how == "bad result" else Any)
            for how in ENDINGS
        }
        self.calls: list[Call] = []
        self.gates: dict[int, Gate] = {}
        self.started: list[int] = []
        self.to_server = self.to_client = b""
        self.lost = False

    def _handler(self, how: str) -> Any:
        async def handler(value: list[Any]) -> Any:
            number, suspends, _ = value
            assert rpcore.context().method == how
            self.started.append(number)
            if suspends:
                gate = self.gates[number] = Gate(self.wire.ticks)
                try:
                    await gate
                except Cancelled:
                    if how == "cleans up":
                        again = self.gates[number] = Gate(self.wire.ticks)
                        await again
                    if how != "swallows":
                        raise
            if how == "raises":
                raise KeyError(number)
            return object() if how == "bad result" else number

        return handler

    # --- what may happen ---

    @rule(how=st.sampled_from(sorted(ENDINGS)), suspends=st.booleans(), size=st.sampled_from([0, 10, 400, 40_000]))
    def call(self, how: str, suspends: bool, size: int) -> None:
        number = len(self.calls)
        value = [number, suspends, b"x" * size]
        self.calls.append(Call(number, self.wire.start(self.callers[how](value)), how))

    @rule(share=st.sampled_from([0.1, 0.5, 1.0]), to_client=st.booleans())
    def carry(self, share: float, to_client: bool) -> None:
        """Some of what was written arrives."""
        wire = self.wire
        wire.ticks.run()
        box, connection = (wire.back, wire.client) if to_client else (wire.out, wire.server)
        data = (self.to_client if to_client else self.to_server) + box.take()
        size = max(1, int(len(data) * share)) if data else 0
        if connection is wire.server and connection.paused:
            size = 0  # its transport reads nothing
        feed(connection, data[:size])
        if to_client:
            self.to_client = data[size:]
        else:
            self.to_server = data[size:]

    @rule()
    def tick(self) -> None:
        self.wire.ticks.run()

    @precondition(lambda self: self.gates)
    @rule(data=st.data())
    def open(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.gates)))
        self.gates.pop(number).open()

    @precondition(lambda self: self.calls)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        call = data.draw(st.sampled_from(self.calls))
        if call.task.cancel():
            call.cancelled = True

    @rule(side=st.sampled_from(["client", "server"]), paused=st.booleans())
    def pause_or_resume(self, side: str, paused: bool) -> None:
        connection = getattr(self.wire, side)
        if paused:
            connection.pause_writing()
        else:
            connection.resume_writing()

    @rule(seconds=st.sampled_from([0.01, 1.0, TIMEOUT + 0.02]))
    def pass_time(self, seconds: float) -> None:
        self.wire.wait(seconds)

    @precondition(lambda self: len(self.calls) > 3)
    @rule(client=st.booleans())
    def break_connection(self, client: bool) -> None:
        for connection in (self.wire.client, self.wire.server) if client else (self.wire.server, self.wire.client):
            connection.close(errors.ConnectionLost("cut"))
        self.lost = True
        self.to_client = self.to_server = b""

    # --- what must hold ---

    @invariant()
    def calls_end_once(self) -> None:
        for call in getattr(self, "calls", ()):
            assert call.task.ended <= 1
        started = getattr(self, "started", [])
        assert len(set(started)) == len(started)  # nothing runs twice

    @invariant()
    def counts_are_never_negative(self) -> None:
        if hasattr(self, "calls"):
            assert self.wire.node.active >= 0
            assert all(entry.gauge.active >= 0 for entry in self.wire.dispatch.entries)

    def teardown(self) -> None:
        """All is let go, and the deadlines pass: everything ends as it should and nothing is left."""
        if not hasattr(self, "calls"):
            return
        wire = self.wire
        for _ in range(3):
            wire.server.resume_writing()
            wire.client.resume_writing()
            for _ in range(8):
                self.carry(1.0, False)
                self.carry(1.0, True)
                for number in list(self.gates):
                    self.gates.pop(number).open()
                wire.ticks.run()
            wire.wait(TIMEOUT + 0.1)
        for call in self.calls:
            assert call.task.ended == 1
            self._check(call)
        assert wire.client.in_flight == len(wire.client.waiting) == wire.node.active == 0
        assert wire.server.active_requests == 0
        assert all(entry.gauge.active == 0 for entry in wire.dispatch.entries)
        assert len(wire.near.engine.wheel) == len(wire.far.engine.wheel) == 0
        assert all(not worker.serving for worker in wire.far.engine.workers)
        if not self.lost:
            assert not wire.client.closed and not wire.server.closed

    def _check(self, call: Call) -> None:
        error = call.task.error
        if error is None:
            assert call.task.value == call.number and call.how != "raises"
        elif isinstance(error, Cancelled):
            assert call.cancelled
        elif isinstance(error, errors.TransportError | errors.LimitExceeded):
            assert self.lost or isinstance(error, errors.LimitExceeded)
        else:
            assert isinstance(error, (errors.CallTimeout, *ENDINGS[call.how]))


TestPair = Pair.TestCase
TestPair.settings = settings(
    max_examples=100, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
