"""One connection of the client: when it is kept, and what is said of answers that are none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.peers import Peer, RawBackend
from tests.servers import TIMEOUT
from vaurien.conntest import connection as connection_module
from vaurien.conntest.connection import MAX_RESPONSE, Connection
from vaurien.conntest.urls import check_url

#: More bytes than are read of an answer.
LONG = MAX_RESPONSE + 1
OK = b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'


class Backend(RawBackend):
    """Sends the same response to every request, and closes the connection unless the response says where it ends."""

    def __init__(self, answer: bytes = OK) -> None:
        super().__init__()
        self.answer = answer
        self.connections = 0
        self.requests: list[bytes] = []
        self.serve(self.play)

    def play(self, peer: Peer) -> None:
        self.connections += 1
        try:
            while True:
                self.requests.append(peer.recv_until(b'\r\n\r\n') + peer.recv_exactly(5))
                peer.send(self.answer)
                if b'Content-Length: 0\r\n' not in self.answer:
                    return
        except (EOFError, OSError):  # the client has left
            return


@pytest.fixture
def backend() -> Iterator[Backend]:
    backend = Backend()
    yield backend
    backend.close()


def connect(backend: Backend) -> Connection:
    return Connection(check_url(f'http://{backend.address}'), TIMEOUT)


def post_twice(backend: Backend) -> list[str]:
    connection = connect(backend)
    try:
        return [connection.post(f'/{number}', b'hello') for number in range(2)]
    finally:
        connection.close()


def test_it_is_kept(backend: Backend) -> None:
    assert post_twice(backend) == ['', '']
    assert backend.connections == 1
    assert [request.split(b' ')[1] for request in backend.requests] == [b'/0', b'/1']
    assert all(request.endswith(b'\r\n\r\nhello') for request in backend.requests)


def test_not_for_longer_than_servers_keep_theirs(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, 'IDLE_TIMEOUT', 0)
    assert post_twice(backend) == ['', '']
    assert backend.connections == 2


@pytest.mark.parametrize(
    ('answer', 'said'),
    [
        (b'', 'connection closed without an answer'),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello', 'connection closed within the answer'),
        (b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel', 'connection closed within the answer'),
        (b'HTTP/1.1 200 OK\r\n\r\nto its end', ''),
        (b'SSH-2.0-OpenSSH_9.2p1\r\n', 'malformed answer: BadStatusLine'),
        (b'HTTP/1.1 200 OK\r\n' + b'X: y\r\n' * 200 + b'\r\n', 'malformed answer: HTTPException'),
        (b'HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n', 'bad status code: 201'),
        (b'HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n', 'bad status code: 302'),
        (b'HTTP/1.1 100 Continue\r\n\r\n' + OK, ''),
        (b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n' % LONG + bytes(LONG), ''),
    ],
    ids=lambda value: value[:60] if isinstance(value, bytes) else value,
)
def test_answers(backend: Backend, answer: bytes, said: str) -> None:
    backend.answer = answer
    assert post_twice(backend) == [said, said]


def test_nobody_is_there(backend: Backend) -> None:
    backend.close()
    assert post_twice(backend) == ['connection refused'] * 2
