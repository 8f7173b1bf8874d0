# One call: from the first await to its value or error, with every attempt in between.
#
# A Call is what `await` sees: an iterator that sends when it is first stepped, and a future (the protocol of
# asyncio's C tasks) while it waits. It costs no task, no asyncio.Future and no timer handle. The states are the
# places where it can wait; `detach` leaves whichever it is in, so cancellation frees everything at once.
#
# The rule for retries is `Caller.may_retry`, and only there.

DEF RETRY_WINDOW = 10.0            # seconds over which "recent calls" fade
DEF BACKOFF_FIRST = 0.01           # doubled for each further attempt at a provider that was tried before
DEF BACKOFF_LAST = 0.5

cdef enum:
    NEW = 0
    WAIT_LIST = 1                  # no provider list yet
    WAIT_CONNECTION = 2
    WAIT_WRITE = 3                 # the peer reads slowly
    SENT = 4
    BACKOFF = 5
    BETWEEN = 6                    # nowhere: an attempt has ended and the next has not begun
    DONE = 7

STATES = ("new", "waits for providers", "waits for a connection", "waits for the peer to read", "sent", "backs off",
          "between attempts", "done")

cdef object _scope = ContextVar("rpcore_scope")
cdef object _never = errors.Retry.NEVER
cdef object _not_executed = errors.Retry.NOT_EXECUTED


cdef class Scope:
    """Deadline, options and attachments that calls made in this context inherit."""

    def __init__(self, *, double deadline=0, overrides=None, attachments=None, request=None):
        self.deadline = deadline
        self.overrides = overrides
        self.attachments = attachments
        self.request = request

    @property
    def served(self):
        """The ``Request`` being served where this scope was entered, or None."""
        return self.request


def current_scope():
    """The scope of the running context, or None."""
    return _scope.get(None)


def enter_scope(Scope scope):
    """Make ``scope`` current; returns the token for ``leave_scope``."""
    return _scope.set(scope)


def leave_scope(token):
    _scope.reset(token)


cdef class Reference:
    """One service seen by one client: the provider list its calls wait for, and its retry budget.

    The budget follows Finagle's: each call deposits ``budget_ratio`` tokens that fade within ten seconds,
    and ``budget_reserve`` per second (ten seconds' worth at most) are there without any traffic.
    """

    def __cinit__(self, key, Engine engine not None, *, no_provider=None):
        self.key = key
        self.engine = engine
        self.waiting = {}
        self.no_provider = no_provider
        self.budget_ratio = 0.2
        self.budget_reserve = 10.0
        self.budget = self.budget_reserve * RETRY_WINDOW
        self.reserve = self.budget
        self.budget = 0
        self.budget_time = engine.clock()

    def __repr__(self):
        return f"<Reference {self.key} calls={self.calls} retries={self.retries} waiting={len(self.waiting)}>"

    cdef void fade(self, double now) noexcept:
        """Let old deposits fade and the reserve fill up again."""
        cdef double elapsed = max(now - self.budget_time, 0.0)
        self.budget_time = now
        self.budget *= exp(-elapsed / RETRY_WINDOW)
        self.reserve = min(self.reserve + elapsed * self.budget_reserve, self.budget_reserve * RETRY_WINDOW)

    cdef bint withdraw(self, double now):
        """Take a token for a retry of a maybe-executed attempt, if there is one."""
        self.fade(now)
        if self.budget >= 1.0:
            self.budget -= 1.0
            return True
        if self.reserve >= 1.0:
            self.reserve -= 1.0
            return True
        return False

    def list_arrived(self):
        """The first provider list is here: start the calls that wait for it (blocking ones look for themselves)."""
        cdef Call call
        cdef double now = self.engine.clock()
        self.known = True
        while self.waiting:
            call = next(iter(self.waiting))
            del self.waiting[call]
            if call.state == WAIT_LIST:
                call.attempt -= 1
                call.attempt_now(now)


cdef class Caller:
    """One method of one reference. Calling it with the positional arguments gives an awaitable."""

    def __init__(self, Reference reference not None, *, str service, str method, bytes prefix, ArgsPlan args not None,
                 Plan result not None, errors=None, bytes hessian_prefix=None, dict hessian_attachments=None,
                 ArgsPlan hessian_args=None, hessian_convert=None):
        """A method as its interface declares it.

        Args:
            prefix: what every msgpack request begins with.
            hessian_prefix: what every hessian2 request begins with; None: only rpcore peers can be called.
            hessian_attachments: what every hessian2 request says about itself besides its timeout.
            hessian_args: the arguments of a hessian2 request, where they are not those of the call.
            hessian_convert: makes them of the tuple of those of the call.
        """
        self.hessian_prefix = hessian_prefix
        self.hessian_args = hessian_args
        self.hessian_convert = hessian_convert
        if hessian_prefix is not None:
            self.descriptor = args.descriptor if hessian_args is None else None
            self.hessian_attachments = b"H" + encode_attachments(hessian_attachments or {}, False)
        self.reference = reference
        self.engine = reference.engine
        self.service = service
        self.method = method
        self.prefix = prefix
        self.args = args
        self.result = result
        self.errors = dict(errors or {})

        self.payload = HARD_CAP

    def set_attachments(self, attachments):
        """What every call sends along; encoded once."""
        cdef Writer w
        self.attachments = None
        self.attachments_encoded = None
        self.hessian_fixed = None
        if attachments:
            w = Writer()
            any_plan.encode(w, dict(attachments))
            self.attachments = dict(attachments)
            self.attachments_encoded = w.getvalue()
            self.hessian_fixed = encode_attachments(self.attachments, True)

    def __call__(self, *args):
        cdef Call call = Call.__new__(Call)
        call.caller = self
        call.args = args
        return call

    def run(self, *args):
        """Call and wait for the value: what a stub method of a blocking view calls."""
        cdef Call call = Call.__new__(Call)
        cdef object error
        call.caller = self
        call.args = args
        call.begin()
        drive(call)
        error = call.error
        if error is not None:
            call.error = None
            raise error
        return call.value

    def call(self, tuple args, *, attachments=None, overrides=None, double deadline=0, bint single=False, tried=None,
             int attempt=0):
        """A call with things of its own, for filters and policies written in Python.

        Args:
            attachments: sent with this call besides what the context adds.
            overrides: ``Options`` for this call alone.
            deadline: absolute; the earlier of this and the method's own counts.
            single: make one attempt and raise its error as it is.
            tried: nodes that were tried before; another one is picked when there is one.
            attempt: number of attempts made before.
        """
        cdef Call call = Call.__new__(Call)
        call.caller = self
        call.args = args
        call.attachments = attachments
        call.overrides = overrides
        call.deadline = deadline
        call.single = single
        call.tried = tried
        call.attempt = attempt
        return call

    def __repr__(self):
        return f"<Caller {self.service}.{self.method} timeout={self.timeout:g} retries={self.retries}>"

    cdef int may_retry(self, object error, double now, bint idempotent, bint retry_timeouts) except -1:
        """The rule: surely not executed may go elsewhere; maybe executed only if the method allows, on a budget."""
        retry = getattr(error, "retry", _never)
        if retry is _never:
            return 0
        if retry is _not_executed:
            return 1
        if not idempotent and not (retry_timeouts and isinstance(error, errors.CallTimeout)):
            return 0
        return self.reference.withdraw(now)

    def retry_allowed(self, error, double now, options):
        """``may_retry`` under ``options``, for attempt loops written in Python; takes from the budget."""
        return bool(self.may_retry(error, now, options.idempotent, options.retry_on == "dubbo"))


cdef class Call(Timer):
    def __repr__(self):
        return f"<Call {self.caller.service}.{self.caller.method} {STATES[self.state]} attempt={self.attempt}>"

    # --- what await sees -----------------------------------------------------------------------------

    def __await__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        raise SystemError("replaced by call_iternext")   # keeps the slot; see the end of this file

    def send(self, value):
        cdef PyObject* yielded = call_iternext(<PyObject*>self)
        if yielded == NULL:
            if not PyErr_Occurred():
                raise StopIteration
            _propagate()
        result = <object>yielded
        Py_DECREF(result)
        return result

    def throw(self, kind, value=None, traceback=None):
        self.abandon()
        if value is None:
            value = kind if isinstance(kind, BaseException) else kind()
        raise self._explained(value)

    def close(self):
        self.abandon()

    cdef object _explained(self, failure):
        """``failure``, or what is behind it when loops or tasks complain that the call is awaited in another loop."""
        cdef Engine engine = self.caller.engine
        if isinstance(failure, RuntimeError) and engine.running_loop is not None:
            if engine.running_loop() is not engine.loop:
                error = errors.LocalProtocolError(
                    "this client belongs to another event loop; make one client per loop, or use rpcore.sync.Client")
                error.__cause__ = failure
                return error
        return failure

    # --- the future protocol of asyncio tasks --------------------------------------------------------

    def get_loop(self):
        return self.caller.engine.loop

    def add_done_callback(self, callback, *, context=None):
        if self.state == DONE:
            self.caller.engine.call_soon(callback, self, context=context)
        else:
            self.callback = callback
            self.context = context

    def remove_done_callback(self, callback):
        if self.callback is None or self.callback != callback:
            return 0
        self.callback = None
        return 1

    def done(self):
        return self.state == DONE

    def cancelled(self):
        return self.is_cancelled

    def cancel(self, msg=None):
        """The waiting task was cancelled: free the slot now, tell a peer that understands, wake the task."""
        cdef object callback = self.callback
        if self.state == DONE:
            return False
        self.abandon()
        self.is_cancelled = True
        self.cancel_message = msg
        if callback is not None:
            self.callback = None
            self.caller.engine.call_soon(callback, self, context=self.context)
            self.context = None
        return True

    def result(self):
        if self.is_cancelled:
            cancelled = self.caller.engine.cancelled_error
            raise cancelled() if self.cancel_message is None else cancelled(self.cancel_message)
        return None

    def exception(self):
        return None

    # --- the life of a call --------------------------------------------------------------------------

    cdef int begin(self) except -1:
        cdef Caller caller = self.caller
        cdef Reference reference = caller.reference
        cdef double now
        cdef double deadline
        cdef PyObject* found = NULL
        cdef Scope scope
        if PyThread_get_thread_ident() != caller.engine.thread and not caller.engine.blocking:
            caller.engine.misused()
        now = caller.engine.clock()
        reference.calls += 1
        reference.budget += reference.budget_ratio
        if now - reference.budget_time > 1.0:
            reference.fade(now)
        self.timeout = caller.timeout
        self.retries = caller.retries
        self.idempotent = caller.idempotent
        self.retry_timeouts = caller.retry_timeouts
        deadline = caller.deadline
        PyContextVar_Get(_scope, NULL, &found)
        if found != NULL:
            scope = <Scope>found
            Py_DECREF(scope)
            self.scope = scope
            if scope.overrides is not None:
                deadline = self.override(scope.overrides, deadline)
            if scope.attachments:
                self.attachments = {**(self.attachments or {}), **scope.attachments}
            if caller.forward is not None:
                self.forward(scope, caller.forward)
        if self.overrides is not None:
            deadline = self.override(self.overrides, deadline)
        deadline += now
        if self.deadline > 0 and self.deadline < deadline:
            deadline = self.deadline
        if self.scope is not None and self.scope.deadline > 0 and self.scope.deadline < deadline:
            deadline = self.scope.deadline
        self.deadline = deadline
        if deadline <= now:
            return self.finish(None, errors.CallTimeout("the deadline had passed before the call was sent"))
        return self.attempt_now(now)

    cdef int forward(self, Scope scope, frozenset keys) except -1:
        """Send on what came with the call being served, beneath what this call says itself."""
        cdef Request request = scope if isinstance(scope, Request) else scope.request
        cdef dict passed
        if request is not None:
            passed = request.to_forward(keys)
            if passed:
                self.attachments = {**passed, **(self.caller.attachments or {}), **(self.attachments or {})}
        return 0

    cdef double override(self, overrides, double deadline):
        """Apply per-call options; the deadline follows from them as it does in a declaration."""
        options = self.caller.options.overridden(overrides)
        self.timeout = options.timeout
        if self.caller.may_override_retries:
            self.retries = options.retries
        self.idempotent = options.idempotent
        self.retry_timeouts = options.retry_on == "dubbo"
        if options.tag:
            self.attachments = {**(self.attachments or {}), "dubbo.tag": options.tag}
        return options.deadline

    cdef int attempt_now(self, double now) except -1:
        cdef Caller caller = self.caller
        cdef Node node
        self.attempt += 1
        if caller.picker is None:
            return self.without_provider(now)
        if self.tried is None:
            node = caller.picker.pick()
        else:
            node = caller.picker.pick_other(self.tried)
        self.node = node
        node.begin()
        self.attempt_deadline = now + self.timeout
        if self.attempt_deadline > self.deadline:
            self.attempt_deadline = self.deadline
        if not caller.engine.blocking:
            caller.engine.wheel.add(self, self.attempt_deadline)
        return (<Endpoint>node.endpoint).start(self, now)

    cdef int without_provider(self, double now) except -1:
        cdef Reference reference = self.caller.reference
        if reference.known:
            return self.finish(None, reference.no_provider(self.caller))
        self.state = WAIT_LIST
        self.attempt_deadline = self.deadline
        if not self.caller.engine.blocking:
            reference.waiting[self] = None
            self.caller.engine.wheel.add(self, self.deadline)
        return 0

    cdef int detach(self) except -1:
        """Leave the place where the call waits, whichever it is."""
        cdef Endpoint endpoint
        if self.armed:
            self.caller.engine.wheel.remove(self)
        if self.state == SENT:
            if self.connection is not None:
                self.connection.forget(self)
        elif self.state == WAIT_CONNECTION:
            endpoint = <Endpoint>self.node.endpoint
            endpoint.waiting.pop(self, None)
        elif self.state == WAIT_WRITE:
            self.connection.waiting.pop(self, None)
        elif self.state == WAIT_LIST:
            self.caller.reference.waiting.pop(self, None)
        if self.node is not None:
            self.node.end()
            self.node = None
        self.state = BETWEEN
        return 0

    def abandon(self):
        """Nobody waits any more: free everything; a late reply finds no call."""
        cdef Connection connection
        if self.state == DONE:
            return
        if self.state == NEW:
            self.state = DONE
            return
        connection = self.connection if self.state == SENT else None
        self.detach()
        self.state = DONE
        self.args = None
        self.tried = None
        self.connection = None
        if connection is not None:
            connection.send_cancel(self.id)

    cdef int replied(self, object value, object error, double now) except -1:
        """The reply of the attempt in flight; the connection has already forgotten it."""
        if self.armed:
            self.caller.engine.wheel.remove(self)
        if error is None:
            self.node.end()
            self.node = None
            self.state = BETWEEN
            return self.finish(value, None)
        if isinstance(error, errors.RpcError) and error.retry is not _never:
            return self.failed(error, now)
        if isinstance(error, errors.RpcError):
            self.describe(error)
        return self.finish(None, error)

    cdef int describe(self, object error) except -1:
        if not error.service:
            error.service, error.method = self.caller.service, self.caller.method
        if not error.address and self.node is not None:
            error.address = (<Endpoint>self.node.endpoint).address
        return 0

    cdef int failed(self, object error, double now) except -1:
        """The attempt failed without a reply of the callee: try again or give up."""
        cdef Caller caller = self.caller
        cdef Node node = self.node
        cdef double delay
        self.describe(error)
        self.detach()
        self.connection = None
        if node is not None:
            node.failed += 1
        if self.single:
            if self.tried is not None and node is not None:
                self.tried.append(node)
            return self.finish(None, error)
        if self.attempts is None:
            self.attempts = []
        self.attempts.append(f"{error.address}: {type(error).__name__}: {error.message}")
        if self.attempt > self.retries or now >= self.deadline or (
                # Nobody is left to try, or the client was closed: what happened says more than that.
                caller.picker is None and caller.reference.known) or not caller.may_retry(
                error, now, self.idempotent, self.retry_timeouts):
            return self.finish(None, final_error(caller, error, self.attempts, self.retries, now >= self.deadline))
        caller.reference.retries += 1
        if self.tried is None:
            self.tried = []
        self.tried.append(node)
        if caller.picker is None or len(self.tried) < caller.picker._count:
            return self.attempt_now(now)
        # Every provider has been tried: the next attempt meets one that has just failed, so give it a moment.
        delay = min(BACKOFF_FIRST * (1 << min(self.attempt - 1, 10)), BACKOFF_LAST)
        delay *= 0.5 + (<double>((<size_t><PyObject*>self >> 4) % 1024) / 1024.0)
        self.state = BACKOFF
        self.attempt_deadline = min(now + delay, self.deadline)
        if not caller.engine.blocking:
            caller.engine.wheel.add(self, self.attempt_deadline)
        return 0

    cdef int fire(self, double now) except -1:
        cdef Connection connection = self.connection
        cdef double waited
        if self.state == SENT:
            waited = now - self.sent_at
            connection.forget(self)
            connection.send_cancel(self.id)
            connection.call_timed_out(self, now)
            return self.failed(errors.CallTimeout(f"no reply within {waited:.3f} s"), now)
        if self.state == BACKOFF:
            return self.attempt_now(now) if now < self.deadline else self.finish(
                None, errors.CallTimeout(f"{self.caller.service}.{self.caller.method}: the deadline passed",
                                         attempts=tuple(self.attempts or ())))
        if self.state == WAIT_CONNECTION:
            last = (<Endpoint>self.node.endpoint).last_error
            return self.failed(errors.ConnectError(
                f"not connected within {self.timeout:g} s{f': {last}' if last else ''}"), now)
        if self.state == WAIT_WRITE:
            return self.failed(errors.LimitExceeded(
                f"the peer reads too slowly: not sent within {self.timeout:g} s"), now)
        if self.state == WAIT_LIST:
            return self.finish(None, errors.NoProvider(
                f"{self.caller.service}.{self.caller.method}: no provider list from the registry within the deadline",
                service=self.caller.service, method=self.caller.method))
        return 0

    cdef int finish(self, object value, object error) except -1:
        cdef object callback
        cdef object context
        if self.state == DONE:
            return 0
        if error is not None:
            if isinstance(error, errors.RpcError):
                self.describe(error)
            self.caller.reference.failures += 1
        if self.state != BETWEEN:
            self.detach()
        self.state = DONE
        self.value = value
        self.error = error
        self.args = None
        self.tried = None
        self.connection = None
        self.attachments = None
        if self.scope is not None:
            # A request's own are what its handler sends back, not what came with a call the handler made.
            if self.reply_attachments is not None and not isinstance(self.scope, Request):
                self.scope.reply_attachments = self.reply_attachments
            self.scope = None
        callback = self.callback
        if callback is not None:
            context = self.context
            self.callback = None
            self.context = None
            self.caller.engine.wake(callback, context, self)
        return 0

    # --- for blocking engines: what the calling thread does itself (blocking.pxi, rpcore.sync) ----------

    @property
    def where(self):
        """The endpoint of the current attempt, or None."""
        return self.node.endpoint if self.node is not None else None

    @property
    def until(self):
        """When the present wait ends, in the engine's clock."""
        return self.attempt_deadline

    @property
    def reference(self):
        """The reference it belongs to."""
        return self.caller.reference

    @property
    def waits_for_list(self):
        return self.state == WAIT_LIST

    def go_on(self):
        """The provider list it waited for is known."""
        if self.state == WAIT_LIST:
            self.attempt -= 1
            self.attempt_now(self.caller.engine.clock())

    def expire(self):
        """The present wait has ended without result."""
        self.fire(self.caller.engine.clock())

    def fail(self, error):
        """The present attempt failed with ``error``."""
        if self.state != DONE:
            self.failed(error, self.caller.engine.clock())

    def elsewhere(self):
        """Its provider turned out to be unusable before anything was sent: choose another, at no attempt's cost.

        Returns whether there was one that this call has not tried.
        """
        cdef Picker picker = self.caller.picker
        cdef list tried = [] if self.tried is None else self.tried
        if picker is None or self.single and self.tried is None:
            return False
        tried.append(self.node)
        if _contains(tried, picker.pick_other(tried)):
            tried.pop()
            return False
        self.detach()
        self.tried = tried
        self.attempt -= 1
        self.attempt_now(self.caller.engine.clock())
        return True


def final_error(Caller caller not None, error, attempts, int retries, bint late):
    """The error the caller sees after the last attempt: ``error`` naming the call and every attempt."""
    made = len(attempts)
    text = f"{caller.service}.{caller.method}: {error.message}"
    if made > 1:
        text = f"{text} (attempt {made} of {retries + 1})"
    if late and not isinstance(error, errors.CallTimeout):
        timeout = errors.CallTimeout(f"{text}; the deadline passed", service=error.service, method=error.method,
                                     address=error.address)
        timeout.__cause__ = error
        timeout.retry = error.retry       # what is known of the last attempt still holds
        error = timeout
    else:
        error.args = (text,)
    error.attempts = tuple(attempts)
    return error


cdef PyObject* call_iternext(PyObject* op) noexcept:
    """Step a call. A C function because Cython would build a traceback for each StopIteration."""
    cdef Call self = <Call>op
    cdef object value, error
    try:
        if self.state == NEW:
            self.begin()
            if self.caller.engine.blocking:
                drive(self)
        if self.state != DONE:
            self._asyncio_future_blocking = True
            Py_INCREF(self)
            return op
        if self.awaited:
            raise RuntimeError(f"cannot await the same call twice: {self!r}")
        self.awaited = True
        error = self.error
        value = self.value
        self.error = None
        self.value = None
    except BaseException as failure:
        error = self._explained(failure)
        value = None
        try:
            self.abandon()
        except RuntimeError:
            pass        # a closed loop takes no callback; the call has left its place before it was asked to
    if error is not None:
        PyErr_SetObject(type(error), error)
    elif value is not None:
        if isinstance(value, (tuple, BaseException)):
            value = StopIteration(value)
        PyErr_SetObject(StopIteration, value)
    return NULL


cdef int _propagate() except -1:
    """Report the exception that is already set."""
    return -1


(<PyTypeObject*>Call).tp_iternext = call_iternext
