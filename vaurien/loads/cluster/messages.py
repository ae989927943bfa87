"""What masters, agents and brokers say to each other, and how they know whom to believe.

An agent runs code that it is sent, so each order is sealed: an HMAC over its kind, whom it is for, a nonce that this
one chose, its number and its content. Nobody who does not know the secret can make one, nor play one back. Nothing is
encrypted.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import socket
from typing import Any

import msgspec

from vaurien.address import Address
from vaurien.errors import ConfigError, SealError

#: The environment variable with the secret: flags are seen by everybody on the machine.
SECRET = 'LOADS_SECRET'
#: Where brokers are looked for.
DEFAULT_BROKER = Address('localhost', 5557)

# From an agent to its master.
HELLO = 'loads_hello'
READY = 'loads_ready'
FAILED = 'loads_failed'
DONE = 'loads_done'
# Orders to an agent; the last is none, and tells why it is not wanted.
SETUP = 'loads_setup'
CYCLE = 'loads_cycle'
STOP = 'loads_stop'
END = 'loads_end'
REFUSED = 'loads_refused'
# From a runner to a broker: all but the first and the last are orders.
PING = 'loads_ping'
SUBMIT = 'loads_submit'
ATTACH = 'loads_attach'
HALT = 'loads_halt'
PURGE = 'loads_purge'
POLL = 'loads_poll'
# From a broker to a runner.
PONG = 'loads_pong'
ANSWER = 'loads_answer'
STATE = 'loads_state'
REPORT = 'loads_report'


def make_nonce() -> bytes:
    """What no message was ever sealed with."""
    return secrets.token_bytes(16)


def prove(secret: str, *parts: str | bytes) -> bytes:
    """What shows that whoever says *parts* knows the secret."""
    encoded = [part.encode() if isinstance(part, str) else part for part in parts]
    return hmac.digest(secret.encode(), msgspec.msgpack.encode(encoded), 'sha256')


def is_proved(proof: Any, secret: str, *parts: str | bytes) -> bool:
    """Whether `prove` gives that."""
    return isinstance(proof, bytes) and hmac.compare_digest(proof, prove(secret, *parts))


class Seal:
    """One direction between two peers: *peer* names the one that receives, and *nonce* is its choice."""

    def __init__(self, secret: str, peer: str, nonce: bytes) -> None:
        self._secret = secret
        self._peer = peer
        self._nonce = nonce
        self._number = 0

    def close(self, kind: str, content: Any) -> dict[str, bytes]:
        """A message to send."""
        self._number += 1
        body = msgspec.msgpack.encode((self._number, content))
        return {'body': body, 'proof': prove(self._secret, kind, self._peer, self._nonce, body)}

    def open(self, kind: str, message: Any) -> Any:
        """The content of a message received; raises `SealError`."""
        body = message.get('body') if isinstance(message, dict) else None
        if not isinstance(body, bytes) or not is_proved(
            message.get('proof'), self._secret, kind, self._peer, self._nonce, body
        ):
            raise SealError(f'a message {kind} was sealed with another secret')
        number, content = msgspec.msgpack.decode(body)
        if number <= self._number:
            raise SealError(f'a message {kind} was played back')
        self._number = number
        return content


def resolve(address: Address, *, what: str) -> str:
    """The number of a host; raises `ConfigError`."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ConfigError(f'cannot resolve {address.host}: {error.strerror}', what) from None
    # A name may have numbers of both kinds: everybody is to take the same.
    return str(min(found, key=lambda one: one[0] != socket.AF_INET)[4][0])


def demand_secret(address: Address, secret: str, *, what: str) -> None:
    """Raises `ConfigError` without a secret, unless only this machine can be meant."""
    if not secret and not ipaddress.ip_address(resolve(address, what=what).partition('%')[0]).is_loopback:
        raise ConfigError(
            f'{address} is no loopback address, and agents run code that they are sent: '
            f'give everybody the same --secret, or {SECRET} in the environment',
            what,
        )


def bindable(host: str) -> str:
    """The number of a host as ZeroMQ wants it."""
    return f'[{host}]' if ':' in host else host
