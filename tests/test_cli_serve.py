"""``rpcore serve``: what may be served, and what is said about what may not."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli_server import HERE, serving
from rpcore.cli.app import rpcore


def serve(*arguments: str) -> Result:
    return CliRunner().invoke(rpcore, ["serve", *arguments])


@pytest.mark.parametrize("factory", ["make_server", "make_server_later"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serves_until_a_signal(factory: str, number: signal.Signals, tmp_path: Path) -> None:
    with serving(f"cli_users:{factory}", "--registry", f"file://{tmp_path}/registry") as (process, address):
        host, _, port = address.partition(":")
        socket.create_connection((host, int(port))).close()
        assert len(list((tmp_path / "registry").iterdir())) >= 1
        process.send_signal(number)
        assert process.wait(10) == 0


def test_options_replace_what_the_server_says(tmp_path: Path) -> None:
    path = f"unix:{tmp_path}/socket"
    with serving("cli_users:make_server", "--host", path, "--no-register") as (_, address):
        assert address == path
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(f"{tmp_path}/socket")


def test_port_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "rpcore",
                "serve",
                "cli_users:make_server",
                "--port",
                port,
                "--no-register",
            ],
            cwd=HERE,
            capture_output=True,
            text=True,
            timeout=30,
        )
    assert done.returncode == 2
    assert port in done.stderr and "in use" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("cli_users", "expected module:object"),
        ("no_such_module:server", "no module 'no_such_module'"),
        ("cli_users.sub:server", "no module 'cli_users.sub'"),
        ("cli_users:make_serve", "has no 'make_serve', did you mean 'make_server'?"),
        ("cli_users:not_a_server", "gives 42: expected a rpcore.Server"),
        ("broken_factory:make", "ValueError: no configuration ("),
        ("broken_syntax:server", "SyntaxError"),
        ("broken_import:server", "ModuleNotFoundError: No module named 'no_such_dependency'"),
        ("broken_start:server", "broken_start.py, line 1"),
    ],
)
def test_targets_that_cannot_be_served(
    target: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_syntax.py").write_text("def (:\n")
    (tmp_path / "broken_factory.py").write_text("def make():\n    raise ValueError('no configuration')\n")
    (tmp_path / "broken_import.py").write_text("import no_such_dependency\n")
    (tmp_path / "broken_start.py").write_text("1 / 0\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    result = serve(target)
    assert result.exit_code == 2
    [line] = result.stderr.splitlines()
    assert line.startswith("rpcore: ") and message in line
