"""``file:///directory``: discovery on one machine without any server.

Each provider is one file in the directory, alive while its lock is held (``_entries``); consumers watch the
directory (``_watch``). No process is in charge, nothing is polled over a network, and nothing has to be
cleaned up after a crash, a SIGKILL or a reboot: the kernel releases the lock, and a file without a lock is no
provider.

The directory is made when the first provider publishes itself. It is trusted, so it must belong to the user
and be writable by nobody else.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import warnings
from typing import Any

from rpcore.abc import InstanceListener
from rpcore.errors import ConfigurationError, LocalProtocolError, RegistryError
from rpcore.model import Instance, ServiceKey
from rpcore.registry._descriptors import Descriptors
from rpcore.registry._entries import (
    Entry,
    EntryGone,
    EntryReader,
    EntryWriter,
    check_directory,
    log,
    make_directory,
    service_part_of,
    stamp_of,
)
from rpcore.registry._url import RegistryURL
from rpcore.registry._watch import FileSubscription, Watcher, look_at_each

RECONCILE = 5.0


class FileRegistry:
    """A registry in a directory of this machine. See ``rpcore.abc.Registry`` for what the methods promise.

    Args:
        path: the directory. It need not exist: it is made (mode 0700) by the first ``register``.
        inotify: whether to be told of changes by the kernel. Without it, or on a system that has none, the
            directory is read every 50 ms.
        reconcile: seconds (± 20 %) after which everything is looked at again, in case a change was missed,
            and an entry of ours that somebody removed is published again.
    """

    def __init__(self, path: str | os.PathLike[str], *, inotify: bool = True, reconcile: float = RECONCILE) -> None:
        self.path = os.path.abspath(os.fspath(path))
        self.url = str(RegistryURL("file", path=self.path))
        self._inotify = inotify
        self._reconcile = reconcile
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        self._own: dict[tuple[ServiceKey, str], Entry] = {}
        self._reader = EntryReader(self.path)
        self._watcher: Watcher | None = None
        self._timer: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        state = "closed" if self._closed else "started" if self._loop else "not started"
        services = self._watcher.services if self._watcher else 0
        return f"<FileRegistry {self.url} {state}, registered {len(self._own)}, subscribed {services}>"

    async def start(self) -> None:
        if self._closed:
            raise LocalProtocolError(f"{self!r}: closed; make another registry object")
        if self._loop is not None:
            self._check_usable()
            return
        with contextlib.suppress(FileNotFoundError):  # the first provider makes it
            check_directory(self.path)
        self._loop = asyncio.get_running_loop()
        self._descriptors = Descriptors()
        self._writer = EntryWriter(self.path, self._descriptors)

    async def register(self, instance: Instance) -> None:
        """See the contract. Raises ConfigurationError (unusable directory), RegistryError (disk full, …)."""
        self._check_usable()
        former = self._own.get(instance.identity)
        if former and former.instance == instance and self._writer.is_there(former):
            return
        self._publish(instance)
        if self._timer is None:
            self._plan_reconciliation()

    async def unregister(self, instance: Instance) -> None:
        self._check_usable()
        if entry := self._own.pop(instance.identity, None):
            self._writer.withdraw(entry)

    async def subscribe(self, key: ServiceKey, listener: InstanceListener) -> FileSubscription:
        """See the contract; the first list has been told when this returns."""
        loop = self._check_usable()
        if self._watcher is None:
            self._watcher = Watcher(
                self.path,
                self._reader,
                self._descriptors,
                loop,
                inotify=self._inotify,
                reconcile=self._reconcile,
            )
        return await self._watcher.subscribe(key, listener)

    async def instances(self) -> list[Instance]:
        self._check_usable()
        found: dict[str, Instance | None] = {}

        def look(name: str) -> bool:
            try:
                found[name] = self._reader.read(name)
            except EntryGone:
                return False
            return True

        def unknown() -> list[str]:
            return [name for name in self._reader.names() if service_part_of(name) and name not in found]

        await look_at_each(unknown(), look, unknown)
        youngest: dict[tuple[ServiceKey, str], Instance] = {}
        for name in sorted(found, key=stamp_of):
            if instance := found[name]:
                youngest[instance.identity] = instance
        return [youngest[identity] for identity in sorted(youngest)]

    async def aclose(self) -> None:
        if self._closed or self._loop is None or self._descriptors.inherited:
            self._closed = True
            return
        if self._loop is not asyncio.get_running_loop() and not self._loop.is_closed():
            raise LocalProtocolError(f"{self!r}: belongs to another event loop; close it there")
        self._closed = True
        if self._timer:
            self._timer.cancel()
        for entry in self._own.values():
            self._writer.withdraw(entry)
        self._own.clear()
        if self._watcher and not self._loop.is_closed():
            await self._watcher.aclose()
        self._descriptors.close_all()

    async def __aenter__(self) -> FileRegistry:
        await self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    def __del__(self, _warn: Any = warnings.warn) -> None:
        if self._loop is None or self._closed or self._descriptors.inherited:
            return
        _warn(f"{self!r} was not closed: await its aclose()", ResourceWarning, source=self)
        self._descriptors.close_all()

    # -- inside --

    def _check_usable(self) -> asyncio.AbstractEventLoop:
        if self._closed:
            raise LocalProtocolError(f"{self!r}: closed")
        if self._loop is None:
            raise LocalProtocolError(f"{self!r}: await its start() first")
        if self._descriptors.inherited:
            raise LocalProtocolError(
                f"{self!r}: belongs to process {self._descriptors.pid}, which started it before it forked "
                f"this one (process {os.getpid()}); make another registry object here"
            )
        if self._loop is not asyncio.get_running_loop():
            raise LocalProtocolError(f"{self!r}: belongs to another event loop; make one registry object per loop")
        return self._loop

    def _publish(self, instance: Instance) -> None:
        make_directory(self.path)
        entry = self._writer.publish(instance)
        former = self._own.get(instance.identity)
        self._own[instance.identity] = entry
        if former:
            self._writer.withdraw(former)

    def _plan_reconciliation(self) -> None:
        assert self._loop is not None
        self._timer = self._loop.call_later(self._reconcile * random.uniform(0.8, 1.2), self._republish)

    def _republish(self) -> None:
        """Publish again what somebody removed, together with the directory if need be."""
        self._plan_reconciliation()
        for entry in list(self._own.values()):
            if self._writer.is_there(entry):
                continue
            try:
                self._publish(entry.instance)
            except (ConfigurationError, RegistryError) as exc:
                log.warning("%s is not published any more: %s", entry.instance.address, exc)
            else:
                log.warning("%s: the entry of %s was removed; published it again", self.path, entry.instance.address)


def default_directory() -> str:
    """Where the embedded registry is when no URL is given: the same for all processes of a user on a machine.

    ``$RPCORE_HOME/registry``; without that variable ``rpcore/<machine>/registry`` in ``$XDG_STATE_HOME`` or
    ``~/.local/state``. The runtime directory of a login session would be another one, or none, for a cron job
    or a service; and the name of the machine keeps machines apart that share a home directory.
    """
    if home := os.environ.get("RPCORE_HOME"):
        return os.path.join(home, "registry")
    state = os.environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(state):  # relative ones are to be ignored, says the XDG specification
        home = os.path.expanduser("~")
        if not os.path.isabs(home):  # no $HOME and no entry in the user database
            raise ConfigurationError(
                f"no home directory for uid {os.geteuid()}, so no place for the embedded registry: "
                f"set RPCORE_HOME to a directory, or name a registry: file:///directory"
            )
        state = os.path.join(home, ".local", "state")
    machine = os.uname().nodename.partition(".")[0].lower() or "localhost"
    return os.path.join(state, "rpcore", machine, "registry")


def from_url(url: RegistryURL) -> FileRegistry:
    """``file:///directory``; ``?watch=poll`` reads the directory every 50 ms instead of using inotify."""
    url.allow("watch")
    if url.hosts and url.hosts != (("localhost", None),):
        raise ConfigurationError(f"registry URL {str(url)!r}: a directory has no host; write three slashes: file:///…")
    if not url.path.strip("/"):
        raise ConfigurationError(f"registry URL {str(url)!r}: no directory; write file:///directory")
    watch = url.params.get("watch", "auto")
    if watch not in ("auto", "poll"):
        raise ConfigurationError(f"registry URL {str(url)!r}: watch={watch}: expected 'auto' or 'poll'")
    return FileRegistry(url.path, inotify=watch == "auto")
