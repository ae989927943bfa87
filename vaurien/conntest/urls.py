"""The URLs that can be asked: ``http://host:port/prefix`` and the like."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from vaurien.errors import ConfigError


def check_url(text: str) -> SplitResult:
    """Return the parts of an http or https URL; raise `ConfigError` if *text* is none."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
        (host or '').encode('idna')
    except ValueError as error:  # the port, brackets, or a label that is empty or too long
        raise ConfigError(f'{text!r} is not a URL: {str(error)[:1].lower()}{str(error)[1:]}') from None
    is_whole = parts.scheme in ('http', 'https') and host and parts.path.isascii() and parts.query.isascii()
    if not is_whole or not text.isprintable() or ' ' in text:
        raise ConfigError(f'{text!r} is not a URL: expected http://host:port')
    if port == 0:
        raise ConfigError(f'{text!r} has the port 0, which nobody can connect to')
    return parts
