"""The full way to frame what a MySQL server sends: any bytes, cut at any places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vaurien.framing.head import MAX_HEAD
from vaurien.framing.marks import GREETING, INTERIM, OPAQUE, PROMPT, REPLY, Mark, Opaque
from vaurien.protocols.mysql.commands import ENDING, LOGIN, PACKET, PREPARED, RESULTS, ROWS_ALONE
from vaurien.protocols.mysql.login import CLIENT_COMPRESS, CLIENT_OPTIONAL_METADATA, CLIENT_ZSTD, read_greeting
from vaurien.protocols.mysql.packets import (
    CURSOR_EXISTS,
    EOF,
    EOF_MAX,
    ERR,
    LOCAL_INFILE,
    MAX_PACKET,
    MORE_RESULTS,
    OK,
    OK_HEAD,
    PROGRESS,
    Packets,
    read_eof_status,
    read_number,
    read_ok_status,
    skip_rows,
)
from vaurien.protocols.mysql.requests import FILE, MESSAGE, NOTHING, FramedRequests

#: No table, and no result, has so many columns.
_COLUMNS_MAX = 0xFFFF

# What the next packet of the backend is: the greeting; the first of a reply or of a further result; the definition of
# a column or parameter; the EOF packet after those; a row or the end of the rows.
_GREETING, _FIRST, _DEFINITION, _DEFINED, _ROW = range(5)


class FramedMySQL(FramedRequests):
    """Requests and replies.

    A link becomes opaque when the client asks for TLS, when a login with compression succeeds, and when replication
    begins.
    """

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(options)
        self._down = Packets()
        # Whether the next chunk may be anything but a whole reply.
        self._down_busy = True
        self._greeted = False
        self._state = _GREETING
        # Definitions that are still to come.
        self._definitions = 0
        # Whether the reply has begun with a result that others follow.
        self._begun = False
        # The mark that belongs at the end of the packet; why the framing ends there.
        self._mark = 0
        self._then_opaque: Opaque | None = None

    def feed_downstream(self, data: bytes) -> Sequence[Mark]:
        """See `BaseProtocol.feed_downstream`; "Text Resultset", "Binary Protocol Resultset"."""
        return self._walk_downstream(data)

    def _walk_downstream(self, data: bytes) -> Sequence[Mark]:
        down = self._down
        down.resume(self.downstream_body)
        if self._kept:
            data, self._kept = self._kept + data, b''
        marks: list[Mark] = []
        if not self._greeted:
            self._greeted = True
            marks.append((GREETING, 0))
        i = 0
        is_over = False
        try:
            while down.inside or self._open_reply(data, i):
                # Without a mark, the packet is the first that is opaque; with one, the last that is not.
                if not self._mark and self._then_opaque:
                    is_over = True
                    break
                i = down.leave(data, i)
                if down.inside:
                    break
                if self._mark:
                    marks.append((self._mark, self._down_at + i))
                    if self._then_opaque:
                        is_over = True
                        break
                if self._state == _ROW:
                    i = skip_rows(data, i)
        except ValueError as error:
            self._then_opaque = Opaque(str(error), unparsed=True)
            is_over = True
        if is_over:
            self.opaque = self._then_opaque
            marks.append((OPAQUE, self._down_at + i))
            return marks
        self._kept = data[i:]
        self._down_at += i
        self.downstream_body = down.left
        is_between = not (down.inside or self._kept or self._begun) and self._state == _FIRST
        self._down_busy = not is_between
        return marks

    def _open_reply(self, data: bytes, i: int) -> bool:
        """Begin a packet, if enough of it has arrived, and decide what it is. Raise ValueError if it is none."""
        down = self._down
        is_greeting = self._state == _GREETING
        if is_greeting and len(data) - i >= 4 and data[i + 2]:
            raise ValueError(f'a greeting of more than {MAX_HEAD} bytes')
        packet = down.enter(data, i, MAX_HEAD if is_greeting else OK_HEAD)
        if packet is None:
            return False
        self._mark = self._take(packet, down.left - 4)
        return True

    def _take(self, packet: bytes, length: int) -> int:
        """Return the mark that belongs at the end of the packet of *length* that begins like this, or 0.

        Raise ValueError if there can be no such packet.
        """
        state = self._state
        if state == _GREETING:
            return self._take_greeting(packet)
        if not self._outstanding:
            return INTERIM
        expected = self._outstanding[0]
        first = packet[0] if packet else OK
        if first == ERR:
            if packet[1:3] != PROGRESS:
                return self._end_reply()
            # A progress report ("MariaDB: ERR_Packet").
            return 0 if self._begun or state != _FIRST else INTERIM
        if state == _FIRST:
            return self._take_first(packet, length, expected)
        if state == _DEFINITION:
            self._definitions -= 1
            return 0 if self._definitions else self._end_definitions(expected)
        if state == _ROW and (first != EOF or length >= (EOF_MAX if self._has_eof else MAX_PACKET)):
            return 0
        if expected == ROWS_ALONE:
            return self._end_reply()
        return self._take_eof(packet)

    def _take_greeting(self, packet: bytes) -> int:
        # Too many connections, say.
        if packet[:1] != b'\xff':
            self._of_backend = read_greeting(packet)
            self._agree()
        self._state = _FIRST
        return REPLY

    def _take_first(self, packet: bytes, length: int, expected: int) -> int:
        if expected == PACKET:
            return self._end_reply()
        if expected == LOGIN:
            return self._take_login(packet)
        if expected == ROWS_ALONE:
            self._state = _ROW
            return self._take(packet, length)
        if expected == PREPARED:
            return self._take_prepared(packet)
        if expected == RESULTS:
            return self._take_result(packet, length)
        self._then_opaque = Opaque(ENDING[expected])
        return 0

    def _take_login(self, packet: bytes) -> int:
        """See "Connection Phase", "Caching_sha2_password information"."""
        if packet[:1] == b'\0':
            if self._capabilities & (CLIENT_COMPRESS | CLIENT_ZSTD):
                self._then_opaque = Opaque('compression')
            return self._end_reply()
        # The password's digest was in the server's cache: an OK packet follows.
        if packet == b'\x01\x03':
            return INTERIM
        return self._prompt(MESSAGE)

    def _prompt(self, kind: int) -> int:
        self._prompted = kind
        self._up_busy = True
        return PROMPT

    def _take_result(self, packet: bytes, length: int) -> int:
        """See "COM_QUERY Response"; MariaDB: "Result Set Packets"."""
        first = packet[0] if packet else ERR
        if first == OK:
            return self._end_result(read_ok_status(packet))
        if first == LOCAL_INFILE:
            return self._prompt(FILE)
        count, end = read_number(packet, 0)
        has_flag = self._has_metadata_flag
        if not 0 < count <= _COLUMNS_MAX or length != end + has_flag:
            raise ValueError('a result that does not begin with the number of its columns')
        self._begun = True
        if has_flag and not packet[end]:  # the client knows the definitions from before
            return self._end_definitions(RESULTS)
        self._definitions = count
        self._state = _DEFINITION
        return 0

    def _take_prepared(self, packet: bytes) -> int:
        """See "COM_STMT_PREPARE Response"."""
        if packet[:1] != b'\0' or len(packet) < 9:
            raise ValueError('a prepared statement that begins with neither OK nor ERR')
        position, statement = self._preparing[0]
        self._statements.put_behind(position, int.from_bytes(packet[1:5], 'little'), statement)
        counts = (packet[5] | packet[6] << 8, packet[7] | packet[8] << 8)
        self._definitions = sum(count + self._has_eof for count in counts if count)
        if self._capabilities & CLIENT_OPTIONAL_METADATA and packet[12:13] == b'\0':
            self._definitions = 0
        if not self._definitions:
            return self._end_reply()
        self._begun = True
        self._state = _DEFINITION
        return 0

    def _end_definitions(self, expected: int) -> int:
        if expected == PREPARED:
            return self._end_reply()
        self._state = _DEFINED if self._has_eof else _ROW
        return 0

    def _take_eof(self, packet: bytes) -> int:
        if packet[:1] != b'\xfe':
            raise ValueError('definitions of columns without an EOF packet after them')
        status = read_eof_status(packet) if self._has_eof else read_ok_status(packet)
        if self._state == _ROW or status & CURSOR_EXISTS:
            return self._end_result(status)
        self._state = _ROW
        return 0

    def _enter_rows(self, left: int) -> None:
        """Be among the rows of a result, with *left* bytes of the last one still to come."""
        self._begun = True
        self._state = _ROW
        self._mark = 0
        self._down_busy = True
        self._down.go_on(left)

    def _end_result(self, status: int) -> int:
        if not status & MORE_RESULTS:
            return self._end_reply()
        self._begun = True
        self._state = _FIRST
        return 0

    def _end_reply(self) -> int:
        self._forget_oldest()
        self._state = _FIRST
        self._definitions = 0
        self._begun = False
        # It may have been the last word of a login's dialog.
        if self._prompted == MESSAGE:
            self._prompted = NOTHING
        return REPLY
