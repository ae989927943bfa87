"""Times as Go writes them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, strategies as st

from vaurien.tcpgoon.duration import format_duration, format_seconds

NANOSECONDS = {'h': 3600 * 10**9, 'm': 60 * 10**9, 's': 10**9, 'ms': 10**6, 'µs': 1000, 'ns': 1}


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
    """What such a text means."""
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
