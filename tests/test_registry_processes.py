"""The embedded registry among real processes: kills, forks, bursts, and how soon a consumer knows."""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import time
import warnings
from pathlib import Path

import pytest

from registry_helpers import BOTH_WAYS, KEY, SOON, Log, Provider, instance
from rpcore.errors import LocalProtocolError
from rpcore.registry import _entries
from rpcore.registry._descriptors import Descriptors
from rpcore.registry.file import FileRegistry


@pytest.fixture
def directory(tmp_path) -> Path:
    return tmp_path / "registry"


@pytest.fixture
def provider(directory):
    started = []

    def start(*arguments, **options) -> Provider:
        started.append(Provider(directory, *arguments, **options))
        return started[-1]

    yield start
    for process in started:
        process.end()


@BOTH_WAYS
@pytest.mark.parametrize("fork", [False, True], ids=["alone", "with-child"])
def test_killed_provider_is_gone_at_once(run, directory, provider, inotify, fork):
    """Also when a child that it forked lives on."""
    process, other = provider(1, fork=fork), provider(2)
    process.wait_ready()
    other.wait_ready()

    async def main():
        async with FileRegistry(directory, inotify=inotify) as registry:
            log = Log()
            await registry.subscribe(KEY, log)
            await log.until([20001, 20002])
            killed = process.kill()
            latency = await log.until([20002]) - killed
            print(f"told {latency * 1000:.1f} ms after SIGKILL")
            assert latency < SOON
            if fork:
                os.kill(process.child, 0)  # the child lives
            assert [i.port for i in await registry.instances()] == [20002]

    run(main())
    assert len(list(directory.iterdir())) == 1, "the entry of the dead provider should be swept away"


@BOTH_WAYS
def test_latency_of_changes(run, directory, inotify):
    """Prints how long it takes until listeners know; asserts the promise of 100 ms generously."""

    async def main():
        provider, consumer = FileRegistry(directory), FileRegistry(directory, inotify=inotify)
        async with provider, consumer:
            log = Log()
            await consumer.subscribe(KEY, log)
            latencies = []
            for number in range(1, 11):
                began = time.monotonic()
                await provider.register(instance(number))
                latencies.append(await log.until([20000 + n for n in range(1, number + 1)]) - began)
            print(f"median {statistics.median(latencies) * 1000:.1f} ms, max {max(latencies) * 1000:.1f} ms")
            assert statistics.median(latencies) < SOON

    run(main())


@BOTH_WAYS
def test_replacing_never_looks_like_vanishing(run, directory, provider, inotify):
    """A provider in another process changes its weight 300 times; its consumers see it all the time."""
    process = provider(1)
    process.wait_ready()

    async def main():
        async with FileRegistry(directory, inotify=inotify) as registry:
            log = Log()
            await registry.subscribe(KEY, log)
            await log.until([20001])
            process.send("replace 300")
            await asyncio.to_thread(process.process.stdout.readline)
            await log.until(lambda told: told[0].weight == 299)
            assert all(len(told) == 1 for told in log.lists)
            weights = [told[0].weight for told in log.lists[1:]]
            assert weights == sorted(set(weights)), "an older publication was seen after a newer one"

    run(main())


@BOTH_WAYS
def test_burst_of_a_thousand(run, directory, provider, inotify):
    """Few notifications, and other callbacks of the loop get their turn meanwhile."""
    process = provider(1, 1000)

    async def main():
        async with FileRegistry(directory, inotify=inotify) as registry:
            log = Log()
            await registry.subscribe(KEY, log)
            beats = asyncio.create_task(heartbeat())
            await log.until([20000 + number for number in range(1, 1001)])
            killed = process.kill()
            latency = await log.until([]) - killed
            beats.cancel()
            print(
                f"{len(log.lists)} notifications; all gone {latency * 1000:.0f} ms after SIGKILL; "
                f"longest stall {max(gaps) * 1000:.1f} ms"
            )
            assert len(log.lists) < 300
            assert latency < 5 * SOON
            assert max(gaps) < SOON

    gaps = []

    async def heartbeat():
        last = time.monotonic()
        while True:
            await asyncio.sleep(0)
            now = time.monotonic()
            gaps.append(now - last)
            last = now

    run(main())


def test_provider_and_consumer_in_one_process(run, directory):
    """Reading our own entries does not lose their locks."""

    async def main():
        registry, observer = FileRegistry(directory), FileRegistry(directory)
        async with observer:
            async with registry:
                await registry.register(instance())
                for _ in range(3):
                    assert await registry.instances() == [instance()]
                    assert await observer.instances() == [instance()]
            assert await observer.instances() == []

    run(main())


# -- fork --


def in_child(function) -> str:
    """What ``function`` returns in a forked child."""
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 warns of forks beside threads
        pid = os.fork()
    if pid == 0:
        try:
            os.write(write, str(function()).encode())
        finally:
            os._exit(0)
    os.close(write)
    with open(read, "rb") as pipe:
        text = pipe.read().decode()
    os.waitpid(pid, 0)
    return text


@BOTH_WAYS
def test_fork_leaves_the_parent_alone(run, directory, inotify):
    async def main():
        registry, observer = FileRegistry(directory, inotify=inotify), FileRegistry(directory)
        async with registry, observer:
            log = Log()
            await registry.subscribe(KEY, log)
            await registry.register(instance(1))
            await log.until([20001])
            left = in_child(lambda: [f for f in open_files() if str(directory) in f or "inotify" in f])
            assert left == "[]"
            assert in_child(lambda: child_closes(registry)) == "closed"
            assert await observer.instances() == [instance(1)]
            await registry.register(instance(2))
            await log.until([20001, 20002])

    def open_files() -> list[str]:
        found = []
        with contextlib.suppress(FileNotFoundError):
            for fd in os.listdir("/proc/self/fd"):
                with contextlib.suppress(OSError):
                    found.append(os.readlink(f"/proc/self/fd/{fd}"))
        return found

    def child_closes(registry: FileRegistry) -> str:
        asyncio.run(registry.aclose())
        return "closed"

    run(main())


def test_the_child_is_told_whose_the_registry_is(run, directory):
    async def use(registry: FileRegistry) -> str:
        try:
            await registry.register(instance(2))
        except LocalProtocolError as exc:
            return str(exc)
        return "no error"

    async def main():
        async with FileRegistry(directory) as registry:
            await registry.register(instance(1))
            text = in_child(lambda: asyncio.run(use(registry)))
            assert f"belongs to process {os.getpid()}" in text
            assert "make another registry object" in text
            assert await registry.instances() == [instance(1)]

    run(main())


def test_a_child_has_a_registry_of_its_own(run, directory):
    """One constructed before the fork but not started works in the child."""
    unstarted = FileRegistry(directory)

    async def use() -> list[int]:
        async with unstarted:
            await unstarted.register(instance(2))
            return [i.port for i in await unstarted.instances()]

    async def main():
        async with FileRegistry(directory) as registry:
            await registry.register(instance(1))
            assert in_child(lambda: asyncio.run(use())) == "[20001, 20002]"
            assert await registry.instances() == [instance(1)]

    run(main())


def test_a_fork_waits_for_a_descriptor_to_be_known():
    """A descriptor that another thread is opening cannot slip into the child."""
    import threading

    descriptors = Descriptors()
    opening, go_on = threading.Event(), threading.Event()

    def opener() -> int:
        read, write = os.pipe()
        os.close(write)
        opening.set()
        go_on.wait(5)
        return read

    thread = threading.Thread(target=lambda: descriptors.open(opener))
    thread.start()
    opening.wait(5)
    threading.Timer(0.05, go_on.set).start()
    assert in_child(lambda: (descriptors.inherited, len(descriptors._open))) == "(True, 0)"
    thread.join()
    assert not descriptors.inherited and len(descriptors._open) == 1
    descriptors.close_all()


# -- --


def test_lock_that_is_dropped_after_the_event(run, directory, provider, monkeypatch):
    """The kernel tells of the close before it drops the lock; then the entry is looked at again."""
    still_locked = 3
    is_unlocked = _entries._is_unlocked

    def late(descriptor: int) -> bool:
        nonlocal still_locked
        unlocked = is_unlocked(descriptor)
        if unlocked and still_locked:
            still_locked -= 1
            return False
        return unlocked

    process = provider(1)
    process.wait_ready()
    monkeypatch.setattr(_entries, "_is_unlocked", late)

    async def main():
        async with FileRegistry(directory, reconcile=60) as registry:
            log = Log()
            await registry.subscribe(KEY, log)
            await log.until([20001])
            killed = process.kill()
            assert await log.until([]) - killed < SOON
            assert still_locked == 0

    run(main())
