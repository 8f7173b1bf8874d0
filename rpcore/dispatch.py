"""The table by which a server finds what a request calls, in either serialization, and says what is missing.

By bytes where they are as we would write them; by names, once, where another peer wrote them. Which method is
meant when a peer's types differ from ours is decided in ``Dispatch.route``.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from rpcore import errors
from rpcore._codec import ANY, HessianWriter
from rpcore._core import Entry, Request, Route
from rpcore.model import ServiceKey

if TYPE_CHECKING:
    from rpcore.javatypes import JavaException

logger = logging.getLogger("rpcore.server")

NO_VERSION = ("", "0.0.0")

PROTOCOL_VERSION = "2.0.2"
"""What Dubbo calls the version of its protocol: every peer since 2.6 sends this one."""

LEARNED = 4096
"""Foreign beginnings of requests that are kept with what they mean, at most."""


def request_prefix(key: ServiceKey, method: str) -> bytes:
    """The constant first bytes of every request to one method: ``array(7)``, path, version, group, method."""
    packed = b"".join(ANY.dumps(text) for text in (key.interface, key.version, key.group, method))
    return b"\x97" + packed


def hessian_prefix(key: ServiceKey, method: str, descriptor: str) -> bytes:
    """What every hessian2 request to one method begins with: protocol version, path, version, method, types."""
    texts = (PROTOCOL_VERSION, key.interface, key.version or "0.0.0", method, descriptor)
    return HessianWriter().dumps(None, *texts)


class Dispatch:
    """What one server serves: request prefix -> Entry, with an explanation for what is missing.

    A hessian2 request does not name its group at the beginning, so its first bytes lead to a ``Route``: the entries
    of all groups. What a consumer writes otherwise than we would (boxed types, no version) is found by names once
    and remembered.

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
        named: dict[tuple[str, str, str], list[Entry]] = {}
        for entry in self.entries:
            if entry.hessian_prefix is not None:
                named.setdefault(_name_of(entry), []).append(entry)
        # As an entry declares them; in other groups the same bytes may mean another declaration.
        self._routes = {
            prefix: Route(
                prefix, entry.parameters, overload(named[_name_of(entry)], split_descriptor(entry.descriptor))
            )
            for entry in self.entries
            if (prefix := entry.hessian_prefix) is not None
        }
        self._learned = 0
        self.find_route = self._routes.get

    def find_names(self, path: str, version: str, group: str, method: str) -> Entry:
        """Find by names, treating ``""`` and ``"0.0.0"`` as the same version.

        Raises:
            UnknownService: no such interface, or not in this version or group; names what there is.
            UnknownMethod: the service has no such method; names the nearest.
        """
        key = ServiceKey(path, group, "" if version in NO_VERSION else version)
        of_service = [e for e in self.entries if _without_version(e.service) == key]
        for entry in of_service:
            if entry.name == method:
                return entry
        name, bracket, types = method.removesuffix(")").partition("(")
        named = [entry for entry in of_service if entry.method == name] if bracket else []
        if named:  # a caller without the declaration, who cannot know whether there are overloads
            chosen = overload(named, split_descriptor(types))
            if chosen:
                return chosen[0]
        if of_service:
            raise self._no_method(key, method, of_service)
        raise self._no_service(key)

    def route(self, prefix: bytes, protocol: str | None, path: str | None, version: str | None, method: str | None,
              descriptor: str | None) -> Route:  # fmt: skip
        """Find what a hessian2 request means that begins otherwise than we would write it.

        A method that is not overloaded is found by its name and the number of arguments; descriptors choose only
        between overloads, because peers write them by their own types, or ``V`` for null.

        Raises:
            UnknownService, UnknownMethod, InvalidArguments: names what there is.
        """
        if path is None or method is None or descriptor is None:
            raise errors.InvalidArguments("path, method and parameter types must be strings")
        types = split_descriptor(descriptor)
        version = "" if version is None or version in NO_VERSION else version
        of_service = [
            e
            for e in self.entries
            if e.hessian_prefix is not None
            and e.service.interface == path
            and _without_version(e.service).version == version
        ]
        if not of_service:
            raise self._no_service(ServiceKey(path, "", version))
        named = [e for e in of_service if e.method == method]
        if not named:
            raise self._no_method(of_service[0].service, method, of_service)
        chosen = overload(named, types)
        if not chosen:
            raise errors.InvalidArguments(no_overload(path, method, descriptor, named))
        route = Route(prefix, len(types), chosen, plain=not _takes_attachments(protocol))
        if self._learned < LEARNED and len(prefix) <= 1024:
            self._learned += 1
            self._routes[prefix] = route
        return route

    def of_group(self, route: Route, group: object) -> Entry:
        """The entry of ``route`` whose service is in ``group`` (None and ``""``: in none).

        Raises:
            UnknownService: with Dubbo's status for it, 70.
            UnknownMethod, InvalidArguments: the group declares the service otherwise than the others.
        """
        text = "" if group is None else str(group)
        for entry in route.entries:
            if entry.service.group == text:
                return entry
        other = route.entries[0]
        key = ServiceKey(other.service.interface, text, other.service.version)
        of_service = [e for e in self.entries if _without_version(e.service) == _without_version(key)]
        if not of_service:
            raise self._no_service(key)
        named = [e for e in of_service if e.method == other.method]
        if not named:
            raise self._no_method(key, other.method, of_service)
        raise errors.InvalidArguments(f"{key}.{other.method}: called with {route.count} arguments, {_declared(named)}")

    @staticmethod
    def _no_method(key: ServiceKey, method: str, of_service: Iterable[Entry]) -> errors.UnknownMethod:
        return errors.UnknownMethod(f"{key} has no method {method!r}{_near(method, _methods(of_service))}")

    def _no_service(self, key: ServiceKey) -> errors.UnknownService:
        same = sorted({str(e.service) for e in self.entries if e.service.interface == key.interface})
        if not same:
            near = _near(key.interface, (e.service.interface for e in self.entries))
            return errors.UnknownService(f"no service {key} here{near}")
        text = f"no service {key} here; of this interface there is {', '.join(same)}"
        versions = {_without_version(e.service).version for e in self.entries if e.service.interface == key.interface}
        return OtherGroup(text) if key.version in versions else errors.UnknownService(text)

    def throwable(self, error: BaseException) -> JavaException:
        """What Java gets for an exception that is not declared: a class that every consumer of Dubbo's accepts.

        Of Python's own exceptions some have a namesake; of the others, type and message are the text of a
        RuntimeException. dubbo-protocol: a 3.3 consumer takes only what is on its allow-list, and loses the
        message of everything else.
        """
        from rpcore.javatypes import JavaException

        if isinstance(error, JavaException):
            return error
        text = text_of(error)
        name = JAVA_NAMES.get(type(error))
        if name is None:
            name = "java.lang.RuntimeException"
            cls = type(error)
            qualified = cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
            text = f"{qualified}: {text}" if text else qualified
        trace = self.traceback(error)
        return JavaException(name, text if trace is None else f"{text}\n{trace}")

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
        if request.entry.builtin and isinstance(error, errors.RpcError):
            return  # a refusal: the status tells the caller
        logger.error(
            "%s.%s, called by %s, failed: %s: %s",
            request.service,
            request.method,
            request.peer,
            type(error).__name__,
            text_of(error),
            exc_info=error,
        )


class OtherGroup(errors.UnknownService):
    """The service is here, but in other groups: Dubbo's status for that is not the one for unknown services."""

    status = 70


JAVA_NAMES: Mapping[type[BaseException], str] = MappingProxyType(
    {
        ValueError: "java.lang.IllegalArgumentException",
        TypeError: "java.lang.IllegalArgumentException",
        IndexError: "java.lang.IndexOutOfBoundsException",
        RuntimeError: "java.lang.RuntimeException",
        PermissionError: "java.lang.SecurityException",
    }
)
"""Python's exceptions that mean what one of Java's does; each is on the allow-list of a 3.3 consumer."""

# dubbo-go leaves the last semicolon of an array of dates away.
_DESCRIPTOR = re.compile(r"\[*(?:[VZBCDFIJS]|L[^;]+;)|\[+L[^;]+$")


def split_descriptor(descriptor: str) -> list[str]:
    """The JVM descriptors in ``descriptor``, one for each parameter.

    Raises:
        InvalidArguments: it is not made of such.
    """
    types = _DESCRIPTOR.findall(descriptor)
    if "".join(types) != descriptor:
        raise errors.InvalidArguments(f"parameter types {descriptor!r}: not JVM descriptors")
    return types


BOXES = MappingProxyType(
    {
        "Ljava/lang/Boolean;": "Z",
        "Ljava/lang/Byte;": "B",
        "Ljava/lang/Character;": "C",
        "Ljava/lang/Double;": "D",
        "Ljava/lang/Float;": "F",
        "Ljava/lang/Integer;": "I",
        "Ljava/lang/Long;": "J",
        "Ljava/lang/Short;": "S",
    }
)


def no_overload(path: str, method: str, descriptor: str, named: list[Entry]) -> str:
    """What a caller is told when none of the methods of a name takes these types."""
    return f"{path}.{method}: called as {method}({descriptor}), {_declared(named)}"


def text_of(error: BaseException) -> str:
    """``str(error)``, whatever its class makes of that."""
    try:
        return str(error)
    except Exception as failure:
        return f"<str() failed: {type(failure).__name__}>"


def _name_of(entry: Entry) -> tuple[str, str, str]:
    """What a request says of ``entry`` besides the types: interface, version and method, but no group."""
    return entry.service.interface, _without_version(entry.service).version, entry.method


def overload(named: Iterable[Entry], types: list[str]) -> list[Entry]:
    """Of the methods of one name those that are meant by ``types``: at most one in each group."""
    groups: dict[str, list[Entry]] = {}
    for entry in named:
        groups.setdefault(entry.service.group, []).append(entry)
    found = (_in_one_group(of_group, types) for of_group in groups.values())
    return [entry for entry in found if entry is not None]


def _in_one_group(named: list[Entry], types: list[str]) -> Entry | None:
    """Of one service's methods of one name the one that is meant by ``types``."""
    fitting = [e for e in named if e.required <= len(types) <= e.parameters]
    if len(fitting) == 1:
        return fitting[0]
    for entry in fitting:
        if entry.descriptor == "".join(types):
            return entry

    def matches(entry: Entry) -> bool:
        declared = split_descriptor(entry.descriptor)
        return all(
            given == "V" or BOXES.get(given, given) == BOXES.get(want, want)
            for given, want in zip(types, declared, strict=False)
        )

    near = [e for e in fitting if matches(e)]
    return near[0] if len(near) == 1 else None


def _takes_attachments(protocol: str | None) -> bool:
    """Whether a consumer of this protocol version reads attachments in replies: 2.0.2 to 2.0.99, as Java decides."""
    parts = (protocol or "").split(".")
    if len(parts) != 3 or not all(part.isdecimal() and len(part) < 4 for part in parts):
        return False
    return (2, 0, 2) <= tuple(map(int, parts)) <= (2, 0, 99)


def _declared(named: Iterable[Entry]) -> str:
    return "declared is " + ", ".join(sorted({f"{e.method}({e.descriptor})" for e in named}))


def _methods(entries: Iterable[Entry]) -> list[str]:
    return [entry.method for entry in entries if not entry.method.startswith("$")]


def _without_version(key: ServiceKey) -> ServiceKey:
    return ServiceKey(key.interface, key.group) if key.version in NO_VERSION else key


def _near(name: str, known: Iterable[str]) -> str:
    import difflib  # only where something is wrong

    names = sorted(set(known))
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5) or names[:5]
    return f"; there is {', '.join(close)}" if close else "; nothing is served here"


__all__ = [
    "Dispatch",
    "OtherGroup",
    "hessian_prefix",
    "no_overload",
    "overload",
    "request_prefix",
    "split_descriptor",
    "text_of",
]
