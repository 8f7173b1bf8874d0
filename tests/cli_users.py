"""The service that the tests of the command line serve and call."""

from __future__ import annotations

import asyncio
import datetime
import decimal
import uuid
from dataclasses import dataclass, field
from typing import Any, Protocol

import rpcore


@dataclass
class User:
    id: int
    name: str
    born: datetime.date | None = None
    tags: set[str] = field(default_factory=set)
    photo: bytes = b""


@dataclass
class NotFound(Exception):
    user_id: int


@rpcore.interface("org.demo.UserService", version="1.0.0", timeout=5.0, raises=(NotFound,), naming="camel")
class UserService(Protocol):
    async def find(self, user_id: int, deep: bool = False) -> User:
        """The user with this id."""
        ...

    async def store(self, user: User) -> User: ...

    @rpcore.method(timeout=0.1, retries=0)
    async def find_slowly(self, user_id: int) -> User: ...

    async def echo(self, value: Any) -> Any: ...

    async def exact(self, amount: decimal.Decimal, id: uuid.UUID, wait: datetime.timedelta) -> list[str]: ...

    async def attachments(self) -> dict[str, str]: ...


class Users:
    async def find(self, user_id: int, deep: bool = False) -> User:
        if user_id == 13:
            raise NotFound(user_id)
        if user_id == 0:
            raise ZeroDivisionError("no user 0")
        return User(user_id, "Ada", datetime.date(1815, 12, 10), {"deep"} if deep else set(), b"\x00\x01")

    async def store(self, user: User) -> User:
        return user

    async def find_slowly(self, user_id: int) -> User:
        await asyncio.sleep(5)
        raise AssertionError("the caller has gone long ago")

    async def echo(self, value: Any) -> Any:
        return value

    async def exact(self, amount: decimal.Decimal, id: uuid.UUID, wait: datetime.timedelta) -> list[str]:
        return [repr(amount), repr(id), repr(wait)]

    async def attachments(self) -> dict[str, str]:
        request = rpcore.context()
        request.reply_attachments = {"served": "yes"}
        return {name: str(value) for name, value in request.received_attachments.items()}


def make_server() -> rpcore.Server:
    server = rpcore.Server(application="users", host="127.0.0.1", port=0)
    server.export(UserService, Users(), warmup=0)
    return server


async def make_server_later() -> rpcore.Server:
    return make_server()


not_a_server = 42
