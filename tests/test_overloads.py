"""Overloads: methods of one wire name, told apart by the Java types of their parameters."""

from __future__ import annotations

from typing import Annotated, Any, Protocol

import click
import pytest

import rpcore
from conftest import Run
from live import serve, serving
from rpcore.cli.call import Call
from rpcore.errors import ConfigurationError, UnknownMethod
from rpcore.options import layer, resolve
from rpcore.service import interface, interface_spec, method
from rpcore.types import Array, Descriptor, Int


@interface("demo.Overloaded", timeout=1.0)
class Overloaded(Protocol):
    @method(timeout=2.0)
    async def over(self, number: Int) -> str: ...

    @method(name="over", timeout=3.0)
    async def over_text(self, text: str) -> str: ...

    @method(name="over")
    async def over_described(self, text: Annotated[str, Descriptor("Ljava/lang/CharSequence;")]) -> str: ...

    async def alone(self, number: int) -> None: ...


def test_overloads_are_told_apart_by_descriptor() -> None:
    resolved = {each.spec.name: each for each in interface_spec(Overloaded).resolve()}
    assert {name: (each.spec.wire_name, each.descriptor, each.msgpack_name) for name, each in resolved.items()} == {
        "over": ("over", "I", "over(I)"),
        "over_text": ("over", "Ljava/lang/String;", "over(Ljava/lang/String;)"),
        "over_described": ("over", "Ljava/lang/CharSequence;", "over(Ljava/lang/CharSequence;)"),
        "alone": ("alone", "J", "alone"),
    }


def test_a_view_has_the_overloads_of_its_interface() -> None:
    @interface(of=Overloaded)
    class View(Protocol):
        def over_text(self, text: str) -> str: ...

    (only,) = interface_spec(View).resolve()
    assert only.msgpack_name == "over(Ljava/lang/String;)"  # although the view has no other


def test_each_overload_has_options_of_its_own_and_those_given_by_wire_name() -> None:
    spec = interface_spec(Overloaded)
    given = layer("refer", {}, {"over": {"retries": 0}}, place="refer", where="x", wire_names=spec.wire_names)
    by_method = {m.name: resolve(m.wire_name, declaration=spec.layer_of(m), refer=given) for m in spec.methods}
    assert {name: (each.timeout, each.retries) for name, each in by_method.items()} == {
        "over": (2.0, 0),
        "over_text": (3.0, 0),
        "over_described": (1.0, 0),
        "alone": (1.0, 2),
    }


class Serves:
    async def over(self, number: int) -> str:
        return f"number {number}"

    async def over_text(self, text: str) -> str:
        return f"text {text}"

    def over_described(self, text: str) -> str:
        return f"described {text}"

    async def alone(self, number: int) -> None:
        return None


@pytest.mark.parametrize("serialization", ["msgpack", "hessian2"])
def test_calls_reach_the_overload_of_their_python_name(run: Run, serialization: str) -> None:
    async def main() -> None:
        async with serving(Overloaded, Serves(), refer={"serialization": serialization}) as stub:
            assert await stub.over(1) == "number 1"
            assert await stub.over_text("1") == "text 1"
            assert await stub.over_described("1") == "described 1"
            assert await stub.alone(1) is None

    run(main())


def test_versions_that_are_none_find_overloads_too(run: Run) -> None:
    async def main() -> None:
        async with serving(Overloaded, Serves(), refer={"version": "0.0.0"}) as stub:
            assert await stub.over_text("1") == "text 1"

    run(main())


def test_an_overload_that_the_provider_has_not(run: Run) -> None:
    @interface("demo.Overloaded")
    class More(Protocol):
        async def over(self, numbers: Array[Int]) -> str: ...

        @method(name="over")
        async def over_text(self, text: str) -> str: ...

    async def main() -> None:
        async with serve(Overloaded, Serves()) as server, rpcore.Client("memory://unused") as client:
            stub = client.refer(More, url=server.address)
            assert await stub.over_text("1") == "text 1"
            with pytest.raises(UnknownMethod, match=r"over\(\[I\)"):
                await stub.over([1])

    run(main())


def test_a_provider_publishes_a_wire_name_once() -> None:
    server = rpcore.Server("memory://overloads", host="127.0.0.1", port=0)
    server.export(Overloaded, Serves())
    (instance,) = server.instances()
    assert instance.methods == ("over", "alone")


def test_the_command_line_takes_the_python_name() -> None:
    called = Call("demo.Overloaded", "over_text", Overloaded)
    assert called.typed(["x"]) == ("x",)
    assert Call("demo.Overloaded", "over(Ljava/lang/String;)", Overloaded).typed(["x"]) == ("x",)


def test_the_command_line_refuses_a_name_that_is_several_methods() -> None:
    @interface("demo.Shared")
    class Shared(Protocol):
        @method(name="over")
        async def over_number(self, number: int) -> None: ...

        @method(name="over")
        async def over_text(self, text: str) -> None: ...

    with pytest.raises(click.ClickException, match="say over_number or over_text"):
        Call("demo.Shared", "over", Shared)


@pytest.mark.parametrize("text", ["", "com.x.User", "Lcom.x.User;", "II", "Ljava/lang/String", "Q", "V"])
def test_a_descriptor_is_checked(text: str) -> None:
    @interface("demo.Wrong")
    class Wrong(Protocol):
        async def find(self, user: Annotated[Any, Descriptor(text)]) -> None: ...

    with pytest.raises(ConfigurationError, match=r"Wrong.find: parameter 'user': Descriptor\(.*JVM"):
        rpcore.check(Wrong)
