"""Requests to Toxiproxy's API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import requests

from tests.commands import Command
from tests.peers import Peer
from tests.servers import HOST, TIMEOUT

#: Where nobody answers; no test connects there.
NOWHERE = f'{HOST}:1'


class Toxiproxy:
    """A server to ask. Every answer is checked for what all of them have."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False

    def __call__(self, method: str, path: str, json: Any = None, **given: Any) -> requests.Response:
        response = self.session.request(
            method, self.url + path, json=json, timeout=TIMEOUT, allow_redirects=False, **given
        )
        assert response.headers['X-Vaurien-Version']
        return response

    def done(self, method: str, path: str, json: Any = None, status: int = 200, **given: Any) -> Any:
        """What is answered to a request that is carried out with *status*."""
        response = self(method, path, json, **given)
        assert response.status_code == status, response.text
        assert len(response.headers['X-Toxiproxy-Request-Id']) == 20
        if status == 204:
            assert 'Content-Type' not in response.headers
            assert response.content == b''
            return None
        assert response.headers['Content-Type'] == 'application/json'
        assert not response.content.endswith(b'\n')
        return response.json()

    def refused(self, method: str, path: str, status: int, json: Any = None, **given: Any) -> str:
        """The text of the error of a request that is refused with *status*."""
        response = self(method, path, json, **given)
        assert response.status_code == status, response.text
        assert response.headers['Content-Type'] == 'text/plain; charset=utf-8'
        assert response.headers['X-Content-Type-Options'] == 'nosniff'
        assert response.text.endswith('}\n')
        answer = response.json()
        assert list(answer) == ['error', 'status']
        assert answer['status'] == status
        error: str = answer['error']
        return error

    def create(self, name: str, upstream: str = NOWHERE, listen: str = f'{HOST}:0', **fields: Any) -> dict[str, Any]:
        """A new proxy, as the answer shows it."""
        body = {'name': name, 'upstream': upstream, 'listen': listen, **fields}
        created: dict[str, Any] = self.done('POST', '/proxies', body, 201)
        return created

    def add_toxic(self, proxy: str, type_: str, **fields: Any) -> dict[str, Any]:
        """A new toxic, as the answer shows it; of *fields*, those that a toxic does not have are attributes."""
        own: dict[str, Any] = {key: fields.pop(key) for key in ('name', 'stream', 'toxicity') if key in fields}
        body = {'type': type_, 'attributes': fields, **own}
        added: dict[str, Any] = self.done('POST', f'/proxies/{proxy}/toxics', body)
        return added

    def clear(self) -> None:
        """Delete all proxies that have a name which can be part of a path; none may be left."""
        for name in self.done('GET', '/proxies'):
            self.done('DELETE', path_of(name), status=204)
        assert self.done('GET', '/proxies') == {}


def path_of(proxy: str, *toxic: str) -> str:
    """The path of a proxy, or of a toxic on it."""
    return '/'.join(['/proxies', quote(proxy, safe=''), *(f'toxics/{quote(name, safe="")}' for name in toxic)])


def port_of(proxy: Mapping[str, Any]) -> int:
    """The port on which it listens."""
    return int(proxy['listen'].rpartition(':')[2])


def connect(proxy: dict[str, Any]) -> Peer:
    """A client of it."""
    return Peer.connect(port_of(proxy))


def listens(proxy: dict[str, Any]) -> bool:
    """Whether anybody does, there."""
    try:
        connect(proxy).close()
    except ConnectionRefusedError:
        return False
    return True


def ask(server: Command, method: str, path: str, *headers: str, body: str = '') -> tuple[str, dict[str, str], bytes]:
    """Status, headers by their lower-case names, and body of what is answered to just these headers."""
    lines = [f'{method} {path} HTTP/1.1', 'Host: localhost', 'Connection: close', *headers]
    with Peer.connect(server.control_port) as peer:
        peer.send('\r\n'.join([*lines, f'Content-Length: {len(body)}', '', body]).encode())
        head, _, answer = peer.recv_all().partition(b'\r\n\r\n')
    status, *fields = head.decode().split('\r\n')
    named = {name.lower(): text for name, _, text in (field.partition(': ') for field in fields)}
    return status.partition(' ')[2], named, answer
