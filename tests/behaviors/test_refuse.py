"""Ports at which nobody seems to listen."""

from __future__ import annotations

import asyncio

import asyncpg
import httpx
import psycopg
import pymysql
import pytest
import redis
import requests
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.behaviors.clients import curl, http_session
from tests.behaviors.doors import connect_with_node, lively, try_to_connect, try_to_take
from tests.behaviors.talk import connect
from tests.commands import StartCommand
from tests.peers import Peer, RawBackend
from tests.servers import HOST, Server, free_port
from vaurien import Client, Proxy
from vaurien.errors import ConfigError


def test_clients_are_refused_and_live_connections_go_on(echo_server: RawBackend) -> None:
    with Proxy(echo_server.address) as proxy, lively(proxy) as live:
        port = proxy.address.port
        for _ in range(2):
            with proxy.with_behavior('refuse'):
                assert try_to_connect(port) == 'refused'
                live.send(b'hello')
                assert live.recv_exactly(5) == b'hello'
            assert try_to_connect(port) == 'connected'
        assert proxy.address.port == port


@pytest.mark.parametrize('given', [0, 1], ids=['any port', 'a port by its number'])
def test_nobody_else_can_listen_meanwhile(echo_server: RawBackend, given: int) -> None:
    with Proxy(echo_server.address, proxy=f'{HOST}:{given and free_port()}', behavior='refuse') as proxy:
        assert try_to_take(proxy.address.port) == 'Address already in use'
        proxy.set_behavior('dummy')
        assert try_to_connect(proxy.address.port) == 'connected'


def test_who_waits_to_be_accepted_is_reset(raw_backend: RawBackend) -> None:
    with Proxy(raw_backend.address, max_links=1) as proxy, connect(proxy), connect(proxy), connect(proxy) as third:
        proxy.set_behavior('refuse')
        with pytest.raises(ConnectionResetError):
            third.recv()


def test_drivers_are_refused(redis_server: Server) -> None:
    with Proxy(redis_server.address, 'redis', behavior='refuse') as proxy:
        port = proxy.address.port
        with (
            redis.Redis(HOST, port, retry=Retry(NoBackoff(), 0)) as client,
            pytest.raises(redis.ConnectionError, match='Connection refused'),
        ):
            client.ping()
        with http_session(port) as session, pytest.raises(requests.ConnectionError, match='Connection refused'):
            session.get('/')
        with pytest.raises(httpx.ConnectError):
            httpx.get(f'http://{HOST}:{port}/', trust_env=False)
        with pytest.raises(pymysql.OperationalError, match='Connection refused') as refused:
            pymysql.connect(host=HOST, port=port)
        assert refused.value.args[0] == 2003
        with pytest.raises(psycopg.OperationalError, match='Connection refused'):
            psycopg.connect(host=HOST, port=port)
        with pytest.raises(ConnectionRefusedError):
            asyncio.run(asyncpg.connect(host=HOST, port=port))
        assert connect_with_node(port) == 'ECONNREFUSED'
        assert curl(port, '/').returncode == 7  # CURLE_COULDNT_CONNECT


def test_by_command_and_over_the_api(vaurien_command: StartCommand, echo_server: RawBackend) -> None:
    command = vaurien_command('--backend', echo_server.address, '--behavior', 'refuse', '--http')
    assert try_to_connect(command.port) == 'refused'
    with Client(port=command.control_port).with_behavior('dummy'):
        Peer.connect(command.port).close()
    assert try_to_connect(command.port) == 'refused'
    assert 'Traceback' not in command.stop()[2]


@pytest.mark.parametrize('spec', ['50:refuse', 'refuse(times=1)', 'refuse(nth=2)', '10:connect_timeout'])
def test_it_is_for_all_clients(spec: str) -> None:
    with pytest.raises(ConfigError, match='it is for all clients or none'):
        Proxy('127.0.0.1:1', behavior=spec).start()


@pytest.mark.parametrize('name', ['refuse', 'connect_timeout', 'slow_accept', 'unplug'])
def test_connections_say_nothing(name: str) -> None:
    with pytest.raises(ConfigError, match=f'{name}.match: it is for connections, which say nothing'):
        Proxy('127.0.0.1:1', behavior=f'{name}(match="GET *")').start()


def test_requests_have_rules_of_their_own(echo_server: RawBackend) -> None:
    with Proxy(echo_server.address) as proxy, lively(proxy) as live:
        proxy.set_behavior('100:refuse,100:blackout')
        assert try_to_connect(proxy.address.port) == 'refused'
        live.send(b'hello')
        assert live.recv() == b''
