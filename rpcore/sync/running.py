"""What a blocking client has once it is started, and how a call runs on it."""

from __future__ import annotations

import asyncio
import copy
import functools
import logging
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

from rpcore import errors
from rpcore._codec import Limits
from rpcore._core import Call, Caller, Endpoint, Engine
from rpcore.abc import Registry, Subscription
from rpcore.reference import Referral
from rpcore.referring import MergedView, was_given
from rpcore.sync.keeper import Keeper
from rpcore.sync.peers import Peers, Settings
from rpcore.transport import raised

logger = logging.getLogger("rpcore.sync")

CLOSE_TIMEOUT = 5.0
"""Seconds ``close`` waits for the registries."""


class Running:
    """What a client has once it is started: thread, engine, connections, subscriptions.

    Refers to nothing of the client, so that a client nobody uses any more is collected, and says that it was forgotten.

    Args:
        name: of the client, for its thread.
        registries: not started yet.
        given: what the client was made with; a registry object of the application's is not ours to close.
        settings: of the connections.
        limits: of received and sent frames.
    """

    def __init__(
        self,
        name: str,
        registries: Sequence[Registry],
        given: object,
        settings: Settings,
        limits: Limits | None,
    ) -> None:
        self.keeper = Keeper(f"rpcore {name}".rstrip())
        self.engine = Engine(clock=time.monotonic, arm=None, block=self.block)
        self._registries = registries
        self._given = given
        self._changed = threading.Condition()
        self._failure: Exception | None = None
        self._closed = False
        self._referrals: list[Referral] = []
        self._starting: asyncio.Task[None] | None = None  # of the registries
        self._subscribing: set[asyncio.Task[None]] = set()
        self._subscriptions: list[Subscription] = []
        self._generic: dict[tuple[Referral, str, tuple[str, ...] | None, int], Any] = {}
        self.peers = self.keeper.call(Peers, self.keeper, self.engine, settings, limits, self._usable_changed)

    # --- references ----------------------------------------------------------------------------------

    def add(self, referral: Referral) -> None:
        """Start ``referral``; the registry's answer comes later."""
        self.keeper.call(self._add, referral)

    def _add(self, referral: Referral) -> None:
        self.peers.limits = raised(self.peers.limits, referral.payload)
        referral.on_change = self._notify
        self._referrals.append(referral)
        loop = self.keeper.loop
        referral.start(self.engine, self.peers.acquire, self.peers.release, loop.call_later)
        if not referral.urls:
            if self._starting is None:
                self._starting = loop.create_task(self._start_registries(), name="rpcore registries")
            task = loop.create_task(self._subscribe(referral), name=f"rpcore subscribe {referral.key}")
            self._subscribing.add(task)

    async def _start_registries(self) -> None:
        for registry in self._registries:
            await registry.start()

    async def _subscribe(self, referral: Referral) -> None:
        assert self._starting is not None
        view = MergedView(referral, len(self._registries))
        try:
            await asyncio.shield(self._starting)
            for index, registry in enumerate(self._registries):
                update = functools.partial(view.update, index)
                self._subscriptions.append(await registry.subscribe(referral.key, update))
        except Exception as error:
            self._failure = error
        finally:
            task = asyncio.current_task()
            assert task is not None
            self._subscribing.discard(task)
            self._notify()

    def _usable_changed(self, endpoint: Endpoint) -> None:
        for referral in self._referrals:
            if referral.directory is not None:
                referral.directory.availability_changed(endpoint)

    def generic(self, referral: Referral, method: str, types: tuple[str, ...] | None, arity: int) -> Any:
        """The entry of an untyped method, made in the housekeeping thread, which walks the list of callers."""
        key = referral, method, types, arity
        entry = self._generic.get(key)
        if entry is None:
            entry = self._generic[key] = self.keeper.call(referral.generic, method, types, arity)
        return entry

    # --- waiting -------------------------------------------------------------------------------------

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def block(self, call: Call) -> None:
        """Wait where a call waits for something else than a provider: the first list, or its next attempt."""
        seconds = call.until - time.monotonic()
        if not call.waits_for_list:
            if seconds > 0:
                time.sleep(seconds)
            call.expire()
            return
        reference = call.reference
        with self._changed:
            self._changed.wait_for(lambda: reference.known or self._failure or self._closed, max(seconds, 0.0))
        if reference.known:
            call.go_on()
        elif self._closed:
            call.fail(errors.LocalProtocolError("this client was closed"))
        elif self._failure is not None:
            call.fail(_fresh(self._failure))
        else:
            call.expire()

    def wait_for_registries(self) -> None:
        """Until every subscription has been made.

        Raises:
            ConfigurationError: the registry cannot be used.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._failure or self._closed or not self._subscribing)
        if self._failure is not None:
            raise _fresh(self._failure)

    def wait_for_providers(self, referrals: Iterable[Referral], timeout: float) -> list[Referral]:
        """Until all ``referrals`` have a provider; returns those that have none after ``timeout`` seconds."""

        def missing() -> list[Referral]:
            return [r for r in referrals if r.check and not (r.snapshot and r.snapshot.nodes)]

        with self._changed:
            self._changed.wait_for(lambda: self._failure or self._closed or not missing(), timeout)
        if self._failure is not None:
            raise _fresh(self._failure)
        return missing()

    # --- the end -------------------------------------------------------------------------------------

    def close(self, *, wait: bool = True) -> None:
        """Close connections and registries, end the thread; calls in flight fail as maybe executed."""
        self._closed = True
        self._notify()
        if not wait:
            self.keeper.soon(self._close_later)
            return
        try:
            self.keeper.run(self._close(), CLOSE_TIMEOUT)
        except TimeoutError:
            logger.warning("the registries did not close within %g s", CLOSE_TIMEOUT)
        self.keeper.stop()

    def _close_later(self) -> None:
        self._closing = asyncio.create_task(self._close())
        self._closing.add_done_callback(lambda _: self.keeper.stop(wait=False))

    async def _close(self) -> None:
        self.peers.close("the client was closed")
        for subscription in self._subscriptions:
            subscription.close()
        for referral in self._referrals:
            referral.close()
        for registry in self._registries:
            if not was_given(registry, self._given):
                await registry.aclose()

    def let_go(self) -> None:
        """In a forked child: without a word to anybody, drop what is the parent's."""
        self.peers.let_go()
        self.keeper.let_go()
        # Kept for ever, because objects of a loop that is not ours to close would complain when collected.
        _of_the_parent.append(self)


_of_the_parent: list[Running] = []


def blocking_entry(referral: Referral, name: str) -> Callable[..., Any]:
    """What the stub's method ``name`` calls."""
    return blocking(referral.entry(name))


def blocking(entry: Callable[..., Any]) -> Callable[..., Any]:
    """``entry`` for a thread that waits: the engine itself, or the filters driven by hand."""
    return entry.run if isinstance(entry, Caller) else functools.partial(_drive, entry)


def _drive(entry: Callable[..., Coroutine[Any, Any, Any]], *arguments: Any) -> Any:
    """Run a chain of filters in this thread: its innermost part blocks, so it ends in the first step."""
    coroutine = entry(*arguments)
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    where = " -> ".join(_waiting(coroutine)[1:])
    coroutine.close()
    raise errors.LocalProtocolError(
        f"{where} waited for something that needs an event loop; with rpcore.sync.Client a filter may await "
        f"nothing but call_next(invocation)"
    )


def _waiting(coroutine: Any) -> list[str]:
    """The names of the coroutines that wait for each other, the outermost first."""
    names = []
    while (code := getattr(coroutine, "cr_code", None)) is not None:
        names.append(f"{code.co_qualname}()")
        coroutine = coroutine.cr_await
    return names


def _fresh(error: Exception) -> Exception:
    """A copy to raise: one error object must not collect the tracebacks of many threads."""
    again = copy.copy(error)
    again.__cause__ = error.__cause__
    return again
