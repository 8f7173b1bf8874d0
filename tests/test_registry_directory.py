"""The directory of the embedded registry: made late, replaced, spoilt, somebody else's."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import time
from pathlib import Path

import pytest

from registry_helpers import BOTH_WAYS, KEY, SOON, Log, instance
from rpcore.errors import ConfigurationError, RegistryError
from rpcore.registry import _entries
from rpcore.registry.file import FileRegistry, default_directory


@pytest.fixture
def directory(tmp_path) -> Path:
    return tmp_path / "registry"


@BOTH_WAYS
def test_directory_made_later(run, directory, inotify):
    async def main():
        consumer = FileRegistry(directory / "deep" / "down", inotify=inotify)
        async with consumer:
            log = Log()
            await consumer.subscribe(KEY, log)
            await log.until([])
            assert not directory.exists()
            async with FileRegistry(directory / "deep" / "down") as provider:
                began = time.monotonic()
                await provider.register(instance())
                assert await log.until([20001]) - began < SOON
                assert (directory / "deep" / "down").stat().st_mode & 0o777 == 0o700
                began = time.monotonic()
                await provider.register(instance(2))
                assert await log.until([20001, 20002]) - began < SOON

    run(main())


@BOTH_WAYS
def test_directory_replaced(run, directory, inotify):
    """Renamed away and made anew, as a clean-up script might do."""

    async def main():
        consumer, provider = FileRegistry(directory, inotify=inotify, reconcile=0.2), FileRegistry(directory)
        async with consumer, provider:
            log = Log()
            await consumer.subscribe(KEY, log)
            await provider.register(instance(1))
            await log.until([20001])
            directory.rename(directory.with_name("old"))
            await log.until([])
            async with FileRegistry(directory) as another:
                await another.register(instance(2))
                await log.until([20002])

    run(main())


@contextlib.contextmanager
def as_another_user():
    """Nobody in particular, so that root's rights do not count."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def start_error(path: Path) -> str:
    async def main():
        with pytest.raises(ConfigurationError) as caught:
            await FileRegistry(path).start()
        return str(caught.value)

    return asyncio.run(main())


def register_error(path: Path, error: type[Exception] = ConfigurationError) -> str:
    async def main():
        async with FileRegistry(path) as registry:
            with pytest.raises(error) as caught:
                await registry.register(instance())
        return str(caught.value)

    return asyncio.run(main())


@pytest.mark.parametrize(("mode", "who"), [(0o770, "its group"), (0o707, "everybody"), (0o777, "everybody")])
def test_directory_that_others_may_write(directory, mode, who):
    directory.mkdir()
    directory.chmod(mode)
    text = start_error(directory)
    assert str(directory) in text and who in text and f"chmod 700 {directory}" in text


def test_directory_of_another_user():
    if os.geteuid() == 0:
        with as_another_user():
            text = start_error(Path("/etc"))
    else:
        text = start_error(Path("/etc"))
    assert "/etc" in text and "owned by uid 0" in text and "file:///directory" in text


def test_no_directory(tmp_path):
    path = tmp_path / "file"
    path.write_text("")
    assert "not a directory" in start_error(path)
    assert str(path / "below") in start_error(path / "below")


def test_dangling_link(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    text = register_error(tmp_path / "link")
    assert str(tmp_path / "link") in text and "No such file" in text


@pytest.mark.parametrize(("mode", "error"), [(0o000, start_error), (0o555, register_error)])
def test_no_permission(tmp_path, mode, error):
    """A parent that may not be entered, and one in which nothing may be made."""
    parent = tmp_path / "parent"
    parent.mkdir()
    if os.geteuid() == 0:  # another user must come as far as here
        for path in tmp_path, *tmp_path.parents[:-2]:
            path.chmod(0o711)
    parent.chmod(mode)
    try:
        with as_another_user():
            text = error(parent / "registry")
    finally:
        parent.chmod(0o700)
    assert str(parent / "registry") in text and "Permission denied" in text and "RPCORE_HOME" in text


def test_directory_spoilt_while_it_is_used(run, directory, caplog):
    async def main():
        consumer, provider = FileRegistry(directory, inotify=False), FileRegistry(directory)
        async with consumer, provider:
            log = Log()
            await consumer.subscribe(KEY, log)
            await provider.register(instance(1))
            await log.until([20001])
            directory.chmod(0o777)
            await log.until([])
            with pytest.raises(ConfigurationError, match="chmod 700"):
                await provider.register(instance(2))
            directory.chmod(0o700)
            await log.until([20001])

    run(main())
    assert [r for r in caplog.records if "0777" in r.getMessage()] != []
    assert len(caplog.records) == 1


def test_write_failure_names_the_directory(directory, monkeypatch):
    def no_space(descriptor, text):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(_entries.os, "write", no_space)
    text = register_error(directory, RegistryError)
    assert str(directory) in text and "No space left" in text and "127.0.0.1:20001" in text
    assert list(directory.iterdir()) == []


def test_default_directory(monkeypatch):
    machine = os.uname().nodename.partition(".")[0].lower()
    monkeypatch.setenv("RPCORE_HOME", "/srv/rpc")
    assert default_directory() == "/srv/rpc/registry"
    monkeypatch.delenv("RPCORE_HOME")
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv("XDG_STATE_HOME", "relative/is/ignored")
    assert default_directory() == f"/home/ada/.local/state/rpcore/{machine}/registry"
    with monkeypatch.context() as patch:
        patch.setattr(os.path, "expanduser", lambda path: path)  # a container with a made-up uid
        with pytest.raises(ConfigurationError, match="set RPCORE_HOME"):
            default_directory()
    monkeypatch.setenv("XDG_STATE_HOME", "/var/state")
    assert default_directory() == f"/var/state/rpcore/{machine}/registry"
