"""What a statement of MySQL does to the transaction that it is in, and what an error to it leaves of that.

Sources: "InnoDB Error Handling", "Statements That Cause an Implicit Commit", "XA Transaction States" of
https://dev.mysql.com/doc/refman/8.4/en/; ``mysql_execute_command`` in ``sql_parse.cc``, ``transaction.cc``, ``xa.cc``
and ``convert_error_code_to_mysql`` in ``ha_innodb.cc`` of MariaDB 10.11. `tests/truth/test_mysql.py` shows most of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from vaurien.framing.late_pattern import LatePattern

#: With these InnoDB rolls back the whole transaction, not the statement alone: changed since the snapshot (MariaDB with
#: innodb_snapshot_isolation), too many locks, a deadlock, and the latter two in a distributed transaction.
ROLLING_BACK = {1020, 1206, 1213, 1613, 1614}
#: With this one it does so if it is configured to.
LOCK_WAIT_TIMEOUT = 1205
#: With these a statement does not get as far as to have any effect: it, or a name or value in it, is not understood, or
#: the distributed transaction is in a state in which it is not allowed.
NOT_BEGUN = {
    *(1046, 1047, 1064, 1065, 1103, 1115, 1149, 1193, 1210, 1231, 1232, 1243, 1273, 1295),
    *(1397, 1398, 1399, 1400, 1440),
}
#: The server, or the user, may only read. Then a definition is not begun, either.
READ_ONLY = {1290, 1836}
#: With these what fails is the commit before the statement.
COMMIT_FAILS = {1180, *READ_ONLY}
#: With these the server ends the connection in the middle of a statement, not before it: it shuts down, or was told to.
KILLED = {1053, 1927, 3169}
#: With these a distributed transaction was rolled back.
_XA_ROLLED_BACK = {1402, 1613, 1614}
_ONE_PHASE = ' ONE PHASE'

#: The kinds of statements, which are groups of the expression. An implicit commit comes before what defines or flushes
#: something or locks tables, and is all that can fail of what begins a transaction or turns autocommit on.
ENDS, BEGINS, TURNS_ON, DEFINES, FLUSHES, LOCKS, PREPARES, XA = (
    *('ends', 'begins', 'turns_on', 'defines', 'flushes', 'locks', 'prepares', 'xa'),
)
COMMITTING_BEFORE = {DEFINES, FLUSHES, LOCKS}
#: Spaces, comments, and what makes a comment a part of the statement on some servers.
BLANKS = r'(?:\s|;|--\s[^\n]*\n|\#[^\n]*\n|/\*(?!M?!)(?:[^*]|\*(?!/))*\*/|/\*M?!\d*)*(?:SET\s+STATEMENT\s.*?\sFOR\s+)?'
_STATEMENT = LatePattern(
    BLANKS
    + r"""
    (?:
    (?P<ends>COMMIT|ROLLBACK(?!\s+(?:WORK\s+)?TO\b))\b
    |(?P<begins>BEGIN(?!\s+NOT\b)|START\s+TRANSACTION)\b
    |(?P<turns_on>SET\s+(?:SESSION\s+|LOCAL\s+|@@(?:SESSION\.|LOCAL\.)?)?AUTOCOMMIT\s*:?=\s*(?:1|ON|TRUE))\b
    |(?P<defines>
        CREATE(?!\s+(?:OR\s+REPLACE\s+)?TEMPORARY\b)|DROP(?!\s+(?:TEMPORARY|PREPARE)\b)
        |ALTER|RENAME|TRUNCATE|GRANT|REVOKE|INSTALL|UNINSTALL|SET\s+PASSWORD|SET\s+DEFAULT\s+ROLE
        |(?:ANALYZE|CHECK|OPTIMIZE|REPAIR)\s+(?:(?:NO_WRITE_TO_BINLOG|LOCAL)\s+)?(?:TABLES?|VIEW)
    )\b
    |(?P<flushes>FLUSH|RESET(?!\s+PERSIST\b))\b
    |(?P<locks>LOCK\s+TABLES?)\b
    |(?P<prepares>PREPARE\s+(?P<name>`[^`]+`|[^\s`'"]+))\s
    |(?P<xa>XA\s+(?P<verb>END|PREPARE|COMMIT)\s+(?P<xid>[^;]+))
    )
    """,
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)

#: Whatever ``completion_type`` says.
ROLLBACK = 'ROLLBACK AND NO CHAIN NO RELEASE'
COMMIT = 'COMMIT AND NO CHAIN NO RELEASE'


def match_statement(statement: str) -> re.Match[str] | None:
    """Return a match whose last group is the kind of a *statement*; None for what is in a transaction as most are."""
    return _STATEMENT.match(statement)


def undo_xa(errno: int, found: re.Match[str]) -> Sequence[str]:
    """Return statements that roll a distributed transaction back, if that is what an error to its end means."""
    verb, xid = found['verb'].upper(), found['xid'].rstrip()
    if verb == 'END':
        if errno not in _XA_ROLLED_BACK:
            return ()
        # It can only be rolled back then. An empty one in its place can be, and nothing that is done to it commits.
        return [f'XA {step} {xid}' for step in ('END', 'ROLLBACK', 'START', 'END')]
    is_one_phase = xid[-len(_ONE_PHASE) :].upper() == _ONE_PHASE
    if is_one_phase:
        xid = xid[: -len(_ONE_PHASE)]
    # Once prepared, it outlives an error to its commit, for somebody else to decide on.
    is_prepared = verb == 'COMMIT' and not is_one_phase
    if errno in READ_ONLY or (is_prepared and errno not in _XA_ROLLED_BACK):
        return ()
    return [f'XA ROLLBACK {xid}']
