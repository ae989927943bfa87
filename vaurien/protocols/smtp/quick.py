"""The quick way to frame SMTP: one command that fits on a line, one reply of one line."""

from __future__ import annotations

from collections.abc import Sequence

from vaurien.framing.head import MAX_HEAD
from vaurien.framing.marks import REPLY, REQUEST, Mark
from vaurien.protocols.smtp.framing import LAST_LINES, ORDINARY, FramedSMTP
from vaurien.protocols.smtp.text import PLAIN


class QuickSMTP(FramedSMTP):
    """Finds whole lines of the usual commands and replies; leaves everything else to the full way."""

    def feed_upstream(self, data: bytes) -> tuple[bytes, Sequence[Mark]]:
        """See `BaseProtocol.feed_upstream`."""
        size = len(data)
        if self._mode or self._held or data[:4].upper() not in PLAIN or data.find(b'\n') + 1 != size or size > MAX_HEAD:
            return self._walk_upstream(data)
        self._up_at = at = self._up_at + size
        self._outstanding.append(ORDINARY)
        return data, ((REQUEST, at),)

    def feed_downstream(self, data: bytes) -> Sequence[Mark]:
        """See `BaseProtocol.feed_downstream`."""
        outstanding = self._outstanding
        if (
            self._in_reply
            or not outstanding
            or outstanding[0]
            or data[:4] not in LAST_LINES
            or data.find(b'\n') + 1 != len(data)
        ):
            return self._walk_downstream(data)
        outstanding.popleft()
        self._down_at = at = self._down_at + len(data)
        return ((REPLY, at),)
