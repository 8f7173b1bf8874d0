"""``rpcore decode``: frames from a file, standard input or a hex string as readable text."""

from __future__ import annotations

import os
import re
import sys
from typing import Any

import click

from rpcore.cli.command import Command
from rpcore.cli.failures import CALL_FAILED, Failure
from rpcore.cli.output import print_json
from rpcore.cli.values import to_json
from rpcore.decode import SHOWN, Frame, Garbage, Item, explain, frames, render

HEX = re.compile(rb"(?:0[xX])?(?:[0-9a-fA-F]{2}[\s:,]*)+")


@click.command(
    cls=Command,
    examples=[
        "rpcore decode capture.bin",
        "rpcore decode dabb e2 00 0000000000000001 00000001 4e",
        "tcpflow -C port 20880 | rpcore decode --json",
    ],
    exits={
        0: "everything was a whole frame",
        CALL_FAILED: "something was not, or a body could not be decoded",
        2: "usage: no such file, no hex",
    },
)
@click.argument("source", metavar="[FILE|HEX|-]", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line for each frame.")
@click.option(
    "--bytes", "shown", metavar="N", type=click.IntRange(min=0), default=SHOWN, show_default=True,
    help="Bytes shown of each hex dump; 0 for all.",
)  # fmt: skip
@click.pass_context
def decode(ctx: click.Context, source: tuple[str, ...], as_json: bool, shown: int) -> None:
    """Show Dubbo frames as text: header fields by name, bodies element by element.

    Reads a FILE (binary, or hex as text), HEX given directly (blanks and colons allowed), or standard input.
    Bytes that are no frame are shown with their offset, and reading goes on at the next frame.
    """
    found = list(frames(_input(source)))
    for item in found:
        if as_json:
            print_json(_as_json(item), one_line=True)
        else:
            click.echo(render(item, shown=shown or None))
    if any(isinstance(item, Garbage) or "problem" in explain(item) for item in found):
        ctx.exit(CALL_FAILED)


def _input(source: tuple[str, ...]) -> bytes:
    if source in ((), ("-",)):
        if sys.stdin.isatty() and not source:
            raise click.UsageError("nothing to decode: name a FILE, give HEX, or pipe frames in")
        return _binary(sys.stdin.buffer.read())
    if len(source) == 1 and os.path.exists(source[0]):
        try:
            with open(source[0], "rb") as file:
                return _binary(file.read())
        except OSError as error:
            raise Failure(f"{source[0]}: {error.strerror}") from error
    text = " ".join(source).encode()
    if not HEX.fullmatch(text.strip()):
        raise Failure(f"{' '.join(source)[:80]!r}: neither a file nor hex (pairs of 0-9 a-f)")
    return _binary(text)


def _binary(data: bytes) -> bytes:
    """The bytes that ``data`` stands for: itself, or what it spells when it is hex as text."""
    text = data.strip()
    if not HEX.fullmatch(text):
        return data
    return bytes.fromhex(re.sub(rb"0[xX]|[\s:,]", b"", text).decode())


def _as_json(item: Item) -> dict[str, Any]:
    if isinstance(item, Garbage):
        return {"offset": item.offset, "kind": "garbage", "reason": item.reason, "bytes": item.data.hex()}
    frame: Frame = item
    found: dict[str, Any] = {
        "offset": frame.offset,
        "kind": frame.kind,
        "id": frame.id,
        "serialization": {"id": frame.flags & 0x1F, "name": frame.serialization},
        "length": frame.length,
    }
    if frame.status:
        found["status"] = {"code": frame.status_code, "name": frame.status}
    else:
        found["two_way"] = frame.two_way
    body = explain(frame)
    if "bytes" in body:
        body["bytes"] = body["bytes"].hex()
    return {**found, "body": to_json(body)}
