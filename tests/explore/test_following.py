"""What a fault makes worth trying; ``test_explorer`` has the rules at work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.explore.simulated import make_entry, run_of
from vaurien.explore.following import SHORTEST, find_timeout, follow, pair
from vaurien.explore.learning import learn
from vaurien.explore.model import CONNECTION, Cell, ExploredProxy, Injection, Outcome
from vaurien.explore.planning import Candidate, make_lasting
from vaurien.framing.meaning import Effect
from vaurien.framing.trials import Kind
from vaurien.records.entry import Entry

PROXIES = ExploredProxy(name='api', protocol='tcp'), ExploredProxy(name='cache', protocol='redis')
LEARNED = learn([run_of(make_entry('GET a'), make_entry('GET b'))] * 2)


def make(kind: Kind = Kind.REFUSED, **fields: Any) -> Candidate:
    """Return a fault that was tried."""
    injection = Injection(**{'proxy': 'api', 'request': 'GET a', 'nth': 1, 'kind': kind, **fields})
    return Candidate(injections=(injection,), effect=Effect.READ)


def judge(
    candidate: Candidate, *outcomes: Outcome, entries: Sequence[Entry] = (), seconds: float = 0.1, **fields: Any
) -> Cell:
    return Cell(
        test='test_one',
        injections=candidate.injections,
        effect=candidate.effect,
        where='',
        outcomes=frozenset(outcomes or {Outcome.DECLARED}),
        entries=entries,
        seconds=seconds,
        **fields,
    )


def find(candidate: Candidate, cell: Cell) -> list[str]:
    """Return the faults that follow."""
    return [' and '.join(map(str, each.injections)) for each in follow(candidate, cell, LEARNED, PROXIES)]


def waiting(*times: float) -> list[Entry]:
    """Return exchanges at those times, of which the first gets no reply."""
    first, *others = (make_entry('GET a', time=time) for time in times)
    return [make_entry('GET a', time=first.time, behavior='hang'), *others]


def test_the_timeout_is_the_time_until_the_application_asks_again_or_ends() -> None:
    silent = make(Kind.SILENT)
    assert find_timeout(judge(silent, entries=waiting(1.0, 1.5, 2.5), seconds=9.0), 0.1) == pytest.approx(0.5)
    assert find_timeout(judge(silent, entries=waiting(1.0), seconds=0.6), 0.1) == pytest.approx(0.5)


def test_who_did_not_give_up_or_gave_up_at_once_has_shown_no_timeout() -> None:
    silent = make(Kind.SILENT)
    assert find_timeout(judge(silent, Outcome.HUNG, entries=waiting(1.0, 1.5)), 0.1) is None
    assert find_timeout(judge(silent, entries=waiting(1.0), seconds=0.1 + SHORTEST / 2), 0.1) is None


def test_late_is_just_below_the_timeout_and_just_above() -> None:
    silent = make(Kind.SILENT)
    cell = judge(silent, entries=waiting(1.0, 1.5))
    assert find(silent, cell) == ['api: GET a #1 late(0.4s)', 'api: GET a #1 late(0.6s)']
    late = list(follow(silent, judge(silent, Outcome.HUNG), LEARNED, PROXIES))
    assert [each.objection for each in late] == ['no timeout was seen'] * 2


def test_a_retry_meets_the_fault_once_more_and_for_ever() -> None:
    refused = make()
    cell = judge(refused, entries=[make_entry('GET a', behavior='blackout'), make_entry('GET a'), make_entry('GET b')])
    assert find(refused, cell) == ['api: GET a #1 refused and api: GET a #2 refused', 'api: GET a #1+ refused']


def test_a_fallback_meets_what_its_protocol_has() -> None:
    no = make(Kind.NO, detail='503')
    cell = judge(no, entries=[make_entry('GET a', behavior='error'), make_entry('GET c', proxy='cache')])
    assert find(no, cell) == [
        'api: GET a #1 no(503) and cache: GET c #1 no(LOADING)',
        'api: GET a #1 no(503) and cache: GET c #1+ no(LOADING)',
    ]


def test_a_retry_meets_what_was_said_before() -> None:
    write = make_entry('SET a', proxy='cache', effect=Effect.WRITE)
    learned = learn([run_of(write)] * 2)
    for detail in ('LOADING', 'OOM'):
        no = make(Kind.NO, proxy='cache', request='SET a', detail=detail)
        first, _ = follow(no, judge(no, entries=[write, write]), learned, PROXIES)
        assert [one.detail for one in first.injections] == [detail, detail]


def test_to_roll_back_is_no_fallback() -> None:
    refused = make()
    rollback = make_entry('ROLLBACK', effect=Effect.ROLLBACK)
    assert find(refused, judge(refused, entries=[make_entry('GET a', behavior='blackout'), rollback])) == []


@pytest.mark.parametrize(
    'candidate', [make_lasting(make()), make(Kind.SILENT, request=CONNECTION, for_ever=True), make(Kind.LATE)]
)
def test_what_lasts_is_slow_or_is_for_connections_has_nothing_behind_it(candidate: Candidate) -> None:
    entries = [make_entry('GET a', behavior='blackout'), make_entry('GET a')]
    assert find(candidate, judge(candidate, entries=entries)) == []


def test_nothing_follows_from_a_fault_that_met_no_request() -> None:
    refused = make()
    assert find(refused, judge(refused, Outcome.NOT_HIT, entries=[make_entry('GET a'), make_entry('GET a')])) == []


def test_pairs_are_of_faults_that_had_an_impact_and_were_survived() -> None:
    one, other, retried = make(), make(request='GET b'), make(request='GET c')
    same, wrong, absorbed = make(Kind.HALF), make(request='GET d'), make(request='GET e')
    tried = [
        (one, judge(one)),
        (same, judge(same)),
        (other, judge(other)),
        (retried, judge(retried, Outcome.RETRIED)),
        (wrong, judge(wrong, Outcome.WRONG)),
        (absorbed, judge(absorbed, Outcome.ABSORBED)),
        (make_lasting(one), judge(make_lasting(one))),
    ]
    assert [' and '.join(map(str, each.injections)) for each in pair(tried)] == [
        'api: GET a #1 refused and api: GET b #1 refused',
        'api: GET a #1 refused and api: GET c #1 refused',
        'api: GET a #1 half and api: GET b #1 refused',
        'api: GET a #1 half and api: GET c #1 refused',
        'api: GET b #1 refused and api: GET c #1 refused',
    ]
