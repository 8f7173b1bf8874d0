"""Hostile hessian2: DecodeError and nothing else, in bounded time and memory, at every cut and for every bomb."""

from __future__ import annotations

import contextlib
import random
import time
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hessian_samples import VECTORS, Node, User
from rpcore._codec import Limits, hessian_dumps, hessian_loads
from rpcore.errors import DecodeError, EncodeError
from rpcore.plan import compile_type

TYPED = [compile_type(hint, root="") for hint in (User, list[int], dict[str, Any], set[str], Node, list[User], float)]
DEEP = Limits(depth=512)


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


MIB = 1 << 20
BOMBS = {
    "depth of lists": b"\x79" * MIB,
    "depth of maps": b"H" * MIB,
    "depth of objects": b"C\x01a\x91\x01b" + b"\x60" * MIB,
    "definitions": b"C\x00\x90" * (10 * MIB // 3),
    "definitions of many fields": (b"C\x01a\x9f" + b"\x01x" * 15) * (MIB // 8),
    "count of a list": b"X\x49\x7f\xff\xff\xff",
    "count of a typed list": b"V\x04[int\x49\x7f\xff\xff\xff",
    "count of fields": b"C\x07foo.Bar\x49\x7f\xff\xff\xff",
    "negative count": b"X\x8f",
    "empty objects": b"C\x01a\x90W" + b"\x60" * (10 * MIB),
    "references": b"\x7a\x78W" + b"Q\x91" * (5 * MIB),
    "empty chunks": b"R\x00\x00" * MIB,
    "empty binary chunks": b"A\x00\x00" * MIB,
    "type names": b"W" + b"p\x01a" * (3 * MIB),
    "string": b"S\xff\xffabc",
    "string of chunks": b"R\xff\xff" * 10,
}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("limits", [Limits(), DEEP], ids=["default", "deep"])
def test_bombs(name: str, limits: Limits) -> None:
    data = BOMBS[name]
    start = time.process_time()
    refused(data, None, limits=limits)
    assert time.process_time() - start < 1
    tracemalloc.start()
    refused(data, None, limits=limits)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak <= 8 * len(data) + 16 * MIB or peak <= limits.memory


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
