"""A declaration beside the definition that its Java provider published."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Protocol

import pytest

import rpcore
from rpcore.conformance import compare
from rpcore.definition import ServiceDefinition
from rpcore.errors import ConfigurationError
from rpcore.service import interface_spec
from rpcore.types import Array, Descriptor, Int

DEFINITION = ServiceDefinition.parse(
    {
        "canonicalName": "org.demo.UserService",
        "methods": [
            {"name": "find", "parameterTypes": ["int"], "returnType": "org.demo.User"},
            {"name": "findByIds", "parameterTypes": ["int[]", "java.lang.Boolean"], "returnType": "int"},
            {"name": "over", "parameterTypes": ["long"], "returnType": "void"},
            {"name": "over", "parameterTypes": ["java.lang.String", "java.util.ArrayList"], "returnType": "void"},
            {"name": "save", "parameterTypes": ["org.demo.User"], "returnType": "boolean"},
            {"name": "names", "parameterTypes": [], "returnType": "java.util.Set<java.lang.String>"},
        ],
        "types": [{"type": "org.demo.User", "properties": {"id": "long"}}],
    }
)


@rpcore.wire_name("org.demo.User")
@dataclass
class User:
    id: int


def problems(cls: type) -> dict[str, tuple[str, str]]:
    return {each.method: (each.level, each.text) for each in compare(interface_spec(cls).resolve(), DEFINITION)}


def test_a_declaration_that_fits() -> None:
    @rpcore.interface("org.demo.UserService")
    class Fits(Protocol):
        async def find(self, user_id: Int) -> User | None: ...

        @rpcore.method(name="findByIds")
        async def find_by_ids(self, ids: Array[Int], deep: bool | None) -> float: ...

        async def over(self, number: int) -> None: ...

        @rpcore.method(name="over")
        async def over_text(
            self, text: str, more: Annotated[list[str], Descriptor("Ljava/util/ArrayList;")]
        ) -> None: ...

        async def save(self, user: User) -> bool: ...

        async def names(self) -> list[str]: ...

    assert problems(Fits) == {}


def test_what_everybody_meets_first() -> None:
    @rpcore.interface("org.demo.UserService", naming="camel")
    class Declared(Protocol):
        async def find(self, user_id: int) -> User | None: ...

        async def find_by_ids(self, ids: list[int], deep: bool) -> int: ...

    found = problems(Declared)
    assert {level for level, _ in found.values()} == {"error"}
    assert found["find"][1] == (
        "Java has find(int) as 'I'; declared find(user_id: int) is sent as 'J'; write `user_id: rpcore.types.Int`"
    )
    assert found["find_by_ids"][1] == (
        "Java has findByIds(int[], Boolean) as '[ILjava/lang/Boolean;';"
        " declared findByIds(ids: list[int], deep: bool) is sent as 'Ljava/util/List;Z';"
        " write `ids: rpcore.types.Array[rpcore.types.Int]` and `deep: bool | None`"
    )


def test_the_overload_that_is_nearest_is_advised() -> None:
    @rpcore.interface("org.demo.UserService")
    class Declared(Protocol):
        async def over(self, text: str, more: list[str]) -> None: ...

    (level, text) = problems(Declared)["over"]
    assert level == "error"
    assert text.startswith(
        "Java has over(long) as 'J', over(String, ArrayList) as 'Ljava/lang/String;Ljava/util/ArrayList;';"
    )
    assert text.endswith('; write `more: Annotated[list[Any], rpcore.types.Descriptor("Ljava/util/ArrayList;")]`')


def test_too_many_and_too_few_parameters() -> None:
    @rpcore.interface("org.demo.UserService")
    class Declared(Protocol):
        async def find(self, user_id: Int, deep: bool = False) -> User | None: ...

        @rpcore.method(name="findByIds")
        async def find_by_ids(self, ids: Array[Int]) -> int: ...

    found = problems(Declared)
    assert found["find"][1].endswith("; find(int) has no place for 'deep'")
    assert found["find_by_ids"][1].endswith("; write one more parameter, `bool | None`")


def test_a_class_that_is_declared_under_another_name_or_not_at_all() -> None:
    definition = ServiceDefinition.parse(
        {
            "canonicalName": "org.demo.S",
            "methods": [{"name": "save", "parameterTypes": ["org.demo.Customer"], "returnType": "void"}],
            "types": [{"type": "org.demo.Customer", "properties": {"id": "long"}}],
        }
    )

    @rpcore.interface("org.demo.S")
    class Declared(Protocol):
        async def save(self, user: User) -> None: ...

    (problem,) = compare(interface_spec(Declared).resolve(), definition)
    assert problem.text == (
        "Java has save(Customer) as 'Lorg/demo/Customer;'; declared save(user: User) is sent as 'Lorg/demo/User;';"
        ' write `user: Customer`; Customer is a class with @rpcore.wire_name("org.demo.Customer")'
    )


def test_a_missing_method_and_those_near_it() -> None:
    @rpcore.interface("org.demo.UserService")
    class Declared(Protocol):
        async def finds(self, user_id: Int) -> User | None: ...

    assert problems(Declared) == {"finds": ("error", "Java has no method finds (did you mean 'find' or 'findByIds'?)")}


def test_results_that_cannot_be_read_are_warned_of() -> None:
    @rpcore.interface("org.demo.UserService")
    class Declared(Protocol):
        async def find(self, user_id: Int) -> list[User]: ...

        async def save(self, user: User) -> datetime: ...

        async def names(self) -> str | None: ...

    found = problems(Declared)
    assert {name: level for name, (level, _) in found.items()} == dict.fromkeys(("find", "save", "names"), "warning")
    assert found["save"][1] == "Java returns boolean, which is bool; declared is datetime"
    assert found["find"][1] == "Java returns User, which is User | None; declared is list[User]"


# ---- where it is asked for


@rpcore.interface("org.demo.UserService", naming="camel")
class Wrong(Protocol):
    async def find(self, user_id: int) -> User | None: ...

    async def find_by_name(self, name: str) -> User | None: ...

    async def save(self, user: User) -> datetime: ...


@rpcore.interface(of=Wrong)
class WrongView(Protocol):
    def find(self, user_id: int) -> User | None: ...


def test_refer_says_every_problem_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        rpcore.Client("memory://unused").refer(Wrong, definition=DEFINITION)
    first, *lines = str(caught.value).split("\n")
    assert first == "Wrong is not org.demo.UserService as its provider defines it:"
    assert [line.partition(":")[0] for line in lines] == ["  find", "  find_by_name", "  save"]


def test_views_files_and_check(tmp_path: Path) -> None:
    path = tmp_path / "definition.json"
    path.write_text(json.dumps({"canonicalName": "org.demo.UserService", "methods": []}))
    with pytest.raises(ConfigurationError, match="find: Java has no method find"):
        rpcore.check(Wrong, definition=path)
    with rpcore.sync.Client("memory://unused") as client, pytest.raises(ConfigurationError, match="no method find"):
        client.refer(WrongView, definition=str(path))


def test_the_definition_of_a_generic_service_is_its_own() -> None:
    client = rpcore.Client("memory://unused")
    with pytest.raises(ConfigurationError, match=r"refer\(org.demo.Other\): the definition is of org.demo.UserService"):
        client.refer("org.demo.Other", definition=DEFINITION)
    client.refer("g/org.demo.UserService:2.0.0", definition=DEFINITION)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "No such file"),
        ("{", "is not JSON"),
        ('{"canonicalName": "org.demo.Other"}', "the definition is of org.demo.Other"),
    ],
)
def test_definitions_that_cannot_be_used(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "definition.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigurationError, match=message):
        rpcore.check(Wrong, definition=path)


def test_warnings_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    @rpcore.interface("org.demo.UserService")
    class Declared(Protocol):
        async def save(self, user: User) -> Any: ...

        async def names(self) -> int: ...

    with caplog.at_level(logging.WARNING, "rpcore.client"):
        rpcore.check(Declared, definition=DEFINITION)
    assert [record.getMessage() for record in caplog.records] == [
        "Declared.names: Java returns Set<String>, which is set[str] | None; declared is int"
    ]
