"""A fault that somebody wants to see again belongs to the request that clean runs have shown."""

from __future__ import annotations

from tests.explore.simulated import make_entry, run_of
from vaurien.explore.learning import learn
from vaurien.explore.model import Injection
from vaurien.explore.replaying import find_candidate
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
