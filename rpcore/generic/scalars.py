"""The leaves of a conversion: what a generic caller may write for a number, a text, an instant.

As lenient as Java's, but never lossy: text becomes a number, a whole ``5.0`` an int, ``1`` a boolean; ``2.7`` does
not become an int, and what does not fit the declared width is refused, where Java would cut it.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rpcore._codec import GenericObject


class JsonFloat(float):
    """A number of a JSON text, which keeps its digits for a Decimal."""

    __slots__ = ("digits",)

    digits: str

    def __new__(cls, digits: str) -> JsonFloat:
        made = super().__new__(cls, digits)
        made.digits = digits
        return made


Realize = Callable[[Any], Any]
"""From what arrived to a value of the declared type; ValueError or TypeError when it is none."""

_WHOLE = re.compile(r"[+-]?[0-9]+")
_EPOCH_TEXT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
"""``yyyy-MM-dd HH:mm:ss``, Java's format for java.util.Date in generic calls: in the provider's own time zone."""


def refuse(expected: str, value: Any) -> ValueError:
    """The error for a value that is none of the declared type."""
    if value is None:
        return ValueError(f"expected {expected}, got None")
    shown = repr(value)
    if len(shown) > 60:
        shown = f"{shown[:57]}..."
    return ValueError(f"expected {expected}, got {type(value).__name__} {shown}")


def whole(name: str, low: int | None, high: int | None) -> Realize:
    """Ints from ``low`` to ``high``, of a Java type called ``name``; None for no limit."""

    def realize(value: Any) -> int:
        found = _whole(name, value)
        if low is not None and high is not None and not low <= found <= high:
            raise ValueError(f"{found} does not fit the {min((high - low).bit_length(), 64)} bits of {name}")
        return found

    return realize


def _whole(name: str, value: Any) -> int:
    if isinstance(value, bool):
        raise refuse(name, value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, str):
        if _WHOLE.fullmatch(value):
            return int(value)
    elif isinstance(value, float) or type(value).__name__ == "Decimal":
        found = int(value) if value - value == 0 else None
        if found is not None and found == value:
            return found
    raise refuse(name, value)


def real(value: Any) -> float:
    """Doubles."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            raise refuse("float", value) from None
    if isinstance(value, bool) or not (isinstance(value, int | float) or type(value).__name__ == "Decimal"):
        raise refuse("float", value)
    return float(value)


def single(value: Any) -> float:
    """Java's float, rounded to 32 bits."""
    try:
        found: float = struct.unpack("<f", struct.pack("<f", real(value)))[0]
    except OverflowError:
        raise ValueError(f"{value} does not fit the 32 bits of Float") from None
    return found


def boolean(value: Any) -> bool:
    """Booleans; numbers are true unless 0."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value != 0
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise refuse("bool", value)


def text(value: Any) -> str:
    """Strings only: a number is no text, in Java neither."""
    if isinstance(value, str):
        return str.__str__(value)
    raise refuse("str", value)


def char(value: Any) -> str:
    """One UTF-16 unit."""
    if isinstance(value, str) and len(value) == 1 and ord(value) <= 0xFFFF:
        return str(value)
    raise refuse("Char", value)


def nothing(value: Any) -> None:
    """None."""
    if value is not None:
        raise refuse("None", value)


def octets(make: type) -> Realize:
    """Bytes and the like; a list of Java bytes (-128 to 127) too."""

    def realize(value: Any) -> Any:
        if isinstance(value, bytes | bytearray | memoryview):
            return value if type(value) is make else make(bytes(value))
        if isinstance(value, list | tuple):
            numbers = [_whole("byte", item) for item in value]
            if all(-128 <= number <= 255 for number in numbers):
                return make(bytes(number & 0xFF for number in numbers))
        raise refuse(make.__name__, value)

    return realize


# ---- java.time, java.util.Date, and others that are text in JSON


def moment(kind: str) -> Realize:
    """Instants and local times of a ``datetime`` hint.

    Args:
        kind: ``"datetime"`` (aware, or naive for a LocalDateTime), ``"LocalDateTime"`` (naive), or the name of a hint
            that is an instant: ``"JavaDate"``, ``"Instant"``, ``"OffsetDateTime"``, ``"ZonedDateTime"``.
    """
    from datetime import UTC, datetime, timedelta

    epoch = datetime(1970, 1, 1, tzinfo=UTC)

    def realize(value: Any) -> datetime:
        found: datetime | None = None
        if isinstance(value, datetime):
            found = value
        elif isinstance(value, str):
            found = parse(value)
        elif isinstance(value, int) and not isinstance(value, bool) and kind in ("datetime", "JavaDate"):
            try:
                return epoch + timedelta(milliseconds=int(value))
            except OverflowError:
                raise ValueError(f"{int(value)} ms is outside the years 1 to 9999") from None
        if found is None:
            raise refuse(kind, value)
        aware = found.utcoffset() is not None
        if kind == "LocalDateTime" and aware:
            raise ValueError(f"a LocalDateTime has no zone: {value!r}")
        if kind not in ("LocalDateTime", "datetime") and not aware:
            raise ValueError(f"{kind} is an instant and needs a zone: {value!r}")
        return found

    def parse(value: str) -> datetime | None:
        bare = value.partition("[")[0]  # 2026-01-31T10:00:00+01:00[Europe/Paris]
        try:
            found = datetime.fromisoformat(bare)
        except ValueError:
            return None
        if _EPOCH_TEXT.fullmatch(bare) and kind in ("datetime", "JavaDate"):
            return found.astimezone()
        return found

    return realize


def day(value: Any) -> Any:
    """A date; of Java's date and time text, the date."""
    from datetime import date, datetime

    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value).date() if _EPOCH_TEXT.fullmatch(value) else date.fromisoformat(value)
        except ValueError:
            pass
    raise refuse("date", value)


def clock(value: Any) -> Any:
    """A time; of Java's date and time text, the time."""
    from datetime import datetime, time

    if isinstance(value, time):
        return value
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value).time() if _EPOCH_TEXT.fullmatch(value) else time.fromisoformat(value)
        except ValueError:
            pass
    raise refuse("time", value)


def duration(value: Any) -> Any:
    """A timedelta, or ISO 8601 text."""
    from datetime import timedelta

    from rpcore._codec import parse_duration

    if isinstance(value, timedelta):
        return value
    if isinstance(value, str):
        try:
            return parse_duration(timedelta, value)
        except ValueError:
            pass
    entries = maps_of(value)
    if entries is not None:  # by its getters, as Java's generalize writes it
        seconds, nano = entries.get("seconds"), entries.get("nano", entries.get("nanos", 0))
        if isinstance(seconds, int) and isinstance(nano, int):
            return timedelta(seconds=seconds, microseconds=nano // 1000)
    raise refuse("timedelta", value)


def decimal(value: Any) -> Any:
    """A Decimal: of text exactly, of a float its shortest digits, as Java's ``BigDecimal.valueOf``."""
    from decimal import Decimal, InvalidOperation

    if isinstance(value, Decimal):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise refuse("Decimal", value)
    try:
        if isinstance(value, float):
            return Decimal(value.digits if isinstance(value, JsonFloat) else repr(float(value)))
        return Decimal(value)
    except InvalidOperation:
        raise refuse("Decimal", value) from None


def unique_id(value: Any) -> Any:
    """A UUID or its text."""
    from uuid import UUID

    if isinstance(value, UUID):
        return value
    if isinstance(value, str):
        try:
            return UUID(value)
        except ValueError:
            pass
    entries = maps_of(value)
    if entries is not None:  # by its getters, as Java's generalize writes it, or by its fields, as a bean
        most = entries.get("mostSignificantBits", entries.get("mostSigBits"))
        least = entries.get("leastSignificantBits", entries.get("leastSigBits"))
        if isinstance(most, int) and isinstance(least, int):
            return UUID(int=(most & (1 << 64) - 1) << 64 | least & (1 << 64) - 1)
    raise refuse("UUID", value)


def currency(value: Any) -> str:
    """The code of a currency, or a map with it."""
    entries = maps_of(value)
    return text(value if entries is None else entries.get("currencyCode"))


# ---- the other direction, for values that plain JSON does not have


def iso(value: Any) -> str:
    """As Java writes it: ``2026-01-31T10:00``, ``PT1H``, the 36 digits of a UUID."""
    from datetime import UTC, datetime, timedelta

    if isinstance(value, datetime) and value.tzinfo is UTC:
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, timedelta):
        from rpcore._codec import format_duration

        return format_duration(value)
    return str(value.isoformat()) if hasattr(value, "isoformat") else str(value)


def maps_of(value: Any) -> Mapping[Any, Any] | None:
    """``value`` as a map, or None: dicts, and objects of unknown classes."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, GenericObject):
        return dict(value.items())
    return None


def pairs_of(value: Any) -> Iterable[tuple[Any, Any]] | None:
    """The entries of a map, or None. Keys that are no text come as a list of pairs from some serializations."""
    entries = maps_of(value)
    if entries is not None:
        return entries.items()
    if isinstance(value, list) and all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in value):
        return [(key, item) for key, item in value]
    return None
