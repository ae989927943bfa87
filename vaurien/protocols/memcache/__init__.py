"""Memcached: the text protocol with its meta commands, and the binary one; the first byte tells them apart.

Source: https://github.com/memcached/memcached/blob/master/doc/protocol.txt; where it is silent, or was not followed,
memcached 1.6.18.

- `framing`: the full way to find requests and replies
- `heads`: what is read of a message at once
- `commands`: the text protocol
- `binary`: the binary protocol
- `quick`: the quick way, for the two usual commands and their replies
- `meaning`: what a command does, and what a reply says of that
- `text`: what a request is called, and what an error says
"""

from __future__ import annotations

import re
from typing import Any

from vaurien.framing.effects import Effects
from vaurien.framing.error_reply import INJECTED, ErrorReply
from vaurien.framing.meaning import Meaning, ReplyMeaning
from vaurien.framing.trials import CHANGING, USUAL_TRIALS, Kind, Trial
from vaurien.plugins.options import Line
from vaurien.protocols.memcache import binary, commands, text
from vaurien.protocols.memcache.commands import Run
from vaurien.protocols.memcache.heads import ANSWERED, QUIET
from vaurien.protocols.memcache.meaning import STORING, read_meaning, read_reply
from vaurien.protocols.memcache.quick import QuickMemcache

#: What memcached says when it has no memory for a value, after which it has deleted the old one.
_NO_MEMORY = re.compile('out of memory|too large', re.IGNORECASE)
_NOOP = binary.MAGIC + bytes([binary.NOOP]) + bytes(22)


class Memcache(QuickMemcache):
    """The text and the binary protocol. An error is ``SERVER_ERROR`` or the status 0x84; the connection stays open."""

    name = 'memcache'
    describes_alike = True
    error_options = {'message': ('Text, with its kind unless that is SERVER_ERROR', Line, INJECTED)}
    trials = (
        *USUAL_TRIALS,
        Trial(Kind.NO, "error(message='out of memory')", 'memory'),
        Trial(Kind.NO, "error(message='object too large for cache')", 'too large', CHANGING, commands=STORING),
    )

    def describe(self, request: bytes) -> str:
        """Return command and first key: ``get user:1``."""
        return text.describe(request) or super().describe(request)

    def meaning(self, request: bytes, text: str) -> Meaning:
        """See `BaseProtocol.meaning`."""
        return read_meaning(request, text.partition(' ')[0])

    def reply_meaning(self, head: bytes, tail: bytes, meaning: Meaning) -> ReplyMeaning:
        """See `BaseProtocol.reply_meaning`."""
        return read_reply(head)

    def would_fail(self, *args: Any, **choice: Any) -> bool:
        """Return whether it can fail: what ends a run of quiet commands cannot, and clients read up to its reply."""
        if self.request.startswith(binary.MAGIC):
            return self.request[1] != binary.NOOP
        return self.request.split()[:1] != [b'mn']

    def error(self, message: str = INJECTED) -> ErrorReply:
        """Return ``SERVER_ERROR``, or a reply of status 0x84, unless *message* says what else."""
        return text.make_error(self.request, message)

    def effects(self, message: str = INJECTED) -> Effects:
        """Have replies to earlier quiet commands come before the error; delete the old value if there is no memory."""
        is_binary = self.request.startswith(binary.MAGIC)
        end = _NOOP if is_binary else b'mn\r\n'
        shown = b''
        if is_binary or self._is_in_run():
            self._outstanding.appendleft(Run([b'mn'], is_own=True))
            reply = yield end
            shown = reply[: -len(_NOOP if is_binary else b'MN\r\n')]
        deletion = text.make_deletion(self.request) if _NO_MEMORY.search(message) else b''
        if deletion:
            self._outstanding.appendleft(ANSWERED)
            yield deletion
        return shown

    def _is_in_run(self) -> bool:
        """Return whether `request` is a quiet meta command, or comes after some."""
        if commands.read_expected(self.request) == QUIET:
            return True
        return bool(self._outstanding) and isinstance(self._outstanding[0], Run)
