# hessian2: Java's objects. Which of our classes has a Java name, what an unknown class becomes, and exceptions.

cdef enum:
    EXCEPTION_COST = 800        # with its lists and dicts
    GENERIC_COST = 136          # with its list

cdef str ENUM_SET = "com.alibaba.com.caucho.hessian.io.EnumSetHandler"
cdef str UUID = "java.util.UUID"
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
    if not h.refs or h.uncounted >= 0:
        return write_byte(h.w, 0x4E)    # which Java takes for the same
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
        charge(h.r, GENERIC_COST + len(c.names) * ITEM_COST)
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
