"""A hit that runs a unittest method: every way in which it can end, with all that unittest does around it."""

from __future__ import annotations

import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from gevent import GreenletExit
from locust.exception import StopUser

from tests.loads.recording import Recording
from vaurien.loads import TestCase
from vaurien.loads.discovery import FoundTest
from vaurien.loads.stats import TestStats
from vaurien.loads.users.case_hits import CaseHits, SkippedHits

#: What the cases note.
notes: list[str] = []


class Outcomes(unittest.TestCase):
    """Each way to end."""

    __test__ = False

    def setUp(self) -> None:
        notes.append('setUp')
        self.addCleanup(notes.append, 'cleanup')

    def tearDown(self) -> None:
        notes.append('tearDown')

    def test_success(self) -> None:
        notes.append('test')

    def test_failure(self) -> None:
        self.fail('on purpose')

    def test_error(self) -> None:
        raise RuntimeError('out of order')

    def test_exit(self) -> None:
        raise SystemExit(3)

    def test_skip(self) -> None:
        self.skipTest('not today')

    @unittest.skip('not today')
    def test_skipped(self) -> None:
        notes.append('never')

    @unittest.expectedFailure
    def test_expected_failure(self) -> None:
        self.fail('as it should')

    @unittest.expectedFailure
    def test_unexpected_success(self) -> None:
        notes.append('test')

    def test_failure_and_error(self) -> None:
        self.addCleanup(self.test_error)
        self.fail('on purpose')

    def test_parts(self) -> None:
        for part in range(4):
            with self.subTest(part=part):
                assert part not in (1, 3), part

    def test_error_in_a_part(self) -> None:
        with self.subTest():
            raise RuntimeError('out of order')

    def test_skipped_part(self) -> None:
        with self.subTest():
            self.skipTest('this one')

    def test_killed(self) -> None:
        raise GreenletExit

    def test_stopped(self) -> None:
        raise StopUser


class Broken(unittest.TestCase):
    """Cannot be made."""

    __test__ = False

    def __init__(self, name: str) -> None:
        raise ValueError(f'no {name}')


class Stateful(TestCase):
    """Keeps what it has from hit to hit, as each user has one."""

    __test__ = False
    hits = 0

    def test_it(self) -> None:
        self.hits += 1
        notes.append(f'hit {self.hits}')
        self.incr_counter('hits', self.hits)
        notes.append(str(id(self.session)))


#: Problems, by their first line.
FAILED = {'AssertionError: on purpose': 'failure'}
BROKEN = {'RuntimeError: out of order': 'error'}


@pytest.fixture(autouse=True)
def _clean() -> None:
    notes.clear()


@contextmanager
def making(case: type[unittest.TestCase], method: str) -> Iterator[tuple[CaseHits, TestStats, Recording]]:
    """The hits of one user."""
    stats, recording = TestStats(), Recording()
    hits = CaseHits(FoundTest(case, method), recording, stats)
    yield hits, stats, recording
    hits.close()


@pytest.mark.parametrize(
    ('method', 'outcome', 'problems'),
    [
        ('success', 'success', {}),
        ('failure', 'failure', FAILED),
        ('error', 'error', BROKEN),
        ('exit', 'error', {'SystemExit: 3': 'error'}),
        ('skip', 'skipped', {}),
        ('expected_failure', 'success', {}),
        (
            'failure_and_error',
            'error',
            {'AssertionError: on purpose': 'failure', 'RuntimeError: out of order': 'error'},
        ),
        ('parts', 'failure', {'AssertionError: 1': 'failure', 'AssertionError: 3': 'failure'}),
        ('error_in_a_part', 'error', BROKEN),
        ('skipped_part', 'success', {}),
    ],
)
def test_outcomes(method: str, outcome: str, problems: dict[str, str]) -> None:
    with making(Outcomes, f'test_{method}') as (hits, stats, _):
        assert [hits.run(number) for number in range(2)] == [outcome, outcome]
        found = {problem.message.partition('\n')[0]: problem.kind for problem in stats.problems.values()}
        assert found == problems
        assert all(problem.count == 2 for problem in stats.problems.values())
    assert [word for word in notes if word != 'test'] == 2 * ['setUp', 'tearDown', 'cleanup']


def test_skipped_before_its_set_up() -> None:
    with making(Outcomes, 'test_skipped') as (hits, _, _):
        assert hits.run(0) == 'skipped'
    assert notes == []


def test_unexpected_success() -> None:
    with making(Outcomes, 'test_unexpected_success') as (hits, stats, _):
        assert hits.run(0) == 'failure'
        (problem,) = stats.problems.values()
        assert problem.message.endswith('Outcomes.test_unexpected_success succeeds, unexpectedly')


@pytest.mark.parametrize(('method', 'end'), [('killed', GreenletExit), ('stopped', StopUser)])
def test_what_ends_a_user_is_no_error_of_the_test(method: str, end: type[BaseException]) -> None:
    with making(Outcomes, f'test_{method}') as (hits, stats, _):
        with pytest.raises(end):
            hits.run(0)
        assert stats.problems == {}
    assert notes == ['setUp', 'tearDown', 'cleanup']


def test_a_case_that_cannot_be_made() -> None:
    with making(Broken, 'test_it') as (hits, stats, _):
        assert [hits.run(0), hits.run(1)] == ['error', 'error']
        (problem,) = stats.problems.values()
        assert (problem.message, problem.count) == ('ValueError: no test_it', 2)


def test_one_instance_for_all_hits() -> None:
    with making(Stateful, 'test_it') as (hits, _, recording):
        assert [hits.run(number) for number in range(3)] == 3 * ['success']
        assert recording.counters == [('hits', 1), ('hits', 2), ('hits', 3)]
    assert notes[::2] == ['hit 1', 'hit 2', 'hit 3']
    assert len(set(notes[1::2])) == 1  # the same session


def test_clients_are_closed_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[Any] = []
    monkeypatch.setattr(TestCase, 'close_clients', lambda case: closed.append(case))
    with making(Stateful, 'test_it') as (hits, _, _):
        hits.run(0)
        hits.run(1)
        assert closed == []
    assert len(closed) == 1


def test_a_class_that_skips_all_its_tests() -> None:
    hits = SkippedHits()
    assert hits.run(0) == 'skipped'
    hits.close()
