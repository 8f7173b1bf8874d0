"""The blocking consumer: references and life. What happens at a call is said in ``rpcore.sync``."""

from __future__ import annotations

import asyncio
import copy
import functools
import logging
import os
import sys
import threading
import time
import warnings
import weakref
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack, overload

from rpcore import errors
from rpcore._codec import Limits
from rpcore._core import Call, Caller, Endpoint, Engine
from rpcore.abc import Filter, Registry, Subscription
from rpcore.filters import in_order
from rpcore.options import OptionValues
from rpcore.reference import Referral
from rpcore.referring import MergedView, new_referral, open_registries
from rpcore.sync.keeper import Keeper
from rpcore.sync.peers import Peers
from rpcore.transport import raised

T = TypeVar("T")

logger = logging.getLogger("rpcore.sync")

CLOSE_TIMEOUT = 5.0
"""Seconds ``close`` waits for the registries."""

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
        connections: int = 64,
        idle_timeout: float = 60.0,
        limits: Limits | None = None,
    ) -> None:
        for name, value in (
            ("connect_timeout", connect_timeout),
            ("heartbeat", heartbeat),
            ("connections", connections),
            ("idle_timeout", idle_timeout),
        ):
            if not value > 0:
                raise errors.ConfigurationError(f"Client: option {name!r} must be above 0, not {value!r}")
        self.application = application
        self.filters = in_order(filters)
        self.connect_timeout = connect_timeout
        self.heartbeat = heartbeat
        self.connections = connections
        self.idle_timeout = idle_timeout
        self.limits = limits
        self._registry_given = registry
        self._registries = open_registries(registry)
        self._referrals: list[Referral] = []
        self._stubs: list[tuple[Referral, Any]] = []
        self._lock = threading.RLock()
        self._running: _Running | None = None
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
            options: see ``rpcore.model.Options``.

        Raises:
            ConfigurationError: not a blocking view, a bad hint, option or URL.
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
        return _blocking_entry(referral, name)(*arguments)

    def _arm(self, referral: Referral, stub: Any) -> None:
        """From now on the stub's methods call the engine directly."""
        assert referral.spec is not None
        for method in referral.spec.methods:
            setattr(stub, f"_rpc_{method.name}", _blocking_entry(referral, method.name))

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

    def _ensure_started(self) -> _Running:
        """Started, and every reference with it; does not wait for the registry."""
        with self._lock:
            self._require_open()
            running = self._running
            if running is None:
                running = _Running(self)
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

    def _stop(self, running: _Running) -> None:
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
    """A service known by name only: ``service.call("find", 42)``. Arguments and results are plain values."""

    def __init__(self, client: Client, referral: Referral) -> None:
        self._client = client
        self._referral = referral

    def __repr__(self) -> str:
        return f"<sync.GenericService {self._referral.key}>"

    def call(self, method: str, *arguments: Any) -> Any:
        """Call ``method`` (its wire name) with positional arguments and return the answer."""
        running = self._client._ensure_started()
        entry = running.generic(self._referral, method, len(arguments))
        return _blocking(entry)(*arguments)


class _Running:
    """What a client has once it is started: thread, engine, connections, subscriptions.

    Refers to nothing of the client, so that a client nobody uses any more is collected, and says that it was forgotten.
    """

    def __init__(self, client: Client) -> None:
        self.keeper = Keeper(f"rpcore {client.application}".rstrip())
        self.engine = Engine(clock=time.monotonic, arm=None, block=self.block)
        self.registries = client._registries
        self._registry_given = client._registry_given
        self._changed = threading.Condition()
        self._failure: Exception | None = None
        self._closed = False
        self._referrals: list[Referral] = []
        self._starting: asyncio.Task[None] | None = None  # of the registries
        self._subscribing: set[asyncio.Task[None]] = set()
        self._subscriptions: list[Subscription] = []
        self._generic: dict[tuple[Referral, str, int], Any] = {}
        self.peers = self.keeper.call(
            functools.partial(
                Peers,
                self.keeper,
                self.engine,
                connect_timeout=client.connect_timeout,
                heartbeat=client.heartbeat,
                connections=client.connections,
                idle_timeout=client.idle_timeout,
                limits=client.limits,
                usable_changed=self._usable_changed,
            )
        )

    # --- references ----------------------------------------------------------------------------------

    def add(self, referral: Referral) -> None:
        """Start ``referral``; the registry's answer comes later."""
        self.keeper.call(self._add, referral)

    def _add(self, referral: Referral) -> None:
        self.peers.limits = raised(self.peers.limits, referral.payload)
        referral.on_change = self._notify
        self._referrals.append(referral)
        loop = self.keeper.loop
        referral.start(self.engine, self.peers.acquire, self.peers.release, loop.call_later)
        if not referral.urls:
            if self._starting is None:
                self._starting = loop.create_task(self._start_registries(), name="rpcore registries")
            task = loop.create_task(self._subscribe(referral), name=f"rpcore subscribe {referral.key}")
            self._subscribing.add(task)

    async def _start_registries(self) -> None:
        for registry in self.registries:
            await registry.start()

    async def _subscribe(self, referral: Referral) -> None:
        assert self._starting is not None
        view = MergedView(referral, len(self.registries))
        try:
            await asyncio.shield(self._starting)
            for index, registry in enumerate(self.registries):
                update = functools.partial(view.update, index)
                self._subscriptions.append(await registry.subscribe(referral.key, update))
        except Exception as error:
            self._failure = error
        finally:
            task = asyncio.current_task()
            assert task is not None
            self._subscribing.discard(task)
            self._notify()

    def _usable_changed(self, endpoint: Endpoint) -> None:
        for referral in self._referrals:
            if referral.directory is not None:
                referral.directory.availability_changed(endpoint)

    def generic(self, referral: Referral, method: str, arity: int) -> Any:
        """The entry of an untyped method, made in the housekeeping thread, which walks the list of callers."""
        key = referral, method, arity
        entry = self._generic.get(key)
        if entry is None:
            entry = self._generic[key] = self.keeper.call(referral.generic, method, arity)
        return entry

    # --- waiting -------------------------------------------------------------------------------------

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def block(self, call: Call) -> None:
        """Wait where a call waits for something else than a provider: the first list, or its next attempt."""
        seconds = call.until - time.monotonic()
        if not call.waits_for_list:
            if seconds > 0:
                time.sleep(seconds)
            call.expire()
            return
        reference = call.reference
        with self._changed:
            self._changed.wait_for(lambda: reference.known or self._failure or self._closed, max(seconds, 0.0))
        if reference.known:
            call.go_on()
        elif self._closed:
            call.fail(errors.LocalProtocolError("this client was closed"))
        elif self._failure is not None:
            call.fail(_fresh(self._failure))
        else:
            call.expire()

    def wait_for_registries(self) -> None:
        """Until every subscription has been made.

        Raises:
            ConfigurationError: the registry cannot be used.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._failure or self._closed or not self._subscribing)
        if self._failure is not None:
            raise _fresh(self._failure)

    def wait_for_providers(self, referrals: Iterable[Referral], timeout: float) -> list[Referral]:
        """Until all ``referrals`` have a provider; returns those that have none after ``timeout`` seconds."""

        def missing() -> list[Referral]:
            return [r for r in referrals if r.check and not (r.snapshot and r.snapshot.nodes)]

        with self._changed:
            self._changed.wait_for(lambda: self._failure or self._closed or not missing(), timeout)
        if self._failure is not None:
            raise _fresh(self._failure)
        return missing()

    # --- the end -------------------------------------------------------------------------------------

    def close(self, *, wait: bool = True) -> None:
        """Close connections and registries, end the thread; calls in flight fail as maybe executed."""
        self._closed = True
        self._notify()
        if not wait:
            self.keeper.soon(self._close_later)
            return
        try:
            self.keeper.run(self._close(), CLOSE_TIMEOUT)
        except TimeoutError:
            logger.warning("the registries did not close within %g s", CLOSE_TIMEOUT)
        self.keeper.stop()

    def _close_later(self) -> None:
        self._closing = asyncio.create_task(self._close())
        self._closing.add_done_callback(lambda _: self.keeper.stop(wait=False))

    async def _close(self) -> None:
        self.peers.close("the client was closed")
        for subscription in self._subscriptions:
            subscription.close()
        for referral in self._referrals:
            referral.close()
        for registry in self.registries:
            if registry is not self._registry_given:
                await registry.aclose()

    def let_go(self) -> None:
        """In a forked child: without a word to anybody, drop what is the parent's."""
        self.peers.let_go()
        self.keeper.let_go()
        # Kept for ever, because objects of a loop that is not ours to close would complain when collected.
        _of_the_parent.append(self)


_of_the_parent: list[_Running] = []


def _blocking_entry(referral: Referral, name: str) -> Callable[..., Any]:
    return _blocking(referral.entry(name))


def _blocking(entry: Callable[..., Any]) -> Callable[..., Any]:
    """What a method calls: the engine itself, or the filters driven by hand."""
    return entry.run if isinstance(entry, Caller) else functools.partial(_drive, entry)


def _drive(entry: Callable[..., Coroutine[Any, Any, Any]], *arguments: Any) -> Any:
    """Run a chain of filters in this thread: its innermost part blocks, so it ends in the first step."""
    coroutine = entry(*arguments)
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    where = " -> ".join(_waiting(coroutine)[1:])
    coroutine.close()
    raise errors.LocalProtocolError(
        f"{where} waited for something that needs an event loop; with rpcore.sync.Client a filter may await "
        f"nothing but call_next(invocation)"
    )


def _waiting(coroutine: Any) -> list[str]:
    """The names of the coroutines that wait for each other, the outermost first."""
    names = []
    while (code := getattr(coroutine, "cr_code", None)) is not None:
        names.append(f"{code.co_qualname}()")
        coroutine = coroutine.cr_await
    return names


def _fresh(error: Exception) -> Exception:
    """A copy to raise: one error object must not collect the tracebacks of many threads."""
    again = copy.copy(error)
    again.__cause__ = error.__cause__
    return again
