"""Java types as text: how definitions, descriptors and people write them.

``JavaType`` is one type with its type arguments. Its ``descriptor`` is what the wire compares, ``erased`` what
``$invoke`` takes, ``str()`` what a Java programmer would write.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from rpcore.errors import ConfigurationError

PRIMITIVES = {
    "boolean": "Z",
    "byte": "B",
    "char": "C",
    "double": "D",
    "float": "F",
    "int": "I",
    "long": "J",
    "short": "S",
    "void": "V",
}
BOXES = {
    "java.lang.Boolean": "boolean",
    "java.lang.Byte": "byte",
    "java.lang.Character": "char",
    "java.lang.Double": "double",
    "java.lang.Float": "float",
    "java.lang.Integer": "int",
    "java.lang.Long": "long",
    "java.lang.Short": "short",
    "java.lang.Void": "void",
}
OBJECT = "java.lang.Object"

_BY_CODE = {code: name for name, code in PRIMITIVES.items()}
_DESCRIPTOR = re.compile(r"\[*(?:[ZBCDFIJS]|L[^;.\[/]+(?:/[^;.\[/]+)*;)")
_WORD = re.compile(r"\s*([.$]?[\w$]+(?:\.[\w$]+)*|\[\]|[<>,?])\s*")


@dataclass(frozen=True, slots=True)
class JavaType:
    """One Java type.

    Attributes:
        name: of the class as ``Class.getName()`` has it (``java.util.Map$Entry``), or of a primitive type. Of an array:
            of its innermost elements.
        arguments: type arguments, where they are known.
        dimensions: of an array; 0 for everything else.
    """

    name: str
    arguments: tuple[JavaType, ...] = ()
    dimensions: int = 0

    @property
    def descriptor(self) -> str:
        """The JVM's: ``[I``, ``Ljava/util/List;``."""
        code = PRIMITIVES.get(self.name) or f"L{self.name.replace('.', '/')};"
        return "[" * self.dimensions + code

    @property
    def erased(self) -> str:
        """Without type arguments: ``int[]``, ``java.util.List``."""
        return self.name + "[]" * self.dimensions

    @property
    def is_primitive(self) -> bool:
        """Whether it cannot be null."""
        return self.name in PRIMITIVES and not self.dimensions

    @property
    def element(self) -> JavaType:
        """What an array of this type has as elements."""
        return replace(self, dimensions=self.dimensions - 1)

    @property
    def simple_name(self) -> str:
        """The name of the class alone: ``Entry``."""
        return re.split(r"[.$]", self.name)[-1] or self.name

    def __str__(self) -> str:
        """As in Java source, without packages: ``Map.Entry<String, Integer>[]``."""
        text = self.name.rpartition(".")[2].replace("$", ".")
        if self.arguments:
            text += f"<{', '.join(map(str, self.arguments))}>"
        return text + "[]" * self.dimensions


def parse_type(text: str, class_name: Callable[[str], str] = str) -> JavaType:
    """A type as Java prints it: ``java.util.List<? extends org.demo.User>[]``, or ``[Ljava.lang.String;``.

    Wildcards become their upper bound, ``java.lang.Object`` where there is none.

    Args:
        class_name: what a class written by this name is called by ``Class.getName()``.

    Raises:
        ConfigurationError: it is no type.
    """
    jvm = text.strip().removeprefix("class ").replace(".", "/")
    if jvm.startswith("[") and _DESCRIPTOR.fullmatch(jvm):
        return parse_descriptor(jvm)[0]
    words = list(_words(text))
    words.reverse()
    found = _type(text, words, class_name)
    if words:
        raise _no_type(text)
    return found


def _words(text: str) -> Iterator[str]:
    at = 0
    while at < len(text):
        match = _WORD.match(text, at)
        if match is None:
            raise _no_type(text)
        yield match[1]
        at = match.end()


def _type(text: str, words: list[str], class_name: Callable[[str], str]) -> JavaType:
    """Takes one type from the end of ``words``, which is the front of the text."""
    if not words:
        raise _no_type(text)
    name = words.pop()
    if name == "?":
        bound = words.pop() if words and words[-1] in ("extends", "super") else ""
        found = _type(text, words, class_name) if bound else JavaType(OBJECT)
        return found if bound == "extends" else JavaType(OBJECT)
    if not (name[0].isalpha() or name[0] in "_$"):
        raise _no_type(text)
    arguments: tuple[JavaType, ...] = ()
    while words and words[-1] == "<":
        words.pop()
        given = [_type(text, words, class_name)]
        while words and words[-1] == ",":
            words.pop()
            given.append(_type(text, words, class_name))
        if not words or words.pop() != ">":
            raise _no_type(text)
        arguments = tuple(given)
        if words and words[-1][0] in ".$":  # Outer<String>$Inner<Integer>
            name += words.pop()
            arguments = ()
    dimensions = 0
    while words and words[-1] == "[]":
        words.pop()
        dimensions += 1
    if name not in PRIMITIVES:
        name = class_name(name)
    return JavaType(name, arguments, dimensions)


def _no_type(text: str) -> ConfigurationError:
    return ConfigurationError(f"{text!r} is no Java type (such as int, java.lang.String[], java.util.List<org.demo.X>)")


def parse_descriptor(text: str) -> tuple[JavaType, ...]:
    """The types in a descriptor of parameters, such as ``I[Ljava/lang/String;``.

    Raises:
        ConfigurationError: it is none.
    """
    found: list[JavaType] = []
    at = 0
    while at < len(text):
        match = _DESCRIPTOR.match(text, at)
        if match is None:
            raise ConfigurationError(f"{text!r} is no JVM descriptor (such as I, [J or Ljava/lang/String;)")
        code = match[0].lstrip("[")
        name = _BY_CODE.get(code) or code[1:-1].replace("/", ".")
        found.append(JavaType(name, (), len(match[0]) - len(code)))
        at = match.end()
    return tuple(found)


def is_descriptor(text: str) -> bool:
    """Whether it describes one parameter."""
    return _DESCRIPTOR.fullmatch(text) is not None
