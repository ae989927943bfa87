"""What a fault leaves behind in a transaction is the same inside TLS as outside of it, on each leg."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest

from tests import servers
from tests.servers import HOST, Server
from tests.tls.legs import IS_SECURE, LEAF, LEGS, make_proxy
from vaurien import Proxy

#: A transaction in which the fault is for the third, fourth or last statement; and what comes then.
STATEMENTS = ['BEGIN', 'INSERT INTO {table} VALUES (1)', 'UPDATE {table} SET a = 2', 'SELECT a FROM {table}', 'COMMIT']
NEXT = ['SELECT a FROM {table}', 'INSERT INTO {table} VALUES (3)', 'COMMIT', 'ROLLBACK', 'SELECT a FROM {table}']

Connect = Callable[[Proxy, bool], Any]


@contextmanager
def postgres(files: Path, directory: Path) -> Iterator[tuple[Server, Connect]]:
    def connect(proxy: Proxy, is_secure: bool) -> Any:
        tls: dict[str, Any] = {
            'sslmode': 'verify-full' if is_secure else 'disable',
            'sslrootcert': str(files / 'proxy.pem'),
        }
        connection: Any = psycopg.connect(
            f'postgres://tester:secret@localhost:{proxy.address.port}/postgres', channel_binding='disable', **tls
        )
        connection.autocommit = True
        return connection

    with servers.postgres(LEAF.private_key_and_cert_chain_pem.bytes()) as server:
        yield server, connect


@contextmanager
def mysql(files: Path, directory: Path) -> Iterator[tuple[Server, Connect]]:
    def connect(proxy: Proxy, is_secure: bool) -> Any:
        tls: Any = (
            {'ssl_ca': str(files / 'proxy.pem'), 'ssl_verify_identity': True} if is_secure else {'ssl_disabled': True}
        )
        login: Any = {'user': 'tester', 'password': 'secret', 'database': 'test', 'autocommit': True, **tls}
        return pymysql.connect(host=HOST, port=proxy.address.port, **login)

    with servers.mariadb(directory, f'--ssl-cert={files}/own.pem', f'--ssl-key={files}/own.pem') as server:
        yield server, connect


def run(cursor: Any, statement: str) -> str:
    """Execute a *statement*; return what is seen of it."""
    try:
        cursor.execute(statement)
        return str(list(cursor.fetchall())) if cursor.description else 'done'
    except (psycopg.Error, pymysql.Error) as error:
        return f'{type(error).__name__} {error}'


def see(proxy: Proxy, connection: Any, table: str, failing: str) -> list[str]:
    """Return what a client sees of the transaction if one statement of it fails, and of what comes then."""
    cursor = connection.cursor()
    cursor.execute(f'DROP TABLE IF EXISTS {table}')
    cursor.execute(f'CREATE TABLE {table} (a int)')
    with proxy.with_behavior('error', match=failing.format(table=table), times=1):
        seen = [run(cursor, statement.format(table=table)) for statement in [*STATEMENTS, *NEXT]]
    assert 'injected by vaurien' in seen[STATEMENTS.index(failing)]
    return [line.replace(table, 'TABLE') for line in seen]


@pytest.mark.parametrize('protocol', ['postgres', 'mysql'])
def test_the_same_inside_as_outside(protocol: str, files: Path, tmp_path: Path) -> None:
    play = {'postgres': postgres, 'mysql': mysql}[protocol]
    options: dict[str, Any] = {'errno': 1213} if protocol == 'mysql' else {'sqlstate': '40001'}
    with play(files, tmp_path) as (server, connect):
        with Proxy(server.address, protocol, options={'error': options}) as proxy, connect(proxy, False) as connection:
            plain = [see(proxy, connection, 'outside', failing) for failing in STATEMENTS[1:]]
        for legs in LEGS:
            with (
                make_proxy(server.port, protocol, files, legs, options={'error': options}) as proxy,
                connect(proxy, IS_SECURE[legs][0]) as connection,
            ):
                assert [see(proxy, connection, 'inside', failing) for failing in STATEMENTS[1:]] == plain
