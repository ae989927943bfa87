"""The URLs that can be asked: ``http://host:port/prefix`` and the like."""

from __future__ import annotations

from urllib.parse import SplitResult

from vaurien.errors import ConfigError
from vaurien.web.url import read_url


def check_url(text: str) -> SplitResult:
    """Return the parts of an http or https URL that can be sent as it is; raise `ConfigError` if *text* is none."""
    parts = read_url(text)
    if not (parts.path.isascii() and parts.query.isascii() and text.isprintable()) or ' ' in text:
        raise ConfigError(f'{text!r} is not a URL: expected http://host:port')
    return parts
