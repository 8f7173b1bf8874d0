"""Matching an implementation with the interface it is exported for, before the first call.

The server passes every argument, positionally and in declared order: defaults are filled in by then. So a
handler fits when each declared parameter has its place, under its name, and nothing else is required.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rpcore.assignable import contradicts
from rpcore.errors import ConfigurationError
from rpcore.model import MethodSpec, Parameter
from rpcore.options import nearest
from rpcore.scope import evaluate

_EMPTY = inspect.Parameter.empty
_POSITIONAL_ONLY = inspect.Parameter.POSITIONAL_ONLY
_POSITIONAL_OR_KEYWORD = inspect.Parameter.POSITIONAL_OR_KEYWORD
_KEYWORD_ONLY = inspect.Parameter.KEYWORD_ONLY
_VAR_POSITIONAL = inspect.Parameter.VAR_POSITIONAL
_VAR_KEYWORD = inspect.Parameter.VAR_KEYWORD


@dataclass(frozen=True, slots=True)
class Handler:
    """What serves one method."""

    function: Callable[..., Any]
    """Takes every argument of the method positionally, in declared order."""
    is_async: bool
    """An ``async def``, for the loop; anything else goes to the thread pool. What a plain function returns is
    the reply, so a decorator that hides an ``async def`` behind a ``def`` must be marked with
    ``inspect.markcoroutinefunction`` (Python 3.12) or be an ``async def`` itself."""


def match_handlers(
    cls: type,
    methods: Sequence[tuple[MethodSpec, tuple[Parameter, ...], Any]],
    implementation: object,
) -> dict[str, Handler]:
    """What serves each method, by Python name.

    Args:
        cls: the interface.
        methods: each method with its resolved parameters and return hint.
        implementation: the object that is exported.

    Raises:
        ConfigurationError: with every problem found, not only the first.
    """
    name = type(implementation).__name__
    found: dict[str, Handler] = {}
    problems: list[str] = []
    for spec, parameters, returns in methods:
        try:
            found[spec.name] = _match(cls, spec, parameters, returns, implementation)
        except ConfigurationError as exc:
            problems.append(f"{name}.{spec.name}: {exc.message}")
    if problems:
        separator = " " if len(problems) == 1 else "\n  "
        raise ConfigurationError(separator.join([f"{name} does not implement {cls.__name__}:", *problems]))
    return found


def _match(
    cls: type, spec: MethodSpec, parameters: tuple[Parameter, ...], returns: Any, implementation: object
) -> Handler:
    handler = getattr(implementation, spec.name, None)
    if handler is None:
        public = [name for name in dir(implementation) if not name.startswith("_")]
        raise ConfigurationError(f"is missing{nearest(spec.name, public)}")
    declared_in = _protocol_of(implementation, spec.name)
    if declared_in is not None:
        raise ConfigurationError(f"is missing: only the declaration in {declared_in.__name__} was inherited")
    if not callable(handler):
        raise ConfigurationError(f"is no method but {handler!r}")
    if _is_generator(handler):
        raise ConfigurationError(f"is a generator, but {cls.__name__} declares one value")
    try:
        signature = inspect.signature(handler)
    except (TypeError, ValueError):
        signature = None  # written in C without a signature: the first call will tell
    is_async = _is_async(handler)
    if signature is not None:
        positional = _place(spec, signature)
        _require_agreement(handler, signature, positional, parameters, returns)
        if positional < len(parameters):
            handler = _by_keyword(handler, positional, tuple(p.name for p in parameters[positional:]))
    return Handler(handler, is_async)


def _protocol_of(implementation: object, name: str) -> type | None:
    """The Protocol whose declaration an implementation has in place of a method of its own."""
    if name in getattr(implementation, "__dict__", {}):
        return None
    owner = next((base for base in type(implementation).__mro__ if name in vars(base)), None)
    return owner if getattr(owner, "_is_protocol", False) else None


def _is_async(handler: Callable[..., Any]) -> bool:
    while isinstance(handler, functools.partial):
        handler = handler.func
    call = getattr(handler, "__call__", None)  # noqa: B004 - an object may have an `async def __call__`
    if inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(call):
        return True
    return getattr(handler, "_is_coroutine", None) is not None  # how Cython marks its own


def _is_generator(handler: Callable[..., Any]) -> bool:
    return inspect.isgeneratorfunction(handler) or inspect.isasyncgenfunction(handler)


def _place(spec: MethodSpec, signature: inspect.Signature) -> int:
    """How many leading arguments the handler takes positionally; the others go by keyword.

    Raises:
        ConfigurationError: an argument has no place, or nothing is passed for a required parameter.
    """
    theirs = signature.parameters.values()
    slots = [p for p in theirs if p.kind in (_POSITIONAL_ONLY, _POSITIONAL_OR_KEYWORD)]
    keywords = {p.name for p in theirs if p.kind in (_POSITIONAL_OR_KEYWORD, _KEYWORD_ONLY)}
    kinds = {p.kind for p in theirs}
    declared = list(spec.signature.parameters.values())
    names = [parameter.name for parameter in declared]
    difference = f"takes {_bare(signature)}, but {_bare(spec.signature)} is declared"

    positional = 0
    for parameter in declared:
        if positional < len(slots):
            slot = slots[positional]
            if slot.name != parameter.name and slot.kind is not _POSITIONAL_ONLY:
                if slot.name in names:
                    raise ConfigurationError(f"{difference}: {slot.name!r} is in another place")
                break
        elif _VAR_POSITIONAL not in kinds or parameter.name in keywords or parameter.kind is _KEYWORD_ONLY:
            break
        positional += 1
    for name in names[positional:]:
        if name not in keywords and _VAR_KEYWORD not in kinds:
            raise ConfigurationError(f"{difference}: no place for {name!r}")
    filled = {slot.name for slot in slots[:positional]}.union(names[positional:])
    for parameter in theirs:
        required = parameter.default is _EMPTY and parameter.kind not in (_VAR_POSITIONAL, _VAR_KEYWORD)
        if required and parameter.name not in filled:
            raise ConfigurationError(f"{difference}: nothing is passed for {parameter.name!r}")
    return positional


def _bare(signature: inspect.Signature) -> str:
    """The parameter list without hints."""
    parameters = [p.replace(annotation=_EMPTY) for p in signature.parameters.values()]
    return str(inspect.Signature(parameters))


def _by_keyword(handler: Callable[..., Any], positional: int, names: tuple[str, ...]) -> Callable[..., Any]:
    def call(*args: Any) -> Any:
        return handler(*args[:positional], **dict(zip(names, args[positional:], strict=True)))

    return call


def _require_agreement(
    handler: Callable[..., Any],
    signature: inspect.Signature,
    positional: int,
    parameters: tuple[Parameter, ...],
    returns: Any,
) -> None:
    """Compare the hints that the handler has, where they can be resolved, with the declared ones."""
    slots = [p for p in signature.parameters.values() if p.kind is not _KEYWORD_ONLY]
    for index, parameter in enumerate(parameters):
        in_place = index < min(positional, len(slots))
        slot = slots[index] if in_place else signature.parameters.get(parameter.name)
        if slot is None or slot.kind in (_VAR_POSITIONAL, _VAR_KEYWORD):
            continue
        hint = _hint(handler, slot.annotation)
        if contradicts(parameter.hint, hint):
            raise ConfigurationError(
                f"parameter {slot.name!r} is {_named(hint)}, but {_named(parameter.hint)} is declared"
            )
    hint = _hint(handler, signature.return_annotation)
    if contradicts(hint, returns):
        raise ConfigurationError(f"returns {_named(hint)}, but {_named(returns)} is declared")


def _hint(handler: Callable[..., Any], annotation: Any) -> Any:
    """The type that a handler's hint stands for; Any where it has none or only a type checker can tell."""
    if annotation is _EMPTY:
        return Any
    function = inspect.unwrap(getattr(handler, "__func__", handler))
    try:
        return evaluate(annotation, getattr(function, "__globals__", {}), {})
    except Exception:
        return Any


def _named(hint: Any) -> str:
    return hint.__qualname__ if isinstance(hint, type) else str(hint)
