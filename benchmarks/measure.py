"""What a process has used, as the kernel counts it (proc_pid_stat(5), proc_pid_smaps_rollup(5))."""

from __future__ import annotations

import os
from pathlib import Path

TICK = 1 / os.sysconf('SC_CLK_TCK')
#: Where utime and stime are, counted from the field after the command's name, which may hold spaces.
UTIME, STIME = 11, 12


def cpu_seconds(pid: int) -> float:
    """Processor time, user and system, of all threads so far; in steps of a clock tick (10 ms)."""
    fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[UTIME]) + int(fields[STIME])) * TICK


def resident_kib(pid: int) -> int:
    """Resident memory (PSS: what is shared, in equal shares)."""
    lines = Path(f'/proc/{pid}/smaps_rollup').read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith('Pss:'))
