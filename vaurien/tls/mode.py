"""Where TLS begins: with the first byte of a connection, or inside the protocol."""

from __future__ import annotations

from typing import Any

from vaurien.errors import ConfigError
from vaurien.protocols.base import BaseProtocol
from vaurien.protocols.upgrade import Upgrading
from vaurien.settings import REFUSE, ProxySettings


def find_upgrading(settings: ProxySettings, protocol: type[BaseProtocol]) -> type[Upgrading[Any]] | None:
    """Return the class to use if TLS begins inside of *protocol*; None: it begins with the first byte, or never.

    Raise `ConfigError` for settings that *protocol* cannot have.
    """
    upgrading, mode = protocol.upgrading, settings.tls_mode
    if upgrading is None or not issubclass(upgrading, Upgrading):
        for field, asks in (('tls_mode', mode == 'upgrade'), ('tls', settings.tls == REFUSE)):
            if asks:
                raise ConfigError(f'{protocol.name} has no requests for TLS: it begins with the first byte', field)
        return None
    if settings.client_leg is None and not settings.is_backend_leg and settings.tls != REFUSE:
        if mode is not None:
            raise ConfigError('it needs tls, proxy_tls or backend_tls', 'tls_mode')
        return None
    if mode is None:
        mode = 'implicit' if settings.backend.port == upgrading.implicit_port else 'upgrade'
    if mode == 'implicit' and settings.tls == REFUSE:
        raise ConfigError('it has nothing to refuse where TLS begins with the first byte', 'tls')
    return type(protocol.__name__, (upgrading, protocol), {}) if mode == 'upgrade' else None
