"""Random graphs of what can be sent to Java: scalars at borders, containers, objects, sharing and cycles.

Everything is drawn from a ``random.Random``. Hypothesis has one that it controls and shrinks (``st.randoms()``), which
``graphs()`` takes; a long run takes plain ones, which are much faster.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from fuzz_java.classes import Bean, Color, Floats, Grade, Node, Plain, Point
from rpcore.javatypes import (
    Array,
    BigInteger,
    Byte,
    Char,
    Currency,
    DateMillis,
    Float,
    GenericObject,
    Instant,
    Int,
    JavaClass,
    JavaDate,
    JavaException,
    LocalDateTime,
    Locale,
    Long,
    OffsetDateTime,
    Short,
    TypedList,
    TypedMap,
    TypedSet,
    ZonedDateTime,
)


@dataclass
class Graph:
    """Values of one stream.

    Attributes:
        values: what is encoded, one after the other.
        hint: the declared type of each, or None.
        java: what Java expects to read: the name of a class, or "" for any.
    """

    values: list[Any]
    hint: Any = None
    java: str = ""


# ---- scalars

INTS = [0, 1, 15, 16, 47, 48, 127, 255, 2047, 2048, 32767, 262143, 262144, 2**31 - 1, 2**31, 2**53, 2**63 - 1]
FLOATS = [0.0, -0.0, 1.0, -1.0, 127.0, 128.0, 32767.0, 32768.0, 0.001, 0.1, 12.345, 65.536, 2147483.647, 1e300, 5e-324]
ODD_FLOATS = [math.inf, -math.inf, math.nan]
LENGTHS = [0, 1, 15, 16, 31, 32, 1023, 1024]
LONG_LENGTHS = [4096, 8189, 32767, 32768, 32769, 65535, 65536, 70000]
ALPHABETS = [
    "az09 ~",
    "a\0\x7f",
    "é߿",
    "\u0800中\uffff",
    "a😀\U0010ffff",
    "a\ud800\udbff\udc00\udfff",
    "aé中😀\ud83d\ude00",
]
ZONES = ["UTC", "Asia/Shanghai", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia"]
LOCALES = ["", "en", "zh_CN", "de_CH", "fr_FR_EURO"]
CURRENCIES = ["EUR", "CNY", "JPY", "XXX"]
CLASSES = ["int", "void", "java.lang.String", "java.util.Map", "[I", "[Ljava.lang.String;", "org.fuzz.Node"]
UNKNOWN = ["org.nowhere.Thing", "org.nowhere.a.B$C", "Thing"]


def as_java(text: str) -> str:
    """``text`` with each pair of surrogates as the one character that it is in UTF-16."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


class Maker:
    """Makes one graph's values.

    Args:
        rng: where choices come from.
        size: about how many values there may be.
    """

    def __init__(self, rng: Random, size: int) -> None:
        self.rng = rng
        self.left = size
        self.made: list[Any] = []
        self.uuids = self.chance(3)  # with one, what is shared is copied

    # -- helpers

    def one(self, *choices: Callable[[], Any]) -> Any:
        return choices[self.rng.randrange(len(choices))]()

    def chance(self, one_in: int) -> bool:
        return self.rng.randrange(one_in) == 0

    def few(self) -> int:
        """The size of a container."""
        n = self.rng.choice((0, 1, 1, 2, 2, 3, 4, 7, 8, 9, 20))
        return min(n, max(self.left, 0))

    def maybe(self, make: Callable[[], Any]) -> Any:
        return None if self.chance(3) else make()

    def unique(self, make: Callable[[], Any]) -> list[Any]:
        """Items of a set. Of two strings that are one to Java, one would be lost."""
        made = [make() for _ in range(self.few())]
        return list({as_java(item) if isinstance(item, str) else item: item for item in made}.values())

    # -- scalars

    def whole(self, bits: int) -> int:
        edge = 1 << bits - 1
        if self.chance(2):
            n = self.rng.getrandbits(self.rng.randrange(1, bits))
        else:
            n = self.rng.choice(INTS) + self.rng.randrange(-1, 2)
        return max(-edge, min(edge - 1, -n if self.chance(2) else n))

    def number(self) -> int:
        return self.whole(self.rng.choice((8, 16, 32, 64)))

    def huge(self) -> int:
        n = self.rng.getrandbits(self.rng.choice((1, 31, 32, 33, 63, 64, 65, 127, 128, 300)))
        return -n if self.chance(2) else n

    def real(self) -> float:
        if self.chance(8):
            return self.rng.choice(ODD_FLOATS)
        return self.key_real()

    def key_real(self) -> float:
        how = self.rng.randrange(4)
        if how == 0:
            return self.rng.choice(FLOATS)
        if how == 1:
            return self.whole(32) / 1000
        if how == 2:
            return float(self.whole(20))
        return math.ldexp(self.rng.getrandbits(53) - 2**52, self.rng.randrange(-1074, 900))

    def narrow(self) -> float:
        """What a Java float can hold."""
        return self.rng.choice((0.0, 1.5, -2.25, 0.5, 1024.0, float(self.whole(16)), 2.0**-126, 2.0**127))

    def text(self) -> str:
        how = self.rng.randrange(200)
        if how < 120:
            n = self.rng.randrange(12)
        elif how < 199:
            n = self.rng.choice(LENGTHS)
        else:
            n = self.rng.choice(LONG_LENGTHS) + self.rng.randrange(-1, 2)
        alphabet = self.rng.choice(ALPHABETS)
        piece = "".join([self.rng.choice(alphabet) for _ in range(min(n, 11))])
        return (piece * (n // 11 + 1))[:n]

    def word(self) -> str:
        return self.rng.choice(("", "a", "b", "name", "ключ", "a.b", "class", "@type", "value", "next"))

    def letter(self) -> str:
        return self.rng.choice("a\0é中\uffff\ud800\udfff")

    def blob(self) -> bytes:
        how = self.rng.randrange(100)
        n = self.rng.choice(LONG_LENGTHS if how == 0 else LENGTHS) + self.rng.randrange(2)
        return (self.rng.getrandbits(64).to_bytes(8, "big") * (n // 8 + 1))[:n]

    def day(self) -> date:
        return date(self.rng.choice((1, 1969, 1970, 2024, 9999)), self.rng.randrange(1, 13), self.rng.randrange(1, 29))

    def micros(self) -> int:
        return self.rng.choice((0, 0, 1, 999, 1000, 123456, 999999))

    def clock(self) -> time:
        return time(self.rng.randrange(24), self.rng.randrange(60), self.rng.randrange(60), self.micros())

    def naive(self) -> datetime:
        return datetime.combine(self.day(), self.clock())

    def offset(self) -> timezone:
        if self.chance(2):
            return timezone.utc  # noqa: UP017 (the object itself)
        return timezone(timedelta(seconds=self.rng.choice((-64800, -12600, -1, 0, 1, 3600, 20700, 64800))))

    def aware(self) -> datetime:
        return self.naive().replace(year=self.rng.choice((1, 1969, 1970, 2024, 9998)), month=6, tzinfo=self.offset())

    def zoned(self) -> datetime:
        at = self.naive().replace(
            year=self.rng.choice((1900, 1970, 2024, 2500)), tzinfo=ZoneInfo(self.rng.choice(ZONES))
        )
        return at.astimezone(UTC).astimezone(at.tzinfo)  # no time that clocks skip

    def of_type(self, cls: Any, value: datetime) -> Any:
        """A datetime that says which of Java's types it is."""
        return cls.combine(value.date(), value.timetz()).replace(fold=value.fold)

    def span(self) -> timedelta:
        days = self.rng.choice((0, 0, 1, -1, 999999999, -999999999))
        return timedelta(
            days=days, seconds=self.rng.randrange(86400) if days < 999999999 else 0, microseconds=self.micros()
        )

    def decimal(self) -> Decimal:
        digits = tuple(int(c) for c in str(abs(self.huge()))[: self.rng.randrange(1, 40)])
        exponent = self.rng.choice((0, 0, -1, -2, -6, -7, -20, 1, 3, 400, -400, 2**31 - 100, -(2**31) + 100))
        return Decimal((self.rng.randrange(2), digits, exponent))

    def uuid(self) -> Any:
        return UUID(int=self.rng.getrandbits(128)) if self.uuids else self.day()

    def scalar(self) -> Any:
        """Anything without elements."""
        self.left -= 1
        return self.rng.choice(self.PLAIN if self.chance(3) else self.SCALARS)(self)

    def constant(self) -> Any:
        return self.rng.choice((None, True, False))

    PLAIN: tuple[Callable[[Maker], Any], ...] = ()
    SCALARS: tuple[Callable[[Maker], Any], ...] = ()

    def key(self) -> Any:
        """Hashable, and equal to another key in Java exactly if it is in Python."""
        self.left -= 1
        return self.one(
            self.text,
            self.word,
            self.number,
            lambda: float(self.whole(32)) + 0.5,
            self.day,
            self.uuid,
            lambda: self.rng.choice(list(Color)),
            lambda: Point(self.whole(8), self.word()),
            lambda: GenericObject("org.fuzz.Other", [("a", self.whole(8))]),
            lambda: Decimal(self.whole(32)) + Decimal("0.5"),
            self.constant_key,
        )

    def constant_key(self) -> Any:
        return self.rng.choice((None, self.naive()))

    # -- containers

    def value(self, depth: int = 0) -> Any:
        """Anything."""
        roll = self.rng.randrange(20)
        if self.made and roll < 3:
            return self.rng.choice(self.made)
        if depth > 8 or self.left <= 0 or roll < 10:
            return self.scalar()
        self.left -= 1
        return self.rng.choice(self.CONTAINERS)(self, depth + 1)

    CONTAINERS: tuple[Callable[[Maker, int], Any], ...] = ()

    def keep(self, value: Any) -> Any:
        """``value``, which may occur again, also within itself."""
        self.made.append(value)
        return value

    def items(self, depth: int) -> list[Any]:
        return [self.value(depth) for _ in range(self.few())]

    def list_(self, depth: int) -> list[Any]:
        out = self.keep([])
        out.extend(self.items(depth))
        return out

    def typed_list(self, depth: int) -> TypedList:
        name = self.rng.choice(
            (
                "java.util.LinkedList",
                "java.util.Vector",
                "java.util.concurrent.CopyOnWriteArrayList",
                "java.util.ArrayList",
                "[object",
            )
        )
        if name == "[object":  # an array: not what a Java List field can hold
            return TypedList(name, self.items(depth))
        out = self.keep(TypedList(name))
        out.extend(self.items(depth))
        return out

    def array(self, depth: int) -> TypedList:
        kind, make = self.rng.choice(
            (
                ("[int", lambda: Int(self.whole(32))),
                ("[long", lambda: Long(self.whole(64))),
                ("[short", lambda: self.whole(16)),
                ("[double", self.real),
                ("[float", self.narrow),
                ("[boolean", lambda: self.chance(2)),
                ("[string", lambda: self.maybe(self.text)),
                ("[java.lang.Integer", lambda: self.maybe(lambda: self.whole(32))),
                ("[java.math.BigDecimal", self.decimal),
                ("[date", lambda: self.maybe(self.aware)),
                ("[[int", lambda: TypedList("[int", [self.whole(32) for _ in range(self.rng.randrange(3))])),
                ("[[byte", self.blob),
            )
        )
        return TypedList(kind, [make() for _ in range(self.few())])

    def tuple_(self, depth: int) -> tuple[Any, ...]:
        out = tuple(self.items(depth))
        if out:  # there is only one ()
            self.keep(out)
        return out

    def set_(self, depth: int) -> Any:
        if self.chance(3):
            make = self.rng.choice((self.word, lambda: self.whole(32)))  # elements that a TreeSet can compare
            return self.keep(
                TypedSet(self.rng.choice(("java.util.LinkedHashSet", "java.util.TreeSet")), self.unique(make))
            )
        out = self.rng.choice((set, frozenset))(self.unique(self.key))
        return self.keep(out) if out else out

    def dict_(self, depth: int) -> dict[Any, Any]:
        out = self.keep({})
        for key in self.unique(self.key if self.chance(2) else self.word):
            out[key] = self.value(depth)
        return out

    def odd_dict(self, depth: int) -> dict[Any, Any]:
        """Keys that are hashable in Python, but lists and sets afterwards."""
        out: dict[Any, Any] = self.keep({})
        for key in self.unique(self.key):
            out[(key, self.whole(8)) if self.chance(2) else frozenset({key})] = self.value(depth)
        return out

    def typed_map(self, depth: int) -> TypedMap:
        name = self.rng.choice(
            (
                "java.util.LinkedHashMap",
                "java.util.TreeMap",
                "java.util.concurrent.ConcurrentHashMap",
                "java.util.Hashtable",
                "java.util.HashMap",
            )
        )
        out: TypedMap = self.keep(TypedMap(name))
        for key in self.unique(self.word):
            value = self.value(depth)
            out[key] = "" if value is None else value
        return out

    def node(self, depth: int) -> Node:
        out = Node(self.whole(64))
        self.keep(out)
        out.next = self.maybe(lambda: self.a_node(depth))
        out.any = self.value(depth)
        out.items = self.maybe(lambda: self.list_(depth))
        out.named = self.maybe(lambda: self.keep({self.word(): self.value(depth) for _ in range(self.few())}))
        if self.chance(4):
            out.array = [self.a_node(depth) for _ in range(self.rng.randrange(3))]
        return out

    def a_node(self, depth: int) -> Node | None:
        nodes = [item for item in self.made if isinstance(item, Node)]
        if nodes and (self.chance(3) or self.left <= 0 or depth > 8):
            return self.rng.choice(nodes)
        return None if self.left <= 0 or depth > 8 else self.node(depth + 1)

    def generic(self, depth: int) -> GenericObject:
        """Of a class that Java knows; not all its fields, in any order."""
        self.left -= 1
        point = [("x", self.whole(32)), ("label", self.maybe(self.text))]
        if self.chance(2):
            self.rng.shuffle(point)
            return self.keep(GenericObject("org.fuzz.Other", point[: self.rng.randrange(3)]))
        out = self.keep(
            GenericObject("org.fuzz.Leaf", [("value", None), ("color", None), ("any", None), ("value", "")])
        )
        out["any"] = self.value(depth)
        out["color"] = self.maybe(lambda: self.rng.choice(list(Color)))
        out["value"] = self.maybe(self.text)
        return out

    def unknown(self, depth: int) -> GenericObject:
        """Of a class that Java does not have: it makes a HashMap of it."""
        names = self.unique(self.word)
        out = self.keep(GenericObject(self.rng.choice(UNKNOWN), [(name, None) for name in names]))
        for name in names:
            out[name] = self.value(depth)
        return out

    def exception(self, depth: int) -> JavaException:
        name = self.rng.choice(("java.lang.RuntimeException", "java.lang.IllegalStateException", "org.fuzz.Trouble"))
        out = self.keep(JavaException(name, self.maybe(self.text)))
        if name == "org.fuzz.Trouble":
            out.fields = {"code": Int(self.whole(32)), "details": self.maybe(lambda: self.list_(depth))}
        if self.chance(3) and self.left > 0:
            out.cause = self.exception(depth + 1)
        if self.chance(4) and self.left > 0:
            out.suppressed = [self.exception(depth + 1)]
        for _ in range(self.rng.randrange(3)):
            frame = {
                "lineNumber": self.whole(16),
                "fileName": "Trouble.java",
                "methodName": self.word(),
                "declaringClass": "org.fuzz.Trouble",
            }
            out.frames.append(GenericObject("java.lang.StackTraceElement", frame))
        return out

    def plain(self, depth: int) -> Plain:
        return self.keep(Plain(self.value(depth), self.value(depth)))

    def bean(self, depth: int) -> Bean:
        out = self.keep(Bean())
        names = list(BEAN)
        for name in names if self.chance(4) else [self.rng.choice(names) for _ in range(8)]:
            setattr(out, name, BEAN[name](self))
        self.left -= 4
        out.parent = self.maybe(lambda: self.a_bean(depth))
        out.children = self.maybe(lambda: [self.a_bean(depth) for _ in range(self.rng.randrange(3))])
        out.any = self.value(depth)
        return out

    def a_bean(self, depth: int) -> Bean | None:
        beans = [item for item in self.made if isinstance(item, Bean)]
        if beans and (self.chance(3) or self.left <= 0 or depth > 6):
            return self.rng.choice(beans)
        return None if self.left <= 0 or depth > 6 else self.bean(depth + 1)

    def floats(self, depth: int) -> Floats:
        out = Floats(self.narrow(), self.whole(32))
        out.boxed = self.maybe(self.narrow)
        out.array = self.maybe(lambda: [self.narrow() for _ in range(self.rng.randrange(4))])
        return self.keep(out)


Maker.PLAIN = (lambda m: m.text(), lambda m: m.number(), lambda m: m.real(), lambda m: m.constant(), lambda m: m.word())
Maker.SCALARS = (
    lambda m: m.blob(),
    lambda m: bytearray(m.blob()),
    lambda m: m.huge(),
    lambda m: Long(m.whole(64)),
    lambda m: Int(m.whole(32)),
    lambda m: Short(m.whole(16)),
    lambda m: Byte(m.whole(8)),
    lambda m: BigInteger(m.huge()),
    lambda m: Float(m.narrow()),
    lambda m: Char(m.letter()),
    lambda m: m.day(),
    lambda m: m.clock(),
    lambda m: m.clock().replace(tzinfo=m.offset()),
    lambda m: m.naive(),
    lambda m: m.aware(),
    lambda m: m.of_type(JavaDate, m.aware()),
    lambda m: m.of_type(Instant, m.aware()),
    lambda m: m.of_type(LocalDateTime, m.naive()),
    lambda m: m.of_type(OffsetDateTime, m.aware()),
    lambda m: m.of_type(ZonedDateTime, m.zoned()),
    lambda m: m.of_type(ZonedDateTime, m.aware()),
    lambda m: DateMillis(m.rng.choice((-(2**62), 2**62, 10**15, -(10**14)))),
    lambda m: m.offset(),
    lambda m: m.span(),
    lambda m: m.decimal(),
    lambda m: m.uuid(),
    lambda m: Locale(m.rng.choice(LOCALES)),
    lambda m: Currency(m.rng.choice(CURRENCIES)),
    lambda m: JavaClass(m.rng.choice(CLASSES)),
    lambda m: m.rng.choice(list(Color)),
    lambda m: m.rng.choice(list(Grade)),
    lambda m: Point(m.whole(32), m.text()),
)
Maker.CONTAINERS = (
    Maker.list_,
    Maker.list_,
    Maker.dict_,
    Maker.dict_,
    Maker.typed_list,
    Maker.array,
    Maker.tuple_,
    Maker.set_,
    Maker.odd_dict,
    Maker.typed_map,
    Maker.node,
    Maker.node,
    Maker.generic,
    Maker.unknown,
    Maker.exception,
    Maker.plain,
    Maker.bean,
    Maker.floats,
)

BEAN: dict[str, Callable[[Maker], Any]] = {
    "flag": lambda m: m.chance(2),
    "octet": lambda m: m.whole(8),
    "small": lambda m: m.whole(16),
    "number": lambda m: m.whole(32),
    "large": lambda m: m.whole(64),
    "real": lambda m: m.real(),
    "letter": lambda m: m.letter(),
    "boxed_flag": lambda m: m.chance(2),
    "boxed_octet": lambda m: m.whole(8),
    "boxed_small": lambda m: m.whole(16),
    "boxed_number": lambda m: m.whole(32),
    "boxed_large": lambda m: m.whole(64),
    "boxed_real": lambda m: m.real(),
    "boxed_letter": lambda m: m.letter(),
    "text": lambda m: m.text(),
    "data": lambda m: m.blob(),
    "flags": lambda m: [m.chance(2) for _ in range(m.few())],
    "smalls": lambda m: [m.whole(16) for _ in range(m.few())],
    "numbers": lambda m: [m.whole(32) for _ in range(m.few())],
    "larges": lambda m: [m.whole(64) for _ in range(m.few())],
    "reals": lambda m: [m.real() for _ in range(m.few())],
    "texts": lambda m: [m.text() for _ in range(m.few())],
    "table": lambda m: [[m.whole(32) for _ in range(m.few())] for _ in range(m.rng.randrange(3))],
    "names": lambda m: [m.text() for _ in range(m.few())],
    "ids": lambda m: [m.whole(64) for _ in range(m.few())],
    "tags": lambda m: set(m.unique(m.text)),
    "counts": lambda m: dict.fromkeys(m.unique(m.text), m.whole(32)),
    "date": lambda m: m.aware(),
    "day": lambda m: m.day(),
    "clock": lambda m: m.clock(),
    "local": lambda m: m.naive(),
    "instant": lambda m: m.aware(),
    "offset": lambda m: m.aware(),
    "zoned": lambda m: m.zoned(),
    "span": lambda m: m.span(),
    "price": lambda m: m.decimal(),
    "big": lambda m: m.huge(),
    "uuid": lambda m: m.uuid() if m.uuids else None,
    "color": lambda m: m.rng.choice(list(Color)),
    "locale": lambda m: m.rng.choice(LOCALES),
    "currency": lambda m: m.rng.choice(CURRENCIES),
}

# What one parameter may be declared as: the hint, Java's type, and a value.
PARAMETERS: list[tuple[Any, str, Callable[[Maker], Any]]] = [
    (bool, "boolean", lambda m: m.chance(2)),
    (Byte, "byte", lambda m: m.whole(8)),
    (Short, "short", lambda m: m.whole(16)),
    (Int, "int", lambda m: m.whole(32)),
    (int, "long", lambda m: m.whole(64)),
    (float, "double", lambda m: m.real()),
    (Float, "float", lambda m: m.narrow()),
    (Char, "char", lambda m: m.letter()),
    (Int | None, "java.lang.Integer", lambda m: m.maybe(lambda: m.whole(32))),
    (int | None, "java.lang.Long", lambda m: m.maybe(lambda: m.whole(64))),
    (str, "java.lang.String", lambda m: m.text()),
    (bytes, "[B", lambda m: m.blob()),
    (Array[Int], "[I", lambda m: [m.whole(32) for _ in range(m.few())]),
    (Array[int], "[J", lambda m: [m.whole(64) for _ in range(m.few())]),
    (Array[float], "[D", lambda m: [m.real() for _ in range(m.few())]),
    (Array[str], "[Ljava.lang.String;", lambda m: [m.text() for _ in range(m.few())]),
    (Array[Color], "[Lorg.fuzz.Color;", lambda m: [m.rng.choice(list(Color)) for _ in range(m.few())]),
    (list[Any], "java.util.List", lambda m: m.list_(0)),
    (list[int], "java.util.Collection", lambda m: [m.whole(64) for _ in range(m.few())]),
    (set[str], "java.util.Set", lambda m: set(m.unique(m.text))),
    (tuple[int, str], "java.util.List", lambda m: (m.whole(64), m.text())),
    (dict[str, Any], "java.util.Map", lambda m: {as_java(m.text()): m.value() for _ in range(m.few())}),
    (dict[int, list[str]], "java.util.Map", lambda m: {m.whole(64): [m.text()] for _ in range(m.few())}),
    (datetime, "java.util.Date", lambda m: m.aware()),
    (LocalDateTime, "java.time.LocalDateTime", lambda m: m.naive()),
    (Instant, "java.time.Instant", lambda m: m.aware()),
    (OffsetDateTime, "java.time.OffsetDateTime", lambda m: m.aware()),
    (ZonedDateTime, "java.time.ZonedDateTime", lambda m: m.zoned()),
    (date, "java.time.LocalDate", lambda m: m.day()),
    (time, "java.time.LocalTime", lambda m: m.clock()),
    (timedelta, "java.time.Duration", lambda m: m.span()),
    (Decimal, "java.math.BigDecimal", lambda m: m.decimal()),
    (BigInteger, "java.math.BigInteger", lambda m: m.huge()),
    (UUID, "java.util.UUID", lambda m: UUID(int=m.rng.getrandbits(128))),
    (Color, "org.fuzz.Color", lambda m: m.rng.choice(list(Color))),
    (Locale, "java.util.Locale", lambda m: m.rng.choice(LOCALES)),
    (Currency, "java.util.Currency", lambda m: m.rng.choice(CURRENCIES)),
    (Point, "org.fuzz.Point", lambda m: Point(m.whole(32), m.text())),
    (Node, "org.fuzz.Node", lambda m: m.node(0)),
    (list[Node], "java.util.List", lambda m: [m.node(0)]),
    (Bean, "org.fuzz.Bean", lambda m: m.bean(0)),
    (Bean | None, "org.fuzz.Bean", lambda m: m.maybe(lambda: m.bean(0))),
]


def make_graph(rng: Random) -> Graph:
    """A graph, from what ``rng`` draws."""
    maker = Maker(rng, rng.choice((1, 3, 10, 30, 100)))
    if maker.chance(3):
        hint, java, make = rng.choice(PARAMETERS)
        return Graph([make(maker) for _ in range(rng.randrange(1, 3))], hint, java)
    return Graph([maker.value() for _ in range(rng.choice((1, 1, 2, 3)))])


def graphs() -> st.SearchStrategy[Graph]:
    """The strategy; what it finds is shrunk."""
    return st.randoms(use_true_random=False).map(make_graph)
