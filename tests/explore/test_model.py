"""Faults as texts, and how bad outcomes are."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, strategies as st

from vaurien.errors import ConfigError
from vaurien.explore.model import LETTERS, Explored, Injection, Outcome, ReplayCommand
from vaurien.framing.trials import Kind

REQUESTS = st.from_regex(r'[!-~]([ -~]{0,40}[!-~])?', fullmatch=True)


@given(REQUESTS, st.integers(1, 10**6), st.booleans(), st.sampled_from(Kind), st.sampled_from(['', '503', '1.2s']))
def test_a_fault_is_read_as_it_was_written(request: str, nth: int, for_ever: bool, kind: Kind, detail: str) -> None:
    injection = Injection(proxy='http', request=request, nth=nth, kind=kind, detail=detail, for_ever=for_ever)
    assert Injection.parse(str(injection)) == injection


def test_the_text_of_a_fault_is_the_one_that_the_docs_show() -> None:
    injection = Injection(proxy='http', request='POST /charge', nth=1, kind=Kind.LOST)
    assert str(injection) == 'http: POST /charge #1 lost'


@pytest.mark.parametrize('text', ['', 'http', 'http: POST /charge lost', 'http: POST /charge #0 lost', 'http: a #1 x'])
def test_what_is_no_fault_is_refused_by_its_text(text: str) -> None:
    with pytest.raises(ConfigError, match='is no fault such as') as caught:
        Injection.parse(text)
    assert repr(text) in str(caught.value)


def test_each_outcome_has_a_letter_of_its_own() -> None:
    assert len(set(LETTERS.values())) == len(Outcome) == len(LETTERS)
    assert [outcome for outcome in Outcome if outcome.is_finding] == list(Outcome)[:6]


def test_the_line_that_tries_a_cell_again_is_one_for_a_shell() -> None:
    injection = Injection(proxy='http', request='POST /charge', nth=1, kind=Kind.LOST)
    explored = Explored(test='tests/test_orders.py::test_place[a b]')
    assert explored.format_replay([injection]) == (
        "pytest 'tests/test_orders.py::test_place[a b]' --vaurien-fault 'http: POST /charge #1 lost'"
    )
    quoted = Injection(proxy='sql', request="SELECT '$1' \\ FROM `x`", nth=1, kind=Kind.LOST)
    line = Explored(test='test').format_replay([quoted])
    assert line == 'pytest test --vaurien-fault "sql: SELECT \'\\$1\' \\\\ FROM \\`x\\` #1 lost"'
    assert subprocess.run(['sh', '-c', f'set -- {line}; printf %s "$4"'], capture_output=True).stdout.decode() == str(
        quoted
    )
    replay = ReplayCommand(before=('vaurien', 'explore'), flag='--fault', after=('--', 'npm', 'test'))
    explored = Explored(test='npm test', replay=replay)
    assert explored.format_replay([injection] * 2) == (
        "vaurien explore --fault 'http: POST /charge #1 lost' --fault 'http: POST /charge #1 lost' -- npm test"
    )
