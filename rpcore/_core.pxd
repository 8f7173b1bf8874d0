# Declarations of the per-call engine. What runs once per call is here; policies stay Python and hand
# the engine compiled snapshots (pickers, resolved options).

from cpython.object cimport PyObject
from rpcore._codec cimport (
    ArgsPlan, ExceptionPlan, HessianReader, HessianWriter, Limits, Plan, Reader, Scanner, Writer,
)

include "_core_parts/pick_decl.pxi"


cdef class Timer:
    cdef PyObject* next
    cdef PyObject* prev
    cdef long long tick
    cdef double when
    cdef bint armed
    cdef TimerWheel wheel
    cdef int fire(self, double now) except -1


cdef class TimerWheel:
    cdef PyObject* slots[1024]
    cdef double origin
    cdef long long current
    cdef long long armed
    cdef Py_ssize_t count
    cdef bint advancing
    cdef object arm
    cdef int add(self, Timer timer, double when) except -1
    cdef int remove(self, Timer timer) except -1
    cpdef advance(self, double now)
    cdef int _rearm(self) except -1


cdef class Engine:
    cdef object __weakref__
    """What all connections, calls and handlers of one loop (or one blocking client) share."""
    cdef readonly object loop            # opaque: handed to tasks, never called here
    cdef readonly TimerWheel wheel
    cdef readonly object clock
    cdef object call_soon
    cdef object create_task
    cdef object base_context
    cdef unsigned long thread            # the thread whose loop we belong to; 0 in a forked child
    cdef bint direct                     # a loop callback of ours is running and no task is: tasks may be stepped
    cdef bint feeding                    # input is being consumed: output leaves when that ends
    cdef double now                      # when the loop callback of ours that is running began
    cdef bint flush_scheduled
    cdef readonly list dirty                      # connections with output to flush at the end of the tick
    cdef readonly bint blocking
    cdef list parked                     # workers waiting for a request
    cdef readonly set workers                     # all workers, parked or serving
    cdef bint stopped                    # workers that end their request do not park
    cdef char* window                    # shared receive window; an idle connection keeps only its partial frame
    cdef Py_ssize_t window_size
    cdef Window window_view
    cdef public Py_ssize_t served        # requests handled, for `ps`
    cdef public object cancelled_error   # the loop's CancelledError
    cdef object running_loop
    cdef Py_ssize_t exchanges            # blocking engines: calls that wait for their reply now
    cdef public object block             # blocking engines: block(call) makes progress with a waiting call
    cdef int wake(self, object callback, object context, object waiter) except -1
    cdef int run(self, Request request, Connection feeding) except -1
    cdef int misused(self) except -1
    cdef int mark_dirty(self, Connection connection) except -1
    cpdef flush_dirty(self)


cdef class Window:
    """Writable view over memory of the engine, handed to the transport for one read."""
    cdef unsigned char* pointer
    cdef Py_ssize_t size
    cdef Py_ssize_t shape[1]


cdef class Scope:
    """What a call inherits: the deadline and options of the code it is made in."""
    cdef public double deadline          # absolute, the engine's clock; 0 = none
    cdef public object overrides         # rpcore.model.Options or None
    cdef public dict attachments         # sent with each call made here, or None
    cdef public object reply_attachments
    cdef readonly object request         # the Request being served around this scope, or None


cdef class Entry:
    """One served method: how to find it, decode for it, run it and encode its result."""
    cdef readonly bytes prefix           # of its msgpack requests
    cdef readonly bytes hessian_prefix   # of its hessian2 requests, which do not name the group there; or None
    cdef readonly str name               # the method's in msgpack requests
    cdef readonly str descriptor
    cdef readonly str token              # what a consumer must send, or None
    cdef int check_token(self, object given) except -1
    cdef readonly bint builtin           # Dubbo's own method ($invoke): its rpcore errors are statuses
    cdef readonly object service
    cdef readonly str method
    cdef readonly object handler
    cdef ArgsPlan args
    cdef Plan result
    cdef readonly tuple errors
    cdef readonly Gauge gauge
    cdef public bint cancellable
    cdef public Py_ssize_t payload       # largest body of a request or reply
    cdef public Py_ssize_t calls, failures


cdef class Route:
    """Where hessian2 requests that begin with the same bytes go."""
    cdef readonly bytes prefix
    cdef readonly Py_ssize_t count       # arguments that the descriptor announces
    cdef readonly bint plain             # an old consumer: replies carry no attachments
    cdef readonly tuple entries          # one for each group
    cdef bint uniform                    # all of them declare the same parameters


cdef class Gauge:
    """A count of running calls with a limit (0 = none), shared by the methods of one service or of a server."""
    cdef public Py_ssize_t active
    cdef public Py_ssize_t limit
    cdef readonly str name
    cdef readonly str option
    cdef readonly Gauge parent
    cdef public Py_ssize_t refused
    cdef Gauge enter(self)
    cdef void leave(self) noexcept


cdef class Request(Scope):
    cdef readonly Connection connection
    cdef readonly long long id
    cdef readonly Entry entry
    cdef readonly bint oneway
    cdef bytes received                  # attachments that came with the call, encoded, or None
    cdef list received_large             # those of their values that were received in place, or None
    cdef dict received_map               # or those of a hessian2 request, decoded and not to be changed
    cdef dict forwarded                  # what of them nested calls send on, for those who asked last
    cdef frozenset forward_keys          # how these asked
    cdef readonly int serialization
    cdef bint plain                      # as the route's
    cdef object convert                  # of a generic call: what makes plain values of the result, and
    cdef object wrap                     # a JavaException of what its method raised
    cdef object unpacked(self, Limits limits)
    cdef dict to_forward(self, frozenset keys)
    cdef tuple arguments
    cdef Worker worker
    cdef bint cancelled


cdef class Worker(Timer):
    cdef Engine engine
    cdef readonly object task
    cdef Request request
    cdef object coroutine
    cdef object context
    cdef Connection feeding              # the connection whose input it is consuming right now
    cdef object callback
    cdef object callback_context
    cdef bint parked
    cdef bint cancelled
    cdef public bint _asyncio_future_blocking
    cdef int _suspended(self) except -1
    cdef int _retire(self) except -1
    cdef object _run(self, object error)
    cdef object _step(self, object error, bint* finished)
    cdef int _reply(self, object value, object error) except -1
    cdef int _release(self) except -1


cdef class Connection:
    cdef readonly Engine engine
    cdef readonly bint client
    cdef public str peer
    cdef public Limits limits
    # input
    cdef unsigned char* partial
    cdef Py_ssize_t partial_size, partial_capacity
    cdef double now                      # when the input being consumed arrived
    cdef const unsigned char* input
    cdef Py_ssize_t input_size
    cdef Py_ssize_t skip                 # bytes of a refused frame still to be thrown away
    cdef LargeFrame large
    cdef Reader reader
    cdef bint feeding
    # output
    cdef Writer out
    cdef Py_ssize_t out_frames
    cdef Py_ssize_t flush_frames
    cdef bint encoding
    cdef list deferred
    cdef bint dirty
    cdef object write
    cdef object writelines
    cdef object pause_input, resume_input
    cdef long long frames_written, frames_flushed
    # calls
    cdef PyObject** pending
    cdef Py_ssize_t pending_mask, pending_count
    cdef unsigned long long next_id
    cdef readonly dict waiting           # calls held back while the peer reads slowly, in order
    cdef public Py_ssize_t waiting_limit
    cdef dict serving                    # id -> Request that suspended
    # serving
    cdef public object dispatch          # prefix bytes -> Entry, and explain(); None on a pure client
    cdef Entry last_entry
    cdef Route last_route
    cdef HessianReader hessian_in
    cdef HessianWriter hessian_out
    # The attachments that came last, and what they said: one consumer's are nearly always the same.
    cdef bytes tail
    cdef Route tail_route
    cdef Entry tail_entry
    cdef dict tail_received
    cdef long long tail_timeout
    # state
    cdef public object events            # owner: on_hello, on_readonly, on_closed, ...
    cdef readonly bint paused, closed, readonly, peer_readonly, suspect, closing
    cdef public bint draining
    cdef readonly bint hello_done, peer_rpcore, peer_cancel
    cdef readonly double last_read, last_write, probe_sent
    cdef readonly Py_ssize_t bytes_in, bytes_out, frames_in
    cdef readonly object close_reason

    cpdef Window get_buffer(self, Py_ssize_t hint=*)
    cpdef buffer_updated(self, Py_ssize_t n)
    cdef int send_request(self, Call call, double now) except -1
    cdef int send_cancel(self, long long id) except -1
    cdef int forget(self, Call call) except -1
    cdef Call take(self, unsigned long long id)
    cdef int insert(self, Call call) except -1
    cdef int grow(self) except -1
    cdef int consume(self, double now) except -1
    cdef int receive(self, const unsigned char* p, Py_ssize_t n, bint large) except -1
    cdef int frame(self, const unsigned char* header, const unsigned char* body, Py_ssize_t size, list large, double now) except -1
    cdef bint consume_large(self, double now) except -1
    cdef int refuse(self, const unsigned char* header, Py_ssize_t size, double now) except -1
    cdef Request next_request(self)
    cdef Request request_frame(self, const unsigned char* header, const unsigned char* body, Py_ssize_t size, list large, double now)
    cdef int reply_frame(self, const unsigned char* header, const unsigned char* body, Py_ssize_t size, list large, double now) except -1
    cdef int event_frame(self, const unsigned char* header, const unsigned char* body, Py_ssize_t size, double now) except -1
    cdef int send_reply(self, Request request, object value, object error) except -1
    cdef int send_status(self, unsigned long long id, int serialization, int status, str code, str text) except -1
    cdef int put_frame(self, int flags, int status, unsigned long long id, const char* body, Py_ssize_t size) except -1
    cdef int wrote(self) except -1
    cdef Writer begin_frame(self)
    cdef int end_frame(self, Writer w) except -1
    cdef int abort_frame(self, Writer w, Py_ssize_t pos, Py_ssize_t npieces) except -1
    cpdef flush(self)
    cdef int release_waiting(self) except -1
    cdef int keep_partial(self, const unsigned char* p, Py_ssize_t n) except -1
    cdef int protocol_error(self, str text) except -1
    cdef Entry _find_entry(self, Reader r, const unsigned char* body)
    cdef int _close_frame(self, Writer w, Py_ssize_t pos, Py_ssize_t npieces, int flags, int status, unsigned long long id, Py_ssize_t limit) except -1
    cdef int _write_exception(self, Writer w, Entry entry, object error) except -1
    cdef object _read_exception(self, Caller caller, Reader r)
    cdef HessianWriter start_hessian(self, Writer w, dict known)
    cdef long long _read_request(self, Request request, Reader r, const unsigned char* body, list large) except? -1
    cdef int _set_peer_readonly(self, bint readonly) except -1
    cdef int _cancel(self, Request request) except -1
    cdef int call_timed_out(self, Call call, double now) except -1
    cdef unsigned long long _fresh_id(self)
    cdef int _append_deferred(self) except -1


cdef class LargeFrame:
    """A frame bigger than the receive window, arriving: its bulk goes straight to where it will stay."""
    cdef unsigned char header[16]
    cdef Py_ssize_t remaining
    cdef unsigned char* body
    cdef Py_ssize_t body_size, body_capacity
    cdef Scanner scanner
    cdef list large
    cdef object target
    cdef Py_ssize_t target_filled
    cdef int receive_whole(self) except -1
    cdef bint in_place(self) noexcept
    cdef int put(self, const unsigned char* p, Py_ssize_t n) except -1
    cdef int fill(self, Py_ssize_t n) except -1


cdef class Endpoint:
    """One provider address as a client sees it: its connections, and who waits for them."""
    cdef readonly str address
    cdef readonly Engine engine
    cdef public object pool              # the owner: connect(endpoint), usable_changed(endpoint)
    cdef readonly list connections
    cdef public int wanted
    cdef readonly dict waiting           # calls by themselves, in order
    cdef readonly bint usable
    cdef public object state             # word for people: idle, connecting, up, down, readonly, suspect
    cdef public object last_error
    cdef Py_ssize_t turn
    cdef int start(self, Call call, double now) except -1
    cdef Connection choose(self)


cdef class Reference:
    """One service as one client refers to it: what its methods share."""
    cdef readonly object key
    cdef readonly Engine engine
    cdef public bint known               # the first provider list has arrived
    cdef readonly dict waiting
    cdef readonly double budget          # tokens for maybe-executed retries, deposited by calls
    cdef readonly double reserve         # tokens that are there without traffic
    cdef double budget_time
    cdef void fade(self, double now) noexcept
    cdef bint withdraw(self, double now)
    cdef public double budget_ratio, budget_reserve
    cdef public object no_provider       # callable(method) -> exception, told when the list is empty
    cdef public Py_ssize_t calls, failures, retries


cdef class Caller:
    """One method of one reference, compiled: everything a call needs that does not depend on its arguments."""
    cdef readonly Reference reference
    cdef readonly Engine engine
    cdef readonly str method
    cdef readonly str service
    cdef readonly bytes prefix           # of its msgpack requests
    cdef readonly bytes hessian_prefix   # of its hessian2 requests, or None
    cdef bytes hessian_attachments       # path, interface, version, …: what each of them says; ends before the others
    cdef bytes hessian_fixed             # `attachments`, ready to follow
    cdef readonly str descriptor
    cdef public int serialization        # 0: msgpack with rpcore peers, hessian2 with the others; or the one to use
    cdef public frozenset forward        # attachments of the call being served that go on; "*": all of the user's
    cdef ArgsPlan args
    cdef ArgsPlan hessian_args           # those of its hessian2 requests, where they are others,
    cdef object hessian_convert          # and what makes them of those of a call
    cdef Plan result
    cdef dict errors                     # wire name -> ExceptionPlan
    cdef public Picker picker            # None while there is no provider
    cdef public double timeout, deadline
    cdef public int retries
    cdef public bint may_override_retries   # the cluster policy retries at all
    cdef public bint idempotent, retry_timeouts, oneway
    cdef public Py_ssize_t payload
    cdef public object options           # CallOptions these were taken from
    cdef readonly dict attachments       # sent with every call, or None
    cdef bytes attachments_encoded       # the same, ready to send
    cdef int may_retry(self, object error, double now, bint idempotent, bint retry_timeouts) except -1


cdef class Call(Timer):
    cdef Caller caller
    cdef tuple args
    cdef dict attachments
    cdef Scope scope
    cdef Node node
    cdef Connection connection
    cdef readonly unsigned long long id
    cdef long long frame
    cdef readonly int state
    cdef int attempt
    cdef double deadline, timeout, attempt_deadline, sent_at
    cdef object overrides                # Options of this call alone, or None
    cdef int serialization               # of the attempt that was sent last
    cdef bint is_cancelled
    cdef object cancel_message
    cdef int retries
    cdef bint idempotent, retry_timeouts
    cdef list tried
    cdef list attempts
    cdef object value
    cdef object error
    cdef bint awaited                    # the value or error has been taken
    cdef object callback
    cdef object context
    cdef public bint _asyncio_future_blocking
    cdef public bint single              # one attempt, errors raw: the attempt loop is elsewhere
    cdef public object reply_attachments
    cdef object _explained(self, failure)
    cdef int begin(self) except -1
    cdef int attempt_now(self, double now) except -1
    cdef int failed(self, object error, double now) except -1
    cdef int finish(self, object value, object error) except -1
    cdef double override(self, overrides, double deadline)
    cdef int forward(self, Scope scope, frozenset keys) except -1
    cdef int without_provider(self, double now) except -1
    cdef int detach(self) except -1
    cdef int describe(self, object error) except -1
    cdef int fire(self, double now) except -1
    cdef int replied(self, object value, object error, double now) except -1


cdef class Line:
    """A connected socket and its protocol state, used by one thread at a time."""
    cdef readonly Connection connection
    cdef readonly Peer peer
    cdef public int fd                   # -1 once closed
    cdef public str ended                # why we shut the socket down, or None
    cdef readonly double used            # when a call was last sent on it
    cdef double patience                 # the socket's receive timeout; 0 = not set yet
    cdef int rest                        # calls that are to sleep at once, while they wait
    cdef int missed                      # what `rest` was set to when a call stayed awake in vain; 0 = it was not
    cdef bint torn                       # part of a frame has left and the rest never will
    cdef bint ready(self) except -1
    cdef int exchange(self, Call call) except -1
    cdef int read(self, bint wait, bint alone=*) except -1
    cdef double awake(self)
    cdef bint poll(self, double seconds) except -1
    cdef int send(self, double until) except -1
    cdef int send_slowly(self, const unsigned char* p, Py_ssize_t n, bint more, double until) except -1
    cdef int be_patient(self, double seconds) except -1
    cdef int lose(self, str text) except -1


cdef class Peer(Endpoint):
    """An endpoint whose connections are used by one thread at a time."""
    cdef readonly list idle              # lines nobody uses, the one used last at the end
    cdef readonly object queue           # threads that wait for a line, in order
    cdef public bint retired             # no longer a provider, or the client was closed
    cdef int give_back(self, Line line) except -1
