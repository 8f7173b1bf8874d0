"""The nodes of a conversion: what each kind of declared type makes of a generic caller's value, and back.

``realize`` takes what a caller sent and makes the declared value, leniently; ``generalize`` takes a declared value and
lets a ``Form`` write it. One Python object met twice under one type stays one object, so graphs with cycles end.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from rpcore._codec import OMIT, REQUIRED, Factory, GenericObject
from rpcore.class_hints import required_by
from rpcore.dispatch import BOXES
from rpcore.generic import scalars
from rpcore.javatypes import Long, MapEntries, TypedList, TypedMap
from rpcore.plan import element_type, wire_names
from rpcore.records import Record, describe
from rpcore.types import dto, named_class

DEPTH = 64
"""Values nested deeper are refused, as in the codecs (``rpcore.Limits.depth``)."""

CLASS = "class"
"""The key under which a map says which class it stands for."""

TAG = "@type"
"""What tells the records of a union apart that have no wire name, as in msgpack."""

SIMPLE = (str, int, float, bytes, type(None), enum.Enum, date, time, timedelta, Decimal, UUID)
"""Keys of maps that are hashable in every form."""

OBJECT = "Ljava/lang/Object;"
_BOXED: Mapping[str, str] = {letter: box for box, letter in BOXES.items()}
DATE = "Ljava/util/Date;"


class Misfit(ValueError):
    """A value does not fit its declared type.

    Attributes:
        path: where inside the value, such as ``".tags[3]"``.
    """

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message)
        self.path = path


def inside(error: ValueError, step: str) -> Misfit:
    """The same error, seen from one level further out."""
    if isinstance(error, Misfit):
        error.path = step + error.path
        return error
    return Misfit(str(error), step)


class Form:
    """How ``generalize`` writes values: as PojoUtils.generalize does in Java.

    Args:
        class_key: whether maps say their class; Java's ``generic.include.class``.
        iso: whether times, durations and UUIDs become text, as in results of Java's. Arguments for Java keep them:
            there the declared type decides.
    """

    def __init__(self, *, class_key: bool = True, iso: bool = True) -> None:
        self.class_key = class_key
        self.iso = iso

    def scalar(self, value: Any, descriptor: str) -> Any:
        """A number, text, bytes; ``descriptor`` is its declared Java type, or ``""``."""
        return Long(value) if descriptor == "J" and -(1 << 63) <= value < 1 << 63 else value

    def moment(self, value: Any, descriptor: str) -> Any:
        """A time, duration or UUID. An instant declared as java.util.Date travels as one."""
        if not self.iso or (descriptor == DATE and value.utcoffset() is not None):
            return value
        return scalars.iso(value)

    def member(self, member: enum.Enum, class_name: str) -> Any:
        """A constant of a Java enum."""
        return member.name

    def items(self, type_name: str, element: str) -> tuple[Any, Callable[[Any], object]]:
        """A new list and what adds to it.

        Args:
            type_name: as hessian2 calls it, ``""`` for a plain list; ``"["`` for an array of ``element``.
            element: descriptor of the elements.
        """
        if not type_name:
            made: list[Any] = []
            return made, made.append
        typed = TypedList(f"[{element_type(element)}" if type_name == "[" else type_name)
        return typed, typed.append

    def entries(self, *, simple: bool, type_name: str | None = None) -> tuple[Any, Callable[[Any, Any], object]]:
        """A new map and what puts into it.

        Args:
            simple: its keys stay hashable.
            type_name: of the Java class, if it has a name.
        """
        if simple:
            made: dict[Any, Any] = {} if type_name is None else TypedMap(type_name)
            return made, made.__setitem__
        pairs = MapEntries(type_name)
        return pairs, lambda key, value: pairs.append((key, value))

    def record(self, class_name: str) -> tuple[Any, Callable[[str, Any], object]]:
        """A new object of a class, ``""`` when it has no name, and what sets its fields."""
        made: dict[str, Any] = {}
        if self.class_key and class_name:
            made[CLASS] = class_name
        return made, made.__setitem__


class Walk:
    """One value being converted: what was met, and how deep it goes."""

    __slots__ = ("depth", "form", "seen")

    def __init__(self, form: Form | None = None) -> None:
        self.form = form or Form()
        self.depth = 0
        self.seen: dict[tuple[int, int], tuple[Any, Any]] = {}
        """By identity of value and node: the value, kept alive so that its identity stays its own, and its result."""

    def known(self, node: Conversion, value: Any) -> Any:
        """The result of converting ``value`` by ``node`` before; None when it was not."""
        found = self.seen.get((id(value), id(node)))
        return found and found[1]

    def remember(self, node: Conversion, value: Any, result: Any) -> None:
        self.seen[id(value), id(node)] = value, result

    def __enter__(self) -> None:
        self.depth += 1
        if self.depth > DEPTH:
            raise Misfit(f"nested deeper than {DEPTH} levels")

    def __exit__(self, *exc: object) -> None:
        self.depth -= 1


class Conversion:
    """One node. Both methods raise ``Misfit`` (or another ValueError) for a value that does not fit."""

    descriptor = OBJECT
    """Of the Java type, as far as an array of it needs to know."""

    def holds(self, value: Any) -> bool:
        """Whether ``value`` is one of the declared type as it is."""
        raise NotImplementedError

    def exactly(self, value: Any) -> bool:
        """Whether ``value`` is of this type rather than of one that passes for it, as an int does for a float."""
        return self.holds(value)

    def realize(self, value: Any, walk: Walk) -> Any:
        """The declared value that ``value`` stands for."""
        raise NotImplementedError

    def generalize(self, value: Any, walk: Walk) -> Any:
        """``value`` as ``walk.form`` writes it."""
        raise NotImplementedError


_PLAIN = (str, int, bool, float, bytes, type(None))


class Scalar(Conversion):
    """A leaf."""

    def __init__(
        self, name: str, types: tuple[type, ...], realize: scalars.Realize, descriptor: str, *, moment: bool = False
    ) -> None:
        self.name = name
        self.types = types
        self.convert = realize
        self.descriptor = descriptor
        self.moment = moment

    def holds(self, value: Any) -> bool:
        return isinstance(value, self.types) and (bool in self.types or not isinstance(value, bool))

    def exactly(self, value: Any) -> bool:
        return self.holds(value) and isinstance(value, self.types[0])

    def realize(self, value: Any, walk: Walk) -> Any:
        return self.convert(value)

    def generalize(self, value: Any, walk: Walk) -> Any:
        if not self.holds(value):
            raise scalars.refuse(self.name, value)
        # Through realize for the checks of range and zone, which hold in both directions.
        value = self.convert(value)
        if self.moment:
            return walk.form.moment(value, self.descriptor)
        return walk.form.scalar(value, self.descriptor)


class Items(Conversion):
    """Lists, sets, tuples of one element type, arrays."""

    def __init__(self, name: str, item: Conversion, types: tuple[type, ...], make: type, type_name: str = "") -> None:
        self.name = name
        self.item = item
        self.types = types
        self.make = make
        self.type_name = type_name
        if type_name == "[":
            self.descriptor = "[" + item.descriptor

    def holds(self, value: Any) -> bool:
        return isinstance(value, self.types) and not isinstance(value, str | bytes | bytearray | memoryview)

    def realize(self, value: Any, walk: Walk) -> Any:
        if not isinstance(value, list | tuple | set | frozenset):
            raise scalars.refuse(self.name, value)
        known = walk.known(self, value)
        if known is not None:
            return known
        made: list[Any] = []
        if self.make is list:
            walk.remember(self, value, made)
        with walk:
            for place, item in enumerate(value):
                try:
                    made.append(self.item.realize(item, walk))
                except ValueError as error:
                    raise inside(error, f"[{place}]") from None
        if self.make is list:
            return made
        try:
            return self.make(made)
        except TypeError as error:
            raise Misfit(str(error)) from None

    def generalize(self, value: Any, walk: Walk) -> Any:
        if not self.holds(value):
            raise scalars.refuse(self.name, value)
        known = walk.known(self, value)
        if known is not None:
            return known
        made, add = walk.form.items(self.type_name or getattr(value, "type_name", ""), self.item.descriptor)
        walk.remember(self, value, made)
        with walk:
            for place, item in enumerate(value):
                try:
                    add(self.item.generalize(item, walk))
                except ValueError as error:
                    raise inside(error, f"[{place}]") from None
        return made


class Fixed(Conversion):
    """A tuple whose places have types of their own."""

    def __init__(self, items: Sequence[Conversion]) -> None:
        self.items = tuple(items)

    def holds(self, value: Any) -> bool:
        return isinstance(value, tuple) and len(value) == len(self.items)

    def realize(self, value: Any, walk: Walk) -> Any:
        if not isinstance(value, list | tuple) or len(value) != len(self.items):
            raise scalars.refuse(f"a list of {len(self.items)}", value)
        return tuple(self._each(value, walk, "realize"))

    def generalize(self, value: Any, walk: Walk) -> Any:
        if not self.holds(value):
            raise scalars.refuse(f"a tuple of {len(self.items)}", value)
        made, add = walk.form.items("", OBJECT)
        for item in self._each(value, walk, "generalize"):
            add(item)
        return made

    def _each(self, value: Sequence[Any], walk: Walk, method: str) -> Iterator[Any]:
        with walk:
            for place, (node, item) in enumerate(zip(self.items, value, strict=True)):
                try:
                    yield getattr(node, method)(item, walk)
                except ValueError as error:
                    raise inside(error, f"[{place}]") from None


class Entries(Conversion):
    """A map."""

    def __init__(self, key: Conversion, item: Conversion) -> None:
        self.key = key
        self.item = item

    def holds(self, value: Any) -> bool:
        return isinstance(value, Mapping)

    def realize(self, value: Any, walk: Walk) -> Any:
        pairs = scalars.pairs_of(value)
        if pairs is None:
            raise scalars.refuse("dict", value)
        known = walk.known(self, value)
        if known is not None:
            return known
        made: dict[Any, Any] = {}
        walk.remember(self, value, made)
        self._each(pairs, walk, "realize", made.__setitem__)
        return made

    def generalize(self, value: Any, walk: Walk) -> Any:
        if not self.holds(value):
            raise scalars.refuse("dict", value)
        known = walk.known(self, value)
        if known is not None:
            return known
        simple = all(isinstance(key, SIMPLE) for key in value)
        made, put = walk.form.entries(simple=simple, type_name=getattr(value, "type_name", None))
        walk.remember(self, value, made)
        self._each(value.items(), walk, "generalize", put)
        return made

    def _each(
        self, pairs: Iterable[tuple[Any, Any]], walk: Walk, method: str, put: Callable[[Any, Any], object]
    ) -> None:
        convert_key, convert = getattr(self.key, method), getattr(self.item, method)
        with walk:
            for key, item in pairs:
                try:
                    put(convert_key(key, walk), convert(item, walk))
                except TypeError as error:  # not hashable
                    raise Misfit(str(error), f"[{key!r}]") from None
                except ValueError as error:
                    raise inside(error, f"[{key!r}]") from None


class Member(Conversion):
    """An enum: by name where it has a wire name, and so is a Java enum; else as in msgpack, by plain values."""

    def __init__(self, cls: type[enum.Enum]) -> None:
        self.cls = cls
        self.class_name = "" if issubclass(cls, enum.Flag) else dto(cls).name
        self.by_name = bool(self.class_name) or any(type(member.value) not in _PLAIN for member in cls)
        self.descriptor = f"L{self.class_name.replace('.', '/')};" if self.class_name else OBJECT

    def holds(self, value: Any) -> bool:
        return isinstance(value, self.cls)

    def realize(self, value: Any, walk: Walk) -> Any:
        if isinstance(value, self.cls):
            return value
        entries = scalars.maps_of(value)
        name = entries.get("name") if entries is not None else value
        by_name = self.cls.__members__.get(name) if isinstance(name, str) else None
        if by_name is not None and self.by_name:
            return by_name
        try:
            return self.cls(name)
        except (ValueError, TypeError):
            pass
        if by_name is None:
            raise scalars.refuse(f"{self.cls.__name__} ({', '.join(self.cls.__members__)})", value)
        return by_name

    def generalize(self, value: Any, walk: Walk) -> Any:
        if not isinstance(value, self.cls):
            raise scalars.refuse(self.cls.__name__, value)
        if self.class_name:
            return walk.form.member(value, self.class_name)
        return walk.form.scalar(value.name if self.by_name else value.value, "")


class Choice(Conversion):
    """A Literal."""

    def __init__(self, values: Iterable[Any]) -> None:
        self.values = tuple(values)

    def holds(self, value: Any) -> bool:
        return any(type(value) is type(each) and value == each for each in self.values)

    def realize(self, value: Any, walk: Walk) -> Any:
        for each in self.values:
            wires = (each, each.value, each.name) if isinstance(each, enum.Enum) else (each,)
            if any(value == wire and isinstance(value, bool) is isinstance(wire, bool) for wire in wires):
                return each
        raise scalars.refuse(" or ".join(map(repr, self.values)), value)

    def generalize(self, value: Any, walk: Walk) -> Any:
        if not self.holds(value):
            raise scalars.refuse(" or ".join(map(repr, self.values)), value)
        return walk.form.scalar(value.value if isinstance(value, enum.Enum) else value, "")


class Union(Conversion):
    """One of several, None among them or not: the one that the value is already, else the first that it fits."""

    def __init__(self, members: Sequence[Conversion], *, optional: bool) -> None:
        self.members = tuple(members)
        self.optional = optional
        records = [member for member in members if isinstance(member, Object)]
        self.tagged = {record.tag: record for record in records} if len(records) > 1 else {}

    @property
    def descriptor(self) -> str:  # type: ignore[override]
        """Of ``X | None`` that of X; numbers are boxed then."""
        inner = self.members[0].descriptor if len(self.members) == 1 else OBJECT
        return inner if len(inner) > 1 else _BOXED.get(inner, OBJECT)

    def holds(self, value: Any) -> bool:
        return (value is None and self.optional) or any(member.holds(value) for member in self.members)

    def realize(self, value: Any, walk: Walk) -> Any:
        if value is None and self.optional:
            return None
        if len(self.members) == 1:
            return self.members[0].realize(value, walk)
        entries = scalars.maps_of(value)
        if entries is not None:
            named = self.tagged.get(entries.get(TAG) or class_of(value) or "")
            if named is not None:
                return named.realize(value, walk)
        problems = []
        for member in self._nearest_first(value):
            try:
                return member.realize(value, walk)
            except ValueError as error:
                problems.append(f"{getattr(error, 'path', '')} {error}".strip())
        raise Misfit("; or ".join(problems))

    def generalize(self, value: Any, walk: Walk) -> Any:
        if value is None and self.optional:
            return None
        if len(self.members) == 1:
            return self.members[0].generalize(value, walk)
        problems: list[ValueError] = []
        for member in self._nearest_first(value):
            if not member.holds(value):
                continue
            try:
                made = member.generalize(value, walk)
            except ValueError as error:
                problems.append(error)  # one dict passes for any TypedDict until its items are looked at
                continue
            if isinstance(member, Object) and self.tagged and isinstance(made, dict) and CLASS not in made:
                return {TAG: member.tag, **made}
            return made
        raise problems[0] if problems else scalars.refuse(" or ".join(map(_name, self.members)), value)

    def _nearest_first(self, value: Any) -> list[Conversion]:
        return sorted(self.members, key=lambda member: (not member.exactly(value), not member.holds(value)))


class Object(Conversion):
    """A record class. Made empty and filled afterwards, because it may contain itself."""

    def __init__(self, cls: type, of: Callable[[Any], Conversion]) -> None:
        self.cls = cls
        self.class_name = dto(cls).name
        self.descriptor = f"L{self.class_name.replace('.', '/')};" if self.class_name else "Ljava/util/Map;"
        self.of = of
        self.record = Record((), "new")
        self.fields: tuple[tuple[str, str, Conversion, Any], ...] = ()
        """Attribute, wire name, type, default."""

    @property
    def tag(self) -> str:
        return dto(self.cls).tag or self.record.tag or self.class_name or self.cls.__name__

    def define(self, record: Record, hints: Mapping[str, Any], naming: str) -> None:
        declared = {f.name: hints.get(f.name, Any) if f.hint is None else f.hint for f in record.fields}
        wires = wire_names(self.cls, record, declared, naming)
        self.record = record
        fields = []
        for f in record.fields:
            required = required_by(declared[f.name]) if record.build == "dict" else None
            default = f.default if required is None else REQUIRED if required else OMIT
            fields.append((f.name, wires[f.name], self.of(declared[f.name]), default))
        self.fields = tuple(fields)

    def holds(self, value: Any) -> bool:
        return isinstance(value, Mapping) if self.record.build == "dict" else isinstance(value, self.cls)

    def realize(self, value: Any, walk: Walk) -> Any:
        if self.record.build != "dict" and isinstance(value, self.cls):
            return value
        entries = scalars.maps_of(value)
        if entries is None and describe(type(value)) is not None:
            # An object that came as one: of a class that is ours, too, but another than declared.
            entries = self.of(type(value)).generalize(value, Walk(Form(iso=False)))
        if entries is None:
            raise scalars.refuse(self.cls.__name__, value)
        known = walk.known(self, value)
        if known is not None:
            return known
        derived = named_class(class_of(value) or "")
        if derived is not None and derived is not self.cls and issubclass(derived, self.cls):
            return self.of(derived).realize(value, walk)
        made = object.__new__(self.cls) if self.record.build == "new" else None
        if made is not None:
            walk.remember(self, value, made)
        found: dict[str, Any] = {}
        with walk:
            for name, wire, node, default in self.fields:
                item = entries.get(wire, REQUIRED)
                if item is None and default is not REQUIRED and not node.holds(None):
                    item = REQUIRED  # Java's null where nothing was set: the default stands
                if item is REQUIRED:
                    if default is REQUIRED:
                        raise Misfit(f"{self.cls.__name__} needs {wire!r}, which is missing")
                    found[name] = default.make() if isinstance(default, Factory) else default
                    continue
                try:
                    found[name] = node.realize(item, walk)
                except ValueError as error:
                    raise inside(error, f".{wire}") from None
        return self._made(made, found)

    def _made(self, made: Any, found: dict[str, Any]) -> Any:
        """An instance with these attributes, made as the declaration says (records.py)."""
        record = self.record
        given = {name: item for name, item in found.items() if item is not OMIT}
        try:
            if record.build == "dict":
                return given
            if record.build == "tuple":
                return self.cls._make(found.values())  # type: ignore[attr-defined]
            if record.build == "call":
                places = [given[f.name] for f in record.fields if not f.argument]
                return self.cls(
                    *places, **{f.argument: given[f.name] for f in record.fields if f.argument and f.name in given}
                )
            for name, item in given.items():
                object.__setattr__(made, name, item)
            if record.post_init is not None:
                getattr(made, record.post_init)()
        except Exception as error:
            raise Misfit(f"{self.cls.__name__}: {type(error).__name__}: {error}") from error
        return made

    def generalize(self, value: Any, walk: Walk) -> Any:
        if not self.holds(value):
            raise scalars.refuse(self.cls.__name__, value)
        if self.record.build != "dict" and type(value) is not self.cls and dto(type(value)).name:
            return self.of(type(value)).generalize(value, walk)
        known = walk.known(self, value)
        if known is not None:
            return known
        made, put = walk.form.record(self.class_name)
        walk.remember(self, value, made)
        with walk:
            for name, wire, node, default in self.fields:
                if self.record.build == "dict":
                    if name not in value and default is REQUIRED:
                        raise Misfit(f"{self.cls.__name__} needs {name!r}, which is missing")
                    if name not in value:
                        continue
                    item = value[name]
                else:
                    item = getattr(value, name)
                try:
                    put(wire, node.generalize(item, walk))
                except ValueError as error:
                    raise inside(error, f".{name}") from None
        return made


def class_of(value: Any) -> str | None:
    """The class that a map or object says it is of."""
    name = value.class_name if isinstance(value, GenericObject) else None
    if isinstance(value, Mapping):
        name = value.get(CLASS)
    return name if isinstance(name, str) else None


def _name(node: Conversion) -> str:
    """A node's name for messages."""
    if isinstance(node, Scalar | Items):
        return node.name
    return str(getattr(getattr(node, "cls", None), "__name__", type(node).__name__.lower()))
