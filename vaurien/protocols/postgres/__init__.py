"""PostgreSQL: version 3 of its protocol: startup, simple and extended query, pipelines, COPY.

Sources: https://www.postgresql.org/docs/current/protocol-flow.html ("Message Flow"), protocol-message-formats.html and,
where they are silent, ``postgres.c`` and ``copyfromparse.c`` of PostgreSQL 15.

- `messages`: the types of messages
- `requests`, `replies`: the full way to find requests and replies
- `quick`: the quick way, for one whole request and its reply
- `text`: what a request is called, and what an error says
- `dialect`: where a statement ends
- `places`: where in a reply a row ends
- `meaning`: what a request does, and what a reply says of that
- `transaction`: what an error leaves behind
- `refusal`: how a server is made to refuse one statement of several
- `upgrade`: TLS inside of it
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vaurien.framing.effects import Effects
from vaurien.framing.error_reply import INJECTED, ErrorReply, SQLState
from vaurien.framing.finder import Finder
from vaurien.framing.meaning import Meaning, ReplyMeaning
from vaurien.framing.parts import Part, Refusal
from vaurien.framing.traceparent import find_in_comment
from vaurien.framing.trials import CHANGING, DECIDING, REMOVING, USUAL_TRIALS, Kind, Trial
from vaurien.plugins.options import Line
from vaurien.plugins.place import Place
from vaurien.protocols.postgres import text, transaction
from vaurien.protocols.postgres.meaning import read_meaning, read_reply
from vaurien.protocols.postgres.messages import DENIED, FAILED, IDLE, READY
from vaurien.protocols.postgres.places import Messages, Rows
from vaurien.protocols.postgres.quick import QuickPostgres
from vaurien.protocols.postgres.refusal import PostgresRefusal
from vaurien.protocols.postgres.requests import EXTENDED, SIMPLE
from vaurien.protocols.postgres.upgrade import PostgresUpgrade

_ADMIN_SHUTDOWN = '57P01'
_FINDERS: dict[str, type[Messages]] = {'rows': Rows, 'messages': Messages}
#: What a server says that has as many clients as it takes.
_TOO_MANY = '53300', 'sorry, too many clients already'


class Postgres(QuickPostgres):
    """PostgreSQL. An error is an ErrorResponse, 57P01 or 53300 by default; only a fatal one ends the connection."""

    name = 'postgres'
    names_clients = True
    takes_addressed = True
    upgrading = PostgresUpgrade
    to_be_readable = (
        'have Vaurien speak TLS (--tls auto), or the client connect with sslmode=disable and gssencmode=disable'
    )
    alpn = ('postgresql',)
    error_options = {'sqlstate': ('SQLSTATE', SQLState, _ADMIN_SHUTDOWN), 'message': ('Text', Line, INJECTED)}

    reply_units = tuple(_FINDERS)
    breaks_off = True
    works_while_replying = True
    trials = (
        *USUAL_TRIALS,
        Trial(
            Kind.NO,
            "error(sqlstate=40001, message='could not serialize access due to concurrent update')",
            '40001',
            DECIDING,
        ),
        Trial(
            Kind.NO,
            "error(sqlstate=23505, message='duplicate key value violates unique constraint')",
            '23505',
            CHANGING,
            spared=REMOVING,
        ),
    )

    def on_reached(self, position: int) -> None:
        """See `BaseProtocol.on_reached`: names stand for what was prepared before that."""
        self._statements.go_to(position)

    def describes_itself(self, request: bytes) -> bool:
        """Return False for a Bind, whose statement's name may come to stand for another one."""
        return request[:1] != b'B'

    def describe(self, request: bytes) -> str:
        """Return a statement: ``SELECT * FROM orders``."""
        return text.describe(request, self._statements) or super().describe(request)

    def client_name(self, request: bytes) -> str:
        """Return the ``application_name`` that the client has begun with."""
        return self._client_name

    def find_asked(self, request: bytes) -> str:
        """Return what a comment of the statement asks for."""
        return text.find_asked(request, self._statements)

    def traceparent(self, request: bytes) -> str:
        """Return what a comment of the statement says."""
        return find_in_comment(request)

    def meaning(self, request: bytes, text: str) -> Meaning:
        """See `BaseProtocol.meaning`."""
        return read_meaning(request, self._statements)

    def reply_meaning(self, head: bytes, tail: bytes, meaning: Meaning) -> ReplyMeaning:
        """See `BaseProtocol.reply_meaning`."""
        return read_reply(head, tail, meaning)

    def error(self, sqlstate: str = _ADMIN_SHUTDOWN, message: str = INJECTED) -> ErrorReply:
        """Return an ErrorResponse of *sqlstate*, and the ReadyForQuery that follows it unless the session ends.

        To a start-up, the usual answer is that of a server with too many clients.
        """
        if sqlstate == _ADMIN_SHUTDOWN and text.asks_for_encryption(self.request):
            return ErrorReply(DENIED)
        if sqlstate == _ADMIN_SHUTDOWN and text.begins_session(self.request):
            usual_state, usual_message = _TOO_MANY
            sqlstate, message = usual_state, usual_message if message == INJECTED else message
        fatal = text.is_fatal(self.request, sqlstate)
        response = text.make_error(sqlstate, message, fatal=fatal)
        if fatal:
            return ErrorReply(response, closes=True)
        ready = READY + (b'I' if self._status == IDLE else b'E')
        if self._batch and len(self._outstanding) == 1 and not (self.upstream_body or self._held):
            # A client that sends whole messages and no Sync may wait for a reply to them.
            return ErrorReply(ready, early=response)
        return ErrorReply(response + ready)

    def find(self, place: Place) -> Finder:
        """See `BaseProtocol.find`."""
        finder = _FINDERS.get(place.unit)
        if finder is None:
            return super().find(place)
        skipped = len(self.split(self.lead)) if self.lead else self._executed_before.get(self.request_at, 0)
        return finder(place.number, skipped)

    def would_fail(self, sqlstate: str = _ADMIN_SHUTDOWN, message: str = INJECTED) -> bool:
        """Return False in a transaction that has failed: the server itself refuses what would not leave it."""
        is_refused = self._status == FAILED and not transaction.may_leave(self._statement)
        return not is_refused or text.is_fatal(self.request, sqlstate)

    def effects(self, sqlstate: str = _ADMIN_SHUTDOWN, message: str = INJECTED) -> Effects:
        """Have the transaction fail, or end if the statement would have ended it; and the unnamed statement be none."""
        query = transaction.choose_effect(self._statement, self._status)
        if not query and self.lead is None and text.is_unnamed_parse(self.request):
            query = transaction.EMPTY  # any Query destroys it ("Extended Query")
        if not query:
            return b''
        self._outstanding.appendleft(SIMPLE)
        return transaction.pick_for_client((yield query))

    def guard(self) -> Effects:
        """See `BaseProtocol.guard`: what no transaction of the client's is around gets one."""
        whole = self.lead + self.request[5:] if self.lead else self.request
        statements = [text.read_statement(part.request, self._statements) for part in self.split(whole)]
        is_whole = b'\0' in text.find_statement(whole, self._statements)
        is_inside = self.lead == b''  # the server has the beginning of the batch
        needs_guard = transaction.needs_guard(statements, is_whole=is_whole)
        self.is_guarding = self._status == IDLE and not is_inside and needs_guard
        if self.is_guarding:
            self._outstanding.appendleft(SIMPLE)
            return transaction.pick_for_client((yield transaction.BEGIN))
        return b''

    def keep(self, reply: bytes) -> Effects:
        """See `BaseProtocol.keep`: the reply ends with the outcome of the COMMIT."""
        if not reply.endswith(READY, 0, -1):  # the session is over
            return reply
        self._outstanding.appendleft(SIMPLE)
        return reply[: -len(READY) - 1] + transaction.pick_for_client((yield transaction.COMMIT), transaction.OUTCOME)

    def take_back(self, *args: Any, **choice: Any) -> Effects:
        """See `BaseProtocol.take_back`: what was carried out is rolled back, or will be."""
        query = transaction.ROLLBACK if self.is_guarding else transaction.choose_effect('', self._status)
        if not query:
            return b''
        self._outstanding.appendleft(SIMPLE)
        return transaction.pick_for_client((yield query))

    def break_off(self, finder: Finder, *args: Any, **choice: Any) -> ErrorReply:
        """See `BaseProtocol.break_off`."""
        return self.error(**choice)

    def split(self, request: bytes) -> Sequence[Part]:
        """See `BaseProtocol.split`: the text of a Query may have several statements."""
        return text.split(request) if request[:1] == b'Q' and len(request) >= 5 else (Part(request),)

    def refuse(self) -> Refusal:
        """See `BaseProtocol.refuse`."""
        assert self.lead is not None
        self._outstanding.appendleft(SIMPLE if self.lead else EXTENDED)
        return PostgresRefusal(self.lead, self._statement)

    @property
    def _statement(self) -> str:
        return text.read_statement(self.request, self._statements)
