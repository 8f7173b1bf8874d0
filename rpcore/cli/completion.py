"""``rpcore completion``: the script that makes a shell complete commands, options, services and methods."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from rpcore.cli.command import Command
from rpcore.cli.failures import OK, USAGE, Failure, exits


@click.command(
    cls=Command,
    examples=[
        "echo 'eval \"$(rpcore completion bash)\"' >> ~/.bashrc",
        "echo 'eval \"$(rpcore completion zsh)\"' >> ~/.zshrc",
        "rpcore completion fish > ~/.config/fish/completions/rpcore.fish",
    ],
    exits=exits(OK, USAGE),
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    Completes commands, options, and the services and methods that the registry knows.
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise Failure(f"click cannot complete in {shell}; it needs click 8.1 or newer")
    click.echo(kind(ctx.find_root().command, {}, "rpcore", "_RPCORE_COMPLETE").source())
