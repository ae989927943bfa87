"""Clients that want a file with the authority that they are to trust: `Proxy.ca_file`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests.forking import WARNING, Child
from tests.peers import RawBackend
from tests.programs import run_program
from tests.servers import INDEX, TIMEOUT, Server
from vaurien import Proxy
from vaurien.errors import ConfigError
from vaurien.tls.authority import get_authority


def test_with_the_fixture(vaurien_proxy: Callable[..., Proxy], https_server: Server, files: Path) -> None:
    """A client verifies Vaurien, which verifies the backend, and a fault hits a request inside."""
    backend = f'localhost:{https_server.port}'
    proxy = vaurien_proxy(backend, 'http', tls='auto', backend_tls_ca=str(files / 'backend.pem'))
    url = f'https://localhost:{proxy.address.port}'
    with requests.Session() as session:
        session.trust_env = False  # a variable would take precedence over `verify`
        with pytest.raises(requests.exceptions.SSLError, match='CERTIFICATE_VERIFY_FAILED'):
            session.get(url, timeout=TIMEOUT)
        session.verify = proxy.ca_file
        assert session.get(url, timeout=TIMEOUT).content == INDEX
        with proxy.with_behavior('error', match='GET /ok', code=503):
            assert [session.get(f'{url}{path}', timeout=TIMEOUT).status_code for path in ('/', '/ok')] == [200, 503]


def test_it_lives_as_long_as_the_proxy(echo_server: RawBackend) -> None:
    proxy = Proxy(echo_server.address, proxy_tls='auto')
    with proxy:
        first = Path(proxy.ca_file)
        assert first.read_bytes() == get_authority().pem
        assert proxy.ca_file == str(first)
    assert not first.exists()
    with pytest.raises(RuntimeError, match='not running'):
        _ = proxy.ca_file
    with proxy:
        second = Path(proxy.ca_file)
        assert second.exists()
    assert not second.exists()


def test_one_that_was_removed_meanwhile(echo_server: RawBackend) -> None:
    with Proxy(echo_server.address, proxy_tls='auto') as proxy:
        Path(proxy.ca_file).unlink()


@pytest.mark.filterwarnings(WARNING)
def test_a_child_of_a_fork_leaves_it_there(echo_server: RawBackend) -> None:
    with Proxy(echo_server.address, proxy_tls='auto') as proxy, Child() as child:
        path = Path(proxy.ca_file)
        child.fork(proxy.stop)
        assert path.exists()


def test_one_that_the_settings_name(tmp_path: Path, echo_server: RawBackend) -> None:
    path = tmp_path / 'ca.pem'
    proxy = Proxy(echo_server.address, proxy_tls='auto', tls_ca_file=path)
    assert proxy.ca_file == str(path)
    with proxy:
        assert path.read_bytes() == get_authority().pem
    assert path.exists()


def test_one_that_cannot_be_written(echo_server: RawBackend) -> None:
    proxy = Proxy(echo_server.address, proxy_tls='auto', tls_ca_file='/nowhere/ca.pem')
    with pytest.raises(ConfigError, match=r'cannot write /nowhere/ca\.pem: No such file'):
        proxy.start()


def test_one_of_a_proxy_that_nobody_stops(echo_server: RawBackend) -> None:
    text = 'from vaurien import Proxy; import sys; print(Proxy(sys.argv[1], tls="auto").start().ca_file)'
    ended = run_program([sys.executable, '-c', text, echo_server.address], Path.cwd())
    assert not Path(ended.strip()).exists()
