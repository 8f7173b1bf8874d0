"""What the demo shows while it runs: a live picture on a terminal, lines elsewhere, nothing for a program."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import click

from rpcore.demo.measure import Measures

BAR = 24
"""Characters of a bar for 100 %."""
LINES = 8
"""Events that stay visible in the live display."""


@dataclass(slots=True)
class Row:
    """One provider in the display."""

    name: str
    pid: int
    address: str
    state: str
    share: float


@dataclass(slots=True)
class View:
    """One moment."""

    title: str
    recent: Measures
    total: Measures
    rows: Sequence[Row]


class Display(Protocol):
    """Where the demo tells what happens. ``close`` leaves what was shown on the screen."""

    def say(self, text: str) -> None: ...

    def tick(self, view: View) -> None: ...

    def close(self) -> None: ...


class Silent:
    """For programs that read the results."""

    def say(self, text: str) -> None: ...

    def tick(self, view: View) -> None: ...

    def close(self) -> None: ...


class Plain:
    """One line per event and per second."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._last = 0.0

    def say(self, text: str) -> None:
        click.echo(f"{time.monotonic() - self._began:5.1f} s  {text}")

    def tick(self, view: View) -> None:
        now = time.monotonic()
        if now - self._last < 1.0:
            return
        self._last = now
        shares = "  ".join(f"{row.name} {row.share:.0%}" for row in view.rows if row.share)
        self.say(f"  {headline(view)}  {shares}")

    def close(self) -> None: ...


class Live:
    """A picture that is drawn again with each report, below what has scrolled past."""

    def __init__(self) -> None:
        from rich.live import Live as RichLive

        self._began = time.monotonic()
        self._events: deque[str] = deque(maxlen=LINES)
        self._view: View | None = None
        self._live = RichLive(auto_refresh=False, transient=False)
        self._live.start()

    def say(self, text: str) -> None:
        self._events.append(f"{time.monotonic() - self._began:5.1f} s  {text}")
        self._draw()

    def tick(self, view: View) -> None:
        self._view = view
        self._draw()

    def close(self) -> None:
        self._live.stop()

    def _draw(self) -> None:
        from rich.console import Group
        from rich.text import Text

        parts: list[Any] = []
        if self._view is not None:
            bad = self._view.total.failed or self._view.total.wrong
            parts += [
                Text(self._view.title, style="bold"),
                Text(headline(self._view), style="bold red" if bad else "bold green"),
                self._providers(self._view.rows),
            ]
        parts += [Text(event) for event in self._events]
        self._live.update(Group(*parts), refresh=True)

    def _providers(self, rows: Sequence[Row]) -> Any:
        from rich import box
        from rich.table import Table

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for column in ("provider", "pid", "address", "state", "share of calls"):
            table.add_column(column)
        for row in rows:
            bar = "█" * round(row.share * BAR)
            style = None if row.state == "serving" else "dim"
            table.add_row(row.name, str(row.pid), row.address, row.state, f"{bar:{BAR}} {row.share:4.0%}", style=style)
        return table


def headline(view: View) -> str:
    """The measures of the last second, and what went wrong since the beginning."""
    p50, p99, longest = view.recent.percentiles()
    return (
        f"{view.recent.rate:8,.0f} calls/s  p50 {milliseconds(p50)}  p99 {milliseconds(p99)}  "
        f"max {milliseconds(longest)}  retried {view.total.retries}  failed {view.total.failed}"
    )


def milliseconds(seconds: float) -> str:
    """``0.73 ms``, ``12.5 ms``, ``310 ms``: three digits that matter."""
    value = seconds * 1000
    return f"{value:.2f} ms" if value < 10 else f"{value:.1f} ms" if value < 100 else f"{value:.0f} ms"
