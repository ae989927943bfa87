"""Reading the URL of an HTTP server."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from vaurien.errors import ConfigError


def read_url(text: str) -> SplitResult:
    """Return the parts of an http or https URL that names a host; raise `ConfigError` for any other text."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
        (host or '').encode('idna')
    except ValueError as error:  # the port, brackets, or a label that is empty or too long
        raise ConfigError(f'{text!r} is not a URL: {str(error)[:1].lower()}{str(error)[1:]}') from None
    if parts.scheme not in ('http', 'https') or not host:
        raise ConfigError(f'{text!r} is not a URL: expected http://host:port')
    if port == 0:
        raise ConfigError(f'{text!r} has the port 0, which nobody can connect to')
    return parts
