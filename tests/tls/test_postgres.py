"""TLS inside PostgreSQL: each leg by itself, whom clients ask, and what a fault inside of it looks like."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import ssl
from pathlib import Path
from threading import Thread
from typing import Any

import asyncpg
import psycopg
import pytest

from tests.behaviors.waiting import eventually
from tests.peers import Peer, RawBackend
from tests.servers import HOST, Server
from tests.tls.legs import IS_SECURE, LEGS, make_proxy as make_any_proxy, warnings
from vaurien import Proxy
from vaurien.protocols.postgres import Postgres
from vaurien.protocols.upgrade import TLSLegs
from vaurien.settings import ProxySettings
from vaurien.tls.mode import find_upgrading

SSL_REQUEST = bytes.fromhex('00000008 04d2162f')
GSSENC_REQUEST = bytes.fromhex('00000008 04d21630')
STARTUP = b'\0\0\0\x27\0\3\0\0user\0tester\0database\0postgres\0\0'


def make_proxy(server: Server, files: Path, legs: str, **settings: Any) -> Proxy:
    return make_any_proxy(server.port, 'postgres', files, legs, **settings)


def connect(proxy: Proxy, files: Path, **options: Any) -> psycopg.Connection[Any]:
    """Connect with all the verification that there is, unless *options* say otherwise."""
    authority = str(files / 'proxy.pem')
    usual = {'sslmode': 'verify-full', 'sslrootcert': authority, 'channel_binding': 'disable', 'gssencmode': 'disable'}
    return psycopg.connect(
        host='localhost',
        hostaddr=HOST,
        port=proxy.address.port,
        user='tester',
        password='secret',  # of the tests
        dbname='postgres',
        **{**usual, **options},
    )


def uses_tls(connection: psycopg.Connection[Any]) -> tuple[bool, bool]:
    """Whether the client speaks TLS, and whether the backend does."""
    row = connection.execute('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()').fetchone()
    assert row is not None
    return bool(connection.pgconn.ssl_in_use), row[0]


@pytest.mark.parametrize('legs', LEGS)
def test_each_leg_by_itself(secure_postgres: Server, files: Path, legs: str) -> None:
    wants = {'sslmode': 'verify-full' if IS_SECURE[legs][0] else 'prefer'}
    with (
        make_proxy(secure_postgres, files, legs) as proxy,
        connect(proxy, files, **wants) as connection,
    ):
        assert uses_tls(connection) == IS_SECURE[legs]


@pytest.mark.parametrize('version', ['1.2', '1.3'])
def test_each_version(secure_postgres: Server, files: Path, version: str) -> None:
    with (
        make_proxy(secure_postgres, files, 'both', tls_min=version, tls_max=version) as proxy,
        connect(proxy, files) as connection,
    ):
        row = connection.execute('SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()').fetchone()
        assert row == (f'TLSv{version}',)


def test_a_proxy_that_ends_in_the_middle(secure_postgres: Server, files: Path) -> None:
    with make_proxy(secure_postgres, files, 'both') as proxy:
        peer = Peer.connect(proxy.address.port)
        peer.send(SSL_REQUEST)
        assert peer.recv_exactly(1) == b'S'
    with peer:
        assert peer.recv_all() == b''


@pytest.mark.parametrize('legs', ['both', 'client only'])
def test_a_client_that_does_not_ask_goes_on_plainly(secure_postgres: Server, files: Path, legs: str) -> None:
    with (
        make_proxy(secure_postgres, files, legs) as proxy,
        connect(proxy, files, sslmode='disable') as connection,
    ):
        assert uses_tls(connection) == (False, IS_SECURE[legs][1])


@pytest.mark.parametrize('legs', LEGS)
def test_a_fault_inside(secure_postgres: Server, files: Path, legs: str) -> None:
    wants = {'sslmode': 'verify-full' if IS_SECURE[legs][0] else 'prefer'}
    with (
        make_proxy(secure_postgres, files, legs) as proxy,
        connect(proxy, files, **wants) as connection,
    ):
        proxy.set_behavior('error', match='COMMIT', sqlstate='40001')
        connection.execute('SELECT 1')
        with pytest.raises(psycopg.errors.SerializationFailure):
            connection.commit()
        proxy.set_behavior('dummy')
        assert connection.execute('SELECT 2').fetchone() == (2,)


def test_much_data_each_way(secure_postgres: Server, files: Path) -> None:
    data = os.urandom(1 << 20)
    sent, received = hashlib.sha256(), hashlib.sha256()
    with make_proxy(secure_postgres, files, 'both') as proxy, connect(proxy, files) as connection:
        cursor = connection.cursor()
        cursor.execute('CREATE TEMP TABLE large (number int, data bytea)')
        with cursor.copy('COPY large FROM STDIN (FORMAT BINARY)') as copy:
            copy.set_types(['int4', 'bytea'])
            for number in range(12):
                sent.update(data[number:])
                copy.write_row((number, data[number:]))
        with cursor.copy('COPY (SELECT data FROM large ORDER BY number) TO STDOUT (FORMAT BINARY)') as copy:
            copy.set_types(['bytea'])
            for (row,) in copy.rows():
                received.update(row)
    assert received.digest() == sent.digest()


@pytest.mark.parametrize('legs', ['both', 'client only', 'backend only'])
def test_asyncpg(secure_postgres: Server, files: Path, legs: str) -> None:
    """It logs in with SCRAM and without channel binding, and needs to be told nothing of that."""

    async def ask(proxy: Proxy) -> Any:
        context = proxy.ssl_context() if IS_SECURE[legs][0] else 'prefer'
        connection = await asyncpg.connect(
            host='localhost',
            port=proxy.address.port,
            user='tester',
            password='secret',
            database='postgres',
            ssl=context,
        )
        try:
            return await connection.fetchval('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()')
        finally:
            await connection.close()

    with make_proxy(secure_postgres, files, legs) as proxy:
        assert asyncio.run(ask(proxy)) == IS_SECURE[legs][1]


@pytest.mark.parametrize('direction', ['upstream', 'downstream'])
def test_toxics_on_the_way(secure_postgres: Server, files: Path, direction: str) -> None:
    """What is under way has arrived before TLS begins."""
    with make_proxy(secure_postgres, files, 'both') as proxy:
        proxy.add_toxic('latency', latency=20, stream=direction)
        proxy.add_toxic('slicer', average_size=10, delay=100, stream=direction)
        with connect(proxy, files) as connection:
            assert uses_tls(connection) == (True, True)


def secure(proxy: Proxy, sock: socket.socket, protocols: tuple[str, ...] = ()) -> ssl.SSLSocket:
    context = proxy.ssl_context()
    context.set_alpn_protocols(protocols)
    return context.wrap_socket(sock, server_hostname='localhost', suppress_ragged_eofs=False)


def start(sock: socket.socket) -> bytes:
    """Ask for a session; return the type of the message that comes."""
    sock.sendall(STARTUP)
    return sock.recv(100)[:1]


def test_tls_from_the_first_byte(secure_postgres: Server, files: Path) -> None:
    """As clients of version 17 with ``sslnegotiation=direct`` begin, which insist on ALPN."""
    with (
        make_proxy(secure_postgres, files, 'both') as proxy,
        Peer.connect(proxy.address.port) as peer,
        secure(proxy, peer.sock, ('postgresql',)) as sock,
    ):
        assert sock.selected_alpn_protocol() == 'postgresql'
        assert start(sock) == b'R'


@pytest.mark.skipif(psycopg.pq.version() < 170000, reason='libpq is too old')
def test_a_driver_that_begins_with_tls(secure_postgres: Server, files: Path) -> None:
    with (
        make_proxy(secure_postgres, files, 'both') as proxy,
        connect(proxy, files, sslnegotiation='direct') as connection,
    ):
        assert uses_tls(connection) == (True, True)


def test_gssapi_is_refused_and_tls_is_not(secure_postgres: Server, files: Path) -> None:
    with make_proxy(secure_postgres, files, 'both') as proxy, Peer.connect(proxy.address.port) as peer:
        peer.send(GSSENC_REQUEST)
        assert peer.recv_exactly(1) == b'N'
        peer.send(SSL_REQUEST)
        assert peer.recv_exactly(1) == b'S'
        with secure(proxy, peer.sock) as sock:
            sock.sendall(SSL_REQUEST)
            assert sock.recv(10) == b'N'
            assert start(sock) == b'R'


def test_a_request_in_pieces(secure_postgres: Server, files: Path) -> None:
    with make_proxy(secure_postgres, files, 'both') as proxy, Peer.connect(proxy.address.port) as peer:
        for byte in SSL_REQUEST:
            peer.send(bytes([byte]))
            eventually(lambda: proxy.links() != [])
        assert peer.recv_exactly(1) == b'S'
        with secure(proxy, peer.sock) as sock:
            assert start(sock) == b'R'


def test_nothing_may_follow_on_a_request_that_is_granted(
    secure_postgres: Server, files: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever is in between could have put it there, for it to be taken for a part of what is secure."""
    with make_proxy(secure_postgres, files, 'both') as proxy, Peer.connect(proxy.address.port) as peer:
        peer.send(SSL_REQUEST + b'\0\0\0\x10')
        assert peer.recv_all() == b'S'
    assert warnings(caplog) == ['link 1: no TLS with the client: it has not waited for the answer']


def test_the_answer_is_late_if_toxics_say_so(secure_postgres: Server, files: Path) -> None:
    """Also if the link is closed behind it."""
    with make_proxy(secure_postgres, files, 'both') as proxy, Peer.connect(proxy.address.port) as peer:
        with proxy.toxic('latency', latency=100_000):
            peer.send(SSL_REQUEST + b'\0\0\0\x10')
            eventually(lambda: proxy.links()[0]['backend'] is None)
        assert peer.recv_all() == b'S'


def test_what_follows_on_a_request_that_is_not_granted(secure_postgres: Server, files: Path) -> None:
    with make_proxy(secure_postgres, files, 'refused') as proxy, Peer.connect(proxy.address.port) as peer:
        peer.send(GSSENC_REQUEST + SSL_REQUEST + STARTUP)
        assert peer.recv_exactly(3) == b'NNR'


@pytest.mark.parametrize('legs', LEGS)
def test_a_query_is_cancelled(secure_postgres: Server, files: Path, legs: str) -> None:
    wants = {'sslmode': 'verify-full' if IS_SECURE[legs][0] else 'prefer'}
    with (
        make_proxy(secure_postgres, files, legs) as proxy,
        connect(proxy, files, **wants) as connection,
    ):
        sleeper = Thread(target=sleep, args=(connection,))
        sleeper.start()
        eventually(lambda: is_asleep(secure_postgres))
        connection.cancel_safe()
        sleeper.join()


def sleep(connection: psycopg.Connection[Any]) -> None:
    with pytest.raises(psycopg.errors.QueryCanceled):
        connection.execute('SELECT pg_sleep(60)')


def is_asleep(server: Server) -> bool:
    with psycopg.connect(
        host=HOST,
        port=server.port,
        user='tester',
        password='secret',
        dbname='postgres',  # of the tests
    ) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT pg_sleep(%'"
        ).fetchone()
    return row is not None and row[0] > 0


# Channel binding


def test_a_client_that_could_bind_is_refused_and_the_log_says_what_helps(
    secure_postgres: Server, files: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        make_proxy(secure_postgres, files, 'both') as proxy,
        pytest.raises(psycopg.OperationalError, match='channel binding negotiation error'),
    ):
        connect(proxy, files, channel_binding='prefer')
    assert warnings(caplog) == [
        'link 1: the backend refuses this login, for the client could have bound it to the certificate: have it '
        'connect with channel_binding=disable'
    ]


@pytest.mark.parametrize('legs', ['client only', 'backend only'])
def test_with_one_leg_a_client_may_bind_if_it_can(secure_postgres: Server, files: Path, legs: str) -> None:
    wants = {'sslmode': 'verify-full' if IS_SECURE[legs][0] else 'prefer'}
    with (
        make_proxy(secure_postgres, files, legs) as proxy,
        connect(proxy, files, channel_binding='prefer', **wants) as connection,
    ):
        assert uses_tls(connection) == IS_SECURE[legs]


def test_with_the_certificate_of_the_backend_a_client_can_bind(secure_postgres: Server, files: Path) -> None:
    """What is proved is which certificate was seen, and it is the same one."""
    own = {'proxy_tls': str(files / 'own.pem')}
    with (
        make_proxy(secure_postgres, files, 'both', **own) as proxy,
        connect(proxy, files, channel_binding='require', sslrootcert=str(files / 'backend.pem')) as connection,
    ):
        assert uses_tls(connection) == (True, True)


def message(kind: bytes, body: bytes) -> bytes:
    return kind + (4 + len(body)).to_bytes(4, 'big') + body


@pytest.mark.parametrize('before', [b'', message(b'v', b'\0\3\0\0\0\0\0\0'), message(b'N', b'SNOTICE\0\0')])
@pytest.mark.parametrize(
    ('offer', 'seen'),
    [
        (b'SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0', b'SCRAM-SHA-256\0\0'),
        (b'SCRAM-SHA-256\0SCRAM-SHA-256-PLUS\0\0', b'SCRAM-SHA-256\0\0'),
        (b'SCRAM-SHA-256\0\0', b'SCRAM-SHA-256\0\0'),
    ],
)
def test_the_offer_wherever_it_is_cut(before: bytes, offer: bytes, seen: bytes) -> None:
    code, after = (10).to_bytes(4, 'big'), message(b'R', (11).to_bytes(4, 'big') + offer)
    said = before + message(b'R', code + offer) + after
    expected = before + message(b'R', code + seen) + after
    kind = find_upgrading(ProxySettings(tls='auto'), Postgres)
    assert kind is not None
    for cut in range(len(said)):
        protocol = kind()
        protocol.set_legs(TLSLegs(client=True, backend=True))
        protocol.feed_upstream(STARTUP)
        pieces = [protocol.edit_downstream(piece) for piece in (said[:cut], said[cut:])]
        assert b''.join(pieces) == expected


# Faults of the request


def test_a_request_that_is_denied(secure_postgres: Server, files: Path) -> None:
    with make_proxy(secure_postgres, files, 'both') as proxy:
        proxy.set_behavior('error', match='SSLRequest')
        with pytest.raises(psycopg.OperationalError, match='server does not support SSL'):
            connect(proxy, files)
        with connect(proxy, files, sslmode='prefer') as connection:
            assert uses_tls(connection) == (False, True)
        assert [fault.request for fault in proxy.faults()] == ['SSLRequest', 'SSLRequest']


@pytest.mark.parametrize('before', [True, False])
def test_a_request_that_is_late(secure_postgres: Server, files: Path, before: bool) -> None:
    with make_proxy(secure_postgres, files, 'both') as proxy:
        proxy.set_behavior('delay', match='SSLRequest', sleep=0.05, before=before)
        with connect(proxy, files) as connection:
            assert uses_tls(connection) == (True, True)
        assert [fault.request for fault in proxy.faults()] == ['SSLRequest']


def test_a_request_that_is_not_answered(secure_postgres: Server, files: Path) -> None:
    with make_proxy(secure_postgres, files, 'both') as proxy, Peer.connect(proxy.address.port) as peer:
        proxy.set_behavior('hang', match='SSLRequest')
        peer.send(SSL_REQUEST)
        eventually(lambda: len(proxy.faults()) == 1)
        assert peer.is_silent(0.1)
        proxy.set_behavior('dummy')
        assert peer.recv_all() == b''


def test_a_request_that_is_reset(secure_postgres: Server, files: Path) -> None:
    with make_proxy(secure_postgres, files, 'both') as proxy:
        proxy.set_behavior('abort', match='SSLRequest')
        with pytest.raises(psycopg.OperationalError, match=r'reset|closed the connection'):
            connect(proxy, files)


# Handshakes that fail


def test_a_client_that_does_not_accept_the_certificate(
    secure_postgres: Server, files: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with make_proxy(secure_postgres, files, 'both') as proxy:
        with pytest.raises(psycopg.OperationalError, match='certificate verify failed'):
            connect(proxy, files, sslrootcert=str(files / 'backend.pem'))
        eventually(lambda: warnings(caplog) == ['link 1: no TLS with the client: the peer says: unknown ca'])


def test_a_backend_that_is_not_accepted(secure_postgres: Server, files: Path, caplog: pytest.LogCaptureFixture) -> None:
    with (
        Proxy(f'localhost:{secure_postgres.port}', 'postgres', tls='auto') as proxy,
        pytest.raises(psycopg.OperationalError, match='closed the connection unexpectedly'),
    ):
        connect(proxy, files)
    assert warnings(caplog) == [
        'link 1: no TLS with the backend: the certificate is not accepted: unable to get local issuer certificate '
        '(--backend-tls-ca FILE says whom to trust, --backend-tls-verify no accepts any)'
    ]


def test_a_client_that_is_late_is_not_waited_for(
    secure_postgres: Server, files: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with make_proxy(secure_postgres, files, 'client only', timeout=0.5) as proxy:
        with Peer.connect(proxy.address.port) as peer:
            peer.send(SSL_REQUEST)
            assert peer.recv_all() == b'S'
        assert warnings(caplog) == ['link 1: no TLS with the client: it took too long']
        with Peer.connect(proxy.address.port) as peer:
            assert peer.recv_all() == b''
        assert warnings(caplog)[1:] == ['link 2: no TLS with the client: it took too long']


def test_a_client_that_leaves_in_the_middle(
    secure_postgres: Server, files: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with make_proxy(secure_postgres, files, 'both') as proxy:
        with Peer.connect(proxy.address.port) as peer:
            peer.send(SSL_REQUEST)
            assert peer.recv_exactly(1) == b'S'
        eventually(lambda: warnings(caplog) == ['link 1: no TLS with the client: it has left'])
        eventually(lambda: proxy.links() == [])


@pytest.mark.parametrize(
    ('answer', 'problem'),
    [(b'N', 'it does not speak TLS'), (b'SQL', "it answers b'SQL'"), (b'', 'it has left')],
)
def test_a_backend_without_tls(
    raw_backend: RawBackend, caplog: pytest.LogCaptureFixture, answer: bytes, problem: str
) -> None:
    with Proxy(raw_backend.address, 'postgres', backend_tls=True) as proxy, Peer.connect(proxy.address.port) as peer:
        backend = raw_backend.accept()
        assert backend.recv_exactly(8) == SSL_REQUEST
        backend.send(answer)
        backend.close()
        assert peer.recv_all() == b''
    assert warnings(caplog) == [f'link 1: no TLS with the backend: {problem}']
