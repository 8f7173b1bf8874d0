"""``roundrobin``: exact shares in every cycle, in the order of Dubbo's smooth weighted round robin.

Weights 5, 1, 1 give A A B A C A A. A changed list goes on at the same point of the cycle, and a ``seed``
chooses where a new one starts: clients that start together must not all call the first provider first.
"""

from __future__ import annotations

from rpcore._core import Node, Picker, RoundRobinPicker


def build(nodes: tuple[Node, ...], *, seed: int | None = None, previous: object = None) -> Picker:
    """See ``rpcore.loadbalance.Builder``."""
    return RoundRobinPicker(nodes, seed=seed, previous=previous)
