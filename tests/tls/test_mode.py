"""Where TLS begins, by the settings."""

from __future__ import annotations

from typing import Any

import pytest

from vaurien.address import Address
from vaurien.errors import ConfigError
from vaurien.protocols import Protocol
from vaurien.protocols.smtp import SMTP
from vaurien.settings import ProxySettings
from vaurien.tls.mode import find_upgrading


def find(protocol: str, **settings: Any) -> Any:
    return find_upgrading(ProxySettings(protocol=protocol, **settings), Protocol.get(protocol))


@pytest.mark.parametrize(
    ('protocol', 'settings', 'is_inside'),
    [
        ('smtp', {}, False),
        ('smtp', {'tls': 'auto'}, True),
        ('smtp', {'proxy_tls': 'auto'}, True),
        ('smtp', {'backend_tls': True}, True),
        ('smtp', {'tls': 'refuse'}, True),
        ('smtp', {'tls': 'auto', 'backend': Address('mail.example.com', 465)}, False),
        ('smtp', {'tls': 'auto', 'backend': Address('mail.example.com', 465), 'tls_mode': 'upgrade'}, True),
        ('smtp', {'tls': 'auto', 'tls_mode': 'implicit'}, False),
        ('postgres', {'tls': 'auto', 'backend': Address('localhost', 465)}, True),
        ('mysql', {'tls': 'auto'}, True),
        ('mysql', {'tls': 'auto', 'tls_mode': 'implicit'}, False),
        ('http', {'tls': 'auto'}, False),
        ('tcp', {'tls': 'auto', 'tls_mode': 'implicit'}, False),
    ],
)
def test_where_tls_begins(protocol: str, settings: dict[str, Any], is_inside: bool) -> None:
    assert (find(protocol, **settings) is not None) == is_inside


def test_a_protocol_that_extends_another_one_stays_what_it_is() -> None:
    class Mine(SMTP):
        name = 'mine'

    found = find_upgrading(ProxySettings(tls='auto'), Mine)
    assert found is not None
    assert issubclass(found, Mine)
    assert found.name == 'mine'


@pytest.mark.parametrize(
    ('protocol', 'settings', 'problem'),
    [
        ('redis', {'tls': 'auto', 'tls_mode': 'upgrade'}, 'tls_mode: redis has no requests for TLS: it begins with'),
        ('http', {'tls': 'refuse'}, 'tls: http has no requests for TLS: it begins with the first byte'),
        ('smtp', {'tls_mode': 'upgrade'}, 'tls_mode: it needs tls, proxy_tls or backend_tls'),
        ('smtp', {'tls': 'refuse', 'tls_mode': 'implicit'}, 'tls: it has nothing to refuse where TLS begins with the'),
    ],
)
def test_what_is_refused(protocol: str, settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError) as error:
        find(protocol, **settings)
    assert str(error.value).startswith(problem)
