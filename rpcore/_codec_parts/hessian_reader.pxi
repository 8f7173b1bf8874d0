# One incoming hessian2 stream: what was read before and is referred to.

cdef enum:
    CLASS_COST = 256
    REF_COST = 16
    MOST_CLASSES = 65536        # definitions in one stream
    LONGEST_NAME = 65535        # bytes of a class definition that is worth remembering, at most
    REMEMBERED = 32             # definitions kept from one stream to the next
    NOWHERE = -1                # a field that the expected type does not have


@cython.final
cdef class HessianClass:
    """A class definition as it was read. What to do with its instances is found out once, and again only when a stream expects
    another type at their place."""

    def __init__(self, str name, tuple names, bytes raw):
        self.name = name
        self.names = names
        self.raw = raw


@cython.final
cdef class Mapping:
    """Where the fields of a definition go in a record of ours. Immutable: readers in the midst of an instance hold it."""

    def __dealloc__(self):
        PyMem_Free(self.to)


cdef Mapping make_mapping(RecordPlan target, tuple names):
    cdef Mapping out = Mapping.__new__(Mapping)
    cdef Py_ssize_t i
    out.target = target
    out.count = len(names)
    out.to = <Py_ssize_t*>PyMem_Malloc((out.count or 1) * sizeof(Py_ssize_t))
    if out.to == NULL:
        raise MemoryError
    cdef dict last = {name: i for i, name in enumerate(names)}     # of a shadowed field, the subclass's own comes last
    for i in range(out.count):
        out.to[i] = target.by_wire.get(names[i], NOWHERE) if last[names[i]] == i else NOWHERE
    return out


@cython.final
cdef class HessianReader:
    """The state of one hessian2 stream above a ``Reader``: containers by number, class definitions and type names.

    Reuse it for the streams of one connection: it remembers their class definitions, so that they are not parsed again.
    """

    def __cinit__(self):
        self.types = []
        self.remembered = []

    def __dealloc__(self):
        self.finish()
        PyMem_Free(self.refs)
        PyMem_Free(self.classes)

    cdef int start(self, Reader r, dict known) except -1:
        """Begin a stream; ``known``: plans of the classes that the interface names, by wire name, or None."""
        self.finish()
        self.r = r
        self.known = known
        return 0

    cdef void finish(self) noexcept:
        """Let go of what was read."""
        cdef Py_ssize_t n = self.count
        self.count = 0
        while n:
            n -= 1
            Py_XDECREF(self.refs[n].value)
        self.drop_classes(0)
        if self.types:
            self.types.clear()

    cdef Py_ssize_t number(self, PyObject* value, Plan plan) except -1:
        """The number of a container that was just opened. NULL: it cannot be referred to until ``settle``."""
        cdef Py_ssize_t n = self.count, cap
        cdef Ref* refs
        if n == self.cap:
            cap = 2 * self.cap or 16
            refs = <Ref*>PyMem_Realloc(self.refs, cap * sizeof(Ref))
            if refs == NULL:
                raise MemoryError
            self.refs = refs
            self.cap = cap
        charge(self.r, REF_COST)
        Py_XINCREF(value)
        self.refs[n].value = value
        self.refs[n].plan = <size_t><PyObject*>plan
        self.count += 1
        return n

    cdef int settle(self, Py_ssize_t n, object value) except -1:
        """Container ``n`` is ``value``."""
        cdef PyObject* old = self.refs[n].value
        Py_INCREF(value)
        self.refs[n].value = <PyObject*>value
        Py_XDECREF(old)
        return 0

    cdef object resolve(self, Plan plan):
        """The value of the reference at the present position, where ``plan`` expects one of its own."""
        cdef int64_t n
        cdef object value
        self.r.p += 1
        if not take_hessian_int(self.r, &n):
            unexpected(self.r, "the number of a reference")
        if n < 0 or n >= self.count:
            raise DecodeError(f"reference to number {n}, but {self.count} lists, maps and objects were read")
        if self.refs[n].value == NULL:
            raise DecodeError(f"reference to number {n}, which contains it: such a value cannot be part of itself")
        value = <object>self.refs[n].value
        if self.refs[n].plan | 1 != <size_t><PyObject*>plan | 1 and plan is not any_plan:
            return self.adopt(plan, value)
        self.refs[n].plan |= 1
        return value

    cdef object adopt(self, Plan plan, object value):
        """A value that was read as another type, as one of this type.

        It must be of this type too; only between list and tuple, set and frozenset it is copied. Not recursive: the value may be
        deeper than what was read, by its references, and may contain itself.
        """
        cdef list todo
        cdef Plan node
        cdef set seen = set()
        value = other_shape(plan, value)
        todo = [(plan, value)]
        try:
            while todo:
                node, item = todo.pop()
                if node is any_plan or (id(node), id(item)) in seen:
                    continue
                seen.add((id(node), id(item)))
                charge(self.r, ENTRY_COST)
                node.admit(item, todo)
        except EncodeError as error:
            raise DecodeError(f"a reference to another type of value: {error.message}", path=error.path) from error
        return value

    cdef int pass_definitions(self) except -1:
        """Read the class definitions at the present position, if there are any."""
        while self.r.p < self.r.end and self.r.p[0] == 0x43:
            self.define()
        return 0

    cdef int define(self) except -1:
        cdef Reader r = self.r
        cdef HessianClass c
        cdef const unsigned char* start = r.p
        cdef Py_ssize_t size, n
        for c in self.remembered:
            size = PyBytes_GET_SIZE(c.raw)
            if size <= r.end - start and memcmp(start, PyBytes_AS_STRING(c.raw), size) == 0:
                r.p += size
                return self.add_class(c)
        if self.class_count >= MOST_CLASSES:
            raise DecodeError(f"more than {<int>MOST_CLASSES} class definitions")
        charge(r, CLASS_COST)
        r.p += 1
        name = owned(take_hessian_str(r))
        n = take_hessian_length(r, "number of fields")
        charge(r, n * ITEM_COST)
        names = tuple([owned(take_hessian_str(r)) for _ in range(n)])
        size = r.p - start
        charge(r, size)
        c = HessianClass(name, names, PyBytes_FromStringAndSize(<const char*>start, size))
        self.add_class(c)
        if size <= LONGEST_NAME and len(self.remembered) < REMEMBERED:
            self.remembered.append(c)
        return 0

    cdef HessianClass open_object(self):
        """The class of the object at the present position; moves past its header. None: no object is there."""
        cdef Reader r = self.r
        cdef int64_t n
        self.pass_definitions()
        if r.p >= r.end:
            truncated()
        if 0x60 <= r.p[0] <= 0x6F:
            n = r.p[0] - 0x60
            r.p += 1
        elif r.p[0] == 0x4F:
            r.p += 1
            if not take_hessian_int(r, &n):
                unexpected(r, "the number of a class")
        else:
            return None
        if n < 0 or n >= self.class_count:
            raise DecodeError(f"object of class number {n}, but {self.class_count} were defined")
        return <HessianClass>self.classes[n]

    cdef int add_class(self, HessianClass c) except -1:
        """Give a definition the next number."""
        cdef Py_ssize_t cap
        cdef PyObject** classes
        charge(self.r, REF_COST)
        if self.class_count == self.class_cap:
            cap = 2 * self.class_cap or 8
            classes = <PyObject**>PyMem_Realloc(self.classes, cap * sizeof(PyObject*))
            if classes == NULL:
                raise MemoryError
            self.classes = classes
            self.class_cap = cap
        Py_INCREF(c)
        self.classes[self.class_count] = <PyObject*>c
        self.class_count += 1
        return 0

    cdef void drop_classes(self, Py_ssize_t n) noexcept:
        """Keep ``n`` definitions."""
        while self.class_count > n:
            self.class_count -= 1
            Py_DECREF(<object>self.classes[self.class_count])

    cdef object take_type(self):
        """The type of a list or map: a name, or the index of one that was read before."""
        cdef int64_t n
        if take_hessian_int(self.r, &n):
            if n < 0 or n >= len(self.types):
                raise DecodeError(f"type number {n}, but {len(self.types)} were read")
            return self.types[n]
        if tag_of(self.r) != TAG_STR:
            unexpected(self.r, "the name of a type")
        name = owned(take_hessian_str(self.r))
        charge(self.r, REF_COST)
        self.types.append(name)
        return name

    cdef Py_ssize_t open_list(self) except -2:
        """The length of the list at the present position, -1 for one that ends at a ``Z``; moves past its header, and leaves its
        Java type, or None, in ``type_name``."""
        cdef Reader r = self.r
        cdef unsigned char t
        self.pass_definitions()
        if tag_of(r) != TAG_LIST:
            unexpected(r, "list")
        t = r.p[0]
        r.p += 1
        self.type_name = self.take_type() if t <= 0x56 or 0x70 <= t <= 0x77 else None
        if t == 0x55 or t == 0x57:
            return -1
        if t < 0x60:
            return take_hessian_length(r, "length of a list")
        if (t & 7) > r.end - r.p:
            truncated()
        return t & 7

    cdef bint at_end(self) except -1:
        """Whether a list or map ends here; moves past its ``Z``."""
        if self.r.p >= self.r.end:
            truncated()
        if self.r.p[0] != 0x5A:
            return False
        self.r.p += 1
        return True

    cdef HessianClass look_up(self, HessianClass c):
        """Find out what the instances of ``c`` become where Any is expected; once for a stream's interface."""
        if not c.looked_up or c.known is not self.known:
            plan = None if self.known is None else self.known.get(c.name)
            c.plan = find_plan(c.name) if plan is None else plan
            c.reader = java_reader(c.name, c.names) if c.plan is None else None
            c.known = self.known
            c.looked_up = True
        return c

    def loads(self, data, plan=None, Limits limits=None):
        """The value in ``data``, which holds one; see ``hessian_loads``."""
        cdef Plan node = any_plan if plan is None else plan
        cdef Reader r = Reader.__new__(Reader)
        r.open(data, limits)
        self.start(r, self.known)
        try:
            value = node.decode_hessian(self)
            if r.p != r.end:
                raise DecodeError(f"{r.end - r.p} bytes follow the value")
        finally:
            self.finish()
            self.r = None
        return value

    def load_stream(self, data, *plans, Limits limits=None):
        """All values in ``data`` as a list; see ``hessian_loads``."""
        return self.load_all(data, tuple([any_plan if plan is None else plan for plan in plans]), limits)

    cdef list load_all(self, object data, tuple plans, Limits limits):
        cdef Reader r = Reader.__new__(Reader)
        cdef list values = []
        r.open(data, limits)
        self.start(r, self.known)
        try:
            if plans:
                for plan in plans:
                    values.append((<Plan>plan).decode_hessian(self))
                if r.p != r.end:
                    raise DecodeError(f"{r.end - r.p} bytes follow the value")
            else:
                while r.p != r.end:
                    values.append(any_plan.decode_hessian(self))
        finally:
            self.finish()
            self.r = None
        return values

    def __repr__(self):
        return f"<HessianReader {self.count} containers, {self.class_count} classes>"


def hessian_loads(data, *plans, Limits limits=None):
    """The values in ``data``, one hessian2 stream, as a list.

    Args:
        data: any contiguous bytes-like.
        plans: one for each value, None for ``Any``. Without any, all values there are, untyped.
        limits: defaults to ``Limits()``.

    Raises:
        DecodeError: the bytes are damaged, do not fit the types or exceed a limit, or something follows the values.
    """
    return HessianReader().load_stream(data, *plans, limits=limits)


# ---- what the engine reads around values

cdef object hessian_read_str(HessianReader h):
    """A string where Java reads one leniently: None, and the text of a bool or number, too."""
    cdef Tag tag
    h.pass_definitions()
    tag = tag_of(h.r)
    if tag == TAG_STR:
        return owned(take_hessian_str(h.r))
    if tag == TAG_NULL:
        h.r.p += 1
        return None
    if tag == TAG_BOOL or tag == TAG_INT or tag == TAG_LONG or tag == TAG_DOUBLE:
        value = any_plan.decode_hessian(h)
        return str(value).lower() if tag == TAG_BOOL else str(value)
    unexpected(h.r, "str")


cdef object hessian_read_map(HessianReader h):
    """Attachments: a dict of any values, empty when null stands there."""
    h.pass_definitions()
    if tag_of(h.r) == TAG_NULL:
        h.r.p += 1
        return {}
    value = any_plan.decode_hessian(h)
    if not PyDict_Check(value):
        raise DecodeError(f"expected a map, got {kind_name(value)}")
    return value


cdef int64_t hessian_read_int(HessianReader h) except? -1:
    """An int of any form."""
    cdef int64_t n
    h.pass_definitions()
    if not take_hessian_int(h.r, &n):
        unexpected(h.r, "int")
    return n


cdef object hessian_read_any(HessianReader h):
    """Any value; a Throwable that no class of ours is named for becomes a JavaException."""
    return any_plan.decode_hessian(h)
