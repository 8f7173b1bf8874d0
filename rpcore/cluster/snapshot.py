"""The provider list of one reference at one moment, as calls see it.

A snapshot never changes: a call that took one works with it to its end, whatever is published meanwhile. Only
the pickers are made when first asked for and then kept, because they follow from it. The methods of an
interface may use different balancers; these share the nodes and thus the counts of calls in flight.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from rpcore._core import Node, Picker
from rpcore.model import ServiceKey


class BuildPicker(Protocol):
    """What ``rpcore.loadbalance.build`` does: make the picker of a balancer, a name or a builder."""

    def __call__(
        self, balancer: Any, nodes: tuple[Node, ...], /, *, seed: int | None, previous: Picker | None
    ) -> Picker: ...


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Snapshot:
    """Which providers there are, which of them take calls, and how to choose among them.

    Attributes:
        key: the service.
        nodes: all providers, in the registry's order.
        usable: those whose endpoint takes calls; may be empty.
        known: whether the registry has answered. Until then calls wait; afterwards empty ``nodes`` mean that
            there is no provider.
        held: whether the registry says that there is no provider, which is not believed yet.
        version: counts the snapshots of one directory, from 0.
        build: makes the pickers.
        seed: for the first picker of each balancer; later ones go on from their predecessor.
    """

    key: ServiceKey
    build: BuildPicker
    seed: int
    nodes: tuple[Node, ...] = ()
    usable: tuple[Node, ...] = ()
    known: bool = False
    held: bool = False
    version: int = 0
    _pickers: dict[Any, Picker] = field(default_factory=dict)
    _previous: dict[Any, Picker] = field(default_factory=dict)

    @property
    def candidates(self) -> tuple[Node, ...]:
        """The nodes that calls go to: the usable ones, or all while none is usable.

        Then a call waits for a connection or fails with the reason why there is none, which says more than
        "no provider".
        """
        return self.usable or self.nodes

    def picker(self, balancer: Any) -> Picker:
        """The picker of ``balancer`` (a name, or a hashable builder) for ``candidates``; made once.

        Raises:
            ConfigurationError: no balancer has this name.
            ValueError: there are no nodes.
        """
        found = self._pickers.get(balancer)
        if found is None:
            previous = self._previous.get(balancer)
            built = self.build(balancer, self.candidates, seed=self.seed, previous=previous)
            # Two threads of a blocking client may both come here: the first one's picker stays.
            found = self._pickers.setdefault(balancer, built)
            self._previous.pop(balancer, None)
        return found

    def followed_by(self, nodes: tuple[Node, ...], usable: tuple[Node, ...], *, held: bool) -> Snapshot:
        """The next snapshot, whose pickers will go on where the present ones are."""
        return replace(
            self,
            nodes=nodes,
            usable=usable,
            known=True,
            held=held,
            version=self.version + 1,
            _pickers={},
            _previous={**self._previous, **self._pickers},
        )

    def __repr__(self) -> str:
        state = "waiting for the registry" if not self.known else f"{len(self.usable)} usable"
        if self.held:
            state += ", kept although the registry lists none"
        return f"<Snapshot {self.version} of {self.key}: {len(self.nodes)} nodes, {state}>"
