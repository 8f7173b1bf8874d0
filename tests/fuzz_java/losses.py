"""What was sent against what came back from Java: the same, or changed in one of the ways that are known.

``Comparison`` walks both at once. Every loss has its name and its exact effect here; what is neither equal nor a known
loss is a difference, and an error. Sharing is compared too: one object is one object, two are two.
"""

from __future__ import annotations

import dataclasses
import enum
import math
import struct
from collections import Counter
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any, get_args, get_type_hints
from uuid import UUID

from fuzz_java.classes import KNOWN, Bean, Floats, Node, Plain, Point
from rpcore._codec import GenericObject
from rpcore.javatypes import (
    BigInteger,
    Byte,
    Char,
    DateMillis,
    Float,
    Instant,
    Int,
    JavaClass,
    JavaDate,
    JavaException,
    LocalDateTime,
    Locale,
    Long,
    MapEntries,
    OffsetDateTime,
    Short,
    TypedList,
    TypedMap,
    TypedSet,
    ZonedDateTime,
)
from rpcore.javatypes import Currency as JavaCurrency

LOSSES = {
    "-0.0": "-0.0 comes back as 0.0: Java writes both as 5b",
    "minus zero of a decimal": "Decimal('-0') has no sign in Java",
    "milliseconds": "an aware datetime is a java.util.Date: microseconds are cut to milliseconds",
    "pairs": "a high surrogate followed by a low one is one character",
    "tuple": "a tuple comes back as a list",
    "frozenset": "a frozenset comes back as a set",
    "bytearray": "a bytearray comes back as bytes",
    "width": "Int, Short, Byte and Float are not told from int and float",
    "text": "a Char is a str",
    "enum without a class": "an Enum without wire_name comes back as its value",
    "record without a class": "a record without wire_name comes back as a dict",
    "unknown class": "an object of a class that Java does not have comes back as a dict",
    "no longer hashable": "a dict with tuples or sets as keys, or a set of them, comes back as pairs or a list",
    "array list": "java.util.ArrayList is a list, java.util.HashMap a dict",
    "fields": "an object of a class that Java knows comes back with all its fields, in Java's order",
    "float field": "hessian-lite 4 reads a float field as the lower half of a double",
    "copies": "what is shared after a UUID is sent as copies: hessian-lite 3 would miscount references to it",
    "cycle after UUID": "hessian-lite 3 does not count a UUID, so that a cycle after one leads elsewhere, or nowhere",
    "offset zone": "a ZonedDateTime with a fixed offset comes back with that offset as its zone",
}


class Difference(AssertionError):
    """What came back is neither what was sent nor what a known loss makes of it."""


class Comparison:
    """Of the values of one graph, by ``same``.

    Args:
        version: of hessian-lite.
        found: counts the losses.
        shared: whether one object must have stayed one.
    """

    def __init__(self, version: str, found: Counter[str], *, shared: bool = True) -> None:
        self.version = version
        self.found = found
        self.shared = shared
        self.seen: dict[int, list[Any]] = {}
        self.back: dict[int, int] = {}
        self.kept: list[Any] = []

    def loss(self, name: str) -> None:
        assert name in LOSSES
        self.found[name] += 1

    def check(self, true: object, path: str, sent: Any, got: Any) -> None:
        if not true:
            raise Difference(
                f"{path or '$'}: sent {type(sent).__name__} {sent!r:.300}, got {type(got).__name__} {got!r:.300}"
            )

    def again(self, sent: Any, got: Any, path: str) -> bool:
        """Whether this pair of containers was compared before; both sides must agree that it was."""
        before = self.seen.setdefault(id(sent), [])
        if any(one is got for one in before):
            return True
        if before:
            self.check(not self.shared, f"{path} (shared)", sent, got)
            self.loss("copies")
        before.append(got)
        self.kept += (sent, got)
        owner = self.back.setdefault(id(got), id(sent))
        self.check(owner == id(sent), f"{path} (not shared)", sent, got)
        return False

    # ---- by type

    def same(self, sent: Any, got: Any, path: str = "", hint: Any = None) -> None:
        """Compare; raises Difference.

        Args:
            sent: what was encoded.
            got: what was decoded in the end.
            path: where this is.
            hint: the declared type that both were encoded and decoded with, where that decides.
        """
        cls = type(sent)
        if sent is None or isinstance(sent, bool):
            self.check(got is sent, path, sent, got)
        elif cls is str or isinstance(sent, (Locale, JavaCurrency, JavaClass, Char)):
            self.text(sent, got, path)
        elif isinstance(sent, DateMillis):
            self.check(type(got) is DateMillis and int(got) == int(sent), path, sent, got)
        elif isinstance(sent, int):
            self.int_(sent, got, path, hint)
        elif isinstance(sent, float):
            self.float_(sent, got, path)
        elif isinstance(sent, (bytes, bytearray, memoryview)):
            if not isinstance(sent, bytes):
                self.loss("bytearray")
            self.check(type(got) is bytes and got == sent, path, sent, got)
        elif isinstance(sent, (datetime, date, time, timedelta, timezone, Decimal, UUID)):
            self.simple(sent, got, path, hint)
        elif isinstance(sent, enum.Enum):
            if hasattr(cls, "__rpcore_dto__"):
                self.check(got is sent, path, sent, got)
            else:
                self.loss("enum without a class")
                self.same(sent.value, got, path)
        else:
            self.container(sent, got, path, hint)

    def text(self, sent: str, got: Any, path: str) -> None:
        if isinstance(sent, Char):
            self.loss("text")
        expected = str(sent).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
        if expected != sent:
            self.loss("pairs")
        cls = type(sent) if isinstance(sent, (Locale, JavaCurrency, JavaClass)) else str
        if type(got) in (Locale, JavaCurrency) and type(sent) is str:
            cls = type(got)  # of a declared field
        self.check(type(got) is cls and str(got) == expected, path, sent, got)

    def int_(self, sent: int, got: Any, path: str, hint: Any) -> None:
        if isinstance(sent, (Int, Short, Byte)):
            self.loss("width")
        wide = not -(2**63) <= sent < 2**63
        small = -(2**31) <= sent < 2**31
        if hint is not None:
            expected: type = int
        elif wide or type(sent) is BigInteger:
            expected = BigInteger
        else:
            expected = Long if type(sent) is Long and small else int
        self.check(type(got) is expected and int(got) == int(sent), path, sent, got)

    def float_(self, sent: float, got: Any, path: str) -> None:
        if isinstance(sent, Float):
            self.loss("width")
        if sent == 0 and math.copysign(1, sent) < 0:
            self.loss("-0.0")
            sent = 0.0
        exact = type(got) is float and struct.pack("d", got) == struct.pack("d", sent)
        self.check(exact or (math.isnan(sent) and type(got) is float and math.isnan(got)), path, sent, got)

    def simple(self, sent: Any, got: Any, path: str, hint: Any) -> None:
        expected, cls = sent, type(sent)
        if isinstance(sent, datetime):
            if cls in (datetime, JavaDate) and sent.tzinfo is not None and hint in (None, datetime, JavaDate):
                cut = sent.microsecond // 1000 * 1000
                if cut != sent.microsecond:
                    self.loss("milliseconds")
                expected = sent.replace(microsecond=cut)
                cls = datetime
            elif hint is not None:
                cls = hint
            if cls is LocalDateTime:
                cls = datetime
            self.check(
                type(got) is cls and got == expected and (got.tzinfo is None) == (sent.tzinfo is None), path, sent, got
            )
            if cls in (OffsetDateTime, ZonedDateTime):
                self.check(
                    got.utcoffset() == sent.utcoffset() and got.replace(tzinfo=None) == sent.replace(tzinfo=None),
                    path,
                    sent,
                    got,
                )
            if cls is ZonedDateTime:
                key = getattr(sent.tzinfo, "key", None)
                if key is None:
                    self.loss("offset zone")
                else:
                    self.check(getattr(got.tzinfo, "key", None) == key, path, sent, got)
            if cls is Instant:
                self.check(got.utcoffset() == timedelta(0), path, sent, got)
            return
        if isinstance(sent, Decimal):
            if sent.is_zero() and sent.is_signed():
                self.loss("minus zero of a decimal")
                expected = sent.copy_abs()
            self.check(type(got) is Decimal and got.as_tuple() == expected.as_tuple(), path, sent, got)
            return
        self.check(type(got) is cls and got == expected, path, sent, got)
        if isinstance(sent, time):
            self.check(got.utcoffset() == sent.utcoffset(), path, sent, got)

    # ---- what has elements

    def container(self, sent: Any, got: Any, path: str, hint: Any) -> None:
        if isinstance(sent, tuple) and not sent:
            self.loss("tuple") if hint is None else None
            self.check(got == ([] if hint is None else ()), path, sent, got)
        elif isinstance(sent, (set, frozenset)):
            self.set_(sent, got, path)
        elif isinstance(sent, Point):
            self.check(type(got) is Point, path, sent, got)
            self.same(sent.x, got.x, f"{path}.x")
            self.same(sent.label, got.label, f"{path}.label")
        elif self.again(sent, got, path):
            return
        elif isinstance(sent, (list, tuple)):
            self.list_(sent, got, path, hint)
        elif isinstance(sent, dict):
            self.dict_(sent, got, path, hint)
        elif isinstance(sent, GenericObject):
            self.generic(sent, got, path)
        elif isinstance(sent, JavaException):
            self.exception(sent, got, path)
        elif isinstance(sent, Plain):
            self.loss("record without a class")
            self.check(type(got) is dict, path, sent, got)
            self.dict_({"first": sent.first, "second": sent.second}, got, path, None)
        elif isinstance(sent, Floats):
            self.floats(sent, got, path)
        else:
            self.record(sent, got, path)

    def list_(self, sent: Any, got: Any, path: str, hint: Any) -> None:
        inner = get_args(hint) or (None,)
        cls: type = list
        if isinstance(sent, tuple):
            if hint is None:
                self.loss("tuple")
            else:
                cls = tuple
        elif isinstance(sent, TypedList):
            if sent.type_name == "java.util.ArrayList":
                self.loss("array list")
            else:
                cls = TypedList
        self.check(type(got) is cls and len(got) == len(sent), path, sent, got)
        if cls is TypedList:
            self.check(got.type_name == sent.type_name, path, sent, got)
        for i, (one, other) in enumerate(zip(sent, got, strict=True)):
            kind = inner[i if len(inner) > 1 else 0]
            if isinstance(sent, TypedList):
                one, kind = of_array(sent.type_name, one), None
            self.same(one, other, f"{path}[{i}]", None if kind is Any else kind)

    def set_(self, sent: Any, got: Any, path: str) -> None:
        if isinstance(sent, frozenset):
            self.loss("frozenset")
        if sent and self.again(sent, got, path):
            return
        name = getattr(sent, "type_name", "java.util.HashSet")
        if any(not hashable_after(item) for item in sent):
            self.loss("no longer hashable")
            self.check(type(got) is TypedList and got.type_name == name, path, sent, got)
        elif isinstance(sent, TypedSet):
            self.check(type(got) is TypedSet and got.type_name == name, path, sent, got)
        else:
            self.check(type(got) is set, path, sent, got)
        ours, theirs = sorted(map(plain, sent)), sorted(map(plain, got))
        self.check(ours == theirs, path, ours, theirs)

    def dict_(self, sent: dict[Any, Any], got: Any, path: str, hint: Any) -> None:
        value_hint = (get_args(hint) or (None, None))[1]
        name = getattr(sent, "type_name", None)
        if name == "java.util.HashMap":
            self.loss("array list")
            name = None
        self.check(getattr(got, "type_name", None) == name, path, sent, got)
        if any(not hashable_after(key) for key in sent):
            self.loss("no longer hashable")
            self.check(type(got) is MapEntries, path, sent, got)
        else:
            self.check(type(got) is (TypedMap if name else dict), path, sent, got)
        pairs = got if isinstance(got, MapEntries) else list(got.items())
        theirs = {plain(key): value for key, value in pairs}
        ours = {plain(key): value for key, value in sent.items()}
        self.check(len(pairs) == len(theirs) and ours.keys() == theirs.keys(), path, list(ours), list(theirs))
        for key, value in ours.items():
            self.same(value, theirs[key], f"{path}[{key}]", None if value_hint is Any else value_hint)

    def generic(self, sent: GenericObject, got: Any, path: str) -> None:
        fields = KNOWN.get(sent.class_name)
        if sent.class_name == "org.fuzz.Other":
            fields = ("x", "label", "a")
        if fields is None:
            self.loss("unknown class")
            self.check(type(got) is dict, path, sent, got)
            self.dict_(sent.fields, got, path, None)
            return
        self.loss("fields")
        self.check(type(got) is GenericObject and got.class_name == sent.class_name, path, sent, got)
        self.check(set(got.names) >= set(fields), path, sent, got)
        for name in fields:
            default = 0 if name in ("x", "a") else None
            self.same(sent.get(name, default), got[name], f"{path}.{name}")

    def exception(self, sent: JavaException, got: Any, path: str) -> None:
        self.check(type(got) is JavaException and got.class_name == sent.class_name, path, sent, got)
        self.same(sent.message, got.message, f"{path}.message")
        if sent.cause is None:
            self.check(got.cause is None, f"{path}.cause", sent, got)
        else:
            self.same(sent.cause, got.cause, f"{path}.cause")
        self.check(len(got.suppressed) == len(sent.suppressed), f"{path}.suppressed", sent, got)
        for one, other in zip(sent.suppressed, got.suppressed, strict=True):
            self.same(one, other, f"{path}.suppressed")
        self.check(len(got.frames) == len(sent.frames), f"{path}.frames", sent, got)
        for one, other in zip(sent.frames, got.frames, strict=True):
            for name, value in one.items():
                self.same(value, other[name], f"{path}.frames.{name}")
        self.check(sent.fields.keys() == got.fields.keys(), f"{path}.fields", sent.fields, got.fields)
        for name, value in sent.fields.items():
            self.same(value, got.fields[name], f"{path}.{name}")

    def record(self, sent: Any, got: Any, path: str) -> None:
        cls = type(sent)
        assert cls in (Node, Bean), cls
        self.check(type(got) is cls, path, sent, got)
        for f in dataclasses.fields(cls):
            self.same(getattr(sent, f.name), getattr(got, f.name), f"{path}.{f.name}", HINTS[cls][f.name])

    def floats(self, sent: Floats, got: Any, path: str) -> None:
        self.check(type(got) is Floats, path, sent, got)
        self.same(sent.pad, got.pad, f"{path}.pad", Int)
        expected = sent.narrow
        if self.version == "4.0.4":
            self.loss("float field")
            expected = struct.unpack("<f", struct.pack("<d", sent.narrow)[:4])[0]
        self.check(got.narrow == expected, f"{path}.narrow", expected, got.narrow)
        self.same(sent.boxed, got.boxed, f"{path}.boxed")
        self.same(sent.array, got.array, f"{path}.array", list[float])


def has_uuid_and_cycle(values: list[Any]) -> tuple[bool, bool]:
    """Whether a graph has UUIDs, and whether anything in it contains itself."""
    uuid = cycle = False
    active: set[int] = set()
    done: set[int] = set()

    def visit(value: Any) -> None:
        nonlocal uuid, cycle
        uuid = uuid or isinstance(value, UUID)
        cycle = cycle or id(value) in active
        inner = elements(value)
        if not inner or id(value) in active or id(value) in done:
            return
        active.add(id(value))
        for item in inner:
            visit(item)
        active.remove(id(value))
        done.add(id(value))

    visit(values)
    return uuid, cycle


def elements(value: Any) -> list[Any]:
    """What a value contains."""
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    if isinstance(value, (list, tuple, set, frozenset)):
        return list(value)
    if isinstance(value, GenericObject):
        return [item for _, item in value.items()]
    if isinstance(value, JavaException):
        return [value.cause, *value.suppressed, *value.frames, *value.fields.values()]
    if dataclasses.is_dataclass(value):
        return [getattr(value, f.name) for f in dataclasses.fields(value)]
    return []


def of_array(type_name: str, item: Any) -> Any:
    """An element as Java's array of that type has it."""
    if type_name == "[long" and -(2**31) <= item < 2**31:
        return Long(item)
    return item


def hashable_after(key: Any) -> bool:
    """Whether Python can hash what comes back of a key."""
    return not isinstance(key, (tuple, frozenset))


def plain(key: Any) -> str:
    """A key as text, the same before and after."""
    if isinstance(key, (tuple, list)) and not hasattr(key, "type_name"):
        return f"[{', '.join(map(plain, key))}]"
    if isinstance(key, (set, frozenset)):
        return f"{{{', '.join(sorted(map(plain, key)))}}}"
    if isinstance(key, str):
        return repr(key.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass"))
    if isinstance(key, Point):
        return f"Point({int(key.x)}, {plain(key.label)})"
    if isinstance(key, GenericObject):
        fields = {"x": 0, "label": None, "a": 0} | key.fields
        return f"{key.class_name}{sorted(fields.items(), key=str)}"
    if isinstance(key, int) and not isinstance(key, bool):
        return repr(int(key))
    return repr(key)


def bare(hint: Any) -> Any:
    """A hint without None."""
    args = [arg for arg in get_args(hint) if arg is not type(None)]
    if type(None) in get_args(hint):
        return bare(args[0])
    return None if hint is Any else hint


HINTS = {
    cls: {name: bare(hint) for name, hint in get_type_hints(cls, include_extras=True).items()} for cls in (Node, Bean)
}
