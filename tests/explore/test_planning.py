"""What is possible in a test, whatever it asks for."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings, strategies as st

from tests.explore.simulated import make_entry, run_of
from vaurien.explore.aiming import Aim
from vaurien.explore.learning import Learned, learn
from vaurien.explore.model import CONNECTION, ExploredProxy
from vaurien.explore.planning import find_loops, is_possible, plan
from vaurien.explore.trying import list_trials
from vaurien.framing.meaning import Effect
from vaurien.framing.trials import Kind
from vaurien.records.entry import Entry

PROXIES = [ExploredProxy(name='api', protocol='http'), ExploredProxy(name='cache', protocol='redis', is_tls=True)]

ENTRIES = st.lists(
    st.builds(
        make_entry,
        st.sampled_from(['GET user:1', 'GET user:2', 'GET user:2:cart', 'GET 7', 'POST /a', 'COMMIT', 'x[1]', '']),
        proxy=st.sampled_from(['api', 'cache']),
        effect=st.sampled_from(Effect),
        where=st.sampled_from(['', 'a.py:1', 'a.py:2']),
        exchange=st.integers(1, 3),
        middle=st.integers(0, 3),
    ),
    max_size=9,
)


def learned_from(entries: list[Entry]) -> Learned:
    return learn([run_of(*entries)] * 2)


@settings(max_examples=30)
@given(ENTRIES)
def test_whatever_is_possible_is_planned_once(entries: list[Entry]) -> None:
    learned = learned_from(entries)
    candidates = plan(learned, PROXIES)
    assert max(Counter(candidate.injections for candidate in candidates).values(), default=1) == 1
    possible = sum(
        is_possible(trial, point)
        for point in learned.points
        for proxy in PROXIES
        if proxy.name == point.proxy
        for trial in list_trials(proxy, point.request)
    )
    once = [one for one in candidates if one.first.request == CONNECTION or not one.first.for_ever]
    assert len(once) == possible


@settings(max_examples=30)
@given(ENTRIES)
def test_the_riskiest_comes_first_and_then_what_comes_first_in_the_test(entries: list[Entry]) -> None:
    learned = learned_from(entries)
    places = {(point.proxy, point.request, point.nth): at for at, point in enumerate(learned.points)}
    keys = [(one.rank, places[one.first.proxy, one.first.request, one.first.nth]) for one in plan(learned, PROXIES)]
    assert keys == sorted(keys)


@settings(max_examples=30)
@given(ENTRIES)
def test_a_fault_meets_the_request_of_its_point_in_a_run_that_is_the_same(entries: list[Entry]) -> None:
    learned = learned_from(entries)
    points = [point for point in learned.points if point.request != CONNECTION]
    expected = iter(points)
    of_entries = [None if entry.effect is Effect.CONNECT else next(expected) for entry in entries]
    for candidate in plan(learned, PROXIES):
        if candidate.first.request != CONNECTION and not candidate.first.for_ever:
            aim = Aim(candidate.injections)
            met = [at for at, entry in enumerate(entries) if aim.meet(entry.proxy, entry.request)]
            place = (candidate.first.proxy, candidate.first.request, candidate.first.nth)
            assert len(met) == 1
            assert (point := of_entries[met[0]]) is not None
            assert (point.proxy, point.request, point.nth) == place
            assert aim.has_hit


@settings(max_examples=30)
@given(ENTRIES)
def test_of_each_loop_two_are_tried_and_all_together(entries: list[Entry]) -> None:
    learned = learned_from(entries)
    candidates = plan(learned, PROXIES)
    for loop in find_loops(learned.points):
        places = {(point.proxy, point.request, point.nth) for point in loop}
        tried = Counter(
            (one.first.kind, one.first.kind is not Kind.HALF and one.first.detail, one.first.for_ever)
            for one in candidates
            if not one.objection and (one.first.proxy, one.first.request, one.first.nth) in places
        )
        assert all(number <= (1 if for_ever else 2) for (_, _, for_ever), number in tried.items())
