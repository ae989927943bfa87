"""Taking back what a statement has done that returns rows: a server that fails among these leaves nothing of it.

Source: "INSERT...RETURNING", "SAVEPOINT" of https://mariadb.com/docs/server/; MySQL has no such statements.
"""

from __future__ import annotations

import re

from vaurien.framing.late_pattern import LatePattern
from vaurien.protocols.mysql import transaction
from vaurien.protocols.mysql.aftermath import Commands, make_command, make_query
from vaurien.protocols.mysql.commands import PING
from vaurien.protocols.mysql.packets import AUTOCOMMIT, IN_TRANSACTION, OK, read_ok_status

#: A name that no application takes.
_SAVEPOINT = 'SAVEPOINT `injected by vaurien`'
_RETURNS = re.compile(r'\bRETURNING\b', re.IGNORECASE)
#: What may turn out to do so behind the beginning of a statement.
_MAY_RETURN = LatePattern(
    rf'{transaction.BLANKS}(?:(?:INSERT|REPLACE|UPDATE|DELETE|WITH)\b|(?:--\s|\#)[^\n]*\Z|/\*(?:[^*]|\*(?!/))*\Z)',
    re.IGNORECASE | re.DOTALL,
)
#: The end of a reply, up to the status flags: an EOF packet; an OK packet in its place, with no more than it must have.
_END = re.compile(rb'(\x05\0\0.\xfe..|\x07\0\0.\xfe\0\0)(.)(?=.(?:..)?\Z)', re.DOTALL)


class Guard:
    """A transaction, or a savepoint in the client's own, around one statement."""

    def __init__(self, *, has_parameters: bool) -> None:
        """*has_parameters*: a QUERY of this link may have some."""
        self._has_parameters = has_parameters
        #: Whether there is one.
        self.stands = False
        self._is_savepoint = False

    def put(self, statement: str, *, is_whole: bool) -> Commands:
        """Put it around *statement*, if that may change what it returns. It is only the beginning unless *is_whole*."""
        if not (_RETURNS.search(statement) or (not is_whole and _MAY_RETURN.match(statement))):
            return
        reply = yield make_command(PING)
        status = read_ok_status(reply[4:]) if reply[4] == OK else 0
        self._is_savepoint = bool(status & IN_TRANSACTION) or not status & AUTOCOMMIT
        reply = yield self._query(_SAVEPOINT if self._is_savepoint else 'BEGIN')
        self.stands = reply[4] == OK

    def keep(self) -> Commands:
        """Take it away."""
        if self.stands:
            yield self._query(f'RELEASE {_SAVEPOINT}' if self._is_savepoint else transaction.COMMIT)

    def undo(self) -> Commands:
        """Undo what the statement has done."""
        if self.stands:
            yield self._query(f'ROLLBACK TO {_SAVEPOINT}' if self._is_savepoint else transaction.ROLLBACK)
            if self._is_savepoint:
                yield self._query(f'RELEASE {_SAVEPOINT}')

    def hide(self, reply: bytes) -> bytes:
        """Return the *reply* to the statement, which says of a transaction of its own what it said without."""
        if self._is_savepoint:
            return reply
        return _END.sub(lambda end: end[1] + bytes([end[2][0] & ~IN_TRANSACTION]), reply)

    def _query(self, statement: str) -> bytes:
        return make_query(statement, has_parameters=self._has_parameters)
