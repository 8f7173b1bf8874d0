"""Bytes that Java wrote: decoded as they mean, encoded as they are; whole Dubbo bodies; what Java's readers do."""

from __future__ import annotations

import hashlib
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hessian_samples import FRAMES, LARGE, READS, VECTORS, values_of
from rpcore._codec import HessianReader, hessian_dumps, hessian_loads
from rpcore.errors import DecodeError
from rpcore.javatypes import (
    BigInteger,
    Currency,
    DateMillis,
    GenericObject,
    JavaClass,
    JavaException,
    Locale,
    Long,
    MapEntries,
    TypedList,
    TypedMap,
    TypedSet,
)
from rpcore.plan import compile_type

THOUSANDTHS = {  # Java writes a double as 5f here, which Envoy reads differently; we never do
    *("float_0.1", "float_12.25", "double_32768.0", "double_-32769.0", "double_12.25", "double_12.345"),
    *("double_0.001", "double_0.1", "double_0.3", "double_-0.001", "double_2147483.647"),
    *("double_-2147483.648", "double_65.536", "double_8.765", "list_mixed", "list_mixed@lite-3.2.13"),
    *("arr_double", "obj_prims"),
}


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["name"] for row in rows]


class Walk:
    """Compares decoded values with a vector's tree."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def same(self, value: Any, tree: Any) -> None:
        if not isinstance(tree, dict):
            assert value is tree
        elif "ref" in tree:
            other = self.seen[tree["ref"]]
            assert value is other or (value == other and not isinstance(value, (list, dict, GenericObject)))
        elif "i" in tree:
            assert type(value) is int
            assert value == tree["i"]
        elif "l" in tree:
            assert value == tree["l"]
            assert (type(value) is Long) == (-(2**31) <= value < 2**31)
        elif "d" in tree:
            expected = float(tree["d"])
            assert type(value) is float
            assert value == expected or (math.isnan(value) and math.isnan(expected))
        elif "s" in tree:
            assert value == tree["s"].encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
        elif "b" in tree:
            assert value == bytes.fromhex(tree["b"])
        elif "date_ms" in tree:
            epoch = datetime(1970, 1, 1, tzinfo=UTC)
            if isinstance(value, DateMillis):
                assert value == tree["date_ms"]
            else:
                assert value == epoch + timedelta(milliseconds=tree["date_ms"])
        elif "list" in tree:
            self.same_list(value, tree)
        elif "map" in tree:
            self.same_map(value, tree)
        else:
            self.same_object(value, tree)

    def same_list(self, value: Any, tree: Any) -> None:
        self.seen.append(value)
        name = tree["type"]
        if name is not None and name.endswith("Set") and isinstance(value, set):
            assert len(value) == len(tree["list"])
            assert getattr(value, "type_name", "java.util.HashSet") == name
            for item in tree["list"]:
                self.skip(item)
            return
        assert getattr(value, "type_name", None) == (None if name == "java.util.ArrayList" else name)
        assert isinstance(value, list)
        assert len(value) == len(tree["list"])
        for item, expected in zip(value, tree["list"], strict=True):
            self.same(item, expected)

    def same_map(self, value: Any, tree: Any) -> None:
        self.seen.append(value)
        assert getattr(value, "type_name", None) == tree["type"]
        items = value if isinstance(value, MapEntries) else list(value.items())
        assert len(items) == len(tree["map"])
        for (key, item), (expected_key, expected) in zip(items, tree["map"], strict=True):
            self.same(key, expected_key)
            self.same(item, expected)

    def same_object(self, value: Any, tree: Any) -> None:
        self.seen.append(value)
        if isinstance(value, GenericObject):
            assert value.class_name == tree["object"]
            assert list(value.names) == [name for name, _ in tree["fields"]]
            for (_, item), (_, expected) in zip(value.items(), tree["fields"], strict=True):
                self.same(item, expected)
        elif isinstance(value, JavaException):
            assert value.class_name == tree["object"]
            for name, expected in tree["fields"]:
                self.same_throwable_field(value, name, expected)
        else:  # one of Java's own types; their values have tests of their own
            for _, expected in tree["fields"]:
                self.skip(expected)

    def same_throwable_field(self, value: JavaException, name: str, expected: Any) -> None:
        if name == "cause" and isinstance(expected, dict) and self.seen[-1] is value and "ref" in expected:
            assert value.cause is None
        elif name == "cause" and value.cause is None:
            assert expected is None or "ref" in expected
        else:
            known = {
                "detailMessage": value.message,
                "stackTrace": value.frames,
                "suppressedExceptions": value.suppressed,
                "cause": value.cause,
            }
            self.same(known.get(name, value.fields.get(name)), expected)

    def skip(self, tree: Any) -> None:
        """Count the containers inside a value that became a plain one."""
        if isinstance(tree, dict) and {"list", "map", "object"} & tree.keys():
            self.seen.append(tree)
            for item in tree.get("list", ()):
                self.skip(item)
            for pair in tree.get("map", ()):
                self.skip(pair[0])
                self.skip(pair[1])
            for _, item in tree.get("fields", ()):
                self.skip(item)


@pytest.mark.parametrize("vector", VECTORS, ids=ids(VECTORS))
def test_vectors_decode_to_their_tree(vector: dict[str, Any]) -> None:
    walk = Walk()
    values = hessian_loads(bytes.fromhex(vector["hex"]))
    assert len(values) == len(vector["ast"])
    for value, tree in zip(values, vector["ast"], strict=True):
        walk.same(value, tree)


@pytest.mark.parametrize("vector", VECTORS, ids=ids(VECTORS))
def test_vectors_encode_to_their_bytes(vector: dict[str, Any]) -> None:
    data = bytes.fromhex(vector["hex"])
    out = hessian_dumps(None, *values_of(vector))
    if any('"variable"' in repr(tree).replace("'", '"') for tree in vector["ast"]):
        assert vector["name"] == "iterator"  # Java reads such a list only where it has written it
        assert out == hessian_dumps(None, *hessian_loads(data))
    elif vector["name"] in THOUSANDTHS:
        assert len(out) > len(data)
        assert repr(hessian_loads(out)) == repr(hessian_loads(data))
    else:
        assert out.hex() == data.hex()


@pytest.mark.parametrize("vector", VECTORS, ids=ids(VECTORS))
def test_decoded_vectors_encode_to_what_decodes_the_same(vector: dict[str, Any]) -> None:
    values = hessian_loads(bytes.fromhex(vector["hex"]))
    again = hessian_dumps(None, *values)
    assert repr(hessian_loads(again)) == repr(values)


LONG_STRINGS = {
    "str_1023": 1023 * "a",
    "str_1024": 1024 * "a",
    "str_32768": 32768 * "a",
    "str_32769": 32769 * "a",
    "str_65537": 65537 * "a",
    "str_surrogate_at_chunk": 32767 * "a" + "\U0001f600b",
    "str_32768_zh": 32769 * "\u4e2d",
}


@pytest.mark.parametrize("vector", [v for v in LARGE if v["name"].startswith("str_")], ids=lambda v: v["name"])
def test_long_strings_chunk_as_javas(vector: dict[str, Any]) -> None:
    text = LONG_STRINGS[vector["name"]]
    out = hessian_dumps(None, text)
    assert len(out) == vector["length"]
    assert hashlib.sha256(out).hexdigest() == vector["sha256"]
    assert hessian_loads(out) == [text]


def test_every_long_string_vector_is_tested() -> None:
    assert {v["name"] for v in LARGE if v["name"].startswith("str_")} == set(LONG_STRINGS)


@pytest.mark.parametrize("size", [4093, 8189, 8190, 20000, 65535, 65536, 200_000])
@pytest.mark.parametrize("chunk", [1000, 4093, 8189])
def test_binary_in_chunks_of_any_size(size: int, chunk: int) -> None:
    data = bytes(i & 0xFF for i in range(size))
    assert hessian_loads(hessian_dumps(None, data)) == [data]
    parts = [data[i : i + chunk] for i in range(0, size, chunk)]
    body = b"".join(b"A" + len(part).to_bytes(2, "big") + part for part in parts[:-1])
    body += b"B" + len(parts[-1]).to_bytes(2, "big") + parts[-1]
    assert hessian_loads(body) == [data]


@pytest.mark.parametrize("frame", FRAMES, ids=[f"{i}-{frame['name']}" for i, frame in enumerate(FRAMES)])
def test_bodies_of_recorded_frames(frame: dict[str, Any]) -> None:
    body = bytes.fromhex(frame["hex"])[16:]
    reader = HessianReader()
    for _ in range(2):  # the second time with the class definitions it remembers
        walk = Walk()
        values = reader.load_stream(body)
        assert len(values) == len(frame["body"])
        for value, tree in zip(values, frame["body"], strict=True):
            walk.same(value, tree)


# ---- how Java's readers behave, and what we do: the same, or an error where Java guesses

STRICTER = {
    "read: overlong utf8 c080",
    "read: bad cont byte",
    "read: truncated string",
    "read: list neg len fixed",
}
WIDER = {  # Java fails, because of its own bugs or its JDK; the specification has a meaning
    "read: varlist untyped ints",
    "read: varlist typed ArrayList",
    "read: varlist of lists",
    "read: varlist typed HashSet",
    "read: uuid two longs",
}


@pytest.mark.parametrize("row", [row for row in READS if row["expected_class"] is None], ids=lambda row: row["name"])
def test_untyped_reads_are_javas_or_stricter(row: dict[str, Any]) -> None:
    java_reads = row["java_4.0.3"].startswith("ok") or row["name"] in WIDER
    data = bytes.fromhex(row["hex"])
    if not java_reads or row["name"] in STRICTER:
        with pytest.raises(DecodeError):
            hessian_loads(data)
    else:
        assert len(hessian_loads(data)) == 1


def test_values_of_javas_own_types() -> None:
    found = {v["name"]: hessian_loads(bytes.fromhex(v["hex"]))[0] for v in VECTORS}
    assert repr(found["bigdecimal"]) == "Decimal('100.256')"
    assert type(found["bigint_neg"]) is BigInteger
    assert found["bigint_neg"] == -(2**64 + 1)
    assert str(found["uuid"]) == "00112233-4455-6677-8899-aabbccddeeff"
    assert type(found["locale_zh_CN"]) is Locale
    assert found["class_int"] == JavaClass("int")
    assert found["localdatetime"] == datetime(2024, 2, 29, 13, 14, 15)
    assert found["instant"].isoformat() == "2023-11-14T22:13:20+00:00"
    assert found["duration"] == timedelta(seconds=61)
    assert found["offsetdatetime"].isoformat() == "2024-02-29T13:14:15+08:00"
    assert found["set_hash"] == {1}
    assert (type(found["map_linked"]), found["map_linked"]) == (TypedMap, {"a": 1, 2: "b"})
    assert found["list_typeref"][0].type_name == "java.util.LinkedList"
    assert isinstance(found["list_typeref"][0], TypedList)
    assert hessian_loads(hessian_dumps(None, Currency("EUR"), TypedSet("java.util.TreeSet", {1}))) == ["EUR", {1}]
    cause = found["exc_cause"]
    assert (cause.class_name, cause.message, cause.cause.message) == ("java.lang.RuntimeException", "outer", "inner")
    assert cause.__cause__ is cause.cause


def test_zoned_datetime() -> None:
    vector = next(v for v in LARGE if v["name"] == "zoneddatetime")
    value = hessian_loads(hessian_dumps(None, *values_of(vector)))[0]
    assert value.isoformat() == "2024-02-29T13:14:15+08:00"
    assert value.tzinfo.key == "Asia/Shanghai"
    assert hessian_loads(hessian_dumps(None, value)) == [value]
    typed = compile_type(type(value), root="")
    assert typed.descriptor == "Ljava/time/ZonedDateTime;"
