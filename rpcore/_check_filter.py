"""The contract of ``rpcore.abc.Filter`` as checks that anybody's filter can be put through."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from rpcore.abc import Filter
from rpcore.model import Invocation, ServiceKey


class _Failure(Exception):
    """What the checks let an invoker raise."""


async def check_filter(make: Callable[[], Filter], *, invocation: Callable[[], Invocation] | None = None) -> None:
    """Check a filter that lets calls through: it must not get in the way of what it wraps.

    The checks: a value comes back unchanged, also None; the call goes on exactly once, with the same
    invocation or a copy of it; an exception passes through as the same object; cancellation passes through and is
    not answered; one filter object serves many calls at once without mixing them up.

    Args:
        make: makes the filter, afresh for each check.
        invocation: makes a call that the filter lets through, when it does not let every call through.

    Raises:
        AssertionError: names the sentence that does not hold.
    """
    new = invocation if invocation is not None else _invocation
    await _value_unchanged(make(), new)
    await _exception_unchanged(make(), new)
    await _cancellation_passes(make(), new)
    await _many_at_once(make(), new)


def _invocation() -> Invocation:
    return Invocation(ServiceKey("rpcore.testing.Checked"), "check", ("argument",))


async def _value_unchanged(f: Filter, new: Callable[[], Invocation]) -> None:
    for value in (object(), None):
        calls: list[Invocation] = []

        async def answer(invocation: Invocation, value: object = value, calls: list[Invocation] = calls) -> object:
            calls.append(invocation)
            return value

        sent = new()
        got = await f(sent, answer)
        assert len(calls) == 1, f"the filter called on {len(calls)} times, not once"
        assert calls[0].method == sent.method, "the filter called on with another method"
        assert got is value, f"the filter turned {value!r} into {got!r}"


async def _exception_unchanged(f: Filter, new: Callable[[], Invocation]) -> None:
    error = _Failure("on purpose")

    async def fail(invocation: Invocation) -> object:
        raise error

    try:
        got = await f(new(), fail)
    except _Failure as caught:
        assert caught is error, "the filter replaced the exception by a copy"
    except Exception as other:
        raise AssertionError(f"the filter replaced an exception by {other!r}") from other
    else:
        raise AssertionError(f"the filter answered {got!r} where an exception was raised")


async def _cancellation_passes(f: Filter, new: Callable[[], Invocation]) -> None:
    begun = asyncio.Event()
    ended: list[str] = []

    async def wait(invocation: Invocation) -> object:
        begun.set()
        try:
            return await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    async def call() -> Any:
        return await f(new(), wait)

    task = asyncio.create_task(call())
    await begun.wait()
    task.cancel()
    await asyncio.wait([task])
    assert ended == ["cancelled"], "cancelling a call did not cancel what the filter called on"
    assert task.cancelled(), "the filter swallowed the cancellation"


async def _many_at_once(f: Filter, new: Callable[[], Invocation]) -> None:
    count = 20
    arrived = 0
    all_here = asyncio.Event()

    async def answer(invocation: Invocation) -> object:
        nonlocal arrived
        arrived += 1
        mine = arrived
        if arrived == count:
            all_here.set()
        await all_here.wait()  # every call is inside the filter at this moment
        return mine

    async with asyncio.timeout(10):
        got = await asyncio.gather(*(f(new(), answer) for _ in range(count)))
    assert sorted(got) == list(range(1, count + 1)), "calls made at once got each other's answers"
