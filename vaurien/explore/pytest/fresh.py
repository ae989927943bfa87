"""Runs a test in a fresh process: the application has spoilt this one, by keeping a broken connection for example."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

import msgspec

from vaurien.errors import find_reason
from vaurien.explore.model import ExploredProxy, Failure, Injection, Run

#: Seconds for pytest to start, to collect and to make wide fixtures; and to end these.
START_TIMEOUT = 120.0
STOP_TIMEOUT = 10.0
#: Seconds that a run may take that has no limit; and how long one may take beyond the limits of its three phases.
RUN_TIMEOUT = 600.0
RUN_MARGIN = 15.0


class Order(msgspec.Struct):
    """What is to be run."""

    injections: Sequence[Injection]
    limit: float | None


class Answer(msgspec.Struct):
    """What became of it."""

    run: Run
    proxies: Sequence[ExploredProxy]


class FreshProcess:
    """A pytest of its own, which runs one test as often as it is told. It is started when it is needed."""

    def __init__(self, command: Sequence[str], environ: Mapping[str, str], folder: Path) -> None:
        """*command* gets one more flag, which names the socket by which it is told."""
        self._command = command
        self._environ = environ
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._received = b''
        self.proxies: Sequence[ExploredProxy] = ()

    def run(self, injections: Sequence[Injection], limit: float | None) -> Run:
        """Run the test there."""
        if self._process is None:
            try:
                self._start()
            except OSError as error:
                message = f'no fresh process of pytest can be started: {find_reason(error)}'
                return Run(seconds=0.0, failure=Failure(phase='setup', message=message), hit=False)
            self._ask(Order((), None), START_TIMEOUT)  # so that what it does once is done
        return self._ask(Order(injections, limit), RUN_TIMEOUT if limit is None else 3 * limit + RUN_MARGIN)

    def _start(self) -> None:
        mine, other = socket.socketpair()
        with other, ExitStack() as stack:
            stack.enter_context(mine)
            self._process = subprocess.Popen(
                [*self._command, f'--vaurien-explore-serve={other.fileno()}'],
                cwd=self._folder,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[other.fileno()],
                start_new_session=True,
            )
            stack.pop_all()
        self._socket = mine

    def _ask(self, order: Order, timeout: float) -> Run:
        if self._socket is None:  # it has ended in the run before this one
            return Run(seconds=0.0, failure=Failure(phase='setup', message='the fresh process of pytest has ended'))
        self._socket.settimeout(timeout)
        try:
            self._socket.sendall(msgspec.json.encode(order) + b'\n')
            answer = msgspec.json.decode(self._read_line(), type=Answer)
        except TimeoutError:
            self.close(is_stuck=True)
            return Run(seconds=timeout, hung=True)
        except (OSError, msgspec.DecodeError):
            self.close(is_stuck=True)
            return Run(seconds=0.0, failure=Failure(phase='call', message='the process has ended'))
        self.proxies = answer.proxies
        return answer.run

    def _read_line(self) -> bytes:
        assert self._socket is not None
        while b'\n' not in self._received:
            data = self._socket.recv(1 << 16)
            if not data:
                raise ConnectionResetError
            self._received += data
        line, _, self._received = self._received.partition(b'\n')
        return line

    def close(self, *, is_stuck: bool = False) -> None:
        """End the process if there is one: in order, unless it is stuck."""
        if self._process is None or self._socket is None:
            return
        self._socket.close()
        try:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(0 if is_stuck else STOP_TIMEOUT)
        finally:  # somebody may not want to wait for that
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = self._socket = None
            self._received = b''
