"""Recording some exchanges, while somebody wants some."""

from __future__ import annotations

from collections.abc import Callable
from socket import SHUT_WR
from typing import TypeVar

import gevent
import pytest
from gevent import socket as green

from tests.engine.test_chain import FOR_EVER, entry_of
from tests.loop import in_loop
from tests.servers import HOST, TIMEOUT
from vaurien.address import Address
from vaurien.engine.dispatcher import Dispatcher
from vaurien.engine.proxy import ProxyServer
from vaurien.engine.recording import Timed
from vaurien.engine.traffic import PLAIN
from vaurien.engine.unrecorded import UNRECORDED
from vaurien.framing.meaning import ReplyClass
from vaurien.rules.behaviors import make_rules
from vaurien.settings import ProxySettings

Result = TypeVar('Result')


class Sampled:
    """A proxy between a client and a backend that the test plays, of which so many exchanges are recorded."""

    def __init__(self, protocol: str = 'redis') -> None:
        self._listener = green.socket()
        self._listener.bind((HOST, 0))
        self._listener.listen()
        settings = ProxySettings(
            proxy=Address(HOST, 0), backend=Address(*self._listener.getsockname()), protocol=protocol
        )
        self.proxy = ProxyServer(settings)
        self.proxy.start()
        self.client = green.create_connection(tuple(self.proxy.address), TIMEOUT)
        self.backend, _ = self._listener.accept()
        self.backend.settimeout(TIMEOUT)
        self.told: list[Timed] = []
        self.left = 0

    def close(self) -> None:
        for sock in self.client, self.backend, self._listener:
            sock.close()
        self.proxy.shut_down()

    def open(self, count: int) -> None:
        """Have *count* exchanges recorded."""
        self.left = count
        self.proxy.recording.open(self._take, self.told.append)

    def _take(self) -> None:
        self.left -= 1
        if not self.left:
            self.proxy.recording.close()

    def ask(self, data: bytes) -> None:
        """Have the client send something, which arrives."""
        self.client.sendall(data)
        assert self.read(self.backend, len(data)) == data

    def answer(self, data: bytes) -> None:
        """Have the backend send something, which arrives."""
        self.backend.sendall(data)
        assert self.read(self.client, len(data)) == data

    @staticmethod
    def read(sock: green.socket, size: int) -> bytes:
        data = b''
        while len(data) < size:
            data += sock.recv(size - len(data))
        return data

    @property
    def numbers(self) -> list[int]:
        """The numbers of the exchanges that were told of."""
        return [timed.entry.exchange for timed in self.told]

    @property
    def is_recorded(self) -> bool:
        """Whether anything records the exchanges of the link."""
        (link,) = self.proxy.links.values()
        return isinstance(link.traffic, Dispatcher) and link.traffic.recorder is not UNRECORDED


def sampled(play: Callable[[Sampled], Result], protocol: str = 'redis') -> Result:
    def run() -> Result:
        played = Sampled(protocol)
        try:
            return play(played)
        finally:
            played.close()

    return in_loop(run)


def test_as_many_as_are_wanted_also_of_a_pipeline() -> None:
    def play(played: Sampled) -> None:
        played.ask(b'PING\r\n')
        played.answer(b'+PONG\r\n')
        assert not played.is_recorded
        played.open(3)
        played.ask(b'PING\r\n' * 5)
        assert played.is_recorded
        played.answer(b'+PONG\r\n' * 5)
        assert played.numbers == [2, 3, 4]
        assert not played.is_recorded
        played.open(1)
        played.ask(b'PING\r\n')
        played.answer(b'-ERR\r\n')
        assert played.numbers == [2, 3, 4, 7]
        assert played.told[-1].entry.reply is ReplyClass.ERROR

    sampled(play)


def test_replies_that_are_still_to_come_are_those_of_others() -> None:
    def play(played: Sampled) -> None:
        played.ask(b'PING\r\n' * 2)
        played.open(1)
        played.ask(b'GET a\r\n')
        played.answer(b'+PONG\r\n')
        played.answer(b'+PONG\r\n-ERR')
        assert played.told == []
        played.answer(b'\r\n')
        (timed,) = played.told
        assert (timed.entry.exchange, timed.entry.request, timed.entry.received) == (3, 'GET a', 6)
        assert timed.entry.reply is ReplyClass.ERROR
        assert not played.is_recorded

    sampled(play)


def test_it_begins_with_a_request() -> None:
    def play(played: Sampled) -> None:
        played.ask(b'*3\r\n$3\r\nSET\r\n$1\r\na\r\n$300000\r\n' + bytes(100_000))
        played.open(1)
        played.ask(bytes(200_000) + b'\r\n')
        assert not played.is_recorded
        played.answer(b'+OK\r\n')
        played.ask(b'GET b\r\n')
        played.answer(b'$-1\r\n')
        assert [timed.entry.request for timed in played.told] == ['GET b']

    sampled(play)


def test_who_closes_meanwhile() -> None:
    def play(played: Sampled) -> None:
        played.open(1)
        played.ask(b'GET a\r\n')
        played.client.close()
        played.backend.close()
        with gevent.Timeout(TIMEOUT):
            while not played.told:
                gevent.sleep(0.001)
        (timed,) = played.told
        assert (timed.backend_time, timed.client_time, timed.entry.executed) == (None, None, True)

    sampled(play)


def test_a_fault_is_drawn_as_without() -> None:
    """And the rules that are armed stay so, whoever looks."""

    def play(played: Sampled) -> None:
        played.proxy.arm(make_rules('error(match="GET *")'))
        played.open(1)
        played.ask(b'PING\r\n')
        played.answer(b'+PONG\r\n')
        assert not played.is_recorded
        played.client.sendall(b'GET a\r\n')
        assert played.client.recv(100).startswith(b'-ERR')
        played.open(2)
        played.client.sendall(b'GET a\r\n')
        assert played.client.recv(100).startswith(b'-ERR')
        assert [timed.entry.behavior for timed in played.told] == [None, 'error']

    sampled(play)


@pytest.mark.parametrize('is_cut', [False, True])
def test_a_reply_that_is_late_when_a_toxic_has_closed_the_other_connection(is_cut: bool) -> None:
    def play(played: Sampled) -> None:
        (link,) = played.proxy.links.values()
        played.proxy.toxics.add(entry_of('latency', 'downstream', latency=FOR_EVER))
        played.proxy.toxics.add(entry_of('limit_data', 'upstream', bytes=7))
        played.open(1)
        played.ask(b'PING\r\n')
        played.backend.sendall(b'+PONG\r\n')
        with gevent.Timeout(TIMEOUT):
            while not link.down.received:
                gevent.sleep(0.001)
        played.client.sendall(b'PING\r\n')
        assert played.read(played.backend, 1) == b'P'
        assert played.backend.recv(1) == b''
        assert link.is_leaving
        assert played.told == []
        if is_cut:
            link.end()
            assert played.client.recv(1) == b''
        else:
            played.proxy.toxics.clear()
            assert played.read(played.client, 7) == b'+PONG\r\n'
        with gevent.Timeout(TIMEOUT):
            while not played.told:
                gevent.sleep(0.001)
        (timed,) = played.told
        assert timed.backend_time is not None
        assert (timed.client_time is None) is is_cut

    sampled(play)


def test_an_answer_that_is_late_when_a_behavior_closes() -> None:
    def play(played: Sampled) -> None:
        far = entry_of('latency', 'downstream', latency=FOR_EVER)
        played.proxy.toxics.add(far)
        played.proxy.arm(make_rules('error(close=true)'))
        played.open(1)
        played.client.sendall(b'PING\r\n')
        played.client.shutdown(SHUT_WR)
        assert played.backend.recv(1) == b''
        assert played.told == []
        played.proxy.toxics.remove(far.name)
        assert played.client.recv(100).startswith(b'-ERR')
        with gevent.Timeout(TIMEOUT):
            while not played.told:
                gevent.sleep(0.001)
        assert played.told[0].client_time is not None

    sampled(play)


@pytest.mark.parametrize('armed', [False, True])
def test_opaque_bytes_are_looked_at_once(armed: bool) -> None:
    def play(played: Sampled) -> None:
        (link,) = played.proxy.links.values()
        if armed:
            played.proxy.arm(make_rules('delay(match="9 *")'))
        played.open(1)
        played.proxy.look_at_some(1)
        assert link.traffic is not PLAIN
        played.ask(b'hello')
        played.answer(b'hi')
        assert [timed.entry.request for timed in played.told] == ['5 bytes']
        assert (link.traffic is PLAIN) is not armed
        played.ask(b'hello')
        played.answer(b'hi')
        assert link.counts() == (2, 10, 10, 4, 4)

    sampled(play, 'tcp')
