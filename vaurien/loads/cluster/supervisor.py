"""Starts workers, each in an environment and a folder of its own, and leaves nothing of them behind."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import uuid

from vaurien.address import Address
from vaurien.loads.cluster.messages import SECRET

#: Seconds that a worker may take to end when told to.
STOP_TIMEOUT = 6.0
#: Seconds before another worker, after one that has ended on its own account.
PAUSE = 0.2
#: Likewise after one that has failed.
PAUSE_FAILED = 1.0


class WorkerProcess:
    """One worker."""

    def __init__(
        self,
        address: Address,
        name: str,
        secret: str,
        *,
        host: str = '',
        no_patching: bool = False,
        quiet: bool = False,
    ) -> None:
        """*host* names what starts it; by default nothing else starts workers under that name."""
        self.name = name
        self._directory = tempfile.mkdtemp(prefix='loads-agent-')
        flags = ['--broker', str(address), '--name', name, '--directory', self._directory]
        flags += ['--host', host or uuid.uuid4().hex]
        flags += ['--no-patching'] * no_patching + ['--quiet'] * quiet
        environment = {**os.environ, SECRET: secret, 'PYTHONSAFEPATH': '1'}
        self.process = subprocess.Popen(
            [sys.executable, '-m', 'vaurien.loads.cluster', *flags],
            stdin=subprocess.PIPE,  # it ends when this end is closed, as it is if this process is killed
            stdout=sys.stderr,
            env=environment,
        )

    def stop(self, timeout: float = STOP_TIMEOUT) -> None:
        """Tell it to leave, and see that it does."""
        if self.process.poll() is None:
            self.process.terminate()
        self.finish(timeout)

    def finish(self, timeout: float = STOP_TIMEOUT) -> None:
        """Wait until it has left, for so long, and clean up."""
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()
        shutil.rmtree(self._directory, ignore_errors=True)


class Supervisor:
    """An agent: one worker after the other."""

    def __init__(self, address: Address, name: str, secret: str, *, no_patching: bool = False) -> None:
        self._address = address
        self._name = name
        self._secret = secret
        self._no_patching = no_patching
        self._ended = threading.Event()
        self._worker: WorkerProcess | None = None

    def run(self) -> None:
        """Until `end`."""
        host = uuid.uuid4().hex
        while not self._ended.is_set():
            self._worker = WorkerProcess(
                self._address, self._name, self._secret, host=host, no_patching=self._no_patching
            )
            if self._ended.is_set():  # meanwhile
                self._worker.process.terminate()
            status = self._worker.process.wait()
            self._worker.finish()
            self._ended.wait(PAUSE if status == 0 else PAUSE_FAILED)

    def end(self) -> None:
        """Tell the worker to leave, and start no other."""
        self._ended.set()
        if self._worker is not None and self._worker.process.poll() is None:
            self._worker.process.terminate()
