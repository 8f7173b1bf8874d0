# One outgoing hessian2 stream: what was written before and can be referred to.

cdef enum:
    FEW_CONTAINERS = 8      # so many are found by looking at each; more get a hash table
    FEW_CLASSES = 8
    MOST_COPIES = 10000     # instead of references; what is that much shared would grow beyond measure


@cython.final
cdef class HessianWriter:
    """The state of one hessian2 stream above a ``Writer``: numbered containers, class definitions and type names.

    Every list, map and object takes the next number when it is opened. One that occurs again, by identity, is written as a
    reference to that number; so cycles can be sent. ``start`` makes the object ready for the next stream.

    Args:
        refs: False writes a copy each time, for peers that miscount; cycles are then an error.
    """

    def __init__(self, *, bint refs=True):
        self.refs = refs

    def __cinit__(self):
        self.refs = True
        self.uncounted = -1
        self.classes = {}
        self.types = {}

    def __dealloc__(self):
        self.finish()
        PyMem_Free(self.seen)
        PyMem_Free(self.levels)
        PyMem_Free(self.slots)

    cdef int start(self, Writer w, dict known) except -1:
        """Begin a stream at the end of ``w``; ``known``: plans of the classes that the interface names, or None."""
        self.finish()
        self.w = w
        self.known = known
        return 0

    cdef void finish(self) noexcept:
        """Let go of what was written."""
        cdef Py_ssize_t n = self.count
        if self.mask:
            memset(self.slots, 0, (self.mask + 1) * sizeof(int))
            self.mask = 0
        self.count = 0
        self.uncounted = -1
        self.copies = 0
        while n:
            n -= 1
            Py_XDECREF(self.seen[n])
        n = min(self.class_count, FEW_CLASSES)
        self.class_count = 0
        while n:
            n -= 1
            Py_XDECREF(self.few[n])
        if self.classes:
            self.classes.clear()
        if self.types:
            self.types.clear()

    cdef int refer(self, object value) except -1:
        """1: ``value`` was written before, and a reference to it is written now. 0: it has the next number; write it."""
        cdef Py_ssize_t n
        if not self.refs:
            return 0
        n = self.find(<PyObject*>value)
        if n < 0:
            return self.number(<PyObject*>value)
        if self.uncounted >= 0 and n > self.uncounted and self.copies < MOST_COPIES and not self.is_open(n):
            self.copies += 1
            return self.number(<PyObject*>value)
        write_byte(self.w, 0x51)
        put_hessian_int(self.w, <int32_t>n)
        return 1

    cdef void miscounted(self) noexcept:
        """The container just opened, a UUID, has no number for hessian-lite 3 (Dubbo 2.7 to 3.2): to it, references to what follows
        mean something else. So there are none, but copies, except where only a reference can say that a value contains itself."""
        if self.uncounted < 0:
            self.uncounted = self.count - 1

    cdef bint is_open(self, Py_ssize_t n) noexcept:
        """Whether container ``n`` is one that is being written now."""
        cdef Py_ssize_t i
        if self.w.depth >= self.levels[n]:
            return False
        for i in range(n + 1, self.count):
            if self.levels[i] >= self.levels[n]:
                return False
        return True

    cdef Py_ssize_t find(self, PyObject* value) noexcept:
        """The number of ``value``, the last one if it has several; -1: none."""
        cdef Py_ssize_t i = self.count
        if not self.mask:
            while i:
                i -= 1
                if self.seen[i] == value:
                    return i
            return -1
        i = self.slot_of(value)
        return self.slots[i] - 1

    cdef Py_ssize_t slot_of(self, PyObject* value) noexcept:
        """The slot that holds ``value``, or the free one where it belongs."""
        cdef Py_ssize_t i = <Py_ssize_t>((<size_t>value >> 4) * <size_t>0x9E3779B97F4A7C15 >> 20) & self.mask
        while self.slots[i] and self.seen[self.slots[i] - 1] != value:
            i = (i + 1) & self.mask
        return i

    cdef int number(self, PyObject* value) except -1:
        """Give ``value`` the next number, and keep it alive so that its address stays its own."""
        cdef Py_ssize_t cap
        cdef PyObject** seen
        cdef int* levels
        if self.count == self.cap:
            cap = 2 * self.cap or 16
            seen = <PyObject**>PyMem_Realloc(self.seen, cap * sizeof(PyObject*))
            if seen == NULL:
                raise MemoryError
            self.seen = seen
            levels = <int*>PyMem_Realloc(self.levels, cap * sizeof(int))
            if levels == NULL:
                raise MemoryError
            self.levels = levels
            self.cap = cap
        self.seen[self.count] = value
        self.levels[self.count] = self.w.depth
        Py_XINCREF(value)
        self.count += 1
        if self.count > FEW_CONTAINERS:
            if not self.mask or 2 * self.count > self.mask:
                self.rehash()
            else:
                self.slots[self.slot_of(value)] = <int>self.count
        return 0

    cdef int rehash(self) except -1:
        cdef Py_ssize_t i, size = 4 * (self.mask + 1) if self.mask else 64
        cdef int* slots
        if size > self.slots_cap:
            slots = <int*>PyMem_Realloc(self.slots, size * sizeof(int))
            if slots == NULL:
                raise MemoryError
            self.slots = slots
            self.slots_cap = size
        memset(self.slots, 0, size * sizeof(int))
        self.mask = size - 1
        for i in range(self.count):
            self.slots[self.slot_of(self.seen[i])] = <int>(i + 1)
        return 0

    cdef int open_object(self, object key, bytes definition) except -1:
        """Start an instance of the class that ``definition`` defines; ``key`` says which one that is in this stream."""
        cdef Py_ssize_t i
        cdef Writer w = self.w
        cdef object index = None
        for i in range(min(self.class_count, FEW_CLASSES)):
            if self.few[i] == <PyObject*>key:
                break
        else:
            i = self.class_count
            if i >= FEW_CLASSES:
                index = self.classes.get(key)
            if index is not None:
                i = index
            else:
                self.define(key, definition)
        if i < 16:
            return write_byte(w, <unsigned char>(0x60 + i))
        write_byte(w, 0x4F)
        return put_hessian_int(w, <int32_t>i)

    cdef int define(self, object key, bytes definition) except -1:
        """Write a class definition, under the next number."""
        cdef Py_ssize_t i = self.class_count
        if i < FEW_CLASSES:
            Py_INCREF(key)
            self.few[i] = <PyObject*>key
        if i >= FEW_CLASSES or type(key) is tuple:      # of equal tuples not only this one is meant
            self.classes[key] = i
        self.class_count += 1
        return self.w.write(PyBytes_AS_STRING(definition), PyBytes_GET_SIZE(definition))

    cdef int open_list(self, object type_name, Py_ssize_t n) except -1:
        """The header of a list of ``n``; ``type_name`` is its Java type, or None."""
        cdef Writer w = self.w
        if n > 0x7FFFFFFF:
            raise EncodeError(f"size of {n} is beyond the 31 bits that hessian2 has for it")
        if n < 8:
            write_byte(w, <unsigned char>((0x78 if type_name is None else 0x70) + n))
        else:
            write_byte(w, 0x58 if type_name is None else 0x56)
        if type_name is not None:
            self.put_type(type_name)
        return 0 if n < 8 else put_hessian_int(w, <int32_t>n)

    cdef int open_map(self, object type_name) except -1:
        if type_name is None:
            return write_byte(self.w, 0x48)
        write_byte(self.w, 0x4D)
        return self.put_type(type_name)

    cdef int put_type(self, object name) except -1:
        """A type's name the first time, its index afterwards."""
        index = self.types.get(name)
        if index is not None:
            return put_hessian_int(self.w, index)
        self.types[name] = len(self.types)
        return put_hessian_str(self.w, name)

    def dumps(self, plan, *values):
        """``values``, one after another in one stream, as bytes.

        Args:
            plan: of each value; None: ``Any``.
            values: what to encode.

        Raises:
            EncodeError: a value does not fit the type; ``path`` says where.
        """
        cdef Writer w = Writer.__new__(Writer)
        cdef Plan node = any_plan if plan is None else plan
        self.start(w, None)
        try:
            for value in values:
                node.encode_hessian(self, value)
        finally:
            self.finish()
            self.w = None
        return w.content()

    def __repr__(self):
        return f"<HessianWriter {self.count} containers, {self.class_count} classes>"


def hessian_dumps(plan, *values, bint refs=True):
    """``values``, one after another in one hessian2 stream, as bytes; see ``HessianWriter``.

    Raises:
        EncodeError: a value does not fit ``plan`` (None: ``Any``).
    """
    return HessianWriter(refs=refs).dumps(plan, *values)


cdef bytes class_definition(str name, names):
    """A class definition: its name and its fields' names."""
    cdef Writer w = Writer.__new__(Writer)
    write_byte(w, 0x43)
    put_hessian_str(w, name)
    put_hessian_int(w, len(names))
    for field in names:
        put_hessian_str(w, field)
    return w.content()


# ---- what the engine writes around values

cdef int hessian_write_str(HessianWriter h, object s) except -1:
    """``s`` must be a ``str``."""
    return put_hessian_str(h.w, s)


cdef int hessian_write_int(HessianWriter h, int value) except -1:
    return put_hessian_int(h.w, value)


cdef int hessian_write_null(HessianWriter h) except -1:
    return write_byte(h.w, 0x4E)


cdef int hessian_write_map(HessianWriter h, dict entries) except -1:
    """Attachments: an untyped map of whatever is in ``entries``."""
    return any_plan.encode_hessian(h, entries)
