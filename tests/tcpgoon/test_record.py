"""What happened in a test: counts and times."""

from __future__ import annotations

from tests.tcpgoon.records import make_record
from vaurien.tcpgoon.record import Death, Record


def test_the_counts() -> None:
    record = make_record(established=4, failed=2, closed=1, total=10)
    record.on_dialing()
    assert (record.dialing, record.established, record.closed, record.failed) == (1, 3, 1, 2)
    assert (record.not_initiated, record.settled, record.total_established, record.most) == (3, 6, 4, 4)


def test_the_most_at_one_time() -> None:
    record = make_record(established=3, closed=2, total=9)
    record.on_dialing()
    record.on_established(0.1, 9.0)
    assert (record.established, record.most) == (2, 3)


def test_times_and_reasons() -> None:
    record = make_record(established=2, failed=3, closed=1)
    assert (list(record.responses), list(record.established_at)) == ([0.001, 0.002], [0.0, 1.0])
    assert (list(record.failures), list(record.failed_at)) == ([0.5] * 3, [2.0, 3.0, 4.0])
    assert record.errors == {'EMFILE': 1, 'ECONNREFUSED': 2}
    assert (record.deaths, list(record.closed_at)) == ([Death(1, '127.0.0.1:40000', 1.5, 'EOF')], [5.0])


def test_nothing_yet() -> None:
    record = Record(5)
    assert (record.not_initiated, record.settled, record.total_established) == (5, 0, 0)
    assert (record.dialed_at, record.over_at, record.interrupted) == (None, None, False)
