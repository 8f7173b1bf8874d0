"""An implementation is compared with its interface at export: everything that cannot work is said then."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NewType, Protocol, TypeVar

import pytest

from rpcore.assignable import contradicts
from rpcore.errors import ConfigurationError
from rpcore.handlers import Handler
from rpcore.service import handlers, interface, interface_spec

T = TypeVar("T")
UserId = NewType("UserId", int)


@dataclass
class User:
    id: int


class Admin(User):
    pass


@interface("org.demo.Users")
class Users(Protocol):
    async def find(self, user_id: int, *, deep: bool = False) -> User | None: ...

    async def rename(self, user_id: int, name: str) -> User: ...


class Base:
    """Serves both methods correctly; the tests below break one at a time."""

    async def find(self, user_id: int, *, deep: bool = False) -> User | None:
        return User(user_id) if deep else None

    def rename(self, user_id: int, name: str) -> User:
        return User(user_id)


def match(implementation: object) -> dict[str, Handler]:
    return handlers(interface_spec(Users), implementation)


def refusal(implementation: object) -> str:
    with pytest.raises(ConfigurationError) as caught:
        match(implementation)
    return str(caught.value)


def test_async_and_plain_methods_may_be_mixed() -> None:
    found = match(Base())
    assert set(found) == {"find", "rename"}
    assert (found["find"].is_async, found["rename"].is_async) == (True, False)
    assert found["rename"].function(1, "x") == User(1)


def test_every_argument_is_passed_positionally_also_to_keyword_only_parameters() -> None:
    found = match(Base())
    assert asyncio.run(found["find"].function(7, True)) == User(7)


def test_a_handler_that_fits_is_not_wrapped() -> None:
    implementation = Base()
    assert match(implementation)["rename"].function == implementation.rename


class Star(Base):
    async def find(self, *args: Any, **kwargs: Any) -> Any:
        return args, kwargs


class ByKeyword(Base):
    async def find(self, *, deep: bool, user_id: int) -> Any:
        return user_id, deep


class Wider(Base):
    async def find(self, user_id: int | str, deep: object, extra: int = 0) -> Admin:
        return Admin(user_id) if deep else Admin(0)  # type: ignore[arg-type]


class PositionalOnly(Base):
    def rename(self, uid: int, new: str, /) -> User:
        return User(uid)


class Unhinted(Base):
    def rename(self, user_id, name):  # type: ignore[no-untyped-def]
        return User(user_id)


class Unresolvable(Base):
    def rename(self, user_id: Nowhere, name: str) -> User:  # type: ignore[name-defined]  # noqa: F821
        return User(user_id)


@pytest.mark.parametrize("cls", [Star, ByKeyword, Wider, PositionalOnly, Unhinted, Unresolvable])
def test_handlers_that_can_take_the_arguments(cls: type[Base]) -> None:
    match(cls())


def test_variable_parameters_take_what_is_declared_as_it_is_declared() -> None:
    assert asyncio.run(match(Star())["find"].function(7, True)) == ((7,), {"deep": True})
    assert asyncio.run(match(ByKeyword())["find"].function(7, True)) == (7, True)


def test_callables_that_are_no_methods() -> None:
    class Callable_:
        async def __call__(self, user_id: int, name: str) -> User:
            return User(user_id)

    class Object(Base):
        rename = Callable_()  # type: ignore[assignment]

    class Partial(Base):
        def __init__(self) -> None:
            self.rename = functools.partial(Callable_().__call__, name="x")  # type: ignore[assignment]

    assert match(Object())["rename"].is_async
    partial = match(Partial())["rename"]
    assert partial.is_async


class Nothing:
    def finds(self) -> None: ...


class Inherited(Users):
    async def rename(self, user_id: int, name: str) -> User:
        return User(user_id)


@interface(of=Users)
class UsersSync(Protocol):
    def rename(self, user_id: int, name: str) -> User: ...


class InheritedView(UsersSync):
    async def find(self, user_id: int, *, deep: bool = False) -> User | None:
        return None


class TooFew(Base):
    def rename(self, user_id: int) -> User:  # type: ignore[override]
        return User(user_id)


class TooMany(Base):
    def rename(self, user_id: int, name: str, reason: str) -> User:  # type: ignore[override]
        return User(user_id)


class OtherOrder(Base):
    def rename(self, name: str, user_id: int) -> User:  # type: ignore[override]
        return User(user_id)


class OtherName(Base):
    def rename(self, uid: int, name: str) -> User:
        return User(uid)


class NoKeyword(Base):
    async def find(self, user_id: int) -> User | None:  # type: ignore[override]
        return None


class OtherHint(Base):
    def rename(self, user_id: str, name: str) -> User:  # type: ignore[override]
        return User(0)


class Narrower(Base):
    async def find(self, user_id: int, *, deep: Literal["yes"]) -> None:  # type: ignore[override]
        return None


class OtherReturn(Base):
    def rename(self, user_id: int, name: str) -> User | None:  # type: ignore[override]
        return None


class Generator(Base):
    def rename(self, user_id: int, name: str) -> Iterator[User]:  # type: ignore[override]
        yield User(user_id)


class AsyncGenerator(Base):
    async def find(self, user_id: int, *, deep: bool = False) -> AsyncIterator[User]:  # type: ignore[override]
        yield User(user_id)


class NoMethod(Base):
    rename = 5  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("implementation", "message"),
    [
        (Inherited(), "Inherited.find: is missing: only the declaration in Users was inherited"),
        (
            InheritedView(),
            "InheritedView.rename: is missing: only the declaration in UsersSync was inherited",
        ),
        (TooFew(), "TooFew.rename: takes (user_id), but (user_id, name) is declared: no place for 'name'"),
        (
            TooMany(),
            "TooMany.rename: takes (user_id, name, reason), but (user_id, name) is declared: nothing",
        ),
        (
            OtherOrder(),
            "OtherOrder.rename: takes (name, user_id), but (user_id, name) is declared: 'name' is in",
        ),
        (
            OtherName(),
            "OtherName.rename: takes (uid, name), but (user_id, name) is declared: no place for 'user",
        ),
        (NoKeyword(), "NoKeyword.find: takes (user_id), but (user_id, *, deep=False) is declared: no place"),
        (OtherHint(), "OtherHint.rename: parameter 'user_id' is str, but int is declared"),
        (Narrower(), "Narrower.find: parameter 'deep' is typing.Literal['yes'], but bool is declared"),
        (OtherReturn(), "OtherReturn.rename: returns "),
        (Generator(), "Generator.rename: is a generator, but Users declares one value"),
        (AsyncGenerator(), "AsyncGenerator.find: is a generator, but Users declares one value"),
        (NoMethod(), "NoMethod.rename: is no method but 5"),
    ],
)
def test_handlers_that_cannot_serve(implementation: object, message: str) -> None:
    name = type(implementation).__name__
    assert refusal(implementation).startswith(f"{name} does not implement Users: {message}")


def test_all_problems_are_listed_and_near_names_shown() -> None:
    message = refusal(Nothing())
    assert message.splitlines() == [
        "Nothing does not implement Users:",
        "  Nothing.find: is missing (did you mean 'finds'?)",
        "  Nothing.rename: is missing (known: finds)",
    ]


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (int, int),
        (int, float),
        (bool, int),
        (int, object),
        (Any, int),
        (int, Any),
        (int, T),
        (int, int | None),
        (UserId, int),
        (int, UserId),
        (Admin, User),
        (list[int], Sequence[int]),
        (list[Any], list[int]),
        (list, list[int]),
        (tuple[int, str], tuple[Any, ...]),
        (tuple[int, int], Sequence[int]),
        (dict[str, int], dict[str, int | None]),
        (Literal["a"], str),
        (Literal["a"], Literal["a", "b"]),
        (None, int | None),
    ],
)
def test_hints_that_agree(source: Any, target: Any) -> None:
    assert not contradicts(source, target)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (float, int),
        (str, int),
        (int | None, int),
        (None, int),
        (User, Admin),
        (list[int], list[str]),
        (Sequence[int], list[int]),
        (tuple[int, str], tuple[int, int]),
        (tuple[int, str], tuple[int, str, int]),
        (tuple[int, str], tuple[int, ...]),
        (dict[str, int], dict[int, int]),
        (Literal["a"], int),
        (list[int | None], list[int]),
    ],
)
def test_hints_that_contradict(source: Any, target: Any) -> None:
    assert contradicts(source, target)
