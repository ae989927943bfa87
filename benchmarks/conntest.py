"""Measure how many runs conntest can take, and how exact its delays are: ``python -m benchmarks.conntest``.

The load is 100,000 runs, 200 at a time. The delays are measured over three rounds of a thousand runs, five at a time.
Before each round a process that only waits is measured, too: its error is the error of the machine.
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
from tests.commands import SCRIPTS, Process
from tests.conntest.serving import LISTENING, Server
from tests.servers import HOST
from vaurien.conntest.timestamps import parse_timestamp

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

#: A server that prints how late each of its waits was, when it ends.
WATCHED = """
import sys, time
from gevent import monkey
monkey.patch_all()
from vaurien.clock import Clock
from vaurien.conntest.main import main
late, sleep = [], Clock.sleep
def watch(clock, seconds):
    began = time.perf_counter_ns()
    sleep(clock, seconds)
    late.append(time.perf_counter_ns() - began - round(seconds * 1e9))
Clock.sleep = watch
main(sys.argv[1:])
print('late', *late)
"""


def main() -> None:
    """Measure, and print the results."""
    parser = argparse.ArgumentParser('python -m benchmarks.conntest', description=__doc__)
    parser.add_argument('--runs', type=int, default=100_000, help='number of runs of the load (100000)')
    runs = parser.parse_args().runs
    print(*machine.describe()[:2], sep='\n')
    with tempfile.TemporaryDirectory(prefix='vaurien-bench-') as directory:
        report = Path(directory) / 'report.json'
        measure_load(report, runs)
        for _ in range(3):
            measure_delays(report)


def measure_load(report: Path, runs: int) -> None:
    """Print how long the runs take, what they cost the server, and how many of them fail."""
    server = Server()
    try:
        began = time.perf_counter()
        results = run(server.url, report, '--run-count', str(runs), '--concurrency', '200')['results']
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
    """Print how late waits are: in a process that only waits, in the client, and in the server."""
    waiter = subprocess.run([sys.executable, '-c', WAITER], capture_output=True, text=True, check=True)
    bare = [int(line) for line in waiter.stdout.split()]
    server = Process('python', '-c', WATCHED, 'server', '--host', HOST, '-p', '0')
    try:
        url = f'http://{HOST}:{server.wait_for_line(server.out_lines, LISTENING)["port"]}'
        flags = ('--client-delay-ns', str(CLIENT_DELAY), '--server-delay-ns', str(SERVER_DELAY))
        runs = run(url, report, '--run-count', '1000', '--concurrency', '5', *flags)['client_run_group']['test_runs']
        starts = sorted(parse_timestamp(one['client_start']) for one in runs)
        between = [b - a - CLIENT_DELAY for a, b in itertools.pairwise(starts)]
        late = [int(word) for word in server.stop()[1].splitlines()[-1].split()[1:]]
    finally:
        server.kill()
    print(f'off by, p99: a bare wait {p99(bare)}, starts of the client {p99(between)}, waits of the server {p99(late)}')


def run(url: str, report: Path, *flags: str) -> dict[str, Any]:
    """Run ``conntest run`` and return its report."""
    command = [str(SCRIPTS / 'conntest'), 'run', '-r', url, '-f', str(report), *flags]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    content: dict[str, Any] = json.loads(report.read_bytes())
    return content


def p99(errors: Sequence[float]) -> str:
    """Return the 99th percentile of the absolute errors, from nanoseconds, as text."""
    return f'{statistics.quantiles(map(abs, errors), n=100, method="inclusive")[98] / 1e6:.3f} ms'


if __name__ == '__main__':
    main()
