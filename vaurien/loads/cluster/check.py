"""The test that ``--check-cluster`` runs."""

import unittest


class TestAgent(unittest.TestCase):
    """Nothing that could fail: that it runs is the point."""

    def test_agent(self) -> None:
        """The agent has got an order and carries it out."""
