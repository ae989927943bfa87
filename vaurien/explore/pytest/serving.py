"""The plug-in of a process that runs one test for another process, in which it is spoilt."""

from __future__ import annotations

import socket
from collections.abc import Sequence

import msgspec
import pytest

from vaurien.explore.environment import Variable
from vaurien.explore.pytest.fresh import Answer, Order
from vaurien.explore.pytest.running import Running
from vaurien.explore.settings import ExploreSettings


class Serving(Running):
    """Runs a test as often as it is told."""

    def __init__(
        self,
        config: pytest.Config,
        settings: ExploreSettings,
        variables: Sequence[Variable],
        test: str,
        sock: socket.socket,
    ) -> None:
        """Start proxies before the backends of *variables*; raise `ConfigError`. *sock* says how to run the *test*."""
        super().__init__(config, settings, variables)
        self._test = test
        self._socket = sock

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out all other tests."""
        items[:] = [item for item in items if item.nodeid == self._test]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool:
        """Run the test until nobody says any more how."""
        assert isinstance(item, pytest.Function)
        with self._socket, self._socket.makefile('rb') as orders, self.runner_of(item, None) as runner:
            for line in orders:
                order = msgspec.json.decode(line, type=Order)
                run = runner.run(order.injections, order.limit)
                self._socket.sendall(msgspec.json.encode(Answer(run, runner.proxies)) + b'\n')
        return True
