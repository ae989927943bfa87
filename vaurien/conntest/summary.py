"""``summary``: a report in a few lines."""

from __future__ import annotations

import argparse
from collections import Counter

from vaurien.conntest.messages import Report
from vaurien.conntest.report import read_report, times_of
from vaurien.console.output import print_line
from vaurien.console.percentiles import Spread


def command(given: argparse.Namespace) -> int:
    """Print the report in short and return 0; raise `ConfigError`."""
    print_line(summarize(read_report(given.report)))
    return 0


def summarize(report: Report) -> str:
    """Return runs, round trips and errors as aligned lines, with a line for each kind of error."""
    group = report.client_run_group
    results = report.results or []
    rows = [('runs', f'{len(results)}, {max(group.concurrency, 1)} at a time')]
    if group.description:
        rows.insert(0, ('group', group.description))
    if spread := Spread.of(times_of(results)):
        rows += [('average', format_ms(report.average_response_time_ns))]
        rows += [(name, format_ms(getattr(spread, name))) for name in ('min', 'p50', 'p90', 'p99', 'max')]
    errors = Counter(result.error for result in results if result.error)
    rows.append(('errors', _share(errors.total(), len(results))))
    rows += [('', f'{count:>6}  {error}') for error, count in errors.most_common()]
    if report.server_run_group is None:
        rows.append(('compared', 'no, the record of the server is missing'))
    if upstream := _summarize_upstream(report):
        rows.append(('upstream', upstream))
    return '\n'.join(f'{name:<10}{_make_plain(text)}' for name, text in rows)


def _summarize_upstream(report: Report) -> str:
    server = report.server_run_group
    if server is None or not server.upstream_endpoint:
        return ''
    ids = {result.run_id for result in report.results or ()}
    runs = [run for run in server.test_runs or () if run.run_id in ids]
    outcomes = Counter(run.error or str(run.upstream_response_code) for run in runs)
    return ', '.join(f'{count} × {outcome}' for outcome, count in outcomes.most_common())


def format_ms(nanoseconds: float) -> str:
    """Return a time in milliseconds, to the microsecond: ``1.234 ms``."""
    return f'{nanoseconds / 1e6:.3f} ms'


def _make_plain(text: str) -> str:
    """Replace what a terminal would obey: descriptions and errors come from other people."""
    return ''.join(character if character.isprintable() else '?' for character in text)


def _share(count: int, total: int) -> str:
    return f'{count} ({100 * count / total:.1f} %)' if count else 'none'
