# What a call needs around single values: the argument list of a method, and declared exceptions.


@cython.final
cdef class ArgsPlan:
    """The parameters of a method, as one array in declared order. Trailing ones with defaults may be missing.

    Args:
        names: of the parameters.
        plans: one Plan for each.
        defaults: for each a value, or ``REQUIRED``.
        known: plans of the classes with wire names among their types, by class and by name; for what hessian2 sends as Any.
    """

    def __init__(self, names, plans, defaults, dict known=None):
        self.known = known
        cdef Py_ssize_t i
        self.names = tuple(names)
        self.plans = tuple(plans)
        self.defaults = tuple(defaults)
        if not len(self.names) == len(self.plans) == len(self.defaults):
            raise TypeError("names, plans and defaults differ in length")
        for plan in self.plans:
            if not isinstance(plan, Plan):
                raise TypeError(f"not a Plan: {plan!r}")
        self.required = 0
        for i in range(len(self.defaults)):
            if self.defaults[i] is REQUIRED:
                self.required = i + 1

    cdef int encode_args(self, Writer w, tuple args) except -1:
        cdef Py_ssize_t i = 0, n = PyTuple_GET_SIZE(self.plans)
        if PyTuple_GET_SIZE(args) != n:
            self.wrong_number(EncodeError, PyTuple_GET_SIZE(args))
        write_array(w, n)
        try:
            for i in range(n):
                (<Plan>rp_tuple_item(self.plans, i)).encode(w, <object>rp_tuple_item(args, i))
            i = DONE
        finally:
            if i != DONE:
                pass_step(f"args.{self.names[i]}")
        return 0

    cdef tuple decode_args(self, Reader r):
        cdef Py_ssize_t i = 0, n = PyTuple_GET_SIZE(self.plans), got = 0
        cdef list values = []
        cdef bint done = False
        try:
            got = read_array(r)
            done = True
        finally:
            if not done:
                pass_step("args")
        self.accept_number(got)
        try:
            for i in range(got):
                values.append((<Plan>rp_tuple_item(self.plans, i)).decode(r))
            i = DONE
        finally:
            if i != DONE:
                pass_step(f"args.{self.names[i]}")
        for i in range(got, n):
            values.append(self.defaults[i])
        return tuple(values)

    cdef int encode_hessian(self, HessianWriter h, tuple args) except -1:
        """The arguments, one value after another."""
        cdef Py_ssize_t i = 0, n = PyTuple_GET_SIZE(self.plans)
        if PyTuple_GET_SIZE(args) != n:
            self.wrong_number(EncodeError, PyTuple_GET_SIZE(args))
        try:
            for i in range(n):
                (<Plan>rp_tuple_item(self.plans, i)).encode_hessian(h, <object>rp_tuple_item(args, i))
            i = DONE
        finally:
            if i != DONE:
                pass_step(f"args.{self.names[i]}")
        return 0

    cdef tuple decode_hessian(self, HessianReader h, Py_ssize_t got):
        """``got`` arguments: hessian2 bodies do not say how many there are, their descriptor does."""
        cdef Py_ssize_t i = 0, n = PyTuple_GET_SIZE(self.plans)
        cdef list values = []
        self.accept_number(got)
        try:
            for i in range(got):
                values.append((<Plan>rp_tuple_item(self.plans, i)).decode_hessian(h))
            i = DONE
        finally:
            if i != DONE:
                pass_step(f"args.{self.names[i]}")
        for i in range(got, n):
            values.append(self.defaults[i])
        return tuple(values)

    cdef int accept_number(self, Py_ssize_t got) except -1:
        """Whether so many arguments may be sent: all, or without trailing ones that have defaults."""
        if got > PyTuple_GET_SIZE(self.plans):
            self.wrong_number(DecodeError, got)
        if got < self.required:
            missing = ", ".join(self.names[got:self.required])
            raise DecodeError(f"missing {missing} (got {got} of {len(self.names)} arguments)", path="args")
        return 0

    @property
    def descriptor(self):
        """The JVM descriptors of all parameters, one after another, as Java compares them."""
        return "".join([(<Plan>plan).jvm() for plan in self.plans])

    def hessian_dumps(self, tuple args):
        """The arguments as the bytes of one hessian2 stream; see ``Plan.dumps``."""
        cdef Writer w = Writer.__new__(Writer)
        cdef HessianWriter h = HessianWriter.__new__(HessianWriter)
        h.start(w, self.known)
        self.encode_hessian(h, args)
        return w.content()

    def hessian_loads(self, data, Limits limits=None):
        """The arguments in ``data``; see ``hessian_loads``."""
        cdef Reader r = Reader.__new__(Reader)
        cdef HessianReader h = HessianReader.__new__(HessianReader)
        r.open(data, limits)
        h.start(r, self.known)
        args = self.decode_hessian(h, len(self.plans))
        if r.p != r.end:
            raise DecodeError(f"{r.end - r.p} bytes follow the arguments", path="args")
        return args

    cdef int wrong_number(self, error, Py_ssize_t got) except -1:
        raise error(f"takes {len(self.names)} arguments ({', '.join(self.names)}), got {got}", path="args")

    def dumps(self, tuple args):
        """The argument list as msgpack bytes; see ``Plan.dumps``."""
        cdef Writer w = Writer.__new__(Writer)
        self.encode_args(w, args)
        return w.content()

    def loads(self, data, Limits limits=None):
        """The arguments in ``data``; see ``Plan.loads``."""
        cdef Reader r = Reader.__new__(Reader)
        r.open(data, limits)
        args = self.decode_args(r)
        if r.p != r.end:
            raise DecodeError(f"{r.end - r.p} bytes follow the arguments", path="args")
        return args

    def __repr__(self):
        text = ", ".join([f"{name}: {(<Plan>plan).describe()}" for name, plan in zip(self.names, self.plans)])
        return f"<ArgsPlan ({text})>"


@cython.final
cdef class ExceptionPlan(Plan):
    """A declared business exception.

    With ``fields`` (the record of a dataclass exception, or of an ``__init__`` whose parameters are attributes) a map
    of them travels. An instance without those attributes, and every other exception, travels as its ``args``, an array
    of Any.

    Args:
        cls: the exception class.
        wire_name: its name on the wire.
        fields: plan of its fields, or None.
        build: called with ``cls`` and the args that arrived; makes the instance.
        named: whether ``wire_name`` was given, so that it may name a class of Java's.
    """

    def __init__(self, cls, str wire_name, Plan fields, build, bint named=False):
        self.named = named
        self.cls = cls
        self.wire_name = wire_name
        self.fields = fields
        self.build = build
        self.definition = throwable_definition(wire_name, None if fields is None else (<RecordPlan>fields).wire_names)

    cdef int encode(self, Writer w, object value) except -1:
        if not isinstance(value, self.cls):
            refuse(self.cls.__name__, value)
        if self.fields is not None and has_fields(value, self.fields):
            return self.fields.encode(w, value)
        return any_plan.encode_list(w, list(value.args))

    cdef object decode(self, Reader r):
        cdef list args
        if self.fields is not None and next_is(r, KIND_DICT):
            return self.fields.decode(r)
        args = any_plan.decode_list(r)
        try:
            return self.build(self.cls, args)
        except Exception as error:
            raise DecodeError(f"{self.cls.__name__}: {kind_name(error)}: {error}") from error

    cdef int encode_hessian(self, HessianWriter h, object value) except -1:
        """As a Throwable of class ``wire_name``: message, empty stack, no cause, and the fields as the subclass's own.

        The message is the attribute ``message``, if it has one, else its text.
        """
        if not isinstance(value, self.cls):
            refuse(self.cls.__name__, value)
        if h.refer(value):
            return 0
        enter_write(h.w)
        h.open_object(self, self.definition)
        message = getattr(value, "message", None)
        put_throwable(h, value, message if isinstance(message, str) else str(value))
        if self.fields is not None:
            (<RecordPlan>self.fields).put_values(h, value, False, True)
        h.w.depth += 1
        return 0

    cdef object decode_hessian(self, HessianReader h):
        """The fields by name; a ``message`` that is not among those sent is Java's ``detailMessage``."""
        cdef RecordPlan fields = self.fields
        cdef HessianClass c
        cdef Mapping mapping
        cdef Py_ssize_t number
        h.pass_definitions()
        if tag_of(h.r) == TAG_REF:
            return h.resolve(self)
        c = h.open_object()
        if c is None:
            unexpected(h.r, self.cls.__name__)
        if fields is not None:
            names = c.names
            if "message" in fields.by_wire and "message" not in names:
                names = tuple(["message" if name == "detailMessage" else name for name in names])
            # Without a cause it is its own, which is None to us.
            return fields.decode_hessian_fields(h, make_mapping(fields, names), <PyObject*>None)
        number = h.number(<PyObject*>None, self)
        message = read_hessian_fields(h, c).get("detailMessage")
        try:
            value = self.build(self.cls, [] if message is None else [message])
        except Exception as error:
            raise DecodeError(f"{self.cls.__name__}: {kind_name(error)}: {error}") from error
        h.settle(number, value)
        return value

    cdef int admit(self, object value, list todo) except -1:
        return 0 if isinstance(value, self.cls) else refuse(self.cls.__name__, value)

    cdef str jvm(self):
        return jvm_of(self.wire_name)

    cdef tuple java_names(self):
        return (self.wire_name,)

    cdef str describe(self):
        return self.cls.__name__


cdef bint has_fields(object value, Plan fields):
    """Whether every attribute of a record is set."""
    return all([hasattr(value, name) for name in (<RecordPlan>fields).names])
