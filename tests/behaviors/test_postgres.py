"""PostgreSQL through the proxy: what the driver ``psycopg`` and the command ``psql`` make of each behavior."""

from __future__ import annotations

import asyncio
import logging
import os
import select
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import asyncpg
import psycopg
import pytest
from psycopg.pq import DiagnosticField, ExecStatus, TransactionStatus

from tests.behaviors.talk import connect
from tests.peers import RawBackend
from tests.servers import HOST, LARGE, TIMEOUT, Server, command_path
from vaurien import Proxy

#: Behavior -> what `raised` gives.
RAISES: dict[str, str] = {
    'dummy': 'nothing',
    'delay': 'nothing, later',
    'error': 'psycopg.errors.AdminShutdown 57P01',
    'transient': 'psycopg.errors.AdminShutdown 57P01, then nothing',
    'hang': 'psycopg.errors.ConnectionTimeout',
    'blackout': 'psycopg.OperationalError',
    'abort': 'psycopg.OperationalError',
}
OPTIONS: dict[str, dict[str, Any]] = {'delay': {'sleep': 0.1}, 'transient': {'agitate': 1}}
FAILURE = {'sqlstate': '40001'}
VALUE = LARGE[: 3 * 1024 * 1024]
DATABASE = {'host': HOST, 'user': 'tester', 'password': 'secret', 'dbname': 'postgres'}


def enter(proxy: Proxy, **given: Any) -> psycopg.Connection[Any]:
    """Return a connection whose first exchange is its startup."""
    options = {**DATABASE, 'port': proxy.address.port, 'sslmode': 'disable', 'autocommit': True, **given}
    return psycopg.connect(**options)


def raised(ask: Callable[[], object]) -> str:
    """Return the full name of what *ask* raises, and its SQLSTATE."""
    try:
        ask()
    except psycopg.Error as error:
        # psycopg calls its classes by where they are to be imported from.
        return ' '.join(filter(None, [f'{type(error).__module__}.{type(error).__qualname__}', error.sqlstate]))
    return 'nothing'


def check(expected: str, ask: Callable[[], object]) -> None:
    """Check that *ask* raises what the table says, when it says."""
    first, _, then = expected.partition(', ')
    began = time.monotonic()
    assert raised(ask) == first
    if then == 'later':
        assert time.monotonic() - began >= OPTIONS['delay']['sleep']


def one(connection: psycopg.Connection[Any], statement: str = 'SELECT 1', *values: object) -> Any:
    """Return the one value that *statement* gives."""
    row = connection.execute(statement, values or None).fetchone()
    assert row is not None
    return row[0]


def next_result(connection: psycopg.Connection[Any]) -> Any:
    """Return the next result of libpq, whose own way to wait would stop every thread, that of the proxy included."""
    pgconn = connection.pgconn
    while pgconn.flush():
        select.select([], [pgconn.socket], [], TIMEOUT)
    while pgconn.is_busy():
        assert select.select([pgconn.socket], [], [], TIMEOUT)[0], 'no result'
        pgconn.consume_input()
    return pgconn.get_result()


class TestDummy:
    """Tests that nothing is to be seen of the proxy."""

    def test_values(self, postgres: Server) -> None:
        with Proxy(postgres.address, 'postgres') as proxy, enter(proxy, sslmode='prefer') as connection:
            assert one(connection) == 1
            assert one(connection, 'SELECT %s::text', 'a') == 'a'
            for number in range(8):  # prepared from the sixth on
                assert one(connection, 'SELECT %s + 1', number) == number + 1
            assert one(connection, 'SELECT %b', VALUE) == VALUE
            text = VALUE.hex()
            assert psycopg.ClientCursor(connection).execute('SELECT %s', (text,)).fetchone() == (text,)
            with pytest.raises(psycopg.errors.UndefinedTable):
                one(connection, 'SELECT * FROM missing')
            assert proxy.status()['faults'] == {}

    def test_pipeline(self, postgres: Server) -> None:
        with Proxy(postgres.address, 'postgres') as proxy, enter(proxy) as connection:
            with connection.pipeline():
                cursors = [connection.execute('SELECT %s', (number,)) for number in range(300)]
                assert cursors[7].fetchone() == (7,)
                cursors += [connection.execute('SELECT %s', (number,)) for number in range(300, 400)]
            assert [cursor.fetchone() for cursor in cursors[8:]] == [(number,) for number in range(8, 400)]

    def test_copy(self, postgres: Server) -> None:
        rows = [(number, VALUE[number : number + 2000]) for number in range(1000)]
        with Proxy(postgres.address, 'postgres') as proxy, enter(proxy) as connection:
            cursor = connection.cursor()
            cursor.execute('CREATE TEMPORARY TABLE copied (id int, value bytea)')
            with cursor.copy('COPY copied FROM STDIN') as copy:
                for row in rows:
                    copy.write_row(row)
            with cursor.copy('COPY copied TO STDOUT (FORMAT binary)') as copy:
                copy.set_types(['int4', 'bytea'])
                assert list(copy.rows()) == rows
            with pytest.raises(psycopg.errors.BadCopyFileFormat), cursor.copy('COPY copied FROM STDIN') as copy:
                copy.write(b'1\n' * 100_000)
            assert one(connection, 'SELECT count(*) FROM copied') == len(rows)

    def test_copy_by_a_batch(self, postgres: Server) -> None:
        """The server ignores the Sync before the COPY."""
        with Proxy(postgres.address, 'postgres') as proxy, enter(proxy) as connection:
            connection.execute('CREATE TEMPORARY TABLE copied (id int)')
            proxy.set_behavior('delay', sleep=0.01, before=False)
            for end in (None, b'changed my mind'):
                pgconn = connection.pgconn
                pgconn.send_query_params(b'COPY copied FROM STDIN', [])
                assert next_result(connection).status == ExecStatus.COPY_IN
                pgconn.put_copy_data(b'1\n' * 10_000)
                pgconn.put_copy_end(end)
                assert next_result(connection).status == (ExecStatus.FATAL_ERROR if end else ExecStatus.COMMAND_OK)
                assert next_result(connection) is None
            assert one(connection, 'SELECT count(*) FROM copied') == 10_000
            assert proxy.status()['faults'] == {'delay': 3}

    def test_notifications_and_notices(self, postgres: Server) -> None:
        with Proxy(postgres.address, 'postgres') as proxy, enter(proxy) as listener, enter(proxy) as other:
            notices: list[str | None] = []
            listener.add_notice_handler(lambda notice: notices.append(notice.message_primary))
            listener.execute("LISTEN news; DO $$ BEGIN RAISE NOTICE 'hello'; END $$")
            other.execute("NOTIFY news, 'today'")
            assert [notify.payload for notify in listener.notifies(timeout=TIMEOUT, stop_after=1)] == ['today']
            assert notices == ['hello']

    def test_cancel(self, postgres: Server) -> None:
        with Proxy(postgres.address, 'postgres') as proxy, enter(proxy) as connection, ThreadPoolExecutor() as pool:
            sleeping = pool.submit(one, connection, 'SELECT pg_sleep(60)')
            with enter(proxy) as other:
                while not one(other, "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'"):
                    pass
            connection.cancel_safe(timeout=TIMEOUT)
            with pytest.raises(psycopg.errors.QueryCanceled):
                sleeping.result(TIMEOUT)
            assert one(connection) == 1

    def test_many_at_once(self, postgres: Server) -> None:
        with Proxy(postgres.address, 'postgres') as proxy:

            def ask(number: int) -> list[Any]:
                with enter(proxy) as connection:
                    return [one(connection, 'SELECT %s::int', number * 100 + i) for i in range(30)]

            with ThreadPoolExecutor(8) as pool:
                assert list(pool.map(ask, range(8))) == [[n * 100 + i for i in range(30)] for n in range(8)]


class TestBehaviors:
    """Tests what the driver raises, and that its connection is then as it would be with a real server."""

    @pytest.mark.parametrize('behavior', ['dummy', 'delay'])
    @pytest.mark.parametrize('before', [True, False])
    def test_that_pass(self, postgres: Server, behavior: str, before: bool) -> None:
        options = {**OPTIONS['delay'], 'before': before} if behavior == 'delay' else {}
        with Proxy(postgres.address, 'postgres') as proxy, enter(proxy) as connection:
            for statement in ('SELECT 1', 'SELECT length(%b)'):
                values = [VALUE] if '%' in statement else []
                with proxy.with_behavior(behavior, **options):
                    check(RAISES[behavior], lambda: one(connection, statement, *values))  # noqa: B023
            assert one(connection) == 1

    @pytest.mark.parametrize('behavior', ['error', 'blackout', 'abort'])
    @pytest.mark.parametrize('values', [(), (VALUE,)], ids=['simple', 'extended'])
    def test_that_cost_the_connection(self, postgres: Server, behavior: str, values: tuple[bytes, ...]) -> None:
        statement = 'SELECT length(%b)' if values else 'SELECT 1'
        with Proxy(postgres.address, 'postgres') as proxy:
            with enter(proxy) as connection:
                with proxy.with_behavior(behavior):
                    check(RAISES[behavior], lambda: one(connection, statement, *values))
                # Not `closed`: psycopg leaves that unset if it polls in the instant in which Linux has set the error of
                # a reset but has not yet shut the socket down (only POLLERR is reported then).
                assert raised(lambda: one(connection)) == 'psycopg.OperationalError'
                assert proxy.status()['faults'] == {behavior: 1}
            with enter(proxy) as connection:
                assert one(connection) == 1

    def test_transient(self, postgres: Server) -> None:
        with Proxy(postgres.address, 'postgres') as proxy, enter(proxy) as first, enter(proxy) as second:
            proxy.set_behavior('transient', **OPTIONS['transient'])
            outcomes = [raised(lambda: one(connection)) for connection in (first, second)]  # noqa: B023
            assert ', then '.join(outcomes) == RAISES['transient']
            proxy.set_behavior('transient', agitate=2, **FAILURE)
            outcomes = [raised(lambda: one(second)) for _ in range(3)]
            assert outcomes == ['psycopg.errors.SerializationFailure 40001'] * 2 + ['nothing']

    def test_hang(self, postgres: Server) -> None:
        with Proxy(postgres.address, 'postgres') as proxy:
            with proxy.with_behavior('hang'):
                assert raised(lambda: enter(proxy, connect_timeout=2)) == RAISES['hang']
            with enter(proxy) as connection:
                proxy.set_behavior('hang')
                connection.pgconn.send_query(b'SELECT 1')
                connection.pgconn.flush()
                assert select.select([connection.fileno()], [], [], 0.1)[0] == []
                assert proxy.status()['faults'] == {'hang': 2}
                connection.close()

    def test_abort_was_carried_out(self, postgres: Server) -> None:
        with Proxy(postgres.address, 'postgres') as proxy, enter(proxy) as other:
            other.execute('DROP TABLE IF EXISTS aborted')
            other.execute('CREATE TABLE aborted (id int)')
            for values in ((), (1,)):
                with enter(proxy) as connection, proxy.with_behavior('abort'):
                    statement = f'INSERT INTO aborted VALUES ({"%s" if values else "1"})'
                    assert raised(lambda: one(connection, statement, *values)) == RAISES['abort']  # noqa: B023
            with enter(proxy) as connection, proxy.with_behavior('abort'):
                copy = connection.cursor().copy('COPY aborted FROM STDIN')
                assert raised(lambda: _fill(copy)) == RAISES['abort']
            assert one(other, 'SELECT count(*) FROM aborted') == 1002

    def test_inject(self, postgres: Server) -> None:
        with Proxy(postgres.address, 'postgres', seed=1) as proxy, enter(proxy) as connection:
            with proxy.with_behavior('error', inject=True), pytest.raises(psycopg.DatabaseError):
                one(connection)
            assert proxy.status()['faults'] == {'error': 1}


def _fill(copying: Any) -> None:
    with copying as copy:
        for _ in range(1000):
            copy.write_row((1,))


class TestError:
    """Tests errors that a session survives."""

    def test_the_connection_stays(self, postgres: Server) -> None:
        with Proxy(postgres.address, 'postgres') as proxy, enter(proxy) as connection:
            connection.execute('CREATE TEMPORARY TABLE rows (id int)')
            identity = connection.info.backend_pid
            cursor = connection.cursor()
            with proxy.with_behavior('error', **FAILURE):
                for ask in (
                    lambda: one(connection),
                    lambda: one(connection, 'SELECT %s', 1),
                    lambda: one(connection, 'SELECT %b', VALUE),
                    lambda: _fill(cursor.copy('COPY rows FROM STDIN')),
                ):
                    with pytest.raises(psycopg.errors.SerializationFailure, match='injected by vaurien') as caught:
                        ask()
                    assert caught.value.diag.severity == caught.value.diag.severity_nonlocalized == 'ERROR'
            assert one(connection, 'SELECT count(*) FROM rows') == 0
            assert one(connection, 'SELECT pg_backend_pid()') == identity

    def test_in_a_transaction(self, postgres: Server) -> None:
        with Proxy(postgres.address, 'postgres') as proxy, enter(proxy, autocommit=False) as connection:
            connection.execute('SELECT 1')
            with proxy.with_behavior('error', **FAILURE), pytest.raises(psycopg.errors.SerializationFailure):
                connection.execute('SELECT 2')
            assert connection.info.transaction_status == TransactionStatus.INERROR
            connection.rollback()
            assert one(connection) == 1

    def test_some_of_many(self, postgres: Server) -> None:
        """Each request of a pipeline gets its own reply, in order."""
        with Proxy(postgres.address, 'postgres') as proxy, enter(proxy) as connection:
            proxy.set_behavior('50:error', error=FAILURE)
            pgconn = connection.pgconn
            pgconn.enter_pipeline_mode()
            for number in range(40):
                pgconn.send_query_params(b'SELECT $1', [b'%d' % number])
                pgconn.pipeline_sync()
            failed = 0
            for number in range(40):
                result, end, sync = (next_result(connection) for _ in range(3))
                assert end is None
                assert sync.status == ExecStatus.PIPELINE_SYNC
                if result.status == ExecStatus.FATAL_ERROR:
                    failed += 1
                else:
                    assert result.get_value(0, 0) == b'%d' % number
            pgconn.exit_pipeline_mode()
            assert proxy.status()['faults'] == {'error': failed}
            assert 0 < failed < 40

    def test_before_the_sync(self, postgres: Server) -> None:
        """A client that waits after a Flush gets the error at once."""
        with (
            Proxy(postgres.address, 'postgres') as proxy,
            enter(proxy) as connection,
        ):
            with (
                proxy.with_behavior('error', **FAILURE),
                pytest.raises(psycopg.errors.SerializationFailure),
                connection.pipeline(),
            ):
                connection.execute('SELECT 1').fetchone()
            connection.rollback()
            assert one(connection) == 1

    @pytest.mark.parametrize(
        ('mode', 'said'),
        [
            ('disable', 'FATAL:  sorry, too many clients already'),
            ('prefer', 'FATAL:  sorry, too many clients already'),
            ('require', 'server does not support SSL'),
        ],
    )
    def test_on_connecting(self, postgres: Server, mode: str, said: str) -> None:
        with Proxy(postgres.address, 'postgres', behavior='error') as proxy:
            with pytest.raises(psycopg.OperationalError, match=said):
                enter(proxy, sslmode=mode)
            proxy.set_behavior('dummy')
            with enter(proxy, sslmode='prefer') as connection:
                assert one(connection) == 1

    def test_no_secret_is_logged(self, postgres: Server, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.DEBUG), Proxy(postgres.address, 'postgres') as proxy, enter(proxy) as connection:
            with (
                proxy.with_behavior('error', **FAILURE),
                pytest.raises(psycopg.errors.SerializationFailure),
            ):
                connection.execute("ALTER ROLE tester PASSWORD 'very secret'")
            assert one(connection) == 1
        assert 'error on ALTER ROLE tester PASSWORD' in caplog.text
        assert 'secret' not in caplog.text


def test_tls_is_opaque(raw_backend: RawBackend, caplog: pytest.LogCaptureFixture) -> None:
    ask = b'\0\0\0\x08\x04\xd2\x16\x2f'
    with caplog.at_level(logging.INFO), Proxy(raw_backend.address, 'postgres') as proxy, connect(proxy) as client:
        backend = raw_backend.accept()
        client.send(ask)
        assert backend.recv_exactly(len(ask)) == ask
        backend.send(b'S')
        assert client.recv_exactly(1) == b'S'
        for peers in ((client, backend), (backend, client)):
            peers[0].send(b'\x16\x03\x01 whatever')
            assert peers[1].recv_exactly(12) == b'\x16\x03\x01 whatever'
    assert 'opaque from here: TLS' in caplog.text


@pytest.mark.parametrize(
    ('behavior', 'options', 'code', 'said'),
    [
        ('dummy', {}, 0, ''),
        ('delay', {'sleep': 0.01}, 0, ''),
        ('error', {'warmup': 1, **FAILURE}, 1, 'ERROR:  injected by vaurien'),
        ('error', {'warmup': 1}, 2, 'FATAL:  injected by vaurien\nserver closed the connection unexpectedly'),
        ('error', {}, 2, 'FATAL:  sorry, too many clients already'),
        ('blackout', {}, 2, 'server closed the connection unexpectedly'),
        ('abort', {}, 2, 'server closed the connection unexpectedly'),
    ],
)
def test_psql(postgres: Server, behavior: str, options: dict[str, Any], code: int, said: str) -> None:
    with Proxy(postgres.address, 'postgres', behavior=behavior, options={behavior: options}) as proxy:
        command = [command_path('psql'), '-X', '-A', '-t', '-h', HOST, '-p', str(proxy.address.port), '-U', 'tester']
        environment = {**os.environ, 'PGPASSWORD': 'secret', 'PGSSLMODE': 'disable', 'LC_ALL': 'C'}
        run = subprocess.run(
            [*command, '-d', 'postgres', '-c', 'SELECT 1'],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=3 * TIMEOUT,
        )
    assert run.returncode == code
    assert said in run.stderr
    assert run.stdout == ('' if code else '1\n')


class TestStatements:
    """Tests behaviors that are aimed at a statement which is not the first of its request."""

    BATCH = ('SELECT 1', 'SELECT 2', 'SELECT 3')

    @staticmethod
    def send(connection: psycopg.Connection[Any], statements: Sequence[str], apart: bool) -> None:
        """Send a batch, all at once or each statement by itself, once the reply to the one before has come."""
        pgconn = connection.pgconn
        pgconn.enter_pipeline_mode()
        for statement in statements:
            pgconn.send_query_params(statement.encode(), [])
            if apart:
                pgconn.send_flush_request()
                pgconn.flush()

    @staticmethod
    def results(connection: psycopg.Connection[Any], count: int) -> list[object]:
        """Return what each statement of a batch gives, and the end of the batch; the connection is in order then."""
        pgconn = connection.pgconn
        pgconn.pipeline_sync()
        found: list[object] = []
        for _ in range(count):
            result = next_result(connection)
            is_row = result.status == ExecStatus.TUPLES_OK
            found.append(result.get_value(0, 0) if is_row else result.error_field(DiagnosticField.SQLSTATE))
            assert next_result(connection) is None
        assert next_result(connection).status == ExecStatus.PIPELINE_SYNC
        pgconn.exit_pipeline_mode()
        assert one(connection) == 1
        return found

    @pytest.mark.parametrize('apart', [False, True])
    @pytest.mark.parametrize('behavior', ['dummy', 'delay', 'error'])
    def test_in_a_batch(self, postgres: Server, behavior: str, apart: bool) -> None:
        with Proxy(postgres.address, 'postgres') as proxy, enter(proxy) as connection:
            known: dict[str, dict[str, Any]] = {'delay': {'sleep': 0.1, 'before': False}, 'error': FAILURE}
            options = known.get(behavior, {})
            proxy.set_behavior(behavior, match='SELECT 2', **options)
            self.send(connection, self.BATCH, apart)
            then = [b'40001', None] if behavior == 'error' else [b'2', b'3']
            assert self.results(connection, 3) == [b'1', *then]
            assert proxy.status()['faults'] == ({} if behavior == 'dummy' else {behavior: 1})

    def test_the_error_comes_at_once(self, postgres: Server) -> None:
        """The client need not send its Sync first; the next batch is untouched."""
        with Proxy(postgres.address, 'postgres') as proxy, enter(proxy) as connection:
            proxy.set_behavior('error', match='SELECT 2', **FAILURE)
            self.send(connection, self.BATCH[:2], apart=True)
            assert [next_result(connection) and None, next_result(connection)] == [None, None]
            assert next_result(connection).error_field(DiagnosticField.SQLSTATE) == b'40001'
            assert next_result(connection) is None
            assert self.results(connection, 0) == []
            proxy.set_behavior('dummy')
            self.send(connection, self.BATCH, apart=True)
            assert self.results(connection, 3) == [b'1', b'2', b'3']

    @pytest.mark.parametrize('behavior', ['blackout', 'abort'])
    def test_that_cost_the_connection(self, postgres: Server, behavior: str) -> None:
        with Proxy(postgres.address, 'postgres') as proxy, enter(proxy) as connection:
            proxy.set_behavior(behavior, match='SELECT $1', nth=2)
            with pytest.raises(psycopg.OperationalError):
                connection.cursor().executemany('SELECT %s', [(1,), (2,), (3,)])
            assert proxy.status()['faults'] == {behavior: 1}

    def test_in_a_query(self, postgres: Server) -> None:
        """Of a text that arrives in pieces, the first ones are statements of their own."""
        with Proxy(postgres.address, 'postgres') as proxy, enter(proxy) as connection:
            proxy.set_behavior('error', match='SELECT 2', **FAILURE)
            for rest in ('SELECT 3', f"SELECT '{'x' * 10**6}'"):
                connection.pgconn.send_query(f'SELECT 1; SELECT 2; {rest}'.encode())
                assert next_result(connection).get_value(0, 0) == b'1'
                assert next_result(connection).error_field(DiagnosticField.SQLSTATE) == b'40001'
                assert next_result(connection) is None
            assert proxy.status()['faults'] == {'error': 2}

    def test_a_fatal_error_comes_behind_what_was_done(self, postgres: Server) -> None:
        with Proxy(postgres.address, 'postgres') as proxy, enter(proxy) as connection:
            proxy.set_behavior('error', match='SELECT 2')
            connection.pgconn.send_query(b'SELECT 1; SELECT 2')
            assert next_result(connection).get_value(0, 0) == b'1'
            assert next_result(connection).error_field(DiagnosticField.SQLSTATE) == b'57P01'
            connection.close()

    def test_nobody_comes_to_it(self, postgres: Server) -> None:
        """An error of the server's own comes first."""
        with Proxy(postgres.address, 'postgres') as proxy, enter(proxy) as connection:
            proxy.set_behavior('error', match='SELECT 2', **FAILURE)
            assert raised(lambda: one(connection, 'SELECT 1/0; SELECT 2')) == 'psycopg.errors.DivisionByZero 22012'
            self.send(connection, ['SELECT 1/0', 'SELECT 2'], apart=False)
            assert self.results(connection, 2) == [b'22012', None]

    def test_statements_are_counted(self, postgres: Server) -> None:
        with Proxy(postgres.address, 'postgres') as proxy, enter(proxy) as connection:
            connection.execute('CREATE TEMPORARY TABLE counted (id int)')
            proxy.set_behavior('error', match='INSERT*', nth=5, **FAILURE)
            cursor = connection.cursor()
            cursor.executemany('INSERT INTO counted VALUES (%s)', [(1,), (2,), (3,)])
            with pytest.raises(psycopg.errors.SerializationFailure):
                cursor.executemany('INSERT INTO counted VALUES (%s)', [(4,), (5,), (6,)])
            assert one(connection, 'SELECT count(*) FROM counted') == 3
            assert proxy.status()['behaviors'][0]['matched'] == 5


#: Statements that change rows and return them, and whether they are prepared at first.
RETURNING = {
    'of a password': ('INSERT INTO stored (name, password) VALUES (1, 2), (3, 4) RETURNING name', True),
    'behind a comment': (f'/* {"x" * 250} */ INSERT INTO stored VALUES (1, 2), (3, 4) RETURNING name', True),
    'long': (f'INSERT INTO stored VALUES {", ".join(["(1, 2)"] * 20_000)} RETURNING name', False),
    'long, prepared': (f'INSERT INTO stored VALUES {", ".join(["(1, 2)"] * 20_000)} RETURNING name', True),
    'copied': ('COPY (INSERT INTO stored VALUES (1, 2), (3, 4) RETURNING name) TO STDOUT', False),
    'in brackets': (
        '(WITH new AS (INSERT INTO stored VALUES (1, 2), (3, 4) RETURNING name) SELECT * FROM new)',
        False,
    ),
    'executed': ('EXECUTE stores', False),
    'explained': ('EXPLAIN ANALYZE INSERT INTO stored VALUES (1, 2), (3, 4)', False),
}


def fetch(connection: psycopg.Connection[Any], statement: str, is_prepared: bool) -> None:
    """Fetch what *statement* returns."""
    if statement.startswith('COPY'):
        with connection.cursor().copy(statement) as copy:
            list(copy.rows())
    else:
        connection.execute(statement, prepare=is_prepared)


@pytest.mark.parametrize(('statement', 'is_prepared'), RETURNING.values(), ids=RETURNING)
def test_an_error_behind_a_row_leaves_nothing(postgres: Server, statement: str, is_prepared: bool) -> None:
    with Proxy(postgres.address, 'postgres') as proxy, enter(proxy) as connection:
        connection.execute('CREATE TEMPORARY TABLE stored (name int, password int)')
        connection.execute('PREPARE stores AS INSERT INTO stored VALUES (1, 2), (3, 4) RETURNING name')
        if is_prepared:
            connection.execute(statement, prepare=True)
            connection.execute('TRUNCATE stored')
        proxy.set_behavior('error', after='1 row', sqlstate='22012', times=1)
        with pytest.raises(psycopg.errors.DivisionByZero):
            fetch(connection, statement, is_prepared)
        assert one(connection, 'SELECT count(*) FROM stored') == 0


@pytest.mark.parametrize('comment', ['-- why\n', f'/* {"x" * 250} */'])
def test_a_prepared_commit_behind_a_comment_ends_the_transaction(postgres: Server, comment: str) -> None:
    with Proxy(postgres.address, 'postgres') as proxy, enter(proxy) as connection:
        pgconn = connection.pgconn
        pgconn.send_prepare(b'ends', f'{comment}COMMIT'.encode())
        assert [next_result(connection) and None, next_result(connection)] == [None, None]
        connection.execute('BEGIN')
        proxy.set_behavior('error', times=1, **FAILURE)
        pgconn.send_query_prepared(b'ends', [])
        assert next_result(connection).error_field(DiagnosticField.SQLSTATE) == b'40001'
        assert next_result(connection) is None
        assert connection.info.transaction_status == TransactionStatus.IDLE


def test_asyncpg_prepares_without_a_sync(postgres: Server) -> None:
    """It sends a Flush, so that a simple query may come before any Sync."""

    async def ask(port: int) -> None:
        given = {name: DATABASE[name] for name in ('user', 'password')}
        connection = await asyncpg.connect(host=HOST, port=port, database=DATABASE['dbname'], ssl=False, **given)
        try:
            prepared = await connection.prepare('SELECT 1')
            await connection.execute('SELECT 2')
            assert await prepared.fetchval() == 1
            with pytest.raises(asyncpg.SerializationError):
                await connection.execute('SELECT 3')
            assert await prepared.fetchval() == 1
        finally:
            await connection.close(timeout=TIMEOUT)

    with Proxy(postgres.address, 'postgres') as proxy:
        proxy.set_behavior('error', match='SELECT 3', sqlstate='40001')
        asyncio.run(ask(proxy.address.port))
