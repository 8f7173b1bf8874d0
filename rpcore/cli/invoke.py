"""``rpcore invoke``: one call from the command line, typed by the interface where it can be imported."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Any

import click

from rpcore import errors
from rpcore.cli import values
from rpcore.cli.call import Call, importable
from rpcore.cli.command import Command, debugging
from rpcore.cli.complete import complete_target
from rpcore.cli.failures import Failure, describe, exit_code_of
from rpcore.cli.loading import load
from rpcore.cli.output import print_json
from rpcore.decode import printable
from rpcore.loops import run


@click.command(
    cls=Command,
    context_settings={"ignore_unknown_options": True},
    examples=[
        "rpcore invoke org.demo.UserService.find 42",
        "rpcore invoke org.demo.UserService.find_all '[1, 2, 3]' --interface api:UserService",
        'rpcore invoke org.demo.UserService.rename 42 "Ada L." --url dubbo://127.0.0.1:20880',
        "rpcore invoke com.acme.Users.find 42 --types long --url dubbo://10.0.0.7:20880",
        'echo \'{"id": 7, "name": "x"}\' | rpcore invoke org.demo.UserService.store - --json',
    ],
)
@click.argument("target", metavar="SERVICE.METHOD", shell_complete=complete_target)
@click.argument("arguments", metavar="[ARGUMENT]...", nargs=-1)
@click.option("--registry", "-r", metavar="URL", help="Where providers are found [default: the embedded registry].")
@click.option(
    "--url", "-u", "urls", metavar="URL", multiple=True, help="A provider, instead of a registry; repeatable."
)
@click.option("--interface", "-i", metavar="MODULE:CLASS", help="The declared interface, which types the call.")
@click.option(
    "--types", metavar="TYPE,…", help="Java types of the parameters, to choose between overloads: long,int[]."
)
@click.option("--group", metavar="NAME", help="Instead of the declared or the only registered one.")
@click.option("--version", metavar="TEXT", help="Instead of the declared or the only registered one.")
@click.option("--timeout", "-t", metavar="SECONDS", type=float, help="Of one attempt [default: as declared, or 1].")
@click.option("--attachment", "-a", "attachments", metavar="NAME=VALUE", multiple=True, help="Sent along; repeatable.")
@click.option("--json", "as_json", is_flag=True, help="One line with result, attachments and seconds, or the error.")
def invoke(
    target: str,
    arguments: tuple[str, ...],
    registry: str | None,
    urls: tuple[str, ...],
    interface: str | None,
    types: str | None,
    group: str | None,
    version: str | None,
    timeout: float | None,
    attachments: tuple[str, ...],
    as_json: bool,
) -> None:
    """Call one method and print its result as JSON.

    Each ARGUMENT is JSON; text that does not begin like JSON is taken as a string, and - reads one argument
    from standard input. bytes are {"$base64": "…"}, dicts whose keys are not all text
    {"$map": [[key, value], …]}.

    The call is typed (arguments checked and defaulted here, declared timeouts and exceptions in force) by
    --interface, or by SERVICE itself when that is the Python path of its interface. Otherwise it is untyped,
    which every provider understands, Java's as well: objects are JSON objects (with the Java class under "class"
    where a subclass is meant), and --types says which of several Java methods of one name is meant.
    """
    service, _, name = target.rpartition(".")
    if not service or not name:
        raise click.UsageError(f"{target!r}: expected SERVICE.METHOD, such as org.demo.UserService.find")
    call = Call(
        service,
        name,
        load(interface) if interface else importable(service),
        registry=registry,
        urls=urls,
        group=group,
        version=version,
        timeout=timeout,
        attachments=dict(_pair(text) for text in attachments),
        types=None if types is None else [name.strip() for name in types.split(",") if name.strip()],
    )
    if types is not None and call.interface is not None:
        raise click.UsageError("--types is for calls without --interface, which says the types itself")
    given = call.typed([_argument(i, text) for i, text in enumerate(arguments, 1)])
    began = time.perf_counter()
    try:
        result = run(call.run(given))
    except Failure:
        raise
    except Exception as error:
        _report(error, as_json)
        if debugging():
            raise
        raise Failure(_one_line(error), exit_code_of(error)) from error
    if as_json:
        seconds = round(time.perf_counter() - began, 6)
        result = {"result": result, "attachments": values.to_json(call.reply_attachments), "seconds": seconds}
    print_json(result, one_line=as_json)


def _argument(number: int, text: str) -> Any:
    if text[:1] == "-" and text.lstrip("-")[:1].isalpha():
        raise click.UsageError(f"no such option: {text} (as an argument it needs quotes: '\"{text}\"')")
    if text == "-":
        text = sys.stdin.read().strip()
    try:
        return values.parse(text)
    except ValueError as error:
        raise Failure(f"argument {number}: {error}: {text[:60]}") from error


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise Failure(f"--attachment {text!r}: expected NAME=VALUE")
    return name, value


def _one_line(error: Exception) -> str:
    cause = error.__cause__
    if isinstance(error, errors.RpcError) or not isinstance(cause, errors.RemoteError):
        return describe(error)
    # A declared exception: the class is the service's own, and the place is in the cause.
    return f"{cause.service}.{cause.method}: {describe(error)}"


def _report(error: Exception, as_json: bool) -> None:
    """What does not fit into one line: the error for a machine, the provider's traceback for a human."""
    remote = error if isinstance(error, errors.RemoteError) else error.__cause__
    trace = remote.traceback if isinstance(remote, errors.RemoteError) else None
    if not as_json:
        if trace:
            click.echo(printable(trace.rstrip()), err=True)
        if not trace or "\nCaused by: " not in trace:
            for cause in _causes(remote):
                click.echo(printable(f"Caused by: {cause}"), err=True)
        return
    found: dict[str, Any] = {"type": type(error).__name__, "message": str(error), "code": exit_code_of(error)}
    if isinstance(error, errors.RpcError):
        found |= {"message": error.message, "status": error.code, "address": error.address}
        found["attempts"] = list(error.attempts)
    if isinstance(error, errors.RemoteError):
        found["type"] = error.type
    causes = list(_causes(remote))
    if causes:
        found["causes"] = causes
    if trace:
        found["traceback"] = trace
    print_json({"error": found}, one_line=True)


def _causes(error: BaseException | None) -> Iterator[str]:
    """What Java says caused a remote error, the nearest first."""
    cause = error.__cause__ if isinstance(error, errors.RemoteError) else None
    while isinstance(cause, errors.RemoteError):
        yield cause.message
        cause = cause.__cause__
