"""The command as a whole: help, usage errors, exit codes, the missing extra, and what it imports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from rpcore import errors
from rpcore.cli.app import COMMANDS, rpcore
from rpcore.cli.failures import EXITS, exit_code_of


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_help_has_examples_and_exit_codes(command: str) -> None:
    result = CliRunner().invoke(rpcore, [command, "--help"])
    assert result.exit_code == 0
    examples = result.output.partition("Examples:\n")[2].partition("\n\n")[0]
    assert f"rpcore {command}" in examples
    assert "Exit codes:" in result.output
    assert "--debug" in result.output


def test_help_lists_every_command() -> None:
    result = CliRunner().invoke(rpcore, ["-h"])
    listed = [line.split()[0] for line in result.output.partition("Commands:\n")[2].splitlines() if line.strip()]
    assert result.exit_code == 0
    assert [name for name in listed if name in COMMANDS] == sorted(COMMANDS)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_option_is_documented(command: str) -> None:
    page = Path(__file__).parent.parent.joinpath("docs/commands.md").read_text()
    section = page.partition(f"\n## {command}\n")[2].partition("\n## ")[0]
    common = page.partition("\n## ")[0]
    found = rpcore.get_command(click.Context(rpcore), command)
    assert found is not None and section
    for parameter in found.params:
        if isinstance(parameter, click.Option):
            name = max(parameter.opts, key=len)
            assert name in section or name in common, name


@pytest.mark.parametrize(("code", "meaning"), EXITS.items())
def test_every_exit_code_is_documented(code: int, meaning: str) -> None:
    assert f"| {code} | {meaning} |" in Path(__file__).parent.parent.joinpath("docs/commands.md").read_text()


def test_version() -> None:
    import rpcore as package

    assert CliRunner().invoke(rpcore, ["--version"]).output == f"rpcore {package.__version__}\n"


@pytest.mark.parametrize(
    "arguments", [["no-such-command"], ["ls", "--no-such-option"], ["invoke"], ["invoke", "nodots"], []]
)
def test_usage_errors(arguments: list[str]) -> None:
    result = CliRunner().invoke(rpcore, arguments)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.NoProvider("x"), 3),
        (errors.NoRoute("x"), 3),
        (errors.CallTimeout("x"), 4),
        (errors.ConfigurationError("x"), 2),
        (errors.EncodeError("x"), 2),
        (errors.ConnectError("x"), 5),
        (errors.ConnectionLost("x"), 5),
        (errors.RegistryError("x"), 5),
        (errors.RemoteError("x"), 1),
        (errors.UnknownMethod("x"), 1),
        (errors.DecodeError("x"), 1),
        (KeyError("a declared exception"), 1),
    ],
)
def test_exit_code_of_each_kind_of_error(error: Exception, code: int) -> None:
    assert exit_code_of(error) == code


def test_configuration_error_is_one_line() -> None:
    result = CliRunner().invoke(rpcore, ["ls", "--registry", "zokeeper://x"])
    assert result.exit_code == 2
    [line] = result.stderr.splitlines()
    assert line.startswith("rpcore: ConfigurationError: unknown registry 'zokeeper'")


def test_debug_shows_the_traceback() -> None:
    for arguments in (["ls", "--registry", "nope", "--debug"], ["--debug", "ls", "--registry", "nope"]):
        result = CliRunner().invoke(rpcore, arguments)
        assert isinstance(result.exception, errors.ConfigurationError)


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_without_the_extra_it_says_what_to_install(missing: str) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None; from rpcore.cli import main; main(['ls'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout == ""
    wanted = f"rpcore: the command needs {missing}, which is not installed: pip install 'rpcore[cli]'\n"
    assert done.stderr == wanted


def test_entry_point_imports_neither_click_nor_rich() -> None:
    code = "import rpcore.cli, sys; print([m for m in ('click', 'rich') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_commands_do_not_import_each_other() -> None:
    code = "import rpcore.cli.decode, sys; print([m for m in sys.modules if m.startswith('rpcore.cli.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for other in ("invoke", "ls", "serve", "demo"):
        assert f"rpcore.cli.{other}'" not in done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script(shell: str) -> None:
    result = CliRunner().invoke(rpcore, ["completion", shell])
    assert result.exit_code == 0
    assert "_RPCORE_COMPLETE" in result.output


def test_completion_script_is_valid_bash(tmp_path: Path) -> None:
    script = tmp_path / "completion.bash"
    script.write_text(CliRunner().invoke(rpcore, ["completion", "bash"]).output)
    subprocess.run(["bash", "-n", script], check=True)


def test_completion_answers() -> None:
    """As the shell asks: by environment variables."""
    result = CliRunner().invoke(
        rpcore,
        env={"_RPCORE_COMPLETE": "bash_complete", "COMP_WORDS": "rpcore de", "COMP_CWORD": "1"},
        prog_name="rpcore",
    )
    assert result.output.split() == ["plain,decode", "plain,demo"]
