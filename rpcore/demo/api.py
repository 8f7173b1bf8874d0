"""The contract between the demo's consumer and its providers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

import rpcore

Kind = Literal["module", "class", "function"]


@dataclass(frozen=True, slots=True)
class Hit:
    """One result of a search: enough to show a line and to ask for more."""

    name: str
    kind: Kind
    summary: str
    """First line of the docstring; empty when there is none."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A module, class or function of the standard library as its source has it."""

    name: str
    kind: Kind
    file: str
    line: int
    signature: str
    doc: str
    members: list[str] = field(default_factory=list)


@rpcore.interface("rpcore.demo.api.Search", timeout=1.0, retries=2)
class Search(Protocol):
    """Reads only, so a call whose fate is unknown may be made again: every method is idempotent."""

    @rpcore.method(idempotent=True)
    async def search(self, text: str, limit: int = 10) -> list[Hit]:
        """Entries whose name or docstring has every word of ``text``, best first."""
        ...

    @rpcore.method(idempotent=True)
    async def describe(self, name: str) -> Entry | None:
        """The entry with this dotted name, such as ``json.decoder.JSONDecoder``."""
        ...

    @rpcore.method(idempotent=True)
    async def complete(self, prefix: str, limit: int = 10) -> list[str]:
        """Words that begin with ``prefix`` and occur in the index, in alphabetical order."""
        ...
