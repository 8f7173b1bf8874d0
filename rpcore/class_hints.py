"""Hints of record classes: forward references, type variables, and what is wrapped around a type.

A name in a hint is looked up where Python would find it (the module of the class that wrote it, then that
class's body), then among the classes already met: so a class made inside a function may refer to itself and to
those around it.
"""

from __future__ import annotations

import inspect
import sys
import types
import typing
from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Any, NewType, TypeVar, get_args, get_origin

from rpcore.errors import ConfigurationError
from rpcore.types import Name

Bindings = Mapping[Any, Any]
"""Type variable -> hint."""

_WRAPPERS = ("Required", "NotRequired", "ReadOnly", "Final")


# ---- resolving


def class_hints(cls: type, wanted: Collection[str], bindings: Bindings, names: Mapping[str, Any]) -> dict[str, Any]:
    """Annotations of ``cls`` and its bases, resolved, with type variables replaced.

    Args:
        cls: the class.
        wanted: whose annotations.
        bindings: what its type variables stand for.
        names: further names that hints may use, when Python itself would not find them.

    Raises:
        ConfigurationError: a name is not defined; the text says in which class and field.
    """
    found: dict[str, Any] = {}
    for base, bound in _with_bases(cls, bindings):
        own = inspect.get_annotations(base)
        for name in own.keys() & wanted:
            found[name] = substitute(_evaluate_in(base, name, own[name], names), bound)
    return found


def function_hints(function: types.FunctionType, owner: type, names: Mapping[str, Any]) -> dict[str, Any]:
    """The annotations of a method of ``owner``, resolved."""
    own = inspect.get_annotations(function)
    return {name: _evaluate_in(owner, name, hint, names) for name, hint in own.items()}


def bind(cls: type, args: tuple[Any, ...]) -> Bindings:
    """What the type variables of a generic class stand for in ``cls[args]``; without ``args`` they stay unbound."""
    return dict(zip(getattr(cls, "__parameters__", ()), args, strict=False))


def substitute(hint: Any, bindings: Bindings) -> Any:
    """``hint`` with bound type variables replaced."""
    if isinstance(hint, TypeVar):
        return bindings.get(hint, hint)
    parameters = getattr(hint, "__parameters__", ())
    if get_origin(hint) is None or not parameters:
        return hint
    return hint[tuple(bindings.get(p, p) for p in parameters)]


def _with_bases(cls: type, bindings: Bindings) -> Iterator[tuple[type, Bindings]]:
    """``cls`` and its bases, base first, each with what its own type variables stand for."""
    known: dict[type, Bindings] = {}

    def visit(base: type, bound: Bindings) -> None:
        known.setdefault(base, bound)
        for parent in base.__dict__.get("__orig_bases__", base.__bases__):
            origin = get_origin(parent) or parent
            if isinstance(origin, type):
                visit(origin, bind(origin, tuple(substitute(arg, bound) for arg in get_args(parent))))

    visit(cls, bindings)
    for base in reversed(cls.__mro__):
        yield base, known.get(base, {})


def _evaluate_in(cls: type, name: str, hint: Any, names: Mapping[str, Any]) -> Any:
    """``hint`` as it was written in ``cls``, with every string in it replaced by what it names."""
    module = getattr(sys.modules.get(cls.__module__), "__dict__", {})
    parameters = {p.__name__: p for p in getattr(cls, "__type_params__", ())}
    # As typing does: the module's names beat those of the class body, where a default may hide a type.
    inner = {**module, **parameters}
    if "<locals>" in cls.__qualname__:
        inner[cls.__name__] = cls
    holder = type("holder", (), {"__annotations__": {name: hint}})
    try:
        return typing.get_type_hints(holder, {**names, **vars(cls)}, inner, include_extras=True)[name]
    except NameError as error:
        raise ConfigurationError(
            f"{cls.__qualname__}.{name}: {error} (hint {hint!r}); define it at module level, where hints see it"
        ) from error
    except (TypeError, SyntaxError, AttributeError) as error:
        raise ConfigurationError(f"{cls.__qualname__}.{name}: the hint {hint!r} is no type: {error}") from error


# ---- looking into a hint


def is_alias(hint: Any) -> bool:
    """Whether it is a ``type X = ...`` of Python 3.12, or the backport's."""
    return type(hint).__name__ == "TypeAliasType"


def plain(hint: Any) -> Any:
    """``hint`` without what has no bearing on its encoding: Annotated, NewType, Required and the like."""
    while True:
        if get_origin(hint) is Annotated:
            hint = hint.__origin__
        elif isinstance(hint, NewType):
            hint = hint.__supertype__
        elif _wrapper(hint):
            hint = get_args(hint)[0]
        else:
            return hint


def required_by(hint: Any) -> bool | None:
    """Whether ``Required`` or ``NotRequired`` is around a TypedDict item's type; None when neither is."""
    found: bool | None = None
    while True:
        wrapper = _wrapper(hint)
        if wrapper in ("Required", "NotRequired"):
            found = wrapper == "Required"
        if get_origin(hint) is Annotated:
            hint = hint.__origin__
        elif wrapper:
            hint = get_args(hint)[0]
        else:
            return found


def wire_of(hint: Any) -> str:
    """The wire name that ``Annotated[..., Name("x")]`` gives, or ""."""
    while True:
        if get_origin(hint) is Annotated:
            for note in reversed(hint.__metadata__):
                if isinstance(note, Name):
                    return note.wire
            hint = hint.__origin__
        elif _wrapper(hint):
            hint = get_args(hint)[0]
        else:
            return ""


def descriptor_of(hint: Any) -> str | None:
    """The JVM descriptor that ``Annotated[..., Descriptor("I")]`` gives, or None."""
    while get_origin(hint) is Annotated:
        for note in reversed(hint.__metadata__):
            # By name: naming the class would load javatypes.py for programs that have no use for it.
            if type(note).__name__ == "Descriptor" and type(note).__module__ == "rpcore.javatypes":
                text: str = note.text
                return text
        hint = hint.__origin__
    return None


def unbound(variable: TypeVar) -> Any:
    """What a type variable that nobody bound stands for: its default, bound or constraints, else Any."""
    if getattr(variable, "has_default", bool)():
        return getattr(variable, "__default__", Any)
    if variable.__bound__ is not None:
        return variable.__bound__
    if variable.__constraints__:
        return typing.Union[variable.__constraints__]  # noqa: UP007 (made from a tuple)
    return Any


def union_members(hint: Any, aliases: tuple[Any, ...] = ()) -> Iterator[Any]:
    """The members of a union, those of unions inside it included; any other hint is its own only member.

    ``aliases`` are those it stands in: one that is a member of itself is not opened again.
    """
    hint = plain(hint)
    if isinstance(hint, TypeVar):
        hint = unbound(hint)
    if is_alias(hint) and hint not in aliases and is_union(plain(hint.__value__)):
        aliases = (*aliases, hint)
        hint = plain(hint.__value__)
    if not is_union(hint):
        yield hint
        return
    for arg in get_args(hint):
        yield from union_members(arg, aliases)


def is_union(hint: Any) -> bool:
    """Whether it is ``A | B``, however it was written."""
    return get_origin(hint) in (typing.Union, types.UnionType)


def mentioned(hint: Any) -> Iterator[type]:
    """The classes in a hint."""
    for part in (hint, get_origin(hint)):
        if isinstance(part, type):
            yield part
    for arg in get_args(hint):
        yield from mentioned(arg)


def fingerprint(hint: Any) -> Any:
    """A hashable stand-in for a hint, since what Annotated holds need not be hashable."""
    try:
        hash(hint)
    except TypeError:
        return id(hint)
    return hint


def _wrapper(hint: Any) -> str:
    name = getattr(get_origin(hint), "_name", None)
    return name if name in _WRAPPERS else ""
