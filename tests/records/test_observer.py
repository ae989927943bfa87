"""Who is told of what, and in which order things happen on a link."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
import pytest
import redis
from gevent import socket as green

from tests.behaviors.waiting import eventually
from tests.loop import in_loop
from tests.peers import RawBackend
from tests.servers import HOST, TIMEOUT, Server
from vaurien.address import Address
from vaurien.embedded import Proxy
from vaurien.engine.proxy import ProxyServer
from vaurien.records.faults import Fault
from vaurien.records.observer import Guarded, ObservedLink, Observer, Observers
from vaurien.records.proxy_log import NO_PROXY
from vaurien.rules.behaviors import make_rules
from vaurien.settings import ProxySettings

EVENTS = ('on_link', 'on_request', 'on_fault', 'on_fault_over', 'on_exchange', 'on_closed')

REQUESTS = {'tcp': b'ping', 'redis': b'*1\r\n$4\r\nPING\r\n'}


class Witness(Observer):
    """Notes everything."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []

    def on_link(self, link: ObservedLink) -> None:
        self.seen.append(('link', link.number, link.client_address, link.counts().exchanges))

    def on_request(self, link: ObservedLink, exchange: int, describe: Callable[[], str]) -> None:
        self.seen.append(('request', link.number, exchange, describe()))

    def on_fault(self, fault: Fault) -> None:
        self.seen.append(('fault', fault.link, fault.exchange, fault.behavior, fault.request))

    def on_fault_over(self, behavior: str, seconds: float) -> None:
        self.seen.append(('over', behavior) if seconds >= 0 else ('over', behavior, seconds))

    def on_closed(self, link: ObservedLink) -> None:
        self.seen.append(('closed', link.number, link.client_address, link.counts().exchanges))


class TestObservers:
    @pytest.mark.parametrize('event', EVENTS)
    def test_only_what_is_overridden_is_called(self, event: str) -> None:
        def note(self: Observer, *args: object) -> None: ...

        one, nobody = type('One', (Observer,), {event: note})(), Observer()
        observers = Observers([nobody, one, nobody, one])
        for name in EVENTS:
            assert getattr(observers, name) == ([Guarded(one, event, NO_PROXY)] * 2 if name == event else [])
        observers.remove(one)
        observers.remove(one)
        assert not any(getattr(observers, name) for name in EVENTS)

    def test_each_is_called_in_its_turn(self) -> None:
        first, second = Witness(), Witness()
        for on_fault_over in Observers([first, second]).on_fault_over:
            on_fault_over('delay', 1.0)
        assert first.seen == second.seen == [('over', 'delay')]

    def test_an_observer_that_wants_nothing_may_be_told_all(self) -> None:
        for event in EVENTS:
            assert getattr(Observer(), event)(*[None] * {'on_request': 3, 'on_fault_over': 2}.get(event, 1)) is None


@pytest.mark.parametrize('event', [*EVENTS, 'on_change'])
def test_an_observer_that_raises_harms_nobody(
    event: str, redis_server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(self: Observer, *args: object) -> None:
        raise ValueError('boom')

    failing, witness = type('Failing', (Observer,), {event: fail})(), Witness()
    with Proxy(redis_server.address, 'redis', observer=failing) as proxy:
        with proxy.with_behavior('delay', sleep=0), redis.Redis(proxy.host, proxy.port, protocol=2) as client:
            assert client.ping()
        assert proxy.faults()
        proxy._thread.call(lambda server: server.observers.add(witness))
        with redis.Redis(proxy.host, proxy.port, protocol=2) as client:
            assert client.ping()
        eventually(lambda: ('closed', 2) in [told[:2] for told in witness.seen])
        assert proxy.links() == []
    assert {record.getMessage().partition('.')[2] for record in caplog.records if 'boom' in record.getMessage()} == {
        '<locals>.fail failed: ValueError: boom'
    }


@pytest.mark.parametrize('observer', [object(), Observer])
def test_what_is_no_observer(observer: Any) -> None:
    with pytest.raises(TypeError, match=r'^observer: expected an instance of a subclass of Observer, got '):
        Proxy('localhost:6379', observer=observer)


def watch(backend: RawBackend | Server, protocol: str, spec: str, talk: Callable[[Any], object]) -> list[Any]:
    """What is seen of one link of a proxy while its client talks and leaves, and of the proxy's end.

    The address of the client is replaced by whether it is the right one, or None.
    """
    witness = Witness()

    def serve() -> None:
        settings = ProxySettings(
            proxy=Address(HOST, 0),
            backend=Address(HOST, backend.port),
            protocol=protocol,
            behaviors=make_rules(spec),
        )
        proxy = ProxyServer(settings, witness)
        proxy.start()
        try:
            with green.create_connection(tuple(proxy.address), TIMEOUT) as client:
                address = Address(*client.getsockname())
                talk(client)
            while proxy.links:
                gevent.sleep(0.001)
        finally:
            proxy.shut_down()
        witness.seen = [tuple(one == address if isinstance(one, Address) else one for one in e) for e in witness.seen]

    in_loop(serve)
    return witness.seen


class TestOrder:
    """On one link, as it is seen from outside the engine."""

    @pytest.mark.parametrize('protocol', ['tcp', 'redis'])
    def test_a_fault_that_closes_the_link_at_once(self, raw_backend: RawBackend, protocol: str) -> None:
        """It is told of before the link is closed, and over after that."""

        def talk(client: Any) -> None:
            client.sendall(REQUESTS[protocol])
            assert client.recv(100) == b''

        text = '4 bytes' if protocol == 'tcp' else 'PING'
        assert watch(raw_backend, protocol, 'blackout', talk) == [
            ('link', 1, True, 0),
            ('request', 1, 1, text),
            ('fault', 1, 1, 'blackout', text),
            ('closed', 1, None, 1),
            ('over', 'blackout'),
        ]

    def test_every_request_is_shown_though_nothing_is_armed(self, echo_server: RawBackend) -> None:
        """Of opaque bytes, each chunk is one."""

        def talk(client: Any) -> None:
            for size in (4, 5, 6):
                client.sendall(bytes(size))
                assert len(client.recv(100)) == size

        assert watch(echo_server, 'tcp', 'dummy', talk) == [
            ('link', 1, True, 0),
            *[('request', 1, number, f'{3 + number} bytes') for number in (1, 2, 3)],
            ('closed', 1, None, 3),
        ]

    def test_a_pipeline_with_a_fault_in_it(self, redis_server: Server) -> None:
        """Requests behind the one that is late are shown when they go on."""

        def talk(client: Any) -> None:
            client.sendall(REQUESTS['redis'] * 3)
            got = b''
            while len(got) < 21:
                got += client.recv(100)

        assert watch(redis_server, 'redis', 'delay(sleep=0,nth=2)', talk) == [
            ('link', 1, True, 0),
            ('request', 1, 1, 'PING'),
            ('request', 1, 2, 'PING'),
            ('fault', 1, 2, 'delay', 'PING'),
            ('over', 'delay'),
            ('request', 1, 3, 'PING'),
            ('closed', 1, None, 3),
        ]

    def test_a_backend_that_refuses(self) -> None:
        backend = RawBackend()
        backend.close()

        def talk(client: Any) -> None:
            with pytest.raises(ConnectionResetError):
                client.recv(100)

        assert watch(backend, 'tcp', 'dummy', talk) == [('link', 1, True, 0), ('closed', 1, None, 0)]
