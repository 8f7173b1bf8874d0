"""``rpcore invoke`` and ``rpcore ls`` against a real provider."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli_server import HERE, serving
from rpcore.cli.app import rpcore

SERVICE = "org.demo.UserService"
TYPED = ("--interface", "cli_users:UserService")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"file://{tmp_path_factory.mktemp('cli')}/registry"


@pytest.fixture(scope="module", autouse=True)
def address(registry: str) -> Iterator[str]:
    with serving("cli_users:make_server", "--registry", registry) as (_, address):
        yield address


@pytest.fixture
def invoke(registry: str) -> Any:
    def run(method: str, *arguments: str, input: str | None = None) -> Result:
        return CliRunner().invoke(
            rpcore, ["invoke", f"{SERVICE}.{method}", *arguments, "--registry", registry], input=input
        )

    return run


def failed(result: Result, code: int) -> str:
    """The one line of a command that failed with ``code``."""
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("rpcore: ")
    return result.stderr.removeprefix("rpcore: ").strip()


# --- results ------------------------------------------------------------------------------------------------

ADA = {"id": 1, "name": "Ada", "born": "1815-12-10", "tags": [], "photo": {"$base64": "AAE="}}


@pytest.mark.parametrize("typed", [(), TYPED], ids=["untyped", "typed"])
def test_result_is_json(invoke: Any, typed: tuple[str, ...]) -> None:
    result = invoke("find", "1", *typed)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == ADA


def test_python_path_as_service_types_the_call(registry: str) -> None:
    """Only a typed call knows that ``find`` takes a default, and the method's Python name."""
    result = CliRunner().invoke(rpcore, ["invoke", "cli_users.UserService.find", "1", "--registry", registry])
    assert json.loads(result.stdout) == ADA


def test_typed_call_takes_either_name_of_a_method(invoke: Any) -> None:
    assert "CallTimeout" in failed(invoke("find_slowly", "1", *TYPED), 4)
    assert "CallTimeout" in failed(invoke("findSlowly", "1", *TYPED), 4)


def test_arguments_become_the_declared_types(invoke: Any) -> None:
    result = invoke("exact", "1.50", "12345678-1234-5678-1234-567812345678", "PT1.5S", *TYPED)
    assert "exact(amount, id, wait): args.amount: expected Decimal, got float" in failed(result, 2)
    result = invoke("exact", '"1.50"', "12345678-1234-5678-1234-567812345678", '"PT1.5S"', *TYPED)
    assert json.loads(result.stdout) == [
        "Decimal('1.50')",
        "UUID('12345678-1234-5678-1234-567812345678')",
        "datetime.timedelta(seconds=1, microseconds=500000)",
    ]


def test_records_bytes_and_sets_make_the_round(invoke: Any) -> None:
    user = {"id": 2, "name": "Bö", "born": None, "tags": ["x"], "photo": {"$base64": "/w=="}}
    for arguments in (("-", *TYPED), ("-",)):
        result = invoke("store", *arguments, input=json.dumps(user))
        assert json.loads(result.stdout) == user


def test_dict_with_other_keys_than_text(invoke: Any) -> None:
    value = {"$map": [[1, "one"], [2, {"$map": []}]]}
    assert json.loads(invoke("echo", json.dumps(value)).stdout) == {"$map": [[1, "one"], [2, {}]]}


@pytest.mark.parametrize(
    ("text", "value"),
    [("word", "word"), ("two words", "two words"), ("", ""), ('"7"', "7"), ("7", 7), ("-7", -7), ("true", True),
     ("null", None), ("1e3", 1000.0), ("[1]", [1]), ("nan", "nan"), (str(2**70), 2**70)],
)  # fmt: skip
def test_arguments_as_people_type_them(invoke: Any, text: str, value: Any) -> None:
    assert json.loads(invoke("echo", text).stdout) == value


def test_attachments_and_json(invoke: Any) -> None:
    result = invoke("attachments", "--attachment", "trace=a=b", "-a", "x=1", "--json")
    [line] = result.stdout.splitlines()
    found = json.loads(line)
    assert found["result"]["trace"] == "a=b" and found["result"]["x"] == "1"
    assert found["attachments"]["served"] == "yes"
    assert 0 < found["seconds"] < 30


def test_url_instead_of_a_registry(address: str) -> None:
    arguments = ["invoke", f"{SERVICE}.find", "1", "--url", f"dubbo://{address}", "--version", "1.0.0"]
    assert json.loads(CliRunner().invoke(rpcore, arguments).stdout) == ADA


def test_as_a_process(registry: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rpcore", "invoke", "cli_users.UserService.find", "1", "-r", registry],
        cwd=HERE,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == ADA


# --- failures -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("typed", [(), TYPED], ids=["untyped", "typed"])
def test_declared_exception(invoke: Any, typed: tuple[str, ...]) -> None:
    line = failed(invoke("find", "13", *typed), 1)
    assert SERVICE in line and "NotFound" in line and "13" in line


def test_other_exception(invoke: Any) -> None:
    line = failed(invoke("find", "0"), 1)
    assert "ZeroDivisionError" in line and "no user 0" in line


def test_error_as_json(invoke: Any) -> None:
    result = invoke("find", "0", "--json")
    assert result.exit_code == 1
    [line] = result.stdout.splitlines()
    error = json.loads(line)["error"]
    assert error["type"] == "ZeroDivisionError" and error["code"] == 1 and error["status"] == "UNKNOWN"


def test_timeout(invoke: Any) -> None:
    assert "CallTimeout" in failed(invoke("findSlowly", "1", "--timeout", "0.05"), 4)


def test_nobody_listens(address: str) -> None:
    line = failed(CliRunner().invoke(rpcore, ["invoke", f"{SERVICE}.find", "1", "--url", "127.0.0.1:1"]), 5)
    assert "127.0.0.1:1" in line and "refused" in line


def test_unknown_service(registry: str) -> None:
    result = CliRunner().invoke(rpcore, ["invoke", "org.demo.UserServic.find", "1", "-r", registry])
    assert failed(result, 3) == f"no provider of org.demo.UserServic in {registry}; did you mean {SERVICE}?"


def test_unknown_version(invoke: Any) -> None:
    assert f"there is {SERVICE}:1.0.0" in failed(invoke("find", "1", "--version", "2.0.0"), 3)


def test_empty_registry(tmp_path: Path) -> None:
    result = CliRunner().invoke(rpcore, ["invoke", "a.b.c", "-r", f"file://{tmp_path}/none"])
    assert failed(result, 3).endswith("/none, which is empty")


def test_unknown_method(invoke: Any) -> None:
    assert "fnd" in failed(invoke("fnd", "1"), 1)
    assert "declares no method 'fnd'; there is find" in failed(invoke("fnd", "1", *TYPED), 2)


def test_arguments_that_do_not_fit(invoke: Any) -> None:
    assert "args.user_id: expected int, got str" in failed(invoke("find", "x", *TYPED), 2)
    assert "user_id" in failed(invoke("find", *TYPED), 2)
    assert "takes 2 arguments" in failed(invoke("find", "1", "true", "2", *TYPED), 2)
    assert "takes 1 or 2 arguments, got 3" in failed(invoke("find", "1", "true", "2"), 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "argument 1: no valid JSON"),
        ("[1,]", "argument 1: no valid JSON"),
        ('{"$base64": "?"}', "argument 1: $base64"),
        ('{"$map": [1]}', "argument 1: $map: expected an array of [key, value]"),
    ],
)
def test_arguments_that_are_no_json(invoke: Any, text: str, message: str) -> None:
    assert message in failed(invoke("echo", text), 2)


def test_interface_of_another_service(registry: str) -> None:
    result = CliRunner().invoke(rpcore, ["invoke", "org.demo.Orders.find", "1", "-r", registry, *TYPED])
    assert failed(result, 2) == f"UserService declares {SERVICE!r}, not 'org.demo.Orders'"


@pytest.mark.parametrize("text", ["--timout", "-q"])
def test_mistyped_option_is_no_argument(invoke: Any, text: str) -> None:
    result = invoke("find", "1", text)
    assert result.exit_code == 2
    assert f"no such option: {text}" in result.stderr


def test_attachment_without_value(invoke: Any) -> None:
    assert failed(invoke("find", "1", "-a", "x"), 2) == "--attachment 'x': expected NAME=VALUE"


# --- ls -----------------------------------------------------------------------------------------------------


def test_ls(registry: str, address: str) -> None:
    result = CliRunner().invoke(rpcore, ["ls", "--registry", registry])
    header, line = result.stdout.splitlines()
    assert header.split() == [
        "SERVICE",
        "VERSION",
        "GROUP",
        "ADDRESS",
        "WEIGHT",
        "TAG",
        "APPLICATION",
        "AGE",
        "METHODS",
    ]
    assert line.split()[:7] == [SERVICE, "1.0.0", "-", address, "100", "-", "users"]
    assert "find" in line.split()[-1].split(",")


def test_ls_json(registry: str, address: str) -> None:
    [found] = json.loads(CliRunner().invoke(rpcore, ["ls", "--json", "--registry", registry]).stdout)
    assert (found["service"], found["version"], found["address"]) == (SERVICE, "1.0.0", address)
    assert found["weight"] == found["effective_weight"] == 100
    assert found["age"] >= 0


@pytest.mark.parametrize(("pattern", "code"), [(SERVICE, 0), ("org.demo.*", 0), ("org.*Orders", 3), ("user", 3)])
def test_ls_of_some_services(registry: str, pattern: str, code: int) -> None:
    result = CliRunner().invoke(rpcore, ["ls", pattern, "--registry", registry])
    assert result.exit_code == code
    assert (SERVICE in result.stdout) is (code == 0)


def test_ls_of_nothing(tmp_path: Path) -> None:
    result = CliRunner().invoke(rpcore, ["ls", "--registry", f"file://{tmp_path}/none"])
    assert result.exit_code == 0
    assert result.stderr == f"rpcore: no providers in file://{tmp_path}/none\n"


def test_ls_watch_shows_what_comes_and_goes(tmp_path: Path) -> None:
    registry = f"file://{tmp_path}/registry"
    watcher = subprocess.Popen(
        [sys.executable, "-m", "rpcore", "ls", "--watch", "--interval", "0.05", "--registry", registry],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert watcher.stdout is not None
    with watcher.stdout:
        try:
            with serving("cli_users:make_server", "--registry", registry) as (_, address):
                assert watcher.stdout.readline().split()[1:4] == ["+", f"{SERVICE}:1.0.0", address]
            assert watcher.stdout.readline().split()[1:4] == ["-", f"{SERVICE}:1.0.0", address]
        finally:
            watcher.kill()
            watcher.wait()


# --- completion ---------------------------------------------------------------------------------------------


def test_completion_knows_services_and_methods(registry: str) -> None:
    environment = {
        "_RPCORE_COMPLETE": "bash_complete",
        "COMP_WORDS": f"rpcore invoke --registry {registry} org.demo.UserService.find",
        "COMP_CWORD": "4",
    }
    result = CliRunner().invoke(rpcore, env=environment, prog_name="rpcore")
    assert result.output.split() == [f"plain,{SERVICE}.find", f"plain,{SERVICE}.findSlowly"]


def test_completion_is_silent_about_errors() -> None:
    environment = {**os.environ, "_RPCORE_COMPLETE": "bash_complete", "COMP_CWORD": "4"}
    environment["COMP_WORDS"] = "rpcore ls --registry nope x"
    result = CliRunner().invoke(rpcore, env=environment, prog_name="rpcore")
    assert result.output.strip() == ""
