"""Many graphs, in batches: ``python -m fuzz_java [--graphs N] [--seed N]``.

Prints the seed, and at a difference what was sent, the bytes and the seed of that one graph, for ``--only``.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from collections import Counter
from random import Random
from typing import Any

from fuzz_java.graphs import Graph, make_graph
from fuzz_java.losses import LOSSES, Comparison, Difference, has_uuid_and_cycle
from fuzz_java.peer import VERSIONS, Echo, JavaError, MissingPart, build
from rpcore._codec import Plan, hessian_dumps, hessian_loads
from rpcore.plan import compile_type

BATCH = 200
PLANS: dict[Any, Plan] = {}


def plan_of(hint: Any) -> Plan | None:
    """The compiled plan of a hint; None for none."""
    if hint is None:
        return None
    if hint not in PLANS:
        PLANS[hint] = compile_type(hint, root="")
    return PLANS[hint]


def encode(graph: Graph) -> tuple[str, int, bytes]:
    """What Java is asked about a graph."""
    return graph.java, len(graph.values), hessian_dumps(plan_of(graph.hint), *graph.values)


def compare(graph: Graph, reply: bytes | JavaError, version: str, found: Counter[str]) -> None:
    """Raises unless Java's reply is the graph, up to known losses, which are counted in ``found``."""
    uuid, cycle = has_uuid_and_cycle(graph.values)
    if uuid and cycle and version == "3.2.13":
        found["cycle after UUID"] += 1
        return
    if isinstance(reply, JavaError):
        raise reply
    values = hessian_loads(reply, *[plan_of(graph.hint)] * len(graph.values))
    comparison = Comparison(version, found, shared=not uuid)
    for i, (sent, got) in enumerate(zip(graph.values, values, strict=True)):
        comparison.same(sent, got, f"value {i}", graph.hint)


def report(graph: Graph, seed: int, reply: bytes | JavaError, error: Exception) -> None:
    """Print what a difference was."""
    body = hessian_dumps(plan_of(graph.hint), *graph.values)
    answer = reply.hex()[:2000] if isinstance(reply, bytes) else ""
    print(f"\n--only {seed}: hint {graph.hint}, Java {graph.java or 'Object'}\nsent {graph.values!r:.2000}")
    print(f"bytes {body.hex()[:2000]}\nreply {answer}\n{type(error).__name__}: {str(error)[:1500]}", flush=True)


def run(echo: Echo, seeds: list[int], found: Counter[str]) -> int:
    """Send the graphs of these seeds; returns how many came back different."""
    wrong = 0
    for start in range(0, len(seeds), BATCH):
        batch = [(seed, make_graph(Random(seed))) for seed in seeds[start : start + BATCH]]
        replies = echo.ask([encode(graph) for _, graph in batch])
        for (seed, graph), reply in zip(batch, replies, strict=True):
            try:
                compare(graph, reply, echo.version, found)
            except (JavaError, Difference, ValueError) as error:
                report(graph, seed, reply, error)
                wrong += 1
        if wrong > 20:
            break
    return wrong


def main() -> None:
    """The command line. Exits 1 at a difference."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graphs", type=int, default=100_000, help="for each version (default 100,000)")
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    parser.add_argument("--only", type=int, help="one graph, by the seed that its report gave")
    parser.add_argument("--versions", nargs="+", choices=VERSIONS, default=VERSIONS)
    options = parser.parse_args()
    try:
        build()
    except MissingPart as missing:
        sys.exit(str(missing))
    print(f"seed {options.seed}", flush=True)
    source = Random(options.seed)
    seeds = [source.getrandbits(63) for _ in range(options.graphs)] if options.only is None else [options.only]
    wrong = 0
    for version in options.versions:
        found: Counter[str] = Counter()
        start = time.monotonic()
        with Echo(version, fast=len(seeds) > 10_000) as echo:
            different = run(echo, seeds, found)
        print(f"hessian-lite {version}: {len(seeds):,} graphs, {different} different, {time.monotonic() - start:.0f} s")
        for name, text in LOSSES.items():
            if found[name]:
                print(f"  {found[name]:9,} x {text}")
        wrong += different
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
