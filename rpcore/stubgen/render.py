"""Hints, values and definitions as source text, in the names of one module."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import math
import re
import sys
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypeVar, get_args, get_origin

from rpcore._codec import REQUIRED, Factory
from rpcore.errors import ConfigurationError
from rpcore.stubgen.definitions import (
    Definition,
    FieldDefinition,
    is_alias,
    is_library,
    is_recursive_alias,
    opened,
    produced,
)
from rpcore.stubgen.layout import INDENT, broken, field_line, function_head
from rpcore.stubgen.module import Module, docstring_lines, is_identifier, quoted
from rpcore.types import dto

_UNIONS = (typing.Union, types.UnionType)
_WRAPPERS = (typing.Required, typing.NotRequired)
_PUBLIC = {"rpcore.javatypes": "rpcore.types", "rpcore._codec": "rpcore.types"}
"""Where users find what rpcore defines elsewhere."""


class Renderer:
    """Writes for one module.

    Args:
        module: where names come from.
        name_of: what a class, NewType, type variable or alias of the user's is called there.
    """

    def __init__(self, module: Module, name_of: Callable[[Any], str]) -> None:
        self.module = module
        self.name_of = name_of

    # ---- hints

    def hint(self, hint: Any) -> str:
        """A hint, as it is written in the module."""
        if hint is None or hint is type(None):
            return "None"
        if hint is Any:
            return self.module.use("typing", "Any")
        if isinstance(hint, TypeVar | typing.NewType):
            return self.name_of(hint)
        if is_alias(hint):
            return self._alias(hint)
        origin, args = get_origin(hint), get_args(hint)
        if origin is typing.Annotated:
            return self._annotated(hint)
        if origin in _UNIONS:
            return " | ".join(map(self.hint, args))
        if origin is Literal:
            return f"{self.module.use('typing', 'Literal')}[{', '.join(map(self.value, args))}]"
        if origin in _WRAPPERS:
            return f"{self.module.use('typing', origin._name)}[{self.hint(args[0])}]"
        if origin is None:
            return self.class_name(hint)
        if origin is tuple and not args:
            return f"{self.class_name(tuple)}[()]"
        return f"{self.class_name(origin)}[{', '.join('...' if arg is ... else self.hint(arg) for arg in args)}]"

    def class_name(self, cls: Any) -> str:
        """The name of a class, importing it if it is a library's."""
        if not isinstance(cls, type):
            return self.module.use("typing", getattr(cls, "__name__", None) or cls._name)
        if not is_library(cls):
            return self.name_of(cls)
        return self.module.use(_PUBLIC.get(cls.__module__, cls.__module__), cls.__qualname__)

    def _annotated(self, hint: Any) -> str:
        kept = [note for note in hint.__metadata__ if type(note).__module__ in ("rpcore.types", "rpcore.javatypes")]
        base = self.hint(hint.__origin__)
        if not kept:
            return base
        return f"{self.module.use('typing', 'Annotated')}[{base}, {', '.join(map(self._note, kept))}]"

    def _note(self, note: Any) -> str:
        values = [self.value(getattr(note, f.name)) for f in dataclasses.fields(note)]
        return f"{self.class_name(type(note))}({', '.join(values)})"

    def _alias(self, hint: Any) -> str:
        if is_recursive_alias(hint):
            return self.name_of(hint)
        return self.hint(opened(hint))

    def tuple_of(self, classes: Iterable[type]) -> str:
        """A tuple of classes, as an expression."""
        names = [self.class_name(cls) for cls in classes]
        return f"({', '.join(names)}{',' if len(names) == 1 else ''})"

    # ---- values

    def value(self, value: Any) -> str:
        """An expression that makes ``value``.

        Raises:
            ConfigurationError: there is none.
        """
        kind = type(value)
        if isinstance(value, enum.Enum):
            return self._member(value)
        if value is None or kind in (bool, int, bytes):
            return repr(value)
        if kind is str:
            return quoted(value)
        if kind is float:
            return repr(value) if math.isfinite(value) else f'{self.class_name(float)}("{value}")'
        if kind in (tuple, list, set, frozenset):
            return self._collection(value)
        if kind is dict:
            return "{" + ", ".join(f"{self.value(k)}: {self.value(v)}" for k, v in value.items()) + "}"
        if kind.__module__ == "datetime":
            text = re.sub(r"datetime\.([a-z]+)", lambda m: self.module.use("datetime", m[1]), repr(value))
            if kind is not datetime.datetime or value.tzinfo in (None, datetime.UTC):
                return text
        if (kind.__module__, kind.__name__) in (("decimal", "Decimal"), ("uuid", "UUID")):
            return f"{self.class_name(kind)}({quoted(str(value))})"
        if dataclasses.is_dataclass(value) and not is_library(kind):
            given = {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.init}
            return self._call(kind, given)
        if isinstance(value, tuple) and hasattr(value, "_asdict"):
            return self._call(kind, value._asdict())
        raise ConfigurationError(f"{value!r} cannot be written as source")

    def _call(self, cls: type, arguments: Mapping[str, Any]) -> str:
        given = ", ".join(f"{name}={self.value(value)}" for name, value in arguments.items())
        return f"{self.class_name(cls)}({given})"

    def _member(self, member: enum.Enum) -> str:
        cls = self.class_name(type(member))
        parts = list(member) if isinstance(member, enum.Flag) else [member]
        if member.name in type(member).__members__:
            parts = [member]
        return " | ".join(f"{cls}.{part.name}" for part in parts) or f"{cls}({member.value!r})"

    def _collection(self, value: Any) -> str:
        items = ", ".join(map(self.value, value))
        if type(value) is tuple:
            return f"({items},)" if len(value) == 1 else f"({items})"
        if type(value) is list:
            return f"[{items}]"
        name = self.class_name(type(value))
        if not value:
            return f"{name}()"
        return f"{{{items}}}" if type(value) is set else f"{name}({{{items}}})"

    def factory(self, factory: Factory) -> str:
        """What is passed as ``default_factory``."""
        make = factory.make
        if isinstance(make, type):
            return self.class_name(make)
        module, name = getattr(make, "__module__", None) or "", getattr(make, "__qualname__", "")
        if module.partition(".")[0] in sys.stdlib_module_names and name.isidentifier():
            return self.module.use(module, name)
        value = produced(factory)
        if value is None:
            raise ConfigurationError(f"default_factory {make!r} makes another value each time")
        return f"lambda: {self.value(value)}"

    # ---- definitions

    def definition(self, subject: Any) -> str:
        """One class, NewType, type variable or recursive alias."""
        name = self.name_of(subject.cls if isinstance(subject, Definition) else subject)
        if isinstance(subject, typing.NewType):
            made = self.module.use("typing", "NewType")
            return f"{name} = {made}({quoted(name)}, {self.hint(subject.__supertype__)})\n"
        if isinstance(subject, TypeVar):
            return f"{name} = {self._type_variable(name, subject)}\n"
        if not isinstance(subject, Definition):
            return f"type {name} = {self.hint(subject.__value__)}\n"
        try:
            return self._class(subject, name)
        except ConfigurationError as exc:
            raise ConfigurationError(f"{subject.cls.__qualname__}: {exc.message}") from exc

    def _type_variable(self, name: str, variable: TypeVar) -> str:
        arguments = [quoted(name), *map(self.hint, variable.__constraints__)]
        if variable.__bound__ is not None:
            arguments.append(f"bound={self.hint(variable.__bound__)}")
        return f"{self.module.use('typing', 'TypeVar')}({', '.join(arguments)})"

    def _class(self, definition: Definition, name: str) -> str:
        kind = definition.kind
        if kind == "TypedDict" and not all(is_identifier(f.name) for f in definition.fields):
            return self._functional_typed_dict(name, definition)
        if kind == "enum" and not all(map(is_identifier, definition.members)):
            return self._functional_enum(name, definition)
        head = self._wire_name(definition, name)
        settings = [f"{key}={value}" for key, value in definition.settings.items()]
        if kind == "dataclass":
            decorator = self.module.use("dataclasses", "dataclass")
            head += f"@{decorator}({', '.join(settings)})\n" if settings else f"@{decorator}\n"
        bases = [self._base(base) for base in definition.bases]
        if kind in ("NamedTuple", "TypedDict"):
            bases = [self.module.use("typing", kind), *settings]
        head += f"class {name}({', '.join(bases)}):\n" if bases else f"class {name}:\n"
        body = docstring_lines(definition.doc, INDENT) if definition.doc else ""
        lines = [f"{INDENT}{each} = {self._member_value(member)}\n" for each, member in definition.members.items()]
        if kind == "exception":
            lines += self._constructor(definition)
        else:
            lines += [self._field(each, kind) for each in definition.fields]
        if body and lines:
            body += "\n"
        return head + (body + "".join(lines) or f"{INDENT}pass\n")

    def _base(self, base: Any) -> str:
        if get_origin(base) is typing.Generic:
            return f"{self.module.use('typing', 'Generic')}[{', '.join(map(self.hint, get_args(base)))}]"
        return self.hint(base)

    def _wire_name(self, definition: Definition, name: str) -> str:
        """The ``@rpcore.wire_name`` line, also where only the name in this module needs one."""
        said = dto(definition.cls)
        wire = said.name or (definition.cls.__name__ if name != definition.cls.__name__ else "")
        tag = definition.tag if said.tag is None else said.tag
        arguments = [quoted(wire)] if wire else []
        if said.naming:
            arguments.append(f"naming={quoted(said.naming)}")
        if tag is not None:
            arguments.append(f"tag={quoted(tag)}")
        return broken("@rpcore.wire_name(", arguments, ")") if arguments else ""

    def _member_value(self, member: enum.Enum) -> str:
        return self.value(member._value_)

    def _field(self, each: FieldDefinition, kind: str) -> str:
        hint = self.hint(each.hint)
        try:
            default = self._default(each)
        except ConfigurationError as exc:
            raise ConfigurationError(f"{each.name}: {exc.message}") from exc
        if kind != "dataclass" or not (each.settings or isinstance(each.default, Factory)):
            return field_line(each.name, hint, default or "")
        arguments = [] if default is None else [default]
        if default is not None and not isinstance(each.default, Factory):
            arguments = [f"default={default}"]
        arguments += [f"{key}={value}" for key, value in each.settings.items()]
        return broken(
            f"{each.name}: {hint} = {self.module.use('dataclasses', 'field')}(", arguments, ")", indent=INDENT
        )

    def _default(self, each: FieldDefinition) -> str | None:
        if each.default is REQUIRED:
            return None
        if isinstance(each.default, Factory):
            return f"default_factory={self.factory(each.default)}"
        return self.value(each.default)

    def _constructor(self, definition: Definition) -> list[str]:
        """The ``__init__`` of an exception: its parameters are what travels."""
        fields = definition.fields
        if not fields:
            return []
        parameters = ["self"]
        for f in fields:
            if f.settings.get("kw_only") and "*" not in parameters:
                parameters.append("*")
            parameters.append(self.parameter(f.name, f.hint, f.default))
        names = ", ".join(f.name for f in fields if definition.told is None or f.name in definition.told)
        return [
            function_head("def __init__", parameters, "None", ":"),
            f"{INDENT}{INDENT}super().__init__({names})\n",
            *(f"{INDENT}{INDENT}self.{f.name} = {f.name}\n" for f in fields),
        ]

    def parameter(self, name: str, hint: Any, default: Any) -> str:
        """One parameter; ``REQUIRED`` stands for no default."""
        text = f"{name}: {self.hint(hint)}"
        return text if default is REQUIRED else f"{text} = {self.value(default)}"

    def _functional_enum(self, name: str, definition: Definition) -> str:
        """An enum with constants that no class body can have."""
        (base,) = definition.bases
        items = [f"{quoted(each)}: {self._member_value(member)}" for each, member in definition.members.items()]
        each = "".join(f"{INDENT * 2}{item},\n" for item in items)
        text = f"{name} = {self.class_name(base)}(\n{INDENT}{quoted(name)},\n{INDENT}{{\n{each}{INDENT}}},\n)\n"
        return text + self._decorated(name, definition)

    def _decorated(self, name: str, definition: Definition) -> str:
        """The ``@rpcore.wire_name`` line as a call, for what is no class statement."""
        decorator = self._wire_name(definition, name)
        return decorator.removeprefix("@").rstrip("\n") + f"({name})\n" if decorator else ""

    def _functional_typed_dict(self, name: str, definition: Definition) -> str:
        """A TypedDict with keys that no class body can have."""
        items = [f"{quoted(f.name)}: {quoted(self.hint(f.hint))}" for f in definition.fields]
        each = "".join(f"{INDENT * 2}{item},\n" for item in items)
        total = "".join(f"{INDENT}{key}={value},\n" for key, value in definition.settings.items())
        made = self.module.use("typing", "TypedDict")
        text = f"{name} = {made}(\n{INDENT}{quoted(name)},\n{INDENT}{{\n{each}{INDENT}}},\n{total})\n"
        return text + self._decorated(name, definition)
