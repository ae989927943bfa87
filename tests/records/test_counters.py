"""What a proxy counts: bytes as the peers see them, faults, and for how long they held what they hit."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from tests.behaviors.waiting import eventually
from tests.engine.talk import LANGUAGES, PATTERN, Language, connect, every_language, inside, join, make_proxy, only_link
from tests.engine.test_handler import converse
from tests.peers import Peer, RawBackend
from tests.servers import TIMEOUT, free_port
from vaurien.embedded import Proxy
from vaurien.engine.proxy import ProxyServer
from vaurien.plugins.registry import Registry
from vaurien.protocols.base import BaseProtocol
from vaurien.protocols.tcp import TCP
from vaurien.records.counters import Kind
from vaurien.records.counts import Arrived, Counts
from vaurien.rules.toxics import parse_toxics

#: All, with what makes them do something.
TOXICS: dict[str, dict[str, Any]] = {
    'bandwidth': {'rate': 1},
    'corrupt': {'probability': 0.5},
    'duplicate': {'probability': 0.5},
    'latency': {'latency': 10},
    'limit_data': {'bytes': 5},
    'noop': {},
    'packet_loss': {'loss_rate': 0.5},
    'reset_peer': {'timeout': 5},
    'slicer': {'average_size': 1},
    'slow_close': {'delay': 5},
    'timeout': {'timeout': 20},
}


class Backend:
    """Replies to each request; ``got`` is how many bytes it has received."""

    def __init__(self, language: Language) -> None:
        self.got = 0
        self._language = language
        self.raw = RawBackend().serve(self._reply)

    def _reply(self, peer: Peer) -> None:
        received = 0
        with suppress(OSError):
            while data := peer.recv():
                self.got += len(data)
                received += len(data)
                while received >= len(self._language.request):
                    received -= len(self._language.request)
                    peer.send(self._language.reply)


@pytest.fixture
def language() -> Language:
    return LANGUAGES['tcp']


@pytest.fixture
def backend(language: Language) -> Iterator[Backend]:
    backend = Backend(language)
    yield backend
    backend.raw.close()


def counts(proxy: Proxy) -> Counts:
    def both(server: ProxyServer) -> tuple[Counts, Arrived]:
        return server.counters.counts(), server.counters.count_arrived()

    total, arrived = inside(proxy, both)
    assert arrived == (total.exchanges, total.upstream_received, total.downstream_received)
    return total


def sent(proxy: Proxy) -> tuple[int, int]:
    """Upstream and downstream."""
    total = counts(proxy)
    return total.upstream_sent, total.downstream_sent


def meter(proxy: Proxy, kind: Kind, name: str) -> tuple[int, float, list[tuple[str, int]]]:
    """Hits, seconds in all, and the buckets."""

    def look(server: Any) -> tuple[int, float, list[tuple[str, int]]]:
        found = server.counters.histograms[kind, name]
        return found.hits, found.seconds, list(found.buckets())

    return inside(proxy, look)


def observations(proxy: Proxy, kind: Kind, name: str) -> int:
    return meter(proxy, kind, name)[2][-1][1]


def await_sent(proxy: Proxy, backend: Backend, client: Peer, got: int = 0) -> None:
    """Until all is over, and what is counted as sent is what has arrived: *got*, and what else the client gets."""
    eventually(lambda: counts(proxy).upstream_received)

    def look() -> bool:
        nonlocal got
        with suppress(OSError):
            while not client.is_silent(0.05) and (data := client.recv()):
                got += len(data)
        return sent(proxy) == (backend.got, got)

    eventually(look)


class TestBytes:
    """What was sent is what has arrived, whatever is done to it on the way."""

    @every_language
    @pytest.mark.parametrize(
        'behavior', ['abort', 'blackout', 'delay', 'dribble', 'dummy', 'error', 'hang', 'transient']
    )
    def test_behaviors(self, backend: Backend, language: Language, behavior: str) -> None:
        at_once = {'delay': {'sleep': 0}, 'dribble': {'rate': 1000}}
        with make_proxy(backend.raw, language.protocol, behavior, options=at_once) as proxy:
            client = connect(proxy)
            with suppress(OSError):  # the first may have ended the connection
                for _ in range(3):
                    client.send(language.request)
            await_sent(proxy, backend, client)
            before = sent(proxy)
            client.close()
            eventually(lambda: proxy.status()['links']['open'] == 0)
            assert sent(proxy) == before

    @pytest.mark.parametrize('stream', ['upstream', 'downstream'])
    @pytest.mark.parametrize('kind', TOXICS)
    def test_toxics(self, backend: Backend, kind: str, stream: str) -> None:
        with make_proxy(backend.raw, seed=1) as proxy, proxy.toxic(kind, stream=stream, **TOXICS[kind]):
            client = connect(proxy)
            with suppress(OSError):
                for _ in range(3):
                    client.send(b'ping')
            await_sent(proxy, backend, client)

    def test_behaviors_and_toxics(self, backend: Backend) -> None:
        with make_proxy(backend.raw, 'tcp', '50:error', seed=1) as proxy, proxy.toxic('duplicate', probability=0.5):
            client = connect(proxy)
            got = 0
            for _ in range(10):
                client.send(b'ping')
                got += len(client.recv())
            await_sent(proxy, backend, client, got)
            assert counts(proxy).upstream_received == 40 > backend.got

    def test_what_is_armed_and_disarmed_meanwhile(self, backend: Backend) -> None:
        with make_proxy(backend.raw) as proxy:
            client = connect(proxy)
            got = 0

            def exchange(reply: int) -> None:
                nonlocal got
                client.send(b'ping')
                got += len(client.recv_exactly(reply))
                eventually(lambda: sent(proxy) == (backend.got, got))

            for _ in range(2):
                exchange(4)
                with proxy.toxic('duplicate'):
                    exchange(8)
                    proxy.set_behavior('error')
                    exchange(2000)
                    proxy.set_behavior('dummy')
                    exchange(8)
                    proxy.set_behavior('delay', sleep=0)
                exchange(4)
                proxy.set_behavior('dummy')
                exchange(4)

    def test_what_a_protocol_changes(self, raw_backend: RawBackend) -> None:
        with Proxy(raw_backend.address, 'http', protocol_options={'overwrite_host_header': True}) as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(b'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
            request = backend.recv_until(b'\r\n\r\n')
            assert raw_backend.address.encode() in request
            assert counts(proxy)[1:3] == (27, len(request))
            client.send(b'GET / HTTP/1.1\r\nHo')
            assert backend.is_silent(0.05)
            assert counts(proxy)[1:3] == (27 + 18, len(request)), 'what it waits for is not sent'

    def test_what_a_protocol_moves_itself(
        self, protocols: Registry[BaseProtocol], backend: Backend, raw_backend: RawBackend
    ) -> None:
        protocols.register(type('Mine', (TCP,), {'name': 'mine', '_handle': converse}))
        with Proxy(raw_backend.address, 'mine') as proxy:
            client, peer = join(proxy, raw_backend)
            client.send(b'ping\n')
            assert peer.recv_exactly(5) == b'ping\n'
            assert sent(proxy) == (5, 0)
            peer.send(b'pong')
            assert client.is_silent(0.05)
            assert counts(proxy)[3:] == (4, 0)
            peer.send(b'\n')
            assert client.recv_exactly(5) == b'pong\n'
            assert sent(proxy) == (5, 5)

    def test_a_receiver_that_does_not_read(self, raw_backend: RawBackend) -> None:
        """Spliced, and not."""
        with make_proxy(raw_backend) as proxy:
            client, backend = join(proxy, raw_backend)
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 * 1024)
            data = PATTERN * 4
            backend.sock.setblocking(False)
            total, got = 0, 0
            while total < len(data):
                with suppress(BlockingIOError):
                    total += backend.sock.send(data[total:])
                _, _, _, received, passed = counts(proxy)
                assert got <= passed <= received <= total
                got += len(client.recv())
            got += len(client.recv_exactly(len(data) - got))
            assert counts(proxy)[3:] == (len(data), len(data))

    def test_a_link_that_goes_on_with_another_backend(self, raw_backend: RawBackend) -> None:
        language = LANGUAGES['http']
        with make_proxy(raw_backend, 'http') as proxy, proxy.toxic('noop'):
            client, backend = join(proxy, raw_backend)
            for exchanges in (1, 2, 3):
                client.send(language.request)
                assert backend.recv_exactly(len(language.request)) == language.request
                backend.send(language.reply)
                assert client.recv_exactly(len(language.reply)) == language.reply
                assert sent(proxy) == (exchanges * len(language.request), exchanges * len(language.reply))
                proxy.set_backend(raw_backend.address)
                backend = raw_backend.accept()
            assert proxy.status()['links'] == {'open': 1, 'total': 1}

    def test_a_receiver_that_is_gone(self, raw_backend: RawBackend) -> None:
        with make_proxy(raw_backend, 'redis') as proxy:
            client, backend = join(proxy, raw_backend)
            inside(proxy, lambda server: only_link(server).down.stop())
            backend.reset()
            client.send(LANGUAGES['redis'].request * 2)
            eventually(lambda: proxy.status()['links']['open'] == 0)
            assert sent(proxy)[0] < counts(proxy).upstream_received


class TestConnectFailures:
    @pytest.mark.parametrize('host', ['127.0.0.1', 'nowhere.invalid'])
    def test_they_are_counted(self, host: str) -> None:
        with make_proxy(f'{host}:{free_port()}') as proxy:
            for failures in (1, 2):
                with suppress(ConnectionError):
                    assert connect(proxy).recv() == b''
                eventually(lambda: inside(proxy, lambda server: server.counters.connect_failures) == failures)  # noqa: B023


class TestBehaviors:
    """How often they were applied, and how long they held the exchange."""

    @every_language
    @pytest.mark.parametrize('before', [True, False], ids=['request', 'reply'])
    def test_delay(self, raw_backend: RawBackend, language: Language, before: bool) -> None:
        """Of a reply, the time counts from when it comes."""
        options = {'delay': {'sleep': 0.06, 'before': before}}
        with make_proxy(raw_backend, language.protocol, 'delay', options=options) as proxy:
            client, backend = join(proxy, raw_backend)
            for _ in range(2):
                client.send(language.request)
                assert backend.recv_exactly(len(language.request)) == language.request
                assert client.is_silent(0.2)  # the backend takes its time
                backend.send(language.reply)
                assert client.recv_exactly(len(language.reply)) == language.reply
            eventually(lambda: observations(proxy, 'behavior', 'delay') == 2)
            hits, seconds, buckets = meter(proxy, 'behavior', 'delay')
            assert hits == 2
            assert 0.12 <= seconds < 0.12 + 2 * 0.2
            assert dict(buckets)['0.05'] == 0

    @pytest.mark.parametrize('protocol', ['http', 'redis'])
    def test_an_error_holds_nothing(self, backend: Backend, protocol: str) -> None:
        language = LANGUAGES[protocol]
        with make_proxy(backend.raw, protocol, 'error') as proxy:
            client = connect(proxy)
            client.send(language.request)
            assert client.recv()
            assert client.is_silent(0.2) or client.recv() == b''
            client.close()
            eventually(lambda: observations(proxy, 'behavior', 'error') == 1)
            assert meter(proxy, 'behavior', 'error')[1] < 0.2

    def test_hang_is_counted_when_it_ends(self, backend: Backend) -> None:
        with make_proxy(backend.raw, 'tcp', 'hang') as proxy:
            client = connect(proxy)
            client.send(b'ping')
            eventually(lambda: meter(proxy, 'behavior', 'hang')[0] == 1)
            assert client.is_silent(0.06)
            assert meter(proxy, 'behavior', 'hang')[:2] == (1, 0.0)
            proxy.set_behavior('dummy')
            eventually(lambda: observations(proxy, 'behavior', 'hang') == 1)
            assert meter(proxy, 'behavior', 'hang')[1] > 0.05

    def test_a_protocol_that_moves_the_bytes(self, protocols: Registry[BaseProtocol], raw_backend: RawBackend) -> None:
        protocols.register(type('Mine', (TCP,), {'name': 'mine', '_handle': converse}))
        with Proxy(raw_backend.address, 'mine', behavior='delay', options={'delay': {'sleep': 0.06}}) as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(b'ping\n')
            assert backend.recv_exactly(5) == b'ping\n'
            assert client.is_silent(0.2)
            backend.send(b'pong\n')
            assert client.recv_exactly(5) == b'pong\n'
            eventually(lambda: observations(proxy, 'behavior', 'delay') == 1)
            hits, seconds, _ = meter(proxy, 'behavior', 'delay')
            assert hits == 1
            assert 0.06 <= seconds < 0.06 + 0.2


class TestToxics:
    """What they held, changed or dropped; not what goes on as it came."""

    @pytest.mark.parametrize(
        ('spec', 'hits', 'held'),
        [
            ('latency(latency=30)', 3, 3),
            ('latency', 0, 0),
            ('noop', 0, 0),
            ('bandwidth(rate=1)', 3, 3),
            ('bandwidth(rate=-1)', 0, 0),
            ('slicer(average_size=1)', 3, 12),
            ('slow_close(delay=5)', 0, 0),
            ('limit_data(bytes=100)', 0, 0),
            ('limit_data(bytes=12)', 1, 0),
            ('packet_loss(loss_rate=1)', 3, 0),
            ('packet_loss', 0, 0),
            ('timeout(timeout=0)', 3, 0),
            ('corrupt(probability=1)', 3, 3),
            ('corrupt(probability=0)', 0, 0),
            ('duplicate', 3, 3),
            ('latency(latency=30,toxicity=0)', 0, 0),
        ],
    )
    def test_chunks(self, raw_backend: RawBackend, spec: str, hits: int, held: int) -> None:
        (entry,) = parse_toxics(f'{spec}@upstream')
        with make_proxy(raw_backend) as proxy:
            inside(proxy, lambda server: server.toxics.add(entry))
            client, backend = join(proxy, raw_backend)
            for number in (1, 2, 3):
                client.send(b'ping')
                eventually(lambda: counts(proxy).exchanges == number)  # noqa: B023
                if held:
                    backend.recv_exactly(4)
            eventually(lambda: meter(proxy, 'toxic', entry.name)[0] == hits)
            eventually(lambda: observations(proxy, 'toxic', entry.name) == held)

    def test_latency(self, raw_backend: RawBackend) -> None:
        with make_proxy(raw_backend) as proxy, proxy.toxic('latency', latency=60, name='far'):
            client, backend = join(proxy, raw_backend)
            for _ in range(3):
                backend.send(b'pong')
            assert client.recv_exactly(12)
            hits, seconds, buckets = meter(proxy, 'toxic', 'far')
            assert hits >= 1
            assert 0.06 * hits <= seconds < TIMEOUT
            assert dict(buckets)['0.05'] == 0
            assert buckets[-1][1] == hits

    def test_what_waits_when_it_is_removed(self, raw_backend: RawBackend) -> None:
        with make_proxy(raw_backend) as proxy:
            with proxy.toxic('latency', latency=60_000, name='far'):
                client, backend = join(proxy, raw_backend)
                backend.send(b'pong')
                assert client.is_silent(0.06)
                histogram = inside(proxy, lambda server: server.counters.find_toxic('far'))
            assert client.recv_exactly(4)
            assert histogram.hits == list(histogram.buckets())[-1][1] == 1
            assert 0.05 < histogram.seconds < TIMEOUT

    def test_an_end_that_is_held(self, raw_backend: RawBackend) -> None:
        with make_proxy(raw_backend) as proxy, proxy.toxic('slow_close', delay=30, stream='upstream', name='slow'):
            client, backend = join(proxy, raw_backend)
            client.shut_down()
            assert backend.recv() == b''
            assert meter(proxy, 'toxic', 'slow')[0] == observations(proxy, 'toxic', 'slow') == 1

    def test_a_link_that_is_cut(self, raw_backend: RawBackend) -> None:
        with make_proxy(raw_backend) as proxy, proxy.toxic('reset_peer', stream='upstream', name='cut'):
            client, _ = join(proxy, raw_backend)
            client.send(b'ping')
            with suppress(ConnectionError):
                client.recv()
            eventually(lambda: meter(proxy, 'toxic', 'cut')[0] == 1)

    def test_links_count_together(self, raw_backend: RawBackend) -> None:
        with make_proxy(raw_backend) as proxy, proxy.toxic('duplicate', name='twice'):
            for hits in (1, 2):
                client, backend = join(proxy, raw_backend)
                backend.send(b'pong')
                assert client.recv_exactly(8)
                assert meter(proxy, 'toxic', 'twice')[0] == hits

    def test_nothing_is_left_of_those_that_are_removed(self, raw_backend: RawBackend) -> None:
        with make_proxy(raw_backend) as proxy:
            join(proxy, raw_backend)
            for number in range(20):
                with proxy.toxic('duplicate', name=f'twice-{number}'):
                    client, backend = join(proxy, raw_backend)
                    backend.send(b'pong')
                    assert client.recv_exactly(8)
            assert inside(proxy, lambda server: dict(server.counters.histograms)) == {}

    def test_one_that_comes_again_begins_anew(self, raw_backend: RawBackend) -> None:
        with make_proxy(raw_backend) as proxy:
            client, backend = join(proxy, raw_backend)
            for _ in range(2):
                with proxy.toxic('duplicate', name='twice'):
                    backend.send(b'pong')
                    assert client.recv_exactly(8)
                    assert meter(proxy, 'toxic', 'twice')[0] == 1
