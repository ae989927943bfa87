"""What became of a test under a fault."""

from __future__ import annotations

import pytest

from tests.explore.simulated import make_entry, run_of
from vaurien.explore.judging import add_leak, describe, judge
from vaurien.explore.learning import learn
from vaurien.explore.model import Cell, Failure, Injection, Outcome, Run
from vaurien.explore.planning import Candidate
from vaurien.explore.settings import ExploreSettings
from vaurien.framing.meaning import Effect, TransactionState
from vaurien.framing.trials import Kind

GET = make_entry('GET a')
WRITE = make_entry('POST b', effect=Effect.WRITE, repeatable=False)
LEARNED = learn([run_of(GET, WRITE)] * 2)
INJECTION = Injection(proxy='api', request='GET a', nth=1, kind=Kind.REFUSED)
CANDIDATE = Candidate(injections=(INJECTION,), effect=Effect.READ, where='app/a.py:7')
DRIVER_ERROR = ('redis.exceptions.TimeoutError', 'redis.exceptions.RedisError', 'builtins.Exception')


def judged(run: Run, **settings: object) -> Cell:
    return judge('test_a', CANDIDATE, run, LEARNED, ExploreSettings().change(settings))


def outcomes(run: Run, **settings: object) -> set[str]:
    return {outcome.value for outcome in judged(run, **settings).outcomes}


def failed(*, phase: str = 'call', status: int | None = None, kinds: tuple[str, ...] = ()) -> Failure:
    is_assertion = not kinds
    return Failure(phase=phase, status=status, kinds=kinds or ('AssertionError',), is_assertion=is_assertion)


@pytest.mark.parametrize(
    ('failure', 'outcome'),
    [
        (failed(), 'wrong'),
        (failed(phase='teardown'), 'wrong'),
        (failed(status=500), 'wrong'),
        *((failed(status=status), 'declared') for status in (429, 502, 503, 504)),
        (failed(status=503, phase='teardown'), 'wrong'),
        (failed(kinds=DRIVER_ERROR), 'leaked'),
        (failed(kinds=DRIVER_ERROR, phase='teardown'), 'leaked'),
    ],
)
def test_why_a_test_fails_is_what_became_of_it(failure: Failure, outcome: str) -> None:
    assert outcomes(run_of(GET, failure=failure)) == {outcome}


@pytest.mark.parametrize(
    ('allow', 'failure', 'outcome'),
    [
        ([500], failed(status=500), 'declared'),
        ([500], failed(status=503), 'wrong'),
        (['RedisError'], failed(kinds=DRIVER_ERROR), 'declared'),
        (['redis.exceptions.TimeoutError'], failed(kinds=DRIVER_ERROR), 'declared'),
        (['Error'], failed(kinds=DRIVER_ERROR), 'leaked'),
        (['RedisError'], failed(status=503), 'declared'),
    ],
)
def test_settings_say_what_is_declared(allow: list[object], failure: Failure, outcome: str) -> None:
    assert outcomes(run_of(GET, failure=failure), allow=allow) == {outcome}


def test_a_test_that_passes_has_absorbed_the_fault_or_tried_again() -> None:
    assert outcomes(run_of(GET, WRITE)) == {'absorbed'}
    assert outcomes(run_of(GET, GET, WRITE)) == {'retried'}


def test_a_fault_that_met_no_request_says_nothing() -> None:
    assert outcomes(run_of(GET, WRITE, WRITE, hit=False, failure=failed(), left_open=['api'])) == {'not hit'}


def test_a_cell_has_all_outcomes_and_speaks_of_the_worst() -> None:
    cell = judged(run_of(GET, WRITE, WRITE, failure=failed(status=503), left_open=['api']))
    assert cell.outcomes == {Outcome.TWICE, Outcome.RETRIED, Outcome.DECLARED, Outcome.LEAK}
    assert cell.worst is Outcome.TWICE
    assert cell.message == 'POST b at api was carried out 2 times'


def test_a_cell_says_which_fault_was_where() -> None:
    cell = judged(run_of(GET))
    assert (cell.test, cell.injections, cell.effect, cell.where) == ('test_a', (INJECTION,), Effect.READ, 'app/a.py:7')


def test_of_a_run_that_hung_nothing_counts_that_came_of_ending_it() -> None:
    waiting = make_entry('GET a', reply=None)
    cell = judged(Run(seconds=5.5, entries=[waiting], hung=True, failure=failed(), left_open=['api']))
    assert cell.outcomes == {Outcome.HUNG}
    assert cell.message == 'no end within 5.5 s, waiting for GET a at api'


def test_what_is_left_open_is_a_leak() -> None:
    cell = judged(run_of(make_entry('GET a', transaction=TransactionState.OPEN), left_open=['api']))
    assert cell.outcomes == {Outcome.LEAK, Outcome.ABSORBED}
    assert cell.message == 'a transaction is left open at api'


def test_a_transaction_that_is_open_in_the_end_is_no_leak_by_itself() -> None:
    assert outcomes(run_of(make_entry('GET a', transaction=TransactionState.OPEN))) == {'absorbed'}


def test_a_clean_run_that_fails_is_a_leak_and_what_is_worse_stays_the_message() -> None:
    clean = run_of(failure=Failure(phase='call', kinds=('a.Broken',), message='it is gone\nfor ever'))
    leak = 'the next run fails without a fault: Broken: it is gone'
    assert add_leak(judged(run_of(GET)), clean).message == leak
    wrong = add_leak(judged(run_of(failure=failed())), clean)
    assert wrong.outcomes == {Outcome.WRONG, Outcome.LEAK}
    assert wrong.message == 'AssertionError'


def test_a_failure_is_one_line() -> None:
    failure = Failure(phase='call', kinds=('a.b.Broken', 'builtins.Exception'), message=' it is gone\nfor ever')
    assert describe(run_of(failure=failure)) == 'Broken: it is gone'
    assert describe(run_of(failure=Failure(phase='call', message='exit status 1'))) == 'exit status 1'
    odd = Failure(phase='call', message="assert '\udcff\x1b' == ''", is_assertion=True)
    assert describe(run_of(failure=odd)) == "assert '\\udcff\\x1b' == ''"
