"""What a provider is on disk: one file, whose lock says that the provider lives.

An entry is written under a temporary name, locked, and renamed to its final name, so whoever sees it sees it
whole and locked. From then on it never changes, and its name is never used again: a provider that publishes
something new writes another entry and removes the former one, and of two entries for one address the younger
counts. That leaves one question a reader has to ask, "is it locked?", and makes one answer final: an entry
that is not locked is dead for good, so anyone may remove it, without a race.

The kernel drops the lock when the process ends, however it ends. A shared, non-blocking lock is the reader's
question: it conflicts with the provider's exclusive one and not with other readers.

Names: ``<interface>@<digest of the service key>@<address>@<stamp>.provider``. Interface and address are there
for people and may be shortened; the digest stands for the exact key; stamps of one process grow.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import re
import stat
import time
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b

from rpcore.errors import ConfigurationError, RegistryError
from rpcore.model import Instance, ServiceKey
from rpcore.registry._descriptors import Descriptors
from rpcore.registry._instance_json import from_json, to_json

log = logging.getLogger("rpcore.registry.file")

SUFFIX = ".provider"
TEMPORARY = ".new"
LARGEST = 1 << 20  # bytes: far beyond what a provider publishes, small enough to read in one go
ABANDONED = 60.0  # seconds after which an unlocked temporary file cannot be one that is being written

_CHECK_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # a planted FIFO must not block us
_WRITE_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW


# -- the directory --


def check_directory(path: str) -> tuple[int, int]:
    """Device and inode of the directory. What is written there is trusted, so it must be ours alone.

    Raises:
        FileNotFoundError: there is nothing at ``path``.
        ConfigurationError: it is no directory, not ours, writable by others, or not accessible.
    """
    try:
        found = os.stat(path)
    except FileNotFoundError:
        raise
    except OSError as exc:
        raise ConfigurationError(_unusable(path, exc)) from exc
    mode = stat.S_IMODE(found.st_mode)
    if not stat.S_ISDIR(found.st_mode):
        raise ConfigurationError(f"registry directory {path}: not a directory; name another one: file:///directory")
    if found.st_uid != os.geteuid():
        raise ConfigurationError(
            f"registry directory {path}: owned by uid {found.st_uid}, but this process runs as uid "
            f"{os.geteuid()}; use a directory of your own (file:///directory), or change the owner"
        )
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        who = "everybody" if mode & stat.S_IWOTH else "its group"
        raise ConfigurationError(
            f"registry directory {path}: mode {mode:04o} lets {who} write there, and so publish providers "
            f"in your name; run: chmod 700 {path}"
        )
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
        raise ConfigurationError(_unusable(path, PermissionError(errno.EACCES, os.strerror(errno.EACCES))))
    return found.st_dev, found.st_ino


def make_directory(path: str) -> None:
    """Make it, with its parents, unless it is there, and check it. Raises ConfigurationError."""
    try:
        # It exists but is no directory: the check says that better.
        with contextlib.suppress(FileExistsError):
            os.makedirs(path, mode=0o700, exist_ok=True)
        check_directory(path)
    except OSError as exc:
        raise ConfigurationError(_unusable(path, exc)) from exc


def _unusable(path: str, exc: OSError) -> str:
    return (
        f"registry directory {path}: {exc.strerror}; give this user (uid {os.geteuid()}) all rights on it, "
        f"name another directory (file:///directory), or set RPCORE_HOME to one that is writable"
    )


# -- names --


def service_part(key: ServiceKey) -> str:
    """The part of an entry's name that is the same for all providers of ``key`` and no other service."""
    exact = "\0".join((key.interface, key.group, key.version)).encode("utf-8", "surrogatepass")
    return f"{_readable(key.interface, 80)}@{blake2b(exact, digest_size=10).hexdigest()}"


def service_part_of(name: str) -> str | None:
    """That part of ``name``, or ``None`` when ``name`` is not the name of an entry."""
    if not name.endswith(SUFFIX) or name.startswith("."):
        return None
    part, *rest = name.rsplit("@", 2)
    return part if len(rest) == 2 else None


def stamp_of(name: str) -> str:
    """Of two entries for one address, the one with the larger stamp counts."""
    return name.rpartition("@")[2]


def _readable(text: str, length: int) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", text)[:length].lstrip(".") or "_"


# -- the provider's side --


@dataclass(frozen=True, slots=True)
class Entry:
    """A published instance; its lock is held by ``descriptor``."""

    instance: Instance
    name: str
    descriptor: int


class EntryWriter:
    """Publishes entries of this process in one directory, which must exist."""

    def __init__(self, path: str, descriptors: Descriptors) -> None:
        self._path = path
        self._descriptors = descriptors
        self._last = 0

    def publish(self, instance: Instance) -> Entry:
        """Make the entry visible, locked. Raises RegistryError if the file system refuses."""
        self._last = max(self._last + 1, time.time_ns())
        address = _readable(instance.address, 60)
        stamp = f"{self._last:016x}{os.urandom(4).hex()}"
        name = f"{service_part(instance.service)}@{address}@{stamp}{SUFFIX}"
        final = os.path.join(self._path, name)
        temporary = os.path.join(self._path, f".{stamp}{TEMPORARY}")
        text = to_json(instance).encode("ascii")
        try:
            descriptor = self._descriptors.open(lambda: os.open(temporary, _WRITE_FLAGS, 0o600))
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.write(descriptor, text) != len(text):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.rename(temporary, final)
            except BaseException:
                _unlink(temporary)
                self._descriptors.close(descriptor)
                raise
        except OSError as exc:
            raise RegistryError(f"registry directory {self._path}: cannot publish {instance.address}: {exc}") from exc
        return Entry(instance, name, descriptor)

    def withdraw(self, entry: Entry) -> None:
        """Remove the entry, then give up its lock."""
        _unlink(os.path.join(self._path, entry.name))
        self._descriptors.close(entry.descriptor)

    def is_there(self, entry: Entry) -> bool:
        """Whether the file still has its name, or somebody has removed it."""
        try:
            found = os.stat(os.path.join(self._path, entry.name), follow_symlinks=False)
            ours = os.fstat(entry.descriptor)
        except OSError:
            return False
        return os.path.samestat(found, ours)


# -- the reader's side --


@dataclass(frozen=True, slots=True)
class _Parsed:
    version: tuple[int, int, int]  # inode, modification time, size
    instance: Instance | None  # None: the file is corrupt


_UNREADABLE = (0, 0, 0)  # the version of a file that could not be opened


class EntryGone(Exception):
    """The entry is not there any more, or its provider is dead."""


class EntryReader:
    """Reads entries of one directory, each version of a file once, and removes dead ones."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._parsed: dict[str, _Parsed] = {}

    def names(self) -> list[str]:
        """Names of all files of the directory; none while there is no directory."""
        try:
            return os.listdir(self._path)
        except (FileNotFoundError, NotADirectoryError):
            return []

    def read(self, name: str) -> Instance | None:
        """The instance of a living provider, the same object while its file is unchanged.

        ``None`` if its content makes no sense, of which a warning tells once. Raises EntryGone.
        """
        path = os.path.join(self._path, name)
        try:
            descriptor = os.open(path, _CHECK_FLAGS)
        except (FileNotFoundError, NotADirectoryError):
            self._parsed.pop(name, None)
            raise EntryGone(name) from None
        except OSError as exc:
            return self._keep(name, exc)
        try:
            if _is_unlocked(descriptor):
                self._parsed.pop(name, None)
                _unlink(path)
                raise EntryGone(name)
            found = os.fstat(descriptor)
            version = found.st_ino, found.st_mtime_ns, found.st_size
            parsed = self._parsed.get(name)
            if parsed is None or parsed.version != version:
                parsed = self._parsed[name] = _Parsed(version, self._parse(name, descriptor, found))
            return parsed.instance
        finally:
            os.close(descriptor)

    def forget(self, names: Iterable[str]) -> None:
        """Drop what is remembered of these entries."""
        for name in names:
            self._parsed.pop(name, None)

    def sweep(self) -> None:
        """Remove temporary files whose writer died before it could rename them."""
        for name in self.names():
            if name.startswith(".") and name.endswith(TEMPORARY):
                with contextlib.suppress(OSError):
                    _sweep(os.path.join(self._path, name))

    def _keep(self, name: str, exc: OSError) -> Instance | None:
        """Too many open files, for example, says nothing about the provider: what was known of it stays."""
        known = self._parsed.get(name)
        if known is None or known.version != _UNREADABLE:
            log.warning("registry entry %s cannot be opened: %s", os.path.join(self._path, name), exc.strerror)
            known = self._parsed[name] = _Parsed(_UNREADABLE, known.instance if known else None)
        return known.instance

    def _parse(self, name: str, descriptor: int, found: os.stat_result) -> Instance | None:
        try:
            if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST:
                raise ValueError(f"not a file of at most {LARGEST} bytes")
            instance = from_json(os.read(descriptor, LARGEST))
            if service_part(instance.service) != service_part_of(name):
                raise ValueError(f"its name is not one of service {instance.service}")
        except (OSError, ValueError, RecursionError) as exc:
            path = os.path.join(self._path, name)
            log.warning("registry entry %s ignored: %s; remove the file, or restart its provider", path, exc)
            return None
        return instance


def _sweep(path: str) -> None:
    descriptor = os.open(path, _CHECK_FLAGS)
    try:
        if time.time() - os.fstat(descriptor).st_mtime > ABANDONED and _is_unlocked(descriptor):
            _unlink(path)
    finally:
        os.close(descriptor)


def _is_unlocked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _unlink(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)
