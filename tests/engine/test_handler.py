"""Protocols that move the bytes themselves, in the manner of the classic version."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import gevent
import pytest

from tests.behaviors.waiting import eventually
from tests.engine.talk import PATTERN, connect, inside, join, only_link
from tests.peers import Peer, RawBackend
from vaurien.behaviors.dummy import Dummy
from vaurien.embedded import Proxy
from vaurien.engine.end import LinkEnd
from vaurien.plugins.end import End
from vaurien.plugins.registry import Registry
from vaurien.protocols.base import BaseProtocol
from vaurien.protocols.http import HTTP
from vaurien.protocols.tcp import TCP

Handle = Callable[[Any, End, End, bool], Any]
Make = Callable[..., Proxy]


@pytest.fixture
def make(protocols: Registry[BaseProtocol], raw_backend: RawBackend, vaurien_proxy: Make) -> Make:
    """Makes a running proxy of a ``_handle``."""

    def make(handle: Handle, behavior: str = 'dummy', *, base: type[BaseProtocol] = TCP, **options: Any) -> Proxy:
        protocols.register(type('Mine', (base,), {'name': 'mine', '_handle': handle}))
        return vaurien_proxy(
            raw_backend.address, 'mine', behavior=behavior, options={behavior: options} if options else {}
        )

    return make


def forward(self: BaseProtocol, source: End, dest: End, to_backend: bool) -> bool:
    """Each chunk, as it comes."""
    data = source.recv(1024)
    if not data:
        return False
    dest.sendall(data)
    return True


def converse(self: BaseProtocol, source: End, dest: End, to_backend: bool) -> bool:
    """A line and the line in reply to it."""
    request = b''
    while not request.endswith(b'\n'):
        data = source.recv(1024)
        if not data:
            return False
        request += data
    dest.sendall(request)
    reply = b''
    while not reply.endswith(b'\n'):
        data = dest.recv(1024)
        if not data:
            return False
        reply += data
    source.sendall(reply)
    return True


both_manners = pytest.mark.parametrize('handle', [forward, converse])


def exchange(client: Peer, backend: Peer) -> None:
    client.send(b'ping\n')
    assert backend.recv_exactly(5) == b'ping\n'
    backend.send(b'pong\n')
    assert client.recv_exactly(5) == b'pong\n'


@both_manners
class TestManners:
    """Of handling what comes."""

    def test_exchanges(self, make: Make, raw_backend: RawBackend, handle: Handle) -> None:
        proxy = make(handle)
        client, backend = join(proxy, raw_backend)
        for _ in range(5):
            exchange(client, backend)
        assert proxy.status()['exchanges'] == 5
        client.close()
        assert backend.recv() == b''
        backend.close()
        eventually(lambda: proxy.status()['links']['open'] == 0)

    def test_a_slow_reply_after_the_client_has_sent_all(
        self, make: Make, raw_backend: RawBackend, handle: Handle
    ) -> None:
        client, backend = join(make(handle), raw_backend)
        client.send(b'ping\n')
        client.shut_down()
        assert backend.recv_exactly(5) == b'ping\n'
        assert client.is_silent(0.05)
        backend.send(b'po')
        backend.send(b'ng\n')
        backend.close()
        assert client.recv_all() == b'pong\n'

    def test_a_large_reply(self, make: Make, raw_backend: RawBackend, handle: Handle) -> None:
        data = PATTERN.replace(b'\n', b' ') + b'\n'
        client, backend = join(make(handle), raw_backend)
        client.send(b'ping\n')
        assert backend.recv_exactly(5) == b'ping\n'
        backend.send(data)
        assert client.recv_exactly(len(data)) == data

    def test_resets(self, make: Make, raw_backend: RawBackend, handle: Handle) -> None:
        proxy = make(handle)
        for one, other in ((0, 1), (1, 0)):
            peers = client, backend = join(proxy, raw_backend)
            exchange(client, backend)
            client.send(b'ping\n')
            assert backend.recv_exactly(5) == b'ping\n'
            peers[one].reset()
            with pytest.raises(ConnectionResetError):
                peers[other].recv()
        eventually(lambda: proxy.status()['links']['open'] == 0)

    def test_the_backend_leaves(self, make: Make, raw_backend: RawBackend, handle: Handle) -> None:
        proxy = make(handle)
        client, backend = join(proxy, raw_backend)
        exchange(client, backend)
        backend.close()
        assert client.recv() == b''
        client.close()
        eventually(lambda: proxy.status()['links']['open'] == 0)

    def test_the_backend_leaves_in_the_middle_of_a_request(
        self, make: Make, raw_backend: RawBackend, handle: Handle
    ) -> None:
        proxy = make(handle)
        client, backend = join(proxy, raw_backend)
        client.send(b'pi')
        eventually(lambda: inside(proxy, lambda server: only_link(server).up.held.position == 2))
        backend.shut_down()
        assert client.recv() == b''

    @pytest.mark.parametrize('base', [TCP, HTTP])
    def test_another_backend(
        self, make: Make, raw_backend: RawBackend, handle: Handle, base: type[BaseProtocol]
    ) -> None:
        """Nothing is known of what moves in there: also one of a stateless protocol is closed."""
        proxy = make(handle, base=base)
        client, backend = join(proxy, raw_backend)
        exchange(client, backend)
        other = RawBackend()
        if handle is converse:
            client.send(b'ping\n')
            assert backend.recv_exactly(5) == b'ping\n'
            proxy.set_backend(other.address)
            backend.send(b'pong\n')
            assert client.recv_exactly(5) == b'pong\n'
        else:
            proxy.set_backend(other.address)
        assert client.recv() == b''
        exchange(*join(proxy, other))
        other.close()


@both_manners
class TestFaults:
    """Each built-in behavior, armed over it."""

    @pytest.mark.parametrize('before', [True, False])
    def test_delay(self, make: Make, raw_backend: RawBackend, handle: Handle, before: bool) -> None:
        proxy = make(handle, 'delay', sleep=0.02, before=before)
        client, backend = join(proxy, raw_backend)
        for _ in range(3):
            exchange(client, backend)
        assert proxy.status()['faults'] == {'delay': 3}

    @pytest.mark.parametrize('name', ['error', 'transient'])
    def test_error(self, make: Make, raw_backend: RawBackend, handle: Handle, name: str) -> None:
        proxy = make(handle, name)
        client, backend = join(proxy, raw_backend)
        for _ in range(3):
            client.send(b'ping\n')
            assert len(client.recv_exactly(1000)) == 1000
        assert backend.is_silent(0.02)
        proxy.set_behavior('dummy')
        exchange(client, backend)

    def test_hang(self, make: Make, raw_backend: RawBackend, handle: Handle) -> None:
        proxy = make(handle, 'hang')
        client, backend = join(proxy, raw_backend)
        client.send(b'ping\n')
        assert client.is_silent(0.05)
        assert backend.is_silent(0.01)
        client.close()
        assert backend.recv() == b''
        client, backend = join(proxy, raw_backend)
        client.send(b'ping\n')
        eventually(lambda: proxy.status()['faults'] == {'hang': 2})
        proxy.set_behavior('dummy')
        client.send(b'ping\n')
        assert backend.recv_exactly(5) == b'ping\n', 'it is let go'

    def test_blackout(self, make: Make, raw_backend: RawBackend, handle: Handle) -> None:
        client, backend = join(make(handle, 'blackout'), raw_backend)
        client.send(b'ping\n')
        assert client.recv() == b''
        assert backend.recv() == b''

    def test_abort(self, make: Make, raw_backend: RawBackend, handle: Handle) -> None:
        client, backend = join(make(handle, 'abort'), raw_backend)
        client.send(b'ping\n')
        assert backend.recv_exactly(5) == b'ping\n'
        backend.send(b'pong\n')
        assert client.recv_all() == (b'' if handle is forward else b'pong\n'), 'if there is anything in between'

    def test_inject(self, make: Make, raw_backend: RawBackend, handle: Handle) -> None:
        client, backend = join(make(handle, 'error', inject=True), raw_backend)
        client.send(b'ping\n')
        assert backend.recv_exactly(5) == b'ping\n'
        backend.send(b'pong\n')
        if handle is converse:  # there is nothing in between
            assert client.recv_exactly(5) == b'pong\n'
        else:
            reply = client.recv_exactly(105)
            assert (reply[:2], reply[-3:]) == (b'po', b'ng\n')


class TestSteps:
    """Behaviors of somebody's around it."""

    @pytest.mark.parametrize('by', ['client', 'backend'])
    def test_a_peer_ends_while_one_is_at_work_that_answers(
        self, make: Make, raw_backend: RawBackend, behaviors: Registry[Dummy], by: str
    ) -> None:
        """The other gets that end behind the answer."""
        may_go = threading.Event()

        class Answering(Dummy):
            name = 'answering'

            def on_before_handle(self, protocol: BaseProtocol, source: End, dest: End, to_backend: bool) -> bool:
                while not may_go.is_set():
                    gevent.sleep(0.001)
                source.sendall(b'no\n')
                return False

        behaviors.register(Answering)
        proxy = make(forward, 'answering')
        client, backend = join(proxy, raw_backend)
        one, other = (client, backend) if by == 'client' else (backend, client)
        client.send(b'ping\n')
        eventually(lambda: proxy.status()['faults'] == {'answering': 1})
        one.shut_down()
        eventually(lambda: inside(proxy, lambda server: only_link(server).up.ended or only_link(server).down.ended))
        assert other.is_silent(0.01)
        may_go.set()
        assert client.recv_exactly(3) == b'no\n'
        assert other.recv() == b''

    def test_one_that_is_let_go_takes_no_step_more(
        self, make: Make, raw_backend: RawBackend, behaviors: Registry[Dummy]
    ) -> None:
        steps = []

        class Waiting(Dummy):
            name = 'waiting'

            def on_before_handle(self, protocol: BaseProtocol, source: End, dest: End, to_backend: bool) -> None:
                steps.append('before')
                source.sleep(100)

            def on_between_handle(self, protocol: BaseProtocol, source: End, dest: End, to_backend: bool) -> None:
                steps.append('between')

            def on_after_handle(self, protocol: BaseProtocol, source: End, dest: End, to_backend: bool) -> None:
                steps.append('after')

        behaviors.register(Waiting)
        proxy = make(forward, 'waiting')
        client, backend = join(proxy, raw_backend)
        client.send(b'ping\n')
        eventually(lambda: steps)
        proxy.set_behavior('dummy')
        assert backend.recv_exactly(5) == b'ping\n'
        backend.send(b'pong\n')
        assert client.recv_exactly(5) == b'pong\n'
        assert steps == ['before']


class TestOddities:
    """Handlers that do little, or the wrong thing."""

    def test_false_ends_the_link(self, make: Make, raw_backend: RawBackend) -> None:
        def once(self: BaseProtocol, source: End, dest: End, to_backend: bool) -> bool:
            forward(self, source, dest, to_backend)
            return False

        client, backend = join(make(once), raw_backend)
        client.send(b'ping\n')
        assert backend.recv_all() == b'ping\n'
        assert client.recv() == b''

    def test_none_goes_on(self, make: Make, raw_backend: RawBackend) -> None:
        def say_nothing(self: BaseProtocol, source: End, dest: End, to_backend: bool) -> None:
            dest.sendall(source.recv())

        client, backend = join(make(say_nothing), raw_backend)
        exchange(client, backend)
        exchange(client, backend)

    @pytest.mark.parametrize('kind', [ValueError, SystemExit, FileNotFoundError])
    def test_one_that_raises(
        self,
        make: Make,
        raw_backend: RawBackend,
        caplog: pytest.LogCaptureFixture,
        kind: type[BaseException],
    ) -> None:
        def fail(self: BaseProtocol, source: End, dest: End, to_backend: bool) -> None:
            source.recv()
            raise kind('unheard of')

        with caplog.at_level(logging.WARNING):
            proxy = make(fail)
            client, backend = join(proxy, raw_backend)
            client.send(b'ping\n')
            for peer in (client, backend):
                with pytest.raises(ConnectionResetError):
                    peer.recv()
            eventually(lambda: proxy.status()['links']['open'] == 0)
        assert [record.getMessage() for record in caplog.records] == [f'mine failed: {kind.__name__}: unheard of']

    def test_one_that_never_reads(self, make: Make, raw_backend: RawBackend) -> None:
        """It is not called over and over again, and its link ends when nobody is left."""
        calls = []

        def ignore(self: BaseProtocol, source: End, dest: End, to_backend: bool) -> bool:
            calls.append(to_backend)
            return True

        proxy = make(ignore, 'delay', sleep=0)
        client, backend = join(proxy, raw_backend)
        client.send(b'ping\n')
        backend.send(b'pong\n')
        eventually(lambda: {*calls} == {True, False})
        iterations = inside(proxy, lambda server: server.loop.iteration)
        time.sleep(0.1)
        assert inside(proxy, lambda server: server.loop.iteration) < iterations + 100, 'it spins'
        assert len(calls) < 10
        client.send(b'more')
        backend.send(b'more')
        eventually(lambda: inside(proxy, lambda server: len(only_link(server).up.held.data) == 9))
        client.close()
        backend.close()
        eventually(lambda: proxy.status()['links']['open'] == 0)

    def test_one_that_takes_nothing_until_there_is_enough(self, make: Make, raw_backend: RawBackend) -> None:
        def by_lines(self: BaseProtocol, source: End, dest: End, to_backend: bool) -> bool:
            assert isinstance(source, LinkEnd)
            if source._inbound.held.data.endswith(b'\n'):
                dest.sendall(source.recv())
            return True

        client, backend = join(make(by_lines), raw_backend)
        for letter in (b'p', b'i', b'n', b'g'):
            client.send(letter)
            assert backend.is_silent(0.005)
        client.send(b'\n')
        assert backend.recv_exactly(5) == b'ping\n'

    def test_one_direction_that_waits_for_the_other(self, make: Make, raw_backend: RawBackend) -> None:
        """It takes nothing before the backend has spoken; the other direction is one call that goes on for ever."""
        greeted: list[bytes] = []

        def greet_first(self: BaseProtocol, source: End, dest: End, to_backend: bool) -> bool:
            if to_backend:
                return forward(self, source, dest, True) if greeted else True
            while data := source.recv():
                greeted.append(data)
            return False

        proxy = make(greet_first)
        client, backend = join(proxy, raw_backend)
        client.send(b'ping\n')
        assert backend.is_silent(0.02)
        backend.send(b'hello\n')
        assert backend.recv_exactly(5) == b'ping\n'

    def test_one_that_answers_itself(self, make: Make, raw_backend: RawBackend) -> None:
        def answer(self: BaseProtocol, source: End, dest: End, to_backend: bool) -> bool:
            source.sendall(source.recv().upper())
            return True

        client, backend = join(make(answer), raw_backend)
        client.send(b'ping\n')
        assert client.recv_exactly(5) == b'PING\n'
        backend.send(b'pong\n')
        assert backend.recv_exactly(5) == b'PONG\n'

    def test_disarming_in_the_instant_a_behavior_is_done(self, make: Make, raw_backend: RawBackend) -> None:
        """What is let go is the behavior, never the handler."""
        proxy = make(forward)
        client, backend = join(proxy, raw_backend)
        for _ in range(100):
            proxy.set_behavior('delay', sleep=0.001)
            client.send(b'ping\n')
            time.sleep(0.001)
            proxy.set_behavior('dummy')
            assert backend.recv_exactly(5) == b'ping\n'

    def test_nothing_is_left_of_it(self, make: Make, raw_backend: RawBackend) -> None:
        proxy = make(converse, '50:delay,50:dummy')
        for number in range(20):
            client = connect(proxy)
            client.send(b'ping\n')
            backend = raw_backend.accept()
            if number % 3 == 0:
                client.reset()
            elif number % 3 == 1:
                client.close()
                backend.close()
            else:
                backend.reset()
        eventually(lambda: inside(proxy, lambda server: not server.links and not len(server.runtime._greenlets)))


class TestLimits:
    """Limits of rules, which are the same for protocols of this kind."""

    def test_what_hangs_goes_on_though_the_time_of_another_rule_is_over(
        self, make: Make, raw_backend: RawBackend
    ) -> None:
        proxy = make(forward)
        client, _ = join(proxy, raw_backend)
        proxy.set_behavior('hang(nth=1),delay(for=10ms)')
        client.send(b'ping\n')
        proxy.wait_for_fault()
        eventually(lambda: len(proxy.status()['behaviors']) == 1)
        assert [link['behavior'] for link in proxy.links()] == ['hang']

    def test_so_many_at_the_same_time(self, make: Make, raw_backend: RawBackend) -> None:
        proxy = make(forward)
        pairs = [join(proxy, raw_backend) for _ in range(2)]
        proxy.set_behavior('hang', max_active=1)
        pairs[0][0].send(b'ping\n')
        proxy.wait_for_fault()
        exchange(*pairs[1])
        pairs[0][0].reset()
        eventually(lambda: len(proxy.links()) == 1)
        pairs[1][0].send(b'ping\n')
        proxy.wait_for_fault()
