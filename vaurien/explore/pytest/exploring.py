"""The plug-in that runs each test once as usual, and then explores it; or runs tests with faults that were given."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import suppress
from math import ceil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from vaurien.console.files import write_file
from vaurien.errors import ConfigError, UnwrittenError
from vaurien.explore.environment import Variable
from vaurien.explore.explorer import explore, study
from vaurien.explore.judging import judge
from vaurien.explore.model import Explored, Injection, ReplayCommand
from vaurien.explore.pruning import Known
from vaurien.explore.pytest.fresh import FreshProcess
from vaurien.explore.pytest.item_runner import ItemRunner
from vaurien.explore.pytest.running import Running
from vaurien.explore.pytest.summary import ATTRIBUTE, KEPT_IN, SUMMARY
from vaurien.explore.pytest.watchdog import Watchdog
from vaurien.explore.replaying import check_proxies, find_candidate
from vaurien.explore.settings import ExploreSettings
from vaurien.explore.showing.junit import make_properties
from vaurien.explore.trust import explain

#: The descriptor of the standard error.
STANDARD_ERROR = 2
#: The marker that changes settings for a test.
MARKER = 'vaurien_explore'


class Exploring(Running):
    """Explores tests, of which each is run in this process with all of its faults."""

    def __init__(
        self,
        config: pytest.Config,
        settings: ExploreSettings,
        variables: Sequence[Variable],
        faults: Sequence[Injection] | None,
    ) -> None:
        """Start proxies before the backends of *variables*; raise `ConfigError`.

        Tests are run with the *faults*; if they are None, all that may matter are tried.
        """
        self._environ = dict(os.environ)
        super().__init__(config, settings, variables)
        self._config = config
        self._faults = faults
        self._known = Known()
        #: How many runs with faults there were, and how many seconds of runs.
        self._tried = 0
        self._seconds = 0.0
        self._watchdog: Watchdog | None = None
        self._flags = tuple(_list_flags(config.known_args_namespace))

    def pytest_configure(self, config: pytest.Config) -> None:
        """Have the process end if nobody can run any more. The standard error is not captured at this moment.

        The traceback that pytest can print itself is made in the same way, so that it goes before.
        """
        has_own = config.pluginmanager.has_plugin('faulthandler') and float(config.getini('faulthandler_timeout') or 0)
        if not has_own:
            with suppress(OSError):  # the standard error may be closed
                self._watchdog = Watchdog(os.dup(STANDARD_ERROR))

    def pytest_unconfigure(self) -> None:
        """Do as the base class does, and end what has begun."""
        if self._watchdog is not None:
            self._watchdog.close()
        super().pytest_unconfigure()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Check the markers of all tests."""
        for item in items:
            try:
                self._find_settings(item)
            except ConfigError as error:
                raise pytest.UsageError(f'{item.nodeid}: {MARKER}: {error}') from None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Run a test, and explore it."""
        if not isinstance(item, pytest.Function):
            return None
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        replay = ReplayCommand(before=('pytest', item.nodeid), after=self._flags)
        explored = Explored(test=item.nodeid, replay=replay)
        with self.runner_of(item, self._prepare_fresh(item)) as runner:
            try:
                report = (self._explore if self._faults is None else self._replay)(item, runner, explored)
            except BaseException:  # somebody interrupts: what is known until now is shown
                summary = self._config.pluginmanager.get_plugin(SUMMARY)
                if summary is None:  # it is in another process, which does not listen any more
                    self._keep(explored)
                else:
                    summary.add(explored)
                raise
        self._tear_down(item, nextitem, report, explored)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def _explore(self, item: pytest.Function, runner: ItemRunner, explored: Explored) -> pytest.TestReport:
        """Run a test as usual; explore it if it passes. Return the report of its teardown, not logged yet."""
        reports = runner.run_first()
        # What was tried before may have spoilt this process.
        if self._tried and any(report.failed for report in reports):
            reports = runner.run_in_fresh_process() or reports
        _log(item, reports[:-1])
        explored.apart = runner.apart
        if runner.is_asking and all(report.passed and not hasattr(report, 'wasxfail') for report in reports):
            _stop_timeout(item)
            try:
                for _ in explore(runner, self._restrict(self._find_settings(item), item), explored, self._known):
                    self._keep(explored)
            except ConfigError as error:  # a plug-in may have trials that cannot be armed
                explored.problem = str(error)
            self._tried += len(explored.cells)
            self._seconds += explored.seconds
        elif runner.first is not None:
            explored.problem = explain(runner.first.failure, runner.proxies)
        return reports[-1]

    def _replay(self, item: pytest.Function, runner: ItemRunner, explored: Explored) -> pytest.TestReport:
        """Run a test with the faults that were given, as usual. Return the report of its teardown, not logged yet."""
        settings, faults = self._find_settings(item), self._faults or ()
        learned = study(runner, settings, explored)
        explored.apart = runner.apart
        if learned is not None:
            try:
                check_proxies(faults, [proxy.name for proxy in explored.proxies])
            except ConfigError as error:  # another test may have it
                explored.problem, learned = str(error), None
        try:
            if learned is None:
                run, reports = runner.run_visibly((), settings.limit)
            else:
                run, reports = runner.run_visibly(faults, settings.limit or learned.limit)
        except ConfigError as error:
            raise pytest.UsageError(f'--vaurien-fault: {error}') from None
        _log(item, reports[:-1])
        if learned is not None:
            cell = judge(item.nodeid, find_candidate(faults, learned), run, learned, settings)
            explored.cells.append(cell)
        return reports[-1]

    def _keep(self, explored: Explored) -> None:
        """Have the process that shows the results find this, should it not get the report of the test."""
        folder = getattr(self._config, 'workerinput', {}).get(KEPT_IN)
        if folder is not None:
            path = Path(folder, f'{os.getpid()}.json')
            with suppress(UnwrittenError):  # it may be on another machine
                write_file(path, msgspec.json.encode(explored))

    def _prepare_fresh(self, item: pytest.Item) -> FreshProcess:
        """Return the process that runs a test if this one is spoilt: its flags are those of this one."""
        workerinput = getattr(self._config, 'workerinput', None)
        given = self._config.invocation_params.args if workerinput is None else workerinput['mainargv'][1:]
        alone = ['-n0'] if self._config.pluginmanager.has_plugin('xdist') else []
        command = [sys.executable, '-m', 'pytest', *map(str, given), *alone, f'--vaurien-explore-only={item.nodeid}']
        return FreshProcess(command, self._environ, self._config.invocation_params.dir)

    def _find_settings(self, item: pytest.Item) -> ExploreSettings:
        """Return the settings for a test; raise `ConfigError` for a bad marker."""
        settings = self.settings
        for marker in reversed(list(item.iter_markers(MARKER))):
            if marker.args:
                raise ConfigError('give settings by their names')
            settings = settings.change(marker.kwargs)
        return settings

    def _restrict(self, settings: ExploreSettings, item: pytest.Item) -> ExploreSettings:
        """Return *settings* with the share of one test in what is left of the budget.

        The riskiest faults of each test come first. Were the first tests to take all, those of the last would not come.
        What a marker says bounds its test alone.
        """
        whole = self.settings
        items = item.session.items
        workers = getattr(self._config, 'workerinput', {'workercount': 1})['workercount']
        left = ceil((len(items) - items.index(item)) / workers)
        most = None if whole.max is None else max(0, ceil((whole.max - self._tried) / left))
        seconds = None if whole.seconds is None else max(0.0, (whole.seconds - self._seconds) / left)
        return msgspec.structs.replace(
            settings, max=_find_least(settings.max, most), seconds=_find_least(settings.seconds, seconds)
        )

    def _tear_down(
        self, item: pytest.Function, nextitem: pytest.Item | None, report: pytest.TestReport, explored: Explored
    ) -> None:
        """End the wider fixtures that no other test needs, and log the report, which has what was found out."""
        session = item.session
        if session.shouldfail or session.shouldstop:
            nextitem = None
        call = pytest.CallInfo.from_call(
            lambda: session._setupstate.teardown_exact(nextitem),
            'teardown',
            reraise=(pytest.exit.Exception, KeyboardInterrupt),
        )
        if call.excinfo is not None and report.passed:
            report = item.ihook.pytest_runtest_makereport(item=item, call=call)
        if explored.says_anything:
            setattr(report, ATTRIBUTE, msgspec.json.encode(explored).decode())
            report.user_properties += make_properties(explored)
        _log(item, [report])


def _list_flags(options: Namespace) -> Iterator[str]:
    """Yield the flags without which the proxies of a test, or its limit, would not be the same again."""
    for text in options.vaurien:
        yield from ('--vaurien', text)
    if options.vaurien_seed is not None:
        yield from ('--vaurien-seed', str(options.vaurien_seed))
    if options.vaurien_explore_limit is not None:
        yield from ('--vaurien-explore-limit', options.vaurien_explore_limit)
    if options.vaurien_allow_remote:
        yield '--vaurien-allow-remote'


def _find_least(*bounds: Any) -> Any:
    """Return the least of some bounds; None, if none of them is one."""
    return min((bound for bound in bounds if bound is not None), default=None)


def _log(item: pytest.Item, reports: Sequence[pytest.TestReport]) -> None:
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)


def _stop_timeout(item: pytest.Item) -> None:
    """Have pytest-timeout forget the test: it has passed in time, and exploring it takes longer."""
    cancel = getattr(item.config.hook, 'pytest_timeout_cancel_timer', None)
    if cancel is not None:
        cancel(item=item)
