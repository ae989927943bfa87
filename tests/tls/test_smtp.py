"""TLS inside SMTP and LMTP: each leg by itself, what clients are offered, and what a fault inside of it looks like."""

from __future__ import annotations

import smtplib
import socket
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import process_time
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP

from tests.behaviors.mail import CLIENT_NAME, Mailbox, Message, mail_client, mail_server
from tests.behaviors.waiting import eventually
from tests.peers import Peer, RawBackend
from tests.scaling import takes_linear_time
from tests.servers import HOST, TIMEOUT, free_port
from tests.tls.legs import AUTHORITY, IS_SECURE, LEAF, LEGS, make_proxy, server_context, warnings
from tests.truth.mail_servers import exim
from vaurien import Proxy
from vaurien.protocols import smtp
from vaurien.settings import ProxySettings
from vaurien.tls.mode import find_upgrading

SENDER, RECIPIENTS = 'a@example.com', ['b@example.com']
CONTENT = b'Subject: x\r\n\r\nSTARTTLS\r\n'


@pytest.fixture(scope='module')
def mailbox() -> Iterator[Mailbox]:
    """An aiosmtpd that does STARTTLS."""
    with mail_server(server_context()) as mailbox:
        yield mailbox


@pytest.fixture(scope='module')
def secure_mailbox() -> Iterator[Mailbox]:
    """An aiosmtpd that takes mail over TLS only."""
    mailbox = Mailbox(free_port())
    with running(mailbox, SMTP, require_starttls=True):
        yield mailbox


@contextmanager
def running(mailbox: Mailbox, kind: type[SMTP], **options: Any) -> Iterator[None]:
    class Server(Controller):
        def factory(self) -> SMTP:
            return kind(self.handler, tls_context=server_context(), hostname='mail.example.com', **options)

    controller = Server(mailbox, hostname=HOST, port=mailbox.port, ready_timeout=TIMEOUT)
    controller.start()
    try:
        yield
    finally:
        controller.stop()


def send(client: smtplib.SMTP, mailbox: Mailbox) -> None:
    """Send a message, which has to arrive."""
    mailbox.messages.clear()
    client.sendmail(SENDER, RECIPIENTS, CONTENT)
    assert mailbox.messages == [Message(SENDER, RECIPIENTS, CONTENT)]


@contextmanager
def secured(proxy: Proxy) -> Iterator[smtplib.SMTP]:
    """A client that has begun TLS, with all the verification that there is, and said EHLO again."""
    with mail_client(proxy.address.port) as client:
        client._host = 'localhost'  # type: ignore[attr-defined]  # it connects to an address and verifies a name
        client.starttls(context=proxy.ssl_context())
        client.ehlo()
        yield client


@pytest.mark.parametrize('legs', ['both', 'backend only'])
def test_a_backend_that_insists_on_tls(secure_mailbox: Mailbox, files: Path, legs: str) -> None:
    with make_proxy(secure_mailbox.port, 'smtp', files, legs) as proxy, mail_client(proxy.address.port) as client:
        send(client, secure_mailbox)


@pytest.mark.parametrize('legs', LEGS)
def test_exim(legs: str, files: Path) -> None:
    """A mail server of the system, which insists on TLS where it is to have it."""
    with tempfile.TemporaryDirectory(prefix='vaurien-tls-') as name:  # where Exim, who is nobody, may read
        directory = Path(name)
        directory.chmod(0o755)
        LEAF.private_key_and_cert_chain_pem.write_to_path(directory / 'own.pem')
        insists = 'deny !encrypted = *' if IS_SECURE[legs][1] else 'deny encrypted = *'
        with (
            exim('', f'tls_certificate = {directory}/own.pem', starttls='warn', mail=insists) as server,
            make_proxy(server.port, 'smtp', files, legs) as proxy,
            secured(proxy) if IS_SECURE[legs][0] else mail_client(proxy.address.port) as client,
        ):
            client.sendmail(SENDER, RECIPIENTS, CONTENT)
            assert [message.recipients for message in server.messages()] == [tuple(RECIPIENTS)]


@pytest.mark.parametrize('legs', ['both', 'client only'])
def test_a_client_that_begins_tls(mailbox: Mailbox, files: Path, legs: str) -> None:
    with make_proxy(mailbox.port, 'smtp', files, legs) as proxy, secured(proxy) as client:
        assert isinstance(client.sock, ssl.SSLSocket)
        send(client, mailbox)
        assert client.quit()[0] == 221


@pytest.mark.parametrize('legs', LEGS)
def test_what_clients_are_offered(mailbox: Mailbox, files: Path, legs: str) -> None:
    """The backend's own offer, if it has one, is not for them."""
    with make_proxy(mailbox.port, 'smtp', files, legs) as proxy, mail_client(proxy.address.port) as client:
        assert client.has_extn('starttls') == IS_SECURE[legs][0]
        assert client.has_extn('size')
        assert client.esmtp_features['help'] == ''  # the last line
        if not IS_SECURE[legs][0]:
            assert client.docmd('STARTTLS') == (454, b'4.7.0 TLS is not available')
            send(client, mailbox)


def test_no_offer_once_tls_has_begun(mailbox: Mailbox, files: Path) -> None:
    with make_proxy(mailbox.port, 'smtp', files, 'client only') as proxy, secured(proxy) as client:
        assert not client.has_extn('starttls')
        assert client.docmd('STARTTLS')[0] == 503


@pytest.mark.parametrize('legs', LEGS)
def test_a_fault_inside(mailbox: Mailbox, files: Path, legs: str) -> None:
    with (
        make_proxy(mailbox.port, 'smtp', files, legs) as proxy,
        secured(proxy) if IS_SECURE[legs][0] else mail_client(proxy.address.port) as client,
    ):
        proxy.set_behavior('error', match='RCPT TO:<b@*', code=550)
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            send(client, mailbox)
        proxy.set_behavior('dummy')
        send(client, mailbox)


def test_tls_from_the_first_byte(files: Path) -> None:
    mailbox = Mailbox(free_port())
    context = server_context()

    class Server(Controller):
        def _create_server(self) -> Any:
            return self.loop.create_server(self._factory_invoker, host=HOST, port=mailbox.port, ssl=context)

        def _trigger_server(self) -> None:
            context = ssl.create_default_context()
            AUTHORITY.configure_trust(context)
            with socket.create_connection((HOST, mailbox.port), TIMEOUT) as sock:
                context.wrap_socket(sock, server_hostname=HOST).close()

    controller = Server(mailbox, hostname=HOST, port=mailbox.port, ready_timeout=TIMEOUT)
    controller.start()
    try:
        with make_proxy(mailbox.port, 'smtp', files, 'both', tls_mode='implicit') as proxy:
            client = smtplib.SMTP_SSL(
                'localhost', proxy.address.port, CLIENT_NAME, timeout=TIMEOUT, context=proxy.ssl_context()
            )
            client.ehlo()
            send(client, mailbox)
            client.close()
    finally:
        controller.stop()


@pytest.mark.parametrize('legs', ['both', 'client only'])
def test_lmtp(files: Path, legs: str) -> None:
    mailbox = Mailbox(free_port())
    with (
        running(mailbox, LMTP),
        make_proxy(mailbox.port, 'smtp', files, legs) as proxy,
        smtplib.LMTP(HOST, proxy.address.port, CLIENT_NAME, timeout=TIMEOUT) as client,
    ):
        client._host = 'localhost'  # type: ignore[attr-defined]
        client.starttls(context=proxy.ssl_context())
        client.ehlo()  # which says LHLO
        proxy.set_behavior('error', match='DATA', recipient='b@example.com', code=550)
        assert client.mail(SENDER)[0] == client.rcpt(RECIPIENTS[0])[0] == client.rcpt('c@example.com')[0] == 250
        assert client.data(CONTENT)[0] == 550
        assert client.getreply()[0] == 250
        assert [message.recipients for message in mailbox.messages] == [['c@example.com']]


def test_what_was_said_before_is_forgotten(mailbox: Mailbox, files: Path) -> None:
    """Somebody in between may have said it (RFC 3207, 4.2)."""
    with make_proxy(mailbox.port, 'smtp', files, 'client only') as proxy, mail_client(proxy.address.port) as client:
        client.mail(SENDER)
        client._host = 'localhost'  # type: ignore[attr-defined]
        client.starttls(context=proxy.ssl_context())
        assert client.docmd('RCPT', 'TO:<b@example.com>')[0] == 503


@pytest.mark.parametrize('injected', [b'NOOP\r\n', b'NO', b'STARTTLS\r\n'])
def test_nothing_may_follow_on_a_request_that_is_granted(
    mailbox: Mailbox, files: Path, caplog: pytest.LogCaptureFixture, injected: bytes
) -> None:
    with make_proxy(mailbox.port, 'smtp', files, 'both') as proxy, Peer.connect(proxy.address.port) as peer:
        assert peer.recv_until(b'\r\n').startswith(b'220 ')
        peer.send(b'STARTTLS\r\n' + injected)
        assert peer.recv_all() == b'220 2.0.0 Ready to start TLS\r\n'
    assert warnings(caplog) == ['link 1: no TLS with the client: it has not waited for the answer']


def test_not_everything_that_follows_on_a_request_is_kept(
    mailbox: Mailbox, files: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with make_proxy(mailbox.port, 'smtp', files, 'both') as proxy, Peer.connect(proxy.address.port) as peer:
        peer.recv_until(b'\r\n')
        proxy.set_behavior('hang', match='STARTTLS')
        peer.send(b'STARTTLS\r\n')
        eventually(lambda: len(proxy.faults()) == 1)
        with pytest.raises(ConnectionError):
            flood(peer)
        assert 'more than 65536 bytes behind a request for TLS' in warnings(caplog)[0]


def flood(peer: Peer) -> None:
    for _ in range(1000):
        peer.send(b'NOOP\r\n' * 1000)
    peer.recv_all()


def test_what_follows_on_a_request_that_is_not_granted(mailbox: Mailbox, files: Path) -> None:
    with make_proxy(mailbox.port, 'smtp', files, 'refused') as proxy, Peer.connect(proxy.address.port) as peer:
        assert peer.recv_until(b'\r\n').startswith(b'220 ')
        peer.send(b'NOOP\r\nSTARTTLS\r\nNOOP\r\nSTARTTLS\r\nQUIT\r\n')
        assert [line[:3] for line in peer.recv_all().splitlines()] == [b'250', b'454', b'250', b'454', b'221']


# The reply to EHLO

REPLY = b'250-mail.example.com\r\n250-STARTTLS\r\n250-SIZE 1000\r\n250 HELP\r\n'


@pytest.mark.parametrize(
    ('reply', 'expected'),
    [
        (REPLY, b'250-mail.example.com\r\n250-STARTTLS\r\n250-SIZE 1000\r\n250 HELP\r\n'),
        (b'250-a\r\n250 starttls\r\n', b'250-a\r\n250 STARTTLS\r\n'),
        (b'250 a\r\n', b'250-a\r\n250 STARTTLS\r\n'),
        (b'250-a\n250 SIZE\n', b'250-a\n250-STARTTLS\r\n250 SIZE\n'),
        (b'502 what?\r\n', b'502 what?\r\n'),
        (b'550 STARTTLS comes first\r\n', b'550 STARTTLS comes first\r\n'),
        (b'250-STARTTLS\r\n250 STARTTLS\r\n', b'250-STARTTLS\r\n250 STARTTLS\r\n'),
    ],
)
def test_the_reply_to_ehlo(raw_backend: RawBackend, reply: bytes, expected: bytes) -> None:
    with Proxy(raw_backend.address, 'smtp', proxy_tls='auto') as proxy, Peer.connect(proxy.address.port) as peer:
        backend = raw_backend.accept()
        backend.send(b'220 hello\r\n')
        assert peer.recv_until(b'\r\n') == b'220 hello\r\n'
        for pieces in ([reply], [bytes([byte]) for byte in reply]):
            peer.send(b'NOOP\r\nEHLO x\r\n')
            backend.recv_until(b'EHLO x\r\n')
            for piece in [b'250-no\r\n250 STARTTLS\r\n', *pieces]:
                backend.send(piece)
            assert peer.recv_exactly(28) == b'250-no\r\n250 STARTTLS\r\n' + expected[:6]
            assert peer.recv_exactly(len(expected) - 6) == expected[6:]


# Faults of the request


def test_a_request_that_is_refused(mailbox: Mailbox, files: Path) -> None:
    with make_proxy(mailbox.port, 'smtp', files, 'both') as proxy, mail_client(proxy.address.port) as client:
        proxy.set_behavior('error', match='STARTTLS')
        with pytest.raises(smtplib.SMTPResponseException) as error:
            client.starttls(context=proxy.ssl_context())
        assert (error.value.smtp_code, error.value.smtp_error) == (454, b'4.7.0 injected by vaurien')
        send(client, mailbox)


@pytest.mark.parametrize('before', [True, False])
def test_a_request_that_is_late(mailbox: Mailbox, files: Path, before: bool) -> None:
    with make_proxy(mailbox.port, 'smtp', files, 'both') as proxy:
        proxy.set_behavior('delay', match='STARTTLS', sleep=0.05, before=before)
        with secured(proxy) as client:
            send(client, mailbox)
        assert [fault.request for fault in proxy.faults()] == ['STARTTLS']


@pytest.mark.parametrize('before', [True, False])
def test_a_delay_that_is_disarmed_leaves_tls(mailbox: Mailbox, files: Path, before: bool) -> None:
    with make_proxy(mailbox.port, 'smtp', files, 'both') as proxy, Peer.connect(proxy.address.port) as peer:
        peer.recv_until(b'\r\n')
        proxy.set_behavior('delay', match='STARTTLS', sleep=600, before=before)
        peer.send(b'STARTTLS\r\n')
        eventually(lambda: len(proxy.faults()) == 1)
        proxy.set_behavior('dummy')
        assert peer.recv_until(b'\r\n').startswith(b'220 ')
        with proxy.ssl_context().wrap_socket(peer.sock, server_hostname='localhost') as sock:
            sock.sendall(b'NOOP\r\n')
            assert sock.recv(100).startswith(b'250 ')


# Handshakes that fail


def test_a_client_that_does_not_accept_the_certificate(
    mailbox: Mailbox, files: Path, caplog: pytest.LogCaptureFixture
) -> None:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    with make_proxy(mailbox.port, 'smtp', files, 'both') as proxy, mail_client(proxy.address.port) as client:
        with pytest.raises(ssl.SSLCertVerificationError):
            client.starttls(context=context)
        eventually(lambda: warnings(caplog) == ['link 1: no TLS with the client: the peer says: unknown ca'])
        eventually(lambda: proxy.links() == [])


@pytest.mark.parametrize(
    ('replies', 'problem'),
    [
        ([b'554 go away\r\n'], 'it says 554 go away'),
        ([b'220 a\r\n', b'250-a\r\n250 SIZE\r\n'], 'it does not offer STARTTLS'),
        ([b'220 a\r\n', b'500 what?\r\n', b'500 what?\r\n'], 'it does not offer STARTTLS'),
        ([b'220 a\r\n', REPLY, b'454 not now\r\n'], 'it says 454 not now'),
        ([b'220 a\r\n', REPLY, b'220 go\r\n250 ok\r\n'], 'it says 220 go\\r\\n250 ok\\r\\n'),
        ([b'HTTP/1.1 400 Bad Request\r\n'], 'it says HTTP/1.1 400 Bad Request\\r\\n'),
    ],
)
def test_a_backend_without_tls(
    raw_backend: RawBackend, caplog: pytest.LogCaptureFixture, replies: list[bytes], problem: str
) -> None:
    with Proxy(raw_backend.address, 'smtp', backend_tls=True) as proxy, Peer.connect(proxy.address.port) as peer:
        backend = raw_backend.accept()
        backend.send(replies[0])
        for reply in replies[1:]:
            backend.recv_until(b'\r\n')
            backend.send(reply)
        assert peer.recv_all() == b''
    assert warnings(caplog) == [f'link 1: no TLS with the backend: {problem}']


@pytest.mark.parametrize('first', [b'', b'EHLO me\r\n'])
def test_the_replies_to_many_requests_take_linear_time(first: bytes) -> None:
    """Each is edited in its turn, and none of the requests behind it is looked at."""
    kind = find_upgrading(ProxySettings(tls='auto'), smtp.SMTP)
    assert kind is not None

    def measure(count: int) -> float:
        protocol = kind()
        protocol.feed_upstream(first + count * b'NOOP\r\n' + b'EHLO me\r\n')
        began = process_time()
        for reply in [b'220 ready\r\n', *[b'250 OK\r\n'] * (count + bool(first))]:
            assert protocol.edit_downstream(reply) == reply
            protocol.feed_downstream(reply)
        seconds = process_time() - began
        offer = protocol.edit_downstream(b'250-here\r\n250-STARTTLS\r\n250 SIZE\r\n')
        assert offer == b'250-here\r\n250 SIZE\r\n'
        return seconds

    assert takes_linear_time(measure, 1000)
