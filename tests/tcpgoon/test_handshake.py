"""What it takes to count as established: TLS, a text sent, a text expected."""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest
import trustme

from tests.peers import Peer, RawBackend
from tests.servers import HOST, TIMEOUT
from tests.tcpgoon.dialing import SHORT, dial, hold, target
from vaurien.tcpgoon import handshake
from vaurien.tcpgoon.plan import make_context
from vaurien.tcpgoon.settings import Settings


@pytest.fixture
def secure(authority: trustme.CA) -> Iterator[RawBackend]:
    """Return a server with a certificate for `HOST`, which responds to a line in TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(context)

    def answer(peer: Peer) -> None:
        with (
            suppress(OSError),  # who does not trust the certificate leaves; who has not read all of it resets
            Peer(context.wrap_socket(peer.sock, server_side=True)) as inner,
        ):
            while data := inner.recv():
                inner.send(data.upper())

    backend = RawBackend().serve(answer)
    yield backend
    backend.close()


@pytest.fixture
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """Return a context that trusts the authority and no other."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def test_tls(secure: RawBackend, trusting: ssl.SSLContext) -> None:
    record = dial(secure.port, tls=trusting, hold=0.1)
    assert (record.established, record.failed, record.closed) == (10, 0, 0)


def test_a_question_in_tls(secure: RawBackend, trusting: ssl.SSLContext) -> None:
    record = dial(secure.port, tls=trusting, send=b'hello', expect=b'HELLO')
    assert (record.established, record.failed) == (10, 0)


def test_a_certificate_that_nobody_trusts(secure: RawBackend) -> None:
    record = dial(secure.port, tls=ssl.create_default_context())
    assert record.errors == {'CERTIFICATE_VERIFY_FAILED: unable to get local issuer certificate': 10}


def test_a_certificate_for_another(secure: RawBackend, trusting: ssl.SSLContext) -> None:
    record = dial(target(secure.port, name='example.com'), tls=trusting)
    said = "Hostname mismatch, certificate is not valid for 'example.com'"
    assert record.errors == {f'CERTIFICATE_VERIFY_FAILED: {said}': 10}


def test_any_certificate(secure: RawBackend) -> None:
    context = make_context(Settings(tls=True, insecure=True))
    assert dial(secure.port, tls=context).established == 10


def test_no_tls_over_there(echo_server: RawBackend, trusting: ssl.SSLContext) -> None:
    record = dial(echo_server.port, tls=trusting)
    assert record.failed == 10
    assert all(name.isupper() for name in record.errors)


def test_a_server_that_does_not_shake_hands(holder: RawBackend, trusting: ssl.SSLContext) -> None:
    record = dial(holder.port, tls=trusting, dial_timeout=SHORT)
    assert record.errors == {'ETIMEDOUT': 10}


def test_a_server_that_leaves_before(leaver: RawBackend, trusting: ssl.SSLContext) -> None:
    record = dial(leaver.port, tls=trusting)
    assert record.failed == 10
    assert set(record.errors) <= {'UNEXPECTED_EOF_WHILE_READING', 'ECONNRESET', 'EPIPE'}


def test_a_question_and_its_answer(pinger: RawBackend) -> None:
    record = dial(pinger.port, send=b'PING\r\n', expect=b'PONG', hold=0.1)
    assert (record.established, record.failed, record.closed) == (10, 0, 0)


def test_a_greeting(raw_backend: RawBackend) -> None:
    def greet(peer: Peer) -> None:
        with suppress(ConnectionError):  # it has seen enough after the third part, and may leave before the fourth
            for part in (b'2', b'2', b'0 mail.exam', b'ple.com\r\n'):
                peer.send(part)
        hold(peer)

    raw_backend.serve(greet)
    assert dial(raw_backend.port, expect=b'220 mail').established == 10


def test_another_answer(pinger: RawBackend) -> None:
    record = dial(pinger.port, send=b'PING\r\n', expect=b'-ERR', dial_timeout=SHORT)
    assert record.errors == {'ETIMEDOUT': 10}


def finish(steps: handshake.Steps[socket.socket]) -> Iterator[tuple[int, int]]:
    """Yield what the rest of a handshake waits for, and close its socket."""
    (yield from steps).close()


def test_others_have_their_turn_while_a_server_goes_on(
    raw_backend: RawBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handshake, 'CHUNK', 4)
    steps = handshake.shake_hands(handshake.Recipe(target(raw_backend.port), None, b'', b'220'))
    descriptor, _ = next(steps)
    with raw_backend.accept() as peer, closing(steps):
        peer.send(b'1234567220')  # three times as much as is received at once
        assert select.select([descriptor], [], [], TIMEOUT)[0]
        assert list(finish(steps)) == 2 * [(descriptor, handshake.READ)]


def test_no_answer_at_all(leaver: RawBackend) -> None:
    record = dial(leaver.port, expect=b'220')
    assert record.errors == {'EOF': 10}


def test_a_long_question(raw_backend: RawBackend) -> None:
    def receive(peer: Peer) -> None:
        peer.recv_exactly(len(question))
        peer.send(b'ok')
        hold(peer)

    question = bytes(range(256)) * 16384
    raw_backend.serve(receive)
    assert dial(raw_backend.port, connections=2, send=question, expect=b'ok').established == 2


def test_only_sent(raw_backend: RawBackend) -> None:
    assert dial(raw_backend.port, connections=1, send=b'hello').established == 1
    assert raw_backend.accept().recv_exactly(5) == b'hello'
