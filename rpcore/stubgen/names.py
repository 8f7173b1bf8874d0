"""Python's names for Java's."""

from __future__ import annotations

import keyword
import re

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def snake(name: str) -> str:
    """``userId`` -> ``user_id``, ``parseXMLFile`` -> ``parse_xml_file``, ``from`` -> ``from_``."""
    return identifier(_HUMP.sub("_", name).lower())


def identifier(name: str) -> str:
    """``name`` with what Python does not take in a name as ``_``."""
    made = re.sub(r"\W", "_", name)
    if made[:1].isdigit():
        made = f"_{made}"
    return f"{made}_" if keyword.iskeyword(made) else made


def unique(name: str, taken: set[str]) -> str:
    """``name``, with ``_`` behind it for as long as it is taken; takes it."""
    while name in taken:
        name += "_"
    taken.add(name)
    return name
