"""Workers are started one after the other, and nothing of them is left. A script plays the worker."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.loads.commands import wait_until
from tests.servers import TIMEOUT
from vaurien.address import Address
from vaurien.loads.cluster import supervisor as supervisor_module
from vaurien.loads.cluster.supervisor import Master, Supervisor, WorkerProcess

MASTER = Master(Address('localhost', 5557), 'a secret', 9)

#: Appends what it was started with to a file, and goes on as the test says.
SCRIPT = """\
#!/bin/sh
echo "$$ $LOADS_SECRET $PYTHONSAFEPATH $*" >> {log}
{then}
"""


class Start(NamedTuple):
    """How a worker was started."""

    pid: int
    secret: str
    flags: list[str]

    def flag(self, name: str) -> str:
        """Return the value of a flag."""
        return self.flags[self.flags.index(name) + 1]


class Worker:
    """What plays the worker."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._log = folder / 'log'
        self._script = folder / 'python'
        self.then('exec cat > /dev/null')
        self._script.chmod(0o755)
        monkeypatch.setattr(sys, 'executable', str(self._script))

    def then(self, line: str) -> None:
        """Say what it does next; by default it waits until its standard input ends."""
        self._script.write_text(SCRIPT.format(log=self._log, then=line))

    def starts(self) -> list[Start]:
        """Return how it was started so far."""
        lines = self._log.read_text().splitlines() if self._log.exists() else []
        words = [line.split() for line in lines]
        return [Start(int(pid), f'{secret} {more}', flags) for pid, secret, more, _, *flags in words]

    def wait(self, count: int) -> list[Start]:
        """Return how it was started, once it was that often."""
        wait_until(lambda: len(self.starts()) >= count)
        return self.starts()


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Worker:
    """A script in the place of the interpreter."""
    (tmp_path / 'temporary').mkdir()
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path / 'temporary'))
    return Worker(tmp_path, monkeypatch)


@pytest.fixture
def folders(tmp_path: Path) -> Callable[[], list[str]]:
    """The folders of workers that there are."""
    return lambda: [path.name for path in (tmp_path / 'temporary').iterdir()]


def test_how_it_is_started(worker: Worker, folders: Callable[[], list[str]]) -> None:
    process = WorkerProcess(MASTER._replace(no_patching=True, log_format='json'), 'alpha', quiet=True)
    (start,) = worker.wait(1)
    assert start.secret == MASTER.secret
    assert start.flags[:4] == ['-m', 'vaurien.loads.cluster', '--broker', 'localhost:5557']
    assert (start.flag('--name'), start.flag('--heartbeat-timeout')) == ('alpha', '9')
    assert start.flag('--log-format') == 'json'
    assert start.flags[-2:] == ['--no-patching', '--quiet']
    assert MASTER.secret not in ' '.join(start.flags)  # which everybody on the machine can read
    assert [Path(start.flag('--directory')).name] == folders()
    assert os.getsid(start.pid) == start.pid  # the Ctrl-C of a terminal is not for it
    assert not process.has_ended()
    process.stop()
    assert (process.has_ended(), folders()) == (True, [])
    process.stop()


def test_each_has_a_host_of_its_own_by_default(worker: Worker) -> None:
    processes = [WorkerProcess(MASTER, 'alpha') for _ in range(2)]
    first, second = worker.wait(2)
    assert first.flag('--host') != second.flag('--host')
    for process in processes:
        process.stop()


def test_one_that_does_not_leave_is_killed(worker: Worker, folders: Callable[[], list[str]]) -> None:
    worker.then('trap "" TERM; echo ready >> {}; cat > /dev/null; sleep 3600'.format(worker._log.with_name('ready')))
    process = WorkerProcess(MASTER, 'alpha')
    wait_until(worker._log.with_name('ready').exists)
    process.stop(timeout=0.05)
    assert (process.has_ended(), folders()) == (True, [])


@pytest.fixture
def supervising(monkeypatch: pytest.MonkeyPatch, worker: Worker) -> Iterator[Supervisor]:
    """A supervisor at work in a thread, with short pauses."""
    for pause in ('PAUSE', 'PAUSE_FAILED'):
        monkeypatch.setattr(supervisor_module, pause, 0.01)
    supervisor = Supervisor(MASTER, 'alpha')
    thread = threading.Thread(target=supervisor.run)
    thread.start()
    yield supervisor
    supervisor.end()
    thread.join(TIMEOUT)
    assert not thread.is_alive()


def test_one_after_the_other(supervising: Supervisor, worker: Worker, folders: Callable[[], list[str]]) -> None:
    (first,) = worker.wait(1)
    os.kill(first.pid, signal.SIGTERM)
    first, second = worker.wait(2)
    assert second.flag('--host') == first.flag('--host')
    assert second.flag('--directory') != first.flag('--directory')
    assert folders() == [Path(second.flag('--directory')).name]


def test_the_end(supervising: Supervisor, worker: Worker, folders: Callable[[], list[str]]) -> None:
    worker.wait(1)
    supervising.end()
    wait_until(lambda: folders() == [])
    assert len(worker.starts()) == 1


def test_a_worker_that_fails_is_not_started_again_at_once(
    worker: Worker, supervising: Supervisor, folders: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    (first,) = worker.wait(1)
    monkeypatch.setattr(supervisor_module, 'PAUSE_FAILED', 3600)
    os.kill(first.pid, signal.SIGKILL)
    wait_until(lambda: folders() == [])
    assert len(worker.starts()) == 1
