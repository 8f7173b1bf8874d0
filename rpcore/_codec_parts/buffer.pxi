# Limits and the outgoing buffer.

cdef enum:
    PAYLOAD = 8388608           # 8 MiB, Dubbo's own default
    DEPTH = 64                  # what both sides allow unless told otherwise
    COUNT = 1000000
    MEMORY_PER_BYTE = 8         # a short str of n bytes takes n + 49, a float 24 for 9, a small int or pointer 8 for 1
    DEEPEST = 512               # a level takes up to 0.7 KiB of C stack (gcc -O3), and a thread on macOS has 512 KiB
    FIRST_CAPACITY = 512        # bytes of a Writer's first allocation


@cython.final
cdef class Limits:
    """What one frame may ask of us; passing one is an error that names the limit, the size and the option.

    Args:
        payload: bytes of one frame's body. Default 8 MiB, as Dubbo.
        depth: containers inside each other. Default 64; at most 512.
        count: elements of one list, set or map. Default 1,000,000.
        memory: estimated bytes of the Python objects made from one frame. Default (and 0) 8 x payload.

    Raises:
        ConfigurationError: a limit is not positive, or depth is too large for the C stack.
    """

    def __init__(self, *, Py_ssize_t payload=PAYLOAD, int depth=DEPTH, Py_ssize_t count=COUNT, Py_ssize_t memory=0):
        if payload < 1 or depth < 1 or count < 1 or memory < 0:
            raise ConfigurationError(f"limits must be positive: {payload=}, {depth=}, {count=}, {memory=}")
        if depth > DEEPEST:
            raise ConfigurationError(f"limits.depth is {depth}; the C stack is safe for at most {<int>DEEPEST} levels")
        self.payload = payload
        self.depth = depth
        self.count = count
        self.memory = memory or MEMORY_PER_BYTE * min(payload, PY_SSIZE_T_MAX // MEMORY_PER_BYTE)

    def __repr__(self):
        return f"Limits(payload={self.payload}, depth={self.depth}, count={self.count}, memory={self.memory})"


cdef Limits DEFAULT_LIMITS = Limits()


@cython.final
cdef class Writer:
    """A growable output buffer. Large ``bytes`` are kept beside it as pieces, by reference, and never copied into it.

    Exports the buffer protocol, read-only, over what was copied (without pieces). While such a view lives the memory
    may not move: growing it raises BufferError.
    """

    def __cinit__(self):
        self.depth = self.max_depth = DEPTH

    def __dealloc__(self):
        PyMem_Free(self.buf)

    cdef int ensure(self, Py_ssize_t n) except -1:
        if self.cap - self.pos < n:
            self.grow(n)
        return 0

    cdef int grow(self, Py_ssize_t n) except -1:
        cdef Py_ssize_t cap
        cdef char* buf
        if self.exports:
            raise BufferError("the buffer is exported and cannot grow")
        if n < 0 or n > PY_SSIZE_T_MAX - self.pos:
            raise MemoryError
        cap = self.pos + n
        if cap < 2 * self.cap:
            cap = 2 * self.cap
        if cap < FIRST_CAPACITY:
            cap = FIRST_CAPACITY
        buf = <char*>PyMem_Realloc(self.buf, cap)
        if buf == NULL:
            raise MemoryError
        self.buf = buf
        self.cap = cap
        return 0

    cdef int write(self, const void* p, Py_ssize_t n) except -1:
        self.ensure(n)
        memcpy(self.buf + self.pos, p, n)
        self.pos += n
        return 0

    cdef int piece(self, object data, Py_ssize_t n) except -1:
        """Put ``data`` (a ``bytes`` of length ``n``, or a view of part of one) at the present position, by reference."""
        if self.pieces is None:
            self.pieces = []
        self.pieces.append((self.pos, data))
        self.pieces_size += n
        return 0

    cdef int truncate(self, Py_ssize_t pos, Py_ssize_t npieces) except -1:
        """Take back everything after ``pos`` and all but the first ``npieces`` pieces."""
        cdef Py_ssize_t n
        self.pos = pos
        self.depth = self.max_depth
        if self.pieces is not None:
            n = len(self.pieces)
            while n > npieces:
                n -= 1
                self.pieces_size -= len(self.pieces[n][1])
                del self.pieces[n]
        return 0

    def reserve(self, Py_ssize_t capacity):
        """Make room for ``capacity`` bytes in all."""
        if capacity > self.cap:
            self.grow(capacity - self.pos)

    def clear(self):
        """Forget the content and keep the memory."""
        self.truncate(0, 0)

    def chunks(self):
        """The content as a list of bytes-likes: copies of the buffer's parts, and the pieces themselves."""
        cdef list out = []
        cdef Py_ssize_t at = 0, pos
        for pos, data in self.pieces or ():
            if pos > at:
                out.append(self.buf[at:pos])
            out.append(data)
            at = pos
        if self.pos > at:
            out.append(self.buf[at:self.pos])
        return out

    def getvalue(self):
        """The content as one ``bytes``, with the pieces joined in place."""
        return self.content()

    cdef bytes content(self):
        if not self.pieces:
            return PyBytes_FromStringAndSize(self.buf, self.pos)
        return b"".join(self.chunks())

    def __len__(self):
        return self.pos + self.pieces_size

    def __repr__(self):
        return f"<Writer {len(self)} bytes, {len(self.pieces or ())} pieces>"

    def __getbuffer__(self, Py_buffer* view, int flags):
        # An empty Writer has no memory yet; a view of length 0 still needs an address.
        PyBuffer_FillInfo(view, self, self.buf if self.buf != NULL else <char*>b"", self.pos, 1, flags)
        self.exports += 1

    def __releasebuffer__(self, Py_buffer* view):
        self.exports -= 1
