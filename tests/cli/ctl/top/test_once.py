"""``vaurienctl top --once``, in front of a real backend."""

from __future__ import annotations

import json

import pytest

from tests.cli.asking import cells, done, failed, shown
from tests.peers import Peer, RawBackend
from tests.servers import HOST, free_port
from vaurien.client import Client


@pytest.mark.usefixtures('busy')
def test_json(cache: Client) -> None:
    cache.set_behavior('error', match='TTL *')
    told = json.loads(done('top', '--once', '--json'))
    (proxy,) = told['proxies']
    assert (proxy['name'], proxy['links'], proxy['protocol']) == ('cache', 1, 'redis')
    # Replies are timed as they come, and some of a second are to requests of the second before.
    assert 0 < told['timed'] < 2 * told['requests']
    assert 0 < proxy['faults'] < proxy['requests']
    assert 0 < proxy['p50'] <= proxy['p95'] <= proxy['p99']
    assert proxy['behavior'] == "error(match='TTL *')"
    rows = {row['name']: row for row in told['busiest']}
    assert rows.keys() - {'CLIENT SETINFO'} == {'GET top:*', 'TTL top:*'}  # which the client says of itself
    assert rows['GET top:*']['errors'] == rows['GET top:*']['faults'] == 0
    assert rows['TTL top:*']['errors'] == rows['TTL top:*']['faults'] == rows['TTL top:*']['requests'] > 0


@pytest.mark.usefixtures('busy')
def test_lines(cache: Client, process: Client) -> None:
    process.create_proxy('api', f'{HOST}:0', 'localhost:1')
    proxies, requests = done('top', '--once', '--match', 'GET *').split('\n\n')
    busy, idle = cells(proxies)
    assert (busy[:3], idle[:3]) == (['cache', 'true', '1'], ['api', 'true', '0'])
    assert float(busy[3]) > 0
    assert idle[8:] == ['-', '-', '-', '-', 'dummy', '-']
    assert [row[:2] for row in cells(requests)] == [['cache', 'GET top:*']]


def test_one_of_several(cache: Client, process: Client) -> None:
    process.create_proxy('api', f'{HOST}:0', 'localhost:1')
    assert [row['name'] for row in json.loads(done('top', '--once', '--json', '--proxy', 'api'))['proxies']] == ['api']


def test_without_anything(process: Client) -> None:
    told = json.loads(done('top', '--once', '--json'))
    assert (told['proxies'], told['busiest']) == ([], [])


def test_tables_for_people(cache: Client) -> None:
    heading, proxy, _, requests = shown('top', '--once')
    assert heading.split()[:4] == ['proxy', 'enabled', 'links', 'requests']
    assert (proxy.split()[0], requests) == ('cache', 'no requests')


def test_a_wrong_pattern() -> None:
    assert failed(2, 'top', '--once', '--match', '/(/').startswith('match: ')


def test_an_unknown_proxy(process: Client) -> None:
    assert "there is no proxy 'nobody'" in failed(2, 'top', '--once', '--proxy', 'nobody')


def test_nobody_answers() -> None:
    host = f'{HOST}:{free_port()}'
    assert failed(1, '--host', host, 'top', '--once') == f'cannot reach http://{host}: connection refused'


def test_a_process_that_ends(raw_backend: RawBackend) -> None:
    def script(peer: Peer) -> None:
        peer.recv_until(b'\r\n\r\n')
        peer.send(b'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n')

    raw_backend.serve(script)
    said = failed(1, '--host', raw_backend.address, 'top', '--once')
    assert said == f'http://{raw_backend.address} has ended'
