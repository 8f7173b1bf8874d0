# Enum and Literal: a few known values, looked up by what travels.


cdef object known(object value):
    """A look-up key under which 1, 1.0 and True differ."""
    return type(value), value


cdef object only_type(values):
    """The type that all values have, or None. With one type, a value is its own look-up key (None is never one)."""
    types = {type(value) for value in values}
    return types.pop() if len(types) == 1 and None not in values else None


cdef object bare(object value):
    """A single value that arrived as Any, without the mark of a Java type."""
    if value is None or value is True or value is False or PyFloat_Check(value) or PyBytes_Check(value):
        return value
    if PyLong_Check(value):
        return int(value)
    if PyUnicode_Check(value):
        return str(value)
    raise DecodeError(f"expected a plain value, got {kind_name(value)}")


@cython.final
cdef class EnumPlan(Plan):
    """An Enum, by value; by name when its values are not all of scalar types.

    Args:
        cls: the Enum class.
        base: plan of what travels.
        by_wire: pairs of what travels and the member.
        by_name: whether names travel.
        open: whether ``cls(value)`` may know more members (Flag, or a class with ``_missing_``).
        wire_name: the Java enum, as whose constants hessian2 sends the members; "": the same travels as in msgpack.
    """

    cdef object cls
    cdef Plan base
    cdef dict by_wire
    cdef object only            # the type of all keys of by_wire, which base decodes to; None: the keys are known()
    cdef object attribute
    cdef bint open
    cdef str wire_name
    cdef bytes definition

    def __init__(self, cls, Plan base not None, by_wire, *, bint by_name, bint open, str wire_name=""):
        self.wire_name = wire_name
        self.definition = class_definition(wire_name, ("name",)) if wire_name else None
        self.cls = cls
        self.base = base
        self.only = None if base is any_plan else only_type([wire for wire, _ in by_wire])
        self.by_wire = {wire if self.only is not None else known(wire): member for wire, member in by_wire}
        self.attribute = "_name_" if by_name else "_value_"
        self.open = open

    cdef int encode(self, Writer w, object value) except -1:
        if <PyObject*>Py_TYPE(value) != <PyObject*>self.cls and not isinstance(value, self.cls):
            refuse(self.cls.__name__, value)
        return self.base.encode(w, PyObject_GetAttr(value, self.attribute))

    cdef object decode(self, Reader r):
        return self.member(self.base.decode(r))

    cdef object key_of(self, object value):
        """The look-up key of what arrived; None when its type says that it is none of ours."""
        if self.only is None:
            return known(value)
        return value if type(value) is self.only else None

    cdef object member(self, object value):
        """The member that travels as ``value``."""
        cdef PyObject* member = NULL
        if PyList_CheckExact(value) or PyDict_CheckExact(value):
            raise DecodeError(f"expected {self.cls.__name__}, got {kind_name(value)}")
        member = PyDict_GetItemWithError(self.by_wire, self.key_of(value))
        if member != NULL:
            return <object>member
        if self.open:
            try:
                return self.cls(value)
            except Exception as error:
                raise DecodeError(f"{clipped(value)} is no {self.cls.__name__}: {error}") from error
        raise DecodeError(f"{clipped(value)} is no {self.cls.__name__}")

    cdef int encode_hessian(self, HessianWriter h, object value) except -1:
        if type(value) is not self.cls and not isinstance(value, self.cls):
            refuse(self.cls.__name__, value)
        if self.definition is None:
            return self.base.encode_hessian(h, PyObject_GetAttr(value, self.attribute))
        if h.refer(value):
            return 0
        h.open_object(self, self.definition)
        return put_hessian_str(h.w, value.name)

    cdef object decode_hessian(self, HessianReader h):
        """By name, from an object or map with that one field, or from a plain str; otherwise by value."""
        cdef Py_ssize_t number
        cdef HessianClass c
        cdef object value
        h.pass_definitions()
        if tag_of(h.r) == TAG_REF:
            return h.resolve(self)
        c = h.open_object()
        if c is None and TAGS[h.r.p[0]] != TAG_MAP:
            value = bare(decode_hessian_any(h))
            if PyUnicode_Check(value) and self.definition is not None and value in self.cls.__members__:
                return self.cls[value]
            return self.member(value)
        number = h.number(NULL, self)
        if c is not None:
            value = read_hessian_fields(h, c)
        else:
            open_hessian_map(h)
            value = {}
            decode_hessian_entries(h, value, any_plan, any_plan)
        value = self.constant(value.get("name"))
        h.settle(number, value)
        return value

    cdef object constant(self, object name):
        """The member of that name."""
        if not PyUnicode_Check(name) or name not in self.cls.__members__:
            raise DecodeError(f"{clipped(name)} is no {self.cls.__name__}")
        return self.cls[name]

    cdef str jvm(self):
        return self.base.jvm() if self.definition is None else jvm_of(self.wire_name)

    cdef tuple java_names(self):
        return () if self.definition is None else (self.wire_name,)

    cdef str describe(self):
        return self.cls.__name__


@cython.final
cdef class LiteralPlan(Plan):
    """Literal[...]: only these values; what arrives is the declared object.

    Args:
        wires: pairs of a declared value and what travels for it (an Enum member's value).
    """

    cdef dict encoded           # by value: the bytes that travel
    cdef dict decoded           # by what travels: the value
    cdef object only            # the type of all values and of all that travels; None: keys are known()
    cdef dict wires             # by value: what travels
    cdef str text

    def __init__(self, *wires):
        self.only = only_type([item for pair in wires for item in pair])
        self.encoded = {self.key_of(value): any_plan.dumps(wire) for value, wire in wires}
        self.wires = {self.key_of(value): wire for value, wire in wires}
        self.decoded = {self.key_of(wire): value for value, wire in wires}
        self.text = f"Literal[{', '.join([repr(value) for value, _ in wires])}]"

    cdef object key_of(self, object value):
        """The look-up key of a hashable value; None when its type says that it is none of ours."""
        if self.only is None:
            return known(value)
        return value if type(value) is self.only else None

    cdef int encode(self, Writer w, object value) except -1:
        cdef PyObject* found = NULL
        try:
            found = PyDict_GetItemWithError(self.encoded, self.key_of(value))
        except TypeError:       # unhashable, so none of ours
            pass
        if found == NULL:
            raise EncodeError(f"expected {self.text}, got {clipped(value)}")
        return w.write(PyBytes_AS_STRING(<bytes>found), PyBytes_GET_SIZE(<bytes>found))

    cdef object decode(self, Reader r):
        return self.declared(decode_any(r))

    cdef object declared(self, object value):
        """The declared object that travels as ``value``."""
        cdef PyObject* found = NULL
        if not PyList_CheckExact(value) and not PyDict_CheckExact(value):
            found = PyDict_GetItemWithError(self.decoded, self.key_of(value))
        if found == NULL:
            raise DecodeError(f"expected {self.text}, got {clipped(value)}")
        return <object>found

    cdef int encode_hessian(self, HessianWriter h, object value) except -1:
        cdef object wire = OMIT
        try:
            wire = self.wires.get(self.key_of(value), OMIT)
        except TypeError:       # unhashable, so none of ours
            pass
        if wire is OMIT:
            raise EncodeError(f"expected {self.text}, got {clipped(value)}")
        return encode_hessian_any(h, wire)

    cdef object decode_hessian(self, HessianReader h):
        return self.declared(bare(decode_hessian_any(h)))

    cdef str jvm(self):
        kinds = {type(wire) for wire in self.wires.values()}
        return {int: "J", str: "Ljava/lang/String;", bool: "Z"}.get(kinds.pop(), "Ljava/lang/Object;") if len(kinds) == 1 \
            else "Ljava/lang/Object;"

    cdef str describe(self):
        return self.text
