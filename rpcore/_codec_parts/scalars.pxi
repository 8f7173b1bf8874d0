# The node base class, and the nodes of single values that msgpack has a type for.


cdef inline object list_item(list items, Py_ssize_t i):
    """``items[i]``, also when user code has changed the list meanwhile."""
    cdef PyObject* item = rp_list_item(items, i)
    if item == NULL:
        raise EncodeError("the list became shorter while it was encoded")
    return owned(item)


cdef inline int same_size(list items, Py_ssize_t n) except -1:
    if PyList_GET_SIZE(items) != n:
        raise EncodeError(f"the list of {n} changed while it was encoded; it now has {PyList_GET_SIZE(items)}")
    return 0


cdef inline list new_list(Reader r, Py_ssize_t n):
    """A list for ``n`` elements that are about to be read into it."""
    enter(r)
    charge(r, LIST_COST + n * ITEM_COST)
    return PyList_New(n)


cdef inline list new_hessian_list(HessianReader h, Plan plan, Py_ssize_t n, Py_ssize_t* number):
    """The same for a hessian2 stream. It cannot be referred to until ``settle``, so only for elements that do not."""
    charge(h.r, n * ITEM_COST)
    number[0] = h.number(NULL, plan)
    return PyList_New(n)


cdef class Plan:
    """One node of a compiled type: encodes and decodes values of exactly that type.

    Immutable once compiled, and usable by any thread.
    """

    cdef int encode(self, Writer w, object value) except -1:
        """Append ``value``. Raises EncodeError, with the path, when it is not of this type."""
        raise NotImplementedError

    cdef object decode(self, Reader r):
        """Read one value. Raises DecodeError, with the path, when the bytes do not hold one."""
        raise NotImplementedError

    cdef str describe(self):
        """The type as an error or a repr names it."""
        raise NotImplementedError

    # The loop over a list's elements belongs to the element's node, so that int, float and str bring a faster one:
    # no user code runs in theirs, so they borrow the elements.

    cdef int encode_list(self, Writer w, list items) except -1:
        """Append ``items`` as an array of this type."""
        cdef Py_ssize_t i = 0, n = PyList_GET_SIZE(items)
        write_array(w, n)
        enter_write(w)
        try:
            for i in range(n):
                self.encode(w, list_item(items, i))
            i = DONE
        finally:
            if i != DONE:
                pass_index(i)
        w.depth += 1
        return same_size(items, n)

    cdef list decode_list(self, Reader r):
        """Read an array whose elements are of this type."""
        cdef Py_ssize_t i = 0, n = take_array(r)
        cdef list items = new_list(r, n)
        cdef object item
        PyObject_GC_UnTrack(<PyObject*>items)   # user code (__post_init__) must not find it half filled
        try:
            for i in range(n):
                item = self.decode(r)
                Py_INCREF(item)
                PyList_SET_ITEM(items, i, <PyObject*>item)
            i = DONE
        finally:
            if i != DONE:
                pass_index(i)
        PyObject_GC_Track(<PyObject*>items)
        r.depth += 1
        return items

    # hessian2; see hessian_tokens.pxi. Containers are numbered there, so that they can be referred to.

    cdef int encode_hessian(self, HessianWriter h, object value) except -1:
        """Append ``value`` to a hessian2 stream. Raises EncodeError, with the path, when it is not of this type."""
        raise NotImplementedError

    cdef object decode_hessian(self, HessianReader h):
        """Read one value of a hessian2 stream. Raises DecodeError, with the path, when the bytes do not hold one."""
        raise NotImplementedError

    cdef int encode_hessian_items(self, HessianWriter h, list items) except -1:
        """Append ``items``, whose list header is written."""
        cdef Py_ssize_t i = 0, n = PyList_GET_SIZE(items)
        enter_write(h.w)
        try:
            for i in range(n):
                self.encode_hessian(h, list_item(items, i))
            i = DONE
        finally:
            if i != DONE:
                pass_index(i)
        h.w.depth += 1
        return same_size(items, n)

    cdef int decode_hessian_items(self, HessianReader h, list out, Py_ssize_t n) except -1:
        """Append ``n`` elements to ``out``; -1: up to a ``Z``. ``out`` may be referred to meanwhile, so it is whole at any time."""
        cdef Py_ssize_t i = 0
        enter(h.r)
        try:
            while i != n:
                if n < 0 and h.at_end():
                    break
                charge(h.r, ITEM_COST)
                if i >= h.r.limits.count:
                    over_count(h.r, i + 1)
                out.append(self.decode_hessian(h))
                i += 1
            i = DONE
        finally:
            if i != DONE:
                pass_index(i)
        h.r.depth += 1
        return 0

    cdef list decode_hessian_whole(self, HessianReader h, Plan plan, Py_ssize_t n):
        """A list of ``n`` elements, -1: up to a ``Z``, whose header was read, as ``plan``'s value."""
        cdef list out = []
        h.number(<PyObject*>out, plan)
        self.decode_hessian_items(h, out, n)
        return out

    cdef int admit(self, object value, list todo) except -1:
        """Raise unless ``value``, which was read as another type, is of this one too. What it contains is left to the caller:
        pairs of plan and value in ``todo``."""
        cdef HessianWriter h = HessianWriter.__new__(HessianWriter)
        h.start(Writer.__new__(Writer), None)
        return self.encode_hessian(h, value)

    cdef str jvm(self):
        """The JVM descriptor of a parameter of this type."""
        return "Ljava/lang/Object;"

    cdef tuple java_names(self):
        """Names of the Java classes whose instances it decodes, where those tell a union's members apart."""
        return ()

    @property
    def descriptor(self):
        """The JVM descriptor of a parameter of this type, such as ``J`` or ``Ljava/util/List;``."""
        return self.jvm()

    def dumps(self, value):
        """``value`` as msgpack bytes.

        Raises:
            EncodeError: ``value`` does not fit the type; ``path`` says where.
        """
        cdef Writer w = Writer.__new__(Writer)
        self.encode(w, value)
        return w.content()

    def loads(self, data, Limits limits=None, *, list large=None):
        """The value in ``data``, one whole msgpack value.

        Args:
            data: any contiguous bytes-like.
            limits: defaults to ``Limits()``.
            large: the payloads of all bins >= 32 KiB, in order, when ``data`` holds only their headers.

        Raises:
            DecodeError: the bytes are damaged, do not fit the type or exceed a limit, or something follows the value.
        """
        cdef Reader r = Reader.__new__(Reader)
        r.open(data, limits)
        r.large = large
        value = self.decode(r)
        if r.p != r.end or (large is not None and r.large_next != len(large)):
            raise DecodeError(f"{r.end - r.p} bytes follow the value")
        return value

    def __repr__(self):
        return f"<Plan {self.describe()}>"


@cython.final
cdef class NonePlan(Plan):
    """None, as nil."""

    cdef int encode(self, Writer w, object value) except -1:
        if value is not None:
            refuse("None", value)
        return write_nil(w)

    cdef object decode(self, Reader r):
        if not is_nil(r):
            mismatch(r, "None")
        return None

    cdef int encode_hessian(self, HessianWriter h, object value) except -1:
        if value is not None:
            refuse("None", value)
        return write_byte(h.w, 0x4E)

    cdef object decode_hessian(self, HessianReader h):
        value = decode_hessian_any(h)
        if value is not None:
            raise DecodeError(f"expected None, got {kind_name(value)}")

    cdef str jvm(self):
        return "V"

    cdef str describe(self):
        return "None"


@cython.final
cdef class BoolPlan(Plan):
    """bool; an int is none."""

    cdef int encode(self, Writer w, object value) except -1:
        if value is True:
            return write_byte(w, 0xC3)
        if value is False:
            return write_byte(w, 0xC2)
        return refuse("bool", value)

    cdef object decode(self, Reader r):
        if r.p < r.end:
            if r.p[0] == 0xC3:
                r.p += 1
                return True
            if r.p[0] == 0xC2:
                r.p += 1
                return False
        mismatch(r, "bool")

    cdef int encode_hessian(self, HessianWriter h, object value) except -1:
        if value is True:
            return write_byte(h.w, 0x54)
        if value is False:
            return write_byte(h.w, 0x46)
        return refuse("bool", value)

    cdef object decode_hessian(self, HessianReader h):
        value = decode_hessian_any(h)
        if value is not True and value is not False:
            raise DecodeError(f"expected bool, got {kind_name(value)}")
        return value

    cdef str jvm(self):
        return "Z"

    cdef str describe(self):
        return "bool"


cdef int write_big_int(Writer w, object value) except -1:
    """An int outside the signed 64 bits."""
    cdef unsigned long long big
    try:
        big = PyLong_AsUnsignedLongLong(value)
    except OverflowError as error:
        raise EncodeError(f"int of {value.bit_length()} bits does not fit 64 bits (-2**63 to 2**64 - 1)") from error
    reserve(w, 9)
    put(w, 0xCF)
    rp_put64(w.buf + w.pos, big)
    w.pos += 8
    return 0


cdef inline int write_pyint(Writer w, object value) except -1:
    """``value`` must be an ``int`` or of a subclass."""
    cdef int overflow = 0
    cdef long long small = rp_int_value(value, &overflow)
    return write_big_int(w, value) if overflow else put_int(w, small)


@cython.final
cdef class IntPlan(Plan):
    """int within 64 bits, signed or unsigned; a bool is none, an IntEnum member is one."""

    cdef int encode(self, Writer w, object value) except -1:
        if PyLong_CheckExact(value) or (PyLong_Check(value) and value is not True and value is not False):
            return write_pyint(w, value)
        return refuse("int", value)

    cdef object decode(self, Reader r):
        if r.p < r.end and r.p[0] <= 0x7F:
            r.p += 1
            return PyLong_FromLongLong((r.p - 1)[0])
        return read_any_int(r)

    cdef int encode_list(self, Writer w, list items) except -1:
        cdef list stable = rp_stable_list(items)
        cdef Py_ssize_t i = 0, n = PyList_GET_SIZE(stable)
        cdef PyObject* item
        write_array(w, n)
        try:
            for i in range(n):
                item = PyList_GET_ITEM(stable, i)
                if PyLong_CheckExact(<object>item):
                    write_pyint(w, <object>item)
                else:
                    self.encode(w, stable[i])
            i = DONE
        finally:
            if i != DONE:
                pass_index(i)
        return 0

    cdef list decode_list(self, Reader r):
        cdef Py_ssize_t i = 0, n = take_array(r)
        cdef list items = new_list(r, n)
        cdef object item
        try:
            for i in range(n):
                if r.p < r.end and r.p[0] <= 0x7F:
                    PyList_SET_ITEM(items, i, new_int(r.p[0]))
                    r.p += 1
                    continue
                item = read_any_int(r)
                Py_INCREF(item)
                PyList_SET_ITEM(items, i, <PyObject*>item)
            i = DONE
        finally:
            if i != DONE:
                pass_index(i)
        r.depth += 1
        return items

    cdef int encode_hessian(self, HessianWriter h, object value) except -1:
        cdef int overflow = 0
        cdef long long small
        if not PyLong_CheckExact(value) and (not PyLong_Check(value) or value is True or value is False):
            refuse("int", value)
        small = rp_int_value(value, &overflow)
        if overflow:
            raise EncodeError(f"int of {value.bit_length()} bits does not fit a Java long (declare it as rpcore.types.BigInteger)")
        return put_hessian_long(h.w, small)

    cdef object decode_hessian(self, HessianReader h):
        cdef int64_t value
        if take_hessian_int(h.r, &value):
            return PyLong_FromLongLong(value)
        return expect_int(decode_hessian_any(h))

    cdef int encode_hessian_items(self, HessianWriter h, list items) except -1:
        cdef list stable = rp_stable_list(items)
        cdef Py_ssize_t i = 0, n = PyList_GET_SIZE(stable)
        try:
            for i in range(n):
                self.encode_hessian(h, <object>PyList_GET_ITEM(stable, i))
            i = DONE
        finally:
            if i != DONE:
                pass_index(i)
        return 0

    cdef list decode_hessian_whole(self, HessianReader h, Plan plan, Py_ssize_t n):
        cdef Py_ssize_t i = 0, number
        cdef list items
        cdef object item
        cdef int64_t value = 0
        if n < 0:
            return Plan.decode_hessian_whole(self, h, plan, n)
        items = new_hessian_list(h, plan, n, &number)
        try:
            for i in range(n):
                if take_hessian_int(h.r, &value):
                    PyList_SET_ITEM(items, i, new_int(value))
                    continue
                item = self.decode_hessian(h)
                Py_INCREF(item)
                PyList_SET_ITEM(items, i, <PyObject*>item)
            i = DONE
        finally:
            if i != DONE:
                pass_index(i)
        h.settle(number, items)
        return items

    cdef str jvm(self):
        return "J"

    cdef str describe(self):
        return "int"


cdef inline int write_double(Writer w, double value) except -1:
    reserve(w, 9)
    w.buf[w.pos] = <char>0xCB
    rp_put_double(w.buf + w.pos + 1, value)
    w.pos += 9
    return 0


cdef double to_double(object value) except? -1.0:
    """``value`` as a double where a float is declared: a float or an int, not a bool."""
    if PyFloat_Check(value):
        return PyFloat_AS_DOUBLE(value)
    if not PyLong_Check(value) or value is True or value is False:
        refuse("float", value)
    try:
        return PyLong_AsDouble(value)
    except OverflowError as error:
        raise EncodeError(f"int of {value.bit_length()} bits is too large for a float") from error


cdef double read_number(Reader r) except? -1.0:
    cdef unsigned char t
    if r.p >= r.end:
        truncated()
    t = r.p[0]
    if t == 0xCB:
        need(r, 9)
        r.p += 9
        return rp_get_double(r.p - 8)
    if t == 0xCA:
        need(r, 5)
        r.p += 5
        return rp_get_float(r.p - 4)
    if t == 0xCF:
        need(r, 9)
        r.p += 9
        return <double>rp_get64(r.p - 8)
    if t <= 0x7F or t >= 0xE0 or 0xCC <= t <= 0xD3:
        return <double>read_int(r)
    return mismatch(r, "float")


@cython.final
cdef class FloatPlan(Plan):
    """float; an int passes, and arrives as a float."""

    cdef int encode(self, Writer w, object value) except -1:
        return write_double(w, PyFloat_AS_DOUBLE(value) if PyFloat_CheckExact(value) else to_double(value))

    cdef object decode(self, Reader r):
        return PyFloat_FromDouble(read_number(r))

    cdef int encode_list(self, Writer w, list items) except -1:
        cdef list stable = rp_stable_list(items)
        cdef Py_ssize_t i = 0, n = PyList_GET_SIZE(stable)
        cdef PyObject* item
        cdef char* p
        write_array(w, n)
        reserve(w, 9 * n)
        p = w.buf + w.pos
        try:
            for i in range(n):
                item = PyList_GET_ITEM(stable, i)
                p[0] = <char>0xCB
                if PyFloat_CheckExact(<object>item):
                    rp_put_double(p + 1, PyFloat_AS_DOUBLE(<object>item))
                else:
                    rp_put_double(p + 1, to_double(stable[i]))
                p += 9
            i = DONE
        finally:
            if i != DONE:
                pass_index(i)
        w.pos += 9 * n
        return 0

    cdef list decode_list(self, Reader r):
        cdef Py_ssize_t i = 0, n = take_array(r)
        cdef list items = new_list(r, n)
        cdef double number
        try:
            for i in range(n):
                if r.end - r.p >= 9 and r.p[0] == 0xCB:
                    number = rp_get_double(r.p + 1)
                    r.p += 9
                else:
                    number = read_number(r)
                PyList_SET_ITEM(items, i, new_float(number))
            i = DONE
        finally:
            if i != DONE:
                pass_index(i)
        r.depth += 1
        return items

    cdef int encode_hessian(self, HessianWriter h, object value) except -1:
        return put_hessian_double(h.w, PyFloat_AS_DOUBLE(value) if PyFloat_CheckExact(value) else to_double(value))

    cdef object decode_hessian(self, HessianReader h):
        cdef double value
        if take_hessian_double(h.r, &value):
            return PyFloat_FromDouble(value)
        number = decode_hessian_any(h)
        if not PyFloat_Check(number):
            number = expect_int(number)
            if -0x20000000000000 <= number <= 0x20000000000000:
                return float(number)
            raise DecodeError(f"int of {number.bit_length()} bits is no exact float")
        return number

    cdef int encode_hessian_items(self, HessianWriter h, list items) except -1:
        cdef list stable = rp_stable_list(items)
        cdef Py_ssize_t i = 0, n = PyList_GET_SIZE(stable)
        cdef PyObject* item
        cdef Writer w = h.w
        cdef char* p
        reserve(w, 9 * n)
        p = w.buf + w.pos
        try:
            for i in range(n):
                item = PyList_GET_ITEM(stable, i)
                if PyFloat_CheckExact(<object>item):
                    p = rp_put_hessian_double(p, PyFloat_AS_DOUBLE(<object>item))
                else:
                    p = rp_put_hessian_double(p, to_double(<object>item))
            i = DONE
        finally:
            if i != DONE:
                pass_index(i)
        w.pos = p - w.buf
        return 0

    cdef list decode_hessian_whole(self, HessianReader h, Plan plan, Py_ssize_t n):
        cdef Py_ssize_t i = 0, number
        cdef list items
        cdef object item
        cdef double value = 0
        cdef Reader r = h.r
        if n < 0:
            return Plan.decode_hessian_whole(self, h, plan, n)
        items = new_hessian_list(h, plan, n, &number)
        try:
            for i in range(n):
                if r.end - r.p >= 9 and r.p[0] == 0x44:
                    PyList_SET_ITEM(items, i, new_float(rp_get_double(r.p + 1)))
                    r.p += 9
                elif take_hessian_double(r, &value):
                    PyList_SET_ITEM(items, i, new_float(value))
                else:
                    item = self.decode_hessian(h)
                    Py_INCREF(item)
                    PyList_SET_ITEM(items, i, <PyObject*>item)
            i = DONE
        finally:
            if i != DONE:
                pass_index(i)
        h.settle(number, items)
        return items

    cdef str jvm(self):
        return "D"

    cdef str describe(self):
        return "float"


@cython.final
cdef class StrPlan(Plan):
    """str, as UTF-8."""

    cdef int encode(self, Writer w, object value) except -1:
        if not PyUnicode_Check(value):
            refuse("str", value)
        return put_str(w, value)

    cdef object decode(self, Reader r):
        return owned(take_str(r))

    cdef int encode_list(self, Writer w, list items) except -1:
        cdef list stable = rp_stable_list(items)
        cdef Py_ssize_t i = 0, n = PyList_GET_SIZE(stable)
        cdef PyObject* item
        write_array(w, n)
        try:
            for i in range(n):
                item = PyList_GET_ITEM(stable, i)
                if not PyUnicode_Check(<object>item):
                    refuse("str", stable[i])
                put_str(w, <object>item)
            i = DONE
        finally:
            if i != DONE:
                pass_index(i)
        return 0

    cdef list decode_list(self, Reader r):
        cdef Py_ssize_t i = 0, n = take_array(r)
        cdef list items = new_list(r, n)
        try:
            for i in range(n):
                PyList_SET_ITEM(items, i, take_str(r))
            i = DONE
        finally:
            if i != DONE:
                pass_index(i)
        r.depth += 1
        return items

    cdef int encode_hessian(self, HessianWriter h, object value) except -1:
        if not PyUnicode_Check(value):
            refuse("str", value)
        return put_hessian_str(h.w, value)

    cdef object decode_hessian(self, HessianReader h):
        if h.r.p < h.r.end and h.r.p[0] > 0x1F:
            h.pass_definitions()
            if tag_of(h.r) != TAG_STR:
                unexpected(h.r, "str")
        return owned(take_hessian_str(h.r))

    cdef int encode_hessian_items(self, HessianWriter h, list items) except -1:
        cdef list stable = rp_stable_list(items)
        cdef Py_ssize_t i = 0, n = PyList_GET_SIZE(stable)
        cdef PyObject* item
        try:
            for i in range(n):
                item = PyList_GET_ITEM(stable, i)
                if not PyUnicode_Check(<object>item):
                    refuse("str", <object>item)
                put_hessian_str(h.w, <object>item)
            i = DONE
        finally:
            if i != DONE:
                pass_index(i)
        return 0

    cdef list decode_hessian_whole(self, HessianReader h, Plan plan, Py_ssize_t n):
        cdef Py_ssize_t i = 0, number
        cdef list items
        cdef object item
        cdef Reader r = h.r
        if n < 0:
            return Plan.decode_hessian_whole(self, h, plan, n)
        items = new_hessian_list(h, plan, n, &number)
        try:
            for i in range(n):
                if r.p < r.end and r.p[0] <= 0x1F:
                    PyList_SET_ITEM(items, i, take_hessian_str(r))
                    continue
                item = self.decode_hessian(h)
                Py_INCREF(item)
                PyList_SET_ITEM(items, i, <PyObject*>item)
            i = DONE
        finally:
            if i != DONE:
                pass_index(i)
        h.settle(number, items)
        return items

    cdef str jvm(self):
        return "Ljava/lang/String;"

    cdef str describe(self):
        return "str"


cdef int write_view(Writer w, object value) except -1:
    """Any contiguous bytes-like, copied."""
    cdef Py_buffer view
    PyObject_GetBuffer(value, &view, PyBUF_SIMPLE)
    try:
        write_bin(w, <const char*>view.buf, view.len, None)
    finally:
        PyBuffer_Release(&view)
    return 0


@cython.final
cdef class BytesPlan(Plan):
    """bytes; from 32 KiB on neither copied into the buffer nor out of it."""

    cdef int encode(self, Writer w, object value) except -1:
        if not PyBytes_Check(value):
            refuse("bytes", value)
        whole = value if PyBytes_CheckExact(value) else None
        return write_bin(w, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value), whole)

    cdef object decode(self, Reader r):
        return take_bin(r, read_bin(r))

    cdef int encode_hessian(self, HessianWriter h, object value) except -1:
        if not PyBytes_Check(value):
            refuse("bytes", value)
        whole = value if PyBytes_CheckExact(value) else None
        return put_hessian_bytes(h.w, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value), whole)

    cdef object decode_hessian(self, HessianReader h):
        h.pass_definitions()
        return take_hessian_bytes(h.r)

    cdef str jvm(self):
        return "[B"

    cdef str describe(self):
        return "bytes"


@cython.final
cdef class BytearrayPlan(Plan):
    """bytearray; always copied, because its owner may change it."""

    cdef int encode(self, Writer w, object value) except -1:
        if not PyByteArray_Check(value):
            refuse("bytearray", value)
        return write_view(w, value)

    cdef object decode(self, Reader r):
        cdef Py_ssize_t n = read_bin(r)
        charge(r, n)
        return bytearray(take_bin(r, n))

    cdef int encode_hessian(self, HessianWriter h, object value) except -1:
        if not PyByteArray_Check(value):
            refuse("bytearray", value)
        return put_hessian_view(h.w, value)

    cdef object decode_hessian(self, HessianReader h):
        h.pass_definitions()
        return bytearray(take_hessian_bytes(h.r))

    cdef str jvm(self):
        return "[B"

    cdef str describe(self):
        return "bytearray"


@cython.final
cdef class MemoryviewPlan(Plan):
    """memoryview: sent as its bytes, received as a read-only view."""

    cdef int encode(self, Writer w, object value) except -1:
        if not PyMemoryView_Check(value):
            refuse("memoryview", value)
        if value.c_contiguous:
            return write_view(w, value)
        return write_view(w, value.tobytes())

    cdef object decode(self, Reader r):
        return memoryview(take_bin(r, read_bin(r)))

    cdef int encode_hessian(self, HessianWriter h, object value) except -1:
        if not PyMemoryView_Check(value):
            refuse("memoryview", value)
        return put_hessian_view(h.w, value if value.c_contiguous else value.tobytes())

    cdef object decode_hessian(self, HessianReader h):
        h.pass_definitions()
        return memoryview(take_hessian_bytes(h.r))

    cdef str jvm(self):
        return "[B"

    cdef str describe(self):
        return "memoryview"
