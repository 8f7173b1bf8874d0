"""Frames of real peers: what Java sent and answered, byte for byte (tests/data/dubbo-frames.json)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness import EVENT, HESSIAN2, REQUEST, TWOWAY, Wire, echo, feed, frame, reply, split
from rpcore import errors

FRAMES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "data" / "dubbo-frames.json").read_text())
EVENTS = [each for each in FRAMES if int(each["header"]["flag"], 16) & EVENT]
CALLS = [each for each in FRAMES if not int(each["header"]["flag"], 16) & EVENT]


def named(each: dict[str, Any]) -> str:
    return f"{each['name']} {each['dubbo']}"


def data_of(name: str, dubbo: str = "") -> bytes:
    return next(bytes.fromhex(f["hex"]) for f in FRAMES if f["name"] == name and f["dubbo"].startswith(dubbo))


def test_the_file_holds_both_kinds() -> None:
    assert len(EVENTS) == 4
    assert len(CALLS) == len(FRAMES) - 4 > 70


@pytest.mark.parametrize("each", CALLS, ids=named)
@pytest.mark.parametrize("piece", [0, 1, 17])
def test_the_header_of_every_frame_is_read_as_java_meant_it(each: dict[str, Any], piece: int) -> None:
    """None of their services is here; that they are refused or dropped whole shows that we read their headers."""
    header = each["header"]
    wire = Wire({"echo": echo})
    feed(wire.server, bytes.fromhex(each["hex"]), piece)
    wire.ticks.run()
    answers = split(wire.back.take())
    flags = int(header["flag"], 16)
    if flags & REQUEST and flags & TWOWAY:
        ((answer, status, id, _),) = answers
        assert (answer, status, id) == (HESSIAN2, 40, header["id"])
    else:
        assert answers == []
    assert wire.server.frames_in == 1
    assert wire.server.bytes_in == 16 + header["body_length"]
    assert not wire.server.closed


def test_a_heartbeat_of_java_is_answered_as_java_answers_it() -> None:
    for side in ("client", "server"):
        wire = Wire()
        connection, box = (wire.client, wire.out) if side == "client" else (wire.server, wire.back)
        feed(connection, data_of("heartbeat request from Java consumer"))
        wire.ticks.run()
        assert box.take() == data_of("heartbeat response from Java provider")


def test_our_heartbeat_is_that_of_java_but_for_the_id() -> None:
    wire = Wire()
    wire.client.heartbeat()
    wire.ticks.run()
    ours, theirs = wire.out.take(), data_of("heartbeat request from Java consumer")
    assert ours[:4] == theirs[:4]
    assert ours[12:] == theirs[12:]


def test_the_answer_of_java_to_a_heartbeat_is_taken() -> None:
    wire = Wire()
    feed(wire.client, data_of("heartbeat response from Java provider"))
    wire.ticks.run()
    assert not wire.out and not wire.client.closed
    assert wire.client_events.told == []


@pytest.mark.parametrize("dubbo", ["3.3", "2.7.23"])
def test_readonly_of_java_takes_the_connection_out_of_use_until_writeable(dubbo: str) -> None:
    wire = Wire()
    readonly = data_of("READONLY event from Java provider", dubbo)
    feed(wire.client, readonly + readonly)  # 3.3 sends it twice
    assert wire.client.peer_readonly and not wire.client.usable and not wire.client.closed
    assert wire.client_events.told == [("readonly", True)]
    feed(wire.client, readonly[:-1] + b"W")
    assert wire.client.usable
    assert wire.client_events.told == [("readonly", True), ("readonly", False)]
    wire.ticks.run()
    assert not wire.out  # no answer is sent to events other than heartbeats


def test_our_readonly_and_writeable_are_those_of_java_but_for_the_id() -> None:
    wire = Wire()
    java = data_of("READONLY event from Java provider", "3.3")
    wire.server.send_readonly()
    wire.server.send_readonly(False)
    wire.ticks.run()
    first, second = split(wire.back.take())
    assert (first[:2], first[3]) == ((java[2], java[3]), java[16:])
    assert (second[:2], second[3]) == ((java[2], java[3]), b"\x01W")


def test_calls_in_flight_go_on_after_readonly() -> None:
    wire = Wire()
    task = wire.call("question")
    feed(wire.client, data_of("READONLY event from Java provider", "3.3"))
    feed(wire.client, reply(1, "answer"))
    wire.ticks.run()
    assert task.result() == "answer"


@pytest.mark.parametrize("flags", [0xE2, 0xA2, 0x22])
def test_an_oversized_event_is_refused_where_java_refuses_it(flags: int) -> None:
    wire = Wire({"echo": echo})
    feed(wire.server, frame(flags, 0, 5, b"\x30\x64" + b"x" * 100))
    wire.ticks.run()
    answers = split(wire.back.take())
    if flags == 0xE2:
        ((answer, status, id, body),) = answers
        assert (answer, status, id) == (HESSIAN2, 40, 5)
        assert b"102 bytes" in body
    else:
        assert answers == []
    assert not wire.server.closed


def test_rpcore_peers_recognise_each_other_by_the_first_heartbeat() -> None:
    wire = Wire({"echo": echo})
    wire.client.hello()
    hello = wire.send()
    assert split(hello) == [(0xE2, 0, 0x7270636F72650003, b"\x4e")]
    assert (wire.server.peer_rpcore, wire.server.peer_cancel) == (True, True)
    assert wire.answer()[:4] == b"\xda\xbb\x22\x14"
    assert (wire.client.peer_rpcore, wire.client.peer_cancel, wire.client.hello_done) == (True, True, True)
    assert wire.client_events.told == [("hello",)]


@pytest.mark.parametrize("body", [b"\x4e", b"\x4e\x4e"])
def test_a_foreign_peer_that_echoes_the_first_heartbeat_is_not_taken_for_ours(body: bytes) -> None:
    wire = Wire(rpcore=False)
    wire.client.hello()
    wire.ticks.run()
    wire.out.take()
    feed(wire.client, frame(0x22, 20, 0x7270636F72650003, body))
    assert wire.client.hello_done
    assert not wire.client.peer_rpcore and not wire.client.peer_cancel


def test_a_cancelled_call_is_told_only_to_a_peer_that_understands() -> None:
    for understands in (False, True):
        wire = Wire({"echo": echo})
        if understands:
            wire.client.hello()
            wire.pump()
        task = wire.call("question")
        wire.ticks.run()
        wire.out.take()
        task.cancel()
        wire.ticks.run()
        events = split(wire.out.take())
        assert events == ([(0xA0 | 29, 0, 1, b"\xa1C")] if understands else [])


def test_a_java_value_reply_is_read() -> None:
    wire = Wire()
    first, second = wire.call("a", retries=0), wire.call("b", retries=0)
    feed(wire.client, frame(HESSIAN2, 20, 1, bytes.fromhex("910748656c6c6f2077")) + reply(2, "fine"))
    wire.ticks.run()
    assert first.result() == "Hello w"
    assert second.result() == "fine"


def test_a_reply_in_another_serialization_fails_that_call_alone() -> None:
    wire = Wire()
    first, second = wire.call("a", retries=0), wire.call("b", retries=0)
    feed(wire.client, frame(7, 20, 1, b"anything") + reply(2, "fine"))
    wire.ticks.run()
    assert isinstance(first.error, errors.RemoteProtocolError)
    assert "serialization 7" in first.error.message
    assert second.result() == "fine"


FASTJSON2 = 23


@pytest.mark.parametrize(
    ("body", "text"),
    [
        # As Dubbo 3.2.19 answers a hessian2 call that it fails to serve: in fastjson2, after a length.
        (bytes.fromhex("00000006") + b"\x4estore", "store"),
        (bytes.fromhex("00000e33 79 440e2f") + b"x" * 3631, "x" * 3631),
        (bytes.fromhex("00000738 79 3f35") + b"x" * 1845, "x" * 1845),
        (bytes.fromhex("0000003f 79 3838") + b"x" * 56, "x" * 56),
        (bytes.fromhex("00000030 78") + b"x" * 47, "x" * 47),
        (bytes.fromhex("00000008 7a 06") + "中文".encode(), "中文"),
        (bytes.fromhex("00000006 7c 04") + "中文".encode("utf-16-le"), "中文"),
        (bytes.fromhex("00000006 7d 04") + "中文".encode("utf-16-be"), "中文"),
        (bytes.fromhex("00000001 af"), ""),
        (b"", "unreadable text b''"),
        (bytes.fromhex("00000001 79"), r"unreadable text b'\x00\x00\x00\x01y'"),
        (bytes.fromhex("00000002 9101"), r"unreadable text b'\x00\x00\x00\x02\x91\x01'"),
    ],
)
def test_a_status_of_dubbo_3_2_says_what_is_wrong_in_fastjson2(body: bytes, text: str) -> None:
    wire = Wire({"echo": echo})
    task = wire.call("question", retries=0)
    feed(wire.client, frame(FASTJSON2, 100, 1, body))
    wire.ticks.run()
    with pytest.raises(errors.LimitExceeded) as raised:
        task.result()
    assert raised.value.message.endswith(f"status 100: {text}")


def test_status_70_of_java_is_maybe_executed_whatever_its_text_says() -> None:
    wire = Wire({"echo": echo})
    task = wire.call("question", retries=0)
    text = b"org.apache.dubbo.remoting.RemotingException: Not found exported service: demo.Greeter:20880 in []\n\tat x"
    feed(wire.client, frame(HESSIAN2, 70, 1, bytes([0x30 + (len(text) >> 8), len(text) & 255]) + text))
    wire.ticks.run()
    with pytest.raises(errors.RemoteFault) as raised:
        task.result()
    assert raised.value.retry is errors.Retry.MAYBE_EXECUTED
    assert raised.value.message.endswith("demo.Greeter:20880 in []")
