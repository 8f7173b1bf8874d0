"""From declared types to the conversions between their values and those of a generic call.

``Conversions.of(hint)`` compiles a hint into a tree of nodes (nodes.py), as plan.py does for the wire; a record
compiles once and may contain itself.

Where nothing is declared (``Any``) the value decides: a map with a ``"class"`` that ``wire_name`` gave to a class
becomes that class. No other class is ever made by name.
"""

from __future__ import annotations

import collections.abc
import datetime
import decimal
import enum
import typing
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeVar, get_args, get_origin

from rpcore import javatypes
from rpcore._codec import GenericObject
from rpcore.class_hints import (
    bind,
    class_hints,
    descriptor_of,
    fingerprint,
    is_alias,
    is_union,
    mentioned,
    plain,
    substitute,
    unbound,
    union_members,
)
from rpcore.errors import ConfigurationError, DecodeError, EncodeError
from rpcore.generic import scalars
from rpcore.generic.nodes import (
    DATE,
    OBJECT,
    Choice,
    Conversion,
    Entries,
    Fixed,
    Form,
    Items,
    Member,
    Misfit,
    Object,
    Scalar,
    Union,
    Walk,
    class_of,
    inside,
)
from rpcore.plan import BY_DESCRIPTOR
from rpcore.records import Record, describe
from rpcore.types import named_class


class Conversions:
    """Compiles the hints of one interface.

    Args:
        naming: the convention for fields of records that name none.
    """

    def __init__(self, naming: str = "") -> None:
        self.naming = naming
        self.names: dict[str, Any] = {}
        """What hints may name where Python would not find it: the classes met so far."""
        self.objects: dict[Any, Object] = {}
        self.aliases: dict[Any, _Alias] = {}
        self.inside: list[Object] = []
        """Records being compiled, outermost first, for ``Self``."""

    def of(self, hint: Any) -> Conversion:
        """The node of a resolved hint.

        Raises:
            ConfigurationError: it is no type that can be sent.
        """
        for cls in mentioned(hint):
            self.names.setdefault(cls.__name__, cls)
        marker = BY_DESCRIPTOR.get(descriptor_of(hint) or "")
        hint = plain(hint)
        if marker is not None and hint in (int, float, str):
            return SCALARS[marker]
        origin = get_origin(hint)
        if hint is Any or hint is object:
            return ANY
        if hint is None:
            return SCALARS["NoneType"]
        if is_union(hint):
            return self._union(hint)
        if origin is Literal:
            return Choice(get_args(hint))
        if is_alias(hint) or is_alias(origin):
            return self._alias(hint)
        if isinstance(hint, TypeVar):
            return self.of(unbound(hint))
        if hint is typing.LiteralString:
            return SCALARS["str"]
        if hint is typing.Self and self.inside:
            return self.inside[-1]
        cls = origin or hint
        if not isinstance(cls, type):
            raise ConfigurationError(f"{hint!r} is not a type that can be sent")
        return self._class(cls, get_args(hint))

    def _class(self, cls: type, args: tuple[Any, ...]) -> Conversion:
        if cls.__module__ in _SCALAR_MODULES and cls.__name__ in SCALARS:
            return SCALARS[cls.__name__]
        if cls.__module__ == "rpcore.javatypes" or cls is GenericObject:
            return Items("list", self._first(args), (list,), list, "[") if cls.__name__ == "Array" else ANY
        if cls is tuple:
            return self._tuple(args)
        if cls is dict or cls in (collections.abc.Mapping, collections.abc.MutableMapping):
            key, item = args or (Any, Any)
            return Entries(self.of(key), self.of(item))
        if cls in (set, frozenset, collections.abc.Set, collections.abc.MutableSet):
            make = frozenset if cls is frozenset else set
            return Items(cls.__name__, self._first(args), (cls,), make, "java.util.HashSet")
        if cls is list or cls.__module__ == "collections.abc":
            return Items(cls.__name__, self._first(args), (cls,), list)
        if issubclass(cls, enum.Enum):
            return Member(cls)
        record = describe(cls)
        if record is None:
            raise ConfigurationError(f"{cls.__qualname__} is not a type that can be sent")
        return self._record(cls, args, record)

    def _first(self, args: tuple[Any, ...]) -> Conversion:
        return self.of(args[0]) if args else ANY

    def _tuple(self, args: tuple[Any, ...]) -> Conversion:
        if not args or (len(args) == 2 and args[1] is ...):
            return Items("tuple", self._first(args), (tuple,), tuple)
        return Fixed([self.of(arg) for arg in args if arg != ()])

    def _record(self, cls: type, args: tuple[Any, ...], record: Record) -> Object:
        key = (cls, tuple(fingerprint(arg) for arg in args))
        found = self.objects.get(key)
        if found is None:
            found = self.objects[key] = Object(cls, self.of)
            hints = class_hints(cls, {f.name for f in record.fields}, bind(cls, args), self.names)
            self.inside.append(found)
            found.define(record, hints, self.naming)
            self.inside.pop()
        return found

    def _alias(self, hint: Any) -> Conversion:
        alias, args = get_origin(hint) or hint, get_args(hint)
        key = (alias, tuple(fingerprint(arg) for arg in args))
        found = self.aliases.get(key)
        if found is None:
            found = self.aliases[key] = _Alias()
            value = substitute(alias.__value__, dict(zip(alias.__type_params__, args, strict=False)))
            found.target = self.of(value)
        return found

    def _union(self, hint: Any) -> Conversion:
        members = list(dict.fromkeys(union_members(hint)))
        nodes = [self.of(member) for member in members if member is not type(None)]
        return Union(nodes, optional=len(nodes) < len(members))


class _Alias(Conversion):
    """``type X = ...``, which may mention itself."""

    target: Conversion

    def holds(self, value: Any) -> bool:
        return self.target.holds(value)

    def realize(self, value: Any, walk: Walk) -> Any:
        return self.target.realize(value, walk)

    def generalize(self, value: Any, walk: Walk) -> Any:
        return self.target.generalize(value, walk)


_AS_THEY_ARE = ("java.", "com.alibaba.com.caucho.hessian.io.")


class Anything(Conversion):
    """Where nothing is declared: the value decides."""

    def holds(self, value: Any) -> bool:
        return True

    def realize(self, value: Any, walk: Walk) -> Any:
        if not isinstance(value, list | dict | GenericObject):
            return value
        cls = named_class(class_of(value) or "")
        if cls is not None and not issubclass(cls, BaseException):
            return UNDECLARED.of(cls).realize(value, walk)
        if walk.known(self, value) is not None:
            return value
        walk.remember(self, value, value)
        # In place: it was decoded for this call, and keeps the name of its Java type.
        places = enumerate(value) if isinstance(value, list) else value.items()
        with walk:
            for place, item in list(places):
                try:
                    made = self.realize(item, walk)
                except ValueError as error:
                    raise inside(error, f"[{place!r}]") from None
                if made is not item:
                    value[place] = made
        return value

    def generalize(self, value: Any, walk: Walk) -> Any:
        if value is None:
            return None
        if isinstance(value, GenericObject):
            return self._object(value, walk)
        if isinstance(value, javatypes.JavaException):
            return value
        if isinstance(value, javatypes.MapEntries):
            return self._entries(value, walk)
        for base in type(value).__mro__:
            node = _LEAVES.get(base) or _CONTAINERS.get(base)
            if node is not None and not isinstance(value, enum.Enum) and not hasattr(value, "_fields"):
                return node.generalize(value, walk)
        if isinstance(value, enum.Enum) or describe(type(value)) is not None:
            return UNDECLARED.of(type(value)).generalize(value, walk)
        raise Misfit(f"cannot send a value of type {type(value).__name__}")

    def _entries(self, value: javatypes.MapEntries, walk: Walk) -> Any:
        """A map whose keys are not hashable."""
        known = walk.known(self, value)
        if known is not None:
            return known
        made, put = walk.form.entries(simple=False, type_name=value.type_name)
        walk.remember(self, value, made)
        with walk:
            for key, item in value:
                try:
                    put(self.generalize(key, walk), self.generalize(item, walk))
                except ValueError as error:
                    raise inside(error, f"[{key!r}]") from None
        return made

    def _object(self, value: GenericObject, walk: Walk) -> Any:
        """An object of a class that only Java knows; those of Java itself stay what they are."""
        if value.class_name.startswith(_AS_THEY_ARE):
            return value
        known = walk.known(self, value)
        if known is not None:
            return known
        made, put = walk.form.record(value.class_name)
        walk.remember(self, value, made)
        with walk:
            for name, item in value.items():
                put(name, self.generalize(item, walk))
        return made


class _Leaf(Conversion):
    """A leaf without a declaration: as it is."""

    def __init__(self, *, moment: bool = False, descriptor: str = "") -> None:
        self.moment = moment
        self.descriptor = descriptor

    def generalize(self, value: Any, walk: Walk) -> Any:
        write = walk.form.moment if self.moment else walk.form.scalar
        return write(value, self.descriptor)


def _scalars() -> Iterator[Scalar]:
    for name, bits, descriptor in (("Long", 64, "J"), ("Int", 32, "I"), ("Short", 16, "S"), ("Byte", 8, "B")):
        half = 1 << bits - 1
        yield Scalar(name, (int,), scalars.whole(name, -half, half - 1), descriptor)
    yield Scalar("int", (int,), scalars.whole("int", -(1 << 63), (1 << 64) - 1), "J")  # msgpack takes unsigned ones
    any_size = scalars.whole("BigInteger", None, None)
    yield Scalar("BigInteger", (int,), lambda value: javatypes.BigInteger(any_size(value)), "Ljava/math/BigInteger;")
    yield Scalar("float", (float, int), scalars.real, "D")
    yield Scalar("Float", (float, int), scalars.single, "F")
    yield Scalar("bool", (bool,), scalars.boolean, "Z")
    yield Scalar("Char", (str,), scalars.char, "C")
    yield Scalar("NoneType", (type(None),), scalars.nothing, OBJECT)
    for name in ("str", "Locale", "JavaClass"):
        yield Scalar(name, (str,), scalars.text, "Ljava/lang/String;")
    yield Scalar("Currency", (str,), scalars.currency, "Ljava/lang/String;")
    for octets in (bytes, bytearray, memoryview):
        yield Scalar(octets.__name__, (octets,), scalars.octets(octets), "[B")
    for name in ("datetime", "JavaDate", "LocalDateTime", "Instant", "OffsetDateTime", "ZonedDateTime"):
        descriptor = DATE if name in ("datetime", "JavaDate") else f"Ljava/time/{name};"
        yield Scalar(name, (datetime.datetime,), scalars.moment(name), descriptor, moment=True)
    yield Scalar("date", (datetime.date,), scalars.day, "Ljava/time/LocalDate;", moment=True)
    yield Scalar("time", (datetime.time,), scalars.clock, "Ljava/time/LocalTime;", moment=True)
    yield Scalar("timedelta", (datetime.timedelta,), scalars.duration, "Ljava/time/Duration;", moment=True)
    yield Scalar("Decimal", (decimal.Decimal,), scalars.decimal, "Ljava/math/BigDecimal;")
    yield Scalar("UUID", (uuid.UUID,), scalars.unique_id, "Ljava/util/UUID;", moment=True)


_SCALAR_MODULES = frozenset({"builtins", "datetime", "decimal", "uuid", "rpcore.javatypes"})
SCALARS: Mapping[str, Scalar] = {node.name: node for node in _scalars()}
"""The leaves by the name of their hint."""

ANY = Anything()
UNDECLARED = Conversions()
"""Of the classes that have a wire name, wherever nothing is declared."""

_LEAVES: Mapping[type, Conversion] = {
    **dict.fromkeys((bool, int, float, str, bytes, bytearray, memoryview, decimal.Decimal), _Leaf()),
    javatypes.Long: _Leaf(descriptor="J"),
    **dict.fromkeys(
        (javatypes.Instant, javatypes.OffsetDateTime, javatypes.ZonedDateTime, javatypes.LocalDateTime),
        _Leaf(moment=True),
    ),
    datetime.datetime: _Leaf(moment=True, descriptor=DATE),
    **dict.fromkeys(
        (datetime.date, datetime.time, datetime.timedelta, datetime.timezone, uuid.UUID), _Leaf(moment=True)
    ),
}
_CONTAINERS: Mapping[type, Conversion] = {
    list: Items("list", ANY, (list,), list),
    tuple: Items("tuple", ANY, (tuple,), tuple),
    set: Items("set", ANY, (set,), set, "java.util.HashSet"),
    frozenset: Items("frozenset", ANY, (frozenset,), frozenset, "java.util.HashSet"),
    dict: Entries(ANY, ANY),
}


def realize(value: Any, hint: Any = Any, *, naming: str = "") -> Any:
    """The value of a declared type that a generic caller's ``value`` stands for.

    Args:
        value: plain values, as JSON has them or hessian2.
        hint: the declared type.
        naming: ``"camel"`` for records that name no convention themselves.

    Raises:
        DecodeError: it does not fit; ``path`` says where.
        ConfigurationError: the hint is no type that can be sent.
    """
    return realized(Conversions(naming).of(hint), value, "value")


def generalize(value: Any, hint: Any = Any, *, naming: str = "", form: Form | None = None) -> Any:
    """``value`` as plain values: records as dicts with their class under ``"class"``, enums by name, times as text.

    Args:
        value: of the declared type.
        hint: the declared type; decides, for example, that an ``int`` is a Java long.
        naming: as in ``realize``.
        form: how to write it; by default as Java's PojoUtils.

    Raises:
        EncodeError: it does not fit; ``path`` says where.
        ConfigurationError: the hint is no type that can be sent.
    """
    return generalized(Conversions(naming).of(hint), value, "value", form or Form())


def realized(node: Conversion, value: Any, place: str) -> Any:
    """``realize`` by a compiled node; ``place`` begins the path in errors."""
    try:
        return node.realize(value, Walk())
    except ValueError as error:
        raise DecodeError(str(error), path=place + getattr(error, "path", "")) from error


def generalized(node: Conversion, value: Any, place: str, form: Form) -> Any:
    """``generalize`` by a compiled node."""
    try:
        return node.generalize(value, Walk(form))
    except ValueError as error:
        raise EncodeError(str(error), path=place + getattr(error, "path", "")) from error
