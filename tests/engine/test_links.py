"""Links without objects: until when they have none, and that nobody notices."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from tests.behaviors.waiting import eventually
from tests.engine.talk import MB, PATTERN, connect, inside, join, make_proxy, receive_exactly
from tests.peers import Peer, RawBackend
from vaurien.embedded import Proxy
from vaurien.engine.proxy import ProxyServer
from vaurien.engine.recording import Timed
from vaurien.plugins.end import End
from vaurien.protocols.http import HTTP
from vaurien.records.observer import ObservedLink, Observer
from vaurien.rules.toxics import make_toxic

pytestmark = pytest.mark.compiled


#: The options with which requests of HTTP go on as they come.
PLAIN_HOST = {'http': {'overwrite-host-header': False}}


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


def request(path: str, body: bytes = b'') -> bytes:
    return b'POST /%s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s' % (path.encode(), len(body), body)


REPLY = b'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone'
ERROR = b'HTTP/1.1 503 '


def post(client: Peer, backend: Peer, path: str = 'order') -> None:
    exchange(client, backend, request(path), REPLY)


def exchange(client: Peer, backend: Peer, data: bytes, reply: bytes) -> None:
    client.send(data)
    assert backend.recv_exactly(len(data)) == data
    backend.send(reply)
    assert client.recv_exactly(len(reply)) == reply


def ask_http(client: Peer, backend: Peer) -> bytes:
    """Make an exchange; return the request as the backend gets it."""
    client.send(request('order'))
    sent = backend.recv_until(b'\r\n\r\n')
    backend.send(REPLY)
    assert client.recv_exactly(len(REPLY)) == REPLY
    return sent


def is_refused(client: Peer, path: str = 'order') -> bool:
    client.send(request(path))
    return client.recv().startswith(ERROR)


def answer(peer: Peer) -> None:
    while data := peer.recv():
        peer.send(data.count(b'POST') * REPLY)


class TestFramed:
    """Where the messages of a protocol are found without an object."""

    @pytest.mark.parametrize(
        ('protocol', 'data', 'reply'),
        [
            ('http', request('order'), REPLY),
            ('redis', b'*2\r\n$3\r\nGET\r\n$1\r\nk\r\n', b'$1\r\nv\r\n'),
            ('memcache', b'get k\r\n', b'VALUE k 0 1\r\nv\r\nEND\r\n'),
        ],
    )
    def test_one_that_is_opened_and_closed_needs_none(
        self, raw_backend: RawBackend, protocol: str, data: bytes, reply: bytes
    ) -> None:
        with Proxy(raw_backend.address, protocol, protocol_options=PLAIN_HOST.get(protocol)) as proxy:
            client, backend = join(proxy, raw_backend)
            exchange(client, backend, data, reply)
            exchange(client, backend, data, reply)
            counts = (2, 2 * len(data), 2 * len(data), 2 * len(reply), 2 * len(reply))
            assert count(proxy) == counts
            assert inside(proxy, lambda server: server.counters.count_arrived()) == counts[:2] + counts[3:4]
            backend.shut_down()
            assert client.recv() == b''
            client.shut_down()
            assert backend.recv() == b''
            eventually(lambda: inside(proxy, lambda server: len(server.links)) == 0)
            assert list_made(proxy) == []
            assert count(proxy) == counts

    def test_a_reply_that_comes_with_the_end(self, raw_backend: RawBackend) -> None:
        with make_proxy(raw_backend, 'http') as proxy:
            for _ in range(20):
                client, backend = join(proxy, raw_backend)
                client.send(request('order'))
                backend.recv_exactly(len(request('order')))
                backend.send(REPLY)
                backend.close()
                assert client.recv_all() == REPLY
                client.close()
            eventually(lambda: inside(proxy, lambda server: len(server.links)) == 0)
            assert list_made(proxy) == []
            assert proxy.status()['exchanges'] == 20

    @pytest.mark.parametrize('is_looked_at', [False, True])
    def test_a_client_that_ends_before_its_reply(self, raw_backend: RawBackend, is_looked_at: bool) -> None:
        with make_proxy(raw_backend, 'http') as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(request('order'))
            backend.recv_exactly(len(request('order')))
            client.shut_down()
            assert backend.recv() == b''
            if is_looked_at:
                assert [link['exchanges'] for link in proxy.links()] == [1]
            backend.send(REPLY)
            backend.close()
            assert client.recv_all() == REPLY
            eventually(lambda: not proxy.links())

    @pytest.mark.parametrize('is_client', [True, False])
    def test_one_of_whose_streams_has_ended_between_exchanges(self, raw_backend: RawBackend, is_client: bool) -> None:
        with make_proxy(raw_backend, 'http') as proxy:
            client, backend = join(proxy, raw_backend)
            post(client, backend)
            ended, other = (client, backend) if is_client else (backend, client)
            ended.shut_down()
            assert other.recv() == b''
            assert [link['exchanges'] for link in proxy.links()] == [1]
            other.shut_down()
            assert ended.recv() == b''
            eventually(lambda: not proxy.links())

    @pytest.mark.parametrize('at', [0, 1, 20, 60, len(request('order', PATTERN[:1000])) - 1])
    def test_it_gets_one_in_the_middle_of_a_request(self, raw_backend: RawBackend, at: int) -> None:
        data = request('order', PATTERN[:1000])
        with make_proxy(raw_backend, 'http') as proxy:
            client, backend = join(proxy, raw_backend)
            post(client, backend)
            client.send(data[:at])
            eventually(lambda: inside(proxy, lambda server: server.counters.count_arrived())[1] >= at)
            assert len(proxy.links()) == 1
            proxy.set_behavior('error', code=503)
            client.send(data[at:])
            if at > data.index(b'\r\n\r\n') + 3:  # it has gone on before there was a rule
                assert backend.recv_exactly(len(data)) == data
                backend.send(REPLY)
                assert client.recv_exactly(len(REPLY)) == REPLY
            else:
                assert client.recv().startswith(ERROR)
            assert is_refused(client)

    @pytest.mark.parametrize('at', [1, 30, len(REPLY) - 1])
    def test_it_gets_one_in_the_middle_of_a_reply(self, raw_backend: RawBackend, at: int) -> None:
        with make_proxy(raw_backend, 'http') as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(request('order'))
            backend.recv_exactly(len(request('order')))
            backend.send(REPLY[:at])
            eventually(lambda: inside(proxy, lambda server: server.counters.count_arrived())[2] == at)
            proxy.set_behavior('error', code=503)
            client.send(request('order'))  # has to wait for the reply to the one before
            backend.send(REPLY[at:])
            assert client.recv_exactly(len(REPLY)) == REPLY
            assert client.recv().startswith(ERROR)
            assert proxy.status()['exchanges'] == 2

    def test_options_and_backend_of_a_link_are_those_it_began_with(self, raw_backend: RawBackend) -> None:
        def reload(server: ProxyServer) -> None:
            server.configure(replace(server.settings, protocol_options={'http': {'overwrite-host-header': False}}))

        sent = request('order').replace(b'Host: a\r', b'Host: %s\r' % raw_backend.address.encode())
        with Proxy(raw_backend.address, 'http') as proxy:
            first = join(proxy, raw_backend)
            assert ask_http(*first) == sent
            inside(proxy, reload)
            second = join(proxy, raw_backend)
            for _ in range(2):  # without objects, and with them
                assert ask_http(*first) == sent
                assert ask_http(*second) == request('order')
                upstream = count(proxy)[1:3]
                made = list_made(proxy)
                assert len(proxy.links()) == 2
                assert count(proxy)[1:3] == upstream
            assert made == [1, 2]
            assert upstream == (5 * len(request('order')), 3 * len(sent) + 2 * len(request('order')))
            for peer in (*first, *second):
                peer.close()
            eventually(lambda: not proxy.links())
            assert count(proxy)[1:3] == upstream

    def test_what_was_sent_is_counted_when_they_are_closed(self, raw_backend: RawBackend) -> None:
        with Proxy(raw_backend.address, 'http') as proxy:
            client, backend = join(proxy, raw_backend)
            sent = ask_http(client, backend)
            client.close()
            assert backend.recv() == b''
            backend.close()
            eventually(lambda: inside(proxy, lambda server: len(server.links)) == 0)
            assert list_made(proxy) == []
            assert count(proxy)[1:3] == (len(request('order')), len(sent))

    @pytest.mark.parametrize('is_waiting', [False, True])
    def test_another_backend(self, raw_backend: RawBackend, is_waiting: bool) -> None:
        other = RawBackend()
        with Proxy(raw_backend.address, 'http') as proxy:
            client, backend = join(proxy, raw_backend)
            ask_http(client, backend)
            if is_waiting:
                client.send(request('order'))
                assert backend.recv().startswith(b'POST /order ')
            proxy.set_backend(other.address)
            if is_waiting:
                backend.send(REPLY)
                assert client.recv_exactly(len(REPLY)) == REPLY
            assert backend.recv() == b''
            assert b'Host: %s\r' % other.address.encode() in ask_http(client, other.accept())
        other.close()

    @pytest.mark.parametrize('depth', [1, 5])
    def test_a_seed_has_the_same_faults_with_objects(self, depth: int) -> None:
        """Whether requests come one by one or several at once."""
        backend = RawBackend().serve(answer)

        def list_statuses(**settings: int) -> tuple[list[int], list[list[bytes]]]:
            with make_proxy(backend, 'http', '10:error(code=503)', seed=3, **settings) as proxy:
                clients = [connect(proxy) for _ in range(20)]
                eventually(lambda: inside(proxy, lambda server: server.links_total) == 20)
                made = list_made(proxy)
                return made, [talk(client, depth) for client in clients]

        def talk(client: Peer, depth: int) -> list[bytes]:
            statuses: list[bytes] = []
            for _ in range(4):
                client.send(depth * request('order'))
                received = b''
                while len(found := re.findall(rb'HTTP/1.1 (\d+)', received)) < depth:
                    received += client.recv()
                statuses += found
            return statuses

        made, statuses = list_statuses()
        assert made == []
        assert statuses.count([b'200'] * 4 * depth) < 20
        assert list_statuses(max_links=100) == (list(range(1, 21)), statuses)
        backend.close()

    def test_what_no_pattern_matches_is_learnt_once(self, raw_backend: RawBackend) -> None:
        with make_proxy(raw_backend, 'http', "error(match='POST /refund', code=503)") as proxy:
            for number in (1, 2, 3):
                client, backend = join(proxy, raw_backend)
                post(client, backend)
                assert list_made(proxy) == [1]
                if number > 1:
                    continue
                post(client, backend, 'other')
            assert is_refused(client, 'refund')
            assert list_made(proxy) == [1, 3]
            assert [(rule['seen'], rule['hits']) for rule in proxy.status()['behaviors']] == [(5, 1)]

    def test_what_opaque_links_let_pass_others_do_not(self, raw_backend: RawBackend) -> None:
        """The same bytes are no request there."""
        with make_proxy(raw_backend, 'http', "error(match='POST /refund', code=503)") as proxy:
            client, backend = join(proxy, raw_backend)
            exchange(client, backend, b'\x16\x03\x01hello', b'hello')
            exchange(client, backend, request('refund'), REPLY)
            client, _ = join(proxy, raw_backend)
            assert is_refused(client, 'refund')

    def test_rules_that_are_armed_are_counted_from_then_on(self, raw_backend: RawBackend) -> None:
        with make_proxy(raw_backend, 'http') as proxy:
            for number in range(4):
                client, backend = join(proxy, raw_backend)
                post(client, backend)
                if number == 1:
                    proxy.set_behavior("error(match='POST /refund', code=503)")
            assert is_refused(client, 'refund')
            assert [(rule['seen'], rule['hits']) for rule in proxy.status()['behaviors']] == [(3, 1)]

    def test_somebody_wants_to_know(self, raw_backend: RawBackend) -> None:
        with make_proxy(raw_backend, 'http') as proxy:
            client, backend = join(proxy, raw_backend)
            post(client, backend)
            told: list[Timed] = []
            inside(proxy, lambda server: server.recording.open(lambda: None, told.append))
            post(client, backend)
            eventually(lambda: [timed.entry.request for timed in told] == ['POST /order'])
            inside(proxy, lambda server: server.recording.close())
            post(client, backend)
            assert (len(told), proxy.status()['exchanges']) == (1, 3)

    def test_requests_that_get_no_reply(self, raw_backend: RawBackend) -> None:
        """A fault that comes behind them does not wait for any."""
        quiet = 6 * b'set k 0 0 1 noreply\r\nv\r\n'
        with Proxy(raw_backend.address, 'memcache') as proxy:
            client, backend = join(proxy, raw_backend)
            for _ in range(2):
                client.send(quiet)
                assert backend.recv_exactly(len(quiet)) == quiet
                exchange(client, backend, b'get k\r\n', b'END\r\n')
            with proxy.with_behavior('error'):
                client.send(b'get k\r\n')
                assert client.recv().startswith(b'SERVER_ERROR ')
            exchange(client, backend, quiet + b'get k\r\n', b'END\r\n')
            assert proxy.status()['exchanges'] == 2 * 7 + 1 + 7

    def test_a_client_that_does_not_read(self, raw_backend: RawBackend) -> None:
        size = 16 * MB
        with make_proxy(raw_backend, 'http') as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(request('order'))
            backend.recv_exactly(len(request('order')))
            sending = threading.Thread(target=backend.send, args=[REPLY[:-9] + b'%d\r\n\r\n' % size + bytes(size)])
            sending.start()
            eventually(lambda: list_made(proxy) == [1])
            head = client.recv_until(b'\r\n\r\n')
            assert b'Content-Length: %d\r' % size in head
            assert sum(map(len, receive_exactly(client, size))) == size
            sending.join()
            post(client, backend)

    def test_a_reset_while_a_reply_is_awaited(self, raw_backend: RawBackend) -> None:
        with make_proxy(raw_backend, 'http') as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(request('order'))
            backend.recv_exactly(len(request('order')))
            backend.reset()
            with pytest.raises(ConnectionResetError):
                client.recv()
            eventually(lambda: not proxy.links())
            assert count(proxy)[0] == 1

    def test_the_end_of_a_proxy(self, raw_backend: RawBackend) -> None:
        with make_proxy(raw_backend, 'http') as proxy:
            client, backend = join(proxy, raw_backend)
            post(client, backend)
            server: ProxyServer = inside(proxy, lambda server: server)
        assert (client.recv(), backend.recv()) == (b'', b'')
        assert server.counters.counts().exchanges == 1

    def test_bytes_that_are_no_http(self, raw_backend: RawBackend, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level('INFO')
        with make_proxy(raw_backend, 'http') as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(b'\x16\x03\x01hello')
            assert backend.recv_exactly(8) == b'\x16\x03\x01hello'
            assert 'link 1: opaque from here: TLS' in caplog.text
            client, backend = join(proxy, raw_backend)
            post(client, backend)
            client.send(b'\x16\x03\x01hello')
            assert backend.recv_exactly(8) == b'\x16\x03\x01hello'
            eventually(lambda: 'link 2: not http, opaque from here' in caplog.text)


class OwnWay(HTTP):
    def _handle(self, source: End, dest: End, to_backend: bool) -> bool | None:
        dest.sendall(source.recv())
        return True


class NeverMade(HTTP):
    def set_backend(self, backend: str) -> None:
        raise ValueError('not today')


def test_a_protocol_that_moves_the_bytes_itself(raw_backend: RawBackend) -> None:
    with make_proxy(raw_backend, 'http') as proxy:
        inside(proxy, lambda server: setattr(server, 'protocol', OwnWay))
        client, backend = join(proxy, raw_backend)
        exchange(client, backend, b'in my own words', b'in yours')
        assert list_made(proxy) == [1]


def test_a_protocol_that_cannot_be_made(raw_backend: RawBackend, caplog: pytest.LogCaptureFixture) -> None:
    """Each link tells of it, and others are accepted."""
    with make_proxy(raw_backend, 'http') as proxy:
        inside(proxy, lambda server: setattr(server, 'protocol', NeverMade))
        for _ in range(2):
            with pytest.raises(ConnectionResetError):
                connect(proxy).recv()
        assert 'not today' in caplog.text


FRAMED: list[tuple[str, dict[str, Any]]] = [
    ('http', {'behavior': 'error(nth=1000)'}),
    ('http', {'behavior': 'error(client_name=nobody)'}),
    ('http', {'behavior': '0.001:error(client=127.0.0.1)'}),
    ('http', {'behavior': "error(match='/a.*/')"}),
    ('http', {'addressed': True}),
    ('mysql', {}),
    ('postgres', {}),
    ('smtp', {}),
]


@pytest.mark.parametrize(('protocol', 'settings'), FRAMED)
def test_whose_requests_are_to_be_known_has_an_object(
    raw_backend: RawBackend, protocol: str, settings: dict[str, Any]
) -> None:
    with Proxy(raw_backend.address, protocol, **settings) as proxy:
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
