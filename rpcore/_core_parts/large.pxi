# A frame bigger than the receive window. Its small parts collect in `body`; the payload of every `bytes`
# value of at least LARGE is allocated when its length is parsed and received in place, so that a megabyte is
# written once, by the kernel. `large` lists those payloads in order; the Reader takes them from there.
# A body of another serialization, which has no scanner, is itself received in place: its memory is claimed at once and
# becomes real as it fills.


cdef class LargeFrame:
    def __dealloc__(self):
        free(self.body)

    cdef int receive_whole(self) except -1:
        """Without a scanner: make room for the whole body."""
        self.body = <unsigned char*>malloc(self.remaining)
        if self.body == NULL:
            raise MemoryError()
        self.body_capacity = self.remaining
        return 0

    cdef bint in_place(self) noexcept:
        """Whether the next bytes can be read to where they will stay."""
        return self.target is not None or (self.scanner is None and self.body_capacity - self.body_size >= self.remaining)

    cdef int put(self, const unsigned char* p, Py_ssize_t n) except -1:
        """Take ``n`` bytes (at most ``remaining``) that were read into the window."""
        cdef Py_ssize_t used, room
        cdef unsigned char* grown
        while n:
            if self.target is not None:
                room = min(n, PyBytes_GET_SIZE(self.target) - self.target_filled)
                memcpy(PyBytes_AS_STRING(self.target) + self.target_filled, p, room)
                self.fill(room)
                p += room
                n -= room
                continue
            used = n if self.scanner is None else self.scanner.feed(p, n)
            if self.body_size + used > self.body_capacity:
                self.body_capacity = max(self.body_size + used, min(2 * self.body_capacity, self.body_size + self.remaining), 256)
                grown = <unsigned char*>realloc(self.body, self.body_capacity)
                if grown == NULL:
                    raise MemoryError()
                self.body = grown
            memcpy(self.body + self.body_size, p, used)
            self.body_size += used
            self.remaining -= used
            p += used
            n -= used
            if self.scanner is not None and self.scanner.want:
                if self.scanner.want > self.remaining:
                    # Longer than its own frame: the decoder will say so.
                    self.scanner = None
                    continue
                self.target = PyBytes_FromStringAndSize(NULL, self.scanner.want)
                self.target_filled = 0
        return 0

    cdef int fill(self, Py_ssize_t n) except -1:
        """``n`` bytes have arrived in ``target``, or without one in the body."""
        self.remaining -= n
        if self.target is None:
            self.body_size += n
            return 0
        self.target_filled += n
        if self.target_filled == PyBytes_GET_SIZE(self.target):
            if self.large is None:
                self.large = []
            self.large.append(self.target)
            self.target = None
        return 0
