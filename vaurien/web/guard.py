"""Who may ask: whoever knows the token, if one is set, and no page that somebody on this machine has in a browser.

Our APIs have no password unless they are given one. Programs reach them as they please; what must not is a web page,
which can send requests to any port of the machine (cross-site), also under a name of its own that it lets point there
(DNS rebinding).
A browser tells on a page by headers that the page cannot forge: ``Host`` (RFC 9110, 7.2), ``Origin`` (RFC 6454, 7) and
``Sec-Fetch-Site`` (https://www.w3.org/TR/fetch-metadata/). Who sends none of them is no browser.
"""

from __future__ import annotations

from collections.abc import Sequence
from hmac import compare_digest
from ipaddress import ip_address
from urllib.parse import urlsplit

import falcon

#: The port that an ``http`` URL means when it names none.
HTTP_PORT = 80


class Guard:
    """Falcon middleware that refuses what comes from a web page, with `falcon.HTTPForbidden`, or without the token."""

    def __init__(self, host: str, bound: str, hosts: Sequence[str] = (), token: str | None = None) -> None:
        """*host* is what was asked to listen on, *bound* the number it became, *hosts* are more names of this machine.

        *token*: what whoever asks has to know.
        """
        self.hosts = {host.lower(), *map(str.lower, hosts)}
        self.loopback = is_loopback(bound)
        self._token = token

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Called by falcon before anything else."""
        if self._token is not None and not self._knows(self._token, req.auth or ''):
            raise falcon.HTTPUnauthorized(
                title='Authorization', description='expected Bearer and the token', challenges=['Bearer']
            )
        host = req.get_header('Host')
        if self.loopback and host is not None and not self._is_ours(host):
            raise _refusal('Host', f'{host!r} is not this machine')
        origin = req.get_header('Origin')
        if origin is not None and (host is None or not is_same_origin(origin, host)):
            raise _refusal('Origin', f'{origin!r} is another site')
        if req.get_header('Sec-Fetch-Site') in ('cross-site', 'same-site'):
            raise _refusal('Sec-Fetch-Site', 'another site asks')

    @staticmethod
    def _knows(token: str, header: str) -> bool:
        """Whether an ``Authorization`` header holds the token (RFC 6750, 2.1)."""
        scheme, _, given = header.partition(' ')
        return scheme.lower() == 'bearer' and compare_digest(given.strip().encode(), token.encode())

    def _is_ours(self, header: str) -> bool:
        place = _split(f'//{header}')
        return place is not None and (place[0] in self.hosts or is_loopback(place[0]))


def is_loopback(host: str) -> bool:
    """Whether a name or number, without brackets, means this machine to everybody (RFC 6761, 6.3)."""
    if host == 'localhost' or host.endswith('.localhost'):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_same_origin(origin: str, host: str) -> bool:
    """Whether an ``Origin`` header is the site that the ``Host`` header names, over plain HTTP as we speak it."""
    scheme, _, rest = origin.partition(':')
    place = _split(rest)
    return scheme.lower() == 'http' and place is not None and place == _split(f'//{host}')


def _split(reference: str) -> tuple[str, int] | None:
    """Host, in lower case and without brackets, and port of ``//host:port``; None if it is anything else."""
    try:
        parts = urlsplit(reference)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    bare = not (parts.path or parts.query or parts.fragment or parts.username is not None)
    return (host, HTTP_PORT if port is None else port) if host and bare else None


def _refusal(header: str, description: str) -> falcon.HTTPForbidden:
    return falcon.HTTPForbidden(title=header, description=description)
