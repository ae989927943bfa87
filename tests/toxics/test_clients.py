"""Toxics on both streams, and for some clients, with real connections."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from time import perf_counter

import pytest

from tests.commands import Command, call
from tests.peers import Peer, RawBackend
from tests.servers import HOST, TIMEOUT
from vaurien import Proxy
from vaurien.cli import ctl


@pytest.fixture
def proxy(echo_server: RawBackend) -> Iterator[Proxy]:
    with Proxy(echo_server.address) as proxy:
        yield proxy


def connect(proxy: Proxy, host: str = HOST) -> Peer:
    return Peer(socket.create_connection((HOST, proxy.address.port), TIMEOUT, (host, 0)))


def seconds(peer: Peer) -> float:
    """Return how long an echo takes."""
    began = perf_counter()
    peer.send(b'hello')
    assert peer.recv_exactly(5) == b'hello'
    return perf_counter() - began


def test_both_streams_are_late(proxy: Proxy) -> None:
    with connect(proxy) as peer, proxy.toxic('latency', latency=30, stream='both'):
        assert seconds(peer) > 0.06
        (link,) = proxy.links()
        assert link['toxics'] == ['latency_both']


def test_one_client_is_cut_off_and_the_other_is_well(proxy: Proxy) -> None:
    with connect(proxy, '127.0.0.2') as cut, connect(proxy, '127.0.0.3') as well:
        for peer in (cut, well):
            seconds(peer)
        with proxy.toxic('timeout', stream='both', client='127.0.0.2'):
            cut.send(b'hello')
            assert seconds(well) < TIMEOUT
            assert [link['toxics'] for link in proxy.links()] == [['timeout_both'], []]


def test_in_a_text_and_by_vaurienctl(server: Command, echo_server: RawBackend) -> None:
    address = f'localhost:{server.control_port}'
    for words in (
        ('proxy', 'create', 'of-clients', '--upstream', echo_server.address),
        ('toxic', 'add', 'of-clients', 'latency(latency=5, client=10.0.0.0/8)@both'),
        ('toxic', 'add', 'of-clients', 'noop', '--stream', 'both', '--client', '127.0.0.1'),
        ('proxy', 'inspect', 'of-clients'),
        ('proxy', 'delete', 'of-clients'),
    ):
        done = call(ctl.main, '--host', address, '--json', *words)
        assert done.returncode == 0, done.stderr
        if words[1] == 'inspect':
            assert '"client": "10.0.0.0/8"' in done.stdout
            assert '"client": "127.0.0.1"' in done.stdout
    done = call(ctl.main, '--host', address, 'toxic', 'add', 'of-clients', 'noop(client=10.0.0.0/33)')
    assert (done.returncode, done.stderr.count('\n')) == (2, 1)
