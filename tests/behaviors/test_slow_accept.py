"""Clients that wait before anything is done for them."""

from __future__ import annotations

from time import monotonic

import pytest
import requests

from tests.behaviors.clients import http_session
from tests.behaviors.talk import connect
from tests.behaviors.waiting import eventually
from tests.peers import RawBackend
from tests.servers import INDEX, Server
from vaurien import Proxy

#: Longer than any test.
FOR_EVER = 1000


def test_a_client_waits_before_the_backend_hears_of_it(raw_backend: RawBackend) -> None:
    with Proxy(raw_backend.address, behavior='slow_accept(delay=0.05)') as proxy:
        before = monotonic()
        with connect(proxy) as client:
            client.send(b'hello')
            backend = raw_backend.accept()
            assert monotonic() - before >= 0.05
            assert backend.recv_exactly(5) == b'hello'
        (fault,) = proxy.faults()
        assert (fault.behavior, fault.link, fault.exchange, fault.request) == ('slow_accept', 1, 0, 'connection')


def test_it_ends_when_other_rules_are_armed(echo_server: RawBackend) -> None:
    with Proxy(echo_server.address, behavior=f'slow_accept(delay={FOR_EVER})') as proxy, connect(proxy) as client:
        client.send(b'hello')
        assert client.is_silent(0.02)
        proxy.set_behavior('dummy')
        assert client.recv_exactly(5) == b'hello'


def test_a_client_that_leaves_is_not_waited_for(echo_server: RawBackend) -> None:
    with Proxy(echo_server.address, behavior=f'slow_accept(delay={FOR_EVER})') as proxy:
        connect(proxy).close()
        eventually(lambda: not proxy.links() and proxy.status()['links']['total'])


def test_only_some_of_them(echo_server: RawBackend) -> None:
    with Proxy(echo_server.address, behavior=f'slow_accept(delay={FOR_EVER}, nth=2)') as proxy:
        answered = []
        for _ in range(3):
            with connect(proxy) as client:
                client.send(b'hello')
                answered.append(not client.is_silent(0.05))
        assert answered == [True, False, True]
        (rule,) = proxy.status()['behaviors']
        assert (rule['seen'], rule['matched'], rule['hits']) == (3, 3, 1)


def test_another_backend_meanwhile(raw_backend: RawBackend, echo_server: RawBackend) -> None:
    with Proxy(raw_backend.address, behavior=f'slow_accept(delay={FOR_EVER})') as proxy, connect(proxy) as client:
        client.send(b'hello')
        proxy.set_backend(echo_server.address)
        assert client.is_silent(0.02)
        proxy.set_behavior('dummy')
        assert client.recv_exactly(5) == b'hello'


def test_a_driver_gives_up_reading(nginx: Server) -> None:
    with Proxy(nginx.address, 'http', behavior='slow_accept') as proxy, http_session(proxy.address.port) as session:
        with pytest.raises(requests.ReadTimeout):
            session.get('/', timeout=0.1)
        proxy.set_behavior('slow_accept', delay=0.01)
        assert session.get('/').content == INDEX
