# Picking a provider: what runs once per attempt, so nothing here costs more with 10,000 nodes than with 10.
#
# A Node is one provider of one reference and counts its calls. A Picker is an immutable choice over a tuple of
# nodes: their weights are read when it is built, and a changed list or weight means a new picker (see
# rpcore/cluster/directory.py, which builds them). Everything that depends on the list alone is laid out in the
# constructor; `pick` only draws a number and looks up.
#
# A node of weight 0 is never picked unless all have weight 0; then all count as equal.

cimport cython
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from cpython.object cimport PyObject
from libc.math cimport ceil, floor

from os import urandom as _urandom

cdef extern from "Python.h":
    PyObject* PyTuple_GET_ITEM(object p, Py_ssize_t pos)    # borrowed, unchecked

# Draws that pick_other makes before it looks at every node: it comes to that only if the nodes tried
# already hold nearly all of the weight.
cdef enum:
    DRAWS = 16

# Longest cycle written out as a table: 16 KiB of indexes, and weights beyond it have no common pattern anyway.
cdef enum:
    LONGEST_ORDER = 4096

# Rounding allowed when a place in one round-robin cycle is carried into another: above the error of a
# double for any cycle shorter than 2**43 picks, and far below one pick.
cdef double ROUNDING = 1e-3


@cython.final
cdef class Node:
    """One provider of one reference. Lives as long as the provider is listed, whatever else changes about it.

    Attributes:
        instance: the ``rpcore.model.Instance`` as last published.
        token: what it wants to see in each call, or None.
        endpoint: the pooled connections to its address; ``endpoint.usable`` says whether they take calls.
        weight: effective weight now: the published one, or less while the provider warms up.
        active: calls in flight through this node.
        total: calls begun so far.
        failed: calls that failed so far.
    """

    def __init__(self, instance, endpoint=None):
        self.update(instance)
        self.endpoint = endpoint
        self.weight = min(max(instance.weight, 0), 0x7FFF_FFFF)

    def update(self, instance):
        """Take over what the provider publishes now; the counters and the endpoint stay."""
        self.instance = instance
        self.token = instance.params.get("token")

    cpdef void begin(self) noexcept:
        """Count a call that starts."""
        cdef Slot* slot = self._slots
        self.active += 1
        self.total += 1
        while slot != NULL:
            _rise(slot)
            slot = slot.next

    cpdef void end(self) noexcept:
        """Count the end of a call, however it ended."""
        cdef Slot* slot = self._slots
        self.active -= 1
        while slot != NULL:
            _fall(slot)
            slot = slot.next

    def __repr__(self):
        usable = "usable" if getattr(self.endpoint, "usable", True) else "unusable"
        return (
            f"<Node {self.instance.address} weight={self.weight}/{self.instance.weight} "
            f"active={self.active} total={self.total} failed={self.failed} {usable}>"
        )


# Pickers are never cleared by the collector: their pointers hold until __dealloc__. Cycles break at the nodes.
@cython.no_gc_clear
cdef class Picker:
    """An immutable choice over ``nodes``. Base of all pickers; a Python class may derive and override ``pick``.

    Args:
        nodes: the nodes to choose from, at least one.
        seed: starts the random numbers; by default the system's entropy does.
        previous: the picker this one replaces, whose random sequence it continues.
    """

    def __cinit__(self, tuple nodes not None, *_, seed=None, previous=None):
        cdef Node node
        cdef Py_ssize_t i
        if not nodes:
            raise ValueError("a picker needs at least one node")
        self.nodes = nodes
        self._open = tuple([node for node in nodes if node.weight > 0]) or nodes
        self._count = len(self._open)
        self._weights = <uint32_t*>_allocate(self._count, sizeof(uint32_t))
        self._even = True
        for i in range(self._count):
            node = self._open[i]
            self._weights[i] = node.weight if node.weight > 0 else 1
            self._total += self._weights[i]
            self._even = self._even and self._weights[i] == self._weights[0]
        if isinstance(previous, Picker):
            self._random = (<Picker>previous)._random
        elif seed is not None:
            self._random = seed & 0xFFFF_FFFF_FFFF_FFFF
        else:
            self._random = int.from_bytes(_urandom(8), "little")

    def __dealloc__(self):
        PyMem_Free(self._weights)

    cpdef Node pick(self):
        """The node for the next attempt."""
        raise NotImplementedError(f"{type(self).__name__} does not say how to pick")

    cpdef Node pick_other(self, list tried):
        """A node that is not in ``tried``, weighted like ``pick``; any node when all were tried."""
        cdef Node node
        cdef int _
        if len(tried) < self._count:
            for _ in range(DRAWS):
                node = self.pick()
                if not _contains(tried, node):
                    return node
        node = self._rest(tried)
        return self.pick() if node is None else node

    def __len__(self):
        return len(self.nodes)

    def __repr__(self):
        return f"<{type(self).__name__} of {len(self.nodes)} nodes>"

    cdef Node _rest(self, list tried):
        # Marks instead of a search in `tried` per node. No Python code runs in between, so nobody else sees them.
        # None stands for an attempt that found no node.
        cdef Node node
        try:
            for node in tried:
                if node is not None:
                    node._tried = True
            return self._untried()
        finally:
            for other in tried:
                if isinstance(other, Node):
                    (<Node>other)._tried = False

    cdef Node _untried(self):
        # An exact weighted choice among the nodes not marked as tried, or None.
        cdef uint64_t total = 0, mark
        cdef Py_ssize_t i
        for i in range(self._count):
            if not self._at(i)._tried:
                total += self._weights[i]
        if total == 0:
            return None
        mark = self._below(total)
        for i in range(self._count):
            if not self._at(i)._tried:
                if mark < self._weights[i]:
                    return self._at(i)
                mark -= self._weights[i]

    cdef inline Node _at(self, Py_ssize_t index):
        return <Node>PyTuple_GET_ITEM(self._open, index)

    cdef inline uint64_t _draw(self) noexcept:
        # SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
        cdef uint64_t z
        self._random += <uint64_t>0x9E3779B97F4A7C15
        z = self._random
        z = (z ^ (z >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
        z = (z ^ (z >> 27)) * <uint64_t>0x94D049BB133111EB
        return z ^ (z >> 31)

    cdef inline uint64_t _below(self, uint64_t n) noexcept:
        # Uniform in 0..n-1, to within n / 2**32 for the n of any list, 2**-53 for larger sums of weights.
        if n <= 0xFFFF_FFFF:
            return ((self._draw() >> 32) * n) >> 32
        return <uint64_t>(<double>(self._draw() >> 11) * (1.0 / (1 << 53)) * <double>n)


@cython.final
@cython.no_gc_clear
cdef class RandomPicker(Picker):
    """Weighted random in O(1), by Vose's alias method (IEEE Trans. Software Eng. 17, 1991).

    There is one column per node, all equally likely. A column keeps its own node with some chance and passes on
    to one other node otherwise, so one random number (32 bits for the column, 32 for the chance) decides.
    """

    def __cinit__(self, *_, **__):
        cdef Py_ssize_t i, small, large
        cdef Py_ssize_t small_count = 0, large_count = 0, n = self._count
        cdef double* height
        cdef uint32_t* waiting      # columns below the average grow from the left, the others from the right
        if self._even:
            return
        self._columns = <Column*>_allocate(n, sizeof(Column))
        height = <double*>_allocate(n, sizeof(double) + sizeof(uint32_t))
        waiting = <uint32_t*>(height + n)
        for i in range(n):
            height[i] = <double>self._weights[i] * n / <double>self._total
            if height[i] < 1.0:
                waiting[small_count] = i
                small_count += 1
            else:
                large_count += 1
                waiting[n - large_count] = i
        while small_count and large_count:
            small_count -= 1
            small = waiting[small_count]
            large = waiting[n - large_count]
            self._columns[small].keep = <uint32_t>(height[small] * 4294967296.0)
            self._columns[small].alias = large
            height[large] -= 1.0 - height[small]
            if height[large] < 1.0:
                large_count -= 1
                waiting[small_count] = large
                small_count += 1
        # What is left has height 1 but for rounding: it keeps its column whatever is drawn.
        for i in range(small_count):
            self._columns[waiting[i]].alias = waiting[i]
        for i in range(large_count):
            self._columns[waiting[n - 1 - i]].alias = waiting[n - 1 - i]
        PyMem_Free(height)

    def __dealloc__(self):
        PyMem_Free(self._columns)

    cpdef Node pick(self):
        cdef uint64_t drawn = self._draw()
        cdef Py_ssize_t i = ((drawn >> 32) * <uint64_t>self._count) >> 32
        if self._columns != NULL and <uint32_t>drawn >= self._columns[i].keep:
            i = self._columns[i].alias
        return self._at(i)


@cython.final
@cython.no_gc_clear
cdef class RoundRobinPicker(Picker):
    """Weighted round robin: in each cycle every node is picked exactly as often as its weight, evenly spread.

    A cycle has as many picks as the weights, divided by their greatest common divisor, add up to. Up to 4096
    picks, it is written out in the order of Dubbo's smooth weighted round robin (RoundRobinLoadBalance). A longer
    one is produced as it goes, by earliest due time: the k-th of a node's w picks is due at (k - 1/2) / w. In both,
    nodes of equal weight take turns and can be handled as one ring, so that the work grows with the number of
    different weights: O(log different weights) a pick beyond 4096.

    Args:
        seed: chooses a random place to start at, so that many clients do not all begin with the same provider;
            without it the cycle starts at its beginning.
        previous: the round robin to go on from: nodes whose weight did not change keep their turn.
    """

    def __cinit__(self, *_, seed=None, previous=None, **__):
        cdef double phase = 0.0
        cdef Py_ssize_t i
        cdef Ring* ring
        self._arrange()
        if isinstance(previous, RoundRobinPicker):
            phase = (<RoundRobinPicker>previous)._phase()
        elif seed is not None:
            phase = <double>(self._draw() >> 11) * (1.0 / (1 << 53))
        if self._length <= LONGEST_ORDER:
            self._write_order()
            phase *= <double>self._divisor
            self._repeat = <uint64_t>phase
            self._position = <uint64_t>ceil((phase - floor(phase)) * <double>self._length - ROUNDING) % self._length
            return
        self._due = phase
        for i in range(self._ring_count):
            ring = &self._rings[i]
            ring.taken = <uint64_t>floor(phase * <double>ring.share + 0.5 + ROUNDING)
            ring.next = ring.taken % <uint64_t>ring.size
            _schedule(ring)
        for i in range(self._ring_count // 2 - 1, -1, -1):
            _sift(self._rings, self._ring_count, i)

    def __dealloc__(self):
        PyMem_Free(self._order)
        PyMem_Free(self._rings)
        PyMem_Free(self._members)

    cpdef Node pick(self):
        cdef Py_ssize_t index
        cdef Ring* ring
        if self._order != NULL:
            index = self._order[self._position]
            self._position += 1
            if self._position == self._length:
                self._position = 0
                self._repeat = (self._repeat + 1) % self._divisor
            return self._at(index)
        ring = self._rings
        self._due = ring.due
        index = _turn(ring, self._members)
        _schedule(ring)
        _sift(self._rings, self._ring_count, 0)
        return self._at(index)

    cdef double _phase(self) noexcept:
        # What is done of a cycle by the undivided weights. Picks are spread evenly, so at this fraction of any
        # such cycle a node has had this fraction of its weight: the same number in both if its weight is the same.
        if self._order != NULL:
            return (<double>self._repeat + <double>self._position / <double>self._length) / <double>self._divisor
        return self._due

    cdef int _arrange(self) except -1:
        # Group the nodes by weight.
        cdef dict groups = {}
        cdef Py_ssize_t i, start = 0
        cdef Ring* ring
        for i in range(self._count):
            groups.setdefault(self._weights[i], []).append(i)
        for weight in groups:
            self._divisor = _common(weight, self._divisor)
        self._length = self._total // self._divisor
        self._members = <uint32_t*>_allocate(self._count, sizeof(uint32_t))
        self._rings = <Ring*>_allocate(len(groups), sizeof(Ring))
        for weight, members in groups.items():
            ring = &self._rings[self._ring_count]
            self._ring_count += 1
            ring.start = start
            ring.size = len(members)
            ring.share = <uint64_t>weight * <uint64_t>ring.size
            for i in members:
                self._members[start] = i
                start += 1
        return 0

    cdef int _write_order(self) except -1:
        # Smooth weighted round robin: before each pick every node gains its weight; the node with the most, the
        # first of equals, is picked and loses the sum of all weights. Among nodes of one weight the one whose turn
        # it is always has the most, so only one node per ring needs comparing.
        cdef uint64_t k
        cdef Py_ssize_t i, index, best_index = 0
        cdef int64_t weight, gain, best_gain = 0
        cdef Ring* ring
        cdef Ring* best
        self._order = <uint32_t*>_allocate(self._length, sizeof(uint32_t))
        for k in range(self._length):
            best = NULL
            for i in range(self._ring_count):
                ring = &self._rings[i]
                index = self._members[ring.start + ring.next]
                weight = ring.share // <uint64_t>ring.size // self._divisor
                gain = <int64_t>(k + 1) * weight - <int64_t>(ring.taken // <uint64_t>ring.size * self._length)
                if best == NULL or gain > best_gain or (gain == best_gain and index < best_index):
                    best, best_gain, best_index = ring, gain, index
            self._order[k] = _turn(best, self._members)
        return 0


cdef inline Py_ssize_t _turn(Ring* ring, uint32_t* members) noexcept nogil:
    # Index of the node whose turn it is in this ring; the turn passes on.
    cdef Py_ssize_t index = members[ring.start + ring.next]
    ring.taken += 1
    ring.next += 1
    if ring.next == ring.size:
        ring.next = 0
    return index


cdef inline void _schedule(Ring* ring) noexcept nogil:
    # The cycle is compared before the fraction, so that shares are exact whatever the fraction is rounded to.
    if ring.taken >= ring.share:
        ring.taken = 0
        ring.cycle += 1
    ring.due = (<double>ring.taken + 0.5) / <double>ring.share


cdef inline bint _earlier(Ring* a, Ring* b) noexcept nogil:
    if a.cycle != b.cycle:
        return a.cycle < b.cycle
    if a.due != b.due:
        return a.due < b.due
    return a.start < b.start


cdef void _sift(Ring* heap, Py_ssize_t size, Py_ssize_t at) noexcept nogil:
    # Move the ring at `at` down until both below it are due later.
    cdef Py_ssize_t child
    cdef Ring moved = heap[at]
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        if child + 1 < size and _earlier(&heap[child + 1], &heap[child]):
            child += 1
        if not _earlier(&heap[child], &moved):
            break
        heap[at] = heap[child]
        at = child
    heap[at] = moved


@cython.final
@cython.no_gc_clear
cdef class LeastActivePicker(Picker):
    """The node with the fewest calls in flight, exactly; weighted random among several such.

    Nodes are kept sorted by load in buckets of equal load. A call that begins or ends changes a load by one, which
    moves the node to the neighbouring bucket by one swap at the border: O(1). The weighted choice within the lowest
    bucket draws a node and accepts it with chance weight / heaviest weight. To accept at least every second draw,
    nodes are split into tiers by the binary logarithm of their weight, each with its own buckets.
    """

    def __cinit__(self, *_, **__):
        cdef Py_ssize_t i, call, at = 0
        cdef int exponent
        cdef Py_ssize_t sizes[32]
        cdef Tier* tiers[32]
        cdef Tier* tier
        cdef Slot* slot
        cdef Node node
        for exponent in range(32):
            sizes[exponent] = 0
        for i in range(self._count):
            exponent = _log2(self._weights[i])
            self._tier_count += sizes[exponent] == 0
            sizes[exponent] += 1
        self._places = <Slot*>_allocate(self._count, sizeof(Slot))
        self._tiers = <Tier*>_allocate(self._tier_count, sizeof(Tier))
        self._orders = <Slot**>_allocate(self._count, sizeof(Slot*))
        # At most one bucket per slot, and one more per tier while a slot moves.
        self._buckets = <Bucket*>_allocate(self._count + self._tier_count, sizeof(Bucket))
        tier = self._tiers
        for exponent in range(32):
            if sizes[exponent]:
                tiers[exponent] = tier
                tier.order = self._orders + at
                tier.even = True
                _open_tier(tier, self._buckets + at + (tier - self._tiers), sizes[exponent] + 1)
                at += sizes[exponent]
                tier += 1
        for i in range(self._count):
            slot = &self._places[i]
            slot.weight = self._weights[i]
            _enter(tiers[_log2(slot.weight)], slot)
        # Everything is in the bucket of no calls; let each node count up to where it is.
        for i in range(self._count):
            slot = &self._places[i]
            node = self._at(i)
            for call in range(node.active):
                _rise(slot)
            slot.node = <void*>node
            slot.next = node._slots
            if slot.next != NULL:
                slot.next.previous = slot
            node._slots = slot

    def __dealloc__(self):
        cdef Py_ssize_t i
        cdef Slot* slot
        for i in range(self._count if self._places != NULL else 0):
            slot = &self._places[i]
            if slot.node == NULL:
                continue
            if slot.next != NULL:
                slot.next.previous = slot.previous
            if slot.previous != NULL:
                slot.previous.next = slot.next
            else:
                (<Node>slot.node)._slots = slot.next
        PyMem_Free(self._places)
        PyMem_Free(self._tiers)
        PyMem_Free(self._orders)
        PyMem_Free(self._buckets)

    cpdef Node pick(self):
        cdef Py_ssize_t i
        cdef uint64_t total, mark
        cdef long load
        cdef Tier* tier = self._tiers
        if self._tier_count > 1:
            load = tier.lowest.load
            total = 0
            for i in range(self._tier_count):
                tier = &self._tiers[i]
                if tier.lowest.load < load:
                    load = tier.lowest.load
                    total = 0
                if tier.lowest.load == load:
                    total += tier.lowest.weight
            mark = self._below(total)
            for i in range(self._tier_count):
                tier = &self._tiers[i]
                if tier.lowest.load == load:
                    if mark < tier.lowest.weight:
                        break
                    mark -= tier.lowest.weight
        return self._from_bucket(tier, tier.lowest)

    cdef Node _from_bucket(self, Tier* tier, Bucket* bucket):
        cdef Slot* slot
        while True:
            slot = tier.order[bucket.start + <Py_ssize_t>self._below(bucket.end - bucket.start)]
            if tier.even or self._below(tier.heaviest) < slot.weight:
                return <Node>slot.node

    cdef Node _untried(self):
        # The least load among nodes not marked. Each tier is walked upwards past marked nodes only; between tiers
        # the weight of the buckets reached decides.
        cdef Py_ssize_t i, place
        cdef uint64_t total = 0
        cdef Tier* tier
        cdef Slot* slot
        cdef Slot* found = NULL
        cdef Node node
        for i in range(self._tier_count):
            tier = &self._tiers[i]
            place = 0
            while place < tier.size and (<Node>tier.order[place].node)._tried:
                place += 1
            if place == tier.size:
                continue
            slot = tier.order[place]
            if found != NULL and slot.bucket.load > found.bucket.load:
                continue
            if found == NULL or slot.bucket.load < found.bucket.load:
                total = 0
            total += slot.bucket.weight
            if self._below(total) < slot.bucket.weight:
                found = slot
        if found == NULL:
            return None
        for i in range(DRAWS):
            node = self._from_bucket(found.tier, found.bucket)
            if not node._tried:
                return node
        return <Node>found.node


cdef inline int _log2(uint32_t weight) noexcept nogil:
    cdef int exponent = 0
    while weight > 1:
        weight >>= 1
        exponent += 1
    return exponent


cdef void _open_tier(Tier* tier, Bucket* buckets, Py_ssize_t count) noexcept nogil:
    # The first bucket holds everybody to come, at load 0; the others are spare.
    cdef Py_ssize_t i
    tier.lowest = buckets
    for i in range(count - 1, 0, -1):
        buckets[i].higher = tier.spare
        tier.spare = &buckets[i]


cdef void _enter(Tier* tier, Slot* slot) noexcept nogil:
    cdef Bucket* bucket = tier.lowest
    slot.tier = tier
    slot.bucket = bucket
    slot.place = tier.size
    tier.order[tier.size] = slot
    if tier.size and slot.weight != tier.heaviest:
        tier.even = False
    if slot.weight > tier.heaviest:
        tier.heaviest = slot.weight
    tier.size += 1
    bucket.end += 1
    bucket.weight += slot.weight


cdef inline void _place(Tier* tier, Slot* slot, Py_ssize_t place) noexcept nogil:
    # Swap places with the slot that is there.
    cdef Slot* other = tier.order[place]
    tier.order[slot.place] = other
    other.place = slot.place
    tier.order[place] = slot
    slot.place = place


cdef inline void _leave(Tier* tier, Bucket* bucket) noexcept nogil:
    # Put a bucket that became empty aside.
    if bucket.start != bucket.end:
        return
    if bucket.lower != NULL:
        bucket.lower.higher = bucket.higher
    else:
        tier.lowest = bucket.higher
    if bucket.higher != NULL:
        bucket.higher.lower = bucket.lower
    bucket.higher = tier.spare
    tier.spare = bucket


cdef inline Bucket* _between(Tier* tier, Bucket* lower, Bucket* higher, long load, Py_ssize_t at) noexcept nogil:
    # A new, empty bucket for `load` between two neighbours.
    cdef Bucket* bucket = tier.spare
    tier.spare = bucket.higher
    bucket.load = load
    bucket.start = at
    bucket.end = at
    bucket.weight = 0
    bucket.lower = lower
    bucket.higher = higher
    if lower != NULL:
        lower.higher = bucket
    else:
        tier.lowest = bucket
    if higher != NULL:
        higher.lower = bucket
    return bucket


cdef void _rise(Slot* slot) noexcept nogil:
    # One more call: over the upper border of its bucket.
    cdef Tier* tier = slot.tier
    cdef Bucket* bucket = slot.bucket
    cdef Bucket* target = bucket.higher
    if target == NULL or target.load != bucket.load + 1:
        target = _between(tier, bucket, target, bucket.load + 1, bucket.end)
    bucket.end -= 1
    target.start -= 1
    _place(tier, slot, bucket.end)
    bucket.weight -= slot.weight
    target.weight += slot.weight
    slot.bucket = target
    _leave(tier, bucket)


cdef void _fall(Slot* slot) noexcept nogil:
    # One call less: over the lower border of its bucket.
    cdef Tier* tier = slot.tier
    cdef Bucket* bucket = slot.bucket
    cdef Bucket* target = bucket.lower
    if target == NULL or target.load != bucket.load - 1:
        target = _between(tier, target, bucket, bucket.load - 1, bucket.start)
    _place(tier, slot, bucket.start)
    bucket.start += 1
    target.end += 1
    bucket.weight -= slot.weight
    target.weight += slot.weight
    slot.bucket = target
    _leave(tier, bucket)


@cython.final
@cython.no_gc_clear
cdef class PythonPicker(Picker):
    """Lets any object with ``pick() -> Node`` choose; slower, because each pick runs Python code."""

    def __cinit__(self, nodes, picker, **_):
        self.picker = picker

    cpdef Node pick(self):
        node = self.picker.pick()
        if not isinstance(node, Node):
            raise TypeError(f"{self.picker!r}.pick() must return one of its nodes, not {node!r}")
        return <Node>node


cdef inline bint _contains(list nodes, Node node) noexcept:
    for other in nodes:
        if other is node:
            return True
    return False


cdef uint64_t _common(uint64_t a, uint64_t b) noexcept nogil:
    # The greatest common divisor.
    while b:
        a, b = b, a % b
    return a


cdef void* _allocate(Py_ssize_t count, size_t size) except NULL:
    # Zeroed memory for `count` things.
    cdef void* memory = PyMem_Calloc(count, size)
    if memory == NULL:
        raise MemoryError()
    return memory
