"""What a generic caller sends for a parameter whose Java type is known: checked here, because Java would not.

A Java provider cuts a number that does not fit (1 << 40 arrives as the int 0), and casts what it does not know how to
convert. So numbers are checked against the declared width, and times, UUIDs, locales become the class that is
declared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeAlias

from rpcore import javatypes
from rpcore.generic.conversions import SCALARS
from rpcore.generic.nodes import Walk, inside

Prepare: TypeAlias = Callable[[Any], Any]
"""From an argument to what is sent; ValueError for what does not fit."""


def _scalar(name: str, *, null: bool = True, wrap: Prepare | None = None) -> Prepare:
    """Values of a hint called ``name``.

    Args:
        null: whether None is one, as it is for everything but Java's primitive types.
        wrap: what makes the value say its Java class.
    """
    node = SCALARS[name]

    def prepare(value: Any) -> Any:
        if value is None and null:
            return None
        found = node.realize(value, Walk())
        return found if wrap is None else wrap(found)

    return prepare


def _instant_of(cls: type[datetime]) -> Prepare:
    return lambda value: cls.combine(value.date(), value.timetz())


def _date(value: Any) -> Any:
    # Text is for the provider: in its time zone.
    return _scalar("JavaDate")(value) if isinstance(value, datetime) else value


_NUMBERS = {"byte": "Byte", "short": "Short", "int": "Int", "long": "Long", "float": "Float", "double": "float"}
_BOXES = {"byte": "Byte", "short": "Short", "int": "Integer", "long": "Long", "float": "Float", "double": "Double"}

_BY_NAME: Mapping[str, Prepare] = {
    **{name: _scalar(hint, null=False) for name, hint in _NUMBERS.items()},
    **{f"java.lang.{_BOXES[name]}": _scalar(hint) for name, hint in _NUMBERS.items()},
    "boolean": _scalar("bool", null=False),
    "java.lang.Boolean": _scalar("bool"),
    "char": _scalar("Char", null=False),
    "java.lang.Character": _scalar("Char"),
    "java.lang.String": _scalar("str"),
    "java.math.BigDecimal": _scalar("Decimal"),
    "java.math.BigInteger": _scalar("BigInteger"),
    "java.util.Date": _date,
    "java.time.Instant": _scalar("Instant", wrap=_instant_of(javatypes.Instant)),
    "java.time.OffsetDateTime": _scalar("OffsetDateTime", wrap=_instant_of(javatypes.OffsetDateTime)),
    "java.time.ZonedDateTime": _scalar("ZonedDateTime", wrap=_instant_of(javatypes.ZonedDateTime)),
    "java.time.LocalDateTime": _scalar("LocalDateTime"),
    "java.time.LocalDate": _scalar("date"),
    "java.time.LocalTime": _scalar("time"),
    "java.time.Duration": _scalar("timedelta"),
    "java.util.UUID": _scalar("UUID"),
    "java.util.Locale": _scalar("str", wrap=javatypes.Locale),
    "java.util.Currency": _scalar("str", wrap=javatypes.Currency),
}


def prepare_for(type_name: str) -> Prepare | None:
    """What prepares arguments of a Java type; None for types whose values go as they are."""
    if not type_name.endswith("[]"):
        return _BY_NAME.get(type_name)
    prepare = prepare_for(type_name.removesuffix("[]").rstrip())
    if prepare is None:
        return None
    return _each(prepare)


def _each(prepare: Prepare) -> Prepare:
    def prepare_items(value: Any) -> Any:
        if not isinstance(value, list | tuple):
            return value  # bytes, and what the provider is to refuse
        made = []
        for place, item in enumerate(value):
            try:
                made.append(prepare(item))
            except ValueError as error:
                raise inside(error, f"[{place}]") from None
        return made

    return prepare_items
