"""The head of a Redis request: its command and first argument, as an array or inline (networking.c, sds.c)."""

from __future__ import annotations

import re
from typing import NamedTuple

from vaurien.framing.head import MAX_HEAD, escape
from vaurien.protocols.redis.values import CRLF, LENGTH_MAX, read_length

# No leading zero: Redis takes none.
_COUNT = re.compile(rb'\*[1-9][0-9]{0,17}')
#: Requests that Redis passes over.
_EMPTIES = re.compile(rb'(?:[ \t\r\v\f]*\n|\*(?:0|-[1-9][0-9]{0,17})\r\n)*')

#: A word of an inline command, which ends with its quotes if it has any; and what stands for another byte in double
#: quotes (``sdssplitargs``).
_WORD = re.compile(rb"""\s*(?=\S)([^\s"']*)(?:"((?:[^"\\]|\\.)*)"|'((?:\\'|[^'\\]|\\(?!'))*)')?(?!\S)""", re.DOTALL)
_ESCAPED = re.compile(rb'\\(?:x([0-9a-fA-F]{2})|(.))', re.DOTALL)
_CONTROLS = {b'n': b'\n', b'r': b'\r', b't': b'\t', b'b': b'\b', b'a': b'\a'}

#: Commands with more words in their heads than two. The mode of CLIENT REPLY decides whether there is a reply; CLIENT
#: SETNAME and HELLO 3 AUTH default secret SETNAME say what the client is called.
_SEVERAL = {b'CLIENT': 3, b'HELLO': 7}


class Head(NamedTuple):
    """The head of a request: where it ends, its first words, and what follows."""

    end: int
    words: list[bytes]
    #: The number of arguments, the name of the command included.
    length: int
    #: The number of arguments after the head.
    awaited: int = 0
    #: The size of the first of these, where its length line is in the head.
    size: int | None = None
    #: Whether empty requests come before it.
    empties: bool = False


def read_head(data: bytes, i: int) -> Head | None:
    """Return the head of the request at *i*, with the empty requests before it; None if it is not complete.

    An argument that would make the head longer than `MAX_HEAD` is left out of it, but for its length line. Raise
    ValueError if that is no request.
    """
    empties = _EMPTIES.match(data, i)
    at = empties.end() if empties else i
    head = None
    if at < len(data):
        head = _read_array(data, at, i) if data[at : at + 1] == b'*' else _read_inline(data, at)
    if (head.end if head else len(data)) - i > MAX_HEAD:
        raise ValueError(f'a head of more than {MAX_HEAD} bytes')
    return head._replace(empties=True) if head and at > i else head


def _read_array(data: bytes, i: int, begin: int) -> Head | None:
    """Return the head of the array at *i*, where the head counts from *begin*; None if it is not complete."""
    line, at = _read_length_line(data, i)
    if line is None:
        return None
    if not _COUNT.fullmatch(line):
        raise ValueError(f'a count of {escape(line[1:])!r}')
    length = int(line[1:])
    words: list[bytes] = []
    while len(words) < min(length, _SEVERAL.get(words[0].upper(), 2) if words else 1):
        line, start = _read_length_line(data, at)
        if line is None:
            return None
        if line[:1] != b'$':
            raise ValueError(f'an argument of type {escape(line[:1])!r}')
        size = read_length(line)
        at = start + size + 2
        if at - begin > MAX_HEAD:
            return Head(start, words, length, length - len(words), size)
        if len(data) < at:
            return None
        if data[at - 2 : at] != CRLF:
            raise ValueError('an argument longer than it says')
        words.append(data[start : start + size])
    return Head(at, words, length, length - len(words))


def _read_length_line(data: bytes, i: int) -> tuple[bytes | None, int]:
    """Return the line at *i* without its end, and where the next one begins; None if it is not complete."""
    end = data.find(CRLF, i, i + LENGTH_MAX + 2)
    if end >= 0:
        return data[i:end], end + 2
    if len(data) - i > LENGTH_MAX + 1:
        raise ValueError(f'a length of {escape(data[i + 1 : i + LENGTH_MAX])!r}')
    return None, i


def _read_inline(data: bytes, i: int) -> Head | None:
    """Return an inline command, which its line ends; None if that is not complete."""
    first = data[i : i + 1]
    # What does not begin as text is no command: a TLS handshake, say.
    if not (first.isspace() or b' ' < first < b'\x7f'):
        raise ValueError(f'a request that begins with {escape(data[i : i + 8])!r}')
    end = data.find(b'\n', i) + 1
    if not end:
        return None
    words = _split(data[i:end].rstrip())
    return Head(end, words, len(words))


def _split(line: bytes) -> list[bytes]:
    """Return the words of a *line*, without quotes. Raise ValueError where they do not match."""
    words: list[bytes] = []
    at = 0
    while at < len(line):
        match = _WORD.match(line, at)
        if match is None:
            raise ValueError('unbalanced quotes')
        bare, double, single = match.groups(b'')
        words.append(bare + _ESCAPED.sub(_unescape, double) + single.replace(rb'\'', b"'"))
        at = match.end()
    return words


def _unescape(escaped: re.Match[bytes]) -> bytes:
    code, letter = escaped.groups()
    return bytes([int(code, 16)]) if code else _CONTROLS.get(letter, letter)
