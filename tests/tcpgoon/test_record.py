"""What happened: counts and times, and what reports make of them."""

from __future__ import annotations

from datetime import datetime, timezone

from tests.tcpgoon.dialing import target
from vaurien.address import Address
from vaurien.tcpgoon import plan
from vaurien.tcpgoon.handshake import Recipe
from vaurien.tcpgoon.record import Death, Record
from vaurien.tcpgoon.report import format_statistics, format_status
from vaurien.tcpgoon.result import Result, worst_status
from vaurien.tcpgoon.settings import Settings
from vaurien.tcpgoon.summary import summarize


def make_record(established: int = 0, failed: int = 0, closed: int = 0, total: int | None = None) -> Record:
    """One after the other; those that are closed were established before."""
    record = Record(established + failed if total is None else total)
    for number in range(established):
        record.on_dialing()
        record.on_established((number + 1) / 1000, number)
    for number in range(failed):
        record.on_dialing()
        record.on_failed('ECONNREFUSED' if number else 'EMFILE', 0.5, established + number)
    for number in range(closed):
        record.on_closed(Death(number + 1, '127.0.0.1:40000', 1.5, 'EOF'), established + failed + number)
    return record


def make_result(record: Record, **settings: float) -> Result:
    """The result of a test of nothing."""
    test = plan.Test('web', Recipe(target(80), None, b'', b''))
    return Result(test, Settings(**settings), datetime(2026, 1, 5, tzinfo=timezone.utc), record)  # type: ignore[arg-type]


def test_the_counts() -> None:
    record = make_record(established=4, failed=2, closed=1, total=10)
    record.on_dialing()
    assert (record.dialing, record.established, record.closed, record.failed) == (1, 3, 1, 2)
    assert (record.not_initiated, record.settled, record.total_established, record.most) == (3, 6, 4, 4)
    assert format_status(record) == 'Total: 10, Dialing: 1, Established: 3, Closed: 1, Error: 2, NotInitiated: 3'


def test_the_most_at_one_time() -> None:
    record = make_record(established=3, closed=2, total=9)
    record.on_dialing()
    record.on_established(0.1, 9.0)
    assert (record.established, record.most) == (2, 3)


def test_statistics_of_a_success() -> None:
    assert format_statistics(Address('myhttpsamplehost.com', 80), make_record(established=3)).splitlines() == [
        '--- myhttpsamplehost.com:80 tcp test statistics ---',
        'Total: 3, Dialing: 0, Established: 3, Closed: 0, Error: 0, NotInitiated: 0',
        'Response time stats for 3 established connections min/avg/max/dev = 1ms/2ms/3ms/816µs',
        '--- tcpgoon execution statistics ---',
        'Total established connections: 3',
        'Max concurrent established connections: 3',
        'Number of established connections on closure: 3',
    ]


def test_statistics_of_failures() -> None:
    record = make_record(established=1, failed=3, closed=1)
    assert format_statistics(Address('::1', 80), record).splitlines() == [
        '--- [::1]:80 tcp test statistics ---',
        'Total: 4, Dialing: 0, Established: 0, Closed: 1, Error: 3, NotInitiated: 0',
        'Response time stats for 1 established connections min/avg/max/dev = 1ms/1ms/1ms/0s',
        'Time to error stats for 3 failed connections min/avg/max/dev = 500ms/500ms/500ms/0s',
        '--- tcpgoon execution statistics ---',
        'Total established connections: 1',
        'Max concurrent established connections: 1',
        'Number of established connections on closure: 0',
        'Errors: 2 ECONNREFUSED (Connection refused), 1 EMFILE (Too many open files)',
        'Closed by the server: 1 EOF',
    ]


def test_statistics_of_nothing() -> None:
    assert format_statistics(Address('a', 1), Record(5)).splitlines()[1:3] == [
        'Total: 5, Dialing: 0, Established: 0, Closed: 0, Error: 0, NotInitiated: 5',
        '--- tcpgoon execution statistics ---',
    ]


def test_the_exit_status() -> None:
    interrupted = make_record(established=3)
    interrupted.interrupted = True
    closed = make_record(established=3, closed=1)
    assert make_result(make_record(established=3)).exit_status == 0
    assert make_result(make_record(established=3, failed=1)).exit_status == 2
    assert make_result(interrupted).exit_status == 1
    assert make_result(closed).exit_status == 0
    assert make_result(closed, hold=1.0).exit_status == 2
    assert make_result(make_record(established=3), hold=1.0).exit_status == 0


def test_the_worst_status() -> None:
    fine, failed = make_result(make_record(established=1)), make_result(make_record(failed=1))
    interrupted = make_result(Record(1))
    interrupted.record.interrupted = True
    assert worst_status([fine, fine]) == 0
    assert worst_status([fine, failed, fine]) == 2
    assert worst_status([failed, interrupted]) == 1


def test_a_summary() -> None:
    record = make_record(established=2, failed=1, closed=1)
    record.dialed_at, record.over_at = 3.0, 4.5
    summary = summarize(make_result(record, hold=1.5))
    assert summary.pop('version')
    assert summary.pop('settings') == {
        'connections': 100,
        'dial_timeout_ms': 5000,
        'sleep_ms': 10,
        'rate_per_s': None,
        'hold_s': 1.5,
        'source': '',
        'tls': False,
        'cacert': None,
        'insecure': False,
        'send': '',
        'expect': '',
    }
    assert summary == {
        'target': {'host': '127.0.0.1', 'port': 80, 'addresses': ['127.0.0.1:80']},
        'began': '2026-01-05T00:00:00+00:00',
        'dialed_after_s': 3.0,
        'over_after_s': 4.5,
        'interrupted': False,
        'counts': {'total': 3, 'dialing': 0, 'established': 1, 'closed': 1, 'error': 1, 'not_initiated': 0},
        'established': {'total': 2, 'most': 2, 'at_end': 1},
        'times_ms': {
            'response': {
                'count': 2,
                'min': 1.0,
                'avg': 1.5,
                'max': 2.0,
                'dev': 0.5,
                'p50': 1.0,
                'p90': 2.0,
                'p99': 2.0,
            },
            'error': {
                'count': 1,
                'min': 500.0,
                'avg': 500.0,
                'max': 500.0,
                'dev': 0.0,
                'p50': 500.0,
                'p90': 500.0,
                'p99': 500.0,
            },
        },
        'errors': {'EMFILE': 1},
        'closed': {'EOF': 1},
        'deaths': [{'connection': 1, 'local': '127.0.0.1:40000', 'after_s': 1.5, 'reason': 'EOF'}],
        'exit_status': 2,
    }
