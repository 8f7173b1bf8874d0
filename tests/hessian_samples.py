"""Java's vectors, as test data and as values; classes that have a Java name."""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rpcore.javatypes import (
    DateMillis,
    Float,
    GenericObject,
    Long,
    MapEntries,
    TypedList,
    TypedMap,
)
from rpcore.types import wire_name

DATA = Path(__file__).parent / "data"
VECTORS: list[dict[str, Any]] = json.loads((DATA / "hessian2-vectors.json").read_text())
LARGE: list[dict[str, Any]] = json.loads((DATA / "hessian2-vectors-large.json").read_text())
READS: list[dict[str, Any]] = json.loads((DATA / "hessian2-java-read-behaviour.json").read_text())
FRAMES: list[dict[str, Any]] = json.loads((DATA / "dubbo-frames.json").read_text())


@wire_name("org.demo.Color")
class Color(enum.Enum):
    RED = "red"
    GREEN = "green"


@wire_name("org.demo.Address", naming="camel")
@dataclass
class Address:
    street_name: str
    zip_code: str = ""


@wire_name("org.demo.User")
@dataclass
class User:
    id: int
    name: str
    tags: list[str] = field(default_factory=list)
    address: Address | None = None


@wire_name("org.demo.Admin")
@dataclass
class Admin(User):
    rights: int = 0


@wire_name("org.demo.Node")
@dataclass
class Node:
    value: int
    next: Node | None = None


def value_of(tree: Any, seen: list[Any]) -> Any:
    """The value of a vector's tree; ``seen`` collects containers by number, for its references."""
    if not isinstance(tree, dict):
        return tree
    if "ref" in tree:
        return seen[tree["ref"]]
    for key, make in (("i", int), ("l", Long), ("d", float), ("s", str), ("date_ms", DateMillis)):
        if key in tree:
            return make(tree[key])
    if "b" in tree:
        return bytes.fromhex(tree["b"])
    out: Any
    if "list" in tree:
        out = [] if tree["type"] is None else TypedList(tree["type"])
        seen.append(out)
        out.extend(value_of(item, seen) for item in tree["list"])
        return out
    if "map" in tree:
        out = MapEntries(tree["type"])
        seen.append(out)
        out.extend((value_of(key, seen), value_of(item, seen)) for key, item in tree["map"])
        return out
    names = [name for name, _ in tree["fields"]]
    out = GenericObject(tree["object"], [(name, None) for name in names])
    number = len(seen)
    seen.append(out)
    values = [value_of(item, seen) for _, item in tree["fields"]]
    if len(set(names)) < len(names):  # a shadowed field; no vector refers to such an object
        seen[number] = out = GenericObject(tree["object"], zip(names, values, strict=True))
    for name, value in zip(names, values, strict=True):
        out[name] = value if len(set(names)) == len(names) else out[name]
    return out


def values_of(vector: dict[str, Any]) -> list[Any]:
    """All values of a vector's stream."""
    seen: list[Any] = []
    return [value_of(tree, seen) for tree in vector["ast"]]


__all__ = ["FRAMES", "LARGE", "READS", "VECTORS", "Address", "Admin", "Color", "Float", "Node", "TypedMap", "User"]
