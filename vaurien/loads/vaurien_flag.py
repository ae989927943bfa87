"""The flag ``--vaurien 'protocol=http backend=localhost:8888 behavior=5:error,10:delay'``."""

from __future__ import annotations

import re
import shlex
from urllib.parse import SplitResult, urlsplit

from vaurien.errors import ConfigError
from vaurien.settings import Settings

#: Flags of ``vaurien`` that make no sense for a proxy inside another process.
REFUSED = (
    *(
        'config',
        'demo',
        'dry-run',
        'help',
        'journal',
        'journal-max',
        'replay',
        'schedule',
        'version',
        'log-level',
        'log-output',
        'log-format',
        'otel',
        'otel-all',
        'server',
        'toxiproxy-config',
    ),
    *('http', 'http-host', 'http-port', 'api-host', 'api-token'),
)

#: Options in parentheses, in which there may be others. One that is not closed goes on to the end: to look for each
#: would take quadratic time.
_OPTIONS = re.compile(r'\((?:[^()]|\([^()]*\)?)*\)?')
_WORD = re.compile(r'(?P<name>[a-z][\w-]*)=')


def split_words(text: str) -> tuple[str, ...]:
    """Return the words of the value; options in parentheses stay in one word. Raises `ConfigError`."""
    try:
        words = tuple(shlex.split(_OPTIONS.sub(lambda options: shlex.quote(options[0]), text)))
    except ValueError as error:
        raise ConfigError(f'{text!r} cannot be read: {error}') from None
    for word in words:
        match = _WORD.match(word)
        if match is None:
            raise ConfigError(f'{word!r} is not a setting: expected name=value, such as backend=localhost:8888')
        if match['name'] in REFUSED:
            raise ConfigError(f'{match["name"]!r} cannot be given here')
    return words


def check_server(server_url: str) -> None:
    """Raise `ConfigError` if *server_url* is neither empty nor a URL of any scheme that names a host."""
    url = _split(server_url)
    if server_url and not (url.scheme and url.hostname):
        raise ConfigError(f'--server-url {server_url!r} is not a URL: expected http://host:port')


def read_words(words: tuple[str, ...], server_url: str) -> Settings:
    """Return the settings of the proxy. The backend is by default that of *server_url*. Raises `ConfigError`."""
    from vaurien.cli.flags import parse  # late: it takes 25 ms, and most runs have no proxy

    _split(server_url)
    given = {word.partition('=')[0] for word in words}
    flags = [f'--{word}' for word in words]
    if 'proxy' not in given:
        flags.append('--proxy=127.0.0.1:0')
    if 'backend' not in given:
        flags.append(f'--backend={_address_of(server_url)}')
    try:
        return parse(flags, reads_environment=False).settings
    except ConfigError as error:
        raise ConfigError(error.description, error.path.removeprefix('--')) from None


def proxied_url(server_url: str, protocol: str, address: object) -> str:
    """Return *server_url* with the address of the proxy, or a URL of *protocol* if it is empty."""
    if not server_url:
        return f'{protocol}://{address}'
    return _split(server_url)._replace(netloc=str(address)).geturl()


def _split(server_url: str) -> SplitResult:
    """Return the parts of a URL of any scheme; raise `ConfigError` for what is none."""
    try:
        url = urlsplit(server_url)
        url.port  # noqa: B018  # raises
    except ValueError as error:  # of a bracket that is not closed, a port that is none
        raise ConfigError(f'--server-url {server_url!r} is not a URL: {error}') from None
    return url


def _address_of(server_url: str) -> str:
    url = _split(server_url)
    if not url.hostname:
        raise ConfigError('backend=HOST:PORT is missing, and there is no --server-url to take it from')
    host = f'[{url.hostname}]' if ':' in url.hostname else url.hostname
    return f'{host}:{url.port or (443 if url.scheme in ("https", "wss") else 80)}'
