"""Variables of the environment that name proxies while tests run, whoever sets them, and whenever."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from vaurien.errors import ConfigError
from vaurien.explore.environment import KEPT, Variable
from vaurien.explore.proxies import WatchedProxies
from vaurien.explore.pytest.backends import Backends
from vaurien.explore.watching import Requester

KEPT_URL = f'{KEPT}REDIS_URL'
ONE, OTHER = 'redis://127.0.0.1:1/0', 'redis://127.0.0.1:2/0'


@pytest.fixture
def backends(monkeypatch: pytest.MonkeyPatch) -> Iterator[Backends]:
    """Give the backends of a variable that nobody has set."""
    for name in ('REDIS_URL', KEPT_URL):
        monkeypatch.setenv(name, '')  # so that it is given back, whatever becomes of it
        del os.environ[name]
    proxies = WatchedProxies(lambda: lambda link: Requester(is_own=False), allow_remote=False)
    made = Backends([Variable('redis', 'REDIS_URL')], proxies, allow_remote=False)
    yield made
    made.close()


def set_url(backends: Backends, url: str) -> str:
    """Set the variable, and return what it is then."""
    os.environ['REDIS_URL'] = url
    backends.refresh()
    return os.environ['REDIS_URL']


def test_a_variable_that_is_set_later_names_a_proxy_from_then_on(backends: Backends) -> None:
    backends.refresh()
    assert backends.missing == ['REDIS_URL']
    proxy = set_url(backends, ONE)
    assert backends.missing == []
    assert proxy.startswith('redis://127.0.0.1:')
    assert proxy not in (ONE, OTHER)
    assert os.environ[KEPT_URL] == ONE
    backends.refresh()
    assert os.environ['REDIS_URL'] == proxy  # and not a proxy before the proxy


def test_each_backend_has_one_proxy(backends: Backends) -> None:
    one, other = set_url(backends, ONE), set_url(backends, OTHER)
    assert one != other
    assert os.environ[KEPT_URL] == OTHER
    assert set_url(backends, ONE) == one


def test_a_variable_gets_back_what_it_had(backends: Backends) -> None:
    set_url(backends, ONE)
    backends.close()
    assert os.environ['REDIS_URL'] == ONE
    assert KEPT_URL not in os.environ


def test_the_application_trusts_the_proxy_wherever_it_says_whom(
    backends: Backends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('PGCHANNELBINDING', 'require')
    found = set_url(backends, 'rediss://127.0.0.1:1/0?ssl_ca_certs=/backend.pem&db=2')
    path = found.partition('ssl_ca_certs=')[2].removesuffix('&db=2')
    assert 'BEGIN CERTIFICATE' in Path(path).read_text()
    assert os.environ['PGCHANNELBINDING'] == 'disable'
    backends.close()
    assert os.environ['PGCHANNELBINDING'] == 'require'
    assert os.environ['REDIS_URL'] == 'rediss://127.0.0.1:1/0?ssl_ca_certs=/backend.pem&db=2'


def test_a_variable_that_somebody_has_changed_stays_as_it_is(backends: Backends) -> None:
    set_url(backends, ONE)
    os.environ['REDIS_URL'] = OTHER
    backends.close()
    assert os.environ['REDIS_URL'] == OTHER
    assert KEPT_URL not in os.environ


def test_a_backend_elsewhere_is_refused(backends: Backends) -> None:
    with pytest.raises(ConfigError, match=r'^REDIS_URL: 192\.0\.2\.1:6379 is not on this machine'):
        set_url(backends, 'redis://192.0.2.1')
