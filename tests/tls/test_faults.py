"""Faults of the handshake: what clients with OpenSSL say of each, and that requests have faults of their own."""

from __future__ import annotations

import socket
import ssl
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import pytest

from tests.behaviors.waiting import eventually
from tests.peers import Peer
from tests.servers import HOST, TIMEOUT
from tests.tls.serving import dial, ping, tls_proxy
from vaurien import Proxy
from vaurien.errors import ConfigError
from vaurien.plugins.handshake import make_alert

#: A record that says nothing, in TLS 1.3 (RFC 8446, D.4).
CHANGE_CIPHER_SPEC = b'\x14\3\3\0\1\1'


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """A proxy with TLS on both legs."""
    with tls_proxy() as proxy:
        yield proxy


@pytest.mark.parametrize('version', [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize(
    ('alert', 'said'),
    [
        ('handshake_failure', 'HANDSHAKE_FAILURE'),
        ('protocol_version', 'PROTOCOL_VERSION'),
        ('unrecognized_name', 'UNRECOGNIZED_NAME'),
        ('internal_error', 'INTERNAL_ERROR'),
    ],
)
def test_an_alert(proxy: Proxy, alert: str, said: str, version: ssl.TLSVersion) -> None:
    proxy.set_behavior('error', alert=alert)
    context = proxy.ssl_context()
    context.maximum_version = version
    with pytest.raises(ssl.SSLError, match=said):
        dial(proxy, context)


def test_a_client_that_is_told_of_a_cancellation(proxy: Proxy) -> None:
    """It is no error: a warning, and the end of the session (RFC 8446, 6.1)."""
    proxy.set_behavior('error', alert='user_canceled')
    with pytest.raises(ssl.SSLZeroReturnError):
        dial(proxy)
    assert make_alert('user_canceled') == b'\x15\3\3\0\2\1\x5a' + b'\x15\3\3\0\2\1\0'


def test_plain_text(proxy: Proxy) -> None:
    proxy.set_behavior('error', plain=True)
    with pytest.raises(ssl.SSLError, match='WRONG_VERSION_NUMBER'):
        dial(proxy)


@pytest.mark.parametrize('version', [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize('after', ['client_hello', 'server_hello', 'certificate'])
@pytest.mark.parametrize('behavior', ['abort', 'hang'])
def test_it_stops_behind_a_message(proxy: Proxy, behavior: str, after: str, version: ssl.TLSVersion) -> None:
    """The client has got so much of the handshake, in whole records, and no more."""
    proxy.set_behavior(behavior, after=after)
    context = proxy.ssl_context()
    context.maximum_version = version
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname='localhost')
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    with Peer.connect(proxy.address.port, HOST) as peer:
        peer.send(outgoing.read())
        if behavior == 'abort':
            got = peer.recv_all()
        else:
            got = b'' if after == 'client_hello' else peer.recv()
            peer.send(CHANGE_CIPHER_SPEC)  # as Java does behind the server's first message
            assert peer.is_silent(0.05)
            proxy.set_behavior('dummy')
            assert peer.recv_all() == b''
    is_new = version == ssl.TLSVersion.TLSv1_3
    types = {'client_hello': [], 'server_hello': [22], 'certificate': [22, 20, 23, 23] if is_new else [22, 22]}
    found = []
    while got:
        found.append(got[0])
        size = 5 + int.from_bytes(got[3:5], 'big')
        assert len(got) >= size
        got = got[size:]
    assert found == types[after]


@pytest.mark.parametrize('version', [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_that_would_resume_a_session_is_shown_the_certificate(proxy: Proxy, version: ssl.TLSVersion) -> None:
    context = proxy.ssl_context()
    context.maximum_version = version
    with dial(proxy, context) as sock:
        assert ping(sock) == b'+PONG\r\n'
        session = sock.session
    proxy.set_behavior('abort', after='certificate')
    with pytest.raises((ssl.SSLEOFError, ConnectionResetError)):
        dial(proxy, context, session=session)
    proxy.set_behavior('dummy')
    with dial(proxy, context, session=session) as sock:
        assert sock.session_reused


@pytest.mark.parametrize('behavior', ['abort', 'hang'])
def test_a_client_that_is_refused_before_that(
    proxy: Proxy, behavior: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """It is told why: of that version, there is no handshake that could stop behind a message."""
    proxy.set_behavior(behavior, after='server_hello')
    context = proxy.ssl_context()
    context.set_ciphers('ALL:@SECLEVEL=0')
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1
    with pytest.raises(ssl.SSLError, match='TLSV1_ALERT_PROTOCOL_VERSION'):
        dial(proxy, context)
    eventually(lambda: 'link 1: no TLS with the client: ' in caplog.text)
    assert 'Traceback' not in capfd.readouterr().err


def test_a_late_handshake(proxy: Proxy) -> None:
    """It may be later than a connection may take, and goes on at once when nothing is armed any more."""
    proxy.set_behavior('delay', match='TLS *', sleep=0.05)
    with dial(proxy) as sock:
        assert ping(sock) == b'+PONG\r\n'
    assert [fault.behavior for fault in proxy.faults()] == ['delay']


def test_how_late_a_handshake_is_may_be_drawn(proxy: Proxy) -> None:
    proxy.set_behavior('delay', match='TLS *', sleep='uniform(min=50ms, max=60ms)')
    began = monotonic()
    with dial(proxy) as sock:
        assert monotonic() - began > 0.048
        assert ping(sock) == b'+PONG\r\n'


@contextmanager
def shaking_hands(proxy: Proxy) -> Iterator[ssl.SSLSocket]:
    """Return a client that does not block, and whose handshake has met a fault."""
    sock = socket.create_connection((HOST, proxy.address.port), TIMEOUT)
    with proxy.ssl_context().wrap_socket(sock, server_hostname='localhost', do_handshake_on_connect=False) as secure:
        secure.setblocking(False)
        with pytest.raises(ssl.SSLWantReadError):
            secure.do_handshake()
        proxy.wait_for_fault()
        yield secure


def test_a_handshake_that_waits_goes_on_if_nothing_is_armed(proxy: Proxy) -> None:
    proxy.set_behavior('delay', match='TLS *', sleep=600)
    with shaking_hands(proxy) as secure:
        proxy.set_behavior('dummy')
        secure.settimeout(TIMEOUT)
        secure.do_handshake()
        assert ping(secure) == b'+PONG\r\n'


def test_a_handshake_still_waits_when_the_time_of_another_rule_is_over(proxy: Proxy) -> None:
    proxy.set_behavior("delay(match='TLS *', sleep=600),delay(match='GET *', for=10ms)")
    with shaking_hands(proxy) as secure:
        eventually(lambda: len(proxy.status()['behaviors']) == 1)
        with pytest.raises(ssl.SSLWantReadError):
            secure.do_handshake()
        proxy.set_behavior('dummy')
        secure.settimeout(TIMEOUT)
        secure.do_handshake()


def test_a_closed_handshake(proxy: Proxy) -> None:
    proxy.set_behavior('blackout', match='TLS sni=local*', times=1)
    with pytest.raises((ssl.SSLEOFError, ConnectionResetError)):
        dial(proxy)
    with dial(proxy) as sock:
        assert ping(sock) == b'+PONG\r\n'


def test_a_handshake_in_which_no_host_is_named(proxy: Proxy) -> None:
    proxy.set_behavior('error', match='TLS *', plain=True)
    context = proxy.ssl_context()
    context.check_hostname = False
    with pytest.raises(ssl.SSLError, match='WRONG_VERSION_NUMBER'):
        dial(proxy, context, name=None)


def test_requests_and_handshakes_have_rules_of_their_own(proxy: Proxy) -> None:
    proxy.set_behavior('100:error(message=injected),100:certificate(problem=expired)')
    with pytest.raises(ssl.SSLCertVerificationError):
        dial(proxy)
    proxy.set_behavior('error', message='injected', nth=2)
    with dial(proxy) as sock:
        assert [ping(sock) for _ in range(3)] == [b'+PONG\r\n', b'-ERR injected\r\n', b'+PONG\r\n']


def test_a_place_in_a_reply_is_none_in_a_handshake(proxy: Proxy) -> None:
    with pytest.raises(ConfigError) as caught:
        proxy.set_behavior('hang', match='TLS *', after='3 bytes')
    assert str(caught.value) == 'hang.after: it is a place in a reply, and this rule is for handshakes of TLS'
    proxy.set_behavior('abort', after='3 bytes')
    with dial(proxy) as sock:
        sock.sendall(b'PING\r\n')
        assert sock.recv(100) == b'+PO'
        assert sock.recv(100) == b''


@pytest.mark.parametrize(
    ('behavior', 'options'),
    [('certificate', {'problem': 'old'}), ('error', {'alert': 'oops'}), ('hang', {'after': 'lunch'})],
)
def test_what_is_refused(proxy: Proxy, behavior: str, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r'expected (one of|a place)'):
        proxy.set_behavior(behavior, **options)
