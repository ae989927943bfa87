"""Reports: what both sides recorded is compared, written and read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from vaurien.conntest.messages import Report, Result, Run, RunGroup
from vaurien.conntest.timestamps import UNSET, parse_timestamp
from vaurien.console.files import read_file, write_file
from vaurien.console.values import decode, has_more_values
from vaurien.errors import ConfigError

#: The most bytes and values of a report: those of some 200,000 runs.
MAX_REPORT = 256 * 1024 * 1024
MAX_VALUES = 10_000_000

#: What can be wrong with a run beside its own error. The first two are the words of the original.
NOT_FOUND = 'server run not found'
MISMATCH = 'data mismatch'
SEEN_TWICE = 'seen {} times by the server'
NEVER_SENT = 'never sent by this client'


def make_report(client: RunGroup, server: RunGroup | None, earlier: frozenset[str] = frozenset()) -> Report:
    """Compare the runs that the client and the server have recorded, by number and data.

    Runs with an ID in *earlier* are left out: the group was run before. Without *server*, nothing is compared.
    """
    seen: dict[int, list[Run]] = {}
    for run in (server and server.test_runs) or ():
        if run.run_id not in earlier:
            seen.setdefault(run.run_count, []).append(run)
    runs = sorted(client.test_runs or (), key=lambda run: run.run_count)
    results = [_compare(run, seen.pop(run.run_count, ()), server is not None) for run in runs]
    results += [_never_sent(run) for runs in seen.values() for run in runs]
    times = times_of(results)
    return Report(
        client_run_group=client,
        server_run_group=server,
        results=results,
        average_response_time_ns=sum(times) // len(times) if times else 0,
    )


def times_of(results: Sequence[Result]) -> list[int]:
    """Return the round trips of the runs without an error, in nanoseconds."""
    return [result.client_duration_ns for result in results if not result.error]


def write_report(report: Report, path: Path | str) -> None:
    """Write a report as JSON; raise `UnwrittenError`."""
    write_file(path, msgspec.json.encode(report))


def read_report(path: Path) -> Report:
    """Read a report, also one of the original client; raise `ConfigError`."""
    try:
        content = read_file(path, MAX_REPORT)
    except OSError as error:
        raise ConfigError(f'cannot read {path}: {error.strerror}') from None
    if has_more_values(content, MAX_VALUES):
        raise ConfigError(f'{path} is not a report: more than {MAX_VALUES} values')
    try:
        return decode(content, Report)
    except ValueError as error:
        raise ConfigError(f'{path} is not a report: {error}') from None


def _compare(run: Run, seen: Sequence[Run], is_known: bool) -> Result:
    errors = [run.error] if run.error else []
    same = [other for other in seen if other.data == run.data]
    if is_known and not seen:
        errors.append(NOT_FOUND)
    elif is_known and not same:
        errors.append(MISMATCH)
    if len(seen) > 1:
        errors.append(SEEN_TWICE.format(len(seen)))
    record = next(iter(same or seen), None)
    return Result(
        run_id=record.run_id if record else '',
        run_group_id=run.run_group_id,
        run_count=run.run_count,
        client_time=run.time,
        server_time=record.time if record else UNSET,
        client_duration_ns=_measure(run.client_start, run.client_end),
        server_duration_ns=_measure(record.server_start, record.server_end) if record else 0,
        error='; '.join(errors),
    )


def _never_sent(run: Run) -> Result:
    return Result(
        run_id=run.run_id,
        run_count=run.run_count,
        client_time=UNSET,
        server_time=run.time,
        client_duration_ns=0,
        server_duration_ns=_measure(run.server_start, run.server_end),
        error=NEVER_SENT,
    )


def _measure(start: str, end: str) -> int:
    try:
        return parse_timestamp(end) - parse_timestamp(start)
    except ValueError:  # a server that does not record times loses no data: no error of the run
        return 0
