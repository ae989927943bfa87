"""Hits that run a command. Its exit status is the outcome, and lines of its output become statistics."""

from __future__ import annotations

import os
import re
import shlex
import signal
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO, TYPE_CHECKING

import gevent
from gevent import GreenletExit, subprocess
from gevent.event import AsyncResult
from gevent.pool import Group

from vaurien.errors import ConfigError
from vaurien.explore.command_failure import read_failure
from vaurien.explore.model import Failure
from vaurien.explore.process_group import end_session
from vaurien.loads.case import LOADS_USER, SERVER_URL
from vaurien.loads.stats import Outcome, TestStats, shorten

if TYPE_CHECKING:
    from vaurien.loads.plan import Plan
    from vaurien.loads.recorder import Recorder
    from vaurien.loads.users.connections import Connections

#: Seconds between SIGTERM and SIGKILL for what a hit leaves running.
GRACE = 1.0
#: Seconds between two looks at it.
PAUSE = 0.02
#: The most bytes of a line of output that are read, and of standard error that are kept.
MAX_LINE = 4096
MAX_STDERR = 8000

_COUNTER = re.compile(r'loads: counter (?P<name>\S+)(?: (?P<count>\d{1,15}))?$')
_REQUEST = re.compile(r'loads: request (?P<name>.+) (?P<ms>\d{1,15}(?:\.\d+)?) (?P<status>\S+)$')


def split_command(command: str, test: str) -> list[str]:
    """Return the words of *command*, in which *test* replaces ``{test}``. Raises `ConfigError`."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ConfigError(f'{command!r} is not a command: {error}') from None
    if not words:
        raise ConfigError('the command is empty')
    return [word.replace('{test}', test) for word in words]


class CommandHits:
    """The hits of one user, each of which is a process group of its own."""

    def __init__(
        self,
        plan: Plan,
        agent: str,
        user: int,
        recorder: Recorder,
        stats: TestStats,
        connections: Connections,
    ) -> None:
        """*user* is the number of the user whose hits these are."""
        self._words = split_command(plan.test_runner, plan.test)
        self._connections = connections
        self._stats = stats
        self._recorder = recorder
        self.failure: Failure | None = None
        self._environment = {
            **os.environ,
            'LOADS_TEST': plan.test,
            'LOADS_AGENT': agent,
            LOADS_USER: str(user),
            'LOADS_PROJECT_NAME': plan.project_name,
            'LOADS_USER_ID': plan.user_id,
            SERVER_URL: os.environ.get(SERVER_URL, ''),
        }

    def run(self, number: int) -> Outcome:
        with tempfile.TemporaryFile() as stderr:
            try:
                status = self._run({**self._environment, 'LOADS_HIT': str(number)}, stderr)
            except OSError as error:
                reason = f'{self._words[0]}: {error.strerror}'
                self._stats.add_problem('error', reason, reason, str)
                return 'error'
            self.failure = None
            if status == 0:
                return 'success'
            complaint = _read_tail(stderr)
        kind: Outcome = 'failure' if status > 0 else 'error'
        how = f'exit status {status}' if status > 0 else f'killed by {signal.Signals(-status).name}'
        last = complaint.rstrip().rpartition('\n')[2]
        message = f'{how}: {last}' if last else how
        self._stats.add_problem(kind, f'{kind} {message}', message, lambda: complaint)
        self.failure = read_failure(status, complaint)
        return kind

    def close(self) -> None:
        """Do nothing: nothing is kept from one hit to the next."""

    def _run(self, environment: Mapping[str, str], stderr: IO[bytes]) -> int:
        with self._connections.running_command():
            process = start(self._words, environment, stderr)
            try:
                with process.stdout as output:
                    while line := output.readline(MAX_LINE):
                        self._read(line)
                status: int = process.wait()
                return status
            finally:
                _end(process)

    def _read(self, line: bytes) -> None:
        if not line.startswith(b'loads: '):
            return
        text = line.decode('utf-8', 'replace').strip()
        if match := _COUNTER.match(text):
            self._stats.count(match['name'], int(match['count'] or 1))
        elif match := _REQUEST.match(text):
            self._record(match['name'], float(match['ms']), match['status'])
        else:
            self._stats.add_problem('warning', text, f'cannot read: {text}', str)

    def _record(self, name: str, milliseconds: float, status: str) -> None:
        failed = not (status.lower() in ('ok', '0') or (status.isdigit() and 100 <= int(status) < 400))
        self._recorder.fire(
            request_type='CMD',
            name=name,
            response_time=milliseconds,
            response_length=0,
            response=None,
            exception=status if failed else None,
            context={},
        )


def start(words: Sequence[str], environment: Mapping[str, str], stderr: IO[bytes]) -> subprocess.Popen:
    """Start a command in a session of its own; raise `OSError`, or `ValueError` for a word with a NUL.

    Whoever is killed while it starts would not know of it, so it is ended then.
    """
    process: AsyncResult[subprocess.Popen] = AsyncResult()

    def begin() -> None:
        try:
            process.set(
                subprocess.Popen(
                    words,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    env=environment,
                    start_new_session=True,
                )
            )
        except Exception as error:  # ValueError, too: for a word with a NUL
            process.set_exception(error)

    Group().spawn(begin)
    try:
        return process.get()
    except GreenletExit:
        with suppress(Exception):
            _end(process.get())
        raise


def _read_tail(stderr: IO[bytes]) -> str:
    size = stderr.seek(0, os.SEEK_END)
    stderr.seek(max(0, size - MAX_STDERR))
    return shorten(stderr.read().decode('utf-8', 'replace'))


def _end(process: subprocess.Popen) -> None:
    """End the session, with what the command left running."""

    def pause() -> None:
        gevent.sleep(PAUSE)
        process.poll()

    end_session(process.pid, GRACE, pause)
    process.wait()
