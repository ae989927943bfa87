"""Patterns that are tried before a rule with them is armed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.control.api import Api
from vaurien.control.matching import MAX_REQUESTS
from vaurien.framing.head import TEXT_MAX

REQUESTS = ['GET /orders/7', 'POST /orders', 'get /orders']


@pytest.mark.parametrize(
    ('pattern', 'matches'),
    [
        ('GET /orders*', [True, False, True]),
        ('/^(GET|POST) .*s$/', [False, True, False]),
        ('nothing', [False, False, False]),
    ],
)
def test_it_says_what_a_rule_with_that_pattern_would_match(api: Api, pattern: str, matches: list[bool]) -> None:
    response = api('POST', '/match', json={'match': pattern, 'requests': REQUESTS})
    assert (response.status_code, response.json()) == (200, {'matches': matches})


@pytest.mark.parametrize(
    ('body', 'name', 'description'),
    [
        ({'requests': []}, 'match', 'missing'),
        ({'match': 'GET *'}, 'requests', 'missing'),
        ({'match': '', 'requests': []}, 'match', 'expected a pattern such as GET /orders*'),
        ({'match': '/(/', 'requests': []}, 'match', 'missing )'),
        ({'match': 'GET *', 'requests': [1]}, 'requests', 'expected str'),
        ({'match': 'GET *', 'requests': [''] * (MAX_REQUESTS + 1)}, 'requests', f'length <= {MAX_REQUESTS}'),
        ({'match': 'GET *', 'requests': ['x' * (TEXT_MAX + 1)]}, 'requests', f'length <= {TEXT_MAX}'),
        ({'match': 'GET *', 'requests': [], 'request': 'x'}, 'request', "did you mean 'requests'?"),
    ],
)
def test_the_field_that_is_wrong_is_named(api: Api, body: Any, name: str, description: str) -> None:
    error = api.refused('POST', '/match', 400, json=body)
    assert (error['location'], error['name']) == ('body', name)
    assert description in error['description']


def test_as_many_requests_as_are_told_of_fit_into_a_body(api: Api) -> None:
    longest = ['é' * TEXT_MAX] * MAX_REQUESTS
    assert api('POST', '/match', json={'match': 'é*', 'requests': longest}).json() == {'matches': [True] * MAX_REQUESTS}
    assert api('POST', '/match', json={'match': 'é*', 'requests': ['é' * 2000] * MAX_REQUESTS}).status_code == 413
