"""The blocking consumer: references and life. What happens at a call is said in ``rpcore.sync``."""

from __future__ import annotations

import functools
import os
import sys
import threading
import warnings
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack, overload

from rpcore import errors
from rpcore._codec import Limits
from rpcore.abc import Filter, Registry
from rpcore.client import options
from rpcore.filters import in_order
from rpcore.options import OptionValues
from rpcore.reference import Referral
from rpcore.referring import forwarded, new_referral, open_registries
from rpcore.sync.peers import Settings
from rpcore.sync.running import Running, blocking, blocking_entry

if TYPE_CHECKING:
    from rpcore.definition import Source

T = TypeVar("T")

FIRST_LIST = 5.0
"""Seconds ``ready()`` waits for the first provider list by default."""

_clients: weakref.WeakSet[Client] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for client in list(_clients):
        client._inherited()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


class Client:
    """Calls services and waits for the answers; safe from many threads. Construct it anywhere: it does no IO.

    It starts at the first call (or ``start()``, or ``with``): one housekeeping thread follows the registry and looks
    after idle connections, calls are made by the threads that make them. In a forked child it starts anew at the first
    call there; the parent does not notice.

    Args:
        registry: where providers are found: a URL, a ``Registry``, a list of them, or None for the embedded
            registry of this machine's user. Not touched by references with ``url=``.
        application: our name, as providers see it.
        filters: around every call of this client (see ``rpcore.filters``). They are ``async def`` as everywhere, but
            must not wait for anything except the call itself: there is no event loop.
        connect_timeout: seconds to connect to a provider and to hear its first answer.
        heartbeat: seconds of silence after which a heartbeat is sent on an idle connection; one without a byte
            for three times as long is closed.
        connections: most connections to one provider, and so most calls at once; a thread that finds all in use
            waits for one within its call's timeout.
        idle_timeout: seconds after which an unused connection is closed, except the last one to its provider.
        forward_attachments: which attachments of a call being served go on with the calls made for it: all that are the
            application's (True, as in Dubbo 3), those with these keys, or none (False).
        forward_tag: whether its ``dubbo.tag`` goes on, too, so that nested calls stay among tagged providers.
        limits: sizes accepted in frames, see ``rpcore.Limits``; ``payload`` is the largest message.

    Raises:
        ConfigurationError: the registry URL or an option is wrong.
    """

    def __init__(
        self,
        registry: str | Registry | Sequence[str | Registry] | None = None,
        *,
        application: str = "",
        filters: Iterable[Filter] = (),
        connect_timeout: float = 3.0,
        heartbeat: float = 60.0,
        connections: int = 256,
        idle_timeout: float = 60.0,
        forward_attachments: bool | Iterable[str] = True,
        forward_tag: bool = False,
        limits: Limits | None = None,
    ) -> None:
        self.settings = Settings(connect_timeout, heartbeat, connections, idle_timeout)
        for name in Settings.__slots__:
            if not getattr(self.settings, name) > 0:
                value = getattr(self.settings, name)
                raise errors.ConfigurationError(f"Client: option {name!r} must be above 0, not {value!r}")
        self.application = application
        self.filters = in_order(filters)
        self.forward = forwarded(forward_attachments, forward_tag)
        self.limits = limits
        self._registry_given = registry
        self._registries = open_registries(registry)
        self._referrals: list[Referral] = []
        self._stubs: list[tuple[Referral, Any]] = []
        self._lock = threading.RLock()
        self._running: Running | None = None
        self._closed = False
        _clients.add(self)

    def __repr__(self) -> str:
        state = "closed" if self._closed else "started" if self._running is not None else "not started"
        services = ", ".join(str(r.key) for r in self._referrals)
        peers = f" {self._running.peers}" if self._running is not None else ""
        return f"<sync.Client {self.application or '(no name)'} {state} services=[{services}]{peers}>"

    # --- references ----------------------------------------------------------------------------------

    @overload
    def refer(
        self,
        interface: str,
        *,
        url: str | Sequence[str] | None = None,
        group: str | None = None,
        version: str | None = None,
        filters: Iterable[Filter] = (),
        attachments: Mapping[str, Any] | None = None,
        methods: Mapping[str, OptionValues] | None = None,
        definition: Source | None = None,
        **options: Unpack[OptionValues],
    ) -> GenericService: ...
    @overload
    def refer(
        self,
        interface: Callable[..., T],
        *,
        url: str | Sequence[str] | None = None,
        group: str | None = None,
        version: str | None = None,
        filters: Iterable[Filter] = (),
        attachments: Mapping[str, Any] | None = None,
        methods: Mapping[str, OptionValues] | None = None,
        definition: Source | None = None,
        **options: Unpack[OptionValues],
    ) -> T: ...
    def refer(
        self,
        interface: Any,
        *,
        url: str | Sequence[str] | None = None,
        group: str | None = None,
        version: str | None = None,
        filters: Iterable[Filter] = (),
        attachments: Mapping[str, Any] | None = None,
        methods: Mapping[str, OptionValues] | None = None,
        definition: Source | None = None,
        **options: Unpack[OptionValues],
    ) -> Any:
        """A stub of ``interface``: an object with its methods, which call a provider and return its answer.

        Does no IO before the client has started. A call made before the first provider list has arrived
        waits for it within its own deadline.

        Args:
            interface: a blocking view, a class of ``def`` methods declared with
                ``@rpcore.interface(of=UserService)``; or a service name for untyped calls.
            url: one provider address or several (``dubbo://host:port``, ``unix:/path``), instead of the registry.
            group: instead of the one declared.
            version: instead of the one declared.
            filters: around the calls of this stub, inside those of the client.
            attachments: sent with every call.
            methods: options by method name.
            definition: what a Java provider published of the service (``rpcore.definition``), or the path of its JSON:
                the declaration is checked against it.
            options: see ``rpcore.model.Options``.

        Raises:
            ConfigurationError: not a blocking view, a bad hint, option or URL, or not what
                the definition says.
        """
        self._require_open()
        referral = new_referral(
            self,
            interface,
            url=url,
            group=group,
            version=version,
            filters=filters,
            attachments=attachments,
            methods=methods,
            options=options,
            definition=definition,
            blocking=True,
        )
        with self._lock:
            self._require_open()
            self._referrals.append(referral)
            if self._running is not None:
                self._running.add(referral)
            if referral.spec is None:
                return GenericService(self, referral)
            stub = referral.spec.stub_class(self._first_calls(referral), self._where(referral), self)
            self._stubs.append((referral, stub))
            if self._running is not None:
                self._arm(referral, stub)
            return stub

    def _where(self, referral: Referral) -> str:
        if referral.urls:
            return "at " + ", ".join(i.address for i in referral.urls)
        return "from " + ", ".join(r.url for r in self._registries)

    def _first_calls(self, referral: Referral) -> dict[str, Callable[..., Any]]:
        """What the stub's methods call while the client is not running."""
        assert referral.spec is not None
        return {m.name: functools.partial(self._first_call, referral, m.name) for m in referral.spec.methods}

    def _first_call(self, referral: Referral, name: str, *arguments: Any) -> Any:
        self._ensure_started()
        return blocking_entry(referral, name)(*arguments)

    def _arm(self, referral: Referral, stub: Any) -> None:
        """From now on the stub's methods call the engine directly."""
        assert referral.spec is not None
        for method in referral.spec.methods:
            setattr(stub, f"_rpc_{method.name}", blocking_entry(referral, method.name))

    def _disarm(self) -> None:
        for referral, stub in self._stubs:
            for name, call in self._first_calls(referral).items():
                setattr(stub, f"_rpc_{name}", call)

    # --- life ----------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Start the housekeeping thread, connect to the registry and subscribe. Idempotent.

        Raises:
            ConfigurationError: the registry cannot be used.
        """
        running = self._ensure_started()
        try:
            running.wait_for_registries()
        except BaseException:
            self._stop(running)
            raise
        return self

    def _require_open(self) -> None:
        if self._closed:
            raise errors.LocalProtocolError("this client was closed")

    def _ensure_started(self) -> Running:
        """Started, and every reference with it; does not wait for the registry."""
        with self._lock:
            self._require_open()
            running = self._running
            if running is None:
                running = Running(self.application, self._registries, self._registry_given, self.settings, self.limits)
                try:
                    for referral in self._referrals:
                        running.add(referral)
                    for referral, stub in self._stubs:
                        self._arm(referral, stub)
                except BaseException:
                    running.close()
                    raise
                self._running = running
            return running

    def ready(self, timeout: float = FIRST_LIST) -> None:
        """Wait until every reference knows its providers.

        Raises:
            NoProvider: a reference (with ``check``, the default) has no provider after ``timeout`` seconds;
                names all such services.
            ConfigurationError: the registry cannot be used.
        """
        running = self._ensure_started()
        missing = running.wait_for_providers(self._referrals, timeout)
        if missing:
            names = ", ".join(str(r.key) for r in missing)
            where = ", ".join(r.url for r in self._registries)
            raise errors.NoProvider(f"no provider after {timeout:g} s: {names} (registry {where})")

    def close(self) -> None:
        """Close everything and end the housekeeping thread. Calls in flight fail as maybe executed. Idempotent."""
        with self._lock:
            self._closed = True
            running = self._running
        if running is not None:
            self._stop(running)

    def _stop(self, running: Running) -> None:
        with self._lock:
            if self._running is not running:
                return
            self._running = None
            self._disarm()
        running.close()
        self._forget()

    def _forget(self) -> None:
        """What was started is gone; another start begins anew."""
        for referral in self._referrals:
            referral.forget()
        self._registries = open_registries(self._registry_given)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        running = getattr(self, "_running", None)
        if running is not None and not sys.is_finalizing():
            warnings.warn(f"{self!r} was not closed; use with or call close()", ResourceWarning, stacklevel=2)
            running.close(wait=False)

    def _inherited(self) -> None:
        """We are a copy in a forked child: let go of what is the parent's; the next call starts anew."""
        self._lock = threading.RLock()  # the parent's copy may be held, by a thread that is not here
        running, self._running = self._running, None
        if running is None:
            return
        running.let_go()
        self._forget()
        self._disarm()


class GenericService:
    """A service known by its name: methods are called by theirs, values are plain. As ``rpcore.GenericService``.

    ``service.find(42)`` calls the method ``find``; ``service.invoke("find", ["long"], [42])`` says which of several,
    by the Java names of the parameter types.
    """

    def __init__(self, client: Client, referral: Referral) -> None:
        self._client = client
        self._referral = referral

    def __repr__(self) -> str:
        return f"<sync.GenericService {self._referral.key} {self._client._where(self._referral)}>"

    def __dir__(self) -> Iterable[str]:
        definition = self._referral.definition
        return [*super().__dir__(), *(definition.by_name if definition is not None else ())]

    def invoke(
        self,
        method: str,
        types: Iterable[str] | None = None,
        args: Iterable[Any] = (),
        *,
        attachments: Mapping[str, Any] | None = None,
        **given: Unpack[OptionValues],
    ) -> Any:
        """Call ``method`` with ``args`` and return the answer.

        Args:
            method: its wire name. Its options are those of ``refer(..., methods={...})``.
            types: Java names of the parameter types, such as ``["long", "java.lang.String[]"]``; None: those of the
                definition, or whatever the only method of that name takes.
            args: positional arguments.
            attachments: sent with this call.
            given: options of this call, as in ``rpcore.options``.

        Raises:
            ConfigurationError: the types do not fit the arguments, the definition has no such method, or an option is
                wrong.
            RemoteError: the method raised; ``type`` is the Java class, ``__cause__`` its cause.
        """
        from rpcore.generic.calling import checked_types

        arguments = tuple(args)
        names = checked_types(f"{self._referral.key}.{method}", types, len(arguments))
        running = self._client._ensure_started()
        entry = running.generic(self._referral, method, names, len(arguments))
        call = blocking(entry)
        if not given and not attachments:
            return call(*arguments)
        with options(attachments=attachments, **given):
            return call(*arguments)

    def call(self, method: str, *arguments: Any) -> Any:
        """Call ``method`` (its wire name) with positional arguments: ``invoke`` for names that are none in Python."""
        return self.invoke(method, None, arguments)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """The method ``name``, taking positional arguments."""
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return functools.partial(self.call, name)
