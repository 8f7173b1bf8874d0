# dict and Mapping.


cdef int same_entries(object value, Py_ssize_t n, Py_ssize_t count) except -1:
    if count != n or PyDict_Size(value) != n:
        raise EncodeError(f"the dict of {n} entries changed while it was encoded; it now has {PyDict_Size(value)}")
    return 0


@cython.final
cdef class DictPlan(Plan):
    """dict[key, value]; of duplicate keys the last wins.

    Args:
        key, value: their plans.
        cls: ``dict``, or the abstract type whose instances are taken; what arrives is a dict.
        name: the type in errors.
    """

    cdef Plan key
    cdef Plan value
    cdef object cls
    cdef str name

    def __init__(self, Plan key not None, Plan value not None, cls, str name):
        self.key = key
        self.value = value
        self.cls = cls
        self.name = name

    cdef int encode(self, Writer w, object value) except -1:
        if not PyDict_CheckExact(value):
            if not isinstance(value, self.cls):
                refuse(self.name, value)
            value = dict(value)
        return self.encode_dict(w, value)

    cdef int encode_dict(self, Writer w, object entries) except -1:
        cdef Py_ssize_t at = 0, n = PyDict_Size(entries), count = 0
        cdef PyObject* key_ref
        cdef PyObject* item_ref
        cdef object key = None, item
        cdef bint in_key = True, done = False
        write_map(w, n)
        enter_write(w)
        try:
            while PyDict_Next(entries, &at, &key_ref, &item_ref):
                key = <object>key_ref
                item = <object>item_ref
                count += 1
                in_key = True
                self.key.encode(w, key)
                in_key = False
                self.value.encode(w, item)
            done = True
        finally:
            if not done:
                pass_step("[key]" if in_key else key_step(key))
        w.depth += 1
        return same_entries(entries, n, count)

    cdef object decode(self, Reader r):
        cdef Py_ssize_t n = take_map(r)
        cdef dict out = {}
        cdef object key = None, item, counts = None
        cdef bint in_key = True, storing = False, done = False
        enter(r)
        charge(r, DICT_COST + n * ENTRY_COST)
        try:
            for _ in range(n):
                storing = False
                in_key = True
                key = self.key.decode(r)
                in_key = False
                item = self.value.decode(r)
                storing = True
                if not PyUnicode_CheckExact(key):
                    counts = count_hash(r, out, counts, key)
                PyDict_SetItem(out, key, item)
            done = True
        finally:
            if not done:
                if storing:
                    not_hashable(key, "a key", key_step(key))
                pass_step("[key]" if in_key else key_step(key))
        r.depth += 1
        return out

    cdef int encode_hessian(self, HessianWriter h, object value) except -1:
        if not PyDict_CheckExact(value) and not isinstance(value, self.cls):
            refuse(self.name, value)
        if h.refer(value):
            return 0
        h.open_map(None)
        return encode_hessian_entries(h, value if PyDict_CheckExact(value) else dict(value), self.key, self.value)

    cdef object decode_hessian(self, HessianReader h):
        cdef dict out = {}
        h.pass_definitions()
        if tag_of(h.r) == TAG_REF:
            return h.resolve(self)
        open_hessian_map(h)
        h.number(<PyObject*>out, self)
        decode_hessian_entries(h, out, self.key, self.value)
        return out

    cdef int admit(self, object value, list todo) except -1:
        if not isinstance(value, self.cls):
            refuse(self.name, value)
        admit_items(self.key, value, todo)
        return admit_items(self.value, value.values(), todo)

    cdef str jvm(self):
        return "Ljava/util/Map;"

    cdef str describe(self):
        return f"{self.name}[{self.key.describe()}, {self.value.describe()}]"
