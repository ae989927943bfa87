"""WebTest against a real server, through the session of the test. `cases/plain.py` has more of it."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
import requests

from tests.loads.recording import Recording
from tests.servers import HOST, Server, free_port
from vaurien.loads.session import Session
from vaurien.loads.webapp import WebApp


@pytest.fixture
def recording() -> Recording:
    """What the session records."""
    return Recording()


@pytest.fixture
def app(nginx: Server, recording: Recording) -> Iterator[WebApp]:
    """An application at nginx."""
    with Session(recording) as session:
        yield WebApp(nginx.url, session)


def test_requests_go_through_the_session(app: WebApp, recording: Recording, nginx: Server) -> None:
    app.get('/chunked', status=200).mustcontain('It works')
    path = f'/upload/{uuid4().hex}'
    app.put(path, b'\x00 some bytes')
    assert app.get(path).body == b'\x00 some bytes'
    app.delete(path, status=204)
    urls = [(request['request_type'], request['name']) for request in recording.requests]
    assert urls == [
        ('GET', f'{nginx.url}/chunked'),
        *((method, f'{nginx.url}{path}') for method in ('PUT', 'GET', 'DELETE')),
    ]


def test_a_status_that_is_not_expected(app: WebApp) -> None:
    with pytest.raises(Exception, match='503'):
        app.get('/unavailable')
    app.get('/unavailable', status=503)


def test_a_server_that_does_not_answer(app: WebApp) -> None:
    app.server_url = f'http://{HOST}:{free_port()}'
    with pytest.raises(requests.ConnectionError, match='Connection refused'):
        app.get('/ok')
    with pytest.raises(requests.ConnectionError):  # not a 502 that a test would take for one of the server
        app.get('/ok', status=502)


def test_another_server(app: WebApp, nginx: Server) -> None:
    app.server_url = None
    with pytest.raises(ValueError, match='no server to send requests to: set server_url in the class'):
        app.get('/ok')
    app.server_url = nginx.url
    assert app.server_url == nginx.url
    assert app.get('/ok').text == 'ok\n'
