"""What an error leaves behind, and the commands that bring the server there: it knows nothing of the error.

Sources: those of `transaction`; "COM_CHANGE_USER", "COM_STMT_EXECUTE" and the like; ``sql_prepare.cc`` of MariaDB.
"""

from __future__ import annotations

from collections.abc import Generator

from vaurien.framing.effects import Unanswered
from vaurien.protocols.mysql import transaction
from vaurien.protocols.mysql.commands import CHANGE_USER, EXECUTING, PING, PREPARE, QUERY, SEND_LONG_DATA
from vaurien.protocols.mysql.login import CLIENT_QUERY_ATTRIBUTES
from vaurien.protocols.mysql.packets import AUTOCOMMIT, ERR, IN_TRANSACTION, OK, read_ok_status

_RESET_STATEMENT, _RESET_CONNECTION = 0x1A, 0x1F
#: Is answered with `_YES` if a lock wait timeout rolls the transaction back.
_QUESTION = "SELECT IF(@@innodb_rollback_on_timeout, 'rolls back', '') AS found"
_YES = b'rolls back'
#: What no server understands. The backend then has prepared nothing last.
_NONSENSE = b'injected by vaurien'
#: Not in this state of a distributed transaction ("XAER_RMFAIL"), as a reply.
_XA_STATE = bytes([ERR]) + (1399).to_bytes(2, 'little')
_UNKNOWN_COMMAND = 1047

#: Yields commands, and is sent the replies.
Commands = Generator[bytes, bytes, None]


class Aftermath:
    """The state of a link that errors to its requests change, in the backend."""

    def __init__(self) -> None:
        self._has_parameters = False
        # Whether a lock wait timeout rolls the transaction back; None: the backend was not asked yet.
        self._rolls_back_on_timeout: bool | None = None

    def agree(self, capabilities: int) -> None:
        """Note the capabilities that both the backend and the client have."""
        self._has_parameters = bool(capabilities & CLIENT_QUERY_ATTRIBUTES)

    def follow(self, errno: int, request: bytes, statement: str) -> Commands:
        """Have the backend be as if it had answered *request*, which executes *statement*, with *errno*."""
        command, number = request[4], request[5:9]
        if command == PREPARE:
            # What executes the statement prepared last, in the same flight, is not to find the one before.
            yield make_command(PREPARE, _NONSENSE)
        elif command == SEND_LONG_DATA:
            # It has no reply: the error comes when the statement is executed. There is no such parameter.
            yield Unanswered(make_command(SEND_LONG_DATA, number + b'\xff\xff'))
        elif command == CHANGE_USER:
            yield from self._forget_session(errno)
        else:
            if command in EXECUTING:
                yield make_command(_RESET_STATEMENT, number)  # its cursor is closed, and its long data are gone
            yield from self._end_statement(errno, statement)

    def end(self, errno: int, request: bytes, statement: str) -> Commands:
        """Have the backend be as if it had ended the connection in the middle of *request*, if it got as far."""
        found = transaction.match_statement(statement)
        if errno in transaction.KILLED and found and found.lastgroup in transaction.COMMITTING_BEFORE:
            yield self._query(transaction.COMMIT)

    def _forget_session(self, errno: int) -> Commands:
        """Forget everything but the user and the database, as MariaDB does before it looks at the new user."""
        if errno == _UNKNOWN_COMMAND:
            return
        yield make_command(_RESET_CONNECTION)
        yield self._query('SET NAMES DEFAULT')  # it does not go back to the character set of the login then

    def _end_statement(self, errno: int, statement: str) -> Commands:
        found = transaction.match_statement(statement)
        kind = found and found.lastgroup
        if found and kind == transaction.PREPARES:
            yield self._query(f'DEALLOCATE PREPARE {found["name"]}')  # the one before of that name is gone
        elif errno in transaction.NOT_BEGUN:
            return
        elif found and kind == transaction.XA:
            for step in transaction.undo_xa(errno, found):
                yield self._query(step)
        elif kind == transaction.ENDS:
            yield self._query(transaction.ROLLBACK)
        elif kind in (transaction.BEGINS, transaction.TURNS_ON):
            yield from self._fail_to_commit(turns_on=kind == transaction.TURNS_ON)
        elif kind is not None:
            yield from self._commit_before(errno, kind)
        elif errno in transaction.ROLLING_BACK:
            yield from self._roll_back()
        elif errno == transaction.LOCK_WAIT_TIMEOUT:
            if self._rolls_back_on_timeout is None:
                self._rolls_back_on_timeout = _YES in (yield self._query(_QUESTION))
            if self._rolls_back_on_timeout:
                yield from self._roll_back()

    def _fail_to_commit(self, *, turns_on: bool) -> Commands:
        """Roll back if there is a transaction, which the statement would have committed."""
        reply = yield make_command(PING)
        status = read_ok_status(reply[4:]) if reply[4] == OK else 0
        # Where autocommit is on already, nothing is committed by turning it on.
        if status & IN_TRANSACTION and not (turns_on and status & AUTOCOMMIT):
            yield self._query(transaction.ROLLBACK)

    def _commit_before(self, errno: int, kind: str) -> Commands:
        """Commit, as a server does before it looks at what the statement is about."""
        if errno in transaction.READ_ONLY and kind == transaction.DEFINES:
            return
        yield self._query(transaction.ROLLBACK if errno in transaction.COMMIT_FAILS else transaction.COMMIT)
        if kind == transaction.LOCKS:
            # Locks that it had before are gone. BEGIN releases these, and no others, as UNLOCK TABLES would.
            yield self._query('BEGIN')
            yield self._query(transaction.ROLLBACK)

    def _roll_back(self) -> Commands:
        reply = yield self._query(transaction.ROLLBACK)
        if reply[4:7] == _XA_STATE:
            # Only who knows its name can roll a distributed transaction back; or the end of the connection does.
            yield self._query('KILL CONNECTION_ID()')

    def _query(self, statement: str) -> bytes:
        return make_query(statement, has_parameters=self._has_parameters)


def make_query(statement: str, *, has_parameters: bool) -> bytes:
    """Return a QUERY, with no parameters where it may have some ("COM_QUERY")."""
    parameters = b'\0\1' if has_parameters else b''
    return make_command(QUERY, parameters + statement.encode(errors='surrogateescape'))


def make_command(command: int, argument: bytes = b'') -> bytes:
    """Return a command of one packet."""
    return (1 + len(argument)).to_bytes(4, 'little') + bytes([command]) + argument
