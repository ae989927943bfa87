"""Faults on links whose backend cannot be reached, or of which there is none."""

from __future__ import annotations

import asyncio
import logging
import smtplib
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg
import pymysql
import pytest
import redis
import requests
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.behaviors.clients import http_session
from tests.behaviors.waiting import eventually
from tests.commands import StartCommand
from tests.descriptors import descriptors, wait_until_none_is_left
from tests.peers import Peer, RawBackend
from tests.servers import HOST, TIMEOUT, Server
from vaurien import Proxy
from vaurien.address import Address
from vaurien.errors import ConfigError

#: How long a client waits for a reply that does not come.
PATIENCE = 0.2
#: An address at which nobody listens.
DEAD = f'{HOST}:1'


def ask_http(port: int, timeout: float) -> object:
    with http_session(port) as session:
        return session.get('/', timeout=timeout).status_code


def ask_redis(port: int, timeout: float) -> object:
    with redis.Redis(HOST, port, socket_timeout=timeout, retry=Retry(NoBackoff(), 0)) as client:
        return client.get('key')


def ask_mysql(port: int, timeout: float) -> object:
    return pymysql.connect(host=HOST, port=port, user='tester', connect_timeout=TIMEOUT, read_timeout=timeout)


def ask_postgres(port: int, timeout: float) -> object:
    account = {'user': 'tester', 'database': 'test', 'ssl': False}
    return asyncio.run(asyncpg.connect(host=HOST, port=port, timeout=timeout, **account))


def ask_smtp(port: int, timeout: float) -> object:
    return smtplib.SMTP(HOST, port, timeout=timeout)


#: An error that is the same each time.
FAILS = {'http': 'error(code=503)'}
ASK: dict[str, Callable[[int, float], object]] = {
    'http': ask_http,
    'redis': ask_redis,
    'mysql': ask_mysql,
    'postgres': ask_postgres,
    'smtp': ask_smtp,
}
#: What a client is told that gets an error; where the server speaks first, at once.
ERRORS = {
    'http': '503',
    'redis': 'ResponseError: injected by vaurien',
    'mysql': "OperationalError: (1040, 'Too many connections')",
    'postgres': 'TooManyConnectionsError: sorry, too many clients already',
    'smtp': "SMTPConnectError: (421, b'injected by vaurien')",
}


def see(protocol: str, port: int, timeout: float = TIMEOUT) -> str:
    """Return what a client gets, or the exception that it raises."""
    try:
        return str(ASK[protocol](port, timeout))
    except Exception as error:
        return f'{type(error).__name__}: {error}'


@pytest.mark.parametrize('backend', ['none', DEAD])
@pytest.mark.parametrize('protocol', ASK)
def test_faults_that_need_none(protocol: str, backend: str) -> None:
    with Proxy(backend, protocol, behavior=FAILS.get(protocol, 'error')) as proxy:
        port = proxy.address.port
        assert see(protocol, port) == ERRORS[protocol]
        proxy.set_behavior('hang')
        assert is_timeout(see(protocol, port, PATIENCE))
        proxy.set_behavior('blackout')
        assert not is_timeout(see(protocol, port))
        assert set(proxy.status()['faults']) == {'error', 'hang', 'blackout'}


def is_timeout(seen: str) -> bool:
    return 'timed out' in seen.lower() or 'timeout' in seen.lower()


@pytest.mark.parametrize('backend', ['none', DEAD])
@pytest.mark.parametrize('spec', ['dummy', 'error(match="nothing like that")', 'delay(sleep=0)', 'abort'])
@pytest.mark.parametrize('protocol', ASK)
def test_what_needs_one_closes_the_link(protocol: str, spec: str, backend: str) -> None:
    with Proxy(backend, protocol, behavior=spec) as proxy:
        seen = see(protocol, proxy.address.port)
        assert seen != ERRORS[protocol]
        assert not is_timeout(seen)
        eventually(lambda: not proxy.links())


def test_a_share_of_the_requests() -> None:
    with Proxy('none', 'http', behavior='50:error(code=503)', seed=1) as proxy:
        seen = [see('http', proxy.address.port) for _ in range(40)]
        failed = [one for one in seen if one != '503']
        assert 10 < len(failed) < 30
        assert all(one.startswith('ConnectionError') for one in failed)


def test_several_errors_on_one_connection() -> None:
    with Proxy('none', 'redis', behavior='error') as proxy, Peer.connect(proxy.address.port) as client:
        for _ in range(3):
            client.send(b'PING\r\n')
            assert client.recv_until(b'\r\n') == b'-ERR injected by vaurien\r\n'
        assert proxy.status()['links'] == {'open': 1, 'total': 1}


def test_the_toxic_timeout() -> None:
    with Proxy('none') as proxy, proxy.toxic('timeout', stream='upstream', timeout=50):
        client = Peer.connect(proxy.address.port)
        with client:
            client.send(b'hello')
            assert client.recv() == b''


@pytest.mark.parametrize(
    'more',
    [{'stream': 'downstream'}, {'toxicity': 0}, {'client': '192.0.2.1'}],
    ids=['downstream', 'toxicity', 'client'],
)
def test_a_toxic_that_the_link_does_not_get_for_what_the_client_sends(more: dict[str, Any]) -> None:
    toxic = {'stream': 'upstream', 'timeout': 0, **more}
    with Proxy('none') as proxy, proxy.toxic('timeout', **toxic):
        assert is_reset(proxy.address)


def is_reset(address: Address) -> bool:
    with socket.socket() as client:
        client.settimeout(TIMEOUT)
        try:
            client.connect((address.host, address.port))
            client.recv(1)
        except ConnectionResetError:
            return True
    return False


def test_the_toxicity_is_the_same_with_a_backend(raw_backend: RawBackend) -> None:
    seen = []
    for backend in ('none', raw_backend.address):
        with Proxy(backend, seed=3) as proxy, proxy.toxic('timeout', stream='upstream', toxicity=0.5):
            clients = [socket.socket() for _ in range(20)]
            for client in clients:
                with suppress(ConnectionResetError):  # at once, without a backend
                    client.connect(tuple(proxy.address))
            eventually(lambda: proxy.status()['links']['total'] == 20)
            eventually(lambda: all(link['backend'] or link['toxics'] for link in proxy.links()))
            seen.append([link['id'] for link in proxy.links() if link['toxics']])
            for client in clients:
                client.close()
    assert seen[0] == seen[1]
    assert 0 < len(seen[0]) < 20


def test_over_tls_with_the_client() -> None:
    with Proxy('none', 'http', behavior='error(code=503)', tls='auto') as proxy, requests.Session() as session:
        session.trust_env = False
        url = f'https://localhost:{proxy.address.port}/'
        assert session.get(url, verify=proxy.ca_file, timeout=TIMEOUT).status_code == 503


def test_it_may_come_and_go(redis_server: Server) -> None:
    with Proxy('none', 'redis') as proxy:
        assert see('redis', proxy.address.port).startswith('ConnectionError')
        proxy.set_backend(redis_server.address)
        assert see('redis', proxy.address.port) == 'None'
        proxy.set_backend('none')
        assert proxy.status()['backend'] == 'none'
        assert see('redis', proxy.address.port).startswith('ConnectionError')


def test_nobody_is_warned_of_what_was_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, 'vaurien'), Proxy('none', 'http', behavior='error') as proxy:
        see('http', proxy.address.port)
    assert caplog.records == []


def test_by_command_file_and_api(vaurien_command: StartCommand, tmp_path: Path) -> None:
    config = tmp_path / 'vaurien.ini'
    config.write_text('[vaurien]\nbackend = none\nprotocol = http\nbehavior = error(code=503)\n')
    command = vaurien_command('--config', str(config), '--http')
    assert see('http', command.port) == '503'
    answer = requests.get(f'{command.api}/backend', timeout=TIMEOUT)
    assert answer.json() == {'backend': 'none'}
    assert requests.put(f'{command.api}/backend', json={'backend': DEAD}, timeout=TIMEOUT).status_code == 200
    assert requests.put(f'{command.api}/backend', json={'backend': 'none'}, timeout=TIMEOUT).status_code == 200
    assert see('http', command.port) == '503'
    assert 'Traceback' not in command.stop()[2]


def test_nobody_listens_on_none() -> None:
    with pytest.raises(ConfigError, match="'none' is not an address"):
        Proxy('none', proxy='none')


def test_nothing_is_left_open() -> None:
    with Proxy('none', behavior='hang') as proxy:
        before = descriptors()
        for _ in range(10):
            with Peer.connect(proxy.address.port) as client:
                client.send(b'hello')
        wait_until_none_is_left(before)
