"""Soak Vaurien: ``python -m soak --minutes 30 --seed 1``. Exit status 1 if anything was wrong."""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator
from itertools import islice

from soak.rounds import Round, soaking
from vaurien.console.limits import raise_descriptors

#: Seconds of a round, and rounds a minute.
SECONDS, A_MINUTE = 15, 4
#: The round after which the process must hold no more descriptors than then.
FIRST = 1
#: After so many rounds, in which everything is used that is allocated once, its memory must not grow by more KiB.
WARM_UP, GROWTH = 20, 1024


def main() -> int:
    """Run what the command line asks for, and return the exit status."""
    parser = argparse.ArgumentParser('python -m soak', description=__doc__)
    parser.add_argument('--minutes', type=int, default=30, help='how long to soak (30)')
    parser.add_argument('--pause', type=float, default=0.1, help='seconds between two exchanges of a client (0.1)')
    parser.add_argument('--seed', type=int, default=random.randrange(10**6), help='seed of all chances (any)')
    arguments = parser.parse_args()
    raise_descriptors()
    print(f'soak: {arguments.minutes} minutes, --seed {arguments.seed}', flush=True)
    count = arguments.minutes * A_MINUTE
    try:
        with soaking(arguments.seed, SECONDS, arguments.pause, WARM_UP if count > WARM_UP else 0) as rounds:
            status = 0
            for problem in report(rounds, count):
                print(f'soak: {problem}', file=sys.stderr, flush=True)
                status = 1
    except KeyboardInterrupt:
        return 130
    return status


def report(rounds: Iterator[Round], count: int) -> Iterator[str]:
    """Print a line for each of *count* rounds, and yield what was wrong."""
    seen: list[Round] = []
    for number, one in enumerate(islice(rounds, count), 1):
        seen.append(one)
        print(f'{number * SECONDS / 60:5.2f} min: {describe(one)}', flush=True)
        yield from (f'round {number}: {wrong}' for wrong in one.outcome.wrong)
    gained = seen[-1].descriptors - seen[FIRST - 1].descriptors
    if gained > 0:
        yield f'{gained} descriptors gained since round {FIRST}'
    if count > WARM_UP:
        gained = seen[-1].memory - seen[WARM_UP - 1].memory
        if gained > GROWTH:
            yield f'{gained} KiB gained since round {WARM_UP}'


def describe(one: Round) -> str:
    """Return what one round has shown, in one line."""
    seen = one.outcome
    return (
        f'{seen.untouched} untouched, {seen.survived} survived, {seen.failed} failed, {seen.spoiled} not compared, '
        f'{len(seen.wrong)} wrong; {one.faults} faults, {one.descriptors} descriptors, {one.memory} KiB of its own'
    )


if __name__ == '__main__':
    sys.exit(main())
