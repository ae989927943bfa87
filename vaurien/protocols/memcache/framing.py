"""The full way to frame memcached, in either of its protocols: any bytes, cut at any places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vaurien.framing.marks import END, HEAD, INTERIM, OPAQUE, REPLY, REQUEST, UNANSWERED, Mark
from vaurien.protocols.framed import Framed
from vaurien.protocols.memcache import binary, commands
from vaurien.protocols.memcache.commands import Run
from vaurien.protocols.memcache.heads import ANSWERED, QUIET, QUIT, SILENT, Head


class FramedMemcache(Framed[Run | int]):
    """The text and the binary protocol.

    A head is a command line; in the binary protocol, header, extras and key. Quiet commands get no reply. What comes
    nevertheless is known by its opcode in the binary protocol, and else as `Run` says. A link becomes opaque when
    ``watch`` is granted.
    """

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(options)
        self._is_begun = self._is_binary = False
        # Where the message begins that does not parse if what comes next does not.
        self._up_begin = self._down_begin = 0
        # Nothing is pending: what comes next begins with a command, or a reply, of the text protocol.
        self._up_idle = False
        self._down_idle = True
        # The HEAD mark of the open request among those of this chunk; -1: it was in an earlier one.
        self._head_mark = -1
        # The rest of a command line is passing.
        self._in_line = False
        # Quiet meta commands have come, and none since that is not.
        self._is_run = False
        # The mark that belongs behind the body that is passing; whether a list goes on.
        self._coming = 0
        self._listing = False

    # Upstream

    def feed_upstream(self, data: bytes) -> tuple[bytes, Sequence[Mark]]:
        """See `BaseProtocol.feed_upstream`."""
        return self._walk_upstream(data)

    def _walk_upstream(self, data: bytes) -> tuple[bytes, Sequence[Mark]]:
        marks: list[Mark] = []
        if not self._is_begun and data:
            self._is_begun = True
            self._is_binary = data.startswith(binary.MAGIC)
            self._down_idle = self._down_idle and not self._is_binary
        data = self._held + data
        self._head_mark = -1
        try:
            i = self._requests(data, marks)
        except ValueError as error:
            self._held = b''
            self._end_framing(str(error), self._up_begin, marks, unparsed=True)
            return data, marks
        self._up_at += i
        self._held = data[i:]
        is_pending = self.upstream_body or self._held or self._in_line or self._is_run
        self._up_idle = not (is_pending or self._is_binary)
        return data[:i] if self._held else data, marks

    def _requests(self, data: bytes, marks: list[Mark]) -> int:
        """Frame *data*, which begins at `_up_at`; return where its last whole head, or what follows it, ends."""
        read = binary.read_request if self._is_binary else commands.read_request
        i = 0
        while i < len(data):
            if self.upstream_body:
                step = min(self.upstream_body, len(data) - i)
                self.upstream_body -= step
                i += step
            elif self._in_line:
                end = data.find(b'\n', i) + 1
                self._in_line = not end
                i = end or len(data)
            else:
                self._up_begin = self._up_at + i
                head = read(data, i)
                if head is None:
                    break
                self._open(head, data[i : head.end], marks)
                i = head.end
            if not (self.upstream_body or self._in_line):
                self._close(self._up_at + i, marks)
        return i

    def _open(self, head: Head, line: bytes, marks: list[Mark]) -> None:
        self.upstream_body = head.size
        self._in_line = head.is_cut
        self._head_mark = len(marks)
        position = self._up_begin + len(line)
        marks.append((HEAD, position))
        if head.expected in (SILENT, QUIT, QUIET):
            marks.append((UNANSWERED, position))
            self._is_run = self._is_run or head.expected == QUIET
            return
        self._outstanding.append(Run(line.split()) if self._is_run else head.expected)
        self._is_run = False

    def _close(self, position: int, marks: list[Mark]) -> None:
        """Mark the end of the open request at *position*, as a whole one if it is in this chunk."""
        opened = self._head_mark
        if opened < 0:
            marks.append((END, position))
        else:
            marks[opened:] = [(kind if kind == UNANSWERED else REQUEST, position) for kind, _ in marks[opened:]]
        self._head_mark = -1

    # Downstream

    def feed_downstream(self, data: bytes) -> Sequence[Mark]:
        """See `BaseProtocol.feed_downstream`."""
        return self._walk_downstream(data)

    def _walk_downstream(self, data: bytes) -> Sequence[Mark]:
        marks: list[Mark] = []
        # Position of the first byte that has not been framed.
        self._down_at -= len(self._kept)
        data = self._kept + data
        try:
            i = self._replies(data, marks)
        except ValueError as error:
            self._end_framing(str(error), self._down_begin, marks, unparsed=True)
            return marks
        self._kept = data[i:]
        self._down_at += len(data)
        self._down_idle = not (self._kept or self.downstream_body or self._listing or self._is_binary)
        return marks

    def _replies(self, data: bytes, marks: list[Mark]) -> int:
        """Frame *data*, which begins at `_down_at`; return where its last whole line or header, or body, ends."""
        outstanding = self._outstanding
        i = 0
        while i < len(data):
            if self.downstream_body:
                step = min(self.downstream_body, len(data) - i)
                self.downstream_body -= step
                i += step
            else:
                self._down_begin = self._down_at + i
                if self._is_binary:
                    part = binary.read_reply(data, i)
                else:
                    part = commands.read_reply(data, i, outstanding[0] if outstanding else ANSWERED, self._listing)
                if part is None:
                    break
                i, self.downstream_body, self._coming = part
                self._listing = not self._coming
                self._settle()
            if self.downstream_body or not self._coming:
                continue
            if self._coming == OPAQUE:
                marks.append((REPLY, self._down_at + i))
                self._end_framing('watch', self._down_at + i, marks)
                break
            if self._coming == REPLY or not self._is_flushing():
                marks.append((self._coming, self._down_at + i))
            self._coming = 0
        return i

    def _is_flushing(self) -> bool:
        """Return whether what comes now belongs to the reply to a command of the proxy's own."""
        run = self._outstanding[0] if self._outstanding else ANSWERED
        return isinstance(run, Run) and run.is_own

    def _settle(self) -> None:
        """Take the request off that a reply is to; without one it is none."""
        if self._coming in (REPLY, OPAQUE):
            if self._outstanding:
                self._outstanding.popleft()
            else:
                self._coming = INTERIM
