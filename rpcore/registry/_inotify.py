"""Linux's inotify, as much of it as watching one directory needs, through ctypes.

Which events tell what (see ``_entries`` for how entries come and go):

* ``MOVED_TO``: an entry was published.
* ``DELETE`` and ``MOVED_FROM``: it was withdrawn, or swept away.
* ``CLOSE_WRITE``: the last descriptor of an entry open for writing was closed, which is what happens when its
  provider dies, by SIGKILL too. Nobody else opens entries for writing. The kernel queues this event a moment
  *before* it drops the lock, so who looks at once may still find the entry locked and must look again.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator

CLOSE_WRITE = 0x8
MOVED_FROM = 0x40
MOVED_TO = 0x80
DELETE = 0x200
DELETE_SELF = 0x400
MOVE_SELF = 0x800
UNMOUNT = 0x2000
Q_OVERFLOW = 0x4000
IGNORED = 0x8000
ONLYDIR = 0x01000000

ENTRY_EVENTS = CLOSE_WRITE | MOVED_FROM | MOVED_TO | DELETE
"""What happens to one entry; the event carries its name."""
LOST = DELETE_SELF | MOVE_SELF | UNMOUNT | Q_OVERFLOW | IGNORED
"""Events were lost, or no more will come: look at everything anew."""

_HEADER = struct.Struct("iIII")  # watch, mask, cookie, length of the name that follows


def open_inotify() -> int:
    """A non-blocking inotify descriptor. Raises OSError where there is none (or no more: EMFILE)."""
    return _call("inotify_init1", os.O_NONBLOCK | os.O_CLOEXEC)


def watch(descriptor: int, path: str) -> None:
    """Report events of the directory ``path``. Raises OSError."""
    _call("inotify_add_watch", descriptor, os.fsencode(path), ENTRY_EVENTS | DELETE_SELF | MOVE_SELF | ONLYDIR)


def read(descriptor: int) -> Iterator[tuple[int, str]]:
    """The mask and the name (empty for the directory itself) of every event that waits."""
    while True:
        try:
            data = os.read(descriptor, 1 << 16)
        except BlockingIOError:
            return
        position = 0
        while position < len(data):
            _, mask, _, length = _HEADER.unpack_from(data, position)
            position += _HEADER.size
            name = data[position : position + length].rstrip(b"\0")
            position += length
            yield mask, os.fsdecode(name)


def _call(function: str, *arguments: int | bytes) -> int:
    try:
        call = getattr(ctypes.CDLL(None, use_errno=True), function)
    except (OSError, AttributeError) as exc:
        raise OSError(f"no {function} on this system") from exc
    result = int(call(*arguments))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
