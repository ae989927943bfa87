"""Proxies in the way of backends that an application finds in the environment: ``--vaurien redis:REDIS_URL``.

What a variable had is kept in another one, ``VAURIEN_BACKEND_REDIS_URL``. So whoever inherits the environment and puts
proxies in the way, too, puts them before the backend and not before a proxy.
"""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from vaurien.address import Address
from vaurien.config.connection_string import (
    ConnectionString,
    Slot,
    is_bare_host,
    read_connection_string,
    read_port,
)
from vaurien.config.schemes import IMPLICIT, PORTS
from vaurien.errors import ConfigError, find_reason
from vaurien.explore.locality import is_local, refuse_remote
from vaurien.protocols import Protocol
from vaurien.settings import REFUSE

#: How many seconds it may take to connect to a backend.
CONNECT_TIMEOUT = 2.0

#: How the name of a variable begins that keeps what another one had.
KEPT = 'VAURIEN_BACKEND_'


class Variable(NamedTuple):
    """A variable of the environment that has a connection string, and the protocol that is spoken there."""

    protocol: str
    name: str

    @classmethod
    def parse(cls, text: str) -> Variable:
        """Return what ``redis:REDIS_URL`` stands for; raise `ConfigError`."""
        protocol, colon, name = text.partition(':')
        if not (protocol and colon and name) or '=' in name or '/' in name:
            raise ConfigError(f'{text!r} is not PROTOCOL:VARIABLE, such as redis:REDIS_URL')
        Protocol.get(protocol)
        return cls(protocol, name)


class Backend(NamedTuple):
    """One backend of the application, and what the proxy in its way is called."""

    proxy: str
    variable: Variable
    address: Address
    #: Whether the application speaks TLS with it, and whether with the first byte.
    is_tls: bool
    is_implicit: bool

    def settings(self) -> dict[str, Any]:
        """Return what `vaurien.Proxy` takes for the proxy, but for observers.

        An application for which TLS is no must goes on without it, where it can be told so.
        """
        found: dict[str, Any] = {'backend': self.address, 'protocol': self.variable.protocol, 'name': self.proxy}
        has_requests = Protocol.get(self.variable.protocol).upgrading is not None
        if self.is_tls:
            # Whether the certificate of a local backend is a good one has not been asked.
            found |= {'tls': 'auto', 'backend_tls_verify': not is_local(self.address)}
            if has_requests:
                found['tls_mode'] = 'implicit' if self.is_implicit else 'upgrade'
        elif has_requests:
            found['tls'] = REFUSE
        return found


class Environment:
    """The backends that variables of the environment name."""

    def __init__(self, variables: Sequence[Variable], environ: Mapping[str, str], *, allow_remote: bool) -> None:
        """Read them. Raise `ConfigError`, also for a backend that is not local unless *allow_remote*."""
        #: What each variable has, those with a port alone included.
        self._strings: list[tuple[Variable, dict[str, ConnectionString]]] = []
        self.backends: list[Backend] = []
        protocols = Counter(variable.protocol for variable in dict.fromkeys(variables))
        for variable in dict.fromkeys(variables):
            try:
                strings = _read(variable, _find_originals(environ))
                addresses = strings[variable.name].addresses
                if not allow_remote:
                    for address in addresses:
                        refuse_remote(address)
            except ConfigError as error:
                raise error.within(variable.name) from None
            name = variable.protocol if protocols[variable.protocol] == 1 else variable.name
            self._strings.append((variable, strings))
            string = strings[variable.name]
            is_tls = string.is_tls or (_asks_for_tls(variable, environ) and not string.says_whether_tls)
            self.backends += [
                Backend(f'{name}-{i}' if i > 1 else name, variable, address, is_tls, string.scheme in IMPLICIT)
                for i, address in enumerate(addresses, 1)
            ]

    def rewrite(self, proxies: Mapping[str, Address], ca_file: str = '') -> dict[str, str]:
        """Return the variables to set so that the application finds *proxies*, by name, in place of its backends.

        Those that keep what was there before are among them. *ca_file* has the authority of proxies that speak TLS.
        """
        found: dict[str, str] = {}
        for variable, strings in self._strings:
            backends = [backend for backend in self.backends if backend.variable == variable]
            addresses = [proxies[backend.proxy] for backend in backends]
            trusted = ca_file if any(backend.is_tls for backend in backends) else ''
            for name, string in strings.items():
                found |= {KEPT + name: string.text, name: string.rewrite(addresses, trusted)}
        return found


def describe_obstacle(backend: Backend) -> str:
    """Return that nobody can connect to *backend*, and why, in one line; nothing if that is possible."""
    address = backend.address
    try:
        socket.create_connection((address.host, address.port), CONNECT_TIMEOUT).close()
    except OSError as error:
        return f'cannot connect to {address}, which {backend.variable.name} names: {find_reason(error)}'
    return ''


def _asks_for_tls(variable: Variable, environ: Mapping[str, str]) -> bool:
    """Return whether the environment says that TLS is a must, where the variable itself does not say anything."""
    return variable.protocol == 'postgres' and environ.get('PGSSLMODE') in ('require', 'verify-ca', 'verify-full')


def read_variables(texts: Iterable[str]) -> list[Variable]:
    """Return what each ``redis:REDIS_URL`` stands for; raise `ConfigError`."""
    return [Variable.parse(text) for text in texts]


def _find_originals(environ: Mapping[str, str]) -> dict[str, str]:
    """Return *environ* as it was before any variable was rewritten."""
    kept = {name.removeprefix(KEPT): value for name, value in environ.items() if name.startswith(KEPT)}
    return {**environ, **kept}


def _read(variable: Variable, environ: Mapping[str, str]) -> dict[str, ConnectionString]:
    """Return what the variable has; and what a second one has, if a host and its port are in two."""
    text = environ.get(variable.name, '').strip()
    if not text:
        raise ConfigError('it is not set in the environment')
    if not (is_bare_host(text) and 'HOST' in variable.name):
        return {variable.name: read_connection_string(text, variable.protocol)}
    head, _, tail = variable.name.rpartition('HOST')
    name = f'{head}PORT{tail.removeprefix("NAME")}'
    written = environ.get(name, '').strip()
    try:
        port = read_port(written) if written else PORTS.get(variable.protocol)
    except ConfigError:
        raise ConfigError(f'its port should be in {name}, which is no number') from None
    if port is None:
        raise ConfigError(f'it has no port, and {name} is not set')
    addresses = (Address.parse(f'{text}:{port}'),)
    return {
        variable.name: ConnectionString(text, addresses, (Slot(0, len(text), '{0.host}'),)),
        name: ConnectionString(written, addresses, (Slot(0, len(written), '{0.port}'),)),
    }
