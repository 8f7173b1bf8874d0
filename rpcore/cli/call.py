"""One call as ``rpcore invoke`` makes it: which service is meant, typed or not, and what comes back."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import click
import msgpack

import rpcore
from rpcore import errors
from rpcore.abc import Registry
from rpcore.cli import values
from rpcore.cli.failures import NO_PROVIDER, Failure
from rpcore.cli.loading import add_working_directory
from rpcore.model import Instance, ServiceKey
from rpcore.registry import connect
from rpcore.service import InterfaceSpec, ResolvedMethod, interface_spec

FIRST_LIST = 2.0
"""Seconds for which a provider that the registry listed may take to reach the client's own list."""


@dataclass(slots=True)
class Call:
    """What the command line asks for.

    Args:
        service: name of the service, or the Python path of its interface.
        method: its name on the wire; of a typed call the Python name too.
        interface: the declared interface, which makes the call typed.
        registry: URL; None for the embedded registry.
        urls: providers, instead of a registry.
        group, version: None for whatever is declared, or registered if that is only one.
        timeout: seconds of one attempt; None for what is declared.
        attachments: sent along.
        types: of an untyped call's parameters, by their Java names; None where the method has no overloads.

    Raises:
        Failure: the interface is another service's, or has no such method.
    """

    service: str
    method: str
    interface: Any = None
    registry: str | None = None
    urls: Sequence[str] = ()
    group: str | None = None
    version: str | None = None
    timeout: float | None = None
    attachments: Mapping[str, str] = field(default_factory=dict)
    types: Sequence[str] | None = None
    reply_attachments: Mapping[str, Any] = field(default_factory=dict)
    """What came back with the result."""
    _spec: InterfaceSpec | None = None
    _resolved: ResolvedMethod | None = None

    def __post_init__(self) -> None:
        if self.interface is None:
            return
        spec = interface_spec(self.interface)
        spec = self._spec = spec.of or spec
        if self.service not in (spec.key.interface, f"{spec.cls.__module__}.{spec.cls.__qualname__}"):
            raise Failure(f"{spec.cls.__name__} declares {spec.key.interface!r}, not {self.service!r}")
        self._resolved = _method_of(spec, self.method)
        self.service = spec.key.interface
        # An interface that declares no group or version does not mind which.
        self.group = spec.key.group or None if self.group is None else self.group
        self.version = spec.key.version or None if self.version is None else self.version

    def typed(self, given: Sequence[Any]) -> tuple[Any, ...]:
        """The arguments as the declaration wants them, defaults filled in; as they are without one.

        Raises:
            Failure: they do not fit; names the parameter.
        """
        if self._resolved is None:
            return tuple(given)
        try:
            arguments: tuple[Any, ...] = self._resolved.args.loads(msgpack.packb(list(given)))
        except (ValueError, OverflowError) as error:  # a DecodeError is a ValueError
            parameters = ", ".join(
                p.name if p.required else f"{p.name}={p.default!r}" for p in self._resolved.parameters
            )
            raise Failure(f"{self.service}.{self.method}({parameters}): {error}") from error
        return arguments

    async def run(self, arguments: Sequence[Any]) -> Any:
        """Make the call; returns the result as JSON's types.

        Raises:
            Failure: no such service, or several of the name.
            Exception: whatever the call raises.
        """
        async with contextlib.AsyncExitStack() as stack:
            if self.urls:
                client = rpcore.Client([], application="rpcore invoke")
                key = ServiceKey(self.service, self.group or "", self.version or "")
            else:
                registry = connect(self.registry)
                stack.push_async_callback(registry.aclose)
                key = await self._find(registry)
                client = rpcore.Client(registry, application="rpcore invoke")
            function = self._function(client, key)
            await stack.enter_async_context(client)
            await client.ready(FIRST_LIST)
            given: Any = {} if self.timeout is None else {"timeout": self.timeout}
            with rpcore.options(attachments=self.attachments, **given) as options:
                value = await function(*arguments)
            self.reply_attachments = options.reply_attachments
        if self._resolved is None:
            return values.to_json(value)
        return values.to_json(values.unpack(self._resolved.result.dumps(value)))

    def _function(self, client: rpcore.Client, key: ServiceKey) -> Callable[..., Awaitable[Any]]:
        urls = list(self.urls) or None
        if self._spec is not None and self._resolved is not None:
            stub = client.refer(self._spec.cls, url=urls, group=key.group, version=key.version)
            function: Callable[..., Awaitable[Any]] = getattr(stub, self._resolved.spec.name)
            return function
        service = client.refer(str(key), url=urls)
        return lambda *arguments: service.invoke(self.method, self.types, arguments)

    async def _find(self, registry: Registry) -> ServiceKey:
        """The service among those registered; settles group and version where they are open."""
        await registry.start()
        instances = await registry.instances()
        keys = {i.service for i in instances if i.service.interface == self.service}
        fitting = {key for key in keys if self.group in (None, key.group) and self.version in (None, key.version)}
        if not fitting:
            raise Failure(_nobody(self.service, keys, instances, registry.url), NO_PROVIDER)
        if len(fitting) > 1:
            names = ", ".join(str(key) for key in sorted(fitting))
            raise Failure(f"{self.service}: several are registered: {names}; say --group or --version")
        return fitting.pop()


def _nobody(interface: str, keys: set[ServiceKey], instances: Sequence[Instance], url: str) -> str:
    if keys:
        return f"no provider of that group and version in {url}; there is {', '.join(map(str, sorted(keys)))}"
    known = sorted({i.service.interface for i in instances})
    near = get_close_matches(interface, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else f"; there is {', '.join(known[:5])}" if known else ""
    return f"no provider of {interface} in {url}{hint or ', which is empty'}"


def _method_of(spec: InterfaceSpec, name: str) -> ResolvedMethod:
    methods = spec.resolve()
    for method in sorted(methods, key=lambda method: method.spec.name != name):  # the Python name goes first
        if name in (method.spec.name, method.msgpack_name):
            return method
    overloads = [method.spec.name for method in methods if method.spec.wire_name == name]
    if overloads:
        raise Failure(f"{spec.cls.__name__} has several methods {name!r} on the wire: say {' or '.join(overloads)}")
    known = [method.spec.name for method in methods]
    near = get_close_matches(name, known, n=1) or known
    raise Failure(f"{spec.cls.__name__} declares no method {name!r}; there is {', '.join(near)}")


def importable(service: str) -> Any:
    """The declared interface whose Python path ``service`` is, or None."""
    module_name, _, name = service.rpartition(".")
    if not module_name or not service.replace(".", "").isidentifier():
        return None
    add_working_directory()
    try:
        if importlib.util.find_spec(module_name) is None:
            return None
        found = getattr(importlib.import_module(module_name), name, None)
    except ModuleNotFoundError:
        return None
    except Exception as error:
        click.echo(f"rpcore: calling untyped, {module_name} cannot be imported: {error}", err=True)
        return None
    try:
        interface_spec(found)
    except errors.ConfigurationError:
        return None
    return found
