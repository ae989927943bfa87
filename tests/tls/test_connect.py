"""HTTPS through a forward proxy: Vaurien sees the CONNECT, and nothing that is inside."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.servers import HOST, INDEX, LARGE, TIMEOUT, Server
from tests.tls.forwarding import forward_proxy
from vaurien import Proxy


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """Vaurien in front of a forward proxy."""
    with forward_proxy() as backend, Proxy(backend.address, 'http') as proxy:
        yield proxy


def curl(proxy: Proxy, url: str, ca: Path | str, *flags: str) -> subprocess.CompletedProcess[bytes]:
    command = ['curl', '-sS', '--noproxy', '', '-x', f'http://{proxy.address}', '--cacert', str(ca), *flags, url]
    return subprocess.run(command, capture_output=True, check=False, timeout=TIMEOUT)


def test_curl(proxy: Proxy, https_server: Server, files: Path) -> None:
    """The certificate is that of the server, and nothing inside is a request."""
    proxy.set_behavior('error', match='GET *', code=500)
    done = curl(proxy, f'https://localhost:{https_server.port}/large', files / 'backend.pem')
    assert (done.returncode, done.stderr) == (0, b'')
    assert done.stdout == LARGE
    assert proxy.faults() == []


def test_a_connect_that_is_refused(proxy: Proxy, https_server: Server, files: Path) -> None:
    url = f'https://localhost:{https_server.port}/'
    with proxy.with_behavior('error', match='CONNECT *', times=1, code=502):
        done = curl(proxy, url, files / 'backend.pem')
        assert done.returncode in (7, 56)  # the former since curl 8.17 or so
        assert b'502' in done.stderr
        assert curl(proxy, url, files / 'backend.pem').stdout == INDEX


def test_a_second_proxy_sees_what_is_inside(proxy: Proxy, https_server: Server, files: Path) -> None:
    backend = f'localhost:{https_server.port}'
    with Proxy(backend, 'http', tls='auto', backend_tls_ca=str(files / 'backend.pem')) as inner:
        inner.set_behavior('error', match='GET /ok', code=503, body='injected')
        there = ['--connect-to', f'api.example.com:443:localhost:{inner.address.port}']
        assert curl(proxy, 'https://api.example.com/ok', inner.ca_file, *there).stdout == b'injected'
        assert curl(proxy, 'https://api.example.com/', inner.ca_file, *there).stdout == INDEX
    assert proxy.status()['links']['total'] == 2


def test_requests_through_one_that_wants_a_password(proxy: Proxy, https_server: Server, files: Path) -> None:
    url = f'https://localhost:{https_server.port}/'
    proxy.set_behavior('error', match=f'CONNECT localhost:{https_server.port}', times=1, code=407)
    with requests.Session() as session:
        session.trust_env = False
        session.proxies = {'https': f'http://{HOST}:{proxy.address.port}'}
        session.verify = str(files / 'backend.pem')
        with pytest.raises(requests.exceptions.ProxyError, match='407'):
            session.get(url, timeout=TIMEOUT)
        assert session.get(url, timeout=TIMEOUT).content == INDEX
