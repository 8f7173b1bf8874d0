# list, tuple, set, frozenset and their abstract types: all arrays on the wire.


cdef bint is_text(object value) noexcept:
    """Whether it is a sequence that counts as one value."""
    return PyUnicode_Check(value) or PyBytes_Check(value) or PyByteArray_Check(value) or PyMemoryView_Check(value)


@cython.final
cdef class ListPlan(Plan):
    """list[item], or an abstract sequence; what arrives is a list.

    Args:
        item: plan of the elements.
        cls: ``list``, or the abstract type whose instances are taken.
        name: the type in errors.
        type_name: in hessian2, the Java type of a typed list such as ``[int``; None: an untyped one.
    """

    cdef Plan item
    cdef object cls
    cdef str name
    cdef object type_name

    def __init__(self, Plan item not None, cls, str name, str type_name=None):
        self.item = item
        self.cls = cls
        self.name = name
        self.type_name = type_name

    cdef int encode(self, Writer w, object value) except -1:
        if PyList_CheckExact(value):
            return self.item.encode_list(w, value)
        if not isinstance(value, self.cls) or is_text(value):
            refuse(self.name, value)
        return self.item.encode_list(w, list(value))

    cdef object decode(self, Reader r):
        return self.item.decode_list(r)

    cdef int encode_hessian(self, HessianWriter h, object value) except -1:
        cdef list items
        if not PyList_CheckExact(value) and (not isinstance(value, self.cls) or PyUnicode_Check(value) or PyBytes_Check(value)
                                             or PyByteArray_Check(value) or PyMemoryView_Check(value)):
            refuse(self.name, value)
        if h.refer(value):
            return 0
        items = value if PyList_CheckExact(value) else list(value)
        h.open_list(self.type_name, PyList_GET_SIZE(items))
        return self.item.encode_hessian_items(h, items)

    cdef object decode_hessian(self, HessianReader h):
        return decode_hessian_list(h, self, self.item)

    cdef int admit(self, object value, list todo) except -1:
        if not isinstance(value, self.cls) or is_text(value):
            refuse(self.name, value)
        return admit_items(self.item, value, todo)

    cdef str jvm(self):
        if self.type_name is not None:
            return "[" + self.item.jvm()
        return "Ljava/util/Collection;" if self.name == "Collection" else "Ljava/util/List;"

    cdef str describe(self):
        return f"{self.name}[{self.item.describe()}]"


@cython.final
cdef class VariadicTuplePlan(Plan):
    """tuple[item, ...]."""

    cdef Plan item

    def __init__(self, Plan item not None):
        self.item = item

    cdef int encode(self, Writer w, object value) except -1:
        if not PyTuple_Check(value):
            refuse("tuple", value)
        return self.item.encode_list(w, list(value))

    cdef object decode(self, Reader r):
        return tuple(self.item.decode_list(r))

    cdef int encode_hessian(self, HessianWriter h, object value) except -1:
        if not PyTuple_Check(value):
            refuse("tuple", value)
        if h.refer(value):
            return 0
        h.open_list(None, len(value))
        return self.item.encode_hessian_items(h, list(value))

    cdef object decode_hessian(self, HessianReader h):
        return decode_hessian_tuple(h, self, self.item)

    cdef int admit(self, object value, list todo) except -1:
        if not PyTuple_Check(value):
            refuse("tuple", value)
        return admit_items(self.item, value, todo)

    cdef str jvm(self):
        return "Ljava/util/List;"

    cdef str describe(self):
        return f"tuple[{self.item.describe()}, ...]"


@cython.final
cdef class TuplePlan(Plan):
    """tuple[a, b, c]: exactly so many elements, each of its own type."""

    cdef tuple items

    def __init__(self, *items):
        for item in items:
            if not isinstance(item, Plan):
                raise TypeError(f"not a Plan: {item!r}")
        self.items = items

    cdef int encode(self, Writer w, object value) except -1:
        cdef Py_ssize_t i = 0, n = PyTuple_GET_SIZE(self.items)
        if not PyTuple_Check(value):
            refuse("tuple", value)
        if PyTuple_GET_SIZE(value) != n:
            raise EncodeError(f"expected a tuple of {n} elements, got {PyTuple_GET_SIZE(value)}")
        write_array(w, n)
        enter_write(w)
        try:
            for i in range(n):
                (<Plan>rp_tuple_item(self.items, i)).encode(w, <object>rp_tuple_item(value, i))
            i = DONE
        finally:
            if i != DONE:
                pass_index(i)
        w.depth += 1
        return 0

    cdef object decode(self, Reader r):
        cdef Py_ssize_t i = 0, n = PyTuple_GET_SIZE(self.items), got = take_array(r)
        cdef list values
        if got != n:
            raise DecodeError(f"expected a tuple of {n} elements, got {got}")
        enter(r)
        charge(r, LIST_COST + n * ITEM_COST)
        values = []
        try:
            for i in range(n):
                values.append((<Plan>rp_tuple_item(self.items, i)).decode(r))
            i = DONE
        finally:
            if i != DONE:
                pass_index(i)
        r.depth += 1
        return tuple(values)

    cdef int encode_hessian(self, HessianWriter h, object value) except -1:
        cdef Py_ssize_t i = 0, n = PyTuple_GET_SIZE(self.items)
        if not PyTuple_Check(value):
            refuse("tuple", value)
        if PyTuple_GET_SIZE(value) != n:
            raise EncodeError(f"expected a tuple of {n} elements, got {PyTuple_GET_SIZE(value)}")
        if h.refer(value):
            return 0
        h.open_list(None, n)
        enter_write(h.w)
        try:
            for i in range(n):
                (<Plan>rp_tuple_item(self.items, i)).encode_hessian(h, <object>rp_tuple_item(value, i))
            i = DONE
        finally:
            if i != DONE:
                pass_index(i)
        h.w.depth += 1
        return 0

    cdef object decode_hessian(self, HessianReader h):
        cdef Py_ssize_t i = 0, n = PyTuple_GET_SIZE(self.items), got, number
        cdef list values = []
        h.pass_definitions()
        if tag_of(h.r) == TAG_REF:
            return h.resolve(self)
        got = h.open_list()
        number = h.number(NULL, self)
        if got >= 0 and got != n:
            raise DecodeError(f"expected a tuple of {n} elements, got {got}")
        enter(h.r)
        charge(h.r, LIST_COST + n * ITEM_COST)
        try:
            for i in range(n):
                values.append((<Plan>rp_tuple_item(self.items, i)).decode_hessian(h))
            i = DONE
        finally:
            if i != DONE:
                pass_index(i)
        if got < 0 and not h.at_end():
            raise DecodeError(f"expected a tuple of {n} elements, got more")
        h.r.depth += 1
        value = tuple(values)
        h.settle(number, value)
        return value

    cdef int admit(self, object value, list todo) except -1:
        if not PyTuple_Check(value):
            refuse("tuple", value)
        if PyTuple_GET_SIZE(value) != PyTuple_GET_SIZE(self.items):
            raise EncodeError(f"expected a tuple of {PyTuple_GET_SIZE(self.items)} elements, got {PyTuple_GET_SIZE(value)}")
        todo.extend(zip(self.items, value))
        return 0

    cdef str jvm(self):
        return "Ljava/util/List;"

    cdef str describe(self):
        return f"tuple[{', '.join([(<Plan>item).describe() for item in self.items]) or '()'}]"


@cython.final
cdef class SetPlan(Plan):
    """set[item] or frozenset[item], as an array in no particular order; elements sent twice count once.

    Args:
        item: plan of the elements.
        cls: the type whose instances are taken.
        make: ``set`` or ``frozenset``, what arrives.
        name: the type in errors.
    """

    cdef Plan item
    cdef object cls
    cdef object make
    cdef str name

    def __init__(self, Plan item not None, cls, make, str name):
        self.item = item
        self.cls = cls
        self.make = make
        self.name = name

    cdef int encode(self, Writer w, object value) except -1:
        if not isinstance(value, self.cls):
            refuse(self.name, value)
        return self.item.encode_list(w, list(value))

    cdef object decode(self, Reader r):
        cdef Py_ssize_t i = 0, n = take_array(r)
        cdef set out = set()
        cdef object item = None, counts = None
        cdef bint adding = False
        enter(r)
        charge(r, LIST_COST + n * ENTRY_COST)
        try:
            for i in range(n):
                adding = False
                item = self.item.decode(r)
                adding = True
                if not PyUnicode_CheckExact(item):
                    counts = count_hash(r, out, counts, item)
                PySet_Add(out, item)
            i = DONE
        finally:
            if i != DONE:
                if adding:
                    not_hashable(item, "an element of a set", f"[{i}]")
                pass_index(i)
        r.depth += 1
        return out if self.make is set else self.make(out)

    cdef int encode_hessian(self, HessianWriter h, object value) except -1:
        if not isinstance(value, self.cls):
            refuse(self.name, value)
        if h.refer(value):
            return 0
        h.open_list("java.util.HashSet", len(value))
        return self.item.encode_hessian_items(h, list(value))

    cdef object decode_hessian(self, HessianReader h):
        return decode_hessian_set(h, self, self.item, self.make)

    cdef int admit(self, object value, list todo) except -1:
        if not isinstance(value, self.cls):
            refuse(self.name, value)
        return admit_items(self.item, value, todo)

    cdef str jvm(self):
        return "Ljava/util/Set;"

    cdef tuple java_names(self):
        return (ENUM_SET,)

    cdef str describe(self):
        return f"{self.name}[{self.item.describe()}]"


cdef int not_hashable(object item, str role, str step) except -1:
    """In a ``finally``: the element's or key's own ``__hash__`` or ``__eq__`` has raised."""
    error = PyErr_GetHandledException()
    if isinstance(error, Exception) and not isinstance(error, DecodeError):
        raise DecodeError(f"a {kind_name(item)} cannot be {role}: {error}", path=step) from error
    return 0


cdef enum:
    EQUAL_HASHES = 64   # different keys of one hash that a map or set may have


cdef object count_hash(Reader r, object container, object counts, object key):
    """Called before ``key``, which is no ``str``, becomes a key of ``container``; returns the new ``counts``, None at first.

    Python hashes text with a secret, but numbers, and what is made of them (Decimal, UUID, records), as everybody can compute:
    a peer could choose keys that all have one hash, and each would be compared with all before it.

    Raises:
        DecodeError: there are too many of one hash.
    """
    cdef int overflow = 0
    cdef PyObject* before
    if key is None or PyUnicode_Check(key) or PyBytes_Check(key):
        return counts
    if PyLong_Check(key):
        rp_int_value(key, &overflow)
        if not overflow:
            return counts       # of 64 bits there are at most 9 of one hash
    if key in container:
        return counts
    if counts is None:
        counts = {}
    charge(r, ENTRY_COST)
    value = hash(key)
    before = PyDict_GetItemWithError(counts, value)
    n = 1 if before == NULL else <object>before + 1
    if n > EQUAL_HASHES:
        raise DecodeError(f"more than {<int>EQUAL_HASHES} different keys or elements of one hash, as if chosen to be slow")
    PyDict_SetItem(counts, value, n)
    return counts
