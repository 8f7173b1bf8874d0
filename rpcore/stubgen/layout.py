"""Where lines are broken: as ``ruff format`` and black do at 88 columns, so that they leave what is written alone."""

from __future__ import annotations

from collections.abc import Sequence

WIDTH = 88
"""Columns; formatters' common default."""

INDENT = "    "


def broken(head: str, items: Sequence[str], tail: str, *, indent: str = "") -> str:
    """``head``, ``items`` and ``tail`` on one line, else the items on a line of their own, else one a line.

    Args:
        head: what comes before the items, with its opening bracket.
        items: what is separated by commas.
        tail: what follows, with the closing bracket.
        indent: of the first line.
    """
    joined = ", ".join(items)
    line = f"{indent}{head}{joined}{tail}"
    if len(line) <= WIDTH or not items:
        return f"{line}\n"
    inner = f"{indent}{INDENT}{joined}"
    if len(inner) > WIDTH:
        inner = "\n".join(f"{indent}{INDENT}{item}," for item in items)
    return f"{indent}{head}\n{inner}\n{indent}{tail}\n"


def items(name: str, values: Sequence[str]) -> str:
    """An argument that is a tuple, within a call at the left edge."""
    line = f"{name}=({', '.join(values)}{',' if len(values) == 1 else ''})"
    if len(f"{INDENT}{line},") <= WIDTH:
        return line
    return f"{name}=(\n" + "".join(f"{INDENT * 2}{value},\n" for value in values) + f"{INDENT})"


def function_head(name: str, parameters: Sequence[str], returns: str, ending: str) -> str:
    """The head of a method.

    Args:
        name: with what comes before it: ``async def find``.
        parameters: each with its hint and default.
        returns: the hint of the result.
        ending: ``":"``, or with a body behind it.
    """
    line = f"{INDENT}{name}({', '.join(parameters)}) -> {returns}{ending}"
    if len(line) <= WIDTH:
        return f"{line}\n"
    inner = INDENT * 2
    listed = inner + ", ".join(parameters)
    if len(parameters) == 1 or len(listed) > WIDTH:
        listed = "\n".join(f"{inner}{_parameter(each, inner)}," for each in parameters)
    result = f") -> {returns}{ending}"
    if len(INDENT + result) > WIDTH:
        if len(_split(returns, " | ")) > 1:
            result = f") -> (\n{inner}{_wrapped(returns, inner, len(inner), 0)}\n{INDENT}){ending}"
        else:
            result = f") -> {_wrapped(returns, INDENT, len(INDENT) + 5, len(ending))}{ending}"
    return f"{INDENT}{name}(\n{listed}\n{INDENT}{result}\n"


def field_line(name: str, hint: str, default: str = "") -> str:
    """A field of a class.

    Args:
        default: an expression; "" for none.
    """
    assigned = f" = {default}" if default else ""
    line = f"{INDENT}{name}: {hint}{assigned}"
    if len(line) <= WIDTH:
        return f"{line}\n"
    if default and len(line) - len(default) < WIDTH:
        return f"{INDENT}{name}: {hint} = (\n{INDENT * 2}{default}\n{INDENT})\n"
    if len(_split(hint, " | ")) > 1:
        inner = INDENT * 2
        return f"{INDENT}{name}: (\n{inner}{_wrapped(hint, inner, len(inner), 0)}\n{INDENT}){assigned}\n"
    return f"{INDENT}{name}: {_wrapped(hint, INDENT, len(f'{INDENT}{name}: '), len(assigned))}{assigned}\n"


def _parameter(text: str, indent: str) -> str:
    name, colon, rest = text.partition(": ")
    if not colon:
        return text
    hint, *default = _split(rest, " = ")
    after = "".join(f" = {each}" for each in default)
    before = f"{name}: "
    return before + _wrapped(hint, indent, len(indent + before), len(after) + 1) + after


def _wrapped(hint: str, indent: str, before: int, after: int) -> str:
    """``hint`` behind ``before`` columns with ``after`` more to follow, on as many lines as it takes."""
    if before + len(hint) + after <= WIDTH:
        return hint
    members = _split(hint, " | ")
    if len(members) > 1:
        *firsts, last = members
        parts = [_wrapped(each, indent, before, 0) for each in firsts]
        return f"\n{indent}| ".join([*parts, _wrapped(last, indent, len(indent) + 2, after)])
    head, bracket, rest = hint.partition("[")
    if not bracket or not rest.endswith("]"):
        return hint
    arguments = _split(rest[:-1], ", ")
    inner = indent + INDENT
    listed = inner + ", ".join(arguments)
    if len(listed) > WIDTH:
        listed = "\n".join(f"{inner}{_wrapped(each, inner, len(inner), 1)}," for each in arguments)
    return f"{head}[\n{listed}\n{indent}]"


def _split(text: str, separator: str) -> list[str]:
    """``text`` at each separator that stands outside brackets and quotes."""
    parts = [""]
    depth = 0
    quoted = False
    at = 0
    while at < len(text):
        letter = text[at]
        if not depth and not quoted and text.startswith(separator, at):
            parts.append("")
            at += len(separator)
            continue
        if letter == '"' and text[at - 1 : at] != "\\":
            quoted = not quoted
        elif not quoted:
            depth += (letter in "([{") - (letter in ")]}")
        parts[-1] += letter
        at += 1
    return parts
