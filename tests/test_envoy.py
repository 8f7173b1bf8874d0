"""Calls through Envoy's dubbo_proxy, which is no rpcore peer and must not be taken for one.

Envoy reads each frame: the routes, the kind of a result and the attachments it understands itself. So what passes
here is hessian2 as others read it. First what Envoy does to frames by hand, on which the tables of docs/errors.md
rely.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol

import pytest

import frames
import rig_envoy
import rpcore
from conftest import Run
from live import Recorder, serve, until
from rig_envoy import Envoy, Route
from rpcore import errors
from rpcore.decode import EVENT, HELLO, HESSIAN2, OK, REQUEST, SERIALIZATION, Frame

MIB = 1 << 20


@pytest.fixture(autouse=True)
def envoy(require: Callable[[str, str], NoReturn]) -> None:
    if reason := rig_envoy.missing():
        require("envoy", reason)


# --- frames by hand ------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [30, 31, 40, 50, 60, 70, 80, 90, 100])
def test_envoy_passes_on_the_statuses_that_it_knows(run: Run, status: int) -> None:
    async def main() -> None:
        async with (
            frames.provider(lambda asked: frames.refusal(asked.id, status, "why")) as address,
            Envoy([Route("test.Raw", address)]) as envoy,
            frames.Consumer(envoy.address) as consumer,
        ):
            answer = await consumer.call(frames.request(-5, "test.Raw", "any"))
            assert (answer.status_code, answer.id, frames.values(answer.body)) == (status, -5, ["why"])

    run(main())


@pytest.mark.parametrize("status", [25, 35])
def test_envoy_answers_for_a_provider_whose_status_it_does_not_know(run: Run, status: int) -> None:
    """Which is why we never send these. Its own texts stand behind an int, where Java writes one string."""

    async def main() -> None:
        async with (
            frames.provider(lambda asked: frames.refusal(asked.id, status, "why")) as address,
            Envoy([Route("test.Raw", address)]) as envoy,
            frames.Consumer(envoy.address) as consumer,
        ):
            answer = await consumer.call(frames.request(1, "test.Raw", "any"))
            text = f"invalid dubbo message response status {status}"
            assert (answer.status_code, frames.values(answer.body)) == (50, [0, text])

    run(main())


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"\x92", 20), (b"\x92N", 50), (b"\x95H\x05dubbo\x052.0.2Z", 20), (b"\x95H\x05dubbo\x052.0.2ZN", 20)],
    ids=["null", "null and a byte", "null with attachments", "that and a byte"],
)
def test_envoy_wants_nothing_behind_a_null_without_attachments(run: Run, body: bytes, status: int) -> None:
    async def main() -> None:
        async with (
            frames.provider(lambda asked: frames.frame(HESSIAN2, asked.id, body, OK)) as address,
            Envoy([Route("test.Raw", address)]) as envoy,
            frames.Consumer(envoy.address) as consumer,
        ):
            answer = await consumer.call(frames.request(1, "test.Raw", "any"))
            assert answer.status_code == status
            assert status != OK or answer.body == body

    run(main())


def test_envoy_answers_heartbeats_itself_and_our_hello_as_one(run: Run) -> None:
    async def main() -> None:
        asked: list[Frame] = []
        async with frames.provider(asked.append) as address, Envoy([Route("test.Raw", address)]) as envoy:
            async with frames.Consumer(envoy.address) as consumer:
                for id in (7, HELLO << 16 | 3):
                    answer = await consumer.call(frames.heartbeat(id))
                    assert (answer.flags, answer.status_code, answer.id) == (EVENT | HESSIAN2, OK, id)
                    assert answer.body == frames.HEARTBEAT
            assert not asked

    run(main())


@pytest.mark.parametrize("flags", [0xDD, 0xFD, 0xBD], ids=["request", "heartbeat", "cancel"])
def test_envoy_closes_at_a_frame_of_msgpack(run: Run, flags: int) -> None:
    async def main() -> None:
        async with (
            frames.provider(lambda asked: frames.response(asked.id, 1)) as address,
            Envoy([Route("test.Raw", address)]) as envoy,
            frames.Consumer(envoy.address) as consumer,
        ):
            await consumer.send(frames.frame(flags, 1, b"\xc0"))
            assert await consumer.closed()

    run(main())


# --- between a client and servers of ours ----------------------------------------------------------------


@rpcore.wire_name("test.envoy.Order")
@dataclass
class Order:
    id: int
    items: list[str] = field(default_factory=list)
    note: str | None = None


@rpcore.wire_name("test.envoy.SoldOut")
class SoldOut(Exception):
    def __init__(self, item: str, left: int) -> None:
        super().__init__(f"{item}: {left} left")
        self.item = item
        self.left = left


@rpcore.interface("test.envoy.Orders", version="1.0.0", timeout=5.0, retries=0, raises=(SoldOut,))
class Orders(Protocol):
    async def where(self) -> str: ...
    async def find(self, id: int) -> Order | None: ...
    async def echo(self, value: Any) -> Any: ...
    async def blob(self, data: bytes) -> bytes: ...
    async def slow(self, tag: int) -> int: ...
    async def fail(self, how: str) -> None: ...

    @rpcore.method(oneway=True)
    async def note(self, text: str) -> None: ...


@rpcore.interface("test.envoy.Stock", version="1.0.0", timeout=5.0, retries=0)
class Stock(Protocol):
    async def where(self) -> str: ...


class Shop:
    """A provider that knows its name and keeps what it was asked."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.calls = 0
        self.notes: list[str] = []
        self.attachments: dict[str, Any] = {}
        self.gate = asyncio.Event()

    async def where(self) -> str:
        self.calls += 1
        self.attachments = rpcore.context().received_attachments
        rpcore.context().reply_attachments = {"served-by": self.name}
        return self.name

    async def find(self, id: int) -> Order | None:
        return Order(id, ["a", "b"], "é中😀") if id else None

    async def echo(self, value: Any) -> Any:
        return value

    async def blob(self, data: bytes) -> bytes:
        return data

    async def slow(self, tag: int) -> int:
        self.calls += 1
        await self.gate.wait()
        return tag

    async def fail(self, how: str) -> None:
        if how == "sold out":
            raise SoldOut("tea", 3)
        raise LookupError(f"no {how}")

    async def note(self, text: str) -> None:
        self.notes.append(text)


@contextlib.asynccontextmanager
async def shop(name: str, interface: Callable[..., Any] = Orders, **options: Any) -> AsyncIterator[tuple[Shop, str]]:
    """A serving shop and its address."""
    served = Shop(name)
    async with serve(interface, served, **options) as server:
        yield served, server.address


@contextlib.asynccontextmanager
async def calling(*urls: str, interface: Callable[..., Any] = Orders, **client: Any) -> AsyncIterator[Any]:
    """A stub that calls these addresses."""
    async with rpcore.Client("memory://unused", **client) as consumer:
        yield consumer.refer(interface, url=urls)


@contextlib.asynccontextmanager
async def through_envoy(**client: Any) -> AsyncIterator[tuple[Any, Shop, Envoy]]:
    """Client, Envoy and one shop in a row."""
    async with (
        shop("shop") as (served, address),
        Envoy([Route("test.envoy.Orders", address)]) as envoy,
        calling(envoy.address, **client) as stub,
    ):
        yield stub, served, envoy


def test_routes_by_interface_method_and_attachment(run: Run) -> None:
    async def main() -> None:
        async with (
            shop("reads") as (_, reads),
            shop("red") as (_, red),
            shop("rest") as (_, rest),
            shop("stock", Stock) as (_, stock),
            Envoy(
                [
                    Route("test.envoy.Orders", reads, method="find"),
                    Route("test.envoy.Orders", red, attachments={"dubbo.tag": "red"}),
                    Route("test.envoy.Orders", rest),
                    Route("test.envoy.Stock", stock),
                ]
            ) as envoy,
            calling(envoy.address) as orders,
            calling(envoy.address, interface=Stock) as stocks,
        ):
            assert await orders.where() == "rest"
            assert await stocks.where() == "stock"
            assert await orders.find(7) == Order(7, ["a", "b"], "é中😀")
            with rpcore.options(tag="red"):
                assert await orders.where() == "red"
            with rpcore.options(tag="blue"):
                assert await orders.where() == "rest"
            counters = await envoy.counters()
            assert counters["request_twoway"] == 5
            assert counters["response_success"] == 5

    run(main())


def test_the_method_decides_where_a_call_runs(run: Run) -> None:
    async def main() -> None:
        async with (
            shop("one") as (one, at_one),
            shop("other") as (other, at_other),
            Envoy([Route("test.envoy.Orders", at_one, method="where"), Route("test.envoy.Orders", at_other)]) as envoy,
            calling(envoy.address) as orders,
        ):
            await orders.where()
            await orders.note("x")
            await until(lambda: other.notes)
            assert (one.calls, one.notes, other.calls, other.notes) == (1, [], 0, ["x"])

    run(main())


def test_attachments_pass_both_ways(run: Run) -> None:
    async def main() -> None:
        async with through_envoy(application="front") as (orders, served, _):
            with rpcore.options(attachments={"trace": "é中", "n": 5}) as block:
                await orders.where()
            assert served.attachments == {"trace": "é中", "n": "5", "remote.application": "front"}
            assert block.reply_attachments == {"served-by": "shop"}
            await orders.where()
            assert served.attachments == {"remote.application": "front"}

    run(main())


def test_a_declared_exception_arrives_as_itself(run: Run) -> None:
    async def main() -> None:
        async with through_envoy() as (orders, _, envoy):
            with pytest.raises(SoldOut, match="tea: 3 left") as caught:
                await orders.fail("sold out")
            assert (caught.value.item, caught.value.left) == ("tea", 3)
            assert isinstance(caught.value.__cause__, errors.RemoteError)
            assert caught.value.__cause__.type == "test.envoy.SoldOut"
            assert (await envoy.counters())["response_business_exception"] == 1

    run(main())


def test_any_other_exception_is_a_runtime_exception(run: Run) -> None:
    async def main() -> None:
        async with through_envoy() as (orders, _, _):
            with pytest.raises(errors.RemoteError, match="LookupError: no soup") as caught:
                await orders.fail("soup")
            assert caught.value.type == "java.lang.RuntimeException"
            assert caught.value.retry is errors.Retry.NEVER

    run(main())


@pytest.mark.parametrize("value", [None, "", 0, [], {}, {"a": [1, None]}, "x" * 70000])
def test_values_come_back(run: Run, value: Any) -> None:
    async def main() -> None:
        async with through_envoy() as (orders, _, _):
            assert await orders.echo(value) == value
            assert await orders.find(0) is None

    run(main())


def test_oneway_runs_and_has_no_answer(run: Run) -> None:
    async def main() -> None:
        async with through_envoy() as (orders, served, envoy):
            for text in ("a", "b"):
                await orders.note(text)
            await until(lambda: served.notes == ["a", "b"])
            assert await orders.where() == "shop"
            counters = await envoy.counters()
            assert (counters["request_oneway"], counters["request_twoway"], counters["response"]) == (2, 1, 1)

    run(main())


@pytest.mark.parametrize("size", [MIB, 7 * MIB])
def test_large_bodies(run: Run, size: int) -> None:
    async def main() -> None:
        async with through_envoy() as (orders, _, _):
            data = bytes(range(256)) * (size // 256)
            assert await orders.blob(data) == data
            text = "é" * (size // 8)
            assert await orders.echo(text) == text

    run(main())


def test_many_calls_in_flight(run: Run) -> None:
    async def main() -> None:
        async with through_envoy() as (orders, served, _):
            patient = rpcore.bind(orders, timeout=25.0)  # Envoy dials once for each call in flight
            calls = [asyncio.create_task(patient.slow(tag)) for tag in range(1000)]
            await until(lambda: served.calls == 1000, 20.0)
            served.gate.set()
            assert await asyncio.gather(*calls) == list(range(1000))

    run(main())


# --- what fails ------------------------------------------------------------------------------------------


def test_an_unknown_route_is_surely_not_executed(run: Run) -> None:
    async def main() -> None:
        async with (
            shop("shop") as (served, address),
            Envoy([Route("test.envoy.Orders", address, method="find")]) as envoy,
            calling(envoy.address) as orders,
            calling(envoy.address, interface=Stock) as stocks,
        ):
            for failing in (orders.where(), stocks.where()):
                with pytest.raises(errors.NoRoute, match="dubbo router: no route") as caught:
                    await failing
                assert caught.value.retry is errors.Retry.NOT_EXECUTED
            assert await orders.find(1) == Order(1, ["a", "b"], "é中😀")
            assert served.calls == 0

    run(main())


def test_an_unknown_route_may_be_tried_elsewhere(run: Run) -> None:
    async def main() -> None:
        async with (
            shop("shop") as (_, address),
            shop("direct") as (_, direct),
            Envoy([Route("test.envoy.Orders", address, method="find")]) as envoy,
            rpcore.Client("memory://unused") as client,
        ):
            orders = client.refer(Orders, url=[envoy.address, direct], retries=1)
            assert [await orders.where() for _ in range(6)] == ["direct"] * 6

    run(main())


def test_a_provider_behind_envoy_that_refuses_connections(run: Run) -> None:
    async def main() -> None:
        async with shop("gone") as (_, address):
            pass
        async with Envoy([Route("test.envoy.Orders", address)]) as envoy, calling(envoy.address) as orders:
            with pytest.raises(errors.RemoteFault, match="remote connection failure") as caught:
                await orders.where()
            assert caught.value.retry is errors.Retry.MAYBE_EXECUTED

    run(main())


def test_a_provider_that_dies_with_a_call_in_flight(run: Run) -> None:
    """Envoy answers for it. (Envoy itself aborts when such a connection ends, in 1.40: after the test.)"""

    async def main() -> None:
        async with shop("shop") as (served, address), Recorder(address) as cable:
            async with Envoy([Route("test.envoy.Orders", cable.address)]) as envoy, calling(envoy.address) as orders:
                call = asyncio.create_task(orders.slow(1))
                await until(lambda: served.calls)
                cable.cut()
                with pytest.raises(errors.RemoteFault, match="remote connection failure") as caught:
                    await call
                assert caught.value.retry is errors.Retry.MAYBE_EXECUTED
                assert await orders.where() == "shop"
            served.gate.set()

    run(main())


def test_envoy_dies_with_a_call_in_flight(run: Run) -> None:
    async def main() -> None:
        async with through_envoy() as (orders, served, envoy):
            call = asyncio.create_task(orders.slow(1))
            await until(lambda: served.calls)
            envoy.kill()
            with pytest.raises(errors.ConnectionLost):
                await call
            with pytest.raises(errors.ConnectError):
                await orders.where()
            served.gate.set()

    run(main())


def test_what_the_provider_refuses(run: Run) -> None:
    async def main() -> None:
        async with (
            shop("shop", export={"methods": {"slow": {"executes": 1}}}) as (served, address),
            Envoy([Route("test.envoy.Orders", address), Route("test.envoy.Stock", address)]) as envoy,
            calling(envoy.address) as orders,
            calling(envoy.address, interface=Stock) as stocks,
        ):
            with pytest.raises(errors.UnknownService, match=r"test\.envoy\.Stock"):
                await stocks.where()
            first = asyncio.create_task(orders.slow(1))
            await until(lambda: served.calls)
            with pytest.raises(errors.LimitExceeded):
                await orders.slow(2)
            served.gate.set()
            assert await first == 1

    run(main())


def test_a_timeout_and_a_cancelled_call_leave_the_connection_usable(run: Run) -> None:
    async def main() -> None:
        async with through_envoy() as (orders, served, _):
            with pytest.raises(errors.CallTimeout):
                await rpcore.bind(orders, timeout=0.05).slow(1)
            call = asyncio.create_task(orders.slow(2))
            await until(lambda: served.calls == 2)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            assert await orders.where() == "shop"
            served.gate.set()
            assert await orders.slow(3) == 3

    run(main())


def test_a_graceful_stop_lets_the_call_in_flight_end(run: Run) -> None:
    """The READONLY event goes to Envoy, which knows heartbeats only; the call's answer must still pass."""

    async def main() -> None:
        served = Shop("shop")
        async with (
            serve(Orders, served) as server,
            Envoy([Route("test.envoy.Orders", server.address)]) as envoy,
            calling(envoy.address) as orders,
        ):
            call = asyncio.create_task(orders.slow(1))
            await until(lambda: served.calls)
            stopping = asyncio.create_task(server.stop(5.0))
            await asyncio.sleep(0.05)  # the stop has nothing to wait for but this call
            served.gate.set()
            assert await call == 1
            await stopping

    run(main())


# --- never msgpack ---------------------------------------------------------------------------------------


def test_nothing_but_hessian2_passes_through_envoy(run: Run) -> None:
    """Our hello is answered by Envoy like any heartbeat, so neither side may take the other for rpcore."""

    async def main() -> None:
        async with (
            shop("shop", heartbeat=0.2) as (served, address),
            Recorder(address) as behind,
            Envoy([Route("test.envoy.Orders", behind.address)]) as envoy,
            Recorder(envoy.address) as before,
            calling(before.address, heartbeat=0.2) as orders,
        ):
            await orders.find(1)
            with contextlib.suppress(SoldOut):
                await orders.fail("sold out")
            await orders.note("x")
            cancelled = asyncio.create_task(orders.slow(1))
            await until(lambda: served.calls)
            cancelled.cancel()
            await asyncio.wait([cancelled])
            await until(lambda: len([f for f in before.frames(outgoing=True) if f.flags & EVENT]) >= 3)
            await until(lambda: len([f for f in before.frames(outgoing=False) if f.flags & EVENT]) >= 3)
            assert await orders.find(0) is None  # after the heartbeats, on the same connection
            assert before.accepted == 1
            served.gate.set()
            sent, received = before.frames(outgoing=True), before.frames(outgoing=False)
            for frame in [*sent, *received, *behind.frames(outgoing=True), *behind.frames(outgoing=False)]:
                assert frame.flags & SERIALIZATION == HESSIAN2, frame
            hello = sent[0]
            assert (hello.id >> 16, hello.body) == (HELLO, frames.HEARTBEAT)
            events = [f for f in sent if f.flags & EVENT]
            assert {f.body for f in events} == {frames.HEARTBEAT}, "only heartbeats: a cancel event is for rpcore"
            assert [f.id for f in events[:3]] == [f.id for f in received if f.flags & EVENT][:3]
            assert all(not f.flags & REQUEST for f in received)

    run(main())


def test_the_choice_of_msgpack_is_refused_and_not_tried(run: Run) -> None:
    async def main() -> None:
        async with (
            shop("shop") as (served, address),
            Envoy([Route("test.envoy.Orders", address)]) as envoy,
            Recorder(envoy.address) as before,
            rpcore.Client("memory://unused") as client,
        ):
            orders = client.refer(Orders, url=before.address, serialization="msgpack")
            with pytest.raises(errors.RpcError, match="msgpack"):
                await orders.where()
            assert served.calls == 0
            assert [f.flags & EVENT for f in before.frames(outgoing=True)] == [EVENT]

    run(main())
