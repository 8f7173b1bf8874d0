"""Sockets: dialling, listening, the connection pool of a client, and the glue to the event loop.

The only module that owns sockets. Everything here happens once per connection, loop tick or change; what
happens once per call is in ``_core``. uvloop is used when the application runs on it; nothing here asks.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import logging
import os
import socket
import sys
import time
import weakref
from collections.abc import Callable, Coroutine
from typing import Any, cast

from rpcore import errors
from rpcore._codec import Limits
from rpcore._core import Connection, Endpoint, Engine, Worker
from rpcore.dispatch import Dispatch

logger = logging.getLogger("rpcore.transport")

WRITE_HIGH_WATER = 256 * 1024
"""Bytes in the transport beyond which calls wait: about one bandwidth-delay product of a fast LAN."""

CLIENT_FLUSH_FRAMES = 16
SERVER_FLUSH_FRAMES = 8
"""Frames that leave before the tick ends, so that both sides work at once. Measured: docs/benchmarks.md."""

RECONNECT_FIRST = 0.1
RECONNECT_LAST = 10.0

_engines: weakref.WeakSet[Engine] = weakref.WeakSet()
_protocols: weakref.WeakSet[_Protocol] = weakref.WeakSet()
_listeners: weakref.WeakSet[Listener] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    """Drop what belongs to the parent: no IO on the loop, no locks; sockets are closed, not shut down."""
    for engine in list(_engines):
        engine.disown()
    for protocol in list(_protocols):
        protocol.close_descriptor()
    for listener in list(_listeners):
        listener.close_descriptors()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def loop_engine(loop: asyncio.AbstractEventLoop) -> Engine:
    """An engine that runs on ``loop``: its timer, its tasks, its next tick."""
    timer: asyncio.TimerHandle | None = None

    def arm(when: float) -> None:
        nonlocal timer
        if timer is not None:
            timer.cancel()
        # Half a millisecond more: loops round to milliseconds, and a wake-up just before the slot is wasted.
        timer = loop.call_later(max(when - time.monotonic(), 0.0) + 0.0005, engine.advance)

    def create_task(worker: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        return loop.create_task(worker, name="rpcore handler")

    engine = Engine(
        clock=time.monotonic,
        arm=arm,
        call_soon=loop.call_soon,
        create_task=create_task,
        loop=loop,
        context=contextvars.copy_context(),
        cancelled_error=asyncio.CancelledError,
        running_loop=asyncio._get_running_loop,
    )
    _engines.add(engine)
    return engine


class _Protocol(asyncio.BufferedProtocol):
    """Joins one transport and one Connection."""

    def __init__(self, connection: Connection, on_made: Callable[[_Protocol], None] | None = None) -> None:
        self.connection = connection
        self.transport: asyncio.Transport | None = None
        self._on_made = on_made
        # Bound straight to C: these two run for every read.
        self.get_buffer = connection.get_buffer  # type: ignore[method-assign, assignment]
        self.buffer_updated = connection.buffer_updated  # type: ignore[method-assign, assignment]
        self.pause_writing = connection.pause_writing  # type: ignore[method-assign]
        self.resume_writing = connection.resume_writing  # type: ignore[method-assign]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)  # uvloop's is one by its methods only
        self.transport = transport
        transport.set_write_buffer_limits(high=WRITE_HIGH_WATER)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            _tune(sock)
        if sys.version_info < (3, 12) and type(transport).__module__.startswith("asyncio"):
            self.connection.set_output(transport.write, functools.partial(_write_pieces, transport))
        else:
            self.connection.set_output(transport.write, transport.writelines)
        _protocols.add(self)
        if self._on_made is not None:
            self._on_made(self)

    def connection_lost(self, error: Exception | None) -> None:
        peer = self.connection.peer
        text = f"{peer}: {error}" if error else f"{peer}: the peer closed the connection"
        reason = errors.ConnectionLost(text, address=peer)
        reason.__cause__ = error
        self.connection.close(reason)
        self.connection.set_output(None, None)

    def eof_received(self) -> bool:
        return False

    def close(self) -> None:
        """Close after what is written has left."""
        self.connection.flush()
        if self.transport is not None:
            self.transport.close()

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def close_descriptor(self) -> None:
        """In a forked child: give up our copy of the socket without a word to the peer."""
        sock = self.transport.get_extra_info("socket") if self.transport is not None else None
        if sock is not None:
            _give_up(sock)


def _write_pieces(transport: asyncio.Transport, pieces: list[Any]) -> None:
    """``writelines`` for Python 3.11, whose own joins the pieces first.

    Once one could not be sent the others are left: asyncio would warn of each.
    """
    closing = transport.is_closing()
    for piece in pieces:
        transport.write(piece)
        if transport.is_closing() and not closing:
            return


def _give_up(sock: Any) -> None:
    """Close a forked child's copy of a socket.

    Another file takes its number, because whatever was inherited with it will close that number once more.
    """
    if sock.fileno() >= 0:
        with contextlib.suppress(OSError):
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, sock.fileno())
            os.close(null)


def _tune(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


def _jitter(low: float, high: float) -> float:
    import random  # not worth its import time before something has to be spread

    return random.uniform(low, high)


def raised(limits: Limits | None, payload: int) -> Limits:
    """``limits`` with room for bodies of ``payload`` bytes, because an option of a service asks for more."""
    limits = limits if limits is not None else Limits()
    if payload <= limits.payload:
        return limits
    return Limits(payload=payload, depth=limits.depth, count=limits.count, memory=max(limits.memory, 8 * payload))


def parse_address(address: str) -> tuple[str, int]:
    """``host:port``, ``[v6]:port`` or ``unix:/path`` -> (host, port); port 0 for a Unix socket."""
    if address.startswith("unix:"):
        return address, 0
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


class Pool:
    """All connections of one client, by address; shared by its references.

    An address is dialled when a call first needs it. A connection that breaks is replaced in the background, with
    jittered exponential pauses from 0.1 s to 10 s; while there is none, the endpoint is not ``usable``.

    Args:
        engine: the client's.
        connect_timeout: seconds for connecting and the first heartbeat's answer.
        heartbeat: seconds of silence after which a heartbeat is sent; three times that closes.
        connections: per address.
        limits: of received and sent frames.
        usable_changed: told an endpoint when balancers must look elsewhere or may come back.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        connect_timeout: float = 3.0,
        heartbeat: float = 60.0,
        connections: int = 1,
        limits: Limits | None = None,
        usable_changed: Callable[[Endpoint], None] = lambda endpoint: None,
    ) -> None:
        self.engine = engine
        self.connect_timeout = connect_timeout
        self.heartbeat = heartbeat
        self.connections = connections
        self.limits = limits
        self.endpoints: dict[str, Endpoint] = {}
        self.usable_changed = usable_changed
        self._users: dict[str, int] = {}
        self._dialling: dict[str, set[asyncio.Task[None]]] = {}
        self._retry: dict[str, tuple[int, asyncio.TimerHandle | None]] = {}
        self._protocols: dict[Connection, tuple[Endpoint, _Protocol]] = {}
        self._hellos: dict[Connection, asyncio.Future[None]] = {}
        self._loop = asyncio.get_running_loop()
        self._beat: asyncio.TimerHandle | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"<Pool addresses={len(self.endpoints)} connections={len(self._protocols)}>"

    # --- addresses -----------------------------------------------------------------------------------

    def acquire(self, address: str, connections: int | None = None) -> Endpoint:
        """The endpoint of ``address``; each ``acquire`` is matched by a ``release``."""
        endpoint = self.endpoints.get(address)
        if endpoint is None:
            endpoint = Endpoint(address, self.engine, self, wanted=connections or self.connections)
            self.endpoints[address] = endpoint
        elif connections and connections > endpoint.wanted:
            endpoint.wanted = connections
        self._users[address] = self._users.get(address, 0) + 1
        return endpoint

    def release(self, address: str) -> None:
        """One user less; without any, its connections close when their calls have ended."""
        self._users[address] -= 1
        if self._users[address]:
            return
        del self._users[address]
        endpoint = self.endpoints.pop(address)
        self._forget_retry(address)
        for task in self._dialling.pop(address, ()):
            task.cancel()
        for connection in list(endpoint.connections):
            connection.stop_requests()
            self._close_when_idle(connection)
        if endpoint.waiting:  # for the dial that was just given up
            endpoint.connect_failed(errors.ConnectError(f"{address}: no longer a provider", address=address))

    def _close_when_idle(self, connection: Connection) -> None:
        if connection.closed:
            return
        if connection.in_flight or connection.waiting:
            self._loop.call_later(0.05, self._close_when_idle, connection)
        else:
            self._protocols[connection][1].close()

    # --- dialling ------------------------------------------------------------------------------------

    def connect(self, endpoint: Endpoint) -> None:
        """A call waits for a connection: dial unless a dial is under way. Called by the engine."""
        address = endpoint.address
        if self._closed or self.endpoints.get(address) is not endpoint:
            self._loop.call_soon(
                endpoint.connect_failed,
                errors.ConnectError(f"{address}: no longer a provider", address=address),
            )
            return
        tasks = self._dialling.setdefault(address, set())
        if any(not task.done() for task in tasks):  # done ones leave the set a turn of the loop later
            return
        if self._loop.is_closed():
            raise RuntimeError("Event loop is closed")  # as create_task would, but without a coroutine left over
        attempt, _ = self._retry.get(address, (0, None))
        self._forget_retry(address)
        self._retry[address] = (attempt, None)
        if endpoint.state == "idle":
            endpoint.refresh("connecting")
        for _ in range(endpoint.wanted - len(endpoint.connections)):
            # Outside the caller's context: a connection must not inherit one call's context variables.
            task = self._loop.create_task(
                self._dial(endpoint), name=f"rpcore dial {address}", context=contextvars.Context()
            )
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    async def _dial(self, endpoint: Endpoint) -> None:
        address = endpoint.address
        started = time.monotonic()
        connection = Connection(
            self.engine,
            client=True,
            peer=address,
            limits=self.limits,
            events=self,
            flush_frames=CLIENT_FLUSH_FRAMES,
            first_id=int.from_bytes(os.urandom(4)) >> 1,
        )
        protocol = _Protocol(connection)
        hello = self._hellos[connection] = self._loop.create_future()
        try:
            async with asyncio.timeout(self.connect_timeout):
                host, port = parse_address(address)
                if host.startswith("unix:"):
                    await self._loop.create_unix_connection(lambda: protocol, host[5:])
                else:
                    await self._loop.create_connection(lambda: protocol, host, port)
                connection.hello()
                await hello
                if connection.closed:
                    raise errors.ConnectError(str(connection.close_reason), address=address)
        except Exception as error:  # not only OSError: a host name that cannot be encoded is a UnicodeError
            protocol.abort()
            self._dial_failed(endpoint, error, time.monotonic() - started)
        except asyncio.CancelledError:
            protocol.abort()
            raise
        else:
            self._protocols[connection] = (endpoint, protocol)
            self._retry.pop(address, None)
            if self._beat is None:
                self._schedule_beat()
            endpoint.connected(connection)
        finally:
            del self._hellos[connection]

    def _dial_failed(self, endpoint: Endpoint, cause: Exception, seconds: float) -> None:
        address = endpoint.address
        if isinstance(cause, errors.ConnectError):
            error = cause
        else:
            what = str(cause) or "timed out"
            error = errors.ConnectError(f"{address}: {what} after {seconds:.3f} s", address=address)
            error.__cause__ = cause
        logger.debug("dial failed: %s", error)
        self._retry_later(endpoint)
        endpoint.connect_failed(error)

    def _retry_later(self, endpoint: Endpoint) -> None:
        address = endpoint.address
        if self._closed or self.endpoints.get(address) is not endpoint:
            return
        attempt, handle = self._retry.get(address, (0, None))
        if handle is not None:
            return
        pause = min(RECONNECT_FIRST * 2**attempt, RECONNECT_LAST) * _jitter(0.5, 1.5)
        handle = self._loop.call_later(pause, self._redial, endpoint)
        self._retry[address] = (min(attempt + 1, 16), handle)

    def _redial(self, endpoint: Endpoint) -> None:
        attempt, _ = self._retry.get(endpoint.address, (0, None))
        self._retry[endpoint.address] = (attempt, None)
        self.connect(endpoint)

    def _forget_retry(self, address: str) -> None:
        _, handle = self._retry.pop(address, (0, None))
        if handle is not None:
            handle.cancel()

    # --- what connections tell -----------------------------------------------------------------------

    def hello(self, connection: Connection) -> None:
        hello = self._hellos.get(connection)
        if hello is not None and not hello.done():
            hello.set_result(None)

    def readonly_changed(self, connection: Connection, readonly: bool) -> None:
        self._refresh(connection)

    def suspected(self, connection: Connection, suspect: bool) -> None:
        self._refresh(connection)

    def closed(self, connection: Connection, reason: Exception) -> None:
        hello = self._hellos.get(connection)
        if hello is not None and not hello.done():
            hello.set_exception(errors.ConnectError(str(reason), address=connection.peer))
        entry = self._protocols.pop(connection, None)
        if entry is None:
            return
        endpoint, protocol = entry
        protocol.abort()
        endpoint.lost(connection)
        if not isinstance(reason, asyncio.CancelledError):
            self._retry_later(endpoint)

    def request_ended(self, connection: Connection) -> None:
        pass

    def _refresh(self, connection: Connection) -> None:
        entry = self._protocols.get(connection)
        if entry is not None:
            entry[0].refresh()

    # --- liveness and end ----------------------------------------------------------------------------

    def _schedule_beat(self) -> None:
        interval = max(min(self.heartbeat / 3, 1.0), 0.05)
        self._beat = self._loop.call_later(interval * _jitter(0.9, 1.1), self._check)

    def _check(self) -> None:
        self._beat = None
        now = self.engine.clock()
        for connection in list(self._protocols):
            connection.check(now, self.heartbeat, 3 * self.heartbeat)
        self.engine.flush_dirty()
        if self._protocols and not self._closed:
            self._schedule_beat()

    async def aclose(self) -> None:
        """Close every connection; calls in flight fail as maybe executed."""
        self._closed = True
        if self._beat is not None:
            self._beat.cancel()
        for address in list(self._retry):
            self._forget_retry(address)
        tasks = [task for tasks in self._dialling.values() for task in tasks]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        protocols = list(self._protocols.items())
        self._protocols.clear()
        for connection, (_, protocol) in protocols:
            connection.close(
                errors.ConnectionLost(f"{connection.peer}: the client was closed", address=connection.peer)
            )
            protocol.close()
        for endpoint in self.endpoints.values():
            endpoint.connect_failed(errors.ConnectError("the client was closed", address=endpoint.address))


class Listener:
    """The accepting side: sockets, and the connections of a server.

    Args:
        engine: the server's.
        dispatch: what it serves.
        heartbeat: a connection without a byte for three times this many seconds is closed.
        limits: of received and sent frames.
        max_connections: further ones are closed at once; 0 = no limit.
    """

    def __init__(
        self,
        engine: Engine,
        dispatch: Dispatch,
        *,
        heartbeat: float = 60.0,
        limits: Limits | None = None,
        max_connections: int = 0,
    ) -> None:
        self.engine = engine
        self.dispatch = dispatch
        self.heartbeat = heartbeat
        self.limits = limits
        self.max_connections = max_connections
        self.connections: dict[Connection, _Protocol] = {}
        self.refused = 0
        self.going_away = False
        self.draining = False
        self._servers: list[asyncio.Server] = []
        self._idle: asyncio.Event | None = None
        self._loop = asyncio.get_running_loop()
        self._beat: asyncio.TimerHandle | None = None
        self._unix_paths: list[tuple[str, int]] = []

    async def listen(self, host: str, port: int, *, backlog: int = 1024) -> int:
        """Accept on TCP ``host:port``, or on a Unix socket for ``unix:/path``. Returns the port.

        Raises:
            ConfigurationError: the address cannot be bound; says why.
        """
        try:
            if host.startswith("unix:"):
                path = host[5:]
                server = await self._loop.create_unix_server(self._accepted, sock=_bind_unix(path), backlog=backlog)
                self._unix_paths.append((path, os.stat(path).st_ino))
            else:
                sock = _listening_socket(host, port, backlog)
                server = await self._loop.create_server(self._accepted, sock=sock, backlog=backlog)
                port = server.sockets[0].getsockname()[1]
        except OSError as error:
            where = host if host.startswith("unix:") else f"{host or '*'}:{port}"
            hint = "; another process listens there" if error.errno == 98 or "in use" in str(error) else ""
            raise errors.ConfigurationError(f"cannot listen on {where}: {error.strerror or error}{hint}") from error
        self._servers.append(server)
        _listeners.add(self)
        self._schedule_beat()
        self.engine.spawn_workers(2)
        return port

    def close_descriptors(self) -> None:
        """In a forked child: a child that outlives its parent must not keep the parent's port in use."""
        for server in self._servers:
            for sock in server.sockets:
                _give_up(sock)

    def _accepted(self) -> _Protocol:
        connection = Connection(
            self.engine,
            client=False,
            limits=self.limits,
            dispatch=self.dispatch,
            events=self,
            flush_frames=SERVER_FLUSH_FRAMES,
        )
        connection.draining = self.draining
        return _Protocol(connection, self._made)

    def _made(self, protocol: _Protocol) -> None:
        assert protocol.transport is not None
        connection = protocol.connection
        connection.peer = _peer_name(protocol.transport)
        if self.max_connections and len(self.connections) >= self.max_connections:
            self.refused += 1
            logger.warning(
                "%s: refused, %d connections are open (option: max_connections)",
                connection.peer,
                len(self.connections),
            )
            protocol.abort()
            return
        connection.draining = self.draining  # it may have begun since the connection was accepted
        connection.set_flow(protocol.transport.pause_reading, protocol.transport.resume_reading)
        self.connections[connection] = protocol
        if self.going_away:
            connection.send_readonly()

    # --- what connections tell -----------------------------------------------------------------------

    def hello(self, connection: Connection) -> None:
        pass

    def readonly_changed(self, connection: Connection, readonly: bool) -> None:
        pass

    def suspected(self, connection: Connection, suspect: bool) -> None:
        pass

    def closed(self, connection: Connection, reason: Exception) -> None:
        protocol = self.connections.pop(connection, None)
        if isinstance(reason, errors.ProtocolError):
            logger.warning("%s", reason)
        if protocol is not None:
            protocol.close() if isinstance(reason, errors.ProtocolError) else protocol.abort()
        self.request_ended(connection)

    def request_ended(self, connection: Connection) -> None:
        if self._idle is not None and self.in_flight == 0:
            self._idle.set()

    @property
    def in_flight(self) -> int:
        """Requests whose handlers run or wait."""
        return sum(1 for worker in self.engine.workers if _serving(worker))

    def _schedule_beat(self) -> None:
        if self._beat is None:
            interval = max(min(self.heartbeat / 3, 1.0), 0.05)
            self._beat = self._loop.call_later(interval, self._check)

    def _check(self) -> None:
        self._beat = None
        now = self.engine.clock()
        for connection in list(self.connections):
            connection.check(now, self.heartbeat, 3 * self.heartbeat)
        self.engine.flush_dirty()
        self._schedule_beat()

    # --- the end, in the order Server.stop uses ------------------------------------------------------

    def send_readonly(self) -> None:
        """Tell every consumer to send its next calls elsewhere, those that connect from now on too."""
        self.going_away = True
        for connection in list(self.connections):
            connection.send_readonly()
            connection.flush()

    async def stop_accepting(self) -> None:
        for server in self._servers:
            server.close()
        for path, inode in self._unix_paths:
            with contextlib.suppress(OSError):
                if os.stat(path).st_ino == inode:
                    os.unlink(path)
        self._servers.clear()
        self._unix_paths.clear()

    def refuse_new(self) -> None:
        """From now on requests are answered "going away", which consumers take elsewhere."""
        self.draining = True
        for connection in list(self.connections):
            connection.draining = True

    async def drained(self, timeout: float) -> bool:
        """Wait until no handler runs; False when some still do after ``timeout`` seconds."""
        self._idle = asyncio.Event()
        if self.in_flight == 0:
            return True
        try:
            async with asyncio.timeout(timeout):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def cancel_handlers(self, timeout: float = 1.0) -> int:
        """Cancel what still runs; returns how many did not end within ``timeout``."""
        running = [worker.task for worker in list(self.engine.workers) if _serving(worker)]
        for task in running:
            task.cancel()
        if not running:
            return 0
        _, stuck = await asyncio.wait(running, timeout=timeout)
        return len(stuck)

    async def close(self) -> None:
        """Close all connections after their output has left."""
        if self._beat is not None:
            self._beat.cancel()
        for connection, protocol in list(self.connections.items()):
            connection.flush()
            self.connections.pop(connection, None)
            protocol.close()
            connection.close(errors.ConnectionLost(f"{connection.peer}: the server was stopped"))
        tasks = [worker.task for worker in list(self.engine.workers)]
        self.engine.stop_workers()
        if tasks:
            await asyncio.wait(tasks, timeout=1.0)


def _serving(worker: Worker) -> bool:
    return worker.serving


def _listening_socket(host: str, port: int, backlog: int) -> socket.socket:
    """One socket for one port. On all interfaces it takes IPv4 and IPv6, where two sockets with port 0 would
    get two ports.
    """
    if not host and socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, backlog=backlog, dualstack_ipv6=True)
    if not host:
        return socket.create_server(("", port), backlog=backlog)
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    return socket.create_server(address[:2], family=family, backlog=backlog)


def _peer_name(transport: asyncio.Transport) -> str:
    name = transport.get_extra_info("peername")
    if isinstance(name, tuple):
        if name[0].startswith("::ffff:"):  # an IPv4 peer on a dual-stack socket
            return f"{name[0][7:]}:{name[1]}"
        return f"[{name[0]}]:{name[1]}" if ":" in name[0] else f"{name[0]}:{name[1]}"
    return f"unix:{transport.get_extra_info('sockname') or ''}"


def _bind_unix(path: str) -> socket.socket:
    """A socket bound to ``path``. The loops' own way takes the path away from a server that listens there."""
    _remove_stale_socket(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(path)
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock


def _remove_stale_socket(path: str) -> None:
    """Unlink a Unix socket nobody listens on; leave one that answers, so that binding says "in use"."""
    if not os.path.exists(path):
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
        except OSError:
            pass
