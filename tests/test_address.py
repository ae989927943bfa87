"""``host:port`` texts."""

from __future__ import annotations

import pytest

from vaurien.address import Address, parse_place
from vaurien.errors import AddressError


@pytest.mark.parametrize(
    ('text', 'address'),
    [
        ('localhost:8000', Address('localhost', 8000)),
        ('0.0.0.0:0', Address('0.0.0.0', 0)),
        ('mail.example.com:65535', Address('mail.example.com', 65535)),
        ('[::1]:8000', Address('::1', 8000)),
        ('[fe80::1%eth0]:80', Address('fe80::1%eth0', 80)),
    ],
)
def test_read_and_written_back(text: str, address: Address) -> None:
    assert Address.parse(text) == address
    assert str(address) == address.written == text


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('', 'expected host:port'),
        ('localhost', 'expected host:port'),
        (':8000', 'expected host:port'),
        ('[]:8000', 'expected host:port'),
        ('::1:8000', 'in brackets, [::1]:8000'),
        ('localhost:', 'no valid port'),
        ('localhost:http', 'no valid port'),
        ('localhost:65536', 'from 0 to 65535'),
        ('localhost:-1', 'no valid port'),
        ('localhost:²', 'no valid port'),
        ('localhost:' + '9' * 10000, 'no valid port'),
    ],
)
def test_refused(text: str, said: str) -> None:
    with pytest.raises(AddressError) as caught:
        Address.parse(text)
    assert said in str(caught.value)


@pytest.mark.parametrize('text', ['8000', ':8000', 'localhost:8000'])
def test_a_port_alone(text: str) -> None:
    assert parse_place(text) == Address('localhost', 8000)


@pytest.mark.parametrize('text', ['redis://:secret@localhost:6379', 'ada:secret@localhost:80', 'ada:secret@::1:x'])
def test_no_message_has_a_password(text: str) -> None:
    with pytest.raises(AddressError) as caught:
        parse_place(text)
    assert 'secret' not in str(caught.value)
