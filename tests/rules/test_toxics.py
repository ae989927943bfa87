"""Toxics as texts and as mappings."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from vaurien.errors import ConfigError, OptionError, PluginError
from vaurien.rules.limits import Network
from vaurien.rules.toxics import ToxicRule, format_toxic, make_toxic, parse_toxics, read_toxics
from vaurien.toxics import Toxic

SLOW = {'latency': 200, 'jitter': 50, 'distribution': None}


def rule(
    type_: str,
    name: str,
    attributes: dict[str, Any],
    stream: str = 'downstream',
    share: float = 1.0,
    client: str | None = None,
) -> ToxicRule:
    network = None if client is None else Network.parse(client)
    kind = Toxic.get(type_)
    return ToxicRule(kind=kind, name=name, stream=stream, toxicity=share, attributes=attributes, client=network)


@pytest.mark.parametrize(
    ('text', 'rules'),
    [
        ('noop', [rule('noop', 'noop_downstream', {})]),
        (' noop @ upstream ', [rule('noop', 'noop_upstream', {}, 'upstream')]),
        ('noop@UpStream', [rule('noop', 'noop_UpStream', {}, 'UpStream')]),
        ('latency(latency=200, jitter=50)', [rule('latency', 'latency_downstream', SLOW)]),
        (
            "latency(latency=200,jitter='50',name='a, b)',toxicity=0.5)@upstream,noop",
            [rule('latency', 'a, b)', SLOW, 'upstream', 0.5), rule('noop', 'noop_downstream', {})],
        ),
        (
            'latency(distribution=normal)',
            [rule('latency', 'latency_downstream', {'latency': 0, 'jitter': 0, 'distribution': 'normal'})],
        ),
        (
            'slicer(average-size=1)',
            [rule('slicer', 'slicer_downstream', {'average_size': 1, 'size_variation': 0, 'delay': 0})],
        ),
        ('noop(toxicity=7)', [rule('noop', 'noop_downstream', {}, share=7.0)]),
        ('noop@both', [rule('noop', 'noop_both', {}, 'both')]),
        ('noop(client=10.0.0.0/8)', [rule('noop', 'noop_downstream', {}, client='10.0.0.0/8')]),
        ("noop(client='::1')@Both", [rule('noop', 'noop_Both', {}, 'Both', client='::1')]),
    ],
)
def test_texts(text: str, rules: list[ToxicRule]) -> None:
    assert parse_toxics(text) == rules
    assert read_toxics(text) == tuple(rules)
    assert parse_toxics(','.join(map(format_toxic, rules))) == rules


@given(
    st.sampled_from(['latency', 'slicer', 'noop', 'packet_loss', 'corrupt']),
    st.text(st.characters(exclude_characters='/'), min_size=1).filter(lambda name: name not in ('.', '..')),
    st.sampled_from(['upstream', 'Downstream']),
    st.floats(allow_nan=False, allow_infinity=False),
)
def test_every_rule_has_a_text(type_: str, name: str, stream: str, toxicity: float) -> None:
    made = make_toxic(type_, {}, name=name, stream=stream, toxicity=toxicity)
    assert parse_toxics(format_toxic(made)) == [made]


def test_the_text_is_short() -> None:
    assert format_toxic(make_toxic('latency', {'latency': 200})) == 'latency(latency=200)@downstream'


def test_lists() -> None:
    given: list[Any] = [
        'latency(latency=200, jitter=50), noop',
        {'type': 'latency', 'name': 'a', 'stream': 'UPSTREAM', 'toxicity': 0.5, 'latency': 200, 'jitter': 50},
        {'type': 'latency', 'name': 'b', 'attributes': {'latency': 200}, 'jitter': 50},
    ]
    assert read_toxics(given) == (
        rule('latency', 'latency_downstream', SLOW),
        rule('noop', 'noop_downstream', {}),
        rule('latency', 'a', SLOW, 'UPSTREAM', 0.5),
        rule('latency', 'b', SLOW),
    )
    assert read_toxics([]) == ()


@pytest.mark.parametrize(
    ('given', 'said'),
    [
        ('', "'' has no name: expected name(option=value)"),
        ('latency(', "expected option=value in '('"),
        ('latency(latency=1', "no closing parenthesis or quote in '(latency=1'"),
        ('latency(latency=1,latency=2)', "'latency' is given twice in '(latency=1,latency=2)'"),
        ('noop@', "unexpected '@' in 'noop@': expected @upstream, @downstream or @both"),
        ('noop noop', "unexpected 'noop' in 'noop noop': expected @upstream, @downstream or @both"),
        ('noop@sideways', "stream: expected upstream, downstream or both, got 'sideways'"),
        ('latncy', "unknown toxic 'latncy', did you mean 'latency'?"),
        ('latency(ltency=1)', "ltency: latency has no such option, did you mean 'latency'?"),
        ('latency(latency=1.5)', "latency: expected a duration such as 200ms or 2s, got '1.5'"),
        ('noop(toxicity=nan)', "toxicity: expected a finite number, got 'nan'"),
        ('noop,noop', "there are two toxics named 'noop_downstream': give one of them another name"),
        (7, 'expected array, got 7'),
        ([7], 'toxics[0]: expected object, got 7'),
        (['noop', {'type': 7}], 'toxics[1]: expected str, got 7'),
        ([{'type': 'noop', 'toxicity': '1'}], "toxics[0].toxicity: expected float, got '1'"),
        ([{'type': 'latency', 'latency': '1'}], "toxics[0].latency: expected a duration such as 200ms or 2s, got '1'"),
        ([{'type': 'latency', 'attributes': 1}], 'toxics[0]: expected object, got 1'),
        ([{'type': 'noop', 'stream': ''}], "toxics[0].stream: expected upstream, downstream or both, got ''"),
        (['noop', {'type': 'noop'}], "there are two toxics named 'noop_downstream': give one of them another name"),
    ],
)
def test_mistakes(given: Any, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_toxics(given)
    assert str(caught.value) == said


def test_kinds_of_mistakes() -> None:
    with pytest.raises(PluginError):
        make_toxic('latncy', {})
    with pytest.raises(OptionError):
        make_toxic('latency', {}, stream='sideways')
