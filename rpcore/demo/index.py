"""A search index over the source of the running Python's standard library.

``read_library`` parses every file with ``ast``, in several processes: it is the slow part. ``Index`` answers
the questions of ``api.Search``; it moves through a file with ``marshal``, which is fast, and safe here because
the file is ours.
"""

from __future__ import annotations

import ast
import bisect
import heapq
import itertools
import marshal
import multiprocessing
import os
import re
import signal
import sysconfig
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TypeAlias

from rpcore.demo.api import Entry, Hit, Kind

Row: TypeAlias = tuple[str, Kind, str, int, str, str]
"""Name, kind, file, line, signature, docstring."""

NOT_LIBRARY = frozenset({"test", "tests", "idle_test", "site-packages", "__pycache__"})
"""Directories that hold tests or other people's packages."""

WORD = re.compile(r"[a-z][a-z0-9]+")
HUMPS = re.compile(r"([a-z0-9])(?=[A-Z])|([A-Z])(?=[A-Z][a-z])")
IN_NAME = 4
"""How much more a word counts in a name than in a docstring."""


def library_root() -> Path:
    """Where the source of the running Python's standard library is."""
    return Path(sysconfig.get_path("stdlib"))


def source_files(root: Path) -> list[Path]:
    """The Python files below ``root``, tests excepted."""
    found = []
    for directory, directories, files in os.walk(root):
        directories[:] = sorted(name for name in directories if name not in NOT_LIBRARY)
        found += [Path(directory, name) for name in sorted(files) if name.endswith(".py")]
    return found


def read_library(root: Path, *, processes: int = 1) -> list[Row]:
    """Rows of all files below ``root``; their paths there are the modules' names."""
    jobs = [(str(file), str(root)) for file in source_files(root)]
    if processes == 1:
        return [row for job in jobs for row in scan(job)]
    # Spawned, because forking a process that has threads is asking for trouble. Ctrl-C is for the parent.
    with ProcessPoolExecutor(
        processes,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=signal.signal,
        initargs=(signal.SIGINT, signal.SIG_IGN),
    ) as pool:
        return [row for rows in pool.map(scan, jobs, chunksize=32) for row in rows]


def scan(job: tuple[str, str]) -> list[Row]:
    """The module, classes and functions in one file, given with its root; none when it cannot be parsed."""
    path, root = job
    try:
        source = Path(path).read_bytes()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # old escapes in the library's own strings
            tree = ast.parse(source)
    except (OSError, SyntaxError, ValueError):  # some files exist to be broken
        return []
    file = str(Path(path).relative_to(root))
    module = file.removesuffix(".py").replace(os.sep, ".").removesuffix(".__init__")
    lines = source.decode("utf-8", "replace").splitlines()
    found: list[Row] = [(module, "module", file, 1, "", ast.get_docstring(tree) or "")]
    found += _definitions(tree, module, file, lines)
    return found


def _definitions(node: ast.AST, prefix: str, file: str, lines: list[str]) -> Iterator[Row]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            name = f"{prefix}.{child.name}"
            kind: Kind = "class" if isinstance(child, ast.ClassDef) else "function"
            yield name, kind, file, child.lineno, _signature(child, lines), ast.get_docstring(child) or ""
            if kind == "class":
                yield from _definitions(child, name, file, lines)
        elif isinstance(child, ast.If | ast.Try):  # definitions that depend on the platform
            yield from _definitions(child, prefix, file, lines)


def _signature(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef, lines: list[str]) -> str:
    """The lines before the body as one; ten times as fast as ``ast.unparse``."""
    end = max(node.body[0].lineno - 1, node.lineno)
    text = " ".join(line.strip() for line in lines[node.lineno - 1 : end])
    return text.partition(":  #")[0].rstrip().removesuffix(":")


class Index:
    """Implements ``api.Search``: all in memory; a search touches only entries that have its rarest word.

    Args:
        rows: every entry.
        scores: word -> number of an entry -> how much the word says about it, best entries first.
    """

    def __init__(self, rows: list[Row], scores: dict[str, dict[int, int]]) -> None:
        self._rows = rows
        self._scores = scores
        self._words = sorted(scores)
        self._numbers = {row[0]: number for number, row in enumerate(rows)}
        self._members: dict[str, list[str]] = defaultdict(list)
        for name in self._numbers:
            owner, _, own_name = name.rpartition(".")
            self._members[owner].append(own_name)

    def __repr__(self) -> str:
        return f"<Index entries={len(self._rows)} words={len(self._words)}>"

    def __len__(self) -> int:
        return len(self._rows)

    @classmethod
    def build(cls, rows: Iterable[Row]) -> Index:
        """An index of ``rows``; of several with one name the first counts."""
        distinct = list({row[0]: row for row in reversed(list(rows))}.values())[::-1]
        scores: dict[str, dict[int, int]] = defaultdict(dict)
        for number, (name, _, _, _, _, doc) in enumerate(distinct):
            for word, score in _scores(name.rpartition(".")[2], doc).items():
                scores[word][number] = score
        # Best first, so that a search for one word only takes the head; short names before long ones.
        for word, found in scores.items():
            ranked = sorted(found, key=lambda number: (-found[number], len(distinct[number][0])))
            scores[word] = {number: found[number] for number in ranked}
        return cls(distinct, dict(scores))

    def save(self, path: str) -> None:
        """Write the index to a file, whole or not at all."""
        with open(f"{path}.part", "wb") as file:
            marshal.dump((self._rows, self._scores), file)
        os.replace(f"{path}.part", path)

    @classmethod
    def load(cls, path: str) -> Index:
        """Read what ``save`` wrote."""
        with open(path, "rb") as file:
            return cls(*marshal.load(file))

    async def search(self, text: str, limit: int = 10) -> list[Hit]:
        words = dict.fromkeys(WORD.findall(text.lower()))
        found = [self._scores.get(word, {}) for word in words]
        if not found:
            return []
        rarest, *others = sorted(found, key=len)
        if not others:
            return [self._hit(number) for number in itertools.islice(rarest, limit)]
        common = (
            (score + sum(other[number] for other in others), -number)
            for number, score in rarest.items()
            if all(number in other for other in others)
        )
        return [self._hit(-number) for _, number in heapq.nlargest(limit, common)]

    async def describe(self, name: str) -> Entry | None:
        number = self._numbers.get(name)
        if number is None:
            return None
        return Entry(*self._rows[number], self._members.get(name, []))

    async def complete(self, prefix: str, limit: int = 10) -> list[str]:
        prefix = prefix.lower()
        start = bisect.bisect_left(self._words, prefix)
        return [word for word in self._words[start : start + limit] if word.startswith(prefix)]

    def _hit(self, number: int) -> Hit:
        name, kind, _, _, _, doc = self._rows[number]
        return Hit(name, kind, doc.partition("\n")[0])


def _scores(name: str, doc: str) -> dict[str, int]:
    """Every word of an entry -> how much it says about the entry."""
    found: dict[str, int] = defaultdict(int)
    for word in WORD.findall(doc.lower()):
        found[word] += 1
    # Of JSONDecoder and raw_decode the words within, and the name as a whole.
    parts = HUMPS.sub(r"\1\2 ", name).replace("_", " ").lower()
    for word in {*WORD.findall(name.lower()), *WORD.findall(parts)}:
        found[word] += IN_NAME
    return found
