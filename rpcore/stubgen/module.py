"""The module that is being written: its names, its imports, its definitions.

Names are given out once. A class of the user's keeps its name; what is imported steps aside (``date as
date_``) where that name belongs to a class, a field or a method, because a hint inside the class would find
those first.
"""

from __future__ import annotations

import inspect
import keyword
import sys
from collections.abc import Iterable, Sequence

from rpcore.stubgen.layout import INDENT, WIDTH


class Module:
    """A Python module under construction.

    Args:
        avoid: names of fields and methods, which no import may have.
    """

    def __init__(self, avoid: Iterable[str] = ()) -> None:
        self._taken = {*avoid, *keyword.kwlist, "rpcore", "annotations"}
        self._defined = {"rpcore", "annotations"}
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
        """What ``name`` of another module is called here. Imports it, a builtin only if its name is hidden.

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
            # Classes stand two lines apart; assignments in a row together, one line after the imports.
            apart = "\n" in lines or (bool(body) and "\n" in body[-1].strip("\n"))
            gap = "\n\n" if apart else "" if body else "\n"
            body.append(gap + lines + "\n")
        return "\n".join(parts) + "".join(body)

    def _import_sections(self) -> list[str]:
        plain: dict[str, set[str]] = {}
        lines: list[tuple[str, tuple[int, str, str], str]] = []
        for (module, name), local in self._imports.items():
            if local == name:
                plain.setdefault(module, set()).add(name)
            else:
                lines.append((module, _import_order(name), f"from {module} import {name} as {local}\n"))
        for module, names in plain.items():
            ordered = sorted(names, key=_import_order)
            lines.append((module, _import_order(ordered[0]), _import(module, ordered)))
        standard: list[str] = []
        ours = ["import rpcore\n"]
        users: list[str] = []
        for module, _, line in sorted(lines):
            root = module.partition(".")[0]
            section = standard if root in sys.stdlib_module_names else ours if root == "rpcore" else users
            section.append(line)
        return ["".join(section) for section in (standard, ours, users) if section]


def _import(module: str, names: Sequence[str]) -> str:
    line = f"from {module} import {', '.join(names)}\n"
    if len(line) <= WIDTH:
        return line
    return f"from {module} import (\n" + "".join(f"{INDENT}{name},\n" for name in names) + ")\n"


def _import_order(name: str) -> tuple[int, str, str]:
    """Constants, then classes, then functions, as isort sorts them."""
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return kind, name.lower(), name


def docstring_lines(text: str, indent: str) -> str:
    """``text`` as a docstring, each line indented."""
    text = inspect.cleandoc(text)
    opening = '"""'
    if "\\" in text or opening in text:
        if opening in text or text.endswith("\\"):
            text = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
        else:
            opening = 'r"""'
    first, *rest = text.split("\n")
    if not rest:
        closing = " " if first.endswith('"') else ""
        return f'{indent}{opening}{first}{closing}"""\n'
    lines = "".join(f"{indent}{line}".rstrip() + "\n" for line in rest)
    return f'{indent}{opening}{first}\n{lines}{indent}"""\n'


def quoted(text: str) -> str:
    """``text`` as a literal in double quotes, as formatters want it."""
    literal = repr(text)
    if literal.startswith("'") and '"' not in text:
        return '"' + literal[1:-1].replace("\\'", "'") + '"'
    return literal


def is_identifier(name: str) -> bool:
    """Whether ``name`` can be an attribute's."""
    return name.isidentifier() and not keyword.iskeyword(name)
