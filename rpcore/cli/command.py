"""What every command has: ``--debug``, examples and exit codes in its help."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import click

from rpcore.cli.failures import EXITS

DEBUG = "rpcore.debug"
"""Key in ``Context.meta``: whether errors show their traceback."""


class Command(click.Command):
    """A command whose help ends with examples and exit codes.

    Args:
        examples: command lines as a user would type them.
        exits: exit code -> what it means for this command.
    """

    def __init__(
        self,
        *args: Any,
        examples: Iterable[str] = (),
        exits: Mapping[int, str] = EXITS,
        **settings: Any,
    ) -> None:
        super().__init__(*args, **settings)
        self.examples = tuple(examples)
        self.exits = exits
        self.params.append(debug_option())

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        write_sections(formatter, self.examples, self.exits)


def write_sections(formatter: click.HelpFormatter, examples: Iterable[str], exits: Mapping[int, str]) -> None:
    """The two sections at the end of a help page. Examples are never wrapped: they are to be copied."""
    with formatter.section("Examples"):
        for line in examples:
            formatter.write(f"{'':{formatter.current_indent}}{line}\n")
    with formatter.section("Exit codes"):
        formatter.write_dl([(str(code), meaning) for code, meaning in exits.items()])


def debug_option() -> click.Option:
    """``--debug``, which every command takes before or after its own name."""

    def remember(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
        ctx.meta[DEBUG] = ctx.meta.get(DEBUG) or value

    return click.Option(
        ["--debug"],
        is_flag=True,
        expose_value=False,
        callback=remember,
        help="Show the traceback of an error.",
    )


def debugging() -> bool:
    """Whether the command that runs was given ``--debug``."""
    return bool(click.get_current_context().meta.get(DEBUG))
