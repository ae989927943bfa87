"""The quick way to frame the text protocol of memcached: one get or set, and its reply."""

from __future__ import annotations

from collections.abc import Sequence

from vaurien.framing.head import MAX_HEAD
from vaurien.framing.marks import REPLY, REQUEST, Mark
from vaurien.native.course import Course
from vaurien.protocols.memcache.commands import KEY_MAX, read_size
from vaurien.protocols.memcache.framing import FramedMemcache
from vaurien.protocols.memcache.heads import ANSWERED

_ONE_LINE = {
    word + b'\r\n'
    for word in b'STORED END NOT_STORED EXISTS NOT_FOUND DELETED TOUCHED OK HD EN NF NS EX MN RESET ERROR'.split()
}


class QuickMemcache(FramedMemcache):
    """Finds whole requests of the two usual commands, and whole replies; leaves everything else to the full way."""

    twin = 'memcache'
    ordinary_kinds = (ANSWERED,)

    @property
    def ordinary(self) -> Course | None:
        """See `BaseProtocol.ordinary`. The twin knows the text protocol alone, with which a link may begin."""
        is_idle = (self._up_idle or not self._is_begun) and self._down_idle
        return self._make_course() if is_idle and not self.opaque else None

    def advance(self, up: int, down: int, course: Course) -> None:
        """See `BaseProtocol.advance`. A request that is open lacks data; a reply, data and then lines of a list."""
        super().advance(up, down, course)
        self._is_begun = self._is_begun or up > 0
        self._up_idle = self._is_begun and not course.up_left
        self._head_mark = -1
        self._listing = bool(course.down_awaited)
        self._coming = 0
        self._down_idle = not self._listing

    def feed_upstream(self, data: bytes) -> tuple[bytes, Sequence[Mark]]:
        """See `BaseProtocol.feed_upstream`."""
        end = data.find(b'\n', 0, MAX_HEAD) + 1
        if not (self._up_idle and end):
            return self._walk_upstream(data)
        if end != len(data):
            words = data[:end].split(b' ')
            if len(words) != 5 or words[0] != b'set' or not words[1] or len(words[1]) > KEY_MAX:
                return self._walk_upstream(data)
            if not (words[2].isdigit() and words[3].isdigit()):
                return self._walk_upstream(data)
            if end + read_size(words[4].rstrip(b'\r\n')) != len(data):
                return self._walk_upstream(data)
        elif not data.startswith(b'get '):
            return self._walk_upstream(data)
        self._up_at = at = self._up_at + len(data)
        self._outstanding.append(ANSWERED)
        return data, ((REQUEST, at),)

    def feed_downstream(self, data: bytes) -> Sequence[Mark]:
        """See `BaseProtocol.feed_downstream`."""
        outstanding = self._outstanding
        if not (self._down_idle and outstanding) or outstanding[0] != ANSWERED:
            return self._walk_downstream(data)
        if data not in _ONE_LINE:
            end = data.find(b'\n', 0, MAX_HEAD) + 1
            words = data[:end].split()
            if len(words) < 4 or words[0] != b'VALUE' or data[-5:] != b'END\r\n':
                return self._walk_downstream(data)
            size = read_size(words[3])
            if not size or end + size + 5 != len(data):
                return self._walk_downstream(data)
        self._down_at = at = self._down_at + len(data)
        outstanding.popleft()
        return ((REPLY, at),)
