"""The commands ``loads-runner``, ``loads-agent`` and ``loads-broker``, as processes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil

from tests.commands import SCRIPTS
from tests.loads.forks import Fork, Forks
from tests.servers import TIMEOUT

#: Seconds for a run to its end.
WAIT = 10 * TIMEOUT


def run(
    command: str, *flags: str, cwd: Path, environment: Mapping[str, str] | None = None, forks: Forks | None = None
) -> Done:
    """Run a command to its end: the installed one, or one that *forks* forks."""
    started = Started(command, *flags, cwd=cwd, environment=environment or {}, forks=forks)
    try:
        return started.wait()
    finally:
        started.kill()


class Done:
    """A command that has ended: its exit status and its output."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status = status
        self.out = out
        self.err = err

    def __repr__(self) -> str:
        return f'exit status {self.status}\n{self.out}\n{self.err}'

    def number(self, label: str) -> float:
        """Return the number after *label* and a colon in the summary."""
        match = re.search(rf'^\s*{re.escape(label)}: ([\d.]+)', self.out, re.MULTILINE)
        assert match, f'no {label} in {self}'
        return float(match[1])

    def counts(self) -> tuple[int, int, int, int]:
        """Return the numbers of hits, successes, errors and failures."""
        hits, success, errors, failures = (int(self.number(one)) for one in ('Hits', 'Success', 'Errors', 'Failures'))
        return hits, success, errors, failures


class Started:
    """A command that runs."""

    def __init__(
        self, command: str, *flags: str, cwd: Path, environment: Mapping[str, str], forks: Forks | None = None
    ) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(('LOADS_', 'INFLUXDB_'))}
        environment = {**clean, **environment}
        (out, stdout), (err, stderr) = os.pipe(), os.pipe()
        self.process: subprocess.Popen[bytes] | Fork
        if forks is not None:
            self.process = forks.start(command, flags, cwd, environment, stdout, stderr)
        else:
            self.process = subprocess.Popen(
                [str(SCRIPTS / command), *flags],
                cwd=cwd,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
            )
        os.close(stdout)
        os.close(stderr)
        self._said: dict[str, list[str]] = {'out': [], 'err': []}
        self._changed = threading.Condition()
        self._readers = [
            threading.Thread(target=self._read, args=(pipe, name), daemon=True)
            for pipe, name in ((out, 'out'), (err, 'err'))
        ]
        for reader in self._readers:
            reader.start()

    def wait_for(self, pattern: str, timeout: float = 6 * TIMEOUT) -> re.Match[str]:
        """Wait until *pattern* is found in the output, and return the match."""

        def found() -> re.Match[str] | None:
            return re.search(pattern, self.said())

        with self._changed:
            self._changed.wait_for(found, timeout)
        match = found()
        assert match, f'no {pattern!r} in:\n{self.said()}'
        return match

    def said(self) -> str:
        """Return all output until now."""
        return ''.join([*self._said['out'], *self._said['err']])

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def wait(self) -> Done:
        """Wait for its end, and return its exit status and output."""
        status = self.process.wait(WAIT)
        for reader in self._readers:
            reader.join(TIMEOUT)
        return Done(status, ''.join(self._said['out']), ''.join(self._said['err']))

    def kill(self) -> None:
        """End it at once, whatever its state."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for reader in self._readers:
            reader.join(TIMEOUT)

    def _read(self, pipe: int, name: str) -> None:
        with open(pipe, encoding='utf-8') as lines:  # a descriptor
            for line in lines:
                with self._changed:
                    self._said[name].append(line)
                    self._changed.notify_all()


def wait_until(done: Callable[[], object], timeout: float = 6 * TIMEOUT) -> None:
    deadline = time.monotonic() + timeout
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def workers(folder: Path) -> list[psutil.Process]:
    """Return the workers whose folders are in *folder*."""
    found = []
    for process in psutil.process_iter(['cmdline']):
        line = process.info['cmdline'] or []
        if 'vaurien.loads.cluster' in line and str(folder) in ' '.join(line):
            found.append(process)
    return found
