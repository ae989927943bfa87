"""The statistics at the end, as text, and the line of status before."""

from __future__ import annotations

import errno
import os
from collections import Counter

from vaurien.address import Address
from vaurien.console.percentiles import Spread
from vaurien.tcpgoon.duration import format_seconds
from vaurien.tcpgoon.record import Record


def format_status(record: Record) -> str:
    """How many connections are in each state."""
    return (
        f'Total: {record.total}, Dialing: {record.dialing}, Established: {record.established}, '
        f'Closed: {record.closed}, Error: {record.failed}, NotInitiated: {record.not_initiated}'
    )


def format_statistics(address: Address, record: Record) -> str:
    """Everything about a test that is over."""
    lines = [f'--- {address} tcp test statistics ---', format_status(record)]
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


def _format_reasons(reasons: Counter[str]) -> str:
    return ', '.join(f'{count} {_explain(name)}' for name, count in reasons.most_common())


def _explain(name: str) -> str:
    number = getattr(errno, name, None)
    return name if number is None else f'{name} ({os.strerror(number)})'
