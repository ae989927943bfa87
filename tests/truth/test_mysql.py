"""MySQL: what an error leaves behind, of a MariaDB and made up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import pymysql
import pytest
from pymysql.constants import COMMAND

from tests import servers
from tests.behaviors.waiting import eventually
from tests.servers import Server
from tests.truth.conftest import Show
from tests.truth.mysql_clients import CLIENTS, LOST, Answer, Connector, Failure, PyMySQL
from vaurien import Proxy

Program = Sequence[str]
Rows = Callable[[], list[Any]]

#: Who may not write while the server is read-only.
READER = {'user': 'reader', 'password': 'secret'}

FAIL = 'the statement that fails'
BEFORE, AFTER = 'INSERT INTO truth VALUES (4, 4)', 'INSERT INTO truth VALUES (6, 6)'
#: Refused because of a 3 that is there; and what the table would take.
REFUSED, HEALTHY = 'INSERT INTO truth VALUES (3, 9)', 'INSERT INTO truth VALUES (5, 9)'
FIRST, SECOND = (f'UPDATE truth SET changed = 7 WHERE number = {number}' for number in (1, 2))
ASK, COUNT = 'SELECT @@in_transaction', 'SELECT COUNT(*) FROM truth'

GOING_ON = (FAIL, ASK, AFTER, 'COMMIT', COUNT, ASK)
COMMITTING = ('BEGIN', BEFORE, *GOING_ON)
ROLLING_BACK = ('BEGIN', BEFORE, FAIL, ASK, 'ROLLBACK', COUNT, AFTER, 'COMMIT')
SAVED = ('BEGIN', FIRST, 'SAVEPOINT here', BEFORE, FAIL, 'ROLLBACK TO here', ASK, AFTER, 'COMMIT', COUNT)


def play(client: Any, port: int, program: Program, **given: Any) -> list[Answer]:
    """Return the answers to a *program*."""
    with client.connect(port, **given) as connection:
        return [connection.run(statement) for statement in program]


@pytest.fixture
def rows(mariadb: Server) -> Iterator[Rows]:
    """Return what is in the table ``truth``, and put 1, 2 and 3 there."""
    with set_up(mariadb) as read:
        yield read


@contextmanager
def set_up(server: Server) -> Iterator[Rows]:
    """Create what the programs need."""
    with PyMySQL.connect(server.port, autocommit=True) as direct:

        def run(*statements: str) -> list[Any]:
            told: Any = None
            for statement in statements:
                told = direct.run(statement).told
                assert isinstance(told, list), told
            return list(told)

        run(
            "CREATE USER IF NOT EXISTS reader IDENTIFIED BY 'secret'",
            'GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, LOCK TABLES ON test.* TO reader',
            'CREATE OR REPLACE TABLE truth_other (number int) ENGINE=InnoDB',
            'DROP TABLE IF EXISTS truth_new',
            'CREATE OR REPLACE TABLE truth (number int PRIMARY KEY, changed int CHECK (changed < 100)) ENGINE=InnoDB',
        )

        def read() -> list[Any]:
            found = run('SELECT number, changed FROM truth ORDER BY number')
            run('DELETE FROM truth', 'INSERT INTO truth VALUES (1, 0), (2, 0), (3, 0)')
            return found

        read()
        yield read


# What makes a healthy statement fail


def nothing(server: Server) -> AbstractContextManager[None]:
    return nullcontext()


def wait_for_a_lock(server: Server) -> None:
    with PyMySQL.connect(server.port) as watcher:
        waits = "SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'"
        eventually(lambda: watcher.run(waits).told == [('Innodb_row_lock_current_waits', '1')])


@contextmanager
def row_locked(server: Server) -> Iterator[None]:
    """Have another transaction change row 2."""
    with PyMySQL.connect(server.port) as other:
        other.run('UPDATE truth SET changed = 8 WHERE number = 2')
        yield
        other.run('ROLLBACK')


@contextmanager
def deadlocking(server: Server) -> Iterator[None]:
    """Have another transaction wait for row 1 that has changed row 2, and much more, so that it is not the victim."""
    with PyMySQL.connect(server.port) as other:
        other.run('UPDATE truth SET changed = 8 WHERE number = 2')
        other.run('INSERT INTO truth SELECT seq + 10, 1 FROM seq_1_to_200')
        waiting = threading.Thread(target=other.run, args=('UPDATE truth SET changed = 8 WHERE number = 1',))
        waiting.start()
        wait_for_a_lock(server)
        yield
        waiting.join(servers.TIMEOUT)
        other.run('ROLLBACK')


@contextmanager
def table_in_use(server: Server) -> Iterator[None]:
    """Have another transaction read a table."""
    with PyMySQL.connect(server.port) as other:
        other.run('SELECT * FROM truth_other')
        yield


@contextmanager
def row_changed(server: Server) -> Iterator[None]:
    """Have other transactions change row 2, and change it back."""
    for changed in (8, 0):
        play(PyMySQL, server.port, [f'UPDATE truth SET changed = {changed} WHERE number = 2', 'COMMIT'])
    yield


@contextmanager
def nobody_commits(server: Server) -> Iterator[None]:
    """Have a backup hold the global read lock."""
    with PyMySQL.connect(server.port) as other:
        other.run('FLUSH TABLES WITH READ LOCK')
        yield
        other.run('UNLOCK TABLES')


@contextmanager
def read_only(server: Server) -> Iterator[None]:
    """Have the server be a replica that only reads."""
    with PyMySQL.connect(server.port) as other:
        other.run('SET GLOBAL read_only = 1')
        try:
            yield
        finally:
            other.run('SET GLOBAL read_only = 0')


#: Kills who waits for a row. InnoDB shows transactions as they were a moment ago; the list of what runs is never old.
KILL_WAITING = (
    'BEGIN NOT ATOMIC DECLARE victim int; SELECT id INTO victim FROM'
    " information_schema.processlist WHERE info LIKE 'UPDATE %'; KILL {} victim; END"
)


@contextmanager
def query_killed(server: Server) -> Iterator[None]:
    """Have somebody kill the statement that waits for row 2."""
    with row_locked(server), PyMySQL.connect(server.port) as other:

        def kill() -> None:
            wait_for_a_lock(server)
            other.run(KILL_WAITING.format('QUERY'))

        killing = threading.Thread(target=kill)
        killing.start()
        yield
        killing.join(servers.TIMEOUT)


@dataclass
class Case:
    """A program in which one statement fails: *refused* in a server, *healthy* behind an error that was made up."""

    situation: str
    program: Program
    errno: int
    real: str
    refused: str = REFUSED
    healthy: str = ''
    during: Callable[[Server], AbstractContextManager[None]] = nothing
    given: dict[str, Any] = field(default_factory=dict)

    def compare(self, show: Show, server: Server, rows: Rows, client: Any) -> None:
        """Check that the client cannot tell the two apart, and that the same is in the table."""
        healthy = self.healthy or self.refused
        match = healthy.partition(';')[0]
        index = self.program.index(FAIL)
        nth = self.program[:index].count(healthy) + 1
        show(
            protocol='mysql',
            driver=client.name,
            situation=self.situation,
            fault=f'error(match={match!r}, errno={self.errno})',
            real=self.real,
        )
        real = self.play(client, server.port, self.refused, lambda: self.during(server))
        error = real[index].told
        assert isinstance(error, Failure), error
        assert error.errno == self.errno
        left = rows()
        with Proxy(server.address, 'mysql') as proxy:
            proxy.set_behavior('error', match=match, errno=self.errno, message=error.message, nth=nth)
            assert self.play(client, proxy.address.port, healthy) == real
            assert proxy.status()['faults'] == {'error': 1}
        assert rows() == left

    def play(
        self, client: Any, port: int, failing: str, during: Callable[[], AbstractContextManager[None]] = nullcontext
    ) -> list[Answer]:
        """Run the program with that statement, *during* which something makes it fail."""
        answers = []
        with client.connect(port, **self.given) as connection:
            for statement in self.program:
                if statement == FAIL:
                    with during():
                        answers.append(connection.run(failing))
                else:
                    answers.append(connection.run(statement))
        return answers


every_client = pytest.mark.parametrize('client', CLIENTS, ids=lambda client: client.name)


def cases(*found: Case) -> pytest.MarkDecorator:
    return pytest.mark.parametrize('case', found, ids=lambda case: case.situation)


DUPLICATE: dict[str, Any] = {'errno': 1062, 'real': 'a duplicate key', 'refused': REFUSED, 'healthy': HEALTHY}
#: For statements that find a lock taken.
AT_ONCE = 'SET innodb_lock_wait_timeout = 0, lock_wait_timeout = 0'
WAITS = 'a row that another transaction has locked'
BACKUP = 'a backup that holds the global read lock'
REPLICA = 'a server that is read-only'


@every_client
@cases(
    Case('a statement in a transaction fails, COMMIT all the same', COMMITTING, **DUPLICATE),
    Case('a statement in a transaction fails, ROLLBACK', ROLLING_BACK, **DUPLICATE),
    Case('a statement fails with autocommit off and no BEGIN', (BEFORE, *GOING_ON), **DUPLICATE),
    Case('a statement fails by itself', ('SET autocommit = 1', BEFORE, *GOING_ON), **DUPLICATE),
    Case('a statement fails behind a savepoint, back to it', SAVED, **DUPLICATE),
    Case(
        'the first of two statements in one text fails',
        COMMITTING,
        errno=1062,
        real='a duplicate key',
        refused=f'{REFUSED}; {AFTER}',
        healthy=f'{HEALTHY}; {AFTER}',
    ),
    Case(
        'a value is not allowed, COMMIT all the same',
        COMMITTING,
        errno=4025,
        real='a check constraint',
        refused='INSERT INTO truth VALUES (5, 100)',
        healthy=HEALTHY,
    ),
    Case(
        'a statement is not understood, COMMIT all the same',
        COMMITTING,
        errno=1064,
        real='a syntax error',
        refused='INSERT INTO',
        healthy=HEALTHY,
    ),
    Case(
        'a table is not there, COMMIT all the same',
        COMMITTING,
        errno=1146,
        real='no such table',
        refused='INSERT INTO nowhere VALUES (5)',
        healthy='INSERT INTO truth_other VALUES (5)',
    ),
    Case(
        'a file is not asked for, COMMIT all the same',
        COMMITTING,
        errno=1146,
        real='no such table',
        refused="LOAD DATA LOCAL INFILE 'truth' INTO TABLE nowhere",
        healthy="LOAD DATA LOCAL INFILE 'truth' INTO TABLE truth_other",
    ),
    Case(
        'a statement writes in a transaction that only reads',
        ('START TRANSACTION READ ONLY', COUNT, FAIL, ASK, COUNT, 'COMMIT', AFTER, 'COMMIT'),
        errno=1792,
        real='START TRANSACTION READ ONLY',
        refused=HEALTHY,
    ),
    Case(
        'a replica refuses to write, COMMIT all the same',
        COMMITTING,
        errno=1290,
        real=REPLICA,
        refused=HEALTHY,
        during=read_only,
        given=READER,
    ),
    Case(
        'a statement takes too long, COMMIT all the same',
        COMMITTING,
        errno=1969,
        real=f'max_statement_time, and {WAITS}',
        refused=f'SET STATEMENT max_statement_time = 0.01 FOR {SECOND}',
        healthy=SECOND,
        during=row_locked,
    ),
    Case(
        'a statement is killed, COMMIT all the same',
        COMMITTING,
        errno=1317,
        real=f'KILL QUERY, and {WAITS}',
        refused=SECOND,
        during=query_killed,
    ),
    Case(
        'a lock wait timeout, COMMIT all the same',
        (AT_ONCE, *COMMITTING),
        errno=1205,
        real=WAITS,
        refused=SECOND,
        during=row_locked,
    ),
    Case(
        'a lock wait timeout behind a savepoint',
        (AT_ONCE, *SAVED),
        errno=1205,
        real=WAITS,
        refused=SECOND,
        during=row_locked,
    ),
    Case(
        'a deadlock, COMMIT all the same',
        ('BEGIN', FIRST, *GOING_ON),
        errno=1213,
        real='a deadlock of two connections',
        refused=SECOND,
        during=deadlocking,
    ),
    Case(
        'a deadlock, back to a savepoint',
        SAVED,
        errno=1213,
        real='a deadlock of two connections',
        refused=SECOND,
        during=deadlocking,
    ),
    Case(
        'a deadlock with autocommit off and no BEGIN',
        (FIRST, *GOING_ON),
        errno=1213,
        real='a deadlock of two connections',
        refused=SECOND,
        during=deadlocking,
    ),
    Case(
        'a row has changed since the snapshot, COMMIT all the same',
        ('SET innodb_snapshot_isolation = 1', 'START TRANSACTION WITH CONSISTENT SNAPSHOT', BEFORE, COUNT, *GOING_ON),
        errno=1020,
        real='innodb_snapshot_isolation, and a row that was changed',
        refused='SELECT * FROM truth WHERE number = 2 FOR UPDATE',
        during=row_changed,
    ),
)
def test_a_statement_fails(mariadb: Server, rows: Rows, show: Show, client: Any, case: Case) -> None:
    case.compare(show, mariadb, rows, client)


@pytest.fixture(scope='module')
def strict_mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A MariaDB in which a lock wait timeout rolls the transaction back: that cannot be changed while it runs."""
    with servers.mariadb(tmp_path_factory.mktemp('strict'), '--innodb-rollback-on-timeout=ON') as server:
        yield server


@every_client
@pytest.mark.parametrize('program', [COMMITTING, SAVED], ids=['COMMIT all the same', 'back to a savepoint'])
def test_a_lock_wait_timeout_rolls_back(strict_mariadb: Server, show: Show, client: Any, program: Program) -> None:
    after = 'back to a savepoint' if program is SAVED else 'COMMIT all the same'
    case = Case(
        f'a lock wait timeout with innodb_rollback_on_timeout, {after}',
        (AT_ONCE, *program),
        errno=1205,
        real=f'{WAITS}, in a server with innodb_rollback_on_timeout',
        refused=SECOND,
        during=row_locked,
    )
    with set_up(strict_mariadb) as rows:
        case.compare(show, strict_mariadb, rows, client)


@every_client
@cases(
    *(
        Case(
            f'{statement} fails',
            (AT_ONCE, 'BEGIN', BEFORE, FAIL, ASK, 'COMMIT', COUNT, AFTER, 'COMMIT'),
            errno=1205,
            real=BACKUP,
            refused=statement,
            during=nobody_commits,
        )
        for statement in (
            *('COMMIT', 'COMMIT AND CHAIN', 'COMMIT RELEASE', '/* of an application */ commit work'),
            *('BEGIN', 'START TRANSACTION', 'SET autocommit = 1'),
        )
    ),
    *(
        Case(
            f'a replica refuses {statement}',
            ('BEGIN', BEFORE, FAIL, ASK, 'COMMIT', COUNT, AFTER, 'COMMIT'),
            errno=1290,
            real=REPLICA,
            refused=statement,
            during=read_only,
            given=READER,
        )
        for statement in ('COMMIT', 'BEGIN')
    ),
    Case(
        'COMMIT fails with autocommit off and no BEGIN',
        (AT_ONCE, BEFORE, FAIL, ASK, 'COMMIT', COUNT, AFTER, 'COMMIT'),
        errno=1205,
        real=BACKUP,
        refused='COMMIT',
        during=nobody_commits,
    ),
    Case(
        'there is no such savepoint',
        ('BEGIN', BEFORE, FAIL, ASK, AFTER, 'COMMIT', COUNT, ASK),
        errno=1305,
        real='no such savepoint',
        refused='ROLLBACK TO nowhere',
        healthy='ROLLBACK TO here',
    ),
    Case(
        'a savepoint is not released',
        ('BEGIN', 'SAVEPOINT here', BEFORE, FAIL, ASK, 'ROLLBACK TO here', AFTER, 'COMMIT', COUNT),
        errno=1305,
        real='no such savepoint',
        refused='RELEASE SAVEPOINT nowhere',
        healthy='RELEASE SAVEPOINT here',
    ),
)
def test_the_end_of_a_transaction_fails(mariadb: Server, rows: Rows, show: Show, client: Any, case: Case) -> None:
    case.compare(show, mariadb, rows, client)


@every_client
@pytest.mark.parametrize('commit', ['COMMIT', 'COMMIT AND CHAIN'])
def test_a_commit_is_refused(mariadb: Server, rows: Rows, show: Show, client: Any, commit: str) -> None:
    show(
        protocol='mysql',
        driver=client.name,
        situation=f'the cluster refuses {commit}',
        fault=f'error(match={commit!r}, errno=1213)',
        real='by the manual: "Certification-Based Replication" of Galera Cluster, where a COMMIT that conflicts with'
        ' one of another node fails with 1213, and the transaction is rolled back',
    )
    with Proxy(mariadb.address, 'mysql') as proxy:
        proxy.set_behavior('error', match=commit, errno=1213, times=1)
        answers = play(client, proxy.address.port, ['BEGIN', BEFORE, commit, ASK, 'COMMIT', COUNT, AFTER, 'COMMIT'])
    assert isinstance(answers[2].told, Failure)
    assert [answer.told for answer in answers[3:6]] == [[(0,)], [], [(3,)]]
    assert rows() == [(1, 0), (2, 0), (3, 0), (6, 6)]


DEFINING = ('BEGIN', BEFORE, FAIL, ASK, 'ROLLBACK', AFTER, 'COMMIT', COUNT)
NO_TABLE: dict[str, Any] = {'errno': 1146, 'real': 'no such table'}


@every_client
@cases(
    Case(
        'CREATE TABLE fails in a transaction',
        DEFINING,
        errno=1050,
        real='a table that exists',
        refused='CREATE TABLE truth (number int)',
        healthy='CREATE TABLE truth_new (number int)',
    ),
    Case(
        'CREATE TEMPORARY TABLE fails in a transaction',
        DEFINING,
        errno=1060,
        real='a column that exists',
        refused='CREATE TEMPORARY TABLE truth_new (a int, a int)',
        healthy='CREATE TEMPORARY TABLE truth_new (a int)',
    ),
    Case(
        'CREATE TABLE is not understood in a transaction',
        DEFINING,
        errno=1064,
        real='a syntax error',
        refused='CREATE TABLE',
        healthy='CREATE TABLE truth_new (number int)',
    ),
    Case(
        'a replica refuses CREATE TABLE in a transaction',
        DEFINING,
        errno=1290,
        real=REPLICA,
        refused='CREATE TABLE truth_new (number int)',
        during=read_only,
        given=READER,
    ),
    Case(
        'ALTER TABLE fails in a transaction',
        DEFINING,
        **NO_TABLE,
        refused='ALTER TABLE nowhere ADD added int',
        healthy='ALTER TABLE truth_other ADD added int',
    ),
    Case(
        'ALTER TABLE waits for too long in a transaction',
        (AT_ONCE, *DEFINING),
        errno=1205,
        real='a table that another transaction has read',
        refused='ALTER TABLE truth_other ADD added int',
        during=table_in_use,
    ),
    Case(
        'TRUNCATE fails in a transaction',
        DEFINING,
        **NO_TABLE,
        refused='TRUNCATE nowhere',
        healthy='TRUNCATE truth_other',
    ),
    Case(
        'DROP TABLE fails in a transaction',
        DEFINING,
        errno=1051,
        real='no such table',
        refused='DROP TABLE nowhere',
        healthy='DROP TABLE truth_other',
    ),
    Case(
        'a user is not created in a transaction',
        DEFINING,
        errno=1396,
        real='a user that exists',
        refused='CREATE USER reader',
        healthy='CREATE USER truthful',
    ),
    Case(
        'LOCK TABLES fails in a transaction',
        DEFINING,
        **NO_TABLE,
        refused='LOCK TABLES nowhere WRITE',
        healthy='LOCK TABLES truth_other WRITE',
    ),
    Case(
        'LOCK TABLES waits for too long in a transaction',
        (AT_ONCE, *DEFINING),
        errno=1205,
        real='a table that another transaction has read',
        refused='LOCK TABLES truth_other WRITE',
        during=table_in_use,
    ),
    Case(
        'LOCK TABLES fails while other tables are locked',
        ('LOCK TABLES truth WRITE', BEFORE, FAIL, ASK, 'SELECT * FROM truth_other', 'ROLLBACK', AFTER, 'COMMIT', COUNT),
        **NO_TABLE,
        refused='LOCK TABLES nowhere WRITE',
        healthy='LOCK TABLES truth_other WRITE',
    ),
    Case(
        'CREATE TABLE fails while tables are locked',
        ('LOCK TABLES truth WRITE', BEFORE, FAIL, ASK, 'SELECT * FROM truth_other', 'ROLLBACK', AFTER, 'COMMIT', COUNT),
        errno=1050,
        real='a table that exists',
        refused='CREATE TABLE truth (number int)',
        healthy='CREATE TABLE truth_new (number int)',
    ),
)
def test_a_definition_fails(mariadb: Server, rows: Rows, show: Show, client: Any, case: Case) -> None:
    """The transaction before it is committed, if the server gets as far."""
    case.compare(show, mariadb, rows, client)


@every_client
@cases(
    Case(
        'there is no such database to use',
        ('BEGIN', BEFORE, FAIL, 'SELECT DATABASE()', ASK, AFTER, 'COMMIT', COUNT),
        errno=1049,
        real='no such database',
        refused='USE nowhere',
        healthy='USE information_schema',
    ),
    Case(
        'a variable is not set',
        ('BEGIN', BEFORE, FAIL, 'SELECT @@sort_buffer_size', ASK, AFTER, 'COMMIT', COUNT),
        errno=1232,
        real='a value that is not allowed',
        refused="SET sort_buffer_size = 'x'",
        healthy='SET sort_buffer_size = 99999',
    ),
    Case(
        'autocommit is not turned on',
        ('BEGIN', BEFORE, FAIL, 'SELECT @@autocommit', ASK, 'ROLLBACK', COUNT, AFTER, 'COMMIT'),
        errno=1231,
        real='a value that is not allowed',
        refused="SET autocommit = 'x'",
        healthy='SET autocommit = 1',
    ),
    Case(
        'PREPARE of a name that is taken fails',
        ("PREPARE it FROM 'SELECT 1'", 'EXECUTE it', FAIL, 'EXECUTE it', ASK, 'DEALLOCATE PREPARE it', COUNT, ASK),
        errno=1064,
        real='a syntax error',
        refused="PREPARE it FROM 'SELECT FROM'",
        healthy="PREPARE it FROM 'SELECT 2'",
    ),
    Case(
        'EXECUTE of a name that is not known',
        ("PREPARE it FROM 'SELECT 1'", 'BEGIN', BEFORE, FAIL, 'EXECUTE it', ASK, AFTER, 'COMMIT', COUNT),
        errno=1243,
        real='a name that is not known',
        refused='EXECUTE nothing',
        healthy='EXECUTE it',
    ),
)
def test_what_is_refused_has_not_changed(mariadb: Server, rows: Rows, show: Show, client: Any, case: Case) -> None:
    case.compare(show, mariadb, rows, client)


@pytest.fixture
def rows_of_xa(mariadb: Server, rows: Rows) -> Iterator[Rows]:
    """Return the rows, and leave no transaction for somebody else to decide on."""

    def read() -> list[Any]:
        with PyMySQL.connect(mariadb.port) as direct:
            prepared = direct.run('XA RECOVER').told
            assert isinstance(prepared, list)
            for *_, name in prepared:
                direct.run(f"XA ROLLBACK '{name}'")
        return rows()

    yield read
    read()


IDLE = (AT_ONCE, "XA START 'truth'", BEFORE, "XA END 'truth'")
COMMIT_XA, ROLL_BACK_XA, ONE_PHASE = "XA COMMIT 'truth'", "XA ROLLBACK 'truth'", "XA COMMIT 'truth' ONE PHASE"


@every_client
@cases(
    Case(
        'XA PREPARE fails',
        (*IDLE, FAIL, COMMIT_XA, ROLL_BACK_XA, COUNT, AFTER, 'COMMIT'),
        errno=1205,
        real=BACKUP,
        refused="XA PREPARE 'truth'",
        during=nobody_commits,
    ),
    Case(
        'XA COMMIT ONE PHASE fails',
        (*IDLE, FAIL, ONE_PHASE, ROLL_BACK_XA, COUNT, AFTER, 'COMMIT'),
        errno=1205,
        real=BACKUP,
        refused=ONE_PHASE,
        during=nobody_commits,
    ),
    Case(
        'XA COMMIT fails, again',
        (*IDLE, "XA PREPARE 'truth'", FAIL, COMMIT_XA, COMMIT_XA, ASK, COUNT, AFTER, 'COMMIT'),
        errno=1205,
        real=BACKUP,
        refused=COMMIT_XA,
        during=nobody_commits,
    ),
    Case(
        'XA COMMIT fails, XA ROLLBACK',
        (*IDLE, "XA PREPARE 'truth'", FAIL, ROLL_BACK_XA, ROLL_BACK_XA, ASK, COUNT, AFTER, 'COMMIT'),
        errno=1205,
        real=BACKUP,
        refused=COMMIT_XA,
        during=nobody_commits,
    ),
    Case(
        'XA ROLLBACK fails, again',
        (*IDLE, FAIL, ROLL_BACK_XA, ROLL_BACK_XA, ASK, COUNT, AFTER, 'COMMIT'),
        errno=1205,
        real=BACKUP,
        refused=ROLL_BACK_XA,
        during=nobody_commits,
    ),
    Case(
        'XA END of another transaction',
        ("XA START 'truth'", BEFORE, FAIL, "XA END 'truth'", ONE_PHASE, ASK, COUNT, AFTER, 'COMMIT'),
        errno=1397,
        real='a name that is not known',
        refused="XA END 'nothing'",
        healthy="XA END 'truth'",
    ),
    Case(
        'COMMIT in an XA transaction',
        ("XA START 'truth'", BEFORE, FAIL, ASK, "XA END 'truth'", ONE_PHASE, COUNT, AFTER, 'COMMIT'),
        errno=1399,
        real='an XA transaction',
        refused='COMMIT',
    ),
    Case(
        'ALTER TABLE in an XA transaction',
        ("XA START 'truth'", BEFORE, FAIL, ASK, "XA END 'truth'", ONE_PHASE, COUNT, AFTER, 'COMMIT'),
        errno=1399,
        real='an XA transaction',
        refused='ALTER TABLE truth_other ADD added int',
    ),
    Case(
        'SAVEPOINT behind XA END',
        (*IDLE, FAIL, 'ROLLBACK TO here', ASK, ONE_PHASE, COUNT, AFTER, 'COMMIT'),
        errno=1399,
        real='an XA transaction',
        refused='SAVEPOINT here',
    ),
    Case(
        'XA START in a transaction',
        ('BEGIN', BEFORE, FAIL, ASK, "XA END 'truth'", AFTER, 'COMMIT', COUNT),
        errno=1400,
        real='a transaction',
        refused="XA START 'truth'",
    ),
)
def test_a_distributed_transaction_fails(
    mariadb: Server, rows_of_xa: Rows, show: Show, client: Any, case: Case
) -> None:
    case.compare(show, mariadb, rows_of_xa, client)


def test_a_deadlock_in_a_distributed_transaction(mariadb: Server, rows: Rows) -> None:
    """Nobody but the client knows its name, so that it ends with the connection."""
    with Proxy(mariadb.address, 'mysql') as proxy:
        proxy.set_behavior('error', match=SECOND, errno=1213)
        *_, failed, after = play(PyMySQL, proxy.address.port, ["XA START 'truth'", FIRST, SECOND, "XA END 'truth'"])
        assert isinstance(failed.told, Failure)
        assert failed.told.errno == 1213
        assert after.told == LOST
    assert rows() == [(1, 0), (2, 0), (3, 0)]


@every_client
@pytest.mark.parametrize('errno', [1402, 1613, 1614])
def test_a_distributed_transaction_was_rolled_back(
    mariadb: Server, rows_of_xa: Rows, show: Show, client: Any, errno: int
) -> None:
    show(
        protocol='mysql',
        driver=client.name,
        situation=f'XA END finds that the transaction was rolled back ({errno})',
        fault=f"error(match='XA END*', errno={errno})",
        real='by the manual: "XA Transaction States", where XA ROLLBACK is what is left to do then',
    )
    with Proxy(mariadb.address, 'mysql') as proxy:
        proxy.set_behavior('error', match='XA END*', errno=errno, times=1)
        program = ["XA START 'truth'", BEFORE, "XA END 'truth'", BEFORE, "XA END 'truth'", ROLL_BACK_XA, COUNT, AFTER]
        answers = play(client, proxy.address.port, [*program, 'COMMIT'])
        errors = [answer.told.errno if isinstance(answer.told, Failure) else 0 for answer in answers]
        assert errors == [0, 0, errno, 1399, 1399, 0, 0, 0, 0]
    assert rows_of_xa() == [(1, 0), (2, 0), (3, 0), (6, 6)]


# Connections

#: The session, as a change of user leaves it.
SESSION = 'SELECT USER(), DATABASE(), @mine, @@autocommit, @@sql_mode, @@character_set_client, @@collation_connection'


@pytest.mark.parametrize(
    ('errno', 'why', 'real'),
    [
        (1045, 'a wrong password', {'password': 'wrong'}),
        (1049, 'a database that is not there', {'database': 'nowhere'}),
    ],
)
def test_a_change_of_user_fails(
    mariadb: Server, rows: Rows, show: Show, errno: int, why: str, real: dict[str, str]
) -> None:
    """The session is new all the same, with the user and the database of before."""
    show(
        protocol='mysql',
        driver=Connector.name,
        situation=f'a change of user fails because of {why}',
        fault=f"error(match='CHANGE_USER*', errno={errno})",
        real=why,
    )

    def program(port: int, change: dict[str, str]) -> list[Answer]:
        before = ("SET @mine = 1, sql_mode = '', NAMES latin5", 'CREATE TEMPORARY TABLE truth_new (number int)')
        after = (SESSION, 'SELECT * FROM truth_new', ASK, AFTER, COUNT, 'SELECT 1')
        with Connector.connect(port) as client:
            login = {'username': 'tester', 'password': 'secret', 'database': 'test', **change}
            answers = [client.run(statement) for statement in (*before, 'BEGIN', BEFORE)]
            answers.append(client.ask(lambda: client.connection.cmd_change_user(**login)))
            return answers + [client.run(statement) for statement in after]

    expected = program(mariadb.port, real)
    error = expected[4].told
    assert isinstance(error, Failure)
    left = rows()
    with Proxy(mariadb.address, 'mysql') as proxy:
        proxy.set_behavior('error', match='CHANGE_USER*', errno=errno, message=error.message)
        assert program(proxy.address.port, {}) == expected
    assert rows() == left


@every_client
def test_a_database_is_not_chosen(mariadb: Server, rows: Rows, show: Show, client: Any) -> None:
    show(
        protocol='mysql',
        driver=client.name,
        situation='a database is not chosen (COM_INIT_DB)',
        fault="error(match='INIT_DB*', errno=1049)",
        real='no such database',
    )

    def program(port: int, database: str) -> list[Answer]:
        with client.connect(port) as connection:
            answers = [connection.run(statement) for statement in ('BEGIN', BEFORE)]
            answers.append(connection.choose_database(database))
            return answers + [connection.run(each) for each in ('SELECT DATABASE()', ASK, AFTER, 'COMMIT', COUNT)]

    expected = program(mariadb.port, 'nowhere')
    error = expected[2].told
    assert isinstance(error, Failure)
    left = rows()
    with Proxy(mariadb.address, 'mysql') as proxy:
        proxy.set_behavior('error', match='INIT_DB*', errno=1049, message=error.message)
        assert program(proxy.address.port, 'information_schema') == expected
    assert rows() == left


def log_in(client: Any, port: int, **given: Any) -> Any:
    """Return what a client sees that logs in and asks for something."""

    def act() -> object:
        with client.connect(port, **given) as connection:
            return connection.execute('SELECT 1')

    return client.try_to(act)


@every_client
def test_a_login_fails(mariadb: Server, show: Show, client: Any) -> None:
    show(
        protocol='mysql',
        driver=client.name,
        situation='a login fails, and succeeds then',
        fault="error(match='login*', errno=1045)",
        real='a wrong password',
    )
    real = log_in(client, mariadb.port, password='wrong')
    assert real.errno == 1045
    with Proxy(mariadb.address, 'mysql') as proxy:
        message = real.message.removeprefix('1045 (28000): ')
        proxy.set_behavior('error', match='login*', errno=1045, message=message, times=1)
        assert log_in(client, proxy.address.port) == real
        assert log_in(client, proxy.address.port) == [(1,)]


@every_client
def test_there_are_too_many_connections(mariadb: Server, show: Show, client: Any) -> None:
    show(
        protocol='mysql',
        driver=client.name,
        situation='too many connections, and fewer then',
        fault='error(nth=1)',
        real='max_connections',
    )
    with PyMySQL.connect(mariadb.port) as direct, ExitStack() as others:
        direct.run('SET GLOBAL max_connections = 10')  # it cannot be fewer
        try:
            while client.try_to(lambda: others.enter_context(client.connect(mariadb.port))) == []:
                pass
            real = log_in(client, mariadb.port)
        finally:
            direct.run('SET GLOBAL max_connections = 500')
    assert real.errno == 1040
    with Proxy(mariadb.address, 'mysql') as proxy:
        proxy.set_behavior('error', nth=1)
        assert log_in(client, proxy.address.port) == real
        assert log_in(client, proxy.address.port) == [(1,)]


@contextmanager
def small_packets(server: Server) -> Iterator[None]:
    """Have the server take statements of up to 1 MiB from whoever connects."""
    with PyMySQL.connect(server.port) as direct:
        direct.run('SET GLOBAL max_allowed_packet = 1048576')
        try:
            yield
        finally:
            direct.run('SET GLOBAL max_allowed_packet = 1073741824')


LARGE = f"DO LENGTH('{'x' * 1_048_600}')"


@every_client
@pytest.mark.parametrize(
    ('situation', 'errno', 'real', 'refused', 'healthy', 'around'),
    [
        ('a session ends itself', 1927, 'KILL', 'KILL CONNECTION_ID()', 'DO LENGTH(1)', nothing),
        ('a statement is too large', 1153, 'max_allowed_packet', LARGE, LARGE, small_packets),
    ],
    ids=['KILL', 'max_allowed_packet'],
)
def test_a_fatal_error(
    mariadb: Server,
    rows: Rows,
    show: Show,
    client: Any,
    situation: str,
    errno: int,
    real: str,
    refused: str,
    healthy: str,
    around: Callable[[Server], AbstractContextManager[None]],
) -> None:
    show(
        protocol='mysql',
        driver=client.name,
        situation=f'{situation}, COMMIT all the same',
        fault=f"error(match='DO LENGTH*', errno={errno})",
        real=real,
    )

    def program(port: int, statement: str) -> list[Answer]:
        return play(client, port, ['BEGIN', BEFORE, statement, 'SELECT 1', 'COMMIT'])

    with around(mariadb):
        runs = (program(mariadb.port, refused) for _ in range(1000))
        # The server may be faster to close than the client is to read the error.
        expected = next(answers for answers in runs if answers[2].told != LOST)
    error = expected[2].told
    assert isinstance(error, Failure)
    assert [answer.told for answer in expected[3:]] == [LOST, LOST]
    assert rows() == [(1, 0), (2, 0), (3, 0)]
    with Proxy(mariadb.address, 'mysql') as proxy:
        proxy.set_behavior('error', match='DO LENGTH*', errno=errno, message=error.message)
        assert program(proxy.address.port, healthy) == expected
    assert rows() == [(1, 0), (2, 0), (3, 0)]


@every_client
def test_somebody_kills_the_session(mariadb: Server, rows: Rows, show: Show, client: Any) -> None:
    show(
        protocol='mysql',
        driver=client.name,
        situation='somebody kills the session in a statement',
        fault=f'blackout(match={SECOND!r})',
        real=f'KILL, and {WAITS}',
    )
    program = ['BEGIN', BEFORE, SECOND, 'SELECT 1', 'COMMIT']
    with row_locked(mariadb), PyMySQL.connect(mariadb.port) as other:

        def kill() -> None:
            wait_for_a_lock(mariadb)
            other.run(KILL_WAITING.format('CONNECTION'))

        killing = threading.Thread(target=kill)
        killing.start()
        expected = play(client, mariadb.port, program)
        killing.join(servers.TIMEOUT)
    assert [answer.told for answer in expected[2:]] == [LOST, LOST, LOST]
    left = rows()
    with Proxy(mariadb.address, 'mysql') as proxy:
        proxy.set_behavior('blackout', match=SECOND)
        assert play(client, proxy.address.port, program) == expected
    assert rows() == left == [(1, 0), (2, 0), (3, 0)]


@pytest.mark.parametrize('errno', [1053, 1153, 1927, 3169, 4031])
@pytest.mark.parametrize('size', [10, 17_000_000, 40_000_000])
def test_a_fatal_error_to_a_statement_of_any_size(mariadb: Server, rows: Rows, size: int, errno: int) -> None:
    """The error has the number of the next packet, and the server rolls back."""
    with Proxy(mariadb.address, 'mysql') as proxy, PyMySQL.connect(proxy.address.port) as client:
        client.run(BEFORE)
        proxy.set_behavior('error', match='UPDATE*', errno=errno)
        failed = client.run(f'UPDATE truth SET changed = length({"x" * size!r})').told
        assert isinstance(failed, Failure)
        assert failed.errno == errno
        assert client.run('SELECT 1').told == LOST
    assert rows() == [(1, 0), (2, 0), (3, 0)]


@pytest.mark.parametrize(('errno', 'commits'), [(1927, True), (1053, True), (1153, False)])
def test_a_fatal_error_to_a_definition(mariadb: Server, rows: Rows, errno: int, commits: bool) -> None:
    """Who is killed in the middle of it has committed before."""
    definition = 'ALTER TABLE truth_other ADD added int'
    with Proxy(mariadb.address, 'mysql') as proxy:
        proxy.set_behavior('error', match=definition, errno=errno)
        *_, failed, after = play(PyMySQL, proxy.address.port, ['BEGIN', BEFORE, definition, 'SELECT 1'])
    assert isinstance(failed.told, Failure)
    assert (failed.told.errno, after.told) == (errno, LOST)
    assert rows() == [(1, 0), (2, 0), (3, 0)] + [(4, 4)] * commits


# Prepared statements


INSERT = 'INSERT INTO truth VALUES (?, ?)'


def test_an_execution_fails(mariadb: Server, rows: Rows, show: Show) -> None:
    show(
        protocol='mysql',
        driver=Connector.name,
        situation='an execution of a prepared statement fails, COMMIT all the same',
        fault=f'error(match={INSERT!r}, errno=1062, nth=1)',
        real='a duplicate key',
    )

    def program(port: int, number: int) -> list[Answer]:
        with Connector.connect(port) as client:
            return [
                client.run('BEGIN'),
                client.run(INSERT, number, 1),
                *(client.run(statement) for statement in (ASK, AFTER, 'COMMIT', COUNT, ASK)),
            ]

    expected = program(mariadb.port, 3)
    error = expected[1].told
    assert isinstance(error, Failure)
    left = rows()
    with Proxy(mariadb.address, 'mysql') as proxy:
        message = error.message.removeprefix('1062 (23000): ')
        proxy.set_behavior('error', match=INSERT, errno=1062, message=message, nth=1)
        assert program(proxy.address.port, 7) == expected
    assert rows() == left


def test_a_preparation_is_refused(mariadb: Server, rows: Rows, show: Show) -> None:
    show(
        protocol='mysql',
        driver=Connector.name,
        situation='a statement in a transaction is not prepared, COMMIT all the same',
        fault=f"error(match='PREPARE {INSERT}', errno=1146)",
        real='no such table',
    )

    def program(port: int, table: str) -> list[Answer]:
        with Connector.connect(port) as client:
            return [
                *(client.run(statement) for statement in ('BEGIN', BEFORE)),
                client.run(f'INSERT INTO {table} VALUES (?, ?)', 7, 7),
                *(client.run(statement) for statement in (ASK, AFTER, 'COMMIT', COUNT, ASK)),
            ]

    expected = program(mariadb.port, 'nowhere')
    error = expected[2].told
    assert isinstance(error, Failure)
    left = rows()
    with Proxy(mariadb.address, 'mysql') as proxy:
        proxy.set_behavior('error', match=f'PREPARE {INSERT}', errno=1146, message=error.message)
        assert program(proxy.address.port, 'truth') == expected
    assert rows() == left


class Wire:
    """Commands that no driver sends so."""

    def __init__(self, client: PyMySQL) -> None:
        self.connection = client.connection

    def ask(self, command: int, argument: bytes, packets: int = 1) -> list[bytes | int]:
        """Send a command; return the packets of the reply, up to an error, of which the number."""
        self.connection._execute_command(command, argument)
        return [self._read() for _ in range(packets)]

    def flight(self, *commands: tuple[int, bytes]) -> list[bytes | int]:
        """Send commands in one flight; return the first packet of each reply."""
        data = (bytes([command]) + argument for command, argument in commands)
        self.connection._write_bytes(b''.join(len(each).to_bytes(4, 'little') + each for each in data))
        answers = []
        for _ in commands:
            self.connection._next_seq_id = 1
            answers.append(self._read())
        return answers

    def _read(self) -> bytes | int:
        try:
            return bytes(self.connection._read_packet()._data)
        except pymysql.MySQLError as error:
            number: int = error.args[0]
            return number

    def prepare(self, statement: bytes, packets: int) -> bytes:
        """Return the number of a statement."""
        first = self.ask(COMMAND.COM_STMT_PREPARE, statement, packets)[0]
        assert isinstance(first, bytes)
        return first[1:5]


@pytest.fixture
def wires(mariadb: Server, rows: Rows) -> Iterator[tuple[Wire, Wire, Proxy]]:
    """Return a connection to the server, and one through a proxy."""
    with (
        Proxy(mariadb.address, 'mysql') as proxy,
        PyMySQL.connect(mariadb.port, autocommit=True) as direct,
        PyMySQL.connect(proxy.address.port, autocommit=True) as client,
    ):
        yield Wire(direct), Wire(client), proxy


ONCE = (1).to_bytes(4, 'little')
LATEST = b'\xff' * 4


def test_nothing_was_prepared_last(wires: tuple[Wire, Wire, Proxy], rows: Rows, show: Show) -> None:
    """What was prepared before is not executed in its place."""
    show(
        protocol='mysql',
        driver='pymysql',
        situation='a preparation fails, and in the same flight what was prepared last is executed',
        fault="error(match='PREPARE INSERT*', errno=1064)",
        real='a syntax error',
    )

    def program(wire: Wire, statement: bytes) -> list[bytes | int]:
        wire.prepare(b'DELETE FROM truth', 1)
        return wire.flight(
            (COMMAND.COM_STMT_PREPARE, statement), (COMMAND.COM_STMT_EXECUTE, LATEST + b'\0' + ONCE)
        ) + wire.ask(COMMAND.COM_PING, b'')

    direct, client, proxy = wires
    real = program(direct, b'INSERT INTO')
    assert real[:2] == [1064, 1243]
    proxy.set_behavior('error', match='PREPARE INSERT*', errno=1064)
    assert program(client, HEALTHY.encode()) == real
    assert rows() == [(1, 0), (2, 0), (3, 0)]


def insert(wire: Wire, statement: bytes, number: int, *long: bytes) -> list[bytes | int]:
    """Execute an INSERT, with long data for its second value."""
    for part in long:
        wire.ask(COMMAND.COM_STMT_SEND_LONG_DATA, statement + b'\1\0' + part, 0)
    types = b'\0\1\x08\0\xfc\0'
    return wire.ask(COMMAND.COM_STMT_EXECUTE, statement + b'\0' + ONCE + types + number.to_bytes(8, 'little'))


def test_long_data_are_gone(wires: tuple[Wire, Wire, Proxy], rows: Rows, show: Show) -> None:
    """They are not put before those for the next execution."""
    show(
        protocol='mysql',
        driver='pymysql',
        situation='an execution with long data fails, and the next has others',
        fault=f'error(match={INSERT!r}, errno=1062, nth=1)',
        real='a duplicate key',
    )

    def program(wire: Wire, number: int) -> list[bytes | int]:
        statement = wire.prepare(INSERT.encode(), 4)
        return [*insert(wire, statement, number, b'1', b'1'), *insert(wire, statement, 6, b'2'), *wire.ask(0x0E, b'')]

    direct, client, proxy = wires
    real = program(direct, 3)
    left = rows()
    assert real[0] == 1062
    proxy.set_behavior('error', match=INSERT, errno=1062, nth=1)
    assert program(client, 5) == real
    assert rows() == left == [(1, 0), (2, 0), (3, 0), (6, 2)]


def test_long_data_are_refused(wires: tuple[Wire, Wire, Proxy], rows: Rows, show: Show) -> None:
    """They have no reply: the execution gets the error."""
    show(
        protocol='mysql',
        driver='pymysql',
        situation='a part of long data is refused, then an execution, a reset, and another',
        fault="error(match='SEND_LONG_DATA*', errno=1210, nth=2)",
        real='no such parameter',
    )

    def program(wire: Wire, parameter: int) -> list[bytes | int]:
        statement = wire.prepare(INSERT.encode(), 4)
        for part in (b'\1\0' + b'8', bytes([parameter]) + b'\0' + b'9'):
            wire.ask(COMMAND.COM_STMT_SEND_LONG_DATA, statement + part, 0)
        return [
            *insert(wire, statement, 6),
            *wire.ask(COMMAND.COM_STMT_RESET, statement),
            *(*insert(wire, statement, 7, b'7'), *wire.ask(COMMAND.COM_PING, b'')),
        ]

    direct, client, proxy = wires
    real = program(direct, 9)
    left = rows()
    assert real[0] == 1210
    proxy.set_behavior('error', match='SEND_LONG_DATA*', errno=1210, nth=2)
    assert program(client, 1) == real
    assert rows() == left == [(1, 0), (2, 0), (3, 0), (7, 7)]


def test_a_cursor_is_closed(wires: tuple[Wire, Wire, Proxy], show: Show) -> None:
    """The rows of the execution before are not fetched in the place of its own."""
    show(
        protocol='mysql',
        driver='pymysql',
        situation='an execution fails while its cursor is open, and rows are fetched',
        fault="error(match='SELECT*', errno=1146, nth=2)",
        real='no such table',
    )

    def program(wire: Wire, before: bytes) -> list[bytes | int]:
        statement = wire.prepare(b'SELECT number FROM truth_other', 3)
        execution = statement + b'\1' + ONCE
        row = statement + ONCE
        return [
            *(*wire.ask(COMMAND.COM_STMT_EXECUTE, execution, 3), *wire.ask(COMMAND.COM_STMT_FETCH, row, 2)),
            *wire.ask(COMMAND.COM_QUERY, before),
            *(*wire.ask(COMMAND.COM_STMT_EXECUTE, execution), *wire.ask(COMMAND.COM_STMT_FETCH, row)),
            *wire.ask(COMMAND.COM_PING, b''),
        ]

    direct, client, proxy = wires
    assert direct.ask(COMMAND.COM_QUERY, b'INSERT INTO truth_other VALUES (1), (2), (3)')
    proxy.set_behavior('error', match='SELECT*', errno=1146, nth=2)
    injected = program(client, b'DO 1')
    assert injected[-3:-1] == [1146, 1421]
    assert program(direct, b'DROP TABLE truth_other') == injected
