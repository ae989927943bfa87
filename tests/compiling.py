"""Compile the tests, each worker others: pytest writes their assertions anew, which takes longer than to run many."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from pathlib import Path

import pytest

TESTS = Path(__file__).parent


def share_compiling(config: pytest.Config) -> None:
    """Import the files of tests if a worker is to collect all of them, beginning where no other worker begins.

    So a worker finds most of the files compiled by the others. As in a collection, a folder's ``conftest.py`` comes
    before its tests. A mistake in a file is left to the collection to tell.
    """
    worker = getattr(config, 'workerinput', None)
    if worker is None or [Path(one).resolve() for one in config.args] != [TESTS]:
        return
    files = sorted(TESTS.rglob('test_*.py'))
    first = len(files) * int(worker['workerid'].removeprefix('gw')) // worker['workercount']
    for file in sorted(TESTS.rglob('conftest.py')) + files[first:] + files[:first]:
        with suppress(Exception, pytest.skip.Exception):
            import_module('.'.join(file.relative_to(TESTS.parent).with_suffix('').parts))
