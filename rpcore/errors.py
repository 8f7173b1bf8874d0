"""Every exception rpcore raises, and the one fact about each that a retry may ask: may the callee have run?

A retry decision reads ``exc.retry`` (a class attribute, never the message text):

* ``Retry.NOT_EXECUTED``: the request surely reached no handler; any method may try elsewhere.
* ``Retry.MAYBE_EXECUTED``: the request was sent and its fate is unknown; idempotent methods may try again.
* ``Retry.NEVER``: the callee answered, or the fault is ours; trying again gives the same.

``code`` uses gRPC's status names, because they are the field's common vocabulary.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from typing import Any


class Retry(enum.Enum):
    """What is known about the execution of a failed attempt (see the module docstring)."""

    NOT_EXECUTED = "surely not executed"
    MAYBE_EXECUTED = "maybe executed"
    NEVER = "never retried"


def _rebuild(cls: type[RpcError], args: tuple[Any, ...], state: dict[str, Any]) -> RpcError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class RpcError(Exception):
    """Base of all rpcore errors. Every one of them pickles and copies with its fields.

    Attributes:
        code: gRPC status name, such as ``"UNAVAILABLE"``.
        service: wire name of the interface, or ``""`` where no call was involved.
        method: wire name of the method, or ``""``.
        address: the peer, ``"host:port"`` or ``"unix:/path"``, or ``""``.
        attempts: one line per attempt that was made, oldest first.
        retry: whether the callee may have run.
    """

    code: str = "UNKNOWN"
    retry: Retry = Retry.NEVER

    def __init__(
        self,
        message: str = "",
        *,
        service: str = "",
        method: str = "",
        address: str = "",
        attempts: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        self.service = service
        self.method = method
        self.address = address
        self.attempts = attempts

    @property
    def message(self) -> str:
        """The text without the list of attempts."""
        return str(self.args[0]) if self.args else ""

    def __str__(self) -> str:
        text = self.message
        if len(self.attempts) > 1:
            lines = "".join(f"\n  attempt {i}: {line}" for i, line in enumerate(self.attempts, 1))
            text = f"{text}{lines}"
        return text

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args, dict(self.__dict__))


class ConfigurationError(RpcError, ValueError):
    """A declaration, option or URL is wrong: ours to fix before the first call."""

    code = "INVALID_ARGUMENT"


class CodecError(RpcError, ValueError):
    """A value does not fit its declared type, in either direction.

    Attributes:
        path: where, such as ``"args.ids[3]"`` or ``"result.tags"``.
    """

    code = "INVALID_ARGUMENT"

    def __init__(self, message: str = "", *, path: str = "", **fields: Any) -> None:
        super().__init__(message, **fields)
        self.path = path

    def __str__(self) -> str:
        text = super().__str__()
        return f"{self.path}: {text}" if self.path else text


class EncodeError(CodecError):
    """A value handed to rpcore cannot be sent as its declared type. Nothing was sent."""


class DecodeError(CodecError):
    """Bytes from the peer do not form a value of the declared type."""

    code = "INTERNAL"


class ProtocolError(RpcError):
    """Abstract: somebody broke the rules of the protocol."""

    code = "INTERNAL"


class LocalProtocolError(ProtocolError):
    """We (the application or rpcore) misused a connection, a loop or an object."""


class RemoteProtocolError(ProtocolError):
    """The peer sent bytes that no peer may send; its connection was closed."""

    retry = Retry.MAYBE_EXECUTED


class TransportError(RpcError, OSError):
    """The bytes did not get through."""

    code = "UNAVAILABLE"

    def __str__(self) -> str:  # OSError's own __str__ would win otherwise
        return RpcError.__str__(self)


class ConnectError(TransportError):
    """No connection could be made, so nothing was sent."""

    retry = Retry.NOT_EXECUTED


class ConnectionLost(TransportError):
    """The connection broke after the request was handed to it."""

    retry = Retry.MAYBE_EXECUTED


class PeerGoingAway(TransportError):
    """The peer is shutting down (READONLY or draining) and refused the call before dispatch."""

    retry = Retry.NOT_EXECUTED


class CallTimeout(RpcError, TimeoutError):
    """The attempt's timeout or the call's deadline passed before the reply came."""

    code = "DEADLINE_EXCEEDED"
    retry = Retry.MAYBE_EXECUTED

    def __str__(self) -> str:
        return RpcError.__str__(self)


class DiscoveryError(RpcError):
    """No provider could be chosen."""

    code = "UNAVAILABLE"


class RegistryError(DiscoveryError):
    """The registry itself failed: unreachable, refused, unreadable."""


class NoProvider(DiscoveryError):
    """The registry knows no provider of this service, group and version."""


class NoRoute(DiscoveryError):
    """Providers exist, but routing rules leave none for this call."""


class LimitExceeded(RpcError):
    """A limit (size, concurrency, queue) refused the call before dispatch. Names limit, size and option."""

    code = "RESOURCE_EXHAUSTED"
    retry = Retry.NOT_EXECUTED


class PayloadTooLarge(LimitExceeded, ValueError):
    """One message is larger than ``payload`` allows; trying elsewhere gives the same."""

    retry = Retry.NEVER


class BadRequest(RpcError):
    """The provider could not read the request. Surely not executed.

    Dubbo has one status for an unknown service, an unknown method and arguments of other types than declared;
    rpcore's providers say which, by the classes derived from this one.
    """

    code = "INVALID_ARGUMENT"


class UnknownService(BadRequest):
    """The provider has no such service, or not in this version or group. Surely not executed."""

    code = "UNIMPLEMENTED"


class UnknownMethod(BadRequest):
    """The provider's service has no such method. Surely not executed."""

    code = "UNIMPLEMENTED"


class InvalidArguments(BadRequest):
    """The provider declares this method with other arguments than were sent. Surely not executed."""


class InvalidToken(RpcError):
    """The provider wants a token with each call, and this one had none or another. Surely not executed."""

    code = "PERMISSION_DENIED"


class RemoteError(RpcError):
    """The callee raised; never retried by default.

    Attributes:
        type: name of the remote class, such as ``"KeyError"`` or ``"com.x.NotFound"``.
        remote_message: text of the remote exception.
        traceback: remote traceback text, or ``None`` when the provider does not send it.
        fields: what else a Java exception carried, by name.

    Of a Java exception, ``__cause__`` is its cause, a ``RemoteError`` too.
    """

    code = "UNKNOWN"

    def __init__(
        self,
        message: str = "",
        *,
        type: str = "",
        remote_message: str = "",
        traceback: str | None = None,
        fields: Mapping[str, Any] | None = None,
        **call: Any,
    ) -> None:
        super().__init__(message, **call)
        self.type = type
        self.remote_message = remote_message
        self.traceback = traceback
        self.fields = dict(fields or {})

    @classmethod
    def of_java(cls, exception: Any, **call: Any) -> RemoteError:
        """What a ``rpcore.types.JavaException`` is to the caller, with its cause chain.

        A ``GenericException``, in which Dubbo wraps what a generic call raised, gives way to what it wraps.
        """
        name, message = exception.class_name, exception.message
        fields = dict(exception.fields)
        traceback = "\n".join(_java_traceback(exception)) if exception.frames or exception.suppressed else None
        if name in _GENERIC_EXCEPTIONS and fields.get("exceptionClass"):
            # The trace of what it wraps, causes included, is its text; its own is the framework's.
            name = str(fields.pop("exceptionClass"))
            text = str(message or "")
            message = fields.pop("exceptionMessage", None)
            error = _of_trace(name, "" if message is None else str(message), text)
            error.fields = fields
            vars(error).update(call)
            return error
        text = "" if message is None else str(message)
        first = text.partition("\n")[0]
        error = cls(
            f"{name}: {first}" if first else name,
            type=name,
            remote_message=text,
            traceback=traceback,
            fields=fields,
            **call,
        )
        inner, outer, depth = exception.cause, error, 0
        while hasattr(inner, "class_name") and depth < _LONGEST_CHAIN:
            cause = cls(
                str(inner).partition("\n")[0],
                type=inner.class_name,
                remote_message=inner.message or "",
                traceback=inner.stack or None,
                fields=inner.fields,
            )
            outer.__cause__ = cause
            inner, outer, depth = inner.cause, cause, depth + 1
        return error


def _of_trace(name: str, message: str, text: str) -> RemoteError:
    """An error and its causes from what Java prints of it: ``Caused by: com.x.Y: text`` and the lines of its stack."""
    head = f"{name}: {message}" if message else name
    trace = text.removeprefix(f"{head}\n") if text.startswith(f"{head}\n{head}\n") else text
    error = RemoteError(
        head.partition("\n")[0], type=name, remote_message=message, traceback=trace if "\n" in trace else None
    )
    _, *causes = trace.split("\nCaused by: ")
    outer = error
    for part in causes[:_LONGEST_CHAIN]:
        said = part.partition("\n\t")[0]
        kind, _, what = said.partition(": ")
        cause = RemoteError(said.partition("\n")[0], type=kind, remote_message=what, traceback=part)
        outer.__cause__, outer = cause, cause
    return error


_GENERIC_EXCEPTIONS = frozenset(
    {"org.apache.dubbo.rpc.service.GenericException", "com.alibaba.dubbo.rpc.service.GenericException"}
)
_LONGEST_CHAIN = 16


def _java_traceback(exception: Any) -> Iterator[str]:
    """An exception, what it suppressed, and its causes, as Java prints them."""
    label, depth = "", 0
    while hasattr(exception, "class_name") and depth < _LONGEST_CHAIN:
        yield f"{label}{exception}"
        yield exception.stack
        for suppressed in exception.suppressed[:_LONGEST_CHAIN]:
            yield f"\tSuppressed: {suppressed}"
            yield from (f"\t{line}" for line in getattr(suppressed, "stack", "").splitlines())
        exception, label, depth = exception.cause, "Caused by: ", depth + 1


class InvalidResult(RpcError):
    """The handler ran, but what it returned or raised cannot be sent. Never retried."""

    code = "INTERNAL"


class RemoteFault(RpcError):
    """The provider's framework failed to serve the call (Dubbo statuses 70, 80, 90): maybe executed."""

    code = "INTERNAL"
    retry = Retry.MAYBE_EXECUTED


__all__ = [
    "BadRequest",
    "CallTimeout",
    "CodecError",
    "ConfigurationError",
    "ConnectError",
    "ConnectionLost",
    "DecodeError",
    "DiscoveryError",
    "EncodeError",
    "InvalidArguments",
    "InvalidResult",
    "InvalidToken",
    "LimitExceeded",
    "LocalProtocolError",
    "NoProvider",
    "NoRoute",
    "PayloadTooLarge",
    "PeerGoingAway",
    "ProtocolError",
    "RegistryError",
    "RemoteError",
    "RemoteFault",
    "RemoteProtocolError",
    "Retry",
    "RpcError",
    "TransportError",
    "UnknownMethod",
    "UnknownService",
]
