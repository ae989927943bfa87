"""Mail from smtplib to aiosmtpd under every behavior, and what needs another server or client."""

from __future__ import annotations

import base64
import json
import logging
import smtplib
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from time import monotonic
from typing import Any

import pytest
import trustme

from tests.behaviors.mail import CLIENT_NAME, PASSWORD, USER, Mailbox, Message, mail_client, mail_server
from tests.behaviors.talk import connect
from tests.behaviors.waiting import eventually
from tests.peers import Peer, RawBackend
from tests.servers import HOST, TIMEOUT
from vaurien import Proxy
from vaurien.protocols.error_answer import NOISE_BYTES

#: Behavior -> what ``sendmail`` raises, and then.
RAISES = {
    'dummy': 'nothing',
    'delay': 'nothing, later',
    'error': 'smtplib.SMTPSenderRefused 451',
    'transient': 'smtplib.SMTPSenderRefused 451, then nothing',
    'hang': 'smtplib.SMTPServerDisconnected',
    'blackout': 'smtplib.SMTPServerDisconnected',
    'abort': 'smtplib.SMTPServerDisconnected',
}
#: What whoever connects gets: the exchange is the banner.
CONNECTING = {
    **RAISES,
    'error': 'smtplib.SMTPConnectError 421',
    'transient': 'smtplib.SMTPConnectError 421, then nothing',
}
OPTIONS: dict[str, dict[str, Any]] = {'delay': {'sleep': 0.1}, 'transient': {'agitate': 1}}
#: Seconds that a client waits for a reply that never comes; sending takes five delays, which is as long.
PATIENCE = 0.5

SENDER = 'a@example.com'
RECIPIENTS = ['b@example.com', 'c@example.com', 'd@example.com']
CONTENT = b'Subject: x\r\n\r\nHello\r\n'
#: 8 MB, of lines that begin with dots, and of lines that look like commands and ends.
LARGE = CONTENT + (b'..' + b'x' * 900 + b'\r\n.\r\n.QUIT\r\n\r\n' + b'y' * 90 + b'.\r\n') * 8000

BANNER = b'220 mail.example.com ESMTP\r\n'
GO_AHEAD = b'354 End data with <CR><LF>.<CR><LF>\r\n'
INJECTED = b'451 4.3.0 injected by vaurien\r\n'


def raised(ask: Callable[[], object]) -> str:
    """Return the full name of what *ask* raises, with the code of the reply."""
    try:
        ask()
    except Exception as error:  # whatever it is: that is the question
        name = f'{type(error).__module__}.{type(error).__qualname__}'
        code = getattr(error, 'smtp_code', None)
        return f'{name} {code}' if code else name
    return 'nothing'


def check(expected: str, ask: Callable[[], object]) -> None:
    """Check that *ask* raises what the table says, when it says."""
    first, _, then = expected.partition(', ')
    assert raised(ask) == first
    if then.startswith('then '):
        assert raised(ask) == then.removeprefix('then ')


def send(client: smtplib.SMTP, content: bytes = CONTENT) -> None:
    """Send a message to all, and check that all are accepted."""
    assert client.sendmail(SENDER, RECIPIENTS, content) == {}


@pytest.fixture(scope='module')
def server() -> Iterator[Mailbox]:
    """Run an aiosmtpd."""
    with mail_server() as mailbox:
        yield mailbox


@pytest.fixture(scope='module')
def authority() -> trustme.CA:
    """Return an authority that issues certificates."""
    return trustme.CA()


@pytest.fixture(scope='module')
def secure(authority: trustme.CA) -> Iterator[Mailbox]:
    """Run an aiosmtpd that does STARTTLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(context)
    with mail_server(context) as mailbox:
        yield mailbox


@pytest.fixture
def context(authority: trustme.CA) -> ssl.SSLContext:
    """Return what a client needs to trust that server."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture
def mailbox(server: Mailbox) -> Mailbox:
    """Return the server, without messages."""
    server.messages.clear()
    return server


class TestDummy:
    """Tests that nothing changes."""

    def test_large_messages(self, mailbox: Mailbox) -> None:
        with Proxy(mailbox.address, 'smtp') as proxy, mail_client(proxy.address.port) as client:
            for content in (LARGE, CONTENT, b'.\r\n', LARGE):
                send(client, content)
                assert mailbox.messages.pop() == Message(SENDER, RECIPIENTS, content)
            assert proxy.status()['exchanges'] == 2 + 4 * 5
            assert client.quit()[0] == 221

    def test_login(self, mailbox: Mailbox) -> None:
        with Proxy(mailbox.address, 'smtp') as proxy:
            for mechanism in ('PLAIN', 'LOGIN'):
                for at_once in (True, False):
                    with mail_client(proxy.address.port) as client:
                        log_in(client, mechanism, at_once)
                        send(client)
                        exchanges = proxy.status()['exchanges']
                        assert client.noop()[0] == 250
                        assert proxy.status()['exchanges'] == exchanges + 1
            assert proxy.status()['exchanges'] == 4 * (2 + 1 + 5 + 1)
            with mail_client(proxy.address.port) as client, pytest.raises(smtplib.SMTPAuthenticationError):
                client.login(USER, PASSWORD[1:])
            assert len(mailbox.messages) == 4

    def test_pipelining(self, mailbox: Mailbox) -> None:
        group = b'MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n'
        with Proxy(mailbox.address, 'smtp') as proxy, connect(proxy) as client:
            read_replies(client, 1)
            client.send(b'EHLO x\r\n')
            assert read_replies(client, 1) == [250]
            client.send(group)
            assert read_replies(client, 3) == [250, 250, 354]
            for _ in range(5):
                client.send(CONTENT + b'.\r\n' + group)
                assert read_replies(client, 4) == [250, 250, 250, 354]
            client.send(b'.\r\nQUIT\r\n')
            assert read_replies(client, 2) == [250, 221]
            assert client.recv_all() == b''
            assert proxy.status()['exchanges'] == 2 + 6 * 3 + 1
        assert [message.content for message in mailbox.messages] == [CONTENT] * 5 + [b'']

    def test_several_at_once(self, mailbox: Mailbox) -> None:
        contents = [b'%d\r\n' % number + LARGE[: 1 << 20] + b'\r\n' for number in range(8)]
        with Proxy(mailbox.address, 'smtp') as proxy, ThreadPoolExecutor(len(contents)) as pool:

            def connect_and_send(content: bytes) -> None:
                with mail_client(proxy.address.port) as client:
                    send(client, content)

            list(pool.map(connect_and_send, contents))
            assert proxy.status()['links']['total'] == len(contents)
        assert sorted(message.content for message in mailbox.messages) == contents

    def test_chunks(self, raw_backend: RawBackend) -> None:
        chunk = LARGE[: 2 << 20]
        with Proxy(raw_backend.address, 'smtp') as proxy, connect(proxy) as client, raw_backend.accept() as backend:
            backend.send(BANNER)
            assert client.recv_exactly(len(BANNER)) == BANNER
            sent = b'BDAT %d\r\n%bBDAT 0 LAST\r\n' % (len(chunk), chunk)
            with ThreadPoolExecutor(1) as pool:
                pool.submit(client.send, sent)
                assert backend.recv_exactly(len(sent)) == sent
            backend.send(b'250 Ok\r\n250 Ok\r\n')
            assert read_replies(client, 2) == [250, 250]
            assert proxy.status()['exchanges'] == 3


def log_in(client: smtplib.SMTP, mechanism: str, at_once: bool) -> None:
    """Log in by *mechanism*; send the first answer *at_once*, or only when the server asks for it."""
    client.user, client.password = USER, PASSWORD
    answer = getattr(client, f'auth_{mechanism.lower()}')
    assert client.auth(mechanism, answer, initial_response_ok=at_once)[0] == 235


def read_replies(client: Peer, count: int) -> list[int]:
    """Return the codes of so many replies."""
    found: list[int] = []
    while len(found) < count:
        line = client.recv_until(b'\r\n')
        if line[3:4] == b' ':
            found.append(int(line[:3]))
    return found


every_behavior = pytest.mark.parametrize('behavior', RAISES)


@every_behavior
def test_sending(mailbox: Mailbox, behavior: str) -> None:
    timeout = PATIENCE if behavior == 'hang' else TIMEOUT
    with Proxy(mailbox.address, 'smtp') as proxy, mail_client(proxy.address.port, timeout) as client:
        with proxy.with_behavior(behavior, **OPTIONS.get(behavior, {})):
            began = monotonic()
            check(RAISES[behavior], lambda: send(client))
            if 'later' in RAISES[behavior]:
                assert monotonic() - began >= 0.1 * 5
        if RAISES[behavior].startswith('smtplib.SMTPServerDisconnected'):
            assert raised(client.noop) == 'smtplib.SMTPServerDisconnected'
            client.connect(HOST, proxy.address.port)
            client.ehlo()
        assert not mailbox.messages or behavior in ('dummy', 'delay', 'transient')
        send(client)
        assert mailbox.messages[-1] == Message(SENDER, RECIPIENTS, CONTENT)


@pytest.mark.parametrize('behavior', CONNECTING)
def test_connecting(mailbox: Mailbox, behavior: str) -> None:
    timeout = PATIENCE if behavior == 'hang' else TIMEOUT

    def connect_and_leave() -> None:
        with closing(smtplib.SMTP(HOST, proxy.address.port, CLIENT_NAME, timeout)) as client:
            proxy.set_behavior('dummy')
            send(client)

    with Proxy(mailbox.address, 'smtp') as proxy:
        proxy.set_behavior(behavior, **OPTIONS.get(behavior, {}))
        check(CONNECTING[behavior], connect_and_leave)
        eventually(lambda: proxy.status()['links']['open'] == 0)


class TestHang:
    def test_is_a_time_out(self, mailbox: Mailbox) -> None:
        with Proxy(mailbox.address, 'smtp') as proxy, mail_client(proxy.address.port, 0.1) as client:
            proxy.set_behavior('hang')
            with pytest.raises(smtplib.SMTPServerDisconnected, match='timed out'):
                client.noop()


class TestAbort:
    def test_the_message_was_delivered(self, mailbox: Mailbox) -> None:
        with Proxy(mailbox.address, 'smtp') as proxy, mail_client(proxy.address.port) as client:
            assert client.mail(SENDER)[0] == client.rcpt(RECIPIENTS[0])[0] == 250
            with proxy.with_behavior('abort'), pytest.raises(smtplib.SMTPServerDisconnected):
                client.data(LARGE)
        assert [message.content for message in mailbox.messages] == [LARGE]


class TestDelay:
    def test_of_the_reply_lets_the_prompt_pass(self, mailbox: Mailbox) -> None:
        with Proxy(mailbox.address, 'smtp') as proxy, connect(proxy) as client:
            client.send(b'EHLO x\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\n')
            assert read_replies(client, 4) == [220, 250, 250, 250]
            proxy.set_behavior('delay', sleep=60, before=False)
            client.send(b'DATA\r\n')
            assert read_replies(client, 1) == [354]
            client.send(CONTENT + b'.\r\nNOOP\r\n')
            eventually(lambda: mailbox.messages)
            assert client.is_silent(0.05)
            proxy.set_behavior('dummy')
            assert read_replies(client, 2) == [250, 250]


def reset(backend: Peer) -> None:
    """Take the RSET that the proxy sends, and reply to it."""
    assert backend.recv_exactly(6) == b'RSET\r\n'
    backend.send(b'250 Ok\r\n')


class TestError:
    """Tests 451 or another code, in reply to any command; 421 closes the connection."""

    @pytest.mark.parametrize(
        ('passing', 'code', 'expected'),
        [
            (0, 451, 'smtplib.SMTPSenderRefused 451'),
            (0, 550, 'smtplib.SMTPSenderRefused 550'),
            (0, 421, 'smtplib.SMTPSenderRefused 421'),
            (1, 451, 'smtplib.SMTPRecipientsRefused'),
            (1, 421, 'smtplib.SMTPRecipientsRefused'),
            (4, 451, 'smtplib.SMTPDataError 451'),
            (4, 554, 'smtplib.SMTPDataError 554'),
            (4, 421, 'smtplib.SMTPDataError 421'),
        ],
    )
    def test_while_sending(self, mailbox: Mailbox, passing: int, code: int, expected: str) -> None:
        with Proxy(mailbox.address, 'smtp') as proxy, mail_client(proxy.address.port) as client:
            with proxy.with_behavior('error', code=code, warmup=passing):
                check(expected, lambda: send(client, LARGE))
                faults = proxy.status()['faults']['error']
            # Where the connection lasts, smtplib resets the transaction, which is answered likewise; so is each RCPT.
            assert faults == 1 if code == 421 else faults in (2, 1 + len(RECIPIENTS))
            assert mailbox.messages == []
            if code == 421:
                assert raised(client.noop) == 'smtplib.SMTPServerDisconnected'
                client.connect(HOST, proxy.address.port)
                client.ehlo()
            assert client.rset()[0] == 250
            send(client)
            assert [message.content for message in mailbox.messages] == [CONTENT]

    def test_some_recipients(self, mailbox: Mailbox) -> None:
        with Proxy(mailbox.address, 'smtp') as proxy, mail_client(proxy.address.port) as client:
            proxy.set_behavior('transient', warmup=2, agitate=1, code=550)
            assert client.sendmail(SENDER, RECIPIENTS, CONTENT) == {RECIPIENTS[1]: (550, b'5.3.0 injected by vaurien')}
            assert mailbox.messages == [Message(SENDER, [RECIPIENTS[0], RECIPIENTS[2]], CONTENT)]
            assert proxy.status()['faults'] == {'transient': 1}

    @pytest.mark.parametrize(('code', 'said'), [(451, 221), (550, 221), (421, 421)])
    def test_nobody_is_kept_from_leaving(self, mailbox: Mailbox, code: int, said: int) -> None:
        with Proxy(mailbox.address, 'smtp') as proxy, mail_client(proxy.address.port) as client:
            proxy.set_behavior('error', code=code)
            assert client.quit()[0] == said

    @pytest.mark.parametrize('mechanism', ['SCRAM-SHA-256', 'GSSAPI', 'DIGEST-MD5'])
    def test_to_a_login_comes_after_the_password(self, mailbox: Mailbox, mechanism: str) -> None:
        with Proxy(mailbox.address, 'smtp') as proxy, mail_client(proxy.address.port) as client:
            proxy.set_behavior('error', match='AUTH *', code=535)
            assert client.docmd('AUTH', mechanism)[0] == 334
            assert client.docmd('c2VjcmV0') == (535, b'5.7.8 injected by vaurien')
            assert client.noop()[0] == 250

    def test_to_data_comes_after_the_message(self, mailbox: Mailbox) -> None:
        """The backend never saw DATA, but RSET: it takes the next message."""
        with Proxy(mailbox.address, 'smtp') as proxy, mail_client(proxy.address.port) as client:
            proxy.set_behavior('transient', warmup=4, agitate=1)
            with pytest.raises(smtplib.SMTPDataError, match='injected by vaurien'):
                send(client, LARGE)
            send(client)
            assert mailbox.messages == [Message(SENDER, RECIPIENTS, CONTENT)]
            assert proxy.status()['faults'] == {'transient': 1}

    def test_to_data_what_follows_on_the_message_goes_on(self, raw_backend: RawBackend) -> None:
        with Proxy(raw_backend.address, 'smtp') as proxy, connect(proxy) as client, raw_backend.accept() as backend:
            backend.send(BANNER)
            client.recv_exactly(len(BANNER))
            proxy.set_behavior('transient', agitate=1)
            client.send(b'DATA\r\n')
            reset(backend)
            assert client.recv_exactly(len(GO_AHEAD)) == GO_AHEAD
            client.send(CONTENT)
            assert client.is_silent(0.02)
            client.send(b'.\r\nNOOP\r\n')
            assert client.recv_exactly(len(INJECTED)) == INJECTED
            assert backend.recv_exactly(6) == b'NOOP\r\n'
            backend.send(b'250 Ok\r\n')
            assert read_replies(client, 1) == [250]

    def test_to_a_message_that_did_not_wait(self, raw_backend: RawBackend) -> None:
        """The connection closes, because the backend would take the message for commands."""
        with Proxy(raw_backend.address, 'smtp') as proxy, connect(proxy) as client, raw_backend.accept() as backend:
            backend.send(BANNER)
            client.recv_exactly(len(BANNER))
            proxy.set_behavior('error')
            client.send(b'DATA\r\n' + CONTENT + b'.\r\n')
            assert client.recv_all() == INJECTED
            client.close()
            assert backend.recv_all() == b''

    @pytest.mark.parametrize('size', [0, 5, 3 << 20])
    def test_to_a_chunk(self, raw_backend: RawBackend, size: int) -> None:
        with Proxy(raw_backend.address, 'smtp') as proxy, connect(proxy) as client, raw_backend.accept() as backend:
            backend.send(BANNER)
            client.recv_exactly(len(BANNER))
            proxy.set_behavior('transient', agitate=1)
            client.send(b'BDAT %d LAST\r\n%bNOOP\r\n' % (size, b'x' * size))
            reset(backend)
            assert client.recv_exactly(len(INJECTED)) == INJECTED
            assert backend.recv_exactly(6) == b'NOOP\r\n'
            backend.send(b'250 Ok\r\n')
            assert read_replies(client, 1) == [250]

    def test_to_a_login(self, mailbox: Mailbox) -> None:
        with Proxy(mailbox.address, 'smtp') as proxy, mail_client(proxy.address.port) as client:
            with proxy.with_behavior('error'), pytest.raises(smtplib.SMTPAuthenticationError) as caught:
                client.login(USER, PASSWORD)
            assert caught.value.smtp_code == 451
            client.login(USER, PASSWORD)
            send(client)

    def test_to_ehlo(self, mailbox: Mailbox) -> None:
        with (
            Proxy(mailbox.address, 'smtp', behavior='error', options={'error': {'warmup': 1}}) as proxy,
            closing(smtplib.SMTP(HOST, proxy.address.port, CLIENT_NAME, TIMEOUT)) as client,
        ):
            check('smtplib.SMTPHeloError 451', lambda: send(client))
            assert client.ehlo() == (451, b'injected by vaurien')

    @pytest.mark.parametrize('code', [None, 450, 550])
    def test_to_who_connects(self, mailbox: Mailbox, code: int | None) -> None:
        with Proxy(mailbox.address, 'smtp', behavior='error', options={'error': {'code': code}}) as proxy:
            expected = f'smtplib.SMTPConnectError {554 if code == 550 else 421}'
            check(expected, lambda: smtplib.SMTP(HOST, proxy.address.port, CLIENT_NAME, TIMEOUT))
            eventually(lambda: proxy.status()['links']['open'] == 0)
            assert proxy.status()['faults'] == {'error': 1}

    def test_in_a_pipeline_each_gets_its_own(self) -> None:
        lines = [b'NOOP %03d\r\n' % number for number in range(200)]
        asked: list[bytes] = []

        def answer(peer: Peer) -> None:
            peer.send(BANNER)
            with suppress(EOFError):
                while True:
                    asked.append(peer.recv_until(b'\r\n'))
                    peer.send(b'250 ' + asked[-1])

        with (
            closing(RawBackend().serve(answer)) as backend,
            Proxy(backend.address, 'smtp', seed=1) as proxy,
            connect(proxy) as client,
        ):
            client.recv_exactly(len(BANNER))
            proxy.set_behavior('50:error')
            client.send(b''.join(lines))
            replies = [client.recv_until(b'\r\n') for _ in lines]
            failed = [reply for reply in replies if reply == INJECTED]
            passed = [(line, reply) for line, reply in zip(lines, replies, strict=True) if reply != INJECTED]
            assert [reply for _, reply in passed] == [b'250 ' + line for line, _ in passed]
            assert asked == [line for line, _ in passed]
            assert proxy.status()['faults'] == {'error': len(failed)}
            assert 70 < len(failed) < 130


class TestInject:
    """Tests the real reply with noise in the middle of it."""

    def test_the_driver_stumbles(self, mailbox: Mailbox) -> None:
        with Proxy(mailbox.address, 'smtp', seed=1) as proxy:
            with mail_client(proxy.address.port, PATIENCE) as client:
                proxy.set_behavior('error', inject=True)
                code, text = client.noop()
                assert (code, text) != (250, b'OK')
                outcomes = [raised(lambda: send(client)) for _ in range(10)]
                assert any(outcome.startswith('smtplib.') for outcome in outcomes)
            proxy.set_behavior('dummy')
            with mail_client(proxy.address.port) as client:
                send(client)

    def test_a_prompt_is_left_alone(self, mailbox: Mailbox) -> None:
        with Proxy(mailbox.address, 'smtp') as proxy, connect(proxy) as client:
            client.send(b'EHLO x\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\n')
            read_replies(client, 4)
            proxy.set_behavior('error', inject=True)
            client.send(b'DATA\r\n')
            assert client.recv_exactly(len(GO_AHEAD)) == GO_AHEAD
            client.send(CONTENT + b'.\r\n')
            reply = b'250 2.0.0 Kept\r\n'
            given = client.recv_exactly(len(reply) + NOISE_BYTES)
            assert given[:8] + given[-8:] == reply
            assert len(mailbox.messages) == 1


class TestStartTLS:
    """Tests STARTTLS, after which the link is opaque."""

    def test_accepted(self, secure: Mailbox, context: ssl.SSLContext, caplog: pytest.LogCaptureFixture) -> None:
        with Proxy(secure.address, 'smtp') as proxy, mail_client(proxy.address.port) as client:
            with caplog.at_level(logging.INFO, 'vaurien'):
                assert client.starttls(context=context)[0] == 220
                client.login(USER, PASSWORD)
                send(client, LARGE)
            assert 'link 1: opaque from here: STARTTLS' in caplog.messages
            assert secure.messages.pop().content == LARGE
            with proxy.with_behavior('delay', sleep=0):
                send(client)
                assert proxy.status()['faults']['delay'] >= 5
            assert client.quit()[0] == 221

    def test_under_behaviors(self, secure: Mailbox, context: ssl.SSLContext) -> None:
        with Proxy(secure.address, 'smtp') as proxy, mail_client(proxy.address.port) as client:
            with proxy.with_behavior('error'):
                check('smtplib.SMTPResponseException 454', lambda: client.starttls(context=context))
            with proxy.with_behavior('delay', sleep=0, before=False):
                client.starttls(context=context)
            send(client)
            with proxy.with_behavior('abort'):
                assert raised(client.noop) in ('smtplib.SMTPServerDisconnected', 'ssl.SSLEOFError')

    def test_from_the_first_byte(self, raw_backend: RawBackend) -> None:
        hello = b'\x16\x03\x01\x00\x05hello'
        with Proxy(raw_backend.address, 'smtp') as proxy, connect(proxy) as client, raw_backend.accept() as backend:
            client.send(hello)
            assert backend.recv_exactly(len(hello)) == hello
            backend.send(b'\x16\x03\x03')
            assert client.recv_exactly(3) == b'\x16\x03\x03'


class TestWhatIsTold:
    """Tests that faults are counted, and logged without secrets."""

    SECRETS = [
        PASSWORD,
        *(base64.b64encode(part.encode()).decode() for part in (PASSWORD, USER, f'\0{USER}\0{PASSWORD}')),
    ]

    def test_each_exchange_is_hit_once(self, mailbox: Mailbox, caplog: pytest.LogCaptureFixture) -> None:
        proxy = Proxy(mailbox.address, 'smtp', behavior='delay', options={'delay': {'sleep': 0}})
        with caplog.at_level(logging.INFO, 'vaurien'), proxy, mail_client(proxy.address.port) as client:
            log_in(client, 'LOGIN', at_once=False)
            assert client.sendmail(SENDER, RECIPIENTS[0], CONTENT) == {}
            client.quit()
            status = proxy.status()
        told = ['banner', f'EHLO {CLIENT_NAME}', 'AUTH LOGIN', f'MAIL FROM:<{SENDER}> size={len(CONTENT)}']
        told += [f'RCPT TO:<{RECIPIENTS[0]}>', 'DATA', 'QUIT']
        assert (status['exchanges'], status['faults']) == (len(told), {'delay': len(told)})
        expected = [f'link 1 exchange {number}: delay on {text}' for number, text in enumerate(told, 1)]
        assert [message for message in caplog.messages if ' on ' in message] == expected

    @pytest.mark.parametrize('at_once', [True, False])
    @pytest.mark.parametrize('mechanism', ['PLAIN', 'LOGIN'])
    @every_behavior
    def test_no_secret_shows(
        self, mailbox: Mailbox, behavior: str, mechanism: str, at_once: bool, caplog: pytest.LogCaptureFixture
    ) -> None:
        options: dict[str, Any] = {'sleep': 0} if behavior == 'delay' else {}
        with (
            caplog.at_level(logging.DEBUG, 'vaurien'),
            Proxy(mailbox.address, 'smtp') as proxy,
            mail_client(proxy.address.port) as client,
        ):
            proxy.set_behavior(behavior, **options)
            if behavior == 'hang':
                assert client.sock is not None
                client.sock.settimeout(PATIENCE / 10)
            works = raised(lambda: log_in(client, mechanism, at_once)) == 'nothing'
            # Whatever it was answered, a client may go on with the password.
            raised(lambda: client.docmd(self.SECRETS[1]))
            said = json.dumps(proxy.status())
        records = [record for record in caplog.records if record.name.startswith('vaurien')]
        said += '\n'.join(record.getMessage() for record in records)
        assert works == (behavior in ('dummy', 'delay'))
        assert (f'{behavior} on AUTH {mechanism}' in said) == (behavior != 'dummy')
        assert [secret for secret in self.SECRETS if secret in said] == []
