"""The command group: finds commands by name, and says how failures end."""

from __future__ import annotations

import importlib
from typing import Any

import click

from rpcore import __version__, errors
from rpcore.cli.command import debug_option, debugging, write_sections
from rpcore.cli.failures import EXITS, INTERRUPTED, Failure, describe, exit_code_of

COMMANDS = {
    "completion": "rpcore.cli.completion:completion",
    "decode": "rpcore.cli.decode:decode",
    "demo": "rpcore.cli.demo:demo",
    "invoke": "rpcore.cli.invoke:invoke",
    "ls": "rpcore.cli.ls:ls",
    "serve": "rpcore.cli.serve:serve",
    "stubgen": "rpcore.cli.stubgen:stubgen",
}
"""Imported when used: completion must answer quickly, and no command pays for another."""

EXAMPLES = (
    "rpcore serve myapp:server",
    "rpcore ls",
    "rpcore invoke org.demo.UserService.find 42",
    "rpcore demo",
)


class Commands(click.Group):
    """Imports a command when it is named, and turns exceptions into one line and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module, _, name = COMMANDS.get(cmd_name, "").partition(":")
        if not name:
            return None
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        write_sections(formatter, EXAMPLES, EXITS)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except errors.RpcError as error:
            if debugging():
                raise
            raise Failure(describe(error), exit_code_of(error)) from error
        except KeyboardInterrupt:
            raise Failure("interrupted", INTERRUPTED) from None


@click.command(
    cls=Commands,
    params=[debug_option()],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="rpcore", message="%(prog)s %(version)s")
def rpcore() -> None:
    """Serve, find, call and look at rpcore services.

    Without --registry the commands use the embedded registry of this machine's user, as Client and Server do.
    """
