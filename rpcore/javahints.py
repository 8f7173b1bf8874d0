"""From a Java type to the hint that sends and reads it: the table of docs/hessian2.md, read from the right.

``Hints`` answers with hints as they are at run time, which ``rpcore.stubgen`` writes into modules and
``rpcore.conformance`` into messages. That a parameter's hint has exactly the Java descriptor is no matter of care with
the table: the plan of each is compiled, and where it says otherwise the hint is given a ``Descriptor``.
"""

from __future__ import annotations

import datetime
import enum
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeAlias, get_args, get_origin
from uuid import UUID

from rpcore import javatypes
from rpcore.class_hints import descriptor_of, is_union
from rpcore.errors import ConfigurationError
from rpcore.javatypes import Descriptor
from rpcore.plan import compile_type
from rpcore.signatures import BOXES, OBJECT, JavaType

ClassOf: TypeAlias = Callable[[str], Any]
"""The hint of a class that is not Java's own; ``Any`` for one that is not known."""

_SCALARS: Mapping[str, Any] = MappingProxyType(
    {
        "boolean": bool,
        "byte": javatypes.Byte,
        "char": javatypes.Char,
        "double": float,
        "float": javatypes.Float,
        "int": javatypes.Int,
        "long": int,
        "short": javatypes.Short,
        "void": None,
    }
)
_VALUES: Mapping[str, Any] = MappingProxyType(
    {
        OBJECT: Any,
        "java.lang.String": str,
        "java.lang.CharSequence": str,
        "java.lang.Class": javatypes.JavaClass,
        "java.lang.Number": Any,
        "java.lang.Comparable": Any,
        "java.lang.Cloneable": Any,
        "java.lang.Throwable": javatypes.JavaException,
        "java.io.Serializable": Any,
        "java.io.InputStream": bytes,
        "java.math.BigDecimal": Decimal,
        "java.math.BigInteger": javatypes.BigInteger,
        "java.time.Duration": datetime.timedelta,
        "java.time.Instant": javatypes.Instant,
        "java.time.LocalDate": datetime.date,
        "java.time.LocalDateTime": javatypes.LocalDateTime,
        "java.time.LocalTime": datetime.time,
        "java.time.OffsetDateTime": javatypes.OffsetDateTime,
        "java.time.OffsetTime": datetime.time,
        "java.time.ZoneOffset": Any,  # a datetime.timezone, which is no type that can be declared
        "java.time.ZonedDateTime": javatypes.ZonedDateTime,
        "java.util.Currency": javatypes.Currency,
        "java.util.Date": javatypes.JavaDate,
        "java.util.Locale": javatypes.Locale,
        "java.util.Map$Entry": Any,
        "java.util.Optional": Any,
        "java.util.UUID": UUID,
        # What a future holds is not in its class, and only it travels.
        "java.util.concurrent.CompletableFuture": Any,
        "java.util.concurrent.CompletionStage": Any,
        "java.util.concurrent.Future": Any,
        # Ints and bools on this side of the wire; sent, they need the object.
        "java.util.concurrent.atomic.AtomicBoolean": Any,
        "java.util.concurrent.atomic.AtomicInteger": Any,
        "java.util.concurrent.atomic.AtomicLong": Any,
    }
)
_QUEUES = ("Queue", "Deque", "BlockingQueue", "BlockingDeque", "TransferQueue")
"""Interfaces for which Java's reader makes an ArrayList, which is none: the list sent must name a class that is one."""
_LISTS = ("List", "Collection", "Iterable", "Queue", "Deque", "Stack", "Vector")
_SETS = ("Set",)
_MAPS = ("Map", "Hashtable")
_PACKAGES = ("java.util.", "java.util.concurrent.", "java.lang.")
"""Where collections are."""


class Hints:
    """Hints of Java types.

    Args:
        class_of: for classes that are not Java's own.
        null_elements: whether elements of lists and arrays and values of maps may be None.
    """

    def __init__(self, class_of: ClassOf, *, null_elements: bool = False) -> None:
        self.class_of = class_of
        self._element = self.value if null_elements else self.present

    def parameter(self, java: JavaType) -> Any:
        """Of a parameter: what Java's null may be takes None, and the descriptor is Java's."""
        return described(self.value(java), java)

    def value(self, java: JavaType) -> Any:
        """Of a result or field: what may be null in Java may be None."""
        hint = self.present(java)
        return hint if java.is_primitive or hint in (Any, None) else hint | None

    def present(self, java: JavaType) -> Any:
        """Of a value that is not null, such as an element of a list."""
        if java.dimensions:
            return self._array(java.element)
        if java.name in BOXES or java.is_primitive:
            return _SCALARS[BOXES.get(java.name, java.name)]
        if java.name in _VALUES:
            return _VALUES[java.name]
        if java.name.startswith(("java.", "javax.", "jdk.", "sun.")):
            return self._of_jdk(java)
        return self.class_of(java.name)

    def _array(self, element: JavaType) -> Any:
        if element.erased == "byte":
            return bytes
        if element.erased == "char":
            return str
        # Elements count for the descriptor, so they say all that there is to say of them.
        boxed = element.name in BOXES and not element.dimensions
        hint = self.value(element) if boxed else self._element(element)
        array: Any = javatypes.Array
        return array[described(hint, element)]

    def _of_jdk(self, java: JavaType) -> Any:
        package, _, name = java.name.rpartition(".")
        if f"{package}." in _PACKAGES and name not in ("EnumSet", "BitSet"):  # those are objects of their own
            if name.endswith(_SETS):
                return self._set(*self._arguments(java, self.present))
            if name.endswith(_MAPS):
                return self._map(*self._arguments(java, self.present, self._element))
            if name == "Properties":
                return dict[str, str]
            if name in _QUEUES:
                return javatypes.TypedList
            if name.endswith(_LISTS):
                return self._list(*self._arguments(java, self._element))
        if name.endswith(("Exception", "Error")):
            return javatypes.JavaException
        known = self.class_of(java.name)  # which counts for enums: of other classes the fields are not what travels
        is_enum = isinstance(known, type) and issubclass(known, enum.Enum)
        return known if is_enum else javatypes.GenericObject

    def _arguments(self, java: JavaType, *hints: Callable[[JavaType], Any]) -> Iterator[Any]:
        """The hint of each type argument; ``Any`` where Java has none."""
        given = java.arguments if len(java.arguments) == len(hints) else (JavaType(OBJECT),) * len(hints)
        return (hint(argument) for hint, argument in zip(hints, given, strict=True))

    def _list(self, item: Any) -> Any:
        return list[item]

    def _set(self, item: Any) -> Any:
        """Java's sets hold what Python's cannot: records."""
        return set[item] if _can_be_sent(set[item]) else list[item]

    def _map(self, key: Any, value: Any) -> Any:
        return dict[key, value] if _can_be_sent(dict[key, value]) else javatypes.MapEntries


def described(hint: Any, java: JavaType) -> Any:
    """``hint`` with the descriptor of ``java``, if that is not its own."""
    if compile_type(hint).descriptor == java.descriptor:
        return hint
    return Annotated[hint, Descriptor(java.descriptor)]


def _can_be_sent(hint: Any) -> bool:
    try:
        compile_type(hint)
    except ConfigurationError:
        return False
    return True


def text_of(hint: Any) -> str:
    """A hint as one would write it, for messages."""
    if hint is None or hint is type(None):
        return "None"
    if is_union(hint):
        return " | ".join(map(text_of, get_args(hint)))
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        descriptor = descriptor_of(hint)
        inner = text_of(args[0])
        return inner if descriptor is None else f'Annotated[{inner}, rpcore.types.Descriptor("{descriptor}")]'
    if origin is Literal:
        return f"Literal[{', '.join(map(repr, args))}]"
    if origin is None or not args:
        return _name_of(hint)
    return f"{_name_of(origin)}[{', '.join('...' if each is ... else text_of(each) for each in args)}]"


def _name_of(hint: Any) -> str:
    name: str = getattr(hint, "__name__", None) or repr(hint)
    own = getattr(hint, "__module__", "") == "rpcore.javatypes" or hint is javatypes.GenericObject
    return f"rpcore.types.{name}" if own else name
