"""The command group, and what all commands share: ``--debug``, and how failures end."""

from __future__ import annotations

import importlib
from typing import Any

import click

from rpcore import __version__, errors
from rpcore.cli.failures import CODES, INTERRUPTED, Failure, describe, exit_code_of

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


class Commands(click.Group):
    """A group that imports a subcommand when it is named, and gives each the option ``--debug``."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        target = COMMANDS.get(cmd_name)
        if target is None:
            return None
        module, _, name = target.partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        if not any(parameter.name == "debug" for parameter in command.params):
            command.params.append(_debug_option())
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except errors.RpcError as error:
            if ctx.meta.get("rpcore.debug"):
                raise
            raise Failure(describe(error), exit_code_of(error)) from error
        except KeyboardInterrupt:
            raise Failure("interrupted", INTERRUPTED) from None


def _debug_option() -> click.Option:
    def remember(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
        ctx.meta["rpcore.debug"] = ctx.meta.get("rpcore.debug") or value

    return click.Option(
        ["--debug"],
        is_flag=True,
        expose_value=False,
        callback=remember,
        help="Show the traceback of an error.",
    )


@click.command(
    cls=Commands,
    params=[_debug_option()],
    epilog=CODES,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="rpcore", message="%(prog)s %(version)s")
def rpcore() -> None:
    """Serve, find, call and look at rpcore services.

    \b
    Examples:
      rpcore serve myapp:server
      rpcore ls
      rpcore invoke org.demo.UserService.find 42
      rpcore demo

    Without --registry the commands use the embedded registry of this machine's user, as Client and Server do.
    """
