"""What real clients and servers usually say to each other is ordinary to the compiled framers."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
import pymysql
import pytest
import redis
import requests
from pymemcache.client.base import Client  # type: ignore[import-untyped]

from tests.native.talks import count_ordinary
from tests.protocols.relay import relaying
from tests.protocols.test_quick import WAYS, Turn, Ways
from tests.servers import HOST, TIMEOUT, Server
from vaurien.protocols.base import NOTHING, BaseProtocol, Mark
from vaurien.protocols.mysql.quick import QuickMySQL
from vaurien.protocols.mysql.replies import FramedMySQL

#: At least so many of the chunks are ordinary.
SHARE = 0.9


class Listener(BaseProtocol):
    """Keeps what both peers say, as it arrives."""

    said: list[Turn]

    def feed_upstream(self, data: bytes) -> tuple[bytes, Sequence[Mark]]:
        self.said.append((True, data))
        return data, NOTHING

    def feed_downstream(self, data: bytes) -> Sequence[Mark]:
        self.said.append((False, data))
        return NOTHING


@pytest.fixture
def listener() -> type[Listener]:
    """Return a class of listeners of their own, all of which keep what they hear in one list."""
    return type('Listener', (Listener,), {'said': []})


def check(ways: Ways, said: Sequence[Turn]) -> None:
    assert len(said) > 50
    assert count_ordinary(ways, said) >= SHARE * len(said)


@pytest.mark.parametrize('version', [2, 3])
def test_redis(redis_server: Server, listener: type[Listener], version: int) -> None:
    with (
        relaying(redis_server, listener) as relay,
        redis.Redis(HOST, relay.port, protocol=version, socket_timeout=TIMEOUT) as client,
    ):
        for i in range(10):
            client.set('native:a', i)
            client.get('native:a')
            client.incr('native:n')
            client.hset('native:h', mapping={'a': 1, 'b': 'x' * 100})
            client.hgetall('native:h')
            client.rpush('native:l', *range(20))
            client.lrange('native:l', 0, -1)
            client.set('native:long', 'x' * 20_000)
            client.get('native:long')
            with client.pipeline(transaction=False) as pipeline:
                pipeline.get('native:a').get('native:n').execute()
        client.delete('native:a', 'native:n', 'native:h', 'native:l', 'native:long')
    check(WAYS['redis'], listener.said)


def test_http(nginx: Server, listener: type[Listener]) -> None:
    with relaying(nginx, listener) as relay, requests.Session() as session:
        for _ in range(10):
            for path in ('/', '/ok', '/no-content', '/unavailable', '/nowhere', '/large'):
                session.get(f'http://{HOST}:{relay.port}{path}', timeout=TIMEOUT)
            session.post(f'http://{HOST}:{relay.port}/ok', json={'a': 1}, timeout=TIMEOUT)
    check(WAYS['http, with another host'], listener.said)


def test_memcache(memcached: Server, listener: type[Listener]) -> None:
    with relaying(memcached, listener) as relay:
        client = Client((HOST, relay.port), timeout=TIMEOUT, connect_timeout=TIMEOUT)
        for i in range(10):
            client.set('native:a', str(i))
            client.add('native:a', '1', noreply=False)
            client.get('native:a')
            client.get_many(['native:a', 'native:b'])
            client.incr('native:a', 1)
            client.cas('native:a', '1', client.gets('native:a')[1])
            client.touch('native:a', 10)
            client.delete('native:a')
        client.close()
    check(WAYS['memcache'], listener.said)


def test_mysql(mariadb: Server, listener: type[Listener]) -> None:
    with (
        relaying(mariadb, listener) as relay,
        pymysql.connect(host=HOST, port=relay.port, user='tester', password='secret', database='test') as client,
        client.cursor() as cursor,
    ):
        cursor.execute('CREATE TEMPORARY TABLE native (id int PRIMARY KEY AUTO_INCREMENT, n varchar(100))')
        for i in range(10):
            cursor.execute('INSERT INTO native (n) VALUES (%s)', (str(i),))
            cursor.execute('UPDATE native SET n = %s WHERE id = %s', ('x' * i, i))
            cursor.execute('SELECT * FROM native WHERE id > %s', (1,))
            cursor.fetchall()
            client.commit()
            client.ping()
    check(Ways(QuickMySQL, FramedMySQL, [], [], [], WAYS['mysql'].anything), listener.said)


def test_postgres(postgres: Server, listener: type[Listener]) -> None:
    with (
        relaying(postgres, listener) as relay,
        psycopg.connect(
            host=HOST, port=relay.port, user='tester', password='secret', dbname='postgres', sslmode='disable'
        ) as client,
    ):
        client.execute('CREATE TEMPORARY TABLE native (id int, n text)')
        # The driver prepares a statement once it has executed it five times.
        for i in range(100):
            client.execute('INSERT INTO native VALUES (%s, %s)', (i, str(i)))
            client.execute('SELECT * FROM native WHERE id = %s', (i,)).fetchall()
            client.commit()
    check(WAYS['postgres'], listener.said)
