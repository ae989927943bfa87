"""``loads-runner`` several times in one process, for tests that compare many runs of which each is short."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence

#: What `forks` calls it.
SEVERAL = 'loads-runner, several times'
#: What follows the output of each run, on both streams. On standard output, the exit status is before it.
END = '\n--- end ---\n'


def main(lines: Sequence[str]) -> int:
    """Run ``loads-runner`` with each of *lines*, which are lists of flags as JSON."""
    from vaurien.loads.cli.runner import main as run

    for line in lines:
        status = run(json.loads(line))
        print(f'\n{status}{END}', end='', flush=True)
        print(END, end='', file=sys.stderr, flush=True)
    return 0


def encode(lines: Iterable[Sequence[str]]) -> list[str]:
    """Return the arguments of `main` for some lists of flags."""
    return [json.dumps(list(line)) for line in lines]


def split(out: str, err: str) -> list[tuple[int, str, str]]:
    """Return the exit status, standard output and standard error of each run."""
    parts = zip(out.split(END)[:-1], err.split(END)[:-1], strict=True)
    return [(int(said.rpartition('\n')[2]), said.rpartition('\n')[0], complained) for said, complained in parts]
