"""What the server fetches for a run, and what it says of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.conntest.serving import Server, StartServer
from tests.peers import Peer, RawBackend, pour
from tests.servers import HOST, TIMEOUT, Server as WebServer, free_port

MS = 1_000_000


def run_once(server: Server, url: str, timeout_ns: int = 0) -> dict[str, Any]:
    """Return the record of one run of a group with that upstream endpoint."""
    group_id = server.create(upstream_endpoint=url, upstream_timeout_ns=timeout_ns)
    assert server.call('POST', f'/test-groups/{group_id}/1', b'hello').status_code == 200
    (test_run,) = server.read(group_id)['test_runs']
    record: dict[str, Any] = test_run
    return record


def answer(data: bytes) -> Callable[[Peer], None]:
    """Return a script that responds to each request with *data*, until the client leaves."""

    def script(peer: Peer) -> None:
        try:
            while True:
                peer.recv_until(b'\r\n\r\n')
                peer.send(data)
        except (EOFError, OSError):  # it has left, or leaves its connection for another time
            return

    return script


@pytest.mark.parametrize(('path', 'status'), [('/', 200), ('/unavailable', 503), ('/nowhere', 404), ('/large', 200)])
def test_status_and_time_are_recorded(server: Server, nginx: WebServer, path: str, status: int) -> None:
    record = run_once(server, f'{nginx.url}{path}')
    assert record['upstream_response_code'] == status
    assert 0 < record['upstream_response_time_ns'] < TIMEOUT * 1000 * MS
    assert 'error' not in record
    assert list(record)[-2:] == ['upstream_response_code', 'upstream_response_time_ns']


def test_redirects_are_followed(server: Server, nginx: WebServer, raw_backend: RawBackend) -> None:
    raw_backend.serve(answer(f'HTTP/1.1 302 Found\r\nLocation: {nginx.url}/ok\r\nContent-Length: 0\r\n\r\n'.encode()))
    assert run_once(server, f'http://{raw_backend.address}/')['upstream_response_code'] == 200


def test_a_redirect_without_end(server: Server, nginx: WebServer, raw_backend: RawBackend) -> None:
    def script(peer: Peer) -> None:
        peer.recv_until(b'\r\n\r\n')
        pour(peer, f'HTTP/1.1 302 Found\r\nLocation: {nginx.url}/ok\r\n\r\n'.encode(), bytes(65536))

    raw_backend.serve(script)
    assert run_once(server, f'http://{raw_backend.address}/')['upstream_response_code'] == 200


def test_redirects_in_a_circle(server: Server, raw_backend: RawBackend) -> None:
    raw_backend.serve(answer(b'HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n'))
    assert run_once(server, f'http://{raw_backend.address}/')['error'] == 'too many redirects'


def test_a_redirect_that_leads_to_no_url(server: Server, raw_backend: RawBackend) -> None:
    raw_backend.serve(answer(b'HTTP/1.1 302 Found\r\nLocation: http://[\r\nContent-Length: 0\r\n\r\n'))
    record = run_once(server, f'http://{raw_backend.address}/')
    assert (record['error'], record['upstream_response_time_ns'] > 0) == ('Invalid IPv6 URL', True)


def test_a_connection_is_used_again(server: Server, raw_backend: RawBackend) -> None:
    url = f'http://{raw_backend.address}/'
    group_id = server.create(upstream_endpoint=url)
    connections: list[Peer] = []
    script = answer(b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello')

    def count(peer: Peer) -> None:
        connections.append(peer)
        script(peer)

    raw_backend.serve(count)
    for number in range(5):
        server.call('POST', f'/test-groups/{group_id}/{number}')
    assert [run['upstream_response_code'] for run in server.read(group_id)['test_runs']] == [200] * 5
    assert len(connections) == 1


@pytest.mark.parametrize(
    'head',
    [b'Content-Length: 1000000000\r\n', b'Transfer-Encoding: chunked\r\n', b'', b'Content-Length: x\r\n'],
    ids=['large', 'chunked', 'until it closes', 'malformed length'],
)
def test_an_answer_without_end_is_not_waited_for(server: Server, raw_backend: RawBackend, head: bytes) -> None:
    raw_backend.serve(answer(b'HTTP/1.1 201 Created\r\n%s\r\n' % head))
    assert run_once(server, f'http://{raw_backend.address}/')['upstream_response_code'] == 201


def test_nobody_is_there(server: Server) -> None:
    record = run_once(server, f'http://{HOST}:{free_port()}/')
    assert 'upstream_response_code' not in record
    assert record['upstream_response_time_ns'] > 0
    assert record['error'] == 'connection refused'


def test_a_name_that_is_none(server: Server) -> None:
    assert run_once(server, 'http://nowhere.invalid/')['error']


def test_no_answer_in_time(server: Server, raw_backend: RawBackend) -> None:
    record = run_once(server, f'http://{raw_backend.address}/', 100 * MS)
    assert record['error'] == 'no answer within 100000000 ns'
    assert record['upstream_response_time_ns'] >= 100 * MS
    assert 'upstream_response_code' not in record


def test_a_slow_answer_is_waited_for(server: Server, raw_backend: RawBackend) -> None:
    raw_backend.serve(answer(b'HTTP/1.1 204 No Content\r\n\r\n'))
    assert run_once(server, f'http://{raw_backend.address}/', int(TIMEOUT * 1000 * MS))['upstream_response_code'] == 204


def test_a_server_that_fetches_nothing(start_server: StartServer) -> None:
    server = start_server('--no-upstream')
    refused = server.call('POST', '/test-groups/create', '{"upstream_endpoint": "http://localhost:1/"}')
    assert (refused.status_code, refused.text) == (
        400,
        'upstream_endpoint: this server was started with --no-upstream\n',
    )
    server.create()
