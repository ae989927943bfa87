"""The compiled twin of `vaurien.protocols.memcache.quick`: commands that store, fetch and change single keys, as text.

Data may be cut anywhere. A reply that is open awaits more lines of a list of values, and an end.
"""

from libc.string cimport memchr, memcmp

from vaurien.native.framing.course cimport MAX_HEAD, UNSURE, Course
from vaurien.native.framing.numbers cimport read_decimal

cdef enum:
    # No ordinary command has so many words that have to be told apart.
    WORDS_MAX = 7
    # The longest data block, and the most digits that say so.
    DATA_MAX = 0x7FFFFFFD
    SIZE_DIGITS = 10
    # The longest key.
    KEY_MAX = 250

cdef struct Word:
    const unsigned char *text
    size_t size

# What a command line says.
cdef struct Command:
    # How many bytes follow.
    size_t size
    # Whether there is a reply.
    bint is_answered


cdef inline bint is_word(const Word *word, const char *text, size_t size) noexcept nogil:
    return word.size == size and memcmp(word.text, text, size) == 0


cdef inline size_t find_line_end(const unsigned char *data, size_t size, size_t i) noexcept nogil:
    """Return where the line at *i* ends; 0 if it is not whole, or long."""
    cdef const unsigned char *found
    found = <const unsigned char *>memchr(data + i, b'\n', size - i if size - i <= MAX_HEAD else MAX_HEAD)
    return 0 if found is NULL else found - data + 1


cdef inline bint read_size(const Word *word, size_t *size) noexcept nogil:
    """Read the size of a data block, its line end included; return False if memcached would not take it."""
    if not word.size or word.size > SIZE_DIGITS or read_decimal(word.text, word.size, 0, size) != word.size:
        return False
    size[0] += 2
    return size[0] - 2 <= DATA_MAX


cdef inline bint is_number(const Word *word) noexcept nogil:
    cdef size_t number
    return read_decimal(word.text, word.size, 0, &number) == word.size


cdef inline int split(const unsigned char *data, size_t begin, size_t end, bint at_blanks, Word *words) noexcept nogil:
    """Find the first words between two positions, at spaces or at all blanks; return how many there are."""
    cdef int count = 0
    cdef size_t i = begin, start
    while count < WORDS_MAX:
        while i < end and (data[i] == b' ' or (at_blanks and b'\t' <= data[i] <= b'\r')):
            i += 1
        if i == end:
            break
        start = i
        while i < end and data[i] != b' ' and not (at_blanks and b'\t' <= data[i] <= b'\r'):
            i += 1
        words[count].text, words[count].size = data + start, i - start
        count += 1
    return count


cdef inline bint is_storage(const Word *name) noexcept nogil:
    return (
        is_word(name, b'set', 3)
        or is_word(name, b'add', 3)
        or is_word(name, b'replace', 7)
        or is_word(name, b'append', 6)
        or is_word(name, b'prepend', 7)
    )


cdef inline bint is_change(const Word *name) noexcept nogil:
    return (
        is_word(name, b'delete', 6)
        or is_word(name, b'incr', 4)
        or is_word(name, b'decr', 4)
        or is_word(name, b'touch', 5)
    )


cdef inline bint read_command(const unsigned char *data, size_t begin, size_t end, Command *command) noexcept nogil:
    """Read a command line; return False if it is not ordinary."""
    cdef Word words[WORDS_MAX]
    cdef int count, usual
    cdef bint is_silent
    command.size = 0
    command.is_answered = True
    while end > begin and (data[end - 1] == b'\n' or data[end - 1] == b'\r'):
        end -= 1
    if end - begin >= 4 and memcmp(data + begin, b'get ', 4) == 0:
        return True
    if not (begin < end and b'a' <= data[begin] <= b'z'):
        return False
    count = split(data, begin, end, False, words)
    is_silent = is_word(&words[count - 1], b'noreply', 7)
    if is_storage(words) or is_word(words, b'cas', 3):
        usual = 6 if words[0].text[0] == b'c' else 5
        if count != usual + is_silent or words[1].size > KEY_MAX or not read_size(&words[4], &command.size):
            return False
        if not (is_number(&words[2]) and is_number(&words[3]) and (usual == 5 or is_number(&words[5]))):
            return False
        command.is_answered = not is_silent
        return True
    if is_change(words):
        command.is_answered = not (is_silent and 3 <= count <= 4)
        return count < WORDS_MAX
    return (
        is_word(words, b'gets', 4) or is_word(words, b'gat', 3) or is_word(words, b'gats', 4)
        or is_word(words, b'version', 7)
    )


cdef inline int memcache_requests(
    const unsigned char *data, size_t size, Course *course, size_t *ends, int room
) noexcept nogil:
    """See `course.framer`. Some requests are not answered, and so do not count as outstanding."""
    cdef size_t left = course.up.left, i, end
    cdef unsigned int answered = 0
    cdef int found = 0
    cdef Command command = Command(0, True)
    i = left if left < size else size
    left -= i
    while i < size:
        end = find_line_end(data, size, i)
        if found == room or not end or not read_command(data, i, end, &command):
            return UNSURE
        left = command.size
        i = end + left if left < size - end else size
        left -= i - end
        ends[found] = end if left else i
        found += 1
        answered += command.is_answered
    course.up.left = left
    course.outstanding += answered
    return found


cdef inline bint ends_list(const Word *word) noexcept nogil:
    return (
        is_word(word, b'END', 3)
        or is_word(word, b'ERROR', 5)
        or is_word(word, b'CLIENT_ERROR', 12)
        or is_word(word, b'SERVER_ERROR', 12)
    )


cdef inline bint begins_list(const Word *word) noexcept nogil:
    """Return whether other lines follow that are not those of values; or the data of a meta command."""
    return (
        is_word(word, b'STAT', 4)
        or is_word(word, b'ITEM', 4)
        or is_word(word, b'PREFIX', 6)
        or is_word(word, b'mg', 2)
        or is_word(word, b'VA', 2)
        or (word.size >= 4 and memcmp(word.text, b'key=', 4) == 0)
    )


cdef inline int memcache_replies(
    const unsigned char *data, size_t size, Course *course, size_t *ends, int room
) noexcept nogil:
    """See `course.framer`. A reply is values and their end, or a line."""
    cdef size_t left = course.down.left, i, end
    cdef bint is_listing = course.down.awaited > 0
    cdef unsigned int found = 0
    cdef int count
    cdef Word words[WORDS_MAX]
    i = left if left < size else size
    left -= i
    while i < size:
        end = find_line_end(data, size, i)
        if not end or not b' ' < data[i] < 127 or found == course.outstanding:
            return UNSURE
        count = split(data, i, end, True, words)
        if is_word(words, b'VALUE', 5):
            if count < 4 or not read_size(&words[3], &left):
                return UNSURE
            is_listing = True
            i = end + left if left < size - end else size
            left -= i - end
            continue
        if found == <unsigned int>room or begins_list(words) or (is_listing and not ends_list(words)):
            return UNSURE
        is_listing = False
        i = end
        ends[found] = i
        found += 1
    course.down.left = left
    course.down.awaited = is_listing
    course.outstanding -= found
    return <int>found
