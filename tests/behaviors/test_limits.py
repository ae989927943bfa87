"""Faults that come once something was seen, in a rhythm, for a few at a time, or for a while; with real clients."""

from __future__ import annotations

import logging
import socket
from contextlib import ExitStack
from itertools import pairwise
from typing import Any

import pymysql
import pytest
import redis
from psycopg.errors import SerializationFailure
from pymysql.constants import ER

from tests.behaviors.clients import http_session, redis_client
from tests.behaviors.test_mysql import ask, mysql_client
from tests.behaviors.test_postgres import enter
from tests.behaviors.waiting import eventually
from tests.commands import StartCommand, run
from tests.engine.talk import end_time
from tests.peers import Peer
from tests.servers import HOST, TIMEOUT, Server
from vaurien import Proxy

PING = b'PING\r\n'


def fails(client: Any, *command: str) -> bool:
    try:
        client.execute_command(*command)
    except redis.ResponseError:
        return True
    return False


@pytest.fixture
def proxy(redis_server: Server) -> Any:
    with Proxy(redis_server.address, 'redis') as proxy:
        yield proxy


def test_reads_fail_once_somebody_has_taken_the_lock(proxy: Proxy) -> None:
    with redis_client(proxy.address.port) as first, redis_client(proxy.address.port) as second:
        proxy.set_behavior('error', match='GET *', once='SET lock*')
        assert not fails(first, 'GET', 'a')
        assert not fails(second, 'SET', 'lock:of-a-test', '1')
        assert [fails(first, 'GET', 'a'), fails(second, 'SET', 'lock:of-a-test', '1')] == [True, False]


def test_two_of_three_fail(nginx: Server) -> None:
    proxy = Proxy(nginx.address, 'http', behavior="error(code=503, sequence='fail,fail,pass')")
    with proxy, http_session(proxy.address.port) as session:
        assert [session.get('/').status_code for _ in range(6)] == [503, 503, 200, 503, 503, 200]


def test_it_rests_between_two_faults(proxy: Proxy) -> None:
    with redis_client(proxy.address.port) as client:
        proxy.set_behavior('error', cooldown=0.05)
        while len(proxy.faults()) < 3:
            fails(client, 'PING')
        times = [fault.time for fault in proxy.faults()]
        assert min(later - sooner for sooner, later in pairwise(times)) > 0.045


class TestMaxActive:
    """Some hang, and the others are well."""

    def test_those_that_leave_make_room(self, proxy: Proxy) -> None:
        with ExitStack() as stack:
            peers = [stack.enter_context(Peer.connect(proxy.address.port)) for _ in range(5)]
            proxy.set_behavior('hang', max_active=2)
            for peer in peers[:2]:
                peer.send(PING)
                proxy.wait_for_fault()
            for peer in peers[2:]:
                peer.send(PING)
                assert peer.recv_exactly(7) == b'+PONG\r\n'
            peers[0].reset()
            eventually(lambda: len(proxy.links()) == 4)
            peers[2].send(PING)
            proxy.wait_for_fault()
            peers[3].send(PING)
            assert peers[3].recv_exactly(7) == b'+PONG\r\n'

    def test_one_that_waits_for_its_turn_has_a_place_and_gives_it_back(self, proxy: Proxy) -> None:
        with Peer.connect(proxy.address.port) as first, Peer.connect(proxy.address.port) as second:
            first.send(PING)
            assert first.recv_exactly(7) == b'+PONG\r\n'
            proxy.set_behavior('error', match='GET *', max_active=1)
            first.send(b'BLPOP a-list-of-a-test 0\r\nGET a\r\n')
            eventually(lambda: proxy.status()['behaviors'][0]['hits'] == 1)
            second.send(b'GET a\r\n')
            assert second.recv_exactly(5) == b'$-1\r\n'
            first.reset()
            eventually(lambda: len(proxy.links()) == 1)
            second.send(b'GET a\r\n')
            assert second.recv_until(b'\r\n').startswith(b'-ERR')


class TestClient:
    """One client is cut off, and the others are well."""

    def test_by_its_address(self, proxy: Proxy) -> None:
        with ExitStack() as stack:
            peers = []
            for host in ('127.0.0.1', '127.0.0.2'):
                sock = socket.create_connection((HOST, proxy.address.port), TIMEOUT, (host, 0))
                peers.append(stack.enter_context(Peer(sock)))
            proxy.set_behavior('error', client='127.0.0.2/31')
            for peer in peers:
                peer.send(PING)
            assert [peer.recv_until(b'\r\n')[:5] for peer in peers] == [b'+PONG', b'-ERR ']
            (status,) = proxy.status()['behaviors']
            assert (status['seen'], status['matched'], status['hits']) == (2, 1, 1)

    def test_one_that_no_client_has_is_reported(self, proxy: Proxy, caplog: pytest.LogCaptureFixture) -> None:
        proxy.set_behavior('error', client='10.0.0.0/8')
        with redis_client(proxy.address.port):
            proxy.set_behavior('dummy')
        (report,) = [text for text in caplog.messages if 'matched 0 of' in text]
        assert report.startswith("error(client='10.0.0.0/8'): matched 0 of ")

    @pytest.mark.parametrize('protocol', [2, 3])
    def test_redis_by_its_name(self, proxy: Proxy, protocol: int) -> None:
        with ExitStack() as stack:
            worker, web = (
                stack.enter_context(redis_client(proxy.address.port, client_name=name, protocol=protocol))
                for name in ('worker-1', 'web')
            )
            proxy.set_behavior("error(name='worker-*')")
            assert [fails(worker, 'GET', 'a'), fails(web, 'GET', 'a')] == [True, False]

    def test_http_by_its_user_agent(self, nginx: Server) -> None:
        proxy = Proxy(nginx.address, 'http', behavior="error(name='worker-*', code=503)")
        with proxy, http_session(proxy.address.port) as session:
            agents = ('worker-1', 'web', 'Worker-2 (test)')
            statuses = [session.get('/', headers={'User-Agent': agent}).status_code for agent in agents]
            assert statuses == [503, 200, 503]

    def test_postgres_by_its_application_name(self, postgres: Server) -> None:
        with Proxy(postgres.address, 'postgres') as proxy, ExitStack() as stack:
            worker, web = (stack.enter_context(enter(proxy, application_name=name)) for name in ('worker-1', 'web'))
            proxy.set_behavior('error', client_name='worker-*', sqlstate='40001')
            with pytest.raises(SerializationFailure):
                worker.execute('SELECT 1')
            assert web.execute('SELECT 1').fetchone() == (1,)

    def test_mysql_by_its_program_name(self, mariadb: Server) -> None:
        with Proxy(mariadb.address, 'mysql') as proxy, ExitStack() as stack:
            worker, web = (stack.enter_context(mysql_client(proxy, program_name=name)) for name in ('worker-1', 'web'))
            proxy.set_behavior('error', client_name='worker-*', errno=ER.LOCK_DEADLOCK)
            with pytest.raises(pymysql.OperationalError, match='1213'):
                ask(worker, 'SELECT 1')
            assert ask(web, 'SELECT 1') == ((1,),)

    def test_a_protocol_without_names_is_one_line(self, redis_server: Server) -> None:
        flags = ('--backend', redis_server.address, '--behavior-error-client-name', 'a*', '--behavior', 'error')
        done = run('vaurien', '--proxy', f'{HOST}:0', *flags)
        assert (done.returncode, done.stderr.count('\n')) == (2, 1)
        assert 'clients of tcp tell no name' in done.stderr


class TestFor:
    """A fault that heals by itself."""

    def test_nothing_is_armed_in_its_place(self, proxy: Proxy, caplog: pytest.LogCaptureFixture) -> None:
        with redis_client(proxy.address.port) as client, caplog.at_level(logging.INFO):
            proxy.set_behavior("error(for=10m, match='GET *')")
            assert fails(client, 'GET', 'a')
            end_time(proxy)
            assert proxy.status()['behavior'] == 'dummy'
            assert not fails(client, 'GET', 'a')
            assert proxy.status()['behaviors'] == []
        (report,) = [text for text in caplog.messages if 'its time is over' in text]
        assert report.startswith("its time is over: error(match='GET *', for=600.0): matched ")

    def test_what_hangs_is_let_go_and_what_others_do_goes_on(self, proxy: Proxy) -> None:
        with Peer.connect(proxy.address.port) as one, Peer.connect(proxy.address.port) as other:
            proxy.set_behavior("hang(match='GET *', for=10m),hang(match='PING')")
            for peer, request in ((one, b'GET a\r\n'), (other, PING)):
                peer.send(request)
                proxy.wait_for_fault()
            end_time(proxy)
            assert one.recv() == b''
            (left,) = proxy.status()['behaviors']
            assert (left['options']['match'], left['hits']) == ('PING', 1)
            assert [link['behavior'] for link in proxy.links()] == ['hang']

    def test_a_block_may_last_longer(self, proxy: Proxy) -> None:
        proxy.set_behavior('delay', sleep=0)
        with redis_client(proxy.address.port) as client:
            with proxy.with_behavior('error', for_=0.05):
                eventually(lambda: not fails(client, 'PING'))
                assert proxy.status()['behavior'] == 'dummy'
            assert proxy.status()['behavior'] == 'delay'

    def test_other_rules_are_not_ended_by_the_time_of_those_before(self, proxy: Proxy) -> None:
        with redis_client(proxy.address.port) as client:
            proxy.set_behavior('error', for_=0.05)
            proxy.set_behavior("error(match='GET a'),error(match='GET b', for=0.15)")
            eventually(lambda: not fails(client, 'GET', 'b'))
            assert fails(client, 'GET', 'a')

    def test_by_a_flag_from_the_start(self, redis_server: Server, vaurien_command: StartCommand) -> None:
        flags = ['--backend', redis_server.address, '--protocol', 'redis', '--behavior', 'error']
        command = vaurien_command(*flags, '--behavior-error-for', '0.5')
        with redis.Redis(HOST, command.port, socket_timeout=TIMEOUT) as client:
            eventually(lambda: not fails(client, 'PING'))
