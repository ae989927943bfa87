"""Redis: RESP2 and RESP3 with pipelining, inline commands, pushes.

Sources: https://redis.io/docs/latest/develop/reference/protocol-spec/ and, where it is silent, ``networking.c`` of
Redis 7. Requests are found in two ways that must agree: `Redis._plain_requests`, a few dictionary look-ups for whole
small commands, and `Redis._walk_upstream` for everything else.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from vaurien.errors import OptionError
from vaurien.framing.error_reply import INJECTED, ErrorReply
from vaurien.framing.head import MAX_HEAD, TEXT_MAX, escape
from vaurien.framing.lines import Lines
from vaurien.framing.marks import END, HEAD, INTERIM, REPLY, REQUEST, UNANSWERED, Mark
from vaurien.plugins.options import Line
from vaurien.protocols.base import BaseProtocol

CRLF = b'\r\n'
#: The kind of an error ("Simple errors"): its first word, in upper case.
_KIND = re.compile(r'[A-Z][A-Z0-9]*(?: |$)')
#: What the server says (server.c, createSharedObjects; cluster.c, clusterRedirectClient).
_MESSAGES = {
    text.partition(' ')[0]: text
    for text in (
        'BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.',
        'CLUSTERDOWN The cluster is down',
        "CROSSSLOT Keys in request don't hash to the same slot",
        'EXECABORT Transaction discarded because of previous errors.',
        'LOADING Redis is loading the dataset in memory',
        "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
        'MISCONF Redis is configured to save RDB snapshots, but it is unable to persist to disk.',
        'NOAUTH Authentication required.',
        'NOREPLICAS Not enough good replicas to write.',
        'NOSCRIPT No matching script. Please use EVAL.',
        "OOM command not allowed when used memory > 'maxmemory'.",
        "READONLY You can't write against a read only replica.",
        'TRYAGAIN Multiple keys request during rehashing of slot',
        'WRONGTYPE Operation against a key holding the wrong kind of value',
    )
}
_REDIRECTIONS = {'MOVED', 'ASK'}
_REDIRECTION = re.compile(r'[A-Z]+ \d+ \S*:\d+')
#: Above this many bytes a chunk is walked, not cut up: it may be one large value.
_PLAIN_MAX = 4 * 1024
#: The longest length line: a type, a sign and 18 digits.
_LENGTH_MAX = 20

# No leading zero: Redis takes none.
_NUMBER = re.compile(rb'0|[1-9][0-9]{0,17}')
_COUNT = re.compile(rb'\*[1-9][0-9]{0,17}')
#: Requests that Redis passes over.
_EMPTIES = re.compile(rb'(?:[ \t\r\v\f]*\n|\*(?:0|-[1-9][0-9]{0,17})\r\n)*')

# What small messages are made of, looked up rather than computed.
#: ``*2`` -> where, in the parts of a request between line ends, its length lines are.
_ARGUMENTS = {b'*%d' % count: range(1, 2 * count, 2) for count in range(1, 65)}
_SEVERAL = {line for line, sizes in _ARGUMENTS.items() if len(sizes) > 1}
#: ``$5`` -> 5.
_SIZES = {b'$%d' % size: size for size in range(1025)}
#: The first line of a value -> how far it is to its end, line ends included.
_SMALL_ARGUMENTS = {line: size + 4 for line, size in _SIZES.items()}
_SMALL_REPLIES = {b'$-1': 2, b'*-1': 2, b'+OK': 2} | _SMALL_ARGUMENTS
#: Types that are one line, as bytes of the stream.
_SIMPLE = b'+-:_#,('
_FAILURE = b'-!'

# What a request expects. An int below zero: that many more replies than the one.
_ORDINARY, _PUBSUB, _MONITOR, _REPLICATION, _HELLO_2, _HELLO_3, _RESET = range(7)
#: A reply that is no error ends the framing.
_ENDING = {_PUBSUB: 'pub/sub', _MONITOR: 'MONITOR', _REPLICATION: 'replication'}
#: A reply that is no error sets the version.
_VERSIONS = {_HELLO_2: 2, _HELLO_3: 3, _RESET: 2}

_HELLO = {b'2': _HELLO_2, b'3': _HELLO_3}
_EXPECTED = {b'MONITOR': _MONITOR, b'SYNC': _REPLICATION, b'PSYNC': _REPLICATION, b'RESET': _RESET}
_SUBSCRIBE = {b'SUBSCRIBE', b'PSUBSCRIBE', b'SSUBSCRIBE'}
_UNSUBSCRIBE = {b'UNSUBSCRIBE', b'PUNSUBSCRIBE', b'SUNSUBSCRIBE'}
_TRANSACTION = {b'MULTI': True, b'EXEC': False, b'DISCARD': False, b'RESET': False}
_SPECIAL = {b'CLIENT', b'HELLO', *_EXPECTED, *_SUBSCRIBE, *_UNSUBSCRIBE, *_TRANSACTION}
#: Commands whose first argument may be, or stand beside, a secret.
_SECRET = {b'AUTH', b'MIGRATE'}

# What the first byte of a value says: one line, a stretch of bytes, or (values per count, whether it is one itself).
_LINE, _BULK = (0, 0), (-1, -1)
_REPLY_TYPES = {
    **dict.fromkeys((b'+', b'-', b':', b'_', b'#', b',', b'('), _LINE),
    **dict.fromkeys((b'$', b'!', b'='), _BULK),
    **dict.fromkeys((b'*', b'~', b'>'), (1, 1)),
    b'%': (2, 1),
    b'|': (2, 0),
}
_ARGUMENT_TYPES = {b'$': _BULK}
_NULLS = {b'$-1', b'*-1'}


class _Values(Lines):
    """Walks RESP values without building them, nested to any depth.

    How many values are still awaited is all there is to know about nesting: an array of n takes the place of one
    awaited value and awaits n, an attribute awaits its pairs and stands for nothing.
    """

    __slots__ = ('awaited', 'in_bulk', 'small', 'types')

    def __init__(self, types: Mapping[bytes, tuple[int, int]], small: Mapping[bytes, int]) -> None:
        super().__init__()
        self.types = types
        self.small = small
        self.awaited = 0
        self.in_bulk = False

    def walk(self, data: bytes, i: int) -> int:
        """Go on at *i* until nothing is awaited or *data* ends; raises ValueError."""
        end = len(data)
        while self.awaited and i < end:
            if self.left:
                i = self.stretch(data, i)
                continue
            if not (self.in_bulk or self.kept):
                i = self._walk_small(data, i)
                if not self.awaited:
                    break
            line, i = self.line(data, i)
            if line is not None:
                self._take(line)
        return i

    def _walk_small(self, data: bytes, i: int) -> int:
        """Pass over the values at *i* that are small and whole."""
        small = self.small
        awaited = self.awaited
        while awaited:
            line_end = data.find(CRLF, i, i + MAX_HEAD)
            if line_end < 0:
                break
            end = line_end + small.get(data[i:line_end], 0)
            if end == line_end or data[end - 2 : end] != CRLF:
                break
            i = end
            awaited -= 1
        self.awaited = awaited
        return i

    def open_bulk(self, size: int) -> None:
        """A bulk string of *size* bytes and its CRLF come next."""
        self.left = size
        self.in_bulk = True

    def _take(self, line: bytes) -> None:
        if self.in_bulk:
            if line:
                raise ValueError('a bulk string longer than it says')
            self.in_bulk = False
            self.awaited -= 1
            return
        type_ = self.types.get(line[:1])
        if type_ is None:
            raise ValueError(f'a value of type {escape(line[:1])!r}')
        if type_ is _LINE or (line in _NULLS and self.types is _REPLY_TYPES):
            self.awaited -= 1
            return
        count = _length(line)
        if type_ is _BULK:
            self.open_bulk(count)
        else:
            per_count, is_value = type_
            self.awaited += count * per_count - is_value


class _Head(NamedTuple):
    """The head of a request: where it ends, its first words, and what follows."""

    end: int
    words: list[bytes]
    #: Arguments in all, the command's name included.
    length: int
    #: Arguments after the head; the first of them, where only its length line is in the head.
    awaited: int = 0
    size: int | None = None
    #: Whether empty requests come before it.
    empties: bool = False


class Redis(BaseProtocol):
    """RESP2 and RESP3. An error is ``-ERR``; the connection stays open.

    A head is the command and its first argument (``CLIENT``: two). Empty requests (``*0``, an empty line) get no reply;
    they are held back and go with the request that follows. A link becomes opaque when MONITOR, replication or, under
    RESP2, a subscription is confirmed.
    """

    name = 'redis'
    error_options = {'message': ('Text with its kind: MOVED 1 host:6379, or LOADING alone', Line, INJECTED)}

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(options)
        self._up = _Values(_ARGUMENT_TYPES, _SMALL_ARGUMENTS)
        self._down = _Values(_REPLY_TYPES, _SMALL_REPLIES)
        # Where the message begins that is refused if what comes next does not parse.
        self._up_begin = self._down_begin = 0
        self._held = b''
        self._busy = False
        self._outstanding: deque[int] = deque()
        self._version = 2
        self._in_transaction = False
        # CLIENT REPLY: nothing is answered; the next request is not.
        self._off = self._skip = False
        # The first byte of the current reply, and whether it is one.
        self._first = b''
        self._kind = REPLY

    def feed_upstream(self, data: bytes) -> tuple[bytes, Sequence[Mark]]:
        """See `BaseProtocol.feed_upstream`; the protocol specification, "Sending commands to a Redis server"."""
        if self._busy or len(data) > _PLAIN_MAX:
            return self._walk_upstream(data, [], 0)
        parts = data.split(CRLF)
        lengths = _ARGUMENTS.get(parts[0])
        if lengths is None or len(parts) != lengths.stop + 2 or parts[2].upper() in _SPECIAL:
            return self._feed_parts(data, parts)
        for k in lengths:
            if _SIZES.get(parts[k]) != len(parts[k + 1]):
                return self._walk_upstream(data, [], 0)
        if parts[-1]:
            return self._walk_upstream(data, [], 0)
        self._up_at = at = self._up_at + len(data)
        self._outstanding.append(_ORDINARY)
        return data, ((REQUEST, at),)

    def _feed_parts(self, data: bytes, parts: list[bytes]) -> tuple[bytes, Sequence[Mark]]:
        """Mark the ordinary requests that *data*, of these *parts*, begins with; walk the rest."""
        at = self._up_at
        last = len(parts) - 1
        part = 0
        marks: list[Mark] = []
        while part < last:
            lengths = _ARGUMENTS.get(parts[part])
            if lengths is None or part + lengths.stop >= last or parts[part + 2].upper() in _SPECIAL:
                break
            end = at + len(parts[part]) + 2
            for k in lengths:
                argument = len(parts[part + k + 1])
                if _SIZES.get(parts[part + k]) != argument:
                    break
                end += len(parts[part + k]) + argument + 4
            else:
                marks.append((REQUEST, end))
                at = end
                part += lengths.stop + 1
                continue
            break
        self._outstanding.extend([_ORDINARY] * len(marks))
        done = at - self._up_at
        self._up_at = at
        return (data, marks) if done == len(data) else self._walk_upstream(data, marks, done)

    def _walk_upstream(self, data: bytes, marks: list[Mark], i: int) -> tuple[bytes, Sequence[Mark]]:
        """Frame *data* from *i* on, where `_up_at` is."""
        self._up.left = self.upstream_body
        if self._held:
            data = self._held + data
            self._held = b''
        # Position of the first byte of data.
        base = self._up_at - i
        try:
            i = self._requests(data, i, base, marks)
        except ValueError as error:
            self._end_framing(str(error), self._up_begin, marks, unparsed=True)
            return data, marks
        self._held = data[i:]
        self._up_at = base + i
        self.upstream_body = self._up.left
        self._busy = bool(self._held or self._up.awaited or self._off or self._skip)
        return data[:i] if self._held else data, marks

    def _requests(self, data: bytes, i: int, base: int, marks: list[Mark]) -> int:
        values = self._up
        while i < len(data):
            if values.awaited:
                i = values.walk(data, i)
                if not values.awaited:
                    marks.append((END, base + i))
                continue
            self._up_begin = base + i
            head = _read_head(data, i)
            if head is None:
                break
            i = self._open(head, data, base, marks)
        return i

    def _open(self, head: _Head, data: bytes, base: int, marks: list[Mark]) -> int:
        """Mark one request, whole if *data* has all of it, and give where it, or *data*, ends."""
        values = self._up
        values.awaited = head.awaited
        if head.size is not None:
            values.open_bulk(head.size)
        opened = len(marks)
        self._up_begin = base + head.end
        marks.append((HEAD, self._up_begin))
        answered = self._expect(head)
        if not answered:
            marks.append((UNANSWERED, self._up_begin))
        end = values.walk(data, head.end)
        if not values.awaited:
            marks[opened:] = [(REQUEST, base + end)] if answered else [(REQUEST, base + end), (UNANSWERED, base + end)]
        return end

    def _expect(self, head: _Head) -> bool:
        """Note what a request expects; False: no reply."""
        name = head.words[0].upper() if head.words else b''
        if name == b'RESET':
            self._off = False
        # An empty request uses up CLIENT REPLY SKIP.
        silent = self._off or (self._skip and not head.empties)
        self._skip = False
        if name in _SUBSCRIBE or name in _UNSUBSCRIBE:
            expected = self._expect_subscription(name, head.length, silent)
        elif name == b'CLIENT' and not self._in_transaction:
            expected = self._expect_client(head, silent)
        elif silent:
            expected = None
        elif name == b'HELLO':
            expected = _HELLO.get(head.words[1] if len(head.words) > 1 else b'', _ORDINARY)
        elif name == b'RESET' or not self._in_transaction:
            expected = _EXPECTED.get(name, _ORDINARY)
        else:
            expected = _ORDINARY
        self._in_transaction = _TRANSACTION.get(name, self._in_transaction)
        if expected is None:
            return False
        self._outstanding.append(expected)
        return True

    def _expect_subscription(self, name: bytes, count: int, silent: bool) -> int | None:
        """Confirmations come one for each channel, as pushes in RESP3, and CLIENT REPLY does not silence them."""
        subscribes = name in _SUBSCRIBE
        if subscribes and count < 2:
            return None if silent else _ORDINARY
        if self._version_to_be() == 3:
            return _ORDINARY if self._in_transaction else None
        if subscribes:
            return _PUBSUB
        return _ORDINARY if self._in_transaction else min(_ORDINARY, 2 - count)

    def _expect_client(self, head: _Head, silent: bool) -> int | None:
        words = [word.upper() for word in head.words[1:3]]
        if head.length == 3 and words[:1] == [b'REPLY']:
            if words[1:] == [b'ON']:
                self._off = silent = False
            elif words[1:] == [b'OFF']:
                self._off = silent = True
            elif words[1:] == [b'SKIP']:
                self._skip = silent = True
        return None if silent else _ORDINARY

    def _version_to_be(self) -> int:
        """The version once all that is outstanding has been answered as asked."""
        for expected in reversed(self._outstanding):
            if expected in _VERSIONS:
                return _VERSIONS[expected]
        return self._version

    def end_upstream(self) -> bytes:
        """Give what was held back."""
        held, self._held = self._held, b''
        return held

    def feed_downstream(self, data: bytes) -> Sequence[Mark]:
        """See `BaseProtocol.feed_downstream`; the protocol specification, "RESP protocol description"."""
        outstanding = self._outstanding
        if self._down.awaited or not outstanding or outstanding[0]:
            return self._walk_downstream(data, [], 0)
        line_end = data.find(CRLF)
        if line_end + _SMALL_REPLIES.get(data[:line_end], 0) != len(data) or not data.endswith(CRLF):
            return self._feed_small(data)
        self._down_at = at = self._down_at + len(data)
        outstanding.popleft()
        return ((REPLY, at),)

    def _feed_small(self, data: bytes) -> Sequence[Mark]:
        """Mark the small ordinary replies that *data* begins with; walk the rest."""
        outstanding = self._outstanding
        at = self._down_at
        i = 0
        marks: list[Mark] = []
        while outstanding and not outstanding[0]:
            line_end = data.find(CRLF, i, i + MAX_HEAD)
            if line_end < 0:
                break
            end = line_end + _SMALL_REPLIES.get(data[i:line_end], 2 if data[i] in _SIMPLE else 0)
            if end == line_end or data[end - 2 : end] != CRLF:
                break
            i = end
            outstanding.popleft()
            marks.append((REPLY, at + i))
        self._down_at = at + i
        return marks if i == len(data) else self._walk_downstream(data, marks, i)

    def _walk_downstream(self, data: bytes, marks: list[Mark], i: int) -> Sequence[Mark]:
        """Frame *data* from *i* on, where `_down_at` is."""
        values = self._down
        values.left = self.downstream_body
        base = self._down_at - i
        try:
            while i < len(data):
                if not values.awaited:
                    self._down_begin = base + i
                    if not self._begin_reply(data[i : i + 1], marks):
                        return marks
                i = values.walk(data, i)
                if not values.awaited and (kind := self._end_reply()):
                    marks.append((kind, base + i))
        except ValueError as error:
            self._end_framing(str(error), self._down_begin, marks, unparsed=True)
        self._down_at = base + i
        self.downstream_body = values.left
        return marks

    def _begin_reply(self, first: bytes, marks: list[Mark]) -> bool:
        """Decide by its first byte what a value is; False: framing ends with it."""
        self._first = first
        self._kind = INTERIM if first == b'>' or not self._outstanding else REPLY
        self._down.awaited = 1
        if self._kind == REPLY and first not in _FAILURE and self._outstanding[0] in _ENDING:
            self._end_framing(_ENDING[self._outstanding[0]], self._down_begin, marks)
            return False
        return True

    def _end_reply(self) -> int:
        """The kind of mark due at the end of a value; 0: the reply has more of them."""
        if self._kind == INTERIM or not self._outstanding:
            return INTERIM
        expected = self._outstanding.popleft()
        if expected < 0 and self._first not in _FAILURE:
            self._outstanding.appendleft(expected + 1)
            return 0
        # HELLO in a transaction is answered +QUEUED, and has changed nothing yet.
        if expected in _VERSIONS and self._first in (b'+' if expected == _RESET else b'*%'):
            self._version = _VERSIONS[expected]
        return REPLY

    def withdraw(self) -> None:
        """The oldest request was answered by the proxy: forget it, and the version it asked for."""
        if self._outstanding:
            self._outstanding.popleft()

    def describe(self, request: bytes) -> str:
        """Command and first argument (``SET user:1``), escaped; commands that carry secrets alone."""
        parts = request.split(CRLF, 5)
        # The short way: small arguments, the first two of which are what they say.
        if len(parts) == 6 and parts[0] in _SEVERAL and _SIZES.get(parts[1]) == len(parts[2]):
            name = parts[2].upper()
            if name not in _SECRET and _SIZES.get(parts[3]) == len(parts[4]):
                return escape(b'%b %b' % (name, parts[4]))[:TEXT_MAX]
        try:
            head = _read_head(request, 0)
        except ValueError:
            head = None
        if head is None or not head.words:
            return super().describe(request)
        name = head.words[0].upper()
        words = [name] if name in _SECRET else [name, *head.words[1:2]]
        return escape(b' '.join(word[:TEXT_MAX] for word in words))[:TEXT_MAX]

    @classmethod
    def check_error(cls, choice: Mapping[str, Any]) -> None:
        """See `BaseProtocol.check_error`; clients cannot read a redirection without its target."""
        super().check_error(choice)
        message = choice.get('message', '')
        if message.partition(' ')[0] in _REDIRECTIONS and not _REDIRECTION.fullmatch(message):
            raise OptionError('expected a slot and an address, such as MOVED 1234 127.0.0.1:6381', 'message')

    def error(self, message: str = INJECTED) -> ErrorReply:
        """A simple error ("Simple errors"); *message* begins with its kind, or is one, or is of the kind ERR."""
        text = _MESSAGES.get(message, message)
        return ErrorReply(f'-{"" if _KIND.match(text) else "ERR "}{text}\r\n'.encode())


def _length(line: bytes) -> int:
    """The number after the type of *line*; raises ValueError."""
    if not _NUMBER.fullmatch(line, 1):
        raise ValueError(f'a length of {escape(line[1:_LENGTH_MAX])!r}')
    return int(line[1:])


def _read_head(data: bytes, i: int) -> _Head | None:
    """The head of the request at *i*, with the empty requests before it; None: it is not complete.

    An argument that would make the head longer than `MAX_HEAD` is left out of it, but for its length line. Raises
    ValueError.
    """
    empties = _EMPTIES.match(data, i)
    at = empties.end() if empties else i
    head = None
    if at < len(data):
        head = _read_array(data, at, i) if data[at : at + 1] == b'*' else _read_inline(data, at)
    if (head.end if head else len(data)) - i > MAX_HEAD:
        raise ValueError(f'a head of more than {MAX_HEAD} bytes')
    return head._replace(empties=True) if head and at > i else head


def _read_array(data: bytes, i: int, begin: int) -> _Head | None:
    """The head of the array at *i*, where the head counts from *begin*; None: it is not complete."""
    line, at = _read_length_line(data, i)
    if line is None:
        return None
    if not _COUNT.fullmatch(line):
        raise ValueError(f'a count of {escape(line[1:])!r}')
    length = int(line[1:])
    words: list[bytes] = []
    # The mode of CLIENT REPLY is part of its head, because it decides whether there is a reply.
    while len(words) < min(length, 3 if words and words[0].upper() == b'CLIENT' else 2):
        line, start = _read_length_line(data, at)
        if line is None:
            return None
        if line[:1] != b'$':
            raise ValueError(f'an argument of type {escape(line[:1])!r}')
        size = _length(line)
        at = start + size + 2
        if at - begin > MAX_HEAD:
            return _Head(start, words, length, length - len(words), size)
        if len(data) < at:
            return None
        if data[at - 2 : at] != CRLF:
            raise ValueError('an argument longer than it says')
        words.append(data[start : start + size])
    return _Head(at, words, length, length - len(words))


def _read_length_line(data: bytes, i: int) -> tuple[bytes | None, int]:
    """The line at *i* without its end, and where the next begins; None: it is not complete. Raises ValueError."""
    end = data.find(CRLF, i, i + _LENGTH_MAX + 2)
    if end >= 0:
        return data[i:end], end + 2
    if len(data) - i > _LENGTH_MAX + 1:
        raise ValueError(f'a length of {escape(data[i + 1 : i + _LENGTH_MAX])!r}')
    return None, i


def _read_inline(data: bytes, i: int) -> _Head | None:
    """An inline command, which its line ends; what does not begin as text is none (a TLS handshake, say)."""
    first = data[i : i + 1]
    if not (first.isspace() or b' ' < first < b'\x7f'):
        raise ValueError(f'a request that begins with {escape(data[i : i + 8])!r}')
    end = data.find(b'\n', i) + 1
    if not end:
        return None
    words = [word.strip(b'"\'') for word in data[i:end].split()]
    return _Head(end, words, len(words))
