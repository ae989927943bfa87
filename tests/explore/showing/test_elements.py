"""What every page shows: the outcomes that there were, and what is said of a finding."""

from __future__ import annotations

from tests.explore.showing.sample import POINTS, make_cell, make_explored
from vaurien.explore.model import Explored, Outcome
from vaurien.explore.showing.baseline import NOTHING
from vaurien.explore.showing.elements import make_elements, make_finding
from vaurien.explore.showing.findings import find_findings
from vaurien.framing.trials import Kind


def test_outcomes_are_counted_worst_first() -> None:
    elements = make_elements(make_explored())
    assert [(one['name'], one['letter'], one['count'], one['isFinding']) for one in elements['outcomes']] == [
        ('wrong', 'W', 2, True),
        ('twice', 'T', 1, True),
        ('hung', 'H', 1, True),
        ('leak', 'K', 1, True),
        ('storm', 'S', 1, True),
        ('leaked', 'L', 1, True),
        ('declared', 'd', 7, False),
        ('retried', 'r', 5, False),
        ('absorbed', '.', 4, False),
        ('not hit', '-', 1, False),
    ]
    assert elements['tests'] == '4 tests'
    assert [kind['name'] for kind in elements['kinds']] == [kind.value for kind in Kind]


def test_a_finding_is_said_once() -> None:
    cell = make_cell(POINTS[4], Kind.LOST, Outcome.TWICE, message='it came twice')
    [finding] = find_findings([Explored(test='test_one', cells=[cell])], NOTHING)
    assert make_finding(finding) == {
        'outcomes': ['twice'],
        'place': 'payments: POST /charge',
        'where': 'shop/payments.py:31',
        'others': [],
        'faults': 'if it is carried out and its reply is lost',
        'messages': ['it came twice'],
        'remedy': 'Make the write repeatable, for example by an idempotency key, or do not try it again.',
        'reason': '',
    }
