"""Filters by users: wrap a call, an attempt, or the serving of a request.

A filter is ``async def f(invocation, call_next): return await call_next(invocation)`` (the contract is
``rpcore.abc.Filter``). It runs around the whole call unless it is marked with ``per_attempt``; given to a
server it runs around the handler.

The order, outermost first, is made in ``in_order`` and nowhere else:

1. those of the ``Client`` or ``Server``;
2. those of the interface;
3. those of this ``refer`` or ``export``.

At each place a filter is an object or the name of one published as an entry point of the group
``rpcore.filter``. Within each attempt the same order holds among the filters marked ``per_attempt``. Where there
are none, no layer exists: a call without filters does not run through this module.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, TypeVar

from rpcore.abc import Filter, Invoker
from rpcore.errors import ConfigurationError
from rpcore.extension import Extensions
from rpcore.model import Invocation

FILTERS: Extensions[Filter] = Extensions("filter", group="rpcore.filter", builtin={})

F = TypeVar("F", bound=Callable[..., Awaitable[Any]])

_ATTEMPT = "__rpcore_per_attempt__"


def per_attempt(filter: F) -> F:
    """Mark a consumer filter to run around each attempt instead of the call; ``invocation.attempt`` counts them."""
    setattr(filter, _ATTEMPT, True)
    return filter


def runs_per_attempt(filter: Filter) -> bool:
    """Whether ``filter`` was marked with ``per_attempt``."""
    return bool(getattr(filter, _ATTEMPT, False))


def in_order(*groups: Iterable[Filter | str]) -> tuple[Filter, ...]:
    """All filters, outermost first; the caller gives the groups in the order at the top of this module.

    Raises:
        ConfigurationError: something that cannot be called, or a name that no entry point has.
    """
    filters = tuple(FILTERS.load(f) for group in groups for f in group)
    for f in filters:
        if not callable(f):
            raise ConfigurationError(f"filters: {f!r} is not callable; a filter is async def f(invocation, call_next)")
    return filters


def chain(filters: Sequence[Filter], innermost: Invoker) -> Invoker:
    """``filters`` around ``innermost``, the first one outermost."""
    invoker = innermost
    for f in reversed(filters):
        invoker = _around(f, invoker)
    return invoker


def _around(f: Filter, call_next: Invoker) -> Invoker:
    def invoke(invocation: Invocation) -> Awaitable[Any]:
        return f(invocation, call_next)

    return invoke
