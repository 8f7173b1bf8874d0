"""File descriptors that belong to one process and that a forked child closes at once.

A lock taken with ``flock`` lives as long as any descriptor of its open file, and a forked child inherits them
all: without this module a provider's entry would outlive the provider for as long as some child of it runs.
The hooks are process-wide because a fork is. In the child they only close descriptors and set a flag: no
lock is waited for, no file touched, and the loop the child has inherited is left alone.
"""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections.abc import Callable


class Descriptors:
    """The descriptors of one object.

    Attributes:
        pid: the process that made the object.
        inherited: whether this is the copy in a forked child, which holds no descriptor.
    """

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.inherited = False
        self._open: set[int] = set()
        with _no_fork:
            _all.add(self)

    def open(self, opener: Callable[[], int]) -> int:
        """The descriptor that ``opener`` opens; no fork can happen before it is known here."""
        with _no_fork:
            descriptor = opener()
            self._open.add(descriptor)
            return descriptor

    def close(self, descriptor: int) -> None:
        """Close one; nothing happens if it is closed already."""
        with _no_fork:
            if descriptor in self._open:
                self._open.remove(descriptor)
                os.close(descriptor)

    def close_all(self) -> None:
        with _no_fork:
            while self._open:
                os.close(self._open.pop())


# Held while a descriptor is opened or closed, and while the process forks. Reentrant, for a signal handler
# that forks.
_no_fork = threading.RLock()
_all: weakref.WeakSet[Descriptors] = weakref.WeakSet()


def _in_child() -> None:
    for descriptors in list(_all):
        descriptors.inherited = True
        for descriptor in descriptors._open:
            with contextlib.suppress(OSError):
                os.close(descriptor)
        descriptors._open.clear()
    _all.clear()
    _no_fork.release()


os.register_at_fork(before=_no_fork.acquire, after_in_parent=_no_fork.release, after_in_child=_in_child)
