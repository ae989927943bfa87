"""Places in a reply of MySQL: behind a number of messages, which are packets or what goes on over several, or of rows.

Source: as of `packets`; "COM_QUERY Response", "Text Resultset".
"""

from __future__ import annotations

from vaurien.framing.finder import Finder
from vaurien.protocols.mysql.packets import (
    CURSOR_EXISTS,
    EOF,
    EOF_MAX,
    ERR,
    LOCAL_INFILE,
    MAX_PACKET,
    OK,
    OK_HEAD,
    Packets,
    read_eof_status,
    read_number,
)

# What the next message is: the first of a result; the definition of a column; the EOF packet after those; a row or the
# end of the rows.
_FIRST, _DEFINITION, _DEFINED, _ROW = range(4)


class Messages(Finder):
    """Counts messages."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        #: The number of the packet that follows on the last message, but for what it has beyond a byte.
        self.next_packet = 0
        self._packets = Packets()
        # What has arrived of a head that is not complete.
        self._kept = b''
        # Of the message that has begun: whether it has several packets, and whether it counts.
        self._goes_on = False
        self._counts = False

    def _look(self, data: bytes) -> int:
        """See `Finder._look`."""
        packets, known = self._packets, len(self._kept)
        data, self._kept = self._kept + data, b''
        i = 0
        while self.left:
            if not packets.inside:
                head = packets.enter(data, i, OK_HEAD)
                if head is None:
                    break
                self.next_packet = data[i + 3] + 1
                self._goes_on = packets.goes_on
                self._counts = self._is_counted(head, packets.left - 4)
            i = packets.leave(data, i)
            if packets.inside:
                break
            if self._goes_on:
                self.next_packet += packets.continued
            self.left -= self._counts
        if not self.left:
            return i - known
        self._kept = data[i:]
        return len(data) - known

    def _is_counted(self, head: bytes, length: int) -> bool:
        return True


class Rows(Messages):
    """Counts rows, of all results from one on."""

    def __init__(self, number: int, *, alone: bool, skipped: int, has_eof: bool, has_metadata_flag: bool) -> None:
        """*alone*: the reply is nothing but rows, as a FETCH has them. The capabilities are those of the link.

        *skipped* is how many results come before the one that it counts in.
        """
        super().__init__(number)
        self._skipped = skipped
        self._state = _ROW if alone else _FIRST
        self._definitions = 0
        self._has_eof = has_eof
        self._has_metadata_flag = has_metadata_flag

    def _is_counted(self, head: bytes, length: int) -> bool:
        first = head[0] if head else OK
        if self._state == _DEFINITION:
            self._definitions -= 1
            if not self._definitions:
                self._end_definitions()
        elif self._state == _DEFINED:
            self._state = _FIRST if read_eof_status(head) & CURSOR_EXISTS else _ROW
        elif self._state == _FIRST:
            if first not in (OK, LOCAL_INFILE, ERR):
                self._begin_result(head)
            else:
                self._skipped -= bool(self._skipped)
        elif first != ERR:
            if first != EOF or length >= (EOF_MAX if self._has_eof else MAX_PACKET):
                return not self._skipped
            self._state = _FIRST
            self._skipped -= bool(self._skipped)
        return False

    def _begin_result(self, head: bytes) -> None:
        self._definitions, end = read_number(head, 0)
        self._state = _DEFINITION
        if self._has_metadata_flag and not head[end]:  # the client knows the definitions from before
            self._end_definitions()

    def _end_definitions(self) -> None:
        self._state = _DEFINED if self._has_eof else _ROW
