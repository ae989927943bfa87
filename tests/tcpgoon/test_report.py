"""What became of a test, as text; times as Go writes them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, strategies as st

from tests.tcpgoon.records import make_record, make_result
from vaurien.address import Address
from vaurien.tcpgoon.record import Record
from vaurien.tcpgoon.report import (
    format_duration,
    format_seconds,
    format_statistics,
    format_status,
    print_instances,
)

NANOSECONDS = {'h': 3600 * 10**9, 'm': 60 * 10**9, 's': 10**9, 'ms': 10**6, 'µs': 1000, 'ns': 1}


def test_the_line_of_status() -> None:
    record = make_record(established=4, failed=2, closed=1, total=10)
    record.on_dialing()
    assert format_status(record) == 'Total: 10, Dialing: 1, Established: 3, Closed: 1, Error: 2, NotInitiated: 3'


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


def test_a_row_for_each_instance(capsys: pytest.CaptureFixture[str]) -> None:
    print_instances([make_result(make_record(established=3, closed=1)), make_result(make_record(failed=2))])
    assert [re.split(r' {2,}', line.strip()) for line in capsys.readouterr().out.splitlines()] == [
        ['instance', 'address', 'established', 'closed', 'error', 'avg', 'p99', 'exit status'],
        ['web', '127.0.0.1:80', '3', '1', '0', '2ms', '3ms', '0'],
        ['web', '127.0.0.1:80', '0', '0', '2', '-', '-', '1'],
    ]


@pytest.mark.parametrize(
    ('nanoseconds', 'text'),
    [
        (0, '0s'),
        (1, '1ns'),
        (999, '999ns'),
        (1000, '1µs'),
        (1100, '1.1µs'),
        (99_000, '99µs'),
        (999_999, '999.999µs'),
        (2_200_000, '2.2ms'),
        (17_929_000, '17.929ms'),
        (549_880_000, '549.88ms'),
        (999_999_999, '999.999999ms'),
        (1_000_000_000, '1s'),
        (1_500_000_000, '1.5s'),
        (3_300_000_000, '3.3s'),
        (5_000_819_000, '5.000819s'),
        (10_000_000_000, '10s'),
        (60_000_000_000, '1m0s'),
        (123_000_000_000, '2m3s'),
        (4 * 60 * 10**9 + 5 * 10**9 + 10**6, '4m5.001s'),
        (8 * 60 * 10**9 + 1, '8m0.000000001s'),
        (3600 * 10**9, '1h0m0s'),
        (5 * 3600 * 10**9 + 6 * 60 * 10**9 + 7 * 10**9 + 10**6, '5h6m7.001s'),
        (2**63 - 1, '2562047h47m16.854775807s'),
        (-(2**63), '-2562047h47m16.854775808s'),
        (-1_500_000, '-1.5ms'),
    ],
)
def test_as_go_writes_it(nanoseconds: int, text: str) -> None:
    assert format_duration(nanoseconds) == text


@given(st.integers(-(2**63), 2**63 - 1))
def test_no_digit_is_lost(nanoseconds: int) -> None:
    text = format_duration(nanoseconds)
    assert parse(text) == nanoseconds
    assert not re.search(r'\.\d*0(\D|$)', text)


def parse(text: str) -> int:
    """Return the nanoseconds that a text stands for."""
    sign, rest = (-1, text[1:]) if text.startswith('-') else (1, text)
    parts = re.findall(r'(\d+)(?:\.(\d+))?(h|ms|m|s|µs|ns)', rest)
    assert ''.join(f'{whole}{"." * bool(decimals)}{decimals}{unit}' for whole, decimals, unit in parts) == rest
    total = 0
    for whole, decimals, unit in parts:
        total += int(whole) * NANOSECONDS[unit]
        total += int(decimals or 0) * NANOSECONDS[unit] // 10 ** len(decimals)
    return sign * total


@pytest.mark.parametrize(('seconds', 'text'), [(0.017929, '17.929ms'), (0.0179294, '17.929ms'), (0.0, '0s')])
def test_measured_times_are_to_the_microsecond(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text
