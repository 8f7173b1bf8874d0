"""The tools for other people's tests, and that the contract check finds what is wrong."""

from __future__ import annotations

import pytest

from rpcore.registry.memory import MemoryRegistry
from rpcore.testing import ManualClock, check_registry


def test_manual_clock():
    clock = ManualClock(10.0)
    assert clock() == 10.0
    clock.advance(0.5)
    assert clock() == 10.5 and repr(clock) == "<ManualClock 10.5>"
    with pytest.raises(ValueError, match="does not go back"):
        clock.advance(-1)


class Unsorted(MemoryRegistry):
    async def subscribe(self, key, listener):
        return await super().subscribe(key, lambda instances: listener(instances[::-1]))


class Deaf(MemoryRegistry):
    async def unregister(self, instance):
        self._check_usable()


class Careless(MemoryRegistry):
    async def aclose(self):
        wanted = dict(self._wanted)
        await super().aclose()
        self._wanted.update(wanted)
        self.space._registries.add(self)


@pytest.mark.parametrize(
    ("broken", "checks"),
    [
        (Unsorted, {"order_and_duplicates", "two_consumers"}),
        (Deaf, {"unregister", "listing"}),
        (Careless, {"close_registry"}),
    ],
)
def test_contract_check_finds(run, broken, checks):
    with pytest.raises(ExceptionGroup, match="registry checks failed") as caught:
        run(check_registry(lambda: broken("broken"), settle=0.1, quiet=0.02, burst=20))
    failed = {note.split("'")[1] for exc in caught.value.exceptions for note in exc.__notes__}
    assert checks <= failed, f"found only {failed}"
