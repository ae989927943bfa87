"""What the exchanges that are told of have taken: the backend, and the client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from time import sleep

import pytest
import redis
import requests

from tests.commands import Command, StartCommand
from tests.live.test_events import Followed
from tests.peers import Peer, RawBackend
from tests.servers import HOST, TIMEOUT, Server
from tests.toxiproxy.asking import Toxiproxy
from vaurien.client import Client


@pytest.fixture
def proxy(server: Command, toxiproxy: Toxiproxy, redis_server: Server) -> Client:
    """A proxy of Redis."""
    return Client(HOST, server.control_port).create_proxy('redis', f'{HOST}:0', redis_server.address, 'redis')


@pytest.fixture
def client(proxy: Client) -> Iterator[redis.Redis]:
    with redis.Redis(HOST, port_of(proxy), protocol=2) as client:
        yield client


def port_of(proxy: Client) -> int:
    return int(proxy.inspect()['listen'].rpartition(':')[2])


def test_an_exchange_without_a_fault(proxy: Client, client: redis.Redis) -> None:
    with closing(proxy.events()) as events:
        followed = Followed(events)
        client.get('no-key-of-times')
        told = followed.next('exchange', request='GET no-key-of-times')
        second = followed.next('second')['proxies']['redis']
    assert (told['proxy'], told['link'], told['effect'], told['reply']) == ('redis', 1, 'read', 'nothing')
    assert told['client'] == proxy.links()[0]['client']
    assert 0 < told['backend_time'] <= told['client_time']
    assert (told['behavior'], told['options'], told['toxics'], told['executed']) == (None, {}, [], True)
    assert told['received'] == len(b'$-1\r\n')
    assert second['timed'] > 0
    assert 0 < second['backend']['p50'] <= second['client']['p99']
    times = proxy.status()['times']
    assert times['timed'] >= 1
    assert times['client'] is not None
    assert times['backend'] is not None
    assert times['client']['p50'] >= times['backend']['p50'] > 0


@pytest.mark.parametrize('before', [True, False])
def test_a_delay_is_felt_by_the_client_and_is_not_the_backends(
    proxy: Client, client: redis.Redis, before: bool
) -> None:
    with closing(proxy.events(match='GET *')) as events:
        followed = Followed(events)
        proxy.set_behavior('delay', sleep=0.05, before=before, match='GET *')
        client.get('no-key-of-times')
        told = followed.next('exchange')
    assert told['behavior'] == 'delay'
    assert told['options']['sleep'] == 0.05
    assert told['client_time'] >= 0.05
    assert told['client_time'] - told['backend_time'] >= 0.045


@pytest.mark.parametrize('stream', ['upstream', 'downstream'])
def test_a_toxic_is_felt_by_the_client_and_is_not_the_backends(proxy: Client, client: redis.Redis, stream: str) -> None:
    with closing(proxy.events(match='GET *')) as events:
        followed = Followed(events)
        proxy.add_toxic('latency', latency=50, stream=stream)
        client.get('no-key-of-times')
        told = followed.next('exchange')
    assert told['toxics'] == [f'latency_{stream}']
    assert told['client_time'] - told['backend_time'] >= 0.045


def test_an_error_of_the_proxy_is_none_of_the_backends(proxy: Client, client: redis.Redis) -> None:
    with closing(proxy.events(match='GET *')) as events:
        followed = Followed(events)
        proxy.set_behavior('error', match='GET *')
        with pytest.raises(redis.ResponseError):
            client.get('no-key-of-times')
        told = followed.next('exchange')
        while not (second := followed.next('second')['proxies']['redis'])['timed']:
            pass
    assert (told['reply'], told['behavior'], told['executed']) == ('error', 'error', False)
    assert told['backend_time'] is None
    assert told['client_time'] > 0
    assert second['errors'] > 0


def test_opaque_bytes(server: Command, toxiproxy: Toxiproxy, echo_server: RawBackend) -> None:
    """On some links, which are looked at only while somebody does."""
    proxy = Client(HOST, server.control_port).create_proxy('echo', f'{HOST}:0', echo_server.address)
    with closing(proxy.events()) as events, Peer.connect(port_of(proxy)) as peer:
        followed = Followed(events)
        while proxy.status()['times']['timed'] < 3:
            peer.send(b'hello')
            peer.recv_exactly(5)
            sleep(0.01)  # as often as all are timed, in the next test, too
        told = followed.next('exchange')
    assert (told['request'], told['link'], told['received']) == ('5 bytes', 1, 5)
    assert told['backend_time'] <= told['client_time']


def test_classes_of_requests(vaurien_command: StartCommand, redis_server: Server) -> None:
    """In the status and in the metrics."""
    command = vaurien_command(
        '--backend', redis_server.address, '--protocol', 'redis', '--http', '--classes', '1', '--log-level', 'error'
    )
    proxy = Client(HOST, command.control_port)
    proxy.status()  # somebody looks
    with Peer.connect(command.port) as peer:
        for request in b'GET user:1', b'GET user:2', b'PING':
            peer.send(request + b'\r\n')
            peer.recv_until(b'\r\n')
    classes = proxy.status()['times']['classes']
    assert {name: one['timed'] for name, one in classes.items()} == {'GET user:*': 2, 'other': 1}
    metrics = requests.get(f'{command.api}/metrics', timeout=TIMEOUT).text
    assert 'vaurien_client_seconds_count{class="GET user:*",protocol="redis",proxy="vaurien"} 2.0' in metrics
