"""The full way to frame Redis: any bytes, cut at any places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vaurien.framing.marks import END, HEAD, INTERIM, REPLY, REQUEST, UNANSWERED, Mark
from vaurien.protocols.framed import Framed
from vaurien.protocols.redis.expectations import VERSIONS, Confirmations, Expectations
from vaurien.protocols.redis.heads import Head, read_head
from vaurien.protocols.redis.small import SMALL_ARGUMENTS, SMALL_REPLIES
from vaurien.protocols.redis.values import ARGUMENT_TYPES, REPLY_TYPES, Values

#: How a push begins, and as much of one as tells what it is: ``>3``, ``$12``.
PUSH, _KEPT = b'>', 16


class FramedRedis(Framed[int | Confirmations]):
    """RESP2 and RESP3.

    A head is the command and its first argument (``CLIENT``: two). Empty requests (``*0``, an empty line) get no reply;
    they are held back and go with the request that follows. A link becomes opaque when MONITOR, replication or, under
    RESP2, a subscription is confirmed.
    """

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(options)
        self._up = Values(ARGUMENT_TYPES, SMALL_ARGUMENTS)
        self._down = Values(REPLY_TYPES, SMALL_REPLIES)
        #: Those of `_outstanding` that set the version. They are few: a deque would take more memory of each link.
        self._versions: list[int] = []
        self._expectations = Expectations(self._outstanding, self._versions)
        # Where the message begins that does not parse if what comes next does not.
        self._up_begin = self._down_begin = 0
        # Whether the next request may be anything but one whole ordinary one.
        self._busy = False
        # The first byte of the current reply, and whether it is one.
        self._first = b''
        self._kind = REPLY

    # Upstream

    def feed_upstream(self, data: bytes) -> tuple[bytes, Sequence[Mark]]:
        """See `BaseProtocol.feed_upstream`; protocol specification, "Sending commands to a Redis server"."""
        return self._walk_upstream(data, [], 0)

    def _walk_upstream(self, data: bytes, marks: list[Mark], i: int) -> tuple[bytes, Sequence[Mark]]:
        """Frame *data* from *i* on, where `_up_at` is."""
        self._up.begin_stretch(self.upstream_body)
        if self._held:
            data = self._held + data
            self._held = b''
        # Position of the first byte of data.
        base = self._up_at - i
        try:
            i = self._requests(data, i, base, marks)
        except ValueError as error:
            self._end_framing(str(error), self._up_begin, marks, unparsed=True)
            return data, marks
        self._held = data[i:]
        self._up_at = base + i
        self.upstream_body = self._up.left
        self._busy = bool(self._held or self._up.awaited or self._expectations.is_changing)
        return data[:i] if self._held else data, marks

    def _requests(self, data: bytes, i: int, base: int, marks: list[Mark]) -> int:
        values = self._up
        while i < len(data):
            if values.awaited:
                i = values.walk(data, i)
                if not values.awaited:
                    marks.append((END, base + i))
                continue
            if self._expectations.has_quit:
                return len(data)
            self._up_begin = base + i
            head = read_head(data, i)
            if head is None:
                break
            i = self._open(head, data, base, marks)
        return i

    def _open(self, head: Head, data: bytes, base: int, marks: list[Mark]) -> int:
        """Mark one request, whole if *data* has all of it; return where it, or *data*, ends."""
        values = self._up
        values.expect(head.awaited)
        if head.size is not None:
            values.open_bulk(head.size)
        opened = len(marks)
        begin, self._up_begin = self._up_begin, base + head.end
        marks.append((HEAD, self._up_begin))
        answered = self._expectations.note(head, begin, base)
        if not answered:
            marks.append((UNANSWERED, self._up_begin))
        end = values.walk(data, head.end)
        if not values.awaited:
            marks[opened:] = [(REQUEST, base + end)] if answered else [(REQUEST, base + end), (UNANSWERED, base + end)]
        return end

    def rewind(self, position: int) -> None:
        """See `BaseProtocol.rewind`."""
        self.misread = False
        self.opaque = None
        self._up = Values(ARGUMENT_TYPES, SMALL_ARGUMENTS)
        self.upstream_body = 0
        self._held = b''
        self._up_at = position
        self._outstanding.clear()
        self._versions.clear()
        self._busy = self._expectations.is_changing

    def withdraw(self) -> None:
        """See `BaseProtocol.withdraw`."""
        if self._outstanding and self._outstanding.popleft() in VERSIONS:
            del self._versions[0]

    # Downstream

    def feed_downstream(self, data: bytes) -> Sequence[Mark]:
        """See `BaseProtocol.feed_downstream`; protocol specification, "RESP protocol description"."""
        return self._walk_downstream(data, [], 0)

    def _walk_downstream(self, data: bytes, marks: list[Mark], i: int) -> Sequence[Mark]:
        """Frame *data* from *i* on, where `_down_at` is."""
        values = self._down
        values.begin_stretch(self.downstream_body)
        base = self._down_at - i
        try:
            while i < len(data):
                if not values.awaited:
                    self._down_begin = base + i
                    if not self._begin_reply(data[i : i + 1], marks):
                        return marks
                begin = i
                i = values.walk(data, i)
                if self._first == PUSH:
                    self._kept = (self._kept + data[begin:i])[:_KEPT]
                if not values.awaited and (kind := self._end_reply()):
                    marks.append((kind, base + i))
        except ValueError as error:
            self._end_framing(str(error), self._down_begin, marks, unparsed=True)
        self._down_at = base + i
        self.downstream_body = values.left
        return marks

    def _begin_reply(self, first: bytes, marks: list[Mark]) -> bool:
        """Decide by its first byte what a value is; return False if framing ends with it."""
        self._first = first
        self._kind = INTERIM if first == PUSH or not self._outstanding else REPLY
        self._down.expect(1)
        if self._kind == REPLY and self._outstanding[0] and (reason := self._expectations.find_ending(first)):
            self._end_framing(reason, self._down_begin, marks)
            return False
        return True

    def _end_reply(self) -> int:
        """Return the kind of mark that belongs at the end of a value; 0 if more values of the reply follow."""
        expectations = self._expectations
        if self._first == PUSH:
            push, self._kept = self._kept, b''
            if not expectations.is_confirmation(push):
                return INTERIM
        elif self._kind == INTERIM or not self._outstanding:
            expectations.hear()
            return INTERIM
        return REPLY if expectations.settle(self._first) else 0
