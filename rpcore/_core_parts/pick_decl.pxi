# Declarations of pick.pxi: providers as the engine counts them, and the choice between them.
# Included by _core.pxd; what each class does is said in pick.pxi.

cimport cython
from libc.stdint cimport int64_t, uint32_t, uint64_t


cdef struct Bucket:             # slots of one tier with the same number of calls in flight
    long load                   # that number
    Py_ssize_t start            # its slots are tier.order[start:end]
    Py_ssize_t end
    uint64_t weight             # sum over those slots
    Bucket* lower               # its neighbours by load
    Bucket* higher

cdef struct Tier:               # slots whose weights differ by less than a factor of two
    Slot** order                # all of them, by load
    Py_ssize_t size
    uint32_t heaviest           # the largest weight among them
    bint even                   # all of them have that weight
    Bucket* lowest              # the bucket with the least load; never NULL
    Bucket* spare               # unused buckets, linked by `higher`

cdef struct Slot:               # one node's place in one LeastActivePicker
    void* node                  # borrowed: the picker's tuple keeps it alive
    Tier* tier
    Bucket* bucket
    Py_ssize_t place            # index in tier.order
    uint32_t weight
    Slot* next                  # the same node's slots in other pickers
    Slot* previous


@cython.final
cdef class Node:
    cdef readonly object instance
    cdef public object endpoint
    cdef readonly str token     # what this provider wants to see with each call, or None
    cdef public int weight
    cdef readonly long active
    cdef readonly int64_t total
    cdef public int64_t failed
    cdef bint _tried            # scratch of Picker._rest, false outside it
    cdef Slot* _slots           # one per LeastActivePicker that holds this node

    cpdef void begin(self) noexcept
    cpdef void end(self) noexcept


cdef class Picker:
    cdef readonly tuple nodes
    cdef tuple _open            # the nodes that may be picked: those with a weight, or all when none has one
    cdef Py_ssize_t _count      # len(_open)
    cdef uint32_t* _weights     # of _open, at least 1 each, as they were when this picker was built
    cdef uint64_t _total        # their sum
    cdef bint _even             # all of them are equal
    cdef uint64_t _random       # state of the generator

    cpdef Node pick(self)
    cpdef Node pick_other(self, list tried)
    cdef Node _rest(self, list tried)
    cdef Node _untried(self)
    cdef inline Node _at(self, Py_ssize_t index)
    cdef inline uint64_t _draw(self) noexcept
    cdef inline uint64_t _below(self, uint64_t n) noexcept


cdef struct Column:             # of an alias table
    uint32_t keep               # chance of staying in this column, in units of 2**-32
    uint32_t alias              # where to go otherwise

@cython.final
cdef class RandomPicker(Picker):
    cdef Column* _columns       # NULL while all weights are equal


cdef struct Ring:               # the nodes of one weight, taken in turn
    uint64_t cycle              # when its next pick is due: which cycle,
    double due                  # and which fraction of that cycle
    uint64_t share              # picks per cycle: weight * size
    uint64_t taken              # picks made in this cycle
    Py_ssize_t start            # its nodes are _members[start:start + size]
    Py_ssize_t size
    Py_ssize_t next             # offset of the node whose turn it is

@cython.final
cdef class RoundRobinPicker(Picker):
    cdef uint64_t _divisor      # what all weights have in common
    cdef uint64_t _length       # picks until the order repeats: the weights / _divisor, added up
    cdef uint32_t* _order       # that many picks in Java's order, or NULL: then the rings decide
    cdef uint64_t _position     # the next pick in `_order`
    cdef uint64_t _repeat       # how often it was gone through, modulo _divisor
    cdef Ring* _rings           # a binary heap by (cycle, due)
    cdef Py_ssize_t _ring_count
    cdef uint32_t* _members     # indexes into _open, ring by ring
    cdef double _due            # `due` of the last pick

    cdef double _phase(self) noexcept
    cdef int _arrange(self) except -1
    cdef int _write_order(self) except -1


@cython.final
cdef class LeastActivePicker(Picker):
    cdef Slot* _places          # one per open node
    cdef Tier* _tiers
    cdef Py_ssize_t _tier_count
    cdef Slot** _orders         # storage of every tier's `order`
    cdef Bucket* _buckets       # storage of every tier's buckets

    cdef Node _from_bucket(self, Tier* tier, Bucket* bucket)


@cython.final
cdef class PythonPicker(Picker):
    cdef readonly object picker
