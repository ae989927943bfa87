"""What stages share beyond their link, and the rate of several links together, over real sockets."""

from __future__ import annotations

import gc
import os
import selectors
from contextlib import ExitStack
from time import monotonic

import pytest

from tests.engine.talk import PATTERN, connect, make_proxy
from tests.engine.test_toxicity import FakeLink, Played, stage_of, toxic
from tests.peers import Peer, RawBackend
from tests.servers import TIMEOUT
from vaurien.engine.commons import Commons
from vaurien.plugins.wire import Wire

#: What each link is sent.
SIZE = 150_000
#: Thousands of bytes in a second, of all links together.
RATE = 1000


def wire_of(link: FakeLink) -> Wire:
    shared = stage_of(link.down).shared
    assert isinstance(shared, Wire)
    return shared


class TestCommons:
    def test_each_toxic_has_its_own(self) -> None:
        commons = Commons()
        wire = commons.find(toxic('bandwidth'), False)
        assert commons.find(toxic('bandwidth', rate=5), False) is wire
        assert commons.find(toxic('bandwidth', name='other'), False) is not wire
        assert commons.find(toxic('bandwidth'), True) is not wire
        assert Commons().find(toxic('bandwidth'), False) is not wire

    def test_it_lasts_as_long_as_somebody_has_it(self) -> None:
        commons = Commons()
        commons.find(toxic('bandwidth'), False).enter('somebody', 0.0, 1000, 1, 0.0)
        gc.collect()
        assert commons.find(toxic('bandwidth'), False).enter('somebody', 0.0, 10, 1, 0.0) == (10, 0.01)


class TestStages:
    def test_links_of_a_proxy_share(self) -> None:
        played, other = Played(), Played()
        for one in (played, other):
            one.toxics.add(toxic('bandwidth', shared='proxy'))
        assert wire_of(played.open()) is wire_of(played.open())
        assert wire_of(other.open()) is not wire_of(played.open())

    def test_proxies_of_a_process_share_what_has_one_name(self) -> None:
        played, other = Played(), Played()
        played.toxics.add(toxic('bandwidth', shared='process'))
        for name in ('bandwidth_downstream', 'another'):
            other.toxics.add(toxic('bandwidth', shared='process', name=name))
        theirs, another = other.open().down.enchain().stages
        assert wire_of(played.open()) is theirs.shared is not another.shared

    def test_the_streams_do_not(self) -> None:
        played = Played()
        played.toxics.add(toxic('bandwidth', 'both', rate=1, shared='proxy'))
        links = [played.open() for _ in range(2)]
        for rate in (1, 2):
            played.toxics.update(toxic('bandwidth', 'both', rate=rate, shared='proxy'))
            (up, down), others = [[stage_of(stream).shared for stream in (link.up, link.down)] for link in links]
            assert [up, down] == others
            assert up is not down

    @pytest.mark.parametrize('shared', [None, 'link'])
    def test_else_nothing_is_shared(self, shared: str | None) -> None:
        played = Played()
        played.toxics.add(toxic('bandwidth', shared=shared))
        assert stage_of(played.open().down).shared is None

    def test_a_change_is_that_of_every_link(self) -> None:
        played = Played()
        links = [played.open() for _ in range(3)]
        played.toxics.add(toxic('bandwidth', rate=1, shared='proxy'))
        wire = wire_of(links[0])
        played.toxics.update(toxic('bandwidth', rate=2, shared='proxy'))
        assert {stage_of(link.down).option('rate') for link in links} == {2}
        assert {wire_of(link) for link in links} == {wire}
        played.toxics.update(toxic('bandwidth', rate=2))
        assert {stage_of(link.down).shared for link in links} == {None}

    def test_a_closed_link_leaves_its_turn_to_others(self) -> None:
        played = Played()
        played.toxics.add(toxic('bandwidth', rate=1, shared='proxy'))
        link = played.open()
        closed, chain = played.open().down.enchain(), link.down.enchain()
        closed.send(b'.' * 1000)
        before = monotonic()
        closed.stop()
        chain.send(b'.' * 10)
        assert stage_of(link.down).next_step - before < 0.05, 'and not after the tenth of a second that was taken'


def send_all(peer: Peer) -> None:
    """Send a client what is meant for it."""
    peer.send(PATTERN[:SIZE])
    peer.recv()


def receive(clients: list[Peer]) -> int:
    """Receive everything; return by how much one had more than another at most.

    It is received in small pieces: what waits for a client when the machine is busy is not to count at once.
    """
    received = {client.sock.fileno(): 0 for client in clients}
    ahead = 0
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client.sock, selectors.EVENT_READ)
        while min(received.values()) < SIZE:
            ready = selector.select(TIMEOUT)
            assert ready
            for key, _ in ready:
                received[key.fd] += len(os.read(key.fd, 4096))
            ahead = max(ahead, max(received.values()) - min(received.values()))
    return ahead


@pytest.fixture
def backend(raw_backend: RawBackend) -> RawBackend:
    return raw_backend.serve(send_all)


@pytest.mark.parametrize(('scope', 'proxies', 'links'), [('proxy', 1, 4), ('process', 2, 2)])
def test_four_links_have_one_rate(backend: RawBackend, scope: str, proxies: int, links: int) -> None:
    """They are never faster. A busy machine may hold any of them up, so the best of some attempts is to be as fast."""
    expected = proxies * links * SIZE / (RATE * 1000)
    attempts: list[tuple[float, int]] = []
    while len(attempts) < 10:
        with ExitStack() as stack:
            served = [stack.enter_context(make_proxy(backend)) for _ in range(proxies)]
            for proxy in served:
                proxy.add_toxic('bandwidth', rate=f'{RATE}KB/s', shared=scope)
            began = monotonic()
            ahead = receive([connect(proxy) for proxy in served for _ in range(links)])
            took = monotonic() - began
        assert took > 0.98 * expected
        attempts.append((took, ahead))
        if took < 1.06 * expected and ahead < SIZE / 3:
            return
    raise AssertionError(f'seconds, and bytes that one link was ahead: {attempts}')
