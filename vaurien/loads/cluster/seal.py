"""Orders that are authentic: agents run the code that they are sent.

A seal is an HMAC (RFC 2104, with SHA-256) over the kind of the order, its receiver, a nonce that the receiver chose, a
number that goes up, and the content. Without the secret nobody can make an order, change one or replay one. Nothing is
encrypted.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from typing import Any

import msgspec

from vaurien.address import Address
from vaurien.errors import ConfigError, SealError
from vaurien.loads.cluster.endpoint import resolve

#: The environment variable that has the secret. Every user of the machine can read flags.
SECRET = 'LOADS_SECRET'


def make_nonce() -> bytes:
    """Return bytes that nothing was ever sealed with."""
    return secrets.token_bytes(16)


def prove(secret: str, *parts: str | bytes) -> bytes:
    """Return the proof that the sender of *parts* knows the secret."""
    encoded = [part.encode() if isinstance(part, str) else part for part in parts]
    return hmac.digest(secret.encode(), msgspec.msgpack.encode(encoded), 'sha256')


def is_proved(proof: Any, secret: str, *parts: str | bytes) -> bool:
    """Return whether *proof* is the one that `prove` returns."""
    return isinstance(proof, bytes) and hmac.compare_digest(proof, prove(secret, *parts))


class Seal:
    """The orders from one peer to another. The sender closes them, the receiver opens them."""

    def __init__(self, secret: str, receiver: str, nonce: bytes) -> None:
        """*receiver* is the name of the receiver, which has chosen *nonce*."""
        self._secret = secret
        self._receiver = receiver
        self._nonce = nonce
        self._number = 0

    def close(self, kind: str, content: Any) -> dict[str, bytes]:
        """Return the sealed order to send."""
        self._number += 1
        body = msgspec.msgpack.encode((self._number, content))
        return {'body': body, 'proof': prove(self._secret, kind, self._receiver, self._nonce, body)}

    def open(self, kind: str, message: Any) -> Any:
        """Return the content of an order that was received. Raises `SealError` if it is not authentic."""
        body = message.get('body') if isinstance(message, dict) else None
        if not isinstance(body, bytes) or not is_proved(
            message.get('proof'), self._secret, kind, self._receiver, self._nonce, body
        ):
            raise SealError(f'a message {kind} was sealed with another secret')
        number, content = msgspec.msgpack.decode(body)
        if number <= self._number:
            raise SealError(f'a message {kind} was replayed')
        self._number = number
        return content


def demand_secret(address: Address, secret: str, *, what: str) -> None:
    """Raise `ConfigError` if there is no secret and other machines may reach *address*; *what* names the flag.

    Raises `StartError` if the host has no address.
    """
    if not secret and not ipaddress.ip_address(resolve(address).partition('%')[0]).is_loopback:
        raise ConfigError(
            f'{address} is not a loopback address, and agents run the code that they are sent: '
            f'give all of them the same --secret, or {SECRET} in the environment',
            what,
        )
