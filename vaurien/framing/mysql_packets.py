"""Packets of the MySQL protocol, and the few that are read or made: the greeting, the login, OK, EOF, ERR.

Sources, by the names of their pages: https://dev.mysql.com/doc/dev/mysql-server/latest/PAGE_PROTOCOL.html and
https://mariadb.com/docs/server/reference/clientserver-protocol.
"""

from __future__ import annotations

from struct import Struct

#: A packet of so many bytes goes on in the next ("MySQL Packets").
MAX_PACKET = 0xFFFFFF
#: The longest beginning of an OK packet that its status is found in: a type, two numbers, the status.
OK_HEAD = 21

# What the first byte of a reply's packet says, beyond what its place in the reply does.
OK, LOCAL_INFILE, EOF, ERR = 0x00, 0xFB, 0xFE, 0xFF
#: An EOF packet is shorter than that; a row that begins with the same byte is not.
EOF_MAX = 9
#: The error number of what is none: MariaDB's progress report ("ERR_Packet").
PROGRESS = b'\xff\xff'

#: Of the usual errors ("Server Error Message Reference").
_SQLSTATES = {
    **dict.fromkeys((1022, 1048, 1062, 1169, 1216, 1217, 1451, 1452), '23000'),
    **dict.fromkeys((1044, 1049, 1061, 1064, 1065, 1142, 1143, 1149, 1203, 1226, 1305), '42000'),
    **dict.fromkeys((1042, 1043, 1047, 1053, 1152, 1153, 1158, 1159, 1160, 1161, 1184), '08S01'),
    **dict.fromkeys((1213, 1614), '40001'),
    **dict.fromkeys((1051, 1146), '42S02'),
    **dict.fromkeys((1317, 1927), '70100'),
    1040: '08004',
    1045: '28000',
    1046: '3D000',
    1050: '42S01',
    1054: '42S22',
    1060: '42S21',
    1136: '21S01',
    1264: '22003',
    1292: '22007',
    1365: '22012',
    1406: '22001',
    1792: '25006',
}

# Status flags.
MORE_RESULTS = 0x0008
CURSOR_EXISTS = 0x0040

# Capabilities, MariaDB's own from bit 32 on.
CLIENT_MYSQL = 1 << 0
CLIENT_CONNECT_WITH_DB = 1 << 3
CLIENT_COMPRESS = 1 << 5
CLIENT_PROTOCOL_41 = 1 << 9
CLIENT_SSL = 1 << 11
CLIENT_SECURE_CONNECTION = 1 << 15
CLIENT_PLUGIN_AUTH_LENENC = 1 << 21
CLIENT_DEPRECATE_EOF = 1 << 24
CLIENT_OPTIONAL_METADATA = 1 << 25
CLIENT_ZSTD = 1 << 26
CLIENT_QUERY_ATTRIBUTES = 1 << 27
MARIADB_CLIENT_CACHE_METADATA = 1 << 36

#: What every login begins with; alone, it asks for TLS ("SSLRequest").
LOGIN_HEAD = 32

_HEADER = Struct('<I').unpack_from
#: The length of a packet and its number in 32 bits, and the first byte of its payload.
peek = Struct('<IB').unpack_from


class Packets:
    """Finds the messages of one stream, each of one packet or, above 16 MiB, of several.

    Nothing of a message is kept but a beginning that is too short to tell anything.
    """

    __slots__ = ('continued', 'goes_on', 'inside', 'kept', 'left')

    def __init__(self) -> None:
        #: What was not passed over, because too little of it has arrived.
        self.kept = b''
        #: Whether a message has begun whose end was not passed, how much there is left of its packet, and whether that
        #: goes on in another.
        self.inside = False
        self.left = 0
        self.goes_on = False
        #: How many more packets than one the last message had that went on.
        self.continued = 0

    def resume(self, data: bytes, body: int) -> bytes:
        """Return *data* behind what was kept; *body* bytes of the packet are left."""
        self.left = body
        if self.kept:
            data = self.kept + data
            self.kept = b''
        return data

    def enter(self, data: bytes, i: int, most: int) -> bytes | None:
        """Begin the message at *i*: give its payload's first *most* bytes; None: they have not arrived."""
        if len(data) - i < 4:
            return None
        length = _length(data, i)
        end = i + 4 + min(length, most)
        if len(data) < end:
            return None
        self.inside = True
        self.left = 4 + length
        self.goes_on = length == MAX_PACKET
        if self.goes_on:
            self.continued = 0
        return data[i + 4 : end]

    def leave(self, data: bytes, i: int) -> int:
        """Pass over what *data* has, from *i* on, of the message; give where that ends."""
        while True:
            step = min(self.left, len(data) - i)
            self.left -= step
            i += step
            if not (self.left or self.goes_on):
                self.inside = False
                return i
            if self.left or len(data) - i < 4:
                return i
            length = _length(data, i)
            self.left = 4 + length
            self.goes_on = length == MAX_PACKET
            self.continued += 1


def _length(data: bytes, i: int) -> int:
    header: int = _HEADER(data, i)[0]
    return header & MAX_PACKET


def skip_rows(data: bytes, i: int) -> int:
    """Where the rows at *i* end that *data* has whole and that may be nothing else."""
    last = len(data) - 4
    while i < last:
        header, first = peek(data, i)
        length = header & MAX_PACKET
        if first >= EOF or not 0 < length < MAX_PACKET or i + length > last:
            break
        i += 4 + length
    return i


def is_whole_reply(data: bytes, has_eof: bool, has_flag: bool) -> bool:
    """Whether *data* is exactly one usual reply to a query, and small: an OK, an ERR or a result set.

    *has_eof*: an EOF packet ends the definitions of columns; *has_flag*: their number comes with whether there are any.
    Whatever is less usual is for somebody else to tell.
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
    return i + 4 + _length(data, i) == len(data) and _is_last_ok(data, i)


def _is_last_ok(data: bytes, i: int) -> bool:
    """Whether the OK packet at *i*, which ends *data*, is one of small numbers, and no other result follows."""
    return len(data) - i >= 11 and max(data[i + 5], data[i + 6]) < LOCAL_INFILE and not data[i + 7] & MORE_RESULTS


def read_number(packet: bytes, i: int) -> tuple[int, int]:
    """The length-encoded number at *i*, and where it ends ("Protocol::LengthEncodedInteger"); raises ValueError."""
    first = packet[i] if i < len(packet) else ERR
    if first < LOCAL_INFILE:
        return first, i + 1
    end = i + {0xFC: 3, 0xFD: 4, 0xFE: 9}.get(first, len(packet))
    if end > len(packet):
        raise ValueError('a packet without a number that belongs there')
    return int.from_bytes(packet[i + 1 : end], 'little'), end


def read_ok_status(packet: bytes) -> int:
    """The status flags of an OK packet ("OK_Packet"); raises ValueError."""
    _, i = read_number(packet, 1)
    _, i = read_number(packet, i)
    return _read_status(packet, i)


def read_eof_status(packet: bytes) -> int:
    """The status flags of an EOF packet ("EOF_Packet"); raises ValueError."""
    return _read_status(packet, 3)


def _read_status(packet: bytes, i: int) -> int:
    if len(packet) < i + 2:
        raise ValueError('a packet without the status that belongs there')
    return packet[i] | packet[i + 1] << 8


def read_greeting(packet: bytes) -> int:
    """The capabilities of the server ("Protocol::HandshakeV10"; MariaDB: "Initial Handshake Packet").

    Raises ValueError.
    """
    if packet[:1] != b'\x0a':
        raise ValueError(f'a greeting that begins with {packet[:8]!r}')
    # After the version: the thread, eight bytes of salt and a zero.
    i = packet.find(0, 1) + 14
    if not 14 < i <= len(packet) - 2:
        raise ValueError('a greeting that is too short')
    flags = int.from_bytes(packet[i : i + 2] + packet[i + 5 : i + 7], 'little')
    return flags if flags & CLIENT_MYSQL else flags | int.from_bytes(packet[i + 14 : i + 18], 'little') << 32


def read_login(packet: bytes) -> int:
    """The capabilities of the client ("Protocol::HandshakeResponse41"); raises ValueError."""
    flags = int.from_bytes(packet[:4], 'little')
    if len(packet) < LOGIN_HEAD or not flags & CLIENT_PROTOCOL_41:
        raise ValueError('a login from before MySQL 4.1')
    return flags if flags & CLIENT_MYSQL else flags | int.from_bytes(packet[28:32], 'little') << 32


def read_account(packet: bytes, i: int, flags: int) -> tuple[bytes, bytes]:
    """User and database of a login with *flags*, whose user's name is at *i*; empty where there is none."""
    user, _, rest = packet[i:].partition(b'\0')
    if flags & CLIENT_PLUGIN_AUTH_LENENC:
        try:
            length, begin = read_number(rest, 0)
        except ValueError:
            return user, b''
        rest = rest[begin + length :]
    elif flags & CLIENT_SECURE_CONNECTION:
        rest = rest[1 + int.from_bytes(rest[:1], 'little') :]
    else:
        rest = rest.partition(b'\0')[2]
    return user, rest.partition(b'\0')[0] if flags & CLIENT_CONNECT_WITH_DB else b''


def make_error(number: int, errno: int, sqlstate: str | None, message: str) -> bytes:
    """An ERR packet with that number ("ERR_Packet"); without *sqlstate*, the usual one of the *errno*."""
    state = (sqlstate or _SQLSTATES.get(errno, 'HY000')).encode()
    payload = b'\xff%b#%b%b' % (errno.to_bytes(2, 'little'), state, message.encode())
    return len(payload).to_bytes(3, 'little') + bytes([number & 0xFF]) + payload
