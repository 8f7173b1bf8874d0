# The incoming buffer, and the errors that point into a value.
#
# A refusal is raised by the node that sees it, with an empty path. Every container it passes on the way out puts its
# own step in front: "name" for a field, "[3]" for an element, "['key']" for a mapping's value. Containers do so in a
# `finally` and not in an `except`, because entering a `try` with an `except` saves the thread's exception state:
# 12 ns per container, a fifth of the time that a record with four containers took to encode.

cdef extern from "Python.h":
    object PyErr_GetHandledException()

cdef enum:
    DONE = -1               # what a container's index is when its loop has ended well


@cython.final
cdef class Reader:
    """A position in one msgpack body, with the limits that hold for it.

    Args:
        data: the body, any contiguous bytes-like; what is not ``bytes`` is copied, since it could change.
        limits: defaults to ``Limits()``.
    """

    def __init__(self, data=b"", Limits limits=None):
        self.open(data, limits)

    cdef int open(self, object data, Limits limits) except -1:
        if type(data) is not bytes:
            data = bytes(memoryview(data))
        self.owner = data
        self.limits = DEFAULT_LIMITS if limits is None else limits
        self.start(<const unsigned char*>PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), None)
        return 0

    cdef void start(self, const unsigned char* p, Py_ssize_t n, list large) noexcept:
        """Reuse this object for another body."""
        self.p = p
        self.end = p + n
        self.large = large
        self.large_next = 0
        self.budget = self.limits.memory
        self.depth = self.limits.depth

    def __repr__(self):
        return f"<Reader {self.end - self.p} bytes left>"


cdef str join_path(str step, str rest):
    if not rest:
        return step
    if rest.startswith("[") or not step:
        return step + rest
    return f"{step}.{rest}"


cdef int pass_step(str step) except -1:
    """In a ``finally``: put ``step`` in front of the path of the error on its way out, if it is one of ours."""
    error = PyErr_GetHandledException()
    if isinstance(error, CodecError):
        error.path = join_path(step, error.path)
    return 0


cdef int pass_index(Py_ssize_t index) except -1:
    return pass_step(f"[{index}]")


cdef int pass_field(str name) except -1:
    """``pass_step`` for a field that is encoded, where reading the attribute may have failed."""
    error = PyErr_GetHandledException()
    if isinstance(error, AttributeError):
        raise EncodeError(f"the attribute cannot be read: {error}", path=name) from error
    return pass_step(name)


cdef str key_step(object key):
    """The step of a mapping's value; long keys are cut, because a path is for people."""
    try:
        text = repr(key)
    except Exception:
        text = "..."
    return f"[{text}]" if len(text) <= 60 else f"[{text[:57]}...]"


cdef str kind_name(object value):
    """How an error calls the type of ``value``."""
    return "None" if value is None else type(value).__name__


cdef int refuse(str expected, object value) except -1:
    """Raise EncodeError: ``value`` is not what is declared."""
    raise EncodeError(f"expected {expected}, got {kind_name(value)}")


cdef int too_deep_to_write(Writer w) except -1:
    raise EncodeError(f"containers inside each other beyond {w.max_depth} levels (is the value cyclic?)")


cdef extern from *:
    """
    enum rp_kind { RP_NONE, RP_BOOL, RP_INT, RP_FLOAT, RP_STR, RP_BYTES, RP_LIST, RP_DICT, RP_EXT, RP_RESERVED };
    #define RP_4(k) k, k, k, k
    #define RP_16(k) RP_4(k), RP_4(k), RP_4(k), RP_4(k)
    static const unsigned char rp_kinds[256] = {
        RP_16(RP_INT), RP_16(RP_INT), RP_16(RP_INT), RP_16(RP_INT),                         /* 00 */
        RP_16(RP_INT), RP_16(RP_INT), RP_16(RP_INT), RP_16(RP_INT),                         /* 40 */
        RP_16(RP_DICT), RP_16(RP_LIST), RP_16(RP_STR), RP_16(RP_STR),                       /* 80 */
        RP_NONE, RP_RESERVED, RP_BOOL, RP_BOOL,                                             /* c0 */
        RP_BYTES, RP_BYTES, RP_BYTES, RP_EXT, RP_EXT, RP_EXT, RP_FLOAT, RP_FLOAT,           /* c4 */
        RP_4(RP_INT), RP_4(RP_INT), RP_4(RP_EXT), RP_EXT,                                   /* cc */
        RP_STR, RP_STR, RP_STR, RP_LIST, RP_LIST, RP_DICT, RP_DICT,                         /* d9 */
        RP_16(RP_INT), RP_16(RP_INT)                                                        /* e0 */
    };
    """
    cdef enum Kind "rp_kind":
        KIND_NONE "RP_NONE"
        KIND_BOOL "RP_BOOL"
        KIND_INT "RP_INT"
        KIND_FLOAT "RP_FLOAT"
        KIND_STR "RP_STR"
        KIND_BYTES "RP_BYTES"
        KIND_LIST "RP_LIST"
        KIND_DICT "RP_DICT"
        KIND_EXT "RP_EXT"
        KIND_RESERVED "RP_RESERVED"
    const unsigned char rp_kinds[256]

# How errors and plan.py call these kinds of values, in Python's words.
KINDS = (
    "None", "bool", "int", "float", "str", "bytes", "list", "dict", "an extension value", "the reserved byte 0xc1",
)


cdef inline Kind kind_of(unsigned char t) noexcept:
    """What kind of value starts with byte ``t``."""
    return <Kind>rp_kinds[t]


cdef inline bint next_is(Reader r, Kind kind) noexcept:
    """Whether the next value is of ``kind``; False at the end of the data."""
    return r.p < r.end and kind_of(r.p[0]) == kind


cdef int truncated() except -1:
    raise DecodeError("the data ends inside a value")


cdef int mismatch(Reader r, str expected) except -1:
    """Raise DecodeError: the value at the present position is not ``expected``, or there is none."""
    if r.p >= r.end:
        truncated()
    raise DecodeError(f"expected {expected}, got {KINDS[<int>kind_of(r.p[0])]}")


cdef int over_count(Reader r, Py_ssize_t n) except -1:
    raise DecodeError(f"count of {n} exceeds the limit of {r.limits.count} (option: limits.count)")


cdef int over_memory(Reader r, Py_ssize_t n) except -1:
    raise DecodeError(
        f"memory of {r.limits.memory - r.budget} estimated bytes exceeds the limit of {r.limits.memory} "
        f"(option: limits.memory)"
    )


cdef int over_depth(Reader r) except -1:
    raise DecodeError(
        f"depth of {r.limits.depth - r.depth} exceeds the limit of {r.limits.depth} (option: limits.depth)"
    )


cdef inline int charge(Reader r, Py_ssize_t n) except -1:
    """Take ``n`` bytes of objects about to be made from what this frame may make."""
    r.budget -= n
    if r.budget < 0:
        over_memory(r, n)
    return 0


cdef inline int enter(Reader r) except -1:
    """One container deeper; the caller gives ``r.depth`` back when it leaves without an error."""
    r.depth -= 1
    if r.depth < 0:
        over_depth(r)
    return 0


cdef inline int enter_write(Writer w) except -1:
    w.depth -= 1
    if w.depth < 0:
        too_deep_to_write(w)
    return 0
