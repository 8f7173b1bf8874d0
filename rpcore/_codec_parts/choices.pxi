# Enum and Literal: a few known values, looked up by what travels.


cdef object known(object value):
    """A look-up key under which 1, 1.0 and True differ."""
    return type(value), value


cdef object only_type(values):
    """The type that all values have, or None. With one type, a value is its own look-up key (None is never one)."""
    types = {type(value) for value in values}
    return types.pop() if len(types) == 1 and None not in values else None


@cython.final
cdef class EnumPlan(Plan):
    """An Enum, by value; by name when its values are not all of scalar types.

    Args:
        cls: the Enum class.
        base: plan of what travels.
        by_wire: pairs of what travels and the member.
        by_name: whether names travel.
        open: whether ``cls(value)`` may know more members (Flag, or a class with ``_missing_``).
    """

    cdef object cls
    cdef Plan base
    cdef dict by_wire
    cdef object only            # the type of all keys of by_wire, which base decodes to; None: the keys are known()
    cdef object attribute
    cdef bint open

    def __init__(self, cls, Plan base not None, by_wire, *, bint by_name, bint open):
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
        cdef object value = self.base.decode(r)
        cdef PyObject* member = NULL
        if PyList_CheckExact(value) or PyDict_CheckExact(value):
            raise DecodeError(f"expected {self.cls.__name__}, got {kind_name(value)}")
        member = PyDict_GetItemWithError(self.by_wire, value if self.only is not None else known(value))
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

    cdef dict encoded           # by value: the bytes that travel
    cdef dict decoded           # by what travels: the value
    cdef object only            # the type of all values and of all that travels; None: keys are known()
    cdef str text

    def __init__(self, *wires):
        self.only = only_type([item for pair in wires for item in pair])
        self.encoded = {self.key_of(value): any_plan.dumps(wire) for value, wire in wires}
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
        cdef object value = decode_any(r)
        cdef PyObject* found = NULL
        if not PyList_CheckExact(value) and not PyDict_CheckExact(value):
            found = PyDict_GetItemWithError(self.decoded, self.key_of(value))
        if found == NULL:
            raise DecodeError(f"expected {self.text}, got {clipped(value)}")
        return <object>found

    cdef str describe(self):
        return self.text
