"""``python -m benchmarks.reruns``: how long `pytest --vaurien-explore` takes between two runs of a test.

The application asks Redis twice and survives whatever happens. Each run of its test notes when the fixture begins and
when it has ended: what lies between the end of one run and the beginning of the next is not the test's own.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.start import Cost, judge
from benchmarks.table import table
from tests import servers
from tests.commands import PYTEST

#: The most milliseconds that may lie between two runs.
LIMIT = 20

APPLICATION = """
import os
from contextlib import suppress

import redis


def fill():
    with redis.Redis.from_url(os.environ['REDIS_URL'], retry=None, socket_timeout=0.1) as client:
        for words in ('RPUSH', 'cart', 'tea'), ('LRANGE', 'cart', '0', '1'):
            with suppress(redis.RedisError):
                client.execute_command(*words)
"""

#: Each line of the file ``times``: seconds of the clock and of processor time when a run begins, and when it ends.
TEST = """
import time

import pytest
from shop import cart


@pytest.fixture(autouse=True)
def timed():
    begun = time.perf_counter(), time.process_time()
    yield
    with open('times', 'a') as file:
        print(*begun, time.perf_counter(), time.process_time(), file=file)


def test_cart():
    cart.fill()
"""


def main() -> int:
    """Measure, print the table, and return 0, or 1 if it takes too long."""
    parser = argparse.ArgumentParser(prog='python -m benchmarks.reruns', description=main.__doc__)
    parser.add_argument('--rounds', type=int, default=5, help='how often the test is explored (default 5)')
    rounds = parser.parse_args().rounds
    with TemporaryDirectory() as name:
        folder = Path(name)
        for path, text in {'shop/cart.py': APPLICATION, 'tests/test_cart.py': TEST}.items():
            (folder / path).parent.mkdir()
            (folder / path).write_text(text)
        (folder / 'redis').mkdir()
        with servers.redis(folder / 'redis') as backend:
            between = [cost for _ in range(rounds) for cost in measure(folder, f'redis://{backend.address}/0')]
    wall, processor = map(statistics.median, zip(*between, strict=True))
    row = [f'between two of {len(between)} runs', f'{wall:.1f}', f'{processor:.1f}', f'{LIMIT}', judge(wall, LIMIT)]
    print(table(['', 'ms', 'ms of processor time', 'at most ms', ''], [row], texts=1))
    return int(wall > LIMIT)


def measure(folder: Path, url: str) -> list[Cost]:
    """Explore the test of *folder* once, and return what lies between each two runs, in milliseconds."""
    times = folder / 'times'
    times.unlink(missing_ok=True)
    subprocess.run(
        [*PYTEST, '-q', '--vaurien-explore', '--vaurien=redis:REDIS_URL'],
        cwd=folder,
        env={**os.environ, 'REDIS_URL': url, 'PYTHONPATH': '.'},
        stdout=subprocess.DEVNULL,
        check=False,  # findings are no matter here
    )
    runs = [[float(word) * 1000 for word in line.split()] for line in times.read_text().splitlines()]
    return [Cost(then[0] - run[2], then[1] - run[3]) for run, then in pairwise(runs)]


if __name__ == '__main__':
    sys.exit(main())
