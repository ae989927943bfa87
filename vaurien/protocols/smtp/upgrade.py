"""TLS inside SMTP and LMTP: STARTTLS (RFC 3207), which each peer is offered by the proxy alone."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from itertools import chain
from typing import Any

from vaurien.framing.head import MAX_HEAD, escape
from vaurien.framing.marks import UPGRADE, Mark
from vaurien.protocols.smtp.framing import COMMANDS, ORDINARY, TO_EHLO, TO_LHLO, UPGRADING, FramedSMTP
from vaurien.protocols.smtp.text import read_verb
from vaurien.protocols.upgrade import Talk, Upgrade, Upgrading

#: A whole reply (RFC 5321, 4.2), and how one begins, or is yet to.
_REPLY = re.compile(rb'(?:[2-5]\d\d-[^\n]*\n)*[2-5]\d\d(?:[ \r][^\n]*)?\n')
_BEGINNING = re.compile(rb'[2-5]\d\d[- \r\n]|\d{0,3}\Z')

#: Whoever has no name calls himself by his address (RFC 5321, 4.1.3).
_SELF = b' [127.0.0.1]\r\n'
_KEYWORD = b'STARTTLS'
_GO_AHEAD = b'220 2.0.0 Ready to start TLS\r\n'
_NOT_NOW = b'454 4.7.0 TLS is not available\r\n'
_NOT_AGAIN = b'503 5.5.1 TLS has begun\r\n'
_HELLOS = (TO_EHLO, TO_LHLO)


class SMTPUpgrade(Upgrading[int | bytes], FramedSMTP):
    """Finds STARTTLS, and edits what EHLO and LHLO are answered."""

    implicit_port = 465

    @classmethod
    def ask_backend(cls) -> Talk:
        """Say STARTTLS. The greeting is for the client, who is yet to come."""
        greeting = yield from _read_reply()
        if not greeting.startswith(b'220'):
            raise ValueError(f'it says {escape(greeting[:80].rstrip())}')
        offer = yield from _read_reply(b'EHLO' + _SELF)
        if offer.startswith(b'5'):
            offer = yield from _read_reply(b'LHLO' + _SELF)
        if _KEYWORD not in map(_read_keyword, _split(offer)):
            raise ValueError('it does not offer STARTTLS')
        answer = yield from _read_reply(_KEYWORD + b'\r\n')
        if not answer.startswith(b'220'):
            raise ValueError(f'it says {escape(answer[:80].rstrip())}')
        return greeting

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(options)
        #: How many of these requests have no reply yet.
        self._hellos = 0

    # Upstream

    def feed_upstream(self, data: bytes) -> tuple[bytes, Sequence[Mark]]:
        """See `BaseProtocol.feed_upstream`; the quick way does not tell an EHLO from others."""
        return super().feed_upstream(data) if self._is_upgrading else self._walk_upstream(data)

    def _open(self, line: bytes, end: int, marks: list[Mark]) -> None:
        super()._open(line, end, marks)
        verb = read_verb(line)
        if verb == b'EHLO':
            self._outstanding[-1] = TO_EHLO
        elif verb == _KEYWORD:
            self._outstanding[-1] = ORDINARY
            self._mode = UPGRADING
            self._is_upgrading = True
            marks[-1] = (UPGRADE, end)
        self._hellos += self._outstanding[-1] in _HELLOS

    def withdraw(self) -> None:
        """See `BaseProtocol.withdraw`."""
        self._hellos -= bool(self._outstanding) and self._outstanding[0] in _HELLOS
        super().withdraw()

    def upgrade(self) -> Upgrade:
        """Grant the first STARTTLS, if the proxy has a certificate to show; forget what was said before (4.2)."""
        legs = self._legs
        if legs.is_client_secure:
            return Upgrade(_NOT_AGAIN)
        if not legs.client:
            return Upgrade(_NOT_NOW)
        self._outstanding.appendleft(ORDINARY)
        return Upgrade(_GO_AHEAD, client=True, reset=b'RSET\r\n')

    def on_upgraded(self, *, client: bool) -> None:
        """See `Upgrading.on_upgraded`; a client begins anew."""
        super().on_upgraded(client=client)
        if client:
            self._is_lmtp = False
            self._envelope.clear()
            self._commands = COMMANDS
        self._mode = self._commands

    # Downstream

    def edit_downstream(self, data: bytes) -> bytes:
        """Have the client see the offer of STARTTLS that is the proxy's, and not the backend's."""
        if not (self._unread or self._hellos):
            return data
        data, self._unread = self._unread + data, b''
        edited, i = b'', 0
        for one in chain(() if self._down_at else (ORDINARY,), self._outstanding):  # the greeting comes first
            reply = _REPLY.match(data, i)
            if reply is None:
                break
            if one in _HELLOS:
                self._hellos -= 1
                edited += self._edit(reply[0])
            else:
                edited += reply[0]
            i = reply.end()
        else:
            return edited + data[i:]
        if len(data) - i <= MAX_HEAD and _BEGINNING.match(data, i):
            self._unread = data[i:]
            return edited
        return edited + data[i:]

    def _edit(self, reply: bytes) -> bytes:
        if not reply.startswith(b'250'):
            return reply
        name, *offers = _split(reply)
        own = [b'250-' + _KEYWORD + b'\r\n'] if self._legs.client and not self._legs.is_client_secure else []
        lines = [name, *own, *(line for line in offers if _read_keyword(line) != _KEYWORD)]
        last = len(lines) - 1
        return b''.join(line[:3] + (b'-' if i < last else b' ') + line[4:] for i, line in enumerate(lines))


def _read_reply(command: bytes = b'') -> Generator[bytes, bytes, bytes]:
    """Send *command*; return the reply, behind which there may be nothing: it would not be encrypted."""
    heard = yield command
    while (reply := _REPLY.match(heard)) is None and len(heard) <= MAX_HEAD and _BEGINNING.match(heard):
        heard += yield b''
    if reply is None or reply.end() < len(heard):
        raise ValueError(f'it says {escape(heard[:80])}')
    return heard


def _split(reply: bytes) -> list[bytes]:
    return [line + b'\n' for line in reply.split(b'\n')[:-1]]


def _read_keyword(line: bytes) -> bytes:
    """Return the name of the extension that a line of a reply to EHLO offers."""
    return b''.join(line[4:].split(None, 1)[:1]).upper()
