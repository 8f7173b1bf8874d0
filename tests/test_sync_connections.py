"""The blocking client's connections: lent, kept, doubted, replaced; and which provider a call goes to meanwhile."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

import rpcore
from blocking import (
    RawPeer,
    ServerProcess,
    ServerThread,
    ShopSync,
    answer,
    free_port,
    greet,
    nothing_left,
    read_frame,
    threads,
    until,
)
from rpcore import errors, sync

HEARTBEAT = 0x20  # the flag of events, in the third byte of a header


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    with nothing_left():
        yield


@pytest.fixture
def client(clean: None) -> Iterator[sync.Client]:
    with sync.Client("memory://", connect_timeout=2.0) as client:
        yield client


def peer_of(client: sync.Client, server: ServerThread | ServerProcess | RawPeer) -> sync.peers.Peer:
    assert client._running is not None
    return client._running.peers._by_address[f"127.0.0.1:{server.port}"]


def silently(sock: socket.socket) -> None:
    """Greet, then read and say nothing."""
    greet(sock)
    while sock.recv(65536):
        pass


# --- providers that go and come -----------------------------------------------------------------------------


@pytest.mark.parametrize("call", [lambda shop: shop.once(), lambda shop: shop.nap(0.0)], ids=["failfast", "any"])
def test_the_first_call_after_a_restart_does_not_fail(client: sync.Client, call: Callable[[ShopSync], str]) -> None:
    with ServerThread() as before:
        shop = client.refer(ShopSync, url=before.url)
        call(shop)
    with ServerThread(port=before.port) as after:
        call(shop)
        assert after.connections() == 1


def test_a_killed_provider_costs_no_call_that_may_be_repeated(client: sync.Client) -> None:
    with ServerProcess(name="a") as a, ServerThread(name="b") as b:
        shop = client.refer(ShopSync, url=[a.url, b.url], loadbalance="roundrobin")
        assert {shop.read() for _ in range(10)} == {"a", "b"}
        a.kill()
        assert {shop.read() for _ in range(20)} == {"b"}  # idempotent
        assert {shop.echo("x") for _ in range(20)} == {"x"}  # nothing was sent to a, so it may go elsewhere


def test_a_call_in_flight_to_a_killed_provider(client: sync.Client) -> None:
    with ServerProcess(name="a") as a, ServerThread(name="b") as b:
        shop = client.refer(ShopSync, url=[a.url, b.url], loadbalance="roundrobin")
        assert {shop.read(), shop.read()} == {"a", "b"}
        answers: list[str] = []
        lost: list[errors.ConnectionLost] = []

        def repeatable(number: int) -> None:
            answers.append(shop.read(1.0))

        def once_only(number: int) -> None:
            try:
                answers.append(shop.nap(1.0))
            except errors.ConnectionLost as error:
                lost.append(error)

        with threads(2, repeatable) as failed:
            until(lambda: sent(client, a) + sent(client, b) == 2)  # one to each, by turns, as the other two
            with threads(2, once_only) as failed_too:
                until(lambda: (sent(client, a), sent(client, b)) == (2, 2))
                a.kill()
        assert failed == failed_too == []
        assert sorted(answers) == ["b", "b", "slept 1.0"]
        assert [error.address for error in lost] == [f"127.0.0.1:{a.port}"]


def sent(client: sync.Client, server: ServerThread | ServerProcess) -> int:
    """Calls on their way to it, or executed there."""
    return sum(line.connection.in_flight for line in peer_of(client, server).lines.copy())


def nodes(client: sync.Client) -> list[rpcore._core.Node]:
    return [node for referral in client._referrals for node in referral.snapshot.nodes]


def test_a_refused_provider_is_left_alone_and_comes_back(client: sync.Client) -> None:
    port = free_port()
    with ServerThread(name="up") as up:
        shop = client.refer(ShopSync, url=[up.url, f"dubbo://127.0.0.1:{port}"], loadbalance="roundrobin")
        assert {shop.read() for _ in range(4)} == {"up"}
        until(lambda: len(client._referrals[0].snapshot.usable) == 1)
        with ServerThread(port=port, name="back") as back:
            until(lambda: len(client._referrals[0].snapshot.usable) == 2)
            assert back.connections() == 1  # the probe's
            assert {shop.once() for _ in range(4)} == {"up", "back"}


def test_all_refused_names_every_attempt(client: sync.Client) -> None:
    ports = [free_port(), free_port()]
    shop = client.refer(ShopSync, url=[f"dubbo://127.0.0.1:{port}" for port in ports])
    with pytest.raises(errors.ConnectError) as caught:
        shop.echo("x")
    assert len(caught.value.attempts) == 3
    assert all(str(port) in str(caught.value) for port in ports)
    assert "refused" in str(caught.value)


def test_readonly_on_an_idle_connection_is_seen_before_a_call_uses_it(client: sync.Client) -> None:
    with ServerThread(name="a") as a, ServerThread(name="b") as b:
        shop = client.refer(ShopSync, url=[a.url, b.url], loadbalance="roundrobin")
        assert {shop.once() for _ in range(4)} == {"a", "b"}
        a.send_readonly()
        assert [shop.once() for _ in range(10)] == ["b"] * 10
        a.send_readonly(False)
        until(lambda: shop.once() == "a")
        assert a.connections() == 1


def test_a_readonly_provider_is_called_while_there_is_no_other(client: sync.Client) -> None:
    with ServerThread(name="a") as a:
        shop = client.refer(ShopSync, url=a.url)
        shop.once()
        a.send_readonly()
        assert shop.once() == "a"


def test_rolling_restarts_lose_no_call(client: sync.Client) -> None:
    ends = threading.Event()
    with contextlib.ExitStack() as restarted, ServerThread(name="a") as a, ServerThread(name="b") as b:
        shop = client.refer(ShopSync, url=[a.url, b.url], loadbalance="random")

        def call(number: int) -> None:
            while not ends.is_set():
                shop.nap(0.001)

        with threads(4, call) as failures:
            until(lambda: a.shop.naps > 10 and b.shop.naps > 10)
            a.stop(grace=5.0)
            again = restarted.enter_context(ServerThread(port=a.port, name="a"))
            until(lambda: again.shop.naps > 10 or failures)
            b.stop(grace=5.0)
            ends.set()
        assert failures == []


# --- how many -----------------------------------------------------------------------------------------------


def test_a_thread_that_finds_all_connections_in_use_waits(clean: None) -> None:
    with ServerThread() as server, sync.Client("memory://", connections=1) as client:
        shop = client.refer(ShopSync, url=server.url)

        def call(number: int) -> None:
            assert shop.nap(0.05) == "slept 0.05"

        with threads(4, call) as failures:
            pass
        assert failures == []
        assert server.connections() == 1


def test_it_waits_within_its_timeout(clean: None) -> None:
    with ServerThread() as server, sync.Client("memory://", connections=1) as client:
        shop = client.refer(ShopSync, url=server.url)
        with threads(1, lambda number: shop.nap(0.5)) as failures:
            assert server.shop.nap_begun.wait(10)
            with pytest.raises(errors.CallTimeout, match=r"all 1 connections stayed in use \(option: connections\)"):
                rpcore.bind(shop, timeout=0.05, deadline=0.05).echo("x")
        assert failures == []
        assert shop.echo("x") == "x"


def test_few_connections_serve_many_threads_fairly(clean: None) -> None:
    with ServerThread() as server, sync.Client("memory://", connections=2) as client:
        shop = client.refer(ShopSync, url=server.url, timeout=10.0)
        ends = threading.Event()
        made = [0] * 8
        begin = threading.Barrier(8)

        def call(number: int) -> None:
            begin.wait()
            while not ends.is_set():
                shop.echo("x")
                made[number] += 1

        with threads(8, call) as failures:
            until(lambda: sum(made) > 800)
            ends.set()
        assert failures == []
        assert server.connections() == 2
        assert min(made) > 40  # an even share is 100


def test_unused_connections_are_closed_but_for_one(clean: None) -> None:
    with ServerThread() as server, sync.Client("memory://", idle_timeout=0.1) as client:
        shop = client.refer(ShopSync, url=server.url)
        with threads(4, lambda number: shop.nap(0.05)) as failures:
            pass
        assert failures == []
        until(lambda: server.connections() == 1)
        assert peer_of(client, server).usable
        assert shop.echo("x") == "x"


def test_a_service_that_asks_for_more_connections_gets_them(clean: None) -> None:
    with ServerThread() as server, sync.Client("memory://", connections=1) as client:
        shop = client.refer(ShopSync, url=server.url, connections=2)
        with threads(2, lambda number: shop.nap(0.1)) as failures:
            until(lambda: server.shop.naps == 2)
        assert failures == []


# --- liveness -----------------------------------------------------------------------------------------------


def test_an_idle_connection_is_kept_alive_by_heartbeats(clean: None) -> None:
    beats = []

    def script(sock: socket.socket) -> None:
        greet(sock)
        while True:
            header, _ = read_frame(sock)
            if header[2] & HEARTBEAT:
                beats.append(header)
                sock.sendall(b"\xda\xbb\x22\x14" + header[4:12] + b"\0\0\0\1\x4e")
            else:
                answer(sock, header, b"\xa2ok")

    with RawPeer(script) as peer, sync.Client("memory://", heartbeat=0.06) as client:
        shop = client.refer(ShopSync, url=peer.url)
        assert shop.echo("x") == "ok"
        until(lambda: len(beats) > 3)
        assert shop.echo("x") == "ok"
        assert peer.accepted == 1


def test_an_idle_connection_that_answers_no_heartbeat_is_closed(clean: None) -> None:
    def script(sock: socket.socket) -> None:
        greet(sock)
        header, _ = read_frame(sock)
        answer(sock, header, b"\xa2ok")
        while sock.recv(1000):
            pass

    with RawPeer(script) as peer, sync.Client("memory://", heartbeat=0.05) as client:
        assert client.refer(ShopSync, url=peer.url).echo("x") == "ok"
        until(lambda: peer.accepted == 2)  # closed, and replaced in the background


def test_a_silent_peer_is_doubted_and_calls_go_elsewhere(client: sync.Client) -> None:
    probed, answering = threading.Event(), threading.Event()

    def script(sock: socket.socket) -> None:
        greet(sock)
        while True:
            header, _ = read_frame(sock)
            if header[2] & HEARTBEAT and header[2] & 0x40:
                probed.set()
                answering.wait(10)
                sock.sendall(b"\xda\xbb\x22\x14" + header[4:12] + b"\0\0\0\1\x4e")
            elif answering.is_set():
                answer(sock, header, b"\xa5black")

    with RawPeer(script) as black, ServerThread(name="white") as white:
        shop = client.refer(ShopSync, url=[black.url, white.url], loadbalance="roundrobin")
        quick = rpcore.bind(shop, timeout=0.1, retries=1)
        assert {quick.read() for _ in range(2)} == {"white"}  # one of them at the second attempt
        assert probed.wait(10)
        assert {shop.once() for _ in range(10)} == {"white"}
        assert not peer_of(client, black).usable
        answering.set()
        until(lambda: shop.once() == "black")
        assert black.accepted == 1


def test_a_peer_that_does_not_read_is_given_up(client: sync.Client) -> None:
    done = threading.Event()

    def script(sock: socket.socket) -> None:
        greet(sock)
        done.wait(10)

    with RawPeer(script) as peer:
        shop = client.refer(ShopSync, url=peer.url, timeout=0.2, deadline=0.2)
        with pytest.raises(errors.CallTimeout, match="reads too slowly"):
            shop.blob(b"x" * 8_000_000)
        done.set()


def test_a_large_request_does_not_wait_for_a_large_late_reply(client: sync.Client) -> None:
    """The peer stops reading while it writes: whoever only wrote as well would wait for ever."""

    def script(sock: socket.socket) -> None:
        greet(sock)
        late, _ = read_frame(sock)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        begin = threading.Event()
        threading.Timer(0.1, begin.set).start()
        begin.wait()
        body = b"\x93\x00\xc6" + (6_000_000).to_bytes(4, "big") + b"l" * 6_000_000 + b"\xc0"
        sock.sendall(b"\xda\xbb\x1d\x14" + late[4:12] + len(body).to_bytes(4, "big") + body)
        while True:
            header, _ = read_frame(sock)
            if not header[2] & HEARTBEAT:
                answer(sock, header, b"\xc4\x04fine")
            elif header[2] & 0x40:
                sock.sendall(b"\xda\xbb\x22\x14" + header[4:12] + b"\0\0\0\1\x4e")

    with RawPeer(script) as peer:
        shop = client.refer(ShopSync, url=peer.url)
        with pytest.raises(errors.CallTimeout):
            rpcore.bind(shop, timeout=0.05, retries=0).blob(b"small")
        line = next(iter(peer_of(client, peer).lines))
        until(lambda: line in peer_of(client, peer).idle)
        assert shop.blob(b"x" * 6_000_000) == b"fine"
        assert peer.accepted == 1


# --- peers that do wrong ------------------------------------------------------------------------------------


def test_a_peer_that_speaks_something_else(client: sync.Client) -> None:
    def garbage(sock: socket.socket) -> None:
        greet(sock)
        read_frame(sock)
        sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        sock.recv(1000)

    with RawPeer(garbage) as peer, pytest.raises(errors.RemoteProtocolError, match="bad magic"):
        client.refer(ShopSync, url=peer.url).nap(0.0)


def test_a_peer_that_hangs_up_in_the_middle_of_a_reply(client: sync.Client) -> None:
    def cut(sock: socket.socket) -> None:
        greet(sock)
        header, _ = read_frame(sock)
        sock.sendall(b"\xda\xbb\x1d\x14" + header[4:12] + b"\0\0\0\x64half")

    with RawPeer(cut) as peer, pytest.raises(errors.ConnectionLost, match="the peer closed the connection"):
        client.refer(ShopSync, url=peer.url).nap(0.0)


def test_a_peer_that_is_not_rpcore(client: sync.Client) -> None:
    def dubbo(sock: socket.socket) -> None:
        header, _ = read_frame(sock)
        sock.sendall(b"\xda\xbb\x22\x14" + header[4:12] + b"\0\0\0\1\x4e")
        header, body = read_frame(sock)
        assert header[2] == 0xC2 and body[:6] == b"\x052.0.2"
        sock.sendall(b"\xda\xbb\x02\x14" + header[4:12] + b"\0\0\0\5\x91\x03yes")

    with RawPeer(dubbo) as peer:
        assert client.refer(ShopSync, url=peer.url, retries=0).echo("x") == "yes"


def test_a_peer_that_never_greets(clean: None) -> None:
    def silent(sock: socket.socket) -> None:
        while sock.recv(100):
            pass

    with RawPeer(silent) as peer, sync.Client("memory://", connect_timeout=0.1) as client:
        started = time.monotonic()
        with pytest.raises(errors.ConnectError, match="no answer to the first heartbeat"):
            client.refer(ShopSync, url=peer.url, retries=0).echo("x")
        assert time.monotonic() - started < 1.0


# --- the end ------------------------------------------------------------------------------------------------


def test_closing_the_client_ends_calls_in_flight(clean: None) -> None:
    with ServerThread() as server:
        client = sync.Client("memory://")
        shop = client.refer(ShopSync, url=server.url, timeout=20.0)
        caught: list[errors.ConnectionLost] = []

        def call(number: int) -> None:
            with pytest.raises(errors.ConnectionLost, match="the client was closed") as info:
                shop.nap(20.0)
            caught.append(info.value)

        with threads(3, call) as failures:
            until(lambda: server.shop.naps == 3)
            client.close()
        assert failures == []
        assert len(caught) == 3


@pytest.mark.skipif(not hasattr(signal, "SIGINT"), reason="signals")
def test_an_interrupted_call_frees_everything(client: sync.Client) -> None:
    with ServerThread() as server:
        shop = client.refer(ShopSync, url=server.url, timeout=20.0)

        def interrupt(number: int) -> None:
            assert server.shop.nap_begun.wait(10)
            os.kill(os.getpid(), signal.SIGINT)

        with threads(1, interrupt) as failures, pytest.raises(KeyboardInterrupt):
            shop.nap(20.0)
        assert failures == []
        assert [node.active for node in nodes(client)] == [0]
        assert shop.echo("on the same connection") == "on the same connection"
        assert server.connections() == 1


def test_no_call_leaves_a_cycle(client: sync.Client) -> None:
    with ServerProcess() as server:
        shop = client.refer(ShopSync, url=server.url, retries=0)
        quick = rpcore.bind(shop, timeout=0.002, retries=0)
        refused = client.refer(ShopSync, url=f"dubbo://127.0.0.1:{free_port()}", retries=1)

        def every_ending() -> None:
            shop.echo("x")
            for ending in (
                lambda: shop.refuse("x"),
                lambda: shop.echo(1),
                lambda: quick.nap(0.004),
                lambda: refused.echo("x"),
            ):
                try:
                    ending()
                except Exception:
                    continue

        every_ending()
        until(lambda: not client._running.peers._watched)
        gc.collect()
        gc.disable()
        try:
            for _ in range(100):
                every_ending()
            assert gc.collect() == 0
        finally:
            gc.enable()
