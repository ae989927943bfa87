"""Memcached: the text protocol with its meta commands, and the binary one; the first byte tells them apart.

Source: https://github.com/memcached/memcached/blob/master/doc/protocol.txt; where it is silent, or was not followed,
memcached 1.6.18. `Memcache` walks through both; how a head is read is here for the text protocol, and in
`memcache_binary` for the other. Small messages of the text protocol have a short way that must agree with the walk.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from vaurien.framing import memcache_binary as binary
from vaurien.framing.error_reply import INJECTED, ErrorReply
from vaurien.framing.head import MAX_HEAD
from vaurien.framing.marks import END, HEAD, INTERIM, OPAQUE, REPLY, REQUEST, UNANSWERED, Mark
from vaurien.framing.memcache_binary import ANSWERED, QUIET, QUIT, SILENT, WATCH, Head, Part
from vaurien.plugins.options import Line
from vaurien.protocols.base import BaseProtocol

#: protocol.txt, "Error strings".
_KIND = re.compile(r'ERROR$|(?:CLIENT|SERVER)_ERROR ')
#: The longest data block.
_SIZE_MAX = (1 << 31) - 3

#: Commands that always are a line with one reply.
_PLAIN = {b'get', b'gets', b'gat', b'gats', b'mn', b'me', b'version', b'stats'}
#: Those whose lines have no limit. Memcached itself has one for gat.
_RETRIEVAL = (b'get ', b'gets ', b'gat ', b'gats ')
#: Commands with a data block: how many words they have without ``noreply``.
_STORAGE = {b'set': 5, b'add': 5, b'replace': 5, b'append': 5, b'prepend': 5, b'cas': 6}
#: Other commands that take ``noreply`` as their last word: how many words they must then have. With more or fewer they
#: are answered ERROR before memcached looks at that word.
_NOREPLY = {
    **dict.fromkeys((b'incr', b'decr', b'touch', b'delete'), (3, 4)),
    **dict.fromkeys((b'flush_all', b'verbosity', b'cache_memlimit'), (2, 3)),
    **dict.fromkeys((b'slabs', b'lru'), (3, 24)),
}
#: Meta commands that may be quiet.
_META = {b'mg', b'ms', b'md', b'ma'}
#: What these are answered.
_META_REPLIES = {b'VA', b'HD', b'NS', b'EX', b'NF'}

#: Lines that a data block follows: which of their words is its size.
_SIZED = {b'VALUE': 3, b'VA': 1}
#: Lines that others of the reply follow: stats, stats cachedump, stats detail dump, lru_crawler mgdump.
_LISTED = {b'STAT', b'ITEM', b'PREFIX', b'mg'}
#: What ends such a list.
_LIST_ENDS = {b'END', b'EN', b'ERROR', b'CLIENT_ERROR', b'SERVER_ERROR'}
_ONE_LINE = {
    word + b'\r\n'
    for word in b'STORED END NOT_STORED EXISTS NOT_FOUND DELETED TOUCHED OK HD EN NF NS EX MN RESET ERROR'.split()
}


class _Run:
    """What quiet commands and the one after them expect: the reply to that one."""

    __slots__ = ('last',)

    def __init__(self) -> None:
        #: The words of the one that is not quiet; empty: it has not come.
        self.last: list[bytes] = []

    def ends_with(self, reply: list[bytes]) -> bool:
        """Whether a reply, by the words of its line, is that to the last command.

        Not always to be known: an error does not say whose it is, nor does a reply without opaque and key. It is taken
        for the last, unless that is ``mn``; one more then arrives unasked for.
        """
        if not self.last:
            return False
        name = self.last[0]
        if name == b'mn':
            return reply[0] == b'MN'
        return reply[0] not in _META_REPLIES or (name in _META and _echoed(reply[1:]) == _echo(self.last))


def _echo(command: list[bytes]) -> set[bytes]:
    """Which of a meta command's words are in its reply: its opaque, and its key if it asks for it."""
    return {b'k' + command[1] if word[:1] == b'k' else word for word in command[2:] if word[:1] in (b'O', b'k')}


def _echoed(words: list[bytes]) -> set[bytes]:
    return {word for word in words if word[:1] in (b'O', b'k')}


def _read_request(data: bytes, i: int) -> Head | None:
    """The command line at *i*; None: it is not complete. Raises ValueError."""
    if not (32 <= data[i] < 127 or data[i] in b'\r\n\t'):
        raise ValueError(f'a command that begins with {binary.escape(data[i : i + 8])!r}')
    end = data.find(b'\n', i, i + MAX_HEAD) + 1
    if end:
        return _understand(data[i:end].rstrip(b'\r\n').split(b' '), end)
    if len(data) - i < MAX_HEAD:
        return None
    if not data.startswith(_RETRIEVAL, i):
        raise ValueError(f'a command of more than {MAX_HEAD} bytes')
    return Head(i + MAX_HEAD, is_cut=True)


def _understand(words: list[bytes], end: int) -> Head:
    """A command line of these words; a size that memcached would not take is followed by no data block."""
    words = [word for word in words if word]
    name = words[0] if words else b''
    if name in _PLAIN:
        return Head(end)
    count = len(words)
    if name in _STORAGE:
        usual = _STORAGE[name]
        is_silent = count == usual + 1 and words[-1] == b'noreply'
        size = _block(words[4]) if usual <= count <= usual + 1 else 0
        return Head(end, size, SILENT if is_silent else ANSWERED)
    if name in _META:
        is_quiet = any(word[:1] == b'q' for word in words[2:])
        size = _block(words[2]) if name == b'ms' and count > 2 else 0
        return Head(end, size, QUIET if is_quiet else ANSWERED)
    if name in _NOREPLY:
        least, most = _NOREPLY[name]
        return Head(end, 0, SILENT if words[-1] == b'noreply' and least <= count <= most else ANSWERED)
    return Head(end, 0, {b'quit': QUIT, b'watch': WATCH}.get(name, ANSWERED))


def _block(size: bytes) -> int:
    """How long a data block with its line end is; 0 where *size* is no size."""
    return int(size) + 2 if size.isdigit() and len(size) <= 10 and int(size) <= _SIZE_MAX else 0


def _read_reply(data: bytes, i: int, expected: _Run | int, listing: bool) -> Part | None:
    """The line of a reply at *i*; None: it is not complete. Raises ValueError.

    *listing*: it goes on with a list.
    """
    end = data.find(b'\n', i, i + MAX_HEAD) + 1
    if not 32 < data[i] < 127 or (not end and len(data) - i >= MAX_HEAD):
        raise ValueError(f'a reply that begins with {binary.escape(data[i : i + 8])!r}')
    if not end:
        return None
    words = data[i:end].split()
    word = words[0]
    size = 0
    at = _SIZED.get(word)
    if at is not None:
        size = _block(words[at]) if len(words) > at else 0
        if not size:
            raise ValueError(f'a value of unknown size: {binary.escape(data[i:end])!r}')
    if word == b'VALUE' or word in _LISTED or word.startswith(b'key='):  # lru_crawler metadump
        return Part(end, size, 0)
    if listing and word not in _LIST_ENDS:
        raise ValueError(f'a list that ends with {binary.escape(data[i:end])!r}')
    if isinstance(expected, _Run):
        return Part(end, size, REPLY if expected.ends_with(words) else INTERIM)
    return Part(end, size, OPAQUE if expected == WATCH and word == b'OK' else REPLY)


class Memcache(BaseProtocol):
    """The text and the binary protocol. An error is ``SERVER_ERROR`` or the status 0x84; the connection stays open.

    A head is a command line; in the binary protocol, header, extras and key. Quiet meta commands, which may be answered
    or not, are one request with the first one after them that is not quiet; its reply is that of the last. Quiet
    binary commands get no reply; what comes nevertheless is known by its opcode. A link becomes opaque when ``watch``
    is granted.
    """

    name = 'memcache'
    error_options = {'message': ('Text, with its kind unless that is SERVER_ERROR', Line, INJECTED)}

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(options)
        self._is_begun = self._is_binary = False
        # Where the message begins that is refused if what comes next does not parse.
        self._up_begin = self._down_begin = 0
        self._held = self._kept = b''
        # Nothing is pending: what comes next begins with a command, or a reply, of the text protocol.
        self._up_idle = False
        self._down_idle = True
        # The HEAD mark of the open request among those of this chunk; -1: it was in an earlier one.
        self._head_mark = -1
        # The rest of a command line is passing.
        self._in_line = False
        # Quiet commands that are waiting for one that is not.
        self._run: _Run | None = None
        self._outstanding: deque[_Run | int] = deque()
        # The mark due after the body that is passing; whether a list goes on.
        self._due = 0
        self._listing = False

    def feed_upstream(self, data: bytes) -> tuple[bytes, Sequence[Mark]]:
        """See `BaseProtocol.feed_upstream`."""
        end = data.find(b'\n', 0, MAX_HEAD) + 1
        if not (self._up_idle and end):
            return self._walk_upstream(data)
        if end != len(data):
            words = data[:end].split(b' ')
            if len(words) != 5 or words[0] != b'set' or b'' in words:
                return self._walk_upstream(data)
            if end + _block(words[4].rstrip(b'\r\n')) != len(data):
                return self._walk_upstream(data)
        elif not data.startswith(b'get '):
            return self._walk_upstream(data)
        self._up_at = at = self._up_at + len(data)
        self._outstanding.append(ANSWERED)
        return data, ((REQUEST, at),)

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
        is_pending = self.upstream_body or self._held or self._in_line or self._run
        self._up_idle = not (is_pending or self._is_binary)
        return data[:i] if self._held else data, marks

    def _requests(self, data: bytes, marks: list[Mark]) -> int:
        """Frame *data*, which begins at `_up_at`, and give where its last whole head, or what follows it, ends."""
        read = binary.read_request if self._is_binary else _read_request
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
            if not (self.upstream_body or self._in_line or self._run):
                self._close(self._up_at + i, marks)
        return i

    def _open(self, head: Head, line: bytes, marks: list[Mark]) -> None:
        self.upstream_body = head.size
        self._in_line = head.is_cut
        expected: _Run | int = head.expected
        if self._run is not None:
            if expected not in (QUIET, SILENT):
                self._run.last = line.split()
                self._run = None
            return
        self._head_mark = len(marks)
        position = self._up_begin + len(line)
        marks.append((HEAD, position))
        if expected in (SILENT, QUIT):
            marks.append((UNANSWERED, position))
            return
        if expected == QUIET:
            expected = self._run = _Run()
        self._outstanding.append(expected)

    def _close(self, position: int, marks: list[Mark]) -> None:
        """The open request ends here: mark it, as a whole one if it is in this chunk."""
        opened = self._head_mark
        if opened < 0:
            marks.append((END, position))
        else:
            marks[opened:] = [(kind if kind == UNANSWERED else REQUEST, position) for kind, _ in marks[opened:]]
        self._head_mark = -1

    def end_upstream(self) -> bytes:
        """Give what was held back."""
        held, self._held = self._held, b''
        return held

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
            size = _block(words[3])
            if not size or end + size + 5 != len(data):
                return self._walk_downstream(data)
        self._down_at = at = self._down_at + len(data)
        outstanding.popleft()
        return ((REPLY, at),)

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
        """Frame *data*, which begins at `_down_at`, and give where its last whole line or header, or body, ends."""
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
                    part = _read_reply(data, i, outstanding[0] if outstanding else ANSWERED, self._listing)
                if part is None:
                    break
                i, self.downstream_body, self._due = part
                self._listing = not self._due
                self._settle()
            if self.downstream_body or not self._due:
                continue
            if self._due == OPAQUE:
                marks.append((REPLY, self._down_at + i))
                self._end_framing('watch', self._down_at + i, marks)
                break
            marks.append((self._due, self._down_at + i))
            self._due = 0
        return i

    def _settle(self) -> None:
        """Take the request off that a reply is to; without one it is none."""
        if self._due in (REPLY, OPAQUE):
            if self._outstanding:
                self._outstanding.popleft()
            else:
                self._due = INTERIM

    def withdraw(self) -> None:
        """The oldest request was answered by the proxy: forget it."""
        if self._outstanding:
            self._outstanding.popleft()

    def describe(self, request: bytes) -> str:
        """Command and first key (``get user:1``), escaped. A block of data, which may be a password, is not read."""
        if request.startswith(binary.MAGIC):
            return binary.describe(request) or super().describe(request)
        words = request.partition(b'\n')[0].split(None, 3)
        if not words:
            return super().describe(request)
        key = 2 if words[0] in (b'gat', b'gats') else 1
        return binary.escape(b' '.join(words[:1] + words[key : key + 1]))

    def error(self, message: str = INJECTED) -> ErrorReply:
        """``SERVER_ERROR``, unless *message* begins with another kind, or the status 0x84, unless it says what else."""
        if self.request.startswith(binary.MAGIC):
            return binary.error(self.request, message)
        kind = '' if _KIND.match(message) else 'SERVER_ERROR '
        return ErrorReply(f'{kind}{message}\r\n'.encode(), self.request[:8].split()[:1] == [b'quit'])
