"""What is on this machine: its own addresses, whatever they are called."""

from __future__ import annotations

import socket

import pytest

from vaurien.address import Address
from vaurien.errors import ConfigError
from vaurien.explore.locality import is_local


def find_own() -> str:
    """Return an address of this machine by which others reach it, if there is one. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(('192.0.2.1', 9))
        return str(probe.getsockname()[0])


@pytest.mark.parametrize('host', ['localhost', '127.0.0.1', '127.9.9.9', '::1', '0.0.0.0', '::'])
def test_addresses_that_every_machine_has(host: str) -> None:
    assert is_local(Address(host, 6379))


def test_an_address_of_a_network_card() -> None:
    assert is_local(Address(find_own(), 6379))


@pytest.mark.parametrize('host', ['192.0.2.1', '2001:db8::1', '255.255.255.255'])
def test_addresses_elsewhere(host: str) -> None:
    assert not is_local(Address(host, 6379))


def test_a_name_with_an_address_elsewhere_is_not_local(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_DGRAM, 0, '', (host, 6379)) for host in ('127.0.0.1', '192.0.2.1')]
    monkeypatch.setattr('vaurien.explore.locality.getaddrinfo', lambda *_, **__: found)
    assert not is_local(Address('db.example', 6379))


@pytest.mark.parametrize('host', ['no.such.host.invalid', 'a' * 64])
def test_a_name_that_cannot_be_looked_up_is_one_line(host: str) -> None:
    with pytest.raises(ConfigError, match=r"^'.*' cannot be looked up: ") as caught:
        is_local(Address(host, 6379))
    assert '\n' not in str(caught.value)
