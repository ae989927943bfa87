"""The guard at the door of every HTTP API: it rejects requests of web pages, and requests without the token.

The threat is a web page that somebody on this machine opens in a browser. Such a page can send requests to any port of
the machine (cross-site request forgery). It can also reach the port under a domain name of its own, by letting that
name point to this machine (DNS rebinding). An API without a password would obey.

A browser adds headers that the page cannot forge: ``Host`` (RFC 9110, 7.2), ``Origin`` (RFC 6454, 7) and
``Sec-Fetch-Site`` (https://www.w3.org/TR/fetch-metadata/). A client that sends none of them is not a browser. If
a token is set, a client has to send that too.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from hmac import compare_digest
from ipaddress import ip_address
from urllib.parse import urlsplit

import falcon

from vaurien.address import is_number

#: The port of an ``http`` URL that names none.
HTTP_PORT = 80


class Guard:
    """Falcon middleware that rejects requests of web pages (403) and requests without the token (401)."""

    def __init__(
        self,
        host: str,
        bound: str,
        hosts: Sequence[str] = (),
        token: str | None = None,
        *,
        is_strict: bool = False,
        public: Collection[str] = (),
    ) -> None:
        """Guard a server that was asked to listen on *host* and that listens on the IP address *bound*.

        *hosts* are more names of this machine. If there is a *token*, every request has to carry it, but for those of
        the paths in *public*. A server that others than this machine can reach has names that it does not know. If the
        guard *is_strict*, a name in ``Host`` that has a dot has to be one of *hosts* there. Otherwise any will do: that
        is for a token, which no page knows.
        """
        self.hosts = {host.lower(), *map(str.lower, hosts)}
        self.loopback = is_loopback(bound)
        self._is_strict = is_strict
        self._token = token
        self._public = frozenset(public)

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Reject a request before falcon looks for its route."""
        needed = None if req.path in self._public else self._token
        if needed is not None and not self._knows(needed, req.auth or ''):
            raise falcon.HTTPUnauthorized(
                title='Authorization', description='expected Bearer and the token', challenges=['Bearer']
            )
        host = req.get_header('Host')
        if (self.loopback or self._is_strict) and host is not None and not self._is_ours(host):
            raise _forbid('Host', f'{host!r} is not this machine: if it is, give the name with --api-host')
        origin = req.get_header('Origin')
        if origin is not None and (host is None or not is_same_origin(origin, host)):
            raise _forbid('Origin', f'{origin!r} is another site')
        if req.get_header('Sec-Fetch-Site') in ('cross-site', 'same-site'):
            raise _forbid('Sec-Fetch-Site', 'another site asks')

    @staticmethod
    def _knows(token: str, header: str) -> bool:
        """Return whether an ``Authorization`` header holds the token (RFC 6750, 2.1)."""
        scheme, _, given = header.partition(' ')
        return scheme.lower() == 'bearer' and compare_digest(given.strip().encode(), token.encode())

    def _is_ours(self, header: str) -> bool:
        place = _split(f'//{header}')
        if place is None:
            return False
        return place[0] in self.hosts or is_loopback(place[0]) or (not self.loopback and is_local(place[0]))


def is_loopback(host: str) -> bool:
    """Return whether a name, or an IP address without brackets, means this machine on every machine (RFC 6761, 6.3)."""
    if host == 'localhost' or host.endswith('.localhost'):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_local(host: str) -> bool:
    """Return whether no web page can have *host* point to this machine: it is an IP address, or a name without a dot.

    Such names are those of a local network; no domain that somebody can register is one.
    """
    return is_number(host) or '.' not in host


def is_same_origin(origin: str, host: str) -> bool:
    """Return whether an ``Origin`` header names the site of the ``Host`` header, over plain HTTP."""
    scheme, _, rest = origin.partition(':')
    place = _split(rest)
    return scheme.lower() == 'http' and place is not None and place == _split(f'//{host}')


def _split(reference: str) -> tuple[str, int] | None:
    """Return the host, in lower case and without brackets, and the port of ``//host:port``; None for any other text."""
    try:
        parts = urlsplit(reference)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    bare = not (parts.path or parts.query or parts.fragment or parts.username is not None)
    return (host, HTTP_PORT if port is None else port) if host and bare else None


def _forbid(header: str, description: str) -> falcon.HTTPForbidden:
    return falcon.HTTPForbidden(title=header, description=description)
