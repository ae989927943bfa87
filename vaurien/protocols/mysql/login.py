"""What MySQL's client and server say of themselves at first: their capabilities, and who logs in."""

from __future__ import annotations

from vaurien.protocols.mysql.packets import read_number

# Capabilities ("Capabilities Flags"), MariaDB's own from bit 32 on.
CLIENT_MYSQL = 1 << 0
CLIENT_CONNECT_WITH_DB = 1 << 3
CLIENT_COMPRESS = 1 << 5
CLIENT_PROTOCOL_41 = 1 << 9
CLIENT_SSL = 1 << 11
CLIENT_SECURE_CONNECTION = 1 << 15
CLIENT_MULTI_STATEMENTS = 1 << 16
CLIENT_PLUGIN_AUTH = 1 << 19
CLIENT_CONNECT_ATTRS = 1 << 20
CLIENT_PLUGIN_AUTH_LENENC = 1 << 21
CLIENT_DEPRECATE_EOF = 1 << 24
CLIENT_OPTIONAL_METADATA = 1 << 25
CLIENT_ZSTD = 1 << 26
CLIENT_QUERY_ATTRIBUTES = 1 << 27
MARIADB_CLIENT_CACHE_METADATA = 1 << 36

#: What every login begins with; alone, it asks for TLS ("SSLRequest").
LOGIN_HEAD = 32


#: The attribute of a login that programs call themselves by (``performance_schema.session_connect_attrs``).
_PROGRAM_NAME = b'program_name'


def find_capabilities(packet: bytes) -> int:
    """Return where a greeting has the server's capabilities. Raise ValueError if *packet* is none."""
    if packet[:1] != b'\x0a':
        raise ValueError(f'a greeting that begins with {packet[:8]!r}')
    # After the version: the thread, eight bytes of salt and a zero.
    i = packet.find(0, 1) + 14
    if not 14 < i <= len(packet) - 2:
        raise ValueError('a greeting that is too short')
    return i


def read_greeting(packet: bytes) -> int:
    """Return the capabilities of the server ("Protocol::HandshakeV10"; MariaDB: "Initial Handshake Packet").

    Raise ValueError if *packet* is no greeting.
    """
    i = find_capabilities(packet)
    flags = int.from_bytes(packet[i : i + 2] + packet[i + 5 : i + 7], 'little')
    return flags if flags & CLIENT_MYSQL else flags | int.from_bytes(packet[i + 14 : i + 18], 'little') << 32


def read_login(packet: bytes) -> int:
    """Return the capabilities of the client ("Protocol::HandshakeResponse41"). Raise ValueError if they are too old."""
    flags = int.from_bytes(packet[:4], 'little')
    if len(packet) < LOGIN_HEAD or not flags & CLIENT_PROTOCOL_41:
        raise ValueError('a login from before MySQL 4.1')
    return flags if flags & CLIENT_MYSQL else flags | int.from_bytes(packet[28:32], 'little') << 32


def read_account(packet: bytes, i: int, flags: int) -> tuple[bytes, bytes]:
    """Return user and database of a login with *flags*, whose user's name is at *i*; empty where there is none."""
    user, _, rest = packet[i:].partition(b'\0')
    rest = _skip_secret(rest, flags)
    return user, rest.partition(b'\0')[0] if flags & CLIENT_CONNECT_WITH_DB else b''


def read_client_name(packet: bytes, flags: int) -> bytes:
    """Return the attribute ``program_name`` of a login with *flags*; nothing if *packet*, its beginning, has none."""
    if not flags & CLIENT_CONNECT_ATTRS:
        return b''
    rest = _skip_secret(packet[LOGIN_HEAD:].partition(b'\0')[2], flags)
    for flag in (CLIENT_CONNECT_WITH_DB, CLIENT_PLUGIN_AUTH):  # the database, and the name of a method
        if flags & flag:
            rest = rest.partition(b'\0')[2]
    try:
        _, i = read_number(rest, 0)
        while i < len(rest):
            key, i = _read_string(rest, i)
            value, i = _read_string(rest, i)
            if key == _PROGRAM_NAME:
                return value
    except ValueError:  # they go on behind the beginning
        pass
    return b''


def _skip_secret(rest: bytes, flags: int) -> bytes:
    """Return what comes behind the password, or a proof of it, in the *rest* of a login."""
    if flags & CLIENT_PLUGIN_AUTH_LENENC:
        try:
            return rest[_read_string(rest, 0)[1] :]
        except ValueError:
            return b''
    if flags & CLIENT_SECURE_CONNECTION:
        return rest[1 + int.from_bytes(rest[:1], 'little') :]
    return rest.partition(b'\0')[2]


def _read_string(packet: bytes, i: int) -> tuple[bytes, int]:
    """Return the text at *i* that its length comes before, and where it ends. Raise ValueError if there is none."""
    length, i = read_number(packet, i)
    return packet[i : i + length], i + length
