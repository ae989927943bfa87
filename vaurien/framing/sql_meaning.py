"""What a statement of SQL does to a database, by the words that it is made of.

No more of a statement is understood than that needs, and functions and triggers may do anything. Where something is not
to be seen, nothing is claimed: an unknown statement writes, and it may be repeated.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from vaurien.framing.late_pattern import LatePattern
from vaurien.framing.meaning import Effect, Meaning
from vaurien.framing.sql import Dialect, find_statements, tokens

#: The most of a statement that is read. Of one that goes on, it is not known whether it may be repeated.
READ_MAX = 4096
#: So many statements are remembered with what they mean: reading one takes some 10 µs.
_KEPT = 512


class Token(NamedTuple):
    """A token of a statement, in upper case, and without the quotes if it is a name in quotes."""

    kind: str
    text: bytes


_WORDS: dict[Effect, str] = {
    Effect.CONNECT: 'SET RESET DISCARD USE LISTEN UNLISTEN DEALLOCATE LOAD',
    Effect.READ: 'SELECT TABLE VALUES SHOW EXPLAIN DESCRIBE DESC FETCH MOVE HANDLER HELP CHECK CHECKSUM',
    Effect.STEP: 'SAVEPOINT RELEASE PREPARE LOCK UNLOCK DECLARE CLOSE',
    Effect.BEGIN: 'BEGIN START',
    Effect.COMMIT: 'COMMIT END',
    # ROLLBACK TO as well: what it takes back has not come twice if it comes again.
    Effect.ROLLBACK: 'ROLLBACK ABORT',
}
#: What a statement does that begins with a word.
_EFFECTS = {word.encode(): effect for effect, words in _WORDS.items() for word in words.split()}
#: What a distributed transaction does, by the word behind XA.
_XA = {
    b'START': Effect.BEGIN,
    b'BEGIN': Effect.BEGIN,
    b'COMMIT': Effect.COMMIT,
    b'ROLLBACK': Effect.ROLLBACK,
    b'RECOVER': Effect.READ,
}
#: What a message of several statements does is what the first of these is that one of them does.
_STRONGEST = (
    Effect.WRITE,
    Effect.COMMIT,
    Effect.ROLLBACK,
    Effect.BEGIN,
    Effect.STEP,
    Effect.READ,
    Effect.CONNECT,
)

#: A statement by which drivers and pools find out whether the server is there, and which one it is.
_ITEM = (
    rb"(?:'[^']*'|\d+|NULL|TRUE|@@[\w.]+|(?:PG_CATALOG\.)?"
    rb'(?:VERSION|CURRENT_SCHEMA|CURRENT_DATABASE|DATABASE|SCHEMA|CONNECTION_ID|PG_BACKEND_PID|PG_IS_IN_RECOVERY)'
    rb'\s*\(\))(?:\s+AS\s+\w+)?'
)
_PING = LatePattern(
    rb'(?:\s|/\*(?:[^*]|\*(?!/))*\*/)*SELECT\s+' + _ITEM + rb'(?:\s*,\s*' + _ITEM + rb')*(?:\s+FROM\s+DUAL)?[\s;]*',
    re.IGNORECASE | re.DOTALL,
)
_INTO = re.compile(rb'INTO', re.IGNORECASE)
#: A statement in a comment that only servers of some version read.
_EXECUTED = re.compile(rb'/\*M?!\d*(.*)\*/', re.DOTALL)

#: Statements that may stand in a WITH and change rows.
_CHANGES = {b'INSERT', b'UPDATE', b'DELETE', b'MERGE', b'REPLACE'}
#: What comes behind the assignments of a statement.
_BEHIND_ASSIGNMENTS = {b'WHERE', b'FROM', b'RETURNING', b'ORDER', b'LIMIT', b'ON'}
#: Functions that return one of their arguments: if a column is set to that, twice is as good as once.
_PICKING = {b'COALESCE', b'IFNULL', b'NVL', b'GREATEST', b'LEAST'}
#: What stands for a value that was to be inserted.
_NEW_VALUES = {b'VALUES', b'VALUE'}
_NAMES = {'word', 'name'}


class SQLMeanings:
    """What statements of one dialect mean."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._find: Callable[[bytes, bool], Meaning] = lru_cache(_KEPT)(self._read)

    def find(self, text: bytes, *, is_whole: bool = True) -> Meaning:
        """Return what the statements in *text* mean together. It may be only the beginning: see *is_whole*."""
        return self._find(text[:READ_MAX], is_whole and len(text) <= READ_MAX)

    def _read(self, text: bytes, is_whole: bool) -> Meaning:
        if b';' not in text:
            meanings = [self._read_one(text)]
        else:
            meanings = [self._read_one(text[begin:end]) for begin, end in find_statements(text, self._dialect)]
        meaning = combine(meanings)
        return meaning if is_whole else meaning._replace(repeatable=True)

    def _read_one(self, statement: bytes) -> Meaning:
        given = _clean(tokens(statement, self._dialect))
        first = next((token for token in given if token.kind != 'bracket'), None)
        if first is None or _PING.fullmatch(statement):
            return Meaning(Effect.CONNECT)
        if first.text == b'SELECT' and not _INTO.search(statement):  # so are most, and no more has to be read of them
            return Meaning(Effect.READ)
        executed = _EXECUTED.fullmatch(first.text) if first.kind == 'string' else None
        if executed:
            return self._read_one(executed[1])
        return _read_tokens([first, *given])


def combine(meanings: Iterable[Meaning]) -> Meaning:
    """Return what requests of these *meanings* mean together: nothing, if there are none."""
    known = list(meanings)
    if len(known) == 1:
        return known[0]
    effects = {meaning.effect for meaning in known}
    strongest = next((effect for effect in _STRONGEST if effect in effects), Effect.CONNECT)
    return Meaning(strongest, all(meaning.repeatable for meaning in known))


def _read_tokens(statement: Sequence[Token]) -> Meaning:
    first = statement[0].text
    read = _READERS.get(first)
    return read(statement) if read else Meaning(_EFFECTS.get(first, Effect.WRITE))


def _clean(given: Iterable[tuple[str | None, bytes, int]]) -> Iterator[Token]:
    for kind, text, _ in given:
        if kind == 'string' and text[:1] in b'"`':
            yield Token('name', text[1:-1].upper())
        else:
            yield Token(kind or '', text.upper())


def _read_select(statement: Sequence[Token]) -> Meaning:
    """Read a SELECT, which may make a table of its rows."""
    for i, into in enumerate(statement[:-1]):
        if into == ('word', b'INTO'):
            target = statement[i + 1]
            is_table = target.kind in _NAMES and target.text not in (b'OUTFILE', b'DUMPFILE')
            return Meaning(Effect.WRITE if is_table else Effect.READ)
    return Meaning(Effect.READ)


def _read_with(statement: Sequence[Token]) -> Meaning:
    """Read what changes rows behind WITH, or in its brackets; else it only reads."""
    changes = []
    i = 1
    while i < len(statement):
        kind, text = statement[i]
        if kind == 'word' and text in _CHANGES and statement[i - 1].kind == 'bracket':
            change = list(_inside(statement[i:]))
            changes.append(_read_tokens(change))
            i += len(change)
        i += 1
    return combine(changes) if changes else Meaning(Effect.READ)


def _inside(statement: Iterable[Token]) -> Iterator[Token]:
    """Yield what comes before the bracket that closes what was open before."""
    depth = 0
    for token in statement:
        if token.kind == 'bracket':
            depth += 1 if token.text == b'(' else -1
            if depth < 0:
                return
        yield token


def _read_insert(statement: Sequence[Token]) -> Meaning:
    """Read an INSERT: it may be repeated if what is there already is left as it is, or set to the same."""
    words = [token.text if token.kind == 'word' else b'' for token in statement]
    if b'IGNORE' in words[1:4]:
        return Meaning(Effect.WRITE)
    for i in range(1, len(words)):
        if words[i - 1] == b'ON' and words[i] in (b'CONFLICT', b'DUPLICATE'):
            conflict = words[i:]
            begin = next((k for k, word in enumerate(conflict) if word == b'UPDATE'), None)
            if begin is None:
                return Meaning(Effect.WRITE)
            begin += i + 1 + (words[i + begin + 1 : i + begin + 2] == [b'SET'])
            return Meaning(Effect.WRITE, not _names_itself(statement, begin, _find_table(statement)))
    return Meaning(Effect.WRITE, repeatable=False)


def _find_table(statement: Sequence[Token]) -> set[bytes]:
    """Return the words that name the table of an INSERT, its alias among them."""
    end = next((i for i, token in enumerate(statement) if token.kind == 'bracket' or token.text in _NEW_VALUES), 0)
    return {token.text for token in statement[1:end] if token.kind in _NAMES}


def _read_update(statement: Sequence[Token]) -> Meaning:
    """Read an UPDATE: it may be repeated if it sets nothing to what depends on what it sets."""
    begin = next((i for i, token in enumerate(statement) if token == ('word', b'SET')), len(statement))
    tables = {token.text for token in statement[1:begin] if token.kind in _NAMES}
    return Meaning(Effect.WRITE, not _picks_rows(statement) and not _names_itself(statement, begin + 1, tables))


def _read_delete(statement: Sequence[Token]) -> Meaning:
    return Meaning(Effect.WRITE, not _picks_rows(statement))


def _picks_rows(statement: Iterable[Token]) -> bool:
    """Return whether it is for some rows of those that there are: the second time it is for others."""
    return any(token == ('word', b'LIMIT') for token in statement)


def _names_itself(statement: Sequence[Token], begin: int, tables: set[bytes]) -> bool:
    """Return whether one of the assignments from *begin* on names, on its right side, a column that is set.

    *tables* are the words that may stand before such a column.
    """
    columns: defaultdict[bytes, set[bytes]] = defaultdict(set)
    named: set[tuple[bytes, bytes]] = set()
    is_left = True
    functions: list[bytes] = []
    for i in range(begin, len(statement)):
        kind, text = statement[i]
        before, behind = statement[i - 1].text, _find_text(statement, i + 1)
        if kind == 'bracket':
            if text == b'(':
                is_picked = not functions and _is_picked(statement, i)
                functions.append(before if is_picked or before in _NEW_VALUES else b'')
            elif functions:
                functions.pop()
            else:
                break
        elif not functions and kind == 'word' and text in _BEHIND_ASSIGNMENTS:
            break
        elif not functions and text in (b',', b'='):
            is_left = text == b','
        elif kind in _NAMES and behind not in (b'.', b'('):
            table = statement[i - 2].text if before == b'.' else b''
            if is_left:
                columns[text].add(table)
            elif not (functions and _is_argument(functions[-1], before, behind)) and (not table or table in tables):
                named.add((table, text))
    return any(text in columns and (not table or columns[text] & {table, b''}) for table, text in named)


def _find_text(statement: Sequence[Token], i: int) -> bytes:
    return statement[i].text if i < len(statement) else b''


def _is_picked(statement: Sequence[Token], i: int) -> bool:
    """Return whether a column is set to what the function returns whose bracket opens at *i*, and to nothing else."""
    if statement[i - 1].text not in _PICKING or statement[i - 2].text != b'=':
        return False
    end = i + 1 + sum(1 for _ in _inside(statement[i + 1 :]))
    return _find_text(statement, end + 1) in {b'', b',', *_BEHIND_ASSIGNMENTS}


def _is_argument(function: bytes, before: bytes, behind: bytes) -> bool:
    """Return whether a name is a whole argument of a *function* which gives that back, or a value that is new."""
    return function in _NEW_VALUES or (bool(function) and before in (b'(', b',', b'.') and behind in (b',', b')'))


def _read_copy(statement: Sequence[Token]) -> Meaning:
    """Read a COPY, which goes into a table, or out of one."""
    depth = 0
    for kind, text in statement:
        if kind == 'bracket':
            depth += 1 if text == b'(' else -1
        elif not depth and text == b'TO':
            return Meaning(Effect.READ)
    return Meaning(Effect.WRITE, repeatable=False)


def _read_load(statement: Sequence[Token]) -> Meaning:
    """Read a LOAD: of rows, or of a library, as it is with PostgreSQL."""
    is_data = any(token.text in (b'DATA', b'XML') for token in statement[1:2])
    return Meaning(Effect.WRITE, repeatable=False) if is_data else Meaning(Effect.CONNECT)


def _read_xa(statement: Sequence[Token]) -> Meaning:
    return Meaning(_XA.get(b''.join(token.text for token in statement[1:2]), Effect.STEP))


def _read_set(statement: Sequence[Token]) -> Meaning:
    """Read a SET; ``SET STATEMENT … FOR`` of MariaDB is for the statement behind it."""
    if statement[1:2] == [('word', b'STATEMENT')] and ('word', b'FOR') in statement:
        inner = statement[statement.index(Token('word', b'FOR')) + 1 :]
        if inner:
            return _read_tokens(inner)
    return Meaning(Effect.CONNECT)


_READERS: dict[bytes, Callable[[Sequence[Token]], Meaning]] = {
    b'SELECT': _read_select,
    b'WITH': _read_with,
    b'INSERT': _read_insert,
    b'UPDATE': _read_update,
    b'DELETE': _read_delete,
    b'COPY': _read_copy,
    b'LOAD': _read_load,
    b'XA': _read_xa,
    b'SET': _read_set,
}
