# Where large bytes begin, found while a body is still arriving, so that their payload can be received in place.
#
# The scan is linear: a container is only its header, so no stack is needed and the scan can stop and go on anywhere.

cdef enum:
    AT_TYPE = 0         # before the type byte of a token
    AT_HEADER = 1       # inside the header of a token with a length


@cython.final
cdef class Scanner:
    """Finds the payloads of bins >= 32 KiB in a body that arrives in parts. ``reset()`` before each body."""

    def __cinit__(self):
        self.reset()

    cdef void reset(self) noexcept:
        self.want = 0
        self.state = AT_TYPE
        self.have = 0
        self.need = 0
        self.skip = 0

    def scan(self, data):
        """``feed`` for Python: how many bytes of ``data`` lie before the next large payload (see ``want``)."""
        cdef Py_buffer view
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            return self.feed(<const unsigned char*>view.buf, view.len)
        finally:
            PyBuffer_Release(&view)

    cdef Py_ssize_t feed(self, const unsigned char* p, Py_ssize_t n) except -1:
        """Scan the next ``n`` bytes.

        Returns ``n``, with ``want == 0``, when no large payload starts in them; else the number of bytes up to and
        including the bin's header, with ``want`` its length. The payload itself is never fed: the next byte follows it.
        """
        cdef Py_ssize_t i = 0, left
        cdef unsigned char t
        cdef uint64_t length
        self.want = 0
        while i < n:
            if self.skip:
                left = n - i
                if self.skip > <uint64_t>left:
                    self.skip -= left
                    return n
                i += <Py_ssize_t>self.skip
                self.skip = 0
                continue
            t = p[i]
            i += 1
            if self.state == AT_TYPE:
                if t <= 0x9F or t >= 0xE0:
                    continue
                if t <= 0xBF:
                    self.skip = t & 0x1F
                    continue
                self.need = header_width(t)
                if self.need < 0:
                    self.skip = -self.need
                elif self.need > 0:
                    self.head[0] = t
                    self.have = 0
                    self.state = AT_HEADER
                continue
            self.have += 1
            self.head[self.have] = t
            if self.have < self.need:
                continue
            self.state = AT_TYPE
            t = self.head[0]
            if self.need == 1:
                length = self.head[1]
            elif self.need == 2:
                length = rp_get16(self.head + 1)
            else:
                length = rp_get32(self.head + 1)
            if t == 0xC5 or t == 0xC6:
                if length >= LARGE:
                    self.want = <Py_ssize_t>length
                    return i
            elif t >= 0xC7 and t <= 0xC9:
                length += 1         # an extension's type byte
            self.skip = length
        return n


cdef int header_width(unsigned char t) noexcept:
    """After type byte ``t`` (0xc0..0xdf): the width of a length that follows, or minus the size of a fixed payload."""
    if t == 0xC4 or t == 0xC7 or t == 0xD9:
        return 1
    if t == 0xC5 or t == 0xC8 or t == 0xDA:
        return 2
    if t == 0xC6 or t == 0xC9 or t == 0xDB:
        return 4
    if t == 0xCA:
        return -4
    if t == 0xCB:
        return -8
    if 0xCC <= t <= 0xD3:
        return -(1 << (t & 3))
    if 0xD4 <= t <= 0xD8:
        return -((1 << (t - 0xD4)) + 1)
    if t == 0xDC or t == 0xDE:
        return -2               # arrays and maps: the count is passed over, the elements are tokens of their own
    if t == 0xDD or t == 0xDF:
        return -4
    return 0
