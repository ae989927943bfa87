"""The addresses to connect to and from."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from tests.servers import HOST
from tests.tcpgoon.dialing import place, target
from vaurien.address import Address
from vaurien.errors import ConfigError, StartError
from vaurien.tcpgoon.target import Place, Target, format_address, look_up, parse_sources

V6 = Place(socket.AF_INET6, ('::1', 80, 0, 0))


def test_a_numeric_address_is_looked_up() -> None:
    assert look_up(HOST, 80) == [place(80)]
    assert look_up('::1', 80) == [V6]


@pytest.mark.parametrize(
    ('host', 'kind', 'said'),
    [
        ('no-such-host.invalid', StartError, 'cannot resolve no-such-host.invalid: '),
        ('a' * 64, ConfigError, f'cannot resolve {"a" * 64}: not a name'),
        ('a..b', ConfigError, 'cannot resolve a..b: not a name'),
    ],
)
def test_a_name_that_nobody_has(host: str, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind) as caught:
        look_up(host, 80)
    assert str(caught.value).startswith(said)


def test_the_name_in_the_certificate() -> None:
    assert Target.resolve(Address(HOST, 80)).name == HOST
    assert Target.resolve(Address(HOST, 80), name='orders.example.com').name == 'orders.example.com'


def test_only_what_the_sources_can_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Any] = [(each.family, socket.SOCK_STREAM, 0, '', each.address) for each in (V6, place(80))]
    monkeypatch.setattr('vaurien.tcpgoon.target.getaddrinfo', lambda *arguments, **options: found)
    assert Target.resolve(Address('both', 80)).places == [V6, place(80)]
    assert Target.resolve(Address('both', 80), [place(0, '127.0.0.2')]).places == [place(80)]
    found.pop()
    with pytest.raises(ConfigError, match='--source: both and the addresses given are not both IPv4 or both IPv6'):
        Target.resolve(Address('both', 80), [place(0, '127.0.0.2')])


def test_sources_take_turns() -> None:
    sources = [place(0, '127.0.0.2'), place(0, '127.0.0.3')]
    to = target(80, sources=sources)
    assert [to.next_source(socket.AF_INET) for _ in range(3)] == [
        ('127.0.0.2', 0),
        ('127.0.0.3', 0),
        ('127.0.0.2', 0),
    ]
    assert to.next_source(socket.AF_INET6) is None
    assert target(80).next_source(socket.AF_INET) is None


def test_what_has_answered_comes_first() -> None:
    to = target(1, 2, 3)
    to.prefer(to.places[2])
    assert to.places == [place(3), place(1), place(2)]
    to.prefer(to.places[0])
    assert to.places == [place(3), place(1), place(2)]


@pytest.mark.parametrize(
    ('text', 'sources'),
    [('', []), (',', []), ('127.0.0.1, 127.0.0.2', ['127.0.0.1', '127.0.0.2']), ('[::1]', ['::1']), ('::1', ['::1'])],
)
def test_sources(text: str, sources: list[str]) -> None:
    assert [source.address[0] for source in parse_sources(text)] == sources


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('localhost', "--source: 'localhost' is not a numeric address"),
        ('127.0.0.1,', ''),
        ('127.0.0.1,192.0.2.1', '--source: cannot dial from 192.0.2.1: Cannot assign requested address'),
    ],
)
def test_addresses_that_this_machine_has_not(text: str, said: str) -> None:
    if not said:
        assert len(parse_sources(text)) == 1
        return
    with pytest.raises(ConfigError) as caught:
        parse_sources(text)
    assert str(caught.value) == said


def test_socket_addresses() -> None:
    assert [format_address(address) for address in (place(80).address, V6.address)] == ['127.0.0.1:80', '[::1]:80']
