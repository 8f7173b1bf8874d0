"""JSON on the command line: every value makes the round, and nothing has no form at all."""

from __future__ import annotations

import datetime
import decimal
import enum
import json
import uuid
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rpcore.cli.values import parse, to_json

KEYS = st.text() | st.integers(-(2**63), 2**64 - 1) | st.sampled_from(["$base64", "$map"]) | st.binary()
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=10,
)


@settings(max_examples=100, deadline=None)
@given(VALUES)
def test_plain_values_make_the_round(value: Any) -> None:
    assert parse(json.dumps(to_json(value))) == value


class Colour(enum.Enum):
    RED = "red"


class Point(NamedTuple):
    x: int
    y: int


@dataclass
class Record:
    colour: Colour
    points: list[Point]


class Odd:
    def __repr__(self) -> str:
        return "<odd>"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Record(Colour.RED, [Point(1, 2)]), {"colour": "red", "points": [{"x": 1, "y": 2}]}),
        (datetime.datetime(2020, 1, 2, 3, tzinfo=datetime.UTC), "2020-01-02T03:00:00+00:00"),
        (datetime.date(2020, 1, 2), "2020-01-02"),
        (datetime.time(3, 4), "03:04:00"),
        (datetime.timedelta(hours=1), "PT3600S"),
        (decimal.Decimal("1.50"), "1.50"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ({1, 2}, [1, 2]),
        ((1, "a"), [1, "a"]),
        (bytearray(b"\x00"), {"$base64": "AA=="}),
        (memoryview(b"\x00"), {"$base64": "AA=="}),
        (float("inf"), "inf"),
        (float("nan"), "nan"),
        (Odd(), "<odd>"),
    ],
    ids=repr,
)
def test_other_values_have_a_form(value: Any, expected: Any) -> None:
    assert to_json(value) == expected
    json.dumps(expected, allow_nan=False)
