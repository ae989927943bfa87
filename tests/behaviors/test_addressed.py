"""Faults that requests ask for themselves, through real clients: these fail, and others that share the proxy do not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import asyncpg
import mysql.connector
import pymysql
import pytest
import requests
from psycopg import Connection
from psycopg.errors import DeadlockDetected, SerializationFailure

from tests.behaviors.clients import http_session
from tests.behaviors.test_mysql import ask, mysql_client
from tests.behaviors.test_postgres import DATABASE, enter
from tests.behaviors.waiting import eventually
from tests.commands import StartCommand, call
from tests.peers import Peer, RawBackend
from tests.servers import HOST, TIMEOUT, Server
from vaurien import Client, Proxy
from vaurien.cli import ctl

HEADER = 'X-Vaurien-Fault'
UNAVAILABLE = {HEADER: 'error(code=503)'}


@pytest.fixture(scope='module')
def http_proxy(nginx: Server) -> Iterator[Proxy]:
    with Proxy(nginx.address, 'http', addressed=True) as proxy:
        yield proxy


@pytest.fixture(scope='module')
def pg(postgres: Server) -> Iterator[Proxy]:
    with Proxy(postgres.address, 'postgres', addressed=True) as proxy:
        yield proxy


@pytest.fixture(scope='module')
def my(mariadb: Server) -> Iterator[Proxy]:
    with Proxy(mariadb.address, 'mysql', addressed=True) as proxy:
        yield proxy


@pytest.fixture
def session(http_proxy: Proxy) -> Iterator[requests.Session]:
    with http_session(http_proxy.address.port) as session:
        yield session


class TestHTTP:
    """The header field ``X-Vaurien-Fault``."""

    def test_only_that_request(self, session: requests.Session) -> None:
        statuses = [session.get('/', headers=headers).status_code for headers in ({}, UNAVAILABLE, {})]
        assert statuses == [200, 503, 200]

    def test_nothing_happens_unless_it_is_allowed(self, nginx: Server) -> None:
        with Proxy(nginx.address, 'http') as proxy, http_session(proxy.address.port) as session:
            assert session.get('/', headers=UNAVAILABLE).status_code == 200

    def test_it_goes_before_what_is_armed(self, http_proxy: Proxy, session: requests.Session) -> None:
        with http_proxy.with_behavior('error', code=500, match='*/precedence'):
            asked = [{}, UNAVAILABLE, {HEADER: 'dummy'}, {HEADER: '0:error'}, {HEADER: 'no such'}]
            statuses = [session.get('/precedence', headers=headers).status_code for headers in asked]
            (status,) = http_proxy.status()['behaviors']
        assert statuses == [500, 503, 404, 404, 404]
        assert (status['matched'], status['hits']) == (1, 1)

    def test_two_attempts_fail_and_the_third_passes(self, session: requests.Session) -> None:
        headers = {HEADER: 'error(code=503, times=2)'}
        assert [session.get('/', headers=headers).status_code for _ in range(3)] == [503, 503, 200]

    def test_who_asks_loses_the_connection(self, http_proxy: Proxy) -> None:
        with http_session(http_proxy.address.port) as session, pytest.raises(requests.ConnectionError):
            session.get('/', headers={HEADER: 'blackout'})

    def test_arming_something_ends_what_was_armed_and_not_what_was_asked_for(self, http_proxy: Proxy) -> None:
        with Peer.connect(http_proxy.address.port) as peer:
            peer.send(f'GET / HTTP/1.1\r\nHost: a\r\n{HEADER}: hang(match="GET /")\r\n\r\n'.encode())
            http_proxy.wait_for_fault()
            with http_proxy.with_behavior('delay', match='/never/'):
                pass
            # Links of an earlier test may still be about to end.
            eventually(lambda: [link['behavior'] for link in http_proxy.links()] == ['hang'])

    def test_the_backend_gets_what_the_client_has_sent(self, raw_backend: RawBackend) -> None:
        request = f'GET / HTTP/1.1\r\nHost: a\r\n{HEADER}: delay(sleep=1ms)\r\n\r\n'.encode()
        options = {'overwrite-host-header': False}
        proxy = Proxy(raw_backend.address, 'http', protocol_options=options, addressed=True)
        with proxy, Peer.connect(proxy.address.port) as client:
            client.send(request)
            with raw_backend.accept() as backend:
                assert backend.recv_until(b'\r\n\r\n') == request
            assert proxy.wait_for_fault().behavior == 'delay'

    def test_many_that_share_one_proxy(self, http_proxy: Proxy) -> None:
        def run_test(number: int) -> list[int]:
            status = 500 + number
            with http_session(http_proxy.address.port) as session:
                headers = {HEADER: f'error(code={status}, match="GET /{number}")'}
                return [session.get(f'/{number}', headers=given).status_code for given in ({}, headers, {})]

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(run_test, range(10, 26))) == [[404, 500 + number, 404] for number in range(10, 26)]


ASKING = '/* vaurien: error(sqlstate=40001) */'


class TestPostgres:
    """A comment in the statement."""

    @pytest.mark.parametrize(
        'arguments',
        [(f'{ASKING} SELECT 1',), (f'SELECT 1 {ASKING}',), (f'SELECT %s::int {ASKING}', (1,))],
        ids=['simple', 'behind', 'extended'],
    )
    def test_only_that_statement(self, pg: Proxy, arguments: tuple[Any, ...]) -> None:
        with enter(pg) as connection:
            assert connection.execute('SELECT 1').fetchone() == (1,)
            with pytest.raises(SerializationFailure):
                connection.execute(*arguments)
            assert connection.execute('SELECT 1').fetchone() == (1,)

    def test_each_time_that_it_is_executed(self, pg: Proxy) -> None:
        """What is prepared once, which is the first of these requests, has no text when it is executed."""
        statement = f'SELECT %s::int /* {"long " * 60} */ /* vaurien: error(sqlstate=40001, match="SELECT*", nth=4) */'
        with enter(pg) as connection:
            outcomes = []
            for i in range(4):
                try:
                    outcomes.append(connection.execute(statement, (i,), prepare=True).fetchone())
                except SerializationFailure:
                    outcomes.append(None)
        assert outcomes == [(0,), (1,), None, (3,)]

    def test_asyncpg(self, pg: Proxy) -> None:
        async def fetch() -> str:
            given = {name: DATABASE[name] for name in ('user', 'password') if name in DATABASE}
            connection = await asyncpg.connect(
                host=HOST, port=pg.address.port, database=DATABASE['dbname'], ssl=False, timeout=TIMEOUT, **given
            )
            try:
                await connection.fetch(f'SELECT $1::int {ASKING}', 1)
            except asyncpg.SerializationError:
                return str(await connection.fetchval('SELECT 7'))
            finally:
                await connection.close()
            return 'no error'

        assert asyncio.run(fetch()) == '7'

    def test_one_of_several_statements(self, pg: Proxy) -> None:
        with enter(pg) as connection, pytest.raises(DeadlockDetected):
            connection.execute('SELECT 1; /* vaurien: error(sqlstate=40P01) */ SELECT 2; SELECT 3')
        assert pg.faults()[-1].request.endswith('SELECT 2')

    def test_one_of_a_batch(self, pg: Proxy) -> None:
        replies = []

        def ask(connection: Connection[Any]) -> None:
            with connection.pipeline():
                replies.append(connection.execute('SELECT %s::int', (1,)))
                connection.execute(f'SELECT %s::int {ASKING}', (2,))

        with enter(pg) as connection:
            with pytest.raises(SerializationFailure):
                ask(connection)
            assert replies[0].fetchone() == (1,)

    def test_what_stands_in_a_string_asks_for_nothing(self, pg: Proxy) -> None:
        with enter(pg) as connection:
            assert connection.execute(f"SELECT '{ASKING}'").fetchone() == (ASKING,)


class TestMySQL:
    """A comment in the statement."""

    ASKING = '/* vaurien: error(errno=1213) */'

    def test_only_that_statement(self, my: Proxy) -> None:
        with mysql_client(my) as client:
            assert ask(client, 'SELECT 1') == ((1,),)
            with pytest.raises(pymysql.OperationalError, match='1213'):
                ask(client, f'SELECT 1 {self.ASKING}')
            assert ask(client, f"SELECT '{self.ASKING}'") == ((self.ASKING,),)

    def test_what_was_prepared(self, my: Proxy) -> None:
        connection = mysql.connector.connect(
            host=HOST, port=my.address.port, user='tester', password='secret', database='test', ssl_disabled=True
        )
        try:
            cursor = connection.cursor(prepared=True)
            with pytest.raises(mysql.connector.Error) as caught:
                cursor.execute(f'SELECT %s {self.ASKING}', (1,))
            assert caught.value.errno == 1213
        finally:
            connection.close()
        assert my.faults()[-1].request.startswith('SELECT ?')


class TestAllowing:
    """Every way to allow it."""

    def fails(self, port: int) -> bool:
        with http_session(port) as session:
            return session.get('/', headers=UNAVAILABLE).status_code == 503

    def test_by_a_flag_and_for_one_that_is_created(self, nginx: Server, vaurien_command: StartCommand) -> None:
        flags = ('--backend', nginx.address, '--protocol', 'http', '--http', '--addressed')
        command = vaurien_command(*flags)
        assert 'addressed: requests may ask for faults' in command.out_lines
        assert self.fails(command.port)
        for name, given, expected in (('like', {}, True), ('off', {'addressed': False}, False)):
            created = Client(port=command.control_port).create_proxy(name, f'{HOST}:0', nginx.address, 'http', **given)
            assert self.fails(int(created.inspect()['listen'].rpartition(':')[2])) is expected

    def test_over_the_api(self, nginx: Server, server: Any) -> None:
        address = f'localhost:{server.control_port}'
        done = call(
            ctl.main,
            '--host',
            address,
            'proxy',
            'create',
            'of-addressed',
            '--upstream',
            nginx.address,
            '--protocol',
            'http',
            '--addressed',
        )
        assert done.returncode == 0
        client = Client(port=server.control_port).proxy('of-addressed')
        try:
            assert self.fails(int(client.inspect()['listen'].rpartition(':')[2]))
            answer = requests.post(f'{server.api}/proxies/of-addressed', json={'addressed': False}, timeout=TIMEOUT)
            assert (answer.status_code, 'addressed' in answer.json()['error']) == (400, True)
        finally:
            client.delete()
