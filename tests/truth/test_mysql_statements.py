"""MySQL: several statements in one text, of which one fails, of a MariaDB and made up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import mysql.connector
import pymysql
import pytest
from pymysql.constants import CLIENT

from tests.servers import HOST, TIMEOUT, Server
from tests.truth.conftest import Show
from vaurien import Proxy

ACCOUNT: dict[str, Any] = {'host': HOST, 'user': 'tester', 'password': 'secret', 'database': 'test'}
DUPLICATE = 1062
SITUATIONS = {
    'the second of three fails, outside a transaction': (True, "SELECT ';'; {}; INSERT INTO several VALUES (3)"),
    'the second of three fails, in a transaction': (False, 'INSERT INTO several VALUES (4); {}; COMMIT'),
    'the last one fails behind a COMMIT': (False, 'INSERT INTO several VALUES (4); COMMIT; SELECT 1 FROM several; {};'),
    'the first of two fails': (True, '{}; INSERT INTO several VALUES (3)'),
}
AFTER = ['SELECT 1', 'INSERT INTO several VALUES (5)', 'SELECT * FROM several ORDER BY id', 'COMMIT', 'SELECT 2']


def with_pymysql(port: int, autocommit: bool, text: str) -> list[object]:
    """Return what the client sees of a *text*, and of the statements after it."""
    flag = CLIENT.MULTI_STATEMENTS
    told: list[object] = []
    client: Any = pymysql.connect(port=port, autocommit=autocommit, client_flag=flag, read_timeout=TIMEOUT, **ACCOUNT)
    with client, client.cursor() as cursor:
        for statement in [text, *AFTER]:
            try:
                cursor.execute(statement)
                told.append(cursor.fetchall() or cursor.rowcount)
                while cursor.nextset():
                    told.append(cursor.fetchall() or cursor.rowcount)
            except pymysql.MySQLError as error:
                told.append((type(error).__name__, error.args[0]))
            told.append(client.server_status)
    return told


def with_connector(port: int, autocommit: bool, text: str) -> list[object]:
    """Do the same with the other driver, in Python alone."""
    told: list[object] = []
    client = mysql.connector.connect(
        port=port, autocommit=autocommit, use_pure=True, ssl_disabled=True, connection_timeout=int(TIMEOUT), **ACCOUNT
    )
    for statement in [text, *AFTER]:
        try:
            for result in client.cmd_query_iter(statement):
                told.append(client.get_rows()[0] if 'columns' in result else result['affected_rows'])
        except mysql.connector.Error as error:
            told.append((type(error).__name__, error.errno, error.sqlstate))
        told.append(client.in_transaction)
    client.close()
    return told


@pytest.fixture
def direct(mariadb: Server) -> Iterator[Any]:
    """Return a cursor of the server, which has a table with one row."""
    with pymysql.connect(port=mariadb.port, autocommit=True, **ACCOUNT) as client, client.cursor() as cursor:
        cursor.execute('DROP TABLE IF EXISTS several')
        cursor.execute('CREATE TABLE several (id int PRIMARY KEY) ENGINE=InnoDB')
        cursor.execute('INSERT INTO several VALUES (1)')
        yield cursor


def rows(direct: Any) -> list[int]:
    """Return what is in the table, but for the row that was there before, and remove it."""
    direct.execute('SELECT id FROM several WHERE id > 1 ORDER BY id')
    found = [row[0] for row in direct.fetchall()]
    direct.execute('DELETE FROM several WHERE id > 1')
    return found


@pytest.mark.parametrize('drive', [with_pymysql, with_connector])
@pytest.mark.parametrize('situation', SITUATIONS)
def test_one_of_several_fails(mariadb: Server, direct: Any, show: Show, situation: str, drive: Any) -> None:
    show(
        protocol='mysql',
        driver='pymysql' if drive is with_pymysql else 'mysql-connector-python',
        situation=f'several statements in one text: {situation}',
        fault="error(match='INSERT*(2)', errno=1062)",
        real='a duplicate key',
    )
    autocommit, text = SITUATIONS[situation]
    real = drive(mariadb.port, autocommit, text.format('INSERT INTO several VALUES (1)')), rows(direct)
    with Proxy(mariadb.address, 'mysql') as proxy:
        proxy.set_behavior('error', match='INSERT*(2)', errno=DUPLICATE, sqlstate='23000')
        made_up = drive(proxy.address.port, autocommit, text.format('INSERT INTO several VALUES (2)')), rows(direct)
        assert made_up == real
        assert proxy.status()['faults'] == {'error': 1}


def test_a_deadlock_in_the_middle(mariadb: Server, direct: Any) -> None:
    """It rolls back what the statements before it have done."""
    text = 'INSERT INTO several VALUES (2); INSERT INTO several VALUES (3); INSERT INTO several VALUES (4)'
    with Proxy(mariadb.address, 'mysql') as proxy:
        proxy.set_behavior('error', match='INSERT*', nth=2, errno=1213)
        told = with_pymysql(proxy.address.port, False, text)
    assert told[:2] == [1, ('OperationalError', 1213)]
    assert rows(direct) == [5]


def test_only_if_the_client_sends_several(mariadb: Server) -> None:
    with Proxy(mariadb.address, 'mysql') as proxy, pymysql.connect(port=proxy.address.port, **ACCOUNT) as client:
        proxy.set_behavior('error', match='SELECT 2')
        with pytest.raises(pymysql.err.ProgrammingError), client.cursor() as cursor:
            cursor.execute('SELECT 1; SELECT 2')
