"""Runs pytest again and again, each time in a process of its own, which need not import anything any more.

As a program, it is what forks: it reads `Order`, a line each, and writes the exit status of each.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from tests.commands import PYTEST


class Order(msgspec.Struct):
    """Where pytest is to run, with which flags and environment, and the files that get what it says."""

    folder: str
    flags: list[str]
    environ: Mapping[str, str]
    out: str
    err: str


class Forking:
    """The process that forks."""

    def __init__(self, folder: Path) -> None:
        """*folder* is an empty one."""
        self._command = [sys.executable, '-m', __name__, str(folder)]
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, order: Order) -> int:
        """Run pytest, and return its exit status."""
        if self._process is None:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(msgspec.json.encode(order) + b'\n')
            self._process.stdin.flush()
            return int(self._process.stdout.readline())
        except BaseException:  # the test takes too long: its status must not be taken for that of the next
            self.close()
            raise

    def close(self) -> None:
        """End it, and whatever it has started."""
        process, self._process = self._process, None
        if process is not None:
            with process, suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _run(order: Order) -> int:
    """Do what ``python -m pytest`` does."""
    for stream, path in (sys.stdout, order.out), (sys.stderr, order.err):
        with Path(path).open('wb') as file:
            os.dup2(file.fileno(), stream.fileno())
    os.chdir(order.folder)
    os.environ.clear()
    os.environ.update(order.environ)
    sys.path[0] = order.folder
    sys.argv[1:] = order.flags
    return pytest.main()


def _main(folder: str) -> None:
    # Have it import plug-ins, and what explores; but pytest-xdist keeps the path that it finds when it is imported.
    needless = ('xdist', 'xdist.looponfail', 'terminal')
    flags = [*PYTEST[3:], *(f'-pno:{name}' for name in needless), f'--rootdir={folder}', '--vaurien-explore']
    pytest.main([*flags, folder])
    import redis  # noqa: F401 - what all of the tests use
    import requests  # noqa: F401

    for line in sys.stdin.buffer:
        order = msgspec.json.decode(line, type=Order)
        child = os.fork()
        if not child:
            sys.exit(_run(order))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f'{os.waitstatus_to_exitcode(status)}\n')
        sys.stdout.flush()


if __name__ == '__main__':
    _main(sys.argv[1])
