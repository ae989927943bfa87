"""``python -m benchmarks.start``: how long a command takes until its help is printed, an import, and a proxy.

Each round runs every line once, after a round that is not counted, in which Python writes what it compiles.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

from benchmarks.table import table
from tests.commands import SCRIPTS
from vaurien import Proxy

#: What all the others have in common.
PYTHON = 'python -c pass'
#: The most milliseconds that each may take.
LIMITS: Mapping[str, float | None] = {
    PYTHON: None,
    'import vaurien': 30,
    'vaurien --help': 150,
    **dict.fromkeys(
        (
            'vaurien explore --help',
            'vaurien report --help',
            'vaurienctl --help',
            'conntest --help',
            'tcpgoon --help',
            'loads-runner --help',
            'loads-agent --help',
            'loads-broker --help',
        ),
        120,
    ),
    'Proxy ready': 5,
}


class Cost(NamedTuple):
    """Milliseconds, and those of processor time, which other processes change less."""

    wall: float
    processor: float


def main() -> int:
    """Measure, print the table, and return 0, or 1 if something takes too long."""
    parser = argparse.ArgumentParser(prog='python -m benchmarks.start', description=main.__doc__)
    parser.add_argument('--rounds', type=int, default=10, help='how often each is measured (default 10)')
    rounds = parser.parse_args().rounds
    with socket.create_server(('127.0.0.1', 0)) as backend:
        measures = {what: partial(measure_run, what) for what in LIMITS}
        measures['Proxy ready'] = partial(measure_proxy, f'127.0.0.1:{backend.getsockname()[1]}')
        medians = measure(measures, rounds)
    rows = [
        [what, *(f'{value:.1f}' for value in medians[what]), f'{limit or ""}', judge(medians[what].wall, limit)]
        for what, limit in LIMITS.items()
    ]
    print(table(['', 'ms', 'ms of processor time', 'at most ms', ''], rows, texts=1))
    return int(any('miss' in row[-1] for row in rows))


def measure(measures: Mapping[str, Callable[[], Cost]], rounds: int) -> dict[str, Cost]:
    """Return the medians of each."""
    samples = [{what: one() for what, one in measures.items()} for _ in range(rounds + 1)][1:]
    return {
        what: Cost(*map(statistics.median, zip(*(each[what] for each in samples), strict=True))) for what in measures
    }


def measure_run(what: str) -> Cost:
    """Return what a process takes from its start to its end."""
    program, *words = what.split()
    if program == 'import':
        command = [sys.executable, '-c', what]
    elif program == 'python':
        command = [sys.executable, *words]
    else:
        command = [str(SCRIPTS / program), *words]
    environment = {name: value for name, value in os.environ.items() if name != 'PYTHONDONTWRITEBYTECODE'}
    begun = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f'{what}: ended with status {process.returncode}')
    return Cost((time.perf_counter() - begun) * 1000, (usage.ru_utime + usage.ru_stime) * 1000)


def measure_proxy(backend: str) -> Cost:
    """Return what it takes until a proxy takes connections."""
    begun, before = time.perf_counter(), time.process_time()
    with Proxy(backend=backend):
        return Cost((time.perf_counter() - begun) * 1000, (time.process_time() - before) * 1000)


def judge(wall: float, limit: float | None) -> str:
    """Return whether it is within its limit."""
    if limit is None:
        return ''
    return 'pass' if wall <= limit else '**miss**'


if __name__ == '__main__':
    sys.exit(main())
