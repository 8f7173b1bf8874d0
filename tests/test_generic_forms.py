"""Generic calls as a foreign peer sends them: every form of arguments and results; the face of GenericService."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, Protocol

import pytest

import rpcore
from conftest import Run
from hessian_samples import Address, Admin, Color, User
from live import Recorder, serve, until
from rpcore import errors
from rpcore._codec import ANY
from rpcore._core import Caller
from rpcore.dispatch import hessian_prefix, request_prefix
from rpcore.generic.beans import DESCRIPTOR as BEAN
from rpcore.generic.beans import Beans
from rpcore.generic.calling import ARGS, DESCRIPTOR
from rpcore.generic.conversions import generalize
from rpcore.generic.serving import GENERIC_EXCEPTION, OLD_GENERIC_EXCEPTION
from rpcore.javatypes import Int, Long
from rpcore.reference import SERIALIZATIONS

Wire = Literal["msgpack", "hessian2"]


@rpcore.wire_name("org.demo.NotFoundException", naming="camel")
class NotFound(Exception):
    def __init__(self, message: str, user_id: int) -> None:
        super().__init__(message, user_id)
        self.message = message
        self.user_id = user_id


@dataclass
class Nameless:
    size: int
    when: datetime.date


@rpcore.interface("org.demo.Users", version="1.0", timeout=2.0, naming="camel", raises=(NotFound,))
class Users(Protocol):
    async def find_user(self, user_id: int) -> User | None: ...
    async def store(self, user: User, color: Color = Color.RED) -> User: ...
    async def add(self, left: int, right: Int) -> int: ...
    async def measure(self, item: Nameless, price: Decimal) -> Nameless: ...
    async def day_after(self, day: datetime.date) -> datetime.date: ...
    async def anything(self, value: Any) -> Any: ...
    async def fail(self, how: str) -> None: ...
    async def where(self) -> list[str]: ...
    async def wrong(self) -> int: ...

    @rpcore.method(executes=1)
    async def wait(self) -> str: ...

    @rpcore.method(cancellable=False)
    async def finish(self) -> str: ...

    @rpcore.method(name="over")
    async def over_int(self, value: Int) -> str: ...

    @rpcore.method(name="over")
    async def over_text(self, value: str) -> str: ...


class Handlers:
    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.waiting = asyncio.Event()
        self.got: list[Any] = []

    async def find_user(self, user_id: int) -> User | None:
        return User(user_id, "Al", ["z"], Address("x")) if user_id > 0 else None

    async def store(self, user: User, color: Color = Color.RED) -> User:
        self.got = [user, color]
        return Admin(user.id, user.name, rights=1)

    async def add(self, left: int, right: Int) -> int:
        return left + right

    async def measure(self, item: Nameless, price: Decimal) -> Nameless:
        self.got = [item, price]
        return item

    async def day_after(self, day: datetime.date) -> datetime.date:
        return day + datetime.timedelta(days=1)

    async def anything(self, value: Any) -> Any:
        self.got = [value]
        return value

    async def fail(self, how: str) -> None:
        if how == "declared":
            raise NotFound("nobody", 42)
        if how == "nested":
            raise errors.UnknownMethod("of another service")
        raise ValueError(how)

    async def where(self) -> list[str]:
        context = rpcore.context()
        return [context.method, str(context.service), context.received_attachments.get("trace", "")]

    async def wrong(self) -> int:
        return "text"  # type: ignore[return-value]

    async def wait(self) -> str:
        self.waiting.set()
        await self.gate.wait()
        return "done"

    async def finish(self) -> str:
        await self.gate.wait()
        self.got = ["finished"]
        return "finished"

    async def over_int(self, value: Int) -> str:
        return f"int {value}"

    async def over_text(self, value: str) -> str:
        return f"text {value}"


@contextlib.asynccontextmanager
async def generic(handlers: Any = None, server: Any = None, **refer: Any) -> AsyncIterator[Any]:
    """A generic service of ``Users``."""
    async with (
        serve(Users, handlers or Handlers(), **(server or {})) as listening,
        rpcore.Client("memory://unused") as client,
    ):
        yield client.refer("org.demo.Users", version="1.0", url=listening.address, **refer)


def raw(service: Any, name: str = "$invoke", wire: Wire = "hessian2", form: str = "true") -> Caller:
    """Calls Dubbo's own method itself, as a foreign peer does, with ``(method, types, arguments)``.

    Args:
        service: a generic service that has been called.
        wire: the serialization.
        form: of arguments and result: the attachment ``generic``.
    """
    referral = service._referral
    caller = Caller(
        referral.reference,
        service=referral.key.interface,
        method=name,
        prefix=request_prefix(referral.key, name),
        args=ARGS,
        result=ANY,
        hessian_prefix=hessian_prefix(referral.key, name, DESCRIPTOR),
        hessian_attachments=referral._about(),
    )
    options = referral._resolve(name)
    referral._configure_caller(caller, options)
    referral._set_picker(caller, options)
    caller.serialization = SERIALIZATIONS[wire]
    caller.set_attachments({"generic": form})
    return caller


AL = {
    "class": "org.demo.User",
    "id": 1,
    "name": "Al",
    "tags": ["z"],
    "address": {"class": "org.demo.Address", "streetName": "x", "zipCode": ""},
}


def test_a_long_is_a_long_for_java(run: Run) -> None:
    async def main() -> None:
        async with generic() as users:
            assert type(await users.add(1, 2)) is Long
            assert type((await users.findUser(1))["id"]) is Long

    run(main())


def test_the_status_of_an_unknown_method_is_dubbos(run: Run) -> None:
    async def main() -> None:
        from live import Recorder
        from rpcore._core import Connection  # noqa: F401  (the wire itself is looked at below)

        async with serve(Users, Handlers()) as listening, Recorder(listening.address) as recorder:
            async with rpcore.Client("memory://unused") as client:
                users = client.refer("org.demo.Users:1.0", url=recorder.address)
                with pytest.raises(errors.UnknownMethod):
                    await users.nope()
            statuses = [frame.status_code for frame in recorder.frames(outgoing=False) if frame.kind == "response"]
            assert statuses == [70]

    run(main())


@pytest.mark.parametrize(("old", "name"), [(False, GENERIC_EXCEPTION), (True, OLD_GENERIC_EXCEPTION)])
def test_java_gets_a_generic_exception(run: Run, old: bool, name: str) -> None:
    async def main() -> None:
        async with serve(Users, Handlers(), old_generic_exception=old) as listening:
            async with Recorder(listening.address) as recorder, rpcore.Client("memory://unused") as client:
                users = client.refer("org.demo.Users:1.0", url=recorder.address)
                with pytest.raises(errors.RemoteError) as raised:
                    await users.fail("declared")
            assert (raised.value.type, raised.value.remote_message) == ("org.demo.NotFoundException", "nobody")
            body = b"".join(frame.body for frame in recorder.frames(outgoing=False))
            assert name.encode() in body
            assert b"org.demo.NotFoundException: nobody" in body  # its own message, for who only prints it

    run(main())


def test_raw_return(run: Run) -> None:
    async def main() -> None:
        async with generic() as users:
            await users.add(1, 1)
            call = raw(users, form="raw.return")
            assert await call("findUser", None, [1]) == User(1, "Al", ["z"], Address("x"))
            assert await call("dayAfter", None, ["2026-01-31"]) == datetime.date(2026, 2, 1)
            assert type(await call("add", None, [1, 1])) is Long

    run(main())


@pytest.mark.parametrize("wire", ["msgpack", "hessian2"])
def test_gson(run: Run, wire: Wire) -> None:
    async def main() -> None:
        handlers = Handlers()
        async with generic(handlers) as users:
            await users.add(1, 1)
            call = raw(users, wire=wire, form="gson")
            assert await call("findUser", ["long"], ["1"]) == AL
            await call("store", None, ['{"id": 1, "name": "ż", "address": {"streetName": "x"}}', '"GREEN"'])
            assert handlers.got == [User(1, "ż", [], Address("x")), Color.GREEN]
            await call("measure", None, ['{"size": 3, "when": "2026-01-31"}', "1.10"])
            assert handlers.got == [Nameless(3, datetime.date(2026, 1, 31)), Decimal("1.10")]

    run(main())


def test_beans(run: Run) -> None:
    async def main() -> None:
        handlers = Handlers()
        async with generic(handlers) as users:
            await users.add(1, 1)
            call = raw(users, form="bean")
            user = User(1, "Al", ["z"], Address("x"))
            bean = await call("store", None, [generalize(each, form=Beans()) for each in (user, Color.GREEN)])
            assert handlers.got == [user, Color.GREEN]
            assert (bean.class_name, bean["className"], bean["type"]) == (BEAN, "org.demo.Admin", 7)
            assert bean["properties"]["rights"]["className"] == "java.lang.Long"
            assert await call("findUser", None, [generalize(0, form=Beans())]) is None

    run(main())


def test_the_java_form_of_a_call(run: Run) -> None:
    """Both names, null types, null arguments, boxed types: as Java sends them."""

    async def main() -> None:
        async with generic() as users:
            await users.findUser(1)
            for name in ("$invoke", "$invokeAsync"):
                call = raw(users, name)
                assert await call("findUser", ["java.lang.Long"], [1]) == AL
                assert await call(" findUser ", None, [1]) == AL
                assert await call("anything", ["java.lang.Object"], None) is None
                assert await call("store", ["org.demo.User", "org.demo.Color"], [{"id": 1, "name": "A"}, "RED"])

    run(main())


def test_options_and_attachments_of_one_call(run: Run) -> None:
    async def main() -> None:
        handlers = Handlers()
        async with generic(handlers) as users:
            with pytest.raises(errors.CallTimeout):
                await users.invoke("finish", timeout=0.05, retries=0)
            assert await users.invoke("where", attachments={"trace": "t-1"}) == ["where", "org.demo.Users:1.0", "t-1"]
            assert (await users.where())[2] == ""
            with pytest.raises(errors.ConfigurationError, match="unknown option 'timeot'"):
                await users.invoke("finish", timeot=1.0)
            handlers.gate.set()
            await until(lambda: handlers.got == ["finished"])  # not cancellable, so it went on

    run(main())


def test_what_the_provider_publishes_of_a_method_holds(run: Run) -> None:
    """Also for a method that was called before the provider was known."""

    async def main() -> None:
        registry = f"memory://generic-{id(run)}"
        handlers = Handlers()
        server = rpcore.Server(registry, host="127.0.0.1", port=0)
        server.export(Users, handlers, methods={"finish": {"timeout": 0.05, "retries": 0}})
        async with rpcore.Client(registry) as client:
            users = client.refer("org.demo.Users:1.0", timeout=5.0)
            handlers.gate.set()
            first = asyncio.create_task(users.finish())
            await asyncio.sleep(0)
            async with server:
                assert await first == "finished"
                handlers.gate.clear()
                with pytest.raises(errors.CallTimeout, match=r"0\.05"):
                    await users.finish()
                handlers.gate.set()

    run(main())


def test_what_it_looks_like(run: Run) -> None:
    async def main() -> None:
        async with generic() as users:
            assert repr(users).startswith("<GenericService org.demo.Users:1.0 at 127.0.0.1:")
            assert asyncio.iscoroutinefunction(users.findUser)
            assert "invoke" in dir(users)
            with pytest.raises(AttributeError, match="'GenericService' object has no attribute '_repr_html_'"):
                _ = users._repr_html_

    run(main())
