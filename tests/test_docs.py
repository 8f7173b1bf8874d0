"""What README.md, CHANGELOG.md and docs/ say is true where a machine can tell.

- Every block marked ``python runs`` is executed: those of one page one after the other, as one program
  (``python runs=name`` keeps several programs of a page apart). It prints what its ``#>`` comments say, and
  type checkers accept it.
- Every relative link leads to a file, and to a heading where it names one.
- What docs/architecture.md points to is there.
- docs/errors.md lists every error with its code and retry class.
- Every public name has a docstring.
"""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

import rpcore
from rpcore import errors

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
EXAMPLES = sorted((ROOT / "examples").glob("*/*.py"))


def programs() -> dict[str, str]:
    """Name and text of every program that a page shows."""
    found: dict[str, str] = {}
    for page in PAGES:
        for mark, text in re.findall(r"^```python runs(?:=(\w+))?\n((?:.|\n)*?)^```", page.read_text(), re.MULTILINE):
            name = f"{page.stem}-{mark}" if mark else page.stem
            found[name] = f"{found.get(name, '')}{text}\n"
    return found


PROGRAMS = programs()


def write(folder: Path, name: str) -> str:
    script = folder / f"{name.replace('-', '_').lower()}.py"
    script.write_text(PROGRAMS[name])
    return str(script)


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_runnable_program_runs(name: str, tmp_path: Path) -> None:
    script = write(tmp_path, name)
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", script],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "RPCORE_HOME": str(tmp_path / "home"), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    expected = re.findall(r"#> (.*)", PROGRAMS[name])
    assert done.stdout.splitlines() == expected
    assert "Traceback" not in done.stderr and "Warning" not in done.stderr


@pytest.mark.parametrize("checker", ["mypy --strict", "pyright"])
def test_type_checkers_accept_every_program(
    checker: str, tmp_path: Path, require: Callable[[str, str], NoReturn]
) -> None:
    name, *options = checker.split()
    environment = {**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1", "MYPY_CACHE_DIR": str(tmp_path / "cache")}

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", name, *arguments],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )

    if run("--version").returncode:
        require(name, f"install it; pyright also fetches itself once while online: `{name} --version`")
    done = run(*options, *(write(tmp_path, program) for program in PROGRAMS), *EXAMPLES)
    assert done.returncode == 0, done.stdout + done.stderr


def links() -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        text = re.sub(r"^```(?:.|\n)*?^```|`[^`\n]*`", "", page.read_text(), flags=re.MULTILINE)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if "://" not in target and not target.startswith("mailto:"):
                yield page, target


@pytest.mark.parametrize(("page", "target"), list(links()), ids=lambda value: getattr(value, "name", value))
def test_every_relative_link_leads_somewhere(page: Path, target: str) -> None:
    path, _, heading = target.partition("#")
    file = (page.parent / path).resolve() if path else page
    assert file.exists(), f"{page.name}: {target}"
    if heading:
        assert heading in anchors(file), f"{page.name}: {target}"


def anchors(page: Path) -> set[str]:
    """The headings of a page as a web view of the repository links them."""
    headings = re.findall(r"^#+ (.*)", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def places() -> list[tuple[str, str]]:
    text = (ROOT / "docs" / "architecture.md").read_text()
    return re.findall(r"^\| .* \| `(.+?)` \| `(.+?)` \|$", text, re.MULTILINE)


@pytest.mark.parametrize(("path", "name"), places())
def test_the_map_of_the_code_points_to_definitions(path: str, name: str) -> None:
    defined = rf"^ *(?:async def|def|class|cdef class|cp?def [\w ]+?) {name}\b|^{name}\b.*="
    assert re.search(defined, (ROOT / path).read_text(), re.MULTILINE)


def error_rows() -> dict[str, tuple[str, str]]:
    table = (ROOT / "docs" / "errors.md").read_text().partition("| class | code | retry | raised |")[2]
    rows = {}
    for line in table.strip().partition("\n\n")[0].splitlines()[1:]:
        name, code, retry, _ = (cell.strip() for cell in line.strip("|").split("|"))
        rows[name.strip("`")] = (code, retry)
    return rows


def test_the_page_of_errors_lists_every_error_and_nothing_else() -> None:
    assert error_rows().keys() == set(errors.__all__) - {"Retry"}


@pytest.mark.parametrize("name", sorted(set(errors.__all__) - {"Retry"}))
def test_the_page_of_errors_says_what_the_class_says(name: str) -> None:
    words = {
        "surely not executed": "not executed",
        "maybe executed": "maybe executed",
        "never retried": "never",
    }
    cls = getattr(errors, name)
    assert error_rows()[name] == (cls.code, words[cls.retry.value])


@pytest.mark.parametrize("name", rpcore.__all__)
def test_every_public_name_has_a_docstring(name: str) -> None:
    assert inspect.getdoc(getattr(rpcore, name))


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_has_a_docstring_of_its_own(name: str) -> None:
    assert getattr(errors, name).__dict__.get("__doc__")


def test_the_example_of_two_processes_works(tmp_path: Path) -> None:
    environment = {"PYTHONPATH": str(ROOT), "RPCORE_HOME": str(tmp_path), "PATH": ""}
    folder = ROOT / "examples" / "users"
    command = [sys.executable, "-B", "-X", "dev", "-W", "error"]
    with subprocess.Popen([*command, str(folder / "provider.py")], env=environment) as provider:
        try:
            consumer = subprocess.run(
                [*command, str(folder / "consumer.py")],
                env=environment,
                capture_output=True,
                text=True,
                timeout=60,
            )
        finally:
            provider.terminate()
        assert provider.wait(30) == 0
    # asyncio's debug mode says "Executing ... took 0.142 seconds" where the machine is slow; that is no fault.
    said = [line for line in consumer.stderr.splitlines() if not line.startswith("Executing ")]
    assert (consumer.returncode, said) == (0, [])
    assert consumer.stdout.splitlines() == [
        "User(id=1, name='Ada', tags=['admin'])",
        "User(id=2, name='Grace Hopper', tags=[])",
        "no user 7",
        "2",
    ]
