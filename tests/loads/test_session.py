"""A session of requests that records each call, here without load."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from tests.loads.recording import Recording
from tests.peers import Peer, RawBackend
from tests.servers import HOST, INDEX, LARGE, TIMEOUT, Server, free_port
from vaurien.loads.session import Session


@pytest.fixture
def recording() -> Recording:
    """What the session records."""
    return Recording()


@pytest.fixture
def session(recording: Recording) -> Iterator[Session]:
    """A session."""
    with Session(recording) as session:
        yield session


def test_a_request(session: Session, recording: Recording, nginx: Server) -> None:
    assert session.get(f'{nginx.url}/', timeout=TIMEOUT).content == INDEX
    (request,) = recording.requests
    assert (request['request_type'], request['name'], request['exception']) == ('GET', f'{nginx.url}/', None)
    assert request['response_length'] == len(INDEX)
    assert request['response'].status_code == 200
    assert 0 < request['response_time'] < 1000 * TIMEOUT
    assert recording.adapted == [session]


def test_a_name_of_its_own_for_one_request(session: Session, recording: Recording, nginx: Server) -> None:
    session.request('GET', f'{nginx.url}/ok', name='fine')
    session.get(f'{nginx.url}/ok')
    assert [request['name'] for request in recording.requests] == ['fine', f'{nginx.url}/ok']


def test_a_status_is_no_failure(session: Session, recording: Recording, nginx: Server) -> None:
    assert session.get(f'{nginx.url}/unavailable').status_code == 503
    assert recording.requests[0]['exception'] is None


def test_a_request_without_a_response(session: Session, recording: Recording) -> None:
    with pytest.raises(requests.ConnectionError) as caught:
        session.get(f'http://{HOST}:{free_port()}/')
    (request,) = recording.requests
    assert (request['exception'], request['response'], request['response_length']) == (caught.value, None, 0)


def test_a_request_that_was_cut_off_is_not_recorded(session: Session, recording: Recording, nginx: Server) -> None:
    class CutOff(BaseException):
        """As the exception that ends a greenlet, no error of requests."""

    def cut(response: requests.Response, **options: object) -> None:
        raise CutOff

    with pytest.raises(CutOff):
        session.get(f'{nginx.url}/ok', hooks={'response': cut})
    assert recording.requests == []
    session.get(f'{nginx.url}/ok')
    assert len(recording.requests) == 1


def test_redirects_are_one_request(session: Session, recording: Recording, raw_backend: RawBackend) -> None:
    def serve(peer: Peer) -> None:
        for answer in (
            b'302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n',
            b'200 OK\r\nContent-Length: 2\r\n\r\nok',
        ):
            peer.sock.recv(65536)
            peer.sock.sendall(b'HTTP/1.1 ' + answer)

    raw_backend.serve(serve)
    assert session.get(f'http://{raw_backend.address}/here', timeout=TIMEOUT).text == 'ok'
    (request,) = recording.requests
    assert (request['name'], request['response_length']) == (f'http://{raw_backend.address}/here', 2)


def test_a_prepared_request(session: Session, recording: Recording, nginx: Server) -> None:
    prepared = session.prepare_request(requests.Request('POST', f'{nginx.url}/ok', data={'a': 'b'}))
    assert session.send(prepared).status_code == 200
    assert recording.requests[0]['request_type'] == 'POST'


def test_a_stream_is_recorded_by_its_head(session: Session, recording: Recording, nginx: Server) -> None:
    with session.get(f'{nginx.url}/large', stream=True) as response:
        assert recording.requests[0]['response_length'] == len(LARGE)
        assert len(next(response.iter_content(1000))) == 1000
    with session.get(f'{nginx.url}/large-chunked', stream=True):
        assert recording.requests[1]['response_length'] == 0


def test_the_environment_is_left_alone(
    session: Session, recording: Recording, nginx: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('http_proxy', f'http://{HOST}:{free_port()}')
    assert session.get(f'{nginx.url}/ok').status_code == 200
    session.trust_env = True
    with pytest.raises(requests.exceptions.ProxyError):
        session.get(f'{nginx.url}/ok')
