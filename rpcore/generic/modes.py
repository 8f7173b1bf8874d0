"""The forms that a generic caller may ask for, by the attachment ``generic``.

They say how arguments arrive and how the result goes back; what Dubbo calls ``true`` is the default.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from rpcore.errors import InvalidArguments
from rpcore.generic.beans import Beans, unwrap
from rpcore.generic.nodes import Form
from rpcore.generic.scalars import JsonFloat


@dataclass(frozen=True, slots=True)
class Mode:
    """One form.

    Attributes:
        read: from an argument as it came to plain values; ValueError for what is none.
        form: how the result is written; None: as its declared type.
    """

    read: Callable[[Any], Any]
    form: Callable[[], Form] | None


def _plain(value: Any) -> Any:
    return value


def _from_json(value: Any) -> Any:
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError(f"expected JSON as text, got {type(value).__name__}")
    return json.loads(value, parse_float=JsonFloat)


MODES: Mapping[str, Mode] = MappingProxyType(
    {
        "true": Mode(_plain, Form),
        "raw.return": Mode(_plain, None),
        "gson": Mode(_from_json, Form),
        "bean": Mode(unwrap, Beans),
    }
)

# Java's own, with what is wrong about them.
_REFUSED: Mapping[str, str] = MappingProxyType(
    {
        "nativejava": "objects in Java's own serialization are not read here",
        "protobuf-json": "protobuf messages are not served here",
    }
)


class UnknownMode(InvalidArguments):
    """A form that is not served, with the status that Dubbo gives failures of its framework."""

    status = 70


def mode_of(given: object) -> Mode:
    """The form that the attachment ``generic`` asks for; missing and blank are ``true``.

    Raises:
        InvalidArguments: it is not served.
    """
    text = "true" if given is None else str(given).strip().lower() or "true"
    mode = MODES.get(text)
    if mode is None:
        why = _REFUSED.get(text, "no such form")
        raise UnknownMode(f"generic={given}: {why}; there is {', '.join(MODES)}")
    return mode
