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
