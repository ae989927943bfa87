"""Hosts that do not answer whoever connects."""

from __future__ import annotations

import asyncio
import select
import socket
from contextlib import ExitStack

import asyncpg
import httpx
import pytest
import redis
import requests
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.behaviors.clients import curl, http_session
from tests.behaviors.doors import PATIENCE, connect_with_node, lively, try_to_connect
from tests.commands import StartCommand
from tests.peers import Peer, RawBackend
from tests.servers import HOST, TIMEOUT, Server
from vaurien import Client, Proxy


def test_clients_get_no_answer_and_live_connections_go_on(echo_server: RawBackend) -> None:
    with Proxy(echo_server.address) as proxy, lively(proxy) as live:
        for _ in range(2):
            with proxy.with_behavior('connect_timeout'):
                assert try_to_connect(proxy.address.port) == 'no answer'
                live.send(b'hello')
                assert live.recv_exactly(5) == b'hello'
            assert try_to_connect(proxy.address.port) == 'connected'
        with lively(proxy):  # which comes behind all others
            assert proxy.status()['links']['total'] == 4  # the connection that stops the others is none of them


def test_200_who_wait_are_let_in(echo_server: RawBackend) -> None:
    """Nobody is before, and everybody is at the next SYN: a second after the first, as Linux sends them."""
    with Proxy(echo_server.address, behavior='connect_timeout') as proxy, ExitStack() as stack:
        clients = [stack.enter_context(socket.socket()) for _ in range(200)]
        for client in clients:
            client.setblocking(False)
            client.connect_ex((HOST, proxy.address.port))
        assert select.select([], clients, [], 0.1)[1] == []
        proxy.set_behavior('dummy')
        for client in clients:
            client.settimeout(TIMEOUT)
            assert select.select([], [client], [], TIMEOUT)[1]
            client.sendall(b'hello')
            assert client.recv(5) == b'hello'


@pytest.mark.parametrize('then', ['refuse', 'unplug'])
def test_the_port_may_answer_otherwise_next(echo_server: RawBackend, then: str) -> None:
    with Proxy(echo_server.address, behavior='connect_timeout') as proxy:
        proxy.set_behavior(then)
        assert try_to_connect(proxy.address.port) == ('refused' if then == 'refuse' else 'no answer')
        proxy.set_behavior('connect_timeout')
        assert try_to_connect(proxy.address.port) == 'no answer'
        proxy.set_behavior('dummy')
        assert try_to_connect(proxy.address.port) == 'connected'


def test_drivers_give_up(redis_server: Server) -> None:
    with Proxy(redis_server.address, 'redis', behavior='connect_timeout') as proxy:
        port = proxy.address.port
        client = redis.Redis(HOST, port, socket_connect_timeout=PATIENCE, retry=Retry(NoBackoff(), 0))
        with client, pytest.raises(redis.TimeoutError):
            client.ping()
        with http_session(port) as session, pytest.raises(requests.ConnectTimeout):
            session.get('/', timeout=PATIENCE)
        with pytest.raises(httpx.ConnectTimeout):
            httpx.get(f'http://{HOST}:{port}/', timeout=PATIENCE, trust_env=False)
        with pytest.raises(TimeoutError):
            asyncio.run(asyncpg.connect(host=HOST, port=port, timeout=PATIENCE))
        assert connect_with_node(port) == 'timeout'
        assert curl(port, '/', '--connect-timeout', str(PATIENCE)).returncode == 28  # CURLE_OPERATION_TIMEDOUT


def test_by_command_and_over_the_api(vaurien_command: StartCommand, echo_server: RawBackend) -> None:
    command = vaurien_command('--backend', echo_server.address, '--http')
    with Client(port=command.control_port).with_behavior('connect_timeout'):
        assert try_to_connect(command.port) == 'no answer'
    with Peer.connect(command.port) as client:
        client.send(b'hello')
        assert client.recv_exactly(5) == b'hello'
    assert 'Traceback' not in command.stop()[2]
