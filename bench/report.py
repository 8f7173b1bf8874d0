"""From measured windows to tables: one per cell, then what rpcore must reach against what it reached."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.workloads import TITLES, Cell

DISTURBED = 0.05
"""Share of a core that other programs may take during a window before it counts as disturbed."""

VERSIONS_OF = ("rpcore", "uvloop", "msgspec", "grpcio", "grpclib", "thriftpy2", "Pyro5")


@dataclass(frozen=True)
class Target:
    """A ratio that ``peer`` has to reach against ``reference`` in one cell."""

    cell: str
    reference: str
    least: float
    reach: float | None = None
    peer: str = "rpcore"


TARGETS = [
    Target("W1@32", "bare: per tick", 0.75),
    Target("W1@32", "grpc.aio", 35),
    Target("W1@32", "bare: by 8 + msgspec", 0, 1.0),
    Target("W1@256", "bare: per tick", 0.65, 0.75),
    Target("W1@1", "bare: per call", 0.85),
    Target("W2@32", "bare: by 8 + msgspec", 0.75, 1.0),
    Target("W3@16", "bare: BufferedProtocol", 0.85, 1.0),
    Target("W4@4", "bare: BufferedProtocol", 0.85, 1.0),
    Target("W1@32", "rpcore", 0.8, 0.95, "rpcore, hessian2"),
    Target("W2@32", "rpcore", 0.8, 0.95, "rpcore, hessian2"),
    *(
        Target(cell, "Java to Java", least, 10.0, "rpcore, hessian2")
        for cell, least in (("W1@32", 5.0), ("W1@256", 5.0), ("W2@32", 5.0), ("W3@16", 10.0), ("W4@4", 10.0))
    ),
    *(
        Target(cell, "Java to Java", 1.0, 1.3, peer)
        for peer in ("rpcore to Java", "Java to rpcore")
        for cell in ("W1@32", "W1@256", "W2@32", "W3@16", "W4@4")
    ),
    Target("W1@1", "thriftpy2", 1.0, 2.0, "rpcore.sync"),
    Target("W1@32", "thriftpy2", 1.0, 2.0, "rpcore.sync"),
]


def about(windows: int, seconds: float) -> dict[str, Any]:
    """Where and with what this was measured."""
    versions = {}
    for name in VERSIONS_OF:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "when": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {_processor()}",
        "windows": windows,
        "seconds": seconds,
        "versions": versions,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown processor"


Windows = dict[str, list[dict[str, float]]]


def ratio(windows: Windows, peer: str, reference: str) -> float | None:
    """The median over the rounds of how many times as fast ``peer`` was; None if one of them has none."""
    if not windows.get(peer) or not windows.get(reference):
        return None
    rounds = zip(windows[peer], windows[reference], strict=True)
    return statistics.median(own["rate"] / other["rate"] for own, other in rounds)


def tables(results: dict[str, Any]) -> str:
    """All of it as Markdown."""
    facts = results["about"]
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    where = f"{facts['when']}; Python {facts['python']}; {facts['system']}; {versions}."
    how = f"Medians of {facts['windows']} windows of {facts['seconds']} s. Trust ratios, not digits."
    parts = ["# Calls per second, side by side\n", f"{where} {how}\n"]
    parts += [_cell_table(Cell.parse(name), cell) for name, cell in results["cells"].items()]
    if (targets := _target_table(results["cells"])) is not None:
        parts.append(targets)
    parts.append("Spread: fastest less slowest window; * where other programs took part of a core all the same.\n")
    if "syscalls" in facts:
        parts.append(f"System calls: {facts['syscalls']}.\n")
    parts += [f"{name}: left out, {why}\n" for name, why in results["skipped"].items()]
    return "\n".join(parts)


def _cell_table(cell: Cell, measured: dict[str, Any]) -> str:
    windows: Windows = measured["windows"]
    counts: dict[str, dict[str, float]] = measured["syscalls"]
    references = list(dict.fromkeys(t.reference for t in TARGETS if t.cell == str(cell) and t.reference in windows))
    rows = [
        [
            "peer", "calls/s", *(f"× {name}" for name in references), "spread", "p50 µs", "p99 µs",
            "CPU µs client", "CPU µs server", "syscalls client", "syscalls server",
        ]
    ]  # fmt: skip
    for name, own in windows.items():
        rates = [window["rate"] for window in own]
        middle = {key: statistics.median(window[key] for window in own) for key in own[0] if key != "cell"}
        row = [name, f"{middle['rate']:,.0f}"]
        row += [number(ratio(windows, name, reference)) for reference in references]
        disturbed = "*" if middle["disturbed"] > DISTURBED else ""
        row.append(f"{(max(rates) - min(rates)) / middle['rate']:.0%}{disturbed}")
        row += [number(middle[key]) for key in ("p50_us", "p99_us", "client_cpu_us", "server_cpu_us")]
        row += [number(counts.get(name, {}).get(side)) for side in ("client", "server")]
        rows.append(row)
    return f"## {cell}: {TITLES[cell.workload]}, {cell.inflight} in flight\n\n{markdown(rows)}\n"


def _target_table(cells: dict[str, Any]) -> str | None:
    rows = [["", "against", "at least", "reach for", "measured", ""]]
    for target in TARGETS:
        windows = cells.get(target.cell, {}).get("windows", {})
        measured = ratio(windows, target.peer, target.reference)
        if measured is None:
            continue
        goals = [number(target.least or None), number(target.reach), number(measured), verdict(target, measured)]
        rows.append([f"{target.peer} {target.cell}", target.reference, *goals])
    return f"## What rpcore must reach\n\n{markdown(rows)}\n" if len(rows) > 1 else None


def verdict(target: Target, measured: float) -> str:
    """In a word."""
    if target.reach is not None and measured >= target.reach:
        return "reached"
    if not target.least:
        return "not yet"
    return "below" if measured < target.least else "met"


def number(value: float | str | None) -> str:
    """Three digits; words as they are."""
    if value is None or isinstance(value, str):
        return value or ""
    size = abs(value)
    return f"{value:,.0f}" if size >= 100 or size == int(size) else f"{value:.1f}" if size >= 10 else f"{value:.2f}"


def markdown(rows: list[list[str]]) -> str:
    """A table whose columns line up as plain text too: the first to the left, numbers to the right."""
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]

    def line(row: list[str]) -> str:
        cells = [
            cell.ljust(w) if n == 0 else cell.rjust(w) for n, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        return f"| {' | '.join(cells)} |"

    rule = [f":{'-' * (widths[0] - 1)}"] + ["-" * (w - 1) + ":" for w in widths[1:]]
    return "\n".join([line(rows[0]), line(rule), *map(line, rows[1:])])
