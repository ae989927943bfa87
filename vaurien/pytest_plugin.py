"""The plug-in for pytest: proxies on free ports that end with their tests, and the exploration of tests."""

from __future__ import annotations

from argparse import SUPPRESS
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from vaurien.explore.setting_flags import SETTING_FLAGS

if TYPE_CHECKING:
    from vaurien.embedded import Proxy
    from vaurien.explore.pytest.running import Running
    from vaurien.testing.proxies import MakeProxy, ServedProxies, Starter

# What stands on gevent is imported late: test runs that do not need it need not import that.

#: The name of the plug-in of a process that explores tests, by which the fixtures find it.
RUNNING = 'vaurien-running'
#: Where the settings of a run have its proxies, once there are any.
SERVED: pytest.StashKey[ServedProxies] = pytest.StashKey()


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
    for name, placeholder, text in SETTING_FLAGS:
        group.addoption(f'--vaurien-explore-{name}', metavar=placeholder, help=text)
    group.addoption(
        '--vaurien-allow-remote', action='store_true', help='explore also with backends that are on other machines'
    )
    group.addoption('--vaurien-seed', type=int, metavar='N', help='the seed of proxies that are not given one')
    parser.addini('vaurien_config', 'the file with the proxies of the fixture vaurien_proxies', default='')
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
    config.addinivalue_line('markers', 'vaurien(behavior, seed, …): settings for the proxies of the test')
    config.addinivalue_line(
        'markers', 'vaurien_explore(allow, skip, faults, …): settings for exploring the test, as in the file'
    )
    if config.option.vaurien_explore or config.option.vaurien_fault:
        from vaurien.explore.pytest.plugin import register_summary

        register_summary(config)


@pytest.fixture(scope='session')
def _vaurien_served(request: pytest.FixtureRequest) -> ServedProxies:
    """Return the proxies of this run of tests."""
    from vaurien.testing.proxies import ServedProxies

    config = request.config
    served = config.stash[SERVED] = ServedProxies(config.option.vaurien_seed)
    return served


@pytest.fixture
def vaurien_proxy(request: pytest.FixtureRequest, _vaurien_served: ServedProxies) -> Iterator[MakeProxy]:
    """Return a function that starts a proxy: ``vaurien_proxy('localhost:6379', protocol='redis')``.

    It takes what `vaurien.Proxy` takes, and returns a running proxy on a free port. All are stopped when the test ends.
    ``@pytest.mark.vaurien(behavior='20:error')`` has settings for those proxies of a test that are not given others.
    """
    starter = _find_starter(request)
    with ExitStack() as stack:
        make = stack.enter_context(_vaurien_served.serving(_read_markers(request.node), starter.start_proxy))
        stack.callback(starter.compare_own)  # before they are stopped
        yield make


@pytest.fixture(scope='session')
def vaurien_proxy_factory(request: pytest.FixtureRequest, _vaurien_served: ServedProxies) -> Iterator[MakeProxy]:
    """Return a function that starts a proxy, for fixtures of any scope; it takes what `vaurien.Proxy` takes.

    All are stopped when the run ends; ``proxy.stop()`` stops one earlier, and ``proxy.reset()`` disarms it.
    """
    with _vaurien_served.serving({}, _find_starter(request).start_proxy_of_fixture) as make:
        yield make


@pytest.fixture
def vaurien_proxies(request: pytest.FixtureRequest, _vaurien_served: ServedProxies) -> Iterator[dict[str, Proxy]]:
    """Return the proxies of the file that ``vaurien_config`` names in the settings of pytest, by name.

    Each is on a free port, whatever the file says. All are stopped when the test ends.
    """
    config = request.config
    path = config.getini('vaurien_config')
    if not path:
        raise pytest.UsageError('vaurien_proxies: no file is named, set vaurien_config in the settings of pytest')
    starter = _find_starter(request)
    with ExitStack() as stack:
        proxies = stack.enter_context(_vaurien_served.serving_file(config.rootpath / path, starter.start_from_file))
        stack.callback(starter.compare_own)
        yield proxies


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say in the report of a test that has failed what its proxies have done."""
    report = yield
    served = item.config.stash.get(SERVED, None)
    if report.failed and served is not None and report.when != 'teardown' and (text := served.describe()):
        report.sections.append(('vaurien', text))
    return report


def _find_starter(request: pytest.FixtureRequest) -> Starter:
    """Return what starts proxies: the plug-in that watches them, if tests are explored."""
    from vaurien.testing.proxies import PlainStarter

    running: Running | None = request.config.pluginmanager.get_plugin(RUNNING)
    return PlainStarter() if running is None else running


def _read_markers(item: pytest.Item) -> dict[str, object]:
    """Return the settings in the markers of a test; those of the test go before those of its class and module."""
    settings: dict[str, object] = {}
    for marker in item.iter_markers('vaurien'):
        if marker.args:
            raise pytest.UsageError("@pytest.mark.vaurien: name what is given, as in vaurien(behavior='20:error')")
        settings = {**marker.kwargs, **settings}
    return settings
