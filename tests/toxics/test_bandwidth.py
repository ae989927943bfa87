"""Bandwidth: the rate, the pieces and the wait of the sender."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from tests.toxics.bench import BREAK, CLOSE, END, RESET, Bench
from vaurien.plugins.wire import Wire
from vaurien.toxics.base import Ending


def test_a_chunk_takes_its_time() -> None:
    bench = Bench('bandwidth', rate=10)
    bench.feed(b'.' * 100)
    assert bench.out == []
    bench.wait(1)
    assert bench.out == [(pytest.approx(0.01), b'.' * 100)]


def test_a_long_one_comes_in_pieces() -> None:
    bench = Bench('bandwidth', rate=10)
    bench.feed(bytes(range(256)) * 10, END)
    bench.wait(1)
    assert bench.sizes == [1000, 1000, 560]
    assert [when for when, _ in bench.out] == pytest.approx([0.1, 0.2, 0.256, 0.256])
    assert bench.data == bytes(range(256)) * 10
    assert bench.endings == [END]


def test_nothing_is_gained_or_lost_over_many_chunks() -> None:
    """A chunk that comes while another passes waits its turn, however late it is asked for."""
    bench = Bench('bandwidth', rate=1000)
    sent = 0
    while bench.now < 5:
        if bench.toxic.has_room:
            bench.feed(b'.' * 777)
            sent += 777
        bench.wait(0.00031)
    assert len(bench.data) == pytest.approx(5_000_000, rel=0.001)


def test_time_without_data_is_not_saved_up() -> None:
    bench = Bench('bandwidth', rate=1)
    bench.wait(100)
    bench.feed(b'.' * 50)
    assert bench.data == b''
    bench.wait(0.049)
    assert bench.data == b''
    bench.wait(0.001)
    assert bench.data == b'.' * 50


def test_no_rate_stops_everything() -> None:
    bench = Bench('bandwidth', rate=0)
    count = 0
    while bench.toxic.has_room:
        bench.feed(b'.')
        count += 1
    bench.wait(1e6)
    assert bench.out == []
    assert count < 20, 'whoever sends is held back'
    bench.feed(END)
    bench.update(rate=1)
    bench.wait(1)
    assert bench.data == b'.' * count
    assert bench.endings == [END]


@pytest.mark.parametrize('end', [END, BREAK, CLOSE, RESET])
def test_no_rate_lets_an_end_pass_that_has_nothing_before_it(end: Ending) -> None:
    bench = Bench('bandwidth', rate=0)
    bench.feed(end)
    assert bench.out == [(0.0, end)]


@pytest.mark.parametrize('rate', [0, 1])
def test_an_end_behind_data_stays_behind_them(rate: int) -> None:
    bench = Bench('bandwidth', rate=1)
    bench.feed(bytes(150), END)
    bench.wait(0.1)
    bench.update(rate=rate)
    assert bench.data == bytes(150)  # a change lets the rest go
    assert bench.out[-1] == (0.1, END)
    bench = Bench('bandwidth', rate=rate)
    bench.feed(bytes(150), END)
    assert bench.out == []


def test_no_rate_until_it_is_removed() -> None:
    bench = Bench('bandwidth')
    bench.feed(b'a', END)
    bench.retire()
    assert bench.out == [(0.0, b'a'), (0.0, END)]


@pytest.mark.parametrize('rate', [-1, -(2**63), 2**63 - 1])
def test_no_limit(rate: int) -> None:
    bench = Bench('bandwidth', rate=rate)
    bench.feed(b'.' * 100_000, b'b', END)
    bench.wait(0.001)
    assert [item for _, item in bench.out] == [b'.' * 100_000, b'b', END]


@pytest.mark.parametrize('disturb', [Bench.interrupt, lambda bench: bench.update(rate=1)])
def test_interrupted_it_lets_the_rest_of_a_chunk_go_in_one_piece(disturb: Callable[[Bench], None]) -> None:
    bench = Bench('bandwidth', rate=1)
    bench.feed(b'.' * 1000, b'next')
    bench.wait(0.15)
    assert len(bench.data) == 100
    disturb(bench)
    assert bench.out[1:] == [(0.15, b'.' * 900)]
    bench.wait(0.003)
    assert bench.data == b'.' * 1000
    bench.wait(0.001)
    assert bench.data == b'.' * 1000 + b'next'


def test_removed_while_a_chunk_passes() -> None:
    bench = Bench('bandwidth', rate=1)
    bench.feed(b'.' * 1000, b'next', END)
    bench.wait(0.15)
    bench.retire()
    assert [item for _, item in bench.out] == [b'.' * 100, b'.' * 900, b'next', END]


def test_a_rate_counts_again_after_it_was_not_applied_for_a_while() -> None:
    bench = Bench('bandwidth', rate=1)
    bench.feed(b'.' * 1000)
    bench.apply(0)
    assert bench.data == b'.' * 1000
    bench.update(rate=0)
    bench.apply(1)
    bench.feed(b'next')
    bench.wait(1000)
    assert bench.data == b'.' * 1000


class Street:
    """Senders on one wire, each a link of its own, and a clock that the test owns."""

    def __init__(self, *, count: int, rate: int) -> None:
        self.wire = Wire()
        self.senders = [Bench('bandwidth', rate=rate, commons=self.wire) for _ in range(count)]
        self.now = 0.0
        #: How often a sender was asked for what it has.
        self.asked = 0

    def go_on(self, seconds: float, sizes: Mapping[int, int] | None = None) -> list[int]:
        """Let time pass; return how much each sender has sent. *sizes* are the chunks of those that never stop."""
        end = self.now + seconds
        before = [len(sender.data) for sender in self.senders]
        while True:
            for number, size in (sizes or {}).items():
                while self.senders[number].toxic.has_room:
                    self.feed(number, size)
            due, number = min((sender.toxic.next_step, number) for number, sender in enumerate(self.senders))
            if due > end:
                break
            self.now = max(self.now, due)
            self.asked += 1
            self.senders[number].now = self.now
            self.senders[number].step()
        self.now = end
        return [len(sender.data) - was for sender, was in zip(self.senders, before, strict=True)]

    def feed(self, number: int, size: int) -> None:
        self.senders[number].now = self.now
        self.senders[number].feed(b'.' * size)

    def close(self, number: int) -> None:
        """Close the link of a sender."""
        self.senders[number].toxic.abandon(self.now)
        del self.senders[number]


class TestSharedRate:
    def test_all_have_it_together_and_each_as_much_as_the_others(self) -> None:
        street = Street(count=4, rate=1000)
        sent = street.go_on(10, dict.fromkeys(range(4), 32768))
        assert sum(sent) == pytest.approx(10_000_000, rel=0.02)
        assert min(sent) == pytest.approx(max(sent), rel=0.02)

    def test_whoever_sends_alone_has_all_of_it(self) -> None:
        street = Street(count=4, rate=1000)
        assert street.go_on(10, {2: 32768}) == [0, 0, pytest.approx(10_000_000, rel=0.02), 0]

    def test_chunks_of_another_size_are_no_advantage(self) -> None:
        street = Street(count=3, rate=1000)
        sent = street.go_on(10, {0: 32768, 1: 9000, 2: 200_000})
        assert sum(sent) == pytest.approx(10_000_000, rel=0.02)
        assert sent == [pytest.approx(3_333_333, rel=0.02)] * 3

    def test_whoever_sends_little_hardly_waits(self) -> None:
        """It has its turn within the time of one round, however much the others want."""
        street = Street(count=10, rate=1000)
        others = dict.fromkeys(range(9), 32768)
        street.go_on(1, others)
        for number in range(50):
            street.go_on(0.0973, others)
            street.feed(9, 100)
            began, out = street.now, street.senders[9].out
            street.go_on(0.15, others)
            assert len(out) == number + 1
            assert out[-1][0] - began < 0.11

    def test_nobody_is_asked_in_vain(self) -> None:
        street = Street(count=4, rate=1000)
        street.go_on(10, dict.fromkeys(range(4), 32768))
        assert 300 < street.asked < 450, 'ten times a second for each of them'
        street = Street(count=4, rate=1000)
        street.go_on(1000)
        assert street.asked == 0

    def test_another_rate_is_that_of_all(self) -> None:
        street = Street(count=4, rate=1000)
        everyone = dict.fromkeys(range(4), 32768)
        street.go_on(2, everyone)
        for sender in street.senders:
            sender.now = street.now
            sender.toxic.update({**sender.toxic.values, 'rate': 100}, street.now, street.wire)
            sender.step()
        sent = street.go_on(20, everyone)
        assert sum(sent) == pytest.approx(2_000_000, rel=0.02)
        assert min(sent) == pytest.approx(max(sent), rel=0.1)

    @pytest.mark.parametrize('leave', [Street.close, lambda street, number: street.senders[number].retire()])
    def test_what_those_had_that_left_is_for_the_others(self, leave: Callable[[Street, int], None]) -> None:
        street = Street(count=4, rate=100)
        street.go_on(1, dict.fromkeys(range(4), 32768))
        for number in (3, 2):
            street.senders[number].now = street.now
            leave(street, number)
        sent = street.go_on(10, {0: 32768, 1: 32768})
        assert sum(sent[:2]) == pytest.approx(1_000_000, rel=0.02)
        assert sent[0] == pytest.approx(sent[1], rel=0.02)

    def test_nothing_is_left_of_many_that_left(self) -> None:
        street = Street(count=300, rate=1)
        street.go_on(10, dict.fromkeys(range(300), 1000))
        while street.senders:
            street.close(0)
        late = Bench('bandwidth', rate=1, commons=street.wire)
        late.now = street.now
        late.feed(b'.' * 10)
        late.wait(0.011)
        assert late.data == b'.' * 10

    def test_after_a_pause_of_all_nobody_takes_much_of_what_others_missed(self) -> None:
        """The machine may be busy for a while."""
        street = Street(count=4, rate=1000)
        everyone = dict.fromkeys(range(4), 32768)
        street.go_on(1, everyone)
        street.now += 5
        sent = street.go_on(1, everyone)
        assert 1_000_000 < sum(sent) < 1_250_000
        assert max(sent) - min(sent) < 150_000

    def test_none_waits_for_one_whose_peer_takes_nothing(self) -> None:
        street = Street(count=2, rate=1000)
        street.senders[1].blocked = True
        street.feed(1, 32768)
        street.senders[1].toxic.next_step = float('inf')
        assert street.go_on(5, {0: 32768})[0] == pytest.approx(5_000_000, rel=0.02)

    def test_a_link_may_have_its_rate_for_itself_again(self) -> None:
        street = Street(count=2, rate=1000)
        street.go_on(1, dict.fromkeys(range(2), 32768))
        for sender in street.senders:
            sender.toxic.update({**sender.toxic.values, 'shared': 'link'}, street.now)
            sender.step()
        sent = street.go_on(10, dict.fromkeys(range(2), 32768))
        assert sent == [pytest.approx(10_000_000, rel=0.02)] * 2
