"""What went wrong, as one line on stderr and an exit code that a script can act on."""

from __future__ import annotations

import sys
from typing import IO, Any

import click

from rpcore import errors
from rpcore.decode import printable

OK = 0
CALL_FAILED = 1
USAGE = 2
NO_PROVIDER = 3
TIMEOUT = 4
UNREACHABLE = 5
INTERRUPTED = 130

EXITS = {
    OK: "it worked",
    CALL_FAILED: "the call failed: the handler raised, or the provider refused it",
    USAGE: "usage or configuration: an option, an argument, an import, an address in use",
    NO_PROVIDER: "no provider of the service",
    TIMEOUT: "timeout",
    UNREACHABLE: "a provider or the registry could not be reached",
    INTERRUPTED: "interrupted by Ctrl-C",
}
"""What the codes mean, for help pages."""


def exits(*codes: int) -> dict[int, str]:
    """The codes that a command can end with, for its help page."""
    return {code: EXITS[code] for code in codes}


class Failure(click.ClickException):
    """Ends the command with ``exit_code`` after printing one line.

    Args:
        message: what failed, where, and what to do.
        exit_code: one of the module's codes.
    """

    def __init__(self, message: str, exit_code: int = USAGE) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]  # click declares it on the class, and means this

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"rpcore: {printable(self.message)}", file=file or sys.stderr)


def exit_code_of(error: BaseException) -> int:
    """The code that tells a script what kind of failure ``error`` is."""
    match error:
        case errors.NoProvider() | errors.NoRoute():
            return NO_PROVIDER
        case errors.CallTimeout():
            return TIMEOUT
        case errors.ConfigurationError() | errors.EncodeError():
            return USAGE
        case errors.TransportError() | errors.RegistryError():
            return UNREACHABLE
        case _:
            return CALL_FAILED


def describe(error: BaseException) -> str:
    """The error as it is printed: its class, the method, its text, and a line for each attempt of several."""
    text = str(error)
    parts = [type(error).__name__, text]
    if isinstance(error, errors.RpcError) and error.service and error.service not in text:
        parts.insert(1, f"{error.service}.{error.method}")
    return ": ".join(part for part in parts if part)
