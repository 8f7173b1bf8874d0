# Records: a map by field name on both sides.
#
# Encoding writes each key as bytes made beforehand (header and name) and walks the fields in order. Decoding expects
# the fields in that order: one comparison with the expected key's bytes takes the place of a look-up. Other orders,
# unknown fields and missing ones go the slower way. The values are collected in a C array first, and then made into an
# object in one of four ways (see Build).

from cpython.object cimport PyTypeObject

cdef enum:
    RECORD_COST = 64
    FIELD_COST = 40
    FEW = 32            # records of up to so many fields need no memory beside the stack
    UNKNOWN = -2        # no field of ours

cdef enum Build:
    BUILD_NEW           # cls.__new__ and the fields set directly: what a generated __init__ would do
    BUILD_CALL          # cls(*positional, **keywords)
    BUILD_DICT          # a TypedDict: the dict itself
    BUILD_TUPLE         # a NamedTuple: tuple.__new__

cdef enum Default:
    DEFAULT_NONE        # required
    DEFAULT_VALUE
    DEFAULT_FACTORY
    DEFAULT_OMIT        # a missing field stays missing

cdef struct Field:
    PyObject* name          # borrowed from RecordPlan.names: the attribute or key
    PyObject* plan          # borrowed from RecordPlan.plans
    PyObject* default       # borrowed from RecordPlan.defaults: value or factory
    const unsigned char* key    # points into RecordPlan.keys: header and wire name
    Py_ssize_t key_size
    Py_ssize_t offset       # of the slot in an instance; 0: by getattr
    Default default_kind


class _Required:
    def __repr__(self):
        return "REQUIRED"


class _Omit:
    def __repr__(self):
        return "OMIT"


REQUIRED = _Required()
OMIT = _Omit()


@cython.final
cdef class Factory:
    """A default that is made anew each time, by calling ``make()``."""

    cdef readonly object make

    def __init__(self, make):
        self.make = make


cdef extern from *:
    """
    #include "structmember.h"
    /* The offset of the slot behind a member descriptor of `cls`, or 0 when it is none that holds an object. */
    static Py_ssize_t rp_slot_offset(PyObject *cls, PyObject *descriptor) {
        PyMemberDef *member;
        if (Py_TYPE(descriptor) != &PyMemberDescr_Type) { return 0; }
        if (!PyType_IsSubtype((PyTypeObject *)cls, PyDescr_TYPE(descriptor))) { return 0; }
        member = ((PyMemberDescrObject *)descriptor)->d_member;
        return member->type == T_OBJECT_EX ? member->offset : 0;
    }
    """
    Py_ssize_t rp_slot_offset(object cls, object descriptor) noexcept


@cython.final
cdef class RecordPlan(Plan):
    """A record type. Made empty, then given its fields by ``define``, so that it may contain itself.

    Args:
        cls: the class; instances of subclasses are encoded as this class.
        name: the type in errors.
    """

    cdef object cls
    cdef str name
    cdef tuple names, plans, defaults, keys, wire_names
    cdef str wire_name          # of the class itself, or ""
    cdef bytes definition       # of the Java class of that name, or None
    cdef dict by_wire           # wire name of a field -> its index
    cdef Field* fields
    cdef Py_ssize_t count
    cdef Build build
    cdef bint from_dict         # values are dict items (TypedDict), not attributes
    cdef object post_init       # its name, or None
    cdef Py_ssize_t positional  # BUILD_CALL: leading fields passed by position
    cdef tuple keywords         # BUILD_CALL: names of the others

    def __cinit__(self):
        self.fields = NULL

    def __init__(self, cls, str name):
        self.cls = cls
        self.name = name
        self.names = self.plans = self.defaults = self.keys = self.wire_names = self.keywords = ()

    def __dealloc__(self):
        PyMem_Free(self.fields)

    def define(self, fields, str build, *, post_init=None, Py_ssize_t positional=0, keywords=(), str wire_name=""):
        """Give the record its fields; called once.

        Args:
            fields: tuples (name, wire name, plan, default, descriptor). The default is a value, ``Factory``,
                ``REQUIRED`` or ``OMIT``; the descriptor is what the class has under the name, or None.
            build: ``"new"``, ``"call"``, ``"dict"`` or ``"tuple"``.
            post_init: method to call afterwards, with ``build="new"``.
            wire_name: the Java class, as whose instances hessian2 sends it; "": as a map.
            positional, keywords: how the fields are passed, with ``build="call"``.

        Raises:
            ConfigurationError: the class cannot be made that way, or from what may be missing.
        """
        cdef Py_ssize_t i
        cdef Field* f
        cdef Plan plan
        if self.fields != NULL:
            raise TypeError(f"{self.name} is already defined")
        for i, (name, _, _, default, _) in enumerate(fields):
            if default is OMIT and build != "dict" and not (build == "call" and i >= positional):
                raise ConfigurationError(f"{self.name}.{name}: only a key or a keyword can be left out")
        if build == "tuple" and not issubclass(self.cls, tuple):
            raise ConfigurationError(f"{self.name} is no tuple")
        if build == "call" and positional + len(keywords) != len(fields):
            raise ConfigurationError(f"{self.name}: {positional} + {len(keywords)} arguments for {len(fields)} fields")
        self.names = tuple([intern_name(name) for name, _, _, _, _ in fields])
        self.wire_names = tuple([wire for _, wire, _, _, _ in fields])
        self.wire_name = wire_name
        self.definition = class_definition(wire_name, self.wire_names) if wire_name else None
        self.by_wire = {wire: i for i, wire in enumerate(self.wire_names)}
        self.plans = tuple([plan for _, _, plan, _, _ in fields])
        self.defaults = tuple([d.make if isinstance(d, Factory) else d for _, _, _, d, _ in fields])
        self.keys = tuple([StrPlan().dumps(wire) for wire in self.wire_names])
        self.build = {"new": BUILD_NEW, "call": BUILD_CALL, "dict": BUILD_DICT, "tuple": BUILD_TUPLE}[build]
        self.from_dict = self.build == BUILD_DICT
        self.post_init = post_init
        self.positional = positional
        self.keywords = tuple([intern_name(name) for name in keywords])
        self.fields = <Field*>PyMem_Malloc((len(self.names) or 1) * sizeof(Field))
        if self.fields == NULL:
            raise MemoryError
        for i, (_, _, plan, default, descriptor) in enumerate(fields):
            f = self.fields + i
            f.name = rp_tuple_item(self.names, i)
            f.plan = <PyObject*>plan
            f.default = rp_tuple_item(self.defaults, i)
            f.key = <const unsigned char*>PyBytes_AS_STRING(self.keys[i])
            f.key_size = len(self.keys[i])
            f.offset = rp_slot_offset(self.cls, descriptor)
            if default is REQUIRED:
                f.default_kind = DEFAULT_NONE
            elif default is OMIT:
                f.default_kind = DEFAULT_OMIT
            else:
                f.default_kind = DEFAULT_FACTORY if isinstance(default, Factory) else DEFAULT_VALUE
        self.count = len(self.names)    # last: until here the record has no fields

    # ---- encoding

    cdef int encode(self, Writer w, object value) except -1:
        return self.encode_tagged(w, value, None)

    cdef int encode_tagged(self, Writer w, object value, object tag) except -1:
        """``tag``: None, or the encoded key and value that a union of records puts first."""
        cdef bint exact = <PyObject*>Py_TYPE(value) == <PyObject*>self.cls
        if not exact and not (PyDict_Check(value) if self.from_dict else isinstance(value, self.cls)):
            refuse(self.name, value)
        enter_write(w)
        if self.from_dict:
            self.encode_dict(w, value, tag)
        else:
            self.encode_fields(w, value, tag, exact)
        w.depth += 1
        return 0

    cdef int encode_hessian(self, HessianWriter h, object value) except -1:
        return self.encode_hessian_as(h, value, self.definition)

    cdef int encode_hessian_as(self, HessianWriter h, object value, bytes definition) except -1:
        """As an object of the class that ``definition`` defines, or as a map where that is None."""
        cdef bint exact = <PyObject*>Py_TYPE(value) == <PyObject*>self.cls
        cdef Plan plan
        if not exact:
            if not (PyDict_Check(value) if self.from_dict else isinstance(value, self.cls)):
                refuse(self.name, value)
            plan = plan_of(h, type(value))
            if plan is not None and plan is not self and definition is self.definition:
                return plan.encode_hessian(h, value)    # a subclass that has its own name
        if h.refer(value):
            return 0
        enter_write(h.w)
        if definition is not None:
            h.open_object(self, definition)
        else:
            h.open_map(None)
        self.put_values(h, value, exact, definition is not None)
        if definition is None:
            write_byte(h.w, 0x5A)
        h.w.depth += 1
        return 0

    cdef int put_values(self, HessianWriter h, object value, bint exact, bint bare) except -1:
        """The fields; ``bare``: without their names."""
        cdef Py_ssize_t i = 0
        cdef Field* f = self.fields
        cdef PyObject* item
        cdef object field_value
        try:
            for i in range(self.count):
                f = self.fields + i
                if self.from_dict:
                    item = PyDict_GetItemWithError(value, <object>f.name)
                    if item == NULL:
                        if f.default_kind != DEFAULT_OMIT:
                            raise EncodeError("the key is missing")
                        if bare:
                            write_byte(h.w, 0x4E)
                        continue
                    field_value = <object>item
                elif f.offset and exact:
                    item = rp_slot_get(value, f.offset)
                    if item == NULL:
                        raise EncodeError("the attribute is not set")
                    field_value = owned(item)
                else:
                    field_value = PyObject_GetAttr(value, <object>f.name)
                if not bare:
                    put_hessian_str(h.w, <object>rp_tuple_item(self.wire_names, i))
                (<Plan>f.plan).encode_hessian(h, field_value)
            i = DONE
        finally:
            if i != DONE:
                pass_field(self.names[i])
        return 0

    cdef int encode_fields(self, Writer w, object value, object tag, bint exact) except -1:
        cdef Py_ssize_t i = 0
        cdef Field* f = self.fields
        cdef PyObject* item
        cdef object field_value
        write_map(w, self.count + (tag is not None))
        if tag is not None:
            w.write(PyBytes_AS_STRING(tag), PyBytes_GET_SIZE(tag))
        try:
            for i in range(self.count):
                f = self.fields + i
                reserve(w, f.key_size + 16)
                rp_copy(w.buf + w.pos, <const char*>f.key, f.key_size)
                w.pos += f.key_size
                if f.offset and exact:
                    item = rp_slot_get(value, f.offset)
                    if item == NULL:
                        raise EncodeError("the attribute is not set")
                    field_value = owned(item)
                else:
                    field_value = PyObject_GetAttr(value, <object>f.name)
                (<Plan>f.plan).encode(w, field_value)
            i = DONE
        finally:
            if i != DONE:
                pass_field(self.names[i])
        return 0

    cdef int encode_dict(self, Writer w, object value, object tag) except -1:
        cdef Py_ssize_t i = 0, n = 0
        cdef Field* f = self.fields
        cdef PyObject* item
        cdef object field_value
        cdef list present = []
        for i in range(self.count):
            item = PyDict_GetItemWithError(value, <object>self.fields[i].name)
            if item != NULL:
                present.append(<object>item)
                n += 1
            elif self.fields[i].default_kind == DEFAULT_OMIT:
                present.append(OMIT)
            else:
                raise EncodeError("the key is missing", path=<str>self.fields[i].name)
        write_map(w, n + (tag is not None))
        if tag is not None:
            w.write(PyBytes_AS_STRING(tag), PyBytes_GET_SIZE(tag))
        try:
            for i in range(self.count):
                field_value = present[i]
                if field_value is OMIT:
                    continue
                f = self.fields + i
                w.write(f.key, f.key_size)
                (<Plan>f.plan).encode(w, field_value)
            i = DONE
        finally:
            if i != DONE:
                pass_field(self.names[i])
        return 0

    # ---- decoding

    cdef int take_values(self, HessianReader h, Mapping mapping, PyObject** values) except -1:
        """Read the fields of an object as its definition orders them."""
        cdef Py_ssize_t i, j = DONE
        cdef object item
        try:
            for i in range(mapping.count):
                j = mapping.to[i]
                if j == NOWHERE:
                    decode_hessian_any(h)
                    continue
                item = (<Plan>self.fields[j].plan).decode_hessian(h)
                Py_INCREF(item)
                values[j] = <PyObject*>item
            j = DONE
        finally:
            if j != DONE:
                pass_step(self.names[j])
        return 0

    cdef int take_entries(self, HessianReader h, PyObject** values) except -1:
        """Read the fields from a map."""
        cdef Py_ssize_t j = DONE
        cdef object item, key
        try:
            while not h.at_end():
                j = DONE
                key = decode_hessian_any(h)
                j = self.by_wire.get(key, DONE) if PyUnicode_Check(key) else DONE
                if j == DONE:
                    decode_hessian_any(h)
                    continue
                item = (<Plan>self.fields[j].plan).decode_hessian(h)
                Py_INCREF(item)
                Py_XDECREF(values[j])
                values[j] = <PyObject*>item
            j = DONE
        finally:
            if j != DONE:
                pass_step(self.names[j])
        return 0

    cdef object decode_hessian(self, HessianReader h):
        """An object, of whatever class unless a subclass of ours has its name, or a map; by field names."""
        cdef HessianClass c = h.open_object()
        if c is not None:
            if c.expected is not self:
                c.mapping = make_mapping(self.target(h, c), c.names)
                c.expected = self
            return (<RecordPlan>c.mapping.target).decode_hessian_fields(h, c.mapping)
        if TAGS[h.r.p[0]] == TAG_REF:
            return h.resolve(self)
        if TAGS[h.r.p[0]] != TAG_MAP:
            unexpected(h.r, self.name)
        open_hessian_map(h)
        return self.decode_hessian_fields(h, None)

    cdef RecordPlan target(self, HessianReader h, HessianClass c):
        """The record that an object of class ``c`` becomes here: a known subclass, or this one."""
        cdef Plan plan
        if c.name != self.wire_name:
            plan = h.look_up(c).plan
            if isinstance(plan, RecordPlan) and not self.from_dict and issubclass((<RecordPlan>plan).cls, self.cls):
                return plan
        return self

    cdef object decode_hessian_fields(self, HessianReader h, Mapping mapping, PyObject* before=NULL):
        """The instance whose header was read; ``mapping``: None when its fields are the entries of a map.

        ``before``: what a reference to it is while its fields are read; NULL: an error.
        """
        cdef PyObject* few[FEW]
        cdef PyObject** values = few
        cdef Py_ssize_t i, number
        cdef object out = None
        cdef Reader r = h.r
        cdef bint making = False
        enter(r)
        charge(r, RECORD_COST + self.count * FIELD_COST)
        if self.build == BUILD_NEW:
            out = rp_new(self.cls, ())      # known before its fields are read: they may refer to it
            number = h.number(<PyObject*>out, self)
        else:
            number = h.number(before, self)
        if self.count > FEW:
            values = <PyObject**>PyMem_Malloc(self.count * sizeof(PyObject*))
            if values == NULL:
                raise MemoryError
        for i in range(self.count):
            values[i] = NULL
        try:
            if mapping is not None:
                self.take_values(h, mapping, values)
            else:
                self.take_entries(h, values)
            making = True
            for i in range(self.count):
                if values[i] == NULL:
                    self.fill(values)
                    break
            if self.build == BUILD_NEW:
                self.fill_new(out, values)
            else:
                out = self.make(values)
                h.settle(number, out)
            making = False
        finally:
            for i in range(self.count):
                Py_XDECREF(values[i])
            if values != few:
                PyMem_Free(values)
            if making:
                self.not_made()
        r.depth += 1
        return out

    cdef int admit(self, object value, list todo) except -1:
        """An instance was checked when it was made; only a TypedDict's dict may have been read as any dict."""
        cdef Py_ssize_t i
        if not isinstance(value, dict if self.from_dict else self.cls):
            refuse(self.name, value)
        if self.from_dict:
            for i in range(self.count):
                if self.names[i] in value:
                    todo.append((self.plans[i], value[self.names[i]]))
                elif self.fields[i].default_kind != DEFAULT_OMIT:
                    raise EncodeError("the key is missing", path=self.names[i])
        return 0

    cdef str jvm(self):
        return jvm_of(self.wire_name) if self.wire_name else "Ljava/util/Map;"

    cdef tuple java_names(self):
        return (self.wire_name,) if self.wire_name else ()

    cdef object decode(self, Reader r):
        cdef PyObject* few[FEW]
        cdef PyObject** values = few
        cdef Py_ssize_t i, found
        cdef object out
        cdef bint making = False
        enter(r)
        charge(r, RECORD_COST + self.count * FIELD_COST)
        if self.count > FEW:
            values = <PyObject**>PyMem_Malloc(self.count * sizeof(PyObject*))
            if values == NULL:
                raise MemoryError
        for i in range(self.count):
            values[i] = NULL
        try:
            found = self.decode_fields(r, values)
            making = True
            if found != self.count:
                self.fill(values)
            out = self.make(values)
            making = False
        finally:
            for i in range(self.count):
                Py_XDECREF(values[i])
            if values != few:
                PyMem_Free(values)
            if making:
                self.not_made()
        r.depth += 1
        return out

    cdef Py_ssize_t decode_fields(self, Reader r, PyObject** values) except -1:
        """Put an owned reference into ``values`` for each field that comes; returns how many did."""
        cdef Py_ssize_t n = take_map(r), expected = 0, found = 0, j = DONE
        cdef Field* f
        cdef object item
        cdef PyObject* earlier
        try:
            for _ in range(n):
                f = self.fields + expected
                if expected < self.count and f.key_size <= r.end - r.p and rp_equal(r.p, f.key, f.key_size):
                    r.p += f.key_size
                    j = expected
                else:
                    j = DONE        # an error in the key, or in an unknown field, has no step of ours
                    j = self.find(r)
                    if j == UNKNOWN:
                        j = DONE
                        skip(r)
                        continue
                    f = self.fields + j
                item = (<Plan>f.plan).decode(r)
                Py_INCREF(item)
                earlier = values[j]     # of a key that comes twice, the last value counts
                values[j] = <PyObject*>item
                if earlier == NULL:
                    found += 1
                else:
                    Py_XDECREF(earlier)
                expected = j + 1
            j = DONE
        finally:
            if j != DONE:
                pass_step(self.names[j])
        return found

    cdef Py_ssize_t find(self, Reader r) except -1:
        """The index of the field whose key stands at the present position, or UNKNOWN; moves past the key."""
        cdef Py_ssize_t n, i, size
        cdef const unsigned char* p
        if r.p < r.end and not next_is(r, KIND_STR):
            skip(r)             # a key that is no str names no field
            return UNKNOWN
        n = str_length(r)
        p = r.p
        r.p += n
        for i in range(self.count):
            size = self.fields[i].key_size
            if size == n + str_header_size(n) and rp_equal(p, self.fields[i].key + size - n, n):
                return i
        return UNKNOWN

    cdef int fill(self, PyObject** values) except -1:
        """Put defaults where nothing came."""
        cdef Py_ssize_t i
        cdef Field* f
        cdef object item
        for i in range(self.count):
            f = self.fields + i
            if values[i] != NULL or f.default_kind == DEFAULT_OMIT:
                continue
            if f.default_kind == DEFAULT_NONE:
                raise DecodeError(f"field {self.wire_names[i]!r} is missing and has no default", path=<str>f.name)
            item = <object>f.default
            if f.default_kind == DEFAULT_FACTORY:
                item = item()
            Py_INCREF(item)
            values[i] = <PyObject*>item
        return 0

    cdef object make(self, PyObject** values):
        if self.build == BUILD_NEW:
            return self.make_new(values)
        if self.build == BUILD_CALL:
            return self.make_call(values)
        if self.build == BUILD_TUPLE:
            return self.make_tuple(values)
        return self.make_dict(values)

    cdef object make_new(self, PyObject** values):
        return self.fill_new(rp_new(self.cls, ()), values)

    cdef object fill_new(self, object out, PyObject** values):
        """Set the fields of a bare instance."""
        cdef Py_ssize_t i
        cdef Field* f
        for i in range(self.count):
            f = self.fields + i
            if f.offset:
                rp_slot_set(out, f.offset, values[i])
                values[i] = NULL
            else:
                PyObject_GenericSetAttr(out, <object>f.name, <object>values[i])
        if self.post_init is not None:
            getattr(out, self.post_init)()
        return out

    cdef object make_call(self, PyObject** values):
        cdef Py_ssize_t i
        cdef PyObject* keywords = <PyObject*>self.keywords if self.keywords else NULL
        for i in range(self.count):
            if values[i] == NULL:
                return self.call_with_some(values)
        return PyObject_Vectorcall(self.cls, values, self.positional, keywords)

    cdef object call_with_some(self, PyObject** values):
        """Call the class without the keywords that nothing came for; its own defaults hold."""
        cdef Py_ssize_t i
        args = [<object>values[i] for i in range(self.positional)]
        keywords = {
            self.keywords[i - self.positional]: <object>values[i]
            for i in range(self.positional, self.count)
            if values[i] != NULL
        }
        return self.cls(*args, **keywords)

    cdef object make_dict(self, PyObject** values):
        cdef dict out = {}
        cdef Py_ssize_t i
        for i in range(self.count):
            if values[i] != NULL:
                PyDict_SetItem(out, <object>self.fields[i].name, <object>values[i])
        return out

    cdef object make_tuple(self, PyObject** values):
        cdef object out = rp_new_tuple(self.cls, self.count)
        cdef Py_ssize_t i
        for i in range(self.count):
            PyTuple_SET_ITEM(out, i, values[i])
            values[i] = NULL
        return out

    cdef int not_made(self) except -1:
        """In a ``finally``: a default or the class itself has raised, which makes the body wrong, not the program."""
        error = PyErr_GetHandledException()
        if isinstance(error, Exception) and not isinstance(error, DecodeError):
            raise DecodeError(f"{self.name}: {kind_name(error)}: {error}") from error
        return 0

    cdef str describe(self):
        return self.name


cdef int str_header_size(Py_ssize_t n) noexcept:
    return 1 if n <= 31 else 2 if n <= 0xFF else 3 if n <= 0xFFFF else 5


cdef object intern_name(object name):
    import sys

    return sys.intern(name)
