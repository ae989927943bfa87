"""Texts of PostgreSQL: what a request is called in logs and patterns, and what an error says."""

from __future__ import annotations

import re
from collections.abc import Sequence

from vaurien.framing.head import TEXT_MAX
from vaurien.framing.parts import Part
from vaurien.framing.sql import find_asked as find_in_comment, find_statements
from vaurien.framing.statements import Statements
from vaurien.protocols.postgres.dialect import DIALECT
from vaurien.protocols.postgres.messages import CANCEL, GSSENC, SSL, make_message, unpack_number

_PACKETS = {CANCEL: 'CancelRequest', SSL: 'SSLRequest', GSSENC: 'GSSENCRequest'}
#: First bytes of requests that have a text.
_DESCRIBED = {
    b'Q': 'Query',
    b'P': 'Parse',
    b'B': 'Bind',
    b'C': 'Close',
    b'D': 'Describe',
    b'E': 'Execute',
    b'F': 'FunctionCall',
    b'S': 'Sync',
    b'X': 'Terminate',
}
#: After this comes a secret: in CREATE and ALTER ROLE, in a connection string, in a URL.
_SECRET = re.compile('passw(?:or)?d|://[^/@:]*:', re.IGNORECASE)
#: What ends a session: shutdowns, broken connections, too many of them, sessions and transactions that took too long.
_FATAL = re.compile('57P0[1-5]|08...|53300|25P0[34]')


def describe(request: bytes, statements: Statements) -> str:
    """Return the text of a statement up to the first secret; ``startup user@database``; or a message and its subject.

    What a batch is called is what its first message is: a Parse and a Bind by the statement, a Bind of which nobody
    knows that by its name, an Execute, which fetches more rows, by its portal. Return an empty text for what is no
    request.
    """
    kind = request[:1]
    if kind == b'\0':
        return _printable(_describe_packet(request))
    if len(request) < 5 or kind not in _DESCRIBED:
        return ''
    name = _DESCRIBED[kind]
    body = request[5 : max(5, 1 + unpack_number(request, 1)[0])]
    if kind == b'F':
        return f'{name} {int.from_bytes(body[:4], "big")}'
    if kind in b'PB':  # what it is called comes first; a portal
        body = body.partition(b'\0')[2]
    elif kind in b'CD':  # whether of a statement or a portal
        body = body[1:]
    if kind == b'B' and (text := statements.find(body.partition(b'\0')[0])) is not None:
        return text or name
    return show(body) or name if kind in b'QP' else _printable(f'{name} {_until_zero(body)}')


def split(query: bytes) -> Sequence[Part]:
    """Return the statements of a Query, each as a Query of its own; or the one that there is."""
    text = query[5 : max(5, 1 + unpack_number(query, 1)[0])].partition(b'\0')[0]
    if b';' not in text.rstrip(b'; \n'):
        return (Part(query),)
    spans = find_statements(text, DIALECT)
    if len(spans) < 2:
        return (Part(query),)
    return [
        Part(make_message(b'Q', text[begin:end] + b'\0'), query[: 5 + begin] if number else None)
        for number, (begin, end) in enumerate(spans)
    ]


def find_statement(request: bytes, statements: Statements) -> bytes:
    """Return what begins with the statement of a Query, a Parse, or a Bind whose statement is known; else nothing.

    A zero ends the statement, if its end is known.
    """
    kind, body = request[:1], request[5:]
    if kind == b'Q':
        return body
    name_or_statement = body.partition(b'\0')[2]  # behind the name of a statement, or of a portal
    if kind == b'P':
        return name_or_statement
    return statements.find_bytes(name_or_statement.partition(b'\0')[0]) if kind == b'B' else b''


def read_statement(request: bytes, statements: Statements) -> str:
    """Return the statement that `find_statement` finds."""
    return _until_zero(find_statement(request, statements))


def find_asked(request: bytes, statements: Statements) -> str:
    """Return what a comment of the statement of a Query, a Parse or a Bind asks for; nothing if it asks for nothing."""
    return find_in_comment(find_statement(request, statements).partition(b'\0')[0], DIALECT)


def show(statement: bytes) -> str:
    """Return the text of what begins with a *statement* and a zero."""
    return _printable(_until_zero(statement))


def _until_zero(data: bytes) -> str:
    return data.partition(b'\0')[0].decode(errors='backslashreplace')


def _describe_packet(packet: bytes) -> str:
    """Return the name of a startup packet, with user and database; an empty text if it is none."""
    if len(packet) < 8:
        return ''
    length, code = unpack_number(packet)[0], unpack_number(packet, 4)[0]
    if code in _PACKETS:
        return _PACKETS[code]
    given = _read_fields(packet[8:length])
    user = given.get(b'user', b'')
    return f'startup {_until_zero(user)}@{_until_zero(given.get(b"database", user))}'


def read_client_name(packet: bytes) -> str:
    """Return the ``application_name`` of a startup packet; nothing if it has none."""
    return _printable(_until_zero(_read_fields(packet[8:]).get(b'application_name', b'')))


def _read_fields(fields: bytes) -> dict[bytes, bytes]:
    names_and_values = fields.split(b'\0')
    return dict(zip(names_and_values[::2], names_and_values[1::2], strict=False))


def _printable(text: str) -> str:
    """Return *text* on one line, escaped, at most `TEXT_MAX` characters, up to the first sign of a secret."""
    text = ' '.join(text.split())
    sign = _SECRET.search(text)
    if sign:
        text = text[: sign.end()]
    if not text.isprintable():
        text = ''.join(char if char.isprintable() else ascii(char)[1:-1] for char in text[:TEXT_MAX])
    return text[:TEXT_MAX]


def is_unnamed_parse(request: bytes) -> bool:
    """Return whether *request* prepares the statement without a name."""
    return request[:1] == b'P' and request[5:6] == b'\0'


def asks_for_encryption(request: bytes) -> bool:
    """Return whether *request* is an SSLRequest or a GSSENCRequest."""
    return len(request) == 8 and unpack_number(request, 4)[0] in (SSL, GSSENC)


def begins_session(request: bytes) -> bool:
    """Return whether *request* is a StartupMessage."""
    return request[:1] == b'\0' and unpack_number(request, 4)[0] not in _PACKETS


def is_fatal(request: bytes, sqlstate: str) -> bool:
    """Return whether a server ends the session with an error of that *sqlstate*.

    It does so with any error where there is no session: before one, and after it.
    """
    return request[:1] in (b'', b'\0', b'X') or _FATAL.fullmatch(sqlstate) is not None


def make_error(sqlstate: str, message: str, *, fatal: bool) -> bytes:
    """Return an ErrorResponse ("Error and Notice Message Fields")."""
    severity = 'FATAL' if fatal else 'ERROR'
    return make_message(b'E', f'S{severity}\0V{severity}\0C{sqlstate}\0M{message}\0\0'.encode())
