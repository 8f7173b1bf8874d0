"""What must be defined for a hint to mean the same elsewhere: its classes, and theirs, described as data.

``Reach`` follows hints from an interface to every class of the user's that they can lead to. It describes
each as a ``Definition``; ``rpcore.stubgen.render`` writes them. Only what travels is described: fields,
members, defaults, wire names. Methods and validation stay with the provider.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
import sys
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, TypeVar, get_args, get_origin

from rpcore._codec import OMIT, REQUIRED, Factory
from rpcore.class_hints import class_hints, function_hints, substitute
from rpcore.errors import ConfigurationError
from rpcore.records import describe, describe_exception
from rpcore.types import Name

Kind: TypeAlias = Literal["dataclass", "enum", "NamedTuple", "TypedDict", "exception"]


@dataclass(slots=True)
class FieldDefinition:
    """One field: ``default`` is a value, ``Factory(make)`` or ``REQUIRED``."""

    name: str
    hint: Any
    default: Any = REQUIRED
    settings: dict[str, Any] = field(default_factory=dict)
    """Arguments of ``dataclasses.field`` that differ from what it does by itself."""


@dataclass(slots=True)
class Definition:
    """One class of the user's, as the generated module will have it."""

    cls: type
    kind: Kind
    bases: tuple[Any, ...] = ()
    fields: tuple[FieldDefinition, ...] = ()
    members: Mapping[str, enum.Enum] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    """Arguments of ``@dataclass``."""
    tag: str | None = None
    """The tag in unions that the class has by itself."""
    told: tuple[str, ...] | None = None
    """Fields of an exception that its base is told, and ``str()`` shows; None for all."""
    doc: str = ""


class Reach:
    """Everything that must be defined, found by following hints.

    Attributes:
        definitions: classes, by class.
        names: every field and member name met, which imports must not hide.
    """

    def __init__(self) -> None:
        self.definitions: dict[type, Definition] = {}
        self.names: set[str] = set()
        self._others: list[Any] = []
        self._known: dict[str, Any] = {}
        self._open: set[int] = set()

    def follow(self, hint: Any) -> None:
        """Add what ``hint`` leads to."""
        if is_recursive_alias(hint) or isinstance(hint, TypeVar | typing.NewType):
            self._other(hint)
        elif is_alias(hint):
            self.follow(opened(hint))
        elif get_origin(hint) is typing.Annotated:
            self.follow(hint.__origin__)
        elif isinstance(hint, type) and not get_args(hint):
            self.define(hint)
        else:
            if get_origin(hint) is Literal:
                parts: Iterable[Any] = (type(value) for value in get_args(hint))
            else:
                parts = (get_origin(hint), *get_args(hint))
            for part in parts:
                if part is not None and part is not ...:
                    self.follow(part)

    def _other(self, hint: Any) -> None:
        if any(hint is other for other in self._others) or id(hint) in self._open:
            return
        self._open.add(id(hint))
        if isinstance(hint, typing.NewType):
            self.follow(hint.__supertype__)
        elif isinstance(hint, TypeVar):
            for bound in (hint.__bound__, *hint.__constraints__):
                if bound is not None:
                    self.follow(bound)
        else:
            self.follow(hint.__value__)
        self._others.append(hint)

    def follow_value(self, value: Any) -> None:
        """Add the classes that a default is made of."""
        for cls in classes_in_value(value):
            self.define(cls)

    def define(self, cls: type) -> None:
        """Add a class, its bases, and what its fields lead to. Library classes need no definition."""
        if is_library(cls) or cls in self.definitions:
            return
        self._known.setdefault(cls.__name__, cls)
        definition = self.definitions[cls] = self._described(cls)
        for hint in definition.bases:
            self.follow(hint)
        self.names |= definition.members.keys()
        for each in definition.fields:
            self.names.add(each.name)
            self.follow(each.hint)
            self.follow_value(each.default)
        # Postorder: what a class is made of stands above it, as far as that is possible.
        self.definitions[cls] = self.definitions.pop(cls)

    def ordered(self) -> Iterator[Any]:
        """Classes, NewTypes, type variables and recursive aliases, each after what it needs when it runs.

        Hints are not evaluated by then, so only bases, defaults and the like count.
        """
        done: set[int] = set()

        def visit(subject: Any) -> Iterator[Any]:
            if id(subject) in done:
                return
            done.add(id(subject))
            for needed in self._needed(subject):
                if needed in self.definitions or any(needed is other for other in self._others):
                    yield from visit(needed)
            yield subject

        for subject in (*self._others, *self.definitions):
            yield from visit(subject)

    def _needed(self, subject: Any) -> Iterator[Any]:
        if isinstance(subject, typing.NewType):
            yield from _mentioned(subject.__supertype__)
        elif isinstance(subject, TypeVar):
            for bound in (subject.__bound__, *subject.__constraints__):
                yield from _mentioned(bound)
        elif isinstance(subject, type):
            definition = self.definitions[subject]
            for base in definition.bases:
                yield from _mentioned(base)
            for each in definition.fields:
                yield from classes_in_value(each.default)

    # ---- one class

    def _described(self, cls: type) -> Definition:
        if issubclass(cls, enum.Enum):
            definition = Definition(cls, "enum", _enum_bases(cls), members=dict(cls.__members__))
        elif issubclass(cls, BaseException):
            definition = self._exception(cls)
        elif dataclasses.is_dataclass(cls):
            definition = self._dataclass(cls)
        else:
            definition = self._record(cls)
        definition.doc = _own_doc(cls)
        return definition

    def _dataclass(self, cls: type, root: type | None = None) -> Definition:
        own = inspect.get_annotations(cls)
        fields = [f for f in dataclasses.fields(cls) if f.name in own and (f.init or _has_default(f))]
        hints = class_hints(cls, [f.name for f in fields], {}, self._known)
        # A class-wide kw_only holds for all of its fields; single ones say so themselves.
        kw_only = bool(fields) and all(f.kw_only for f in fields if f.init)
        settings: dict[str, Any] = {"kw_only": True} if kw_only and any(f.init for f in fields) else {}
        made_as = vars(cls)["__dataclass_params__"]
        for name, usual in (("eq", True), ("order", False), ("unsafe_hash", False), ("frozen", False)):
            if getattr(made_as, name) is not usual:
                settings[name] = not usual
        if "__slots__" in vars(cls):
            settings["slots"] = True
        bases = tuple(
            base
            for base in vars(cls).get("__orig_bases__", cls.__bases__)
            if dataclasses.is_dataclass(get_origin(base) or base)
            or get_origin(base) is typing.Generic
            or (root is not None and isinstance(base, type) and issubclass(base, root))
        )
        return Definition(
            cls,
            "dataclass",
            bases,
            tuple(FieldDefinition(f.name, hints[f.name], _default(f), _field_settings(f, kw_only)) for f in fields),
            settings=settings,
        )

    def _exception(self, cls: type[BaseException]) -> Definition:
        if dataclasses.is_dataclass(cls):
            return self._dataclass(cls, root=BaseException)
        bases = tuple(base for base in cls.__bases__ if issubclass(base, BaseException))
        record = describe_exception(cls) if "__init__" in vars(cls) else None
        if record is None:
            return Definition(cls, "exception", bases)
        init = vars(cls)["__init__"]
        hints = function_hints(init, cls, self._known)
        defaults = {p.name: p.default for p in inspect.signature(init).parameters.values()}
        return Definition(
            cls,
            "exception",
            bases,
            tuple(
                FieldDefinition(
                    f.name,
                    hints.get(f.name, Any),
                    REQUIRED if defaults[f.name] is inspect.Parameter.empty else defaults[f.name],
                )
                for f in record.fields
            ),
        )

    def _record(self, cls: type) -> Definition:
        record = describe(cls)
        if record is None:
            raise ConfigurationError(f"{cls.__qualname__}: a client module cannot define classes of this kind")
        hints = class_hints(cls, [f.name for f in record.fields], {}, self._known)
        fields = tuple(FieldDefinition(f.name, f.hint or hints.get(f.name, Any), f.default) for f in record.fields)
        if record.build == "tuple":
            return Definition(cls, "NamedTuple", (), fields)
        if record.build == "dict":
            items = tuple(_item(cls, f) for f in fields)
            if all(get_origin(item.hint) is typing.NotRequired for item in items):
                items = tuple(FieldDefinition(item.name, get_args(item.hint)[0]) for item in items)
                return Definition(cls, "TypedDict", (), items, settings={"total": False})
            return Definition(cls, "TypedDict", (), items)
        # A class of a model library: the same fields travel when a dataclass stands for it.
        for described, each in zip(record.fields, fields, strict=True):
            if each.default is OMIT:
                each.default = _model_default(cls, each.name)
            if described.wire:
                each.hint = typing.Annotated[each.hint, Name(described.wire)]
        return Definition(cls, "dataclass", (), fields, settings={"kw_only": True}, tag=record.tag)


def is_library(cls: type) -> bool:
    """Whether every Python has this class, or every rpcore."""
    root = cls.__module__.partition(".")[0]
    return root == "rpcore" or (root in sys.stdlib_module_names and root != "__main__")


def is_alias(hint: Any) -> bool:
    """Whether ``hint`` was made by a ``type`` statement (Python 3.12), with or without arguments."""
    return type(hint).__name__ == "TypeAliasType" or type(get_origin(hint)).__name__ == "TypeAliasType"


def is_recursive_alias(hint: Any) -> bool:
    """Whether ``hint`` is such an alias and mentions itself, so that it cannot be written out."""
    return type(hint).__name__ == "TypeAliasType" and any(part is hint for part in _mentioned(hint.__value__))


def opened(alias: Any) -> Any:
    """What an alias stands for, with its arguments filled in."""
    origin = get_origin(alias)
    if origin is None:
        return alias.__value__
    if is_recursive_alias(origin):
        raise ConfigurationError(f"{alias}: a generic alias that mentions itself cannot be written as source")
    return substitute(origin.__value__, dict(zip(origin.__type_params__, get_args(alias), strict=True)))


def _own_doc(cls: type) -> str:
    """The docstring that the author wrote: not an inherited one, nor what dataclass or NamedTuple made up."""
    doc = vars(cls).get("__doc__") or ""
    generated = doc.startswith(f"{cls.__name__}(") or doc in ("An enumeration.", enum.Enum.__doc__)
    return "" if generated else inspect.cleandoc(doc)


def _enum_bases(cls: type) -> tuple[type, ...]:
    """The library classes that make the enum what it is: ``(str, Enum)``, ``(IntFlag,)``."""
    found: list[type] = []
    for base in cls.__mro__[1:]:
        if is_library(base) and not any(issubclass(other, base) for other in found):
            found.append(base)
    return tuple(found)


def _has_default(f: dataclasses.Field[Any]) -> bool:
    return f.default is not dataclasses.MISSING or f.default_factory is not dataclasses.MISSING


def _default(f: dataclasses.Field[Any]) -> Any:
    if f.default_factory is not dataclasses.MISSING:
        return Factory(f.default_factory)
    return REQUIRED if f.default is dataclasses.MISSING else f.default


def _field_settings(f: dataclasses.Field[Any], kw_only: bool) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for name in ("init", "repr", "compare"):
        if not getattr(f, name):
            settings[name] = False
    if f.init and f.kw_only and not kw_only:
        settings["kw_only"] = True
    return settings


def _item(cls: Any, item: FieldDefinition) -> FieldDefinition:
    """A TypedDict's item, with what only the class says about it written into its hint."""
    said = get_origin(item.hint) in (typing.Required, typing.NotRequired)
    if not said and item.name in cls.__optional_keys__:
        item.hint = typing.NotRequired[item.hint]
    return FieldDefinition(item.name, item.hint)


def _model_default(cls: Any, name: str) -> Any:
    """The default of a field in a class of a model library.

    Raises:
        ConfigurationError: only the class's own code knows it.
    """
    make: Any = None
    default: Any = OMIT
    if hasattr(cls, "__attrs_attrs__"):
        default = getattr(cls.__attrs_attrs__, name).default
        if hasattr(default, "factory") and not default.takes_self:
            make = default.factory
    elif hasattr(cls, "__struct_fields__"):
        import msgspec

        described = next(f for f in msgspec.structs.fields(cls) if f.name == name)
        default = described.default
        make = None if described.default_factory is msgspec.NODEFAULT else described.default_factory
    elif hasattr(cls, "__pydantic_fields__"):
        default, make = cls.__pydantic_fields__[name].default, cls.__pydantic_fields__[name].default_factory
    if make is not None:
        return Factory(make)
    if default is not OMIT and (is_library(type(default)) or isinstance(default, enum.Enum)):
        return default
    raise ConfigurationError(
        f"{cls.__qualname__}.{name}: a client module cannot repeat its default;"
        " share the module of this class, or declare it as a dataclass"
    )


def _mentioned(hint: Any, seen: tuple[int, ...] = ()) -> Iterator[Any]:
    """``hint`` and every hint in it, aliases opened once."""
    if id(hint) in seen:
        return
    yield hint
    inside = (hint.__value__,) if type(hint).__name__ == "TypeAliasType" else ()
    for part in (get_origin(hint), *get_args(hint), *inside):
        if part is not None and part is not ...:
            yield from _mentioned(part, (*seen, id(hint)))


def classes_in_value(value: Any) -> Iterator[type]:
    """The classes that must exist to write a default down."""
    if isinstance(value, Factory):
        value = value.make if isinstance(value.make, type) else produced(value)
    if isinstance(value, type):
        yield value
        return
    if isinstance(value, enum.Enum) or hasattr(value, "_asdict"):
        yield type(value)
    elif dataclasses.is_dataclass(value):
        yield type(value)
        value = [getattr(value, f.name) for f in dataclasses.fields(value)]
    elif isinstance(value, dict):
        value = (*value.keys(), *value.values())
    if isinstance(value, list | tuple | set | frozenset):
        for each in value:
            yield from classes_in_value(each)


def produced(factory: Factory) -> Any:
    """What a factory makes, or None when that changes from call to call."""
    first, second = factory.make(), factory.make()
    return first if first == second else None
