"""Long transfers go through a pipe, and nobody can tell."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.behaviors.waiting import eventually
from tests.descriptors import descriptors
from tests.engine.talk import PATTERN, inside, join, make_proxy, only_link
from tests.peers import Peer, RawBackend
from tests.servers import TIMEOUT
from vaurien.embedded import Proxy
from vaurien.engine.proxy import ProxyServer
from vaurien.engine.stream import Stream

#: Much more than the buffers of four sockets and a pipe hold.
DATA = PATTERN * 40


class Transfer:
    """Bytes from one peer of a link to the other, sent in the background."""

    def __init__(self, proxy: Proxy, backend: RawBackend, direction: str) -> None:
        self.proxy = proxy
        self.direction = direction
        self.peers = self.client, self.backend = join(proxy, backend)
        self.sender, self.receiver = self.peers if direction == 'upstream' else self.peers[::-1]
        self._sending: threading.Thread | None = None
        self.failure: OSError | None = None

    def stream(self, server: ProxyServer) -> Stream:
        """The stream that it goes through."""
        link = only_link(server)
        return link.up if self.direction == 'upstream' else link.down

    def is_spliced(self) -> bool:
        """Whether the pipe is in use."""
        return inside(self.proxy, lambda server: self.stream(server).splice is not None)

    def is_stuck(self) -> bool:
        """Whether the receiver takes no more for now."""

        def look(server: ProxyServer) -> bool:
            splice = self.stream(server).splice
            return splice is not None and splice.pushing

        return inside(self.proxy, look)

    def begin(self, data: bytes = DATA, *, last: bool = False) -> bytes:
        """Send, then end the stream if this is the *last*; read until the pipe is in use."""

        def send() -> None:
            try:
                self.sender.send(data)
                if last:
                    self.sender.shut_down()
            except OSError as error:
                self.failure = error

        self._sending = threading.Thread(target=send, daemon=True)
        self._sending.start()
        got = bytearray()
        while not self.is_spliced():
            got += self.receiver.recv_exactly(100_000)
            assert len(got) < len(data) // 2, 'this is a long transfer'
        return bytes(got)

    def join(self) -> None:
        """All was sent, or it failed."""
        assert self._sending is not None
        self._sending.join(TIMEOUT)

    def finish(self, got: bytes, data: bytes = DATA) -> None:
        """The rest arrives, too."""
        rest = self.receiver.recv_exactly(len(data) - len(got))
        assert got == data[: len(got)]
        assert rest == data[len(got) :]

    def check_small(self) -> None:
        """The link is as good as new."""
        for _ in range(3):
            self.client.send(b'ping')
            assert self.backend.recv_exactly(4) == b'ping'
            self.backend.send(b'pong')
            assert self.client.recv_exactly(4) == b'pong'


@pytest.fixture(params=['upstream', 'downstream'])
def transfer(request: pytest.FixtureRequest, raw_backend: RawBackend) -> Iterator[Transfer]:
    with make_proxy(raw_backend) as proxy:
        yield Transfer(proxy, raw_backend, request.param)


def test_every_byte_arrives(transfer: Transfer) -> None:
    transfer.finish(transfer.begin())
    transfer.check_small()
    moved = transfer.proxy.status()['bytes']
    assert moved['upstream'] + moved['downstream'] == len(DATA) + 24


def test_the_pipe_goes_when_the_chunks_are_small_again(transfer: Transfer) -> None:
    transfer.finish(transfer.begin())
    for _ in range(1000):
        if not transfer.is_spliced():
            break
        transfer.sender.send(b'tick')
        assert transfer.receiver.recv_exactly(4) == b'tick'
    assert not transfer.is_spliced()
    transfer.check_small()
    transfer.finish(transfer.begin())


def test_the_end_of_the_stream(transfer: Transfer) -> None:
    assert transfer.begin(last=True) + transfer.receiver.recv_all() == DATA
    transfer.receiver.send(b'thanks')
    transfer.receiver.close()
    assert transfer.sender.recv_all() == b'thanks'
    eventually(lambda: transfer.proxy.status()['links']['open'] == 0)


def test_a_reset_by_the_receiver(transfer: Transfer) -> None:
    transfer.begin()
    transfer.receiver.reset()
    transfer.join()
    assert isinstance(transfer.failure, ConnectionError)
    eventually(lambda: transfer.proxy.status()['links']['open'] == 0)


def test_a_reset_by_the_sender(transfer: Transfer) -> None:
    transfer.finish(transfer.begin())
    transfer.join()
    assert transfer.is_spliced()
    transfer.sender.reset()
    with pytest.raises(ConnectionResetError):
        transfer.receiver.recv()
    eventually(lambda: transfer.proxy.status()['links']['open'] == 0)


def test_a_reader_that_stops(transfer: Transfer) -> None:
    got = transfer.begin()
    eventually(transfer.is_stuck)
    transfer.finish(got)


def test_arming_in_the_middle(transfer: Transfer) -> None:
    """Bytes in the pipe keep their place, then faults meet chunks again."""
    got = transfer.begin()
    transfer.proxy.set_behavior('delay', sleep=0)
    transfer.finish(got)
    assert not transfer.is_spliced()
    with transfer.proxy.with_behavior('error'):
        transfer.client.send(b'ping')
        assert len(transfer.client.recv_exactly(1000)) == 1000
        assert transfer.backend.is_silent(0.02)
    transfer.check_small()
    transfer.proxy.set_behavior('dummy')
    transfer.finish(transfer.begin())


def test_arming_and_disarming_all_the_time(transfer: Transfer) -> None:
    done = threading.Event()

    def arm() -> None:
        while not done.is_set():
            transfer.proxy.set_behavior('delay', sleep=0)
            transfer.proxy.set_behavior('dummy')

    thread = threading.Thread(target=arm)
    thread.start()
    threading.Thread(target=transfer.sender.send, args=(DATA,), daemon=True).start()
    try:
        transfer.finish(b'')
    finally:
        done.set()
        thread.join()


def test_what_a_behavior_sends_comes_after_what_is_in_the_pipe(raw_backend: RawBackend) -> None:
    with make_proxy(raw_backend) as proxy:
        transfer = Transfer(proxy, raw_backend, 'downstream')
        got = transfer.begin()
        eventually(transfer.is_stuck)
        in_front = inside(proxy, lambda server: transfer.stream(server).received)
        proxy.set_behavior('error')
        transfer.client.send(b'ping')
        eventually(lambda: proxy.status()['faults'] == {'error': 1})
        everything = got + transfer.client.recv_exactly(len(DATA) + 1000 - len(got))
        assert everything[:in_front] == DATA[:in_front]
        assert everything[in_front + 1000 :] == DATA[in_front:]


def test_without_a_descriptor_for_a_pipe(raw_backend: RawBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(flags: int) -> Any:
        raise OSError(errno.EMFILE, 'Too many open files')

    monkeypatch.setattr(os, 'pipe2', fail)
    with make_proxy(raw_backend) as proxy:
        client, backend = join(proxy, raw_backend)
        threading.Thread(target=client.send, args=(DATA,), daemon=True).start()
        assert backend.recv_exactly(len(DATA)) == DATA


def test_links_that_close_let_their_pipes_go(raw_backend: RawBackend) -> None:
    with make_proxy(raw_backend) as proxy:
        before = len(descriptors())
        for end in (Peer.close, Peer.reset):
            transfer = Transfer(proxy, raw_backend, 'downstream')
            transfer.begin()
            end(transfer.client)
            eventually(lambda: proxy.status()['links']['open'] == 0)
            transfer.backend.close()
        eventually(lambda: len(descriptors()) <= before)
