"""Times with nanoseconds, as texts (RFC 3339) and as nanoseconds since 1970."""

from __future__ import annotations

from datetime import datetime, timezone
from functools import lru_cache
from time import perf_counter_ns, time_ns

SECOND = 1_000_000_000

#: How Go writes a time that was never set.
UNSET = '0001-01-01T00:00:00Z'

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Stopwatch:
    """Tells times of day whose differences are true ones, whatever happens to the clock on the wall meanwhile."""

    def __init__(self) -> None:
        self._wall = time_ns()
        self._began = perf_counter_ns()

    @property
    def start(self) -> str:
        """When it was started."""
        return format_moment(self._wall)

    @property
    def now(self) -> str:
        """The time now."""
        return format_moment(self._wall + self.elapsed)

    @property
    def elapsed(self) -> int:
        """Nanoseconds since the start."""
        return perf_counter_ns() - self._began


def format_moment(nanoseconds: int) -> str:
    """``2026-01-05T10:12:31.004512345Z``."""
    seconds, fraction = divmod(nanoseconds, SECOND)
    return f'{_format_second(seconds)}.{fraction:09}Z'


def parse_moment(text: str) -> int:
    """Nanoseconds since 1970, from up to nine decimals and any offset; raises ValueError."""
    second, dot, rest = text.partition('.')
    if not dot:
        return _parse_second(text) * SECOND
    zone = rest.lstrip('0123456789')
    digits = rest.removesuffix(zone)
    return _parse_second(second + zone) * SECOND + int(digits[:9].ljust(9, '0'))


@lru_cache(maxsize=64)
def _format_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime('%Y-%m-%dT%H:%M:%S')


@lru_cache(maxsize=64)
def _parse_second(text: str) -> int:
    moment = datetime.fromisoformat(f'{text[:-1]}+00:00' if text.endswith('Z') else text)
    if moment.tzinfo is None:
        raise ValueError(f'{text!r} has no offset')
    delta = moment - _EPOCH
    return delta.days * 86400 + delta.seconds
