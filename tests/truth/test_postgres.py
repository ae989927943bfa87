"""PostgreSQL: what an error leaves behind, of a server and made up, with the driver ``psycopg``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from tests.servers import HOST, Server
from tests.truth.conftest import Show
from vaurien import Proxy

DATABASE: dict[str, Any] = {
    'host': HOST,
    'user': 'tester',
    'password': 'secret',
    'dbname': 'postgres',
    'sslmode': 'disable',
}
#: A statement that the table refuses, one that it would take, and with what it refuses the first.
REFUSED, HEALTHY, CHECK_VIOLATION = 'INSERT INTO truth VALUES (100)', 'INSERT INTO truth VALUES (2)', '23514'
UNIQUE_VIOLATION = '23505'
FAIL = 'the statement that fails'

PROGRAMS = {
    'outside a transaction': [FAIL, 'INSERT INTO truth VALUES (1)'],
    'commit all the same': ['BEGIN', 'INSERT INTO truth VALUES (1)', FAIL, 'SELECT 1', 'COMMIT', 'SELECT 1'],
    'roll back': ['BEGIN', 'INSERT INTO truth VALUES (1)', FAIL, FAIL, 'ROLLBACK', 'INSERT INTO truth VALUES (3)'],
    'go back to a savepoint': [
        *('BEGIN', 'INSERT INTO truth VALUES (1)', 'SAVEPOINT here', 'INSERT INTO truth VALUES (3)', FAIL, 'SELECT 1'),
        *('ROLLBACK TO SAVEPOINT here', 'INSERT INTO truth VALUES (4)', 'RELEASE here', 'COMMIT'),
    ],
    'release a savepoint': ['BEGIN', 'SAVEPOINT here', FAIL, 'RELEASE here', 'END', 'INSERT INTO truth VALUES (1)'],
    'begin again': ['BEGIN', FAIL, 'BEGIN', 'ABORT', 'BEGIN', 'INSERT INTO truth VALUES (1)', 'COMMIT'],
    'many in one': ['BEGIN', f'INSERT INTO truth VALUES (1); {FAIL}; COMMIT', 'SELECT 1', 'COMMIT AND CHAIN', 'COMMIT'],
    'many in one, outside': [f'INSERT INTO truth VALUES (1); {FAIL}; INSERT INTO truth VALUES (3)', 'SELECT 1'],
}
#: Programs with several statements in one text, which cannot be prepared.
UNPREPARED = {name for name, program in PROGRAMS.items() if any(';' in statement for statement in program)}
#: How a statement is executed: in a simple query, and prepared.
WAYS: list[dict[str, Any]] = [{}, {'prepare': True}]


def outcome(connection: psycopg.Connection[Any], statement: str, **how: Any) -> tuple[str | None, str]:
    """Return what the client is told of a *statement*, and of the transaction then."""
    try:
        told = connection.execute(statement, **how).statusmessage
    except psycopg.Error as error:
        told = error.sqlstate
    return told, connection.info.transaction_status.name


def fate(port: int, program: Sequence[str], **how: Any) -> list[tuple[str | None, str]]:
    """Return the outcomes of a *program*."""
    with psycopg.connect(port=port, autocommit=True, **DATABASE) as connection:
        return [outcome(connection, statement, **how) for statement in program]


@pytest.fixture
def direct(postgres: Server) -> Any:
    """Return a connection to the server, which has an empty table."""
    with psycopg.connect(port=postgres.port, autocommit=True, **DATABASE) as connection:
        connection.execute('DROP TABLE IF EXISTS truth CASCADE')
        connection.execute('CREATE TABLE truth (number int CHECK (number < 100) UNIQUE DEFERRABLE INITIALLY DEFERRED)')
        yield connection


def rows(direct: psycopg.Connection[Any]) -> list[int]:
    """Return what is in the table, and empty it."""
    found = [row[0] for row in direct.execute('SELECT number FROM truth ORDER BY number')]
    direct.execute('TRUNCATE truth')
    return found


def failing_with(program: Sequence[str], statement: str) -> list[str]:
    return [part.replace(FAIL, statement) for part in program]


@pytest.mark.parametrize(
    ('name', 'how'),
    [(name, how) for name in PROGRAMS for how in WAYS if not (how and name in UNPREPARED)],
)
def test_a_statement_fails(postgres: Server, direct: Any, show: Show, name: str, how: dict[str, Any]) -> None:
    show(
        protocol='postgres',
        driver='psycopg',
        situation=f'{name}, {"prepared" if how else "simple query"}',
        fault=f"error(match='INSERT*', sqlstate={CHECK_VIOLATION})",
        real='a check constraint',
    )
    program = PROGRAMS[name]
    real = fate(postgres.port, failing_with(program, REFUSED), **how), rows(direct)
    with Proxy(postgres.address, 'postgres') as proxy:
        proxy.set_behavior('error', match=f'*{HEALTHY}*', sqlstate=CHECK_VIOLATION)
        assert (fate(proxy.address.port, failing_with(program, HEALTHY), **how), rows(direct)) == real


@pytest.mark.parametrize('how', WAYS)
@pytest.mark.parametrize('commit', ['COMMIT', 'END', '/* of an application */ commit work', 'COMMIT AND CHAIN'])
def test_a_commit_fails(postgres: Server, direct: Any, show: Show, commit: str, how: dict[str, Any]) -> None:
    show(
        protocol='postgres',
        driver='psycopg',
        situation=f'`{commit}` fails, {"prepared" if how else "simple query"}',
        fault=f"error(match='{commit}*', sqlstate={UNIQUE_VIOLATION})",
        real='a deferred constraint',
    )
    after = [commit, 'SELECT 1', 'COMMIT', 'BEGIN', 'INSERT INTO truth VALUES (5)', 'COMMIT']
    twice, once = (['BEGIN', *(f'INSERT INTO truth VALUES ({number})' for number in (1, last))] for last in (1, 2))
    real = fate(postgres.port, twice + after, **how), rows(direct)
    assert real[0][3] == (UNIQUE_VIOLATION, 'IDLE')
    with Proxy(postgres.address, 'postgres') as proxy:
        proxy.set_behavior('error', match=f'{commit}*', sqlstate=UNIQUE_VIOLATION, times=1)
        assert (fate(proxy.address.port, once + after, **how), rows(direct)) == real


def test_a_pipeline_fails(postgres: Server, direct: Any, show: Show) -> None:
    """The server skips what comes behind the failure, up to the next Sync."""
    show(
        protocol='postgres',
        driver='psycopg',
        situation='a statement in a pipeline fails, behind a Sync',
        fault=f"error(match='{HEALTHY}', sqlstate={CHECK_VIOLATION})",
        real='a check constraint',
    )

    def program(port: int, failing: str) -> object:
        told: list[object] = []
        with psycopg.connect(port=port, autocommit=True, **DATABASE) as connection:
            connection.execute('BEGIN')
            try:
                with connection.pipeline() as pipeline:
                    connection.execute('INSERT INTO truth VALUES (%s)', (1,))
                    pipeline.sync()
                    connection.execute(failing)
                    connection.execute('INSERT INTO truth VALUES (3)')
            except psycopg.Error as error:
                told.append(error.sqlstate)
            told += [outcome(connection, statement) for statement in ('SELECT 1', 'COMMIT', 'SELECT 1')]
        return told, rows(direct)

    real = program(postgres.port, REFUSED)
    with Proxy(postgres.address, 'postgres') as proxy:
        proxy.set_behavior('error', match=HEALTHY, sqlstate=CHECK_VIOLATION)
        assert program(proxy.address.port, HEALTHY) == real


def test_settings_go_back(postgres: Server, direct: Any) -> None:
    """The client hears of it, as it does when a server rolls back."""
    with (
        Proxy(postgres.address, 'postgres') as proxy,
        psycopg.connect(port=proxy.address.port, autocommit=True, **DATABASE) as connection,
    ):
        before = connection.info.parameter_status('application_name')
        connection.execute('BEGIN')
        connection.execute("SET application_name = 'in a transaction'")
        assert connection.info.parameter_status('application_name') == 'in a transaction'
        proxy.set_behavior('error', match='COMMIT', sqlstate='40001')
        assert outcome(connection, 'COMMIT') == ('40001', TransactionStatus.IDLE.name)
        assert connection.info.parameter_status('application_name') == before


def test_a_fatal_error_rolls_back(postgres: Server, direct: Any) -> None:
    with Proxy(postgres.address, 'postgres') as proxy:
        connection = psycopg.connect(port=proxy.address.port, autocommit=True, **DATABASE)
        connection.execute('BEGIN')
        connection.execute(HEALTHY)
        proxy.set_behavior('error', sqlstate='25P03')
        with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
            connection.execute('COMMIT')
        assert connection.closed
        assert rows(direct) == []
