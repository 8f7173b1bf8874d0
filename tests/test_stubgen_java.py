"""The whole way: a Java interface, what its Dubbo publishes of it, our module, calls to its live provider.

Values go out as the generated hints have them. Java compares what arrives with its own sample of that name
(Samples.java) before it sends it back, so that a wrong type on either way shows.
"""

from __future__ import annotations

import importlib
import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner

import rpcore
from conftest import Run
from rig_java import FLAGS, VERSIONS, Java, build
from rpcore.cli.app import rpcore as command
from rpcore.errors import ConfigurationError, RemoteError
from rpcore.service import interface_spec

ONE_LOOP = True
"""What is tested is on the wire: one kind of loop is enough."""

NAME = "all_types_from_java"
SAMPLE = "org.rpcore.rig.NotFoundException"


@pytest.fixture(scope="module", params=VERSIONS)
def java(request: pytest.FixtureRequest, java_of: Callable[[str], Java]) -> Java:
    java = java_of(request.param)
    assert java.provider.address  # started here: it is the session's, no test's
    return java


@pytest.fixture(scope="module")
def definition(java: Java, tmp_path_factory: pytest.TempPathFactory, require: Callable[[str, str], NoReturn]) -> Path:
    """What this version of Dubbo publishes, written by it now."""
    _, classpath = build(java.version, require)
    program = ["java", *FLAGS, "-cp", classpath, "org.rpcore.rig.Metadata"]
    path = tmp_path_factory.mktemp("metadata") / "AllTypes.json"
    path.write_bytes(subprocess.run(program, capture_output=True, check=True).stdout)
    return path


@pytest.fixture(scope="module")
def module(definition: Path) -> Iterator[ModuleType]:
    """The module that the command line writes of it."""
    path = definition.with_name(f"{NAME}.py")
    arguments = ["stubgen", "--from-metadata", str(definition), "--null-elements", "--raises", SAMPLE, "-o", str(path)]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, result.output
    sys.path.insert(0, str(path.parent))
    try:
        importlib.invalidate_caches()
        yield importlib.import_module(NAME)
    finally:
        sys.path.remove(str(path.parent))
        del sys.modules[NAME]


def samples(m: Any) -> dict[str, Any]:
    """Values for each ``echo`` method; a name with a dash is one that Java has no sample of."""
    when = datetime(2023, 11, 14, 22, 13, 20, 123000, UTC)
    noon = datetime(2024, 7, 1, 12, 0)
    shared = m.Point(x=3, y=4)
    point, rex = m.Point(x=1, y=-2), m.Dog(name="Rex", legs=4, good=True)
    order = m.Order(by="x", direction=m.Direction.DOWN)
    ring = m.Node(value=1, next=m.Node(value=2))
    ring.next.next = ring
    return {
        "Boolean.true": True,
        "Byte.min": -128,
        "Short.max": 32767,
        "Int.min": -(2**31),
        "Long.max": 2**63 - 1,
        "Long.0": 0,
        "Float.1.5": 1.5,
        "Double.0.1": 0.1,
        "Double.nan": math.nan,
        "Char.zh": "中",
        "BooleanBox.null": None,
        "ByteBox.min": -128,
        "ShortBox.max": 32767,
        "IntBox.min": -(2**31),
        "IntBox.null": None,
        "LongBox.max": 2**63 - 1,
        "DoubleBox.0.1": 0.1,
        "CharBox.a": "a",
        "FloatBox.null": None,
        "String.emoji": "a😀b",
        "String.null": None,
        "Bytes.16": bytes(range(16)),
        "Bytes.null": None,
        "Booleans.some": [True, False],
        "Shorts.some": [-1, 0, 32767],
        "Ints.some": [1, -2, 2**31 - 1],
        "Ints.null": None,
        "Longs.some": [1, 2, -(2**63)],
        "Doubles.some": [0.0, 0.1, -1e300],
        "Chars.some": "a中",
        "Strings.some": ["a", "", None, "中"],
        "IntBoxes.some": [1, None, -3],
        "Decimals.some": [Decimal("1.50"), Decimal(0)],
        "Dates.some": [datetime.fromtimestamp(0, UTC), when],
        "Points.some": [m.Point(x=1, y=2), None, shared, shared],
        "Colors.some": [m.Color.RED, m.Color.BLUE, m.Color.RED],
        "IntGrid.some": [[1, 2], [], [3]],
        "StringGrid.some": [["a"], ["b", None]],
        "BytesGrid.some": [b"\1\2", b"", b"\xff"],
        "BigDecimal.100.256": Decimal("100.256"),
        "BigInteger.-18446744073709551617": -18446744073709551617,
        "Date.millisecond": when,
        "LocalDate.leap": date(2024, 2, 29),
        "LocalTime.midnight": time(0, 0),
        "LocalDateTime.some-": datetime(2024, 2, 29, 13, 14, 15, 123456),
        "Instant.1969": datetime(1969, 12, 31, 23, 59, 59, 500000, UTC),
        "Duration.negative": timedelta(seconds=-1.5),
        "OffsetDateTime.some": noon.replace(tzinfo=timezone(-timedelta(hours=3, minutes=30))),
        "ZonedDateTime.region": noon.replace(tzinfo=ZoneInfo("Asia/Shanghai")),
        "Uuid.some": UUID("00112233-4455-6677-8899-aabbccddeeff"),
        "Locale.zh_CN": "zh_CN",
        "Currency.EUR": "EUR",
        "Class.String": "java.lang.String",
        "Color.GREEN": m.Color.GREEN,
        "Operation.MINUS": m.Operation.MINUS,
        "StringList.some": ["a", None, "中"],
        "StringList.null": None,
        "IntList.some": [1, None, -(2**31)],
        "LongList.some": [1, None, 2**63 - 1],
        "PointList.shared": [shared, m.Point(x=3, y=4), shared],
        "StringSet.some": {"a", "b", "c"},
        "IntSet.tree-": {1, 2, 3},
        "Collection.list": ["a", "b"],
        "LinkedList.some": ["a", "b"],
        "StringMap.some": {"a": "1", "b": None},
        "CountMap.some": {"a": 1, "b": -70000},
        "PointMap.some": {"here": shared, "there": shared},
        "IntKeyMap.some": {1: "one", -2: "minus two"},
        "ColorMap.some": {m.Color.RED: 1, m.Color.BLUE: None},
        "TreeMap.some": {"a": 1, "b": 2},
        "Nested.some": {"list": [{"x": 1}, {}]},
        "Point.some": point,
        "Point.null": None,
        "Node.ring": ring,
        "Dog.some": rex,
        "Order.some": order,
        "Animal.itself": m.Animal(name="bird", legs=2),
        "Page.some": m.Page(items=[m.Point(x=1, y=2), m.Point(x=3, y=4)], total=70000000000, order=order),
        "Fields.empty": m.Fields(),
        "Fields.full-": m.Fields(
            flag=True, letter="x", tiny_box=1, ints=[1], price=Decimal("1.5"), at=when, point=point
        ),
        "Object.enum": m.Color.GREEN,
        "Object.int": 5,
        "Object.dog": rex,
        "Object.null": None,
    }


def snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def same(expected: Any, actual: Any) -> bool:
    if isinstance(expected, float) and math.isnan(expected):
        return isinstance(actual, float) and math.isnan(actual)
    if type(expected).__name__ == "Node":  # which has rings
        return type(actual) is type(expected) and actual.next.next is actual
    return bool(expected == actual) and isinstance(actual, type(expected))


def test_every_type_there_and_back(java: Java, module: Any, definition: Path, run: Run) -> None:
    async def main() -> list[str]:
        wrong = []
        async with rpcore.Client("memory://unused") as client:
            service = client.refer(module.AllTypes, url=java.provider.address, definition=definition, timeout=10.0)
            for name, value in samples(module).items():
                method, _, sample = name.partition(".")
                named = {} if sample.endswith("-") else {"sample": name}
                try:
                    with rpcore.options(attachments=named):
                        found = await getattr(service, f"echo{snake(method)}")(value)
                except Exception as error:
                    wrong.append(f"{name}: {type(error).__name__}: {error}"[:300])
                    continue
                if not same(value, found):
                    wrong.append(f"{name}: {value!r:.100} became {found!r:.100}")
        return wrong

    assert run(main(), limit=60.0) == []
    echoes = {name for name in dir(module.AllTypes) if name.startswith("echo_")}
    assert echoes - {f"echo{snake(name.partition('.')[0])}" for name in samples(module)} == {
        *("echo_floats", "echo_objects", "echo_tree")  # hessian-lite breaks floats; parents and Any are javarig's
    }


def test_java_does_compare(java: Java, module: Any, run: Run) -> None:
    async def main() -> None:
        async with rpcore.Client("memory://unused") as client:
            service = client.refer(module.AllTypes, url=java.provider.address)
            with rpcore.options(attachments={"sample": "Int.min"}), pytest.raises(RemoteError, match="5"):
                await service.echo_int(5)

    run(main())


def test_everything_that_is_no_echo(java: Java, module: Any, run: Run) -> None:
    async def main() -> None:
        async with rpcore.Client("memory://unused") as client:
            service = client.refer(module.AllTypes, url=java.provider.address, timeout=10.0)
            overloads = [
                await service.over_int(1),
                await service.over_long(1),
                await service.over_string("x"),
                await service.over_list(["x"]),
                await service.over_int_string(1, "x"),
            ]
            assert len(set(overloads)) == 5, overloads
            assert await service.join(1, None, 0.5, "x", True) == "1,null,0.5,x,true"
            assert await service.nothing() is None
            assert await service.null_text() is None
            assert await service.pi() == math.pi
            assert await service.later("x", 1) == "x"
            assert await service.later_nothing() is None
            assert await service.size(b"abc") == 3
            with pytest.raises(module.NotFoundException, match="no such thing") as declared:
                await service.fail("declared")
            assert declared.value.message == "no such thing"
            with pytest.raises(RemoteError, match="not that"):
                await service.fail("illegal-argument")

    run(main())


def test_what_does_not_fit_is_refused_before_it_is_sent(java: Java, module: Any, run: Run) -> None:
    async def main() -> None:
        async with rpcore.Client("memory://unused") as client:
            service = client.refer(module.AllTypes, url=java.provider.address)
            for method, value in (
                ("byte", 128),
                ("int", 2**31),
                ("long", 2**63),
                ("int_list", [2**31]),
                ("char", "ab"),
            ):
                with pytest.raises(rpcore.errors.EncodeError, match=r"args\.arg0"):
                    await getattr(service, f"echo_{method}")(value)

    run(main())


def test_a_declaration_that_java_would_refuse_is_refused_at_refer(definition: Path) -> None:
    from typing import Protocol

    @rpcore.interface("org.rpcore.rig.AllTypes", naming="camel")
    class Wrong(Protocol):
        async def echo_int(self, value: int) -> int: ...

        async def who(self) -> str | None: ...

    with pytest.raises(ConfigurationError) as caught:
        rpcore.Client("memory://unused").refer(Wrong, definition=definition)
    assert "declared echoInt(value: int) is sent as 'J'; write `value: rpcore.types.Int`" in str(caught.value)
    assert "who" not in str(caught.value)


def test_the_module_is_the_definition(module: Any, definition: Path) -> None:
    rpcore.check(module.AllTypes, definition=definition)
    assert interface_spec(module.AllTypes).key.interface == "org.rpcore.rig.AllTypes"
