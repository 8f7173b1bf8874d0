"""Calls that Java made and answered, byte for byte (tests/data/dubbo-frames.json), at a server and a client of ours.

Its generic calls (``$invoke``) are in the tests of generic services.
"""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass, replace
from typing import Any, Protocol

import pytest

import rpcore
from harness import EVENT, Gate, split
from hessian_samples import FRAMES, value_of
from joined import Joined, attachments_of, before_attachments
from rpcore.service import interface, method
from rpcore.types import Int


@rpcore.wire_name("demo.Color")
class Color(enum.Enum):
    RED = "RED"
    GREEN = "GREEN"


@rpcore.wire_name("demo.User")
@dataclass
class User:
    tags: list[str]
    color: Color
    age: Int
    name: str


@interface("demo.Greeter", version="1.0.0", timeout=2.0, retries=0)
class Greeter(Protocol):
    @method(name="sayHello")
    async def say_hello(self, name: str) -> str: ...
    async def add(self, a: Int, b: int) -> Int: ...
    async def ping(self) -> None: ...
    @method(name="async")
    async def later(self, text: str) -> str: ...
    async def enrich(self, user: User | None) -> User | None: ...
    async def any(self, value: Any) -> Any: ...
    async def over(self, number: Int) -> str: ...
    @method(name="over")
    async def over_text(self, text: str) -> str: ...
    async def fail(self, kind: str) -> str: ...
    async def attach(self, key: str) -> str: ...


@interface("demo.Greeter", version="1.0.0")
class Poked(Protocol):
    """The same service to a consumer that waits for no answer."""

    @method(oneway=True)
    async def ping(self) -> None: ...


class Serves:
    """What the recorded provider did; keeps the arguments of each call."""

    def __init__(self) -> None:
        self.got: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.gate: Gate | None = None

    def note(self, name: str, *arguments: Any) -> None:
        self.got.append((name, arguments, rpcore.context().received_attachments))

    async def say_hello(self, name: str) -> str:
        self.note("say_hello", name)
        return f"Hello {name}"

    async def add(self, a: int, b: int) -> int:
        self.note("add", a, b)
        return a + b

    async def ping(self) -> None:
        self.note("ping")

    async def later(self, text: str) -> str:
        self.note("later", text)
        if self.gate is not None:
            await self.gate
        return f"async {text}"

    async def enrich(self, user: User | None) -> User | None:
        self.note("enrich", user)
        return None if user is None else replace(user, age=user.age + 1)

    async def any(self, value: Any) -> Any:
        self.note("any", value)
        return value

    async def over(self, number: int) -> str:
        self.note("over", number)
        return f"i:{number}"

    async def over_text(self, text: str) -> str:
        self.note("over_text", text)
        return f"s:{text}"

    async def fail(self, kind: str) -> str:
        self.note("fail", kind)
        return kind

    async def attach(self, key: str) -> str:
        self.note("attach", key)
        request = rpcore.context()
        request.reply_attachments = {"resp-key": "resp-val"}
        return ATTACHED[request.id >= 0]


# Java's toString of the attachments; `input` is its own bookkeeping. By whether the id is 2.7's, which counts from 0.
ATTACHED = {
    False: "{my-key=my-val, input=189, remote.application=demo-client, num=42}",
    True: "{input=176, my-key=my-val, remote.application=demo-client, num=42}",
}

CALLS: dict[str, tuple[str, tuple[Any, ...]]] = {
    "sayHello": ("say_hello", ("world",)),
    "sayHello:group": ("say_hello", ("grp",)),
    "add": ("add", (1, 2)),
    "ping": ("ping", ()),
    "ping:oneway": ("ping", ()),
    "async": ("later", ("x",)),
    "enrich": ("enrich", (User(["a", "b"], Color.GREEN, 3, "Bob"),)),
    "enrich:null": ("enrich", (None,)),
    "any": ("any", (None,)),
    "over:I": ("over", (5,)),
    "over:Ljava/lang/String;": ("over_text", ("q",)),
    "fail:biz": ("fail", ("biz",)),
    "fail:rt": ("fail", ("rt",)),
    "fail:custom": ("fail", ("custom",)),
    "fail:err": ("fail", ("err",)),
    "fail:sleep": ("fail", ("sleep",)),
    "attach": ("attach", ("k",)),
}
"""What each recorded call is to the interface above."""

RESULTS: dict[str, Any] = {
    "sayHello": "Hello world",
    "sayHello:group": "Hello grp",
    "add": 3,
    "ping": None,
    "async": "async x",
    "enrich": User(["a", "b"], Color.GREEN, 4, "Bob"),
    "any": None,
    "over:I": "i:5",
    "over:Ljava/lang/String;": "s:q",
}
LISTS_HAVE_TYPES = "2.7"
"""It writes an ArrayList by name, 3.3 and we do not: the same values, other bytes."""


def recorded(kind: str) -> list[Any]:
    """The recorded ``request`` or ``response`` frames of calls that are not generic, by the name of the call."""
    found = []
    for each in FRAMES:
        first, _, rest = each["name"].partition(" ")
        name = rest.partition(" [")[0]
        if first == kind and name in {**CALLS, "$echo": None}:
            found.append(pytest.param(name, each, id=f"{name} {each['dubbo']}"))
    return found


def reply_to(name: str, each: dict[str, Any]) -> bytes | None:
    """The recorded reply to the same request."""
    for other in FRAMES:
        if other["header"]["id"] == each["header"]["id"] and other["name"].startswith(f"response {name} ["):
            return bytes.fromhex(other["hex"])
    return None


def greeter(serves: Serves | None = None, **options: Any) -> Joined:
    serves = serves or Serves()
    return Joined((Greeter, serves), (Greeter, serves, {"group": "g1", "version": ""}), **options)


def test_every_recorded_call_that_is_not_generic_is_tested_here() -> None:
    requests = [each for each in FRAMES if each["name"].startswith("request ") and "$invoke" not in each["name"]]
    assert len(recorded("request")) == len(requests) == 36


@pytest.mark.parametrize("piece", [0, 1, 17])
@pytest.mark.parametrize(("name", "each"), recorded("request"))
def test_a_recorded_request_is_served(name: str, each: dict[str, Any], piece: int) -> None:
    serves = Serves()
    wire = greeter(serves)
    answers = wire.serve(bytes.fromhex(each["hex"]), piece)
    if name == "$echo":
        assert serves.got == []
    else:
        ((python_name, arguments, attachments),) = serves.got
        assert (python_name, arguments) == CALLS[name]
        assert attachments["remote.application"] == "demo-client"
        # 2.7 lets the attachments of one call leak into those that follow it.
        leaked = name == "attach" or each["header"]["id"] > 14
        assert attachments.keys() - {"remote.application"} == ({"my-key", "num"} if leaked else set())
        if leaked:
            assert (attachments["my-key"], attachments["num"]) == ("my-val", 42)
    assert len(answers) == (0 if name == "ping:oneway" else 1)
    for flags, status, id, _ in answers:
        assert (flags, status, id) == (2, 20, each["header"]["id"])


@pytest.mark.parametrize(("name", "each"), recorded("request"))
def test_a_value_is_answered_in_the_bytes_of_java(name: str, each: dict[str, Any]) -> None:
    java = reply_to(name, each)
    if java is None or (name == "enrich" and each["dubbo"].startswith(LISTS_HAVE_TYPES)):
        assert name.startswith(("fail", "enrich", "ping:oneway", "sayHello:group")), "it has a reply to compare with"
        return
    ((flags, status, id, data),) = greeter().serve(bytes.fromhex(each["hex"]))
    assert (flags, status, id) == (java[2], java[3], struct.unpack(">q", java[4:12])[0])
    assert data.hex(" ") == java[16:].hex(" ")


def test_an_old_consumer_is_answered_as_java_answers_it() -> None:
    (java,) = [bytes.fromhex(each["hex"]) for each in FRAMES if "declared dubbo version" in each["name"]]
    asked = next(bytes.fromhex(each["hex"]) for each in FRAMES if each["name"].startswith("request sayHello ["))
    for version in (b"\x052.6.2", b"\x053.3.0", b"N"):
        data = asked[16:].replace(b"\x052.0.2", version, 1).replace(b"\x05world", b"\x01w")
        frame = asked[:4] + struct.pack(">q", 15) + len(data).to_bytes(4, "big") + data
        assert greeter().serve(frame) == split(java)


def test_many_recorded_requests_on_one_connection() -> None:
    """References and class definitions begin anew with each body."""
    serves = Serves()
    wire = greeter(serves)
    params = [param.values for param in recorded("request")]
    data = b"".join(bytes.fromhex(each["hex"]) for _, each in params) * 3
    answers = wire.serve(data, piece=1000)
    assert {status for _, status, _, _ in answers} == {20}
    got = [(python_name, arguments) for python_name, arguments, _ in serves.got]
    assert got == [CALLS[name] for name, _ in params if name != "$echo"] * 3


@pytest.mark.parametrize(("name", "each"), [p for p in recorded("request") if p.values[0] != "$echo"])
def test_our_request_is_that_of_java(name: str, each: dict[str, Any]) -> None:
    """Up to the attachments by bytes; all that Java attaches is attached, too."""
    java = bytes.fromhex(each["hex"])
    wire = greeter(first_id=each["header"]["id"] & 0xFFFFFFFFFFFFFFFF)
    options: dict[str, Any] = {"group": "g1", "version": ""} if name.endswith(":group") else {}
    if name == "attach":
        options["attachments"] = {"my-key": "my-val", "num": 42}
    declared = Poked if name == "ping:oneway" else Greeter
    stub = wire.stub(declared, client={"application": "demo-client"}, **options)
    python_name, arguments = CALLS[name]
    task, ours = wire.sent(getattr(stub, python_name)(*arguments))
    assert ours[:12] == java[:12]
    if not (name == "enrich" and each["dubbo"].startswith(LISTS_HAVE_TYPES)):
        assert before_attachments(ours).hex(" ") == before_attachments(java).hex(" ")
    theirs = {key: str(value) for key, value in attachments_of(java).items()}
    if name != "attach":
        theirs = {key: value for key, value in theirs.items() if key not in ("my-key", "num")}
    if name == "ping:oneway":
        theirs.pop("timeout", None)  # that call had another
    assert theirs.items() <= attachments_of(ours).items()
    assert task.done is (name == "ping:oneway")


@pytest.mark.parametrize("piece", [0, 1, 17])
@pytest.mark.parametrize(("name", "each"), [p for p in recorded("response") if p.values[0] != "$echo"])
def test_a_recorded_reply_is_what_it_means(name: str, each: dict[str, Any], piece: int) -> None:
    wire = greeter(first_id=each["header"]["id"] & 0xFFFFFFFFFFFFFFFF)
    stub = wire.stub(Greeter)
    python_name, arguments = CALLS[name]
    with rpcore.options() as block:
        task, _ = wire.sent(getattr(stub, python_name)(*arguments))
    wire.hear(bytes.fromhex(each["hex"]), piece)
    value = task.result()
    assert value == (value_of(each["body"][1], []) if name == "attach" else RESULTS[name])
    assert type(value) is type(RESULTS.get(name, ""))
    assert block.reply_attachments == ({"resp-key": "resp-val"} if name == "attach" else {})


def test_every_recorded_reply_is_read() -> None:
    replies = [each for each in FRAMES if each["name"].startswith("response ") and "$" not in each["name"]]
    assert len(replies) == len(recorded("response")) - 2 + 1  # two of $echo; and the one of the next test
    assert not any(int(each["header"]["flag"], 16) & EVENT for each in replies)


def test_a_reply_without_attachments_is_read() -> None:
    (java,) = [bytes.fromhex(each["hex"]) for each in FRAMES if "declared dubbo version" in each["name"]]
    wire = greeter(first_id=15)
    task, _ = wire.sent(wire.stub(Greeter).say_hello("w"))
    wire.hear(java)
    assert task.result() == "Hello w"


def test_replies_in_another_order_find_their_calls() -> None:
    serves = Serves()
    wire = greeter(serves)
    stub = wire.stub(Greeter)
    serves.gate = Gate(wire.ticks)
    slow = wire.start(stub.later("x"))
    wire.pump()
    quick = wire.start(stub.say_hello("world"))
    wire.pump()
    assert (slow.done, quick.result()) == (False, "Hello world")
    serves.gate.open()
    wire.pump()
    assert slow.result() == "async x"
