"""What has to come before the engine, and anything that opens connections, is imported."""

from __future__ import annotations

import os
import resource
import sys
from importlib.util import find_spec

from vaurien.errors import StartError
from vaurien.loads.fastsession import SKIP

#: What Locust needs.
PYTHON = (3, 11)


def prepare(*, no_patching: bool = False) -> None:
    """Patch the standard library, import Locust, allow as many open files as the system does.

    Raises `StartError` where Locust cannot be had.
    """
    check_engine()
    if no_patching:
        os.environ[SKIP] = '1'
    import locust  # noqa: F401  # patches, unless told not to

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def check_engine() -> None:
    """Raises `StartError` where Locust cannot be had, without importing it."""
    if sys.version_info < PYTHON:
        here = sys.version.split()[0]
        raise StartError(f'Locust, the engine, needs Python {PYTHON[0]}.{PYTHON[1]} or later, and this is {here}')
    for name in ('locust', 'webtest', 'wsgiproxy', 'websocket'):
        if find_spec(name) is None:
            raise StartError(f'{name} is not installed: pip install "vaurien[loads]"')
