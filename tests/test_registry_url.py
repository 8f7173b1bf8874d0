"""Registry URLs: what ``connect`` makes of them, and what it says about wrong ones."""

from __future__ import annotations

import subprocess
import sys

import pytest

from rpcore.abc import Registry
from rpcore.errors import ConfigurationError
from rpcore.registry import RegistryURL, connect
from rpcore.registry.file import FileRegistry, default_directory
from rpcore.registry.memory import MemoryRegistry


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("memory://orders", RegistryURL("memory", (("orders", None),))),
        ("file:///var/a%20b", RegistryURL("file", path="/var/a b")),
        (
            "zookeeper://h1:2181,h2:2182,h3/app",
            RegistryURL("zookeeper", (("h1", 2181), ("h2", 2182), ("h3", None)), "/app"),
        ),
        ("x://[::1]:8848,[fe80::2]", RegistryURL("x", (("::1", 8848), ("fe80::2", None)))),
        (
            "nacos://al%40ice:p%2Fw@h:1/?namespace=a%20b&x=",
            RegistryURL("nacos", (("h", 1),), "/", {"namespace": "a b", "x": ""}, "al@ice", "p/w"),
        ),
    ],
)
def test_parts(url, expected):
    parsed = RegistryURL.parse(url)
    assert parsed == expected
    if not parsed.password:
        assert RegistryURL.parse(str(parsed)) == parsed


def test_password_is_never_shown():
    parsed = RegistryURL.parse("nacos://alice:secret@h:8848/x?a=b")
    assert "secret" not in str(parsed) + repr(parsed)
    assert str(parsed) == "nacos://alice@h:8848/x?a=b"
    for wrong in ("nacos://alice:secret@h:99999", "nacos://alice:secret@[::1", "//alice:secret@h"):
        with pytest.raises(ConfigurationError) as caught:
            RegistryURL.parse(wrong)
        assert "secret" not in str(caught.value)


def test_connect_by_scheme(tmp_path):
    file = connect(f"file://{tmp_path}/a%20b")
    assert isinstance(file, FileRegistry) and file.path == f"{tmp_path}/a b"
    assert file.url == f"file://{tmp_path}/a%20b"
    assert isinstance(connect("file://localhost/x?watch=poll"), FileRegistry)
    memory = connect("memory://orders")
    assert isinstance(memory, MemoryRegistry) and memory.url == "memory://orders"
    assert connect("memory://").url == "memory://default"
    for registry in (file, memory):
        assert isinstance(registry, Registry)
        assert connect(registry) is registry


def test_no_url_is_the_embedded_registry(monkeypatch, tmp_path):
    monkeypatch.setenv("RPCORE_HOME", str(tmp_path))
    registry = connect()
    assert isinstance(registry, FileRegistry) and registry.path == default_directory() == f"{tmp_path}/registry"
    assert list(tmp_path.iterdir()) == [], "constructing does no IO"


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("fille:///tmp/x", "unknown registry 'fille', did you mean 'file'?; known: file, memory"),
        ("zokeeper://h:2181", "unknown registry 'zokeeper'"),
        ("/tmp/x", "registry URL '/tmp/x': no scheme; write for example 'file:///tmp/x'"),
        ("localhost:2181", "no scheme"),
        ("", "registry URL '': no scheme"),
        ("file://tmp/x", "a directory has no host; write three slashes"),
        ("file:///", "no directory"),
        ("file:///x?wach=poll", "unknown parameter 'wach', did you mean 'watch'?; known: watch"),
        ("file:///x?watch=often", "watch=often: expected 'auto' or 'poll'"),
        ("memory://x?a=b", "unknown parameter 'a'; known: none"),
        ("memory://x:port", "'x:port' has no valid port: 'port'"),
        ("memory://x?a", "bad query field"),
    ],
)
def test_wrong_url(url, text):
    with pytest.raises(ConfigurationError) as caught:
        connect(url)
    assert text in str(caught.value)


@pytest.mark.parametrize("thing", [7, ["file:///x"], b"file:///x", object()])
def test_not_a_url(thing):
    with pytest.raises(ConfigurationError, match="expected a URL or a registry object"):
        connect(thing)


def test_what_importing_costs():
    """Neither adapters nor what they need are loaded with the package."""
    code = "import sys, rpcore.registry; print(sorted(m for m in sys.modules if m in {unwanted}))"
    unwanted = {"rpcore.registry.file", "rpcore.registry.memory", "json", "ctypes", "urllib.parse", "hashlib"}
    program = code.replace("{unwanted}", repr(unwanted))
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
