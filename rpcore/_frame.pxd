"""The 16-byte Dubbo frame header: layout, write, read. Header-only, shared by both extensions.

    offset size
    0      2    magic da bb
    2      1    flags: 80 request, 40 two-way, 20 event, 1f serialization id
    3      1    status (responses; 0 in requests)
    4      8    request id, signed, big endian
    12     4    body length, signed, big endian
"""

cdef enum:
    HEADER = 16
    FLAG_REQUEST = 0x80
    FLAG_TWOWAY = 0x40
    FLAG_EVENT = 0x20
    SERIALIZATION_MASK = 0x1F
    HESSIAN2 = 2
    FASTJSON2 = 23          # read only, in statuses
    MSGPACK = 29          # ours; Dubbo's own msgpack, 27, is another body
    STATUS_OK = 20
    STATUS_SERIALIZATION_ERROR = 25
    STATUS_CLIENT_TIMEOUT = 30
    STATUS_SERVER_TIMEOUT = 31
    STATUS_BAD_REQUEST = 40
    STATUS_BAD_RESPONSE = 50
    STATUS_SERVICE_NOT_FOUND = 60
    STATUS_SERVICE_ERROR = 70
    STATUS_EXHAUSTED = 100


cdef inline unsigned int load32(const unsigned char* p) noexcept nogil:
    return (<unsigned int>p[0] << 24) | (<unsigned int>p[1] << 16) | (<unsigned int>p[2] << 8) | p[3]


cdef inline unsigned long long load64(const unsigned char* p) noexcept nogil:
    return (<unsigned long long>load32(p) << 32) | load32(p + 4)


cdef inline void store32(char* p, unsigned int v) noexcept nogil:
    p[0] = <char>(v >> 24)
    p[1] = <char>(v >> 16)
    p[2] = <char>(v >> 8)
    p[3] = <char>v


cdef inline void store64(char* p, unsigned long long v) noexcept nogil:
    store32(p, <unsigned int>(v >> 32))
    store32(p + 4, <unsigned int>v)


cdef inline void store_header(char* p, int flags, int status, unsigned long long id, unsigned int length) noexcept nogil:
    p[0] = <char>0xDA
    p[1] = <char>0xBB
    p[2] = <char>flags
    p[3] = <char>status
    store64(p + 4, id)
    store32(p + 12, length)
