"""What commands of SMTP and LMTP do, and what the replies of Exim, Dovecot and aiosmtpd say of it."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.behaviors.mail import CLIENT_NAME, PASSWORD, USER, mail_client, mail_server
from tests.protocols.relay import CONNECT, ERROR, OK, ONCE, READ, STEP, Relay, Said, relaying
from tests.servers import HOST, TIMEOUT, Server
from tests.truth.mail_servers import dovecot, exim
from vaurien import Proxy
from vaurien.framing.meaning import Effect, Meaning, ReplyMeaning
from vaurien.protocols.smtp import SMTP

ROLLBACK = Meaning(Effect.ROLLBACK)
SENDER, CONTENT = 'a@example.com', b'Subject: x\r\n\r\nHello\r\n'


@pytest.fixture(scope='module')
def to_exim() -> Iterator[Relay]:
    rules = {'rcpt': 'deny local_parts = nobody\n  message = no such user'}
    with exim(PASSWORD, **rules) as server, relaying(Server(HOST, server.port, server.pid), SMTP) as relay:
        yield relay


def read(said: list[Said]) -> list[tuple[str, Meaning, ReplyMeaning | None]]:
    return [(one.text.partition(' ')[0], one.meaning, one.reply_meaning) for one in said]


def test_exim(to_exim: Relay) -> None:
    with mail_client(to_exim.port) as client:
        client.login(USER, PASSWORD)
        client.sendmail(SENDER, ['b@example.com', 'nobody@example.com'], CONTENT)
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            client.sendmail(SENDER, ['nobody@example.com'], CONTENT)
        client.verify('b')
        client.docmd('NONSENSE')
        client.quit()
    assert read(to_exim.take_all()) == [
        ('banner', CONNECT, OK),
        ('EHLO', CONNECT, OK),
        ('AUTH', CONNECT, OK),
        ('MAIL', STEP, OK),
        ('RCPT', STEP, OK),
        ('RCPT', STEP, ERROR),
        ('DATA', ONCE, OK),
        ('MAIL', STEP, OK),
        ('RCPT', STEP, ERROR),
        ('RSET', ROLLBACK, OK),
        ('VRFY', READ, ERROR),
        ('10', Meaning(Effect.WRITE), ERROR),
        ('QUIT', CONNECT, OK),
    ]


def test_chunks(to_exim: Relay) -> None:
    with mail_client(to_exim.port) as client:
        client.mail(SENDER)
        client.rcpt('b@example.com')
        client.send(b'BDAT %d\r\n%b' % (len(CONTENT), CONTENT))
        client.getreply()
        client.send(b'BDAT 0 LAST\r\n')
        client.getreply()
    assert read(to_exim.take_all())[-2:] == [('BDAT', STEP, OK), ('BDAT', ONCE, OK)]


def test_a_message_that_is_refused(to_exim: Relay) -> None:
    with mail_client(to_exim.port) as client:
        client.mail(SENDER)
        with pytest.raises(smtplib.SMTPDataError):
            client.data(CONTENT)
    assert read(to_exim.take_all())[-1] == ('DATA', ONCE, ERROR)


def test_a_message_to_several_is_refused_if_all_refuse_it() -> None:
    with dovecot(full=['ann', 'bob']) as server, relaying(Server(HOST, server.port, server.pid), SMTP) as relay:
        for name in ('cy', 'bob'):
            with closing(smtplib.LMTP(HOST, relay.port, CLIENT_NAME, timeout=TIMEOUT)) as client:
                client.ehlo()
                client.mail(SENDER)
                client.rcpt('ann@example.com')
                client.rcpt(f'{name}@example.com')
                client.data(CONTENT + b'x' * 2000 + b'\r\n')
                client.getreply()
        said = [one for one in read(relay.take_all()) if one[0] == 'DATA']
    assert said == [('DATA', ONCE, OK), ('DATA', ONCE, ERROR)]


def test_a_client_notices_a_reply_that_breaks_off_in_its_middle() -> None:
    """It comes behind the message, and not in place of what asks for that."""
    with mail_server() as mailbox, Proxy(mailbox.address, 'smtp') as proxy, mail_client(proxy.address.port) as client:
        client.mail(SENDER)
        client.rcpt('b@example.com')
        place = f'{SMTP().find_middle(b"250 2.0.0 Kept", 16)} bytes'
        with proxy.with_behavior('abort', after=place):
            assert client.data(CONTENT) == (25, b'')
        assert len(mailbox.messages) == 1
