"""The form of ``generic=bean``: every value inside a ``JavaBeanDescriptor``, with its class name.

A descriptor has three fields: ``className``, ``type`` (1 class, 2 enum, 3 collection, 4 map, 5 array, 6 primitive,
7 bean) and ``properties``, a map: of an enum and a class ``name``, of a primitive ``value``, of a collection and an
array the place of each item, of a map its keys, of a bean its fields.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import Any

from rpcore._codec import GenericObject
from rpcore.generic.names import class_name_of
from rpcore.generic.nodes import CLASS, Form
from rpcore.javatypes import Long, MapEntries, TypedMap

DESCRIPTOR = "org.apache.dubbo.common.beanutil.JavaBeanDescriptor"
_SHORT = ".JavaBeanDescriptor"  # until Dubbo 2.6 in another package

CLASS_TYPE, ENUM, COLLECTION, MAP, ARRAY, PRIMITIVE, BEAN = range(1, 8)

_BOXES: Mapping[str, str] = {
    "Z": "java.lang.Boolean",
    "B": "java.lang.Byte",
    "C": "java.lang.Character",
    "D": "java.lang.Double",
    "F": "java.lang.Float",
    "I": "java.lang.Integer",
    "J": "java.lang.Long",
    "S": "java.lang.Short",
}
_BY_TYPE: Mapping[type, str] = {
    bool: "java.lang.Boolean",
    int: "java.lang.Integer",
    float: "java.lang.Double",
    str: "java.lang.String",
    bytes: "[B",
}


class Beans(Form):
    """Writes values as descriptors."""

    def __init__(self) -> None:
        super().__init__(class_key=False, iso=False)

    def scalar(self, value: Any, descriptor: str) -> Any:
        if value is None:
            return None
        value = super().scalar(value, descriptor)
        name = _BOXES.get(descriptor) or (class_name_of(descriptor) if descriptor else _class_of(value))
        return _bean(name, PRIMITIVE, {"value": value})

    def moment(self, value: Any, descriptor: str) -> Any:
        # No primitive to Java, but as one it arrives whole: its properties cannot be set.
        return self.scalar(value, descriptor or "Ljava/lang/Object;")

    def member(self, member: enum.Enum, class_name: str) -> Any:
        return _bean(class_name, ENUM, {"name": member.name})

    def items(self, type_name: str, element: str) -> tuple[Any, Callable[[Any], object]]:
        if type_name == "[":
            bean = _bean(class_name_of(element), ARRAY, {})
        else:
            bean = _bean(
                type_name if not type_name.startswith("[") and type_name else "java.util.ArrayList", COLLECTION, {}
            )
        properties = bean["properties"]
        return bean, lambda item: properties.__setitem__(len(properties), item)

    def entries(self, *, simple: bool, type_name: str | None = None) -> tuple[Any, Callable[[Any, Any], object]]:
        # The keys are descriptors, too.
        pairs = MapEntries("java.util.LinkedHashMap")
        bean = GenericObject(
            DESCRIPTOR, {"className": type_name or "java.util.HashMap", "type": MAP, "properties": pairs}
        )
        return bean, lambda key, value: pairs.append((key, value))

    def record(self, class_name: str) -> tuple[Any, Callable[[str, Any], object]]:
        if not class_name:
            made, put = self.entries(simple=True)
            return made, lambda name, value: put(self.scalar(name, ""), value)
        bean = _bean(class_name, BEAN, {})
        properties = bean["properties"]

        def set_field(name: str, value: Any) -> None:
            if value is not None:
                properties[name] = value

        return bean, set_field


def _bean(class_name: str, kind: int, properties: Mapping[Any, Any]) -> GenericObject:
    typed = TypedMap("java.util.LinkedHashMap", properties)
    return GenericObject(DESCRIPTOR, {"className": class_name, "type": kind, "properties": typed})


def _class_of(value: Any) -> str:
    if isinstance(value, Long):
        return "java.lang.Long"
    if type(value) is int and not -(1 << 31) <= value < 1 << 31:
        return "java.lang.Long" if -(1 << 63) <= value < 1 << 63 else "java.math.BigInteger"
    for cls in type(value).__mro__:
        if cls in _BY_TYPE:
            return _BY_TYPE[cls]
    return {"Decimal": "java.math.BigDecimal"}.get(type(value).__name__, "java.lang.Object")


def is_bean(value: Any) -> bool:
    """Whether ``value`` is a descriptor."""
    return isinstance(value, GenericObject) and value.class_name.endswith(_SHORT)


def unwrap(value: Any, seen: dict[int, Any] | None = None) -> Any:
    """The plain value, as of ``generic=true``, that a descriptor describes; anything else is returned as it is.

    Raises:
        ValueError: its type is none of the seven.
    """
    if not is_bean(value):
        return value
    seen = {} if seen is None else seen
    if id(value) in seen:
        return seen[id(value)]
    kind, properties = value.get("type"), value.get("properties")
    pairs = list(properties.items() if isinstance(properties, Mapping) else properties or ())
    if kind in (PRIMITIVE, ENUM, CLASS_TYPE):
        return dict(pairs).get("value" if kind == PRIMITIVE else "name")
    if kind in (COLLECTION, ARRAY):
        items: list[Any] = []
        seen[id(value)] = items
        items.extend(unwrap(item, seen) for _, item in pairs)
        return items
    if kind == BEAN:
        made: dict[Any, Any] = {CLASS: value.get("className")}
        seen[id(value)] = made
        made.update((str(name), unwrap(item, seen)) for name, item in pairs)
        return made
    if kind == MAP:
        entries: list[tuple[Any, Any]] = [(unwrap(key, seen), unwrap(item, seen)) for key, item in pairs]
        try:
            return dict(entries)
        except TypeError:
            return MapEntries(None, entries)
    raise ValueError(f"a JavaBeanDescriptor of type {kind!r}; known are 1 to 7")
