"""MySQL and MariaDB: the greeting, the login, commands and their replies.

Sources, by the names of their pages: https://dev.mysql.com/doc/dev/mysql-server/latest/PAGE_PROTOCOL.html and
https://mariadb.com/docs/server/reference/clientserver-protocol; where they are silent or wrong, the servers.

- `packets`: packets, and what is read of them
- `login`: capabilities and accounts
- `commands`: the commands, and what they expect
- `requests`, `replies`: the full way to find requests and replies
- `quick`: the quick way, for one small command and the usual replies to a query
- `text`: what a request is called, and what an error says
- `sqlstates`: the SQLSTATE of each error number
- `dialect`: where a statement ends
- `places`: where in a reply a row ends
- `meaning`: what a request does, and what a reply says of that
- `transaction`: what a statement does to a transaction
- `aftermath`: what an error leaves behind
- `guard`: how what a statement has done is taken back
- `refusal`: how a server is made to refuse one statement of several
- `upgrade`: TLS inside of it
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from typing import Annotated, Any

from msgspec import Meta

from vaurien.framing.effects import Effects, Unanswered
from vaurien.framing.error_reply import INJECTED, ErrorReply, SQLState
from vaurien.framing.finder import Finder, Nothing
from vaurien.framing.meaning import Effect, Meaning, ReplyMeaning
from vaurien.framing.parts import Part, Refusal
from vaurien.framing.traceparent import find_in_comment
from vaurien.framing.trials import DECIDING, REMOVING, USUAL_TRIALS, Kind, Trial
from vaurien.plugins.options import Line
from vaurien.plugins.place import Place
from vaurien.protocols.mysql import text
from vaurien.protocols.mysql.aftermath import Aftermath, Commands
from vaurien.protocols.mysql.commands import CHANGE_USER, CLOSE, EXECUTING, EXPECTED, PREPARE, QUIT, RESULTS, ROWS_ALONE
from vaurien.protocols.mysql.guard import Guard
from vaurien.protocols.mysql.login import CLIENT_MYSQL, CLIENT_QUERY_ATTRIBUTES
from vaurien.protocols.mysql.meaning import is_whole, read_meaning, read_reply
from vaurien.protocols.mysql.packets import MAX_PACKET, peek
from vaurien.protocols.mysql.places import Messages, Rows
from vaurien.protocols.mysql.quick import QuickMySQL
from vaurien.protocols.mysql.refusal import MySQLRefusal
from vaurien.protocols.mysql.upgrade import MySQLUpgrade

#: Lock wait timeout exceeded.
_ERRNO = 1205
#: With these a server closes: shutting down, packet too large, killed (MariaDB, MySQL), idle for too long.
_FATAL = {1053, 1153, 1927, 3169, 4031}
#: What a server says that has as many connections as it takes; and in place of a greeting, before which there is no
#: SQLSTATE.
_TOO_MANY = 1040, 'Too many connections'
_NO_GREETING = ErrorReply(b'\x17\0\0\0\xff\x10\x04Too many connections', closes=True)


class MySQL(QuickMySQL):
    """MySQL and MariaDB. An error is an ERR packet, 1205 or 1040 by default; it closes where a server does."""

    name = 'mysql'
    names_clients = True
    takes_addressed = True
    upgrading = MySQLUpgrade
    error_options = {
        'errno': ('Error number', Annotated[int, Meta(ge=1, le=65534)], _ERRNO),
        'sqlstate': ('SQLSTATE (none: the usual one of the error number)', SQLState | None, None),
        'message': ('Text', Line, INJECTED),
    }
    reply_units = ('rows', 'messages')
    breaks_off = True
    greets = True
    works_while_replying = True
    # MySQL checks what is unique with each statement, and never at the end of a transaction.
    trials = (
        *USUAL_TRIALS,
        Trial(
            Kind.NO,
            "error(errno=1213, message='Deadlock found when trying to get lock; try restarting transaction')",
            '1213',
            DECIDING,
        ),
        Trial(
            Kind.NO,
            "error(errno=1062, message='Duplicate entry')",
            '1062',
            frozenset({Effect.WRITE}),
            spared=REMOVING,
        ),
    )
    to_be_readable = (
        'have Vaurien speak TLS (--tls auto), or turn it off in the client, as --skip-ssl or ssl_disabled=True do; if '
        'the client compresses, turn that off, too'
    )

    _refusal: MySQLRefusal | None = None
    _guard: Guard

    @cached_property
    def _aftermath(self) -> Aftermath:
        return Aftermath()

    def on_reached(self, position: int) -> None:
        """See `BaseProtocol.on_reached`: numbers stand for what was prepared before that."""
        self._statements.go_to(position)

    def describes_itself(self, request: bytes) -> bool:
        """Return False for what executes a statement, whose number may come to stand for another one."""
        return not (len(request) > 4 and request[4] in EXECUTING)

    def describe(self, request: bytes) -> str:
        """Return a statement: ``SELECT * FROM orders``."""
        if not request:
            return 'greeting'
        described = text.describe(request, self._statements, self._capabilities)
        return super().describe(request) if described is None else described

    def client_name(self, request: bytes) -> str:
        """Return the attribute ``program_name`` of the login."""
        return self._client_name

    def find_asked(self, request: bytes) -> str:
        """Return what a comment of the statement asks for that is executed."""
        return text.find_asked(request, self._statements, self._capabilities)

    def traceparent(self, request: bytes) -> str:
        """Return what a comment of the statement says."""
        return find_in_comment(request)

    def meaning(self, request: bytes, text: str) -> Meaning:
        """See `BaseProtocol.meaning`."""
        return read_meaning(request, self._statements, self._capabilities)

    def reply_meaning(self, head: bytes, tail: bytes, meaning: Meaning) -> ReplyMeaning:
        """See `BaseProtocol.reply_meaning`."""
        return read_reply(head, tail, meaning)

    def error(self, errno: int = _ERRNO, sqlstate: str | None = None, message: str = INJECTED) -> ErrorReply:
        """Return an ERR packet ("ERR_Packet").

        In place of a greeting, it is that of a server with too many connections. To a login, it usually is.
        """
        request = self.request
        if not request:
            return _NO_GREETING
        header, _ = peek(request)
        is_login = header > MAX_PACKET
        if is_login and errno == _ERRNO:
            errno, usual_message = _TOO_MANY
            message = usual_message if message == INJECTED else message
        number = 1 + (header >> 24) if self.lead is None or self._refusal is None else self._refusal.number
        # How many packets there are is known once the last of them has arrived.
        if header & MAX_PACKET == MAX_PACKET:
            number += self._up.continued
        closes = is_login or self._is_fatal(errno)
        return ErrorReply(text.make_error(number, errno, sqlstate, message), closes, whole=closes)

    def find(self, place: Place) -> Finder:
        """See `BaseProtocol.find`."""
        if place.unit == 'messages':
            return Messages(place.number)
        if place.unit != 'rows':
            return super().find(place)
        expected = EXPECTED[self.request[4]] if self._is_command else None
        if expected not in (RESULTS, ROWS_ALONE):
            return Nothing(place.number)
        return Rows(
            place.number,
            alone=expected == ROWS_ALONE,
            skipped=len(self.split(self.lead)) if self.lead else 0,
            has_eof=self._has_eof,
            has_metadata_flag=self._has_metadata_flag,
        )

    def split(self, request: bytes) -> Sequence[Part]:
        """See `BaseProtocol.split`: the text of a QUERY may have several statements, if the login says so."""
        return text.split(request, self._capabilities)

    def refuse(self) -> Refusal:
        """See `BaseProtocol.refuse`."""
        assert self.lead is not None
        self._expect_reply(self.lead[4])
        self._refusal = MySQLRefusal(self.lead)
        return self._refusal

    def would_fail(self, *args: Any, **choice: Any) -> bool:
        """Return False for what no server refuses: to close a statement, or to leave."""
        return self.request[3:5] not in (b'\0' + bytes([command]) for command in (CLOSE, QUIT))

    def effects(self, errno: int = _ERRNO, *args: Any, **choice: Any) -> Effects:
        """Have transactions, statements and the session be what they are in a server behind such an error."""
        if not self._is_command:  # a login is refused: nothing was there before
            return b''
        self._aftermath.agree(self._capabilities)
        go_on = self._aftermath.end if self._is_fatal(errno) else self._aftermath.follow
        return (yield from self._have_done(go_on(errno, self.request, self._statement)))

    def guard(self) -> Effects:
        """See `BaseProtocol.guard`."""
        self._guard = Guard(has_parameters=bool(self._capabilities & CLIENT_QUERY_ATTRIBUTES))
        if self._is_command:
            guarding = self._guard.put(self._statement, is_whole=is_whole(self.request, self._statements))
            yield from self._have_done(guarding)
        self.is_guarding = self._guard.stands
        return b''

    def keep(self, reply: bytes) -> Effects:
        """See `BaseProtocol.keep`."""
        yield from self._have_done(self._guard.keep())
        return self._guard.hide(reply)

    def take_back(self, *args: Any, **choice: Any) -> Effects:
        """See `BaseProtocol.take_back`."""
        yield from self._have_done(self._guard.undo())
        return (yield from self.effects(*args, **choice))

    def break_off(
        self, finder: Finder, errno: int = _ERRNO, sqlstate: str | None = None, message: str = INJECTED
    ) -> ErrorReply:
        """See `BaseProtocol.break_off`: the packet has the number of the one in whose place it is."""
        assert isinstance(finder, Messages)
        return ErrorReply(text.make_error(finder.next_packet, errno, sqlstate, message), self._is_fatal(errno))

    @property
    def _is_command(self) -> bool:
        """Whether `request` is a command, and not a login or a greeting."""
        return self.request[3:4] == b'\0' and len(self.request) > 4

    def _is_fatal(self, errno: int) -> bool:
        """Return whether the backend closes with *errno*. MySQL does so with any in reply to a change of user."""
        is_mysql = bool(self._of_backend & CLIENT_MYSQL)  # which MariaDB says of itself not to be
        return errno in _FATAL or (is_mysql and self.request[3:5] == bytes([0, CHANGE_USER]))

    @property
    def _statement(self) -> str:
        return text.read_statement(self.request, self._statements, self._capabilities)

    def _have_done(self, commands: Commands) -> Effects:
        """Have the backend carry out *commands*."""
        with suppress(StopIteration):
            command = next(commands)
            while True:
                if not isinstance(command, Unanswered):
                    self._expect_reply(command[4])
                command = commands.send((yield command))
        return b''

    def _expect_reply(self, command: int) -> None:
        """Expect the reply to a command of the proxy's own as the next one."""
        if command == PREPARE:
            self._preparing.insert(0, (self._preparing[0][0], b''))
        self._outstanding.appendleft(EXPECTED[command])
