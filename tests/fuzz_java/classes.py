"""The classes that graphs consist of, those of src/main/java among them."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from rpcore.javatypes import (
    Array,
    BigInteger,
    Byte,
    Char,
    Currency,
    Float,
    Instant,
    Int,
    JavaDate,
    LocalDateTime,
    Locale,
    Long,
    OffsetDateTime,
    Short,
    ZonedDateTime,
)
from rpcore.types import wire_name


@wire_name("org.fuzz.Color")
class Color(enum.Enum):
    RED = 1
    GREEN = 2
    BLUE = 3


@wire_name("org.fuzz.Point")
@dataclass(frozen=True)
class Point:
    """A frozen record, which cannot be part of itself; a key of dicts."""

    x: Int = 0
    label: str | None = None


@wire_name("org.fuzz.Node")
@dataclass(eq=False)
class Node:
    value: Long = 0
    next: Node | None = None
    any: Any = None
    items: list[Any] | None = None
    named: dict[str, Any] | None = None
    array: Array[Node] | None = None


@wire_name("org.fuzz.Floats")
@dataclass(eq=False)
class Floats:
    narrow: Float = 0.0
    pad: Int = 0
    boxed: Float | None = None
    array: Array[Float] | None = None


@wire_name("org.fuzz.Bean", naming="camel")
@dataclass(eq=False)
class Bean:
    flag: bool = False
    octet: Byte = 0
    small: Short = 0
    number: Int = 0
    large: Long = 0
    real: float = 0.0
    letter: Char = "\0"
    boxed_flag: bool | None = None
    boxed_octet: Byte | None = None
    boxed_small: Short | None = None
    boxed_number: Int | None = None
    boxed_large: Long | None = None
    boxed_real: float | None = None
    boxed_letter: Char | None = None
    text: str | None = None
    data: bytes | None = None
    flags: Array[bool] | None = None
    smalls: Array[Short] | None = None
    numbers: Array[Int] | None = None
    larges: Array[Long] | None = None
    reals: Array[float] | None = None
    texts: Array[str] | None = None
    table: Array[Array[Int]] | None = None
    names: list[str] | None = None
    ids: list[Long] | None = None
    tags: set[str] | None = None
    counts: dict[str, Int] | None = None
    date: JavaDate | None = None
    day: date | None = None
    clock: time | None = None
    local: LocalDateTime | None = None
    instant: Instant | None = None
    offset: OffsetDateTime | None = None
    zoned: ZonedDateTime | None = None
    span: timedelta | None = None
    price: Decimal | None = None
    big: BigInteger | None = None
    uuid: UUID | None = None
    color: Color | None = None
    locale: Locale | None = None
    currency: Currency | None = None
    parent: Bean | None = None
    children: list[Bean] | None = None
    any: Any = None


@dataclass
class Plain:
    """A record without a Java class: a map."""

    first: Any
    second: Any


class Grade(enum.Enum):
    """An Enum without a Java class: its value."""

    GOOD = "good"
    BAD = -1


KNOWN = {
    "org.fuzz.Node": ("value", "next", "any", "items", "named", "array"),
    "org.fuzz.Leaf": ("color", "value"),
    "org.fuzz.Point": ("x", "label"),
}
"""Java's classes that a GenericObject may be of. Leaf has a field of its own called as one of Node's."""
