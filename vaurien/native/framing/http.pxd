"""The compiled twin of `vaurien.protocols.http.quick`: heads that anybody takes, with bodies of known length or none.

Where httptools would have to be asked whether a head is valid, it is asked: the chunk is for the protocol object. A
body may be cut anywhere.
"""

from libc.string cimport memchr, memcmp, memmove, memcpy

from vaurien.native.framing.course cimport MAX_HEAD, UNSURE, Course, Side
from vaurien.native.framing.numbers cimport read_decimal

cdef extern from *:
    """
    #include <string.h>
    /* What a byte of a head may be a part of: 1, the name of a field (RFC 9110, 5.6.2); 2, a value; 4, a target. */
    static unsigned char vaurien_http_kinds[256];

    static void vaurien_http_prepare(void) {
        int byte;
        for (byte = 0; byte < 256; byte++) {
            int letter = (byte | 32) >= 'a' && (byte | 32) <= 'z', digit = byte >= '0' && byte <= '9';
            int name = letter || digit || (byte && strchr("!#$%&'*+-.^_`|~", byte));
            int value = byte == '\\t' || (byte >= ' ' && byte != 127);
            int target = byte > ' ' && byte < 127 && byte != '#';
            vaurien_http_kinds[byte] = (unsigned char)(name | value << 1 | target << 2);
        }
    }
    """
    const unsigned char kinds_of "vaurien_http_kinds"[256]
    void http_prepare "vaurien_http_prepare"()

cdef enum:
    IN_NAME = 1
    IN_VALUE = 2
    IN_TARGET = 4

# Of `Course.status`: who has said that the connection ends.
cdef enum:
    CLIENT_LEAVES = 1
    BACKEND_LEAVES = 2

# What is read of a head.
cdef struct Head:
    # Where it ends.
    size_t end
    # The length of the body, if there is one.
    size_t length
    bint has_length
    # Whether it says that the connection ends.
    bint closes
    # Where the value of its field Host is. No end: it has none.
    size_t host_begin
    size_t host_end


cdef inline bint is_field(const unsigned char *name, const char *known, size_t size) noexcept nogil:
    """Return whether a *name*, of the *size* of a *known* one, is that: letters and hyphens, in any case."""
    cdef size_t i
    for i in range(size):
        if name[i] | 0x20 != <unsigned char>known[i]:
            return False
    return True


cdef inline bint read_field(
    const unsigned char *data, size_t name, size_t name_size, size_t begin, size_t end, Head *head
) noexcept nogil:
    """Read a field of that *name*, whose value goes from *begin* to *end*; return False if it is not ordinary."""
    cdef const unsigned char *known = data + name
    cdef size_t value_size = end - begin
    if name_size == 4 and is_field(known, b'host', 4):
        if head.host_end:
            return False
        head.host_begin, head.host_end = begin, end
    elif name_size == 14 and is_field(known, b'content-length', 14):
        if head.has_length or begin == end or read_decimal(data, end, begin, &head.length) != end:
            return False
        head.has_length = True
    elif name_size == 10 and is_field(known, b'connection', 10):
        if value_size == 5 and is_field(data + begin, b'close', 5):
            head.closes = True
            return True
        return value_size == 10 and is_field(data + begin, b'keep-alive', 10)
    elif name_size == 17:
        return not is_field(known, b'transfer-encoding', 17)
    elif name_size == 16:
        return not is_field(known, b'proxy-connection', 16)
    elif name_size == 7:
        return not is_field(known, b'upgrade', 7)
    elif name_size == 6:
        return not is_field(known, b'expect', 6)
    return True


cdef inline bint read_fields(const unsigned char *data, size_t size, size_t i, Head *head) noexcept nogil:
    """Read the fields at *i* and the empty line behind them; return False if they are not whole and ordinary."""
    cdef size_t name, colon, begin, end
    while size - i >= 2:
        if data[i] == b'\r':
            head.end = i + 2
            return data[i + 1] == b'\n'
        name = i
        while i < size and kinds_of[data[i]] & IN_NAME:
            i += 1
        if i == name or i == size or data[i] != b':':
            return False
        colon = i
        i += 1
        while i < size and (data[i] == b' ' or data[i] == b'\t'):
            i += 1
        begin = i
        while i < size and kinds_of[data[i]] & IN_VALUE:
            i += 1
        if size - i < 2 or data[i] != b'\r' or data[i + 1] != b'\n':
            return False
        end = i
        while end > begin and (data[end - 1] == b' ' or data[end - 1] == b'\t'):
            end -= 1
        if not read_field(data, name, colon - name, begin, end, head):
            return False
        i += 2
    return False


cdef inline size_t pass_method(const unsigned char *data, size_t size, size_t i) noexcept nogil:
    """Return where the target of the request at *i* begins; 0 if its method is not one of the usual ones.

    HEAD and CONNECT have replies of another kind.
    """
    cdef size_t left = size - i
    if left < 9:
        return 0
    if memcmp(data + i, b'GET ', 4) == 0 or memcmp(data + i, b'PUT ', 4) == 0:
        return i + 4
    if memcmp(data + i, b'POST ', 5) == 0:
        return i + 5
    if memcmp(data + i, b'PATCH ', 6) == 0:
        return i + 6
    if memcmp(data + i, b'DELETE ', 7) == 0:
        return i + 7
    if memcmp(data + i, b'OPTIONS ', 8) == 0:
        return i + 8
    return 0


cdef inline bint read_request(const unsigned char *data, size_t size, size_t i, Head *head) noexcept nogil:
    """Read the head of the request at *i*; return False if it is not whole and ordinary."""
    i = pass_method(data, size, i)
    if not i or data[i] != b'/':
        return False
    while i < size and kinds_of[data[i]] & IN_TARGET:
        i += 1
    if size - i < 11 or memcmp(data + i, b' HTTP/1.1\r\n', 11) != 0:
        return False
    head.host_begin = head.host_end = head.length = 0
    head.has_length = head.closes = False
    return read_fields(data, size, i + 11, head)


cdef inline bint read_response(const unsigned char *data, size_t size, size_t i, Head *head) noexcept nogil:
    """Read the head of the response at *i*; return False if it is not whole and ordinary."""
    cdef size_t status = i + 9
    if size - i < 15 or memcmp(data + i, b'HTTP/1.1 ', 9) != 0:
        return False
    if not (b'2' <= data[status] <= b'5' and b'0' <= data[status + 1] <= b'9' and b'0' <= data[status + 2] <= b'9'):
        return False
    i = status + 3
    if data[i] != b' ':
        return False
    while i < size and kinds_of[data[i]] & IN_VALUE:
        i += 1
    if size - i < 2 or data[i] != b'\r' or data[i + 1] != b'\n':
        return False
    head.host_begin = head.host_end = head.length = 0
    head.has_length = head.closes = False
    if not read_fields(data, size, i + 2, head):
        return False
    # These have no body, whatever they say of one that they might have had.
    if memcmp(data + status, b'204', 3) == 0 or memcmp(data + status, b'304', 3) == 0:
        head.length = 0
        return True
    return head.has_length


cdef inline size_t pass_body(size_t size, size_t i, size_t *left) noexcept nogil:
    """Return where, from *i* on, what is *left* of a body ends, or a chunk of that *size*."""
    cdef size_t step = left[0] if left[0] <= size - i else size - i
    left[0] -= step
    return i + step


cdef inline int http_requests(const unsigned char *data, size_t size, Course *course, size_t *ends, int room) noexcept nogil:
    """See `course.framer`. If a Host is to be replaced, the positions are those behind `put_host`: that of one request."""
    cdef size_t left = course.up.left, i = pass_body(size, 0, &left), begin, end, host_begin = 0, host_end = 0, more = 0
    cdef int found = 0
    cdef unsigned int status = course.status
    cdef Head head
    while i < size:
        if status or found == room or not read_request(data, size, i, &head) or head.end - i > MAX_HEAD:
            return UNSURE
        begin, end = head.host_begin, head.host_end
        if course.host_size and end and (end - begin != course.host_size or memcmp(data + begin, course.host, end - begin)):
            if host_end:
                return UNSURE
            host_begin, host_end = begin, end
            more = course.host_size - (end - begin)  # modulo, as are the sums below
        left = head.length
        i = pass_body(size, head.end, &left)
        ends[found] = (head.end if left else i) + more
        found += 1
        if head.closes:
            status = CLIENT_LEAVES
    course.up.left = left
    course.status = status
    course.outstanding += found
    course.host_begin, course.host_end = host_begin, host_end
    return found


cdef inline int http_replies(const unsigned char *data, size_t size, Course *course, size_t *ends, int room) noexcept nogil:
    """See `course.framer`."""
    cdef size_t left = course.down.left, i = pass_body(size, 0, &left)
    cdef bint is_open = course.down.left > 0
    cdef unsigned int found = 0, status = course.status
    cdef Head head
    while True:
        if is_open and not left:
            if found == <unsigned int>room:
                return UNSURE
            ends[found] = i
            found += 1
            is_open = False
        if i == size:
            break
        if found == course.outstanding or not read_response(data, size, i, &head) or head.end - i > MAX_HEAD:
            return UNSURE
        if head.closes:
            status |= BACKEND_LEAVES
        is_open = True
        left = head.length
        i = pass_body(size, head.end, &left)
    course.down.left = left
    course.status = status
    course.outstanding -= found
    return <int>found


cdef inline unsigned char *http_put_host(unsigned char *data, const Course *course) noexcept nogil:
    """Put the host into the request that has another one; return where the chunk begins now.

    In front of *data*, there has to be room for the host.
    """
    cdef unsigned char *begin = data + (course.host_end - course.host_begin) - course.host_size
    memmove(begin, data, course.host_begin)
    memcpy(begin + course.host_begin, course.host, course.host_size)
    return begin
