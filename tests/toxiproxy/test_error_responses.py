"""The errors that Toxiproxy's API answers."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from tests.commands import Command
from tests.peers import Peer
from tests.servers import HOST
from tests.toxiproxy.asking import NOWHERE, Toxiproxy, ask

TOXICS = '/proxies/redis/toxics'
BAD = 'bad request body: '
NO_STREAM = 'stream was invalid, can be either upstream or downstream'


def is_missing(answer: tuple[str, dict[str, str], bytes]) -> bool:
    status, headers, body = answer
    plain = headers.get('content-type') == 'text/plain; charset=utf-8' and 'x-toxiproxy-request-id' not in headers
    return (status, body) == ('404 Not Found', b'404 page not found\n') and plain


@pytest.mark.parametrize(
    ('method', 'path', 'body', 'status', 'text'),
    [
        ('POST', '/proxies', '', 400, f'{BAD}EOF'),
        ('POST', '/proxies', ' \n', 400, f'{BAD}EOF'),
        ('POST', '/proxies', '{"name"', 400, f'{BAD}unexpected EOF'),
        ('POST', '/proxies', '\ufeff{}', 400, BAD),
        ('POST', '/proxies', '{"name":NaN}', 400, f'{BAD}NaN is not JSON'),
        ('POST', '/proxies', '[' * 60_000, 400, BAD),
        ('POST', '/proxies', '[]', 400, f'{BAD}Expected `object`, got `array`'),
        ('POST', '/proxies', '"redis"', 400, f'{BAD}Expected `object`, got `str`'),
        ('POST', '/proxies', '{"name":3,"upstream":"a:1"}', 400, f'{BAD}Expected `str`, got `int` - at `$.name`'),
        ('POST', '/proxies', '{"name":"a","upstream":"a:1","enabled":"no"}', 400, f'{BAD}Expected `bool`'),
        ('POST', '/proxies', 'null', 400, 'missing required field: name'),
        ('POST', '/proxies', '{"upstream":"a:1"}', 400, 'missing required field: name'),
        ('POST', '/proxies', '{"name":"","upstream":""}', 400, 'missing required field: name'),
        ('POST', '/proxies', '{"name":"a","upstream":""}', 400, 'missing required field: upstream'),
        ('POST', '/proxies', '{"name":"redis","upstream":"a:1","listen":"x"}', 409, 'proxy already exists'),
        (
            'POST',
            '/proxies',
            '{"name":"a","upstream":"a:1","protocol":"rdis"}',
            400,
            f'{BAD}protocol: unknown protocol',
        ),
        ('GET', '/proxies/none', '', 404, 'proxy not found'),
        ('PATCH', '/proxies/none', '{', 404, 'proxy not found'),
        ('DELETE', '/proxies/none', '', 404, 'proxy not found'),
        ('PATCH', '/proxies/redis', '', 400, f'{BAD}EOF'),
        ('PATCH', '/proxies/redis', '{"listen":5,"upstream":"a:1"}', 400, BAD),
        ('PATCH', '/proxies/redis', '{"enabled":0,"upstream":"a:1"}', 400, BAD),
        ('GET', '/proxies/none/toxics', '', 404, 'proxy not found'),
        ('POST', '/proxies/none/toxics', '{', 404, 'proxy not found'),
        ('GET', '/proxies/none/toxics/slow', '', 404, 'proxy not found'),
        ('GET', f'{TOXICS}/none', '', 404, 'toxic not found'),
        ('PATCH', f'{TOXICS}/none', '{', 404, 'toxic not found'),
        ('DELETE', f'{TOXICS}/none', '', 404, 'toxic not found'),
        ('POST', TOXICS, '', 400, f'{BAD}EOF'),
        ('POST', TOXICS, '{"stream":"side","type":"none"}', 400, NO_STREAM),
        ('POST', TOXICS, '{"stream":"","type":"latency"}', 400, NO_STREAM),
        ('POST', TOXICS, '{"name":"slow","type":"none"}', 400, 'invalid toxic type'),
        ('POST', TOXICS, '{"stream":"both","type":"none"}', 400, NO_STREAM),
        ('POST', TOXICS, '{"type":""}', 400, 'invalid toxic type'),
        ('POST', TOXICS, '{"type":"Latency"}', 400, 'invalid toxic type'),
        ('POST', TOXICS, 'null', 400, 'invalid toxic type'),
        ('POST', TOXICS, '{"type":"latency","name":"slow","attributes":{"latency":"x"}}', 409, 'toxic already exists'),
        ('POST', TOXICS, '{"type":"latency","name":"slow","stream":"upstream"}', 409, 'toxic already exists'),
        ('POST', TOXICS, '{"type":"latency","attributes":[]}', 400, BAD),
        ('POST', TOXICS, '{"type":"latency","attributes":{"latency":"100"}}', 400, f'{BAD}attributes.latency'),
        ('POST', TOXICS, '{"type":"latency","attributes":{"latency":1.5}}', 400, f'{BAD}attributes.latency'),
        ('POST', TOXICS, '{"type":"latency","attributes":{"LATENCY":true}}', 400, f'{BAD}attributes.latency'),
        ('POST', TOXICS, f'{{"type":"latency","attributes":{{"latency":{2**63}}}}}', 400, f'{BAD}attributes.'),
        ('POST', TOXICS, '{"type":"latency","attributes":{"latency":1e400}}', 400, f'{BAD}attributes.latency'),
        ('POST', TOXICS, f'{{"type":"latency","attributes":{{"jitter":{"9" * 5000}}}}}', 400, f'{BAD}attributes.'),
        ('POST', TOXICS, '{"type":"latency","attributes":{"distribution":"\\ud800"}}', 400, f'{BAD}attributes.'),
        ('POST', TOXICS, '{"type":"latency","toxicity":"1"}', 400, BAD),
        ('POST', TOXICS, '{"type":"latency","toxicity":1e39}', 400, f'{BAD}toxicity: 1e+39 is too large'),
        ('POST', TOXICS, '{"type":"latency","toxicity":1e999}', 400, f'{BAD}toxicity: inf is too large'),
    ],
)
def test_mistakes(toxiproxy: Toxiproxy, method: str, path: str, body: str, status: int, text: str) -> None:
    toxiproxy.create('redis')
    toxiproxy.add_toxic('redis', 'latency', name='slow')
    before = toxiproxy.done('GET', '/proxies')
    error = toxiproxy.refused(method, path, status, data=body.encode())
    assert error.startswith(text) if text.startswith(BAD) else error == text
    assert toxiproxy.done('GET', '/proxies') == before


def test_errors_are_spelled_as_by_go(toxiproxy: Toxiproxy) -> None:
    body = {'name': '<', 'upstream': 'a:1', 'listen': '<&>'}
    assert (
        b'"listen tcp: address \\u003c\\u0026\\u003e: missing port in address"'
        in toxiproxy('POST', '/proxies', body).content
    )


@pytest.mark.parametrize(
    ('body', 'text'),
    [
        ('', 'bad request body: EOF'),
        ('{}', 'bad request body: Expected `array`, got `object`'),
        ('[', 'bad request body: unexpected EOF'),
        ('[{}', 'bad request body: unexpected EOF'),
        ('[7]', 'bad request body: Expected `object`, got `int`'),
        ('[null]', 'missing required field: name at proxy 1'),
        ('[{"name":"a","upstream":"a:1"},{"upstream":"a:1"}]', 'missing required field: name at proxy 2'),
        ('[{"name":"a","upstream":"a:1"},{"name":"b"}]', 'missing required field: upstream at proxy 2'),
    ],
)
def test_mistakes_in_what_is_to_be_populated(toxiproxy: Toxiproxy, body: str, text: str) -> None:
    response = toxiproxy('POST', '/populate', data=body)
    assert response.status_code == 400
    assert response.headers['Content-Type'] == 'application/json'
    assert not response.content.endswith(b'\n')
    answer = response.json()
    assert list(answer) == ['error', 'status', 'proxies']
    assert answer['error'].startswith(text)
    assert (answer['status'], answer['proxies']) == (400, None)
    assert toxiproxy.done('GET', '/proxies') == {}


def test_a_body_that_is_too_large(toxiproxy: Toxiproxy) -> None:
    assert toxiproxy.refused('POST', '/proxies', 413, data=b' ' * 1_100_000).startswith('bad request body: ')


@pytest.mark.parametrize(('size', 'closes'), [(1_000_000, False), (4_000_000, True)])
def test_the_connection_outlives_a_body_unless_it_is_huge(toxiproxy: Toxiproxy, size: int, closes: bool) -> None:
    response = toxiproxy('POST', '/proxies', data=b' ' * size)
    assert response.status_code == 413
    assert (response.headers.get('Connection') == 'close') is closes
    assert toxiproxy('GET', '/proxies').status_code == 200


def test_a_body_that_is_packed_is_no_json(toxiproxy: Toxiproxy) -> None:
    body = gzip.compress(b'{"name":"a","upstream":"a:1"}')
    error = toxiproxy.refused('POST', '/proxies', 400, data=body, headers={'Content-Encoding': 'gzip'})
    assert error.startswith('bad request body: ')


@pytest.mark.parametrize('path', ['/proxies', '/populate'])
def test_a_body_in_malformed_chunks_is_the_last(server: Command, toxiproxy: Toxiproxy, path: str) -> None:
    with Peer.connect(server.control_port) as peer:
        head = f'POST {path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n'
        peer.send(head.encode() + b'zz\r\nGET /version HTTP/1.1\r\nHost: localhost\r\n\r\n')
        answer = peer.recv_all()
    assert answer.startswith(b'HTTP/1.1 400 ')
    assert b'\r\nconnection: close\r\n' in answer.lower()
    assert answer.count(b'HTTP/1.1 ') == 1


def test_a_body_that_does_not_arrive_whole(server: Command, toxiproxy: Toxiproxy) -> None:
    toxiproxy.create('redis')
    with Peer.connect(server.control_port) as peer:
        peer.send(b'PATCH /proxies/redis HTTP/1.1\r\nHost: localhost\r\nContent-Length: 17\r\n\r\n{"enabled":')
        peer.shut_down()
        assert peer.recv_all().endswith(b'{"error":"bad request body: unexpected EOF","status":400}\n')
    assert toxiproxy.done('GET', '/proxies/redis')['enabled']


@pytest.mark.parametrize(
    'path',
    [
        '/version/',
        '/proxies/',
        '/proxies/redis/',
        '/proxies/redis/toxics/',
        '/proxies/redis/toxics/a/b',
        '/proxies/a/b',
        '/reset/x',
    ],
)
def test_paths_that_there_are_not(server: Command, toxiproxy: Toxiproxy, path: str) -> None:
    toxiproxy.create('redis')
    for method in ('GET', 'POST', 'HEAD', 'BREW'):
        status, headers, body = ask(server, method, path, 'User-Agent: Mozilla/5.0')
        assert is_missing((status, headers, body if method != 'HEAD' else b'404 page not found\n'))


def test_the_classic_routes_keep_their_errors(toxiproxy: Toxiproxy) -> None:
    """Below a proxy, too."""
    toxiproxy.create('redis')
    answers: list[tuple[Any, ...]] = [
        ('GET', '/proxies/none/status', 404),
        ('PUT', '/proxies/redis/behavior', 400),
        ('POST', '/proxies/redis/behavior', 405),
        ('DELETE', '/proxies/redis/links/7', 404),
        ('DELETE', '/proxies/redis/links/x', 404),
        ('GET', '/nowhere', 404),
    ]
    for method, path, status in answers:
        response = toxiproxy(method, path)
        assert response.status_code == status
        assert response.json()['status'] == 'error'
    assert toxiproxy('GET', '/proxies/redis/status').json()['backend'] == NOWHERE
    assert toxiproxy('GET', '/status').json()['proxy'].startswith(HOST)
