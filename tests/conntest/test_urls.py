"""URLs that can be asked, and those that cannot."""

from __future__ import annotations

import pytest

from vaurien.conntest.urls import check_url
from vaurien.errors import ConfigError


@pytest.mark.parametrize(
    ('text', 'host', 'port', 'path'),
    [
        ('http://localhost', 'localhost', None, ''),
        ('http://conntest-server:8080', 'conntest-server', 8080, ''),
        ('https://[::1]:443/prefix?x=y', '::1', 443, '/prefix'),
        ('http://bücher.example/', 'bücher.example', None, '/'),
    ],
)
def test_urls(text: str, host: str, port: int | None, path: str) -> None:
    parts = check_url(text)
    assert (parts.hostname, parts.port, parts.path) == (host, port, path)


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('', "'' is not a URL: expected http://host:port"),
        ('localhost:8080', "'localhost:8080' is not a URL: expected http://host:port"),
        ('ftp://localhost', "'ftp://localhost' is not a URL: expected http://host:port"),
        ('http://', "'http://' is not a URL: expected http://host:port"),
        ('http://localhost/a b', "'http://localhost/a b' is not a URL: expected http://host:port"),
        ('http://localhost/é', "'http://localhost/é' is not a URL: expected http://host:port"),
        ('http://localhost/\n', "'http://localhost/\\n' is not a URL: expected http://host:port"),
        ('http://localhost:70000', "'http://localhost:70000' is not a URL: port out of range"),
        ('http://[::1', "'http://[::1' is not a URL: invalid IPv6 URL"),
        ('http://a..b', "'http://a..b' is not a URL: "),
        ('http://localhost:0', "'http://localhost:0' has the port 0, which nobody can connect to"),
    ],
)
def test_what_is_none(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_url(text)
    assert str(caught.value).startswith(said)
