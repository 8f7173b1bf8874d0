"""Keeps the provider lists of the subscribed services true to the directory.

One task does everything, in passes. Events only say which entries to look at; what an entry is, its file
says. So a doubled or late event costs nothing, and a lost one is made good by the next full pass: at once
when inotify says that it lost some, otherwise after ``reconcile`` seconds. Where there is no inotify, every
pass is a full one, each 50 ms; likewise while there is no directory, for which a pass is one ``stat``.

A pass waits a moment before it starts, so that a burst of changes is one pass and one notification, and gives
way to the loop after each slice of work.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from operator import itemgetter

from rpcore.abc import InstanceListener
from rpcore.errors import ConfigurationError
from rpcore.model import Instance, ServiceKey
from rpcore.registry import _inotify
from rpcore.registry._descriptors import Descriptors
from rpcore.registry._entries import (
    EntryGone,
    EntryReader,
    check_directory,
    log,
    service_part,
    service_part_of,
    stamp_of,
)

POLL = 0.05  # seconds between two looks where nobody tells us of changes
BURST = 0.005  # seconds in which changes are collected; grows with what a pass costs, up to POLL
SLICE = 0.002  # seconds of work before other callbacks of the loop get their turn
AGAIN = 0.02  # seconds until a look is repeated that came before the kernel dropped the lock
TRIES = 8  # looks at an entry whose provider seems to have closed it
RETRY = 1.0  # seconds until a pass that failed is repeated
ROUNDS = 50  # looks in one pass while a provider is replaced again and again; see look_at_each


async def look_at_each(names: Iterable[str], look: Callable[[str], bool], unknown: Callable[[], Iterable[str]]) -> None:
    """Look at each entry; where one is gone, also at what may have replaced it.

    A listing need not show an entry that was published while it was read. So we may miss the successor of an
    entry that we find gone, and its provider would vanish for a moment. A listing begun after that shows it.

    Args:
        names: the entries.
        look: looks at one; returns False when it is gone.
        unknown: lists the entries that were not found alive so far.
    """
    for _ in range(ROUNDS):
        complete = True
        began = time.perf_counter()
        for name in names:
            complete &= look(name)
            if time.perf_counter() - began > SLICE:
                await asyncio.sleep(0)
                began = time.perf_counter()
        if complete:
            return
        names = unknown()


@dataclass(slots=True, eq=False)
class FileSubscription:
    """One listener of one service."""

    watcher: Watcher
    service: _Service
    listener: InstanceListener
    closed: bool = False

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.watcher.drop(self)

    def tell(self, instances: tuple[Instance, ...]) -> None:
        if self.closed:
            return
        try:
            self.listener(instances)
        except Exception:
            log.exception("listener of %s failed", self.service.key)


@dataclass(slots=True, eq=False)
class _Service:
    key: ServiceKey
    entries: dict[str, Instance] = field(default_factory=dict)  # living ones, by name
    subscriptions: list[FileSubscription] = field(default_factory=list)
    told: tuple[Instance, ...] = ()
    loaded: asyncio.Event = field(default_factory=asyncio.Event)  # the first list has been told
    changed: bool = True


class Watcher:
    """Watches one directory, which may come and go, on the running loop.

    Args:
        path: the directory.
        reader: reads its entries.
        descriptors: where the inotify descriptor is kept.
        loop: the running loop.
        inotify: whether to use inotify; without it, or where it fails, the directory is polled.
        reconcile: seconds between two full passes that nothing has asked for, ± 20 %.
    """

    def __init__(
        self,
        path: str,
        reader: EntryReader,
        descriptors: Descriptors,
        loop: asyncio.AbstractEventLoop,
        *,
        inotify: bool,
        reconcile: float,
    ) -> None:
        self._path = path
        self._reader = reader
        self._descriptors = descriptors
        self._use_inotify = inotify
        self._reconcile = reconcile
        self._loop = loop
        self._services: dict[str, _Service] = {}
        self._loading: set[str] = set()  # services that nobody has looked at yet
        self._dirty: dict[str, int] = {}  # names to look at -> how often, while the entry stays locked
        self._again: dict[str, int] = {}
        self._everything = True
        self._cost = 0.0  # seconds the last pass took
        self._wake = asyncio.Event()
        self._inotify: int | None = None
        self._attached: tuple[int, int] | None = None  # device and inode of the watched directory
        self._complaint = ""
        self._task = self._loop.create_task(self._run(), name=f"rpcore registry {path}")

    async def subscribe(self, key: ServiceKey, listener: InstanceListener) -> FileSubscription:
        """Returns after the listener has been told its first list."""
        part = service_part(key)
        service = self._services.get(part)
        if service is None:
            service = self._services[part] = _Service(key)
            self._loading.add(part)
            self._wake.set()
        subscription = FileSubscription(self, service, listener)
        service.subscriptions.append(subscription)
        if service.loaded.is_set():
            subscription.tell(service.told)
            return subscription
        try:
            await service.loaded.wait()
        except BaseException:
            subscription.close()
            raise
        return subscription

    def drop(self, subscription: FileSubscription) -> None:
        service = subscription.service
        service.subscriptions.remove(subscription)
        if not service.subscriptions:
            del self._services[service_part(service.key)]
            self._reader.forget(service.entries)

    @property
    def services(self) -> int:
        """How many services are subscribed to."""
        return len(self._services)

    async def aclose(self) -> None:
        self._detach()
        self._task.cancel()
        await asyncio.wait([self._task])
        for service in list(self._services.values()):
            service.loaded.set()
            for subscription in list(service.subscriptions):
                subscription.close()

    # -- passes --

    async def _run(self) -> None:
        while True:
            await self._wait()
            began = time.perf_counter()
            try:
                await self._pass()
            except Exception:
                log.exception("registry directory %s: a pass failed; the next one tries again", self._path)
                self._everything = True
            self._cost = time.perf_counter() - began

    async def _wait(self) -> None:
        """Until there is something to look at."""
        try:
            async with asyncio.timeout(self._patience()):
                await self._wake.wait()
        except TimeoutError:
            self._everything = self._everything or not self._again
            return
        if not self._loading:
            await asyncio.sleep(min(max(BURST, 2 * self._cost), POLL))
        self._wake.clear()

    def _patience(self) -> float | None:
        if not self._services:
            return None
        if self._everything:
            return RETRY
        if self._again:
            return AGAIN
        if self._inotify is None:
            return max(POLL, 2 * self._cost)
        return self._reconcile * random.uniform(0.8, 1.2)

    async def _pass(self) -> None:
        full, loading, dirty = self._everything, self._loading, self._again | self._dirty
        self._everything, self._loading, self._dirty, self._again = False, set(), {}, {}
        if (full or loading) and not self._attach():
            for service in self._services.values():
                self._forget(service)
        else:
            if full or self._everything:
                self._everything = False
                known = [name for service in self._services.values() for name in service.entries]
                names = {*self._listing(self._services), *known}
            else:
                names = {*self._listing(loading), *dirty} if loading else {*dirty}
            await look_at_each(names, lambda name: self._look_at(name, dirty.get(name, 0)), self._unknown)
        for part, service in list(self._services.items()):
            if service.changed and part not in self._loading:
                self._tell(service)

    def _listing(self, parts: Collection[str]) -> list[str]:
        """Names of the present entries of these services, dead or alive."""
        return [name for name in self._reader.names() if service_part_of(name) in parts]

    def _forget(self, service: _Service) -> None:
        if service.entries:
            self._reader.forget(service.entries)
            service.entries.clear()
            service.changed = True

    def _unknown(self) -> list[str]:
        """Names of present entries that we have not found alive."""
        return [
            name
            for name in self._listing(self._services)
            if (service := self._services.get(service_part_of(name) or "")) and name not in service.entries
        ]

    def _look_at(self, name: str, tries: int) -> bool:
        """Look at one entry; False if it is gone."""
        service = self._services.get(service_part_of(name) or "")
        if service is None:
            return True
        known = service.entries.get(name)
        gone = False
        try:
            found = self._reader.read(name)
        except EntryGone:
            found, gone = None, True
        if found is not known:
            service.changed = True
            if found is None:
                del service.entries[name]
            else:
                service.entries[name] = found
        if not gone and tries > 1:
            self._again[name] = tries - 1
        return not gone

    def _tell(self, service: _Service) -> None:
        service.changed = False
        ordered = sorted(
            ((found.address, stamp_of(name), found) for name, found in service.entries.items()),
            key=itemgetter(0, 1),
        )
        # Of two entries for one address the younger is the later one here, and stays.
        instances = tuple({address: found for address, _, found in ordered}.values())
        if service.loaded.is_set() and instances == service.told:
            return
        service.told = instances
        service.loaded.set()
        for subscription in list(service.subscriptions):
            subscription.tell(instances)

    # -- the directory --

    def _attach(self) -> bool:
        """Whether the directory is there and usable; from then on its events arrive."""
        try:
            found = check_directory(self._path)
            if found != self._attached:
                self._detach()
                self._listen()
                if check_directory(self._path) != found:  # replaced while we began to listen
                    self._detach()
                    return False
                self._attached = found
                self._everything = True  # for what came before we listened
                self._reader.sweep()
        except FileNotFoundError:
            self._detach()
            return False
        except ConfigurationError as exc:
            self._detach()
            if str(exc) != self._complaint:
                self._complaint = str(exc)
                log.warning("%s; until then no provider is seen there", exc)
            return False
        self._complaint = ""
        return True

    def _listen(self) -> None:
        if not self._use_inotify:
            return
        try:
            self._inotify = self._descriptors.open(_inotify.open_inotify)
            _inotify.watch(self._inotify, self._path)
        except OSError as exc:
            if self._inotify is not None:
                self._descriptors.close(self._inotify)
                self._inotify = None
            if isinstance(exc, (FileNotFoundError, NotADirectoryError)):
                raise FileNotFoundError(self._path) from exc
            self._use_inotify = False
            log.warning("registry directory %s: no inotify (%s), so it is polled every 50 ms", self._path, exc)
            return
        self._loop.add_reader(self._inotify, self._on_events, self._inotify)

    def _detach(self) -> None:
        self._attached = None
        if self._inotify is not None:
            self._loop.remove_reader(self._inotify)
            self._descriptors.close(self._inotify)
            self._inotify = None

    def _on_events(self, descriptor: int) -> None:
        for mask, name in _inotify.read(descriptor):
            if mask & _inotify.LOST:
                self._everything = True
                if mask & ~_inotify.Q_OVERFLOW & _inotify.LOST:
                    self._attached = None  # listen anew, if there is a directory
            elif mask & _inotify.ENTRY_EVENTS and service_part_of(name) in self._services:
                self._dirty[name] = TRIES if mask & _inotify.CLOSE_WRITE else self._dirty.get(name, 1)
        if self._everything or self._dirty:
            self._wake.set()
