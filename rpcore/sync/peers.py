"""The sockets of a blocking client: connecting, lending them to threads, keeping the idle ones.

A ``Line`` is one connection. A ``Peer`` is one provider address: it lends each call a line of its own and takes
it back afterwards. The usual case, an idle line taken and given back, happens in C
(``_core_parts/blocking.pxi``); here is what to do when there is none, or when one comes back in doubt.

Who may touch a line: the thread that has taken it out of ``idle``, and nobody else. The housekeeping thread takes
lines out like any caller, and alone owns those that are ``watched``: open, but not to be used until the
peer says so (it is going away, or let a call time out without a sign of life).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from rpcore import _core, errors
from rpcore._codec import Limits
from rpcore.sync.keeper import Keeper
from rpcore.sync.sockets import connect, connect_on_loop, readable, readable_now
from rpcore.transport import RECONNECT_FIRST, RECONNECT_LAST

logger = logging.getLogger("rpcore.sync")

clock = time.monotonic

TICK = 0.5
"""Seconds between two looks at the idle lines, at most: how late a provider's end is noticed while nobody calls
it. A call looks at its line anyway."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Of the connections of one client.

    Attributes:
        connect_timeout: seconds for connecting and the first heartbeat's answer.
        heartbeat: seconds of silence after which a heartbeat is sent; three times that closes.
        connections: most lines of one peer.
        idle_timeout: seconds after which an unused line is closed, except the last one of its peer.
    """

    connect_timeout: float
    heartbeat: float
    connections: int
    idle_timeout: float


class Line(_core.Line):
    """One connected socket. It is the ``events`` of its connection.

    A connection that timed out stays in use: a late reply finds no call any more and is read before the
    next request. Only one on which nothing at all came back is put aside until the peer answers a probe.
    """

    def __init__(self, peer: Peer, sock: socket.socket, limits: Limits | None) -> None:
        super().__init__(peer, sock.fileno(), clock=clock, limits=limits, first_id=random.getrandbits(31))
        self.owner = peer
        self.socket = sock
        self.watched = False

    def close(self, why: str) -> None:
        """Close it, by the thread that has it."""
        self.connection.close(errors.ConnectionLost(f"{self.owner.address}: {why}", address=self.owner.address))

    def shut_down(self, why: str) -> None:
        """From any thread: whoever waits on it finds it closed."""
        self.ended = why
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)

    def let_go(self) -> None:
        """In a forked child: close our copy of the descriptor, without a word to the peer."""
        self.fd = -1
        self.socket.close()

    def greeted(self) -> bool:
        """Whether the peer has answered our first heartbeat.

        Raises:
            ConnectError: the peer closed the connection, or is not rpcore.
        """
        connection, address = self.connection, self.owner.address
        if connection.closed:
            raise errors.ConnectError(str(connection.close_reason), address=address)
        return bool(connection.hello_done)

    # --- what the connection tells -------------------------------------------------------------------

    def hello(self, connection: _core.Connection) -> None:
        pass

    def readonly_changed(self, connection: _core.Connection, readonly: bool) -> None:
        self.owner.refresh()

    def suspected(self, connection: _core.Connection, suspect: bool) -> None:
        self.owner.refresh()

    def closed(self, connection: _core.Connection, reason: Exception) -> None:
        connection.events = None
        self.owner.forget(self)
        self.fd = -1
        self.socket.close()

    def request_ended(self, connection: _core.Connection) -> None:
        pass


class Peer(_core.Peer):
    """One provider address: its lines, and the threads that wait for one.

    Args:
        address: ``host:port`` or ``unix:/path``.
        engine: the client's.
        pool: the client's peers.
        wanted: most lines at once.
    """

    def __init__(self, address: str, engine: _core.Engine, pool: Peers, *, wanted: int) -> None:
        self.lines: set[Line] = set()
        self._peers = pool
        self._dialling = 0
        self._lock = threading.RLock()  # a signal handler may make a call while its thread holds it

    def __repr__(self) -> str:
        return (
            f"<Peer {self.address} {self.state} lines={len(self.lines)}/{self.wanted} "
            f"idle={len(self.idle)} waiting={len(self.queue)}>"
        )

    # --- lending -------------------------------------------------------------------------------------

    def check_out(self, call: _core.Call) -> Line | None:
        """A line for ``call`` when none is idle: a new one, or the next that comes back.

        Returns None when there is none for it; the call has then gone on: to another provider, or its attempt
        has failed.
        """
        while not self.retired:
            if not self.usable and call.elsewhere():
                return None
            line = self._reserve(call.until)
            if line is None:
                text = f"{self.address}: all {self.wanted} connections stayed in use (option: connections)"
                call.fail(errors.LimitExceeded(text, address=self.address))
                return None
            if line is not DIAL:
                if line.look():
                    return line
                self.check_in(line)
            elif self.retired:
                self._dialled(None)
            else:
                return self._dial_for(call)
        call.fail(errors.ConnectError(f"{self.address}: {self._peers.gone}", address=self.address))
        return None

    def _reserve(self, until: float) -> Line | None:
        """The next line that comes back, or ``DIAL`` when there may be one more; None when ``until`` has passed."""
        waiter = _Waiter()
        with self._lock:
            self.queue.append(waiter)
        try:
            self.serve_queue()
            waiter.wait(max(until - clock(), 0.0))
        except BaseException:  # KeyboardInterrupt: what we were given meanwhile is not ours
            self._leave_queue(waiter)
            if waiter.line is DIAL:
                self._dialled(None)
            elif waiter.line is not None:
                self.check_in(waiter.line)
            raise
        self._leave_queue(waiter)
        return waiter.line

    def _leave_queue(self, waiter: _Waiter) -> None:
        """Afterwards it has what it was given, or will never be given anything."""
        with self._lock, contextlib.suppress(ValueError):
            self.queue.remove(waiter)

    def serve_queue(self) -> None:
        """Give the threads that wait what there is: idle lines, or the right to connect."""
        while True:
            with self._lock:
                if not self.queue:
                    return
                line = _pop(self.idle)
                if line is None:
                    if not self.retired and len(self.lines) + self._dialling >= self.wanted:
                        return
                    self._dialling += 1
                    line = DIAL
                self.queue.popleft().give(line)

    def check_in(self, line: Line) -> None:
        """Take back a line that is not simply idle now."""
        if line.connection.closed:
            return
        if self.retired:
            line.close(self._peers.gone)
        elif line.connection.usable:
            self.idle.append(line)
            self.serve_queue()
        else:
            self._peers.watch(line)

    # --- connecting ----------------------------------------------------------------------------------

    def _dial_for(self, call: _core.Call) -> Line | None:
        started = clock()
        seconds = min(call.until - started, self._peers.settings.connect_timeout)
        try:
            line = self._dial(started + seconds)
        except OSError as error:
            self._dialled(None)
            self._dial_failed(call, error, started)
            return None
        except BaseException:
            self._dialled(None)
            raise
        self._dialled(line)
        if not line.connection.usable and call.elsewhere():
            self.check_in(line)  # it greeted us with READONLY
            return None
        return line

    def _dial(self, until: float) -> Line:
        sock = connect(self.address, until)
        line = Line(self, sock, self._peers.limits)
        try:
            line.connection.hello()
            while not line.greeted():
                if not line.converse(until):
                    raise TimeoutError("connected, but no answer to the first heartbeat")
        except BaseException:
            line.close("not connected")
            raise
        return line

    def _dialled(self, line: Line | None) -> None:
        """The right to connect was used, with or without success."""
        with self._lock:
            self._dialling -= 1
            if line is not None:
                self.lines.add(line)
        if line is not None:
            self.adopt(line)
        else:
            self.serve_queue()

    def adopt(self, line: Line) -> None:
        """A line was connected."""
        self.lines.add(line)
        self.connections.append(line.connection)
        self.last_error = None
        self.refresh("up")

    def _dial_failed(self, call: _core.Call, cause: OSError, started: float) -> None:
        """Not picked any more while another provider is usable, and probed in the background."""
        error = _refusal(self.address, cause, started)
        logger.debug("dial failed: %s", error)
        self.last_error = error
        if not self.connections:
            self.refresh("down")
            self._peers.probe(self)
        call.fail(error)

    async def reconnect(self) -> None:
        """Connect in the background: on success the peer is usable again."""
        started = clock()
        async with asyncio.timeout(self._peers.settings.connect_timeout):
            try:
                sock = await connect_on_loop(self.address)
            except OSError as error:
                raise _refusal(self.address, error, started) from error
            line = Line(self, sock, self._peers.limits)
            try:
                line.connection.hello()
                line.look()
                while not line.greeted():
                    await readable(line.fd)
                    line.look()
            except BaseException:
                line.close("not connected")
                raise
        sock.setblocking(True)
        if self.retired:
            line.close(self._peers.gone)
            return
        self.adopt(line)
        self.check_in(line)

    # --- keeping -------------------------------------------------------------------------------------

    def forget(self, line: Line) -> None:
        """A line was closed."""
        with self._lock:
            known = line in self.lines
            self.lines.discard(line)
        if line.watched:
            self._peers.unwatch(line)
        if not known:
            return
        self.connections.remove(line.connection)
        expected = line.ended is not None or self.retired
        self.refresh("down" if not self.connections and not expected else "idle")
        self.serve_queue()
        if not self.usable:
            self._peers.probe(self)

    def tend(self, now: float) -> None:
        """Look at the idle lines: read what came, send heartbeats, close what was unused for long."""
        news = readable_now([line.fd for line in self.idle])
        for line in list(self.idle):
            connection = line.connection
            spare = now - line.used > self._peers.settings.idle_timeout and len(self.lines) > 1
            silent = now - min(connection.last_read, connection.last_write) >= self._peers.settings.heartbeat
            if not (spare or silent or line.fd in news) or not _take(self.idle, line):
                continue
            if spare:
                line.ended = "not used for long"
                line.close(line.ended)
                continue
            line.look()
            connection.check(now, self._peers.settings.heartbeat, 3 * self._peers.settings.heartbeat)
            if line.look() and not self.queue and not self.retired:
                self.idle.insert(0, line)  # behind those that calls use
                self.serve_queue()
            else:
                self.check_in(line)

    def retire(self, *, at_once: bool) -> None:
        """No further calls: close the idle lines, and those in use when they come back (or ``at_once``)."""
        self.retired = True
        while (line := _pop(self.idle)) is not None:
            line.close(self._peers.gone)
        for line in list(self.lines):
            if line.watched:
                line.close(self._peers.gone)
            elif at_once:
                line.shut_down(self._peers.gone)
        self.serve_queue()

    def let_go(self) -> None:
        """In a forked child: these are the parent's connections."""
        self.retired = True
        for line in list(self.lines):
            line.let_go()


class Peers:
    """All peers of one client, by address; shared by its references. Lives in the housekeeping thread.

    Args:
        keeper: that thread.
        engine: the client's.
        settings: see there.
        limits: of received and sent frames.
        usable_changed: told, in the housekeeping thread, a peer that balancers must avoid or may use again.
    """

    def __init__(
        self,
        keeper: Keeper,
        engine: _core.Engine,
        settings: Settings,
        limits: Limits | None,
        usable_changed: Callable[[_core.Endpoint], None],
    ) -> None:
        self.keeper = keeper
        self.engine = engine
        self.settings = settings
        self.limits = limits
        self.gone = "no longer a provider"
        self._tell = usable_changed
        self._by_address: dict[str, Peer] = {}
        self._users: dict[str, int] = {}
        self._watched: set[Line] = set()
        self._probes: dict[Peer, asyncio.Task[None]] = {}
        self._tick_later()

    def __repr__(self) -> str:
        return f"<Peers {', '.join(map(repr, self._by_address.values()))}>"

    def acquire(self, address: str, connections: int) -> Peer:
        """The peer at ``address``; each ``acquire`` is matched by a ``release``."""
        peer = self._by_address.get(address)
        wanted = max(connections, self.settings.connections)
        if peer is None:
            peer = self._by_address[address] = Peer(address, self.engine, self, wanted=wanted)
        peer.wanted = max(peer.wanted, wanted)
        self._users[address] = self._users.get(address, 0) + 1
        return peer

    def release(self, address: str) -> None:
        """One user less; without any, its lines close when their calls have ended."""
        self._users[address] -= 1
        if not self._users[address]:
            del self._users[address]
            self._by_address.pop(address).retire(at_once=False)

    def close(self, why: str) -> None:
        """Close every line; calls in flight fail as maybe executed."""
        self.gone = why
        self._tick.cancel()
        for probe in self._probes.values():
            probe.cancel()
        for peer in self._by_address.values():
            peer.retire(at_once=True)

    def let_go(self) -> None:
        """In a forked child: close our copies of the sockets, without a word to the peers."""
        for peer in self._by_address.values():
            peer.let_go()

    # --- told from any thread ------------------------------------------------------------------------

    def usable_changed(self, peer: _core.Endpoint) -> None:
        self.keeper.soon(self._tell, peer)

    def watch(self, line: Line) -> None:
        """Look after an open line that no call may use."""
        if not self.keeper.soon(self._watch, line):
            line.close(self.gone)

    def probe(self, peer: Peer) -> None:
        """Try to connect until it works, with growing, jittered pauses."""
        self.keeper.soon(self._probe, peer)

    # --- in the housekeeping thread ------------------------------------------------------------------

    def _watch(self, line: Line) -> None:
        if line.owner.retired:
            line.close(self.gone)
            return
        line.watched = True
        self._watched.add(line)
        self.keeper.loop.add_reader(line.fd, self._look_at_watched, line)
        self._look_at_watched(line)

    def _look_at_watched(self, line: Line) -> None:
        if line.look():
            self.unwatch(line)
            line.owner.check_in(line)

    def unwatch(self, line: Line) -> None:
        """It was closed, or may be used again."""
        line.watched = False
        self._watched.discard(line)
        self.keeper.loop.remove_reader(line.fd)

    def _probe(self, peer: Peer) -> None:
        if peer not in self._probes and not peer.retired:
            task = self.keeper.loop.create_task(self._reconnect(peer), name=f"rpcore probe {peer.address}")
            self._probes[peer] = task

    async def _reconnect(self, peer: Peer) -> None:
        pause = RECONNECT_FIRST
        try:
            while not peer.retired and not peer.connections:
                await asyncio.sleep(pause * random.uniform(0.5, 1.5))
                pause = min(pause * 2, RECONNECT_LAST)
                if peer.connections:
                    break  # a call was faster
                try:
                    await peer.reconnect()
                except (OSError, TimeoutError) as error:
                    logger.debug("probe failed: %s", error)
        finally:
            del self._probes[peer]

    def _tick_later(self) -> None:
        interval = max(min(self.settings.heartbeat / 3, self.settings.idle_timeout / 3, TICK), 0.02)
        self._tick = self.keeper.loop.call_later(interval, self._tend_all)

    def _tend_all(self) -> None:
        self._tick_later()
        now = clock()
        for peer in list(self._by_address.values()):
            peer.tend(now)
        for line in list(self._watched):
            line.connection.check(now, self.settings.heartbeat, 3 * self.settings.heartbeat)
            line.look()


class _Waiter:
    """One thread's place in the queue of a peer."""

    __slots__ = ("_given", "line")

    def __init__(self) -> None:
        self.line: Line | None = None
        self._given = threading.Lock()
        self._given.acquire()

    def wait(self, seconds: float) -> None:
        """Until something is given, or so many seconds have passed."""
        self._given.acquire(timeout=min(seconds, threading.TIMEOUT_MAX))

    def give(self, line: Line) -> None:
        self.line = line
        self._given.release()


DIAL: Line = Line.__new__(Line)
"""Stands for the right to connect one more line."""


def _pop(idle: list[Line]) -> Line | None:
    """The line used last; other threads take from the same list."""
    try:
        return idle.pop()
    except IndexError:
        return None


def _take(idle: list[Line], line: Line) -> bool:
    try:
        idle.remove(line)
    except ValueError:
        return False
    return True


def _refusal(address: str, cause: OSError, started: float) -> errors.ConnectError:
    if isinstance(cause, errors.ConnectError):
        return cause
    what = str(cause) or "timed out"
    error = errors.ConnectError(f"{address}: {what} after {clock() - started:.3f} s", address=address)
    error.__cause__ = cause
    return error
