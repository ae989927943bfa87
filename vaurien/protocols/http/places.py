"""Places in a reply of HTTP: behind a number of chunks of its body, or of server-sent events in it.

Sources: RFC 9112, 7.1; https://html.spec.whatwg.org/multipage/server-sent-events.html ("Parsing an event stream").
"""

from __future__ import annotations

import re
from abc import abstractmethod

from vaurien.framing.finder import Finder
from vaurien.protocols.http.body import UNTIL_CLOSE, Body, read_length
from vaurien.protocols.http.heads import find_end

_CR, _LF = b'\r\n'
#: A field of an event: its name alone, or with a value behind it.
_DATA = b'data:'
#: What a stream of events may begin with, once: a byte order mark.
_MARK = b'\xef\xbb\xbf'
#: So many bytes of a line tell what it is.
_TELLING = len(_MARK + _DATA)
_LINE_END = re.compile(rb'[\r\n]')


class _InBody(Finder):
    """Counts something in the body, behind the head."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self._head = b''
        self._has_begun = False
        self._body = Body()

    def _look(self, data: bytes) -> int:
        """See `Finder._look`."""
        i = 0
        if not self._has_begun:
            known = len(self._head)
            self._head += data
            end = find_end(self._head, 0) if self._head else -1
            if end < 0:
                return len(data)
            i = end - known
            self._has_begun = True
            self._body.begin(read_length(self._head, UNTIL_CLOSE))
        while self.left and self._body.open and i < len(data):
            i = self._step(data, i)
        return i if not self.left else len(data)

    @abstractmethod
    def _step(self, data: bytes, i: int) -> int:
        """Go on at *i*, through one line or stretch of the body at most; return where that is."""


class Chunks(_InBody):
    """Counts chunks. A body that is not chunked has none, nor is the last one counted, which is empty."""

    def _step(self, data: bytes, i: int) -> int:
        was_inside = self._body.chunk_line == 'end'
        i = self._body.step(data, i)
        self.left -= was_inside and self._body.chunk_line == 'size'
        return i


class Events(_InBody):
    """Counts events: blocks of lines with data among them, each up to the empty line that ends it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        # How the line begins that has not ended; whether the block has data.
        self._line = b''
        self._has_data = False
        self._is_first_line = True
        # Whether the last byte was a CR, to which an LF may belong; and whether an event is over with that.
        self._is_behind_cr = False
        self._is_over = False

    def _step(self, data: bytes, i: int) -> int:
        is_text = self._body.left > 0
        end = self._body.step(data, i)
        return i + self._read(data[i:end]) if is_text else end

    def _read(self, text: bytes) -> int:
        """Take the next bytes of the stream of events; return how many of them come before the place."""
        i = 0
        while self.left and i < len(text):
            if self._is_behind_cr:
                self._is_behind_cr = False
                i += text[i] == _LF
            else:
                i = self._read_line(text, i)
            if self._is_over and not self._is_behind_cr:
                self._is_over = False
                self.left -= 1
        return i

    def _read_line(self, text: bytes, i: int) -> int:
        """Take the rest of the line at *i*, up to the first byte that ends it; return where that is."""
        end = _LINE_END.search(text, i)
        stop = end.start() if end else len(text)
        line = (self._line + text[i : min(stop, i + _TELLING)])[:_TELLING]
        if end is None:
            self._line = line
            return stop
        self._line = b''
        if self._is_first_line:
            self._is_first_line = False
            line = line.removeprefix(_MARK)
        if line.startswith(_DATA) or line == _DATA[:-1]:
            self._has_data = True
        elif not line:
            self._is_over, self._has_data = self._has_data, False
        self._is_behind_cr = text[stop] == _CR
        return stop + 1
