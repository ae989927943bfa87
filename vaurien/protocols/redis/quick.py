"""The quick way to frame Redis: small ordinary commands and replies that arrive whole, found by a few look-ups."""

from __future__ import annotations

from collections.abc import Sequence

from vaurien.framing.head import MAX_HEAD
from vaurien.framing.marks import REPLY, REQUEST, Mark
from vaurien.native.course import Course
from vaurien.protocols.redis.expectations import ORDINARY, SPECIAL
from vaurien.protocols.redis.framing import FramedRedis
from vaurien.protocols.redis.small import ARGUMENTS, SIMPLE, SIZES, SMALL_REPLIES
from vaurien.protocols.redis.values import CRLF

# Bound once: to look a method of an imported name up for each message costs a tenth of all that is done here.
_find_lengths = ARGUMENTS.get
_find_size = SIZES.get
_find_reply = SMALL_REPLIES.get

#: Above this many bytes a chunk is walked, not cut up: it may be one large value.
_QUICK_MAX = 4 * 1024


class QuickRedis(FramedRedis):
    """Finds what is small and ordinary; leaves everything else to the full way."""

    twin = 'redis'
    ordinary_kinds = (ORDINARY,)

    @property
    def ordinary(self) -> Course | None:
        """See `BaseProtocol.ordinary`. In a transaction, requests and replies are ordinary; what ends it is not."""
        return None if self._busy or self._down.awaited or self.opaque else self._make_course()

    def advance(self, up: int, down: int, course: Course) -> None:
        """See `BaseProtocol.advance`. What an open message awaits is values; its bytes count from `_up_begin` on."""
        super().advance(up, down, course)
        self.upstream_body = self._up.go_on(course.up_left, course.up_awaited)
        self.downstream_body = self._down.go_on(course.down_left, course.down_awaited)
        self._busy = bool(course.up_awaited)
        self._up_begin = self._up_at - course.up_passed
        self._down_begin = self._down_at - course.down_passed
        self._first, self._kind = b'$', REPLY

    def feed_upstream(self, data: bytes) -> tuple[bytes, Sequence[Mark]]:
        """See `BaseProtocol.feed_upstream`. The usual chunk is one command."""
        if self._busy or len(data) > _QUICK_MAX:
            return self._walk_upstream(data, [], 0)
        parts = data.split(CRLF)
        lengths = _find_lengths(parts[0])
        if lengths is None or len(parts) != lengths.stop + 2 or parts[2].upper() in SPECIAL:
            return self._feed_parts(data, parts)
        for k in lengths:
            if _find_size(parts[k]) != len(parts[k + 1]):
                return self._walk_upstream(data, [], 0)
        if parts[-1]:
            return self._walk_upstream(data, [], 0)
        self._up_at = at = self._up_at + len(data)
        self._outstanding.append(ORDINARY)
        return data, ((REQUEST, at),)

    def _feed_parts(self, data: bytes, parts: list[bytes]) -> tuple[bytes, Sequence[Mark]]:
        """Mark the ordinary requests that *data*, of these *parts*, begins with; walk over the rest."""
        at = self._up_at
        last = len(parts) - 1
        part = 0
        marks: list[Mark] = []
        while part < last:
            lengths = _find_lengths(parts[part])
            if lengths is None or part + lengths.stop >= last or parts[part + 2].upper() in SPECIAL:
                break
            end = at + len(parts[part]) + 2
            for k in lengths:
                argument = len(parts[part + k + 1])
                if _find_size(parts[part + k]) != argument:
                    break
                end += len(parts[part + k]) + argument + 4
            else:
                marks.append((REQUEST, end))
                at = end
                part += lengths.stop + 1
                continue
            break
        self._outstanding.extend([ORDINARY] * len(marks))
        done = at - self._up_at
        self._up_at = at
        return (data, marks) if done == len(data) else self._walk_upstream(data, marks, done)

    def feed_downstream(self, data: bytes) -> Sequence[Mark]:
        """See `BaseProtocol.feed_downstream`. The usual chunk is one reply."""
        outstanding = self._outstanding
        if self._down.awaited or not outstanding or outstanding[0]:
            return self._walk_downstream(data, [], 0)
        line_end = data.find(CRLF)
        if line_end + _find_reply(data[:line_end], 0) != len(data) or not data.endswith(CRLF):
            return self._feed_small(data)
        self._down_at = at = self._down_at + len(data)
        outstanding.popleft()
        return ((REPLY, at),)

    def _feed_small(self, data: bytes) -> Sequence[Mark]:
        """Mark the small ordinary replies that *data* begins with; walk over the rest."""
        outstanding = self._outstanding
        at = self._down_at
        i = 0
        marks: list[Mark] = []
        while outstanding and not outstanding[0]:
            line_end = data.find(CRLF, i, i + MAX_HEAD)
            if line_end < 0:
                break
            end = line_end + _find_reply(data[i:line_end], 2 if data[i] in SIMPLE else 0)
            if end == line_end or data[end - 2 : end] != CRLF:
                break
            i = end
            outstanding.popleft()
            marks.append((REPLY, at + i))
        self._down_at = at + i
        return marks if i == len(data) else self._walk_downstream(data, marks, i)
