"""The quick way to frame PostgreSQL: one Query, or one batch with its Sync, and its reply, that arrive whole."""

from __future__ import annotations

from collections.abc import Sequence

from vaurien.framing.marks import REPLY, REQUEST, Mark
from vaurien.native.course import Course
from vaurien.protocols.postgres.messages import (
    DATA_ROW,
    PLAIN,
    PREPARING,
    QUERY,
    READY,
    STEPS,
    pass_whole,
    unpack_number,
)
from vaurien.protocols.postgres.replies import FramedPostgres
from vaurien.protocols.postgres.requests import EXTENDED, SIMPLE

_SYNC_MESSAGE = b'S\0\0\0\4'
#: Steps of a batch that do not change for which statement a name stands.
_USES = STEPS - PREPARING


class QuickPostgres(FramedPostgres):
    """Finds one whole request, one whole reply; leaves everything else to the full way."""

    twin = 'postgres'
    ordinary_kinds = (SIMPLE, EXTENDED)

    @property
    def ordinary(self) -> Course | None:
        """See `BaseProtocol.ordinary`. What prepares a statement is not. The flag: further statements are marked."""
        if self._busy or self._batch or self._kept or self.downstream_body or self.opaque:
            return None
        if self._parsed is not None:  # it matters to the next Bind
            return None
        return self._make_course(flags=int(self._marking), status=self._status)

    def advance(self, up: int, down: int, course: Course) -> None:
        """See `BaseProtocol.advance`. A reply that is open lacks the rest of a message that says nothing of its end."""
        super().advance(up, down, course)
        self._status = course.status
        self._down_type = DATA_ROW

    def feed_upstream(self, data: bytes) -> tuple[bytes, Sequence[Mark]]:
        """See `BaseProtocol.feed_upstream`."""
        size = len(data)
        if self._busy or size < 5:
            return self._walk_upstream(data)
        if data[0] == QUERY:
            if unpack_number(data, 1)[0] != size - 1:
                return self._walk_upstream(data)
            self._outstanding.append(SIMPLE)
        else:
            if self._marking or not data.endswith(_SYNC_MESSAGE):
                return self._walk_upstream(data)
            i = 0 if data[0] in PREPARING else pass_whole(data, 0, _USES)
            if i != size - 5 and self._pass_steps(data, i, self._up_at) != size - 5:
                return self._walk_upstream(data)
            self._outstanding.append(EXTENDED)
        self._up_at = at = self._up_at + size
        return data, ((REQUEST, at),)

    def feed_downstream(self, data: bytes) -> Sequence[Mark]:
        """See `BaseProtocol.feed_downstream`."""
        outstanding = self._outstanding
        if self._kept or self.downstream_body or self._batch or not outstanding or outstanding[0] > EXTENDED:
            return self._walk_downstream(data, 0)
        i = pass_whole(data, 0, PLAIN)
        if len(data) - i != 6 or not data.startswith(READY, i):
            return self._walk_downstream(data, i)
        self._status = data[-1]
        self._down_at = at = self._down_at + len(data)
        outstanding.popleft()
        return ((REPLY, at),)
