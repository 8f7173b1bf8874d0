# hessian2 tokens: single values as Dubbo's Java peers write and read them, on the same Writer and Reader as msgpack.
#
# A string's length counts UTF-16 units, and each unit is encoded by itself: a character beyond U+FFFF is two surrogates of three
# bytes each (CESU-8). Doubles are never written in the four-byte form 5f, which Java and Envoy read differently.

cdef enum:
    CHUNK_UNITS = 0x8000        # of a long string, as Java writes it; never ends inside a surrogate pair
    CHUNK_BYTES = 0xFFFF        # of a long binary: what its header can say

cdef enum Tag:                  # what kind of value a first byte starts
    TAG_BAD
    TAG_NULL
    TAG_BOOL
    TAG_INT
    TAG_LONG
    TAG_DOUBLE
    TAG_STR
    TAG_BYTES
    TAG_DATE
    TAG_LIST
    TAG_MAP
    TAG_DEFINITION
    TAG_OBJECT
    TAG_REF
    TAG_END

cdef tuple TAG_NAMES = (
    "an unknown byte", "None", "bool", "int", "int", "float", "str", "bytes", "a date", "list", "a map", "an object", "an object",
    "a reference", "the end of a list or map",
)
cdef unsigned char TAGS[256]


cdef int fill_tags() except -1:
    """The tag byte map, by ranges of first bytes."""
    cdef int first, last, tag, t
    memset(TAGS, TAG_BAD, 256)
    for first, last, tag in (
        (0x00, 0x1F, TAG_STR), (0x20, 0x2F, TAG_BYTES), (0x30, 0x33, TAG_STR), (0x34, 0x37, TAG_BYTES), (0x38, 0x3F, TAG_LONG),
        (0x41, 0x42, TAG_BYTES), (0x43, 0x43, TAG_DEFINITION), (0x44, 0x44, TAG_DOUBLE), (0x46, 0x46, TAG_BOOL),
        (0x48, 0x48, TAG_MAP), (0x49, 0x49, TAG_INT), (0x4A, 0x4B, TAG_DATE), (0x4C, 0x4C, TAG_LONG), (0x4D, 0x4D, TAG_MAP),
        (0x4E, 0x4E, TAG_NULL), (0x4F, 0x4F, TAG_OBJECT), (0x51, 0x51, TAG_REF), (0x52, 0x53, TAG_STR), (0x54, 0x54, TAG_BOOL),
        (0x55, 0x58, TAG_LIST), (0x59, 0x59, TAG_LONG), (0x5A, 0x5A, TAG_END), (0x5B, 0x5F, TAG_DOUBLE), (0x60, 0x6F, TAG_OBJECT),
        (0x70, 0x7F, TAG_LIST), (0x80, 0xD7, TAG_INT), (0xD8, 0xFF, TAG_LONG),
    ):
        for t in range(first, last + 1):
            TAGS[t] = tag
    return 0


fill_tags()

cdef extern from *:
    """
    #include <math.h>
    #define RP_HIGH(u) (((u) & 0xFC00) == 0xD800)

    static Py_ssize_t rp_units(PyObject *s) {
        Py_ssize_t n = PyUnicode_GET_LENGTH(s), units = n, i;
        if (PyUnicode_KIND(s) == PyUnicode_4BYTE_KIND) {
            const Py_UCS4 *data = PyUnicode_4BYTE_DATA(s);
            for (i = 0; i < n; i++) { units += data[i] > 0xFFFF; }
        }
        return units;
    }
    static inline char *rp_put_unit(char *out, Py_UCS4 u) {
        if (u < 0x80) { *out++ = (char)u; }
        else if (u < 0x800) { *out++ = (char)(0xC0 | u >> 6); *out++ = (char)(0x80 | (u & 0x3F)); }
        else {
            *out++ = (char)(0xE0 | u >> 12); *out++ = (char)(0x80 | (u >> 6 & 0x3F)); *out++ = (char)(0x80 | (u & 0x3F));
        }
        return out;
    }
    /* How many units a chunk of at most `most` takes from character `at` on, and how many characters those are; a high
       surrogate does not end it. */
    static Py_ssize_t rp_chunk_units(PyObject *s, Py_ssize_t at, Py_ssize_t most, Py_ssize_t *chars) {
        int kind = PyUnicode_KIND(s); const void *data = PyUnicode_DATA(s);
        Py_ssize_t i = at, n = PyUnicode_GET_LENGTH(s), units = 0, width;
        for (; i < n; i++) {
            width = PyUnicode_READ(kind, data, i) > 0xFFFF ? 2 : 1;
            if (units + width > most) { break; }
            units += width;
        }
        if (i < n && i > at && RP_HIGH(PyUnicode_READ(kind, data, i - 1))) { i--; units--; }
        *chars = i - at;
        return units;
    }
    static char *rp_put_chars(char *out, PyObject *s, Py_ssize_t at, Py_ssize_t chars) {
        int kind = PyUnicode_KIND(s); const void *data = PyUnicode_DATA(s);
        Py_ssize_t i; Py_UCS4 c;
        for (i = at; i < at + chars; i++) {
            c = PyUnicode_READ(kind, data, i);
            if (c > 0xFFFF) { c -= 0x10000; out = rp_put_unit(out, 0xD800 | c >> 10); c = 0xDC00 | (c & 0x3FF); }
            out = rp_put_unit(out, c);
        }
        return out;
    }
    /* The shortest form of a double, at most 9 bytes; returns its end. */
    static inline char *rp_put_hessian_double(char *p, double value) {
        uint64_t bits;
        memcpy(&bits, &value, 8);
        if ((bits & 0x1FFFFFFFFFULL) && value == value) {    /* no whole number of 16 bits has so many digits */
            *p = 0x44;
            rp_put64(p + 1, bits);
            return p + 9;
        }
        if (value >= -32768.0 && value <= 32767.0) {
            int whole = (int)value;
            if (whole == value && !(whole == 0 && signbit(value))) {
                if (whole == 0 || whole == 1) { *p++ = (char)(0x5B + whole); }
                else if (whole >= -128 && whole <= 127) { *p++ = 0x5D; *p++ = (char)whole; }
                else { *p++ = 0x5E; rp_put16(p, (uint16_t)whole); p += 2; }
                return p;
            }
        }
        *p = 0x44;
        if (value != value) { rp_put64(p + 1, 0x7FF8000000000000ULL); }
        else { rp_put_double(p + 1, value); }
        return p + 9;
    }
    /* The end of `units` units at p. NULL: bytes are missing (*found = -1) or are none of UTF-8 (-2). Otherwise *found says
       whether surrogates are among them. */
    static const unsigned char *rp_skip_units(const unsigned char *p, const unsigned char *end, Py_ssize_t units, int *found) {
        *found = 0;
        for (; units > 0; units--) {
            if (p >= end) { *found = -1; return NULL; }
            if (*p < 0x80) { p++; }
            else if (*p >= 0xC2 && *p <= 0xDF) {
                if (end - p < 2) { *found = -1; return NULL; }
                if ((p[1] & 0xC0) != 0x80) { *found = -2; return NULL; }
                p += 2;
            }
            else if (*p >= 0xE0 && *p <= 0xEF) {
                if (end - p < 3) { *found = -1; return NULL; }
                if ((p[1] & 0xC0) != 0x80 || (p[2] & 0xC0) != 0x80) { *found = -2; return NULL; }
                if (*p == 0xED && p[1] >= 0xA0) { *found = 1; }
                p += 3;
            }
            else { *found = -2; return NULL; }
        }
        return p;
    }
    """
    char* rp_put_hessian_double(char*, double) noexcept
    Py_ssize_t rp_units(object) noexcept
    Py_ssize_t rp_chunk_units(object, Py_ssize_t, Py_ssize_t, Py_ssize_t*) noexcept
    char* rp_put_chars(char*, object, Py_ssize_t, Py_ssize_t) noexcept
    const unsigned char* rp_skip_units(const unsigned char*, const unsigned char*, Py_ssize_t, int*) noexcept


# ---- writing


cdef int put_hessian_int(Writer w, int32_t value) except -1:
    cdef char* p
    reserve(w, 5)
    p = w.buf + w.pos
    if -16 <= value <= 47:
        p[0] = <char>(0x90 + value)
        w.pos += 1
    elif -2048 <= value <= 2047:
        rp_put16(p, <uint16_t>(0xC800 + value))
        w.pos += 2
    elif -262144 <= value <= 262143:
        rp_put32(p, <uint32_t>(0xD40000 + value) << 8)
        w.pos += 3
    else:
        p[0] = <char>0x49
        rp_put32(p + 1, <uint32_t>value)
        w.pos += 5
    return 0


cdef int put_hessian_long(Writer w, int64_t value) except -1:
    cdef char* p
    reserve(w, 9)
    p = w.buf + w.pos
    if -8 <= value <= 15:
        p[0] = <char>(0xE0 + value)
        w.pos += 1
    elif -2048 <= value <= 2047:
        rp_put16(p, <uint16_t>(0xF800 + value))
        w.pos += 2
    elif -262144 <= value <= 262143:
        rp_put32(p, <uint32_t>(0x3C0000 + value) << 8)
        w.pos += 3
    elif -0x80000000LL <= value <= 0x7FFFFFFFLL:
        p[0] = <char>0x59
        rp_put32(p + 1, <uint32_t>value)
        w.pos += 5
    else:
        p[0] = <char>0x4C
        rp_put64(p + 1, <uint64_t>value)
        w.pos += 9
    return 0


cdef inline int put_hessian_double(Writer w, double value) except -1:
    """The shortest form. -0.0 keeps its sign, which Java's own writer drops; every NaN is Java's one."""
    reserve(w, 9)
    w.pos = rp_put_hessian_double(w.buf + w.pos, value) - w.buf
    return 0


cdef int put_hessian_date(Writer w, int64_t ms) except -1:
    """Milliseconds since 1970 in UTC; whole minutes take the short form."""
    reserve(w, 9)
    if ms % 60000 == 0 and -0x80000000LL <= ms // 60000 <= 0x7FFFFFFFLL:
        put(w, 0x4B)
        rp_put32(w.buf + w.pos, <uint32_t>(ms // 60000))
        w.pos += 4
    else:
        put(w, 0x4A)
        rp_put64(w.buf + w.pos, <uint64_t>ms)
        w.pos += 8
    return 0


cdef int put_units_header(Writer w, Py_ssize_t units) except -1:
    """The header of a string's last, or only, chunk."""
    reserve(w, 3)
    if units <= 31:
        put(w, <unsigned char>units)
    elif units <= 1023:
        rp_put16(w.buf + w.pos, <uint16_t>(0x3000 + units))
        w.pos += 2
    else:
        put(w, 0x53)
        rp_put16(w.buf + w.pos, <uint16_t>units)
        w.pos += 2
    return 0


cdef int put_long_str(Writer w, object s) except -1:
    """A ``str`` with characters beyond ASCII, or of several chunks."""
    cdef Py_ssize_t left = rp_units(s), at = 0, chars = 0, units
    while left > CHUNK_UNITS:
        units = rp_chunk_units(s, at, CHUNK_UNITS, &chars)
        reserve(w, 3 * units + 3)
        put(w, 0x52)
        rp_put16(w.buf + w.pos, <uint16_t>units)
        w.pos = rp_put_chars(w.buf + w.pos + 2, s, at, chars) - w.buf
        at += chars
        left -= units
    put_units_header(w, left)
    reserve(w, 3 * left)
    w.pos = rp_put_chars(w.buf + w.pos, s, at, rp_str_length(s) - at) - w.buf
    return 0


cdef inline int put_hessian_str(Writer w, object s) except -1:
    """``s`` must be a ``str``."""
    cdef Py_ssize_t n
    if not rp_str_is_ascii(s):
        return put_long_str(w, s)
    n = rp_str_length(s)
    if n > 31:
        if n > CHUNK_UNITS:
            return put_long_str(w, s)
        put_units_header(w, n)
        return w.write(rp_ascii_data(s), n)
    reserve(w, 32)
    w.buf[w.pos] = <char>n
    rp_copy(w.buf + w.pos + 1, rp_ascii_data(s), n)
    w.pos += n + 1
    return 0


cdef int put_bytes_header(Writer w, Py_ssize_t n) except -1:
    """The header of a binary's last, or only, chunk."""
    reserve(w, 3)
    if n <= 15:
        put(w, <unsigned char>(0x20 + n))
    elif n <= 1023:
        rp_put16(w.buf + w.pos, <uint16_t>(0x3400 + n))
        w.pos += 2
    else:
        put(w, 0x42)
        rp_put16(w.buf + w.pos, <uint16_t>n)
        w.pos += 2
    return 0


cdef int put_hessian_bytes(Writer w, const char* data, Py_ssize_t n, object whole=None) except -1:
    """A binary. ``whole``: the ``bytes`` that it is; the chunks of a large one are not copied."""
    cdef bint large = whole is not None and n >= LARGE
    cdef object view = memoryview(whole) if large else None
    cdef Py_ssize_t at = 0
    while n - at > CHUNK_BYTES:
        reserve(w, CHUNK_BYTES + 3 if not large else 3)
        put(w, 0x41)
        rp_put16(w.buf + w.pos, CHUNK_BYTES)
        w.pos += 2
        if large:
            w.piece(view[at:at + CHUNK_BYTES], CHUNK_BYTES)
        else:
            w.write(data + at, CHUNK_BYTES)
        at += CHUNK_BYTES
    put_bytes_header(w, n - at)
    if large and n - at >= LARGE:
        return w.piece(view[at:], n - at)
    return w.write(data + at, n - at)


cdef int put_hessian_view(Writer w, object value) except -1:
    """Any contiguous bytes-like, copied."""
    cdef Py_buffer view
    PyObject_GetBuffer(value, &view, PyBUF_SIMPLE)
    try:
        put_hessian_bytes(w, <const char*>view.buf, view.len)
    finally:
        PyBuffer_Release(&view)
    return 0


# ---- reading


cdef int unexpected(Reader r, str expected) except -1:
    """Raise DecodeError: what starts at the present position is not ``expected``, or nothing does."""
    if r.p >= r.end:
        truncated()
    if TAGS[r.p[0]] == TAG_BAD:
        raise DecodeError(f"expected {expected}, got the byte 0x{r.p[0]:02x}, which starts no hessian2 value")
    raise DecodeError(f"expected {expected}, got {TAG_NAMES[TAGS[r.p[0]]]}")


cdef inline Tag tag_of(Reader r) except? TAG_BAD:
    """What starts at the present position."""
    if r.p >= r.end:
        truncated()
    return <Tag>TAGS[r.p[0]]


cdef int take_hessian_int(Reader r, int64_t* out) except -1:
    """Read an int or long of any form; 0, and nothing is read, when something else stands there."""
    cdef unsigned char t
    cdef const unsigned char* p = r.p
    cdef Py_ssize_t size = 1
    if p >= r.end:
        truncated()
    t = p[0]
    if 0x80 <= t <= 0xBF:
        out[0] = <int64_t>t - 0x90
    elif t >= 0xD8 and t <= 0xEF:
        out[0] = <int64_t>t - 0xE0
    elif 0xC0 <= t <= 0xCF or t >= 0xF0:
        size = 2
        need(r, size)
        out[0] = (<int64_t>t - (0xC8 if t <= 0xCF else 0xF8)) * 256 + p[1]
    elif 0xD0 <= t <= 0xD7 or 0x38 <= t <= 0x3F:
        size = 3
        need(r, size)
        out[0] = (<int64_t>t - (0xD4 if t >= 0xD0 else 0x3C)) * 65536 + rp_get16(p + 1)
    elif t == 0x49 or t == 0x59:
        size = 5
        need(r, size)
        out[0] = <int32_t>rp_get32(p + 1)
    elif t == 0x4C:
        size = 9
        need(r, size)
        out[0] = <int64_t>rp_get64(p + 1)
    else:
        return 0
    r.p += size
    return 1


cdef int take_hessian_double(Reader r, double* out) except -1:
    """Read a double of any form; 0, and nothing is read, when something else stands there."""
    cdef unsigned char t
    cdef const unsigned char* p = r.p
    cdef Py_ssize_t size = 1
    if p >= r.end:
        truncated()
    t = p[0]
    if t == 0x44:
        size = 9
        need(r, size)
        out[0] = rp_get_double(p + 1)
    elif t == 0x5B or t == 0x5C:
        out[0] = t - 0x5B
    elif t == 0x5D:
        size = 2
        need(r, size)
        out[0] = <signed char>p[1]
    elif t == 0x5E:
        size = 3
        need(r, size)
        out[0] = <signed short>rp_get16(p + 1)
    elif t == 0x5F:
        size = 5
        need(r, size)
        out[0] = 0.001 * <int32_t>rp_get32(p + 1)      # thousandths, as Java and dubbo-go have it
    else:
        return 0
    r.p += size
    return 1


cdef Py_ssize_t take_hessian_length(Reader r, str what) except -1:
    """A count of things of at least one byte each, so no more than there are bytes."""
    cdef int64_t n
    if not take_hessian_int(r, &n):
        unexpected(r, f"the {what}")
    if n < 0:
        raise DecodeError(f"the {what} is {n}")
    if n > r.limits.count:
        over_count(r, <Py_ssize_t>n)
    if n > r.end - r.p:
        raise DecodeError(f"count of {n} is more than the {r.end - r.p} bytes left can hold")
    return <Py_ssize_t>n


cdef int64_t take_hessian_date(Reader r) except? -1:
    """Milliseconds since 1970; the tag byte is known to be a date's."""
    if r.p[0] == 0x4B:
        need(r, 5)
        r.p += 5
        return <int64_t>(<int32_t>rp_get32(r.p - 4)) * 60000
    need(r, 9)
    r.p += 9
    return <int64_t>rp_get64(r.p - 8)


cdef PyObject* take_wide_units(Reader r, Py_ssize_t n, bint* surrogates) except NULL:
    cdef int found = 0
    cdef const unsigned char* p = r.p
    cdef const unsigned char* end = rp_skip_units(p, r.end, n, &found)
    if end == NULL:
        if found == -1:
            truncated()
        raise DecodeError("str is not UTF-8 of UTF-16 units (a character beyond U+FFFF is two units of three bytes)")
    charge(r, 4 * (end - p) + STR_COST)
    r.p = end
    if found:
        surrogates[0] = True
    try:
        return PyUnicode_DecodeUTF8(<const char*>p, end - p, "surrogatepass")
    except UnicodeDecodeError as error:
        raise DecodeError(f"str is not valid UTF-8: {error.reason} at byte {error.start}") from error


cdef inline PyObject* take_units(Reader r, Py_ssize_t n, bint* surrogates) except NULL:
    """``n`` units as an owned ``str`` in which surrogate pairs are still apart."""
    cdef const unsigned char* p = r.p
    if n > r.end - p:
        truncated()
    if not rp_is_ascii(p, n):
        return take_wide_units(r, n, surrogates)
    charge(r, n + STR_COST)
    r.p += n
    return rp_ascii_str(p, n)


cdef str join_surrogates(object text):
    """``text`` with every pair of surrogates made one character; lone ones stay."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


cdef object take_chunked_str(Reader r):
    """A string that starts with ``52``: chunks of any size, then any form of string."""
    cdef list chunks = []
    cdef bint surrogates = False, last = False
    cdef unsigned char t
    cdef Py_ssize_t n
    while not last:
        if r.p >= r.end:
            truncated()
        t = r.p[0]
        last = t != 0x52
        n = take_units_header(r)
        if n or last:
            chunks.append(owned(take_units(r, n, &surrogates)))
    text = "".join(chunks)
    return join_surrogates(text) if surrogates else text


cdef Py_ssize_t take_units_header(Reader r) except -1:
    """The number of units in the chunk at the present position; moves past its header."""
    cdef unsigned char t = r.p[0]
    if t <= 0x1F:
        r.p += 1
        return t
    if 0x30 <= t <= 0x33:
        need(r, 2)
        r.p += 2
        return (t - 0x30) * 256 + (r.p - 1)[0]
    if t == 0x52 or t == 0x53:
        need(r, 3)
        r.p += 3
        return rp_get16(r.p - 2)
    return unexpected(r, "str")


cdef inline PyObject* take_hessian_str(Reader r) except NULL:
    """A string, as an owned reference."""
    cdef const unsigned char* p = r.p
    cdef Py_ssize_t n
    if p < r.end:
        n = p[0]
        if n <= 0x1F and n < r.end - p and rp_is_ascii(p + 1, n):
            charge(r, n + STR_COST)
            r.p = p + 1 + n
            return rp_ascii_str(p + 1, n)
    return take_other_str(r)


cdef PyObject* take_other_str(Reader r) except NULL:
    """One that is long, not ASCII, chunked, or none."""
    cdef bint surrogates = False
    cdef PyObject* text
    cdef object joined
    if r.p >= r.end:
        truncated()
    if r.p[0] == 0x52:
        joined = take_chunked_str(r)
        Py_INCREF(joined)
        return <PyObject*>joined
    text = take_units(r, take_units_header(r), &surrogates)
    if surrogates:
        joined = join_surrogates(owned(text))
        Py_INCREF(joined)
        return <PyObject*>joined
    return text


cdef Py_ssize_t take_bytes_header(Reader r) except -1:
    cdef unsigned char t
    cdef Py_ssize_t n
    if r.p >= r.end:
        truncated()
    t = r.p[0]
    if 0x20 <= t <= 0x2F:
        n = t - 0x20
        r.p += 1
    elif 0x34 <= t <= 0x37:
        need(r, 2)
        n = (t - 0x34) * 256 + r.p[1]
        r.p += 2
    elif t == 0x41 or t == 0x42:
        need(r, 3)
        n = rp_get16(r.p + 1)
        r.p += 3
    else:
        return unexpected(r, "bytes")
    need(r, n)
    return n


cdef object take_hessian_bytes(Reader r):
    """A binary value; its chunks are joined in a second pass over their headers, so that each is copied once."""
    cdef const unsigned char* start = r.p
    cdef const unsigned char* end
    cdef bint last = False
    cdef Py_ssize_t n, total = 0
    cdef object value
    cdef char* to
    while not last:
        last = r.p >= r.end or r.p[0] != 0x41
        n = take_bytes_header(r)
        r.p += n
        total += n
    charge(r, total + BYTES_COST)
    if n == total:
        return PyBytes_FromStringAndSize(<const char*>r.p - n, n)
    value = PyBytes_FromStringAndSize(NULL, total)
    to = PyBytes_AS_STRING(value)
    end = r.p
    r.p = start
    while total:
        n = take_bytes_header(r)
        memcpy(to, r.p, n)
        r.p += n
        to += n
        total -= n
    r.p = end
    return value
