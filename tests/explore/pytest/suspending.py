"""Suspends a process for a while, as Ctrl-Z and ``fg`` do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import sleep


def suspend(process: int, number: signal.Signals, seconds: float) -> None:
    """Suspend a *process*, which is a child of this one, by a signal; have it go on so many *seconds* later."""
    os.kill(process, number)
    resume(process, seconds)


def resume(process: int, seconds: float) -> None:
    """Have a *process* that is suspended, or will be, go on so many *seconds* later."""
    os.waitid(os.P_PID, process, os.WSTOPPED)
    sleep(seconds)
    os.kill(process, signal.SIGCONT)


@contextmanager
def running(script: str) -> Iterator[subprocess.Popen[str]]:
    """Run a *script* of Python for a block, and kill it at the end: one that is suspended would not end by itself."""
    command = [sys.executable, '-c', script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()
