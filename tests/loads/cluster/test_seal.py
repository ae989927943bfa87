"""Nobody who does not know the secret gives orders."""

from __future__ import annotations

from typing import Any

import pytest

from vaurien.address import Address
from vaurien.errors import ConfigError, SealError
from vaurien.loads.cluster.seal import Seal, demand_secret, make_nonce

NONCE = make_nonce()


def seal(secret: str = 's', peer: str = 'alpha', nonce: bytes = NONCE) -> Seal:
    return Seal(secret, peer, nonce)


def test_orders_arrive() -> None:
    sender, receiver = seal(), seal()
    for content in ({'files': b'\x00'}, None, [1, 2]):
        assert receiver.open('x', sender.close('x', content)) == content


def tampered(message: dict[str, bytes]) -> dict[str, bytes]:
    return {**message, 'body': message['body'][:-1] + b'?'}


@pytest.mark.parametrize(
    'message',
    [
        seal(secret='other').close('x', 1),
        seal(peer='beta').close('x', 1),
        seal(nonce=b'another').close('x', 1),
        seal().close('y', 1),
        tampered(seal().close('x', 1)),
        {'body': seal().close('x', 1)['body']},
        {},
        None,
        {'body': 'text', 'proof': 'text'},
    ],
)
def test_others_do_not(message: Any) -> None:
    with pytest.raises(SealError):
        seal().open('x', message)


def test_nor_do_they_twice() -> None:
    sender, receiver = seal(), seal()
    first, second = sender.close('x', 1), sender.close('x', 2)
    assert receiver.open('x', first) == 1
    assert receiver.open('x', second) == 2
    for message in (first, second):
        with pytest.raises(SealError, match='replayed'):
            receiver.open('x', message)


@pytest.mark.parametrize('host', ['localhost', '127.0.0.1', '127.9.9.9', '::1'])
def test_loopback_needs_no_secret(host: str) -> None:
    demand_secret(Address(host, 1), '', what='--broker')


@pytest.mark.parametrize('host', ['0.0.0.0', '192.0.2.1', '::'])
def test_anything_else_does(host: str) -> None:
    demand_secret(Address(host, 1), 'secret', what='--broker')
    with pytest.raises(ConfigError, match='give all of them the same --secret'):
        demand_secret(Address(host, 1), '', what='--broker')
