# Types that msgpack has no type for: dates, times, Decimal and UUID, as text; instants as msgpack's timestamp.
#
# Their classes come in through the constructors, so that importing the codec imports neither datetime nor decimal nor uuid.

cdef enum:
    EXT_TIMESTAMP = -1


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
        return jvm_of(java_class_of(self.cls))

    cdef tuple java_names(self):
        return java_classes_of(self.cls)

    cdef str describe(self):
        return self.name


@cython.final
cdef class DatetimePlan(Plan):
    """datetime: an aware one as msgpack timestamp (the instant; arrives in UTC), a naive one as ISO 8601 text."""

    cdef object cls
    cdef object timedelta
    cdef object epoch

    def __cinit__(self):
        import datetime

        self.cls = datetime.datetime
        self.timedelta = datetime.timedelta
        self.epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)

    cdef int encode(self, Writer w, object value) except -1:
        if not isinstance(value, self.cls):
            refuse("datetime", value)
        if value.tzinfo is None or value.utcoffset() is None:
            return write_str(w, value.isoformat())
        delta = value - self.epoch
        return write_timestamp(w, <int64_t>delta.days * 86400 + <int64_t>delta.seconds, delta.microseconds)

    cdef object decode(self, Reader r):
        if next_is(r, KIND_STR):
            text = read_str(r)
            try:
                return self.cls.fromisoformat(text)
            except ValueError as error:
                bad_text("datetime", text, error)
        return self.read_timestamp(r)

    cdef object read_timestamp(self, Reader r):
        cdef Py_ssize_t n
        cdef int64_t seconds
        cdef uint64_t nanoseconds, both
        if not next_is(r, KIND_EXT):
            mismatch(r, "datetime")
        n = ext_length(r)
        if <signed char>r.p[0] != EXT_TIMESTAMP:
            raise DecodeError(f"expected datetime, got extension type {<int><signed char>r.p[0]}")
        r.p += 1
        if n == 4:
            seconds, nanoseconds = rp_get32(r.p), 0
        elif n == 8:
            both = rp_get64(r.p)
            seconds, nanoseconds = <int64_t>(both & 0x3FFFFFFFF), both >> 34
        elif n == 12:
            nanoseconds, seconds = rp_get32(r.p), <int64_t>rp_get64(r.p + 4)
        else:
            raise DecodeError(f"a timestamp has 4, 8 or 12 bytes, not {n}")
        if nanoseconds > 999999999:
            raise DecodeError(f"a timestamp of {nanoseconds} nanoseconds beyond its seconds")
        r.p += n
        try:
            return self.epoch + self.timedelta(seconds=seconds, microseconds=nanoseconds // 1000)
        except OverflowError as error:
            raise DecodeError(f"a timestamp of {seconds} s is outside the years 1 to 9999") from error

    cdef int encode_hessian(self, HessianWriter h, object value) except -1:
        if not isinstance(value, self.cls):
            refuse("datetime", value)
        return encode_hessian_any(h, value)

    cdef object decode_hessian(self, HessianReader h):
        value = decode_hessian_any(h)
        if type(value) is GenericObject and (<GenericObject>value).names == ("value",):     # java.sql.Timestamp and its like
            value = (<GenericObject>value).values[0]
        if not isinstance(value, self.cls):
            raise DecodeError(f"expected datetime, got {kind_name(value)}")
        return value

    cdef str jvm(self):
        return "Ljava/util/Date;"

    cdef tuple java_names(self):
        return java_classes_of(self.cls)

    cdef str describe(self):
        return "datetime"


cdef int write_timestamp(Writer w, int64_t seconds, uint32_t microseconds) except -1:
    """The shortest of msgpack's three timestamp forms."""
    cdef uint64_t nanoseconds = <uint64_t>microseconds * 1000
    if seconds < -62135596800 or seconds > 253402300799:
        raise EncodeError("datetime is outside the years 1 to 9999 in UTC")
    reserve(w, 15)
    if 0 <= seconds <= 0xFFFFFFFF and microseconds == 0:
        put(w, 0xD6)
        put(w, 0xFF)
        rp_put32(w.buf + w.pos, <uint32_t>seconds)
        w.pos += 4
    elif 0 <= seconds < (<int64_t>1 << 34):
        put(w, 0xD7)
        put(w, 0xFF)
        rp_put64(w.buf + w.pos, nanoseconds << 34 | <uint64_t>seconds)
        w.pos += 8
    else:
        put(w, 0xC7)
        put(w, 12)
        put(w, 0xFF)
        rp_put32(w.buf + w.pos, <uint32_t>nanoseconds)
        rp_put64(w.buf + w.pos + 4, <uint64_t>seconds)
        w.pos += 12
    return 0


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
    """The inverse of ``format_duration``; takes weeks, hours and minutes too. Years and months have no fixed length."""
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


def parse_uuid(UUID, str text):
    """A UUID from its canonical text, with or without hyphens; none of the decorations that ``UUID()`` also takes."""
    if len(text) == 36 and text[8] == text[13] == text[18] == text[23] == "-":
        digits = text.replace("-", "")
    else:
        digits = text
    if len(digits) != 32 or not digits.isalnum():
        raise ValueError(text)
    return UUID(int=int(digits, 16))
