"""Paths are cleaned. `tests/toxiproxy/asking.py` checks that every answer names the version."""

from __future__ import annotations

import pytest

from tests.commands import Command
from tests.toxiproxy.asking import ask


@pytest.mark.parametrize(
    ('path', 'location'),
    [
        ('//proxies', '/proxies'),
        ('/proxies//redis', '/proxies/redis'),
        ('/proxies/../version', '/version'),
        ('/./version', '/version'),
        ('/proxies/redis/../', '/proxies/'),
        ('/../../version?a=b&c', '/version?a=b&c'),
        ('//proxies/%C3%A9%0d%0aSet-Cookie:a=b', '/proxies/%C3%A9%0D%0ASet-Cookie%3Aa%3Db'),
        ('///evil.example/..', '/'),
    ],
)
@pytest.mark.parametrize('method', ['GET', 'POST', 'BREW'])
def test_paths_are_cleaned(server: Command, method: str, path: str, location: str) -> None:
    status, headers, body = ask(server, method, path)
    assert (status, headers['location'], body) == ('301 Moved Permanently', location, b'')
    assert not {'content-type', 'set-cookie', 'x-toxiproxy-request-id'} & headers.keys()
