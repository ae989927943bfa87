"""HTTPS: real clients and a real server, each of which verifies Vaurien or is verified."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
import requests
import urllib3

from tests.servers import HOST, INDEX, LARGE, TIMEOUT, Server
from tests.tls.serving import dial
from vaurien import Proxy


@pytest.fixture
def proxy(https_server: Server, files: Path) -> Iterator[Proxy]:
    with make_proxy(https_server, files) as proxy:
        yield proxy


def make_proxy(server: Server, files: Path, protocol: str = 'http') -> Proxy:
    return Proxy(f'localhost:{server.port}', protocol, tls='auto', backend_tls_ca=str(files / 'backend.pem'))


def url_of(proxy: Proxy, path: str) -> str:
    return f'https://localhost:{proxy.address.port}{path}'


class Answer(NamedTuple):
    """What a client has seen."""

    status: int
    body: bytes


def get_with_requests(url: str, ca_file: str) -> Answer:
    answer = requests.get(url, verify=ca_file, timeout=TIMEOUT)
    return Answer(answer.status_code, answer.content)


def get_with_httpx(url: str, ca_file: str) -> Answer:
    answer = httpx.get(url, verify=ssl.create_default_context(cafile=ca_file), timeout=TIMEOUT)
    return Answer(answer.status_code, answer.content)


def get_with_urllib3(url: str, ca_file: str) -> Answer:
    with urllib3.PoolManager(ca_certs=ca_file) as pool:
        answer = pool.request('GET', url, timeout=TIMEOUT, retries=False)
        return Answer(answer.status, answer.data)


def get_with_curl(url: str, ca_file: str) -> Answer:
    body, _, status = curl(url, ca_file, '-w', '\n%{http_code}').rpartition(b'\n')
    return Answer(int(status), body)


def curl(url: str, ca_file: str, *flags: str) -> bytes:
    command = ['curl', '-sS', '--noproxy', '*', '--cacert', ca_file, *flags, url]
    return subprocess.run(command, capture_output=True, check=True, timeout=TIMEOUT).stdout


@pytest.mark.parametrize('get', [get_with_requests, get_with_httpx, get_with_urllib3, get_with_curl])
def test_each_client(get: Callable[[str, str], Answer], proxy: Proxy) -> None:
    assert get(url_of(proxy, '/'), proxy.ca_file) == (200, INDEX)
    with proxy.with_behavior('error', match='GET /ok', code=502):
        assert get(url_of(proxy, '/ok'), proxy.ca_file).status == 502
        assert get(url_of(proxy, '/unavailable'), proxy.ca_file) == (503, b'out of order\n')


def test_requests_are_found_on_one_connection(proxy: Proxy) -> None:
    """Bodies of every kind come whole, and the one request that is meant fails."""
    with requests.Session() as session:
        session.trust_env = False
        session.verify = proxy.ca_file
        with proxy.with_behavior('error', match='GET /ok', nth=2, code=500):
            assert session.get(url_of(proxy, '/large-chunked'), timeout=TIMEOUT).content == LARGE
            assert session.put(url_of(proxy, '/upload/tls'), data=iter([LARGE, INDEX]), timeout=TIMEOUT).ok
            assert session.get(url_of(proxy, '/upload/tls'), timeout=TIMEOUT).content == LARGE + INDEX
            assert session.head(url_of(proxy, '/large'), timeout=TIMEOUT).headers['Content-Length'] == str(len(LARGE))
            assert [session.get(url_of(proxy, '/ok'), timeout=TIMEOUT).status_code for _ in range(3)] == [200, 500, 200]
            assert session.delete(url_of(proxy, '/upload/tls'), timeout=TIMEOUT).status_code == 204
    status = proxy.status()
    assert (status['links']['total'], status['exchanges'], status['faults']) == (1, 8, {'error': 1})


def test_requests_behind_each_other(proxy: Proxy) -> None:
    """All in one record."""
    proxy.set_behavior('error', match='GET /chunked', code=503)
    paths = ['/ok', '/chunked', '/ok']
    with dial(proxy) as sock:
        sock.sendall(b''.join(f'GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n'.encode() for path in paths))
        seen = b''
        while seen.count(b'ok\n') < 2:
            chunk = sock.recv(65536)
            assert chunk
            seen += chunk
    lines = [line for line in seen.splitlines() if line.startswith(b'HTTP/1.1')]
    assert [line.split()[1] for line in lines] == [b'200', b'503', b'200']


@pytest.mark.parametrize(('protocol', 'spoken'), [('http', 'http/1.1'), ('tcp', 'h2')])
def test_what_both_speak(https_server: Server, files: Path, protocol: str, spoken: str) -> None:
    """Both would take HTTP/2, which is not for the protocol http."""
    with make_proxy(https_server, files, protocol) as proxy:
        context = proxy.ssl_context()
        context.set_alpn_protocols(['h2', 'http/1.1'])
        with dial(proxy, context) as sock:
            assert sock.selected_alpn_protocol() == spoken
        flags = ['--http2', '-o', '/dev/null', '-w', '%{http_version}']
        version = curl(url_of(proxy, '/large'), proxy.ca_file, *flags)
        assert version == {'http/1.1': b'1.1', 'h2': b'2'}[spoken]
