# msgpack tokens: the headers of values, read and written. The engine reads and writes the fields of its own with them.

cdef enum:
    STR_COST = 56           # bytes of a Python object beyond its content, as charged to the memory limit
    BYTES_COST = 40
    LIST_COST = 64
    ITEM_COST = 24          # an element: its pointer, and a share for small objects
    DICT_COST = 96
    ENTRY_COST = 80         # a dict or set entry with its share of free slots


cdef inline object owned(PyObject* new):
    """A new reference in Cython's hands."""
    cdef object value = <object>new
    Py_DECREF(value)
    return value


cdef inline int reserve(Writer w, Py_ssize_t n) except -1:
    if w.cap - w.pos < n:
        w.grow(n)
    return 0


cdef inline void put(Writer w, unsigned char t) noexcept:
    """One byte, for which there is room."""
    w.buf[w.pos] = <char>t
    w.pos += 1


cdef inline int write_byte(Writer w, unsigned char t) except -1:
    reserve(w, 1)
    put(w, t)
    return 0


cdef int write_nil(Writer w) except -1:
    return write_byte(w, 0xC0)


cdef inline int put_int(Writer w, long long value) except -1:
    """``write_int``, for the loops that it is inlined into."""
    if 0 <= value <= 127:
        return write_byte(w, <unsigned char>value)
    return write_int(w, value)


cdef int write_int(Writer w, long long value) except -1:
    cdef char* p
    reserve(w, 9)
    p = w.buf + w.pos
    if -32 <= value <= 127:
        p[0] = <char>value
        w.pos += 1
    elif value >= 0:
        if value <= 0xFF:
            p[0] = <char>0xCC
            p[1] = <char>value
            w.pos += 2
        elif value <= 0xFFFF:
            p[0] = <char>0xCD
            rp_put16(p + 1, <uint16_t>value)
            w.pos += 3
        elif value <= 0xFFFFFFFF:
            p[0] = <char>0xCE
            rp_put32(p + 1, <uint32_t>value)
            w.pos += 5
        else:
            p[0] = <char>0xCF
            rp_put64(p + 1, <uint64_t>value)
            w.pos += 9
    elif value >= -0x80:
        p[0] = <char>0xD0
        p[1] = <char>value
        w.pos += 2
    elif value >= -0x8000:
        p[0] = <char>0xD1
        rp_put16(p + 1, <uint16_t>value)
        w.pos += 3
    elif value >= -0x80000000LL:
        p[0] = <char>0xD2
        rp_put32(p + 1, <uint32_t>value)
        w.pos += 5
    else:
        p[0] = <char>0xD3
        rp_put64(p + 1, <uint64_t>value)
        w.pos += 9
    return 0


cdef int write_header(
    Writer w, Py_ssize_t n, unsigned char fix, Py_ssize_t fix_max, unsigned char h8, unsigned char h16
) except -1:
    """A length header: ``fix | n`` up to ``fix_max``, then ``h8`` (0: the type has none), ``h16`` and ``h16 + 1``."""
    cdef char* p
    reserve(w, 5)
    p = w.buf + w.pos
    if n <= fix_max:
        p[0] = <char>(fix | n)
        w.pos += 1
    elif n <= 0xFF and h8:
        p[0] = <char>h8
        p[1] = <char>n
        w.pos += 2
    elif n <= 0xFFFF:
        p[0] = <char>h16
        rp_put16(p + 1, <uint16_t>n)
        w.pos += 3
    elif n <= 0xFFFFFFFFLL:
        p[0] = <char>(h16 + 1)
        rp_put32(p + 1, <uint32_t>n)
        w.pos += 5
    else:
        raise EncodeError(f"size of {n} is beyond the 32 bits that msgpack has for it")
    return 0


cdef int write_array(Writer w, Py_ssize_t n) except -1:
    return write_header(w, n, 0x90, 15, 0, 0xDC)


cdef int write_map(Writer w, Py_ssize_t n) except -1:
    return write_header(w, n, 0x80, 15, 0, 0xDE)


cdef int write_str_data(Writer w, const char* data, Py_ssize_t n) except -1:
    reserve(w, n + 5)
    write_header(w, n, 0xA0, 31, 0xD9, 0xDA)
    rp_copy(w.buf + w.pos, data, n)
    w.pos += n
    return 0


cdef int write_wide_str(Writer w, object s) except -1:
    """A ``str`` with characters beyond ASCII."""
    cdef Py_ssize_t n = 0
    cdef const char* data
    try:
        data = PyUnicode_AsUTF8AndSize(s, &n)
    except UnicodeEncodeError as error:
        raise EncodeError(f"str cannot be encoded as UTF-8: {error.reason} at index {error.start}") from error
    return write_str_data(w, data, n)


cdef inline int put_str(Writer w, object s) except -1:
    """``write_str``, for the loops that it is inlined into."""
    cdef Py_ssize_t n
    if not rp_str_is_ascii(s):
        return write_wide_str(w, s)
    n = rp_str_length(s)
    if n > 31:
        return write_str_data(w, rp_ascii_data(s), n)
    reserve(w, 32)
    w.buf[w.pos] = <char>(0xA0 | n)
    rp_copy(w.buf + w.pos + 1, rp_ascii_data(s), n)
    w.pos += n + 1
    return 0


cdef int write_str(Writer w, object s) except -1:
    """``s`` must be a ``str``."""
    return put_str(w, s)


cdef int write_bin(Writer w, const char* data, Py_ssize_t n, object whole) except -1:
    """Bytes; ``whole`` is the immutable ``bytes`` that holds exactly them, or None."""
    write_header(w, n, 0, -1, 0xC4, 0xC5)
    if n >= LARGE and whole is not None:
        return w.piece(whole, n)
    return w.write(data, n)


cdef inline int need(Reader r, Py_ssize_t n) except -1:
    if r.end - r.p < n:
        truncated()
    return 0


cdef inline Py_ssize_t take_length(Reader r, int width) except -1:
    """The length that follows a one-byte type in ``width`` bytes; moves past both."""
    cdef Py_ssize_t n
    need(r, 1 + width)
    if width == 1:
        n = r.p[1]
    elif width == 2:
        n = rp_get16(r.p + 1)
    else:
        n = <Py_ssize_t>rp_get32(r.p + 1)
    r.p += 1 + width
    return n


cdef Py_ssize_t long_str_length(Reader r) except -1:
    cdef unsigned char t
    cdef Py_ssize_t n
    if r.p >= r.end:
        truncated()
    t = r.p[0]
    if t == 0xD9:
        n = take_length(r, 1)
    elif t == 0xDA:
        n = take_length(r, 2)
    elif t == 0xDB:
        n = take_length(r, 4)
    else:
        return mismatch(r, "str")
    need(r, n)
    return n


cdef inline Py_ssize_t str_length(Reader r) except -1:
    """The length of the str at the present position, all of which is there; moves past the header."""
    cdef Py_ssize_t n
    if r.p < r.end and (r.p[0] & 0xE0) == 0xA0:
        n = r.p[0] & 0x1F
        if n < r.end - r.p:
            r.p += 1
            return n
        truncated()
    return long_str_length(r)


cdef PyObject* wide_str(const unsigned char* p, Py_ssize_t n) except NULL:
    try:
        return PyUnicode_DecodeUTF8(<const char*>p, n, NULL)
    except UnicodeDecodeError as error:
        raise DecodeError(f"str is not valid UTF-8: {error.reason} at byte {error.start}") from error


cdef inline PyObject* take_str(Reader r) except NULL:
    """``read_str``, as an owned reference, for the loops that it is inlined into."""
    cdef Py_ssize_t n = str_length(r)
    cdef const unsigned char* p = r.p
    charge(r, n + STR_COST)
    r.p += n
    if rp_is_ascii(p, n):
        return rp_ascii_str(p, n)
    charge(r, 3 * n)        # up to four bytes a character
    return wide_str(p, n)


cdef object read_str(Reader r):
    return owned(take_str(r))


cdef Py_ssize_t check_count(Reader r, Py_ssize_t n, Py_ssize_t least) except -1:
    """Refuse a claimed count at once when it is too many, or so many values of ``least`` bytes cannot be there."""
    if n > r.limits.count:
        over_count(r, n)
    if n * least > r.end - r.p:
        raise DecodeError(f"count of {n} is more than the {r.end - r.p} bytes left can hold")
    return n


cdef inline Py_ssize_t take_array(Reader r) except -1:
    """``read_array``, for the loops that it is inlined into."""
    cdef Py_ssize_t n
    if r.p < r.end and (r.p[0] & 0xF0) == 0x90:
        n = r.p[0] & 0x0F
        if n < r.end - r.p and n <= r.limits.count:
            r.p += 1
            return n
    return read_array(r)


cdef inline Py_ssize_t take_map(Reader r) except -1:
    """``read_map``, for the loops that it is inlined into."""
    cdef Py_ssize_t n
    if r.p < r.end and (r.p[0] & 0xF0) == 0x80:
        n = r.p[0] & 0x0F
        if 2 * n < r.end - r.p and n <= r.limits.count:
            r.p += 1
            return n
    return read_map(r)


cdef Py_ssize_t read_array(Reader r) except -1:
    cdef unsigned char t
    cdef Py_ssize_t n
    if r.p >= r.end:
        truncated()
    t = r.p[0]
    if (t & 0xF0) == 0x90:
        r.p += 1
        n = t & 0x0F
    elif t == 0xDC:
        n = take_length(r, 2)
    elif t == 0xDD:
        n = take_length(r, 4)
    else:
        return mismatch(r, "list")
    return check_count(r, n, 1)


cdef Py_ssize_t read_map(Reader r) except -1:
    cdef unsigned char t
    cdef Py_ssize_t n
    if r.p >= r.end:
        truncated()
    t = r.p[0]
    if (t & 0xF0) == 0x80:
        r.p += 1
        n = t & 0x0F
    elif t == 0xDE:
        n = take_length(r, 2)
    elif t == 0xDF:
        n = take_length(r, 4)
    else:
        return mismatch(r, "dict")
    return check_count(r, n, 2)


cdef Py_ssize_t read_bin(Reader r) except -1:
    """The length of the bytes at the present position; moves past the header. ``take_bin`` checks that they follow."""
    cdef unsigned char t
    if r.p >= r.end:
        truncated()
    t = r.p[0]
    if t == 0xC4:
        return take_length(r, 1)
    if t == 0xC5:
        return take_length(r, 2)
    if t == 0xC6:
        return take_length(r, 4)
    return mismatch(r, "bytes")


cdef object next_large(Reader r, Py_ssize_t n):
    """The payload of the next bin >= LARGE, which was received in place."""
    cdef object data
    if r.large_next >= len(r.large):
        raise DecodeError("a large bytes value is missing")
    data = r.large[r.large_next]
    if len(data) != n:
        raise DecodeError(f"a large bytes value has {len(data)} bytes where {n} were announced")
    r.large_next += 1
    return data


cdef object take_bin(Reader r, Py_ssize_t n):
    """The ``n`` bytes of a bin whose header was read."""
    cdef object data
    if n >= LARGE and r.large is not None:
        charge(r, n + BYTES_COST)
        return next_large(r, n)
    need(r, n)
    charge(r, n + BYTES_COST)
    data = PyBytes_FromStringAndSize(<const char*>r.p, n)
    r.p += n
    return data


cdef int is_nil(Reader r) noexcept:
    if r.p < r.end and r.p[0] == 0xC0:
        r.p += 1
        return 1
    return 0


cdef object read_any_int(Reader r):
    """An int of the full 64-bit range, signed or unsigned."""
    cdef unsigned char t
    if r.p >= r.end:
        truncated()
    t = r.p[0]
    if t == 0xCF:
        need(r, 9)
        r.p += 9
        return PyLong_FromUnsignedLongLong(rp_get64(r.p - 8))
    return PyLong_FromLongLong(read_int(r))


cdef long long read_int(Reader r) except? -1:
    cdef unsigned char t
    cdef int width
    cdef uint64_t big
    if r.p >= r.end:
        truncated()
    t = r.p[0]
    if t <= 0x7F:
        r.p += 1
        return t
    if t >= 0xE0:
        r.p += 1
        return <signed char>t
    if t < 0xCC or t > 0xD3:
        return mismatch(r, "int")
    width = 1 << (t & 3)
    need(r, 1 + width)
    r.p += 1 + width
    if t == 0xCC:
        return (r.p - 1)[0]
    if t == 0xCD:
        return rp_get16(r.p - 2)
    if t == 0xCE:
        return rp_get32(r.p - 4)
    if t == 0xCF:
        big = rp_get64(r.p - 8)
        if big > <uint64_t>0x7FFFFFFFFFFFFFFF:
            raise DecodeError(f"{big} does not fit a signed 64-bit int")
        return <long long>big
    if t == 0xD0:
        return <signed char>(r.p - 1)[0]
    if t == 0xD1:
        return <signed short>rp_get16(r.p - 2)
    if t == 0xD2:
        return <int32_t>rp_get32(r.p - 4)
    return <int64_t>rp_get64(r.p - 8)


cdef Py_ssize_t ext_length(Reader r) except -1:
    """The payload length of the extension value at the present position; moves to its type byte."""
    cdef unsigned char t
    cdef Py_ssize_t n
    if r.p >= r.end:
        truncated()
    t = r.p[0]
    if 0xD4 <= t <= 0xD8:
        n = 1 << (t - 0xD4)
        r.p += 1
    elif t == 0xC7:
        n = take_length(r, 1)
    elif t == 0xC8:
        n = take_length(r, 2)
    elif t == 0xC9:
        n = take_length(r, 4)
    else:
        return mismatch(r, "an extension value")
    need(r, n + 1)
    return n


cdef int skip(Reader r) except -1:
    """Pass over one value, whatever it is. Nesting costs no stack, and each token costs at least one byte."""
    cdef Py_ssize_t left = 1, n
    cdef Kind kind
    while left:
        left -= 1
        if r.p >= r.end:
            truncated()
        kind = kind_of(r.p[0])
        if kind == KIND_INT or kind == KIND_FLOAT:
            n = 1 + number_width(r.p[0])
            need(r, n)
            r.p += n
        elif kind == KIND_STR:
            n = str_length(r)
            r.p += n
        elif kind == KIND_LIST:
            left += read_array(r)
        elif kind == KIND_DICT:
            left += 2 * read_map(r)
        elif kind == KIND_BYTES:
            n = read_bin(r)
            if n >= LARGE and r.large is not None:
                next_large(r, n)
            else:
                need(r, n)
                r.p += n
        elif kind == KIND_EXT:
            n = ext_length(r)
            r.p += n + 1
        elif kind == KIND_RESERVED:
            mismatch(r, "a value")
        else:
            r.p += 1
        if left > r.end - r.p:
            truncated()
    return 0


cdef int number_width(unsigned char t) noexcept:
    """Bytes that follow the first byte of an int or float."""
    if t <= 0x7F or t >= 0xE0:
        return 0
    if t == 0xCA:
        return 4
    return 8 if t == 0xCB else 1 << (t & 3)
