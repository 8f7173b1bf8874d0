"""realize and generalize: what a generic caller may send, what it gets, and that they are inverse to each other."""

from __future__ import annotations

import collections.abc
import datetime
import enum
import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import msgpack
import pytest
from hypothesis import given

from codec_samples import SAMPLES, name_of
from hessian_samples import Address, Admin, Color, Node, User
from rpcore._codec import ANY, GenericObject, hessian_dumps, hessian_loads
from rpcore.errors import DecodeError, EncodeError
from rpcore.generic.beans import DESCRIPTOR, Beans, unwrap
from rpcore.generic.conversions import generalize, realize
from rpcore.generic.nodes import Form
from rpcore.javatypes import (
    Array,
    BigInteger,
    Byte,
    Char,
    Descriptor,
    Float,
    Instant,
    Int,
    JavaDate,
    LocalDateTime,
    Long,
    Short,
    TypedList,
    TypedMap,
    ZonedDateTime,
)
from rpcore.types import wire_name
from test_codec_properties import modest, typed

UTC = datetime.UTC

# ---------------------------------------------------------------------------------------------- realize

REALIZED: list[tuple[Any, Any, Any]] = [
    # numbers, of any numeric type and of text
    (int, 5, 5),
    (int, Long(5), 5),
    (int, 5.0, 5),
    (int, Decimal("5.00"), 5),
    (int, "-5", -5),
    (Int, "2147483647", 2**31 - 1),
    (Short, -(2**15), -(2**15)),
    (Byte, 127, 127),
    (BigInteger, str(10**30), 10**30),
    (Annotated[int, Descriptor("Ljava/lang/Integer;")], "7", 7),
    (float, 5, 5.0),
    (float, "1e3", 1000.0),
    (float, Decimal("0.5"), 0.5),
    (Float, 0.1, 0.10000000149011612),
    (Decimal, "1.10", Decimal("1.10")),
    (Decimal, 1.1, Decimal("1.1")),
    (Decimal, 3, Decimal(3)),
    (bool, 1, True),
    (bool, 0.0, False),
    (bool, "TRUE", True),
    # text
    (str, "x", "x"),
    (Char, "x", "x"),
    (bytes, b"x", b"x"),
    (bytes, [-1, 0, 127], b"\xff\x00\x7f"),
    (bytearray, b"x", bytearray(b"x")),
    # times
    (datetime.datetime, "2026-01-31T10:00:00", datetime.datetime(2026, 1, 31, 10)),
    (datetime.datetime, "2026-01-31T10:00:00Z", datetime.datetime(2026, 1, 31, 10, tzinfo=UTC)),
    (datetime.datetime, 1000, datetime.datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
    (datetime.datetime, "2026-01-31 10:00:00", datetime.datetime(2026, 1, 31, 10).astimezone()),
    (JavaDate, "2026-01-31 10:00:00", datetime.datetime(2026, 1, 31, 10).astimezone()),
    (LocalDateTime, "2026-01-31 10:00:00", datetime.datetime(2026, 1, 31, 10)),
    (LocalDateTime, "2026-01-31T10:00", datetime.datetime(2026, 1, 31, 10)),
    (Instant, "2026-01-31T10:00:00.123456789Z", datetime.datetime(2026, 1, 31, 10, 0, 0, 123456, tzinfo=UTC)),
    (ZonedDateTime, "2026-01-31T11:00+01:00[Europe/Paris]", datetime.datetime(2026, 1, 31, 10, tzinfo=UTC)),
    (datetime.date, "2026-01-31", datetime.date(2026, 1, 31)),
    (datetime.date, "2026-01-31 10:00:00", datetime.date(2026, 1, 31)),
    (datetime.time, "10:30", datetime.time(10, 30)),
    (datetime.time, "2026-01-31 10:00:00", datetime.time(10)),
    (datetime.timedelta, "PT1H30M", datetime.timedelta(hours=1.5)),
    (UUID, "12345678-1234-5678-1234-567812345678", UUID("12345678-1234-5678-1234-567812345678")),
    # containers: lists, arrays and sets stand for each other
    (list[int], TypedList("[string", ["1", "2"]), [1, 2]),
    (Array[Int], [1, "2"], [1, 2]),
    (set[str], ["a", "a"], {"a"}),
    (frozenset[int], ["1"], frozenset({1})),
    (list[int], {3}, [3]),
    (tuple[int, ...], ["1", 2], (1, 2)),
    (tuple[int, str], [1, "a"], (1, "a")),
    (collections.abc.Sequence[int], TypedList("java.util.LinkedList", [1]), [1]),
    (dict[int, float], {"1": 2}, {1: 2.0}),
    (dict[str, int], TypedMap("java.util.TreeMap", {"a": "1"}), {"a": 1}),
    (dict[str, Any], {"class": "anything", "x": 1}, {"class": "anything", "x": 1}),
    # enums and literals
    (Color, "RED", Color.RED),
    (Color, {"name": "GREEN"}, Color.GREEN),
    (Color, GenericObject("org.demo.Color", {"name": "GREEN"}), Color.GREEN),
    (list[Color], ["RED"], [Color.RED]),
    (Literal["a", 1], 1, 1),
    # records, typed maps among them, nested, with or without "class"
    (User, {"id": "1", "name": "Al"}, User(1, "Al")),
    (
        User,
        TypedMap("java.util.LinkedHashMap", {"class": "org.demo.User", "id": 1, "name": "Al", "tags": {"z"}}),
        User(1, "Al", ["z"]),
    ),
    (
        User,
        {"id": 1, "name": "Al", "address": {"class": "org.demo.Address", "streetName": "x", "unknown": 3}},
        User(1, "Al", [], Address("x")),
    ),
    (User, {"class": "org.demo.Admin", "id": 1, "name": "Al", "rights": 7}, Admin(1, "Al", rights=7)),
    (User, {"class": "other.Class", "id": 1, "name": "Al"}, User(1, "Al")),
    (User, {"id": 1, "name": "Al", "tags": None}, User(1, "Al")),  # Java's null where nothing was set
    (User, GenericObject("x.Y", {"id": 1, "name": "Al"}), User(1, "Al")),
    (User, User(1, "Al"), User(1, "Al")),
    (dict[str, list[User]], {"a": [{"id": 1, "name": "Al"}]}, {"a": [User(1, "Al")]}),
    (User | Address, {"class": "org.demo.Address", "streetName": "x"}, Address("x")),
    (User | None, None, None),
    (int | None, "5", 5),
    (int | str, "5", "5"),
    # nothing declared: the class decides, if it is one of ours
    (Any, {"class": "org.demo.Color", "name": "RED"}, Color.RED),
    (Any, [{"class": "org.demo.User", "id": 1, "name": "Al"}], [User(1, "Al")]),
    (Any, {"class": "no.such.Thing", "x": [1]}, {"class": "no.such.Thing", "x": [1]}),
]


@pytest.mark.parametrize(("hint", "given", "expected"), REALIZED, ids=lambda value: name_of(value)[:30])
def test_realize(hint: Any, given: Any, expected: Any) -> None:
    found = realize(given, hint)
    assert found == expected
    assert type(found) is type(expected) or isinstance(expected, datetime.datetime | int)


REFUSED: list[tuple[Any, Any, str]] = [
    (int, 2.7, "expected int, got float 2.7"),
    (int, True, "expected int, got bool True"),
    (int, "5x", "expected int, got str '5x'"),
    (int, None, "expected int, got None"),
    (int, float("nan"), "expected int, got float nan"),
    (Int, 2**31, "2147483648 does not fit the 32 bits of Int"),
    (Byte, "128", "128 does not fit the 8 bits of Byte"),
    (int, 2**64, "does not fit the 64 bits"),
    (Float, 1e300, "does not fit the 32 bits of Float"),
    (float, True, "expected float, got bool True"),
    (bool, "yes", "expected bool, got str 'yes'"),
    (str, 5, "expected str, got int 5"),
    (Char, "ab", "expected Char, got str 'ab'"),
    (Char, "😀", "expected Char"),
    (bytes, "text", "expected bytes"),
    (bytes, [256], "expected bytes"),
    (LocalDateTime, "2026-01-31T10:00Z", "a LocalDateTime has no zone"),
    (Instant, "2026-01-31T10:00", "Instant is an instant and needs a zone"),
    (Instant, "yesterday", "expected Instant, got str 'yesterday'"),
    (datetime.datetime, 10**18, "outside the years 1 to 9999"),
    (datetime.date, datetime.datetime(2026, 1, 1), "expected date"),
    (datetime.timedelta, "an hour", "expected timedelta"),
    (Decimal, "1,5", "expected Decimal, got str '1,5'"),
    (UUID, "12", "expected UUID"),
    (Color, "BLUE", r"expected Color \(RED, GREEN\), got str 'BLUE'"),
    (Literal["a"], "b", "expected 'a', got str 'b'"),
    (list[int], "12", "expected list, got str '12'"),
    (list[int], {"a": 1}, "expected list, got dict"),
    (set[Any], [[1]], "unhashable"),
    (dict[str, int], [1], "expected dict, got list"),
    (tuple[int, str], [1], "expected a list of 2"),
    (User, "Al", "expected User, got str 'Al'"),
    (User, {"id": 1}, "User needs 'name', which is missing"),
    (User | Address, {"x": 1}, "User needs 'id', which is missing; or Address needs 'streetName', which is missing"),
]


@pytest.mark.parametrize(("hint", "given", "text"), REFUSED, ids=lambda v: name_of(v)[:30])
def test_realize_refuses(hint: Any, given: Any, text: str) -> None:
    with pytest.raises(DecodeError, match=text):
        realize(given, hint)


@pytest.mark.parametrize(
    ("hint", "given", "path"),
    [
        (list[int], [1, "x"], "value[1]"),
        (dict[str, int], {"a": "x"}, "value['a']"),
        (User, {"id": 1, "name": "x", "tags": [1]}, "value.tags[0]"),
        (list[User], [{"id": 1, "name": "x", "address": {"streetName": 5}}], "value[0].address.streetName"),
        (tuple[int, str], [1, 2], "value[1]"),
        (Any, [1, {"x": {"class": "org.demo.User", "id": "y"}}], "value[1]['x'].id"),
    ],
)
def test_errors_say_where(hint: Any, given: Any, path: str) -> None:
    with pytest.raises(DecodeError) as raised:
        realize(given, hint)
    assert raised.value.path == path
    assert str(raised.value).startswith(f"{path}: ")


def test_a_constructor_that_objects() -> None:
    @dataclass
    class Even:
        number: int

        def __post_init__(self) -> None:
            if self.number % 2:
                raise ValueError("odd")

    assert realize({"number": "2"}, Even) == Even(2)
    with pytest.raises(DecodeError, match=r"value\[0\]: Even: ValueError: odd"):
        realize([{"number": 1}], list[Even])


def test_depth_is_limited_and_cycles_end() -> None:
    deep: list[Any] = []
    for _ in range(100):
        deep = [deep]
    with pytest.raises(DecodeError, match="nested deeper than 64"):
        realize(deep)
    with pytest.raises(EncodeError, match="nested deeper than 64"):
        generalize(deep)
    loop: dict[str, Any] = {"value": 1}
    loop["next"] = loop
    node = realize(loop, Node)
    assert node.next is node
    back = generalize(node, Node)
    assert back["next"] is back
    endless: dict[str, Any] = {}
    endless["self"] = endless
    assert realize(endless)["self"] is endless
    assert generalize(endless)["self"]["self"]["self"] is not None


def test_one_object_stays_one_object() -> None:
    address = {"streetName": "x"}
    first, second = realize(
        [{"id": 1, "name": "a", "address": address}, {"id": 2, "name": "b", "address": address}], list[User]
    )
    assert first.address is second.address
    plain = generalize([first, second], list[User])
    assert plain[0]["address"] is plain[1]["address"]


# ------------------------------------------------------------------------------------------- generalize

GENERALIZED: list[tuple[Any, Any, Any]] = [
    (str, "x", "x"),
    (Color, Color.RED, "RED"),
    (
        User,
        User(1, "Al", ["z"], Address("x", "1")),
        {
            "class": "org.demo.User",
            "id": 1,
            "name": "Al",
            "tags": ["z"],
            "address": {"class": "org.demo.Address", "streetName": "x", "zipCode": "1"},
        },
    ),
    (
        User,
        Admin(1, "Al"),
        {"class": "org.demo.Admin", "id": 1, "name": "Al", "tags": [], "address": None, "rights": 0},
    ),
    (datetime.datetime, datetime.datetime(2026, 1, 31, 10), "2026-01-31T10:00:00"),
    (Instant, datetime.datetime(2026, 1, 31, 10, tzinfo=UTC), "2026-01-31T10:00:00Z"),
    (datetime.date, datetime.date(2026, 1, 31), "2026-01-31"),
    (datetime.timedelta, datetime.timedelta(hours=1), "PT3600S"),
    (UUID, UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    (Decimal, Decimal("1.10"), Decimal("1.10")),
    (set[str], {"a"}, ["a"]),
    (dict[Color, int], {Color.RED: 1}, {"RED": 1}),
    (Any, [User(1, "Al"), Color.RED, datetime.date(2026, 1, 31)], None),
]


@pytest.mark.parametrize(("hint", "given", "expected"), GENERALIZED, ids=lambda value: name_of(value)[:30])
def test_generalize(hint: Any, given: Any, expected: Any) -> None:
    if expected is None:
        expected = [generalize(given[0], User), "RED", "2026-01-31"]
    assert generalize(given, hint) == expected


def test_a_java_date_stays_one() -> None:
    noon = datetime.datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert generalize(noon, datetime.datetime) is noon
    assert generalize(noon, JavaDate) is noon


def test_what_a_hint_says_of_numbers_reaches_java() -> None:
    """A Java caller casts what it gets: of a method that returns long it expects a Long, not an Integer."""
    assert type(generalize(5, int)) is Long
    assert type(generalize([5], list[int])[0]) is Long
    assert type(generalize(5, Int)) is int
    assert type(generalize(5, BigInteger)) is BigInteger
    assert type(generalize(5, float)) is float
    assert type(generalize(5)) is int
    (found,) = hessian_loads(hessian_dumps(None, generalize(User(5, "Al"), User)))
    assert type(found["id"]) is Long


def test_what_a_hint_says_of_collections_reaches_java() -> None:
    assert generalize({"a"}, set[str]).type_name == "java.util.HashSet"
    assert generalize([1], Array[Int]).type_name == "[int"
    assert generalize(["a"], Array[str]).type_name == "[string"
    assert generalize([[1]], Array[Array[int]]).type_name == "[[long"
    assert type(generalize([1], list[int])) is list


def test_generalize_without_class_and_with_times_as_they_are() -> None:
    user = User(1, "Al", [], Address("x"))
    assert generalize(user, form=Form(class_key=False)) == {
        "id": 1,
        "name": "Al",
        "tags": [],
        "address": {"streetName": "x", "zipCode": ""},
    }
    day = datetime.date(2026, 1, 31)
    assert generalize([day, UUID(int=1)], form=Form(iso=False)) == [day, UUID(int=1)]


def test_objects_of_unknown_classes() -> None:
    found = generalize([GenericObject("x.Y", {"a": [Color.RED]})])
    assert found == [{"class": "x.Y", "a": ["RED"]}]


@pytest.mark.parametrize(
    ("hint", "given", "text"),
    [
        (int, "5", "value: expected int, got str '5'"),
        (User, {"id": 1}, "value: expected User, got dict"),
        (list[int], [1, None], r"value\[1\]: expected int, got None"),
        (User, User(1, "x", [5]), r"value.tags\[0\]: expected str, got int 5"),  # type: ignore[list-item]
        (Int, 2**31, "value: 2147483648 does not fit the 32 bits of Int"),
        (Any, object(), "value: cannot send a value of type object"),
        (Any, [{1: object()}], r"value\[0\]\[1\]: cannot send a value of type object"),
        (LocalDateTime, datetime.datetime(2026, 1, 1, tzinfo=UTC), "value: a LocalDateTime has no zone"),
    ],
)
def test_generalize_refuses_what_is_not_declared(hint: Any, given: Any, text: str) -> None:
    with pytest.raises(EncodeError, match=text):
        generalize(given, hint)


# ------------------------------------------------------------------------------------- inverse to each other


@pytest.mark.parametrize(("hint", "value"), [sample[:2] for sample in SAMPLES], ids=lambda value: name_of(value)[:30])
def test_samples_survive(hint: Any, value: Any) -> None:
    assert realize(generalize(value, hint), hint) == value


@modest
@given(typed.flatmap(lambda t: t.values.map(lambda value: (t.hint, value))))
def test_generated_types_survive(pair: tuple[Any, Any]) -> None:
    hint, value = pair
    plain = generalize(value, hint)
    assert realize(plain, hint) == value
    assert realize(generalize(value, hint, form=Form(iso=False)), hint) == value


@modest
@given(typed.flatmap(lambda t: t.values.map(lambda value: (t.hint, value))))
def test_generated_types_survive_the_wire(pair: tuple[Any, Any]) -> None:
    hint, value = pair
    plain = generalize(value, hint)
    assert realize(msgpack.unpackb(ANY.dumps(plain), strict_map_key=False, timestamp=3), hint) == value


def test_java_names_survive_the_hessian_wire() -> None:
    users = [Admin(2**40, "Al", ["a"], Address("x"), 3), User(1, "Bo")]
    (plain,) = hessian_loads(hessian_dumps(None, generalize(users, list[User])))
    assert realize(plain, list[User]) == users
    assert realize(plain) == users  # by "class" alone


def test_self_and_recursive_hints() -> None:
    @dataclass
    class Leaf:
        value: int
        rest: list[Node] = field(default_factory=list)

    assert realize({"value": 1, "rest": [{"value": 2, "next": {"value": 3}}]}, Leaf) == Leaf(1, [Node(2, Node(3))])


def test_text_enums_and_java_names() -> None:
    @wire_name("org.demo.Swap")
    class Swap(enum.Enum):
        A = "B"
        B = "A"

    assert generalize(Swap.A) == "A"
    assert realize("A", Swap) is Swap.A
    assert json.dumps(generalize({"x": Swap.B})) == '{"x": "B"}'


# ------------------------------------------------------------------------------------------------- beans


@modest
@given(typed.flatmap(lambda t: t.values.map(lambda value: (t.hint, value))))
def test_generated_types_survive_as_beans(pair: tuple[Any, Any]) -> None:
    hint, value = pair
    assert realize(unwrap(generalize(value, hint, form=Beans())), hint) == value


def test_a_bean_as_java_writes_it() -> None:
    user = User(1, "Al", ["z"], Address("x"))
    (bean,) = hessian_loads(hessian_dumps(None, generalize(user, User, form=Beans())))
    assert isinstance(bean, GenericObject)
    assert (bean.class_name, bean["className"], bean["type"]) == (DESCRIPTOR, "org.demo.User", 7)
    fields = bean["properties"]
    assert fields.type_name == "java.util.LinkedHashMap"
    assert {name: (item["className"], item["type"]) for name, item in fields.items()} == {
        "id": ("java.lang.Long", 6),
        "name": ("java.lang.String", 6),
        "tags": ("java.util.ArrayList", 3),
        "address": ("org.demo.Address", 7),
    }
    assert fields["id"]["properties"] == {"value": 1}
    assert type(fields["id"]["properties"]["value"]) is Long
    assert list(fields["tags"]["properties"]) == [0]
    assert realize(unwrap(bean), User) == user
    assert realize(unwrap(bean)) == user


@pytest.mark.parametrize(
    ("value", "hint", "name", "kind"),
    [
        (Color.RED, Color, "org.demo.Color", 2),
        ([1], Array[Int], "int", 5),
        (["a"], Array[str], "java.lang.String", 5),
        ({"a"}, set[str], "java.util.HashSet", 3),
        ({"a": 1}, dict[str, int], "java.util.HashMap", 4),
        (TypedMap("java.util.TreeMap", {"a": 1}), Any, "java.util.TreeMap", 4),
        (5, int, "java.lang.Long", 6),
        (5, Int, "java.lang.Integer", 6),
        (5, Any, "java.lang.Integer", 6),
        (2**40, Any, "java.lang.Long", 6),
        (Decimal(1), Decimal, "java.math.BigDecimal", 6),
        (datetime.date(2026, 1, 1), datetime.date, "java.time.LocalDate", 6),
    ],
)
def test_the_class_of_a_bean(value: Any, hint: Any, name: str, kind: int) -> None:
    bean = generalize(value, hint, form=Beans())
    assert (bean["className"], bean["type"]) == (name, kind)
    assert realize(unwrap(bean), hint) == value


def test_a_bean_that_is_none() -> None:
    with pytest.raises(ValueError, match="a JavaBeanDescriptor of type 9"):
        unwrap(GenericObject(DESCRIPTOR, {"className": "x", "type": 9, "properties": {}}))
    assert unwrap("x") == "x"
