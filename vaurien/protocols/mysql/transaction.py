"""What an error of MySQL leaves behind: a transaction that is as it was, or is rolled back.

Sources: "InnoDB Error Handling" of https://dev.mysql.com/doc/refman/8.4/en/ and ``convert_error_code_to_mysql`` in
``ha_innodb.cc``; for what executes the statement prepared last, ``sql_prepare.cc`` of MariaDB.
"""

from __future__ import annotations

import re

from vaurien.protocols.mysql.commands import PREPARE, QUERY
from vaurien.protocols.mysql.login import CLIENT_QUERY_ATTRIBUTES

#: With these InnoDB rolls back the whole transaction, not the statement alone: too many locks, a deadlock, and both in
#: a distributed transaction.
_ROLLING_BACK = {1206, 1213, 1613, 1614}
#: With this one it does so if it is configured to.
LOCK_WAIT_TIMEOUT = 1205

#: Statements that end a transaction, whatever their outcome; ``ROLLBACK TO`` goes back to a savepoint instead.
_ENDS = re.compile(
    r'(?:\s|;|--\s[^\n]*\n|#[^\n]*\n|/\*(?!!).*?\*/)*(?:COMMIT|ROLLBACK(?!\s+(?:WORK\s+)?TO\b))\b',
    re.IGNORECASE | re.DOTALL,
)

#: Whatever ``completion_type`` says.
_ROLLBACK = b'ROLLBACK AND NO CHAIN NO RELEASE'
#: Is answered with `_YES` if a lock wait timeout rolls the transaction back.
_QUESTION = b"SELECT IF(@@innodb_rollback_on_timeout, 'rolls back', '') AS found"
_YES = b'rolls back'
#: What no server understands. The backend then has prepared nothing last.
_NONSENSE = b'injected by vaurien'


def rolls_back(errno: int, statement: str) -> bool:
    """Return whether the transaction is rolled back if *statement* fails with *errno*."""
    return errno in _ROLLING_BACK or _ENDS.match(statement) is not None


def make_rollback(capabilities: int) -> bytes:
    """Return a command that rolls back."""
    return _query(_ROLLBACK, capabilities)


def make_question(capabilities: int) -> bytes:
    """Return a command that asks what a lock wait timeout does."""
    return _query(_QUESTION, capabilities)


def is_yes(reply: bytes) -> bool:
    """Return whether the answer to that is that it rolls the transaction back."""
    return _YES in reply


def make_bad_prepare() -> bytes:
    """Return a command that prepares what cannot be."""
    return _command(PREPARE, _NONSENSE)


def _query(statement: bytes, capabilities: int) -> bytes:
    """Return a QUERY, with no parameters where it may have some ("COM_QUERY")."""
    return _command(QUERY, b'\0\1' * bool(capabilities & CLIENT_QUERY_ATTRIBUTES) + statement)


def _command(command: int, argument: bytes) -> bytes:
    return (1 + len(argument)).to_bytes(4, 'little') + bytes([command]) + argument
