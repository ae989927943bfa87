"""What a daemon of Docker does for one container, without Docker: the entry point of the image runs as a process.

It has the network of this machine. So the last flags have it take free ports, and these are the published ones.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from struct import pack
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from tests.commands import CONTROL, LISTENING, SCRIPTS, Process
from tests.servers import HOST

ENTRY_POINT = Path(__file__).parents[1] / 'deploy' / 'docker' / 'entrypoint.sh'
FREE_PORTS = '--proxy=127.0.0.1:0', '--http-port=0'
#: The number of this stream in what a container has logged.
STDERR = 2
VERSION = {'ApiVersion': '1.44', 'MinAPIVersion': '1.24'}


class Daemon(ThreadingHTTPServer):
    """A server of the API of Docker. ``created`` is what the container was made with."""

    created: dict[str, Any]

    def __init__(self) -> None:
        super().__init__((HOST, 0), Handler)
        self.process: Process | None = None
        #: Whether the container is expected to end at once.
        self.fails = False
        self._published: dict[str, list[dict[str, str]]] = {}

    @property
    def url(self) -> str:
        """The value for ``DOCKER_HOST``."""
        return f'tcp://{HOST}:{self.server_port}'

    def answer(self, method: str, path: str, body: Any) -> tuple[int, object]:
        """Return the status and the content of an answer."""
        match method, path.rpartition('/')[2], path:
            case 'GET', 'version', _:
                return 200, VERSION
            case 'POST', 'create', _:
                self.created = body
                return 201, {'Id': 'c0ffee'}
            case 'POST', 'start', _:
                self._start()
                return 204, None
            case 'GET', 'logs', _:
                assert self.process is not None
                said = '\n'.join(self.process.log_lines).encode()
                return 200, pack('>B3xI', STDERR, len(said)) + said
            case 'GET', 'json', path if '/containers/' in path:
                running = self.process is None or self.process.process.poll() is None
                return 200, {
                    'Id': 'c0ffee',
                    'Config': {'Tty': False},
                    'State': {'Status': 'running' if running else 'exited', 'Running': running},
                    'NetworkSettings': {'Ports': self._published},
                }
            case 'GET', 'json', _:
                return 200, {'Id': 'f00d', 'RepoTags': [path.split('/images/')[1].removesuffix('/json')]}
            case 'DELETE', _, _:
                self.stop()
                return 204, None
        return 404, {'message': f'{method} {path}'}

    def stop(self) -> None:
        """End what was started."""
        if self.process is not None:
            self.process.stop()

    def _start(self) -> None:
        environment = [f'PATH={SCRIPTS}:{os.environ["PATH"]}', *self.created['Env']]
        process = Process('/usr/bin/env', '-i', *environment, str(ENTRY_POINT), *self.created['Cmd'], *FREE_PORTS)
        self.process = process
        if self.fails:
            process.wait()
            return
        for inside, pattern in (('8000/tcp', LISTENING), ('8474/tcp', CONTROL)):
            outside = process.wait_for_line(process.out_lines, pattern)['port']
            self._published[inside] = [{'HostIp': '0.0.0.0', 'HostPort': outside}]


class Handler(BaseHTTPRequestHandler):
    """Has the daemon answer requests."""

    protocol_version = 'HTTP/1.1'
    server: Daemon

    def do_GET(self) -> None:
        """Read a request with its body, and answer."""
        content = self.rfile.read(int(self.headers.get('Content-Length', 0)))
        status, answer = self.server.answer(self.command, urlsplit(self.path).path, json.loads(content or b'null'))
        body = answer if isinstance(answer, bytes) else b'' if answer is None else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_DELETE = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def serving() -> Iterator[Daemon]:
    """Serve for a block, and end what was started."""
    with Daemon() as daemon:
        thread = Thread(target=daemon.serve_forever, kwargs={'poll_interval': 0.01})
        thread.start()
        try:
            yield daemon
        finally:
            daemon.stop()
            daemon.shutdown()
            thread.join()
