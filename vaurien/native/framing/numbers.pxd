"""Numbers in messages. *data* has *size* bytes; a position at or beyond that is never read."""

cdef enum:
    # Longer numbers are for the protocol object. No sum of two of them overflows.
    DIGITS_MAX = 15


cdef inline size_t read_decimal(const unsigned char *data, size_t size, size_t i, size_t *number) noexcept nogil:
    """Read the digits at *i*; return where they end, *i* itself if they are none, or too many."""
    cdef size_t begin = i, value = 0
    while i < size and 48 <= data[i] <= 57:
        if i - begin == DIGITS_MAX:
            return begin
        value = value * 10 + (data[i] - 48)
        i += 1
    number[0] = value
    return i


cdef inline size_t read_big(const unsigned char *data, size_t i) noexcept nogil:
    """Return the number of four bytes at *i*, which are there, the highest first."""
    return <size_t>data[i] << 24 | <size_t>data[i + 1] << 16 | <size_t>data[i + 2] << 8 | data[i + 3]


cdef inline size_t read_little(const unsigned char *data, size_t i) noexcept nogil:
    """Return the number of three bytes at *i*, which are there, the lowest first."""
    return data[i] | <size_t>data[i + 1] << 8 | <size_t>data[i + 2] << 16
