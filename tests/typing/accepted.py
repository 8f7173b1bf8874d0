"""What users write, as in the README: type checkers accept every line, and know the types."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, assert_type

import rpcore


@dataclass
class User:
    id: int
    name: str
    tags: list[str]


class NotFound(Exception):
    pass


@rpcore.interface("org.demo.UserService", version="1.0.0", timeout=1.0, loadbalance="leastactive")
class UserService(Protocol):
    async def find(self, user_id: int) -> User | None: ...

    @rpcore.method(idempotent=True, timeout=0.3, retries=2, raises=(NotFound,))
    async def find_all(self, ids: list[int]) -> list[User]: ...

    @rpcore.method(cluster="failfast")
    async def rename(self, user_id: int, name: str) -> User: ...


@rpcore.interface(of=UserService)
class UserServiceSync(Protocol):
    def find(self, user_id: int) -> User | None: ...


class Users:
    async def find(self, user_id: int) -> User | None:
        return User(user_id, "ann", [])

    def find_all(self, ids: list[int]) -> list[User]:
        return [User(user_id, "ann", []) for user_id in ids]

    async def rename(self, user_id: int, name: str) -> User:
        return User(user_id, name, [])


def provide() -> None:
    rpcore.check(UserService)
    server = rpcore.Server(registry="memory://", application="users", port=0)
    server.export(UserService, Users(), weight=100, tag="gray", methods={"find": {"executes": 5}})
    server.export(UserService, Users)


async def consume() -> None:
    async with rpcore.Client(registry="memory://", application="web") as client:
        users = client.refer(UserService, retries=0, methods={"find": {"timeout": 0.5}})
        assert_type(users, UserService)
        user = await users.find(42)
        assert_type(user, User | None)
        with rpcore.options(timeout=0.2, tag="gray"):
            assert_type(await users.find_all([1, 2]), list[User])
        assert_type(rpcore.bind(users, timeout=0.5), UserService)
        generic = client.refer("com.acme.UserService", url="dubbo://10.0.0.7:20880", definition="UserService.json")
        assert_type(generic, rpcore.GenericService)
        assert_type(await generic.invoke("findUser", ["long"], [42]), Any)
        assert_type(await generic.findUser(42), Any)


T = TypeVar("T")


class Blocking(Protocol):
    """How the blocking client's ``refer`` is typed."""

    def refer(self, interface: Callable[..., T]) -> T: ...


def block(client: Blocking) -> None:
    users = client.refer(UserServiceSync)
    assert_type(users, UserServiceSync)
    assert_type(users.find(42), User | None)
