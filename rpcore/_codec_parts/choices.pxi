# Enum and Literal: a few known values.


cdef object known(object value):
    """A look-up key under which 1, 1.0 and True differ."""
    return type(value), value


cdef object bare(object value):
    """An int that Any marked as one of Java's, as a plain one."""
    return int(value) if PyLong_Check(value) and not PyLong_CheckExact(value) and not isinstance(value, bool) else value


@cython.final
cdef class EnumPlan(Plan):
    """An Enum, by value; by name when its values are not all of scalar types.

    Args:
        cls: the Enum class.
        base: plan of what travels.
        by_wire: what travels, as ``(type, value)``, to the member.
        by_name: whether names travel.
        open: whether ``cls(value)`` may know more members (Flag, or a class with ``_missing_``).
        wire_name: the Java enum, as whose constants hessian2 sends the members; "": the same travels as in msgpack.
    """

    cdef object cls
    cdef Plan base
    cdef dict by_wire
    cdef object attribute
    cdef bint open
    cdef str wire_name
    cdef bytes definition

    def __init__(self, cls, Plan base, dict by_wire, *, bint by_name, bint open, str wire_name=""):
        self.wire_name = wire_name
        self.definition = class_definition(wire_name, ("name",)) if wire_name else None
        self.cls = cls
        self.base = base
        self.by_wire = by_wire
        self.attribute = "_name_" if by_name else "_value_"
        self.open = open

    cdef int encode(self, Writer w, object value) except -1:
        if type(value) is not self.cls and not isinstance(value, self.cls):
            refuse(self.cls.__name__, value)
        return self.base.encode(w, PyObject_GetAttr(value, self.attribute))

    cdef object decode(self, Reader r):
        return self.member(self.base.decode(r))

    cdef object member(self, object value):
        """The member that travels as ``value``."""
        cdef PyObject* member
        if PyList_CheckExact(value) or PyDict_CheckExact(value):
            raise DecodeError(f"expected {self.cls.__name__}, got {kind_name(value)}")
        member = PyDict_GetItemWithError(self.by_wire, known(value))
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

    cdef dict encoded
    cdef dict decoded
    cdef dict wires
    cdef str text

    def __init__(self, *wires):
        self.encoded = {known(value): any_plan.dumps(wire) for value, wire in wires}
        self.wires = {known(value): wire for value, wire in wires}
        self.decoded = {known(wire): value for value, wire in wires}
        self.text = f"Literal[{', '.join([repr(value) for value, _ in wires])}]"

    cdef int encode(self, Writer w, object value) except -1:
        cdef object data = None
        try:
            data = self.encoded.get(known(value))
        except TypeError:       # unhashable, so none of ours
            pass
        if data is None:
            raise EncodeError(f"expected {self.text}, got {clipped(value)}")
        return w.write(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))

    cdef object decode(self, Reader r):
        return self.declared(decode_any(r))

    cdef object declared(self, object value):
        """The declared object that travels as ``value``."""
        cdef PyObject* found = NULL
        if not PyList_CheckExact(value) and not PyDict_CheckExact(value):
            found = PyDict_GetItemWithError(self.decoded, known(value))
        if found == NULL:
            raise DecodeError(f"expected {self.text}, got {clipped(value)}")
        return <object>found

    cdef int encode_hessian(self, HessianWriter h, object value) except -1:
        cdef object wire = OMIT
        try:
            wire = self.wires.get(known(value), OMIT)
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
