"""Generic calls between rpcore peers: ``$invoke`` at the provider, and the client that has no declaration."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import logging
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

import pytest

import rpcore
import rpcore.sync
from conftest import Run
from live import serve
from rpcore import errors
from rpcore.definition import ServiceDefinition
from rpcore.generic.calling import invocation
from rpcore.types import GenericObject, Instant, Int, Locale, OffsetDateTime, TypedList

NAME = "com.x.UserService"


@rpcore.wire_name("com.x.Color")
class Color(enum.Enum):
    RED = 1
    BLUE = 2


@rpcore.wire_name("com.x.User", naming="camel")
@dataclass
class User:
    user_id: int
    name: str = ""
    color: Color | None = None
    born: date | None = None
    balance: Decimal | None = None
    friends: list[User] = field(default_factory=list)


ADA = {
    "class": "com.x.User",
    "userId": 1,
    "name": "Ada",
    "color": "RED",
    "born": "1815-12-10",
    "balance": Decimal("1.50"),
    "friends": [],
}


@rpcore.wire_name("com.x.NotFound")
class NotFound(Exception):
    pass


@rpcore.interface(NAME, naming="camel", raises=(NotFound,), timeout=5.0)
class Users(Protocol):
    async def find_user(self, user_id: int) -> User: ...
    async def store(self, user: User, loud: bool = False) -> str: ...
    @rpcore.method(name="over")
    async def over_int(self, value: Int) -> str: ...
    @rpcore.method(name="over")
    async def over_text(self, value: str) -> str: ...
    @rpcore.method(name="over")
    async def over_two(self, value: Int, text: str) -> str: ...
    async def where(self) -> dict[str, str]: ...
    async def in_thread(self) -> str: ...
    async def fail(self, kind: str) -> None: ...
    async def wrong(self) -> int: ...
    async def wait(self) -> None: ...
    async def anything(self, value: Any) -> Any: ...


class Service:
    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.waits = asyncio.Event()

    async def find_user(self, user_id: int) -> User:
        return User(user_id, "Ada", Color.RED, date(1815, 12, 10), Decimal("1.50"))

    async def store(self, user: User, loud: bool = False) -> str:
        return f"{user!r} {loud}"

    async def over_int(self, value: int) -> str:
        return f"int {value}"

    async def over_text(self, value: str) -> str:
        return f"text {value}"

    async def over_two(self, value: int, text: str) -> str:
        return f"two {value} {text}"

    async def where(self) -> dict[str, str]:
        request = rpcore.context()
        request.reply_attachments = {"answer": "yes"}
        return {"method": request.method, "user": request.received_attachments.get("user", "")}

    def in_thread(self) -> str:
        return f"{rpcore.context().method} {threading.current_thread() is not threading.main_thread()}"

    async def fail(self, kind: str) -> None:
        if kind == "declared":
            raise NotFound("nobody")
        if kind == "ours":
            raise errors.CallTimeout("of a nested call")
        raise KeyError(kind)

    async def wrong(self) -> int:
        return "no int"  # type: ignore[return-value]

    async def wait(self) -> None:
        self.waits.set()
        await self.go_on.wait()

    async def anything(self, value: Any) -> Any:
        return value


@contextlib.asynccontextmanager
async def generic(service: Service | None = None, **options: Any) -> AsyncIterator[rpcore.GenericService]:
    """The service called by its name. ``refer``: options of the reference; the others are the server's."""
    refer = options.pop("refer", {})
    async with serve(Users, service or Service(), **options) as server, rpcore.Client("memory://unused") as client:
        yield client.refer(NAME, url=server.address, **refer)


def test_calls_by_name(run: Run) -> None:
    async def main() -> None:
        async with generic() as service:
            assert await service.findUser(1) == ADA
            assert await service.call("findUser", 1) == ADA
            assert await service.invoke("findUser", ["long"], [1]) == ADA
            assert await service.invoke("findUser", args=[1]) == ADA
            # Java knows one method of that name, and how many arguments it takes: the types may be any.
            assert await service.invoke("findUser", ["java.lang.Integer"], [1]) == ADA
            assert await service.findUser("1") == ADA
            assert await service.call("$echo", {"a": 1}) == {"a": 1}
            assert repr(service).startswith(f"<GenericService {NAME} at 127.0.0.1:")
            assert not hasattr(service, "_private")

    run(main())


def test_arguments_that_are_records(run: Run) -> None:
    expected = repr(User(7, "x", Color.BLUE, date(2020, 1, 1)))
    fields = {"userId": 7, "name": "x", "color": "BLUE", "born": "2020-01-01"}

    async def main() -> None:
        async with generic() as service:
            for user in (
                User(7, "x", Color.BLUE, date(2020, 1, 1)),
                fields,
                {"class": "com.x.User", **fields},
                GenericObject("com.x.User", fields),
            ):
                assert await service.store(user) == f"{expected} False"
            assert await service.store(fields, True) == f"{expected} True"
            assert await service.store(fields, "true") == f"{expected} True"
            noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
            values = [1, 1 << 40, 1 << 70, 1.5, None, True, b"\x00", "x", [1], {"a": [{}]}, {1: 2}, noon]
            for value in values:
                assert await service.anything(value) == value

    run(main())


def test_overloads(run: Run) -> None:
    async def main() -> None:
        async with generic() as service:
            assert await service.invoke("over", ["int"], [3]) == "int 3"
            assert await service.invoke("over", ["java.lang.Integer"], [3]) == "int 3"
            assert await service.invoke("over", ["java.lang.String"], ["3"]) == "text 3"
            assert await service.over(3, "x") == "two 3 x"
            with pytest.raises(errors.InvalidArguments, match=r"name the parameter types, there is over\(I\), over\(L"):
                await service.over(3)
            with pytest.raises(errors.InvalidArguments, match=r"called as over\(J\), declared is over\(I\)"):
                await service.invoke("over", ["long"], [3])

    run(main())


@pytest.mark.parametrize(
    ("method", "types", "args", "kind", "message"),
    [
        ("nope", None, [], errors.UnknownMethod, f"No such method nope in class interface {NAME}; there is findUser"),
        ("findUser", None, [], errors.InvalidArguments, "findUser: takes 1 argument, got 0"),
        ("store", None, [1, 2, 3], errors.InvalidArguments, "store: takes 1 or 2 arguments, got 3"),
        ("findUser", None, ["x"], errors.InvalidArguments, "findUser: args.user_id: expected int, got str 'x'"),
        (
            "store",
            None,
            [{"userId": 1, "friends": [{}]}],
            errors.InvalidArguments,
            r"friends\[0\]: User needs",
        ),
        ("findUser", ["long", "int"], [1], errors.ConfigurationError, r"2 types \(long, int\) for 1 arguments"),
        ("findUser", "long", [1], errors.ConfigurationError, "types must be a list of Java names"),
        ("anything", None, [object()], errors.EncodeError, r"args\[0\]: cannot send a value of type object"),
    ],
)
def test_what_does_not_fit(
    run: Run, caplog: pytest.LogCaptureFixture, method: str, types: Any, args: list[Any], kind: type, message: str
) -> None:
    async def main() -> None:
        async with generic() as service:
            with pytest.raises(kind, match=message):
                await service.invoke(method, types, args)

    run(main())
    assert not faults(caplog)  # the caller knows; no fault of the service


def faults(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged as an error; other tests may have let milder levels through."""
    return [record.message for record in caplog.records if record.levelno >= logging.ERROR]


def test_what_the_method_raised(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "rpcore.server")

    async def main() -> None:
        async with generic() as service:
            with pytest.raises(errors.RemoteError) as raised:
                await service.fail("declared")
            assert (raised.value.type, raised.value.remote_message) == ("com.x.NotFound", "nobody")
            assert not faults(caplog)
            with pytest.raises(errors.RemoteError) as raised:
                await service.fail("other")
            assert (raised.value.type, raised.value.remote_message) == ("KeyError", "'other'")
            assert raised.value.traceback is None
            # An rpcore error of the method's own is no refusal of ours.
            with pytest.raises(errors.RemoteError, match=r"rpcore.errors.CallTimeout: of a nested call"):
                await service.fail("ours")
            with pytest.raises(
                errors.InvalidResult, match=r"UserService.wrong: result: expected int, got str 'no int'"
            ):
                await service.wrong()
        async with generic(send_traceback=True) as service:
            with pytest.raises(errors.RemoteError) as raised:
                await service.fail("other")
            assert "in fail" in (raised.value.traceback or "")

    run(main())
    assert faults(caplog)
    assert "com.x.UserService.fail, called by" in caplog.text  # under the method's name, not $invoke


def test_the_method_s_own_chain(run: Run) -> None:
    seen: list[str] = []

    async def note(invocation: Any, call_next: Any) -> Any:
        seen.append(f"{invocation.side} {invocation.method} {len(invocation.arguments)}")
        return await call_next(invocation)

    async def main() -> None:
        async with generic(filters=[note], refer={"filters": [note], "attachments": {"user": "ada"}}) as service:
            with rpcore.options() as options:
                assert await service.where() == {"method": "where", "user": "ada"}
            assert options.reply_attachments == {"answer": "yes"}
            assert await service.inThread() == "inThread True"
        assert seen == ["consumer where 0", "provider where 0", "consumer inThread 0", "provider inThread 0"]

    run(main())


def test_limits_and_policy_are_the_method_s(run: Run) -> None:
    async def main() -> None:
        served = Service()
        limits = {"methods": {"wait": {"executes": 1}}}
        policy = {"methods": {"wait": {"timeout": 0.1, "retries": 0}}}
        async with generic(served, export=limits) as service:
            first = asyncio.ensure_future(service.wait())
            await served.waits.wait()
            with pytest.raises(errors.LimitExceeded, match=r"UserService.wait: 1 calls run already, the limit is 1"):
                await service._client.refer(NAME, url=service._referral.urls[0].address, retries=0).wait()
            assert await service.findUser(1) == ADA
            served.go_on.set()
            assert await first is None
            assert await service.wait() is None
        served = Service()
        async with generic(served, refer=policy) as service:
            with pytest.raises(errors.CallTimeout, match="wait"):
                await service.wait()

    run(main())


def test_a_token_is_asked_for(run: Run) -> None:
    async def main() -> None:
        async with generic(export={"token": "secret"}) as service:
            with pytest.raises(errors.InvalidToken):
                await service.findUser(1)
        async with generic(export={"token": "secret"}, refer={"attachments": {"token": "secret"}}) as service:
            assert await service.findUser(1) == ADA

    run(main())


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ("nativejava", "generic=nativejava: objects in Java's own serialization are not read here; there is true"),
        ("protobuf-json", "generic=protobuf-json: protobuf messages are not served here"),
        ("x", "generic=x: no such form"),
    ],
)
def test_forms_that_are_not_served(run: Run, form: str, message: str) -> None:
    async def main() -> None:
        async with generic(refer={"attachments": {"generic": form}}) as service:
            with pytest.raises(errors.InvalidArguments, match=message):
                await invoke_by_msgpack(service, "findUser", None, [1])

    run(main())


async def invoke_by_msgpack(service: rpcore.GenericService, *args: Any) -> Any:
    """``$invoke`` itself, called as a method of the service."""
    client, address = service._client, service._referral.urls[0].address
    attachments = service._referral.attachments
    direct = client.refer(NAME, url=address, serialization="msgpack", attachments=attachments)
    return await direct.call("$invoke", *args)


def test_msgpack(run: Run) -> None:
    """By the method's own name, or by ``$invoke`` as over hessian2."""

    async def main() -> None:
        async with generic(refer={"serialization": "msgpack"}) as service:
            assert (await service.findUser(1))["name"] == "Ada"
            assert await service.invoke("over", ["int"], [3]) == "int 3"
            assert await service.invoke("findUser", ["long"], [1]) == await service.findUser(1)
            with pytest.raises(errors.UnknownMethod):
                await service.invoke("over", ["long"], [3])
            assert await invoke_by_msgpack(service, "over", ["int"], [3]) == "int 3"
            got = await invoke_by_msgpack(service, "findUser", None, [1])
            assert (got["class"], got["color"], got["born"]) == ("com.x.User", "RED", "1815-12-10")
            with pytest.raises(errors.RemoteError, match=r"com.x.NotFound: nobody"):
                await invoke_by_msgpack(service, "fail", None, ["declared"])

    run(main())


DEFINITION = ServiceDefinition.parse(
    {
        "canonicalName": NAME,
        "methods": [
            {"name": "findUser", "parameterTypes": ["long"], "returnType": "com.x.User"},
            {"name": "over", "parameterTypes": ["int"], "returnType": "java.lang.String"},
            {"name": "over", "parameterTypes": ["java.lang.String"], "returnType": "java.lang.String"},
            {"name": "over", "parameterTypes": ["int", "java.lang.String"], "returnType": "java.lang.String"},
        ],
        "types": [],
    }
)


def test_types_from_a_definition(run: Run) -> None:
    async def main() -> None:
        async with generic(refer={"definition": DEFINITION}) as service:
            assert await service.findUser(1) == ADA
            assert await service.over(3, "x") == "two 3 x"
            assert await service.invoke("over", ["int"], [3]) == "int 3"
            with pytest.raises(
                errors.ConfigurationError, match=r"several methods take as many arguments: over\(int\), "
            ):
                await service.over(3)
            with pytest.raises(errors.ConfigurationError, match=r"called with 0 arguments, there is findUser"):
                await service.findUser()
            with pytest.raises(errors.ConfigurationError, match="no such method; there is findUser"):
                await service.findUsr(1)

    run(main())


def test_the_names_on_the_wire() -> None:
    method, types, args = invocation("save", ("com.x.User", "int"))((User(1, color=Color.BLUE), 2))
    assert (method, types, type(types)) == ("save", ["com.x.User", "int"], TypedList)
    assert (types.type_name, args.type_name) == ("[string", "[object")
    assert args[0]["class"] == "com.x.User"
    assert args[0]["color"] == "BLUE"
    assert invocation("save", None)(())[1:] == (None, [])


@pytest.mark.parametrize(
    ("type_name", "value", "sent"),
    [
        ("int", 5, 5),
        ("int", "5", 5),
        ("long", 1 << 62, 1 << 62),
        ("java.lang.Long", None, None),
        ("float", 1, 1.0),
        ("java.math.BigDecimal", "1.50", Decimal("1.50")),
        ("java.util.UUID", "00000000-0000-0000-0000-000000000007", UUID(int=7)),
        ("java.util.Locale", "zh_CN", Locale("zh_CN")),
        ("java.time.Instant", datetime(2026, 1, 1, tzinfo=UTC), Instant(2026, 1, 1, tzinfo=UTC)),
        ("java.time.OffsetDateTime", "2026-01-01T00:00:00Z", OffsetDateTime(2026, 1, 1, tzinfo=UTC)),
        ("java.util.Date", "2026-01-01 00:00:00", "2026-01-01 00:00:00"),
        ("int[]", [1, "2"], [1, 2]),
        ("byte[]", b"x", b"x"),
        ("java.util.List", [1], [1]),
        ("com.x.User", {"userId": 1}, {"userId": 1}),
    ],
)
def test_an_argument_of_a_known_type(type_name: str, value: Any, sent: Any) -> None:
    _, _, args = invocation("f", (type_name,))((value,))
    assert args == [sent]
    assert type(args[0]) is type(sent)


@pytest.mark.parametrize(
    ("type_name", "value", "message"),
    [
        ("int", 1 << 31, r"args\[0\]: 2147483648 does not fit the 32 bits of Int \(for int\)"),
        ("int", 2.7, r"args\[0\]: expected Int, got float 2.7 \(for int\)"),
        ("int", None, r"args\[0\]: expected Int, got None"),
        ("byte[]", [1, 300], r"args\[0\]\[1\]: 300 does not fit the 8 bits of Byte"),
        ("java.util.Date", datetime(2026, 1, 1), r"args\[0\]: JavaDate is an instant and needs a zone"),
        ("java.util.UUID", "x", r"args\[0\]: expected UUID, got str 'x'"),
    ],
)
def test_what_java_would_cut_is_not_sent(type_name: str, value: Any, message: str) -> None:
    with pytest.raises(errors.EncodeError, match=message):
        invocation("f", (type_name,))((value,))


def test_the_blocking_client(run: Run) -> None:
    async def main() -> None:
        async with serve(Users, Service()) as server:

            def calls() -> None:
                with rpcore.sync.Client("memory://unused") as client:
                    service = client.refer(NAME, url=server.address)
                    assert service.findUser(1) == ADA
                    assert service.invoke("over", ["int"], [3]) == "int 3"
                    assert service.call("over", 3, "x") == "two 3 x"
                    with pytest.raises(errors.RemoteError, match="nobody"):
                        service.fail("declared")
                    assert repr(service).startswith(f"<sync.GenericService {NAME} at 127.0.0.1:")

            await asyncio.to_thread(calls)
            loop = asyncio.get_running_loop()
            await loop.shutdown_default_executor()

    run(main())
