"""What the parser makes of bytes: every case whole, byte by byte, cut in two anywhere, and with more behind it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgpack
import pytest

import rpcore
from harness import (
    EVENT,
    HESSIAN2,
    MSGPACK,
    REQUEST,
    TWOWAY,
    Wire,
    echo,
    feed,
    frame,
    refusal,
    reply,
    request,
    split,
)
from rpcore import errors

HELLO = 0x7270636F72650003
"""The id of an rpcore peer's first heartbeat: "rpcore", then what it can do."""


@dataclass
class Case:
    """Bytes for a server, and the frames it must answer with (body as msgpack where it is msgpack)."""

    name: str
    data: bytes
    answers: list[tuple[int, int, int, Any]]


SERVER_CASES = [
    Case("request", request(7, "x"), [(MSGPACK, 20, 7, [0, "x", None])]),
    Case("two requests", request(7, 1) + request(8, 2), [
        (MSGPACK, 20, 7, [0, 1, None]), (MSGPACK, 20, 8, [0, 2, None])]),
    Case("one-way request", request(7, "x", oneway=True), []),
    Case("negative id", request(-5, "x"), [(MSGPACK, 20, -5, [0, "x", None])]),
    Case("empty arguments body", request(9, b""), [(MSGPACK, 20, 9, [0, b"", None])]),
    Case("heartbeat", frame(0xE2, 0, 5, b"\x4e"), [(0x22, 20, 5, b"\x4e")]),
    Case("heartbeat of dubbo-go", frame(0xE2, 0, 5, b"\x4e\x4e"), [(0x22, 20, 5, b"\x4e")]),
    Case("msgpack heartbeat", frame(0xE0 | MSGPACK, 0, 5, b"\xc0"), [(0x20 | MSGPACK, 20, 5, b"\xc0")]),
    Case("one-way heartbeat", frame(0xA2, 0, 5, b"\x4e"), []),
    Case("hello", frame(0xE2, 0, HELLO, b"\x4e"), [(0x22, 20, HELLO, b"\x4e\x93\xa6rpcore\x01\x03")]),
    Case("event nobody knows", frame(0xE2, 0, 5, b"\x01X"), []),
    Case("event with an empty body", frame(0xE2, 0, 5, b""), []),
    Case("cancel of nothing", frame(REQUEST | EVENT | MSGPACK, 0, 99, b"\xa1C"), []),
    Case("reply to a server", reply(3, "x"), []),
    Case(
        "serialization nobody speaks",
        frame(REQUEST | TWOWAY | 7, 0, 6, b"whatever"),
        [(HESSIAN2, 40, 6, "[serialization] serialization 7 is not served here")],
    ),
    Case(
        "hessian2 request that ends too early",
        frame(0xC2, 0, 6, b"\x05" + b"2.0.2"),
        [(HESSIAN2, 40, 6, "[arguments] unreadable request: path: the data ends inside a value")],
    ),
    Case("one-way in a serialization nobody speaks", frame(REQUEST | 7, 0, 6, b"whatever"), []),
    Case("request after a heartbeat", frame(0xE2, 0, 5, b"\x4e") + request(7, "x"), [
        (0x22, 20, 5, b"\x4e"), (MSGPACK, 20, 7, [0, "x", None])]),
]  # fmt: skip


def answers_of(wire: Wire) -> list[tuple[int, int, int, Any]]:
    wire.ticks.run()
    return [(flags, status, id, readable(flags, status, body)) for flags, status, id, body in split(wire.back.take())]


def readable(flags: int, status: int, body: bytes) -> Any:
    if flags & EVENT:
        return body
    if flags & 0x1F == MSGPACK:
        return msgpack.unpackb(body)
    # A hessian2 string: one length byte, or two from 32 characters on.
    return body[1 if body[0] < 0x20 else 2 :].decode()


def ways(data: bytes) -> list[tuple[str, Callable[[Any], None]]]:
    """How the same bytes may arrive."""
    return [
        ("whole", lambda connection: feed(connection, data)),
        ("byte by byte", lambda connection: feed(connection, data, 1)),
        *(
            (f"cut at {at}", lambda connection, at=at: (feed(connection, data[:at]), feed(connection, data[at:])))
            for at in range(1, len(data))
        ),
    ]


@pytest.mark.parametrize("case", SERVER_CASES, ids=lambda case: case.name)
def test_server_cases(case: Case) -> None:
    for name, arrive in ways(case.data):
        wire = Wire({"echo": echo})
        arrive(wire.server)
        assert answers_of(wire) == case.answers, name
        assert not wire.server.closed, name


@pytest.mark.parametrize("case", SERVER_CASES, ids=lambda case: case.name)
def test_server_cases_with_trailing_data(case: Case) -> None:
    follower = request(1234, "follows")
    served = (MSGPACK, 20, 1234, [0, "follows", None])
    for behind in range(len(follower)):
        wire = Wire({"echo": echo})
        feed(wire.server, case.data + follower[:behind])
        assert answers_of(wire) == case.answers
        feed(wire.server, follower[behind:])
        assert answers_of(wire) == [served]


def outcome(task: Any) -> Any:
    return (type(task.error), task.error.message) if task.error is not None else task.value


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (reply(1, {"a": [1, 2]}), {"a": [1, 2]}),
        (reply(99, "for nobody") + reply(1, "mine"), "mine"),
        (frame(MSGPACK, 20, 1, msgpack.packb([0, 5, {"k": "v"}])), 5),
        (frame(0xE2, 0, 77, b"\x4e") + reply(1, "after a heartbeat"), "after a heartbeat"),
        (refusal(1, 40, "[service] no service x here"), (errors.UnknownService, "no service x here")),
        (refusal(1, 40, "[method] no method y"), (errors.UnknownMethod, "no method y")),
        (refusal(1, 40, "[arguments] args.value: bad"), (errors.InvalidArguments, "args.value: bad")),
        (refusal(1, 40, "[payload] too large"), (errors.PayloadTooLarge, "request: too large")),
        (refusal(1, 40, "no code of ours"), (errors.BadRequest, "status 40, the request was refused: no code of ours")),
        (
            frame(HESSIAN2, 40, 1, b"\x0bFail to foo"),
            (errors.BadRequest, "status 40, the request was refused: Fail to foo"),
        ),
        (frame(MSGPACK, 20, 1, b"\x93\x00"), (errors.DecodeError, None)),
        (frame(MSGPACK, 20, 1, b"\x92\x00\xc0"), (errors.DecodeError, None)),
        (frame(MSGPACK, 20, 1, b""), (errors.DecodeError, None)),
        (frame(MSGPACK, 20, 1, b"\x93\x07\xc0\xc0"), (errors.DecodeError, None)),
        (frame(MSGPACK, 20, 1, b"\x93\x01\x93\xa1x\xa1y\xc0\xc0"), (errors.DecodeError, None)),
        (frame(MSGPACK, 70, 1, b"\xc1"), (errors.DecodeError, None)),
    ],
)
def test_client_cases(data: bytes, expected: Any) -> None:
    for name, arrive in ways(data):
        wire = Wire()
        task = wire.call("question", retries=0)
        assert split(wire.out.take())[0][2] == 1
        arrive(wire.client)
        wire.ticks.run()
        found = outcome(task)
        if isinstance(expected, tuple) and expected[1] is None:
            found = (found[0], None)
        assert found == expected, name
        assert not wire.client.closed, name
        assert wire.client.in_flight == 0, name


BROKEN = [
    ("no magic", b"GET / HTTP/1.1\r\n\r\n"),
    ("half a magic", b"\xda\xbc" + bytes(14)),
    ("negative length", frame(0xC2, 0, 1, b"", length=-1)),
    ("length of 2 GiB", frame(0xC2, 0, 1, b"", length=2**31 - 1)),
    ("length of 256 MiB and a byte", frame(0xC2, 0, 1, b"", length=(1 << 28) + 1)),
]


@pytest.mark.parametrize(("name", "data"), BROKEN, ids=[name for name, _ in BROKEN])
@pytest.mark.parametrize("side", ["server", "client"])
def test_garbage_closes_the_connection_and_says_what_came(name: str, data: bytes, side: str) -> None:
    for way, arrive in ways(data):
        wire = Wire({"echo": echo})
        connection = getattr(wire, side)
        arrive(connection)
        wire.ticks.run()
        assert connection.closed, way
        reason = connection.close_reason
        assert isinstance(reason, errors.RemoteProtocolError), way
        assert connection.peer in reason.message, way
        told = getattr(wire, f"{side}_events").told
        assert [what for what, *_ in told] == ["closed"], way
        feed(connection, request(5, "late"))  # input after the end is nobody's
        assert not wire.back.take() and not wire.ticks.queue


def test_garbage_after_good_frames_spares_what_came_before() -> None:
    wire = Wire({"echo": echo})
    feed(wire.server, request(1, "good") + b"garbage")
    assert wire.server.closed
    wire = Wire()
    task = wire.call("question")
    feed(wire.client, reply(1, "good") + b"garbage")
    wire.ticks.run()
    assert task.result() == "good"
    assert wire.client.closed


def test_the_first_wrong_byte_is_enough() -> None:
    wire = Wire({"echo": echo})
    feed(wire.server, b"\xda")
    assert not wire.server.closed
    feed(wire.server, b"\xdb")
    assert wire.server.closed


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (frame(REQUEST | TWOWAY | MSGPACK, 0, 3, b""), "unreadable request"),
        (frame(REQUEST | TWOWAY | MSGPACK, 0, 3, b"\xc1"), "unreadable request"),
        (frame(REQUEST | TWOWAY | MSGPACK, 0, 3, b"\x96" + 6 * b"\xc0"), "array of 7"),
        (frame(REQUEST | TWOWAY | MSGPACK, 0, 3, request(3, "x")[16:-4]), "Service"),
        (request(3, "x")[:15] + b"\x01" + b"\x97", "unreadable request"),
    ],
)
def test_a_request_that_cannot_be_read_is_refused_and_the_connection_lives(data: bytes, what: str) -> None:
    wire = Wire({"echo": echo})
    feed(wire.server, request(1, "first"))  # so that a method was found on this connection before
    wire.ticks.run()
    wire.back.take()
    feed(wire.server, data + request(4, "next"))
    (flags, status, id, text), second = answers_of(wire)
    assert (flags, status, id) == (MSGPACK, 40, 3)
    assert what in text
    assert second == (MSGPACK, 20, 4, [0, "next", None])


def test_a_malformed_body_is_not_blamed_on_the_method_called_before() -> None:
    wire = Wire({"echo": echo})
    feed(wire.server, request(1, "first"))
    wire.ticks.run()
    wire.back.take()
    feed(wire.server, frame(REQUEST | TWOWAY | MSGPACK, 0, 3, b"\x96\xa1a"))
    ((_, _, _, text),) = answers_of(wire)
    assert "echo" not in text


def test_silence_after_half_a_frame_costs_only_the_half(tmp_path: object) -> None:
    wire = Wire({"echo": echo})
    data = request(1, "x" * 100)
    feed(wire.server, data[:60])
    wire.wait(3600.0)
    assert not wire.server.closed  # check() decides about silence, not the parser
    assert wire.far.armed is None  # and no timer was set for it
    feed(wire.server, data[60:])
    assert answers_of(wire) == [(MSGPACK, 20, 1, [0, "x" * 100, None])]


@pytest.mark.parametrize("window", [128, 256, 4096])
@pytest.mark.parametrize("size", [0, 1, 40, 63, 64, 65, 100, 1000, 5000])
def test_frames_around_the_size_of_the_window(window: int, size: int) -> None:
    wire = Wire({"echo": echo}, window=window)
    text = "y" * size
    data = request(1, text) + request(2, "z")
    for piece in (0, 1, 7, window):
        feed(wire.server, data, piece)
        assert answers_of(wire) == [(MSGPACK, 20, 1, [0, text, None]), (MSGPACK, 20, 2, [0, "z", None])]


def test_limits_of_a_frame_are_counted_with_the_header_excluded() -> None:
    limits = rpcore.Limits(payload=len(request(1, "x" * 50)) - 16)
    wire = Wire({"echo": echo}, limits=limits)
    feed(wire.server, request(1, "x" * 50))
    assert answers_of(wire)[0][1] == 20
    feed(wire.server, request(2, "x" * 51))
    assert answers_of(wire)[0][1] == 40
