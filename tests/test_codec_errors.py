"""What is refused, on which side, and how the error names the place."""

from __future__ import annotations

import collections.abc
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import msgpack
import pytest

from codec_samples import (
    Access,
    Cat,
    Checked,
    Circle,
    Color,
    Dog,
    Frozen,
    Level,
    Movie,
    Page,
    Plain,
    Planet,
    Point,
    Slots,
    Square,
    Tree,
)
from rpcore.errors import DecodeError, EncodeError
from rpcore.model import Parameter
from rpcore.plan import compile_args, compile_type

UNENCODABLE: list[tuple[Any, Any, str]] = [
    (int, "5", "result: expected int, got str"),
    (int, True, "result: expected int, got bool"),
    (int, 5.0, "result: expected int, got float"),
    (int, None, "result: expected int, got None"),
    (int, 2**64, "result: int of 65 bits does not fit 64 bits (-2**63 to 2**64 - 1)"),
    (int, -(2**63) - 1, "result: int of 64 bits does not fit 64 bits (-2**63 to 2**64 - 1)"),
    (float, True, "result: expected float, got bool"),
    (float, "1", "result: expected float, got str"),
    (float, 10**400, "result: int of 1329 bits is too large for a float"),
    (bool, 1, "result: expected bool, got int"),
    (str, b"x", "result: expected str, got bytes"),
    (str, "\ud800", "result: str cannot be encoded as UTF-8: surrogates not allowed at index 0"),
    (bytes, "x", "result: expected bytes, got str"),
    (bytes, bytearray(b"x"), "result: expected bytes, got bytearray"),
    (bytearray, b"x", "result: expected bytearray, got bytes"),
    (memoryview, b"x", "result: expected memoryview, got bytes"),
    (None, 0, "result: expected None, got int"),
    (list[int], (1,), "result: expected list, got tuple"),
    (list[str], "abc", "result: expected list, got str"),
    (list[str], ["a", 1], "result[1]: expected str, got int"),
    (list[float], [1.0, 2, "x"], "result[2]: expected float, got str"),
    (list[int], [1, 2, False], "result[2]: expected int, got bool"),
    (list[int], [1, 2**64], "result[1]: int of 65 bits does not fit 64 bits (-2**63 to 2**64 - 1)"),
    (list[list[int]], [[], [1, "x"]], "result[1][1]: expected int, got str"),
    (tuple[int, str], (1,), "result: expected a tuple of 2 elements, got 1"),
    (tuple[int, str], (1, 2), "result[1]: expected str, got int"),
    (tuple[int, ...], [1], "result: expected tuple, got list"),
    (set[int], [1], "result: expected set, got list"),
    (set[int], frozenset({1}), "result: expected set, got frozenset"),
    (dict[str, int], {"a": "x"}, "result['a']: expected int, got str"),
    (dict[str, int], {1: 1}, "result[key]: expected str, got int"),
    (dict[int, list[int]], {7: [1, None]}, "result[7][1]: expected int, got None"),
    (collections.abc.Mapping[str, int], [("a", 1)], "result: expected Mapping, got list"),
    (int | None, "x", "result: expected int, got str"),
    (int | str, 1.5, "result: expected int | str, got float"),
    (int | str, True, "result: expected int | str, got bool"),
    (int | list[int], ["x"], "result[0]: expected int, got str"),
    (date, datetime(2024, 1, 1), "result: expected date, got datetime"),
    (datetime, date(2024, 1, 1), "result: expected datetime, got date"),
    (
        datetime,
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))),
        "result: datetime is outside the years 1 to 9999 in UTC",
    ),
    (UUID, "x", "result: expected UUID, got str"),
    (Color, "red", "result: expected Color, got str"),
    (Color, Level.LOW, "result: expected Color, got Level"),
    (Literal["a", 1], "b", "result: expected Literal['a', 1], got 'b'"),
    (Literal["a", 1], True, "result: expected Literal['a', 1], got True"),
    (Literal["a", 1], [], "result: expected Literal['a', 1], got []"),
    (Literal[None], 5, "result: expected Literal[None], got 5"),
    (Literal["a", "b"], None, "result: expected Literal['a', 'b'], got None"),
    (Literal[1, 2], True, "result: expected Literal[1, 2], got True"),
    (Plain, Frozen(1), "result: expected Plain, got Frozen"),
    (Plain, {"id": 1}, "result: expected Plain, got dict"),
    (Plain, Plain("x"), "result.id: expected int, got str"),  # type: ignore[arg-type]
    (Plain, Plain(1, "x", ["a", 2]), "result.tags[1]: expected str, got int"),  # type: ignore[list-item]
    (Slots, Slots.__new__(Slots), "result.id: the attribute is not set"),
    (Plain, Plain.__new__(Plain), "result.id: the attribute cannot be read: 'Plain' object has no attribute 'id'"),
    (
        Tree,
        Tree(1, [Tree(2), Tree(3, [Tree("x")])]),  # type: ignore[arg-type]
        "result.children[1].children[0].value: expected int, got str",
    ),
    (Page[int], Page(["x"]), "result.items[0]: expected int, got str"),
    (Point, Point("a"), "result.x: expected int, got str"),  # type: ignore[arg-type]
    (Point, (1, 2), "result: expected Point, got tuple"),
    (Movie, {"year": 1}, "result.title: the key is missing"),
    (Movie, {"title": 1}, "result.title: expected str, got int"),
    (Movie, Plain(1), "result: expected Movie, got Plain"),
    (Circle | Square, Plain(1), "result: expected Circle | Square, got Plain"),
    (Circle | Square, Circle("x"), "result.radius: expected float, got str"),  # type: ignore[arg-type]
]

UNDECODABLE: list[tuple[Any, Any, str]] = [
    (int, "5", "result: expected int, got str"),
    (int, True, "result: expected int, got bool"),
    (int, 5.0, "result: expected int, got float"),
    (float, "1", "result: expected float, got str"),
    (float, False, "result: expected float, got bool"),
    (bool, 1, "result: expected bool, got int"),
    (str, b"x", "result: expected str, got bytes"),
    (bytes, "x", "result: expected bytes, got str"),
    (None, 0, "result: expected None, got int"),
    (list[int], "abc", "result: expected list, got str"),
    (list[int], {"a": 1}, "result: expected list, got dict"),
    (list[int], [1, None], "result[1]: expected int, got None"),
    (list[float], [1, 2.0, "x"], "result[2]: expected float, got str"),
    (list[str], ["a", 5], "result[1]: expected str, got int"),
    (tuple[int, str], [1], "result: expected a tuple of 2 elements, got 1"),
    (tuple[int, str], ["x", "x"], "result[0]: expected int, got str"),
    (set[int], [1, "x"], "result[1]: expected int, got str"),
    (dict[str, int], {"a": "x"}, "result['a']: expected int, got str"),
    (dict[str, int], {1: 1}, "result[key]: expected str, got int"),
    (dict[str, int], {"k" * 100: "x"}, f"result['{'k' * 56}...]: expected int, got str"),
    (int | str, 1.5, "result: expected int | str, got float"),
    (datetime, "yesterday", "result: expected datetime, got str 'yesterday'"),
    (datetime, 5, "result: expected datetime, got int"),
    (date, "2024-13-01", "result: expected date, got str '2024-13-01'"),
    (time, 5, "result: expected time, got int"),
    (timedelta, "3 days", "result: expected timedelta, got str '3 days'"),
    (Decimal, "1.x", "result: expected Decimal, got str '1.x'"),
    (Decimal, 5, "result: expected Decimal, got int"),
    (UUID, "x" * 200, f"result: expected UUID, got str '{'x' * 76}..."),
    (
        UUID,
        "{12345678-1234-5678-1234-567812345678}",
        "result: expected UUID, got str '{12345678-1234-5678-1234-567812345678}'",
    ),
    (Color, "green", "result: 'green' is no Color"),
    (Color, 5, "result: expected str, got int"),
    (Level, 7, "result: 7 is no Level"),
    (Planet, "PLUTO", "result: 'PLUTO' is no Planet"),
    (Access, 8, "result: 8 is no Access: "),
    (Literal["a", 1], "b", "result: expected Literal['a', 1], got 'b'"),
    (Literal["a", 1], True, "result: expected Literal['a', 1], got True"),
    (Literal["a", 1], [], "result: expected Literal['a', 1], got []"),
    (Plain, {"name": "x"}, "result.id: field 'id' is missing and has no default"),
    (Plain, {"id": "x"}, "result.id: expected int, got str"),
    (Plain, {"id": 1, "tags": [0]}, "result.tags[0]: expected str, got int"),
    (Plain, [1], "result: expected dict, got list"),
    (Checked, {"low": 2, "high": 1}, "result: Checked: ValueError: 2 > 1"),
    (list[Checked], [{"low": 2, "high": 1}], "result[0]: Checked: ValueError: 2 > 1"),
    (Tree, {"value": 1, "children": [{"value": "x"}]}, "result.children[0].value: expected int, got str"),
    (Circle | Square, {"radius": 1.0}, "result: expected Circle | Square, got a record without '@type'"),
    (Circle | Square, {"@type": "Oval"}, "result: expected Circle | Square, got a record with another '@type'"),
    (Circle | Square, {"@type": [1]}, "result: expected '@type' to be a plain value, got list"),
    (Circle | Square, {"@type": "Circle"}, "result.radius: field 'radius' is missing and has no default"),
    (Cat | Dog, {"kind": "cow"}, "result: expected Cat | Dog, got a record with another 'kind'"),
]


def failure(call: Callable[[], Any]) -> str:
    with pytest.raises((EncodeError, DecodeError)) as caught:
        call()
    return str(caught.value)


@pytest.mark.parametrize(("hint", "value", "text"), UNENCODABLE)
def test_a_wrong_value_is_refused_by_the_side_that_made_it(hint: Any, value: Any, text: str) -> None:
    plan = compile_type(hint)
    with pytest.raises(EncodeError) as caught:
        plan.dumps(value)
    assert str(caught.value) == text


@pytest.mark.parametrize(("hint", "plain", "text"), UNDECODABLE)
def test_a_wrong_body_is_refused(hint: Any, plain: Any, text: str) -> None:
    plan = compile_type(hint)
    with pytest.raises(DecodeError) as caught:
        plan.loads(msgpack.packb(plain))
    assert str(caught.value).startswith(text)
    assert text.endswith(": ") or str(caught.value) == text


def test_arguments_have_paths_of_their_own() -> None:
    plan = compile_args([Parameter("ids", list[int]), Parameter("user", Plain), Parameter("limit", int, 10)])
    error = failure(lambda: plan.dumps(([1, 2, 3, "x"], Plain(1), 5)))
    assert error == "args.ids[3]: expected int, got str"
    wrong: Any = 5
    assert failure(lambda: plan.dumps(([], Plain(1, wrong), 5))) == "args.user.name: expected str, got int"
    assert failure(lambda: plan.loads(msgpack.packb([[], {"id": None}]))) == "args.user.id: expected int, got None"
    assert failure(lambda: plan.loads(msgpack.packb([[]]))) == "args: missing user (got 1 of 3 arguments)"
    assert failure(lambda: plan.loads(msgpack.packb([]))) == "args: missing ids, user (got 0 of 3 arguments)"
    assert (
        failure(lambda: plan.loads(msgpack.packb([1, 2, 3, 4]))) == "args: takes 3 arguments (ids, user, limit), got 4"
    )
    assert failure(lambda: plan.loads(msgpack.packb({}))) == "args: expected list, got dict"
    assert failure(lambda: plan.dumps(([],))) == "args: takes 3 arguments (ids, user, limit), got 1"


def test_the_path_is_an_attribute() -> None:
    with pytest.raises(EncodeError) as caught:
        compile_args([Parameter("ids", list[int])]).dumps(([1, "x"],))
    assert caught.value.path == "args.ids[1]"


def test_trailing_arguments_take_their_defaults() -> None:
    shared: list[int] = [1]
    plan = compile_args([Parameter("a", int), Parameter("b", list[int], shared), Parameter("c", str, "x")])
    assert plan.loads(msgpack.packb([1])) == (1, [1], "x")
    assert plan.loads(msgpack.packb([1]))[1] is shared
    assert plan.loads(msgpack.packb([1, [], "y"])) == (1, [], "y")
    assert compile_args([]).loads(compile_args([]).dumps(())) == ()


def test_an_unhashable_key_or_element_is_a_decode_error() -> None:
    @dataclass
    class Moody:
        x: int

        def __hash__(self) -> int:
            if self.x < 0:
                raise RuntimeError("not today")
            return self.x

    assert failure(lambda: compile_type(set[Any]).loads(msgpack.packb([1, [2]]))).startswith(
        "result[1]: a list cannot be an element of a set"
    )
    assert failure(lambda: compile_type(frozenset[Any]).loads(msgpack.packb([{}]))).startswith("result[0]: a dict")
    assert failure(lambda: compile_type(dict[Any, int]).loads(b"\x81\x90\x01")).startswith(
        "result[[]]: a list cannot be a key"
    )
    assert failure(lambda: compile_type(set[Moody]).loads(msgpack.packb([{"x": -1}]))) == (
        "result[0]: a Moody cannot be an element of a set: not today"
    )
    assert compile_type(set[Moody]).loads(msgpack.packb([{"x": 1}]))


def test_a_failing_default_factory_is_a_decode_error() -> None:
    from dataclasses import field

    def broken() -> int:
        raise LookupError("nothing left")

    @dataclass
    class Lazy:
        x: int = field(default_factory=broken)

    assert failure(lambda: compile_type(Lazy).loads(b"\x80")) == "result: Lazy: LookupError: nothing left"


def test_what_user_code_raises_while_encoding_is_passed_on() -> None:
    class Loud(Plain):
        @property
        def name(self) -> str:  # type: ignore[override]
            raise ZeroDivisionError("on purpose")

        @name.setter
        def name(self, value: str) -> None:
            pass

    with pytest.raises(ZeroDivisionError, match="on purpose"):
        compile_type(Plain).dumps(Loud(1))
