"""How long the head of a request may be, and how much of it is shown."""

from __future__ import annotations

#: The most bytes of an incomplete head that are held back; with more, the link becomes opaque. Redis takes inline
#: requests of that size (PROTO_INLINE_MAX_SIZE); the largest header is 32 KiB in nginx and 16 KiB in Node.
MAX_HEAD = 64 * 1024

#: The most characters of a request's text: a log line and a pattern have no use for more.
TEXT_MAX = 200


def escape(data: bytes) -> str:
    """Return *data* as printable text."""
    return repr(data)[2:-1]
