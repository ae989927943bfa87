"""Links with TLS on one leg or both: who is shown what, what the two agree on, and handshakes that fail.

What is tested here of `engine/tls_socket.py` needs a link as well: ends, resets, and much data.
"""

from __future__ import annotations

import hashlib
import logging
import os
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from select import select
from threading import Event
from typing import Any

import pytest

from tests.behaviors.waiting import eventually
from tests.engine.talk import inside
from tests.peers import Peer, RawBackend
from tests.servers import HOST, TIMEOUT
from tests.tls.serving import AUTHORITY, LEAF, dial, echo, server_context, tls_backend
from vaurien import Proxy
from vaurien.tls.session import Session


@pytest.fixture(scope='module')
def ca_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The authority that has signed the backend's certificate."""
    path = tmp_path_factory.mktemp('tls') / 'ca.pem'
    AUTHORITY.cert_pem.write_to_path(path)
    return str(path)


LEGS: dict[str, dict[str, Any]] = {
    'both': {'tls': 'auto'},
    'client only': {'proxy_tls': 'auto'},
    'backend only': {'backend_tls': True},
}


@pytest.mark.parametrize('protocol', ['tcp', 'redis'])
@pytest.mark.parametrize('legs', LEGS)
def test_a_request_and_its_reply(ca_file: str, raw_backend: RawBackend, legs: str, protocol: str) -> None:
    def answer(sock: Any) -> None:
        while sock.recv(65536):
            sock.sendall(b'+PONG\r\n')

    has_backend_leg = legs != 'client only'
    settings = {**LEGS[legs], **({'backend_tls_ca': ca_file} if has_backend_leg else {})}
    with tls_backend(answer) as secure:
        plain = raw_backend.serve(lambda peer: answer(peer.sock))
        backend = f'localhost:{(secure if has_backend_leg else plain).port}'
        with Proxy(backend, protocol, **settings) as proxy:
            sock = Peer.connect(proxy.address.port).sock if legs == 'backend only' else dial(proxy)
            with sock:
                for _ in range(3):
                    sock.sendall(b'PING\r\n')
                    assert sock.recv(100) == b'+PONG\r\n'
                if protocol == 'redis':
                    proxy.set_behavior('error', message='injected')
                    sock.sendall(b'PING\r\n')
                    assert sock.recv(100) == b'-ERR injected\r\n'


@pytest.mark.parametrize('version', [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_much_data_each_way(ca_file: str, version: ssl.TLSVersion) -> None:
    data = os.urandom(1 << 20) * 24

    def take_and_give(sock: ssl.SSLSocket) -> None:
        sock.sendall(hash_of(sock, len(data)))
        sock.sendall(data)
        sock.recv(1)

    with (
        tls_backend(take_and_give, server_context(maximum_version=version)) as backend,
        Proxy(f'localhost:{backend.port}', tls='auto', backend_tls_ca=ca_file) as proxy,
        dial(proxy) as sock,
    ):
        sock.sendall(data)
        assert sock.recv(32) == hashlib.sha256(data).digest()
        assert hash_of(sock, len(data)) == hashlib.sha256(data).digest()


def hash_of(sock: ssl.SSLSocket, count: int) -> bytes:
    """Return the hash of the next *count* bytes."""
    received = hashlib.sha256()
    while count:
        chunk = sock.recv(min(count, 65536))
        received.update(chunk)
        count -= len(chunk)
    return received.digest()


def test_a_slow_reader_gets_everything(ca_file: str) -> None:
    """The socket is full in the middle of a record, again and again."""
    data = os.urandom(8 << 20)

    def pour(sock: ssl.SSLSocket) -> None:
        sock.sendall(data)
        sock.unwrap()

    with tls_backend(pour) as backend, Proxy(f'localhost:{backend.port}', tls='auto', backend_tls_ca=ca_file) as proxy:
        with dial(proxy) as sock:
            (link,) = proxy.links()
            eventually(lambda: proxy.links()[0]['bytes']['downstream'] > 0)
            got = b''.join(iter(lambda: sock.recv(7000), b''))
        assert link['exchanges'] == 0
    assert got == data


def test_the_ends_of_a_session_pass(ca_file: str) -> None:
    """The client ends its direction, and still gets what the backend has to say."""

    def answer_at_the_end(sock: ssl.SSLSocket) -> None:
        got = b''.join(iter(lambda: sock.recv(100), b''))
        sock.sendall(got.upper())
        sock.unwrap()

    with (
        tls_backend(answer_at_the_end) as backend,
        Proxy(f'localhost:{backend.port}', tls='auto', backend_tls_ca=ca_file) as proxy,
    ):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = proxy.ssl_context().wrap_bio(incoming, outgoing, server_hostname='localhost')
        with socket.create_connection((HOST, proxy.address.port), TIMEOUT) as sock:

            def exchange(call: Callable[..., Any], *args: Any) -> Any:
                while True:
                    try:
                        return call(*args)
                    except ssl.SSLWantReadError:
                        sock.sendall(outgoing.read())
                        incoming.write(sock.recv(65536))

            exchange(tls.do_handshake)
            tls.write(b'hello')
            with pytest.raises(ssl.SSLWantReadError):
                tls.unwrap()
            sock.sendall(outgoing.read())
            assert exchange(tls.read, 100) == b'HELLO'
            with pytest.raises(ssl.SSLZeroReturnError):
                exchange(tls.read, 100)


def test_the_tickets_come_with_the_first_reply(ca_file: str) -> None:
    """Sent by themselves they would be one more packet for each new connection."""

    def answer(sock: ssl.SSLSocket) -> None:
        sock.sendall(sock.recv(100).upper())
        sock.recv(1)

    with (
        tls_backend(answer) as backend,
        Proxy(f'localhost:{backend.port}', tls='auto', backend_tls_ca=ca_file) as proxy,
        socket.create_connection((HOST, proxy.address.port), TIMEOUT) as sock,
    ):
        session = Session.for_backend(proxy.ssl_context(), 'localhost')
        while not session.shake_hands():
            sock.sendall(session.outgoing.read())
            session.incoming.write(sock.recv(65536))
        session.tls.write(b'hello')
        sock.sendall(session.outgoing.read())
        session.incoming.write(sock.recv(65536))
        assert session.tls.read(100) == b'HELLO'
        assert session.tls.session is not None
        assert session.tls.session.has_ticket


def test_a_session_that_is_cut_short_is_cut_short(ca_file: str) -> None:
    def leave(sock: ssl.SSLSocket) -> None:
        sock.sendall(b'half a')
        sock.shutdown(socket.SHUT_WR)  # without close_notify
        sock.recv(1)

    with (
        tls_backend(leave) as backend,
        Proxy(f'localhost:{backend.port}', tls='auto', backend_tls_ca=ca_file) as proxy,
        dial(proxy) as sock,
    ):
        assert sock.recv(100) == b'half a'
        with pytest.raises(ssl.SSLEOFError):
            sock.recv(100)


def test_a_client_that_has_cut_its_session_short_is_answered(ca_file: str) -> None:
    def answer(sock: ssl.SSLSocket) -> None:
        sock.recv(100)
        select([sock], [], [], TIMEOUT)  # that the client will send no more
        sock.sendall(b'late')
        sock.unwrap()

    with (
        tls_backend(answer) as backend,
        Proxy(f'localhost:{backend.port}', tls='auto', backend_tls_ca=ca_file) as proxy,
        dial(proxy) as sock,
    ):
        sock.sendall(b'hello')
        socket.socket.shutdown(sock, socket.SHUT_WR)  # without close_notify
        assert sock.recv(100) == b'late'
        assert sock.recv(100) == b''


def test_an_orderly_end_is_orderly(ca_file: str) -> None:
    def say_bye(sock: ssl.SSLSocket) -> None:
        sock.sendall(b'bye')
        sock.unwrap()

    with (
        tls_backend(say_bye) as backend,
        Proxy(f'localhost:{backend.port}', tls='auto', backend_tls_ca=ca_file) as proxy,
        dial(proxy) as sock,
    ):
        assert sock.recv(100) == b'bye'
        assert sock.recv(100) == b''


def test_a_reset_is_a_reset(ca_file: str) -> None:
    def reset(sock: ssl.SSLSocket) -> None:
        sock.recv(5)
        Peer(sock).reset()

    with (
        tls_backend(reset) as backend,
        Proxy(f'localhost:{backend.port}', tls='auto', backend_tls_ca=ca_file) as proxy,
        dial(proxy) as sock,
    ):
        sock.sendall(b'hello')
        # The standard library tells a reset from an end only below TLS.
        with Peer(socket.socket(fileno=os.dup(sock.fileno()))) as raw, pytest.raises(ConnectionResetError):
            raw.recv_all()


@pytest.mark.parametrize(
    ('offered', 'known', 'chosen'),
    [
        (['h2', 'http/1.1'], ['h2', 'http/1.1'], 'http/1.1'),
        (['h2'], ['h2'], None),
        (['http/1.1'], [], None),
        ([], ['http/1.1'], None),
    ],
)
def test_both_speak_what_the_backend_has_chosen(
    ca_file: str, offered: list[str], known: list[str], chosen: str | None
) -> None:
    seen: list[str | None] = []
    context = server_context()
    if known:
        context.set_alpn_protocols(known)
    with (
        tls_backend(lambda sock: seen.append(sock.selected_alpn_protocol()), context) as backend,
        Proxy(f'localhost:{backend.port}', 'http', tls='auto', backend_tls_ca=ca_file) as proxy,
    ):
        client = proxy.ssl_context()
        if offered:
            client.set_alpn_protocols(offered)
        with dial(proxy, client) as sock:
            assert sock.selected_alpn_protocol() == chosen
            eventually(lambda: bool(seen))
            assert seen == [chosen]


def test_each_name_has_its_certificate(ca_file: str) -> None:
    with (
        tls_backend(echo) as backend,
        Proxy(f'localhost:{backend.port}', tls='auto', backend_tls_ca=ca_file) as proxy,
    ):
        for name in ('api.example.com', 'localhost', HOST):
            with dial(proxy, name=name) as sock:  # which checks the name
                certificate: Any = sock.getpeercert()
                assert name in [value for _, value in certificate['subjectAltName']]


def test_the_backend_is_told_its_own_name(ca_file: str) -> None:
    asked: list[str | None] = []
    context = server_context(sni_callback=lambda sock, name, context: asked.append(name))
    with (
        tls_backend(echo, context) as backend,
        Proxy(f'localhost:{backend.port}', tls='auto', backend_tls_ca=ca_file) as proxy,
        dial(proxy, name='api.example.com'),
    ):
        assert asked == ['localhost']


def test_sessions_are_resumed_on_both_legs(ca_file: str) -> None:
    reused: list[bool] = []

    def answer(sock: ssl.SSLSocket) -> None:
        reused.append(bool(sock.session_reused))
        sock.sendall(sock.recv(100))
        sock.recv(1)

    with (
        tls_backend(answer) as backend,
        Proxy(f'localhost:{backend.port}', tls='auto', backend_tls_ca=ca_file) as proxy,
    ):
        context, session = proxy.ssl_context(), None
        for turn in range(3):
            sock = socket.create_connection((HOST, proxy.address.port), TIMEOUT)
            with context.wrap_socket(sock, server_hostname='localhost', session=session) as secure:
                secure.sendall(b'hello')
                assert secure.recv(100) == b'hello'
                assert secure.session_reused == (turn > 0)
                session = secure.session
    assert reused == [False, True, True]


@pytest.mark.parametrize('changed', [{}, {'num_tickets': 1}, {'maximum_version': ssl.TLSVersion.TLSv1_2}])
def test_sessions_that_a_backend_cuts_short_are_resumed(ca_file: str, changed: dict[str, Any]) -> None:
    reused: list[bool] = []

    def answer(sock: ssl.SSLSocket) -> None:
        reused.append(bool(sock.session_reused))
        sock.sendall(sock.recv(100))  # and leave, without close_notify

    with (
        tls_backend(answer, server_context(**changed)) as backend,
        Proxy(f'localhost:{backend.port}', tls='auto', backend_tls_ca=ca_file) as proxy,
    ):
        for _ in range(3):
            with dial(proxy) as sock:
                sock.sendall(b'hello')
                assert sock.recv(100) == b'hello'
                with pytest.raises(ssl.SSLEOFError):
                    sock.recv(100)
    assert reused == [False, True, True]


def test_clients_are_asked_for_a_certificate(ca_file: str) -> None:
    with (
        tls_backend(echo) as backend,
        Proxy(f'localhost:{backend.port}', tls='auto', backend_tls_ca=ca_file, proxy_tls_client_ca=ca_file) as proxy,
    ):
        known = proxy.ssl_context()
        LEAF.configure_cert(known)
        with dial(proxy, known) as sock:
            sock.sendall(b'hello')
            assert sock.recv(100) == b'hello'
        with dial(proxy) as sock, pytest.raises(ssl.SSLError, match='CERTIFICATE_REQUIRED'):
            sock.recv(100)


def test_the_backend_is_shown_a_certificate(ca_file: str, tmp_path: Path) -> None:
    path = str(tmp_path / 'client.pem')
    LEAF.private_key_and_cert_chain_pem.write_to_path(path)
    context = server_context(verify_mode=ssl.CERT_REQUIRED)
    AUTHORITY.configure_trust(context)
    with (
        tls_backend(echo, context) as backend,
        Proxy(f'localhost:{backend.port}', tls='auto', backend_tls_ca=ca_file, backend_tls_cert=path) as proxy,
        dial(proxy) as sock,
    ):
        sock.sendall(b'hello')
        assert sock.recv(100) == b'hello'


FAILURES: dict[str, tuple[dict[str, Any], str]] = {
    'an authority that nobody knows': (
        {},
        'the certificate is not accepted: unable to get local issuer certificate '
        '(--backend-tls-ca FILE says whom to trust, --backend-tls-verify no accepts any)',
    ),
    'another name': (
        {'backend_tls_name': 'db.example.com'},
        "the certificate is not accepted: Hostname mismatch, certificate is not valid for 'db.example.com'. "
        '(--backend-tls-name NAME says whose it is, --backend-tls-verify no accepts any)',
    ),
    'another version': ({'tls_min': '1.3'}, 'the peer says: protocol version'),
}


@pytest.mark.parametrize('name', FAILURES)
def test_a_backend_that_is_not_accepted(ca_file: str, caplog: pytest.LogCaptureFixture, name: str) -> None:
    """The client is told at once, and the log says why, in one line."""
    settings, said = FAILURES[name]
    if settings:
        settings = {**settings, 'backend_tls_ca': ca_file}
    with (
        caplog.at_level(logging.WARNING),
        tls_backend(echo, server_context(maximum_version=ssl.TLSVersion.TLSv1_2)) as backend,
        Proxy(f'localhost:{backend.port}', tls='auto', **settings) as proxy,
    ):
        with pytest.raises(ssl.SSLError, match='INTERNAL_ERROR'):
            dial(proxy)
        assert inside(proxy, lambda server: dict(server.counters.tls_failures)) == {'backend': 1}
    assert caplog.messages == [f'link 1: no TLS with the backend: {said}']


def test_a_backend_without_tls(raw_backend: RawBackend, caplog: pytest.LogCaptureFixture) -> None:
    raw_backend.serve(lambda peer: peer.send(b'220 hello\r\n'))
    with Proxy(raw_backend.address, tls='auto') as proxy, pytest.raises(ssl.SSLError):
        dial(proxy)
    assert [record.message for record in caplog.records] == ['link 1: no TLS with the backend: wrong version number']


def test_a_client_without_tls(ca_file: str, caplog: pytest.LogCaptureFixture) -> None:
    with (
        tls_backend(echo) as backend,
        Proxy(f'localhost:{backend.port}', tls='auto', backend_tls_ca=ca_file) as proxy,
        Peer.connect(proxy.address.port) as peer,
    ):
        peer.send(b'GET / HTTP/1.1\r\n\r\n')
        peer.recv_all()
    assert [record.message for record in caplog.records] == ['link 1: no TLS with the client: not the beginning of TLS']


def test_a_client_that_says_nothing_is_not_waited_for(ca_file: str, caplog: pytest.LogCaptureFixture) -> None:
    with (
        tls_backend(echo) as backend,
        Proxy(f'localhost:{backend.port}', tls='auto', backend_tls_ca=ca_file, timeout=0.2) as proxy,
        Peer.connect(proxy.address.port) as peer,
    ):
        peer.recv_all()
    assert [record.message for record in caplog.records] == ['link 1: no TLS with the client: it took too long']


@pytest.mark.parametrize(('leg', 'setting'), [('client', 'proxy_tls_client_ca'), ('backend', 'backend_tls_ca')])
def test_a_file_that_is_gone(tmp_path: Path, caplog: pytest.LogCaptureFixture, leg: str, setting: str) -> None:
    """Who speaks another protocol needs another context, for which the file is read again."""
    path = tmp_path / 'ca.pem'
    AUTHORITY.cert_pem.write_to_path(path)
    settings: dict[str, Any] = {'tls': 'auto', 'backend_tls_verify': leg == 'backend', setting: str(path)}
    with tls_backend(echo) as backend, Proxy(f'localhost:{backend.port}', **settings) as proxy:
        path.unlink()
        context = proxy.ssl_context()
        context.set_alpn_protocols(['http/1.1'])
        with pytest.raises(ssl.SSLError, match='INTERNAL_ERROR'):
            dial(proxy, context)
        eventually(lambda: not proxy.links())
    said = f'link 1: no TLS with the {leg}: {setting}: cannot read {path}: No such file or directory'
    assert [record.message for record in caplog.records] == [said]


def test_a_client_that_does_not_accept_the_certificate(ca_file: str, caplog: pytest.LogCaptureFixture) -> None:
    """The backend sees the end of its connection at once."""
    ended = Event()

    def wait(sock: ssl.SSLSocket) -> None:
        with suppress(OSError):
            sock.recv(1)
        ended.set()

    with (
        tls_backend(wait) as backend,
        Proxy(f'localhost:{backend.port}', tls='auto', backend_tls_ca=ca_file) as proxy,
    ):
        with pytest.raises(ssl.SSLCertVerificationError):
            dial(proxy, ssl.create_default_context())
        assert ended.wait(TIMEOUT)
    assert [record.message for record in caplog.records] == [
        'link 1: no TLS with the client: the peer says: unknown ca'
    ]


def test_a_client_that_leaves_is_seen_while_the_backend_is_silent(raw_backend: RawBackend) -> None:
    with Proxy(raw_backend.address, backend_tls=True) as proxy:
        with Peer.connect(proxy.address.port):
            backend = raw_backend.accept()
        assert backend.recv_all()  # the beginning of a handshake, and its end
