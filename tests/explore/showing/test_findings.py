"""Which cells belong together, and what is said of them."""

from __future__ import annotations

import pytest

from tests.explore.showing.sample import PLACE, POINTS, make_cell
from vaurien.explore.model import Cell, Explored, Outcome, Point
from vaurien.explore.showing.baseline import NOTHING
from vaurien.explore.showing.findings import Finding, find_findings
from vaurien.explore.showing.terminal import show
from vaurien.explore.showing.words import describe_faults, list_others, summarize
from vaurien.framing.meaning import Effect
from vaurien.framing.trials import Kind

CONNECT, CART, BEGIN, INSERT, CHARGE, COMMIT, FORGET = POINTS


def find(*cells: Cell) -> list[Finding]:
    """Return the findings of one test."""
    return find_findings([Explored(test=PLACE, cells=list(cells))], NOTHING)


def wrong(point: Point, message: str, kind: Kind = Kind.LOST, test: str = PLACE) -> Cell:
    """Return a cell of a test that has failed."""
    return make_cell(point, kind, Outcome.WRONG, message=message, test=test)


def test_a_promise_in_words_is_one_finding_wherever_it_is_broken() -> None:
    promise = 'AssertionError: a lock runs out by itself'
    found = find(wrong(CART, promise), wrong(INSERT, promise), wrong(CART, 'AssertionError: a cart is kept'))
    assert [list(map(str, finding.places)) for finding in found] == [
        ['redis: HGETALL cart:*', 'postgres: INSERT INTO orders (customer, total) VALUES ($1, $2)'],
        ['redis: HGETALL cart:*'],
    ]


@pytest.mark.parametrize(
    'message', ['500 != 201', 'False is not true', "'tea' not found in []", 'Lists differ: [] != [1]']
)
def test_an_assertion_of_unittest_has_words_behind_a_colon(message: str) -> None:
    found = find(wrong(CART, f'AssertionError: {message}'), wrong(INSERT, f'AssertionError: {message}'))
    assert [len(finding.cells) for finding in found] == [1, 1]
    promise = f'AssertionError: {message} : a cart is kept'
    [one] = find(wrong(CART, promise), wrong(INSERT, promise))
    assert len(one.places) == 2


def test_an_assertion_without_words_says_too_little_to_belong_together_with_others() -> None:
    message = 'AssertionError: assert 500 == 201'
    found = find(wrong(CART, message), wrong(INSERT, message), wrong(CART, message, Kind.HALF))
    assert [len(finding.cells) for finding in found] == [2, 1]


def test_what_one_line_asks_is_one_finding_if_the_same_becomes_of_it() -> None:
    mail, data = (
        Point(proxy='smtp', request=request, nth=1, effect=Effect.STEP, where='shop/mailing.py:19')
        for request in ('MAIL FROM:<*>', 'DATA')
    )
    [one] = find(wrong(mail, 'assert [] == [1]'), wrong(data, 'assert [] == [1]'))
    assert [place.request for place in one.places] == ['MAIL FROM:<*>', 'DATA']
    assert len(find(wrong(mail, 'assert [] == [1]'), wrong(data, 'assert 2 == 1'))) == 2
    nowhere = [Point(proxy='smtp', request=request, nth=1, effect=Effect.STEP) for request in ('MAIL FROM:<*>', 'DATA')]
    assert len(find(*(wrong(point, 'assert [] == [1]') for point in nowhere))) == 2


def test_a_cause_comes_before_what_followed_from_it() -> None:
    [one] = find(
        make_cell(CHARGE, Kind.LOST, Outcome.WRONG, Outcome.TWICE),
        make_cell(CHARGE, Kind.HALF, Outcome.TWICE),
    )
    assert (one.cause, one.worst, one.outcomes) == (Outcome.TWICE, Outcome.WRONG, [Outcome.WRONG, Outcome.TWICE])


def test_the_worst_comes_first_and_tests_are_counted_once() -> None:
    found = find_findings(
        [
            Explored(test='a', cells=[make_cell(CART, Kind.NO, Outcome.LEAKED), wrong(COMMIT, 'm', test='a')]),
            Explored(test='b', cells=[wrong(COMMIT, 'm', test='b'), wrong(COMMIT, 'm', Kind.HALF, test='b')]),
        ],
        NOTHING,
    )
    assert [(finding.worst, finding.tests) for finding in found] == [
        (Outcome.WRONG, ['a', 'b']),
        (Outcome.LEAKED, [PLACE]),
    ]


def test_faults_are_said_in_words_or_by_their_names_if_there_are_many() -> None:
    def describe(*cells: Cell) -> str:
        [one] = find(*cells)
        return describe_faults(one)

    lost, half = (make_cell(CHARGE, kind, Outcome.WRONG, detail='9 bytes') for kind in (Kind.LOST, Kind.HALF))
    no = [make_cell(CHARGE, Kind.NO, Outcome.WRONG, detail=detail) for detail in ('503', '500')]
    assert describe(lost) == 'if it is carried out and its reply is lost'
    assert describe(half, *no) == 'if the reply breaks off, or the backend says no (503 and 500)'
    assert describe(*no, half, lost) == 'under lost, half and no (503 and 500)'
    ever = make_cell(CHARGE, Kind.SILENT, Outcome.STORM, for_ever=True)
    assert describe(ever) == 'if there is no reply, each time'


def test_a_finding_can_be_said_in_one_text() -> None:
    [one] = find(make_cell(CART, Kind.LOST, Outcome.LEAK, message='redis: a connection.'))
    assert summarize(one) == (
        'if it is carried out and its reply is lost: redis: a connection. '
        'Roll back and close on the way out of an error, too: with a context manager, or in a finally.'
    )
    [bare] = find(wrong(CART, ''))
    assert summarize(bare).endswith('its reply is lost: the test fails: something false was kept, or said.')
    [many] = find(wrong(CART, 'one'), wrong(CART, 'two', Kind.HALF))
    assert ': one (and 1 other message).' in summarize(many)


def test_other_requests_are_named_up_to_a_few_with_their_lines_where_they_differ() -> None:
    promise = 'AssertionError: a lock runs out by itself'
    [one] = find(*(wrong(point, promise) for point in POINTS[1:]))
    assert list_others(one) == [
        ('postgres: BEGIN', 'shop/orders.py:40'),
        ('postgres: INSERT INTO orders (customer, total) VALUES ($1, $2)', 'shop/orders.py:41'),
        ('payments: POST /charge', 'shop/payments.py:31'),
        ('2 more requests', ''),
    ]
    same = [Point(proxy='smtp', request=name, nth=1, effect=Effect.STEP, where='mail.py:19') for name in ('A', 'B')]
    [one] = find(*(wrong(point, 'm') for point in same))
    assert list_others(one) == [('smtp: B', '')]
    text = show([Explored(test=PLACE, points=same, cells=[wrong(point, 'm') for point in same])], 80, False)
    assert ' 1  wrong  smtp: A  mail.py:19\n    and smtp: B\n    if it is carried out' in text
