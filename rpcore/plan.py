"""From a hint to the plan that encodes and decodes it. One ``_Compiler`` run per annotation tree; nothing is looked up per value.

``_Compiler.node`` dispatches on what the hint is (alias, union, generic, class) and answers with a ``_Node``: the plan, plus the
two facts a union needs about its members: which Python types it encodes and what its values look like on the wire.
Records are remembered while they are being compiled, so that they may contain themselves.

To teach it another scalar type, add a line to ``_SCALARS`` or ``_NAMED``; another kind of record is an adapter (records.py).
"""

from __future__ import annotations

import collections.abc
import enum
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, get_args, get_origin

from rpcore import _codec
from rpcore._codec import ANY, REQUIRED, ArgsPlan, ExceptionPlan, Plan
from rpcore.errors import ConfigurationError
from rpcore.class_hints import Bindings, bind, class_hints, function_hints, substitute
from rpcore.model import Parameter
from rpcore.records import Record, describe, describe_exception, dto, register_adapter, wire_name
from rpcore.types import Name

_NONE, _BOOL, _INT, _FLOAT, _STR, _BYTES, _LIST, _DICT, _EXT = _codec.KINDS[:9]
_ALL = frozenset(_codec.KINDS[:9])


@dataclass(frozen=True, slots=True)
class _Node:
    """A plan, with what a union must know to choose it."""

    plan: Plan
    types: tuple[type, ...]
    kinds: frozenset[str]
    """What its values start with on the wire, in the words of errors."""
    hashable: bool = True
    record: _Shape | None = None


@dataclass(slots=True)
class _Shape:
    """A record being compiled: its plan may be referred to before it is defined."""

    cls: type
    plan: _codec.RecordPlan
    record: Record
    hints: Mapping[str, Any]
    wires: Mapping[str, str]
    """Attribute -> wire name."""

    @property
    def tag(self) -> str:
        info = dto(self.cls)
        return info.tag or self.record.tag or info.name or self.cls.__name__


def compile_type(hint: Any, *, naming: str = "", root: str = "result") -> Plan:
    """The plan of a type.

    Args:
        hint: any supported annotation; names in it must be resolved already.
        naming: ``"camel"`` sends ``user_id`` as ``userId`` in all records that do not say otherwise.
        root: first step of the path in errors; ``""`` for none.

    Raises:
        ConfigurationError: a hint is not supported; the text says which and where.
    """
    compiler = _Compiler(naming)
    compiler.learn(hint)
    plan = compiler.node(hint).plan
    return _codec.RootPlan(root, plan) if root else plan


def compile_args(parameters: Sequence[Parameter], *, naming: str = "") -> ArgsPlan:
    """The plan of a method's arguments, in declared order.

    Raises:
        ConfigurationError: a hint is not supported; the text says which, where, and of which parameter.
    """
    compiler = _Compiler(naming)
    for p in parameters:
        compiler.learn(p.hint)
    plans = []
    for p in parameters:
        try:
            plans.append(compiler.node(p.hint).plan)
        except ConfigurationError as error:
            raise ConfigurationError(f"parameter {p.name!r}: {error.message}") from error
    return ArgsPlan(
        tuple(p.name for p in parameters),
        tuple(plans),
        tuple(REQUIRED if p.required else p.default for p in parameters),
    )


def compile_exception(cls: type[BaseException], *, naming: str = "") -> ExceptionPlan:
    """The plan of a declared business exception; see ``ExceptionPlan`` for what of it travels."""
    compiler = _Compiler(naming)
    record = describe_exception(cls)
    fields = None
    if record is not None:
        hints: Mapping[str, Any]
        if isinstance(cls.__init__, types.FunctionType) and not hasattr(cls, "__dataclass_fields__"):
            owner = next(base for base in cls.__mro__ if "__init__" in base.__dict__)
            hints = function_hints(cls.__init__, owner, compiler.names)
        else:
            hints = class_hints(cls, {f.name for f in record.fields}, {}, compiler.names)
        fields = compiler.define(cls, record, hints).plan
    return ExceptionPlan(cls, dto(cls).name or cls.__name__, fields, _rebuild)


def _rebuild(cls: type[BaseException], args: Sequence[Any]) -> BaseException:
    """An exception from its ``args``. An ``__init__`` of its own has made them from something else, so it does not run again."""
    if not isinstance(cls.__init__, types.FunctionType):
        return cls(*args)
    error = cls.__new__(cls, *args)
    error.args = tuple(args)
    return error


def camel(name: str) -> str:
    """``user_id`` -> ``userId``; leading and trailing underscores stay."""
    head = len(name) - len(name.lstrip("_"))
    first, *rest = name[head:].split("_") if name[head:] else [""]
    return name[:head] + first + "".join(part[:1].upper() + part[1:] if part else "_" for part in rest)


_NAMINGS: Mapping[str, Callable[[str], str]] = types.MappingProxyType({"": str, "camel": camel})

_SCALARS: Mapping[Any, _Node] = types.MappingProxyType({
    int: _Node(_codec.IntPlan(), (int,), frozenset({_INT})),
    float: _Node(_codec.FloatPlan(), (float, int), frozenset({_FLOAT, _INT})),
    str: _Node(_codec.StrPlan(), (str,), frozenset({_STR})),
    bool: _Node(_codec.BoolPlan(), (bool,), frozenset({_BOOL})),
    type(None): _Node(_codec.NonePlan(), (type(None),), frozenset({_NONE})),
    bytes: _Node(_codec.BytesPlan(), (bytes,), frozenset({_BYTES})),
    bytearray: _Node(_codec.BytearrayPlan(), (bytearray,), frozenset({_BYTES}), hashable=False),
    memoryview: _Node(_codec.MemoryviewPlan(), (memoryview,), frozenset({_BYTES})),
})


def _text(cls: Any, format: Callable[[Any], str], parse: Callable[[str], Any], but_not: Any = None) -> _Node:
    return _Node(_codec.TextPlan(cls, format, parse, but_not), (cls,), frozenset({_STR}))


def _date(cls: Any) -> _Node:
    import datetime

    return _text(cls, cls.isoformat, cls.fromisoformat, datetime.datetime)


# By name, so that a program that never uses decimal or uuid does not import them.
_NAMED: Mapping[tuple[str, str], Callable[[Any], _Node]] = types.MappingProxyType({
    ("datetime", "datetime"): lambda cls: _Node(_codec.DatetimePlan(), (cls,), frozenset({_STR, _EXT})),
    ("datetime", "date"): _date,
    ("datetime", "time"): lambda cls: _text(cls, cls.isoformat, cls.fromisoformat),
    ("datetime", "timedelta"): lambda cls: _text(
        cls, _codec.format_duration, lambda text: _codec.parse_duration(cls, text)
    ),
    ("decimal", "Decimal"): lambda cls: _text(cls, str, cls),
    ("uuid", "UUID"): lambda cls: _text(cls, str, lambda text: _codec.parse_uuid(cls, text)),
})

_LISTS = (list, collections.abc.Sequence, collections.abc.MutableSequence, collections.abc.Collection)
_SETS = (set, frozenset, collections.abc.Set, collections.abc.MutableSet)
_DICTS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)
_WRAPPERS = ("Required", "NotRequired", "ReadOnly", "Final")


@dataclass(slots=True)
class _Compiler:
    """Compiles hints that belong together; the same record compiles once."""

    naming: str
    names: dict[str, Any] = field(default_factory=dict)
    """Classes met so far, for hints that name them where Python would not find them."""
    records: dict[Any, _Shape] = field(default_factory=dict)
    aliases: dict[Any, _codec.DeferredPlan] = field(default_factory=dict)
    inside: list[_Shape] = field(default_factory=list)
    """Records being compiled, outermost first, for ``Self``."""

    def learn(self, hint: Any) -> None:
        """Remember the classes that a hint mentions."""
        for part in (hint, *_parts(hint)):
            if isinstance(part, type):
                self.names.setdefault(part.__name__, part)

    def node(self, hint: Any) -> _Node:
        """The node of any hint."""
        hint = _plain(hint)
        if hint is Any or hint is object:
            return _Node(ANY, (object,), _ALL, hashable=True)
        if hint is None:
            hint = type(None)
        origin = get_origin(hint)
        if origin is typing.Union or origin is types.UnionType:
            return self.union(hint)
        if origin is Literal:
            return self.literal(hint)
        if _is_alias(hint) or _is_alias(origin):
            return self.alias(hint)
        if isinstance(hint, TypeVar):
            return self.node(_unbound(hint))
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
        if not args and cls in _SCALARS:
            return _SCALARS[cls]
        named = _NAMED.get((cls.__module__, cls.__qualname__))
        if named is not None:
            return named(cls)
        if cls in _LISTS:
            return self.sequence(cls, args)
        if cls is tuple:
            return self.tuple(args, hint)
        if cls in _SETS:
            return self.set(cls, args, hint)
        if cls in _DICTS:
            return self.mapping(cls, args, hint)
        if issubclass(cls, enum.Enum):
            return self.enum(cls)
        record = describe(cls)
        if record is not None:
            return self.record(cls, args, record)
        raise ConfigurationError(
            f"{_name(hint)} is not a type that can be sent; make it a dataclass, or see rpcore.plan.register_adapter"
        )

    # ---- collections

    def sequence(self, cls: type, args: tuple[Any, ...]) -> _Node:
        item = self.node(args[0] if args else Any)
        return _Node(_codec.ListPlan(item.plan, cls, cls.__name__), (cls,), frozenset({_LIST}), hashable=False)

    def tuple(self, args: tuple[Any, ...], hint: Any) -> _Node:
        kinds = frozenset({_LIST})
        if not args and hint is tuple:
            return _Node(_codec.VariadicTuplePlan(ANY), (tuple,), kinds)
        if len(args) == 2 and args[1] is ...:
            item = self.node(args[0])
            return _Node(_codec.VariadicTuplePlan(item.plan), (tuple,), kinds, hashable=item.hashable)
        items = [self.node(arg) for arg in args if arg != ()]
        hashable = all(item.hashable for item in items)
        return _Node(_codec.TuplePlan(*(item.plan for item in items)), (tuple,), kinds, hashable=hashable)

    def set(self, cls: type, args: tuple[Any, ...], hint: Any) -> _Node:
        item = self.node(args[0] if args else Any)
        if not item.hashable:
            raise ConfigurationError(f"{_name(hint)}: its elements are not hashable")
        made = frozenset if cls is frozenset else set
        taken = collections.abc.Set if cls is collections.abc.Set else cls
        plan = _codec.SetPlan(item.plan, taken, made, cls.__name__)
        return _Node(plan, (taken,), frozenset({_LIST}), hashable=made is frozenset)

    def mapping(self, cls: type, args: tuple[Any, ...], hint: Any) -> _Node:
        key, value = (self.node(arg) for arg in (args or (Any, Any)))
        if not key.hashable:
            raise ConfigurationError(f"{_name(hint)}: its keys are not hashable")
        plan = _codec.DictPlan(key.plan, value.plan, cls, cls.__name__)
        return _Node(plan, (cls,), frozenset({_DICT}), hashable=False)

    # ---- few known values

    def enum(self, cls: type[enum.Enum]) -> _Node:
        members = cls.__members__
        scalars = all(type(m._value_) in _WIRE_SCALARS for m in members.values())
        by_name = not scalars
        wires = {name: name if by_name else m._value_ for name, m in members.items()}
        used = {type(wire) for wire in wires.values()}
        base = _SCALARS[used.pop()].plan if len(used) == 1 else ANY
        flags = issubclass(cls, enum.Flag)
        plan = _codec.EnumPlan(
            cls,
            _SCALARS[int].plan if flags else base,
            {(type(wire), wire): members[name] for name, wire in wires.items()},
            by_name=by_name,
            open=flags or "_missing_" in _own_names(cls),
        )
        return _Node(plan, (cls,), frozenset({_INT}) if flags else _kinds(wires.values()))

    def literal(self, hint: Any) -> _Node:
        wires = [(value, _literal_wire(value)) for value in get_args(hint)]
        for value, wire in wires:
            if type(wire) not in _WIRE_SCALARS:
                raise ConfigurationError(f"{hint!r}: {value!r} cannot be sent as a literal")
        return _Node(
            _codec.LiteralPlan(*wires), tuple({type(value) for value, _ in wires}), _kinds(wire for _, wire in wires)
        )

    # ---- records

    def record(self, cls: type, args: tuple[Any, ...], record: Record) -> _Node:
        bindings: Bindings = bind(cls, args)
        key = (cls, tuple(_fingerprint(arg) for arg in args))
        shape = self.records.get(key)
        if shape is None:
            self.names.setdefault(cls.__name__, cls)
            for arg in args:
                self.learn(arg)
            return self.define(cls, record, class_hints(cls, {f.name for f in record.fields}, bindings, self.names), key)
        return _record_node(shape)

    def define(self, cls: type, record: Record, hints: Mapping[str, Any], key: Any = None) -> _Node:
        """Compile a record's fields into a new plan."""
        rename = self.renamer(cls)
        declared = {f.name: f.hint if f.hint is not None else hints.get(f.name, Any) for f in record.fields}
        wires = {f.name: _wire(declared[f.name]) or f.wire or rename(f.name) for f in record.fields}
        for wire in wires.values():
            both = [name for name, other in wires.items() if other == wire]
            if len(both) > 1:
                raise ConfigurationError(f"{cls.__qualname__}: {' and '.join(both)} have the same wire name {wire!r}")
        shape = _Shape(cls, _codec.RecordPlan(cls, cls.__name__), record, declared, wires)
        self.records[key or cls] = shape
        self.inside.append(shape)
        for hint in declared.values():
            self.learn(hint)
        fields = []
        for f in record.fields:
            hint, required = _requirement(declared[f.name])
            try:
                plan = self.node(hint).plan
            except ConfigurationError as error:
                raise ConfigurationError(f"{cls.__qualname__}.{f.name}: {error.message}") from error
            default = f.default
            if record.build == "dict" and required is not None:
                default = REQUIRED if required else _codec.OMIT
            fields.append((f.name, wires[f.name], plan, default, _class_attribute(cls, f.name)))
        self.inside.pop()
        arguments = [f.argument for f in record.fields if f.argument]
        shape.plan.define(
            fields,
            record.build,
            post_init=record.post_init,
            positional=len(fields) - len(arguments),
            keywords=arguments,
        )
        return _record_node(shape)

    def renamer(self, cls: type) -> Callable[[str], str]:
        naming = dto(cls).naming or self.naming
        if naming not in _NAMINGS:
            known = ", ".join(repr(name) for name in _NAMINGS)
            raise ConfigurationError(f"{cls.__qualname__}: unknown naming {naming!r}; known are {known}")
        return _NAMINGS[naming]

    # ---- aliases and unions

    def alias(self, hint: Any) -> _Node:
        """``type X = ...`` (Python 3.12), which may mention itself."""
        alias = get_origin(hint) or hint
        args = get_args(hint)
        key = (alias, tuple(_fingerprint(arg) for arg in args))
        waiting = self.aliases.get(key)
        if waiting is not None:
            return _Node(waiting, (), frozenset(), hashable=True)
        self.aliases[key] = waiting = _codec.DeferredPlan(alias.__name__)
        try:
            value = substitute(alias.__value__, dict(zip(alias.__type_params__, args)))
        except NameError as error:
            raise ConfigurationError(f"type alias {alias.__name__}: {error}") from error
        node = self.node(value)
        if not node.kinds:
            raise ConfigurationError(f"type alias {alias.__name__} is only itself")
        waiting.target = node.plan
        del self.aliases[key]
        return node

    def union(self, hint: Any) -> _Node:
        members = list(dict.fromkeys(_flat(hint)))
        optional = type(None) in members
        hints = [m for m in members if m is not type(None)]
        nodes = [self.node(m) for m in hints]
        for node in nodes:
            if not node.kinds:
                raise ConfigurationError(f"{_name(hint)}: the type alias {_bare(node.plan)} is a member of itself")
        if any(node.plan is ANY for node in nodes):
            return _Node(ANY, (object,), _ALL)
        records = [node for node in nodes if node.record is not None]
        others = [node for node in nodes if node.record is None]
        if len(records) > 1:
            others.append(self.record_union([node.record for node in records if node.record is not None]))
        else:
            others.extend(records)
        merged = self.merge(others, hint)
        if not optional:
            return merged
        return _Node(
            _codec.OptionalPlan(merged.plan),
            (*merged.types, type(None)),
            merged.kinds | {_NONE},
            hashable=merged.hashable,
        )

    def merge(self, nodes: list[_Node], hint: Any) -> _Node:
        """One node for members that differ by their first byte."""
        if len(nodes) == 1:
            return nodes[0]
        if any(_INT in node.kinds and float not in node.types for node in nodes):     # an int goes to int, not to float
            nodes = [
                _Node(node.plan, (float,), frozenset({_FLOAT})) if float in node.types else node for node in nodes
            ]
        for i, one in enumerate(nodes):
            for other in nodes[:i]:
                shared = one.kinds & other.kinds
                if shared:
                    raise ConfigurationError(
                        f"{_name(hint)}: {_bare(other.plan)} and {_bare(one.plan)} cannot be told apart, both are sent "
                        f"as {min(shared)}; put them into records with different fields, or leave one out"
                    )
        nodes.sort(key=lambda node: any(cls.__module__ == "collections.abc" for cls in node.types))     # str is a Sequence
        return _Node(
            _codec.UnionPlan(*((node.types, node.plan, node.kinds) for node in nodes)),
            tuple(cls for node in nodes for cls in node.types),
            frozenset().union(*(node.kinds for node in nodes)),
            hashable=all(node.hashable for node in nodes),
        )

    def record_union(self, shapes: list[_Shape]) -> _Node:
        """One node for several records, told apart by a Literal field they share, or by ``"@type"``."""
        classes = tuple(shape.cls for shape in shapes)
        found = _literal_field(shapes)
        if found is not None:
            attribute, wire, values = found
            plan = _codec.RecordUnionPlan(
                wire, [shape.plan for shape in shapes], values, written=False, attribute=attribute
            )
            return _Node(plan, classes, frozenset({_DICT}), hashable=False)
        tags = [shape.tag for shape in shapes]
        for shape in shapes:
            if tags.count(shape.tag) > 1:
                raise ConfigurationError(
                    f"{' | '.join(cls.__name__ for cls in classes)}: two of them have the tag {shape.tag!r}; "
                    f"give one another by rpcore.wire_name(tag=...)"
                )
            if shape.record.build == "dict" or "@type" in shape.wires.values():
                raise ConfigurationError(
                    f"{' | '.join(cls.__name__ for cls in classes)}: to tell {shape.cls.__name__} from the others, "
                    f"give each of them a field of the same name with another Literal"
                )
        plan = _codec.RecordUnionPlan("@type", [shape.plan for shape in shapes], [[tag] for tag in tags], written=True)
        return _Node(plan, classes, frozenset({_DICT}), hashable=all(cls.__hash__ is not None for cls in classes))


def _record_node(shape: _Shape) -> _Node:
    is_dict = shape.record.build == "dict"
    hashable = not is_dict and shape.cls.__hash__ is not None
    return _Node(shape.plan, (dict if is_dict else shape.cls,), frozenset({_DICT}), hashable=hashable, record=shape)


def _literal_field(shapes: list[_Shape]) -> tuple[str, str, list[list[Any]]] | None:
    """The field that tells records apart: (attribute, wire name, for each record what it may hold), or None."""
    if any(dto(shape.cls).tag for shape in shapes):
        return None
    for name, wire in shapes[0].wires.items():
        values = []
        for shape in shapes:
            hint = _plain(shape.hints.get(name))
            if get_origin(hint) is not Literal or shape.wires[name] != wire:
                break
            values.append([_literal_wire(value) for value in get_args(hint)])
        else:
            seen = [(type(v), v) for group in values for v in group]
            if len(seen) == len(set(seen)):
                return name, wire, values
    return None


_WIRE_SCALARS = (str, int, bool, float, bytes, type(None))


def _kinds(wires: typing.Iterable[Any]) -> frozenset[str]:
    return frozenset(_NONE if wire is None else type(wire).__name__ for wire in wires)


def _literal_wire(value: Any) -> Any:
    return value._value_ if isinstance(value, enum.Enum) else value


def _own_names(cls: type) -> set[str]:
    """What an Enum class and its bases define, without what enum itself does."""
    return {name for base in cls.__mro__ if base.__module__ != "enum" for name in base.__dict__}


def _class_attribute(cls: type, name: str) -> Any:
    for base in cls.__mro__:
        if name in base.__dict__:
            return base.__dict__[name]
    return None


def _is_alias(hint: Any) -> bool:
    return type(hint).__name__ == "TypeAliasType"


def _plain(hint: Any) -> Any:
    """``hint`` without what has no bearing on its encoding: Annotated, NewType, Required and the like."""
    while True:
        origin = get_origin(hint)
        if hasattr(hint, "__metadata__"):
            hint = hint.__origin__
        elif hasattr(hint, "__supertype__"):
            hint = hint.__supertype__
        elif origin is not None and getattr(origin, "_name", None) in _WRAPPERS:
            hint = get_args(hint)[0]
        else:
            return hint


def _requirement(hint: Any) -> tuple[Any, bool | None]:
    """A TypedDict item's hint, and whether it is required; None when only the class says so."""
    required: bool | None = None
    while True:
        wrapper = getattr(get_origin(hint), "_name", None)
        if hasattr(hint, "__metadata__") and getattr(get_origin(hint.__origin__), "_name", None) in _WRAPPERS:
            hint = hint.__origin__
        elif wrapper in _WRAPPERS:
            if wrapper == "Required" or wrapper == "NotRequired":
                required = wrapper == "Required"
            hint = get_args(hint)[0]
        else:
            return hint, required


def _wire(hint: Any) -> str:
    """The wire name that ``Annotated[..., Name("x")]`` gives, or ""."""
    while True:
        for note in reversed(getattr(hint, "__metadata__", ())):
            if isinstance(note, Name):
                return note.wire
        if hasattr(hint, "__metadata__"):
            hint = hint.__origin__
        elif getattr(get_origin(hint), "_name", None) in _WRAPPERS:
            hint = get_args(hint)[0]
        else:
            return ""


def _unbound(variable: Any) -> Any:
    """What a type variable that nobody bound stands for: its default, bound or constraints, else Any."""
    default = getattr(variable, "__default__", None)
    if default is not None and getattr(variable, "has_default", lambda: True)():
        return default
    if variable.__bound__ is not None:
        return variable.__bound__
    if variable.__constraints__:
        return typing.Union[variable.__constraints__]
    return Any


def _flat(hint: Any) -> Iterator[Any]:
    """The members of a union, those of unions inside it included."""
    hint = _plain(hint)
    if _is_alias(hint):
        value = _plain(hint.__value__)
        if get_origin(value) in (typing.Union, types.UnionType):
            hint = value
    if isinstance(hint, TypeVar):
        hint = _unbound(hint)
    if get_origin(hint) in (typing.Union, types.UnionType):
        for arg in get_args(hint):
            yield from _flat(arg)
    else:
        yield hint


def _parts(hint: Any) -> Iterator[Any]:
    for arg in get_args(hint):
        if isinstance(arg, list):
            continue
        yield arg
        yield from _parts(arg)
    origin = get_origin(hint)
    if origin is not None:
        yield origin


def _fingerprint(hint: Any) -> Any:
    """A hashable stand-in for a hint; equal hints may differ in what Annotated holds, which ``==`` sees."""
    try:
        hash(hint)
    except TypeError:
        return id(hint)
    return hint


def _name(hint: Any) -> str:
    return hint.__qualname__ if isinstance(hint, type) and not get_args(hint) else repr(hint)


def _bare(plan: Plan) -> str:
    return repr(plan).removeprefix("<Plan ").removesuffix(">")


__all__ = [
    "camel",
    "compile_args",
    "compile_exception",
    "compile_type",
    "register_adapter",
    "wire_name",
]
