"""Toxics on the streams of live links, over real sockets: what arrives, in which order, and not before when."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import cycle, repeat
from struct import Struct
from time import monotonic
from typing import Any

import gevent
import pytest

from tests.behaviors.clients import http_session, redis_client
from tests.behaviors.waiting import eventually
from tests.descriptors import descriptors
from tests.engine.talk import LANGUAGES, PATTERN, Language, connect, inside, join, make_proxy, only_link
from tests.engine.test_splice import Transfer
from tests.engine.test_stream import Flow
from tests.peers import Peer, RawBackend
from tests.samples.minitel import MinitelProtocol
from tests.servers import HOST, LARGE, TIMEOUT, Server
from vaurien.behaviors.dummy import Dummy
from vaurien.clock import Alarm, Clock
from vaurien.embedded import Proxy
from vaurien.engine.chain import STEPS, Chain
from vaurien.engine.proxy import ProxyServer
from vaurien.engine.stream import TOXIC_CHUNK, Stream
from vaurien.plugins.registry import Registry
from vaurien.protocols.base import BaseProtocol
from vaurien.rules.toxics import ToxicRule, make_toxic
from vaurien.toxics import Toxic
from vaurien.toxics.base import BaseToxic, Ending, Item
from vaurien.toxics.latency import Latency

#: As long as it takes: what only ends because something ends it, in milliseconds.
FOR_EVER = int(100 * TIMEOUT * 1000)
#: Seconds of silence that tell that nothing comes.
A_MOMENT = 0.05
BOTH = ['upstream', 'downstream']
NUMBER = Struct('>I')
#: More pieces of `PATTERN` than all buffers between two peers ever take.
MANY = 200

both_streams = pytest.mark.parametrize('stream', BOTH)


def add(proxy: Proxy, kind: str, stream: str = 'downstream', **given: Any) -> ToxicRule:
    """Put a toxic on a stream; *given* are its attributes, and a name and a toxicity where there are any."""
    entry = entry_of(kind, stream, **given)
    inside(proxy, lambda server: server.toxics.add(entry))
    return entry


def update(proxy: Proxy, kind: str, stream: str = 'downstream', **given: Any) -> None:
    """Change one."""
    entry = entry_of(kind, stream, **given)
    inside(proxy, lambda server: server.toxics.update(entry))


def remove(proxy: Proxy, entry: ToxicRule) -> None:
    """Take one away."""
    inside(proxy, lambda server: server.toxics.remove(entry.name))


def entry_of(kind: str, stream: str, name: str = '', toxicity: float = 1.0, **attributes: Any) -> ToxicRule:
    return make_toxic(kind, attributes, name=name, stream=stream, toxicity=toxicity)


def in_order(client: Peer, backend: Peer, stream: str) -> tuple[Peer, Peer]:
    """Who sends on that stream, and who receives."""
    return (client, backend) if stream == 'upstream' else (backend, client)


def stream_of(server: ProxyServer, name: str) -> Stream:
    """Of the only link."""
    link = only_link(server)
    return link.up if name == 'upstream' else link.down


def is_held(proxy: Proxy, stream: str = 'downstream') -> bool:
    """Whether anything waits in the toxics of the only link."""

    def look(server: ProxyServer) -> bool:
        chain = stream_of(server, stream).chain
        return chain is not None and not chain.is_empty

    return inside(proxy, look)


@contextmanager
def lasting(seconds: float) -> Iterator[None]:
    """What is in the block takes so long, or longer."""
    begin = monotonic()
    yield
    assert monotonic() - begin >= seconds


def check_plain(client: Peer, backend: Peer) -> None:
    """Both ways."""
    for sender, receiver in ((client, backend), (backend, client)):
        sender.send(b'ping')
        assert receiver.recv_exactly(4) == b'ping'


@pytest.fixture
def proxy(raw_backend: RawBackend) -> Iterator[Proxy]:
    with make_proxy(raw_backend, seed=1) as proxy:
        yield proxy


@pytest.fixture
def toxics(monkeypatch: pytest.MonkeyPatch) -> Registry[BaseToxic]:
    """The registry; what a test registers is forgotten after it."""
    monkeypatch.setattr(Toxic, '_registered', dict(Toxic._registered))
    return Toxic


class TestStacks:
    @both_streams
    def test_delays_add_up(self, proxy: Proxy, raw_backend: RawBackend, stream: str) -> None:
        sender, receiver = in_order(*join(proxy, raw_backend), stream)
        add(proxy, 'latency', stream, latency=60)
        add(proxy, 'latency', stream, latency=40, name='more')
        with lasting(0.1):
            sender.send(b'ping')
            assert receiver.recv_exactly(4) == b'ping'

    def test_the_two_streams_have_nothing_to_do_with_each_other(self, proxy: Proxy, raw_backend: RawBackend) -> None:
        add(proxy, 'latency', 'upstream', latency=100)
        add(proxy, 'timeout', 'downstream')
        client, backend = join(proxy, raw_backend)
        with lasting(0.1):
            client.send(b'ping')
            assert backend.recv_exactly(4) == b'ping'
        backend.send(b'pong')
        assert client.is_silent(A_MOMENT)

    @pytest.mark.parametrize(
        ('kinds', 'arrives'), [(['limit_data', 'duplicate'], b'abcdabcd'), (['duplicate', 'limit_data'], b'abcd')]
    )
    def test_they_work_in_order_of_their_creation(
        self, proxy: Proxy, raw_backend: RawBackend, kinds: list[str], arrives: bytes
    ) -> None:
        attributes_of: dict[str, dict[str, Any]] = {'limit_data': {'bytes': 4}, 'duplicate': {}}
        for kind in kinds:
            add(proxy, kind, **attributes_of[kind])
        client, backend = join(proxy, raw_backend)
        backend.send(b'abcdef')
        assert client.recv_all() == arrives

    def test_the_same_order_on_links_that_are_open(self, proxy: Proxy, raw_backend: RawBackend) -> None:
        client, backend = join(proxy, raw_backend)
        add(proxy, 'duplicate')
        add(proxy, 'limit_data', bytes=4)
        backend.send(b'abcdef')
        assert client.recv_all() == b'abcd'

    def test_an_end_that_a_toxic_makes_is_one_for_those_behind_it(self, proxy: Proxy, raw_backend: RawBackend) -> None:
        add(proxy, 'limit_data', bytes=4)
        add(proxy, 'slow_close', delay=100)
        client, backend = join(proxy, raw_backend)
        with lasting(0.1):
            backend.send(b'abcdef')
            assert client.recv_all() == b'abcd'


class TestEnds:
    """Half-close survives, unless it is what a toxic is there for."""

    @pytest.mark.parametrize(
        ('kind', 'attributes'),
        [
            ('bandwidth', {'rate': 10_000}),
            ('corrupt', {'probability': 0}),
            ('duplicate', {'probability': 0}),
            ('latency', {'latency': 10, 'jitter': 10}),
            ('limit_data', {'bytes': 10 * len(PATTERN)}),
            ('noop', {}),
            ('packet_loss', {}),
            ('slicer', {'average_size': 5000, 'size_variation': 1000, 'delay': 10}),
            ('slow_close', {'delay': 20}),
            ('timeout', {'timeout': FOR_EVER, 'toxicity': 0}),
            ('reset_peer', {'toxicity': 0}),
        ],
    )
    def test_a_client_that_sends_no_more_gets_the_whole_reply(
        self, proxy: Proxy, raw_backend: RawBackend, kind: str, attributes: dict[str, Any]
    ) -> None:
        for stream in BOTH:
            add(proxy, kind, stream, **attributes)
        client, backend = join(proxy, raw_backend)
        client.send(b'request')
        client.shut_down()
        assert backend.recv_all() == b'request'
        flow = Flow(backend, iter([PATTERN]))
        assert client.recv_exactly(len(PATTERN)) == PATTERN
        flow.join()
        assert client.is_silent(A_MOMENT)
        backend.close()
        assert client.recv_all() == b''
        eventually(lambda: proxy.status()['links']['open'] == 0)

    def test_only_the_end_of_its_own_stream_is_slow(self, proxy: Proxy, raw_backend: RawBackend) -> None:
        add(proxy, 'slow_close', delay=FOR_EVER)
        client, backend = join(proxy, raw_backend)
        client.shut_down()
        assert backend.recv_all() == b''
        backend.close()
        assert client.is_silent(A_MOMENT)
        inside(proxy, lambda server: server.toxics.clear())
        assert client.recv_all() == b''

    def test_an_end_right_behind_data_that_are_late(self, proxy: Proxy, raw_backend: RawBackend) -> None:
        add(proxy, 'latency', latency=50)
        client, backend = join(proxy, raw_backend)
        with lasting(0.05):
            backend.send(b'last words')
            backend.close()
            assert client.recv_all() == b'last words'

    @both_streams
    def test_a_reset_comes_behind_the_data(self, proxy: Proxy, raw_backend: RawBackend, stream: str) -> None:
        add(proxy, 'latency', stream, latency=50)
        sender, receiver = in_order(*join(proxy, raw_backend), stream)
        with lasting(0.05):
            sender.send(b'last words')
            eventually(lambda: is_held(proxy, stream))
            sender.reset()
            assert receiver.recv_exactly(10) == b'last words'
            with pytest.raises(ConnectionResetError):
                receiver.recv()
        eventually(lambda: proxy.status()['links']['open'] == 0)

    @both_streams
    def test_a_reset_with_nothing_before_it_comes_at_once(
        self, proxy: Proxy, raw_backend: RawBackend, stream: str
    ) -> None:
        add(proxy, 'latency', stream, latency=FOR_EVER)
        add(proxy, 'slow_close', stream, delay=FOR_EVER)
        sender, receiver = in_order(*join(proxy, raw_backend), stream)
        sender.reset()
        with pytest.raises(ConnectionResetError):
            receiver.recv()

    def test_a_reset_behind_an_end_that_is_late(self, proxy: Proxy, raw_backend: RawBackend) -> None:
        add(proxy, 'slow_close', delay=100)
        client, backend = join(proxy, raw_backend)

        def is_refused() -> bool:
            try:
                client.send(b'is anybody there?')
            except ConnectionError:
                return True
            return False

        with lasting(0.1):
            backend.close()
            eventually(lambda: is_held(proxy))
            eventually(is_refused)
        eventually(lambda: proxy.status()['links']['open'] == 0)


class TestBackPressure:
    """Of whoever does not read, through toxics: the other has to wait, the API has not."""

    STACK: tuple[tuple[str, dict[str, Any]], ...] = (
        ('latency', {'latency': 1}),
        ('bandwidth', {'rate': 1_000_000}),
        ('slicer', {'average_size': 8192, 'size_variation': 100}),
        ('noop', {}),
    )

    @staticmethod
    def count_bytes(server: ProxyServer, stream: str) -> int:
        one = stream_of(server, stream)
        assert one.chain is not None
        waiting = [item for stage in one.chain.stages for _, item in stage.queue if isinstance(item, bytes)]
        return len(one.unsent or b'') + sum(map(len, waiting))

    @both_streams
    def test_little_is_held(self, proxy: Proxy, raw_backend: RawBackend, stream: str) -> None:
        for kind, attributes in self.STACK:
            add(proxy, kind, stream, **attributes)
        sender, receiver = in_order(*join(proxy, raw_backend), stream)
        Flow(sender, repeat(PATTERN, MANY)).wait_until_stuck()
        most = (Latency.capacity + 40) * TOXIC_CHUNK
        assert inside(proxy, lambda server: self.count_bytes(server, stream)) < most
        for _ in range(MANY // 4):
            assert receiver.recv_exactly(len(PATTERN)) == PATTERN
            assert inside(proxy, lambda server: self.count_bytes(server, stream)) < most

    @both_streams
    def test_changes_do_not_wait_for_it(self, proxy: Proxy, raw_backend: RawBackend, stream: str) -> None:
        sender, receiver = in_order(*join(proxy, raw_backend), stream)
        add(proxy, 'noop', stream)
        Flow(sender, repeat(PATTERN, MANY)).wait_until_stuck()
        for _ in range(3):
            entries = [add(proxy, kind, stream, name=f'my {kind}', **attributes) for kind, attributes in self.STACK]
            for kind, attributes in self.STACK:
                update(proxy, kind, stream, name=f'my {kind}', toxicity=0.5, **attributes)
            for entry in entries:
                remove(proxy, entry)
        other = connect(proxy)
        check_plain(other, raw_backend.accept())
        for _ in range(MANY // 2):
            assert receiver.recv_exactly(len(PATTERN)) == PATTERN

    def test_nor_for_a_reset_that_is_due_some_time(self, proxy: Proxy, raw_backend: RawBackend) -> None:
        entry = add(proxy, 'reset_peer', timeout=FOR_EVER)
        client, backend = join(proxy, raw_backend)
        backend.send(b'gone')
        eventually(lambda: is_held(proxy))
        remove(proxy, entry)
        with pytest.raises(ConnectionResetError):
            client.recv()

    def test_a_rate_of_nothing_holds_the_sender_back_until_it_goes(self, proxy: Proxy, raw_backend: RawBackend) -> None:
        entry = add(proxy, 'bandwidth', rate=0)
        client, backend = join(proxy, raw_backend)
        Flow(backend, repeat(PATTERN, MANY)).wait_until_stuck()
        assert client.is_silent(A_MOMENT)
        remove(proxy, entry)
        for _ in range(MANY // 4):
            assert client.recv_exactly(len(PATTERN)) == PATTERN


class TestChanges:
    """Added, changed and removed while numbers are counted through: none is lost, repeated or out of order."""

    LOSSLESS: tuple[tuple[str, list[dict[str, Any]]], ...] = (
        ('noop', [{}]),
        ('latency', [{'latency': 2}, {'latency': 5, 'jitter': 5}, {'latency': 0}]),
        ('bandwidth', [{'rate': 20_000}, {'rate': 2000}, {'rate': -1}]),
        ('slicer', [{'average_size': 1000, 'size_variation': 300}, {'average_size': 300, 'delay': 10}, {}]),
        ('slow_close', [{'delay': 1}, {'delay': 2}]),
    )
    ROUNDS = 20
    #: At least so many.
    NUMBERS = 50_000

    def change(self, proxy: Proxy, done: threading.Event) -> None:
        toxicities = cycle([1.0, 1.0, 0.5, 0.0])
        try:
            for _ in range(self.ROUNDS):
                entries = []
                for kind, variants in self.LOSSLESS:
                    for stream in BOTH:
                        entries.append(add(proxy, kind, stream, **variants[0]))
                        for variant in variants[1:]:
                            update(proxy, kind, stream, toxicity=next(toxicities), **variant)
                for entry in entries[::2] + entries[1::2]:
                    remove(proxy, entry)
        finally:
            done.set()

    def count(self, client: Peer, done: threading.Event) -> None:
        sent = 0
        while sent < self.NUMBERS or not done.is_set():
            client.send(b''.join(NUMBER.pack(sent + i) for i in range(500)))
            sent += 500
        client.shut_down()

    def test_numbers(self, echo_server: RawBackend) -> None:
        with make_proxy(echo_server) as proxy:
            client, done = connect(proxy), threading.Event()
            threads = [
                threading.Thread(target=self.change, args=(proxy, done), daemon=True),
                threading.Thread(target=self.count, args=(client, done), daemon=True),
            ]
            for thread in threads:
                thread.start()
            data = client.recv_all()
            numbers = [number for (number,) in NUMBER.iter_unpack(data)]
            assert len(numbers) >= self.NUMBERS
            assert numbers == list(range(len(numbers)))
            for thread in threads:
                thread.join()

    def test_what_is_held_goes_on_when_a_toxic_is_removed(self, proxy: Proxy, raw_backend: RawBackend) -> None:
        client, backend = join(proxy, raw_backend)
        held: dict[str, dict[str, Any]] = {
            'latency': {'latency': FOR_EVER},
            'slicer': {'average_size': 1, 'delay': 10**12},
        }
        for kind, attributes in held.items():
            entry = add(proxy, kind, **attributes)
            backend.send(b'held')
            eventually(lambda: is_held(proxy))
            remove(proxy, entry)
            assert client.recv_exactly(4) == b'held'
        check_plain(client, backend)

    def test_what_is_held_goes_on_when_another_comes_behind(self, proxy: Proxy, raw_backend: RawBackend) -> None:
        add(proxy, 'latency', latency=FOR_EVER)
        client, backend = join(proxy, raw_backend)
        backend.send(b'held')
        eventually(lambda: is_held(proxy))
        add(proxy, 'noop')
        assert client.recv_exactly(4) == b'held'

    def test_in_the_middle_of_a_long_transfer(self, raw_backend: RawBackend) -> None:
        """Bytes in the pipe keep their place; without toxics, long transfers are the kernel's again."""
        with make_proxy(raw_backend) as proxy:
            transfer = Transfer(proxy, raw_backend, 'downstream')
            got = transfer.begin()
            eventually(transfer.is_stuck)
            entries = [add(proxy, 'latency', latency=5), add(proxy, 'slicer', 'upstream', average_size=2)]
            transfer.finish(got)
            assert not transfer.is_spliced()
            transfer.check_small()
            for entry in entries:
                remove(proxy, entry)
            transfer.finish(transfer.begin())

    def test_between_two_chunks_of_a_long_transfer(self, raw_backend: RawBackend) -> None:
        """The pipe is empty, but in use."""
        with make_proxy(raw_backend) as proxy:
            transfer = Transfer(proxy, raw_backend, 'upstream')
            transfer.finish(transfer.begin())
            assert transfer.is_spliced()
            entry = add(proxy, 'latency', 'upstream', latency=5)
            assert not transfer.is_spliced()
            transfer.check_small()
            remove(proxy, entry)
            transfer.finish(transfer.begin())

    @both_streams
    def test_without_toxics_bytes_go_straight_through(self, proxy: Proxy, raw_backend: RawBackend, stream: str) -> None:
        client, backend = join(proxy, raw_backend)

        def look(server: ProxyServer) -> tuple[bool, int]:
            one = stream_of(server, stream)
            return one.chain is None, len(one._buffer)

        plain = inside(proxy, look)
        assert plain[0]
        entries = [add(proxy, 'latency', stream, latency=1), add(proxy, 'noop', stream)]
        assert inside(proxy, look) == (False, TOXIC_CHUNK)
        check_plain(client, backend)
        remove(proxy, entries[0])
        assert inside(proxy, look) == (False, TOXIC_CHUNK)
        remove(proxy, entries[1])
        assert inside(proxy, look) == plain
        check_plain(client, backend)

    def test_arming_and_disarming_beside_them(self, proxy: Proxy, raw_backend: RawBackend) -> None:
        client, backend = join(proxy, raw_backend)
        with proxy.toxic('duplicate', stream='upstream'):
            with proxy.with_behavior('delay', sleep=0):
                client.send(b'ab')
                assert backend.recv_exactly(4) == b'abab'
            client.send(b'cd')
            assert backend.recv_exactly(4) == b'cdcd'
        check_plain(client, backend)
        with proxy.with_behavior('delay', sleep=0), proxy.toxic('duplicate', stream='upstream'):
            client.send(b'ef')
            assert backend.recv_exactly(4) == b'efef'
        check_plain(client, backend)
        assert inside(proxy, lambda server: only_link(server).up._tap) is None


class TestTimeout:
    def test_data_are_dropped_and_never_come_back(self, proxy: Proxy, raw_backend: RawBackend) -> None:
        add(proxy, 'timeout')
        client, backend = join(proxy, raw_backend)
        backend.send(b'lost')
        assert client.is_silent(A_MOMENT)
        client.send(b'ping')
        assert backend.recv_exactly(4) == b'ping'
        update(proxy, 'timeout', toxicity=0)
        backend.send(b'found')
        assert client.recv_exactly(5) == b'found'

    @both_streams
    def test_both_connections_are_closed(self, proxy: Proxy, raw_backend: RawBackend, stream: str) -> None:
        client, backend = join(proxy, raw_backend)
        with lasting(0.1):
            add(proxy, 'timeout', stream, timeout=100)
            assert client.recv_all() == b''
            assert backend.recv_all() == b''

    def test_its_removal_closes_every_link_of_the_proxy(self, proxy: Proxy, raw_backend: RawBackend) -> None:
        older = join(proxy, raw_backend)
        entry = add(proxy, 'timeout', 'upstream', toxicity=0)
        links = [older, *(join(proxy, raw_backend) for _ in range(5))]
        check_plain(*older)
        remove(proxy, entry)
        for client, backend in links:
            assert client.recv_all() == b''
            assert backend.recv_all() == b''
        assert proxy.status()['links']['open'] == 0


class TestResetPeer:
    def test_links_that_are_opened_while_it_exists_are_reset(self, proxy: Proxy, raw_backend: RawBackend) -> None:
        older = join(proxy, raw_backend)
        add(proxy, 'reset_peer', 'upstream')
        idle = join(proxy, raw_backend)
        client, backend = join(proxy, raw_backend)
        client.send(b'gone')
        for peer in (client, backend):
            with pytest.raises(ConnectionResetError):
                peer.recv()
        for peer in idle:
            assert peer.is_silent(A_MOMENT)
        older[0].send(b'gone')
        for peer in older:
            assert peer.recv_all() == b''

    def test_after_a_while(self, proxy: Proxy, raw_backend: RawBackend) -> None:
        add(proxy, 'reset_peer', timeout=100)
        client, backend = join(proxy, raw_backend)
        with lasting(0.1):
            backend.send(b'gone')
            with pytest.raises(ConnectionResetError):
                client.recv()


class TestLimitData:
    @both_streams
    @pytest.mark.parametrize('size', [1, 1000, 300_000])
    def test_just_so_many_bytes(self, proxy: Proxy, raw_backend: RawBackend, stream: str, size: int) -> None:
        add(proxy, 'limit_data', stream, bytes=size)
        sender, receiver = in_order(*join(proxy, raw_backend), stream)
        sender.sock.settimeout(None)
        Flow(sender, iter([PATTERN]))
        assert receiver.recv_all() == PATTERN[:size]

    def test_data_that_end_there(self, proxy: Proxy, raw_backend: RawBackend) -> None:
        client, backend = join(proxy, raw_backend)
        client.send(b'before')
        assert backend.recv_exactly(6) == b'before'
        add(proxy, 'limit_data', 'upstream', bytes=4)
        client.send(b'1234')
        assert backend.recv_all() == b'1234'
        assert client.recv_all() == b''

    def test_none(self, proxy: Proxy, raw_backend: RawBackend) -> None:
        add(proxy, 'limit_data')
        client, backend = join(proxy, raw_backend)
        assert client.is_silent(A_MOMENT)
        backend.send(b'1')
        assert client.recv_all() == b''


class TestOddMoments:
    def test_a_link_that_has_no_backend_yet(self, raw_backend: RawBackend) -> None:
        """It is on its way to another one, of which it gets new streams."""
        language = LANGUAGES['http']
        with make_proxy(raw_backend, 'http') as proxy, full_backlog() as elsewhere:
            entry = add(proxy, 'noop')
            client, backend = join(proxy, raw_backend)
            client.send(language.request)
            assert backend.recv_exactly(len(language.request)) == language.request
            backend.send(language.reply)
            assert client.recv_exactly(len(language.reply)) == language.reply
            proxy.set_backend(elsewhere)
            add(proxy, 'latency', latency=20)
            update(proxy, 'latency', latency=50)
            remove(proxy, entry)
            proxy.set_backend(raw_backend.address)
            backend = raw_backend.accept()
            with lasting(0.05):
                client.send(language.request)
                assert backend.recv_exactly(len(language.request)) == language.request
                backend.send(language.reply)
                assert client.recv_exactly(len(language.reply)) == language.reply

    @pytest.mark.parametrize('kind', ['noop', ''], ids=['toxic', 'splice'])
    def test_a_client_that_resets_with_data_late_and_others_unread(
        self, proxy: Proxy, raw_backend: RawBackend, kind: str
    ) -> None:
        """Nobody goes on trying to send what it did not read."""
        add(proxy, 'latency', 'upstream', latency=FOR_EVER)
        if kind:
            add(proxy, kind)
        client, backend = join(proxy, raw_backend)
        Flow(backend, repeat(PATTERN, MANY)).wait_until_stuck()
        client.send(b'late')
        eventually(lambda: is_held(proxy, 'upstream'))
        client.reset()

        def is_given_up(server: ProxyServer) -> bool:
            link = only_link(server)
            return link.down.unsent is None and link.down.splice is None and not link.down.reader.active

        eventually(lambda: inside(proxy, is_given_up))
        inside(proxy, lambda server: server.toxics.clear())
        assert backend.recv_exactly(4) == b'late'
        eventually(lambda: proxy.status()['links']['open'] == 0)

    def test_a_behavior_that_sends_more_than_a_toxic_takes(
        self, raw_backend: RawBackend, behaviors: Registry[Dummy]
    ) -> None:
        sent = 0

        @behaviors.register
        class Flood(Dummy):
            """Sends without end."""

            name = 'flood'

            def on_before_handle(self, protocol: Any, source: Any, dest: Any, to_backend: bool) -> bool:
                """Until the client is gone."""
                nonlocal sent
                while sent < 1000 * TOXIC_CHUNK:
                    source.sendall(PATTERN[:TOXIC_CHUNK])
                    sent += TOXIC_CHUNK
                return False

        with make_proxy(raw_backend, 'redis', 'flood') as proxy:
            add(proxy, 'bandwidth', rate=0)
            client, _ = join(proxy, raw_backend)
            client.send(LANGUAGES['redis'].request)
            eventually(lambda: sent)
            assert client.is_silent(10 * A_MOMENT)
            assert sent < 100 * TOXIC_CHUNK


@contextmanager
def full_backlog() -> Iterator[str]:
    """The address of somebody who lets connections wait."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server((HOST, 0), backlog=0))
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield '{}:{}'.format(*listener.getsockname())


class TestNoInputWedges:
    """What other implementations crash or hang on."""

    @both_streams
    @pytest.mark.parametrize(
        ('kind', 'attributes'),
        [
            ('bandwidth', {'rate': -1}),
            ('bandwidth', {'rate': -(2**63)}),
            ('bandwidth', {'rate': 2**63 - 1}),
            ('latency', {'latency': -(2**63), 'jitter': -(2**63)}),
            ('slicer', {}),
            ('slicer', {'average_size': -(2**63), 'size_variation': 2**63 - 1}),
            ('slicer', {'average_size': 1, 'size_variation': 10_000}),
            ('slicer', {'average_size': 10, 'delay': -(2**63)}),
            ('slow_close', {'delay': -(2**63)}),
            ('timeout', {'timeout': -(2**63), 'toxicity': -5}),
            ('packet_loss', {'loss_rate': -1e308, 'correlation': 1e308}),
        ],
    )
    def test_data_pass(
        self, proxy: Proxy, raw_backend: RawBackend, stream: str, kind: str, attributes: dict[str, Any]
    ) -> None:
        add(proxy, kind, stream, **attributes)
        sender, receiver = in_order(*join(proxy, raw_backend), stream)
        for size in (1, 2, 100, 100_000):
            flow = Flow(sender, iter([PATTERN[:size]]))
            assert receiver.recv_exactly(size) == PATTERN[:size]
            flow.join()
        sender.shut_down()
        assert receiver.recv_all() == b''
        check_plain(*join(proxy, raw_backend))

    @pytest.mark.parametrize(
        ('kind', 'attributes'),
        [
            ('latency', {'latency': 2**63 - 1}),
            *(('latency', {'latency': 2**63 - 1, 'jitter': 1, 'distribution': name}) for name in ('normal', 'pareto')),
            ('slicer', {'average_size': 1, 'delay': 2**63 - 1}),
            ('bandwidth', {'rate': 0}),
        ],
    )
    def test_data_that_are_due_when_nobody_lives_any_more(
        self, proxy: Proxy, raw_backend: RawBackend, kind: str, attributes: dict[str, Any]
    ) -> None:
        entry = add(proxy, kind, **attributes)
        client, backend = join(proxy, raw_backend)
        backend.send(b'late')
        eventually(lambda: is_held(proxy))
        with lasting(0.02):
            add(proxy, 'latency', 'upstream', latency=20, name='soon')
            client.send(b'ping')
            assert backend.recv_exactly(4) == b'ping'
        remove(proxy, entry)
        assert client.recv_exactly(4) == b'late'

    def test_a_toxic_that_fails(
        self,
        proxy: Proxy,
        raw_backend: RawBackend,
        toxics: Registry[BaseToxic],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        @toxics.register
        class Broken(BaseToxic):
            """Raises where it sees a certain chunk."""

            name = 'broken'

            def release_time(self, arrived: float, item: Item, now: float) -> float:
                if item == b'bad':
                    raise ValueError('no good')
                return now

        add(proxy, 'broken')
        client, backend = join(proxy, raw_backend)
        other = join(proxy, raw_backend)
        backend.send(b'good')
        assert client.recv_exactly(4) == b'good'
        backend.send(b'bad')
        with pytest.raises(ConnectionResetError):
            client.recv()
        assert caplog.messages == ['broken failed: ValueError: no good']
        check_plain(*other)


class TestSeeds:
    """The same seed brings the same faults, whatever else there is."""

    LINKS = 40

    @staticmethod
    def spared(backend: RawBackend, toxicity: float, seed: int | None, *others: str) -> list[bool]:
        """Which links in a row a toxic of that toxicity leaves alone."""
        outcome = []
        with make_proxy(backend, seed=seed) as proxy:
            add(proxy, 'corrupt', probability=1, toxicity=toxicity)
            for kind in others:
                add(proxy, kind)
            for _ in range(TestSeeds.LINKS):
                with connect(proxy) as client:
                    client.send(b'ping')
                    outcome.append(client.recv_exactly(4) == b'ping')
        return outcome

    def test_toxicity(self, echo_server: RawBackend) -> None:
        spared = self.spared(echo_server, 0.5, 1)
        assert spared == self.spared(echo_server, 0.5, 1)
        assert spared == self.spared(echo_server, 0.5, 1, 'noop', 'slicer'), 'others have nothing to do with it'
        assert spared != self.spared(echo_server, 0.5, 2)
        assert 0.2 < sum(spared) / self.LINKS < 0.8

    @pytest.mark.parametrize(('toxicity', 'expected'), [(0, True), (-1, True), (1, False), (7, False)])
    def test_none_and_all(self, echo_server: RawBackend, toxicity: float, expected: bool) -> None:
        assert set(self.spared(echo_server, toxicity, None)) == {expected}

    @staticmethod
    def through(backend: RawBackend, seed: int, kind: str, **attributes: Any) -> list[bytes]:
        """What becomes, on each of three links, of chunks that come one by one."""
        received = []
        with make_proxy(backend, seed=seed) as proxy:
            add(proxy, kind, **attributes)
            for _ in range(3):
                client, peer = join(proxy, backend)
                before = proxy.status()['bytes']['downstream']
                for i in range(1, 31):
                    peer.send(bytes([i]) * 100)
                    eventually(lambda: proxy.status()['bytes']['downstream'] == before + 100 * i)  # noqa: B023
                peer.close()
                received.append(client.recv_all())
                client.close()
        return received

    @pytest.mark.parametrize(
        ('kind', 'attributes'),
        [
            ('packet_loss', {'loss_rate': 0.5, 'correlation': 0.1}),
            ('corrupt', {'probability': 0.01}),
            ('duplicate', {'probability': 0.5}),
        ],
    )
    def test_damage(self, raw_backend: RawBackend, kind: str, attributes: dict[str, Any]) -> None:
        received = self.through(raw_backend, 1, kind, **attributes)
        assert received == self.through(raw_backend, 1, kind, **attributes)
        assert received != self.through(raw_backend, 2, kind, **attributes)
        assert len(set(received)) == 3, 'each link has draws of its own'

    def test_a_seed_that_was_drawn_is_told(self, echo_server: RawBackend) -> None:
        with make_proxy(echo_server) as proxy:
            seed = proxy.status()['seed']
            add(proxy, 'corrupt', probability=0.3)
            with connect(proxy) as client:
                client.send(PATTERN[:1000])
                damaged = client.recv_exactly(1000)
        with make_proxy(echo_server, seed=seed) as proxy, connect(proxy) as client:
            add(proxy, 'corrupt', probability=0.3)
            client.send(PATTERN[:1000])
            assert client.recv_exactly(1000) == damaged != PATTERN[:1000]


class TestWithBehaviors:
    """The behavior first, then the toxics of the streams that it speaks on."""

    @pytest.mark.parametrize('language', [LANGUAGES['http'], LANGUAGES['redis']], ids=['http', 'redis'])
    def test_delays_add_up(self, raw_backend: RawBackend, language: Language) -> None:
        with make_proxy(raw_backend, language.protocol, 'delay', options={'delay': {'sleep': 0.04}}) as proxy:
            for stream in BOTH:
                add(proxy, 'latency', stream, latency=30)
            client, backend = join(proxy, raw_backend)
            for _ in range(2):
                with lasting(0.1):
                    client.send(language.request)
                    assert backend.recv_exactly(len(language.request)) == language.request
                    backend.send(language.reply)
                    assert client.recv_exactly(len(language.reply)) == language.reply

    def test_an_error_goes_through_the_toxics(self, redis_server: Server) -> None:
        with Proxy(redis_server.address, 'redis') as proxy, redis_client(proxy.address.port) as client:
            with proxy.toxic('latency', latency=60), proxy.toxic('slicer', average_size=3), lasting(0.06):
                with proxy.with_behavior('error', match='GET *'), pytest.raises(Exception, match='vaurien') as raised:
                    client.get('key')
                assert type(raised.value).__name__ == 'ResponseError'
                assert client.ping()
            assert client.ping()

    def test_an_error_that_closes_arrives_before_the_end(self, raw_backend: RawBackend) -> None:
        language = LANGUAGES['http']
        with make_proxy(raw_backend, 'http', 'error') as proxy:
            add(proxy, 'latency', latency=60)
            add(proxy, 'slow_close', delay=40)
            client, _ = join(proxy, raw_backend)
            with lasting(0.1):
                client.send(language.request.replace(b'\r\n\r\n', b'\r\nConnection: close\r\n\r\n'))
                answer = client.recv_all()
            assert answer.startswith(b'HTTP/1.1 5')
            head, _, body = answer.partition(b'\r\n\r\n')
            assert b'Content-Length: %d' % len(body) in head

    def test_a_large_reply(self, nginx: Server) -> None:
        with Proxy(nginx.address, 'http') as proxy, http_session(proxy.address.port) as session:
            with (
                proxy.toxic('latency', latency=20, jitter=20, distribution='pareto'),
                proxy.toxic('slicer', average_size=10_000, size_variation=3000, delay=10),
                proxy.toxic('bandwidth', rate=100_000),
                proxy.with_behavior('delay', sleep=0.01, before=False),
            ):
                assert session.get('/large').content == LARGE
            assert session.get('/large').content == LARGE

    def test_a_protocol_that_moves_the_bytes_itself(
        self, echo_server: RawBackend, protocols: Registry[BaseProtocol]
    ) -> None:
        protocols.register(MinitelProtocol)
        with Proxy(echo_server.address, 'minitel') as proxy:
            client = connect(proxy)
            client.send(b'ping')
            reply = client.recv_exactly(4)
            with (
                proxy.toxic('latency', latency=30),
                proxy.toxic('latency', stream='upstream', latency=30),
                lasting(0.06),
            ):
                client.send(b'ping')
                assert client.recv_exactly(4) == reply
            client.send(b'ping')
            assert client.recv_exactly(4) == reply


class TestStops:
    def test_with_alarms_that_are_pending(self, raw_backend: RawBackend, capfd: pytest.CaptureFixture[str]) -> None:
        before = len(descriptors())
        with make_proxy(raw_backend) as proxy:
            for stream in BOTH:
                add(proxy, 'latency', stream, latency=FOR_EVER)
                add(proxy, 'timeout', stream, timeout=FOR_EVER, toxicity=0.5)
                add(proxy, 'reset_peer', stream, timeout=FOR_EVER)
            peers = [join(proxy, raw_backend) for _ in range(10)]
            for pair in peers:
                for peer in pair:
                    peer.send(b'held')
            eventually(lambda: proxy.status()['bytes'] == {'upstream': 40, 'downstream': 40})
        for pair in peers:
            for peer in pair:
                peer.close()
        eventually(lambda: len(descriptors()) <= before)
        assert capfd.readouterr().err == ''

    def test_links_that_close_leave_no_alarm(self, proxy: Proxy, raw_backend: RawBackend) -> None:
        add(proxy, 'timeout', timeout=FOR_EVER)
        for _ in range(10):
            for _ in range(20):
                client, backend = join(proxy, raw_backend)
                client.close()
                backend.close()
            eventually(lambda: proxy.status()['links']['open'] == 0)  # on a busy machine, they close later
        assert inside(proxy, lambda server: len(server.runtime.clock._alarms)) < 100


class TestClock:
    """What alarms are made of."""

    @pytest.fixture
    def clock(self) -> Iterator[Clock]:
        clock = Clock(gevent.get_hub().loop)
        yield clock
        clock.close()

    def test_order(self, clock: Clock) -> None:
        rung: list[int] = []
        now = monotonic()
        for i in (3, 1, 2):
            clock.call_at(now + 0.01 * i, lambda i=i: rung.append(i))  # type: ignore[misc]
        clock.call_at(now + 0.015, lambda: rung.append(0)).cancel()
        with lasting(0.04):
            clock.sleep(0.04)
        assert rung == [1, 2, 3]

    @pytest.mark.parametrize('due', [1e10, 1e18, 1e19, 1e300])
    def test_a_time_that_no_timer_reaches(self, clock: Clock, due: float) -> None:
        alarm = clock.call_at(due, pytest.fail)
        clock.sleep(0.005)
        clock.sleep(-1e300)
        alarm.cancel()
        clock.sleep(0.005)

    def test_cancelled_alarms_are_forgotten(self, clock: Clock) -> None:
        kept = clock.call_at(1e9, pytest.fail)
        for _ in range(1000):
            clock.call_at(1e9, pytest.fail).cancel()
        assert len(clock._alarms) < 200
        assert any(alarm is kept for _, _, alarm in clock._alarms)

    def test_as_many_as_there_are(self, clock: Clock) -> None:
        rung: list[int] = []
        now = monotonic()
        for i in range(1000):
            clock.call_at(now, lambda i=i: rung.append(i))  # type: ignore[misc]
        clock.sleep(0)
        assert rung == list(range(1000))


class BusyStream:
    """A stream whose sink takes everything. It counts what it is sent in each turn."""

    is_closed = False
    is_writable = True

    def __init__(self, *kinds: tuple[str, dict[str, Any]]) -> None:
        self.jobs: list[Callable[[], object]] = []
        self.turns: list[list[Item]] = [[]]
        self.chain = Chain(self, Alarm, self.jobs.append)
        for kind, attributes in kinds:
            toxic = Toxic.get(kind)
            self.chain.append(toxic(toxic.resolve(attributes)))

    def run(self) -> None:
        """Take one turn after the other, as long as the chain asks for more."""
        while self.jobs:
            self.turns.append([])
            self.jobs.pop(0)()
            assert len(self.jobs) <= 1, 'it waits once'

    def deliver(self, item: Item) -> None:
        self.turns[-1].append(item)

    def settle(self) -> None: ...

    def unchain(self) -> None: ...

    def on_toxic_failed(self, toxic: BaseToxic, error: Exception) -> None:
        raise error


class TestTurns:
    """How much a chain does before others have their turn."""

    DATA = bytes(range(256)) * 4

    def test_many_pieces_take_many_turns(self) -> None:
        stream = BusyStream(('slicer', {'average_size': 1}))
        stream.chain.send(self.DATA)
        stream.run()
        assert b''.join(item for turn in stream.turns for item in turn if isinstance(item, bytes)) == self.DATA
        assert len(stream.turns) >= len(self.DATA) / STEPS
        assert max(map(len, stream.turns)) <= STEPS

    def test_what_comes_meanwhile_waits_behind(self) -> None:
        stream = BusyStream(('slicer', {'average_size': 1}))
        stream.chain.send(self.DATA)
        for item in (b'last', Ending.END):
            before = len(stream.turns[0])
            stream.chain.send(item)
            assert len(stream.turns[0]) == before
        stream.run()
        items = [item for turn in stream.turns for item in turn]
        assert items[-5:] == [b'l', b'a', b's', b't', Ending.END]
        assert stream.chain.is_empty
        assert stream.chain.owed == 0

    def test_a_long_chain_takes_many_turns(self) -> None:
        stream = BusyStream(*[('noop', {})] * (5 * STEPS))
        stream.chain.send(self.DATA)
        stream.run()
        assert stream.turns[-1] == [self.DATA] or [self.DATA] in stream.turns
        assert len(stream.turns) >= 5

    def test_one_that_is_removed_between_two_turns(self) -> None:
        stream = BusyStream(('slicer', {'average_size': 1}), ('noop', {}))
        stream.chain.send(self.DATA)
        for stage in list(stream.chain.stages):
            stream.chain.remove(stage)
        stream.run()
        assert b''.join(item for turn in stream.turns for item in turn if isinstance(item, bytes)) == self.DATA
        assert not stream.chain.stages

    def test_a_link_that_closes_between_two_turns(self) -> None:
        stream = BusyStream(('slicer', {'average_size': 1}))
        stream.chain.send(self.DATA)
        stream.is_closed = True
        stream.run()
        assert len(stream.turns) == 2
        assert not stream.turns[1]


class Failing(Latency):
    """Raises an exception in one hook, once."""

    name = 'failing'
    hook = ''

    @classmethod
    def look(cls, hook: str) -> None:
        if hook == cls.hook:
            cls.hook = ''
            raise ValueError('no good')

    def __init__(self, *args: Any, **given: Any) -> None:
        self.look('init')
        super().__init__(*args, **given)

    @property
    def has_room(self) -> bool:
        self.look('has_room')
        return super().has_room

    @property
    def is_holding(self) -> bool:
        self.look('is_holding')
        return super().is_holding

    def draw(self, now: float) -> None:
        self.look('draw')
        super().draw(now)

    def feed(self, item: Item, now: float) -> None:
        self.look('feed')
        super().feed(item, now)

    def step(self, now: float) -> Item | None:
        self.look('step')
        return super().step(now)

    def interrupt(self, now: float) -> None:
        self.look('interrupt')
        super().interrupt(now)

    def update(self, values: Mapping[str, Any], now: float, shared: Any = None) -> None:
        self.look('update')
        super().update(values, now, shared)

    def retire(self, now: float) -> None:
        self.look('retire')
        super().retire(now)

    def abandon(self, now: float) -> None:
        self.look('abandon')
        super().abandon(now)

    def leave(self, now: float) -> list[Item]:
        self.look('leave')
        return super().leave(now)


class TestToxicsThatFail:
    """The link of such a toxic is reset. All others go on, and it can be removed."""

    @pytest.fixture(autouse=True)
    def register(self, toxics: Registry[BaseToxic], monkeypatch: pytest.MonkeyPatch) -> None:
        toxics.register(Failing)
        monkeypatch.setattr(Failing, 'hook', '')

    def join(self, proxy: Proxy, raw_backend: RawBackend) -> tuple[Peer, Peer]:
        """Return the peers of a link that has its toxics."""
        peers = join(proxy, raw_backend)
        eventually(lambda: inside(proxy, lambda server: all(link.connected for link in server.links.values())))
        return peers

    @pytest.fixture
    def other(self, proxy: Proxy, raw_backend: RawBackend) -> tuple[Peer, Peer]:
        """The peers of a link that has the toxic, too."""
        add(proxy, 'failing', latency=50)
        return self.join(proxy, raw_backend)

    def check(self, client: Peer, other: tuple[Peer, Peer], proxy: Proxy, caplog: pytest.LogCaptureFixture) -> None:
        """See that a link was reset, and nothing else has happened."""
        with pytest.raises(ConnectionResetError):
            client.recv()
        self.check_others(other, proxy, caplog)

    def check_others(self, other: tuple[Peer, Peer], proxy: Proxy, caplog: pytest.LogCaptureFixture) -> None:
        """See that alarms ring on another link, and that the name of the toxic is free."""
        assert caplog.messages == ['failing failed: ValueError: no good']
        names = [toxic['name'] for toxic in proxy.toxics()] or ['failing_downstream']
        inside(proxy, lambda server: server.toxics.clear())
        add(proxy, 'latency', name=names[0], latency=1)
        other[1].send(b'ping')
        assert other[0].recv_exactly(4) == b'ping'

    @pytest.mark.parametrize('hook', ['feed', 'step', 'has_room'])
    @pytest.mark.parametrize('before', [False, True])
    def test_when_something_comes(
        self,
        proxy: Proxy,
        raw_backend: RawBackend,
        other: tuple[Peer, Peer],
        hook: str,
        before: bool,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        if before:  # then the toxic is asked when an alarm rings
            inside(proxy, lambda server: server.toxics.clear())
            add(proxy, 'latency', latency=1)
            add(proxy, 'failing', latency=1)
        client, backend = self.join(proxy, raw_backend)
        Failing.hook = hook
        backend.send(b'ping')
        self.check(client, other, proxy, caplog)

    @pytest.mark.parametrize(
        ('hook', 'change'),
        [
            ('interrupt', lambda proxy: add(proxy, 'noop')),
            ('draw', lambda proxy: add(proxy, 'noop')),
            ('draw', lambda proxy: update(proxy, 'failing', 'both', latency=2)),
            ('update', lambda proxy: update(proxy, 'failing', 'both', latency=2)),
            ('leave', lambda proxy: update(proxy, 'failing', 'both', toxicity=0)),
            ('leave', lambda proxy: inside(proxy, lambda server: server.toxics.clear())),
            ('retire', lambda proxy: inside(proxy, lambda server: server.toxics.clear())),
            ('is_holding', lambda proxy: inside(proxy, lambda server: server.links[1].is_at_work)),
            ('is_holding', lambda proxy: inside(proxy, lambda server: server.links[1].up.is_clear)),
        ],
    )
    def test_at_a_change(
        self,
        proxy: Proxy,
        raw_backend: RawBackend,
        hook: str,
        change: Callable[[Proxy], object],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        add(proxy, 'failing', 'both', latency=50)
        client, _ = self.join(proxy, raw_backend)
        other = self.join(proxy, raw_backend)
        Failing.hook = hook
        change(proxy)
        self.check(client, other, proxy, caplog)

    @pytest.mark.parametrize('hook', ['init', 'draw'])
    def test_when_a_link_opens(
        self,
        proxy: Proxy,
        raw_backend: RawBackend,
        other: tuple[Peer, Peer],
        hook: str,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        Failing.hook = hook
        with pytest.raises(ConnectionResetError):  # maybe before the client knows that it is connected
            connect(proxy).recv()
        self.check_others(other, proxy, caplog)
        assert proxy.status()['links']['open'] == 1

    def test_when_a_link_closes(
        self, proxy: Proxy, raw_backend: RawBackend, other: tuple[Peer, Peer], caplog: pytest.LogCaptureFixture
    ) -> None:
        client, _ = self.join(proxy, raw_backend)
        Failing.hook = 'abandon'
        inside(proxy, lambda server: server.links[2].reset())
        self.check(client, other, proxy, caplog)

    def test_when_a_link_gets_another_backend(
        self, raw_backend: RawBackend, nginx: Server, caplog: pytest.LogCaptureFixture
    ) -> None:
        with make_proxy(nginx.address, 'http') as proxy:
            add(proxy, 'failing', latency=1)
            client = connect(proxy)
            client.send(LANGUAGES['http'].request)
            assert client.recv().startswith(b'HTTP/1.1 200')
            Failing.hook = 'abandon'
            proxy.set_backend(raw_backend.address)
            with pytest.raises(ConnectionResetError):
                client.recv_all()
            assert caplog.messages == ['failing failed: ValueError: no good']
            eventually(lambda: proxy.status()['links']['open'] == 0)

    def test_in_a_stream_that_is_left(
        self, proxy: Proxy, raw_backend: RawBackend, caplog: pytest.LogCaptureFixture
    ) -> None:
        """When a toxic has ended the other one."""
        add(proxy, 'failing', 'upstream', latency=20)
        add(proxy, 'limit_data', bytes=4)
        client, backend = self.join(proxy, raw_backend)
        client.send(b'late')
        eventually(lambda: is_held(proxy, 'upstream'))
        backend.send(b'last')
        assert client.recv_all() == b'last'
        eventually(lambda: inside(proxy, lambda server: only_link(server).is_leaving))
        Failing.hook = 'step'
        with pytest.raises(ConnectionResetError):
            backend.recv()
        assert caplog.messages == ['failing failed: ValueError: no good']
        assert proxy.status()['links']['open'] == 0
