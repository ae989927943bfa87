"""What ``openssl s_client`` sees of a proxy: versions, resumed sessions, certificates of clients."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers import TIMEOUT, Server
from vaurien import Proxy


@pytest.fixture
def proxy(secure_redis: Server, files: Path) -> Iterator[Proxy]:
    """A proxy in front of a Redis that wants certificates; it wants none."""
    ca, cert = str(files / 'backend.pem'), str(files / 'own.pem')
    backend = f'localhost:{secure_redis.port}'
    with Proxy(backend, 'redis', tls='auto', backend_tls_ca=ca, backend_tls_cert=cert) as proxy:
        yield proxy


def s_client(proxy: Proxy, *flags: str) -> str:
    """Say PING and QUIT, and return what is seen of the session and of the answers."""
    name = ['-connect', f'localhost:{proxy.address.port}', '-servername', 'localhost', '-verify_hostname', 'localhost']
    command = ['openssl', 's_client', *name, '-CAfile', proxy.ca_file, '-verify_return_error', *flags]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        out, _ = process.communicate(b'PING\r\nQUIT\r\n', TIMEOUT)
    return out.decode()


@pytest.mark.parametrize('version', ['1.2', '1.3'])
def test_versions_and_sessions(proxy: Proxy, tmp_path: Path, version: str) -> None:
    session, chosen = str(tmp_path / 'session'), f'-tls{version.replace(".", "_")}'
    first = s_client(proxy, chosen, '-ign_eof', '-sess_out', session)
    assert 'Verification: OK' in first
    assert f'New, TLSv{version}' in first
    assert '+PONG' in first
    second = s_client(proxy, chosen, '-ign_eof', '-sess_in', session)
    assert f'Reused, TLSv{version}' in second
    assert '+PONG' in second


def test_it_comes_again_and_again(proxy: Proxy) -> None:
    said = s_client(proxy, '-tls1_2', '-ign_eof', '-reconnect')
    assert said.count('New, TLSv1.2') == 1
    assert said.count('Reused, TLSv1.2') == 5
    assert proxy.status()['links']['total'] == 6


def test_certificates_of_clients_on_both_legs(secure_redis: Server, files: Path) -> None:
    ca, own = str(files / 'backend.pem'), str(files / 'own.pem')
    legs: dict[str, Any] = {'proxy_tls_client_ca': ca, 'backend_tls_ca': ca, 'backend_tls_cert': own}
    with Proxy(f'localhost:{secure_redis.port}', 'redis', tls='auto', **legs) as proxy:
        assert '+PONG' in s_client(proxy, '-ign_eof', '-cert', own, '-key', own)
        assert 'alert certificate required' in s_client(proxy, '-ign_eof')
        assert 'alert handshake failure' in s_client(proxy, '-ign_eof', '-tls1_2')
    del legs['backend_tls_cert']
    with Proxy(f'localhost:{secure_redis.port}', 'redis', tls='auto', **legs) as proxy:
        assert '+PONG' not in s_client(proxy, '-ign_eof', '-cert', own, '-key', own)
