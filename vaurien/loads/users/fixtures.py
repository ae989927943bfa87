"""``setUpModule`` and ``setUpClass``: once for a process, before its first user comes, and undone after its last."""

from __future__ import annotations

import sys
import traceback
import unittest
from collections.abc import Callable

from vaurien.errors import SetupError
from vaurien.loads.discovery import FoundTest


class Fixtures:
    """Those of one test."""

    def __init__(self, test: FoundTest) -> None:
        #: Whether module or class skip all their tests.
        self.skipped = False
        self._case = test.case
        self._module = sys.modules[test.case.__module__]
        self._undo: list[Callable[[], object]] = []

    def set_up(self) -> None:
        """Set up module and class; raises `SetupError`, with everything undone."""
        case = self._case
        if getattr(case, '__unittest_skip__', False):  # each run of the test says so
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
        except (Exception, SystemExit) as error:  # whatever somebody's set-up raises
            details = traceback.format_exc()
            self.tear_down()
            raise SetupError(f'setting up {case.__qualname__} failed: {error!r}', details) from None

    def tear_down(self) -> list[str]:
        """Undo it, as far as that goes; tracebacks of what does not."""
        failures = []
        while self._undo:
            try:
                self._undo.pop()()
            except (Exception, SystemExit):  # whatever somebody's tear-down raises
                failures.append(traceback.format_exc())
        failures += [
            ''.join(traceback.format_exception(*exc_info))
            for exc_info in getattr(self._case, 'tearDown_exceptions', [])
        ]
        return failures


def _call(function: Callable[[], object] | None) -> None:
    if function is not None:
        function()
