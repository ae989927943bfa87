"""What a behavior does to a handshake of TLS: a plan, which the engine carries out.

The names of alerts are those of RFC 8446, 6.1 and 6.2.
"""

from __future__ import annotations

from enum import Enum
from typing import Literal, NamedTuple

from vaurien.plugins.distribution import Distribution
from vaurien.plugins.options import Option

#: Alerts with which servers refuse clients.
Alert = Literal[
    'access_denied',
    'bad_certificate',
    'decode_error',
    'handshake_failure',
    'illegal_parameter',
    'insufficient_security',
    'internal_error',
    'no_application_protocol',
    'protocol_version',
    'unrecognized_name',
    'user_canceled',
]

_CODES: dict[Alert, int] = {
    'access_denied': 49,
    'bad_certificate': 42,
    'decode_error': 50,
    'handshake_failure': 40,
    'illegal_parameter': 47,
    'insufficient_security': 71,
    'internal_error': 80,
    'no_application_protocol': 120,
    'protocol_version': 70,
    'unrecognized_name': 112,
    'user_canceled': 90,
}
_CLOSE_NOTIFY, _USER_CANCELED = 0, _CODES['user_canceled']
_WARNING, _FATAL = 1, 2

#: Which message was the last: of the client, or of those that the server sends.
After = Literal['client_hello', 'server_hello', 'certificate']

#: What may be wrong with the certificate that clients are shown.
Problem = Literal['expired', 'not-yet-valid', 'wrong-host', 'self-signed', 'unknown-ca', 'incomplete-chain', 'weak-key']


class Ending(Enum):
    """How a handshake ends that does not succeed."""

    #: The server says no more; the connection stays.
    SILENCE = 'silence'
    #: The connection is closed.
    CLOSE = 'close'
    #: The server sends an alert and closes the connection.
    ALERT = 'alert'
    #: The server sends an error of the protocol, without TLS, and closes the connection.
    PLAIN = 'plain'


class Handshake(NamedTuple):
    """What becomes of a handshake. The defaults are those of one that passes."""

    #: Seconds for which the client's first message waits, or their distribution, from which the engine draws.
    delay: float | Distribution = 0.0
    #: What is wrong with the certificate.
    problem: Problem | None = None
    #: How it ends, and behind which message; None: it goes on.
    ending: Ending | None = None
    after: After = 'client_hello'
    alert: Alert = 'handshake_failure'


#: How a server refuses a handshake, declared as options.
REFUSALS: dict[str, Option] = {
    'alert': ('In a handshake of TLS: the alert that the server sends, in plain text', Alert | None, None),
    'plain': ('In a handshake of TLS, True: an error of the protocol, without TLS', bool | None, None),
}


def refuse(*, alert: Alert | None, plain: bool | None) -> Handshake:
    """Return a handshake that is refused so."""
    if plain:
        return Handshake(ending=Ending.PLAIN)
    return Handshake(ending=Ending.ALERT, alert=alert or 'handshake_failure')


def make_alert(name: Alert) -> bytes:
    """Return the records of an alert before anything is encrypted (RFC 8446, 5.1 and 6).

    An alert is fatal. But ``user_canceled`` is a warning, and the session is closed behind it (6.1).
    """
    code = _CODES[name]
    if code == _USER_CANCELED:
        return _make_record(_WARNING, code) + _make_record(_WARNING, _CLOSE_NOTIFY)
    return _make_record(_FATAL, code)


def _make_record(level: int, code: int) -> bytes:
    return bytes((21, 3, 3, 0, 2, level, code))
