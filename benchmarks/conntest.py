"""``python -m benchmarks.conntest``: how many runs conntest bears, and how exact its delays are.

The load is 100,000 runs of 200 clients at a time; the delays are those of 1,000 runs, five at a time, in three rounds.
For comparison, a process that does nothing but wait, right before each round: whatever it is late by is the machine's.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import machine, measure
from tests.commands import SCRIPTS
from tests.conntest.serving import Server
from vaurien.conntest.moments import parse_moment

CLIENT_DELAY = 3_000_000
SERVER_DELAY = 2_000_000

WAITER = f"""
import time, gevent
from vaurien.clock import Clock
clock = Clock(gevent.get_hub().loop)
for _ in range(500):
    began = time.perf_counter_ns()
    clock.sleep({CLIENT_DELAY} / 1e9)
    print(time.perf_counter_ns() - began - {CLIENT_DELAY})
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser('python -m benchmarks.conntest', description=__doc__)
    parser.add_argument('--runs', type=int, default=100_000, help='how many runs the load is made of (100000)')
    runs = parser.parse_args().runs
    print(*machine.describe()[:2], sep='\n')
    with tempfile.TemporaryDirectory(prefix='vaurien-bench-') as directory:
        report = Path(directory) / 'report.json'
        measure_load(report, runs)
        for _ in range(3):
            measure_delays(report)


def measure_load(report: Path, runs: int) -> None:
    """Print how long the runs take, what they cost the server and how many are lost."""
    server = Server()
    try:
        began = time.perf_counter()
        results = run(server, report, '--run-count', str(runs), '--concurrency', '200')['results']
        seconds = time.perf_counter() - began
        lost = runs - sum('error' not in result for result in results)
        spent = measure.cpu_seconds(server.pid)
        memory = measure.resident_kib(server.pid)
    finally:
        server.kill()
    print(
        f'{runs} runs, 200 at a time: {seconds:.1f} s, {lost} lost, '
        f'server {1e6 * spent / runs:.0f} µs each, {memory / 1024:.0f} MiB in the end'
    )


def measure_delays(report: Path) -> None:
    """Print how far starts are from being so far apart, and round trips from the median of those without delay."""
    server = Server()
    try:
        flags = ('--run-count', '1000', '--concurrency', '5', '--client-delay-ns', str(CLIENT_DELAY))
        waiter = subprocess.run([sys.executable, '-c', WAITER], capture_output=True, text=True, check=True)
        print('off by, p99: bare wait', p99([int(line) for line in waiter.stdout.split()]), end=', ')
        content = run(server, report, *flags)
        starts = sorted(parse_moment(one['client_start']) for one in content['client_run_group']['test_runs'])
        print('client', p99([b - a - CLIENT_DELAY for a, b in itertools.pairwise(starts)]), end=', ')
        usual = statistics.median(times(content))
        print('round trip', p99([time - usual for time in times(content)]), end=', ')
        content = run(server, report, *flags, '--server-delay-ns', str(SERVER_DELAY))
        print('delayed round trip', p99([time - usual - SERVER_DELAY for time in times(content)]))
    finally:
        server.kill()


def run(server: Server, report: Path, *flags: str) -> dict[str, Any]:
    """The report of one ``conntest run``."""
    command = [str(SCRIPTS / 'conntest'), 'run', '-r', server.url, '-f', str(report), *flags]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    content: dict[str, Any] = json.loads(report.read_bytes())
    return content


def times(content: dict[str, Any]) -> list[int]:
    """The round trips of a report, in nanoseconds."""
    return [result['client_duration_ns'] for result in content['results']]


def p99(errors: Sequence[float]) -> str:
    """What 99 of 100 are off by at most."""
    return f'{statistics.quantiles(map(abs, errors), n=100, method="inclusive")[98] / 1e6:.3f} ms'


if __name__ == '__main__':
    main()
