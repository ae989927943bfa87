"""SMTP: what an error to a message leaves behind, of a server and made up, with ``smtplib``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.behaviors.mail import Mailbox, mail_client, mail_server
from tests.servers import free_port
from vaurien import Proxy

MAIL, RCPT = 'MAIL FROM:<a@example.com>', 'RCPT TO:<b@example.com>'
PROGRAMS = {
    'go on with the next': [MAIL, RCPT, 'DATA', MAIL, RCPT, 'DATA'],
    'to somebody else': [MAIL, RCPT, 'DATA', RCPT, 'DATA'],
    'reset first': [MAIL, RCPT, 'DATA', 'RSET', MAIL, RCPT, 'DATA'],
    'greet again': [MAIL, RCPT, 'DATA', 'EHLO client.example.com', MAIL, RCPT, 'DATA'],
}


@dataclass
class FullMailbox(Mailbox):
    """A server that refuses the first message."""

    is_full: bool = True

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  # aiosmtpd calls it so
        """Refuse a message, or keep it."""
        if self.is_full:
            self.is_full = False
            return '452 4.2.2 Mailbox full'
        return await super().handle_DATA(server, session, envelope)


def fate(port: int, program: list[str]) -> list[int]:
    """Return the codes that a client is told; each message is of one line."""
    codes = []
    with mail_client(port) as client:
        for command in program:
            code, _ = client.docmd(command)
            codes.append(code)
            if code == 354:
                client.send(b'hello\r\n.\r\n')
                codes.append(client.getreply()[0])
    return codes


@pytest.mark.parametrize('name', PROGRAMS)
def test_a_message_is_refused(name: str) -> None:
    program = PROGRAMS[name]
    with mail_server(mailbox=FullMailbox(free_port())) as full:
        real = fate(full.port, program), full.messages
    assert real[0][3] == 452
    with mail_server() as mailbox, Proxy(mailbox.address, 'smtp') as proxy:
        proxy.set_behavior('error', match='DATA', code=452, times=1)
        assert (fate(proxy.address.port, program), mailbox.messages) == real
