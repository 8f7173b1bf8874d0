"""Record types of every shape, and sample values with what the stock msgpack package makes of them."""

from __future__ import annotations

import collections.abc
import enum
from collections import namedtuple
from dataclasses import KW_ONLY, dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    NotRequired,
    Optional,
    Required,
    TypedDict,
    TypeVar,
    Union,
)
from uuid import UUID

import msgpack

from rpcore.types import Name

T = TypeVar("T")
K = TypeVar("K")
UserId = NewType("UserId", int)


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 1000


class Mode(enum.StrEnum):
    FAST = "fast"


class Access(enum.Flag):
    READ = 1
    WRITE = 2


class Mixed(enum.Enum):
    ONE = 1
    YES = True
    TEXT = "1"
    NOTHING = None


class Planet(enum.Enum):
    """Values that are no scalars: names travel."""

    EARTH = (5.97e24, 6.37e6)
    MARS = (6.4e23, 3.4e6)


@dataclass
class Plain:
    id: int
    name: str = "anonymous"
    tags: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Frozen:
    id: int
    name: str = "anonymous"


@dataclass(slots=True)
class Slots:
    id: int
    name: str = "anonymous"
    tags: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class FrozenSlots:
    id: int
    name: str = "anonymous"


@dataclass
class KwOnly:
    id: int
    _: KW_ONLY
    name: str
    rest: int = 3


@dataclass
class Child(Plain):
    extra: float = 0.5


@dataclass(slots=True)
class SlotsChild(Slots):
    extra: float = 0.5


@dataclass
class Checked:
    low: int
    high: int

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError(f"{self.low} > {self.high}")


@dataclass
class Derived:
    """A field that the constructor does not take."""

    text: str
    length: int = field(init=False)

    def __post_init__(self) -> None:
        self.length = len(self.text)


@dataclass
class OwnInit:
    id: int
    name: str = "x"

    def __init__(self, id: int, name: str = "from init") -> None:
        self.id = id
        self.name = name.upper()


@dataclass
class OwnSetattr:
    id: int

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value + 1)


@dataclass
class Tree:
    value: int
    children: list[Tree] = field(default_factory=list)
    parent: Tree | None = None


@dataclass
class Page(Generic[T]):
    items: list[T]
    next: T | None = None


@dataclass
class IntPage(Page[int]):
    total: int = 0


@dataclass(frozen=True)
class Pair(Generic[K, T]):
    key: K
    value: T


@dataclass
class Circle:
    radius: float


@dataclass
class Square:
    side: float


@dataclass
class Cat:
    kind: Literal["cat"]
    lives: int = 9


@dataclass
class Dog:
    name: str
    kind: Literal["dog", "puppy"] = "dog"


@dataclass
class Renamed:
    user_id: Annotated[int, Name("uid")]
    first_name: str = ""


class Point(NamedTuple):
    x: int
    y: int = 7


Untyped = namedtuple("Untyped", "a b", defaults=(2,))


class Movie(TypedDict):
    title: str
    year: NotRequired[int]


class Loose(TypedDict, total=False):
    title: Required[str]
    year: int


class CatDict(TypedDict):
    kind: Literal["cat"]
    lives: int


class DogDict(TypedDict):
    kind: Literal["dog"]
    name: str


UTC = timezone.utc  # noqa: UP017 (datetime.UTC is the same; this spelling is what people write)
NOON = datetime(2024, 2, 29, 12, 30, 45, 123456, tzinfo=UTC)
UUID_TEXT = "12345678-1234-5678-1234-567812345678"


def _stamp(seconds: int, nanoseconds: int = 0) -> msgpack.Timestamp:
    return msgpack.Timestamp(seconds, nanoseconds)


# hint, value, what stock msgpack decodes it to
SAMPLES: list[tuple[Any, Any, Any]] = [
    (None, None, None),
    (bool, True, True),
    (bool, False, False),
    *[(int, n, n) for n in (0, 1, 127, 128, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1)],
    *[(int, n, n) for n in (-1, -32, -33, -128, -129, -32768, -32769, -(2**31), -(2**31) - 1, -(2**63))],
    *[(float, f, f) for f in (0.0, -0.0, 1.5, 1e300, float("inf"), 5e-324)],
    (str, "", ""),
    *[(str, "a" * n, "a" * n) for n in (1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 255, 256, 65535, 65536)],
    (str, "żółć", "żółć"),
    (str, "x\0y", "x\0y"),
    (str, "😀" * 20, "😀" * 20),
    *[(bytes, b"\xff" * n, b"\xff" * n) for n in (0, 1, 255, 256, 65535, 65536)],
    (bytearray, bytearray(b"abc"), b"abc"),
    (memoryview, memoryview(b"abc"), b"abc"),
    (list, [1, "a", None], [1, "a", None]),
    (list[int], [], []),
    (list[int], [1, -1, 2**64 - 1], [1, -1, 2**64 - 1]),
    (list[float], [0.5, -2.0, 1e-9], [0.5, -2.0, 1e-9]),
    (list[str], ["a", "ż", "a" * 300], ["a", "ż", "a" * 300]),
    (list[bool], [True, False] * 10, [True, False] * 10),
    (list[int], list(range(70000)), list(range(70000))),
    (list[list[int]], [[1], [], [2, 3]], [[1], [], [2, 3]]),
    (tuple, (1, "a"), [1, "a"]),
    (tuple[()], (), []),
    (tuple[int, str], (1, "a"), [1, "a"]),
    (tuple[int, ...], (1, 2, 3), [1, 2, 3]),
    (tuple[Plain, ...], (Plain(1),), [{"id": 1, "name": "anonymous", "tags": []}]),
    (set[int], {5}, [5]),
    (frozenset[str], frozenset({"x"}), ["x"]),
    (set[frozenset[int]], {frozenset({1})}, [[1]]),
    (collections.abc.Sequence[int], [1, 2], [1, 2]),
    (collections.abc.Set[int], {1}, [1]),
    (dict, {"a": [1]}, {"a": [1]}),
    (dict[str, int], {"a": 1, "b": 2}, {"a": 1, "b": 2}),
    (dict[int, str], {1: "a", 2**40: "b"}, {1: "a", 2**40: "b"}),
    (dict[bytes, int], {b"k": 1}, {b"k": 1}),
    (dict[UUID, int], {UUID(UUID_TEXT): 1}, {UUID_TEXT: 1}),
    (dict[Level, int], {Level.HIGH: 1}, {1000: 1}),
    (dict[Color, int], {Color.RED: 1}, {"red": 1}),
    (dict[date, int], {date(2024, 1, 2): 1}, {"2024-01-02": 1}),
    (dict[bool, int], {True: 1}, {True: 1}),
    (dict[str, int], {str(i): i for i in range(20)}, {str(i): i for i in range(20)}),
    (collections.abc.Mapping[str, int], {"a": 1}, {"a": 1}),
    (Optional[int], None, None),  # noqa: UP045
    (int | None, 5, 5),
    (int | str, 5, 5),
    (int | str, "5", "5"),
    (Union[int, float, None], 5, 5),  # noqa: UP007
    (int | float, 5.0, 5.0),
    (list[int] | dict[str, int] | bytes | bool, b"x", b"x"),
    (list[int] | dict[str, int] | bytes | bool, {"a": 1}, {"a": 1}),
    (list[int] | dict[str, int] | bytes | bool, True, True),
    (str | collections.abc.Sequence[int], "ab", "ab"),
    (str | collections.abc.Sequence[int], [1], [1]),
    (Level | str, Level.LOW, 1),
    (datetime, NOON, _stamp(1709209845, 123456000)),
    (datetime, datetime(2020, 1, 1, tzinfo=UTC), _stamp(1577836800)),
    (datetime, datetime(2020, 1, 1, 12, tzinfo=timezone(timedelta(hours=2))), _stamp(1577872800)),
    (datetime, datetime(1901, 1, 1, tzinfo=UTC), _stamp(-2177452800)),
    (datetime, datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), _stamp(-1, 999999000)),
    (datetime, datetime(2600, 1, 1, tzinfo=UTC), _stamp(19880899200)),
    (datetime, datetime.max.replace(tzinfo=UTC), _stamp(253402300799, 999999000)),
    (datetime, datetime.min.replace(tzinfo=UTC), _stamp(-62135596800)),
    (datetime, datetime(2020, 1, 1, 1, 2, 3, 4), "2020-01-01T01:02:03.000004"),
    (date, date(2024, 2, 29), "2024-02-29"),
    (time, time(1, 2, 3, 4), "01:02:03.000004"),
    (time, time(1, 2, tzinfo=UTC), "01:02:00+00:00"),
    (timedelta, timedelta(0), "PT0S"),
    (timedelta, timedelta(days=3, seconds=4, microseconds=5), "P3DT4.000005S"),
    (timedelta, timedelta(days=2), "P2D"),
    (timedelta, timedelta(microseconds=-1), "-PT0.000001S"),
    (timedelta, timedelta.max, "P999999999DT86399.999999S"),
    (timedelta, timedelta.min, "-P999999999D"),
    (Decimal, Decimal("1.10"), "1.10"),
    (Decimal, Decimal("-Infinity"), "-Infinity"),
    (UUID, UUID(UUID_TEXT), UUID_TEXT),
    (Any, {"a": [1, 2.5, None, True, b"x", "ż"]}, {"a": [1, 2.5, None, True, b"x", "ż"]}),
    (Any, NOON, _stamp(1709209845, 123456000)),
    (Color, Color.RED, "red"),
    (Level, Level.HIGH, 1000),
    (Mode, Mode.FAST, "fast"),
    (Access, Access.READ | Access.WRITE, 3),
    (Access, Access(0), 0),
    (Mixed, Mixed.ONE, 1),
    (Mixed, Mixed.TEXT, "1"),
    (Mixed, Mixed.NOTHING, None),
    (Planet, Planet.EARTH, "EARTH"),
    (Literal["a", 1, None, True, b"x"], "a", "a"),
    (Literal["a", 1, None, b"x"], 1, 1),
    (Literal["a", 1, None, b"x"], None, None),
    (Literal[Color.RED], Color.RED, "red"),
    (UserId, UserId(5), 5),
    (Annotated[int, "note"], 5, 5),
    (Plain, Plain(1, "x", ["t"]), {"id": 1, "name": "x", "tags": ["t"]}),
    (Frozen, Frozen(1, "x"), {"id": 1, "name": "x"}),
    (Slots, Slots(1, "x", ["t"]), {"id": 1, "name": "x", "tags": ["t"]}),
    (FrozenSlots, FrozenSlots(1, "x"), {"id": 1, "name": "x"}),
    (KwOnly, KwOnly(1, name="x"), {"id": 1, "name": "x", "rest": 3}),
    (Child, Child(1, "x", [], 1.5), {"id": 1, "name": "x", "tags": [], "extra": 1.5}),
    (SlotsChild, SlotsChild(1, "x", [], 1.5), {"id": 1, "name": "x", "tags": [], "extra": 1.5}),
    (Checked, Checked(1, 2), {"low": 1, "high": 2}),
    (Derived, Derived("abc"), {"text": "abc"}),
    (OwnInit, OwnInit(1, "x"), {"id": 1, "name": "X"}),
    (
        Tree,
        Tree(1, [Tree(2)], Tree(0)),
        {
            "value": 1,
            "children": [{"value": 2, "children": [], "parent": None}],
            "parent": {"value": 0, "children": [], "parent": None},
        },
    ),
    (Page[int], Page([1], 2), {"items": [1], "next": 2}),
    (Page[Plain], Page([Plain(1)]), {"items": [{"id": 1, "name": "anonymous", "tags": []}], "next": None}),
    (Page[Page[str]], Page([Page(["x"])]), {"items": [{"items": ["x"], "next": None}], "next": None}),
    (Page, Page(["x"]), {"items": ["x"], "next": None}),
    (IntPage, IntPage([1], None, 5), {"items": [1], "next": None, "total": 5}),
    (Pair[int, list[str]], Pair(1, ["x"]), {"key": 1, "value": ["x"]}),
    (set[Frozen], {Frozen(1)}, [{"id": 1, "name": "anonymous"}]),
    (Circle | Square, Circle(1.5), {"@type": "Circle", "radius": 1.5}),
    (Circle | Square | None, Square(1.5), {"@type": "Square", "side": 1.5}),
    (Circle | Square | None, None, None),
    (Circle | int | str, Circle(1.5), {"radius": 1.5}),
    (Cat | Dog, Cat("cat", 3), {"kind": "cat", "lives": 3}),
    (Cat | Dog, Dog("rex", "puppy"), {"name": "rex", "kind": "puppy"}),
    (CatDict | DogDict, {"kind": "dog", "name": "rex"}, {"kind": "dog", "name": "rex"}),
    (Renamed, Renamed(1, "x"), {"uid": 1, "first_name": "x"}),
    (Point, Point(1), {"x": 1, "y": 7}),
    (Untyped, Untyped("a"), {"a": "a", "b": 2}),
    (Movie, {"title": "x"}, {"title": "x"}),
    (Movie, {"title": "x", "year": 1}, {"title": "x", "year": 1}),
    (Loose, {"title": "x"}, {"title": "x"}),
]


def name_of(sample: Any) -> str:
    """A test id for the hint of a sample."""
    return getattr(sample, "__name__", None) or str(sample).replace("typing.", "")[:40]
