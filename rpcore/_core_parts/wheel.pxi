# Deadlines: one hashed timer wheel per loop.
#
# A timer is put into the slot of the first tick at or after its time, so it never fires early, and is
# at most one tick (5 ms) plus the loop's own delay late. Adding and removing are O(1) and touch no Python
# object. The wheel asks for one wake-up, at its earliest occupied slot, and for none while it is
# empty; slots are revisited each rotation (5.12 s), which costs far timers one comparison.
#
# The wheel knows no clock and no loop: `arm(delay)` asks the owner to call `advance(now)` later.

cdef double TICK = 0.005
cdef double MARGIN = 1e-6           # seconds; at exactly the slot's time, division may still give the slot before
DEF SLOTS = 1024
DEF NEVER = 0x7FFFFFFFFFFFFFFF


cdef class Timer:
    """Something with a deadline. The wheel owns a reference while it is armed."""

    cdef int fire(self, double now) except -1:
        raise AssertionError("a timer must override fire()")

    def __dealloc__(self):
        # Cannot be in a wheel: the wheel holds a reference.
        pass


cdef class TimerWheel:
    """Serves every deadline of one loop.

    Args:
        now: the present time, in the caller's monotonic seconds.
        arm: called with a delay in seconds when ``advance`` must be called sooner than agreed so far.
    """

    def __cinit__(self, double now, object arm):
        self.origin = now
        self.arm = arm
        self.current = 0
        self.armed = NEVER
        self.count = 0
        memset(self.slots, 0, sizeof(self.slots))

    def __len__(self):
        return self.count

    def __repr__(self):
        return f"<TimerWheel pending={self.count}>"

    cdef int add(self, Timer timer, double when) except -1:
        cdef long long tick
        cdef int slot
        cdef double ticks = ceil((when - self.origin) / TICK)
        if timer.armed:
            self.remove(timer)
        tick = <long long>ticks if ticks < 9e15 else <long long>9e15
        if tick <= self.current:
            tick = self.current + 1
        timer.when = when
        timer.tick = tick
        slot = <int>(tick & (SLOTS - 1))
        timer.prev = NULL
        timer.next = self.slots[slot]
        if timer.next != NULL:
            (<Timer>timer.next).prev = <PyObject*>timer
        self.slots[slot] = <PyObject*>timer
        timer.armed = True
        timer.wheel = self
        Py_INCREF(timer)
        self.count += 1
        if tick < self.armed:
            self.armed = tick
            if not self.advancing:
                # The distance from the wheel's own last tick, not from now: the owner's loop adds what
                # has passed since, and a wake-up that is a little early only looks again.
                self.arm(self.origin + tick * TICK + MARGIN)
        return 0

    cdef int remove(self, Timer timer) except -1:
        if not timer.armed:
            return 0
        if timer.prev != NULL:
            (<Timer>timer.prev).next = timer.next
        else:
            self.slots[timer.tick & (SLOTS - 1)] = timer.next
        if timer.next != NULL:
            (<Timer>timer.next).prev = timer.prev
        timer.next = timer.prev = NULL
        timer.armed = False
        self.count -= 1
        Py_DECREF(timer)
        return 0

    cpdef advance(self, double now):
        """Fire everything that is due at ``now``, then ask for the next wake-up if one is needed."""
        cdef long long target = <long long>floor((now - self.origin) / TICK)
        cdef long long tick
        cdef long long span
        cdef PyObject* entry
        cdef Timer timer
        cdef list due
        if self.advancing:
            return
        if target > self.current:
            span = min(target - self.current, <long long>SLOTS)
            due = None
            for tick in range(target - span + 1, target + 1):
                entry = self.slots[tick & (SLOTS - 1)]
                while entry != NULL:
                    timer = <Timer>entry
                    entry = timer.next
                    if timer.tick <= target:
                        self.remove(timer)
                        if due is None:
                            due = []
                        due.append(timer)
            self.current = target
            failure = None
            if due is not None:
                self.advancing = True
                try:
                    if len(due) > 1:
                        due.sort(key=_timer_when)
                    for timer in due:
                        if timer.armed:
                            continue            # serving an earlier one gave it a new deadline
                        try:
                            timer.fire(now)
                        except BaseException as error:
                            failure = error     # the others still get their turn
                finally:
                    self.advancing = False
            if failure is not None:
                self._rearm()
                raise failure
        self._rearm()

    cdef int _rearm(self) except -1:
        cdef long long tick
        self.armed = NEVER
        if self.count == 0:
            return 0
        for tick in range(self.current + 1, self.current + 1 + SLOTS):
            if self.slots[tick & (SLOTS - 1)] != NULL:
                self.armed = tick
                self.arm(self.origin + tick * TICK + MARGIN)
                break
        return 0


def _timer_when(Timer timer):
    return timer.when
