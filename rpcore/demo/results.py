"""What the demo says at its end: the counts of every phase, what they say against us, and how to go on."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click
import msgpack

from rpcore.cli.output import print_table
from rpcore.decode import HEADER, MAGIC, MSGPACK, REQUEST, TWO_WAY
from rpcore.demo.api import Search
from rpcore.demo.measure import Phase
from rpcore.demo.show import milliseconds
from rpcore.dispatch import request_prefix
from rpcore.service import interface_spec


def problems_of(phases: Sequence[Phase]) -> list[str]:
    """What the counts say against us, a line each; empty when every call was answered, and rightly."""
    found = []
    for phase in phases:
        if phase.measures.failed:
            errors = "; ".join(f"{count} x {text}" for text, count in phase.measures.errors.most_common(3))
            found.append(f"{phase.title}: {phase.measures.failed} calls failed: {errors}")
        if phase.measures.wrong:
            found.append(f"{phase.title}: {phase.measures.wrong} answers contradict another")
        if not phase.measures.answered:
            found.append(f"{phase.title}: no call was answered")
    return found


def print_phases(phases: Sequence[Phase]) -> None:
    """The table: one row per phase."""
    click.echo()
    print_table(
        ("PHASE", "CALLS", "PER S", "P50", "P99", "MAX", "RETRIED", "FAILED"),
        [
            (
                phase.title,
                f"{phase.measures.answered:,}",
                f"{phase.measures.rate:,.0f}",
                *map(milliseconds, phase.measures.percentiles()),
                str(phase.measures.retries),
                str(phase.measures.failed),
            )
            for phase in phases
        ],
    )
    click.echo()


def as_json(
    phases: Sequence[Phase], problems: Sequence[str], *, names: Mapping[str, str], entries: int
) -> dict[str, Any]:
    """Everything that was measured, for programs. ``names`` are those of providers by address."""
    return {
        "entries": entries,
        "ok": not problems,
        "problems": list(problems),
        "phases": [
            {
                "title": phase.title,
                "outcome": phase.outcome,
                "seconds": round(phase.measures.seconds, 3),
                "calls": phase.measures.answered,
                "calls_per_second": round(phase.measures.rate, 1),
                **dict(zip(("p50", "p99", "max"), phase.measures.percentiles(), strict=True)),
                "retries": phase.measures.retries,
                "failed": phase.measures.failed,
                "wrong": phase.measures.wrong,
                "shares": {
                    names.get(address, address): round(share, 4) for address, share in phase.measures.shares().items()
                },
            }
            for phase in phases
        ],
    }


def print_next_steps(registry: str, serving: Mapping[str, int]) -> None:
    """Commands to try while the providers go on; ``serving`` are their pids by name."""
    names = " and ".join(f"{name} (pid {pid})" for name, pid in serving.items())
    click.echo(f"Providers {names} go on until Ctrl-C. In another terminal:\n")
    run, option = command(), f"--registry {registry}"
    for line in (
        f"{run} ls --watch {option}",
        f'{run} invoke rpcore.demo.api.Search.search "json decoder" 3 {option}',
        f"{run} invoke rpcore.demo.api.Search.describe json.decoder.JSONDecoder {option}",
        f"{run} decode {example_frame().hex()}",
        f"kill -9 {next(iter(serving.values()))}",
    ):
        click.echo(f"  {line}")


def example_frame() -> bytes:
    """A request as it travels: ``search("json decoder", 3)``."""
    body = request_prefix(interface_spec(Search).key, "search")
    body += b"".join(map(msgpack.packb, (["json decoder", 3], 1000, None)))
    return HEADER.pack(MAGIC, REQUEST | TWO_WAY | MSGPACK, 0, 1, len(body)) + body


def command() -> str:
    """How to run the command from a shell."""
    return "rpcore" if shutil.which("rpcore") else f"{sys.executable} -m rpcore"
