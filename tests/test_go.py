"""dubbo-go as a live peer, both ways, over a direct address: nothing of ours is on the other side.

The Go half is tests/go/peer: the service and the samples are in service.go, under the same names as here. A sample
that goes from Go to us and back is compared here when it comes and in Go when it is back.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, NoReturn, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

import frames
import rpcore
import rpcore.sync
from conftest import Run
from live import Recorder, serve, until
from rig_go import Go, GoConsumer, GoError, go_programs
from rpcore import errors
from rpcore.decode import EVENT, HELLO, HESSIAN2, OK, REQUEST, SERIALIZATION, Frame
from rpcore.types import (
    Array,
    BigInteger,
    Byte,
    Float,
    GenericObject,
    Instant,
    Int,
    JavaException,
    Locale,
    Long,
    Short,
    TypedList,
    ZonedDateTime,
)

ONE_LOOP = True
"""What is tested is on the wire: one kind of loop is enough."""

NAME = "org.rpcore.rig.GoTypes"
MIB = 1 << 20


@rpcore.wire_name("org.rpcore.rig.GoColor")
class Color(Enum):
    RED = "red"
    GREEN = "green"


@rpcore.wire_name("org.rpcore.rig.GoUser")
@dataclass
class User:
    id: int
    name: str
    age: Int = 0
    score: float = 0.0
    active: bool = False
    born: datetime | None = None
    tags: Array[str] | None = field(default_factory=list)
    color: Color | None = Color.RED
    friend: User | None = None


@rpcore.wire_name("org.rpcore.rig.GoNotFound")
class NotFound(Exception):
    def __init__(self, message: str, wanted: int) -> None:
        super().__init__(message)
        self.message = message
        self.wanted = wanted


@rpcore.interface(NAME, version="1.0.0", naming="camel", timeout=10.0, retries=0, raises=(NotFound,))
class GoTypes(Protocol):
    async def echo_bool(self, value: bool) -> bool: ...
    async def echo_byte(self, value: Byte) -> Byte: ...
    async def echo_short(self, value: Short) -> Short: ...
    async def echo_int(self, value: Int) -> Int: ...
    async def echo_long(self, value: int) -> int: ...
    async def echo_plain(self, value: int) -> int: ...
    async def echo_float(self, value: Float) -> Float: ...
    async def echo_double(self, value: float) -> float: ...
    async def echo_string(self, value: str) -> str: ...
    async def echo_bytes(self, value: bytes) -> bytes: ...
    async def echo_time(self, value: datetime) -> datetime: ...
    async def echo_strings(self, value: Array[str]) -> Array[str]: ...
    async def echo_ints(self, value: Array[Int]) -> Array[Int]: ...
    async def echo_longs(self, value: Array[int]) -> Array[int]: ...
    async def echo_doubles(self, value: Array[float]) -> Array[float]: ...
    async def echo_bools(self, value: Array[bool]) -> Array[bool]: ...
    async def echo_list(self, value: list[Any]) -> list[Any]: ...
    async def echo_map(self, value: dict[Any, Any]) -> dict[Any, Any]: ...
    async def echo_counts(self, value: dict[str, Int]) -> dict[str, Int]: ...
    async def echo_user(self, value: User) -> User: ...
    async def echo_users(self, value: Array[User]) -> Array[User]: ...
    async def echo_color(self, value: Color) -> Color: ...
    async def echo_any(self, value: Any) -> Any: ...
    async def maybe(self, value: Int | None) -> Int | None: ...
    async def both(self, a: str, b: str | None, c: User | None) -> str: ...
    async def blob(self, size: Int) -> bytes: ...
    async def nothing(self) -> None: ...
    async def nil_user(self) -> User | None: ...
    async def describe(self, user: User) -> str: ...
    async def attached(self, name: str) -> str: ...
    async def wait(self, tag: Int) -> Int: ...
    async def open(self) -> Int: ...
    async def waiting(self) -> Int: ...
    async def fail(self, how: str) -> str: ...


@rpcore.interface(NAME, version="1.0.0", naming="camel", timeout=10.0, retries=0)
class Absent(Protocol):
    """What the provider does not have."""

    async def absent(self, text: str) -> str: ...
    async def echo_string(self, value: int) -> str: ...
    async def echo_strings(self, value: list[str]) -> list[str]: ...


@rpcore.interface(of=GoTypes)
class BlockingTypes(Protocol):
    def echo_user(self, value: User) -> User: ...
    def echo_string(self, value: str) -> str: ...
    def nothing(self) -> None: ...
    def fail(self, how: str) -> str: ...


BORN = datetime(2023, 11, 14, 22, 13, 20, 123000, UTC)


def user() -> User:
    bob = User(2, "Bob", born=BORN)
    return User(1 << 40, "Ann é中😀", 41, 2.5, True, BORN, ["a", ""], Color.GREEN, bob)


SAMPLES: dict[str, Any] = {
    "Bool": True,
    "Byte": -128,
    "Short": -32768,
    "Int": -(2**31),
    "Int2": 7,
    "Long": -(2**63),
    "Long2": 7,
    "Plain": 1 << 40,
    "Float": 1.5,
    "Double": -0.1,
    "Double2": 3.0,
    "String": "é中😀\0 end",
    "String2": "",
    "Bytes": b"\x00\x01\xff",
    "Time": BORN,
    "Strings": ["a", "", "中"],
    "Strings2": [],
    "Ints": [1, -2, 300000],
    "Longs": [1, -2, 1 << 40],
    "Doubles": [0.5, -2.0],
    "Bools": [True, False],
    "List": [1, 1 << 40, "a", None, 0.5, True],
    "Map": {"a": 1, "b": "c", 3: None},
    "Counts": {"a": 1, "b": -2},
    "User": user(),
    "Users": [user(), User(3, "Cid", born=BORN, tags=["x"])],
    "Color": Color.GREEN,
}


class Types:
    """A provider that keeps what it is given; most of its methods give it back."""

    def __init__(self) -> None:
        self.got: list[Any] = []
        self.attachments: dict[str, Any] = {}
        self.gate = asyncio.Event()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if not name.startswith("echo_"):
            raise AttributeError(name)
        return self.maybe

    async def maybe(self, value: Any) -> Any:
        self.got.append(value)
        return value

    async def both(self, a: str, b: str | None, c: User | None) -> str:
        return f"{a} {b} {c}"

    async def blob(self, size: Int) -> bytes:
        return b"x" * size

    async def nothing(self) -> None:
        return None

    async def nil_user(self) -> User | None:
        return None

    async def describe(self, user: User) -> str:
        assert user.color is not None
        return f"{user.name} {user.color.name}"

    async def attached(self, name: str) -> str:
        self.attachments = rpcore.context().received_attachments
        rpcore.context().reply_attachments = {"answered": "python é中"}
        return str(self.attachments.get(name))

    async def wait(self, tag: Int) -> Int:
        self.got.append(tag)
        await self.gate.wait()
        return tag

    async def open(self) -> Int:
        self.gate.set()
        return len(self.got)

    async def waiting(self) -> Int:
        return len(self.got)

    async def fail(self, how: str) -> str:
        match how:
            case "own":
                raise NotFound("no such user", 7)
            case "java":
                raise JavaException("java.lang.IllegalArgumentException", "bad é中")
            case "unknown":
                raise JavaException("org.nowhere.Odd", "odd")
        raise LookupError(f"no {how}")


@pytest.fixture(scope="module")
def go(tmp_path_factory: pytest.TempPathFactory, require: Callable[[str, str], NoReturn]) -> Iterator[Go]:
    with go_programs(tmp_path_factory.mktemp("go"), require) as programs:
        yield programs


@contextlib.asynccontextmanager
async def calling(address: str, interface: Callable[..., Any] = GoTypes, **client: Any) -> AsyncIterator[Any]:
    """A stub of ours that calls this address."""
    async with rpcore.Client("memory://unused", **client) as consumer:
        yield consumer.refer(interface, url=address)


@contextlib.asynccontextmanager
async def serving(go: Go, **options: Any) -> AsyncIterator[tuple[GoConsumer, Types, str]]:
    """A consumer in Go, a provider of ours and its address."""
    served = Types()
    with go.consumer() as consumer:
        async with serve(GoTypes, served, **options) as server:
            yield consumer, served, server.address


# --- Go calls us -------------------------------------------------------------------------------------------


def test_values_of_go_come_and_go_back(go: Go, run: Run) -> None:
    async def main() -> None:
        async with serving(go) as (consumer, served, address):
            for name, sample in SAMPLES.items():
                served.got.clear()
                assert await consumer.ask("echo", address, sample=name) == "same", name
                assert served.got == [sample], name
                assert type(served.got[0]) is type(sample), name

    run(main())


def test_nil_has_no_type(go: Go, run: Run) -> None:
    """dubbo-go writes `V` for it where Java has a class; nil pointers have one."""

    async def main() -> None:
        async with serving(go) as (consumer, served, address):
            assert await consumer.ask("nil", address, method="Any") == "<nil>"
            assert await consumer.ask("nils", address) == "a None None"
            assert await consumer.ask("box", address, count=7) is None
            assert served.got == [None, 7, None]
            for method in ("Long", "String"):
                with pytest.raises(GoError, match=r"args\.value"):
                    await consumer.ask("nil", address, method=method)

    run(main())


def test_go_reads_what_we_answer(go: Go, run: Run) -> None:
    async def main() -> None:
        async with serving(go) as (consumer, served, address):
            assert await consumer.ask("none", address, method="Nothing") is None
            assert await consumer.ask("unset", address) is True
            assert await consumer.ask("describe", address) == "Ann é中😀 GREEN"
            assert await consumer.ask("text", address, method="Echo", text="é中") == "é中"
            assert await consumer.ask("nil", address, method="Echo") == "<nil>"
            assert served.got == [], "$echo reaches no service"

    run(main())


def test_attachments_of_go(go: Go, run: Run) -> None:
    async def main() -> None:
        async with serving(go) as (consumer, served, address):
            asked = {"method": "Attached", "text": "trace", "attachments": {"trace": "é中"}}
            assert await consumer.ask("text", address, **asked) == "é中"
            assert served.attachments["trace"] == "é中"
            assert not {"interface", "path", "version", "timeout"} & served.attachments.keys()
            assert consumer.replied["answered"] == "python é中"

    run(main())


def test_our_exceptions_in_go(go: Go, run: Run) -> None:
    """What dubbo-go has no class for loses its name."""

    async def main() -> None:
        async with serving(go) as (consumer, _, address):
            for how, cls, message in (
                ("own", "org.rpcore.rig.GoNotFound", "no such user"),
                ("java", "java.lang.IllegalArgumentException", "bad é中"),
                ("soup", "java.lang.RuntimeException", "LookupError: no soup"),
                ("unknown", "", "throw  : odd"),
            ):
                with pytest.raises(GoError) as caught:
                    await consumer.ask("text", address, method="Fail", text=how)
                assert (caught.value.cls, caught.value.message) == (cls, message)
                if how == "own":
                    assert (caught.value.type, caught.value.told["wanted"]) == ("*main.NotFound", 7)

    run(main())


def test_what_we_refuse_go(go: Go, run: Run) -> None:
    """dubbo-go makes one error of every status, of the text."""

    async def main() -> None:
        async with serving(go) as (consumer, _, address):
            for asked, text in (
                ({"method": "Absent"}, "no method 'absent'"),
                ({"method": "String", "version": "9.9"}, f"{NAME}:9.9"),
                ({"method": "String", "group": "g"}, f"g/{NAME}"),
                ({"method": "Long"}, "args.value"),
            ):
                with pytest.raises(GoError) as caught:
                    await consumer.ask("text", address, text="x", **asked)
                assert text in caught.value.message
            assert await consumer.ask("text", address, method="String", text="x") == "x"

    run(main())


def test_go_calls_a_group(go: Go, run: Run) -> None:
    async def main() -> None:
        async with serving(go, export={"group": "g"}) as (consumer, _, address):
            assert await consumer.ask("text", address, group="g", method="String", text="x") == "x"
            with pytest.raises(GoError, match=NAME):
                await consumer.ask("text", address, method="String", text="x")

    run(main())


def test_a_mebibyte_of_go(go: Go, run: Run) -> None:
    async def main() -> None:
        async with serving(go) as (consumer, served, address):
            assert await consumer.ask("blob", address, count=MIB) == MIB
            assert served.got == [b"x" * MIB]

    run(main())


def test_a_thousand_calls_of_go_in_flight(go: Go, run: Run) -> None:
    async def main() -> None:
        async with serving(go) as (consumer, served, address):
            calls = asyncio.create_task(consumer.ask("many", address, count=1000))
            await until(lambda: len(served.got) == 1000, 20)
            served.gate.set()
            assert await calls == 1000
            assert sorted(served.got) == list(range(1000))

    run(main())


def test_heartbeats_of_a_consumer_in_go(go: Go, run: Run) -> None:
    """It sends one each 300 ms and gives up a connection after three without an answer; we close one that is silent."""

    async def main() -> None:
        async with serving(go, heartbeat=0.5) as (consumer, _, address), Recorder(address) as cable:
            assert await consumer.ask("text", cable.address, method="String", text="x") == "x"
            opened = 2  # connections of a consumer here
            await until(lambda: cable.accepted == opened)
            await until(lambda: len(events(cable, outgoing=True)) >= 3 * opened, 20)
            await until(lambda: len(events(cable, outgoing=False)) >= 3 * opened)
            asked = {frame.id for frame in events(cable, outgoing=True)}
            answers = events(cable, outgoing=False)
            assert {(answer.flags, answer.status_code, answer.body) for answer in answers} == {
                (EVENT | HESSIAN2, OK, frames.HEARTBEAT)
            }
            assert {answer.id for answer in answers} <= asked
            assert await consumer.ask("text", cable.address, method="String", text="x") == "x"
            assert cable.accepted == opened

    run(main())


def test_a_graceful_stop_lets_the_call_of_go_end(go: Go, run: Run) -> None:
    """dubbo-go takes READONLY for a heartbeat, and answers it though it is one-way."""

    async def main() -> None:
        served = Types()
        with go.consumer() as consumer:
            async with serve(GoTypes, served) as server, Recorder(server.address) as cable:
                call = asyncio.create_task(consumer.ask("number", cable.address, method="Wait", count=5))
                await until(lambda: served.got)
                stopping = asyncio.create_task(server.stop(5.0))
                await until(lambda: told(cable))
                await until(lambda: told(cable) <= {frame.id for frame in events(cable, outgoing=True)})
                served.gate.set()
                assert await call == 5
                await stopping

    run(main())


def told(cable: Recorder) -> set[int]:
    """The ids of READONLY events."""
    return {frame.id for frame in events(cable, outgoing=False) if frame.body == b"\x01R"}


def events(cable: Recorder, *, outgoing: bool) -> list[Frame]:
    return [frame for frame in cable.frames(outgoing=outgoing) if frame.flags & EVENT]


def test_generic_calls_of_go(go: Go, run: Run) -> None:
    async def main() -> None:
        async with serving(go, old_generic_exception=True) as (consumer, served, address):
            asked = {"generic": True, "address": address}
            known = {"types": ["org.rpcore.rig.GoUser"], "sample": "map"}
            assert (
                await consumer.ask("invoke", method="echoString", types=["java.lang.String"], text="é", **asked) == "é"
            )
            assert await consumer.ask("invoke", method="describe", **known, **asked) == "Ann RED"
            back = await consumer.ask("invoke", method="echoUser", **known, **asked)
            assert served.got == ["é", User(5, "Ann", 41)]
            assert (back["class"], back["name"], back["color"]) == ("org.rpcore.rig.GoUser", "Ann", "RED")
            with pytest.raises(GoError, match="no such user") as caught:
                await consumer.ask("invoke", method="fail", types=["java.lang.String"], text="own", **asked)
            assert caught.value.cls == "com.alibaba.dubbo.rpc.service.GenericException"
            assert caught.value.told["wrapped"] == "org.rpcore.rig.GoNotFound"

    run(main())


def test_go_does_not_know_the_generic_exception_of_today(go: Go, run: Run) -> None:
    async def main() -> None:
        async with serving(go) as (consumer, _, address):
            with pytest.raises(GoError, match="no such user") as caught:
                await consumer.ask(
                    "invoke", address, generic=True, method="fail", types=["java.lang.String"], text="own"
                )
            assert caught.value.cls == ""

    run(main())


# --- we call Go --------------------------------------------------------------------------------------------


def test_values_of_ours_come_back_from_go(go: Go, run: Run) -> None:
    async def main() -> None:
        async with calling(go.provider.address) as stub:
            for name, sample in SAMPLES.items():
                method = getattr(stub, f"echo_{name.rstrip('2').lower()}")
                got = await method(sample)
                assert got == sample, name
                assert type(got) is type(sample), name

    run(main())


def test_values_without_a_declared_type(go: Go, run: Run) -> None:
    async def main() -> None:
        async with calling(go.provider.address) as stub:
            for value in (
                *(5, Long(5), 1 << 40, "é", True, 0.5, b"x", BORN, user()),
                *([1, "a"], TypedList("[string", ["a", "b"]), {"a": [{"b": 1.5}]}),
                *(date(2024, 1, 2), time(3, 4, 5, 6), timedelta(seconds=90), datetime(2024, 1, 2, 3)),
                *(Instant(2024, 1, 2, tzinfo=UTC), ZonedDateTime(2024, 1, 2, tzinfo=ZoneInfo("Europe/Berlin"))),
                *(Decimal("1.50"), BigInteger(10**30), UUID(int=5), Locale("zh_CN"), "x" * 70000, b"y" * 70000),
            ):
                back = await stub.echo_any(value)
                assert back == value
                assert type(back) is type(value)

    run(main())


def test_objects_keep_who_they_are_in_go(go: Go, run: Run) -> None:
    async def main() -> None:
        async with calling(go.provider.address) as stub:
            ring = User(1, "Ann", tags=["a"], friend=User(2, "Bob", tags=["b"]))
            assert ring.friend is not None
            ring.friend.friend = ring
            back = await stub.echo_user(ring)
            assert (back.name, back.friend.name) == ("Ann", "Bob")
            assert back.friend.friend is back
            first, second = await stub.echo_users([back, back])
            assert first is second

    run(main())


def test_go_has_null_for_lists_that_are_empty(go: Go, run: Run) -> None:
    """A nil slice is written as null, and dubbo-go makes one of an empty list that has no type."""

    async def main() -> None:
        async with calling(go.provider.address) as stub:
            assert (await stub.echo_user(User(1, "Ann", tags=TypedList("[string")))).tags == []
            thing = GenericObject("org.rpcore.rig.GoUser", {"id": 1, "name": "Ann", "tags": []})
            assert (await stub.echo_any(thing)).tags is None

    run(main())


def test_an_object_that_go_does_not_know_comes_back(go: Go, run: Run) -> None:
    """In Go it is a map with its class's name, which dubbo-go sends as an object again."""

    async def main() -> None:
        async with calling(go.provider.address) as stub:
            sent = GenericObject("org.nowhere.Thing", {"a": 1})
            assert await stub.echo_any(sent) == sent

    run(main())


def test_go_answers_nothing(go: Go, run: Run) -> None:
    """Go adds a null behind every body, behind null results too, where Envoy would refuse it."""

    async def main() -> None:
        async with Recorder(go.provider.address) as cable, calling(cable.address) as stub:
            assert await stub.nothing() is None
            assert await stub.nil_user() is None
            assert await stub.describe(user()) == "Ann é中😀 GREEN"
            bodies = [frame.body for frame in cable.frames(outgoing=False) if not frame.flags & EVENT]
            assert [(body[0], body[-2:]) for body in bodies] == [(0x95, b"ZN"), (0x95, b"ZN"), (0x94, b"ZN")]

    run(main())


def test_attachments_for_go(go: Go, run: Run) -> None:
    """dubbo-go sends what it got back with what the service adds."""

    async def main() -> None:
        async with calling(go.provider.address) as stub:
            with rpcore.options(attachments={"trace": "é中"}) as block:
                assert await stub.attached("trace") == "é中"
            assert block.reply_attachments["answered"] == "go é中"
            assert await stub.attached("trace") == ""

    run(main())


def test_exceptions_of_go(go: Go, run: Run) -> None:
    async def main() -> None:
        async with calling(go.provider.address) as stub:
            for how, type, message in (
                ("error", "java.lang.Throwable", "plain error"),
                ("java", "java.lang.IllegalArgumentException", "bad é中"),
                ("panic", "java.lang.Throwable", "boom"),
            ):
                with pytest.raises(errors.RemoteError) as caught:
                    await stub.fail(how)
                assert (caught.value.type, caught.value.remote_message) == (type, message)
                assert caught.value.retry is errors.Retry.NEVER
            with pytest.raises(NotFound, match="no such user") as declared:
                await stub.fail("own")
            assert declared.value.wanted == 7
            assert await stub.fail("not") == "not"

    run(main())


def test_what_go_refuses(go: Go, run: Run) -> None:
    """With an exception as any other: dubbo-go has no statuses of its own."""

    async def main() -> None:
        address = go.provider.address
        async with calling(address, Absent) as absent, rpcore.Client("memory://unused") as client:
            for failing, text in (
                (absent.absent("x"), "cannot find method"),
                (absent.echo_string(5), "reflect: Call using int64 as type string"),
                (absent.echo_strings(["a"]), r"reflect: Call using \[\]interface {} as type \[\]string"),
                (
                    client.refer(GoTypes, url=address, version="9.9").nothing(),
                    f"don't have this exporter, key: {NAME}:9.9",
                ),
            ):
                with pytest.raises(errors.RemoteError, match=text) as caught:
                    await failing
                assert caught.value.type == "java.lang.Throwable"

    run(main())


def test_generic_calls_to_go(go: Go, run: Run) -> None:
    """dubbo-go looks at no types, and makes its exceptions no generic ones."""

    async def main() -> None:
        async with rpcore.Client("memory://unused") as client:
            service = client.refer(NAME, url=go.provider.address, version="1.0.0", retries=0)
            assert await service.invoke("echoString", ["java.lang.String"], ["é中"]) == "é中"
            assert await service.echoString("é中") == "é中"
            assert await service.describe({"name": "Ann", "class": "org.rpcore.rig.GoUser"}) == "Ann RED"
            back = await service.echoUser({"name": "Ann", "friend": {"id": 2}})
            assert (back["class"], back["name"], back["friend"]["id"]) == ("org.rpcore.rig.GoUser", "Ann", 2)
            with pytest.raises(errors.RemoteError, match="no such user") as caught:
                await service.fail("own")
            assert caught.value.type == "org.rpcore.rig.GoNotFound"
            with pytest.raises(errors.RemoteError, match='"absent" method is not found'):
                await service.absent()

    run(main())


def test_a_mebibyte_for_go(go: Go, run: Run) -> None:
    async def main() -> None:
        async with calling(go.provider.address) as stub:
            data = bytes(range(256)) * (MIB // 256)
            assert await stub.echo_bytes(data) == data
            text = "é" * (MIB // 2)
            assert await stub.echo_string(text) == text
            assert await stub.blob(MIB) == b"x" * MIB

    run(main())


def test_a_thousand_calls_to_go_in_flight(go: Go, run: Run) -> None:
    async def main() -> None:
        async with calling(go.provider.address) as stub:
            calls = [asyncio.create_task(stub.wait(tag)) for tag in range(1000)]
            async with asyncio.timeout(20):
                while await stub.waiting() < 1000:
                    pass
            assert await stub.open() == 1000
            assert await asyncio.gather(*calls) == list(range(1000))

    run(main())


def test_go_echoes(go: Go, run: Run) -> None:
    async def main() -> None:
        async with frames.Consumer(go.provider.address) as consumer:
            for value in ("é中", 5, None, [1, None]):
                asked = frames.request(-3, NAME, "$echo", "Ljava/lang/Object;", [value])
                answer = await consumer.call(asked)
                assert (answer.id, answer.status_code) == (-3, OK)
                assert frames.values(answer.body)[1 if value is not None else 0] == (5 if value is None else value)

    run(main())


def test_go_answers_heartbeats_and_our_hello_with_two_nulls(go: Go, run: Run) -> None:
    async def main() -> None:
        async with frames.Consumer(go.provider.address) as consumer:
            for id in (-5, HELLO << 16 | 3):
                answer = await consumer.call(frames.heartbeat(id))
                assert (answer.flags, answer.status_code, answer.id) == (EVENT | HESSIAN2, OK, id)
                assert answer.body == b"NN"

    run(main())


def test_heartbeats_with_a_provider_in_go(go: Go, run: Run) -> None:
    """Both sides send them, and no connection is given up."""

    async def main() -> None:
        async with Recorder(go.provider.address) as cable, calling(cable.address, heartbeat=0.2) as stub:
            await stub.nothing()
            await until(lambda: len([f for f in events(cable, outgoing=False) if f.flags & REQUEST]) >= 3, 20)
            await until(lambda: len([f for f in events(cable, outgoing=True) if f.flags & REQUEST]) >= 2, 20)
            asked = {f.id for f in events(cable, outgoing=False) if f.flags & REQUEST}
            answered = {f.id for f in events(cable, outgoing=True) if not f.flags & REQUEST}
            assert len(answered) >= 2
            assert answered <= asked
            await stub.nothing()
            assert cable.accepted == 1

    run(main())


def test_a_call_of_go_is_given_up(go: Go, run: Run) -> None:
    """Nothing is sent that dubbo-go does not know, and its late answers are for nobody."""

    async def main() -> None:
        async with Recorder(go.provider.address) as cable, calling(cable.address) as stub:
            cancelled = asyncio.create_task(stub.wait(1))
            with rpcore.options(timeout=0.1), pytest.raises(errors.CallTimeout):
                await stub.wait(2)
            cancelled.cancel()
            with pytest.raises(asyncio.CancelledError):
                await cancelled
            assert await stub.open() == 2
            assert await stub.echo_int(3) == 3
            assert {f.flags & SERIALIZATION for f in cable.frames(outgoing=True)} == {HESSIAN2}
            assert {f.body for f in events(cable, outgoing=True)} == {frames.HEARTBEAT}
            assert cable.accepted == 1

    run(main())


def test_blocking_code_calls_go(go: Go) -> None:
    with rpcore.sync.Client("memory://unused") as client:
        stub = client.refer(BlockingTypes, url=go.provider.address)
        assert stub.echo_user(user()) == user()
        assert stub.nothing() is None
        with pytest.raises(NotFound, match="no such user"):
            stub.fail("own")
        text = "é" * (MIB // 2)
        assert stub.echo_string(text) == text


def test_a_provider_in_go_is_killed_with_calls_in_flight(go: Go, run: Run) -> None:
    async def main() -> None:
        provider = go.new_provider()
        try:
            async with calling(provider.address) as stub:
                calls = [asyncio.create_task(stub.wait(tag)) for tag in range(3)]
                while await stub.waiting() < 3:
                    pass
                provider.kill()
                for call in calls:
                    with pytest.raises(errors.ConnectionLost) as caught:
                        await call
                    assert caught.value.retry is errors.Retry.MAYBE_EXECUTED
                with pytest.raises(errors.ConnectError):
                    await stub.nothing()
        finally:
            if provider.process.returncode is None:
                provider.kill()

    run(main())
