"""The page for a team, in a real browser."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import msgspec
import pytest

from tests.browser import Browser
from tests.explore.showing.sample import PLACE, POINTS, make_cell, make_explored
from vaurien.explore.model import Explored, Outcome
from vaurien.explore.showing.baseline import NOTHING, Accepted, Baseline
from vaurien.explore.showing.resilience import DRAWN, make_resilience_page
from vaurien.framing.trials import Kind

WHEN = datetime(2026, 11, 28, tzinfo=timezone.utc)
#: How far the page is wider than the window.
OVERFLOW = 'return document.scrollingElement.scrollWidth - innerWidth'


@pytest.fixture
def explored() -> list[Explored]:
    """What was found out, with the times of clean runs."""
    found = make_explored()
    found[0].times = (0.05, 0.06, 0.07)
    return found


def write(directory: Path, explored: list[Explored], baseline: Baseline = NOTHING) -> Path:
    """Write a page, and return where it is."""
    path = directory / 'resilience.html'
    path.write_text(make_resilience_page(explored, baseline, 'Shop <4.2>', WHEN))
    return path


def test_what_to_mend_comes_first(browser: Browser, tmp_path: Path, explored: list[Explored]) -> None:
    browser.show(write(tmp_path, explored))
    assert browser.texts('h1') == ['Shop <4.2>']
    assert browser.texts('.verdict') == ['6 findings to mend. Survived 16 of 23 faults, tried 23 of 31.']
    assert browser.texts('header .dim') == ['4 tests, explored on 28 November 2026.']
    assert browser.texts('.mend .place')[:2] == ['postgres: COMMIT', 'payments: POST /charge']
    assert (
        browser.texts('.mend .replay')[0]
        == "pytest tests/test_orders.py::test_place --vaurien-fault 'postgres: COMMIT #1 lost'"
    )
    assert browser.messages() == []
    assert len(browser.requests()) == 1


def test_other_requests_of_a_finding_stand_below_it(browser: Browser, tmp_path: Path) -> None:
    cells = [
        make_cell(point, Kind.LOST, Outcome.WRONG, message='AssertionError: a lock runs out by itself')
        for point in POINTS[4:6]
    ]
    browser.show(write(tmp_path, [Explored(test=PLACE, cells=cells)]))
    assert browser.texts('.mend .code:not(.replay)') == [
        'payments: POST /charge',
        'shop/payments.py:31',
        'and postgres: COMMIT shop/orders.py:44',
    ]


def test_each_dependency_has_its_score_for_each_fault(
    browser: Browser, tmp_path: Path, explored: list[Explored]
) -> None:
    browser.show(write(tmp_path, explored))
    assert browser.texts('.dependencies thead th')[:3] == ['dependency', 'refused', 'lost']
    assert browser.texts('.dependencies tbody th') == ['redis', 'postgres', 'payments http']
    assert browser.texts('.dependencies tbody tr:nth-child(3) td')[1] == '2/3\n4 not tried'


def test_times_under_a_fault_are_beside_those_of_clean_runs(
    browser: Browser, tmp_path: Path, explored: list[Explored]
) -> None:
    first = explored[0].cells[0]
    explored[0].cells[0] = msgspec.structs.replace(first, times=[0.2, *(3.0 for _ in range(10 * DRAWN))])
    browser.show(write(tmp_path, explored))
    numbers = browser.texts('.times:nth-of-type(2) .number')
    assert numbers[0] == 'median 60 ms, most 70 ms'
    assert 'median 3.00 s, most 3.00 s' in numbers
    assert len(browser.find('.times:nth-of-type(2) .is-clean .dot')) == 3
    assert len(browser.find(f'.times:nth-of-type(2) .{first.worst.value}')) <= DRAWN + 3
    places = [dot.rect['x'] for dot in browser.find('.times:nth-of-type(2) .is-clean .dot')]
    slowest = max(dot.rect['x'] for dot in browser.find(f'.times:nth-of-type(2) .dot.{first.worst.value}'))
    assert places == sorted(places, reverse=True)
    assert slowest > places[0]


def test_what_is_accepted_comes_last(browser: Browser, tmp_path: Path, explored: list[Explored]) -> None:
    accepted = Accepted(
        faults=('payments: POST /charge #1 lost',), outcomes=frozenset({Outcome.TWICE}), reason='The provider knows.'
    )
    browser.show(write(tmp_path, explored, Baseline([accepted])))
    assert browser.texts('section > h2')[-1] == 'Accepted'
    assert browser.texts('.accepted') == ['Accepted: The provider knows.']


@pytest.mark.parametrize(('width', 'is_dark'), [(1280, False), (390, True)])
def test_all_can_be_read_on_any_screen_in_any_light(
    browser: Browser, tmp_path: Path, explored: list[Explored], width: int, is_dark: bool
) -> None:
    browser.show(write(tmp_path, explored), width=width, height=844, is_dark=is_dark)
    assert browser.find_pale() == []
    assert browser.run(OVERFLOW) <= 0


def test_nothing_was_explored(browser: Browser, tmp_path: Path) -> None:
    browser.show(write(tmp_path, []))
    assert browser.texts('.verdict') == [
        'Nothing to mend, as far as it was tried. Survived 0 of 0 faults, tried 0 of 0.'
    ]
    assert browser.messages() == []
