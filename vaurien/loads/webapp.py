"""A WebTest application that is really a server, reached through the session of the test."""

from __future__ import annotations

import warnings
from typing import IO, Any

import requests

with warnings.catch_warnings():
    warnings.simplefilter('ignore', DeprecationWarning)  # WebOb, which both use, imports `cgi`
    import webtest
    import wsgiproxy

#: Headers that no longer fit the body, which requests has decoded.
DECODED = ('content-encoding', 'content-length', 'transfer-encoding')

Answer = tuple[str, 'str | None', list[tuple[str, str]], list[bytes]]


class WebApp(webtest.TestApp):  # type: ignore[misc]  # webtest is not typed
    """All of WebTest (``app.get('/')``, forms, JSON) for the server at ``server_url``."""

    def __init__(self, server_url: str | None, session: requests.Session) -> None:
        self._client = _Client(session)
        super().__init__(_nowhere, lint=False)
        self._server_url: str | None = None
        self.server_url = server_url

    @property
    def server_url(self) -> str | None:
        """The URL of the server, such as ``http://localhost:9200``."""
        return self._server_url

    @server_url.setter
    def server_url(self, url: str | None) -> None:
        self._server_url = url
        self.app = wsgiproxy.HostProxy(url, client=self._client) if url else _nowhere

    def do_request(self, req: Any, status: Any = None, expect_errors: Any = None) -> Any:
        """Do the same as WebTest, and raise what kept a request from being answered, which wsgiproxy makes a 502."""
        self._client.failure = None
        try:
            response = super().do_request(req, status, expect_errors)
        except webtest.AppError:
            if self._client.failure is None:
                raise
        if self._client.failure is not None:
            raise self._client.failure
        return response


class _Client:
    """The client that `wsgiproxy` sends requests with."""

    def __init__(self, session: requests.Session) -> None:
        self.session = session
        self.failure: requests.RequestException | None = None

    def __call__(self, url: str, method: str, body: IO[bytes], headers: dict[str, str]) -> Answer:
        length = headers.pop('Content-Length', '')
        headers.pop('Transfer-Encoding', None)
        data = body.read(int(length)) if length else None
        try:
            response = self.session.request(method, url, data=data, headers=headers, allow_redirects=False)
        except requests.RequestException as error:
            self.failure = error
            raise
        fields = [(name, value) for name, value in response.raw.headers.items() if name.lower() not in DECODED]
        status = f'{response.status_code} {response.reason}'
        return status, response.headers.get('Location'), fields, [response.content]


def _nowhere(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    raise ValueError('no server to send requests to: set server_url in the class, self.app.server_url, or --server-url')
