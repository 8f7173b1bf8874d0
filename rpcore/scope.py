"""Resolving the hints of a declaration: from what the author wrote to types.

A hint may be text (``from __future__ import annotations``, forward and recursive references) and may name
things that exist only where the interface was declared: in the class body, or in the function around it.
"""

from __future__ import annotations

import collections.abc
import inspect
import sys
import types
import typing
from collections import ChainMap
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from rpcore.errors import ConfigurationError

_FUNCTION_FRAME = inspect.CO_OPTIMIZED  # set for functions, not for modules and class bodies

_STREAMS = (
    collections.abc.AsyncIterable,
    collections.abc.AsyncIterator,
    collections.abc.AsyncGenerator,
    collections.abc.Iterator,
    collections.abc.Generator,
)


def declaring_frame(depth: int) -> types.FrameType | None:
    """The frame of the function that declares a class, ``depth`` calls up; None at module level.

    The frame and not its locals, because a hint may name something that is defined further down.
    """
    frame: types.FrameType | None = sys._getframe(depth + 1)
    while frame is not None and _is_class_body(frame):
        frame = frame.f_back
    return None if frame is None or frame.f_locals is frame.f_globals else frame


def _is_class_body(frame: types.FrameType) -> bool:
    return not frame.f_code.co_flags & _FUNCTION_FRAME and "__qualname__" in frame.f_locals


class Scope:
    """Where the names in the hints of one interface are looked up.

    Args:
        cls: the declared class; its bases are searched too, and say what type variables stand for.
        frame: the function that declared it, if any.
    """

    def __init__(self, cls: type, frame: types.FrameType | None) -> None:
        self._names: list[dict[str, Any]] = []
        for base in cls.__mro__[:-1]:
            # A method called `list` must not hide the builtin from the hints of its neighbours.
            own = {k: v for k, v in vars(base).items() if not isinstance(v, types.FunctionType)}
            self._names += (own, _parameters_by_name(base))
        if frame is not None:
            self._names.append(dict(frame.f_locals))
        self._arguments = self._type_arguments(cls)

    def resolve(self, annotation: Any, function: Callable[..., Any] | None, where: str) -> Any:
        """The type that ``annotation`` of ``function`` stands for, ``Annotated`` kept.

        Raises:
            ConfigurationError: a name is unknown, the text is no expression, or a type variable is free.
        """
        names = ChainMap(_parameters_by_name(function), *self._names)
        try:
            hint = evaluate(annotation, getattr(function, "__globals__", {}), names)
        except NameError as exc:
            raise ConfigurationError(
                f"{where}: hint {annotation!r}: {exc}; it must be importable at run time, not only under TYPE_CHECKING"
            ) from exc
        except Exception as exc:
            raise ConfigurationError(f"{where}: {annotation!r} is not a type hint: {exc}") from exc
        try:
            return _substitute(hint, self._arguments)
        except KeyError as exc:
            raise ConfigurationError(
                f"{where}: type variable {exc.args[0]} stands for no type here;"
                " a generic base must be given its types: class UserRepository(Repository[User], Protocol)"
            ) from None

    def _type_arguments(self, cls: type) -> dict[Any, Any]:
        arguments: dict[Any, Any] = {}
        for derived in cls.__mro__[:-1]:
            module = sys.modules.get(derived.__module__)
            for base in vars(derived).get("__orig_bases__", ()):
                origin = typing.get_origin(base)
                if origin is None or origin in (typing.Generic, typing.Protocol):
                    continue
                for parameter, value in zip(origin.__parameters__, typing.get_args(base), strict=False):
                    try:
                        value = evaluate(value, vars(module) if module else {}, ChainMap(*self._names))
                        arguments.setdefault(parameter, _substitute(value, arguments))
                    except (KeyError, NameError):
                        pass  # stays free, and is reported where a hint uses it
        return arguments


def evaluate(annotation: Any, globalns: dict[str, Any], names: Mapping[str, Any]) -> Any:
    """The type that one annotation stands for; raises what evaluating its text raises."""
    holder = types.SimpleNamespace(__annotations__={"hint": annotation})
    return typing.get_type_hints(holder, globalns, names, include_extras=True)["hint"]


def without_annotated(hint: Any) -> Any:
    """``hint`` without what ``Annotated`` adds to it."""
    holder = types.SimpleNamespace(__annotations__={"hint": hint})
    return typing.get_type_hints(holder)["hint"]


def _substitute(hint: Any, arguments: Mapping[Any, Any]) -> Any:
    """``hint`` with its type variables replaced; KeyError for one that stands for nothing."""
    if isinstance(hint, TypeVar):
        return arguments[hint]
    if isinstance(hint, type):
        return hint  # a generic class without arguments: its parameters are its own affair
    free = getattr(hint, "__parameters__", ())
    return hint[tuple(arguments[parameter] for parameter in free)] if free else hint


def _parameters_by_name(owner: object) -> dict[str, Any]:
    return {parameter.__name__: parameter for parameter in getattr(owner, "__type_params__", ())}


def is_stream(hint: Any) -> bool:
    """Whether ``hint`` asks for values one by one."""
    while typing.get_origin(hint) is typing.Annotated:
        hint = hint.__origin__
    return (typing.get_origin(hint) or hint) in _STREAMS
