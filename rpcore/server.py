"""The provider: a server exports implementations of interfaces, listens, registers, and stops without losing calls."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import inspect
import logging
import os
import signal
import socket
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack

from rpcore import errors
from rpcore._codec import ANY, REQUIRED, ArgsPlan, Limits
from rpcore._core import Entry, Gauge, Request, current_scope
from rpcore.abc import Filter, Registry
from rpcore.dispatch import Dispatch, hessian_prefix, request_prefix
from rpcore.filters import chain, in_order
from rpcore.generic.serving import GENERIC_EXCEPTION, OLD_GENERIC_EXCEPTION, Invoke
from rpcore.loops import new_runner
from rpcore.model import Instance, Invocation, Options, ServiceKey
from rpcore.options import OptionValues, layer, resolve
from rpcore.referring import open_registries, was_given
from rpcore.service import InterfaceSpec, handlers, interface_spec
from rpcore.transport import Listener, loop_engine, raised

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

logger = logging.getLogger("rpcore.server")

DEFAULT_PORT = 20880
"""Dubbo's."""

NOTICE = 0.5
"""Seconds between the READONLY event and refusing calls: consumers on the way have time to notice."""

LINGER = 0.25
"""Seconds between the last answer and closing, for peers that are not rpcore: a Java consumer that sees the end of the
connection fails calls whose answers it has received and not yet handed on."""


@dataclass(slots=True)
class _Export:
    """One exported service."""

    spec: InterfaceSpec
    key: ServiceKey
    implementation: Any
    layer: Any
    filters: tuple[Filter, ...]
    options: Options
    gauge: Gauge
    token: str | None
    entries: list[Entry] = field(default_factory=list)


class Server:
    """Serves exported implementations on one address. Construct it anywhere; ``start`` binds it to the running loop.

    Args:
        registry: where to register: a URL, a ``Registry``, a list of them, None for the embedded registry of this
            machine's user.
        application: our name, as consumers see it.
        host: address to listen on; ``""`` for all interfaces, ``unix:/path`` for a Unix socket.
        port: 0 picks a free one.
        publish_host: the host consumers are told; by default ``host``, or this machine's address when listening on all.
        register: False keeps the services out of the registry.
        filters: around every handler (see ``rpcore.filters``).
        threads: size of the pool for ``def`` handlers; by default as ``ThreadPoolExecutor``.
        executes: calls that may run at once in this server; 0 = no limit.
        max_connections: connections accepted at once; 0 = no limit.
        heartbeat: a connection without a byte for three times this many seconds is closed.
        limits: sizes accepted in frames, see ``rpcore.Limits``.
        send_traceback: whether callers see the traceback of exceptions that are not declared.
        old_generic_exception: whether generic callers get exceptions in Dubbo's class from before 2.7,
            ``com.alibaba.dubbo.rpc.service.GenericException``, instead of the one in ``org.apache.dubbo``.
        grace: seconds ``stop`` waits for running calls before it cancels them.

    Raises:
        ConfigurationError: the registry URL or an option is wrong.
    """

    def __init__(
        self,
        registry: str | Registry | Sequence[str | Registry] | None = None,
        *,
        application: str = "",
        host: str = "",
        port: int = DEFAULT_PORT,
        publish_host: str | None = None,
        register: bool = True,
        filters: Iterable[Filter | str] = (),
        threads: int | None = None,
        executes: int = 0,
        max_connections: int = 0,
        heartbeat: float = 60.0,
        limits: Limits | None = None,
        send_traceback: bool = False,
        old_generic_exception: bool = False,
        grace: float = 10.0,
    ) -> None:
        if not host.startswith("unix:") and not 0 <= port <= 65535:
            raise errors.ConfigurationError(f"Server: option 'port' must be from 0 to 65535, not {port!r}")
        self.application = application
        self.host = host
        self.port = 0 if host.startswith("unix:") else port
        self.publish_host = publish_host
        self.register = register
        self.filters = in_order(filters)
        self.grace = grace
        self._threads = threads
        self._max_connections = max_connections
        self._heartbeat = heartbeat
        self._limits = limits
        self._registry_given = registry
        self._registries = open_registries(registry) if register else []
        self._gauge = Gauge("server", limit=executes, option="executes of the server")
        self._dispatch = Dispatch(send_traceback=send_traceback)
        self._old_generic_exception = old_generic_exception
        self._exports: list[_Export] = []
        self._pool: ThreadPoolExecutor | None = None
        self._listener: Listener | None = None
        self._stack: contextlib.AsyncExitStack | None = None
        self._registered: list[tuple[Registry, Instance]] = []
        self._started_at = 0.0
        self._stopped: asyncio.Event | None = None
        self._stopping = False

    def __repr__(self) -> str:
        if self._listener is None:
            state = "stopped" if self._stopping else "not started"
        else:
            state = "stopping" if self._stopping else "serving"
        services = ", ".join(str(export.key) for export in self._exports)
        return f"<Server {self.application or '(no name)'} {state} {self.address} services=[{services}]>"

    @property
    def address(self) -> str:
        """Where it listens: ``host:port`` or ``unix:/path``; the port is known once it has started."""
        return self.host if self.host.startswith("unix:") else f"{self.host or '*'}:{self.port}"

    def configure(
        self,
        *,
        registry: str | Registry | Sequence[str | Registry] | None = None,
        application: str | None = None,
        host: str | None = None,
        port: int | None = None,
        register: bool | None = None,
    ) -> None:
        """Replace what the constructor was given, for whoever deploys a server that somebody else wrote.

        Only what is not None is replaced.

        Raises:
            ConfigurationError: a value is wrong, or the server has started.
        """
        if self._listener is not None:
            raise errors.ConfigurationError(f"{self!r}: configure before the server starts")
        if port is not None and not 0 <= port <= 65535:
            raise errors.ConfigurationError(f"Server: option 'port' must be from 0 to 65535, not {port!r}")
        if registry is not None:
            self._registry_given = registry
        if application is not None:
            self.application = application
        if host is not None:
            self.host = host
        if port is not None:
            self.port = port
        if self.host.startswith("unix:"):
            self.port = 0
        if register is not None:
            self.register = register
        if registry is not None or register is not None:
            self._registries = open_registries(self._registry_given) if self.register else []

    # --- exports -------------------------------------------------------------------------------------

    def export(
        self,
        interface: Callable[..., object],
        implementation: object,
        *,
        group: str | None = None,
        version: str | None = None,
        token: str | None = None,
        filters: Iterable[Filter | str] = (),
        methods: Mapping[str, OptionValues] | None = None,
        **options: Unpack[OptionValues],
    ) -> None:
        """Serve ``interface`` by ``implementation``.

        Args:
            interface: a class declared with ``@rpcore.interface``.
            implementation: an object with its methods (``async def``, or ``def`` for the thread pool), a context
                manager that gives one, or a factory: a function or class called without arguments at ``start``.
            group, version: instead of those declared.
            token: what each call must carry as its attachment ``token``. It is published: consumers that ask the
                registry send it by themselves, so whoever goes past the registry must be told.
            filters: around its handlers, inside those of the server.
            methods: options by method name.
            options: of the service, such as ``weight=50, tag="gray", executes=100``; published to consumers.

        Raises:
            ConfigurationError: the handlers do not fit the interface, the service is exported already, or an option
                is wrong.
        """
        spec = interface_spec(interface)
        if spec.blocking:
            raise errors.ConfigurationError(f"export({spec.cls.__name__}): export the interface, not its blocking view")
        spec.resolve()
        where = f"export({spec.cls.__name__})"
        given = layer("export", options, methods, place="export", where=where, wire_names=spec.wire_names)
        key = ServiceKey(
            spec.key.interface,
            spec.key.group if group is None else group,
            spec.key.version if version is None else version,
        )
        if any(export.key == key for export in self._exports):
            raise errors.ConfigurationError(f"{where}: {key} is exported already")
        if self._listener is not None:
            raise errors.ConfigurationError(f"{where}: export before the server starts")
        if not _is_factory(implementation) and not _is_context(implementation):
            handlers(spec, implementation)
        service = resolve("", declaration=spec.layer, provider=given)
        export = _Export(
            spec,
            key,
            implementation,
            given,
            in_order(self.filters, spec.filters, filters),
            given.options,
            Gauge(str(key), limit=service.executes, option="executes", parent=self._gauge),
            token,
        )
        self._exports.append(export)

    async def _enter(self, export: _Export, stack: contextlib.AsyncExitStack) -> None:
        """Make the implementation, enter its context, and compile its handlers."""
        implementation = export.implementation
        if _is_factory(implementation):
            implementation = implementation()
            if inspect.isawaitable(implementation):
                implementation = await implementation
        if hasattr(implementation, "__aenter__"):
            implementation = await stack.enter_async_context(implementation)
        elif hasattr(implementation, "__enter__"):
            implementation = stack.enter_context(implementation)
        found = handlers(export.spec, implementation)
        export.entries = []
        for method in export.spec.resolve():
            wire_name = method.spec.wire_name
            options = resolve(wire_name, declaration=export.spec.layer_of(method.spec), provider=export.layer)
            # The service's own limit is the parent gauge's; a method has one only if it was given for the method.
            own = export.layer.methods.get(wire_name, Options()).executes or method.spec.options.executes or 0
            handler = found[method.spec.name]
            function = handler.function if handler.is_async else self._in_thread(handler.function)
            if export.filters:
                function = _filtered(export.filters, export.key, wire_name, function)
            export.entries.append(
                Entry(
                    prefix=request_prefix(export.key, method.msgpack_name),
                    hessian_prefix=hessian_prefix(export.key, wire_name, method.descriptor),
                    name=method.msgpack_name,
                    token=export.token,
                    service=export.key,
                    method=wire_name,
                    handler=function,
                    args=method.args,
                    result=method.result,
                    errors=_most_derived_first(method.errors),
                    gauge=Gauge(f"{export.key}.{wire_name}", limit=own, parent=export.gauge),
                    cancellable=options.cancellable,
                    payload=options.payload,
                )
            )

        invoke = Invoke(
            export.key,
            list(zip(export.spec.resolve(), export.entries, strict=True)),
            naming=export.spec.naming,
            dispatch=self._dispatch,
            exception=OLD_GENERIC_EXCEPTION if self._old_generic_exception else GENERIC_EXCEPTION,
        )
        payload = max(entry.payload for entry in export.entries)
        export.entries += [_echo(export), *invoke.entries(token=export.token, payload=payload)]

    def _in_thread(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A ``def`` handler, run in the pool with the request's context."""

        async def call(*arguments: Any) -> Any:
            loop = asyncio.get_running_loop()
            if self._pool is None:
                from concurrent.futures import ThreadPoolExecutor

                self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="rpcore handler")
            run = contextvars.copy_context().run
            return await loop.run_in_executor(self._pool, run, _unless_expired, current_scope(), function, arguments)

        return call

    # --- life ----------------------------------------------------------------------------------------

    async def start(self) -> Self:
        """Enter the implementations, listen, register. When anything fails, what was done is undone.

        Raises:
            ConfigurationError: the address is in use, or an implementation does not fit.
            RegistryError: the registry refused the registration.
        """
        if self._listener is not None:
            return self
        if not self._exports:
            raise errors.ConfigurationError("Server: nothing was exported")
        loop = asyncio.get_running_loop()
        self._stopped = asyncio.Event()
        self._stopping = False
        async with contextlib.AsyncExitStack() as stack:
            for export in self._exports:
                await self._enter(export, stack)
            self._dispatch.replace(entry for export in self._exports for entry in export.entries)
            self._listener = listener = Listener(
                loop_engine(loop),
                self._dispatch,
                heartbeat=self._heartbeat,
                limits=raised(self._limits, max(entry.payload for e in self._exports for entry in e.entries)),
                max_connections=self._max_connections,
            )
            stack.push_async_callback(self._close_listener)
            self.port = await listener.listen(self.host, self.port)
            self._started_at = time.time()
            for registry in self._registries:
                await registry.start()
                if not was_given(registry, self._registry_given):
                    stack.push_async_callback(registry.aclose)
            stack.push_async_callback(self._unregister)
            await self._register()
            self._stack = stack.pop_all()
        logger.info("serving %s at %s", ", ".join(str(e.key) for e in self._exports), self.address)
        return self

    async def _register(self) -> None:
        for registry in self._registries:
            for instance in self.instances():
                await registry.register(instance)
                self._registered.append((registry, instance))

    async def _unregister(self) -> None:
        registered, self._registered = self._registered, []
        for registry, instance in registered:
            try:
                await registry.unregister(instance)
            except errors.RegistryError as error:
                logger.warning("could not deregister %s: %s", instance.service, error)

    def instances(self) -> list[Instance]:
        """What is published: one instance per service."""
        host = self.publish_host or (self.host if self.host not in ("", "0.0.0.0", "::") else _own_address())
        made = []
        for export in self._exports:
            service = resolve("", declaration=export.spec.layer, provider=export.layer)
            made.append(
                Instance(
                    export.key,
                    host,
                    self.port,
                    weight=service.weight,
                    warmup=service.warmup,
                    timestamp=self._started_at,
                    tag=service.tag,
                    application=self.application,
                    methods=tuple(dict.fromkeys(method.wire_name for method in export.spec.methods)),
                    options=export.layer.options,
                    method_options=export.layer.methods,
                    params={
                        # Consumers of Dubbo 3.2 would take fastjson2 first.
                        "prefer.serialization": "hessian2",
                        "rpcore.serialization": "msgpack",
                        "pid": str(os.getpid()),
                        **({} if export.token is None else {"token": export.token}),
                    },
                )
            )
        return made

    async def stop(self, grace: float | None = None) -> StopReport:
        """Stop without losing a call: deregister, READONLY, wait for consumers to notice, drain, cancel, linger, close.

        Args:
            grace: seconds to wait for running calls before they are cancelled; the constructor's by default.

        Returns:
            What happened, for logs.
        """
        listener = self._listener
        if listener is None:
            return StopReport()
        if self._stopping:
            assert self._stopped is not None
            await self._stopped.wait()
            return StopReport()
        self._stopping = True
        started = time.monotonic()
        grace = self.grace if grace is None else grace
        report = StopReport(running=listener.in_flight, connections=len(listener.connections))
        await self._unregister()
        listener.send_readonly()
        if listener.connections and grace > 0:
            await asyncio.sleep(min(NOTICE, grace))
        await listener.stop_accepting()
        listener.refuse_new()
        if not await listener.drained(max(grace - (time.monotonic() - started), 0.0)):
            report.cancelled = listener.in_flight
            report.stuck = await listener.cancel_handlers()
        if grace > 0 and not all(connection.peer_rpcore for connection in listener.connections):
            await asyncio.sleep(min(LINGER, grace))
        if self._stack is not None:
            stack, self._stack = self._stack, None
            await stack.aclose()
        report.seconds = time.monotonic() - started
        logger.info("stopped %s: %s", self.address, report)
        assert self._stopped is not None
        self._stopped.set()
        return report

    async def _close_listener(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            await listener.stop_accepting()
            await listener.close()
        if self._pool is not None:
            pool, self._pool = self._pool, None
            pool.shutdown(wait=False, cancel_futures=True)

    async def serve(self) -> None:
        """Start, and serve until ``stop`` is called or SIGTERM or SIGINT arrives; a second signal ends at once."""
        loop = asyncio.get_running_loop()
        asked = asyncio.Event()

        def on_signal(number: int) -> None:
            if asked.is_set():
                logger.warning("second %s: ending at once", signal.Signals(number).name)
                os._exit(128 + number)
            asked.set()

        async def stop_when_asked() -> None:
            await asked.wait()
            await self.stop()

        # Before the start: whoever sees us registered may already send a signal.
        handled = []
        for number in (signal.SIGTERM, signal.SIGINT):
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                loop.add_signal_handler(number, on_signal, number)
                handled.append(number)
        stopping: asyncio.Task[None] | None = None
        try:
            await self.start()
            assert self._stopped is not None
            stopping = loop.create_task(stop_when_asked(), name="rpcore stop")
            await self._stopped.wait()
            if asked.is_set():
                await stopping
        finally:
            if stopping is not None:
                stopping.cancel()
            for number in handled:
                loop.remove_signal_handler(number)
            if self._listener is not None and not self._stopping:
                await self.stop(0)

    def run(self, *, workers: int = 1) -> None:
        """Serve in this process until SIGTERM or SIGINT, on uvloop where it is installed. Blocks.

        Raises:
            ConfigurationError: ``workers`` is not 1; several processes are not supported yet.
        """
        if workers != 1:
            raise errors.ConfigurationError(
                f"run(workers={workers}): only workers=1 is supported yet; start several servers with the same exports"
            )
        with new_runner() as runner:
            runner.run(self.serve())

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def __del__(self) -> None:
        if getattr(self, "_listener", None) is not None:
            warnings.warn(f"{self!r} was not stopped; use async with or await stop()", ResourceWarning, stacklevel=2)


@dataclass(slots=True)
class StopReport:
    """How a stop went."""

    connections: int = 0
    running: int = 0
    """Calls that ran when it began."""
    cancelled: int = 0
    """Calls that still ran after the grace and were cancelled."""
    stuck: int = 0
    """Calls that did not end even then."""
    seconds: float = 0.0

    def __str__(self) -> str:
        return (
            f"{self.connections} connections, {self.running} calls running, {self.cancelled} cancelled, "
            f"{self.stuck} stuck, {self.seconds:.2f} s"
        )


def context() -> Request:
    """The call being served: deadline, attachments, peer (see ``rpcore.Request``).

    Raises:
        LocalProtocolError: no call is being served here.
    """
    scope = current_scope()
    request = scope.served if scope is not None else None
    if request is None:
        raise errors.LocalProtocolError("rpcore.context(): no call is being served here")
    return request


def _unless_expired(request: Any, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """Run a handler in its thread, unless its caller has stopped waiting while it queued."""
    if isinstance(request, Request) and request.remaining == 0.0:
        raise errors.CallTimeout("the deadline passed while the call waited for a thread")
    return function(*arguments)


def _filtered(
    filters: tuple[Filter, ...], key: ServiceKey, method: str, handler: Callable[..., Any]
) -> Callable[..., Any]:
    async def innermost(invocation: Invocation) -> Any:
        return await handler(*invocation.arguments)

    invoker = chain(filters, innermost)

    async def serve(*arguments: Any) -> Any:
        request = context()
        invocation = Invocation(
            key,
            method,
            arguments,
            attachments=dict(request.received_attachments),
            side="provider",
            address=request.peer,
        )
        try:
            return await invoker(invocation)
        finally:
            if invocation.response_attachments:
                request.reply_attachments = {
                    **(request.reply_attachments or {}),
                    **invocation.response_attachments,
                }

    return serve


def _echo(export: _Export) -> Entry:
    """Dubbo's liveness probe: ``$echo`` answers with its argument and reaches neither filters nor limits."""

    async def echo(value: Any) -> Any:
        return value

    return Entry(
        prefix=request_prefix(export.key, "$echo"),
        hessian_prefix=hessian_prefix(export.key, "$echo", "Ljava/lang/Object;"),
        service=export.key,
        method="$echo",
        handler=echo,
        args=ArgsPlan(("value",), (ANY,), (REQUIRED,)),
        result=ANY,
        gauge=Gauge(f"{export.key}.$echo"),
        builtin=True,
    )


def _most_derived_first(plans: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(sorted(plans, key=lambda plan: -len(plan.cls.__mro__)))


def _is_factory(implementation: object) -> bool:
    return (
        inspect.isclass(implementation)
        or inspect.isfunction(implementation)
        or isinstance(implementation, functools.partial)
    )


def _is_context(implementation: object) -> bool:
    return hasattr(implementation, "__aenter__") or hasattr(implementation, "__enter__")


def _own_address() -> str:
    """This machine's address as others see it: of the interface with the default route, else loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # TEST-NET-1; a datagram socket sends nothing on connect
            address: str = probe.getsockname()[0]
        except OSError:
            return "127.0.0.1"
    return address
