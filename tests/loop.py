"""An event loop of its own for what a test does inside the data plane."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import gevent

from tests.servers import TIMEOUT

Result = TypeVar('Result')


def in_loop(function: Callable[[], Result], seconds: float = 2 * TIMEOUT) -> Result:
    """What *function* returns, called in a thread whose event loop ends with it, and in so many *seconds*."""

    def call() -> Result:
        try:
            with gevent.Timeout(seconds):
                return function()
        finally:
            gevent.get_hub().destroy(destroy_loop=True)

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(call).result()
