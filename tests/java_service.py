"""The service of the Java rig in Python, and a program that provides it."""

from __future__ import annotations

import asyncio
import math
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

import rpcore
from java_api import (
    RIG,
    AllTypes,
    Animal,
    CharArray,
    Color,
    CountTreeMap,
    Dog,
    Fields,
    Node,
    NotFound,
    Operation,
    Order,
    Page,
    Point,
    StringCollection,
    StringLinkedList,
    Tree,
)
from java_samples import SAMPLES, why_different
from rpcore.types import (
    Array,
    BigInteger,
    Byte,
    Char,
    Currency,
    Float,
    Instant,
    Int,
    JavaClass,
    JavaDate,
    JavaException,
    LocalDateTime,
    Locale,
    OffsetDateTime,
    Short,
    ZonedDateTime,
)

T = TypeVar("T")


def same(value: T) -> T:
    """The argument again; where the call names a sample, only if it is that."""
    name = rpcore.context().received_attachments.get("sample")
    if name is not None:
        why = why_different(SAMPLES[name], value, exact=name.startswith("Object."))
        if why is not None:
            raise RuntimeError(f"the provider got another {name}: {why}")
    return value


class Service:
    def __init__(self, who: str) -> None:
        self._who = who
        self._notes: list[str] = []

    async def who(self) -> str:
        return self._who

    async def echo_boolean(self, value: bool) -> bool:
        return same(value)

    async def echo_byte(self, value: Byte) -> Byte:
        return same(value)

    async def echo_short(self, value: Short) -> Short:
        return same(value)

    async def echo_int(self, value: Int) -> Int:
        return same(value)

    async def echo_long(self, value: int) -> int:
        return same(value)

    async def echo_float(self, value: Float) -> Float:
        return same(value)

    async def echo_double(self, value: float) -> float:
        return same(value)

    async def echo_char(self, value: Char) -> Char:
        return same(value)

    async def echo_boolean_box(self, value: bool | None) -> bool | None:
        return same(value)

    async def echo_byte_box(self, value: Byte | None) -> Byte | None:
        return same(value)

    async def echo_short_box(self, value: Short | None) -> Short | None:
        return same(value)

    async def echo_int_box(self, value: Int | None) -> Int | None:
        return same(value)

    async def echo_long_box(self, value: int | None) -> int | None:
        return same(value)

    async def echo_float_box(self, value: Float | None) -> Float | None:
        return same(value)

    async def echo_double_box(self, value: float | None) -> float | None:
        return same(value)

    async def echo_char_box(self, value: Char | None) -> Char | None:
        return same(value)

    async def echo_string(self, value: str | None) -> str | None:
        return same(value)

    async def echo_bytes(self, value: bytes | None) -> bytes | None:
        return same(value)

    async def echo_booleans(self, value: Array[bool]) -> Array[bool]:
        return same(value)

    async def echo_shorts(self, value: Array[Short]) -> Array[Short]:
        return same(value)

    async def echo_ints(self, value: Array[Int] | None) -> Array[Int] | None:
        return same(value)

    async def echo_longs(self, value: Array[int]) -> Array[int]:
        return same(value)

    async def echo_floats(self, value: Array[Float]) -> Array[Float]:
        return same(value)

    async def echo_doubles(self, value: Array[float]) -> Array[float]:
        return same(value)

    async def echo_chars(self, value: CharArray) -> CharArray:
        return same(value)

    async def echo_strings(self, value: Array[str | None]) -> Array[str | None]:
        return same(value)

    async def echo_objects(self, value: Array[Any]) -> Array[Any]:
        return same(value)

    async def echo_int_boxes(self, value: Array[Int | None]) -> Array[Int | None]:
        return same(value)

    async def echo_decimals(self, value: Array[Decimal]) -> Array[Decimal]:
        return same(value)

    async def echo_dates(self, value: Array[JavaDate]) -> Array[JavaDate]:
        return same(value)

    async def echo_points(self, value: Array[Point | None]) -> Array[Point | None]:
        return same(value)

    async def echo_colors(self, value: Array[Color]) -> Array[Color]:
        return same(value)

    async def echo_int_grid(self, value: Array[Array[Int]]) -> Array[Array[Int]]:
        return same(value)

    async def echo_string_grid(self, value: Array[Array[str | None]]) -> Array[Array[str | None]]:
        return same(value)

    async def echo_bytes_grid(self, value: Array[bytes]) -> Array[bytes]:
        return same(value)

    async def echo_big_decimal(self, value: Decimal | None) -> Decimal | None:
        return same(value)

    async def echo_big_integer(self, value: BigInteger) -> BigInteger:
        return same(value)

    async def echo_date(self, value: JavaDate | None) -> JavaDate | None:
        return same(value)

    async def echo_local_date(self, value: date) -> date:
        return same(value)

    async def echo_local_time(self, value: time) -> time:
        return same(value)

    async def echo_local_date_time(self, value: LocalDateTime) -> LocalDateTime:
        return same(value)

    async def echo_instant(self, value: Instant) -> Instant:
        return same(value)

    async def echo_duration(self, value: timedelta) -> timedelta:
        return same(value)

    async def echo_offset_date_time(self, value: OffsetDateTime) -> OffsetDateTime:
        return same(value)

    async def echo_zoned_date_time(self, value: ZonedDateTime) -> ZonedDateTime:
        return same(value)

    async def echo_uuid(self, value: UUID | None) -> UUID | None:
        return same(value)

    async def echo_locale(self, value: Locale) -> Locale:
        return same(value)

    async def echo_currency(self, value: Currency) -> Currency:
        return same(value)

    async def echo_class(self, value: JavaClass) -> JavaClass:
        return same(value)

    async def echo_color(self, value: Color | None) -> Color | None:
        return same(value)

    async def echo_operation(self, value: Operation) -> Operation:
        return same(value)

    async def echo_string_list(self, value: list[str | None] | None) -> list[str | None] | None:
        return same(value)

    async def echo_int_list(self, value: list[Int | None]) -> list[Int | None]:
        return same(value)

    async def echo_long_list(self, value: list[int | None]) -> list[int | None]:
        return same(value)

    async def echo_point_list(self, value: list[Point]) -> list[Point]:
        return same(value)

    async def echo_string_set(self, value: set[str]) -> set[str]:
        return same(value)

    async def echo_int_set(self, value: set[Int]) -> set[Int]:
        return same(value)

    async def echo_collection(self, value: StringCollection) -> StringCollection:
        return same(value)

    async def echo_linked_list(self, value: StringLinkedList) -> StringLinkedList:
        return same(value)

    async def echo_string_map(self, value: dict[str, str | None] | None) -> dict[str, str | None] | None:
        return same(value)

    async def echo_count_map(self, value: dict[str, Int]) -> dict[str, Int]:
        return same(value)

    async def echo_point_map(self, value: dict[str, Point]) -> dict[str, Point]:
        return same(value)

    async def echo_int_key_map(self, value: dict[Int, str]) -> dict[Int, str]:
        return same(value)

    async def echo_color_map(self, value: dict[Color, int | None]) -> dict[Color, int | None]:
        return same(value)

    async def echo_tree_map(self, value: CountTreeMap) -> CountTreeMap:
        return same(value)

    async def echo_nested(self, value: dict[str, list[dict[str, Int]]]) -> dict[str, list[dict[str, Int]]]:
        return same(value)

    async def echo_point(self, value: Point | None) -> Point | None:
        return same(value)

    async def echo_fields(self, value: Fields) -> Fields:
        return same(value)

    async def echo_node(self, value: Node) -> Node:
        return same(value)

    async def echo_tree(self, value: Tree) -> Tree:
        return same(value)

    async def echo_animal(self, value: Animal) -> Animal:
        return same(value)

    async def echo_dog(self, value: Dog) -> Dog:
        return same(value)

    async def echo_page(self, value: Page[Point]) -> Page[Point]:
        return same(value)

    async def echo_order(self, value: Order) -> Order:
        return same(value)

    async def echo_object(self, value: Any) -> Any:
        return same(value)

    async def over_int(self, value: Int) -> str:
        return f"int {value}"

    async def over_long(self, value: int) -> str:
        return f"long {value}"

    async def over_string(self, value: str) -> str:
        return f"String {value}"

    async def over_list(self, value: list[str]) -> str:
        return f"List [{', '.join(value)}]"

    async def over_int_string(self, value: Int, text: str) -> str:
        return f"int {value}, String {text}"

    async def join(self, a: Int, b: int | None, c: float, d: str, e: bool) -> str:
        return f"{a},{'null' if b is None else b},{c},{d},{'true' if e else 'false'}"

    async def nothing(self) -> None:
        pass

    async def null_text(self) -> str | None:
        return None

    async def pi(self) -> float:
        return math.pi

    async def sleep(self, millis: Int) -> Int:
        await asyncio.sleep(millis / 1000)
        return millis

    async def note(self, text: str) -> None:
        self._notes.append(text)

    async def notes(self) -> list[str]:
        notes, self._notes = self._notes, []
        return notes

    async def later(self, text: str, millis: Int) -> str:
        await asyncio.sleep(millis / 1000)
        return text

    async def later_nothing(self) -> None:
        await asyncio.sleep(0)

    async def later_fail(self, kind: str) -> str:
        await asyncio.sleep(0)
        raise failure(kind)

    async def fail(self, kind: str) -> str:
        raise failure(kind)

    async def attachments(self, reply: dict[str, str]) -> dict[str, str]:
        context = rpcore.context()
        seen = {key: str(value) for key, value in context.received_attachments.items()}
        seen["(serialization)"] = str(context.serialization)
        if context.remaining is not None:
            seen["(remaining)"] = f"{context.remaining:.3f}"
        context.reply_attachments = reply or None
        return seen

    async def relay(self, url: str) -> dict[str, str]:
        async with rpcore.Client("memory://unused", application="relay") as client:
            return await client.refer(AllTypes, url=url).attachments({})

    async def blob(self, size: Int) -> bytes:
        return (bytes(range(256)) * (size // 256 + 1))[:size]

    async def size(self, data: bytes) -> Int:
        return len(data)


class Ours(Exception):
    """An exception that Java has no class for."""


def failure(kind: str) -> Exception:
    """Exceptions by the names that Failures.java has for them, and some of Python's own."""
    match kind:
        case "declared":
            return NotFound("no such thing", 1 << 40, ["here", "there"])
        case "runtime":
            return RuntimeError("plain")
        case "illegal-argument":
            return ValueError("not that")
        case "no-message":
            return ValueError()
        case "index":
            return IndexError("out of it")
        case "security":
            return PermissionError("not you")
        case "unmapped":
            return KeyError("key")
        case "ours":
            return Ours("of our own")
        case "causes":
            inner = JavaException("java.lang.IllegalArgumentException", "inner")
            middle = JavaException("java.lang.IllegalStateException", "middle", cause=inner)
            return JavaException("java.lang.RuntimeException", "outer", cause=middle)
        case "suppressed":
            error = JavaException("java.lang.RuntimeException", "with suppressed")
            error.suppressed = [
                JavaException("java.lang.IllegalStateException", "first"),
                JavaException("java.lang.IllegalArgumentException", "second"),
            ]
            return error
        case "long-message":
            return RuntimeError("中" * 100000)
        case "unlisted":
            return JavaException(f"{RIG}.UnlistedException", "on no list", number=Int(42))
        case "io":
            return JavaException("java.io.IOException", "disk")
        case _:
            return ValueError(f"no failure {kind}")


def provide() -> None:
    """The program: serve until killed, or stopped by a signal. On all interfaces, see ``test_java_consumer.called``."""

    async def main() -> None:
        server = rpcore.Server(host="0.0.0.0", port=0, register=False, application="rig-python")
        server.export(AllTypes, Service("/"))
        server.export(AllTypes, Service("tiny/"), group="tiny", executes=1)
        await server.start()
        print(f"ready {server.address}", flush=True)
        await server.serve()

    rpcore.run(main())
