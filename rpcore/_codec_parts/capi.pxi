# The C API that the codec uses beyond what Cython's own syntax gives, and small helpers that C says better.

cimport cython
from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_INCREF, Py_DECREF, Py_XDECREF, Py_XINCREF
from cpython.mem cimport PyMem_Malloc, PyMem_Realloc, PyMem_Free
from cpython.bytes cimport PyBytes_FromStringAndSize, PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_GET_SIZE
from cpython.buffer cimport (
    Py_buffer, PyBUF_SIMPLE, PyBuffer_FillInfo, PyBuffer_Release, PyObject_CheckBuffer, PyObject_GetBuffer,
)
from libc.stdint cimport int32_t, int64_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

cdef extern from "Python.h":
    bint PyLong_Check(object)
    bint PyLong_CheckExact(object)
    bint PyFloat_Check(object)
    bint PyFloat_CheckExact(object)
    bint PyUnicode_Check(object)
    bint PyUnicode_CheckExact(object)
    bint PyBytes_Check(object)
    bint PyBytes_CheckExact(object)
    bint PyByteArray_Check(object)
    bint PyMemoryView_Check(object)
    bint PyList_Check(object)
    bint PyList_CheckExact(object)
    bint PyTuple_Check(object)
    bint PyTuple_CheckExact(object)
    bint PyDict_Check(object)
    bint PyDict_CheckExact(object)
    bint PyAnySet_Check(object)
    bint PySet_Check(object)
    bint PyFrozenSet_Check(object)

    double PyFloat_AS_DOUBLE(object)
    object PyFloat_FromDouble(double)
    PyObject* new_float "PyFloat_FromDouble"(double) except NULL
    double PyLong_AsDouble(object) except? -1.0
    unsigned long long PyLong_AsUnsignedLongLong(object) except? 0xFFFFFFFFFFFFFFFF
    object PyLong_FromLongLong(long long)
    PyObject* new_int "PyLong_FromLongLong"(long long) except NULL
    object PyLong_FromUnsignedLongLong(unsigned long long)

    PyObject* PyUnicode_DecodeUTF8(const char*, Py_ssize_t, const char*) except NULL
    const char* PyUnicode_AsUTF8AndSize(object, Py_ssize_t*) except NULL

    Py_ssize_t PyList_GET_SIZE(object)
    PyObject* PyList_GET_ITEM(object, Py_ssize_t)
    Py_ssize_t PyTuple_GET_SIZE(object)
    object PyList_New(Py_ssize_t)
    object PyTuple_New(Py_ssize_t)
    void PyList_SET_ITEM(object, Py_ssize_t, PyObject*)
    void PyTuple_SET_ITEM(object, Py_ssize_t, PyObject*)
    Py_ssize_t PyDict_Size(object)
    Py_ssize_t PySet_GET_SIZE(object)
    int PyDict_SetItem(object, object, object) except -1
    PyObject* PyDict_GetItemWithError(object, object) except? NULL
    int PyDict_Next(object, Py_ssize_t*, PyObject**, PyObject**)
    int PySet_Add(object, object) except -1
    void PyObject_GC_UnTrack(PyObject*)
    void PyObject_GC_Track(PyObject*)

    Py_ssize_t PY_SSIZE_T_MAX
    PyTypeObject* Py_TYPE(object)
    object PyObject_GetAttr(object, object)
    int PyObject_GenericSetAttr(object, object, object) except -1
    object PyObject_Vectorcall(object, PyObject**, size_t, PyObject*)
    int PyType_Check(object)
    int Py_ReprEnter(object) except -1
    void Py_ReprLeave(object)

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>

    /* Big-endian loads and stores. By builtin, because compilers do not always find the swap in shifts. */
    #if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    #define RP_BE16(v) (v)
    #define RP_BE32(v) (v)
    #define RP_BE64(v) (v)
    #elif defined(_MSC_VER)
    #include <stdlib.h>
    #define RP_BE16(v) _byteswap_ushort(v)
    #define RP_BE32(v) _byteswap_ulong(v)
    #define RP_BE64(v) _byteswap_uint64(v)
    #else
    #define RP_BE16(v) __builtin_bswap16(v)
    #define RP_BE32(v) __builtin_bswap32(v)
    #define RP_BE64(v) __builtin_bswap64(v)
    #endif
    static inline uint16_t rp_get16(const unsigned char *p) { uint16_t v; memcpy(&v, p, 2); return RP_BE16(v); }
    static inline uint32_t rp_get32(const unsigned char *p) { uint32_t v; memcpy(&v, p, 4); return RP_BE32(v); }
    static inline uint64_t rp_get64(const unsigned char *p) { uint64_t v; memcpy(&v, p, 8); return RP_BE64(v); }
    static inline void rp_put16(char *p, uint16_t v) { v = RP_BE16(v); memcpy(p, &v, 2); }
    static inline void rp_put32(char *p, uint32_t v) { v = RP_BE32(v); memcpy(p, &v, 4); }
    static inline void rp_put64(char *p, uint64_t v) { v = RP_BE64(v); memcpy(p, &v, 8); }
    static inline double rp_get_double(const unsigned char *p) {
        uint64_t bits = rp_get64(p); double d; memcpy(&d, &bits, 8); return d;
    }
    static inline double rp_get_float(const unsigned char *p) {
        uint32_t bits = rp_get32(p); float f; memcpy(&f, &bits, 4); return f;
    }
    static inline void rp_put_double(char *p, double d) {
        uint64_t bits; memcpy(&bits, &d, 8); rp_put64(p, bits);
    }

    /* memcpy for the short lengths of keys and names: two overlapping moves instead of a call. */
    static inline void rp_copy(char *to, const char *from, Py_ssize_t n) {
        if (n > 32) { memcpy(to, from, (size_t)n); }
        else if (n >= 16) {
            char a[16], b[16];
            memcpy(a, from, 16); memcpy(b, from + n - 16, 16); memcpy(to, a, 16); memcpy(to + n - 16, b, 16);
        }
        else if (n >= 8) {
            uint64_t a, b;
            memcpy(&a, from, 8); memcpy(&b, from + n - 8, 8); memcpy(to, &a, 8); memcpy(to + n - 8, &b, 8);
        }
        else if (n >= 4) {
            uint32_t a, b;
            memcpy(&a, from, 4); memcpy(&b, from + n - 4, 4); memcpy(to, &a, 4); memcpy(to + n - 4, &b, 4);
        }
        else if (n > 0) {
            char a = from[0], b = from[n >> 1], c = from[n - 1];
            to[0] = a; to[n >> 1] = b; to[n - 1] = c;
        }
    }
    static inline int rp_equal(const unsigned char *a, const unsigned char *b, Py_ssize_t n) {
        uint64_t x, y, u, v;
        if (n > 16 || n < 4) { return memcmp(a, b, (size_t)n) == 0; }
        if (n >= 8) {
            memcpy(&x, a, 8); memcpy(&y, b, 8); memcpy(&u, a + n - 8, 8); memcpy(&v, b + n - 8, 8);
        } else {
            uint32_t s, t;
            memcpy(&s, a, 4); memcpy(&t, b, 4); x = s; y = t;
            memcpy(&s, a + n - 4, 4); memcpy(&t, b + n - 4, 4); u = s; v = t;
        }
        return ((x ^ y) | (u ^ v)) == 0;
    }

    /* Is every byte below 0x80? Eight at a time, the tail by an overlapping load. */
    static inline int rp_is_ascii(const unsigned char *p, Py_ssize_t n) {
        uint64_t all = 0, word; Py_ssize_t i;
        if (n >= 8) {
            for (i = 0; i + 8 <= n; i += 8) { memcpy(&word, p + i, 8); all |= word; }
            memcpy(&word, p + n - 8, 8); all |= word;
        }
        else if (n >= 4) {
            uint32_t a, b; memcpy(&a, p, 4); memcpy(&b, p + n - 4, 4); all = a | b;
        }
        else if (n > 0) { all = p[0] | p[n >> 1] | p[n - 1]; }
        return (all & 0x8080808080808080ULL) == 0;
    }
    static inline PyObject *rp_ascii_str(const unsigned char *p, Py_ssize_t n) {
        PyObject *s = PyUnicode_New(n, 127);
        if (s != NULL) { rp_copy((char *)(((PyASCIIObject *)s) + 1), (const char *)p, n); }
        return s;
    }
    /* Like PyLong_AsLongLongAndOverflow, without a call for ints of one digit (30 bits). */
    static inline long long rp_int_value(PyObject *o, int *overflow) {
    #if PY_VERSION_HEX >= 0x030C0000
        if (PyUnstable_Long_IsCompact((PyLongObject *)o)) {
            *overflow = 0;
            return (long long)PyUnstable_Long_CompactValue((PyLongObject *)o);
        }
    #else
        Py_ssize_t size = Py_SIZE(o);
        if (size >= -1 && size <= 1) {
            *overflow = 0;
            return size == 0 ? 0 : (long long)size * (long long)((PyLongObject *)o)->ob_digit[0];
        }
    #endif
        return PyLong_AsLongLongAndOverflow(o, overflow);
    }

    static inline int rp_str_is_ascii(PyObject *s) { return PyUnicode_IS_COMPACT_ASCII(s); }
    static inline const char *rp_ascii_data(PyObject *s) { return (const char *)(((PyASCIIObject *)s) + 1); }
    static inline Py_ssize_t rp_str_length(PyObject *s) { return PyUnicode_GET_LENGTH(s); }

    /* A new reference to list[i]; NULL without an exception when the list has become shorter. */
    static inline PyObject *rp_list_item(PyObject *list, Py_ssize_t i) {
    #ifdef Py_GIL_DISABLED
        PyObject *item = PyList_GetItemRef(list, i);
        if (item == NULL) { PyErr_Clear(); }
        return item;
    #else
        if (i >= PyList_GET_SIZE(list)) { return NULL; }
        return Py_NewRef(PyList_GET_ITEM(list, i));
    #endif
    }
    static inline PyObject *rp_new_tuple(PyObject *cls, Py_ssize_t n) {
        return ((PyTypeObject *)cls)->tp_alloc((PyTypeObject *)cls, n);
    }

    /* A list that nobody else changes while no Python code runs: without the GIL, a copy. */
    static inline PyObject *rp_stable_list(PyObject *list) {
    #ifdef Py_GIL_DISABLED
        return PyList_GetSlice(list, 0, PY_SSIZE_T_MAX);
    #else
        return Py_NewRef(list);
    #endif
    }
    static inline PyObject *rp_tuple_item(PyObject *tuple, Py_ssize_t i) { return PyTuple_GET_ITEM(tuple, i); }

    static inline PyObject *rp_new(PyObject *cls, PyObject *args) {
        return ((PyTypeObject *)cls)->tp_new((PyTypeObject *)cls, args, NULL);
    }
    /* The value of a slot, a new reference; NULL without an exception when it is not set. */
    static inline PyObject *rp_slot_get(PyObject *o, Py_ssize_t offset) {
        return Py_XNewRef(*(PyObject **)((char *)o + offset));
    }
    static inline void rp_slot_set(PyObject *o, Py_ssize_t offset, PyObject *stolen) {
        *(PyObject **)((char *)o + offset) = stolen;
    }
    """
    uint16_t rp_get16(const unsigned char*) noexcept
    uint32_t rp_get32(const unsigned char*) noexcept
    uint64_t rp_get64(const unsigned char*) noexcept
    double rp_get_double(const unsigned char*) noexcept
    double rp_get_float(const unsigned char*) noexcept
    void rp_put16(char*, uint16_t) noexcept
    void rp_put32(char*, uint32_t) noexcept
    void rp_put64(char*, uint64_t) noexcept
    void rp_put_double(char*, double) noexcept
    void rp_copy(char*, const char*, Py_ssize_t) noexcept
    bint rp_equal(const unsigned char*, const unsigned char*, Py_ssize_t) noexcept
    bint rp_is_ascii(const unsigned char*, Py_ssize_t) noexcept
    PyObject* rp_ascii_str(const unsigned char*, Py_ssize_t) except NULL
    long long rp_int_value(object, int*) except? -1
    bint rp_str_is_ascii(object) noexcept
    const char* rp_ascii_data(object) noexcept
    Py_ssize_t rp_str_length(object) noexcept
    PyObject* rp_list_item(object, Py_ssize_t) noexcept
    object rp_new_tuple(object, Py_ssize_t)
    list rp_stable_list(list)
    PyObject* rp_tuple_item(object, Py_ssize_t) noexcept
    object rp_new(object, object)
    PyObject* rp_slot_get(object, Py_ssize_t) noexcept
    void rp_slot_set(object, Py_ssize_t, PyObject*) noexcept
