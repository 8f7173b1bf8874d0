"""The samples of the Java rig (Samples.java) by the same names, as Python values, and how two values are compared."""

from __future__ import annotations

import dataclasses
import math
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from java_api import Animal, Color, Direction, Dog, Fields, Node, Operation, Order, Page, Point, Tree
from rpcore.types import (
    BigInteger,
    GenericObject,
    Instant,
    JavaClass,
    Locale,
    Long,
    MapEntries,
    OffsetDateTime,
    TypedList,
    TypedMap,
    TypedSet,
    ZonedDateTime,
)

UTC = timezone.utc  # noqa: UP017
ANY_UUID = UUID("00112233-4455-6677-8899-aabbccddeeff")
HANDLE = "com.alibaba.com.caucho.hessian.io.java8."

SAMPLES: dict[str, Any] = {}
"""Name -> value. The first part of the name is that of the method: ``Int.min`` is for ``echo_int``."""


def method_of(name: str) -> str:
    """The Python method that echoes a sample."""
    first = name.partition(".")[0]
    return "echo" + "".join(f"_{c.lower()}" if c.isupper() else c for c in first)


def _add(method: str, **values: Any) -> None:
    for name, value in values.items():
        SAMPLES[f"{method}.{name.replace('_', '-')}"] = value


def _add_all(method: str, values: Any) -> None:
    SAMPLES.update((f"{method}.{name}", value) for name, value in dict(values).items())


def _bytes(size: int) -> bytes:
    return (bytes(range(256)) * (size // 256 + 1))[:size]


def _scalars() -> None:
    _add("Boolean", true=True, false=False)
    _add("Byte", min=-128, max=127, zero=0)
    _add("Short", min=-32768, max=32767)
    borders = (0, 1, -1, -2048, 2047, 2048, -2049, -262144, 262143, 262144, -262145)
    _add_all("Int", {str(value): value for value in (*borders, -16, 47, 48, -17)})
    _add("Int", min=-(2**31), max=2**31 - 1)
    wide = (2147483647, 2147483648, -2147483648, -2147483649)
    _add_all("Long", {str(value): value for value in (*borders, -8, 15, 16, -9, *wide)})
    _add("Long", min=-(2**63), max=2**63 - 1)
    _add_all("Float", {"zero": 0.0, "1.5": 1.5, "0.1": single(0.1), "max": single(3.4028235e38), "nan": math.nan})
    _add("Float", min=1.401298464324817e-45)
    whole = (0, 1, -1, 2, 127, 128, -128, -129, 32767, 32768, -32768, -32769)
    _add_all("Double", {str(float(value)): float(value) for value in whole})
    _add_all("Double", {str(value): value for value in (0.1, 0.001, -12.345, 65.536, 2147483.647, math.pi)})
    SAMPLES["Double.2147483.647"] = 2147483.647
    _add_all("Double", {"1.0E300": 1e300, "min": 5e-324, "max": 1.7976931348623157e308, "infinity": -math.inf})
    _add_all("Double", {"nan": math.nan, "minus-zero": -0.0})
    _add("Char", a="a", zh="中", nul="\0")
    _add("BooleanBox", true=True, null=None)
    _add("ByteBox", min=-128, null=None)
    _add("ShortBox", max=32767, null=None)
    _add_all("IntBox", {"min": -(2**31), "0": 0, "null": None})
    _add_all("LongBox", {"max": 2**63 - 1, "0": 0, "null": None})
    _add_all("FloatBox", {"0.1": single(0.1), "null": None})
    _add_all("DoubleBox", {"0.1": 0.1, "null": None})
    _add("CharBox", a="a", null=None)


def single(value: float) -> float:
    """Rounded to 32 bits."""
    import struct

    rounded: float = struct.unpack("f", struct.pack("f", value))[0]
    return rounded


def _text() -> None:
    _add("String", empty="", null=None, hello="hello", nul="a\0b", zh="中文", emoji="a😀b", lone_surrogate="a\ud83db")
    sizes = (31, 32, 1023, 1024, 32767, 32768, 32769, 65535, 65536, 65537)
    _add_all("String", {str(size): "a" * size for size in sizes})
    _add_all("String", {"zh-64k": "中" * 65537, "emoji-at-chunk": "a" * 32767 + "😀b", "emoji-64k": "😀" * 40000})
    sizes = (0, 15, 16, 1023, 1024, 4093, 8189, 8190, 65535, 65536, 1048576)
    _add_all("Bytes", {str(size): _bytes(size) for size in sizes})
    _add("Bytes", null=None)


def _arrays() -> None:
    _add("Booleans", some=[True, False])
    _add("Shorts", some=[-1, 0, 32767])
    _add_all("Ints", {"none": [], "some": [1, -2, 2**31 - 1], "300": [0] * 300, "null": None})
    _add("Longs", some=[1, 2, -(2**63)])
    _add("Floats", some=[0.0, single(0.1), -1.5])
    _add("Doubles", some=[0.0, 0.1, -1e300])
    _add("Chars", some="a中")
    _add("Strings", some=["a", "", None, "中"], none=[])
    _add("Objects", some=[1, Long(2), "a", None, 0.5, True, Point(1, 2)])
    _add("IntBoxes", some=[1, None, -3])
    _add("Decimals", some=[Decimal("1.50"), Decimal(0)])
    _add("Dates", some=[datetime.fromtimestamp(0, UTC), _WHEN])
    shared = Point(3, 4)
    _add("Points", some=[Point(1, 2), None, shared, shared])
    _add("Colors", some=[Color.RED, Color.BLUE, Color.RED])
    _add("IntGrid", some=[[1, 2], [], [3]])
    _add("StringGrid", some=[["a"], ["b", None]])
    _add("BytesGrid", some=[b"\1\2", b"", b"\xff"])


_WHEN = datetime(2023, 11, 14, 22, 13, 20, 123000, UTC)
_NOON = datetime(2024, 7, 1, 12, 0)
_SHANGHAI = ZoneInfo("Asia/Shanghai")


def _objects() -> None:
    decimals = ("0", "100.256", "-1.50", "1E+10", "1e-30", "12345678901234567890.123456789")
    _add_all("BigDecimal", {text: Decimal(text) for text in decimals})
    _add("BigDecimal", null=None)
    integers = (0, 5, -1, 2147483648, -18446744073709551617, 123456789012345678901234567890)
    _add_all("BigInteger", {str(value): value for value in integers})
    _add(
        "Date",
        epoch=datetime.fromtimestamp(0, UTC),
        minute=datetime(1998, 5, 8, 9, 51, tzinfo=UTC),
        millisecond=_WHEN,
        null=None,
    )
    _add_all("Date", {"1969": datetime(1969, 12, 31, 23, 59, 59, 999000, UTC)})
    _add_all("Date", {"year-9999": datetime(9999, 12, 31, 23, 59, 59, 999000, UTC)})
    _add("LocalDate", leap=date(2024, 2, 29), year_1=date(1, 1, 1))
    _add("LocalTime", some=time(13, 14, 15, 123456), midnight=time(0, 0), nanos=time(13, 14, 15, 123456))
    _add("LocalDateTime", some=datetime(2024, 2, 29, 13, 14, 15, 123456))
    _add("Instant", some=_WHEN.replace(microsecond=123456))
    _add_all("Instant", {"1969": datetime(1969, 12, 31, 23, 59, 59, 500000, UTC)})
    _add("Duration", some=timedelta(seconds=61, microseconds=7), negative=timedelta(milliseconds=-1500))
    offset = timezone(-timedelta(hours=3, minutes=30))
    _add("OffsetDateTime", some=_NOON.replace(tzinfo=offset))
    _add("ZonedDateTime", region=_NOON.replace(tzinfo=_SHANGHAI))
    _add("ZonedDateTime", offset=_NOON.replace(tzinfo=timezone(timedelta(hours=2))))
    again = datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin"))
    _add_all("ZonedDateTime", {"second-2-o'clock": again})
    _add("Uuid", some=ANY_UUID, null=None)
    _add("Locale", zh_CN="zh_CN")
    SAMPLES["Locale.zh_CN"] = SAMPLES.pop("Locale.zh-CN")
    _add("Currency", EUR="EUR")
    _add("Class", String="java.lang.String", int="int")
    _add("Color", GREEN=Color.GREEN, null=None)
    _add("Operation", MINUS=Operation.MINUS)


def _collections() -> None:
    _add("StringList", none=[], some=["a", None, "中"], null=None, unmodifiable=["a", "b"])
    _add_all("StringList", {"300": ["x"] * 300})
    _add("IntList", some=[1, None, -(2**31)])
    _add("LongList", some=[1, None, 2**63 - 1])
    shared = Point(3, 4)
    _add("PointList", shared=[shared, Point(3, 4), shared])
    _add("StringSet", some={"a", "b", "c"}, none=set(), linked={"a", "c"})
    _add("IntSet", tree={1, 2, 3})
    _add("Collection", list=["a", "b"])
    _add("LinkedList", some=["a", "b"])
    _add("StringMap", some={"a": "1", "b": None}, none={}, null=None, linked={"z": "1", "a": "2"})
    _add("CountMap", some={"a": 1, "b": -70000})
    _add("PointMap", some={"here": shared, "there": shared})
    _add("IntKeyMap", some={1: "one", -2: "minus two"})
    _add("ColorMap", some={Color.RED: 1, Color.BLUE: None})
    _add("TreeMap", some={"a": 1, "b": 2})
    _add("Nested", some={"list": [{"x": 1}, {}]})


def _records() -> None:
    _add("Point", some=Point(1, -2), null=None)
    _add("Fields", full=_fields(), empty=Fields())
    _add("Node", chain=Node(1, Node(2, Node(3))), ring=_ring())
    itself = Node(7)
    itself.next = itself
    deep = None
    for i in range(60):
        deep = Node(i, deep)
    _add_all("Node", {"self": itself, "60-deep": deep})
    root = Tree("root")
    root.left = root.right = Point(1, 2)
    root.children = [Tree("first", root, left=root.left, right=Point(1, 2)), Tree("second", root)]
    _add("Tree", parents=root)
    _add("Animal", itself=Animal("bird", 2), dog=Dog("Rex", 4, True))
    _add("Dog", some=Dog("Rex", 4, True))
    _add("Page", some=Page([Point(1, 2), Point(3, 4)], 70000000000, Order("x", Direction.DOWN)))
    _add("Order", some=Order("x", Direction.DOWN))


def _ring() -> Node:
    ring = Node(1)
    ring.next = Node(2, ring)
    return ring


def _fields() -> Fields:
    point = Point(1, 2)
    return Fields(
        flag=True,
        tiny=-128,
        small=-32768,
        number=-70000,
        large=1 << 40,
        ratio=0.1,
        letter="x",
        flag_box=False,
        tiny_box=127,
        small_box=32767,
        number_box=262144,
        large_box=5,
        ratio_box=-2.5,
        letter_box="中",
        text="text",
        data=b"\0\xff",
        ints=[1, 2, 3],
        words=["a", "b"],
        price=Decimal("19.90"),
        huge=-123456789012345678901234567890,
        at=_WHEN,
        day=date(2024, 2, 29),
        time=time(1, 2, 3),
        moment=datetime(2024, 2, 29, 1, 2, 3),
        instant=_WHEN.replace(microsecond=0),
        took=timedelta(milliseconds=1500),
        id=ANY_UUID,
        color=Color.BLUE,
        point=point,
        points=[point, Point(3, 4)],
        tags={"x", "y"},
        places={"home": point},
        anything=[1, "two", Long(3)],
    )


def _anything() -> None:
    """Sent and received where no type is declared."""
    _add("Object", null=None, true=True, int=5, small_long=Long(5), long=1 << 40, double=0.5, string="text")
    _add("Object", bytes=b"\1\2\3", date=_WHEN, big_decimal=Decimal("19.90"), uuid=ANY_UUID)
    _add("Object", big_integer=BigInteger(123456789012345678901234567890), small_big_integer=BigInteger(10))
    _add_all("Object", {"locale": Locale("de_DE"), "class": JavaClass("java.lang.String")})
    moment = datetime(2024, 2, 29, 1, 2, 3, 4)
    _add("Object", local_date=date(2024, 2, 29), local_time=time(1, 2, 3, 4), local_date_time=moment)
    _add("Object", instant=Instant(2023, 11, 14, 22, 13, 20, 5, UTC), duration=timedelta(milliseconds=1500))
    _add("Object", period=GenericObject(f"{HANDLE}PeriodHandle", {"days": 3, "months": 2, "years": 1}))
    _add("Object", year=GenericObject(f"{HANDLE}YearHandle", {"year": 2024}))
    _add("Object", year_month=GenericObject(f"{HANDLE}YearMonthHandle", {"month": 2, "year": 2024}))
    eight = timezone(timedelta(hours=8))
    _add("Object", zone_offset=eight, offset_time=time(1, 2, 3, tzinfo=eight))
    _add("Object", offset_date_time=OffsetDateTime(2024, 7, 1, 12, tzinfo=eight))
    _add("Object", zoned_date_time=ZonedDateTime(2024, 7, 1, 12, tzinfo=_SHANGHAI))
    _add("Object", enum=Color.GREEN, enum_with_body=Operation.PLUS, point=Point(1, 2), fields=_fields())
    _add("Object", dog=Dog("Rex", 4, True), list=[1, Long(2), "three", None, Point(4, 4)])
    _add("Object", linked_list=TypedList("java.util.LinkedList", [1, 2]))
    _add("Object", array_as_list=TypedList("java.util.Arrays$ArrayList", ["a", "b"]))
    _add("Object", empty_list=TypedList("java.util.Collections$EmptyList"))
    _add("Object", hash_set={1, 2}, tree_set=TypedSet("java.util.TreeSet", ["a", "b"]))
    _add("Object", map={"a": 1, "b": "two"}, tree_map=TypedMap("java.util.TreeMap", {"a": 1, "b": 2}))
    _add("Object", linked_map=TypedMap("java.util.LinkedHashMap", {"z": 1, "a": 2}))
    _add("Object", map_with_list_key=MapEntries(None, [([1, 2], "x")]))
    _add("Object", map_with_point_key=MapEntries(None, [(Point(1, 2), "x")]))
    _add("Object", int_array=TypedList("[int", [1, 2, 3]))
    _add("Object", long_array=TypedList("[long", [Long(1), Long(2), Long(3)]))
    _add("Object", double_array=TypedList("[double", [0.5, 1.0]))
    _add("Object", string_array=TypedList("[string", ["a", "b"]))
    _add("Object", object_array=TypedList("[object", [1, "a", None]))
    _add("Object", point_array=TypedList("[org.rpcore.rig.Point", [Point(1, 2)]))
    _add("Object", int_grid=TypedList("[[int", [TypedList("[int", [1]), TypedList("[int", [2, 3])]))
    inner = [1]
    itself: list[Any] = []
    itself.append(itself)
    _add("Object", shared=[inner, inner, [1]], list_in_itself=itself, ring=_ring())
    point = Point(1, 2)
    everything = [point, Color.RED, Color.RED, datetime.fromtimestamp(0, UTC)]
    _add("Object", map_of_all={"point": point, "list": everything})
    _add("Object", set_of_points=TypedList("java.util.HashSet", [Point(1, 2), Point(3, 4)]))


def why_different(expected: Any, actual: Any, *, exact: bool = False) -> str | None:
    """None when the values are the same, else where and how they first differ.

    What is one object in the one must be one object in the other, for records and containers.

    Args:
        exact: types count, too, as where none is declared; not those of a record's fields.
    """
    there: dict[int, Any] = {}
    back: dict[int, Any] = {}

    def differ(path: str, one: Any, other: Any) -> str:
        return f"{path}: {type(one).__name__} {one!r:.100} became {type(other).__name__} {other!r:.100}"

    def compare(path: str, one: Any, other: Any, exact: bool = exact) -> str | None:
        if exact and type(one) is not type(other):
            return differ(path, one, other)
        record = dataclasses.is_dataclass(one)
        if record or isinstance(one, list | dict | GenericObject):
            if id(one) in there or id(other) in back:
                paired = there.get(id(one)) is other and back.get(id(other)) is one
                return None if paired else f"{path}: what is one object and what are two has changed"
            there[id(one)], back[id(other)] = other, one
        if record:
            if type(one) is not type(other):
                return differ(path, one, other)
            names = [each.name for each in dataclasses.fields(one)]
            return first(path, [(f".{name}", getattr(one, name), getattr(other, name)) for name in names], False)
        if isinstance(one, GenericObject):
            if not isinstance(other, GenericObject) or one.class_name != other.class_name:
                return differ(path, one, other)
            if set(one.names) != set(other.names):
                return differ(path, one, other)
            return first(path, [(f".{name}", one[name], other[name]) for name in one.names], exact)
        if isinstance(one, MapEntries):
            if not isinstance(other, MapEntries) or len(one) != len(other):
                return differ(path, one, other)
            pairs = zip(one, other, strict=True)
            return first(path, [(f"[{i}][{j}]", a[j], b[j]) for i, (a, b) in enumerate(pairs) for j in (0, 1)], exact)
        if isinstance(one, list):
            if not isinstance(other, list) or len(one) != len(other) or _name(one) != _name(other):
                return differ(path, one, other)
            return first(path, [(f"[{i}]", a, b) for i, (a, b) in enumerate(zip(one, other, strict=True))], exact)
        if isinstance(one, dict):
            if not isinstance(other, dict) or one.keys() != other.keys() or _name(one) != _name(other):
                return differ(path, one, other)
            return first(path, [(f"[{key!r}]", one[key], other[key]) for key in one], exact)
        if isinstance(one, float):
            same = isinstance(other, float) and (one == other or one != one != other != other)
            same = same and (one != one or math.copysign(1, one) == math.copysign(1, other))
        elif isinstance(one, datetime | time):
            same = one == other and one.utcoffset() == other.utcoffset() and str(one.tzinfo) == str(other.tzinfo)
        elif isinstance(one, Decimal):
            same = str(one) == str(other)
        else:
            same = bool(one == other) and isinstance(one, bool) == isinstance(other, bool)
            same = same and _name(one) == _name(other)
        return None if same else differ(path, one, other)

    def first(path: str, parts: list[tuple[str, Any, Any]], exact: bool) -> str | None:
        return next((why for name, a, b in parts if (why := compare(path + name, a, b, exact))), None)

    return compare("$", expected, actual)


def _name(value: Any) -> Any:
    return getattr(value, "type_name", None)


for _group in (_scalars, _text, _arrays, _objects, _collections, _records, _anything):
    _group()
