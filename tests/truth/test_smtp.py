"""SMTP and LMTP: what an error leaves behind, of Exim, aiosmtpd and Dovecot, and made up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psutil
import pytest

from tests.behaviors.mail import PASSWORD, Mailbox, mail_server
from tests.behaviors.waiting import eventually
from tests.peers import Peer
from tests.servers import TIMEOUT, free_port
from tests.truth.conftest import Show
from tests.truth.mail_clients import (
    CHUNK,
    CHUNKS,
    CLIENTS,
    MAIL,
    OTHER,
    PIPELINED,
    RCPT,
    SEND,
    Step,
    run_lmtp,
    run_smtplib,
    to,
)
from tests.truth.mail_servers import Exim, dovecot, exim
from vaurien import Proxy

#: What comes after a failure.
NEXT = (MAIL, OTHER, 'DATA', 'NOOP', SEND)
#: Makes a rule of Exim hold once for each connection.
ONCE = 'condition = ${if !eq{$acl_c_seen}{1}}\n  set acl_c_seen = 1\n  '


@dataclass(frozen=True)
class Failure:
    """How Exim is made to fail, and the fault that looks like it."""

    situation: str
    #: With what else it is configured: `exim` says how.
    settings: dict[str, str]
    real: str
    fault: str
    #: What the client does, and then.
    program: Sequence[str] = (SEND,)
    then: Sequence[str] = NEXT
    clients: Sequence[str] = tuple(CLIENTS)
    #: Whether somebody else is connected to the server that fails.
    is_busy: bool = False


FAILURES = [
    Failure(
        'one of two mailboxes is full, said to RCPT',
        {'rcpt': 'defer local_parts = b\n  message = 452 4.2.2 Mailbox full'},
        'a rule for RCPT',
        "error(match='RCPT TO:<b@*', code=452, message='4.2.2 Mailbox full')",
    ),
    Failure(
        'no recipient is let pass, MAIL and DATA all the same',
        {'rcpt': 'deny local_parts = b\n  message = 550 5.7.1 Relay not permitted'},
        'a rule for RCPT',
        "error(match='RCPT TO:<b@*', code=550, message='5.7.1 Relay not permitted')",
        (MAIL, RCPT, 'DATA', MAIL),
    ),
    Failure(
        'greylisting: the first RCPT is refused, the next is not',
        {'rcpt': f'defer {ONCE}message = 451 4.7.1 Try again later'},
        'a rule for RCPT that holds once',
        "error(match='RCPT*', code=451, message='4.7.1 Try again later', times=1)",
        (MAIL, RCPT, RCPT, 'DATA'),
    ),
    Failure(
        'too many recipients',
        {'settings': 'recipients_max = 1'},
        'recipients_max = 1',
        "error(match='RCPT TO:<c@*', code=452, message='too many recipients')",
        (SEND,),
        (MAIL, RCPT, OTHER, 'DATA', SEND),
    ),
    Failure(
        'the sender is refused, RCPT and DATA all the same',
        {'mail': f'deny {ONCE}message = 550 5.7.1 Sender refused'},
        'a rule for MAIL that holds once',
        "error(match='MAIL*', code=550, message='5.7.1 Sender refused', times=1)",
        (MAIL, RCPT, 'DATA'),
    ),
    Failure(
        'a message is too large, said to the SIZE of MAIL and behind the message',
        {'settings': 'message_size_limit = 1000'},
        'message_size_limit = 1000',
        "error(match='MAIL* size=*', code=552, message='Message size exceeds maximum permitted'),"
        "error(match='DATA', code=552, message='Message size exceeds maximum permitted')",
    ),
    Failure(
        'no room, said behind the message',
        {'data': 'defer message = 452 4.3.1 No room'},
        'a rule for what follows on DATA',
        "error(match='DATA', code=452, message='4.3.1 No room')",
    ),
    Failure(
        'no room once; the client goes on with another recipient',
        {'data': f'defer {ONCE}message = 452 4.3.1 No room'},
        'a rule for what follows on DATA that holds once',
        "error(match='DATA', code=452, message='4.3.1 No room', times=1)",
        (MAIL, RCPT, 'DATA', OTHER, 'DATA'),
    ),
    Failure(
        'DATA is refused at once, and then again; the transaction goes on',
        {'predata': f'defer {ONCE}message = 451 4.3.0 Not now'},
        'a rule for DATA that holds once',
        "error(match='DATA', code=451, message='4.3.0 Not now', at_once=true, times=1)",
        (MAIL, RCPT, 'DATA', MAIL, 'DATA'),
    ),
    Failure(
        'one of two recipients is refused, pipelined',
        {'rcpt': 'deny local_parts = b\n  message = 550 5.1.1 Unknown user'},
        'a rule for RCPT',
        "error(match='RCPT TO:<b@*', code=550, message='5.1.1 Unknown user')",
        (PIPELINED,),
        clients=('smtplib',),
    ),
    Failure(
        'all recipients are refused, pipelined with DATA',
        {'rcpt': 'deny message = 550 5.1.1 Unknown user'},
        'a rule for RCPT',
        "error(match='RCPT*', code=550, message='5.1.1 Unknown user')",
        (PIPELINED, 'RSET'),
        clients=('smtplib',),
    ),
    Failure(
        'no room, said behind a message that was pipelined up to DATA',
        {'data': f'defer {ONCE}message = 452 4.3.1 No room'},
        'a rule for what follows on DATA that holds once',
        "error(match='DATA', code=452, message='4.3.1 No room', times=1)",
        (PIPELINED, PIPELINED),
        clients=('smtplib',),
    ),
    Failure(
        'a message in chunks is refused behind the last one',
        {'data': f'defer {ONCE}message = 452 4.3.1 No room'},
        'a rule for what follows on BDAT LAST that holds once',
        "error(match='BDAT * LAST', code=452, message='4.3.1 No room', times=1)",
        (MAIL, RCPT, CHUNKS, OTHER, CHUNKS, MAIL, RCPT, CHUNKS),
        clients=('smtplib',),
    ),
    Failure(
        'a password is refused',
        {'password': 'another'},
        'another password',
        "error(match='AUTH*', code=535, message='Incorrect authentication data')",
        ('AUTH',),
    ),
    Failure(
        'AUTH is refused at once',
        {'auth': 'defer message = 454 4.7.0 Try again later'},
        'a rule for AUTH',
        "error(match='AUTH*', code=454, message='4.7.0 Try again later', at_once=true)",
        ('AUTH',),
        clients=('smtplib',),
    ),
    Failure(
        'EHLO is refused, and then not',
        {'helo': f'deny {ONCE}message = 550 5.7.1 Who are you'},
        'a rule for EHLO that holds once',
        "error(match='EHLO*', code=550, message='Who are you', times=1)",
        ('EHLO',),
    ),
    Failure(
        'STARTTLS is refused within a transaction',
        {'starttls': 'defer message = 454 4.7.0 TLS not available'},
        'a rule for STARTTLS',
        "error(match=STARTTLS, code=454, message='4.7.0 TLS not available')",
        (MAIL, RCPT, 'STARTTLS', 'DATA'),
    ),
    Failure(
        'too many connections',
        {'settings': 'smtp_accept_max = 1'},
        'smtp_accept_max = 1',
        "error(match=banner, code=421, message='Too many concurrent SMTP connections; please try again later.')",
        is_busy=True,
    ),
    Failure(
        'a client is turned away',
        {'connect': 'drop message = 554 5.7.1 Go away'},
        'a rule for connections',
        "error(match=banner, code=554, message='5.7.1 Go away')",
    ),
]


def occupy(port: int) -> Peer:
    """Return a connection that the server has greeted: whoever has asked whether it listens may not have left."""
    while True:
        peer = Peer.connect(port)
        if peer.recv_until(b'\n').startswith(b'220'):
            return peer
        peer.sock.close()


@pytest.fixture(scope='module')
def sound_exim() -> Iterator[Exim]:
    with exim(PASSWORD) as server:
        yield server


@pytest.fixture
def sound(sound_exim: Exim) -> Exim:
    """An Exim that does not fail, and has no message yet."""
    sound_exim.forget()
    return sound_exim


@pytest.mark.parametrize(
    ('failure', 'client'),
    [
        pytest.param(failure, client, id=f'{failure.situation}, {client}')
        for failure in FAILURES
        for client in failure.clients
    ],
)
def test_exim_fails(show: Show, sound: Exim, failure: Failure, client: str) -> None:
    program = ['EHLO', *failure.program, *failure.then]
    with exim(**{'password': PASSWORD, **failure.settings}) as server:
        other = occupy(server.port) if failure.is_busy else None
        real = CLIENTS[client](server.port, program), server.messages()
        if other:
            other.sock.close()
    with Proxy(sound.address, 'smtp') as proxy:
        proxy.set_behavior(failure.fault)
        assert (CLIENTS[client](proxy.address.port, program), sound.messages()) == real
    show(protocol='smtp', driver=client, situation=failure.situation, fault=failure.fault, real=f'Exim, {failure.real}')


def _list_alive(parent: int) -> list[psutil.Process]:
    return [child for child in psutil.Process(parent).children() if child.status() != psutil.STATUS_ZOMBIE]


def test_exim_shuts_down(show: Show, sound: Exim) -> None:
    """The process that serves the connection is told to end; the client hears of it with its next command."""
    with exim(PASSWORD) as server:

        def shut_down() -> None:
            # Besides it, there may still be the process of whoever looked if Exim was up.
            eventually(lambda: len(_list_alive(server.pid)) == 1)
            [serving] = _list_alive(server.pid)
            # The signal ends what it reads next. It has replied, and may not have begun to read yet.
            eventually(lambda: serving.status() == psutil.STATUS_SLEEPING)
            serving.terminate()
            psutil.wait_procs([serving], TIMEOUT)

        real = run_smtplib(server.port, ['EHLO', MAIL, shut_down, RCPT, *NEXT]), server.messages()
    fault = "error(match='RCPT*', code=421, message='mail.example.com: Service not available - closing connection')"
    with Proxy(sound.address, 'smtp') as proxy:
        proxy.set_behavior(fault)
        assert (run_smtplib(proxy.address.port, ['EHLO', MAIL, RCPT, *NEXT]), sound.messages()) == real
    show(
        protocol='smtp',
        driver='smtplib',
        situation='the server shuts down within a transaction',
        fault=fault,
        real='Exim, SIGTERM',
    )


@dataclass
class FailingMailbox(Mailbox):
    """An aiosmtpd that fails once, in any of its handlers."""

    failing: str = ''
    reply: str = ''

    def _say(self, event: str, usual: str) -> str:
        if event != self.failing:
            return usual
        self.failing = ''
        return self.reply

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  # aiosmtpd calls it so
        """Refuse a message, or keep it."""
        refused = self._say('DATA', '')
        return refused or await super().handle_DATA(server, session, envelope)

    async def handle_VRFY(self, server: Any, session: Any, envelope: Any, address: str) -> str:  # noqa: N802
        """Refuse to say who there is, or do not say."""
        return self._say('VRFY', '252 2.5.0 Cannot VRFY user')

    async def handle_RSET(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        """Refuse a reset, which only a handler may."""
        return self._say('RSET', '250 2.0.0 Ok')


AIOSMTPD = {
    'a message is refused; the next one': ('DATA', [MAIL, RCPT, 'DATA', MAIL, RCPT, 'DATA']),
    'a message is refused; another recipient': ('DATA', [MAIL, RCPT, 'DATA', OTHER, 'DATA']),
    'a message is refused; RSET': ('DATA', [MAIL, RCPT, 'DATA', 'RSET', MAIL, RCPT, 'DATA']),
    'a message is refused; EHLO': ('DATA', [MAIL, RCPT, 'DATA', 'EHLO', MAIL, RCPT, 'DATA']),
    'VRFY is refused within a transaction': ('VRFY', [MAIL, RCPT, 'VRFY b', 'DATA']),
}


@pytest.mark.parametrize('client', CLIENTS)
@pytest.mark.parametrize('situation', AIOSMTPD)
def test_aiosmtpd_fails(show: Show, situation: str, client: str) -> None:
    event, program = AIOSMTPD[situation]
    program = ['EHLO', *program, *NEXT]
    message = '4.2.2 Mailbox full' if event == 'DATA' else '4.3.0 Not now'
    with mail_server(mailbox=FailingMailbox(free_port(), failing=event, reply=f'452 {message}')) as failing:
        real = CLIENTS[client](failing.port, program), failing.messages
    fault = f"error(match='{event}*', code=452, message='{message}', times=1)"
    with mail_server(mailbox=FailingMailbox(free_port())) as healthy, Proxy(healthy.address, 'smtp') as proxy:
        proxy.set_behavior(fault)
        assert (CLIENTS[client](proxy.address.port, program), healthy.messages) == real
    show(protocol='smtp', driver=client, situation=situation, fault=fault, real=f'aiosmtpd, a handler of {event}')


def full(user: str) -> str:
    """Return what Dovecot says of a full mailbox."""
    return f'5.2.2 <{user}@example.com> Quota exceeded (mailbox for user is full)'


#: Situation; which mailboxes are full, or not there; the fault; the program.
LMTP_FAILURES: dict[str, tuple[list[str], list[str], str, list[Step]]] = {
    'one of three mailboxes is full': (
        ['bob'],
        [],
        f"error(match=DATA, recipient='bob@example.com', code=552, message='{full('bob')}')",
        [MAIL, to('ann'), to('bob'), to('cy'), 'DATA', MAIL, to('cy'), 'DATA'],
    ),
    'the only mailbox is full': (
        ['bob'],
        [],
        f"error(match=DATA, recipient='bob@example.com', code=552, message='{full('bob')}')",
        [MAIL, to('bob'), 'DATA', to('ann'), 'DATA'],
    ),
    'a recipient with a full mailbox, twice': (
        ['bob'],
        [],
        f"error(match=DATA, recipient='bob@example.com', code=552, message='{full('bob')}')",
        [MAIL, to('bob'), to('ann'), to('bob'), 'DATA', 'RSET'],
    ),
    'one of two mailboxes is full, in one chunk': (
        ['bob'],
        [],
        f"error(match='BDAT * LAST', recipient='bob@example.com', code=552, message='{full('bob')}')",
        [MAIL, to('ann'), to('bob'), CHUNK, to('cy')],
    ),
    'all mailboxes are full': (
        ['ann', 'bob', 'cy', 'dan'],
        [],
        "error(match=DATA, code=552, message='5.2.2 Quota exceeded (mailbox for user is full)')",
        [MAIL, to('ann'), to('bob'), to('cy'), 'DATA'],
    ),
    'all mailboxes are full, in chunks': (
        ['ann', 'bob'],
        [],
        "error(match='BDAT * LAST', code=552, message='5.2.2 Quota exceeded (mailbox for user is full)')",
        [MAIL, to('ann'), to('bob'), CHUNKS],
    ),
    'nobody knows one of two recipients': (
        [],
        ['bob'],
        "error(match='RCPT TO:<bob@*', code=550, "
        "message='5.1.1 <bob@example.com> User doesn\\'t exist: bob@example.com')",
        [MAIL, to('ann'), to('bob'), 'DATA'],
    ),
    'one of two mailboxes is full, pipelined': (
        ['bob'],
        [],
        f"error(match=DATA, recipient='bob@example.com', code=552, message='{full('bob')}')",
        [PIPELINED],
    ),
}


@pytest.mark.parametrize('situation', LMTP_FAILURES)
def test_dovecot_fails(show: Show, situation: str) -> None:
    no_room, unknown, fault, program = LMTP_FAILURES[situation]
    program = [*program, 'RSET', MAIL, to('cy'), to('dan'), 'DATA']
    with dovecot(no_room, unknown) as server:
        real = run_lmtp(server.port, program), server.messages()
    with dovecot() as server, Proxy(server.address, 'smtp') as proxy:
        proxy.set_behavior(fault)
        assert (run_lmtp(proxy.address.port, program), server.messages()) == real
    what = f'quota of {" and ".join(no_room)}' if no_room else f'{" and ".join(unknown)} not in its list of users'
    show(protocol='smtp', driver='smtplib', situation=f'LMTP: {situation}', fault=fault, real=f'Dovecot, {what}')
