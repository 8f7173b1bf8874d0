"""Limits, hostile bytes, and user code that interferes: clean errors in bounded memory, never a crash."""

from __future__ import annotations

import tracemalloc
from dataclasses import dataclass, field
from typing import Any

import msgpack
import pytest

from codec_samples import Plain, Tree
from rpcore._codec import Limits, Plan
from rpcore.errors import ConfigurationError, DecodeError, EncodeError
from rpcore.plan import compile_type

HUGE_CLAIMS = {
    "array": b"\xdd\xff\xff\xff\xff",
    "map": b"\xdf\xff\xff\xff\xff",
    "str": b"\xdb\xff\xff\xff\xff",
    "bin": b"\xc6\xff\xff\xff\xff",
    "ext": b"\xc9\xff\xff\xff\xff\xff",
    "array16": b"\xdc\xff\xff",
    "map16": b"\xde\xff\xff",
}
HINTS = [
    Any,
    list[int],
    list[str],
    list[float],
    list[Any],
    dict[str, int],
    set[int],
    str,
    bytes,
    Plain,
    tuple[int, ...],
]


def test_defaults() -> None:
    limits = Limits()
    assert (limits.payload, limits.depth, limits.count, limits.memory) == (8 << 20, 64, 1_000_000, 64 << 20)
    assert Limits(payload=1000).memory == 8000
    assert repr(Limits(depth=3)) == "Limits(payload=8388608, depth=3, count=1000000, memory=67108864)"


@pytest.mark.parametrize("wrong", [{"depth": 0}, {"count": 0}, {"payload": 0}, {"memory": -1}, {"depth": 513}])
def test_senseless_limits_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        Limits(**wrong)


def refused(hint: Any, data: bytes, limits: Limits) -> str:
    with pytest.raises(DecodeError) as caught:
        compile_type(hint, root="").loads(data, limits)
    return str(caught.value)


def test_each_limit_names_itself_the_size_and_the_option() -> None:
    ten = msgpack.packb(list(range(10)))
    assert refused(list[int], ten, Limits(count=9)) == "count of 10 exceeds the limit of 9 (option: limits.count)"
    assert refused(Any, msgpack.packb({1: 2, 3: 4}), Limits(count=1)) == (
        "count of 2 exceeds the limit of 1 (option: limits.count)"
    )
    deep = msgpack.packb([[[[1]]]])
    assert refused(Any, deep, Limits(depth=3)) == "[0][0][0]: depth of 4 exceeds the limit of 3 (option: limits.depth)"
    assert compile_type(Any).loads(deep, Limits(depth=4)) == [[[[1]]]]
    text = refused(list[str], msgpack.packb(["x" * 1000] * 3), Limits(memory=2000))
    assert text == "[1]: memory of 2248 estimated bytes exceeds the limit of 2000 (option: limits.memory)"


@pytest.mark.parametrize("claim", HUGE_CLAIMS)
@pytest.mark.parametrize("hint", HINTS)
def test_a_claimed_size_is_refused_before_anything_is_allocated(hint: Any, claim: str) -> None:
    plan = compile_type(hint)
    for data in (HUGE_CLAIMS[claim], HUGE_CLAIMS[claim] + b"\x01" * 50, b"\x91" + HUGE_CLAIMS[claim]):
        tracemalloc.start()
        try:
            with pytest.raises(DecodeError):
                plan.loads(data)
            assert tracemalloc.get_traced_memory()[1] < 100_000
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize("hint", [Any, list[Any], dict[str, Any], set[Any], list[Plain], list[str], list[list[int]]])
def test_memory_from_one_body_is_bounded(hint: Any) -> None:
    """The worst bodies of a few hundred KiB stay within the estimate."""
    n = 200_000
    limits = Limits(memory=4 << 20)
    bodies = [
        b"\xdd" + n.to_bytes(4, "big") + b"\x90" * n,
        b"\xdd" + n.to_bytes(4, "big") + b"\x80" * n,
        b"\xdd" + n.to_bytes(4, "big") + b"\xa1x" * n,
        b"\xdd" + n.to_bytes(4, "big") + b"\x91" * n,
        b"\xdf" + n.to_bytes(4, "big") + b"".join(b"\xa4" + b"%04x" % (i % 65536) + b"\xc0" for i in range(n)),
    ]
    plan = compile_type(hint)
    for data in bodies:
        tracemalloc.start()
        try:
            with pytest.raises(DecodeError):
                plan.loads(data, limits)
            assert tracemalloc.get_traced_memory()[1] < 8 << 20
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize("hint", [Any, Tree, list[Any], int])
@pytest.mark.parametrize("byte", [b"\x91", b"\x81", b"\x81\xa1a", b"\x82\xa5value\x01\xa6parent"])
def test_endless_nesting_is_refused(hint: Any, byte: bytes) -> None:
    with pytest.raises(DecodeError):
        compile_type(hint).loads(byte * 100_000)


def test_the_deepest_limit_fits_the_stack() -> None:
    limits = Limits(depth=512)
    data = b"\x91" * 511 + b"\x90"
    assert compile_type(Any).loads(data, limits)
    tree = b"\x82\xa5value\x01\xa6parent" * 512 + b"\xc0"
    assert compile_type(Tree).loads(tree, limits).parent is not None


def test_an_unknown_field_may_be_nested_however_deeply() -> None:
    data = b"\x82\xa2id\x01\xa3new" + b"\x91" * 10_000 + b"\xc0"
    assert compile_type(Plain).loads(data) == Plain(1)


def test_a_cyclic_value_is_an_encode_error() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(EncodeError, match="beyond 64 levels"):
        compile_type(Any).dumps(loop)
    mapping: dict[str, Any] = {}
    mapping["self"] = mapping
    with pytest.raises(EncodeError, match="beyond 64 levels"):
        compile_type(dict[str, Any]).dumps(mapping)
    tree = Tree(1)
    tree.parent = tree
    with pytest.raises(EncodeError, match=r"result\.parent\.parent.*beyond 64 levels"):
        compile_type(Tree).dumps(tree)


@dataclass
class Item:
    x: int = 1


class Sly(Item):
    act: Any = None

    @property
    def x(self) -> int:  # type: ignore[override]
        self.act()
        return 1

    @x.setter
    def x(self, value: int) -> None:
        pass


@pytest.mark.parametrize("change", ["clear", "append", "pop"])
def test_a_list_that_changes_while_it_is_encoded(change: str) -> None:
    items: list[Any] = [Sly(), *[Item() for _ in range(20)]]
    items[0].act = {
        "clear": items.clear,
        "append": lambda: items.extend([Item()] * 100),
        "pop": items.pop,
    }[change]
    with pytest.raises(EncodeError, match=r"changed while|became shorter"):
        compile_type(list[Item]).dumps(items)


@pytest.mark.parametrize("hint", [dict[str, Item], dict[str, Any], Any])
@pytest.mark.parametrize("change", ["clear", "grow", "swap"])
def test_a_dict_that_changes_while_it_is_encoded(hint: Any, change: str) -> None:
    entries: dict[str, Any] = {"sly": Sly(), **{str(i): Item() for i in range(20)}}

    def grow() -> None:
        entries.update({f"new{i}": Item() for i in range(1000)})

    def swap() -> None:
        entries.clear()
        grow()

    entries["sly"].act = {"clear": entries.clear, "grow": grow, "swap": swap}[change]
    with pytest.raises(EncodeError, match="changed while it was encoded"):
        compile_type(hint).dumps(entries)


def test_user_code_never_sees_a_half_made_list() -> None:
    import gc

    seen: list[Any] = []

    @dataclass
    class Nosy:
        x: int

        def __post_init__(self) -> None:
            seen.extend(o for o in gc.get_objects() if type(o) is list and len(o) == 12_345)

    data = msgpack.packb([{"x": 1}] * 12_345)
    limits = Limits(memory=1 << 30)
    plan: Plan = compile_type(list[Nosy])
    body = data[:3] + data[3 : 3 + 4 * 3]
    with pytest.raises(DecodeError):
        plan.loads(body + b"\xc0" * 12_345, limits)
    assert seen == []


def test_many_fields_take_the_heap_path() -> None:
    from dataclasses import make_dataclass

    many = make_dataclass("Many", [(f"f{i}", list[int], field(default_factory=list)) for i in range(200)])
    value = many(**{f"f{i}": [i] for i in range(200)})
    plan = compile_type(many)
    assert plan.loads(plan.dumps(value)) == value
    assert plan.loads(b"\x80") == many()
    with pytest.raises(DecodeError, match=r"result\.f7: expected list, got int"):
        plan.loads(msgpack.packb({"f1": [1], "f7": 1}))
