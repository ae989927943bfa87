"""The text of a report, for people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from textwrap import indent

from vaurien.console.output import make_lines_printable, make_printable
from vaurien.loads.report import PERCENTILES, Report, Requests

#: The most names of requests, and kinds of problems, that are shown. The JSON output has all.
SHOWN = 20
#: Characters inside the progress bar.
WIDTH = 47
#: Columns of a name in a table.
NAME_WIDTH = 40


def draw_bar(share: float) -> str:
    """Return a bar such as ``[=======      ]  58%``."""
    share = min(max(share, 0.0), 1.0)
    return f'[{"=" * int(share * WIDTH):{WIDTH}}] {int(share * 100):4}%'


def summarize(report: Report) -> str:
    """Return the summary, with its parts in the order of Loads."""
    parts = [_format_counts(report), *_format_ends(report), _format_times(report), *_format_faults(report)]
    return make_lines_printable('\n\n'.join([*parts, *_format_problems(report)])) + '\n'


def _format_counts(report: Report) -> str:
    stats = report.stats
    started = datetime.fromtimestamp(report.started).strftime('%Y-%m-%d %H:%M:%S')
    lines = [
        f'Hits: {stats.hits}',
        f'Started: {started}',
        f'Duration: {report.duration:.2f} seconds',
        f'Approximate Average RPS: {report.rps:.0f}',
        f'Average request time: {report.total.average / 1000:.2f}s',
        f'Opened web sockets: {stats.websockets}',
        f'Bytes received via web sockets: {stats.websocket_bytes}',
        '',
        f'Success: {stats.success}',
        f'Errors: {stats.error}',
        f'Failures: {stats.failure}',
    ]
    return '\n'.join(lines)


def _format_ends(report: Report) -> Iterator[str]:
    stats = report.stats
    counted = [('Skipped', stats.skipped), ('Cut off', stats.cut), ('Missing', report.missing)]
    lines = [f'{label}: {count}' for label, count in counted if count]
    if report.lost:
        lines.append(f'Lost agents: {make_printable(", ".join(report.lost))}')
    if report.none_ended:
        lines.append('No hit came to its end: the server is silent, or a hit takes longer than the run')
    if report.interrupted:
        lines.append('Interrupted: this is what there is so far')
    if lines:
        yield '\n'.join(lines)
    if stats.counters:
        counters = (make_printable(f'  {name}: {count}') for name, count in sorted(stats.counters.items()))
        yield '\n'.join(['Counters:', *counters])


def _format_times(report: Report) -> str:
    head = ''.join(f'{label:>8}' for label in PERCENTILES)
    hits = ''.join(f'{milliseconds:8}' for milliseconds in report.hit_percentiles().values())
    lines = [f'{"Times in ms":{NAME_WIDTH}}{"count":>8}{"failed":>8}{head}']
    lines.append(f'{"hits":{NAME_WIDTH}}{report.stats.hits:8}{report.stats.error + report.stats.failure:8}{hits}')
    if report.total.count:
        lines.append(_format_row('requests', report.total))
        requests = sorted(report.requests, key=lambda one: -one.count)
        lines += [_format_row(f'  {one.method} {one.name}', one) for one in requests[:SHOWN]]
        if len(requests) > SHOWN:
            lines.append(f'  … and {len(requests) - SHOWN} more')
    return '\n'.join(lines)


def _format_row(name: str, requests: Requests) -> str:
    name = make_printable(name)
    name = name if len(name) <= NAME_WIDTH else f'{name[: NAME_WIDTH - 1]}…'
    times = ''.join(f'{milliseconds:8}' for milliseconds in requests.percentiles.values())
    return f'{name:{NAME_WIDTH}}{requests.count:8}{requests.failed:8}{times}'


def _format_faults(report: Report) -> Iterator[str]:
    stats = report.stats
    if not report.plan.vaurien:
        return
    injected = ', '.join(f'{count} {name}' for name, count in sorted(stats.faults.items())) or 'none'
    met = ', '.join(f'{stats.met.get(how, 0)} {how}' for how in ('answered', 'retried', 'failed'))
    lines = [f'Faults injected: {injected}', f'Hits that met one: {sum(stats.met.values())} ({met})']
    if stats.stray_faults:
        lines.append(f'Faults outside of any hit: {stats.stray_faults}')
    yield '\n'.join(lines)


def _format_problems(report: Report) -> Iterator[str]:
    problems = sorted(report.stats.problems.values(), key=lambda one: -one.count)
    for problem in problems[:SHOWN]:
        head = f'{problem.count} x {problem.kind}: {problem.message}'
        yield '\n'.join([head, indent(problem.traceback, '    ')]).rstrip()
    if len(problems) > SHOWN:
        yield f'… and {len(problems) - SHOWN} more kinds'
    errors = sorted(report.request_errors, key=lambda one: -one.count)[:SHOWN]
    if errors:
        lines = [make_printable(f'  {one.count} x {one.method} {one.name}: {one.error}') for one in errors]
        yield '\n'.join(['Failed requests:', *lines])
