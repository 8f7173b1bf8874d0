# What other Cython modules of rpcore may use of the codec. The plan nodes themselves stay private to _codec.pyx:
# they are made by plan.py through their Python constructors and used through the two methods of Plan.

cimport cython


cdef enum:
    LARGE = 32768  # bytes values from this size on travel by reference: never copied into, or out of, a buffer


@cython.final
cdef class Limits:
    cdef readonly Py_ssize_t payload
    cdef readonly int depth
    cdef readonly Py_ssize_t count
    cdef readonly Py_ssize_t memory


@cython.final
cdef class Writer:
    cdef char* buf
    cdef Py_ssize_t pos
    cdef Py_ssize_t cap
    cdef Py_ssize_t exports             # live Py_buffer views; while > 0 the memory must not move
    cdef list pieces                    # None or [(pos, bytes)]: large values that stand after buf[:pos]
    cdef Py_ssize_t pieces_size         # their total length
    cdef int depth                      # containers that may still be opened; truncate() restores max_depth
    cdef int max_depth

    cdef int grow(self, Py_ssize_t n) except -1
    cdef int ensure(self, Py_ssize_t n) except -1
    cdef int write(self, const void* p, Py_ssize_t n) except -1
    cdef int piece(self, object data, Py_ssize_t n) except -1
    cdef bytes content(self)
    cdef int truncate(self, Py_ssize_t pos, Py_ssize_t npieces) except -1


@cython.final
cdef class Reader:
    cdef const unsigned char* p
    cdef const unsigned char* end
    cdef object owner                   # keeps the memory alive; may be None
    cdef list large                     # None, or the payloads received in place of every bin >= LARGE, in order
    cdef Py_ssize_t large_next
    cdef Limits limits
    cdef Py_ssize_t budget              # bytes of Python objects that may still be made; from limits.memory down
    cdef int depth                      # containers that may still be opened; from limits.depth down

    cdef int open(self, object data, Limits limits) except -1
    cdef void start(self, const unsigned char* p, Py_ssize_t n, list large) noexcept


cdef class Plan:
    cdef int encode(self, Writer w, object value) except -1
    cdef object decode(self, Reader r)
    cdef int encode_list(self, Writer w, list items) except -1
    cdef list decode_list(self, Reader r)
    cdef str describe(self)


@cython.final
cdef class ArgsPlan:
    cdef readonly tuple names
    cdef readonly tuple plans
    cdef readonly tuple defaults        # per parameter a value, or REQUIRED
    cdef Py_ssize_t required            # leading parameters that must be sent

    cdef int wrong_number(self, error, Py_ssize_t got) except -1
    cdef int encode_args(self, Writer w, tuple args) except -1
    cdef tuple decode_args(self, Reader r)


@cython.final
cdef class ExceptionPlan(Plan):
    cdef readonly str wire_name
    cdef readonly object cls
    cdef Plan fields                    # a map of the fields, or None: only `args` travel
    cdef object build                   # (cls, args) -> exception, for what arrives as `args`


@cython.final
cdef class Scanner:
    cdef readonly Py_ssize_t want       # payload length of the large bin whose header was just passed; 0: none
    cdef int state
    cdef int have                       # header bytes collected of the token that is being read
    cdef int need
    cdef unsigned char head[8]
    cdef unsigned long long skip        # payload bytes still to pass over

    cdef Py_ssize_t feed(self, const unsigned char* p, Py_ssize_t n) except -1
    cdef void reset(self) noexcept


cdef Plan any_plan

cdef object read_str(Reader r)
cdef Py_ssize_t read_array(Reader r) except -1
cdef Py_ssize_t read_map(Reader r) except -1
cdef int skip(Reader r) except -1
cdef long long read_int(Reader r) except? -1
cdef int is_nil(Reader r) noexcept

cdef int write_str(Writer w, object s) except -1
cdef int write_int(Writer w, long long value) except -1
cdef int write_array(Writer w, Py_ssize_t n) except -1
cdef int write_map(Writer w, Py_ssize_t n) except -1
cdef int write_nil(Writer w) except -1
