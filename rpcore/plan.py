"""From a hint to the plan that encodes and decodes it.

``_Compiler.node`` dispatches on what the hint is (alias, union, class) and answers with a ``_Node``: the plan,
plus what a union must know about its members: which Python types they encode, and how their values start on the
wire. Records are remembered while they are being compiled, so that they may contain themselves.

To teach it another scalar type, add a line to ``_SCALARS`` or ``_NAMED``; another kind of record is an adapter
(records.py).
"""

from __future__ import annotations

import collections.abc
import enum
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, get_args, get_origin

from rpcore import _codec
from rpcore._codec import ANY, OMIT, REQUIRED, ArgsPlan, ExceptionPlan, Plan
from rpcore.class_hints import (
    bind,
    class_hints,
    descriptor_of,
    fingerprint,
    function_hints,
    is_alias,
    is_union,
    mentioned,
    plain,
    required_by,
    substitute,
    unbound,
    union_members,
    wire_of,
)
from rpcore.errors import ConfigurationError
from rpcore.model import Parameter
from rpcore.records import Record, describe, describe_exception, register_adapter
from rpcore.signatures import is_descriptor
from rpcore.types import camel, dto, named_class

_NO_NAMES: Mapping[str, Any] = types.MappingProxyType({})


def compile_type(hint: Any, *, naming: str = "", root: str = "result", names: Mapping[str, Any] = _NO_NAMES) -> Plan:
    """The plan of a type.

    Args:
        hint: any supported annotation; names in it must be resolved already.
        naming: ``"camel"`` sends ``user_id`` as ``userId`` in all records that do not say otherwise.
        root: first step of the path in errors; ``""`` for none.
        names: what hints of records may name beside what Python itself finds: the classes of a function.

    Raises:
        ConfigurationError: a hint is not supported; the text says which and where.
    """
    compiler = _Compiler(naming, dict(names))
    compiler.learn(hint)
    plan = compiler.node(hint).plan
    return _codec.RootPlan(root, plan, compiler.known()) if root else plan


def compile_args(
    parameters: Sequence[Parameter], *, naming: str = "", names: Mapping[str, Any] = _NO_NAMES
) -> ArgsPlan:
    """The plan of a method's arguments, in declared order; see ``compile_type``.

    Raises:
        ConfigurationError: a hint is not supported; the text says which, where, and of which parameter.
    """
    compiler = _Compiler(naming, dict(names))
    for p in parameters:
        compiler.learn(p.hint)
    plans = []
    for p in parameters:
        try:
            plans.append(compiler.node(p.hint).plan)
        except ConfigurationError as error:
            raise ConfigurationError(f"parameter {p.name!r}: {error.message}") from error
    defaults = [REQUIRED if p.required else p.default for p in parameters]
    return ArgsPlan([p.name for p in parameters], plans, defaults, compiler.known())


def compile_exception(
    cls: type[BaseException], *, naming: str = "", names: Mapping[str, Any] = _NO_NAMES
) -> ExceptionPlan:
    """The plan of a declared business exception; ``ExceptionPlan`` says what of it travels.

    Raises:
        ConfigurationError: a hint is not supported; the text says which and where.
    """
    compiler = _Compiler(naming, dict(names))
    record = describe_exception(cls)
    fields = None
    if record is not None:
        init = cls.__init__
        if isinstance(init, types.FunctionType) and not hasattr(cls, "__dataclass_fields__"):
            owner = next(base for base in cls.__mro__ if "__init__" in base.__dict__)
            hints = function_hints(init, owner, names)
        else:
            hints = class_hints(cls, {f.name for f in record.fields}, {}, names)
        fields = compiler.define(cls, record, hints, cls).plan
    name = dto(cls).name
    return ExceptionPlan(cls, name or cls.__name__, fields, _rebuild, bool(name))


def _rebuild(cls: type[BaseException], args: Sequence[Any]) -> BaseException:
    """An exception from its ``args``. An ``__init__`` of its own has made them, so it does not run again."""
    if not isinstance(cls.__init__, types.FunctionType):
        return cls(*args)
    error = cls.__new__(cls, *args)
    error.args = tuple(args)
    return error


_NAMINGS: Mapping[str, Callable[[str], str]] = types.MappingProxyType({"": str, "camel": camel})

_NONE, _BOOL, _INT, _FLOAT, _STR, _BYTES, _LIST, _DICT, _EXT = _codec.KINDS[:9]
_ALL = frozenset(_codec.KINDS[:9])


@dataclass(slots=True)
class _Shape:
    """A record being compiled: its plan may be referred to before it is defined."""

    cls: type
    plan: _codec.RecordPlan
    record: Record
    hints: Mapping[str, Any]
    """Attribute -> its resolved hint."""
    wires: Mapping[str, str]
    """Attribute -> its wire name."""

    @property
    def tag(self) -> str:
        info = dto(self.cls)
        return info.tag or self.record.tag or info.name or self.cls.__name__


@dataclass(frozen=True, slots=True)
class _Node:
    """A plan, with what a union must know to choose it."""

    plan: Plan
    types: tuple[type, ...]
    """Whose instances it encodes."""
    kinds: frozenset[str]
    """How its values start on the wire: some of ``_codec.KINDS``; none for an alias that is not known yet."""
    hashable: bool = True
    shape: _Shape | None = None


_SCALARS: Mapping[Any, _Node] = types.MappingProxyType(
    {
        int: _Node(_codec.IntPlan(), (int,), frozenset({_INT})),
        float: _Node(_codec.FloatPlan(), (float, int), frozenset({_FLOAT, _INT})),
        str: _Node(_codec.StrPlan(), (str,), frozenset({_STR})),
        bool: _Node(_codec.BoolPlan(), (bool,), frozenset({_BOOL})),
        type(None): _Node(_codec.NonePlan(), (type(None),), frozenset({_NONE})),
        bytes: _Node(_codec.BytesPlan(), (bytes,), frozenset({_BYTES})),
        bytearray: _Node(_codec.BytearrayPlan(), (bytearray,), frozenset({_BYTES}), hashable=False),
        memoryview: _Node(_codec.MemoryviewPlan(), (memoryview,), frozenset({_BYTES})),
    }
)


def _text(cls: Any, to_text: Callable[[Any], str], parse: Callable[[str], Any], but_not: Any = None) -> _Node:
    return _Node(_codec.TextPlan(cls, to_text, parse, but_not), (cls,), frozenset({_STR}))


def _date(cls: Any) -> _Node:
    import datetime

    return _text(cls, cls.isoformat, cls.fromisoformat, datetime.datetime)


# By name, so that a program that never uses decimal or uuid does not import them.
_NAMED: Mapping[tuple[str, str], Callable[[Any], _Node]] = types.MappingProxyType(
    {
        ("datetime", "datetime"): lambda cls: _Node(_codec.DatetimePlan(), (cls,), frozenset({_STR, _EXT})),
        ("datetime", "date"): _date,
        ("datetime", "time"): lambda cls: _text(cls, cls.isoformat, cls.fromisoformat),
        ("datetime", "timedelta"): lambda cls: _text(
            cls, _codec.format_duration, lambda text: _codec.parse_duration(cls, text)
        ),
        ("decimal", "Decimal"): lambda cls: _text(cls, str, cls),
        ("uuid", "UUID"): lambda cls: _Node(_codec.UuidPlan(cls), (cls,), frozenset({_STR})),
    }
)


def _java_int(name: str, bits: int, descriptor: str) -> _Node:
    kinds = frozenset({_INT}) if bits else frozenset({_INT, _STR})
    return _Node(_codec.JavaIntPlan(name, bits, descriptor), (int,), kinds)


_JAVA_SCALARS: Mapping[str, _Node] = types.MappingProxyType(
    {
        "Byte": _java_int("Byte", 8, "B"),
        "Short": _java_int("Short", 16, "S"),
        "Int": _java_int("Int", 32, "I"),
        "Long": _SCALARS[int],
        "BigInteger": _java_int("BigInteger", 0, "Ljava/math/BigInteger;"),
        "Float": _Node(_codec.JavaFloatPlan(), (float, int), frozenset({_FLOAT, _INT})),
        "Char": _Node(_codec.CharPlan(), (str,), frozenset({_STR})),
    }
)
_JAVA_VALUES: Mapping[str, str] = types.MappingProxyType(
    {
        "JavaDate": "Ljava/util/Date;",
        "LocalDateTime": "Ljava/time/LocalDateTime;",
        "Instant": "Ljava/time/Instant;",
        "OffsetDateTime": "Ljava/time/OffsetDateTime;",
        "ZonedDateTime": "Ljava/time/ZonedDateTime;",
        "Locale": "Ljava/util/Locale;",
        "Currency": "Ljava/util/Currency;",
        "JavaClass": "Ljava/lang/Class;",
    }
)
BY_DESCRIPTOR: Mapping[str, str] = types.MappingProxyType(
    {
        "B": "Byte",
        "S": "Short",
        "I": "Int",
        "J": "Long",
        "F": "Float",
        "C": "Char",
        "Ljava/lang/Byte;": "Byte",
        "Ljava/lang/Short;": "Short",
        "Ljava/lang/Integer;": "Int",
        "Ljava/lang/Float;": "Float",
        "Ljava/lang/Character;": "Char",
        "Ljava/math/BigInteger;": "BigInteger",
    }
)
_NO_LISTS: Mapping[str, str] = types.MappingProxyType(
    {"B": "binary: declare bytes", "C": 'a string: declare Annotated[str, Descriptor("[C")]'}
)
_ELEMENTS: Mapping[str, str] = types.MappingProxyType(
    {
        "Z": "boolean",
        "B": "byte",
        "S": "short",
        "I": "int",
        "J": "long",
        "F": "float",
        "D": "double",
        "Ljava/lang/String;": "string",
        "Ljava/lang/Object;": "object",
        "Ljava/util/Date;": "date",
    }
)


def element_type(descriptor: str) -> str:
    """How hessian2 calls the type of an array's elements: not as the JVM does."""
    if descriptor.startswith("["):
        return "[" + element_type(descriptor[1:])
    return _ELEMENTS.get(descriptor) or descriptor[1:-1].replace("/", ".")


_LISTS = (list, collections.abc.Sequence, collections.abc.MutableSequence, collections.abc.Collection)
_SETS = (set, frozenset, collections.abc.Set, collections.abc.MutableSet)
_DICTS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)
_WIRE_SCALARS = (str, int, bool, float, bytes, type(None))


@dataclass(slots=True)
class _Compiler:
    """Compiles hints that belong together; a record among them compiles once."""

    naming: str
    names: dict[str, Any]
    """What hints may name where Python would not find it: given names, and the classes met so far."""
    shapes: dict[Any, _Shape] = field(default_factory=dict)
    aliases: dict[Any, _codec.DeferredPlan] = field(default_factory=dict)
    """Aliases being compiled."""
    inside: list[_Shape] = field(default_factory=list)
    """Records being compiled, outermost first, for ``Self``."""

    def learn(self, hint: Any) -> None:
        """Remember the classes that a hint mentions."""
        for cls in mentioned(hint):
            self.names.setdefault(cls.__name__, cls)

    def known(self) -> dict[Any, Plan] | None:
        """The plans of the records met that have a wire name, by class and by that name; None when there are none."""
        named = [s for s in self.shapes.values() if dto(s.cls).name and not getattr(s.cls, "__parameters__", ())]
        return {key: s.plan for s in named for key in (s.cls, dto(s.cls).name)} or None

    def node(self, hint: Any) -> _Node:
        """The node of any hint."""
        descriptor = descriptor_of(hint)
        if descriptor is not None:
            return self.of_described(plain(hint), descriptor)
        hint = plain(hint)
        origin = get_origin(hint)
        if hint is Any or hint is object:
            return _Node(ANY, (object,), _ALL)
        if hint is None:
            return _SCALARS[type(None)]
        if is_union(hint):
            return self.of_union(hint)
        if origin is Literal:
            return self.of_literal(hint)
        if is_alias(hint) or is_alias(origin):
            return self.of_alias(hint)
        if isinstance(hint, TypeVar):
            return self.node(unbound(hint))
        if hint is typing.LiteralString:
            return _SCALARS[str]
        if hint is typing.Self and self.inside:
            return _record_node(self.inside[-1])
        cls = origin or hint
        if not isinstance(cls, type):
            raise ConfigurationError(f"{hint!r} is not a type that can be sent")
        return self.of_class(cls, get_args(hint), hint)

    def of_class(self, cls: type, args: tuple[Any, ...], hint: Any) -> _Node:
        """The node of a class, with the arguments in its brackets."""
        if cls in _SCALARS:
            return _SCALARS[cls]
        named = _NAMED.get((cls.__module__, cls.__qualname__))
        if named is not None:
            return named(cls)
        if cls.__module__ == "rpcore.javatypes" or cls is _codec.GenericObject:
            return self.of_java(cls, args)
        if cls in _LISTS:
            return self.of_list(cls, args)
        if cls is tuple:
            return self.of_tuple(args, hint)
        if cls in _SETS:
            return self.of_set(cls, args, hint)
        if cls in _DICTS:
            return self.of_dict(cls, args, hint)
        if issubclass(cls, enum.Enum):
            return self.of_enum(cls)
        record = describe(cls)
        if record is not None:
            return self.of_record(cls, args, record)
        raise ConfigurationError(
            f"{_name(hint)} is not a type that can be sent; make it a dataclass, or see rpcore.plan.register_adapter"
        )

    # ---- Java's own types

    def of_java(self, cls: type, args: tuple[Any, ...]) -> _Node:
        """A hint of javatypes.py."""
        if cls.__name__ == "Array":
            return self.of_array(self.node(args[0] if args else Any))
        scalar = _JAVA_SCALARS.get(cls.__name__)
        if scalar is not None:
            return scalar
        descriptor = _JAVA_VALUES.get(cls.__name__)
        if descriptor is None:
            return _Node(ANY, (object,), _ALL)
        kind = cls.__mro__[1]
        base = self.node(kind)
        return _Node(_codec.JavaValuePlan(base.plan, cls, kind, descriptor), base.types, base.kinds)

    def of_array(self, item: _Node) -> _Node:
        inner = item.plan.descriptor
        if inner in _NO_LISTS:
            raise ConfigurationError(f"an array of {_bare(item.plan)} travels as {_NO_LISTS[inner]}")
        plan = _codec.ListPlan(item.plan, list, "list", "[" + element_type(inner))
        return _Node(plan, (list,), frozenset({_LIST}), hashable=False)

    def of_described(self, hint: Any, descriptor: str) -> _Node:
        """A hint with a descriptor of its own; one of a number's says how the number is sent."""
        if not is_descriptor(descriptor):
            raise ConfigurationError(f"Descriptor({descriptor!r}) is no JVM descriptor, such as I or Lorg/demo/User;")
        scalar = BY_DESCRIPTOR.get(descriptor)
        node = self.node(hint)
        if scalar is not None and hint in (int, float, str):
            node = _JAVA_SCALARS.get(scalar, node)
        plan = _codec.DescribedPlan(node.plan, descriptor)
        return _Node(plan, node.types, node.kinds, node.hashable)

    # ---- collections

    def of_list(self, cls: type, args: tuple[Any, ...]) -> _Node:
        item = self.node(args[0] if args else Any)
        plan = _codec.ListPlan(item.plan, cls, cls.__name__)
        return _Node(plan, (cls,), frozenset({_LIST}), hashable=False)

    def of_tuple(self, args: tuple[Any, ...], hint: Any) -> _Node:
        if hint is tuple:
            args = (Any, ...)
        if len(args) == 2 and args[1] is ...:
            item = self.node(args[0])
            plan: Plan = _codec.VariadicTuplePlan(item.plan)
            return _Node(plan, (tuple,), frozenset({_LIST}), hashable=item.hashable)
        items = [self.node(arg) for arg in args if arg != ()]  # typing.Tuple[()] has the argument ()
        plan = _codec.TuplePlan(*(item.plan for item in items))
        return _Node(plan, (tuple,), frozenset({_LIST}), hashable=all(item.hashable for item in items))

    def of_set(self, cls: type, args: tuple[Any, ...], hint: Any) -> _Node:
        item = self.node(args[0] if args else Any)
        if not item.hashable:
            raise ConfigurationError(f"{_name(hint)}: its elements are not hashable")
        made = frozenset if cls is frozenset else set
        plan = _codec.SetPlan(item.plan, cls, made, cls.__name__)
        return _Node(plan, (cls,), frozenset({_LIST}), hashable=made is frozenset)

    def of_dict(self, cls: type, args: tuple[Any, ...], hint: Any) -> _Node:
        key, value = (self.node(arg) for arg in (args or (Any, Any)))
        if not key.hashable:
            raise ConfigurationError(f"{_name(hint)}: its keys are not hashable")
        plan = _codec.DictPlan(key.plan, value.plan, cls, cls.__name__)
        return _Node(plan, (cls,), frozenset({_DICT}), hashable=False)

    # ---- few known values

    def of_enum(self, cls: type[enum.Enum]) -> _Node:
        """By value when all values are plain ones; by name otherwise. Flags are ints, of any combination."""
        flags = issubclass(cls, enum.Flag)
        members = cls.__members__
        by_name = not all(type(m.value) in _WIRE_SCALARS for m in members.values())
        wires = {name: name if by_name else m.value for name, m in members.items()}
        used = {type(wire) for wire in wires.values()} or {int}
        base = _SCALARS[used.pop()].plan if len(used) == 1 else ANY
        own = {name for c in cls.__mro__ if c.__module__ != "enum" for name in c.__dict__}
        plan = _codec.EnumPlan(
            cls,
            _SCALARS[int].plan if flags else base,
            [(wire, members[name]) for name, wire in wires.items()],
            by_name=by_name,
            open=flags or "_missing_" in own,
            wire_name="" if flags else dto(cls).name,
        )
        return _Node(plan, (cls,), frozenset({_INT}) if flags else _kinds(wires.values()))

    def of_literal(self, hint: Any) -> _Node:
        wires = [(value, _literal_wire(value)) for value in get_args(hint)]
        for value, wire in wires:
            if type(wire) not in _WIRE_SCALARS:
                raise ConfigurationError(f"{hint!r}: {value!r} cannot be sent as a literal")
        plan = _codec.LiteralPlan(*wires)
        return _Node(plan, tuple({type(value) for value, _ in wires}), _kinds(wire for _, wire in wires))

    # ---- records

    def of_record(self, cls: type, args: tuple[Any, ...], record: Record) -> _Node:
        key = (cls, tuple(fingerprint(arg) for arg in args))
        shape = self.shapes.get(key)
        if shape is not None:
            return _record_node(shape)
        self.names.setdefault(cls.__name__, cls)
        hints = class_hints(cls, {f.name for f in record.fields}, bind(cls, args), self.names)
        return self.define(cls, record, hints, key)

    def define(self, cls: type, record: Record, hints: Mapping[str, Any], key: Any) -> _Node:
        """Compile a record's fields into a new plan, which is known under ``key`` from the start."""
        declared = {f.name: hints.get(f.name, Any) if f.hint is None else f.hint for f in record.fields}
        wires = wire_names(cls, record, declared, self.naming)
        shape = _Shape(cls, _codec.RecordPlan(cls, cls.__name__), record, declared, wires)
        self.shapes[key] = shape
        self.inside.append(shape)
        for hint in declared.values():
            self.learn(hint)
        fields = []
        for f in record.fields:
            hint = declared[f.name]
            try:
                plan = self.node(hint).plan
            except ConfigurationError as error:
                raise ConfigurationError(f"{cls.__qualname__}.{f.name}: {error.message}") from error
            default = f.default
            if record.build == "dict" and required_by(hint) is not None:
                default = REQUIRED if required_by(hint) else OMIT
            fields.append((f.name, wires[f.name], plan, default, _class_attribute(cls, f.name)))
        self.inside.pop()
        keywords = [f.argument for f in record.fields if f.argument]
        if any(f.argument for f in record.fields[: len(fields) - len(keywords)]):
            raise ConfigurationError(f"{cls.__qualname__}: fields passed by position must come before keywords")
        shape.plan.define(
            fields,
            record.build,
            post_init=record.post_init,
            positional=len(fields) - len(keywords),
            keywords=keywords,
            wire_name=dto(cls).name,
        )
        return _record_node(shape)

    # ---- aliases and unions

    def of_alias(self, hint: Any) -> _Node:
        """``type X = ...`` (Python 3.12), which may mention itself."""
        alias, args = get_origin(hint) or hint, get_args(hint)
        key = (alias, tuple(fingerprint(arg) for arg in args))
        waiting = self.aliases.get(key)
        if waiting is not None:
            return _Node(waiting, (), frozenset())
        self.aliases[key] = waiting = _codec.DeferredPlan(alias.__name__)
        try:
            value = alias.__value__
        except NameError as error:
            raise ConfigurationError(f"type alias {alias.__name__}: {error}") from error
        node = self.node(substitute(value, dict(zip(alias.__type_params__, args, strict=False))))
        if not node.kinds:
            raise ConfigurationError(f"type alias {alias.__name__} is only itself")
        waiting.target = node.plan
        del self.aliases[key]
        return node

    def of_union(self, hint: Any) -> _Node:
        members = list(dict.fromkeys(union_members(hint)))
        nodes = [self.node(m) for m in members if m is not type(None)]
        for node in nodes:
            if not node.kinds:
                raise ConfigurationError(f"{_name(hint)}: the alias {_bare(node.plan)} is a member of itself")
        if any(node.plan is ANY for node in nodes):
            return _Node(ANY, (object,), _ALL)
        shapes = [node.shape for node in nodes if node.shape is not None]
        if len(shapes) > 1:
            nodes = [node for node in nodes if node.shape is None]
            nodes.append(self.of_records(shapes))
        merged = nodes[0] if len(nodes) == 1 else self.of_distinct(nodes, hint)
        if type(None) not in members or _NONE in merged.kinds:
            return merged
        return _Node(
            _codec.OptionalPlan(merged.plan),
            (*merged.types, type(None)),
            merged.kinds | {_NONE},
            merged.hashable,
        )

    def of_distinct(self, nodes: list[_Node], hint: Any) -> _Node:
        """One node for members that differ by their first byte."""
        if any(_INT in node.kinds and float not in node.types for node in nodes):
            # An int is for the int member; float then takes floats only.
            nodes = [_floats_only(node) if float in node.types else node for node in nodes]
        for i, one in enumerate(nodes):
            for other in nodes[:i]:
                shared = one.kinds & other.kinds
                if shared:
                    raise ConfigurationError(
                        f"{_name(hint)}: {_bare(other.plan)} and {_bare(one.plan)} cannot be told apart, both are "
                        f"sent as {min(shared)}; put them into records with different fields, or leave one out"
                    )
        # Abstract types last: a str is a Sequence, too.
        nodes = sorted(nodes, key=lambda node: any(cls.__module__ == "collections.abc" for cls in node.types))
        return _Node(
            _codec.UnionPlan(*((node.types, node.plan, node.kinds) for node in nodes)),
            tuple(cls for node in nodes for cls in node.types),
            frozenset(kind for node in nodes for kind in node.kinds),
            all(node.hashable for node in nodes),
        )

    def of_records(self, shapes: list[_Shape]) -> _Node:
        """One node for several records, told apart by a Literal field they share, or by ``"@type"``."""
        text = " | ".join(shape.cls.__name__ for shape in shapes)
        plans = [shape.plan for shape in shapes]
        hashable = all(_record_node(shape).hashable for shape in shapes)
        classes = tuple(cls for shape in shapes for cls in _record_node(shape).types)
        found = _literal_field(shapes)
        if found is not None:
            attribute, wire, values = found
            plan = _codec.RecordUnionPlan(wire, plans, values, written=False, attribute=attribute)
            return _Node(plan, classes, frozenset({_DICT}), hashable)
        tags = [shape.tag for shape in shapes]
        for shape in shapes:
            if tags.count(shape.tag) > 1:
                raise ConfigurationError(
                    f"{text}: two of them have the tag {shape.tag!r}; give one another by rpcore.wire_name(tag=...)"
                )
            if shape.record.build == "dict" or "@type" in shape.wires.values():
                raise ConfigurationError(
                    f"{text}: to tell {shape.cls.__name__} from the others, give each of them a field of the same "
                    f"name with another Literal"
                )
        plan = _codec.RecordUnionPlan("@type", plans, [[tag] for tag in tags], written=True)
        return _Node(plan, classes, frozenset({_DICT}), hashable)


def wire_names(cls: type, record: Record, hints: Mapping[str, Any], naming: str) -> dict[str, str]:
    """The wire name of each field by its attribute.

    Args:
        cls: the record class; a naming that it was given itself beats ``naming``.
        record: its fields.
        hints: their resolved hints.
        naming: the convention in force.

    Raises:
        ConfigurationError: an unknown naming, or two fields of one name.
    """
    naming = dto(cls).naming or naming
    rename = _NAMINGS.get(naming)
    if rename is None:
        known = ", ".join(repr(name) for name in _NAMINGS)
        raise ConfigurationError(f"{cls.__qualname__}: unknown naming {naming!r}; known are {known}")
    wires = {f.name: wire_of(hints[f.name]) or f.wire or rename(f.name) for f in record.fields}
    for wire in wires.values():
        both = [name for name, other in wires.items() if other == wire]
        if len(both) > 1:
            raise ConfigurationError(f"{cls.__qualname__}: {' and '.join(both)} have the same wire name {wire!r}")
    return wires


def _record_node(shape: _Shape) -> _Node:
    if shape.record.build == "dict":
        return _Node(shape.plan, (dict,), frozenset({_DICT}), hashable=False, shape=shape)
    hashable = shape.cls.__hash__ is not None
    return _Node(shape.plan, (shape.cls,), frozenset({_DICT}), hashable, shape)


def _floats_only(node: _Node) -> _Node:
    return _Node(node.plan, (float,), frozenset({_FLOAT}))


def _literal_field(shapes: list[_Shape]) -> tuple[str, str, list[list[Any]]] | None:
    """The field that tells records apart: (attribute, wire name, for each record what it may hold), or None."""
    if any(dto(shape.cls).tag for shape in shapes):
        return None
    for name, wire in shapes[0].wires.items():
        hints = [plain(shape.hints.get(name)) for shape in shapes]
        if any(get_origin(hint) is not Literal for hint in hints):
            continue
        values = [[_literal_wire(value) for value in get_args(hint)] for hint in hints]
        all_values = [(type(value), value) for group in values for value in group]
        if len(all_values) == len(set(all_values)) and all(shape.wires[name] == wire for shape in shapes):
            return name, wire, values
    return None


def _kinds(wires: Iterable[Any]) -> frozenset[str]:
    return frozenset(_NONE if wire is None else type(wire).__name__ for wire in wires)


def _literal_wire(value: Any) -> Any:
    return value.value if isinstance(value, enum.Enum) else value


def _class_attribute(cls: type, name: str) -> Any:
    """What the class has under a name, without calling descriptors."""
    return next((base.__dict__[name] for base in cls.__mro__ if name in base.__dict__), None)


def _name(hint: Any) -> str:
    return hint.__qualname__ if isinstance(hint, type) and not get_args(hint) else repr(hint)


def _bare(plan: Plan) -> str:
    return repr(plan).removeprefix("<Plan ").removesuffix(">")


# ---- classes with a wire name, wherever a hint says Any

_PLAN = "__rpcore_plan__"


def _named_plan(cls: type) -> Plan | None:
    """The plan of a class that was given a wire name; compiled once and kept in the class."""
    if not dto(cls).name:
        return None
    plan: Plan | None = cls.__dict__.get(_PLAN)
    if plan is None:
        plan = compile_type(cls, root="")
        setattr(cls, _PLAN, plan)
    return plan


def _plan_by_name(name: str) -> Plan | None:
    cls = named_class(name)
    return None if cls is None or issubclass(cls, BaseException) else _named_plan(cls)


_codec.use_classes(_plan_by_name, _named_plan)

__all__ = [
    "ArgsPlan",
    "ExceptionPlan",
    "Plan",
    "camel",
    "compile_args",
    "compile_exception",
    "compile_type",
    "register_adapter",
]
