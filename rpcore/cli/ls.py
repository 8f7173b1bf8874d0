"""``rpcore ls``: the providers that a registry knows."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

import click

from rpcore.abc import Registry
from rpcore.cli.command import Command
from rpcore.cli.complete import complete_service
from rpcore.cli.failures import INTERRUPTED, NO_PROVIDER, OK, UNREACHABLE, USAGE, Failure, exits
from rpcore.cli.output import print_json, print_table, rich_table
from rpcore.cluster.warmup import age_of, weight_at
from rpcore.decode import printable
from rpcore.loops import run
from rpcore.model import Instance
from rpcore.registry import connect

COLUMNS = ("SERVICE", "VERSION", "GROUP", "ADDRESS", "WEIGHT", "TAG", "APPLICATION", "AGE", "METHODS")


@click.command(
    cls=Command,
    examples=[
        "rpcore ls",
        "rpcore ls 'org.demo.*' --watch",
        "rpcore ls org.demo.UserService --json --registry file:///run/users/registry",
    ],
    exits=exits(OK, USAGE, NO_PROVIDER, UNREACHABLE, INTERRUPTED),
)
@click.argument("services", metavar="[SERVICE]...", nargs=-1, shell_complete=complete_service)
@click.option("--registry", "-r", metavar="URL", help="Where to look [default: the embedded registry].")
@click.option("--json", "as_json", is_flag=True, help="One JSON array; with --watch one a line for each change.")
@click.option("--watch", "-w", is_flag=True, help="Go on showing changes until Ctrl-C.")
@click.option(
    "--interval",
    metavar="SECONDS",
    type=click.FloatRange(min=0.05),
    default=1.0,
    show_default=True,
    help="Between looks with --watch.",
)
def ls(services: tuple[str, ...], registry: str | None, as_json: bool, watch: bool, interval: float) -> None:
    """List providers: service, version, group, address, weight, tag, application, age, methods.

    SERVICE limits the list to these interfaces; * and ? stand for any text. A weight such as 12/100 is that
    of a provider which is still warming up. Exit code 3 when SERVICE is given and has no provider.
    """
    if watch:
        run(_watch(connect(registry), services, as_json, interval))
        return
    found = run(_once(connect(registry), services))
    if as_json:
        print_json([describe(instance) for instance in found])
    elif found:
        print_table(COLUMNS, [row(instance) for instance in found])
    if not found:
        where = connect(registry).url
        if services:
            raise Failure(f"no provider of {', '.join(services)} in {where}", NO_PROVIDER)
        click.echo(f"rpcore: no providers in {where}", err=True)


async def _once(registry: Registry, services: Sequence[str]) -> list[Instance]:
    try:
        await registry.start()
        return await _matching(registry, services)
    finally:
        await registry.aclose()


async def _matching(registry: Registry, services: Sequence[str]) -> list[Instance]:
    instances = sorted(await registry.instances(), key=lambda instance: instance.identity)
    if not services:
        return instances
    return [i for i in instances if any(fnmatchcase(i.service.interface, pattern) for pattern in services)]


async def _watch(registry: Registry, services: Sequence[str], as_json: bool, interval: float) -> None:
    """Show the list again when it changed; on a terminal keep one table up to date, ages included."""
    try:
        await registry.start()
        if sys.stdout.isatty() and not as_json:
            await _keep_table(registry, services, interval)
        before: dict[Any, Instance] | None = None
        while True:
            now = {i.identity: i for i in await _matching(registry, services)}
            if now != before:
                _print_change(before or {}, now, as_json)
                before = now
            await asyncio.sleep(interval)
    finally:
        await registry.aclose()


async def _keep_table(registry: Registry, services: Sequence[str], interval: float) -> None:
    from rich.live import Live

    with Live(auto_refresh=False, screen=False) as live:
        while True:
            found = await _matching(registry, services)
            live.update(rich_table(COLUMNS, [row(instance) for instance in found]), refresh=True)
            await asyncio.sleep(interval)


def _print_change(before: dict[Any, Instance], now: dict[Any, Instance], as_json: bool) -> None:
    if as_json:
        print_json([describe(instance) for instance in now.values()], one_line=True)
    else:
        clock = time.strftime("%H:%M:%S")
        for identity in sorted(before.keys() | now.keys()):
            was, instance = before.get(identity), now.get(identity)
            if was == instance:
                continue
            sign, shown = ("-", was) if instance is None else ("+" if was is None else "~", instance)
            assert shown is not None
            click.echo("  ".join((clock, sign, str(shown.service), shown.address, f"weight {shown.weight}")))
    sys.stdout.flush()


def row(instance: Instance) -> list[str]:
    """One line of the table."""
    service = instance.service
    age = age_of(instance.timestamp, time.time()) if instance.timestamp else None
    effective = instance.weight if age is None else weight_at(age, instance.weight, instance.warmup)
    cells = [
        service.interface,
        service.version,
        service.group,
        instance.address,
        str(instance.weight) if effective == instance.weight else f"{effective}/{instance.weight}",
        instance.tag,
        instance.application,
        "" if age is None else format_age(age),
        ",".join(instance.methods),
    ]
    return [printable(cell) or "-" for cell in cells]


def describe(instance: Instance) -> dict[str, Any]:
    """The instance for programs: every field, seconds as numbers."""
    age = age_of(instance.timestamp, time.time()) if instance.timestamp else None
    return {
        "service": instance.service.interface,
        "group": instance.service.group,
        "version": instance.service.version,
        "address": instance.address,
        "weight": instance.weight,
        "effective_weight": instance.weight if age is None else weight_at(age, instance.weight, instance.warmup),
        "warmup": instance.warmup,
        "tag": instance.tag,
        "application": instance.application,
        "age": None if age is None else round(age, 3),
        "methods": list(instance.methods),
        "options": instance.options.given(),
        "method_options": {name: options.given() for name, options in instance.method_options.items()},
        "params": dict(instance.params),
    }


def format_age(seconds: float) -> str:
    """Two units at most: ``12s``, ``3m05s``, ``2h07m``, ``4d03h``."""
    whole = int(seconds)
    for size, unit, smaller, name in ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s")):
        if whole >= size:
            return f"{whole // size}{unit}{whole % size // smaller:02}{name}"
    return f"{whole}s"
