"""The full way to frame what a client of PostgreSQL sends: any bytes, cut at any places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vaurien.framing.marks import END, HEAD, REQUEST, STATEMENT, UNANSWERED, Mark
from vaurien.framing.statements import Statements
from vaurien.protocols.framed import Framed
from vaurien.protocols.postgres import text
from vaurien.protocols.postgres.messages import (
    ANSWERS,
    BIND,
    CANCEL,
    CLOSE,
    COPY_DATA,
    EMPTY,
    EXECUTE,
    FLUSH,
    FRONTEND,
    GSSENC,
    IDLE,
    MESSAGE_MAX,
    OPENING,
    PARSE,
    PASSWORD,
    PREPARING,
    SIMPLE_REQUESTS,
    SSL,
    STARTUP_MAX,
    STEPS,
    SYNC,
    TERMINATE,
    VERSION,
    pass_whole,
    unpack_header,
    unpack_number,
)

#: So much of a large message is its head: enough for any text that is shown.
_HEAD_MAX = 1024

#: The most statements of batches of which it is remembered what came before them: few are drawn.
_REMEMBERED = 1024

#: What begins a statement of a batch.
_BEGINNING = {PARSE, BIND}

# What a request expects: a ReadyForQuery, the outcome of a startup, one byte.
SIMPLE, EXTENDED, STARTUP, TO_SSL, TO_GSSENC = range(5)
_NEGOTIATED = {SSL: TO_SSL, GSSENC: TO_GSSENC}

# Where the last batch is: over; before its Sync; in a COPY, which uses up any Sync; after that, before its Sync.
OVER, OPEN, COPYING, COPIED = range(4)


class FramedRequests(Framed[int]):
    """Requests, and the state of the link.

    A request is a startup packet, a Query, a FunctionCall, or all of a batch up to its Sync. A Terminate is a request
    where nothing else is going on.
    """

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(options)
        # The type of the message that has not arrived whole.
        self._up_type = self._down_type = 0
        # Whether the next message may be anything but the first of a request.
        self._busy = True
        # Whether no session was asked for yet.
        self._starting = True
        self._batch = OVER
        # The last message was CopyData, and no CopyDone followed yet.
        self._loose = False
        # Of the transaction; what authentication last asked for.
        self._status = IDLE
        # What the client has called itself as it began.
        self._client_name = ''
        self._asking = 0
        self._statements = Statements(text.show)
        # Whether further statements of a batch are marked; the name that the last message, a Parse, has prepared.
        self._marking = False
        self._parsed: bytes | None = None
        # How many Executes there were in the open batch; and for each statement that was marked, before it.
        self._executed = 0
        self._executed_before: dict[int, int] = {}

    def feed_upstream(self, data: bytes) -> tuple[bytes, Sequence[Mark]]:
        """See `BaseProtocol.feed_upstream`; "Message Flow"."""
        return self._walk_upstream(data)

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
        """Mark what *data*, which begins at *base*, has of messages; return where one begins that is to be held."""
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
        """Mark a startup packet and return its end; None if it is not complete. Raise ValueError if it is none."""
        have = len(data) - i
        if have < 4:
            return None
        length: int = unpack_number(data, i)[0]
        if not 8 <= length <= STARTUP_MAX:
            raise ValueError(f'a startup packet of {length} bytes')
        if have < length:
            return None
        code: int = unpack_number(data, i + 4)[0]
        if code in _NEGOTIATED:
            self._outstanding.append(_NEGOTIATED[code])
        elif code >> 16 == VERSION:
            self._outstanding.append(STARTUP)
            self._starting = False
            self._client_name = text.read_client_name(data[i : i + length])
        elif code != CANCEL:
            raise ValueError(f'a startup packet of version {code >> 16}.{code & 0xFFFF}')
        at = base + i + length
        marks.append((REQUEST, at))
        if code == CANCEL:
            marks.append((UNANSWERED, at))
        return i + length

    def _pass_message(self, data: bytes, i: int) -> int:
        """Pass over the whole messages at *i* that bring no marks."""
        if data[i] == COPY_DATA:
            end = pass_whole(data, i, {COPY_DATA})
            if end > i and not self._batch:
                self._loose = True
            return end
        return self._pass_steps(data, i, self._up_at - i) if self._batch == OPEN and not self._marking else i

    def _pass_steps(self, data: bytes, i: int, base: int) -> int:
        """Return where, from *i* on, the whole steps of a batch end; note what they prepare. *data* is at *base*."""
        size = len(data)
        last = size - 5
        unpack = unpack_header
        while i <= last:
            kind, length = unpack(data, i)
            end = i + length + 1
            if kind not in STEPS or length < 4 or end > size:
                break
            if kind in PREPARING:
                self._note_statement(data, i, end, base + i)
            i = end
        return i

    def _note_statement(self, data: bytes, i: int, end: int, at: int) -> None:
        """Note what a Parse or a Close changes: of the message at *i* to *end*, which is *at* that position."""
        if end > i + _HEAD_MAX:
            end = i + _HEAD_MAX
        name, _, rest = data[i + 5 : end].partition(b'\0')
        statement: bytes | None = rest
        if data[i] == CLOSE:
            if name[:1] != b'S':  # a portal
                return
            name, statement = name[1:], None
        if not (i or self._outstanding):  # else, whatever was sent before may mean another one by that name
            self._statements.go_to(at)
        self._statements.put_behind(at, name, statement)

    def on_dropped(self, begin: int, end: int) -> None:
        """Have names stand for what they did; but what had none is gone (``exec_parse_message`` in postgres.c)."""
        self._statements.forget(begin, end, b'')

    def _message(self, data: bytes, i: int, base: int, marks: list[Mark]) -> int | None:
        """Mark one message; return where it, or *data*, ends, None if its head is not complete.

        Raise ValueError if it is none.
        """
        have = len(data) - i
        kind = data[i]
        if kind not in FRONTEND:
            raise ValueError(f'a message of type {chr(kind)!a}')
        if have < 5:
            return None
        length: int = unpack_number(data, i + 1)[0]
        if not 4 <= length <= MESSAGE_MAX or (length > 4 and kind in EMPTY):
            raise ValueError(f'a message of type {chr(kind)!a} and {length} bytes')
        opens = not self._batch and kind in OPENING
        head = min(length + 1, _HEAD_MAX)
        if have < head and (opens or kind in PREPARING or (self._marking and kind == BIND)):
            return None
        if self._marking and kind in _BEGINNING:
            self._mark_statement(kind, data[i + 5 : i + head], None if opens else base + i, marks)
        if kind in PREPARING:
            self._note_statement(data, i, i + head, base + i)
        if opens:
            self._open(kind, base + i, marks)
            marks.append((HEAD, base + i + head))
        self._executed += kind == EXECUTE
        end = i + 1 + length
        if end > len(data):
            self._up_type = kind
            self.upstream_body = end - len(data)
            return len(data)
        self._end_message(kind, base + end, marks)
        return end

    def mark_statements(self, wanted: bool) -> None:
        """See `BaseProtocol.mark_statements`."""
        self._marking = wanted
        self._parsed = None

    def _mark_statement(self, kind: int, body: bytes, at: int | None, marks: list[Mark]) -> None:
        """Mark the statement that begins *at* a Parse or a Bind; None: the batch begins with it.

        A Bind of the Parse just before it belongs to the same statement; any further Bind of it is one more.
        """
        parsed, self._parsed = self._parsed, None
        names = body.split(b'\0', 2)
        if kind == PARSE:
            self._parsed = names[0]
        elif parsed is not None and names[1:2] == [parsed]:
            return
        if at is not None and self._batch == OPEN:
            marks.append((STATEMENT, at))
            if len(self._executed_before) >= _REMEMBERED:
                self._executed_before.clear()
            self._executed_before[at] = self._executed

    def _open(self, kind: int, at: int, marks: list[Mark]) -> None:
        if self._loose:  # a COPY that the backend gave up, and so did the client
            self._loose = False
            marks.append((END, at))
        if kind in SIMPLE_REQUESTS:
            self._outstanding.append(SIMPLE)
        else:
            self._outstanding.append(EXTENDED)
            self._batch = OPEN

    def _end_batch(self) -> None:
        self._batch = OVER
        self._executed = 0

    def _end_message(self, kind: int, at: int, marks: list[Mark]) -> None:
        if kind in SIMPLE_REQUESTS or (kind == SYNC and self._batch != COPYING):
            self._end_batch()
            if marks and marks[-1][0] == HEAD:
                marks[-1] = (REQUEST, at)
            else:
                marks.append((END, at))
        elif kind == TERMINATE:
            self._terminate(at, marks)
        elif kind == COPY_DATA:
            self._loose = not self._batch
        elif kind == FLUSH and not self._batch:  # it asks for nothing
            marks.append((END, at))
        elif kind in ANSWERS:
            if not self._batch:
                self._loose = False
                marks.append((END, at))
            elif self._batch == COPYING and kind != PASSWORD:
                self._batch = COPIED

    def _terminate(self, at: int, marks: list[Mark]) -> None:
        self._loose = False
        if self._outstanding or self._batch:  # its turn might never come
            self._end_batch()
            marks.append((END, at))
        else:
            marks += [(REQUEST, at), (UNANSWERED, at)]
