"""The body of a request in chunks (RFC 9112, 7.1), read as strictly as the head."""

from __future__ import annotations

import io
from typing import BinaryIO

import httptools

#: The most bytes of a line between two chunks, and of all lines behind the last one.
MAX_LINE = 8192
MAX_TRAILER = 64 * 1024

#: The parser reads chunks after a head that announces them.
_HEAD = b'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n'


class ChunkedBody(io.RawIOBase):
    """The bytes in the chunks. Raises `OSError` if a chunk is malformed, or is cut off.

    `httptools` says what is malformed. It does not say at which byte the body ends, and what follows is the next
    request; so the parser gets no more than is known to belong to the body.
    """

    def __init__(self, rfile: BinaryIO) -> None:
        super().__init__()
        self._rfile = rfile
        self._parser = httptools.HttpRequestParser(self)
        self._parser.feed_data(_HEAD)
        #: How many bytes of the chunk are still to come.
        self._left = 0
        self._is_over = False
        #: Whether an attempt to read has failed: what comes next has no meaning.
        self._is_broken = False

    def readable(self) -> bool:
        """Return whether it can be read, as any `io.RawIOBase` does."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # `io.BufferedReader` passes a memoryview
        """Read from one chunk; return how many bytes, 0 at the end."""
        if self._is_broken:
            raise OSError('the body was malformed')
        self._is_broken = True
        count = self._read_some(buffer)
        self._is_broken = False
        return count

    def _read_some(self, buffer: memoryview) -> int:
        if not self._left and not self._is_over:
            self._begin_chunk()
        if self._is_over:
            return 0
        data = self._take(self._rfile.read(min(self._left, len(buffer))))
        buffer[: len(data)] = data
        self._left -= len(data)
        if not self._left:
            self._take(self._rfile.read(2))
        return len(data)

    def _begin_chunk(self) -> None:
        line = self._take_line()
        self._left = int(line.partition(b';')[0], 16)
        if not self._left:
            self._end()

    def _end(self) -> None:
        """Read the fields behind the last chunk. Nobody needs them."""
        size, line = 0, b''
        while line != b'\r\n':
            line = self._take_line()
            size += len(line)
            if size > MAX_TRAILER:
                raise OSError('too much behind the last chunk')
        self._is_over = True

    def _take_line(self) -> bytes:
        line = self._take(self._rfile.readline(MAX_LINE))
        if not line.endswith(b'\n'):
            raise OSError('a line between two chunks has no end')
        return line

    def _take(self, data: bytes) -> bytes:
        if not data:
            raise OSError('the body is cut off')
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            raise OSError(f'malformed chunk: {error}') from None
        return data
