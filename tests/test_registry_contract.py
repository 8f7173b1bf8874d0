"""Our own registries pass the contract that they are measured by."""

from __future__ import annotations

import pytest

from rpcore.abc import Registry
from rpcore.registry.file import FileRegistry
from rpcore.registry.memory import MemoryRegistry, space
from rpcore.testing import check_registry, registry_checks


@pytest.mark.parametrize("check", registry_checks())
def test_memory(run, check):
    shared = space("contract")

    async def lose_session(registry: Registry) -> None:
        shared.expire()

    run(
        check_registry(
            lambda: MemoryRegistry("contract"),
            quiet=0.02,
            burst=1000,
            lose_session=lose_session,
            only=[check],
        )
    )


@pytest.mark.parametrize("inotify", [True, False], ids=["inotify", "polling"])
@pytest.mark.parametrize("check", registry_checks())
def test_file(run, tmp_path, check, inotify):
    def make() -> FileRegistry:
        return FileRegistry(tmp_path / "registry", inotify=inotify, reconcile=0.1)

    async def lose_session(registry: Registry) -> None:
        for entry in (tmp_path / "registry").iterdir():
            entry.unlink()

    run(check_registry(make, quiet=0.1, burst=1000, lose_session=lose_session, only=[check]))
