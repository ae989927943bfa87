"""PostgreSQL: real failures of many kinds, and the same ones made up, with the drivers ``psycopg`` and ``asyncpg``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import psycopg
import pytest
from psycopg.pq import DiagnosticField, ExecStatus

from tests.behaviors.test_postgres import next_result
from tests.behaviors.waiting import eventually
from tests.servers import HOST, TIMEOUT, Server
from tests.truth.conftest import Show
from vaurien import Proxy

ACCOUNT: dict[str, Any] = {'host': HOST, 'user': 'tester', 'password': 'secret'}

#: Makes the server fail the next statement of the session with a process id, while it is entered.
Cause = Callable[['Admin', int], AbstractContextManager[object]]
#: A statement, and what has it fail.
Step = tuple[Cause | None, str]
Told = list[object]


class Admin:
    """Looks after a server, and does to others what makes them fail."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.connection = psycopg.connect(port=port, dbname='postgres', autocommit=True, **ACCOUNT)

    def ask(self, statement: str, *values: object) -> Any:
        """Return the first value that *statement* gives, if any."""
        cursor = self.connection.execute(statement, values or None)
        row = cursor.fetchone() if cursor.description else None
        return row and row[0]

    def rows(self, statement: str) -> Sequence[tuple[Any, ...]]:
        """Return the rows that *statement* gives."""
        return self.connection.execute(statement).fetchall()

    def wait(self, condition: str, pid: int) -> None:
        """Wait until the session of that process id is in some state."""
        eventually(lambda: self.ask(f'SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND {condition}', pid))

    @contextmanager
    def other(self, *statements: str) -> Iterator[psycopg.Connection[Any]]:
        """Return another session, which has executed these."""
        with psycopg.connect(port=self.port, dbname='postgres', autocommit=True, **ACCOUNT) as other:
            for statement in statements:
                other.execute(statement)
            yield other
            other.execute('ROLLBACK')


def locked(admin: Admin, pid: int) -> AbstractContextManager[object]:
    """Have another session lock the rows."""
    return admin.other('BEGIN', 'UPDATE truth SET changed = 9')


def changed(admin: Admin, pid: int) -> AbstractContextManager[object]:
    """Have another transaction change the rows and commit; in the end they are as they were."""
    admin.ask('UPDATE truth SET changed = changed')
    return nullcontext()


@contextmanager
def deadlocked(admin: Admin, pid: int) -> Iterator[None]:
    """Have another session lock the second row, and wait for the first; the client is to notice it."""
    patient = "SET deadlock_timeout = '1h'"
    has = 'UPDATE truth SET changed = 9 WHERE number = 2'
    with admin.other(patient, 'BEGIN', has) as other, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(other.execute, 'UPDATE truth SET changed = 9 WHERE number = 1')
        admin.wait("wait_event_type = 'Lock'", other.info.backend_pid)
        yield
        waiting.result(TIMEOUT)


@contextmanager
def skewed(admin: Admin, pid: int) -> Iterator[None]:
    """Have another transaction read what the client writes, write what the client reads, and commit."""
    begin = 'BEGIN ISOLATION LEVEL SERIALIZABLE'
    with admin.other(begin, 'SELECT sum(changed) FROM truth', 'UPDATE truth SET changed = 0 WHERE number = 2') as other:
        other.execute('COMMIT')
        yield


def while_it_sleeps(statement: str) -> Cause:
    """Return what executes *statement*, which gets the process id, while the client's statement runs."""

    @contextmanager
    def cause(admin: Admin, pid: int) -> Iterator[None]:
        def act() -> None:
            admin.wait("wait_event = 'PgSleep'", pid)  # a driver may have it prepared first
            admin.ask(statement, pid)

        with ThreadPoolExecutor(1) as pool:
            acting = pool.submit(act)
            yield
            acting.result(TIMEOUT)

    return cause


@contextmanager
def idle_for_too_long(admin: Admin, pid: int) -> Iterator[None]:
    """Wait until the server has given the session up."""
    eventually(lambda: not admin.ask('SELECT count(*) FROM pg_stat_activity WHERE pid = %s', pid))
    yield


@dataclass
class Situation:
    """How a statement fails, and what the client does before and after."""

    sqlstate: str
    real: str
    #: The statement that fails; and one that would not, if that is another one.
    fails: str = ''
    healthy: str = ''
    cause: Cause | None = None
    before: Sequence[str] = ('BEGIN', 'UPDATE truth SET changed = 1 WHERE number = 1')
    #: What comes before the real failure, if that is something else.
    before_real: Sequence[str] = ()
    after: Sequence[str] = (
        *('SELECT 1', 'INSERT INTO truth VALUES (7)', 'COMMIT', 'INSERT INTO truth VALUES (8)'),
        'SELECT number, changed FROM truth ORDER BY number',
    )
    #: Settings of the session that is to fail, and what differs in its login.
    settings: Mapping[str, str] = field(default_factory=dict)
    login: Mapping[str, str] = field(default_factory=dict)
    #: Drivers that it is not for.
    without: Sequence[str] = ()

    @property
    def match(self) -> str:
        """The pattern that the fault is aimed with."""
        return 'startup*' if self.login else self.healthy or self.fails


OUTSIDE: Sequence[str] = ()
SLEEP = 'SELECT pg_sleep(60)'
#: What a server that gives up is to be: the other statements take less, also on a machine that is busy.
PATIENCE = '300ms'
AN_INSERT = ('BEGIN', 'INSERT INTO truth VALUES (5)')
SITUATIONS = {
    'a deadlock': Situation(
        *('40P01', 'a deadlock of two connections', 'UPDATE truth SET changed = 1 WHERE number = 2'),
        cause=deadlocked,
        settings={'deadlock_timeout': '10ms'},
    ),
    'another transaction was faster': Situation(
        *('40001', 'a concurrent update, REPEATABLE READ', 'UPDATE truth SET changed = 1 WHERE number = 1'),
        cause=changed,
        before=('BEGIN ISOLATION LEVEL REPEATABLE READ', 'SELECT number FROM truth'),
    ),
    'a COMMIT that is not serializable': Situation(
        *('40001', 'a write skew, SERIALIZABLE', 'COMMIT'),
        cause=skewed,
        before=(
            *('BEGIN ISOLATION LEVEL SERIALIZABLE', 'SELECT sum(changed) FROM truth'),
            'UPDATE truth SET changed = 0 WHERE number = 1',
        ),
    ),
    'a statement that takes too long': Situation(
        *('57014', '`statement_timeout`', SLEEP), settings={'statement_timeout': PATIENCE}, after=('SELECT 1', 'END')
    ),
    'a statement that takes too long, outside a transaction': Situation(
        *('57014', '`statement_timeout`', SLEEP),
        settings={'statement_timeout': PATIENCE},
        before=OUTSIDE,
        after=('SELECT 1',),
    ),
    'a cancelled statement': Situation(
        '57014', '`pg_cancel_backend`', SLEEP, cause=while_it_sleeps('SELECT pg_cancel_backend(%s)')
    ),
    'a killed session': Situation(
        '57P01', '`pg_terminate_backend`', SLEEP, cause=while_it_sleeps('SELECT pg_terminate_backend(%s)')
    ),
    'a lock that is not to be had in time': Situation(
        *('55P03', '`lock_timeout`', 'UPDATE truth SET changed = 1 WHERE number = 2'),
        cause=locked,
        settings={'lock_timeout': '20ms'},
        before=AN_INSERT,
    ),
    'a lock that is not waited for, then ROLLBACK TO': Situation(
        *('55P03', '`FOR UPDATE NOWAIT`', 'SELECT number FROM truth WHERE number = 2 FOR UPDATE NOWAIT'),
        cause=locked,
        before=(*AN_INSERT, 'SAVEPOINT here'),
        after=('SELECT 1', 'ROLLBACK TO here', 'INSERT INTO truth VALUES (6)', 'RELEASE here', 'COMMIT'),
    ),
    'a server that only reads': Situation(
        *('25006', '`default_transaction_read_only`', 'INSERT INTO truth VALUES (6)'),
        before=('BEGIN',),
        settings={'default_transaction_read_only': 'on'},
        after=('SELECT 1', 'COMMIT', 'SELECT 1', 'BEGIN', 'ROLLBACK'),
    ),
    'a session that idles in a transaction': Situation(
        *('25P03', '`idle_in_transaction_session_timeout`', 'SELECT 2'),
        cause=idle_for_too_long,
        settings={'idle_in_transaction_session_timeout': PATIENCE},
        without=['asyncpg'],  # which notices it before, or not, as it comes
    ),
    'a session that idles': Situation(
        *('57P05', '`idle_session_timeout`', 'SELECT 2'),
        cause=idle_for_too_long,
        before=OUTSIDE,
        settings={'idle_session_timeout': '1s'},
        without=['asyncpg'],
    ),
    'a duplicate': Situation('23505', 'a primary key', 'INSERT INTO truth VALUES (2)', 'INSERT INTO truth VALUES (3)'),
    'a COMMIT with a duplicate': Situation(
        *('23505', 'a deferred constraint', 'COMMIT'),
        before=('BEGIN', 'INSERT INTO truth VALUES (5, 0, 1), (6, 0, 2)'),
        before_real=('BEGIN', 'INSERT INTO truth VALUES (5, 0, 1), (6, 0, 1)'),
    ),
    'a missing row': Situation(
        '23503', 'a foreign key', 'INSERT INTO lines VALUES (77)', 'INSERT INTO lines VALUES (1)'
    ),
    'a division by zero': Situation('22012', 'a division by zero', 'SELECT 1 / 0', 'SELECT 1 / 1'),
    'a missing table, outside a transaction': Situation(
        '42P01', 'no such table', 'SELECT 1 FROM missing', 'SELECT 1 FROM truth', before=OUTSIDE
    ),
    'FETCH': Situation(
        *('22012', 'a division by zero', 'FETCH 2 FROM c'),
        before=('BEGIN', 'DECLARE c CURSOR FOR SELECT 0 / (number - 77) FROM truth', 'FETCH 1 FROM c'),
        before_real=('BEGIN', 'DECLARE c CURSOR FOR SELECT 0 / (number - 2) FROM truth', 'FETCH 1 FROM c'),
        after=('FETCH 1 FROM c', 'CLOSE c', 'ROLLBACK', 'FETCH 1 FROM c', 'SELECT 1'),
    ),
    'CLOSE': Situation(
        *('34000', 'no such cursor', 'CLOSE c'),
        before=('BEGIN', 'DECLARE c CURSOR WITH HOLD FOR SELECT 1'),
        before_real=('BEGIN', 'DECLARE d CURSOR WITH HOLD FOR SELECT 1'),
        after=('FETCH 1 FROM c', 'COMMIT', 'FETCH 1 FROM c', 'CLOSE c', 'SELECT 1'),
    ),
    'RELEASE': Situation(
        *('3B001', 'no such savepoint', 'RELEASE there'),
        before=('BEGIN', 'SAVEPOINT here', 'SAVEPOINT there'),
        before_real=('BEGIN', 'SAVEPOINT here', 'SAVEPOINT nowhere'),
        after=('SELECT 1', 'ROLLBACK TO here', 'INSERT INTO truth VALUES (7)', 'COMMIT', 'SELECT 1'),
    ),
    'PREPARE TRANSACTION': Situation(
        *('55000', '`max_prepared_transactions` is 0', "PREPARE TRANSACTION 'one'"),
        after=('SELECT 1', "COMMIT PREPARED 'one'", 'COMMIT', 'INSERT INTO truth VALUES (7)', 'SELECT 1'),
    ),
    'COMMIT PREPARED': Situation(
        '42704', 'no such transaction', "COMMIT PREPARED 'one'", before=OUTSIDE, after=('BEGIN', 'SELECT 1', 'COMMIT')
    ),
    'NOTIFY': Situation('22023', 'a channel without a name', "SELECT pg_notify('', 'a')", "SELECT pg_notify('a', 'a')"),
    'SET LOCAL': Situation(
        *('22023', 'a value that cannot be', "SET LOCAL work_mem = '-7MB'", "SET LOCAL work_mem = '7MB'"),
        before=('BEGIN', "SET LOCAL work_mem = '5MB'"),
        after=('SHOW work_mem', 'ROLLBACK', 'SHOW work_mem', 'COMMIT', 'SELECT 1'),
    ),
    'the wrong password': Situation('28P01', 'the wrong password', login={'password': 'wrong'}),
    'a missing database': Situation('3D000', 'no such database', login={'database': 'missing'}),
    'too many connections': Situation('53300', '`CONNECTION LIMIT` of the role', login={'user': 'limited'}),
}


def with_psycopg(admin: Admin, port: int, steps: Sequence[Step], login: dict[str, Any], **how: Any) -> Told:
    """Return what the client sees of each step."""
    options = {**ACCOUNT, 'sslmode': 'disable', 'autocommit': True, **login, 'dbname': login['database']}
    del options['database']
    try:
        connection: psycopg.Connection[Any] = psycopg.connect(port=port, **options)
    except psycopg.Error as error:  # psycopg tells no code of it
        return [(type(error).__name__, str(error).partition('FATAL:  ')[1])]
    told: Told = []
    with closing(connection):
        for cause, statement in steps:
            with cause(admin, connection.info.backend_pid) if cause else nullcontext():
                try:
                    cursor = connection.execute(statement, **how)
                    told.append((cursor.statusmessage, cursor.fetchall() if cursor.description else None))
                except psycopg.Error as error:
                    told.append((type(error).__name__, error.sqlstate))
            told.append(connection.info.transaction_status.name)
    return told


def with_asyncpg(admin: Admin, port: int, steps: Sequence[Step], login: dict[str, Any], **how: Any) -> Told:
    """Do the same with the other driver."""

    async def drive() -> Told:
        try:
            connection = await asyncpg.connect(port=port, **{**ACCOUNT, 'ssl': False, 'timeout': TIMEOUT, **login})
        except asyncpg.PostgresError as error:
            return [(type(error).__name__, error.sqlstate)]
        told: Told = []
        for cause, statement in steps:
            with cause(admin, connection.get_server_pid()) if cause else nullcontext():
                try:
                    told.append([tuple(row) for row in await connection.fetch(statement)])
                except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                    told.append((type(error).__name__, getattr(error, 'sqlstate', None)))
            told.append('closed' if connection.is_closed() else connection.is_in_transaction())
        await connection.close()
        return told

    while True:
        try:
            return asyncio.run(drive())
        except asyncpg.InternalClientError:  # it has begun to ask when it hears that the session was killed
            continue


DRIVERS: dict[str, tuple[Callable[..., Told], dict[str, Any]]] = {
    'psycopg': (with_psycopg, {}),
    'psycopg, extended query': (with_psycopg, {'binary': True}),
    'asyncpg': (with_asyncpg, {}),
}


@pytest.fixture
def admin(postgres: Server) -> Iterator[Admin]:
    """Return who looks after the server."""
    admin = Admin(postgres.port)
    with closing(admin.connection):
        admin.ask(
            "DO $$ BEGIN CREATE ROLE limited LOGIN PASSWORD 'secret' CONNECTION LIMIT 0; "
            'EXCEPTION WHEN duplicate_object THEN END $$'
        )
        yield admin


def make_table(admin: Admin) -> None:
    admin.ask('DROP TABLE IF EXISTS lines, truth')
    once = 'once int UNIQUE DEFERRABLE INITIALLY DEFERRED'
    admin.ask(f'CREATE TABLE truth (number int PRIMARY KEY, changed int DEFAULT 0, {once})')
    admin.ask('CREATE TABLE lines (number int REFERENCES truth)')
    admin.ask('INSERT INTO truth VALUES (1), (2)')


@pytest.mark.parametrize(
    ('name', 'driver'),
    [
        (name, driver)
        for name, situation in SITUATIONS.items()
        for driver in DRIVERS
        if driver not in situation.without and not (situation.login and ',' in driver)
    ],
)
def test_a_failure(postgres: Server, admin: Admin, show: Show, name: str, driver: str) -> None:
    situation = SITUATIONS[name]
    package, _, how = driver.partition(', ')
    show(
        protocol='postgres',
        driver=package,
        situation=f'{name}, {how}' if how else name,
        fault=f'error(match={situation.match!r}, sqlstate={situation.sqlstate})',
        real=situation.real,
    )
    drive, options = DRIVERS[driver]

    def run(port: int, *, is_real: bool) -> object:
        make_table(admin)
        before = situation.before_real if is_real and situation.before_real else situation.before
        failing = situation.fails if is_real else situation.healthy or situation.fails
        steps = [*before, (situation.cause if is_real else None, failing), *situation.after]
        login: dict[str, Any] = {'database': 'postgres', **(situation.login if is_real else {})}
        if is_real and situation.settings:
            settings = dict(situation.settings)
            login |= (
                {'server_settings': settings}
                if drive is with_asyncpg
                else {'options': ' '.join(f'-c {key}={value}' for key, value in settings.items())}
            )
        told = drive(
            admin, port, [step if isinstance(step, tuple) else (None, step) for step in steps], login, **options
        )
        return told, admin.rows('SELECT * FROM truth ORDER BY number'), admin.rows('SELECT * FROM lines')

    real = run(postgres.port, is_real=True)
    # psycopg tells no code if it cannot connect; asyncpg tells that of a killed session never.
    assert any(sign in str(real) for sign in (situation.sqlstate, 'FATAL', 'ConnectionDoesNotExistError'))
    with Proxy(postgres.address, 'postgres') as proxy:
        proxy.set_behavior('error', match=situation.match, sqlstate=situation.sqlstate, times=1)
        assert run(proxy.address.port, is_real=False) == real
        assert proxy.status()['faults'] == {'error': 1}


ROWS = [(11,), (12,), (13,)]


def executemany_psycopg(port: int, values: Sequence[tuple[int, ...]]) -> Told:
    told: Told = []
    with closing(
        psycopg.connect(port=port, sslmode='disable', dbname='postgres', autocommit=True, **ACCOUNT)
    ) as client:
        for statement in ('BEGIN', None, 'SELECT 1', 'COMMIT', 'INSERT INTO truth VALUES (8)'):
            try:
                if statement is None:
                    client.cursor().executemany('INSERT INTO truth VALUES (%s)', values)
                else:
                    told.append(client.execute(statement).statusmessage)
            except psycopg.Error as error:
                told.append((type(error).__name__, error.sqlstate))
            told.append(client.info.transaction_status.name)
    return told


def executemany_asyncpg(port: int, values: Sequence[tuple[int, ...]]) -> Told:
    async def drive() -> Told:
        told: Told = []
        client = await asyncpg.connect(port=port, ssl=False, database='postgres', **ACCOUNT)
        for statement in ('BEGIN', None, 'SELECT 1', 'COMMIT', 'INSERT INTO truth VALUES (8)'):
            try:
                if statement is None:
                    await client.executemany('INSERT INTO truth VALUES ($1)', values)
                else:
                    told.append(await client.execute(statement))
            except asyncpg.PostgresError as error:
                told.append((type(error).__name__, error.sqlstate))
            told.append(client.is_in_transaction())
        await client.close()
        return told

    return asyncio.run(drive())


@pytest.mark.parametrize(
    ('driver', 'drive', 'nth'), [('psycopg', executemany_psycopg, 2), ('asyncpg', executemany_asyncpg, 3)]
)
def test_a_row_of_many_fails(
    postgres: Server, admin: Admin, show: Show, driver: str, drive: Callable[..., Told], nth: int
) -> None:
    """The driver asyncpg prepares the statement at first, which matches, too."""
    fault = f"error(match='INSERT*', nth={nth}, sqlstate=23505)"
    situation = 'the second row of `executemany`'
    show(protocol='postgres', driver=driver, situation=situation, fault=fault, real='a primary key')
    make_table(admin)
    real = drive(postgres.port, [ROWS[0], (2,), ROWS[2]]), admin.rows('SELECT number FROM truth ORDER BY number')
    make_table(admin)
    with Proxy(postgres.address, 'postgres') as proxy:
        proxy.set_behavior('error', match='INSERT*', nth=nth, sqlstate='23505')
        made_up = drive(proxy.address.port, ROWS), admin.rows('SELECT number FROM truth ORDER BY number')
        assert made_up == real
        assert proxy.status()['faults'] == {'error': 1}


def prepare_and_execute(port: int, name: bytes, statement: bytes) -> Told:
    """Return what a flight gives that prepares a *statement* and, behind a Sync, executes what has its name.

    If that is no name, another statement had none before.
    """
    told: Told = []
    with closing(psycopg.connect(port=port, sslmode='disable', dbname='postgres', **ACCOUNT)) as client:
        pgconn = client.pgconn
        pgconn.prepare(b'', b'INSERT INTO truth VALUES (77)')
        pgconn.enter_pipeline_mode()
        pgconn.send_prepare(name, statement)
        pgconn.pipeline_sync()
        pgconn.send_query_prepared(name, [])
        pgconn.pipeline_sync()
        for _ in range(2):
            told += [next_result(client).error_field(DiagnosticField.SQLSTATE), next_result(client)]
            assert next_result(client).status == ExecStatus.PIPELINE_SYNC
        pgconn.exit_pipeline_mode()
        told.append(client.execute('SELECT count(*) FROM truth').fetchall())
    return told


@pytest.mark.parametrize('name', [b'a', b''])
def test_what_was_not_prepared_is_not_executed(postgres: Server, admin: Admin, show: Show, name: bytes) -> None:
    show(
        protocol='postgres',
        driver='psycopg',
        situation=f'a Parse {"with" if name else "without"} a name, and in the same flight an execution of it',
        fault="error(match='SELECT 1 FROM truth', sqlstate=42P01)",
        real='no such table',
    )
    make_table(admin)
    real = prepare_and_execute(postgres.port, name, b'SELECT 1 FROM missing')
    assert real[:3] == [b'42P01', None, b'26000']
    with Proxy(postgres.address, 'postgres') as proxy:
        proxy.set_behavior('error', match='SELECT 1 FROM truth', sqlstate='42P01', times=1)
        assert prepare_and_execute(proxy.address.port, name, b'SELECT 1 FROM truth') == real
        assert proxy.status()['faults'] == {'error': 1}
