"""One ``refer``: an interface as one client calls it.

Joins the declaration (what may be called and how it is encoded), the layers of options, the provider list and
the filters, and compiles them into one ``Caller`` per method. Everything here runs when one of these changes;
a call reads the result.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rpcore import errors, filters
from rpcore._codec import ANY, REQUIRED, ArgsPlan
from rpcore._core import Caller, Endpoint, Engine, Node, Reference, current_scope, final_error
from rpcore.abc import Filter, Invoker
from rpcore.cluster import policies
from rpcore.cluster.directory import Directory
from rpcore.cluster.snapshot import Snapshot
from rpcore.dispatch import hessian_prefix, request_prefix
from rpcore.filters import runs_per_attempt
from rpcore.loadbalance import build
from rpcore.model import Instance, Invocation, Options, ServiceKey
from rpcore.options import CallOptions, Layer, published, resolve
from rpcore.service import InterfaceSpec

if TYPE_CHECKING:
    from rpcore.definition import ServiceDefinition
    from rpcore.report import ServiceReport

ARITY_OF_GENERIC = 64

SERIALIZATIONS = {"": 0, "hessian2": 2, "msgpack": 29}
"""Ids on the wire; 0 leaves it to the peer: msgpack with rpcore, hessian2 with everybody else."""


class Referral:
    """What one ``refer`` made: the stub's callers, kept in step with providers and options.

    Args:
        key: the service, after ``refer``'s own group and version.
        spec: the declaration, or None for a generic service named by a string.
        layer: the options given to ``refer``.
        filters: all user filters, outermost first.
        urls: fixed provider addresses; empty when the registry is asked.
        attachments: sent with every call.
        forward: keys of the attachments of a call being served that go on with calls made for it; ``"*"``: all
            of the user's.
        definition: what a Java provider published of the service, as ``refer`` was given it.
    """

    def __init__(
        self,
        key: ServiceKey,
        spec: InterfaceSpec | None,
        layer: Layer,
        *,
        filters: Sequence[Filter] = (),
        urls: tuple[Instance, ...] = (),
        attachments: Mapping[str, Any] | None = None,
        forward: frozenset[str] | None = None,
        definition: ServiceDefinition | None = None,
    ) -> None:
        self.key = key
        self.definition = definition
        self.forward = forward
        self.spec = spec
        self.layer = layer
        self.urls = urls
        self.call_filters = [f for f in filters if not runs_per_attempt(f)]
        self.attempt_filters = [f for f in filters if runs_per_attempt(f)]
        self.attachments = dict(attachments or {})
        self.callers: dict[str, Caller] = {}
        self.options: dict[str, CallOptions] = {}
        self.reference: Reference | None = None
        self.failure: Exception | None = None
        self.directory: Directory | None = None
        self.snapshot: Snapshot | None = None
        self.closed = False
        self.on_change: Callable[[], Any] | None = None
        self._provider = Layer("provider")
        self._release: Callable[[str], None] = lambda address: None
        self._decide()

    def __repr__(self) -> str:
        nodes = len(self.snapshot.nodes) if self.snapshot else 0
        where = f"{nodes} providers" if self.snapshot else "not started"
        return f"<Referral {self.key} {where}>"

    # --- options -------------------------------------------------------------------------------------

    def _decide(self) -> None:
        """Resolve every method's options from the layers; runs once per change."""
        if self.spec is None:
            for name, caller in self.callers.items():
                self.options[name] = self._resolve(caller.method)
            return
        for method in self.spec.methods:
            self.options[method.name] = self._resolve(method.wire_name, self.spec.layer_of(method))

    def _resolve(self, wire_name: str, declaration: Layer | None = None) -> CallOptions:
        if declaration is None:
            declaration = self.spec.layer if self.spec is not None else Layer("declaration")
        return resolve(wire_name, declaration=declaration, provider=self._provider, refer=self.layer)

    @property
    def payload(self) -> int:
        """The largest body any of its methods may send or receive."""
        return max((options.payload for options in self.options.values()), default=self._resolve("").payload)

    @property
    def check(self) -> bool:
        """Whether ``ready()`` insists on a provider."""
        return self._resolve("").check

    # --- life ----------------------------------------------------------------------------------------

    def start(
        self,
        engine: Engine,
        acquire: Callable[[str, int], Endpoint],
        release: Callable[[str], None],
        call_later: Callable[[float, Callable[[], None]], Any],
    ) -> None:
        """Bind to an engine: from now on the callers can be called."""
        self._release = release
        self.reference = Reference(self.key, engine, no_provider=self._no_provider)
        connections = self._resolve("").connections
        self.directory = Directory(
            self.key,
            build=build,
            endpoint_of=lambda instance: acquire(instance.address, connections),
            clock=engine.clock,
            wall=time.time,
            call_later=call_later,
            on_change=self._changed,
            on_removed=self._removed,
        )
        if self.spec is not None:
            for method in self.spec.resolve():
                self.callers[method.spec.name] = Caller(
                    self.reference,
                    service=self.key.interface,
                    method=method.spec.wire_name,
                    prefix=request_prefix(self.key, method.msgpack_name),
                    args=method.args,
                    result=method.result,
                    errors={plan.wire_name: plan for plan in method.errors},
                    hessian_prefix=hessian_prefix(self.key, method.spec.wire_name, method.descriptor),
                    hessian_attachments=self._about(),
                )
        self._configure()
        if self.urls:
            self.directory.update(self.urls)

    def _about(self) -> dict[str, str]:
        """What each hessian2 request says of itself. Java reads the group from here; Envoy wants the others, too."""
        key = self.key
        about = {"path": key.interface, "interface": key.interface, "version": key.version or "0.0.0"}
        return {**about, "group": key.group} if key.group else about

    def report(self) -> ServiceReport:
        """Counts and providers at this moment."""
        from rpcore.report import ProviderReport, ServiceReport

        reference = self.reference
        return ServiceReport(
            self.key,
            calls=reference.calls if reference else 0,
            failures=reference.failures if reference else 0,
            retries=reference.retries if reference else 0,
            providers=tuple(
                ProviderReport(
                    node.instance.address,
                    node.weight,
                    node.endpoint.state,
                    node.active,
                    node.total,
                    node.failed,
                )
                for node in (self.snapshot.nodes if self.snapshot else ())
            ),
        )

    def forget(self) -> None:
        """In a forked child: drop what belongs to the parent, without IO."""
        self.directory = self.reference = self.snapshot = None
        self.callers = {}

    def close(self) -> None:
        """The client was closed: no more calls, and those that wait for providers end."""
        self.closed = True
        for caller in self.callers.values():
            caller.picker = None
        if self.reference is not None:
            self.reference.list_arrived()
        if self.directory is not None:
            self.directory.close()
            self._removed(self.directory.snapshot.nodes)
            self.directory = None

    def fail(self, error: Exception) -> None:
        """The registry cannot be asked: until a list arrives after all, calls end with ``error``."""
        self.failure = error
        if self.snapshot is None and self.reference is not None:
            self.reference.list_arrived()

    def _changed(self, snapshot: Snapshot) -> None:
        """A new provider list, or weights, or availability: give every caller its picker."""
        first = self.snapshot is None
        self.snapshot = snapshot
        self.failure = None
        provider = next((published(n.instance) for n in snapshot.nodes if _publishes(n.instance)), Layer("provider"))
        if provider != self._provider:
            self._provider = provider
            self._decide()
            self._configure()
        self._set_pickers()
        if first and self.reference is not None:
            self.reference.list_arrived()
        if self.on_change is not None:
            self.on_change()

    def _set_pickers(self) -> None:
        for name, caller in self.callers.items():
            self._set_picker(caller, self.options[name])

    def _set_picker(self, caller: Caller, options: CallOptions) -> None:
        snapshot = self.snapshot
        caller.picker = snapshot.picker(options.loadbalance) if snapshot is not None and snapshot.nodes else None

    def _configure(self) -> None:
        for name, caller in self.callers.items():
            self._configure_caller(caller, self.options[name])

    def _configure_caller(self, caller: Caller, options: CallOptions) -> None:
        caller.options = options
        caller.timeout = options.timeout
        caller.deadline = options.deadline
        policy = policies.load(options.cluster)
        caller.retries = policy.retries(options.retries)
        caller.may_override_retries = policy.retries(1) > 0
        caller.idempotent = options.idempotent
        caller.retry_timeouts = options.retry_on == "dubbo"
        caller.oneway = options.oneway
        caller.payload = options.payload
        # Generic calls look the same to everybody, unless they are to go by msgpack.
        caller.serialization = SERIALIZATIONS[options.serialization or ("hessian2" if self.spec is None else "")]
        caller.forward = self.forward
        caller.set_attachments({**self.attachments, **({"dubbo.tag": options.tag} if options.tag else {})})

    def _removed(self, nodes: Iterable[Node]) -> None:
        for node in nodes:
            self._release(node.endpoint.address)

    def _no_provider(self, caller: Caller) -> errors.RpcError:
        if self.closed:
            return errors.LocalProtocolError("this client was closed")
        if self.failure is not None:
            error: errors.RpcError = errors.RegistryError(str(self.failure))
            if isinstance(self.failure, errors.RpcError):
                error = copy.copy(self.failure)  # each call gets, and adds to, one of its own
            error.__cause__ = self.failure
            return error
        return errors.NoProvider(
            f"{self.key}.{caller.method}: the registry knows no provider",
            service=self.key.interface,
            method=caller.method,
        )

    # --- what a stub method calls --------------------------------------------------------------------

    def entry(self, name: str) -> Callable[..., Awaitable[Any]]:
        """What the stub's method ``name`` calls: the bare ``Caller``, or the filters around it."""
        caller = self.callers[name]
        return self._with_filters(caller, self.options[name])

    def _with_filters(self, caller: Caller, options: CallOptions) -> Callable[..., Awaitable[Any]]:
        active = getattr(policies.load(options.cluster), "invoke", None)
        if not self.call_filters and not self.attempt_filters and active is None:
            return caller
        invoker: Invoker
        if active is not None:
            invoker = functools.partial(_actively, caller, active, self.attempt_filters)
        elif self.attempt_filters:
            invoker = functools.partial(_attempt_by_attempt, caller, self.attempt_filters)
        else:
            invoker = functools.partial(_whole, caller)
        invoker = filters.chain(self.call_filters, invoker)
        key, method = self.key, caller.method

        async def filtered(*arguments: Any) -> Any:
            return await invoker(Invocation(key, method, arguments))

        return filtered

    def generic(self, method: str, types: tuple[str, ...] | None, arity: int) -> Callable[..., Awaitable[Any]]:
        """A caller for a method known by name only: arguments and result are plain values.

        Args:
            method: its wire name, by which its options are found, too.
            types: names of its parameter types; None: those of the definition, or unknown.
            arity: how many arguments it is called with.

        Raises:
            ConfigurationError: too many arguments, or not what the definition says.
        """
        # Loaded with the first such call: whoever declares what it calls never needs it.
        from rpcore.generic import calling

        if arity > ARITY_OF_GENERIC:
            raise errors.ConfigurationError(f"{self.key}.{method}: {arity} arguments, at most {ARITY_OF_GENERIC}")
        if types is None:
            types = calling.defined_types(self.definition, method, arity)
        name = calling.key_of(method, types, arity)
        if name not in self.callers:
            assert self.reference is not None
            args = ArgsPlan(tuple(str(i) for i in range(arity)), (ANY,) * arity, (REQUIRED,) * arity)
            generic = not method.startswith("$")  # one of Dubbo's own, such as $echo, is called by its name
            caller = Caller(
                self.reference,
                service=self.key.interface,
                method=method,
                prefix=request_prefix(self.key, calling.direct_name(method, types)),
                args=args,
                result=ANY,
                hessian_prefix=hessian_prefix(
                    self.key,
                    "$invoke" if generic else method,
                    calling.DESCRIPTOR if generic else calling.descriptor(types) or args.descriptor,
                ),
                hessian_attachments={**self._about(), **({"generic": "true"} if generic else {})},
                hessian_args=calling.ARGS if generic else None,
                hessian_convert=calling.invocation(method, types) if generic else None,
            )
            self.options[name] = self._resolve(method)
            self.callers[name] = caller
            self._configure_caller(caller, self.options[name])
            self._set_picker(caller, self.options[name])
        return self.entry(name)


def _publishes(instance: Instance) -> bool:
    return bool(instance.method_options) or instance.options != Options()


async def _whole(caller: Caller, invocation: Invocation) -> Any:
    """The innermost invoker of a call without attempt filters: the engine's own loop."""
    call = caller.call(
        invocation.arguments,
        attachments=invocation.attachments or None,
        overrides=None if invocation.options == Options() else invocation.options,
    )
    try:
        return await call
    finally:
        if call.reply_attachments:
            invocation.response_attachments.update(call.reply_attachments)


class _Attempts:
    """One call whose attempts are made in Python, because filters watch them or a policy makes them.

    The rules (who may be tried again, the budget, the error at the end) are the engine's.
    """

    def __init__(self, caller: Caller, attempt_filters: Sequence[Filter], invocation: Invocation) -> None:
        self.caller = caller
        self.invocation = invocation
        options = caller.options.overridden(invocation.options)
        scope = current_scope()
        if scope is not None and scope.overrides is not None:
            options = options.overridden(scope.overrides)
        self.options = options
        self.retries = policies.load(options.cluster).retries(options.retries)
        self.deadline = caller.engine.clock() + options.deadline
        self.made = 0
        self._tried: list[Node] = []
        self._invoke = filters.chain(attempt_filters, self._once)

    async def __call__(self, tried: list[Node]) -> Any:
        """One attempt at a provider that is not in ``tried``, which it joins."""
        self.made += 1
        self._tried = tried
        outer = self.invocation
        return await self._invoke(dataclasses.replace(outer, attachments=dict(outer.attachments), attempt=self.made))

    async def _once(self, invocation: Invocation) -> Any:
        call = self.caller.call(
            invocation.arguments,
            attachments=invocation.attachments or None,
            overrides=None if invocation.options == Options() else invocation.options,
            deadline=self.deadline,
            single=True,
            tried=self._tried,
        )
        try:
            return await call
        finally:
            invocation.response_attachments.update(call.reply_attachments or {})


async def _attempt_by_attempt(caller: Caller, attempt_filters: Sequence[Filter], invocation: Invocation) -> Any:
    """Failover and failfast with filters around each attempt."""
    attempt = _Attempts(caller, attempt_filters, invocation)
    tried: list[Node] = []
    lines: list[str] = []
    while True:
        try:
            return await attempt(tried)
        except errors.RpcError as error:
            now = caller.engine.clock()
            lines.append(f"{error.address}: {type(error).__name__}: {error.message}")
            if (
                attempt.made > attempt.retries
                or now >= attempt.deadline
                or not caller.retry_allowed(error, now, attempt.options)
            ):
                if error.retry is errors.Retry.NEVER:
                    raise
                final = final_error(caller, error, lines, attempt.retries, now >= attempt.deadline)
                raise final from error.__cause__


async def _actively(
    caller: Caller,
    invoke: Callable[..., Awaitable[Any]],
    attempt_filters: Sequence[Filter],
    invocation: Invocation,
) -> Any:
    """A policy that makes its attempts itself."""
    return await invoke(invocation, _Attempts(caller, attempt_filters, invocation))
