# hessian2 without a declared type: everything natural by what it is; objects by the class that is known under their name, as the
# Python value of a Java type (javatypes.py), as an exception, or as a GenericObject.

cdef enum:
    EXCEPTION_COST = 800        # with its lists and dicts

cdef str ENUM_SET = "com.alibaba.com.caucho.hessian.io.EnumSetHandler"
cdef str EMPTY_LIST = "java.util.Collections$EmptyList"
cdef str STACK = "[java.lang.StackTraceElement"
cdef tuple THROWABLE = ("suppressedExceptions", "stackTrace", "cause", "detailMessage")
cdef dict BOXES = {
    "Z": "Ljava/lang/Boolean;", "B": "Ljava/lang/Byte;", "S": "Ljava/lang/Short;", "I": "Ljava/lang/Integer;",
    "J": "Ljava/lang/Long;", "F": "Ljava/lang/Float;", "D": "Ljava/lang/Double;", "C": "Ljava/lang/Character;",
}
# What plan.py calls a kind of value, by Tag; a date is msgpack's extension value.
cdef tuple HESSIAN_KINDS = (
    None, "None", "bool", "int", "int", "float", "str", "bytes", "an extension value", "list", "dict", "dict", "dict", None, None,
)
cdef dict TEXT_CLASSES = {
    "datetime": ("java.util.Date", "LocalDateTimeHandle", "InstantHandle", "OffsetDateTimeHandle", "ZonedDateTimeHandle"),
    "date": ("java.time.LocalDate", "LocalDateHandle"),
    "time": ("java.time.LocalTime", "LocalTimeHandle", "OffsetTimeHandle"),
    "timedelta": ("java.time.Duration", "DurationHandle"),
    "Decimal": ("java.math.BigDecimal", "java.math.BigDecimal"),
    "UUID": ("java.util.UUID", "java.util.UUID"),
}


cdef str jvm_of(str name):
    """The descriptor of a class."""
    return f"L{name.replace('.', '/')};"


cdef str java_class_of(str kind):
    return TEXT_CLASSES[kind][0]


cdef tuple java_classes_of(str kind):
    """The class names under which a date, Decimal and so on travels."""
    return tuple([
        name if "." in name else f"com.alibaba.com.caucho.hessian.io.java8.{name}" for name in TEXT_CLASSES[kind][1:]
    ])


cdef object java():
    """The Python side of Java's types; loaded with the first value that needs it."""
    from rpcore import javatypes

    return javatypes


cdef object find_named = None       # wire name -> plan of the application's class of that name, or None
cdef object plan_named = None       # class -> its plan when it was given a wire name, or None


def use_classes(find, plan):
    """Where classes with a wire name are found; called once, by plan.py.

    Args:
        find: from a wire name to the plan of the class that has it, or None.
        plan: from a class to its plan, or None when it has no wire name of its own.
    """
    global find_named, plan_named
    find_named = find
    plan_named = plan


cdef object find_plan(str name):
    return None if find_named is None else find_named(name)


cdef Plan plan_of(HessianWriter h, object cls):
    """The plan of a class with a wire name, or None."""
    plan = None if h.known is None else h.known.get(cls)
    if plan is None and plan_named is not None:
        plan = plan_named(cls)
    return plan


cdef object java_reader(str name, tuple names):
    return java().reader_of(name, names)


@cython.final
cdef class GenericObject:
    """A Java object whose class is not known here: its class name, and its fields in order. Encodes to the same object again.

    ``value["field"]`` reads and sets a field; of a field that a subclass shadows, the subclass's own. Equal when class, field
    names and values are. Hashable while all values are scalars, as an enum constant's name is.

    Args:
        class_name: the Java class.
        fields: a mapping, or pairs of name and value.
    """

    cdef public str class_name
    cdef readonly tuple names
    cdef list values

    def __init__(self, str class_name, fields=()):
        pairs = list(fields.items() if hasattr(fields, "items") else fields)
        self.class_name = class_name
        self.names = tuple([name for name, _ in pairs])
        self.values = [value for _, value in pairs]

    @property
    def fields(self):
        """The fields as a new dict."""
        return dict(zip(self.names, self.values))

    def items(self):
        """Pairs of name and value, in order, shadowed fields included."""
        return list(zip(self.names, self.values))

    def get(self, name, default=None):
        """A field's value, or ``default`` when there is none of that name."""
        return self.fields.get(name, default)

    def __contains__(self, name):
        return name in self.names

    def __getitem__(self, str name):
        return self.values[self.index(name)]

    def __setitem__(self, str name, value):
        if name in self.names:
            self.values[self.index(name)] = value
        else:
            self.names += (name,)
            self.values.append(value)

    cdef Py_ssize_t index(self, str name) except -1:
        cdef Py_ssize_t i = len(self.names)
        while i:
            i -= 1
            if self.names[i] == name:
                return i
        raise KeyError(name)

    def __eq__(self, other):
        if not isinstance(other, GenericObject):
            return NotImplemented
        return self.class_name == (<GenericObject>other).class_name and self.names == (<GenericObject>other).names \
            and self.values == (<GenericObject>other).values

    def __hash__(self):
        for value in self.values:
            if not (value is None or isinstance(value, (str, int, float, bytes))):
                raise TypeError(f"unhashable: a field of this {self.class_name} is a {kind_name(value)}")
        return hash((self.class_name, tuple(self.values)))

    def __reduce__(self):
        return GenericObject, (self.class_name, self.items())

    def __repr__(self):
        if Py_ReprEnter(self):
            return f"GenericObject({self.class_name!r}, ...)"
        try:
            fields = ", ".join([f"{name}={value!r}" for name, value in zip(self.names, self.values)])
            return f"GenericObject({self.class_name!r}, {fields})"
        finally:
            Py_ReprLeave(self)


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
        return put_hessian_bytes(h.w, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value))
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


# ---- exceptions: the four fields of java.lang.Throwable as the JDK orders them, then the subclass's own


cdef bytes throwable_definition(str name, names):
    return class_definition(name, THROWABLE + tuple(names or ()))


cdef int put_throwable(HessianWriter h, object value, object message) except -1:
    """The four fields: nothing suppressed, an empty stack, no cause (which is: itself), and the message."""
    h.open_list(EMPTY_LIST, 0)
    h.number(NULL)
    h.open_list(STACK, 0)
    h.number(NULL)
    put_no_cause(h, value)
    return encode_hessian_any(h, message)


cdef int put_no_cause(HessianWriter h, object value) except -1:
    if not h.refs:
        return write_byte(h.w, 0x4E)
    write_byte(h.w, 0x51)
    return put_hessian_int(h.w, <int32_t>h.find(<PyObject*>value))


cdef int encode_exception(HessianWriter h, object value) except -1:
    cdef tuple names
    if not isinstance(value, java().JavaException):
        raise EncodeError(
            f"cannot encode a {kind_name(value)}: Java knows no such class (declare it by raises=, or send a JavaException)"
        )
    if h.refer(value):
        return 0
    names = tuple(value.fields)
    open_generic(h, value.class_name, THROWABLE + names)
    enter_write(h.w)
    put_trace(h, value.suppressed, EMPTY_LIST)
    put_trace(h, value.frames, STACK)
    if value.cause is None:
        put_no_cause(h, value)
    else:
        encode_hessian_any(h, value.cause)
    encode_hessian_any(h, value.message)
    h.w.depth += 1
    return put_fields(h, names, list(value.fields.values()))


cdef int put_trace(HessianWriter h, object items, str type_name) except -1:
    """A list of an exception, as it came; one made in Python has ``type_name`` unless Java has no empty list of its elements."""
    if isinstance(items, java().TypedList) or (items and type_name == EMPTY_LIST):
        return encode_hessian_any(h, items)
    return encode_hessian_list(h, items, list(items), type_name)


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
        charge(h.r, ENTRY_COST * len(out))
        try:
            value = set(out) if name == "java.util.HashSet" else java().TypedSet(name, out)
        except TypeError:
            value = java().TypedList(name, out)
        h.settle(number, value)
        return value
    h.number(<PyObject*>out, any_plan)
    any_plan.decode_hessian_items(h, <list>out, n)      # a subclass appends as a list does
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
    cdef object pairs = None
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
            item = decode_hessian_any(h)
            if pairs is None:
                try:
                    PyDict_SetItem(out, key, item)
                    continue
                except TypeError:
                    pairs = java().MapEntries(name, out.items())
                    h.settle(number, pairs)
            pairs.append((key, item))
        done = True
    finally:
        if not done:
            pass_step(key_step(key))
    h.r.depth += 1
    return out if pairs is None else pairs


cdef int decode_hessian_entries(HessianReader h, dict out, Plan keys, Plan values) except -1:
    """The entries of a map whose header was read, and its end."""
    cdef Py_ssize_t n = 0
    cdef object key = None, item
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
                PyDict_SetItem(out, key, item)
            except Exception as error:
                raise DecodeError(f"a {kind_name(key)} cannot be a key: {error}") from error
        done = True
    finally:
        if not done:
            pass_step("[key]" if in_key else key_step(key))
    h.r.depth += 1
    return 0


cdef object read_hessian_fields(HessianReader h, HessianClass c):
    """The fields of an object as a dict; of a shadowed one the last counts."""
    cdef dict fields = {}
    cdef str name = ""
    cdef bint done = False
    enter(h.r)
    charge(h.r, DICT_COST + len(c.names) * ENTRY_COST)
    try:
        for name in c.names:
            fields[name] = decode_hessian_any(h)
        done = True
    finally:
        if not done:
            pass_step(name)
    h.r.depth += 1
    return fields


cdef object from_fields(str name, object reader, dict fields):
    """The value that ``reader`` makes of the fields of a Java type."""
    try:
        return reader(fields)
    except (ValueError, TypeError, KeyError, ArithmeticError, AttributeError) as error:
        raise DecodeError(f"{name}: {kind_name(error)}: {error}") from error


cdef object decode_object(HessianReader h, HessianClass c):
    cdef GenericObject out
    cdef Py_ssize_t number
    cdef object value
    cdef str name = ""
    cdef bint done = False
    h.look_up(c)
    if c.plan is not None:
        return decode_named(h, c)
    if c.reader is None:
        charge(h.r, RECORD_COST + len(c.names) * ITEM_COST)
        out = GenericObject.__new__(GenericObject)
        out.class_name = c.name
        out.names = c.names
        out.values = []
        h.number(<PyObject*>out, any_plan)
        enter(h.r)
        try:
            for name in c.names:
                out.values.append(decode_hessian_any(h))
            done = True
        finally:
            if not done:
                pass_step(name)
        h.r.depth += 1
        return out
    if isinstance(c.reader, type):      # JavaException: may be its own cause
        charge(h.r, EXCEPTION_COST)
        value = c.reader(c.name)
        h.number(<PyObject*>value, any_plan)
        value.fill(read_hessian_fields(h, c))
        return value
    number = h.number(NULL, any_plan)
    value = from_fields(c.name, c.reader, read_hessian_fields(h, c))
    h.settle(number, value)
    return value


cdef object decode_named(HessianReader h, HessianClass c):
    """An instance of a class of ours, whose header was read."""
    cdef RecordPlan record
    cdef Py_ssize_t number
    if isinstance(c.plan, RecordPlan):
        record = c.plan
        return record.decode_hessian_fields(h, make_mapping(record, c.names))
    number = h.number(NULL, c.plan)
    value = (<EnumPlan>c.plan).constant(read_hessian_fields(h, c).get("name"))
    h.settle(number, value)
    return value


# ---- typed containers


cdef object decode_hessian_list(HessianReader h, Plan plan, Plan item):
    cdef Py_ssize_t n
    cdef list out = []
    h.pass_definitions()
    if tag_of(h.r) == TAG_REF:
        return h.resolve(plan)
    n = h.open_list()
    charge(h.r, LIST_COST)
    h.number(<PyObject*>out, plan)
    item.decode_hessian_items(h, out, n)
    return out


cdef object decode_hessian_tuple(HessianReader h, Plan plan, Plan item):
    cdef Py_ssize_t n, number
    cdef list out = []
    h.pass_definitions()
    if tag_of(h.r) == TAG_REF:
        return h.resolve(plan)
    n = h.open_list()
    charge(h.r, LIST_COST)
    number = h.number(NULL, plan)
    item.decode_hessian_items(h, out, n)
    value = tuple(out)
    h.settle(number, value)
    return value


cdef object decode_hessian_set(HessianReader h, Plan plan, Plan item, object make):
    """Any list, or the object as which Java writes an EnumSet."""
    cdef Py_ssize_t n, number
    cdef list out = []
    cdef set found = set()
    cdef HessianClass c
    cdef str name
    h.pass_definitions()
    if tag_of(h.r) == TAG_REF:
        return h.resolve(plan)
    c = h.open_object()
    number = h.number(NULL, plan)
    if c is None:
        n = h.open_list()
        charge(h.r, LIST_COST)
        item.decode_hessian_items(h, out, n)
    elif c.name == ENUM_SET:
        for name in c.names:
            if name != "objects":
                decode_hessian_any(h)
                continue
            n = h.open_list()
            h.number(NULL, plan)
            item.decode_hessian_items(h, out, n)
    else:
        raise DecodeError(f"expected set, got an object of class {clipped(c.name)}")
    charge(h.r, ENTRY_COST * len(out))
    for element in out:
        try:
            PySet_Add(found, element)
        except Exception as error:
            raise DecodeError(f"a {kind_name(element)} cannot be an element of a set: {error}") from error
    value = found if make is set else make(found)
    h.settle(number, value)
    return value


# ---- nodes of what Python has no type for


@cython.final
cdef class JavaIntPlan(Plan):
    """An int of Java's byte, short, int or BigInteger; refused on the sending side when it does not fit.

    Args:
        name: the type in errors.
        bits: its width; 0: any.
        descriptor: of a parameter.
    """

    cdef str name
    cdef int bits
    cdef str text

    def __init__(self, str name, int bits, str descriptor):
        self.name = name
        self.bits = bits
        self.text = descriptor

    cdef bint fits(self, object value) except -1:
        cdef int overflow = 0
        cdef int64_t edge = <int64_t>1 << (self.bits - 1 if self.bits else 0)
        cdef long long small = rp_int_value(value, &overflow)
        return not self.bits or (not overflow and -edge <= small < edge)

    cdef object checked(self, object value):
        if not PyLong_Check(value) or value is True or value is False:
            refuse("int", value)
        if not self.fits(value):
            raise EncodeError(f"{value if value.bit_length() < 200 else 'it'} does not fit the {self.bits} bits of a Java {self.name}")
        return value

    cdef int encode(self, Writer w, object value) except -1:
        value = self.checked(value)
        if not self.bits and not -0x8000000000000000 <= value < 0x10000000000000000:
            return write_str(w, str(value))
        return write_pyint(w, value)

    cdef object decode(self, Reader r):
        cdef object value
        if not self.bits and next_is(r, KIND_STR):
            text = read_str(r)
            try:
                return int(text)
            except ValueError as error:
                bad_text(self.name, text, error)
        value = read_any_int(r)
        self.within(value)
        return value

    cdef int within(self, object value) except -1:
        if not self.fits(value):
            raise DecodeError(f"{value} does not fit the {self.bits} bits of a Java {self.name}")
        return 0

    cdef int encode_hessian(self, HessianWriter h, object value) except -1:
        value = self.checked(value)
        if not self.bits:
            return encode_hessian_any(h, java().BigInteger(value))
        return put_hessian_int(h.w, value)

    cdef object decode_hessian(self, HessianReader h):
        cdef object value = expect_int(decode_hessian_any(h))
        self.within(value)
        return value

    cdef str jvm(self):
        return self.text

    cdef tuple java_names(self):
        return () if self.bits else ("java.math.BigInteger",)

    cdef str describe(self):
        return self.name


@cython.final
cdef class JavaFloatPlan(Plan):
    """A Java float: 32 bits. What arrives is rounded to them, because Java sends 0.1f as 0.1 or widened, as it happens."""

    cdef int encode(self, Writer w, object value) except -1:
        return write_double(w, float32(to_double(value)))

    cdef object decode(self, Reader r):
        return PyFloat_FromDouble(<double><float>read_number(r))

    cdef int encode_hessian(self, HessianWriter h, object value) except -1:
        return put_hessian_double(h.w, float32(to_double(value)))

    cdef object decode_hessian(self, HessianReader h):
        cdef double value
        if take_hessian_double(h.r, &value):
            return PyFloat_FromDouble(<double><float>value)
        return PyFloat_FromDouble(<double><float>PyLong_AsDouble(expect_int(decode_hessian_any(h))))

    cdef str jvm(self):
        return "F"

    cdef str describe(self):
        return "Float"


cdef double float32(double value) except? -1.0:
    if value - value == 0 and not -3.4028235677973366e38 < value < 3.4028235677973366e38:
        raise EncodeError(f"{value} does not fit a Java float")
    return value


@cython.final
cdef class CharPlan(Plan):
    """A Java char: one character, not beyond U+FFFF."""

    cdef object checked(self, object value):
        if not PyUnicode_Check(value):
            refuse("str", value)
        if len(value) != 1 or value > "\uffff":
            raise EncodeError(f"{clipped(value)} is not one character of a Java char (up to U+FFFF)")
        return value

    cdef int encode(self, Writer w, object value) except -1:
        return write_str(w, self.checked(value))

    cdef object decode(self, Reader r):
        return self.one(read_str(r))

    cdef object one(self, object value):
        if not PyUnicode_Check(value) or len(value) != 1:
            raise DecodeError(f"expected one character, got {clipped(value)}")
        return value

    cdef int encode_hessian(self, HessianWriter h, object value) except -1:
        return put_hessian_str(h.w, self.checked(value))

    cdef object decode_hessian(self, HessianReader h):
        return self.one(decode_hessian_any(h))

    cdef str jvm(self):
        return "C"

    cdef str describe(self):
        return "Char"


@cython.final
cdef class JavaValuePlan(Plan):
    """A hint of javatypes.py for one of several Java types that are one type in Python, such as Instant for datetime.

    Args:
        base: plan of the Python type.
        cls: the hint.
        kind: the Python type, of which values must be.
        descriptor: of a parameter.
    """

    cdef Plan base
    cdef object cls
    cdef object kind
    cdef str text

    def __init__(self, Plan base, cls, kind, str descriptor):
        self.base = base
        self.cls = cls
        self.kind = kind
        self.text = descriptor

    cdef int encode(self, Writer w, object value) except -1:
        return self.base.encode(w, value)

    cdef object decode(self, Reader r):
        return self.base.decode(r)

    cdef int encode_hessian(self, HessianWriter h, object value) except -1:
        if not isinstance(value, self.kind):
            refuse(self.cls.__name__, value)
        try:
            form = java().form_as(self.cls, value)
        except (ValueError, OverflowError) as error:
            raise EncodeError(str(error)) from error
        return encode_form(h, form)

    cdef object decode_hessian(self, HessianReader h):
        return self.base.decode_hessian(h) if self.kind is not str else self.text_of(decode_hessian_any(h))

    cdef object text_of(self, object value):
        if not PyUnicode_Check(value):
            raise DecodeError(f"expected {self.cls.__name__}, got {kind_name(value)}")
        return str(value)

    cdef str jvm(self):
        return self.text

    cdef tuple java_names(self):
        return self.base.java_names()

    cdef str describe(self):
        return self.cls.__name__
