"""What cancels a handler (its caller's cancellation, timeout, disconnect, the server's stop) and what does not."""

from __future__ import annotations

import asyncio
from typing import Protocol

import pytest

import rpcore
from conftest import Run
from live import serve, serving, until
from rpcore import errors


@rpcore.interface("test.Cancel", timeout=5.0)
class Cancel(Protocol):
    async def wait(self, what: str) -> str: ...

    @rpcore.method(cancellable=False)
    async def insist(self, what: str) -> str: ...

    @rpcore.method(oneway=True)
    async def post(self, what: str) -> None: ...

    async def echo(self, what: str) -> str: ...


class Handlers:
    """Notes what happens to each call: started, cancelled, finished."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.gate = asyncio.Event()

    async def wait(self, what: str) -> str:
        self.log.append(f"{what} started")
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.log.append(f"{what} cancelled")
            raise
        self.log.append(f"{what} finished")
        return what

    async def insist(self, what: str) -> str:
        return await self.wait(what)

    async def post(self, what: str) -> None:
        await self.wait(what)

    async def echo(self, what: str) -> str:
        return what


def test_a_cancelled_call_cancels_its_handler_and_no_other(run: Run) -> None:
    async def main() -> None:
        handlers = Handlers()
        async with serving(Cancel, handlers) as stub:
            calls = [asyncio.create_task(stub.wait(what)) for what in "abc"]
            await until(lambda: len(handlers.log) == 3)
            calls[1].cancel()
            with pytest.raises(asyncio.CancelledError):
                await calls[1]
            await until(lambda: "b cancelled" in handlers.log)
            handlers.gate.set()
            assert await asyncio.gather(calls[0], calls[2]) == ["a", "c"]
            assert handlers.log.count("a finished") == handlers.log.count("c finished") == 1

    run(main())


def test_wait_for_around_a_call_cancels_it_and_its_handler(run: Run) -> None:
    async def main() -> None:
        handlers = Handlers()
        async with serving(Cancel, handlers) as stub:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(stub.wait("a"), 0.05)
            await until(lambda: handlers.log == ["a started", "a cancelled"])
            assert await stub.echo("next") == "next"

    run(main())


def test_a_timeout_cancels_the_handler_too(run: Run) -> None:
    async def main() -> None:
        handlers = Handlers()
        async with serving(Cancel, handlers) as stub:
            with rpcore.options(timeout=0.05), pytest.raises(errors.CallTimeout):
                await stub.wait("a")
            await until(lambda: handlers.log == ["a started", "a cancelled"])

    run(main())


def test_the_server_watches_the_deadline_itself(run: Run) -> None:
    """The caller cannot say that it gave up: its process is stopped, say. The wire told when it would."""

    async def main() -> None:
        handlers = Handlers()
        async with serve(Cancel, handlers) as server:
            client = rpcore.Client("memory://unused")
            stub = client.refer(Cancel, url=server.address)
            await stub.echo("connected")
            with rpcore.options(timeout=0.2):
                call = asyncio.create_task(stub.wait("a"))
            await until(lambda: handlers.log == ["a started"])
            began = asyncio.get_running_loop().time()
            # The client would tell the server that it gave up: take its voice away.
            ((_, protocol),) = client._pool._protocols.values()
            protocol.connection.set_output(lambda data: None, None)
            await until(lambda: handlers.log == ["a started", "a cancelled"])
            assert 0.1 <= asyncio.get_running_loop().time() - began <= 0.4
            with pytest.raises(errors.CallTimeout):
                await call
            await client.aclose()

    run(main())


def test_a_disconnect_cancels_the_handlers_of_that_client(run: Run) -> None:
    async def main() -> None:
        handlers = Handlers()
        async with serve(Cancel, handlers) as server:
            gone = rpcore.Client("memory://unused")
            stays = rpcore.Client("memory://unused")
            lost = asyncio.create_task(gone.refer(Cancel, url=server.address).wait("gone"))
            kept = asyncio.create_task(stays.refer(Cancel, url=server.address).wait("stays"))
            await until(lambda: len(handlers.log) == 2)
            await gone.aclose()
            with pytest.raises(errors.ConnectionLost):
                await lost
            await until(lambda: "gone cancelled" in handlers.log)
            handlers.gate.set()
            assert await kept == "stays"
            await stays.aclose()

    run(main())


def test_what_is_declared_not_cancellable_goes_on(run: Run) -> None:
    async def main() -> None:
        handlers = Handlers()
        async with serving(Cancel, handlers) as stub:
            call = asyncio.create_task(stub.insist("a"))
            await until(lambda: handlers.log == ["a started"])
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            with rpcore.options(timeout=0.05), pytest.raises(errors.CallTimeout):
                await stub.insist("b")
            assert await stub.echo("a round trip later") == "a round trip later"
            assert handlers.log == ["a started", "b started"]
            handlers.gate.set()
            await until(lambda: handlers.log[2:] == ["a finished", "b finished"])

    run(main())


def test_a_handler_that_cancels_itself_hurts_nobody_else(run: Run) -> None:
    class Suicidal(Handlers):
        async def echo(self, what: str) -> str:
            if what == "die":
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
                await asyncio.sleep(0)
            if what == "die at the end":
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
            return what

    async def main() -> None:
        async with serving(Cancel, Suicidal(), refer={"retries": 0}) as stub:
            for _ in range(3):
                with pytest.raises(errors.RpcError, match="cancelled"):
                    await stub.echo("die")
                assert await stub.echo("next") == "next"
                assert await stub.echo("die at the end") == "die at the end"
                assert await asyncio.gather(*(stub.echo(str(i)) for i in range(20))) == [str(i) for i in range(20)]

    run(main())


def test_a_handler_may_finish_its_cleaning_up(run: Run) -> None:
    class Careful(Handlers):
        async def wait(self, what: str) -> str:
            self.log.append("started")
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0.01)
                self.log.append("cleaned up")
            return what

    async def main() -> None:
        handlers = Careful()
        async with serving(Cancel, handlers) as stub:
            call = asyncio.create_task(stub.wait("a"))
            await until(lambda: handlers.log == ["started"])
            call.cancel()
            await until(lambda: handlers.log == ["started", "cleaned up"])
            assert await stub.echo("next") == "next"

    run(main())


def test_a_handler_that_swallows_cancellation_answers_nobody(run: Run) -> None:
    class Stubborn(Handlers):
        async def wait(self, what: str) -> str:
            self.log.append("started")
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.log.append("swallowed")
            return what

    async def main() -> None:
        handlers = Stubborn()
        async with serving(Cancel, handlers) as stub:
            call = asyncio.create_task(stub.wait("a"))
            await until(lambda: handlers.log == ["started"])
            call.cancel()
            await until(lambda: handlers.log == ["started", "swallowed"])
            assert await asyncio.gather(*(stub.echo(str(i)) for i in range(20))) == [str(i) for i in range(20)]

    run(main())


def test_a_one_way_call_returns_at_once_and_is_executed(run: Run) -> None:
    async def main() -> None:
        handlers = Handlers()
        async with serving(Cancel, handlers) as stub:
            assert await stub.post("a") is None
            await until(lambda: handlers.log == ["a started"])
            handlers.gate.set()
            await until(lambda: handlers.log == ["a started", "a finished"])

    run(main())


def test_stop_waits_for_running_handlers_then_cancels_them(run: Run) -> None:
    async def main() -> None:
        handlers = Handlers()
        server = rpcore.Server(register=False, host="127.0.0.1", port=0)
        server.export(Cancel, handlers)
        await server.start()
        async with rpcore.Client("memory://unused") as client:
            stub = client.refer(Cancel, url=server.address, retries=0)
            call = asyncio.create_task(stub.wait("a"))
            await until(lambda: handlers.log == ["a started"])
            report = await server.stop(0.05)
            assert (report.running, report.cancelled, report.stuck) == (1, 1, 0)
            assert handlers.log == ["a started", "a cancelled"]
            with pytest.raises(errors.RpcError) as raised:
                await call
            assert "cancelled" in str(raised.value) or isinstance(raised.value, errors.ConnectionLost)

    run(main())


def test_stop_lets_running_handlers_finish_and_answer(run: Run) -> None:
    async def main() -> None:
        handlers = Handlers()
        server = rpcore.Server(register=False, host="127.0.0.1", port=0)
        server.export(Cancel, handlers)
        await server.start()
        async with rpcore.Client("memory://unused") as client:
            stub = client.refer(Cancel, url=server.address, retries=0)
            call = asyncio.create_task(stub.wait("a"))
            await until(lambda: handlers.log == ["a started"])
            stopping = asyncio.create_task(server.stop(5))
            await asyncio.sleep(0.05)
            handlers.gate.set()
            assert await call == "a"
            report = await stopping
            assert report.cancelled == report.stuck == 0
            assert report.seconds < 2

    run(main())
