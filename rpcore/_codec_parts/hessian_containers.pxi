# hessian2: typed lists, tuples and sets.


cdef object decode_hessian_list(HessianReader h, Plan plan, Plan item):
    cdef Py_ssize_t n
    if h.r.p < h.r.end and h.r.p[0] < 0x70:
        h.pass_definitions()
        if tag_of(h.r) == TAG_REF:
            return h.resolve(plan)
    n = h.open_list()
    charge(h.r, LIST_COST)
    return item.decode_hessian_whole(h, plan, n)


cdef object decode_hessian_tuple(HessianReader h, Plan plan, Plan item):
    cdef Py_ssize_t n, number
    cdef list out = []
    h.pass_definitions()
    if tag_of(h.r) == TAG_REF:
        return h.resolve(plan)
    n = h.open_list()
    charge(h.r, LIST_COST)
    number = h.number(NULL, plan)
    item.decode_hessian_items(h, out, n)
    value = tuple(out)
    h.settle(number, value)
    return value


cdef object decode_hessian_set(HessianReader h, Plan plan, Plan item, object make):
    """Any list, or the object as which Java writes an EnumSet."""
    cdef Py_ssize_t n, number
    cdef list out = []
    cdef set found = set()
    cdef object counts = None
    cdef HessianClass c
    cdef str name
    h.pass_definitions()
    if tag_of(h.r) == TAG_REF:
        return h.resolve(plan)
    c = h.open_object()
    number = h.number(NULL, plan)
    if c is None:
        n = h.open_list()
        charge(h.r, LIST_COST)
        item.decode_hessian_items(h, out, n)
    elif c.name == ENUM_SET:
        for name in c.names:
            if name != "objects":
                decode_hessian_any(h)
                continue
            n = h.open_list()
            h.number(NULL, plan)
            item.decode_hessian_items(h, out, n)
    else:
        raise DecodeError(f"expected set, got an object of class {clipped(c.name)}")
    charge(h.r, ENTRY_COST * len(out))
    for element in out:
        try:
            if not PyUnicode_CheckExact(element):
                counts = count_hash(h.r, found, counts, element)
            PySet_Add(found, element)
        except DecodeError:
            raise
        except Exception as error:
            raise DecodeError(f"a {kind_name(element)} cannot be an element of a set: {error}") from error
    value = found if make is set else make(found)
    h.settle(number, value)
    return value


# ---- references to what was read as another type


cdef object other_shape(Plan plan, object value):
    """``value``, or a copy of it where only its being a tuple, list, set or frozenset keeps it from being of ``plan``'s type."""
    if isinstance(plan, (TuplePlan, VariadicTuplePlan)) and PyList_Check(value):
        return tuple(value)
    if isinstance(plan, ListPlan) and PyTuple_CheckExact(value):
        return list(value)
    if isinstance(plan, SetPlan) and PyAnySet_Check(value) and not isinstance(value, (<SetPlan>plan).make):
        return (<SetPlan>plan).make(value)
    return value


cdef int admit_items(Plan item, object values, list todo) except -1:
    if item is not any_plan:
        todo.extend([(item, value) for value in values])
    return 0
