"""PostgreSQL: version 3 of its protocol: startup, simple and extended query, pipelines, COPY.

Sources: https://www.postgresql.org/docs/current/protocol-flow.html ("Message Flow"), protocol-message-formats.html and,
where they are silent, ``postgres.c`` and ``copyfromparse.c`` of PostgreSQL 15. Whole small messages take a short way,
`_pass_whole`, that agrees with the walk over everything else.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping, Sequence, Set as AbstractSet
from struct import Struct
from typing import Any

from vaurien.framing.error_reply import INJECTED, ErrorReply, SQLState
from vaurien.framing.head import TEXT_MAX
from vaurien.framing.marks import END, HEAD, INTERIM, NOTHING, PROMPT, REPLY, REQUEST, UNANSWERED, Mark
from vaurien.framing.statements import Statements
from vaurien.plugins.options import Line
from vaurien.protocols.base import BaseProtocol

#: So much of a large message is its head: enough for any text of `TEXT_MAX` characters.
_HEAD_MAX = 1024
#: The longest startup packet (MAX_STARTUP_PACKET_LENGTH) and message (MaxAllocSize) PostgreSQL takes.
_STARTUP_MAX = 10_000
_MESSAGE_MAX = 0x3FFFFFFF

#: A message begins with its type, and its length without that byte; a startup packet with its length, and a code.
_HEADER = Struct('>BI')
_NUMBER = Struct('>I')
_SYNC_MESSAGE = b'S\0\0\0\4'
_READY = b'Z\0\0\0\5'

# The codes of startup packets that open no session.
_CANCEL, _SSL, _GSSENC = 0x04D2_162E, 0x04D2_162F, 0x04D2_1630
_PACKETS = {_CANCEL: 'CancelRequest', _SSL: 'SSLRequest', _GSSENC: 'GSSENCRequest'}
_VERSION = 3

# What the client sends.
_QUERY, _CLOSE, _SYNC, _FLUSH, _TERMINATE, _COPY_DATA, _PASSWORD = b'QCSHXdp'
#: Query and FunctionCall: a request each.
_SIMPLE_REQUESTS = frozenset(b'QF')
#: What a batch of the extended query protocol is made of, Flush and Sync aside.
_STEPS = frozenset(b'PBDEC')
#: Those that change what a name stands for, and those that do not.
_PREPARING = frozenset(b'PC')
_USES = _STEPS - _PREPARING
_OPENING = _SIMPLE_REQUESTS | _STEPS | {_SYNC}
#: CopyDone, CopyFail and the answers to what authentication asks: each ends what the backend asked for.
_ANSWERS = frozenset(b'cfp')
_EMPTY = frozenset(b'SHXc')
_FRONTEND = _OPENING | _ANSWERS | {_FLUSH, _TERMINATE, _COPY_DATA}

# What the backend sends.
_AUTHENTICATION, _ERROR_RESPONSE, _COPY_IN, _COPY_BOTH, _READY_FOR_QUERY = b'REGWZ'
#: What says nothing about where a reply ends.
_PLAIN = frozenset(b'SKTDCInt123sENAHdcV')
#: How much of a message is looked at.
_NEEDED = {**dict.fromkeys(_PLAIN | frozenset(b'GWv'), 5), _AUTHENTICATION: 9, _READY_FOR_QUERY: 6}
#: What authentication waits for: a password, clear or MD5; a token of GSSAPI or SSPI; SASL.
_ASKING = {3, 5, 7, 8, 10, 11}

# What a request expects: a ReadyForQuery, the outcome of a startup, one byte.
_SIMPLE, _EXTENDED, _STARTUP, _TLS, _GSSAPI = range(5)
_NEGOTIATED = {_SSL: _TLS, _GSSENC: _GSSAPI}
#: The byte that grants encryption, and what the link then is.
_GRANTED = {_TLS: (ord('S'), 'TLS'), _GSSAPI: (ord('G'), 'GSSAPI')}
_DENIED = ord('N')

# Where the last batch is: over; before its Sync; in a COPY, which uses up any Sync; after that, before its Sync.
_OVER, _OPEN, _COPYING, _COPIED = range(4)

_IDLE = ord('I')
_ADMIN_SHUTDOWN = '57P01'
#: What ends a session: shutdowns, broken connections, too many of them.
_FATAL = re.compile('57P0[123]|08...|53300')
#: After this comes a secret: in CREATE and ALTER ROLE, in a connection string, in a URL.
_SECRET = re.compile('passw(?:or)?d|://[^/@:]*:', re.IGNORECASE)
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


class Postgres(BaseProtocol):
    """PostgreSQL. An error is an ErrorResponse, 57P01 by default; the connection stays open unless the class is fatal.

    A request is a startup packet, a Query, a FunctionCall, or all of a batch up to its Sync. What a backend answers
    before the Sync is not its reply: the client may wait for it. A Terminate is a request where nothing else is going
    on. A link becomes opaque when encryption is granted, and when replication begins.
    """

    name = 'postgres'
    error_options = {'sqlstate': ('SQLSTATE', SQLState, _ADMIN_SHUTDOWN), 'message': ('Text', Line, INJECTED)}

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(options)
        # The type of the message that has not arrived whole.
        self._up_type = self._down_type = 0
        self._held = b''
        # The beginning of a message that was let go though it says nothing yet.
        self._kept = b''
        self._starting = self._busy = True
        self._outstanding: deque[int] = deque()
        self._batch = _OVER
        # The last message was CopyData, and no CopyDone followed yet.
        self._loose = False
        # Of the transaction; what authentication last asked for.
        self._status = _IDLE
        self._asking = 0
        self._statements = Statements(_show)

    # Upstream

    def feed_upstream(self, data: bytes) -> tuple[bytes, Sequence[Mark]]:
        """See `BaseProtocol.feed_upstream`; "Message Flow"."""
        size = len(data)
        if self._busy or size < 5:
            return self._walk_upstream(data)
        if data[0] == _QUERY:
            if _NUMBER.unpack_from(data, 1)[0] != size - 1:
                return self._walk_upstream(data)
            self._outstanding.append(_SIMPLE)
        else:
            if not data.endswith(_SYNC_MESSAGE):
                return self._walk_upstream(data)
            i = 0 if data[0] in _PREPARING else _pass_whole(data, 0, _USES)
            if i != size - 5 and self._pass_steps(data, i) != size - 5:
                return self._walk_upstream(data)
            self._outstanding.append(_EXTENDED)
        self._up_at = at = self._up_at + size
        return data, ((REQUEST, at),)

    def _walk_upstream(self, data: bytes) -> tuple[bytes, Sequence[Mark]]:
        marks: list[Mark] = []
        if self._held:
            data, self._held = self._held + data, b''
        base = self._up_at
        try:
            i = self._messages(data, base, marks)
        except ValueError as error:
            self._end_framing(str(error), self._up_at, marks, unparsed=True)
            return data, marks
        self._held = data[i:]
        self._up_at = base + i
        self._busy = bool(self._starting or self._held or self.upstream_body or self._batch or self._loose)
        return data[:i] if self._held else data, marks

    def _messages(self, data: bytes, base: int, marks: list[Mark]) -> int:
        """Mark what *data*, which begins at *base*, has of messages; give where one begins that is to be held."""
        i = min(self.upstream_body, len(data))
        self.upstream_body -= i
        if i and not self.upstream_body:
            self._end_message(self._up_type, base + i, marks)
        while i < len(data):
            self._up_at = base + i
            if self._starting:
                end = self._packet(data, i, base, marks)
            elif (passed := self._pass_message(data, i)) > i:
                end = passed
            else:
                end = self._message(data, i, base, marks)
            if end is None:
                break
            i = end
        return i

    def _packet(self, data: bytes, i: int, base: int, marks: list[Mark]) -> int | None:
        """Mark a startup packet; its end, None where it is not complete. Raises ValueError."""
        have = len(data) - i
        if have < 4:
            return None
        length: int = _NUMBER.unpack_from(data, i)[0]
        if not 8 <= length <= _STARTUP_MAX:
            raise ValueError(f'a startup packet of {length} bytes')
        if have < length:
            return None
        code: int = _NUMBER.unpack_from(data, i + 4)[0]
        if code in _NEGOTIATED:
            self._outstanding.append(_NEGOTIATED[code])
        elif code >> 16 == _VERSION:
            self._outstanding.append(_STARTUP)
            self._starting = False
        elif code != _CANCEL:
            raise ValueError(f'a startup packet of version {code >> 16}.{code & 0xFFFF}')
        at = base + i + length
        marks.append((REQUEST, at))
        if code == _CANCEL:
            marks.append((UNANSWERED, at))
        return i + length

    def _pass_message(self, data: bytes, i: int) -> int:
        """Pass over the whole messages at *i* that bring no marks."""
        if data[i] == _COPY_DATA:
            end = _pass_whole(data, i, {_COPY_DATA})
            if end > i and not self._batch:
                self._loose = True
            return end
        return self._pass_steps(data, i) if self._batch == _OPEN else i

    def _pass_steps(self, data: bytes, i: int) -> int:
        """Where, from *i* on, the whole steps of a batch end; what they prepare is noted."""
        size = len(data)
        last = size - 5
        unpack = _HEADER.unpack_from
        while i <= last:
            kind, length = unpack(data, i)
            end = i + length + 1
            if kind not in _STEPS or length < 4 or end > size:
                break
            if kind in _PREPARING:
                self._note_statement(data, i, end)
            i = end
        return i

    def _note_statement(self, data: bytes, i: int, end: int) -> None:
        """Remember the statement of a Parse, forget that of a Close: of the message at *i*, which ends at *end*."""
        if end > i + _HEAD_MAX:
            end = i + _HEAD_MAX
        name, _, rest = data[i + 5 : end].partition(b'\0')
        statement: bytes | None = rest
        if data[i] == _CLOSE:
            if name[:1] != b'S':  # a portal
                return
            name, statement = name[1:], None
        if i or self._outstanding:  # whatever was sent before may mean another one by that name
            self._statements.put_behind(self._up_at, name, statement)
        else:
            self._statements.go_to(self._up_at)
            self._statements.put(name, statement)

    def _message(self, data: bytes, i: int, base: int, marks: list[Mark]) -> int | None:
        """Mark one message; where it, or *data*, ends, None where its head is not complete. Raises ValueError."""
        have = len(data) - i
        kind = data[i]
        if kind not in _FRONTEND:
            raise ValueError(f'a message of type {chr(kind)!a}')
        if have < 5:
            return None
        length: int = _NUMBER.unpack_from(data, i + 1)[0]
        if not 4 <= length <= _MESSAGE_MAX or (length > 4 and kind in _EMPTY):
            raise ValueError(f'a message of type {chr(kind)!a} and {length} bytes')
        opens = not self._batch and kind in _OPENING
        head = min(length + 1, _HEAD_MAX)
        if have < head and (opens or kind in _PREPARING):
            return None
        if kind in _PREPARING:
            self._note_statement(data, i, i + head)
        if opens:
            self._open(kind, base + i, marks)
            marks.append((HEAD, base + i + head))
        end = i + 1 + length
        if end > len(data):
            self._up_type = kind
            self.upstream_body = end - len(data)
            return len(data)
        self._end_message(kind, base + end, marks)
        return end

    def _open(self, kind: int, at: int, marks: list[Mark]) -> None:
        if self._loose:  # a COPY that the backend gave up, and so did the client
            self._loose = False
            marks.append((END, at))
        if kind in _SIMPLE_REQUESTS:
            self._outstanding.append(_SIMPLE)
        else:
            self._outstanding.append(_EXTENDED)
            self._batch = _OPEN

    def _end_message(self, kind: int, at: int, marks: list[Mark]) -> None:
        if kind in _SIMPLE_REQUESTS or (kind == _SYNC and self._batch != _COPYING):
            self._batch = _OVER
            if marks and marks[-1][0] == HEAD:
                marks[-1] = (REQUEST, at)
            else:
                marks.append((END, at))
        elif kind == _TERMINATE:
            self._terminate(at, marks)
        elif kind == _COPY_DATA:
            self._loose = not self._batch
        elif kind == _FLUSH and not self._batch:  # it asks for nothing
            marks.append((END, at))
        elif kind in _ANSWERS:
            if not self._batch:
                self._loose = False
                marks.append((END, at))
            elif self._batch == _COPYING and kind != _PASSWORD:
                self._batch = _COPIED

    def _terminate(self, at: int, marks: list[Mark]) -> None:
        self._loose = False
        if self._outstanding or self._batch:  # its turn might never come
            self._batch = _OVER
            marks.append((END, at))
        else:
            marks += [(REQUEST, at), (UNANSWERED, at)]

    def end_upstream(self) -> bytes:
        """Give what was held back."""
        held, self._held = self._held, b''
        return held

    # Downstream

    def feed_downstream(self, data: bytes) -> Sequence[Mark]:
        """See `BaseProtocol.feed_downstream`; "Message Flow"."""
        outstanding = self._outstanding
        if self._kept or self.downstream_body or self._batch or not outstanding or outstanding[0] > _EXTENDED:
            return self._walk_downstream(data, 0)
        i = _pass_whole(data, 0, _PLAIN)
        if len(data) - i != 6 or not data.startswith(_READY, i):
            return self._walk_downstream(data, i)
        self._status = data[-1]
        self._down_at = at = self._down_at + len(data)
        outstanding.popleft()
        return ((REPLY, at),)

    def _walk_downstream(self, data: bytes, i: int) -> Sequence[Mark]:
        """Frame *data* from *i* on."""
        marks: list[Mark] = []
        if self._kept:
            data, self._kept = self._kept + data, b''
        base = self._down_at
        try:
            i = self._replies(data, i, base, marks)
        except ValueError as error:
            self._end_framing(str(error), self._down_at, marks, unparsed=True)
            return marks
        self._kept = data[i:]
        self._down_at = base + i
        return marks

    def _replies(self, data: bytes, i: int, base: int, marks: list[Mark]) -> int:
        """Mark what *data*, which begins at *base*, has of messages; give where one begins that is to be kept."""
        if self.downstream_body:
            i = min(self.downstream_body, len(data))
            self.downstream_body -= i
            if not self.downstream_body:
                self._end_reply(self._down_type, base + i, marks)
        while i < len(data):
            self._down_at = base + i
            end = self._reply(data, i, base, marks)
            if end is None:
                break
            i = end
        return i

    def _reply(self, data: bytes, i: int, base: int, marks: list[Mark]) -> int | None:
        """Mark one message, or pass over many; where it, or *data*, ends, None where it says nothing yet.

        Raises ValueError.
        """
        expected = self._outstanding[0] if self._outstanding else None
        kind = data[i]
        if expected in _GRANTED and kind != _ERROR_RESPONSE:
            return self._end_negotiation(expected, data, i, base, marks)
        is_query = expected is not None and expected <= _EXTENDED
        if is_query and not self._batch:
            end = _pass_whole(data, i, _PLAIN)
            if end > i:
                return end
        needed = _NEEDED.get(kind)
        if needed is None:
            raise ValueError(f'a message of type {chr(kind)!a}')
        if len(data) - i < needed:
            return None
        length: int = _NUMBER.unpack_from(data, i + 1)[0]
        if not needed - 1 <= length <= _MESSAGE_MAX:
            raise ValueError(f'a message of type {chr(kind)!a} and {length} bytes')
        if is_query and kind == _COPY_BOTH:
            self._end_framing('replication', base + i, marks)
            return len(data)
        if kind == _AUTHENTICATION:
            self._asking = _NUMBER.unpack_from(data, i + 5)[0]
        elif kind == _READY_FOR_QUERY:
            self._status = data[i + 5]
        end = i + 1 + length
        if end > len(data):
            self._down_type = kind
            self.downstream_body = end - len(data)
            return len(data)
        self._end_reply(kind, base + end, marks)
        return end

    def _end_negotiation(self, expected: int, data: bytes, i: int, base: int, marks: list[Mark]) -> int:
        """Mark the one byte that answers an SSLRequest or a GSSENCRequest ("SSL Session Encryption")."""
        granted, name = _GRANTED[expected]
        if data[i] not in (granted, _DENIED):
            raise ValueError(f'an answer of {chr(data[i])!a} to the request for {name}')
        self._outstanding.popleft()
        marks.append((REPLY, base + i + 1))
        if data[i] == _DENIED:
            return i + 1
        self._end_framing(name, base + i + 1, marks)
        return len(data)

    def _end_reply(self, kind: int, at: int, marks: list[Mark]) -> None:
        """Mark the end of a message by what is outstanding."""
        outstanding = self._outstanding
        # Only the newest request can lack its Sync.
        batch = self._batch if len(outstanding) == 1 else _OVER
        if not outstanding:
            marks.append((INTERIM, at))
        elif self._ends_reply(kind, outstanding[0], batch):
            outstanding.popleft()
            if batch:  # the COPY failed so early that its first Sync was heard
                self._batch = _OVER
            marks.append((REPLY, at))
        elif kind == _COPY_IN and outstanding[0] <= _EXTENDED:
            if outstanding[0] == _EXTENDED and len(outstanding) == 1:
                self._batch = _COPYING
                self._busy = True
            marks.append((PROMPT, at))
        elif kind == _AUTHENTICATION and outstanding[0] == _STARTUP and self._asking in _ASKING:
            marks.append((PROMPT, at))
        elif batch:
            if kind == _ERROR_RESPONSE and batch == _COPYING:
                self._batch = _COPIED
            marks.append((INTERIM, at))

    def _ends_reply(self, kind: int, expected: int, batch: int) -> bool:
        if kind == _READY_FOR_QUERY:
            return batch != _OPEN
        return kind == _ERROR_RESPONSE and expected > _EXTENDED

    def end_downstream(self) -> Sequence[Mark]:
        """End the reply that a fatal error, or nothing, has cut short."""
        if not self._outstanding:
            return NOTHING
        self._outstanding.clear()
        return ((REPLY, self._down_at + len(self._kept)),)

    def withdraw(self) -> None:
        """The oldest request was answered by the proxy: forget it."""
        if self._outstanding:
            self._outstanding.popleft()

    # Texts and errors

    def on_reached(self, position: int) -> None:
        """See `BaseProtocol.on_reached`: names stand for what was prepared before that."""
        self._statements.go_to(position)

    def describes_itself(self, request: bytes) -> bool:
        """Not where it begins with a Bind, whose statement's name may come to stand for another one."""
        return request[:1] != b'B'

    def describe(self, request: bytes) -> str:
        """The text of a statement up to the first secret, ``startup user@database``, or a message's name and subject.

        What a batch is called is what its first message is: a Parse and a Bind by the statement, a Bind of which
        nobody knows that by its name, an Execute, which fetches more rows, by its portal.
        """
        kind = request[:1]
        if kind == b'\0':
            return _printable(_describe_packet(request)) or super().describe(request)
        if len(request) < 5 or kind not in _DESCRIBED:
            return super().describe(request)
        name = _DESCRIBED[kind]
        body = request[5 : max(5, 1 + _NUMBER.unpack_from(request, 1)[0])]
        if kind == b'F':
            return f'{name} {int.from_bytes(body[:4], "big")}'
        if kind in b'PB':  # what it is called comes first; a portal
            body = body.partition(b'\0')[2]
        elif kind in b'CD':  # whether of a statement or a portal
            body = body[1:]
        if kind == b'B' and (text := self._statements.find(body.partition(b'\0')[0])) is not None:
            return text or name
        return _show(body) or name if kind in b'QP' else _printable(f'{name} {_until_zero(body)}')

    def error(self, sqlstate: str = _ADMIN_SHUTDOWN, message: str = INJECTED) -> ErrorReply:
        """An ErrorResponse of *sqlstate*, and the ReadyForQuery that follows it ("Error and Notice Message Fields").

        As fatal as the server would have it: on startup, and for the classes with which it ends the session.
        """
        # Before there is a session, and after it, nothing goes on.
        fatal = self.request[:1] in (b'', b'\0', b'X') or _FATAL.fullmatch(sqlstate) is not None
        severity = 'FATAL' if fatal else 'ERROR'
        fields = f'S{severity}\0V{severity}\0C{sqlstate}\0M{message}\0\0'.encode()
        told = b'E' + _NUMBER.pack(4 + len(fields)) + fields
        if fatal:
            return ErrorReply(told, closes=True)
        ready = _READY + (b'I' if self._status == _IDLE else b'E')
        if self._batch and len(self._outstanding) == 1 and not (self.upstream_body or self._held):
            # A client that sends whole messages and no Sync may wait for a reply to them.
            return ErrorReply(ready, early=told)
        return ErrorReply(told + ready)


def _pass_whole(data: bytes, i: int, kinds: AbstractSet[int]) -> int:
    """Where, from *i* on, the whole messages of these *kinds* end."""
    size = len(data)
    last = size - 5
    unpack = _HEADER.unpack_from
    while i <= last:
        kind, length = unpack(data, i)
        end = i + length + 1
        if kind not in kinds or length < 4 or end > size:
            break
        i = end
    return i


def _until_zero(data: bytes) -> str:
    return data.partition(b'\0')[0].decode(errors='backslashreplace')


def _show(statement: bytes) -> str:
    """The text of what begins with a *statement* and a zero."""
    return _printable(_until_zero(statement))


def _describe_packet(packet: bytes) -> str:
    """The name of a startup packet, with user and database; nothing where it is none."""
    if len(packet) < 8:
        return ''
    length, code = _NUMBER.unpack_from(packet)[0], _NUMBER.unpack_from(packet, 4)[0]
    if code in _PACKETS:
        return _PACKETS[code]
    fields = packet[8:length].split(b'\0')
    given = dict(zip(fields[::2], fields[1::2], strict=False))
    user = given.get(b'user', b'')
    return f'startup {_until_zero(user)}@{_until_zero(given.get(b"database", user))}'


def _printable(text: str) -> str:
    """*text* on one line, escaped, at most `TEXT_MAX` characters, and nothing that follows on a sign of a secret."""
    text = ' '.join(text.split())
    sign = _SECRET.search(text)
    if sign:
        text = text[: sign.end()]
    if not text.isprintable():
        text = ''.join(char if char.isprintable() else ascii(char)[1:-1] for char in text[:TEXT_MAX])
    return text[:TEXT_MAX]
