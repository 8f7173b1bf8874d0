# Serving: a request runs in a worker, which is at once the coroutine of a task and the future that task waits
# on while it is parked.
#
# A parked worker is woken directly from the callback that read the request. It runs the handler's first step; when
# the handler finishes without suspending, the reply is written and the worker takes the next request of the same
# input, so a batch costs one task step. When the handler suspends, the task is the request's until it ends, and
# another worker takes over. `current_task()` is thus the same object before and after the first await. Each step of a
# handler runs inside a context of its own, entered around the step; the task's own context never holds request state.


cdef class Gauge:
    def __init__(self, str name, *, Py_ssize_t limit=0, str option="executes", Gauge parent=None):
        self.name = name
        self.limit = limit
        self.option = option
        self.parent = parent

    def __repr__(self):
        return f"<Gauge {self.name} {self.active}/{self.limit or '∞'}>"

    cdef Gauge enter(self):
        """Count a call in, or return the gauge that is full."""
        cdef Gauge gauge = self
        while gauge is not None:
            if gauge.limit and gauge.active >= gauge.limit:
                gauge.refused += 1
                return gauge
            gauge = gauge.parent
        gauge = self
        while gauge is not None:
            gauge.active += 1
            gauge = gauge.parent
        return None

    cdef void leave(self) noexcept:
        cdef Gauge gauge = self
        while gauge is not None:
            gauge.active -= 1
            gauge = gauge.parent

    def text(self):
        return f"{self.name}: {self.active} calls run already, the limit is {self.limit} (option: {self.option})"


cdef class Entry:
    """One served method.

    Args:
        prefix: a msgpack request's constant first bytes, by which it is found.
        hessian_prefix: those of a hessian2 request, as we would write it; None: only msgpack is served.
        name: of the method in msgpack requests, where overloads differ by name; ``method`` by default.
        token: what each call must carry as its attachment ``token``.
        builtin: one of Dubbo's own methods: an rpcore error that it raises is a status, no exception of a handler.
        handler: ``async`` callable of the positional arguments.
        errors: plans of the declared exceptions, most derived first.
        gauge: running calls of the method, with its limit.
        cancellable: whether cancellation, disconnect and a passed deadline cancel the handler.
        payload: largest body of a request or reply, in bytes.
    """

    def __init__(self, *, bytes prefix, service, str method, handler, ArgsPlan args not None, Plan result not None,
                 errors=(), Gauge gauge not None, bint cancellable=True, Py_ssize_t payload=HARD_CAP,
                 bytes hessian_prefix=None, bint builtin=False, str name=None, str token=None):
        self.prefix = prefix
        self.name = method if name is None else name
        self.descriptor = args.descriptor
        self.token = token
        self.hessian_prefix = hessian_prefix
        self.builtin = builtin
        self.service = service
        self.method = method
        self.handler = handler
        self.args = args
        self.result = result
        self.errors = tuple(errors)
        self.gauge = gauge
        self.cancellable = cancellable
        self.payload = payload

    cdef int check_token(self, object given) except -1:
        if self.token is None:
            return 0
        from hmac import compare_digest      # takes the same time wherever they differ
        if given is None or not compare_digest(str(given).encode(), self.token.encode()):
            raise errors.InvalidToken(
                f"{self.service}.{self.method}: {'no token' if given is None else 'a wrong token'} (attachment: token)")
        return 0

    @property
    def parameters(self):
        """How many the method has."""
        return len(self.args.plans)

    @property
    def required(self):
        """How many of them must be sent."""
        return self.args.required

    def __repr__(self):
        return f"<Entry {self.service}.{self.method} calls={self.calls} active={self.gauge.active}>"


cdef class Request(Scope):
    """The call being served, as ``rpcore.context()`` shows it.

    Attributes:
        deadline: when the caller stops waiting, in ``time.monotonic()`` seconds; 0 when it did not say.
        attachments: sent along with calls that the handler makes; starts empty.
        reply_attachments: a dict to send back with the reply, or None.
    """

    @property
    def served(self):
        """The request itself: code that serves it, and tasks and threads started there, find it by its scope."""
        return self

    def become(self, Entry entry not None, *, convert=None, wrap=None):
        """Serve ``entry``, which this call of a builtin names, in its place: from now on it is a call of that method.

        Args:
            convert: makes what is sent, plain values, of what the handler returns; None: sent as ``entry`` declares.
            wrap: makes a JavaException of what the handler raises, for hessian2.

        Raises:
            LimitExceeded: of the method or its service.
        """
        cdef Gauge over = entry.gauge.enter()
        if over is not None:
            raise errors.LimitExceeded(over.text())
        self.entry.gauge.leave()
        self.entry = entry
        self.convert = convert
        self.wrap = wrap

    @property
    def service(self):
        """``ServiceKey`` of the service called."""
        return self.entry.service

    @property
    def method(self):
        """Wire name of the method called."""
        return self.entry.method

    @property
    def peer(self):
        """Address of the caller."""
        return self.connection.peer

    @property
    def received_attachments(self):
        """What the caller sent along (a new dict, maybe empty)."""
        if self.received_map is not None:
            return dict(self.received_map)
        if self.received is None:
            return {}
        found = self.unpacked(self.connection.limits)
        if self.entry.token is not None:
            del found["token"]
        return found

    cdef object unpacked(self, Limits limits):
        """The attachments of a msgpack request as they came."""
        cdef Reader r = Reader(b"", limits)
        r.start(<const unsigned char*>PyBytes_AS_STRING(self.received), PyBytes_GET_SIZE(self.received),
                self.received_large)
        return any_plan.decode(r)

    cdef dict to_forward(self, frozenset keys):
        """The attachments that came and that calls of the handler send on: those in ``keys``; ``"*"``: all of the user's."""
        if self.received is None and self.received_map is None:
            return None
        if self.forward_keys is not keys:
            self.forwarded = {key: value for key, value in self.received_attachments.items()
                              if key in keys or "*" in keys and key not in NOT_FORWARDED}
            self.forward_keys = keys
        return self.forwarded

    @property
    def remaining(self):
        """Seconds until the deadline (never negative), or None when the caller gave none."""
        if self.deadline <= 0:
            return None
        return max(self.deadline - self.connection.engine.clock(), 0.0)

    def __repr__(self):
        left = self.remaining
        return (f"<Request {self.entry.service}.{self.entry.method} from {self.connection.peer}"
                f"{f' remaining={left:.3f}' if left is not None else ''}>")


cdef class Worker(Timer):
    def __repr__(self):
        return f"<rpcore worker {'parked' if self.parked else self.request!r}>"

    @property
    def serving(self):
        """Whether it runs a request, or was made for one that has not started yet."""
        return self.request is not None

    def spawn(self):
        self.engine.workers.add(self)
        self.task = self.engine.create_task(self)

    # --- the coroutine protocol ----------------------------------------------------------------------

    def __await__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        return self._run(None)

    def send(self, value):
        return self._run(None)

    def throw(self, kind, value=None, traceback=None):
        if value is None:
            value = kind if isinstance(kind, BaseException) else kind()
        if self.request is None:
            self._retire()
            raise value
        return self._run(value)

    def close(self):
        if self.coroutine is not None:
            self.coroutine.close()
            self._release()
        self._retire()

    # --- the future protocol, while parked -----------------------------------------------------------

    def get_loop(self):
        return self.engine.loop

    def add_done_callback(self, callback, *, context=None):
        self.callback = callback
        self.callback_context = context
        self.parked = True
        self.engine.parked.append(self)

    def remove_done_callback(self, callback):
        return 0

    def cancel(self, msg=None):
        if not self.parked or self.cancelled:
            return False
        self.cancelled = True
        self.parked = False
        self.engine.parked.remove(self)
        self.engine.call_soon(self.callback, self, context=self.callback_context)
        return True

    def done(self):
        return not self.parked

    def result(self):
        if self.cancelled:
            raise self.engine.cancelled_error()
        return None

    # --- running requests ----------------------------------------------------------------------------

    cdef object _run(self, object error):
        """Serve until the handler suspends (returns what it waits for) or no request is left (parks)."""
        cdef Engine engine = self.engine
        cdef Request request
        cdef Connection connection
        cdef bint finished = False
        cdef bint fresh
        cdef object waits
        while self.request is not None:
            request = self.request
            fresh = self.coroutine is None
            if fresh and error is not None:
                # Cancelled before it began.
                if not request.oneway and not request.cancelled:
                    request.connection.send_status(<unsigned long long>request.id, request.serialization, STATUS_SERVICE_ERROR,
                                                   "cancelled", "the server was stopped before the handler was started")
                self._release()
            elif fresh and request.deadline > 0 and request.deadline <= engine.clock():
                # Expired in our queue: nobody waits for it, so it is not started.
                if not request.oneway:
                    request.connection.send_status(<unsigned long long>request.id, request.serialization, STATUS_SERVER_TIMEOUT,
                                                   "expired", "the deadline had passed before the handler was started")
                self._release()
            else:
                waits = self._step(error, &finished)
                error = None
                if not finished:
                    if fresh:
                        self._suspended()
                    return waits
            if self.cancelled or (self.task is not None and self.task.cancelling()):
                # Whatever cancelled this task was meant for the request that just ended.
                self.feeding = None
                self._retire()
                raise StopIteration
            connection = self.feeding
            if connection is not None and self.request is None:
                self.request = connection.next_request()
        if engine.stopped or len(engine.parked) >= 1024:
            self._retire()
            raise StopIteration
        self._asyncio_future_blocking = True
        return self

    cdef int _suspended(self) except -1:
        """The handler waits for something: from now on it can be cancelled by id, disconnect and deadline."""
        cdef Request request = self.request
        request.worker = self
        if request.connection.closed:
            request.connection._cancel(request)
        else:
            request.connection.serving[request.id] = request
        if request.deadline > 0 and request.entry.cancellable:
            self.engine.wheel.add(self, request.deadline)
        return 0

    cdef int fire(self, double now) except -1:
        if self.request is not None and not self.request.cancelled:
            self.request.cancelled = True
            self.task.cancel()
        return 0

    cdef object _step(self, object error, bint* finished):
        """One step of the handler inside its context. Replies when it has ended."""
        cdef Request request = self.request
        cdef Engine engine = self.engine
        cdef PyObject* yielded = NULL
        cdef PyObject* token
        cdef int status = PYGEN_ERROR
        cdef object value = None
        cdef object failure = None
        cdef object context = self.context
        if context is None:
            context = PyContext_Copy(engine.base_context)
            self.context = context
        PyContext_Enter_checked(context)
        try:
            if self.coroutine is None:
                PyContextVar_Set(_scope, request)
                value = PyObject_CallObject(request.entry.handler, request.arguments)
                request.arguments = None
                self.coroutine = value if PyCoro_CheckExact(value) else type(value).__await__(value)
                value = None
            if error is None:
                status = PyIter_Send(<PyObject*>self.coroutine, <PyObject*>None, &yielded)
                if status == PYGEN_ERROR:
                    _propagate()
                value = <object>yielded
                Py_DECREF(value)
            else:
                try:
                    value = self.coroutine.throw(error)
                    status = PYGEN_NEXT
                except StopIteration as stop:
                    value = stop.value
                    status = PYGEN_RETURN
        except BaseException as raised:
            failure = raised
            status = PYGEN_ERROR
        finally:
            PyContext_Exit(context)
        if status == PYGEN_NEXT:
            finished[0] = False
            return value
        finished[0] = True
        self._reply(value, failure)
        if failure is not None:
            if isinstance(failure, (KeyboardInterrupt, SystemExit, GeneratorExit)):
                self.feeding = None
                self._retire()
                raise failure
            if self.task is not None and isinstance(failure, engine.cancelled_error):
                self.cancelled = True      # this task has been cancelled: it does not serve again
        return None

    cdef int _reply(self, object value, object error) except -1:
        cdef Request request = self.request
        cdef Entry entry = request.entry
        cdef Connection connection = request.connection
        cdef Engine engine = self.engine
        engine.served += 1
        entry.calls += 1
        self._release()
        if error is not None:
            entry.failures += 1
            if isinstance(error, engine.cancelled_error):
                if not request.cancelled and not request.oneway:
                    connection.send_status(<unsigned long long>request.id, request.serialization, STATUS_SERVICE_ERROR, "cancelled",
                                           "the handler was cancelled by the server")
                return 0
            connection.dispatch.report(request, error)
        if not request.oneway and not request.cancelled:
            connection.send_reply(request, value, error)
        return 0

    cdef int _release(self) except -1:
        """The request has ended: give back its place, its timer and its context."""
        cdef Request request = self.request
        if self.armed:
            self.engine.wheel.remove(self)
        request.entry.gauge.leave()
        self.request = None
        self.coroutine = None
        self.context = None
        if request.worker is not None:
            request.worker = None
            request.connection.serving.pop(request.id, None)
        if request.connection.draining:
            request.connection._tell("request_ended")
        return 0

    cdef int _retire(self) except -1:
        self.parked = False
        self.engine.workers.discard(self)
        self.task = None          # the task holds us as its coroutine,
        self.callback = None      # and this is a method of it
        self.callback_context = None
        return 0
