"""An installed ``conntest server``, and what is asked of it over HTTP."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import requests

from tests.commands import Process
from tests.servers import HOST, TIMEOUT

#: The line that says where it listens.
LISTENING = re.compile(r'http://(?P<host>\S+):(?P<port>\d+)')


class Server(Process):
    """A ``conntest server`` that is listening, on loopback unless *flags* say otherwise."""

    def __init__(self, *flags: str) -> None:
        host = () if '--host' in flags else ('--host', HOST)
        port = () if '-p' in flags else ('-p', '0')
        super().__init__('conntest', 'server', *host, *port, *flags)
        try:
            self.port = int(self.wait_for_line(self.out_lines, LISTENING)['port'])
        except BaseException:
            self.kill()
            raise
        self.url = f'http://{HOST}:{self.port}'

    def call(self, method: str, path: str, data: bytes | str | None = None, **headers: str) -> requests.Response:
        """Send a request on a connection of its own; return the response."""
        with requests.Session() as session:
            session.trust_env = False
            return session.request(method, self.url + path, data=data, headers=headers, timeout=TIMEOUT)

    def create(self, **settings: Any) -> str:
        """Create a group; return its ID."""
        with requests.Session() as session:
            session.trust_env = False
            response = session.post(f'{self.url}/test-groups/create', json=settings, timeout=TIMEOUT)
        assert response.status_code == 200, response.text
        return str(response.json()['run_group_id'])

    def read(self, group_id: str) -> dict[str, Any]:
        """Return a group with its runs."""
        response = self.call('GET', f'/test-groups/{group_id}')
        assert response.status_code == 200
        group: dict[str, Any] = response.json()
        return group


#: What the fixture ``start_server`` gives.
StartServer = Callable[..., Server]
