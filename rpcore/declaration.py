"""Reading a declared class: every check that needs no hint.

Names, options and arity are wrong or right as soon as the class exists, so they are checked then. Hints may
name what is defined later; ``rpcore.service`` resolves them at the first ``refer`` or ``export``.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import FunctionType, MappingProxyType
from typing import Any

from rpcore.abc import Filter
from rpcore.errors import ConfigurationError, RpcError
from rpcore.model import MethodSpec, Options
from rpcore.options import nearest
from rpcore.types import camel

METHOD_KEY = "__rpcore_method__"
"""Where ``@rpcore.method`` leaves its ``MethodMark``: at the function, so the class gains no member."""

STREAMS = "streams are not supported on dubbo://; return a list, or one page per call"

CONVENTIONS: Mapping[str, Callable[[str], str]] = MappingProxyType({"": str, "camel": camel})
"""What ``naming=`` takes, and how it makes a name on the wire of a Python name."""

_NO_OPTIONS = Options()
_NAME = re.compile(r"[^\s/:,?&=#%]+")
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


@dataclass(frozen=True, slots=True)
class MethodMark:
    """What ``@rpcore.method`` says about one method."""

    name: str | None = None
    raises: tuple[type[Exception], ...] = ()
    options: Options = _NO_OPTIONS


def require_name(value: object, what: str, where: str, *, optional: bool = False) -> None:
    """Refuse what cannot stand in a service key or URL."""
    if optional and value == "":
        return
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ConfigurationError(
            f"{where}: {what} must be text without spaces and none of / : , ? & = # %, not {value!r}"
        )


def business_exceptions(raises: Iterable[type[Exception]], where: str) -> tuple[type[Exception], ...]:
    """``raises`` as a tuple; ConfigurationError for what cannot be declared."""
    if isinstance(raises, type) or not isinstance(raises, Iterable):
        raise ConfigurationError(f"{where}: raises takes a tuple of exception classes, not {raises!r}")
    classes = tuple(raises)
    for cls in classes:
        if not (isinstance(cls, type) and issubclass(cls, Exception)):
            raise ConfigurationError(f"{where}: raises: {cls!r} is not a class derived from Exception")
        if issubclass(cls, RpcError):
            raise ConfigurationError(
                f"{where}: raises: {cls.__name__} is an rpcore error; declare exceptions of your own"
            )
    return classes


def filter_tuple(filters: Iterable[Filter | str], where: str) -> tuple[Filter | str, ...]:
    """``filters`` as a tuple; ConfigurationError for what is neither a filter nor the name of one."""
    if not isinstance(filters, str) and isinstance(filters, Iterable):
        made = tuple(filters)
        if all(callable(each) or isinstance(each, str) for each in made):
            return made
    raise ConfigurationError(f"{where}: filters takes a tuple of filters or their names, not {filters!r}")


def require_protocol(cls: object) -> None:
    """Refuse everything but a Protocol class."""
    if not isinstance(cls, type):
        raise ConfigurationError(f"@rpcore.interface decorates a class, not {cls!r}")
    if not getattr(cls, "_is_protocol", False):
        raise ConfigurationError(
            f"{cls.__name__}: an interface must be a Protocol; write `class {cls.__name__}(..., Protocol):`"
            " (also when a base is one already)"
        )


def read_methods(
    cls: type, *, naming: str, raises: tuple[type[Exception], ...], blocking: bool
) -> tuple[MethodSpec, ...]:
    """The methods of ``cls`` and its bases, bases first, each checked.

    Raises:
        ConfigurationError: a member is no method, or a method cannot be remote. That two share a wire name is right
            for overloads, whose parameters differ; ``InterfaceSpec.resolve`` knows whether they do.
    """
    convert = CONVENTIONS.get(naming)
    if convert is None:
        raise ConfigurationError(f"{cls.__name__}: unknown naming {naming!r} (known: 'camel')")
    methods: dict[str, MethodSpec] = {}
    for name, function in _functions(cls):
        where = f"{cls.__name__}.{name}"
        mark: MethodMark = vars(function).get(METHOD_KEY, MethodMark())
        spec = MethodSpec(
            name=name,
            wire_name=convert(name) if mark.name is None else mark.name,
            signature=_signature(function, where, blocking=blocking),
            options=mark.options,
            raises=tuple(dict.fromkeys((*mark.raises, *raises))),
            function=function,
            blocking=blocking,
        )
        if spec.wire_name.startswith("$"):
            raise ConfigurationError(f"{where}: wire name {spec.wire_name!r}: names with $ are Dubbo's own")
        methods[name] = spec
    if not methods:
        raise ConfigurationError(f"{cls.__name__}: an interface needs at least one method")
    return tuple(methods.values())


def read_view(cls: type, methods: tuple[MethodSpec, ...], of: type) -> tuple[MethodSpec, ...]:
    """The methods of a blocking view of ``of``: functions of its own, names and options of ``methods``."""
    declared = {method.name: method for method in methods}
    views: list[MethodSpec] = []
    for view in read_methods(cls, naming="", raises=(), blocking=True):
        where = f"{cls.__name__}.{view.name}"
        method = declared.get(view.name)
        if method is None:
            raise ConfigurationError(f"{where}: {of.__name__} has no such method{nearest(view.name, declared)}")
        if METHOD_KEY in vars(view.function):
            raise ConfigurationError(f"{where}: options of a view are those of {of.__name__}.{view.name}")
        _require_same_parameters(view.signature, method.signature, where, of.__name__)
        views.append(
            MethodSpec(
                name=view.name,
                wire_name=method.wire_name,
                signature=view.signature,
                options=method.options,
                raises=method.raises,
                function=view.function,
                blocking=True,
            )
        )
    return tuple(views)


def _functions(cls: type) -> Iterator[tuple[str, FunctionType]]:
    """Every method of the class and its bases, the most derived of each name, in the order of definition."""
    members: dict[str, Any] = {}
    for base in reversed(cls.__mro__[:-1]):
        if base.__module__ in ("typing", "typing_extensions"):
            continue
        for name in vars(base).get("__annotations__", {}):
            if name not in vars(base):
                raise ConfigurationError(
                    f"{cls.__name__}.{name}: an attribute cannot be remote; declare a method, or leave it out"
                )
        for name, member in vars(base).items():
            if not _is_machinery(name, member):
                members[name] = member
    for name, member in members.items():
        where = f"{cls.__name__}.{name}"
        if isinstance(member, property | staticmethod | classmethod):
            raise ConfigurationError(f"{where}: a {type(member).__name__} cannot be remote; declare a method")
        if isinstance(member, FunctionType):
            if name.startswith("_"):
                raise ConfigurationError(f"{where}: private and special methods cannot be remote")
            yield name, member
        elif callable(member) and not isinstance(member, type) and not name.startswith("__"):
            raise ConfigurationError(f"{where}: a method is a function written with `async def`, not {member!r}")


def _is_machinery(name: str, member: object) -> bool:
    """What Python and typing put into a class; a special method of the author's own is none of it."""
    if name.startswith("_abc_") or name in ("_is_protocol", "_is_runtime_protocol"):
        return True
    special = name.startswith("__") and name.endswith("__")
    return special and getattr(member, "__module__", "typing") in ("typing", "typing_extensions")


def _signature(function: FunctionType, where: str, *, blocking: bool) -> inspect.Signature:
    """The signature without ``self``, once it is sure that a remote call can be made of it."""
    if function.__module__ == "typing":
        raise ConfigurationError(
            f"{where}: overloads have names of their own in Python; declare one method for each signature, those of"
            " one Java name with @rpcore.method(name=...)"
        )
    if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
        raise ConfigurationError(f"{where} is a generator: {STREAMS}")
    is_async = inspect.iscoroutinefunction(function)
    if blocking and is_async:
        raise ConfigurationError(f"{where}: a blocking view has `def` methods, this is `async def`")
    if not blocking and not is_async:
        raise ConfigurationError(
            f"{where}: methods of an interface are `async def`; `def` belongs into a blocking view,"
            " @rpcore.interface(of=...)"
        )
    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())
    if not parameters or parameters[0].name != "self" or parameters[0].kind not in _POSITIONAL:
        raise ConfigurationError(f"{where}: the first parameter must be self")
    for parameter in parameters[1:]:
        place = f"{where}: parameter {parameter.name!r}"
        if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
            star = "*" if parameter.kind is inspect.Parameter.VAR_POSITIONAL else "**"
            raise ConfigurationError(
                f"{place}: {star}{parameter.name} has no place on the wire; declare a list or a dict"
            )
        if parameter.annotation is inspect.Parameter.empty:
            raise ConfigurationError(f"{place} has no type hint")
    if signature.return_annotation is inspect.Signature.empty:
        raise ConfigurationError(f"{where}: the return type hint is missing; for no value write `-> None`")
    return signature.replace(parameters=parameters[1:])


def _require_same_parameters(view: inspect.Signature, declared: inspect.Signature, where: str, interface: str) -> None:
    """A view's parameters are those of its method in everything but the hints, which are compared later."""

    def without_hints(signature: inspect.Signature) -> list[tuple[Any, ...]]:
        return [(p.name, p.kind, p.default) for p in signature.parameters.values()]

    if without_hints(view) != without_hints(declared):
        raise ConfigurationError(f"{where}: parameters {view} differ from {interface}'s {declared}")
