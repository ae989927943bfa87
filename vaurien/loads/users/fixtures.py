"""``setUpModule`` and ``setUpClass``, which run once in a process, and their tear-downs."""

from __future__ import annotations

import sys
import traceback
import unittest
from collections.abc import Callable

from vaurien.errors import SetupError
from vaurien.loads.discovery import FoundTest


class Fixtures:
    """The fixtures of one test."""

    def __init__(self, test: FoundTest) -> None:
        #: Whether the module or the class skips all its tests.
        self.skipped = False
        self._case = test.case
        self._module = sys.modules[test.case.__module__]
        self._undo: list[Callable[[], object]] = []

    def set_up(self) -> None:
        """Set up the module and the class. If that fails, undo it and raise `SetupError`."""
        case = self._case
        if getattr(case, '__unittest_skip__', False):  # each run of the test will skip
            return
        try:
            self._undo.append(unittest.case.doModuleCleanups)
            _call(getattr(self._module, 'setUpModule', None))
            self._undo.append(lambda: _call(getattr(self._module, 'tearDownModule', None)))
            self._undo.append(case.doClassCleanups)
            case.setUpClass()
            self._undo.append(case.tearDownClass)
        except unittest.SkipTest:
            self.skipped = True
        except (Exception, SystemExit) as error:  # a set-up may raise anything
            details = traceback.format_exc()
            self.tear_down()
            raise SetupError(f'setting up {case.__qualname__} failed: {error!r}', details) from None

    def tear_down(self) -> list[str]:
        """Undo `set_up`, and return the tracebacks of the steps that failed."""
        failures = []
        while self._undo:
            try:
                self._undo.pop()()
            except (Exception, SystemExit):  # a tear-down may raise anything
                failures.append(traceback.format_exc())
        failures += [
            ''.join(traceback.format_exception(*exc_info))
            for exc_info in getattr(self._case, 'tearDown_exceptions', [])
        ]
        return failures


def _call(function: Callable[[], object] | None) -> None:
    if function is not None:
        function()
