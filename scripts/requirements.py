"""Prints requirements from pyproject.toml, one a line: those of the extras named, or everything there is."""

import re
import sys
import tomllib
from pathlib import Path
from typing import Any


def of_extras(project: dict[str, Any], extras: list[str]) -> list[str]:
    """The requirements of these extras; ``rpcore[a,b]`` among them stands for the extras a and b."""
    lines = []
    for extra in extras:
        for line in project["optional-dependencies"][extra]:
            own = re.fullmatch(rf"{project['name']}\[(.+)\]", line)
            lines += of_extras(project, own[1].split(",")) if own else [line]
    return lines


def main(extras: list[str]) -> None:
    """Print them."""
    settings = tomllib.loads(Path(__file__).parent.parent.joinpath("pyproject.toml").read_text())
    project = settings["project"]
    lines = of_extras(project, extras or list(project["optional-dependencies"]))
    if not extras:
        lines += project["dependencies"] + settings["build-system"]["requires"]
    print("\n".join(dict.fromkeys(lines)))


if __name__ == "__main__":
    main(sys.argv[1:])
