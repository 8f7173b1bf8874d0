"""Declared types over hessian2: msgpack's hints, Java's own, descriptors, objects, references, exceptions."""

from __future__ import annotations

import copy
import math
import pickle
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec_samples import SAMPLES, name_of
from hessian_samples import Address, Admin, Color, Node, User
from rpcore._codec import HessianReader, Plan, hessian_dumps, hessian_loads
from rpcore.assignable import contradicts
from rpcore.errors import ConfigurationError, DecodeError, EncodeError
from rpcore.javatypes import GenericObject, JavaException, TypedList, TypedMap
from rpcore.model import Parameter
from rpcore.plan import compile_args, compile_exception, compile_type
from rpcore.types import (
    Array,
    BigInteger,
    Byte,
    Char,
    Currency,
    Descriptor,
    Float,
    Instant,
    Int,
    JavaDate,
    LocalDateTime,
    Locale,
    Long,
    OffsetDateTime,
    Short,
    wire_name,
)

UTC = timezone.utc  # noqa: UP017
NOON = datetime(2024, 2, 29, 12, 30, 45, 123456, tzinfo=UTC)


def plan_of(hint: Any) -> Plan:
    return compile_type(hint, root="")


def there_and_back(hint: Any, value: Any) -> Any:
    plan = plan_of(hint)
    return hessian_loads(hessian_dumps(plan, value), plan)[0]


def to_the_millisecond(value: Any) -> Any:
    """Aware datetimes as java.util.Date keeps them."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.replace(microsecond=value.microsecond // 1000 * 1000)
    return value


@pytest.mark.parametrize("sample", SAMPLES, ids=name_of)
def test_samples_of_every_hint(sample: Any) -> None:
    hint, value, _ = sample
    try:
        found = there_and_back(hint, value)
    except EncodeError as error:
        assert (
            "fit a Java long" in str(error) or "bits" in str(error) or "BigDecimal has no" in str(error)
        )  # msgpack has it
        return
    if isinstance(value, datetime):
        assert found == to_the_millisecond(value)
    elif isinstance(value, float):
        assert math.copysign(1, found) == math.copysign(1, value)
        assert found == value
    else:
        assert repr(found) == repr(value) or found == value


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False)
        | st.text()
        | st.binary()
        | st.decimals(allow_nan=False, allow_infinity=False)
        | st.uuids()
        | st.dates()
        | st.times()
        | st.timedeltas()
        | st.datetimes(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
        max_leaves=20,
    )
)
def test_any_value_survives(value: Any) -> None:
    assert hessian_loads(hessian_dumps(None, value)) == [value]
    assert hessian_loads(hessian_dumps(None, value, refs=False)) == [value]


@settings(max_examples=200, deadline=None)
@given(
    st.builds(
        User,
        st.integers(-(2**63), 2**63 - 1),
        st.text(),
        st.lists(st.text()),
        st.none() | st.builds(Address, st.text(), st.text()),
    )
)
def test_records_survive(value: User) -> None:
    assert there_and_back(User, value) == value
    assert hessian_loads(hessian_dumps(None, value)) == [value]
    assert there_and_back(list[User], [value, value]) == [value, value]


@pytest.mark.parametrize(
    "text", ["\ud83d", "\ude00", "a\ud83d\x00b", "\U0010ffff" * 40000, "\x7f\x80\u07ff\u0800\uffff"]
)
def test_strings_of_units(text: str) -> None:
    assert hessian_loads(hessian_dumps(None, text)) == [text]
    assert there_and_back(str, text) == text


def test_a_pair_split_between_chunks_is_one_character() -> None:
    assert hessian_loads(bytes.fromhex("520001eda0bd01edb880")) == ["\U0001f600"]


@pytest.mark.parametrize("size", [0, 15, 16, 1023, 1024, 32767, 32768, 65535, 65536, 65535 + 32768, 300_000])
def test_binaries_of_any_size(size: int) -> None:
    value = bytes(range(256)) * (size // 256 + 1)
    value = value[:size]
    body = hessian_dumps(None, value)
    assert hessian_loads(body, plan_of(bytes)) == hessian_loads(hessian_dumps(plan_of(bytes), value)) == [value]
    assert hessian_dumps(None, bytearray(value)) == body
    assert hessian_loads(body + b"\x91", None, None) == [value, 1]


def test_binaries_of_odd_chunks() -> None:
    assert hessian_loads(b"A\x00\x00A\x00\x01aA\x00\x00\x22bc\x91", None, None) == [b"abc", 1]
    assert hessian_loads(b"A\x00\x01aA\x00\x00\x20\x91", None, None) == [b"a", 1]
    assert hessian_loads(b"A\x00\x00\x20\x91", None, None) == [b"", 1]
    for bad in (b"A\x00\x01a", b"A\x00\x01a\x91", b"A\x00\x02a", b"A\x00\x01a\x22b"):
        with pytest.raises(DecodeError):
            hessian_loads(bad)


# ---- numbers and their widths

WIDTHS = {Byte: 8, Short: 16, Int: 32, Long: 64}


@pytest.mark.parametrize("hint", WIDTHS)
def test_what_does_not_fit_is_refused_before_it_is_sent(hint: Any) -> None:
    edge = 2 ** (WIDTHS[hint] - 1)
    for value in (-edge, -1, 0, edge - 1):
        assert there_and_back(hint, value) == value
        assert type(there_and_back(hint, value)) is int
    for value in (-edge - 1, edge):
        with pytest.raises(EncodeError, match="fit"):
            hessian_dumps(plan_of(hint), value)
        with pytest.raises(EncodeError, match="fit"):
            hessian_dumps(None, hint(value))
        if hint is not Long:
            with pytest.raises(EncodeError, match="fit"):
                plan_of(hint).dumps(value)


def test_the_form_of_an_int_is_its_declared_type() -> None:
    assert hessian_dumps(plan_of(int), 5) == b"\xe5"
    assert hessian_dumps(plan_of(Long), 5) == b"\xe5"
    assert hessian_dumps(plan_of(Int), 5) == b"\x95"
    assert hessian_dumps(None, 5, Long(5), 2**31) == b"\x95\xe5\x4c\x00\x00\x00\x00\x80\x00\x00\x00"
    assert type(hessian_loads(b"\xe5")[0]) is Long
    assert hessian_dumps(plan_of(list[Int]), [1, 2]) == b"\x7a\x91\x92"
    assert hessian_dumps(plan_of(list[int]), [1, 2]) == b"\x7a\xe1\xe2"


@pytest.mark.parametrize("value", [0, 1, -1, 2**31, -(2**31), 2**63, -(2**64 + 1), 3**500])
def test_big_integer(value: int) -> None:
    assert there_and_back(BigInteger, value) == value
    plan = plan_of(BigInteger)
    assert plan.loads(plan.dumps(value)) == value
    assert hessian_loads(hessian_dumps(None, BigInteger(value))) == [value]


def test_float_and_char() -> None:
    assert there_and_back(Float, 1.5) == 1.5
    assert there_and_back(Float, math.inf) == math.inf
    widened = hessian_loads(bytes.fromhex("443fb99999a0000000"), plan_of(Float))
    assert widened == hessian_loads(bytes.fromhex("443fb999999999999a"), plan_of(Float))
    with pytest.raises(EncodeError, match="1e\\+39"):
        hessian_dumps(plan_of(Float), 1e39)
    assert there_and_back(Char, "x") == "x"
    for text in ("", "ab", "\U0001f600"):
        with pytest.raises(EncodeError, match="Java char"):
            hessian_dumps(plan_of(Char), text)


def test_the_path_leads_to_what_does_not_fit() -> None:
    args = compile_args([Parameter("ids", list[Int], True)])
    with pytest.raises(EncodeError, match=r"args.ids\[1\]: .*32 bits"):
        args.hessian_dumps(([1, 2**31],))
    with pytest.raises(DecodeError, match=r"address.zip_code: expected str, got int"):
        hessian_loads(
            hessian_dumps(None, {"id": 1, "name": "", "address": {"streetName": "", "zipCode": 5}}), plan_of(User)
        )


# ---- times


def test_datetimes_by_declared_type() -> None:
    ms = NOON.replace(microsecond=123000)
    assert there_and_back(datetime, NOON) == ms
    assert there_and_back(JavaDate, NOON) == ms
    assert there_and_back(Instant, NOON) == NOON
    assert there_and_back(OffsetDateTime, NOON) == NOON
    naive = NOON.replace(tzinfo=None)
    assert there_and_back(LocalDateTime, naive) == naive
    assert there_and_back(datetime, naive) == naive
    for hint in (Instant, JavaDate, OffsetDateTime):
        with pytest.raises(EncodeError, match="tzinfo"):
            hessian_dumps(plan_of(hint), naive)
    with pytest.raises(EncodeError, match="no zone"):
        hessian_dumps(plan_of(LocalDateTime), NOON)


def test_a_date_beyond_pythons_years_keeps_its_milliseconds() -> None:
    data = bytes.fromhex("4a7fffffffffffffff")
    (value,) = hessian_loads(data)
    assert value == 2**63 - 1
    assert hessian_dumps(None, value) == data


# ---- descriptors

DESCRIPTORS = [
    (bool, "Z"),
    (int, "J"),
    (Int, "I"),
    (Int | None, "Ljava/lang/Integer;"),
    (int | None, "Ljava/lang/Long;"),
    (float, "D"),
    (Float, "F"),
    (Char, "C"),
    (Byte, "B"),
    (Short, "S"),
    (str, "Ljava/lang/String;"),
    (str | None, "Ljava/lang/String;"),
    (bytes, "[B"),
    (datetime, "Ljava/util/Date;"),
    (Instant, "Ljava/time/Instant;"),
    (date, "Ljava/time/LocalDate;"),
    (time, "Ljava/time/LocalTime;"),
    (timedelta, "Ljava/time/Duration;"),
    (Decimal, "Ljava/math/BigDecimal;"),
    (BigInteger, "Ljava/math/BigInteger;"),
    (UUID, "Ljava/util/UUID;"),
    (list[int], "Ljava/util/List;"),
    (tuple[int, ...], "Ljava/util/List;"),
    (set[str], "Ljava/util/Set;"),
    (dict[str, Any], "Ljava/util/Map;"),
    (Array[Int], "[I"),
    (Array[Array[Int]], "[[I"),
    (Array[str], "[Ljava/lang/String;"),
    (Array[User], "[Lorg/demo/User;"),
    (User, "Lorg/demo/User;"),
    (Color, "Lorg/demo/Color;"),
    (Locale, "Ljava/util/Locale;"),
    (Currency, "Ljava/util/Currency;"),
    (Any, "Ljava/lang/Object;"),
    (int | str, "Ljava/lang/Object;"),
    (Literal["a", "b"], "Ljava/lang/String;"),
    (Annotated[Any, Descriptor("Lorg/demo/Shape;")], "Lorg/demo/Shape;"),
    (Annotated[int, Descriptor("I")], "I"),
]


@pytest.mark.parametrize(("hint", "expected"), DESCRIPTORS, ids=[str(hint) for hint, _ in DESCRIPTORS])
def test_descriptors(hint: Any, expected: str) -> None:
    assert compile_type(hint).descriptor == expected
    assert compile_args([Parameter("a", hint, True), Parameter("b", str, True)]).descriptor == (
        expected + "Ljava/lang/String;"
    )


def test_a_primitives_descriptor_says_how_it_is_sent() -> None:
    plan = plan_of(Annotated[int, Descriptor("Ljava/lang/Integer;")])
    assert hessian_dumps(plan, 5) == b"\x95"


def test_arrays() -> None:
    assert hessian_dumps(plan_of(Array[Int]), [1, 2, 3]).hex() == "73045b696e74919293"
    assert hessian_dumps(plan_of(Array[str]), ["a", "b"]).hex() == "72075b737472696e6701610162"
    assert hessian_dumps(plan_of(Array[Array[Int]]), [[1], [2]]).hex() == "72055b5b696e7471045b696e7491719192"
    assert there_and_back(Array[User], [User(1, "a")]) == [User(1, "a")]
    for hint, instead in ((Array[Byte], "bytes"), (Array[Char], "string")):
        with pytest.raises(ConfigurationError, match=instead):
            compile_type(hint)


def test_markers_are_the_plain_type_where_hints_are_compared() -> None:
    assert not contradicts(int, Long)
    assert not contradicts(Long, int)
    assert not contradicts(list[int], Array[Int])
    assert contradicts(str, Int)


# ---- objects


def test_a_class_with_a_wire_name_is_an_object_everywhere() -> None:
    user = User(7, "Ada", ["x"], Address("Street", "1"))
    body = hessian_dumps(plan_of(User), user)
    assert body == hessian_dumps(None, user)
    assert b"streetName" in body
    assert hessian_loads(body) == hessian_loads(body, plan_of(User)) == [user]


def test_an_unknown_class_fills_the_declared_one_by_name() -> None:
    other = GenericObject("com.other.User", {"extra": [1], "name": "Ada", "id": Long(7)})
    assert hessian_loads(hessian_dumps(None, other), plan_of(User)) == [User(7, "Ada")]
    assert hessian_loads(hessian_dumps(None, {"name": "Ada", "id": 7, "x": 1}), plan_of(User)) == [User(7, "Ada")]
    with pytest.raises(DecodeError, match="'id' is missing"):
        hessian_loads(hessian_dumps(None, GenericObject("a.B", {"name": ""})), plan_of(User))


def test_a_declared_base_takes_and_sends_a_known_subclass() -> None:
    admin = Admin(1, "root", rights=3)
    assert there_and_back(User, admin) == admin
    assert there_and_back(list[User], [admin, User(2, "b")]) == [admin, User(2, "b")]
    assert there_and_back(Admin, admin) == admin


def test_of_a_shadowed_field_the_last_counts() -> None:
    shadowed = GenericObject("org.demo.User", [("name", 5), ("id", 1), ("name", "own")])
    assert hessian_loads(hessian_dumps(None, shadowed)) == [User(1, "own")]
    assert shadowed["name"] == "own"


def test_enums() -> None:
    body = hessian_dumps(plan_of(Color), Color.RED)
    assert body == hessian_dumps(None, GenericObject("org.demo.Color", {"name": "RED"}))
    assert hessian_loads(body) == hessian_loads(body, plan_of(Color)) == [Color.RED]
    assert hessian_loads(hessian_dumps(None, {"name": "GREEN"}), plan_of(Color)) == [Color.GREEN]
    assert hessian_loads(hessian_dumps(None, "GREEN"), plan_of(Color)) == [Color.GREEN]
    with pytest.raises(DecodeError, match="'BLUE' is no Color"):
        hessian_loads(hessian_dumps(None, GenericObject("org.demo.Color", {"name": "BLUE"})), plan_of(Color))
    handler = GenericObject(
        "com.alibaba.com.caucho.hessian.io.EnumSetHandler",
        {"objects": TypedList("[object", [Color.RED]), "type": None},
    )
    assert hessian_loads(hessian_dumps(None, handler), plan_of(set[Color])) == [{Color.RED}]


@dataclass
class Circle:
    radius: float


@wire_name("org.demo.Square")
@dataclass
class Square:
    side: float


def test_unions_tell_their_members_by_class() -> None:
    for hint in (Circle | Square, Circle | Square | int | None):
        for value in (Circle(1.5), Square(2.0)):
            assert there_and_back(hint, value) == value
    for other in (Decimal("1.5"), 3, None, User(1, "a")):
        assert there_and_back(Decimal | int | User | None, other) == other
    assert hessian_loads(hessian_dumps(None, {"@type": "Circle", "radius": 1}), plan_of(Circle | Square)) == [
        Circle(1.0)
    ]


# ---- references


def test_one_java_object_is_one_python_object() -> None:
    shared = ["x"]
    (value,) = hessian_loads(hessian_dumps(None, {"a": shared, "b": shared}))
    assert value["a"] is value["b"]
    user = User(1, "a", address=Address("s"))
    out = there_and_back(list[User], [user, user])
    assert out[0] is out[1]
    (copies,) = hessian_loads(hessian_dumps(plan_of(list[User]), [user, user], refs=False))
    assert copies[0] is not copies[1]


def test_cycles() -> None:
    node = Node(1, Node(2))
    assert node.next is not None
    node.next.next = node
    for plan in (plan_of(Node), None):
        (found,) = hessian_loads(hessian_dumps(plan, node), plan)
        assert found.next.next is found
    loop: list[Any] = [1]
    loop.append(loop)
    (again,) = hessian_loads(hessian_dumps(None, loop))
    assert again[1] is again
    generic = GenericObject("a.B", {"self": None})
    generic["self"] = generic
    (found,) = hessian_loads(hessian_dumps(None, generic))
    assert found["self"] is found
    assert "..." in repr(found)


def test_many_containers_are_found_again() -> None:
    items = [[i] for i in range(500)]
    out = there_and_back(Any, items + items[::-1])
    assert all(out[i] is out[999 - i] for i in range(500))


def test_a_reference_read_as_another_type_is_checked() -> None:
    body = hessian_dumps(None, {"a": ["x"]})[:-1] + b"\x01bQ\x91Z"

    @dataclass
    class Both:
        a: Any
        b: list[str]

    @dataclass
    class Wrong:
        a: Any
        b: list[int]

    found = hessian_loads(body, plan_of(Both))[0]
    assert found.a is found.b
    with pytest.raises(DecodeError, match=r"b: a reference to another type.*got str"):
        hessian_loads(body, plan_of(Wrong))


@wire_name("org.demo.Bag")
@dataclass(eq=False)
class Bag:
    any: Any = None
    items: list[Any] | None = None
    numbers: list[BigInteger] | None = None
    pair: tuple[str, ...] | None = None
    tags: frozenset[str] | None = None
    next: Bag | None = None


def bag_of(shared: Any, field_name: str) -> Any:
    """A Bag whose ``any`` was read before the same object is expected in another field."""
    return there_and_back(Any, Bag(any=shared, **{field_name: shared}))


def test_a_reference_to_what_only_hessian2_can_send() -> None:
    huge = bag_of([BigInteger(2**70)], "numbers")
    assert huge.numbers == [2**70]
    assert huge.any is huge.numbers
    errors = bag_of([JavaException("a.B"), "\ud800"], "items")
    assert errors.any is errors.items
    loop: list[Any] = []
    loop.append({"loop": loop})
    bag = bag_of(loop, "items")
    assert bag.any is bag.items is bag.items[0]["loop"]


def test_a_reference_to_a_chain_longer_than_the_depth() -> None:
    """What is checked is reached by references, so it may be deeper than what was read."""
    chain = [Bag()]
    for _ in range(300):
        chain.append(Bag(next=chain[-1]))
    bag = there_and_back(Any, Bag(any=chain, items=chain))
    assert bag.any is bag.items
    assert bag.items[300].next is bag.items[299]


def test_a_reference_to_another_shape_of_sequence_is_a_copy() -> None:
    """One Java list in a field that is a list here and one that is a tuple."""
    body = hessian_dumps(None, Bag(any=(items := ["a", "b"]), items=items))
    body = body.replace(b"\x05items", b"\x04pair").replace(b"\x04pair\x04tags", b"\x05items\x04tags")
    bag = hessian_loads(body, plan_of(Bag))[0]
    assert bag.any == ["a", "b"]
    assert bag.pair == ("a", "b")
    with pytest.raises(DecodeError, match="another type of value: expected str, got int"):
        hessian_loads(body.replace(b"\x01a\x01b", b"\x91\x92"), plan_of(Bag))


def test_a_map_of_unhashable_keys_that_contains_itself() -> None:
    found = hessian_loads(b"H\x79\x91Q\x90\x79\x92Q\x90Z")[0]
    assert found == [([1], found), ([2], found)]
    with pytest.raises(DecodeError, match="contains itself, and then a key"):
        hessian_loads(b"H\x01aQ\x90\x79\x92\x91Z")


def test_after_a_uuid_copies_take_the_place_of_references() -> None:
    """hessian-lite 3 (Dubbo 2.7 to 3.2) does not number a UUID: references to what follows would be one too low."""
    shared = [1]
    assert hessian_dumps(None, [shared, UUID(int=1), shared]).endswith(b"Q\x91")
    body = hessian_dumps(None, [UUID(int=1), shared, shared, Color.RED, Color.RED])
    assert b"Q" not in body
    assert hessian_loads(body) == [[UUID(int=1), shared, shared, Color.RED, Color.RED]]
    loop: list[Any] = [UUID(int=1)]
    loop.append([loop, [loop]])
    assert hessian_dumps(None, loop).endswith(b"\x7aQ\x90\x79Q\x90")
    inner: list[Any] = []
    inner.append(inner)
    found = hessian_loads(hessian_dumps(None, [UUID(int=1), inner, inner]))[0]  # only a reference can say that
    assert found[1][0] is found[1]
    assert b"Q" not in hessian_dumps(None, [UUID(int=1), JavaException("java.lang.RuntimeException")])


def test_many_shared_values_after_a_uuid_do_not_explode() -> None:
    value: Any = [1]
    for _ in range(40):
        value = [value, value]
    assert len(hessian_dumps(None, [UUID(int=1), value])) < 2**20


@pytest.mark.parametrize(
    "value",
    [
        Decimal("NaN"),
        Decimal("Infinity"),
        Decimal("1E+2147483648"),
        NOON.replace(tzinfo=timezone(timedelta(hours=18, seconds=1))).timetz(),
        timezone(timedelta(hours=-19)),
        timezone(timedelta(microseconds=1)),
    ],
    ids=str,
)
def test_what_java_cannot_hold_is_refused_before_it_is_sent(value: Any) -> None:
    with pytest.raises(EncodeError):
        hessian_dumps(None, value)
    with pytest.raises(EncodeError):
        hessian_dumps(plan_of(OffsetDateTime), NOON.replace(tzinfo=timezone(timedelta(hours=19))))


def test_what_a_class_refuses_is_an_error_of_the_body() -> None:
    @dataclass
    class Small:
        x: int
        y: list[int] = field(default_factory=lambda: [1 // 0])

        def __post_init__(self) -> None:
            if self.x > 5:
                raise ValueError("too large")

    for body in (b"H\x01x\x97\x01y\x78Z", b"C\x01q\x92\x01x\x01y\x60\x97\x78"):
        with pytest.raises(DecodeError, match="Small: ValueError: too large"):
            hessian_loads(body, plan_of(Small))
    with pytest.raises(DecodeError, match="Small: ZeroDivisionError"):
        hessian_loads(b"H\x01x\x91Z", plan_of(Small))


# ---- what is not known


def test_generic_object() -> None:
    value = GenericObject("a.B", {"x": 1, "y": [2]})
    assert (value["x"], value.get("z"), "y" in value, value.fields) == (1, None, True, {"x": 1, "y": [2]})
    value["x"] = 5
    value["z"] = 6
    assert value == GenericObject("a.B", [("x", 5), ("y", [2]), ("z", 6)])
    assert value != GenericObject("a.C", value.fields)
    assert repr(value) == "GenericObject('a.B', x=5, y=[2], z=6)"
    assert pickle.loads(pickle.dumps(value)) == copy.deepcopy(value) == value
    assert there_and_back(GenericObject, value) == value
    with pytest.raises(KeyError):
        value["none"]
    with pytest.raises(TypeError, match="unhashable"):
        hash(value)
    key = GenericObject("a.Color", {"name": "RED"})
    assert hessian_loads(hessian_dumps(None, {key: 1})) == [{key: 1}]


def test_a_map_with_unhashable_keys_keeps_its_entries() -> None:
    data = bytes.fromhex("48 7991 90 0161 92 5a".replace(" ", ""))
    (value,) = hessian_loads(data)
    assert value == [([1], 0), ("a", 2)]
    assert hessian_dumps(None, value) == data
    with pytest.raises(DecodeError, match="cannot be a key"):
        hessian_loads(data, plan_of(dict[Any, Any]))


def test_typed_containers_keep_their_type() -> None:
    for value in (TypedList("java.util.LinkedList", [1]), TypedMap("java.util.TreeMap", {"a": 1})):
        (found,) = hessian_loads(hessian_dumps(None, value))
        assert (type(found), found.type_name, found) == (type(value), value.type_name, value)
        assert type(found.type_name) is str
        assert pickle.loads(pickle.dumps(found)).type_name == value.type_name


# ---- exceptions


@wire_name("org.demo.NotFoundException")
class NotFound(Exception):
    def __init__(self, message: str, user_id: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.user_id = user_id


def test_declared_exceptions() -> None:
    plan = compile_exception(NotFound, naming="camel")
    body = hessian_dumps(plan, NotFound("no 7", 7))
    found = hessian_loads(body, plan)[0]
    assert (type(found), found.message, found.user_id) == (NotFound, "no 7", 7)
    (raw,) = hessian_loads(body)
    assert (raw.class_name, raw.message, raw.fields["userId"]) == ("org.demo.NotFoundException", "no 7", 7)
    assert raw.cause is None
    java = JavaException("org.demo.NotFoundException", "from Java", userId=9)
    found = hessian_loads(hessian_dumps(None, java), plan)[0]
    assert (found.message, found.user_id) == ("from Java", 9)


def test_java_exceptions() -> None:
    inner = JavaException("java.lang.IllegalStateException", "inner")
    outer = JavaException("java.lang.RuntimeException", "outer", cause=inner)
    (found,) = hessian_loads(hessian_dumps(None, outer))
    assert str(found) == "java.lang.RuntimeException: outer"
    assert issubclass(type(found), Exception)
    assert found.__cause__ is found.cause
    assert found.cause.message == "inner"
    frame = {"declaringClass": "a.B", "methodName": "c", "fileName": "B.java", "lineNumber": 12}
    found.frames.append(GenericObject("java.lang.StackTraceElement", frame))
    (again,) = hessian_loads(hessian_dumps(None, found))
    assert again.stack == "\tat a.B.c(B.java:12)"
    with pytest.raises(EncodeError, match="raises="):
        hessian_dumps(None, ValueError("x"))


def test_a_throwable_is_the_four_fields_of_javas() -> None:
    expected = (
        "431a6a6176612e6c616e672e52756e74696d65457863657074696f6e94147375707072657373656445786365707469"
        "6f6e730a737461636b547261636505636175736"
        "50d64657461696c4d65737361676560701f6a6176612e7574696c2e436f6c6c656374696f6e7324456d7074794c697374"
        "701c5b6a6176612e6c616e672e537461636b5472616365456c656d656e7451904e"
    )
    assert hessian_dumps(None, JavaException("java.lang.RuntimeException")).hex() == expected


def test_a_reader_remembers_definitions_but_not_their_meaning() -> None:
    reader = HessianReader()
    body = hessian_dumps(None, GenericObject("org.demo.User", {"name": "a", "id": 1, "tags": [], "address": None}))
    for _ in range(3):
        assert reader.loads(body, plan_of(User)) == User(1, "a")
        assert reader.loads(body) == User(1, "a")


@dataclass
class Sized:
    data: bytes = b""
    more: dict[str, list[int]] = field(default_factory=dict)


@pytest.mark.parametrize("size", [0, 15, 16, 1023, 1024, 65535, 65536, 300_000])
def test_bytes(size: int) -> None:
    value = Sized(bytes(size), {"a": [1] * 10})
    assert there_and_back(Sized, value) == value


@wire_name("org.demo.Point")
@dataclass
class Point:
    max_x: int


def test_the_interfaces_naming_holds_where_it_says_any() -> None:
    parameters = [Parameter("declared", Point, True), Parameter("anything", Any, True)]
    args = compile_args(parameters, naming="camel")
    body = args.hessian_dumps((Point(1), Point(2)))
    assert b"maxX" in body
    assert b"max_x" not in body
    assert args.hessian_loads(body) == (Point(1), Point(2))
