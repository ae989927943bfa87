"""A mail server for the tests, and its client."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from smtplib import SMTP
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from tests.servers import HOST, TIMEOUT, free_port

USER = 'joe'
PASSWORD = 'open sesame'

#: What a client calls itself: to look that up may take seconds.
CLIENT_NAME = 'client.example.com'


@dataclass
class Message:
    """A message that the server has accepted."""

    sender: str
    recipients: list[str]
    content: bytes


@dataclass
class Mailbox:
    """A server that keeps its messages, and its address."""

    port: int
    messages: list[Message] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Return ``host:port``."""
        return f'{HOST}:{self.port}'

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  # aiosmtpd calls it so
        """Keep a message."""
        self.messages.append(Message(envelope.mail_from, list(envelope.rcpt_tos), bytes(envelope.content)))
        return '250 2.0.0 Kept'


def _authenticate(server: Any, session: Any, envelope: Any, mechanism: str, given: LoginPassword) -> AuthResult:
    return AuthResult(success=given == LoginPassword(USER.encode(), PASSWORD.encode()), handled=False)


@contextmanager
def mail_server(tls: ssl.SSLContext | None = None, mailbox: Mailbox | None = None) -> Iterator[Mailbox]:
    """Run an aiosmtpd that lets `USER` log in with `PASSWORD`, takes all mail, and does STARTTLS if *tls* is given."""
    mailbox = mailbox or Mailbox(free_port())
    controller = Controller(
        mailbox,
        hostname=HOST,
        port=mailbox.port,
        server_hostname='mail.example.com',
        ready_timeout=TIMEOUT,
        data_size_limit=64 << 20,
        authenticator=_authenticate,
        auth_require_tls=False,
        tls_context=tls,
    )
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()


@contextmanager
def mail_client(port: int, timeout: float = TIMEOUT) -> Iterator[SMTP]:
    """Return a client that has read the banner and sent EHLO; it closes without QUIT."""
    client = SMTP(HOST, port, CLIENT_NAME, timeout)
    try:
        client.ehlo()
        yield client
    finally:
        client.close()
