"""Sessions of TLS that end badly: what clients say of each damage, and that what comes before it is whole."""

from __future__ import annotations

import ssl
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.behaviors.waiting import eventually
from tests.peers import Peer
from tests.servers import HOST, LARGE, TIMEOUT, Server, command_path
from tests.tls.clients import CLIENTS, HTTP, Redis, TLSClient
from tests.tls.serving import dial, ping, tls_proxy
from vaurien import Proxy
from vaurien.framing.records import HEADER, split_records
from vaurien.tls.session import Session

#: What OpenSSL says of each, in Python; of a record that was changed, 3.5 and later say the latter.
SAID = {'truncate': 'EOF occurred', 'half-record': 'EOF occurred', 'bad-mac': 'BAD_RECORD_MAC|RECORD_LAYER_FAILURE'}

each_damage = pytest.mark.parametrize('damage', SAID)
each_version = pytest.mark.parametrize('version', [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])


def read_to_failure(sock: ssl.SSLSocket, damage: str) -> bytes:
    """Return what is received before OpenSSL says what it has to say of a *damage*."""
    got: list[bytes] = []
    with pytest.raises(ssl.SSLError, match=SAID[damage]):
        got.extend(iter(lambda: sock.recv(65536), b''))
    return b''.join(got)


@each_version
@each_damage
def test_what_openssl_says(damage: str, version: ssl.TLSVersion, caplog: pytest.LogCaptureFixture) -> None:
    with tls_proxy() as proxy:
        proxy.set_behavior('abort', tls=damage, nth=2)
        context = proxy.ssl_context()
        context.maximum_version = version
        with dial(proxy, context) as sock:
            assert ping(sock) == b'+PONG\r\n'
            sock.sendall(b'PING\r\n')
            if damage == 'truncate':
                assert sock.recv(100) == b'+PONG\r\n'
            with pytest.raises(ssl.SSLError, match=SAID[damage]):
                sock.recv(100)
        eventually(lambda: not proxy.links())
        assert [(fault.behavior, fault.exchange) for fault in proxy.faults()] == [('abort', 2)]
    assert not caplog.messages  # the client complains, and everybody knows why


@each_damage
@pytest.mark.parametrize('kind', CLIENTS)
def test_what_clients_say(kind: type[TLSClient], damage: str, files: Path, request: pytest.FixtureRequest) -> None:
    """A truncated session is noticed by the next request; `requests` makes that over another connection, and redis-py,
    if the end of the connection has arrived by then.
    """
    server = request.getfixturevalue(kind.server)
    with Proxy(server.address, kind.protocol, proxy_tls='auto') as proxy:
        with closing(kind(proxy, files / 'proxy.pem')) as client:
            expected = client.ask()
            proxy.set_behavior('abort', tls=damage, match=kind.text, times=1)
            if damage == 'truncate':
                assert client.ask() == expected
            if damage != 'truncate' or kind not in (HTTP, Redis):
                with pytest.raises(kind.lost):
                    client.ask()
        with closing(kind(proxy, files / 'proxy.pem')) as client:
            assert client.ask() == expected
        assert [fault.request for fault in proxy.faults()] == [kind.text]


@each_damage
def test_a_reply_of_many_records(nginx: Server, damage: str) -> None:
    """It arrives whole if the session is truncated. Otherwise its first record is damaged, and nothing follows."""
    with Proxy(nginx.address, 'http', proxy_tls='auto') as proxy, dial(proxy) as sock:
        proxy.set_behavior('abort', tls=damage)
        sock.sendall(b'GET /large HTTP/1.0\r\n\r\n')
        got = read_to_failure(sock, damage)
    assert got.endswith(LARGE) if damage == 'truncate' else not got


@each_damage
def test_in_the_middle_of_a_reply(nginx: Server, damage: str) -> None:
    """The reply goes up to a place in it, and is the last of the session."""
    with Proxy(nginx.address, 'http', proxy_tls='auto') as proxy, dial(proxy) as sock:
        proxy.set_behavior('abort', tls=damage, after='2000000 bytes')
        sock.sendall(b'GET /large HTTP/1.1\r\nHost: a\r\n\r\n')
        got = read_to_failure(sock, damage)
    assert len(got) == 2_000_000 if damage == 'truncate' else 0 < len(got) < 2_000_000
    assert got.partition(b'\r\n\r\n')[2] == LARGE[: len(got.partition(b'\r\n\r\n')[2])]


def test_half_of_a_record() -> None:
    """The connection ends in order behind it, and the proxy reads on: a reset might have the client lose the half."""
    with tls_proxy() as proxy, Peer.connect(proxy.address.port) as peer:
        session = Session.for_backend(proxy.ssl_context(), 'localhost')
        while not session.shake_hands():
            peer.send(session.outgoing.read())
            session.incoming.write(peer.recv())
        proxy.set_behavior('abort', tls='half-record')
        session.tls.write(b'PING\r\n')
        peer.send(session.outgoing.read())
        *_, last = split_records(peer.recv_all())  # the tickets of the server are before it
        assert len(last) == (HEADER + int.from_bytes(last[3:HEADER], 'big')) // 2
        assert proxy.links()


@each_damage
def test_behind_toxics(redis_server: Server, damage: str) -> None:
    """What is damaged is late as everything else, and nothing that was on its way before it."""
    with Proxy(redis_server.address, 'redis', proxy_tls='auto') as proxy:
        proxy.add_toxic('latency', latency=30, stream='downstream')
        proxy.set_behavior('abort', tls=damage, nth=3)
        with dial(proxy) as sock:
            sock.sendall(b'PING\r\n' * 3)
            assert read_to_failure(sock, damage) == b'+PONG\r\n' * (3 if damage == 'truncate' else 2)


@each_damage
def test_what_s_client_says(damage: str, tmp_path: Path) -> None:
    with tls_proxy() as proxy:
        (tmp_path / 'ca.pem').write_text(proxy.ca_pem)
        proxy.set_behavior('abort', tls=damage)
        command = [command_path('openssl'), 's_client', '-quiet', '-connect', f'{HOST}:{proxy.address.port}']
        command += ['-CAfile', str(tmp_path / 'ca.pem')]
        ran = subprocess.run(command, input=b'PING\r\n', capture_output=True, check=False, timeout=TIMEOUT)
    said = 'decryption failed or bad record mac' if damage == 'bad-mac' else 'unexpected eof while reading'
    assert (ran.returncode, ran.stdout) == (1, b'+PONG\r\n' if damage == 'truncate' else b'')
    assert said in ran.stderr.decode()


@each_damage
def test_a_connection_without_tls_is_cut(postgres: Server, damage: str) -> None:
    """TLS begins inside the protocol, and this client does not ask for it."""
    address = 'postgres://tester:secret@localhost:{}/postgres?sslmode=disable'
    with Proxy(postgres.address, 'postgres', proxy_tls='auto') as proxy:
        connection: psycopg.Connection[Any] = psycopg.connect(address.format(proxy.address.port))
        proxy.set_behavior('abort', tls=damage)
        with pytest.raises(psycopg.OperationalError, match='server closed the connection unexpectedly'):
            connection.execute('SELECT 1')
