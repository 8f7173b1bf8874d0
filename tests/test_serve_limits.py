"""Concurrency limits, refused before dispatch and tried elsewhere; deadlines of nested calls; attachments."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, Protocol

import pytest

import rpcore
from conftest import Run
from live import serve, serving, until
from rpcore import errors


@rpcore.interface("test.Limits", timeout=5.0)
class Limits(Protocol):
    async def wait(self, value: int) -> int: ...

    async def other(self, value: int) -> int: ...


class Handlers:
    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.started = 0
        self.most = 0
        self.running = 0

    async def wait(self, value: int) -> int:
        self.started += 1
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.gate.wait()
        finally:
            self.running -= 1
        return value

    async def other(self, value: int) -> int:
        return await self.wait(value)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"executes": 2}, "server"),
        ({"export": {"executes": 2}}, "test.Limits"),
        ({"export": {"methods": {"wait": {"executes": 2}}}}, "test.Limits.wait"),
    ],
    ids=["server", "service", "method"],
)
def test_a_full_server_service_or_method_refuses_and_names_the_limit(
    run: Run, options: dict[str, Any], name: str
) -> None:
    async def main() -> None:
        handlers = Handlers()
        async with serving(Limits, handlers, refer={"retries": 0}, **options) as stub:
            running = [asyncio.create_task(stub.wait(i)) for i in range(2)]
            await until(lambda: handlers.started == 2)
            with pytest.raises(errors.LimitExceeded) as raised:
                await stub.wait(9)
            text = str(raised.value)
            assert f"{name}: 2 calls run already, the limit is 2" in text and "executes" in text
            assert raised.value.retry is errors.Retry.NOT_EXECUTED
            other = asyncio.create_task(stub.other(3))
            if name == "test.Limits.wait":
                await until(lambda: handlers.started == 3)  # the others have room
            else:
                with pytest.raises(errors.LimitExceeded):
                    await other
            handlers.gate.set()
            assert await asyncio.gather(*running) == [0, 1]
            assert await stub.wait(4) == 4  # the places are free again
            if name == "test.Limits.wait":
                await other

    run(main())


def test_places_are_given_back_however_a_call_ends(run: Run) -> None:
    class Ends(Handlers):
        async def wait(self, value: int) -> int:
            match value:
                case 0:
                    return value
                case 1:
                    raise ValueError
                case 2:
                    return "wrong type"  # type: ignore[return-value]
                case _:
                    await asyncio.Event().wait()
                    return value

    async def main() -> None:
        async with serving(Limits, Ends(), export={"executes": 1}, refer={"retries": 0}) as stub:
            for _ in range(2):
                assert await stub.wait(0) == 0
                for value, kind in ((1, errors.RemoteError), (2, errors.RpcError), (3, errors.CallTimeout)):
                    with rpcore.options(timeout=0.03 if value == 3 else 5.0), pytest.raises(kind):
                        await stub.wait(value)
                    with contextlib.suppress(errors.LimitExceeded):
                        await stub.wait(0)  # a round trip: the handler has been told by now
                task = asyncio.create_task(stub.wait(3))
                await asyncio.sleep(0.01)
                task.cancel()
                await asyncio.sleep(0.01)
            assert await stub.wait(0) == 0

    run(main())


@contextlib.asynccontextmanager
async def two_providers(first: Handlers, second: Handlers, **options: Any) -> AsyncIterator[Any]:
    async with (
        serve(Limits, first, **options) as one,
        serve(Limits, second) as two,
        rpcore.Client("memory://unused") as client,
    ):
        yield client.refer(Limits, url=[one.address, two.address], retries=1)


def test_what_one_provider_refuses_another_takes(run: Run) -> None:
    async def main() -> None:
        full, free = Handlers(), Handlers()
        free.gate.set()
        async with two_providers(full, free, executes=1) as stub:
            tasks: list[asyncio.Task[int]] = []
            while not full.started:
                tasks.append(asyncio.create_task(stub.wait(len(tasks))))
                await asyncio.sleep(0)
                await until(lambda: full.started + free.started >= len(tasks))
            for i in range(40):
                assert await stub.wait(i) == i
            assert full.started == 1
            full.gate.set()
            await asyncio.gather(*tasks)

    run(main())


# --- the deadline of nested calls --------------------------------------------------------------------


@rpcore.interface("test.Front", timeout=5.0)
class Front(Protocol):
    async def ask(self, how: str) -> float: ...


class FrontHandlers:
    """Calls the back service and tells how much time the back saw left."""

    def __init__(self, back: Any) -> None:
        self.back = back

    async def ask(self, how: str) -> float:
        match how:
            case "plain":
                return await self.back.left()  # type: ignore[no-any-return]
            case "own shorter":
                with rpcore.options(timeout=0.3):
                    return await self.back.left()  # type: ignore[no-any-return]
            case "own longer":
                with rpcore.options(timeout=50.0):
                    return await self.back.left()  # type: ignore[no-any-return]
            case "detached":
                with rpcore.detached():
                    return await self.back.left()  # type: ignore[no-any-return]
            case "in a task":
                return await asyncio.create_task(self.back.left())
            case "after a while":
                await asyncio.sleep(0.2)
                return await self.back.left()  # type: ignore[no-any-return]
            case _:
                remaining = rpcore.context().remaining
                assert remaining is not None
                return remaining


@rpcore.interface("test.Back", timeout=5.0)
class Back(Protocol):
    async def left(self) -> float: ...


class BackHandlers:
    async def left(self) -> float:
        remaining = rpcore.context().remaining
        assert remaining is not None
        return remaining


def test_nested_calls_inherit_the_earlier_deadline(run: Run) -> None:
    async def main() -> None:
        async with (
            serving(Back, BackHandlers()) as back,
            serving(Front, FrontHandlers(back)) as front,
        ):
            await front.ask("plain")  # connected
            for how, least, most in (
                ("own", 0.8, 1.0),
                ("plain", 0.8, 1.0),
                ("own shorter", 0.2, 0.3),
                ("own longer", 0.8, 1.0),
                ("detached", 4.8, 5.0),
                ("in a task", 0.8, 1.0),
                ("after a while", 0.6, 0.81),
            ):
                with rpcore.options(timeout=1.0):
                    left = await front.ask(how)
                assert least <= left <= most, (how, left)

    run(main())


# --- attachments -------------------------------------------------------------------------------------


@rpcore.interface("test.Attached", timeout=5.0)
class Attached(Protocol):
    async def look(self, answer: bool) -> dict[str, str]: ...


class AttachedHandlers:
    async def look(self, answer: bool) -> dict[str, str]:
        context = rpcore.context()
        if answer:
            context.reply_attachments = {"served-by": "me", "n": 5}
        return {key: str(value) for key, value in context.received_attachments.items()}


def test_attachments_travel_both_ways(run: Run) -> None:
    async def main() -> None:
        async with serving(Attached, AttachedHandlers(), refer={"attachments": {"a": "refer", "b": "refer"}}) as stub:
            assert await stub.look(False) == {"a": "refer", "b": "refer"}
            with rpcore.options(attachments={"b": "block", "c": 3}) as block:
                assert block.reply_attachments == {}
                assert await stub.look(True) == {"a": "refer", "b": "block", "c": "3"}
                assert block.reply_attachments == {"served-by": "me", "n": 5}
                with rpcore.options(attachments={"c": 4}) as inner:
                    assert await stub.look(False) == {"a": "refer", "b": "block", "c": "4"}
                    assert inner.reply_attachments == {}
            assert await stub.look(False) == {"a": "refer", "b": "refer"}
            bound = rpcore.bind(stub, attachments={"a": "bound"})
            assert await bound.look(False) == {"a": "bound", "b": "refer"}

    run(main())


def test_what_a_handler_sees_of_its_call(run: Run) -> None:
    seen: list[Any] = []

    class Looks(AttachedHandlers):
        async def look(self, answer: bool) -> dict[str, str]:
            context = rpcore.context()
            await asyncio.sleep(0)
            assert rpcore.context() is context
            seen.append((str(context.service), context.method, context.peer, context.remaining))
            return {}

    async def main() -> None:
        async with serving(Attached, Looks()) as stub:
            with rpcore.options(timeout=2.0):
                await stub.look(False)
        ((service, method, peer, remaining),) = seen
        assert (service, method) == ("test.Attached", "look")
        assert peer.startswith("127.0.0.1:")
        assert 1.0 < remaining <= 2.0

    run(main())
