"""Every supported type, both ways, with the stock msgpack package as the oracle, whole and damaged."""

from __future__ import annotations

import copy
import datetime
import decimal
import uuid
from contextlib import suppress
from typing import Any

import msgpack
import pytest

from codec_samples import SAMPLES, name_of
from rpcore.errors import DecodeError, EncodeError
from rpcore.plan import compile_type

IDS = [f"{i}-{name_of(hint)}" for i, (hint, _, _) in enumerate(SAMPLES)]
SHORT = [sample for sample in SAMPLES if len(msgpack.packb(sample[2])) < 400]
every_sample = pytest.mark.parametrize(("hint", "value", "plain"), SAMPLES, ids=IDS)
short_samples = pytest.mark.parametrize(("hint", "value", "plain"), SHORT)


def unpack(data: bytes) -> Any:
    return msgpack.unpackb(data, strict_map_key=False)


@every_sample
def test_stock_msgpack_reads_what_we_write(hint: Any, value: Any, plain: Any) -> None:
    assert unpack(compile_type(hint).dumps(value)) == plain


@every_sample
def test_we_read_what_stock_msgpack_writes(hint: Any, value: Any, plain: Any) -> None:
    back = compile_type(hint).loads(msgpack.packb(plain))
    assert back == value
    assert type(back) is type(value)


@every_sample
def test_a_value_survives(hint: Any, value: Any, plain: Any) -> None:
    plan = compile_type(hint)
    data = plan.dumps(value)
    assert plan.loads(data) == value
    assert plan.loads(bytearray(data)) == value
    assert plan.loads(memoryview(b"x" + data + b"x")[1:-1]) == value


@short_samples
def test_every_truncation_is_refused(hint: Any, value: Any, plain: Any) -> None:
    plan = compile_type(hint)
    data = plan.dumps(value)
    for end in range(len(data)):
        with pytest.raises(DecodeError):
            plan.loads(data[:end])


@short_samples
def test_trailing_bytes_are_refused(hint: Any, value: Any, plain: Any) -> None:
    plan = compile_type(hint)
    with pytest.raises(DecodeError, match="1 bytes follow the value"):
        plan.loads(plan.dumps(value) + b"\xc0")


@short_samples
def test_any_changed_byte_gives_a_value_or_a_decode_error(hint: Any, value: Any, plain: Any) -> None:
    plan = compile_type(hint)
    data = plan.dumps(value)
    for i in range(len(data)):
        for byte in b"\x00\x01\x90\x93\x80\x81\xa0\xa5\xc0\xc1\xc6\xc9\xcb\xdb\xdd\xdf\xff":
            with suppress(DecodeError):
                plan.loads(data[:i] + bytes([byte]) + data[i + 1 :])


@every_sample
def test_wrong_kinds_of_values_are_refused(hint: Any, value: Any, plain: Any) -> None:
    """A value of another sample's kind is either valid or refused with an error of ours, in both directions."""
    plan = compile_type(hint)
    for _, other, other_plain in SHORT:
        with suppress(EncodeError):
            plan.dumps(other)
        with suppress(DecodeError):
            plan.loads(msgpack.packb(other_plain))


@every_sample
def test_the_repr_names_the_type(hint: Any, value: Any, plain: Any) -> None:
    assert repr(compile_type(hint)).startswith("<Plan ")


def test_an_int_arrives_as_a_float_where_a_float_is_declared() -> None:
    plan = compile_type(float)
    back = plan.loads(plan.dumps(3))
    assert (back, type(back)) == (3.0, float)
    for n in (3, -3, 200, 70000, 2**40, 2**64 - 1, -(2**63)):
        assert plan.loads(msgpack.packb(n)) == float(n)
    assert plan.loads(msgpack.packb(1.5, use_single_float=True)) == 1.5


def test_other_encoders_may_use_longer_headers_than_needed() -> None:
    assert compile_type(int).loads(b"\xd3" + (5).to_bytes(8, "big")) == 5
    assert compile_type(str).loads(b"\xdb\0\0\0\x01a") == "a"
    assert compile_type(list[int]).loads(b"\xdd\0\0\0\x01\x05") == [5]
    assert compile_type(dict[str, int]).loads(b"\xdf\0\0\0\x01\xd9\x01a\x05") == {"a": 5}
    assert compile_type(bytes).loads(b"\xc6\0\0\0\x01a") == b"a"


def test_of_duplicate_keys_the_last_wins() -> None:
    assert compile_type(dict[str, int]).loads(b"\x82\xa1a\x01\xa1a\x02") == {"a": 2}


def test_a_sequence_takes_what_is_one() -> None:
    from collections import deque
    from collections.abc import Sequence

    plan = compile_type(Sequence[int])
    for value in ([1, 2], (1, 2), deque([1, 2]), range(1, 3)):
        assert plan.loads(plan.dumps(value)) == [1, 2]
    for wrong in ("12", b"12", bytearray(b"12"), memoryview(b"12"), {1, 2}, {1: 2}):
        with pytest.raises(EncodeError, match=r"expected Sequence, got "):
            plan.dumps(wrong)


def test_subclasses_are_encoded_as_what_is_declared() -> None:
    class MyStr(str):
        pass

    class MyInt(int):
        pass

    class MyList(list):  # type: ignore[type-arg]
        pass

    class MyDict(dict):  # type: ignore[type-arg]
        pass

    assert compile_type(str).dumps(MyStr("a")) == b"\xa1a"
    assert compile_type(int).dumps(MyInt(5)) == b"\x05"
    assert compile_type(list[int]).dumps(MyList([1])) == b"\x91\x01"
    assert compile_type(dict[str, int]).dumps(MyDict(a=1)) == b"\x81\xa1a\x01"
    assert compile_type(str | None).dumps(MyStr("a")) == b"\xa1a"


def test_any_takes_everything_natural() -> None:
    from codec_samples import UUID_TEXT, Color, Level, Plain, Point, Slots

    plan = compile_type(Any)
    cases: list[tuple[Any, Any]] = [
        ((1, 2), [1, 2]),
        ({3}, [3]),
        (frozenset({3}), [3]),
        (bytearray(b"x"), b"x"),
        (memoryview(b"xyz")[::2], b"xz"),
        (Color.RED, "red"),
        (Level.HIGH, 1000),
        (Plain(1), {"id": 1, "name": "anonymous", "tags": []}),
        (Slots(1), {"id": 1, "name": "anonymous", "tags": []}),
        (Point(1, 2), {"x": 1, "y": 2}),
        (decimal.Decimal("1.5"), "1.5"),
        (uuid.UUID(UUID_TEXT), UUID_TEXT),
        (datetime.date(2024, 1, 2), "2024-01-02"),
        (datetime.time(1, 2), "01:02:00"),
        (datetime.timedelta(seconds=1), "PT1S"),
        (datetime.datetime(2024, 1, 2), "2024-01-02T00:00:00"),
        ({1: Plain(2)}, {1: {"id": 2, "name": "anonymous", "tags": []}}),
    ]
    for value, plain in cases:
        assert unpack(plan.dumps(value)) == plain
    with pytest.raises(EncodeError, match=r"result\['a'\]\[1\]: cannot encode a value of type object"):
        plan.dumps({"a": [1, object()]})


def test_any_decodes_to_plain_python() -> None:
    plan = compile_type(Any)
    data = msgpack.packb({"a": [1, -1, 2**63, 1.5, True, None, b"x", {}], 5: "k"})
    assert plan.loads(data) == {"a": [1, -1, 2**63, 1.5, True, None, b"x", {}], 5: "k"}
    for bad in (b"\x81\x90\x01", b"\x81\x80\x01"):
        with pytest.raises(DecodeError, match="cannot be a key"):
            plan.loads(bad)
    with pytest.raises(DecodeError, match="extension type 5"):
        plan.loads(msgpack.packb(msgpack.ExtType(5, b"abc")))


def test_a_uuid_is_read_as_the_class_itself_would_make_it() -> None:
    plan = compile_type(uuid.UUID)
    made = uuid.UUID("12345678-9ABC-def0-1234-56789abcdef0")
    for text in (str(made), made.hex, str(made).upper()):
        back = plan.loads(msgpack.packb(text))
        assert back == made and hash(back) == hash(made) and repr(back) == repr(made)
        assert back.is_safe is made.is_safe and copy.copy(back) == made
    for wrong in ("", made.hex[:-1], made.hex[:-1] + "g", "-" * 36, "1" * 36, "é" * 16, "1" * 37):
        with pytest.raises(DecodeError, match="expected UUID, got str"):
            plan.loads(msgpack.packb(wrong))


@pytest.mark.parametrize("year", [1, 2, 4, 99, 100, 101, 399, 400, 401, 1600, 1900, 1970, 2000, 2024, 2100, 9996, 9999])
def test_instants_around_the_corners_of_the_calendar(year: int) -> None:
    plan = compile_type(datetime.datetime)
    for month, day in ((1, 1), (2, 28), (3, 1), (12, 31)):
        value = datetime.datetime(year, month, day, 23, 59, 59, 999999, tzinfo=datetime.UTC)
        data = plan.dumps(value)
        assert plan.loads(data) == value
        if year > 1:  # the stock package makes them by way of a local time that year 1 may not have
            assert msgpack.unpackb(data, timestamp=3) == value
        for ahead in (datetime.timedelta(hours=14), datetime.timedelta(hours=-12, microseconds=1)):
            inside = min(max(year, 2), 9998)  # so that it is a year in UTC, too
            zoned = datetime.datetime(inside, month, day, 12, 0, 0, 5, tzinfo=datetime.timezone(ahead))
            assert plan.loads(plan.dumps(zoned)) == zoned


@pytest.mark.parametrize("seconds", [-62135596801, 253402300800, -(2**63), 2**63 - 1])
def test_instants_beyond_the_calendar_are_refused(seconds: int) -> None:
    with pytest.raises(DecodeError, match="outside the years 1 to 9999"):
        compile_type(datetime.datetime).loads(msgpack.packb(msgpack.Timestamp(seconds, 5)))
