"""Texts of MySQL: what a request is called in logs and patterns, and what an error says."""

from __future__ import annotations

import re
from collections.abc import Sequence

from vaurien.framing.head import TEXT_MAX
from vaurien.framing.parts import Part
from vaurien.framing.sql import find_asked as find_in_comment, find_statements
from vaurien.framing.statements import Statements
from vaurien.protocols.mysql import login
from vaurien.protocols.mysql.commands import (
    CHANGE_USER,
    COMMANDS,
    EXECUTING,
    NAMED,
    NUMBERED,
    PREPARE,
    QUERY,
)
from vaurien.protocols.mysql.dialect import DIALECT
from vaurien.protocols.mysql.login import (
    CLIENT_CONNECT_WITH_DB,
    CLIENT_MULTI_STATEMENTS,
    CLIENT_QUERY_ATTRIBUTES,
    CLIENT_SECURE_CONNECTION,
    LOGIN_HEAD,
    read_account,
)
from vaurien.protocols.mysql.packets import MAX_PACKET, peek
from vaurien.protocols.mysql.sqlstates import SQLSTATES

#: What stands before a secret in a statement, or, for a column, may.
_SECRET = re.compile(r'identified|passw(?:or)?d|authentication_string|connection\s*=', re.IGNORECASE)

#: The most of a request in which a comment is looked for that asks for something.
_READ_MAX = 4096


def describe(request: bytes, statements: Statements, capabilities: int) -> str | None:
    """Return the statement, or the command and what it is about; of a login, user and database.

    An execution is the statement; whatever else is done with a prepared one, to which no fault for the statement is to
    be applied, has its number. A statement is cut off at the first word that a password may follow: ``CREATE USER joe
    IDENTIFIED``. Return None for what is no request.
    """
    length = int.from_bytes(request[:3], 'little')
    packet = request[4 : 4 + length]
    if not packet:
        return None
    header, command = peek(request)
    if header > MAX_PACKET:
        flags = int.from_bytes(packet[:4], 'little')
        return _line('login', _account(packet, LOGIN_HEAD, flags))
    name = COMMANDS.get(command, (f'command {command}', 0))[0]
    if command == QUERY:
        return show(read_query(packet, capabilities))
    if command == PREPARE:
        return show(name, packet[1:])
    if command == CHANGE_USER:
        return _line(name, _account(packet, 1, CLIENT_SECURE_CONNECTION | CLIENT_CONNECT_WITH_DB))
    if command in NUMBERED:
        number = int.from_bytes(packet[1:5], 'little')
        text = statements.find(number) if command in EXECUTING else None
        return text or f'{name} {number}'
    return _line(name, packet[1:].partition(b'\0')[0]) if command in NAMED else name


def find_asked(request: bytes, statements: Statements, capabilities: int) -> str:
    """Return what a comment of the statement asks for that *request* executes; nothing if it asks for nothing."""
    packet = request[4 : 4 + _READ_MAX]
    if request[3:4] != b'\0' or not packet:  # a login
        return ''
    if packet[0] == QUERY:
        return find_in_comment(read_query(packet, capabilities), DIALECT)
    if packet[0] in EXECUTING:
        return find_in_comment(statements.find_bytes(int.from_bytes(packet[1:5], 'little')), DIALECT)
    return ''


def read_client_name(packet: bytes, flags: int) -> str:
    """Return what the client calls itself in its login, which has *flags*, escaped."""
    return _line(login.read_client_name(packet, flags))


def read_statement(request: bytes, statements: Statements, capabilities: int) -> str:
    """Return the beginning of the statement that *request* executes, if that is known; else an empty text."""
    packet = request[4 : 4 + int.from_bytes(request[:3], 'little')]
    if packet[:1] == bytes([QUERY]):
        statement = read_query(packet, capabilities)
    elif packet[:1] and packet[0] in EXECUTING:
        statement = statements.find_bytes(int.from_bytes(packet[1:5], 'little'))
    else:
        return ''
    return statement.decode(errors='surrogateescape')


def split(request: bytes, capabilities: int) -> Sequence[Part]:
    """Return the statements of a QUERY, each as a QUERY of its own; or the one that there is."""
    whole = (Part(request),)
    if not capabilities & CLIENT_MULTI_STATEMENTS or request[4:5] != bytes([QUERY]):
        return whole
    packet = request[4 : 4 + int.from_bytes(request[:3], 'little')]
    text = read_query(packet, capabilities)
    if b';' not in text.rstrip(b'; \n'):
        return whole
    spans = find_statements(text, DIALECT)
    if len(spans) < 2:
        return whole
    begin_of_text = len(packet) - len(text)
    head = packet[:begin_of_text]
    return [
        Part(
            (len(head) + end - begin).to_bytes(4, 'little') + head + text[begin:end],
            request[: 4 + begin_of_text + begin] if number else None,
        )
        for number, (begin, end) in enumerate(spans)
    ]


def read_query(packet: bytes, capabilities: int) -> bytes:
    """Return the text of a QUERY, of which there is the beginning of its *packet*."""
    if not capabilities & CLIENT_QUERY_ATTRIBUTES:
        return packet[1:]
    # "COM_QUERY": parameters come first, and how many sets of them, which is 1. With any, it is not looked for.
    return packet[3:] if packet[1:3] == b'\0\1' else b'QUERY'


def _account(packet: bytes, i: int, flags: int) -> bytes:
    user, database = read_account(packet, i, flags)
    return b'@'.join(filter(None, (user, database)))


def show(*words: str | bytes) -> str:
    """Return *words* that have a statement in them on one line, escaped, up to a secret."""
    text = _line(*words)
    secret = _SECRET.search(text)
    return text[: secret.end()] if secret else text


def _line(*words: str | bytes) -> str:
    """Return *words* on one line, escaped, at most `TEXT_MAX` characters."""
    text = ' '.join(word if isinstance(word, str) else word.decode(errors='backslashreplace') for word in words)
    text = ' '.join(text.split())
    if not text.isprintable():
        text = ''.join(char if char.isprintable() else repr(char)[1:-1] for char in text)
    return text[:TEXT_MAX]


def make_error(number: int, errno: int, sqlstate: str | None, message: str) -> bytes:
    """Return an ERR packet of that *number* ("ERR_Packet"); without *sqlstate*, it has the usual one of the *errno*."""
    state = (sqlstate or SQLSTATES.get(errno, 'HY000')).encode()
    payload = b'\xff%b#%b%b' % (errno.to_bytes(2, 'little'), state, message.encode())
    return len(payload).to_bytes(3, 'little') + bytes([number & 0xFF]) + payload
