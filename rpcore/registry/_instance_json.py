"""An ``Instance`` as JSON text and back, for registries that store text of their own.

Only what differs from the default is written. An unknown field is skipped when reading, so a newer rpcore may
add one; a missing field takes its default; a field of another type is an error, because a consumer would trip
over it later and elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from types import MappingProxyType
from typing import Any

from rpcore.model import Instance, Options, ServiceKey


def to_json(instance: Instance) -> str:
    """ASCII text of one line; ``from_json`` gives an equal instance back."""
    record: dict[str, Any] = {
        "service": {f.name: getattr(instance.service, f.name) for f in fields(ServiceKey)},
        "host": instance.host,
        "port": instance.port,
    }
    for name in _PLAIN:
        if (value := getattr(instance, name)) != _DEFAULTS[name]:
            record[name] = value
    if instance.methods:
        record["methods"] = list(instance.methods)
    if options := instance.options.given():
        record["options"] = options
    if instance.method_options:
        record["method_options"] = {name: given.given() for name, given in instance.method_options.items()}
    if instance.params:
        record["params"] = dict(instance.params)
    return json.dumps(record, separators=(",", ":"))


def from_json(text: str | bytes) -> Instance:
    """The instance that ``to_json`` wrote. Raises ValueError, naming the field, for anything else."""
    record = _mapping("the text", json.loads(text))
    service = _mapping("service", _needed(record, "service"))
    names = [f.name for f in fields(ServiceKey) if f.name in service]
    key = ServiceKey(**{name: _text(f"service.{name}", _needed(service, name)) for name in {"interface", *names}})
    values = {name: _plain(name, record[name], _TYPES[name]) for name in _PLAIN if name in record}
    return Instance(
        service=key,
        host=_text("host", _needed(record, "host")),
        port=_plain("port", _needed(record, "port"), int),
        methods=tuple(_text("methods", name) for name in _list("methods", record.get("methods", []))),
        options=_options("options", record.get("options", {})),
        method_options=_each("method_options", record, _options),
        params=_each("params", record, _text),
        **values,
    )


_PLAIN = ("weight", "warmup", "timestamp", "tag", "application")
_DEFAULTS = {f.name: f.default for f in fields(Instance) if f.default is not MISSING}
_TYPES = {name: type(_DEFAULTS[name]) for name in _PLAIN}
_OPTION_TYPES: dict[str, type] = {
    f.name: {"float": float, "int": int, "bool": bool, "str": str}[str(f.type).removesuffix(" | None")]
    for f in fields(Options)
}


def _plain(place: str, value: Any, kind: type) -> Any:
    # bool is an int to isinstance, and a whole number written by hand may stand for a float.
    if type(value) is kind or (kind is float and type(value) is int):
        return value
    raise ValueError(f"{place}: expected {kind.__name__}, got {value!r}")


def _text(place: str, value: Any) -> str:
    text: str = _plain(place, value, str)
    return text


def _mapping(place: str, value: Any) -> dict[str, Any]:
    record: dict[str, Any] = _plain(place, value, dict)
    return record


def _list(place: str, value: Any) -> list[Any]:
    items: list[Any] = _plain(place, value, list)
    return items


def _needed(record: dict[str, Any], name: str) -> Any:
    if name not in record:
        raise ValueError(f"{name}: missing")
    return record[name]


def _options(place: str, value: Any) -> Options:
    record = _mapping(place, value)
    return Options(
        **{
            name: _plain(f"{place}.{name}", record[name], kind)
            for name, kind in _OPTION_TYPES.items()
            if record.get(name) is not None
        }
    )


def _each(name: str, record: dict[str, Any], read: Callable[[str, Any], Any]) -> Mapping[str, Any]:
    values = _mapping(name, record.get(name, {}))
    return MappingProxyType({key: read(f"{name}.{key}", value) for key, value in values.items()})
