"""Java's types in Python: hints for what Python cannot say, and the values that Java types become.

A hint such as ``Int`` is ``int`` to a type checker. At run time it is a subclass, so that it can be told apart in a
hint, and so that ``Long(5)`` says, where nothing is declared, which of Java's types a value is. Plain values fit
every hint: ``find(user_id: Long)`` is called as ``find(42)``.

The lower half is the table between Java's own classes and Python's values: ``_READERS`` by class name, ``_WRITERS``
by Python type. It is loaded with the first value, or hint, that needs it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from rpcore._codec import GenericObject

T = TypeVar("T")

if TYPE_CHECKING:
    Byte: TypeAlias = int
    Short: TypeAlias = int
    Int: TypeAlias = int
    Long: TypeAlias = int
    BigInteger: TypeAlias = int
    Float: TypeAlias = float
    Char: TypeAlias = str
    JavaDate: TypeAlias = datetime
    LocalDateTime: TypeAlias = datetime
    Instant: TypeAlias = datetime
    OffsetDateTime: TypeAlias = datetime
    ZonedDateTime: TypeAlias = datetime
    Locale: TypeAlias = str
    Currency: TypeAlias = str
    JavaClass: TypeAlias = str
    Array: TypeAlias = list[T]
else:

    class Byte(int):
        """Java's byte, -128 to 127."""

    class Short(int):
        """Java's short, 16 bits."""

    class Int(int):
        """Java's int, 32 bits."""

    class Long(int):
        """Java's long, 64 bits; what a plain ``int`` in a hint means."""

    class BigInteger(int):
        """java.math.BigInteger, of any size."""

    class Float(float):
        """Java's float, 32 bits."""

    class Char(str):
        """Java's char."""

    class JavaDate(datetime):
        """java.util.Date, an instant to the millisecond: an aware datetime."""

    class LocalDateTime(datetime):
        """java.time.LocalDateTime: a naive datetime."""

    class Instant(datetime):
        """java.time.Instant: an aware datetime."""

    class OffsetDateTime(datetime):
        """java.time.OffsetDateTime: an aware datetime."""

    class ZonedDateTime(datetime):
        """java.time.ZonedDateTime: an aware datetime, best with a ``zoneinfo.ZoneInfo``."""

    class Locale(str):
        """java.util.Locale, such as ``zh_CN``."""

    class Currency(str):
        """java.util.Currency, such as ``EUR``."""

    class JavaClass(str):
        """java.lang.Class, by its name."""

    class Array(list[T]):
        """A Java array: ``Array[Int]`` is ``int[]``."""


@dataclass(frozen=True, slots=True)
class Descriptor:
    """The JVM descriptor of one parameter: ``Annotated[Any, Descriptor("Lorg/demo/Shape;")]``. A primitive's or box's,
    such as ``I``, also says how the value is sent.
    """

    text: str


class TypedList(list[Any]):
    """A list with the name of its Java type: ``TypedList("[string", ["a"])`` is a ``String[]``."""

    __slots__ = ("type_name",)

    type_name: str

    def __init__(self, type_name: str, items: Iterable[Any] = ()) -> None:
        super().__init__(items)
        self.type_name = type_name

    def __reduce__(self) -> Any:
        return type(self), (self.type_name, list(self))


class TypedSet(set[Any]):
    """A set with the name of its Java type."""

    __slots__ = ("type_name",)

    type_name: str

    def __init__(self, type_name: str, items: Iterable[Any] = ()) -> None:
        super().__init__(items)
        self.type_name = type_name

    def __reduce__(self) -> Any:
        return type(self), (self.type_name, list(self))


class TypedMap(dict[Any, Any]):
    """A dict with the name of its Java type."""

    __slots__ = ("type_name",)

    type_name: str

    def __init__(self, type_name: str, entries: Mapping[Any, Any] | Iterable[tuple[Any, Any]] = ()) -> None:
        super().__init__(entries)
        self.type_name = type_name

    def __reduce__(self) -> Any:
        return type(self), (self.type_name, dict(self))


class MapEntries(list[tuple[Any, Any]]):
    """A Java map some of whose keys are not hashable in Python: its entries in order."""

    __slots__ = ("type_name",)

    type_name: str | None

    def __init__(self, type_name: str | None, entries: Iterable[tuple[Any, Any]] = ()) -> None:
        super().__init__(entries)
        self.type_name = type_name

    def __reduce__(self) -> Any:
        return type(self), (self.type_name, list(self))


TYPED = (TypedList, TypedSet, TypedMap, MapEntries)


class DateMillis(int):
    """A java.util.Date outside the years 1 to 9999: its milliseconds since 1970."""


class JavaException(Exception):
    """A Throwable as Java sent it, or as it is to be sent.

    Attributes:
        class_name: the Java class.
        message: its ``detailMessage``, or None.
        cause: the Throwable that caused it, or None.
        frames: its stack trace, as ``java.lang.StackTraceElement`` objects.
        suppressed: suppressed Throwables.
        fields: the fields of its own that its class adds.
    """

    def __init__(self, class_name: str, message: str | None = None, *, cause: Any = None, **fields: Any) -> None:
        super().__init__(class_name, message)
        self.class_name = class_name
        self.message = message
        self.cause = cause
        self.frames: list[Any] = []
        self.suppressed: list[Any] = []
        self.fields: dict[str, Any] = fields
        if isinstance(cause, BaseException):
            self.__cause__ = cause

    def fill(self, fields: dict[str, Any]) -> None:
        """Take the fields that arrived."""
        self.message = fields.pop("detailMessage", None)
        cause = fields.pop("cause", None)
        self.cause = None if cause is self else cause
        self.frames = _as_list(fields.pop("stackTrace", None))
        self.suppressed = _as_list(fields.pop("suppressedExceptions", None))
        self.fields = fields
        self.args = (self.class_name, self.message)
        if isinstance(self.cause, BaseException):
            self.__cause__ = self.cause

    @property
    def stack(self) -> str:
        """The stack trace as Java prints it, a line for each frame."""
        return "\n".join(f"\tat {_frame(frame)}" for frame in self.frames)

    def __str__(self) -> str:
        return self.class_name if self.message is None else f"{self.class_name}: {self.message}"


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _frame(frame: Any) -> str:
    if not isinstance(frame, GenericObject):
        return str(frame)
    line = frame.get("lineNumber")
    where = frame.get("fileName") or "Unknown Source"
    if line == -2:
        where = "Native Method"
    elif isinstance(line, int) and line >= 0:
        where = f"{where}:{line}"
    return f"{frame.get('declaringClass')}.{frame.get('methodName')}({where})"


# ---- what an object of a Java class becomes

_IO = "com.alibaba.com.caucho.hessian.io."
_TIME = f"{_IO}java8."
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_MOST_OFFSET = timedelta(hours=18)  # java.time.ZoneOffset.MAX

Fields: TypeAlias = dict[str, Any]


def reader_of(name: str, names: tuple[str, ...]) -> Callable[[Any], Any] | None:
    """What makes the Python value of a Java class from its fields: a function, ``JavaException``, or None.

    Args:
        name: the class.
        names: its fields.
    """
    reader = _READERS.get(name)
    if reader is not None:
        return reader
    throwable = name.endswith(("Exception", "Error", "Throwable"))
    if "detailMessage" in names and ("stackTrace" in names or throwable):
        return JavaException
    if throwable and not names and name.startswith("java."):
        return JavaException
    return None


def date_of(ms: int) -> Any:
    """The instant of a date, in UTC."""
    try:
        return _EPOCH + timedelta(milliseconds=ms)
    except OverflowError:
        return DateMillis(ms)


def _big_integer(fields: Fields) -> Any:
    mag = b"".join((limb & 0xFFFFFFFF).to_bytes(4, "big") for limb in fields["mag"])
    return BigInteger(fields["signum"] * int.from_bytes(mag, "big"))


def _decimal(fields: Fields) -> Any:
    from decimal import Decimal

    return Decimal(_text(fields["value"]))


def _uuid(fields: Fields) -> Any:
    from uuid import UUID

    if "value" in fields:
        return UUID(_text(fields["value"]))
    most, least = fields["mostSigBits"], fields["leastSigBits"]
    return UUID(int=(most & (1 << 64) - 1) << 64 | least & (1 << 64) - 1)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected str, got {type(value).__name__}")
    return value


def _time(fields: Fields) -> time:
    return time(fields["hour"], fields["minute"], fields["second"], fields["nano"] // 1000)


def _local(fields: Fields, cls: type[datetime] = datetime, zone: tzinfo | None = None) -> datetime:
    day, clock = fields["date"], fields["time"]
    return cls.combine(day, clock, tzinfo=zone)


def _instant(fields: Fields) -> datetime:
    at = _EPOCH + timedelta(seconds=fields["seconds"], microseconds=fields["nanos"] // 1000)
    return Instant.combine(at.date(), at.timetz())


def _duration(fields: Fields) -> timedelta:
    return timedelta(seconds=fields["seconds"], microseconds=fields["nanos"] // 1000)


def _offset(fields: Fields) -> timezone:
    return timezone(timedelta(seconds=fields["seconds"]))


def _offset_datetime(fields: Fields) -> datetime:
    at: datetime = fields["dateTime"]
    return OffsetDateTime.combine(at.date(), at.time(), tzinfo=fields["offset"])


def _zoned_datetime(fields: Fields) -> datetime:
    at: datetime = fields["dateTime"]
    zone = _zone(_text(fields["zoneId"])) or fields["offset"]
    value = ZonedDateTime.combine(at.date(), at.time(), tzinfo=zone)
    if fields["offset"] is not None and value.utcoffset() != fields["offset"].utcoffset(None):
        value = value.replace(fold=1)
    return value


@functools.cache
def _zone_names() -> frozenset[str]:
    """Those there are here."""
    import zoneinfo

    return frozenset(zoneinfo.available_timezones())


@functools.lru_cache(1024)
def _known_zone(name: str) -> tzinfo | None:
    import zoneinfo

    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _zone(name: str) -> tzinfo | None:
    # Looking for one that there is not takes 0.1 ms, and a peer may name many. Listing all takes as long as 1000 such.
    if _known_zone.cache_info().misses > 1000 and name not in _zone_names():
        return None
    return _known_zone(name)


def _boolean(fields: Fields) -> bool:
    return bool(fields["value"])


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "java.math.BigInteger": _big_integer,
    "java.math.BigDecimal": _decimal,
    "java.util.UUID": _uuid,
    "java.util.Currency": lambda fields: Currency(_text(fields["currencyCode"])),
    "java.lang.Class": lambda fields: JavaClass(_text(fields["name"])),
    f"{_IO}LocaleHandle": lambda fields: Locale(_text(fields["value"])),
    f"{_TIME}LocalDateHandle": lambda fields: date(fields["year"], fields["month"], fields["day"]),
    f"{_TIME}LocalTimeHandle": _time,
    f"{_TIME}LocalDateTimeHandle": _local,
    f"{_TIME}InstantHandle": _instant,
    f"{_TIME}DurationHandle": _duration,
    f"{_TIME}ZoneOffsetHandle": _offset,
    f"{_TIME}OffsetTimeHandle": lambda fields: fields["localTime"].replace(tzinfo=fields["zoneOffset"]),
    f"{_TIME}OffsetDateTimeHandle": _offset_datetime,
    f"{_TIME}ZonedDateTimeHandle": _zoned_datetime,
    "java.util.concurrent.atomic.AtomicInteger": lambda fields: int(fields["value"]),
    "java.util.concurrent.atomic.AtomicLong": lambda fields: Long(fields["value"]),
    "java.util.concurrent.atomic.AtomicBoolean": _boolean,
}


# ---- as what a Python value is sent


def form_of(value: Any) -> Any:
    """``value`` as something simpler to send: a GenericObject, Long or DateMillis, or a plain value.

    Returns:
        NotImplemented when its type needs none.

    Raises:
        ValueError: it is no value of its Java type.
    """
    for cls in type(value).__mro__:
        writer = _WRITERS.get(cls.__name__) if cls.__module__ in _MODULES else None
        if writer is not None:
            return writer(value)
    return NotImplemented


def form_as(hint: type, value: Any) -> Any:
    """``form_of`` for a value that a hint of this module declares."""
    return _WRITERS[hint.__name__](value)


def _object(name: str, /, **fields: Any) -> GenericObject:
    return GenericObject(name, fields)


def _within(bits: int) -> Callable[[int], int]:
    def check(value: int) -> int:
        if not -(1 << bits - 1) <= value < 1 << bits - 1:
            raise ValueError(f"it does not fit the {bits} bits of its Java type")
        return int(value)

    return check


def _send_long(value: int) -> Any:
    if not -(1 << 63) <= value < 1 << 63:
        raise ValueError("it does not fit the 64 bits of a Java long")
    return Long(value)


def _send_big_integer(value: int) -> GenericObject:
    number = abs(value)
    data = number.to_bytes((number.bit_length() + 31) // 32 * 4, "big")
    limbs = [int.from_bytes(data[i : i + 4], "big", signed=True) for i in range(0, len(data), 4)]
    return _object("java.math.BigInteger", mag=TypedList("[int", limbs), signum=(value > 0) - (value < 0))


def _send_date(value: date) -> GenericObject:
    return _object(f"{_TIME}LocalDateHandle", day=value.day, month=value.month, year=value.year)


def _send_local_time(value: time | datetime) -> GenericObject:
    return _object(
        f"{_TIME}LocalTimeHandle",
        nano=value.microsecond * 1000,
        second=value.second,
        minute=value.minute,
        hour=value.hour,
    )


def _send_time(value: time) -> GenericObject:
    if value.tzinfo is None:
        return _send_local_time(value)
    offset = value.utcoffset()
    if offset is None:
        raise ValueError("a time with a zone but no fixed offset has no Java type")
    return _object(f"{_TIME}OffsetTimeHandle", zoneOffset=_send_offset(offset), localTime=_send_local_time(value))


def _send_offset(offset: timedelta) -> GenericObject:
    if offset.microseconds or not -_MOST_OFFSET <= offset <= _MOST_OFFSET:
        raise ValueError(f"no offset of Java's: {offset} is not of whole seconds, or beyond 18 hours")
    return _object(f"{_TIME}ZoneOffsetHandle", seconds=offset // timedelta(seconds=1))


def _send_decimal(value: Any) -> GenericObject:
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int):
        raise ValueError(f"java.math.BigDecimal has no {value}")
    if not -(1 << 31) < exponent < 1 << 31:
        raise ValueError(f"the exponent {exponent} does not fit the 32 bits of a java.math.BigDecimal's")
    return _object("java.math.BigDecimal", value=str(value))


def _send_local(value: datetime) -> GenericObject:
    return _object(f"{_TIME}LocalDateTimeHandle", time=_send_local_time(value), date=_send_date(value))


def _send_naive(value: datetime) -> GenericObject:
    if value.utcoffset() is not None:
        raise ValueError("a LocalDateTime has no zone: make it naive, or declare Instant, OffsetDateTime or JavaDate")
    return _send_local(value)


def _aware(value: datetime) -> timedelta:
    offset = value.utcoffset()
    if offset is None:
        raise ValueError("it is an instant: give it a tzinfo, or declare LocalDateTime")
    return offset


def _send_java_date(value: datetime) -> DateMillis:
    _aware(value)
    return DateMillis((value - _EPOCH) // _MS)


def _send_datetime(value: datetime) -> Any:
    return _send_local(value) if value.utcoffset() is None else _send_java_date(value)


def _send_seconds(name: str, value: timedelta) -> GenericObject:
    return _object(
        f"{_TIME}{name}Handle",
        nanos=value.microseconds * 1000,
        seconds=Long(value.days * 86400 + value.seconds),
    )


def _send_instant(value: datetime) -> GenericObject:
    _aware(value)
    return _send_seconds("Instant", value - _EPOCH)


def _send_offset_datetime(value: datetime) -> GenericObject:
    return _object(f"{_TIME}OffsetDateTimeHandle", offset=_send_offset(_aware(value)), dateTime=_send_local(value))


def _send_zoned_datetime(value: datetime) -> GenericObject:
    offset = _aware(value)
    zone = getattr(value.tzinfo, "key", None)
    if zone is None:
        minutes, seconds = divmod(abs(offset) // timedelta(seconds=1), 60)
        sign = "-" if offset < timedelta(0) else "+"
        zone = f"{sign}{minutes // 60:02d}:{minutes % 60:02d}" + (f":{seconds:02d}" if seconds else "")
    return _object(f"{_TIME}ZonedDateTimeHandle", offset=_send_offset(offset), dateTime=_send_local(value), zoneId=zone)


def _plain_float(value: float) -> float:
    return float(value)


_MODULES = frozenset({"rpcore.javatypes", "datetime", "decimal", "uuid"})
_WRITERS: Mapping[str, Callable[[Any], Any]] = {
    "Byte": _within(8),
    "Short": _within(16),
    "Int": _within(32),
    "Long": _send_long,
    "BigInteger": _send_big_integer,
    "Float": _plain_float,
    "Char": lambda value: str(value),
    "DateMillis": lambda value: value,
    "JavaDate": _send_java_date,
    "LocalDateTime": _send_naive,
    "Instant": _send_instant,
    "OffsetDateTime": _send_offset_datetime,
    "ZonedDateTime": _send_zoned_datetime,
    "Locale": lambda value: _object(f"{_IO}LocaleHandle", value=str(value)),
    "Currency": lambda value: _object("java.util.Currency", currencyCode=str(value)),
    "JavaClass": lambda value: _object("java.lang.Class", name=str(value)),
    "datetime": _send_datetime,
    "date": _send_date,
    "time": _send_time,
    "timedelta": lambda value: _send_seconds("Duration", value),
    "timezone": lambda value: _send_offset(value.utcoffset(None)),
    "Decimal": _send_decimal,
    "UUID": lambda value: _object("java.util.UUID", value=str(value)),
}

__all__ = [
    "Array",
    "BigInteger",
    "Byte",
    "Char",
    "Currency",
    "DateMillis",
    "Descriptor",
    "Float",
    "GenericObject",
    "Instant",
    "Int",
    "JavaClass",
    "JavaDate",
    "JavaException",
    "LocalDateTime",
    "Locale",
    "Long",
    "MapEntries",
    "OffsetDateTime",
    "Short",
    "TypedList",
    "TypedMap",
    "TypedSet",
    "ZonedDateTime",
]
