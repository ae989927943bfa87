"""What an error leaves behind for the drivers for Node.js: ``pg``, ``mysql2`` and ``ioredis``."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pymysql
import pytest
import redis

from tests.behaviors.waiting import eventually
from tests.programs import Program, running
from tests.servers import HOST, TIMEOUT, Server
from tests.truth.conftest import Show
from vaurien import Proxy

ACCOUNT: dict[str, Any] = {'host': HOST, 'user': 'tester', 'password': 'secret'}

#: A statement; a command of Redis as a list of words, or a transaction as a list of commands; or what makes the real
#: server fail from there until the program has ended.
Step = str | list[Any] | Callable[[Any], AbstractContextManager[object]]


class Situation(NamedTuple):
    """A program, how the real server is made to fail in it, and the fault that is to look the same."""

    name: str
    program: Sequence[Step]
    fault: str
    real: str
    #: What is in the outcome if the failure came.
    proof: str


@pytest.fixture(scope='module')
def drivers(node_modules: Path) -> Iterator[Program]:
    """Give a process that does what a test says on connections of all three drivers."""
    with running(['node', str(Path(__file__).parent / 'node' / 'drivers.js')], node_modules) as node:
        yield node


def fate(
    drivers: Program, driver: str, port: int, program: Sequence[Step], failing: Any = None, **how: Any
) -> list[Any]:
    """Return the outcomes of a *program*: of connecting, and of each step.

    *failing* makes the real server fail; without it, it is left alone.
    """
    with ExitStack() as stack:
        before = len(list(takewhile(callable, program)))
        told = []
        for step in (*program[:before], None, *program[before:]):
            if not callable(step):
                asked = {'open': driver, 'port': port} if step is None else {'execute': step, **how}
                told.append(drivers.ask(**asked))
            elif failing is not None:
                stack.enter_context(step(failing))
        drivers.ask()
    return told


def compare(
    drivers: Program, show: Show, driver: str, server: Server, failing: Any, situation: Situation, **how: Any
) -> None:
    """Have the server fail, and Vaurien in its place: the client and the server must not notice the difference."""
    protocol = {'pg': 'postgres', 'mysql2': 'mysql', 'ioredis': 'redis'}[driver]
    show(
        protocol=protocol,
        driver=f'node:{driver}',
        situation=situation.name + (', prepared' if how.get('prepared') else ''),
        fault=situation.fault,
        real=situation.real,
    )
    real = fate(drivers, driver, server.port, situation.program, failing, **how), failing.rows()
    with Proxy(server.address, protocol) as proxy:
        proxy.set_behavior(situation.fault)
        assert (fate(drivers, driver, proxy.address.port, situation.program, **how), failing.rows()) == real
    assert situation.proof in str(real)


# PostgreSQL


class Postgres:
    """The server, which has a table with the numbers 1 and 2, and how it is made to fail."""

    def __init__(self, port: int, direct: psycopg.Connection[Any]) -> None:
        self._port = port
        self._direct = direct
        self._direct.execute('DROP TABLE IF EXISTS truth_node')
        self._direct.execute('CREATE TABLE truth_node (number int, changed int)')
        self.rows()

    def rows(self) -> list[Any]:
        """Return what is in the table, and fill it again."""
        found = list(self._direct.execute('SELECT number, changed FROM truth_node ORDER BY number, changed'))
        self._direct.execute('TRUNCATE truth_node')
        self._direct.execute('INSERT INTO truth_node VALUES (1, 0), (2, 0)')
        return found

    @contextmanager
    def constraint(self) -> Iterator[None]:
        """Refuse large numbers."""
        self._direct.execute('ALTER TABLE truth_node ADD CONSTRAINT small CHECK (number < 100)')
        yield
        self._direct.execute('ALTER TABLE truth_node DROP CONSTRAINT small')

    @contextmanager
    def change(self) -> Iterator[None]:
        """Change the first row in a transaction of its own."""
        self._direct.execute('UPDATE truth_node SET changed = 8 WHERE number = 1')
        yield
        self._direct.execute('UPDATE truth_node SET changed = 0 WHERE number = 1 AND changed = 8')

    @contextmanager
    def deadlock(self) -> Iterator[None]:
        """Have another transaction change the second row and wait for the first one, and never be the victim."""
        with psycopg.connect(port=self._port, dbname='postgres', **ACCOUNT) as other:
            other.execute("SET deadlock_timeout = '1h'")
            other.execute('UPDATE truth_node SET changed = 8 WHERE number = 2')
            last = 'UPDATE truth_node SET changed = 8 WHERE number = 1'
            waiting = threading.Thread(target=other.execute, args=(last,))
            waiting.start()
            eventually(lambda: self._direct.execute('SELECT 1 FROM pg_locks WHERE NOT granted').fetchall())
            yield
            waiting.join(TIMEOUT)
            other.rollback()

    @contextmanager
    def kill(self) -> Iterator[None]:
        """Terminate the client's session once it sleeps."""
        kill_it = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"

        def kill() -> None:
            eventually(lambda: self._direct.execute(kill_it).fetchall())

        killer = threading.Thread(target=kill)
        killer.start()
        yield
        killer.join(TIMEOUT)


@pytest.fixture
def failing_postgres(postgres: Server) -> Iterator[Postgres]:
    """Give what makes the server fail."""
    with psycopg.connect(port=postgres.port, dbname='postgres', autocommit=True, **ACCOUNT) as direct:
        yield Postgres(postgres.port, direct)


INSERT, LARGE, AFTER = (f'INSERT INTO truth_node VALUES ({number}, 7)' for number in (3, 100, 4))
FIRST, SECOND = (f'UPDATE truth_node SET changed = 7 WHERE number = {number}' for number in (1, 2))
SELECT = 'SELECT number, changed FROM truth_node ORDER BY number'

POSTGRES = [
    Situation(
        'a statement in a transaction fails, COMMIT all the same',
        [Postgres.constraint, 'BEGIN', INSERT, LARGE, SELECT, AFTER, 'COMMIT', SELECT, AFTER],
        "error(match='INSERT * (100, *', sqlstate=23514)",
        'a check constraint',
        '23514',
    ),
    Situation(
        'a statement behind a savepoint fails, ROLLBACK TO it',
        [
            *(Postgres.constraint, 'BEGIN', INSERT, 'SAVEPOINT here', FIRST, LARGE, SELECT),
            *('ROLLBACK TO here', SELECT, AFTER, 'COMMIT', SELECT),
        ],
        "error(match='INSERT * (100, *', sqlstate=23514)",
        'a check constraint',
        '23514',
    ),
    Situation(
        'a deadlock',
        [
            *("SET deadlock_timeout = '1ms'", 'BEGIN', INSERT, FIRST, Postgres.deadlock, SECOND),
            *('SELECT 1', AFTER, 'COMMIT', 'SELECT 1', 'BEGIN', AFTER, 'COMMIT'),
        ],
        "error(match='UPDATE * = 2', sqlstate=40P01)",
        'a deadlock of two connections',
        '40P01',
    ),
    Situation(
        'a serialization failure',
        [
            *('BEGIN ISOLATION LEVEL REPEATABLE READ', 'SELECT 1 FROM truth_node', INSERT, Postgres.change, FIRST),
            *('SELECT 1', 'COMMIT', 'BEGIN', AFTER, 'COMMIT', 'SELECT 1'),
        ],
        "error(match='UPDATE * = 1', sqlstate=40001)",
        'another transaction changes the row',
        '40001',
    ),
    Situation(
        'a statement takes too long',
        [
            *('BEGIN', INSERT, "SET LOCAL statement_timeout = '500ms'", 'SELECT pg_sleep(60)', 'SELECT 1'),
            *('ROLLBACK', SELECT, AFTER, 'SELECT 1', SELECT),
        ],
        "error(match='SELECT pg_sleep*', sqlstate=57014)",
        'statement_timeout',
        '57014',
    ),
    Situation(
        'the session is terminated',
        ['BEGIN', INSERT, Postgres.kill, 'SELECT pg_sleep(60)', 'SELECT 1', 'COMMIT', AFTER, 'SELECT 1', 'ROLLBACK'],
        "error(match='SELECT pg_sleep*', sqlstate=57P01)",
        'pg_terminate_backend',
        '57P01',
    ),
]


@pytest.mark.parametrize('prepared', [False, True])
@pytest.mark.parametrize('situation', POSTGRES, ids=lambda situation: situation.name)
def test_pg(
    drivers: Program, show: Show, postgres: Server, failing_postgres: Postgres, situation: Situation, prepared: bool
) -> None:
    compare(drivers, show, 'pg', postgres, failing_postgres, situation, prepared=prepared)


# MySQL and MariaDB


class MariaDB:
    """The server, which has a table with the numbers 1 and 2, and how it is made to fail."""

    def __init__(self, port: int, direct: Any) -> None:
        self._port = port
        self._direct = direct
        self.execute('DROP TABLE IF EXISTS truth_node')
        self.execute('CREATE TABLE truth_node (number int PRIMARY KEY, changed int) ENGINE=InnoDB')
        self.rows()

    def execute(self, statement: str) -> list[Any]:
        """Return the rows of a statement."""
        with self._direct.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    def rows(self) -> list[Any]:
        """Return what is in the table, and fill it again."""
        found = self.execute('SELECT number, changed FROM truth_node ORDER BY number')
        self.execute('DELETE FROM truth_node')
        self.execute('INSERT INTO truth_node VALUES (1, 0), (2, 0)')
        return found

    @contextmanager
    def constraint(self) -> Iterator[None]:
        """Refuse large numbers."""
        self.execute('ALTER TABLE truth_node ADD CONSTRAINT small CHECK (number < 100)')
        yield
        self.execute('ALTER TABLE truth_node DROP CONSTRAINT small')

    @contextmanager
    def other(self, *statements: str) -> Iterator[Any]:
        """Begin another transaction; roll it back in the end."""
        with pymysql.connect(port=self._port, database='test', **ACCOUNT) as other, other.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            yield cursor
            other.rollback()

    @contextmanager
    def duplicate(self) -> Iterator[None]:
        """Let the large number be there."""
        self.execute('INSERT INTO truth_node VALUES (100, 0)')
        yield
        self.execute('DELETE FROM truth_node WHERE number = 100 AND changed = 0')

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep the second row locked."""
        with self.other('UPDATE truth_node SET changed = 8 WHERE number = 2'):
            yield

    @contextmanager
    def deadlock(self) -> Iterator[None]:
        """Have another transaction change the second row, and much more, and wait for the first one."""
        with self.other(
            'UPDATE truth_node SET changed = 8 WHERE number = 2',
            'INSERT INTO truth_node SELECT seq + 1000, 1 FROM seq_1_to_200',
        ) as cursor:
            last = 'UPDATE truth_node SET changed = 8 WHERE number = 1'
            waiting = threading.Thread(target=cursor.execute, args=(last,))
            waiting.start()
            waits = "SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'"
            eventually(lambda: self.execute(waits)[0][1] == '1')
            yield
            waiting.join(TIMEOUT)

    def kill(self, what: str) -> AbstractContextManager[None]:
        """Kill the client's statement or session once it sleeps."""
        find = "SELECT id FROM information_schema.processlist WHERE state = 'User sleep'"

        def kill() -> None:
            eventually(lambda: self.execute(find))
            [[session]] = self.execute(find)
            self.execute(f'KILL {what} {session}')

        @contextmanager
        def killing() -> Iterator[None]:
            killer = threading.Thread(target=kill)
            killer.start()
            yield
            killer.join(TIMEOUT)

        return killing()

    def kill_query(self) -> AbstractContextManager[None]:
        """Kill the client's statement once it sleeps."""
        return self.kill('QUERY')

    def kill_session(self) -> AbstractContextManager[None]:
        """Kill the client's session once it sleeps."""
        return self.kill('CONNECTION')


@pytest.fixture
def failing_mariadb(mariadb: Server) -> Iterator[MariaDB]:
    """Give what makes the server fail."""
    with pymysql.connect(port=mariadb.port, database='test', autocommit=True, **ACCOUNT) as direct:
        yield MariaDB(mariadb.port, direct)


STATE = 'SELECT @@in_transaction'
MYSQL = [
    Situation(
        'a statement in a transaction fails, COMMIT all the same',
        [MariaDB.constraint, 'BEGIN', INSERT, LARGE, STATE, SELECT, AFTER, 'COMMIT', STATE, SELECT],
        "error(match='INSERT * (100, *', errno=4025, sqlstate=23000)",
        'a check constraint',
        '4025',
    ),
    Situation(
        'a duplicate key in a transaction, COMMIT all the same',
        ['BEGIN', INSERT, MariaDB.duplicate, LARGE, STATE, AFTER, 'COMMIT', STATE, 'SELECT 1', 'BEGIN', STATE],
        "error(match='INSERT * (100, *', errno=1062)",
        'a duplicate key',
        '1062',
    ),
    Situation(
        'a deadlock',
        ['BEGIN', FIRST, 'SAVEPOINT here', MariaDB.deadlock, SECOND, STATE, 'ROLLBACK TO here', AFTER, 'COMMIT', STATE],
        "error(match='UPDATE * = 2', errno=1213)",
        'a deadlock of two connections',
        '1213',
    ),
    Situation(
        'a lock wait timeout',
        [
            *('SET innodb_lock_wait_timeout = 0', 'BEGIN', INSERT, MariaDB.lock, SECOND),
            *(STATE, AFTER, 'SELECT 1', 'COMMIT', STATE),
        ],
        "error(match='UPDATE * = 2', errno=1205)",
        'another transaction holds the lock',
        '1205',
    ),
    Situation(
        'a statement is killed',
        ['BEGIN', INSERT, MariaDB.kill_query, 'SELECT SLEEP(60), 1 FROM truth_node', STATE, AFTER, 'COMMIT', SELECT],
        "error(match='SELECT SLEEP*', errno=1317)",
        'KILL QUERY',
        '1317',
    ),
    Situation(
        'the session is killed',
        ['BEGIN', INSERT, MariaDB.kill_session, 'SELECT SLEEP(60)', STATE, AFTER, 'COMMIT', 'SELECT 1', 'SELECT 2'],
        "blackout(match='SELECT SLEEP*')",
        'KILL CONNECTION',
        'PROTOCOL_CONNECTION_LOST',
    ),
]


@pytest.mark.parametrize('prepared', [False, True])
@pytest.mark.parametrize('situation', MYSQL, ids=lambda situation: situation.name)
def test_mysql2(
    drivers: Program, show: Show, mariadb: Server, failing_mariadb: MariaDB, situation: Situation, prepared: bool
) -> None:
    compare(drivers, show, 'mysql2', mariadb, failing_mariadb, situation, prepared=prepared)


# Redis


class Redis:
    """The server, and how it is made to fail."""

    def __init__(self, direct: Any) -> None:
        self._direct = direct
        self.rows()

    def rows(self) -> dict[str, Any]:
        """Return what the keys hold, and delete them all but one."""
        found = {key: self._direct.get(key) for key in sorted(self._direct.keys('node:*'))}
        self._direct.delete(*found, 'node:there')
        self._direct.set('node:there', 'before')
        return found

    @contextmanager
    def configured(self, name: str, value: object, usual: object) -> Iterator[None]:
        """Configure the server otherwise for a while."""
        self._direct.config_set(name, value)
        yield
        self._direct.config_set(name, usual)

    def password(self) -> AbstractContextManager[None]:
        """Ask new clients for a password."""
        return self.configured('requirepass', 'secret', '')

    def memory(self) -> AbstractContextManager[None]:
        """Have no memory left."""
        return self.configured('maxmemory', 1, 0)

    @contextmanager
    def replica(self) -> Iterator[None]:
        """Be the replica of a server that does not answer."""
        self._direct.replicaof(HOST, 1)
        yield
        self._direct.replicaof('NO', 'ONE')

    @contextmanager
    def stale(self) -> Iterator[None]:
        """Be such a replica, and do not serve what may have changed."""
        with self.configured('replica-serve-stale-data', 'no', 'yes'), self.replica():
            yield


@pytest.fixture
def failing_redis(redis_server: Server) -> Iterator[Redis]:
    """Give what makes the server fail."""
    with redis.Redis(HOST, redis_server.port, decode_responses=True) as direct:
        yield Redis(direct)


def words(*commands: str) -> list[list[str]]:
    """Return each command as a list of words."""
    return [command.split() for command in commands]


#: What the next user of the connection does.
NEXT = words('get node:there', 'ping', 'get node:a', 'multi', 'exec', 'multi', 'discard')
DISCARDED = 'Transaction discarded because of:'
NOAUTH = 'NOAUTH Authentication required.'
READONLY = "READONLY You can't write against a read only replica."
MASTERDOWN = "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."
OOM = "OOM command not allowed when used memory > 'maxmemory'."
REDIS = [
    Situation(
        'a password is needed',
        [Redis.password, *words('get node:there'), words('set node:a 1', 'get node:a'), *NEXT],
        f"error(match=EXEC, message='EXECABORT {DISCARDED} {NOAUTH}'),error(message='{NOAUTH}')",
        'requirepass',
        'NOAUTH',
    ),
    Situation(
        'no memory is left for a write',
        [Redis.memory, *words('set node:a 1', 'get node:there', 'append node:a 2', 'set node:b 3'), *NEXT],
        f"error(match='/^(SET|APPEND) /', message={OOM!r})",
        'maxmemory',
        'OOM',
    ),
    Situation(
        'no memory is left in a transaction',
        [Redis.memory, words('set node:a 1', 'set node:b 2'), *words('multi', 'set node:a 1', 'exec'), *NEXT],
        f"error(match='SET *', message={OOM!r})",
        'maxmemory',
        'EXECABORT',
    ),
    Situation(
        'a replica is written to',
        [Redis.replica, *words('set node:a 1', 'get node:there', 'append node:a 2', 'set node:b 3'), *NEXT],
        f"error(match='/^(SET|APPEND) /', message={READONLY!r})",
        'REPLICAOF',
        'READONLY',
    ),
    Situation(
        'a replica is written to in a transaction',
        [Redis.replica, words('get node:there', 'set node:a 1', 'get node:a'), *NEXT],
        f"error(match='SET *', message={READONLY!r})",
        'REPLICAOF',
        'EXECABORT',
    ),
    Situation(
        'a replica that has lost its master is read from',
        [Redis.stale, *words('get node:there'), words('get node:there', 'get node:a'), *NEXT],
        f"error(match='/^(GET|PING)/', message={MASTERDOWN!r})",
        'replica-serve-stale-data no',
        'MASTERDOWN',
    ),
]


@pytest.mark.parametrize('situation', REDIS, ids=lambda situation: situation.name)
def test_ioredis(
    drivers: Program, show: Show, redis_server: Server, failing_redis: Redis, situation: Situation
) -> None:
    compare(drivers, show, 'ioredis', redis_server, failing_redis, situation)
