"""Names that are a segment of a path in a URL, as those of proxies and toxics are."""

from __future__ import annotations

from urllib.parse import quote

from vaurien.errors import ConfigError

#: The most characters of a name. Two of them, quoted, have to fit into the first line of a request.
MAX_NAME = 255


def check_name(name: str) -> str:
    """Return *name*; raise `ConfigError` if no path leads to something of that name.

    Servers and clients clean paths before they look at them (RFC 3986, 5.2.4), and a slash ends a segment even if it
    is quoted, because the server's gateway unquotes the path as a whole (PEP 3333).
    """
    if len(name) > MAX_NAME:
        raise ConfigError(f'expected at most {MAX_NAME} characters, got {len(name)}')
    if name in ('', '.', '..') or '/' in name:
        raise ConfigError(f'{name!r} does not fit into a URL')
    return name


def quote_name(name: str) -> str:
    """Return *name* as a segment of a path; raise `ConfigError` if it cannot be one."""
    try:
        return quote(check_name(name), safe='', errors='surrogateescape')
    except ConfigError as error:
        raise error.within('name') from None
