"""What a declaration accepts, and that everything wrong with it is said at once, with its place."""

from __future__ import annotations

import collections.abc
import enum
import functools
import gc
import re
import sys
import types
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import pytest

from rpcore.errors import ConfigurationError, RemoteError
from rpcore.model import Options, ServiceKey
from rpcore.service import InterfaceSpec, check, interface, interface_spec, method


@dataclass
class User:
    id: int
    name: str
    friends: list[User] | None = None


class NotFound(Exception):
    pass


class Conflict(Exception):
    pass


@interface("org.demo.UserService", version="1.0.0", timeout=1.0, loadbalance="leastactive")
class UserService(Protocol):
    """Users by id."""

    async def find(self, user_id: int) -> User | None:
        """One user."""

    @method(idempotent=True, timeout=0.3, retries=2)
    async def find_all(self, ids: list[int]) -> list[User]: ...

    @method(cluster="failfast", name="changeName")
    async def rename(self, user_id: int, name: str) -> User: ...


def declare(body: Callable[..., Any], **options: Any) -> InterfaceSpec:
    """An interface ``Demo`` whose only method ``find`` is ``body``."""
    cls = type(Protocol)("Demo", (Protocol,), {"find": body, "__module__": __name__})
    return interface_spec(interface("demo.Demo", **options)(cls))


def refusal(make: Callable[[], Any]) -> str:
    with pytest.raises(ConfigurationError) as caught:
        make()
    return str(caught.value)


# --- what is read --------------------------------------------------------------------------------


def test_a_declaration_is_read_whole() -> None:
    spec = interface_spec(UserService)
    assert spec.key == ServiceKey("org.demo.UserService", "", "1.0.0")
    assert spec.cls is UserService
    assert spec.options == Options(timeout=1.0, loadbalance="leastactive")
    assert not spec.blocking
    assert spec.wire_names == {"find": "find", "find_all": "find_all", "rename": "changeName"}
    find, find_all, rename = spec.methods
    assert str(find.signature) == "(user_id: 'int') -> 'User | None'"
    assert find.function is vars(UserService)["find"]
    assert find.options == Options()
    assert find_all.options == Options(idempotent=True, timeout=0.3, retries=2)
    assert rename.options == Options(cluster="failfast")
    assert repr(spec) == "<interface UserService org.demo.UserService:1.0.0, 3 methods>"


def test_hints_are_resolved_once_and_recursive_ones_too() -> None:
    spec = interface_spec(UserService)
    resolved = spec.resolve()
    assert resolved is spec.resolve()
    find, find_all, _ = resolved
    assert [(p.name, p.hint, p.required) for p in find.parameters] == [("user_id", int, True)]
    assert find.returns == User | None
    assert find_all.returns == list[User]
    assert find.args.names == ("user_id",)
    assert check(UserService) is None


def test_the_class_stays_the_class_it_was() -> None:
    @runtime_checkable
    class Plain(Protocol):
        async def find(self, user_id: int) -> int: ...

    members = set(dir(Plain))
    declared = interface("demo.Plain")(Plain)
    assert {name for name in set(dir(Plain)) - members if not name.startswith("_abc_")} == set()

    class Users:
        async def find(self, user_id: int) -> int:
            return user_id

    assert declared is Plain
    assert isinstance(Users(), Plain)
    assert not isinstance(object(), Plain)


def test_naming_maps_method_names_unless_one_is_given() -> None:
    @interface("demo.Camel", naming="camel")
    class Camel(Protocol):
        async def find_all_by_id(self) -> None: ...

        @method(name="get_it")
        async def find_it(self) -> None: ...

    assert list(interface_spec(Camel).wire_names.values()) == ["findAllById", "get_it"]


def test_a_base_contributes_methods_options_naming_and_exceptions() -> None:
    class Mixin(Protocol):
        async def ping(self) -> str: ...

    @interface("demo.Base", timeout=5.0, retries=1, naming="camel", raises=(NotFound,))
    class Base(Mixin, Protocol):
        async def find_one(self, key: int) -> str: ...

        async def count_all(self) -> int: ...

    @interface("demo.Derived", timeout=2.0, raises=(Conflict,))
    class Derived(Base, Protocol):
        @method(idempotent=True)
        async def count_all(self) -> int: ...

        async def put_one(self, key: int) -> None: ...

    spec = interface_spec(Derived)
    assert list(spec.wire_names.values()) == ["ping", "findOne", "countAll", "putOne"]
    assert spec.options == Options(timeout=2.0, retries=1)
    assert spec.methods[2].options == Options(idempotent=True)
    assert spec.methods[0].raises == (Conflict, NotFound)
    assert interface_spec(Base).raises == (NotFound,)
    check(Derived)


def test_exceptions_of_method_and_interface_add_up() -> None:
    @interface("demo.Both", raises=(NotFound,))
    class Both(Protocol):
        @method(raises=(Conflict, NotFound))
        async def put(self) -> None: ...

        async def get(self) -> None: ...

    put, get = interface_spec(Both).resolve()
    assert put.spec.raises == (Conflict, NotFound)
    assert get.spec.raises == (NotFound,)
    assert [plan.cls for plan in put.errors] == [Conflict, NotFound]


def test_keyword_only_and_positional_only_parameters_are_arguments_in_order() -> None:
    async def find(self: Any, a: int, /, b: int = 1, *, c: str, d: str = "x") -> None: ...

    (resolved,) = declare(find).resolve()
    assert [(p.name, p.required) for p in resolved.parameters] == [
        ("a", True),
        ("b", False),
        ("c", True),
        ("d", False),
    ]


def test_hints_may_name_what_the_declaring_function_defines_later() -> None:
    @interface("demo.Local")
    class Local(Protocol):
        class Kind(enum.Enum):
            SMALL = 1

        async def find(self, kind: Kind) -> Later: ...

    @dataclass
    class Later:
        x: int

    (find,) = interface_spec(Local).resolve()
    assert find.returns is Later
    assert find.parameters[0].hint is Local.Kind


def test_the_declaring_function_is_not_kept_alive_after_hints_are_resolved() -> None:
    class Big:
        pass

    def make() -> tuple[type, weakref.ref[Big]]:
        big = Big()

        @interface("demo.Frame")
        class Framed(Protocol):
            async def find(self) -> int: ...

        return Framed, weakref.ref(big)

    cls, big = make()
    check(cls)
    gc.collect()
    assert big() is None


def test_a_method_name_does_not_hide_a_builtin_type() -> None:
    @interface("demo.Lists")
    class Lists(Protocol):
        async def list(self) -> list[int]: ...

    assert interface_spec(Lists).resolve()[0].returns == list[int]


T = TypeVar("T")
K = TypeVar("K")


class Repository(Protocol, Generic[K, T]):
    async def get(self, key: K) -> T | None: ...

    async def all(self) -> list[T]: ...


class ById(Repository[int, T], Protocol[T]):
    pass


def test_type_variables_of_generic_bases_are_filled_in() -> None:
    @interface("demo.UserRepository")
    class UserRepository(ById["User"], Protocol):
        pass

    get, everything = interface_spec(UserRepository).resolve()
    assert get.parameters[0].hint is int
    assert get.returns == User | None
    assert everything.returns == list[User]


def test_a_free_type_variable_is_refused() -> None:
    message = refusal(lambda: check(interface("demo.Repository")(Repository)))
    assert message.startswith("Repository.get: parameter 'key': type variable ~K stands for no type here")


@pytest.mark.skipif(sys.version_info < (3, 12), reason="PEP 695 needs Python 3.12")
def test_pep_695_generics_are_filled_in() -> None:
    scope: dict[str, Any] = {}
    exec(
        "from typing import Protocol\n"
        "type Key = int\n"
        "class Store[V](Protocol):\n"
        "    async def get(self, key: Key) -> 'list[V]': ...\n"
        "class Names(Store[str], Protocol): ...\n",
        scope,
    )
    (get,) = interface_spec(interface("demo.Names")(scope["Names"])).resolve()
    assert get.returns == list[str]
    assert get.parameters[0].hint is scope["Key"]


def test_the_documentation_is_true(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (Path(__file__).parent.parent / "docs" / "declarations.md").read_text()
    module = types.ModuleType("documented")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(block, vars(module))
    module.test_api()
    for name in ("UserService", "UserRepository", "UserServiceSync"):
        check(getattr(module, name))
    find, find_all = interface_spec(module.UserService).resolve()
    assert (find.spec.wire_name, find_all.spec.wire_name) == ("find", "findAll")
    assert find_all.errors[0].loads(find_all.errors[0].dumps(module.NotFound(7))).user_id == 7


# --- what is refused when the class is made --------------------------------------------------------


async def no_self() -> None: ...
async def first_is_no_self(user_id: int) -> None: ...
async def variable(self: Any, *ids: int) -> None: ...
async def keywords(self: Any, **ids: int) -> None: ...
async def no_hint(self: Any, user_id) -> None: ...  # type: ignore[no-untyped-def]
async def no_return(self: Any, user_id: int): ...  # type: ignore[no-untyped-def]
def plain(self: Any) -> int: ...  # type: ignore[empty-body]
def stream(self: Any) -> AsyncIterator[int]: ...  # type: ignore[empty-body]


async def async_generator(self: Any) -> AsyncIterator[int]:
    yield 1


def generator(self: Any) -> Iterator[int]:
    yield 1


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (no_self, "Demo.find: the first parameter must be self"),
        (first_is_no_self, "Demo.find: the first parameter must be self"),
        (variable, "Demo.find: parameter 'ids': *ids has no place on the wire; declare a list or a dict"),
        (keywords, "Demo.find: parameter 'ids': **ids has no place on the wire; declare a list or a dict"),
        (no_hint, "Demo.find: parameter 'user_id' has no type hint"),
        (no_return, "Demo.find: the return type hint is missing; for no value write `-> None`"),
        (plain, "Demo.find: methods of an interface are `async def`"),
        (stream, "Demo.find: methods of an interface are `async def`"),
        (async_generator, "Demo.find is a generator: streams are not supported on dubbo://"),
        (generator, "Demo.find is a generator: streams are not supported on dubbo://"),
        (property(plain), "Demo.find: a property cannot be remote"),
        (staticmethod(no_self), "Demo.find: a staticmethod cannot be remote"),
        (classmethod(no_return), "Demo.find: a classmethod cannot be remote"),
        (functools.partial(no_self), "Demo.find: a method is a function written with `async def`"),
    ],
)
def test_methods_that_cannot_be_remote(body: Any, message: str) -> None:
    assert refusal(lambda: declare(body)).startswith(message)


async def fine(self: Any) -> None: ...


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"timeot": 1}, "Demo: unknown option 'timeot' (did you mean 'timeout'?)"),
        ({"zzz": 1}, "Demo: unknown option 'zzz' (known: cancellable, check, "),
        ({"timeout": 0}, "Demo: option 'timeout' must be a number of seconds above 0"),
        ({"tag": "gray"}, "Demo: option 'tag' cannot be given here, only in: call, export, refer, rule"),
        ({"naming": "kebab"}, "Demo: unknown naming 'kebab' (known: 'camel')"),
        ({"version": "1 0"}, "Demo: version must be text without spaces"),
        ({"group": "a/b"}, "Demo: group must be text without spaces and none of /"),
        ({"filters": 5}, "Demo: filters takes a tuple of filters or their names, not 5"),
        ({"filters": "audit"}, "Demo: filters takes a tuple of filters or their names, not 'audit'"),
        ({"filters": (5,)}, "Demo: filters takes a tuple of filters or their names, not (5,)"),
        ({"raises": NotFound}, "Demo: raises takes a tuple of exception classes, not <class"),
        ({"raises": (int,)}, "Demo: raises: <class 'int'> is not a class derived from Exception"),
        ({"raises": (KeyboardInterrupt,)}, "Demo: raises: <class 'KeyboardInterrupt'> is not a class"),
        ({"raises": (RemoteError,)}, "Demo: raises: RemoteError is an rpcore error"),
    ],
)
def test_interface_arguments_that_are_wrong(options: dict[str, Any], message: str) -> None:
    assert refusal(lambda: declare(fine, **options)).startswith(message)


@pytest.mark.parametrize("name", ["", "a b", "a/b", "a:1", "a,b", None, 5])
def test_interface_names_that_cannot_stand_in_a_key(name: Any) -> None:
    cls = type(Protocol)("Demo", (Protocol,), {"find": fine, "__module__": __name__})
    assert "name" in refusal(lambda: interface(name)(cls))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"retries": -1}, "fine: option 'retries' must be an int from 0 to 1000, not -1"),
        ({"weight": 5}, "fine: option 'weight' cannot be given here, only in: export, interface"),
        ({"name": "a b"}, "fine: the method name must be text"),
        ({"raises": ("x",)}, "fine: raises: 'x' is not a class derived from Exception"),
    ],
)
def test_method_arguments_that_are_wrong(arguments: dict[str, Any], message: str) -> None:
    assert refusal(lambda: method(**arguments)(fine)).startswith(message)


def test_two_methods_with_one_wire_name_and_one_descriptor() -> None:
    @interface("demo.Twice", naming="camel")
    class Twice(Protocol):
        async def find_all(self, ids: list[int]) -> None: ...

        @method(name="findAll")
        async def find_every(self, names: tuple[str, ...]) -> None: ...

    assert refusal(lambda: check(Twice)).startswith(
        "Twice: methods 'find_all' and 'find_every' are one method on the wire: both are sent as 'findAll' with the"
        " descriptor 'Ljava/util/List;'; give one of them another name"
    )


def test_dollar_names_are_dubbos_own() -> None:
    async def find(self: Any) -> None: ...

    assert refusal(lambda: declare(method(name="$invoke")(find))).startswith(
        "Demo.find: wire name '$invoke': names with $ are Dubbo's own"
    )


def test_members_that_are_no_methods() -> None:
    def attribute() -> None:
        @interface("demo.Attribute")
        class Attribute(Protocol):
            size: int

            async def find(self) -> None: ...

    def private() -> None:
        @interface("demo.Private")
        class Private(Protocol):
            async def _find(self) -> None: ...

    def special() -> None:
        @interface("demo.Special")
        class Special(Protocol):
            async def __call__(self) -> None: ...

    def nothing() -> None:
        @interface("demo.Nothing")
        class Nothing(Protocol):
            pass

    assert refusal(attribute).startswith("Attribute.size: an attribute cannot be remote")
    assert refusal(private) == "Private._find: private and special methods cannot be remote"
    assert refusal(special) == "Special.__call__: private and special methods cannot be remote"
    assert refusal(nothing) == "Nothing: an interface needs at least one method"


def test_only_protocols_are_interfaces() -> None:
    class Plain:
        async def find(self) -> None: ...

    class Derived(UserService):
        pass

    assert refusal(lambda: interface("demo.Plain")(Plain)).startswith("Plain: an interface must be a Protocol")
    assert refusal(lambda: interface("demo.Derived")(Derived)).startswith("Derived: an interface must be")
    assert refusal(lambda: interface("demo.F")(no_self)).startswith("@rpcore.interface decorates a class")  # type: ignore[type-var]
    assert refusal(lambda: interface_spec(Plain)) == (
        "Plain is not a declared interface; declare it with @rpcore.interface(...)"
    )
    assert refusal(lambda: interface_spec(Derived)).startswith(
        "Derived derives from the interface UserService but is none itself"
    )
    assert refusal(lambda: interface_spec(Plain())).startswith("<")


# --- what is refused when hints are resolved -------------------------------------------------------


def test_unknown_names_in_hints() -> None:
    async def find(self: Any, user: Missing) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    message = refusal(declare(find).resolve)
    assert message.startswith("Demo.find: parameter 'user': hint 'Missing': name 'Missing' is not defined")
    assert "TYPE_CHECKING" in message


def test_hints_that_are_none() -> None:
    async def find(self: Any) -> None: ...

    find.__annotations__["return"] = "list[int"
    assert refusal(declare(find).resolve).startswith("Demo.find: return: 'list[int' is not a type hint: ")


def test_hints_without_a_form_on_the_wire() -> None:
    async def taking(self: Any, value: complex) -> None: ...
    async def giving(self: Any) -> complex: ...

    assert refusal(declare(taking).resolve).startswith("Demo.find: parameter 'value': ")
    assert refusal(declare(giving).resolve).startswith("Demo.find: return: ")


@pytest.mark.parametrize("hint", [AsyncIterator[int], collections.abc.AsyncGenerator[int, None], Iterator[int]])
def test_streams_in_hints(hint: Any) -> None:
    async def find(self: Any, items: Any) -> Any: ...

    find.__annotations__.update(items=hint)
    assert refusal(declare(find).resolve).startswith("Demo.find: parameter 'items': streams are not supported")
    find.__annotations__.update(items=int) or find.__annotations__.update({"return": hint})
    assert refusal(declare(find).resolve).startswith("Demo.find: return: streams are not supported")


def test_a_oneway_method_returns_none() -> None:
    async def find(self: Any) -> int: ...  # type: ignore[empty-body]

    assert "oneway" in refusal(declare(method(oneway=True)(find)).resolve)
    assert "oneway" in refusal(declare(find, oneway=True).resolve)
    declare(fine, oneway=True).resolve()


# --- blocking views --------------------------------------------------------------------------------


def test_a_view_is_its_interface_with_def() -> None:
    @interface(of=UserService)
    class UserServiceSync(Protocol):
        def find_all(self, ids: list[int]) -> list[User]: ...

        def rename(self, user_id: int, name: str) -> User: ...

    spec, declared = interface_spec(UserServiceSync), interface_spec(UserService)
    assert spec.blocking
    assert (spec.key, spec.options, spec.of) == (declared.key, declared.options, declared)
    assert [m.name for m in spec.methods] == ["find_all", "rename"]
    assert all(m.blocking for m in spec.methods)
    assert spec.methods[1].wire_name == "changeName"
    assert spec.methods[0].options == declared.methods[1].options
    ours, theirs = spec.resolve()[0], declared.resolve()[1]
    assert (ours.args, ours.result, ours.spec) == (theirs.args, theirs.result, spec.methods[0])
    assert repr(spec) == "<blocking view UserServiceSync org.demo.UserService:1.0.0, 2 methods>"


def view_of(body: Any, name: str = "find", **arguments: Any) -> InterfaceSpec:
    cls = type(Protocol)("View", (Protocol,), {name: body, "__module__": __name__})
    return interface_spec(interface(of=UserService, **arguments)(cls))


def test_views_that_differ_from_their_interface() -> None:
    def other_name(self: Any, uid: int) -> User | None: ...
    def more(self: Any, user_id: int, x: int = 0) -> User | None: ...
    def other_hint(self: Any, user_id: str) -> User | None: ...
    def other_return(self: Any, user_id: int) -> User: ...  # type: ignore[empty-body]
    def same(self: Any, user_id: int) -> User | None: ...
    async def asynchronous(self: Any, user_id: int) -> User | None: ...

    assert "differ from UserService's" in refusal(lambda: view_of(other_name))
    assert "differ from UserService's" in refusal(lambda: view_of(more))
    assert refusal(lambda: view_of(asynchronous)).startswith("View.find: a blocking view has `def` methods")
    assert refusal(lambda: view_of(same, "finds")).startswith(
        "View.finds: UserService has no such method (did you mean 'find'"
    )
    assert "takes nothing else" in refusal(lambda: view_of(same, timeout=1.0))
    assert "options of a view" in refusal(lambda: view_of(method(timeout=1.0)(same)))
    assert refusal(view_of(other_hint).resolve).startswith("View.find: parameter 'user_id' is <class 'str'>")
    assert refusal(view_of(other_return).resolve).startswith("View.find: returns ")


def test_views_of_what_is_no_interface() -> None:
    @interface(of=UserService)
    class View(Protocol):
        def find(self, user_id: int) -> User | None: ...

    def of(base: Any) -> None:
        interface(of=base)(type(Protocol)("Second", (Protocol,), {"find": plain, "__module__": __name__}))

    assert refusal(lambda: of(int)).startswith("int is not a declared interface")
    assert refusal(lambda: of(View)) == "Second: View is itself a view, of UserService"
