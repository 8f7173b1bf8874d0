"""From ``module:object`` on the command line to the object, with an error for each way that can fail."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from difflib import get_close_matches
from typing import Any

from rpcore.cli.failures import Failure


def add_working_directory() -> None:
    """Make modules of the current directory importable: a console script does not, ``python -m`` does."""
    directory = os.getcwd()
    if directory not in sys.path and "" not in sys.path:
        sys.path.insert(0, directory)


def load(target: str) -> Any:
    """The object that ``package.module:name`` (or ``…:Class.attribute``) names.

    Raises:
        Failure: the text has another form, the module is missing or fails, or has no such object.
    """
    module_name, colon, path = target.partition(":")
    if not (module_name and colon and path):
        raise Failure(f"{target!r}: expected module:object, such as myapp.main:server")
    add_working_directory()
    found: Any = import_module(module_name)
    for part in path.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            near = get_close_matches(part, [n for n in dir(found) if not n.startswith("_")], n=1)
            hint = f", did you mean {near[0]!r}?" if near else ""
            raise Failure(f"{target!r}: {module_name} has no {part!r}{hint}") from None
    return found


def import_module(name: str) -> Any:
    """The module. Raises Failure, naming the file and line at fault, when importing it fails."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise Failure(f"no module {error.name!r} (looked in {os.getcwd()} and the Python path)") from error
        raise Failure(f"cannot import {name!r}: {fault(error)}") from error
    except Exception as error:
        raise Failure(f"cannot import {name!r}: {fault(error)}") from error


def fault(error: BaseException) -> str:
    """The error and the innermost line of a file where it arose: for errors in users' code."""
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, SyntaxError):
        return text  # names its line itself
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<")]
    return f"{text} ({frames[-1].filename}, line {frames[-1].lineno})" if frames else text
