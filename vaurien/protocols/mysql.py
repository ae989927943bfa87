"""MySQL and MariaDB: the greeting, the login, commands and their replies.

Sources, by the names of their pages: https://dev.mysql.com/doc/dev/mysql-server/latest/PAGE_PROTOCOL.html and
https://mariadb.com/docs/server/reference/clientserver-protocol; where they are silent or wrong, the servers.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from msgspec import Meta

from vaurien.framing import mysql_packets as packets
from vaurien.framing.error_reply import INJECTED, ErrorReply, SQLState
from vaurien.framing.head import MAX_HEAD, TEXT_MAX
from vaurien.framing.marks import END, GREETING, HEAD, INTERIM, OPAQUE, PROMPT, REPLY, REQUEST, UNANSWERED, Mark, Opaque
from vaurien.framing.mysql_packets import EOF, ERR, LOCAL_INFILE, MAX_PACKET, OK, Packets, peek
from vaurien.framing.statements import Statements
from vaurien.plugins.options import Line
from vaurien.protocols.base import BaseProtocol

#: The most of a request that is its head. A login fits in; of a statement, more than is ever shown.
_HEAD_MAX = 1024
#: Above this many bytes a reply is walked at once, not first tried for being small.
_SMALL_MAX = 4 * 1024
#: No table, and no result, has so many columns.
_COLUMNS_MAX = 0xFFFF

# What a request expects: nothing; one packet, whatever it says; a login's dialog; one or more results; what is said of
# a prepared statement; rows alone; a stream that never ends.
_NOTHING, _PACKET, _LOGIN, _RESULTS, _PREPARED, _ROWS_ALONE, _REPLICATION, _CLONE = range(8)
_ENDING = {_REPLICATION: 'replication', _CLONE: 'clone'}

# What the next packet of the backend is: the greeting; the first of a reply or of a further result; the definition of
# a column or parameter; the EOF packet after those; a row or the end of the rows.
_GREETING, _FIRST, _DEFINITION, _DEFINED, _ROW = range(5)

# What the client was asked for: a message; a file, which is messages up to an empty one.
_MESSAGE, _FILE = 1, 2

_QUERY, _CHANGE_USER, _PREPARE, _EXECUTE, _CLOSE, _BULK_EXECUTE = 0x03, 0x11, 0x16, 0x17, 0x19, 0xFA
#: "Command Phase", and MariaDB's own. A server knows no others: it answers with an ERR packet.
_COMMANDS = {
    0x00: ('SLEEP', _PACKET),
    0x01: ('QUIT', _NOTHING),
    0x02: ('INIT_DB', _PACKET),
    _QUERY: ('QUERY', _RESULTS),
    0x04: ('FIELD_LIST', _ROWS_ALONE),
    0x05: ('CREATE_DB', _PACKET),
    0x06: ('DROP_DB', _PACKET),
    0x07: ('REFRESH', _PACKET),
    0x08: ('SHUTDOWN', _PACKET),
    0x09: ('STATISTICS', _PACKET),
    0x0A: ('PROCESS_INFO', _RESULTS),
    0x0C: ('PROCESS_KILL', _PACKET),
    0x0D: ('DEBUG', _PACKET),
    0x0E: ('PING', _PACKET),
    _CHANGE_USER: ('CHANGE_USER', _LOGIN),
    0x12: ('BINLOG_DUMP', _REPLICATION),
    0x15: ('REGISTER_SLAVE', _PACKET),
    _PREPARE: ('PREPARE', _PREPARED),
    _EXECUTE: ('EXECUTE', _RESULTS),
    0x18: ('SEND_LONG_DATA', _NOTHING),
    _CLOSE: ('CLOSE', _NOTHING),
    0x1A: ('RESET', _PACKET),
    0x1B: ('SET_OPTION', _PACKET),
    0x1C: ('FETCH', _ROWS_ALONE),
    0x1E: ('BINLOG_DUMP_GTID', _REPLICATION),
    0x1F: ('RESET_CONNECTION', _PACKET),
    0x20: ('CLONE', _CLONE),
    _BULK_EXECUTE: ('BULK_EXECUTE', _RESULTS),
}
_EXPECTED = [_COMMANDS.get(command, ('', _PACKET))[1] for command in range(256)]
#: The same, but 0 where more than that is to be noted.
_SIMPLE = [0 if command == _PREPARE else expected for command, expected in enumerate(_EXPECTED)]
#: Commands whose argument is a name, those where it is the number of a statement, and of these what executes it.
_NAMED = {0x02, 0x04, 0x05, 0x06}
_NUMBERED = {_EXECUTE, 0x18, _CLOSE, 0x1A, 0x1C, _BULK_EXECUTE}
_EXECUTING = {_EXECUTE, _BULK_EXECUTE}
#: Stands for what was prepared last, for clients that do not wait for its number ("COM_STMT_EXECUTE", MariaDB's).
_LATEST = 0xFFFFFFFF

#: What stands before a secret in a statement, or, for a column, may.
_SECRET = re.compile(r'identified|passw(?:or)?d|authentication_string|connection\s*=', re.IGNORECASE)

#: Either adds to the number of columns whether their definitions follow.
_METADATA_FLAG = packets.CLIENT_OPTIONAL_METADATA | packets.MARIADB_CLIENT_CACHE_METADATA

_ERRNO = 1205
_TOO_MANY = ErrorReply(b'\x17\0\0\0\xff\x10\x04Too many connections', closes=True)
#: With these a server closes: shutting down, packet too large, killed (MariaDB, MySQL), idle for too long.
_FATAL = {1053, 1153, 1927, 3169, 4031}


class MySQL(BaseProtocol):
    """MySQL and MariaDB. An error is an ERR packet; it closes where a server does, after the greeting and a login.

    A head is the beginning of a command. A link becomes opaque when the client asks for TLS, when a login with
    compression succeeds, and when replication begins.
    """

    name = 'mysql'
    error_options = {
        'errno': ('Error number', Annotated[int, Meta(ge=1, le=65534)], _ERRNO),
        'sqlstate': ('SQLSTATE (none: the usual one of the error number)', SQLState | None, None),
        'message': ('Text', Line, INJECTED),
    }
    greets = True

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(options)
        self._up = Packets()
        self._down = Packets()
        self._expected: deque[int] = deque()
        self._statements = Statements(_show)
        #: Statements whose numbers the backend has not told yet, and where they were sent.
        self._preparing: list[tuple[int, bytes]] = []
        #: The backend's, the client's and what both have.
        self._of_backend = self._of_client = self._capabilities = 0
        self._has_eof = True
        self._has_metadata_flag = False
        # Whether the next chunk may not be taken for a whole request; for a whole reply.
        self._up_busy = self._down_busy = True
        self._logged_in = False
        self._ends_request = False
        self._prompted = 0
        self._greeted = False
        self._state = _GREETING
        #: Definitions that are still to come.
        self._definitions = 0
        #: Whether the reply has begun with a result that others follow.
        self._begun = False
        #: The mark due at the end of the packet; why the framing ends there.
        self._mark = 0
        self._then_opaque: Opaque | None = None

    # Upstream

    def feed_upstream(self, data: bytes) -> tuple[bytes, Sequence[Mark]]:
        """See `BaseProtocol.feed_upstream`; "Command Phase"."""
        size = len(data)
        if not self._up_busy and 4 < size < MAX_PACKET:
            header, command = peek(data)
            if header == size - 4:
                expected = _SIMPLE[command]
                if expected:
                    self._expected.append(expected)
                    self._up_at = at = self._up_at + size
                    return data, ((REQUEST, at),)
        return self._walk_upstream(data)

    def _walk_upstream(self, data: bytes) -> tuple[bytes, Sequence[Mark]]:
        up = self._up
        marks: list[Mark] = []
        data = up.resume(data, self.upstream_body)
        i = 0
        try:
            while not self.opaque and (up.inside or self._open(data, i, marks)):
                i = up.leave(data, i)
                if up.inside:
                    break
                if self._ends_request:
                    marks.append((END, self._up_at + i))
        except ValueError as error:
            self.opaque = Opaque(str(error), unparsed=True)
        if self.opaque:
            marks.append((OPAQUE, self._up_at + i))
            return data, marks
        up.kept = data[i:]
        self._up_at += i
        self.upstream_body = up.left
        self._up_busy = bool(up.inside or up.kept or self._prompted or not self._logged_in)
        return data[:i], marks

    def _open(self, data: bytes, i: int, marks: list[Mark]) -> bool:
        """Begin a message, if enough of it has arrived; raises ValueError."""
        up = self._up
        if self._prompted:
            return self._open_prompted(data, i)
        # The first packet of a command has the number 0; the login's follows on the greeting's.
        if len(data) - i >= 4 and data[i + 3] != (0 if self._logged_in else 1):
            raise ValueError(f'a packet of number {data[i + 3]}')
        head = up.enter(data, i, _HEAD_MAX)
        if head is None:
            return False
        is_whole = not up.goes_on and up.left <= len(data) - i
        expected = self._expect(head, self._up_at + i)
        if self.opaque:
            return True
        self._ends_request = not is_whole
        position = self._up_at + i + (up.left if is_whole else 4 + len(head))
        marks.append((REQUEST if is_whole else HEAD, position))
        if expected:
            self._expected.append(expected)
        else:
            marks.append((UNANSWERED, position))
        return True

    def _open_prompted(self, data: bytes, i: int) -> bool:
        up = self._up
        if up.enter(data, i, 0) is None:
            return False
        self._ends_request = self._prompted == _MESSAGE or up.left == 4
        if self._ends_request:
            self._prompted = 0
        return True

    def _expect(self, head: bytes, position: int) -> int:
        """What the message at *position* expects that begins like this; raises ValueError."""
        if self._logged_in:
            if not head:
                raise ValueError('a command of no bytes')
            self._note_statement(head, position)
            return _EXPECTED[head[0]]
        flags = packets.read_login(head)
        if flags & packets.CLIENT_SSL and self._up.left == 4 + packets.LOGIN_HEAD:
            self.opaque = Opaque('TLS')
        self._logged_in = True
        self._of_client = flags
        self._agree()
        return _LOGIN

    def _note_statement(self, head: bytes, position: int) -> None:
        """Remember what the command at *position* prepares, forget what it closes."""
        if not self._expected:  # every command before this one has been looked at
            self._statements.go_to(position)
        if head[0] == _PREPARE:
            self._preparing.append((position, head[1:]))
            self._statements.put_behind(position, _LATEST, head[1:])
        elif head[0] == _CLOSE:
            self._statements.put_behind(position, int.from_bytes(head[1:5], 'little'), None)

    def _agree(self) -> None:
        self._capabilities = self._of_backend & self._of_client
        self._has_eof = not self._capabilities & packets.CLIENT_DEPRECATE_EOF
        self._has_metadata_flag = bool(self._capabilities & _METADATA_FLAG)

    def end_upstream(self) -> bytes:
        """Give what was held back."""
        held, self._up.kept = self._up.kept, b''
        return held

    # Downstream

    def feed_downstream(self, data: bytes) -> Sequence[Mark]:
        """See `BaseProtocol.feed_downstream`; "Text Resultset", "Binary Protocol Resultset"."""
        expected = self._expected
        may_be_small = not self._down_busy and expected and expected[0] == _RESULTS and len(data) <= _SMALL_MAX
        if may_be_small and packets.is_whole_reply(data, self._has_eof, self._has_metadata_flag):
            expected.popleft()
            self._down_at = at = self._down_at + len(data)
            return ((REPLY, at),)
        return self._walk_downstream(data)

    def _walk_downstream(self, data: bytes) -> Sequence[Mark]:
        down = self._down
        marks: list[Mark] = []
        if not self._greeted:
            self._greeted = True
            marks.append((GREETING, 0))
        data = down.resume(data, self.downstream_body)
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
                    i = packets.skip_rows(data, i)
        except ValueError as error:
            self._then_opaque = Opaque(str(error), unparsed=True)
            is_over = True
        if is_over:
            self.opaque = self._then_opaque
            marks.append((OPAQUE, self._down_at + i))
            return marks
        down.kept = data[i:]
        self._down_at += i
        self.downstream_body = down.left
        is_between = not (down.inside or down.kept or self._begun) and self._state == _FIRST
        self._down_busy = not is_between
        return marks

    def _open_reply(self, data: bytes, i: int) -> bool:
        """Begin a packet, if enough of it has arrived, and decide what it is; raises ValueError."""
        down = self._down
        is_greeting = self._state == _GREETING
        if is_greeting and len(data) - i >= 4 and data[i + 2]:
            raise ValueError(f'a greeting of more than {MAX_HEAD} bytes')
        packet = down.enter(data, i, MAX_HEAD if is_greeting else packets.OK_HEAD)
        if packet is None:
            return False
        self._mark = self._take(packet, down.left - 4)
        return True

    def _take(self, packet: bytes, length: int) -> int:
        """The mark due at the end of the packet of *length* that begins like this; raises ValueError."""
        state = self._state
        if state == _GREETING:
            return self._take_greeting(packet)
        if not self._expected:
            return INTERIM
        expected = self._expected[0]
        first = packet[0] if packet else OK
        if first == ERR:
            if packet[1:3] != packets.PROGRESS:
                return self._end_reply()
            # A progress report ("MariaDB: ERR_Packet").
            return 0 if self._begun or state != _FIRST else INTERIM
        if state == _FIRST:
            return self._take_first(packet, length, expected)
        if state == _DEFINITION:
            self._definitions -= 1
            return 0 if self._definitions else self._end_definitions(expected)
        if state == _ROW and (first != EOF or length >= (packets.EOF_MAX if self._has_eof else MAX_PACKET)):
            return 0
        if expected == _ROWS_ALONE:
            return self._end_reply()
        return self._take_eof(packet)

    def _take_greeting(self, packet: bytes) -> int:
        # Too many connections, say.
        if packet[:1] != b'\xff':
            self._of_backend = packets.read_greeting(packet)
            self._agree()
        self._state = _FIRST
        return REPLY

    def _take_first(self, packet: bytes, length: int, expected: int) -> int:
        if expected == _PACKET:
            return self._end_reply()
        if expected == _LOGIN:
            return self._take_login(packet)
        if expected == _ROWS_ALONE:
            self._state = _ROW
            return self._take(packet, length)
        if expected == _PREPARED:
            return self._take_prepared(packet)
        if expected == _RESULTS:
            return self._take_result(packet, length)
        self._then_opaque = Opaque(_ENDING[expected])
        return 0

    def _take_login(self, packet: bytes) -> int:
        """See "Connection Phase", "Caching_sha2_password information"."""
        if packet[:1] == b'\0':
            if self._capabilities & (packets.CLIENT_COMPRESS | packets.CLIENT_ZSTD):
                self._then_opaque = Opaque('compression')
            return self._end_reply()
        # The password's digest was in the server's cache: an OK packet follows.
        if packet == b'\x01\x03':
            return INTERIM
        return self._prompt(_MESSAGE)

    def _prompt(self, kind: int) -> int:
        self._prompted = kind
        self._up_busy = True
        return PROMPT

    def _take_result(self, packet: bytes, length: int) -> int:
        """See "COM_QUERY Response"; MariaDB: "Result Set Packets"."""
        first = packet[0] if packet else ERR
        if first == OK:
            return self._end_result(packets.read_ok_status(packet))
        if first == LOCAL_INFILE:
            return self._prompt(_FILE)
        count, end = packets.read_number(packet, 0)
        has_flag = self._has_metadata_flag
        if not 0 < count <= _COLUMNS_MAX or length != end + has_flag:
            raise ValueError('a result that does not begin with the number of its columns')
        self._begun = True
        self._definitions = count
        self._state = _DEFINITION
        # The client knows the definitions from before.
        return self._end_definitions(_RESULTS) if has_flag and not packet[end] else 0

    def _take_prepared(self, packet: bytes) -> int:
        """See "COM_STMT_PREPARE Response"."""
        if packet[:1] != b'\0' or len(packet) < 9:
            raise ValueError('a prepared statement that begins with neither OK nor ERR')
        position, statement = self._preparing[0]
        self._statements.put_behind(position, int.from_bytes(packet[1:5], 'little'), statement)
        counts = (packet[5] | packet[6] << 8, packet[7] | packet[8] << 8)
        self._definitions = sum(count + self._has_eof for count in counts if count)
        if self._capabilities & packets.CLIENT_OPTIONAL_METADATA and packet[12:13] == b'\0':
            self._definitions = 0
        if not self._definitions:
            return self._end_reply()
        self._begun = True
        self._state = _DEFINITION
        return 0

    def _end_definitions(self, expected: int) -> int:
        if expected == _PREPARED:
            return self._end_reply()
        self._state = _DEFINED if self._has_eof else _ROW
        return 0

    def _take_eof(self, packet: bytes) -> int:
        if packet[:1] != b'\xfe':
            raise ValueError('definitions of columns without an EOF packet after them')
        status = packets.read_eof_status(packet) if self._has_eof else packets.read_ok_status(packet)
        if self._state == _ROW or status & packets.CURSOR_EXISTS:
            return self._end_result(status)
        self._state = _ROW
        return 0

    def _end_result(self, status: int) -> int:
        if not status & packets.MORE_RESULTS:
            return self._end_reply()
        self._begun = True
        self._state = _FIRST
        return 0

    def _end_reply(self) -> int:
        self._forget_oldest()
        self._state = _FIRST
        self._begun = False
        # It may have been the last word of a login's dialog.
        if self._prompted == _MESSAGE:
            self._prompted = 0
        return REPLY

    def withdraw(self) -> None:
        """The oldest request was answered by the proxy: forget it."""
        if self._expected:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        if self._expected.popleft() == _PREPARED:
            self._preparing.pop(0)

    # Texts and errors

    def on_reached(self, position: int) -> None:
        """See `BaseProtocol.on_reached`: numbers stand for what was prepared before that."""
        self._statements.go_to(position)

    def describes_itself(self, request: bytes) -> bool:
        """Not where it executes a statement, whose number may come to stand for another one."""
        return not (len(request) > 4 and request[4] in _EXECUTING)

    def describe(self, request: bytes) -> str:
        """The statement, or the command and what it is about; of a login, user and database.

        An execution is the statement; whatever else is done with a prepared one, to which no fault for the statement
        is to be applied, has its number. A statement is cut off at the first word that a password may follow:
        ``CREATE USER joe IDENTIFIED``.
        """
        if not request:
            return 'greeting'
        length = int.from_bytes(request[:3], 'little')
        packet = request[4 : 4 + length]
        if not packet:
            return super().describe(request)
        header, command = peek(request)
        if header > MAX_PACKET:
            flags = int.from_bytes(packet[:4], 'little')
            return _line('login', _account(packet, packets.LOGIN_HEAD, flags))
        name = _COMMANDS.get(command, (f'command {command}', 0))[0]
        if command == _QUERY:
            return _show(self._statement(packet))
        if command == _PREPARE:
            return _show(name, packet[1:])
        if command == _CHANGE_USER:
            return _line(name, _account(packet, 1, packets.CLIENT_SECURE_CONNECTION | packets.CLIENT_CONNECT_WITH_DB))
        if command in _NUMBERED:
            number = int.from_bytes(packet[1:5], 'little')
            text = self._statements.find(number) if command in _EXECUTING else None
            return text or f'{name} {number}'
        return _line(name, packet[1:].partition(b'\0')[0]) if command in _NAMED else name

    def _statement(self, packet: bytes) -> bytes:
        if not self._capabilities & packets.CLIENT_QUERY_ATTRIBUTES:
            return packet[1:]
        # "COM_QUERY": parameters come first, and how many sets of them, which is 1. With any, it is not looked for.
        return packet[3:] if packet[1:3] == b'\0\1' else b'QUERY'

    def error(self, errno: int = _ERRNO, sqlstate: str | None = None, message: str = INJECTED) -> ErrorReply:
        """An ERR packet ("ERR_Packet"); before the login, that of a server with too many connections."""
        request = self.request
        if not request:
            return _TOO_MANY
        header, _ = peek(request)
        number = 1 + (header >> 24)
        # How many packets there are is known once the last of them has arrived.
        if header & MAX_PACKET == MAX_PACKET:
            number += self._up.continued
        closes = header > MAX_PACKET or errno in _FATAL
        return ErrorReply(packets.make_error(number, errno, sqlstate, message), closes)


def _account(packet: bytes, i: int, flags: int) -> bytes:
    user, database = packets.read_account(packet, i, flags)
    return b'@'.join(filter(None, (user, database)))


def _line(*words: str | bytes) -> str:
    """*words* on one line, escaped, cut."""
    text = ' '.join(word if isinstance(word, str) else word.decode(errors='backslashreplace') for word in words)
    text = ' '.join(text.split())
    if not text.isprintable():
        text = ''.join(char if char.isprintable() else repr(char)[1:-1] for char in text)
    return text[:TEXT_MAX]


def _show(*words: str | bytes) -> str:
    """Likewise what has a statement in it, up to a secret."""
    text = _line(*words)
    secret = _SECRET.search(text)
    return text[: secret.end()] if secret else text
