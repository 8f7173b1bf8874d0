# Statuses other than OK: what each says about execution, and which error it becomes. docs/errors.md has the same as a table.
#
# Ours start with a code in brackets, which tells more than the number; of a foreign peer's there is the number alone.

cdef dict CODES = {
    "service": errors.UnknownService,
    "method": errors.UnknownMethod,
    "arguments": errors.InvalidArguments,
    "serialization": errors.BadRequest,
    "payload": errors.PayloadTooLarge,
    "limit": errors.LimitExceeded,
    "draining": errors.PeerGoingAway,
    "result": errors.InvalidResult,
    "token": errors.InvalidToken,
    "expired": errors.CallTimeout,
}

cdef dict STATUSES = {
    STATUS_SERIALIZATION_ERROR: errors.InvalidResult,
    STATUS_CLIENT_TIMEOUT: errors.CallTimeout,
    STATUS_SERVER_TIMEOUT: errors.CallTimeout,
    STATUS_BAD_REQUEST: errors.BadRequest,
    STATUS_BAD_RESPONSE: errors.InvalidResult,
    STATUS_SERVICE_NOT_FOUND: errors.NoRoute,
    STATUS_EXHAUSTED: errors.LimitExceeded,
}

cdef dict WORDS = {
    STATUS_SERIALIZATION_ERROR: "the reply could not be encoded",
    STATUS_BAD_REQUEST: "the request was refused",
    STATUS_BAD_RESPONSE: "the reply could not be encoded",
    STATUS_SERVICE_NOT_FOUND: "no route at the peer",
}


cdef object error_of_status(int status, str text):
    """The error a caller gets. Only the first line is its message: Java appends its stack, which becomes a note."""
    first, _, rest = text.partition("\n")
    code, bracket, message = first.partition("] ")
    cls = CODES.get(code[1:]) if bracket and code.startswith("[") else None
    if cls is not None:
        error = cls(f"request: {message}" if status == STATUS_BAD_REQUEST and code == "[payload" else message)
    else:
        if bracket and code == "[cancelled":
            first = message
        cls = STATUSES.get(status, errors.RemoteFault)
        what = WORDS.get(status)
        error = cls(f"status {status}{f', {what}' if what else ''}: {first}")
        if status == STATUS_SERVICE_NOT_FOUND:
            error.retry = errors.Retry.NOT_EXECUTED
    if rest:
        error.add_note(rest)
    return error


DEF JSONB_ASCII = 0x49         # and up to 47 more: a string of so many bytes
cdef dict JSONB_STRINGS = {0x79: "ascii", 0x7A: "utf-8", 0x7B: "utf-16", 0x7C: "utf-16-le", 0x7D: "utf-16-be"}


cdef str fastjson2_text(bytes body):
    """The string of a status from Dubbo 3.2, which answers a hessian2 request in fastjson2 when it fails to serve it: the
    length, 4 bytes, then a string in JSONB. What else stands there is shown as it is."""
    cdef int kind = body[4] if len(body) > 4 else 0
    cdef bytes text = body[5:]
    if JSONB_ASCII <= kind < 0x79:
        return text[:kind - JSONB_ASCII].decode("ascii", "replace")
    encoding = JSONB_STRINGS.get(kind)
    if encoding is None or not text:
        return "" if kind == 0xAF else f"unreadable text {body[:256]!r}"        # 0xAF: null
    # How many bytes it has: a number of 1 to 5 bytes. Nothing follows the text, so only where it starts is of interest.
    cdef int first = text[0]
    cdef int skipped = 5 if first == 0x48 else 3 if 0x40 <= first < 0x48 else 2 if 0x30 <= first < 0x40 else 1
    return text[skipped:].decode(encoding, "replace")


cdef tuple status_of(object error):
    """The status and code by which a caller learns that its request was refused with ``error``."""
    for cls, status, code in (
        (errors.UnknownService, STATUS_BAD_REQUEST, "service"),
        (errors.UnknownMethod, STATUS_BAD_REQUEST, "method"),
        (errors.PayloadTooLarge, STATUS_BAD_REQUEST, "payload"),
        (errors.LimitExceeded, STATUS_EXHAUSTED, "limit"),
        (errors.InvalidResult, STATUS_BAD_RESPONSE, "result"),
        (errors.InvalidToken, STATUS_SERVICE_ERROR, "token"),
    ):
        if isinstance(error, cls):
            return getattr(error, "status", status), code
    return STATUS_BAD_REQUEST, "arguments"
