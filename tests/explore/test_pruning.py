"""Which faults others make pointless, in one test and in all of them; ``test_explorer`` has the rules at work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from vaurien.explore.model import CONNECTION, Cell, Injection, Outcome
from vaurien.explore.planning import Candidate, make_lasting
from vaurien.explore.pruning import Known, Pruning, may_spare
from vaurien.explore.settings import ExploreSettings
from vaurien.framing.meaning import Effect
from vaurien.framing.trials import Kind


def make(
    kind: Kind = Kind.REFUSED, request: str = 'GET a', effect: Effect = Effect.READ, where: str = '', **fields: Any
) -> Candidate:
    """Return a fault that could be tried."""
    injection = Injection(**{'proxy': 'api', 'request': request, 'nth': 1, 'kind': kind, **fields})
    return Candidate(injections=(injection,), effect=effect, where=where)


def join(*candidates: Candidate) -> Candidate:
    """Return all of them together."""
    return Candidate(injections=tuple(one.first for one in candidates), effect=candidates[0].effect)


def judge(candidate: Candidate, *outcomes: Outcome) -> Cell:
    return Cell(
        test='test_one',
        injections=candidate.injections,
        effect=candidate.effect,
        where=candidate.where,
        outcomes=frozenset(outcomes),
    )


@pytest.fixture(params=['pruning', 'known'])
def objecting(request: pytest.FixtureRequest) -> Callable[..., str]:
    """Give what notes an outcome, and says then what it has against another fault: in that test, or in the next."""

    def find(candidate: Candidate, other: Candidate, *outcomes: Outcome) -> str:
        known = Known()
        pruning = Pruning(known, ExploreSettings())
        pruning.note(candidate, judge(candidate, *outcomes))
        return (pruning if request.param == 'pruning' else Pruning(known, ExploreSettings())).object(other)

    return find


@pytest.mark.parametrize(
    ('candidate', 'other', 'expected'),
    [
        (make_lasting(make()), make(), True),
        (make(), make_lasting(make()), False),
        (join(make(), make(nth=2)), make(), True),
        (make(nth=2), make(), False),
        (make(Kind.SILENT, 'GET b'), make(Kind.SILENT), True),
        (make(Kind.SILENT, proxy='db'), make(Kind.SILENT), False),
        (make(Kind.SILENT), make(Kind.LOST, 'GET b'), False),
    ],
)
def test_what_others_may_make_pointless_waits_for_them(candidate: Candidate, other: Candidate, expected: bool) -> None:
    assert may_spare(candidate, other) is expected


def test_nothing_is_pointless_at_first() -> None:
    assert Pruning(Known(), ExploreSettings()).object(make()) == ''


def test_what_is_planned_with_an_objection_keeps_it() -> None:
    candidate = Candidate(injections=make().injections, effect=Effect.READ, objection='in a loop')
    assert Pruning(Known(), ExploreSettings()).object(candidate) == 'in a loop'
    assert Pruning(Known(), ExploreSettings(skip=('api',))).object(candidate) == 'left out by the settings'


@pytest.mark.parametrize(
    ('hung', 'other', 'objection'),
    [
        (make(Kind.SILENT), make(Kind.SILENT, 'POST b', Effect.WRITE), 'silent at api has hung already'),
        (make(Kind.SILENT), make(Kind.SILENT, proxy='db'), ''),
        (make(Kind.HALF), make(Kind.HALF, 'GET b'), 'half at api has hung already'),
        (make(Kind.HALF), make(Kind.HALF, 'POST b', Effect.WRITE), ''),
        (make(Kind.HALF), make_lasting(make(Kind.HALF, 'GET b')), ''),
    ],
)
def test_what_has_hung_is_not_tried_again_in_any_test(
    objecting: Callable[..., str], hung: Candidate, other: Candidate, objection: str
) -> None:
    assert objecting(hung, other, Outcome.HUNG) == objection


def test_a_connection_is_tried_once_in_all_tests(objecting: Callable[..., str]) -> None:
    connecting = make(request=CONNECTION, for_ever=True)
    assert objecting(connecting, connecting, Outcome.DECLARED) == 'a connection to api once is enough'
    assert objecting(connecting, make(Kind.SILENT, CONNECTION, for_ever=True), Outcome.DECLARED) == ''


def test_silent_at_the_same_line_is_enough_for_all_tests(objecting: Callable[..., str]) -> None:
    silent, other = make(Kind.SILENT, where='a.py:1'), make(Kind.SILENT, 'GET b', where='a.py:1')
    assert objecting(silent, other, Outcome.DECLARED) == 'silent once at the same line is enough'


def test_silent_at_another_line_is_tried_in_another_test_only() -> None:
    known = Known()
    silent, other = make(Kind.SILENT, where='a.py:1'), make(Kind.SILENT, 'GET b', where='b.py:1')
    pruning = Pruning(known, ExploreSettings())
    pruning.note(silent, judge(silent, Outcome.DECLARED))
    assert pruning.object(other) == 'silent once at api is enough'
    assert pruning.object(make(Kind.SILENT, 'POST b', Effect.WRITE)) == ''
    assert Pruning(known, ExploreSettings()).object(other) == ''


def test_a_fault_that_met_no_request_says_nothing(objecting: Callable[..., str]) -> None:
    assert objecting(make(Kind.SILENT), make(Kind.SILENT), Outcome.NOT_HIT) == ''


def test_more_of_what_has_failed_alone_is_not_tried_in_that_test() -> None:
    known = Known()
    pruning = Pruning(known, ExploreSettings())
    failed, other = make(), make(request='GET b')
    pruning.note(failed, judge(failed, Outcome.WRONG))
    for more in (join(failed, other), join(make_lasting(failed), other), make_lasting(failed)):
        assert pruning.object(more) == 'less has failed already'
        assert Pruning(known, ExploreSettings()).object(more) == ''
    assert pruning.object(other) == ''
    assert pruning.object(make_lasting(other)) == ''


def test_a_retry_that_was_wrong_is_tried_for_ever_all_the_same() -> None:
    pruning = Pruning(Known(), ExploreSettings())
    failed = make()
    pruning.note(failed, judge(failed, Outcome.TWICE, Outcome.RETRIED))
    assert pruning.object(make_lasting(failed)) == ''
    assert pruning.object(join(failed, make(request='GET b'))) == 'less has failed already'


def test_more_of_what_was_survived_is_tried() -> None:
    pruning = Pruning(Known(), ExploreSettings())
    survived = make()
    pruning.note(survived, judge(survived, Outcome.DECLARED))
    assert pruning.object(make_lasting(survived)) == ''
