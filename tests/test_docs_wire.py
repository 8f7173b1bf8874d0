"""The worked examples of docs/wire.md are what the code sends: every ``hex`` block there is made again here.
The table of statuses in docs/errors.md is what a caller raises.

Two sans-IO connections, a clock that stands still; frames are taken from the one and given to the other, so
that each example is also read by its receiver.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from contextvars import copy_context
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID

import msgpack
import pytest

from rpcore import errors
from rpcore._core import (
    Call,
    Caller,
    Connection,
    Endpoint,
    Engine,
    Entry,
    Gauge,
    Node,
    Reference,
    Scope,
    enter_scope,
    leave_scope,
)
from rpcore.dispatch import Dispatch, request_prefix
from rpcore.loadbalance import build
from rpcore.model import Instance, Options, Parameter, ServiceKey
from rpcore.options import Layer, resolve
from rpcore.plan import compile_args, compile_exception, compile_type
from rpcore.types import Name

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "wire.md"
KEY = ServiceKey("org.demo.UserService", version="1.0.0")


@dataclass
class User:
    id: int
    name: str
    tags: list[str]


@dataclass
class NotFound(Exception):
    user_id: int


async def find(user_id: int) -> Any:
    if user_id == 7:
        raise NotFound(user_id)
    if user_id == 8:
        raise KeyError("x")
    return User(user_id, "Ada", ["admin"])


class Pair:
    """A client and a server of ``UserService.find``, joined by hand."""

    def __init__(self) -> None:
        self.workers: list[Any] = []
        entry = Entry(
            prefix=request_prefix(KEY, "find"),
            service=KEY,
            method="find",
            handler=find,
            args=compile_args((Parameter("user_id", int),)),
            result=compile_type(User | None),
            errors=[compile_exception(NotFound)],
            gauge=Gauge("find"),
        )
        self.client = Connection(self._engine(), client=True, peer="server", first_id=1, rpcore=True)
        self.server = Connection(
            self._engine(),
            client=False,
            peer="client",
            dispatch=Dispatch([entry]),
        )
        endpoint = Endpoint("server", self.client.engine, self)
        endpoint.connected(self.client)
        caller = Caller(
            Reference(KEY, self.client.engine),
            service=KEY.interface,
            method="find",
            prefix=request_prefix(KEY, "find"),
            args=compile_args((Parameter("user_id", Any),)),
            result=compile_type(User | None),
            errors={"NotFound": compile_exception(NotFound)},
        )
        caller.options = resolve("find", declaration=Layer("declaration", Options(timeout=1.0, retries=0)))
        caller.timeout = caller.deadline = 1.0
        caller.picker = build("random", (Node(Instance(KEY, "server", 1), endpoint),), seed=1, previous=None)
        self.caller = caller

    def _engine(self) -> Engine:
        return Engine(
            clock=lambda: 0.0,
            arm=lambda when: None,
            call_soon=lambda callback, *args, context=None: None,
            create_task=self.workers.append,
            context=copy_context(),
            cancelled_error=SystemExit,
        )

    def connect(self, endpoint: Endpoint) -> None:
        raise AssertionError("a connection exists")

    def usable_changed(self, endpoint: Endpoint) -> None: ...

    def request(self, value: Any, attachments: dict[str, Any] | None = None) -> tuple[Call, bytes]:
        call = self.caller(value)
        token = enter_scope(Scope(attachments=attachments))
        try:
            call.send(None)
        finally:
            leave_scope(token)
        return call, self.client.data_to_send()

    def reply(self, value: Any, attachments: dict[str, Any] | None = None) -> bytes:
        """The server's answer to ``find(value)``; the client has read it and its call has ended."""
        call, frame = self.request(value, attachments)
        self.server.receive_data(frame)
        for worker in self.workers:
            worker.send(None)
        answer = self.server.data_to_send()
        self.client.receive_data(answer)
        assert call.done()
        return answer


def frames() -> Iterator[tuple[str, bytes]]:
    pair = Pair()
    pair.client.hello()
    hello = pair.client.data_to_send()
    yield "hello", hello
    pair.server.receive_data(hello)
    answer = pair.server.data_to_send()
    yield "hello answer", answer
    pair.client.receive_data(answer)
    assert pair.client.peer_rpcore and pair.client.peer_cancel
    pair.client.heartbeat()
    beat = pair.client.data_to_send()
    yield "heartbeat", beat
    pair.server.receive_data(beat)
    yield "heartbeat answer", pair.server.data_to_send()
    pair.server.send_readonly()
    readonly = pair.server.data_to_send()
    yield "readonly", readonly
    pair.client.receive_data(readonly)
    assert pair.client.peer_readonly

    pair = Pair()
    pair.client.receive_data(answer)
    yield "request", pair.request(42, {"trace": "a1"})[1]
    call, _ = pair.request(42)
    call.abandon()
    yield "cancel", pair.client.data_to_send()
    yield "response", Pair().reply(42)
    yield "declared exception", Pair().reply(7)
    yield "other exception", Pair().reply(8)
    yield "wrong arguments", Pair().reply("42")


def blocks() -> dict[str, bytes]:
    """The ``hex`` blocks of the page; what follows two spaces in a line is commentary."""
    found = re.findall(r"^```hex (.+)\n((?:.|\n)*?)^```", PAGE.read_text(), re.MULTILINE)
    return {name: b"".join(bytes.fromhex(_hex(line)) for line in text.splitlines()) for name, text in found}


def _hex(line: str) -> str:
    return re.split(r"(?<=\S)  ", line, maxsplit=1)[0]


@dataclass
class Cat:
    name: str


@dataclass
class Dog:
    name: str


@dataclass
class Item:
    item_id: Annotated[int, Name("itemId")]


class Point(NamedTuple):
    x: int
    y: int


class Color(enum.Enum):
    RED = "r"


NAMES: dict[str, Any] = {
    cls.__name__: cls for cls in (datetime, date, time, timedelta, Decimal, UUID, Color, Point, Item)
} | {"UTC": UTC, "Any": Any, "Literal": Literal}
"""What the type table uses."""


def test_every_frame_on_the_page_is_what_the_code_sends() -> None:
    made = dict(frames())
    made["union"] = compile_type(Cat | Dog).dumps(Dog("Rex"))
    shown = blocks()
    assert shown.keys() == made.keys()
    for name, frame in made.items():
        assert shown[name].hex(" ") == frame.hex(" "), name


def test_the_bodies_on_the_page_are_plain_msgpack() -> None:
    shown = blocks()
    for name in ("request", "response", "declared exception", "other exception", "wrong arguments", "cancel"):
        body = shown[name][16:]
        assert int.from_bytes(shown[name][12:16], "big") == len(body)
        msgpack.unpackb(body)
    assert msgpack.unpackb(shown["request"][16:]) == [
        "org.demo.UserService",
        "1.0.0",
        "",
        "find",
        [42],
        1000,
        {"trace": "a1"},
    ]


def rows() -> list[tuple[str, str, bytes]]:
    table = PAGE.read_text().partition("| hint | on the wire | example | bytes |")[2].partition("\n\n")[0]
    made = []
    for line in table.splitlines()[2:]:
        hint, _, example, data = (cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|")))
        made.append((re.sub(r"[`\\]", "", hint), example.strip("`"), bytes.fromhex(data.strip("`"))))
    return made


@pytest.mark.parametrize(("hint", "example", "data"), rows(), ids=[row[0] for row in rows()])
def test_every_row_of_the_type_table_is_what_the_code_sends(hint: str, example: str, data: bytes) -> None:
    plan = compile_type(eval(re.split(r", (?:aware|naive)| \(an? ", hint)[0], NAMES))
    value = eval(example, NAMES)
    assert plan.dumps(value).hex(" ") == data.hex(" ")
    arrived = plan.loads(data)
    assert arrived == value and type(arrived) is type(value)


def statuses() -> Iterator[tuple[int, str, str, str]]:
    """Status, code, class and retry of every row."""
    table = (DOCS / "errors.md").read_text().partition("| status | code | raised | retry |")[2].partition("\n\n")[0]
    for line in table.strip().splitlines()[2:]:
        numbers, codes, raised, retry, _ = (cell.strip() for cell in line.strip("|").split("|"))
        for number in re.findall(r"\d+", numbers) or ["90"]:
            for code in re.findall(r"\w+", codes) or ["none"]:
                yield int(number), code, raised.strip("`"), retry


STATUSES = {(status, code): (raised, retry) for status, code, raised, retry in statuses()}
ALL = sorted({(status, "none") for status in range(101) if status != 20} | STATUSES.keys())


@pytest.mark.parametrize("serialization", ["msgpack", "hessian2"])
@pytest.mark.parametrize(("status", "code"), ALL)
def test_every_status_becomes_the_error_that_the_table_names(status: int, code: str, serialization: str) -> None:
    raised, retry = STATUSES.get((status, code)) or STATUSES[90, "none"]
    pair = Pair()
    call, frame = pair.request(42)
    text = "text" if code == "none" else f"[{code}] text"
    flags, body = (b"\x1d", msgpack.packb(text)) if serialization == "msgpack" else (b"\x02", hessian(text))
    header = b"\xda\xbb" + flags + bytes([status]) + frame[4:12] + len(body).to_bytes(4, "big")
    pair.client.receive_data(header + body)
    with pytest.raises(errors.RpcError, match="text") as caught:
        call.send(None)
    assert (type(caught.value).__name__, caught.value.retry.value.removeprefix("surely ")) == (
        raised,
        retry.replace("never", "never retried"),
    )
    assert (caught.value.service, caught.value.method) == (KEY.interface, "find")


def hessian(text: str) -> bytes:
    """A short string in hessian2: its length, its bytes."""
    assert text.isascii() and len(text) < 32
    return bytes([len(text)]) + text.encode()


def test_every_code_is_in_the_table_with_a_status_it_comes_with() -> None:
    wire = PAGE.read_text().partition("| status | code | meaning | executed |")[2].partition("\n\n")[0]
    sent = {(int(n), code) for n, code in re.findall(r"^\| (\d+) \| `(\w+)`", wire, re.MULTILINE)}
    assert sent == {(status, code) for status, code in STATUSES if code != "none"}
    assert not {25, 35, 80} & {status for status, _ in sent}


def test_what_happens_without_an_answer_is_in_the_table_as_its_class_says() -> None:
    table = (DOCS / "errors.md").read_text().partition("| what happened | raised | retry |")[2]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.strip().splitlines()[1:]]
    named = {raised.strip("`"): retry for _, raised, retry in rows if raised.startswith("`")}
    assert named.keys() == {"ConnectError", "ConnectionLost", "RemoteProtocolError", "CallTimeout", "DecodeError"}
    for name, retry in named.items():
        assert getattr(errors, name).retry.value.removeprefix("surely ") == retry.replace("never", "never retried")
