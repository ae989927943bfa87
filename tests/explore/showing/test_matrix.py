"""The matrix of a test: which request has a row, and what its squares say."""

from __future__ import annotations

from tests.explore.showing.sample import POINTS, PROXIES, inject, make_cell, make_explored
from vaurien.explore.model import Explored, Injection, Outcome, Point, Untried
from vaurien.explore.showing.matrix import KINDS, Row, make_rows
from vaurien.framing.meaning import Effect
from vaurien.framing.trials import Kind

CART, BEGIN = POINTS[1:3]
LOOP = [Point(proxy='redis', request='GET *', nth=nth, effect=Effect.READ, where='a.py:1') for nth in range(1, 6)]


def letters(row: Row) -> str:
    return ''.join(square.letter or ' ' for square in row.squares)


def square_of(explored: Explored, kind: Kind) -> list[str]:
    """Return why faults of a kind were not tried in the first row."""
    return list(make_rows(explored)[0].squares[KINDS.index(kind)].untried)


def test_requests_are_in_their_order_and_a_square_has_the_worst_of_its_cells() -> None:
    rows = make_rows(make_explored()[0])
    assert [(row.proxy, row.request) for row in rows] == [(point.proxy, point.request) for point in POINTS]
    assert letters(rows[4]) == 'STddWL'  # refused once is retried, and for ever is a storm


def test_what_shows_only_under_a_fault_comes_last() -> None:
    retry = Injection(proxy='redis', request=CART.request, nth=2, kind=Kind.REFUSED)
    untried = Untried(injection=inject(LOOP[2], Kind.LOST), reason='out of budget')
    cell = make_cell(CART, Kind.REFUSED, Outcome.RETRIED)
    explored = Explored(test='test_one', proxies=PROXIES, points=[CART, BEGIN], cells=[cell], untried=[untried])
    explored.cells.append(
        type(cell)(**{**{f: getattr(cell, f) for f in cell.__struct_fields__}, 'injections': (retry,)})
    )
    assert [(row.request, row.number) for row in make_rows(explored)] == [
        (CART.request, ''),
        ('BEGIN', ''),
        (CART.request, '#2'),
        ('GET *', '#3'),
    ]
    assert make_rows(explored)[2].where == CART.where


def test_neighbours_that_ask_the_same_are_one_row_where_nothing_was_tried() -> None:
    explored = Explored(
        test='test_one',
        points=LOOP,
        cells=[make_cell(LOOP[i], Kind.LOST, Outcome.ABSORBED) for i in (0, 4)],
        untried=[Untried(injection=inject(point, Kind.LOST), reason='in a loop') for point in LOOP[1:4]],
    )
    rows = make_rows(explored)
    assert [(row.number, letters(row)) for row in rows] == [('', ' .    '), ('#2-4', ' ?    '), ('#5', ' .    ')]
    assert len(rows[1].squares[1].untried) == 3


def test_neighbours_of_different_lines_are_rows_of_their_own() -> None:
    other = Point(proxy='redis', request='GET *', nth=2, effect=Effect.READ, where='b.py:1')
    assert len(make_rows(Explored(test='test_one', points=[LOOP[0], other]))) == 2


def test_a_square_says_why_its_faults_were_not_tried() -> None:
    untried = [Untried(injection=inject(CART, Kind.SILENT), reason='out of budget')]
    explored = Explored(test='test_one', points=[CART], untried=untried)
    assert square_of(explored, Kind.SILENT) == ['redis: HGETALL cart:* #1 silent: out of budget']
    assert square_of(explored, Kind.LOST) == []
    assert letters(make_rows(explored)[0]) == '  ?   '
