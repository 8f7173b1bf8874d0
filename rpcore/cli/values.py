"""Between JSON on the command line and values in a call.

Arguments and results are JSON in the form in which values travel (``docs/commands.md``): records are objects
with their wire names, dates, decimals and UUIDs are text, sets and tuples are arrays. JSON lacks two things,
which are written as objects with one marked key, in both directions (a dict that happens to look like one is
written as the second)::

    bytes                        {"$base64": "aGVsbG8="}
    a dict whose keys are not    {"$map": [[1, "one"], [2, "two"]]}
    all text
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import datetime
import decimal
import enum
import json
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from rpcore._codec import ANY, GenericObject
from rpcore.errors import EncodeError
from rpcore.javatypes import MapEntries

BASE64 = "$base64"
MAP = "$map"
REF = "$ref"


def parse(text: str) -> Any:
    """The value that one argument of the command line stands for: JSON, or a bare word as the string it is.

    Raises:
        ValueError: it begins as an object, array or string of JSON and is none; says where.
    """
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except ValueError as error:
        if text.startswith(("{", "[", '"')):
            raise ValueError(f"no valid JSON: {error}") from error
        return text
    return _from_json(value)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _from_json(value: Any) -> Any:
    if isinstance(value, list):
        return [_from_json(item) for item in value]
    if not isinstance(value, dict):
        return value
    match value:
        case {"$base64": str(text), **rest} if not rest:
            try:
                return base64.b64decode(text, validate=True)
            except binascii.Error as error:
                raise ValueError(f"{BASE64}: {error}") from error
        case {"$map": list(pairs), **rest} if not rest:
            if not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
                raise ValueError(f"{MAP}: expected an array of [key, value]")
            try:
                return {_from_json(key): _from_json(item) for key, item in pairs}
            except TypeError as error:
                raise ValueError(f"{MAP}: {error}") from error
    return {key: _from_json(item) for key, item in value.items()}


def to_json(value: Any) -> Any:
    """``value`` as JSON's own types; never raises, what has no form of its own becomes its ``repr``.

    A value inside itself, as Java's objects may be, is ``{"$ref": "$.parent"}`` there: the path to where it began.
    """
    return _to_json(value, "$", {})


def _to_json(value: Any, path: str, above: dict[int, str]) -> Any:
    """
    Args:
        path: where it stands.
        above: the values around it, by identity, and where they stand.
    """
    match value:
        case None | bool() | str() if not isinstance(value, enum.Enum):
            return str(value) if isinstance(value, str) else value
        case enum.Enum():
            return _to_json(value.value, path, above)
        case int() | float():
            # Infinities and NaN are no JSON; as text they survive.
            return value if value - value == 0 else str(value)
        case bytes() | bytearray() | memoryview():
            return {BASE64: base64.b64encode(value).decode()}
        case datetime.datetime() | datetime.date() | datetime.time():
            return value.isoformat()
        case datetime.timedelta() | decimal.Decimal() | uuid.UUID():
            return _wire_text(value)
        case BaseException():
            return str(value)
    if id(value) in above:
        return {REF: above[id(value)]}
    above[id(value)] = path
    try:
        return _inside(value, path, above)
    finally:
        del above[id(value)]


def _inside(value: Any, path: str, above: dict[int, str]) -> Any:
    """A value that has others in it."""

    def fields(items: Iterable[tuple[str, Any]]) -> dict[str, Any]:
        return {str(name): _to_json(item, f"{path}.{name}", above) for name, item in items}

    match value:
        case Mapping():
            if all(isinstance(key, str) for key in value) and value.keys() not in ({BASE64}, {MAP}, {REF}):
                return fields(value.items())
            return {MAP: [_items(pair, f"{path}[{i}]", above) for i, pair in enumerate(value.items())]}
        case MapEntries():
            return {MAP: [_items(pair, f"{path}[{i}]", above) for i, pair in enumerate(value)]}
        case GenericObject():
            return {"class": value.class_name, **fields(value.items())}
        case tuple() if hasattr(value, "_fields"):
            return fields((name, getattr(value, name)) for name in value._fields)
        case list() | tuple() | set() | frozenset():
            return _items(value, path, above)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return fields((field.name, getattr(value, field.name)) for field in dataclasses.fields(value))
    return _wire_text(value)


def _items(values: Iterable[Any], path: str, above: dict[int, str]) -> list[Any]:
    return [_to_json(item, f"{path}[{place}]", above) for place, item in enumerate(values)]


def _wire_text(value: Any) -> Any:
    """As it travels where ``Any`` is declared, which covers records of other libraries."""
    try:
        return to_json(unpack(ANY.dumps(value)))
    except EncodeError:
        return repr(value)


def unpack(body: bytes) -> Any:
    """The plain values in one msgpack body."""
    import msgpack

    return msgpack.unpackb(body, strict_map_key=False, timestamp=3)
