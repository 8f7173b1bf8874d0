"""A contract with every kind of type that a generated module must carry over."""

from __future__ import annotations

import builtins
import enum
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from datetime import date as Date
from decimal import Decimal
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    NotRequired,
    Protocol,
    TypedDict,
    TypeVar,
)

import rpcore
from rpcore.types import Name

T = TypeVar("T")
UserId = NewType("UserId", int)
Key = UserId | str


class Color(enum.Enum):
    """What can be painted."""

    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 10


class Right(enum.IntFlag):
    READ = 1
    WRITE = 2


class Mood(str, enum.Enum):  # noqa: UP042 - old code has these
    GOOD = 'so "good"'
    BAD = "bad\\"


class Point(NamedTuple):
    """A place."""

    x: float
    y: float = 0.0


class Extra(TypedDict):
    note: str
    rank: NotRequired[int]


class Loose(TypedDict, total=False):
    a: int


Dashed = TypedDict("Dashed", {"content-type": str, "size": int})


@dataclass
class Base:
    id: UserId
    created: datetime = datetime(2024, 1, 2, tzinfo=UTC)


@rpcore.wire_name("org.demo.Item", naming="camel", tag="item")
@dataclass(kw_only=True)
class Item(Base):
    r"""One thing.

    With a \ backslash.
    """

    unit_price: Decimal = Decimal("1.50")
    color: Color = Color.RED
    rights: Right = Right.READ | Right.WRITE
    date: Date | None = None
    parts: list[Item] = field(default_factory=list)
    sizes: list[int] = field(default_factory=lambda: [1, 2])
    token: uuid.UUID = field(default_factory=uuid.uuid4)
    old_name: Annotated[str, Name("legacy")] = field(default="x", repr=False)

    def total(self) -> Decimal:
        return self.unit_price * len(self.parts)


@dataclass(frozen=True, slots=True, order=True)
class Size:
    width: int
    height: int = field(default=1, compare=False)


@dataclass
class Circle:
    radius: float


@dataclass
class Square:
    size: Size = Size(1)


@dataclass
class Page(Generic[T]):
    items: list[T]
    next: str | None = None


@dataclass
class Order:
    item: Item
    shape: Circle | Square
    where: Point = Point(1.0)  # noqa: RUF009 - immutable
    wait: timedelta = timedelta(seconds=5)
    tree: Mapping[str, Sequence[Order]] = field(default_factory=dict)


class ShopError(Exception):
    """Something is wrong."""


@dataclass
class SoldOut(ShopError):
    item: UserId
    since: datetime | None = None


class NoSuch(ShopError):
    def __init__(self, key: str, near: Sequence[str] = ()) -> None:
        super().__init__(f"no {key}")
        self.key = key
        self.near = near


class Closed(ShopError):
    pass


@rpcore.interface(
    "org.demo.Shop",
    version="1.0.0",
    group="green",
    naming="camel",
    raises=(Closed,),
    timeout=1.0,
    loadbalance="leastactive",
)
class Shop(Protocol):
    """Sells things.

    And more.
    """

    @rpcore.method(idempotent=True, timeout=0.3, raises=(NoSuch, SoldOut))
    async def find_item(self, key: Key, *, color: Color = Color.BLUE) -> Item | None:
        """One item.

        Or none.
        """

    async def list(self, kind: Literal["a", "b", Mood.GOOD], /, page: Page[Item] | None = None) -> Page[Item]: ...

    @rpcore.method(name="order")
    async def place(
        self, order: Order, extra: Extra, loose: Loose, dashed: Dashed, anything: Any = None
    ) -> builtins.list[tuple[int, Level]]: ...

    async def move(self, to: Point, by: tuple[float, ...] = (), mood: Mood = Mood.BAD) -> None: ...

    @rpcore.method(oneway=True)
    async def forget(self, ids: set[UserId], until: Annotated[Date, "unused"]) -> None: ...
