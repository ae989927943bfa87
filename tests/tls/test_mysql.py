"""TLS inside MySQL and MariaDB: each leg by itself, three clients, and what a fault inside of it looks like."""

from __future__ import annotations

import hashlib
import os
import ssl
import subprocess
from pathlib import Path
from typing import Any

import mysql.connector
import pymysql
import pytest
from hypothesis import given, strategies as st

from tests.behaviors.waiting import eventually
from tests.peers import Peer, RawBackend
from tests.servers import HOST, Server, command_path
from tests.tls.legs import IS_SECURE, LEGS, make_proxy as make_any_proxy, warnings
from vaurien import Proxy
from vaurien.protocols.mysql.upgrade import Renumbering

#: Capabilities: the protocol of version 4.1, TLS, plugins for logins.
CLIENT_PROTOCOL_41, CLIENT_SSL, PLUGIN_AUTH = 1 << 9, 1 << 11, 1 << 19
USUAL = 1 | CLIENT_PROTOCOL_41 | 1 << 15 | PLUGIN_AUTH
SALT = b'12345678'


def make_proxy(server: Server, files: Path, legs: str, **settings: Any) -> Proxy:
    return make_any_proxy(server.port, 'mysql', files, legs, **settings)


def connect(proxy: Proxy, files: Path, secure: bool, **options: Any) -> pymysql.Connection[Any]:
    """Connect, if *secure* with all the verification that there is."""
    wants = {'ssl_ca': str(files / 'proxy.pem'), 'ssl_verify_cert': True, 'ssl_verify_identity': True} if secure else {}
    usual = {'user': 'tester', 'password': 'secret', 'database': 'test'}
    return pymysql.connect(host=HOST, port=proxy.address.port, **{**usual, **wants, **options})


def connect_with_connector(proxy: Proxy, files: Path, secure: bool) -> Any:
    wants = {'ssl_ca': str(files / 'proxy.pem'), 'ssl_verify_cert': True, 'ssl_verify_identity': True}
    return mysql.connector.connect(
        host=HOST,
        port=proxy.address.port,
        user='tester',
        password='secret',  # of the tests
        database='test',
        use_pure=True,
        **(wants if secure else {}),
    )


def ask(connection: Any, question: str) -> Any:
    cursor = connection.cursor()
    cursor.execute(question)
    return cursor.fetchall()


def backend_uses_tls(connection: Any) -> bool:
    return bool(ask(connection, "SHOW STATUS LIKE 'Ssl_cipher'")[0][1])


@pytest.mark.parametrize('legs', LEGS)
def test_each_leg_by_itself(secure_mariadb: Server, files: Path, legs: str) -> None:
    with make_proxy(secure_mariadb, files, legs) as proxy, connect(proxy, files, IS_SECURE[legs][0]) as connection:
        assert isinstance(connection._sock, ssl.SSLSocket) == IS_SECURE[legs][0]  # type: ignore[attr-defined]
        assert backend_uses_tls(connection) == IS_SECURE[legs][1]
        assert ask(connection, 'SELECT 1') == ((1,),)


@pytest.mark.parametrize('legs', LEGS)
def test_the_connector_of_oracle(secure_mariadb: Server, files: Path, legs: str) -> None:
    """It takes TLS wherever that is offered."""
    with make_proxy(secure_mariadb, files, legs) as proxy:
        connection = connect_with_connector(proxy, files, IS_SECURE[legs][0])
        assert backend_uses_tls(connection) == IS_SECURE[legs][1]
        connection.close()


@pytest.mark.parametrize('legs', LEGS)
def test_the_command_of_mariadb(secure_mariadb: Server, files: Path, legs: str) -> None:
    wants = [f'--ssl-ca={files / "proxy.pem"}', '--ssl-verify-server-cert'] if IS_SECURE[legs][0] else ['--skip-ssl']
    with make_proxy(secure_mariadb, files, legs) as proxy:
        command = [command_path('mariadb'), '--no-defaults', '-h', HOST, '-P', str(proxy.address.port), '-u', 'tester']
        command += ['-psecret', *wants, '-N', '-e', "SHOW STATUS LIKE 'Ssl_cipher'"]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        assert (len(said.split()) == 2) == IS_SECURE[legs][1]


@pytest.mark.parametrize('legs', ['both', 'client only'])
def test_a_client_that_does_not_ask_goes_on_plainly(secure_mariadb: Server, files: Path, legs: str) -> None:
    with make_proxy(secure_mariadb, files, legs) as proxy, connect(proxy, files, secure=False) as connection:
        assert backend_uses_tls(connection) == IS_SECURE[legs][1]


@pytest.mark.parametrize('legs', LEGS)
def test_a_fault_inside(secure_mariadb: Server, files: Path, legs: str) -> None:
    with make_proxy(secure_mariadb, files, legs) as proxy, connect(proxy, files, IS_SECURE[legs][0]) as connection:
        proxy.set_behavior('error', match='SELECT 1', errno=1213)
        with pytest.raises(pymysql.OperationalError, match='1213'):
            ask(connection, 'SELECT 1')
        assert ask(connection, 'SELECT 2') == ((2,),)


@pytest.mark.parametrize('legs', LEGS)
def test_a_login_that_is_refused(secure_mariadb: Server, files: Path, legs: str) -> None:
    """By the backend, and by a fault: clients look at the number of the packet."""
    with make_proxy(secure_mariadb, files, legs) as proxy:
        with pytest.raises(pymysql.OperationalError, match='1045'):
            connect(proxy, files, IS_SECURE[legs][0], password='wrong')  # of the tests
        proxy.set_behavior('error', match='login *', errno=1040)
        with pytest.raises(pymysql.OperationalError, match=r'1040.*injected'):
            connect(proxy, files, IS_SECURE[legs][0])
        assert [fault.request for fault in proxy.faults()] == ['login tester@test']


@pytest.mark.parametrize('legs', LEGS)
def test_a_login_of_several_steps(secure_mariadb: Server, files: Path, legs: str) -> None:
    """The server asks for another way to prove who one is than the client begins with."""
    with make_proxy(secure_mariadb, files, legs) as proxy, connect(proxy, files, IS_SECURE[legs][0]) as connection:
        name = f'other_{legs.replace(" ", "_")}'
        ask(
            connection,
            f"CREATE OR REPLACE USER {name} IDENTIFIED VIA mysql_old_password USING '' OR "
            f"mysql_native_password USING PASSWORD('secret')",
        )
        with connect(proxy, files, IS_SECURE[legs][0], user=name, database=None) as other:
            assert ask(other, 'SELECT 1') == ((1,),)


def test_much_data_each_way(secure_mariadb: Server, files: Path) -> None:
    data = os.urandom(24 << 20)
    with (
        make_proxy(secure_mariadb, files, 'both') as proxy,
        connect(proxy, files, secure=True, max_allowed_packet=1 << 30) as connection,
    ):
        cursor = connection.cursor()
        cursor.execute('CREATE TEMPORARY TABLE large (data LONGBLOB)')
        cursor.execute('INSERT INTO large VALUES (_binary %s)', (data,))
        cursor.execute('SELECT data, SHA2(data, 256) FROM large')
        ((back, digest),) = cursor.fetchall()
    assert digest == hashlib.sha256(back).hexdigest() == hashlib.sha256(data).hexdigest()


# Faults of the request


def test_a_request_that_is_refused(secure_mariadb: Server, files: Path) -> None:
    with make_proxy(secure_mariadb, files, 'both') as proxy:
        proxy.set_behavior('error', match='SSLRequest', errno=1042)
        with pytest.raises(pymysql.OperationalError):
            connect(proxy, files, secure=True)
        assert [fault.request for fault in proxy.faults()] == ['SSLRequest']


def test_a_request_that_is_late(secure_mariadb: Server, files: Path) -> None:
    with make_proxy(secure_mariadb, files, 'both') as proxy:
        proxy.set_behavior('delay', match='SSLRequest', sleep=0.05)
        with connect(proxy, files, secure=True) as connection:
            assert backend_uses_tls(connection)
        assert [fault.request for fault in proxy.faults()] == ['SSLRequest']


# Handshakes that fail


def test_a_client_that_does_not_accept_the_certificate(
    secure_mariadb: Server, files: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with make_proxy(secure_mariadb, files, 'both') as proxy:
        with pytest.raises(pymysql.OperationalError, match='CERTIFICATE_VERIFY_FAILED'):
            connect(proxy, files, secure=True, ssl_ca=str(files / 'backend.pem'))
        eventually(lambda: warnings(caplog) == ['link 1: no TLS with the client: the peer says: unknown ca'])
        eventually(lambda: proxy.links() == [])


@pytest.mark.parametrize('legs', ['both', 'backend only'])
def test_a_backend_that_is_not_accepted(
    secure_mariadb: Server, files: Path, caplog: pytest.LogCaptureFixture, legs: str
) -> None:
    with (
        Proxy(f'localhost:{secure_mariadb.port}', 'mysql', **LEGS[legs]) as proxy,
        pytest.raises(pymysql.OperationalError),
    ):
        connect(proxy, files, IS_SECURE[legs][0])
    assert warnings(caplog) == [
        'link 1: no TLS with the backend: the certificate is not accepted: unable to get local issuer certificate '
        '(--backend-tls-ca FILE says whom to trust, --backend-tls-verify no accepts any)'
    ]


# What no server here does


@given(st.lists(st.tuples(st.integers(0, 255), st.integers(0, 300))), st.data())
def test_packets_are_renumbered_wherever_they_are_cut(packets: list[tuple[int, int]], data: st.DataObject) -> None:
    before = b''.join(packet(number, bytes(length)) for number, length in packets)
    after = b''.join(packet(number and (number + 1) % 256, bytes(length)) for number, length in packets)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(before)), max_size=10)))
    renumbering = Renumbering(1)
    pieces = [renumbering.feed(before[i:j]) for i, j in zip([0, *cuts], [*cuts, len(before)], strict=True)]
    assert b''.join(pieces) == after


def packet(number: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, 'little') + bytes([number]) + payload


def make_greeting(flags: int) -> bytes:
    low, high = flags.to_bytes(4, 'little')[:2], flags.to_bytes(4, 'little')[2:]
    return packet(
        0,
        b'\x0a8.0.0\0\1\0\0\0' + SALT + b'\0' + low + b'\x2d\2\0' + high + b'\x15' + bytes(10) + SALT + b'1234\0'
        b'caching_sha2_password\0',
    )


@pytest.mark.parametrize('legs', ['client only', 'refused'])
@pytest.mark.parametrize('offered', [CLIENT_SSL, 0])
def test_the_greeting_in_pieces(raw_backend: RawBackend, files: Path, legs: str, offered: int) -> None:
    with (
        make_any_proxy(raw_backend.port, 'mysql', files, legs) as proxy,
        Peer.connect(proxy.address.port) as peer,
        raw_backend.accept() as backend,
    ):
        greeting = make_greeting(USUAL | offered)
        for byte in greeting:
            backend.send(bytes([byte]))
        seen = peer.recv_exactly(len(greeting))
        assert seen == make_greeting(USUAL | (CLIENT_SSL if IS_SECURE[legs][0] else 0))


def test_an_error_in_place_of_the_greeting(raw_backend: RawBackend, files: Path) -> None:
    with (
        make_any_proxy(raw_backend.port, 'mysql', files, 'both') as proxy,
        Peer.connect(proxy.address.port) as peer,
    ):
        backend = raw_backend.accept()
        error = packet(0, b'\xff\x10\x04Too many connections')
        backend.send(error)
        backend.close()
        assert peer.recv_all() == error


def test_half_a_greeting(raw_backend: RawBackend, files: Path) -> None:
    """It has passed when the backend leaves, and when framing ends because the client does not speak MySQL."""
    half = make_greeting(USUAL)[:20]
    with make_any_proxy(raw_backend.port, 'mysql', files, 'client only') as proxy:
        with Peer.connect(proxy.address.port) as peer:
            backend = raw_backend.accept()
            backend.send(half)
            backend.close()
            assert peer.recv_all() == half
        with Peer.connect(proxy.address.port) as peer, raw_backend.accept() as backend:
            backend.send(half)
            peer.send(b'GET / HTTP/1.1\r\n\r\n')
            assert backend.recv_exactly(18) == b'GET / HTTP/1.1\r\n\r\n'
            assert peer.recv_exactly(len(half)) == half
            backend.send(b'more')
            assert peer.recv_exactly(4) == b'more'


@pytest.mark.parametrize('legs', ['both', 'backend only'])
def test_a_backend_without_tls(
    raw_backend: RawBackend, files: Path, caplog: pytest.LogCaptureFixture, legs: str
) -> None:
    with make_any_proxy(raw_backend.port, 'mysql', files, legs) as proxy, Peer.connect(proxy.address.port) as peer:
        backend = raw_backend.accept()
        greeting = make_greeting(USUAL)
        backend.send(greeting)
        peer.recv_exactly(len(greeting))
        peer.send(packet(1, USUAL.to_bytes(4, 'little') + bytes(28) + b'joe\0\0\0'))
        assert peer.recv_all() == b''
    assert warnings(caplog) == ['link 1: no TLS with the backend: it does not speak TLS']


def test_a_password_that_only_one_leg_has_as_it_is(
    raw_backend: RawBackend, files: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """MySQL's ``caching_sha2_password``, when the server does not know the password yet."""

    def refuse(peer: Peer) -> None:
        peer.send(make_greeting(USUAL))
        length = int.from_bytes(peer.recv_exactly(4)[:3], 'little')
        peer.recv_exactly(length)
        peer.send(packet(2, b'\1\4'))
        assert peer.recv_exactly(4)[3] == 3
        assert peer.recv_exactly(7) == b'secret\0'
        peer.send(packet(4, b'\xff\x15\x04#28000no'))

    raw_backend.serve(refuse)
    with (
        make_any_proxy(raw_backend.port, 'mysql', files, 'client only') as proxy,
        pytest.raises(pymysql.OperationalError, match='1045'),
    ):
        connect(proxy, files, secure=True)
    assert warnings(caplog) == [
        'link 1: this login fails, for the password goes over TLS as it is, and is encrypted where there is none '
        '(caching_sha2_password): speak TLS with both client and backend, or with neither'
    ]
