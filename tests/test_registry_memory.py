"""The registry for tests, and the faults that it can play."""

from __future__ import annotations

import asyncio
import gc
import threading

import pytest

from rpcore.errors import LocalProtocolError, RegistryError
from rpcore.model import Instance, ServiceKey
from rpcore.registry.memory import MemoryRegistry, space

KEY = ServiceKey("org.demo.UserService")
ONE, TWO = Instance(KEY, "h", 1), Instance(KEY, "h", 2)


async def settled() -> None:
    """Until everything that is planned on this loop has run."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_spaces_are_apart_and_end_with_their_last_user(run):
    async def main():
        async with MemoryRegistry("a") as a, MemoryRegistry("b") as b:
            await a.register(ONE)
            assert await b.instances() == []
            assert space("a") is a.space and space("a") is not b.space

    run(main())
    gc.collect()
    assert repr(space("a")) == "<Space memory://a: 0 instances>"


def test_a_tick_of_changes_is_one_notification(run):
    async def main():
        async with MemoryRegistry("a") as registry:
            lists = []
            await registry.subscribe(KEY, lists.append)
            await registry.register(TWO)
            await registry.register(ONE)
            assert lists == [], "told through the loop, not from within register"
            await settled()
            assert lists == [(ONE, TWO)]

    run(main())


def test_pause(run):
    async def main():
        async with MemoryRegistry("a") as registry:
            lists = []
            await registry.subscribe(KEY, lists.append)
            await settled()
            registry.space.pause()
            await registry.register(ONE)
            await settled()
            assert lists == [()]
            assert await registry.instances() == [ONE]
            registry.space.resume()
            await settled()
            assert lists == [(), (ONE,)]

    run(main())


def test_outage(run):
    """Nothing raises but ``instances``; what was meant to happen meanwhile happens afterwards."""

    async def main():
        async with MemoryRegistry("a") as provider, MemoryRegistry("a") as consumer:
            lists, late = [], []
            await provider.register(ONE)
            await consumer.subscribe(KEY, lists.append)
            await settled()
            consumer.space.fail("the disk is on fire")
            await provider.register(TWO)
            await provider.unregister(ONE)
            await consumer.subscribe(KEY, late.append)
            await settled()
            assert lists == [(ONE,)] and late == []
            with pytest.raises(RegistryError, match="memory://a: the disk is on fire"):
                await consumer.instances()
            consumer.space.recover()
            await settled()
            assert lists == [(ONE,), (TWO,)] and late == [(TWO,)]

    run(main())


def test_expired_sessions(run):
    async def main():
        async with MemoryRegistry("a") as provider, MemoryRegistry("a") as consumer:
            lists = []
            await provider.register(ONE)
            await consumer.subscribe(KEY, lists.append)
            await settled()
            consumer.space.expire()
            await settled()
            assert lists == [(ONE,), (), (ONE,)]

    run(main())


def test_between_threads(run):
    """A provider on a loop in another thread; listeners hear on their own loop."""
    done = threading.Event()

    async def provide():
        async with MemoryRegistry("a") as registry:
            await registry.register(ONE)
            await asyncio.to_thread(done.wait, 5)

    async def main():
        here, empty, full = threading.get_ident(), asyncio.Event(), asyncio.Event()

        def listener(instances):
            assert threading.get_ident() == here
            (full if instances else empty).set()

        async with MemoryRegistry("a") as consumer:
            await consumer.subscribe(KEY, listener)
            await empty.wait()
            empty.clear()
            thread = threading.Thread(target=asyncio.run, args=[provide()])
            thread.start()
            await full.wait()
            done.set()
            await empty.wait()
            await asyncio.to_thread(thread.join)

    run(main())


def test_forgotten_registry_is_named():
    async def main():
        await MemoryRegistry("forgotten").start()

    with pytest.warns(ResourceWarning, match="MemoryRegistry memory://forgotten started.* was not closed"):
        asyncio.run(main())
        gc.collect()


def test_one_loop_only():
    registry = MemoryRegistry("a")
    with asyncio.Runner() as one, asyncio.Runner() as two:
        one.run(registry.start())
        with pytest.raises(LocalProtocolError, match="another event loop"):
            two.run(registry.register(ONE))
        one.run(registry.aclose())
