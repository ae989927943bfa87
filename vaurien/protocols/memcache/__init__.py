"""Memcached: the text protocol with its meta commands, and the binary one; the first byte tells them apart.

Source: https://github.com/memcached/memcached/blob/master/doc/protocol.txt; where it is silent, or was not followed,
memcached 1.6.18.

- `framing`: the full way to find requests and replies
- `heads`: what is read of a message at once
- `commands`: the text protocol
- `binary`: the binary protocol
- `quick`: the quick way, for the two usual commands and their replies
- `text`: what a request is called, and what an error says
"""

from __future__ import annotations

from vaurien.framing.error_reply import INJECTED, ErrorReply
from vaurien.plugins.options import Line
from vaurien.protocols.memcache import text
from vaurien.protocols.memcache.commands import Run
from vaurien.protocols.memcache.quick import QuickMemcache


class Memcache(QuickMemcache):
    """The text and the binary protocol. An error is ``SERVER_ERROR`` or the status 0x84; the connection stays open."""

    name = 'memcache'
    error_options = {'message': ('Text, with its kind unless that is SERVER_ERROR', Line, INJECTED)}

    def describe(self, request: bytes) -> str:
        """Return command and first key: ``get user:1``."""
        return text.describe(request) or super().describe(request)

    def error(self, message: str = INJECTED) -> ErrorReply:
        """Return ``SERVER_ERROR``, or a reply of status 0x84, unless *message* says what else."""
        reply = text.make_error(self.request, message)
        run = self._outstanding[0] if self._outstanding else None
        # Clients read up to the reply to mn, which never fails.
        is_terminated = isinstance(run, Run) and run.last == [b'mn']
        return reply._replace(data=reply.data + b'MN\r\n') if is_terminated else reply
