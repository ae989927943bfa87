"""Links of which a toxic, or a behavior, has ended one stream: what is on its way in the other one still arrives."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from itertools import repeat
from typing import Any

import pytest
import requests

from tests.behaviors.waiting import eventually
from tests.commands import StartCommand
from tests.descriptors import descriptors, wait_until_none_is_left
from tests.engine.acting import Act, until
from tests.engine.talk import LANGUAGES, PATTERN, connect, count_greenlets, inside, join, make_proxy, only_link
from tests.engine.test_chain import (
    A_MOMENT,
    BOTH,
    FOR_EVER,
    MANY,
    add,
    both_streams,
    in_order,
    is_held,
    lasting,
    remove,
    stream_of,
    toxics,
    update,
)
from tests.engine.test_splice import DATA, Transfer
from tests.engine.test_stream import Flow
from tests.peers import Peer, RawBackend
from tests.servers import TIMEOUT
from vaurien.embedded import Proxy
from vaurien.engine.proxy import ProxyServer
from vaurien.plugins.end import End
from vaurien.plugins.registry import Registry
from vaurien.protocols.base import BaseProtocol
from vaurien.toxics.base import BaseToxic, Item

__all__ = ['toxics']  # a fixture

GREETING = b'greeting'
#: More bytes than the kernel takes for a peer that does not read at once.
LARGE = 600_000
REDIS = LANGUAGES['redis']

#: What ends a stream: a toxic, what passes of ten bytes, and whether the connections are reset.
ENDS: list[tuple[str, dict[str, Any], bytes, bool]] = [
    ('limit_data', {'bytes': 5}, b'01234', False),
    ('timeout', {'timeout': 200}, b'', False),
    ('reset_peer', {'timeout': 50}, b'', True),
]
every_end = pytest.mark.parametrize(('kind', 'attributes', 'passes', 'resets'), ENDS, ids=[end[0] for end in ENDS])


def other_than(stream: str) -> str:
    """The opposite direction."""
    return BOTH[1 - BOTH.index(stream)]


def receive_end(peer: Peer, resets: bool) -> bytes:
    """All that comes before the end, which has to be a reset or none."""
    data = bytearray()
    try:
        while chunk := peer.recv():
            data += chunk
    except ConnectionResetError:
        assert resets
    else:
        assert not resets
    return bytes(data)


def is_leaving(proxy: Proxy) -> bool:
    """Whether the only link is."""
    return inside(proxy, lambda server: only_link(server).is_leaving)


def has_no_link(proxy: Proxy) -> bool:
    return proxy.status()['links']['open'] == 0


@pytest.fixture
def proxy(raw_backend: RawBackend) -> Iterator[Proxy]:
    with make_proxy(raw_backend, seed=1) as proxy:
        yield proxy


@pytest.fixture
def late(proxy: Proxy, raw_backend: RawBackend) -> tuple[Peer, Peer]:
    """Leave a link to a greeting that waits downstream for ever."""
    add(proxy, 'limit_data', 'upstream', bytes=5)
    add(proxy, 'latency', latency=FOR_EVER)
    client, backend = join(proxy, raw_backend)
    backend.send(GREETING)
    eventually(lambda: is_held(proxy))
    client.send(b'0123456789')
    assert backend.recv_all() == b'01234'
    return client, backend


class TestWhatIsLate:
    @every_end
    @both_streams
    def test_arrives(
        self,
        proxy: Proxy,
        raw_backend: RawBackend,
        stream: str,
        kind: str,
        attributes: dict[str, Any],
        passes: bytes,
        resets: bool,
    ) -> None:
        is_timed = kind == 'timeout'
        if not is_timed:
            add(proxy, kind, stream, **attributes)
        far = add(proxy, 'latency', other_than(stream), latency=FOR_EVER)
        sender, receiver = in_order(*join(proxy, raw_backend), stream)
        receiver.send(GREETING)
        eventually(lambda: is_held(proxy, other_than(stream)))
        if is_timed:
            add(proxy, kind, stream, **attributes)
        sender.send(b'0123456789')
        assert receive_end(receiver, resets) == passes
        assert sender.is_silent(A_MOMENT)
        remove(proxy, far)
        assert receive_end(sender, resets) == GREETING
        eventually(lambda: has_no_link(proxy))

    @both_streams
    def test_no_earlier_than_it_would(self, proxy: Proxy, raw_backend: RawBackend, stream: str) -> None:
        add(proxy, 'limit_data', stream, bytes=5)
        add(proxy, 'latency', other_than(stream), latency=200)
        sender, receiver = in_order(*join(proxy, raw_backend), stream)
        with lasting(0.2):
            receiver.send(GREETING)
            eventually(lambda: is_held(proxy, other_than(stream)))
            sender.send(b'0123456789')
            assert receiver.recv_all() == b'01234'
            assert sender.recv_all() == GREETING

    @both_streams
    def test_after_the_removal_of_a_timeout(self, proxy: Proxy, raw_backend: RawBackend, stream: str) -> None:
        silent = add(proxy, 'timeout', stream)
        far = add(proxy, 'latency', other_than(stream), latency=FOR_EVER)
        sender, receiver = in_order(*join(proxy, raw_backend), stream)
        receiver.send(GREETING)
        eventually(lambda: is_held(proxy, other_than(stream)))
        remove(proxy, silent)
        assert receiver.recv_all() == b''
        assert sender.is_silent(A_MOMENT)
        remove(proxy, far)
        assert sender.recv_all() == GREETING

    def test_bit_by_bit(self, proxy: Proxy, raw_backend: RawBackend) -> None:
        add(proxy, 'limit_data', bytes=5)
        add(proxy, 'bandwidth', 'upstream', rate=1)
        client, backend = join(proxy, raw_backend)
        with lasting(0.3):
            client.send(PATTERN[:300])
            eventually(lambda: is_held(proxy, 'upstream'))
            backend.send(b'0123456789')
            assert client.recv_all() == b'01234'
            assert backend.recv_all() == PATTERN[:300]

    def test_a_rate_of_nothing_holds_it_until_it_goes(self, proxy: Proxy, raw_backend: RawBackend) -> None:
        add(proxy, 'limit_data', bytes=5)
        nothing = add(proxy, 'bandwidth', 'upstream', rate=0)
        client, backend = join(proxy, raw_backend)
        client.send(b'late')
        eventually(lambda: is_held(proxy, 'upstream'))
        backend.send(b'0123456789')
        assert client.recv_all() == b'01234'
        assert backend.is_silent(A_MOMENT)
        remove(proxy, nothing)
        assert backend.recv_all() == b'late'

    @every_end
    @both_streams
    def test_the_end_alone_may_be_late(
        self,
        proxy: Proxy,
        raw_backend: RawBackend,
        stream: str,
        kind: str,
        attributes: dict[str, Any],
        passes: bytes,
        resets: bool,
    ) -> None:
        add(proxy, kind, stream, **attributes)
        slow = add(proxy, 'slow_close', other_than(stream), delay=FOR_EVER)
        sender, receiver = in_order(*join(proxy, raw_backend), stream)
        sender.send(b'0123456789')
        assert receive_end(receiver, resets) == passes
        assert sender.is_silent(A_MOMENT)
        remove(proxy, slow)
        assert receive_end(sender, resets) == b''

    def test_what_a_peer_was_slow_to_read_needs_no_toxic(self, proxy: Proxy, raw_backend: RawBackend) -> None:
        silent = add(proxy, 'timeout', 'upstream')
        client, backend = join(proxy, raw_backend)
        flow = Flow(backend, repeat(PATTERN, MANY))
        flow.wait_until_stuck()
        remove(proxy, silent)
        assert is_leaving(proxy)
        seen = inside(proxy, lambda server: only_link(server).down.received)
        assert seen > 0
        received = 0
        while chunk := client.recv():
            received += len(chunk)
        assert received == seen
        flow._thread.join()

    def test_a_long_transfer_in_the_kernel(self, raw_backend: RawBackend) -> None:
        with make_proxy(raw_backend) as proxy:
            transfer = Transfer(proxy, raw_backend, 'downstream')
            received = bytearray(transfer.begin())
            eventually(transfer.is_stuck)
            seen = inside(proxy, lambda server: only_link(server).down.received)
            assert transfer.is_spliced()
            add(proxy, 'limit_data', 'upstream')
            transfer.receiver.send(b'0')
            while chunk := transfer.receiver.recv():
                received += chunk
            assert bytes(received) == DATA[: len(received)]
            assert len(received) == seen

    def test_before_a_reset_that_came_behind_the_end(self, proxy: Proxy, raw_backend: RawBackend) -> None:
        far = add(proxy, 'latency', latency=FOR_EVER)
        add(proxy, 'limit_data', 'upstream', bytes=5)
        client, backend = join(proxy, raw_backend)
        backend.send(GREETING)
        backend.shut_down()
        eventually(lambda: inside(proxy, lambda server: only_link(server).down.is_ending))
        backend.reset()
        client.send(b'0123456789')
        eventually(lambda: is_leaving(proxy))
        remove(proxy, far)
        assert client.recv_exactly(len(GREETING)) == GREETING
        with pytest.raises(ConnectionResetError):
            client.recv()

    def test_through_tls(self, raw_backend: RawBackend) -> None:
        with make_proxy(raw_backend, proxy_tls='auto') as proxy:
            add(proxy, 'limit_data', 'upstream', bytes=5)
            far = add(proxy, 'latency', latency=FOR_EVER)
            context = ssl.create_default_context(cafile=proxy.ca_file)
            plain = socket.create_connection((proxy.address.host, proxy.address.port), TIMEOUT)
            with context.wrap_socket(plain, server_hostname='localhost') as client:
                backend = raw_backend.accept()
                backend.send(GREETING)
                eventually(lambda: proxy.links()[0]['bytes']['downstream'])
                client.sendall(b'0123456789')
                assert backend.recv_all() == b'01234'
                remove(proxy, far)
                assert client.recv(100) == GREETING
                assert client.recv(100) == b''  # else it would raise: the session ends before the connection


class TestWhatIsStillSent:
    """By the peer that is left: it leads nowhere."""

    @both_streams
    def test_does_no_harm(self, proxy: Proxy, raw_backend: RawBackend, stream: str) -> None:
        add(proxy, 'limit_data', stream, bytes=5)
        far = add(proxy, 'latency', other_than(stream), latency=FOR_EVER)
        sender, receiver = in_order(*join(proxy, raw_backend), stream)
        receiver.send(PATTERN[:LARGE])
        eventually(lambda: inside(proxy, lambda server: stream_of(server, other_than(stream)).received == LARGE))
        sender.send(b'0123456789')
        assert receiver.recv_all() == b'01234'
        sender.send(PATTERN[:1000])
        remove(proxy, far)
        assert sender.recv_all() == PATTERN[:LARGE]
        eventually(lambda: has_no_link(proxy))

    def test_does_no_harm_in_the_last_moment(self, proxy: Proxy, late: tuple[Peer, Peer]) -> None:
        client, _ = late

        def end(server: ProxyServer) -> None:
            client.send(b'more')
            server.toxics.clear()

        inside(proxy, end)
        assert client.recv_all() == GREETING

    def test_does_no_harm_behind_an_end(self, proxy: Proxy, raw_backend: RawBackend) -> None:
        """The end is noticed once, and nothing more is read."""
        far = add(proxy, 'latency', latency=FOR_EVER)
        silent = add(proxy, 'timeout', 'upstream')
        client, backend = join(proxy, raw_backend)
        backend.send(GREETING)
        eventually(lambda: is_held(proxy))
        remove(proxy, silent)
        assert backend.recv_all() == b''
        client.send(b'more')
        client.shut_down()
        assert client.is_silent(A_MOMENT)
        remove(proxy, far)
        assert client.recv_all() == GREETING

    def test_does_no_harm_through_tls(self, raw_backend: RawBackend) -> None:
        with make_proxy(raw_backend, proxy_tls='auto') as proxy:
            add(proxy, 'limit_data', 'upstream', bytes=5)
            far = add(proxy, 'latency', latency=FOR_EVER)
            context = ssl.create_default_context(cafile=proxy.ca_file)
            plain = socket.create_connection((proxy.address.host, proxy.address.port), TIMEOUT)
            with Peer(context.wrap_socket(plain, server_hostname='localhost')) as client:
                backend = raw_backend.accept()
                backend.send(PATTERN[:LARGE])
                eventually(lambda: proxy.links()[0]['bytes']['downstream'] == LARGE)
                client.send(b'0123456789')
                assert backend.recv_all() == b'01234'
                client.send(PATTERN[:1000])
                remove(proxy, far)
                assert client.recv_all() == PATTERN[:LARGE]


class TestNothingLate:
    @every_end
    @both_streams
    def test_both_end_at_once(
        self,
        proxy: Proxy,
        raw_backend: RawBackend,
        stream: str,
        kind: str,
        attributes: dict[str, Any],
        passes: bytes,
        resets: bool,
    ) -> None:
        """Toxics are there, but have nothing, or do not apply."""
        add(proxy, kind, stream, **attributes)
        add(proxy, 'latency', other_than(stream), latency=FOR_EVER)
        add(proxy, 'slow_close', other_than(stream), delay=FOR_EVER, toxicity=0)
        sender, receiver = in_order(*join(proxy, raw_backend), stream)
        sender.send(b'0123456789')
        assert receive_end(receiver, resets) == passes
        assert receive_end(sender, resets) == b''
        eventually(lambda: has_no_link(proxy))

    def test_a_stream_that_has_ended_before(self, proxy: Proxy, raw_backend: RawBackend) -> None:
        add(proxy, 'limit_data', bytes=5)
        add(proxy, 'slow_close', 'upstream')
        client, backend = join(proxy, raw_backend)
        client.shut_down()
        assert backend.recv_all() == b''
        backend.send(b'0123456789')
        assert client.recv_all() == b'01234'
        eventually(lambda: has_no_link(proxy))

    def test_the_peer_has_gone(self, proxy: Proxy, raw_backend: RawBackend) -> None:
        """Nobody waits for what it will never read."""
        add(proxy, 'latency', 'upstream', latency=FOR_EVER)
        limit = add(proxy, 'limit_data', 'upstream', bytes=1000)
        add(proxy, 'latency', latency=FOR_EVER, name='far')
        client, backend = join(proxy, raw_backend)
        backend.send(GREETING)
        client.send(b'late')
        eventually(lambda: is_held(proxy) and is_held(proxy, 'upstream'))
        client.reset()
        eventually(lambda: inside(proxy, lambda server: only_link(server).up.is_ending))
        update(proxy, limit.kind.name, 'upstream', bytes=2)
        update(proxy, 'latency', 'upstream')
        assert receive_end(backend, False) == b'la'
        eventually(lambda: has_no_link(proxy))


class TestEnds:
    """What ends such a link before everything has arrived."""

    def test_the_link_is_cut(self, proxy: Proxy, late: tuple[Peer, Peer]) -> None:
        proxy.cut_link(1)
        assert late[0].recv_all() == b''
        assert has_no_link(proxy)

    def test_the_proxy_is_disabled(self, proxy: Proxy, late: tuple[Peer, Peer]) -> None:
        proxy.disable()
        assert late[0].recv_all() == b''
        assert has_no_link(proxy)

    def test_the_proxy_ends(self, proxy: Proxy, late: tuple[Peer, Peer]) -> None:
        proxy.stop()
        assert late[0].recv_all() == b''

    @pytest.mark.parametrize('workers', [[], ['--workers', '2']], ids=['alone', 'workers'])
    def test_over_the_api(self, vaurien_command: StartCommand, raw_backend: RawBackend, workers: list[str]) -> None:
        toxics = 'limit_data(bytes=5)@upstream, latency(latency=1000s)'
        command = vaurien_command('--backend', raw_backend.address, '--toxic', toxics, '--http', *workers)

        def show() -> Any:
            (shown,) = requests.get(f'{command.api}/links', timeout=TIMEOUT).json()['links']
            return shown

        for method, path, change in (('DELETE', '/links/1', None), ('PATCH', '/proxies/vaurien', {'enabled': False})):
            with Peer.connect(command.port) as client:
                backend = raw_backend.accept()
                backend.send(GREETING)
                eventually(lambda: show()['bytes']['downstream'])
                client.send(b'0123456789')
                assert backend.recv_all() == b'01234'
                assert show()['backend'] is None
                assert requests.request(method, command.api + path, json=change, timeout=TIMEOUT).ok
                assert client.recv_all() == b''

    @pytest.mark.parametrize('kind', ['timeout', 'reset_peer'])
    def test_another_toxic_is_added_that_ends_it(self, proxy: Proxy, late: tuple[Peer, Peer], kind: str) -> None:
        add(proxy, kind, timeout=50)
        assert late[0].recv_all() == b''
        eventually(lambda: has_no_link(proxy))

    def test_another_toxic_resets_it(self, proxy: Proxy, raw_backend: RawBackend) -> None:
        add(proxy, 'limit_data', 'upstream', bytes=5)
        add(proxy, 'reset_peer', timeout=100)
        client, backend = join(proxy, raw_backend)
        with lasting(0.1):
            client.send(b'0123456789')
            assert backend.recv_all() == b'01234'
            with pytest.raises(ConnectionResetError):
                client.recv()
        eventually(lambda: has_no_link(proxy))

    def test_the_peer_leaves_without_having_read(self, proxy: Proxy, raw_backend: RawBackend) -> None:
        silent = add(proxy, 'timeout', 'upstream')
        add(proxy, 'latency', latency=1)
        client, backend = join(proxy, raw_backend)
        Flow(backend, repeat(PATTERN, MANY)).wait_until_stuck()
        remove(proxy, silent)
        assert is_leaving(proxy)
        client.close()
        eventually(lambda: has_no_link(proxy))

    def test_the_client_resets_its_connection(self, proxy: Proxy, late: tuple[Peer, Peer]) -> None:
        late[0].reset()
        eventually(lambda: has_no_link(proxy))

    def test_the_backend_resets_its_connection(self, proxy: Proxy, raw_backend: RawBackend) -> None:
        add(proxy, 'limit_data', bytes=5)
        add(proxy, 'bandwidth', 'upstream', rate=0)
        client, backend = join(proxy, raw_backend)
        client.send(b'late')
        eventually(lambda: is_held(proxy, 'upstream'))
        backend.send(b'0123456789')
        assert client.recv_all() == b'01234'
        backend.reset()
        eventually(lambda: has_no_link(proxy))

    @pytest.mark.parametrize('rate', [0, 1_000_000])
    def test_nothing_moves(self, raw_backend: RawBackend, rate: int) -> None:
        """Because of a toxic, or because the peer reads nothing."""
        with make_proxy(raw_backend, idle_timeout=0.5) as proxy:
            add(proxy, 'bandwidth', rate=rate)
            add(proxy, 'limit_data', 'upstream', bytes=5)
            client, backend = join(proxy, raw_backend)
            if rate:
                flow = Flow(backend, repeat(PATTERN, MANY))
                flow.wait_until_stuck()
            else:
                backend.send(GREETING)
                eventually(lambda: is_held(proxy))
            client.send(b'0123456789')
            eventually(lambda: has_no_link(proxy))
            assert inside(proxy, lambda server: server.counters.counts()).upstream_sent == 5

    def test_something_moves_later(self, raw_backend: RawBackend) -> None:
        with make_proxy(raw_backend, idle_timeout=0.5) as proxy:
            add(proxy, 'latency', latency=1500)
            add(proxy, 'limit_data', 'upstream', bytes=5)
            client, backend = join(proxy, raw_backend)
            backend.send(GREETING)
            eventually(lambda: is_held(proxy))
            client.send(b'0123456789')
            assert client.recv_all() == GREETING

    def test_a_toxic_that_fails(self, proxy: Proxy, late: tuple[Peer, Peer], toxics: Registry[BaseToxic]) -> None:
        @toxics.register
        class Broken(BaseToxic):
            """Raises."""

            name = 'broken'

            def emit(self, now: float) -> Item | None:
                """Raise."""
                raise ValueError('broken')

        add(proxy, 'broken')
        with pytest.raises(ConnectionResetError):
            late[0].recv()
        eventually(lambda: has_no_link(proxy))

    def test_a_pulled_cable_takes_nothing_more(self, proxy: Proxy, raw_backend: RawBackend) -> None:
        add(proxy, 'latency', latency=FOR_EVER)
        client, backend = join(proxy, raw_backend)
        backend.send(GREETING)
        eventually(lambda: is_held(proxy))
        with proxy.with_behavior('unplug'):
            add(proxy, 'timeout', 'upstream', timeout=50)
            assert backend.recv_all() == b''
            assert client.recv_all() == b''


class TestWhatIsKnown:
    def test_the_link_counts_until_its_end(self, proxy: Proxy, late: tuple[Peer, Peer]) -> None:
        client, _ = late
        assert proxy.status()['links'] == {'open': 1, 'total': 1}
        (shown,) = proxy.links()
        assert shown['backend'] is None
        assert shown['client'] is not None
        assert shown['bytes'] == {'upstream': 10, 'downstream': len(GREETING)}
        inside(proxy, lambda server: server.toxics.clear())
        assert client.recv_all() == GREETING
        eventually(lambda: has_no_link(proxy))
        counts = inside(proxy, lambda server: server.counters.counts())
        assert (counts.upstream_received, counts.upstream_sent) == (10, 5)
        assert (counts.downstream_received, counts.downstream_sent) == (len(GREETING), len(GREETING))
        assert counts.exchanges == 1

    def test_toxics_that_come_and_change_act_on_what_is_left(self, proxy: Proxy, late: tuple[Peer, Peer]) -> None:
        client, _ = late
        add(proxy, 'duplicate')  # which has the one before it let go
        assert client.recv_all() == 2 * GREETING

    def test_arming_leaves_it_alone(self, proxy: Proxy, late: tuple[Peer, Peer]) -> None:
        client, _ = late
        with proxy.with_behavior('unplug'), proxy.with_behavior('delay', sleep=0):
            assert client.is_silent(A_MOMENT)
        inside(proxy, lambda server: server.toxics.clear())
        assert client.recv_all() == GREETING

    def test_no_descriptor_is_left(self, raw_backend: RawBackend) -> None:
        with make_proxy(raw_backend) as proxy:
            far = add(proxy, 'latency', latency=FOR_EVER)
            add(proxy, 'limit_data', 'upstream', bytes=5)
            before = descriptors()
            for _ in range(5):
                with connect(proxy) as client, raw_backend.accept() as backend:
                    backend.send(GREETING)
                    eventually(lambda: is_held(proxy))
                    client.send(b'0123456789')
                    assert backend.recv_all() == b'01234'
                    update(proxy, 'latency')
                    assert client.recv_all() == GREETING
                    update(proxy, 'latency', latency=far.attributes['latency'])
            wait_until_none_is_left(before)


class TestBehaviors:
    """They come before the toxics of their stream."""

    def ask(self, client: Peer, server: Peer) -> None:
        """The client sends a request, and the backend a reply."""
        client.send(REDIS.request)
        assert server.recv_exactly(len(REDIS.request)) == REDIS.request
        server.send(REDIS.reply)

    def ask_twice(self, proxy: Proxy, backend: RawBackend) -> tuple[Peer, Peer]:
        """The first reply waits in a toxic when the second request draws the behavior."""
        client, server = join(proxy, backend)
        for _ in range(2):
            self.ask(client, server)
        return client, server

    def meet(self, proxy: Proxy, client: Peer, behavior: str) -> None:
        """The first reply waits in a toxic, and then the next request meets the behavior."""
        eventually(lambda: is_held(proxy))
        client.send(REDIS.request)
        eventually(lambda: proxy.links()[0]['behavior'] == behavior)

    def test_what_was_sent_before_one_closes_arrives(self, raw_backend: RawBackend) -> None:
        with make_proxy(raw_backend, 'redis') as proxy:
            far = add(proxy, 'latency', latency=FOR_EVER)
            proxy.set_behavior('abort', nth=2)
            client, backend = self.ask_twice(proxy, raw_backend)
            assert backend.recv_all() == b''
            assert client.is_silent(A_MOMENT)
            remove(proxy, far)
            assert client.recv_all() == REDIS.reply

    def test_what_was_sent_before_one_fails_arrives(self, raw_backend: RawBackend) -> None:
        """The backend has ended its stream: nothing can be written behind that."""
        with make_proxy(raw_backend, 'redis') as proxy:
            far = add(proxy, 'latency', latency=FOR_EVER)
            proxy.set_behavior('error', nth=2)
            client, backend = join(proxy, raw_backend)
            self.ask(client, backend)
            backend.shut_down()
            eventually(lambda: inside(proxy, lambda server: only_link(server).down.is_ending))
            client.send(REDIS.request)
            assert backend.recv_all() == b''
            remove(proxy, far)
            assert client.recv_all() == REDIS.reply

    def test_what_was_sent_before_one_is_disarmed_arrives(self, raw_backend: RawBackend, act: Act) -> None:
        def say(protocol: BaseProtocol, source: End, dest: End) -> None:
            source.sendall(b'a part')
            source.sleep(FOR_EVER)

        act(say)
        with make_proxy(raw_backend, 'redis', 'mine') as proxy:
            far = add(proxy, 'latency', latency=FOR_EVER)
            client, backend = join(proxy, raw_backend)
            client.send(REDIS.request)
            eventually(lambda: is_held(proxy))
            proxy.set_behavior('dummy')
            assert backend.recv_all() == b''
            remove(proxy, far)
            assert client.recv_all() == b'a part'

    def test_what_was_sent_before_the_client_ends_one_that_holds_arrives(self, raw_backend: RawBackend) -> None:
        with make_proxy(raw_backend, 'redis') as proxy:
            far = add(proxy, 'latency', latency=FOR_EVER)
            proxy.set_behavior('hold', nth=2)
            client, backend = join(proxy, raw_backend)
            self.ask(client, backend)
            self.meet(proxy, client, 'hold')
            client.shut_down()
            assert backend.recv_all() == b''
            remove(proxy, far)
            assert client.recv_all() == REDIS.reply

    def test_an_answer_to_a_request_that_does_not_parse_arrives(self, raw_backend: RawBackend) -> None:
        with make_proxy(raw_backend, 'http', 'error') as proxy:
            far = add(proxy, 'latency', latency=FOR_EVER)
            client, backend = join(proxy, raw_backend)
            client.send(b'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nZZZ\r\n')
            assert backend.recv_all() == b''
            remove(proxy, far)
            assert client.recv_all().endswith(b', injected by vaurien\n')

    def test_what_was_sent_before_a_reset_that_one_defers_arrives(self, raw_backend: RawBackend, act: Act) -> None:
        may_go = threading.Event()
        act(until(may_go))
        with make_proxy(raw_backend, 'redis') as proxy:
            far = add(proxy, 'latency', latency=FOR_EVER)
            proxy.set_behavior('mine', nth=2)
            client, backend = join(proxy, raw_backend)
            self.ask(client, backend)
            self.meet(proxy, client, 'mine')
            backend.reset()
            eventually(lambda: inside(proxy, lambda server: only_link(server).down.ended))
            may_go.set()
            eventually(lambda: proxy.links()[0]['behavior'] is None)
            assert client.is_silent(A_MOMENT)
            remove(proxy, far)
            assert client.recv_exactly(len(REDIS.reply)) == REDIS.reply
            with pytest.raises(ConnectionResetError):
                client.recv()

    def test_what_one_holds_is_lost_when_a_toxic_ends_the_link(self, raw_backend: RawBackend) -> None:
        with make_proxy(raw_backend, 'redis') as proxy:
            far = add(proxy, 'latency', latency=FOR_EVER)
            proxy.set_behavior('delay', sleep=1000, before=False, nth=2)
            client, backend = self.ask_twice(proxy, raw_backend)
            eventually(lambda: is_held(proxy))
            eventually(lambda: proxy.links()[0]['behavior'] == 'delay')
            add(proxy, 'timeout', 'upstream', timeout=50)
            assert backend.recv_all() == b''
            eventually(lambda: count_greenlets(proxy) == 0)
            remove(proxy, far)
            assert client.recv_all() == REDIS.reply


class TestWithoutBehaviors:
    """What else closes a link."""

    def test_what_a_protocol_has_sent_before_it_closes_arrives(
        self, raw_backend: RawBackend, protocols: Registry[BaseProtocol]
    ) -> None:
        @protocols.register
        class Brief(BaseProtocol):
            """Ends each link behind the first reply."""

            name = 'brief'

            def _handle(self, source: End, dest: End, to_backend: bool) -> bool:
                dest.sendall(source.recv())
                return to_backend

        with Proxy(raw_backend.address, 'brief') as proxy:
            far = add(proxy, 'latency', latency=FOR_EVER)
            client, backend = join(proxy, raw_backend)
            client.send(b'ping')
            assert backend.recv_exactly(4) == b'ping'
            backend.send(b'pong')
            assert backend.recv_all() == b''
            assert client.is_silent(A_MOMENT)
            remove(proxy, far)
            assert client.recv_all() == b'pong'

    def test_what_the_last_backend_has_sent_arrives(self, proxy: Proxy, raw_backend: RawBackend) -> None:
        far = add(proxy, 'latency', latency=FOR_EVER)
        client, backend = join(proxy, raw_backend)
        backend.send(GREETING)
        eventually(lambda: is_held(proxy))
        proxy.set_backend('localhost:1')
        assert backend.recv_all() == b''
        assert client.is_silent(A_MOMENT)
        remove(proxy, far)
        assert client.recv_all() == GREETING

    def test_all_that_was_sent_upstream_is_lost(self, proxy: Proxy, raw_backend: RawBackend) -> None:
        """Nobody waits for a reply any more."""
        add(proxy, 'latency', 'upstream', latency=FOR_EVER)
        client, backend = join(proxy, raw_backend)
        client.send(b'late')
        eventually(lambda: is_held(proxy, 'upstream'))
        proxy.set_backend('localhost:1')
        assert backend.recv_all() == b''
        assert client.recv_all() == b''
