"""Frozen values that the layers pass to each other. No behaviour beyond naming, merging and printing.

Seconds are float seconds and sizes are bytes everywhere; the wire's milliseconds are converted where
the frame is written and read, nowhere else.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from rpcore.errors import ConfigurationError

_EMPTY: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True, order=True)
class ServiceKey:
    """Which service: interface wire name, group and version (both ``""`` when unset)."""

    interface: str
    group: str = ""
    version: str = ""

    def __str__(self) -> str:
        """Dubbo's notation: ``group/interface:version``."""
        text = f"{self.group}/{self.interface}" if self.group else self.interface
        return f"{text}:{self.version}" if self.version else text

    @classmethod
    def parse(cls, text: str) -> ServiceKey:
        """The inverse of ``str(key)``."""
        group, _, rest = text.rpartition("/")
        interface, _, version = rest.partition(":")
        if not interface:
            raise ConfigurationError(f"service key {text!r}: no interface name")
        return cls(interface, group, version)


@dataclass(frozen=True, slots=True)
class Options:
    """Policy values that were given explicitly; ``None`` means "not given here".

    One instance per layer (call, refer, provider, declaration); ``merged`` puts one layer over another.
    Which layer wins is decided in ``rpcore.options`` only.
    """

    timeout: float | None = None
    """Seconds one attempt may take."""
    deadline: float | None = None
    """Seconds the whole call may take, retries included."""
    retries: int | None = None
    """Further attempts after the first."""
    idempotent: bool | None = None
    """Whether running the method twice is harmless, so that a timeout may be retried."""
    retry_on: str | None = None
    """``"safe"`` (default) or ``"dubbo"``: also retry timeouts of methods that are not idempotent."""
    oneway: bool | None = None
    """Send and do not wait for a reply; the method returns None at once."""
    cluster: str | None = None
    loadbalance: str | None = None
    serialization: str | None = None
    weight: int | None = None
    warmup: float | None = None
    """Seconds during which a new provider's weight grows to its full value."""
    tag: str | None = None
    connections: int | None = None
    """Connections per provider address."""
    payload: int | None = None
    """Largest body in bytes, in either direction."""
    executes: int | None = None
    """Provider side: calls of this method (or service) that may run at once."""
    cancellable: bool | None = None
    """Whether a cancelled call, a disconnect or a passed deadline cancels the handler."""
    check: bool | None = None
    """Whether ``ready()`` fails when the service has no provider."""

    def merged(self, over: Options) -> Options:
        """A copy in which every value given in ``over`` replaces ours."""
        given = over.given()
        return dataclasses.replace(self, **given) if given else self

    def given(self) -> dict[str, Any]:
        """The values that were given, by name."""
        return {name: value for name in OPTION_NAMES if (value := getattr(self, name)) is not None}


OPTION_NAMES: tuple[str, ...] = tuple(f.name for f in dataclasses.fields(Options))


@dataclass(frozen=True, slots=True)
class Instance:
    """One provider of one service at one address, as a registry publishes it.

    ``host`` may be ``unix:/path`` for a Unix socket (then ``port`` is 0). Two instances are the same
    provider when ``identity`` is equal; everything else may change while connections stay.
    """

    service: ServiceKey
    host: str
    port: int
    weight: int = 100
    warmup: float = 600.0
    timestamp: float = 0.0
    """Start of the provider, seconds since the epoch; 0 when unknown."""
    tag: str = ""
    application: str = ""
    methods: tuple[str, ...] = ()
    """Wire names of the methods it offers; empty when not published."""
    options: Options = Options()
    """What the provider publishes for consumers (timeout, retries, …)."""
    method_options: Mapping[str, Options] = field(default_factory=lambda: _EMPTY)
    params: Mapping[str, str] = field(default_factory=lambda: _EMPTY)
    """Further published parameters, as strings (for example ``rpcore.serialization``)."""

    @property
    def address(self) -> str:
        """``host:port``, ``[v6]:port`` or ``unix:/path``."""
        if self.host.startswith("unix:"):
            return self.host
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def identity(self) -> tuple[ServiceKey, str]:
        return self.service, self.address


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a declared method, after its hint was resolved (``hint`` is a type by then)."""

    name: str
    hint: Any
    default: Any = inspect.Parameter.empty

    @property
    def required(self) -> bool:
        return self.default is inspect.Parameter.empty


@dataclass(frozen=True, slots=True, eq=False)
class MethodSpec:
    """What a declaration says about one method."""

    name: str
    wire_name: str
    signature: inspect.Signature
    options: Options = Options()
    raises: tuple[type[Exception], ...] = ()
    function: Callable[..., Any] | None = None
    blocking: bool = False
    """Declared with ``def`` (a blocking view) instead of ``async def``."""


@dataclass(slots=True)
class Invocation:
    """One call as filters see it. ``arguments`` and ``attachments`` may be changed before calling on."""

    service: ServiceKey
    method: str
    arguments: tuple[Any, ...]
    attachments: dict[str, Any] = field(default_factory=dict)
    options: Options = Options()
    side: str = "consumer"
    """``"consumer"`` or ``"provider"``."""
    address: str = ""
    """The peer: set on the server and for each attempt; empty around the whole call."""
    attempt: int = 0
    """1 for the first attempt; 0 around the whole call and on the server."""
    response_attachments: dict[str, Any] = field(default_factory=dict)
