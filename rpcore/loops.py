"""Running an application on uvloop where it is installed, without touching any policy."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def new_runner(*, debug: bool | None = None) -> asyncio.Runner:
    """An ``asyncio.Runner`` with uvloop's loop factory, or the standard loop where uvloop is missing."""
    try:
        import uvloop
    except ImportError:
        return asyncio.Runner(debug=debug)
    return asyncio.Runner(debug=debug, loop_factory=uvloop.new_event_loop)


def run(main: Coroutine[Any, Any, T], *, debug: bool | None = None) -> T:
    """``asyncio.run(main)`` on uvloop where it is installed. Sets no event loop policy.

    Raises:
        RuntimeError: a loop runs already in this thread.
    """
    with new_runner(debug=debug) as runner:
        return runner.run(main)
