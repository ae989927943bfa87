"""Where the statements of a text of SQL end: at each semicolon that is not in a string, a comment, a name or a body.

No library is used. sqlparse has one set of rules for all dialects, and sqlglot raises an exception for what it does not
know; both build trees, of which nothing is needed here. pglast has PostgreSQL's own parser, which is in C, and there is
none of MySQL. The server has the last word in any case: what comes before a statement reaches it as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from vaurien.framing.late_pattern import LatePattern


class Dialect(NamedTuple):
    """What a dialect of SQL is made of, as far as semicolons depend on it."""

    #: Matches one token, in a group of its kind: ``blank``, the ``comment`` that begins here, ``end`` (a semicolon),
    #: ``word``, ``bracket``, ``unclear`` (what makes it unclear where the statement ends), and anything else.
    token: LatePattern[bytes]
    #: Whether comments are nested.
    nests: bool = False
    #: Matches the first words of a statement, in upper case, that may have a body with semicolons.
    has_body: LatePattern[bytes] | None = None


#: Looking for statements in so many bytes takes some hundredths of a second, in which nothing else happens.
MAX_TEXT = 64 * 1024
#: So many words of a statement say whether it has a body.
_WORDS = 12
_COMMENT = re.compile(rb'/\*|\*/')

#: A comment in which the statement asks for faults, from behind its beginning, and what it has to have; and in how many
#: bytes at the beginning of a statement it has to stand: so much of a statement is always there to be looked at.
_ASKING = re.compile(rb'\s*vaurien:(.*)\*/', re.DOTALL)
_SIGN = b'vaurien:'
MAX_ASKING = 1000


def find_statements(text: bytes, dialect: Dialect) -> list[tuple[int, int]]:
    """Return where each statement of *text* begins and ends, without its semicolon; none if there are only blanks.

    Statements are looked for in the first `MAX_TEXT` bytes.

    A statement goes on to the end of the text if it has a body, if something in it is not closed, or if it is not to be
    understood: only the server knows more.
    """
    return list(_find(text[:MAX_TEXT], dialect))


def find_asked(text: bytes, dialect: Dialect) -> str:
    """Return what *text* asks for in the first ``/* vaurien: … */`` that is no part of a string or the like."""
    text = text[:MAX_ASKING]
    if _SIGN not in text:
        return ''
    asking = filter(None, map(_ASKING.fullmatch, _comments(text, dialect)))
    return next((one[1].decode(errors='backslashreplace').strip() for one in asking), '')


def _comments(text: bytes, dialect: Dialect) -> Iterator[bytes]:
    """Yield each comment from behind its beginning."""
    i = 0
    while token := dialect.token.match(text, i):
        i = token.end()
        if token.lastgroup == 'comment':
            begin, i = i, _skip_comment(text, i, nests=dialect.nests)
            yield text[begin:i]


def _find(text: bytes, dialect: Dialect) -> Iterator[tuple[int, int]]:
    begin = depth = 0
    words: list[bytes] = []
    is_empty = True
    for kind, token, i in tokens(text, dialect):
        if kind == 'end' and depth <= 0:
            if not is_empty:
                yield begin, i - 1
            begin, words, is_empty, depth = i, [], True, 0
            continue
        is_empty = False
        if kind == 'bracket':
            depth += 1 if token == b'(' else -1
        elif kind == 'word' and dialect.has_body is not None and len(words) < _WORDS:
            words.append(token.upper())
            if dialect.has_body.match(b' '.join(words)):
                break
        elif kind == 'unclear':
            break
    if not is_empty:
        yield begin, len(text)


def tokens(text: bytes, dialect: Dialect) -> Iterator[tuple[str | None, bytes, int]]:
    """Yield the kind, the bytes and the end of each token that is neither blank nor a comment."""
    i = 0
    match = dialect.token.match
    while i < len(text):
        token = match(text, i)
        if token is None:
            yield 'unclear', b'', i
            return
        kind, i = token.lastgroup, token.end()
        if kind == 'comment':
            i = _skip_comment(text, i, nests=dialect.nests)
        elif kind != 'blank':
            yield kind, token[0], i


def _skip_comment(text: bytes, i: int, *, nests: bool) -> int:
    """Return where the comment ends that is open at *i*."""
    depth = 1
    while depth:
        mark = _COMMENT.search(text, i)
        if mark is None:
            return len(text)
        if mark[0] == b'*/':
            depth -= 1
        elif nests:
            depth += 1
        i = mark.end()
    return i
