# Enum and Literal: a few known values.


cdef object known(object value):
    """A look-up key under which 1, 1.0 and True differ."""
    return type(value), value


@cython.final
cdef class EnumPlan(Plan):
    """An Enum, by value; by name when its values are not all of scalar types.

    Args:
        cls: the Enum class.
        base: plan of what travels.
        by_wire: what travels, as ``(type, value)``, to the member.
        by_name: whether names travel.
        open: whether ``cls(value)`` may know more members (Flag, or a class with ``_missing_``).
    """

    cdef object cls
    cdef Plan base
    cdef dict by_wire
    cdef object attribute
    cdef bint open

    def __init__(self, cls, Plan base, dict by_wire, *, bint by_name, bint open):
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
        cdef object value = self.base.decode(r)
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
    cdef str text

    def __init__(self, *wires):
        self.encoded = {known(value): any_plan.dumps(wire) for value, wire in wires}
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
        cdef object value = decode_any(r)
        cdef PyObject* found = NULL
        if not PyList_CheckExact(value) and not PyDict_CheckExact(value):
            found = PyDict_GetItemWithError(self.decoded, known(value))
        if found == NULL:
            raise DecodeError(f"expected {self.text}, got {clipped(value)}")
        return <object>found

    cdef str describe(self):
        return self.text
