"""SMTP and LMTP: commands and replies with pipelining, DATA, BDAT, AUTH dialogues, STARTTLS.

Sources: RFC 5321 and 2033 (LMTP), and for extensions RFC 2034 (enhanced codes), 2920 (pipelining), 3030 (BDAT),
3207 (STARTTLS) and 4954 (AUTH).

- `framing`: the full way to find requests and replies
- `envelope`: whom a message of LMTP goes to, each of whom gets a reply
- `quick`: the quick way, for whole lines of the usual commands and replies
- `meaning`: what a command does, and what a reply says of that
- `text`: what a request is called, and what an error says
- `upgrade`: TLS inside of it
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Annotated, Any

from msgspec import Meta

from vaurien.framing.effects import Effects
from vaurien.framing.error_reply import INJECTED, ErrorReply
from vaurien.framing.finder import Finder, Lines
from vaurien.framing.meaning import Effect, Meaning, ReplyMeaning
from vaurien.framing.trials import USUAL_TRIALS, Kind, Trial
from vaurien.plugins.options import Line
from vaurien.plugins.place import Place
from vaurien.protocols.smtp import text
from vaurien.protocols.smtp.envelope import is_last_chunk
from vaurien.protocols.smtp.framing import ORDINARY
from vaurien.protocols.smtp.meaning import find_middle, read_meaning, read_reply
from vaurien.protocols.smtp.quick import QuickSMTP
from vaurien.protocols.smtp.upgrade import SMTPUpgrade

#: Commands whose failure ends the mail transaction (RFC 5321, 4.1.1.4; for BDAT, RFC 3030, 2, wants it to be reset).
_ENDING = {b'DATA', b'BDAT'}
_GO_AHEAD = b'354 End data with <CR><LF>.<CR><LF>\r\n'
#: The code of an error that none was chosen for.
_USUAL = 451
#: What servers say of a login once they have seen all of it (RFC 4954, 6).
_LOGIN_FAILED = {454, 535}


class SMTP(QuickSMTP):
    """SMTP with its extensions, and LMTP. An error is 451, or a *code*; 421, or one in place of a greeting, closes."""

    name = 'smtp'
    upgrading = SMTPUpgrade
    error_options = {
        'code': ('Reply code', Annotated[int, Meta(ge=400, le=599)], _USUAL),
        'message': ('Text', Line, INJECTED),
        'at_once': ('To DATA and AUTH: in place of 354 or 334, not behind the message or the password', bool, False),
        'recipient': ('In LMTP: whose reply behind the message it is (none: those of all)', Line | None, None),
    }
    reply_units = ('lines',)
    greets = True
    # It is more often a sender or a recipient that is refused for good than a message.
    trials = (
        *USUAL_TRIALS,
        Trial(Kind.NO, 'error(code=451)', '451'),
        Trial(Kind.NO, 'error(code=550)', '550', frozenset({Effect.STEP, Effect.WRITE})),
    )

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(options)
        # What each recipient of the current message is answered; None: what the backend says.
        self._answers: list[bytes | None] = []

    def describe(self, request: bytes) -> str:
        """Return the command line: ``RCPT TO:<a@example.com>``."""
        return text.describe(request) or super().describe(request)

    def meaning(self, request: bytes, text: str) -> Meaning:
        """See `BaseProtocol.meaning`."""
        return read_meaning(request)

    def reply_meaning(self, head: bytes, tail: bytes, meaning: Meaning) -> ReplyMeaning:
        """See `BaseProtocol.reply_meaning`."""
        return read_reply(tail)

    def find_middle(self, head: bytes, size: int) -> int:
        """See `BaseProtocol.find_middle`: half of a line may pass for all of it."""
        return find_middle(size)

    def find(self, place: Place) -> Finder:
        """See `BaseProtocol.find`."""
        return Lines(place.number) if place.unit == 'lines' else super().find(place)

    def would_fail(
        self, code: int = _USUAL, at_once: bool = False, recipient: str | None = None, **choice: Any
    ) -> bool:
        """Return whether the request can fail, and has a reply to the *recipient*, if one is chosen.

        A server takes every QUIT (RFC 5321, 4.1.1.10), unless it closes the connection before.
        """
        if text.read_verb(self.request) == b'QUIT' and code != 421:
            return False
        return recipient is None or (self._is_message(at_once) and bool(self._envelope.find(recipient)))

    def error(
        self, code: int = _USUAL, message: str = INJECTED, at_once: bool = False, recipient: str | None = None
    ) -> ErrorReply:
        """Return a reply with *code*; to DATA, once the message was sent, and for each recipient in LMTP.

        A greeting is 421, or 554 for a code of 5xx, and the connection closes at once: whoever went on after a 554, as
        RFC 5321, 3.1, lets it, would talk to a backend that has sent no error.
        """
        if not self.request:
            code = 554 if code >= 500 else 421
        # A message that did not wait for the reply is opaque: the backend, if it got that, would take it for commands.
        is_opaque = self.opaque is not None
        closes = (code == 421 and recipient is None) or not self.request or is_opaque
        verb = text.read_verb(self.request)
        if verb == b'STARTTLS' and code == _USUAL:
            code = 454  # RFC 3207, 4
        prompts: tuple[bytes, ...] = ()
        if verb == b'DATA' and not (at_once or is_opaque):
            prompts = (_GO_AHEAD,)
        elif verb == b'AUTH' and code in _LOGIN_FAILED and not at_once:
            prompts = text.make_challenges(self.request)
        count = self._envelope.count if self._is_message(at_once) and not closes else 1
        return ErrorReply(text.make_error(self.request, code, message) * max(1, count), closes, prompts)

    def effects(
        self, code: int = _USUAL, message: str = INJECTED, at_once: bool = False, recipient: str | None = None
    ) -> Effects:
        """Reset the mail transaction that a refused message ends; begin another for recipients that are not refused."""
        verb = text.read_verb(self.request)
        if verb not in _ENDING or (verb == b'DATA' and at_once):
            return b''
        yield self._ask(b'RSET\r\n')
        failing = [] if recipient is None else self._envelope.find(recipient)
        if 0 < len(failing) < self._envelope.count:
            yield from self._send_envelope(failing, text.make_error(self.request, code, message))
        return b''

    def _send_envelope(self, failing: list[int], error: bytes) -> Generator[bytes, bytes, None]:
        """Send the backend its transaction once more, without the recipients that are *failing* with an *error*."""
        envelope = self._envelope
        yield self._ask(envelope.sender)
        self._answers = []
        for i, line in enumerate(envelope.recipients):
            reply = error if i in failing else (yield self._ask(line))
            self._answers.append(None if reply.startswith(b'2') else reply)
        envelope.keep([answer is None for answer in self._answers])
        self.amends = True

    def amend(self, reply: bytes) -> bytes:
        """Put the answers that are not the backend's between its own, unless it has refused the command DATA."""
        replies = iter(found := text.split_replies(reply))
        if not self.amends or len(found) != self._answers.count(None):
            return reply
        self.amends = False
        return b''.join(next(replies) if answer is None else answer for answer in self._answers)

    def _ask(self, command: bytes) -> bytes:
        self._outstanding.appendleft(ORDINARY)
        return command

    def _is_message(self, at_once: bool) -> bool:
        """Return whether there is a reply for each recipient, as LMTP has it."""
        if not self._is_lmtp or at_once:
            return False
        return text.read_verb(self.request) == b'DATA' or is_last_chunk(self.request.partition(b'\n')[0])
