"""A client and a server connection without sockets, loop or real time.

``Wire`` joins two sans-IO connections by two queues. Nothing moves by itself: the test lets callbacks run
(``ticks``), bytes travel (``pump``) and time pass (``wait``), so every interleaving can be written down and
none depends on chance. Tasks are ``MiniTask``: what the engine needs of ``asyncio.Task``, and no more.
"""

from __future__ import annotations

import contextvars
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, Protocol

import msgpack

import rpcore
from rpcore import _codec, errors
from rpcore._core import Caller, Connection, Endpoint, Engine, Entry, Gauge, Node, Reference
from rpcore.dispatch import Dispatch, hessian_prefix, request_prefix
from rpcore.loadbalance import build
from rpcore.model import Instance, Parameter, ServiceKey
from rpcore.options import Layer, resolve
from rpcore.plan import compile_args, compile_exception, compile_type
from rpcore.testing import ManualClock

KEY = ServiceKey("test.Service", version="1.0.0")

HEARTBEAT, TWOWAY, EVENT = 0xE2, 0x40, 0x20
REQUEST = 0x80
HESSIAN2, MSGPACK = 2, 29


class Cancelled(BaseException):
    """The ``CancelledError`` of a loop that is not asyncio's."""


class Ticks:
    """A loop's ``call_soon`` whose callbacks run when the test says so."""

    def __init__(self) -> None:
        self.queue: deque[tuple[Callable[..., Any], tuple[Any, ...], contextvars.Context | None]] = deque()

    def call_soon(self, callback: Callable[..., Any], *args: Any, context: contextvars.Context | None = None) -> None:
        self.queue.append((callback, args, context))

    def run(self) -> int:
        """Run callbacks until none is left; returns how many ran."""
        ran = 0
        while self.queue:
            callback, args, context = self.queue.popleft()
            ran += 1
            if context is None:
                callback(*args)
            else:
                context.run(callback, *args)
        return ran


class MiniTask:
    """Steps a coroutine as ``asyncio.Task`` does: a wake-up per future, cancellation through the future."""

    def __init__(self, ticks: Ticks, coroutine: Any) -> None:
        self.ticks = ticks
        self.coroutine = coroutine
        self.context = contextvars.copy_context()
        self.waits: Any = None
        self.done = False
        self.value: Any = None
        self.error: BaseException | None = None
        self.ended = 0
        self._requests = 0
        self._must_cancel = False
        ticks.call_soon(self._step, context=self.context)

    def cancel(self, msg: object = None) -> bool:
        if self.done:
            return False
        self._requests += 1
        if self.waits is None or not self.waits.cancel():
            self._must_cancel = True
        return True

    def cancelling(self) -> int:
        return self._requests

    def result(self) -> Any:
        """The value, or the error raised."""
        assert self.done, f"still waits: {self.coroutine!r}"
        if self.error is not None:
            raise self.error
        return self.value

    def _step(self, error: BaseException | None = None) -> None:
        if self.done:
            return
        if self._must_cancel:
            self._must_cancel = False
            error = Cancelled()
        self.waits = None
        try:
            waits = self.coroutine.send(None) if error is None else self.coroutine.throw(error)
        except StopIteration as stop:
            self._end(stop.value, None)
        except BaseException as raised:
            self._end(None, raised)
        else:
            assert waits._asyncio_future_blocking is True
            waits._asyncio_future_blocking = False
            self.waits = waits
            waits.add_done_callback(self._wake, context=self.context)

    def _wake(self, future: Any) -> None:
        try:
            future.result()
        except BaseException as error:
            self._step(error)
        else:
            self._step()

    def _end(self, value: Any, error: BaseException | None) -> None:
        self.done = True
        self.ended += 1
        self.value = value
        self.error = error


class WorkerTask(MiniTask):
    """The task of a worker. No error of a handler may end it; one that does fails the test."""

    def _end(self, value: Any, error: BaseException | None) -> None:
        super()._end(value, error)
        if error is not None and not isinstance(error, Cancelled):
            raise error


class Gate:
    """A future that the test opens: ``await gate`` in a handler waits for ``gate.open()``."""

    _asyncio_future_blocking = False

    def __init__(self, ticks: Ticks) -> None:
        self.ticks = ticks
        self.opened = self.was_cancelled = False
        self._callback: Any = None

    def __await__(self) -> Any:
        if not self.opened:
            self._asyncio_future_blocking = True
            yield self

    def open(self) -> None:
        self.opened = True
        self._schedule()

    def cancel(self, msg: object = None) -> bool:
        if self.opened or self.was_cancelled:
            return False
        self.was_cancelled = True
        self._schedule()
        return True

    def result(self) -> None:
        if self.was_cancelled:
            raise Cancelled

    def add_done_callback(self, callback: Any, *, context: Any = None) -> None:
        self._callback = callback, context

    def _schedule(self) -> None:
        if self._callback is not None:
            callback, context = self._callback
            self.ticks.call_soon(callback, self, context=context)


class Timed:
    """An engine with the time it wants to be woken at."""

    def __init__(self, clock: ManualClock, ticks: Ticks, **options: Any) -> None:
        self.clock = clock
        self.armed: float | None = None
        self.engine = Engine(
            clock=clock,
            arm=self._arm,
            call_soon=ticks.call_soon,
            create_task=lambda worker: WorkerTask(ticks, worker),
            loop=ticks,
            context=contextvars.copy_context(),
            cancelled_error=Cancelled,
            **options,
        )

    def _arm(self, when: float) -> None:
        self.armed = when

    def fire(self) -> None:
        self.armed = None
        self.engine.advance()


class Events:
    """What a connection tells its owner, in order."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def hello(self, connection: Connection) -> None:
        self.told.append(("hello",))

    def readonly_changed(self, connection: Connection, flag: bool) -> None:
        self.told.append(("readonly", flag))

    def suspected(self, connection: Connection, flag: bool) -> None:
        self.told.append(("suspected", flag))

    def closed(self, connection: Connection, reason: BaseException) -> None:
        self.told.append(("closed", reason))

    def request_ended(self, connection: Connection) -> None:
        self.told.append(("request_ended",))


class Dials:
    """The pool of an endpoint: notes what is asked of it and does nothing."""

    def __init__(self) -> None:
        self.wanted: list[Endpoint] = []
        self.changes: list[tuple[str, bool]] = []

    def connect(self, endpoint: Endpoint) -> None:
        self.wanted.append(endpoint)

    def usable_changed(self, endpoint: Endpoint) -> None:
        self.changes.append((endpoint.address, endpoint.usable))


class Outbox(list[bytes]):
    """The transport of a connection: what was handed to it, and the connection's output functions."""

    def write(self, data: Any) -> None:
        self.append(bytes(data))

    def writelines(self, pieces: Iterable[Any]) -> None:
        self.append(b"".join(bytes(piece) for piece in pieces))

    def take(self) -> bytes:
        data = b"".join(self)
        self.clear()
        return data


class Handlers(Protocol):
    def __call__(self, *arguments: Any) -> Awaitable[Any]: ...


class Wire:
    """A client connection and a server connection, and a queue of bytes in each direction.

    Args:
        handlers: what the server serves, by method name; each takes the call's arguments.
        limits: of both connections.
        options: for both ``Connection`` objects (``flush_frames``, ``waiting_limit``).
        window: bytes of each engine's receive window.
        rpcore: whether the client takes its peer for rpcore before they have said hello.
    """

    def __init__(
        self,
        handlers: dict[str, Handlers] | None = None,
        *,
        limits: _codec.Limits | None = None,
        window: int = 65536,
        send_traceback: bool = False,
        rpcore: bool = True,
        **options: Any,
    ) -> None:
        self.clock = ManualClock(1000.0)
        self.ticks = Ticks()
        self.near = Timed(self.clock, self.ticks, window=window)
        self.far = Timed(self.clock, self.ticks, window=window)
        self.out = Outbox()
        self.back = Outbox()
        self.client_events = Events()
        self.server_events = Events()
        self.dispatch = Dispatch(
            [entry(name, handler) for name, handler in (handlers or {}).items()], send_traceback=send_traceback
        )
        self.client = Connection(
            self.near.engine,
            client=True,
            rpcore=rpcore,
            peer="10.0.0.2:20880",
            limits=limits,
            write=self.out.write,
            writelines=self.out.writelines,
            events=self.client_events,
            **options,
        )
        self.server = Connection(
            self.far.engine,
            client=False,
            peer="10.0.0.1:54321",
            limits=limits,
            write=self.back.write,
            writelines=self.back.writelines,
            dispatch=self.dispatch,
            events=self.server_events,
            **options,
        )
        self.dials = Dials()
        self.endpoint = Endpoint("10.0.0.2:20880", self.near.engine, self.dials)
        self.endpoint.connected(self.client)
        self.reference = Reference(KEY, self.near.engine, no_provider=no_provider)
        self.node = Node(Instance(KEY, "10.0.0.2", 20880), self.endpoint)
        self.tasks: list[MiniTask] = []

    # --- calls ---

    def caller(self, method: str = "echo", *, nodes: tuple[Node, ...] | None = None, **given: Any) -> Caller:
        """A caller of ``method`` with one argument of any type; ``given`` are options, ``raises`` included."""
        return make_caller(self.reference, nodes if nodes is not None else (self.node,), method, **given)

    def start(self, awaitable: Any) -> MiniTask:
        """Await it in a task of its own, up to its first wait."""
        task = MiniTask(self.ticks, awaitable)
        self.tasks.append(task)
        self.ticks.run()
        return task

    def call(self, value: Any = None, method: str = "echo", **options: Any) -> MiniTask:
        return self.start(self.caller(method, **options)(value))

    # --- moving things ---

    def send(self, *, piece: int = 0) -> bytes:
        """Carry what the client wrote to the server; returns it. ``piece``: bytes at a time."""
        return self._carry(self.out, self.server, piece)

    def answer(self, *, piece: int = 0) -> bytes:
        """Carry what the server wrote to the client; returns it."""
        return self._carry(self.back, self.client, piece)

    def pump(self) -> None:
        """Let everything run and travel until nothing moves."""
        while self.ticks.run() or self.send() or self.answer():
            pass

    def wait(self, seconds: float) -> None:
        """Let time pass, waking the engines when they asked for it; bytes stay where they are."""
        until = self.clock.now + seconds
        while True:
            due = [timed for timed in (self.near, self.far) if timed.armed is not None and timed.armed <= until]
            if not due:
                break
            first = min(due, key=lambda timed: timed.armed or 0.0)
            self.clock.now = max(self.clock.now, first.armed or 0.0)
            first.fire()
            self.ticks.run()
        self.clock.now = until

    def _carry(self, box: Outbox, connection: Connection, piece: int) -> bytes:
        self.ticks.run()
        data = box.take()
        feed(connection, data, piece)
        self.ticks.run()
        return data


def feed(connection: Connection, data: bytes, piece: int = 0) -> None:
    """Give ``data`` to ``connection``, whole or ``piece`` bytes at a time."""
    for start in range(0, len(data), piece or max(len(data), 1)):
        connection.receive_data(data[start : start + (piece or len(data))])


def no_provider(caller: Caller) -> errors.NoProvider:
    return errors.NoProvider(f"{caller.service}.{caller.method}: no provider")


def make_caller(
    reference: Reference,
    nodes: tuple[Node, ...],
    method: str = "echo",
    *,
    raises: tuple[type[Exception], ...] = (),
    takes: Any = Any,
    returns: Any = Any,
    attachments: dict[str, Any] | None = None,
    **given: Any,
) -> Caller:
    options = resolve(method, declaration=Layer("declaration", rpcore.Options(**given)))
    caller = Caller(
        reference,
        service=KEY.interface,
        method=method,
        prefix=request_prefix(KEY, method),
        args=compile_args((Parameter("value", takes),)),
        result=compile_type(returns),
        errors={plan.wire_name: plan for plan in map(compile_exception, raises)},
    )
    caller.options = options
    caller.timeout = options.timeout
    caller.deadline = options.deadline
    caller.retries = options.retries
    caller.idempotent = options.idempotent
    caller.retry_timeouts = options.retry_on == "dubbo"
    caller.oneway = options.oneway
    caller.set_attachments(attachments)
    caller.picker = build("roundrobin", nodes, seed=1, previous=None) if nodes else None
    return caller


def entry(
    method: str,
    handler: Handlers,
    *,
    raises: tuple[type[Exception], ...] = (),
    takes: Any = Any,
    returns: Any = Any,
    gauge: Gauge | None = None,
    **options: Any,
) -> Entry:
    args = compile_args((Parameter("value", takes),))
    return Entry(
        prefix=request_prefix(KEY, method),
        hessian_prefix=hessian_prefix(KEY, method, args.descriptor),
        service=KEY,
        method=method,
        handler=handler,
        args=args,
        result=compile_type(returns),
        errors=tuple(map(compile_exception, raises)),
        gauge=gauge or Gauge(method),
        **options,
    )


async def echo(value: Any) -> Any:
    return value


# --- frames by hand, from the description of the protocol and not from the code ---------------------------


def frame(flags: int, status: int, id: int, body: bytes, *, length: int | None = None) -> bytes:
    """One frame; ``length`` lies about the body's."""
    return (
        b"\xda\xbb"
        + bytes([flags, status])
        + (id & 0xFFFFFFFFFFFFFFFF).to_bytes(8, "big")
        + (len(body) if length is None else length).to_bytes(4, "big", signed=(length or 0) < 0)
        + body
    )


def request(id: int, value: Any, method: str = "echo", *, timeout_ms: int = 0, oneway: bool = False) -> bytes:
    body = msgpack.packb([KEY.interface, KEY.version, KEY.group, method, [value], timeout_ms, None])
    return frame(REQUEST | MSGPACK | (0 if oneway else TWOWAY), 0, id, body)


def reply(id: int, value: Any) -> bytes:
    return frame(MSGPACK, 20, id, msgpack.packb([0, value, None]))


def refusal(id: int, status: int, text: str) -> bytes:
    return frame(MSGPACK, status, id, msgpack.packb(text))


def split(data: bytes) -> list[tuple[int, int, int, bytes]]:
    """The frames in ``data`` as (flags, status, id, body); anything left over is an error."""
    frames = []
    while data:
        assert data[:2] == b"\xda\xbb", f"no frame starts here: {data[:16].hex()}"
        size = int.from_bytes(data[12:16], "big", signed=True)
        assert 0 <= size <= len(data) - 16, f"the frame is cut: {size} of {len(data) - 16} bytes"
        frames.append((data[2], data[3], int.from_bytes(data[4:12], "big", signed=True), data[16 : 16 + size]))
        data = data[16 + size :]
    return frames


def run_now(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that must not wait for anything."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it waits")
