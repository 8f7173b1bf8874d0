"""What the shell may complete: services and methods that the registry knows."""

from __future__ import annotations

import asyncio

import click

from rpcore.errors import RpcError
from rpcore.model import Instance
from rpcore.registry import connect


def complete_target(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """``service.method`` of every provider. Silent when there is no registry: a shell cannot show why."""
    found = {f"{i.service.interface}.{method}" for i in _instances(ctx) for method in i.methods}
    return sorted(name for name in found if name.startswith(incomplete))


def complete_service(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Interface names of every provider."""
    found = {i.service.interface for i in _instances(ctx)}
    return sorted(name for name in found if name.startswith(incomplete))


def _instances(ctx: click.Context) -> list[Instance]:
    async def read() -> list[Instance]:
        registry = connect(ctx.params.get("registry"))
        try:
            await registry.start()
            return list(await registry.instances())
        finally:
            await registry.aclose()

    try:
        return asyncio.run(read())
    except RpcError:
        return []
