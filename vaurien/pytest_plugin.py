"""The plug-in for pytest: proxies on free ports that end with the test, and the exploration of tests."""

from __future__ import annotations

from argparse import SUPPRESS
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from vaurien.address import Address
    from vaurien.embedded import Proxy

# Modules of Vaurien are imported late: test runs that do not need them need not import gevent.


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the flags of exploring."""
    group = parser.getgroup('vaurien', 'faults of backends')
    group.addoption(
        '--vaurien-explore',
        action='store_true',
        help='run each test once for each request of the application and each fault that matters',
    )
    group.addoption(
        '--vaurien',
        action='append',
        default=[],
        metavar='PROTOCOL:VARIABLE',
        help='put a proxy before the backend that a variable of the environment names, as in redis:REDIS_URL',
    )
    group.addoption(
        '--vaurien-fault',
        action='append',
        default=[],
        metavar='FAULT',
        help="run the tests with a fault that exploring has tried, as in 'http: POST /charge #1 lost'",
    )
    for name, metavar, text in (
        ('max', 'N', 'try up to so many faults'),
        ('seconds', 'SECONDS', 'explore for so long'),
        ('limit', 'SECONDS', 'end a run that takes so long, which is then hung'),
        ('depth', 'N', 'try up to so many faults together: 1 or 2'),
        ('report', 'DIR', 'write a report to that folder'),
        ('fail', 'OUTCOMES', 'fail if there is a new finding of one of these kinds, as in wrong,twice,hung'),
        ('baseline', 'FILE', 'accept the findings in that file'),
    ):
        group.addoption(f'--vaurien-explore-{name}', metavar=metavar, help=text)
    group.addoption(
        '--vaurien-allow-remote', action='store_true', help='explore also with backends that are on other machines'
    )
    # A process of pytest that runs one test for another process is started with these.
    group.addoption('--vaurien-explore-only', metavar='TEST', help=SUPPRESS)
    group.addoption('--vaurien-explore-serve', metavar='DESCRIPTOR', help=SUPPRESS)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Register what the flags ask for."""
    options = early_config.known_args_namespace
    if options.vaurien_explore or options.vaurien_fault or options.vaurien:
        from vaurien.explore.pytest.plugin import register

        register(early_config, options)


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker, and register what shows the results."""
    config.addinivalue_line(
        'markers', 'vaurien_explore(allow, skip, faults, …): settings for exploring the test, as in the file'
    )
    if config.option.vaurien_explore or config.option.vaurien_fault:
        from vaurien.explore.pytest.plugin import register_summary

        register_summary(config)


@pytest.fixture
def vaurien_proxy(request: pytest.FixtureRequest) -> Iterator[Callable[..., Proxy]]:
    """Return a function that starts a proxy: ``vaurien_proxy('localhost:6379', protocol='redis')``.

    It takes what `vaurien.Proxy` takes, and returns a running proxy on a free port. All are stopped when the test ends.
    """
    running = request.config.pluginmanager.get_plugin('vaurien-running')
    with ExitStack() as stack:
        if running is not None:
            yield running.serve_proxies(stack)
            return
        from vaurien.embedded import Proxy

        def make(backend: str | Address, protocol: str = 'tcp', **settings: Any) -> Proxy:
            return stack.enter_context(Proxy(backend, protocol, **settings))

        yield make
