"""A stand-in for the server of the original, which may lose, alter and double what it is sent.

It has the paths, the statuses and the JSON of the Go program, as ``golden/`` shows them: times with an offset and
without zeros at the end, `null` for no runs, 405 for DELETE.
"""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.servers import HOST

GROUP = '6de4e81d-4e05-4cbd-9045-619607cb1395'
MOMENT = '2026-01-05T11:12:31.72590991+01:00'
UNSET = '0001-01-01T00:00:00Z'


class Original(ThreadingHTTPServer):
    """A server with one group, `GROUP`. Each kind of fault is a set of the numbers of runs."""

    daemon_threads = True

    def __init__(self, settings: dict[str, Any], tls: ssl.SSLContext | None = None) -> None:
        super().__init__((HOST, 0), Handler)
        self.url = f'http://{HOST}:{self.server_port}'
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
            self.url = f'https://localhost:{self.server_port}'
        self.runs: list[dict[str, Any]] = []
        self.settings = settings
        self.lost: set[int] = set()
        self.altered: set[int] = set()
        self.doubled: set[int] = set()
        self.refused: set[int] = set()
        self.unanswered: set[int] = set()
        #: Whether it is gone when it is asked for what it has recorded.
        self.forgets = False

    def record(self, number: int, data: bytes) -> None:
        """Record a run, unless it is to be lost."""
        data = b'something else' if number in self.altered else data
        for _ in range((number not in self.lost) + (number in self.doubled)):
            run = {'run_id': f'run {len(self.runs)}', 'run_count': number, 'time': MOMENT}
            run |= {'data': base64.b64encode(data).decode()} if data else {}
            run |= {'client_start': UNSET, 'client_end': UNSET, 'server_start': MOMENT, 'server_end': MOMENT}
            self.runs.append(run)

    def describe(self) -> bytes:
        """Return the group as JSON."""
        group = {'run_group_id': GROUP, 'run_count': 0, 'test_runs': self.runs or None, 'description': ''}
        group |= {'created_at': MOMENT, 'concurrency': 0, 'client_delay_ns': 0, 'server_delay_ns': 0}
        return json.dumps(group | self.settings).encode()


class Handler(BaseHTTPRequestHandler):
    """A connection."""

    protocol_version = 'HTTP/1.1'
    server: Original

    def do_GET(self) -> None:
        """Respond with the group."""
        if self.server.forgets and self.server.runs:
            self._answer(500, b'out of order\n')
        elif self.path == f'/test-groups/{GROUP}':
            self._answer(200, self.server.describe())
        else:
            self._answer(404)

    def do_POST(self) -> None:
        """Record a run and respond, or do not."""
        number = int(self.path.removeprefix(f'/test-groups/{GROUP}/'))
        data = self.rfile.read(int(self.headers['Content-Length']))
        if number in self.server.refused:
            self._answer(400)
            return
        self.server.record(number, data)
        if number in self.server.unanswered:
            self.rfile.read()  # until the client leaves
        else:
            self._answer(200)

    def do_DELETE(self) -> None:
        """Refuse to delete a group, which the original cannot."""
        self._answer(405)

    def _answer(self, status: int, body: bytes = b'') -> None:
        self.send_response(status)
        self.send_header('Content-Type', 'text/plain; charset=utf-8')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@contextmanager
def serving(tls: ssl.SSLContext | None = None, **settings: Any) -> Iterator[Original]:
    """Serve a group with these settings within the block."""
    with Original(settings, tls) as original:
        thread = threading.Thread(target=original.serve_forever, kwargs={'poll_interval': 0.01})
        thread.start()
        try:
            yield original
        finally:
            original.shutdown()
            thread.join()
