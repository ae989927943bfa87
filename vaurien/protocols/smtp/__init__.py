"""SMTP: commands and replies with pipelining, DATA, BDAT, AUTH dialogues, STARTTLS.

Sources: RFC 5321, and for extensions RFC 2034 (enhanced codes), 2920 (pipelining), 3030 (BDAT), 3207 (STARTTLS) and
4954 (AUTH).

- `framing`: the full way to find requests and replies
- `quick`: the quick way, for whole lines of the usual commands and replies
- `text`: what a request is called, and what an error says
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from vaurien.framing.effects import Effects
from vaurien.framing.error_reply import INJECTED, ErrorReply
from vaurien.plugins.options import Line
from vaurien.protocols.smtp import text
from vaurien.protocols.smtp.framing import ORDINARY
from vaurien.protocols.smtp.quick import QuickSMTP

#: Commands whose failure ends the mail transaction (RFC 5321, 4.1.1.4; for BDAT, RFC 3030, 2, wants it to be reset).
_ENDING = {b'DATA', b'BDAT'}
_GO_AHEAD = b'354 End data with <CR><LF>.<CR><LF>\r\n'


class SMTP(QuickSMTP):
    """SMTP with its extensions. An error is 451, or a *code*; after 421 and in place of a greeting it closes."""

    name = 'smtp'
    error_options = {
        'code': ('Reply code', Annotated[int, Meta(ge=400, le=599)], 451),
        'message': ('Text', Line, INJECTED),
    }
    greets = True

    def describe(self, request: bytes) -> str:
        """Return the command line: ``RCPT TO:<a@example.com>``."""
        return text.describe(request) or super().describe(request)

    def error(self, code: int = 451, message: str = INJECTED) -> ErrorReply:
        """Return a reply with *code*; to DATA, once the message was sent.

        A greeting is 421, or 554 for a code of 5xx, and the connection closes at once: whoever went on after a 554, as
        RFC 5321, 3.1, lets it, would talk to a backend that has sent no error.
        """
        if not self.request:
            code = 554 if code >= 500 else 421
        # A message that did not wait for the reply is opaque: the backend, if it got that, would take it for commands.
        is_opaque = self.opaque is not None
        closes = code == 421 or not self.request or is_opaque
        prompts = text.read_verb(self.request) == b'DATA' and not is_opaque
        return ErrorReply(text.make_error(self.request, code, message), closes, _GO_AHEAD if prompts else b'')

    def effects(self, *args: Any, **choice: Any) -> Effects:
        """Reset the mail transaction that a refused message ends."""
        if text.read_verb(self.request) in _ENDING:
            self._outstanding.appendleft(ORDINARY)
            yield b'RSET\r\n'
        return b''
