"""Bodies of HTTP messages, passed over without keeping them (RFC 9112, 6 and 7.1)."""

from __future__ import annotations

import re
import sys

from vaurien.framing.head import escape
from vaurien.framing.lines import Lines

CRLF = b'\r\n'

# How long a body is, where that is not a number of bytes.
CHUNKED, UNTIL_CLOSE = -1, -2
#: As good as endless.
_ENDLESS = sys.maxsize

# Lines of a chunked body (RFC 9112, 7.1).
_CHUNK_SIZE = re.compile(rb'([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?')
_PLAIN_CHUNK = re.compile(rb'(?!0+\r)([0-9A-Fa-f]{1,15})\r\n')
_TRAILER = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\r\n\0]*")

# In front of a header field, in a head that httptools took: no folded lines, no spaces before a colon.
_FRAMING = re.compile(rb'\n(?i:(content-length|transfer-encoding)):[ \t]*([^\r\n]*)')


def read_length(head: bytes, otherwise: int) -> int:
    """Return how long the body after *head* is: bytes, `CHUNKED` or `UNTIL_CLOSE` (RFC 9112, 6.3, items 4 to 8)."""
    codings = b''
    for name, value in _FRAMING.findall(head):
        if name[:1] in b'tT':
            codings += b',' + value
        else:
            otherwise = int(value)
    if codings:
        return CHUNKED if codings.rpartition(b',')[2].strip().lower() == b'chunked' else UNTIL_CLOSE
    return otherwise


class Body(Lines):
    """Walks over a body: one stretch, or chunks and their lines."""

    __slots__ = ('chunk_line', 'open', 'until_close')

    def __init__(self) -> None:
        super().__init__()
        #: Whether the message goes on.
        self.open = False
        self.until_close = False
        #: Of a chunked body, what the next line is: ``size``, ``end`` or ``trailer``.
        self.chunk_line = ''

    def begin(self, length: int) -> None:
        """Expect a body of *length* bytes, or of one of the other kinds, next."""
        self.open = length != 0
        self.until_close = length == UNTIL_CLOSE
        self.left = _ENDLESS if self.until_close else max(length, 0)
        self.chunk_line = 'size' if length == CHUNKED else ''

    def walk(self, data: bytes, i: int) -> int:
        """Go on at *i* until the body or *data* ends, and return where that is. Raise ValueError for a bad chunk."""
        end = len(data)
        while self.open and i < end:
            if self.chunk_line == 'size' and not self.kept:
                i = self._walk_chunks(data, i)
            i = self.step(data, i)
        return i

    def step(self, data: bytes, i: int) -> int:
        """Go on at *i* through one stretch or line, or to the end of *data*; return where that is.

        Raise ValueError for a bad chunk.
        """
        if self.left:
            i = self.stretch(data, i)
            self.open = bool(self.left or self.chunk_line)
            return i
        line, i = self.line(data, i)
        if line is not None:
            self._take(line)
        return i

    def _walk_chunks(self, data: bytes, i: int) -> int:
        """Pass over the chunks at *i* that are whole and have no extensions."""
        while size := _PLAIN_CHUNK.match(data, i):
            end = size.end() + int(size[1], 16) + 2
            if data[end - 2 : end] != CRLF:
                break
            i = end
        return i

    def _take(self, line: bytes) -> None:
        if self.chunk_line == 'size':
            size = _CHUNK_SIZE.fullmatch(line)
            if size is None:
                raise ValueError(f'a chunk of size {escape(line[:20])!r}')
            self.left = int(size[1], 16)
            self.chunk_line = 'end' if self.left else 'trailer'
        elif self.chunk_line == 'end':
            if line:
                raise ValueError('a chunk longer than it says')
            self.chunk_line = 'size'
        elif not line:
            self.open = False
            self.chunk_line = ''
        elif not _TRAILER.fullmatch(line):
            raise ValueError(f'a trailer {escape(line[:20])!r}')
