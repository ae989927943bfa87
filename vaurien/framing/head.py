"""How long the head of a request may be, and how much of it is shown."""

from __future__ import annotations

#: The most bytes of an incomplete head that are held back; past it the link becomes opaque. The largest inline request
#: Redis takes (PROTO_INLINE_MAX_SIZE), and above nginx's largest header (32 KiB) and Node's (16 KiB).
MAX_HEAD = 64 * 1024

#: The most characters of a request's text, which are what a log line and a pattern have use for.
TEXT_MAX = 200


def escape(data: bytes) -> str:
    """*data* as printable text."""
    return repr(data)[2:-1]
