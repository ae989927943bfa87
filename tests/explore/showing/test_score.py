"""How many faults were survived, tried and possible, and why some were not tried."""

from __future__ import annotations

from tests.explore.showing.sample import POINTS, inject, make_cell
from vaurien.explore.model import Explored, Outcome, Untried
from vaurien.explore.showing.score import Score, count_untried, was_tried
from vaurien.framing.trials import Kind

CHARGE = POINTS[4]
SURVIVED = make_cell(CHARGE, Kind.LOST, Outcome.DECLARED, Outcome.RETRIED)
FINDING = make_cell(CHARGE, Kind.HALF, Outcome.RETRIED, Outcome.TWICE)
NOT_HIT = make_cell(CHARGE, Kind.NO, Outcome.NOT_HIT)
LEFT = Untried(injection=inject(CHARGE, Kind.SILENT), reason='out of budget')


def test_what_met_no_request_was_possible_and_not_tried() -> None:
    one = Explored(test='test_one', cells=[SURVIVED, SURVIVED, FINDING, NOT_HIT], untried=[LEFT])
    assert Score.count([one]) == Score(survived=2, tried=3, possible=5)
    assert Score.count([one, one]) == Score(survived=4, tried=6, possible=10)
    assert str(Score.count([one])) == 'survived 2 of 3 faults, tried 3 of 5'
    assert [was_tried(cell) for cell in one.cells] == [True, True, True, False]


def test_each_that_was_not_tried_has_its_reason() -> None:
    explored = Explored(test='test_one', cells=[SURVIVED, FINDING, NOT_HIT], untried=[LEFT, LEFT])
    assert count_untried([explored, explored]) == {'out of budget': 4, 'the request did not come again': 2}
