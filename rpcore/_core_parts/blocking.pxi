# A call driven by the thread that makes it: no loop, no timer, no other thread. For rpcore.sync, which owns
# the sockets and decides about connecting, waiting and keeping; here is what happens once per call.
#
# A Line is one connected socket with its Connection. Whoever has taken it from its peer's `idle` list is its only
# user, so nothing is locked: taking and giving back are single list operations under the GIL. Each Line's
# connection has an engine of its own, because an engine's receive window serves one reader at a time.
#
# send() keeps the GIL: one that cannot complete at once returns. recv() gives it up. The socket's own receive
# timeout bounds the wait, so no poll() precedes a recv(). The kernel ends it up to an eighth late, so it is set to a
# part of the wait, and only what is left after it is waited for by poll(), which is exact.

cdef extern from * nogil:
    """
    #include <errno.h>
    #include <poll.h>
    #include <sys/socket.h>
    #include <sys/time.h>
    #include <time.h>
    #ifndef MSG_NOSIGNAL
    #define MSG_NOSIGNAL 0      /* Python ignores SIGPIPE anyway */
    #endif
    #ifndef MSG_MORE
    #define MSG_MORE 0
    #endif

    static int rpcore_receive_timeout(int fd, double seconds) {
        struct timeval tv;
        tv.tv_sec = (time_t)seconds;
        tv.tv_usec = (suseconds_t)((seconds - (double)tv.tv_sec) * 1e6);
        return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
    }

    /* recv() that does not sleep for the first `awake` seconds; says in `slept` whether it had to later. */
    static ssize_t rpcore_receive(int fd, void *buffer, size_t n, double awake, int *slept) {
        struct timespec t;
        double end = 0, now;
        *slept = 0;
        while (awake > 0) {
            ssize_t got = recv(fd, buffer, n, MSG_DONTWAIT);
            if (got >= 0 || errno != EAGAIN)
                return got;
            clock_gettime(CLOCK_MONOTONIC, &t);
            now = (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
            if (end == 0)
                end = now + awake;
            else if (now >= end)
                break;
        }
        *slept = 1;
        return recv(fd, buffer, n, 0);
    }

    static int rpcore_poll(int fd, int events, double seconds) {
        struct pollfd p = {fd, (short)events, 0};
        return poll(&p, 1, seconds > 86400.0 ? 86400000 : (int)(seconds * 1e3) + 1);
    }
    """
    int MSG_DONTWAIT, MSG_NOSIGNAL, MSG_MORE
    ssize_t c_recv "recv"(int fd, void* buffer, size_t n, int flags)
    ssize_t c_send "send"(int fd, const void* buffer, size_t n, int flags)
    ssize_t rpcore_receive(int fd, void* buffer, size_t n, double awake, int* slept)
    int rpcore_receive_timeout(int fd, double seconds)
    int rpcore_poll(int fd, int events, double seconds)
    int POLLIN, POLLOUT


# Waking a sleeping thread on another CPU costs more than many a handler runs: a C echo over loopback makes
# 18,000 calls/s asleep and 39,000 awake. So the only call under way stays awake for AWAKE where replies have come
# that soon. It misses when the reply takes longer, and then sleeps for a growing number of calls.
DEF AWAKE = 60e-6
DEF REST_FIRST = 16
DEF REST_LAST = 4096

DEF SHORT = 0.06                   # seconds; shorter waits are left to poll()
DEF UNDIVIDED = 65536              # bytes up to which a send keeps the GIL
DEF READS_AT_ONCE = 64             # windows (4 MiB) taken in before a call; what floods us is not idle


cdef class Line:
    """One connected socket, driven by the thread that has it.

    A subclass owns the socket, and is the ``events`` of the connection.

    Args:
        peer: where it leads.
        fd: the descriptor of a connected socket in blocking mode.
        clock: monotonic seconds.
        limits: of frames sent and received.
        first_id: id of the first request.
    """

    def __init__(self, Peer peer not None, int fd, *, clock, limits=None, unsigned long long first_id=1):
        self.peer = peer
        self.fd = fd
        self.connection = Connection(
            Engine(clock=clock, arm=None), client=True, peer=peer.address, limits=limits, events=self,
            flush_frames=1 << 30, first_id=first_id)
        self.used = self.connection.last_write

    def __repr__(self):
        return f"<Line {self.fd} {self.connection!r}>"

    def look(self):
        """Take in what has arrived, without waiting, and answer it. Returns whether calls may be sent."""
        self.ready()
        self.send(0)
        return self.connection.usable

    def converse(self, double until):
        """Send what has collected and wait for one read. Returns False when nothing came before ``until``."""
        cdef double left
        self.send(until)
        if self.connection.closed:
            return True
        return self.poll(until - self.connection.engine.clock()) and bool(self.read(False))

    cdef bint ready(self) except -1:
        """Look at what has arrived while nobody used the line; whether a call may be sent now."""
        cdef int reads = 0
        while not self.connection.closed and self.read(False):
            reads += 1
            if reads > READS_AT_ONCE:
                self.lose("the peer sends without being asked")
        return self.connection.usable

    cdef int exchange(self, Call call) except -1:
        """Send ``call`` and read until this attempt has ended, one way or the other."""
        cdef Connection connection = self.connection
        cdef double now = connection.engine.clock()
        cdef double left
        cdef bint late = False         # the receive timeout has passed, the call's has not
        cdef bint came
        self.used = now
        connection.send_request(call, now)
        self.send(call.attempt_deadline)
        while call.state == SENT:
            left = call.attempt_deadline - now
            if late or left < SHORT:
                came = self.poll(left) and self.read(False)
            else:
                self.be_patient(left)
                came = self.read(True, call.caller.engine.exchanges == 1)
                late = not came
            if came:
                now = connection.last_read
                self.send(call.attempt_deadline)
            else:
                now = connection.engine.clock()
            if call.state == SENT and now >= call.attempt_deadline:
                call.fire(now)         # leaves a word of cancellation, or a probe
                self.send(now)
        return 0

    cdef bint poll(self, double seconds) except -1:
        """Wait until there is something to read, at most so long."""
        cdef int found
        if seconds <= 0 or self.connection.closed:
            return False
        with nogil:
            found = rpcore_poll(self.fd, POLLIN, seconds)
        if found < 0:
            PyErr_CheckSignals()
        return found > 0

    cdef int read(self, bint wait, bint alone=False) except -1:
        """One recv. 0: nothing has come (in time); 1: something has, be it the end of the connection."""
        cdef Connection connection = self.connection
        cdef Window window
        cdef Py_ssize_t n
        cdef int code, slept
        cdef double awake
        while True:
            window = connection.get_buffer()
            if wait:
                awake = self.awake() if alone else 0
                with nogil:
                    n = rpcore_receive(self.fd, window.pointer, window.size, awake, &slept)
                    code = errno
                if awake > 0:
                    self.missed = min(2 * self.missed + REST_FIRST, REST_LAST) if slept else 0
                    self.rest = self.missed
            else:
                n = c_recv(self.fd, window.pointer, window.size, MSG_DONTWAIT)
                code = errno
            if n > 0:
                connection.buffer_updated(n)
                return 1
            if n == 0:
                self.lose(self.ended or "the peer closed the connection")
                return 1
            if code == EAGAIN:
                return 0
            if code != EINTR:
                self.lose(strerror(code).decode())
                return 1
            PyErr_CheckSignals()

    cdef double awake(self):
        """For how long the next wait should not sleep."""
        if self.rest:
            self.rest -= 1
            return 0
        return AWAKE

    cdef int send(self, double until) except -1:
        """Send everything that has collected; a peer that does not take it until then loses the connection."""
        cdef Connection connection = self.connection
        cdef Writer w
        cdef Py_ssize_t n
        cdef long long frames
        cdef const unsigned char[::1] view
        while not connection.closed:
            w = connection.out
            if w.pos == 0 and w.pieces is None:
                return 0
            frames = connection.frames_written
            connection.out_frames = 0
            connection.last_write = connection.engine.clock()
            connection.bytes_out += w.pos + w.pieces_size
            n = 0
            if w.pieces is None and w.pos <= UNDIVIDED:
                n = c_send(self.fd, w.buf, w.pos, MSG_DONTWAIT | MSG_NOSIGNAL)
                if n == w.pos:
                    w.truncate(0, 0)
                    connection.frames_flushed = frames
                    return 0
            connection.out = Writer()     # while we wait for the peer, more may collect
            chunks = w.chunks()
            self.torn = True
            while chunks and not connection.closed:
                view = chunks.pop(0)
                n = max(n, 0)
                self.send_slowly(&view[n], view.shape[0] - n, bool(chunks), until)
                n = 0
            if not connection.closed:
                self.torn = False
                connection.frames_flushed = frames
        return 0

    cdef int send_slowly(self, const unsigned char* p, Py_ssize_t n, bint more, double until) except -1:
        """Send ``n`` bytes, reading meanwhile, so that a peer that waits for us to read cannot block us both."""
        cdef int flags = MSG_DONTWAIT | MSG_NOSIGNAL | (MSG_MORE if more else 0)
        cdef Py_ssize_t sent
        cdef double left
        cdef int code
        while n and not self.connection.closed:
            with nogil:
                sent = c_send(self.fd, p, n, flags)
                code = errno
            if sent >= 0:
                p += sent
                n -= sent
            elif code == EAGAIN:
                left = until - self.connection.engine.clock()
                if left <= 0:
                    return self.lose("the peer reads too slowly: the request was not sent in time")
                with nogil:
                    rpcore_poll(self.fd, POLLIN | POLLOUT, left)
                self.read(False)
            elif code == EINTR:
                PyErr_CheckSignals()
            else:
                self.lose(strerror(code).decode())
        return 0

    cdef int be_patient(self, double seconds) except -1:
        """Let recv wait for a part of ``seconds``; what is set already may do."""
        if 0.5 * seconds <= self.patience <= 0.8 * seconds:
            return 0
        self.patience = 0.65 * seconds
        if rpcore_receive_timeout(self.fd, self.patience) < 0:
            self.lose(strerror(errno).decode())
        return 0

    cdef int lose(self, str text) except -1:
        peer = self.peer.address
        self.connection.close(errors.ConnectionLost(f"{peer}: {text}", address=peer))
        return 0


cdef class Peer(Endpoint):
    """One provider address of a blocking client: its lines, and the threads that wait for one.

    A subclass has the slow part: ``check_out(call)`` returns a line, or None when the call has moved on without
    one; ``check_in(line)`` takes one that is not simply idle now; ``serve_queue()`` hands idle lines to waiting threads.
    """

    def __cinit__(self):
        self.idle = []
        self.queue = deque()

    cdef int give_back(self, Line line) except -1:
        if self.retired or self.queue or not line.connection.usable:
            self.check_in(line)
            return 0
        self.idle.append(line)
        if self.queue:
            self.serve_queue()
        return 0


cdef int drive(Call call) except -1:
    """Run a blocking call to its end, with all its waits and attempts, in this thread."""
    try:
        while call.state != DONE:
            if call.state == WAIT_CONNECTION:
                attempt(call, <Peer?>call.node.endpoint)
            else:
                call.caller.engine.block(call)
    except BaseException:
        call.abandon()
        raise
    return 0


cdef int attempt(Call call, Peer peer) except -1:
    cdef Line line = None
    while line is None and PyList_GET_SIZE(peer.idle):
        line = <Line>peer.idle.pop()
        if not line.ready():
            peer.check_in(line)
            line = None
    if line is None:
        line = peer.check_out(call)
        if line is None:
            return 0
    call.caller.engine.exchanges += 1
    try:
        line.exchange(call)
    except BaseException:
        call.abandon()
        if line.torn:
            line.lose("a call was interrupted while it was sent")
        line.send(0)
        raise
    finally:
        call.caller.engine.exchanges -= 1
        peer.give_back(line)
    return 0
