"""MySQL: what an error leaves behind, of a MariaDB and made up, with the driver ``pymysql``."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pymysql
import pytest
from pymysql.constants import COMMAND

from tests.behaviors.waiting import eventually
from tests.servers import HOST, TIMEOUT, Server
from vaurien import Proxy

DUPLICATE, DEADLOCK, LOCK_WAIT, IS_READ_ONLY, TOO_LARGE = 1062, 1213, 1205, 1792, 1153
FAIL = 'the statement that fails'

Outcome = list[Any]


@contextmanager
def client(port: int, **given: Any) -> Iterator[Any]:
    """Return a connection in which nothing is committed by itself."""
    usual = {'user': 'tester', 'password': 'secret', 'database': 'test', 'read_timeout': TIMEOUT}
    connection = pymysql.connect(host=HOST, port=port, **{**usual, **given})
    try:
        yield connection
    finally:
        if connection.open:
            connection.close()


def outcome(connection: Any, statement: str) -> object:
    """Return the rows that *statement* gives, or the error number."""
    with connection.cursor() as cursor:
        try:
            cursor.execute(statement)
            return list(cursor.fetchall())
        except pymysql.MySQLError as error:
            return error.args[0]


def fate(port: int, program: Sequence[str], **given: Any) -> Outcome:
    """Return the outcomes of a *program*."""
    with client(port, **given) as connection:
        return [outcome(connection, statement) for statement in program]


@pytest.fixture
def rows(mariadb: Server) -> Iterator[Callable[[], list[int]]]:
    """Return what is in the table ``truth``, and put 1, 2 and 3 there."""
    with client(mariadb.port, autocommit=True) as direct, direct.cursor() as cursor:
        cursor.execute('DROP TABLE IF EXISTS truth')
        cursor.execute('CREATE TABLE truth (number int PRIMARY KEY, changed int) ENGINE=InnoDB')

        def read() -> list[int]:
            cursor.execute('SELECT number, changed FROM truth ORDER BY number')
            found = list(cursor.fetchall())
            cursor.execute('DELETE FROM truth')
            cursor.execute('INSERT INTO truth VALUES (1, 0), (2, 0), (3, 0)')
            return found

        read()
        yield read


REFUSED, HEALTHY = 'INSERT INTO truth VALUES (3, 9)', 'INSERT INTO truth VALUES (5, 9)'
BEFORE = 'INSERT INTO truth VALUES (4, 4)'
AFTER = 'INSERT INTO truth VALUES (6, 6)'
PROGRAMS = {
    'commit all the same': ['BEGIN', BEFORE, FAIL, 'SELECT @@in_transaction', AFTER, 'COMMIT', 'SELECT 1'],
    'roll back': ['BEGIN', BEFORE, FAIL, 'ROLLBACK', 'SELECT @@in_transaction', AFTER, 'COMMIT'],
    'without BEGIN': [BEFORE, FAIL, 'SELECT @@in_transaction', 'COMMIT', AFTER, 'COMMIT'],
    'by itself': ['SET autocommit = 1', BEFORE, FAIL, 'SELECT @@in_transaction', AFTER],
    'a savepoint': ['BEGIN', 'SAVEPOINT here', BEFORE, FAIL, 'ROLLBACK TO here', AFTER, 'COMMIT'],
}


@pytest.mark.parametrize('name', PROGRAMS)
def test_only_the_statement_fails(mariadb: Server, rows: Any, name: str) -> None:
    real_program, program = (
        [part.replace(FAIL, statement) for part in PROGRAMS[name]] for statement in (REFUSED, HEALTHY)
    )
    real = fate(mariadb.port, real_program), rows()
    with Proxy(mariadb.address, 'mysql') as proxy:
        proxy.set_behavior('error', match=HEALTHY, errno=DUPLICATE)
        assert (fate(proxy.address.port, program), rows()) == real


@contextmanager
def deadlocking(mariadb: Server) -> Iterator[None]:
    """Have another transaction wait for row 1 that has changed row 2, and much more, so that it is not the victim."""
    with client(mariadb.port) as other, client(mariadb.port) as watcher:
        cursor = other.cursor()
        cursor.execute('UPDATE truth SET changed = 8 WHERE number = 2')
        cursor.execute('INSERT INTO truth SELECT seq + 10, 1 FROM seq_1_to_200')
        waiting = threading.Thread(target=cursor.execute, args=('UPDATE truth SET changed = 8 WHERE number = 1',))
        waiting.start()
        waits = "SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'"
        eventually(lambda: outcome(watcher, waits) == [('Innodb_row_lock_current_waits', '1')])
        yield
        waiting.join(TIMEOUT)
        other.rollback()


FIRST, SECOND = (f'UPDATE truth SET changed = 7 WHERE number = {number}' for number in (1, 2))
AFTER_DEADLOCK = {
    'commit all the same': ['SELECT @@in_transaction', 'COMMIT', 'SELECT changed FROM truth WHERE number < 10'],
    'a savepoint': ['ROLLBACK TO here', 'SELECT @@in_transaction', 'COMMIT'],
}


@pytest.mark.parametrize('name', AFTER_DEADLOCK)
def test_a_deadlock(mariadb: Server, rows: Any, name: str) -> None:
    """It rolls the whole transaction back, savepoints included."""

    def program(port: int, second: Callable[[Any], object]) -> Outcome:
        with client(port) as connection:
            told = [outcome(connection, statement) for statement in ('BEGIN', FIRST, 'SAVEPOINT here')]
            told.append(second(connection))
            return told + [outcome(connection, statement) for statement in AFTER_DEADLOCK[name]]

    def really(connection: Any) -> object:
        with deadlocking(mariadb):
            return outcome(connection, SECOND)

    real = program(mariadb.port, really), rows()
    assert real[0][3] == DEADLOCK
    with Proxy(mariadb.address, 'mysql') as proxy:
        proxy.set_behavior('error', match=SECOND, errno=DEADLOCK)
        assert (program(proxy.address.port, lambda connection: outcome(connection, SECOND)), rows()) == real


def test_a_lock_wait_timeout(mariadb: Server, rows: Any) -> None:
    """It fails the statement alone, unless the server is configured otherwise."""
    program = ['SET innodb_lock_wait_timeout = 0', 'BEGIN', BEFORE, SECOND, 'SELECT @@in_transaction', 'COMMIT']
    with client(mariadb.port) as other:
        outcome(other, 'UPDATE truth SET changed = 8 WHERE number = 2')
        real = fate(mariadb.port, program)
        other.rollback()
    real_rows = rows()
    assert real[3] == LOCK_WAIT
    with Proxy(mariadb.address, 'mysql') as proxy:
        proxy.set_behavior('error', match=SECOND, errno=LOCK_WAIT)
        assert (fate(proxy.address.port, program), rows()) == (real, real_rows)


@pytest.mark.parametrize('errno', [DEADLOCK, IS_READ_ONLY])
@pytest.mark.parametrize('commit', ['COMMIT', '-- of an application\n commit work', 'COMMIT AND CHAIN'])
def test_a_commit_fails(mariadb: Server, rows: Any, commit: str, errno: int) -> None:
    """By the manual: MariaDB cannot be made to fail so without a cluster. What was to be committed is rolled back."""
    with Proxy(mariadb.address, 'mysql') as proxy:
        proxy.set_behavior('error', match='/(?i)^(-- of an application )?commit/', errno=errno, times=1)
        program = ['BEGIN', BEFORE, commit, 'SELECT @@in_transaction', 'COMMIT', 'BEGIN', AFTER, 'COMMIT']
        assert fate(proxy.address.port, program) == [[], [], errno, [(0,)], [], [], [], []]
    assert rows() == [(1, 0), (2, 0), (3, 0), (6, 6)]


def execute_latest(connection: Any, failing: bytes) -> list[int]:
    """Prepare a statement; then, in one flight, *failing*, and execute what was prepared last.

    Return the error numbers of the last two replies.
    """
    connection._execute_command(COMMAND.COM_STMT_PREPARE, 'DELETE FROM truth')
    assert connection._read_packet().is_ok_packet()
    prepare = bytes([COMMAND.COM_STMT_PREPARE]) + failing
    execute = bytes([COMMAND.COM_STMT_EXECUTE]) + b'\xff' * 4 + b'\0' + b'\1\0\0\0'
    connection._write_bytes(b''.join(len(command).to_bytes(4, 'little') + command for command in (prepare, execute)))
    numbers = []
    for _ in range(2):
        connection._next_seq_id = 1
        with pytest.raises(pymysql.MySQLError) as caught:
            connection._read_packet()
        numbers.append(caught.value.args[0])
    return numbers


def test_a_preparation_fails(mariadb: Server, rows: Any) -> None:
    """Nothing was prepared last then: what was prepared before is not executed in its place."""
    with client(mariadb.port) as connection:
        assert execute_latest(connection, b'SELECT FROM nonsense') == [1064, 1243]
    with Proxy(mariadb.address, 'mysql') as proxy, client(proxy.address.port) as connection:
        proxy.set_behavior('error', match='*SELECT 2*', errno=1064)
        assert execute_latest(connection, b'SELECT 2') == [1064, 1243]
        assert outcome(connection, 'SELECT 1') == [(1,)]
    assert rows() == [(1, 0), (2, 0), (3, 0)]


@pytest.mark.parametrize('size', [10, 17_000_000, 40_000_000])
def test_a_fatal_error_to_a_statement_of_any_size(mariadb: Server, rows: Any, size: int) -> None:
    """The error has the number of the next packet, and the server rolls back."""
    with Proxy(mariadb.address, 'mysql') as proxy, client(proxy.address.port) as connection:
        outcome(connection, BEFORE)
        proxy.set_behavior('error', match='UPDATE*', errno=TOO_LARGE)
        assert outcome(connection, f'UPDATE truth SET changed = length({"x" * size!r})') == TOO_LARGE
    assert rows() == [(1, 0), (2, 0), (3, 0)]
