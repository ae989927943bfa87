"""A link as a whole: what is known of it, how it closes, which traffic it has, what becomes of it at another backend.

How it connects is in `test_dialer`, what its streams pass in `test_stream`. That a protocol that raises resets its link
with a warning is in `test_dispatcher` and `test_handler`, that a toxic does is in `test_chain`; `test_dispatcher` also
tests the move to another backend in the middle of a reply.
"""

from __future__ import annotations

import gc
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from random import Random
from typing import Any, ClassVar

import pytest

from tests.behaviors.waiting import eventually
from tests.engine.acting import Act, until
from tests.engine.talk import (
    LANGUAGES,
    PATTERN,
    Language,
    connect,
    count_greenlets,
    every_language,
    inside,
    join,
    make_proxy,
    only_link,
)
from tests.engine.test_dialer import unresponsive
from tests.engine.test_splice import DATA, Transfer
from tests.peers import Peer, RawBackend
from vaurien.address import Address
from vaurien.embedded import Proxy
from vaurien.engine import traffic
from vaurien.engine.chain import Chain
from vaurien.engine.dialer import Dialer
from vaurien.engine.dispatcher import Dispatcher
from vaurien.engine.exchange import Exchange
from vaurien.engine.link import Link
from vaurien.engine.stream import Stream
from vaurien.engine.traffic import PLAIN
from vaurien.records.counts import Counts

HTTP = LANGUAGES['http']
REDIS = LANGUAGES['redis']
UPGRADE = b'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\n'
SWITCHING = b'HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\n\r\n'

#: An address of a peer as the status has it.
Written = str


def written(sock: socket.socket) -> Written:
    """The socket's own address."""
    return str(Address(*sock.getsockname()[:2]))


def exchange(client: Peer, backend: Peer, language: Language) -> None:
    """One request and its reply."""
    client.send(language.request)
    assert backend.recv_exactly(len(language.request)) == language.request
    backend.send(language.reply)
    assert client.recv_exactly(len(language.reply)) == language.reply


def is_open(proxy: Proxy) -> bool:
    """Whether the only link has an open exchange."""
    return inside(proxy, lambda server: only_link(server).has_open_exchange())


@pytest.fixture
def other_backend() -> Iterator[RawBackend]:
    backend = RawBackend()
    yield backend
    backend.close()


class TestStatus:
    @every_language
    def test_of_a_link_at_work(self, raw_backend: RawBackend, act: Act, language: Language) -> None:
        may_go = threading.Event()
        act(until(may_go))
        with make_proxy(raw_backend, language.protocol) as proxy:
            first, _ = join(proxy, raw_backend)
            client, backend = join(proxy, raw_backend)
            exchange(client, backend, language)
            proxy.add_toxic('latency', name='far', stream='upstream')
            proxy.add_toxic('noop', name='never', toxicity=0)
            proxy.add_toxic('noop', name='near')
            proxy.set_behavior('mine')
            client.send(language.request)
            eventually(lambda: proxy.links()[1]['behavior'] == 'mine')
            status = proxy.links()[1]
            assert 0 <= status.pop('age') < 1000  # type: ignore[misc]  # compared apart
            assert status == {
                'id': 2,
                'client': written(client.sock),
                'backend': raw_backend.address,
                'bytes': {'upstream': 2 * len(language.request), 'downstream': len(language.reply)},
                'exchanges': 2,
                'behavior': 'mine',
                'toxics': ['far', 'near'],
            }
            may_go.set()
            assert backend.recv_exactly(len(language.request)) == language.request
            eventually(lambda: proxy.links()[1]['behavior'] is None)
            assert proxy.links()[0]['client'] == written(first.sock)

    def test_of_a_link_that_has_no_backend_yet(self) -> None:
        with unresponsive() as address, make_proxy(address) as proxy:
            client = connect(proxy)
            eventually(proxy.links)
            (status,) = proxy.links()
            assert status['client'] == written(client.sock)
            assert status['backend'] is None
            assert (status['bytes'], status['exchanges']) == ({'upstream': 0, 'downstream': 0}, 0)
            assert (status['behavior'], status['toxics']) == (None, [])

    def test_of_a_link_between_two_backends(self, raw_backend: RawBackend) -> None:
        with unresponsive() as address, make_proxy(raw_backend, 'http') as proxy, proxy.toxic('noop', name='near'):
            client, backend = join(proxy, raw_backend)
            exchange(client, backend, HTTP)
            before = proxy.links()[0]
            assert before['backend'] == raw_backend.address
            proxy.set_backend(address)
            (status,) = proxy.links()
            assert status['backend'] is None
            assert status == {**before, 'backend': None, 'age': status['age'], 'toxics': ['near']}

    def test_the_address_of_the_client(self, raw_backend: RawBackend) -> None:
        """It is known as long as the connection is, also when the client sends no more."""
        with make_proxy(raw_backend) as proxy:
            client, backend = join(proxy, raw_backend)
            link = inside(proxy, only_link)
            address = Address(*client.sock.getsockname())
            assert inside(proxy, lambda server: link.client_address) == address
            client.shut_down()
            assert backend.recv() == b''
            assert inside(proxy, lambda server: link.client_address) == address
            inside(proxy, lambda server: link.close())
            assert inside(proxy, lambda server: link.client_address) is None

    def test_the_address_of_a_client_that_leaves_before_there_is_a_backend(self) -> None:
        with unresponsive() as address, make_proxy(address) as proxy:
            client = connect(proxy)
            eventually(proxy.links)
            link = inside(proxy, only_link)
            assert inside(proxy, lambda server: link.client_address) == Address(*client.sock.getsockname())
            client.reset()
            eventually(lambda: link.client_address is None)
            eventually(lambda: link.closed)


class TestClosing:
    @every_language
    @pytest.mark.parametrize('behavior', ['dummy', 'delay'])
    @pytest.mark.parametrize('reset', [False, True], ids=['close', 'reset'])
    def test_both_peers_see_it(self, raw_backend: RawBackend, language: Language, behavior: str, reset: bool) -> None:
        with make_proxy(raw_backend, language.protocol, behavior, options={'delay': {'sleep': 0}}) as proxy:
            client, backend = join(proxy, raw_backend)
            exchange(client, backend, language)
            link = inside(proxy, only_link)
            inside(proxy, lambda server: link.reset() if reset else link.close())
            for peer in (client, backend):
                if reset:
                    with pytest.raises(ConnectionResetError):
                        peer.recv()
                else:
                    assert peer.recv() == b''
            assert proxy.status()['links'] == {'open': 0, 'total': 1}
            assert link.client.fileno() == link.backend.fileno() == -1

    def test_twice_is_once(self, raw_backend: RawBackend) -> None:
        with make_proxy(raw_backend) as proxy:
            client, backend = join(proxy, raw_backend)
            exchange(client, backend, LANGUAGES['tcp'])
            link = inside(proxy, only_link)
            for close in (link.close, link.close, link.reset, link.retire):
                inside(proxy, lambda server: close())  # noqa: B023
            counts = inside(proxy, lambda server: server.counters.counts())
            assert counts == Counts(1, 4, 4, 4, 4)

    def test_who_comes_later_finds_no_streams(self, raw_backend: RawBackend) -> None:
        """A toxic that is removed from many links pauses between them, and links close meanwhile."""
        with make_proxy(raw_backend) as proxy:
            join(proxy, raw_backend)
            link = inside(proxy, only_link)
            assert link.connected
            inside(proxy, lambda server: link.close())
            assert not link.connected

    def test_before_there_is_a_backend(self) -> None:
        """The attempt is given up."""
        with unresponsive() as address, make_proxy(address) as proxy:
            client = connect(proxy)
            eventually(proxy.links)
            link = inside(proxy, only_link)
            assert link._opening is not None
            dialer = link._opening._step
            assert isinstance(dialer, Dialer)
            inside(proxy, lambda server: link.close())
            assert client.recv() == b''
            assert dialer._racing == {}
            assert link.counts() == Counts()

    @every_language
    @pytest.mark.parametrize('behavior', ['dummy', 'delay'])
    def test_its_counts_stay(self, raw_backend: RawBackend, language: Language, behavior: str) -> None:
        with make_proxy(raw_backend, language.protocol, behavior, options={'delay': {'sleep': 0}}) as proxy:
            client, backend = join(proxy, raw_backend)
            for _ in range(3):
                exchange(client, backend, language)
            link = inside(proxy, only_link)
            counts = inside(proxy, lambda server: link.counts())
            assert counts == Counts(3, *[3 * len(language.request)] * 2, *[3 * len(language.reply)] * 2)
            proxy.cut_link(1)
            assert inside(proxy, lambda server: link.counts()) == counts
            assert inside(proxy, lambda server: server.counters.counts()) == counts

    def test_what_did_not_arrive_is_not_counted_as_sent(self, raw_backend: RawBackend) -> None:
        with make_proxy(raw_backend) as proxy, proxy.toxic('latency', latency=1_000_000):
            client, backend = join(proxy, raw_backend)
            backend.send(b'pong')
            eventually(lambda: proxy.status()['bytes']['downstream'] == 4)
            link = inside(proxy, only_link)
            client.reset()
            eventually(lambda: link.closed)
            assert inside(proxy, lambda server: link.counts()) == Counts(0, 0, 0, 4, 0)

    @every_language
    @pytest.mark.parametrize(
        ('behavior', 'toxic'),
        [('dummy', None), ('dummy', 'latency'), ('delay(sleep=0)', None), ('delay(sleep=0)', 'slicer'), ('hang', None)],
    )
    def test_they_leave_nothing_to_the_garbage_collector(
        self, raw_backend: RawBackend, language: Language, behavior: str, toxic: str | None
    ) -> None:
        """Links come and go more quickly than it looks for circles of objects."""

        def alive() -> int:
            return sum(type(one) in (Link, Stream, Chain, Dispatcher, Exchange) for one in gc.get_objects())

        with make_proxy(raw_backend, language.protocol, behavior) as proxy, ExitStack() as stack:
            if toxic is not None:
                stack.enter_context(proxy.toxic(toxic))
            gc.collect()
            before = alive()
            gc.disable()
            try:
                for _ in range(5):
                    client, backend = join(proxy, raw_backend)
                    if behavior == 'hang':
                        client.send(language.request)
                        eventually(lambda: proxy.links()[0]['behavior'] == 'hang')
                    else:
                        exchange(client, backend, language)
                    client.close()
                    backend.close()
                    eventually(lambda: not proxy.links())
                eventually(lambda: alive() == before)
            finally:
                gc.enable()


class TestOpenExchanges:
    """Whether a peer waits for something: then a proxy that shuts down waits, too."""

    @pytest.mark.parametrize('spec', ['dummy', 'delay(match=never)'])
    def test_opaque_bytes(self, raw_backend: RawBackend, spec: str) -> None:
        """It is the client's turn as soon as the backend has spoken."""
        with make_proxy(raw_backend, 'tcp', spec) as proxy:
            client, backend = join(proxy, raw_backend)
            eventually(lambda: not is_open(proxy))
            for _ in range(2):
                client.send(b'ping')
                assert backend.recv_exactly(4) == b'ping'
                eventually(lambda: is_open(proxy))
                backend.send(b'pong')
                assert client.recv_exactly(4) == b'pong'
                eventually(lambda: not is_open(proxy))

    @pytest.mark.parametrize(
        ('client', 'backend', 'expected'), [(8, 12, True), (12, 8, False), (12, 12, True), (500, 500, False)]
    )
    def test_opaque_bytes_are_timed_in_ticks(
        self, raw_backend: RawBackend, monkeypatch: pytest.MonkeyPatch, client: int, backend: int, expected: bool
    ) -> None:
        """A client that asks at once and a backend that replies at once look alike: at first it is the former."""
        with make_proxy(raw_backend) as proxy:
            join(proxy, raw_backend)
            link = inside(proxy, only_link)
            monkeypatch.setattr(traffic, 'find_silence', {link.client: client, link.backend: backend}.__getitem__)
            assert is_open(proxy) == expected

    def test_opaque_bytes_on_which_a_behavior_is_at_work(self, raw_backend: RawBackend, act: Act) -> None:
        """Though the backend spoke last."""
        may_go = threading.Event()
        act(None, until(may_go))
        with make_proxy(raw_backend, 'tcp', 'mine') as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(b'ping')
            assert backend.recv_exactly(4) == b'ping'
            backend.send(b'pong')
            eventually(lambda: proxy.status()['bytes']['downstream'] == 4)
            assert is_open(proxy)
            may_go.set()
            assert client.recv_exactly(4) == b'pong'
            eventually(lambda: not is_open(proxy))

    def test_opaque_bytes_that_wait_in_a_toxic(self, raw_backend: RawBackend) -> None:
        with make_proxy(raw_backend) as proxy:
            client, backend = join(proxy, raw_backend)
            exchange(client, backend, LANGUAGES['tcp'])
            with proxy.toxic('latency', latency=1_000_000):
                backend.send(b'more')
                eventually(lambda: proxy.status()['bytes']['downstream'] == 8)
                assert is_open(proxy)
            assert client.recv_exactly(4) == b'more'
            eventually(lambda: not is_open(proxy))

    @pytest.mark.parametrize('protocol', ['http', 'redis'])
    def test_messages(self, raw_backend: RawBackend, protocol: str) -> None:
        language = LANGUAGES[protocol]
        with make_proxy(raw_backend, protocol) as proxy:
            client, backend = join(proxy, raw_backend)
            assert not is_open(proxy)
            upload = b''.join(language.upload(1000))
            for part in (upload[:500], upload[500:]):
                client.send(part)
                assert backend.recv_exactly(len(part)) == part
                assert is_open(proxy)
            for part in (language.reply[:-1], language.reply[-1:]):
                assert is_open(proxy)
                backend.send(part)
                assert client.recv_exactly(len(part)) == part
            assert not is_open(proxy)

    def test_before_there_is_a_backend(self) -> None:
        with unresponsive() as address, make_proxy(address) as proxy:
            connect(proxy)
            eventually(proxy.links)
            assert is_open(proxy)


class TestAnotherBackend:
    """The proxy gets one while links are open."""

    def test_one_without_state_moves(self, raw_backend: RawBackend, other_backend: RawBackend) -> None:
        with make_proxy(raw_backend, 'http') as proxy:
            client, backend = join(proxy, raw_backend)
            exchange(client, backend, HTTP)
            proxy.set_backend(other_backend.address)
            assert backend.recv() == b''
            backend = other_backend.accept()
            exchange(client, backend, HTTP)
            (status,) = proxy.links()
            assert (status['id'], status['backend'], status['exchanges']) == (1, other_backend.address, 2)
            assert inside(proxy, lambda server: server.counters.counts()) == Counts(
                2, *[2 * len(HTTP.request)] * 2, *[2 * len(HTTP.reply)] * 2
            )

    def test_it_is_told_of_it(self, raw_backend: RawBackend, other_backend: RawBackend) -> None:
        with Proxy(raw_backend.address, 'http') as proxy:
            client, _ = join(proxy, raw_backend)
            proxy.set_backend(other_backend.address)
            backend = other_backend.accept()
            client.send(HTTP.request)
            assert f'Host: {other_backend.address}\r\n'.encode() in backend.recv_until(b'\r\n\r\n')

    def test_one_whose_client_wants_nothing_more_does_not_wait_for_it(self, raw_backend: RawBackend) -> None:
        with unresponsive() as address, make_proxy(raw_backend, 'http') as proxy:
            client, backend = join(proxy, raw_backend)
            exchange(client, backend, HTTP)
            client.shut_down()
            assert backend.recv() == b''
            proxy.set_backend(address)
            assert client.recv() == b''
            eventually(lambda: proxy.status()['links'] == {'open': 0, 'total': 1})

    def test_one_with_state_is_closed_between_two_exchanges(
        self, raw_backend: RawBackend, other_backend: RawBackend
    ) -> None:
        with make_proxy(raw_backend, 'redis') as proxy:
            client, backend = join(proxy, raw_backend)
            exchange(client, backend, REDIS)
            proxy.set_backend(other_backend.address)
            assert client.recv() == backend.recv() == b''

    @pytest.mark.parametrize('protocol', ['http', 'redis'])
    def test_one_on_which_a_behavior_is_at_work(
        self, raw_backend: RawBackend, other_backend: RawBackend, act: Act, protocol: str
    ) -> None:
        """It stays until the exchange is over."""
        language = LANGUAGES[protocol]
        may_go = threading.Event()
        act(None, until(may_go))
        with make_proxy(raw_backend, protocol, 'mine', options={'mine': {'times': 1}}) as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(language.request)
            assert backend.recv_exactly(len(language.request)) == language.request
            backend.send(language.reply)
            eventually(lambda: proxy.status()['bytes']['downstream'] == len(language.reply))
            proxy.set_backend(other_backend.address)
            assert backend.is_silent(0.02)
            may_go.set()
            assert client.recv_exactly(len(language.reply)) == language.reply
            assert backend.recv() == b''
            if protocol == 'http':
                exchange(client, other_backend.accept(), language)
            else:
                assert client.recv() == b''

    def test_one_in_the_middle_of_a_request(self, raw_backend: RawBackend, other_backend: RawBackend) -> None:
        with make_proxy(raw_backend, 'http') as proxy:
            client, backend = join(proxy, raw_backend)
            upload = b''.join(HTTP.upload(1000))
            client.send(upload[:500])
            assert backend.recv_exactly(500) == upload[:500]
            proxy.set_backend(other_backend.address)
            client.send(upload[500:])
            assert backend.recv_exactly(len(upload) - 500) == upload[500:]
            backend.send(HTTP.reply)
            assert client.recv_exactly(len(HTTP.reply)) == HTTP.reply
            exchange(client, other_backend.accept(), HTTP)

    def test_twice_in_one_exchange(self, raw_backend: RawBackend, other_backend: RawBackend) -> None:
        """It goes to the last one."""
        with make_proxy(raw_backend, 'http') as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(HTTP.request)
            assert backend.recv_exactly(len(HTTP.request)) == HTTP.request
            proxy.set_backend('127.0.0.1:9')
            proxy.set_backend(other_backend.address)
            backend.send(HTTP.reply)
            assert client.recv_exactly(len(HTTP.reply)) == HTTP.reply
            exchange(client, other_backend.accept(), HTTP)

    def test_one_whose_bytes_are_opaque_is_closed_at_once(
        self, raw_backend: RawBackend, other_backend: RawBackend
    ) -> None:
        """Also in the middle of what may be an exchange; where that is nobody knows."""
        with make_proxy(raw_backend, 'http') as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(UPGRADE)
            assert backend.recv_exactly(len(UPGRADE)) == UPGRADE
            backend.send(SWITCHING)
            assert client.recv_exactly(len(SWITCHING)) == SWITCHING
            client.send(b'ping')
            assert backend.recv_exactly(4) == b'ping'
            proxy.set_backend(other_backend.address)
            assert client.recv() == backend.recv() == b''

    def test_so_is_one_on_whose_opaque_bytes_a_behavior_is_at_work(
        self, raw_backend: RawBackend, other_backend: RawBackend
    ) -> None:
        with make_proxy(raw_backend, 'tcp', 'hang') as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(b'ping')
            eventually(lambda: proxy.status()['faults'] == {'hang': 1})
            proxy.set_backend(other_backend.address)
            assert client.recv() == backend.recv() == b''
            eventually(lambda: count_greenlets(proxy) == 0)


class Model:
    """A client and a backend that talk over one ``tcp`` link; and what the link must have counted."""

    #: Bytes of an error, and of the noise in a reply.
    ERROR, NOISE = 1000, 100
    OPTIONS: ClassVar[dict[str, dict[str, Any]]] = {'delay': {'sleep': 0}, 'noise': {'inject': True}}

    def __init__(self, proxy: Proxy, raw_backend: RawBackend) -> None:
        self.proxy = proxy
        self.client, self.backend = join(proxy, raw_backend)
        self.behavior = 'dummy'
        self.is_doubled = False
        self.counts = Counts()
        self._random = Random(7)

    def arm(self, behavior: str) -> None:
        self.behavior = behavior
        options = self.OPTIONS.get(behavior, {})
        self.proxy.set_behavior('error' if behavior == 'noise' else behavior, **options)

    def double(self, stream: str = 'downstream') -> None:
        """Add a toxic to the downstream, or remove it."""
        self.is_doubled = not self.is_doubled
        if self.is_doubled:
            self.proxy.add_toxic('duplicate', name='twice', probability=1)
        else:
            self.proxy.remove_toxic('twice')

    def talk(self) -> None:
        """One exchange."""
        request, reply = (self._random.randbytes(self._random.randint(1, 2000)) for _ in range(2))
        self.client.send(request)
        factor = 2 if self.is_doubled else 1
        if self.behavior == 'error':
            assert len(self.client.recv_exactly(factor * self.ERROR)) == factor * self.ERROR
            self.count(len(request), 0, 0, factor * self.ERROR)
            return
        assert self.backend.recv_exactly(len(request)) == request
        self.backend.send(reply)
        if self.behavior == 'noise':
            expected = factor * (len(reply) + self.NOISE)
            assert len(self.client.recv_exactly(expected)) == expected
        else:
            expected = factor * len(reply)
            assert self.client.recv_exactly(expected) == factor * reply
        self.count(len(request), len(request), len(reply), expected)

    def count(self, *more: int) -> None:
        self.counts = Counts._make(map(sum, zip(self.counts, (1, *more), strict=True)))

    def check(self) -> None:
        """The link has counted every byte and every exchange, and looks at bytes only if something is armed."""
        eventually(lambda: self.proxy.links()[0]['behavior'] is None)
        assert inside(self.proxy, lambda server: only_link(server).counts()) == self.counts
        looks = inside(self.proxy, lambda server: only_link(server).traffic)
        assert (looks is PLAIN) == (self.behavior == 'dummy')
        assert isinstance(looks, Dispatcher) == (self.behavior != 'dummy')
        taps = inside(self.proxy, lambda server: [only_link(server).up._tap, only_link(server).down._tap])
        assert all(tap is None for tap in taps) == (self.behavior == 'dummy')


class TestTraffic:
    """A ``tcp`` link looks at its bytes while something is armed, and only then; no byte is lost or counted twice."""

    def test_many_switches(self, raw_backend: RawBackend) -> None:
        with make_proxy(raw_backend) as proxy:
            model = Model(proxy, raw_backend)
            model.check()
            for behavior in ['delay', 'error', 'dummy', 'noise', 'dummy', 'delay', 'delay', 'dummy', 'dummy'] * 3:
                model.arm(behavior)
                model.check()
                for _ in range(2):
                    model.talk()
                model.check()

    def test_with_toxics(self, raw_backend: RawBackend) -> None:
        """Which come and go beside it, in any order."""
        steps = Random(3).choices(['dummy', 'dummy', 'delay', 'error', 'noise', 'double', 'double', 'talk'], k=60)
        with make_proxy(raw_backend) as proxy:
            model = Model(proxy, raw_backend)
            for step in steps:
                if step == 'double':
                    model.double()
                elif step != 'talk':
                    model.arm(step)
                model.talk()
                model.check()
            assert {*steps} == {'dummy', 'delay', 'error', 'noise', 'double', 'talk'}

    def test_with_bytes_in_a_toxic(self, raw_backend: RawBackend) -> None:
        """They are sent when they leave it."""
        with make_proxy(raw_backend) as proxy:
            model = Model(proxy, raw_backend)
            model.talk()
            proxy.add_toxic('latency', name='far', stream='upstream', latency=1_000_000)
            held = 0
            for behavior in ('dummy', 'delay', 'dummy'):
                model.arm(behavior)
                model.client.send(b'held')
                held += 4
                model.count(4, 0, 0, 0)
                eventually(lambda: inside(proxy, only_link).counts() == model.counts)
            proxy.remove_toxic('far')
            assert model.backend.recv_exactly(held) == b'held' * 3
            model.counts = model.counts._replace(upstream_sent=model.counts.upstream_sent + held)
            model.backend.send(b'at last')
            assert model.client.recv_exactly(7) == b'at last'
            model.counts = model.counts._replace(
                downstream_received=model.counts.downstream_received + 7,
                downstream_sent=model.counts.downstream_sent + 7,
            )
            model.check()
            model.talk()
            model.check()

    @pytest.mark.parametrize('direction', ['upstream', 'downstream'])
    def test_with_a_splice_under_way(self, raw_backend: RawBackend, direction: str) -> None:
        with make_proxy(raw_backend) as proxy:
            transfer = Transfer(proxy, raw_backend, direction)
            got = transfer.begin()
            seen = [self.passed(proxy, direction)]
            for behavior in ('delay(sleep=0)', 'dummy') * 3:
                proxy.set_behavior(behavior)
                seen.append(self.passed(proxy, direction))
                got += transfer.receiver.recv_exactly(100_000)
                seen.append(self.passed(proxy, direction))
            transfer.finish(got)
            seen.append((len(DATA), len(DATA)))
            assert self.passed(proxy, direction) == seen[-1]
            assert all(sent <= received for received, sent in seen)
            assert seen == sorted(seen)
            assert [sent for _, sent in seen] == sorted(sent for _, sent in seen)

    def passed(self, proxy: Proxy, direction: str) -> tuple[int, int]:
        """Bytes received and sent in one direction."""
        counts = inside(proxy, lambda server: only_link(server).counts())
        return counts[1:3] if direction == 'upstream' else counts[3:5]

    def test_while_bytes_fly(self, echo_server: RawBackend) -> None:
        """Numbers come back in their order, and are counted once each way."""
        with make_proxy(echo_server) as proxy:
            done = threading.Event()

            def switch() -> None:
                while not done.is_set():
                    for behavior in ('delay', 'dummy'):
                        proxy.set_behavior(behavior, sleep=0) if behavior == 'delay' else proxy.set_behavior(behavior)

            client = connect(proxy)
            switching = threading.Thread(target=switch, daemon=True)
            switching.start()
            data = PATTERN[: len(PATTERN) // 2]
            sending = threading.Thread(target=partial(self.send_in_bits, client, data), daemon=True)
            sending.start()
            try:
                assert client.recv_exactly(len(data)) == data
            finally:
                done.set()
                switching.join()
            sending.join()
            proxy.set_behavior('dummy')
            eventually(lambda: inside(proxy, only_link).traffic is PLAIN)
            assert inside(proxy, only_link).counts()[1:] == (len(data),) * 4

    def send_in_bits(self, client: Peer, data: bytes) -> None:
        for start in range(0, len(data), 5000):
            client.send(data[start : start + 5000])

    def test_a_link_that_has_no_backend_yet(self, raw_backend: RawBackend) -> None:
        """What is armed meanwhile is seen when it has one."""
        with unresponsive() as address, make_proxy(address) as proxy:
            client = connect(proxy)
            eventually(proxy.links)
            proxy.set_behavior('error')
            assert inside(proxy, only_link).traffic is PLAIN
            client.send(b'ping')
            proxy.set_backend(raw_backend.address)
            assert len(client.recv_exactly(1000)) == 1000
            assert inside(proxy, only_link).counts() == Counts(1, 4, 0, 0, 1000)
