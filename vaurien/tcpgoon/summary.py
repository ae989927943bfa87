"""The statistics at the end, as data: what ``--json`` prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from msgspec.structs import asdict

from vaurien import __version__
from vaurien.console.percentiles import Spread
from vaurien.tcpgoon.result import Result, worst_status
from vaurien.tcpgoon.target import format_address

#: The settings that are part of a summary: the name there, which ends with the unit, and the name in `Settings`.
SETTINGS = {
    'connections': 'connections',
    'dial_timeout_ms': 'dial_timeout',
    'sleep_ms': 'sleep',
    'rate_per_s': 'rate',
    'hold_s': 'hold',
    'source': 'source',
    'tls': 'tls',
    'cacert': 'cacert',
    'insecure': 'insecure',
    'send': 'send',
    'expect': 'expect',
}


def summarize(result: Result) -> dict[str, Any]:
    """Return everything about a test. Names end with their unit."""
    record = result.record
    target = result.test.recipe.target
    return {
        'version': __version__,
        'target': {
            'host': target.address.host,
            'port': target.address.port,
            'addresses': [format_address(place.address) for place in target.places],
        },
        'settings': {name: getattr(result.settings, setting) for name, setting in SETTINGS.items()},
        'began': result.began.isoformat(),
        'dialed_after_s': record.dialed_at,
        'over_after_s': record.over_at,
        'interrupted': record.interrupted,
        'counts': {
            'total': record.total,
            'dialing': record.dialing,
            'established': record.established,
            'closed': record.closed,
            'error': record.failed,
            'not_initiated': record.not_initiated,
        },
        'established': {'total': record.total_established, 'most': record.most, 'at_end': record.established},
        'times_ms': {'response': _in_ms(record.responses), 'error': _in_ms(record.failures)},
        'errors': dict(record.errors.most_common()),
        'closed': dict(Counter(death.reason for death in record.deaths).most_common()),
        'deaths': [
            {'connection': number, 'local': local, 'after_s': after, 'reason': reason}
            for number, local, after, reason in record.deaths
        ],
        'exit_status': result.exit_status,
    }


def summarize_application(results: Sequence[Result], name: str) -> dict[str, Any]:
    """Return everything about the tests of an application's instances."""
    return {
        'application': name,
        'exit_status': worst_status(results),
        'instances': [{'instance': result.test.title, **summarize(result)} for result in results],
    }


def _in_ms(seconds: Sequence[float]) -> dict[str, float] | None:
    spread = Spread.of(seconds)
    if spread is None:
        return None
    times = asdict(spread)
    return {'count': times.pop('count'), **{name: round(value * 1000, 3) for name, value in times.items()}}
