"""The module that is being written: its names, its imports, its definitions, and how long lines are broken.

Names are given out once. A class of the user's keeps its name; what is imported steps aside (``date as date_``)
where that name belongs to a class, a field or a method, because a hint inside the class would find those first.
"""

from __future__ import annotations

import builtins
import inspect
import keyword
from collections.abc import Iterable, Sequence

WIDTH = 88
"""Columns; formatters' common default."""

INDENT = "    "


class Module:
    """A Python module under construction.

    Args:
        avoid: names of fields and methods, which no import may have.
    """

    def __init__(self, avoid: Iterable[str] = ()) -> None:
        self._taken = set(avoid) | set(keyword.kwlist)
        self._defined: set[str] = set()
        self._imports: dict[tuple[str, str], str] = {}
        self._definitions: list[str] = []

    def define(self, name: str) -> str:
        """A name at module level for ``name``: itself, or numbered when another definition has it."""
        number = 1
        free = name
        while free in self._defined or keyword.iskeyword(free):
            number += 1
            free = f"{name}{number}"
        self._defined.add(free)
        self._taken.add(free)
        return free

    def use(self, module: str, name: str) -> str:
        """What ``name`` of another module is called here; imports it. ``builtins`` needs an import only if hidden.

        Every ``define`` comes before the first ``use``, so that imports know what to avoid.
        """
        local = self._imports.get((module, name))
        if local is None:
            local = name
            while local in self._taken:
                local += "_"
            if module == "builtins" and local == name:
                return name
            self._imports[module, name] = local
            self._taken.add(local)
        return local

    def add(self, definition: str) -> None:
        """Append a definition: a class, or a line such as a NewType."""
        self._definitions.append(definition)

    def source(self, docstring: str) -> str:
        """The whole module."""
        parts = [docstring_lines(docstring, "") + "\nfrom __future__ import annotations\n"]
        parts += self._import_sections()
        body: list[str] = []
        for definition in self._definitions:
            lines = definition.rstrip("\n")
            is_block = "\n" in lines
            gap = "\n\n" if is_block or not body or "\n" in body[-1].strip("\n") else ""
            body.append(gap + lines + "\n")
        return "\n".join(parts) + "".join(body)

    def _import_sections(self) -> list[str]:
        import sys

        sections: tuple[list[str], list[str], list[str]] = ([], [], [])
        plain: dict[str, list[str]] = {}
        renamed: list[tuple[str, str, str]] = []
        for (module, name), local in self._imports.items():
            if local == name:
                plain.setdefault(module, []).append(name)
            else:
                renamed.append((module, name, local))
        lines: list[tuple[str, int, str]] = []
        for module, names in plain.items():
            ordered = sorted(set(names), key=_import_order)
            lines.append((module, 0, broken(f"from {module} import ", ordered, "", opening="(", only_if_long=True)))
        lines += [(module, 1, f"from {module} import {name} as {local}\n") for module, name, local in renamed]
        for module, _, line in sorted(lines):
            root = module.partition(".")[0]
            section = 0 if root in sys.stdlib_module_names else 1 if root == "rpcore" else 2
            sections[section].append(line)
        sections[1].insert(0, "import rpcore\n")
        return ["".join(section) for section in sections if section]


def _import_order(name: str) -> tuple[int, str]:
    """Constants, then classes, then functions, as isort sorts them."""
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return kind, name


def broken(
    head: str,
    items: Sequence[str],
    tail: str,
    *,
    indent: str = "",
    opening: str = "",
    only_if_long: bool = False,
) -> str:
    """``head``, ``items`` and ``tail`` on one line, else the items on their own line, else one a line.

    Args:
        head: what comes before the items, with its opening bracket.
        items: what is separated by commas.
        tail: what follows, with the closing bracket.
        indent: of the first line.
        opening: a bracket that is written only when the items do not fit (``from x import (``).
        only_if_long: whether that is so.
    """
    joined = ", ".join(items)
    line = f"{indent}{head}{joined}{tail}"
    if len(line) <= WIDTH or not items:
        return line + "\n"
    if only_if_long:
        head, tail = head + opening, ")" + tail
    inner = f"{indent}{INDENT}{joined}"
    if len(inner) <= WIDTH and not only_if_long:
        return f"{indent}{head}\n{inner}\n{indent}{tail}\n"
    each = "".join(f"{indent}{INDENT}{item},\n" for item in items)
    return f"{indent}{head}\n{each}{indent}{tail}\n"


def docstring_lines(text: str, indent: str) -> str:
    """``text`` as a docstring, each line indented."""
    text = inspect.cleandoc(text).replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    first, *rest = text.split("\n")
    if not rest:
        closing = " " if first.endswith('"') else ""
        return f'{indent}"""{first}{closing}"""\n'
    lines = "".join(f"{indent}{line}".rstrip() + "\n" for line in rest)
    return f'{indent}"""{first}\n{lines}{indent}"""\n'


def quoted(text: str) -> str:
    """``text`` as a literal in double quotes, as formatters want it."""
    literal = repr(text)
    if literal.startswith("'") and '"' not in text:
        return '"' + literal[1:-1].replace("\\'", "'") + '"'
    return literal


def is_identifier(name: str) -> bool:
    return name.isidentifier() and not keyword.iskeyword(name)


def is_builtin(cls: type) -> bool:
    return cls.__module__ == "builtins" and hasattr(builtins, cls.__name__)
