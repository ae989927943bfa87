"""The compiled twin of `vaurien.protocols.redis.quick`: commands and replies without a meaning for the connection.

Large and nested messages may be cut, between values or inside of one. A message that is open awaits values; what is
left of the first counts its CRLF.
"""

from libc.string cimport memchr, memcmp

from vaurien.native.framing.course cimport MAX_HEAD, UNSURE, Course, Side
from vaurien.native.framing.numbers cimport read_decimal

cdef enum:
    # No message has so many values.
    VALUES_MAX = 1 << 30


cdef inline size_t read_length(const unsigned char *data, size_t size, size_t i, size_t *number) noexcept nogil:
    """Read the number at *i* that a line ends behind; return where that ends, 0 if it is not as Redis writes it."""
    cdef size_t end = read_decimal(data, size, i, number)
    if end == i or (data[i] == b'0' and end - i > 1):
        return 0
    if size - end < 2 or data[end] != b'\r' or data[end + 1] != b'\n':
        return 0
    return end + 2


cdef inline size_t pass_line(const unsigned char *data, size_t size, size_t i) noexcept nogil:
    """Return where the line at *i* ends; 0 if it is not whole, or long."""
    cdef size_t last = size if size - i <= MAX_HEAD else i + MAX_HEAD
    cdef const unsigned char *found
    while i < last:
        found = <const unsigned char *>memchr(data + i, b'\r', last - i)
        if found is NULL:
            return 0
        i = found - data + 1
        if i < last and data[i] == b'\n':
            return i + 1
    return 0


cdef inline bint pass_bulk(const unsigned char *data, size_t size, size_t *i, size_t *left) noexcept nogil:
    """Pass over what there is, from *i* on, of a bulk string and its CRLF; return False if that is not there."""
    cdef size_t step = left[0] if left[0] <= size - i[0] else size - i[0]
    if left[0] >= 2 and step >= left[0] - 1 and data[i[0] + left[0] - 2] != b'\r':
        return False
    if step == left[0] and data[i[0] + left[0] - 1] != b'\n':
        return False
    i[0] += step
    left[0] -= step
    return True


cdef inline bint pass_values(
    const unsigned char *data, size_t size, size_t *at, Side *side, bint in_reply
) noexcept nogil:
    """Pass over the values that *side* awaits, as far as there are any; return False where one is not ordinary."""
    cdef size_t i = at[0], left = side.left, awaited = side.awaited, number, end
    cdef unsigned char kind
    while awaited:
        if left:
            if not pass_bulk(data, size, &i, &left):
                return False
            if left:
                break
            awaited -= 1
            continue
        if i == size:
            break
        kind = data[i]
        if kind == b'$' or (in_reply and (kind == b'!' or kind == b'=')):
            end = read_length(data, size, i + 1, &number)
            if end:
                left = number + 2
                i = end
                continue
        if not in_reply:
            return False
        if kind == b'+' or kind == b'-' or kind == b':' or kind == b'_' or kind == b'#' or kind == b',' or kind == b'(':
            i = pass_line(data, size, i)
            if not i:
                return False
            awaited -= 1
        elif (kind == b'$' or kind == b'*') and size - i >= 5 and memcmp(data + i + 1, b'-1\r\n', 4) == 0:
            i += 5
            awaited -= 1
        elif kind == b'*' or kind == b'~' or kind == b'%':
            i = read_length(data, size, i + 1, &number)
            if not i or number > VALUES_MAX:
                return False
            awaited += (2 * number if kind == b'%' else number) - 1
            if awaited > VALUES_MAX:
                return False
        else:
            return False
    at[0] = i
    side.left = left
    side.awaited = awaited
    return True


cdef inline bint is_name(const unsigned char *word, const char *name, size_t size) noexcept nogil:
    """Return whether *word*, of the *size* of *name*, is that: letters, in any case."""
    cdef size_t i
    for i in range(size):
        if word[i] & 0xDF != <unsigned char>name[i]:
            return False
    return True


cdef inline bint is_special(const unsigned char *word, size_t size) noexcept nogil:
    """Return whether a command of that name is one of `vaurien.protocols.redis.expectations.SPECIAL`."""
    if size == 4:
        return is_name(word, b'QUIT', 4) or is_name(word, b'EXEC', 4) or is_name(word, b'SYNC', 4)
    if size == 5:
        return (
            is_name(word, b'MULTI', 5) or is_name(word, b'HELLO', 5) or is_name(word, b'RESET', 5)
            or is_name(word, b'PSYNC', 5)
        )
    if size == 6:
        return is_name(word, b'ASKING', 6) or is_name(word, b'CLIENT', 6)
    if size == 7:
        return is_name(word, b'DISCARD', 7) or is_name(word, b'MONITOR', 7)
    if size == 9:
        return is_name(word, b'SUBSCRIBE', 9)
    if size == 10:
        return is_name(word, b'PSUBSCRIBE', 10) or is_name(word, b'SSUBSCRIBE', 10)
    if size == 11:
        return is_name(word, b'UNSUBSCRIBE', 11)
    if size == 12:
        return is_name(word, b'PUNSUBSCRIBE', 12) or is_name(word, b'SUNSUBSCRIBE', 12)
    return False


cdef inline int redis_requests(
    const unsigned char *data, size_t size, Course *course, size_t *ends, int room
) noexcept nogil:
    """See `course.framer`. A command is ordinary if one reply is expected, and nothing follows for later ones."""
    cdef Side up = course.up
    cdef size_t i = 0, begin, head = 0, count, start
    cdef int found = 0, word
    if up.awaited:
        if not pass_values(data, size, &i, &up, False):
            return UNSURE
        up.passed = up.passed + size if up.awaited else 0
    while i < size:
        if found == room or data[i] != b'*':
            return UNSURE
        begin = i
        i = read_length(data, size, i + 1, &count)
        if not i or not count or count > VALUES_MAX:
            return UNSURE
        # The name, and the first argument, are the head, which the protocol object holds back until it is whole.
        for word in range(2 if count > 1 else 1):
            start = i + 1
            up.awaited = 1
            if not pass_values(data, size, &i, &up, False) or up.awaited or i - begin > MAX_HEAD:
                return UNSURE
            if word == 0:
                read_decimal(data, size, start, &head)
                if is_special(data + (i - 2 - head), head):
                    return UNSURE
        head = i
        up.awaited = count - 2 if count > 2 else 0
        if not pass_values(data, size, &i, &up, False):
            return UNSURE
        ends[found] = head if up.awaited else i
        found += 1
        up.passed = size - head if up.awaited else 0
    course.up = up
    course.outstanding += found
    return found


cdef inline int redis_replies(
    const unsigned char *data, size_t size, Course *course, size_t *ends, int room
) noexcept nogil:
    """See `course.framer`. A reply is any value to a request, but a push and what has attributes."""
    cdef Side down = course.down
    cdef size_t i = 0, begin = 0
    cdef unsigned int found = 0
    while i < size:
        if not down.awaited:
            if found == course.outstanding:
                return UNSURE
            begin = i
            down.awaited = 1
            down.passed = 0
        if not pass_values(data, size, &i, &down, True):
            return UNSURE
        if down.awaited:
            down.passed += size - begin
        else:
            if found == <unsigned int>room:
                return UNSURE
            ends[found] = i
            found += 1
            down.passed = 0
    course.down = down
    course.outstanding -= found
    return <int>found
