"""The project itself: who imports whom, what an import costs, what is shipped, style, stubs, versions."""

from __future__ import annotations

import ast
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import rpcore

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "rpcore"
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())


def run(*command: str | Path, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run to the end; what it printed is in the failure."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "RPCORE"))}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=env | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command} in {cwd}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


# -------------------------------------------------------------------------------------- who imports whom

# Module or package -> what of rpcore it may import. Values first, then the codec, declarations, the engine,
# and the policies around it. What is not listed composes all of these (client, server, commands).
VALUES = {"errors", "model", "types", "javatypes"}
DECLARATION = {
    *("abc", "assignable", "class_hints", "conformance", "declaration", "definition", "handlers", "hints"),
    *("javahints", "naming", "options", "plan", "records", "scope", "signatures", "stubs"),
}
ENGINE = {"_codec", "_core"}
POLICIES = {"cluster", "filters", "loadbalance", "registry"}
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "types": {"javatypes"},
    "javatypes": {"_codec"},
    "model": {"errors"},
    "extension": {"errors"},
    "abc": {"errors", "model"},
    "_codec": {"errors", "javatypes"},  # javatypes: with the first value that is one of Java's own types
    "_core": {"errors", "model", "_codec"},
    **dict.fromkeys(DECLARATION - {"abc"}, VALUES | DECLARATION | {"_codec"}),
    "service": VALUES | DECLARATION | ENGINE,
    "connection": {"_core"},
    "dispatch": VALUES | ENGINE,
    "generic": VALUES | DECLARATION | ENGINE | {"dispatch", "service"},
    "transport": VALUES | ENGINE | {"plan", "options", "service", "connection", "dispatch"},
    **{kind: {"abc", "errors", "model", "extension", "_core"} for kind in POLICIES},
}
# Runs on whatever loop, thread or clock its caller has.
NO_LOOP = {
    *VALUES,
    *DECLARATION,
    *ENGINE,
    "extension",
    "service",
    "connection",
    "dispatch",
    "cluster",
    "filters",
    "loadbalance",
}
NO_CLOCK = {*ENGINE, "connection", "dispatch", "cluster", "loadbalance"}
# Where alone a module of somebody else may be imported.
ONLY_IN = {
    "uvloop": {"loops"},
    "kazoo": {"registry"},
    "v2": {"registry"},
    "click": {"cli", "demo"},
    "rich": {"cli", "demo"},
}
# For the people who use and operate rpcore; the library stands without them.
OUTERMOST = {"testing", "cli", "demo", "stubgen"}


def python_imports(path: Path) -> Iterator[str]:
    """Full names of what a Python file imports, also inside functions, other than for type checking."""
    tree = ast.parse(path.read_text(), str(path))
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            assert node.module is not None
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def cython_imports(path: Path) -> Iterator[str]:
    """The same of a Cython file, by its import and cimport lines."""
    for line in path.read_text().splitlines():
        if match := re.match(r"\s*from\s+([\w.]+)\s+c?import\s+(.*)", line):
            for name in re.findall(r"[\w*]+", match[2].partition("#")[0]) or ["*"]:
                yield f"{match[1]}.{name}"
        elif match := re.match(r"\s*c?import\s+([\w.]+)", line):
            yield match[1]


def imports_of_modules() -> Iterator[tuple[Path, str, str]]:
    """File, the module or package of rpcore that it belongs to, and the name it imports."""
    for path in sorted(PACKAGE.rglob("*.py")):
        module = path.relative_to(PACKAGE).with_suffix("").parts[0]
        yield from ((path, module, name) for name in python_imports(path))
    for path in sorted([*PACKAGE.glob("_*.p[yx][xd]"), *PACKAGE.glob("_*_parts/*.pxi")]):
        module = path.relative_to(PACKAGE).with_suffix("").parts[0].removesuffix("_parts")
        module = "_codec" if module == "_frame" else module
        yield from ((path, module, name) for name in cython_imports(path))


def test_who_may_import_whom() -> None:
    wrong = []
    for path, module, name in imports_of_modules():
        top, *rest = name.split(".")
        if top == "rpcore":
            target = rest[0] if rest else "rpcore"
            target = "_codec" if target == "_frame" else target
            allowed = MAY_IMPORT.get(module)
            if target != module and allowed is not None and target not in allowed:
                wrong.append(f"{path}: rpcore.{module} may not import {name}")
            if target in OUTERMOST and module not in {*OUTERMOST, "__main__"}:
                wrong.append(f"{path}: nothing imports rpcore.{target}")
        elif top == "asyncio" and module in NO_LOOP:
            wrong.append(f"{path}: rpcore.{module} has no loop")
        elif top == "time" and module in NO_CLOCK:
            wrong.append(f"{path}: rpcore.{module} has no clock, the caller passes the time")
        elif module not in ONLY_IN.get(top, {module}):
            wrong.append(f"{path}: {top} is imported in {ONLY_IN[top]} only")
    assert not wrong, "\n".join(wrong)


def test_policies_do_not_know_each_other() -> None:
    """One policy per file: no balancer and no registry imports another one."""
    kinds = {kind: {path.stem for path in (PACKAGE / kind).glob("[!_]*.py")} for kind in POLICIES}
    assert {"random", "roundrobin", "leastactive"} <= kinds["loadbalance"]
    for policy in ("loadbalance", "registry"):
        for path in (PACKAGE / policy).glob("[!_]*.py"):
            others = kinds[policy] - {path.stem}
            imported = {name.split(".")[2] for name in python_imports(path) if name.startswith(f"rpcore.{policy}.")}
            assert not imported & others, path


def test_an_import_of_rpcore_is_light() -> None:
    """What only some applications need is imported when they need it."""
    done = run(
        sys.executable,
        "-c",
        "import asyncio, dataclasses, typing, sys; before = set(sys.modules); import rpcore;"
        "print(*sorted(set(sys.modules) - before))",
    )
    added = done.stdout.split()
    assert "rpcore.client" in added
    late = {
        *("rpcore.registry", "rpcore.cli", "rpcore.demo", "rpcore.stubgen", "rpcore.testing"),
        *("uvloop", "yaml", "click", "rich", "kazoo", "v2", "attrs", "pydantic", "msgspec"),
        *(
            "importlib.metadata",
            "ctypes",
            "json",
            "multiprocessing",
            "http",
            "email",
            "urllib.request",
            "sqlite3",
        ),
    }
    found = {name for name in added if any(name == one or name.startswith(f"{one}.") for one in late)}
    assert not found


# ------------------------------------------------------------------------------------------------- style


def test_ruff() -> None:
    run(sys.executable, "-m", "ruff", "check", ".")
    run(sys.executable, "-m", "ruff", "format", "--check", ".")


def test_the_stubs_say_what_the_extensions_have() -> None:
    extensions = sorted(path.stem for path in PACKAGE.glob("_*.pyx"))
    assert [f"{name}.pyi" for name in extensions if not (PACKAGE / f"{name}.pyi").exists()] == []
    run(sys.executable, "-m", "mypy.stubtest", *(f"rpcore.{name}" for name in extensions))


def test_directives_that_a_debug_build_sets_are_left_to_it() -> None:
    """A header comment wins over setup.py: with one, a debug build would check nothing."""
    for path in PACKAGE.glob("_*.p[yx][xd]"):
        header = re.findall(r"^#\s*cython:(.*)", path.read_text(), re.MULTILINE)
        named = set(re.findall(r"(\w+)\s*=", ",".join(header)))
        assert not named & {"boundscheck", "wraparound", "initializedcheck", "nonecheck"}, path


def test_no_negative_index_in_cython() -> None:
    """Release code has no wraparound: on a typed list, ``items[-1]`` would read in front of it."""
    for path in [*PACKAGE.glob("_*.pyx"), *PACKAGE.glob("_*_parts/*.pxi")]:
        code = re.sub(r"#.*", "", path.read_text())
        found = [match[0] for match in re.finditer(r"[\w\])]\[-\w+\]", code)]
        assert not found, f"{path}: {found}"


def tracked_files() -> list[Path]:
    """The files of the repository; those of the folder where it is no git checkout."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        return [path for path in (PACKAGE.rglob("*")) if path.suffix in (".py", ".pyx", ".pxi", ".pxd", ".pyi")]
    listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def test_no_place_of_this_machine_is_named() -> None:
    places = [f"{place}/" for place in (ROOT, Path.home(), sys.base_prefix) if len(Path(place).parts) > 1]
    for path in tracked_files():
        text = path.read_bytes().decode("utf-8", "replace")
        found = [line for line in text.splitlines() for place in places if place in line]
        assert not found, f"{path}: {found}"


# ------------------------------------------------------------------------------------- versions, packages


def test_there_is_one_version() -> None:
    version = SETTINGS["project"]["version"]
    assert rpcore.__version__ == version
    assert importlib.metadata.version("rpcore") == version
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert newest[1] in (version, "[Unreleased]")


def test_the_supported_pythons_are_the_tested_ones() -> None:
    prefix = "Programming Language :: Python :: 3."
    declared = [c.removeprefix(prefix[:-2]) for c in SETTINGS["project"]["classifiers"] if c.startswith(prefix)]
    supported = re.search(r'^supported="(.+)"', (ROOT / "scripts/pythons").read_text(), re.MULTILINE)
    assert supported is not None
    assert declared == supported[1].split()
    assert SETTINGS["project"]["requires-python"] == f">={declared[0]}"


@pytest.fixture(scope="session")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source distribution of this tree, unpacked.

    It stays from run to run, with what was compiled in it, so that only the first one takes a minute.
    """
    made = tmp_path_factory.mktemp("sdist")
    run(sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", made, ROOT)
    (archive,) = made.glob("*.tar.gz")
    place = ROOT / "build" / f"packaging-{sys.version_info.major}.{sys.version_info.minor}"
    place.mkdir(parents=True, exist_ok=True)
    unpacked = place / archive.name.removesuffix(".tar.gz")
    with tarfile.open(archive) as tar:
        for old in unpacked.rglob("*"):
            compiled = old.relative_to(unpacked).parts[0] == "build" and old.suffix in (".c", ".so", ".pyd")
            if old.is_file() and not compiled:
                old.unlink()
        tar.extractall(place, filter="data")
    return unpacked


@pytest.fixture(scope="session")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from the sdist."""
    made = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", made, sdist)
    (archive,) = made.glob("*.whl")
    return archive


def names(root: Path, *patterns: str) -> set[str]:
    """Files below ``root`` by pattern, relative to it."""
    return {str(path.relative_to(root)) for pattern in patterns for path in root.glob(pattern)}


SOURCES = ("rpcore/**/*.py", "rpcore/*.pyi", "rpcore/**/*.pxd", "rpcore/py.typed")


def test_the_sdist_has_every_source(sdist: Path) -> None:
    patterns = (*SOURCES, "rpcore/**/*.pyx", "rpcore/**/*.pxi", "tests/*.py", "bench/**/*.py", "scripts/*")
    files = {str(path.relative_to(ROOT)) for path in tracked_files()}
    expected = {name for name in names(ROOT, *patterns) if name in files}
    assert expected <= names(sdist, "**/*"), expected - names(sdist, "**/*")
    assert {"LICENSE", "NOTICE", "README.md", "CHANGELOG.md", "pyproject.toml", "setup.py"} <= names(sdist, "*")
    assert not names(sdist, "rpcore/**/*.c", "rpcore/**/*.so")


def test_the_wheel_has_what_runs_and_what_types(wheel: Path, sdist: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if not name.endswith("/")}
    own = {name for name in inside if name.startswith("rpcore/")}
    built = {name for name in own if name.endswith((".so", ".pyd"))}
    assert {Path(name).name.split(".")[0] for name in built} == {p.stem for p in PACKAGE.glob("_*.pyx")}
    declarations = names(sdist, "rpcore/*/*_decl.pxi")  # what the .pxd files include
    assert own - built == names(sdist, *SOURCES) | declarations
    other = {name for name in inside - own if ".dist-info/" not in name}
    assert not other
    assert {"LICENSE", "NOTICE"} <= {Path(name).name for name in inside}


USE = """
import sys
from dataclasses import dataclass
from typing import Protocol
import rpcore

assert not rpcore.__file__.startswith(sys.argv[1]), rpcore.__file__

@dataclass
class Point:
    x: int
    y: float = 0.5

@rpcore.interface("test.Packaged")
class Mirror(Protocol):
    async def mirror(self, point: Point) -> Point: ...

class Mirrors:
    async def mirror(self, point: Point) -> Point:
        return Point(-point.x, -point.y)

async def main():
    registry = "memory://packaged"
    server = rpcore.Server(registry=registry, application="test", host="127.0.0.1", port=0)
    server.export(Mirror, Mirrors())
    async with server, rpcore.Client(registry=registry, application="test") as client:
        return await client.refer(Mirror).mirror(Point(3))

print(rpcore.run(main()))
"""


def test_a_wheel_works_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    run(sys.executable, "-m", "venv", "--without-pip", environment)
    python = environment / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    dependencies = ROOT / "build" / "dependencies"  # kept, so that a later run needs no network
    find = ["--find-links", dependencies, "--constraint", ROOT / "scripts" / "constraints.txt"]
    offline = subprocess.run([*pip, "download", "--no-index", *find, "--dest", dependencies, wheel], check=False)
    if offline.returncode:
        run(*pip, "download", *find, "--dest", dependencies, wheel)
    run(*pip, "--python", python, "install", "--no-index", *find, wheel)
    assert run(python, "-I", "-W", "error", "-c", USE, ROOT, cwd=tmp_path).stdout == "Point(x=-3, y=-0.5)\n"
    listed = run(*pip, "--python", python, "list", "--format", "freeze").stdout.split()
    assert {line.split("==")[0] for line in listed} <= {"rpcore", "msgpack", "uvloop"}
    assert (environment / "bin" / "rpcore").exists()
