"""The tests that `benchmarks.loads_runner` runs."""

from __future__ import annotations

import os
import time

from vaurien.loads import TestCase

URL = os.environ.get('URL', '')


class TestLoad(TestCase):
    """Tests with one request for each hit."""

    def test_session(self) -> None:
        """Send it with requests."""
        assert self.session.get(f'{URL}/ok').status_code == 200

    def test_fast_session(self) -> None:
        """Send it with the client of Locust."""
        assert self.fast_session.get(f'{URL}/ok').status_code == 200

    def test_nothing(self) -> None:
        """Do nothing, to see what a hit itself costs."""

    def test_idle(self) -> None:
        """Sleep with an open connection."""
        self.session.get(f'{URL}/ok')
        time.sleep(3600)
