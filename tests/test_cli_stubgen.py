"""``rpcore stubgen``: the command around ``rpcore.stubgen``, which has tests of its own."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from rpcore.cli.app import rpcore


def stubgen(*arguments: str) -> Result:
    return CliRunner().invoke(rpcore, ["stubgen", *arguments])


def classes(source: str) -> set[str]:
    return {node.name for node in ast.parse(source).body if isinstance(node, ast.ClassDef)}


def test_client_on_standard_output() -> None:
    result = stubgen("cli_users:UserService")
    assert result.exit_code == 0, result.output
    assert classes(result.stdout) == {"UserService", "User", "NotFound"}


def test_blocking_view_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "users_sync.py"
    result = stubgen("cli_users", "--kind", "blocking", "-o", str(path))
    assert (result.exit_code, result.output) == (0, "")
    assert classes(path.read_text()) == {"UserServiceSync"}


@pytest.mark.parametrize(
    ("target", "message"),
    [("no_such_module", "no_such_module"), ("cli_users:Userservice", "UserService"), ("cli_users:User", "interface")],
)
def test_what_is_no_interface(target: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "out.py"
    result = stubgen(target, "-o", str(path))
    assert result.exit_code == 2
    assert message in result.stderr and "Traceback" not in result.stderr
    assert not path.exists()


def test_file_that_cannot_be_written(tmp_path: Path) -> None:
    result = stubgen("cli_users:UserService", "-o", str(tmp_path / "none" / "out.py"))
    assert result.exit_code == 2
    assert result.stderr.endswith("out.py: No such file or directory\n")
