"""Which provider takes the next attempt: one policy per file, each a ``build`` function.

A policy is not asked per call. It is given the nodes whenever they or their weights change and answers with a
picker, which is then asked once per attempt. The built-in pickers are compiled (``rpcore._core``); to add a
policy, write one more file with a ``build`` function and name it in ``balancers``, or publish it as an entry
point of the group ``rpcore.loadbalance``, or pass the function itself as ``loadbalance=``.
"""

from __future__ import annotations

from typing import Protocol

from rpcore._core import Node, Picker, PythonPicker
from rpcore.extension import Extensions


class Picks(Protocol):
    """What a policy in Python answers with: asked once per attempt, so it should do no more than choose."""

    def pick(self) -> Node:
        """One of the nodes it was built for.

        Must not block. Blocking clients ask from several threads.
        """
        ...


class Builder(Protocol):
    """Makes a picker for one provider list. Called once per change of the list, never per call."""

    def __call__(self, nodes: tuple[Node, ...], *, seed: int | None = None, previous: Picks | None = None) -> Picks:
        """Build a picker.

        Args:
            nodes: at least one. ``node.weight`` is the effective weight and stays as it is for the life of
                the picker; 0 means "no traffic unless all have 0". ``node.active`` changes with every call.
            seed: starts the random numbers; ``None`` means from entropy.
            previous: what this builder answered for the list before, to go on from instead of starting over.
        """
        ...


balancers: Extensions[Builder] = Extensions(
    "load balancer",
    group="rpcore.loadbalance",
    builtin={
        "random": "rpcore.loadbalance.random:build",
        "roundrobin": "rpcore.loadbalance.roundrobin:build",
        "leastactive": "rpcore.loadbalance.leastactive:build",
    },
)


def build(
    balancer: str | Builder,
    nodes: tuple[Node, ...],
    *,
    seed: int | None = None,
    previous: Picker | None = None,
) -> Picker:
    """The picker of ``balancer``, a known name or a builder, for ``nodes``.

    Raises:
        ConfigurationError: no balancer has this name; the text lists those that exist.
    """
    before = previous.picker if isinstance(previous, PythonPicker) else previous
    picker = balancers.load(balancer)(nodes, seed=seed, previous=before)
    return picker if isinstance(picker, Picker) else PythonPicker(nodes, picker, seed=seed, previous=previous)


__all__ = ["Builder", "Node", "Picker", "Picks", "balancers", "build"]
