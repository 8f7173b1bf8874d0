"""The client's stub of an interface: real functions, written as source once and compiled.

A stub method only passes its arguments on, in declared order, to the caller that ``refer`` prepared for it,
so Python itself checks the arguments and fills in the defaults. The source is entered in ``linecache``, where
tracebacks and ``inspect.getsource`` find it.
"""

from __future__ import annotations

import inspect
import linecache
import types
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rpcore.model import MethodSpec


class _Dots:
    """Stands in a parameter list for a default that is no literal."""

    def __repr__(self) -> str:
        return "..."


_DOTS = _Dots()


def make_stub_class(cls: type, key: str, methods: Sequence[MethodSpec]) -> type[Any]:
    """The stub class of the interface ``cls``, a subclass of it.

    Its constructor takes:

    * ``callers``: for each method, by Python name, what takes the positional arguments and returns an
      awaitable (of a blocking view: the value);
    * ``text``: where the calls go, for ``repr``;
    * ``owner``: what made the stub, kept for its maker in the attribute ``_owner``.
    """
    name = cls.__name__
    # The address of the class keeps two interfaces of one name apart for as long as their stubs live.
    filename = f"<rpcore stub {key} at {id(cls):#x}>"
    source = stub_source(key, methods)
    compiled: dict[str, types.FunctionType] = {}
    exec(compile(source, filename, "exec"), compiled)
    slots = [_slot(method) for method in methods]

    def __init__(self: Any, callers: Mapping[str, Callable[..., Any]], text: str = "", owner: object = None) -> None:
        for method, slot in zip(methods, slots, strict=True):
            setattr(self, slot, callers[method.name])
        self._text = text
        self._owner = owner

    def __repr__(self: Any) -> str:
        return f"<{name} stub {key}{self._text and ' '}{self._text}>"

    namespace: dict[str, Any] = {
        "__slots__": (*slots, "_text", "_owner"),
        "__module__": cls.__module__,
        "__doc__": cls.__doc__,
        "__init__": __init__,
        "__repr__": __repr__,
    }
    for method in methods:
        namespace[method.name] = _dressed(compiled[method.name], method)
    stub: type[Any] = type(cls)(f"{name}Stub", (cls,), namespace)
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    weakref.finalize(stub, linecache.cache.pop, filename, None).atexit = False
    return stub


def stub_source(key: str, methods: Sequence[MethodSpec]) -> str:
    """The text that ``make_stub_class`` compiles."""
    parts = [f"# The stub of {key}, made by rpcore. Each method calls what refer() prepared for it.\n"]
    for method in methods:
        names = ", ".join(method.signature.parameters)
        call = f"self.{_slot(method)}({names})"
        header, value = ("def", call) if method.blocking else ("async def", f"await {call}")
        parts.append(f"\n\n{header} {method.name}{_parameters(method.signature)}:\n    return {value}\n")
    return "".join(parts)


def _slot(method: MethodSpec) -> str:
    return f"_rpc_{method.name}"


def _parameters(signature: inspect.Signature) -> str:
    """The parameter list as source; ``_dressed`` sets the defaults that are no literals."""
    empty = inspect.Parameter.empty
    parameters = [
        parameter.replace(
            annotation=empty,
            default=parameter.default if _is_literal(parameter.default) else _DOTS,
        )
        for parameter in signature.parameters.values()
    ]
    positional_only = parameters and parameters[0].kind is inspect.Parameter.POSITIONAL_ONLY
    own = inspect.Parameter(
        "self",
        inspect.Parameter.POSITIONAL_ONLY if positional_only else inspect.Parameter.POSITIONAL_OR_KEYWORD,
    )
    return str(inspect.Signature([own, *parameters]))


def _is_literal(value: object) -> bool:
    return value is inspect.Parameter.empty or value is None or type(value) in (bool, int, str, bytes)


def _dressed(function: types.FunctionType, method: MethodSpec) -> types.FunctionType:
    """``function`` with all that the declared method shows: defaults, hints, docstring, names, globals."""
    declared = method.function
    parameters = method.signature.parameters.values()
    keyword_only = inspect.Parameter.KEYWORD_ONLY
    given = [parameter for parameter in parameters if parameter.default is not inspect.Parameter.empty]
    made = types.FunctionType(
        function.__code__,
        getattr(declared, "__globals__", {}),  # where text hints are looked up
        method.name,
        tuple(parameter.default for parameter in given if parameter.kind is not keyword_only),
    )
    made.__kwdefaults__ = {parameter.name: parameter.default for parameter in given if parameter.kind is keyword_only}
    made.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters} | {
        "return": method.signature.return_annotation
    }
    made.__doc__ = declared.__doc__
    made.__qualname__ = getattr(declared, "__qualname__", method.name)
    made.__module__ = getattr(declared, "__module__", __name__)
    return made
