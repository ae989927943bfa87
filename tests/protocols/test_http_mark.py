"""``--mark-faults``: responses of HTTP that name their fault, and are otherwise what they were."""

from __future__ import annotations

import itertools
import shutil
import subprocess
from collections.abc import Callable

import httpx
import pytest
import requests
from hypothesis import given, settings, strategies as st

from tests.engine.talk import connect, make_proxy
from tests.peers import RawBackend
from tests.servers import TIMEOUT, Server
from vaurien import Proxy
from vaurien.framing.head import MAX_HEAD
from vaurien.protocols.http.mark import ResponseMark

FIELD = b'X-Vaurien-Fault: delay\r\n'
CONTINUE = b'HTTP/1.1 100 Continue\r\n\r\n'
HINTS = b'HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n'
LINE = b'HTTP/1.1 200 OK\r\n'
REST = b'Content-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """Return *data* in pieces that end at *places*."""
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[begin:end] for begin, end in itertools.pairwise(edges)]


@settings(max_examples=200)
@given(
    before=st.sampled_from([b'', b'\r\n', CONTINUE, CONTINUE + HINTS]),
    places=st.lists(st.integers(0, 200), max_size=6),
)
def test_the_first_final_response_is_marked(before: bytes, places: list[int]) -> None:
    mark = ResponseMark('delay')
    out = b''.join(mark.feed(piece) for piece in cut(before + LINE + REST, places))
    assert (out, mark.is_done) == (before + LINE + FIELD + REST, True)


@settings(max_examples=100)
@given(data=st.binary(max_size=100), places=st.lists(st.integers(0, 100), max_size=4))
def test_no_byte_is_lost_of_what_is_no_response(data: bytes, places: list[int]) -> None:
    mark = ResponseMark('delay')
    out = b''.join([*(mark.feed(piece) for piece in cut(data, places)), mark.take_unread()])
    assert out.replace(FIELD, b'') == data


def test_a_head_that_never_ends_is_not_kept() -> None:
    mark = ResponseMark('delay')
    begin, line = b'HTTP/1.1 103 Early Hints\r\n', b'Link: </a.css>\r\n'
    out, sent = b'', b''
    while len(sent) < 2 * MAX_HEAD:
        piece = line * 100 if sent else begin
        out += mark.feed(piece)
        sent += piece
        assert sent == out or len(sent) < MAX_HEAD + 100 * len(line)
    assert mark.is_done
    assert mark.take_unread() == b''


def test_a_name_of_any_kind_is_a_token() -> None:
    assert ResponseMark('not\r\nmine: x').feed(LINE) == LINE + b'X-Vaurien-Fault: not__mine__x\r\n'


def ask_requests(url: str) -> tuple[int, str | None, bytes]:
    response = requests.get(url, timeout=TIMEOUT)
    return response.status_code, response.headers.get('X-Vaurien-Fault'), response.content


def ask_httpx(url: str) -> tuple[int, str | None, bytes]:
    response = httpx.get(url, timeout=TIMEOUT, trust_env=False)
    return response.status_code, response.headers.get('X-Vaurien-Fault'), response.content


def ask_curl(url: str) -> tuple[int, str | None, bytes]:
    command = ['curl', '-s', '-D', '-', '--noproxy', '*', url]
    done = subprocess.run(command, capture_output=True, timeout=TIMEOUT, check=True)
    head, _, body = done.stdout.partition(b'\r\n\r\n')
    line, *fields = head.decode().split('\r\n')
    named = dict(field.split(': ', 1) for field in fields)
    return int(line.split()[1]), named.get('X-Vaurien-Fault'), body


@pytest.mark.parametrize('ask', [ask_requests, ask_httpx, ask_curl])
def test_what_clients_get(ask: Callable[[str], tuple[int, str | None, bytes]], nginx: Server) -> None:
    if ask is ask_curl and shutil.which('curl') is None:
        pytest.skip('there is no curl')
    _, _, content = ask(f'{nginx.url}/')
    with Proxy(nginx.address, 'http', behavior='100:delay(sleep=0)', mark_faults=True) as proxy:
        assert ask(f'http://{proxy.address}/') == (200, 'delay', content)
    with Proxy(nginx.address, 'http', behavior='100:error(code=503)', mark_faults=True) as proxy:
        assert ask(f'http://{proxy.address}/')[:2] == (503, 'error')
    with Proxy(nginx.address, 'http', mark_faults=True) as proxy:
        assert ask(f'http://{proxy.address}/') == (200, None, content)


def test_only_the_faulted_ones_of_a_pipeline(raw_backend: RawBackend) -> None:
    def get(path: bytes) -> bytes:
        return b'GET ' + path + b' HTTP/1.1\r\nHost: a\r\n\r\n'

    behavior = "100:delay(sleep=0, match='GET /late*'),100:error(code=500, match='GET /bad', body='no')"
    with make_proxy(raw_backend, 'http', behavior, mark_faults=True) as proxy, connect(proxy) as client:
        client.send(get(b'/a') + get(b'/late') + get(b'/bad') + get(b'/late/2') + get(b'/bad') + get(b'/b'))
        chunked = b'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n'
        with raw_backend.accept() as backend:
            for path, reply in [
                (b'/a', LINE + b'Content-Length: 1\r\n\r\na'),
                (b'/late', HINTS + LINE + chunked),
                (b'/late/2', b'HTTP/1.1 204 No Content\r\n\r\n'),
                (b'/b', LINE + b'Content-Length: 1\r\n\r\nb'),
            ]:
                assert backend.recv_until(b'\r\n\r\n').startswith(b'GET ' + path + b' ')
                for byte in reply:
                    backend.send(bytes([byte]))
            got = client.recv_until(b'\r\n\r\nb')
    a, hints, late, bad, second, worse, b = got.split(b'HTTP/1.1 ')[1:]
    assert b'X-Vaurien-Fault' not in a + hints + b
    assert late == b'200 OK\r\n' + FIELD + chunked
    assert bad.startswith(b'500 Internal Server Error\r\nX-Vaurien-Fault: error\r\n')
    assert bad.endswith(b'\r\n\r\nno')
    assert worse == bad
    assert second == b'204 No Content\r\n' + FIELD + b'\r\n'


def test_nothing_is_marked_unless_it_is_wanted(nginx: Server) -> None:
    with Proxy(nginx.address, 'http', behavior='100:delay(sleep=0)') as proxy:
        assert ask_requests(f'http://{proxy.address}/')[1] is None
