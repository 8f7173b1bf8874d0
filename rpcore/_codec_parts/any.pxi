# Any: everything natural is encoded by what it is; what arrives becomes plain Python.


cdef int encode_any(Writer w, object value) except -1:
    if PyUnicode_CheckExact(value):
        return put_str(w, value)
    if PyLong_CheckExact(value):
        return write_pyint(w, value)
    if value is None:
        return write_byte(w, 0xC0)
    if value is True:
        return write_byte(w, 0xC3)
    if value is False:
        return write_byte(w, 0xC2)
    if PyFloat_CheckExact(value):
        return write_double(w, PyFloat_AS_DOUBLE(value))
    if PyDict_CheckExact(value):
        return encode_any_dict(w, value)
    if PyList_CheckExact(value):
        return any_plan.encode_list(w, value)
    if PyBytes_CheckExact(value):
        return write_bin(w, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value), value)
    return encode_subclass(w, value)


cdef int encode_subclass(Writer w, object value) except -1:
    """Whatever is not exactly one of JSON's types: subclasses, sets, records, dates."""
    cls = type(value)
    if hasattr(cls, "_member_map_") and hasattr(value, "_value_"):       # an Enum
        return encode_any(w, value._value_)
    names = record_names(cls)
    if names is not None:
        return encode_any_record(w, value, names)
    if PyUnicode_Check(value):
        return write_str(w, value)
    if PyLong_Check(value):
        return write_pyint(w, value)
    if PyFloat_Check(value):
        return write_double(w, PyFloat_AS_DOUBLE(value))
    if PyBytes_Check(value) or PyByteArray_Check(value):
        return write_view(w, value)
    if PyMemoryView_Check(value):
        return write_view(w, value if value.c_contiguous else value.tobytes())
    if PyDict_Check(value):
        return encode_any_dict(w, dict(value))
    if PyList_Check(value) or PyTuple_Check(value) or PyAnySet_Check(value):
        return any_plan.encode_list(w, list(value))
    return encode_named(w, value)


cdef int encode_named(Writer w, object value) except -1:
    """Types of the standard library that are known by name, because importing them may not be this module's doing."""
    cdef Plan plan
    for cls in type(value).__mro__:
        plan = named_plan(cls)
        if plan is not None:
            return plan.encode(w, value)
    raise EncodeError(f"cannot encode a value of type {kind_name(value)}")


cdef Plan named_plan(object cls):
    module, name = cls.__module__, cls.__qualname__
    if module == "datetime":
        if name == "datetime":
            return DatetimePlan()
        if name == "date" or name == "time":
            return TextPlan(cls, cls.isoformat, cls.fromisoformat)
        if name == "timedelta":
            return TextPlan(cls, format_duration, None)
    elif module == "decimal" and name == "Decimal":
        return TextPlan(cls, str, cls)
    elif module == "uuid" and name == "UUID":
        return UuidPlan(cls)
    return None


cdef tuple record_names(object cls):
    """The field names of a record class of any kind that records.py knows; None for other classes."""
    if hasattr(cls, "__dataclass_fields__"):
        import dataclasses

        return tuple([field.name for field in dataclasses.fields(cls) if field.init])
    fields = getattr(cls, "__struct_fields__", None)
    if fields is None and issubclass(cls, tuple):
        fields = getattr(cls, "_fields", None)
    if fields is None:
        fields = getattr(cls, "__attrs_attrs__", None)
        if fields is not None:
            return tuple([field.name for field in fields])
        fields = getattr(cls, "__pydantic_fields__", None)
    return None if fields is None else tuple(fields)


cdef int encode_any_record(Writer w, object value, tuple names) except -1:
    cdef str name = ""
    cdef bint done = False
    write_map(w, len(names))
    enter_write(w)
    try:
        for name in names:
            write_str(w, name)
            encode_any(w, getattr(value, name))
        done = True
    finally:
        if not done:
            pass_step(name)
    w.depth += 1
    return 0


cdef int encode_any_dict(Writer w, object value) except -1:
    cdef Py_ssize_t at = 0, n = PyDict_Size(value), count = 0
    cdef PyObject* key_ref
    cdef PyObject* item_ref
    cdef object key = None, item
    cdef bint done = False
    write_map(w, n)
    enter_write(w)
    try:
        while PyDict_Next(value, &at, &key_ref, &item_ref):
            key = <object>key_ref
            item = <object>item_ref
            count += 1
            encode_any(w, key)
            encode_any(w, item)
        done = True
    finally:
        if not done:
            pass_step(key_step(key))
    w.depth += 1
    return same_entries(value, n, count)


cdef object decode_any(Reader r):
    cdef Kind kind
    if r.p >= r.end:
        truncated()
    kind = kind_of(r.p[0])
    if kind == KIND_STR:
        return owned(take_str(r))
    if kind == KIND_INT:
        return read_any_int(r)
    if kind == KIND_DICT:
        return decode_any_dict(r)
    if kind == KIND_LIST:
        return any_plan.decode_list(r)
    if kind == KIND_FLOAT:
        return PyFloat_FromDouble(read_number(r))
    if kind == KIND_BYTES:
        return take_bin(r, read_bin(r))
    if kind == KIND_EXT:
        return DatetimePlan().decode(r)
    if kind == KIND_RESERVED:
        mismatch(r, "a value")
    r.p += 1
    return None if kind == KIND_NONE else (r.p - 1)[0] == 0xC3


cdef object decode_any_dict(Reader r):
    cdef Py_ssize_t n = take_map(r)
    cdef dict out = {}
    cdef object key = None
    cdef bint done = False
    enter(r)
    charge(r, DICT_COST + n * ENTRY_COST)
    try:
        for _ in range(n):
            key = decode_any(r)
            if PyList_CheckExact(key) or PyDict_CheckExact(key):
                raise DecodeError(f"a {kind_name(key)} cannot be a key")
            PyDict_SetItem(out, key, decode_any(r))
        done = True
    finally:
        if not done:
            pass_step(key_step(key))
    r.depth += 1
    return out


@cython.final
cdef class AnyPlan(Plan):
    """Any: JSON's types, bytes-likes, tuples, sets, records (as maps), enums (by value), dates, Decimal, UUID."""

    cdef int encode(self, Writer w, object value) except -1:
        return encode_any(w, value)

    cdef object decode(self, Reader r):
        return decode_any(r)

    cdef int encode_hessian(self, HessianWriter h, object value) except -1:
        return encode_hessian_any(h, value)

    cdef object decode_hessian(self, HessianReader h):
        return decode_hessian_any(h)

    cdef int admit(self, object value, list todo) except -1:
        return 0

    cdef int encode_list(self, Writer w, list items) except -1:
        cdef Py_ssize_t i = 0, n = PyList_GET_SIZE(items)
        write_array(w, n)
        enter_write(w)
        try:
            for i in range(n):
                encode_any(w, list_item(items, i))
            i = DONE
        finally:
            if i != DONE:
                pass_index(i)
        w.depth += 1
        return same_size(items, n)

    cdef list decode_list(self, Reader r):
        cdef Py_ssize_t i = 0, n = take_array(r)
        cdef list items = new_list(r, n)
        cdef object item
        try:
            for i in range(n):
                item = decode_any(r)
                Py_INCREF(item)
                PyList_SET_ITEM(items, i, <PyObject*>item)
            i = DONE
        finally:
            if i != DONE:
                pass_index(i)
        r.depth += 1
        return items

    cdef str describe(self):
        return "Any"


cdef Plan any_plan = AnyPlan()
ANY = any_plan
