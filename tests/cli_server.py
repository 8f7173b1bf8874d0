"""Starts ``rpcore serve`` as a process of its own, for tests of the command line."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent


@contextlib.contextmanager
def serving(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and its address, once it serves."""
    process = subprocess.Popen(
        [sys.executable, "-m", "rpcore", "serve", *arguments], cwd=HERE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    with process.stderr:
        try:
            lines = []
            for line in process.stderr:
                lines.append(line)
                if found := re.search(r"serving .* at (\S+)", line):
                    yield process, found[1]
                    break
            else:
                raise AssertionError(f"rpcore serve ended with {process.wait()}: {''.join(lines)}")
        finally:
            process.kill()
            process.wait()
