"""``client`` and ``run``: a whole test."""

from __future__ import annotations

import argparse
import uuid
from contextlib import closing
from pathlib import Path

import gevent

from vaurien.clock import Clock
from vaurien.conntest.client import Client
from vaurien.conntest.connection import Connection
from vaurien.conntest.descriptors import SPARE, allow_descriptors
from vaurien.conntest.messages import RunGroup
from vaurien.conntest.moments import SECOND
from vaurien.conntest.progress import watch
from vaurien.conntest.remote import Remote
from vaurien.conntest.report import make_report, write_report
from vaurien.conntest.summary import summarize
from vaurien.console.output import fail, say
from vaurien.console.signals import on_end
from vaurien.errors import ConfigError, RemoteError

#: Ended by Ctrl-C, as shells tell it.
INTERRUPTED = 130


def command(given: argparse.Namespace) -> int:
    """Run a group, compare, write the report; 0, 1 if something did not arrive, or 130."""
    with closing(Remote(given.remote)) as remote:
        if given.report:
            _check_writable(given.report)
        group = remote.create(given.plan) if given.command == 'run' else remote.fetch(given.group)
        earlier = frozenset(run.run_id for run in group.test_runs or ())
        group.test_runs = None
        group.remote_addr = remote.url
        was_ended = _run(group, remote, given.data, given.timeout)
        try:
            server, failure = remote.fetch(group.run_group_id), None
        except RemoteError as error:
            server, failure = None, error
        report = make_report(group, server, earlier)
        if given.report:
            write_report(report, given.report)
        say(summarize(report))
        if failure:
            raise RemoteError(f'nothing was compared, for want of the record of the server: {failure}')
        if given.delete:
            remote.delete(group.run_group_id)
    if was_ended:
        return fail('conntest', f'interrupted after {len(report.results or ())} of {group.run_count} runs', INTERRUPTED)
    return int(any(result.error for result in report.results or ()))


def _run(group: RunGroup, remote: Remote, data: bytes, timeout: float) -> bool:
    """Run *group* and put its runs into it; whether that was ended before its time."""
    concurrency = min(group.concurrency, group.run_count)
    if allow_descriptors(concurrency + SPARE) < concurrency + SPARE:
        raise ConfigError(
            f'{concurrency} runs at a time are more connections than this process may open: see ulimit -n'
        )
    seconds = timeout + group.server_delay_ns / SECOND
    with closing(Clock(gevent.get_hub().loop)) as clock:
        client = Client(
            group,
            make_data=(lambda: data) if data else _make_uuid,
            connect=lambda: Connection(remote.base, seconds),
            path=remote.path_of(group.run_group_id),
            sleep=clock.sleep,
        )
        on_end(client.stop)
        client.start()
        watch(client)
    group.test_runs = client.runs
    return client.stopped


def _make_uuid() -> bytes:
    return str(uuid.uuid4()).encode()


def _check_writable(path: Path) -> None:
    """Fail before the test rather than after it; raises `ConfigError`."""
    was_there = path.exists()
    try:
        path.open('ab').close()
    except OSError as error:
        raise ConfigError(f'cannot write {path}: {error.strerror}') from None
    if not was_there:
        path.unlink()
