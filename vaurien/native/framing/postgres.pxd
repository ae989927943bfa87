"""The compiled twin of `vaurien.protocols.postgres.quick`: Queries, and batches that use what was prepared before.

A reply may be cut behind any message, or inside of one. What is left of that says nothing of where the reply ends.
"""

from vaurien.native.framing.course cimport KINDS_MAX, UNSURE, Course, drop_kinds
from vaurien.native.framing.numbers cimport read_big

cdef enum:
    # As in `vaurien.protocols.postgres.messages`.
    MESSAGE_MAX = 0x3FFFFFFF
    # The flag of a course: further statements of a batch are marked.
    IS_MARKING = 1
    # The kinds of requests.
    SIMPLE = 0
    EXTENDED = 1


cdef inline size_t pass_message(const unsigned char *data, size_t size, size_t i) noexcept nogil:
    """Return where the message at *i* ends, perhaps behind the chunk; 0 if its header is not whole, or wrong."""
    cdef size_t length
    if size - i < 5:
        return 0
    length = read_big(data, i + 1)
    return i + 1 + length if 4 <= length <= MESSAGE_MAX else 0


cdef inline size_t pass_batch(const unsigned char *data, size_t size, size_t i, bint is_marking) noexcept nogil:
    """Return where the batch at *i* ends; 0 if it is not whole and ordinary, or has a further statement to mark."""
    cdef size_t begin = i, end
    while i < size:
        end = pass_message(data, size, i)
        if not end or end > size:
            return 0
        if data[i] == b'S':
            return end if end - i == 5 else 0
        if data[i] == b'B':
            if is_marking and i > begin:
                return 0
        elif data[i] != b'D' and data[i] != b'E':
            return 0
        i = end
    return 0


cdef inline int postgres_requests(
    const unsigned char *data, size_t size, Course *course, size_t *ends, int room
) noexcept nogil:
    """See `course.framer`. Whatever prepares a statement or closes one is not ordinary."""
    cdef unsigned long long kinds = course.kinds, kind
    cdef unsigned int outstanding = course.outstanding
    cdef size_t i = 0
    cdef int found = 0
    while i < size:
        if found == room or outstanding == KINDS_MAX:
            return UNSURE
        if data[i] == b'Q':
            kind = SIMPLE
            i = pass_message(data, size, i)
        else:
            kind = EXTENDED
            i = pass_batch(data, size, i, course.flags & IS_MARKING)
        if not i or i > size:
            return UNSURE
        kinds |= kind << outstanding
        outstanding += 1
        ends[found] = i
        found += 1
    course.kinds = kinds
    course.outstanding = outstanding
    return found


cdef inline bint is_plain(unsigned char kind) noexcept nogil:
    """Return whether a message is one of `vaurien.protocols.postgres.messages.PLAIN`."""
    return (
        kind == b'D' or kind == b'T' or kind == b'C' or kind == b'2' or kind == b'1' or kind == b'S' or kind == b'n'
        or kind == b't' or kind == b'I' or kind == b'E' or kind == b'N' or kind == b'A' or kind == b'3' or kind == b's'
        or kind == b'K' or kind == b'H' or kind == b'd' or kind == b'c' or kind == b'V'
    )


cdef inline int postgres_replies(
    const unsigned char *data, size_t size, Course *course, size_t *ends, int room
) noexcept nogil:
    """See `course.framer`. A reply is messages up to a ReadyForQuery."""
    cdef size_t left = course.down.left, i = left if left < size else size, end
    cdef unsigned int found = 0, status = course.status
    left -= i
    while i < size:
        end = pass_message(data, size, i)
        if not end or found == course.outstanding:
            return UNSURE
        if data[i] == b'Z':
            if end - i != 6 or end > size or found == <unsigned int>room:
                return UNSURE
            status = data[i + 5]
            i = end
            ends[found] = i
            found += 1
        elif is_plain(data[i]):
            i = end if end < size else size
            left = end - i
        else:
            return UNSURE
    course.down.left = left
    course.status = status
    course.kinds = drop_kinds(course.kinds, found)
    course.outstanding -= found
    return <int>found
