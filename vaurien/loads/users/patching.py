"""What comes before the import of Locust, which patches the standard library as soon as it is imported."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from vaurien.console.limits import raise_descriptors
from vaurien.console.patching import keep_interrupts_quiet, reading_entry_points_once
from vaurien.errors import StartError

#: The oldest Python that Locust supports.
PYTHON = (3, 11)
#: The environment variable that keeps Locust from patching.
SKIP = 'LOCUST_SKIP_MONKEY_PATCH'


def prepare(*, no_patching: bool = False) -> None:
    """Import Locust, which patches the standard library, and allow as many open files as the system does.

    With *no_patching* the standard library stays as it is. Raises `StartError` if Locust cannot be imported.
    """
    check_engine()
    if no_patching:
        os.environ[SKIP] = '1'
    with reading_entry_points_once():
        import locust  # noqa: F401  # patches, unless told not to
    keep_interrupts_quiet()
    raise_descriptors()


def check_engine() -> None:
    """Raise `StartError` if Locust, or a client of the test case, is not installed. Nothing is imported."""
    if sys.version_info < PYTHON:
        here = sys.version.split()[0]
        raise StartError(f'Locust needs Python {PYTHON[0]}.{PYTHON[1]} or later, and this is {here}')
    for name in ('locust', 'requests', 'webtest', 'wsgiproxy', 'websocket'):
        if find_spec(name) is None:
            raise StartError(f"it needs {name}: pip install 'vaurien[loads]'")


@contextmanager
def unpatched() -> Iterator[None]:
    """Let Locust be imported inside this block without patching the standard library of somebody's test run."""
    before = os.environ.get(SKIP)
    os.environ[SKIP] = '1'
    try:
        yield
    finally:
        if before is None:
            del os.environ[SKIP]
        else:
            os.environ[SKIP] = before
