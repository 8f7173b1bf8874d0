"""However a call ends it leaves nothing for the collector: no cycle, no object kept, no growing table.

The collector is off while many calls end in one way; afterwards it must find nothing, and the numbers of living
calls, requests and contexts must be what they were.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import gc
import logging
import sys
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

import pytest

import rpcore
from conftest import Run
from live import Proxy, serve, until
from rpcore import errors

CALLS = 1000
BATCH = 50


@dataclasses.dataclass
class Declared(Exception):
    number: int


@rpcore.interface("test.Leaks", raises=(Declared,), timeout=2.0)
class Leaks(Protocol):
    async def value(self, number: int) -> int: ...

    async def suspended(self, number: int) -> int: ...

    async def declared(self, number: int) -> int: ...

    async def undeclared(self, number: int) -> int: ...

    @rpcore.method(timeout=0.01, retries=0)
    async def never(self, number: int) -> int: ...

    @rpcore.method(timeout=0.01, retries=1, idempotent=True)
    async def never_again(self, number: int) -> int: ...

    async def wait(self, number: int) -> int: ...

    @rpcore.method(oneway=True)
    async def post(self, number: int) -> None: ...

    async def blob(self, data: bytes) -> bytes: ...


class Handlers:
    waiting = 0

    async def value(self, number: int) -> int:
        return number

    async def suspended(self, number: int) -> int:
        async with asyncio.timeout(5):
            await asyncio.sleep(0)
        return number

    async def declared(self, number: int) -> int:
        raise Declared(number)

    async def undeclared(self, number: int) -> int:
        await asyncio.sleep(0)
        raise KeyError(number)

    async def never(self, number: int) -> int:
        self.waiting += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.waiting -= 1
        return number

    never_again = wait = never

    async def post(self, number: int) -> None:
        await asyncio.sleep(0)

    async def blob(self, data: bytes) -> bytes:
        return data


Ending = Callable[[Any, int], Coroutine[Any, Any, Any]]


async def value(stub: Any, i: int) -> None:
    assert await stub.value(i) == i


async def suspended(stub: Any, i: int) -> None:
    assert await stub.suspended(i) == i


async def declared(stub: Any, i: int) -> None:
    try:
        await stub.declared(i)
    except Declared as error:
        assert error.number == i
    else:
        raise AssertionError


async def undeclared(stub: Any, i: int) -> None:
    await _fails(stub.undeclared(i), errors.RemoteError)


async def timeout(stub: Any, i: int) -> None:
    await _fails(stub.never(i), errors.CallTimeout)


async def retried(stub: Any, i: int) -> None:
    await _fails(stub.never_again(i), errors.CallTimeout)


async def cancelled(stub: Any, i: int) -> None:
    task = asyncio.ensure_future(stub.wait(i))
    await asyncio.sleep(0.001)
    task.cancel()
    await _fails(task, asyncio.CancelledError)


async def wrong_type(stub: Any, i: int) -> None:
    await _fails(stub.value("no int"), errors.EncodeError)


async def oneway(stub: Any, i: int) -> None:
    await stub.post(i)
    await stub.value(i)


async def options(stub: Any, i: int) -> None:
    with rpcore.options(timeout=1.5, attachments={"n": i}):
        assert await stub.value(i) == i


async def refused(stub: Any, i: int) -> None:
    """A call of a stub whose provider refuses connections; see ``ENDINGS``."""
    await _fails(stub.value(i), errors.ConnectError)


async def _fails(awaitable: Any, kind: type[BaseException]) -> None:
    # pytest.raises makes cycles of its own: the traceback it keeps refers to the frame that holds it.
    try:
        await awaitable
    except kind:
        pass
    else:
        raise AssertionError("it did not fail")


ENDINGS: list[Ending] = [
    value, suspended, declared, undeclared, timeout, retried, cancelled, wrong_type, oneway, options, refused,
]  # fmt: skip


def alive() -> Counter[str]:
    """How many objects of ours and of the loop's there are; tests before this one may have left some."""
    gc.collect()
    names = {"Call", "Request", "Worker", "Task", "Context", "Scope", "Connection", "coroutine", "frame", "traceback"}
    return Counter(name for each in gc.get_objects() if (name := type(each).__name__) in names)


@contextlib.contextmanager
def collector_off() -> Any:
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: ending.__name__)
def test_nothing_is_left_for_the_collector(run: Run, ending: Ending) -> None:
    logging.getLogger("rpcore.server").setLevel(logging.CRITICAL)
    total = 300 if ending in (timeout, retried, cancelled) else CALLS

    async def round(stub: Any, calls: int) -> None:
        for start in range(0, calls, BATCH):
            await asyncio.gather(*(ending(stub, i) for i in range(start, start + BATCH)))

    async def main() -> None:
        handlers = Handlers()

        async def settled() -> None:
            await until(lambda: not handlers.waiting)
            await asyncio.sleep(0.002)  # their tasks have ended too

        async with (
            serve(Leaks, handlers) as server,
            rpcore.Client("memory://unused", connect_timeout=0.5) as client,
        ):
            address = "127.0.0.1:1" if ending is refused else server.address
            stub = client.refer(Leaks, url=address, **({"retries": 0} if ending is refused else {}))
            await round(stub, 2 * BATCH)  # what is made once
            await settled()
            with collector_off():
                before = alive()
                await round(stub, total)
                await settled()
                found = gc.collect()
                grown = alive() - before
            assert found <= 20, f"{found} objects were in cycles"  # fewer than one in ten calls: none per call
            # Workers stay parked for the next requests, at most as many as ran at once.
            assert all(count <= 2 * BATCH for count in grown.values()), grown

    run(main())


def test_memory_stays_flat(run: Run) -> None:
    async def main() -> None:
        data = bytes(100_000)
        async with serve(Leaks, Handlers()) as server, rpcore.Client("memory://unused") as client:
            stub = client.refer(Leaks, url=server.address)

            async def work() -> None:
                for _ in range(10):
                    await asyncio.gather(*(stub.value(i) for i in range(100)))
                    await asyncio.gather(*(stub.blob(data) for _ in range(4)))
                    tasks = [asyncio.ensure_future(stub.wait(i)) for i in range(10)]
                    await asyncio.sleep(0)
                    for task in tasks:
                        task.cancel()
                    await asyncio.gather(*tasks, return_exceptions=True)
                    del tasks

            await work()
            await work()
            await asyncio.sleep(0.02)
            gc.collect()
            before = sys.getallocatedblocks()
            for _ in range(3):
                await work()
            await asyncio.sleep(0.02)
            gc.collect()
            assert sys.getallocatedblocks() - before < 500

    run(main())


def test_calls_and_workers_go_with_their_client_and_server(run: Run) -> None:
    async def main() -> None:
        before = alive()
        for _ in range(3):
            async with serve(Leaks, Handlers()) as server, rpcore.Client("memory://unused") as client:
                stub = client.refer(Leaks, url=server.address)
                await asyncio.gather(*(stub.value(i) for i in range(100)))
                waiting = [asyncio.ensure_future(stub.wait(i)) for i in range(5)]
                await asyncio.sleep(0)
            await asyncio.gather(*waiting, return_exceptions=True)
            del waiting, stub
        await asyncio.sleep(0)
        left = alive() - before
        assert left["Call"] == left["Request"] == left["Worker"] == 0, left

    run(main())


def test_reconnecting_leaves_nothing(run: Run) -> None:
    async def main() -> None:
        async with (
            serve(Leaks, Handlers()) as server,
            Proxy(server.address) as proxy,
            rpcore.Client("memory://unused") as client,
        ):
            stub = client.refer(Leaks, url=proxy.address, idempotent=True, retries=5)
            before = alive()
            for i in range(30):
                assert await stub.value(i) == i
                proxy.cut()
            assert await stub.value(1) == 1
            assert (alive() - before)["Connection"] <= 4

    run(main())
