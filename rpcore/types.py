"""What a declaration may say about how a type looks on the wire, beyond its hints. Cheap to import: every
declaration needs it, while the compiler of plans (plan.py) is loaded when the first one is compiled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

C = TypeVar("C", bound=type)


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
        return cls

    return decorate


def dto(cls: type) -> Dto:
    """What ``wire_name`` was told about ``cls`` itself; its bases do not count."""
    found = cls.__dict__.get(DTO)
    return found if isinstance(found, Dto) else Dto()


def camel(name: str) -> str:
    """``user_id`` -> ``userId``; leading and trailing underscores stay."""
    bare = name.strip("_")
    start = name.index(bare)
    first, *rest = bare.split("_")
    return name[:start] + first + "".join(p[:1].upper() + p[1:] for p in rest) + name[start + len(bare) :]


__all__ = ["Dto", "Name", "camel", "dto", "wire_name"]
