# One connection, sans-IO: bytes in, calls and requests and events out; no socket, no clock, no loop.
#
# Input lands in the engine's shared window and is parsed in place; what is left of an unfinished frame is
# kept by the connection until more arrives. A frame larger than half the window becomes a LargeFrame
# whose bulk is received straight into the `bytes` object the application will get (large.pxi).
#
# Output collects in one Writer. It leaves at the end of the loop tick, or earlier when `flush_frames` frames
# or 64 KiB have gathered, so that the peer can start while we still work. Encoding starts at a mark; whatever goes
# wrong afterwards truncates to it. Code of the user that runs while we encode may make calls: they are
# encoded into a buffer of their own and appended after the frame they interrupted.
#
# Pending calls stand in a table indexed by the low bits of their id. Ids are ours to choose, so an id whose
# place is still taken by a slow call is skipped; the table doubles when it is half full.

DEF HARD_CAP = 1 << 28              # a length beyond this is garbage, not a large message
DEF EVENT_LIMIT = 64                # Java refuses event bodies over 15 bytes; ours are shorter too
DEF FLUSH_BYTES = 65536
# "rpcore" in ASCII, then 16 bits of capabilities: the id of the first heartbeat, which every peer echoes
# and only an rpcore peer recognises.
DEF HELLO = 0x7270636F72650000
DEF HELLO_MASK = 0xFFFFFFFFFFFF0000
DEF CAPABILITY_MSGPACK = 1
DEF CAPABILITY_CANCEL = 2
DEF CAPABILITIES = 3


cdef class Connection:
    """Protocol state of one ``dubbo://`` connection.

    Args:
        engine: what the loop's connections share.
        client: whether we dialled (and send the first heartbeat).
        peer: address for messages.
        limits: production defaults when omitted.
        write, writelines: the transport's; called with bytes-like objects to send.
        dispatch: the table of served methods, for a server.
        events: object told ``hello()``, ``readonly_changed(flag)``, ``closed(reason)``, ``suspected()``.
        flush_frames: frames that leave before the tick ends.
        rpcore: the peer is known to be rpcore, whatever it answers to ``hello``.
    """

    def __cinit__(self, Engine engine not None, *, bint client, str peer="", Limits limits=None, write=None,
                  writelines=None, dispatch=None, events=None, Py_ssize_t flush_frames=8,
                  Py_ssize_t waiting_limit=65536, unsigned long long first_id=1, bint rpcore=False):
        self.engine = engine
        self.client = client
        self.peer = peer
        self.limits = limits if limits is not None else Limits()
        self.write = write
        self.writelines = writelines
        self.dispatch = dispatch
        self.events = events
        self.flush_frames = flush_frames
        self.waiting_limit = waiting_limit
        self.reader = Reader(b"", self.limits)
        self.out = Writer()
        self.waiting = {}
        self.serving = {}
        self.next_id = first_id
        self.peer_rpcore = rpcore
        self.pending_mask = 63
        self.pending = <PyObject**>calloc(64, sizeof(PyObject*))
        if self.pending == NULL:
            raise MemoryError()
        self.last_read = self.last_write = engine.clock()

    def __dealloc__(self):
        cdef Py_ssize_t i
        if self.pending != NULL:
            for i in range(self.pending_mask + 1):
                Py_XDECREF(self.pending[i])
            free(self.pending)
        free(self.partial)

    def __repr__(self):
        state = "closed" if self.closed else "readonly" if self.peer_readonly else "open"
        return (f"<Connection {'to' if self.client else 'from'} {self.peer} {state} pending={self.pending_count} "
                f"serving={len(self.serving)} waiting={len(self.waiting)}>")

    @property
    def in_flight(self):
        """Calls sent and not answered yet."""
        return self.pending_count

    @property
    def active_requests(self):
        """Requests received whose handler is suspended or about to start."""
        return len(self.serving)

    @property
    def usable(self):
        """Whether new calls should be sent here."""
        return not (self.closed or self.closing or self.peer_readonly or self.suspect)

    # --- input ---------------------------------------------------------------------------------------

    cpdef Window get_buffer(self, Py_ssize_t hint=-1):
        """Memory for the transport's next read (``BufferedProtocol.get_buffer``)."""
        cdef Engine engine = self.engine
        cdef Window view = engine.window_view
        cdef LargeFrame large = self.large
        if large is not None and large.in_place():
            if large.target is not None:
                view.pointer = <unsigned char*>PyBytes_AS_STRING(large.target) + large.target_filled
                view.size = min(PyBytes_GET_SIZE(large.target) - large.target_filled, large.remaining)
            else:
                view.pointer = large.body + large.body_size
                view.size = large.remaining
            return view
        if self.partial_size:
            memcpy(engine.window, self.partial, self.partial_size)
        view.pointer = <unsigned char*>engine.window + self.partial_size
        view.size = engine.window_size - self.partial_size
        return view

    cpdef buffer_updated(self, Py_ssize_t n):
        """``n`` bytes were read into what ``get_buffer`` returned (``BufferedProtocol.buffer_updated``)."""
        cdef Py_ssize_t partial = self.partial_size
        self.bytes_in += n
        if self.large is not None and self.large.in_place():
            self.receive(NULL, n, True)
        else:
            self.partial_size = 0
            self.receive(<unsigned char*>self.engine.window, partial + n, False)

    cdef int receive(self, const unsigned char* p, Py_ssize_t n, bint large) except -1:
        cdef Engine engine = self.engine
        cdef bint outer = engine.feeding
        self.now = self.last_read = engine.now = engine.clock()
        engine.feeding = True
        engine.direct = not engine.blocking
        try:
            if self.suspect:
                self.suspect = False
                self._tell("suspected", False)
            self.input = p
            self.input_size = 0 if large else n
            if large:
                self.large.fill(n)
            self.consume(self.now)
        except Exception as error:
            # A bug of ours must not leave a half-read stream behind.
            self.abort(error)
            raise
        finally:
            self.input = NULL
            self.input_size = 0
            engine.direct = False
            engine.feeding = outer
        if not outer:
            engine.flush_dirty()
        return 0

    def receive_data(self, data):
        """Feed bytes from anywhere (tests, blocking sockets); what ``buffer_updated`` does for a transport."""
        cdef const unsigned char[::1] view = data
        cdef Py_ssize_t done = 0
        cdef Py_ssize_t n
        cdef Window window
        while done < view.shape[0] and not self.closed:
            window = self.get_buffer()
            n = min(window.size, view.shape[0] - done)
            memcpy(window.pointer, &view[done], n)
            done += n
            self.buffer_updated(n)

    cdef int keep_partial(self, const unsigned char* p, Py_ssize_t n) except -1:
        cdef unsigned char* grown
        if n > self.partial_capacity or (n == 0 and self.partial_capacity > 4096):
            grown = <unsigned char*>realloc(self.partial, max(n, 256))
            if grown == NULL:
                raise MemoryError()
            self.partial = grown
            self.partial_capacity = max(n, 256)
        if n:
            memcpy(self.partial, p, n)
        self.partial_size = n
        return 0

    cdef int consume(self, double now) except -1:
        cdef const unsigned char* p
        cdef Py_ssize_t n, total
        cdef int length
        cdef LargeFrame large
        # A server whose peer does not read its replies stops taking that peer's requests.
        while not self.closed and (self.client or not self.paused):
            if self.skip:
                n = min(self.skip, self.input_size)
                self.skip -= n
                self.input += n
                self.input_size -= n
                if self.skip:
                    break
            if self.large is not None:
                if not self.consume_large(now):
                    break
                continue
            if self.input_size < HEADER:
                if self.input_size and (self.input[0] != 0xDA or (self.input_size > 1 and self.input[1] != 0xBB)):
                    self.protocol_error("bad magic")
                break
            p = self.input
            if p[0] != 0xDA or p[1] != 0xBB:
                self.protocol_error("bad magic")
                break
            length = <int>load32(p + 12)
            if length < 0 or length > HARD_CAP:
                self.protocol_error(f"a frame claims a body of {<unsigned int>length} bytes")
                break
            total = HEADER + length
            if length > self.limits.payload:
                self.input += HEADER
                self.input_size -= HEADER
                self.skip = length
                self.refuse(p, length, now)
                continue
            if self.input_size < total:
                if total > self.engine.window_size // 2:
                    large = LargeFrame.__new__(LargeFrame)
                    memcpy(large.header, p, HEADER)
                    large.remaining = length
                    if (p[2] & SERIALIZATION_MASK) == MSGPACK:
                        large.scanner = Scanner.__new__(Scanner)
                    else:
                        large.receive_whole()
                    self.large = large
                    self.input += HEADER
                    self.input_size -= HEADER
                    continue
                break
            self.input += total
            self.input_size -= total
            self.frame(p, p + HEADER, length, None, now)
        if self.closed:
            self.input_size = 0
        self.keep_partial(self.input, self.input_size)
        return 0

    cdef bint consume_large(self, double now) except -1:
        """Returns 1 when the frame is complete and was handled, 0 when more input is needed."""
        cdef LargeFrame large = self.large
        cdef Py_ssize_t n = min(self.input_size, large.remaining)
        if n:
            large.put(self.input, n)
            self.input += n
            self.input_size -= n
        if large.remaining:
            return 0
        self.large = None
        self.frame(large.header, large.body, large.body_size, large.large, now)
        return 1

    cdef int frame(self, const unsigned char* header, const unsigned char* body, Py_ssize_t size, list large,
                   double now) except -1:
        cdef int flags = header[2]
        cdef Request request
        self.frames_in += 1
        if flags & FLAG_EVENT:
            return self.event_frame(header, body, size, now)
        if not flags & FLAG_REQUEST:
            return self.reply_frame(header, body, size, large, now)
        request = self.request_frame(header, body, size, large, now)
        if request is not None:
            self.engine.run(request, self)
        return 0

    cdef Request next_request(self):
        """The next request if it is complete in the input; a worker takes several in one step."""
        cdef const unsigned char* p
        cdef Py_ssize_t total
        cdef int length
        cdef Request request
        while self.input_size >= HEADER and not (self.closed or self.skip or self.paused):
            p = self.input
            if p[0] != 0xDA or p[1] != 0xBB or (p[2] & (FLAG_REQUEST | FLAG_EVENT)) != FLAG_REQUEST:
                return None
            length = <int>load32(p + 12)
            total = HEADER + length
            if length < 0 or length > self.limits.payload or self.input_size < total:
                return None
            self.input += total
            self.input_size -= total
            self.frames_in += 1
            request = self.request_frame(p, p + HEADER, length, None, self.now)
            if request is not None:
                return request
        return None

    cdef int refuse(self, const unsigned char* header, Py_ssize_t size, double now) except -1:
        """A body over the payload limit: fail that call, skip its bytes, keep the connection."""
        cdef int flags = header[2]
        cdef unsigned long long id = load64(header + 4)
        cdef Call call
        text = (f"body of {size} bytes exceeds the limit of {self.limits.payload} bytes "
                f"(option: payload, on the {'client' if self.client else 'server'})")
        if flags & FLAG_EVENT:
            return 0
        if flags & FLAG_REQUEST:
            if flags & FLAG_TWOWAY:
                self.send_status(id, flags & SERIALIZATION_MASK, STATUS_BAD_REQUEST, "payload", text)
            return 0
        call = self.take(id)
        if call is not None:
            call.replied(None, errors.PayloadTooLarge("reply: " + text), now)
        return 0

    cdef int protocol_error(self, str text) except -1:
        self.flush()        # answers to the good frames before
        self.close(errors.RemoteProtocolError(f"{self.peer}: {text}; the connection was closed", address=self.peer))
        return 0

    # --- requests ------------------------------------------------------------------------------------

    cdef Request request_frame(self, const unsigned char* header, const unsigned char* body, Py_ssize_t size,
                               list large, double now):
        cdef int flags = header[2]
        cdef int serialization = flags & SERIALIZATION_MASK
        cdef unsigned long long id = load64(header + 4)
        cdef Reader r = self.reader
        cdef Request request
        cdef long long timeout
        cdef Gauge over
        cdef bint twoway = (flags & FLAG_TWOWAY) != 0
        if serialization != MSGPACK and serialization != HESSIAN2:
            if twoway:
                self.send_status(id, HESSIAN2, STATUS_BAD_REQUEST, "serialization",
                                 f"serialization {serialization} is not served here")
            return None
        if self.dispatch is None:
            if twoway:
                self.send_status(id, serialization, STATUS_BAD_REQUEST, "service", "this peer serves nothing")
            return None
        r.start(body, size, large)
        request = Request.__new__(Request)
        request.serialization = serialization
        try:
            if serialization == MSGPACK:
                timeout = self._read_request(request, r, body, large)
            else:
                timeout = read_hessian_request(self, request, body, size)
            if size > request.entry.payload:
                raise errors.PayloadTooLarge(f"body of {size} bytes exceeds the limit of {request.entry.payload} bytes "
                                             f"(option: payload of the export)")
        except Exception as error:
            if twoway:
                self._refuse_request(id, serialization, request.entry, error)
            return None
        request.connection = self
        request.id = <long long>id
        request.oneway = not twoway
        if timeout > 0:
            request.deadline = now + timeout / 1000.0
        if self.draining:
            if twoway:
                self.send_status(id, serialization, STATUS_EXHAUSTED, "draining", "this server is shutting down")
            return None
        over = request.entry.gauge.enter()
        if over is not None:
            if twoway:
                self.send_status(id, serialization, STATUS_EXHAUSTED, "limit", over.text())
            return None
        return request

    cdef long long _read_request(self, Request request, Reader r, const unsigned char* body, list large) except? -1:
        """Find what a msgpack ``body`` calls and read its arguments; the milliseconds its caller waits, or 0."""
        cdef Entry entry = self.last_entry
        cdef Py_ssize_t n
        cdef long long timeout
        cdef const unsigned char* p
        if entry is not None and r.end - body > (n := PyBytes_GET_SIZE(entry.prefix)) and memcmp(
                body, PyBytes_AS_STRING(entry.prefix), n) == 0:
            r.p += n
        else:
            entry = self._find_entry(r, body)
            self.last_entry = entry
        request.entry = entry
        request.arguments = entry.args.decode_args(r)
        timeout = read_int(r)
        if not is_nil(r):
            # Few handlers look at them: keep the bytes, decode when asked (Request.received_attachments).
            p = r.p
            n = r.large_next
            skip(r)
            request.received = PyBytes_FromStringAndSize(<const char*>p, r.p - p)
            if r.large_next > n:
                request.received_large = large[n:r.large_next]
        if entry.token is not None:
            entry.check_token(None if request.received is None else request.unpacked(self.limits).get("token"))
        return timeout

    cdef Entry _find_entry(self, Reader r, const unsigned char* body):
        cdef Entry entry
        cdef Py_ssize_t count = read_array(r)
        if count != 7:
            raise errors.DecodeError(f"expected an array of 7, got {count}")
        path, version, group, method = read_str(r), read_str(r), read_str(r), read_str(r)
        entry = self.dispatch.find(PyBytes_FromStringAndSize(<const char*>body, r.p - body))
        if entry is None:
            # Not the usual encoding, or something we do not serve: the names decide.
            entry = self.dispatch.find_names(path, version, group, method)
        return entry

    def _refuse_request(self, unsigned long long id, int serialization, Entry entry, error):
        status, code = status_of(error)
        text = str(error)
        if code == "arguments" and not isinstance(error, errors.InvalidArguments):
            text = f"{entry.service}.{entry.method}: {text}" if entry is not None else f"unreadable request: {text}"
        self.send_status(id, serialization, status, code, text)

    cdef int send_reply(self, Request request, object value, object error) except -1:
        cdef Entry entry = request.entry
        cdef Writer w
        cdef Py_ssize_t pos, npieces
        if self.closed:
            return 0
        if error is not None and entry.builtin and isinstance(error, errors.RpcError):
            status, code = status_of(error)
            return self.send_status(<unsigned long long>request.id, request.serialization, status, code, error.message)
        w = self.begin_frame()
        pos = w.pos
        npieces = len(w.pieces) if w.pieces is not None else 0
        try:
            w.ensure(HEADER + 64)
            w.pos += HEADER
            if request.serialization == HESSIAN2:
                write_hessian_reply(self, w, request, value, error)
            else:
                w.buf[w.pos] = <char>0x93
                w.pos += 1
                if error is None:
                    w.buf[w.pos] = 0
                    w.pos += 1
                    if request.convert is not None:
                        any_plan.encode(w, request.convert(value))
                    else:
                        entry.result.encode(w, value)
                else:
                    w.buf[w.pos] = 1
                    w.pos += 1
                    self._write_exception(w, entry, error)
                if request.reply_attachments:
                    any_plan.encode(w, request.reply_attachments)
                else:
                    write_nil(w)
            self._close_frame(w, pos, npieces, request.serialization, STATUS_OK, <unsigned long long>request.id,
                              entry.payload)
        except Exception as failure:
            self.abort_frame(w, pos, npieces)
            self._unencodable(request, failure)
            return 0
        self.end_frame(w)
        return 0

    cdef int _close_frame(self, Writer w, Py_ssize_t pos, Py_ssize_t npieces, int flags, int status,
                          unsigned long long id, Py_ssize_t limit) except -1:
        """Fill in the header of the frame that starts at ``pos``; refuses what is over the payload limit."""
        cdef Py_ssize_t size = w.pos - pos - HEADER
        cdef Py_ssize_t i
        if w.pieces is not None:
            for i in range(npieces, len(w.pieces)):
                size += len(w.pieces[i][1])
        limit = min(limit, self.limits.payload)
        if size > limit:
            raise errors.PayloadTooLarge(
                f"{'request' if flags & FLAG_REQUEST else 'reply'} of {size} bytes exceeds the limit of "
                f"{limit} bytes (option: payload, on the {'client' if self.client else 'server'})")
        store_header(w.buf + pos, flags, status, id, <unsigned int>size)
        return 0

    cdef int _write_exception(self, Writer w, Entry entry, object error) except -1:
        cdef ExceptionPlan plan
        write_array(w, 4)
        for plan in entry.errors:
            if isinstance(error, plan.cls):
                write_str(w, plan.wire_name)
                write_str(w, _text_of(error))
                write_nil(w)
                return plan.encode(w, error)
        write_str(w, _type_name(type(error)))
        write_str(w, _text_of(error))
        trace = self.dispatch.traceback(error)
        if trace is None:
            write_nil(w)
        else:
            write_str(w, trace)
        return write_nil(w)

    def _unencodable(self, Request request, failure):
        self.dispatch.report(request, failure)
        code = "payload" if isinstance(failure, errors.PayloadTooLarge) else "result"
        self.send_status(<unsigned long long>request.id, request.serialization, STATUS_BAD_RESPONSE, code,
                         f"{request.entry.service}.{request.entry.method}: {failure}")

    cdef int send_status(self, unsigned long long id, int serialization, int status, str code, str text) except -1:
        """A reply without a value: one string, which starts with our code in brackets."""
        cdef Writer w
        if self.closed:
            return 0
        if len(text) > 8192:
            text = text[:8192] + "…"
        body = f"[{code}] {text}"
        if serialization == MSGPACK:
            w = Writer()
            write_str(w, body)
            data = w.getvalue()
        else:
            serialization = HESSIAN2
            data = hessian_text(body)
        return self.put_frame(serialization, status, id, data, len(data))

    # --- replies -------------------------------------------------------------------------------------

    cdef int reply_frame(self, const unsigned char* header, const unsigned char* body, Py_ssize_t size, list large,
                         double now) except -1:
        cdef unsigned long long id = load64(header + 4)
        cdef int status = header[3]
        cdef Call call = self.take(id)
        cdef Reader r
        cdef object value, error
        if call is None:
            return 0           # a late reply; its call has ended
        r = self.reader
        r.start(body, size, large)
        value = error = None
        try:
            if size > call.caller.payload:
                raise errors.PayloadTooLarge(f"reply: body of {size} bytes exceeds the limit of "
                                             f"{call.caller.payload} bytes (option: payload)")
            if status != STATUS_OK:
                error = self._status_error(status, header[2] & SERIALIZATION_MASK, r)
                if (call.serialization == HESSIAN2 and call.caller.descriptor is not None
                        and type(error) in (errors.InvalidArguments, errors.BadRequest)):
                    # Java compares parameter types exactly; what it was sent is the first thing to look at.
                    error.args = (f"{error.message} (sent as {call.caller.method}({call.caller.descriptor}))",)
            elif (header[2] & SERIALIZATION_MASK) == HESSIAN2:
                value = read_hessian_reply(self, call, body, size)
                error = call.error
                call.error = None
            elif (header[2] & SERIALIZATION_MASK) != MSGPACK:
                error = errors.RemoteProtocolError(f"{self.peer} answered in serialization {header[2] & SERIALIZATION_MASK}")
            else:
                if size < 2 or body[0] != 0x93:
                    raise errors.DecodeError("expected an array of 3", path="reply")
                r.p += 1
                if body[1] == 0:
                    r.p += 1
                    value = call.caller.result.decode(r)
                else:
                    error = self._read_exception(call.caller, r)
                if not is_nil(r):
                    call.reply_attachments = any_plan.decode(r)
        except Exception as failure:
            value = call.error = None
            error = failure
            if not isinstance(failure, errors.RpcError):
                error = errors.DecodeError(f"{type(failure).__name__}: {failure}", path="result")
                error.__cause__ = failure
        if isinstance(error, errors.PeerGoingAway):
            self._set_peer_readonly(True)      # its READONLY may have been sent before we connected
        call.replied(value, error, now)
        return 0

    cdef object _read_exception(self, Caller caller, Reader r):
        cdef ExceptionPlan plan
        cdef long long kind = read_int(r)
        if kind != 1:
            raise errors.DecodeError(f"unknown kind {kind}", path="reply")
        if read_array(r) != 4:
            raise errors.DecodeError("expected an array of 4", path="reply.exception")
        name = read_str(r)
        message = read_str(r)
        trace = None if is_nil(r) else read_str(r)
        remote = errors.RemoteError(f"{name}: {message}" if message else name, type=name, remote_message=message,
                                    traceback=trace, service=caller.service, method=caller.method, address=self.peer)
        plan = caller.errors.get(name)
        if plan is None or is_nil(r):
            if plan is None:
                skip(r)
            return remote
        error = plan.decode(r)
        error.__cause__ = remote
        return error

    def _status_error(self, int status, int serialization, Reader r):
        if serialization == MSGPACK:
            text = read_str(r)
        elif serialization == FASTJSON2:
            text = fastjson2_text(PyBytes_FromStringAndSize(<const char*>r.p, r.end - r.p))
        else:
            text = read_hessian_text(r)
        return error_of_status(status, text)

    # --- events --------------------------------------------------------------------------------------

    cdef int event_frame(self, const unsigned char* header, const unsigned char* body, Py_ssize_t size,
                         double now) except -1:
        cdef int flags = header[2]
        cdef unsigned long long id = load64(header + 4)
        cdef int serialization = flags & SERIALIZATION_MASK
        cdef Request request
        cdef int capabilities
        cdef bytes data
        if size > EVENT_LIMIT:
            if flags & FLAG_REQUEST and flags & FLAG_TWOWAY:
                self.send_status(id, serialization, STATUS_BAD_REQUEST, "payload",
                                 f"event of {size} bytes exceeds the limit of {EVENT_LIMIT}")
            return 0
        if not flags & FLAG_REQUEST:
            if id & HELLO_MASK == HELLO and self.client and not self.hello_done:
                # Only an rpcore peer adds its name after the null.
                data = PyBytes_FromStringAndSize(<const char*>body, size)
                if size >= 10 and data[1:9] == b"\x93\xa6rpcore" and serialization == HESSIAN2:
                    self.peer_rpcore = True
                    self.peer_cancel = (body[10] & CAPABILITY_CANCEL) != 0 if size > 10 else False
                self.hello_done = True
                self._tell("hello")
            self.probe_sent = 0
            return 0
        if size >= 1 and (body[0] == 0x4E or body[0] == 0xC0):
            if not flags & FLAG_TWOWAY:
                return 0
            if id & HELLO_MASK == HELLO and not self.client:
                self.peer_rpcore = True
                self.peer_cancel = (id & CAPABILITY_CANCEL) != 0
                data = b"\x4e\x93\xa6rpcore\x01" + bytes([CAPABILITIES])
                return self.put_frame(FLAG_EVENT | HESSIAN2, STATUS_OK, id, data, len(data))
            return self.put_frame(FLAG_EVENT | serialization, STATUS_OK, id, <const char*>body, 1)
        if size == 2 and (body[0] == 0x01 or body[0] == 0xA1):
            if body[1] == c"C":
                request = self.serving.get(<long long>id)
                if request is not None:
                    self._cancel(request)
            elif body[1] == c"R" or body[1] == c"W":
                self._set_peer_readonly(body[1] == c"R")
        return 0

    cdef int _set_peer_readonly(self, bint readonly) except -1:
        if self.peer_readonly != readonly:
            self.peer_readonly = readonly
            self._tell("readonly_changed", readonly)
        return 0

    cdef int _cancel(self, Request request) except -1:
        if request.entry.cancellable and request.worker is not None and not request.cancelled:
            request.cancelled = True
            request.worker.task.cancel()
        return 0

    def hello(self):
        """Send the first heartbeat, by which an rpcore peer recognises us."""
        self.put_frame(FLAG_REQUEST | FLAG_TWOWAY | FLAG_EVENT | HESSIAN2, 0, HELLO | CAPABILITIES, b"\x4e", 1)

    def heartbeat(self):
        """Send a heartbeat that the peer must answer."""
        self.put_frame(FLAG_REQUEST | FLAG_TWOWAY | FLAG_EVENT | HESSIAN2, 0, self._fresh_id(), b"\x4e", 1)

    def send_readonly(self, bint flag=True):
        """Tell the peer to send no new calls (or, with False, that it may again)."""
        self.put_frame(FLAG_REQUEST | FLAG_EVENT | HESSIAN2, 0, self._fresh_id(), b"\x01R" if flag else b"\x01W", 2)

    def check(self, double now, double interval, double limit):
        """The periodic look at liveness; call it about ``interval / 3`` apart.

        Sends a heartbeat after ``interval`` seconds without a byte in or out, closes after ``limit`` seconds
        without a byte in. A suspect connection is closed when its probe stays unanswered for ``interval``
        or 5 seconds, whichever is shorter.
        """
        if self.closed:
            return
        if now - self.last_read > limit:
            self.close(errors.ConnectionLost(f"{self.peer}: nothing received for {now - self.last_read:.1f} s "
                                             f"(limit {limit:g} s, option: heartbeat)", address=self.peer))
        elif self.suspect and now - self.probe_sent > min(interval, 5.0):
            self.close(errors.ConnectionLost(f"{self.peer}: no answer to a probe within {now - self.probe_sent:.1f} s",
                                             address=self.peer))
        elif now - self.last_read >= interval or now - self.last_write >= interval:
            self.heartbeat()

    cdef int call_timed_out(self, Call call, double now) except -1:
        """A call ran into its timeout: if nothing was read since it was sent, doubt the connection."""
        if self.closed or self.suspect or self.last_read > call.sent_at:
            return 0
        self.suspect = True
        self.probe_sent = now
        self.heartbeat()
        self._tell("suspected", True)
        return 0

    def _tell(self, str what, *args):
        if self.events is not None:
            getattr(self.events, what)(self, *args)

    cdef unsigned long long _fresh_id(self):
        self.next_id += 1
        return self.next_id - 1

    # --- output --------------------------------------------------------------------------------------

    cdef Writer begin_frame(self):
        if self.encoding:
            return Writer()      # user code called us while we encode
        self.encoding = True
        return self.out

    cdef HessianWriter start_hessian(self, Writer w, dict known):
        """The state of a hessian2 stream that begins at the end of ``w``; ``finish`` it."""
        cdef HessianWriter h
        if w is not self.out:
            h = HessianWriter.__new__(HessianWriter)        # user code called us while we encode
        else:
            h = self.hessian_out
            if h is None:
                h = self.hessian_out = HessianWriter()
        h.start(w, known)
        return h

    cdef int end_frame(self, Writer w) except -1:
        if w is not self.out:
            if self.deferred is None:
                self.deferred = []
            self.deferred.append(w)
            return 0
        self.encoding = False
        self.wrote()
        if self.deferred is not None:
            self._append_deferred()
        return 0

    cdef int abort_frame(self, Writer w, Py_ssize_t pos, Py_ssize_t npieces) except -1:
        w.truncate(pos, npieces)
        if w is self.out:
            self.encoding = False
            if self.deferred is not None:
                self._append_deferred()
        return 0

    cdef int _append_deferred(self) except -1:
        cdef list deferred = self.deferred
        cdef Writer w
        self.deferred = None
        for w in deferred:
            for chunk in w.chunks():
                if isinstance(chunk, bytes) and len(chunk) >= LARGE:
                    self.out.piece(chunk, len(chunk))
                else:
                    data = bytes(chunk)
                    self.out.write(PyBytes_AS_STRING(data), len(data))
            self.wrote()
        return 0

    cdef int put_frame(self, int flags, int status, unsigned long long id, const char* body, Py_ssize_t size) except -1:
        cdef Writer w
        if self.closed:
            return 0
        w = self.begin_frame()
        w.ensure(HEADER + size)
        store_header(w.buf + w.pos, flags, status, id, <unsigned int>size)
        memcpy(w.buf + w.pos + HEADER, body, size)
        w.pos += HEADER + size
        return self.end_frame(w)

    cdef int wrote(self) except -1:
        self.frames_written += 1
        self.out_frames += 1
        if self.out_frames >= self.flush_frames or self.out.pos >= FLUSH_BYTES or self.out.pieces_size >= FLUSH_BYTES:
            self.flush()
        elif not self.dirty:
            self.engine.mark_dirty(self)
        return 0

    cpdef flush(self):
        """Hand what has collected to the transport."""
        cdef Writer w = self.out
        self.dirty = False
        if self.encoding or (w.pos == 0 and not w.pieces):
            return
        if self.closed:
            w.truncate(0, 0)
        if self.closed or self.write is None:
            return       # without a transport it stays until somebody takes it: data_to_send, Line.transmit
        self.out_frames = 0
        self.frames_flushed = self.frames_written
        self.bytes_out += w.pos + w.pieces_size
        self.last_write = self.engine.now if self.engine.feeding else self.engine.clock()
        if w.pieces:
            chunks = w.chunks()
            self.out = Writer()
            self.writelines(chunks)
        elif w.pos <= FLUSH_BYTES:
            # Copying a small batch is cheaper than exporting the buffer and replacing it.
            data = PyBytes_FromStringAndSize(w.buf, w.pos)
            w.truncate(0, 0)
            self.write(data)
        else:
            self.out = Writer()
            self.write(memoryview(w))      # the standard loop takes bytes, bytearray and memoryview only

    def data_to_send(self):
        """Take all collected output as bytes (tests, blocking sockets)."""
        cdef Writer w = self.out
        self.dirty = False
        self.out_frames = 0
        self.frames_flushed = self.frames_written
        data = w.getvalue()
        w.truncate(0, 0)
        self.bytes_out += len(data)
        if self in self.engine.dirty:
            self.engine.dirty.remove(self)
        return data

    def set_output(self, write, writelines):
        """Where output goes: the transport's ``write`` and ``writelines``."""
        self.write = write
        self.writelines = writelines

    def set_flow(self, pause_input, resume_input):
        """How a server stops and goes on reading while its peer does not read."""
        self.pause_input = pause_input
        self.resume_input = resume_input

    def pause_writing(self):
        """The transport's buffer is over its high-water mark: hold calls back, or stop taking requests."""
        self.paused = True
        if self.pause_input is not None:
            self.pause_input()

    def resume_writing(self):
        """The transport's buffer has drained: go on, oldest first."""
        cdef Py_ssize_t n
        cdef bytes rest
        self.paused = False
        self.release_waiting()
        if self.partial_size and not self.client and not self.closed:
            rest = PyBytes_FromStringAndSize(<const char*>self.partial, self.partial_size)
            self.partial_size = 0
            self.receive(<const unsigned char*>PyBytes_AS_STRING(rest), len(rest), False)
        if self.resume_input is not None and not self.paused and not self.closed:
            self.resume_input()

    cdef int release_waiting(self) except -1:
        cdef Call call
        cdef double now = self.engine.clock()
        while self.waiting and not self.paused and not self.closed:
            call = next(iter(self.waiting))
            del self.waiting[call]
            self.send_request(call, now)
        return 0

    # --- calls ---------------------------------------------------------------------------------------

    cdef int send_request(self, Call call, double now) except -1:
        """Encode ``call`` and make it pending. An error here is the caller's: nothing was sent."""
        cdef Caller caller = call.caller
        cdef Writer w
        cdef Py_ssize_t pos, npieces, n
        cdef double left
        cdef long long ms
        cdef int serialization = caller.serialization
        cdef dict attachments = call.attachments
        if self.closed:
            return call.failed(_lost(call, self, self.close_reason, False), now)
        if serialization != HESSIAN2 and not self.peer_rpcore:
            if serialization == MSGPACK:
                return call.finish(None, errors.ConfigurationError(
                    f"{self.peer} is not rpcore and does not speak msgpack (option: serialization)",
                    service=caller.service, method=caller.method, address=self.peer))
            serialization = HESSIAN2
        if serialization == 0:
            serialization = MSGPACK
        if serialization == HESSIAN2 and caller.hessian_prefix is None:
            return call.finish(None, errors.ConfigurationError(
                f"{self.peer} speaks hessian2, for which the parameter types of {caller.method} must be known",
                service=caller.service, method=caller.method, address=self.peer))
        if self.paused:
            if len(self.waiting) >= self.waiting_limit:
                return call.failed(errors.LimitExceeded(
                    f"{self.peer} reads too slowly: {len(self.waiting)} calls wait already "
                    f"(option: waiting_limit)", service=caller.service, method=caller.method, address=self.peer), now)
            self.waiting[call] = None
            call.connection = self
            call.state = WAIT_WRITE
            return 0
        left = call.attempt_deadline - now
        # Rounded up, but not for the last bits of a sum of times: 0.3 s are 300 ms.
        ms = <long long>ceil(left * 1000.0 - 0.01) if left < 1e12 else 0
        if ms < 1:
            ms = 1
        if call.node is not None and call.node.token is not None:
            attachments = {"token": call.node.token, **(attachments or {})}
        if attachments is not None and caller.attachments is not None:
            attachments = {**caller.attachments, **attachments}
        w = self.begin_frame()
        pos = w.pos
        npieces = len(w.pieces) if w.pieces is not None else 0
        try:
            n = PyBytes_GET_SIZE(caller.prefix)
            w.ensure(HEADER + n + 64)
            w.pos += HEADER
            if serialization == HESSIAN2:
                write_hessian_request(self, w, call, attachments, ms)
            else:
                memcpy(w.buf + w.pos, PyBytes_AS_STRING(caller.prefix), n)
                w.pos += n
                caller.args.encode_args(w, call.args)
                write_int(w, ms)
                if attachments is not None:
                    any_plan.encode(w, attachments)
                elif caller.attachments_encoded is not None:
                    w.write(PyBytes_AS_STRING(caller.attachments_encoded), PyBytes_GET_SIZE(caller.attachments_encoded))
                else:
                    write_nil(w)
            call.serialization = serialization
            if self.closed:
                # Code of the user that ran while we encoded closed it: nothing was sent.
                self.abort_frame(w, pos, npieces)
                return call.failed(_lost(call, self, self.close_reason, False), now)
            if not caller.oneway:
                self.insert(call)
            else:
                call.id = self._fresh_id()
            self._close_frame(w, pos, npieces, FLAG_REQUEST | serialization | (0 if caller.oneway else FLAG_TWOWAY), 0,
                              call.id, caller.payload)
        except BaseException as error:
            self.forget(call)
            self.abort_frame(w, pos, npieces)
            if isinstance(error, errors.CodecError) and not error.service:
                error.service, error.method = caller.service, caller.method
            call.finish(None, error)
            return 0
        call.connection = self
        call.sent_at = now
        call.state = SENT
        call.frame = self.frames_written + 1
        self.end_frame(w)
        if caller.oneway:
            call.finish(None, None)
        return 0

    cdef int send_cancel(self, long long id) except -1:
        if self.peer_cancel and not self.closed:
            self.put_frame(FLAG_REQUEST | FLAG_EVENT | MSGPACK, 0, <unsigned long long>id, b"\xa1C", 2)
        return 0

    cdef int insert(self, Call call) except -1:
        cdef unsigned long long id = self.next_id
        if self.pending_count * 2 > self.pending_mask:
            self.grow()
        while self.pending[id & <unsigned long long>self.pending_mask] != NULL:
            id += 1
        self.next_id = id + 1
        call.id = id
        Py_INCREF(call)
        self.pending[id & <unsigned long long>self.pending_mask] = <PyObject*>call
        self.pending_count += 1
        return 0

    cdef int grow(self) except -1:
        cdef Py_ssize_t size = (self.pending_mask + 1) * 2
        cdef PyObject** table = <PyObject**>calloc(size, sizeof(PyObject*))
        cdef Py_ssize_t i
        cdef PyObject* entry
        if table == NULL:
            raise MemoryError()
        for i in range(self.pending_mask + 1):
            entry = self.pending[i]
            if entry != NULL:
                # Distinct ids that differ in the old mask's bits differ in the new mask's bits too.
                table[(<Call>entry).id & <unsigned long long>(size - 1)] = entry
        free(self.pending)
        self.pending = table
        self.pending_mask = size - 1
        return 0

    cdef Call take(self, unsigned long long id):
        cdef Py_ssize_t place = <Py_ssize_t>(id & <unsigned long long>self.pending_mask)
        cdef PyObject* entry = self.pending[place]
        cdef Call call
        if entry == NULL or (<Call>entry).id != id:
            return None
        call = <Call>entry
        self.pending[place] = NULL
        self.pending_count -= 1
        Py_DECREF(call)
        return call

    cdef int forget(self, Call call) except -1:
        if call.id and self.pending[call.id & <unsigned long long>self.pending_mask] == <PyObject*>call:
            self.take(call.id)
        return 0

    # --- the end -------------------------------------------------------------------------------------

    def abort(self, error):
        """Close because of a fault on our side."""
        self.close(errors.LocalProtocolError(f"{self.peer}: {type(error).__name__}: {error}", address=self.peer))

    def stop_requests(self):
        """Stop taking calls of ours without failing those in flight (a pool retires this connection)."""
        self.closing = True

    def close(self, reason=None):
        """End it: what was sent is maybe executed, what was not flushed yet surely is not.

        Idempotent; tells ``events.closed`` once. The transport is closed by the owner.
        """
        cdef Py_ssize_t i
        cdef Call call
        cdef Request request
        cdef list calls
        cdef double now
        cdef bint feeding
        if self.closed:
            return
        self.closed = True
        if reason is None:
            reason = errors.ConnectionLost(f"{self.peer}: the connection was closed", address=self.peer)
        self.close_reason = reason
        now = self.engine.clock()
        calls = []
        for i in range(self.pending_mask + 1):
            if self.pending[i] != NULL:
                call = <Call>self.pending[i]
                self.pending[i] = NULL
                calls.append(call)
                Py_DECREF(call)
        self.pending_count = 0
        calls.sort(key=_call_frame)
        waiting = list(self.waiting)
        self.waiting.clear()
        self._tell("closed", reason)
        for call in calls:
            if call.state == SENT and call.connection is self:
                call.failed(_lost(call, self, reason, call.frame <= self.frames_flushed), now)
        for call in waiting:
            call.failed(_lost(call, self, reason, False), now)
        for request in list(self.serving.values()):
            self._cancel(request)
        self.large = None
        self.partial_size = 0
        if not self.encoding:
            self.out = Writer()


def _call_frame(Call call):
    return call.frame


cdef object _lost(Call call, Connection connection, object reason, bint sent):
    text = getattr(reason, "message", None) or str(reason)
    if isinstance(reason, errors.RemoteProtocolError) and sent:
        cls = errors.RemoteProtocolError
    else:
        cls = errors.ConnectionLost if sent else errors.ConnectError
    error = cls(text, service=call.caller.service, method=call.caller.method, address=connection.peer)
    error.__cause__ = reason if isinstance(reason, BaseException) else None
    return error


cdef object _text_of(object error):
    try:
        return str(error)
    except Exception as failure:
        return f"<str() failed: {type(failure).__name__}>"


cdef object _type_name(cls):
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
