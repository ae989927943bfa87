"""The test that ``--check-cluster`` runs on every agent, which imports it by name."""

import unittest


class TestAgent(unittest.TestCase):
    """A test that cannot fail: an agent that runs it works."""

    def test_agent(self) -> None:
        """Do nothing."""
