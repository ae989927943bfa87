"""Start workers, each in an environment and a folder of its own, and leave nothing of them behind."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import uuid
from typing import NamedTuple

from vaurien.address import Address
from vaurien.console.log import TEXT, LogFormat
from vaurien.loads.cluster.seal import SECRET

#: Seconds that a worker may take to end when it is told to.
STOP_TIMEOUT = 6.0
#: Seconds between the end of a worker and the start of the next one.
PAUSE = 0.2
#: The same after a worker that failed.
PAUSE_FAILED = 1.0


class Master(NamedTuple):
    """The master that workers connect to, what they must have in common with it, and how they log."""

    address: Address
    secret: str
    #: Seconds of silence after which they leave.
    heartbeat_timeout: float
    no_patching: bool = False
    log_format: LogFormat = TEXT


class WorkerProcess:
    """The process of a worker."""

    def __init__(self, master: Master, name: str, *, host: str = '', quiet: bool = False) -> None:
        """*host* names what starts it; by default nothing else starts workers under that name."""
        self.name = name
        self._directory = tempfile.mkdtemp(prefix='loads-agent-')
        flags = ['--broker', str(master.address), '--name', name, '--directory', self._directory]
        flags += ['--host', host or uuid.uuid4().hex, '--heartbeat-timeout', str(master.heartbeat_timeout)]
        flags += ['--log-format', master.log_format]
        flags += ['--no-patching'] * master.no_patching + ['--quiet'] * quiet
        self._process = subprocess.Popen(
            [sys.executable, '-m', 'vaurien.loads.cluster', *flags],
            # The worker leaves when this end closes, which the kernel does even if this process is killed.
            stdin=subprocess.PIPE,
            stdout=sys.stderr,
            env={**os.environ, SECRET: master.secret, 'PYTHONSAFEPATH': '1'},
            start_new_session=True,  # the Ctrl-C of a terminal is for this process, which tells the worker
        )

    def has_ended(self) -> bool:
        """Return whether the process has ended."""
        return self._process.poll() is not None

    def terminate(self) -> None:
        """Tell it to leave."""
        if not self.has_ended():
            self._process.terminate()

    def wait(self) -> int:
        """Wait until it has left, clean up, and return its exit status."""
        status = self._process.wait()
        self._clean_up()
        return status

    def stop(self, timeout: float = STOP_TIMEOUT) -> None:
        """Tell it to leave, kill it if it has not left after *timeout* seconds, and clean up."""
        self.terminate()
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._clean_up()

    def _clean_up(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        shutil.rmtree(self._directory, ignore_errors=True)


class Supervisor:
    """An agent: it starts one worker after the other."""

    def __init__(self, master: Master, name: str) -> None:
        self._master = master
        self._name = name
        self._ended = threading.Event()
        self._worker: WorkerProcess | None = None

    def run(self) -> None:
        """Keep a worker running until `end`."""
        host = uuid.uuid4().hex
        while not self._ended.is_set():
            self._worker = WorkerProcess(self._master, self._name, host=host)
            if self._ended.is_set():  # by a signal while it was being started
                self._worker.terminate()
            status = self._worker.wait()
            self._ended.wait(PAUSE if status == 0 else PAUSE_FAILED)

    def end(self) -> None:
        """Tell the worker to leave, and start no other."""
        self._ended.set()
        if self._worker is not None:
            self._worker.terminate()
