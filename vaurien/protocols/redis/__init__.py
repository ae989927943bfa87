"""Redis: RESP2 and RESP3 with pipelining, inline commands, pushes.

Sources: https://redis.io/docs/latest/develop/reference/protocol-spec/ and, where it is silent, ``networking.c`` of
Redis 7.

- `framing`: the full way to find requests and replies
- `heads`: the head of a request
- `values`: RESP values
- `expectations`: which replies a request gets
- `quick`: the quick way, for small ordinary requests and replies
- `small`: what these are made of
- `text`: what a request is called, and what a server says of an error
- `places`: where in a reply an element ends
- `meaning`: what a command does, and what a reply says of that
- `refusals`: which commands a server refuses where there is no memory, or no data yet
- `transaction`: what an error leaves behind
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vaurien.framing.effects import Effects, Unanswered
from vaurien.framing.error_reply import INJECTED, ErrorReply
from vaurien.framing.finder import Finder
from vaurien.framing.head import TEXT_MAX, escape
from vaurien.framing.meaning import Effect, Meaning, ReplyClass, ReplyMeaning
from vaurien.framing.trials import CHANGING, USUAL_TRIALS, Kind, Trial
from vaurien.plugins.options import Line
from vaurien.plugins.place import Place
from vaurien.protocols.redis import text, transaction
from vaurien.protocols.redis.expectations import ORDINARY, SPECIAL, State
from vaurien.protocols.redis.meaning import queue, read_meaning, read_reply
from vaurien.protocols.redis.places import Elements
from vaurien.protocols.redis.quick import QuickRedis
from vaurien.protocols.redis.refusals import EARLY, GROWING

#: Where the name of a command ends, whichever way the request is written.
_NAME_END = 64


class Redis(QuickRedis):
    """RESP2 and RESP3. An error is ``-ERR``; the connection stays open."""

    name = 'redis'
    describes_alike = True
    names_clients = True
    # Whether a server says nothing of the error: because of CLIENT REPLY, or not before EXEC.
    _is_silent = False
    # Whether the commands whose meaning is asked for come behind a MULTI.
    _is_queueing = False
    error_options = {'message': ('Text with its kind: MOVED 1 host:6379, or LOADING alone', Line, INJECTED)}

    reply_units = ('elements',)
    trials = (
        *USUAL_TRIALS,
        Trial(Kind.NO, 'error(message=LOADING)', 'LOADING', spared=EARLY),
        Trial(Kind.NO, 'error(message=OOM)', 'OOM', CHANGING, commands=GROWING),
    )

    def describe(self, request: bytes) -> str:
        """Return command and first argument: ``SET user:1``."""
        return text.describe(request) or super().describe(request)

    def client_name(self, request: bytes) -> str:
        """Return what the client has told with CLIENT SETNAME or HELLO."""
        return escape(self._expectations.client_name)[:TEXT_MAX]

    @classmethod
    def check_error(cls, choice: Mapping[str, Any]) -> None:
        """See `BaseProtocol.check_error`."""
        super().check_error(choice)
        text.check_message(choice)

    def error(self, message: str = INJECTED) -> ErrorReply:
        """Return a simple error. Unless CLIENT REPLY silences it, it is sent, whatever a success would be answered."""
        if self._is_silent:
            return ErrorReply(b'')
        # To look first is cheaper than to parse.
        is_execution = b'EXEC' in self.request[:_NAME_END].upper() and text.read_name(self.request) == b'EXEC'
        return ErrorReply(text.make_error(message, is_execution), unasked=True)

    def meaning(self, request: bytes, text: str) -> Meaning:
        """See `BaseProtocol.meaning`."""
        name = text.partition(' ')[0]
        meaning = read_meaning(request, name)
        if meaning.effect is Effect.BEGIN:
            if self._is_queueing:  # the server refuses it, and goes on with the first one
                return meaning._replace(effect=Effect.STEP)
            self._is_queueing = True
        elif meaning.effect in (Effect.COMMIT, Effect.ROLLBACK) or name == 'RESET':
            self._is_queueing = False
        return queue(meaning) if self._is_queueing else meaning

    def reply_meaning(self, head: bytes, tail: bytes, meaning: Meaning) -> ReplyMeaning:
        """See `BaseProtocol.reply_meaning`."""
        reply = read_reply(head, meaning)
        if reply.kind is ReplyClass.ERROR and meaning.effect is Effect.BEGIN:
            self._is_queueing = False
        return reply

    def find(self, place: Place) -> Finder:
        """See `BaseProtocol.find`."""
        return Elements(place.number) if place.unit == 'elements' else super().find(place)

    def effects(self, message: str = INJECTED) -> Effects:
        """Have the transaction fail, or end if the request is EXEC; what it would have changed has not changed."""
        expectations = self._expectations
        if not (expectations.before or expectations.in_transaction):
            self._is_silent = expectations.is_silenced
            return b''
        state = expectations.find_state(self.request_at)
        self._is_silent = state.off or state.skip
        name = text.read_name(self.request)
        shown = b''
        if transaction.is_late(name, state, message):
            reply = yield from self._ask(transaction.make_late(message), state)
            if reply.startswith(b'+'):  # QUEUED
                shown = reply
                self._is_silent = True
        elif command := transaction.choose_effect(name, state, message):
            yield from self._ask(command, state)
        if name in SPECIAL or state.skip:
            expectations.go_back(self.request_at, transaction.find_state_after(name, state))
            self.misread = True
        return shown

    def _ask(self, command: bytes, state: State) -> Effects:
        """Have the backend carry out a command; return its reply."""
        if state.off:
            return (yield Unanswered(command))
        self._outstanding.appendleft(ORDINARY)
        return (yield command)
