"""``rpcore invoke``: one call from the command line, typed by the interface where it can be imported."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from difflib import get_close_matches
from typing import Any

import click

import rpcore
from rpcore import errors
from rpcore.abc import Registry
from rpcore.cli import values
from rpcore.cli.command import Command
from rpcore.cli.complete import complete_target
from rpcore.cli.failures import NO_PROVIDER, Failure, describe, exit_code_of
from rpcore.cli.loading import add_working_directory, load
from rpcore.cli.output import print_json
from rpcore.model import Instance, ServiceKey
from rpcore.registry import connect
from rpcore.service import InterfaceSpec, ResolvedMethod, interface_spec

FIRST_LIST = 2.0
"""Seconds for which a provider that the registry listed may take to reach the client's own list."""


@click.command(
    cls=Command,
    context_settings={"ignore_unknown_options": True},
    examples=[
        "rpcore invoke org.demo.UserService.find 42",
        "rpcore invoke org.demo.UserService.find_all '[1, 2, 3]' --interface api:UserService",
        'rpcore invoke org.demo.UserService.rename 42 "Ada L." --url dubbo://127.0.0.1:20880',
        'echo \'{"id": 7, "name": "x"}\' | rpcore invoke org.demo.UserService.store - --json',
    ],
)
@click.argument("target", metavar="SERVICE.METHOD", shell_complete=complete_target)
@click.argument("arguments", metavar="[ARGUMENT]...", nargs=-1)
@click.option("--registry", "-r", metavar="URL", help="Where providers are found [default: the embedded registry].")
@click.option(
    "--url", "-u", "urls", metavar="URL", multiple=True, help="A provider, instead of a registry; repeatable."
)
@click.option("--interface", "-i", metavar="MODULE:CLASS", help="The declared interface, which types the call.")
@click.option("--group", metavar="NAME", help="Instead of the declared or the only registered one.")
@click.option("--version", metavar="TEXT", help="Instead of the declared or the only registered one.")
@click.option("--timeout", "-t", metavar="SECONDS", type=float, help="Of one attempt [default: as declared, or 1].")
@click.option("--attachment", "-a", "attachments", metavar="NAME=VALUE", multiple=True, help="Sent along; repeatable.")
@click.option("--json", "as_json", is_flag=True, help="One line with result, attachments and seconds, or the error.")
def invoke(
    target: str,
    arguments: tuple[str, ...],
    registry: str | None,
    urls: tuple[str, ...],
    interface: str | None,
    group: str | None,
    version: str | None,
    timeout: float | None,
    attachments: tuple[str, ...],
    as_json: bool,
) -> None:
    """Call one method and print its result as JSON.

    Each ARGUMENT is JSON; text that does not begin like JSON is taken as a string, and - reads one argument
    from standard input. bytes are {"$base64": "…"}, dicts whose keys are not all text
    {"$map": [[key, value], …]}.

    The call is typed (arguments checked and defaulted here, declared timeouts and exceptions in force) by
    --interface, or by SERVICE itself when that is the Python path of its interface. Otherwise it is untyped.
    """
    service, _, method = target.rpartition(".")
    if not service or not method:
        raise click.UsageError(f"{target!r}: expected SERVICE.METHOD, such as org.demo.UserService.find")
    cls = load(interface) if interface else _importable(service)
    call = _Call(
        service=ServiceKey.parse(service),
        method=method,
        spec=interface_spec(cls) if cls is not None else None,
        registry=registry,
        urls=urls,
        group=group,
        version=version,
        timeout=timeout,
        attachments=dict(_pair(text) for text in attachments),
    )
    call.arguments = call.typed([_argument(i, text) for i, text in enumerate(arguments, 1)])
    began = time.perf_counter()
    try:
        result = rpcore.run(call.run())
    except Failure:
        raise
    except Exception as error:
        _report(error, as_json)
        if click.get_current_context().meta.get("rpcore.debug"):
            raise
        raise Failure(_one_line(error), exit_code_of(error)) from error
    if as_json:
        seconds = round(time.perf_counter() - began, 6)
        result = {"result": result, "attachments": values.to_json(call.reply_attachments), "seconds": seconds}
    print_json(result, one_line=as_json)


class _Call:
    """What the command line asks for, and how it is done."""

    def __init__(
        self,
        *,
        service: ServiceKey,
        method: str,
        spec: InterfaceSpec | None,
        registry: str | None,
        urls: Sequence[str],
        group: str | None,
        version: str | None,
        timeout: float | None,
        attachments: dict[str, str],
    ) -> None:
        self.method = method
        self.spec = spec
        self.resolved = _method_of(spec, method) if spec is not None else None
        declared = spec.key if spec is not None else service
        if declared.interface != service.interface and spec is not None and service.interface != _path(spec):
            raise Failure(f"{spec.cls.__name__} declares {declared.interface!r}, not {service.interface!r}")
        self.interface = declared.interface
        # None: whatever the registry has, if it has only one.
        self.group = group if group is not None else declared.group or service.group or None
        self.version = version if version is not None else declared.version or service.version or None
        self.registry = registry
        self.urls = list(urls)
        self.timeout = timeout
        self.attachments = attachments
        self.arguments: tuple[Any, ...] = ()
        self.reply_attachments: dict[str, Any] = {}

    def typed(self, given: list[Any]) -> tuple[Any, ...]:
        """The arguments as the declaration wants them, defaults filled in; as they are without one.

        Raises:
            Failure: they do not fit; names the parameter.
        """
        if self.resolved is None:
            return tuple(given)
        import msgpack

        try:
            arguments: tuple[Any, ...] = self.resolved.args.loads(msgpack.packb(given))
        except errors.DecodeError as error:
            parameters = ", ".join(
                p.name if p.required else f"{p.name}={p.default!r}" for p in self.resolved.parameters
            )
            raise Failure(f"{self.interface}.{self.method}({parameters}): {error}") from error
        except (OverflowError, ValueError) as error:
            raise Failure(f"{self.interface}.{self.method}: {error}") from error
        return arguments

    async def run(self) -> Any:
        """Make the call; returns the result as JSON's types."""
        async with contextlib.AsyncExitStack() as stack:
            if self.urls:
                client = rpcore.Client([], application="rpcore invoke")
                key = ServiceKey(self.interface, self.group or "", self.version or "")
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
                value = await function(*self.arguments)
            self.reply_attachments = options.reply_attachments
        if self.resolved is None:
            return values.to_json(value)
        return values.to_json(values.unpack(self.resolved.result.dumps(value)))

    def _function(self, client: rpcore.Client, key: ServiceKey) -> Callable[..., Awaitable[Any]]:
        urls = self.urls or None
        if self.spec is not None and self.resolved is not None:
            stub = client.refer(self.spec.cls, url=urls, group=key.group, version=key.version)
            function: Callable[..., Awaitable[Any]] = getattr(stub, self.resolved.spec.name)
            return function
        service = client.refer(str(key), url=urls)
        return lambda *arguments: service.call(self.method, *arguments)

    async def _find(self, registry: Registry) -> ServiceKey:
        """The service among those registered; settles group and version where they were not given.

        Raises:
            Failure: there is none, or more than one and the command line does not say which.
        """
        await registry.start()
        instances = await registry.instances()
        keys = {i.service for i in instances if i.service.interface == self.interface}
        fitting = {key for key in keys if self.group in (None, key.group) and self.version in (None, key.version)}
        if not fitting:
            raise Failure(_nobody(self.interface, keys, instances, registry.url), NO_PROVIDER)
        if len(fitting) > 1:
            names = ", ".join(str(key) for key in sorted(fitting))
            raise Failure(f"{self.interface}: several are registered: {names}; say --group or --version")
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
    for method in methods:
        if name in (method.spec.name, method.spec.wire_name):
            return method
    known = [method.spec.name for method in methods]
    near = get_close_matches(name, known, n=1) or known
    raise Failure(f"{spec.cls.__name__} declares no method {name!r}; there is {', '.join(near)}")


def _importable(service: str) -> Any:
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


def _path(spec: InterfaceSpec) -> str:
    return f"{spec.cls.__module__}.{spec.cls.__qualname__}"


def _argument(number: int, text: str) -> Any:
    if text[:1] == "-" and text.lstrip("-")[:1].isalpha():
        raise click.UsageError(f"no such option: {text} (as an argument it needs quotes: '\"{text}\"')")
    if text == "-":
        text = sys.stdin.read().strip()
    try:
        return values.parse(text)
    except ValueError as error:
        raise Failure(f"argument {number}: {error}: {text[:60]}") from error


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise Failure(f"--attachment {text!r}: expected NAME=VALUE")
    return name, value


def _one_line(error: Exception) -> str:
    cause = error.__cause__
    if isinstance(error, errors.RpcError) or not isinstance(cause, errors.RemoteError):
        return describe(error)
    # A declared exception: the class is the service's own, and the place is in the cause.
    return f"{cause.service}.{cause.method}: {describe(error)}"


def _report(error: Exception, as_json: bool) -> None:
    """What does not fit into one line: the error for a machine, the provider's traceback for a human."""
    remote = error if isinstance(error, errors.RemoteError) else error.__cause__
    trace = remote.traceback if isinstance(remote, errors.RemoteError) else None
    if not as_json:
        if trace:
            click.echo(trace.rstrip(), err=True)
        return
    found: dict[str, Any] = {"type": type(error).__name__, "message": str(error), "code": exit_code_of(error)}
    if isinstance(error, errors.RpcError):
        found |= {"message": error.message, "status": error.code, "address": error.address}
        found["attempts"] = list(error.attempts)
    if isinstance(error, errors.RemoteError):
        found["type"] = error.type
    if trace:
        found["traceback"] = trace
    print_json({"error": found}, one_line=True)
