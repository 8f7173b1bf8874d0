"""The contracts of everything that can be replaced. The docstring of each is its specification."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeAlias, runtime_checkable

from rpcore.model import Instance, Invocation, ServiceKey

Invoker: TypeAlias = Callable[[Invocation], Awaitable[Any]]
"""``async (Invocation) -> value``: the one call shape. Raises; never returns an error."""


class Filter(Protocol):
    """Wraps an invoker: ``async def filter(invocation, call_next): return await call_next(invocation)``.

    A filter may change arguments and attachments, answer without calling on, call on more than once
    (only where the method is idempotent), and raise. It must let ``CancelledError`` through. One filter
    object serves many calls at once. It is awaited in the caller's task and context.
    """

    def __call__(self, invocation: Invocation, call_next: Invoker, /) -> Awaitable[Any]: ...


InstanceListener: TypeAlias = Callable[[tuple[Instance, ...]], None]
"""Told the complete new provider list, on the registry's loop, in order; must return at once."""


class Subscription(Protocol):
    """A live interest in one service; ``close()`` ends it and never blocks. No call after it returned."""

    def close(self) -> None: ...


@runtime_checkable
class Registry(Protocol):
    """Service discovery. ``rpcore.testing.check_registry`` is this contract as tests.

    Lifetime: constructed without IO, then ``await start()``, used from that loop only, ``await aclose()``.
    ``start`` returns when the registry is reachable or after its connect timeout: an unreachable registry
    is retried in the background, and what was registered and subscribed meanwhile takes effect then.
    """

    url: str

    async def start(self) -> None:
        """Connect. Raises ConfigurationError for an unusable URL or directory, never for an outage."""
        ...

    async def register(self, instance: Instance) -> None:
        """Publish ``instance`` until ``unregister`` or the end of this process, whichever comes first.

        Registering the same ``identity`` again replaces what was published (weight, tag, options).
        """
        ...

    async def unregister(self, instance: Instance) -> None:
        """Take it back; subscribers are told. Not registered: no error."""
        ...

    async def subscribe(self, key: ServiceKey, listener: InstanceListener) -> Subscription:
        """Watch the providers of exactly this interface, group and version.

        The listener is called once with the present list (also when it is empty) before this returns
        or soon after, and then with every change. Lists are sorted by address and free of duplicates. A failing
        listener is logged and does not disturb the others.
        """
        ...

    async def instances(self) -> Sequence[Instance]:
        """All providers of all services at this moment (for ``rpcore ls``)."""
        ...

    async def aclose(self) -> None:
        """Unregister what this object registered, stop telling listeners, free everything. Idempotent."""
        ...
