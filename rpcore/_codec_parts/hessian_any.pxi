# hessian2 without a declared type: everything natural by what it is; objects by the class that is known under their name, as the
# Python value of a Java type (javatypes.py), as an exception, or as a GenericObject (hessian_objects.pxi).


# ---- encoding


cdef int encode_hessian_any(HessianWriter h, object value) except -1:
    cdef int overflow = 0
    cdef long long small
    if PyUnicode_CheckExact(value):
        return put_hessian_str(h.w, value)
    if PyLong_CheckExact(value):
        small = rp_int_value(value, &overflow)
        if overflow:
            return encode_hessian_any(h, java().BigInteger(value))
        if -0x80000000LL <= small <= 0x7FFFFFFFLL:
            return put_hessian_int(h.w, <int32_t>small)
        return put_hessian_long(h.w, small)
    if value is None:
        return write_byte(h.w, 0x4E)
    if value is True:
        return write_byte(h.w, 0x54)
    if value is False:
        return write_byte(h.w, 0x46)
    if PyFloat_CheckExact(value):
        return put_hessian_double(h.w, PyFloat_AS_DOUBLE(value))
    if PyDict_CheckExact(value):
        return encode_hessian_dict(h, value, value, None)
    if PyList_CheckExact(value):
        return encode_hessian_list(h, value, value, None)
    if PyBytes_CheckExact(value):
        return put_hessian_bytes(h.w, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value), value)
    return encode_hessian_other(h, value)


cdef int encode_hessian_dict(HessianWriter h, object value, object entries, object type_name) except -1:
    if h.refer(value):
        return 0
    h.open_map(type_name)
    return encode_hessian_entries(h, entries, any_plan, any_plan)


cdef int encode_hessian_list(HessianWriter h, object value, list items, object type_name) except -1:
    if h.refer(value):
        return 0
    h.open_list(type_name, PyList_GET_SIZE(items))
    return any_plan.encode_hessian_items(h, items)


cdef int encode_hessian_entries(HessianWriter h, object entries, Plan keys, Plan values) except -1:
    """The entries of a map whose header is written, and its end."""
    cdef Py_ssize_t at = 0, n = PyDict_Size(entries), count = 0
    cdef PyObject* key_ref
    cdef PyObject* item_ref
    cdef object key = None, item
    cdef bint in_key = True, done = False
    enter_write(h.w)
    try:
        while PyDict_Next(entries, &at, &key_ref, &item_ref):
            key = <object>key_ref
            item = <object>item_ref
            count += 1
            in_key = True
            keys.encode_hessian(h, key)
            in_key = False
            values.encode_hessian(h, item)
        done = True
    finally:
        if not done:
            pass_step("[key]" if in_key else key_step(key))
    h.w.depth += 1
    same_entries(entries, n, count)
    return write_byte(h.w, 0x5A)


cdef int encode_hessian_other(HessianWriter h, object value) except -1:
    """Whatever is not exactly one of JSON's types."""
    cdef object cls = type(value), names, form, type_name
    cdef Plan plan
    if cls is GenericObject:
        return encode_generic(h, value)
    if PyTuple_CheckExact(value):
        return encode_hessian_list(h, value, list(value), None)
    if cls is set or cls is frozenset:
        return encode_hessian_list(h, value, list(value), "java.util.HashSet")
    plan = plan_of(h, cls)
    if plan is not None:
        return plan.encode_hessian(h, value)
    if hasattr(cls, "_member_map_") and hasattr(value, "_value_"):       # an Enum without a Java class
        return encode_hessian_any(h, value._value_)
    if isinstance(value, BaseException):
        return encode_exception(h, value)
    names = record_names(cls)
    if names is not None:
        return encode_record_map(h, value, names)
    type_name = getattr(value, "type_name", None)
    if isinstance(value, java().TYPED):
        if PyDict_Check(value):
            return encode_hessian_dict(h, value, dict(value), type_name)
        if cls is java().MapEntries:
            return encode_pairs(h, value, type_name)
        return encode_hessian_list(h, value, list(value), type_name)
    try:
        form = java().form_of(value)
    except (ValueError, OverflowError) as error:
        raise EncodeError(str(error)) from error
    if form is not NotImplemented:
        return encode_form(h, form)
    if PyUnicode_Check(value):
        return put_hessian_str(h.w, value)
    if PyLong_Check(value):
        return encode_hessian_any(h, int(value))
    if PyFloat_Check(value):
        return put_hessian_double(h.w, PyFloat_AS_DOUBLE(value))
    if PyBytes_Check(value) or PyByteArray_Check(value):
        return put_hessian_view(h.w, value)
    if PyMemoryView_Check(value):
        return put_hessian_view(h.w, value if value.c_contiguous else value.tobytes())
    if PyDict_Check(value):
        return encode_hessian_dict(h, value, dict(value), None)
    if PyList_Check(value) or PyTuple_Check(value):
        return encode_hessian_list(h, value, list(value), None)
    if PyAnySet_Check(value):
        return encode_hessian_list(h, value, list(value), "java.util.HashSet")
    raise EncodeError(f"cannot encode a value of type {kind_name(value)}")


cdef int encode_form(HessianWriter h, object form) except -1:
    """What ``javatypes.form_of`` made of a value: a GenericObject, a long, a date, or a plain value."""
    if type(form) is java().Long:
        return put_hessian_long(h.w, form)
    if type(form) is java().DateMillis:
        return put_hessian_date(h.w, form)
    return encode_hessian_any(h, form)


cdef int encode_generic(HessianWriter h, GenericObject value) except -1:
    if h.refer(value):
        return 0
    if value.class_name == UUID:
        h.miscounted()
    open_generic(h, value.class_name, value.names)
    return put_fields(h, value.names, list(value.values))


cdef int open_generic(HessianWriter h, str name, tuple names) except -1:
    cdef object key = (name, names), known = h.classes.get(key)
    if known is None:
        return h.open_object(key, class_definition(name, names))
    if known < 16:
        return write_byte(h.w, <unsigned char>(0x60 + known))
    write_byte(h.w, 0x4F)
    return put_hessian_int(h.w, known)


cdef int put_fields(HessianWriter h, tuple names, list values) except -1:
    cdef Py_ssize_t i = 0
    enter_write(h.w)
    try:
        for i in range(len(names)):
            encode_hessian_any(h, list_item(values, i))
        i = DONE
    finally:
        if i != DONE:
            pass_step(names[i])
    h.w.depth += 1
    return 0


cdef int encode_record_map(HessianWriter h, object value, tuple names) except -1:
    """A record whose class has no wire name."""
    cdef str name = ""
    cdef bint done = False
    if h.refer(value):
        return 0
    h.open_map(None)
    enter_write(h.w)
    try:
        for name in names:
            put_hessian_str(h.w, name)
            encode_hessian_any(h, getattr(value, name))
        done = True
    finally:
        if not done:
            pass_step(name)
    h.w.depth += 1
    return write_byte(h.w, 0x5A)


cdef int encode_pairs(HessianWriter h, object pairs, object type_name) except -1:
    if h.refer(pairs):
        return 0
    h.open_map(type_name)
    enter_write(h.w)
    for key, item in list(pairs):
        encode_hessian_any(h, key)
        encode_hessian_any(h, item)
    h.w.depth += 1
    return write_byte(h.w, 0x5A)


# ---- decoding


cdef object expect_int(object value):
    """A plain int of what Any made of it, such as a BigInteger."""
    if PyLong_Check(value) and value is not True and value is not False and not isinstance(value, java().DateMillis):
        return int(value)
    raise DecodeError(f"expected int, got {kind_name(value)}")


cdef object decode_hessian_any(HessianReader h):
    cdef Reader r = h.r
    cdef Tag tag
    cdef int64_t number = 0
    cdef double real = 0
    h.pass_definitions()
    tag = tag_of(r)
    if tag == TAG_STR:
        return owned(take_hessian_str(r))
    if tag == TAG_INT:
        take_hessian_int(r, &number)
        return PyLong_FromLongLong(number)
    if tag == TAG_LONG:
        take_hessian_int(r, &number)
        if -0x80000000LL <= number <= 0x7FFFFFFFLL:
            charge(r, ITEM_COST)
            return java().Long(number)      # or it would be an Integer when it is sent back
        return PyLong_FromLongLong(number)
    if tag == TAG_OBJECT:
        return decode_object(h, h.open_object())
    if tag == TAG_LIST:
        return decode_any_list(h)
    if tag == TAG_MAP:
        return decode_any_map(h)
    if tag == TAG_DOUBLE:
        take_hessian_double(r, &real)
        return PyFloat_FromDouble(real)
    if tag == TAG_BYTES:
        return take_hessian_bytes(r)
    if tag == TAG_REF:
        return h.resolve(any_plan)
    if tag == TAG_DATE:
        charge(r, ITEM_COST)
        return java().date_of(take_hessian_date(r))
    if tag != TAG_NULL and tag != TAG_BOOL:
        unexpected(r, "a value")
    r.p += 1
    return None if tag == TAG_NULL else (r.p - 1)[0] == 0x54


cdef object decode_any_list(HessianReader h):
    """A list; a TypedList where its type says more than that; a set of a Set type, when its elements are hashable."""
    cdef Py_ssize_t n = h.open_list(), number
    cdef str name = h.type_name
    cdef object out
    charge(h.r, LIST_COST)
    if name is None or name == "java.util.ArrayList" or name == "":
        out = []
    elif not is_set_type(name):
        charge(h.r, LIST_COST)
        out = java().TypedList(name)
    else:
        number = h.number(NULL, any_plan)
        out = []
        any_plan.decode_hessian_items(h, <list>out, n)
        value = as_set(h.r, out)
        if value is None:
            value = java().TypedList(name, out)
        elif name != "java.util.HashSet":
            value = java().TypedSet(name, value)
        h.settle(number, value)
        return value
    h.number(<PyObject*>out, any_plan)
    any_plan.decode_hessian_items(h, <list>out, n)      # a subclass appends as a list does
    return out


cdef set as_set(Reader r, list items):
    """``items`` as a set; None when one is not hashable."""
    cdef set out = set()
    cdef object counts = None
    charge(r, ENTRY_COST * len(items))
    for item in items:
        if not PyUnicode_CheckExact(item):
            if not is_hashable(item):
                return None
            counts = count_hash(r, out, counts, item)
        PySet_Add(out, item)
    return out


cdef bint is_set_type(str name):
    return name.endswith("Set") or name.endswith("$SetFromMap")


cdef int open_hessian_map(HessianReader h) except -1:
    """Move past the header of a map; its type is left in ``type_name``."""
    if tag_of(h.r) != TAG_MAP:
        unexpected(h.r, "a map")
    h.r.p += 1
    h.type_name = h.take_type() if (h.r.p - 1)[0] == 0x4D else None
    return charge(h.r, DICT_COST)


cdef object decode_any_map(HessianReader h):
    """A dict; a TypedMap where its type says more; MapEntries when a key is not hashable. A class known to us is made of its fields."""
    cdef object out, key = None
    cdef Py_ssize_t number, n = 0
    cdef bint done = False
    cdef object pairs = None, counts = None
    open_hessian_map(h)
    name = h.type_name
    if name:
        plan = find_plan(name)
        if isinstance(plan, RecordPlan):
            return (<RecordPlan>plan).decode_hessian_fields(h, None)
        reader = java_reader(name, ())
        if reader is not None and not isinstance(reader, type):
            number = h.number(NULL, any_plan)
            out = {}
            decode_hessian_entries(h, out, any_plan, any_plan)
            out = from_fields(name, reader, out)
            h.settle(number, out)
            return out
    out = java().TypedMap(name) if name and name != "java.util.HashMap" else {}
    number = h.number(<PyObject*>out, any_plan)
    enter(h.r)
    try:
        while not h.at_end():
            n += 1
            if n > h.r.limits.count:
                over_count(h.r, n)
            charge(h.r, ENTRY_COST)
            key = decode_hessian_any(h)
            if pairs is None and not PyUnicode_CheckExact(key):
                if is_hashable(key):
                    counts = count_hash(h.r, out, counts, key)
                elif h.refs[number].plan & 1:   # as a dict, which it no longer is
                    raise DecodeError(f"a map that contains itself, and then a key of a type that is not hashable: {kind_name(key)}")
                else:
                    pairs = java().MapEntries(name, out.items())
                    h.settle(number, pairs)     # before the value is read, which may refer to it
            item = decode_hessian_any(h)
            if pairs is None:
                PyDict_SetItem(out, key, item)
            else:
                pairs.append((key, item))
        done = True
    finally:
        if not done:
            pass_step(key_step(key))
    h.r.depth += 1
    return out if pairs is None else pairs


cdef bint is_hashable(object key) except -1:
    try:
        hash(key)
    except Exception:
        return False
    return True


cdef int decode_hessian_entries(HessianReader h, dict out, Plan keys, Plan values) except -1:
    """The entries of a map whose header was read, and its end."""
    cdef Py_ssize_t n = 0
    cdef object key = None, item, counts = None
    cdef bint in_key = True, done = False
    enter(h.r)
    try:
        while not h.at_end():
            n += 1
            if n > h.r.limits.count:
                over_count(h.r, n)
            charge(h.r, ENTRY_COST)
            in_key = True
            key = keys.decode_hessian(h)
            in_key = False
            item = values.decode_hessian(h)
            try:
                if not PyUnicode_CheckExact(key):
                    counts = count_hash(h.r, out, counts, key)
                PyDict_SetItem(out, key, item)
            except DecodeError:
                raise
            except Exception as error:
                raise DecodeError(f"a {kind_name(key)} cannot be a key: {error}") from error
        done = True
    finally:
        if not done:
            pass_step("[key]" if in_key else key_step(key))
    h.r.depth += 1
    return 0
