"""A consumer in Python calls Dubbo Java: every type, every way a call can go, by direct address.

The providers are JVMs of each version of Dubbo (rig_java.py). Where a call names a sample, Java compares what arrives
with its own idea of it (Samples.java) before it sends it back.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Protocol

import pytest

import rpcore
from conftest import LOOPS, Run
from java_api import RIG, AllTypes, NotFound
from java_samples import SAMPLES, method_of, why_different
from live import Recorder, until
from rig_java import VERSIONS, Java, JavaProvider
from rpcore import errors
from rpcore.decode import Frame
from rpcore.types import Int

full = pytest.mark.parametrize("java", VERSIONS[:2], indirect=True)
every = pytest.mark.parametrize("java", VERSIONS, indirect=True)
one_loop = pytest.mark.parametrize("run", list(LOOPS)[-1:], indirect=True)
"""For tests that use up a JVM: on the loop that production has."""


@pytest.fixture(scope="module")
def java(request: pytest.FixtureRequest, java_of: Callable[[str], Java]) -> Java:
    java = java_of(request.param)
    java.prepare(provider=True, spare=2 if java.version in VERSIONS[:2] else 0)  # to be killed and stopped below
    assert java.provider.address
    return java


@pytest.fixture
def spare(java: Java) -> Iterator[JavaProvider]:
    """A provider to be stopped."""
    provider = java.new_provider()
    yield provider
    if provider.process.returncode is None:
        provider.kill()


@contextlib.asynccontextmanager
async def calling(url: Any, interface: Any = AllTypes, client: Any = None, **options: Any) -> AsyncIterator[Any]:
    async with rpcore.Client("memory://unused", application="rig-python", **(client or {})) as made:
        yield made.refer(interface, url=url, **options)


LOST = {
    "Double.minus-zero": "float -0.0 became float 0.0",  # it arrives; Java sends 0.0 back
    "LocalTime.nanos": "13:14:15.123456789 became java.time.LocalTime 13:14:15.123456",
    # Java makes ArrayLists of these.
    "Object.array-as-list": "TypedList ['a', 'b'] became list ['a', 'b']",
    "Object.empty-list": "TypedList [] became list []",
}
"""What does not come through, by the name of the sample, and what is said of it."""


@every
def test_every_type(java: Java, run: Run) -> None:
    async def main() -> None:
        found: dict[str, str | None] = {}
        async with calling(java.provider.address) as service:
            for name, value in SAMPLES.items():
                try:
                    with rpcore.options(attachments={"sample": name}):
                        result = await getattr(service, method_of(name))(value)
                except errors.RpcError as error:
                    found[name] = str(error)
                else:
                    found[name] = why_different(value, result, exact=name.startswith("Object."))
        wrong = {name: why for name, why in found.items() if why is not None}
        assert {name: why for name, why in wrong.items() if LOST.get(name, "?") not in why} == {}
        assert wrong.keys() == LOST.keys()

    run(main(), limit=60)


@every
def test_methods(java: Java, run: Run) -> None:
    async def main() -> None:
        async with calling(java.provider.address) as service:
            assert await service.over_int(1) == "int 1"
            assert await service.over_long(1) == "long 1"
            assert await service.over_string("x") == "String x"
            assert await service.over_list(["x", "y"]) == "List [x, y]"
            assert await service.over_int_string(1, "x") == "int 1, String x"
            assert await service.join(1, None, 0.5, "x", True) == "1,null,0.5,x,true"
            assert await service.nothing() is None
            assert await service.null_text() is None
            assert await service.pi() == 3.141592653589793
            assert await service.later("x", 5) == "x"
            assert await service.later_nothing() is None
            assert await service.sleep(1) == 1

    run(main())


CLASSES = {
    "runtime": ("java.lang.RuntimeException", "plain"),
    "illegal-argument": ("java.lang.IllegalArgumentException", "not that"),
    "no-message": ("java.lang.IllegalStateException", ""),
    "number-format": ("java.lang.NumberFormatException", 'For input string: "x"'),
    "null-pointer": ("java.lang.NullPointerException", "nothing there"),
    "suppressed": ("java.lang.RuntimeException", "with suppressed"),
    "long-message": ("java.lang.RuntimeException", "中" * 100000),
}
UNLISTED = {
    "unlisted": ("org.rpcore.rig.UnlistedException", "on no list"),
    "io": ("java.io.IOException", "disk"),
    "unsupported": ("java.lang.UnsupportedOperationException", "not here"),
    "error": ("java.lang.AssertionError", "an Error"),
}
"""What Dubbo 3.3's provider refuses to send."""


@every
def test_undeclared_exceptions(java: Java, run: Run) -> None:
    async def main() -> None:
        expected = CLASSES if java.version == "3.3.6" else CLASSES | UNLISTED
        async with calling(java.provider.address) as service:
            for method in (service.fail, service.later_fail):
                for kind, told in expected.items():
                    with pytest.raises(errors.RemoteError) as caught:
                        await method(kind)
                    error = caught.value
                    assert (error.type, error.remote_message) == told
                    assert error.traceback is not None
                    assert "\tat org.rpcore.rig.Failures.make(Failures.java:" in error.traceback
                    assert error.__cause__ is None
            with pytest.raises(errors.RemoteError) as caught:
                await service.fail("causes")
            chain: list[tuple[str, str]] = []
            cause: Any = caught.value
            while cause is not None:
                chain.append((cause.type, cause.remote_message))
                cause = cause.__cause__
            assert chain == [
                ("java.lang.RuntimeException", "outer"),
                ("java.lang.IllegalStateException", "middle"),
                ("java.lang.IllegalArgumentException", "inner"),
            ]
            assert await service.who() == "/"

    run(main())


@every
def test_declared_exceptions(java: Java, run: Run) -> None:
    async def main() -> None:
        async with calling(java.provider.address) as service:
            for method in (service.fail, service.later_fail):
                with pytest.raises(NotFound) as caught:
                    await method("declared")
                error = caught.value
                assert (error.message, error.id, error.tried) == ("no such thing", 1 << 40, ["here", "there"])
                assert isinstance(error.__cause__, errors.RemoteError)
                assert error.__cause__.type == f"{RIG}.NotFoundException"
            with pytest.raises(NotFound) as caught:
                await service.fail("declared-with-cause")
            remote = caught.value.__cause__
            assert isinstance(remote, errors.RemoteError)
            assert isinstance(remote.__cause__, errors.RemoteError)
            assert (remote.__cause__.type, remote.__cause__.remote_message) == (
                "java.lang.IllegalStateException",
                "the cause",
            )

    run(main())


@pytest.mark.parametrize("java", ["3.3.6"], indirect=True)
def test_exceptions_that_java_refuses_to_send(java: Java, run: Run) -> None:
    """Status 50: the class is gone, the message is in the text."""

    async def main() -> None:
        async with calling(java.provider.address) as service:
            for kind, (cls, message) in UNLISTED.items():
                with pytest.raises(errors.RpcError) as caught:
                    await service.fail(kind)
                assert caught.value.code == "INTERNAL"
                assert cls.rpartition(".")[2] in str(caught.value) or message in str(caught.value)

    run(main())


@every
def test_attachments(java: Java, run: Run) -> None:
    async def main() -> None:
        async with calling(java.provider.address) as service:
            with rpcore.options(attachments={"user": "al", "Trace-Id": "x", "number": 5}) as options:
                seen = await service.attachments({"answer": "42"})
            assert options.reply_attachments["answer"] == "42"
            assert {key: seen.get(key) for key in ("user", "Trace-Id", "number", "remote.application")} == {
                "user": "al",
                "Trace-Id": "x",
                "number": "5",
                "remote.application": "rig-python",
            }
            with rpcore.options() as options:
                assert "user" not in await service.attachments({})
            assert "answer" not in options.reply_attachments
            with rpcore.options(attachments={"user": "al"}):
                assert (await service.relay(java.provider.address))["user"] == "al"

    run(main())


@every
def test_oneway(java: Java, run: Run) -> None:
    async def main() -> None:
        async with calling(java.provider.address) as service:
            assert await service.notes() == []
            await service.note("first")
            notes: list[str] = []
            async with asyncio.timeout(5):
                while not notes:
                    notes = await service.notes()
            assert notes == ["first"]

    run(main())


@every
def test_groups_versions_and_tokens(java: Java, run: Run) -> None:
    async def main() -> None:
        async with rpcore.Client("memory://unused") as client:

            def of(**which: Any) -> AllTypes:
                return client.refer(AllTypes, url=java.provider.address, **which)

            assert await of(version="0.0.0").who() == "/"
            assert await of(version="2.0.0").who() == "/2.0.0"
            assert await of(group="g1", version="1.0.0").who() == "g1/1.0.0"
            assert await of(group="secret", attachments={"token": "the-token"}).who() == "secret/"
            for which in ({"version": "3.0.0"}, {"group": "g2"}):
                with pytest.raises(errors.RpcError) as caught:
                    await of(**which).who()
                # 3.x: no service of that version, which is a bad request; 2.7, and without the group: not exported.
                bad = java.version.startswith("3") and "version" in which
                assert isinstance(caught.value, errors.BadRequest if bad else errors.RemoteFault)
            with pytest.raises(errors.RpcError, match=r"[Tt]oken"):
                await of(group="secret").who()

    run(main())


@rpcore.interface(f"{RIG}.AllTypes", naming="camel")
class Wrong(Protocol):
    """What everybody meets first."""

    async def echo_long(self, value: Int) -> Int: ...

    async def no_such(self, text: str) -> str: ...


@every
def test_what_java_does_not_know(java: Java, run: Run) -> None:
    async def main() -> None:
        async with calling(java.provider.address, Wrong) as service:
            with pytest.raises(errors.BadRequest) as caught:
                await service.echo_long(1)
            assert "echoLong(I)" in str(caught.value)
            with pytest.raises(errors.BadRequest) as caught:
                await service.no_such("x")
            assert "noSuch(Ljava/lang/String;)" in str(caught.value)

    run(main())


@every
def test_timeout(java: Java, run: Run) -> None:
    async def main() -> None:
        async with calling(java.provider.address, timeout=0.2) as service:
            began = time.monotonic()
            with pytest.raises(errors.CallTimeout):
                await service.sleep(1000)
            assert time.monotonic() - began < 0.6
            assert await service.who() == "/"

    run(main())


@full
def test_a_thousand_in_flight(java: Java, run: Run) -> None:
    async def main() -> None:
        async with calling(java.provider.address) as service:
            began = time.monotonic()
            calls = [service.later(f"call {i}", 500 + i % 50) for i in range(1000)]
            assert await asyncio.gather(*calls) == [f"call {i}" for i in range(1000)]
            assert time.monotonic() - began < 10

    run(main())


@full
def test_a_megabyte_and_over_the_limit(java: Java, run: Run) -> None:
    async def main() -> None:
        async with calling(java.provider.address) as service:
            assert await service.blob(1 << 20) == bytes(range(256)) * (1 << 12)
            assert await service.size(bytes(1 << 20)) == 1 << 20
            with pytest.raises(errors.PayloadTooLarge, match="8388608"):
                await service.size(bytes(9000000))
            with pytest.raises(errors.PayloadTooLarge, match="8388608"):
                await service.blob(9000000)
            assert await service.who() == "/"

    run(main())


@full
def test_a_full_provider(java: Java, run: Run) -> None:
    """Its one thread is busy: status 100, surely not executed."""

    async def main() -> None:
        async with calling(java.provider.tiny, group="tiny") as service:
            assert await service.who() == "tiny/"
            await asyncio.sleep(0.05)  # the thread has sent the answer; nothing tells when it is free
            done = await asyncio.gather(*(service.sleep(400) for _ in range(2)), return_exceptions=True)
            assert 400 in done
            (refused,) = [one for one in done if one != 400]
            assert isinstance(refused, errors.LimitExceeded)
            assert refused.retry is errors.Retry.NOT_EXECUTED

    run(main())


@every
def test_heartbeats(java: Java, run: Run) -> None:
    """Java answers ours, and sees in our hello nothing but one."""

    async def main() -> None:
        async with Recorder(java.provider.address) as wire:

            def answers() -> list[Frame]:
                return [frame for frame in wire.frames(outgoing=False) if frame.kind == "event answer"]

            async with calling(wire.address, client={"heartbeat": 0.2}) as service:
                assert await service.who() == "/"
                await until(lambda: len(answers()) >= 3)
                assert await service.who() == "/"
            asked = {frame.id for frame in wire.frames(outgoing=True) if frame.kind == "event"}
            assert {frame.id for frame in answers()} <= asked
            assert wire.accepted == 1

    run(main())


@full
@one_loop
def test_killed_in_flight(java: Java, spare: JavaProvider, run: Run) -> None:
    async def main() -> None:
        async with calling(spare.address) as service:
            running = [asyncio.ensure_future(service.sleep(20000)) for _ in range(3)]
            assert await service.who() == "/"
            spare.process.kill()
            for outcome in await asyncio.gather(*running, return_exceptions=True):
                assert isinstance(outcome, errors.ConnectionLost)
                assert outcome.retry is errors.Retry.MAYBE_EXECUTED
            with pytest.raises(errors.ConnectError):
                await service.who()

    run(main())


@full
@one_loop
def test_a_graceful_stop(java: Java, spare: JavaProvider, run: Run) -> None:
    """READONLY comes, and from then on the other provider is called; what runs is finished; no call fails."""

    async def main() -> None:
        async with rpcore.Client("memory://unused") as client:
            alone = client.refer(AllTypes, url=spare.address)
            both = client.refer(AllTypes, url=[spare.address, java.provider.address], retries=2)
            assert await alone.who() == "/"
            running = asyncio.ensure_future(alone.sleep(1000))
            for _ in range(10):
                assert await both.who() == "/"
            spare.say("stop")
            end = time.monotonic() + 1.5
            while time.monotonic() < end:
                assert await both.who() == "/"
            with contextlib.suppress(errors.RemoteError) if java.version == "2.7.23" else contextlib.nullcontext():
                assert await running == 1000  # 2.7.23 interrupts what it runs

    run(main())


def test_blocking(java_of: Callable[[str], Java]) -> None:
    from rpcore import sync

    address = java_of(VERSIONS[1]).provider.address

    @rpcore.interface(of=AllTypes)
    class Blocking(Protocol):
        def echo_int(self, value: Int) -> Int: ...

        def fail(self, kind: str) -> str: ...

    with sync.Client("memory://unused") as client:
        service = client.refer(Blocking, url=address)
        assert service.echo_int(5) == 5
        with pytest.raises(NotFound, match="no such thing"):
            service.fail("declared")
