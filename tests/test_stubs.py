"""Stubs: real functions that look like what was declared and cost one attribute, one call, one await."""

from __future__ import annotations

import gc
import inspect
import linecache
import pydoc
import traceback
import typing
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, runtime_checkable

import pytest

from rpcore.service import interface, interface_spec, method

NOWHERE: list[int] = []


@runtime_checkable
@interface("org.demo.Shop", version="1.0.0")
class Shop(Protocol):
    """Sells things."""

    LIMIT = 50

    async def price(self, item: str, amount: int = 1, *, currency: str = "EUR") -> int:
        """What it costs."""

    @method(timeout=2.0)
    async def basket(self, owner: int, /, items: list[int] = NOWHERE) -> list[int]: ...

    async def close(self) -> None: ...


@interface(of=Shop)
class ShopSync(Protocol):
    def price(self, item: str, amount: int = 1, *, currency: str = "EUR") -> int: ...


def recorder(calls: list[Any], name: str) -> Callable[..., Awaitable[Any]]:
    async def call(*args: Any) -> Any:
        calls.append((name, args))
        return len(calls)

    return call


@pytest.fixture
def calls() -> list[Any]:
    return []


@pytest.fixture
def shop(calls: list[Any]) -> Any:
    spec = interface_spec(Shop)
    return spec.stub_class({m.name: recorder(calls, m.name) for m in spec.methods}, "by test")


def drive(coroutine: Any) -> Any:
    """The result of a coroutine that never suspends, without a loop."""
    with pytest.raises(StopIteration) as stop:
        coroutine.send(None)
    return stop.value.value


def test_arguments_arrive_positionally_with_defaults_filled_in(shop: Any, calls: list[Any]) -> None:
    assert drive(shop.price("tea")) == 1
    assert drive(shop.price(amount=3, item="tea", currency="USD")) == 2
    drive(shop.basket(7))
    drive(shop.close())
    assert calls == [
        ("price", ("tea", 1, "EUR")),
        ("price", ("tea", 3, "USD")),
        ("basket", (7, NOWHERE)),
        ("close", ()),
    ]


def test_nothing_is_called_before_the_first_await(shop: Any, calls: list[Any]) -> None:
    coroutine = shop.price("tea")
    assert calls == []
    coroutine.close()
    assert calls == []


def test_python_checks_the_arguments(shop: Any) -> None:
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'item'"):
        shop.price()
    with pytest.raises(TypeError, match="takes from 2 to 3 positional arguments"):
        shop.price("tea", 1, "EUR")
    with pytest.raises(TypeError, match="unexpected keyword argument 'color'"):
        shop.price("tea", color=1)


def test_methods_show_what_was_declared(shop: Any) -> None:
    assert inspect.iscoroutinefunction(shop.price)
    assert inspect.signature(type(shop).price) == inspect.signature(Shop.price)
    assert inspect.signature(type(shop).basket) == inspect.signature(Shop.basket)
    assert shop.price.__doc__ == "What it costs."
    assert shop.price.__qualname__ == "Shop.price"
    assert shop.price.__module__ == __name__
    assert typing.get_type_hints(shop.basket) == {"owner": int, "items": list[int], "return": list[int]}
    assert "What it costs." in pydoc.render_doc(shop.price)
    assert "Sells things." in pydoc.render_doc(shop)


def test_source_is_readable_and_in_tracebacks() -> None:
    spec = interface_spec(Shop)

    async def failing(*args: Any) -> None:
        raise ValueError("no shop")

    shop = spec.stub_class(dict.fromkeys(spec.wire_names, failing), "")
    assert inspect.getsource(shop.price) == (
        "async def price(self, item, amount=1, *, currency='EUR'):\n"
        "    return await self._rpc_price(item, amount, currency)\n"
    )
    with pytest.raises(ValueError, match="no shop") as caught:
        shop.price("tea").send(None)
    assert "return await self._rpc_price(item, amount, currency)" in "".join(traceback.format_exception(caught.value))
    linecache.checkcache()
    assert inspect.getsource(shop.close)


def test_a_stub_is_an_instance_of_its_interface(shop: Any) -> None:
    assert isinstance(shop, Shop)
    assert shop.LIMIT == 50


def test_repr_and_class(shop: Any) -> None:
    spec = interface_spec(Shop)
    assert repr(shop) == "<Shop stub org.demo.Shop:1.0.0 by test>"
    assert repr(spec.stub_class(dict.fromkeys(spec.wire_names, print), "")) == "<Shop stub org.demo.Shop:1.0.0>"
    assert spec.stub_class is interface_spec(Shop).stub_class
    assert type(shop).__name__ == "ShopStub"
    assert type(shop).__doc__ == "Sells things."
    with pytest.raises(KeyError):
        spec.stub_class({}, "")


def test_callers_live_in_slots_and_owner_is_kept() -> None:
    spec = interface_spec(Shop)
    owner = object()
    stub = spec.stub_class(dict.fromkeys(spec.wire_names, print), "text", owner)
    assert stub._owner is owner
    assert inspect.ismemberdescriptor(type(stub)._rpc_price)
    assert vars(stub) == {}


def test_blocking_stubs_are_plain_functions() -> None:
    spec = interface_spec(ShopSync)
    stub = spec.stub_class({"price": lambda *args: args}, "by test")
    assert stub.price("tea", currency="USD") == ("tea", 1, "USD")
    assert not inspect.iscoroutinefunction(stub.price)
    assert repr(stub) == "<ShopSync stub org.demo.Shop:1.0.0 by test>"


def test_source_goes_with_its_interface() -> None:
    def make() -> str:
        @interface("demo.Gone")
        class Gone(Protocol):
            async def find(self) -> int: ...

        stub_class = interface_spec(Gone).stub_class
        filename: str = stub_class.find.__code__.co_filename
        assert filename in linecache.cache
        return filename

    filename = make()
    gc.collect()
    assert filename not in linecache.cache
