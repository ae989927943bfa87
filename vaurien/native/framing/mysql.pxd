"""The compiled twin of `vaurien.protocols.mysql.quick`: commands of one packet, and one result, or one packet, each.

A large result may be cut behind a row, or inside of one, if there is enough of it to tell what it is. A reply that is
open awaits rows.
"""

from vaurien.native.framing.course cimport KINDS_MAX, UNSURE, Course, drop_kinds
from vaurien.native.framing.numbers cimport read_little

cdef enum:
    # As in `vaurien.protocols.mysql.packets`.
    MAX_PACKET = 0xFFFFFF
    OK_HEAD = 21
    OK = 0x00
    LOCAL_INFILE = 0xFB
    EOF = 0xFE
    ERR = 0xFF
    EOF_MAX = 9
    MORE_RESULTS = 0x08
    CURSOR_EXISTS = 0x40
    # The flags of a course.
    HAS_EOF = 1
    HAS_METADATA_FLAG = 2

# The next packet in a chunk: where its payload begins and ends, and where what has arrived of it ends.
cdef struct Packet:
    size_t begin
    size_t end
    size_t here
    unsigned char first


cdef inline bint read_packet(const unsigned char *data, size_t size, size_t i, Packet *packet) noexcept nogil:
    """Read the header of the packet at *i*; return False if what decides about it has not arrived, or it is unusual."""
    cdef size_t length, needed
    if size - i < 5:
        return False
    length = read_little(data, i)
    needed = length if length < OK_HEAD else OK_HEAD
    if not length or length == MAX_PACKET or size - i - 4 < needed:
        return False
    packet.begin = i + 4
    packet.end = packet.begin + length
    packet.here = packet.end if packet.end < size else size
    packet.first = data[packet.begin]
    return True


cdef inline size_t pass_number(const unsigned char *data, size_t end, size_t i) noexcept nogil:
    """Return where the length-encoded number at *i* ends; beyond *end* if that is not before *end*."""
    if i >= end or data[i] == LOCAL_INFILE or data[i] == ERR:
        return end + 1
    if data[i] < LOCAL_INFILE:
        return i + 1
    return i + (3 if data[i] == 0xFC else 4 if data[i] == 0xFD else 9)


cdef inline bint is_last_ok(const unsigned char *data, const Packet *packet) noexcept nogil:
    """Return whether an OK packet says that no other result follows."""
    cdef size_t head = packet.begin + OK_HEAD if packet.end - packet.begin > OK_HEAD else packet.end
    cdef size_t i = pass_number(data, head, pass_number(data, head, packet.begin + 1))
    return i + 2 <= head and not data[i] & MORE_RESULTS


cdef inline size_t pass_definitions(
    const unsigned char *data, size_t size, const Packet *count, unsigned int flags
) noexcept nogil:
    """Return where the rows begin behind the packet with the *count* of columns; 0 if anything is not ordinary."""
    cdef bint has_flag = flags & HAS_METADATA_FLAG != 0
    cdef size_t i = count.end
    cdef int _
    cdef Packet packet
    if count.first >= LOCAL_INFILE or count.end - count.begin != 1 + <size_t>has_flag:
        return 0
    if has_flag and data[count.begin + 1] != 1:
        return 0
    for _ in range(count.first):
        if not read_packet(data, size, i, &packet) or packet.first >= EOF or packet.here != packet.end:
            return 0
        i = packet.end
    if flags & HAS_EOF:
        if not read_packet(data, size, i, &packet) or packet.first != EOF or packet.here != packet.end:
            return 0
        if packet.end - packet.begin != 5 or data[packet.begin + 3] & CURSOR_EXISTS:
            return 0
        i = packet.end
    return i


cdef inline int pass_rows(
    const unsigned char *data, size_t size, size_t *at, bint has_eof, size_t *left
) noexcept nogil:
    """Pass over the rows at a position; return 1 if their end is behind them, 0 if the chunk ends first, or UNSURE.

    *left* becomes what has not arrived of the last one.
    """
    cdef size_t i = at[0]
    cdef Packet packet
    while i < size:
        if not read_packet(data, size, i, &packet):
            return UNSURE
        i = packet.here
        if packet.first < EOF:
            left[0] = packet.end - packet.here
            continue
        if packet.first == ERR or packet.here != packet.end:
            return UNSURE
        if has_eof:
            if packet.end - packet.begin != 5 or data[packet.begin + 3] & MORE_RESULTS:
                return UNSURE
        elif not is_last_ok(data, &packet):
            return UNSURE
        at[0] = i
        return 1
    at[0] = i
    return 0


cdef inline int find_kind(unsigned char command) noexcept nogil:
    """Return which kind a command is: 1, if results are expected; 0, if one packet is. UNSURE of any other."""
    if command == 0x03 or command == 0x17:  # QUERY, EXECUTE
        return 1
    # INIT_DB, STATISTICS, PING, RESET, SET_OPTION, RESET_CONNECTION
    if command == 0x02 or command == 0x09 or command == 0x0E or command == 0x1A or command == 0x1B or command == 0x1F:
        return 0
    return UNSURE


cdef inline int mysql_requests(
    const unsigned char *data, size_t size, Course *course, size_t *ends, int room
) noexcept nogil:
    """See `course.framer`. Whatever prepares a statement, closes one or has no reply is not ordinary."""
    cdef unsigned long long kinds = course.kinds
    cdef size_t i = 0
    cdef int found = 0, kind
    cdef unsigned int outstanding = course.outstanding
    cdef Packet packet
    while i < size:
        if found == room or outstanding == KINDS_MAX or not read_packet(data, size, i, &packet):
            return UNSURE
        kind = find_kind(packet.first)
        if kind == UNSURE or data[i + 3] or packet.here != packet.end:
            return UNSURE
        kinds |= <unsigned long long>kind << outstanding
        outstanding += 1
        i = packet.end
        ends[found] = i
        found += 1
    course.kinds = kinds
    course.outstanding = outstanding
    return found


cdef inline size_t begin_reply(
    const unsigned char *data, size_t size, size_t i, bint is_query, unsigned int flags, bint *in_rows
) noexcept nogil:
    """Return where the first packet of a reply ends, or where the rows begin; 0 if it is not ordinary."""
    cdef Packet packet
    if not read_packet(data, size, i, &packet) or packet.here != packet.end:
        return 0
    if packet.first == ERR:
        if packet.end - packet.begin >= 3 and data[packet.begin + 1] == 0xFF and data[packet.begin + 2] == 0xFF:
            return 0  # a progress report
        return packet.end
    if not is_query:
        return packet.end
    if packet.first == OK:
        return packet.end if is_last_ok(data, &packet) else 0
    in_rows[0] = True
    return pass_definitions(data, size, &packet, flags)


cdef inline int mysql_replies(
    const unsigned char *data, size_t size, Course *course, size_t *ends, int room
) noexcept nogil:
    """See `course.framer`. After a result, no other one follows."""
    cdef size_t left = course.down.left, i = left if left < size else size
    cdef bint in_rows = course.down.awaited > 0
    cdef unsigned int found = 0
    cdef int outcome
    left -= i
    while i < size:
        if not in_rows:
            if found == course.outstanding:
                return UNSURE
            i = begin_reply(data, size, i, course.kinds >> found & 1, course.flags, &in_rows)
            if not i:
                return UNSURE
        if in_rows:
            outcome = pass_rows(data, size, &i, course.flags & HAS_EOF, &left)
            if outcome == UNSURE:
                return UNSURE
            if not outcome:
                break
            in_rows = False
        if found == <unsigned int>room:
            return UNSURE
        ends[found] = i
        found += 1
    course.down.left = left
    course.down.awaited = in_rows
    course.kinds = drop_kinds(course.kinds, found)
    course.outstanding -= found
    return <int>found
