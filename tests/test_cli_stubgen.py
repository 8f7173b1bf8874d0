"""``rpcore stubgen``: the command around ``rpcore.stubgen``, which has tests of its own."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from rpcore.cli.app import rpcore

DEFINITION = Path(__file__).parent / "data" / "service-definition-3.3.6.json"


def stubgen(*arguments: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(rpcore, ["stubgen", *arguments], input=stdin)


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


def test_a_java_service(tmp_path: Path) -> None:
    path = tmp_path / "rig.py"
    given = ["--from-metadata", str(DEFINITION), "--raises", "org.demo.NotFound"]
    result = stubgen(*given, "-o", str(path))
    assert (result.exit_code, result.output) == (0, "")
    assert {"AllTypes", "Point", "Color", "NotFound"} <= classes(path.read_text())
    from_input = stubgen("--from-metadata", "-", "--raises", "org.demo.NotFound", stdin=DEFINITION.read_bytes())
    assert from_input.stdout == path.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "either MODULE[:INTERFACE] or --from-metadata"),
        (["cli_users", "--from-metadata", str(DEFINITION)], "either MODULE[:INTERFACE] or --from-metadata"),
        (["cli_users", "--raises", "a.B"], "go with --from-metadata"),
        (["--from-metadata", str(DEFINITION), "--kind", "blocking"], "rpcore stubgen THE_MODULE --kind blocking"),
        (["--from-metadata", "none.json"], "none.json"),
        (["--from-metadata", str(Path(__file__))], "is not JSON"),
    ],
)
def test_what_cannot_be_asked_for(arguments: list[str], message: str) -> None:
    result = stubgen(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr
