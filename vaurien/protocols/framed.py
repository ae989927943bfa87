"""What the protocols that have messages share: positions, bytes that are kept, requests without a reply."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from vaurien.framing.marks import OPAQUE, Mark, Opaque
from vaurien.native.course import KINDS_MAX, Course
from vaurien.protocols.base import BaseProtocol

#: What a protocol remembers of a request, because it decides what the reply looks like.
Expected = TypeVar('Expected')


class Framed(BaseProtocol, Generic[Expected]):
    """The state of a protocol that finds messages in both streams.

    It does so in up to two ways. The full way takes any bytes, cut at any places. The quick way takes small messages
    that arrive whole, as most do. Its class extends that of the full way, which gets whatever the quick way is not sure
    of. On everything else the two agree: marks, bytes and state. The compiled twin of the quick way, if there is one,
    agrees with both.
    """

    #: What the requests expect that the twin knows: one kind, or two.
    ordinary_kinds: ClassVar[Sequence[Any]] = ()

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(options)
        #: Of each stream, the position of the next byte that is to be framed.
        self._up_at = self._down_at = 0
        #: An incomplete message of the client's, which is held back; of the backend's, which has gone on.
        self._held = self._kept = b''
        #: What the requests without a reply expect, the oldest first.
        self._outstanding: deque[Expected] = deque()

    def skip_upstream(self, count: int) -> None:
        """See `BaseProtocol.skip_upstream`."""
        self.upstream_body -= count
        self._up_at += count

    def skip_downstream(self, count: int) -> None:
        """See `BaseProtocol.skip_downstream`."""
        self.downstream_body -= count
        self._down_at += count

    def end_upstream(self) -> bytes:
        """Return what was held back."""
        held, self._held = self._held, b''
        return held

    def withdraw(self) -> None:
        """Forget the oldest request without a reply, which the proxy has answered."""
        if self._outstanding:
            self._outstanding.popleft()

    def _make_course(self, **known: Any) -> Course | None:
        """Return where the twin is to begin, beside what else is *known*; None if something else is outstanding."""
        outstanding = self._outstanding
        if not outstanding:
            return Course(**known)
        kinds = self.ordinary_kinds
        if len(kinds) == 1:
            return Course(len(outstanding), **known) if outstanding.count(kinds[0]) == len(outstanding) else None
        if len(outstanding) > KINDS_MAX or not all(expected in kinds for expected in outstanding):
            return None
        bits = sum((expected == kinds[1]) << number for number, expected in enumerate(outstanding))
        return Course(len(outstanding), bits, **known)

    def advance(self, up: int, down: int, course: Course) -> None:
        """See `BaseProtocol.advance`."""
        self._up_at += up
        self._down_at += down
        self.upstream_body = course.up_left
        self.downstream_body = course.down_left
        self._outstanding.clear()
        kinds, bits = self.ordinary_kinds, course.kinds
        self._outstanding.extend(kinds[bits >> number & 1] for number in range(course.outstanding))

    def _end_framing(self, reason: str, position: int, marks: list[Mark], *, unparsed: bool = False) -> None:
        """Mark that the stream is opaque from *position* on; *unparsed*: because its bytes do not parse."""
        self.opaque = Opaque(reason, unparsed)
        marks.append((OPAQUE, position))
