"""What the drivers of HTTP and Redis raise under each behavior, for the tables of `docs/protocols.md`."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from tests.behaviors.clients import http_session, redis_client
from tests.servers import TIMEOUT, Server, command_path
from vaurien import Proxy

#: For each protocol, behavior -> what `raised` gives.
RAISES = {
    'http': {
        'dummy': 'nothing',
        'delay': 'nothing, later',
        'error': 'requests.exceptions.HTTPError (from `raise_for_status`)',
        'transient': 'requests.exceptions.HTTPError (from `raise_for_status`), then nothing',
        'hang': 'requests.exceptions.ReadTimeout',
        'blackout': 'requests.exceptions.ConnectionError',
        'abort': 'requests.exceptions.ConnectionError',
    },
    'redis': {
        'dummy': 'nothing',
        'delay': 'nothing, later',
        'error': 'redis.exceptions.ResponseError',
        'transient': 'redis.exceptions.ResponseError, then nothing',
        'hang': 'redis.exceptions.TimeoutError',
        'blackout': 'redis.exceptions.ConnectionError',
        'abort': 'redis.exceptions.ConnectionError',
    },
}
#: Seconds after which a client gives up that waits in vain.
PATIENCE = 0.5
OPTIONS: dict[str, dict[str, Any]] = {'delay': {'sleep': 0.2}, 'transient': {'agitate': 1}}


def raised(ask: Callable[[], object]) -> str:
    """Return the full name of what *ask* raises."""
    try:
        ask()
    except Exception as error:  # whatever it is: that is the question
        return f'{type(error).__module__}.{type(error).__qualname__}'
    return 'nothing'


every_behavior = pytest.mark.parametrize('behavior', RAISES['http'])


@every_behavior
def test_requests(nginx: Server, behavior: str) -> None:
    timeout = PATIENCE if behavior == 'hang' else TIMEOUT
    with Proxy(nginx.address, 'http') as proxy, http_session(proxy.address.port) as session:
        session.get('/ok').raise_for_status()
        with proxy.with_behavior(behavior, **OPTIONS.get(behavior, {})):
            check('http', behavior, lambda: session.get('/ok', timeout=timeout).raise_for_status())
        assert session.get('/ok').text == 'ok\n'


@every_behavior
def test_redis(redis_server: Server, behavior: str) -> None:
    timeout = PATIENCE if behavior == 'hang' else TIMEOUT
    with (
        Proxy(redis_server.address, 'redis') as proxy,
        redis_client(proxy.address.port, socket_timeout=timeout) as client,
    ):
        with proxy.with_behavior(behavior, **OPTIONS.get(behavior, {})):
            check('redis', behavior, lambda: client.get('nobody'))
        assert client.ping()


@pytest.mark.parametrize(
    ('behavior', 'said'),
    [
        ('dummy', 'PONG'),
        ('error', 'ERR injected by vaurien'),
        ('blackout', 'Error: Server closed the connection'),
        ('abort', 'Error: Server closed the connection'),
    ],
)
def test_redis_cli(redis_server: Server, behavior: str, said: str) -> None:
    with Proxy(redis_server.address, 'redis', behavior=behavior) as proxy:
        command = [command_path('redis-cli'), '-p', str(proxy.address.port), 'ping']
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT)
    assert said in done.stdout + done.stderr


def check(protocol: str, behavior: str, ask: Callable[[], object]) -> None:
    """Check that *ask* raises what the table says, when it says."""
    first, _, then = RAISES[protocol][behavior].partition(', ')
    assert raised(ask) == first.partition(' ')[0]
    if then.startswith('then '):
        assert raised(ask) == then.removeprefix('then ')
