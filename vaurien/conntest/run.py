"""``client`` and ``run``: a whole test."""

from __future__ import annotations

import argparse
import sys
import uuid
from collections.abc import Sequence
from contextlib import closing

import gevent

from vaurien.clock import Clock
from vaurien.conntest.client import Client
from vaurien.conntest.connection import Connection
from vaurien.conntest.messages import Result, RunGroup
from vaurien.conntest.progress import watch
from vaurien.conntest.remote import HURRY, Remote
from vaurien.conntest.report import make_report, write_report
from vaurien.conntest.summary import summarize
from vaurien.conntest.timestamps import SECOND
from vaurien.console.background import in_background
from vaurien.console.files import check_writable
from vaurien.console.limits import describe_shortage
from vaurien.console.output import fail, format_json, print_line, warn
from vaurien.console.signals import on_signals_in_loop
from vaurien.console.statuses import INTERRUPTED
from vaurien.errors import ConfigError, RemoteError

#: The ``--report`` that is no file.
STANDARD_OUTPUT = '-'


def command(given: argparse.Namespace) -> int:
    """Run a group and report on it; return 0, 1 if something did not arrive, or 130 after Ctrl-C.

    Raises `ConfigError`, `RemoteError`, `UnwrittenError`.
    """
    remote = Remote(given.remote, given.timeout)
    with closing(Clock(gevent.get_hub().loop)) as clock:
        if given.report not in (None, STANDARD_OUTPUT):
            check_writable(given.report)
        group = remote.create(given.plan) if given.command == 'run' else remote.fetch(given.group)
        if not group.run_count:
            warn('conntest', f'the group {group.run_group_id} has a run_count of 0, so nothing is tested')
        earlier = frozenset(run.run_id for run in group.test_runs or ())
        group.test_runs = None
        group.remote_addr = remote.url
        client = _make_client(group, remote, given, clock)
        with on_signals_in_loop(client.stop):
            with in_background():
                client.start()
                watch(client)
            was_stopped, group.test_runs = client.stopped, client.runs
            if was_stopped:
                remote.timeout = HURRY
            results, failure = _report(group, remote, earlier, given)
    if was_stopped:
        if failure:
            warn('conntest', str(failure))
        return fail('conntest', f'interrupted after {len(results)} of {group.run_count} runs', INTERRUPTED)
    if failure:
        raise failure
    return int(any(result.error for result in results))


def _make_client(group: RunGroup, remote: Remote, given: argparse.Namespace, clock: Clock) -> Client:
    if shortage := describe_shortage(min(group.concurrency, group.run_count)):
        raise ConfigError(shortage)
    timeout = given.timeout + group.server_delay_ns / SECOND
    return Client(
        group,
        make_data=_make_uuid if given.data is None else lambda: given.data,
        connect=lambda: Connection(remote.base, timeout),
        path=remote.path_of(group.run_group_id),
        sleep=clock.sleep,
    )


def _report(
    group: RunGroup, remote: Remote, earlier: frozenset[str], given: argparse.Namespace
) -> tuple[Sequence[Result], RemoteError | None]:
    """Compare the runs of *group* with the server's record of them, and write the report.

    Return the results, and the error of a server that does not answer.
    """
    server = failure = None
    try:
        server = remote.fetch(group.run_group_id)
    except RemoteError as error:
        failure = RemoteError(f'nothing was compared, because the record of the server is missing: {error}')
    report = make_report(group, server, earlier)
    to_output = given.report == STANDARD_OUTPUT
    print_line(summarize(report), sys.stderr if to_output else sys.stdout)  # first: the report may not fit
    if to_output:
        print_line(format_json(report))
    elif given.report:
        write_report(report, given.report)
    if given.delete and not failure:
        try:
            remote.delete(group.run_group_id)
        except RemoteError as error:
            failure = error
    return report.results or (), failure


def _make_uuid() -> bytes:
    return str(uuid.uuid4()).encode()
