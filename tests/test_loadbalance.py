"""The table of balancers, and how somebody else's fits in."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from balancing import instance, make_nodes, order
from rpcore import loadbalance
from rpcore._core import LeastActivePicker, Node, PythonPicker, RandomPicker, RoundRobinPicker
from rpcore.errors import ConfigurationError


@pytest.mark.parametrize(
    ("name", "kind"),
    [("random", RandomPicker), ("roundrobin", RoundRobinPicker), ("leastactive", LeastActivePicker)],
)
def test_names_of_dubbo(name: str, kind: type) -> None:
    nodes = make_nodes([1, 2])
    picker = loadbalance.build(name, nodes)
    assert type(picker) is kind
    assert picker.nodes is nodes
    assert repr(picker) == f"<{kind.__name__} of 2 nodes>"
    assert len(picker) == 2


def test_an_unknown_name_tells_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"'round-robin'.*leastactive.*random.*roundrobin"):
        loadbalance.build("round-robin", make_nodes([1]))


@pytest.mark.parametrize("name", ["random", "roundrobin", "leastactive"])
def test_a_balancer_goes_on_from_what_another_left(name: str) -> None:
    nodes = make_nodes([1, 2, 3])
    for other in ("random", "roundrobin", "leastactive"):
        picker = loadbalance.build(name, nodes, seed=1, previous=loadbalance.build(other, nodes))
        assert set(order(picker, 200)) == {0, 1, 2}


class Sticky:
    """Stays with one node while it is listed: a policy in Python that keeps something between lists."""

    def __init__(self, nodes: tuple[Node, ...], previous: object) -> None:
        before: Node | None = previous.chosen if isinstance(previous, Sticky) else None
        self.chosen: Node = before if before is not None and before in nodes else nodes[0]

    def pick(self) -> Node:
        return self.chosen


def sticky(nodes: tuple[Node, ...], *, seed: int | None = None, previous: object = None) -> Sticky:
    return Sticky(nodes, previous)


def test_a_policy_in_python() -> None:
    a, b, c = make_nodes([1, 1, 1])
    first = loadbalance.build(sticky, (b, c))
    assert isinstance(first, PythonPicker)
    assert first.pick() is b
    second = loadbalance.build(sticky, (a, b), previous=first)
    assert second.pick() is b
    assert second.pick_other([b]) is a
    assert loadbalance.build(sticky, (a, c), previous=second).pick() is a


def test_the_example_of_the_documentation() -> None:
    text = (Path(__file__).parent.parent / "docs" / "loadbalance.md").read_text()
    example = re.search(r"```python\n(import itertools\n.*?)```", text, re.DOTALL)
    assert example is not None
    names: dict[str, Any] = {}
    exec(example[1], names)
    zones = ["a", "b", "a", "b"]
    nodes = tuple(Node(instance(i, params={"zone": zone})) for i, zone in enumerate(zones))
    assert order(loadbalance.build(names["nearest"], nodes), 4) == [0, 2, 0, 2]
    picker = loadbalance.build(names["nearest"], nodes[1:2])
    assert picker.pick() is nodes[1]
