# Unions. Encoding picks the member by the value's type, decoding by the first byte, or, between records, by a tag.


@cython.final
cdef class OptionalPlan(Plan):
    """``T | None``."""

    cdef Plan item

    def __init__(self, Plan item not None):
        self.item = item

    cdef int encode(self, Writer w, object value) except -1:
        if value is None:
            return write_nil(w)
        return self.item.encode(w, value)

    cdef object decode(self, Reader r):
        if is_nil(r):
            return None
        return self.item.decode(r)

    cdef str describe(self):
        return f"{self.item.describe()} | None"


@cython.final
cdef class UnionPlan(Plan):
    """A union whose members differ by their first byte.

    Args:
        members: tuples (types, plan, kinds): the Python types that the member encodes, its plan, and which kinds of
            values (see ``KINDS``) it decodes. No two members share a kind.
    """

    cdef list types             # every type of every member
    cdef list plans             # for each of the types
    cdef PyObject* by_kind[10]  # a borrowed Plan, or NULL
    cdef str text

    def __init__(self, *members):
        self.types = [cls for types, _, _ in members for cls in types]
        self.plans = [plan for types, plan, _ in members for _ in types]
        for _, plan, kinds in members:
            for name in kinds:
                self.by_kind[<int>KINDS.index(name)] = <PyObject*>(<Plan?>plan)
        self.text = " | ".join([(<Plan>plan).describe() for _, plan, _ in members])

    cdef int encode(self, Writer w, object value) except -1:
        cdef Py_ssize_t i
        for i in range(PyList_GET_SIZE(self.types)):
            if <PyObject*>Py_TYPE(value) == PyList_GET_ITEM(self.types, i):
                return (<Plan>PyList_GET_ITEM(self.plans, i)).encode(w, value)
        for i in range(PyList_GET_SIZE(self.types)):
            if isinstance(value, self.types[i]) and not (self.types[i] is int and type(value) is bool):
                return (<Plan>PyList_GET_ITEM(self.plans, i)).encode(w, value)
        return refuse(self.text, value)

    cdef object decode(self, Reader r):
        cdef PyObject* plan = NULL
        if r.p < r.end:
            plan = self.by_kind[<int>kind_of(r.p[0])]
        if plan == NULL:
            mismatch(r, self.text)
        return (<Plan>plan).decode(r)

    cdef str describe(self):
        return self.text


@cython.final
cdef class RecordUnionPlan(Plan):
    """Several record types, told apart by one entry of the map: ``"@type"``, written first, or a shared Literal field.

    Args:
        key: wire name of that entry.
        records: their RecordPlans.
        tags: for each record the values of the entry that mean it.
        written: whether the entry is written in addition to the fields.
        attribute: the Literal field's name in Python, where values may be dicts (TypedDict).
    """

    cdef str key
    cdef object key_data
    cdef dict by_tag            # (type, value) -> RecordPlan
    cdef dict by_type           # class -> RecordPlan
    cdef dict prefixes          # RecordPlan -> encoded key and tag, or None
    cdef list records
    cdef str attribute
    cdef str text

    def __init__(self, str key, records, tags, *, bint written, str attribute=""):
        cdef RecordPlan record
        self.key = key
        self.key_data = StrPlan().dumps(key)
        self.records = list(records)
        self.by_tag = {}
        self.by_type = {}
        self.prefixes = {}
        self.attribute = attribute
        for record, values in zip(records, tags):
            for value in values:
                self.by_tag[known(value)] = record
            if not record.from_dict:
                self.by_type[record.cls] = record
            self.prefixes[record] = self.key_data + any_plan.dumps(values[0]) if written else None
        self.text = " | ".join([(<RecordPlan>record).name for record in records])

    cdef int encode(self, Writer w, object value) except -1:
        cdef RecordPlan record = self.by_type.get(type(value))
        if record is None:
            record = self.record_of(value)
        return record.encode_tagged(w, value, self.prefixes[record])

    cdef RecordPlan record_of(self, object value):
        """The record that an instance of a subclass, or a dict, is encoded as."""
        cdef RecordPlan record
        cdef object tag
        for cls in type(value).__mro__:
            record = self.by_type.get(cls)
            if record is not None:
                return record
        if PyDict_Check(value) and self.attribute:
            tag = value.get(self.attribute)
            if not (PyList_Check(tag) or PyDict_Check(tag) or PyAnySet_Check(tag)):
                record = self.by_tag.get(known(tag))
                if record is not None:
                    return record
        refuse(self.text, value)

    cdef object decode(self, Reader r):
        cdef const unsigned char* start = r.p
        cdef Py_ssize_t large_next = r.large_next
        cdef RecordPlan record = self.by_tag.get(known(self.read_tag(r)))
        if record is None:
            raise DecodeError(f"expected {self.text}, got a record with another {self.key!r}")
        r.p = start
        r.large_next = large_next
        return record.decode(r)

    cdef object read_tag(self, Reader r):
        """The tag's value, wherever it stands in the map; usually first."""
        cdef Py_ssize_t n = read_map(r), size = PyBytes_GET_SIZE(self.key_data)
        cdef const unsigned char* key = <const unsigned char*>PyBytes_AS_STRING(self.key_data)
        for _ in range(n):
            if size <= r.end - r.p and rp_equal(r.p, key, size):
                r.p += size
                if next_is(r, KIND_LIST) or next_is(r, KIND_DICT) or next_is(r, KIND_EXT):
                    mismatch(r, f"{self.key!r} to be a plain value")
                return decode_any(r)
            skip(r)
            skip(r)
        raise DecodeError(f"expected {self.text}, got a record without {self.key!r}")

    cdef str describe(self):
        return self.text


@cython.final
cdef class DeferredPlan(Plan):
    """Stands for a type alias inside its own definition; ``target`` is set when that is known."""

    cdef public Plan target
    cdef str name

    def __init__(self, str name):
        self.name = name

    cdef int encode(self, Writer w, object value) except -1:
        return self.target.encode(w, value)

    cdef object decode(self, Reader r):
        return self.target.decode(r)

    cdef str describe(self):
        return self.name


@cython.final
cdef class RootPlan(Plan):
    """A whole value, such as a method's result; gives every path its first step.

    Args:
        root: that step.
        item: plan of the value.
    """

    cdef str root
    cdef Plan item

    def __init__(self, str root, Plan item not None):
        self.root = root
        self.item = item

    cdef int encode(self, Writer w, object value) except -1:
        cdef bint done = False
        try:
            self.item.encode(w, value)
            done = True
        finally:
            if not done:
                pass_step(self.root)
        return 0

    cdef object decode(self, Reader r):
        cdef bint done = False
        try:
            value = self.item.decode(r)
            done = True
        finally:
            if not done:
                pass_step(self.root)
        return value

    cdef str describe(self):
        return self.item.describe()
