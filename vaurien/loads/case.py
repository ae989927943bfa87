"""The test case: one of unittest, with clients at hand."""

from __future__ import annotations

import os
import unittest
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from vaurien.loads.recorder import Recorder

if TYPE_CHECKING:
    from vaurien.loads.session import Session
    from vaurien.loads.webapp import WebApp
    from vaurien.loads.websocket import Message, WebSocket

#: The environment variable that replaces the ``server_url`` of every class. ``loads-runner`` sets it from
#: ``--server-url`` and ``--vaurien``.
SERVER_URL = 'LOADS_SERVER_URL'
#: The environment variable in which a command finds the number of its user.
LOADS_USER = 'LOADS_USER'


class TestCase(unittest.TestCase):
    """A test case for unittest and pytest. Under ``loads-runner``, what its clients do is measured.

    There, each user has one instance and runs the test on it again and again, so cookies and connections persist.
    """

    #: The URL of the server under test, for `app` and `fast_session`.
    server_url: str | None = None
    #: Set under load only.
    _recorder: Recorder | None = None
    _session: Session | None = None
    _app: WebApp | None = None
    _fast_session: Any = None

    def __init__(self, methodName: str = 'runTest') -> None:  # noqa: N803  # unittest's name
        super().__init__(methodName)
        self.server_url = os.environ.get(SERVER_URL) or self.server_url

    def run(self, result: unittest.TestResult | None = None) -> unittest.TestResult | None:
        """Run the test as unittest does. Without load, its clients are closed afterwards."""
        try:
            return super().run(result)
        finally:
            if self._recorder is None:
                self.close_clients()

    def report_to(self, recorder: Recorder) -> None:
        """Let the clients report to *recorder*, as ``loads-runner`` wants it."""
        self._recorder = recorder

    @property
    def recorder(self) -> Recorder:
        """What the clients report to."""
        return self._recorder or Recorder()

    @property
    def session(self) -> Session:
        """A `requests.Session`. It ignores proxy variables and ``.netrc`` unless its ``trust_env`` is set."""
        if self._session is None:
            from vaurien.loads.session import Session

            self._session = Session(self.recorder)
        return self._session

    @property
    def app(self) -> WebApp:
        """A WebTest application for the server at ``server_url``. Set ``app.server_url`` for another server."""
        if self._app is None:
            from vaurien.loads.webapp import WebApp

            self._app = WebApp(self.server_url, self.session)
        return self._app

    @property
    def fast_session(self) -> Any:
        """A ``FastHttpSession`` of Locust: several times cheaper, with an API similar to that of requests.

        A refused connection raises nothing, but gives a response with status 0.
        """
        if self._fast_session is None:
            self._fast_session = self.recorder.fast_session(self.server_url or '')
        return self._fast_session

    def create_ws(
        self,
        url: str,
        callback: Callable[[Message], object] | None = None,
        protocols: Sequence[str] | None = None,
        **options: Any,
    ) -> WebSocket:
        """Connect to a web socket, and close it at the end of the test.

        *callback* is called with every message. *protocols* are the subprotocols to offer. *options* are those of
        `websocket.create_connection`: ``header``, ``timeout``, ``sslopt`` and others. Raises `OSError` or
        `websocket.WebSocketException`.
        """
        from vaurien.loads.websocket import WebSocket

        websocket = WebSocket(url, self.recorder, callback, protocols, **options)
        self.addCleanup(websocket.finish)
        return websocket

    def incr_counter(self, name: str, count: int = 1) -> None:
        """Add *count* to a counter of your own, which the report shows."""
        self.recorder.count(name, count)

    def close_clients(self) -> None:
        """Close the connections that are kept open from one hit to the next."""
        if self._session is not None:
            self._session.close()
        if self._fast_session is not None:
            self._fast_session.client.close()
        self._session = self._app = self._fast_session = None
