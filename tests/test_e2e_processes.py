"""Real provider processes behind the embedded registry: killed, frozen, drained and restarted while they are called."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import rpcore
from conftest import Run
from live import Provider, until
from providers import Provided
from rpcore import errors


class Load:
    """Calls at full speed from several tasks until told to stop; counts who answered and what failed."""

    def __init__(self, stub: Any, method: str = "pid", tasks: int = 8) -> None:
        self.call = getattr(stub, method)
        self.answers: Counter[int] = Counter()
        self.failures: list[BaseException] = []
        self._running = True
        self._tasks = [asyncio.create_task(self._work()) for _ in range(tasks)]

    async def _work(self) -> None:
        while self._running:
            try:
                self.answers[await self.call(1)] += 1
            except errors.RpcError as error:
                self.failures.append(error)
                await asyncio.sleep(0.001)

    async def more(self, calls: int) -> None:
        """Until so many more were answered."""
        wanted = self.answers.total() + calls
        await until(lambda: self.answers.total() >= wanted)

    async def stop(self) -> None:
        self._running = False
        await asyncio.gather(*self._tasks)

    async def __aenter__(self) -> Load:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()


@contextlib.asynccontextmanager
async def providers(directory: Path, count: int) -> AsyncIterator[list[Provider]]:
    async with contextlib.AsyncExitStack() as stack:
        made = [Provider("providers:serve", f"file://{directory}") for _ in range(count)]  # they start side by side
        yield [await stack.enter_async_context(each) for each in made]


@contextlib.asynccontextmanager
async def consumer(directory: Path, count: int, **options: Any) -> AsyncIterator[Any]:
    """A stub that knows ``count`` providers."""
    async with rpcore.Client(f"file://{directory}", **options) as client:
        stub = client.refer(Provided)
        await client.ready()
        (referral,) = client._referrals
        await until(lambda: referral.snapshot is not None and len(referral.snapshot.nodes) == count)
        yield stub


def test_a_provider_killed_under_load_fails_no_idempotent_call(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with (
            providers(tmp_path, 2) as (victim, survivor),
            consumer(tmp_path, 2) as stub,
            Load(stub) as load,
        ):
            await load.more(300)
            assert set(load.answers) == {victim.process.pid, survivor.process.pid}
            victim.kill()
            await victim.ended()
            await load.more(300)
            load.answers.clear()
            await load.more(300)
            assert set(load.answers) == {survivor.process.pid}
        assert load.failures == []

    run(main())


def test_calls_that_may_not_be_repeated_fail_as_maybe_executed_and_name_the_provider(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with (
            providers(tmp_path, 2) as (victim, _),
            consumer(tmp_path, 2) as stub,
            Load(stub, "once") as load,
        ):
            await load.more(200)
            victim.kill()
            await victim.ended()
            await load.more(200)
        # At most those that were under way, one per task.
        assert len(load.failures) <= 8
        for error in load.failures:
            assert isinstance(error, errors.ConnectionLost)
            assert error.address == victim.address
            assert error.retry is errors.Retry.MAYBE_EXECUTED

    run(main())


def test_a_rolling_restart_loses_no_call_whatever_the_method(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with (
            providers(tmp_path, 2) as old,
            consumer(tmp_path, 2) as stub,
            Load(stub, "once") as load,
        ):
            await load.more(100)
            async with providers(tmp_path, 2) as fresh:
                for each in old:
                    each.stop()
                    assert await each.ended() == 0
                    await load.more(100)
                load.answers.clear()
                await load.more(100)
                assert set(load.answers) == {each.process.pid for each in fresh}
                await load.stop()
        assert load.failures == []

    run(main())


def test_a_frozen_provider_is_left_alone_after_its_first_timeouts(run: Run, tmp_path: Path) -> None:
    """A black hole: sockets stay open, nothing is answered. The load itself finds out, long before heartbeats would."""

    async def main() -> None:
        async with providers(tmp_path, 2) as (frozen, alive), consumer(tmp_path, 2) as stub:
            stub = rpcore.bind(stub, timeout=0.2)
            async with Load(stub) as load:
                await load.more(200)
                frozen.pause()
                await load.more(500)
                load.answers.clear()
                started = asyncio.get_running_loop().time()
                await load.more(500)
                assert asyncio.get_running_loop().time() - started < 2.0
                assert set(load.answers) == {alive.process.pid}
                assert load.failures == []
            frozen.kill()

    run(main())


def test_a_provider_that_comes_back_on_its_port_is_used_again(run: Run) -> None:
    async def main() -> None:
        async with Provider("providers:serve", "") as first:
            port = first.address.rpartition(":")[2]
            async with rpcore.Client("memory://unused") as client:
                stub = client.refer(Provided, url=first.address)
                assert await stub.pid(1) == first.process.pid
                first.kill()
                await first.ended()
                with rpcore.options(retries=0), pytest.raises(errors.TransportError):
                    await stub.once(1)
                async with Provider("providers:serve", "", port) as second:
                    # Found in the background: no call is needed to try.
                    (endpoint,) = client._pool.endpoints.values()
                    await until(lambda: endpoint.usable)
                    assert await stub.once(1) == second.process.pid

    run(main())


def test_a_new_provider_is_found_and_a_stopped_one_forgotten(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with rpcore.Client(f"file://{tmp_path}") as client:
            stub = client.refer(Provided)
            early = asyncio.create_task(stub.pid(1))  # before the first provider exists
            with pytest.raises(errors.NoProvider, match=r"test.Provided"):
                await early
            with pytest.raises(errors.NoProvider, match=r"test.Provided"):
                await client.ready(0.05)
            async with Provider("providers:serve", f"file://{tmp_path}") as provider:
                await client.ready()
                assert await stub.pid(1) == provider.process.pid
                provider.stop()
                assert await provider.ended() == 0
            (referral,) = client._referrals
            await until(lambda: referral.snapshot is not None and not referral.snapshot.nodes)
            with pytest.raises(errors.NoProvider, match=r"test\.Provided"):
                await stub.pid(1)

    run(main())
