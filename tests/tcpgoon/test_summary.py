"""The statistics as data for programs."""

from __future__ import annotations

from tests.tcpgoon.records import make_record, make_result
from vaurien.tcpgoon.record import Record
from vaurien.tcpgoon.summary import summarize, summarize_application


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
        'exit_status': 1,
    }


def test_several_instances() -> None:
    results = [make_result(make_record(established=1)), make_result(make_record(failed=1)), make_result(Record(0))]
    summary = summarize_application(results, 'ORDERS')
    assert (summary['application'], summary['exit_status']) == ('ORDERS', 1)
    assert [one['instance'] for one in summary['instances']] == ['web', 'web', 'web']
    assert [one['exit_status'] for one in summary['instances']] == [0, 1, 0]
    assert [one['times_ms']['response'] is None for one in summary['instances']] == [False, True, True]
