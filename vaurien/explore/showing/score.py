"""How many faults were survived, of those that were tried, of those that were possible."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec

from vaurien.explore.model import Cell, Explored, Outcome


class Score(msgspec.Struct, frozen=True):
    """Numbers of faults. One that did not meet its request was possible, and has not been tried."""

    survived: int
    tried: int
    possible: int

    @classmethod
    def count(cls, explored: Iterable[Explored]) -> Score:
        """Return the score of some tests together."""
        survived = tried = possible = 0
        for test in explored:
            met = [cell for cell in test.cells if was_tried(cell)]
            survived += sum(not cell.worst.is_finding for cell in met)
            tried += len(met)
            possible += len(test.cells) + len(test.untried)
        return cls(survived, tried, possible)

    def __str__(self) -> str:
        return f'survived {self.survived} of {self.tried} faults, tried {self.tried} of {self.possible}'


def was_tried(cell: Cell) -> bool:
    """Return whether its faults have met their requests."""
    return cell.worst is not Outcome.NOT_HIT


def count_untried(explored: Iterable[Explored]) -> Counter[str]:
    """Return the reasons for which faults were not tried, with how many there are of each."""
    reasons: Counter[str] = Counter()
    for test in explored:
        reasons.update(untried.reason for untried in test.untried)
        reasons.update('the request did not come again' for cell in test.cells if not was_tried(cell))
    return reasons
