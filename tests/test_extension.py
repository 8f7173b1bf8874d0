"""Names for things that can be replaced: built-ins, entry points, objects, and what a typo is told."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys

import pytest

from rpcore.errors import ConfigurationError
from rpcore.extension import Extensions


def table(**builtin: str) -> Extensions[object]:
    return Extensions("shape", group="rpcore.test_shape", builtin=builtin)


@pytest.fixture
def installed(monkeypatch):
    """Entry points of packages that are not really installed: ``installed(name="module:attr")``."""
    points: list[importlib.metadata.EntryPoint] = []
    asked: list[str] = []

    def entry_points(*, group: str) -> list[importlib.metadata.EntryPoint]:
        asked.append(group)
        return [point for point in points if point.group == group]

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)

    def install(**names: str) -> list[str]:
        points.extend(importlib.metadata.EntryPoint(n, v, "rpcore.test_shape") for n, v in names.items())
        return asked

    return install


def test_builtin_is_imported_on_first_use(installed):
    asked = installed()
    shapes = table(decimal="decimal:Decimal", fraction="fractions:Fraction.from_float", broken="no_such_module:x")
    import decimal
    import fractions

    assert shapes.load("decimal") is decimal.Decimal
    assert shapes.load("fraction") == fractions.Fraction.from_float
    assert asked == [], "a built-in name needs no look at the installed packages"


def test_nothing_is_imported_early():
    code = (
        "import sys, rpcore.extension as e; e.Extensions('x', group='g', builtin={'a': 'colorsys:x'});"
        "print([m for m in ('importlib.metadata', 'colorsys') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_an_object_is_itself():
    thing = object()
    assert table().load(thing) is thing
    assert table().load(str) is str


def test_entry_point(installed):
    installed(path="pathlib:PurePath")
    from pathlib import PurePath

    shapes = table(decimal="decimal:Decimal")
    assert shapes.load("path") is PurePath
    assert shapes.names() == ("decimal", "path")


def test_entry_point_cannot_replace_a_builtin(installed):
    installed(decimal="pathlib:PurePath")
    import decimal

    assert table(decimal="decimal:Decimal").load("decimal") is decimal.Decimal


def test_two_packages_with_one_name(installed):
    installed(path="pathlib:PurePath")
    installed(path="pathlib:Path")
    with pytest.raises(ConfigurationError, match=r"'path' is offered by .*pathlib:Path.* and .*pathlib:PurePath"):
        table().load("path")


def test_one_package_that_is_found_twice(installed):
    installed(path="pathlib:PurePath")
    installed(path="pathlib:PurePath")  # as on a sys.path that holds its directory twice
    from pathlib import PurePath

    assert table().load("path") is PurePath


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("rando", "unknown shape 'rando', did you mean 'random'?; known: random, roundrobin"),
        ("RoundRobin", "unknown shape 'RoundRobin', did you mean 'roundrobin'?; known: random, roundrobin"),
        ("xyz", "unknown shape 'xyz'; known: random, roundrobin"),
        ("", "unknown shape ''; known: random, roundrobin"),
    ],
)
def test_unknown_name(installed, name, text):
    installed(random="random:Random")
    with pytest.raises(ConfigurationError) as caught:
        table(roundrobin="x:y").load(name)
    assert str(caught.value) == text


@pytest.mark.parametrize("target", ["no_such_module:x", "decimal:NoSuchThing", "decimal:Decimal.no.such"])
def test_failing_import(installed, target):
    installed(entry=target)
    for shapes, name in ((table(builtin=target), "builtin"), (table(), "entry")):
        with pytest.raises(ConfigurationError, match=f"shape '{name}': cannot import '{target}'") as caught:
            shapes.load(name)
        assert caught.value.__cause__ is not None
