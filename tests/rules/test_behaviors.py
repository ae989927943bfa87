"""Rules from texts, lists and options, and the text of rules."""

from __future__ import annotations

from time import process_time
from typing import Any

import pytest

from tests.arming import rule
from tests.servers import TIMEOUT
from vaurien.behaviors import Behavior
from vaurien.errors import ConfigError, OptionError, PluginError
from vaurien.rules.behaviors import check_options, complete_rules, format_rules, make_rules
from vaurien.rules.match import Pattern
from vaurien.rules.rule import Rule

DELAY = Behavior.get('delay').resolve({})
ERROR = Behavior.get('error').resolve({})


@pytest.mark.parametrize(
    ('spec', 'rules'),
    [
        ('error', [rule('error', 100.0)]),
        ('100:error', [rule('error', 100.0)]),
        ('5:error,10:delay', [rule('error', 5.0), rule('delay', 10.0)]),
        (' 0.5 : error , 10:delay ', [rule('error', 0.5), rule('delay', 10.0)]),
        ('0:error', [rule('error', 0.0)]),
        ('dummy', [rule('dummy', 100.0)]),
        ('50:dummy,50:delay', [rule('dummy', 50.0), rule('delay', 50.0)]),
    ],
)
def test_specs(spec: str, rules: list[Rule]) -> None:
    assert make_rules(spec) == tuple(rules)


def test_configured_options_go_before_declared_defaults() -> None:
    delay, error = make_rules('10:delay,5:error', {'delay': {'sleep': 7.0}, 'hang': {}})
    assert delay.options == {**DELAY, 'sleep': 7.0}
    assert error.options == ERROR


def test_thirds_may_add_up_to_a_hair_over_a_hundred() -> None:
    rules = make_rules('33.3333334:error,33.3333333:delay,33.3333334:hang')
    assert sum(rule.percent for rule in rules) > 100


@pytest.mark.parametrize(
    ('spec', 'kind', 'said'),
    [
        ('', ConfigError, 'names no behavior'),
        ('20:', ConfigError, 'names no behavior'),
        ('20:error,', ConfigError, 'names no behavior'),
        ('error:20', ConfigError, "'error' in 'error:20' is not a percent"),
        ('20%:error', ConfigError, 'is not a percent: expected percent:name, such as 20:error'),
        ('101:error', ConfigError, 'expected 0 to 100'),
        ('-1:error', ConfigError, 'expected 0 to 100'),
        ('nan:error', ConfigError, 'expected 0 to 100'),
        ('inf:error', ConfigError, 'expected 0 to 100'),
        ('60:error,50:delay', ConfigError, 'adds up to 110 percent, more than 100'),
        ('60:error,40.01:delay', ConfigError, 'adds up to 100.01 percent'),
        ('20:dely', PluginError, "unknown behavior 'dely', did you mean 'delay'?"),
    ],
)
def test_wrong_specs(spec: str, kind: type[ConfigError], said: str) -> None:
    with pytest.raises(kind) as caught:
        make_rules(spec)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ('options', 'said'),
    [
        ({'slep': 1}, "delay.slep: delay has no such option, did you mean 'sleep'?"),
        ({'sleep': 'soon'}, 'delay.sleep: expected a duration such as '),
    ],
)
def test_wrong_options(options: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionError) as caught:
        check_options({'delay': options})
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize('spec', ['dummy', 'delay', '20:error,10:delay', '0.5:error', '0:error', '0.001:delay'])
def test_what_is_written_is_read_back(spec: str) -> None:
    assert format_rules(make_rules(spec)) == spec


def test_the_shortest_is_written() -> None:
    assert format_rules(()) == 'dummy'
    assert format_rules(make_rules('100.0:delay')) == 'delay'
    assert format_rules(make_rules('20.0:delay,5.50:error')) == '20:delay,5.5:error'


@pytest.mark.parametrize(
    'spec',
    [
        "100:error(match='SET *'),100:delay(match='GET *')",
        "100:error(nth='1-2'),100:delay",
        '100:error(times=1),100:delay',
        "60:error(match='a'),60:error(match='b')",
        "100:error(match='a'),100:error",
    ],
)
def test_limited_rules_may_add_up_to_more_than_a_hundred(spec: str) -> None:
    rules = make_rules(spec)
    assert make_rules(format_rules(rules)) == rules


@pytest.mark.parametrize(
    'spec',
    [
        "100:error,5:delay(match='GET *')",
        "60:error(match='a'),60:delay(match='a')",
        '60:error,60:delay(nth=1)',
        "50:error,30:hang(match='a'),21:delay(match='a',times=1)",
    ],
)
def test_what_cannot_be_reached_is_refused(spec: str) -> None:
    with pytest.raises(ConfigError, match=r'adds up to 1\d\d percent, more than 100, at delay'):
        make_rules(spec)


def test_options_written_with_a_rule_go_before_all_others() -> None:
    first, second = make_rules('20:delay(sleep=3),10:delay', {'delay': {'sleep': 2.0, 'before': False}})
    assert (first.options['sleep'], first.options['before']) == (3.0, False)
    assert (second.options['sleep'], second.options['before']) == (2.0, False)
    assert format_rules((first, second)) == '20:delay(sleep=3.0, before=false),10:delay(sleep=2.0, before=false)'


def test_headers_survive_the_text() -> None:
    rules = make_rules([{'name': 'error', 'nth': 1, 'headers': {'A': "it's", 'B': 'c, d'}}])
    assert make_rules(format_rules(rules)) == rules


def test_a_list() -> None:
    spec = [{'name': 'error', 'match': 'SET *', 'nth': 2, 'code': 503}, {'name': 'delay', 'percent': 20, 'sleep': 1}]
    text = "100:error(match='SET *', nth=2, code=503),20:delay(sleep=1)"
    assert make_rules(spec) == make_rules(text)


@pytest.mark.parametrize(
    ('spec', 'path', 'said'),
    [
        ([{}], 'behaviors[0].name', 'expected str'),
        ([{'name': 'delay'}, 7], 'behaviors[1]', 'expected name, percent and options'),
        ([{'name': 'dealy'}], 'behaviors[0]', "did you mean 'delay'?"),
        ([{'name': 'delay', 'percent': 101}], 'behaviors[0].percent', 'expected 0 to 100'),
        ([{'name': 'delay', 'percent': 'x'}], 'behaviors[0].percent', 'expected float'),
        ([{'name': 'delay', 'sleep': '1'}], 'behaviors[0].sleep', 'expected a duration'),
        ([{'name': 'delay', 'slep': 1}], 'behaviors[0].slep', "did you mean 'sleep'?"),
        ([{'name': 'delay', 'nth': '0'}], 'behaviors[0].nth', 'expected 3, 1-2, 5+ or every 10'),
        ([{'name': 'delay', 'match': '/(/'}], 'behaviors[0].match', 'not a regular expression'),
    ],
)
def test_wrong_lists(spec: Any, path: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make_rules(spec)
    assert caught.value.path == path
    assert said in str(caught.value)


def test_many_rules_take_no_longer_each_than_few() -> None:
    """With a quadratic algorithm this would take minutes."""
    kind = Behavior.get('error')
    rules = [Rule(kind, 0.001, {'match': Pattern(f'GET {i}')}) for i in range(10_000)]
    began = process_time()
    assert len(complete_rules(rules)) == len(rules)
    assert format_rules(rules).count('error') == len(rules)
    assert process_time() - began < TIMEOUT
