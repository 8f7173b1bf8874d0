"""A typed module written from what a Java provider publishes: its ServiceDefinition.

What a definition does not say, the module cannot: parameters are called after their class or ``arg0``, what a method
throws is missing, and of a class its superclass (whose fields it has). Whatever may be null in Java may be None here,
elements of collections only where that is asked for: there it is rare, and a nuisance to check for.
"""

from __future__ import annotations

import dataclasses
import enum
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any

from rpcore._codec import REQUIRED
from rpcore.declaration import CONVENTIONS
from rpcore.definition import THROWABLE, MethodDefinition, ServiceDefinition, TypeDefinition
from rpcore.errors import ConfigurationError
from rpcore.javahints import Hints
from rpcore.javatypes import JavaException
from rpcore.signatures import JavaType
from rpcore.stubgen.definitions import Definition, FieldDefinition
from rpcore.stubgen.layout import INDENT, WIDTH, broken, function_head, items
from rpcore.stubgen.module import Module, docstring_lines, is_identifier, quoted
from rpcore.stubgen.names import identifier, snake, unique
from rpcore.stubgen.render import Renderer
from rpcore.types import DTO, Dto, Name

_ZEROS = {"boolean": False, "char": "\x00", "double": 0.0, "float": 0.0}
"""Java's defaults of fields that cannot be null; 0 for the other numbers."""


def generate_from_definitions(
    definitions: Sequence[ServiceDefinition], *, raises: Iterable[str] = (), null_elements: bool = False
) -> str:
    """The source of a module with an interface for each definition, and the classes that they lead to.

    Args:
        definitions: of one or more services. The source depends on what they say, not on its order.
        raises: Java classes of exceptions, beside those that the definitions mention: definitions do not say what
            methods throw.
        null_elements: whether elements of lists and arrays and values of maps may be None, as Java allows.

    Raises:
        ConfigurationError: nothing is defined, or a name is no Java class.
    """
    if not definitions:
        raise ConfigurationError("stubgen: no definition was given")
    return _Writer(definitions, raises, null_elements).source()


class _Writer:
    """Writes one module."""

    def __init__(self, definitions: Sequence[ServiceDefinition], raises: Iterable[str], null_elements: bool) -> None:
        self.definitions = sorted(definitions, key=lambda each: each.key)
        self.types = {name: each for one in self.definitions for name, each in one.types.items()}
        self.hints = Hints(self.class_of, null_elements=null_elements)
        self.classes: dict[str, Any] = {}
        self.fields: dict[str, tuple[FieldDefinition, ...]] = {}
        self.exceptions = [self.exception(name) for name in sorted(self.throwables(raises))]
        self.methods = [[*self.named(one)] for one in self.definitions]
        for methods in self.methods:
            for _, method in methods:
                self.hints.value(method.returns)
                for parameter in method.parameters:
                    self.hints.value(parameter)

    def throwables(self, more: Iterable[str]) -> set[str]:
        for name in more:
            if not all(map(is_identifier, name.replace("$", ".").split("."))):
                raise ConfigurationError(f"stubgen: {name!r} is no name of a Java class, such as org.demo.NotFound")
        found = {name for name, each in self.types.items() if each.is_throwable and not name.startswith("java.")}
        return found | set(more)

    # ---- classes

    def class_of(self, name: str) -> Any:
        """The class that stands for a Java class in hints."""
        said = self.types.get(name, TypeDefinition(name))
        if said.is_throwable:
            return JavaException
        if name not in self.classes:
            simple = JavaType(name).simple_name
            if said.enums:
                self.classes[name] = enum.Enum(simple, {each: each for each in said.enums})
            elif said.properties and not name.startswith(("java.", "javax.")):
                self.classes[name] = dataclasses.make_dataclass(simple, ())
                self.fields[name] = tuple(self.field_definitions(said.properties.items()))
            else:
                return Any  # an interface, or one whose fields nobody knows
            cls = self.classes[name]
            cls.__module__ = name.rpartition(".")[0]
            setattr(cls, DTO, Dto(name, naming="" if said.enums else "camel"))
        return self.classes[name]

    def field_definitions(self, properties: Iterable[tuple[str, JavaType]]) -> Iterator[FieldDefinition]:
        taken: set[str] = set()
        for wire, java in sorted(properties):
            name = unique(snake(wire), taken)
            hint = self.hints.value(java)
            if CONVENTIONS["camel"](name) != wire:
                hint = Annotated[hint, Name(wire)]
            default = _ZEROS.get(java.name, 0) if java.is_primitive else None
            yield FieldDefinition(name, hint, default)

    def exception(self, name: str) -> Definition:
        package = name.rpartition(".")[0]
        cls = type(JavaType(name).simple_name, (Exception,), {DTO: Dto(name, naming="camel"), "__module__": package})
        properties = self.types[name].properties if name in self.types else {}
        own = [(each, java) for each, java in properties.items() if each not in THROWABLE]
        message = FieldDefinition("message", str | None, None)
        fields = [each for each in self.field_definitions(own) if each.name != "message"]
        for each in fields:
            each.settings["kw_only"] = True
        return Definition(cls, "exception", (Exception,), (message, *fields), told=("message",))

    def class_definitions(self) -> Iterator[Definition]:
        for name, cls in sorted(self.classes.items()):
            if issubclass(cls, enum.Enum):
                yield Definition(cls, "enum", (enum.Enum,), members=dict(cls.__members__))
            else:
                yield Definition(cls, "dataclass", (), self.fields[name], settings={"kw_only": True})
        yield from self.exceptions

    # ---- methods

    def named(self, definition: ServiceDefinition) -> Iterator[tuple[str, MethodDefinition]]:
        """Each method that can be called, with its Python name."""
        taken: set[str] = set()
        for name, overloads in sorted(definition.by_name.items()):
            if name.startswith("$"):
                continue  # Dubbo's own
            for method in sorted(overloads, key=lambda each: (len(each.parameters), each.descriptor)):
                words = [identifier(snake(name).lstrip("_")) or "method"]
                if len(overloads) > 1:
                    words += [_word(parameter) for parameter in method.parameters]
                yield unique("_".join(words), taken), method

    # ---- source

    def source(self) -> str:
        definitions = [*self.class_definitions()]
        avoid = {name for methods in self.methods for name, _ in methods}
        avoid |= {each.name for one in definitions for each in one.fields}
        avoid |= {name for one in definitions for name in one.members}
        module = Module(avoid)
        interfaces = [module.define(_class_name(one.interface, ())) for one in self.definitions]
        names = [vars(one.cls)[DTO].name for one in definitions]
        local = {one.cls: module.define(_class_name(name, names)) for one, name in zip(definitions, names, strict=True)}
        renderer = Renderer(module, local.__getitem__)
        for one in definitions:
            module.add(renderer.definition(one))
        for name, definition, methods in zip(interfaces, self.definitions, self.methods, strict=True):
            module.add(self.interface(renderer, name, definition, methods))
        keys = ", ".join(str(one.key) for one in self.definitions)
        written = f"Client of {keys}, as its Java provider defines it."
        again = "Written by `rpcore stubgen --from-metadata`; to change it, write it anew."
        return module.source(f"{written}\n\n{again}")

    def interface(
        self,
        renderer: Renderer,
        name: str,
        definition: ServiceDefinition,
        methods: Sequence[tuple[str, MethodDefinition]],
    ) -> str:
        if not methods:
            raise ConfigurationError(f"stubgen: {definition.interface} has no methods")
        key = definition.key
        arguments = [quoted(key.interface)]
        arguments += [f"{word}={quoted(value)}" for word in ("version", "group") if (value := getattr(key, word))]
        arguments.append('naming="camel"')
        if self.exceptions:
            arguments.append(items("raises", [renderer.class_name(one.cls) for one in self.exceptions]))
        protocol = renderer.module.use("typing", "Protocol")
        head = broken("@rpcore.interface(", arguments, ")") + f"class {name}({protocol}):\n"
        return head + "\n".join(self.method(renderer, *each) for each in methods)

    def method(self, renderer: Renderer, name: str, method: MethodDefinition) -> str:
        text = ""
        if CONVENTIONS["camel"](name) != method.name:
            text = f"{INDENT}@rpcore.method(name={quoted(method.name)})\n"
        parameters = [
            renderer.parameter(each, self.hints.parameter(java), REQUIRED)
            for each, java in zip(self.parameter_names(method), method.parameters, strict=True)
        ]
        parameters = ["self", *parameters, "/"] if parameters else ["self"]
        returns = renderer.hint(self.hints.value(method.returns))
        text += function_head(f"async def {name}", parameters, returns, ":")
        width = WIDTH - len(INDENT) * 2 - len('""""""')
        signature = textwrap.fill(
            f"Java: {method.returns} {method}", width, break_long_words=False, break_on_hyphens=False
        )
        return text + docstring_lines(signature, INDENT * 2)

    def parameter_names(self, method: MethodDefinition) -> Iterator[str]:
        """After the class, where that is one of the service's own."""
        words = [
            snake(java.simple_name) if java.name in self.classes and not java.dimensions else f"arg{index}"
            for index, java in enumerate(method.parameters)
        ]
        taken = {"self", *(word for word, count in Counter(words).items() if count > 1)}
        for index, word in enumerate(words):
            yield unique(word if word not in taken else f"arg{index}", taken)


def _word(java: JavaType) -> str:
    return snake(java.simple_name) + "_array" * java.dimensions


def _class_name(name: str, others: Iterable[str]) -> str:
    """``Inner`` of ``org.demo.Outer$Inner``; ``OuterInner`` where others are called ``Inner``, too."""
    simple = JavaType(name).simple_name
    if sum(JavaType(other).simple_name == simple for other in others) > 1:
        simple = name.rpartition(".")[2].replace("$", "")
    return identifier(simple)
