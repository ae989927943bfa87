"""Clients of mail that go through a program, whatever they are told: one for each library."""

from __future__ import annotations

import asyncio
import base64
import re
import smtplib
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from functools import partial
from typing import Any

import aiosmtplib

from tests.behaviors.mail import CLIENT_NAME, PASSWORD, USER
from tests.servers import HOST, TIMEOUT

SENDER, RECIPIENTS = 'a@example.com', ['b@example.com', 'c@example.com']
CONTENT = b'Subject: x\r\n\r\n' + (b'x' * 70 + b'\r\n') * 30

MAIL, RCPT, OTHER = f'MAIL FROM:<{SENDER}>', *(f'RCPT TO:<{name}>' for name in RECIPIENTS)

#: A command; or what to do meanwhile, of which the client knows nothing.
Step = str | Callable[[], None]
# Steps that are more than a command. DATA comes with its message, AUTH with a whole dialogue.
SEND = 'send a message to b and c'
CHUNK, CHUNKS = 'send the message as a chunk', 'send the message in chunks'
PIPELINED = 'send MAIL, RCPT to all and DATA at once'

#: An enhanced code (RFC 3463, 2), which not all servers give.
_ENHANCED = re.compile(r'^\d\.\d{1,3}\.\d{1,3} ')
_ADDRESS = re.compile(r'<[^>]*> ')


def simplify(code: int, text: bytes | str) -> object:
    """Return the code of a reply, and of an error its text, but for an enhanced code.

    In the text to a bad sequence of commands, 503, Exim repeats an error that it has sent, or not.
    """
    words = text.decode() if isinstance(text, bytes) else text
    return (code, _ENHANCED.sub('', words)) if code >= 400 and code != 503 else code


def _fail(error: Exception) -> object:
    """Return the kind of an exception, and what the server has said."""
    recipients: Any = getattr(error, 'recipients', None) or []
    if isinstance(recipients, dict):
        return type(error).__name__, {name: simplify(*reply) for name, reply in recipients.items()}
    said = [(each.code, each.message) for each in recipients]
    code = getattr(error, 'smtp_code', None) or getattr(error, 'code', None)
    if code:
        said.append((code, getattr(error, 'smtp_error', None) or getattr(error, 'message', '')))
    return type(error).__name__, [simplify(*reply) for reply in said]


def run_smtplib(port: int, program: Sequence[Step]) -> list[object]:
    """Return what ``smtplib`` says to the greeting, and then to each step of a *program*."""
    told: list[object] = []

    def step(act: Callable[[], Any]) -> None:
        try:
            code, text = act()
        except smtplib.SMTPException as error:
            told.append(_fail(error))
        else:
            told.append(simplify(code, text) if isinstance(code, int) else code)

    with closing(smtplib.SMTP(local_hostname=CLIENT_NAME, timeout=TIMEOUT)) as client:
        client.user, client.password = USER, PASSWORD

        def send() -> Any:
            refused = client.sendmail(SENDER, RECIPIENTS, CONTENT)
            return {name: simplify(*reply) for name, reply in refused.items()}, None

        def send_chunks() -> Any:
            client.send(b'BDAT %d\r\n%bBDAT 0 LAST\r\n' % (len(CONTENT), CONTENT))
            step(client.getreply)
            return client.getreply()

        def pipeline() -> Any:
            client.send(f'{MAIL}\r\n{RCPT}\r\n{OTHER}\r\nDATA\r\n')
            for _ in range(3):
                step(client.getreply)
            code, text = client.getreply()
            if code == 354:
                client.send(CONTENT + b'.\r\n')
                code, text = client.getreply()
            return code, text

        special: dict[str, Callable[[], Any]] = {
            SEND: send,
            PIPELINED: pipeline,
            CHUNKS: send_chunks,
            'DATA': lambda: client.data(CONTENT),
            'AUTH': lambda: client.auth('LOGIN', client.auth_login, initial_response_ok=False),
            'EHLO': client.ehlo,
        }
        step(lambda: client.connect(HOST, port))
        for command in program:
            if callable(command):
                command()
            else:
                step(special.get(command, partial(client.docmd, command)))
    return told


def run_lmtp(port: int, program: Sequence[Step]) -> list[object]:
    """Return what ``smtplib.LMTP`` says to each step of a *program*; all replies to a message, which are more than one.

    Dovecot puts the address of a recipient before what it says of him. It may be missing.
    """
    with closing(smtplib.LMTP(HOST, port, CLIENT_NAME)) as client:
        client.ehlo()
        session = _LMTPSession(client)
        for step in program:
            session.go(step)
    return session.told


class _LMTPSession:
    def __init__(self, client: smtplib.LMTP) -> None:
        self._client = client
        self._recipients = 0
        self.told: list[object] = []

    def go(self, step: Step) -> None:
        if step == CHUNK:
            self._finish(b'BDAT %d LAST\r\n%b' % (len(CONTENT), CONTENT))
        elif step == CHUNKS:
            self._client.send(b'BDAT %d\r\n%b' % (len(CONTENT), CONTENT))
            self._read()
            self._finish(b'BDAT 0 LAST\r\n')
        else:
            commands = [MAIL, to('ann'), to('bob'), to('cy'), 'DATA'] if step == PIPELINED else [str(step)]
            self._client.send(''.join(f'{command}\r\n' for command in commands))
            for command in commands:
                self._note(command, self._read())

    def _note(self, command: str, code: int) -> None:
        if command.startswith('RCPT'):
            self._recipients += code == 250
        elif command != 'DATA':
            self._recipients = 0
        elif code == 354:
            self._finish(CONTENT + b'.\r\n')

    def _finish(self, rest: bytes) -> None:
        self._client.send(rest)
        for _ in range(self._recipients):
            self._read()

    def _read(self) -> int:
        code, text = self._client.getreply()
        self.told.append(simplify(code, _ADDRESS.sub('', text.decode())))
        return code


def to(user: str) -> str:
    """Return the command that names a user of Dovecot."""
    return f'RCPT TO:<{user}@example.com>'


def run_aiosmtplib(port: int, program: Sequence[str]) -> list[object]:
    """Return what ``aiosmtplib`` says, likewise."""
    return asyncio.run(_run_aiosmtplib(port, program))


async def _run_aiosmtplib(port: int, program: Sequence[str]) -> list[object]:
    told: list[object] = []
    client = aiosmtplib.SMTP(hostname=HOST, port=port, local_hostname=CLIENT_NAME, timeout=TIMEOUT, start_tls=False)

    async def send() -> Any:
        refused, _ = await client.sendmail(SENDER, RECIPIENTS, CONTENT)
        return {name: simplify(*reply) for name, reply in refused.items()}, None

    async def log_in() -> Any:
        await client.execute_command(b'AUTH LOGIN')
        await client.execute_command(base64.b64encode(USER.encode()))
        return await client.execute_command(base64.b64encode(PASSWORD.encode()))

    special: dict[str, Callable[[], Awaitable[Any]]] = {
        SEND: send,
        'DATA': lambda: client.data(CONTENT),
        'AUTH': log_in,
        'EHLO': client.ehlo,
    }

    async def step(act: Callable[[], Awaitable[Any]]) -> None:
        try:
            code, text = await act()
        except aiosmtplib.SMTPException as error:
            told.append(_fail(error))
        else:
            told.append(simplify(code, text) if isinstance(code, int) else code)

    await step(client.connect)
    for command in program:
        await step(special.get(command, partial(client.execute_command, command.encode())))
    client.close()
    return told


CLIENTS = {'smtplib': run_smtplib, 'aiosmtplib': run_aiosmtplib}
