"""Frames bigger than the window: `bytes` of 32 KiB and more are received where they will stay, at any split."""

from __future__ import annotations

import ctypes
import itertools
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rpcore
from harness import HESSIAN2, KEY, MSGPACK, Wire, echo, feed, frame, reply, request, split
from rpcore._codec import hessian_dumps, hessian_loads

LARGE = 32 * 1024
WINDOW = 4096


def blob(size: int) -> bytes:
    """Bytes in which every position is recognisable."""
    return bytes(itertools.islice(itertools.cycle(range(251)), size))


def answer_of(wire: Wire) -> list[Any]:
    wire.ticks.run()
    return [(status, id, msgpack.unpackb(body)) for _, status, id, body in split(wire.back.take())]


VALUES = [
    blob(LARGE),
    blob(LARGE - 1),
    blob(LARGE + 1),
    blob(3 * LARGE),
    [blob(LARGE), blob(LARGE + 5)],
    {"first": blob(LARGE), "between": "text" * 2000, "last": [1, blob(100), blob(LARGE + 1)]},
    "text that contains no bytes" * 3000,
    [b"small"] * 5000,
    "\N{SNOWMAN}" * LARGE,
]


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
@pytest.mark.parametrize("piece", [0, 1000, WINDOW, 65536])
def test_requests(value: Any, piece: int) -> None:
    wire = Wire({"echo": echo}, window=WINDOW)
    feed(wire.server, request(1, value) + request(2, "next"), piece)
    assert answer_of(wire) == [(20, 1, [0, value, None]), (20, 2, [0, "next", None])]


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
@pytest.mark.parametrize("piece", [0, 1000, WINDOW, 65536])
def test_replies(value: Any, piece: int) -> None:
    wire = Wire(window=WINDOW)
    first, second = wire.call(), wire.call()
    feed(wire.client, reply(1, value) + reply(2, "next"), piece)
    wire.ticks.run()
    assert first.result() == value
    assert second.result() == "next"


def test_every_split_point_around_the_edges() -> None:
    value = [blob(LARGE), b"between", blob(LARGE + 3)]
    data = request(1, value) + request(2, "next")
    starts = [data.index(blob(LARGE)), data.index(b"between"), len(data) - len(request(2, "next"))]
    edges = [0, 16, *starts, starts[0] + LARGE, starts[1] + 7, len(data)]
    points = sorted({at + d for at in edges for d in range(-8, 9) if 0 < at + d < len(data)})
    for at in points:
        wire = Wire({"echo": echo}, window=WINDOW)
        feed(wire.server, data[:at])
        feed(wire.server, data[at:])
        assert answer_of(wire) == [(20, 1, [0, value, None]), (20, 2, [0, "next", None])], at


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.sampled_from([0, 10, 255, 256, LARGE - 1, LARGE, LARGE + 1, 70_000]), max_size=4),
    cuts=st.lists(st.floats(0, 1, exclude_max=True), max_size=6),
    window=st.sampled_from([256, 4096, 65536]),
)
def test_any_mixture_at_any_splits(sizes: list[int], cuts: list[float], window: int) -> None:
    value = [blob(size) if i % 2 else {"k": blob(size)} for i, size in enumerate(sizes)]
    data = request(1, value) + request(2, "next")
    points = sorted({int(cut * len(data)) for cut in cuts})
    wire = Wire({"echo": echo}, window=window)
    for start, end in itertools.pairwise([0, *points, len(data)]):
        feed(wire.server, data[start:end])
    assert answer_of(wire) == [(20, 1, [0, value, None]), (20, 2, [0, "next", None])]


def test_the_payload_is_received_in_place() -> None:
    """The transport is handed the memory of the very object that the handler gets."""
    value = blob(10 * LARGE)
    seen = []

    async def keep(value: Any) -> int:
        seen.append(value)
        return len(value)

    wire = Wire({"keep": keep}, window=WINDOW)
    data = request(1, value, "keep")
    start = data.index(value)
    feed(wire.server, data[:start])
    view = memoryview(wire.server.get_buffer())
    assert len(view) == len(value)  # all of it in one read, if the kernel has it
    address = _address(view)
    view.release()
    feed(wire.server, data[start:])
    wire.ticks.run()
    assert seen == [value]
    assert _address(memoryview(seen[0])) == address


def _address(view: memoryview) -> int:
    fields = (ctypes.c_ssize_t * 32)()  # room for a Py_buffer, whose first field is the address
    ctypes.pythonapi.PyObject_GetBuffer(ctypes.py_object(view), ctypes.byref(fields), 0)
    address: int = fields[0]
    ctypes.pythonapi.PyBuffer_Release(ctypes.byref(fields))
    return address


def test_a_length_larger_than_its_frame_allocates_nothing_and_is_refused() -> None:
    wire = Wire({"echo": echo}, window=WINDOW)
    body = request(1, b"")[16:]
    at = body.index(b"\xc4\x00")
    lie = body[:at] + b"\xc6\x07\x00\x00\x00" + bytes(8000)  # a bin of 117 MB in a body of 8 KB
    feed(wire.server, frame(0xC0 | MSGPACK, 0, 1, lie) + request(2, "next"))
    (first, second) = answer_of(wire)
    assert first[:2] == (40, 1) and "value" in first[2]
    assert second == (20, 2, [0, "next", None])


def test_half_a_large_frame_and_the_end_of_the_connection() -> None:
    wire = Wire({"echo": echo}, window=WINDOW)
    data = request(1, blob(4 * LARGE))
    feed(wire.server, data[: 2 * LARGE])
    wire.server.close()
    feed(wire.server, data[2 * LARGE :])
    wire.ticks.run()
    assert not wire.back


def test_sending_does_not_copy_large_bytes() -> None:
    sent: list[Any] = []
    wire = Wire()
    wire.client.set_output(sent.append, sent.extend)
    value = blob(2 * LARGE)
    wire.call(value)
    assert any(piece is value for piece in sent)
    assert b"".join(bytes(piece) for piece in sent)[16:].count(value) == 1


def test_large_attachments_arrive() -> None:
    value = blob(2 * LARGE)
    seen = []

    async def look(argument: Any) -> None:
        seen.append((argument, rpcore.context().received_attachments))

    wire = Wire({"look": look}, window=WINDOW)
    task = wire.start(wire.caller("look", attachments={"blob": value, "n": 1})(value))
    wire.pump()
    assert task.result() is None
    assert seen == [(value, {"blob": value, "n": 1})]


def test_large_values_of_one_frame_among_small_frames_keep_their_order() -> None:
    wire = Wire({"echo": echo})
    values = [1, blob(LARGE), 2, "x" * 70_000, blob(LARGE), 3]
    tasks = [wire.call(value) for value in values]
    wire.pump()
    assert [task.result() for task in tasks] == values


# ---- hessian2: the body as a whole is received in place, and long binaries are sent as views of the value


def hessian_request(id: int, value: Any) -> bytes:
    key = (KEY.interface, KEY.version or "0.0.0")
    body = hessian_dumps(None, "2.0.2", *key, "echo", "Ljava/lang/Object;", value, {"group": KEY.group})
    return frame(0xC0 | HESSIAN2, 0, id, body)


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
@pytest.mark.parametrize("piece", [0, 1000, WINDOW, 65536])
def test_hessian2_requests(value: Any, piece: int) -> None:
    wire = Wire({"echo": echo}, window=WINDOW)
    feed(wire.server, hessian_request(1, value) + hessian_request(2, "next") + request(3, "last"), piece)
    wire.ticks.run()
    *answers, last = split(wire.back.take())
    assert [(status, id, hessian_loads(body)[1]) for _, status, id, body in answers] == [
        (20, 1, value),
        (20, 2, "next"),
    ]
    assert msgpack.unpackb(last[3]) == [0, "last", None]


def test_a_hessian2_body_is_received_in_place() -> None:
    wire = Wire({"echo": echo}, window=WINDOW)
    data = hessian_request(1, blob(10 * LARGE))
    feed(wire.server, data[:1000])
    view = memoryview(wire.server.get_buffer())
    assert len(view) == len(data) - 1000
    view.release()
    feed(wire.server, data[1000:] + hessian_request(2, "next"))
    wire.ticks.run()
    assert len(split(wire.back.take())) == 2


def test_sending_hessian2_does_not_copy_large_bytes() -> None:
    sent: list[Any] = []
    wire = Wire({"echo": echo})
    wire.server.set_output(sent.append, sent.extend)
    value = blob(5 * LARGE)
    feed(wire.server, hessian_request(1, value))
    wire.ticks.run()
    views = [piece for piece in sent if isinstance(piece, memoryview)]
    assert [len(view) for view in views] == [65535, 65535, 32770]
    assert all(view.obj is views[0].obj for view in views)
    (answer,) = split(b"".join(sent))
    assert hessian_loads(answer[3])[1] == value
