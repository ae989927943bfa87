"""Addresses as Go's ``net`` package reads them."""

from __future__ import annotations

import errno
import socket
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tests.servers import HOST
from vaurien.errors import AddressError
from vaurien.settings import ProxySettings
from vaurien.toxiproxy.fields import ProxyFields, everywhere, make_settings, parse_listen, parse_upstream


@pytest.mark.parametrize(
    ('text', 'host', 'port'),
    [
        ('localhost:80', 'localhost', 80),
        ('127.0.0.1:http', '127.0.0.1', 80),
        ('127.0.0.1:HTTP', '127.0.0.1', 80),
        ('127.0.0.1:', '127.0.0.1', 0),
        ('127.0.0.1:+080', '127.0.0.1', 80),
        ('127.0.0.1:-0', '127.0.0.1', 0),
        ('127.0.0.1:65535', '127.0.0.1', 65535),
        ('[::1]:80', '::1', 80),
        ('[localhost]:80', 'localhost', 80),
        ('any thing:1', 'any thing', 1),
    ],
)
def test_addresses(text: str, host: str, port: int) -> None:
    assert parse_listen(text) == (host, port)
    assert parse_upstream(text) == (host, port)


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('foo', 'address foo: missing port in address'),
        ('80', 'address 80: missing port in address'),
        ('[::1]', 'address [::1]: missing port in address'),
        ('[::1]80', 'address [::1]80: missing port in address'),
        ('[::1]x:80', 'address [::1]x:80: missing port in address'),
        ('[::1:80', "address [::1:80: missing ']' in address"),
        ('[::1]:8:0', 'address [::1]:8:0: too many colons in address'),
        ('::1:80', 'address ::1:80: too many colons in address'),
        (':::', 'address :::: too many colons in address'),
        ('a]:80', "address a]:80: unexpected ']' in address"),
        ('a[:80', "address a[:80: unexpected '[' in address"),
        ('[[::1]:80', "address [[::1]:80: unexpected '[' in address"),
        ('a:8]0', "address a:8]0: unexpected ']' in address"),
        ('a:65536', 'address 65536: invalid port'),
        ('a:-1', 'address -1: invalid port'),
        ('a:99999999999999999999999', 'address 99999999999999999999999: invalid port'),
        ('a:none', 'lookup tcp/none: unknown port'),
        ('a:80x', 'lookup tcp/80x: unknown port'),
        ('a:8 0', 'lookup tcp/8 0: unknown port'),
        ('a:\0', 'lookup tcp/\0: unknown port'),
        ('a:²', 'lookup tcp/²: unknown port'),
    ],
)
def test_those_that_are_none(text: str, said: str) -> None:
    with pytest.raises(AddressError) as caught:
        parse_listen(text)
    assert str(caught.value) == said
    assert parse_upstream(text) == (text, 0), 'whoever connects finds out'


@given(st.text(alphabet='[]:a1\0é ', max_size=12))
def test_nothing_else_is_raised(text: str) -> None:
    parse_upstream(text)
    with suppress(AddressError):
        assert 0 <= parse_listen(text).port <= 65535


def test_loopback_where_nothing_is_said() -> None:
    assert parse_listen('') == (HOST, 0)


@pytest.mark.parametrize('text', [':', ':0', '0.0.0.0:0', '[::]:0', '[0.0.0.0]:'])
def test_every_address_of_the_machine(text: str) -> None:
    assert parse_listen(text) == (everywhere(), 0)


class NoIPv6(socket.socket):
    """In place of the system's sockets on a machine without IPv6."""

    def __init__(self, family: int = socket.AF_INET, *args: Any) -> None:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, 'Address family not supported by protocol')
        super().__init__(family, *args)


def test_a_machine_without_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, 'socket', NoIPv6)
    assert parse_listen(':80') == ('0.0.0.0', 80)


@pytest.mark.parametrize(('text', 'address'), [('', ('localhost', 0)), (':80', ('localhost', 80))])
def test_an_upstream_without_a_host_is_this_machine(text: str, address: tuple[str, int]) -> None:
    assert parse_upstream(text) == address


def test_settings_keep_what_was_written() -> None:
    defaults = ProxySettings(seed=7, timeout=5.0, protocol='redis')
    settings = make_settings(ProxyFields(name='a', listen='localhost:http', upstream='b'), defaults)
    assert (settings.proxy, settings.backend) == (('localhost', 80), ('b', 0))
    assert (settings.proxy.written, settings.backend.written) == ('localhost:http', 'b')
    assert (str(settings.proxy), str(settings.backend)) == ('localhost:80', 'b:0')
    assert not settings.reset_if_unreachable
    assert (settings.seed, settings.timeout, settings.protocol) == (7, 5.0, 'redis')
    assert make_settings(ProxyFields(name='a', upstream='b', protocol='http'), defaults).protocol == 'http'
