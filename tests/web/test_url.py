"""URLs of HTTP servers, and texts that are none."""

from __future__ import annotations

import pytest

from vaurien.errors import ConfigError
from vaurien.web.url import read_url


def test_parts() -> None:
    parts = read_url('https://[::1]:443/a b/ü?x=y z')
    assert (parts.hostname, parts.port, parts.path, parts.query) == ('::1', 443, '/a b/ü', 'x=y z')


@pytest.mark.parametrize(
    'text',
    ['', 'localhost:8080', 'ftp://localhost', 'http://', 'http://[', 'http://h:99999', 'http://h:0', 'http://a..b'],
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(ConfigError):
        read_url(text)
