"""Instances as JSON text: nothing is lost, nothing unknown disturbs, nothing wrong gets through."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcore.model import Instance, Options, ServiceKey
from rpcore.registry._instance_json import from_json, to_json

TEXT = st.text(st.characters(), max_size=20)  # lone surrogates too: a file name may hold them
VALUES = {
    "float | None": st.floats(allow_nan=False) | st.integers(0, 10**6),
    "int | None": st.integers(),
    "bool | None": st.booleans(),
    "str | None": TEXT,
}
OPTIONS = st.builds(Options, **{f.name: st.none() | VALUES[str(f.type)] for f in dataclasses.fields(Options)})
INSTANCES = st.builds(
    Instance,
    service=st.builds(ServiceKey, TEXT, TEXT, TEXT),
    host=TEXT,
    port=st.integers(0, 65535),
    weight=st.integers(),
    warmup=st.floats(allow_nan=False),
    timestamp=st.floats(allow_nan=False),
    tag=TEXT,
    application=TEXT,
    methods=st.lists(TEXT, max_size=4).map(tuple),
    options=OPTIONS,
    method_options=st.dictionaries(TEXT, OPTIONS, max_size=3),
    params=st.dictionaries(TEXT, TEXT, max_size=3),
)


def test_the_strategy_knows_every_field():
    assert {f.name for f in dataclasses.fields(Instance)} == {
        "service", "host", "port", "weight", "warmup", "timestamp", "tag", "application", "methods",
        "options", "method_options", "params",
    }  # fmt: skip


@given(INSTANCES)
def test_round_trip(instance):
    text = to_json(instance)
    assert text.isascii() and "\n" not in text
    assert from_json(text) == from_json(text.encode()) == instance


def test_defaults_are_not_written():
    instance = Instance(ServiceKey("a.B"), "h", 1)
    assert json.loads(to_json(instance)) == {
        "service": {"interface": "a.B", "group": "", "version": ""},
        "host": "h",
        "port": 1,
    }


def test_unknown_fields_are_skipped():
    """Those that a newer version may write, at every level."""
    instance = Instance(ServiceKey("a.B"), "h", 1, options=Options(retries=1), method_options={"m": Options(retries=2)})
    record = json.loads(to_json(instance))
    for place in (record, record["service"], record["options"], record["method_options"]["m"]):
        place["from_the_future"] = [{"x": None}]
    assert from_json(json.dumps(record)) == instance


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"host": None}, "host"),
        ({"port": "20880"}, "port"),
        ({"port": True}, "port"),
        ({"weight": 1.5}, "weight"),
        ({"warmup": "10m"}, "warmup"),
        ({"tag": 7}, "tag"),
        ({"methods": "find"}, "methods"),
        ({"methods": [1]}, "methods"),
        ({"service": "a.B"}, "service"),
        ({"service": {}}, "interface"),
        ({"service": {"interface": "a.B", "group": None}}, "service.group"),
        ({"options": []}, "options"),
        ({"options": {"timeout": "1s"}}, "options.timeout"),
        ({"options": {"idempotent": 1}}, "options.idempotent"),
        ({"method_options": {"find": {"retries": "2"}}}, "method_options.find.retries"),
        ({"params": {"x": 1}}, "params.x"),
    ],
)
def test_wrong_types_are_named(change, place):
    record = {"service": {"interface": "a.B"}, "host": "h", "port": 1, **change}
    with pytest.raises(ValueError, match=place):
        from_json(json.dumps(record))


@pytest.mark.parametrize("text", ["", "{", "null", "[]", '"x"', "{}", '{"host": "h"}'])
def test_other_text(text):
    with pytest.raises(ValueError):
        from_json(text)
