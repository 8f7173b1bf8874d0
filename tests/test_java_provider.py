"""rpcore calls Dubbo Java: every type, every kind of exception, every way in which a call can go.

The provider is one JVM for each version of Dubbo (Provider.java). It compares what arrives with its own sample of that
name; here what comes back is compared with ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol

import pytest

import rpcore
from conftest import Run
from java_api import AllTypes, NotFound
from java_samples import SAMPLES, method_of, why_different
from java_service import Service
from live import serve
from rig_java import FULL, ONE_LOOP, VERSIONS, Java
from rpcore import errors


@pytest.fixture(scope="module", params=VERSIONS)
def java(request: pytest.FixtureRequest, java_of: Callable[[str], Java]) -> Java:
    java = java_of(request.param)
    assert java.provider.process.pid  # started here: it is the session's, no test's
    return java


@contextlib.asynccontextmanager
async def calling(java: Java, url: str | None = None, **options: Any) -> AsyncIterator[AllTypes]:
    """A stub for the provider's services."""
    async with rpcore.Client("memory://unused", application="rpcore-tests") as client:
        yield client.refer(AllTypes, url=url or java.provider.address, **options)


LOST = {
    "Double.minus-zero": "$: float -0.0 became float 0.0",  # by Java
    "LocalTime.nanos": "became java.time.LocalTime 13:14:15.123456",  # Python has no nanoseconds
    # Java reads these as ArrayLists.
    "Object.array-as-list": "$: TypedList ['a', 'b'] became list ['a', 'b']",
    "Object.empty-list": "$: TypedList [] became list []",
}


@ONE_LOOP
def test_every_type_there_and_back(java: Java, run: Run) -> None:
    async def main() -> dict[str, str]:
        wrong = {}
        async with calling(java) as service:
            for name, value in SAMPLES.items():
                try:
                    with rpcore.options(attachments={"sample": name}):
                        found = await getattr(service, method_of(name))(value)
                    why = why_different(value, found, exact=name.startswith("Object."))
                except errors.RpcError as error:
                    why = f"{type(error).__name__}: {error}"[-400:]
                if why is not None and not why.endswith(LOST.get(name, "?")):
                    wrong[name] = why
        return wrong

    assert run(main(), limit=60.0) == {}


def test_everything_that_is_no_echo(java: Java, run: Run) -> None:
    async def main() -> None:
        async with calling(java) as service:
            assert await service.who() == "/"
            assert await service.over_int(5) == "int 5"
            assert await service.over_long(5) == "long 5"
            assert await service.over_string("x") == "String x"
            assert await service.over_list(["x", "y"]) == "List [x, y]"
            assert await service.over_int_string(5, "x") == "int 5, String x"
            assert await service.join(1, None, 0.5, "中", True) == "1,null,0.5,中,true"
            assert await service.nothing() is None
            assert await service.null_text() is None
            assert await service.pi() == math.pi
            assert await service.later("later", 20) == "later"
            assert await service.later_nothing() is None

    run(main())


@ONE_LOOP
def test_groups_versions_and_tokens(java: Java, run: Run) -> None:
    async def main() -> None:
        url = java.provider.address
        async with rpcore.Client("memory://unused") as client:
            assert await client.refer(AllTypes, url=url, group="g1", version="1.0.0").who() == "g1/1.0.0"
            assert await client.refer(AllTypes, url=url, version="2.0.0").who() == "/2.0.0"
            assert await client.refer(AllTypes, url=url, version="0.0.0").who() == "/"
            secret = client.refer(AllTypes, url=url, group="secret")
            with rpcore.options(attachments={"token": "the-token"}):
                assert await secret.who() == "secret/"
            for wrong in ({}, {"token": "another"}):
                with rpcore.options(attachments=wrong), pytest.raises(errors.RemoteFault, match="token"):
                    await secret.who()
            for options in ({"version": "9.9.9"}, {"group": "nowhere"}):
                with pytest.raises((errors.BadRequest, errors.RemoteFault)) as raised:  # 3.x knows of versions earlier
                    await client.refer(AllTypes, url=url, **options).who()
                assert raised.value.service.startswith("org.rpcore.rig.AllTypes")

    run(main())


@FULL
@ONE_LOOP
def test_what_the_provider_does_not_have(java: Java, run: Run) -> None:
    @rpcore.interface("org.rpcore.rig.AllTypes", naming="camel", timeout=10.0)
    class Wrong(Protocol):
        async def missing(self) -> None: ...

        async def echo_int(self, value: int) -> int: ...

    async def main() -> None:
        async with rpcore.Client("memory://unused") as client:
            service = client.refer(Wrong, url=java.provider.address)
            with pytest.raises((errors.BadRequest, errors.RemoteFault), match="missing"):
                await service.missing()
            with pytest.raises((errors.BadRequest, errors.RemoteFault), match="echoInt"):
                await service.echo_int(5)

    run(main())


# kind -> class, message
RAISED = {
    "runtime": ("java.lang.RuntimeException", "plain"),
    "illegal-argument": ("java.lang.IllegalArgumentException", "not that"),
    "no-message": ("java.lang.IllegalStateException", ""),
    "number-format": ("java.lang.NumberFormatException", 'For input string: "x"'),
    "null-pointer": ("java.lang.NullPointerException", "nothing there"),
    "long-message": ("java.lang.RuntimeException", "中" * 100000),
}
UNLISTED = {
    "unlisted": ("org.rpcore.rig.UnlistedException", "on no list"),
    "io": ("java.io.IOException", "disk"),
    "unsupported": ("java.lang.UnsupportedOperationException", "not here"),
    "error": ("java.lang.AssertionError", "an Error"),
}


def test_exceptions(java: Java, run: Run) -> None:
    async def main() -> None:
        async with calling(java) as service:
            for method in (service.fail, service.later_fail):
                for kind, (name, message) in RAISED.items():
                    with pytest.raises(errors.RemoteError) as raised:
                        await method(kind)
                    error = raised.value
                    assert (kind, error.type, error.remote_message) == (kind, name, message)
                    assert error.service == "org.rpcore.rig.AllTypes" and error.address == java.provider.address
                    assert "org.rpcore.rig.Failures.make(Failures.java:" in (error.traceback or "")
            assert await service.nothing() is None

    run(main())


def test_a_declared_exception_is_raised_itself_with_its_fields(java: Java, run: Run) -> None:
    async def main() -> None:
        async with calling(java) as service:
            for method in (service.fail, service.later_fail):
                with pytest.raises(NotFound) as raised:
                    await method("declared")
                error = raised.value
                assert (error.message, error.id, error.tried) == ("no such thing", 1 << 40, ["here", "there"])
                assert isinstance(error.__cause__, errors.RemoteError)
                assert error.__cause__.type == "org.rpcore.rig.NotFoundException"
            with pytest.raises(NotFound) as raised:
                await service.fail("declared-with-cause")
            assert (raised.value.message, raised.value.id, raised.value.tried) == ("wrapped", 7, None)
            remote = raised.value.__cause__
            assert isinstance(remote, errors.RemoteError) and isinstance(remote.__cause__, errors.RemoteError)
            assert (remote.__cause__.type, remote.__cause__.remote_message) == (
                "java.lang.IllegalStateException",
                "the cause",
            )

    run(main())


def test_causes_and_suppressed(java: Java, run: Run) -> None:
    async def main() -> None:
        async with calling(java) as service:
            with pytest.raises(errors.RemoteError) as raised:
                await service.fail("causes")
            chain: list[tuple[str, str]] = []
            error: BaseException | None = raised.value
            while isinstance(error, errors.RemoteError):
                chain.append((error.type, error.remote_message))
                error = error.__cause__
            assert chain == [
                ("java.lang.RuntimeException", "outer"),
                ("java.lang.IllegalStateException", "middle"),
                ("java.lang.IllegalArgumentException", "inner"),
            ]
            assert "Caused by: java.lang.IllegalArgumentException: inner" in (raised.value.traceback or "")
            with pytest.raises(errors.RemoteError) as raised:
                await service.fail("suppressed")
            assert raised.value.remote_message == "with suppressed"
            assert "Suppressed: java.lang.IllegalArgumentException: second" in (raised.value.traceback or "")

    run(main())


def test_classes_that_are_on_no_list(java: Java, run: Run) -> None:
    """Dubbo 3.3 does not send them: a status with the text. Older ones do, but for Dubbo's own rewriting."""

    async def main() -> None:
        async with calling(java) as service:
            for kind, (name, message) in UNLISTED.items():
                if java.version.startswith("3.3"):
                    with pytest.raises(errors.InvalidResult) as refused:
                        await service.fail(kind)
                    assert f"exception={name}: {message}]" in str(refused.value)
                    continue
                with pytest.raises(errors.RemoteError) as raised:
                    await service.fail(kind)
                assert (raised.value.type, raised.value.remote_message) == (name, message)
                assert raised.value.fields == ({"number": 42} if kind == "unlisted" else {})

    run(main())


def test_attachments_both_ways(java: Java, run: Run) -> None:
    async def main() -> None:
        async with calling(java) as service:
            with rpcore.options(attachments={"user": "vip", "trace": "中文", "count": 7, "flag": True}) as scope:
                seen = await service.attachments({"back": "x", "zh": "中"})
                found = scope.reply_attachments
            asked = {key: seen[key] for key in ("user", "trace", "count", "flag", "remote.application")}
            assert asked == {
                "user": "vip",
                "trace": "中文",
                "count": "7",
                "flag": "true",
                "remote.application": "rpcore-tests",
            }
            assert {key: found[key] for key in ("back", "zh")} == {"back": "x", "zh": "中"}
            with rpcore.options() as scope:
                assert "user" not in await service.attachments({})
                assert "back" not in scope.reply_attachments

    run(main())


@ONE_LOOP
def test_one_way(java: Java, run: Run) -> None:
    async def main() -> None:
        async with calling(java) as service:
            await service.notes()
            for i in range(10):
                assert await service.note(f"note {i}") is None
            notes: list[str] = []
            while len(notes) < 10:  # the provider's threads run them in any order
                notes += await service.notes()
            assert sorted(notes) == [f"note {i}" for i in range(10)]

    run(main())


@FULL
@ONE_LOOP
def test_a_timeout_ends_the_call_and_nothing_else(java: Java, run: Run) -> None:
    async def main() -> None:
        async with calling(java) as service:
            with rpcore.options(timeout=0.2), pytest.raises(errors.CallTimeout):
                await service.sleep(600)
            assert await service.sleep(500) == 500  # while the late reply comes
            assert await service.later("x", 0) == "x"

    run(main())


@FULL
@ONE_LOOP
def test_a_thousand_calls_in_flight(java: Java, run: Run) -> None:
    async def main() -> None:
        async with calling(java, timeout=20.0) as service:
            calls = [service.later(f"call {i}", 200 + i % 50) for i in range(1000)]
            assert await asyncio.gather(*calls) == [f"call {i}" for i in range(1000)]

    run(main())


@FULL
@ONE_LOOP
def test_a_provider_without_a_free_thread(java: Java, run: Run) -> None:
    async def main() -> None:
        async with calling(java, java.provider.tiny, group="tiny") as service:
            assert await service.who() == "tiny/"
            results = await asyncio.gather(*[service.sleep(300) for _ in range(3)], return_exceptions=True)
            refused = [each for each in results if isinstance(each, errors.LimitExceeded)]
            assert results.count(300) == 1 and len(refused) == 2
            assert "thread pool is exhausted" in str(refused[0])

    run(main())


@FULL
@ONE_LOOP
def test_requests_and_replies_over_the_limit(java: Java, run: Run) -> None:
    async def main() -> None:
        async with calling(java) as service:
            assert await service.size(bytes(7 << 20)) == 7 << 20
            assert len(await service.blob(7 << 20)) == 7 << 20
            with pytest.raises(errors.PayloadTooLarge, match="payload"):
                await service.size(bytes(9 << 20))
            with pytest.raises(errors.InvalidResult, match="Data length too large"):
                await service.blob(9 << 20)
            assert await service.nothing() is None
        async with calling(java, payload=100_000) as service:
            with pytest.raises(errors.PayloadTooLarge, match="payload"):
                await service.blob(200_000)
            assert await service.nothing() is None

    run(main())


@FULL
@ONE_LOOP
def test_a_provider_that_stops_ends_what_it_has_begun(java: Java, run: Run) -> None:
    async def main() -> None:
        provider = java.new_provider()
        try:
            async with calling(java, provider.address, timeout=20.0) as service:
                assert await service.later("x", 0) == "x"  # its classes are loaded
                begun = asyncio.create_task(service.later("begun", 800))  # 2.7 interrupts its own threads
                for _ in range(20):
                    await service.nothing()  # threads of Java's take requests in any order: now it has begun, too
                provider.say("stop")
                with pytest.raises((errors.TransportError, errors.RemoteFault)):
                    while True:
                        await service.nothing()
                        await asyncio.sleep(0.01)
                assert await begun == "begun"
        finally:
            provider.kill()

    run(main())


@FULL
@ONE_LOOP
def test_a_provider_killed_in_flight(java: Java, run: Run) -> None:
    async def main() -> None:
        provider = java.new_provider()
        async with calling(java, provider.address, timeout=20.0) as service:
            calls = [asyncio.create_task(service.sleep(5000)) for _ in range(5)]
            await service.nothing()
            provider.kill()
            results = await asyncio.gather(*calls, return_exceptions=True)
            assert {type(each) for each in results} == {errors.ConnectionLost}
            with pytest.raises(errors.TransportError):
                await service.nothing()

    run(main())


@FULL
@ONE_LOOP
def test_what_is_left_of_the_time_goes_on_through_java(java: Java, run: Run) -> None:
    async def main() -> None:
        async with serve(AllTypes, Service("/"), host="0.0.0.0") as behind, calling(java) as service:
            with rpcore.options(timeout=2.5):
                seen = await service.relay(f"127.0.0.1:{behind.address.rpartition(':')[2]}")
            assert 0.0 < float(seen["(remaining)"]) <= 2.5  # of Java's own 10 s

    run(main())
