"""Runs one test of pytest again and again, with its fixtures, in the session that goes on."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Any, Literal

import pytest
from _pytest.runner import runtestprotocol

from vaurien.errors import ConfigError
from vaurien.explore.model import ExploredProxy, Failure, Injection, Run
from vaurien.explore.proxies import Call, WatchedProxies
from vaurien.explore.pytest.failures import describe_failure
from vaurien.explore.pytest.fresh import FreshProcess
from vaurien.explore.pytest.limiter import Limiter, Phase


class ItemRunner:
    """Runs a test of pytest. Fixtures of the function are made for each run, wider ones stay.

    The hooks of pytest report to it what becomes of each phase.
    """

    def __init__(self, item: pytest.Function, proxies: WatchedProxies, fresh: FreshProcess | None) -> None:
        """*fresh* is a process that can run it, too; None: there is none."""
        self._item = item
        self._watched = proxies
        self._fresh = fresh
        #: Whether it is run there.
        self._is_spoilt = False
        self._limiter = Limiter((self._disarm, self._cut))
        self._injections: Sequence[Injection] = ()
        self._limit: float | None = None
        #: The phase that goes on, if it has a limit.
        self._phase: Phase | None = None
        #: Whether pytest shows what becomes of the run.
        self._is_visible = True
        self._call: Call | None = None
        self._mistake: ConfigError | None = None
        self._failure: Failure | None = None
        self._is_hung = False
        #: A clean run that has not been asked for yet.
        self._first: Run | None = None
        self.proxies: Sequence[ExploredProxy] = ()
        #: The names of the proxies that it watches itself.
        self.apart: Sequence[str] = ()
        proxies.begin_test()

    @property
    def test(self) -> str:
        """The name of the test."""
        return self._item.nodeid

    @property
    def first(self) -> Run | None:
        """The run that came first, until it was asked for."""
        return self._first

    @property
    def is_asking(self) -> bool:
        """Whether the application has asked a backend for anything, in the run that came first."""
        return self._first is not None and len(self._first.entries) > 0

    @property
    def is_clean(self) -> bool:
        """Whether the run has no faults."""
        return not self._injections

    def close(self) -> None:
        """End whatever outlives a run."""
        if self._fresh is not None:
            self._fresh.close()
        self._limiter.close()

    def run(self, injections: Sequence[Injection] = (), limit: float | None = None) -> Run:
        """Run it with those faults, for up to *limit* seconds in each phase; raise `ConfigError` for a bad fault."""
        if self._first is not None and not injections:
            first, self._first = self._first, None
            return first
        if self._is_spoilt and self._fresh is not None:
            run = self._fresh.run(injections, limit)
            self.proxies = self._fresh.proxies
            return run
        # Warnings were shown when it ran for the first time.
        with warnings.catch_warnings(record=True), _logging_nothing(self._item.config):
            return self._run(injections, limit, is_visible=False)[0]

    def renew(self) -> bool:
        """Have later runs begin in a fresh process, for this one is spoilt; return whether they will."""
        if self._fresh is None:
            return False
        self._fresh.close()
        self._is_spoilt = True
        self._first = None
        return True

    def run_first(self) -> list[pytest.TestReport]:
        """Run it as pytest does, and return the reports. `run` returns the same run once more."""
        self._first, reports = self._run((), None, is_visible=True)
        return reports

    def run_in_fresh_process(self) -> list[pytest.TestReport]:
        """Do as `run_first` does, in a fresh process; return no reports if the test does not pass there either."""
        if not self.renew():
            return []
        self._first = first = self.run()
        return (
            [self._make_report(phase, 'passed') for phase in ('setup', 'call', 'teardown')] if first.has_passed else []
        )

    def run_visibly(self, injections: Sequence[Injection], limit: float | None) -> tuple[Run, list[pytest.TestReport]]:
        """Do as `run` does, and return the reports, too. A test that is ended at its limit fails."""
        return self._run(injections, limit, is_visible=True)

    def pause(self) -> None:
        """Give the phase that goes on as long as it takes: it is in a debugger."""
        if self._phase is not None:
            self._phase.pause()

    def _run(
        self, injections: Sequence[Injection], limit: float | None, *, is_visible: bool
    ) -> tuple[Run, list[pytest.TestReport]]:
        item = self._item
        sections, properties = len(item._report_sections), len(item.user_properties)
        self._injections, self._limit, self._is_visible = injections, limit, is_visible
        self._call, self._mistake, self._failure, self._is_hung = None, None, None, False
        self._watched.begin_run()
        began = monotonic()
        reports = runtestprotocol(item, log=False, nextitem=item.parent)  # type: ignore[arg-type]
        seconds = monotonic() - began
        del item._report_sections[sections:], item.user_properties[properties:]
        _forget_last_error()
        left = self._watched.end_run(self.is_clean)
        if self._mistake is not None:
            raise self._mistake
        self.proxies = self._watched.explored
        self.apart = tuple(self._watched.apart)
        call = self._call
        run = Run(
            seconds=seconds,
            failure=self._failure,
            hung=self._is_hung,
            hit=call is not None and call.has_hit,
            entries=() if call is None else call.entries,
            own=0 if call is None else call.own,
            left_open=() if self._is_hung else left,
        )
        return run, reports

    # What hooks of pytest report

    @contextmanager
    def watch(self, phase: str) -> Iterator[None]:
        """Watch over one phase of a run: the proxies count, and inject, during the call."""
        if phase == 'call':
            self._begin_call()
        try:
            if self._limit is None:
                yield
            else:
                with self._limiter.watch(self._limit, is_shown=self._is_visible) as watched:
                    self._phase = watched
                    try:
                        yield
                    finally:
                        self._phase = None
                        self._is_hung = self._is_hung or watched.steps > 0
                if watched.steps and self._is_visible:  # the application has caught whatever was to end it
                    pytest.fail(f'no end within {self._limit:.1f} s: it was ended then', pytrace=False)
        finally:
            self._watched.end_call()

    def _begin_call(self) -> None:
        try:
            self._call = self._watched.begin_call(self._injections)
        except ConfigError as error:  # it is no error of the test
            self._mistake = error

    def note(self, call: pytest.CallInfo[None]) -> pytest.TestReport | None:
        """Note how a phase has ended, and return a report without a traceback if nobody is going to see it.

        The first failure counts, unless an assertion fails in the teardown, and nothing behind the end of a run that
        hung.
        """
        error = None if call.excinfo is None else call.excinfo.value
        is_skipped = isinstance(error, pytest.skip.Exception)
        if error is not None and not (is_skipped or self._is_hung):
            failure = describe_failure(call.when, error)
            # What does not hold in the end matters more than that the application has said no before.
            if self._failure is None or (call.when == 'teardown' and failure.is_assertion):
                self._failure = failure
        if self._is_visible:
            return None
        report = self._make_report(call.when, 'passed' if error is None else 'skipped' if is_skipped else 'failed')
        report.wasxfail = ''  # so that no debugger is started
        return report

    def _make_report(self, phase: Any, outcome: Literal['passed', 'failed', 'skipped']) -> pytest.TestReport:
        return pytest.TestReport(
            nodeid=self._item.nodeid,
            location=self._item.location,
            keywords={},
            outcome=outcome,
            longrepr=None,
            when=phase,
        )

    # The steps of the limiter

    def _disarm(self) -> None:
        if self._call is not None:
            self._call.disarm()

    def _cut(self) -> None:
        if self._call is not None:
            self._call.cut()


@contextmanager
def _logging_nothing(config: pytest.Config) -> Iterator[None]:
    """Have nobody told of reports in the block: pytest logs those of subtests while a test runs."""
    name, plugins = 'pytest_runtest_logreport', config.pluginmanager
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config.hook, name, plugins.subset_hook_caller(name, plugins.get_plugins()))
        yield


def _forget_last_error() -> None:
    """Forget what was raised: its traceback has the frames of the test, and these have its connections."""
    for name in ('last_type', 'last_value', 'last_traceback', 'last_exc'):
        with suppress(AttributeError):
            delattr(sys, name)
