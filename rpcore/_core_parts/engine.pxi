# What the connections, calls and handlers of one loop share: the receive window, the timer wheel, the
# parked workers, and the rule for waking a task.
#
# Waking: a task that waits for us is stepped directly from the loop callback that brought its reply, inside
# its own context, instead of through call_soon. That is only allowed while no task is running (`direct`);
# at any other time (a task closes a client, a dial finishes) the loop is asked to do it.


cdef class Window:
    def __len__(self):
        return self.size    # asyncio's own transport asks before it reads

    def __getbuffer__(self, Py_buffer* view, int flags):
        self.shape[0] = self.size
        view.buf = self.pointer
        view.obj = self
        view.len = self.size
        view.readonly = 0
        view.itemsize = 1
        view.format = NULL
        if flags & PyBUF_FORMAT:
            view.format = "B"
        view.ndim = 1
        view.shape = NULL
        if flags & PyBUF_ND:
            view.shape = self.shape
        view.strides = NULL
        view.suboffsets = NULL
        view.internal = NULL

    def __releasebuffer__(self, Py_buffer* view):
        pass


def _reraise(error):
    raise error


cdef class Engine:
    """Shared state of the connections of one loop.

    Args:
        clock: monotonic seconds.
        arm: ``arm(when)`` asks that ``wheel.advance(now)`` be called at that time, replacing earlier wishes.
        call_soon: the loop's ``call_soon``; ``None`` for a blocking engine.
        create_task: makes and schedules a task from a coroutine.
        loop: what a future's ``get_loop`` must return for tasks of this loop.
        context: the context handlers start from (copied for each request).
        cancelled_error: the loop's ``CancelledError``.
        running_loop: gives the loop that runs now, or None; asked when loops complain, to say why.
        block: for a blocking engine, ``block(call)`` makes progress with a call that waits.
        window: bytes of the shared receive window.
    """

    def __cinit__(self, *, clock, arm, call_soon=None, create_task=None, loop=None, context=None,
                  cancelled_error=None, running_loop=None, block=None, Py_ssize_t window=65536):
        self.clock = clock
        self.cancelled_error = cancelled_error
        self.running_loop = running_loop
        self.block = block
        self.thread = PyThread_get_thread_ident()
        self.loop = loop
        self.call_soon = call_soon
        self.create_task = create_task
        self.blocking = call_soon is None
        self.base_context = context
        self.wheel = TimerWheel(clock(), arm)
        self.parked = []
        self.workers = set()
        self.dirty = []
        self.window_size = window
        self.window = <char*>malloc(window)
        if self.window == NULL:
            raise MemoryError()
        self.window_view = Window.__new__(Window)

    def __dealloc__(self):
        free(self.window)

    def __repr__(self):
        return (f"<Engine timers={self.wheel.count} workers={len(self.workers)} "
                f"parked={len(self.parked)} served={self.served}>")

    cdef int wake(self, object callback, object context, object waiter) except -1:
        if not self.direct:
            self.call_soon(callback, waiter, context=context)
            return 0
        if context is not None and PyContext_Enter(context) < 0:
            PyErr_Clear()   # the waiter runs in a context that is already entered below us
            self.call_soon(callback, waiter, context=context)
            return 0
        self.direct = False
        try:
            callback(waiter)
        except BaseException as error:
            # KeyboardInterrupt and SystemExit pass through task steps; they belong to the loop's runner,
            # not to the connection whose input we are reading.
            self.call_soon(_reraise, error)
        finally:
            self.direct = True
            if context is not None:
                PyContext_Exit(context)
        return 0

    cdef int run(self, Request request, Connection feeding) except -1:
        """Give a request to a worker: a parked one runs it at once, otherwise a new task does."""
        cdef Worker worker
        if self.direct and self.parked:
            worker = <Worker>self.parked.pop()
            worker.parked = False
            worker.request = request
            worker.feeding = feeding
            self.direct = False
            try:
                worker.callback(worker)
            except BaseException as error:
                self.call_soon(_reraise, error)
            finally:
                self.direct = True
                worker.feeding = None
            return 0
        worker = Worker.__new__(Worker)
        worker.engine = self
        worker.request = request
        request.worker = worker
        request.connection.serving[request.id] = request     # it can be cancelled before it has begun
        worker.spawn()
        return 0

    cdef int mark_dirty(self, Connection connection) except -1:
        connection.dirty = True
        self.dirty.append(connection)
        if not self.feeding and not self.flush_scheduled and self.call_soon is not None:
            self.call_soon(self._flush_tick)
            self.flush_scheduled = True
        return 0

    cpdef flush_dirty(self):
        """Hand all collected output to the transports."""
        cdef Connection connection
        cdef list dirty
        while self.dirty:
            dirty = self.dirty
            self.dirty = []
            for connection in dirty:
                connection.flush()

    def _flush_tick(self):
        self.flush_scheduled = False
        self.flush_dirty()

    def disown(self):
        """We are in a forked child: this engine, its loop and its sockets belong to the parent."""
        self.thread = 0

    cdef int misused(self) except -1:
        if self.thread == 0:
            raise errors.LocalProtocolError(
                "this client or server was started in the parent of this process; after fork() make a new one")
        raise errors.LocalProtocolError(
            "this client or server belongs to the event loop of another thread; use one per loop, or rpcore.sync")

    def advance(self):
        """The loop's timer fired: serve every deadline that has passed."""
        cdef bint outer = self.feeding
        self.direct = True
        self.feeding = True
        try:
            self.now = self.clock()
            self.wheel.advance(self.now)
        finally:
            self.direct = False
            self.feeding = outer
        if not outer:
            self.flush_dirty()

    def spawn_workers(self, Py_ssize_t n):
        """Start ``n`` workers ahead of the first request; they park in the next tick."""
        cdef Worker worker
        for _ in range(n):
            worker = Worker.__new__(Worker)
            worker.engine = self
            worker.spawn()

    def stop_workers(self):
        """Cancel every idle worker, and have the others end with their request; returns the tasks of those."""
        cdef Worker worker
        self.stopped = True
        idle = [worker for worker in self.workers if worker.request is None]
        for worker in idle:
            worker.task.cancel()
        return [worker.task for worker in self.workers if worker.request is not None]
