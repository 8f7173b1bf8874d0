# The bodies of calls in hessian2, as Dubbo's Java, Go and Envoy peers know them.
#
# A request is the protocol's version, path, service version, method and parameter descriptor, all strings; the arguments;
# and a map of attachments. The strings are the method's own and are encoded once; a server finds what is called by their
# bytes. The group is an attachment, so one beginning can mean services of several groups. Most consumers send the
# same attachments each time: a server keeps the last ones and what they said.
#
# A reply is a kind, then a value or a Throwable, then attachments if the request's version asks for them.

DEF KIND_EXCEPTION = 0
DEF KIND_VALUE = 1
DEF KIND_NULL = 2
DEF WITH_ATTACHMENTS = 3            # added to the kinds above; in bytes, small ints are 0x90 and up
DEF TAIL_LIMIT = 2048               # longer attachments are not remembered

# The end of nearly every reply: {"dubbo": "2.0.2"}.
cdef bytes REPLY_ATTACHMENTS = b"H\x05dubbo\x052.0.2Z"
cdef bytes ONE_NULL = b"N"

# What the protocol itself puts into attachments; a service's code does not see it, nor does it go on to others.
# From Java's ContextFilter; remote.application and generic are for the framework, but code may look at them.
cdef frozenset PROTOCOL_KEYS = frozenset((
    "path", "interface", "version", "group", "dubbo", "timeout", "_TO", "_to", "async", "return",
))
cdef frozenset NOT_FORWARDED = PROTOCOL_KEYS | {
    "remote.application", "token", "generic", "dubbo.tag", "dubbo.force.tag", "callback.service.instid", "_isCallBackServiceInvoke",
}


cdef class Route:
    """Where hessian2 requests that begin with the same bytes go.

    Args:
        prefix: those bytes.
        count: arguments that their descriptor announces.
        entries: what they may mean, one for each group.
        plain: the consumer is too old for attachments in replies.
    """

    def __init__(self, bytes prefix, Py_ssize_t count, entries, *, bint plain=False):
        self.prefix = prefix
        self.count = count
        self.entries = tuple(entries)
        self.plain = plain
        self.uniform = len({id((<Entry>entry).args) for entry in self.entries}) == 1

    def __repr__(self):
        return f"<Route {', '.join([repr(entry) for entry in self.entries])}>"


# ---- requests


@cython.cdivision(True)
cdef int write_hessian_request(Connection connection, Writer w, Call call, dict attachments, long long ms) except -1:
    """The body of ``call``, whose attempt has ``ms`` milliseconds left."""
    cdef Caller caller = call.caller
    cdef HessianWriter h = connection.start_hessian(w, caller.args.known)
    cdef char digits[20]
    cdef Py_ssize_t n = sizeof(digits), length
    try:
        w.write(PyBytes_AS_STRING(caller.hessian_prefix), PyBytes_GET_SIZE(caller.hessian_prefix))
        if caller.hessian_convert is None:
            caller.args.encode_hessian(h, call.args)
        else:
            caller.hessian_args.encode_hessian(h, caller.hessian_convert(call.args))
        w.write(PyBytes_AS_STRING(caller.hessian_attachments), PyBytes_GET_SIZE(caller.hessian_attachments))
        h.number(NULL)              # the map
        while True:
            n -= 1
            digits[n] = <char>(c"0" + ms % 10)
            ms //= 10
            if ms == 0:
                break
        length = sizeof(digits) - n
        w.ensure(2 * length + 16)
        memcpy(w.buf + w.pos, b"\x07timeout", 8)
        w.buf[w.pos + 8] = <char>length
        memcpy(w.buf + w.pos + 9, digits + n, length)
        w.pos += length + 9
        # What is left of the deadline, for a Java provider's own calls.
        memcpy(w.buf + w.pos, b"\x03_TO", 4)
        w.buf[w.pos + 4] = <char>length
        memcpy(w.buf + w.pos + 5, digits + n, length)
        w.pos += length + 5
        if attachments is not None:
            write_attachments(h, attachments)
        elif caller.hessian_fixed is not None:
            w.write(PyBytes_AS_STRING(caller.hessian_fixed), PyBytes_GET_SIZE(caller.hessian_fixed))
        w.write(b"Z", 1)
    finally:
        h.finish()
    return 0


cdef int write_attachments(HessianWriter h, dict attachments, bint users=True) except -1:
    """The entries of a map. Numbers and bools as strings, which is all that some peers understand."""
    for key, value in attachments.items():
        if not isinstance(key, str):
            raise errors.EncodeError(f"expected str, got {type(key).__name__}", path=f"attachments key {key!r}")
        if value is None or users and key in PROTOCOL_KEYS:
            continue
        hessian_write_str(h, key)
        if isinstance(value, bool):
            hessian_write_str(h, "true" if value else "false")
        elif isinstance(value, (int, float)):
            hessian_write_str(h, str(value))
        elif type(value) is str:
            hessian_write_str(h, value)
        else:
            try:
                any_plan.encode_hessian(h, value)
            except errors.CodecError as error:
                error.path = f"attachments[{key!r}]{error.path}"
                raise
    return 0


cdef bytes encode_attachments(dict attachments, bint users):
    """The same by themselves."""
    cdef Writer w = Writer()
    cdef HessianWriter h = HessianWriter()
    h.start(w, None)
    try:
        h.number(NULL)
        write_attachments(h, attachments, users)
    finally:
        h.finish()
    return w.getvalue()


cdef long long read_hessian_request(Connection connection, Request request, const unsigned char* body, Py_ssize_t size
                                    ) except? -1:
    """Find what ``body`` calls and read its arguments; the milliseconds its caller waits, or 0."""
    cdef HessianReader h = connection.hessian_in
    cdef Reader r = connection.reader
    cdef Route route = connection.last_route
    cdef Py_ssize_t n
    cdef Entry entry
    if h is None:
        h = connection.hessian_in = HessianReader()
    h.start(r, None)
    try:
        if route is not None and size > (n := PyBytes_GET_SIZE(route.prefix)) and memcmp(
                body, PyBytes_AS_STRING(route.prefix), n) == 0:
            r.p += n
        else:
            route = find_route(connection, h, body)
            connection.last_route = route
        entry = <Entry>route.entries[0]
        request.entry = entry
        request.plain = route.plain
        if not route.uniform:
            entry = request.entry = peek_entry(connection, h, route)
        h.known = entry.args.known
        request.arguments = entry.args.decode_hessian(h, route.count)
        return read_attachments(connection, request, h, route)
    finally:
        h.finish()


cdef Route find_route(Connection connection, HessianReader h, const unsigned char* body):
    cdef Reader r = h.r
    cdef Route route
    cdef list names = []
    cdef bytes prefix
    for what in ("protocol version", "path", "version", "method", "parameter types"):
        try:
            names.append(hessian_read_str(h))
        except errors.DecodeError as error:
            error.path = what
            raise
    prefix = PyBytes_FromStringAndSize(<const char*>body, r.p - body)
    route = connection.dispatch.find_route(prefix)
    if route is None:
        # Not as we would write it, or something that we do not serve: the names decide.
        route = connection.dispatch.route(prefix, *names)
    return route


cdef Entry peek_entry(Connection connection, HessianReader h, Route route):
    """Which of several declarations under one name is meant: the group says so, behind the arguments."""
    cdef Reader r = h.r
    cdef const unsigned char* start = r.p
    cdef Entry entry
    failure = None
    for entry in route.entries:
        h.start(r, entry.args.known)
        r.p = start
        try:
            entry.args.decode_hessian(h, route.count)
            return connection.dispatch.of_group(route, hessian_read_map(h).get("group"))
        except errors.DecodeError as error:
            failure = error
        finally:
            h.start(r, None)
            r.p = start
    raise failure


cdef long long read_attachments(Connection connection, Request request, HessianReader h, Route route) except? -1:
    """Read what follows the arguments and choose the group's entry by it; the caller's timeout in ms, or 0."""
    cdef Reader r = h.r
    cdef const unsigned char* start = r.p
    cdef Py_ssize_t n = r.end - start
    cdef long long timeout
    cdef Entry entry
    cdef dict found
    if route is connection.tail_route and n == PyBytes_GET_SIZE(connection.tail) and memcmp(
            start, PyBytes_AS_STRING(connection.tail), n) == 0:
        request.entry = connection.tail_entry
        request.received_map = connection.tail_received
        return connection.tail_timeout
    try:
        found = dict(hessian_read_map(h))       # a typed map, too
    except errors.DecodeError as error:
        error.path = f"attachments{'.' if error.path else ''}{error.path}"
        raise
    entry = connection.dispatch.of_group(route, found.get("group"))
    request.entry = entry
    entry.check_token(found.get("token"))
    timeout = _milliseconds(found.get("timeout"))
    for key in ("_TO", "_to"):
        left = _milliseconds(found.get(key))
        if left and (not timeout or left < timeout):
            timeout = left
    if "async" in found:
        found.pop("id", None)                   # an old consumer's counter; else it is the user's
    received = {key: value for key, value in found.items() if key not in PROTOCOL_KEYS}
    if entry.token is not None:
        del received["token"]
    if not received:
        received = None
    request.received_map = received
    if n <= TAIL_LIMIT and all([isinstance(value, (str, int, float)) or value is None for value in found.values()]):
        # It stands by itself, without references to what came before it.
        connection.tail = PyBytes_FromStringAndSize(<const char*>start, n)
        connection.tail_route = route
        connection.tail_entry = entry
        connection.tail_received = received
        connection.tail_timeout = timeout
    return timeout


cdef long long _milliseconds(value) except? -1:
    """A duration as some peer wrote it; 0 for none."""
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        return 0
    return number if 0 < number < (1 << 53) else 0


# ---- replies


cdef int write_hessian_reply(Connection connection, Writer w, Request request, object value, object error) except -1:
    cdef Entry entry = request.entry
    cdef int base = 0x90 if request.plain else 0x90 + WITH_ATTACHMENTS
    cdef HessianWriter h = connection.start_hessian(w, known_of(entry.result))
    cdef Py_ssize_t start
    try:
        w.ensure(1)
        start = w.pos
        w.pos += 1
        if error is None:
            if request.convert is not None:
                any_plan.encode_hessian(h, request.convert(value))
            else:
                entry.result.encode_hessian(h, value)
            if w.pos == start + 2 and w.buf[start + 1] == c"N":
                w.pos -= 1
                w.buf[start] = <char>(base + KIND_NULL)
            else:
                w.buf[start] = <char>(base + KIND_VALUE)
        else:
            w.buf[start] = <char>(base + KIND_EXCEPTION)
            if request.wrap is not None:
                any_plan.encode_hessian(h, request.wrap(error))
            else:
                write_hessian_exception(connection, h, entry, error)
        if request.plain:
            return 0
        w.write(PyBytes_AS_STRING(REPLY_ATTACHMENTS), PyBytes_GET_SIZE(REPLY_ATTACHMENTS))
        if request.reply_attachments:
            w.pos -= 1              # its Z
            h.number(NULL)
            write_attachments(h, dict(request.reply_attachments))
            w.write(b"Z", 1)
    finally:
        h.finish()
    return 0


cdef int write_hessian_exception(Connection connection, HessianWriter h, Entry entry, object error) except -1:
    """A declared exception as the class it is named for; what Java has no class for as one that it has."""
    cdef ExceptionPlan plan
    for plan in entry.errors:
        if isinstance(error, plan.cls):
            if plan.named or connection.peer_rpcore:
                return plan.encode_hessian(h, error)
            break
    return any_plan.encode_hessian(h, connection.dispatch.throwable(error))


cdef object read_hessian_reply(Connection connection, Call call, const unsigned char* body, Py_ssize_t size):
    """The value of the reply; an exception that it holds is left in ``call.error``."""
    cdef Caller caller = call.caller
    cdef HessianReader h = connection.hessian_in
    cdef Reader r = connection.reader
    cdef const unsigned char* end
    cdef const unsigned char* p
    cdef long long kind
    cdef object value = None
    cdef Py_ssize_t n = PyBytes_GET_SIZE(REPLY_ATTACHMENTS)
    if h is None:
        h = connection.hessian_in = HessianReader()
    h.start(r, known_of(caller.result))
    try:
        kind = hessian_read_int(h)
        if kind < 0 or kind > KIND_NULL + WITH_ATTACHMENTS:
            raise errors.DecodeError(f"unknown kind {kind}", path="reply")
        if kind % WITH_ATTACHMENTS == KIND_VALUE:
            value = caller.result.decode_hessian(h)
        elif kind % WITH_ATTACHMENTS == KIND_NULL:
            p, end = r.p, r.end
            r.p = <const unsigned char*>PyBytes_AS_STRING(ONE_NULL)
            r.end = r.p + 1
            value = caller.result.decode_hessian(h)
            r.p, r.end = p, end
        else:
            call.error = read_hessian_exception(connection, caller, h)
        if kind >= WITH_ATTACHMENTS and not (r.end - r.p >= n and memcmp(
                r.p, PyBytes_AS_STRING(REPLY_ATTACHMENTS), n) == 0):
            try:
                found = hessian_read_map(h)
            except errors.DecodeError as error:
                error.path = f"reply.attachments{'.' if error.path else ''}{error.path}"
                raise
            found.pop("dubbo", None)
            call.reply_attachments = found or None
        # Bytes may follow: dubbo-go writes a null behind each body.
    finally:
        h.finish()
    return value


cdef object read_hessian_exception(Connection connection, Caller caller, HessianReader h):
    """What the callee raised: a RemoteError that says so, or a declared exception with that as its cause."""
    cdef Reader r = h.r
    cdef const unsigned char* start = r.p
    cdef const unsigned char* after
    cdef ExceptionPlan plan
    cdef dict known = h.known
    found = hessian_read_any(h)
    if not isinstance(found, BaseException):
        raise errors.DecodeError(f"expected a Throwable, got {type(found).__name__}", path="reply.exception")
    remote = errors.RemoteError.of_java(found, service=caller.service, method=caller.method, address=connection.peer)
    plan = caller.errors.get(found.class_name)
    if plan is None:
        return remote
    after = r.p
    r.p = start
    h.start(r, known)               # nothing stands before it that it could refer to
    error = plan.decode_hessian(h)
    r.p = after
    error.__cause__ = remote
    return error


# ---- statuses: one string


cdef bytes hessian_text(str text):
    """A string as a body of its own."""
    cdef Writer w = Writer()
    cdef HessianWriter h = HessianWriter()
    h.start(w, None)
    try:
        hessian_write_str(h, text)
    finally:
        h.finish()
    return w.getvalue()


cdef str read_hessian_text(Reader r):
    """The string of a status, whatever a peer sent in its place."""
    cdef HessianReader h = HessianReader()
    cdef const unsigned char* start = r.p
    h.start(r, None)
    try:
        text = hessian_read_str(h) or ""
        # Envoy puts a kind before the text of its own errors, as if it were a reply.
        if r.p != r.end and r.p - start == 1 and 0x90 <= start[0] <= 0x95:
            text = hessian_read_str(h) or ""
        return text
    except errors.DecodeError:
        r.p = start
        data = PyBytes_FromStringAndSize(<const char*>start, min(r.end - start, 256))
        return f"unreadable text {data!r}"
    finally:
        h.finish()
