"""Large chunks take several turns if they have many messages, and nothing of them is lost or changed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from tests.engine.talk import LANGUAGES, connect, inside, join, make_proxy, only_link
from tests.peers import RawBackend
from tests.servers import Server
from vaurien.engine import slices
from vaurien.engine.held import MAX_MARKS
from vaurien.engine.slices import MANY, SLICE, feed_downstream, feed_upstream
from vaurien.engine.turns import get_turns
from vaurien.framing.marks import HEAD, REQUEST, Mark
from vaurien.protocols.base import BaseProtocol

REDIS = LANGUAGES['redis']
COUNT = 15_000


class Lines(BaseProtocol):
    """Takes each line for a request, but after a line ``BODY`` so many bytes as `body` says."""

    name = 'lines'
    body = 100_000

    def __init__(self, answer: bytes | None = None) -> None:
        super().__init__({})
        #: What was fed, and what was skipped.
        self.fed: list[int] = []
        self.skipped = 0
        #: What goes on in the place of what is fed.
        self._answer = answer

    def feed_upstream(self, data: bytes) -> tuple[bytes, Sequence[Mark]]:
        self.fed.append(len(data))
        self.upstream_body = 0
        if data.startswith(b'BODY\n'):
            self.upstream_body = self.body - (len(data) - 5)
            return data, [(HEAD, 5)]
        return self._answer or data, [(REQUEST, 0)] * data.count(b'\n')

    def feed_downstream(self, data: bytes) -> Sequence[Mark]:
        marks = self.feed_upstream(data)[1]
        self.downstream_body = self.upstream_body
        return marks

    def skip_upstream(self, count: int) -> None:
        self.skipped += count
        super().skip_upstream(count)

    skip_downstream = skip_upstream


class Postponed:
    """A stream that only notes what is put off."""

    data = b''

    def postpone(self, data: bytes) -> None:
        self.data = data


@pytest.mark.parametrize('feed', [feed_upstream, feed_downstream])
class TestFeeding:
    """How much of a chunk is fed at once, if no time goes by."""

    @pytest.fixture(autouse=True)
    def _standing_still(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(slices, 'monotonic', lambda: 0.0)

    def test_many_messages(self, feed: Any) -> None:
        protocol, stream, data = Lines(), Postponed(), b'a\n' * 100_000
        given, marks = feed(protocol, data, stream)
        assert protocol.fed == [SLICE]
        assert len(marks) == SLICE // 2
        assert (given, stream.data) == (data[:SLICE], data[SLICE:])

    def test_few_messages(self, feed: Any) -> None:
        protocol, stream, data = Lines(), Postponed(), 3 * (bytes(1000) + b'\n')
        assert feed(protocol, data, stream) == (data, [(REQUEST, 0)] * 3)
        assert stream.data == b''

    def test_one_large_message_is_fed_as_a_whole(self, feed: Any) -> None:
        protocol, stream, data = Lines(), Postponed(), b'x' * 100_000 + b'\n'
        given, _ = feed(protocol, data, stream)
        assert given is data
        assert (protocol.fed, stream.data) == ([len(data)], b'')

    def test_a_body_is_skipped_whatever_is_in_it(self, feed: Any) -> None:
        protocol, stream = Lines(), Postponed()
        data = b'BODY\n' + Random(1).randbytes(50_000)
        given, _ = feed(protocol, data, stream)
        assert given is data
        assert (protocol.fed, protocol.skipped, stream.data) == ([SLICE], len(data) - SLICE, b'')

    def test_messages_behind_a_body(self, feed: Any) -> None:
        protocol, stream = Lines(), Postponed()
        data = b'BODY\n' + bytes(protocol.body) + MANY * b'a\n' + bytes(SLICE)
        given, marks = feed(protocol, data, stream)
        assert len(protocol.fed) == 2
        assert len(marks) == 1 + MANY
        assert given + stream.data == data


def test_what_goes_on_may_be_something_else() -> None:
    protocol, stream = Lines(b'other'), Postponed()
    given, _ = feed_upstream(protocol, MANY * b'a\n' + bytes(2 * SLICE), stream)  # type: ignore[arg-type]
    assert given == b'other' * len(protocol.fed)


def test_others_have_their_turn_between_two_slices(raw_backend: RawBackend) -> None:
    order: list[int | str] = []
    requests = COUNT * REDIS.request
    with make_proxy(raw_backend, 'redis') as proxy:
        _, backend = join(proxy, raw_backend)

        def flood(server: Any) -> None:
            up = only_link(server).up
            traffic: Any = only_link(server).traffic
            protocol = traffic.protocol
            feed, turns = protocol.feed_upstream, get_turns()

            def record(data: bytes) -> Any:
                order.append(len(data))
                return feed(data)

            def other() -> None:
                order.append('other')
                if up.postponed:
                    turns.add(other)

            protocol.feed_upstream = record
            turns.add(other)
            up.received += len(requests)
            up.give(requests)

        inside(proxy, flood)
        assert backend.recv_exactly(len(requests)) == requests
    slices = [entry for entry in order if isinstance(entry, int)]
    assert (sum(slices), max(slices)) == (len(requests), SLICE)
    assert all('other' in pair for pair in pairwise(order))


class TestStream:
    """What a stream does with what was put off."""

    @pytest.mark.parametrize('behavior', ['dummy', 'delay(sleep=0, nth=14000)', 'delay(sleep=0, nth=every 3000)'])
    def test_every_request_gets_its_reply(self, redis_server: Server, behavior: str) -> None:
        with make_proxy(redis_server.address, 'redis', behavior) as proxy:
            client = connect(proxy)
            client.send(COUNT * REDIS.request)
            client.shut_down()
            assert client.recv_exactly(COUNT * len(REDIS.reply)) == COUNT * REDIS.reply
            assert client.recv() == b''
            assert proxy.status()['exchanges'] == COUNT

    def test_bytes_of_no_protocol_go_on_behind_it(self, raw_backend: RawBackend) -> None:
        data = MAX_MARKS * REDIS.request + b'*nonsense\r\n' + Random(2).randbytes(100_000)
        with make_proxy(raw_backend, 'redis') as proxy:
            client = connect(proxy)
            backend = raw_backend.accept()
            client.send(data)
            client.shut_down()
            assert backend.recv_exactly(len(data)) == data
            assert backend.recv() == b''
