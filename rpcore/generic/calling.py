"""The consumer's side: a service known by its name, called without a declaration.

Such a call is ``$invoke``, over hessian2, whose arguments are the method's name, the names of its parameter types and
its arguments: the same to Java and to rpcore. Only by ``serialization="msgpack"`` rpcore providers are called by the
method's own name, with plain values (docs/wire.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from rpcore import errors
from rpcore._codec import ANY, REQUIRED, ArgsPlan
from rpcore.generic.arguments import prepare_for
from rpcore.generic.conversions import ANY as ANYTHING
from rpcore.generic.conversions import generalized
from rpcore.generic.names import descriptor_of
from rpcore.generic.nodes import Form
from rpcore.javatypes import TypedList

if TYPE_CHECKING:
    from rpcore.definition import ServiceDefinition

DESCRIPTOR = "Ljava/lang/String;[Ljava/lang/String;[Ljava/lang/Object;"

ARGS = ArgsPlan(("method", "types", "arguments"), (ANY,) * 3, (REQUIRED,) * 3)
"""The arguments of ``$invoke``."""

Types = tuple[str, ...]


def invocation(method: str, types: Types | None) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    """What makes the arguments of ``$invoke`` of those of a call.

    Records become maps with their Java class, enums names. Times, Decimals, UUIDs stay what they are; where the type is
    known, values are checked against it (arguments.py).
    """
    names = None if types is None else TypedList("[string", types)
    prepares = [prepare_for(name) for name in types or ()]

    def convert(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        form = Form(iso=False)
        plain = []
        for place, (value, prepare) in enumerate(zip_longest(arguments, prepares)):
            if prepare is not None:
                try:
                    value = prepare(value)
                except ValueError as error:
                    raise errors.EncodeError(
                        f"{error} (for {types[place] if types else ''})",
                        path=f"args[{place}]{getattr(error, 'path', '')}",
                    ) from None
            plain.append(generalized(ANYTHING, value, f"args[{place}]", form))
        return method, names, TypedList("[object", plain)

    return convert


def checked_types(where: str, types: Iterable[str] | None, count: int) -> Types | None:
    """The parameter types that a caller gave, as Java names them; None where it gave none.

    Raises:
        ConfigurationError: they are no names, or not as many as arguments.
    """
    if types is None:
        return None
    names = tuple(types) if not isinstance(types, str) else ()
    if isinstance(types, str) or not all(isinstance(name, str) and name.strip() for name in names):
        raise errors.ConfigurationError(
            f"{where}: types must be a list of Java names such as ['long', 'java.lang.String[]'], not {types!r}"
        )
    if len(names) != count:
        shown = f" ({', '.join(names)})" if names else ""
        raise errors.ConfigurationError(f"{where}: {len(names)} types{shown} for {count} arguments")
    return tuple(name.strip() for name in names)


def defined_types(definition: ServiceDefinition | None, method: str, count: int) -> Types | None:
    """The parameter types of the method that takes ``count`` arguments; None where nothing was published.

    Raises:
        ConfigurationError: the service has no such method, or several: then the caller must say which.
    """
    if definition is None or method.startswith("$"):
        return None
    named = definition.by_name.get(method, ())
    fitting = [each for each in named if len(each.parameters) == count]
    if len(fitting) == 1:
        return fitting[0].parameter_types
    where = f"{definition.interface}.{method}"
    if not named:
        from difflib import get_close_matches

        near = get_close_matches(method, definition.by_name, n=3) or sorted(definition.by_name)[:5]
        raise errors.ConfigurationError(f"{where}: no such method; there is {', '.join(near)}")
    known = ", ".join(sorted(f"{method}({', '.join(each.parameter_types)})" for each in fitting or named))
    if not fitting:
        raise errors.ConfigurationError(f"{where}: called with {count} arguments, there is {known}")
    raise errors.ConfigurationError(
        f"{where}: several methods take as many arguments: {known}; call invoke() with types"
    )


def direct_name(method: str, types: Types | None) -> str:
    """How msgpack requests call the method; with types as overloads are called: ``over(I)``."""
    return method if types is None else f"{method}({descriptor(types)})"


def descriptor(types: Types | None) -> str:
    """The JVM descriptors of the types, ``""`` for none."""
    return "".join(map(descriptor_of, types or ()))


def key_of(method: str, types: Sequence[str] | None, count: int) -> str:
    """What tells the callers of one reference apart."""
    return f"{method}/{count}" if types is None else f"{method}({','.join(types)})"
