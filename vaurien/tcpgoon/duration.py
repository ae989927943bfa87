"""Times as Go's ``Duration.String`` writes them: ``17.929ms``, ``1.5s``, ``2m3s``, ``99µs``."""

from __future__ import annotations

SECOND = 1_000_000_000

#: The largest unit that is not above the time, for times below a second: its name, its nanoseconds, its decimals.
UNITS = (('ms', 1_000_000, 6), ('µs', 1000, 3), ('ns', 1, 0))


def format_duration(nanoseconds: int) -> str:
    """*nanoseconds* in the largest fitting unit, or in hours, minutes and seconds; no digit is lost or added.

    Source: the Go documentation of ``time.Duration.String``.
    """
    sign = '-' if nanoseconds < 0 else ''
    rest = abs(nanoseconds)
    for name, size, decimals in UNITS:
        if size <= rest < SECOND:
            return f'{sign}{_decimal(rest, size, decimals)}{name}'
    minutes, rest = divmod(rest, 60 * SECOND)
    hours, minutes = divmod(minutes, 60)
    text = f'{_decimal(rest, SECOND, 9)}s'
    if hours or minutes:
        text = f'{minutes}m{text}'
    if hours:
        text = f'{hours}h{text}'
    return sign + text


def format_seconds(seconds: float) -> str:
    """Measured *seconds*, to the microsecond: what a clock here can tell."""
    return format_duration(round(seconds * 1e6) * 1000)


def _decimal(value: int, size: int, decimals: int) -> str:
    whole, fraction = divmod(value, size)
    return f'{whole}.{fraction:0{decimals}d}'.rstrip('0').rstrip('.') if fraction else str(whole)
