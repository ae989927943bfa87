"""Hits that run a unittest method, with all that unittest does around it."""

from __future__ import annotations

import sys
import unittest
from typing import TYPE_CHECKING

from gevent import GreenletExit
from locust.exception import StopTest, StopUser

from vaurien.explore.command_failure import describe_error
from vaurien.explore.model import Failure
from vaurien.loads.case import TestCase
from vaurien.loads.stats import ExcInfo, Outcome, TestStats

if TYPE_CHECKING:
    from vaurien.loads.discovery import FoundTest
    from vaurien.loads.recorder import Recorder

#: The exceptions that end a user. unittest catches them as errors of the test, and would go on.
ENDS = (GreenletExit, StopUser, StopTest)


class CaseHits:
    """The hits of one user, all of them on one instance of the case."""

    def __init__(self, test: FoundTest, recorder: Recorder, stats: TestStats) -> None:
        self._test = test
        self._recorder = recorder
        self._stats = stats
        self._case: unittest.TestCase | None = None
        self.failure: Failure | None = None

    def run(self, number: int) -> Outcome:
        result = HitResult(self._stats)
        try:
            if self._case is None:
                self._case = self._make()
            result.case = self._case
            self._case.run(result)
        except ENDS:
            raise
        except (Exception, SystemExit):  # of the constructor, or of a `run` that the case overrides
            result.note('error', sys.exc_info())  # type: ignore[arg-type]  # there is one
        if result.end is not None:
            raise result.end
        self.failure = result.failure
        return result.outcome

    def close(self) -> None:
        if isinstance(self._case, TestCase):
            self._case.close_clients()

    def _make(self) -> unittest.TestCase:
        case = self._test.case(self._test.method)
        if isinstance(case, TestCase):
            case.report_to(self._recorder)
        return case


class SkippedHits:
    """The hits of a class that skips all its tests, or whose module does."""

    failure: Failure | None = None

    def run(self, number: int) -> Outcome:
        return 'skipped'

    def close(self) -> None:
        """Do nothing: nothing is kept from one hit to the next."""


class HitResult(unittest.TestResult):
    """How one hit ended. Unlike its base class, it does not keep every problem."""

    def __init__(self, stats: TestStats) -> None:
        super().__init__()
        self.case: unittest.TestCase | None = None
        self.outcome: Outcome = 'success'
        #: The exception that ended the user in the middle of the hit.
        self.end: BaseException | None = None
        self.failure: Failure | None = None
        self._stats = stats

    def note(self, kind: Outcome, exc_info: ExcInfo) -> None:
        """Count an exception. An error counts more than a failure for the outcome."""
        if isinstance(exc_info[1], ENDS):
            self.end = exc_info[1]
            return
        if self.outcome != 'error':
            self.outcome = kind
        if self.failure is None and exc_info[1] is not None:
            self.failure = describe_error(exc_info[1])
        self._stats.add_exception(kind, exc_info)

    def addError(self, test: unittest.TestCase, err: ExcInfo) -> None:  # type: ignore[override]  # noqa: N802
        self.note('error', err)

    def addFailure(self, test: unittest.TestCase, err: ExcInfo) -> None:  # type: ignore[override]  # noqa: N802
        self.note('failure', err)

    def addSubTest(  # noqa: N802
        self,
        test: unittest.TestCase,
        subtest: unittest.TestCase,
        err: ExcInfo | None,  # type: ignore[override]
    ) -> None:
        if err is not None:
            self.note('failure' if issubclass(err[0], test.failureException) else 'error', err)

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:  # noqa: N802
        if self.outcome == 'success' and test is self.case:  # not a part of it, from `subTest`
            self.outcome = 'skipped'

    def addExpectedFailure(self, test: unittest.TestCase, err: ExcInfo) -> None:  # type: ignore[override]  # noqa: N802
        """Leave the outcome as it is: this is a success."""

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:  # noqa: N802
        self.outcome = 'failure'
        self._stats.add_problem('failure', 'unexpected success', f'{test.id()} succeeds, unexpectedly', str)
