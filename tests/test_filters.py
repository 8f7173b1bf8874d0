"""Filters by users at the three places: the call, each attempt, the server; in which order; and off, nothing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import pytest

import rpcore
from conftest import Run
from live import Proxy, serve, serving
from rpcore import errors
from rpcore._core import Call, Caller
from rpcore.model import Invocation

Next = Callable[[Invocation], Awaitable[Any]]
log: list[str] = []


def noting(name: str) -> Callable[[Invocation, Next], Awaitable[Any]]:
    async def note(invocation: Invocation, call_next: Next) -> Any:
        log.append(f"{name} {invocation.side} {invocation.method} {invocation.attempt}")
        try:
            return await call_next(invocation)
        finally:
            log.append(f"{name} left")

    return note


@pytest.fixture(autouse=True)
def empty_log() -> None:
    log.clear()


@rpcore.interface("test.Filtered", timeout=2.0)
class Filtered(Protocol):
    async def echo(self, value: str) -> str: ...

    @rpcore.method(idempotent=True, retries=2)
    async def again(self, value: str) -> str: ...


@rpcore.interface("test.Filtered", timeout=2.0, filters=[noting("interface")])
class WithOwn(Protocol):
    async def echo(self, value: str) -> str: ...


class Handlers:
    async def echo(self, value: str) -> str:
        log.append(f"handler {value}")
        return value

    async def again(self, value: str) -> str:
        return value


def test_off_costs_nothing(run: Run) -> None:
    """The stub's slot is the bare caller, and on the server the handler is the user's own method."""

    async def main() -> None:
        handlers = Handlers()
        async with serve(Filtered, handlers) as server, rpcore.Client("memory://unused") as client:
            stub: Any = client.refer(Filtered, url=server.address)
            assert await stub.echo("x") == "x"
            assert type(stub._rpc_echo) is Caller
            assert type(stub._rpc_echo("y")) is Call

    run(main())


def test_the_order_on_both_sides_is_the_documented_one(run: Run) -> None:
    async def main() -> None:
        async with serve(
            WithOwn,
            Handlers(),
            filters=[noting("server 1"), noting("server 2")],
            export={"filters": [noting("export")]},
        ) as server:
            client_filters = [noting("client 1"), noting("client 2"), rpcore.per_attempt(noting("attempt"))]
            async with rpcore.Client("memory://unused", filters=client_filters) as client:
                stub = client.refer(WithOwn, url=server.address, filters=[noting("refer")])
                assert await stub.echo("x") == "x"

    run(main())
    entered = [line for line in log if not line.endswith("left")]
    assert entered == [
        "client 1 consumer echo 0",
        "client 2 consumer echo 0",
        "interface consumer echo 0",
        "refer consumer echo 0",
        "attempt consumer echo 1",
        "server 1 provider echo 0",
        "server 2 provider echo 0",
        "interface provider echo 0",
        "export provider echo 0",
        "handler x",
    ]
    left = [line.removesuffix(" left") for line in log if line.endswith("left")]
    entered_names = [line.rsplit(" ", 3)[0] for line in entered[:-1]]
    assert left == entered_names[::-1]


def test_a_filter_around_each_attempt_counts_them_and_sees_where_they_go(run: Run) -> None:
    seen: list[tuple[int, str]] = []

    @rpcore.per_attempt
    async def watch(invocation: Invocation, call_next: Next) -> Any:
        try:
            return await call_next(invocation)
        except errors.RpcError as error:
            seen.append((invocation.attempt, type(error).__name__))
            raise

    class Fails(Handlers):
        calls = 0

        async def again(self, value: str) -> str:
            self.calls += 1
            if self.calls < 3:
                await asyncio.Event().wait()
            return value

    async def main() -> None:
        fails = Fails()
        async with serving(Filtered, fails, refer={"timeout": 0.05, "filters": [watch]}) as stub:
            assert await stub.again("x") == "x"
            assert fails.calls == 3
        assert seen == [(1, "CallTimeout"), (2, "CallTimeout")]

    run(main())


def test_the_rule_for_retries_and_the_final_error_are_those_without_filters(run: Run) -> None:
    @rpcore.per_attempt
    async def idle(invocation: Invocation, call_next: Next) -> Any:
        return await call_next(invocation)

    class Never(Handlers):
        calls = 0

        async def echo(self, value: str) -> str:
            self.calls += 1
            await asyncio.Event().wait()
            return value

        again = echo

    async def main() -> None:
        for filters in ([], [idle]):
            never = Never()
            async with serving(Filtered, never, refer={"timeout": 0.15, "filters": filters}) as stub:
                with pytest.raises(errors.CallTimeout) as once:
                    await stub.echo("x")
                assert never.calls == 1
                assert len(once.value.attempts) == 1
                with pytest.raises(errors.CallTimeout) as thrice:
                    await stub.again("x")
                assert never.calls == 4
                assert len(thrice.value.attempts) == 3
                assert "test.Filtered.again" in str(thrice.value) and "attempt 3 of 3" in str(thrice.value)

    run(main())


def test_a_consumer_filter_may_change_arguments_and_attachments_and_the_result(run: Run) -> None:
    received: list[Any] = []

    async def change(invocation: Invocation, call_next: Next) -> Any:
        invocation.arguments = (invocation.arguments[0] + "!",)
        invocation.attachments["token"] = "secret"
        result = await call_next(invocation)
        assert invocation.response_attachments == {"answered": "yes"}
        return result.upper()

    class Looks(Handlers):
        async def echo(self, value: str) -> str:
            received.append(rpcore.context().received_attachments)
            rpcore.context().reply_attachments = {"answered": "yes"}
            return value

    async def main() -> None:
        for mark in (lambda f: f, rpcore.per_attempt):

            async def fresh(invocation: Invocation, call_next: Next) -> Any:
                return await change(invocation, call_next)

            async with serving(Filtered, Looks(), refer={"filters": [mark(fresh)]}) as stub:
                assert await stub.echo("x") == "X!"
        assert received == [{"token": "secret"}] * 2

    run(main())


def test_a_server_filter_sees_attachments_and_peer_and_may_answer_or_refuse(run: Run) -> None:
    class Forbidden(Exception):
        pass

    async def guard(invocation: Invocation, call_next: Next) -> Any:
        assert invocation.side == "provider" and invocation.address.startswith("127.0.0.1:")
        match invocation.attachments.get("token"):
            case "cached":
                return "from the filter"
            case "right":
                invocation.response_attachments["checked"] = True
                return await call_next(invocation)
        raise Forbidden("no token")

    async def main() -> None:
        async with serving(Filtered, Handlers(), filters=[guard], refer={"retries": 0}) as stub:
            with pytest.raises(errors.RemoteError, match="no token"):
                await stub.echo("x")
            with rpcore.options(attachments={"token": "cached"}):
                assert await stub.echo("x") == "from the filter"
            with rpcore.options(attachments={"token": "right"}) as block:
                assert await stub.echo("x") == "x"
                assert block.reply_attachments == {"checked": True}
        assert log == ["handler x"]

    run(main())


def test_a_filter_that_answers_itself_sends_nothing(run: Run) -> None:
    async def cache(invocation: Invocation, call_next: Next) -> Any:
        return "cached"

    async def main() -> None:
        async with serving(Filtered, Handlers(), refer={"filters": [cache]}) as stub:
            assert await stub.echo("x") == "cached"
        assert log == []

    run(main())


def test_a_filter_may_call_more_than_once(run: Run) -> None:
    async def twice(invocation: Invocation, call_next: Next) -> Any:
        return await call_next(invocation) + await call_next(invocation)

    async def main() -> None:
        async with serving(Filtered, Handlers(), refer={"filters": [twice]}) as stub:
            assert await stub.echo("x") == "xx"

    run(main())


def test_filters_run_in_the_callers_task_and_let_its_cancellation_through(run: Run) -> None:
    tasks: list[Any] = []

    async def note(invocation: Invocation, call_next: Next) -> Any:
        tasks.append(asyncio.current_task())
        try:
            return await call_next(invocation)
        except asyncio.CancelledError:
            tasks.append("cancelled")
            raise

    class Waits(Handlers):
        async def echo(self, value: str) -> str:
            await asyncio.Event().wait()
            return value

    async def main() -> None:
        async with serving(Filtered, Waits(), refer={"filters": [note]}) as stub:
            task = asyncio.create_task(stub.echo("x"))
            await asyncio.sleep(0.02)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            assert task.cancelled()
            assert tasks == [task, "cancelled"]

    run(main())


def test_something_that_cannot_be_called_is_refused_where_it_is_given() -> None:
    with pytest.raises(errors.ConfigurationError, match="not callable"):
        rpcore.Client("memory://unused", filters=[None])  # type: ignore[list-item]
    with pytest.raises(errors.ConfigurationError, match="not callable"):
        rpcore.Server(register=False, filters=[3])  # type: ignore[list-item]


def test_options_of_a_block_reach_the_call_through_filters(run: Run) -> None:
    @rpcore.per_attempt
    async def idle(invocation: Invocation, call_next: Next) -> Any:
        return await call_next(invocation)

    class Left(Handlers):
        async def echo(self, value: str) -> str:
            return str(rpcore.context().remaining)

    async def main() -> None:
        async with serving(Filtered, Left(), refer={"filters": [idle]}) as stub:
            with rpcore.options(timeout=0.5):
                assert 0.3 < float(await stub.echo("x")) <= 0.5

    run(main())


def test_a_retry_of_filtered_attempts_goes_to_another_provider(run: Run) -> None:
    @rpcore.per_attempt
    async def idle(invocation: Invocation, call_next: Next) -> Any:
        return await call_next(invocation)

    async def main() -> None:
        async with (
            serve(Filtered, Handlers()) as one,
            serve(Filtered, Handlers()) as two,
            Proxy(one.address) as proxy,
            rpcore.Client("memory://unused", filters=[idle]) as client,
        ):
            stub = client.refer(Filtered, url=[proxy.address, two.address])
            for i in range(10):
                assert await stub.echo(str(i)) == str(i)
            proxy.refuse()
            proxy.cut()
            for i in range(10):
                assert await stub.again(str(i)) == str(i)

    run(main())
