"""What a record class declares: its fields, and how an instance is made. The one adapter point for model libraries.

An adapter looks at a class and answers with a ``Record``, or None when the class is not its kind. dataclasses,
NamedTuple, TypedDict, msgspec.Struct, attrs and pydantic are adapters too, in ``BUILT_IN``; ``register_adapter``
puts one before them. Nothing here knows msgpack: plan.py turns a Record into a plan.
"""

from __future__ import annotations

import dataclasses
import inspect
import threading
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from rpcore._codec import OMIT, REQUIRED, Factory
from rpcore.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a record.

    Attributes:
        name: the attribute (TypedDict: the key) that holds it.
        default: a value, ``Factory(make)``, ``REQUIRED``, or ``OMIT``: left to the constructor (in a TypedDict: left
            out).
        argument: the constructor's keyword for it; ``""``: passed by position. Only with ``build="call"``.
        wire: its wire name; ``""``: ``name`` under the naming that is in force.
        hint: its type; ``None`` (the default) takes the class's annotation.
    """

    name: str
    default: Any = REQUIRED
    argument: str = ""
    wire: str = ""
    hint: Any = None


@dataclass(frozen=True, slots=True)
class Record:
    """A record class.

    Attributes:
        fields: in the order they are sent; with ``build="call"`` those passed by position come first.
        build: ``"new"`` (``cls.__new__``, then the fields are set without ``__setattr__``), ``"call"`` (the class is
            called), ``"dict"`` (TypedDict) or ``"tuple"`` (NamedTuple).
        post_init: name of a method to call afterwards, with ``build="new"``.
        tag: the class's own wish for its tag in unions of records.
    """

    fields: tuple[Field, ...]
    build: Literal["new", "call", "dict", "tuple"]
    post_init: str | None = None
    tag: str | None = None


Adapter: TypeAlias = Callable[[type], Record | None]

_registered: tuple[Adapter, ...] = ()  # replaced whole, under the lock; read without it
_lock = threading.Lock()


def register_adapter(adapter: Adapter) -> None:
    """Teach rpcore another kind of model class.

    Args:
        adapter: called with a class when a hint names it; returns its ``Record``, or None when it is not its kind.
            The adapter registered last is asked first, and all of them before the built-in ones. Plans that exist
            already do not change.
    """
    global _registered
    with _lock:
        _registered = (adapter, *_registered)


def describe(cls: type) -> Record | None:
    """The record that ``cls`` declares, or None when it is none.

    Raises:
        ConfigurationError: it is one that cannot be made from its fields.
    """
    for adapter in (*_registered, *BUILT_IN):
        record = adapter(cls)
        if record is not None:
            return record
    return None


# ---- dataclasses


def from_dataclass(cls: type) -> Record | None:
    """A dataclass. Fields with ``init=False`` do not travel: they get what the constructor gives them."""
    if not dataclasses.is_dataclass(cls):
        return None
    fields = [f for f in dataclasses.fields(cls) if f.init]
    if _made_by_setting(cls):
        post_init = "__post_init__" if hasattr(cls, "__post_init__") else None
        return Record(tuple(Field(f.name, _default(f)) for f in fields), "new", post_init)
    parameters = _parameters(cls, [f.name for f in fields])
    if _has_generated_init(cls):
        by_position = tuple(Field(f.name, _default(f)) for f in fields if not f.kw_only)
        by_keyword = tuple(Field(f.name, _default(f), f.name) for f in fields if f.kw_only)
        return Record(by_position + by_keyword, "call")
    return Record(tuple(Field(f.name, _default(f, parameters.get(f.name)), f.name) for f in fields), "call")


def _default(f: dataclasses.Field[Any], parameter: inspect.Parameter | None = None) -> Any:
    if parameter is not None and parameter.default is not parameter.empty:
        return OMIT  # an __init__ of the class's own knows better
    if f.default is not dataclasses.MISSING:
        return f.default
    if f.default_factory is not dataclasses.MISSING:
        return Factory(f.default_factory)
    return REQUIRED


def _has_generated_init(cls: type) -> bool:
    """Whether ``cls(...)`` runs the ``__init__`` that @dataclass wrote for exactly this class's fields."""
    owner = _inherited(cls, "__init__")
    if not dataclasses.is_dataclass(owner) or dataclasses.fields(owner) != dataclasses.fields(cls):
        return False
    code = getattr(owner.__dict__["__init__"], "__code__", None)
    # @dataclass keeps an __init__ that the class body has; its own are made inside a function of this name.
    return code is not None and code.co_qualname.startswith("__create_fn__.")


def _made_by_setting(cls: type) -> bool:
    """Whether setting every field on a bare instance, then ``__post_init__()``, is all that ``cls(...)`` does."""
    if not _has_generated_init(cls) or _inherited(cls, "__new__") is not object or inspect.isabstract(cls):
        return False
    if _inherited(type(cls), "__call__") is not type:
        return False
    frozen: bool = cls.__dataclass_params__.frozen  # type: ignore[attr-defined]
    if not frozen and _inherited(cls, "__setattr__") is not object:
        return False
    fields = dataclasses.fields(cls)
    if any(not f.init and _default(f) is not REQUIRED for f in fields):
        return False
    return inspect.signature(cls).parameters.keys() == {f.name for f in fields if f.init}  # no InitVar


def _inherited(cls: type, name: str) -> type:
    """The class that gives ``cls`` an attribute."""
    return next(base for base in cls.__mro__ if name in base.__dict__)


def _parameters(cls: type, fields: list[str]) -> Mapping[str, inspect.Parameter]:
    """The constructor's parameters, after making sure that the fields, by keyword, are all it needs."""
    parameters = inspect.signature(cls).parameters
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    for p in parameters.values():
        if p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL):
            continue
        if p.name in fields and p.kind is not p.POSITIONAL_ONLY:
            continue
        if p.default is p.empty:
            raise ConfigurationError(
                f"{cls.__qualname__}: its constructor needs {p.name!r}, which is no field and so cannot be sent"
            )
    for name in fields:
        if name not in parameters and not open_ended:
            raise ConfigurationError(f"{cls.__qualname__}: its constructor does not take the field {name!r}")
    return parameters


# ---- the standard library's other records


def from_named_tuple(cls: type) -> Record | None:
    """A NamedTuple, or a ``collections.namedtuple`` with fields of type Any."""
    names = getattr(cls, "_fields", None)
    if not issubclass(cls, tuple) or not isinstance(names, tuple):
        return None
    defaults: Mapping[str, Any] = getattr(cls, "_field_defaults", {})
    hints: Mapping[str, Any] = inspect.get_annotations(cls)
    fields = tuple(Field(n, defaults.get(n, REQUIRED), hint=None if n in hints else Any) for n in names)
    return Record(fields, "tuple")


def from_typed_dict(cls: type) -> Record | None:
    """A TypedDict; keys that are not required may be missing on both sides. Keys it does not name are not sent."""
    required = getattr(cls, "__required_keys__", None)
    if not issubclass(cls, dict) or required is None:
        return None
    return Record(tuple(Field(n, REQUIRED if n in required else OMIT) for n in inspect.get_annotations(cls)), "dict")


# ---- model libraries: made by calling the class, so that their own validation and defaults hold


def from_msgspec(cls: type) -> Record | None:
    """A ``msgspec.Struct``; its ``rename`` and a str ``tag`` hold here too."""
    if not hasattr(cls, "__struct_fields__"):
        return None
    import msgspec

    fields = tuple(
        Field(
            f.name,
            REQUIRED if f.required else OMIT,
            f.name,
            "" if f.encode_name == f.name else f.encode_name,
        )
        for f in msgspec.structs.fields(cls)
    )
    tag = cls.__struct_config__.tag  # type: ignore[attr-defined]
    return Record(fields, "call", tag=tag if isinstance(tag, str) else None)


def from_attrs(cls: type) -> Record | None:
    """An attrs class."""
    attributes = getattr(cls, "__attrs_attrs__", None)
    if attributes is None:
        return None
    import attrs

    fields = tuple(
        Field(
            a.name,
            REQUIRED if a.default is attrs.NOTHING else OMIT,
            a.alias or a.name,
            hint=None if a.type else Any,
        )
        for a in attributes
        if a.init
    )
    return Record(fields, "call")


def from_pydantic(cls: type) -> Record | None:
    """A pydantic (version 2) model; a field's alias is its wire name."""
    fields = cls.__dict__.get("__pydantic_fields__")
    if fields is None or dataclasses.is_dataclass(cls):
        return None
    by_name = bool(getattr(cls, "model_config", {}).get("populate_by_name"))
    return Record(
        tuple(
            Field(
                name,
                REQUIRED if f.is_required() else OMIT,
                name if by_name or not f.alias else f.alias,
                f.alias or "",
            )
            for name, f in fields.items()
        ),
        "call",
    )


BUILT_IN: tuple[Adapter, ...] = (
    from_dataclass,
    from_named_tuple,
    from_typed_dict,
    from_msgspec,
    from_attrs,
    from_pydantic,
)


# ---- exceptions


def describe_exception(cls: type[BaseException]) -> Record | None:
    """The fields of a declared exception, or None when only its ``args`` can travel.

    A dataclass has its fields. Otherwise the parameters of its own ``__init__`` are fields, which it is expected to
    keep as attributes of the same name.
    """
    if dataclasses.is_dataclass(cls):
        return from_dataclass(cls)
    init = cls.__init__
    if not isinstance(init, types.FunctionType):
        return None
    parameters = list(inspect.signature(init).parameters.values())[1:]
    if not parameters or any(p.kind not in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) for p in parameters):
        return None
    hinted = inspect.get_annotations(init)
    fields = tuple(
        Field(
            p.name,
            REQUIRED if p.default is p.empty else OMIT,
            p.name,
            hint=None if p.name in hinted else Any,
        )
        for p in parameters
    )
    return Record(fields, "call")
