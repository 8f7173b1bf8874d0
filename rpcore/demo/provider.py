"""One provider process of the demo: ``rpcore serve rpcore.demo.provider:make_server``."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import rpcore
from rpcore.demo.api import Search
from rpcore.demo.index import Index, library_root, read_library

INDEX = "RPCORE_DEMO_INDEX"
"""Environment variable: the file with the index. Without it, the provider builds its own."""

WARMUP = 2.0
"""Seconds until a new provider gets its full share. The default, ten minutes, would outlast the demo."""


async def make_server() -> rpcore.Server:
    """The server that ``rpcore serve`` runs."""
    server = rpcore.Server(application="rpcore demo", host="127.0.0.1", port=0)
    server.export(Search, make_index, warmup=WARMUP)
    if INDEX in os.environ:
        await end_with_parent()
    return server


def make_index() -> Index:
    """The index that the demo has built, or one of our own."""
    if path := os.environ.get(INDEX):
        return Index.load(path)
    return Index.build(read_library(library_root()))


async def end_with_parent() -> None:
    """Stop as on SIGTERM when whoever holds the other end of our standard input is gone, however it went."""

    class _EndOfInput(asyncio.Protocol):
        def connection_lost(self, exc: Exception | None) -> None:
            os.kill(os.getpid(), signal.SIGTERM)

    await asyncio.get_running_loop().connect_read_pipe(_EndOfInput, sys.stdin)
