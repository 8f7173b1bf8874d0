"""How a generic call names parameter types, and the JVM descriptors behind the names.

Java writes ``int``, ``java.util.List``, ``org.demo.User``; arrays as ``java.lang.String[]`` or as the JVM does,
``[Ljava.lang.String;``.
"""

from __future__ import annotations

from collections.abc import Mapping

_PRIMITIVES: Mapping[str, str] = {
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
_NAMES: Mapping[str, str] = {letter: name for name, letter in _PRIMITIVES.items()}


def descriptor_of(name: str) -> str:
    """The JVM descriptor of a type name: ``"java.lang.String[]"`` -> ``"[Ljava/lang/String;"``."""
    name = name.strip()
    dimensions = 0
    while name.endswith("[]"):
        name = name[:-2].rstrip()
        dimensions += 1
    if name.startswith("["):
        return "[" * dimensions + name.replace(".", "/")
    if name.startswith("L") and name.endswith(";"):
        return "[" * dimensions + name.replace(".", "/")
    return "[" * dimensions + (_PRIMITIVES.get(name) or f"L{name.replace('.', '/')};")


def name_of(descriptor: str) -> str:
    """The type name of one descriptor: ``"[J"`` -> ``"long[]"``."""
    bare = descriptor.lstrip("[")
    name = _NAMES.get(bare) or bare[1:-1].replace("/", ".")
    return name + "[]" * (len(descriptor) - len(bare))


def class_name_of(descriptor: str) -> str:
    """As ``Class.getName()`` says it: ``"J"`` -> ``"long"``, ``"[J"`` -> ``"[J"``."""
    return descriptor.replace("/", ".") if descriptor.startswith("[") else name_of(descriptor)
