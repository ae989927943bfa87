"""Timestamps with nanoseconds: as texts (RFC 3339), and as nanoseconds since 1970."""

from __future__ import annotations

from datetime import datetime, timezone
from functools import lru_cache
from time import perf_counter_ns, time_ns

SECOND = 1_000_000_000

#: The timestamp of what has not happened, as Go writes the zero value of its ``time.Time``.
UNSET = '0001-01-01T00:00:00Z'

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Stopwatch:
    """A clock that starts at the time of day. Its timestamps keep the right distance if the system clock is set."""

    def __init__(self) -> None:
        self._wall = time_ns()
        self._began = perf_counter_ns()

    @property
    def start(self) -> str:
        """The timestamp of the start."""
        return format_timestamp(self._wall)

    @property
    def now(self) -> str:
        """The timestamp of this moment."""
        return format_timestamp(self._wall + self.elapsed)

    @property
    def elapsed(self) -> int:
        """Nanoseconds since the start."""
        return perf_counter_ns() - self._began


def format_timestamp(nanoseconds: int) -> str:
    """Return nanoseconds since 1970 as a timestamp in UTC: ``2026-01-05T10:12:31.004512345Z``."""
    seconds, fraction = divmod(nanoseconds, SECOND)
    return f'{_format_second(seconds)}.{fraction:09}Z'


def parse_timestamp(text: str) -> int:
    """Return the nanoseconds since 1970 of a timestamp with up to nine decimals and any offset.

    Raises `ValueError` if *text* is no timestamp.
    """
    second, dot, rest = text.partition('.')
    if not dot:
        return _parse_second(text) * SECOND
    zone = rest.lstrip('0123456789')
    digits = rest.removesuffix(zone)
    return _parse_second(second + zone) * SECOND + int(digits[:9].ljust(9, '0'))


# Both are cached: most timestamps of a test are of the same few seconds, and datetime takes microseconds for each.
@lru_cache(maxsize=64)
def _format_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime('%Y-%m-%dT%H:%M:%S')


@lru_cache(maxsize=64)
def _parse_second(text: str) -> int:
    # fromisoformat takes a Z from Python 3.11 on only.
    second = datetime.fromisoformat(f'{text[:-1]}+00:00' if text.endswith('Z') else text)
    if second.tzinfo is None:
        raise ValueError(f'{text!r} has no offset')
    delta = second - _EPOCH
    return delta.days * 86400 + delta.seconds
