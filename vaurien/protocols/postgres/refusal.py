"""How a server is made to refuse one statement of several, and how the reply to that is taken apart.

A server skips what follows on an error in a batch, up to its Sync, and in the text of a Query ("Pipelining", "Multiple
Statements in a Simple Query" in protocol-flow.html). So nothing of that has to reach it.
"""

from __future__ import annotations

from vaurien.framing.parts import Refusal
from vaurien.protocols.postgres.messages import ERROR_RESPONSE, READY_FOR_QUERY, make_message, unpack_header
from vaurien.protocols.postgres.transaction import may_leave

#: What a server parses, for it parses the whole text of a Query at first, and then cannot execute: there is no such
#: column. In a transaction that has failed, it has an error of its own instead (``exec_simple_query`` in postgres.c).
_UNKNOWN = b'SELECT "injected by vaurien"'
#: What it does not even parse: in a transaction that has failed, that comes first.
_NONSENSE = b'"injected by vaurien"'
#: Is in the server's error to either, in any language.
_SIGN = b'"injected by vaurien"'


class PostgresRefusal(Refusal):
    """Has a server execute the beginning of a Query, or of a batch, and refuse what is next."""

    def __init__(self, lead: bytes, statement: str) -> None:
        """*lead* is the beginning of a Query; or nothing, if the server has the beginning of a batch."""
        if lead:
            self.request = make_message(b'Q', lead[5:] + _UNKNOWN + b'\0')
        else:
            bad = _NONSENSE if may_leave(statement) else _UNKNOWN
            self.request = make_message(b'P', b'\0' + bad + b'\0\0\0') + make_message(b'S', b'')
        self._kept = b''
        # Bytes of a message that passes.
        self._left = 0

    def feed(self, reply: bytes) -> bytes:
        """See `Refusal.feed`: all messages pass but the server's error, and the ReadyForQuery at the end."""
        data = self._kept + reply
        i = min(self._left, len(data))
        self._left -= i
        shown = data[:i]
        while len(data) - i >= 5:
            kind, length = unpack_header(data, i)
            end = i + 1 + length
            message = data[i:end]
            if kind in (ERROR_RESPONSE, READY_FOR_QUERY):
                if end > len(data):
                    break
                if kind == READY_FOR_QUERY:
                    self.rest = message
                elif _SIGN in message:
                    self.is_met = True
                else:
                    shown += message
            else:
                shown += message
                self._left = max(0, end - len(data))
            i = min(end, len(data))
        self._kept = data[i:]
        return shown
