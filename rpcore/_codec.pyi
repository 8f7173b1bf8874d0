"""The Python face of the codec; see _codec.pyx. What is C only (encode, decode, the readers) is in _codec.pxd."""

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Literal, Never, final

from typing_extensions import Buffer, disjoint_base

REQUIRED: Final[Any]
OMIT: Final[Any]
KINDS: Final[tuple[str, ...]]
ANY: Final[Plan]
__pyx_capi__: dict[str, Any]
__test__: dict[str, Any]

@final
class Limits:
    @property
    def payload(self) -> int: ...
    @property
    def depth(self) -> int: ...
    @property
    def count(self) -> int: ...
    @property
    def memory(self) -> int: ...
    # All keyword-only; at run time a C constructor shows as (*args, **kwargs), and stubtest wants to see it.
    def __init__(
        self, *args: Never, payload: int = ..., depth: int = ..., count: int = ..., memory: int = ...
    ) -> None: ...

@final
class Writer:
    def __init__(self) -> None: ...
    def __len__(self) -> int: ...
    if sys.version_info >= (3, 12):
        def __buffer__(self, flags: int, /) -> memoryview: ...
    def reserve(self, capacity: int) -> None: ...
    def clear(self) -> None: ...
    def chunks(self) -> list[bytes]: ...
    def getvalue(self) -> bytes: ...

@final
class Reader:
    def __init__(self, data: Buffer = ..., limits: Limits | None = ...) -> None: ...

@final
class Scanner:
    @property
    def want(self) -> int: ...
    def __init__(self) -> None: ...
    def scan(self, data: Buffer) -> int: ...

@disjoint_base
class Plan:
    def dumps(self, value: Any) -> bytes: ...
    def loads(self, data: Buffer, limits: Limits | None = ..., *, large: list[bytes] | None = ...) -> Any: ...

@final
class ArgsPlan:
    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def plans(self) -> tuple[Plan, ...]: ...
    @property
    def defaults(self) -> tuple[Any, ...]: ...
    def __init__(self, names: Iterable[str], plans: Iterable[Plan], defaults: Iterable[Any]) -> None: ...
    def dumps(self, args: tuple[Any, ...]) -> bytes: ...
    def loads(self, data: Buffer, limits: Limits | None = ...) -> tuple[Any, ...]: ...

@final
class ExceptionPlan(Plan):
    @property
    def wire_name(self) -> str: ...
    @property
    def cls(self) -> type[BaseException]: ...
    def __init__(
        self,
        cls: type[BaseException],
        wire_name: str,
        fields: Plan | None,
        build: Callable[[type[BaseException], list[Any]], BaseException],
    ) -> None: ...

@final
class Factory:
    @property
    def make(self) -> Callable[[], Any]: ...
    def __init__(self, make: Callable[[], Any]) -> None: ...

@final
class NonePlan(Plan): ...

@final
class BoolPlan(Plan): ...

@final
class IntPlan(Plan): ...

@final
class FloatPlan(Plan): ...

@final
class StrPlan(Plan): ...

@final
class BytesPlan(Plan): ...

@final
class BytearrayPlan(Plan): ...

@final
class MemoryviewPlan(Plan): ...

@final
class AnyPlan(Plan): ...

@final
class TextPlan(Plan):
    def __init__(
        self,
        cls: type,
        format: Callable[[Any], str],
        parse: Callable[[str], Any],
        but_not: type | None = ...,
    ) -> None: ...

@final
class UuidPlan(Plan):
    def __init__(self, cls: type) -> None: ...

@final
class DatetimePlan(Plan): ...

@final
class ListPlan(Plan):
    def __init__(self, item: Plan, cls: type, name: str) -> None: ...

@final
class VariadicTuplePlan(Plan):
    def __init__(self, item: Plan) -> None: ...

@final
class TuplePlan(Plan):
    def __init__(self, *items: Plan) -> None: ...

@final
class SetPlan(Plan):
    def __init__(self, item: Plan, cls: type, make: type, name: str) -> None: ...

@final
class DictPlan(Plan):
    def __init__(self, key: Plan, value: Plan, cls: type, name: str) -> None: ...

@final
class EnumPlan(Plan):
    def __init__(
        self, cls: type, base: Plan, by_wire: Sequence[tuple[Any, Any]], *, by_name: bool, open: bool
    ) -> None: ...

@final
class LiteralPlan(Plan):
    def __init__(self, *wires: tuple[Any, Any]) -> None: ...

@final
class RecordPlan(Plan):
    def __init__(self, cls: type, name: str) -> None: ...
    def define(
        self,
        fields: Sequence[tuple[str, str, Plan, Any, Any]],
        build: Literal["new", "call", "dict", "tuple"],
        *,
        post_init: str | None = ...,
        positional: int = ...,
        keywords: Iterable[str] = ...,
    ) -> None: ...

@final
class OptionalPlan(Plan):
    def __init__(self, item: Plan) -> None: ...

@final
class UnionPlan(Plan):
    def __init__(self, *members: tuple[Iterable[type], Plan, frozenset[str]]) -> None: ...

@final
class RecordUnionPlan(Plan):
    def __init__(
        self,
        key: str,
        records: Iterable[RecordPlan],
        tags: Iterable[Sequence[Any]],
        *,
        written: bool,
        attribute: str = ...,
    ) -> None: ...

@final
class DeferredPlan(Plan):
    target: Plan
    def __init__(self, name: str) -> None: ...

@final
class RootPlan(Plan):
    def __init__(self, root: str, item: Plan) -> None: ...

def format_duration(value: Any) -> str: ...
def parse_duration(timedelta: Any, text: str) -> Any: ...
