"""What is read of a message of memcached at once, in either of its protocols, and what requests expect."""

from __future__ import annotations

from typing import NamedTuple

from vaurien.framing import head
from vaurien.framing.head import TEXT_MAX
from vaurien.framing.marks import REPLY

#: What a request expects: one reply; none; nothing or some, before the reply to a request after it; one that begins
#: what is no protocol any more; none, and the end of the connection.
ANSWERED, SILENT, QUIET, WATCH, QUIT = range(5)


class Head(NamedTuple):
    """The beginning of a request."""

    #: Where it ends, and how many bytes follow it.
    end: int
    size: int = 0
    expected: int = ANSWERED
    #: Whether what follows goes on to the end of the line instead.
    is_cut: bool = False


class Part(NamedTuple):
    """The header, or a line, of a reply."""

    #: Where it ends, and how many bytes follow it.
    end: int
    size: int = 0
    #: The kind of mark that belongs behind these, or 0.
    kind: int = REPLY


def escape(data: bytes) -> str:
    """Return *data* as text of a bounded length."""
    return head.escape(data[:TEXT_MAX])[:TEXT_MAX]
