"""Dubbo Java and rpcore, several of each: calls that go on to others, rolling restarts, heartbeats, blocking code."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

import pytest

import rpcore
from conftest import Run
from java_api import AllTypes, NotFound
from live import Provider, Recorder, until
from rig_java import FULL, ONE_LOOP, VERSIONS, Java, JavaError
from rpcore import errors, sync
from rpcore.decode import Frame
from rpcore.types import Int
from test_java_consumer import Caller


@pytest.fixture(scope="module", params=VERSIONS)
def java(request: pytest.FixtureRequest, java_of: Callable[[str], Java]) -> Java:
    java = java_of(request.param)
    java.prepare(consumer=True, provider=True)
    assert java.consumer.process.pid and java.provider.process.pid  # started here: they are the session's, no test's
    return java


def port_of(provider: Provider) -> str:
    return provider.address.rpartition(":")[2]


@FULL
@ONE_LOOP
def test_attachments_go_on_from_java_through_python_to_java(java: Java, run: Run) -> None:
    """The caller's, not those of one hop; and nothing stays for the next call."""

    async def main() -> None:
        async with Provider("java_service:provide") as relay:
            caller = Caller(java.consumer, f"127.0.0.1:{port_of(relay)}")
            there = java.provider.address
            seen = await caller.call("relay", there, attachments={"user": "vip", "dubbo.tag": "gray"})
            assert seen["user"] == "vip"
            assert "dubbo.tag" not in seen
            assert "user" not in await caller.call("relay", there)
            await caller.ask("forget")

    run(main())


@FULL
@ONE_LOOP
def test_attachments_go_on_from_python_through_java_to_python(java: Java, run: Run) -> None:
    async def main() -> None:
        async with Provider("java_service:provide") as end, rpcore.Client("memory://unused") as client:
            service = client.refer(AllTypes, url=java.provider.address, timeout=20.0)
            with rpcore.options(attachments={"user": "vip"}):
                seen = await service.relay(f"127.0.0.1:{port_of(end)}")
            assert (seen["user"], seen["remote.application"]) == ("vip", "rig-provider")
            assert "user" not in await service.relay(f"127.0.0.1:{port_of(end)}")

    run(main())


@FULL
@ONE_LOOP
def test_a_python_provider_that_is_restarted_loses_no_call_of_java(java: Java, run: Run) -> None:
    """READONLY reaches Java, which calls the other one; what runs is finished and its answer read."""

    async def main() -> None:
        async with Provider("java_service:provide") as one, Provider("java_service:provide") as other:
            both = Caller(java.consumer, f"127.0.0.1:{port_of(one)};127.0.0.1:{port_of(other)}")
            alone = Caller(java.consumer, f"127.0.0.1:{port_of(one)}")
            assert await alone.call("who") == "/"  # 3.3 does not bear its first references to be made side by side
            begun = [asyncio.create_task(alone.call("sleep", 900 + 10 * i)) for i in range(5)]
            assert await alone.call("sleep", 20) == 20  # behind them
            one.stop()
            calls = 0
            while not all(call.done() for call in begun) or await alone.ask("available"):
                assert await both.call("who") == "/"
                calls += 1
            assert await asyncio.gather(*begun) == [900 + 10 * i for i in range(5)]
            await one.ended()
            for _ in range(20):
                assert await both.call("who") == "/"
            assert calls > 10
            await both.ask("forget")

    run(main())


@FULL
@ONE_LOOP
def test_a_java_provider_that_is_restarted_loses_no_call_of_python(java: Java, run: Run) -> None:
    """2.7 is worse: it takes its services away and says READONLY later. What comes between is answered with a status of
    which nothing is known, so that it is not tried elsewhere.
    """

    async def main() -> None:
        one, other = java.new_provider(), java.provider
        try:
            async with rpcore.Client("memory://unused") as client:
                service = client.refer(AllTypes, url=[one.address, other.address], retries=2)
                alone = client.refer(AllTypes, url=one.address)
                begun = asyncio.create_task(alone.later("begun", 900))
                for _ in range(10):
                    assert await service.who() == "/"
                one.say("stop")
                served = 0  # in a row
                while not begun.done() or served < 20:
                    try:
                        assert await service.who() == "/"
                        served += 1
                    except errors.RemoteFault:
                        assert java.version == "2.7.23"
                        served = 0
                assert await begun == "begun"
        finally:
            one.kill()

    run(main())


@FULL
@ONE_LOOP
def test_a_python_provider_at_its_limit_refuses_java(java: Java, run: Run) -> None:
    async def main() -> None:
        async with Provider("java_service:provide") as provider:
            caller = Caller(java.consumer, f"127.0.0.1:{port_of(provider)}")
            assert await caller.call("who", group="tiny") == "tiny/"
            calls = [caller.call("sleep", 400, group="tiny") for _ in range(3)]
            done = await asyncio.gather(*calls, return_exceptions=True)
            assert done.count(400) == 1
            for error in done:
                if error != 400:
                    assert isinstance(error, JavaError)
                    assert (error.cls, error.code) == ("org.apache.dubbo.rpc.RpcException", 1)
                    assert "limit" in str(error)
            await caller.ask("forget")

    run(main())


def test_heartbeats(java: Java, run: Run) -> None:
    """Java answers ours, and takes our hello for one."""

    async def main() -> None:
        async with Recorder(java.provider.address) as wire:

            def answers() -> list[Frame]:
                return [frame for frame in wire.frames(outgoing=False) if frame.kind == "event answer"]

            async with rpcore.Client("memory://unused", heartbeat=0.2) as client:
                service = client.refer(AllTypes, url=wire.address)
                assert await service.who() == "/"
                await until(lambda: len(answers()) >= 3)
                assert await service.who() == "/"
            asked = {frame.id for frame in wire.frames(outgoing=True) if frame.kind == "event"}
            assert {frame.id for frame in answers()} <= asked
            assert wire.accepted == 1

    run(main())


def test_the_peers_do_compare_samples(java: Java, run: Run) -> None:
    async def main() -> None:
        async with Provider("java_service:provide") as provider, rpcore.Client("memory://unused") as client:
            with rpcore.options(attachments={"sample": "Int.min"}), pytest.raises(errors.RemoteError) as raised:
                await client.refer(AllTypes, url=java.provider.address).echo_int(5)
            assert "another Int.min: $: java.lang.Integer -2147483648 became java.lang.Integer 5" in str(raised.value)
            caller = Caller(java.consumer, f"127.0.0.1:{port_of(provider)}")
            error = await caller.fails("echoInt", 5, attachments={"sample": "Int.min"})
            assert "another Int.min: $: int -2147483648 became int 5" in str(error)
            await caller.ask("forget")

    run(main())


def test_blocking_code_calls_java(java: Java) -> None:
    @rpcore.interface(of=AllTypes)
    class Blocking(Protocol):
        def echo_int(self, value: Int) -> Int: ...

        def fail(self, kind: str) -> str: ...

        def sleep(self, millis: Int) -> Int: ...

    with sync.Client("memory://unused") as client:
        service: Any = client.refer(Blocking, url=java.provider.address)
        assert service.echo_int(5) == 5
        with pytest.raises(NotFound, match="no such thing"):
            service.fail("declared")
        with rpcore.options(timeout=0.2), pytest.raises(errors.CallTimeout):
            service.sleep(1000)
        assert service.echo_int(6) == 6


def test_java_found_no_byte_too_many(java: Java) -> None:
    """It warns of what follows the last value of a frame; of all that tests sent it by now, it did not."""
    log = java.consumer.log.read_text()
    assert [line for line in log.splitlines() if "Skip input stream" in line] == []
