"""The envelope of a message in LMTP: how many replies the message gets, and whom each of them is about.

Sources: RFC 2033; for BDAT, RFC 3030.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import compress

from vaurien.protocols.smtp.text import read_verb

BDAT = re.compile(rb'\s*BDAT\s+([0-9]{1,18})(\s+LAST)?\s*', re.IGNORECASE)
#: Commands that change the envelope.
ENVELOPE = {b'MAIL', b'RCPT', b'RSET', b'BDAT'}
#: The most bytes of command lines that are kept: enough for some thousand recipients. Those beyond are only counted.
LINES_MAX = 256 * 1024

_PATH = re.compile(rb'<([^>]*)>')


def is_chunk(request: int | bytes) -> bool:
    """Return whether a *request*, if that is a command line, is a chunk of a message."""
    return isinstance(request, bytes) and read_verb(request) == b'BDAT'


def is_last_chunk(request: int | bytes) -> bool:
    """Return whether a *request*, if that is a command line, is the last chunk of a message."""
    found = BDAT.match(request) if isinstance(request, bytes) else None
    return bool(found and found[2])


class Envelope:
    """What the server has accepted of a mail transaction."""

    __slots__ = ('_size', 'count', 'is_begun', 'recipients', 'sender')

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget everything: there is no transaction."""
        #: The command line MAIL.
        self.sender = b''
        #: The command lines RCPT, in their order, and how many there are.
        self.recipients: list[bytes] = []
        self.count = 0
        #: Whether the server has a chunk of the message.
        self.is_begun = False
        self._size = 0

    def note(self, command: bytes) -> None:
        """Note that a *command* was accepted."""
        verb = read_verb(command)
        if verb == b'BDAT':
            self.is_begun = True
        elif verb == b'RCPT':
            self.count += 1
            self._size += len(command)
            if self._size <= LINES_MAX:
                self.recipients.append(command)
        else:
            self.clear()
            if verb == b'MAIL':
                self.sender = command

    def keep(self, kept: Iterable[bool]) -> None:
        """Keep only some of the recipients, each of whom is known."""
        self.recipients = list(compress(self.recipients, kept))
        self.count = len(self.recipients)

    def find(self, address: str) -> list[int]:
        """Return which recipients have that *address*, or none if the envelope cannot be sent once more."""
        if self.is_begun or not self.sender or len(self.recipients) < self.count:
            return []
        wanted = address.lower()
        return [i for i, line in enumerate(self.recipients) if _read_address(line) == wanted]


def _read_address(line: bytes) -> str:
    """Return the address in a command line RCPT, in lower case."""
    found = _PATH.search(line)
    return found[1].decode(errors='replace').lower() if found else ''
