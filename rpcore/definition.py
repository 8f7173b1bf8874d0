"""What a Java provider publishes about one service: Dubbo's ServiceDefinition, as a typed value.

Providers write it as JSON to the metadata centre. The model reads what Dubbo 2.7 and 3.x write, and what dubbo-go
does, whose differences end here:

* 2.7 nests the definition of every field's type, 3.x names it (``"properties": {"id": "long"}``);
* where 2.7 has written a type before, it writes the path to it: ``{"$ref": "$.types[3].properties.id"}``;
* constants are under ``enum`` or ``enums``; whatever is empty may be null or missing;
* 3.x, and arrays in 2.7, write a nested class as ``org.demo.Outer.Inner``. On the wire it is
  ``org.demo.Outer$Inner``, which is found again here by the classes that the definition has, and by Java's custom that
  packages are in lower case.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

from rpcore.errors import ConfigurationError
from rpcore.model import ServiceKey
from rpcore.signatures import OBJECT, JavaType, parse_type

_EMPTY: Mapping[str, Any] = MappingProxyType({})

THROWABLE = frozenset({"detailMessage", "cause", "stackTrace", "suppressedExceptions"})
"""Fields of java.lang.Throwable, by which the definition of an exception is known."""


@dataclass(frozen=True, slots=True)
class MethodDefinition:
    """One Java method. Definitions say neither what parameters are called nor what is thrown."""

    name: str
    parameters: tuple[JavaType, ...]
    returns: JavaType

    @property
    def descriptor(self) -> str:
        """The JVM descriptors of its parameters: how the wire tells overloads apart."""
        return "".join(parameter.descriptor for parameter in self.parameters)

    @property
    def parameter_types(self) -> tuple[str, ...]:
        """The parameters' types as ``$invoke`` takes them: ``int``, ``java.lang.String[]``."""
        return tuple(parameter.erased for parameter in self.parameters)

    def __str__(self) -> str:
        """``find(long, List<String>)``."""
        return f"{self.name}({', '.join(map(str, self.parameters))})"


@dataclass(frozen=True, slots=True)
class TypeDefinition:
    """One class that the methods lead to.

    Attributes:
        name: as ``Class.getName()`` has it.
        properties: types of its fields, those of its superclasses included, by name. Empty for interfaces and for
            most of the JDK's classes.
        enums: names of its constants.
    """

    name: str
    properties: Mapping[str, JavaType] = field(default_factory=lambda: _EMPTY)
    enums: tuple[str, ...] = ()

    @property
    def is_throwable(self) -> bool:
        return self.properties.keys() >= THROWABLE


@dataclass(frozen=True)
class ServiceDefinition:
    """What a provider says about one service.

    Attributes:
        interface: the name of the Java interface, as calls have it.
        methods: in the order of the file; Java itself has none.
        types: the classes they lead to, by name.
        parameters: of the provider's URL: application, version, group, timeout and the like.
    """

    interface: str
    methods: tuple[MethodDefinition, ...] = ()
    types: Mapping[str, TypeDefinition] = field(default_factory=lambda: _EMPTY)
    parameters: Mapping[str, str] = field(default_factory=lambda: _EMPTY)

    @property
    def key(self) -> ServiceKey:
        """The service with the group and version of the provider that published this."""
        version = self.parameters.get("version", "")
        return ServiceKey(self.interface, self.parameters.get("group", ""), "" if version == "0.0.0" else version)

    @cached_property
    def by_name(self) -> Mapping[str, tuple[MethodDefinition, ...]]:
        """The overloads of each method name."""
        found: dict[str, tuple[MethodDefinition, ...]] = {}
        for method in self.methods:
            found[method.name] = (*found.get(method.name, ()), method)
        return found

    def __repr__(self) -> str:
        return f"<ServiceDefinition {self.key}, {len(self.methods)} methods, {len(self.types)} types>"

    @classmethod
    def load(cls, path: str | PathLike[str]) -> ServiceDefinition:
        """The definition in a file.

        Raises:
            ConfigurationError: it cannot be read, or is no definition; the text says where.
        """
        try:
            data = Path(path).read_bytes()
        except OSError as exc:
            raise ConfigurationError(f"definition {path}: {exc.strerror}") from exc
        return cls.parse(data, where=f"definition {path}")

    @classmethod
    def parse(cls, source: str | bytes | Mapping[str, Any], *, where: str = "definition") -> ServiceDefinition:
        """The definition in a JSON text, or in what was made of one.

        Args:
            source: the text or the decoded object.
            where: how an error names it.

        Raises:
            ConfigurationError: it is none; the text names the place.
        """
        try:
            return _Parser(_decoded(source)).definition()
        except ConfigurationError as exc:
            raise ConfigurationError(f"{where}: {exc.message}") from exc
        except RecursionError:
            raise ConfigurationError(f"{where}: is nested too deeply") from None


def _decoded(source: str | bytes | Mapping[str, Any]) -> Any:
    if isinstance(source, Mapping):
        return source
    import json

    try:
        return json.loads(source)
    except ValueError as exc:
        raise ConfigurationError(f"is not JSON: {exc}") from exc


_STEP = re.compile(r"\.([\w$]+)|\[(\d+)\]")
"""One step of a path such as ``$.types[3].properties.id``."""


class _Parser:
    """Reads one definition. First all names are collected, because they decide what other names mean."""

    def __init__(self, decoded: Any) -> None:
        self.root = _mapping("$", decoded)
        if "canonicalName" not in self.root and "application" in self.root and "side" in self.root:
            raise ConfigurationError("has the parameters of a consumer, not a provider's definition")
        self.parameters = {
            name: _text(f"parameters.{name}", value)
            for name, value in _mapping("parameters", self.root.get("parameters")).items()
            if value is not None
        }
        self.canonical = _text("canonicalName", self.root.get("canonicalName"))
        self.enums: dict[str, tuple[str, ...]] = {}
        self.properties: dict[str, dict[str, str]] = {}
        self.collect("types", self.root.get("types"))
        known = {name for name in (*self.properties, *self.enums) if self.properties.get(name) or name in self.enums}
        self.names = _ClassNames([self.canonical, *self.texts()], known)
        self.interface = self.parameters.get("interface") or self.names(self.canonical)

    def texts(self) -> Iterator[str]:
        """Every place where a type is named."""
        for name, properties in self.properties.items():
            yield name
            yield from properties.values()
        yield from self.enums
        for where, method in self.method_items():
            yield from _texts(f"{where}.parameterTypes", method.get("parameterTypes"))
            yield _text(f"{where}.returnType", method.get("returnType"))
        yield self.parameters.get("interface", "")

    # ---- types

    def collect(self, where: str, types: Any) -> None:
        """Types in a list or, by name, in an object; and those nested in them."""
        if isinstance(types, Mapping):
            types = [{"type": name, **_mapping(f"{where}.{name}", each)} for name, each in types.items()]
        for index, each in enumerate(_list(where, types)):
            self.collect_one(f"{where}[{index}]", each, nested=False)

    def collect_one(self, where: str, given: Any, *, nested: bool = True) -> str:
        """One type, by name only or with its definition; returns the name."""
        if isinstance(given, str):
            return given
        one = _mapping(where, given)
        if "$ref" in one and "type" not in one:
            return self.referred(where, one["$ref"])
        if one.get("type") is None and nested:
            return OBJECT  # 2.7, for a type variable
        name = _text(f"{where}.type", one.get("type"))
        constants = one.get("enums") or one.get("enum")
        if constants:
            self.enums[name] = tuple(_texts(f"{where}.enums", constants))
        for index, item in enumerate(_list(f"{where}.items", one.get("items"))):
            self.collect_one(f"{where}.items[{index}]", item)
        properties = {
            field_name: self.collect_one(f"{where}.properties.{field_name}", each)
            for field_name, each in _mapping(f"{where}.properties", one.get("properties")).items()
        }
        # A class met again inside itself has no properties there.
        if properties or name not in self.properties:
            self.properties[name] = properties
        return name

    def referred(self, where: str, path: Any) -> str:
        """The name of a type that stands elsewhere in the file: fastjson writes what it has met by its path."""
        found: Any = self.root
        try:
            for name, index in _STEP.findall(_text(f"{where}.$ref", path)):
                found = found[int(index)] if index else found[name]
            return _text(where, found["type"])
        except (KeyError, IndexError, TypeError):
            raise ConfigurationError(f"{where}.$ref: there is no type at {path!r}") from None

    # ---- methods

    def method_items(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for index, each in enumerate(_list("methods", self.root.get("methods"))):
            yield f"methods[{index}]", _mapping(f"methods[{index}]", each)

    def definition(self) -> ServiceDefinition:
        methods: dict[tuple[str, str], MethodDefinition] = {}
        for where, each in self.method_items():
            method = self.method(where, each)
            # Inherited with a wider result, a method is there twice; on the wire it is one.
            methods.setdefault((method.name, method.descriptor), method)
        return ServiceDefinition(self.interface, tuple(methods.values()), self.types(), self.parameters)

    def method(self, where: str, each: Mapping[str, Any]) -> MethodDefinition:
        name = _text(f"{where}.name", each.get("name"))
        given = each.get("parameterTypes")
        parameters = tuple(
            self.type(f"{where}.parameterTypes[{index}]", text)
            for index, text in enumerate(_texts(f"{where}.parameterTypes", given))
        )
        returns = self.type(f"{where}.returnType", _text(f"{where}.returnType", each.get("returnType")))
        return MethodDefinition(name, parameters, returns)

    def types(self) -> Mapping[str, TypeDefinition]:
        found: dict[str, TypeDefinition] = {}
        for name, properties in self.properties.items():
            if "<" in name or name.endswith("]"):
                continue  # says nothing that its name does not say
            class_name = self.type(f"type {name}", name).name
            fields = {each: self.type(f"type {name}: {each}", text) for each, text in properties.items()}
            found[class_name] = TypeDefinition(class_name, MappingProxyType(fields), self.enums.get(name, ()))
        return MappingProxyType(found)

    def type(self, where: str, text: str) -> JavaType:
        try:
            return parse_type(text, self.names)
        except ConfigurationError as exc:
            raise ConfigurationError(f"{where}: {exc.message}") from exc


class _ClassNames:
    """``Class.getName()`` of a class that may be written by its canonical name.

    Args:
        texts: every type that the definition names.
        defined: the classes it describes.
    """

    def __init__(self, texts: Iterable[str], defined: set[str]) -> None:
        words = [word for text in texts for word in _split(text)]
        self.plain = {word for word in words if "." in word} | defined
        self.nested = {word.replace("$", "."): word for word in words if "$" in word}

    def __call__(self, name: str) -> str:
        if "$" in name:
            return name
        if "." not in name:
            return name if name in self.plain else OBJECT  # a type variable
        return self.nested.get(name) or self.by_custom(name)

    def by_custom(self, name: str) -> str:
        """Nested is what stands behind a class, which has an upper-case initial or is in the definition."""
        parts = name.split(".")
        for end in range(1, len(parts)):
            outer = ".".join(parts[:end])
            if parts[end - 1][:1].isupper() or outer in self.plain:
                return outer + "$" + "$".join(parts[end:])
        return name


def _split(text: str) -> Iterator[str]:
    word = ""
    for letter in text:
        if letter.isalnum() or letter in "._$":
            word += letter
        elif word:
            yield word.strip(".")
            word = ""
    if word:
        yield word.strip(".")


# ---- JSON, checked


def _checked(where: str, value: Any, kind: type, expected: str) -> Any:
    if not isinstance(value, kind):
        found = "nothing" if value is None else type(value).__name__
        raise ConfigurationError(f"{where}: expected {expected}, not {found}")
    return value


def _text(where: str, value: Any) -> str:
    text: str = _checked(where, value, str, "text")
    return text


def _list(where: str, value: Any) -> list[Any]:
    found: list[Any] = [] if value is None else _checked(where, value, list, "a list")
    return found


def _texts(where: str, value: Any) -> list[str]:
    return [_text(f"{where}[{index}]", each) for index, each in enumerate(_list(where, value))]


def _mapping(where: str, value: Any) -> Mapping[str, Any]:
    if value is None and where != "$":
        return _EMPTY
    found: Mapping[str, Any] = _checked(where, value, Mapping, "an object")
    return found


Source: TypeAlias = str | PathLike[str] | ServiceDefinition
"""A definition, or the file that has one."""


def definition_of(source: Source) -> ServiceDefinition:
    """The definition that was given, or the one in the file that was.

    Raises:
        ConfigurationError: the file cannot be read, or has no definition.
    """
    return source if isinstance(source, ServiceDefinition) else ServiceDefinition.load(source)
