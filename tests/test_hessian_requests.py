"""Requests in hessian2 as other peers write them: what a server of ours makes of each."""

from __future__ import annotations

import gc
import weakref
from dataclasses import dataclass
from typing import Any, Protocol

import pytest

import rpcore
from harness import frame
from joined import Joined, body, call, stream, values_of_body
from rpcore import errors
from rpcore.service import interface, method
from rpcore.types import GenericObject, Int, Long, TypedMap

NAME = "org.demo.Shop"


@rpcore.wire_name("org.demo.Item")
@dataclass
class Item:
    id: int
    label: str
    parts: list[Item] | None = None


@interface(NAME, version="1.0.0", timeout=5.0, retries=0)
class Shop(Protocol):
    async def double(self, number: int) -> int: ...
    async def greet(self, name: str = "you", times: Int = 1) -> str: ...
    async def over(self, number: Int) -> str: ...
    @method(name="over")
    async def over_text(self, text: str) -> str: ...
    @method(name="over")
    async def over_two(self, text: str, number: int) -> str: ...
    async def any(self, value: Any) -> Any: ...
    async def same(self, a: list[Any], b: list[Any]) -> bool: ...
    async def count(self, item: Item) -> int: ...
    async def blob(self, data: bytes) -> bytes: ...
    async def note(self) -> None: ...
    async def seen(self) -> Any: ...
    async def waits(self) -> float | None: ...


class Serves:
    def __init__(self, name: str = "") -> None:
        self.name = name
        self.notes = 0
        self.got: list[Any] = []

    async def double(self, number: int) -> int:
        self.got.append(number)
        return 2 * number

    async def greet(self, name: str = "you", times: int = 1) -> str:
        return f"hello {name} x{times}{self.name}"

    async def over(self, number: int) -> str:
        return f"number {number}"

    async def over_text(self, text: str) -> str:
        return f"text {text}"

    async def over_two(self, text: str, number: int) -> str:
        return f"both {text} {number}"

    async def any(self, value: Any) -> Any:
        self.got.append(value)
        return value

    async def same(self, a: list[Any], b: list[Any]) -> bool:
        return a is b

    async def count(self, item: Item) -> int:
        self.got.append(item)
        return len(item.parts or ())

    async def blob(self, data: bytes) -> bytes:
        return data

    async def note(self) -> None:
        self.notes += 1

    async def seen(self) -> Any:
        return rpcore.context().received_attachments

    async def waits(self) -> float | None:
        return rpcore.context().remaining


def shop(serves: Serves | None = None, **options: Any) -> Joined:
    return Joined((Shop, serves or Serves()), **options)


def reply_of(wire: Joined, request: bytes, piece: int = 0) -> list[Any]:
    """What the one reply to ``request`` holds: kind, value, attachments."""
    ((flags, status, _, data),) = wire.serve(request, piece)
    assert (flags, status) == (2, 20), data
    return values_of_body(data)


def refused(wire: Joined, request: bytes) -> tuple[int, str]:
    """The status and text of the one answer to ``request``."""
    ((flags, status, _, data),) = wire.serve(request)
    assert flags == 2 and status != 20, data
    (text,) = values_of_body(data)
    return status, text


DOUBLE = (NAME, "double", "J", Long(21))
ATTACHED = {"dubbo": "2.0.2"}
OVERLOADS = "over(I), over(Ljava/lang/String;), over(Ljava/lang/String;J)"


# --- headers of the body --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("protocol", "attached"),
    [
        ("2.0.2", True),
        ("2.0.99", True),
        ("2.0.10", True),
        ("2.0.1", False),
        ("2.6.2", False),
        ("2.1.0", False),
        ("3.3.0", False),
        ("2.0.100", False),
        (None, False),
        ("", False),
        ("2", False),
        ("2.0.x", False),
        ("garbage", False),
    ],
)
def test_replies_have_attachments_for_consumers_that_read_them(protocol: str | None, attached: bool) -> None:
    request = call(1, *DOUBLE, protocol=protocol)
    assert reply_of(shop(), request) == ([4, 42, ATTACHED] if attached else [1, 42])
    nothing = call(2, NAME, "note", "", protocol=protocol)
    assert reply_of(shop(), nothing) == ([5, ATTACHED] if attached else [2])


@pytest.mark.parametrize("sent", ["0.0.0", "", None])
@pytest.mark.parametrize("exported", ["", "0.0.0"])
def test_no_version_is_written_in_three_ways(sent: str | None, exported: str) -> None:
    wire = Joined((Shop, Serves(), {"version": exported}))
    for _ in range(2):  # found by names, then by the bytes learned
        assert reply_of(wire, call(1, *DOUBLE, version=sent))[1] == 42
    status, text = refused(wire, call(2, *DOUBLE, version="1.0.0"))
    assert status == 40 and text.startswith(f"[service] no service {NAME}:1.0.0 here")


def test_an_unknown_service_method_and_version_are_bad_requests_that_name_what_there_is() -> None:
    wire = shop()
    assert refused(wire, call(1, "org.demo.Shopp", "double", "J", 1)) == (
        40,
        f"[service] no service org.demo.Shopp:1.0.0 here; there is {NAME}",
    )
    status, text = refused(wire, call(2, NAME, "duble", "J", 1))
    assert (status, text) == (40, f"[method] {NAME}:1.0.0 has no method 'duble'; there is double")
    status, text = refused(wire, call(3, *DOUBLE, version="2.0.0"))
    assert (status, text) == (
        40,
        f"[service] no service {NAME}:2.0.0 here; of this interface there is {NAME}:1.0.0",
    )
    assert reply_of(wire, call(4, *DOUBLE))[1] == 42


@pytest.mark.parametrize("place", range(5))
@pytest.mark.parametrize("wrong", [[], {}, b"x"])  # numbers are read as text, as Java does
def test_what_is_no_string_at_the_beginning_is_a_bad_request(place: int, wrong: Any) -> None:
    names = ("protocol version", "path", "version", "method", "parameter types")
    values: list[Any] = ["2.0.2", NAME, "1.0.0", "double", "J", 21, {}]
    values[place] = wrong
    wire = shop()
    status, text = refused(wire, frame(0xC2, 0, 1, stream(*values)))
    assert status == 40 and text.startswith("[arguments] unreadable request: "), text
    assert names[place] in text
    assert reply_of(wire, call(2, *DOUBLE))[1] == 42


@pytest.mark.parametrize("given", [(None, "double", "J"), (NAME, None, "J"), (NAME, "double", None)])
def test_null_path_method_or_descriptor_is_a_bad_request(given: tuple[Any, ...]) -> None:
    status, text = refused(shop(), call(1, *given, 21, attachments={}))
    assert (status, text) == (40, "[arguments] path, method and parameter types must be strings")


# --- descriptors ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "descriptor", ["J", "Ljava/lang/Long;", "I", "Ljava/lang/Integer;", "V", "Ljava/lang/Object;", "D"]
)
def test_a_method_that_is_not_overloaded_is_found_whatever_types_the_peer_names(descriptor: str) -> None:
    wire = shop()
    for _ in range(2):
        assert reply_of(wire, call(1, NAME, "double", descriptor, 21)) == [4, 42, ATTACHED]


@pytest.mark.parametrize(
    ("descriptor", "arguments", "result"),
    [
        ("I", (5,), "number 5"),
        ("Ljava/lang/Integer;", (5,), "number 5"),
        ("Ljava/lang/String;", ("x",), "text x"),
        ("Ljava/lang/String;J", ("x", 1), "both x 1"),
        ("Ljava/lang/String;Ljava/lang/Long;", ("x", 1), "both x 1"),
        ("VJ", ("x", 1), "both x 1"),
        ("Ljava/lang/Object;I", ("x", 1), "both x 1"),  # the only one with two
    ],
)
def test_descriptors_choose_between_overloads(descriptor: str, arguments: tuple[Any, ...], result: str) -> None:
    wire = shop()
    for _ in range(2):
        assert reply_of(wire, call(1, NAME, "over", descriptor, *arguments))[1] == result


@pytest.mark.parametrize("descriptor", ["V", "J", "Ljava/lang/Object;", "[I", "", "IJJ"])
def test_a_descriptor_that_could_mean_several_overloads_or_none(descriptor: str) -> None:
    count = {"": 0, "IJJ": 3}.get(descriptor, 1)
    status, text = refused(shop(), call(1, NAME, "over", descriptor, *(1,) * count))
    assert (status, text) == (
        40,
        f"[arguments] {NAME}.over: called as over({descriptor}), declared is {OVERLOADS}",
    )


@pytest.mark.parametrize("descriptor", ["L", "Q", "java.lang.String", "Ljava/lang/String", "JX", "[", "(J)V"])
def test_what_is_no_descriptor_is_a_bad_request(descriptor: str) -> None:
    status, text = refused(shop(), call(1, NAME, "double", descriptor, 21))
    assert (status, text) == (40, f"[arguments] parameter types {descriptor!r}: not JVM descriptors")


@pytest.mark.parametrize(
    ("descriptor", "arguments", "result"),
    [
        ("Ljava/lang/String;I", ("Ada", 2), "hello Ada x2"),
        ("Ljava/lang/String;", ("Ada",), "hello Ada x1"),
        ("", (), "hello you x1"),
    ],
)
def test_trailing_arguments_with_defaults_may_be_missing(
    descriptor: str, arguments: tuple[Any, ...], result: str
) -> None:
    assert reply_of(shop(), call(1, NAME, "greet", descriptor, *arguments))[1] == result


def test_too_many_and_too_few_arguments() -> None:
    for descriptor in ("JJ", ""):
        status, text = refused(shop(), call(1, NAME, "double", descriptor, *(1,) * len(descriptor)))
        assert status == 40
        assert f"called as double({descriptor}), declared is double(J)" in text


@pytest.mark.parametrize("value", ["21", None, [1], 1.5, {}, True])
def test_an_argument_of_another_type_is_named(value: Any) -> None:
    wire = shop()
    status, text = refused(wire, call(1, NAME, "double", "J", value))
    assert status == 40
    assert text.startswith(f"[arguments] {NAME}:1.0.0.double: args.number: expected int, got "), text
    assert reply_of(wire, call(2, *DOUBLE))[1] == 42


# --- groups ---------------------------------------------------------------------------------------------------------


@interface(NAME, version="1.0.0")
class OtherShop(Protocol):
    """Another declaration under the same name."""

    async def double(self, text: str) -> str: ...
    async def greet(self, name: str, times: Int) -> str: ...


class OtherServes:
    async def double(self, text: str) -> str:
        return text + text

    async def greet(self, name: str, times: int) -> str:
        return f"other {name} {times}"


def about(group: Any) -> dict[str, Any]:
    return {"path": NAME, "interface": NAME, "version": "1.0.0"} | ({} if group is None else {"group": group})


def test_the_group_is_an_attachment() -> None:
    wire = Joined((Shop, Serves(" in a"), {"group": "a"}), (Shop, Serves(" in b"), {"group": "b"}))
    for known in ("a", "b", "a"):
        value = reply_of(wire, call(1, NAME, "greet", "", attachments=about(known)))[1]
        assert value == f"hello you x1 in {known}"
    for group in ("c", None, ""):
        status, text = refused(wire, call(2, NAME, "greet", "", attachments=about(group)))
        assert status == 70
        assert text.endswith(f"of this interface there is a/{NAME}:1.0.0, b/{NAME}:1.0.0"), text
        assert text.startswith("[service] no service ")


def test_groups_with_other_declarations_are_told_apart() -> None:
    wire = Joined((Shop, Serves(), {"group": "a"}), (OtherShop, OtherServes(), {"group": "b"}))
    for _ in range(2):
        assert reply_of(wire, call(1, NAME, "double", "J", 21, attachments=about("a")))[1] == 42
        assert reply_of(wire, call(2, NAME, "double", "Ljava/lang/String;", "x", attachments=about("b")))[1] == "xx"
        assert (
            reply_of(wire, call(3, NAME, "greet", "Ljava/lang/String;I", "x", 2, attachments=about("b")))[1]
            == "other x 2"
        )
        assert (
            reply_of(wire, call(4, NAME, "greet", "Ljava/lang/String;I", "x", 2, attachments=about("a")))[1]
            == "hello x x2"
        )


def test_groups_with_other_declarations_and_a_foreign_descriptor() -> None:
    """Neither group overloads the method, so that its name and the number of arguments are enough in each."""
    wire = Joined((Shop, Serves(), {"group": "a"}), (OtherShop, OtherServes(), {"group": "b"}))
    for _ in range(2):
        for descriptor in ("V", "Ljava/lang/Object;", "Ljava/lang/Long;"):
            assert reply_of(wire, call(1, NAME, "double", descriptor, 21, attachments=about("a")))[1] == 42
            assert reply_of(wire, call(2, NAME, "double", descriptor, "x", attachments=about("b")))[1] == "xx"


def test_a_group_whose_declaration_takes_other_arguments() -> None:
    wire = Joined((Shop, Serves(), {"group": "a"}), (OtherShop, OtherServes(), {"group": "b"}))
    status, text = refused(wire, call(1, NAME, "greet", "", attachments=about("b")))
    assert status == 40 and text.startswith("[arguments] "), text
    status, text = refused(wire, call(2, NAME, "over", "I", 1, attachments=about("b")))
    assert status == 40 and text.startswith("[method] "), text
    status, text = refused(wire, call(3, NAME, "double", "J", 1, attachments=about("c")))
    assert status == 70 and text.startswith("[service] "), text


# --- attachments ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        (None, {}),
        ({}, {}),
        ({"trace": "a1"}, {"trace": "a1"}),
        (TypedMap("java.util.TreeMap", {"trace": "a1"}), {"trace": "a1"}),
        ({"n": 42, "x": 1.5, "b": True, "none": None}, {"n": 42, "x": 1.5, "b": True, "none": None}),
        ({"list": [1, "a"], "map": {"k": ["v"]}}, {"list": [1, "a"], "map": {"k": ["v"]}}),
        ({"id": "7"}, {"id": "7"}),
        ({"id": "7", "async": "true"}, {}),
        ({"path": "p", "version": "1", "interface": "i", "dubbo": "2.0.2", "timeout": "9", "_TO": 9}, {}),
        ({"dubbo.tag": "gray"}, {"dubbo.tag": "gray"}),
    ],
)
def test_attachments_arrive_but_for_those_of_the_protocol(sent: Any, received: dict[str, Any]) -> None:
    wire = shop()
    data = stream("2.0.2", NAME, "1.0.0", "seen", "", sent)
    for _ in range(2):
        assert reply_of(wire, frame(0xC2, 0, 1, data))[:2] == [4, received]


def test_an_object_among_the_attachments_keeps_its_class() -> None:
    thing = GenericObject("com.x.Thing", {"a": 1})
    _, value, _ = reply_of(shop(), call(1, NAME, "seen", "", attachments={"thing": thing}))
    assert value == {"thing": thing}


@pytest.mark.parametrize("wrong", [5, "text", [1]])
def test_attachments_that_are_no_map_are_a_bad_request(wrong: Any) -> None:
    wire = shop()
    status, text = refused(wire, call(1, NAME, "seen", "", attachments=wrong))
    assert status == 40 and "attachments" in text, text
    assert reply_of(wire, call(2, *DOUBLE))[1] == 42


def test_missing_attachments_are_a_bad_request() -> None:
    status, text = refused(shop(), frame(0xC2, 0, 1, stream("2.0.2", NAME, "1.0.0", "seen", "")))
    assert status == 40 and "attachments" in text, text


@pytest.mark.parametrize(
    ("attached", "waits"),
    [
        ({}, None),
        ({"timeout": "2000"}, 2.0),
        ({"timeout": 2000}, 2.0),
        ({"timeout": Long(1500)}, 1.5),
        ({"timeout": "garbage"}, None),
        ({"timeout": ""}, None),
        ({"timeout": None}, None),
        ({"timeout": [1]}, None),
        ({"timeout": "-5"}, None),
        ({"timeout": 0}, None),
        ({"timeout": "9" * 40}, None),
        ({"timeout": float("inf")}, None),
        ({"timeout": "2000", "_TO": 300}, 0.3),
        ({"timeout": "2000", "_TO": "300"}, 0.3),
        ({"timeout": "300", "_TO": 2000}, 0.3),
        ({"_to": 250}, 0.25),
        ({"timeout": "2000", "_TO": "x"}, 2.0),
    ],
)
def test_how_long_the_caller_waits(attached: dict[str, Any], waits: float | None) -> None:
    wire = shop()
    for _ in range(2):
        reply = reply_of(wire, call(1, NAME, "waits", "", attachments=attached))
        assert reply[1] == (ATTACHED if waits is None else pytest.approx(waits))
        assert reply[0] == (5 if waits is None else 4)


def test_the_deadline_of_a_repeated_request_counts_from_its_own_arrival() -> None:
    wire = shop()
    request = call(1, NAME, "waits", "", attachments={"timeout": "1000"})
    assert reply_of(wire, request)[1] == pytest.approx(1.0)
    wire.wait(5.0)
    assert reply_of(wire, request)[1] == pytest.approx(1.0)


@pytest.mark.parametrize("trailing", [b"N", b"NN", b"\x05extra", b"\x00"])
def test_bytes_after_the_attachments_are_ignored(trailing: bytes) -> None:
    for attached in (None, {}, {"trace": "a1"}):
        data = body(*DOUBLE, attachments=attached)
        wire = shop()
        for _ in range(2):
            assert reply_of(wire, frame(0xC2, 0, 1, data + trailing)) == [4, 42, ATTACHED]


# --- one-way, echo --------------------------------------------------------------------------------------------------


def test_a_oneway_request_is_never_answered() -> None:
    serves = Serves()
    wire = shop(serves)
    assert wire.serve(call(1, NAME, "note", "", oneway=True)) == []
    assert serves.notes == 1
    for wrong in (
        call(2, "org.demo.Nothing", "note", "", oneway=True),
        call(3, NAME, "nothing", "", oneway=True),
        call(4, NAME, "double", "J", "x", oneway=True),
        call(5, NAME, "note", "", attachments=about("nowhere"), oneway=True),
        call(6, NAME, "note", "", attachments="x", oneway=True),
    ):
        assert wire.serve(wrong) == []
    assert wire.serve(call(7, NAME, "note", "", oneway=True)) == []
    assert serves.notes == 2


@pytest.mark.parametrize("value", [None, "hi", 5, Long(5), [1, {"a": 2}], GenericObject("com.x.Thing", {"a": [1]})])
def test_echo_answers_with_its_argument(value: Any) -> None:
    reply = reply_of(shop(), call(1, NAME, "$echo", "Ljava/lang/Object;", value))
    assert reply == ([5, ATTACHED] if value is None else [4, value, ATTACHED])
    assert type(reply[1]) is type(value) or value is None


# --- serializations -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("serialization", [0, 3, 6, 12, 23, 27, 31])
def test_another_serialization_is_refused_in_hessian2(serialization: int) -> None:
    wire = shop()
    ((flags, status, id, data),) = wire.serve(frame(0xC0 | serialization, 0, 9, b"anything"))
    assert (flags, status, id) == (2, 40, 9)
    assert values_of_body(data) == [f"[serialization] serialization {serialization} is not served here"]
    assert wire.serve(frame(0x80 | serialization, 0, 9, b"anything")) == []
    assert reply_of(wire, call(2, *DOUBLE))[1] == 42


# --- large bodies ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("piece", [0, 1000, 65536])
@pytest.mark.parametrize("size", [30_000, 70_000, 1_000_000])
def test_large_requests_and_replies(size: int, piece: int) -> None:
    wire = shop()
    data = bytes(range(256)) * (size // 256)
    assert reply_of(wire, call(1, NAME, "blob", "[B", data), piece)[1] == data
    text = "ä€😀" * (size // 9)
    assert reply_of(wire, call(2, NAME, "any", "Ljava/lang/Object;", text), piece)[1] == text
    numbers = list(range(size // 5))
    assert reply_of(wire, call(3, NAME, "any", "Ljava/lang/Object;", numbers), piece)[1] == numbers
    assert wire.server.frames_in == 3


@pytest.mark.parametrize("window", [4096, 65536])
def test_large_calls_of_our_own_client(window: int) -> None:
    wire = shop(window=window)
    stub = wire.stub(Shop)
    for data in (b"", b"x" * 100, bytes(50_000), bytes(1_000_000)):
        task = wire.start(stub.blob(data))
        wire.send(piece=999)
        wire.answer(piece=997)
        assert task.result() == data
    assert wire.result(stub.double(4)) == 8


def test_a_large_frame_byte_by_byte() -> None:
    wire = shop(window=512)
    data = bytes(range(256)) * 8
    request = call(1, NAME, "blob", "[B", data)
    assert len(request) > 2048
    assert reply_of(wire, request, 1)[1] == data


def test_an_oversized_request_is_refused_and_the_connection_lives() -> None:
    wire = shop(limits=rpcore.Limits(payload=10_000))
    status, text = refused(wire, call(1, NAME, "blob", "[B", bytes(20_000)))
    assert status == 40 and text.startswith("[payload] "), text
    assert reply_of(wire, call(3, *DOUBLE))[1] == 42


# --- references -----------------------------------------------------------------------------------------------------


def test_references_reach_from_one_argument_to_another() -> None:
    wire = shop()
    both: list[Any] = [1, 2]
    types = "Ljava/util/List;Ljava/util/List;"
    assert reply_of(wire, call(1, NAME, "same", types, both, both))[1] is True
    assert reply_of(wire, call(2, NAME, "same", types, [1, 2], [1, 2]))[1] is False
    stub = wire.stub(Shop)
    assert wire.result(stub.same(both, both)) is True
    assert wire.result(stub.same(both, list(both))) is False


def test_a_reference_from_the_attachments_to_an_argument() -> None:
    serves = Serves()
    wire = shop(serves)
    shared = [1, 2]
    request = call(1, NAME, "any", "Ljava/lang/Object;", shared, attachments={"again": shared})
    assert b"\x51" in request  # it is written once
    assert reply_of(wire, request)[1] == shared
    wire2 = Joined((Seeing, SeesBoth()))
    ((_, status, _, data),) = wire2.serve(
        call(1, "org.demo.Seeing", "both", "Ljava/lang/Object;", shared, attachments={"again": shared})
    )
    assert (status, values_of_body(data)[1]) == (20, True)


@interface("org.demo.Seeing", version="1.0.0")
class Seeing(Protocol):
    async def both(self, value: Any) -> bool: ...


class SeesBoth:
    async def both(self, value: Any) -> bool:
        return rpcore.context().received_attachments["again"] is value


def test_cycles_travel_both_ways() -> None:
    serves = Serves()
    wire = shop(serves)
    stub = wire.stub(Shop)
    loop: list[Any] = ["x"]
    loop.append(loop)
    back = wire.result(stub.any(loop))
    (got,) = serves.got
    for each in (back, got):
        assert each[0] == "x" and each[1] is each
    item = Item(1, "a")
    item.parts = [item, item]
    assert wire.result(stub.count(item)) == 2
    assert serves.got[1].parts[0] is serves.got[1]
    loop.clear()
    back.clear()
    got.clear()
    for each in (item, serves.got[1]):
        each.parts = None


def test_the_streams_of_one_connection_do_not_know_each_other() -> None:
    """Each body starts its references, types and class definitions anew, also after one that failed in the middle."""
    serves = Serves()
    wire = shop(serves)
    stub = wire.stub(Shop)
    items = [Item(1, "a", [Item(2, "b")]), Item(3, "c")]

    class Stranger:
        pass

    for _ in range(3):
        assert wire.result(stub.count(items[0])) == 1
        assert isinstance(wire.failure(stub.any([items, items, Stranger()])), errors.EncodeError)
        assert wire.result(stub.any([items, items]))[1] == items
        # One that the server cannot read in the middle, one whose result cannot be sent.
        assert refused(wire, call(7, NAME, "count", "Lorg/demo/Item;", [items[0]]))[0] == 40
        assert wire.result(stub.any(items)) == items
    assert (wire.client.closed, wire.server.closed) == (False, False)


def test_a_cut_body_does_not_damage_the_next() -> None:
    wire = shop()
    data = body(NAME, "count", "Lorg/demo/Item;", Item(1, "a", [Item(2, "b")]))
    for size in range(len(data)):
        ((flags, status, id, _),) = wire.serve(frame(0xC2, 0, 5, data[:size]))
        assert (flags, status, id) == (2, 40, 5)
        assert reply_of(wire, frame(0xC2, 0, 6, data))[1] == 1
    assert not wire.server.closed


# --- memory ---------------------------------------------------------------------------------------------------------


def test_what_was_read_and_written_is_not_kept() -> None:
    serves = Serves()
    wire = shop(serves)
    stub = wire.stub(Shop)
    item = Item(1, "a")
    gone = weakref.ref(item)
    assert wire.result(stub.count(item)) == 0
    arrived = weakref.ref(serves.got.pop())
    assert isinstance(wire.failure(stub.any([item, object()])), errors.EncodeError)
    del item
    wire.tasks.clear()
    gc.collect()
    assert gone() is None and arrived() is None
