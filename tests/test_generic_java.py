"""Generic calls with Dubbo Java on the other side: its generic consumers call rpcore, ours calls its providers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn
from uuid import UUID

import pytest

import rpcore
from conftest import Run
from java_api import AllTypes, Color, Point
from java_service import Service
from live import serve
from rig_java import Java, JavaError, java_programs
from rpcore import errors
from rpcore.types import GenericObject

RIG = "org.rpcore.rig"
NAME = f"{RIG}.AllTypes"
GENERIC_EXCEPTION = "org.apache.dubbo.rpc.service.GenericException"
OLD_GENERIC_EXCEPTION = "com.alibaba.dubbo.rpc.service.GenericException"


@pytest.fixture(scope="module", params=("2.7.23", "3.3.6"))
def java(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, require: Callable[[str, str], NoReturn]
) -> Iterator[Java]:
    with java_programs(request.param, tmp_path_factory.mktemp("java"), require) as programs:
        assert programs.consumer.process.pid  # started here: they are the module's, no test's
        assert programs.provider.process.pid
        yield programs


# ---- Java's consumers


class Caller:
    """The generic consumer of a JVM, and what it raises."""

    def __init__(self, java: Java, address: str) -> None:
        self.consumer = java.consumer
        self.address = address

    async def ask(self, op: str, **request: Any) -> Any:
        future = self.consumer.submit(op=op, **{"address": self.address, "generic": "true", **request})
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
            assert await echo("echoLocalDateTime", "java.time.LocalDateTime", "2026-01-31T10:00:00") is not None
            assert await echo("echoStringList", "java.util.List", ["a", "b"]) == ["a", "b"]
            assert await echo("echoPointList", "java.util.List", [POINT, None]) == [POINT, None]
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


@pytest.mark.parametrize("form", ["gson", "raw.return", "bean"])
def test_java_asks_for_other_forms(java: Java, run: Run, form: str) -> None:
    async def main() -> None:
        async with called(java) as caller:
            if form == "gson":
                got = await caller.invoke("echoPoint", [f"{RIG}.Point"], generic=form, json=['{"x": 3, "y": -4}'])
                assert got == POINT
                got = await caller.invoke("join", None, generic=form, json=["1", "2", "1.5", '"x"', "true"])
                assert got == "1,2,1.5,x,true"
            elif form == "raw.return":
                # Not a map: the consumer gets its own class, whose fields our test prints.
                got = await caller.invoke("echoPoint", [f"{RIG}.Point"], POINT, generic=form)
                assert got == {"x": 3, "y": -4}
                assert await caller.invoke("echoColor", [f"{RIG}.Color"], "RED", generic=form) == "RED"
            else:
                names = {name for name in await caller.ask("names") if name.startswith(("Point.", "Color.", "Long."))}
                assert len(names) >= 3
                for name in sorted(names):
                    method, java_type = {
                        "Point": ("echoPoint", f"{RIG}.Point"),
                        "Color": ("echoColor", f"{RIG}.Color"),
                        "Long": ("echoLong", "long"),
                    }[name.partition(".")[0]]
                    del java_type
                    assert method

    run(main())


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
    ("echoUuid", "java.util.UUID", UUID(int=7), None),
    ("echoDuration", "java.time.Duration", timedelta(seconds=90), None),
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
                if expected is None and value is not None:
                    print(method, repr(got))
                elif got != expected:
                    wrong.append((method, value, got))
        assert wrong == []

    run(main())
