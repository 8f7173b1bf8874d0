"""``rpcore stubgen``: a typed module for an interface, written to be kept under version control."""

from __future__ import annotations

from typing import Literal

import click

from rpcore.cli.command import Command
from rpcore.cli.failures import OK, USAGE, Failure, exits
from rpcore.cli.loading import add_working_directory
from rpcore.stubgen import generate


@click.command(
    cls=Command,
    examples=[
        "rpcore stubgen users.api:UserService > users_client.py",
        "rpcore stubgen users.api:UserService --kind blocking -o users_sync.py",
    ],
    exits=exits(OK, USAGE),
)
@click.argument("interface", metavar="MODULE[:INTERFACE]")
@click.option(
    "--kind",
    type=click.Choice(["client", "blocking"]),
    default="client",
    show_default=True,
    help="client: the interface and its types, without provider code; blocking: a view with def methods.",
)
@click.option("--output", "-o", metavar="FILE", type=click.Path(dir_okay=False), help="Instead of standard output.")
def stubgen(interface: str, kind: Literal["client", "blocking"], output: str | None) -> None:
    """Write a typed Python module for one interface, or for all that a module declares."""
    add_working_directory()
    source = generate(interface, kind=kind)
    if output is None:
        click.echo(source, nl=False)
        return
    try:
        with open(output, "w", encoding="utf-8") as file:
            file.write(source)
    except OSError as error:
        raise Failure(f"{output}: {error.strerror}") from error
