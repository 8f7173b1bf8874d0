# Nodes of what Python has no type for: Java's narrow numbers, and the Java types that are one type in Python.


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
