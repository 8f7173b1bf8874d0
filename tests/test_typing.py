"""Type checkers accept what users write and what stubgen writes, and find mistakes.

``tests/typing`` holds the code. A mistake names its errors in a comment: mypy's before the comma, pyright's
after it, as in ``# E: arg-type, reportArgumentType``.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from rpcore.stubgen import generate

ROOT = Path(__file__).parent.parent
TYPING = ROOT / "tests" / "typing"
FILES = ["accepted.py", "rejected.py", "shop.py", "shop_client.py", "shop_sync.py"]

Errors = set[tuple[str, int, str]]
"""(file, line, code)"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A user's project: the files of tests/typing beside what stubgen makes of them."""
    directory = tmp_path_factory.mktemp("typing")
    for path in TYPING.glob("*.py"):
        shutil.copy(path, directory)
    sys.path.insert(0, str(directory))
    try:
        (directory / "shop_client.py").write_text(generate("shop"))
        (directory / "shop_sync.py").write_text(generate("shop", kind="blocking"))
    finally:
        sys.path.remove(str(directory))
        sys.modules.pop("shop", None)
    yield directory


Require = Callable[[str, str], NoReturn]


def need(require: Require, *modules: str) -> None:
    for name in modules:
        if importlib.util.find_spec(name) is None:
            require(name, f"pip install {name}")


def run(*command: str, directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )


def expected(directory: Path, checker: int) -> Errors:
    """The errors that the comments in the files announce for one of the two checkers."""
    found: Errors = set()
    for name in FILES:
        for number, line in enumerate((directory / name).read_text().splitlines(), 1):
            if match := re.search(r"# E: (.+), (.+)", line):
                found |= {(name, number, code) for code in match[checker + 1].split()}
    return found


def test_mypy_strict(project: Path, require: Require) -> None:
    need(require, "mypy")
    # As for an installed package: what is inside rpcore is not this project's concern.
    (project / "mypy.ini").write_text(
        f"[mypy]\nstrict = true\nmypy_path = {ROOT}\n[mypy-rpcore.*]\nfollow_imports = silent\n"
    )
    done = run("mypy", "--config-file", "mypy.ini", "--no-error-summary", *FILES, directory=project)
    lines = [line for line in done.stdout.splitlines() if ": error: " in line]
    assert {error(line) for line in lines} == expected(project, 0), done.stdout + done.stderr


def error(line: str) -> tuple[str, int, str]:
    match = re.fullmatch(r"([^:]+):(\d+): error: .*\[([\w-]+)\]", line)
    assert match, line
    return match[1], int(match[2]), match[3]


def test_pyright(project: Path, require: Require) -> None:
    need(require, "pyright")
    if run("pyright", "--version", directory=project).returncode:
        require("pyright", "run `pyright --version` once while online, so that it can fetch itself")
    done = run("pyright", "--outputjson", *FILES, directory=project)
    found = {
        (Path(each["file"]).name, each["range"]["start"]["line"] + 1, each["rule"])
        for each in json.loads(done.stdout)["generalDiagnostics"]
    }
    assert found == expected(project, 1), done.stdout


@pytest.mark.parametrize("name", ["shop_client.py", "shop_sync.py"])
def test_ruff(project: Path, name: str, require: Require) -> None:
    need(require, "ruff")
    checked = run("ruff", "check", "--isolated", "--select", "E,F,W,I,B,PIE,RET", name, directory=project)
    assert checked.returncode == 0, checked.stdout
    formatted = run("ruff", "format", "--isolated", "--diff", name, directory=project)
    assert formatted.returncode == 0, formatted.stdout
