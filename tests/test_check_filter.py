"""The contract check for filters: good ones pass, each way of being wrong is named."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from rpcore.abc import Invoker
from rpcore.model import Invocation
from rpcore.testing import check_filter


async def good(invocation: Invocation, call_next: Invoker) -> Any:
    invocation.attachments["seen"] = "yes"
    return await call_next(invocation)


async def twice(invocation: Invocation, call_next: Invoker) -> Any:
    await call_next(invocation)
    return await call_next(invocation)


async def changes_none(invocation: Invocation, call_next: Invoker) -> Any:
    return await call_next(invocation) or "default"


async def swallows(invocation: Invocation, call_next: Invoker) -> Any:
    try:
        return await call_next(invocation)
    except Exception:
        return None


async def wraps(invocation: Invocation, call_next: Invoker) -> Any:
    try:
        return await call_next(invocation)
    except Exception as error:
        raise RuntimeError("wrapped") from error


async def answers_cancellation(invocation: Invocation, call_next: Invoker) -> Any:
    try:
        return await call_next(invocation)
    except asyncio.CancelledError:
        return None


class KeepsOneAnswer:
    def __init__(self) -> None:
        self.answer: Any = None

    async def __call__(self, invocation: Invocation, call_next: Invoker) -> Any:
        self.answer = await call_next(invocation)
        await asyncio.sleep(0)
        return self.answer


def test_a_good_filter_passes(run: Callable[..., Any]) -> None:
    run(check_filter(lambda: good))


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: twice, "called on 2 times"),
        (lambda: changes_none, "turned None into 'default'"),
        (lambda: swallows, "answered None where an exception was raised"),
        (lambda: wraps, "replaced an exception by RuntimeError"),
        (lambda: answers_cancellation, "swallowed the cancellation"),
        (KeepsOneAnswer, "each other's answers"),
    ],
)
def test_each_fault_is_named(run: Callable[..., Any], make: Callable[[], Any], text: str) -> None:
    with pytest.raises(AssertionError, match=text):
        run(check_filter(make))
