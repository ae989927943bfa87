# cython: language_level=3
"""The compiled framers by the names of their protocols, and how a protocol object and they take turns."""

from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from vaurien.native.framing.http cimport http_prepare, http_put_host, http_replies, http_requests
from vaurien.native.framing.memcache cimport memcache_replies, memcache_requests
from vaurien.native.framing.mysql cimport mysql_replies, mysql_requests
from vaurien.native.framing.postgres cimport postgres_replies, postgres_requests
from vaurien.native.framing.redis cimport redis_replies, redis_requests

from vaurien.native.course import Course as _Course

cdef enum:
    # So many messages of one chunk a `Framing` has room for.
    ROOM = 4096

cdef Framer http_framer, memcache_framer, mysql_framer, postgres_framer, redis_framer
http_framer.requests, http_framer.replies = http_requests, http_replies
memcache_framer.requests, memcache_framer.replies = memcache_requests, memcache_replies
mysql_framer.requests, mysql_framer.replies = mysql_requests, mysql_replies
postgres_framer.requests, postgres_framer.replies = postgres_requests, postgres_replies
redis_framer.requests, redis_framer.replies = redis_requests, redis_replies
http_prepare()

# The hosts that flows point to. They live as long as the process: there is one for each backend.
_hosts = {}


cdef const Framer *find_framer(type protocol) except? NULL:
    """Return the framers for objects of the class *protocol*; NULL if there are none."""
    name = protocol.find_twin()
    if name == 'http':
        return &http_framer
    if name == 'memcache':
        return &memcache_framer
    if name == 'mysql':
        return &mysql_framer
    if name == 'postgres':
        return &postgres_framer
    if name == 'redis':
        return &redis_framer
    return NULL


cdef bint begin(Course *course, object protocol) except -1:
    """Set *course* to where the *protocol* object is; return False if it has to go on itself."""
    known = protocol.ordinary
    if known is None:
        return False
    host = known.host
    host = _hosts.setdefault(host, host)
    course.outstanding = known.outstanding
    course.kinds = known.kinds
    course.flags = known.flags
    course.status = known.status
    course.host = <const unsigned char *><const char *>host
    course.host_size = <unsigned int>len(host)
    course.host_begin = course.host_end = 0
    course.up.left, course.up.awaited, course.up.passed = known.up_left, known.up_awaited, known.up_passed
    course.down.left, course.down.awaited, course.down.passed = known.down_left, known.down_awaited, known.down_passed
    return True


cdef int end(const Course *course, object protocol, size_t up, size_t down) except -1:
    """Have the *protocol* object be where *course* is, so many bytes after `begin`."""
    protocol.advance(
        up,
        down,
        _Course(
            course.outstanding,
            course.kinds,
            course.flags,
            course.status,
            b'',
            course.up.left,
            course.up.awaited,
            course.up.passed,
            course.down.left,
            course.down.awaited,
            course.down.passed,
        ),
    )
    return 0


cdef unsigned char *put_host(unsigned char *data, const Course *course) noexcept nogil:
    """Put the host into a chunk of requests that has another one; return where it begins now.

    In front of *data*, `HOST_ROOM` bytes are free. The size of the chunk changes by as much as that of the host.
    """
    return http_put_host(data, course)


cdef class Framing:
    """Frames single chunks of a link as the pump does, for tests: none is whole in memory but as long as it is."""

    cdef Course course
    cdef const Framer *framer
    cdef object protocol
    cdef size_t up, down

    def __init__(self, protocol):
        """Begin where *protocol*, which has a twin, is. Raise ValueError if it has to go on itself."""
        self.framer = find_framer(type(protocol))
        if self.framer is NULL or not begin(&self.course, protocol):
            raise ValueError('nothing for a compiled framer')
        self.protocol = protocol
        self.up = self.down = 0

    def requests(self, bytes data, int room=ROOM):
        """Frame what the client sends; return what goes on, and where requests begin to go on. None: unsure."""
        return self._frame(data, room, True)

    def replies(self, bytes data, int room=ROOM):
        """Frame what the backend sends; return it, and where replies end in it. None: unsure."""
        return self._frame(data, room, False)

    def finish(self):
        """Hand over to the protocol object."""
        end(&self.course, self.protocol, self.up, self.down)

    def exchange(self, bytes request, bytes reply, int times):
        """Frame a request and its reply so many *times*; return how often both were ordinary."""
        cdef size_t ends[4]
        cdef int done = 0, _
        cdef const unsigned char *asked = request
        cdef const unsigned char *answer = reply
        cdef size_t asked_size = len(request), answer_size = len(reply)
        with nogil:
            for _ in range(times):
                done += (
                    self.framer.requests(asked, asked_size, &self.course, ends, 4) == 1
                    and self.framer.replies(answer, answer_size, &self.course, ends, 4) == 1
                )
        return done

    cdef object _frame(self, bytes data, int room, bint is_upstream):
        cdef size_t size = len(data)
        cdef size_t ends[ROOM]
        cdef unsigned char *memory = <unsigned char *>malloc(HOST_ROOM + size)
        cdef unsigned char *chunk
        cdef int found
        if memory is NULL:
            raise MemoryError
        try:
            chunk = memory + HOST_ROOM
            memcpy(chunk, <const char *>data, size)
            self.course.host_end = 0
            if is_upstream:
                found = self.framer.requests(chunk, size, &self.course, ends, room)
            else:
                found = self.framer.replies(chunk, size, &self.course, ends, room)
            if found == UNSURE:
                return None
            if self.course.host_end:
                chunk = put_host(chunk, &self.course)
                size += self.course.host_size - (self.course.host_end - self.course.host_begin)
            if is_upstream:
                self.up += size
            else:
                self.down += size
            return chunk[:size], [ends[i] for i in range(found)]
        finally:
            free(memory)
