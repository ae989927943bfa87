"""The life of an exchange that drew a behavior: how it begins, passes, is let go of, is stopped, and what it costs.

What the steps see is in `test_end`, the order of exchanges in `test_dispatcher`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.behaviors.waiting import eventually
from tests.engine.acting import Act, nothing, until
from tests.engine.talk import (
    LANGUAGES,
    MB,
    PATTERN,
    Language,
    checksum,
    count_greenlets,
    every_language,
    inside,
    join,
    make_proxy,
    only_link,
    receive_exactly,
)
from tests.peers import Peer, RawBackend
from vaurien.embedded import Proxy
from vaurien.engine import exchange as exchange_module, held
from vaurien.engine.held import MAX_HELD
from vaurien.engine.proxy import ProxyServer
from vaurien.plugins.end import End
from vaurien.protocols.base import BaseProtocol

FOR_EVER = 1000.0

HTTP = LANGUAGES['http']
REDIS = LANGUAGES['redis']

every_step = pytest.mark.parametrize('step', ['before', 'between', 'after'])


def observed(proxy: Proxy) -> tuple[int, int, float]:
    """How many faults there were, how many are over, and for how many seconds they have held their exchanges."""

    def look(server: ProxyServer) -> tuple[int, int, float]:
        histogram = server.counters.histograms['behavior', 'mine']
        return histogram.hits, list(histogram.buckets())[-1][1], histogram.seconds

    return inside(proxy, look)


def await_upstream(proxy: Proxy, count: int) -> None:
    """Return once the proxy has received so many bytes of clients."""
    eventually(lambda: proxy.status()['bytes']['upstream'] == count)


def await_downstream(proxy: Proxy, count: int) -> None:
    """Return once the proxy has received so many bytes of backends."""
    eventually(lambda: proxy.status()['bytes']['downstream'] == count)


def sent(proxy: Proxy) -> tuple[int, int]:
    """The bytes sent upstream and downstream."""

    def look(server: ProxyServer) -> tuple[int, int]:
        counts = server.counters.counts()
        return counts.upstream_sent, counts.downstream_sent

    return inside(proxy, look)


class Talk:
    """One client and one backend, and what they say to each other as far as a step of ``mine``."""

    def __init__(self, proxy: Proxy, raw_backend: RawBackend, language: Language) -> None:
        self.proxy = proxy
        self.language = language
        self.client, self.backend = join(proxy, raw_backend)

    def request(self) -> None:
        self.client.send(self.language.request)
        assert self.backend.recv_exactly(len(self.language.request)) == self.language.request

    def reply(self) -> None:
        self.backend.send(self.language.reply)
        assert self.client.recv_exactly(len(self.language.reply)) == self.language.reply

    def go_to(self, step: str) -> None:
        """Have the first exchange get there, and leave it there."""
        if step == 'before':
            self.client.send(self.language.request)
            return
        self.request()
        if step == 'between':
            self.backend.send(self.language.reply)
            await_downstream(self.proxy, len(self.language.reply))
        else:
            self.reply()

    def go_on_from(self, step: str) -> None:
        """Have it pass, as if nothing had been done to it."""
        if step == 'before':
            assert self.backend.recv_exactly(len(self.language.request)) == self.language.request
            self.reply()
        elif step == 'between':
            assert self.client.recv_exactly(len(self.language.reply)) == self.language.reply


Touch = Callable[[End, End], object]

#: What a behavior may do, and when.
TOUCHES = [
    pytest.param('before', lambda source, dest: source.recv(1), id='before-reads'),
    pytest.param('before', lambda source, dest: source.sendall(b'x'), id='before-writes-to-the-client'),
    pytest.param('before', lambda source, dest: dest.sendall(b'x'), id='before-writes-to-the-backend'),
    pytest.param('between', lambda source, dest: dest.recv(1), id='between-reads'),
    pytest.param('between', lambda source, dest: source.sendall(b'x'), id='between-writes-to-the-client'),
    pytest.param('after', lambda source, dest: source.sendall(b'x'), id='after-writes-to-the-client'),
]


def stay(entered: list[str], touch: Touch | None = None) -> Any:
    """Make a step that notes that it was entered, may do something, and then stays."""

    def run(protocol: BaseProtocol, source: End, dest: End) -> None:
        if touch is not None:
            touch(source, dest)
        entered.append('entered')
        source.sleep(FOR_EVER)

    return run


@every_language
class TestLettingGo:
    """Something else is armed while a behavior is at work."""

    @every_step
    def test_one_that_did_nothing_passes(
        self, raw_backend: RawBackend, act: Act, language: Language, step: str
    ) -> None:
        entered: list[str] = []
        act(**{step: stay(entered)})
        with make_proxy(raw_backend, language.protocol, 'mine') as proxy:
            talk = Talk(proxy, raw_backend, language)
            talk.go_to(step)
            eventually(lambda: entered)
            assert proxy.links()[0]['behavior'] == 'mine'
            up = 0 if step == 'before' else len(language.request)
            assert sent(proxy) == (up, len(language.reply) if step == 'after' else 0)
            proxy.set_behavior('dummy')
            talk.go_on_from(step)
            for _ in range(2):
                talk.request()
                talk.reply()
            assert proxy.links()[0]['behavior'] is None
            assert (count_greenlets(proxy), proxy.status()['exchanges']) == (0, 3)
            assert observed(proxy)[:2] == (1, 1)
            assert sent(proxy) == (3 * len(language.request), 3 * len(language.reply))

    @pytest.mark.parametrize(('step', 'touch'), TOUCHES)
    def test_one_that_did_something_closes_its_link(
        self, raw_backend: RawBackend, act: Act, language: Language, step: str, touch: Touch
    ) -> None:
        entered: list[str] = []
        act(**{step: stay(entered, touch)})
        with make_proxy(raw_backend, language.protocol, 'mine') as proxy:
            talk = Talk(proxy, raw_backend, language)
            talk.go_to(step)
            eventually(lambda: entered)
            proxy.set_behavior('dummy')
            assert talk.client.recv_all() in (b'', b'x')
            assert talk.backend.recv_all() in (b'', b'x')
            eventually(lambda: proxy.status()['links']['open'] == 0)
            assert count_greenlets(proxy) == 0
            assert observed(proxy)[:2] == (1, 1)

    def test_one_that_has_not_run_yet(self, raw_backend: RawBackend, act: Act, language: Language) -> None:
        """It is a fault that held nothing: the fault was recorded before the greenlet ran for the first time."""
        outcomes = act(nothing, nothing, nothing)
        with make_proxy(raw_backend, language.protocol, 'mine') as proxy:
            talk = Talk(proxy, raw_backend, language)
            inside(proxy, lambda server: only_link(server).up.reader.stop())
            talk.client.send(language.request)

            def begin_and_disarm(server: ProxyServer) -> None:
                up = only_link(server).up
                up._on_readable()
                up.start()
                assert [fault.behavior for fault in server.faults.last()] == ['mine']
                server.arm(())

            inside(proxy, begin_and_disarm)
            talk.go_on_from('before')
            talk.request()
            talk.reply()
            assert outcomes == []
            assert observed(proxy) == (1, 0, 0.0)


class TestLettingGoOfAPart:
    """Something else is armed while a request has gone on in part, or waits, or a reply has come in part."""

    def test_a_request_that_waits_for_its_turn(self, raw_backend: RawBackend, act: Act) -> None:
        """It waits no more, and there was no fault."""
        outcomes = act(nothing)
        with make_proxy(raw_backend, 'redis', 'mine', options={'mine': {'nth': '2'}}) as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(REDIS.request * 3)
            assert backend.recv_exactly(len(REDIS.request)) == REDIS.request
            await_upstream(proxy, 3 * len(REDIS.request))
            assert proxy.links()[0]['behavior'] == 'mine'
            proxy.set_behavior('dummy')
            assert backend.recv_exactly(2 * len(REDIS.request)) == 2 * REDIS.request
            backend.send(3 * REDIS.reply)
            assert client.recv_exactly(3 * len(REDIS.reply)) == 3 * REDIS.reply
            status = proxy.status()
            assert (status['exchanges'], status['faults'], outcomes) == (3, {}, [])

    def test_a_request_of_which_half_has_arrived(self, raw_backend: RawBackend, act: Act) -> None:
        entered: list[str] = []
        act(stay(entered))
        upload = b''.join(HTTP.upload(100_000))
        with make_proxy(raw_backend, 'http', 'mine') as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(upload[:50_000])
            eventually(lambda: entered)
            await_upstream(proxy, 50_000)
            proxy.set_behavior('dummy')
            assert backend.recv_exactly(50_000) == upload[:50_000]
            client.send(upload[50_000:])
            assert backend.recv_exactly(len(upload) - 50_000) == upload[50_000:]
            check_in_step(proxy, client, backend, replies=1)

    def test_a_request_of_which_half_was_sent(self, raw_backend: RawBackend, act: Act) -> None:
        """The behavior waits for the other half before its next step."""
        outcomes = act(None, nothing)
        upload = b''.join(HTTP.upload(100_000))
        with make_proxy(raw_backend, 'http', 'mine') as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(upload[:50_000])
            assert backend.recv_exactly(50_000) == upload[:50_000]
            assert proxy.links()[0]['behavior'] == 'mine'
            proxy.set_behavior('dummy')
            client.send(upload[50_000:])
            assert backend.recv_exactly(len(upload) - 50_000) == upload[50_000:]
            check_in_step(proxy, client, backend, replies=1)
            assert outcomes == []

    def test_a_reply_of_which_half_is_held(self, raw_backend: RawBackend, act: Act) -> None:
        entered: list[str] = []
        act(None, stay(entered))
        with make_proxy(raw_backend, 'http', 'mine') as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(HTTP.request)
            assert backend.recv_exactly(len(HTTP.request)) == HTTP.request
            eventually(lambda: entered)
            backend.send(HTTP.reply[:30])
            await_downstream(proxy, 30)
            proxy.set_behavior('dummy')
            assert client.recv_exactly(30) == HTTP.reply[:30]
            backend.send(HTTP.reply[30:])
            assert client.recv_exactly(len(HTTP.reply) - 30) == HTTP.reply[30:]
            check_in_step(proxy, client, backend)

    def test_what_is_armed_instead_meets_the_next_one_first(self, raw_backend: RawBackend, act: Act) -> None:
        entered: list[str] = []
        act(stay(entered))
        with make_proxy(raw_backend, 'redis', 'mine') as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(REDIS.request * 2)
            eventually(lambda: entered)
            proxy.set_behavior('error')
            assert backend.recv_exactly(len(REDIS.request)) == REDIS.request
            backend.send(REDIS.reply)
            assert client.recv_exactly(len(REDIS.reply)) == REDIS.reply
            assert client.recv_until(b'\r\n').startswith(b'-ERR ')
            assert proxy.status()['faults'] == {'mine': 1, 'error': 1}


def check_in_step(proxy: Proxy, client: Peer, backend: Peer, *, replies: int = 0) -> None:
    """After so many replies that are still to come, requests and replies are matched: an error is in its place."""
    for _ in range(replies):
        backend.send(HTTP.reply)
        assert client.recv_exactly(len(HTTP.reply)) == HTTP.reply
    client.send(HTTP.request)
    assert backend.recv_exactly(len(HTTP.request)) == HTTP.request
    proxy.set_behavior('error', code=503)
    client.send(HTTP.request)
    backend.send(HTTP.reply)
    assert client.recv_exactly(len(HTTP.reply)) == HTTP.reply
    assert client.recv_until(b'\r\n').startswith(b'HTTP/1.1 503 ')


class TestStopping:
    """The link is closed while a behavior is at work."""

    @every_step
    @pytest.mark.parametrize('end', ['cut', 'reset', 'stop'])
    def test_its_greenlet_ends(self, raw_backend: RawBackend, act: Act, step: str, end: str) -> None:
        entered: list[str] = []

        def run(protocol: BaseProtocol, source: End, dest: End) -> None:
            try:
                stay(entered)(protocol, source, dest)
            finally:
                entered.append('left')

        act(**{step: run})
        with make_proxy(raw_backend, 'redis', 'mine') as proxy:
            talk = Talk(proxy, raw_backend, REDIS)
            talk.go_to(step)
            eventually(lambda: entered)
            if end == 'stop':
                proxy.stop()
                assert entered == ['entered', 'left']
                return
            if end == 'cut':
                proxy.cut_link(1)
            else:
                talk.client.reset()
            eventually(lambda: entered == ['entered', 'left'])
            eventually(lambda: (count_greenlets(proxy), proxy.status()['links']['open']) == (0, 0))
            assert observed(proxy)[:2] == (1, 1)

    def test_before_it_has_run(self, raw_backend: RawBackend, act: Act) -> None:
        outcomes = act(nothing)
        with make_proxy(raw_backend, 'redis', 'mine') as proxy:
            client, backend = join(proxy, raw_backend)
            inside(proxy, lambda server: only_link(server).up.reader.stop())
            client.send(REDIS.request)

            def begin_and_close(server: ProxyServer) -> None:
                link = only_link(server)
                link.up._on_readable()
                link.close()

            inside(proxy, begin_and_close)
            assert backend.recv() == b''
            assert count_greenlets(proxy) == 0
            assert (outcomes, observed(proxy)[0]) == ([], 1)

    def test_while_it_waits_for_its_turn(self, raw_backend: RawBackend, act: Act) -> None:
        outcomes = act(nothing)
        with make_proxy(raw_backend, 'redis', 'mine', options={'mine': {'nth': '2'}}) as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(REDIS.request * 2)
            assert backend.recv_exactly(len(REDIS.request)) == REDIS.request
            proxy.cut_link(1)
            assert backend.recv() == b''
            assert (outcomes, proxy.status()['faults'], count_greenlets(proxy)) == ([], {}, 0)


class FakeClock:
    """In place of the clock by which durations are measured."""

    def __init__(self) -> None:
        self.now = 0.0

    def passes(self, seconds: float) -> Any:
        """Make a step that takes so long."""

        def run(*args: Any) -> None:
            self.now += seconds

        return run


class TestDurations:
    """For how long an exchange was held: its request, then its reply, and not while the backend works."""

    @pytest.fixture
    def clock(self, monkeypatch: pytest.MonkeyPatch) -> FakeClock:
        clock = FakeClock()
        monkeypatch.setattr(exchange_module, 'monotonic', lambda: clock.now)
        return clock

    @every_language
    def test_all_steps(self, raw_backend: RawBackend, act: Act, clock: FakeClock, language: Language) -> None:
        def between(protocol: BaseProtocol, source: End, dest: End) -> None:
            dest.await_data()
            clock.now += 2

        outcomes = act(clock.passes(1), between, clock.passes(1000))
        with make_proxy(raw_backend, language.protocol, 'mine') as proxy:
            talk = Talk(proxy, raw_backend, language)
            for number in (1, 2):
                talk.request()
                clock.now += 100  # the backend works
                talk.reply()
                eventually(lambda: len(outcomes) == 3 * number)  # noqa: B023
            assert observed(proxy) == (2, 2, 6.0)

    def test_a_reply_that_is_read_is_held_until_something_is_written(
        self, raw_backend: RawBackend, act: Act, clock: FakeClock
    ) -> None:
        def between(protocol: BaseProtocol, source: End, dest: End) -> None:
            reply = dest.recv()
            clock.now += 2
            source.sendall(reply)
            clock.now += 1000

        act(None, between)
        with make_proxy(raw_backend, 'redis', 'mine') as proxy:
            talk = Talk(proxy, raw_backend, REDIS)
            talk.request()
            talk.reply()
            eventually(lambda: observed(proxy) == (1, 1, 2.0))

    def test_an_answer_in_the_place_of_the_backend(self, raw_backend: RawBackend, act: Act, clock: FakeClock) -> None:
        def before(protocol: BaseProtocol, source: End, dest: End) -> bool:
            clock.now += 1
            source.skip_message()
            source.sendall(REDIS.reply)
            clock.now += 1000
            return False

        act(before)
        with make_proxy(raw_backend, 'redis', 'mine') as proxy:
            client, _ = join(proxy, raw_backend)
            client.send(REDIS.request)
            assert client.recv_exactly(len(REDIS.reply)) == REDIS.reply
            eventually(lambda: observed(proxy) == (1, 1, 1.0))

    @pytest.mark.parametrize('end', ['let go', 'cut'])
    @pytest.mark.parametrize('step', ['before', 'between'])
    def test_one_that_is_ended(self, raw_backend: RawBackend, act: Act, clock: FakeClock, step: str, end: str) -> None:
        entered: list[str] = []
        act(**{step: stay(entered)})
        with make_proxy(raw_backend, 'redis', 'mine') as proxy:
            talk = Talk(proxy, raw_backend, REDIS)
            talk.go_to(step)
            eventually(lambda: entered)
            clock.now += 5
            if end == 'cut':
                proxy.cut_link(1)
            else:
                proxy.set_behavior('dummy')
            eventually(lambda: observed(proxy) == (1, 1, 5.0))

    def test_a_greeting(self, raw_backend: RawBackend, act: Act, clock: FakeClock) -> None:
        """It is a reply, and held through both steps."""
        act(clock.passes(1), clock.passes(2), clock.passes(1000))
        with make_proxy(raw_backend, 'tcp', 'mine') as proxy:
            client, backend = join(proxy, raw_backend)
            backend.send(b'220 ready\r\n')
            assert client.recv_exactly(11) == b'220 ready\r\n'
            eventually(lambda: observed(proxy) == (1, 1, 3.0))


class TestGreetings:
    """Of a backend that speaks first: an exchange whose request is empty."""

    def test_one_that_is_held_back(self, raw_backend: RawBackend, act: Act) -> None:
        """What the client sent meanwhile waits behind it, where there are messages."""
        may_go = threading.Event()
        with Proxy(raw_backend.address, 'smtp') as proxy:
            act(until(may_go))
            proxy.set_behavior('mine', times=1)
            client, backend = join(proxy, raw_backend)
            backend.send(b'220 ready\r\n')
            eventually(lambda: proxy.status()['faults'] == {'mine': 1})
            client.send(b'NOOP\r\n')
            await_upstream(proxy, 6)
            assert sent(proxy) == (0, 0)
            may_go.set()
            assert client.recv_until(b'\r\n') == b'220 ready\r\n'
            assert backend.recv_until(b'\r\n') == b'NOOP\r\n'
            assert (proxy.status()['exchanges'], proxy.links()[0]['behavior']) == (2, None)

    @pytest.mark.parametrize('step', ['before', 'between', 'after'])
    def test_one_that_comes_in_parts(self, raw_backend: RawBackend, act: Act, step: str) -> None:
        """It is one reply, and the next request has its turn behind it."""
        outcomes = act(**{step: nothing})
        with Proxy(raw_backend.address, 'smtp', behavior='mine') as proxy:
            client, backend = join(proxy, raw_backend)
            for part in (b'2', b'20-one\r\n220', b' two\r\n'):
                backend.send(part)
                assert client.recv_exactly(len(part)) == part
            for number in (2, 3):
                client.send(b'NOOP\r\n')
                assert backend.recv_until(b'\r\n') == b'NOOP\r\n'
                backend.send(b'250 ok\r\n')
                assert client.recv_until(b'\r\n') == b'250 ok\r\n'
                eventually(lambda: outcomes == [None] * number)  # noqa: B023
            assert not inside(proxy, lambda server: only_link(server).has_open_exchange())

    def test_one_that_never_arrives(self, raw_backend: RawBackend, act: Act) -> None:
        act(lambda protocol, source, dest: False)
        with make_proxy(raw_backend, 'tcp', 'mine', options={'mine': {'times': 1}}) as proxy:
            client, backend = join(proxy, raw_backend)
            backend.send(b'220 ready\r\n')
            eventually(lambda: proxy.links()[0]['exchanges'] == 1 and proxy.links()[0]['behavior'] is None)
            client.send(b'ping')
            assert backend.recv_exactly(4) == b'ping'
            backend.send(b'pong')
            assert client.recv_exactly(4) == b'pong'
            assert sent(proxy) == (4, 4)

    def test_one_that_is_replaced(self, raw_backend: RawBackend, act: Act) -> None:
        def replace(protocol: BaseProtocol, source: End, dest: End) -> list[bytes]:
            read = [protocol.request, dest.recv(), dest.recv()]
            source.sendall(b'421 busy\r\n')
            return read

        outcomes = act(None, replace)
        with Proxy(raw_backend.address, 'smtp', behavior='mine') as proxy:
            client, backend = join(proxy, raw_backend)
            backend.send(b'220 ready\r\n')
            assert client.recv_until(b'\r\n') == b'421 busy\r\n'
        assert outcomes == [[b'', b'220 ready\r\n', b'']]

    @pytest.mark.parametrize('step', ['before', 'between'])
    def test_one_that_is_let_go(self, raw_backend: RawBackend, act: Act, step: str) -> None:
        entered: list[str] = []
        act(**{step: stay(entered)})
        with Proxy(raw_backend.address, 'smtp', behavior='mine') as proxy:
            client, backend = join(proxy, raw_backend)
            backend.send(b'220 ready\r\n')
            eventually(lambda: entered)
            assert sent(proxy) == (0, 0)
            proxy.set_behavior('dummy')
            assert client.recv_until(b'\r\n') == b'220 ready\r\n'
            client.send(b'NOOP\r\n')
            assert backend.recv_until(b'\r\n') == b'NOOP\r\n'


class TestOpaque:
    """Where replies are not matched to requests, what follows on a request does not wait for its reply."""

    @pytest.mark.parametrize('last', ['between', 'after'])
    def test_more_than_is_held_follows(self, raw_backend: RawBackend, act: Act, last: str) -> None:
        """While the first chunk is late, the client is held back; then the backend gets everything before it replies.

        So reading must begin again when what was held has gone on, not only when the exchange is over.
        """
        may_go = threading.Event()

        def await_reply(protocol: BaseProtocol, source: End, dest: End) -> bytes:
            return dest.recv()

        act(until(may_go), **{last: await_reply if last == 'between' else nothing})
        size = 3 * MB
        with make_proxy(raw_backend, 'tcp', 'mine', options={'mine': {'times': 1}}) as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(b'first')
            eventually(lambda: proxy.status()['faults'] == {'mine': 1})
            sender = threading.Thread(target=client.send, args=(PATTERN[:1_000_000] * 3,), daemon=True)
            sender.start()
            eventually(lambda: inside(proxy, lambda server: len(only_link(server).up.held.data) >= MAX_HELD))
            may_go.set()
            assert backend.recv_exactly(5) == b'first'
            assert checksum(receive_exactly(backend, size)) == checksum(iter([PATTERN[:1_000_000] * 3]))
            sender.join()
            assert proxy.links()[0]['behavior'] == 'mine'
            backend.send(b'reply')
            if last == 'after':
                assert client.recv_exactly(5) == b'reply'
            eventually(lambda: proxy.links()[0]['behavior'] is None)
            assert sent(proxy) == (5 + size, 0 if last == 'between' else 5)


class TestEarlyReplies:
    """The backend replies, or leaves, before it has got the whole request: the next step comes at once."""

    UPLOAD = b''.join(HTTP.upload(100_000))

    @pytest.fixture
    def outcomes(self, act: Act) -> list[Any]:
        return act(None, lambda protocol, source, dest: dest.await_data())

    @pytest.fixture
    def half(self, raw_backend: RawBackend, outcomes: list[Any]) -> Iterator[tuple[Proxy, Peer, Peer]]:
        """A proxy, a client that has sent half of its request, and the backend that has got it."""
        with make_proxy(raw_backend, 'http', 'mine', options={'mine': {'times': 1}}) as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(self.UPLOAD[:50_000])
            assert backend.recv_exactly(50_000) == self.UPLOAD[:50_000]
            yield proxy, client, backend

    def test_a_reply(self, half: tuple[Proxy, Peer, Peer], outcomes: list[Any]) -> None:
        """The rest of the request goes on afterwards, and the next one is known for what it is."""
        proxy, client, backend = half
        assert outcomes == []
        backend.send(HTTP.reply)
        assert client.recv_exactly(len(HTTP.reply)) == HTTP.reply
        assert outcomes == [None]
        client.send(self.UPLOAD[50_000:])
        assert backend.recv_exactly(len(self.UPLOAD) - 50_000) == self.UPLOAD[50_000:]
        check_in_step(proxy, client, backend)
        assert proxy.status()['exchanges'] == 3

    def test_a_reply_that_has_begun(self, half: tuple[Proxy, Peer, Peer], outcomes: list[Any]) -> None:
        """The client may send the rest of its request only when it has seen some of it."""
        _, client, backend = half
        reply = b''.join(HTTP.download(5000))
        backend.send(reply[:500])
        assert client.recv_exactly(500) == reply[:500]
        assert outcomes == [None]
        client.send(self.UPLOAD[50_000:])
        assert backend.recv_exactly(len(self.UPLOAD) - 50_000) == self.UPLOAD[50_000:]
        backend.send(reply[500:])
        assert client.recv_exactly(len(reply) - 500) == reply[500:]

    def test_more_of_a_head_than_is_held(
        self, half: tuple[Proxy, Peer, Peer], outcomes: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(held, 'MAX_HELD', 1000)
        _, client, backend = half
        reply = HTTP.reply.replace(b'\r\n', b'\r\nX: ' + 2000 * b'x' + b'\r\n', 1)
        backend.send(reply[:500])
        assert client.is_silent(0.02)
        assert outcomes == []
        backend.send(reply[500:1500])
        assert client.recv_exactly(1500) == reply[:1500]
        assert outcomes == [None]

    @pytest.mark.parametrize('end', ['shut_down', 'reset'])
    def test_the_end(self, half: tuple[Proxy, Peer, Peer], outcomes: list[Any], end: str) -> None:
        proxy, client, backend = half
        getattr(backend, end)()
        if end == 'reset':
            with pytest.raises(ConnectionResetError):
                client.recv()
        else:
            assert client.recv() == b''
            client.send(self.UPLOAD[50_000:])
            assert backend.recv_exactly(len(self.UPLOAD) - 50_000) == self.UPLOAD[50_000:]
            client.close()
        eventually(lambda: proxy.status()['links']['open'] == 0)
        assert outcomes == [None]


class TestBackendResets:
    """The backend resets its connection while a behavior is at work: the client sees that when it is done."""

    def test_what_the_backend_said_before(self, raw_backend: RawBackend, act: Act) -> None:
        may_go = threading.Event()
        act(None, until(may_go))
        with make_proxy(raw_backend, 'redis', 'mine') as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(REDIS.request)
            assert backend.recv_exactly(len(REDIS.request)) == REDIS.request
            backend.send(REDIS.reply)
            backend.reset()
            eventually(lambda: inside(proxy, lambda server: only_link(server).down.ended))
            assert client.is_silent(0.02)
            may_go.set()
            with pytest.raises(ConnectionResetError):
                client.recv_all()
            assert sent(proxy) == (len(REDIS.request), len(REDIS.reply))

    def test_the_client_is_read_on(self, raw_backend: RawBackend, act: Act) -> None:
        """It was not, because the backend took no more; now it is seen to leave by a behavior that waits for it."""
        outcomes = act(None, lambda protocol, source, dest: source.recv())
        with make_proxy(raw_backend, 'http', 'mine') as proxy:
            client, backend = join(proxy, raw_backend)
            client.sock.setblocking(False)
            upload = HTTP.upload(200 * MB)
            data = next(upload)

            def is_stuck(server: ProxyServer) -> bool:
                up = only_link(server).up
                return up.unsent is not None and not up.reader.active

            while not inside(proxy, is_stuck):
                try:
                    data = data[client.sock.send(data) :] or next(upload)
                except BlockingIOError:
                    continue
            backend.reset()
            eventually(lambda: inside(proxy, lambda server: only_link(server).down.ended))
            assert proxy.status()['links']['open'] == 1
            client.close()
            eventually(lambda: proxy.status()['links']['open'] == 0)
        assert outcomes == [b'']


class TestReadingOn:
    """A behavior reads over the end of its request."""

    def test_the_requests_that_it_swallows_are_exchanges_without_a_reply(
        self, raw_backend: RawBackend, act: Act
    ) -> None:
        def swallow(protocol: BaseProtocol, source: End, dest: End) -> bool:
            for _ in range(3):
                source.recv()
            return False

        outcomes = act(swallow)
        with make_proxy(raw_backend, 'redis', 'mine', options={'mine': {'times': 1}}) as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(REDIS.request * 3)
            eventually(lambda: outcomes == [False])
            assert proxy.status()['exchanges'] == 3
            assert not inside(proxy, lambda server: only_link(server).has_open_exchange())
            client.send(REDIS.request)
            assert backend.recv_exactly(len(REDIS.request)) == REDIS.request
            backend.send(REDIS.reply)
            assert client.recv_exactly(len(REDIS.reply)) == REDIS.reply
            assert (proxy.status()['exchanges'], sent(proxy)) == (4, (len(REDIS.request), len(REDIS.reply)))

    def test_the_rest_of_a_request_that_does_not_go_on_is_waited_for(self, raw_backend: RawBackend, act: Act) -> None:
        """However short the time that the behavior itself would have waited."""

        def look(protocol: BaseProtocol, source: End, dest: End) -> bool:
            source.settimeout(0.001)
            source.recv(10)
            return False

        outcomes = act(look)
        upload = b''.join(HTTP.upload(1000))
        with make_proxy(raw_backend, 'http', 'mine', options={'mine': {'times': 1}}) as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(upload[:500])
            eventually(lambda: outcomes == [False])
            assert client.is_silent(0.02)
            client.send(upload[500:] + HTTP.request)
            assert backend.recv_exactly(len(HTTP.request)) == HTTP.request
            assert proxy.status()['exchanges'] == 2
