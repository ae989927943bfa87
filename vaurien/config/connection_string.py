"""Where a connection string has the addresses of backends, whatever form the application's driver takes it in.

A URL, also with several hosts, ``jdbc:`` before it or a driver in its scheme; ``host:port``, or a list of those; the
``host=… port=…`` of libpq and ``Server=…;Port=…`` of .NET; and ``user@tcp(host:port)/db`` of Go's driver of MySQL.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import quote

from vaurien.address import Address
from vaurien.config.schemes import IMPLICIT, OPAQUE, PORTS, SCHEMES, URL
from vaurien.errors import ConfigError

_QUERY = re.compile(r'(?<=[?&])(?P<key>host|port)=(?P<value>[^&#]*)')
_GO = re.compile(r'(?:^|@)(?P<net>[a-z]+)\((?P<value>[^()]*)\)')
_KEYWORD = re.compile(
    r"(?:^|(?<=[\s;]))(?P<key>hostaddr|host|server|data source|port)\s*=\s*(?P<quote>'?)(?P<value>[^\s;']*)(?P=quote)",
    re.I,
)
_ITEM = re.compile(r'(?:^|(?<=[\s,;@]))[^\s,;@=]+(?=$|[\s,;])')
#: What says in a URL, or in a list of keywords, that TLS is a must.
_TLS = re.compile(
    r'(?:\b|_)(?:sslmode|ssl[-_]?mode|ssl|tls|usessl|encrypt)\s*=\s*'
    r'(?:required?|verify[-_]?(?:ca|full|identity)|true|1|yes|skip-verify)\b',
    re.I,
)
#: What says so by being there, or by being true, for drivers of MySQL; and what says that there is none all the same.
_TLS_OF_MYSQL = re.compile(
    r'(?:\b|_)(?:(?:ssl|tls)[-_ ]?(?:ca|cert|key|capath)\s*=\s*[^\s&;#]'
    r'|ssl[-_]?(?:verify[-_]?(?:cert|identity)|check[-_]?hostname)\s*=\s*(?:true|1)\b|ssl\s*=\s*(?:%7B|\{))',
    re.I,
)
_NO_TLS = re.compile(r'(?:\b|_)(?:ssl[-_]?mode\s*=\s*disabled?|ssl[-_]?disabled\s*=\s*(?:true|1))\b', re.I)
#: Whether there is TLS, whatever it says.
_ANY_TLS = re.compile(r'(?:\b|_)(?:ssl[-_ ]?mode|ssl)\s*=', re.I)

_BEHIND = r'(?:^|(?<=[\s;?&,]))'
_VALUE = r"\s*=\s*(?P<quote>['\"]?)(?P<value>[^\s;&#'\"]*)(?P=quote)"
#: What names the file with the authority that the certificate of the backend has to be of.
_CA_FILE = re.compile(
    _BEHIND + r'(?:sslrootcert|root certificate|(?:ssl|tls)[-_ ]?ca(?:[-_]?(?:certs?|file))?)' + _VALUE, re.I
)
#: What says whether the log-in depends on the certificate of the backend.
_BINDING = re.compile(_BEHIND + r'channel[-_ ]?binding' + _VALUE, re.I)


class Slot(NamedTuple):
    """A part of a text that says where a backend is."""

    start: int
    end: int
    #: What is written there for another address, with ``{0.host}`` and ``{0.port}``. ``{1}`` is the authority's file.
    form: str
    #: Which of the addresses, from 0.
    address: int = 0


class ConnectionString(NamedTuple):
    """A text that says where backends are."""

    text: str
    addresses: tuple[Address, ...]
    slots: tuple[Slot, ...]
    #: The scheme of a URL, without the driver; else empty.
    scheme: str = ''
    #: Whether the application speaks TLS with them, whatever they offer.
    is_tls: bool = False

    @property
    def says_whether_tls(self) -> bool:
        """Whether it says that there is TLS, or that there is none, or that either will do."""
        return self.is_tls or _ANY_TLS.search(self.text) is not None

    def rewrite(self, addresses: Sequence[Address], ca_file: str = '') -> str:
        """Return the text with other addresses in place of its own.

        With *ca_file*, the application is to trust the authority in that file, and to log in whatever the certificate.
        """
        text, slots = self.text, list(self.slots)
        if ca_file:
            slots += [Slot(*found.span('value'), '{1}') for found in _CA_FILE.finditer(text)]
            slots += [Slot(*found.span('value'), 'disable') for found in _BINDING.finditer(text)]
        path = quote(ca_file) if URL.match(text) else ca_file
        for slot in sorted(slots, reverse=True):
            text = f'{text[: slot.start]}{slot.form.format(addresses[slot.address], path)}{text[slot.end :]}'
        return text


def read_connection_string(text: str, protocol: str) -> ConnectionString:
    """Return where *text* has the addresses of backends that speak *protocol*.

    Raise `ConfigError`, which never has the text itself in it: there may be a password in it.
    """
    if text.startswith(('/', 'unix:', 'file:')) or '+unix:' in text or '+socket:' in text:
        raise ConfigError('it is a socket of this machine, and a proxy stands in the way of TCP only')
    is_tls = _finds_tls(text, protocol)
    if (url := URL.match(text)) is not None:
        return _read_url(text, url, protocol)._replace(is_tls=is_tls or url['scheme'].lower() in IMPLICIT)
    if (go := _GO.search(text)) is not None:
        if not go['net'].startswith('tcp'):
            raise ConfigError(f'it is for {go["net"]!r}, and a proxy stands in the way of TCP only')
        return _locate(text, [go.span('value')], PORTS.get(protocol))._replace(is_tls=is_tls)
    if keywords := list(_KEYWORD.finditer(text)):
        return _read_pairs(text, keywords, protocol, ' port=' if ';' not in text else ';Port=')._replace(is_tls=is_tls)
    items = [item.span() for item in _ITEM.finditer(text)]
    return _locate(text, items, PORTS.get(protocol))._replace(is_tls=is_tls)


def _finds_tls(text: str, protocol: str) -> bool:
    if _TLS.search(text) is not None:
        return True
    return protocol == 'mysql' and _TLS_OF_MYSQL.search(text) is not None and _NO_TLS.search(text) is None


def is_bare_host(text: str) -> bool:
    """Return whether *text* is a host alone, whose port has to be said elsewhere."""
    return re.fullmatch(r'[^\s:/=,;()]+', text) is not None


def read_port(text: str) -> int:
    """Return the port that *text* is; raise `ConfigError`."""
    return Address.parse(f'localhost:{text}').port


def _read_url(text: str, url: re.Match[str], protocol: str) -> ConnectionString:
    scheme = url['scheme'].lower()
    known, port = SCHEMES.get(scheme, (protocol, PORTS.get(protocol)))
    if known != protocol and protocol != OPAQUE:
        raise ConfigError(f'it is a URL of {scheme}, which is {known}, and not {protocol}')
    begin = url.start('authority') + url['authority'].rfind('@') + 1
    hosts = [(begin + found.start(), begin + found.end()) for found in re.finditer('[^,]+', text[begin : url.end()])]
    if hosts:
        return _locate(text, hosts, port)._replace(scheme=scheme)
    return _read_pairs(text, list(_QUERY.finditer(text)), protocol, '&port=')._replace(scheme=scheme)


def _read_pairs(text: str, pairs: Sequence[re.Match[str]], protocol: str, before_port: str) -> ConnectionString:
    """Return where keys and values have one host, and its port; a port is added where there is none."""
    hosts = [pair for pair in pairs if pair['key'].lower() != 'port']
    ports = [pair for pair in pairs if pair['key'].lower() == 'port']
    if not hosts or not hosts[0]['value']:
        raise ConfigError('it names no host, so the application takes a socket of this machine, or its default')
    _refuse_path(hosts[0]['value'])
    if ',' in hosts[0]['value']:
        raise ConfigError('it names several hosts in one place: write them as a URL')
    port = read_port(ports[0]['value']) if ports else PORTS.get(protocol)
    address = _parse(hosts[0]['value'], port)
    slots = [Slot(*pair.span('value'), '{0.host}') for pair in hosts]
    if ports:
        slots += [Slot(*pair.span('value'), '{0.port}') for pair in ports]
    else:
        end = hosts[-1].end()
        slots.append(Slot(end, end, f'{before_port}{{0.port}}'))
    return ConnectionString(text, (address,), tuple(slots))


def _locate(text: str, spans: Sequence[tuple[int, int]], port: int | None) -> ConnectionString:
    """Return where *text* has ``host:port``, or a host that is at *port*, at each of these places."""
    if not spans:
        raise ConfigError('it names no host')
    addresses = tuple(_parse(text[start:end], port) for start, end in spans)
    return ConnectionString(text, addresses, tuple(Slot(*span, '{0}', index) for index, span in enumerate(spans)))


def _parse(text: str, port: int | None) -> Address:
    """Return the address that ``host``, ``host:port`` or ``[IPv6]:port`` is; raise `ConfigError`."""
    _refuse_path(text)
    has_port = ':' in text.rpartition(']')[2]
    if not has_port and port is None:
        raise ConfigError('it names no port')
    try:
        return Address.parse(text if has_port else f'{text}:{port}')
    except ConfigError:
        raise ConfigError('it has no address that can be read: expected a URL, or host:port') from None


def _refuse_path(host: str) -> None:
    if host.startswith(('/', '%2F', '%2f', '.')):
        raise ConfigError('it is a socket of this machine, and a proxy stands in the way of TCP only')
