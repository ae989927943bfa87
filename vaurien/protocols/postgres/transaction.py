"""What an error of PostgreSQL leaves behind: a transaction that has failed, or none.

Sources: https://www.postgresql.org/docs/current/protocol-flow.html ("Simple Query", "Pipelining"), sql-begin.html, and
``AbortCurrentTransaction`` in ``xact.c``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set as AbstractSet

from vaurien.framing.late_pattern import LatePattern
from vaurien.protocols.postgres.messages import FAILED, IDLE, make_message, unpack_header

#: Statements that end a transaction, whatever their outcome; ``ROLLBACK TO`` goes back to a savepoint instead.
_BLANKS = r'(?:\s|;|--[^\n]*\n|/\*(?:[^*]|\*(?!/))*\*/)*'
_ENDS = LatePattern(
    rf'{_BLANKS}(?:(?:COMMIT|END|ROLLBACK|ABORT)\b(?!\s+(?:WORK\s+|TRANSACTION\s+)?TO\b|\s+PREPARED\b)'
    r'|PREPARE\s+TRANSACTION\b)',
    re.IGNORECASE | re.DOTALL,
)
_GOES_BACK = LatePattern(rf'{_BLANKS}ROLLBACK\b(?!\s+PREPARED\b)', re.IGNORECASE | re.DOTALL)

#: What begins or ends a transaction inside of a text.
_CONTROLS = LatePattern(
    rf'{_BLANKS}(?:BEGIN|START|COMMIT|END|ROLLBACK|ABORT|PREPARE\s+TRANSACTION)\b', re.IGNORECASE | re.DOTALL
)
#: What changes rows and returns some, or may: what EXECUTE executes was prepared by a statement that nobody looked at.
_CHANGES = r'(?:(?:INSERT|UPDATE|DELETE|MERGE|WITH)\b|(?:COPY\s*)?\()'
_RETURNS = LatePattern(
    rf'{_BLANKS}(?:{_CHANGES}.*\bRETURNING\b|EXECUTE\b|EXPLAIN\b.*\bANALY[SZ]E\b)', re.IGNORECASE | re.DOTALL
)
#: What may turn out to be so behind the beginning of a text. CALL and DO are not among it: they may commit, which a
#: transaction around them forbids.
_MAY_RETURN = LatePattern(
    rf'{_BLANKS}(?:{_CHANGES}|(?:SELECT|VALUES|TABLE)\b|--[^\n]*\Z|/\*(?:[^*]|\*(?!/))*\Z)', re.IGNORECASE | re.DOTALL
)

#: What no server understands. It makes a transaction fail, and nothing else; the backend's log has it.
_NONSENSE = 'injected by vaurien'
_BEGIN, _COMMIT, _ROLLBACK = 'BEGIN', 'COMMIT', 'ROLLBACK'

#: Messages that clients rely on, whoever made the backend send them: notifications, and settings that went back.
_FOR_CLIENTS = frozenset(b'AS')
#: What else there is in the reply to a COMMIT: an error, and the end.
OUTCOME = frozenset(b'ASEZ')


def is_over_with(statement: str) -> bool:
    """Return whether a transaction is over once *statement* was tried."""
    return _ENDS.match(statement) is not None


def may_leave(statement: str) -> bool:
    """Return whether a server runs *statement* in a transaction that has failed."""
    return is_over_with(statement) or _GOES_BACK.match(statement) is not None


def needs_guard(statements: Sequence[str], *, is_whole: bool) -> bool:
    """Return whether *statements* that are one transaction may have changed something when they return rows.

    What they have begun or ended by themselves cannot be taken back. They may be only a beginning: see *is_whole*.
    """
    if any(_CONTROLS.match(statement) for statement in statements):
        return False
    if len(statements) > 1:
        return True
    return any(_RETURNS.match(statement) or (not is_whole and _MAY_RETURN.match(statement)) for statement in statements)


def make_query(statement: str) -> bytes:
    """Return a Query."""
    return make_message(b'Q', statement.encode() + b'\0')


#: Does nothing.
EMPTY = make_query('')
BEGIN, COMMIT, ROLLBACK = map(make_query, (_BEGIN, _COMMIT, _ROLLBACK))


def choose_effect(statement: str, status: int) -> bytes:
    """Return the request that does to the transaction of that *status* what a failure of *statement* would; or b''."""
    if status == IDLE:
        return b''
    if is_over_with(statement):
        return make_query(_ROLLBACK)
    return b'' if status == FAILED else make_query(_NONSENSE)


def pick_for_client(reply: bytes, kinds: AbstractSet[int] = _FOR_CLIENTS) -> bytes:
    """Return the messages of *reply*, of whole messages, that the client needs although it has asked for nothing.

    These are of certain *kinds*.
    """
    picked = b''
    i = 0
    while i < len(reply):
        kind, length = unpack_header(reply, i)
        end = i + 1 + length
        if kind in kinds:
            picked += reply[i:end]
        i = end
    return picked
