"""Whether one hint contradicts another, for values that go from a declaration to a handler and back.

This is no type checker. It answers only what is certain from the hints alone: what it does not know
(type variables, Protocols, invariance) it lets pass, because mypy and the codec see the rest.
"""

from __future__ import annotations

import types
import typing
from typing import Any, Literal, TypeVar

_UNIONS = (typing.Union, types.UnionType)
_DEEPEST = 20  # recursive aliases that differ in name would otherwise be compared for ever


def contradicts(source: Any, target: Any) -> bool:
    """Whether some value of ``source`` is surely not a ``target``: ``int | None`` contradicts ``int``."""
    return not _fits(source, target, 0)


def _fits(source: Any, target: Any, depth: int) -> bool:
    source, target = _plain(source), _plain(target)
    if source == target or target is object or depth > _DEEPEST:
        return True
    if any(hint is Any or isinstance(hint, TypeVar) for hint in (source, target)):
        return True
    if typing.get_origin(source) in (*_UNIONS, Literal):
        return all(_fits(member, target, depth + 1) for member in _members(source))
    if typing.get_origin(target) in (*_UNIONS, Literal):
        return any(_fits(source, member, depth + 1) for member in _members(target))
    source_class, target_class = (typing.get_origin(hint) or hint for hint in (source, target))
    if source_class is int and target_class is float:
        return True
    try:
        if not issubclass(source_class, target_class):
            return False
    except TypeError:  # one of them is no class, or is a Protocol or TypedDict
        return True
    return _arguments_fit(source, target, depth + 1)


def _arguments_fit(source: Any, target: Any, depth: int) -> bool:
    ours, theirs = typing.get_args(source), typing.get_args(target)
    if not ours or not theirs:
        return True
    if typing.get_origin(source) is tuple:
        variadic = Ellipsis in ours or Ellipsis in theirs or typing.get_origin(target) is not tuple
        if not variadic:
            return len(ours) == len(theirs) and all(_fits(a, b, depth) for a, b in zip(ours, theirs, strict=True))
        return all(_fits(a, b, depth) for a in ours for b in theirs if a is not ... and b is not ...)
    return len(ours) != len(theirs) or all(_fits(a, b, depth) for a, b in zip(ours, theirs, strict=True))


def _members(hint: Any) -> tuple[Any, ...]:
    members = typing.get_args(hint)
    return tuple(type(value) for value in members) if typing.get_origin(hint) is Literal else members


def _plain(hint: Any) -> Any:
    """``hint`` without the layers that make no other type of it."""
    while True:
        if typing.get_origin(hint) is typing.Annotated:
            hint = hint.__origin__
        elif isinstance(hint, typing.NewType):
            hint = hint.__supertype__
        elif type(hint).__name__ == "TypeAliasType":  # in typing from Python 3.12
            hint = hint.__value__
        else:
            return type(None) if hint is None else hint
