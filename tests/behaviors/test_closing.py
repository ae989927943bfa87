"""Errors behind which the connection ends: ``error(close=true)``."""

from __future__ import annotations

import select

import psycopg
import pymysql
import pytest
import redis
import requests
from psycopg.pq import DiagnosticField, ExecStatus

from tests.behaviors.clients import http_session, redis_client
from tests.behaviors.talk import LANGUAGES, connect, make_proxy
from tests.behaviors.test_mysql import mysql_client
from tests.behaviors.test_postgres import enter, next_result
from tests.behaviors.waiting import eventually
from tests.peers import RawBackend
from tests.servers import LARGE, TIMEOUT, Server
from vaurien import Proxy

CLOSING = {'error': {'close': True}}


@pytest.mark.parametrize('protocol', LANGUAGES)
def test_the_error_comes_and_then_the_end(raw_backend: RawBackend, protocol: str) -> None:
    language = LANGUAGES[protocol]
    with make_proxy(raw_backend, protocol, 'error', close=True) as proxy, connect(proxy) as client:
        backend = raw_backend.accept()
        client.send(language.request(1) + language.request(2))
        language.read_error(client)
        assert client.recv_all() == b''
        client.close()
        assert backend.recv_all() == b''


def test_http_says_so(nginx: Server) -> None:
    with Proxy(nginx.address, 'http', behavior='error', options=CLOSING) as proxy:
        with http_session(proxy.address.port) as session:
            response = session.get('/')
            assert response.headers['Connection'] == 'close'
            assert response.text.endswith('injected by vaurien\n')
            assert session.put('/upload/closing', LARGE).headers['Connection'] == 'close'
            assert proxy.status()['links']['total'] == 2
        with connect(proxy) as client:
            client.send(b'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
            answer = client.recv_all()
            assert answer.count(b'Connection:') == 1
            assert b'\r\nConnection: close\r\n' in answer
        proxy.set_behavior('error', code=503, headers={'Connection': 'close'}, close=True)
        with connect(proxy) as client:
            client.send(b'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
            assert client.recv_all().count(b'Connection:') == 1


def test_redis(redis_server: Server) -> None:
    """Nothing of the transaction is left."""
    with Proxy(redis_server.address, 'redis') as proxy, redis_client(proxy.address.port) as client:
        proxy.set_behavior('error', match='SET closing*', message='LOADING', close=True)
        with pytest.raises(redis.BusyLoadingError):
            client.set('closing', 1)
        with connect(proxy) as other:
            other.send(b'MULTI\r\nSET before 1\r\nSET closing 1\r\nEXEC\r\n')
            assert other.recv_all().startswith(b'+OK\r\n+QUEUED\r\n-LOADING ')
        assert client.mget('closing', 'before') == [None, None]


def test_postgres(postgres: Server) -> None:
    with Proxy(postgres.address, 'postgres') as proxy, enter(proxy) as watcher:
        watcher.execute('CREATE TABLE closing (number int)')
        for options in ({'match': 'SELECT 7'}, {'match': 'SELECT generate*', 'after': '2 rows'}):
            connection = enter(proxy)
            connection.execute('BEGIN')
            connection.execute('INSERT INTO closing VALUES (1)')
            proxy.set_behavior('error', sqlstate='40001', close=True, **options)
            with pytest.raises(psycopg.errors.SerializationFailure):
                connection.execute('SELECT 7' if 'after' not in options else 'SELECT generate_series(1, 3)')
            with pytest.raises(psycopg.OperationalError):
                connection.execute('COMMIT')
            connection.close()
            proxy.set_behavior('dummy')
            assert watcher.execute('SELECT count(*) FROM closing').fetchone() == (0,)
        watcher.execute('DROP TABLE closing')


def test_postgres_before_a_sync(postgres: Server) -> None:
    """The client has asked for the reply with a Flush; the end comes behind the ReadyForQuery, behind the Sync."""
    with Proxy(postgres.address, 'postgres') as proxy, enter(proxy) as connection:
        proxy.set_behavior('error', match='SELECT 7', sqlstate='40001', close=True)
        pgconn = connection.pgconn
        pgconn.enter_pipeline_mode()
        pgconn.send_query_params(b'SELECT 7', [])
        pgconn.send_flush_request()
        assert next_result(connection).error_field(DiagnosticField.SQLSTATE) == b'40001'
        assert next_result(connection) is None
        assert not select.select([pgconn.socket], [], [], 0.05)[0]
        pgconn.pipeline_sync()
        assert next_result(connection).status == ExecStatus.PIPELINE_SYNC
        assert select.select([pgconn.socket], [], [], TIMEOUT)[0]
        with pytest.raises(psycopg.OperationalError, match='server closed the connection'):
            pgconn.consume_input()


def test_mysql(mariadb: Server) -> None:
    with Proxy(mariadb.address, 'mysql') as proxy:
        for options in ({'match': 'SELECT 7'}, {'match': 'SELECT seq*', 'after': '2 rows'}):
            with mysql_client(proxy) as client:
                proxy.set_behavior('error', errno=1213, close=True, **options)
                with pytest.raises(pymysql.err.OperationalError, match='1213'):
                    client.query('SELECT 7' if 'after' not in options else 'SELECT seq FROM seq_1_to_3')
                with pytest.raises(pymysql.err.OperationalError, match=r'2013|2006'):
                    client.query('SELECT 8')
            proxy.set_behavior('dummy')


def test_memcache(memcached: Server) -> None:
    with Proxy(memcached.address, 'memcache', behavior='error', options=CLOSING) as proxy, connect(proxy) as client:
        client.send(b'set closing 0 0 2\r\nab\r\n')
        assert client.recv_all() == b'SERVER_ERROR injected by vaurien\r\n'


def test_smtp(raw_backend: RawBackend) -> None:
    with Proxy(raw_backend.address, 'smtp') as proxy, connect(proxy) as client:
        backend = raw_backend.accept()
        backend.send(b'220 here\r\n')
        client.recv_until(b'\r\n')
        proxy.set_behavior('error', match='MAIL *', close=True)
        client.send(b'MAIL FROM:<a@example.com>\r\n')
        assert client.recv_all() == b'451 4.3.0 injected by vaurien\r\n'


def test_a_client_that_stays_is_left(nginx: Server) -> None:
    """It may send something else, which nobody reads."""
    with Proxy(nginx.address, 'http', behavior='error', options=CLOSING) as proxy, connect(proxy) as client:
        client.send(b'GET / HTTP/1.1\r\nHost: a\r\n\r\n' * 2)
        assert client.recv_all().count(b'HTTP/1.1') == 1
        client.close()
        eventually(lambda: proxy.status()['links']['open'] == 0)


def test_the_client_of_requests_connects_again(nginx: Server) -> None:
    with Proxy(nginx.address, 'http') as proxy, http_session(proxy.address.port) as session:
        proxy.set_behavior('error', close=True, times=1)
        with pytest.raises(requests.HTTPError):
            session.get('/').raise_for_status()
        assert session.get('/').status_code == 200
