"""How commands print: for people on a terminal, plain where a program reads."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

import click


def print_json(value: Any, *, one_line: bool = False) -> None:
    """JSON on stdout: indented, coloured on a terminal; or one line for programs."""
    if one_line:
        click.echo(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
    elif sys.stdout.isatty():
        from rich.console import Console

        Console().print_json(json.dumps(value, ensure_ascii=False), ensure_ascii=False)
    else:
        click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on a terminal; elsewhere the same as aligned columns, never cut to a width."""
    if sys.stdout.isatty():
        from rich.console import Console

        Console().print(rich_table(columns, rows))
        return
    for line in aligned([columns, *rows]):
        click.echo(line)


def rich_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Any:
    """The table as something that rich can print or keep up to date."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines whose cells stand below each other."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
