"""What stubgen writes: modules that import, read well, and put the same bytes on the wire as the original."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rpcore.errors import ConfigurationError
from rpcore.service import InterfaceSpec, interface_spec
from rpcore.stubgen import generate

TYPING = Path(__file__).parent / "typing"


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Modules can be imported from tests/typing and the directory of the test, and are forgotten after it."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(TYPING))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith((str(TYPING), str(tmp_path))):
            del sys.modules[name]


def load(directory: Path, name: str, source: str) -> ModuleType:
    (directory / f"{name}.py").write_text(source)
    importlib.invalidate_caches()
    return importlib.import_module(name)


@pytest.fixture
def shop() -> ModuleType:
    return importlib.import_module("shop")


@pytest.fixture
def client(tmp_path: Path) -> ModuleType:
    return load(tmp_path, "shop_client", generate("shop:Shop"))


def samples(m: Any) -> dict[str, tuple[tuple[Any, ...], Any]]:
    """Arguments and a result for each method, made of the classes of one module."""
    token = uuid.UUID(int=7)
    part = m.Item(id=1, token=token, color=m.Color.BLUE, rights=m.Right.WRITE)
    item = m.Item(
        id=2,
        created=datetime(2025, 5, 6, 7, tzinfo=UTC),
        unit_price=Decimal("9.90"),
        date=date(2025, 1, 1),
        parts=[part],
        sizes=[3],
        token=token,
        old_name="old",
    )
    order = m.Order(item, m.Square(m.Size(2, 3)), tree={"a": [m.Order(part, m.Circle(1.5))]}, wait=timedelta(0, 1))
    return {
        "find_item": (("k", m.Color.RED), item),
        "list": (("a", m.Page([item], "next")), m.Page([part, item])),
        "place": (
            (order, {"note": "n"}, {"a": 1}, {"content-type": "t", "size": 1}, [1]),
            [(1, m.Level.HIGH)],
        ),
        "move": ((m.Point(1.0, 2.0), (1.0, 2.0), m.Mood.GOOD), None),
        "forget": (({5}, date(2025, 1, 1)), None),
    }


def errors(m: Any) -> list[Exception]:
    return [m.NoSuch("k", ["x"]), m.SoldOut(5, datetime(2025, 5, 6, tzinfo=UTC)), m.Closed("now", 3)]


def assert_same_wire(ours: InterfaceSpec, theirs: InterfaceSpec) -> None:
    assert ours.key == theirs.key
    assert ours.wire_names == theirs.wire_names
    assert ours.layer == theirs.layer
    assert [*map(ours.layer_of, ours.methods)] == [*map(theirs.layer_of, theirs.methods)]


def test_a_client_puts_the_same_bytes_on_the_wire(shop: ModuleType, client: ModuleType) -> None:
    theirs, ours = interface_spec(shop.Shop), interface_spec(client.Shop)
    assert ours is not theirs
    assert_same_wire(ours, theirs)
    their_samples, our_samples = samples(shop), samples(client)
    for their, our in zip(theirs.resolve(), ours.resolve(), strict=True):
        (their_args, their_result), (our_args, our_result) = (
            their_samples[their.spec.name],
            our_samples[our.spec.name],
        )
        sent = our.args.dumps(our_args)
        assert sent == their.args.dumps(their_args)
        assert their.args.loads(sent) == their_args
        answer = their.result.dumps(their_result)
        assert answer == our.result.dumps(our_result)
        assert our.result.loads(answer) == our_result
        assert [plan.wire_name for plan in our.errors] == [plan.wire_name for plan in their.errors]
        assert [(p.name, p.required) for p in our.parameters] == [(p.name, p.required) for p in their.parameters]


def test_a_client_raises_the_same_exceptions(shop: ModuleType, client: ModuleType) -> None:
    their, our = interface_spec(shop.Shop).resolve()[0], interface_spec(client.Shop).resolve()[0]
    for their_plan, our_plan, their_error, our_error in zip(
        their.errors, our.errors, errors(shop), errors(client), strict=True
    ):
        sent = their_plan.dumps(their_error)
        assert sent == our_plan.dumps(our_error)
        assert vars(our_plan.loads(sent)) == vars(our_error)
        assert isinstance(our_error, client.ShopError)


def test_classes_keep_what_can_be_seen_of_them(shop: ModuleType, client: ModuleType) -> None:
    for name in ("Item", "Base", "Size", "Page", "Order", "SoldOut"):
        theirs, ours = getattr(shop, name), getattr(client, name)
        assert [
            (f.name, f.init, f.repr, f.compare, f.kw_only, f.default_factory is dataclasses.MISSING)
            for f in dataclasses.fields(ours)
        ] == [
            (f.name, f.init, f.repr, f.compare, f.kw_only, f.default_factory is dataclasses.MISSING)
            for f in dataclasses.fields(theirs)
        ]
        assert repr(ours.__dataclass_params__) == repr(theirs.__dataclass_params__)
        assert (ours.__doc__ == theirs.__doc__) or name != "Item"
    assert client.Size(1) < client.Size(2)
    assert not hasattr(client.Size(1), "__dict__")
    assert issubclass(client.Item, client.Base)
    assert client.Color.__doc__ == "What can be painted."
    assert {m.name: m.value for m in client.Mood} == {m.name: m.value for m in shop.Mood}
    assert client.Mood.__mro__[1:3] == (str, shop.Mood.__mro__[2])
    assert client.Right.READ | client.Right.WRITE == 3
    assert client.Loose.__required_keys__ == frozenset()
    assert client.Shop.find_item.__doc__.split() == ["One", "item.", "Or", "none."]
    assert "provider" not in (client.__doc__ or "")
    assert shop.__name__ not in {getattr(value, "__module__", "") for value in vars(client).values()}


def test_a_client_made_from_a_client_is_the_same(client: ModuleType) -> None:
    assert generate(client.Shop) == generate("shop:Shop")


def test_a_blocking_view_belongs_to_its_interface(shop: ModuleType, tmp_path: Path) -> None:
    sync = load(tmp_path, "shop_sync", generate(shop.Shop, kind="blocking"))
    theirs, ours = interface_spec(shop.Shop), interface_spec(sync.ShopSync)
    assert ours.blocking
    assert ours.of is theirs
    assert_same_wire(ours, theirs)
    for their, our in zip(theirs.resolve(), ours.resolve(), strict=True):
        assert our.args is their.args
        assert our.spec.signature.parameters.keys() == their.spec.signature.parameters.keys()
    assert generate(sync.ShopSync, kind="blocking") == generate(shop.Shop, kind="blocking")


def test_a_view_of_a_generated_client(client: ModuleType, tmp_path: Path) -> None:
    sync = load(tmp_path, "client_sync", generate("shop_client", kind="blocking"))
    assert interface_spec(sync.ShopSync).of is interface_spec(client.Shop)
    interface_spec(sync.ShopSync).resolve()


HEADER = """
from __future__ import annotations
from dataclasses import dataclass, field
from typing import *
import rpcore
"""


def written(tmp_path: Path, body: str, name: str = "api") -> str:
    """The client of an interface ``Api`` that ``body`` declares."""
    return generate(load(tmp_path, name, HEADER + body).Api)


def test_a_small_client_reads_well(tmp_path: Path) -> None:
    source = written(
        tmp_path,
        '''
@dataclass
class User:
    """Somebody."""
    id: int
    name: str
    tags: list[str] = field(default_factory=list)

@rpcore.interface("org.demo.UserService", version="1.0.0", timeout=1.0, loadbalance="leastactive")
class Api(Protocol):
    async def find(self, user_id: int) -> User | None: ...

    @rpcore.method(idempotent=True, timeout=0.3, retries=2)
    async def find_all(self, ids: list[int]) -> list[User]:
        """All of them."""
''',
    )
    assert (
        source
        == '''\
"""Client of org.demo.UserService:1.0.0.

Written by `rpcore stubgen`; to change it, write it anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import rpcore


@dataclass
class User:
    """Somebody."""

    id: int
    name: str
    tags: list[str] = field(default_factory=list)


@rpcore.interface(
    "org.demo.UserService", version="1.0.0", timeout=1.0, loadbalance="leastactive"
)
class Api(Protocol):
    async def find(self, user_id: int) -> User | None: ...

    @rpcore.method(timeout=0.3, retries=2, idempotent=True)
    async def find_all(self, ids: list[int]) -> list[User]:
        """All of them."""
'''
    )


def test_two_classes_of_one_name_keep_their_wire_names(tmp_path: Path) -> None:
    load(tmp_path, "other", HEADER + "@dataclass\nclass User:\n    b: int = 0\n")
    source = written(
        tmp_path,
        """
import other
@dataclass
class User:
    a: int

@rpcore.interface("demo.Api")
class Api(Protocol):
    async def find(self, user: User) -> other.User: ...
""",
    )
    assert "class User:\n    a: int\n" in source
    assert '@rpcore.wire_name("User")\n@dataclass\nclass User2:\n    b: int = 0\n' in source
    assert "async def find(self, user: User) -> User2: ..." in source


def test_classes_that_refer_to_each_other_stand_in_a_working_order(tmp_path: Path) -> None:
    source = written(
        tmp_path,
        """
@dataclass
class Node:
    leaf: Leaf | None = None

@dataclass
class Leaf(Node):
    parent: Node | None = None

@rpcore.interface("demo.Api")
class Api(Protocol):
    async def find(self) -> Leaf: ...
""",
    )
    assert source.index("class Node:") < source.index("class Leaf(Node):")
    load(tmp_path, "made", source)


MODELS = {
    "attrs": """
import attrs
@attrs.define
class User:
    user_id: int
    tags: list[str] = attrs.field(factory=list)
    name: str = "x"
""",
    "pydantic": """
import pydantic
class User(pydantic.BaseModel):
    user_id: int
    tags: list[str] = pydantic.Field(default_factory=list)
    name: str = "x"
""",
    "msgspec": """
import msgspec
class User(msgspec.Struct):
    user_id: int
    tags: list[str] = []
    name: str = "x"
""",
}


@pytest.mark.parametrize("library", MODELS)
def test_defaults_of_model_libraries(tmp_path: Path, library: str, require: Any) -> None:
    if importlib.util.find_spec(library) is None:
        require(library, f"pip install {library}")
    source = written(
        tmp_path,
        MODELS[library]
        + """
@rpcore.interface("demo.Api")
class Api(Protocol):
    async def find(self) -> User: ...
""",
    )
    assert (
        "@dataclass(kw_only=True)\nclass User:\n    user_id: int\n"
        '    tags: list[str] = field(default_factory=list)\n    name: str = "x"\n'
    ) in source
    made, api = load(tmp_path, "made", source), importlib.import_module("api")
    ours, theirs = (interface_spec(m.Api).resolve()[0].result for m in (made, api))
    assert ours.dumps(made.User(user_id=1)) == theirs.dumps(api.User(user_id=1))


def test_models_of_other_libraries_become_dataclasses(tmp_path: Path, require: Any) -> None:
    if importlib.util.find_spec("msgspec") is None:
        require("msgspec", "pip install msgspec")
    source = written(
        tmp_path,
        """
import msgspec
class User(msgspec.Struct, rename="camel", tag="user"):
    user_id: int
    name: str = "x"

class Bot(msgspec.Struct, tag="bot"):
    url: str

@rpcore.interface("demo.Api")
class Api(Protocol):
    async def find(self) -> User | Bot: ...
""",
    )
    assert '@rpcore.wire_name(tag="user")\n@dataclass(kw_only=True)\nclass User:' in source
    assert 'user_id: Annotated[int, Name("userId")]' in source
    made, api = load(tmp_path, "made", source), importlib.import_module("api")
    ours, theirs = (interface_spec(m.Api).resolve()[0].result for m in (made, api))
    assert ours.dumps(made.User(user_id=1)) == theirs.dumps(api.User(user_id=1))
    assert ours.dumps(made.Bot(url="u")) == theirs.dumps(api.Bot(url="u"))


@pytest.mark.skipif(sys.version_info < (3, 12), reason="`type` statements need Python 3.12")
def test_type_aliases(tmp_path: Path) -> None:
    source = written(
        tmp_path,
        """
type Key = int | str
type Pair[A] = tuple[A, A]
type Json = None | int | list[Json] | dict[str, Json]
@dataclass
class Box[V]:
    value: V

@rpcore.interface("demo.Api")
class Api(Protocol):
    async def find(self, key: Key, pair: Pair[int]) -> Json: ...
    async def box(self) -> Box[str]: ...
""",
    )
    assert "type Json = None | int | list[Json] | dict[str, Json]\n" in source
    assert "async def find(self, key: int | str, pair: tuple[int, int]) -> Json: ..." in source
    assert 'V = TypeVar("V")\n' in source
    assert "class Box(Generic[V]):\n    value: V\n" in source
    made = load(tmp_path, "made", source)
    find, box = interface_spec(made.Api).resolve()
    assert find.result.loads(find.result.dumps({"a": [1, None]})) == {"a": [1, None]}
    assert box.result.loads(box.result.dumps(made.Box("x"))) == made.Box("x")


@pytest.mark.parametrize(
    ("default", "message"),
    [
        ("field(default_factory=lambda: object())", "default_factory"),
        ("Odd()", "cannot be written as source"),
    ],
)
def test_defaults_that_cannot_be_written(tmp_path: Path, default: str, message: str) -> None:
    body = f"""
class Odd(str): pass
@dataclass
class User:
    name: Any = {default}

@rpcore.interface("demo.Api")
class Api(Protocol):
    async def find(self) -> User: ...
"""
    with pytest.raises(ConfigurationError, match=f"^User: name: .*{message}"):
        written(tmp_path, body)


def test_what_cannot_be_generated() -> None:
    def refusal(interface: Any, **arguments: Any) -> str:
        with pytest.raises(ConfigurationError) as caught:
            generate(interface, **arguments)
        return str(caught.value)

    assert refusal("shop:Shpo") == "stubgen: module 'shop' has no 'Shpo' (did you mean 'Shop'?)"
    assert refusal("no_such_module").startswith("stubgen: cannot import 'no_such_module': No module named")
    assert refusal("json") == "stubgen: module 'json' declares no interface"
    assert refusal("shop:Item") == "Item is not a declared interface; declare it with @rpcore.interface(...)"
    assert refusal("shop", kind="java") == "stubgen: unknown kind 'java' (known: 'blocking', 'client')"


def test_a_view_needs_classes_that_can_be_imported() -> None:
    import rpcore

    @dataclasses.dataclass
    class Local:
        x: int

    from typing import Protocol

    @rpcore.interface("demo.Api")
    class Api(Protocol):
        async def find(self) -> Local: ...

    with pytest.raises(ConfigurationError, match="cannot be imported"):
        generate(Api, kind="blocking")
    assert "class Local:\n    x: int\n" in generate(Api)
