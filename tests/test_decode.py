"""Frames as readable values: golden frames of real peers, our own bodies, and everything that is no frame."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rpcore.decode import HEADER, MAGIC, REFUSALS, Frame, Garbage, explain, frames, render
from rpcore.dispatch import request_prefix
from rpcore.model import ServiceKey

GOLDEN: list[dict[str, Any]] = json.loads(Path(__file__).parent.joinpath("data/dubbo-frames.json").read_text())
KEY = ServiceKey("org.demo.Users", "blue", "1.0.0")


def frame(flags: int, body: bytes, *, status: int = 0, id: int = 7) -> bytes:
    return HEADER.pack(MAGIC, flags, status, id, len(body)) + body


def only(data: bytes) -> Frame:
    [item] = frames(data)
    assert isinstance(item, Frame)
    return item


def request(*arguments: Any, timeout: int = 500, attachments: Any = None) -> bytes:
    body = request_prefix(KEY, "find") + b"".join(map(msgpack.packb, (list(arguments), timeout, attachments)))
    return frame(0xC0 | 29, body)


# --- golden frames ----------------------------------------------------------------------------------------


def test_there_are_eighty_golden_frames() -> None:
    assert len(GOLDEN) == 80


@pytest.mark.parametrize("golden", GOLDEN, ids=[each["name"] for each in GOLDEN])
def test_header_of_a_golden_frame(golden: dict[str, Any]) -> None:
    found, header = only(bytes.fromhex(golden["hex"])), golden["header"]
    assert found.flags == int(header["flag"], 16)
    assert found.status_code == header["status"]
    assert found.id == header["id"]
    assert found.length == header["body_length"] == len(found.body)
    assert found.missing == 0
    assert found.serialization == "hessian2"


@pytest.mark.parametrize("golden", GOLDEN, ids=[each["name"] for each in GOLDEN])
def test_strings_and_kinds_of_a_golden_frame(golden: dict[str, Any]) -> None:
    found = only(bytes.fromhex(golden["hex"]))
    body, values = explain(found), golden["body"]
    assert "problem" not in body
    match found.kind:
        case "request":
            names = ("dubbo", "service", "version", "method", "parameter types")
            assert [{"s": body[name]} for name in names] == values[:5]
        case "response" if found.status_code == 20:
            kinds = ("exception", "value", "null")
            kind = values[0]["i"]
            assert body["kind"] == kinds[kind % 3] + (", then attachments" if kind > 2 else "")
        case "response":
            assert {"s": body["text"]} == values[0]
        case _ if values[0] is None:
            assert "heartbeat" in body["event"]
        case _:
            assert body["event"].startswith({"R": "READONLY", "W": "WRITEABLE"}[values[0]["s"]])


def test_golden_frames_in_one_stream() -> None:
    stream = b"".join(bytes.fromhex(each["hex"]) for each in GOLDEN)
    found = list(frames(stream))
    assert [item.id for item in found if isinstance(item, Frame)] == [each["header"]["id"] for each in GOLDEN]


# --- our bodies -------------------------------------------------------------------------------------------


def test_request() -> None:
    found = only(request(42, "x", attachments={"trace": "1"}))
    assert (found.kind, found.two_way, found.status, found.serialization) == ("request", True, "", "msgpack")
    assert explain(found) == {
        "service": "org.demo.Users",
        "version": "1.0.0",
        "group": "blue",
        "method": "find",
        "arguments": [42, "x"],
        "timeout_ms": 500,
        "attachments": {"trace": "1"},
    }


def test_response_with_a_value() -> None:
    found = only(frame(29, msgpack.packb([0, {"id": 1}, None]), status=20))
    assert (found.kind, found.status) == ("response", "OK")
    assert explain(found) == {"result": {"id": 1}, "attachments": None}


def test_response_with_an_exception() -> None:
    body = msgpack.packb([1, ["NotFound", "user 7", None, {"user_id": 7}], {"a": 1}])
    assert explain(only(frame(29, body, status=20))) == {
        "exception": {"type": "NotFound", "message": "user 7", "traceback": None, "fields": {"user_id": 7}},
        "attachments": {"a": 1},
    }


@pytest.mark.parametrize("code", sorted(REFUSALS))
def test_refusal_is_explained(code: str) -> None:
    text = f"[{code}] what exactly"
    found = explain(only(frame(29, msgpack.packb(text), status=40)))
    assert found == {"text": text, "code": code, "means": REFUSALS[code]}


def test_refusal_to_a_foreign_peer_is_a_hessian2_string() -> None:
    text = "[serialization] serialization 6 is not served here"
    found = only(frame(2, bytes([0x30, len(text)]) + text.encode(), status=40))
    assert explain(found)["code"] == "serialization"


def test_text_of_a_foreign_provider_is_no_code() -> None:
    found = explain(only(frame(29, msgpack.packb("[42] is not a list"), status=70)))
    assert found == {"text": "[42] is not a list"}


def test_hello_and_its_answer() -> None:
    id = int.from_bytes(b"rpcore\x00\x03", "big")
    hello = explain(only(frame(0xE2, b"N", id=id)))
    assert hello["event"].startswith("hello") and hello["capabilities"] == ["msgpack", "cancel"]
    answer = explain(only(frame(0x22, b"\x4e\x93\xa6rpcore\x01\x03", status=20, id=id)))
    assert answer == {"event": "answer to a hello, by an rpcore peer", "capabilities": ["msgpack", "cancel"]}
    proxy = explain(only(frame(0x22, b"N", status=20, id=id)))
    assert "not rpcore" in proxy["event"]


def test_events() -> None:
    assert explain(only(frame(0xA2, b"\x01C")))["event"].startswith("cancel")
    assert explain(only(frame(0xA0 | 29, b"\xa1R")))["event"].startswith("READONLY")
    assert explain(only(frame(0xA2, b"\x01X")))["event"] == "unknown event 'X'"
    assert "problem" in explain(only(frame(0xA2, b"\x90")))


# --- what is wrong ------------------------------------------------------------------------------------------


def test_garbage_is_located_and_reading_goes_on() -> None:
    first, second = request(1), request(2)
    found = list(frames(b"noise" + first + b"more \xda\xbb" + second))
    assert [type(item) for item in found] == [Garbage, Frame, Garbage, Frame]
    assert [item.offset for item in found] == [0, 5, 5 + len(first), 5 + len(first) + 7]
    assert isinstance(found[0], Garbage) and found[0].data == b"noise" and "magic" in found[0].reason


def test_absurd_length_is_garbage() -> None:
    [item] = frames(HEADER.pack(MAGIC, 0xC2, 0, 1, 2**31 - 1))
    assert isinstance(item, Garbage) and item.reason == "the header claims a body of 2147483647 bytes"
    [item] = frames(HEADER.pack(MAGIC, 0xC2, 0, 1, -1))
    assert isinstance(item, Garbage) and "4294967295" in item.reason


def test_input_that_ends_early() -> None:
    whole = request(42)
    [header] = frames(whole[:10])
    assert isinstance(header, Garbage) and header.reason == "the input ends inside a header: 10 of 16 bytes"
    cut = only(whole[:-3])
    assert cut.missing == 3
    assert explain(cut)["problem"] == f"the input ends after {cut.length - 3} of {cut.length} bytes of the body"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "not complete"),
        (request(42)[16:-4], "not complete"),
        (b"\x97\xa1x", "larger than the whole body"),
        (b"\xc1", "no valid msgpack"),
        (msgpack.packb([1, 2]), "expected an array of 7"),
        (b"\x91" * 3000 + b"\x01", "no valid msgpack"),
        (b"\x81\x90\x01", "no valid msgpack"),
    ],
)
def test_damaged_request(body: bytes, problem: str) -> None:
    assert problem in explain(only(frame(0xC0 | 29, body)))["problem"]


def test_bytes_after_the_value() -> None:
    found = explain(only(frame(29, msgpack.packb([0, 1, None]) + b"xx", status=20)))
    assert found["result"] == 1 and found["problem"] == "2 bytes follow the value"


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=200), st.lists(st.sampled_from([request(1), frame(0xE2, b"N"), MAGIC]), max_size=4))
def test_items_add_up_to_the_input(noise: bytes, parts: list[bytes]) -> None:
    data = b"".join(parts) + noise + b"".join(parts)
    position = 0
    for item in frames(data):
        assert item.offset == position
        if isinstance(item, Garbage):
            assert item.data == data[position : position + len(item.data)]
            position += len(item.data)
        else:
            explain(item)
            position += HEADER.size + len(item.body)
        assert render(item)
    assert position == len(data)


# --- text ---------------------------------------------------------------------------------------------------


def test_render() -> None:
    assert render(only(request(42))).splitlines() == [
        "0x0: request, two-way, id 7, msgpack, body of 38 bytes",
        "    service      org.demo.Users",
        "    version      1.0.0",
        "    group        blue",
        "    method       find",
        "    arguments    [42]",
        "    timeout_ms   500",
        "    attachments  None",
    ]


def test_render_shortens_hex() -> None:
    text = render(only(frame(0xC6, bytes(range(100)))), shown=32)
    assert text.splitlines() == [
        "0x0: request, two-way, id 7, fastjson, body of 100 bytes",
        "    bytes",
        "    0000  00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f  ................",
        "    0010  10 11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f  ................",
        "    … 68 more bytes",
    ]
    assert "more bytes" not in render(only(frame(0xC6, bytes(300))), shown=None)


def test_control_characters_are_not_printed() -> None:
    text = render(only(frame(29, msgpack.packb("\x1b[31mred\n\tat"), status=70)))
    assert text.splitlines()[1:] == ["    text  \\x1b[31mred", "          \\tat"]
