"""The tests that `benchmarks.runner` has run, and the plain Locust user that they are compared with."""

from __future__ import annotations

import os
import time

from vaurien.loads import TestCase

URL = os.environ.get('URL', '')


class TestLoad(TestCase):
    """One request a hit."""

    def test_session(self) -> None:
        """With requests."""
        assert self.session.get(f'{URL}/ok').status_code == 200

    def test_fast_session(self) -> None:
        """With Locust's own client."""
        assert self.fast_session.get(f'{URL}/ok').status_code == 200

    def test_nothing(self) -> None:
        """What a hit itself costs."""

    def test_idle(self) -> None:
        """Sleep, with a connection open."""
        self.session.get(f'{URL}/ok')
        time.sleep(3600)
