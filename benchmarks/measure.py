"""The processor time and the memory of a process, as the kernel counts them."""

from __future__ import annotations

import os
from pathlib import Path

TICK = 1 / os.sysconf('SC_CLK_TCK')
#: The fields utime and stime of proc_pid_stat(5), counted from behind the name of the command, which may have spaces.
UTIME, STIME = 11, 12


def cpu_seconds(pid: int) -> float:
    """Return the processor time of all threads so far, user and system, in seconds; its resolution is 10 ms.

    That of its child processes, such as workers, is added.
    """
    fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    children = [
        int(child) for path in Path(f'/proc/{pid}/task').glob('*/children') for child in path.read_text().split()
    ]
    return (int(fields[UTIME]) + int(fields[STIME])) * TICK + sum(map(cpu_seconds, children))


def resident_kib(pid: int) -> int:
    """Return the resident memory in KiB. Memory that several processes share is divided among them (PSS, proc(5))."""
    lines = Path(f'/proc/{pid}/smaps_rollup').read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith('Pss:'))
