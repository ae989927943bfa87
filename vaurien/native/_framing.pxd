"""What the pump calls: see `vaurien.native.framing`."""

from vaurien.native.framing.course cimport Course, Side, UNSURE, framer

cdef enum:
    # So many bytes are free in front of a chunk of requests that `put_host` gets.
    HOST_ROOM = 256

# The two functions of a protocol.
cdef struct Framer:
    framer requests
    framer replies

cdef const Framer *find_framer(type protocol) except? NULL
cdef bint begin(Course *course, object protocol) except -1
cdef int end(const Course *course, object protocol, size_t up, size_t down) except -1
cdef unsigned char *put_host(unsigned char *data, const Course *course) noexcept nogil
