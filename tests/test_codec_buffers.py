"""The outgoing buffer, large values beside it, and the scanner that finds them in what arrives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rpcore._codec import Scanner, Writer
from rpcore.errors import DecodeError
from rpcore.plan import compile_type

LARGE = 32 * 1024
pack = msgpack.packb


def split(data: bytes, steps: list[int]) -> tuple[bytes, list[bytes]]:
    """What the engine does with a body: everything but large payloads, and the payloads, fed in the given steps."""
    scanner = Scanner()
    small, large, at, i = b"", [], 0, 0
    while at < len(data):
        part = data[at : at + steps[i % len(steps)]]
        i += 1
        taken = scanner.scan(part)
        small += part[:taken]
        at += taken
        if scanner.want:
            large.append(data[at : at + scanner.want])
            at += scanner.want
        else:
            assert taken == len(part)
    return small, large


SIZES = [0, 1, 255, 256, LARGE - 1, LARGE, LARGE + 1, 65535, 65536, 100_000]
BODIES: list[Any] = [
    *[b"x" * n for n in SIZES],
    [b"x" * LARGE, b"y" * LARGE, 1, b"z" * 10],
    ["s" * LARGE, b"\xc5\xff\xff" * 20, b"y" * 70000, {"k": b"z" * 40000, "l": [None, True, 1.5, -5, 2**40]}],
    [msgpack.ExtType(5, b"\xc6" * n) for n in (1, 2, 3, 4, 8, 16, 17, 300, 70000)],
    [list(range(-40, 300)), 2**16, 2**32, -(2**15), -(2**31), -(2**40), [0.5] * 3, {i: i for i in range(20)}],
    [list(range(20)), list(range(70000)), b"x" * LARGE],
    {str(i): b"v" * LARGE for i in range(20)},
]


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
@pytest.mark.parametrize("steps", [[10**9], [1], [7, 1, 100], [65536]], ids=str)
def test_large_payloads_are_found_wherever_the_parts_end(body: Any, steps: list[int]) -> None:
    data = pack(body)
    small, large = split(data, steps)
    expected: list[bytes] = []

    def collect(value: Any) -> None:
        if isinstance(value, bytes) and len(value) >= LARGE:
            expected.append(value)
        elif isinstance(value, list):
            for item in value:
                collect(item)
        elif isinstance(value, dict):
            for item in value.values():
                collect(item)

    collect(body)
    assert large == expected
    assert len(small) == len(data) - sum(map(len, expected))


@given(st.binary(max_size=200), st.lists(st.integers(1, 20), min_size=1, max_size=5))
@settings(max_examples=200, deadline=None)
def test_the_scanner_takes_any_bytes_and_any_parts_alike(data: bytes, steps: list[int]) -> None:
    if Scanner().scan(data) == len(data):
        assert split(data, steps) == split(data, [10**9])


def test_single_float_header() -> None:
    data = pack([1.5, b"x" * LARGE], use_single_float=True)
    assert split(data, [1])[1] == [b"x" * LARGE]


@dataclass
class Blob:
    name: str
    data: bytes
    more: Any = None


def test_large_bytes_are_taken_by_reference_on_both_sides() -> None:
    plan = compile_type(list[Blob])
    one, two = b"1" * LARGE, b"2" * 70000
    value = [Blob("a", one, two), Blob("b", b"small")]
    data = plan.dumps(value)
    assert msgpack.unpackb(data) == [
        {"name": "a", "data": one, "more": two},
        {"name": "b", "data": b"small", "more": None},
    ]
    small, large = split(data, [1000])
    back = plan.loads(small, large=large)
    assert back == value
    assert back[0].data is large[0] and back[0].more is large[1]
    assert compile_type(bytearray).loads(b"\xc5\x80\x00", large=[one]) == bytearray(one)
    assert compile_type(memoryview).loads(b"\xc5\x80\x00", large=[one]).obj is one


def test_large_bytes_in_unknown_fields_are_passed_over() -> None:
    data = pack({"old": [b"x" * LARGE], "name": "n", "data": b"y" * LARGE, "older": b"z" * LARGE})
    small, large = split(data, [10**9])
    assert compile_type(Blob).loads(small, large=large) == Blob("n", b"y" * LARGE)


@pytest.mark.parametrize("large", [[], [b"short"], [b"x" * LARGE, b"x" * LARGE]])
def test_payloads_that_do_not_fit_the_headers_are_refused(large: list[bytes]) -> None:
    with pytest.raises(DecodeError):
        compile_type(bytes).loads(b"\xc5\x80\x00", large=large)


def test_what_may_change_is_copied() -> None:
    data = bytearray(b"x" * LARGE)
    encoded = compile_type(bytearray).dumps(data)
    data[:] = b"y" * LARGE
    assert encoded.endswith(b"x" * 100)


# ---- the buffer


def test_a_new_writer_is_empty() -> None:
    w = Writer()
    assert len(w) == 0 and w.getvalue() == b"" and w.chunks() == []
    assert bytes(memoryview(w)) == b""
    assert repr(w) == "<Writer 0 bytes, 0 pieces>"


def test_an_exported_buffer_does_not_move() -> None:
    w = Writer()
    w.reserve(100)
    with memoryview(w) as view:
        assert view.readonly
        w.reserve(100)
        with pytest.raises(BufferError, match="exported"):
            w.reserve(10_000)
    w.reserve(10_000)
    w.clear()
