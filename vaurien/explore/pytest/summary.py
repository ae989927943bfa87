"""The plug-in of the process that has the terminal: it shows what was found out, and sets the exit status."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

import msgspec
import pytest

from vaurien.console.statuses import INTERRUPTED
from vaurien.errors import ConfigError, UnwrittenError
from vaurien.explore.environment import Backend, Environment, describe_obstacle, read_variables
from vaurien.explore.model import Explored, Injection
from vaurien.explore.replaying import check_all_proxies, describe_missed
from vaurien.explore.settings import ExploreSettings
from vaurien.explore.showing.baseline import NOTHING, load_baseline
from vaurien.explore.showing.findings import find_findings, should_fail
from vaurien.explore.showing.report import check_report, write_report

#: The name of the plug-in.
SUMMARY = 'vaurien-summary'
#: The attribute of a report that has what was found out, as JSON: so it comes from a worker, too.
ATTRIBUTE = 'vaurien_explored'
#: The key of the input of a worker of pytest-xdist that has the folder in which it keeps what it knows.
KEPT_IN = 'vaurien_kept_in'
#: What is said if no test could be explored, though some were run.
NOTHING_EXPLORED = 'vaurien explore: no test that has passed asked anything of a proxy: '
HOW_TO_EXPLORE = '--vaurien PROTOCOL:VARIABLE puts one before a backend, and so does the fixture vaurien_proxy'
#: What pytest counts of tests that were run.
RUN = frozenset({'passed', 'failed', 'error'})


class Summary:
    """Collects what was found out, wherever that was."""

    def __init__(self, config: pytest.Config, settings: ExploreSettings, faults: Sequence[Injection]) -> None:
        """Read the baseline, and make the folder of the report; raise `ConfigError`.

        *faults* are those with which tests are run; none: they are explored.
        """
        self._config = config
        self._settings = settings
        self._faults = faults
        #: What is wrong with the faults: in none of the tests could they be tried.
        self._complaint = ''
        self._folder = config.invocation_params.dir
        self._baseline = NOTHING if settings.baseline is None else load_baseline(self._folder / settings.baseline)
        if settings.report is not None:
            check_report(self._folder / settings.report)
        self._explored: list[Explored] = []
        self._kept_in: TemporaryDirectory[str] | None = None
        self._is_interrupted = False
        #: What Ctrl-C did before it ended pytest at once.
        self._replaced: Any = None
        self._is_showing = self._is_shown = False

    def add(self, explored: Explored) -> None:
        """Take what was found out about one test."""
        if explored.says_anything:
            self._explored.append(explored)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take what a report has of it: it may come from another process."""
        text = getattr(report, ATTRIBUTE, None)
        if text is not None:
            self.add(msgspec.json.decode(text, type=Explored))

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Have a worker of pytest-xdist keep what it finds out: it may be ended before it can report that."""
        if self._kept_in is None:
            self._kept_in = TemporaryDirectory(prefix='vaurien-explore-')
        node.workerinput[KEPT_IN] = self._kept_in.name

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show it, and write the report."""
        self._is_showing = True
        self._add_kept()
        self._show(terminalreporter)
        if not self._is_interrupted and not RUN.isdisjoint(terminalreporter.stats):
            for line in self._describe_unasked('passed' in terminalreporter.stats):
                terminalreporter.write_line(line, yellow=True)
        if self._complaint:
            terminalreporter.write_line(f'ERROR: --vaurien-fault: {self._complaint}', red=True)
        self._is_showing, self._is_shown = False, True

    def _describe_unasked(self, has_passed: bool) -> Iterator[str]:
        """Yield which backends nobody can connect to, of those that no test has asked; or that none was asked at all.

        *has_passed*: some test has.
        """
        backends = self._find_backends()
        asked = {point.proxy for test in self._explored for point in test.points}
        obstacles = [describe_obstacle(backend) for backend in backends if backend.proxy not in asked]
        yield from (f'--vaurien: {obstacle}' for obstacle in obstacles if obstacle)
        if has_passed and not self._explored and not any(obstacles):
            names = ' and '.join(dict.fromkeys(backend.variable.name for backend in backends))
            yield NOTHING_EXPLORED + (f'does the application read {names}?' if names else HOW_TO_EXPLORE)

    def _find_backends(self) -> Sequence[Backend]:
        """Return the backends that variables name by now, in this process."""
        variables = [each for each in read_variables(self._config.option.vaurien) if os.environ.get(each.name)]
        try:
            return Environment(variables, os.environ, allow_remote=self._settings.allow_remote).backends
        except ConfigError:  # what is wrong with them was said where it mattered
            return []

    def _add_kept(self) -> None:
        """Take what workers have kept of tests that they have not reported."""
        reported = {each.test for each in self._explored}
        for path in [] if self._kept_in is None else sorted(Path(self._kept_in.name).glob('*.json')):
            explored = msgspec.json.decode(path.read_bytes(), type=Explored)
            if explored.test not in reported:
                self.add(explored)

    def _show(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self._explored:
            return
        from vaurien.explore.showing.terminal import show  # late: rich is an extra

        writer = terminalreporter._tw
        terminalreporter.section('vaurien explore')
        terminalreporter.write(show(self._explored, writer.fullwidth, writer.hasmarkup, self._baseline))
        if self._settings.report is not None:
            folder = self._folder / self._settings.report
            try:
                write_report(folder, self._explored, self._baseline, self._settings.fail)
            except UnwrittenError as error:
                terminalreporter.write_line(f'ERROR: {error}', red=True)
            else:
                terminalreporter.write_line(f'The report is in {folder}.')

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Note that somebody interrupts: pytest calls what it ends itself by that name, too."""
        self._is_interrupted = excinfo.type is KeyboardInterrupt
        if self._is_interrupted:
            with suppress(ValueError):  # this is not the main thread
                self._replaced = signal.signal(signal.SIGINT, self._end_at_once)

    def _end_at_once(self, number: int, frame: FrameType | None) -> None:
        """Show what is known unless that was done, and end, for somebody interrupts again.

        Whatever is raised here, pytest would go on with the teardown of other fixtures.
        """
        if self._is_showing:
            return
        reporter = self._config.pluginmanager.get_plugin('terminalreporter')
        if reporter is not None:
            if not self._is_shown:
                self.pytest_terminal_summary(reporter)
            reporter.flush()
        if self._kept_in is not None:
            self._kept_in.cleanup()
        os._exit(INTERRUPTED)

    def pytest_unconfigure(self) -> None:
        """Have Ctrl-C do what it did before."""
        if self._replaced is not None:
            signal.signal(signal.SIGINT, self._replaced)
        if self._kept_in is not None:
            self._kept_in.cleanup()

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Set the exit status: a new finding fails as a test does."""
        if self._is_interrupted:
            session.exitstatus = INTERRUPTED
        elif session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            if self._faults and not session.config.option.collectonly and (status := self._check_faults()):
                session.exitstatus = status
            elif self._has_failed():
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _check_faults(self) -> int:
        """Return the exit status if the faults were tried in none of the tests; 0 if they were in one."""
        try:
            check_all_proxies(self._faults, self._explored)
        except ConfigError as error:
            self._complaint = str(error)
            return pytest.ExitCode.USAGE_ERROR
        self._complaint = describe_missed(self._faults, self._explored)
        return pytest.ExitCode.TESTS_FAILED if self._complaint else pytest.ExitCode.OK

    def _has_failed(self) -> bool:
        return should_fail(find_findings(self._explored, self._baseline), self._settings.fail)
