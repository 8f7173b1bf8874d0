"""Records: schema evolution, construction, unions told apart by a tag, model libraries."""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from typing import Annotated, Any, Generic, NamedTuple, Self, TypeVar

import attrs
import msgpack
import msgspec
import pydantic
import pytest

import rpcore
from codec_samples import (
    Cat,
    CatDict,
    Child,
    Circle,
    Derived,
    Dog,
    DogDict,
    Frozen,
    FrozenSlots,
    KwOnly,
    Movie,
    OwnInit,
    OwnSetattr,
    Page,
    Plain,
    Point,
    Slots,
    SlotsChild,
    Square,
)
from rpcore._codec import OMIT
from rpcore.errors import ConfigurationError, DecodeError, EncodeError
from rpcore.plan import compile_type, register_adapter
from rpcore.records import Field, Record

T = TypeVar("T")
unpack = msgpack.unpackb
pack = msgpack.packb


@pytest.mark.parametrize("cls", [Plain, Frozen, Slots, FrozenSlots])
def test_evolution(cls: Any) -> None:
    plan = compile_type(cls)
    assert plan.loads(pack({"id": 1})) == cls(1)
    assert plan.loads(pack({"new": {"deep": [1, 2]}, "id": 1, "newer": None})) == cls(1)
    assert plan.loads(pack({"name": "x", "id": 1})) == cls(1, "x")
    assert plan.loads(pack({5: "no name", "id": 1, None: 2})) == cls(1)
    assert plan.loads(b"\x83\xa2id\x01\xa2id\x02\xa4name\xa1x") == cls(2, "x")
    with pytest.raises(DecodeError, match=r"result\.id: field 'id' is missing and has no default"):
        plan.loads(pack({"name": "x"}))


def test_a_default_factory_makes_a_new_value_each_time() -> None:
    plan = compile_type(Plain)
    one, two = plan.loads(pack({"id": 1})), plan.loads(pack({"id": 1}))
    assert one.tags == [] and one.tags is not two.tags


def test_construction() -> None:
    assert compile_type(KwOnly).loads(pack({"name": "x", "id": 1})) == KwOnly(1, name="x")
    assert compile_type(Derived).loads(pack({"text": "four"})).length == 4
    assert compile_type(OwnInit).loads(pack({"id": 1})).name == "FROM INIT"
    assert compile_type(OwnSetattr).loads(pack({"id": 1})).id == 2
    made = compile_type(Plain).loads(pack({"id": 1}))
    assert vars(made) == {"id": 1, "name": "anonymous", "tags": []}


def test_a_generated_init_is_not_run() -> None:
    calls = []

    @dataclass
    class Counted:
        x: int

    original = Counted.__init__
    plan = compile_type(Counted)
    Counted.__init__ = lambda self, x: calls.append(x) or original(self, x)  # type: ignore[method-assign, func-returns-value]
    assert plan.loads(pack({"x": 1})) == Counted(1)
    assert calls == [1]  # by the line above only


def test_other_ways_of_making_instances_are_respected() -> None:
    made = []

    class Meta(type):
        def __call__(cls, *args: Any, **kwargs: Any) -> Any:
            made.append("meta")
            return super().__call__(*args, **kwargs)

    @dataclass
    class WithMeta(metaclass=Meta):
        x: int

    @dataclass
    class WithNew:
        x: int

        def __new__(cls, *args: Any, **kwargs: Any) -> Self:
            made.append("new")
            return super().__new__(cls)

    @dataclass
    class WithInitVar:
        x: int
        scale: InitVar[int] = 2

        def __post_init__(self, scale: int) -> None:
            self.x *= scale

    assert compile_type(WithMeta).loads(pack({"x": 1})).x == 1
    assert compile_type(WithNew).loads(pack({"x": 1})).x == 1
    assert compile_type(WithInitVar).loads(pack({"x": 1})).x == 2
    assert made == ["meta", "new"]


def test_a_subclass_instance_is_encoded_as_the_declared_class() -> None:
    assert unpack(compile_type(Plain).dumps(Child(1, extra=5.0))) == {"id": 1, "name": "anonymous", "tags": []}
    assert unpack(compile_type(Slots).dumps(SlotsChild(1))) == {"id": 1, "name": "anonymous", "tags": []}
    assert unpack(compile_type(Circle | Square).dumps(type("Wheel", (Circle,), {})(2.0)))["@type"] == "Circle"


def test_a_subclass_may_replace_a_slot_by_a_property() -> None:
    class Shout(Slots):
        @property
        def name(self) -> str:  # type: ignore[override]
            return "LOUD"

        @name.setter
        def name(self, value: str) -> None:
            pass

    assert unpack(compile_type(Slots).dumps(Shout(1)))["name"] == "LOUD"


def test_mixed_slots_and_dict() -> None:
    class Base:
        __slots__ = ("a",)

    @dataclass
    class Both(Base):
        a: int
        b: int = 2

    plan = compile_type(Both)
    assert plan.loads(plan.dumps(Both(1))) == Both(1)
    assert vars(plan.loads(pack({"a": 1}))) == {"b": 2}


def test_a_property_among_the_fields_is_used() -> None:
    @dataclass
    class Bounded:
        x: int

    def get(self: Any) -> int:
        return self._x  # type: ignore[no-any-return]

    def set_(self: Any, value: int) -> None:
        self._x = min(value, 10)

    Bounded.x = property(get, set_)  # type: ignore[assignment]
    plan = compile_type(Bounded)
    assert plan.loads(pack({"x": 50})).x == 10
    assert unpack(plan.dumps(Bounded(3))) == {"x": 3}


def test_tagged_unions() -> None:
    plan = compile_type(list[Circle | Square])
    data = plan.dumps([Square(1.0), Circle(2.0)])
    assert data.startswith(b"\x92\x82\xa5@type\xa6Square\xa4side")
    assert plan.loads(data) == [Square(1.0), Circle(2.0)]
    assert plan.loads(pack([{"radius": 1.5, "new": [1], "@type": "Circle"}])) == [Circle(1.5)]

    @rpcore.wire_name("org.demo.Up")
    @dataclass
    class Up:
        x: int

    @rpcore.wire_name(tag="down")
    @dataclass
    class Down:
        x: int

    both = compile_type(Up | Down)
    assert unpack(both.dumps(Up(1))) == {"@type": "org.demo.Up", "x": 1}
    assert unpack(both.dumps(Down(1))) == {"@type": "down", "x": 1}
    assert both.loads(pack({"@type": "down", "x": 1})) == Down(1)
    assert unpack(compile_type(Up).dumps(Up(1))) == {"x": 1}
    assert compile_type(Up).loads(pack({"@type": "whatever", "x": 1})) == Up(1)


def test_unions_told_apart_by_a_literal() -> None:
    plan = compile_type(Cat | Dog)
    assert plan.loads(pack({"name": "rex", "kind": "puppy"})) == Dog("rex", "puppy")
    dicts = compile_type(CatDict | DogDict)
    assert dicts.loads(pack({"kind": "cat", "lives": 1})) == {"kind": "cat", "lives": 1}
    for wrong in ({"kind": "cow"}, {"kind": []}, {}, 5):
        with pytest.raises(EncodeError, match=r"expected CatDict \| DogDict"):
            dicts.dumps(wrong)


def test_large_bytes_may_stand_before_the_tag() -> None:
    @dataclass
    class A:
        data: bytes

    @dataclass
    class B:
        data: bytes

    plan = compile_type(A | B)
    large = b"x" * 40000
    body = b"\x82\xa4data\xc5\x9c\x40\xa5@type\xa1B"
    assert plan.loads(body, large=[large]) == B(large)


def test_generics_inherit_and_nest() -> None:
    @dataclass
    class Base(Generic[T]):
        value: T

    @dataclass
    class Ints(Base[int]):
        pass

    @dataclass
    class Lists(Base[list[T]], Generic[T]):
        pass

    with pytest.raises(EncodeError, match=r"result\.value: expected int"):
        compile_type(Ints).dumps(Ints("x"))  # type: ignore[arg-type]
    with pytest.raises(EncodeError, match=r"result.value\[0\]: expected str"):
        compile_type(Lists[str]).dumps(Lists([1]))
        # two plans of one class in one tree
    assert compile_type(tuple[Page[int], Page[str]]).loads(pack([{"items": [1]}, {"items": ["x"]}]))


def test_named_tuple_and_typed_dict() -> None:
    assert compile_type(Point).loads(pack({"x": 1, "z": 5})) == Point(1, 7)
    assert type(compile_type(Point).loads(pack({"x": 1}))) is Point

    class Box(NamedTuple, Generic[T]):
        item: T

    with pytest.raises(DecodeError, match=r"result\.item: expected int"):
        compile_type(Box[int]).loads(pack({"item": "x"}))
    assert compile_type(Movie).loads(pack({"title": "x", "stars": 5})) == {"title": "x"}
    assert unpack(compile_type(Movie).dumps({"title": "x", "stars": 5})) == {"title": "x"}


# ---- model libraries


class Struct(msgspec.Struct, rename="camel", tag="s"):
    user_id: int
    tags: list[str] = msgspec.field(default_factory=list)
    when: int | None = None

    def __post_init__(self) -> None:
        if self.user_id < 0:
            raise ValueError("negative")


class FrozenStruct(msgspec.Struct, frozen=True, kw_only=True):
    b: int = 5
    a: str


@attrs.define
class Attrs:
    _id: int
    tags: list[str] = attrs.field(factory=list)
    half: float = attrs.field(default=attrs.Factory(lambda self: self._id / 2, takes_self=True))


@attrs.frozen
class AttrsChecked:
    id: int = attrs.field(validator=attrs.validators.gt(0))


class Model(pydantic.BaseModel):
    user_id: Annotated[int, pydantic.Field(gt=0)]
    tags: list[str] = []
    full_name: str = pydantic.Field("x", alias="fullName")


MODELS: list[tuple[Any, Any, dict[str, Any]]] = [
    (Struct, Struct(1, ["x"]), {"userId": 1, "tags": ["x"], "when": None}),
    (FrozenStruct, FrozenStruct(a="x"), {"b": 5, "a": "x"}),
    (Attrs, Attrs(4, ["x"]), {"_id": 4, "tags": ["x"], "half": 2.0}),
    (AttrsChecked, AttrsChecked(4), {"id": 4}),
    (Model, Model(user_id=1, fullName="y"), {"user_id": 1, "tags": [], "fullName": "y"}),
]


@pytest.mark.parametrize(("cls", "value", "plain"), MODELS)
def test_model_libraries(cls: Any, value: Any, plain: dict[str, Any]) -> None:
    plan = compile_type(list[cls])
    assert unpack(plan.dumps([value])) == [plain]
    assert plan.loads(pack([plain])) == [value]


def test_models_keep_their_own_defaults_and_validation() -> None:
    assert compile_type(Struct).loads(pack({"userId": 1})) == Struct(1)
    assert compile_type(Attrs).loads(pack({"_id": 4})) == Attrs(4)
    assert compile_type(Model).loads(pack({"user_id": 4})) == Model(user_id=4)
    with pytest.raises(DecodeError, match="result: Struct: ValueError: negative"):
        compile_type(Struct).loads(pack({"userId": -1}))
    with pytest.raises(DecodeError, match="result: AttrsChecked: ValueError"):
        compile_type(AttrsChecked).loads(pack({"id": 0}))
    with pytest.raises(DecodeError, match="result: Model: ValidationError"):
        compile_type(Model).loads(pack({"user_id": 0}))
    with pytest.raises(DecodeError, match=r"result\.user_id: field 'userId' is missing"):
        compile_type(Struct).loads(pack({}))


def test_an_adapter_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    class Handmade:
        def __init__(self, x: int, y: int = 2) -> None:
            self.x, self.y = x, y

    def adapter(cls: type) -> Record | None:
        if cls is not Handmade:
            return None
        return Record((Field("x", hint=int, argument="x"), Field("y", 7, "y", "why", int)), "call")

    with pytest.raises(ConfigurationError, match=r"Handmade is not a type that can be sent; .*register_adapter"):
        compile_type(Handmade)
    monkeypatch.setattr("rpcore.records._registered", ())
    register_adapter(adapter)
    plan = compile_type(list[Handmade])
    assert unpack(plan.dumps([Handmade(1)])) == [{"x": 1, "why": 2}]
    made = plan.loads(pack([{"x": 1}]))[0]
    assert (made.x, made.y) == (1, 7)


@pytest.mark.parametrize(
    ("record", "text"),
    [
        (Record((Field("x", OMIT, hint=int),), "new"), "x: only a key or a keyword can be left out"),
        (Record((Field("x", OMIT, hint=int),), "call"), "x: only a key or a keyword can be left out"),
        (Record((Field("x", hint=int),), "tuple"), "Handmade is no tuple"),
        (
            Record((Field("x", hint=int, argument="x"), Field("y", hint=int)), "call"),
            "fields passed by position must come before keywords",
        ),
    ],
)
def test_an_adapter_that_makes_no_sense(monkeypatch: pytest.MonkeyPatch, record: Record, text: str) -> None:
    class Handmade:
        x = 0
        y = 0

    monkeypatch.setattr("rpcore.records._registered", (lambda cls: record if cls is Handmade else None,))
    with pytest.raises(ConfigurationError, match=text):
        compile_type(Handmade)


def test_a_property_that_refuses_a_value_is_a_decode_error() -> None:
    @dataclass
    class Strict:
        x: int

    def refuse(self: Any, value: int) -> None:
        raise ValueError(f"not {value}")

    Strict.x = property(lambda self: 1, refuse)  # type: ignore[assignment]
    with pytest.raises(DecodeError, match="Strict: ValueError: not 5"):
        compile_type(Strict).loads(pack({"x": 5}))
