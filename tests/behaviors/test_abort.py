"""Requests that are carried out, and whose reply never arrives."""

from __future__ import annotations

from contextlib import suppress

import psycopg
import pymysql
import pytest
import redis
import requests

from tests.behaviors.clients import curl, http_session, redis_client
from tests.behaviors.talk import LANGUAGES, connect, make_proxy
from tests.behaviors.test_mysql import ask, mysql_client
from tests.behaviors.test_postgres import enter
from tests.behaviors.waiting import eventually
from tests.peers import RawBackend
from tests.servers import LARGE, Server
from vaurien import Proxy
from vaurien.protocols import Protocol


@pytest.mark.parametrize('protocol', LANGUAGES)
def test_cuts_when_the_reply_begins(raw_backend: RawBackend, protocol: str) -> None:
    language = LANGUAGES[protocol]
    with make_proxy(raw_backend, protocol, 'abort') as proxy, connect(proxy) as client:
        backend = raw_backend.accept()
        client.send(language.request(1))
        assert backend.recv_exactly(len(language.request(1))) == language.request(1)
        assert client.is_silent(0.02)
        backend.send(language.reply(1)[:1])
        if Protocol.get(protocol).works_while_replying:
            assert client.is_silent(0.02)
            backend.send(language.reply(1)[1:])
        assert client.recv_all() == b''


def test_the_request_was_carried_out(redis_server: Server) -> None:
    with Proxy(redis_server.address, 'redis') as proxy, redis_client(proxy.address.port) as client:
        for count in range(1, 4):
            with proxy.with_behavior('abort'), pytest.raises(redis.ConnectionError, match='closed by server'):
                client.incr('abort')
            assert client.get('abort') == b'%d' % count


def test_the_upload_was_stored(nginx: Server) -> None:
    with Proxy(nginx.address, 'http', behavior='abort') as proxy, http_session(proxy.address.port) as session:
        with pytest.raises(requests.ConnectionError, match='closed connection without response'):
            session.put('/upload/abort', LARGE)
        assert curl(proxy.address.port, '/').returncode == 52  # CURLE_GOT_NOTHING
        proxy.set_behavior('dummy')
        assert session.get('/upload/abort').content == LARGE


def test_what_gets_no_reply_is_carried_out_too(redis_server: Server) -> None:
    """There is no reply to wait for: the connection closes when the backend has got everything."""
    value = LARGE[: 3 * 1024 * 1024]
    with Proxy(redis_server.address, 'redis') as proxy, redis_client(proxy.address.port) as other:
        with connect(proxy) as client:
            client.send(b'CLIENT REPLY OFF\r\n')
            client.send(b'PING\r\n')
            assert client.is_silent(0.02)
            proxy.set_behavior('abort')
            client.send(b'*3\r\n$3\r\nSET\r\n$12\r\nabort-silent\r\n$%d\r\n%b\r\n' % (len(value), value))
            assert client.recv_all() == b''
        proxy.set_behavior('dummy')
        eventually(lambda: other.get('abort-silent') == value)


def test_a_backend_that_leaves_instead_of_replying(raw_backend: RawBackend) -> None:
    with make_proxy(raw_backend, 'http', 'abort') as proxy, connect(proxy) as client:
        backend = raw_backend.accept()
        client.send(LANGUAGES['http'].request(1))
        backend.recv_exactly(len(LANGUAGES['http'].request(1)))
        backend.close()
        assert client.recv_all() == b''


#: Statements in whose replies the backend speaks before it commits, and how many rows they store.
LATE = {
    'rows': ("INSERT INTO aborted SELECT g, repeat('x', 100) FROM generate_series(1, 100000) g RETURNING *", 100_000),
    'notices': ("DO $$ BEGIN RAISE NOTICE 'x'; PERFORM pg_sleep(0.1); INSERT INTO aborted VALUES (1); END $$", 1),
}


@pytest.mark.parametrize('behavior', ['abort', 'abort(after=1000 bytes)'])
@pytest.mark.parametrize(('statement', 'count'), LATE.values(), ids=LATE)
def test_what_postgres_commits_behind_its_reply(postgres: Server, statement: str, count: int, behavior: str) -> None:
    with Proxy(postgres.address, 'postgres') as proxy, enter(proxy) as own, enter(proxy) as client:
        own.execute('DROP TABLE IF EXISTS aborted')
        own.execute('CREATE TABLE aborted (id int, text text)')
        with proxy.with_behavior(behavior), suppress(psycopg.OperationalError):  # the place may be behind the reply
            client.execute(statement)
        assert own.execute('SELECT count(*) FROM aborted').fetchone() == (count,)


def test_what_mariadb_commits_behind_its_reply(mariadb: Server) -> None:
    with (
        Proxy(mariadb.address, 'mysql') as proxy,
        mysql_client(proxy) as own,
        mysql_client(proxy, autocommit=True) as client,
    ):
        ask(own, 'DROP TABLE IF EXISTS aborted')
        ask(own, 'CREATE TABLE aborted (id int, text text)')
        with proxy.with_behavior('abort'), pytest.raises(pymysql.OperationalError):
            ask(client, "INSERT INTO aborted SELECT seq, repeat('x', 100) FROM seq_1_to_100000 RETURNING *")
        assert ask(own, 'SELECT count(*) FROM aborted') == ((100_000,),)
