"""Times with nanoseconds."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, strategies as st

from vaurien.conntest.timestamps import SECOND, UNSET, Stopwatch, format_timestamp, parse_timestamp

#: 2026-01-05T10:12:31Z
MOMENT = 1_767_607_951


@pytest.mark.parametrize(
    ('text', 'nanoseconds'),
    [
        ('2026-01-05T10:12:31Z', MOMENT * SECOND),
        ('2026-01-05T10:12:31.5Z', MOMENT * SECOND + 500_000_000),
        ('2026-01-05T10:12:31.004512345Z', MOMENT * SECOND + 4_512_345),
        ('2026-01-05T11:12:31.000000001+01:00', MOMENT * SECOND + 1),
        ('2026-01-05T04:42:31.9-05:30', MOMENT * SECOND + 900_000_000),
        ('1970-01-01T00:00:00Z', 0),
        ('1969-12-31T23:59:59.25Z', -750_000_000),
        (UNSET, -62_135_596_800 * SECOND),
    ],
)
def test_texts_of_either_side(text: str, nanoseconds: int) -> None:
    assert parse_timestamp(text) == nanoseconds


@pytest.mark.parametrize(
    'text', ['', 'soon', '2026-02-30T10:12:31Z', '2026-01-05T10:12:31', '2026-01-05T10:12:31.5', '.Z']
)
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        parse_timestamp(text)


@given(st.integers(min_value=0, max_value=4_000_000_000 * SECOND))
def test_there_and_back(nanoseconds: int) -> None:
    text = format_timestamp(nanoseconds)
    assert parse_timestamp(text) == nanoseconds
    assert len(text) == len('2026-01-05T10:12:31.004512345Z')


def test_a_stopwatch_tells_the_time_of_day() -> None:
    before = time.time_ns()
    watch = Stopwatch()
    assert before <= parse_timestamp(watch.start) <= parse_timestamp(watch.now) <= time.time_ns() + SECOND
    assert 0 < watch.elapsed <= watch.elapsed
