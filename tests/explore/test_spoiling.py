"""Which fault has spoilt a test for later runs; ``test_explorer`` has the rules at work."""

from __future__ import annotations

import pytest

from tests.explore.simulated import run_of
from vaurien.explore.model import Cell, Failure, Outcome, Run
from vaurien.explore.spoiling import is_suspicious, is_void
from vaurien.framing.meaning import Effect

PASSED = run_of()
HUNG = run_of(hung=True)
#: One that did not come as far as its fault.
EARLY = run_of(failure=Failure(phase='call', message='no connection 1'), hit=False)
LATER = run_of(failure=Failure(phase='call', message='no connection 2'))
OTHER = run_of(failure=Failure(phase='call', message='no stock'))


@pytest.mark.parametrize(
    ('run', 'outcomes', 'expected'),
    [
        (PASSED, {Outcome.ABSORBED}, False),
        (OTHER, {Outcome.DECLARED}, False),
        (OTHER, {Outcome.WRONG}, True),
        (HUNG, {Outcome.HUNG}, True),
        (PASSED, {Outcome.RETRIED, Outcome.STORM}, True),
        (EARLY, {Outcome.NOT_HIT}, True),
        (run_of(hit=False), {Outcome.NOT_HIT}, False),
    ],
)
def test_a_clean_run_is_needed_behind_what_is_suspicious(run: Run, outcomes: set[Outcome], expected: bool) -> None:
    cell = Cell(test='test_one', injections=(), effect=Effect.READ, where='', outcomes=frozenset(outcomes))
    assert is_suspicious(run, cell) is expected


@pytest.mark.parametrize(
    ('run', 'before', 'expected'),
    [
        (EARLY, LATER, True),  # the test was spoilt before it came to its fault
        (LATER, OTHER, True),  # it fails as the clean run does, but for a number
        (LATER, None, False),  # a clean run came before, so this fault has done it
        (LATER, PASSED, False),
        (OTHER, LATER, False),
        (HUNG, LATER, False),
    ],
)
def test_a_run_is_void_if_the_one_before_has_spoilt_the_test(run: Run, before: Run | None, expected: bool) -> None:
    assert is_void(run, LATER, before) is expected
