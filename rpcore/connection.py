"""The Python face of the sans-IO connection, and the table by which a server finds its methods.

``Connection`` itself is in ``_core_parts/connection.pxi``: bytes in, calls and requests and events out. It
needs neither a socket nor a clock. Frames are parsed in ``Connection.consume``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from rpcore import errors
from rpcore._codec import ANY
from rpcore._core import Connection, Engine, Entry, Request
from rpcore.model import ServiceKey

logger = logging.getLogger("rpcore.server")

NO_VERSION = ("", "0.0.0")


def request_prefix(key: ServiceKey, method: str) -> bytes:
    """The constant first bytes of every request to one method: ``array(7)``, path, version, group, method."""
    packed = b"".join(ANY.dumps(text) for text in (key.interface, key.version, key.group, method))
    return b"\x97" + packed


class Dispatch:
    """What one server serves: request prefix -> Entry, with an explanation for what is missing.

    Shared by all connections of the server; a changed table is swapped in whole.
    """

    def __init__(self, entries: Iterable[Entry] = (), *, send_traceback: bool = False) -> None:
        self.send_traceback = send_traceback
        self.entries: tuple[Entry, ...] = ()
        self._by_prefix: dict[bytes, Entry] = {}
        self.find = self._by_prefix.get
        self.replace(entries)

    def replace(self, entries: Iterable[Entry]) -> None:
        """Serve exactly ``entries`` from the next request on."""
        self.entries = tuple(entries)
        self._by_prefix = {entry.prefix: entry for entry in self.entries}
        self.find = self._by_prefix.get

    def find_names(self, path: str, version: str, group: str, method: str) -> Entry:
        """Find by names, treating ``""`` and ``"0.0.0"`` as the same version.

        Args:
            method: its msgpack name: of an overload, ``over(I)``.

        Raises:
            UnknownService: no such interface, or not in this version or group; names what there is.
            UnknownMethod: the service has no such method; names the nearest.
        """
        if version in NO_VERSION:
            version = ""
        key = ServiceKey(path, group, version)
        of_service = [e for e in self.entries if _without_version(e.service) == key]
        if of_service:
            found = self.find(request_prefix(of_service[0].service, method))
            if found is not None:
                return found
            raise errors.UnknownMethod(f"{key} has no method {method!r}{_near(method, (e.method for e in of_service))}")
        same = sorted({str(e.service) for e in self.entries if e.service.interface == path})
        if same:
            raise errors.UnknownService(f"no service {key} here; of this interface there is {', '.join(same)}")
        raise errors.UnknownService(f"no service {key} here{_near(path, (e.service.interface for e in self.entries))}")

    def traceback(self, error: BaseException) -> str | None:
        """What a caller may see of the traceback: nothing unless the server allows it."""
        if not self.send_traceback:
            return None
        import traceback

        return "".join(traceback.format_exception(error))

    def report(self, request: Request, error: BaseException) -> None:
        """Log what a handler did wrong. Declared exceptions are answers, not faults."""
        if any(isinstance(error, plan.cls) for plan in request.entry.errors):
            return
        logger.error(
            "%s.%s, called by %s, failed: %s: %s",
            request.service,
            request.method,
            request.peer,
            type(error).__name__,
            error,
            exc_info=error,
        )


def _without_version(key: ServiceKey) -> ServiceKey:
    return ServiceKey(key.interface, key.group) if key.version in NO_VERSION else key


def _near(name: str, known: Iterable[str]) -> str:
    import difflib  # only where something is wrong

    names = sorted(set(known))
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5) or names[:5]
    return f"; there is {', '.join(close)}" if close else "; nothing is served here"


__all__ = ["Connection", "Dispatch", "Engine", "request_prefix"]
