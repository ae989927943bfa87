"""What is wrong with a malformed reply of HTTP: the size of a chunk, or the length that its head promises.

Sources: RFC 9112, 6.2, 7.1 and 8.
"""

from __future__ import annotations

import re

from vaurien.framing.malformation import Malformation
from vaurien.protocols.http.body import read_length
from vaurien.protocols.http.framing import BODILESS
from vaurien.protocols.http.heads import HEAD_END, STATUS_LINE
from vaurien.protocols.http.places import Chunks

#: What no chunk begins with.
NO_SIZE = b'no-size\r\n'
#: So many bytes are promised that never come.
MISSING = 100

_LENGTH = re.compile(rb'(\n(?i:content-length):[ \t]*)([0-9]+)')


class ChunkSize(Malformation):
    """Behind the first chunk comes one whose size is no number. A body without chunks passes."""

    def __init__(self, request: bytes) -> None:
        super().__init__(request)
        self._finder = Chunks(1)

    def feed(self, data: bytes) -> bytes:
        """See `Malformation.feed`."""
        place = self._finder.feed(data)
        if self._finder.left:
            return data
        self.is_done = self.is_over = True
        return data[:place] + NO_SIZE


class ContentLength(Malformation):
    """The head promises more than comes. A body without Content-Length passes, as does an empty one."""

    def __init__(self, request: bytes) -> None:
        super().__init__(request)
        self._head: bytes | None = b''

    def feed(self, data: bytes) -> bytes:
        """See `Malformation.feed`."""
        if self._head is None:
            return data
        self._head += data
        head, end, rest = self._head.partition(HEAD_END)
        if not end:
            return b''
        self._head = None
        status = STATUS_LINE.match(head)
        has_body = not self.request.lstrip(b'\r\n').startswith(b'HEAD ') and status and status[1] not in BODILESS
        if has_body and read_length(head + end, 0) > 0:
            self.is_done = True
            head = _LENGTH.sub(lambda length: length[1] + b'%d' % (int(length[2]) + MISSING), head)
        return head + end + rest
