"""The housekeeping thread of a blocking client: an event loop for everything that is not a call.

Discovery runs there (registries are asynchronous), and the care for idle connections. No call waits for it,
except for the first provider list.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import selectors
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

STOP_TIMEOUT = 5.0
"""Seconds for which ``stop`` waits for the thread."""


class Keeper:
    """A daemon thread that runs an event loop of its own until ``stop``."""

    def __init__(self, name: str) -> None:
        # Not what the application's policy would make: we must be able to let go of it in a forked child.
        self._selector = selectors.DefaultSelector()
        self.loop: asyncio.AbstractEventLoop = _Loop(self._selector)
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def __repr__(self) -> str:
        return f"<Keeper {self._thread.name} {'runs' if self._thread.is_alive() else 'stopped'}>"

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            runner.run(self._until_stopped())

    async def _until_stopped(self) -> None:
        await self._stopping.wait()

    def run(self, coroutine: Coroutine[Any, Any, T], timeout: float) -> T:
        """Run ``coroutine`` in the thread and wait for its result, at most ``timeout`` seconds."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout)

    def call(self, function: Callable[..., T], *args: Any) -> T:
        """Call ``function`` in the thread and wait for its result."""
        result: concurrent.futures.Future[T] = concurrent.futures.Future()
        self.loop.call_soon_threadsafe(_fulfil, result, function, args)
        try:
            return result.result()
        finally:
            del result  # or an exception in it would refer to us, and we to it

    def soon(self, function: Callable[..., object], *args: Any) -> bool:
        """Have ``function`` called in the thread. Returns False, and nothing happens, after its end."""
        try:
            self.loop.call_soon_threadsafe(function, *args)
        except RuntimeError:
            return False
        return True

    def stop(self, *, wait: bool = True) -> None:
        """End the thread; its tasks are cancelled."""
        self.soon(self._stopping.set)
        if wait and threading.current_thread() is not self._thread:
            self._thread.join(STOP_TIMEOUT)

    def let_go(self) -> None:
        """In a forked child: give up our copy of the descriptor that the parent's thread waits on.

        Another file takes its number, because the selector, which stays as it was, may close that number once more.
        """
        if fileno := getattr(self._selector, "fileno", None):
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, fileno())
            os.close(null)


def _fulfil(result: concurrent.futures.Future[T], function: Callable[..., T], args: tuple[Any, ...]) -> None:
    try:
        result.set_result(function(*args))
    except BaseException as error:
        result.set_exception(error)


class _Loop(asyncio.SelectorEventLoop):
    """A loop whose copy in a forked child is never closed: that would unregister the parent's descriptors."""

    def __init__(self, selector: selectors.BaseSelector) -> None:
        super().__init__(selector)
        self._made_in = os.getpid()

    def __del__(self) -> None:
        if self._made_in == os.getpid():
            super().__del__()
