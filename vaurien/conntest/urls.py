"""Which URLs will do: ``http://host:port/prefix`` and the like."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from vaurien.errors import ConfigError


def check_url(text: str) -> SplitResult:
    """The parts of an http or https URL; raises `ConfigError`."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
        (host or '').encode('idna')
    except ValueError as error:  # a port out of range, brackets that do not close, a label that is none
        raise ConfigError(f'{text!r} is not a URL: {str(error)[:1].lower()}{str(error)[1:]}') from None
    is_whole = parts.scheme in ('http', 'https') and host and parts.path.isascii() and parts.query.isascii()
    if not is_whole or not text.isprintable() or ' ' in text:
        raise ConfigError(f'{text!r} is not a URL: expected http://host:port')
    if port == 0:
        raise ConfigError(f'{text!r} has no port that can be connected to')
    return parts
