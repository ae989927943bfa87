"""The changes that follow from a schedule: no proxy, no clock."""

from __future__ import annotations

from itertools import islice
from math import inf
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

from vaurien.schedule.preview import MOST, preview
from vaurien.schedule.reading import read_schedule
from vaurien.schedule.schedule import Schedule
from vaurien.schedule.timeline import RAMP_STEPS, Timeline

Line = tuple[float, str]


def read(*steps: dict[str, Any], **fields: Any) -> Schedule:
    """Return a schedule whose steps are on the proxy ``p``, unless they say otherwise."""
    schedule = read_schedule({'steps': list(steps), **fields})
    bound = [msgspec.structs.replace(step, proxy=step.proxy or 'p') for step in schedule.steps]
    return msgspec.structs.replace(schedule, steps=tuple(bound))


def tell(changes: Any) -> list[Line]:
    """Return when which change is made, without the name of ``p``."""
    return [(seconds, str(change).removeprefix('p: ')) for seconds, change in changes]


def run(*steps: dict[str, Any], most: int = 50, seed: int = 1, **fields: Any) -> list[Line]:
    """Return the first changes after the start."""
    timeline = Timeline(read(*steps, **fields), seed)
    began = tell(timeline.mark(None, 0.0))
    return began + tell(islice(timeline.advance(inf), most - len(began)))


def test_a_step() -> None:
    assert run({'at': 10, 'for': 20, 'behavior': '20:delay(sleep=2)'}) == [
        (10.0, 'behavior 20:delay(sleep=2.0)'),
        (30.0, 'behavior as before'),
    ]


def test_each_kind_of_fault() -> None:
    steps = ({'enabled': False}, {'toxic': 'noop@upstream'}, {'behavior': 'dummy'})
    assert run(*steps, **{'for': 5}) == [
        (0.0, 'enabled false'),
        (0.0, 'toxic noop@upstream'),
        (0.0, 'behavior dummy'),
        (5.0, 'enabled as before'),
        (5.0, 'toxic noop_upstream as before'),
        (5.0, 'behavior as before'),
    ]


def test_a_step_without_an_end_is_there_until_it_is_stopped() -> None:
    timeline = Timeline(read({'behavior': 'delay'}, {'for': 3, 'enabled': False}), 1)
    timeline.mark(None, 0.0)
    assert timeline.active == [0, 1]
    list(timeline.advance(inf))
    assert (timeline.active, timeline.due, timeline.is_over) == ([0], None, False)


def test_repeated_for_ever() -> None:
    assert run({'at': 1, 'for': 2, 'every': 10, 'enabled': False}, most=5) == [
        (1.0, 'enabled false'),
        (3.0, 'enabled as before'),
        (11.0, 'enabled false'),
        (13.0, 'enabled as before'),
        (21.0, 'enabled false'),
    ]


def test_the_schedule_may_end_before_its_steps() -> None:
    steps = ({'at': 1, 'for': 2, 'every': 10, 'enabled': False}, {'behavior': 'delay'}, {'at': 13, 'behavior': 'error'})
    assert run(*steps, **{'for': 12})[3:] == [
        (11.0, 'enabled false'),
        (12.0, 'enabled as before'),
        (12.0, 'behavior as before'),
    ]


def test_flap_begins_with_down() -> None:
    assert run({'at': 1, 'for': 14, 'enabled': False, 'flap': {'up': 5, 'down': 1}}) == [
        (1.0, 'enabled false'),
        (2.0, 'enabled as before'),
        (7.0, 'enabled false'),
        (8.0, 'enabled as before'),
        (13.0, 'enabled false'),
        (14.0, 'enabled as before'),
    ]


def test_flap_that_is_down_at_its_end() -> None:
    assert run({'for': 6.5, 'enabled': False, 'flap': {'up': 5, 'down': 1}})[-2:] == [
        (6.0, 'enabled false'),
        (6.5, 'enabled as before'),
    ]


def test_a_ramp() -> None:
    step = {'at': 10, 'for': 0.5, 'toxic': 'latency(jitter=3)', 'ramp': {'latency': [0, 800], 'toxicity': [1, 0.5]}}
    assert run(step) == [
        (10.0, 'toxic latency(jitter=3)@downstream'),
        (10.1, 'toxic latency(latency=200, jitter=3, toxicity=0.875)@downstream'),
        (10.2, 'toxic latency(latency=400, jitter=3, toxicity=0.75)@downstream'),
        (10.3, 'toxic latency(latency=600, jitter=3, toxicity=0.625)@downstream'),
        (10.4, 'toxic latency(latency=800, jitter=3, toxicity=0.5)@downstream'),
        (10.5, 'toxic latency_downstream as before'),
    ]


def test_a_long_ramp_has_small_steps_and_not_too_many() -> None:
    lines = run({'for': '4h', 'toxic': 'latency', 'ramp': {'latency': [10, 800]}}, most=500)
    assert len(lines) == RAMP_STEPS + 1
    assert lines[0] == (0.0, 'toxic latency(latency=10)@downstream')
    assert lines[-2:] == [
        (14256.0, 'toxic latency(latency=800)@downstream'),
        (14400.0, 'toxic latency_downstream as before'),
    ]


def test_what_a_ramp_does_not_change_is_no_change() -> None:
    lines = run({'for': 60, 'toxic': 'latency', 'ramp': {'latency': [0, 2]}})
    assert [text for _, text in lines] == [
        'toxic latency@downstream',
        'toxic latency(latency=1)@downstream',
        'toxic latency(latency=2)@downstream',
        'toxic latency_downstream as before',
    ]


@pytest.mark.parametrize('is_reversed', [False, True])
def test_the_step_that_has_begun_last_lies_over_the_others(is_reversed: bool) -> None:
    steps = [
        {'for': 60, 'behavior': 'delay'},
        {'at': 10, 'for': 30, 'behavior': 'error'},
        {'at': 20, 'for': 60, 'behavior': 'hang'},
    ]
    assert run(*(reversed(steps) if is_reversed else steps)) == [
        (0.0, 'behavior delay'),
        (10.0, 'behavior error'),
        (20.0, 'behavior hang'),  # and the ends of both others come to pass below it
        (80.0, 'behavior as before'),
    ]


def test_what_lies_below_comes_to_light() -> None:
    assert run({'for': 60, 'behavior': 'delay'}, {'at': 20, 'for': 10, 'behavior': 'error'}) == [
        (0.0, 'behavior delay'),
        (20.0, 'behavior error'),
        (30.0, 'behavior delay'),
        (60.0, 'behavior as before'),
    ]


def test_of_steps_that_begin_at_once_the_later_in_the_file_lies_above() -> None:
    assert run({'behavior': 'delay'}, {'behavior': 'error'}) == [(0.0, 'behavior error')]
    assert run({'behavior': 'error'}, {'behavior': 'delay'}) == [(0.0, 'behavior delay')]


def test_what_is_over_goes_before_what_begins() -> None:
    lines = run({'at': 10, 'enabled': False}, {'for': 10, 'behavior': 'delay'})
    assert lines[1:] == [(10.0, 'behavior as before'), (10.0, 'enabled false')]


def test_a_ramp_and_a_flap_go_on_below() -> None:
    """A small step of a ramp, or the next time that a flap is down, does not lift the step above the others."""
    lines = run(
        {'for': 1, 'toxic': 'latency', 'ramp': {'latency': [0, 9]}},
        {'at': 0.15, 'for': 0.5, 'toxic': 'latency(latency=77)'},
        {'for': 10, 'enabled': False, 'flap': {'up': 1, 'down': 1}},
        {'at': 0.5, 'for': 9, 'enabled': True},
    )
    assert [line for line in lines if 'toxic' in line[1]] == [
        (0.0, 'toxic latency@downstream'),
        (0.1, 'toxic latency(latency=1)@downstream'),
        (0.15, 'toxic latency(latency=77)@downstream'),
        (0.65, 'toxic latency(latency=6)@downstream'),
        (0.7, 'toxic latency(latency=7)@downstream'),
        (0.8, 'toxic latency(latency=8)@downstream'),
        (0.9, 'toxic latency(latency=9)@downstream'),
        (1.0, 'toxic latency_downstream as before'),
    ]
    assert [line for line in lines if 'enabled' in line[1]] == [
        (0.0, 'enabled false'),
        (0.5, 'enabled true'),
        (9.5, 'enabled as before'),
    ]


def test_steps_that_follow_each_other_leave_no_gap() -> None:
    """Though 0.1 + 0.2 is not 0.3."""
    steps = ({'at': 0.1, 'for': 0.2, 'behavior': 'delay'}, {'at': 0.3, 'for': 1, 'behavior': 'delay'})
    for pair in (steps, reversed(steps)):
        assert run(*pair) == [(0.1, 'behavior delay'), (1.3, 'behavior as before')]


def test_other_toxics_and_other_proxies_do_not_lie_over_each_other() -> None:
    lines = run(
        {'for': 9, 'toxic': 'latency'},
        {'for': 8, 'toxic': 'latency@upstream'},
        {'for': 7, 'toxic': "latency(name='far')"},
        {'for': 6, 'proxy': 'q', 'toxic': 'latency'},
    )
    assert len(lines) == 8
    assert lines[4:] == [
        (6.0, 'q: toxic latency_downstream as before'),
        (7.0, 'toxic far as before'),
        (8.0, 'toxic latency_upstream as before'),
        (9.0, 'toxic latency_downstream as before'),
    ]


CHANCE = (
    {'at': 1, 'for': 2, 'every': 10, 'jitter': 8, 'enabled': False},
    {'toxic': 'noop', 'flap': {'up': [1, 9], 'down': [0.5, 2]}},
)


def test_the_same_seed_makes_the_same_changes() -> None:
    lines = run(*CHANCE, seed=3)
    assert lines == run(*CHANCE, seed=3)
    assert lines != run(*CHANCE, seed=4)


def test_the_seed_of_the_schedule_comes_first() -> None:
    lines = list(preview(read(*CHANCE), 3))
    assert list(preview(read(*CHANCE, seed=3), 4)) == lines
    assert list(preview(read(*CHANCE, seed=0), 3)) != lines


def test_chance_of_one_step_does_not_depend_on_another() -> None:
    alone = run(CHANCE[0], seed=3)
    assert alone[:20] == [line for line in run(*CHANCE, seed=3, most=500) if 'enabled' in line[1]][:20]


def test_jitter_and_the_bounds_of_a_flap() -> None:
    lines = run(CHANCE[0], most=400)
    begun = [seconds for seconds, text in lines if text == 'enabled false']
    late = [seconds - 1 - 10 * number for number, seconds in enumerate(begun)]
    assert 0 <= min(late) < 1
    assert 7 < max(late) <= 8
    times = [seconds for seconds, _ in run(CHANCE[1], most=400)]
    downs = [end - begin for begin, end in zip(times[::2], times[1::2], strict=False)]
    assert 0.5 <= min(downs) < 0.6
    assert 1.9 < max(downs) <= 2.0


def test_a_mark() -> None:
    timeline = Timeline(read({'at': 5, 'for': 10, 'after': 'deploy', 'behavior': 'error'}), 1)
    assert timeline.mark(None, 0.0) == []
    assert (timeline.due, timeline.is_over) == (None, False)
    assert timeline.mark('deploy', 100.0) == []
    assert tell(timeline.advance(107.0)) == [(105.0, 'behavior error')]
    # Set again, it begins anew, and what it has begun before is over.
    assert tell(timeline.mark('deploy', 108.0)) == [(108.0, 'behavior as before')]
    assert tell(timeline.advance(inf)) == [(113.0, 'behavior error'), (123.0, 'behavior as before')]
    assert not timeline.is_over, 'the mark may be set once more'


def test_a_mark_begins_what_is_there_at_once() -> None:
    timeline = Timeline(read({'for': 10, 'after': 'deploy', 'behavior': 'error'}), 1)
    assert tell(timeline.mark('deploy', 3.0)) == [(3.0, 'behavior error')]
    assert timeline.mark('deploy', 4.0) == [], 'it was there before, too'
    assert tell(timeline.advance(inf)) == [(14.0, 'behavior as before')]


def test_chance_is_another_one_each_time_a_mark_is_set() -> None:
    timelines = [Timeline(read({'after': 'x', 'jitter': 100, 'behavior': 'delay'}), 1) for _ in range(2)]
    late = []
    for timeline in timelines:
        for begin in (0.0, 1000.0):
            timeline.mark('x', begin)
            assert timeline.due is not None
            late.append(timeline.due - begin)
    assert late[:2] == late[2:]
    assert abs(late[0] - late[1]) > 1


def test_a_mark_leaves_other_steps_alone() -> None:
    timeline = Timeline(read({'for': 10, 'behavior': 'error'}, {'after': 'x', 'enabled': False}), 1)
    timeline.mark(None, 0.0)
    assert tell(timeline.mark('x', 3.0)) == [(3.0, 'enabled false')]
    assert tell(timeline.advance(inf)) == [(10.0, 'behavior as before')]


def test_a_mark_after_the_end_changes_nothing() -> None:
    timeline = Timeline(read({'after': 'x', 'enabled': False}, **{'for': 10}), 1)
    assert timeline.due == 10.0
    assert list(timeline.advance(inf)) == []
    assert timeline.is_over
    assert timeline.mark('x', 11.0) == []


def test_what_comes_next() -> None:
    timeline = Timeline(read({'at': 10, 'for': 20, 'behavior': 'delay'}), 1)
    assert timeline.next is None
    timeline.mark(None, 0.0)
    assert timeline.next is not None
    assert (*timeline.next[:2], str(timeline.next[2])) == (10.0, 0, 'p: behavior delay')
    list(timeline.advance(10.0))
    assert str(timeline.next[2]) == 'p: behavior as before'
    list(timeline.advance(30.0))
    assert timeline.next is None
    assert timeline.is_over


TIMES = st.integers(0, 20)
FAULTS = st.sampled_from([{'behavior': 'delay'}, {'behavior': 'error'}, {'toxic': 'noop'}, {'enabled': False}])
STEPS = st.lists(st.tuples(FAULTS, TIMES, st.integers(1, 20)), min_size=1, max_size=8)


@given(STEPS)
def test_at_every_moment_the_latest_step_counts(steps: list[tuple[dict[str, Any], int, int]]) -> None:
    """Compared with a look at all steps for each moment."""
    schedule = read(*({**fault, 'at': at, 'for': length} for fault, at, length in steps))
    timeline = Timeline(schedule, 1)
    there: dict[str, Any] = {}
    changes = [*timeline.mark(None, 0.0), *timeline.advance(inf)]
    for second in range(42):
        there |= {change.slot: change.value for seconds, change in changes if seconds == second}
        wanted: dict[str, Any] = {step.slot: None for step in schedule.steps if step.at <= second}
        begun = sorted((step.at, i) for i, step in enumerate(schedule.steps))
        for at, i in begun:
            step = schedule.steps[i]
            if at <= second < at + (step.length or 0):
                wanted[step.slot] = step.fault
        assert {slot: fault for slot, fault in there.items() if fault is not None} == {
            slot: fault for slot, fault in wanted.items() if fault is not None
        }
    seconds = [seconds for seconds, _ in changes]
    assert seconds == sorted(seconds)
    assert timeline.is_over


def test_a_preview() -> None:
    schedule = read(
        {'at': 10, 'for': 20, 'behavior': '20:delay(sleep=2)'},
        {'at': 1, 'for': 2000, 'after': 'deploy', 'enabled': False},
        **{'for': 100},
    )
    assert list(preview(schedule, 1)) == [
        '    10.000  p: behavior 20:delay(sleep=2.0)',
        '    30.000  p: behavior as before',
        '     1.000  after deploy: p: enabled false',
        '  2001.000  after deploy: p: enabled as before',
    ]


def test_a_preview_of_what_goes_on_for_ever() -> None:
    lines = list(preview(read({'for': 1, 'every': 2, 'enabled': False}), 1))
    assert len(lines) == MOST + 2
    assert lines[-1].strip() == '… and so on'
    # Of what repeats, and never changes anything.
    lines = list(preview(read({'for': 1, 'every': 1, 'behavior': 'delay'}), 1))
    assert lines == ['     0.000  p: behavior delay', '            … and so on']
