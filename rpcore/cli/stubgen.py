"""``rpcore stubgen``: a typed module for an interface, written to be kept under version control."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO, Literal

import click

from rpcore.cli.command import Command
from rpcore.cli.failures import OK, USAGE, Failure, exits
from rpcore.cli.loading import add_working_directory
from rpcore.definition import ServiceDefinition
from rpcore.stubgen import generate, generate_from_definitions


@click.command(
    cls=Command,
    examples=[
        "rpcore stubgen users.api:UserService > users_client.py",
        "rpcore stubgen users.api:UserService --kind blocking -o users_sync.py",
        "rpcore stubgen --from-metadata UserService.json -o users.py",
    ],
    exits=exits(OK, USAGE),
)
@click.argument("interface", metavar="[MODULE[:INTERFACE]]", required=False)
@click.option(
    "--kind",
    type=click.Choice(["client", "blocking"]),
    default="client",
    show_default=True,
    help="client: the interface and its types, without provider code; blocking: a view with def methods.",
)
@click.option(
    "--from-metadata",
    metavar="FILE",
    type=click.File("rb"),
    multiple=True,
    help="A Java service instead of MODULE: the definition that its provider publishes, JSON; - for standard input."
    " Given more than once, the services share one module and its classes.",
)
@click.option(
    "--raises",
    metavar="CLASS",
    multiple=True,
    help="An exception that the Java service throws, such as org.demo.NotFoundException: definitions do not say.",
)
@click.option("--null-elements", is_flag=True, help="Elements of the Java service's collections may be None, too.")
@click.option("--output", "-o", metavar="FILE", type=click.Path(dir_okay=False), help="Instead of standard output.")
def stubgen(
    interface: str | None,
    kind: Literal["client", "blocking"],
    from_metadata: Sequence[BinaryIO],
    raises: Sequence[str],
    null_elements: bool,
    output: str | None,
) -> None:
    """Write a typed Python module for one interface, for all that a module declares, or for a Java service."""
    if (interface is None) is not bool(from_metadata):
        raise click.UsageError("say either MODULE[:INTERFACE] or --from-metadata FILE")
    if interface is not None:
        if raises or null_elements:
            raise click.UsageError(
                "--raises and --null-elements go with --from-metadata; a declared interface says it all"
            )
        add_working_directory()
        source = generate(interface, kind=kind)
    else:
        if kind == "blocking":
            raise click.UsageError("write the module first, then: rpcore stubgen THE_MODULE --kind blocking")
        given = [
            ServiceDefinition.parse(file.read(), where=getattr(file, "name", "standard input"))
            for file in from_metadata
        ]
        source = generate_from_definitions(given, raises=raises, null_elements=null_elements)
    if output is None:
        click.echo(source, nl=False)
        return
    try:
        with open(output, "w", encoding="utf-8") as file:
            file.write(source)
    except OSError as error:
        raise Failure(f"{output}: {error.strerror}") from error
