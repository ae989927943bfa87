"""What passes, in each protocol: ends, resets, and every byte in its place, however slow whoever reads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.behaviors.waiting import eventually
from tests.commands import StartCommand
from tests.engine.talk import (
    MB,
    Language,
    checksum,
    connect,
    every_language,
    inside,
    join,
    make_proxy,
    only_link,
    receive_exactly,
)
from tests.peers import Peer, RawBackend
from vaurien.embedded import Proxy

#: More than all buffers between two peers ever take.
LARGE = 200 * MB
#: What a link with a peer that does not read may add to the memory of the process.
MOST_MEMORY = 4 * MB

every_passing_behavior = pytest.mark.parametrize(
    ('behavior', 'options'),
    [('dummy', {}), ('delay', {'sleep': 0.01, 'before': True}), ('delay', {'sleep': 0.01, 'before': False})],
    ids=['dummy', 'delay', 'delay-reply'],
)


class Flow:
    """Pieces being sent in the background: how far it got, and whether it is stuck."""

    def __init__(self, peer: Peer, pieces: Iterator[bytes]) -> None:
        self.sent = 0
        self._peer = peer
        self._pieces = pieces
        self._thread = threading.Thread(target=self._run, daemon=True)
        peer.sock.settimeout(None)
        self._thread.start()

    def _run(self) -> None:
        with suppress(OSError):  # the test fails anyway
            for piece in self._pieces:
                rest = memoryview(piece)
                while rest:
                    count = self._peer.sock.send(rest)
                    self.sent += count
                    rest = rest[count:]

    def wait_until_stuck(self) -> None:
        """Return once nothing has moved for a while."""
        before = -1
        while before != self.sent:
            before = self.sent
            self._thread.join(0.25)
            assert self._thread.is_alive(), 'all of it went into some buffer'

    def join(self) -> None:
        """All was sent."""
        self._thread.join()


def memory(pid: int) -> int:
    """The resident set of a process, in bytes."""
    with open(f'/proc/{pid}/statm') as file:  # noqa: PTH123  # read often
        return int(file.read().split()[1]) * 4096


@pytest.fixture
def proxy(raw_backend: RawBackend, language: Language, behavior: str, options: dict[str, object]) -> Iterator[Proxy]:
    with make_proxy(raw_backend, language.protocol, behavior, options={behavior: options}) as proxy:
        yield proxy


@every_language
@every_passing_behavior
class TestEnds:
    """Of streams that carry short exchanges."""

    def test_a_client_that_sends_no_more_gets_the_whole_reply(
        self, proxy: Proxy, raw_backend: RawBackend, language: Language
    ) -> None:
        client, backend = join(proxy, raw_backend)
        client.send(language.request)
        client.shut_down()
        assert backend.recv_all() == language.request
        backend.send(language.reply[:3])
        assert client.recv_exactly(3) == language.reply[:3]
        assert client.is_silent(0.05)
        backend.send(language.reply[3:])
        backend.close()
        assert client.recv_all() == language.reply[3:]
        client.close()

    def test_a_client_that_says_nothing_and_leaves(self, proxy: Proxy, raw_backend: RawBackend) -> None:
        client, backend = join(proxy, raw_backend)
        client.close()
        assert backend.recv() == b''
        backend.close()
        eventually(lambda: proxy.status()['links'] == {'open': 0, 'total': 1})

    def test_a_backend_that_sends_no_more_is_still_sent_to(
        self, proxy: Proxy, raw_backend: RawBackend, language: Language
    ) -> None:
        client, backend = join(proxy, raw_backend)
        client.send(language.request)
        assert backend.recv_exactly(len(language.request)) == language.request
        backend.send(language.reply)
        backend.shut_down()
        assert client.recv_all() == language.reply
        client.send(language.request)
        client.close()
        assert backend.recv_all() == language.request
        backend.close()

    def test_a_reset_by_the_client(self, proxy: Proxy, raw_backend: RawBackend, language: Language) -> None:
        client, backend = join(proxy, raw_backend)
        client.send(language.request)
        assert backend.recv_exactly(len(language.request)) == language.request
        client.reset()
        with pytest.raises(ConnectionResetError):
            backend.recv()
        eventually(lambda: proxy.status()['links']['open'] == 0)

    def test_a_reset_by_the_backend(self, proxy: Proxy, raw_backend: RawBackend, language: Language) -> None:
        client, backend = join(proxy, raw_backend)
        client.send(language.request)
        assert backend.recv_exactly(len(language.request)) == language.request
        backend.reset()
        with pytest.raises(ConnectionResetError):
            client.recv()
        eventually(lambda: proxy.status()['links']['open'] == 0)
        client.close()

    def test_a_reset_in_the_middle_of_a_reply(self, proxy: Proxy, raw_backend: RawBackend, language: Language) -> None:
        client, backend = join(proxy, raw_backend)
        client.send(language.request)
        assert backend.recv_exactly(len(language.request)) == language.request
        backend.send(language.reply[:3])
        assert client.recv_exactly(3) == language.reply[:3]
        backend.reset()
        with pytest.raises(ConnectionResetError):
            client.recv()
        client.close()

    def test_a_reset_between_two_exchanges(self, proxy: Proxy, raw_backend: RawBackend, language: Language) -> None:
        for left, other in ((0, 1), (1, 0)):
            peers = client, backend = join(proxy, raw_backend)
            client.send(language.request)
            assert backend.recv_exactly(len(language.request)) == language.request
            backend.send(language.reply)
            assert client.recv_exactly(len(language.reply)) == language.reply
            peers[left].reset()
            with pytest.raises(ConnectionResetError):
                peers[other].recv()
            client.close()

    def test_a_request_cut_short(self, proxy: Proxy, raw_backend: RawBackend, language: Language) -> None:
        client, backend = join(proxy, raw_backend)
        client.send(language.request[:-1])
        client.close()
        assert backend.recv_all() == language.request[:-1]
        backend.close()

    def test_a_reply_cut_short(self, proxy: Proxy, raw_backend: RawBackend, language: Language) -> None:
        client, backend = join(proxy, raw_backend)
        client.send(language.request)
        assert backend.recv_exactly(len(language.request)) == language.request
        backend.send(language.reply[:-1])
        backend.close()
        assert client.recv_all() == language.reply[:-1]
        client.close()


@every_language
def test_what_a_backend_said_before_its_reset(raw_backend: RawBackend, language: Language) -> None:
    """It arrives, though the proxy learns of the reset by sending, before it has read the reply."""
    with make_proxy(raw_backend, language.protocol) as proxy:
        client, backend = join(proxy, raw_backend)
        client.send(language.request)
        assert backend.recv_exactly(len(language.request)) == language.request
        inside(proxy, lambda server: only_link(server).down.reader.stop())
        backend.send(language.reply)
        backend.reset()
        client.send(language.request)
        assert client.recv_exactly(len(language.reply)) == language.reply
        with pytest.raises(ConnectionResetError):
            client.recv()


@every_language
@every_passing_behavior
class TestLarge:
    """Messages larger than what is held of any."""

    def test_both_ways(self, proxy: Proxy, raw_backend: RawBackend, language: Language) -> None:
        client, backend = join(proxy, raw_backend)
        for _ in range(2):
            up = Flow(client, language.upload(20 * MB))
            down_size = sum(map(len, language.download(20 * MB)))
            up_size = sum(map(len, language.upload(20 * MB)))
            assert checksum(receive_exactly(backend, up_size)) == checksum(language.upload(20 * MB))
            up.join()
            down = Flow(backend, language.download(20 * MB))
            assert checksum(receive_exactly(client, down_size)) == checksum(language.download(20 * MB))
            down.join()
        client.close()
        assert backend.recv() == b''
        backend.close()


@every_language
@pytest.mark.parametrize('behavior', ['dummy', 'delay'])
class TestBackPressure:
    """A peer that does not read stops the other, and costs the process no memory."""

    def command_flags(self, language: Language, backend: RawBackend, behavior: str) -> list[str]:
        flags = ['--backend', backend.address, '--protocol', language.protocol, '--log-level', 'warning']
        if language.protocol == 'http':
            flags += ['--protocol-http-overwrite-host-header', 'false']
        return [*flags, '--behavior', behavior, '--behavior-delay-sleep', '0', '--behavior-delay-before', 'false']

    def test_a_client_that_does_not_read(
        self, vaurien_command: StartCommand, raw_backend: RawBackend, language: Language, behavior: str
    ) -> None:
        command = vaurien_command(*self.command_flags(language, raw_backend, behavior))
        with Peer.connect(command.port) as client, raw_backend.accept() as backend:
            client.send(language.request)
            backend.recv_exactly(len(language.request))
            before = memory(command.pid)
            flow = Flow(backend, language.download(LARGE))
            flow.wait_until_stuck()
            assert memory(command.pid) - before < MOST_MEMORY
            client.shut_down()
            size = sum(map(len, language.download(LARGE)))
            assert checksum(receive_exactly(client, size)) == checksum(language.download(LARGE))
            assert memory(command.pid) - before < MOST_MEMORY
        assert command.stop()[0] == 0

    def test_a_backend_that_does_not_read(
        self, vaurien_command: StartCommand, raw_backend: RawBackend, language: Language, behavior: str
    ) -> None:
        command = vaurien_command(*self.command_flags(language, raw_backend, behavior))
        with Peer.connect(command.port) as client, raw_backend.accept() as backend:
            before = memory(command.pid)
            flow = Flow(client, language.upload(LARGE))
            flow.wait_until_stuck()
            assert memory(command.pid) - before < MOST_MEMORY
            size = sum(map(len, language.upload(LARGE)))
            assert checksum(receive_exactly(backend, size)) == checksum(language.upload(LARGE))
            assert memory(command.pid) - before < MOST_MEMORY
            backend.send(language.reply)
            assert client.recv_exactly(len(language.reply)) == language.reply


def test_small_writes_are_not_held_back(raw_backend: RawBackend) -> None:
    """Neither side waits for acknowledgements (Nagle's algorithm) that the peer may delay."""
    with make_proxy(raw_backend) as proxy:
        client, backend = connect(proxy), raw_backend.accept()
        with client, backend:
            for sender, receiver in ((client, backend), (backend, client)):
                for _ in range(20):
                    sender.send(b'a')
                    receiver.recv()
