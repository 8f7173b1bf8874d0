"""``memory://name``: discovery inside one process, for tests, with the faults a test wants to see.

Registries of one name share a ``Space``, which ``space(name)`` gives to the test::

    orders = space("orders")
    orders.fail()       # an outage: consumers go on with what they know
    orders.recover()

What providers want published and what consumers see are kept apart: an outage and a lost session are nothing
but the second lagging behind the first. A space lives as long as somebody holds it, so a finished test leaves
nothing behind. Registries of one space may belong to loops of different threads.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import threading
import warnings
import weakref
from collections.abc import Callable
from typing import Any

from rpcore.abc import InstanceListener
from rpcore.errors import LocalProtocolError, RegistryError
from rpcore.model import Instance, ServiceKey
from rpcore.registry._url import RegistryURL

log = logging.getLogger("rpcore.registry.memory")

# Identity -> (order of registration in the space, instance)
_Table = dict[tuple[ServiceKey, str], tuple[int, Instance]]


class Space:
    """The registries of one name, and the switches for faults. Safe to use from any thread."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._lock = threading.RLock()
        self._registries: weakref.WeakSet[MemoryRegistry] = weakref.WeakSet()
        self._order = itertools.count()
        self._outage = ""
        self._paused = False

    def __repr__(self) -> str:
        state = f", outage: {self._outage}" if self._outage else ", paused" if self._paused else ""
        return f"<Space memory://{self.name}: {len(self._visible())} instances{state}>"

    def pause(self) -> None:
        """Listeners are told nothing until ``resume``."""
        with self._lock:
            self._paused = True

    def resume(self) -> None:
        """Listeners are told their present lists, where those have changed."""
        with self._lock:
            self._paused = False
            self._notify()

    def fail(self, reason: str = "made to fail by a test") -> None:
        """Begin an outage, which ``recover`` ends.

        Listeners are told nothing, ``instances()`` raises RegistryError, and what is registered or taken back
        takes effect after the outage.
        """
        with self._lock:
            self._outage = reason

    def recover(self) -> None:
        """End the outage."""
        with self._lock:
            self._outage = ""
            for registry in self._registries:
                registry._published = dict(registry._wanted)
            self._notify()

    def expire(self) -> None:
        """Lose every session: listeners see their lists empty, then filled again as providers re-register."""
        with self._lock:
            registries = list(self._registries)
            for registry in registries:
                registry._published = {}
            self._notify()
            for registry in registries:
                registry._call(self._publish, registry)

    def _join(self, registry: MemoryRegistry) -> None:
        with self._lock:
            self._registries.add(registry)

    def _leave(self, registry: MemoryRegistry) -> None:
        with self._lock:
            self._registries.discard(registry)
            self._notify()

    def _register(self, registry: MemoryRegistry, instance: Instance) -> None:
        with self._lock:
            registry._wanted[instance.identity] = next(self._order), instance
            self._publish(registry)

    def _unregister(self, registry: MemoryRegistry, instance: Instance) -> None:
        with self._lock:
            registry._wanted.pop(instance.identity, None)
            self._publish(registry)

    def _publish(self, registry: MemoryRegistry) -> None:
        with self._lock:
            if not self._outage and registry in self._registries:
                registry._published = dict(registry._wanted)
                self._notify()

    def _notify(self) -> None:
        for registry in self._registries:
            for subscription in registry._subscriptions:
                subscription.plan()

    def _visible(self) -> list[Instance]:
        with self._lock:
            youngest: _Table = {}
            for registry in self._registries:
                for identity, entry in registry._published.items():
                    youngest[identity] = max(entry, youngest.get(identity, entry), key=lambda found: found[0])
            return [youngest[identity][1] for identity in sorted(youngest)]

    def _list(self, key: ServiceKey) -> tuple[Instance, ...] | None:
        """What a listener is to be told now, if anything."""
        with self._lock:
            if self._outage or self._paused:
                return None
            return tuple(instance for instance in self._visible() if instance.service == key)


_spaces: weakref.WeakValueDictionary[tuple[int, str], Space] = weakref.WeakValueDictionary()
_spaces_lock = threading.Lock()


def space(name: str) -> Space:
    """The space that registries with the URL ``memory://name`` share in this process."""
    key = os.getpid(), name  # a forked child starts with empty spaces
    with _spaces_lock:
        found = _spaces.get(key)
        if found is None:
            found = _spaces[key] = Space(name)
        return found


class MemorySubscription:
    """One listener; told on its registry's loop, once for all changes made before it gets its turn."""

    def __init__(self, registry: MemoryRegistry, key: ServiceKey, listener: InstanceListener) -> None:
        self._registry = registry
        self._key = key
        self._listener = listener
        self._told: tuple[Instance, ...] | None = None
        self._planned = False

    def plan(self) -> None:
        """Have the listener told soon; called with the space locked."""
        if not self._planned:
            self._planned = True
            self._registry._call(self._tell)

    def close(self) -> None:
        with self._registry.space._lock:
            self._registry._subscriptions.pop(self, None)

    def _tell(self) -> None:
        self._planned = False
        instances = self._registry.space._list(self._key)
        if instances is None or instances == self._told or self not in self._registry._subscriptions:
            return
        self._told = instances
        try:
            self._listener(instances)
        except Exception:
            log.exception("listener of %s failed", self._key)


class MemoryRegistry:
    """A registry in a space of this process. See ``rpcore.abc.Registry`` for what the methods promise."""

    _loop: asyncio.AbstractEventLoop | None = None

    def __init__(self, name: str = "default") -> None:
        self.url = f"memory://{name}"
        self.space = space(name)
        self._closed = False
        self._wanted: _Table = {}
        self._published: _Table = {}
        self._subscriptions: dict[MemorySubscription, None] = {}

    def __repr__(self) -> str:
        state = "closed" if self._closed else "started" if self._loop else "not started"
        return (
            f"<MemoryRegistry {self.url} {state}, registered {len(self._wanted)}, "
            f"subscriptions {len(self._subscriptions)}>"
        )

    async def start(self) -> None:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self.space._join(self)
        self._check_usable()

    async def register(self, instance: Instance) -> None:
        self._check_usable()
        self.space._register(self, instance)

    async def unregister(self, instance: Instance) -> None:
        self._check_usable()
        self.space._unregister(self, instance)

    async def subscribe(self, key: ServiceKey, listener: InstanceListener) -> MemorySubscription:
        self._check_usable()
        subscription = MemorySubscription(self, key, listener)
        with self.space._lock:
            self._subscriptions[subscription] = None
            subscription.plan()
        return subscription

    async def instances(self) -> list[Instance]:
        """See the contract. Raises RegistryError during an outage."""
        self._check_usable()
        if self.space._outage:
            raise RegistryError(f"{self.url}: {self.space._outage}")
        return self.space._visible()

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        with self.space._lock:
            self._subscriptions.clear()
            self._wanted.clear()
            self.space._leave(self)

    async def __aenter__(self) -> MemoryRegistry:
        await self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    def __del__(self, _warn: Any = warnings.warn) -> None:
        if self._loop is not None and not self._closed:
            _warn(f"{self!r} was not closed: await its aclose()", ResourceWarning, source=self)

    def _check_usable(self) -> None:
        if self._closed:
            raise LocalProtocolError(f"{self!r}: closed; make another registry object")
        if self._loop is None:
            raise LocalProtocolError(f"{self!r}: await its start() first")
        if self._loop is not asyncio.get_running_loop():
            raise LocalProtocolError(f"{self!r}: belongs to another event loop; make one registry object per loop")

    def _call(self, function: Callable[..., None], *arguments: Any) -> None:
        """Run on our loop, soon. A loop that was closed without closing us has nobody left to tell."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *arguments)


def from_url(url: RegistryURL) -> MemoryRegistry:
    """``memory://name``; without a name it is ``default``."""
    url.allow()
    name = "".join(host for host, _ in url.hosts) + url.path.rstrip("/")
    return MemoryRegistry(name or "default")
