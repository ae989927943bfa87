"""Locust's live page."""

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import gevent
from flask import jsonify, request
from gevent.pool import Group

from vaurien.console.output import print_line
from vaurien.errors import StartError
from vaurien.loads.outputs.base import Output

if TYPE_CHECKING:
    from vaurien.loads.report import Report
    from vaurien.loads.users.run import Run

HOST = '127.0.0.1'


class WebPage(Output):
    """Shows the run. Its Stop button interrupts the run; it cannot start one."""

    name = 'web'

    def __init__(self, port: int, *, quiet: bool = False) -> None:
        super().__init__()
        self._port = port
        self._quiet = quiet
        self._greenlets = Group()

    def start(self, run: Run) -> None:
        with socket.socket() as probe:  # in the greenlet of the page, the error would be lost
            try:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the page does
                probe.bind((HOST, self._port))
            except OSError as error:
                raise StartError.of(error, f'{HOST}:{self._port}') from None
            self._port = probe.getsockname()[1]
        self._page: Any = run.environment.create_web_ui(HOST, self._port, delayed_start=True)
        self._page.app.before_request(lambda: self._guard(run))
        self._page.start()
        gevent.sleep(0)
        if not self._quiet:
            print_line(f'live page: http://{HOST}:{self._port}', sys.stderr)

    def tick(self, run: Run) -> None:
        run.note_history()

    def finish(self, run: Run, report: Report) -> None:
        self._page.stop()

    def _guard(self, run: Run) -> Any:
        """Reject requests of other pages, and those that change anything but the end of the run."""
        origin = urlsplit(request.headers.get('Origin', '')).netloc
        if request.host.partition(':')[0] not in ('localhost', HOST) or origin not in ('', request.host):
            return jsonify({'success': False, 'message': 'requests of other pages are rejected'}), 403
        if request.method == 'GET' and request.path != '/stats/reset':
            return None
        if request.path != '/stop':
            return jsonify({'success': False, 'message': 'only loads-runner can do that'}), 403
        self._greenlets.spawn(run.stop)
        return jsonify({'success': True, 'message': 'Test stopped'})
