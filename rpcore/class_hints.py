"""Resolving hints: forward references, type variables, and the annotations of a class with all its bases.

A name in a hint is looked up where Python would find it (the module of the class that wrote it, then that class's body), then among
the classes already met: so a class made inside a function may refer to itself and to those around it.
"""

from __future__ import annotations

import inspect
import sys
import types
import typing
from collections.abc import Collection, Iterator, Mapping
from typing import Any, TypeVar, get_args, get_origin

from rpcore.errors import ConfigurationError

Bindings = Mapping[Any, Any]
"""Type variable -> hint."""


def evaluate(hint: Any, globalns: Mapping[str, Any], localns: Mapping[str, Any]) -> Any:
    """``hint`` with every string in it replaced by what it names; ``Annotated`` is kept. Raises NameError."""
    holder = type("holder", (), {"__annotations__": {"hint": hint}})
    return typing.get_type_hints(holder, dict(globalns), dict(localns), include_extras=True)["hint"]


def substitute(hint: Any, bindings: Bindings) -> Any:
    """``hint`` with bound type variables replaced."""
    if isinstance(hint, TypeVar):
        return bindings.get(hint, hint)
    if get_origin(hint) is None:
        return hint
    parameters = getattr(hint, "__parameters__", ())
    if not parameters:
        return hint
    return hint[tuple(bindings.get(p, p) for p in parameters)]


def bind(cls: type, args: tuple[Any, ...]) -> Bindings:
    """The type variables of a generic class for ``cls[args]``; unparametrised ones stay unbound."""
    return dict(zip(getattr(cls, "__parameters__", ()), args))


def with_bases(cls: type, bindings: Bindings) -> Iterator[tuple[type, Bindings]]:
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
    for base, bound in with_bases(cls, bindings):
        own = inspect.get_annotations(base)
        for name in own.keys() & wanted:
            hint = own[name]
            found[name] = substitute(_evaluate_in(base, name, hint, names), bound)
    return found


def function_hints(function: types.FunctionType, owner: type, names: Mapping[str, Any]) -> dict[str, Any]:
    """The annotations of a method of ``owner``, resolved."""
    return {name: _evaluate_in(owner, name, hint, names) for name, hint in inspect.get_annotations(function).items()}


def _evaluate_in(cls: type, name: str, hint: Any, names: Mapping[str, Any]) -> Any:
    module = getattr(sys.modules.get(cls.__module__), "__dict__", {})
    parameters = {p.__name__: p for p in getattr(cls, "__type_params__", ())}
    # As typing does: the module's names beat those of the class body, where a default may hide a type of the same name.
    inner = {**module, **parameters}
    if "<locals>" in cls.__qualname__:
        inner[cls.__name__] = cls
    try:
        return evaluate(hint, {**names, **vars(cls)}, inner)
    except NameError as error:
        raise ConfigurationError(
            f"{cls.__qualname__}.{name}: {error} (hint {hint!r}); define it at module level, where hints can see it"
        ) from error
    except (TypeError, SyntaxError, AttributeError) as error:
        raise ConfigurationError(f"{cls.__qualname__}.{name}: the hint {hint!r} is no type: {error}") from error
