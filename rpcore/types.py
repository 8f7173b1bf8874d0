"""What a declaration may say about how a type looks on the wire, beyond its hints. Cheap to import: every
declaration needs it, while the compiler of plans (plan.py) is loaded when the first one is compiled.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from rpcore.javatypes import (
        Array,
        BigInteger,
        Byte,
        Char,
        Currency,
        DateMillis,
        Descriptor,
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
        MapEntries,
        OffsetDateTime,
        Short,
        TypedList,
        TypedMap,
        TypedSet,
        ZonedDateTime,
    )

C = TypeVar("C", bound=type)

_named: WeakValueDictionary[str, type] = WeakValueDictionary()


@dataclass(frozen=True, slots=True)
class Name:
    """The wire name of one field: ``user_id: Annotated[int, Name("userId")]``. Beats any ``naming``."""

    wire: str


@dataclass(frozen=True, slots=True)
class Dto:
    """What ``wire_name`` was told about a class; kept in the class's ``__dict__`` as ``__rpcore_dto__``."""

    name: str = ""
    naming: str = ""
    tag: str | None = None


DTO = "__rpcore_dto__"


def wire_name(name: str = "", *, naming: str = "", tag: str | None = None) -> Callable[[C], C]:
    """Decorator: how a class is called on the wire.

    Args:
        name: its wire name, such as a Java class name.
        naming: ``"camel"`` sends ``user_id`` as ``userId``; beats the interface's.
        tag: what stands under ``"@type"`` where a union must tell the class from others; default: ``name``, else the
            class's name.
    """

    def decorate(cls: C) -> C:
        setattr(cls, DTO, Dto(name, naming, tag))
        if name:
            _named[name] = cls
        return cls

    return decorate


def dto(cls: type) -> Dto:
    """What ``wire_name`` was told about ``cls`` itself; its bases do not count."""
    found = cls.__dict__.get(DTO)
    return found if isinstance(found, Dto) else Dto()


def named_class(name: str) -> type | None:
    """The class that ``wire_name`` gave this name; the last one, when it was given twice."""
    return _named.get(name)


def camel(name: str) -> str:
    """``user_id`` -> ``userId``; leading and trailing underscores stay."""
    bare = name.strip("_")
    start = name.index(bare)
    first, *rest = bare.split("_")
    return name[:start] + first + "".join(p[:1].upper() + p[1:] for p in rest) + name[start + len(bare) :]


def __getattr__(name: str) -> Any:
    """Java's types are loaded when one is first named."""
    if name in __all__:
        return getattr(importlib.import_module("rpcore.javatypes"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "Array",
    "BigInteger",
    "Byte",
    "Char",
    "Currency",
    "DateMillis",
    "Descriptor",
    "Dto",
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
    "Name",
    "OffsetDateTime",
    "Short",
    "TypedList",
    "TypedMap",
    "TypedSet",
    "ZonedDateTime",
    "camel",
    "dto",
    "named_class",
    "wire_name",
]
