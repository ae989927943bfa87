"""The pump: what it may do in one turn of the event loop, and that it moves what Python moves."""

from __future__ import annotations

import errno
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from time import monotonic
from typing import Any, TypeVar

import gevent
import pytest
from hypothesis import given, settings, strategies as st

from tests.behaviors.waiting import eventually
from tests.descriptors import descriptors
from tests.engine.talk import PATTERN, inside, make_proxy
from tests.loop import in_loop
from tests.peers import RESET, RawBackend
from tests.servers import TIMEOUT
from vaurien import native
from vaurien.embedded import Proxy
from vaurien.engine.runtime import BULK, CHUNK, Runtime
from vaurien.records.proxy_log import NO_PROXY

Result = TypeVar('Result')


class Notes(native.Flow):
    """A stream that notes what the pump asks of it."""

    def __init__(self, pump: Any, source: socket.socket, sink: socket.socket | None = None) -> None:
        self.source = source
        self.direct = sink is not None
        self.notes: list[object] = []
        self.act: Callable[[], None] = lambda: None
        self.reader = pump.watch(self, source.fileno(), -1 if sink is None else sink.fileno())
        self.reader.start(self.on_readable)

    def on_readable(self) -> None:
        try:
            self.note(self.source.recv(100))
        except BlockingIOError:
            self.note('nothing to read')

    def note(self, what: object) -> None:
        self.notes.append(what)
        self.act()

    def on_source_ended(self) -> None:
        self.note('end')
        self.reader.stop()

    def on_source_broken(self) -> None:
        self.note('broken')
        self.reader.stop()

    def lose(self, count: int) -> None:
        self.note(f'lost {count}')

    def block(self, rest: bytearray) -> None:
        self.note(rest)
        self.reader.stop()

    def count_bulk(self) -> None:
        self.bulk += 1
        self.note('large')


def with_pump(function: Callable[[Any], Result]) -> Result:
    """What *function* returns of a pump, in an event loop of its own."""

    def run() -> Result:
        pump = native.make_pump(gevent.get_hub().loop, memoryview(bytearray(CHUNK)), BULK)
        assert pump is not None
        with closing(pump):
            return function(pump)

    return in_loop(run)


def turn() -> None:
    """Let the event loop find and deal with what there is, twice."""
    for _ in range(2):
        gevent.sleep(0.001)


@pytest.fixture
def pairs() -> Iterator[Callable[[], tuple[socket.socket, socket.socket]]]:
    """Makes pairs of connected sockets, which do not block; what is written to the second arrives at the first."""
    made: list[socket.socket] = []

    def make() -> tuple[socket.socket, socket.socket]:
        pair = socket.socketpair()
        for one in pair:
            one.setblocking(False)
        made.extend(pair)
        return pair

    yield make
    for one in made:
        one.close()


Pairs = Callable[[], tuple[socket.socket, socket.socket]]


@pytest.mark.compiled
class TestTurns:
    """What a stream does in the midst of the events of one turn."""

    def test_a_plain_stream_is_not_called(self, pairs: Pairs) -> None:
        def look(pump: Any) -> tuple[bytes, list[object], int, int]:
            (source, client), (sink, backend) = pairs(), pairs()
            flow = Notes(pump, source, sink)
            client.send(b'one')
            turn()
            client.send(b'two')
            turn()
            return backend.recv(100), flow.notes, flow.received, flow.chunks

        assert with_pump(look) == (b'onetwo', [], 6, 2)

    def test_others_are_called(self, pairs: Pairs) -> None:
        def look(pump: Any) -> list[object]:
            source, client = pairs()
            flow = Notes(pump, source)
            client.send(b'one')
            turn()
            flow.reader.stop()
            client.send(b'two')
            turn()
            assert flow.notes == [b'one']
            flow.reader.start(flow.on_readable)
            turn()
            return flow.notes

        assert with_pump(look) == [b'one', b'two']

    def test_one_closes_the_other(self, pairs: Pairs) -> None:
        """Of two that are readable in the same turn, whichever comes first."""

        def look(pump: Any) -> int:
            (first, one), (second, two) = pairs(), pairs()
            flows = Notes(pump, first), Notes(pump, second)

            def close_both() -> None:
                for flow in flows:
                    flow.reader.close()
                    flow.source.close()

            for flow in flows:
                flow.act = close_both
            one.send(b'a')
            two.send(b'b')
            turn()
            return sum(len(flow.notes) for flow in flows)

        assert with_pump(look) == 1

    def test_a_descriptor_that_is_used_again_in_the_same_turn(self, pairs: Pairs) -> None:
        """The event that was for the one before it is not for the one that has it now."""

        def look(pump: Any) -> tuple[int, list[list[object]]]:
            (first, one), (second, two) = pairs(), pairs()
            flows = [Notes(pump, first), Notes(pump, second)]
            later: list[Notes] = []

            def replace_both() -> None:
                numbers = {flow.source.fileno() for flow in flows}
                for flow in flows:
                    flow.reader.close()
                    flow.source.close()
                quiet = pairs()
                assert {one.fileno() for one in quiet} == numbers
                later.extend(Notes(pump, one) for one in quiet)

            for flow in flows:
                flow.act = replace_both
            one.send(b'a')
            two.send(b'b')
            turn()
            return sum(len(flow.notes) for flow in flows), [flow.notes for flow in later]

        assert with_pump(look) == (1, [[], []])

    def test_a_stream_that_raises_is_read_no_more(self, pairs: Pairs, capsys: pytest.CaptureFixture[str]) -> None:
        """All others are, and those of the same turn, too."""

        def look(pump: Any) -> list[object]:
            (first, one), (second, two) = pairs(), pairs()
            bad, good = Notes(pump, first), Notes(pump, second)

            def fail() -> None:
                raise ZeroDivisionError

            bad.act = fail
            for _ in range(2):
                one.send(b'a')
                two.send(b'b')
                turn()
            return [*bad.notes, *good.notes]

        assert with_pump(look) == [b'a', b'b', b'b']
        assert 'ZeroDivisionError' in capsys.readouterr().err

    def test_more_at_once_than_it_takes_in_a_turn(self, pairs: Pairs) -> None:
        def look(pump: Any) -> list[list[object]]:
            flows = []
            for _ in range(150):
                source, client = pairs()
                client.send(b'a')
                flows.append(Notes(pump, source))
            for _ in range(3):
                turn()
            return [flow.notes for flow in flows]

        assert with_pump(look) == [[b'a']] * 150


@pytest.mark.compiled
class TestOutcomes:
    """What it reports of a chunk."""

    def test_an_end(self, pairs: Pairs) -> None:
        def look(pump: Any) -> list[object]:
            (source, client), (sink, _) = pairs(), pairs()
            flow = Notes(pump, source, sink)
            client.shutdown(socket.SHUT_WR)
            turn()
            return flow.notes

        assert with_pump(look) == ['end']

    def test_an_end_that_comes_with_the_last_chunk(self, pairs: Pairs) -> None:
        def look(pump: Any) -> tuple[list[object], bytes]:
            (source, client), (sink, backend) = pairs(), pairs()
            flow = Notes(pump, source, sink)
            flow.often_last = 1
            client.send(b'all')
            client.shutdown(socket.SHUT_WR)
            gevent.get_hub().loop.update_now()
            turn()
            return flow.notes, backend.recv(100)

        assert with_pump(look) == (['end'], b'all')

    def test_a_sink_that_is_broken(self, pairs: Pairs) -> None:
        def look(pump: Any) -> list[object]:
            (source, client), (sink, backend) = pairs(), pairs()
            flow = Notes(pump, source, sink)
            backend.close()
            client.send(b'lost')
            turn()
            return flow.notes

        assert with_pump(look) == ['lost 4']

    def test_a_sink_that_is_full(self, pairs: Pairs) -> None:
        """What it did not take is reported, and nothing is lost."""

        def look(pump: Any) -> tuple[list[object], int, bytes]:
            (source, client), (sink, backend) = pairs(), pairs()
            flow = Notes(pump, source, sink)
            sent = 0
            while not flow.notes:
                with suppress(BlockingIOError):
                    sent += client.send(PATTERN[sent : sent + 1000])
                turn()
            data = bytearray()
            with suppress(BlockingIOError):
                while True:
                    data += backend.recv(CHUNK)
            return flow.notes, flow.received, bytes(data)

        (rest,), received, data = with_pump(look)
        assert isinstance(rest, bytearray)
        assert data + rest == PATTERN[:received]

    def test_large_chunks_in_a_row(self, pairs: Pairs) -> None:
        def look(pump: Any) -> tuple[list[object], list[int]]:
            (source, client), (sink, backend) = pairs(), pairs()
            flow, runs = Notes(pump, source, sink), []
            for size in (BULK, BULK, BULK - 1, BULK):
                client.send(bytes(size))
                turn()
                runs.append(flow.bulk)
                backend.recv(CHUNK)
            return flow.notes, runs

        assert with_pump(look) == (['large'] * 3, [1, 2, 0, 1])


@pytest.mark.compiled
class TestDescriptors:
    """That nothing is left."""

    def test_closed_with_the_runtime(self) -> None:
        def look() -> None:
            runtime, before = Runtime(NO_PROXY), descriptors()
            runtime.start()
            assert len(descriptors() - before) == 2
            runtime.stop()
            assert descriptors() == before

        in_loop(look)

    def test_without_a_descriptor_for_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*args: object) -> None:
            raise OSError(errno.EMFILE, 'Too many open files')

        def look() -> None:
            runtime, before = Runtime(NO_PROXY), descriptors()
            with pytest.raises(OSError, match='Too many open files'):
                runtime.start()
            assert descriptors() == before
            assert not runtime.keeps_time

        monkeypatch.setattr(native, 'make_pump', fail)
        in_loop(look)

    def test_a_socket_that_others_have_a_copy_of(self, pairs: Pairs) -> None:
        """A closed stream is called no more, though the kernel still has the connection."""

        def look(pump: Any) -> list[object]:
            source, client = pairs()
            copy = source.dup()
            flow = Notes(pump, source)
            flow.reader.close()
            source.close()
            client.send(b'a')
            turn()
            assert not select.select([pump], [], [], 0)[0]
            copy.close()
            return flow.notes

        assert with_pump(look) == []


#: A step of a conversation: who acts (0 is the client), what is done, and how many bytes that is about.
Step = tuple[int, str, int]

steps = st.tuples(
    st.integers(0, 1),
    st.sampled_from(['send', 'send', 'send', 'take', 'end']),
    st.one_of(st.integers(1, 200), st.integers(1, 3 * CHUNK)),
)


class Conversation:
    """What two peers say to each other through a proxy, as far as the buffers between them take it."""

    def __init__(self, proxy: Proxy, backend: RawBackend) -> None:
        client = socket.create_connection((proxy.address.host, proxy.address.port), TIMEOUT)
        self.socks = client, backend.accept().sock
        self.sent = [0, 0]
        self.received = [bytearray(), bytearray()]
        self.is_over = [False, False]
        self.is_reset = [False, False]
        for sock in self.socks:
            sock.setblocking(False)

    def play(self, script: list[Step]) -> None:
        for who, what, count in script:
            if what == 'take':
                self.take(who, count)
            elif not self.is_over[who]:
                if what == 'send':
                    self.send(who, count)
                else:
                    self.end(who)

    def send(self, who: int, count: int) -> None:
        with suppress(BlockingIOError):
            self.sent[who] += self.socks[who].send(expected(self.sent[who], count))

    def take(self, who: int, count: int) -> bool:
        """Return whether the end was reached."""
        try:
            data = self.socks[who].recv(count)
        except BlockingIOError:
            return False
        except ConnectionResetError:
            self.is_reset[who] = True
            return True
        self.received[who] += data
        return not data

    def end(self, who: int) -> None:
        self.is_over[who] = True
        self.socks[who].shutdown(socket.SHUT_WR)

    def take_all(self, *whose: int) -> None:
        """Take until the end of all streams."""
        left, deadline = set(whose), monotonic() + TIMEOUT
        while left:
            ready = select.select([self.socks[who] for who in left], [], [], TIMEOUT)[0]
            assert ready, 'a stream does not end'
            assert monotonic() < deadline
            left -= {who for who in left if self.socks[who] in ready and self.take(who, CHUNK)}

    def finish(self) -> None:
        for who in (0, 1):
            if not self.is_over[who]:
                self.end(who)
        self.take_all(0, 1)

    def close(self) -> None:
        for sock in self.socks:
            sock.close()


def expected(position: int, count: int) -> bytes:
    """What stands in a stream from *position* on."""
    start = position % len(PATTERN)
    return (PATTERN * (1 + (start + count) // len(PATTERN)))[start : start + count]


def counts(proxy: Proxy) -> tuple[int, ...]:
    """What was counted on all links until now."""
    return inside(proxy, lambda server: tuple(server.counters.counts()))


@pytest.fixture
def proxy(way: str, raw_backend: RawBackend) -> Iterator[Proxy]:
    with make_proxy(raw_backend) as proxy:
        assert inside(proxy, lambda server: server.runtime.pump is None) == (way == 'pure')
        yield proxy


class TestProperties:
    """Both ways move the same, whatever two peers do."""

    def test_every_byte_arrives(self, proxy: Proxy, raw_backend: RawBackend) -> None:
        @settings(max_examples=40, deadline=None)
        @given(st.lists(steps, max_size=25))
        def check(script: list[Step]) -> None:
            before = counts(proxy)
            with closing(Conversation(proxy, raw_backend)) as talk:
                talk.play(script)
                talk.finish()
                for who in (0, 1):
                    assert talk.received[1 - who] == expected(0, talk.sent[who])
                    assert not talk.is_reset[who]
            eventually(lambda: not inside(proxy, lambda server: server.links))
            up, down = talk.sent
            added = [now - then for now, then in zip(counts(proxy), before, strict=True)]
            assert added[1:] == [up, up, down, down]

        check()

    def test_what_arrives_before_a_reset_is_what_was_sent(self, proxy: Proxy, raw_backend: RawBackend) -> None:
        @settings(max_examples=40, deadline=None)
        @given(st.lists(steps, max_size=15), st.integers(0, 1))
        def check(script: list[Step], who: int) -> None:
            with closing(Conversation(proxy, raw_backend)) as talk:
                talk.play(script)
                talk.socks[who].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                talk.socks[who].close()
                talk.take_all(1 - who)
                received = talk.received[1 - who]
                assert received == expected(0, talk.sent[who])[: len(received)]
                assert talk.is_reset[1 - who] or talk.is_over[who]
            eventually(lambda: not inside(proxy, lambda server: server.links))

        check()
