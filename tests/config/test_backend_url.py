"""URLs of backends, as they are pasted from the settings of an application."""

from __future__ import annotations

from typing import Any

import pytest

from vaurien.address import NOWHERE, Address
from vaurien.config.backend_url import URLAddress, read_other
from vaurien.config.build import build
from vaurien.config.source import make_source
from vaurien.errors import ConfigError
from vaurien.settings import ProxySettings, Settings


def settings_of(*sources: dict[str, Any]) -> Settings:
    """Return the settings of flags, each source over the one before."""
    return build(*(make_source({'vaurien': one}, '--{}'.format, text=True) for one in sources))


def mistake(*sources: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as caught:
        settings_of(*sources)
    assert 'secret' not in str(caught.value)
    return str(caught.value).removeprefix('--vaurien.backend: ')


@pytest.mark.parametrize(
    ('url', 'address', 'protocol'),
    [
        ('redis://:secret@localhost:6380/0', 'localhost:6380', 'redis'),
        ('redis://localhost', 'localhost:6379', 'redis'),
        ('postgresql+asyncpg://ada:secret@db.example.com/shop', 'db.example.com:5432', 'postgres'),
        ('jdbc:mysql://[::1]/shop', '[::1]:3306', 'mysql'),
        ('http://api.example.com/v1?key=secret', 'api.example.com:80', 'http'),
        ('smtp://mail:2525', 'mail:2525', 'smtp'),
        ('memcached://cache', 'cache:11211', 'memcache'),
        ('tcp://cache:7', 'cache:7', 'tcp'),
    ],
)
def test_a_url_has_address_and_protocol(url: str, address: str, protocol: str) -> None:
    settings = settings_of({'backend': url})
    assert (settings.backend, settings.protocol) == (Address.parse(address), protocol)
    assert type(settings.backend) is Address


@pytest.mark.parametrize(
    ('backend', 'given', 'address'),
    [
        ('cache:6380', {'protocol': 'http'}, ('cache', 6380)),
        ('none', {}, NOWHERE),
        ('redis://:secret@cache', {'protocol': 'redis'}, ('cache', 6379)),
        ('redis://cache:6380/0', {}, ('cache', 6380)),
        ('rediss://cache', {'protocol': 'redis', 'backend_tls': True}, ('cache', 6379)),
        ('https://shop', {'tls': 'auto'}, ('shop', 443)),
        (Address('cache', 1), {'protocol': 'mysql'}, ('cache', 1)),
    ],
)
def test_of_another_backend(backend: str | Address, given: dict[str, Any], address: tuple[str, int]) -> None:
    read = read_other(backend, ProxySettings(**given))
    assert (read, isinstance(read, URLAddress)) == (address, False)


@pytest.mark.parametrize(
    ('backend', 'given', 'said'),
    [
        (
            'redis://:secret@cache',
            {'protocol': 'http'},
            'a URL of redis is for the protocol redis, and the proxy speaks http: write host:port if the backend '
            'speaks http, or create another proxy',
        ),
        ('tcp://secret:1', {'protocol': 'http'}, 'a URL of tcp is for the protocol tcp, and the proxy speaks http: '),
        (
            'rediss://:secret@cache',
            {'protocol': 'redis'},
            'its URL is for TLS, which the proxy does not speak with its backend: write host:port if the backend does '
            'without, or create another proxy, with backend_tls',
        ),
        ('redsi://:secret@cache', {}, "unknown scheme of a URL 'redsi', did you mean 'redis'?"),
    ],
)
def test_what_cannot_be_another_backend(backend: str, given: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_other(backend, ProxySettings(**given))
    assert str(caught.value).startswith(said)
    assert 'secret' not in str(caught.value)


def test_who_says_the_protocol() -> None:
    assert settings_of({'protocol': 'http'}, {'backend': 'redis://a'}).protocol == 'redis'
    assert settings_of({'backend': 'redis://a'}, {'protocol': 'http'}).protocol == 'http'
    assert settings_of({'backend': 'redis://a', 'protocol': 'tcp'}).protocol == 'tcp'
    said = mistake({'backend': 'redis://:secret@a', 'protocol': 'http'})
    assert said == 'a URL of redis is for the protocol redis, and not http'


@pytest.mark.parametrize(
    ('url', 'said'),
    [
        ('redsi://:secret@localhost', "unknown scheme of a URL 'redsi', did you mean 'redis'?"),
        ('://:secret@localhost', "unknown scheme of a URL '', known: "),
        ('redis://:secret@a,b', 'it names several hosts'),
        ('postgres:///shop?password=secret', 'it names no host'),
        ('tcp://:secret@cache', 'it names no port'),
        ('redis://:secret@localhost:port', 'it has no address that can be read'),
    ],
)
def test_mistakes(url: str, said: str) -> None:
    assert mistake({'backend': url}).startswith(said)


@pytest.mark.parametrize('url', ['rediss://:secret@a', 'https://a', 'postgres://u:secret@a/b?sslmode=require'])
def test_a_url_for_tls_wants_to_know_who_speaks_it(url: str) -> None:
    assert mistake({'backend': url}).startswith('its URL is for TLS: add tls = auto (--tls auto)')
    assert mistake({'backend': url, 'tls': 'refuse'}).startswith('its URL is for TLS')
    assert settings_of({'backend_tls': 'yes'}, {'backend': url}).is_backend_leg
    assert settings_of({'backend': url}, {'tls': 'auto'}).is_backend_leg


def test_several_proxies() -> None:
    sections = {'vaurien': {'tls': 'auto'}, 'proxy.a': {'backend': 'rediss://a'}}
    (proxy,) = build(make_source(sections, str, text=False)).each_proxy
    assert (proxy.protocol, proxy.backend.port, proxy.is_backend_leg) == ('redis', 6379, True)
