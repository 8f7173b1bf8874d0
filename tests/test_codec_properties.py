"""Properties: generated types with values of them survive, the stock package agrees, any bytes are harmless."""

from __future__ import annotations

import datetime
import decimal
import uuid
from dataclasses import make_dataclass
from typing import Any, NamedTuple, Optional

import msgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codec_samples import SAMPLES, Access, Color, Level, Planet
from rpcore._codec import Limits, Plan
from rpcore.errors import DecodeError
from rpcore.plan import compile_type

modest = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


class Typed(NamedTuple):
    """A hint and a strategy for its values; ``hashable`` as far as the hint tells."""

    hint: Any
    values: st.SearchStrategy[Any]
    hashable: bool = True


ints = st.integers(-(2**63), 2**64 - 1)
floats = st.floats(allow_nan=False)
texts = st.text(st.characters(codec="utf-8"), max_size=40)
zones = st.timezones() | st.just(datetime.timezone(datetime.timedelta(hours=5, minutes=45)))

SCALARS = [
    Typed(int, ints),
    Typed(float, floats),
    Typed(str, texts),
    Typed(bytes, st.binary(max_size=40)),
    Typed(bool, st.booleans()),
    Typed(type(None), st.none()),
    Typed(datetime.datetime, st.datetimes()),
    Typed(datetime.date, st.dates()),
    Typed(datetime.time, st.times()),
    Typed(datetime.timedelta, st.timedeltas()),
    Typed(decimal.Decimal, st.decimals(allow_nan=False)),
    Typed(uuid.UUID, st.uuids()),
    Typed(Color, st.sampled_from(Color)),
    Typed(Level, st.sampled_from(Level)),
    Typed(Planet, st.sampled_from(Planet)),
    Typed(Access, st.builds(Access, st.integers(0, 3))),
    Typed(bytearray, st.binary(max_size=40).map(bytearray), hashable=False),
]


@st.composite
def records(draw: st.DrawFn, fields: st.SearchStrategy[Typed]) -> Typed:
    """A dataclass with up to five fields of given types."""
    parts = draw(st.lists(fields, max_size=5))
    frozen, slots = draw(st.booleans()), draw(st.booleans())
    cls = make_dataclass(
        "Generated",
        [(f"field_{i}", part.hint) for i, part in enumerate(parts)],
        frozen=frozen,
        slots=slots,
    )
    values = st.tuples(*(part.values for part in parts)).map(lambda values: cls(*values))
    return Typed(cls, values, frozen and all(part.hashable for part in parts))


def nested(inner: st.SearchStrategy[Typed]) -> st.SearchStrategy[Typed]:
    hashable = inner.filter(lambda t: t.hashable)
    return st.one_of(
        inner.map(lambda t: Typed(list[t.hint], st.lists(t.values, max_size=4), False)),  # type: ignore[name-defined]
        inner.map(lambda t: Typed(tuple[t.hint, ...], st.lists(t.values, max_size=4).map(tuple), t.hashable)),  # type: ignore[name-defined]
        st.tuples(inner, inner).map(
            lambda ts: Typed(
                tuple[ts[0].hint, ts[1].hint],  # type: ignore[name-defined]
                st.tuples(ts[0].values, ts[1].values),
                ts[0].hashable and ts[1].hashable,
            )
        ),
        hashable.map(lambda t: Typed(set[t.hint], st.sets(t.values, max_size=4), False)),  # type: ignore[name-defined]
        hashable.map(lambda t: Typed(frozenset[t.hint], st.frozensets(t.values, max_size=4))),  # type: ignore[name-defined]
        st.tuples(hashable, inner).map(
            lambda ts: Typed(
                dict[ts[0].hint, ts[1].hint],  # type: ignore[name-defined]
                st.dictionaries(ts[0].values, ts[1].values, max_size=4),
                False,
            )
        ),
        inner.map(lambda t: Typed(Optional[t.hint], st.none() | t.values, t.hashable)),  # noqa: UP045
        records(inner),
    )


typed = st.recursive(st.sampled_from(SCALARS), nested, max_leaves=6)


@st.composite
def typed_values(draw: st.DrawFn) -> tuple[Any, Any]:
    chosen = draw(typed)
    return chosen.hint, draw(chosen.values)


def stock(data: bytes) -> Any:
    """What the stock package reads; maps as pairs, since keys need not be hashable."""
    return msgpack.unpackb(data, strict_map_key=False, object_pairs_hook=Pairs)


class Pairs(list):  # type: ignore[type-arg]
    """A map."""


def repacked(value: Any) -> bytes:
    """``stock`` undone by the stock package alone."""
    packer = msgpack.Packer(autoreset=False)

    def put(value: Any) -> None:
        if type(value) is Pairs:
            packer.pack_map_header(len(value))
            for pair in value:
                put(pair[0])
                put(pair[1])
        elif type(value) is list:
            packer.pack_array_header(len(value))
            for item in value:
                put(item)
        else:
            packer.pack(value)

    put(value)
    return packer.bytes()


@given(typed_values())
@modest
def test_values_survive_and_the_stock_package_reads_them(pair: tuple[Any, Any]) -> None:
    hint, value = pair
    plan = compile_type(hint)
    data = plan.dumps(value)
    back = plan.loads(data)
    assert back == value and type(back) is type(value)
    assert repacked(stock(data)) == data


@given(st.datetimes(datetime.datetime(2, 1, 1), datetime.datetime(9998, 1, 1), timezones=zones))
@modest
def test_aware_datetimes_keep_their_instant(value: datetime.datetime) -> None:
    plan = compile_type(datetime.datetime)
    # In UTC, because times in the gap of a clock change equal nothing in another zone.
    instant = value.astimezone(datetime.timezone.utc)  # noqa: UP017
    data = plan.dumps(value)
    assert plan.loads(data) == instant
    assert msgpack.unpackb(data, timestamp=3) == instant


json_like = st.recursive(
    st.none() | st.booleans() | ints | st.floats(allow_nan=False) | texts | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts | st.integers(0, 300), inner, max_size=5),
    max_leaves=20,
)


@given(json_like)
@modest
def test_any_agrees_with_the_stock_package(value: Any) -> None:
    plan = compile_type(Any)
    assert plan.dumps(value) == msgpack.packb(value)
    assert plan.loads(msgpack.packb(value)) == value


PLANS: list[Plan] = [compile_type(hint) for hint in dict.fromkeys(hint for hint, _, _ in SAMPLES)]
SMALL = Limits(payload=1 << 16, count=1000)


def harmless(data: bytes) -> None:
    """The stated invariant: a value or a DecodeError, whatever the bytes and the type."""
    for plan in PLANS:
        try:
            plan.loads(data, SMALL)
        except DecodeError as error:
            assert str(error)


@given(st.binary(max_size=60))
@modest
def test_any_bytes_give_a_value_or_a_decode_error(data: bytes) -> None:
    harmless(data)


@given(st.sampled_from(SAMPLES), st.data())
@modest
def test_damaged_bodies_give_a_value_or_a_decode_error(sample: tuple[Any, Any, Any], data: st.DataObject) -> None:
    body = bytearray(msgpack.packb(sample[2])[:300])
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
        if not body:
            break
    harmless(bytes(body))


@pytest.mark.parametrize("first", range(256))
def test_every_first_byte(first: int) -> None:
    for rest in (b"", b"\x00", b"\x00" * 20, b"\xff" * 20, b"\x01\xa1x\xc0"):
        harmless(bytes([first]) + rest)
