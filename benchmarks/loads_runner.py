"""``python -m benchmarks.loads_runner``: what loads-runner costs, compared with a plain Locust user.

Requests per second of processor time are the slope between a short run and a longer one, so that what a start costs is
not in them.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from benchmarks import measure
from tests import servers
from tests.commands import SCRIPTS

HERE = Path(__file__).parent
USERS = 50
#: Seconds of the two runs between which the slope is taken.
SHORT, LONG = 1, 4
#: Seconds after which idle users are idle.
SETTLED = 8.0

Sample = dict[str, float]


class Cost:
    """The cost of a run: its requests, its seconds of processor time, and its duration in seconds."""

    def __init__(self, requests: int, cpu: float, wall: float) -> None:
        self.requests = requests
        self.cpu = cpu
        self.wall = wall


def loads_runner(test: str, url: str, seconds: int, *flags: str) -> Cost:
    """Run loads-runner, and return the cost."""
    command = ['loads-runner', f'load_tests.TestLoad.{test}', '-u', str(USERS), '-d', str(seconds), '--quiet']
    report, cpu = run([*command, '--output', 'json', '--output-json-filename', '-', *flags], url)
    found = json.loads(report)
    assert found['status'] == 0, found['problems']
    return Cost(found['total']['count'] or found['hits'], cpu, found['duration'])


def locust(url: str, seconds: int) -> Cost:
    """Run plain Locust, and return the cost."""
    flags = ['-f', 'locustfile.py', '--headless', '--json', '-u', str(USERS), '-r', str(USERS), '-H', url]
    report, cpu = run(['locust', *flags, '-t', f'{seconds}s', '--loglevel', 'ERROR'], url)
    return Cost(sum(entry['num_requests'] for entry in json.loads(report)), cpu, seconds)


def run(command: list[str], url: str) -> tuple[str, float]:
    """Return what a command prints, and its processor time with that of its children."""
    with tempfile.TemporaryFile('w+') as output:
        process = subprocess.Popen(
            [str(SCRIPTS / command[0]), *command[1:]],
            cwd=HERE,
            env={**os.environ, 'URL': url},
            stdout=output,
            stderr=subprocess.DEVNULL,
        )
        _, _, usage = os.wait4(process.pid, 0)
        output.seek(0)
        return output.read(), usage.ru_utime + usage.ru_stime


def slope(run_once: Callable[[int], Cost]) -> float:
    """Return requests per second of processor time, between a short run and a longer one."""
    short, long = run_once(SHORT), run_once(LONG)
    return (long.requests - short.requests) / (long.cpu - short.cpu)


def compare_speed(url: str, rounds: int) -> Iterator[str]:
    """Requests per second of processor time, and the median of the ratios to plain Locust."""
    contenders: dict[str, Callable[[int], Cost]] = {
        'Locust HttpUser': lambda seconds: locust(url, seconds),
        'session': lambda seconds: loads_runner('test_session', url, seconds),
        'fast_session': lambda seconds: loads_runner('test_fast_session', url, seconds),
        'an empty test': lambda seconds: loads_runner('test_nothing', url, seconds),
    }
    samples: list[Sample] = []
    for number in range(rounds):
        order = list(contenders.items())[:: 1 if number % 2 == 0 else -1]
        samples.append({name: slope(run_once) for name, run_once in order})
    for name in contenders:
        rate = statistics.median(sample[name] for sample in samples)
        ratio = statistics.median(sample[name] / sample['Locust HttpUser'] for sample in samples)
        yield f'{name:20}{rate:10.0f} per CPU second{ratio:8.2f}'


def compare_agents(url: str, rounds: int) -> Iterator[str]:
    """Requests by number of agents. On two idle processors, the most is twice the requests per CPU second."""
    rates: dict[int, list[float]] = {1: [], 2: []}
    slopes: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(rounds):
        for agents in rates:
            short, long = (loads_runner('test_session', url, one, '--agents', str(agents)) for one in (SHORT, LONG))
            rates[agents].append(long.requests / long.wall)
            slopes[agents].append((long.requests - short.requests) / (long.cpu - short.cpu))
    for agents in rates:
        rate, slope_ = statistics.median(rates[agents]), statistics.median(slopes[agents])
        yield f'{agents} agents{rate:10.0f} per second{slope_:10.0f} per CPU second'
    for label, seen, times in (('per second', rates, 1), ('twice per CPU second', slopes, 2)):
        gains = [times * two / one for one, two in zip(seen[1], seen[2], strict=True)]
        yield f'gain{statistics.median(gains):8.2f} {label} (best {max(gains):.2f})'


def weigh_users(url: str, rounds: int) -> Iterator[str]:
    """Resident memory by number of idle users."""
    sizes = {}
    for users in (1, 1000):
        with running('test_idle', url, '-u', str(users)) as process:
            time.sleep(SETTLED)
            sizes[users] = measure.resident_kib(process.pid) / 1024
        yield f'{users} idle users{sizes[users]:10.1f} MiB'
    yield f'each of 1000{(sizes[1000] - sizes[1]) / 999 * 1024:10.1f} KiB'


def watch_growth(url: str, rounds: int) -> Iterator[str]:
    """Resident memory during a run of a minute."""
    with running('test_session', url, '-u', str(USERS)) as process:
        for _ in range(6):
            time.sleep(10)
            yield f'{time.time() - psutil.Process(process.pid).create_time():4.0f} s{process_mib(process):10.1f} MiB'


def process_mib(process: subprocess.Popen[bytes]) -> float:
    """Return the resident memory of a process in MiB."""
    return measure.resident_kib(process.pid) / 1024


@contextmanager
def running(test: str, url: str, *flags: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run loads-runner until the block is left."""
    process = subprocess.Popen(
        [str(SCRIPTS / 'loads-runner'), f'load_tests.TestLoad.{test}', *flags, '-d', '600', '--output', 'null'],
        cwd=HERE,
        env={**os.environ, 'URL': url},
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


MEASUREMENTS = {'speed': compare_speed, 'agents': compare_agents, 'idle': weigh_users, 'growth': watch_growth}


def main() -> int:
    """Measure what the command line names, and return the exit status."""
    parser = argparse.ArgumentParser('python -m benchmarks.loads_runner', description=__doc__)
    parser.add_argument('what', nargs='*', help=f'{", ".join(MEASUREMENTS)}; all by default')
    parser.add_argument('--rounds', type=int, default=3, help='number of rounds of each measurement (3)')
    arguments = parser.parse_args()
    for name in arguments.what or MEASUREMENTS:
        print(f'{name}: {MEASUREMENTS[name].__doc__}', flush=True)
        with tempfile.TemporaryDirectory() as directory, servers.nginx(Path(directory)) as nginx:
            for line in MEASUREMENTS[name](nginx.url, arguments.rounds):
                print(f'  {line}', flush=True)
    return 0


if __name__ == '__main__':
    sys.exit(main())
