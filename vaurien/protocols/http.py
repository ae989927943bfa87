"""HTTP/1.0 and HTTP/1.1 (RFC 9112).

Where heads and bodies end is decided here, what a valid head is by httptools: it does not say at which byte a message
ended, nor can it be told that a reply to HEAD has no body. Whole small messages are found in two ways that must agree:
a quick one that only looks for Content-Length, and `_walk_upstream` and `_walk_downstream` for everything else.
"""

from __future__ import annotations

import re
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any, ClassVar

import httptools
from msgspec import Meta

from vaurien.framing.error_reply import INJECTED, ErrorReply
from vaurien.framing.head import MAX_HEAD, TEXT_MAX, escape
from vaurien.framing.http_headers import Headers
from vaurien.framing.lines import Lines
from vaurien.framing.marks import END, HEAD, INTERIM, NOTHING, REPLY, REQUEST, Mark
from vaurien.plugins.options import Line, Option
from vaurien.protocols.base import BaseProtocol

CRLF = b'\r\n'
HEAD_END = CRLF + CRLF
_METHOD_AND_TARGET = re.compile(rb'[\r\n]*([^ \r\n]*(?: [^ \r\n]*)?)')
_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_DEFAULT_PORT = ':80'

_EMPTY_LINES = re.compile(rb'[\r\n]*')
_REQUEST_LINE = re.compile(rb'[\r\n]*([^ \r\n]+) [^\r\n]* HTTP/1\.[01]\r\n')
_STATUS_LINE = re.compile(rb'[\r\n]*HTTP/1\.[01] ([1-9][0-9][0-9])')
# Headers, in a head that httptools took: no folded lines, no spaces before a colon.
_FRAMING = re.compile(rb'\n(?i:(content-length|transfer-encoding)):[ \t]*([^\r\n]*)')
_LENGTH = re.compile(rb'\r\n[Cc]ontent-[Ll]ength: ([0-9]{1,18})\r')
_HOST = re.compile(rb'\r\n[Hh][Oo][Ss][Tt]:[ \t]*((?:[^\r\n]*[^\r\n \t])?)')
_UPGRADE = re.compile(rb'\n(?i:upgrade):[ \t]*([^\r\n,]*)')
_CONNECTION = re.compile(rb'\n(?i:connection):([^\r\n]*)')
_CONTINUE = re.compile(rb'\n(?i:expect:[ \t]*100-continue)')
# Lines of a chunked body (RFC 9112, 7.1).
_CHUNK_SIZE = re.compile(rb'([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?')
_PLAIN_CHUNK = re.compile(rb'(?!0+\r)([0-9A-Fa-f]{1,15})\r\n')
_TRAILER = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\r\n\0]*")

# How long a body is, where it is not a number of bytes.
_CHUNKED, _UNTIL_CLOSE = -1, -2
#: As good as endless.
_ENDLESS = sys.maxsize

# What the oldest requests were, as far as it changes what a reply looks like (RFC 9112, 6.3).
_PLAIN, _TO_HEAD, _TO_CONNECT = range(3)
_METHODS = {b'HEAD': _TO_HEAD, b'CONNECT': _TO_CONNECT}
#: First bytes of a request that may be HEAD or CONNECT, or begin with an empty line.
_UNUSUAL = b'HC\r\n'
_BODILESS = {b'204', b'304'}
_USUAL_VERSION = b'HTTP/1.1 '
_INTERIM_CLASS = b'1'
#: For a parser that is only asked whether it takes the bytes.
_DEAF = object()


class _Completion:
    """Hears from a parser that a message is complete."""

    __slots__ = ('reached',)

    def __init__(self) -> None:
        self.reached = False

    def on_message_complete(self) -> None:
        self.reached = True


class _Body(Lines):
    """Walks over a body (RFC 9112, 6 and 7.1): one stretch, or chunks and their lines."""

    __slots__ = ('chunk_line', 'open', 'until_close')

    def __init__(self) -> None:
        super().__init__()
        #: Whether the message goes on.
        self.open = False
        self.until_close = False
        #: For a chunked body, what the next line is.
        self.chunk_line = ''

    def begin(self, length: int) -> None:
        """A body of *length* bytes comes next, or of one of the other kinds."""
        self.open = length != 0
        self.until_close = length == _UNTIL_CLOSE
        self.left = _ENDLESS if self.until_close else max(length, 0)
        self.chunk_line = 'size' if length == _CHUNKED else ''

    def walk(self, data: bytes, i: int) -> int:
        """Go on at *i* until the body or *data* ends; raises ValueError."""
        end = len(data)
        while self.open and i < end:
            if self.left:
                i = self.stretch(data, i)
                self.open = bool(self.left or self.chunk_line)
                continue
            if self.chunk_line == 'size' and not self.kept:
                i = self._walk_chunks(data, i)
            line, i = self.line(data, i)
            if line is not None:
                self._take(line)
        return i

    def _walk_chunks(self, data: bytes, i: int) -> int:
        """Pass over the chunks at *i* that are whole and have no extensions."""
        while size := _PLAIN_CHUNK.match(data, i):
            end = size.end() + int(size[1], 16) + 2
            if data[end - 2 : end] != CRLF:
                break
            i = end
        return i

    def _take(self, line: bytes) -> None:
        if self.chunk_line == 'size':
            size = _CHUNK_SIZE.fullmatch(line)
            if size is None:
                raise ValueError(f'a chunk of size {escape(line[:20])!r}')
            self.left = int(size[1], 16)
            self.chunk_line = 'end' if self.left else 'trailer'
        elif self.chunk_line == 'end':
            if line:
                raise ValueError('a chunk longer than it says')
            self.chunk_line = 'size'
        elif not line:
            self.open = False
        elif not _TRAILER.fullmatch(line):
            raise ValueError(f'a trailer {escape(line[:20])!r}')


class HTTP(BaseProtocol):
    """HTTP/1.x. An error is a 500, 501, 502 or 503; the connection stays open where the request lets it.

    Framing ends with 101 (Switching Protocols) and with a 2xx reply to CONNECT.
    """

    name = 'http'
    options: ClassVar[Mapping[str, Option]] = {
        'overwrite-host-header': ('Replace the Host header of requests by the backend (true or false)', bool, True),
    }
    error_options: ClassVar[Mapping[str, Option]] = {
        'code': ('Status (none: 500, 501, 502 or 503)', Annotated[int, Meta(ge=400, le=599)] | None, None),
        'reason': ('Text after the status (none: the usual one)', Line | None, None),
        'headers': ('More header fields: names and values, or lines of Name: value', Headers | None, None),
        'body': ('Body (none: a line of text)', str | None, None),
        'retry_after': ('Seconds in the header field Retry-After', Annotated[int, Meta(ge=0)] | None, None),
    }
    stateless = True

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(options)
        self._host = b''
        self._up = _Body()
        self._down = _Body()
        # Where the message begins that is refused if what comes next does not parse.
        self._up_begin = self._down_begin = 0
        # The beginning of a head, held back upstream, only remembered downstream; and a parser that has been fed it.
        self._up_head = self._down_head = b''
        self._up_trial: httptools.HttpRequestParser | None = None
        self._down_trial: httptools.HttpResponseParser | None = None
        # Parsers that have been fed nothing but whole messages, as long as those were taken.
        self._requests: httptools.HttpRequestParser | None = None
        self._responses: httptools.HttpResponseParser | None = None
        self._completion = _Completion()
        self._outstanding: deque[int] = deque()
        self._kind = REPLY

    def set_backend(self, backend: str) -> None:
        """Take what to write in Host headers, without the default port (RFC 9110, 7.2)."""
        if self.option('overwrite-host-header'):
            self._host = backend.removesuffix(_DEFAULT_PORT).encode('ascii' if backend.isascii() else 'idna')

    def feed_upstream(self, data: bytes) -> tuple[bytes, Sequence[Mark]]:
        """See `BaseProtocol.feed_upstream`; RFC 9112, 2.2, 3 and 6."""
        if self._up_head or self._up.open:
            return self._walk_upstream(data)
        end = data.find(HEAD_END) + len(HEAD_END)
        whole = end == len(data) or _is_whole(data, end)
        if not whole or end > MAX_HEAD or data[0] in _UNUSUAL or not self._is_plain_request(data):
            return self._walk_upstream(data)
        if self._host:
            data = self._overwrite_host(data, end)
        self._up_at = at = self._up_at + len(data)
        self._outstanding.append(_PLAIN)
        return data, ((REQUEST, at),)

    def _is_plain_request(self, data: bytes) -> bool:
        """Whether httptools takes *data* for one whole request."""
        parser = self._requests
        if parser is None:
            parser = self._requests = httptools.HttpRequestParser(self._completion)
        self._completion.reached = False
        try:
            parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._requests = None
            return False
        if not self._completion.reached:
            self._requests = None
            return False
        return parser.get_http_version() == '1.1'

    def _overwrite_host(self, data: bytes, end: int) -> bytes:
        """*data*, a request whose head ends at *end*, with the backend for its host."""
        host = _HOST.search(data, 0, end)
        if host is None or host[1] == self._host:
            return data
        return data[: host.start(1)] + self._host + data[host.end(1) :]

    def _walk_upstream(self, data: bytes) -> tuple[bytes, Sequence[Mark]]:
        """Frame anything: `feed_upstream` without the short cut."""
        self._up.left = self.upstream_body
        known = len(self._up_head)
        data, self._up_head = self._up_head + data if known else data, b''
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
                self._up_begin = base + i
                end = _head_end(data, i)
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
            self._hold_upstream(data, i, known)
        except ValueError as error:
            self._end_framing(str(error), self._up_begin, marks, unparsed=True)
            i = len(data)
        self._up_at = base + i
        self.upstream_body = self._up.left
        if pieces:
            return b''.join([*pieces, data[done:i]]), marks
        return data if i == len(data) else data[:i], marks

    def _begin_request(self, head: bytes) -> int:
        """Check a whole head and expect a reply to it; give how long its body is, or raise ValueError."""
        self._up_trial = None
        line = _REQUEST_LINE.match(head)
        if line is None:
            raise ValueError('not a request of HTTP/1.x')
        _check(httptools.HttpRequestParser(_DEAF), head)
        kind = _METHODS.get(line[1], _PLAIN)
        self._outstanding.append(kind)
        return 0 if kind == _TO_CONNECT else _body_length(head, 0)

    def _open(self, length: int, data: bytes, end: int, base: int, marks: list[Mark]) -> int:
        """Mark a request whose head ends at *end*, whole if *data* has all of it; give where it, or *data*, ends."""
        self._up.begin(length)
        self._up_begin = base + end
        opened = len(marks)
        marks.append((HEAD, self._up_begin))
        i = self._up.walk(data, end)
        if not self._up.open:
            marks[opened] = (REQUEST, base + i)
        return i

    def _hold_upstream(self, data: bytes, i: int, known: int) -> None:
        """Hold back the incomplete head that *data* ends with at *i*; raises ValueError if it cannot become one."""
        head = data[i:]
        if head:
            if self._up_trial is None:
                self._up_trial, known = httptools.HttpRequestParser(_DEAF), i
            _check_beginning(self._up_trial, head, data[known:], _REQUEST_LINE)
        self._up_head = head

    def end_upstream(self) -> bytes:
        """Give what was held back."""
        held, self._up_head = self._up_head, b''
        return held

    def feed_downstream(self, data: bytes) -> Sequence[Mark]:
        """See `BaseProtocol.feed_downstream`; RFC 9112, 4 and 6.3."""
        outstanding = self._outstanding
        if not outstanding or outstanding[0] != _PLAIN or self._down.open or self._down_head:
            return self._walk_downstream(data)
        end = data.find(HEAD_END) + len(HEAD_END)
        length = _LENGTH.search(data, 0, end)
        if length is None or end + int(length[1]) != len(data) or not self._is_plain_response(data, end):
            return self._walk_downstream(data)
        outstanding.popleft()
        self._down_at = at = self._down_at + len(data)
        return ((REPLY, at),)

    def _is_plain_response(self, data: bytes, end: int) -> bool:
        """Whether httptools takes *data* for a response, and one that has a body."""
        if not data.startswith(_USUAL_VERSION) or data[9:10] <= _INTERIM_CLASS or data[9:12] in _BODILESS:
            return False
        if self._responses is None:
            self._responses = httptools.HttpResponseParser(_DEAF)
        try:
            self._responses.feed_data(data)
        except httptools.HttpParserError:
            self._responses = None
            return False
        return end <= MAX_HEAD

    def _walk_downstream(self, data: bytes) -> Sequence[Mark]:
        """Frame anything: `feed_downstream` without the short cut."""
        body = self._down
        body.left = self.downstream_body
        base = self._down_at - len(self._down_head)
        data = self._down_head + data
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
                end = _head_end(data, i)
                if end < 0:
                    break
                i = end if self._begin_response(data[i:end], base + end, marks) else len(data)
            self._remember_downstream(data, i)
        except ValueError as error:
            self._end_framing(str(error), self._down_begin, marks, unparsed=True)
        self._down_at = base + len(data)
        self.downstream_body = body.left
        return marks

    def _begin_response(self, head: bytes, end: int, marks: list[Mark]) -> bool:
        """Check a whole head that ends at position *end*, and mark what ends with it; raises ValueError.

        False: framing ends with it.
        """
        self._down_trial = None
        line = _STATUS_LINE.match(head)
        if line is None:
            raise ValueError('not a response of HTTP/1.x')
        status = line[1]
        request = self._outstanding[0] if self._outstanding else _PLAIN
        if status == b'101' or (request == _TO_CONNECT and status[:1] == b'2'):
            self._end_framing(_upgrade(head) if status == b'101' else 'CONNECT', self._down_begin, marks)
            return False
        _check(httptools.HttpResponseParser(_DEAF), head)
        if status[:1] == _INTERIM_CLASS:
            marks.append((INTERIM, end))
            return True
        # One that nobody asked for is no reply: 408 (Request Timeout), say.
        self._kind = REPLY if self._outstanding else INTERIM
        bodiless = request == _TO_HEAD or status in _BODILESS
        self._down.begin(0 if bodiless else _body_length(head, _UNTIL_CLOSE))
        if not self._down.open:
            marks.append(self._end_response(end))
        return True

    def _end_response(self, position: int) -> Mark:
        if self._kind == REPLY and self._outstanding:
            self._outstanding.popleft()
        return self._kind, position

    def _remember_downstream(self, data: bytes, i: int) -> None:
        """Keep the incomplete head that *data* ends with at *i*; raises ValueError if it cannot become one."""
        known = len(self._down_head)
        self._down_head = data[i:]
        if self._down_head:
            if self._down_trial is None:
                self._down_trial, known = httptools.HttpResponseParser(_DEAF), i
            _check_beginning(self._down_trial, self._down_head, data[known:], _STATUS_LINE)

    def end_downstream(self) -> Sequence[Mark]:
        """End a body that only the close delimits (RFC 9112, 6.3, item 8)."""
        body = self._down
        if not (body.open and body.until_close):
            return NOTHING
        body.begin(0)
        self.downstream_body = 0
        return (self._end_response(self._down_at),)

    def withdraw(self) -> None:
        """The oldest request was answered by the proxy: forget what its reply would have looked like."""
        if self._outstanding:
            self._outstanding.popleft()

    def describe(self, request: bytes) -> str:
        """Method and target as sent (``GET /orders/7``), escaped."""
        words = _METHOD_AND_TARGET.match(request)
        return escape(words[1])[:TEXT_MAX] if words else ''

    def error(
        self,
        code: int | None = None,
        reason: str | None = None,
        headers: Headers | None = None,
        body: str | None = None,
        retry_after: int | None = None,
    ) -> ErrorReply:
        """A response of status *code*, 500 to 503 at random by default, without a Date, there being no clock here."""
        status = code or self.random.choice((500, 501, 502, 503))
        phrase = reason or _PHRASES.get(status, 'Unknown')
        content = (f'{status} {phrase}, {INJECTED}\n' if body is None else body).encode()
        usual = {'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': str(len(content))}
        if retry_after is not None:
            usual['Retry-After'] = str(retry_after)
        head = [f'HTTP/1.1 {status} {phrase}', *(headers or Headers()).over(usual)]
        keeps_alive, is_old = _persistence(self.request)
        if not keeps_alive:
            head.append('Connection: close')
        elif is_old:
            head.append('Connection: keep-alive')
        if _request_line(self.request).startswith(b'HEAD '):
            content = b''
        return ErrorReply('\r\n'.join([*head, '', '']).encode() + content, not keeps_alive)


def _is_whole(data: bytes, end: int) -> bool:
    """Whether *data*, with a head that ends at *end*, looks like one whole message with a body."""
    length = _LENGTH.search(data, 0, end)
    return length is not None and end + int(length[1]) == len(data)


def _head_end(data: bytes, i: int) -> int:
    """Where the head at *i* ends, with the empty lines before it (RFC 9112, 2.2); -1: it is not complete.

    Raises ValueError when it is longer than `MAX_HEAD`.
    """
    start = i
    if data[i] in b'\r\n':
        empty = _EMPTY_LINES.match(data, i)
        start = empty.end() if empty else i
    end = data.find(HEAD_END, start)
    end = end + len(HEAD_END) if end >= 0 else -1
    if (len(data) if end < 0 else end) - i > MAX_HEAD:
        raise ValueError(f'a head of more than {MAX_HEAD} bytes')
    return end


def _check(parser: httptools.HttpRequestParser | httptools.HttpResponseParser, head: bytes) -> None:
    """Raise ValueError if *parser* does not take *head*."""
    try:
        parser.feed_data(head)
    except httptools.HttpParserUpgrade:
        return
    except httptools.HttpParserError as error:
        raise ValueError(str(error)) from None


def _check_beginning(
    parser: httptools.HttpRequestParser | httptools.HttpResponseParser,
    head: bytes,
    news: bytes,
    first_line: re.Pattern[bytes],
) -> None:
    """Raise ValueError if the incomplete *head*, whose end *news* the *parser* does not know, cannot go on well."""
    _check(parser, news)
    if b'\n' in head.lstrip(b'\r\n') and not first_line.match(head):
        raise ValueError('not HTTP/1.x')


def _body_length(head: bytes, otherwise: int) -> int:
    """How long the body after *head* is: bytes, `_CHUNKED` or `_UNTIL_CLOSE` (RFC 9112, 6.3, items 4 to 8)."""
    codings = b''
    for name, value in _FRAMING.findall(head):
        if name[:1] in b'tT':
            codings += b',' + value
        else:
            otherwise = int(value)
    if codings:
        return _CHUNKED if codings.rpartition(b',')[2].strip().lower() == b'chunked' else _UNTIL_CLOSE
    return otherwise


def _persistence(request: bytes) -> tuple[bool, bool]:
    """Whether the connection may stay open after the request (RFC 9112, 9.3), and whether that is of HTTP/1.0."""
    is_old = _request_line(request).endswith(b' HTTP/1.0')
    head = request.lstrip(b'\r\n').partition(HEAD_END)[0]  # a body, or another request, may come after it
    options = {option.strip().lower() for value in _CONNECTION.findall(head) for option in value.split(b',')}
    if b'close' in options or _CONTINUE.search(head):
        return False, is_old
    return not is_old or b'keep-alive' in options, is_old


def _request_line(request: bytes) -> bytes:
    return request.lstrip(b'\r\n').partition(b'\r\n')[0]


def _upgrade(head: bytes) -> str:
    upgrade = _UPGRADE.search(head)
    return f'upgrade to {escape(upgrade[1].strip().lower())}' if upgrade else 'upgrade'
