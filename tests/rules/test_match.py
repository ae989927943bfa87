"""Patterns for the texts of requests, and ordinals."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from vaurien.rules.match import Ordinals, Pattern


@pytest.mark.parametrize(
    ('pattern', 'request_', 'matches'),
    [
        ('POST /orders*', 'POST /orders', True),
        ('POST /orders*', 'POST /orders/7?x=1', True),
        ('POST /orders*', 'GET /orders', False),
        ('post /Orders', 'POST /oRDERS', True),
        ('GET /', 'GET /a', False),
        ('*', '', True),
        ('SET user:?', 'SET user:1', True),
        ('SET user:?', 'SET user:12', False),
        ('GET /[ab]', 'GET /B', True),
        ('a.c', 'abc', False),
        ('/^GET/', 'GET /', True),
        ('/^GET/', 'get /', False),
        ('/(?i)^GET/', 'get /', True),
        (r'/\bDROP\b/', 'SELECT 1; DROP TABLE t', True),
        ('/', '/', True),
        ('*\\x00*', r'SET \x00', True),
    ],
)
def test_patterns(pattern: str, request_: str, matches: bool) -> None:
    assert Pattern.parse(pattern).matches(request_) is matches


@given(st.text(min_size=1), st.text())
def test_any_shell_pattern_is_taken(pattern: str, request_: str) -> None:
    try:
        parsed = Pattern.parse(pattern)
    except ValueError:
        assert pattern.startswith('/')
    else:
        assert parsed.matches(request_) in (True, False)
        assert str(parsed) == pattern


@pytest.mark.parametrize('value', ['', None, 3, ['a'], 'a' * 1001, f'/{"a" * 999}/'])
def test_no_patterns(value: object) -> None:
    with pytest.raises(ValueError, match=r'^expected a pattern'):
        Pattern.parse(value)


def test_stars_take_linear_time() -> None:
    pattern = Pattern.parse('*a' * 99 + '*b?')
    assert not pattern.matches('a' * 200)


@pytest.mark.parametrize(
    ('text', 'among'),
    [
        ('3', {3}),
        (3, {3}),
        ('1-2', {1, 2}),
        (' 2 - 4 ', {2, 3, 4}),
        ('18+', {18, 19, 20}),
        ('every 10', {10, 20}),
        ('every 1', set(range(1, 21))),
    ],
)
def test_ordinals(text: object, among: set[int]) -> None:
    assert {number for number in range(21) if number in Ordinals.parse(text)} == among


@pytest.mark.parametrize(
    'value', ['', '0', '-1', '0-2', '2-1', 'every', 'every 0', 'every 2+', '1.5', 'x', True, None, 2.0]
)
def test_no_ordinals(value: object) -> None:
    with pytest.raises(ValueError, match=r'^expected 3, 1-2, 5'):
        Ordinals.parse(value)


def test_without_end() -> None:
    assert 10**15 in Ordinals.parse('1+')
    assert 10**30 in Ordinals.parse('1-1' + '0' * 40)


def test_equality() -> None:
    assert Pattern.parse('a') == Pattern.parse('a') != Pattern.parse('b')
    assert Pattern.parse('3') != Ordinals.parse('3')
    assert len({Pattern.parse('a'), Pattern.parse('a')}) == 1
