"""The requests of a client beside its runs. `test_run` has them against whole servers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.conntest.test_messages import GOLDEN
from tests.peers import Peer, RawBackend, pour
from vaurien.conntest.messages import RunGroup
from vaurien.conntest.plan import Plan
from vaurien.conntest.remote import Remote
from vaurien.errors import ConfigError, RemoteError

GROUP = (Path(GOLDEN) / 'created.json').read_bytes()


class Backend(RawBackend):
    """Sends its responses one after the other, and repeats the last one. For None, it closes the connection."""

    def __init__(self) -> None:
        super().__init__()
        self.responses: list[bytes | None] = []
        self.requests: list[bytes] = []
        self.serve(self.play)

    def play(self, peer: Peer) -> None:
        try:
            while True:
                head = peer.recv_until(b'\r\n\r\n')
                self.requests.append(head)
                if length := re.search(rb'Content-Length: (\d+)', head):
                    peer.recv_exactly(int(length[1]))
                response = self.responses.pop(0) if len(self.responses) > 1 else self.responses[0]
                if response is None:
                    return
                peer.send(response)
        except (EOFError, OSError):  # the client has left
            return

    def respond(self, *statuses: int, body: bytes = GROUP) -> None:
        """Respond with these statuses from now on; 0 closes the connection."""
        self.responses = [
            b'HTTP/1.1 %d X\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s' % (status, len(body), body)
            if status
            else None
            for status in statuses
        ]


@pytest.fixture
def backend() -> Iterator[Backend]:
    backend = Backend()
    yield backend
    backend.close()


@pytest.fixture
def remote(backend: Backend) -> Remote:
    return Remote(f'http://{backend.address}/prefix/')


def test_paths(backend: Backend, remote: Remote) -> None:
    backend.respond(200)
    group = msgspec.json.decode(GROUP, type=RunGroup)
    assert remote.create(Plan(run_count=3)) == group
    assert remote.fetch('a/b ü\udcff') == group
    remote.delete('x')
    assert [request.partition(b' HTTP')[0] for request in backend.requests] == [
        b'POST /prefix/test-groups/create',
        b'GET /prefix/test-groups/a%2Fb%20%C3%BC%FF',
        b'DELETE /prefix/test-groups/x',
    ]
    assert remote.path_of('a/b') == '/prefix/test-groups/a%2Fb/'


@pytest.mark.parametrize('statuses', [(503, 0, 500, 200), (0, 200)])
def test_a_request_that_fails_is_repeated(
    backend: Backend, remote: Remote, statuses: tuple[int, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    backend.respond(*statuses)
    remote.create(Plan())
    assert len(backend.requests) == len(statuses)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == len(statuses) - 1
    for number, (line, status) in enumerate(zip(lines, statuses, strict=False), 2):
        said = f'{remote.url} answers {status}: ' if status else f'cannot reach {remote.url}: '
        assert line.startswith(f'conntest: warning: {said}')
        assert line.endswith(f'; attempt {number} follows')


def test_a_server_that_is_silent(raw_backend: RawBackend) -> None:
    remote = Remote(f'http://{raw_backend.address}', 0.1)
    with pytest.raises(RemoteError, match=f'^cannot reach {remote.url}: no answer within 0.1 s$'):
        remote.create(Plan())
    for _ in range(2):
        raw_backend.accept().close()
    raw_backend.listener.settimeout(0.1)
    with pytest.raises(TimeoutError):
        raw_backend.listener.accept()


def test_not_for_ever(backend: Backend, remote: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('vaurien.conntest.remote.PAUSES', (0,) * 8)
    backend.respond(500, body=b'out of order')
    with pytest.raises(RemoteError, match='/prefix answers 500: out of order'):
        remote.delete('x')
    assert len(backend.requests) == 9


@pytest.mark.parametrize(
    ('status', 'body', 'said'),
    [
        (404, b'', "has no test group 'x'"),
        (400, b'run_count: expected int', 'answers 400: run_count: expected int'),
        (400, b'', 'answers 400: X'),
        (200, b'<html>', 'is no conntest server: JSON is malformed'),
        (200, b'{}', 'is no conntest server: Object missing required field'),
        (200, b'{"x":' * 400_000, 'is no conntest server: nested too deeply'),
        (200, b'[' * 10_000_001, 'is no conntest server: it sends more than 10000000 values'),
    ],
)
def test_responses_that_will_not_do(backend: Backend, remote: Remote, status: int, body: bytes, said: str) -> None:
    backend.respond(status, body=body)
    with pytest.raises(RemoteError, match=f'{remote.url} {said}'):
        remote.fetch('x')
    assert len(backend.requests) == 1


@pytest.mark.parametrize('head', [b'', b'Content-Length: 400000000\r\n'])
def test_a_response_without_end(raw_backend: RawBackend, head: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('vaurien.conntest.remote.MAX_RESPONSE', 1 << 20)

    def script(peer: Peer) -> None:
        peer.recv_until(b'\r\n\r\n')
        pour(peer, b'HTTP/1.1 200 OK\r\n' + head + b'\r\n', bytes(65536))

    remote = Remote(f'http://{raw_backend.serve(script).address}')
    with pytest.raises(RemoteError, match=f'^{remote.url} is no conntest server: it sends more than 1 MiB$'):
        remote.fetch('x')


def test_nobody_is_there(backend: Backend, remote: Remote) -> None:
    backend.close()
    with pytest.raises(RemoteError, match=f'cannot reach {remote.url}: connection refused'):
        remote.fetch('x')


@pytest.mark.parametrize('url', ['http://localhost?x', 'http://localhost/#x', 'http://a@localhost'])
def test_a_url_with_more_than_a_path(url: str) -> None:
    with pytest.raises(ConfigError, match='has more than host, port and path'):
        Remote(url)
