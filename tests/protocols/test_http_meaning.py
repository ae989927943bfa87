"""What requests of HTTP do, and what the responses of a real nginx, and of others, say of it."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import closing

import pytest
import requests

from tests.behaviors.clients import http_session
from tests.peers import Peer
from tests.protocols.relay import ERROR, NOTHING, OK, ONCE, READ, WRITE, Relay, relaying
from tests.servers import HOST, LARGE, TIMEOUT, Server
from vaurien import Proxy
from vaurien.framing.meaning import SHOWN_OF_REPLY, Meaning, ReplyMeaning
from vaurien.protocols.http import HTTP

#: What nginx answers with a body, long, short or in chunks, and without one.
PATHS = ['/', '/large', '/chunked', '/no-content', '/unavailable', '/ok', '/last']


@pytest.fixture(scope='module')
def relay(nginx: Server) -> Iterator[Relay]:
    with relaying(nginx, HTTP) as relay:
        yield relay


@pytest.fixture
def session(relay: Relay) -> Iterator[requests.Session]:
    with http_session(relay.port) as session:
        relay.forget()
        yield session


@pytest.mark.parametrize(
    ('method', 'path', 'meaning', 'reply'),
    [
        ('GET', '/', READ, OK),
        ('GET', '/chunked', READ, OK),
        ('GET', '/nowhere', READ, ERROR),
        ('HEAD', '/', READ, OK),
        ('OPTIONS', '/', READ, ERROR),
        ('GET', '/unavailable', READ, ERROR),
        ('POST', '/ok', ONCE, OK),
        ('PATCH', '/ok', ONCE, OK),
        ('POST', '/', ONCE, ERROR),
        ('PUT', '/upload/meaning', WRITE, OK),
        ('DELETE', '/upload/nobody', WRITE, ERROR),
        ('LOCK', '/ok', WRITE, OK),
    ],
)
def test_requests(
    relay: Relay, session: requests.Session, method: str, path: str, meaning: Meaning, reply: ReplyMeaning
) -> None:
    session.request(method, path, data='x' if method in ('POST', 'PUT', 'PATCH') else None)
    (said,) = relay.take_all()
    assert said.text == f'{method} {path}'
    assert (said.meaning, said.reply_meaning) == (meaning, reply)


def test_a_deletion(relay: Relay, session: requests.Session) -> None:
    session.put('/upload/meant', data='x')
    session.delete('/upload/meant')
    assert [(said.meaning, said.reply_meaning) for said in relay.take_all()] == [(WRITE, OK)] * 2


@pytest.mark.parametrize('field', ['Idempotency-Key', 'idempotency-key', 'X-Idempotency-Key'])
def test_a_key_by_which_it_is_known_again(relay: Relay, session: requests.Session, field: str) -> None:
    session.post('/ok', data='Idempotency-Key: x', headers={field: '"8e03978e"'})
    assert relay.take_all()[0].meaning == ONCE._replace(key='"8e03978e"')


@pytest.mark.parametrize(
    ('response', 'meaning'),
    [
        (b'HTTP/1.1 201 Created\r\nIdempotent-Replayed: true\r\n\r\n', NOTHING),
        (b'HTTP/1.1 201 Created\r\nidempotent-replayed:True\r\n\r\n', NOTHING),
        (b'HTTP/1.1 201 Created\r\n\r\n\nIdempotent-Replayed: true\r\n', OK),
        (b'HTTP/1.1 307 Temporary Redirect\r\nLocation: /a\r\n\r\n', NOTHING),
        (b'HTTP/1.1 303 See Other\r\nLocation: /a\r\n\r\n', OK),
        (b'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 417 Expectation Failed\r\n\r\n', ERROR),
        (b'HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\n', OK),
        (b'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nanything', OK),
        (b'no response', ERROR),
    ],
)
def test_responses(response: bytes, meaning: ReplyMeaning) -> None:
    assert HTTP().reply_meaning(response, response, ONCE._replace(key='8e03978e')) == meaning


def test_what_has_no_key_is_not_replayed() -> None:
    response = b'HTTP/1.1 201 Created\r\nIdempotent-Replayed: true\r\n\r\n'
    assert HTTP().reply_meaning(response, response, ONCE) == OK


@pytest.mark.parametrize('path', PATHS)
def test_a_client_notices_a_response_that_breaks_off_in_its_middle(nginx: Server, path: str) -> None:
    """`http.client` takes half of a head for all of it: so the middle is in the body, or before the status."""
    with Proxy(nginx.address, 'http') as proxy:
        peer = Peer.connect(nginx.port)
        peer.send(f'GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'.encode())
        reply = peer.recv_all()
        peer.close()
        place = f'{HTTP().find_middle(reply[:SHOWN_OF_REPLY], len(reply))} bytes'
        with proxy.with_behavior('abort', after=place), pytest.raises((http.client.HTTPException, ConnectionError)):
            get(proxy.address.port, path)


def get(port: int, path: str) -> bytes:
    """Return what `http.client` takes for the body."""
    with closing(http.client.HTTPConnection(HOST, port, timeout=TIMEOUT)) as connection:
        connection.request('GET', path, headers={'Host': 'a', 'Connection': 'close'})
        return connection.getresponse().read()


def test_where_the_middle_is() -> None:
    head = b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n'
    early = b'HTTP/1.1 103 Early Hints\r\n\r\n'
    protocol = HTTP()
    assert protocol.find_middle(head + bytes(10), len(head) + 10) == len(head) + 5
    assert protocol.find_middle(head + b'x', len(head) + 1) == len(head)
    assert protocol.find_middle(early + head + bytes(10), len(early + head) + 10) == len(early + head) + 5
    assert protocol.find_middle(early + head, len(early + head)) == len(early) + 6
    long = (head[:-2] + b'X: ' + LARGE)[:SHOWN_OF_REPLY]
    assert protocol.find_middle(long, 5000) == 4999
