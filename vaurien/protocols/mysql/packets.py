"""Packets of MySQL, passed over without keeping them, and what is read of them.

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

# Status flags ("SERVER_STATUS_flags_enum").
IN_TRANSACTION = 0x0001
AUTOCOMMIT = 0x0002
MORE_RESULTS = 0x0008
CURSOR_EXISTS = 0x0040

#: The length of a packet and its number in 32 bits, and the first byte of its payload.
peek = Struct('<IB').unpack_from
_unpack_header = Struct('<I').unpack_from


class Packets:
    """Walks over the messages of one stream, each of one packet or, above 16 MiB, of several."""

    __slots__ = ('continued', 'goes_on', 'inside', 'left')

    def __init__(self) -> None:
        #: Whether a message has begun whose end was not passed.
        self.inside = False
        #: How much there is left of its packet, and whether it goes on in another one.
        self.left = 0
        self.goes_on = False
        #: How many more packets than one the last message had that went on.
        self.continued = 0

    def resume(self, left: int) -> None:
        """Have *left* bytes of the packet that has begun come next."""
        self.left = left

    def go_on(self, left: int) -> None:
        """Be inside of the only packet of a message, which lacks its last *left* bytes, if there are any."""
        self.inside = left > 0
        self.left = left
        self.goes_on = False

    def enter(self, data: bytes, i: int, most: int) -> bytes | None:
        """Begin the message at *i*; return the first *most* bytes of its payload, None if they have not arrived."""
        if len(data) - i < 4:
            return None
        length = read_length(data, i)
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
        """Pass over what *data* has, from *i* on, of the message; return where that ends."""
        while True:
            step = min(self.left, len(data) - i)
            self.left -= step
            i += step
            if not (self.left or self.goes_on):
                self.inside = False
                return i
            if self.left or len(data) - i < 4:
                return i
            length = read_length(data, i)
            self.left = 4 + length
            self.goes_on = length == MAX_PACKET
            self.continued += 1


def read_length(data: bytes, i: int) -> int:
    """Return how long the payload of the packet at *i* is."""
    header: int = _unpack_header(data, i)[0]
    return header & MAX_PACKET


def skip_rows(data: bytes, i: int) -> int:
    """Return where the rows at *i* end that *data* has whole and that can be nothing else."""
    last = len(data) - 4
    while i < last:
        header, first = peek(data, i)
        length = header & MAX_PACKET
        if first >= EOF or not 0 < length < MAX_PACKET or i + length > last:
            break
        i += 4 + length
    return i


def read_number(packet: bytes, i: int) -> tuple[int, int]:
    """Return the length-encoded number at *i*, and where it ends ("Protocol::LengthEncodedInteger").

    Raise ValueError if there is none.
    """
    first = packet[i] if i < len(packet) else ERR
    if first < LOCAL_INFILE:
        return first, i + 1
    end = i + {0xFC: 3, 0xFD: 4, 0xFE: 9}.get(first, len(packet))
    if end > len(packet):
        raise ValueError('a packet without a number that belongs there')
    return int.from_bytes(packet[i + 1 : end], 'little'), end


def read_ok_status(packet: bytes) -> int:
    """Return the status flags of an OK packet ("OK_Packet"). Raise ValueError if it has none."""
    _, i = read_number(packet, 1)
    _, i = read_number(packet, i)
    return _read_status(packet, i)


def read_eof_status(packet: bytes) -> int:
    """Return the status flags of an EOF packet ("EOF_Packet"). Raise ValueError if it has none."""
    return _read_status(packet, 3)


def _read_status(packet: bytes, i: int) -> int:
    if len(packet) < i + 2:
        raise ValueError('a packet without the status that belongs there')
    return packet[i] | packet[i + 1] << 8
