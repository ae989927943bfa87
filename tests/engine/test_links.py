"""Links without objects: until when they have none, and that nobody notices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.behaviors.waiting import eventually
from tests.engine.talk import PATTERN, connect, inside, join, make_proxy
from tests.peers import Peer, RawBackend
from vaurien import native
from vaurien.embedded import Proxy
from vaurien.engine.proxy import ProxyServer
from vaurien.records.observer import ObservedLink, Observer
from vaurien.rules.toxics import make_toxic

pytestmark = pytest.mark.skipif(bool(native.PURE), reason=native.PURE)


class OnLink(Observer):
    def on_link(self, link: ObservedLink) -> None:
        """Do nothing."""


class OnClosed(Observer):
    def on_closed(self, link: ObservedLink) -> None:
        """Do nothing."""


def ask(client: Peer, backend: Peer) -> None:
    client.send(b'ping')
    assert backend.recv_exactly(4) == b'ping'
    backend.send(b'reply')
    assert client.recv_exactly(5) == b'reply'


def list_made(proxy: Proxy) -> list[int]:
    """The numbers of the links that have an object."""
    return inside(proxy, lambda server: list(server.links.made))


def count(proxy: Proxy) -> tuple[int, ...]:
    return inside(proxy, lambda server: tuple(server.counters.counts()))


def test_a_link_that_is_opened_and_closed_needs_no_object(raw_backend: RawBackend) -> None:
    with make_proxy(raw_backend, 'tcp') as proxy:
        client, backend = join(proxy, raw_backend)
        ask(client, backend)
        assert inside(proxy, lambda server: len(server.links)) == 1
        assert count(proxy) == (1, 4, 4, 5, 5)
        assert inside(proxy, lambda server: server.counters.count_arrived()) == (1, 4, 5)
        backend.shut_down()
        assert client.recv() == b''
        client.send(b'more')
        assert backend.recv_exactly(4) == b'more'
        client.shut_down()
        assert backend.recv() == b''
        eventually(lambda: inside(proxy, lambda server: len(server.links)) == 0)
        assert list_made(proxy) == []
        assert count(proxy) == (2, 8, 8, 5, 5)
        assert proxy.status()['links'] == {'open': 0, 'total': 1}


class TestAdopting:
    def test_whoever_looks_at_the_links_sees_objects(self, raw_backend: RawBackend) -> None:
        with make_proxy(raw_backend, 'tcp') as proxy:
            first, second = join(proxy, raw_backend), join(proxy, raw_backend)
            ask(*second)
            assert [(link['id'], link['exchanges'], link['bytes']) for link in proxy.links()] == [
                (1, 0, {'upstream': 0, 'downstream': 0}),
                (2, 1, {'upstream': 4, 'downstream': 5}),
            ]
            third = join(proxy, raw_backend)
            assert list_made(proxy) == [1, 2]
            for client, backend in (first, second, third):
                ask(client, backend)
            assert count(proxy) == (4, 16, 16, 20, 20)
            assert inside(proxy, lambda server: list(server.links)) == [1, 2, 3]

    def test_others_have_their_turn_between_them(self, raw_backend: RawBackend) -> None:
        """Whoever asks gets the links of that moment, and none that has come meanwhile."""
        with make_proxy(raw_backend, 'tcp') as proxy:
            peers = [join(proxy, raw_backend) for _ in range(3)]
            pauses: list[str] = []
            found = inside(proxy, lambda server: server.links.find_all(2, lambda: pauses.append('pause')))
            assert [link.number for link in found] == [1, 2]
            assert len(pauses) == 3
            for client, backend in peers:
                ask(client, backend)

    def test_they_stay_in_order(self, raw_backend: RawBackend) -> None:
        """One of which a large chunk comes gets its object before others."""
        with make_proxy(raw_backend, 'tcp') as proxy:
            first, second = join(proxy, raw_backend), join(proxy, raw_backend)
            for made, (client, backend) in (([2], second), ([2, 1], first)):
                client.send(PATTERN[:70_000])
                assert backend.recv_exactly(70_000) == PATTERN[:70_000]
                eventually(lambda made=made: list_made(proxy) == made)  # type: ignore[misc]
            assert [link['id'] for link in proxy.links()] == [1, 2]

    @pytest.mark.parametrize('is_client', [True, False])
    def test_one_of_whose_streams_has_ended(self, raw_backend: RawBackend, is_client: bool) -> None:
        with make_proxy(raw_backend, 'tcp') as proxy:
            client, backend = join(proxy, raw_backend)
            ended, other = (client, backend) if is_client else (backend, client)
            ended.shut_down()
            assert other.recv() == b''
            (status,) = proxy.links()
            assert status['exchanges'] == 0
            other.send(b'reply')
            assert ended.recv_exactly(5) == b'reply'
            other.shut_down()
            assert ended.recv() == b''
            eventually(lambda: not proxy.links())

    def test_what_is_armed_reaches_them(self, raw_backend: RawBackend) -> None:
        with make_proxy(raw_backend, 'tcp') as proxy:
            client, backend = join(proxy, raw_backend)
            ask(client, backend)
            proxy.set_behavior('100:hang')
            client.send(b'ping')
            eventually(lambda: proxy.links()[0]['behavior'] == 'hang')
            assert [(rule['seen'], rule['hits']) for rule in proxy.status()['behaviors']] == [(1, 1)]

    def test_a_broken_one(self, raw_backend: RawBackend) -> None:
        with make_proxy(raw_backend, 'tcp') as proxy:
            client, backend = join(proxy, raw_backend)
            ask(client, backend)
            backend.reset()
            with pytest.raises(ConnectionResetError):
                client.recv()
            eventually(lambda: not proxy.links())
            assert count(proxy) == (1, 4, 4, 5, 5)

    def test_closing_one(self, raw_backend: RawBackend) -> None:
        with make_proxy(raw_backend, 'tcp') as proxy:
            (first, _), second = join(proxy, raw_backend), join(proxy, raw_backend)
            proxy.cut_link(1)
            assert first.recv() == b''
            ask(*second)


LOOKING: list[Callable[[], dict[str, Any]]] = [
    lambda: {'behavior': '0.001:hang'},
    lambda: {'behavior': '0.001:slow_accept'},
    lambda: {'toxics': [make_toxic('latency', {'latency': 1})]},
    lambda: {'max_links': 5},
    lambda: {'idle_timeout': 100.0},
    lambda: {'observer': OnLink()},
    lambda: {'observer': OnClosed()},
]


@pytest.mark.parametrize('settings', LOOKING)
def test_who_wants_to_know_of_a_link_has_an_object(
    raw_backend: RawBackend, settings: Callable[[], dict[str, Any]]
) -> None:
    with make_proxy(raw_backend, 'tcp', **settings()) as proxy:
        join(proxy, raw_backend)
        assert list_made(proxy) == [1]


def test_a_backend_that_cannot_be_reached(raw_backend: RawBackend) -> None:
    """The client has been accepted by then; the rest is as for all links."""
    with make_proxy(raw_backend, 'tcp') as proxy:
        raw_backend.close()
        with pytest.raises(ConnectionResetError):
            connect(proxy).recv()
        assert inside(proxy, lambda server: (server.links_total, server.counters.connect_failures)) == (1, 1)


def test_the_end_of_a_proxy_closes_them(raw_backend: RawBackend) -> None:
    with make_proxy(raw_backend, 'tcp') as proxy:
        client, backend = join(proxy, raw_backend)
        ask(client, backend)
        server: ProxyServer = inside(proxy, lambda server: server)
    assert (client.recv(), backend.recv()) == (b'', b'')
    assert tuple(server.counters.counts()) == (1, 4, 4, 5, 5)
