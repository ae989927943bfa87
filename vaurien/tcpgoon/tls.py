"""How TLS is checked: as browsers do, unless told otherwise."""

from __future__ import annotations

import ssl

from vaurien.errors import ConfigError
from vaurien.tcpgoon.settings import Settings


def make_context(settings: Settings) -> ssl.SSLContext | None:
    """What handshakes go by; None without TLS. Raises `ConfigError`."""
    if not settings.tls:
        for flag in ('cacert', 'insecure'):
            if getattr(settings, flag):
                raise ConfigError('means nothing without --tls', f'--{flag}')
        return None
    try:
        context = ssl.create_default_context(cafile=settings.cacert)
    except ssl.SSLError:
        raise ConfigError(f'no certificate in {settings.cacert}', '--cacert') from None
    except OSError as error:
        raise ConfigError(f'cannot read {settings.cacert}: {error.strerror}', '--cacert') from None
    if settings.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def check_name(context: ssl.SSLContext, name: str) -> None:
    """Whether a server can be asked for by that name; raises `ConfigError`."""
    try:
        context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname=name)
    except ValueError:  # such as for a leading dot
        raise ConfigError(f'no certificate can be for {name!r}', '--tls') from None
