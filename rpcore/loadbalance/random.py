"""``random``, the default: each pick independent of the last, with chances proportional to the weights.

Needs no shared state, so many clients spread their calls without knowing of each other.
"""

from __future__ import annotations

from rpcore._core import Node, Picker, RandomPicker


def build(nodes: tuple[Node, ...], *, seed: int | None = None, previous: object = None) -> Picker:
    """See ``rpcore.loadbalance.Builder``."""
    return RandomPicker(nodes, seed=seed, previous=previous)
