"""Typed modules written from an interface: its blocking view, and a client that needs no provider code; and from what
a Java provider publishes of its service (``rpcore.stubgen.metadata``).

What is written is ordinary, readable source to be kept under version control. Both kinds speak to the same
providers as the interface itself: the wire names are the same, and so is every byte of a call.
"""

from __future__ import annotations

import importlib
import inspect
from types import ModuleType
from typing import Any, Literal

from rpcore._codec import REQUIRED
from rpcore.declaration import CONVENTIONS
from rpcore.errors import ConfigurationError
from rpcore.model import MethodSpec, Options
from rpcore.options import nearest
from rpcore.service import InterfaceSpec, ResolvedMethod, interface_spec
from rpcore.stubgen.definitions import Reach
from rpcore.stubgen.layout import INDENT, broken, function_head
from rpcore.stubgen.metadata import generate_from_definitions
from rpcore.stubgen.module import Module, docstring_lines, quoted
from rpcore.stubgen.render import Renderer


def generate(interface: type[Any] | str, *, kind: Literal["client", "blocking"] = "client") -> str:
    """The source of a module for one or more interfaces.

    Args:
        interface: a declared class; ``"package.module:Class"``; or ``"package.module"`` for every interface
            that the module defines.
        kind: ``"blocking"``: views with ``def`` methods (``class UserServiceSync``) for ``rpcore.sync``; they
            import the interface. ``"client"``: the interface itself and every class that its hints can lead
            to, importing nothing but rpcore and the standard library. Methods and validation of these classes
            are not copied, only what travels.

    Raises:
        ConfigurationError: no such module or interface, a hint is unsupported, or, for a client, a default
            cannot be written as source.
    """
    if kind not in ("client", "blocking"):
        raise ConfigurationError(f"stubgen: unknown kind {kind!r} (known: 'blocking', 'client')")
    specs = _specs(interface)
    return _client(specs) if kind == "client" else _blocking(specs)


def _specs(interface: type[Any] | str) -> list[InterfaceSpec]:
    if not isinstance(interface, str):
        spec = interface_spec(interface)
        return [spec.of or spec]
    path, _, name = interface.partition(":")
    try:
        module = importlib.import_module(path)
    except ImportError as exc:
        raise ConfigurationError(f"stubgen: cannot import {path!r}: {exc}") from exc
    found = _declared_in(module)
    if not name:
        if not found:
            raise ConfigurationError(f"stubgen: module {path!r} declares no interface")
        return list(found.values())
    if not hasattr(module, name):
        raise ConfigurationError(f"stubgen: module {path!r} has no {name!r}{nearest(name, found)}")
    spec = interface_spec(getattr(module, name))
    return [spec.of or spec]


def _declared_in(module: ModuleType) -> dict[str, InterfaceSpec]:
    found: dict[str, InterfaceSpec] = {}
    for name, value in vars(module).items():
        if isinstance(value, type) and value.__module__ == module.__name__:
            try:
                spec = interface_spec(value)
            except ConfigurationError:
                continue
            if not spec.blocking:
                found[name] = spec
    return found


# ---- blocking views


def _blocking(specs: list[InterfaceSpec]) -> str:
    methods = {method.name for spec in specs for method in spec.methods}
    module = Module(avoid=methods)
    views = {spec.cls: module.define(f"{spec.cls.__name__}Sync") for spec in specs}
    renderer = Renderer(module, lambda subject: _imported(module, subject))
    protocol = module.use("typing", "Protocol")
    for spec in specs:
        head = f"@rpcore.interface(of={renderer.class_name(spec.cls)})\nclass {views[spec.cls]}({protocol}):\n"
        doc = inspect.getdoc(spec.cls) if vars(spec.cls).get("__doc__") else None
        module.add(head + _body(doc, [_method(renderer, method, blocking=True) for method in spec.resolve()]))
    return module.source(_title("Blocking view", specs))


def _imported(module: Module, subject: Any) -> str:
    """The name of a class where it is defined, imported from there."""
    name = getattr(subject, "__qualname__", subject.__name__)
    if "<locals>" in name or subject.__module__ == "__main__":
        raise ConfigurationError(
            f"stubgen: {name} cannot be imported; define it at the top level of a module of its own"
        )
    outer, _, inner = name.partition(".")
    local = module.use(subject.__module__, outer)
    return f"{local}.{inner}" if inner else local


# ---- clients


def _client(specs: list[InterfaceSpec]) -> str:
    reach = Reach()
    for spec in specs:
        for method in spec.resolve():
            reach.names.add(method.spec.name)
            for parameter in method.parameters:
                reach.follow(parameter.hint)
                reach.follow_value(parameter.default)
            reach.follow(method.returns)
            for error in method.spec.raises:
                reach.define(error)
    module = Module(avoid=reach.names)
    ordered = list(reach.ordered())
    names = {id(each): module.define(_name(each)) for each in (*(spec.cls for spec in specs), *ordered)}
    renderer = Renderer(module, lambda subject: names[id(subject)])
    for each in ordered:
        module.add(renderer.definition(reach.definitions.get(each, each)))
    protocol = module.use("typing", "Protocol")
    for spec in specs:
        module.add(_interface(renderer, spec, names[id(spec.cls)], protocol))
    return module.source(_title("Client", specs))


def _name(subject: Any) -> str:
    name: str = subject.__name__
    return name


def _interface(renderer: Renderer, spec: InterfaceSpec, name: str, protocol: str) -> str:
    arguments = [quoted(spec.key.interface)]
    for word, value in (("version", spec.key.version), ("group", spec.key.group), ("naming", spec.naming)):
        if value:
            arguments.append(f"{word}={quoted(value)}")
    arguments += _policy(renderer, spec.raises, spec.options)
    head = broken("@rpcore.interface(", arguments, ")") + f"class {name}({protocol}):\n"
    methods = []
    for method in spec.resolve():
        text = _method(renderer, method, blocking=False)
        methods.append(_decorator(renderer, spec, method.spec) + text)
    doc = inspect.getdoc(spec.cls) if vars(spec.cls).get("__doc__") else None
    return head + _body(doc, methods)


def _decorator(renderer: Renderer, spec: InterfaceSpec, method: MethodSpec) -> str:
    arguments = []
    if CONVENTIONS[spec.naming](method.name) != method.wire_name:
        arguments.append(f"name={quoted(method.wire_name)}")
    own = tuple(error for error in method.raises if error not in spec.raises)
    arguments += _policy(renderer, own, method.options)
    return broken("@rpcore.method(", arguments, ")", indent=INDENT) if arguments else ""


def _policy(renderer: Renderer, raises: tuple[type[Exception], ...], options: Options) -> list[str]:
    arguments = [f"raises={renderer.tuple_of(raises)}"] if raises else []
    return arguments + [f"{name}={renderer.value(value)}" for name, value in options.given().items()]


# ---- both


def _title(what: str, specs: list[InterfaceSpec]) -> str:
    keys = ", ".join(str(spec.key) for spec in specs)
    return f"{what} of {keys}.\n\nWritten by `rpcore stubgen`; to change it, write it anew."


def _body(doc: str | None, methods: list[str]) -> str:
    return "\n".join([docstring_lines(doc, INDENT), *methods] if doc else methods)


def _method(renderer: Renderer, method: ResolvedMethod, *, blocking: bool) -> str:
    name = f"{'def' if blocking else 'async def'} {method.spec.name}"
    parameters = _parameters(renderer, method)
    returns = renderer.hint(method.returns)
    function = method.spec.function
    if function is not None and function.__doc__:
        doc = docstring_lines(function.__doc__, INDENT * 2)
        return function_head(name, parameters, returns, ":") + doc
    return function_head(name, parameters, returns, ": ...")


def _parameters(renderer: Renderer, method: ResolvedMethod) -> list[str]:
    """The parameter list, with ``/`` and ``*`` where the kind of parameter changes."""
    items = ["self"]
    last: Any = inspect.Parameter.POSITIONAL_OR_KEYWORD
    declared = method.spec.signature.parameters.values()
    for parameter, kind in zip(method.parameters, [p.kind for p in declared], strict=True):
        if last is inspect.Parameter.POSITIONAL_ONLY and kind is not last:
            items.append("/")
        if kind is inspect.Parameter.KEYWORD_ONLY and last is not kind:
            items.append("*")
        default = REQUIRED if parameter.required else parameter.default
        items.append(renderer.parameter(parameter.name, parameter.hint, default))
        last = kind
    if last is inspect.Parameter.POSITIONAL_ONLY and method.parameters:
        items.append("/")
    return items


__all__ = ["generate", "generate_from_definitions"]
