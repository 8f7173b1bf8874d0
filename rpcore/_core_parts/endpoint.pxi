# One provider address: its connections, and the calls that wait until there is one. Dialling and the
# decision when to dial again belong to the pool (transport.py); this is what a call needs of it.


cdef class Endpoint:
    """Connections to one address, shared by all references of a client.

    Args:
        address: ``host:port`` or ``unix:/path``.
        pool: told ``connect(endpoint)`` when a call needs a connection, ``usable_changed(endpoint)`` when
            balancers must look elsewhere or may come back.
        wanted: connections to keep.
    """

    def __cinit__(self, str address, Engine engine not None, pool, *, int wanted=1):
        self.address = address
        self.engine = engine
        self.pool = pool
        self.wanted = wanted
        self.connections = []
        self.waiting = {}
        self.usable = True
        self.state = "idle"

    def __repr__(self):
        return f"<Endpoint {self.address} {self.state} connections={len(self.connections)}/{self.wanted} waiting={len(self.waiting)}>"

    cdef Connection choose(self):
        cdef Py_ssize_t n = PyList_GET_SIZE(self.connections)
        cdef Py_ssize_t i
        cdef Connection connection, fallback
        if n == 0:
            return None
        if n == 1:
            connection = <Connection>PyList_GET_ITEM(self.connections, 0)
            return None if connection.closed or connection.closing else connection
        fallback = None
        for i in range(n):
            self.turn += 1
            connection = <Connection>PyList_GET_ITEM(self.connections, self.turn % n)
            if connection.closed or connection.closing:
                continue
            if not connection.peer_readonly and not connection.suspect and not connection.paused:
                return connection
            if fallback is None:
                fallback = connection
        return fallback

    cdef int start(self, Call call, double now) except -1:
        cdef Connection connection
        if not self.engine.blocking:
            connection = self.choose()
            if connection is not None:
                return connection.send_request(call, now)
        call.state = WAIT_CONNECTION
        if not self.engine.blocking:     # else the calling thread takes a line itself: blocking.pxi
            self.waiting[call] = None
            self.pool.connect(self)
        return 0

    def connected(self, Connection connection not None):
        """A connection is ready: send what waits for one."""
        cdef Call call
        cdef double now
        self.connections.append(connection)
        self.last_error = None
        self.refresh("up")
        now = self.engine.clock()
        # Those that wait now: if this connection is closed already, starting a call makes it wait again.
        waiting = list(self.waiting)
        self.waiting.clear()
        for call in waiting:
            if call.state == WAIT_CONNECTION:
                self.start(call, now)

    def lost(self, Connection connection not None):
        """A connection was closed; the pool decides when to dial again."""
        if connection in self.connections:
            self.connections.remove(connection)
        self.refresh("down" if not self.connections else self.state)

    def connect_failed(self, error):
        """The dial failed: every call that waits here fails its attempt, surely not executed."""
        cdef Call call
        cdef double now = self.engine.clock()
        self.last_error = error
        if not self.connections:
            self.refresh("down")
        waiting = list(self.waiting)
        self.waiting.clear()
        for call in waiting:
            if call.state == WAIT_CONNECTION:
                failure = errors.ConnectError(str(error), address=self.address)
                failure.__cause__ = error
                call.failed(failure, now)

    def refresh(self, state=None):
        """Recompute ``usable`` from the connections and tell the pool when it changed."""
        cdef Connection connection
        cdef bint usable
        if state is not None:
            self.state = state
        if self.connections:
            usable = False
            for connection in self.connections:
                if connection.usable:
                    usable = True
                    break
            self.state = "up" if usable else "readonly" if connection.peer_readonly else "suspect"
        else:
            usable = self.state in ("idle", "connecting")
        if usable != self.usable:
            self.usable = usable
            self.pool.usable_changed(self)
