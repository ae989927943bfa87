"""The quick way to frame MySQL: one command of one packet, one small reply to a query, that arrive whole."""

from __future__ import annotations

from collections.abc import Sequence

from vaurien.framing.marks import REPLY, REQUEST, Mark
from vaurien.native.course import Course
from vaurien.protocols.mysql.commands import EXPECTED, PACKET, PREPARE, RESULTS
from vaurien.protocols.mysql.packets import (
    CURSOR_EXISTS,
    EOF,
    ERR,
    LOCAL_INFILE,
    MAX_PACKET,
    MORE_RESULTS,
    OK,
    PROGRESS,
    peek,
    read_length,
    skip_rows,
)
from vaurien.protocols.mysql.replies import FramedMySQL

#: What commands expect, but 0 where more than that is to be noted.
_SIMPLE = [0 if command == PREPARE else expected for command, expected in enumerate(EXPECTED)]
#: Above this many bytes a reply is walked at once, not first tried for being small.
_QUICK_MAX = 4 * 1024


class QuickMySQL(FramedMySQL):
    """Finds one whole command, one whole usual reply; leaves everything else to the full way."""

    twin = 'mysql'
    ordinary_kinds = (PACKET, RESULTS)

    @property
    def ordinary(self) -> Course | None:
        """See `BaseProtocol.ordinary`. The flags are those of `is_whole_reply`."""
        if self._up_busy or self._down_busy or self.opaque:
            return None
        return self._make_course(flags=self._has_eof | self._has_metadata_flag << 1)

    def advance(self, up: int, down: int, course: Course) -> None:
        """See `BaseProtocol.advance`. A reply that is open awaits rows, and perhaps lacks the rest of one."""
        super().advance(up, down, course)
        if course.down_awaited:
            self._enter_rows(course.down_left)

    def feed_upstream(self, data: bytes) -> tuple[bytes, Sequence[Mark]]:
        """See `BaseProtocol.feed_upstream`."""
        size = len(data)
        if not self._up_busy and 4 < size < MAX_PACKET:
            header, command = peek(data)
            if header == size - 4:
                expected = _SIMPLE[command]
                if expected:
                    self._outstanding.append(expected)
                    self._up_at = at = self._up_at + size
                    return data, ((REQUEST, at),)
        return self._walk_upstream(data)

    def feed_downstream(self, data: bytes) -> Sequence[Mark]:
        """See `BaseProtocol.feed_downstream`."""
        outstanding = self._outstanding
        may_be_small = not self._down_busy and outstanding and outstanding[0] == RESULTS and len(data) <= _QUICK_MAX
        if may_be_small and is_whole_reply(data, self._has_eof, self._has_metadata_flag):
            outstanding.popleft()
            self._down_at = at = self._down_at + len(data)
            return ((REPLY, at),)
        return self._walk_downstream(data)


def is_whole_reply(data: bytes, has_eof: bool, has_flag: bool) -> bool:
    """Return whether *data* is exactly one usual reply to a query, and small: an OK, an ERR or a result set.

    *has_eof*: an EOF packet ends the definitions of columns; *has_flag*: their number comes with whether there are any.
    False if that cannot be told at once.
    """
    size = len(data)
    if size < 9:
        return False
    header, first = peek(data, 0)
    length = header & MAX_PACKET
    if length == 1 + has_flag and OK < first < LOCAL_INFILE and not (has_flag and data[5] != 1):
        return _is_whole_result(data, 4 + length, first, has_eof)
    if length != size - 4:
        return False
    return _is_last_ok(data, 0) if first == OK else first == ERR and data[5:7] != PROGRESS


def _is_whole_result(data: bytes, i: int, columns: int, has_eof: bool) -> bool:
    last = len(data) - 9
    for _ in range(columns):
        if i > last:
            return False
        header, first = peek(data, i)
        if first >= EOF or not header & MAX_PACKET:
            return False
        i += 4 + (header & MAX_PACKET)
    if has_eof:
        if i > last or data[i : i + 3] != b'\x05\0\0' or data[i + 4] != EOF or data[i + 7] & CURSOR_EXISTS:
            return False
        i += 9
    i = skip_rows(data, i)
    if i > last or data[i + 4] != EOF:
        return False
    if has_eof:
        return i == last and data[i : i + 3] == b'\x05\0\0' and not data[i + 7] & MORE_RESULTS
    return i + 4 + read_length(data, i) == len(data) and _is_last_ok(data, i)


def _is_last_ok(data: bytes, i: int) -> bool:
    """Return whether the OK packet at *i*, which ends *data*, is of small numbers, and no other result follows."""
    return len(data) - i >= 11 and max(data[i + 5], data[i + 6]) < LOCAL_INFILE and not data[i + 7] & MORE_RESULTS
