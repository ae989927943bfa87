"""The grammar of what arms behaviors: what it reads, what it writes, what it says of mistakes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from vaurien.errors import ConfigError
from vaurien.rules.grammar import Term, format_spec, parse_spec

NAMES = st.from_regex('[A-Za-z0-9][A-Za-z0-9_-]*', fullmatch=True)
ITEMS = st.builds(
    Term,
    NAMES,
    st.floats(0, 100).map(lambda percent: round(percent, 6)),
    st.dictionaries(NAMES, st.text(), max_size=3),
)


@pytest.mark.parametrize(
    ('spec', 'items'),
    [
        ('error', [('error', 100, {})]),
        (' 0.5 : error , 10:delay ', [('error', 0.5, {}), ('delay', 10, {})]),
        ('error(nth=1-2)', [('error', 100, {'nth': '1-2'})]),
        ('5:error( nth = 1-2 , times=3 ) , delay', [('error', 5, {'nth': '1-2', 'times': '3'}), ('delay', 100, {})]),
        ("error(match='SET *, (a:b)', nth=every 10)", [('error', 100, {'match': 'SET *, (a:b)', 'nth': 'every 10'})]),
        ('error(match="it\'s")', [('error', 100, {'match': "it's"})]),
        (r"error(match='a\'b\\c\n')", [('error', 100, {'match': "a'b\\c\n"})]),
        ('error(match=/^GET/)', [('error', 100, {'match': '/^GET/'})]),
        ('error(match=)', [('error', 100, {'match': ''})]),
    ],
)
def test_reads(spec: str, items: list[tuple[str, float, dict[str, str]]]) -> None:
    assert parse_spec(spec) == [Term(*item) for item in items]


@given(st.lists(ITEMS, min_size=1))
def test_reads_what_it_writes(items: list[Term]) -> None:
    assert parse_spec(format_spec(items)) == items


@pytest.mark.parametrize(
    ('value', 'written'), [(True, 'true'), (0.5, '0.5'), (3, '3'), (None, 'null'), ("a'b", r"'a\'b'")]
)
def test_values_that_are_no_texts(value: Any, written: str) -> None:
    assert format_spec([Term('error', 100, {'x': value})]) == f'error(x={written})'


@given(st.text(alphabet='abc:,()=\'"\\ \n12'))
def test_any_text_is_read_or_refused(spec: str) -> None:
    try:
        items = parse_spec(spec)
    except ConfigError:
        return
    assert parse_spec(format_spec(items)) == items


@pytest.mark.parametrize(
    ('spec', 'said'),
    [
        ('error(', "expected option=value in '('"),
        ('error()', "expected option=value in '()'"),
        ('error(nth)', "expected option=value in '(nth)'"),
        ('error(nth=1', "no closing parenthesis or quote in '(nth=1'"),
        ("error(match='a)", 'no closing parenthesis or quote in'),
        ('error(match=/(/)', 'no closing parenthesis or quote in'),
        ('error(nth=1,nth=2)', "'nth' is given twice in '(nth=1,nth=2)'"),
        ('error(nth=1)delay', "unexpected 'delay' after 'error(nth=1)'"),
        ('error)', "unexpected ')' after 'error'"),
        ('(nth=1)', "'' names no behavior"),
        ('1:2:error', "unexpected ':error' after '1:2'"),
    ],
)
def test_mistakes(spec: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_spec(spec)
    assert said in str(caught.value)
