"""What came with a call being served goes on with the calls its handler makes, by Dubbo 3's rule, and no further."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Protocol

import pytest

import rpcore
from rpcore import errors

Run = Any


@rpcore.interface("org.demo.Inner")
class Inner(Protocol):
    async def seen(self) -> dict[str, Any]: ...


@rpcore.interface("org.demo.Outer")
class Outer(Protocol):
    async def through(self, own: dict[str, str]) -> list[dict[str, Any]]: ...


class Inners:
    async def seen(self) -> dict[str, Any]:
        return dict(rpcore.context().received_attachments)


class Outers:
    def __init__(self, inner: Inner) -> None:
        self.inner = inner

    async def through(self, own: dict[str, str]) -> list[dict[str, Any]]:
        with rpcore.options(attachments=own):
            first = await self.inner.seen()
        # Also in a task of the handler, and without the block's own.
        return [first, await asyncio.create_task(self.inner.seen())]


async def passed(
    sent: dict[str, Any], own: dict[str, str], serialization: str, **forwarding: Any
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """What the inner service saw of ``sent``, twice, and then in a call that nothing came with."""
    inner = rpcore.Server(register=False, host="127.0.0.1", port=0, grace=0.0)
    inner.export(Inner, Inners())
    async with inner, rpcore.Client("memory://unused", application="outer", **forwarding) as middle:
        stub = middle.refer(Inner, url=inner.address, serialization=serialization)
        outer = rpcore.Server(register=False, host="127.0.0.1", port=0, grace=0.0)
        outer.export(Outer, Outers(stub))
        async with outer, rpcore.Client("memory://unused", application="first") as client:
            first = client.refer(Outer, url=outer.address, serialization=serialization)
            with rpcore.options(attachments=sent):
                found = await first.through(own)
            plain = await first.through({})
            assert plain[0] == plain[1]
            return found, plain[0]


SENT = {"user": "ann", "trace": "t1", "dubbo.tag": "gray", "generic": "x"}
OWN = {"remote.application": "outer"}
"""What every call of the middle client says itself."""


@pytest.mark.parametrize("serialization", ["msgpack", "hessian2"])
@pytest.mark.parametrize(
    ("forwarding", "kept"),
    [
        ({}, {"user": "ann", "trace": "t1"}),
        ({"forward_attachments": True}, {"user": "ann", "trace": "t1"}),
        ({"forward_attachments": False}, {}),
        ({"forward_attachments": ["trace", "missing"]}, {"trace": "t1"}),
        ({"forward_attachments": ("generic",)}, {"generic": "x"}),
        ({"forward_tag": True}, {"user": "ann", "trace": "t1", "dubbo.tag": "gray"}),
        ({"forward_attachments": False, "forward_tag": True}, {"dubbo.tag": "gray"}),
    ],
)
def test_what_goes_on(run: Run, serialization: str, forwarding: dict[str, Any], kept: dict[str, str]) -> None:
    async def main() -> None:
        found, after = await passed(SENT, {}, serialization, **forwarding)
        assert found == [kept | OWN] * 2
        assert after == OWN

    run(main())


@pytest.mark.parametrize("serialization", ["msgpack", "hessian2"])
def test_what_the_handler_says_itself_wins(run: Run, serialization: str) -> None:
    async def main() -> None:
        found, _ = await passed({"user": "ann", "trace": "t1"}, {"user": "bob"}, serialization)
        assert found == [{"user": "bob", "trace": "t1"} | OWN, {"user": "ann", "trace": "t1"} | OWN]

    run(main())


@pytest.mark.parametrize("wrong", ["user", [1], [], ()])
def test_keys_are_given_as_a_collection_of_names(wrong: Iterable[Any]) -> None:
    for client in (rpcore.Client, rpcore.sync.Client):
        with pytest.raises(errors.ConfigurationError, match="forward_attachments"):
            client("memory://unused", forward_attachments=wrong)
