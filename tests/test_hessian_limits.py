"""Hostile hessian2: DecodeError and nothing else, in bounded time and memory, at every cut and for every bomb."""

from __future__ import annotations

import contextlib
import random
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, get_origin
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.hostile import BODIES, SECONDS, measure, most_memory
from hessian_samples import VECTORS, Node, User
from rpcore._codec import Limits, hessian_dumps, hessian_loads
from rpcore.errors import DecodeError, EncodeError
from rpcore.javatypes import BigInteger, TypedList, _zone
from rpcore.plan import compile_type
from rpcore.types import wire_name

TYPED = [compile_type(hint, root="") for hint in (User, list[int], dict[str, Any], set[str], Node, list[User], float)]
DEEP = Limits(depth=512)


@wire_name("org.demo.Hashed")
@dataclass(frozen=True)
class Point:
    x: BigInteger


def refused(data: bytes, *plans: Any, limits: Limits | None = None) -> str:
    with pytest.raises(DecodeError) as caught:
        hessian_loads(data, *plans, limits=limits)
    return str(caught.value)


def test_every_truncation_of_every_vector() -> None:
    for vector in VECTORS:
        data = bytes.fromhex(vector["hex"])
        for cut in range(len(data)):
            try:
                values = hessian_loads(data[:cut], *[None] * len(vector["ast"]))
            except DecodeError:
                continue
            pytest.fail(f"{vector['name']} cut at {cut} is {values}")


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes(data: bytes) -> None:
    for plan in (None, *TYPED):
        with contextlib.suppress(DecodeError):
            hessian_loads(data, plan)


def test_changed_bytes_of_vectors() -> None:
    source = random.Random(4)
    for vector in VECTORS:
        data = bytearray.fromhex(vector["hex"])
        for _ in range(20):
            changed = bytearray(data)
            for _ in range(source.randint(1, 3)):
                changed[source.randrange(len(changed))] = source.randrange(256)
            for plan in (None, source.choice(TYPED)):
                with contextlib.suppress(DecodeError):
                    hessian_loads(bytes(changed), plan)


BOMBS = {
    "depth of lists": b"\x79" * 1000,
    "depth of maps": b"H" * 1000,
    "depth of objects": b"C\x01a\x91\x01b" + b"\x60" * 1000,
    "count of a list": b"X\x49\x7f\xff\xff\xff",
    "count of a typed list": b"V\x04[int\x49\x7f\xff\xff\xff",
    "count of fields": b"C\x07foo.Bar\x49\x7f\xff\xff\xff",
    "negative count": b"X\x8f",
    "definitions": b"C\x00\x90" * 100_000,
    "empty objects": b"C\x01a\x90W" + b"\x60" * 10_000_000,
    "string": b"S\xff\xffabc",
    "string of chunks": b"R\xff\xff" * 10,
}


@pytest.mark.parametrize("name", BODIES)
def test_hostile_bodies_of_10_mb(name: str) -> None:
    """An error or a value, in bounded time and memory; in a process of its own. The bounds are in bench/hostile.py."""
    cost = measure(name)
    assert cost.seconds <= SECONDS
    assert cost.memory <= most_memory(cost.size)
    assert cost.error or name in VALID


VALID = {"empty chunks", "binary chunks of one byte"}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs(name: str) -> None:
    refused(BOMBS[name], None, limits=DEEP)


P = 2**61 - 1  # what Python reduces numbers by to hash them


@pytest.mark.parametrize(
    ("hint", "make"),
    [
        (set[UUID], lambda n: UUID(int=n)),
        (dict[UUID, int], lambda n: UUID(int=n)),
        (frozenset[Decimal], Decimal),
        (dict[BigInteger, int], BigInteger),
        (set[Point], Point),
    ],
    ids=str,
)
def test_many_keys_of_one_hash_are_refused(hint: Any, make: Any) -> None:
    """In both serializations, typed or not. Fewer, or the same again and again, are no attack."""
    plan = compile_type(hint, root="")
    is_map = get_origin(hint) is dict
    for multiple, start, most in ((P, 1, 60), (P, 1, 200), (1, 0, 10_000)):
        keys = [make(start + n * multiple) for n in range(most)]
        body = b"H" + hessian_dumps(None, *[item for key in keys for item in (key, 1)]) + b"Z"
        if not is_map:
            body = hessian_dumps(None, TypedList("java.util.HashSet", keys))
        value = dict.fromkeys(keys, 1) if is_map else set(keys)
        packed = plan.dumps(value if get_origin(hint) is not frozenset else frozenset(value))
        if most == 200:
            assert "of one hash" in refused(body, plan)
            assert "of one hash" in refused(body)
            with pytest.raises(DecodeError, match="of one hash"):
                plan.loads(packed)
        else:
            assert hessian_loads(body, plan) == [value]
            assert hessian_loads(body) == [value]
            assert plan.loads(packed) == value
    if not is_map:
        assert len(hessian_loads(hessian_dumps(None, [make(P) for _ in range(200)]), plan)[0]) == 1


def test_zones_that_do_not_exist_are_not_looked_for_for_long() -> None:
    for n in range(5000):
        assert _zone(f"No/Zone{n}") is None
    assert _zone("Asia/Shanghai") is not None


@pytest.mark.parametrize("plan", TYPED)
def test_typed_bombs(plan: Any) -> None:
    for data in BOMBS.values():
        refused(data, plan)


def test_references_must_exist_and_be_whole() -> None:
    assert refused(b"Q\x90", None).startswith("reference to number 0, but 0")
    assert "cannot be part of itself" in refused(b"yQ\x90", compile_type(tuple[Any, ...], root=""))
    assert "another type" in refused(b"\x7a\x79\x01aQ\x91", compile_type(tuple[list[str], list[int]], root=""))


def test_depth_and_count_name_their_option() -> None:
    assert "limits.depth" in refused(hessian_dumps(None, [[[[1]]]]), None, limits=Limits(depth=3))
    assert "limits.count" in refused(hessian_dumps(None, list(range(10))), None, limits=Limits(count=9))
    assert "limits.count" in refused(b"W" + b"\x90" * 10 + b"Z", None, limits=Limits(count=9))
    assert "limits.memory" in refused(hessian_dumps(None, ["x" * 1000] * 3), None, limits=Limits(memory=2000))


def test_a_chain_too_long_to_send() -> None:
    chain: Any = []
    for _ in range(100):
        chain = [chain]
    with pytest.raises(EncodeError, match="64 levels"):
        hessian_dumps(None, chain)
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(EncodeError, match="cyclic"):
        hessian_dumps(None, loop, refs=False)
