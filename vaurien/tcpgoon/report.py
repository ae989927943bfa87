"""What became of a test, as text: the line of status, the statistics at the end, and a table of several instances."""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Sequence

from vaurien.address import Address
from vaurien.console.output import make_printable, print_line
from vaurien.console.percentiles import Spread
from vaurien.console.table import format_table
from vaurien.tcpgoon.record import Record
from vaurien.tcpgoon.result import Result

COUNTS = ('established', 'closed', 'error', 'avg', 'p99', 'exit status')

SECOND = 1_000_000_000
#: Units of times below a second: name, nanoseconds, decimals. The first that is not longer than the time is taken.
UNITS = (('ms', 1_000_000, 6), ('µs', 1000, 3), ('ns', 1, 0))


def format_status(record: Record) -> str:
    """Return how many connections are in each state, in the words of the original."""
    return (
        f'Total: {record.total}, Dialing: {record.dialing}, Established: {record.established}, '
        f'Closed: {record.closed}, Error: {record.failed}, NotInitiated: {record.not_initiated}'
    )


def format_statistics(address: Address, record: Record) -> str:
    """Return the statistics of a test that is over, in the form of the original; reasons of failures are ours."""
    lines = [f'--- {make_printable(str(address))} tcp test statistics ---', format_status(record)]
    for what, times in (
        ('Response time stats for {} established', record.responses),
        ('Time to error stats for {} failed', record.failures),
    ):
        spread = Spread.of(times)
        if spread:
            values = '/'.join(map(format_seconds, (spread.min, spread.avg, spread.max, spread.dev)))
            lines.append(f'{what.format(spread.count)} connections min/avg/max/dev = {values}')
    lines += [
        '--- tcpgoon execution statistics ---',
        f'Total established connections: {record.total_established}',
        f'Max concurrent established connections: {record.most}',
        f'Number of established connections on closure: {record.established}',
    ]
    if record.errors:
        lines.append(f'Errors: {_format_reasons(record.errors)}')
    if record.deaths:
        lines.append(f'Closed by the server: {_format_reasons(Counter(death.reason for death in record.deaths))}')
    return '\n'.join(lines)


def print_instances(results: Sequence[Result]) -> None:
    """Print a table to the standard output, with a row for each instance of an application."""
    print_line(format_table(('instance', 'address', *COUNTS), map(_make_row, results), COUNTS))


def format_duration(nanoseconds: int) -> str:
    """Return a time as Go writes it: ``17.929ms``, ``1.5s``, ``2m3s``, ``99µs``. No digit is lost or added.

    Source: the Go documentation of ``time.Duration.String``.
    """
    sign = '-' if nanoseconds < 0 else ''
    rest = abs(nanoseconds)
    for name, size, decimals in UNITS:
        if size <= rest < SECOND:
            return f'{sign}{_format_decimal(rest, size, decimals)}{name}'
    minutes, rest = divmod(rest, 60 * SECOND)
    hours, minutes = divmod(minutes, 60)
    text = f'{_format_decimal(rest, SECOND, 9)}s'
    if hours or minutes:
        text = f'{minutes}m{text}'
    if hours:
        text = f'{hours}h{text}'
    return sign + text


def format_seconds(seconds: float) -> str:
    """Return a measured time as Go writes it, to the microsecond: the clock is no more exact."""
    return format_duration(round(seconds * 1e6) * 1000)


def _make_row(result: Result) -> tuple[str, ...]:
    record = result.record
    spread = Spread.of(record.responses)
    times = (format_seconds(spread.avg), format_seconds(spread.p99)) if spread else ('-', '-')
    counts = map(str, (record.total_established, record.closed, record.failed))
    return result.test.title, str(result.test.recipe.target.address), *counts, *times, str(result.exit_status)


def _format_reasons(reasons: Counter[str]) -> str:
    return ', '.join(f'{count} {_explain(name)}' for name, count in reasons.most_common())


def _explain(name: str) -> str:
    number = getattr(errno, name, None)
    return name if number is None else f'{name} ({os.strerror(number)})'


def _format_decimal(value: int, size: int, decimals: int) -> str:
    whole, fraction = divmod(value, size)
    return f'{whole}.{fraction:0{decimals}d}'.rstrip('0').rstrip('.') if fraction else str(whole)
