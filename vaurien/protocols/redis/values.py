"""RESP values, walked over without building them (protocol specification, "RESP protocol description")."""

from __future__ import annotations

import re
from collections.abc import Mapping

from vaurien.framing.head import MAX_HEAD, escape
from vaurien.framing.lines import Lines

CRLF = b'\r\n'
#: The longest length line: a type, a sign and 18 digits.
LENGTH_MAX = 20

# No leading zero: Redis takes none.
_NUMBER = re.compile(rb'0|[1-9][0-9]{0,17}')

# What the first byte of a value says: one line, a stretch of bytes, or (values per count, whether it is one itself).
_LINE, _BULK = (0, 0), (-1, -1)
REPLY_TYPES = {
    **dict.fromkeys((b'+', b'-', b':', b'_', b'#', b',', b'('), _LINE),
    **dict.fromkeys((b'$', b'!', b'='), _BULK),
    **dict.fromkeys((b'*', b'~', b'>'), (1, 1)),
    b'%': (2, 1),
    b'|': (2, 0),
}
ARGUMENT_TYPES = {b'$': _BULK}
_NULLS = {b'$-1', b'*-1'}


class Values(Lines):
    """Walks over RESP values, nested to any depth.

    How many values are still awaited is all there is to know about nesting: an array of n takes the place of one
    awaited value and awaits n, an attribute awaits its pairs and stands for nothing.
    """

    __slots__ = ('awaited', 'in_bulk', 'small', 'types')

    def __init__(self, types: Mapping[bytes, tuple[int, int]], small: Mapping[bytes, int]) -> None:
        """Know these *types* of values by their first byte, and how long *small* ones are by their first line."""
        super().__init__()
        self.types = types
        self.small = small
        self.awaited = 0
        self.in_bulk = False

    def walk(self, data: bytes, i: int) -> int:
        """Go on at *i* until nothing is awaited or *data* ends, and return where that is.

        Raise ValueError if *data* is no RESP.
        """
        end = len(data)
        while self.awaited and i < end:
            if self.left:
                i = self.stretch(data, i)
                continue
            if not (self.in_bulk or self.kept):
                i = self._walk_small(data, i)
                if not self.awaited:
                    break
            line, i = self.line(data, i)
            if line is not None:
                self._take(line)
        return i

    def _walk_small(self, data: bytes, i: int) -> int:
        """Pass over the values at *i* that are small and whole."""
        small = self.small
        awaited = self.awaited
        while awaited:
            line_end = data.find(CRLF, i, i + MAX_HEAD)
            if line_end < 0:
                break
            end = line_end + small.get(data[i:line_end], 0)
            if end == line_end or data[end - 2 : end] != CRLF:
                break
            i = end
            awaited -= 1
        self.awaited = awaited
        return i

    def expect(self, count: int) -> None:
        """Have *count* values come next."""
        self.awaited = count

    def open_bulk(self, size: int) -> None:
        """Have a bulk string of *size* bytes, and its CRLF, come next."""
        self.begin_stretch(size)
        self.in_bulk = True

    def go_on(self, left: int, awaited: int) -> int:
        """Have *awaited* values come next, the first of which lacks *left* bytes; return these without its CRLF."""
        self.awaited = awaited
        self.in_bulk = left > 0
        self.kept = CRLF[:1] if left == 1 else b''
        self.begin_stretch(max(0, left - len(CRLF)))
        return self.left

    def _take(self, line: bytes) -> None:
        if self.in_bulk:
            if line:
                raise ValueError('a bulk string longer than it says')
            self.in_bulk = False
            self.awaited -= 1
            return
        type_ = self.types.get(line[:1])
        if type_ is None:
            raise ValueError(f'a value of type {escape(line[:1])!r}')
        if type_ is _LINE or (line in _NULLS and self.types is REPLY_TYPES):
            self.awaited -= 1
            return
        count = read_length(line)
        if type_ is _BULK:
            self.open_bulk(count)
        else:
            per_count, is_value = type_
            self.awaited += count * per_count - is_value


def read_length(line: bytes) -> int:
    """Return the number after the type of *line*. Raise ValueError if there is none."""
    if not _NUMBER.fullmatch(line, 1):
        raise ValueError(f'a length of {escape(line[1:LENGTH_MAX])!r}')
    return int(line[1:])
