"""The plug-in for pytest: proxies on free ports that end with the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from vaurien.address import Address
    from vaurien.embedded import Proxy


@pytest.fixture
def vaurien_proxy() -> Iterator[Callable[..., Proxy]]:
    """Return a function that starts a proxy: ``vaurien_proxy('localhost:6379', protocol='redis')``.

    It takes what `vaurien.Proxy` takes, and returns a running proxy on a free port. All are stopped when the test ends.
    """
    from vaurien.embedded import Proxy  # late: test runs without a proxy need not import gevent

    with ExitStack() as stack:

        def make(backend: str | Address, protocol: str = 'tcp', **settings: Any) -> Proxy:
            return stack.enter_context(Proxy(backend, protocol, **settings))

        yield make
