"""The full way to frame HTTP: any bytes, cut at any places."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import httptools

from vaurien.framing.marks import END, HEAD, INTERIM, NOTHING, REPLY, REQUEST, Mark
from vaurien.protocols.framed import Framed
from vaurien.protocols.http.body import UNTIL_CLOSE, Body, read_length
from vaurien.protocols.http.heads import (
    DEAF,
    REQUEST_LINE,
    STATUS_LINE,
    check,
    check_beginning,
    describe_upgrade,
    find_end,
    has_open_line,
    is_last,
    simplify,
)

_HOST = re.compile(rb'\r\n[Hh][Oo][Ss][Tt]:[ \t]*((?:[^\r\n]*[^\r\n \t])?)')
_DEFAULT_PORT = ':80'

# What the oldest requests were, as far as it changes what a reply looks like (RFC 9112, 6.3).
PLAIN, _TO_HEAD, _TO_CONNECT = range(3)
_METHODS = {b'HEAD': _TO_HEAD, b'CONNECT': _TO_CONNECT}
#: Statuses of replies without a body; those from 100 to 199 are no replies yet.
BODILESS = {b'204', b'304'}
INTERIM_CLASS = b'1'


class FramedHTTP(Framed[int]):
    """HTTP/1.0 and HTTP/1.1.

    Framing ends with 101 (Switching Protocols) and with a 2xx reply to CONNECT.
    """

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(options)
        # What to write in Host headers.
        self._host = b''
        self._up = Body()
        self._down = Body()
        # Where the message begins that does not parse if what comes next does not.
        self._up_begin = self._down_begin = 0
        # Parsers that have been fed the beginning of a head that is held back, upstream, or kept, downstream.
        self._up_trial: httptools.HttpRequestParser | None = None
        self._down_trial: httptools.HttpResponseParser | None = None
        self._kind = REPLY
        # Whether the head that is held has not got beyond its target.
        self._is_in_target = False
        # Whether the connection ends behind the request that was opened last.
        self._is_last = False

    def _set_host(self, backend: str) -> None:
        """Write *backend* in Host headers, without the default port (RFC 9110, 7.2)."""
        self._host = backend.removesuffix(_DEFAULT_PORT).encode('ascii' if backend.isascii() else 'idna')

    def _overwrite_host(self, data: bytes, end: int) -> bytes:
        """Return *data*, a request whose head ends at *end*, with the backend for its host."""
        host = _HOST.search(data, 0, end)
        if host is None or host[1] == self._host:
            return data
        return data[: host.start(1)] + self._host + data[host.end(1) :]

    # Upstream

    def feed_upstream(self, data: bytes) -> tuple[bytes, Sequence[Mark]]:
        """See `BaseProtocol.feed_upstream`; RFC 9112, 2.2, 3 and 6."""
        return self._walk_upstream(data)

    def _walk_upstream(self, data: bytes) -> tuple[bytes, Sequence[Mark]]:
        self._up.begin_stretch(self.upstream_body)
        known = len(self._held)
        data, self._held = self._held + data if known else data, b''
        marks: list[Mark] = []
        pieces: list[bytes] = []
        i = done = 0
        # Position of the first byte of data, as if all of it were given back as it is.
        base = self._up_at
        try:
            while i < len(data):
                if self._up.open:
                    i = self._up.walk(data, i)
                    if not self._up.open:
                        marks.append((END, base + i))
                    continue
                if self._is_last or self.backend_leaves:
                    i = len(data)
                    break
                self._up_begin = base + i
                end = find_end(data, i, known)
                if end < 0:
                    break
                head = data[i:end]
                length = self._begin_request(head)
                given = self._overwrite_host(head, len(head)) if self._host else head
                if given is not head:
                    pieces += data[done:i], given
                    done = end
                    base += len(given) - len(head)
                i = self._open(length, data, end, base, marks)
            self._hold(data, i, known)
        except ValueError as error:
            self._end_framing(str(error), self._up_begin, marks, unparsed=True)
            i = len(data)
        self._up_at = base + i
        self.upstream_body = self._up.left
        if pieces:
            return b''.join([*pieces, data[done:i]]), marks
        return data if i == len(data) else data[:i], marks

    def _begin_request(self, head: bytes) -> int:
        """Check a whole head, expect a reply to it and return how long its body is. Raise ValueError if it is none."""
        self._up_trial = None
        line = REQUEST_LINE.match(head)
        if line is None:
            raise ValueError('not a request of HTTP/1.x')
        check(httptools.HttpRequestParser(DEAF), simplify(head))
        self._is_last = is_last(head)
        kind = _METHODS.get(line[1], PLAIN)
        self._outstanding.append(kind)
        return 0 if kind == _TO_CONNECT else read_length(head, 0)

    def _open(self, length: int, data: bytes, end: int, base: int, marks: list[Mark]) -> int:
        """Mark a request whose head ends at *end*, whole if *data* has all of it; return where it, or *data*, ends."""
        self._up.begin(length)
        self._up_begin = base + end
        opened = len(marks)
        marks.append((HEAD, self._up_begin))
        i = self._up.walk(data, end)
        if not self._up.open:
            marks[opened] = (REQUEST, base + i)
        return i

    def _hold(self, data: bytes, i: int, known: int) -> None:
        """Hold back the incomplete head that *data* ends with at *i*. Raise ValueError if it cannot become one."""
        head, news = data[i:], data[known:]
        # What was looked at before is not looked at again, however small the pieces are.
        is_open = (self._is_in_target and b'\r' not in news and b'\n' not in news) or has_open_line(head)
        if not is_open:
            if self._up_trial is None:
                self._up_trial, news = httptools.HttpRequestParser(DEAF), simplify(head)
            check_beginning(self._up_trial, head, news, REQUEST_LINE)
        self._is_in_target = is_open and b' ' in head
        self._held = head

    # Downstream

    def feed_downstream(self, data: bytes) -> Sequence[Mark]:
        """See `BaseProtocol.feed_downstream`; RFC 9112, 4 and 6.3."""
        return self._walk_downstream(data)

    def _walk_downstream(self, data: bytes) -> Sequence[Mark]:
        body = self._down
        body.begin_stretch(self.downstream_body)
        base = self._down_at - len(self._kept)
        data = self._kept + data
        marks: list[Mark] = []
        i = 0
        try:
            while i < len(data):
                if body.open:
                    i = body.walk(data, i)
                    if not body.open:
                        marks.append(self._end_response(base + i))
                    continue
                self._down_begin = base + i
                end = find_end(data, i)
                if end < 0:
                    break
                i = end if self._begin_response(data[i:end], base + end, marks) else len(data)
            self._keep(data, i)
        except ValueError as error:
            self._end_framing(str(error), self._down_begin, marks, unparsed=True)
        self._down_at = base + len(data)
        self.downstream_body = body.left
        return marks

    def _begin_response(self, head: bytes, end: int, marks: list[Mark]) -> bool:
        """Check a whole head that ends at position *end*, and mark what ends with it; return False if framing does.

        Raise ValueError if it is no head of a response.
        """
        self._down_trial = None
        line = STATUS_LINE.match(head)
        if line is None:
            raise ValueError('not a response of HTTP/1.x')
        status = line[1]
        request = self._outstanding[0] if self._outstanding else PLAIN
        if status == b'101' or (request == _TO_CONNECT and status[:1] == b'2'):
            self._end_framing(describe_upgrade(head) if status == b'101' else 'CONNECT', self._down_begin, marks)
            return False
        check(httptools.HttpResponseParser(DEAF), head)
        if status[:1] == INTERIM_CLASS:
            marks.append((INTERIM, end))
            return True
        self.backend_leaves = self.backend_leaves or is_last(head)
        # One that nobody asked for is no reply: 408 (Request Timeout), say.
        self._kind = REPLY if self._outstanding else INTERIM
        bodiless = request == _TO_HEAD or status in BODILESS
        self._down.begin(0 if bodiless else read_length(head, UNTIL_CLOSE))
        if not self._down.open:
            marks.append(self._end_response(end))
        return True

    def _end_response(self, position: int) -> Mark:
        if self._kind == REPLY and self._outstanding:
            self._outstanding.popleft()
        return self._kind, position

    def _keep(self, data: bytes, i: int) -> None:
        """Keep the incomplete head that *data* ends with at *i*. Raise ValueError if it cannot become one."""
        known = len(self._kept)
        self._kept = data[i:]
        if self._kept:
            if self._down_trial is None:
                self._down_trial, known = httptools.HttpResponseParser(DEAF), i
            check_beginning(self._down_trial, self._kept, data[known:], STATUS_LINE)

    @property
    def is_replying(self) -> bool:
        """Whether the body of a reply is on its way."""
        return self._down.open and self._kind == REPLY

    def end_downstream(self) -> Sequence[Mark]:
        """End a body that only the close delimits (RFC 9112, 6.3, item 8)."""
        body = self._down
        if not (body.open and body.until_close):
            return NOTHING
        body.begin(0)
        self.downstream_body = 0
        return (self._end_response(self._down_at),)
