"""The test case: a plain unittest one, with clients at hand."""

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

#: Takes the place of a class's ``server_url``: ``loads-runner`` sets it from ``--server-url`` and ``--vaurien``.
SERVER_URL = 'LOADS_SERVER_URL'


class TestCase(unittest.TestCase):
    """Runs under unittest and pytest like any other; under ``loads-runner``, what its clients do is measured.

    There, each user has one instance and runs the test on it again and again: cookies and connections persist.
    """

    #: The server under test, for `app` and `fast_session`.
    server_url: str | None = None
    #: The engine's, under load.
    _recorder: Recorder | None = None
    _session: Session | None = None
    _app: WebApp | None = None
    _fast_session: Any = None

    def __init__(self, methodName: str = 'runTest') -> None:  # noqa: N803  # unittest's name
        super().__init__(methodName)
        self.server_url = os.environ.get(SERVER_URL) or self.server_url

    def run(self, result: unittest.TestResult | None = None) -> unittest.TestResult | None:
        """As in unittest; the clients of a test that is run once are closed after it."""
        try:
            return super().run(result)
        finally:
            if self._recorder is None:
                self.close_clients()

    @property
    def recorder(self) -> Recorder:
        """Where the clients tell what happens."""
        return self._recorder or Recorder()

    @property
    def session(self) -> Session:
        """A `requests.Session`. It goes by no proxy variable and no ``.netrc``, unless its ``trust_env`` is set."""
        if self._session is None:
            from vaurien.loads.session import Session

            self._session = Session(self.recorder)
        return self._session

    @property
    def app(self) -> WebApp:
        """A WebTest application: the server at ``server_url``, or at ``app.server_url``, which can be set."""
        if self._app is None:
            from vaurien.loads.webapp import WebApp

            self._app = WebApp(self.server_url, self.session)
        return self._app

    @property
    def fast_session(self) -> Any:
        """Locust's ``FastHttpSession``: several times cheaper, with an API like that of requests, but not the same.

        A refused connection is no exception, but a response with status 0.
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
        """Connect to a web socket; closed with the test.

        *callback* gets every message as it comes; *protocols* are the subprotocols offered; *options* go to
        `websocket.create_connection` (``header``, ``timeout``, ``sslopt``, …).
        """
        from vaurien.loads.websocket import WebSocket

        websocket = WebSocket(url, self.recorder, callback, protocols, **options)
        self.addCleanup(websocket.finish)
        return websocket

    def incr_counter(self, name: str, count: int = 1) -> None:
        """Add to a counter of your own, which the report shows."""
        self.recorder.count(name, count)

    def close_clients(self) -> None:
        """Close the connections kept open from one hit to the next."""
        if self._session is not None:
            self._session.close()
        if self._fast_session is not None:
            self._fast_session.client.close()
        self._session = self._app = self._fast_session = None
