"""The blocking client in processes: forks, exits, and clients that were forgotten."""

from __future__ import annotations

import gc
import multiprocessing
import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from blocking import ServerProcess, ServerThread, ShopSync, nothing_left, threads, until
from rpcore import sync

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    with nothing_left():
        yield


def in_child(body: Callable[[], object]) -> None:
    """Run ``body`` in a forked child, which must end well by itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 warns of threads: they are what we test
        pid = os.fork()
    if pid == 0:
        code = 1
        try:
            body()
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_a_forked_child_starts_anew_and_the_parent_does_not_notice() -> None:
    with ServerProcess(name="x") as server, sync.Client("memory://") as client:
        shop = client.refer(ShopSync, url=server.url)
        generic = client.refer("org.demo.Shop", url=server.url)
        assert (shop.read(), generic.call("read", 0.0)) == ("x", "x")
        peer = client._running.peers._by_address[f"127.0.0.1:{server.port}"]
        inherited = [line.fd for line in peer.lines]
        assert inherited

        def child() -> None:
            assert client._running is None
            for fd in inherited:
                with pytest.raises(OSError):
                    os.fstat(fd)
            assert {shop.read() for _ in range(3)} == {"x"}
            assert generic.call("read", 0.0) == "x"
            assert shop.blob(b"c" * 200_000) == b"c" * 200_000
            client.close()

        in_child(child)
        assert [line.fd for line in peer.lines] == inherited
        assert shop.read() == "x"
        assert peer.usable
        # The parent's housekeeping thread lives too: it still takes up a new reference.
        assert client.refer(ShopSync, url=server.url).read() == "x"


def test_a_fork_with_calls_in_flight() -> None:
    with ServerThread() as server, sync.Client("memory://") as client:
        shop = client.refer(ShopSync, url=server.url)

        def child() -> None:
            assert shop.echo("child") == "child"
            client.close()

        with threads(3, lambda number: shop.nap(0.3)) as failures:
            until(lambda: server.shop.naps == 3)
            in_child(child)
        assert failures == []
        assert server.connections() == 4 - 1  # the child's is closed


def test_a_client_that_was_never_used_before_the_fork() -> None:
    with ServerProcess() as server:
        client = sync.Client("memory://")
        shop = client.refer(ShopSync, url=server.url)

        def child() -> None:
            assert shop.echo("child") == "child"
            client.close()

        in_child(child)
        assert shop.echo("parent") == "parent"
        client.close()


def test_a_fork_while_another_thread_holds_the_clients_lock() -> None:
    with ServerProcess() as server, sync.Client("memory://") as client:
        shop = client.refer(ShopSync, url=server.url)
        held, release = threading.Event(), threading.Event()

        def hold(number: int) -> None:
            with client._lock:
                held.set()
                release.wait(10)

        def child() -> None:
            assert shop.echo("child") == "child"
            client.close()

        with threads(1, hold) as failures:
            held.wait(10)
            in_child(child)
            release.set()
        assert failures == []


def test_a_forked_child_follows_the_registry(tmp_path: Path) -> None:
    registry = f"file://{tmp_path}"
    with ServerProcess(name="a", registry=registry), sync.Client(registry) as client:
        shop = client.refer(ShopSync)
        assert shop.read() == "a"

        def child() -> None:
            assert shop.read() == "a"
            with ServerThread(name="b", registry=registry, register=True):
                until(lambda: shop.read() == "b")
            until(lambda: len(client._referrals[0].snapshot.nodes) == 1)
            client.close()

        in_child(child)
        assert shop.read() == "a"


def _work(number: int) -> str:
    assert _shop is not None
    return f"{number} {_shop.read()}"


_shop: ShopSync | None = None


def test_a_multiprocessing_pool_shares_a_client_made_before() -> None:
    global _shop
    with ServerProcess(name="x") as server, sync.Client("memory://") as client:
        _shop = client.refer(ShopSync, url=server.url)
        assert _shop.read() == "x"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            with multiprocessing.get_context("fork").Pool(2) as pool:
                assert pool.map(_work, range(4), chunksize=1) == [f"{n} x" for n in range(4)]
                pool.close()
                pool.join()
        assert _shop.read() == "x"
    _shop = None


# --- exits ------------------------------------------------------------------------------------------------


PRELUDE = """
import os, sys, threading
from blocking import *
from rpcore import sync
"""


def script(text: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run Python code after the imports of these tests."""
    path = os.pathsep.join([str(Path(__file__).parent), *(p for p in sys.path if p)])
    return subprocess.run(
        [sys.executable, *options, "-c", PRELUDE + text],
        capture_output=True,
        text=True,
        timeout=20,
        env={**os.environ, "PYTHONPATH": path},
    )


FORGOTTEN = """
client = sync.Client("memory://", application="forgetful")
shop = client.refer(ShopSync, url="{url}")
print(shop.echo("hi"), flush=True)
"""


def test_an_exit_without_close_neither_hangs_nor_prints() -> None:
    with ServerProcess() as server:
        done = script(FORGOTTEN.format(url=server.url))
        assert (done.returncode, done.stdout, done.stderr) == (0, "hi\n", "")


def test_an_exit_while_daemon_threads_call() -> None:
    with ServerProcess() as server:
        more = """
begun = threading.Event()
def call():
    while True:
        shop.echo("x")
        begun.set()
for _ in range(4):
    threading.Thread(target=call, daemon=True).start()
begun.wait()
"""
        done = script(FORGOTTEN.format(url=server.url) + more)
        assert (done.returncode, done.stdout, done.stderr) == (0, "hi\n", "")


def test_an_exit_of_a_forked_child_without_close() -> None:
    with ServerProcess() as server:
        more = """
pid = os.fork()
print(shop.echo("child" if pid == 0 else "parent"), flush=True)
if pid:
    os.waitpid(pid, 0)
    print(shop.echo("still here"))
"""
        done = script(FORGOTTEN.format(url=server.url) + more, "-W", "ignore::DeprecationWarning")
        assert (done.returncode, done.stderr) == (0, "")
        assert sorted(done.stdout.split()) == ["child", "here", "hi", "parent", "still"]


def test_a_forgotten_client_says_so_and_cleans_up() -> None:
    with ServerThread() as server:
        client = sync.Client("memory://", application="forgetful")
        shop = client.refer(ShopSync, url=server.url)
        shop.echo("hi")
        with pytest.warns(ResourceWarning, match="sync.Client forgetful started.*was not closed"):
            del client, shop
            gc.collect()
        until(lambda: server.connections() == 0)


def test_a_client_that_was_not_started_may_be_forgotten() -> None:
    client = sync.Client("memory://")
    client.refer(ShopSync)
    del client
    gc.collect()
