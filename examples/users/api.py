"""The contract. Provider and consumer import it; it needs nothing but rpcore."""

from dataclasses import dataclass, field
from typing import Protocol

import rpcore


@dataclass
class User:
    """What travels: any dataclass."""

    id: int
    name: str
    tags: list[str] = field(default_factory=list)


@dataclass
class NotFound(Exception):
    """A declared exception: its fields travel, and the consumer catches this very class."""

    user_id: int


@rpcore.interface("org.demo.UserService", version="1.0.0", timeout=1.0, loadbalance="leastactive")
class UserService(Protocol):
    """Users of the demo."""

    @rpcore.method(idempotent=True, raises=(NotFound,))
    async def find(self, user_id: int) -> User:
        """The user with this id. Harmless to repeat, so a lost answer may be asked for again."""
        ...

    @rpcore.method(idempotent=True, timeout=0.3, retries=2)
    async def find_all(self, ids: list[int]) -> list[User]: ...

    @rpcore.method(cluster="failfast", raises=(NotFound,))
    async def rename(self, user_id: int, name: str) -> User:
        """Not to be done twice: one attempt."""
        ...
