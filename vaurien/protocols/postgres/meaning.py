"""What requests of PostgreSQL do, and what its replies say of that.

Sources: https://www.postgresql.org/docs/current/protocol-flow.html, protocol-message-formats.html ("CommandComplete",
"ReadyForQuery"), and for a COMMIT that is answered ROLLBACK ``EndTransactionBlock`` in ``xact.c``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from vaurien.framing.meaning import Effect, Meaning, ReplyClass, ReplyMeaning, TransactionState
from vaurien.framing.sql_meaning import SQLMeanings, combine
from vaurien.framing.statements import Statements
from vaurien.protocols.postgres.dialect import DIALECT
from vaurien.protocols.postgres.messages import (
    BIND,
    COMMAND_COMPLETE,
    ERROR_RESPONSE,
    EXECUTE,
    PARSE,
    READY,
    SYNC,
    unpack_header,
)

_MEANINGS = SQLMeanings(DIALECT)
_STATES = {b'I': TransactionState.NONE, b'T': TransactionState.OPEN, b'E': TransactionState.FAILED}
Message = tuple[int, bytes]
#: How many rows a statement was about, at the end of what it is answered: ``INSERT 0 1``, ``UPDATE 1``.
_COUNT = re.compile(rb'[A-Z ]+(?:\d+ )?(\d+)\0')
#: The usual end of a reply, by which alone it is known: of the last statement, some rows were changed or shown.
_DONE = re.compile(rb'C\0\0\0.[A-Z ]+(?:\d+ )?[1-9]\d*\0Z\0\0\0\x05.\Z', re.DOTALL)
#: How an ErrorResponse begins, which is shorter than 64 KiB.
_ERROR = b'E\0\0'
#: Where the outcome of a statement may begin in a reply whose beginning is not there.
_OUTCOME = re.compile(rb'(?=[CE]\0\0)')


def read_meaning(request: bytes, statements: Statements) -> Meaning:
    """Return what *request* does: what its statements do that are executed."""
    kind = request[:1]
    if kind == b'Q':
        return _read_statement(request[5:])
    if kind == b'F':
        return Meaning(Effect.WRITE)
    return _read_batch(request, statements)


def _read_statement(text: bytes) -> Meaning:
    """Read a statement that a zero ends, if all of it is there."""
    statement, zero, _ = text.partition(b'\0')
    return _MEANINGS.find(statement, is_whole=bool(zero))


def _read_batch(request: bytes, statements: Statements) -> Meaning:
    """Read the messages of a batch. What is prepared or bound is executed only by an Execute, which may come yet."""
    executed: list[Meaning] = []
    parsed: dict[bytes, bytes] = {}
    bound: bytes | None = None
    is_step = is_open = False
    for kind, body in _walk(request)[0]:
        if kind in (PARSE, BIND):
            is_step = is_open = True
        if kind == PARSE:
            name, _, bound = body.partition(b'\0')
            parsed[name] = bound
        elif kind == BIND:
            name = body.partition(b'\0')[2].partition(b'\0')[0]  # behind that of a portal
            bound = parsed[name] if name in parsed else statements.find_bytes(name)
        elif kind == EXECUTE:
            executed.append(_read_executed(bound))
        is_open = is_open and kind not in (EXECUTE, SYNC)
    if is_open:
        executed.append(_read_executed(bound))
    return combine(executed) if executed else Meaning(Effect.STEP if is_step else Effect.CONNECT)


def _read_executed(statement: bytes | None) -> Meaning:
    """Read what is executed: None if it was bound in an earlier batch, and goes on to give rows."""
    if statement is None:
        return Meaning(Effect.READ)
    return _read_statement(statement) if statement else Meaning(Effect.WRITE)


def read_reply(head: bytes, tail: bytes, meaning: Meaning) -> ReplyMeaning:
    """Return what a reply says, by those of its messages that are there."""
    state = _STATES.get(tail[-1:]) if tail.endswith(READY, 0, -1) else None
    if _DONE.search(tail) and _ERROR not in head and _ERROR not in tail:
        return ReplyMeaning(ReplyClass.OK, state)
    messages, _ = _walk(head)
    if head != tail:
        messages += _find_last(tail)
    return ReplyMeaning(_classify(messages, meaning), state)


def _classify(messages: Sequence[Message], meaning: Meaning) -> ReplyClass:
    if any(kind == ERROR_RESPONSE for kind, _ in messages):
        return ReplyClass.ERROR
    tags = [body for kind, body in messages if kind == COMMAND_COMPLETE]
    if meaning.effect is Effect.COMMIT and b'ROLLBACK\0' in tags:
        return ReplyClass.ROLLED_BACK
    counts = [int(count[1]) for count in map(_COUNT.fullmatch, tags) if count]
    return ReplyClass.NOTHING if counts and not any(counts) else ReplyClass.OK


def _find_last(tail: bytes) -> list[Message]:
    """Return the messages that a reply ends with, from an outcome of a statement on."""
    for outcome in _OUTCOME.finditer(tail):
        messages, is_whole = _walk(tail[outcome.start() :])
        if is_whole:
            return messages
    return []


def _walk(data: bytes) -> tuple[list[Message], bool]:
    """Return the messages in *data*, the last of which may be cut short, and whether none is."""
    messages = []
    i = 0
    while len(data) - i >= 5:
        kind, length = unpack_header(data, i)
        end = i + 1 + length
        messages.append((kind, data[i + 5 : end]))
        if length < 4:
            return messages, False
        i = end
    return messages, i == len(data)
