"""The one table type that turns a name into whatever can be replaced: a balancer, a policy, a registry.

A built-in is written ``"module:attr"`` and imported when its name is first used, so a table costs nothing
until then. Third parties add names by an entry point in the table's group::

    [project.entry-points."rpcore.loadbalance"]
    geo = "acme_rpc.balancing:Geo"

A name is only a convenience: wherever one is taken, the object itself is taken too. Built-in names cannot be
replaced by an installed package; what a name means does not depend on who else is installed.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from rpcore.errors import ConfigurationError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")


class Extensions(Generic[T]):
    """Names for objects of one kind; ``T`` is what a name stands for (usually a factory).

    Args:
        kind: what the table holds, as an error message says it: ``"load balancer"``.
        group: entry point group that third parties use: ``"rpcore.loadbalance"``.
        builtin: name -> ``"module:attr"``.
    """

    def __init__(self, kind: str, *, group: str, builtin: Mapping[str, str]) -> None:
        self.kind = kind
        self.group = group
        self._builtin = dict(builtin)
        # Filled on first use. Two threads may both fill a place; they write the same object.
        self._loaded: dict[str, T] = {}

    def __repr__(self) -> str:
        return f"<Extensions {self.kind}: {', '.join(sorted(self._builtin))}; entry points {self.group}>"

    def load(self, name: str | T) -> T:
        """What ``name`` stands for. Anything that is not a string is returned as it is.

        Raises:
            ConfigurationError: nobody offers the name (the error lists the known ones and the nearest), two
                packages offer it, or importing it failed.
        """
        if not isinstance(name, str):
            return name
        if name not in self._loaded:
            self._loaded[name] = self._find(name)
        return self._loaded[name]

    def names(self) -> tuple[str, ...]:
        """Every known name, sorted: built-ins and those of installed packages."""
        return tuple(sorted({*self._builtin, *(point.name for point in self._entry_points())}))

    def _find(self, name: str) -> T:
        if target := self._builtin.get(name):
            return self._import(name, target, "rpcore")
        offers = {point.value: point for point in self._entry_points() if point.name == name}
        if not offers:
            raise ConfigurationError(self._unknown(name))
        if len(offers) > 1:
            packages = " and ".join(f"{_package(point)} ({value})" for value, point in sorted(offers.items()))
            raise ConfigurationError(
                f"{self.kind} {name!r} is offered by {packages}: uninstall one, or pass the object instead of the name"
            )
        [(target, point)] = offers.items()
        return self._import(name, target, _package(point))

    def _import(self, name: str, target: str, package: str) -> T:
        module, _, attribute = target.partition(":")
        try:
            found: Any = importlib.import_module(module)
            for part in attribute.split("."):
                found = getattr(found, part)
        except (ImportError, AttributeError) as exc:
            raise ConfigurationError(f"{self.kind} {name!r}: cannot import {target!r} of {package}: {exc}") from exc
        return cast(T, found)

    def _entry_points(self) -> Iterator[EntryPoint]:
        # Imported here: it is slow, and a table whose built-ins suffice never needs it.
        from importlib.metadata import entry_points

        return iter(entry_points(group=self.group))

    def _unknown(self, name: str) -> str:
        names = self.names()
        return f"unknown {self.kind} {name!r}{suggestion(name, names)}; known: {', '.join(names) or 'none'}"


def suggestion(name: str, known: tuple[str, ...]) -> str:
    """``"; did you mean 'random'?"`` when one of ``known`` is close to ``name``, else ``""``."""
    from difflib import get_close_matches

    nearest = get_close_matches(name.lower(), known, n=1)
    return f", did you mean {nearest[0]!r}?" if nearest else ""


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else "an unknown package"
