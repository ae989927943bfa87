"""Replies of HTTP whose form is wrong."""

from __future__ import annotations

from collections.abc import Sequence

import httpx
import pytest
import requests
from hypothesis import given, strategies as st

from tests.behaviors.clients import curl, http_session
from tests.behaviors.talk import connect
from tests.protocols.feeding import cut, single
from tests.servers import HOST, INDEX, LARGE, Server
from vaurien import Proxy
from vaurien.errors import OptionError
from vaurien.protocols import Protocol
from vaurien.protocols.http.malformed import MISSING, NO_SIZE, ChunkSize, ContentLength

WITH_LENGTH = b'HTTP/1.1 200 OK\r\nX: 3\r\ncontent-length: 5\r\n\r\nhello'
UNCHANGED = b'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n'
CHUNKED = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5;a=b\r\nworld\r\n0\r\n\r\n'


@pytest.mark.parametrize('path', ['/large-chunked', '/chunked'])
def test_a_bad_chunk_size(nginx: Server, path: str) -> None:
    with Proxy(nginx.address, 'http', behavior='malformed') as proxy:
        port = proxy.address.port
        with http_session(port) as session, session.get(path, stream=True) as response:
            got: list[bytes] = []
            with pytest.raises(requests.exceptions.ChunkedEncodingError, match='InvalidChunkLength'):
                got.extend(response.iter_content(1024))
            assert (LARGE if 'large' in path else INDEX).startswith(b''.join(got))
        with httpx.Client(trust_env=False) as client, pytest.raises(httpx.RemoteProtocolError):
            client.get(f'http://{HOST}:{port}{path}')
        assert curl(port, path).returncode == 56  # CURLE_RECV_ERROR
        assert proxy.status()['faults'] == {'malformed': 3}


@pytest.mark.parametrize('path', ['/', '/large'])
def test_a_length_that_lies(nginx: Server, path: str) -> None:
    whole = LARGE if path == '/large' else INDEX
    with Proxy(nginx.address, 'http') as proxy:
        proxy.set_behavior('malformed', kind='content-length')
        port = proxy.address.port
        with http_session(port) as session, session.get(path, stream=True) as response:
            assert int(response.headers['Content-Length']) == len(whole) + MISSING
            with pytest.raises(requests.exceptions.ChunkedEncodingError, match='IncompleteRead'):
                response.content  # noqa: B018  # to read it is what fails
        with httpx.Client(trust_env=False) as client, pytest.raises(httpx.RemoteProtocolError):
            client.get(f'http://{HOST}:{port}{path}')
        done = curl(port, path)
        assert done.returncode == 18  # CURLE_PARTIAL_FILE
        assert done.stdout.startswith(whole)


def test_what_has_nothing_of_the_kind_passes(nginx: Server) -> None:
    with Proxy(nginx.address, 'http') as proxy, http_session(proxy.address.port) as session:
        proxy.set_behavior('malformed', kind='chunk-size')
        assert session.get('/').content == INDEX
        assert session.get('/no-content').status_code == 204
        proxy.set_behavior('malformed', kind='content-length')
        assert session.get('/chunked').content == INDEX
        assert int(session.head('/').headers['Content-Length']) == len(INDEX)
        tag = session.head('/').headers['ETag']
        assert session.get('/', headers={'If-None-Match': tag}).status_code == 304
        assert proxy.status()['links']['total'] == 1


@given(st.lists(st.integers(0, 100), max_size=5))
def test_it_is_the_same_in_any_pieces(places: Sequence[int]) -> None:
    for reply, kind, expected in (
        (WITH_LENGTH, ContentLength, WITH_LENGTH.replace(b': 5', b': 105')),
        (CHUNKED, ContentLength, CHUNKED),
        (CHUNKED, ChunkSize, CHUNKED[: CHUNKED.index(b'5;a=b')] + NO_SIZE),
        (WITH_LENGTH, ChunkSize, WITH_LENGTH),
        (UNCHANGED, ContentLength, UNCHANGED),
    ):
        for pieces in (cut(reply, places), list(single(reply))):
            malformation = kind(b'GET / HTTP/1.1\r\n\r\n')
            got = b''.join(malformation.feed(piece) for piece in pieces if not malformation.is_over)
            assert got == expected
            assert malformation.is_done is (expected != reply)


def test_a_pipeline(nginx: Server) -> None:
    with Proxy(nginx.address, 'http') as proxy, connect(proxy) as client:
        proxy.set_behavior('malformed', match='GET /chunked', kind='chunk-size')
        client.send(b''.join(b'GET %b HTTP/1.1\r\nHost: a\r\n\r\n' % path for path in (b'/ok', b'/chunked', b'/ok')))
        got = client.recv_all()
        assert got.count(b'HTTP/1.1 200') == 2
        assert got.endswith(b'\r\n' + NO_SIZE)


@pytest.mark.parametrize('protocol', [name for name in Protocol.names() if name != 'http'])
def test_other_protocols_refuse_it(protocol: str) -> None:
    with pytest.raises(OptionError) as caught:
        Proxy('localhost:1', protocol, behavior='malformed').start()
    assert str(caught.value) == f'malformed.kind: replies of {protocol} have no chunk-size that could be wrong'


def test_an_unknown_kind(nginx: Server) -> None:
    expected = 'expected one of chunk-size, content-length'
    with Proxy(nginx.address, 'http') as proxy, pytest.raises(OptionError, match=expected):
        proxy.set_behavior('malformed', kind='head')
