"""Options as data: conversion, strict and lenient, and the checks of one class."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
import pytest

from vaurien.errors import OptionError
from vaurien.plugins.options import Configurable, convert, did_you_mean

Positive = Annotated[float, msgspec.Meta(gt=0)]


class Late(Configurable):
    name = 'late'
    options = {
        'sleep': ('Seconds to wait', float, 1.0),
        'max_times': ('Times, at most', int | None, None),
        'before': ('Before the request', bool, True),
    }


@pytest.mark.parametrize(
    ('value', 'type_', 'converted'),
    [
        (2, float, 2.0),
        (2, int, 2),
        (True, bool, True),
        ('yes', str, 'yes'),
        (None, int | None, None),
        ('b', Literal['a', 'b'], 'b'),
    ],
)
def test_typed_values(value: Any, type_: Any, converted: Any) -> None:
    result = convert(value, type_)
    assert result == converted
    assert type(result) is type(converted)


@pytest.mark.parametrize(
    ('value', 'type_', 'converted'),
    [
        ('2', float, 2.0),
        ('2', int, 2),
        ('2', str, '2'),
        ('yes', bool, True),
        ('On', bool, True),
        ('1', bool, True),
        ('TRUE', bool, True),
        ('no', bool, False),
        ('off', bool, False),
        ('0', bool, False),
        ('no', str, 'no'),
        ('7', int | None, 7),
    ],
)
def test_texts_are_what_they_spell(value: str, type_: Any, converted: Any) -> None:
    result = convert(value, type_, text=True)
    assert result == converted
    assert type(result) is type(converted)


@pytest.mark.parametrize(
    ('value', 'type_', 'text', 'said'),
    [
        ('2', float, False, "expected float, got '2'"),
        (1, bool, False, 'expected bool, got 1'),
        (True, int, False, 'expected int, got True'),
        (2.5, int, False, 'expected int, got 2.5'),
        ('soon', float, True, "expected float, got 'soon'"),
        ('1.5', int, True, "expected int, got '1.5'"),
        ('x', int | None, True, "expected int, got 'x'"),
        ('maybe', bool, True, "expected bool, got 'maybe'"),
        ('nan', float, True, "expected a finite number, got 'nan'"),
        ('inf', float, True, "expected a finite number, got 'inf'"),
        ('0', Positive, True, "expected float > 0.0, got '0'"),
        ('c', Literal['a', 'b'], True, "expected one of a, b, got 'c'"),
        ([], Literal['a', 'b'], False, 'expected one of a, b, got []'),
    ],
)
def test_wrong_values(value: Any, type_: Any, text: bool, said: str) -> None:
    with pytest.raises(OptionError) as caught:
        convert(value, type_, text=text)
    assert str(caught.value) == said


def test_a_long_wrong_value_is_shortened() -> None:
    with pytest.raises(OptionError) as caught:
        convert('x' * 10_000, int, text=True)
    assert len(str(caught.value)) < 80


def test_a_wrong_number_may_be_as_long_as_it_likes() -> None:
    with pytest.raises(OptionError, match=r'got a very long number$'):
        convert(16**10_000, bool)


def test_what_is_not_given_is_the_default() -> None:
    assert Late().option('sleep') == 1.0
    assert Late(Late.resolve({'sleep': 2})).option('sleep') == 2.0
    assert Late.resolve({'before': 'no'}, text=True) == {'sleep': 1.0, 'max_times': None, 'before': False}


def test_check_gives_what_was_given_under_declared_names() -> None:
    assert Late.check({'max-times': 3}) == {'max_times': 3}
    assert Late.check({'max_times': 3}) == {'max_times': 3}
    assert Late.check({}) == {}


def test_an_unknown_option() -> None:
    with pytest.raises(OptionError) as caught:
        Late.resolve({'slep': 2})
    assert str(caught.value) == "slep: late has no such option, did you mean 'sleep'?"


def test_a_wrong_value_names_the_option() -> None:
    with pytest.raises(OptionError) as caught:
        Late.resolve({'max-times': 'often'})
    assert str(caught.value) == "max-times: expected int, got 'often'"
    assert caught.value.path == 'max-times'


def test_did_you_mean() -> None:
    assert did_you_mean('dely', ['error', 'delay']) == "did you mean 'delay'?"
    assert did_you_mean('zzz', ['error', 'delay']) == 'known: delay, error'
    assert did_you_mean('zzz', []) == 'there are none'
