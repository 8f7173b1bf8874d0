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

    cdef int encode_hessian(self, HessianWriter h, object value) except -1:
        if value is None:
            return write_byte(h.w, 0x4E)
        return self.item.encode_hessian(h, value)

    cdef object decode_hessian(self, HessianReader h):
        if h.r.p < h.r.end and h.r.p[0] == 0x4E:
            h.r.p += 1
            return None
        return self.item.decode_hessian(h)

    cdef int admit(self, object value, list todo) except -1:
        return 0 if value is None else self.item.admit(value, todo)

    cdef str jvm(self):
        """Only a box can be null."""
        cdef str plain = self.item.jvm()
        return BOXES.get(plain, plain)

    cdef tuple java_names(self):
        return self.item.java_names()

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
    cdef list members           # the plans, each once
    cdef PyObject* by_kind[10]  # a borrowed Plan, or NULL
    cdef str text

    def __init__(self, *members):
        self.types = [cls for types, _, _ in members for cls in types]
        self.plans = [plan for types, plan, _ in members for _ in types]
        self.members = [plan for _, plan, _ in members]
        for _, plan, kinds in members:
            for name in kinds:
                self.by_kind[<int>KINDS.index(name)] = <PyObject*>(<Plan?>plan)
        self.text = " | ".join([(<Plan>plan).describe() for _, plan, _ in members])

    cdef PyObject* member_of(self, object value) except NULL:
        """The member that encodes ``value``, borrowed."""
        cdef Py_ssize_t i
        for i in range(PyList_GET_SIZE(self.types)):
            if <PyObject*>Py_TYPE(value) == PyList_GET_ITEM(self.types, i):
                return PyList_GET_ITEM(self.plans, i)
        for i in range(PyList_GET_SIZE(self.types)):
            if isinstance(value, self.types[i]) and not (self.types[i] is int and type(value) is bool):
                return PyList_GET_ITEM(self.plans, i)
        refuse(self.text, value)

    cdef int encode(self, Writer w, object value) except -1:
        return (<Plan>self.member_of(value)).encode(w, value)

    cdef object decode(self, Reader r):
        cdef PyObject* plan = NULL
        if r.p < r.end:
            plan = self.by_kind[<int>kind_of(r.p[0])]
        if plan == NULL:
            mismatch(r, self.text)
        return (<Plan>plan).decode(r)

    cdef int encode_hessian(self, HessianWriter h, object value) except -1:
        return (<Plan>self.member_of(value)).encode_hessian(h, value)

    cdef object decode_hessian(self, HessianReader h):
        cdef const unsigned char* start
        cdef HessianClass c
        cdef Plan plan = None
        cdef Tag tag
        h.pass_definitions()
        tag = tag_of(h.r)
        if tag == TAG_REF:
            return h.resolve(self)
        if tag == TAG_OBJECT:
            start = h.r.p
            c = h.open_object()
            h.r.p = start
            for member in self.members:
                if c.name in (<Plan>member).java_names():
                    plan = member
                    break
        if plan is not None:
            return plan.decode_hessian(h)
        if HESSIAN_KINDS[<int>tag] is None or self.by_kind[<int>KINDS.index(HESSIAN_KINDS[<int>tag])] == NULL:
            unexpected(h.r, self.text)
        return (<Plan>self.by_kind[<int>KINDS.index(HESSIAN_KINDS[<int>tag])]).decode_hessian(h)

    cdef int admit(self, object value, list todo) except -1:
        return (<Plan>self.member_of(value)).admit(value, todo)

    cdef tuple java_names(self):
        return sum([(<Plan>plan).java_names() for plan in self.members], ())

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
    cdef dict by_name           # Java class name -> RecordPlan
    cdef dict definitions       # RecordPlan -> class definition under that name
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
        self.by_name = {}
        self.definitions = {}
        self.attribute = attribute
        for record, values in zip(records, tags):
            for value in values:
                self.by_tag[known(value)] = record
            name = record.wire_name or str(values[0])
            self.by_name[name] = record
            self.definitions[record] = class_definition(name, record.wire_names)
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

    cdef int encode_hessian(self, HessianWriter h, object value) except -1:
        """As an object of the record's wire name; without one the tag takes its place."""
        cdef RecordPlan record = self.by_type.get(type(value))
        if record is None:
            record = self.record_of(value)
        return record.encode_hessian_as(h, value, record.definition or self.definitions[record])

    cdef object decode_hessian(self, HessianReader h):
        cdef const unsigned char* start
        cdef Py_ssize_t count
        cdef HessianClass c
        cdef RecordPlan record
        h.pass_definitions()
        if tag_of(h.r) == TAG_REF:
            return h.resolve(self)
        start = h.r.p
        c = h.open_object()
        record = None if c is None else self.by_name.get(c.name)
        if record is None:
            record = self.record_inside(h, c)
        h.r.p = start
        return record.decode_hessian(h)

    cdef RecordPlan record_inside(self, HessianReader h, HessianClass c):
        """The record that the entry of a map, or the field of an object of another class, tells: read it and forget that."""
        cdef Py_ssize_t count = h.count, classes = h.class_count, types = len(h.types)
        cdef RecordPlan record
        cdef dict fields
        h.number(NULL, self)
        if c is not None:
            fields = read_hessian_fields(h, c)
        else:
            open_hessian_map(h)
            fields = {}
            decode_hessian_entries(h, fields, any_plan, any_plan)
        tag = fields.get(self.key)
        record = self.by_tag.get(known(tag)) if type(tag) in (str, int, bool) else None
        if record is None:
            raise DecodeError(f"expected {self.text}, got a record with another {self.key!r}, or none")
        while h.count > count:
            h.count -= 1
            Py_XDECREF(h.refs[h.count].value)
        h.drop_classes(classes)
        del h.types[types:]
        return record

    cdef int admit(self, object value, list todo) except -1:
        cdef RecordPlan record = self.by_type.get(type(value))
        return (self.record_of(value) if record is None else record).admit(value, todo)

    cdef tuple java_names(self):
        return tuple(self.by_name)

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

    cdef int encode_hessian(self, HessianWriter h, object value) except -1:
        return self.target.encode_hessian(h, value)

    cdef object decode_hessian(self, HessianReader h):
        return self.target.decode_hessian(h)

    cdef int admit(self, object value, list todo) except -1:
        return self.target.admit(value, todo)

    cdef str jvm(self):
        return self.target.jvm()

    cdef tuple java_names(self):
        return ()       # asked only of what is defined; an alias may be inside itself

    cdef str describe(self):
        return self.name


@cython.final
cdef class RootPlan(Plan):
    """A whole value, such as a method's result; gives every path its first step.

    Args:
        root: that step.
        item: plan of the value.
        known: as ArgsPlan's.
    """

    cdef str root
    cdef Plan item
    cdef readonly dict known

    def __init__(self, str root, Plan item not None, dict known=None):
        self.known = known
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

    cdef int encode_hessian(self, HessianWriter h, object value) except -1:
        cdef bint done = False
        try:
            self.item.encode_hessian(h, value)
            done = True
        finally:
            if not done:
                pass_step(self.root)
        return 0

    cdef object decode_hessian(self, HessianReader h):
        cdef bint done = False
        try:
            value = self.item.decode_hessian(h)
            done = True
        finally:
            if not done:
                pass_step(self.root)
        return value

    cdef int admit(self, object value, list todo) except -1:
        return self.item.admit(value, todo)

    cdef str jvm(self):
        return self.item.jvm()

    cdef str describe(self):
        return self.item.describe()


@cython.final
cdef class DescribedPlan(Plan):
    """A plan whose parameter has a Java descriptor of its own.

    Args:
        item: the plan that does the work.
        descriptor: the JVM descriptor.
    """

    cdef Plan item
    cdef str text

    def __init__(self, Plan item, str descriptor):
        self.item = item
        self.text = descriptor

    cdef int encode(self, Writer w, object value) except -1:
        return self.item.encode(w, value)

    cdef object decode(self, Reader r):
        return self.item.decode(r)

    cdef int encode_hessian(self, HessianWriter h, object value) except -1:
        return self.item.encode_hessian(h, value)

    cdef object decode_hessian(self, HessianReader h):
        return self.item.decode_hessian(h)

    cdef int admit(self, object value, list todo) except -1:
        return self.item.admit(value, todo)

    cdef str jvm(self):
        return self.text

    cdef tuple java_names(self):
        return self.item.java_names()

    cdef str describe(self):
        return self.item.describe()


cdef dict known_of(Plan plan):
    """The named classes that occur in what ``plan`` encodes, or None when nobody collected them."""
    return (<RootPlan>plan).known if isinstance(plan, RootPlan) else None
