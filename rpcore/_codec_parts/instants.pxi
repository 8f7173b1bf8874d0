# datetime: instants as msgpack's timestamp, times without a zone as text.

from cpython.datetime cimport (
    PyDateTime_Check, PyDateTimeAPI, datetime_day, datetime_hour, datetime_microsecond, datetime_minute,
    datetime_month, datetime_second, datetime_tzinfo, datetime_year, import_datetime,
)

cdef enum:
    EXT_TIMESTAMP = -1

cdef int64_t FIRST_SECOND = -62135596800    # 0001-01-01T00:00:00Z
cdef int64_t LAST_SECOND = 253402300799     # 9999-12-31T23:59:59Z


@cython.final
cdef class DatetimePlan(Plan):
    """datetime: an aware one as msgpack timestamp (the instant; arrives in UTC), a naive one as ISO 8601 text."""

    def __cinit__(self):
        import_datetime()       # here and not with the module, since it imports datetime

    cdef int encode(self, Writer w, object value) except -1:
        cdef int64_t seconds
        cdef int64_t microseconds
        cdef object zone, offset
        if not PyDateTime_Check(value):
            refuse("datetime", value)
        zone = datetime_tzinfo(value)
        offset = None
        if <PyObject*>zone != <PyObject*>PyDateTimeAPI.TimeZone_UTC:
            if zone is not None:
                offset = value.utcoffset()
            if offset is None:
                return write_str(w, value.isoformat())
        seconds = days_before(datetime_year(value), datetime_month(value), datetime_day(value)) * 86400
        seconds += datetime_hour(value) * 3600 + datetime_minute(value) * 60 + datetime_second(value)
        microseconds = datetime_microsecond(value)
        if offset is not None:
            seconds -= <int64_t>offset.days * 86400 + <int64_t>offset.seconds
            microseconds -= <int64_t>offset.microseconds
            if microseconds < 0:
                seconds -= 1
                microseconds += 1000000
        return write_timestamp(w, seconds, <uint32_t>microseconds)

    cdef object decode(self, Reader r):
        if next_is(r, KIND_STR):
            text = read_str(r)
            try:
                return (<object>PyDateTimeAPI.DateTimeType).fromisoformat(text)
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
        if not FIRST_SECOND <= seconds <= LAST_SECOND:
            raise DecodeError(f"a timestamp of {seconds} s is outside the years 1 to 9999")
        return from_timestamp(seconds, <int>(nanoseconds // 1000))

    cdef int encode_hessian(self, HessianWriter h, object value) except -1:
        if not PyDateTime_Check(value):
            refuse("datetime", value)
        return encode_hessian_any(h, value)

    cdef object decode_hessian(self, HessianReader h):
        value = decode_hessian_any(h)
        if type(value) is GenericObject and (<GenericObject>value).names == ("value",):
            value = (<GenericObject>value).values[0]    # java.sql.Timestamp and its like
        if not PyDateTime_Check(value):
            raise DecodeError(f"expected datetime, got {kind_name(value)}")
        return value

    cdef str jvm(self):
        return "Ljava/util/Date;"

    cdef tuple java_names(self):
        return java_classes_of("datetime")

    cdef str describe(self):
        return "datetime"


cdef int write_timestamp(Writer w, int64_t seconds, uint32_t microseconds) except -1:
    """The shortest of msgpack's three timestamp forms."""
    cdef uint64_t nanoseconds = <uint64_t>microseconds * 1000
    if not FIRST_SECOND <= seconds <= LAST_SECOND:
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


# Days and dates by Howard Hinnant's algorithms (days_from_civil and civil_from_days in "chrono-Compatible Low-Level
# Date Algorithms"): years start in March, so that the leap day is their last, and come in eras of 400 years or
# 146097 days.

cdef int64_t days_before(int64_t year, int64_t month, int64_t day) noexcept:
    """Days from 1970-01-01 to a date of the years 1 to 9999."""
    cdef int64_t in_era, of_year
    year -= month <= 2
    in_era = year % 400
    of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    return year // 400 * 146097 + in_era * 365 + in_era // 4 - in_era // 100 + of_year - 719468


cdef object from_timestamp(int64_t seconds, int microseconds):
    """The aware datetime, in UTC, of an instant in the years 1 to 9999."""
    cdef int64_t since = seconds - FIRST_SECOND         # not negative, so that // and % round down
    cdef int of_day = <int>(since % 86400)
    cdef int64_t days = since // 86400 + 306            # since 0000-03-01
    cdef int64_t of_era = days % 146097
    cdef int64_t in_era = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    cdef int64_t of_year = of_era - (365 * in_era + in_era // 4 - in_era // 100)
    cdef int month = <int>((5 * of_year + 2) // 153)
    cdef int day = <int>(of_year - (153 * month + 2) // 5 + 1)
    month = month + 3 if month < 10 else month - 9
    return PyDateTimeAPI.DateTime_FromDateAndTime(
        <int>(in_era + days // 146097 * 400 + (month <= 2)), month, day,
        of_day // 3600, of_day // 60 % 60, of_day % 60, microseconds,
        <object>PyDateTimeAPI.TimeZone_UTC, PyDateTimeAPI.DateTimeType,
    )
