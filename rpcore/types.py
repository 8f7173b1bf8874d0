"""What a declaration may say about how a type looks on the wire, beyond its hints."""

from __future__ import annotations

from dataclasses import dataclass


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


__all__ = ["Dto", "Name"]
