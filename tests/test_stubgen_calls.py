"""A generated client calls a provider that never heard of it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import rpcore
from rpcore.stubgen import generate

TYPING = Path(__file__).parent / "typing"


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[tuple[ModuleType, ModuleType]]:
    """The provider's module and the client's."""
    monkeypatch.syspath_prepend(str(TYPING))
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "called_client.py").write_text(generate("shop"))
    importlib.invalidate_caches()
    yield importlib.import_module("shop"), importlib.import_module("called_client")
    for name in ("shop", "called_client"):
        del sys.modules[name]


def test_a_generated_client_calls_the_provider(run: Callable[..., Any], modules: tuple[ModuleType, ModuleType]) -> None:
    theirs: Any
    ours: Any
    theirs, ours = modules

    class Provider:
        async def find_item(self, key: Any, *, color: Any = None) -> Any:
            if key == "out":
                raise theirs.SoldOut(3)
            if key == "none":
                raise theirs.NoSuch(key, ["near"])
            return theirs.Item(id=1, color=color)

        def list(self, kind: Any, /, page: Any = None) -> Any:
            return theirs.Page(page.items, kind)

        async def place(self, order: Any, extra: Any, loose: Any, dashed: Any, anything: Any) -> Any:
            return [(order.item.id, theirs.Level.HIGH)]

        def move(self, *args: Any) -> None:
            pass

        def forget(self, *args: Any) -> None:
            pass

    async def main() -> None:
        server = rpcore.Server(host="127.0.0.1", port=0, registry="memory://stubgen")
        server.export(theirs.Shop, Provider())
        async with server, rpcore.Client(registry="memory://stubgen") as client:
            shop = client.refer(ours.Shop)
            item = await shop.find_item("k", color=ours.Color.RED)
            assert type(item) is ours.Item
            assert (item.id, item.color) == (1, ours.Color.RED)
            assert await shop.list("a", ours.Page([item])) == ours.Page([item], "a")
            order = ours.Order(item, ours.Circle(1.0))
            assert await shop.place(order, {"note": "n"}, {}, {"content-type": "t", "size": 1}) == [
                (1, ours.Level.HIGH)
            ]
            assert await shop.move(ours.Point(1.0)) is None
            with pytest.raises(ours.SoldOut) as sold_out:
                await shop.find_item("out")
            assert sold_out.value == ours.SoldOut(3)
            with pytest.raises(ours.NoSuch) as no_such:
                await shop.find_item("none")
            assert (no_such.value.key, no_such.value.near) == ("none", ["near"])

    run(main())
