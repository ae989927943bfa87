"""Locust's live page."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from flask import jsonify, request
from gevent.pool import Group

from vaurien.address import Address
from vaurien.console.output import print_line
from vaurien.errors import StartError
from vaurien.loads.outputs.base import Output
from vaurien.web.guard import is_same_origin
from vaurien.web.server import App, Malformed, WebServer

if TYPE_CHECKING:
    from vaurien.loads.report import Report
    from vaurien.loads.users.run import Run

HOST = '127.0.0.1'
#: The most clients at a time.
MAX_CLIENTS = 128


class _PageServer(WebServer):
    """Serves the application of the page, in place of Locust's own server, which trusts its clients."""

    max_clients = MAX_CLIENTS
    malformed = Malformed('text/plain; charset=utf-8', b'malformed HTTP\n')

    def __init__(self, app: App, address: Address) -> None:
        super().__init__(address)
        self._app = app

    def make_app(self, bound: str) -> App:
        return self._app


class WebPage(Output):
    """Shows the run. Its Stop button interrupts the run; it cannot start one."""

    name = 'web'

    def __init__(self, port: int, *, quiet: bool = False) -> None:
        super().__init__()
        self._port = port
        self._quiet = quiet
        self._greenlets = Group()

    def start(self, run: Run) -> None:
        page = run.environment.create_web_ui(HOST, self._port, delayed_start=True)
        page.app.before_request(lambda: self._guard(run))
        self._server = _PageServer(page.app, Address(HOST, self._port))
        try:
            self._server.start()
        except OSError as error:
            raise StartError.of(error, f'{HOST}:{self._port}') from None
        if not self._quiet:
            print_line(f'live page: http://{self._server.address}', sys.stderr)

    def tick(self, run: Run) -> None:
        run.note_history()

    def finish(self, run: Run, report: Report) -> None:
        self._server.stop()

    def _guard(self, run: Run) -> Any:
        """Reject requests of other pages, and those that change anything but the end of the run."""
        origin = request.headers.get('Origin')
        is_foreign = origin is not None and not is_same_origin(origin, request.host)
        if request.host.partition(':')[0] not in ('localhost', HOST) or is_foreign:
            return jsonify({'success': False, 'message': 'requests of other pages are rejected'}), 403
        if request.method == 'GET' and request.path != '/stats/reset':
            return None
        if request.path != '/stop':
            return jsonify({'success': False, 'message': 'only loads-runner can do that'}), 403
        self._greenlets.spawn(run.stop)
        return jsonify({'success': True, 'message': 'Test stopped'})
