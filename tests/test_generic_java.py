"""Generic calls with Dubbo Java on the other side: its generic consumers call rpcore, ours calls its providers."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from click.testing import CliRunner, Result

import rpcore
import rpcore.sync
from conftest import Run
from java_api import AllTypes, Color, Point
from java_service import Service
from live import serve
from rig_java import Java, JavaError
from rpcore import errors
from rpcore.cli.app import rpcore as cli
from rpcore.types import GenericObject

ONE_LOOP = True
"""What is tested is on the wire: one kind of loop is enough."""

DATA = Path(__file__).parent / "data"
RIG = "org.rpcore.rig"
NAME = f"{RIG}.AllTypes"
GENERIC_EXCEPTION = "org.apache.dubbo.rpc.service.GenericException"
OLD_GENERIC_EXCEPTION = "com.alibaba.dubbo.rpc.service.GenericException"


@pytest.fixture(scope="module", params=("2.7.23", "3.3.6"))
def java(request: pytest.FixtureRequest, java_of: Callable[[str], Java]) -> Java:
    java = java_of(request.param)
    java.prepare(consumer=True, provider=True)
    assert java.consumer.process.pid and java.provider.process.pid  # started here: they are the session's, no test's
    return java


# ---- Java's consumers


class Caller:
    """The generic consumer of a JVM, and what it raises."""

    def __init__(self, java: Java, address: str) -> None:
        self.consumer = java.consumer
        self.address = address

    async def ask(self, op: str, **request: Any) -> Any:
        """A request of Consumer.java; ``generic=None`` makes an ordinary reference."""
        given = {"address": self.address, "generic": "true", **request}
        future = self.consumer.submit(op=op, **{name: value for name, value in given.items() if value is not None})
        async with asyncio.timeout(25):
            await asyncio.wrap_future(future)
        return self.consumer.result(future)

    async def invoke(self, method: str, types: list[str] | None, *args: Any, **request: Any) -> Any:
        given = {} if types is None else {"types": types}
        return await self.ask("generic", method=method, args=args, **given, **request)

    async def fails(self, method: str, types: list[str] | None, *args: Any, **request: Any) -> JavaError:
        with pytest.raises(JavaError) as raised:
            await self.invoke(method, types, *args, **request)
        return raised.value


@contextlib.asynccontextmanager
async def called(java: Java, **options: Any) -> AsyncIterator[Caller]:
    """Our service, and Java to call it. Dubbo's consumers replace 127.0.0.1 with an address of the machine's own."""
    async with serve(AllTypes, Service("/"), host="0.0.0.0", **options) as server:
        caller = Caller(java, f"127.0.0.1:{server.address.rpartition(':')[2]}")
        try:
            yield caller
        finally:
            await caller.ask("forget")


POINT = {"x": 3, "y": -4, "class": f"{RIG}.Point"}


@pytest.mark.parametrize("typed", [True, False], ids=["types", "no-types"])
@pytest.mark.parametrize("how", [{}, {"async": True}], ids=["invoke", "invokeAsync"])
def test_java_calls_by_name(java: Java, run: Run, typed: bool, how: dict[str, bool]) -> None:
    async def main() -> None:
        async with called(java) as caller:

            async def echo(method: str, java_type: str, value: Any) -> Any:
                return await caller.invoke(method, [java_type] if typed else None, value, **how)

            assert await echo("echoInt", "int", 42) == 42
            assert await echo("echoLong", "long", 42) == 42
            assert await echo("echoLong", "long", 1 << 40) == 1 << 40
            assert await echo("echoDouble", "double", 1.5) == 1.5
            assert await echo("echoBoolean", "boolean", True) is True
            assert await echo("echoString", "java.lang.String", "中") == "中"
            assert await echo("echoString", "java.lang.String", None) is None
            assert await echo("echoColor", f"{RIG}.Color", "GREEN") == "GREEN"
            assert await echo("echoPoint", f"{RIG}.Point", POINT) == POINT
            assert await echo("echoPoint", f"{RIG}.Point", {"x": 3, "y": -4}) == POINT
            assert await echo("echoBigDecimal", "java.math.BigDecimal", "1.50") == 1.5
            assert await echo("echoLocalDate", "java.time.LocalDate", "2026-01-31") == "2026-01-31"
            ten = "2026-01-31T10:00:00"
            assert await echo("echoLocalDateTime", "java.time.LocalDateTime", ten) == ten
            assert await echo("echoStringList", "java.util.List", ["a", "b"]) == ["a", "b"]
            assert await echo("echoPointList", "java.util.List", [POINT, POINT]) == [POINT, POINT]
            assert await echo("echoInts", "int[]", [1, 2]) == [1, 2]
            assert await echo("echoInts", "[I", [1, 2]) == [1, 2]
            assert await echo("echoCountMap", "java.util.Map", {"a": 1}) == {"a": 1}
            assert await caller.invoke("nothing", [] if typed else None, **how) is None
            assert await caller.invoke("pi", [] if typed else None, **how) == pytest.approx(3.14159265)

    run(main())


def test_java_chooses_overloads_by_types(java: Java, run: Run) -> None:
    async def main() -> None:
        async with called(java) as caller:
            assert await caller.invoke("over", ["int"], 5) == "int 5"
            assert await caller.invoke("over", ["long"], 5) == "long 5"
            assert await caller.invoke("over", ["java.lang.String"], "x") == "String x"
            assert await caller.invoke("over", ["java.util.List"], ["x"]) == "List [x]"
            # The only one with two parameters.
            assert await caller.invoke("over", None, 5, "x") == "int 5, String x"
            error = await caller.fails("over", None, 5)
            assert "name the parameter types, there is over(I), over(J)" in (error.message or "")

    run(main())


def test_java_sends_json(java: Java, run: Run) -> None:
    async def main() -> None:
        async with called(java) as caller:
            got = await caller.invoke("echoPoint", [f"{RIG}.Point"], generic="gson", json=['{"x": 3, "y": -4}'])
            assert got == POINT
            got = await caller.invoke("join", None, generic="gson", json=["1", "2", "1.5", '"x"', "true"])
            assert got == "1,2,1.5,x,true"
            exact = await caller.invoke("echoBigDecimal", None, generic="gson", json=["12345678901234567890.125"])
            assert exact == pytest.approx(12345678901234567890.125)
            error = await caller.fails("echoInt", ["int"], generic="gson", json=["{"])
            assert "args.value: Expecting property name" in (error.message or "")

    run(main())


# With raw.return the method's own result comes back. What hessian2 has no type of its own for, a generic caller, who
# names no type either, gets as the next larger one; from Java providers, too.
WIDENED = (
    *("java.lang.Byte", "java.lang.Short", "java.lang.Float", "java.lang.Character", "[C"),
    "java.lang.Double -0.0 became java.lang.Double 0.0",
    "java.time.LocalTime 13:14:15.123456789",
    "points[0]: what is one object and what are two has changed",
)


@pytest.mark.parametrize("untyped", [False, True], ids=["types", "no-types"])
def test_every_sample_of_java_and_the_method_s_own_result(java: Java, run: Run, untyped: bool) -> None:
    async def main() -> dict[str, str]:
        wrong = {}
        async with called(java) as caller:
            # With a typed reference, Dubbo 3.3 trusts the classes of the interface.
            assert await caller.ask("call", method="who", args=[], generic=None) == "/"
            given = {"generic": "raw.return", "same": True, **({"untyped": True} if untyped else {})}
            for name in await caller.ask("names"):
                try:
                    why = await caller.ask("generic-sample", name=name, **given)
                except JavaError as error:
                    why = str(error)[-500:]
                if why is not None and not any(text in why for text in WIDENED):
                    wrong[name] = why
        return wrong

    assert run(main(), limit=60.0) == {}


BEANS = {
    "Point.some": {"x": 1, "y": -2},
    "Color.GREEN": "GREEN",
    "Long.max": (1 << 63) - 1,
    "Char.zh": "中",
    "Strings.some": ["a", "", None, "中"],
    "Points.some": [{"x": 1, "y": 2}, None, {"x": 3, "y": 4}, {"x": 3, "y": 4}],
    "IntGrid.some": [[1, 2], [], [3]],
    "IntKeyMap.some": {"1": "one", "-2": "minus two"},
    "PointMap.some": {"here": {"x": 3, "y": 4}, "there": {"x": 3, "y": 4}},
    "Node.chain": {"value": 1, "next": {"value": 2, "next": {"value": 3, "next": None}}},
    "Animal.dog": {"good": True, "name": "Rex", "legs": 4},
    "Order.some": {"by": "x", "direction": "DOWN"},
    "Object.list": [1, 2, "three", None, {"x": 4, "y": 4}],
}


def test_java_sends_beans(java: Java, run: Run) -> None:
    async def main() -> dict[str, Any]:
        found: dict[str, Any] = {}
        async with called(java) as caller:
            for name in BEANS:
                method = f"echo{name.partition('.')[0]}"
                try:
                    found[name] = await caller.ask("generic", generic="bean", bean=name, method=method)
                except JavaError as error:
                    found[name] = str(error)
        return found

    found = run(main())
    if java.version.startswith("3.3"):
        # Not on the list of classes that a 3.3 trusts by default: its own consumer refuses to send one.
        assert all("JavaBeanDescriptor is not in allow list" in str(text) for text in found.values())
    else:
        assert found == BEANS


@pytest.mark.parametrize("form", ["nativejava", "protobuf-json"])
def test_forms_that_are_not_served_say_so(java: Java, run: Run, form: str) -> None:
    async def main() -> None:
        async with called(java) as caller:
            error = await caller.fails("echoInt", ["int"], 1, generic=form)
            # Java's own consumer refuses arguments of another kind than the form's.
            assert form.split("-")[0] in (error.message or "").lower() or "bytes" in (error.message or "").lower()

    run(main())


def test_java_gets_what_the_method_raised(java: Java, run: Run) -> None:
    async def main() -> None:
        async with called(java) as caller:
            types = ["java.lang.String"]
            error = await caller.fails("fail", types, "declared")
            assert error.cls == GENERIC_EXCEPTION
            assert error.fields == {"exceptionClass": f"{RIG}.NotFoundException", "exceptionMessage": "no such thing"}
            error = await caller.fails("fail", types, "illegal-argument")
            assert error.fields["exceptionClass"] == "java.lang.IllegalArgumentException"
            error = await caller.fails("fail", types, "unmapped")
            assert error.fields == {"exceptionClass": "KeyError", "exceptionMessage": "'key'"}
            assert error.message == "KeyError: 'key'"

    run(main())


def test_java_before_2_7_gets_the_exception_that_it_knows(java: Java, run: Run) -> None:
    async def main() -> None:
        async with called(java, old_generic_exception=True) as caller:
            error = await caller.fails("fail", ["java.lang.String"], "declared")
            assert error.cls == OLD_GENERIC_EXCEPTION
            assert error.fields["exceptionClass"] == f"{RIG}.NotFoundException"

    run(main())


def test_java_names_a_method_that_is_not_there(java: Java, run: Run) -> None:
    async def main() -> None:
        async with called(java) as caller:
            error = await caller.fails("nope", None, 1)
            assert error.cls == "org.apache.dubbo.rpc.RpcException"
            assert "No such method nope in class interface org.rpcore.rig.AllTypes" in (error.message or "")
            error = await caller.fails("echoInt", ["int"], "x")
            assert "args.value: expected Int, got str 'x'" in (error.message or "")

    run(main())


# ---- Java's providers


@contextlib.asynccontextmanager
async def calling(java: Java, **options: Any) -> AsyncIterator[rpcore.GenericService]:
    async with rpcore.Client("memory://unused") as client:
        yield client.refer(NAME, url=java.provider.address, timeout=10.0, **options)


NOON = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)

VALUES: list[tuple[str, str, Any, Any]] = [
    ("echoBoolean", "boolean", True, True),
    ("echoByte", "byte", -128, -128),
    ("echoShort", "short", 300, 300),
    ("echoInt", "int", 42, 42),
    ("echoLong", "long", 42, 42),
    ("echoLong", "long", 1 << 62, 1 << 62),
    ("echoFloat", "float", 1.5, 1.5),
    ("echoDouble", "double", 0.1, 0.1),
    ("echoChar", "char", "x", "x"),
    ("echoLongBox", "java.lang.Long", None, None),
    ("echoString", "java.lang.String", "\N{GRINNING FACE}", "\N{GRINNING FACE}"),
    ("echoBytes", "byte[]", b"\x00\xff", b"\x00\xff"),
    ("echoInts", "int[]", [1, 2], [1, 2]),
    ("echoStrings", "java.lang.String[]", ["a"], ["a"]),
    ("echoBigDecimal", "java.math.BigDecimal", Decimal("1.50"), Decimal("1.50")),
    ("echoBigInteger", "java.math.BigInteger", 1 << 70, 1 << 70),
    ("echoDate", "java.util.Date", NOON, NOON),
    ("echoLocalDate", "java.time.LocalDate", date(2026, 1, 31), "2026-01-31"),
    ("echoLocalTime", "java.time.LocalTime", time(13, 14, 15), "13:14:15"),
    ("echoLocalDateTime", "java.time.LocalDateTime", datetime(2026, 1, 31, 10), "2026-01-31T10:00"),
    # Java makes maps of what it knows no better form of, from the getters of the class.
    (
        "echoUuid",
        "java.util.UUID",
        UUID(int=7),
        {"class": "java.util.UUID", "mostSignificantBits": 0, "leastSignificantBits": 7},
    ),
    ("echoColor", f"{RIG}.Color", Color.GREEN, "GREEN"),
    ("echoColor", f"{RIG}.Color", "GREEN", "GREEN"),
    ("echoPoint", f"{RIG}.Point", Point(3, -4), POINT),
    ("echoPoint", f"{RIG}.Point", POINT, POINT),
    ("echoPoint", f"{RIG}.Point", GenericObject(f"{RIG}.Point", {"x": 3, "y": -4}), POINT),
    ("echoPointList", "java.util.List", [Point(3, -4), None], [POINT, None]),
    ("echoPointMap", "java.util.Map", {"a": Point(3, -4)}, {"a": POINT}),
    ("echoStringSet", "java.util.Set", {"a"}, {"a"}),
    ("echoIntKeyMap", "java.util.Map", {1: "a"}, {1: "a"}),
]


@pytest.mark.parametrize("typed", [True, False], ids=["types", "no-types"])
def test_values_to_java_and_back(java: Java, run: Run, typed: bool) -> None:
    async def main() -> None:
        wrong = []
        async with calling(java) as service:
            for method, java_type, value, expected in VALUES:
                got = await service.invoke(method, [java_type] if typed else None, [value])
                if got != expected or (type(got) is not type(expected) and not isinstance(got, type(expected))):
                    wrong.append((method, value, got))
        assert wrong == []

    run(main())


def test_methods_by_their_names(java: Java, run: Run) -> None:
    async def main() -> None:
        async with calling(java) as service:
            assert await service.who() == "/"
            assert await service.echoLong(42) == 42
            assert await service.call("echoLong", 42) == 42
            assert await service.nothing() is None
            assert await service.join(1, 2, 1.5, "x", True) == "1,2,1.5,x,true"
            assert await service.call("$echo", "here") == "here"
            assert (await service.echoPoint(Point(1, 2)))["x"] == 1
        async with calling(java, group="g1", version="1.0.0") as service:
            assert await service.who() == "g1/1.0.0"

    run(main())


def test_overloads_of_java_are_chosen_by_types(java: Java, run: Run) -> None:
    async def main() -> None:
        async with calling(java) as service:
            assert await service.invoke("over", ["int"], [5]) == "int 5"
            assert await service.invoke("over", ["long"], [5]) == "long 5"
            assert await service.invoke("over", ["java.lang.String"], ["x"]) == "String x"
            with pytest.raises(errors.RemoteFault, match="Not unique method for method name"):
                await service.over(5)
            with pytest.raises(errors.RemoteFault, match="No such method nope in class"):
                await service.nope()
            with pytest.raises(errors.ConfigurationError, match=r"1 types .long. for 0 arguments"):
                await service.invoke("over", ["long"])

    run(main())


def test_known_types_are_kept_to(java: Java, run: Run) -> None:
    """Java itself would call ``echoInt(0)`` for 1 << 32, and fail in a cast for an instant that is a Date."""

    async def main() -> None:
        async with calling(java) as service:
            instant = await service.invoke("echoInstant", ["java.time.Instant"], [NOON])
            assert instant == {"class": "java.time.Instant", "epochSecond": int(NOON.timestamp()), "nano": 0}
            offset = await service.invoke("echoOffsetDateTime", ["java.time.OffsetDateTime"], [NOON])
            assert (offset["year"], offset["hour"]) == (2026, 12)
            uuid = await service.invoke("echoUuid", ["java.util.UUID"], [str(UUID(int=7))])
            assert uuid["leastSignificantBits"] == 7
            locale = await service.invoke("echoLocale", ["java.util.Locale"], ["zh_CN"])
            assert (locale["language"], locale["country"]) == ("zh", "CN")
            assert await service.invoke("echoBigDecimal", ["java.math.BigDecimal"], ["1.50"]) == Decimal("1.50")
            with pytest.raises(errors.EncodeError, match="does not fit the 32 bits"):
                await service.invoke("echoInt", ["int"], [1 << 32])
            assert await service.echoInt(1 << 32) == 0
        async with calling(java, definition=DATA / f"service-definition-{java.version}.json") as service:
            with pytest.raises(errors.EncodeError, match="does not fit the 32 bits"):
                await service.echoInt(1 << 32)

    run(main())


def test_types_from_the_definition(java: Java, run: Run) -> None:
    async def main() -> None:
        async with calling(java, definition=DATA / f"service-definition-{java.version}.json") as service:
            assert await service.echoLong(42) == 42
            # Of the overloads only one takes two.
            assert await service.over(5, "x") == "int 5, String x"
            with pytest.raises(
                errors.ConfigurationError, match=r"several methods take as many arguments: over\(int\), over"
            ):
                await service.over(5)
            with pytest.raises(errors.ConfigurationError, match="no such method; there is echoLong"):
                await service.echoLongg(5)
            assert await service.invoke("over", ["long"], [5]) == "long 5"

    run(main())


def test_what_a_java_method_raised(java: Java, run: Run) -> None:
    async def main() -> None:
        async with calling(java) as service:
            with pytest.raises(errors.RemoteError) as raised:
                await service.fail("declared")
            assert raised.value.type == f"{RIG}.NotFoundException"
            assert raised.value.remote_message == "no such thing"
            assert raised.value.service == NAME
            assert raised.value.method == "fail"
            assert raised.value.address == java.provider.address
            assert raised.value.traceback is not None
            assert "at org.rpcore.rig.Failures.make(Failures.java" in raised.value.traceback
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
            with pytest.raises(errors.RemoteError) as raised:
                await service.fail("no-message")
            assert (raised.value.type, raised.value.remote_message) == ("java.lang.IllegalStateException", "")

    run(main())


def test_the_policy_is_the_method_s(java: Java, run: Run) -> None:
    async def main() -> None:
        async with calling(java, methods={"sleep": {"timeout": 0.1, "retries": 0}}) as service:
            with pytest.raises(errors.CallTimeout, match="sleep"):
                await service.sleep(2000)
            assert await service.who() == "/"

    run(main())


def test_the_blocking_client(java: Java) -> None:
    with rpcore.sync.Client("memory://unused") as client:
        service = client.refer(NAME, url=java.provider.address, timeout=10.0)
        assert service.echoLong(42) == 42
        assert service.invoke("over", ["long"], [5]) == "long 5"
        assert service.echoPoint(Point(3, -4)) == POINT
        with pytest.raises(errors.RemoteError, match="no such thing"):
            service.fail("declared")


# ---- the command line


def command(java: Java, *arguments: str) -> Result:
    return CliRunner().invoke(
        cli, ["invoke", f"{NAME}.{arguments[0]}", *arguments[1:], "--url", java.provider.address, "--timeout", "10"]
    )


def test_rpcore_invoke(java: Java) -> None:
    def result(*arguments: str) -> Any:
        done = command(java, *arguments)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    assert result("who") == "/"
    assert result("echoLong", "42") == 42
    assert result("over", "42", "--types", "long") == "long 42"
    assert result("over", "42", "x", "--types", "int, java.lang.String") == "int 42, String x"
    assert result("echoPoint", '{"x": 3, "y": -4}') == POINT
    assert result("echoBigDecimal", '"1.50"') == "1.50"
    assert result("echoBytes", '{"$base64": "AAE="}') == {"$base64": "AAE="}
    assert result("echoIntKeyMap", '{"$map": [[1, "a"]]}') == {"$map": [[1, "a"]]}
    assert result("echoNode", '{"value": 1, "next": {"value": 2}}') == {
        "class": f"{RIG}.Node",
        "value": 1,
        "next": {"class": f"{RIG}.Node", "value": 2},
    }


def test_rpcore_invoke_tells_what_java_raised(java: Java) -> None:
    done = command(java, "fail", "causes")
    assert done.exit_code == 1
    assert "rpcore: RemoteError: org.rpcore.rig.AllTypes.fail: java.lang.RuntimeException: outer" in done.stderr
    assert "Caused by: java.lang.IllegalArgumentException: inner" in done.stderr
    assert "at org.rpcore.rig.Failures.make(Failures.java" in done.stderr
    done = command(java, "fail", "causes", "--json")
    told = json.loads(done.stdout)["error"]
    assert told["type"] == "java.lang.RuntimeException"
    assert told["causes"] == ["java.lang.IllegalStateException: middle", "java.lang.IllegalArgumentException: inner"]
