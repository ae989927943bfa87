"""What a schedule may say, and what is said of every mistake."""

from __future__ import annotations

from typing import Any

import pytest

from vaurien.errors import ConfigError
from vaurien.rules.behaviors import make_rules
from vaurien.rules.toxics import ToxicRule, parse_toxics
from vaurien.schedule.reading import read_schedule
from vaurien.schedule.schedule import LONGEST, MAX_STEPS, Flap, Schedule, Step

DELAY = {'behavior': 'delay'}
SLOW = {'toxic': 'latency(latency=10)'}


def read_step(**fields: Any) -> Step:
    (step,) = read_schedule([fields]).steps
    return step


def test_a_whole_one() -> None:
    given = {
        'for': '1h',
        'seed': 7,
        'steps': [
            {'at': '90s', 'for': '5m', 'every': 600, 'jitter': '200ms', 'proxy': 'db', 'behavior': '20:error'},
            {'after': 'deploy', 'enabled': False, 'flap': {'up': ['2s', 4], 'down': 1}},
            {'for': 60, 'toxic': 'latency@upstream', 'ramp': {'latency': [0, 800], 'toxicity': [0, 1]}},
        ],
    }
    assert read_schedule(given) == Schedule(
        length=3600.0,
        seed=7,
        steps=(
            Step(proxy='db', at=90.0, length=300.0, every=600.0, jitter=0.2, fault=make_rules('20:error')),
            Step(after='deploy', fault=False, flap=Flap(up=(2.0, 4.0), down=(1.0, 1.0))),
            Step(
                length=60.0,
                fault=parse_toxics('latency@upstream')[0],
                ramp={'latency': (0, 800), 'toxicity': (0.0, 1.0)},
            ),
        ),
    )


@pytest.mark.parametrize(
    ('given', 'wanted'),
    [
        ({'behavior': 'delay(sleep=2)'}, make_rules('delay(sleep=2)')),
        ({'behaviors': [{'name': 'delay', 'percent': 20, 'sleep': 2}]}, make_rules('20:delay(sleep=2)')),
        (SLOW, parse_toxics('latency(latency=10)')[0]),
        ({'toxic': {'type': 'latency', 'latency': 10}}, parse_toxics('latency(latency=10)')[0]),
        ({'enabled': True}, True),
    ],
)
def test_faults(given: dict[str, Any], wanted: Any) -> None:
    assert read_step(**given).fault == wanted


@pytest.mark.parametrize(
    ('written', 'seconds'), [(1, 1.0), (0.5, 0.5), ('200ms', 0.2), ('2s', 2.0), ('5m', 300.0), ('2h', 7200.0)]
)
def test_durations(written: Any, seconds: float) -> None:
    assert read_step(**DELAY, at=written).at == seconds
    assert read_step(**DELAY, **{'for': written}).length == seconds


def test_a_ramp_has_the_units_of_its_toxic() -> None:
    assert read_step(**SLOW, **{'for': 1, 'ramp': {'latency': ['5ms', '2s']}}).ramp == {'latency': (5, 2000)}


def test_the_slot_of_a_toxic_is_its_name() -> None:
    step = read_step(toxic={'type': 'latency', 'name': 'far', 'latency': 10})
    assert isinstance(step.fault, ToxicRule)
    assert step.slot == 'toxic far'


@pytest.mark.parametrize(
    ('given', 'path', 'words'),
    [
        (None, '', 'expected object'),
        ('steps', '', 'expected object'),
        ({}, 'steps', 'expected 1 to 1000 steps, got 0'),
        ({'steps': DELAY}, 'steps', 'expected array'),
        ({'steps': [DELAY] * (MAX_STEPS + 1)}, 'steps', 'got 1001'),
        ({'steps': [DELAY], 'file': '/etc/passwd'}, 'file', 'no such field'),
        ({'steps': [DELAY], 'seed': 'x'}, 'seed', 'expected int'),
        ({'steps': [DELAY], 'for': 0}, 'for', 'expected float >= 0.01'),
        ({'steps': [DELAY, 3]}, 'steps[1]', 'expected object'),
        ([{}], 'steps[0]', 'expected one of behavior, behaviors, toxic, enabled, got none of them'),
        ([{**DELAY, 'enabled': False}], 'steps[0]', 'got behavior and enabled'),
        ([{**DELAY, 'att': 1}], 'steps[0].att', "did you mean 'at'?"),
        ([{**DELAY, 'at': -1}], 'steps[0].at', 'expected float >= 0.0'),
        ([{**DELAY, 'at': 'soon'}], 'steps[0].at', 'a duration such as 200ms or 2s'),
        ([{**DELAY, 'at': 2 * LONGEST}], 'steps[0].at', 'expected float <= '),
        ([{**DELAY, 'at': float('nan')}], 'steps[0].at', 'got nan'),
        ([{**DELAY, 'for': True}], 'steps[0].for', 'expected float'),
        ([{**DELAY, 'proxy': ''}], 'steps[0].proxy', 'length >= 1'),
        ([{**DELAY, 'every': 5}], 'steps[0].every', 'it needs for'),
        ([{**DELAY, 'every': 5, 'for': 6}], 'steps[0].every', 'before it is over'),
        ([{**DELAY, 'every': 5, 'for': 4, 'jitter': 2}], 'steps[0].every', 'before it is over'),
        ([{'behavior': 'dela'}], 'steps[0].behavior', "did you mean 'delay'?"),
        ([{'behavior': 'delay(slep=1)'}], 'steps[0].behavior.delay.slep', 'no such option'),
        ([{'behavior': '60:delay,60:error'}], 'steps[0].behavior', 'more than 100'),
        ([{'behavior': ['delay']}], 'steps[0].behavior', 'expected str'),
        ([{'behaviors': 'delay'}], 'steps[0].behaviors', 'expected array'),
        ([{'behaviors': [{'name': 'delay', 'sleep': 'x'}]}], 'steps[0].behaviors[0].sleep', 'expected a duration'),
        ([{'toxic': 'latency(latenc=1)'}], 'steps[0].toxic.latenc', 'no such option'),
        ([{'toxic': 'latency,slicer'}], 'steps[0].toxic', 'expected one toxic, got 2'),
        ([{'toxic': {'type': 'latency', 'toxicity': 'x'}}], 'steps[0].toxic.toxicity', 'expected float'),
        ([{'enabled': 'no'}], 'steps[0].enabled', 'expected bool'),
        ([{**SLOW, 'ramp': {}}], 'steps[0].ramp', 'it needs for'),
        ([{**DELAY, 'for': 1, 'ramp': {}}], 'steps[0].ramp', 'only attributes of a toxic'),
        ([{**SLOW, 'for': 1, 'ramp': 3}], 'steps[0].ramp', 'expected object'),
        ([{**SLOW, 'for': 1, 'ramp': {'latency': 3}}], 'steps[0].ramp.latency', 'expected array'),
        ([{**SLOW, 'for': 1, 'ramp': {'latency': [0]}}], 'steps[0].ramp.latency', 'length 2'),
        ([{**SLOW, 'for': 1, 'ramp': {'latency': [0, 'x']}}], 'steps[0].ramp.latency', 'expected a duration'),
        ([{**SLOW, 'for': 1, 'ramp': {'latenc': [0, 1]}}], 'steps[0].ramp.latenc', 'no such option'),
        ([{**SLOW, 'for': 1, 'ramp': {'distribution': ['normal', 'pareto']}}], 'steps[0].ramp.distribution', 'number'),
        ([{**SLOW, 'for': 1, 'ramp': {'toxicity': [0, 2]}}], 'steps[0].ramp.toxicity', 'expected float <= 1'),
        ([{**SLOW, 'for': 1, 'ramp': {}, 'flap': {'up': 1, 'down': 1}}], 'steps[0].ramp', 'there is flap, too'),
        ([{**DELAY, 'flap': 1}], 'steps[0].flap', 'expected object'),
        ([{**DELAY, 'flap': {'up': 1}}], 'steps[0].flap.down', 'missing'),
        ([{**DELAY, 'flap': {'up': 0, 'down': 1}}], 'steps[0].flap.up', 'expected float >= 0.01'),
        ([{**DELAY, 'flap': {'up': [2, 1], 'down': 1}}], 'steps[0].flap.up', 'the shorter one'),
        ([{**DELAY, 'flap': {'up': 1, 'down': 1, 'left': 1}}], 'steps[0].flap.left', 'no such field'),
    ],
)
def test_mistakes(given: Any, path: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_schedule(given)
    assert caught.value.path == path
    assert words in str(caught.value)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize(('step', 'count'), [({'toxic': 'noop'}, 1), ({'behavior': '10:delay,20:error'}, 5)])
def test_pauses_after_each_step_and_each_rule(step: dict[str, Any], count: int) -> None:
    """Each rule is read, and then made."""
    pauses: list[None] = []
    read_schedule([step] * 3, lambda: pauses.append(None))
    assert len(pauses) == 3 * count
