"""A fault that somebody wants to see again belongs to the request that clean runs have shown."""

from __future__ import annotations

import pytest

from tests.explore.simulated import make_entry, run_of
from vaurien.errors import ConfigError
from vaurien.explore.judging import judge
from vaurien.explore.learning import learn
from vaurien.explore.model import Explored, ExploredProxy, Injection
from vaurien.explore.replaying import check_all_proxies, describe_missed, find_candidate
from vaurien.explore.settings import ExploreSettings
from vaurien.framing.meaning import Effect

LEARNED = learn([run_of(make_entry('GET a', where='a.py:1'), make_entry('GET a', where='a.py:2'))] * 2)


def test_it_is_asked_for_where_its_request_is() -> None:
    again = Injection.parse('api: GET a #2 lost')
    candidate = find_candidate([again], LEARNED)
    assert (candidate.injections, candidate.effect, candidate.where) == ((again,), Effect.READ, 'a.py:2')


def test_of_several_the_first_that_is_known_says_where() -> None:
    retry, first = Injection.parse('api: GET a #3 lost'), Injection.parse('api: GET a #1 lost')
    candidate = find_candidate([retry, first], LEARNED)
    assert (candidate.injections, candidate.where) == ((retry, first), 'a.py:1')


def test_one_that_comes_only_under_a_fault_may_be_a_write() -> None:
    candidate = find_candidate([Injection.parse('api: GET a #3 lost')], LEARNED)
    assert (candidate.effect, candidate.where) == (Effect.WRITE, '')


def explored(proxy: str, *faults: Injection, hit: bool = True) -> Explored:
    """Return what is known of a test with that proxy that was run with those faults."""
    run = run_of(make_entry('GET a'))
    run.hit = hit
    cells = [judge('t', find_candidate(faults, LEARNED), run, LEARNED, ExploreSettings())] if faults else []
    proxies = [ExploredProxy(name=proxy, protocol='http')]
    return Explored(test='t', proxies=proxies, points=LEARNED.points, cells=cells, times=[0.1])


def test_one_test_with_the_proxy_is_enough() -> None:
    fault = Injection.parse('api: GET a #1 lost')
    check_all_proxies([fault], [explored('other'), explored('api')])
    with pytest.raises(ConfigError, match=r"^there is no proxy 'api', did you mean 'apo'\?"):
        check_all_proxies([fault], [explored('apo')])
    # It may be that of the one which could not be explored.
    check_all_proxies([fault], [explored('other'), Explored(test='t', problem='it fails')])


def test_faults_that_meet_no_request_are_said() -> None:
    known, mistyped = Injection.parse('api: GET a #9 lost'), Injection.parse('api: GTE a #1 lost')
    assert describe_missed([known], [explored('api', known), explored('api', known, hit=False)]) == ''
    assert describe_missed([known], [explored('api', known, hit=False)]) == f'{str(known)!r} has met no request'
    assert describe_missed([mistyped], [explored('api', mistyped, hit=False)]) == (
        f"{str(mistyped)!r} has met no request: did you mean 'GET a'?"
    )
    assert describe_missed([known, known], [explored('api', known, hit=False)]).endswith('by all of their requests')
