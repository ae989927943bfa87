"""The text protocol of memcached, one line at a time: commands, meta commands, and their replies.

Source: https://github.com/memcached/memcached/blob/master/doc/protocol.txt
"""

from __future__ import annotations

import re
from typing import NamedTuple

from vaurien.framing.head import MAX_HEAD
from vaurien.framing.marks import INTERIM, OPAQUE, REPLY
from vaurien.protocols.memcache.heads import ANSWERED, QUIET, QUIT, SILENT, WATCH, Head, Part, escape

#: The longest data block, and the longest key.
_SIZE_MAX = (1 << 31) - 3
KEY_MAX = 250
#: Flags or a number for ``cas``; and a time.
_NUMBER, _TIME = re.compile(rb'\+?\d+'), re.compile(rb'[+-]?\d+')
#: The size of a data block (``strtol``): it may have a sign, and any number of zeros.
_SIZE = re.compile(rb'(?:\+|-(?=0+$))?0*(\d{1,10})')

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
    b'slabs': (3, 24),
    **dict.fromkeys((b'lru', b'extstore'), (2, 24)),
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


class Run(NamedTuple):
    """What a command expects that comes after quiet ones, some of which may be answered before it."""

    #: Its words.
    last: list[bytes]
    #: Whether it is the proxy's own, and has all these replies for its own as well.
    is_own: bool = False

    def ends_with(self, reply: list[bytes]) -> bool:
        """Return whether a reply, by the words of its line, is that to the last command.

        Not always to be known: an error does not say whose it is, nor does a reply without opaque and key. It is taken
        for the last, unless that is ``mn``; one more then arrives unasked for.
        """
        name = self.last[0] if self.last else b''
        if name == b'mn':
            return reply[0] == b'MN'
        return reply[0] not in _META_REPLIES or (name in _META and _echoed(reply[1:]) == _echo(self.last))


def _echo(command: list[bytes]) -> set[bytes]:
    """Return which of a meta command's words are in its reply: its opaque, and its key if it asks for it."""
    return {b'k' + command[1] if word[:1] == b'k' else word for word in command[2:] if word[:1] in (b'O', b'k')}


def _echoed(words: list[bytes]) -> set[bytes]:
    return {word for word in words if word[:1] in (b'O', b'k')}


def read_request(data: bytes, i: int) -> Head | None:
    """Return the command line at *i*; None if it is not complete. Raise ValueError if that is none."""
    if not (32 <= data[i] < 127 or data[i] in b'\r\n\t'):
        raise ValueError(f'a command that begins with {escape(data[i : i + 8])!r}')
    end = data.find(b'\n', i, i + MAX_HEAD) + 1
    if end:
        return _understand(data[i:end].rstrip(b'\r\n').split(b' '), end)
    if len(data) - i < MAX_HEAD:
        return None
    if not data.startswith(_RETRIEVAL, i):
        raise ValueError(f'a command of more than {MAX_HEAD} bytes')
    return Head(i + MAX_HEAD, is_cut=True)


def read_expected(request: bytes) -> int:
    """Return what a *request* expects."""
    return _understand(request.partition(b'\n')[0].rstrip(b'\r').split(b' '), 0).expected


def _understand(words: list[bytes], end: int) -> Head:
    """Return what a command line of these *words* means."""
    words = [word for word in words if word]
    name = words[0] if words else b''
    if name in _PLAIN:
        return Head(end)
    count = len(words)
    if name in _STORAGE:
        usual = _STORAGE[name]
        is_silent = count == usual + 1 and words[-1] == b'noreply'
        size = read_size(words[4]) if usual <= count <= usual + 1 and _is_taken(words, usual) else 0
        return Head(end, size, SILENT if is_silent else ANSWERED)
    if name in _META:
        is_quiet = any(word[:1] == b'q' for word in words[2:])
        size = read_size(words[2]) if name == b'ms' and count > 2 and len(words[1]) <= KEY_MAX else 0
        return Head(end, size, QUIET if is_quiet else ANSWERED)
    if name in _NOREPLY:
        least, most = _NOREPLY[name]
        return Head(end, 0, SILENT if words[-1] == b'noreply' and least <= count <= most else ANSWERED)
    return Head(end, 0, {b'quit': QUIT, b'watch': WATCH}.get(name, ANSWERED))


def _is_taken(words: list[bytes], usual: int) -> bool:
    """Return whether memcached takes the *words* of a storage command, of which there are *usual*, for one.

    Of one that it refuses, it takes the data block for a command.
    """
    numbers = (words[2], *words[5:usual])
    is_numeric = all(map(_NUMBER.fullmatch, numbers)) and _TIME.fullmatch(words[3]) is not None
    return is_numeric and len(words[1]) <= KEY_MAX


def read_size(word: bytes) -> int:
    """Return how long a data block of the size in *word* is, its line end included.

    Return 0 for a size that memcached would not take: no data block follows on it.
    """
    match = _SIZE.fullmatch(word)
    size = int(match[1]) if match else _SIZE_MAX + 1
    return size + 2 if size <= _SIZE_MAX else 0


def read_reply(data: bytes, i: int, expected: Run | int, listing: bool) -> Part | None:
    """Return the line of a reply at *i*; None if it is not complete. Raise ValueError if that is none.

    *listing*: the reply goes on with a list.
    """
    end = data.find(b'\n', i, i + MAX_HEAD) + 1
    if not 32 < data[i] < 127 or (not end and len(data) - i >= MAX_HEAD):
        raise ValueError(f'a reply that begins with {escape(data[i : i + 8])!r}')
    if not end:
        return None
    words = data[i:end].split()
    word = words[0]
    size = 0
    at = _SIZED.get(word)
    if at is not None:
        size = read_size(words[at]) if len(words) > at else 0
        if not size:
            raise ValueError(f'a value of unknown size: {escape(data[i:end])!r}')
    if word == b'VALUE' or word in _LISTED or word.startswith(b'key='):  # lru_crawler metadump
        return Part(end, size, 0)
    if listing and word not in _LIST_ENDS:
        raise ValueError(f'a list that ends with {escape(data[i:end])!r}')
    if isinstance(expected, Run):
        return Part(end, size, REPLY if expected.ends_with(words) else INTERIM)
    return Part(end, size, OPAQUE if expected == WATCH and word == b'OK' else REPLY)
