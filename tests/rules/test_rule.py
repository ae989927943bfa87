"""A rule: what it declares, what it counts once armed, and that making it checks each option once."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest

from tests.arming import UNAIMED, rule
from vaurien.behaviors import Behavior
from vaurien.behaviors.delay import Delay
from vaurien.behaviors.dummy import Dummy
from vaurien.behaviors.error import Error
from vaurien.cli.flags import parse
from vaurien.control.body import read_arming
from vaurien.errors import OptionError, PluginError
from vaurien.plugins import options as plugin_options
from vaurien.plugins.options import Configurable
from vaurien.plugins.registry import Registry
from vaurien.protocols.http import HTTP
from vaurien.protocols.tcp import TCP
from vaurien.rules.behaviors import check_own_options, complete_rules, make_rules, read_rules
from vaurien.rules.rule import Rule, list_rests


def test_options_are_complete() -> None:
    assert rule('delay', sleep=2).options == {**Delay.resolve({}), 'sleep': 2.0}


def test_two_are_equal_that_declare_the_same() -> None:
    assert rule('delay', sleep=1) == rule('delay')
    assert rule('delay', sleep=2) != rule('delay')
    assert rule('delay', 50.0) != rule('delay')
    assert rule('error') != rule('transient')


def test_those_given_go_before_the_first_defaults_and_these_before_others() -> None:
    made = rule('delay', sleep=3).over({'before': False, 'sleep': 7.0}, {'before': True, 'match': None, 'times': 2})
    assert made == rule('delay', sleep=3, before=False, times=2)


def test_arming_it_begins_anew() -> None:
    first = rule('delay', nth='2+', times=1).arm(TCP)
    assert [first.is_for(''), first.is_for('')] == [False, True]
    first.hits += 1
    assert not first.is_for('')
    second = first.arm(TCP)
    assert (first.matched, first.hits, second.matched, second.hits) == (3, 1, 0, 0)
    assert second == first
    assert isinstance(second.behavior, Delay)
    assert second.behavior is not first.behavior
    assert second.behavior.values == first.options


def test_what_is_left_of_it() -> None:
    now = 100.0
    begun = [rule('delay', 50.0, sleep=2, **{'for': 10}).arm(TCP, lambda: now), rule('hang').arm(TCP, lambda: now)]
    now = 104.0
    assert list_rests(begun) == [rule('delay', 50.0, sleep=2, **{'for': 6}), rule('hang')]
    assert [one.status().get('left') for one in begun] == [6.0, None]
    now = 110.0
    assert list_rests(begun) == [rule('hang')]
    assert begun[0].status()['left'] == 0.0


def test_arming_it_for_a_protocol_that_has_no_such_error() -> None:
    made = rule('error', code=503)
    made.arm(HTTP)
    with pytest.raises(OptionError) as caught:
        made.arm(TCP)
    assert caught.value.path == 'error.code'


def _fail(*args: object) -> None:
    raise KeyError('nothing')


@pytest.mark.parametrize(
    ('attributes', 'error'),
    [
        ({'translate': classmethod(_fail)}, "mine failed: KeyError: 'nothing'"),
        ({'check_protocol': classmethod(_fail)}, "mine failed: KeyError: 'nothing'"),
        ({'__init__': _fail}, "mine failed: KeyError: 'nothing'"),
        ({'__init__': lambda self: None}, 'mine failed: TypeError: '),
        ({'__init__': lambda self, options: None}, r'mine failed: its __init__ does not call super\(\).__init__'),
    ],
    ids=['translate', 'check_protocol', 'init', 'init without options', 'init without super'],
)
def test_a_behavior_of_somebodys_that_cannot_be_armed(attributes: dict[str, Any], error: str) -> None:
    kind = type('Mine', (Dummy,), {'name': 'mine', **attributes})
    with pytest.raises(PluginError, match=error):
        Rule(kind).arm(TCP)


def test_only_those_that_match_are_counted() -> None:
    made = rule('delay', match='SET *', nth=2)
    assert [made.is_for(text) for text in ('GET a', 'SET a', 'GET a', 'SET a', 'SET a')] == 3 * [False] + [True, False]
    assert made.matched == 3


@pytest.mark.parametrize(
    ('made', 'is_harmful'),
    [(rule('delay'), True), (rule('delay', 0.1), True), (rule('delay', 0.0), False), (rule('dummy'), False)],
)
def test_harm(made: Rule, is_harmful: bool) -> None:
    assert made.is_harmful == is_harmful


def test_status() -> None:
    made = rule('delay', 20.0, match='GET *', nth=2).arm(TCP)
    made.is_for('GET a')
    options = {**UNAIMED, 'sleep': 1.0, 'before': True, 'match': 'GET *', 'nth': '2'}
    counts = {'seen': 3, 'matched': 1, 'hits': 0}
    text = "20:delay(match='GET *', nth='2')"
    assert made.status(3) == {'name': 'delay', 'percent': 20.0, 'text': text, 'options': options, **counts}


class TestTranslation:
    """``warmup`` and ``agitate`` are other words for ``nth`` and ``times``."""

    @pytest.mark.parametrize(
        ('name', 'options', 'nth', 'times'),
        [
            ('error', {}, None, None),
            ('error', {'warmup': 0, 'nth': '1-2'}, '1-2', None),
            ('error', {'warmup': 12}, '13+', None),
            ('error', {'warmup': 12, 'nth': '13+'}, '13+', None),
            ('error', {'warmup': 1, 'times': 2}, '2+', 2),
            ('transient', {}, None, 3),
            ('transient', {'agitate': 2}, None, 2),
            ('transient', {'times': 5}, None, 5),
            ('transient', {'agitate': 2, 'times': 2}, None, 2),
            ('transient', {'warmup': 1, 'agitate': 2}, '2+', 2),
            ('transient', {'nth': 'every 2', 'agitate': 2}, 'every 2', 2),
        ],
    )
    def test_words(self, name: str, options: dict[str, Any], nth: str | None, times: int | None) -> None:
        made = rule(name, **options)
        assert (str(made.limits['nth']) if nth else made.limits.get('nth'), made.limits.get('times')) == (nth, times)
        assert made.options == Behavior.get(name).resolve(options), 'they are shown as they were given'

    @pytest.mark.parametrize(
        ('name', 'options', 'said'),
        [
            ('error', {'warmup': 12, 'nth': 1}, 'warmup: it is the same as nth=13+, which contradicts nth=1'),
            ('transient', {'agitate': 2, 'times': 3}, 'agitate: it is the same as times=2, which contradicts times=3'),
        ],
    )
    def test_contradictions(self, name: str, options: dict[str, Any], said: str) -> None:
        with pytest.raises(OptionError) as caught:
            rule(name, **options)
        assert str(caught.value) == said
        with pytest.raises(OptionError, match=re.escape(said)):
            make_rules([{'name': name, **options}])

    def test_with_what_is_configured(self) -> None:
        with pytest.raises(OptionError, match=r'error\.warmup: it is the same as nth=2\+'):
            make_rules('error(nth=3)', {'error': {'warmup': 1}})

    @pytest.mark.parametrize('options', [{}, {'agitate': 2}, {'times': 2}, {'warmup': 1, 'agitate': 1}])
    def test_what_the_status_shows_can_be_armed_again(self, options: dict[str, Any]) -> None:
        made = rule('transient', **options)
        (again,) = make_rules([{'name': 'transient', **made.status()['options']}])
        assert again == made
        assert again.limits == made.limits


class TestOnce:
    """Whatever the door is, each option is checked once, and each behavior looked up once."""

    @pytest.fixture
    def checks(self, monkeypatch: pytest.MonkeyPatch) -> Counter[tuple[str, str]]:
        """How often each option was checked: by `Configurable.check`, and by `convert`, which that calls."""
        checks = Counter[tuple[str, str]]()
        check, convert = Configurable.check.__func__, plugin_options.convert  # type: ignore[attr-defined]

        def count_checks(cls: type[Configurable], /, given: Any, **text: bool) -> Any:
            checks.update(('check', name) for name in given)
            return check(cls, given, **text)

        def count_conversions(value: Any, type_: Any, **text: bool) -> Any:
            checks[('convert', repr(value))] += 1
            return convert(value, type_, **text)

        monkeypatch.setattr(Configurable, 'check', classmethod(count_checks))
        monkeypatch.setattr(plugin_options, 'convert', count_conversions)
        return checks

    @pytest.fixture
    def lookups(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """The behaviors that were looked up."""
        lookups: list[str] = []
        get = Registry.get

        def note(registry: Registry[Any], name: str) -> Any:
            if registry is Behavior:
                lookups.append(name)
            return get(registry, name)

        monkeypatch.setattr(Registry, 'get', note)
        return lookups

    CONFIGURED = {'delay': {'before': False}, 'error': {'inject': True}}

    @pytest.mark.parametrize(
        ('body', 'names', 'options', 'values'),
        [
            ({'name': 'delay', 'sleep': 2, 'nth': 3}, ['delay'], ['nth', 'sleep'], ['2', '3']),
            (
                {'behavior': "20:error,10:delay(match='a*')", 'options': {'delay': {'sleep': 7}}},
                ['error', 'delay'],
                ['match', 'sleep'],
                ["'a*'", '7'],
            ),
            (
                {'behaviors': [{'name': 'error', 'times': 4, 'match': 'b*'}, {'name': 'delay', 'sleep': 2}]},
                ['error', 'delay'],
                ['match', 'sleep', 'times'],
                ["'b*'", '2', '4'],
            ),
        ],
    )
    def test_put_behavior(
        self,
        checks: Counter[tuple[str, str]],
        lookups: list[str],
        body: dict[str, Any],
        names: list[str],
        options: list[str],
        values: list[str],
    ) -> None:
        armed = [rule.arm(TCP) for rule in read_arming(body, self.CONFIGURED, TCP)]
        assert lookups == names
        assert [rule.name for rule in armed] == names
        assert checks == Counter([('check', name) for name in options] + [('convert', value) for value in values])

    def test_in_python(self, checks: Counter[tuple[str, str]], lookups: list[str]) -> None:
        rules = read_rules('delay')
        given = check_own_options({'delay': {'sleep': 2}}, rules)
        (made,) = complete_rules(rules, given, self.CONFIGURED)
        assert made == Rule(Delay, 100.0, {'sleep': 2.0, 'before': False})
        assert lookups == ['delay']
        assert checks == Counter([('check', 'sleep'), ('convert', '2')])

    def test_on_the_command_line(self, checks: Counter[tuple[str, str]]) -> None:
        flags = ['--behavior', "20:error(match='a*'),10:delay(sleep=2)", '--behavior-delay-before', 'no']
        error, delay = parse(flags).settings.behaviors
        assert {checks['check', name] for name in ('match', 'sleep', 'before')} == {1}
        assert {checks['convert', repr(text)] for text in ('a*', '2', 'no')} == {1}
        assert (error, delay) == (rule('error', 20.0, match='a*'), rule('delay', 10.0, sleep=2, before=False))


def test_a_rule_of_a_class_that_no_registry_knows() -> None:
    class Mine(Error):
        name = 'mine'

    assert Rule(Mine, 10.0, {'warmup': 1}).arm(TCP).status()['name'] == 'mine'
