"""Suspends a process for a while, as Ctrl-Z and ``fg`` do."""

from __future__ import annotations

import os
import signal
from time import sleep


def suspend(process: int, number: signal.Signals, seconds: float) -> None:
    """Suspend a *process*, which is a child of this one, by a signal; have it go on so many *seconds* later."""
    os.kill(process, number)
    os.waitid(os.P_PID, process, os.WSTOPPED)
    sleep(seconds)
    os.kill(process, signal.SIGCONT)
