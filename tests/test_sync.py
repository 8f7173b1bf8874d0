"""The blocking client: what calls give and raise. Connections have their own tests, processes too."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import rpcore
from blocking import (
    Point,
    Refused,
    ServerThread,
    Shop,
    ShopKeeper,
    ShopSync,
    free_port,
    nothing_left,
    threads,
    until,
)
from rpcore import errors, sync
from rpcore.abc import Invoker
from rpcore.model import Invocation
from rpcore.registry.memory import MemoryRegistry

pytestmark = pytest.mark.usefixtures("clean")


@pytest.fixture
def clean() -> Iterator[None]:
    with nothing_left():
        yield


@pytest.fixture
def server(clean: None) -> Iterator[ServerThread]:
    with ServerThread() as server:
        yield server


@pytest.fixture
def client(server: ServerThread) -> Iterator[sync.Client]:
    with sync.Client("memory://blocking") as client:
        yield client


@pytest.fixture
def shop(server: ServerThread, client: sync.Client) -> ShopSync:
    return client.refer(ShopSync, url=server.url)


# --- values and errors ------------------------------------------------------------------------------------


def test_values_of_all_kinds(shop: ShopSync) -> None:
    assert shop.echo("hi") == "hi"
    assert shop.move(Point(1, 2.5, ["a"]), by=2) == Point(3, 4.5, ["a", "moved"])
    assert shop.move(Point(1, 2.5, [])) == Point(2, 3.5, ["moved"])
    assert shop.blob(b"") == b""


@pytest.mark.parametrize("size", [40_000, 70_000, 3_000_000])
def test_large_bodies(shop: ShopSync, size: int) -> None:
    data = bytes(range(256)) * (size // 256)
    assert shop.blob(data) == data
    assert shop.echo("after it") == "after it"


def test_a_stub_is_what_was_declared(shop: ShopSync) -> None:
    assert ShopSync in type(shop).__mro__
    assert inspect.signature(shop.move) == inspect.signature(ShopSync.move).replace(
        parameters=list(inspect.signature(ShopSync.move).parameters.values())[1:]
    )
    assert shop.echo.__doc__ == "The value again."
    assert not inspect.iscoroutinefunction(shop.echo)


def test_a_declared_exception_is_raised_itself(shop: ShopSync) -> None:
    with pytest.raises(Refused) as caught:
        shop.refuse("closed")
    assert (caught.value.reason, caught.value.code) == ("closed", 7)
    assert isinstance(caught.value.__cause__, errors.RemoteError)


def test_any_other_exception_is_a_remote_error(shop: ShopSync, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(errors.RemoteError) as caught:
        shop.crash()
    assert caught.value.type == "KeyError"
    assert (caught.value.service, caught.value.method) == ("org.demo.Shop", "crash")


def test_a_wrong_argument_is_refused_here(shop: ShopSync) -> None:
    with pytest.raises(errors.EncodeError, match=r"value.*expected str, got int"):
        shop.echo(5)  # type: ignore[arg-type]
    assert shop.echo("the connection lives") == "the connection lives"


def test_a_too_large_request_fails_alone(server: ServerThread, client: sync.Client) -> None:
    shop = client.refer(ShopSync, url=server.url, payload=1000)
    with pytest.raises(errors.PayloadTooLarge, match="payload"):
        shop.blob(b"x" * 2000)
    assert shop.echo("next") == "next"


# --- time -------------------------------------------------------------------------------------------------


def test_a_timeout_is_neither_early_nor_late(shop: ShopSync) -> None:
    quick = rpcore.bind(shop, timeout=0.15, retries=0)
    started = time.monotonic()
    with pytest.raises(errors.CallTimeout, match=r"org\.demo\.Shop\.nap"):
        quick.nap(5.0)
    assert 0.15 <= time.monotonic() - started < 0.15 + 0.25  # promised: 10 ms, on a quiet machine


def test_a_late_reply_disturbs_nobody(shop: ShopSync, server: ServerThread) -> None:
    for _ in range(5):
        with pytest.raises(errors.CallTimeout):
            rpcore.bind(shop, timeout=0.02, retries=0).nap(0.05)
        assert shop.echo("mine") == "mine"
    assert server.shop.naps == 5


def test_the_deadline_is_inherited_from_the_block(shop: ShopSync) -> None:
    with rpcore.options(timeout=0.05, retries=0), pytest.raises(errors.CallTimeout):
        shop.nap(5.0)
    assert shop.nap(0.0) == "slept 0.0"


def test_a_call_made_while_serving_inherits_the_deadline(clean: None, client: sync.Client, shop: ShopSync) -> None:
    took: list[float] = []

    class Relay(ShopKeeper):
        def nap(self, seconds: float) -> str:  # type: ignore[override]  # a def handler, in a thread
            started = time.monotonic()
            try:
                return shop.nap(seconds)
            finally:
                took.append(time.monotonic() - started)

    with ServerThread(shop=Relay()) as relay:
        relayed = client.refer(ShopSync, url=relay.url)
        assert relayed.nap(0.0) == "slept 0.0"
        with pytest.raises(errors.CallTimeout):
            rpcore.bind(relayed, timeout=0.1, retries=0).nap(5.0)
        until(lambda: len(took) == 2)
        assert took[1] < 1.0


def test_a_first_call_waits_for_the_provider_list_within_its_deadline(clean: None, tmp_path: Path) -> None:
    registry = f"file://{tmp_path}"
    with sync.Client(registry) as client:
        shop = client.refer(ShopSync)
        with pytest.raises(errors.NoProvider):
            shop.echo("nobody there")
    with sync.Client(registry) as client:
        shop = client.refer(ShopSync)
        with ServerThread(registry=registry, register=True):
            client.ready()
            assert shop.echo("hi") == "hi"


def test_a_registry_that_never_answers_costs_a_call_its_deadline(clean: None) -> None:
    class Silent(MemoryRegistry):
        async def start(self) -> None:
            await asyncio.Event().wait()

    client = sync.Client(Silent("silent"))
    shop = client.refer(ShopSync, timeout=0.1, deadline=0.1)
    with pytest.raises(errors.NoProvider, match="no provider list"):
        shop.echo("hi")
    client.close()


# --- everything else a call can carry ---------------------------------------------------------------------


def test_attachments_travel_both_ways(shop: ShopSync) -> None:
    with rpcore.options(attachments={"trace": "t-1"}) as block:
        assert shop.attachments()["trace"] == "t-1"
        assert block.reply_attachments == {"answer": "yes"}
    assert "trace" not in shop.attachments()


def test_attachments_of_the_reference(server: ServerThread, client: sync.Client) -> None:
    shop = client.refer(ShopSync, url=server.url, attachments={"tenant": "a"}, tag="gray")
    sent = shop.attachments()
    assert (sent["tenant"], sent["dubbo.tag"]) == ("a", "gray")


def test_oneway_returns_at_once(shop: ShopSync) -> None:
    for number in range(3):
        assert shop.note(str(number)) is None
    until(lambda: shop.notes() == ["0", "1", "2"])


def test_a_service_named_by_a_string(server: ServerThread, client: sync.Client) -> None:
    generic = client.refer("org.demo.Shop", url=server.url)
    assert generic.call("echo", "hi") == "hi"
    assert generic.call("move", {"x": 1, "y": 2.0, "tags": []}, 5) == {"x": 6, "y": 7.0, "tags": ["moved"]}
    with pytest.raises(errors.UnknownMethod, match="echo"):
        generic.call("ecco", "hi")
    assert generic.echo("hi") == "hi"
    assert generic.invoke("echo", ["java.lang.Object"], ["hi"], timeout=1.0) == "hi"
    assert generic.invoke("attachments", attachments={"trace": "t-1"})["trace"] == "t-1"
    assert repr(generic) == f"<sync.GenericService org.demo.Shop at {server.url.removeprefix('dubbo://')}>"
    with pytest.raises(errors.ConfigurationError, match="unknown option 'timeot'"):
        generic.invoke("echo", None, ["hi"], timeot=1.0)


def test_a_unix_socket(clean: None, tmp_path: Path) -> None:
    path = f"unix:{tmp_path}/shop.sock"
    with ServerThread(host=path), sync.Client("memory://") as client:
        shop = client.refer(ShopSync, url=path)
        assert shop.echo("hi") == "hi"
        assert shop.blob(b"x" * 500_000) == b"x" * 500_000


# --- filters ----------------------------------------------------------------------------------------------


def test_filters_run_around_the_call_and_around_each_attempt(server: ServerThread, clean: None) -> None:
    seen: list[str] = []

    async def call_filter(invocation: Invocation, call_next: Invoker) -> Any:
        seen.append(f"call {invocation.method}")
        invocation.attachments["by"] = "filter"
        result = await call_next(invocation)
        seen.append(f"answer {invocation.response_attachments}")
        return result

    @rpcore.per_attempt
    async def attempt_filter(invocation: Invocation, call_next: Invoker) -> Any:
        seen.append(f"attempt {invocation.attempt}")
        return await call_next(invocation)

    dead = f"dubbo://127.0.0.1:{free_port()}"
    with sync.Client("memory://", filters=[call_filter, attempt_filter]) as client:
        shop = client.refer(ShopSync, url=[dead, server.url], loadbalance="roundrobin")
        assert {shop.attachments()["by"] for _ in range(2)} == {"filter"}
    assert seen.count("call attachments") == 2
    assert seen.count("answer {'answer': 'yes'}") == 2
    assert "attempt 2" in seen


def test_a_filter_may_answer_and_raise(server: ServerThread, client: sync.Client) -> None:
    async def never(invocation: Invocation, call_next: Invoker) -> Any:
        if invocation.arguments == ("raise",):
            raise ValueError("no")
        return "cached"

    shop = client.refer(ShopSync, url=server.url, filters=[never])
    assert shop.echo("x") == "cached"
    with pytest.raises(ValueError, match="no"):
        shop.echo("raise")


def test_a_filter_that_waits_for_a_loop_is_told_so(server: ServerThread, client: sync.Client) -> None:
    async def waits(invocation: Invocation, call_next: Invoker) -> Any:
        await asyncio.sleep(0)
        return await call_next(invocation)

    shop = client.refer(ShopSync, url=server.url, filters=[waits])
    with pytest.raises(errors.LocalProtocolError, match=r"waits\(\) -> sleep\(\) waited for something that needs"):
        shop.echo("x")


# --- misuse -----------------------------------------------------------------------------------------------


def test_each_client_takes_its_kind_of_interface(clean: None) -> None:
    with pytest.raises(errors.ConfigurationError, match=r"Shop.*takes a blocking view.*of=Shop"):
        sync.Client("memory://").refer(Shop)
    with pytest.raises(errors.ConfigurationError, match=r"ShopSync.*rpcore\.sync\.Client"):
        rpcore.Client("memory://").refer(ShopSync)
    with pytest.raises(errors.ConfigurationError, match="not a declared interface"):
        sync.Client("memory://").refer(ShopKeeper)


@pytest.mark.parametrize("option", ["connect_timeout", "heartbeat", "connections", "idle_timeout"])
def test_options_are_checked_when_it_is_made(option: str) -> None:
    with pytest.raises(errors.ConfigurationError, match=option):
        sync.Client("memory://", **{option: 0})


def test_an_unusable_registry_is_reported_by_start_and_by_calls(clean: None, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    client = sync.Client(f"file://{tmp_path}/file")
    shop = client.refer(ShopSync)
    for _ in range(2):
        with pytest.raises(errors.ConfigurationError):
            client.start()
    with pytest.raises(errors.ConfigurationError):
        shop.echo("hi")
    client.close()


def test_a_closed_client_says_so(server: ServerThread, client: sync.Client, shop: ShopSync) -> None:
    shop.echo("hi")
    client.close()
    client.close()
    with pytest.raises(errors.LocalProtocolError, match="closed"):
        shop.echo("hi")
    with pytest.raises(errors.LocalProtocolError, match="closed"):
        client.refer(ShopSync)
    with pytest.raises(errors.LocalProtocolError, match="closed"):
        client.start()


def test_ready_names_what_is_missing(clean: None) -> None:
    with sync.Client("memory://empty") as client:
        client.refer(ShopSync)
        with pytest.raises(errors.NoProvider, match=r"org\.demo\.Shop.*memory://empty"):
            client.ready(0.05)


# --- threads ----------------------------------------------------------------------------------------------


def test_many_threads_share_one_client(server: ServerThread, clean: None) -> None:
    client = sync.Client("memory://")
    shop = client.refer(ShopSync, url=server.url)
    begin = threading.Barrier(32)

    def call(number: int) -> None:
        begin.wait()  # the first calls of all, which start the client, come together
        for turn in range(20):
            assert shop.echo(f"{number}/{turn}") == f"{number}/{turn}"

    with threads(32, call) as failures:
        pass
    assert failures == []
    assert 1 <= server.connections() <= 32
    client.close()


def test_each_thread_may_refer_for_itself(server: ServerThread, client: sync.Client) -> None:
    def call(number: int) -> None:
        shop = client.refer(ShopSync, url=server.url)
        assert shop.echo(str(number)) == str(number)

    with threads(16, call) as failures:
        pass
    assert failures == []


def test_options_of_one_thread_are_not_those_of_another(server: ServerThread, shop: ShopSync) -> None:
    inside, checked = threading.Event(), threading.Event()

    def other(number: int) -> None:
        inside.wait()
        assert "who" not in shop.attachments()
        checked.set()

    with threads(1, other) as failures, rpcore.options(attachments={"who": "me"}):
        inside.set()
        assert checked.wait(10)
        assert shop.attachments()["who"] == "me"
    assert failures == []
