"""Conventions that turn declared Python names into the names on the wire."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from rpcore.errors import ConfigurationError


def camel(name: str) -> str:
    """``find_all`` -> ``findAll``. Underscores at either end stay: ``_id`` and ``class_`` keep theirs."""
    core = name.strip("_")
    first, *rest = core.split("_")
    joined = first + "".join(part[:1].upper() + part[1:] for part in rest)
    return name.replace(core, joined, 1) if core else name


CONVENTIONS: Mapping[str, Callable[[str], str]] = MappingProxyType({"": str, "camel": camel})
"""By the name that ``naming=`` takes; ``""`` keeps names as they are."""


def convention(naming: str, where: str) -> Callable[[str], str]:
    """The conversion called ``naming``; ConfigurationError at ``where`` when there is none."""
    try:
        return CONVENTIONS[naming]
    except (KeyError, TypeError):
        known = ", ".join(repr(name) for name in CONVENTIONS if name)
        raise ConfigurationError(f"{where}: unknown naming {naming!r} (known: {known})") from None
