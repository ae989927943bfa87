"""Places in a reply of Redis: behind a number of elements of the array, set, map or push that it is."""

from __future__ import annotations

from vaurien.framing.finder import Finder
from vaurien.protocols.redis.small import SMALL_REPLIES
from vaurien.protocols.redis.values import REPLY_TYPES, Values, read_length

#: How many values an element has: in a map, a key and its value.
_PARTS = {b'*': 1, b'~': 1, b'>': 1, b'%': 2}
_ATTRIBUTE, _NULL = b'|', b'*-1'


class Elements(Finder):
    """Counts elements, each with all that is nested in it; of a map, pairs."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self._values = Values(REPLY_TYPES, SMALL_REPLIES)
        # How many elements are still to come, and how many values each has.
        self._elements = 0
        self._parts = 0

    def _look(self, data: bytes) -> int:
        """See `Finder._look`."""
        values = self._values
        i = 0
        while self.left and i < len(data):
            if not (values.awaited or self._elements):
                line, i = values.line(data, i)
                if line is not None:
                    self._begin(line)
                continue
            if not values.awaited:
                values.expect(self._parts)
            i = values.walk(data, i)
            if not values.awaited and self._elements:
                self._elements -= 1
                self.left -= 1
        return i

    def _begin(self, line: bytes) -> None:
        """Take the first *line* of a value."""
        kind = line[:1]
        if kind == _ATTRIBUTE:
            self._values.expect(2 * read_length(line))
        elif kind in _PARTS and line != _NULL:
            self._elements, self._parts = read_length(line), _PARTS[kind]
        elif REPLY_TYPES.get(kind, (0, 0))[0] < 0 and line != b'$-1':
            self._values.expect(1)
            self._values.open_bulk(read_length(line))
