"""The quick way to frame HTTP: whole small messages, of which only Content-Length is read, and httptools asked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import httptools

from vaurien.framing.head import MAX_HEAD
from vaurien.framing.marks import REPLY, REQUEST, Mark
from vaurien.native.course import HOST_MAX, Course
from vaurien.protocols.http.framing import BODILESS, INTERIM_CLASS, PLAIN, FramedHTTP
from vaurien.protocols.http.heads import DEAF, HEAD_END

_LENGTH = re.compile(rb'\r\n[Cc]ontent-[Ll]ength: ([0-9]{1,18})\r')
#: Where a head may say that the connection ends.
_CLOSE = re.compile(rb'\n(?i:connection):[^\r\n]*(?i:close)')
#: First bytes of a request that may be HEAD or CONNECT, or begin with an empty line.
_UNUSUAL = b'HC\r\n'
_USUAL_VERSION = b'HTTP/1.1 '
# Of `Course.status`: who has said that the connection ends.
_CLIENT, _BACKEND = 1, 2


class _Completion:
    """Counts messages that a parser has found complete."""

    __slots__ = ('count',)

    def __init__(self) -> None:
        self.count = 0

    def on_message_complete(self) -> None:
        self.count += 1


class QuickHTTP(FramedHTTP):
    """Finds one whole request, one whole reply with a length; leaves everything else to the full way.

    The parsers of httptools are used again for every message, as long as each was whole and taken.
    """

    twin = 'http'
    ordinary_kinds = (PLAIN,)

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(options)
        self._requests: httptools.HttpRequestParser | None = None
        self._responses: httptools.HttpResponseParser | None = None
        self._completion = _Completion()

    @property
    def ordinary(self) -> Course | None:
        """See `BaseProtocol.ordinary`."""
        is_open = self._held or self._up.open or self._kept or self._down.open or self.opaque
        if is_open or len(self._host) > HOST_MAX:
            return None
        return self._make_course(host=self._host, status=_CLIENT * self._is_last | _BACKEND * self.backend_leaves)

    def advance(self, up: int, down: int, course: Course) -> None:
        """See `BaseProtocol.advance`. A message that is open lacks the rest of a body of known length."""
        super().advance(up, down, course)
        self._up.begin(course.up_left)
        self._down.begin(course.down_left)
        self._kind = REPLY
        self._is_last = bool(course.status & _CLIENT)
        self.backend_leaves = bool(course.status & _BACKEND)

    def feed_upstream(self, data: bytes) -> tuple[bytes, Sequence[Mark]]:
        """See `BaseProtocol.feed_upstream`."""
        if self._held or self._up.open or self._is_last or self.backend_leaves:
            return self._walk_upstream(data)
        end = data.find(HEAD_END) + len(HEAD_END)
        whole = end == len(data) or _is_whole(data, end)
        is_usual = whole and end <= MAX_HEAD and data[0] not in _UNUSUAL and not _CLOSE.search(data, 0, end)
        if not is_usual or not self._is_plain_request(data):
            return self._walk_upstream(data)
        if self._host:
            data = self._overwrite_host(data, end)
        self._up_at = at = self._up_at + len(data)
        self._outstanding.append(PLAIN)
        return data, ((REQUEST, at),)

    def _is_plain_request(self, data: bytes) -> bool:
        """Return whether httptools takes *data* for one whole request."""
        parser = self._requests
        if parser is None:
            parser = self._requests = httptools.HttpRequestParser(self._completion)
        before = self._completion.count
        try:
            parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._requests = None
            return False
        if self._completion.count == before:
            self._requests = None
            return False
        return parser.get_http_version() == '1.1'

    def feed_downstream(self, data: bytes) -> Sequence[Mark]:
        """See `BaseProtocol.feed_downstream`."""
        outstanding = self._outstanding
        if not outstanding or outstanding[0] != PLAIN or self._down.open or self._kept:
            return self._walk_downstream(data)
        end = data.find(HEAD_END) + len(HEAD_END)
        if not _is_whole(data, end) or _CLOSE.search(data, 0, end) or not self._is_plain_response(data, end):
            return self._walk_downstream(data)
        outstanding.popleft()
        self._down_at = at = self._down_at + len(data)
        return ((REPLY, at),)

    def _is_plain_response(self, data: bytes, end: int) -> bool:
        """Return whether httptools takes *data* for a response, and one that has a body."""
        if not data.startswith(_USUAL_VERSION) or data[9:10] <= INTERIM_CLASS or data[9:12] in BODILESS:
            return False
        if self._responses is None:
            self._responses = httptools.HttpResponseParser(DEAF)
        try:
            self._responses.feed_data(data)
        except httptools.HttpParserError:
            self._responses = None
            return False
        return end <= MAX_HEAD


def _is_whole(data: bytes, end: int) -> bool:
    """Return whether *data*, with a head that ends at *end*, looks like one whole message with a body."""
    length = _LENGTH.search(data, 0, end)
    return length is not None and end + int(length[1]) == len(data)
