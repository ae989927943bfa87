"""For pytest: proxies on free ports, that end with the test."""

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
    """A function that starts a proxy: ``vaurien_proxy('localhost:6379', protocol='redis')``.

    It takes what `vaurien.Proxy` takes and gives a running one, on a free port; each is stopped when the test ends.
    """
    from vaurien.embedded import Proxy  # gevent is not to slow runs that have no use for it

    with ExitStack() as stack:

        def make(backend: str | Address, protocol: str = 'tcp', **settings: Any) -> Proxy:
            return stack.enter_context(Proxy(backend, protocol, **settings))

        yield make
