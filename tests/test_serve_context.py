"""A handler sees one task and one context from its first step to its last, whether it suspends or not.

Scopes opened before the first await (``asyncio.timeout``, TaskGroup, anyio's, ContextVars) close correctly after it,
although the first step ran inside the callback that read the request.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from typing import Protocol

import anyio
import anyio.lowlevel
import pytest

import rpcore
from conftest import Run
from live import serving
from rpcore import errors

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


@rpcore.interface("test.Context", timeout=5.0)
class Context(Protocol):
    async def run(self, what: str) -> str: ...


class Handlers:
    """Every method of this class is one way to begin something before the first await and end it after."""

    def __init__(self) -> None:
        self.released = asyncio.Event()
        self.running = 0

    async def run(self, what: str) -> str:
        self.running += 1
        try:
            return await getattr(self, what)()
        finally:
            self.running -= 1

    async def timeout_unused(self) -> str:
        async with asyncio.timeout(10):
            await asyncio.sleep(0)
        return "in time"

    async def timeout_expires(self) -> str:
        try:
            async with asyncio.timeout(0.01):
                await asyncio.Event().wait()
        except TimeoutError:
            return "expired"
        return "not reached"

    async def timeout_without_suspension(self) -> str:
        async with asyncio.timeout(10):  # noqa: ASYNC100
            return "at once"

    async def task_group(self) -> str:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(asyncio.sleep(0, i)) for i in range(3)]
        return str([task.result() for task in tasks])

    async def task_group_fails(self) -> str:
        async def fail() -> None:
            raise KeyError("in a child")

        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(fail())
                await asyncio.Event().wait()
        except ExceptionGroup as failures:
            return repr(failures.exceptions[0])
        return "not reached"

    async def anyio_expires(self) -> str:
        with anyio.move_on_after(0.01) as scope:
            await anyio.sleep_forever()
        return f"cancelled {scope.cancelled_caught}"

    async def anyio_unused(self) -> str:
        with anyio.move_on_after(10) as scope:
            await anyio.lowlevel.checkpoint()
        return f"cancelled {scope.cancelled_caught}"

    async def anyio_nested(self) -> str:
        with anyio.move_on_after(0.01) as outer:
            async with anyio.create_task_group() as group:
                group.start_soon(anyio.sleep_forever)
                with anyio.move_on_after(10):
                    await anyio.sleep_forever()
        return f"cancelled {outer.cancelled_caught}"

    async def anyio_shielded(self) -> str:
        with anyio.move_on_after(0.01):
            with anyio.CancelScope(shield=True):
                await anyio.sleep(0.02)
            return "finished under the shield"
        return "not reached"

    async def context_variable(self) -> str:
        token = variable.set("mine")
        await asyncio.sleep(0)
        seen = variable.get()
        variable.reset(token)  # an error in any other context than that of set()
        return f"{seen}, then {variable.get()}"

    async def same_task(self) -> str:
        before = asyncio.current_task()
        await asyncio.sleep(0)
        assert before is not None
        return f"{before is asyncio.current_task()} {before.get_name()}"

    async def wait_for(self) -> str:
        try:
            await asyncio.wait_for(asyncio.Event().wait(), 0.01)
        except TimeoutError:
            return "expired"
        return "not reached"

    async def gather(self) -> str:
        return str(await asyncio.gather(asyncio.sleep(0, "a"), asyncio.to_thread(lambda: "b")))

    async def released_by_event(self) -> str:
        await self.released.wait()
        return "released"

    async def forgets(self) -> str:
        variable.set("left behind")
        return variable.get()

    async def looks(self) -> str:
        return variable.get()


EXPECTED = {
    "timeout_unused": "in time",
    "timeout_expires": "expired",
    "timeout_without_suspension": "at once",
    "task_group": "[0, 1, 2]",
    "task_group_fails": "KeyError('in a child')",
    "anyio_expires": "cancelled True",
    "anyio_unused": "cancelled False",
    "anyio_nested": "cancelled True",
    "anyio_shielded": "finished under the shield",
    "context_variable": "mine, then unset",
    "same_task": "True rpcore handler",
    "wait_for": "expired",
    "gather": "['a', 'b']",
}


def test_scopes_close_where_they_were_opened(run: Run) -> None:
    async def main() -> None:
        async with serving(Context, Handlers()) as stub:
            # The first request starts a worker, later ones wake a parked one inside the reading callback.
            for _ in range(3):
                assert {what: await stub.run(what) for what in EXPECTED} == EXPECTED

    run(main())


def test_all_of_them_at_once_in_one_read(run: Run) -> None:
    async def main() -> None:
        async with serving(Context, Handlers()) as stub:
            await stub.run("looks")
            for _ in range(3):
                found = await asyncio.gather(*(stub.run(what) for what in EXPECTED))
                assert found == list(EXPECTED.values())

    run(main())


def test_two_suspended_handlers_do_not_see_each_others_variables(run: Run) -> None:
    class Two:
        def __init__(self) -> None:
            self.gates = {"a": asyncio.Event(), "b": asyncio.Event()}

        async def run(self, what: str) -> str:
            variable.set(what)
            await self.gates[what].wait()
            return variable.get()

    async def main() -> None:
        two = Two()
        async with serving(Context, two) as stub:
            calls = [asyncio.create_task(stub.run(what)) for what in "ab"]
            await asyncio.sleep(0.01)
            two.gates["b"].set()
            assert await calls[1] == "b"
            two.gates["a"].set()
            assert await calls[0] == "a"

    run(main())


def test_a_variable_left_set_is_not_seen_by_the_next_request_nor_by_the_server(run: Run) -> None:
    async def main() -> None:
        async with serving(Context, Handlers()) as stub:
            for _ in range(3):
                assert await stub.run("forgets") == "left behind"
                assert await stub.run("looks") == "unset"
            assert variable.get() == "unset"

    run(main())


def test_handlers_see_the_variables_of_the_code_that_started_the_server(run: Run) -> None:
    async def main() -> None:
        variable.set("of the application")
        async with serving(Context, Handlers()) as stub:
            variable.set("of the caller")
            assert await stub.run("looks") == "of the application"

    run(main())


def test_a_handler_that_waits_does_not_hold_up_the_others(run: Run) -> None:
    async def main() -> None:
        handlers = Handlers()
        async with serving(Context, handlers) as stub:
            waiting = [asyncio.create_task(stub.run("released_by_event")) for _ in range(50)]
            for _ in range(10):
                assert await stub.run("timeout_unused") == "in time"
            assert handlers.running == 50
            handlers.released.set()
            assert await asyncio.gather(*waiting) == ["released"] * 50

    run(main())


@rpcore.interface("test.Blocking", timeout=5.0)
class Blocking(Protocol):
    async def where(self, value: str) -> list[str]: ...

    async def nested(self, value: str) -> str: ...


class BlockingHandlers:
    """``def`` handlers run in the pool, in the request's context."""

    def where(self, value: str) -> list[str]:
        found = [threading.current_thread().name, variable.get(), rpcore.context().method]
        variable.set(value)
        return found

    def nested(self, value: str) -> str:
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        return value * 2


def test_def_handlers_run_in_the_pool_with_their_context(run: Run) -> None:
    async def main() -> None:
        async with serving(Blocking, BlockingHandlers(), threads=2) as stub:
            for _ in range(3):
                name, seen, method = await stub.where("x")
                assert name.startswith("rpcore handler")
                assert (seen, method) == ("unset", "where")
            assert await stub.nested("ab") == "abab"

    run(main())


def test_def_handlers_do_not_block_the_loop(run: Run) -> None:
    class Slow:
        def __init__(self) -> None:
            self.started = threading.Barrier(3)

        def where(self, value: str) -> list[str]:
            self.started.wait(5)  # three handlers at once, or none of them goes on
            return [value]

        async def nested(self, value: str) -> str:
            return value

    async def main() -> None:
        async with serving(Blocking, Slow(), threads=3) as stub:
            calls = [asyncio.create_task(stub.where(str(i))) for i in range(2)]
            assert await stub.nested("free") == "free"
            assert not any(call.done() for call in calls)
            calls.append(asyncio.create_task(stub.where("2")))
            assert await asyncio.gather(*calls) == [["0"], ["1"], ["2"]]

    run(main())


def test_work_that_expired_in_the_queue_of_the_pool_is_not_started(run: Run) -> None:
    class Slow:
        def __init__(self) -> None:
            self.release = threading.Event()
            self.ran: list[str] = []

        def where(self, value: str) -> list[str]:
            self.ran.append(value)
            self.release.wait(5)
            return []

        def nested(self, value: str) -> str:
            self.ran.append(value)
            return value

    async def main() -> None:
        slow = Slow()
        async with serving(Blocking, slow, threads=1, refer={"retries": 0}) as stub:
            first = asyncio.create_task(stub.where("first"))
            await asyncio.sleep(0.02)
            with rpcore.options(timeout=0.05), pytest.raises(errors.CallTimeout):
                await stub.nested("expired")
            slow.release.set()
            await first
            assert await stub.nested("third") == "third"
            assert slow.ran == ["first", "third"]

    run(main())
