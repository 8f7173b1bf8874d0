# cython: auto_pickle=False
"""The engine: what runs once per call, in C. Connections without sockets, deadlines without a clock,
calls without tasks. Nothing here imports asyncio; the transport supplies clock, loop and bytes.

One idea per part: wheel (deadlines), engine (shared by the connections of a loop), connection (bytes to
calls and back), hessian2 (their bodies as Java knows them), status (refusals), large (big bodies in place), call (one call with its attempts), endpoint (one address),
serve (running handlers), pick (balancers), blocking (calls driven by their own threads).
"""

from collections import deque
from contextvars import ContextVar

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.buffer cimport PyBUF_FORMAT, PyBUF_ND
from cpython.exc cimport PyErr_CheckSignals, PyErr_Clear, PyErr_Occurred
from cpython.list cimport PyList_GET_ITEM, PyList_GET_SIZE
from cpython.object cimport PyObject, PyObject_CallObject
from cpython.ref cimport Py_DECREF, Py_INCREF, Py_XDECREF
from libc.errno cimport EAGAIN, EINTR, errno
from libc.math cimport ceil, exp, floor
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcmp, memcpy, memset, strerror

from rpcore._codec cimport (
    LARGE, ArgsPlan, ExceptionPlan, HessianReader, HessianWriter, Limits, Plan, Reader, Scanner, Writer,
    any_plan, hessian_read_any, hessian_read_int, hessian_read_map, hessian_read_str, hessian_write_str,
    is_nil, known_of, read_array, read_int, read_str, skip, write_array, write_int, write_nil, write_str,
)
from rpcore._frame cimport *

from rpcore import errors

cdef extern from "Python.h":
    ctypedef struct PyTypeObject:
        PyObject* (*tp_iternext)(PyObject*) noexcept
    int PYGEN_RETURN, PYGEN_ERROR, PYGEN_NEXT
    int PyIter_Send(PyObject* iter, PyObject* arg, PyObject** result)
    bint PyCoro_CheckExact(object o)
    object PyContext_Copy(object context)
    int PyContext_Enter(object context)
    int PyContext_Enter_checked "PyContext_Enter"(object context) except -1
    int PyContext_Exit(object context) except -1
    object PyContextVar_Set(object var, object value)
    int PyContextVar_Get(object var, PyObject* default, PyObject** value) except -1
    void PyErr_SetObject(object kind, object value)
    unsigned long PyThread_get_thread_ident() nogil

include "_core_parts/pick.pxi"
include "_core_parts/wheel.pxi"
include "_core_parts/engine.pxi"
include "_core_parts/large.pxi"
include "_core_parts/hessian2.pxi"
include "_core_parts/status.pxi"
include "_core_parts/connection.pxi"
include "_core_parts/endpoint.pxi"
include "_core_parts/blocking.pxi"
include "_core_parts/call.pxi"
include "_core_parts/serve.pxi"
