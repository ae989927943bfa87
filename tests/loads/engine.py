"""Locust inside the process of the tests, in a thread with an event loop of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from locust.env import Environment

from tests.loop import in_loop

Result = TypeVar('Result')


def in_engine(
    function: Callable[[Environment], Result], environment: Callable[[], Environment] = Environment
) -> Result:
    """Return what *function* returns. The greenlets of the environment's runner end with it."""

    def call() -> Result:
        made = environment()
        try:
            return function(made)
        finally:
            if made.runner is not None:
                made.runner.greenlet.kill()

    return in_loop(call)
