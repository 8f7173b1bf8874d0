"""``leastactive``: the provider with the fewest calls of this client in flight; by weight among several.

A slow provider keeps its calls longer and so gets fewer. Calls are always counted, unlike in Dubbo Java,
where the policy silently equals ``random`` unless ``actives`` is set.
"""

from __future__ import annotations

from rpcore._core import LeastActivePicker, Node, Picker


def build(nodes: tuple[Node, ...], *, seed: int | None = None, previous: object = None) -> Picker:
    """See ``rpcore.loadbalance.Builder``."""
    return LeastActivePicker(nodes, seed=seed, previous=previous)
