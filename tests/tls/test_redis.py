"""Redis over TLS, with a server that wants certificates of its clients: Vaurien has one, and wants one, too."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.servers import TIMEOUT, Server, command_path
from vaurien import Proxy


@pytest.fixture
def proxy(secure_redis: Server, files: Path) -> Iterator[Proxy]:
    with Proxy(
        f'localhost:{secure_redis.port}',
        'redis',
        tls='auto',
        proxy_tls_client_ca=str(files / 'backend.pem'),
        backend_tls_ca=str(files / 'backend.pem'),
        backend_tls_cert=str(files / 'own.pem'),
    ) as proxy:
        yield proxy


def test_redis_py(proxy: Proxy, files: Path) -> None:
    shown: dict[str, Any] = {'ssl_certfile': str(files / 'own.pem'), 'ssl_keyfile': str(files / 'own.pem')}
    value = b'x' * (1 << 20)
    with redis.Redis('localhost', proxy.address.port, ssl=True, ssl_ca_certs=proxy.ca_file, **shown) as client:
        assert client.set('tls:py', value)
        with client.pipeline(transaction=False) as pipeline:
            for _ in range(3):
                pipeline.get('tls:py')
            assert pipeline.execute() == [value] * 3
        with proxy.with_behavior('error', match='GET tls:*', message='OOM injected'):
            with pytest.raises(redis.OutOfMemoryError):
                client.get('tls:py')
            assert client.ping()


def test_redis_cli(proxy: Proxy, files: Path) -> None:
    def run(*words: str, cert: str = 'own.pem') -> str:
        shown = [word for name in ('cert', 'key') for word in (f'--{name}', str(files / cert))] if cert else []
        flags = ['-h', 'localhost', '-p', str(proxy.address.port), '--tls', '--cacert', proxy.ca_file, *shown]
        command = [command_path('redis-cli'), *flags, *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT)
        return (done.stdout + done.stderr).strip()

    assert run('SET', 'tls:cli', '1') == 'OK'
    with proxy.with_behavior('error', match='GET *', message='ERR injected'):
        assert run('GET', 'tls:cli') == 'ERR injected'
    assert run('GET', 'tls:cli') == '1'
    assert 'PONG' not in run('PING', cert='')
