"""From hints to plans: where hints come from, what is refused and how, naming, declared exceptions."""

from __future__ import annotations

import sys
from dataclasses import InitVar, dataclass, field
from typing import Annotated, Any, Literal, TypedDict

import msgpack
import pytest

import rpcore
from codec_samples import (
    Cat,
    Checked,
    Movie,
    Plain,
    Renamed,
)
from rpcore.errors import ConfigurationError, DecodeError, EncodeError
from rpcore.plan import compile_exception, compile_type
from rpcore.types import Name

unpack = msgpack.unpackb
pack = msgpack.packb


def test_classes_made_in_a_function() -> None:
    @dataclass
    class Leaf:
        value: int

    @dataclass
    class Node:
        left: Node | None
        leaves: list[Leaf]

    plan = compile_type(tuple[Node, Leaf])
    value = (Node(Node(None, [Leaf(1)]), []), Leaf(2))
    assert plan.loads(plan.dumps(value)) == value

    with pytest.raises(ConfigurationError, match=r"Node\.leaves: name 'Leaf' is not defined.*module level"):
        compile_type(Node)
    assert compile_type(Node, names={"Leaf": Leaf}).loads(pack({"left": None, "leaves": []}))


@pytest.mark.skipif(sys.version_info < (3, 12), reason="syntax of Python 3.12")
def test_type_statement_and_type_parameters() -> None:
    namespace: dict[str, Any] = {"__name__": __name__}
    exec(
        "from dataclasses import dataclass\n"
        "type Json = None | bool | int | float | str | list[Json] | dict[str, Json]\n"
        "type Id = int\n"
        "type Many[T] = list[T] | None\n"
        "type Loop = Loop | int\n"
        "type Self_ = Self_\n"
        "@dataclass\nclass Box[T]:\n    item: T\n    more: 'Many[Box[T]]' = None\n",
        namespace,
    )
    json = compile_type(namespace["Json"])
    value = {"a": [1, 2.5, None, {"b": True}]}
    assert json.loads(json.dumps(value)) == value
    with pytest.raises(EncodeError, match=r"result\['a'\]\[0\]: expected .*got bytes"):
        json.dumps({"a": [b"x"]})
    assert compile_type(namespace["Id"]).dumps(5) == b"\x05"
    box = namespace["Box"]
    sys.modules[__name__].__dict__.update(Many=namespace["Many"], Box=box)
    plan = compile_type(box[int])
    assert plan.loads(plan.dumps(box(1, [box(2)]))) == box(1, [box(2)])
    with pytest.raises(EncodeError, match=r"result\.more\[0\]\.item: expected int"):
        plan.dumps(box(1, [box("x")]))
    for name in ("Loop", "Self_"):
        with pytest.raises(ConfigurationError, match="itself"):
            compile_type(namespace[name])


UNSUPPORTED: list[tuple[Any, str]] = [
    (complex, "complex is not a type that can be sent"),
    (list[complex], "complex is not a type that can be sent"),
    (set[list[int]], r"set\[list\[int\]\]: its elements are not hashable"),
    (dict[Plain, int], "its keys are not hashable"),
    (set[Movie], "its elements are not hashable"),
    (type[int], r"type\[int\] is not a type that can be sent"),
    ("int", "'int' is not a type that can be sent"),
    (5, "5 is not a type that can be sent"),
    (Checked | Literal[1] | int, "cannot be told apart"),
]


@pytest.mark.parametrize(("hint", "text"), UNSUPPORTED)
def test_an_unsupported_hint_is_named(hint: Any, text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        compile_type(hint)


def test_the_field_of_an_unsupported_hint_is_named() -> None:
    @dataclass
    class Inner:
        bad: list[complex]

    @dataclass
    class Outer:
        inner: Any

    Outer.__annotations__["inner"] = Inner
    with pytest.raises(ConfigurationError, match=r"Outer\.inner: .*Inner\.bad: complex is not a type"):
        compile_type(Outer)


def test_what_cannot_be_made_from_its_fields_is_refused_when_compiled() -> None:
    @dataclass
    class Needy:
        x: int
        password: InitVar[str]

    @dataclass
    class Closed:
        x: int

        def __init__(self) -> None:
            self.x = 1

    with pytest.raises(ConfigurationError, match=r"Needy: its constructor needs 'password', which is no field"):
        compile_type(Needy)
    with pytest.raises(ConfigurationError, match=r"Closed: its constructor does not take the field 'x'"):
        compile_type(Closed)


def test_unions_that_cannot_be_told_apart() -> None:
    class Loose(TypedDict):
        a: int

    class Other(TypedDict):
        b: int

    cases: list[tuple[Any, str]] = [
        (str | Cat | bytes | list[int] | tuple[int, ...], r"list\[int\] and tuple\[int, ...\] cannot be told apart"),
        (dict[str, int] | Cat, r"dict\[str, int\] and Cat cannot be told apart, both are sent as dict"),
        (Loose | Other, "give each of them a field of the same name with another Literal"),
        (Plain | Annotated[Plain, 1] | type("Plain", (Plain,), {}), "two of them have the tag 'Plain'"),
    ]
    for hint, text in cases:
        with pytest.raises(ConfigurationError, match=text):
            compile_type(hint)


# ---- naming


@dataclass
class Inner:
    first_name: str
    _hidden_one: int = 0


def test_naming() -> None:
    @rpcore.wire_name(naming="camel")
    @dataclass
    class Outer:
        user_id: Annotated[int, Name("uid")]
        last_seen_at: int
        inner: Inner

    value = Outer(1, 2, Inner("x"))
    assert unpack(compile_type(Outer).dumps(value)) == {
        "uid": 1,
        "lastSeenAt": 2,
        "inner": {"first_name": "x", "_hidden_one": 0},
    }
    assert unpack(compile_type(Outer, naming="camel").dumps(value))["inner"] == {"firstName": "x", "_hiddenOne": 0}
    plan = compile_type(Outer, naming="camel")
    assert plan.loads(plan.dumps(value)) == value
    with pytest.raises(DecodeError, match=r"result\.last_seen_at: field 'lastSeenAt' is missing"):
        plan.loads(pack({"uid": 1, "inner": {"firstName": "x"}}))
    with pytest.raises(ConfigurationError, match="unknown naming 'kebab'; known are '', 'camel'"):
        compile_type(Inner, naming="kebab")

    @dataclass
    class Clash:
        user_id: int
        uid: Annotated[int, Name("user_id")]

    with pytest.raises(ConfigurationError, match="user_id and uid have the same wire name 'user_id'"):
        compile_type(Clash)
    assert compile_type(Renamed).loads(pack({"uid": 1})) == Renamed(1)


# ---- exceptions


class Bare(Exception):
    pass


class WithInit(Exception):
    def __init__(self, user_id: int, note: str = "") -> None:
        super().__init__(f"no user {user_id}")
        self.user_id = user_id
        self.note = note


class Forgetful(Exception):
    def __init__(self, user_id: int) -> None:
        super().__init__(f"no user {user_id}")


@rpcore.wire_name("org.demo.Gone")
@dataclass
class Gone(Exception):
    user_id: int
    tags: list[str] = field(default_factory=list)


def test_exceptions() -> None:
    bare = compile_exception(Bare)
    back = bare.loads(bare.dumps(Bare("x", 5)))
    assert type(back) is Bare and back.args == ("x", 5)

    init = compile_exception(WithInit)
    assert unpack(init.dumps(WithInit(5, "n"))) == {"user_id": 5, "note": "n"}
    back = init.loads(init.dumps(WithInit(5, "n")))
    assert type(back) is WithInit and back.args == ("no user 5",) and (back.user_id, back.note) == (5, "n")
    with pytest.raises(EncodeError, match="user_id: expected int, got str"):
        init.dumps(WithInit("x"))  # type: ignore[arg-type]

    forgetful = compile_exception(Forgetful)
    back = forgetful.loads(forgetful.dumps(Forgetful(5)))
    assert type(back) is Forgetful and str(back) == "no user 5"

    gone = compile_exception(Gone, naming="camel")
    assert gone.wire_name == "org.demo.Gone" and gone.cls is Gone
    assert unpack(gone.dumps(Gone(5))) == {"userId": 5, "tags": []}
    back = gone.loads(gone.dumps(Gone(5, ["x"])))
    assert back == Gone(5, ["x"]) and back.args == (5, ["x"])

    key = compile_exception(KeyError)
    assert key.loads(key.dumps(KeyError("k"))).args == ("k",)
    with pytest.raises(EncodeError, match="expected KeyError, got ValueError"):
        key.dumps(ValueError())
    for damaged in (b"\xc0", b"\x05", b"\x81\xa7user_id\xa1x"):
        with pytest.raises(DecodeError):
            gone.loads(damaged)
