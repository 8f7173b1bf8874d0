"""The consumer: a client finds providers, keeps connections to them and makes stubs of interfaces."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import warnings
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack, overload

from rpcore import errors
from rpcore._codec import Limits
from rpcore._core import Endpoint, Engine, Scope, current_scope, enter_scope, leave_scope
from rpcore.abc import Filter, Registry, Subscription
from rpcore.filters import in_order
from rpcore.model import Options
from rpcore.options import OptionValues, validate
from rpcore.reference import Referral
from rpcore.referring import MergedView, forwarded, new_referral, open_registries, was_given
from rpcore.service import InterfaceSpec, interface_spec
from rpcore.transport import Pool, loop_engine, raised

if TYPE_CHECKING:
    from rpcore.definition import Source
    from rpcore.report import ServiceReport

T = TypeVar("T")

FIRST_LIST = 5.0
"""Seconds ``ready()`` waits for the first provider list by default."""


class Client:
    """Calls services. Construct it anywhere; it binds to the running loop at ``start()`` or the first await.

    Args:
        registry: where providers are found: a URL, a ``Registry``, a list of them, or None for the embedded
            registry of this machine's user. Not touched by references with ``url=``.
        application: our name, as providers see it.
        filters: around every call of this client (see ``rpcore.filters``).
        connect_timeout: seconds to connect to a provider and to hear its first answer.
        heartbeat: seconds of silence after which a heartbeat is sent; a connection without a byte for three
            times as long is closed and replaced.
        connections: per provider address.
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
        filters: Iterable[Filter | str] = (),
        connect_timeout: float = 3.0,
        heartbeat: float = 60.0,
        connections: int = 1,
        forward_attachments: bool | Iterable[str] = True,
        forward_tag: bool = False,
        limits: Limits | None = None,
    ) -> None:
        for name, value in (("connect_timeout", connect_timeout), ("heartbeat", heartbeat)):
            if not value > 0:
                raise errors.ConfigurationError(f"Client: option {name!r} must be above 0, not {value!r}")
        self.application = application
        self.filters = in_order(filters)
        self.forward = forwarded(forward_attachments, forward_tag)
        self.connect_timeout = connect_timeout
        self.heartbeat = heartbeat
        self.connections = connections
        self.limits = limits
        self._registry_given = registry
        self._registries = open_registries(registry)
        self._referrals: list[Referral] = []
        self._stubs: list[tuple[Referral, Any]] = []
        self._reset()

    def _reset(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._engine: Engine | None = None
        self._pool: Pool | None = None
        self._starting: asyncio.Task[None] | None = None  # of the registries
        self._subscribing: dict[Referral, asyncio.Task[None]] = {}
        self._subscriptions: list[Subscription] = []
        self._pid = os.getpid()
        self._closed = False

    def __repr__(self) -> str:
        state = "closed" if self._closed else "started" if self._engine is not None else "not started"
        services = ", ".join(str(r.key) for r in self._referrals)
        return f"<Client {self.application or '(no name)'} {state} services=[{services}] {self._pool or ''}>"

    # --- references ----------------------------------------------------------------------------------

    @overload
    def refer(
        self,
        interface: str,
        *,
        url: str | Sequence[str] | None = None,
        group: str | None = None,
        version: str | None = None,
        filters: Iterable[Filter | str] = (),
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
        filters: Iterable[Filter | str] = (),
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
        filters: Iterable[Filter | str] = (),
        attachments: Mapping[str, Any] | None = None,
        methods: Mapping[str, OptionValues] | None = None,
        definition: Source | None = None,
        **options: Unpack[OptionValues],
    ) -> Any:
        """A stub of ``interface``: an object with its methods, whose calls go to a provider.

        Needs no loop and does no IO. A call made before the first provider list has arrived waits for it within
        its own deadline.

        Args:
            interface: a class declared with ``@rpcore.interface``, or a service name for untyped calls.
            url: one provider address or several (``dubbo://host:port``, ``unix:/path``), instead of the registry.
            group, version: instead of those declared.
            filters: around the calls of this stub, inside those of the client.
            attachments: sent with every call.
            methods: options by method name.
            definition: what a Java provider published of the service (``rpcore.definition``), or the path of its JSON:
                the declaration is checked against it.
            options: see ``rpcore.model.Options``.

        Raises:
            ConfigurationError: not a declared ``async def`` interface, a bad hint, option or URL, or not what
                the definition says.
        """
        if self._closed:
            raise errors.LocalProtocolError("this client was closed")
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
            blocking=False,
        )
        self._referrals.append(referral)
        if referral.spec is None:
            return GenericService(self, referral)
        spec = referral.spec
        callers = {m.name: functools.partial(self._first_call, referral, m.name) for m in spec.methods}
        stub = spec.stub_class(callers, self._where(referral), self)
        self._stubs.append((referral, stub))
        if self._engine is not None:
            self._start_referral(referral)
            self._ask_registries()
        return stub

    def _where(self, referral: Referral) -> str:
        if referral.urls:
            return "at " + ", ".join(i.address for i in referral.urls)
        return "from " + ", ".join(r.url for r in self._registries)

    async def _first_call(self, referral: Referral, name: str, *arguments: Any) -> Any:
        """What a stub method calls until the client has started."""
        self._begin()
        return await referral.entry(name)(*arguments)

    # --- life ----------------------------------------------------------------------------------------

    async def start(self) -> Self:
        """Bind to the running loop, connect to the registry and subscribe. Idempotent.

        Raises:
            ConfigurationError: the registry cannot be used, such as a directory of somebody else.
        """
        self._begin()
        await self._subscribed()
        return self

    def _begin(self) -> None:
        """Bind to the running loop and start what is not started yet.

        The registries are asked in tasks of their own: a first call waits for its provider list within its
        own deadline, and one that is cancelled meanwhile takes nothing with it.
        """
        loop = asyncio.get_running_loop()
        if self._closed:
            raise errors.LocalProtocolError("this client was closed")
        if self._pid != os.getpid():
            # A forked child: what the parent started is the parent's; we begin anew.
            for referral in self._referrals:
                referral.forget()
            self._reset()
            self._registries = open_registries(self._registry_given)
        if self._loop is not None and self._loop is not loop:
            raise errors.LocalProtocolError(
                "this client belongs to another event loop; make one client per loop, or use rpcore.sync.Client"
            )
        if self._engine is None:
            self._loop = loop
            self._engine = loop_engine(loop)
            self._pool = Pool(
                self._engine,
                connect_timeout=self.connect_timeout,
                heartbeat=self.heartbeat,
                connections=self.connections,
                limits=self.limits,
                usable_changed=self._usable_changed,
            )
            for referral in self._referrals:
                self._start_referral(referral)
        self._ask_registries()

    def _start_referral(self, referral: Referral) -> None:
        assert self._engine is not None and self._pool is not None and self._loop is not None
        self._pool.limits = raised(self._pool.limits, referral.payload)
        referral.start(self._engine, self._pool.acquire, self._pool.release, self._loop.call_later)
        for owner, stub in self._stubs:
            if owner is referral:
                self._arm(referral, stub)

    def _arm(self, referral: Referral, stub: Any) -> None:
        """From now on the stub's methods call the engine directly."""
        assert referral.spec is not None
        for method in referral.spec.methods:
            setattr(stub, f"_rpc_{method.name}", referral.entry(method.name))

    def _ask_registries(self) -> None:
        """Subscribe each started reference that is not subscribed or about to be."""
        assert self._loop is not None
        for referral in self._referrals:
            if referral.urls or referral.reference is None or referral in self._subscribing:
                continue
            if self._starting is None:
                self._starting = self._loop.create_task(self._start_registries(), name="rpcore registries")
            task = self._loop.create_task(self._subscribe(referral), name=f"rpcore subscribe {referral.key}")
            task.add_done_callback(_retrieved)
            self._subscribing[referral] = task

    async def _start_registries(self) -> None:
        for registry in self._registries:
            await registry.start()

    async def _subscribe(self, referral: Referral) -> None:
        assert self._starting is not None
        view = MergedView(referral, len(self._registries))
        try:
            await asyncio.shield(self._starting)
            for index, registry in enumerate(self._registries):
                try:
                    self._subscriptions.append(
                        await registry.subscribe(referral.key, functools.partial(view.update, index))
                    )
                except errors.RegistryError:
                    if len(self._registries) == 1:
                        raise
        except Exception as error:
            del self._subscribing[referral]  # the next start() tries again
            if self._starting is not None and self._starting.done() and self._starting.exception() is not None:
                self._starting = None
            referral.fail(error)
            raise

    async def _subscribed(self) -> None:
        """Wait until every reference is subscribed; raises what went wrong with the first that is not."""
        for task in list(self._subscribing.values()):
            await asyncio.shield(task)

    def _usable_changed(self, endpoint: Endpoint) -> None:
        for referral in self._referrals:
            if referral.directory is not None:
                referral.directory.availability_changed(endpoint)

    async def ready(self, timeout: float = FIRST_LIST) -> None:
        """Wait until every reference knows its providers.

        Raises:
            NoProvider: a reference (with ``check``, the default) has no provider after ``timeout`` seconds;
                names all such services.
        """
        self._begin()
        assert self._loop is not None
        deadline = self._loop.time() + timeout
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                await self._subscribed()
        while True:
            missing = [r for r in self._referrals if r.check and not (r.snapshot and r.snapshot.nodes)]
            if not missing:
                return
            if self._loop.time() >= deadline:
                names = ", ".join(str(r.key) for r in missing)
                where = ", ".join(r.url for r in self._registries)
                raise errors.NoProvider(f"no provider after {timeout:g} s: {names} (registry {where})")
            changed = asyncio.Event()
            for referral in missing:
                referral.on_change = changed.set
            try:
                async with asyncio.timeout_at(deadline):
                    await changed.wait()
            except TimeoutError:
                pass
            finally:
                for referral in missing:
                    referral.on_change = None

    def report(self) -> tuple[ServiceReport, ...]:
        """What this client did and which providers it sees, one entry per ``refer``, in their order."""
        return tuple(referral.report() for referral in self._referrals)

    async def aclose(self) -> None:
        """Close everything. Calls in flight fail as maybe executed. Idempotent."""
        if self._closed:
            return
        self._closed = True
        if self._engine is None or self._pid != os.getpid():
            return
        if self._loop is None or self._loop.is_closed():
            return  # whatever there was has gone with its loop
        tasks = [task for task in (self._starting, *self._subscribing.values()) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for subscription in self._subscriptions:
            subscription.close()
        for referral in self._referrals:
            referral.close()
        assert self._pool is not None
        await self._pool.aclose()
        for registry in self._registries:
            if not was_given(registry, self._registry_given):
                await registry.aclose()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        if getattr(self, "_engine", None) is not None and not self._closed and self._pid == os.getpid():
            warnings.warn(f"{self!r} was not closed; use async with or await aclose()", ResourceWarning, stacklevel=2)


def _retrieved(task: asyncio.Task[None]) -> None:
    """Calls that waited for it are told of a failure by their reference; the loop need not be."""
    if not task.cancelled():
        task.exception()


class GenericService:
    """A service known by its name: methods are called by theirs, values are plain. Made by ``Client.refer("com.x.Y")``.

    ``await service.find(42)`` calls the method ``find``; ``await service.invoke("find", ["long"], [42])`` says which
    of several, by the Java names of the parameter types. Without them a provider takes the only method of that name;
    with the service's definition (``refer(..., definition=...)``) they come from there.

    Arguments may be anything that has a form on the wire: plain values, dates, Decimals, dataclasses and enums (with
    the Java class that ``rpcore.wire_name`` gave them), ``GenericObject``. A Java object in a result is a dict with
    its class under ``"class"``, an enum is its name.
    """

    def __init__(self, client: Client, referral: Referral) -> None:
        self._client = client
        self._referral = referral

    def __repr__(self) -> str:
        return f"<GenericService {self._referral.key} {self._client._where(self._referral)}>"

    def __dir__(self) -> Iterable[str]:
        definition = self._referral.definition
        return [*super().__dir__(), *(definition.by_name if definition is not None else ())]

    async def invoke(
        self,
        method: str,
        types: Iterable[str] | None = None,
        args: Iterable[Any] = (),
        *,
        attachments: Mapping[str, Any] | None = None,
        **given: Unpack[OptionValues],
    ) -> Any:
        """Call ``method`` with ``args``.

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
        self._client._begin()
        if self._referral.reference is None:
            self._client._start_referral(self._referral)
            self._client._ask_registries()
        entry = self._referral.generic(method, names, len(arguments))
        if not given and not attachments:
            return await entry(*arguments)
        with options(attachments=attachments, **given):
            return await entry(*arguments)

    async def call(self, method: str, *arguments: Any) -> Any:
        """Call ``method`` (its wire name) with positional arguments: ``invoke`` for names that are none in Python."""
        return await self.invoke(method, None, arguments)

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        """The method ``name``, taking positional arguments."""
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return functools.partial(self.call, name)


# --- what a call inherits -------------------------------------------------------------------------------


class options(AbstractContextManager["options"]):
    """Options for the calls made in this block: ``with rpcore.options(timeout=0.2, tag="gray"): ...``

    Applies to each call made in the block, also in tasks started there. Blocks nest; the inner one wins.

    Args:
        attachments: sent with each call.
        given: ``timeout``, ``deadline``, ``retries``, ``tag``, ``idempotent``, ``retry_on``.

    Attributes:
        reply_attachments: what came back with the last reply to a call made directly in the block.
    """

    def __init__(self, *, attachments: Mapping[str, Any] | None = None, **given: Unpack[OptionValues]) -> None:
        self._options = validate(given, place="call", where="rpcore.options")
        self._attachments = dict(attachments or {})
        self._scope: Scope | None = None
        self._token: Any = None

    def __enter__(self) -> Self:
        outer = current_scope()
        merged, attachments, deadline, request = self._options, self._attachments, 0.0, None
        if outer is not None:
            merged = (outer.overrides or Options()).merged(self._options)
            attachments = {**(outer.attachments or {}), **attachments}
            deadline, request = outer.deadline, outer.served
        self._scope = Scope(
            deadline=deadline,
            overrides=merged if merged != Options() else None,
            attachments=attachments or None,
            request=request,
        )
        self._token = enter_scope(self._scope)
        return self

    def __exit__(self, *exc: object) -> None:
        leave_scope(self._token)

    @property
    def reply_attachments(self) -> dict[str, Any]:
        """Attachments of the last reply to a call made directly in the block; empty before."""
        return (self._scope.reply_attachments or {}) if self._scope is not None else {}


class detached(AbstractContextManager[None]):
    """Calls made in this block do not inherit the deadline of the request being served."""

    def __enter__(self) -> None:
        outer = current_scope()
        scope = Scope(
            overrides=outer.overrides if outer is not None else None,
            attachments=outer.attachments if outer is not None else None,
            request=outer.served if outer is not None else None,
        )
        self._token = enter_scope(scope)

    def __exit__(self, *exc: object) -> None:
        leave_scope(self._token)


def bind(stub: T, *, attachments: Mapping[str, Any] | None = None, **given: Unpack[OptionValues]) -> T:
    """The same stub with fixed options: ``quick = rpcore.bind(users, timeout=0.1)``.

    It shares connections, providers and counters with ``stub``.

    Raises:
        ConfigurationError: not a stub, or a bad option.
    """
    spec = _spec_of_stub(stub)
    validate(given, place="call", where=f"bind({spec.cls.__name__})")

    def bound(name: str) -> Callable[..., Any]:
        function = getattr(stub, name)
        if spec.blocking:

            def call(*arguments: Any) -> Any:
                with options(attachments=attachments, **given):
                    return function(*arguments)

            return call

        async def acall(*arguments: Any) -> Any:
            with options(attachments=attachments, **given):
                return await function(*arguments)

        return acall

    text = ", ".join(f"{name}={value!r}" for name, value in given.items())
    made: T = spec.stub_class({m.name: bound(m.name) for m in spec.methods}, text, stub)
    return made


def _spec_of_stub(stub: object) -> InterfaceSpec:
    for base in type(stub).__mro__[1:2]:
        try:
            return interface_spec(base)
        except errors.ConfigurationError:
            break
    raise errors.ConfigurationError(f"bind: expected a stub made by refer(), got {stub!r}")
