"""Bodies over the limit: that call fails with limit, size and option; its bytes are skipped exactly; the rest lives."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest

import rpcore
from harness import EVENT, MSGPACK, REQUEST, TWOWAY, Wire, echo, feed, frame, reply, request, split
from rpcore import errors

LIMIT = 2000


def wire_with_limit(**options: Any) -> Wire:
    return Wire({"echo": echo}, limits=rpcore.Limits(payload=LIMIT), **options)


def statuses(wire: Wire) -> list[tuple[int, int]]:
    wire.ticks.run()
    return [(status, id) for _, status, id, _ in split(wire.back.take())]


@pytest.mark.parametrize("piece", [0, 1, 15, 16, 17, 1000])
@pytest.mark.parametrize("size", [LIMIT + 1, 10_000, 100_000])
def test_a_request_over_the_limit_is_refused_and_skipped_exactly(size: int, piece: int) -> None:
    wire = wire_with_limit()
    large = frame(REQUEST | TWOWAY | MSGPACK, 0, 1, b"\xda\xbb" * (size // 2) + b"\xda" * (size % 2))
    feed(wire.server, large + request(2, "next"), piece)
    wire.ticks.run()
    refused, served = split(wire.back.take())
    assert refused[:3] == (MSGPACK, 40, 1)
    text = msgpack.unpackb(refused[3])
    assert text.startswith("[payload]") and str(size) in text and str(LIMIT) in text and "option: payload" in text
    assert served == (MSGPACK, 20, 2, msgpack.packb([0, "next", None]))


def test_the_refusal_leaves_before_the_body_has_arrived() -> None:
    wire = wire_with_limit()
    feed(wire.server, frame(REQUEST | TWOWAY | MSGPACK, 0, 1, b"", length=1_000_000))
    assert statuses(wire) == [(40, 1)]
    assert not wire.server.closed


def test_a_skipped_body_is_not_kept() -> None:
    wire = wire_with_limit(window=4096)
    feed(wire.server, frame(REQUEST | TWOWAY | MSGPACK, 0, 1, b"", length=50_000_000))
    window = wire.server.get_buffer()
    assert len(memoryview(window)) == 4096  # nothing of it is in the window
    feed(wire.server, bytes(50_000_000) + request(2, "next"))
    assert statuses(wire) == [(40, 1), (20, 2)]


@pytest.mark.parametrize("flags", [REQUEST | MSGPACK, REQUEST | EVENT | MSGPACK])
def test_what_expects_no_answer_is_skipped_in_silence(flags: int) -> None:
    wire = wire_with_limit()
    feed(wire.server, frame(flags, 0, 1, bytes(LIMIT + 1)) + request(2, "next"))
    assert statuses(wire) == [(20, 2)]


@pytest.mark.parametrize("piece", [0, 1, 1000])
def test_a_reply_over_the_limit_fails_that_call_alone(piece: int) -> None:
    wire = wire_with_limit()
    first, second = wire.call(1), wire.call(2)
    feed(wire.client, reply(1, "x" * LIMIT) + reply(2, "fine"), piece)
    wire.ticks.run()
    assert isinstance(first.error, errors.PayloadTooLarge)
    size = len(reply(1, "x" * LIMIT)) - 16
    assert str(size) in first.error.message and str(LIMIT) in first.error.message
    assert "payload" in first.error.message
    assert (first.error.service, first.error.method) == ("test.Service", "echo")
    assert second.result() == "fine"
    assert wire.client.in_flight == 0 and not wire.client.closed


def test_a_request_over_the_limit_is_not_sent() -> None:
    wire = wire_with_limit()
    task = wire.call("x" * LIMIT)
    assert isinstance(task.error, errors.PayloadTooLarge)
    assert str(LIMIT) in task.error.message and "payload" in task.error.message
    assert not wire.out and wire.client.in_flight == 0
    assert wire.call("small").done is False


def test_a_large_bytes_argument_counts_too() -> None:
    wire = wire_with_limit()
    task = wire.call(bytes(40_000))
    assert isinstance(task.error, errors.PayloadTooLarge)
    assert not wire.out


def test_a_reply_that_the_server_cannot_send_becomes_an_error_of_that_call() -> None:
    async def answer(value: Any) -> Any:
        return "x" * value

    wire = Wire({"answer": answer}, limits=rpcore.Limits(payload=LIMIT))
    large, small = wire.call(LIMIT, "answer", retries=0), wire.call(3, "answer")
    wire.pump()
    assert isinstance(large.error, errors.PayloadTooLarge)
    assert "reply" in large.error.message and str(LIMIT) in large.error.message
    assert small.result() == "xxx"


def test_a_method_may_allow_less_than_the_connection() -> None:
    wire = Wire({"echo": echo})
    caller = wire.caller()
    caller.payload = 100
    task = wire.start(caller("x" * 200))
    assert isinstance(task.error, errors.PayloadTooLarge)
    assert "100 bytes" in task.error.message


def test_none_of_these_is_tried_again() -> None:
    wire = wire_with_limit()
    for task in (wire.call("x" * LIMIT, retries=5, idempotent=True), wire.call("y", retries=5, idempotent=True)):
        if not task.done:
            feed(wire.client, reply(2, "x" * LIMIT) + reply(1, "x" * LIMIT))
            wire.ticks.run()
        assert isinstance(task.error, errors.PayloadTooLarge)
    assert wire.reference.retries == 0
