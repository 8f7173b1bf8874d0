"""Dubbo Java calls rpcore: every type, every kind of exception, every way in which a call can go.

The consumer is one JVM for each version of Dubbo, told what to call in lines of JSON (Consumer.java); the provider is
an rpcore server in this process. Java compares what comes back with what it sent, our service what arrives with its own
sample of that name.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

import rpcore
from conftest import Run
from java_api import AllTypes, NotFound
from java_samples import SAMPLES
from java_service import Service
from live import Provider, serve
from rig_java import FULL, ONE_LOOP, VERSIONS, Java, JavaConsumer, JavaError


@pytest.fixture(scope="module", params=VERSIONS)
def java(request: pytest.FixtureRequest, java_of: Callable[[str], Java]) -> Java:
    java = java_of(request.param)
    assert java.consumer.process.pid  # started here: it is the session's, no test's
    return java


class Caller:
    """The JVM as a test sees it: what it is asked comes back without blocking the loop."""

    server: rpcore.Server

    def __init__(self, consumer: JavaConsumer, address: str) -> None:
        self.consumer = consumer
        self.address = address

    async def ask(self, op: str, **request: Any) -> Any:
        future = self.consumer.submit(op=op, **{"address": self.address, **request})
        async with asyncio.timeout(25):
            await asyncio.wrap_future(future)
        return self.consumer.result(future)

    async def call(self, method: str, *args: Any, **request: Any) -> Any:
        return await self.ask("call", method=method, args=args, **request)

    async def fails(self, method: str, *args: Any, **request: Any) -> JavaError:
        """What the call raises in Java."""
        with pytest.raises(JavaError) as raised:
            await self.call(method, *args, **request)
        return raised.value


@contextlib.asynccontextmanager
async def called(java: Java, implementation: object = None, **options: Any) -> AsyncIterator[Caller]:
    """Our service, and Java to call it.

    Dubbo's consumers replace 127.0.0.1 with an address of the machine's own.
    """
    async with serve(AllTypes, implementation or Service("/"), host="0.0.0.0", **options) as server:
        caller = Caller(java.consumer, f"127.0.0.1:{server.address.rpartition(':')[2]}")
        caller.server = server
        try:
            yield caller
        finally:
            await caller.ask("forget")


LOST = {
    "Double.minus-zero": "float -0.0 became float 0.0",  # by Java
    "LocalTime.nanos": "13:14:15.123456789 became java.time.LocalTime 13:14:15.123456",  # Python has no nanoseconds
}


@ONE_LOOP
def test_every_type_there_and_back(java: Java, run: Run) -> None:
    async def main() -> dict[str, str]:
        wrong = {}
        async with called(java) as caller:
            names = await caller.ask("names")
            assert set(names) == set(SAMPLES)
            for name in names:
                try:
                    why = await caller.ask("sample", name=name)
                except JavaError as error:
                    why = str(error)[-500:]
                if why is not None and not why.endswith(LOST.get(name, "?")):
                    wrong[name] = why
        return wrong

    assert run(main(), limit=60.0) == {}


def test_everything_that_is_no_echo(java: Java, run: Run) -> None:
    async def main() -> None:
        async with called(java) as caller:
            assert await caller.call("who") == "/"
            assert await caller.call("over", 5, types=["int"]) == "int 5"
            assert await caller.call("over", 5, types=["long"]) == "long 5"
            assert await caller.call("over", "x", types=["java.lang.String"]) == "String x"
            assert await caller.call("over", ["x", "y"], types=["java.util.List"]) == "List [x, y]"
            assert await caller.call("over", 5, "x") == "int 5, String x"
            assert await caller.call("join", 1, None, 0.5, "中", True) == "1,null,0.5,中,true"
            assert await caller.call("nothing") is None
            assert await caller.call("nullText") is None
            assert await caller.call("pi") == math.pi
            assert await caller.call("later", "later", 20) == "later"
            assert await caller.call("laterNothing") is None
            for value in (None, 5, "中", [1, {"a": None}]):
                assert await caller.ask("echo", value=value) == value

    run(main())


# kind -> class in Java, message
RAISED = {
    "runtime": ("java.lang.RuntimeException", "plain"),
    "illegal-argument": ("java.lang.IllegalArgumentException", "not that"),
    "index": ("java.lang.IndexOutOfBoundsException", "out of it"),
    "security": ("java.lang.SecurityException", "not you"),
    "unmapped": ("java.lang.RuntimeException", "KeyError: 'key'"),
    "ours": ("java.lang.RuntimeException", "java_service.Ours: of our own"),
    "long-message": ("java.lang.RuntimeException", "中" * 100000),
}


def test_exceptions(java: Java, run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with called(java) as caller:
            for method in ("fail", "laterFail"):
                for kind, told in RAISED.items():
                    error = await caller.fails(method, kind)
                    assert (kind, error.cls, error.message) == (kind, *told)
                error = await caller.fails(method, "no-message")
                assert error.cls == "java.lang.IllegalArgumentException" and not error.message

    caplog.set_level(logging.CRITICAL, "rpcore.server")
    run(main())


def test_a_declared_exception_is_javas_with_its_fields(java: Java, run: Run) -> None:
    async def main() -> None:
        async with called(java) as caller:
            for method in ("fail", "laterFail"):
                error = await caller.fails(method, "declared")
                assert error.cls == "org.rpcore.rig.NotFoundException"
                assert error.message == "no such thing"
                assert error.fields == {"id": 1 << 40, "tried": ["here", "there"]}

    run(main())


def test_causes_and_suppressed(java: Java, run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with called(java) as caller:
            error = await caller.fails("fail", "causes")
            chain = []
            each: JavaError | None = error
            while each is not None:
                chain.append((each.cls, each.message))
                each = each.cause
            assert chain == [
                ("java.lang.RuntimeException", "outer"),
                ("java.lang.IllegalStateException", "middle"),
                ("java.lang.IllegalArgumentException", "inner"),
            ]
            error = await caller.fails("fail", "suppressed")
            assert [(each.cls, each.message) for each in error.suppressed] == [
                ("java.lang.IllegalStateException", "first"),
                ("java.lang.IllegalArgumentException", "second"),
            ]

    caplog.set_level(logging.CRITICAL, "rpcore.server")
    run(main())


def test_classes_that_are_on_no_list(java: Java, run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """A handler may raise any Java class; Dubbo 3.2 and 3.3 take only those on their list, and lose the others."""

    async def main() -> None:
        async with called(java) as caller:
            for kind, name, message in (
                ("unlisted", "org.rpcore.rig.UnlistedException", "on no list"),
                ("io", "java.io.IOException", "disk"),
            ):
                error = await caller.fails("fail", kind)
                if java.version.startswith("2.7"):
                    assert (error.cls, error.message) == (name, message)
                    assert error.fields == ({"number": 42} if kind == "unlisted" else {})
                else:
                    assert error.cls == "org.apache.dubbo.rpc.RpcException", error
            assert await caller.call("nothing") is None

    caplog.set_level(logging.CRITICAL, "rpcore.server")
    run(main())


def test_attachments_both_ways(java: Java, run: Run) -> None:
    async def main() -> None:
        async with called(java) as caller:
            seen = await caller.call("attachments", {"back": "x"}, attachments={"user": "vip", "trace": "中文"})
            assert (seen["user"], seen["trace"], seen["remote.application"]) == ("vip", "中文", "rig-consumer")
            assert not set(seen) & {"path", "interface", "timeout", "version"}
            if not java.version.startswith("2.7"):  # which shows none, whoever sends them
                assert caller.consumer.replied["back"] == "x"
            assert "user" not in await caller.call("attachments", {})
            assert "back" not in caller.consumer.replied

    run(main())


def test_the_timeout_of_java_is_the_deadline_of_the_handler(java: Java, run: Run) -> None:
    async def main() -> None:
        async with called(java) as caller:
            seen = await caller.call("attachments", {}, timeout=4000)
            if java.version.startswith("2.7"):
                assert "(remaining)" not in seen  # 2.7 does not say
            else:
                assert 3.0 < float(seen["(remaining)"]) <= 4.0
            seen = await caller.call("attachments", {}, attachments={"_TO": "1500"}, timeout=4000)
            assert 1.0 < float(seen["(remaining)"]) <= 1.5

    run(main())


class Noting(Service):
    """Tells when something was noted, and how handlers end."""

    def __init__(self) -> None:
        super().__init__("/")
        self.noted = asyncio.Semaphore(0)
        self.started = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def note(self, text: str) -> None:
        await super().note(text)
        self.noted.release()

    async def sleep(self, millis: int) -> int:
        self.started.set()
        try:
            return await super().sleep(millis)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise


@ONE_LOOP
def test_one_way(java: Java, run: Run) -> None:
    async def main() -> None:
        service = Noting()
        async with called(java, service) as caller:
            for i in range(10):
                assert await caller.call("note", f"note {i}", oneway="note") is None
            for _ in range(10):
                await service.noted.acquire()
            assert await caller.call("notes") == [f"note {i}" for i in range(10)]

    run(main())


@FULL
@ONE_LOOP
def test_a_timeout_ends_the_call_there_and_the_handler_here(java: Java, run: Run) -> None:
    async def main() -> None:
        service = Noting()
        async with called(java, service) as caller:
            error = await caller.fails("sleep", 20000, timeout=300)
            assert (error.cls, error.code) == ("org.apache.dubbo.rpc.RpcException", 2)
            if not java.version.startswith("2.7"):
                await service.cancelled.wait()
            assert await caller.call("who", timeout=300) == "/"

    run(main())


@FULL
@ONE_LOOP
def test_groups_versions_and_tokens(java: Java, run: Run) -> None:
    async def main() -> None:
        server = rpcore.Server(host="0.0.0.0", port=0, register=False)
        server.export(AllTypes, Service("/"))
        server.export(AllTypes, Service("/2.0.0"), version="2.0.0")
        server.export(AllTypes, Service("g1/1.0.0"), group="g1", version="1.0.0")
        server.export(AllTypes, Service("secret/"), group="secret", token="the-token")
        async with server:
            caller = Caller(java.consumer, f"127.0.0.1:{server.address.rpartition(':')[2]}")
            assert await caller.call("who") == "/"
            assert await caller.call("who", version="2.0.0") == "/2.0.0"
            assert await caller.call("who", group="g1", version="1.0.0") == "g1/1.0.0"
            assert await caller.call("who", group="secret", attachments={"token": "the-token"}) == "secret/"
            for wrong in ({"group": "secret"}, {"group": "nowhere"}, {"version": "9.9.9"}):
                error = await caller.fails("who", **wrong)
                assert (error.cls, error.code) == ("org.apache.dubbo.rpc.RpcException", 1)
            await caller.ask("forget")

    run(main())


@FULL
@ONE_LOOP
def test_a_thousand_calls_in_flight(java: Java, run: Run) -> None:
    async def main() -> None:
        async with called(java) as caller:
            assert await caller.ask("many", count=1000, millis=200) == {"right": 1000, "failure": None}

    run(main())


@FULL
@ONE_LOOP
def test_requests_and_replies_over_the_limit(java: Java, run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with called(java, export={"payload": 100_000}, limits=rpcore.Limits(payload=100_000)) as caller:
            assert await caller.call("size", [1] * 90_000) == 90_000
            assert await caller.call("blob", 90_000) == 90_000
            error = await caller.fails("size", [1] * 110_000)
            assert error.code == 1 and "exceeds the limit of 100000 bytes" in str(error)
            error = await caller.fails("blob", 110_000)
            assert error.code == 1 and "exceeds the limit of 100000 bytes" in str(error)
            assert await caller.call("who") == "/"
        async with called(java) as caller:
            assert await caller.call("blob", 7 << 20) == 7 << 20
        async with called(java) as caller:  # again: the limit of a connection is that of the reference that made it
            error = await caller.fails("blob", 200_000, payload=100_000)
            assert "Data length too large" in str(error)
            assert await caller.call("blob", 50_000, payload=100_000) == 50_000

    caplog.set_level(logging.CRITICAL, "rpcore.server")
    run(main())


@FULL
@ONE_LOOP
def test_a_server_that_stops_ends_what_it_has_begun(java: Java, run: Run) -> None:
    async def main() -> None:
        service = Noting()
        async with called(java, service) as caller:
            assert await caller.ask("available") is True
            begun = asyncio.create_task(caller.call("sleep", 800))
            await service.started.wait()
            stopping = asyncio.create_task(caller.server.stop(5.0))
            while await caller.ask("available"):
                pass  # each time asking it takes a way to Java and back
            assert not begun.done()  # READONLY came first
            assert await begun == 800
            await stopping

    run(main())


@FULL
@ONE_LOOP
def test_a_provider_killed_in_flight(java: Java, run: Run) -> None:
    async def main() -> None:
        async with Provider("java_service:provide") as provider:
            caller = Caller(java.consumer, f"127.0.0.1:{provider.address.rpartition(':')[2]}")
            assert await caller.call("who") == "/"
            begun = [asyncio.create_task(caller.fails("sleep", 9000, timeout=2000)) for _ in range(5)]
            assert await caller.call("sleep", 100, timeout=2000) == 100
            provider.kill()
            for error in await asyncio.gather(*begun):
                assert error.cls == "org.apache.dubbo.rpc.RpcException"
                assert error.code in (1, 2)  # 3.x gives lost calls ten seconds, so their timeout may come first
            await caller.ask("forget")

    run(main())


@FULL
def test_java_and_rpcore_call_one_port_at_the_same_time(java: Java, run: Run) -> None:
    async def main() -> None:
        async with called(java) as caller, rpcore.Client("memory://unused", application="python") as client:
            service = client.refer(AllTypes, url=caller.address)
            many = asyncio.create_task(caller.ask("many", count=200, millis=200))
            seen: set[tuple[str, str]] = set()
            while not many.done():
                theirs, ours = await asyncio.gather(caller.call("attachments", {}), service.attachments({}))
                seen |= {(each["remote.application"], each["(serialization)"]) for each in (theirs, ours)}
                texts = [str(i) for i in range(20)]
                assert await asyncio.gather(*[service.later(text, 5) for text in texts]) == texts
                with pytest.raises(NotFound):
                    await service.fail("declared")
            assert await many == {"right": 200, "failure": None}
            assert seen >= {("rig-consumer", "2"), ("python", "29")}

    run(main())


@FULL
@ONE_LOOP
def test_what_is_left_of_the_time_goes_on_from_java_through_us(java: Java, run: Run) -> None:
    async def main() -> None:
        async with serve(AllTypes, Service("behind")) as behind, called(java) as caller:
            seen = await caller.call("relay", behind.address, timeout=3000)
            limit = 10.0 if java.version.startswith("2.7") else 3.0  # 2.7 does not say its own
            assert limit - 2.0 < float(seen["(remaining)"]) <= limit

    run(main())
