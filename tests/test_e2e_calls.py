"""Calls over real sockets as applications make them: tasks, groups, loops, forks, Unix sockets, pools, closing."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import os
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest

import frames
import rpcore
from conftest import LOOPS, Run
from live import Proxy, serve, serving, until
from rpcore import errors
from rpcore.decode import EVENT, HEADER, HESSIAN2, OK
from rpcore.model import Instance, ServiceKey
from rpcore.registry.memory import MemoryRegistry, space


@rpcore.interface("test.Calls", timeout=2.0)
class Calls(Protocol):
    async def echo(self, value: Any) -> Any: ...

    @rpcore.method(idempotent=True, retries=2)
    async def again(self, value: Any) -> Any: ...

    async def wait(self, value: Any) -> Any: ...


class Handlers:
    def __init__(self) -> None:
        self.received: list[Any] = []
        self.gate = asyncio.Event()

    async def echo(self, value: Any) -> Any:
        self.received.append(value)
        return value

    again = echo

    async def wait(self, value: Any) -> Any:
        self.received.append(value)
        await self.gate.wait()
        return value


# --- what a stub method is ---------------------------------------------------------------------------


def test_nothing_is_sent_before_the_first_await(run: Run) -> None:
    async def main() -> None:
        handlers = Handlers()
        async with serving(Calls, handlers) as stub:
            await stub.echo("connected")
            coroutine = stub.echo("never awaited")
            assert asyncio.iscoroutine(coroutine)
            await asyncio.sleep(0.02)
            coroutine.close()
            assert asyncio.iscoroutinefunction(stub.echo)
            assert await stub.echo("next") == "next"
            assert handlers.received == ["connected", "next"]

    run(main())


def test_calls_are_coroutines_like_any_other(run: Run) -> None:
    async def main() -> None:
        handlers = Handlers()
        async with serving(Calls, handlers) as stub:
            task = asyncio.create_task(stub.echo("task"))
            assert await task == "task"
            assert await asyncio.gather(*(stub.echo(i) for i in range(100))) == list(range(100))
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(stub.echo(i)) for i in range(10)]
            assert [task.result() for task in tasks] == list(range(10))
            assert await asyncio.wait_for(stub.echo("in time"), 1) == "in time"
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(stub.wait("late"), 0.02)
            async with asyncio.timeout(1):
                assert await stub.echo("in a scope") == "in a scope"
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await stub.wait("late")
            done = [await each for each in asyncio.as_completed([stub.echo(i) for i in range(5)])]
            assert sorted(done) == list(range(5))
            inner = asyncio.create_task(stub.wait("shielded"))
            shield = asyncio.shield(inner)
            await until(lambda: "shielded" in handlers.received)
            shield.cancel()
            handlers.gate.set()
            assert await inner == "shielded"
            assert await stub.echo("end") == "end"

    run(main())


def test_a_failing_member_cancels_the_others_of_its_group(run: Run) -> None:
    async def main() -> None:
        handlers = Handlers()
        async with serving(Calls, handlers) as stub:
            with pytest.raises(ExceptionGroup) as raised:
                async with asyncio.TaskGroup() as group:
                    group.create_task(stub.wait("waits"))
                    group.create_task(stub.wait(object()))
            assert isinstance(raised.value.exceptions[0], errors.EncodeError)
            assert await stub.echo("next") == "next"

    run(main())


def test_cancelling_a_finished_call_changes_nothing(run: Run) -> None:
    """The reply and the cancellation arrive in the same tick, in either order."""

    async def main() -> None:
        async with serving(Calls, Handlers()) as stub:
            for _ in range(50):
                task = asyncio.create_task(stub.echo("x"))
                await asyncio.sleep(0)
                while not task.done():  # noqa: ASYNC110 - the tick in which it ends is the point
                    await asyncio.sleep(0)
                assert not task.cancel()
                assert task.result() == "x"
                task = asyncio.create_task(stub.echo("y"))
                for _ in range(3):
                    await asyncio.sleep(0)
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            assert await stub.echo("end") == "end"

    run(main())


@pytest.mark.parametrize(
    "value",
    ["x" * 200_000, b"z" * 200_000, [b"z" * 40_000] * 20, {"k": ["x" * 70_000]}],
    ids=["text", "bytes", "many bytes", "nested text"],
)
def test_large_values_go_both_ways(run: Run, value: Any) -> None:
    async def main() -> None:
        async with serving(Calls, Handlers(), refer={"timeout": 10.0}) as stub:
            assert await stub.echo(value) == value
            assert await asyncio.gather(*(stub.echo(value) for _ in range(8))) == [value] * 8

    run(main())


# --- addresses and connections -----------------------------------------------------------------------


def test_unix_sockets(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        path = f"unix:{tmp_path}/rpcore.sock"
        async with serving(Calls, Handlers(), host=path) as stub:
            assert await stub.echo("x") == "x"
            assert (tmp_path / "rpcore.sock").is_socket()
        assert not (tmp_path / "rpcore.sock").exists()

    run(main())


def test_a_socket_file_left_by_a_killed_server_is_replaced(run: Run, tmp_path: Path) -> None:
    import socket

    async def main() -> None:
        path = tmp_path / "rpcore.sock"
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(str(path))
        async with serving(Calls, Handlers(), host=f"unix:{path}") as stub:
            assert await stub.echo("x") == "x"

    run(main())


def test_several_connections_share_the_calls(run: Run) -> None:
    async def main() -> None:
        async with serve(Calls, Handlers()) as server, rpcore.Client("memory://unused") as client:
            stub = client.refer(Calls, url=server.address, connections=3)
            await stub.echo("first")
            await until(lambda: len(server._listener.connections) == 3)
            await asyncio.gather(*(stub.echo(i) for i in range(300)))
            frames = [connection.frames_in for connection in server._listener.connections]
            assert min(frames) >= 50 and sum(frames) >= 301

    run(main())


def test_references_to_one_address_share_its_connection(run: Run) -> None:
    async def main() -> None:
        async with serve(Calls, Handlers()) as server, rpcore.Client("memory://unused") as client:
            stubs = [client.refer(Calls, url=server.address) for _ in range(5)]
            await asyncio.gather(*(stub.echo("x") for stub in stubs))
            assert len(server._listener.connections) == 1

    run(main())


def test_a_lazy_client_makes_no_connection(run: Run) -> None:
    async def main() -> None:
        async with serve(Calls, Handlers()) as server, rpcore.Client("memory://unused") as client:
            client.refer(Calls, url=server.address)
            await asyncio.sleep(0.05)
            assert not server._listener.connections

    run(main())


# --- retries over real connections -------------------------------------------------------------------


def test_a_refused_provider_is_passed_over_for_any_method(run: Run) -> None:
    async def main() -> None:
        async with serve(Calls, Handlers()) as server, rpcore.Client("memory://unused") as client:
            stub = client.refer(Calls, url=["127.0.0.1:1", server.address])
            for i in range(20):
                assert await stub.echo(i) == i

    run(main())


def test_when_all_refuse_the_error_names_every_attempt(run: Run) -> None:
    async def main() -> None:
        async with rpcore.Client("memory://unused") as client:
            stub = client.refer(Calls, url=["127.0.0.1:1", "127.0.0.1:2"])
            with pytest.raises(errors.ConnectError) as raised:
                await stub.echo("x")
            error = raised.value
            assert len(error.attempts) == 3
            assert {line.split(": ")[0] for line in error.attempts} == {"127.0.0.1:1", "127.0.0.1:2"}
            assert "refused" in str(error).lower() or "connect call failed" in str(error).lower()
            assert isinstance(error, OSError)

    run(main())


def test_a_peer_that_accepts_and_says_nothing_is_a_connect_timeout(run: Run) -> None:
    async def main() -> None:
        async with (
            serve(Calls, Handlers()) as server,
            Proxy(server.address) as proxy,
            rpcore.Client("memory://unused", connect_timeout=0.1) as client,
        ):
            proxy.stall()
            stub = client.refer(Calls, url=proxy.address, retries=0)
            started = asyncio.get_running_loop().time()
            with pytest.raises(errors.ConnectError, match=r"timed out after 0\.(1|09)") as raised:
                await stub.echo("x")
            assert 0.095 <= asyncio.get_running_loop().time() - started < 0.5
            assert raised.value.retry is errors.Retry.NOT_EXECUTED

    run(main())


def test_a_cut_connection_is_replaced_without_a_call(run: Run) -> None:
    async def main() -> None:
        handlers = Handlers()
        async with (
            serve(Calls, handlers) as server,
            Proxy(server.address) as proxy,
            rpcore.Client("memory://unused") as client,
        ):
            stub = client.refer(Calls, url=proxy.address)
            waiting = asyncio.create_task(stub.wait("x"))
            await until(lambda: handlers.received)
            proxy.cut()
            with pytest.raises(errors.ConnectionLost) as raised:
                await waiting
            assert raised.value.address == proxy.address
            await until(lambda: proxy.accepted == 2)
            assert await stub.again("y") == "y"

    run(main())


def test_a_black_hole_is_noticed_by_its_timeouts_and_left(run: Run) -> None:
    async def main() -> None:
        async with (
            serve(Calls, Handlers()) as holed,
            serve(Calls, Handlers()) as fine,
            Proxy(holed.address) as proxy,
            rpcore.Client("memory://unused") as client,
        ):
            stub = client.refer(Calls, url=[proxy.address, fine.address], timeout=0.1)
            await asyncio.gather(*(stub.again(i) for i in range(20)))
            proxy.stall()
            for i in range(20):
                assert await stub.again(i) == i  # those that meet it time out once and go to the other
            before = client._referrals[0].reference.retries
            assert before >= 1
            for i in range(50):
                assert await stub.echo(i) == i
            assert client._referrals[0].reference.retries == before
            proxy.flow()
            await until(lambda: all(endpoint.usable for endpoint in client._pool.endpoints.values()))

    run(main())


def test_a_slow_link_delays_and_breaks_nothing(run: Run) -> None:
    async def main() -> None:
        async with (
            serve(Calls, Handlers()) as server,
            Proxy(server.address) as proxy,
            rpcore.Client("memory://unused") as client,
        ):
            proxy.delay = 0.01
            stub = client.refer(Calls, url=proxy.address)
            assert await asyncio.gather(*(stub.echo("x" * i * 100) for i in range(50))) == [
                "x" * i * 100 for i in range(50)
            ]

    run(main())


def test_readonly_moves_new_calls_to_the_others_and_loses_none(run: Run) -> None:
    async def main() -> None:
        stopping, staying = Handlers(), Handlers()
        async with serve(Calls, staying) as other, rpcore.Client("memory://unused") as client:
            server = rpcore.Server(register=False, host="127.0.0.1", port=0)
            server.export(Calls, stopping)
            await server.start()
            stub = client.refer(Calls, url=[server.address, other.address])
            await asyncio.gather(*(stub.echo(i) for i in range(40)))
            under_way = [asyncio.create_task(stub.wait(i)) for i in range(20)]
            await until(lambda: len(stopping.received) + len(staying.received) == 60)
            stop = asyncio.create_task(server.stop(5))
            await until(lambda: len([e for e in client._pool.endpoints.values() if e.usable]) == 1)
            before = len(stopping.received)
            assert await asyncio.gather(*(stub.echo(i) for i in range(50))) == list(range(50))
            assert len(stopping.received) == before
            stopping.gate.set()
            staying.gate.set()
            assert await asyncio.gather(*under_way) == list(range(20))
            report = await stop
            assert (report.cancelled, report.stuck) == (0, 0)

    run(main())


def test_a_stop_gives_a_consumer_of_another_make_time_to_read_the_last_answer(run: Run) -> None:
    """Dubbo Java fails a call when it sees the end of the connection before it has handed on the answer."""

    def call(number: int, method: str) -> bytes:
        return frames.request(number, "test.Calls", method, "Ljava/lang/Object;", ["x"], version="0.0.0")

    async def main() -> None:
        loop, handlers = asyncio.get_running_loop(), Handlers()
        async with serve(Calls, handlers) as server, frames.Consumer(server.address) as java:
            await java.send(call(1, "wait"))
            await until(lambda: handlers.received)
            stop = asyncio.create_task(server.stop(5))
            assert (await java.read()).kind == "event"  # READONLY
            number = 2
            while (await java.call(call(number, "echo"))).status_code == OK:
                number += 1
            handlers.gate.set()  # every other call is refused by now: this is the last answer
            assert (await java.read()).id == 1
            answered = loop.time()
            assert await java.closed()
            assert loop.time() - answered > 0.2
            await stop

    run(main())


# --- closing and misuse ------------------------------------------------------------------------------


def test_closing_with_calls_in_flight_fails_them_at_once(run: Run) -> None:
    async def main() -> None:
        handlers = Handlers()
        async with serve(Calls, handlers) as server:
            client = rpcore.Client("memory://unused")
            stub = client.refer(Calls, url=server.address, idempotent=True, retries=5, timeout=20.0)
            calls = [asyncio.create_task(stub.wait(i)) for i in range(5)]
            await until(lambda: len(handlers.received) == 5)
            started = asyncio.get_running_loop().time()
            await client.aclose()
            results = await asyncio.gather(*calls, return_exceptions=True)
            assert asyncio.get_running_loop().time() - started < 0.2
            for error in results:
                assert isinstance(error, errors.TransportError)
                assert "closed" in str(error)
            await until(lambda: not server._listener.connections)
            with pytest.raises(errors.LocalProtocolError, match=r"closed"):
                await stub.echo("x")
            with pytest.raises(errors.LocalProtocolError, match=r"closed"):
                client.refer(Calls, url=server.address)
            await client.aclose()

    run(main())


def test_a_server_stopped_right_after_its_start_leaves_nothing(run: Run) -> None:
    async def main() -> None:
        for _ in range(3):
            async with serve(Calls, Handlers()):
                pass

    run(main())


@pytest.mark.parametrize("loop", LOOPS)
def test_a_client_used_in_a_second_loop_says_so(loop: str) -> None:
    factory, debug = LOOPS[loop]
    client = rpcore.Client("memory://unused")
    stub = client.refer(Calls, url="127.0.0.1:1", retries=0)

    async def use() -> None:
        with pytest.raises(errors.RpcError):
            await stub.echo("x")

    async def misuse() -> None:
        with pytest.raises(errors.LocalProtocolError, match=r"loop"):
            await stub.echo("x")
        with pytest.raises(errors.LocalProtocolError, match=r"loop"):
            await client.start()

    with asyncio.Runner(loop_factory=factory, debug=debug) as first:
        first.run(use())
        failed: list[BaseException] = []

        def other_thread() -> None:
            try:
                with asyncio.Runner(loop_factory=factory, debug=debug) as second:
                    second.run(misuse())
            except BaseException as error:
                failed.append(error)

        thread = threading.Thread(target=other_thread)
        thread.start()
        thread.join(10)
        assert failed == []
        first.run(client.aclose())


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("closed", [True, False], ids=["closed", "alive"])
def test_so_does_one_used_in_a_second_loop_of_the_same_thread(loop: str, closed: bool) -> None:
    factory, debug = LOOPS[loop]
    client = rpcore.Client("memory://unused")
    stub = client.refer(Calls, url="127.0.0.1:1", retries=0)

    async def use() -> None:
        with pytest.raises(errors.ConnectError):
            await stub.echo("x")

    async def misuse() -> None:
        for _ in range(2):
            with pytest.raises(errors.LocalProtocolError, match="another event loop") as raised:
                await stub.echo("x")
            assert isinstance(raised.value.__cause__, RuntimeError)
        (endpoint,) = client._pool.endpoints.values()
        assert not endpoint.waiting and not client._pool.engine.wheel
        if closed:
            await client.aclose()  # nothing is left to close

    first = asyncio.Runner(loop_factory=factory, debug=debug)
    first.run(use())
    if closed:
        first.close()
    with asyncio.Runner(loop_factory=factory, debug=debug) as second:
        second.run(misuse())
    if not closed:
        first.run(client.aclose())
        first.close()


def in_child(function: Callable[[], int]) -> int:
    """Fork with the parent's loop running; the child's exit code is what ``function`` returns, 3 if it raises."""
    pid = os.fork()
    if pid == 0:
        code = 3
        try:
            signal.alarm(10)  # a hang in the child would be the parent's
            asyncio._set_running_loop(None)
            code = function()
        finally:
            os._exit(code)
    return pid


async def exit_code(pid: int) -> int:
    _, status = await asyncio.to_thread(os.waitpid, pid, 0)
    return os.waitstatus_to_exitcode(status)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_fork_with_calls_in_flight_leaves_both_processes_sane(loop: str) -> None:
    factory, debug = LOOPS[loop]

    async def main() -> None:
        handlers = Handlers()
        async with serve(Calls, handlers) as server, rpcore.Client("memory://unused") as client:
            stub = client.refer(Calls, url=server.address)

            async def child_main() -> int:
                with pytest.raises(errors.LocalProtocolError, match=r"fork"):
                    await stub.echo("through what the parent started")
                await client.start()  # begins anew here
                assert await stub.echo("from the child") == "from the child"
                await client.aclose()
                return 0

            def child() -> int:
                with asyncio.Runner(loop_factory=factory, debug=debug) as runner:
                    return runner.run(child_main())

            waiting = asyncio.create_task(stub.wait("in flight"))
            await until(lambda: handlers.received)
            assert await exit_code(in_child(child)) == 0
            assert handlers.received == ["in flight", "from the child"]
            assert await stub.echo("from the parent") == "from the parent"
            handlers.gate.set()
            assert await waiting == "in flight"

    with asyncio.Runner(loop_factory=factory, debug=debug) as runner:
        runner.run(main())


def test_a_forgotten_client_and_server_warn_with_their_names() -> None:
    async def main() -> tuple[rpcore.Client, rpcore.Server]:
        server = rpcore.Server(register=False, host="127.0.0.1", port=0, application="forgotten")
        server.export(Calls, Handlers())
        await server.start()
        client = rpcore.Client("memory://unused", application="forgotten")
        await client.refer(Calls, url=server.address).echo("x")
        with pytest.warns(ResourceWarning, match=r"Client forgotten .* was not closed"):
            client.__del__()
        with pytest.warns(ResourceWarning, match=r"Server forgotten .* was not stopped"):
            server.__del__()
        await client.aclose()
        await server.stop(0)
        return client, server

    client, server = asyncio.run(main())
    assert "closed" in repr(client) and "stopped" in repr(server)


# --- the life of a client ----------------------------------------------------------------------------


def test_a_first_call_waits_for_the_first_list_of_the_registry(run: Run) -> None:
    async def main() -> None:
        discovery = space("first-list")
        async with (
            serve(Calls, Handlers(), registry="memory://first-list", register=True),
            rpcore.Client("memory://first-list") as client,
        ):
            discovery.pause()
            stub = client.refer(Calls)
            early = asyncio.create_task(stub.echo("early"))
            with rpcore.options(timeout=0.1), pytest.raises(errors.NoProvider, match="provider list"):
                await stub.echo("impatient")
            assert not early.done()
            discovery.resume()
            assert await early == "early"
            await client.ready()

    run(main())


def test_a_first_call_that_is_cancelled_while_the_client_starts_disturbs_no_other(run: Run) -> None:
    class Slow(MemoryRegistry):
        def __init__(self) -> None:
            super().__init__("slow-start")
            self.gate = asyncio.Event()

        async def start(self) -> None:
            await self.gate.wait()
            await super().start()

    async def main() -> None:
        async with serve(Calls, Handlers(), registry="memory://slow-start", register=True):
            registry = Slow()
            client = rpcore.Client(registry)
            stub = client.refer(Calls)
            first = asyncio.create_task(stub.echo("first"))
            await asyncio.sleep(0)
            second = asyncio.create_task(stub.echo("second"))
            with rpcore.options(timeout=0.05), pytest.raises(errors.NoProvider, match="provider list"):
                await stub.echo("impatient")
            with pytest.raises(errors.NoProvider, match=r"test\.Calls"):
                await client.ready(0.05)
            first.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await first
            assert first.cancelled()
            registry.gate.set()
            assert await second == "second"
            assert await stub.echo("third") == "third"
            await client.aclose()
            await registry.aclose()

    run(main())


def test_a_registry_object_is_closed_by_whoever_made_it(run: Run) -> None:
    async def main() -> None:
        for wrap in (lambda registry: registry, lambda registry: [registry, "memory://another"]):
            async with MemoryRegistry("owned") as registry:
                async with serve(Calls, Handlers(), registry=wrap(registry), register=True):
                    async with rpcore.Client(wrap(registry)) as client:
                        assert await client.refer(Calls).echo("x") == "x"
                    assert len(await registry.instances()) == 1
                assert await registry.instances() == []  # open, and the server has taken back what it published

    run(main())


def test_an_outage_of_the_registry_disturbs_no_call(run: Run) -> None:
    async def main() -> None:
        discovery = space("outage")
        async with (
            serve(Calls, Handlers(), registry="memory://outage", register=True),
            rpcore.Client("memory://outage") as client,
        ):
            stub = client.refer(Calls)
            assert await stub.echo("before") == "before"
            discovery.fail()
            assert await stub.echo("during") == "during"
            discovery.recover()
            discovery.expire()
            assert await stub.echo("after") == "after"

    run(main())


def test_a_call_dialling_a_provider_that_is_taken_off_the_list_goes_elsewhere_at_once(run: Run) -> None:
    async def main() -> None:
        discovery = space("taken-off")
        async with (
            serve(Calls, Handlers()) as server,
            Proxy(server.address) as hole,
            MemoryRegistry("taken-off") as registry,
            rpcore.Client("memory://taken-off") as client,
        ):
            hole.stall()  # dials hang
            key = ServiceKey("test.Calls")
            host, _, port = hole.address.partition(":")
            gone = Instance(key, host, int(port))
            await registry.register(gone)
            stub = client.refer(Calls, timeout=5.0)
            call = asyncio.create_task(stub.echo("x"))
            await until(lambda: hole.accepted)
            started = asyncio.get_running_loop().time()
            discovery.pause()
            await registry.register(Instance(key, host, server.port))
            await registry.unregister(gone)
            discovery.resume()  # one change: that one gone, this one here
            assert await call == "x"
            assert asyncio.get_running_loop().time() - started < 1.0

    run(main())


def test_an_idle_connection_into_a_black_hole_is_noticed_and_replaced(run: Run) -> None:
    async def main() -> None:
        async with (
            serve(Calls, Handlers()) as server,
            Proxy(server.address) as proxy,
            rpcore.Client("memory://unused", heartbeat=0.1, connect_timeout=0.2) as client,
        ):
            stub = client.refer(Calls, url=proxy.address)
            assert await stub.echo("x") == "x"
            (endpoint,) = client._pool.endpoints.values()
            proxy.stall()
            await until(lambda: not endpoint.usable)  # without any call
            proxy.flow()
            await until(lambda: endpoint.usable)
            assert await stub.echo("y") == "y"

    run(main())


def test_an_idle_connection_stays_up_by_heartbeats(run: Run) -> None:
    async def main() -> None:
        async with (
            serve(Calls, Handlers(), heartbeat=0.1) as server,
            rpcore.Client("memory://unused", heartbeat=0.1) as client,
        ):
            stub = client.refer(Calls, url=server.address)
            assert await stub.echo("x") == "x"
            (connection,) = server._listener.connections
            frames = connection.frames_in
            await until(lambda: connection.frames_in >= frames + 6)  # longer than the idle limit
            assert list(server._listener.connections) == [connection]

    run(main())


def test_a_woken_task_is_itself_in_its_own_context(run: Run) -> None:
    variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable")

    async def main() -> None:
        async with serving(Calls, Handlers()) as stub:

            async def work(number: int) -> None:
                task = asyncio.current_task()
                variable.set(number)
                for _ in range(5):
                    await stub.echo(number)
                    assert variable.get() == number
                    assert asyncio.current_task() is task

            shared = contextvars.copy_context()
            async with asyncio.TaskGroup() as group:
                for number in range(20):
                    group.create_task(work(number))
                # Several tasks of one context: none is entered twice.
                for _ in range(5):
                    group.create_task(stub.echo("x"), context=shared)

    run(main())


def test_servers_may_call_each_other_in_one_loop(run: Run) -> None:
    @rpcore.interface("test.Ring", timeout=5.0)
    class Ring(Protocol):
        async def down(self, depth: int) -> int: ...

    class Node:
        next: Any

        async def down(self, depth: int) -> int:
            return depth if depth == 0 else 1 + await self.next.down(depth - 1)

    async def main() -> None:
        nodes = [Node(), Node()]
        async with serving(Ring, nodes[0]) as first, serving(Ring, nodes[1]) as second:
            nodes[0].next, nodes[1].next = second, first
            assert await first.down(0) == 0
            assert await asyncio.gather(*(first.down(20) for _ in range(10))) == [20] * 10

    run(main())


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with Python 3.12")
def test_eager_tasks() -> None:
    async def main() -> None:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined]
        handlers = Handlers()
        async with serving(Calls, handlers) as stub:
            assert await asyncio.gather(*(stub.echo(i) for i in range(50))) == list(range(50))
            waiting = [asyncio.create_task(stub.wait(i)) for i in range(20)]
            await until(lambda: len(handlers.received) == 70)
            handlers.gate.set()
            assert await asyncio.gather(*waiting) == list(range(20))

    asyncio.run(main())


def test_a_large_call_into_a_reset_connection_is_lost_without_noise(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """It leaves in many pieces; asyncio warns of each that is written after the first one failed."""

    async def main() -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setblocking(False)
        with listener:
            async with rpcore.Client("memory://unused") as client:
                address = f"127.0.0.1:{listener.getsockname()[1]}"
                stub = client.refer(Calls, url=address, retries=0, serialization="hessian2")
                waiting = asyncio.create_task(stub.wait(1))
                accepted, _ = await asyncio.get_running_loop().sock_accept(listener)
                accepted.setblocking(False)
                hello = await asyncio.get_running_loop().sock_recv(accepted, 17)
                accepted.send(frames.frame(EVENT | HESSIAN2, HEADER.unpack_from(hello)[3], frames.HEARTBEAT, OK))
                await asyncio.get_running_loop().sock_recv(accepted, 1)
                listener.close()
                accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                accepted.close()
                large = asyncio.create_task(stub.echo(b"x" * (2 << 20)))  # runs before its loop sees the reset
                for call in (waiting, large):
                    with pytest.raises(errors.ConnectionLost):
                        await call

    run(main())
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []
