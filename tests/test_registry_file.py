"""The embedded registry: what is left behind, events that are lost or late, and the life of the object."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import logging
import multiprocessing
import os
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_helpers import BOTH_WAYS, KEY, SOON, Log, dead_entry, instance, is_gone
from rpcore.errors import LocalProtocolError
from rpcore.model import Instance, ServiceKey
from rpcore.registry import _entries, _inotify
from rpcore.registry._descriptors import Descriptors
from rpcore.registry._entries import EntryReader, EntryWriter, service_part, service_part_of
from rpcore.registry.file import FileRegistry


@pytest.fixture
def directory(tmp_path) -> Path:
    return tmp_path / "registry"


# -- what is left behind, by us and by others --


@BOTH_WAYS
def test_leftovers_of_a_reboot_are_no_providers(run, directory, inotify):
    leftovers = [dead_entry(directory, number) for number in range(1, 4)]

    async def main():
        async with FileRegistry(directory, inotify=inotify) as registry:
            log = Log()
            await registry.subscribe(KEY, log)
            await log.until([])
            assert await registry.instances() == []

    run(main())
    assert not any(path.exists() for path in leftovers)


def test_other_files_are_left_alone(run, directory):
    directory.mkdir(mode=0o700)
    others = [directory / name for name in ("README", "x.provider", "a@b@c.provider.bak", ".hidden@b@c.provider")]
    for path in others:
        path.write_text("not ours")
    (directory / "sub@directory@x.provider").mkdir()

    async def main():
        async with FileRegistry(directory) as registry:
            log = Log()
            await registry.subscribe(KEY, log)
            await registry.register(instance())
            await log.until([20001])
            assert await registry.instances() == [instance()]

    run(main())
    assert all(path.read_text() == "not ours" for path in others)


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"\xff\xfe", b"[]", b'{"service":{"interface":"x"},"host":"h","port":"http"}', b"7" * 5000],
)
def test_corrupt_entry_costs_that_node_alone(run, directory, caplog, text):
    directory.mkdir(mode=0o700)
    corrupt = directory / f"{service_part(KEY)}@127.0.0.1_1@0.provider"
    corrupt.write_bytes(text)

    async def main():
        async with FileRegistry(directory, inotify=False) as registry:
            log = Log()
            await registry.subscribe(KEY, log)
            await registry.register(instance())
            await log.until([20001])
            assert await registry.instances() == [instance()]

    with open(corrupt, "rb") as owner, caplog.at_level(logging.WARNING, "rpcore"):
        fcntl.flock(owner, fcntl.LOCK_EX)  # its provider lives
        run(main())
    [record] = caplog.records  # once, not at every look
    assert str(corrupt) in record.getMessage()
    assert corrupt.exists()


def test_temporary_files_are_swept_when_their_writer_is_surely_dead(run, directory):
    directory.mkdir(mode=0o700)
    fresh, locked, abandoned = (directory / f".{name}.new" for name in ("fresh", "locked", "abandoned"))
    for path in (fresh, locked, abandoned):
        path.write_text("{")
    for path in (locked, abandoned):
        os.utime(path, (0, 0))

    async def main():
        async with FileRegistry(directory) as registry:
            log = Log()
            await registry.subscribe(KEY, log)
            await log.until([])

    with open(locked, "rb") as owner:
        fcntl.flock(owner, fcntl.LOCK_EX)
        run(main())
    assert fresh.exists() and locked.exists() and not abandoned.exists()


def test_removed_entry_is_published_again(run, directory, caplog):
    async def published_anew(former: Path) -> Path:
        while True:
            await asyncio.sleep(0.01)
            found = list(directory.glob("*.provider"))
            if found and found != [former]:
                return found[0]

    async def main():
        registry, observer = FileRegistry(directory, reconcile=0.05), FileRegistry(directory)
        async with registry, observer:
            log = Log()
            await observer.subscribe(KEY, log)
            await registry.register(instance())
            await log.until([20001])
            [entry] = directory.iterdir()
            entry.unlink()
            entry = await published_anew(entry)
            entry.unlink()
            directory.rmdir()
            await published_anew(entry)
            await registry.register(instance(2))
            await log.until([20001, 20002])
        assert list(directory.iterdir()) == []

    run(main())
    assert "published it again" in caplog.text


def test_unchanged_files_are_parsed_once(run, directory, monkeypatch):
    parsed = []
    from_json = _entries.from_json
    monkeypatch.setattr(_entries, "from_json", lambda text: parsed.append(text) or from_json(text))

    async def main():
        provider, consumer = FileRegistry(directory), FileRegistry(directory, inotify=False)
        async with provider, consumer:
            log = Log()
            await consumer.subscribe(KEY, log)
            for number in range(1, 6):
                await provider.register(instance(number))
                await log.until([20000 + n for n in range(1, number + 1)])
            await consumer.instances()
            await provider.register(instance(6))
            await log.until([20000 + n for n in range(1, 7)])
            assert len(parsed) == 6

    run(main())


# -- events that are lost, late or impossible --


def test_lost_event_is_made_good(run, directory, monkeypatch):
    def swallow(descriptor):
        for _ in read(descriptor):
            pass
        return iter(())

    read = _inotify.read
    monkeypatch.setattr(_inotify, "read", swallow)

    async def main():
        provider, consumer = FileRegistry(directory), FileRegistry(directory, reconcile=0.1)
        async with provider, consumer:
            log = Log()
            await provider.register(instance(1))
            await consumer.subscribe(KEY, log)
            await log.until([20001])
            await provider.register(instance(2))
            await log.until([20001, 20002])
            await provider.unregister(instance(1))
            await log.until([20002])

    run(main())


def test_overflow_makes_a_full_pass(run, directory, monkeypatch):
    def overflow(descriptor):
        return iter([(_inotify.Q_OVERFLOW, "")] if list(read(descriptor)) else [])

    read = _inotify.read
    monkeypatch.setattr(_inotify, "read", overflow)

    async def main():
        provider, consumer = FileRegistry(directory), FileRegistry(directory, reconcile=60)
        async with provider, consumer:
            log = Log()
            await provider.register(instance(1))
            await consumer.subscribe(KEY, log)
            await provider.register(instance(2))
            await log.until([20001, 20002])

    run(main())


def test_without_inotify_the_directory_is_polled(run, directory, monkeypatch, caplog):
    def none_left() -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(_inotify, "open_inotify", none_left)

    async def main():
        async with FileRegistry(directory) as registry:
            log = Log()
            await registry.register(instance(1))
            await registry.subscribe(KEY, log)
            await registry.register(instance(2))
            began = time.monotonic()
            assert await log.until([20001, 20002]) - began < SOON

    run(main())
    [record] = caplog.records
    assert "Too many open files" in record.getMessage() and "polled" in record.getMessage()


def test_running_out_of_descriptors_does_not_lose_providers(directory, monkeypatch, caplog):
    directory.mkdir(mode=0o700)
    descriptors = Descriptors()
    entry = EntryWriter(str(directory), descriptors).publish(instance())
    reader = EntryReader(str(directory))
    assert reader.read(entry.name) == instance()

    def none_left(*_args, **_options):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patch:
        patch.setattr(_entries.os, "open", none_left)
        assert reader.read(entry.name) == instance()
        assert reader.read(entry.name) == instance()
    assert len(caplog.records) == 1
    descriptors.close_all()
    assert is_gone(reader, entry.name)


# -- the object --


def test_lifetime(run, directory):
    async def main():
        registry = FileRegistry(directory)
        assert repr(registry) == f"<FileRegistry file://{directory} not started, registered 0, subscribed 0>"
        await registry.start()
        await registry.start()
        await registry.register(instance())
        await registry.subscribe(KEY, Log())
        assert repr(registry) == f"<FileRegistry file://{directory} started, registered 1, subscribed 1>"
        await registry.aclose()
        assert "closed" in repr(registry)
        with pytest.raises(LocalProtocolError, match="make another"):
            await registry.start()

    run(main())


def test_forgotten_registry_is_named(directory):
    async def main():
        registry = FileRegistry(directory)
        await registry.start()
        await registry.register(instance())

    with pytest.warns(ResourceWarning, match="FileRegistry.*was not closed: await its aclose"):
        asyncio.run(main())
        import gc

        gc.collect()
    assert asyncio.run(list_all(directory)) == []  # its locks are released


async def list_all(directory: Path) -> list[Instance]:
    async with FileRegistry(directory) as registry:
        return list(await registry.instances())


def test_one_loop_only(directory):
    registry = FileRegistry(directory)
    with asyncio.Runner() as one, asyncio.Runner() as two:
        one.run(registry.start())
        for operation in (registry.register(instance()), registry.instances(), registry.aclose()):
            with pytest.raises(LocalProtocolError, match="another event loop"):
                two.run(operation)
        one.run(registry.aclose())


def test_closing_after_the_loop_is_closed(directory):
    registry = FileRegistry(directory)

    async def main():
        await registry.start()
        await registry.register(instance())
        await registry.subscribe(KEY, Log())

    asyncio.run(main())
    asyncio.run(registry.aclose())
    assert list(directory.iterdir()) == []


def test_cancelled_subscribe_leaves_nothing(run, directory):
    async def main():
        async with FileRegistry(directory) as registry:
            log = Log()
            task = asyncio.create_task(registry.subscribe(KEY, log))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert "subscribed 0" in repr(registry)
            await registry.register(instance())
            later = Log()
            await registry.subscribe(KEY, later)
            await later.until([20001])
            assert log.lists in ([], [()]), "told after its subscription was given up"

    run(main())


TEXT = st.text(max_size=300)


@given(st.builds(ServiceKey, TEXT, TEXT, TEXT), st.builds(ServiceKey, TEXT, TEXT, TEXT))
def test_any_key_has_a_safe_name_of_its_own(one, two):
    part = service_part(one)
    name = f"{part}@{'a' * 60}@{'0' * 24}{_entries.SUFFIX}"
    assert len(name.encode()) <= 255 and "/" not in name and not name.startswith(".")
    assert service_part_of(name) == part
    assert (part == service_part(two)) == (one == two)


def test_multiprocessing_start_methods_know_no_lock(directory):
    """Neither a spawned child nor a subprocess inherits a descriptor."""
    if "spawn" not in multiprocessing.get_all_start_methods():
        pytest.skip("no spawn here")
    directory.mkdir(mode=0o700)
    descriptors = Descriptors()
    entry = EntryWriter(str(directory), descriptors).publish(instance())
    with subprocess.Popen(["sleep", "60"], close_fds=False) as process:
        descriptors.close_all()
        assert is_gone(EntryReader(str(directory)), entry.name)
        process.kill()
