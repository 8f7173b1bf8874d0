# What other Cython modules of rpcore may use of the codec. The plan nodes themselves stay private to _codec.pyx:
# they are made by plan.py through their Python constructors and used through the two methods of Plan.

cimport cython
from cpython.object cimport PyObject
from libc.stdint cimport int64_t


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


cdef class Plan


@cython.final
cdef class HessianWriter:               # one outgoing hessian2 stream above a Writer
    cdef Writer w
    cdef bint refs                      # whether what occurs twice is sent as a reference
    cdef dict known                     # None, or the plans of the interface's named classes, by class and by name
    cdef PyObject** seen                # containers by number; NULL for those that are nobody's
    cdef int* levels                    # and how many levels the writer had left when they were opened
    cdef Py_ssize_t uncounted           # the first number that a reader may not have counted, see `miscounted`; -1: none
    cdef int copies                     # written instead of references, because of that
    cdef Py_ssize_t count, cap
    cdef int* slots                     # hash table of numbers + 1, in use while mask is not 0
    cdef Py_ssize_t mask, slots_cap
    cdef dict classes                   # key -> number of its definition, where `few` does not tell
    cdef Py_ssize_t class_count
    cdef PyObject* few[8]               # the first of these keys
    cdef dict types                     # type name -> number

    cdef int start(self, Writer w, dict known) except -1
    cdef void finish(self) noexcept
    cdef int refer(self, object value) except -1
    cdef void miscounted(self) noexcept
    cdef bint is_open(self, Py_ssize_t n) noexcept
    cdef Py_ssize_t find(self, PyObject* value) noexcept
    cdef Py_ssize_t slot_of(self, PyObject* value) noexcept
    cdef int number(self, PyObject* value) except -1
    cdef int rehash(self) except -1
    cdef int open_object(self, object key, bytes definition) except -1
    cdef int define(self, object key, bytes definition) except -1
    cdef int open_list(self, object type_name, Py_ssize_t n) except -1
    cdef int open_map(self, object type_name) except -1
    cdef int put_type(self, object name) except -1


@cython.final
cdef class Mapping:                     # where the fields of a definition go in a record of ours; immutable
    cdef Plan target
    cdef Py_ssize_t* to
    cdef Py_ssize_t count


@cython.final
cdef class HessianClass:                # a class definition as it was read
    cdef readonly str name
    cdef readonly tuple names
    cdef bytes raw                      # the definition itself
    cdef Plan expected                  # for which of our types `mapping` was made
    cdef Mapping mapping
    cdef bint looked_up                 # whether `plan` and `reader` were looked for
    cdef dict known                     # among which classes
    cdef Plan plan                      # of the class of ours that has this name, or None
    cdef object reader                  # makes the Python value of a Java type from a dict of its fields, or None


cdef struct Ref:
    PyObject* value                     # NULL while it cannot be referred to
    size_t plan                         # address of what read it; plus 1 once something refers to it


@cython.final
cdef class HessianReader:               # one incoming hessian2 stream above a Reader
    cdef Reader r
    cdef dict known                     # as HessianWriter's
    cdef Ref* refs                      # containers by number
    cdef Py_ssize_t count, cap
    cdef PyObject** classes             # HessianClass by number
    cdef Py_ssize_t class_count, class_cap
    cdef list types                     # by number
    cdef list remembered                # class definitions of earlier streams
    cdef object type_name               # of the list that open_list opened

    cdef int start(self, Reader r, dict known) except -1
    cdef void finish(self) noexcept
    cdef Py_ssize_t number(self, PyObject* value, Plan plan) except -1
    cdef int settle(self, Py_ssize_t n, object value) except -1
    cdef object resolve(self, Plan plan)
    cdef object adopt(self, Plan plan, object value)
    cdef int pass_definitions(self) except -1
    cdef int define(self) except -1
    cdef int add_class(self, HessianClass c) except -1
    cdef void drop_classes(self, Py_ssize_t n) noexcept
    cdef HessianClass open_object(self)
    cdef object take_type(self)
    cdef Py_ssize_t open_list(self) except -2
    cdef bint at_end(self) except -1
    cdef HessianClass look_up(self, HessianClass c)
    cdef list load_all(self, object data, tuple plans, Limits limits)


cdef class Plan:
    cdef int encode(self, Writer w, object value) except -1
    cdef object decode(self, Reader r)
    cdef int encode_list(self, Writer w, list items) except -1
    cdef list decode_list(self, Reader r)
    cdef str describe(self)
    cdef int encode_hessian(self, HessianWriter h, object value) except -1
    cdef object decode_hessian(self, HessianReader h)
    cdef int encode_hessian_items(self, HessianWriter h, list items) except -1
    cdef int decode_hessian_items(self, HessianReader h, list out, Py_ssize_t n) except -1
    cdef list decode_hessian_whole(self, HessianReader h, Plan plan, Py_ssize_t n)
    cdef int admit(self, object value, list todo) except -1
    cdef str jvm(self)
    cdef tuple java_names(self)


@cython.final
cdef class ArgsPlan:
    cdef readonly tuple names
    cdef readonly tuple plans
    cdef readonly tuple defaults        # per parameter a value, or REQUIRED
    cdef Py_ssize_t required            # leading parameters that must be sent
    cdef readonly dict known            # the named classes among their types: plans by class and by wire name

    cdef int wrong_number(self, error, Py_ssize_t got) except -1
    cdef int encode_args(self, Writer w, tuple args) except -1
    cdef tuple decode_args(self, Reader r)
    cdef int encode_hessian(self, HessianWriter h, tuple args) except -1
    cdef tuple decode_hessian(self, HessianReader h, Py_ssize_t got)
    cdef int accept_number(self, Py_ssize_t got) except -1


@cython.final
cdef class ExceptionPlan(Plan):
    cdef readonly str wire_name
    cdef readonly bint named            # the name was given by wire_name: it may be that of a class of Java's
    cdef readonly object cls
    cdef Plan fields                    # a map of the fields, or None: only `args` travel
    cdef object build                   # (cls, args) -> exception, for what arrives as `args`
    cdef bytes definition               # its Java class


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

cdef int hessian_write_str(HessianWriter h, object s) except -1
cdef int hessian_write_int(HessianWriter h, int value) except -1
cdef int hessian_write_null(HessianWriter h) except -1
cdef int hessian_write_map(HessianWriter h, dict entries) except -1
cdef object hessian_read_str(HessianReader h)
cdef object hessian_read_map(HessianReader h)
cdef int64_t hessian_read_int(HessianReader h) except? -1
cdef object hessian_read_any(HessianReader h)
cdef dict known_of(Plan plan)           # the named classes that a method's result may contain, or None
