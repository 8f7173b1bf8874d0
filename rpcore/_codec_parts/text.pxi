# Types that msgpack has no type for and that travel as text: date, time, timedelta, Decimal, UUID.
#
# Their classes come in through the constructors, so that importing the codec imports neither datetime nor decimal nor
# uuid.


cdef str clipped(object text):
    """A peer's text for an error message."""
    shown = repr(text)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."


cdef int bad_text(str name, object text, object cause) except -1:
    raise DecodeError(f"expected {name}, got str {clipped(text)}") from cause


@cython.final
cdef class TextPlan(Plan):
    """A type that travels as ``str``: ``format`` makes the text of an instance, ``parse`` an instance of a text.

    Args:
        cls: the type; instances of subclasses are accepted.
        format: called with the value.
        parse: called with the text; any Exception it raises means that the text is none of ours.
        but_not: a subclass of ``cls`` that is another type on the wire (datetime, where date is declared).
    """

    cdef object cls
    cdef object but_not
    cdef object format
    cdef object parse
    cdef str name

    def __init__(self, cls, format, parse, but_not=None):
        self.cls = cls
        self.format = format
        self.parse = parse
        self.but_not = but_not
        self.name = cls.__name__

    cdef int encode(self, Writer w, object value) except -1:
        if <PyObject*>Py_TYPE(value) != <PyObject*>self.cls:
            if not isinstance(value, self.cls) or (self.but_not is not None and isinstance(value, self.but_not)):
                refuse(self.name, value)
        return write_str(w, self.format(value))

    cdef object decode(self, Reader r):
        if not next_is(r, KIND_STR):
            mismatch(r, self.name)
        text = read_str(r)
        try:
            return self.parse(text)
        except Exception as error:
            bad_text(self.name, text, error)

    cdef int encode_hessian(self, HessianWriter h, object value) except -1:
        if not isinstance(value, self.cls) or (self.but_not is not None and isinstance(value, self.but_not)):
            refuse(self.name, value)
        return encode_hessian_any(h, value)

    cdef object decode_hessian(self, HessianReader h):
        value = decode_hessian_any(h)
        if not isinstance(value, self.cls) or (self.but_not is not None and isinstance(value, self.but_not)):
            raise DecodeError(f"expected {self.name}, got {kind_name(value)}")
        return value

    cdef str jvm(self):
        return jvm_of(java_class_of(self.name))

    cdef tuple java_names(self):
        return java_classes_of(self.name)

    cdef str describe(self):
        return self.name


def format_duration(value):
    """A timedelta as ISO 8601 text of days and seconds: ``P3DT4.000005S``, ``-PT0.5S``; every digit is kept."""
    sign = ""
    if value.days < 0:
        sign = "-"
        value = -value
    days = f"{value.days}D" if value.days else ""
    if value.microseconds:
        return f"{sign}P{days}T{value.seconds}.{value.microseconds:06d}S"
    if value.seconds or not days:
        return f"{sign}P{days}T{value.seconds}S"
    return f"{sign}P{days}"


def parse_duration(timedelta, str text):
    """The inverse of ``format_duration``; takes weeks, hours and minutes too, but no years or months."""
    cdef str units = "WDTHMS", number = ""
    cdef dict parts = {}
    cdef Py_ssize_t at = 0, unit
    body = text.removeprefix("-")
    if not body.startswith("P") or not body.isascii() or len(body) < 3 or body.endswith("T"):
        raise ValueError(text)
    for c in body[1:]:
        if c.isdigit() or (c == "." and "." not in number and at > 2):
            number += c
            continue
        unit = units.find(c, at)
        if unit < 0 or (c == "T") == bool(number) or (c in "HMS" and at < 3) or ("." in number and c != "S"):
            raise ValueError(text)
        at = unit + 1
        if c != "T":
            parts[c] = number
            number = ""
    if number or not parts or max(map(len, parts.values())) > 20:
        raise ValueError(text)
    whole, _, fraction = parts.get("S", "0").partition(".")
    value = timedelta(
        weeks=int(parts.get("W", 0)), days=int(parts.get("D", 0)), hours=int(parts.get("H", 0)),
        minutes=int(parts.get("M", 0)), seconds=int(whole or "0"), microseconds=int(f"{fraction:0<6}"[:6]),
    )
    return -value if text[0] == "-" else value


@cython.final
cdef class UuidPlan(Plan):
    """UUID, as its canonical text; read with or without hyphens, but with none of the decorations that UUID() takes.

    Args:
        cls: ``uuid.UUID``.
    """

    cdef object cls
    cdef object unknown         # what is_safe is by default

    def __init__(self, cls):
        import uuid

        self.cls = cls
        self.unknown = uuid.SafeUUID.unknown

    cdef int encode(self, Writer w, object value) except -1:
        cdef bytes data
        cdef Py_ssize_t i
        if <PyObject*>Py_TYPE(value) != <PyObject*>self.cls:
            if not isinstance(value, self.cls):
                refuse("UUID", value)
            return write_str(w, str(value))
        data = value.int.to_bytes(16, "big")
        reserve(w, 38)
        put(w, 0xD9)
        put(w, 36)
        for i in range(16):
            if i == 4 or i == 6 or i == 8 or i == 10:
                put(w, c"-")
            put(w, b"0123456789abcdef"[data[i] >> 4])
            put(w, b"0123456789abcdef"[data[i] & 15])
        return 0

    cdef object decode(self, Reader r):
        cdef Py_ssize_t n, i = 0, digits = 0
        cdef const unsigned char* p
        cdef unsigned char[16] data
        cdef int digit
        cdef object out
        if not next_is(r, KIND_STR):
            mismatch(r, "UUID")
        n = str_length(r)
        p = r.p
        r.p += n
        charge(r, STR_COST)
        if n != 36 and n != 32:
            not_uuid(p, n)
        for i in range(n):
            if n == 36 and (i == 8 or i == 13 or i == 18 or i == 23):
                if p[i] != c"-":
                    not_uuid(p, n)
                continue
            digit = hex_digit(p[i])
            if digit < 0:
                not_uuid(p, n)
            data[digits >> 1] = <unsigned char>(digit if digits & 1 == 0 else data[digits >> 1] << 4 | digit)
            digits += 1
        # What UUID(int=...) would do, a third of its time; UUID itself refuses to be set.
        out = rp_new(self.cls, ())
        PyObject_GenericSetAttr(out, "int", int.from_bytes(data[:16], "big"))
        PyObject_GenericSetAttr(out, "is_safe", self.unknown)
        return out

    cdef int encode_hessian(self, HessianWriter h, object value) except -1:
        if not isinstance(value, self.cls):
            refuse("UUID", value)
        return encode_hessian_any(h, value)

    cdef object decode_hessian(self, HessianReader h):
        value = decode_hessian_any(h)
        if not isinstance(value, self.cls):
            raise DecodeError(f"expected UUID, got {kind_name(value)}")
        return value

    cdef str jvm(self):
        return "Ljava/util/UUID;"

    cdef tuple java_names(self):
        return java_classes_of("UUID")

    cdef str describe(self):
        return "UUID"


cdef int hex_digit(unsigned char c) noexcept:
    if c"0" <= c <= c"9":
        return c - c"0"
    c |= 0x20
    return c - c"a" + 10 if c"a" <= c <= c"f" else -1


cdef int not_uuid(const unsigned char* p, Py_ssize_t n) except -1:
    bad_text("UUID", p[:n].decode("utf-8", "replace"), None)
