"""``rpcore serve``: run a server that a module defines, as a process of its own."""

from __future__ import annotations

import inspect
import logging
from typing import Any

import click

from rpcore.cli.command import Command, debugging
from rpcore.cli.failures import OK, UNREACHABLE, USAGE, Failure, exits
from rpcore.cli.loading import fault, load
from rpcore.errors import RpcError
from rpcore.loops import new_runner
from rpcore.server import Server

LEVELS = ["debug", "info", "warning", "error"]


@click.command(
    cls=Command,
    examples=[
        "rpcore serve users.main:server",
        "rpcore serve users.main:make_server --port 0 --registry file:///run/users/registry",
    ],
    exits=exits(OK, USAGE, UNREACHABLE),
)
@click.argument("target", metavar="MODULE:OBJECT")
@click.option("--host", metavar="HOST", help='Address to listen on; "" for all, unix:/path for a Unix socket.')
@click.option("--port", "-p", metavar="PORT", type=int, help="0 picks a free one.")
@click.option("--registry", "-r", metavar="URL", help="Where to register, instead of where the server says.")
@click.option("--no-register", is_flag=True, help="Serve without registering anywhere.")
@click.option("--application", metavar="NAME", help="Our name, as consumers see it.")
@click.option("--log-level", type=click.Choice(LEVELS), default="info", show_default=True)
def serve(
    target: str,
    host: str | None,
    port: int | None,
    registry: str | None,
    no_register: bool,
    application: str | None,
    log_level: str,
) -> None:
    """Serve until SIGTERM or SIGINT, then stop without losing a call.

    OBJECT is a Server, or a function (also async) or class that returns one when called without arguments.
    Modules of the current directory can be imported. Options replace what the Server was constructed with.
    """
    logging.basicConfig(
        level=log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s", datefmt="%H:%M:%S"
    )
    with new_runner() as runner:
        runner.run(
            _serve(
                target,
                host=host,
                port=port,
                registry=registry,
                application=application,
                register=False if no_register else None,
            )
        )


async def _serve(target: str, **changes: Any) -> None:
    server = await _made(target)
    server.configure(**changes)
    await server.serve()


async def _made(target: str) -> Server:
    found = load(target)
    try:
        if not isinstance(found, Server) and callable(found):
            found = found()
        if inspect.isawaitable(found):
            found = await found
    except RpcError:
        raise
    except Exception as error:
        if debugging():
            raise
        raise Failure(f"{target!r}: {fault(error)}") from error
    if not isinstance(found, Server):
        raise Failure(f"{target!r} gives {found!r}: expected a rpcore.Server or a function that makes one")
    return found
