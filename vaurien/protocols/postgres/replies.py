"""The full way to frame what a PostgreSQL server sends: any bytes, cut at any places."""

from __future__ import annotations

from collections.abc import Sequence

from vaurien.framing.marks import INTERIM, NOTHING, PART, PROMPT, REPLY, Mark
from vaurien.protocols.postgres.messages import (
    ASKING,
    AUTHENTICATION,
    COPY_BOTH,
    COPY_IN,
    DENIED,
    ERROR_RESPONSE,
    MESSAGE_MAX,
    NEEDED,
    PLAIN,
    READY_FOR_QUERY,
    pass_whole,
    unpack_number,
)
from vaurien.protocols.postgres.requests import (
    COPIED,
    COPYING,
    EXTENDED,
    OPEN,
    OVER,
    STARTUP,
    TO_GSSENC,
    TO_SSL,
    FramedRequests,
)

#: The byte that grants encryption, and what the link then is.
_GRANTED = {TO_SSL: (ord('S'), 'TLS'), TO_GSSENC: (ord('G'), 'GSSAPI')}


class FramedPostgres(FramedRequests):
    """Requests and replies.

    What a backend answers before the Sync of a batch is not its reply: the client may wait for it. A link becomes
    opaque when encryption is granted, and when replication begins.
    """

    def feed_downstream(self, data: bytes) -> Sequence[Mark]:
        """See `BaseProtocol.feed_downstream`; "Message Flow"."""
        return self._walk_downstream(data, 0)

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
        """Mark what *data*, which begins at *base*, has of messages; return where one begins that is to be kept."""
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
        """Mark one message, or pass over many; return where it, or *data*, ends, None if it says nothing yet.

        Raise ValueError if it is none.
        """
        expected = self._outstanding[0] if self._outstanding else None
        kind = data[i]
        if expected in _GRANTED and kind != ERROR_RESPONSE:
            return self._end_negotiation(expected, data, i, base, marks)
        is_query = expected is not None and expected <= EXTENDED
        if is_query and not self._batch:
            end = pass_whole(data, i, PLAIN)
            if end > i:
                return end
        needed = NEEDED.get(kind)
        if needed is None:
            raise ValueError(f'a message of type {chr(kind)!a}')
        if len(data) - i < needed:
            return None
        length: int = unpack_number(data, i + 1)[0]
        if not needed - 1 <= length <= MESSAGE_MAX:
            raise ValueError(f'a message of type {chr(kind)!a} and {length} bytes')
        if is_query and kind == COPY_BOTH:
            self._end_framing('replication', base + i, marks)
            return len(data)
        if kind == AUTHENTICATION:
            self._asking = unpack_number(data, i + 5)[0]
        elif kind == READY_FOR_QUERY:
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
        if data[i] not in (granted, *DENIED):
            raise ValueError(f'an answer of {chr(data[i])!a} to the request for {name}')
        self._outstanding.popleft()
        marks.append((REPLY, base + i + 1))
        if data[i] == DENIED[0]:
            return i + 1
        self._end_framing(name, base + i + 1, marks)
        return len(data)

    def _end_reply(self, kind: int, at: int, marks: list[Mark]) -> None:
        """Mark the end of a message by what is outstanding."""
        outstanding = self._outstanding
        # Only the newest request can lack its Sync.
        batch = self._batch if len(outstanding) == 1 else OVER
        if not outstanding:
            marks.append((INTERIM, at))
        elif self._ends_reply(kind, outstanding[0], batch):
            outstanding.popleft()
            if batch:  # the COPY failed so early that its first Sync was heard
                self._end_batch()
            marks.append((REPLY, at))
        elif kind == COPY_IN and outstanding[0] <= EXTENDED:
            if outstanding[0] == EXTENDED and len(outstanding) == 1:
                self._batch = COPYING
                self._busy = True
            marks.append((PROMPT, at))
        elif kind == AUTHENTICATION and outstanding[0] == STARTUP and self._asking in ASKING:
            marks.append((PROMPT, at))
        elif batch:
            if kind == ERROR_RESPONSE and batch == COPYING:
                self._batch = COPIED
            marks.append((PART, at))

    def _ends_reply(self, kind: int, expected: int, batch: int) -> bool:
        if kind == READY_FOR_QUERY:
            return batch != OPEN
        return kind == ERROR_RESPONSE and expected > EXTENDED

    def end_downstream(self) -> Sequence[Mark]:
        """End the reply that a fatal error, or nothing, has cut short."""
        if not self._outstanding:
            return NOTHING
        self._outstanding.clear()
        return ((REPLY, self._down_at + len(self._kept)),)
