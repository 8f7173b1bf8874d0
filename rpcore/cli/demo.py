"""``rpcore demo``: a search over the standard library's source, served while providers come and go."""

from __future__ import annotations

from pathlib import Path

import click

from rpcore.cli.command import Command


@click.command(
    cls=Command,
    examples=[
        "rpcore demo",
        "rpcore demo --seconds 60 --concurrency 64",
        "rpcore demo --keep",
    ],
    exits={
        0: "every call was answered",
        1: "a call failed, or a provider did not stop as it should",
        130: "interrupted",
    },
)
@click.option(
    "--seconds",
    metavar="N",
    type=click.FloatRange(min=4),
    default=20.0,
    show_default=True,
    help="How long the consumer searches, over all phases.",
)
@click.option(
    "--concurrency",
    metavar="N",
    type=click.IntRange(min=1),
    default=16,
    show_default=True,
    help="Calls in flight at once.",
)
@click.option(
    "--source",
    metavar="DIRECTORY",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Python source to index [default: the standard library].",
)
@click.option("--keep", is_flag=True, help="Leave the providers running at the end, until Ctrl-C.")
@click.option("--plain", is_flag=True, help="Lines instead of a live display, as without a terminal.")
@click.option("--json", "as_json", is_flag=True, help="Only the results, as JSON.")
@click.pass_context
def demo(
    ctx: click.Context,
    seconds: float,
    concurrency: int,
    source: Path | None,
    keep: bool,
    plain: bool,
    as_json: bool,
) -> None:
    """Watch calls survive a SIGKILL, a new provider and a rolling stop.

    Builds an index of every module, class and function of the running Python's standard library, serves it by
    three processes over an embedded registry of its own, and searches it at full speed while one provider
    is killed, another started and a third drained.
    """
    from rpcore.demo.run import Demo
    from rpcore.loops import run

    play = Demo(seconds=seconds, concurrency=concurrency, source=source, keep=keep, plain=plain, as_json=as_json)
    ctx.exit(run(play.run()))
