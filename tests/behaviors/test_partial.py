"""Replies that break off in the middle: what real clients have got by then, and what they raise."""

from __future__ import annotations

import asyncio
import select
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

import asyncpg
import httpx
import mysql.connector
import psycopg
import pymysql
import pytest
import redis
import requests
from psycopg.pq import DiagnosticField, ExecStatus
from pymysql.constants import CLIENT
from pymysql.cursors import Cursor, SSCursor

from tests.behaviors.clients import curl, http_session, redis_client
from tests.behaviors.talk import connect
from tests.behaviors.test_mysql import ask, mysql_client
from tests.behaviors.test_postgres import DATABASE, enter, next_result
from tests.peers import Peer, RawBackend
from tests.servers import HOST, INDEX, LARGE, TIMEOUT, Server
from vaurien import Proxy
from vaurien.behaviors.error import Error
from vaurien.errors import OptionError
from vaurien.plugins.place import Place
from vaurien.protocols import Protocol

#: Seconds after which a client gives up that waits in vain.
PATIENCE = 0.3
SERIES = 'SELECT generate_series(1, 10)'
SEQUENCE = 'SELECT seq FROM seq_1_to_10'


@pytest.fixture
def event_source() -> Iterator[RawBackend]:
    """A server of ten events, in a body that is chunked elsewhere than between them."""
    events = b''.join(b': ping\n\nid: %d\ndata: event %d\n\n' % (i, i) for i in range(1, 11))
    parts = [events[i : i + 7] for i in range(0, len(events), 7)]
    chunks = b''.join(b'%x\r\n%b\r\n' % (len(part), part) for part in parts)
    head = b'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n'

    def serve(peer: Peer) -> None:
        with suppress(ConnectionError, EOFError):
            while True:
                peer.recv_until(b'\r\n\r\n')
                peer.send(head + chunks + b'0\r\n\r\n')

    backend = RawBackend().serve(serve)
    yield backend
    backend.close()


class TestHTTP:
    """Bytes, chunks and events."""

    def test_bytes(self, nginx: Server) -> None:
        """They count from the first byte of the head."""
        with Proxy(nginx.address, 'http') as proxy, connect(proxy) as client:
            client.send(b'GET /large HTTP/1.1\r\nHost: a\r\n\r\n')
            head = client.recv_until(b'\r\n\r\n')
            whole = head + client.recv_exactly(len(LARGE))
            for size in (1, len(head), 4096, 1_000_000, len(whole) - 1):
                proxy.set_behavior('abort', after=f'{size} bytes')
                with connect(proxy) as other:
                    other.send(b'GET /large HTTP/1.1\r\nHost: a\r\n\r\n')
                    got = other.recv_all()
                    assert len(got) == size
                    assert got[len(head) :] == whole[len(head) : size]

    @pytest.mark.parametrize('after', ['100000 bytes', '1 chunks', '3 chunks'])
    def test_what_clients_raise(self, nginx: Server, after: str) -> None:
        path = '/large-chunked' if 'chunks' in after else '/large'
        with Proxy(nginx.address, 'http', behavior='abort', options={'abort': {'after': after}}) as proxy:
            port = proxy.address.port
            with http_session(port) as session, session.get(path, stream=True) as response:
                assert response.status_code == 200
                got: list[bytes] = []
                with pytest.raises(requests.exceptions.ChunkedEncodingError, match=r'IncompleteRead|ended prematurely'):
                    got.extend(response.iter_content(1024))
                assert got
                assert LARGE.startswith(b''.join(got))
            with httpx.Client(trust_env=False) as client, pytest.raises(httpx.RemoteProtocolError):
                client.get(f'http://{HOST}:{port}{path}')
            assert curl(port, path).returncode == 18  # CURLE_PARTIAL_FILE
            assert proxy.status()['faults'] == {'abort': 3}

    def test_chunks(self, nginx: Server) -> None:
        with Proxy(nginx.address, 'http') as proxy:
            proxy.set_behavior('abort', after='2 chunks')
            with connect(proxy) as client:
                client.send(b'GET /large-chunked HTTP/1.1\r\nHost: a\r\n\r\n')
                client.recv_until(b'\r\n\r\n')
                got = b''
                for _ in range(2):
                    size = int(client.recv_until(b'\r\n'), 16)
                    got += client.recv_exactly(size)
                    assert client.recv_exactly(2) == b'\r\n'
                assert LARGE.startswith(got)
                assert client.recv_all() == b''

    @pytest.mark.parametrize('behavior', ['abort', 'hang'])
    def test_events(self, event_source: RawBackend, behavior: str) -> None:
        expected = httpx.RemoteProtocolError if behavior == 'abort' else httpx.ReadTimeout
        with Proxy(event_source.address, 'http') as proxy, httpx.Client(trust_env=False) as client:
            proxy.set_behavior(behavior, after='5 events')
            url = f'http://{HOST}:{proxy.address.port}/'
            with client.stream('GET', url, timeout=TIMEOUT if behavior == 'abort' else PATIENCE) as response:
                lines: list[str] = []
                with pytest.raises(expected):
                    lines.extend(response.iter_lines())
            assert [line for line in lines if line.startswith('data')] == [f'data: event {i}' for i in range(1, 6)]
            assert lines[-2:] == ['data: event 5', '']
            proxy.set_behavior('dummy')
            assert client.get(url).text.endswith('data: event 10\n\n')

    def test_hang(self, nginx: Server) -> None:
        with Proxy(nginx.address, 'http', behavior='hang', options={'hang': {'after': '100000 bytes'}}) as proxy:
            assert curl(proxy.address.port, '/large', '--max-time', str(PATIENCE)).returncode == 28  # timed out
            with (
                http_session(proxy.address.port) as session,
                pytest.raises(requests.ConnectionError, match='timed out'),
            ):
                session.get('/large', timeout=PATIENCE)
            proxy.set_behavior('dummy')
            assert curl(proxy.address.port, '/').stdout == INDEX + b'\n200'

    def test_a_shorter_reply_passes(self, nginx: Server) -> None:
        with Proxy(nginx.address, 'http') as proxy, http_session(proxy.address.port) as session:
            for behavior in ('abort', 'hang'):
                for after in ('4096 bytes', '2 chunks', '1 events'):
                    proxy.set_behavior(behavior, after=after)
                    assert session.get('/chunked').content == INDEX
                    assert session.get('/').content == INDEX
                    assert proxy.status()['faults'][behavior] >= 2
            assert proxy.status()['links']['total'] == 1

    @pytest.mark.parametrize('behavior', ['abort', 'hang'])
    def test_what_does_not_parse_passes(
        self, raw_backend: RawBackend, behavior: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        chunk = b'5\r\nhello\r\n'
        with Proxy(raw_backend.address, 'http') as proxy, connect(proxy) as client:
            proxy.set_behavior(behavior, after='3 chunks')
            backend = raw_backend.accept()
            client.send(b'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
            backend.recv_until(b'\r\n\r\n')
            backend.send(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n' + chunk)
            client.recv_until(chunk)
            backend.send(b'nonsense\r\n' + 3 * chunk)
            assert client.recv_until(3 * chunk) == b'nonsense\r\n' + 3 * chunk
            backend.send(chunk)
            assert client.recv_until(chunk) == chunk
        assert [record.levelname for record in caplog.records] == ['WARNING']

    def test_a_pipeline(self, nginx: Server) -> None:
        """What is asked behind it gets nothing, and what was asked before it gets its reply."""
        request = b'GET /%b HTTP/1.1\r\nHost: a\r\n\r\n'
        with Proxy(nginx.address, 'http') as proxy, connect(proxy) as client:
            proxy.set_behavior('abort', match='GET /large', after='50000 bytes')
            client.send(request % b'ok' + request % b'large' + request % b'ok')
            assert client.recv_until(b'ok\n').startswith(b'HTTP/1.1 200')
            assert len(client.recv_all()) == 50_000


class TestRedis:
    """Elements."""

    @pytest.mark.parametrize('version', [2, 3])
    def test_elements(self, redis_server: Server, version: int) -> None:
        key = f'partial{version}'
        with Proxy(redis_server.address, 'redis') as proxy:
            port = proxy.address.port
            with redis_client(port, protocol=version) as client:
                client.rpush(key, *range(10))
                proxy.set_behavior('abort', match='LRANGE *', after='2 elements')
                with pytest.raises(redis.ConnectionError):
                    client.lrange(key, 0, -1)
                proxy.set_behavior('hang', match='LRANGE *', after='2 elements')
                with redis_client(port, socket_timeout=PATIENCE) as other, pytest.raises(redis.TimeoutError):
                    other.lrange(key, 0, -1)
                proxy.set_behavior('abort', match='LRANGE *', after='11 elements')
                assert len(client.lrange(key, 0, -1)) == 10
                client.delete(key)

    def test_what_has_passed(self, redis_server: Server) -> None:
        """Pairs of a map in RESP3; elements with all that is nested in them."""
        with Proxy(redis_server.address, 'redis') as proxy:
            proxy.set_behavior('abort', match='HGETALL *', after='2 elements')
            with connect(proxy) as client:
                client.send(b'HSET partial-map a 1 b 2 c 3\r\nHELLO 3\r\nECHO ready\r\n')
                client.recv_until(b'$5\r\nready\r\n')
                client.send(b'HGETALL partial-map\r\nPING\r\n')
                assert client.recv_all() == b'%3\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n'
            proxy.set_behavior('abort', match='EVAL *', after='1 element')
            with connect(proxy) as client:
                client.send(b'EVAL "return {{1, {2, 3}}, {4}}" 0\r\n')
                assert client.recv_all() == b'*2\r\n*2\r\n:1\r\n*2\r\n:2\r\n:3\r\n'

    def test_an_element_of_many_chunks(self, redis_server: Server) -> None:
        value = LARGE[: 3 * 1024 * 1024]
        with Proxy(redis_server.address, 'redis') as proxy, redis_client(proxy.address.port) as client:
            client.set('partial-large', value)
            proxy.set_behavior('abort', match='MGET *', after='1 elements')
            with connect(proxy) as peer:
                peer.send(b'MGET partial-large partial-large\r\n')
                assert peer.recv_all() == b'*2\r\n$%d\r\n%b\r\n' % (len(value), value)
            client.delete('partial-large')


class TestPostgres:
    """Rows and messages."""

    def test_rows(self, postgres: Server) -> None:
        with Proxy(postgres.address, 'postgres') as proxy, enter(proxy) as connection:
            proxy.set_behavior('abort', match='SELECT *', after='3 rows')
            rows: list[object] = []
            with pytest.raises(psycopg.OperationalError) as caught:
                rows.extend(connection.cursor().stream(SERIES))
            assert type(caught.value) is psycopg.OperationalError
            assert rows == [(1,), (2,), (3,)]

    def test_rows_of_many_chunks(self, postgres: Server) -> None:
        with Proxy(postgres.address, 'postgres') as proxy, enter(proxy) as connection:
            proxy.set_behavior('abort', match='SELECT repeat*', after='3 rows')
            rows: list[object] = []
            with pytest.raises(psycopg.OperationalError):
                rows.extend(connection.cursor().stream("SELECT repeat('x', 1000000) FROM generate_series(1, 6)"))
            assert rows == [('x' * 1_000_000,)] * 3

    def test_copy(self, postgres: Server) -> None:
        with Proxy(postgres.address, 'postgres') as proxy, enter(proxy) as connection:
            proxy.set_behavior('abort', match='COPY *', after='3 rows')
            rows: list[object] = []
            with (
                pytest.raises(psycopg.OperationalError),
                connection.cursor().copy(f'COPY ({SERIES}) TO STDOUT') as copy,
            ):
                rows.extend(copy.rows())
            assert rows == [('1',), ('2',), ('3',)]

    def test_one_statement_of_a_batch(self, postgres: Server) -> None:
        """What the server says of those before it does not count."""
        with Proxy(postgres.address, 'postgres') as proxy, enter(proxy) as connection:
            proxy.set_behavior('error', match='SELECT * 2', after='2 rows', sqlstate='22012', times=1)
            pgconn = connection.pgconn
            pgconn.enter_pipeline_mode()
            pgconn.send_query_params(SERIES.encode(), [])
            pgconn.send_query_params(f'{SERIES} AS i OFFSET 2'.encode(), [])
            pgconn.pipeline_sync()
            assert [next_result(connection).ntuples, next_result(connection)] == [10, None]
            assert next_result(connection).error_field(DiagnosticField.SQLSTATE) == b'22012'
            assert next_result(connection) is None
            assert next_result(connection).status == ExecStatus.PIPELINE_SYNC
            pgconn.exit_pipeline_mode()
            assert connection.execute('SELECT 2').fetchone() == (2,)

    @pytest.mark.parametrize('behavior', ['abort', 'error', 'hang'])
    def test_rows_before_a_sync(self, postgres: Server, behavior: str) -> None:
        """The client asks for them with a Flush, and goes on when it has got them."""
        with Proxy(postgres.address, 'postgres') as proxy, closing(enter(proxy)) as connection:
            options = {'sqlstate': '40001'} if behavior == 'error' else {}
            proxy.set_behavior(behavior, match='SELECT *', after='3 rows', **options)
            pgconn = connection.pgconn
            pgconn.enter_pipeline_mode()
            pgconn.send_query_params(SERIES.encode(), [])
            pgconn.set_single_row_mode()
            pgconn.send_flush_request()
            rows = [next_result(connection).get_value(0, 0) for _ in range(3)]
            assert rows == [b'1', b'2', b'3']
            if behavior == 'hang':
                assert not select.select([pgconn.socket], [], [], 0.05)[0]
            elif behavior == 'abort':
                with pytest.raises(psycopg.OperationalError):
                    next_result(connection)
            else:
                assert next_result(connection).error_field(DiagnosticField.SQLSTATE) == b'40001'
                assert next_result(connection) is None
                assert not select.select([pgconn.socket], [], [], 0.05)[0]
                pgconn.pipeline_sync()
                assert next_result(connection).status == ExecStatus.PIPELINE_SYNC
                pgconn.exit_pipeline_mode()
                proxy.set_behavior('dummy')
                assert connection.execute('SELECT 7').fetchone() == (7,)

    def test_a_fatal_error_before_a_sync(self, postgres: Server) -> None:
        with Proxy(postgres.address, 'postgres') as proxy, closing(enter(proxy)) as connection:
            proxy.set_behavior('error', match='SELECT *', after='3 rows', sqlstate='57P01')
            with pytest.raises(psycopg.errors.AdminShutdown), connection.pipeline():
                connection.execute(SERIES).fetchall()
            assert connection.closed

    def test_one_statement_of_a_text(self, postgres: Server) -> None:
        with Proxy(postgres.address, 'postgres') as proxy, enter(proxy) as connection:
            proxy.set_behavior('abort', match='SELECT 2*', after='1 row')
            pgconn = connection.pgconn
            pgconn.send_query(b'SELECT 1 UNION ALL SELECT 1; SELECT 2 UNION ALL SELECT 2')
            pgconn.set_single_row_mode()
            results = iter(lambda: next_result(connection), None)
            values: list[object] = []
            with pytest.raises(psycopg.OperationalError):
                values.extend(result.get_value(0, 0) for result in results if result.ntuples)
            assert values == [b'1', b'1', b'2']

    def test_the_end_of_a_reply_is_no_place_for_an_error(self, postgres: Server) -> None:
        """RowDescription, DataRow, CommandComplete, ReadyForQuery: behind the last of these, all is well."""
        with Proxy(postgres.address, 'postgres') as proxy, enter(proxy) as connection:
            cursor = psycopg.ClientCursor(connection)
            for after in ('4 messages', '5 messages'):
                proxy.set_behavior('error', match='SELECT 7', after=after, sqlstate='40001')
                assert cursor.execute('SELECT 7').fetchone() == (7,)
                assert cursor.execute('SELECT 8').fetchone() == (8,)
            proxy.set_behavior('error', match='SELECT 7', after='3 messages', sqlstate='40001')
            with pytest.raises(psycopg.errors.SerializationFailure):
                cursor.execute('SELECT 7')

    def test_asyncpg(self, postgres: Server) -> None:
        async def ask(port: int, timeout: float) -> None:
            options = {**DATABASE, 'database': DATABASE['dbname'], 'port': port, 'ssl': False}
            del options['dbname']
            connection = await asyncpg.connect(**options)
            try:
                await connection.fetch(SERIES, timeout=timeout)
            finally:
                connection.terminate()

        with Proxy(postgres.address, 'postgres') as proxy:
            proxy.set_behavior('abort', match='SELECT *', after='3 rows')
            with pytest.raises(asyncpg.ConnectionDoesNotExistError):
                asyncio.run(ask(proxy.address.port, TIMEOUT))
            proxy.set_behavior('hang', match='SELECT *', after='3 rows')
            with pytest.raises(TimeoutError):
                asyncio.run(ask(proxy.address.port, PATIENCE))

    def test_messages(self, postgres: Server) -> None:
        """ParseComplete, BindComplete, RowDescription, and the first DataRow."""
        with Proxy(postgres.address, 'postgres') as proxy, enter(proxy) as connection:
            proxy.set_behavior('abort', match='SELECT *', after='4 messages')
            rows: list[object] = []
            with pytest.raises(psycopg.OperationalError):
                rows.extend(connection.cursor().stream(SERIES))
            assert rows == [(1,)]

    def test_a_shorter_reply_passes(self, postgres: Server) -> None:
        with Proxy(postgres.address, 'postgres') as proxy, enter(proxy) as connection:
            proxy.set_behavior('abort', after='11 rows')
            assert len(connection.execute(SERIES).fetchall()) == 10
            proxy.set_behavior('abort', after='10 rows')
            with pytest.raises(psycopg.OperationalError):
                connection.execute(SERIES)


def give_up(client: Any) -> None:
    """Have ``pymysql`` not read on when it forgets the result: it does not know that the connection is closed."""
    client._result.unbuffered_active = False
    client._result.connection = None


class TestMySQL:
    """Rows and messages."""

    def test_rows(self, mariadb: Server) -> None:
        with Proxy(mariadb.address, 'mysql') as proxy, mysql_client(proxy, cursorclass=SSCursor) as client:
            proxy.set_behavior('abort', match='SELECT *', after='3 rows')
            cursor = client.cursor()
            cursor.execute(SEQUENCE)
            assert [cursor.fetchone() for _ in range(3)] == [(1,), (2,), (3,)]
            with pytest.raises(pymysql.err.OperationalError) as caught:
                cursor.fetchone()
            assert caught.value.args[0] == 2013
            give_up(client)

    def test_a_huge_row(self, mariadb: Server) -> None:
        """It takes several packets."""
        with Proxy(mariadb.address, 'mysql') as proxy, mysql_client(proxy, cursorclass=SSCursor) as client:
            proxy.set_behavior('abort', match='SELECT REPEAT*', after='1 rows')
            cursor = client.cursor()
            cursor.execute("SELECT REPEAT('x', 17000000) FROM seq_1_to_2")
            (value,) = cursor.fetchone()
            assert len(value) == 17_000_000
            with pytest.raises(pymysql.err.OperationalError):
                cursor.fetchone()
            give_up(client)

    @pytest.mark.parametrize('prepared', [False, True])
    def test_connector(self, mariadb: Server, prepared: bool) -> None:
        with Proxy(mariadb.address, 'mysql') as proxy:
            options: dict[str, Any] = {'user': 'tester', 'password': 'secret', 'database': 'test', 'ssl_disabled': True}
            connection = mysql.connector.connect(host=HOST, port=proxy.address.port, use_pure=True, **options)
            with closing(connection):
                cursor: Any = connection.cursor(prepared=prepared)
                proxy.set_behavior('abort', match='SELECT *', after='3 rows')
                cursor.execute(SEQUENCE)
                rows: list[object] = []
                with pytest.raises(mysql.connector.errors.InterfaceError) as caught:
                    rows.extend(cursor)
                assert caught.value.errno == 2013
                assert rows == [(1,), (2,)]  # it reads one row ahead

    def test_one_statement_of_a_text(self, mariadb: Server) -> None:
        text = 'SELECT 1; SELECT 2 UNION ALL SELECT 2; SELECT 3'
        flags = CLIENT.MULTI_STATEMENTS
        with Proxy(mariadb.address, 'mysql') as proxy, mysql_client(proxy, client_flag=flags) as client:
            proxy.set_behavior('error', match='SELECT 2*', after='1 row', errno=1213)
            client.query(text)
            with pytest.raises(pymysql.err.OperationalError, match='1213'):
                client.next_result()
            proxy.set_behavior('error', match='SELECT 2*', after='4 rows', errno=1213)
            client.query(text)
            assert [client.next_result(), client.next_result()] == [2, 1]

    def test_what_makes_it_undone_is_not_seen(self, mariadb: Server) -> None:
        """The statement was in a transaction, of which the client has not asked."""
        with Proxy(mariadb.address, 'mysql') as proxy:
            options: dict[str, Any] = {'user': 'tester', 'password': 'secret', 'database': 'test', 'ssl_disabled': True}
            connection: Any = mysql.connector.connect(
                host=HOST, port=proxy.address.port, use_pure=True, autocommit=True, **options
            )
            with closing(connection):
                cursor = connection.cursor()
                cursor.execute('CREATE TEMPORARY TABLE seen (number int PRIMARY KEY) ENGINE = InnoDB')
                proxy.set_behavior('error', match='INSERT *', after='2 rows', errno=1062)
                cursor.execute('INSERT INTO seen VALUES (1) RETURNING number')
                assert cursor.fetchall() == [(1,)]
                assert not connection.in_transaction
                cursor.execute('SELECT number FROM seen')
                assert cursor.fetchall() == [(1,)]

    @pytest.mark.parametrize('cursorclass', [SSCursor, Cursor])
    def test_error(self, mariadb: Server, cursorclass: type[Cursor]) -> None:
        with Proxy(mariadb.address, 'mysql') as proxy, mysql_client(proxy, cursorclass=cursorclass) as client:
            proxy.set_behavior('error', match='SELECT seq*', after='3 rows', errno=1317)
            rows: list[object] = []

            def read() -> None:
                cursor = client.cursor()
                cursor.execute(SEQUENCE)
                rows.extend(iter(cursor.fetchone, None))

            with pytest.raises(pymysql.err.OperationalError, match='1317'):
                read()
            assert rows == ([(1,), (2,), (3,)] if cursorclass is SSCursor else [])
            assert ask(client, 'SELECT 7') in ([(7,)], ((7,),))
            proxy.set_behavior('error', match='SELECT seq*', after='3 rows', errno=1053)  # with which the server closes
            with pytest.raises(pymysql.err.OperationalError, match='1053'):
                read()
            with pytest.raises(pymysql.err.Error):
                client.query('SELECT 7')

    def test_hang(self, mariadb: Server) -> None:
        with Proxy(mariadb.address, 'mysql') as proxy, mysql_client(proxy, read_timeout=PATIENCE) as client:
            proxy.set_behavior('hang', match='SELECT *', after='3 rows')
            with pytest.raises(pymysql.err.OperationalError, match='timed out'):
                client.query(SEQUENCE)


class TestOthers:
    """Protocols that count bytes, or lines."""

    def test_smtp_lines(self, raw_backend: RawBackend) -> None:
        with Proxy(raw_backend.address, 'smtp') as proxy:
            proxy.set_behavior('abort', match='EHLO *', after='2 lines')
            with connect(proxy) as client:
                backend = raw_backend.accept()
                backend.send(b'220 here\r\n')
                client.recv_until(b'\r\n')
                client.send(b'EHLO a\r\n')
                backend.recv_until(b'\r\n')
                backend.send(b'250-here\r\n250-SIZE\r\n250 HELP\r\n')
                assert client.recv_all() == b'250-here\r\n250-SIZE\r\n'

    def test_memcache_bytes(self, memcached: Server) -> None:
        with Proxy(memcached.address, 'memcache') as proxy, connect(proxy) as client:
            client.send(b'set partial 0 0 10\r\n0123456789\r\n')
            assert client.recv_until(b'\r\n') == b'STORED\r\n'
            proxy.set_behavior('abort', after='24 bytes')
            client.send(b'get partial\r\n')
            assert client.recv_all() == b'VALUE partial 0 10\r\n0123'

    def test_what_is_refused(self, redis_server: Server) -> None:
        with Proxy(redis_server.address, 'redis') as proxy:
            with pytest.raises(OptionError) as caught:
                proxy.set_behavior('abort', after='3 rows')
            assert str(caught.value).endswith('after: replies of redis are counted by bytes, elements, not by rows')
            for protocol in ('http', 'memcache', 'redis', 'smtp', 'tcp'):
                with pytest.raises(OptionError) as caught:
                    Error.check_protocol({'after': Place.parse('3 bytes')}, Protocol.get(protocol))
                assert str(caught.value) == f'after: {protocol} has no error in the middle of a reply'
            for place in ('3 bytes', 'server_hello'):
                with pytest.raises(OptionError, match='after: an error of mysql comes behind rows, or messages'):
                    Error.check_protocol({'after': Place.parse(place)}, Protocol.get('mysql'))
            for option in ({'after': Place.parse('3 rows')}, {'close': True}):
                with pytest.raises(OptionError, match='with inject, there is no error'):
                    Error.check_protocol({'inject': True, **option}, Protocol.get('mysql'))
            for wrong in ('3', '-1 bytes', '0 bytes', 'rows', 7):
                with pytest.raises(OptionError, match='expected a place such as 4096 bytes, 3 rows or server_hello'):
                    proxy.set_behavior('hang', after=wrong)
