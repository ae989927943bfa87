"""Errors behind some rows: a server that really fails in the middle of a result, and the same made up."""

from __future__ import annotations

import asyncio
from contextlib import closing
from typing import Any

import asyncpg
import psycopg
import pymysql
import pytest
from psycopg.pq import DiagnosticField, ExecStatus
from pymysql.cursors import SSCursor

from tests.behaviors.test_postgres import next_result
from tests.servers import HOST, TIMEOUT, Server
from tests.truth.conftest import Show
from vaurien import Proxy

ACCOUNT: dict[str, Any] = {'host': HOST, 'user': 'tester', 'password': 'secret'}
Told = list[object]

#: What comes before and behind the statement.
AROUND = {
    'a transaction': (
        ('BEGIN', 'INSERT INTO broken VALUES (2)'),
        ('SELECT 1', 'COMMIT', 'INSERT INTO broken VALUES (3)'),
    ),
    'no transaction': ((), ('SELECT 1', 'INSERT INTO broken VALUES (3)')),
}

#: For each statement: the one that fails, the one that would not.
POSTGRES = {
    'a SELECT': (
        'SELECT 12 / (4 - i) FROM generate_series(1, 9) AS i',
        'SELECT 12 / NULLIF(4 - i, 0) FROM generate_series(1, 9) AS i',
    ),
    'an INSERT … RETURNING': (
        'INSERT INTO broken SELECT generate_series(10, 19) RETURNING 12 / (13 - number)',
        'INSERT INTO broken SELECT generate_series(10, 19) RETURNING 12 / NULLIF(13 - number, 0)',
    ),
    'a text of two': (
        'DELETE FROM broken; SELECT 12 / (4 - i) FROM generate_series(1, 9) AS i',
        'DELETE FROM broken; SELECT 12 / NULLIF(4 - i, 0) FROM generate_series(1, 9) AS i',
    ),
}


def ask_postgres(connection: psycopg.Connection[Any], statement: str, *, is_simple: bool) -> Told:
    """Return what comes of a statement, row by row."""
    pgconn = connection.pgconn
    if is_simple:
        pgconn.send_query(statement.encode())
    else:
        pgconn.send_query_params(statement.encode(), [])
    pgconn.set_single_row_mode()
    told: Told = []
    while (result := next_result(connection)) is not None:
        if result.status == ExecStatus.SINGLE_TUPLE:
            told.append(result.get_value(0, 0))
        else:
            told.append((ExecStatus(result.status).name, result.error_field(DiagnosticField.SQLSTATE)))
    return [*told, connection.info.transaction_status.name]


def drive_psycopg(
    port: int, before: tuple[str, ...], statement: str, after: tuple[str, ...], *, is_simple: bool
) -> Told:
    """Execute all statements."""
    with closing(
        psycopg.connect(port=port, sslmode='disable', dbname='postgres', autocommit=True, **ACCOUNT)
    ) as client:
        told = [ask_postgres(client, one, is_simple=True) for one in before]
        told.append(ask_postgres(client, statement, is_simple=is_simple))
        return [told, [ask_postgres(client, one, is_simple=is_simple) for one in after]]


def drive_asyncpg(port: int, before: tuple[str, ...], statement: str, after: tuple[str, ...]) -> Told:
    """Do the same with the other driver, which tells no row of a result that has failed."""

    async def drive() -> Told:
        told: Told = []
        client = await asyncpg.connect(port=port, ssl=False, database='postgres', timeout=TIMEOUT, **ACCOUNT)
        for one in (*before, statement, *after):
            try:
                told.append([tuple(row) for row in await client.fetch(one)])
            except asyncpg.PostgresError as error:
                told.append((type(error).__name__, error.sqlstate))
            told.append(client.is_in_transaction())
        await client.close()
        return told

    return asyncio.run(drive())


#: With an INSERT, the server has all rows before it sends the first: no driver but asyncpg can say the same of it.
DRIVERS = {
    'a SELECT': ['psycopg', 'psycopg, simple query', 'asyncpg'],
    'an INSERT … RETURNING': ['asyncpg'],
    'a text of two': ['psycopg, simple query'],
}


@pytest.mark.parametrize('around', AROUND)
@pytest.mark.parametrize(('what', 'driver'), [(what, driver) for what in DRIVERS for driver in DRIVERS[what]])
def test_postgres(postgres: Server, show: Show, what: str, around: str, driver: str) -> None:
    package, _, how = driver.partition(', ')
    fault = "error(match='*NULLIF*', after='3 rows', sqlstate=22012)"
    situation = f'{what} that fails behind three rows, in {around}' + (f', {how}' if how else '')
    show(protocol='postgres', driver=package, situation=situation, fault=fault, real='a division by zero')
    before, after = AROUND[around]
    failing, healthy = POSTGRES[what]

    def run(port: int, statement: str) -> Told:
        with psycopg.connect(port=postgres.port, dbname='postgres', autocommit=True, **ACCOUNT) as admin:
            admin.execute('DROP TABLE IF EXISTS broken')
            admin.execute('CREATE TABLE broken AS SELECT 1 AS number')
            if package == 'asyncpg':
                told = drive_asyncpg(port, before, statement, after)
            else:
                told = drive_psycopg(port, before, statement, after, is_simple=bool(how))
            return [told, admin.execute('SELECT number FROM broken ORDER BY number').fetchall()]

    real = run(postgres.port, failing)
    assert '22012' in str(real)
    with Proxy(postgres.address, 'postgres') as proxy:
        proxy.set_behavior('error', match='*NULLIF*', after='3 rows', sqlstate='22012')
        assert run(proxy.address.port, healthy) == real
        assert proxy.status()['faults'] == {'error': 1}
        # Where there are not so many rows, all is as without the proxy.
        proxy.set_behavior('error', match='*NULLIF*', after='30 rows', sqlstate='22012')
        assert run(proxy.address.port, healthy) == run(postgres.port, healthy)


#: The same for MariaDB, with the number of the error and what it is.
MYSQL = {
    'a SELECT': (
        'SELECT (SELECT 7 FROM seq_1_to_2 AS two WHERE two.seq = 1 OR i.seq = 4) FROM seq_1_to_9 AS i',
        'SELECT (SELECT 7 FROM seq_1_to_2 AS two WHERE two.seq = 1 OR i.seq = 40) FROM seq_1_to_9 AS i',
        *(1242, 'a subquery with two rows'),
    ),
    'an INSERT … RETURNING': (
        'INSERT INTO broken VALUES (10), (11), (12), (10) RETURNING number',
        'INSERT INTO broken VALUES (10), (11), (12), (13) RETURNING number',
        *(1062, 'a duplicate'),
    ),
}


def ask_mysql(client: Any, statement: str) -> Told:
    """Return what comes of a statement, row by row, and whether a transaction is open."""
    told: Told = []
    cursor = client.cursor(SSCursor)
    try:
        cursor.execute(statement)
        told.extend(iter(cursor.fetchone, None))
    except pymysql.Error as error:
        told.append((type(error).__name__, error.args[0]))
    cursor.close()
    return [*told, client.server_status & 1]


@pytest.mark.parametrize('around', AROUND)
@pytest.mark.parametrize('what', MYSQL)
def test_mysql(mariadb: Server, show: Show, what: str, around: str) -> None:
    failing, healthy, errno, cause = MYSQL[what]
    fault = f"error(match='{healthy[:6]}*', after='3 rows', errno={errno})"
    situation = f'{what} that fails behind three rows, in {around}'
    show(protocol='mysql', driver='pymysql', situation=situation, fault=fault, real=cause)
    before, after = AROUND[around]

    def run(port: int, statement: str) -> Told:
        with (
            closing(pymysql.connect(port=mariadb.port, database='test', autocommit=True, **ACCOUNT)) as admin,
            closing(pymysql.connect(port=port, database='test', autocommit=True, **ACCOUNT)) as client,
        ):
            ask_mysql(admin, 'DROP TABLE IF EXISTS broken')
            ask_mysql(admin, 'CREATE TABLE broken (number int PRIMARY KEY) ENGINE = InnoDB')
            told: Told = [ask_mysql(client, one) for one in (*before, statement, *after)]
            return [told, ask_mysql(admin, 'SELECT number FROM broken ORDER BY number')]

    real = run(mariadb.port, failing)
    assert str(errno) in str(real)
    with Proxy(mariadb.address, 'mysql') as proxy:
        proxy.set_behavior('error', match=healthy, after='3 rows', errno=errno)
        assert run(proxy.address.port, healthy) == real
        assert proxy.status()['faults'] == {'error': 1}
        proxy.set_behavior('error', match=healthy, after='30 rows', errno=errno)
        assert run(proxy.address.port, healthy) == run(mariadb.port, healthy)
