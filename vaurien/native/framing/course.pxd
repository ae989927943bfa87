"""What the compiled framers know of a link between two chunks."""

cdef enum:
    # A chunk has something that is not ordinary, or may have. It is for the protocol object.
    UNSURE = -1
    # As many requests may be outstanding where there is a bit for each.
    KINDS_MAX = 64
    # The longest head, as in Python.
    MAX_HEAD = 64 * 1024

# The message of a stream that has begun and not ended. None is open if both of the first are 0.
cdef struct Side:
    # How many bytes come next that are not looked at.
    size_t left
    # What is awaited beside them: a number of the protocol's own.
    size_t awaited
    # How many bytes have passed, as far as the protocol counts them.
    size_t passed

# `vaurien.native.course.Course` in C.
cdef struct Course:
    Side up
    Side down
    # Which of two kinds each request without a whole reply is: a bit, the lowest for the oldest.
    unsigned long long kinds
    # What is to be in Host headers; and, after each call, where in the chunk something else is. No end: nowhere.
    const unsigned char *host
    size_t host_begin
    size_t host_end
    unsigned int host_size
    # How many requests have no whole reply: all ordinary.
    unsigned int outstanding
    unsigned int flags
    unsigned int status

# Frames a chunk of one stream. *ends* gets at most *room* positions in it.
#
# Of requests it returns how many begin, and where each ends; of the last, if it is open now, where its head does. Of
# replies it returns how many end, and where. UNSURE: also if there is no room.
ctypedef int (*framer)(const unsigned char *data, size_t size, Course *course, size_t *ends, int room) noexcept nogil


cdef inline unsigned long long drop_kinds(unsigned long long kinds, int count) noexcept nogil:
    """Return *kinds* without those of the *count* oldest requests."""
    return kinds >> count if count < KINDS_MAX else 0
