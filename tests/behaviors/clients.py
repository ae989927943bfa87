"""Real clients, told to go straight to a port and to try once."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
import requests
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.servers import HOST, TIMEOUT, command_path


@contextmanager
def http_session(port: int) -> Iterator[requests.Session]:
    """Return a session of `requests` that resolves paths against a local port."""
    with requests.Session() as session:
        session.trust_env = False
        send = session.request

        def request(method: str | bytes, url: str | bytes, **given: Any) -> requests.Response:
            return send(method, f'http://{HOST}:{port}{url!s}', **{'timeout': TIMEOUT, **given})

        session.request = request  # type: ignore[method-assign, assignment]
        yield session


@contextmanager
def redis_client(port: int, **given: Any) -> Iterator[Any]:
    """Return a client of the driver ``redis`` with one connection, which is open."""
    usual = {'retry': Retry(NoBackoff(), 0), 'socket_timeout': TIMEOUT, 'protocol': 2}
    with redis.Redis(HOST, port, **{**usual, **given}) as client:
        client.ping()
        yield client


def curl(port: int, path: str, *flags: str) -> subprocess.CompletedProcess[bytes]:
    """Run ``curl``; the status of the last response follows its body, on a line of its own."""
    command = [command_path('curl'), '--silent', '--noproxy', '*', '--max-time', str(2 * TIMEOUT)]
    command += ['--write-out', '\n%{http_code}', *flags, f'http://{HOST}:{port}{path}']
    return subprocess.run(command, capture_output=True, check=False, timeout=3 * TIMEOUT)
