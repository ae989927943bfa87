"""What a process that runs tests has, as a plug-in: proxies, and hooks that report each phase of a run."""

from __future__ import annotations

import logging
import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import pytest

from vaurien.address import Address
from vaurien.embedded import Proxy
from vaurien.errors import ConfigError
from vaurien.explore.environment import Variable
from vaurien.explore.proxies import WatchedProxies
from vaurien.explore.pytest.asker import Asker, LinkAsker
from vaurien.explore.pytest.backends import Backends
from vaurien.explore.pytest.fresh import FreshProcess
from vaurien.explore.pytest.item_runner import ItemRunner
from vaurien.explore.settings import ExploreSettings

logger = logging.getLogger('vaurien')

#: The settings of a proxy with which somebody else watches it, or chooses its faults.
WATCHING = frozenset({'observer', 'chooser', 'digest', 'replay'})


class Running:
    """Watches the proxies of tests, and the phases of a test that is run again and again."""

    def __init__(self, config: pytest.Config, settings: ExploreSettings, variables: Sequence[Variable]) -> None:
        """Start proxies before the backends of *variables*; raise `ConfigError`."""
        self.settings = settings
        self._runner: ItemRunner | None = None
        #: The fixtures that are set up now, the innermost last.
        self._fixtures: list[pytest.FixtureDef[object]] = []
        asker = Asker(config.invocation_params.dir, config.getini('python_files'))
        self._proxies = WatchedProxies(lambda: LinkAsker(asker).find, allow_remote=settings.allow_remote)
        self._backends = Backends(variables, self._proxies, allow_remote=settings.allow_remote)
        self._backends.refresh()
        self._usual_level = logger.level
        logger.setLevel(logging.WARNING)  # no news of faults that are injected, but of backends that are not there

    @contextmanager
    def runner_of(self, item: pytest.Function, fresh: FreshProcess | None) -> Iterator[ItemRunner]:
        """Give the runner of a test, to which the hooks report. *fresh* is a process that can run it, too."""
        self._runner = runner = ItemRunner(item, self._proxies, fresh)
        try:
            yield runner
        finally:
            self._runner = None
            runner.close()

    def start_proxy(self, backend: str | Address, **settings: Any) -> Proxy:
        """Return a proxy of the test that runs, running; raise `ConfigError`.

        One that the test watches itself, or for which it chooses the faults, is left to it.
        """
        if not WATCHING.isdisjoint(settings):
            return self._proxies.start_apart(backend, **settings)
        return self._proxies.start(backend, **settings).proxy

    def start_proxy_of_fixture(self, backend: str | Address, **settings: Any) -> Proxy:
        """Do as `start_proxy` does. A proxy of a fixture that is wider than a test has the name of the fixture.

        So it has the same one whichever tests are run.
        """
        fixture = self._fixtures[-1] if self._fixtures else None
        if fixture is None or fixture.scope == 'function' or not WATCHING.isdisjoint(settings):
            return self.start_proxy(backend, **settings)
        watched = self._proxies.start(backend, called=settings.get('name', fixture.argname), **settings)
        self._proxies.add(watched)
        return watched.proxy

    def start_from_file(self, path: str | os.PathLike[str], name: str, *, seed: int | None = None) -> Proxy:
        """Return the proxy of that *name* in a config file, which is one of the test that runs; raise `ConfigError`."""
        return self._proxies.start_from_file(path, name, seed=seed).proxy

    def compare_own(self) -> None:
        """See what is left open at the proxies of the test that runs."""
        self._proxies.compare_own(self._runner is None or self._runner.is_clean)

    # The hooks of the session

    def pytest_sessionstart(self) -> None:
        """Look at the environment again: a conftest may have changed it."""
        self._refresh()

    def pytest_collection_finish(self) -> None:
        """Look at the environment again: a module may have changed it."""
        self._refresh()

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[object]) -> Generator[None, object, object]:
        """Look at the environment again behind each fixture."""
        __tracebackhide__ = True
        self._fixtures.append(fixturedef)
        try:
            result = yield
        finally:
            self._fixtures.pop()
        self._backends.refresh()
        return result

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter, exitstatus: int) -> None:
        """Say which variables nobody has set, unless there is a mistake that kept tests from being run."""
        for name in self._backends.missing if exitstatus != pytest.ExitCode.USAGE_ERROR else ():
            terminalreporter.write_line(f'--vaurien: {name} is not set in the environment', yellow=True)

    def pytest_unconfigure(self) -> None:
        """Stop the proxies, and log as before."""
        self._backends.close()
        logger.setLevel(self._usual_level)

    def _refresh(self) -> None:
        try:
            self._backends.refresh()
        except ConfigError as error:
            raise pytest.UsageError(str(error)) from None

    # The hooks of one run

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self) -> Generator[None, object, object]:
        """Watch over the set-up of a run."""
        __tracebackhide__ = True
        with self._watch('setup'):
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self) -> Generator[None, object, object]:
        """Watch over the call, in which faults are injected."""
        __tracebackhide__ = True
        with self._watch('call'):
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self) -> Generator[None, object, object]:
        """Watch over the teardown of a run."""
        __tracebackhide__ = True
        with self._watch('teardown'):
            return (yield)

    def _watch(self, phase: str) -> AbstractContextManager[None]:
        return nullcontext() if self._runner is None else self._runner.watch(phase)

    def pytest_enter_pdb(self) -> None:
        """Give the phase that goes on as long as it takes: somebody looks at it."""
        if self._runner is not None:
            self._runner.pause()

    def pytest_runtest_makereport(self, call: pytest.CallInfo[None]) -> pytest.TestReport | None:
        """Note how a phase of a run has ended; make a short report of it if nobody is going to see that."""
        return None if self._runner is None else self._runner.note(call)
