"""What exploring finds out about applications, which are simulated: the rules, and which test fails without each.

Learning
    two clean runs in a row are alike, four at the most       learns_until, is_unstable
    a test that fails by itself is not explored               fails_by_itself
Planning
    the riskiest comes first, what takes long comes last      the_riskiest_first
    of a loop the first, the last and all are tried           of_a_loop, commits_of_different
    lost is for what changes something                        lost_is_refused
    the reply breaks off in its middle, if it has one         breaks_off_in_its_middle
    connections: once for each proxy, in all tests            once_for_each_proxy
    what is left out is named                                 left_out
Pruning
    silent once for each proxy and effect                     silent_once
    … and each line of the application, in all tests          the_same_line
    what has hung is not tried again, in all tests            has_hung
    more of what has failed alone is not tried                less_has_failed
Following
    late just below and just above the client's timeout       late
    … unless there is none                                    no_timeout
    a retry meets the fault once more and for ever            a_retry
    so does a fallback, with what its protocol has            a_fallback
    pairs, on request, of what had an impact                  pairs
    what follows and was planned is tried once                nothing_is_tried_twice
Budget
    runs, and seconds of runs                                 budget_of
    whatever was not tried has its reason                     everything_possible
    also if somebody interrupts                               interrupted
Several jobs
    they run at the same time, clean runs too                 run_at_the_same_time
    what others may make pointless waits for them             waits_for
    each is to blame for its own faults                       its_own_faults
    all end if one cannot go on                               all_jobs_end
Spoilt tests
    a clean run behind wrong, hung, storm, and at the end     clean_runs
    a fault behind which it fails is a leak                   is_a_leak
    the fault is blamed that has spoilt the test              is_blamed
    what came behind it is tried again, in a fresh process    is_tried_again, in_a_fresh_process
    … or not at all                                           stays_spoilt
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from threading import Barrier, BrokenBarrierError, Event
from typing import Any

import pytest

from tests.explore.simulated import FOR_EVER, Broken, Refusal, SimulatedRunner, Status, Wire
from tests.servers import TIMEOUT
from vaurien.explore.explorer import explore
from vaurien.explore.model import Cell, Explored, ExploredProxy, Injection, Outcome
from vaurien.explore.pruning import Known
from vaurien.explore.settings import ExploreSettings

#: What clients raise.
FAILURES = (Broken, Refusal, TimeoutError)

Test = Callable[[Wire], None]


class Exploration:
    """An exploration that is over, and what is asked of it."""

    def __init__(
        self,
        test: Test,
        *proxies: ExploredProxy,
        known: Known | None = None,
        renew: Callable[[], bool] = lambda: False,
        **settings: Any,
    ) -> None:
        self.runner = SimulatedRunner(test, *proxies, renew=renew)
        self.explored = Explored(test=self.runner.test)
        self.yielded = list(explore(self.runner, ExploreSettings().change(settings), self.explored, known))
        self.cells = {name(*cell.injections): cell for cell in self.explored.cells}
        self.untried = {name(one.injection, *one.also): one.reason for one in self.explored.untried}

    def outcomes(self, fault: str) -> set[str]:
        return {outcome.value for outcome in self.cells[fault].outcomes}

    @property
    def order(self) -> list[str]:
        return list(self.cells)


def name(*injections: Injection) -> str:
    return ' and '.join(map(str, injections))


def guarded(*requests: str, timeout: float = 1.0, **fields: Any) -> Test:
    """Return a test of an application that makes those requests, and is unavailable if one of them fails."""

    def test(wire: Wire) -> None:
        try:
            for request in requests:
                wire.ask('api', request, timeout=timeout, **fields)
        except FAILURES:
            raise Status(503) from None

    return test


def retrying(*, tries: int = 3, pause: float = 0.1, request: str = 'POST /charge') -> Test:
    def test(wire: Wire) -> None:
        for attempt in range(tries):
            with suppress(*FAILURES):
                return wire.ask('api', request, timeout=1.0)
            if attempt < tries - 1:
                wire.sleep(pause)
        raise Status(503)

    return test


# Outcomes, from end to end


def test_a_sound_application_declares_or_absorbs_whatever_happens() -> None:
    found = Exploration(guarded('GET /stock', 'POST /charge'))
    assert {outcome for cell in found.explored.cells for outcome in cell.outcomes} == {
        Outcome.DECLARED,
        Outcome.ABSORBED,
    }


def test_a_retry_of_what_must_not_come_twice_is_twice() -> None:
    found = Exploration(retrying())
    assert found.outcomes('api: POST /charge #1 lost') == {'twice', 'retried'}
    assert found.outcomes('api: POST /charge #1 refused') == {'retried'}


def test_a_swallowed_error_is_wrong() -> None:
    def swallowing(wire: Wire) -> None:
        sent = False
        with suppress(*FAILURES):
            wire.ask('api', 'POST /mail', timeout=1.0)
            sent = True
        assert sent

    assert Exploration(swallowing).outcomes('api: POST /mail #1 refused') == {'wrong'}


def test_what_the_driver_raises_has_leaked() -> None:
    found = Exploration(lambda wire: wire.ask('api', 'GET a'))
    assert found.outcomes('api: GET a #1 refused') == {'leaked'}


def test_endless_retries_are_a_storm() -> None:
    found = Exploration(retrying(tries=20, pause=0.0))
    assert found.outcomes('api: POST /charge #1+ refused') == {'storm', 'retried', 'declared'}


def test_who_waits_for_ever_has_hung() -> None:
    found = Exploration(guarded('GET a', timeout=FOR_EVER))
    assert found.outcomes('api: GET a #1 silent') == {'hung'}
    assert found.cells['api: GET a #1 silent'].message.endswith('waiting for GET a at api')


def test_a_limit_of_the_settings_is_that_of_all_runs() -> None:
    found = Exploration(guarded('GET a', timeout=FOR_EVER), limit=2)
    assert found.cells['api: GET a #1 silent'].seconds == 2


# Learning


def test_a_test_is_learnt_until_two_runs_are_alike() -> None:
    runs = []

    def warming_up(wire: Wire) -> None:
        runs.append(wire)
        if len(runs) == 1:
            wire.ask('api', 'PREPARE', timeout=1.0)
        guarded('GET a')(wire)

    found = Exploration(warming_up, max=0)
    assert found.explored.is_stable
    assert found.runner.runs == [()] * 3
    assert [str(point) for point in found.explored.points] == ['api · GET a · 1']


def test_a_test_that_is_never_twice_the_same_is_unstable_and_explored_by_class() -> None:
    runs = []

    def wandering(wire: Wire) -> None:
        runs.append(wire)
        guarded(f'GET {"abcdefghijklmnopqrstuvwxyz"[len(runs) % 26]}', exchange=1)(wire)

    found = Exploration(wandering, faults=['refused'])
    assert not found.explored.is_stable
    assert found.runner.runs[:4] == [()] * 4
    assert found.order == ['api: (connect) #1+ refused', 'api: GET * #1 refused', 'api: GET * #1+ refused']
    assert {outcome for cell in found.explored.cells for outcome in cell.outcomes} == {Outcome.DECLARED}
    assert 'api: (connect) #1+ refused' not in found.untried


def test_a_test_that_fails_by_itself_is_not_explored() -> None:
    def failing(wire: Wire) -> None:
        raise Status(404)

    found = Exploration(failing)
    assert found.explored.problem == 'it fails without a fault: Status: assert 404 == 200'
    assert found.runner.runs == [()]


# Planning


def test_the_riskiest_is_tried_first_and_what_takes_long_last() -> None:
    found = Exploration(guarded('GET a', 'POST b'), faults=['refused', 'lost', 'half', 'silent', 'late'])
    assert found.order == [
        'api: POST b #1 lost',
        'api: POST b #1 half(50 bytes)',
        'api: POST b #1 refused',
        'api: GET a #1 refused',
        'api: GET a #1 half(50 bytes)',
        'api: GET a #1 silent',
        'api: GET a #1 late(0.8s)',
        'api: GET a #1 late(1.2s)',
        'api: POST b #1 silent',
        'api: POST b #1 late(0.8s)',
        'api: POST b #1 late(1.2s)',
    ]


def absorbing(*requests: str, proxy: str = 'api', **fields: Any) -> Test:
    """Return a test of an application that makes those requests, whatever becomes of each."""

    def test(wire: Wire) -> None:
        for request in requests:
            with suppress(*FAILURES):
                wire.ask(proxy, request, timeout=1.0, **fields)

    return test


def test_of_a_loop_the_first_the_last_and_all_are_tried() -> None:
    found = Exploration(absorbing(*['GET a'] * 4), faults=['half'])
    assert 'api: GET a #1+ silent' not in found.untried
    assert found.order == [
        'api: GET a #1 half(50 bytes)',
        'api: GET a #1+ half(50 bytes)',
        'api: GET a #4 half(50 bytes)',
    ]
    assert found.untried['api: GET a #2 half(50 bytes)'] == 'the first, the last and all of a loop are enough'
    assert 'api: GET a #3 half(50 bytes)' in found.untried


def test_what_different_lines_ask_for_is_no_loop() -> None:
    def test(wire: Wire) -> None:
        for line in range(3):
            guarded('GET a', where=f'app.py:{line}')(wire)

    found = Exploration(test, faults=['refused'])
    assert found.order == [f'api: GET a #{number} refused' for number in (1, 2, 3)]


def test_commits_of_different_writes_are_no_loop() -> None:
    found = Exploration(guarded('INSERT a', 'COMMIT', 'INSERT b', 'COMMIT', 'INSERT c', 'COMMIT'), faults=['lost'])
    assert {f'api: COMMIT #{number} lost' for number in (1, 2, 3)} < set(found.order)


def test_what_a_protocol_has_for_writes_is_not_tried_on_reads() -> None:
    found = Exploration(guarded('GET a', 'POST b'), ExploredProxy(name='api', protocol='http'), faults=['no'])
    assert found.order == ['api: POST b #1 no(503)', 'api: POST b #1 no(500)', 'api: GET a #1 no(503)']
    assert not [fault for fault in found.untried if 'no(' in fault]


def test_where_nothing_is_changed_lost_is_refused() -> None:
    found = Exploration(guarded('GET a'))
    assert found.untried['api: GET a #1 lost'] == 'refused is the same where nothing is changed'


def test_a_reply_breaks_off_in_its_middle_if_it_has_one() -> None:
    assert Exploration(guarded('GET a', middle=7), faults=['half']).order == ['api: GET a #1 half(7 bytes)']
    nothing = Exploration(guarded('GET a', middle=0), faults=['half'])
    assert not nothing.order
    assert not [fault for fault in nothing.untried if 'half' in fault]


def test_connections_are_tried_once_for_each_proxy_in_all_tests() -> None:
    known = Known()
    first = Exploration(guarded('GET a', 'GET b', exchange=1), known=known)
    assert first.outcomes('api: (connect) #1+ refused') == {'declared'}
    assert not [fault for fault in (*first.order, *first.untried) if '(connect)' in fault and 'late' in fault]
    second = Exploration(guarded('GET c', exchange=1), known=known)
    assert second.untried['api: (connect) #1+ refused'] == 'a connection to api once is enough'
    assert not [fault for fault in Exploration(guarded('GET a')).order if '(connect)' in fault]


def test_what_the_settings_leave_out_is_named() -> None:
    found = Exploration(guarded('GET /health', 'GET /stock'), skip=['api: GET /health*', 'db'], faults=['refused'])
    assert found.order == ['api: GET /stock #1 refused']
    assert found.untried['api: GET /health #1 refused'] == 'left out by the settings'
    assert found.untried['api: GET /stock #1 silent'] == 'left out by the settings'


# Pruning


def test_silent_once_for_each_proxy_and_effect_is_enough() -> None:
    found = Exploration(guarded('GET a', 'GET b', 'POST c', 'POST d'), faults=['silent'])
    assert found.order == ['api: GET a #1 silent', 'api: POST c #1 silent']
    assert found.untried['api: GET b #1 silent'] == 'silent once at api is enough'


def test_silent_once_at_the_same_line_is_enough_for_all_tests() -> None:
    known = Known()
    Exploration(guarded('GET a', where='a.py:1'), known=known)
    found = Exploration(guarded('GET b', where='a.py:1'), known=known)
    assert found.untried['api: GET b #1 silent'] == 'silent once at the same line is enough'
    assert 'api: GET b #1 silent' in Exploration(guarded('GET b', where='b.py:1'), known=known).order


def test_a_fault_that_met_no_request_says_nothing_about_others() -> None:
    runs = []

    def fleeting(wire: Wire) -> None:
        runs.append(wire)
        if len(runs) <= 2:
            guarded('GET a', where='a.py:1')(wire)
        else:
            wire.sleep(1.0)
        guarded('GET b', where='b.py:1')(wire)

    known = Known()
    found = Exploration(fleeting, known=known, faults=['silent', 'late'])
    assert found.outcomes('api: GET a #1 silent') == {'not hit'}
    assert found.order[1] == 'api: GET b #1 silent'
    assert 'api: GET a #1 silent' in Exploration(guarded('GET a', where='a.py:1'), known=known).order


def test_what_has_hung_is_not_tried_again_in_any_test() -> None:
    known = Known()
    first = Exploration(guarded('GET a', 'POST b', timeout=FOR_EVER), known=known, faults=['silent'])
    assert first.untried['api: POST b #1 silent'] == 'silent at api has hung already'
    second = Exploration(guarded('GET c', timeout=FOR_EVER), known=known, faults=['silent'])
    assert second.untried['api: GET c #1 silent'] == 'silent at api has hung already'


def test_a_retry_that_never_ends_does_not_keep_other_faults_from_being_tried() -> None:
    def stubborn(wire: Wire) -> None:
        for request in ('POST a', 'POST b', 'GET c'):
            while True:
                with suppress(*FAILURES):
                    wire.ask('api', request, timeout=1.0)
                    break
                wire.sleep(0.5)

    found = Exploration(stubborn, faults=['refused'])
    assert found.outcomes('api: POST a #1 refused') == found.outcomes('api: POST b #1 refused') == {'retried'}
    assert 'hung' in found.outcomes('api: POST a #1+ refused')
    assert found.untried['api: POST b #1+ refused'] == 'refused at api has hung already'
    assert 'hung' in found.outcomes('api: GET c #1+ refused')


def test_more_is_not_tried_where_less_has_failed_alone() -> None:
    def loop(wire: Wire) -> None:
        for _ in range(2):
            wire.ask('api', 'GET a')

    found = Exploration(loop, faults=['refused'])
    assert found.order == ['api: GET a #1 refused', 'api: GET a #2 refused']
    assert found.untried['api: GET a #1+ refused'] == 'less has failed already'


# Following


def test_a_reply_is_late_just_below_and_just_above_the_timeout_of_the_client() -> None:
    found = Exploration(guarded('GET a', 'GET b', timeout=0.5))
    assert found.outcomes('api: GET a #1 late(0.4s)') == {'absorbed'}
    assert found.outcomes('api: GET a #1 late(0.6s)') == {'declared'}


def test_the_timeout_of_a_client_that_tries_again_is_that_of_one_try() -> None:
    found = Exploration(retrying(tries=3, pause=0.25))
    assert found.outcomes('api: POST /charge #1 late(1s)') == {'absorbed'}
    assert found.outcomes('api: POST /charge #1 late(1.5s)') == {'twice', 'retried'}


def test_a_timeout_is_seen_even_if_a_clean_run_was_slow() -> None:
    runs = []

    def slow_once(wire: Wire) -> None:
        runs.append(wire)
        if len(runs) == 2:
            wire.sleep(3.0)
        guarded('GET a', timeout=0.5)(wire)

    assert 'api: GET a #1 late(0.4s)' in Exploration(slow_once).order


def test_nothing_is_late_where_no_timeout_was_seen() -> None:
    found = Exploration(guarded('GET a', timeout=FOR_EVER))
    assert found.untried['api: GET a #1 late'] == 'no timeout was seen'


def test_a_retry_meets_the_same_fault_once_more_and_for_ever() -> None:
    found = Exploration(retrying(tries=3, request='GET a'), faults=['refused'])
    assert found.order == [
        'api: GET a #1 refused',
        'api: GET a #1 refused and api: GET a #2 refused',
        'api: GET a #1+ refused',
    ]
    assert found.outcomes('api: GET a #1+ refused') == {'declared', 'retried'}


def test_of_a_transaction_that_is_tried_again_the_same_request_meets_the_fault_again() -> None:
    def again(wire: Wire) -> None:
        for _ in range(3):
            with suppress(*FAILURES):
                for request in ('BEGIN', 'INSERT a', 'COMMIT'):
                    wire.ask('api', request, timeout=1.0)
                return
        raise Status(503)

    found = Exploration(again, faults=['lost'])
    assert found.untried['api: COMMIT #1 lost and api: COMMIT #2 lost'] == 'less has failed already'
    assert 'api: COMMIT #1+ lost' in found.order
    assert 'api: INSERT a #1 lost and api: INSERT a #2 lost' in found.order
    assert not [fault for fault in found.untried if 'INSERT' in fault and 'COMMIT' in fault]


def test_a_fallback_meets_the_fault_too_with_what_its_protocol_has() -> None:
    http, redis = ExploredProxy(name='api', protocol='http'), ExploredProxy(name='cache', protocol='redis')

    def falling_back(wire: Wire) -> None:
        try:
            wire.ask('api', 'GET a', timeout=1.0)
        except FAILURES:
            wire.ask('cache', 'GET b', timeout=1.0)

    found = Exploration(falling_back, http, redis, faults=['no', 'refused'])
    assert found.outcomes('api: GET a #1 refused and cache: GET b #1 refused') == {'leaked'}
    assert found.outcomes('api: GET a #1 no(503) and cache: GET b #1 no(LOADING)') == {'leaked'}
    assert found.untried['api: GET a #1 refused and cache: GET b #1+ refused'] == 'less has failed already'


def test_a_fallback_at_a_proxy_that_is_left_out_is_not_tried() -> None:
    def falling_back(wire: Wire) -> None:
        try:
            wire.ask('api', 'GET a', timeout=1.0)
        except FAILURES:
            wire.ask('db', 'GET b', timeout=1.0)

    found = Exploration(falling_back, skip=['db'], faults=['refused'])
    assert found.untried['api: GET a #1 refused and db: GET b #1 refused'] == 'left out by the settings'


def test_pairs_are_tried_on_request_of_faults_that_had_an_impact() -> None:
    def test(wire: Wire) -> None:
        absorbing('GET a')(wire)
        retrying(request='GET b')(wire)
        retrying(request='GET c')(wire)

    found = Exploration(test, faults=['refused'], depth=2)
    pairs = [fault for fault in found.order if 'GET b' in fault and 'GET c' in fault]
    assert pairs == ['api: GET b #1 refused and api: GET c #1 refused']
    assert not [fault for fault in found.order if 'GET a' in fault and ' and ' in fault]
    assert ' and '.join(pairs) not in Exploration(test, faults=['refused']).order


# Budget


def test_the_budget_of_runs_is_kept_and_what_is_left_is_named() -> None:
    found = Exploration(guarded('GET a', 'POST b'), max=2)
    assert len(found.order) == 2
    assert found.untried['api: GET a #1 refused'] == 'out of budget'


def test_the_budget_of_seconds_is_kept() -> None:
    found = Exploration(guarded('GET a', 'GET b', timeout=1.0), faults=['silent'], seconds=0.5)
    assert found.order == ['api: GET a #1 silent']
    assert found.untried['api: GET a #1 late(0.8s)'] == 'out of budget'


@pytest.mark.parametrize('settings', [{}, {'max': 3}, {'faults': ['refused']}, {'skip': ['api']}])
def test_everything_possible_is_tried_or_has_its_reason(settings: dict[str, Any]) -> None:
    test = guarded('GET a', 'POST b', 'COMMIT')
    everything = {*Exploration(test).cells, *Exploration(test).untried}
    found = Exploration(test, **settings)
    assert {fault for fault in everything if 'late' not in fault} <= {*found.cells, *found.untried}
    assert all(found.untried.values())
    assert not set(found.cells) & set(found.untried)


def test_what_was_not_tried_is_known_if_somebody_interrupts() -> None:
    test = guarded('GET a', 'POST b')

    def interrupted(wire: Wire) -> None:
        if len(runner.runs) > 5:
            raise KeyboardInterrupt
        test(wire)

    runner = SimulatedRunner(interrupted)
    explored = Explored(test=runner.test)
    with pytest.raises(KeyboardInterrupt):
        list(explore(runner, ExploreSettings(), explored))
    assert len(explored.cells) == 3
    assert {one.reason for one in explored.untried} == {'interrupted', 'refused is the same where nothing is changed'}
    everything = Exploration(test, faults=['refused', 'lost', 'half', 'silent', 'no'])
    known = [name(*cell.injections) for cell in explored.cells]
    known += [name(one.injection) for one in explored.untried]
    assert sorted(known) == sorted(fault for fault in (*everything.order, *everything.untried) if 'late' not in fault)


def test_nothing_is_tried_twice() -> None:
    def test(wire: Wire) -> None:
        for _ in range(2):
            retrying(request='POST a')(wire)

    found = Exploration(test, faults=['refused', 'lost'])
    tried = [faults for faults in found.runner.runs if faults]
    assert ('api: POST a #1+ refused',) in tried
    assert sorted(set(tried)) == sorted(tried)


# Several jobs


def explore_beside(*tests: Test, **settings: Any) -> tuple[Explored, Iterator[Cell]]:
    """Return what is known of an exploration with a job for each of *tests*, and the cells that come of it."""
    first, *others = map(SimulatedRunner, tests)
    explored = Explored(test=first.test)
    return explored, explore(first, ExploreSettings().change(settings), explored, others=others)


def find_letters(explored: Explored) -> dict[str, str]:
    return {name(*cell.injections): cell.worst.letter for cell in explored.cells}


def test_jobs_run_at_the_same_time_and_find_what_one_finds() -> None:
    test = guarded('GET a', 'POST b', 'COMMIT')
    barriers = {'clean': Barrier(2), 'faulty': Barrier(2)}
    met: set[str] = set()

    def meeting(wire: Wire) -> None:
        kind = 'faulty' if wire.faults else 'clean'
        with suppress(BrokenBarrierError):  # it has served
            barriers[kind].wait(TIMEOUT)
            met.add(kind)
            barriers[kind].abort()
        test(wire)

    explored, cells = explore_beside(meeting, meeting)
    assert len(list(cells)) == len(explored.cells)
    assert met == set(barriers)
    alone = Exploration(test)
    assert find_letters(explored) == find_letters(alone.explored)
    assert {name(one.injection, *one.also): one.reason for one in explored.untried} == alone.untried


def test_what_may_become_pointless_waits_for_another_job() -> None:
    has_begun = Event()

    def test(wire: Wire) -> None:
        if wire.faults == ('api: POST a #1 refused',):
            assert has_begun.wait(TIMEOUT)
        elif wire.faults:
            has_begun.set()
        for _ in range(3):
            wire.ask('api', 'POST a')

    explored, cells = explore_beside(test, test, faults=['refused'])
    assert 'api: POST a #3 refused' in [name(*cell.injections) for cell in cells]
    reasons = {name(one.injection): one.reason for one in explored.untried}
    assert reasons['api: POST a #1+ refused'] == 'less has failed already'


def test_a_job_is_blamed_for_its_own_faults_alone() -> None:
    has_come = Event()

    def make_test() -> Test:
        broken: list[str] = []

        def test(wire: Wire) -> None:
            assert not broken
            wire.ask('api', 'GET before')
            if 'api: GET a #1 refused' in wire.faults:
                assert has_come.wait(TIMEOUT)
            absorbing('GET a')(wire)
            if 'api: GET b #1 refused' in wire.faults:
                broken.append('b')
            absorbing('GET b')(wire)

        return test

    explored, cells = explore_beside(make_test(), make_test(), faults=['refused'], skip=['api: GET before'])
    for cell in cells:
        if name(*cell.injections) == 'api: GET b #1 refused':
            has_come.set()
    assert find_letters(explored) == {'api: GET b #1 refused': 'K', 'api: GET a #1 refused': '.'}


def test_all_jobs_end_if_one_cannot_go_on() -> None:
    test = guarded('GET a', 'POST b')

    def interrupted(wire: Wire) -> None:
        if wire.faults:
            raise KeyboardInterrupt
        test(wire)

    explored, cells = explore_beside(interrupted, test)
    with pytest.raises(KeyboardInterrupt):
        list(cells)
    assert 'interrupted' in {one.reason for one in explored.untried}
    assert not {name(one.injection) for one in explored.untried} & set(find_letters(explored))


# Spoilt tests


def test_clean_runs_come_behind_what_is_suspicious_and_at_the_end() -> None:
    def test(wire: Wire) -> None:
        guarded('GET a')(wire)
        absorbing('GET b')(wire)
        assert wire.entries[-1].reply or wire.entries[-1].behavior != 'half'

    found = Exploration(test, faults=['refused', 'half'])
    assert found.runner.runs == [
        (),
        (),
        ('api: GET a #1 refused',),
        ('api: GET a #1 half(50 bytes)',),
        ('api: GET b #1 refused',),
        ('api: GET b #1 half(50 bytes)',),
        (),
        # At the end there was one already.
    ]
    assert found.outcomes('api: GET b #1 half(50 bytes)') == {'wrong'}
    assert Exploration(guarded('GET a'), faults=['refused']).runner.runs == [(), (), ('api: GET a #1 refused',), ()]


class Keeping:
    """An application that keeps what a fault has broken, for some runs."""

    def __init__(self, runs: float = FOR_EVER) -> None:
        self._broken_runs = runs
        self.left = 0.0

    def __call__(self, wire: Wire) -> None:
        guarded('GET rates')(wire)
        if self.left:
            self.left -= 1
            raise Status(503)
        try:
            wire.ask('db', 'SELECT a', timeout=1.0)
        except FAILURES:
            self.left = self._broken_runs
            raise Status(503) from None
        guarded('GET offers')(wire)

    def renew(self) -> bool:
        """Begin anew."""
        self.left = 0.0
        return True


def test_a_fault_behind_which_a_clean_run_fails_is_a_leak() -> None:
    found = Exploration(Keeping(runs=1), skip=['api'], faults=['refused'])
    assert found.outcomes('db: SELECT a #1 refused') == {'declared', 'leak'}
    assert found.cells['db: SELECT a #1 refused'].message == (
        'the next run fails without a fault: Status: assert 503 == 200'
    )
    assert [cell.outcomes for cell in found.yielded][-1] == found.explored.cells[-1].outcomes
    assert len(found.yielded) == 2


def test_the_fault_is_blamed_that_has_spoilt_the_test() -> None:
    found = Exploration(Keeping(runs=2), faults=['refused'])
    assert found.outcomes('api: GET rates #1 refused') == {'declared'}
    assert found.outcomes('db: SELECT a #1 refused') == {'declared', 'leak'}


def test_what_came_behind_it_is_tried_again() -> None:
    found = Exploration(Keeping(runs=2), faults=['refused'])
    assert found.outcomes('api: GET offers #1 refused') == {'declared'}
    assert found.runner.runs[-4:] == [(), (), ('api: GET offers #1 refused',), ()]


def test_the_rest_is_tried_in_a_fresh_process() -> None:
    app = Keeping()
    found = Exploration(app, faults=['refused'], renew=app.renew)
    assert found.outcomes('db: SELECT a #1 refused') == {'declared', 'leak'}
    assert found.outcomes('api: GET offers #1 refused') == {'declared'}


def test_nothing_more_is_tried_on_a_test_that_stays_spoilt() -> None:
    found = Exploration(Keeping(), faults=['refused'])
    assert found.order == ['api: GET rates #1 refused', 'db: SELECT a #1 refused']
    assert found.outcomes('db: SELECT a #1 refused') == {'declared', 'leak'}
    assert found.untried['api: GET offers #1 refused'] == 'the test fails without a fault by now'


def test_a_lock_that_stays_is_blamed_on_the_fault_that_left_it() -> None:
    locked = False

    def locking(wire: Wire) -> None:
        nonlocal locked
        if locked:
            raise Status(409)
        locked = True
        guarded('POST a', 'POST b')(wire)
        locked = False

    def unlock() -> bool:
        nonlocal locked
        locked = False
        return True

    found = Exploration(locking, faults=['lost'], renew=unlock)
    assert [found.outcomes(fault) for fault in found.order] == [{'declared', 'leak'}] * 2


def test_a_run_that_had_to_be_ended_is_not_a_leak_too() -> None:
    broken = 0

    def hanging(wire: Wire) -> None:
        nonlocal broken
        if broken:
            broken -= 1
            raise Broken
        broken = 1
        guarded('GET a', timeout=FOR_EVER)(wire)
        broken = 0

    assert Exploration(hanging, faults=['silent']).outcomes('api: GET a #1 silent') == {'hung'}


def test_a_wrong_run_that_spoils_the_test_is_wrong_and_a_leak() -> None:
    spoilt = False

    def test(wire: Wire) -> None:
        nonlocal spoilt
        assert not spoilt
        spoilt = True
        with suppress(*FAILURES):
            wire.ask('api', 'POST a', timeout=1.0)
            spoilt = False
        assert not spoilt

    found = Exploration(test, faults=['refused'])
    assert found.outcomes('api: POST a #1 refused') == {'wrong', 'leak'}
