"""Places in a reply of PostgreSQL: behind a number of messages, or of rows."""

from __future__ import annotations

from vaurien.framing.finder import Finder
from vaurien.protocols.postgres.messages import unpack_header

#: DataRow; and CopyData, of which COPY sends one for each row ("COPY Operations").
_ROWS = frozenset(b'Dd')
#: What ends the part of a reply that is for one statement: CommandComplete, EmptyQueryResponse, PortalSuspended.
_ENDS = frozenset(b'CIs')
_HEADER = 5


class Messages(Finder):
    """Counts messages."""

    def __init__(self, number: int, skipped: int) -> None:
        """*skipped* is for how many statements there are parts of the reply before the one that it counts in."""
        super().__init__(number)
        self._skipped = skipped
        # The beginning of a header; how much there is left of the message behind it, and whether that one counts.
        self._head = b''
        self._rest = 0
        self._counts = False

    def _look(self, data: bytes) -> int:
        """See `Finder._look`."""
        i = 0
        while self.left and i < len(data):
            if not self._rest:
                head = data[i : i + _HEADER - len(self._head)]
                i += len(head)
                self._head += head
                if len(self._head) < _HEADER:
                    break
                kind, length = unpack_header(self._head)
                if length < 4:
                    raise ValueError('a message of fewer bytes than its length has')
                self._head = b''
                self._rest = length - 4
                self._counts = not self._skipped and self._is_counted(kind)
                if self._skipped and kind in _ENDS:
                    self._skipped -= 1
            step = min(self._rest, len(data) - i)
            i += step
            self._rest -= step
            if not self._rest:
                self.left -= self._counts
        return i

    def _is_counted(self, kind: int) -> bool:
        return True


class Rows(Messages):
    """Counts rows."""

    def _is_counted(self, kind: int) -> bool:
        return kind in _ROWS
